use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types as sdk;
use futures::future::try_join_all;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::call::answers::present;
use crate::aws::kms::Key;
use crate::aws::logs::errors::failed;
use crate::aws::ownership::global::{region_of, regions};
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TAG_REGION, TagEdit, Tags, from_pairs};
use crate::aws::ownership::{names, tag_index};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::tags::TAG_STACK;
use crate::engine::{Class, Diff, Effect, Error, Impact, Observed, Readiness, Ref, Resource, Result, Rule, Scope, Usual};

/// A log group, which holds the output of programs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogGroup {
    /// Its name. It must start with `/stack/STACK/ENVIRONMENT/`, where `stack` looks for it, or be one that AWS writes to for an object of
    /// the stack: `/aws/rds/instance/IDENTIFIER/…`, `/aws/ecs/containerinsights/CLUSTER/…`; for the logs of WAF it starts with
    /// `aws-waf-logs-stack/STACK/ENVIRONMENT/`, and in `us-east-1` for a stack of another region with that and the region.
    pub name: String,
    /// Its region, which it cannot leave: the stack's, or `us-east-1` for the logs of a web ACL of CloudFront. Left out: the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
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
pub(super) fn prefix(scope: &Scope) -> String {
    format!("/stack/{}/{}/", scope.stack, scope.env)
}

/// Returns what the names of those start with that WAF writes to, which accepts no other beginning
/// (<https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html>). In us-east-1 those of several regions meet.
pub fn waf_prefix(scope: &Scope, region: &str) -> String {
    let of = if region == scope.region { String::new() } else { format!("{}/", scope.region) };
    format!("aws-waf-logs-stack/{}/{}/{of}", scope.stack, scope.env)
}

fn client<'a>(cx: &'a Cx, region: &str) -> &'a Client {
    if region == cx.scope.region { &cx.cloud.logs } else { &cx.cloud.logs_global }
}

/// Returns the region of an ARN, and its client.
fn of_arn<'a>(cx: &'a Cx, arn: &'a str) -> (&'a str, &'a Client) {
    let region = region_of(arn);
    (region, client(cx, region))
}

/// What the names of log groups start with that AWS creates by itself, before the name of what it logs
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-reference-performance-logs-ECS.html>).
pub(super) const BY_AWS: [&str; 2] = ["/aws/rds/instance/", "/aws/ecs/containerinsights/"];
/// A day, in milliseconds: no retention is shorter.
const DAY: i64 = 86_400_000;
/// The maximum length of the shorter one of those names.
const OWNER: usize = 63;

/// Checks whether AWS writes to a log group for an object whose name is like the stack's.
pub fn is_by_aws(scope: &Scope, name: &str) -> bool {
    let owner = BY_AWS.iter().find_map(|begin| name.strip_prefix(begin)).and_then(|rest| rest.split_once('/'));
    owner.is_some_and(|(owner, _)| names::begins(&scope.prefix(), owner, OWNER))
}

/// Checks whether RDS writes to a log group for a database that the stack has under a name which is not like its own, as one that was
/// adopted: it is found by its tags.
fn is_of_renamed(scope: &Scope, name: &str) -> bool {
    name.starts_with(BY_AWS[0]) && !is_by_aws(scope, name)
}

/// Returns those log groups of the stack, of which most stacks have none.
async fn of_renamed(cx: &Cx) -> Result<Vec<sdk::LogGroup>> {
    let known = tag_index::candidates(cx).await?;
    let names = known.keys().filter_map(|arn| arn.split_once(":log-group:")).map(|(_, name)| name.to_owned());
    let names: Vec<String> = names.filter(|name| is_of_renamed(&cx.scope, name)).collect();
    let found = try_join_all(names.iter().map(|name| named(cx, &cx.scope.region, name))).await?;
    Ok(found
        .into_iter()
        .flatten()
        .filter(|group| group.log_group_name().is_some_and(|of| names.iter().any(|n| n == of)))
        .collect())
}

/// Returns the log groups that AWS writes to for objects of the stack, or for some with names like its own.
pub(super) async fn by_aws(cx: &Cx) -> Result<Vec<sdk::LogGroup>> {
    let begin: String = cx.scope.prefix().chars().take(OWNER - 7).collect();
    let prefixes = BY_AWS.iter().map(|of| format!("{of}{}", begin.trim_end_matches('-')));
    let named = try_join_all(prefixes.map(async |prefix| named(cx, &cx.scope.region, &prefix).await));
    let (named, renamed) = futures::try_join!(named, of_renamed(cx))?;
    let is_one = |group: &sdk::LogGroup| group.log_group_name().is_some_and(|name| is_by_aws(&cx.scope, name));
    Ok(named.into_iter().flatten().filter(is_one).chain(renamed).collect())
}

/// Checks whether a log group was created less than a day ago.
fn is_young(group: &sdk::LogGroup) -> bool {
    group.creation_time().is_some_and(|at| Timestamp::now().as_millisecond() - at < DAY)
}

impl Live {
    fn of(group: &sdk::LogGroup) -> Option<Live> {
        let (name, arn) = (group.log_group_name.clone()?, group.log_group_arn().or(group.arn())?);
        Some(Live { id: name.clone(), name, arn: arn.trim_end_matches(":*").to_owned() })
    }

    fn named(scope: &Scope, region: &str, name: &str) -> Live {
        let Scope { partition, account, .. } = scope;
        let arn = format!("arn:{partition}:logs:{region}:{account}:log-group:{name}");
        Live { id: name.to_owned(), name: name.to_owned(), arn }
    }
}

/// Returns the log groups whose names begin so.
pub(super) async fn named(cx: &Cx, region: &str, prefix: &str) -> Result<Vec<sdk::LogGroup>> {
    let pages = client(cx, region).describe_log_groups().log_group_name_prefix(prefix).into_paginator().items().send();
    pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("logs:DescribeLogGroups"))
}

/// Returns the log groups whose names begin like the stack's own: asked once, for them and for what is in them.
pub(super) async fn own(cx: &Cx) -> Result<Arc<Vec<sdk::LogGroup>>> {
    cx.reads.once("logs.groups", named(cx, &cx.scope.region, &prefix(&cx.scope))).await
}

/// Returns the log groups that WAF writes to in a region. Most stacks have none: where the index may be asked, only if it knows one.
pub(super) async fn of_waf(cx: &Cx, region: &str) -> Result<Vec<sdk::LogGroup>> {
    let prefix = waf_prefix(&cx.scope, region);
    if let Some(index) = tag_index::asked(cx, "logs", region).await
        && !index.keys().any(|arn| arn.contains(&prefix))
    {
        return Ok(Vec::new());
    }
    let answer = named(cx, region, &prefix).await;
    let mut found = tag_index::unless_denied(cx, region, "logs", answer).await?;
    // Below it are those of other regions.
    found.retain(|group| {
        group.log_group_name().and_then(|name| name.strip_prefix(&prefix)).is_some_and(|rest| !rest.contains('/'))
    });
    Ok(found)
}

pub(super) async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    let (region, client) = of_arn(cx, arn);
    if let Some(known) = tag_index::asked(cx, "logs", region).await.and_then(|index| index.get(arn).cloned()) {
        return Ok(known);
    }
    let answer = client.list_tags_for_resource().resource_arn(arn).send().await;
    let tags = present(answer.map_err(failed("logs:ListTagsForResource")).map(|a| a.tags.unwrap_or_default()))?;
    Ok(from_pairs(tags.iter().map(|(k, v)| (Some(k.as_str()), Some(v.as_str())))))
}

impl LogGroup {
    /// Makes a group the stack's that AWS has just created itself, for the object that writes to it: one that has no tags.
    async fn take(&self, cx: &Cx, live: Live, error: Error) -> Result<Live> {
        let logs = &cx.cloud.logs;
        if !tags_of(cx, &live.arn).await?.is_empty() {
            return Err(error);
        }
        let found = named(cx, &cx.scope.region, &live.name).await?;
        let is_new = found.iter().any(|group| group.log_group_name() == Some(&live.name) && is_young(group));
        if !is_new && !Self::is_empty(cx, &live).await? {
            let said = format!("{} already exists, with lines of its own", live.name);
            return Err(
                Error::new(Class::Blocked, said).hint("plan again: it is adopted then, and what that deletes needs consent")
            );
        }
        if let Some(key) = self.kms_key.as_ref().filter(|key| !key.is_empty()) {
            let call = logs.associate_kms_key().log_group_name(&live.name).kms_key_id(key);
            call.send().await.map_err(failed("logs:AssociateKmsKey"))?;
        }
        // With the tags it is the stack's: they come last, so that a run which dies before them does this again.
        let call = logs.tag_resource().resource_arn(&live.arn).set_tags(Some(self.tags.clone().into_iter().collect()));
        call.send().await.map_err(failed("logs:TagResource"))?;
        Ok(live)
    }
}

impl Resource for LogGroup {
    const KIND: &'static str = "logs.log_group";
    const RULES: &'static [Rule] = &[
        Rule::immutable("name"),
        Rule::identity("name"),
        Rule::immutable("region"),
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
        let is_known = observed["retention_days"].is_i64();
        let less = (diff.touches("retention_days") && is_known && to < from).then(|| {
            let words = format!("log lines older than {} are deleted", crate::aws::states::days(to));
            let effect = Effect::new(Impact::LosesData, words);
            // One that AWS created, and that nobody has said this of: its lines go only when that is agreed to.
            if observed["tags"].get(TAG_STACK).is_some() { effect } else { effect.with_consent() }
        });
        less.into_iter().collect()
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let of_waf = try_join_all(regions(&cx.scope).into_iter().map(|region| of_waf(cx, region)));
        let (own, by_aws, of_waf) = futures::try_join!(own(cx), by_aws(cx), of_waf)?;
        let groups = own.iter().cloned().chain(by_aws).chain(of_waf.into_iter().flatten());
        let groups = groups.filter_map(|g| {
            let young = is_young(&g);
            Some((Live::of(&g)?, g.retention_in_days, g.kms_key_id, young))
        });
        try_join_all(groups.map(|(live, retention_days, key, young)| async move {
            let mut tags = tags_of(cx, &live.arn).await?;
            tags.remove(TAG_REGION);
            // Of one that AWS has just created nothing is too old, whatever its retention will be.
            let is_new = young && is_by_aws(&cx.scope, &live.name) && !tags.contains_key(TAG_STACK);
            let claim = cx.scope.claim(Self::KIND, &tags, is_by_aws(&cx.scope, &live.name));
            let renamed = is_of_renamed(&cx.scope, &live.name);
            Ok(Observed {
                // One without tags was created by someone else: it is not adopted silently, unless AWS created it for what it logs.
                claim: if renamed { claim.unmarked() } else { claim },
                fields: LogGroup {
                    name: live.name.clone(),
                    region: Some(of_arn(cx, &live.arn).0.to_owned()),
                    retention_days: retention_days.or((!is_new).then_some(0)),
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
        let region = self.region.as_deref().unwrap_or(&cx.scope.region);
        let (prefix, of_waf) = (prefix(&cx.scope), waf_prefix(&cx.scope, region));
        let by_aws = is_by_aws(&cx.scope, &self.name) || is_of_renamed(&cx.scope, &self.name);
        let is_found = region == cx.scope.region && (self.name.starts_with(&prefix) || by_aws);
        if !regions(&cx.scope).contains(&region) {
            return Err(Error::new(Class::Invalid, format!("the log group `{}` cannot be in `{region}`", self.name)));
        }
        if !is_found && !self.name.strip_prefix(&of_waf).is_some_and(|rest| !rest.is_empty() && !rest.contains('/')) {
            let must = if region == cx.scope.region { &prefix } else { &of_waf };
            let said = format!("the log group `{}` would not be found again: its name must start with `{must}`", self.name);
            return Err(Error::new(Class::Invalid, said));
        }
        let key = self.kms_key.clone().filter(|key| !key.is_empty());
        let mut tags: HashMap<String, String> = self.tags.clone().into_iter().collect();
        if region != cx.scope.region {
            tags.insert(TAG_REGION.into(), cx.scope.region.clone());
        }
        let call = client(cx, region).create_log_group().log_group_name(&self.name).set_kms_key_id(key).set_tags(Some(tags));
        let live = Live::named(&cx.scope, region, &self.name);
        match call.send().await.map_err(failed("logs:CreateLogGroup")) {
            Err(error) if error.class == Class::Exists && by_aws => self.take(cx, live, error).await,
            other => other.map(|_| live),
        }
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let (_, logs) = of_arn(cx, &live.arn);
        let kept = diff.changes.iter().find(|change| change.path == "retention_days");
        if let (Some(change), Some(0)) = (kept, self.retention_days) {
            // One that was just made keeps everything.
            if change.before.is_some() {
                let call = logs.delete_retention_policy().log_group_name(&live.name);
                call.send().await.map_err(failed("logs:DeleteRetentionPolicy"))?;
            }
        } else if let (Some(_), Some(days)) = (kept, self.retention_days) {
            let call = logs.put_retention_policy().log_group_name(&live.name).retention_in_days(days);
            call.send().await.map_err(failed("logs:PutRetentionPolicy"))?;
        }
        if let (true, Some(key)) = (diff.touches("kms_key"), &self.kms_key) {
            if key.is_empty() {
                let call = logs.disassociate_kms_key().log_group_name(&live.name);
                call.send().await.map_err(failed("logs:DisassociateKmsKey"))?;
            } else {
                let call = logs.associate_kms_key().log_group_name(&live.name).kms_key_id(key);
                call.send().await.map_err(failed("logs:AssociateKmsKey"))?;
            }
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = logs.tag_resource().resource_arn(&live.arn);
                let call = call.set_tags(Some(edit.write.into_iter().collect()));
                call.send().await.map_err(failed("logs:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let call = logs.untag_resource().resource_arn(&live.arn).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("logs:UntagResource"))?;
            }
        }
        Ok(live.clone())
    }

    /// Checks whether it is empty, by its streams: its size is reported hours late.
    async fn is_empty(cx: &Cx, live: &Live) -> Result<bool> {
        let call = of_arn(cx, &live.arn).1.describe_log_streams().log_group_name(&live.name).limit(1);
        Ok(call.send().await.map_err(failed("logs:DescribeLogStreams"))?.log_streams().is_empty())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        if !cx.loses_data && !Self::is_empty(cx, live).await? {
            let error = Error::new(Class::Blocked, format!("something has written to {} in the meantime", live.name));
            return Err(error.hint(
                "it was empty when the plan was made, so there is no consent to lose what is in it now: check its contents, then plan again",
            ));
        }
        let call = of_arn(cx, &live.arn).1.delete_log_group().log_group_name(&live.name);
        call.send().await.map_err(failed("logs:DeleteLogGroup"))?;
        Ok(())
    }
}

impl AwsKind for LogGroup {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource", "logs:AssociateKmsKey"],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_writes_to_is_known_by_whose_it_is() {
        let text = |text: &str| text.to_owned();
        let (env, region) = (text("default"), text("us-east-1"));
        let scope = Scope { stack: text("shop"), env, region, account: text("1"), partition: text("aws") };
        for ours in ["/aws/rds/instance/shop-main/postgresql", "/aws/ecs/containerinsights/shop/performance"] {
            assert!(is_by_aws(&scope, ours), "{ours}");
        }
        let others =
            ["/aws/rds/instance/shopping/error", "/aws/rds/instance/shop-main", "/aws/lambda/shop/x", "/stack/shop/default/web"];
        for other in others {
            assert!(!is_by_aws(&scope, other), "{other}");
        }
    }

    #[test]
    fn deleting_lines_of_a_group_of_aws_needs_consent() {
        let told = |observed: Value| {
            let desired = serde_json::json!({"name": "n", "retention_days": 30, "tags": {TAG_STACK: "shop"}});
            let diff = crate::engine::diff(LogGroup::RULES, &desired, &observed, &crate::engine::Ids::default());
            let effects = LogGroup::effects(&desired, &observed, &diff);
            effects.iter().map(|effect| effect.needs_consent).collect::<Vec<_>>()
        };
        let of = |days: Value, tags: Value| serde_json::json!({"name": "n", "retention_days": days, "tags": tags});
        let (ours, none) = (serde_json::json!({TAG_STACK: "shop"}), serde_json::json!({}));
        assert_eq!(told(of(0.into(), none.clone())), [true]);
        assert_eq!(told(of(90.into(), ours.clone())), [false]);
        assert_eq!(told(of(7.into(), ours)), Vec::<bool>::new());
        // One that is younger than a day has nothing to lose.
        assert_eq!(told(of(Value::Null, none)), Vec::<bool>::new());
    }
}
