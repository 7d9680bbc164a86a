//! Monitors and subscriptions as AWS has them. They are looked for only where the stack has a budget: a call to Cost Explorer can cost a cent
//! (<https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/>; whether these do is not said), and most stacks have none.

use std::sync::Arc;

use aws_sdk_costexplorer::types::{AnomalyMonitor, AnomalySubscription, ResourceTag};

use crate::aws::Cx;
use crate::aws::budgets::read::{PARTITION, ours};
use crate::aws::call::answers::present;
use crate::aws::ce::errors::failed;
use crate::aws::ownership::tags::{TagEdit, Tags, from_pairs};
use crate::aws::ownership::{global, names};
use crate::engine::{Claim, Class, Error, Result};

/// The maximum length of a name
/// (<https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_AnomalyMonitor.html>).
pub(super) const NAME: usize = 1024;
/// The kinds.
pub(super) const MONITOR: &str = "ce.anomaly_monitor";
pub(super) const SUBSCRIPTION: &str = "ce.anomaly_subscription";
/// What Cost Explorer answers in an account in which it was never opened.
const UNOPENED: &str = "DataUnavailableException";

/// Something that can be the stack's.
pub(super) struct Known<T> {
    pub(super) arn: String,
    pub(super) claim: Claim,
    pub(super) tags: Tags,
    pub(super) what: T,
}

fn tags_to_sdk(tags: &Tags) -> Result<Vec<ResourceTag>> {
    let tag = |(key, value): (&String, &String)| ResourceTag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect::<std::result::Result<_, _>>().map_err(|e| Error::internal(e.to_string()))
}

/// Returns the tags of a new object as calls take them.
pub(super) fn new_tags(cx: &Cx, tags: &Tags) -> Result<Option<Vec<ResourceTag>>> {
    tags_to_sdk(&global::new_tags(&cx.scope, tags)).map(Some)
}

/// Writes the tags that a diff names.
pub(super) async fn retag(cx: &Cx, arn: &str, edit: Option<TagEdit>) -> Result<()> {
    let Some(edit) = edit else { return Ok(()) };
    if !edit.write.is_empty() {
        let call = cx.cloud.ce.tag_resource().resource_arn(arn).set_resource_tags(Some(tags_to_sdk(&edit.write)?));
        call.send().await.map_err(failed("ce:TagResource"))?;
    }
    if !edit.remove.is_empty() {
        let call = cx.cloud.ce.untag_resource().resource_arn(arn).set_resource_tag_keys(Some(edit.remove));
        call.send().await.map_err(failed("ce:UntagResource"))?;
    }
    Ok(())
}

/// Returns something with whose it is: its tags say so, and the name that it was given. Names are not unique.
async fn known<T>(cx: &Cx, kind: &str, arn: String, name: &str, what: T) -> Result<Option<Known<T>>> {
    let answer = cx.cloud.ce.list_tags_for_resource().resource_arn(&arn).send().await;
    let found = present(answer.map(|a| a.resource_tags.unwrap_or_default()).map_err(failed("ce:ListTagsForResource")))?;
    let mut tags = from_pairs(found.iter().map(|tag| (Some(tag.key()), Some(tag.value()))));
    let here = global::is_here(&cx.scope, &mut tags);
    Ok(here.then(|| Known { claim: global::claim(cx, kind, &tags, name, NAME, false), arn, tags, what }))
}

/// Returns nothing for who may not look. Only for what is shown: what is created or deleted must know.
fn seen<T>(answer: Result<Vec<T>>) -> Result<Vec<T>> {
    match answer {
        Err(e) if e.class == Class::Denied => Ok(Vec::new()),
        other => other,
    }
}

/// Returns nothing where Cost Explorer was never opened: nothing can be there.
fn there<T>(answer: Result<Vec<T>>) -> Result<Vec<T>> {
    match answer {
        Err(e) if e.code.as_deref() == Some(UNOPENED) => Ok(Vec::new()),
        other => other,
    }
}

/// Reads the monitors that can be the stack's, whether it has a budget or not.
pub(super) async fn all_monitors(cx: &Cx) -> Result<Vec<Known<AnomalyMonitor>>> {
    let mut pages = cx.cloud.ce.get_anomaly_monitors().into_paginator().send();
    let (mut found, prefix) = (Vec::new(), global::prefix(&cx.scope));
    while let Some(page) = pages.next().await {
        let page = there(page.map(|page| page.anomaly_monitors).map_err(failed("ce:GetAnomalyMonitors")))?;
        for one in page.into_iter().filter(|one| names::begins(&prefix, one.monitor_name(), NAME)) {
            let (Some(arn), name) = (one.monitor_arn.clone(), one.monitor_name.clone()) else { continue };
            found.extend(known(cx, MONITOR, arn, &name, one).await?);
        }
    }
    Ok(found)
}

/// Reads the subscriptions that can be the stack's, whether it has a budget or not.
pub(super) async fn all_subscriptions(cx: &Cx) -> Result<Vec<Known<AnomalySubscription>>> {
    let mut pages = cx.cloud.ce.get_anomaly_subscriptions().into_paginator().send();
    let (mut found, prefix) = (Vec::new(), global::prefix(&cx.scope));
    while let Some(page) = pages.next().await {
        let page = there(page.map(|page| page.anomaly_subscriptions).map_err(failed("ce:GetAnomalySubscriptions")))?;
        for one in page.into_iter().filter(|one| names::begins(&prefix, one.subscription_name(), NAME)) {
            let (Some(arn), name) = (one.subscription_arn.clone(), one.subscription_name.clone()) else { continue };
            found.extend(known(cx, SUBSCRIPTION, arn, &name, one).await?);
        }
    }
    Ok(found)
}

/// Reads the monitors of the stack.
pub(super) async fn monitors(cx: &Cx) -> Result<Arc<Vec<Known<AnomalyMonitor>>>> {
    let ask = async { if ours(cx).await? == 0 { Ok(Vec::new()) } else { seen(all_monitors(cx).await) } };
    cx.reads.once("ce.monitors", ask).await
}

/// Reads the subscriptions of the stack.
pub(super) async fn subscriptions(cx: &Cx) -> Result<Arc<Vec<Known<AnomalySubscription>>>> {
    let ask = async { if ours(cx).await? == 0 { Ok(Vec::new()) } else { seen(all_subscriptions(cx).await) } };
    cx.reads.once("ce.subscriptions", ask).await
}

/// Returns the monitors and subscriptions that the stack still has, in words.
pub(in crate::aws) async fn left(cx: &Cx) -> Result<Vec<String>> {
    if cx.scope.partition != PARTITION {
        return Ok(Vec::new());
    }
    let (monitors, subscriptions) = (all_monitors(cx).await?, all_subscriptions(cx).await?);
    let is_ours = |claim: &Claim| matches!(claim, Claim::Ours(_));
    let monitors = monitors.iter().filter(|one| is_ours(&one.claim)).map(|one| format!("the anomaly monitor {}", one.arn));
    let subscriptions = subscriptions.iter().filter(|one| is_ours(&one.claim));
    Ok(monitors.chain(subscriptions.map(|one| format!("the anomaly subscription {}", one.arn))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_looks_takes_a_denied_read_for_nothing() {
        let failed = |code: &str| Err::<Vec<u8>, _>(Error { code: Some(code.into()), ..Error::new(Class::Denied, "no") });
        assert_eq!(seen(failed("AccessDeniedException")).unwrap(), [0; 0]);
        assert_eq!(there(failed("AccessDeniedException")).unwrap_err().class, Class::Denied);
        assert_eq!(there(failed(UNOPENED)).unwrap(), [0; 0]);
    }
}
