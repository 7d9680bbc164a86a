//! The alarms of an account that can be the stack's, as they are read.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::describe_alarms::builders::DescribeAlarmsFluentBuilder;
use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm, MetricAlarm};
use futures::future::{try_join, try_join_all};
use futures::stream::{StreamExt, TryStreamExt};

use super::errors::failed;
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::ownership::tag_index::{self, Index};
use crate::aws::ownership::tags::{Tags, from_pairs};
use crate::aws::ownership::{global, names};
use crate::engine::Result;

/// The most alarms that one call names, and that a page has
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>).
const NAMED: usize = 100;
const PAGE: i32 = 100;
/// The maximum length of a name.
pub const NAME: usize = 255;
/// How many calls are under way while the index is still being read.
const AT_ONCE: usize = 9;

/// The alarms of an account that can be the stack's.
#[derive(Debug, Default)]
pub struct Alarms {
    /// Those of metrics.
    pub metrics: Vec<MetricAlarm>,
    /// Those of other alarms.
    pub composites: Vec<CompositeAlarm>,
    /// Their tags, as far as the index was asked.
    tags: Index,
}

/// Reads every alarm that can be the stack's: by the prefix of its name, and by its tags under other names. Both sorts have one answer.
pub async fn all(cx: &Cx) -> Result<Arc<Alarms>> {
    cx.reads.once("cloudwatch.alarms", candidates(cx)).await
}

async fn candidates(cx: &Cx) -> Result<Alarms> {
    let elsewhere = global::regions(&cx.scope).into_iter().filter(|region| *region != cx.scope.region);
    let (mut all, there) = try_join(here(cx), try_join_all(elsewhere.map(|region| there(cx, region)))).await?;
    for mut one in there {
        all.metrics.append(&mut one.metrics);
        all.tags.append(&mut one.tags);
    }
    Ok(all)
}

/// Returns CloudWatch in a region.
fn client_in<'a>(cx: &'a Cx, region: &str) -> &'a Client {
    if region == cx.scope.region { &cx.cloud.cloudwatch } else { &cx.cloud.cloudwatch_global }
}

/// Returns CloudWatch in the region of an alarm.
pub fn client<'a>(cx: &'a Cx, arn: &str) -> &'a Client {
    client_in(cx, global::region_of(arn))
}

/// Reads the alarms of metrics in another region that can be the stack's: of most stacks there are none, and where the index may be asked it
/// says so.
async fn there(cx: &Cx, region: &str) -> Result<Alarms> {
    let describe = || client_in(cx, region).describe_alarms();
    if let Some(index) = tag_index::global_alarms(cx, "cloudwatch").await {
        let names: Vec<String> = names_of(&index).map(str::to_owned).collect();
        let found = names.chunks(NAMED).map(|names| described(describe().set_alarm_names(Some(names.to_vec()))));
        let metrics = try_join_all(found).await?.into_iter().flat_map(|found| found.metrics).collect();
        return Ok(Alarms { metrics, composites: Vec::new(), tags: index.as_ref().clone() });
    }
    let prefix = global::prefix_in(&cx.scope, region);
    let answer = described(describe().alarm_name_prefix(&prefix)).await;
    let mut found = tag_index::unless_denied(cx, region, tag_index::ALARMS, answer).await?;
    found.metrics.retain(|alarm| alarm.alarm_name().is_some_and(|name| names::begins(&prefix, name, NAME)));
    Ok(found)
}

/// Reads the alarms of the stack's own region that can be the stack's.
async fn here(cx: &Cx) -> Result<Alarms> {
    if let Some(known) = by_index(cx).await {
        return Ok(known);
    }
    let prefix = cx.scope.prefix();
    let index = tag_index::candidate_alarms(cx).await?;
    let tagged: BTreeSet<&str> = names_of(&index).collect();
    let mut found = described(cx.cloud.cloudwatch.describe_alarms().alarm_name_prefix(&prefix)).await?;
    let may_be_ours = |name: Option<&str>| name.is_some_and(|name| tagged.contains(name) || names::begins(&prefix, name, NAME));
    found.metrics.retain(|alarm| may_be_ours(alarm.alarm_name()));
    found.composites.retain(|alarm| may_be_ours(alarm.alarm_name()));
    let others: Vec<String> = tagged.into_iter().filter(|name| !name.starts_with(&prefix)).map(str::to_owned).collect();
    for one in try_join_all(others.chunks(NAMED).map(|names| named(cx, names.to_vec()))).await? {
        found.metrics.extend(one.metrics);
        found.composites.extend(one.composites);
    }
    Ok(found)
}

/// Reads those that the index knows, each page of it as soon as it is there; nothing when this reading may not use it, or it does not answer.
async fn by_index(cx: &Cx) -> Option<Alarms> {
    let pages = tag_index::alarms(cx).await?;
    let read = pages.map(|page| async {
        let index = page?;
        let found = named(cx, names_of(&index).map(str::to_owned).collect()).await?;
        Result::<_>::Ok(Alarms { tags: index, ..found })
    });
    let all: Vec<Alarms> = read.buffer_unordered(AT_ONCE).try_collect().await.ok()?;
    cx.reads.trusted_index("cloudwatch");
    Some(all.into_iter().fold(Alarms::default(), |mut all, mut page| {
        all.metrics.append(&mut page.metrics);
        all.composites.append(&mut page.composites);
        all.tags.append(&mut page.tags);
        all
    }))
}

fn names_of(index: &Index) -> impl Iterator<Item = &str> {
    index.keys().filter(|arn| arn.contains(":cloudwatch:")).filter_map(|arn| Some(arn.split_once(":alarm:")?.1))
}

async fn named(cx: &Cx, names: Vec<String>) -> Result<Alarms> {
    if names.is_empty() {
        return Ok(Alarms::default());
    }
    described(cx.cloud.cloudwatch.describe_alarms().set_alarm_names(Some(names))).await
}

async fn described(call: DescribeAlarmsFluentBuilder) -> Result<Alarms> {
    // Without a word only those of metrics are told.
    let types = vec![AlarmType::MetricAlarm, AlarmType::CompositeAlarm];
    let mut pages = call.set_alarm_types(Some(types)).into_paginator().page_size(PAGE).send();
    let mut found = Alarms::default();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("cloudwatch:DescribeAlarms"))?;
        found.metrics.extend(page.metric_alarms.unwrap_or_default());
        found.composites.extend(page.composite_alarms.unwrap_or_default());
    }
    Ok(found)
}

impl Alarms {
    /// Returns the tags of one.
    ///
    /// # Errors
    /// When CloudWatch cannot be asked.
    pub async fn tags_of(&self, cx: &Cx, arn: &str) -> Result<Tags> {
        if let Some(known) = self.tags.get(arn) {
            return Ok(known.clone());
        }
        let answer = client(cx, arn).list_tags_for_resource().resource_arn(arn).send().await;
        let tags = present(answer.map_err(failed("cloudwatch:ListTagsForResource")).map(|a| a.tags.unwrap_or_default()))?;
        Ok(from_pairs(tags.iter().map(|t| (t.key(), t.value()))))
    }
}
