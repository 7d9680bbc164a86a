use std::collections::HashMap;

use aws_sdk_cloudwatchlogs::types as sdk;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::call::answers::present;
use crate::aws::kms::Key;
use crate::aws::logs::errors::failed;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tag_index;
use crate::aws::ownership::tags::{TagEdit, Tags, from_pairs};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Class, Diff, Effect, Error, Impact, Observed, Readiness, Ref, Resource, Result, Rule, Scope, Usual};

/// A log group, which holds the output of programs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogGroup {
    /// Its name. It must start with `/stack/STACK/ENVIRONMENT/`, where `stack` looks for it.
    pub name: String,
    /// Days for which log lines are kept; 0 for ever. Left out: for ever in a new group, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<i32>,
    /// The ARN of the KMS key that encrypts it; empty for AWS's own. Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The name.
    pub name: String,
    /// The ARN, without `:*` at its end.
    pub arn: String,
}

/// Returns what the names of the stack's log groups start with.
fn prefix(scope: &Scope) -> String {
    format!("/stack/{}/{}/", scope.stack, scope.env)
}

impl Live {
    fn of(group: &sdk::LogGroup) -> Option<Live> {
        let (name, arn) = (group.log_group_name.clone()?, group.log_group_arn().or(group.arn())?);
        Some(Live { id: name.clone(), name, arn: arn.trim_end_matches(":*").to_owned() })
    }

    fn named(scope: &Scope, name: &str) -> Live {
        let Scope { partition, region, account, .. } = scope;
        let arn = format!("arn:{partition}:logs:{region}:{account}:log-group:{name}");
        Live { id: name.to_owned(), name: name.to_owned(), arn }
    }
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    if let Some(known) = tag_index::tags(cx, "logs", arn).await {
        return Ok(known);
    }
    let answer = cx.cloud.logs.list_tags_for_resource().resource_arn(arn).send().await;
    let tags = present(answer.map_err(failed("logs:ListTagsForResource")).map(|a| a.tags.unwrap_or_default()))?;
    Ok(from_pairs(tags.iter().map(|(k, v)| (Some(k.as_str()), Some(v.as_str())))))
}

impl Resource for LogGroup {
    const KIND: &'static str = "logs.log_group";
    const RULES: &'static [Rule] = &[
        Rule::immutable("name"),
        Rule::identity("name"),
        Rule::after_create("retention_days"),
        Rule::takes("kms_key", &[("kms.key", "arn")]),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    const HOLDS_DATA: bool = true;
    type Cloud = Clients;
    type Live = Live;

    /// Returns the effects of a change
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        let days = |value: &Value| value["retention_days"].as_i64().filter(|days| *days > 0).unwrap_or(i64::MAX);
        let (to, from) = (days(desired), days(observed));
        let less = (diff.touches("retention_days") && to < from).then(|| {
            Effect::new(Impact::LosesData, format!("log lines older than {} are deleted", crate::aws::states::days(to)))
        });
        less.into_iter().collect()
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let call = cx.cloud.logs.describe_log_groups().log_group_name_prefix(prefix(&cx.scope));
        let pages = call.into_paginator().items().send();
        let groups = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("logs:DescribeLogGroups"))?;
        let groups = groups.into_iter().filter_map(|g| Some((Live::of(&g)?, g.retention_in_days, g.kms_key_id)));
        try_join_all(groups.map(|(live, retention_days, key)| async move {
            let tags = tags_of(cx, &live.arn).await?;
            Ok(Observed {
                // One without tags was created by someone else, or by what writes to it: it is not adopted silently.
                claim: cx.scope.claim(Self::KIND, &tags, false),
                fields: LogGroup {
                    name: live.name.clone(),
                    retention_days: retention_days.or(Some(0)),
                    kms_key: Some(key.map_or_else(String::new, |arn| Ref::<Key>::physical(arn).attr("arn").to_string())),
                    tags,
                },
                live,
                state: Readiness::Ready,
            })
        }))
        .await
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let prefix = prefix(&cx.scope);
        if !self.name.starts_with(&prefix) {
            let said = format!("the log group `{}` would not be found again: its name must start with `{prefix}`", self.name);
            return Err(Error::new(Class::Invalid, said));
        }
        let key = self.kms_key.clone().filter(|key| !key.is_empty());
        let call = cx.cloud.logs.create_log_group().log_group_name(&self.name).set_kms_key_id(key);
        let call = call.set_tags(Some(self.tags.clone().into_iter().collect::<HashMap<_, _>>()));
        call.send().await.map_err(failed("logs:CreateLogGroup"))?;
        Ok(Live::named(&cx.scope, &self.name))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let kept = diff.changes.iter().find(|change| change.path == "retention_days");
        if let (Some(change), Some(0)) = (kept, self.retention_days) {
            // One that was just made keeps everything.
            if change.before.is_some() {
                let call = cx.cloud.logs.delete_retention_policy().log_group_name(&live.name);
                call.send().await.map_err(failed("logs:DeleteRetentionPolicy"))?;
            }
        } else if let (Some(_), Some(days)) = (kept, self.retention_days) {
            let call = cx.cloud.logs.put_retention_policy().log_group_name(&live.name).retention_in_days(days);
            call.send().await.map_err(failed("logs:PutRetentionPolicy"))?;
        }
        if let (true, Some(key)) = (diff.touches("kms_key"), &self.kms_key) {
            if key.is_empty() {
                let call = cx.cloud.logs.disassociate_kms_key().log_group_name(&live.name);
                call.send().await.map_err(failed("logs:DisassociateKmsKey"))?;
            } else {
                let call = cx.cloud.logs.associate_kms_key().log_group_name(&live.name).kms_key_id(key);
                call.send().await.map_err(failed("logs:AssociateKmsKey"))?;
            }
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = cx.cloud.logs.tag_resource().resource_arn(&live.arn);
                let call = call.set_tags(Some(edit.write.into_iter().collect()));
                call.send().await.map_err(failed("logs:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let call = cx.cloud.logs.untag_resource().resource_arn(&live.arn).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("logs:UntagResource"))?;
            }
        }
        Ok(live.clone())
    }

    /// Checks whether it is empty, by its streams: its size is reported hours late.
    async fn is_empty(cx: &Cx, live: &Live) -> Result<bool> {
        let call = cx.cloud.logs.describe_log_streams().log_group_name(&live.name).limit(1);
        Ok(call.send().await.map_err(failed("logs:DescribeLogStreams"))?.log_streams().is_empty())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        if !cx.loses_data && !Self::is_empty(cx, live).await? {
            let error = Error::new(Class::Blocked, format!("something has written to {} in the meantime", live.name));
            return Err(error.hint(
                "it was empty when the plan was made, so there is no consent to lose what is in it now: check its contents, then plan again",
            ));
        }
        let call = cx.cloud.logs.delete_log_group().log_group_name(&live.name);
        call.send().await.map_err(failed("logs:DeleteLogGroup"))?;
        Ok(())
    }
}

impl AwsKind for LogGroup {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"],
        update: &[
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:AssociateKmsKey",
            "logs:DisassociateKmsKey",
            "logs:TagResource",
            "logs:UntagResource",
        ],
        delete: &["logs:DeleteLogGroup"],
    };
}
