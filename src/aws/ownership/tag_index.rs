//! AWS's index of tags, the Resource Groups Tagging API
//! (<https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>).
//!
//! Most services tell tags only object by object, some of them (log groups) to few askers a second. The index tells those of a
//! hundred objects at once. It follows a change within seconds or a minute, so it is AWS's word, but not its last one: only
//! a reading that may ask it does ([`crate::engine::reads::Reads::by_index`]), and the engine reads again, without it, whatever
//! something is to be done about. What it does not know, and everything when it cannot be asked, is asked of the service.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::TagFilter;

use crate::aws::Cx;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::call::error::failed;
use crate::aws::ownership::tags::{Tags, from_pairs};
use crate::engine::tags::{TAG_ENV, TAG_STACK};
use crate::engine::{Class, Result};

/// The tags of everything of ours in one region, by ARN.
pub type Index = HashMap<String, Tags>;

/// What the index of the stack's region knows of ours; `None` when this reading may not ask it, or nobody here may. `service`,
/// by our kinds' name of it, takes it at its word.
pub async fn of(cx: &Cx, service: &'static str) -> Option<Arc<Index>> {
    asked(cx, service, &cx.scope.region).await
}

/// What carries our tags as far as the index knows, whatever it is called: it is looked at too. In any reading, for whose it is
/// its own service is asked; nothing, when nobody here may ask the index.
///
/// # Errors
/// When the index cannot be asked for a passing reason: what it would have told of could be made a second time.
pub async fn candidates(cx: &Cx) -> Result<Arc<Index>> {
    match cx.reads.once("tags.index", read(cx, &cx.cloud.tagging)).await {
        Err(e) if matches!(e.class, Class::Throttled | Class::Ambiguous) && !cx.reads.may_ask_index() => Err(e),
        other => Ok(other.unwrap_or_default()),
    }
}

/// The same of another region's index: `us-east-1` knows of distributions, and of the certificates that they need.
pub async fn asked(cx: &Cx, service: &'static str, region: &str) -> Option<Arc<Index>> {
    if !cx.reads.may_ask_index() {
        return None;
    }
    let found = if region == cx.scope.region {
        cx.reads.once("tags.index", read(cx, &cx.cloud.tagging)).await
    } else {
        cx.reads.once("tags.global_index", read(cx, &cx.cloud.tagging_global)).await
    };
    let index = found.ok()?;
    cx.reads.trusted_index(service);
    Some(index)
}

/// The tags of one of our objects, if the index knows it as ours.
pub async fn tags(cx: &Cx, service: &'static str, arn: &str) -> Option<Tags> {
    of(cx, service).await?.get(arn).cloned()
}

/// The tags of one of our distributions, if the index knows it as ours.
pub async fn global_tags(cx: &Cx, service: &'static str, arn: &str) -> Option<Tags> {
    asked(cx, service, CLOUDFRONT_REGION).await?.get(arn).cloned()
}

async fn read(cx: &Cx, client: &Client) -> Result<Index> {
    let of = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
    let call = client.get_resources().tag_filters(of(TAG_STACK, &cx.scope.stack)).tag_filters(of(TAG_ENV, &cx.scope.env));
    // Without this it would also tell what their lists tell with the objects.
    let call = call.set_resource_type_filters(Some(cx.cloud.indexed.clone())).resources_per_page(100);
    let pages = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    let found = pages.map_err(failed("tag:GetResources"))?;
    let tags =
        |tags: &[aws_sdk_resourcegroupstagging::types::Tag]| from_pairs(tags.iter().map(|t| (Some(t.key()), Some(t.value()))));
    Ok(found.into_iter().filter_map(|m| Some((m.resource_arn.clone()?, tags(m.tags())))).collect())
}
