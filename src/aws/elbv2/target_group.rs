use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{self as sdk, Matcher, ProtocolEnum, Tag, TargetGroupAttribute, TargetTypeEnum};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LoadBalancer, NAME, PROTOCOL, blocking, outer_tags, retag, target_groups, to_sdk};
use crate::aws::call::answers::present;
use crate::aws::call::arguments::written;
use crate::aws::call::error::incomplete;
use crate::aws::ec2::Vpc;
use crate::aws::elbv2::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::proof::digest;
use crate::engine::tags::TAG_DIGEST;
use crate::engine::{Blocker, Class, Diff, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// Up to so many target groups of a stack have their attributes read by every plan.
const READ: usize = 20;

/// The tasks of a service, as targets of a load balancer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetGroup {
    /// The VPC of the targets.
    pub vpc: Ref<Vpc>,
    /// The port that the targets listen on.
    pub port: i32,
    /// The protocol to the targets: `HTTP` or `HTTPS`.
    pub protocol: String,
    /// The type of target: `ip` for tasks with their own network interface.
    pub target_type: String,
    /// When a target counts as healthy. Left out: AWS's defaults for a new one, else unchanged.
    #[serde(default)]
    pub health: HealthCheck,
    /// The load balancer that sends it requests. AWS allows only one, so another load balancer needs another target group. Left
    /// out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<Ref<LoadBalancer>>,
    /// Attributes by AWS's names: `deregistration_delay.timeout_seconds: "30"`. Those that are left out: AWS's
    /// defaults for a new one, else unchanged.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// When a target counts as healthy.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// The path of the health check. Left out: AWS's default for a new one,
    /// else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Seconds between two health checks. Left out: AWS's default for a new one,
    /// else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<i32>,
    /// Seconds until a health check fails. Left out: AWS's default for a new one,
    /// else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i32>,
    /// The number of consecutive successes that make a target healthy. Left out: AWS's default for a new one,
    /// else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<i32>,
    /// The number of consecutive failures that make a target unhealthy. Left out: AWS's default for a new one,
    /// else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhealthy: Option<i32>,
    /// The status codes that count as success: `200-299`. Left out: AWS's default for a new one,
    /// else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<String>,
    /// The protocol of the health check: `HTTP` or `HTTPS`. Left out: AWS's default for a new one,
    /// else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// `targetgroup/NAME/ID`: its name in metrics and scaling.
    pub full_name: String,
    /// Whether its attributes were not read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub unread: bool,
}

impl Live {
    fn of(group: &sdk::TargetGroup) -> Option<Live> {
        let arn = group.target_group_arn.clone()?;
        Some(Live {
            id: arn.clone(),
            name: group.target_group_name.clone().unwrap_or_default(),
            full_name: arn.rsplit(':').next().unwrap_or_default().to_owned(),
            arn,
            unread: false,
        })
    }
}

impl HealthCheck {
    fn of(group: &sdk::TargetGroup) -> Self {
        HealthCheck {
            path: group.health_check_path.clone(),
            interval: group.health_check_interval_seconds,
            timeout: group.health_check_timeout_seconds,
            healthy: group.healthy_threshold_count,
            unhealthy: group.unhealthy_threshold_count,
            codes: group.matcher().and_then(|m| m.http_code.clone()),
            protocol: group.health_check_protocol().map(|p| p.as_str().to_owned()),
        }
    }

    fn matcher(&self) -> Option<Matcher> {
        self.codes.as_ref().map(|codes| Matcher::builder().http_code(codes).build())
    }

    fn protocol(&self) -> Option<ProtocolEnum> {
        self.protocol.as_deref().map(ProtocolEnum::from)
    }
}

/// Writes the digest of the attributes.
async fn prove(cx: &Cx, arn: &str, digest: &str) -> Result<()> {
    let call = cx.cloud.elbv2.add_tags().resource_arns(arn).tags(Tag::builder().key(TAG_DIGEST).value(digest).build());
    call.send().await.map_err(failed("elbv2:AddTags"))?;
    Ok(())
}

async fn attributes(cx: &Cx, arn: &str) -> Result<BTreeMap<String, String>> {
    let answer = cx.cloud.elbv2.describe_target_group_attributes().target_group_arn(arn).send().await;
    let answer = answer.map_err(failed("elbv2:DescribeTargetGroupAttributes"))?;
    Ok(answer.attributes().iter().filter_map(|a| Some((a.key.clone()?, a.value.clone()?))).collect())
}

impl Resource for TargetGroup {
    const KIND: &'static str = "elbv2.target_group";
    const RULES: &'static [Rule] = &[
        Rule::immutable("vpc"),
        Rule::immutable("port"),
        Rule::immutable("protocol"),
        Rule::immutable("target_type"),
        Rule::once("load_balancer"),
        Rule::if_told("load_balancer"),
        Rule::loose("load_balancer"),
        Rule::after_create("attributes"),
        Rule::owned("tags"),
        Rule::unit("health.interval", "s"),
        Rule::unit("health.timeout", "s"),
    ];
    const USUAL: Usual = Usual::secs(1, 2);
    const PROVEN: &'static [&'static str] = &["attributes"];
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let (groups, all_tags) = (target_groups(cx).await?, outer_tags(cx).await?);
        let ours = groups.iter().filter_map(|group| {
            let live = Live::of(group)?;
            let tags = all_tags.get(&live.arn)?.clone();
            let claim = names::claim(cx, cx.scope.claim(Self::KIND, &tags, false), &tags, &live.name, NAME);
            (!cx.reads.settled().contains(&live.arn)).then_some((group, live, tags, claim))
        });
        let ours: Vec<_> = ours.collect();
        let may_be_proven = cx.reads.may_ask_index() && ours.len() > READ;
        try_join_all(ours.into_iter().map(|(group, mut live, tags, claim)| async move {
            live.unread = may_be_proven && tags.contains_key(TAG_DIGEST);
            let ours = claim.name().is_some() && !live.unread;
            Ok(Observed {
                claim,
                fields: TargetGroup {
                    vpc: Ref::physical(group.vpc_id().unwrap_or_default()),
                    port: group.port().unwrap_or_default(),
                    protocol: group.protocol().map_or("", |p| p.as_str()).to_owned(),
                    target_type: group.target_type().map_or("", |t| t.as_str()).to_owned(),
                    health: HealthCheck::of(group),
                    load_balancer: group.load_balancer_arns().first().map(Ref::physical),
                    attributes: if ours { attributes(cx, &live.arn).await? } else { BTreeMap::new() },
                    tags,
                },
                live,
                state: Readiness::Ready,
            })
        }))
        .await
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "elbv2:CreateTargetGroup";
        let (name, health) = (names::name(cx, NAME), &self.health);
        let call = cx.cloud.elbv2.create_target_group().name(&name).vpc_id(self.vpc.id()?).port(self.port);
        let call = call.protocol(ProtocolEnum::from(self.protocol.as_str()));
        let call = call.target_type(TargetTypeEnum::from(self.target_type.as_str())).set_tags(Some(to_sdk(&self.tags)));
        let call = call
            .set_health_check_path(health.path.clone())
            .set_health_check_interval_seconds(health.interval)
            .set_health_check_timeout_seconds(health.timeout)
            .set_healthy_threshold_count(health.healthy)
            .set_unhealthy_threshold_count(health.unhealthy)
            .set_matcher(health.matcher())
            .set_health_check_protocol(health.protocol());
        let answer = match call.send().await.map_err(failed(OP)) {
            Err(e) if e.class == Class::Exists => {
                let namesake = cx.cloud.elbv2.describe_target_groups().names(&name).send().await.ok();
                let arn = namesake.and_then(|a| a.target_groups().first()?.target_group_arn.clone());
                return Err(
                    e.hint(format!("the name `{name}` is already used by {}", arn.as_deref().unwrap_or("another target group")))
                );
            }
            other => other?,
        };
        answer.target_groups().first().and_then(Live::of).ok_or_else(|| incomplete(OP, "the target group's ARN"))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches("health") {
            let health = &self.health;
            let call = cx.cloud.elbv2.modify_target_group().target_group_arn(&live.arn);
            // Interval and timeout are checked against each other, so the whole check is written.
            let call = call
                .set_health_check_path(health.path.clone())
                .set_health_check_interval_seconds(health.interval)
                .set_health_check_timeout_seconds(health.timeout)
                .set_healthy_threshold_count(health.healthy)
                .set_unhealthy_threshold_count(health.unhealthy)
                .set_matcher(health.matcher())
                .set_health_check_protocol(health.protocol());
            call.send().await.map_err(failed("elbv2:ModifyTargetGroup"))?;
        }
        if diff.touches("attributes") {
            let attributes = written(diff, "attributes", &self.attributes);
            let attributes = attributes.iter().map(|(k, v)| TargetGroupAttribute::builder().key(k).value(v).build());
            let call = cx.cloud.elbv2.modify_target_group_attributes().target_group_arn(&live.arn);
            let call = call.set_attributes(Some(attributes.collect()));
            // One that has attributes has a digest of others, which proves nothing while they change.
            if diff.changes.iter().any(|change| change.path.starts_with("attributes") && change.before.is_some()) {
                prove(cx, &live.arn, "").await?;
            }
            call.send().await.map_err(failed("elbv2:ModifyTargetGroupAttributes"))?;
            prove(cx, &live.arn, &digest(&live.arn, self)?).await?;
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.elbv2.delete_target_group().target_group_arn(&live.arn);
        call.send().await.map_err(failed("elbv2:DeleteTargetGroup"))?;
        Ok(())
    }

    async fn blocked_by(cx: &Cx, live: &Live) -> Result<Vec<Blocker>> {
        let answer = cx.cloud.elbv2.describe_target_groups().target_group_arns(&live.arn).send().await;
        let groups = present(answer.map_err(failed("elbv2:DescribeTargetGroups")).map(|a| a.target_groups.unwrap_or_default()))?;
        Ok(groups.iter().flat_map(|group| group.load_balancer_arns()).filter_map(|arn| blocking(cx, arn)).collect())
    }
}

impl AwsKind for TargetGroup {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &[
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:AddTags",
        ],
        update: &[
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &["elasticloadbalancing:DeleteTargetGroup"],
    };
    const SPELLING: &'static [Spelling] = &[
        ("health.protocol", PROTOCOL),
        ("protocol", PROTOCOL),
        ("target_type", How::Word(&["instance", "ip", "lambda", "alb"])),
    ];
}
