use aws_sdk_ec2::types::{self as sdk, FlowLogsResourceType, LogDestinationType, ResourceType, TrafficType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Vpc, is_alive, ours, retag, tagged, tags_of, vpcs};
use crate::aws::call::answers::present;
use crate::aws::call::error::{entry, incomplete};
use crate::aws::ec2::errors::{ERRORS, failed};
use crate::aws::iam::Role;
use crate::aws::logs::LogGroup;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Class, Diff, Observed, Order, Readiness, Ref, Resource, Result, Rule};

/// The seconds of traffic that one record is about, where nothing is said
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-basics.html#flow-logs-aggregration-interval>).
const INTERVAL: i32 = 600;

/// A flow log: records of the traffic of a VPC, in a log group. AWS can change nothing of it but its tags
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-basics.html#flow-logs-limitations>).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowLog {
    /// The VPC whose traffic is logged.
    pub vpc: Ref<Vpc>,
    /// Which traffic is logged: `REJECT`, what security groups and network ACLs refuse, `ACCEPT`, or `ALL`.
    pub traffic: String,
    /// The log group that the records are written to.
    pub log_group: Ref<LogGroup>,
    /// The role with which AWS writes them: its ARN.
    pub role: Ref<Role>,
    /// The seconds of traffic that one record is about: 600 or 60. Left out: 600.
    #[serde(default = "interval")]
    pub interval: i32,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

fn interval() -> i32 {
    INTERVAL
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// `fl-0abc…`
    pub id: String,
    /// That AWS cannot deliver its records, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub noticed: Option<String>,
}

/// Returns that no records arrive, and why, when AWS says so. It serves all the same: the creation has succeeded, and a role or a
/// log group that was created a moment ago is found at the next delivery
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-troubleshooting.html>).
fn undelivered(log: &sdk::FlowLog) -> Option<String> {
    if log.deliver_logs_status() != Some("FAILED") {
        return None;
    }
    let why = log.deliver_logs_error_message().unwrap_or("no reason given");
    let help = match why {
        "Access error" => ": its role must be allowed to write to its log group, and the group must exist",
        "Rate limited" => ": CloudWatch Logs accepts no more at the moment",
        _ => "",
    };
    Some(format!("AWS cannot deliver its records, `{why}`{help}"))
}

/// Checks whether a flow log writes to a log group that only this stack's can have the name of. The destination cannot be changed.
fn writes_to_ours(cx: &Cx, log: &sdk::FlowLog) -> bool {
    let begin = format!("/stack/{}/{}/", cx.scope.stack, cx.scope.env);
    log.log_group_name().is_some_and(|name| name.starts_with(&begin))
}

async fn look(cx: &Cx, id: &str) -> Result<Option<sdk::FlowLog>> {
    let answer = cx.cloud.ec2.describe_flow_logs().flow_log_ids(id).send().await;
    Ok(answer.map_err(failed("ec2:DescribeFlowLogs"))?.flow_logs.and_then(|list| list.into_iter().next()))
}

impl Resource for FlowLog {
    const KIND: &'static str = "ec2.flow_log";
    const RULES: &'static [Rule] = &[
        Rule::immutable("vpc"),
        Rule::immutable("traffic"),
        Rule::immutable("log_group"),
        Rule::immutable("role"),
        Rule::takes("role", &[("iam.role", "arn")]),
        Rule::immutable("interval"),
        Rule::owned("tags"),
    ];
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        (![60, INTERVAL].contains(&self.interval))
            .then(|| ("interval", format!("AWS accepts 60 and 600, and not {}", self.interval)))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let pages = cx.cloud.ec2.describe_flow_logs().set_filter(Some(ours(cx))).into_paginator().items().send();
        let list = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeFlowLogs"))?;
        let vpcs = vpcs(cx).await?;
        let mut out = Vec::new();
        for log in list {
            let (tags, noticed) = (tags_of(log.tags()), undelivered(&log));
            let in_ours = vpcs.iter().any(|vpc| vpc.vpc_id.is_some() && vpc.vpc_id == log.resource_id);
            let is_marked = in_ours || writes_to_ours(cx, &log);
            let (Some(id), Some(vpc)) = (log.flow_log_id, log.resource_id) else { continue };
            out.push(Observed {
                claim: names::marked(cx.scope.claim(Self::KIND, &tags, false), |_| is_marked),
                live: Live { id, noticed },
                fields: FlowLog {
                    vpc: Ref::physical(vpc),
                    traffic: log.traffic_type.map(|t| t.as_str().to_owned()).unwrap_or_default(),
                    log_group: Ref::physical(log.log_group_name.unwrap_or_default()),
                    role: Ref::physical(log.deliver_logs_permission_arn.unwrap_or_default()).attr("arn"),
                    interval: log.max_aggregation_interval.unwrap_or(INTERVAL),
                    tags,
                },
                state: Readiness::Ready,
            });
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "ec2:CreateFlowLogs";
        let vpc = self.vpc.id()?;
        let mut what = format!("{vpc} {}", self.traffic);
        loop {
            let call = cx.cloud.ec2.create_flow_logs().resource_ids(vpc).resource_type(FlowLogsResourceType::Vpc);
            let call = call.traffic_type(TrafficType::from(self.traffic.as_str())).max_aggregation_interval(self.interval);
            let call = call.log_destination_type(LogDestinationType::CloudWatchLogs).log_group_name(self.log_group.id()?);
            let call = call.deliver_logs_permission_arn(self.role.id()?);
            let call =
                call.client_token(cx.token_for_now(&what)).tag_specifications(tagged(ResourceType::VpcFlowLog, &self.tags));
            let answer = call.send().await.map_err(failed(OP)).map_err(|e| {
                if e.class != Class::Exists {
                    return e;
                }
                let hint = format!(
                    "another flow log of {vpc} writes the same to {}: delete that one",
                    self.log_group.id().unwrap_or_default()
                );
                e.hint(hint)
            })?;
            // This call succeeds as a whole and says what failed inside.
            if let Some(wrong) = answer.unsuccessful().first().and_then(|u| u.error()) {
                return Err(entry(ERRORS, OP, wrong.code(), wrong.message()));
            }
            let id = answer.flow_log_ids().first().cloned().ok_or_else(|| incomplete(OP, "the flow log's id"))?;
            // AWS answers a known token with the flow log that it made then, even when that is deleted.
            let is_there = || async { Ok(present(look(cx, &id).await)?.is_some()) };
            if is_alive(is_there).await? {
                return Ok(Live { id, noticed: None });
            }
            what = format!("{what} after {id}");
        }
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        retag(cx, &live.id, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        const OP: &str = "ec2:DeleteFlowLogs";
        let answer = cx.cloud.ec2.delete_flow_logs().flow_log_ids(&live.id).send().await.map_err(failed(OP))?;
        match answer.unsuccessful().first().and_then(|u| u.error()) {
            Some(wrong) => {
                let error = entry(ERRORS, OP, wrong.code(), wrong.message());
                if error.class == Class::NotFound { Ok(()) } else { Err(error) }
            }
            None => Ok(()),
        }
    }

    /// Returns the order of a replacement: AWS refuses a second flow log of the same VPC to the same destination
    /// (`FlowLogAlreadyExists`, <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).
    fn replace_order(_diff: &Diff) -> Order {
        Order::DeleteFirst
    }
}

impl AwsKind for FlowLog {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["ec2:CreateFlowLogs", "ec2:CreateTags", "iam:PassRole"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteFlowLogs"],
    };
    const SPELLING: &'static [Spelling] = &[("traffic", How::Word(&["ACCEPT", "ALL", "REJECT"]))];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_delivered_is_told_with_a_reason() {
        let log = |status: &str, why: Option<&str>| {
            let why = why.map(str::to_owned);
            undelivered(&sdk::FlowLog::builder().deliver_logs_status(status).set_deliver_logs_error_message(why).build())
        };
        assert_eq!(log("SUCCESS", None), None);
        assert!(log("FAILED", Some("Access error")).unwrap().contains("its role must be allowed to write"));
        assert!(log("FAILED", Some("Rate limited")).unwrap().contains("accepts no more"));
        assert_eq!(log("FAILED", None).unwrap(), "AWS cannot deliver its records, `no reason given`");
    }

    #[test]
    fn only_two_intervals_exist() {
        let of = |interval: i32| {
            let log = FlowLog {
                vpc: Ref::physical("vpc-1"),
                traffic: "ALL".into(),
                log_group: Ref::physical("l"),
                role: Ref::physical("r"),
                interval,
                tags: Tags::new(),
            };
            log.refused().map(|(field, _)| field)
        };
        assert_eq!((of(60), of(600), of(30)), (None, None, Some("interval")));
    }
}
