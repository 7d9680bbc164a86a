//! AWS's index of tags, the Resource Groups Tagging API
//! (<https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>).
//!
//! Most services report tags only object by object, some of them (log groups) to few callers a second. The index reports those of
//! a hundred objects at once. It follows a change within seconds or a minute, so it is AWS's answer, but not always the latest:
//! only a reading that may use it does ([`crate::engine::reads::Reads::by_index`]), and the engine reads again, without it,
//! whatever it would change. What the index does not know, and everything when it cannot be asked, is asked of the service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};
use futures::future::{BoxFuture, try_join_all};
use futures::stream::{self, BoxStream};

use crate::aws::Cx;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::call::error::failed;
use crate::aws::ownership::tags::{TAG_REGION, Tags, from_pairs};
use crate::engine::tags::{TAG_AWAKE, TAG_DIGEST, TAG_ENV, TAG_EXPIRES, TAG_KEY, TAG_PAUSED, TAG_STACK};
use crate::engine::{Class, Pause, Result};

/// The tags of the stack's objects in one region, by ARN.
pub type Index = BTreeMap<String, Tags>;

/// The number of objects on a page, which is the most
/// (<https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>).
const PAGE: i32 = 100;
/// What the index is asked about apart where there is much: an environment has several alarms for everything else, and nothing else waits
/// for them.
pub const ALARMS: &str = "cloudwatch:alarm";
/// The services that have objects for each service of a stack, by the names that ARNs have for them: what does not fit on a page has pages
/// of these.
const NUMEROUS: [&str; 4] = ["ec2", "ecs", "elasticloadbalancing", "logs"];

/// Returns what the index of the stack's region knows of the stack's objects; `None` when this reading may not use it, or
/// permission is missing. `service`, by `stack`'s name of it, relies on the answer.
pub async fn of(cx: &Cx, service: &'static str) -> Option<Arc<Index>> {
    asked(cx, service, &cx.scope.region).await
}

/// Returns everything with the stack's tags that the index knows, whatever its name: it is read too. In any reading, the object's
/// own service decides whose it is; empty when permission to ask the index is missing. Alarms are [apart](candidate_alarms).
///
/// # Errors
/// When the index cannot be asked for a passing reason: what it would have reported could be created a second time.
pub async fn candidates(cx: &Cx) -> Result<Arc<Index>> {
    unless_passing(cx, cx.reads.once("tags.index", here(cx)).await)
}

/// Returns the same of alarms.
///
/// # Errors
/// As with [`candidates`].
pub async fn candidate_alarms(cx: &Cx) -> Result<Arc<Index>> {
    let asked = async {
        let first = first(cx).await?;
        match first.has_more {
            true => ask(cx, &cx.cloud.tagging, vec![ALARMS.to_owned()], None).await,
            false => Ok(first.index.clone()),
        }
    };
    unless_passing(cx, cx.reads.once(ALARMS, asked).await)
}

fn unless_passing(cx: &Cx, answer: Result<Arc<Index>>) -> Result<Arc<Index>> {
    match answer {
        Err(e) if matches!(e.class, Class::Throttled | Class::Ambiguous) && !cx.reads.may_ask_index() => Err(e),
        other => Ok(other.unwrap_or_default()),
    }
}

/// Returns what the index of the stack's region knows of alarms, a page at a time, for what asks more about each; `None` when this reading may
/// not use it, or it does not answer. Who has used it all says so ([`crate::engine::reads::Reads::trusted_index`]).
pub async fn alarms(cx: &Cx) -> Option<BoxStream<'_, Result<Index>>> {
    if !cx.reads.may_ask_index() {
        return None;
    }
    let first = first(cx).await.ok()?;
    if !first.has_more {
        return Some(Box::pin(stream::once(async move { Ok(first.index.clone()) })));
    }
    let call = cx.cloud.tagging.get_resources().set_tag_filters(Some(of_stack(cx))).resource_type_filters(ALARMS);
    let pages = call.resources_per_page(PAGE).into_paginator().send();
    Some(Box::pin(stream::unfold(pages, |mut pages| async {
        let page = pages.next().await?.map_err(failed("tag:GetResources"));
        Some((page.map(|page| index(page.resource_tag_mapping_list.unwrap_or_default())), pages))
    })))
}

/// Returns the same from another region's index: `us-east-1` knows distributions, and what they need there.
pub async fn asked(cx: &Cx, service: &'static str, region: &str) -> Option<Arc<Index>> {
    if !cx.reads.may_ask_index() {
        return None;
    }
    let found = if region == cx.scope.region {
        cx.reads.once("tags.index", here(cx)).await
    } else {
        cx.reads.once("tags.global_index", ask(cx, &cx.cloud.tagging_global, without_alarms(cx), None)).await
    };
    let index = found.ok()?;
    cx.reads.trusted_index(service);
    Some(index)
}

/// Returns the alarms that the stack has in us-east-1, where it is not itself; `None` as with [`of`].
pub async fn global_alarms(cx: &Cx, service: &'static str) -> Option<Arc<Index>> {
    if !cx.reads.may_ask_index() {
        return None;
    }
    // All others are of the same stack in us-east-1 itself.
    let of_region = TagFilter::builder().key(TAG_REGION).values(&cx.scope.region).build();
    let asked = ask(cx, &cx.cloud.tagging_global, vec![ALARMS.to_owned()], Some(of_region));
    let found = cx.reads.once("tags.global_alarms", asked).await.ok()?;
    cx.reads.trusted_index(service);
    Some(found)
}

/// Returns an answer about us-east-1, or nothing where it is a denial, to a stack of another region: organizations restrict regions, and most
/// stacks have nothing there. If the index knows of objects of that type, the denial stays an error, as they would be forgotten.
pub async fn unless_denied<T: Default>(cx: &Cx, region: &str, resource_type: &str, answer: Result<T>) -> Result<T> {
    let denied = match answer {
        Err(e) if e.class == Class::Denied && region != cx.scope.region => e,
        other => return other,
    };
    let of_region = TagFilter::builder().key(TAG_REGION).values(&cx.scope.region).build();
    match ask(cx, &cx.cloud.tagging_global, vec![resource_type.to_owned()], Some(of_region)).await {
        Ok(known) if !known.is_empty() => Err(denied),
        _ => Ok(T::default()),
    }
}

/// An environment of a stack, as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The stack's name.
    pub stack: String,
    /// The environment's.
    pub env: String,
    /// How many objects the index knows, by their keys: none of IAM and Route 53, and nothing of CloudFront outside of us-east-1.
    pub objects: usize,
    /// Until when it is wanted, as all of its objects say ([`TAG_EXPIRES`]).
    pub expires: Option<String>,
    /// In which hours it runs, if any of its services and databases says so: others that say it may be from before.
    pub awake: Option<String>,
    /// Why it is paused, if any of its objects is.
    pub paused: Option<Pause>,
}

/// Returns every environment of every stack of the region that the index knows.
///
/// # Errors
/// When it cannot be asked.
pub async fn environments(cx: &Cx) -> Result<Vec<Environment>> {
    let any = TagFilter::builder().key(TAG_STACK).build();
    let index = found(&cx.cloud.tagging, None, vec![any]).await?;
    let mut all: BTreeMap<(&String, &String), Vec<(&String, &Tags)>> = BTreeMap::new();
    // Snapshots and tasks have the tags of what they are of, as those were then.
    const COPIES: [&str; 3] = ["snapshot:", ":snapshot/", ":task/"];
    for (arn, tags) in index.iter().filter(|(arn, _)| !COPIES.iter().any(|copy| arn.contains(copy))) {
        if let (Some(stack), Some(env)) = (tags.get(TAG_STACK), tags.get(TAG_ENV)) {
            all.entry((stack, env)).or_default().push((arn, tags));
        }
    }
    let rests = |arn: &str| arn.contains(":ecs:") && arn.contains(":service/") || arn.contains(":rds:") && arn.contains(":db:");
    let environment = |((stack, env), objects): ((&String, &String), Vec<(&String, &Tags)>)| Environment {
        stack: stack.clone(),
        env: env.clone(),
        objects: objects.iter().filter_map(|(_, tags)| tags.get(TAG_KEY)).collect::<BTreeSet<_>>().len(),
        expires: objects
            .iter()
            .filter(|(_, tags)| tags.contains_key(TAG_KEY))
            .map(|(_, tags)| tags.get(TAG_EXPIRES))
            .collect::<Option<Vec<_>>>()
            .and_then(|all| all.into_iter().max().cloned()),
        awake: objects.iter().find(|(arn, _)| rests(arn)).and_then(|(_, tags)| tags.get(TAG_AWAKE)).cloned(),
        paused: objects.iter().filter_map(|(_, tags)| tags.get(TAG_PAUSED)).map(|word| Pause::of(word)).max(),
    };
    Ok(all.into_iter().map(environment).collect())
}

/// Checks whether the index knows any object of the stack.
///
/// # Errors
/// When it cannot be asked.
pub async fn has_any(cx: &Cx) -> Result<bool> {
    Ok(!ask(cx, &cx.cloud.tagging, cx.cloud.indexed.clone(), None).await?.is_empty())
}

/// Returns the tags of an object of the stack, if the index knows it as such.
pub async fn tags(cx: &Cx, service: &'static str, arn: &str) -> Option<Tags> {
    of(cx, service).await?.get(arn).cloned()
}

/// Returns the tags of a distribution of the stack, if the index knows it as such.
pub async fn global_tags(cx: &Cx, service: &'static str, arn: &str) -> Option<Tags> {
    asked(cx, service, CLOUDFRONT_REGION).await?.get(arn).cloned()
}

/// Returns the tags of the stack's objects of one type that carry a digest ([`TAG_DIGEST`]); `None` as with [`of`]. The question is
/// asked once for each type.
pub async fn digests(cx: &Cx, service: &'static str, resource_type: &'static str) -> Option<Arc<Index>> {
    if !cx.reads.may_ask_index() {
        return None;
    }
    let digest = TagFilter::builder().key(TAG_DIGEST).build();
    let found =
        cx.reads.once(resource_type, ask(cx, &cx.cloud.tagging, vec![resource_type.to_owned()], Some(digest))).await.ok()?;
    cx.reads.trusted_index(service);
    Some(found)
}

/// The first page of everything in the stack's region, and whether there are more.
struct First {
    index: Index,
    has_more: bool,
}

async fn first(cx: &Cx) -> Result<Arc<First>> {
    let asked = async {
        let call = cx.cloud.tagging.get_resources().set_tag_filters(Some(of_stack(cx)));
        let call = call.set_resource_type_filters(Some(cx.cloud.indexed.clone())).resources_per_page(PAGE);
        let answer = call.send().await.map_err(failed("tag:GetResources"))?;
        let has_more = answer.pagination_token.is_some_and(|token| !token.is_empty());
        Ok(First { index: index(answer.resource_tag_mapping_list.unwrap_or_default()), has_more })
    };
    cx.reads.once("tags.first", asked).await
}

/// Returns everything in the stack's region. What does not fit on a page is without alarms.
async fn here(cx: &Cx) -> Result<Index> {
    let first = first(cx).await?;
    if !first.has_more {
        return Ok(first.index.clone());
    }
    let groups = apart(&without_alarms(cx), services(&first.index).chain(NUMEROUS));
    let asked = try_join_all(groups.into_iter().map(|group| ask(cx, &cx.cloud.tagging, group, None))).await?;
    Ok(asked.into_iter().flatten().collect())
}

fn without_alarms(cx: &Cx) -> Vec<String> {
    cx.cloud.indexed.iter().filter(|one| *one != ALARMS).cloned().collect()
}

/// Returns the filters by what is the stack's.
fn of_stack(cx: &Cx) -> Vec<TagFilter> {
    let of = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
    vec![of(TAG_STACK, &cx.scope.stack), of(TAG_ENV, &cx.scope.env)]
}

async fn ask(cx: &Cx, client: &Client, types: Vec<String>, filter: Option<TagFilter>) -> Result<Index> {
    // Without types it would also report what their lists contain with the objects.
    found(client, Some(types), of_stack(cx).into_iter().chain(filter).collect()).await
}

async fn found(client: &Client, types: Option<Vec<String>>, filters: Vec<TagFilter>) -> Result<Index> {
    paged(client, types, Arc::new(filters)).await
}

fn index(mappings: Vec<ResourceTagMapping>) -> Index {
    let tags = |of: &ResourceTagMapping| from_pairs(of.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value()))));
    mappings.into_iter().filter_map(|mapping| Some((mapping.resource_arn.clone()?, tags(&mapping)))).collect()
}

/// Pages follow one another. Where there is more than one, the services on the first are each asked about by themselves and the others
/// together, all at once, and so on: the most frequent one decides how long it takes.
fn paged(client: &Client, types: Option<Vec<String>>, filters: Arc<Vec<TagFilter>>) -> BoxFuture<'_, Result<Index>> {
    Box::pin(async move {
        let call = client.get_resources().set_tag_filters(Some(filters.as_ref().clone()));
        let call = call.set_resource_type_filters(types.clone()).resources_per_page(PAGE);
        let answer = call.clone().send().await.map_err(failed("tag:GetResources"))?;
        let token = answer.pagination_token.filter(|token| !token.is_empty());
        let mut all = index(answer.resource_tag_mapping_list.unwrap_or_default());
        let Some(token) = token else { return Ok(all) };
        let groups = apart(types.as_deref().unwrap_or_default(), services(&all));
        if groups.len() > 1 {
            let asked = groups.into_iter().map(|group| paged(client, Some(group), filters.clone()));
            return Ok(try_join_all(asked).await?.into_iter().flatten().collect());
        }
        let mut rest = call.pagination_token(token).into_paginator().send();
        while let Some(page) = rest.next().await {
            let page = page.map_err(failed("tag:GetResources"))?;
            all.extend(index(page.resource_tag_mapping_list.unwrap_or_default()));
        }
        Ok(all)
    })
}

/// Returns the services of what was found, by its ARNs.
fn services(found: &Index) -> impl Iterator<Item = &str> {
    found.keys().filter_map(|arn| arn.split(':').nth(2))
}

/// Groups resource types (`ecs:service`, `rds`): those of each of these services, and the rest.
fn apart<'a>(types: &[String], services: impl Iterator<Item = &'a str>) -> Vec<Vec<String>> {
    let services: BTreeSet<&str> = services.collect();
    let mut groups: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
    for one in types {
        let service = one.split(':').next().and_then(|service| services.get(service)).copied();
        groups.entry(service).or_default().push(one.clone());
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_were_found_are_asked_about_apart() {
        let found =
            ["arn:aws:ecs:us-east-1:1:service/a/b", "arn:aws:logs:us-east-1:1:log-group:a", "arn:aws:ecs:us-east-1:1:cluster/a"];
        let found: Index = found.map(|arn| (arn.to_owned(), Tags::new())).into();
        let types = ["acm", "ecs:cluster", "ecs:service", "logs", "rds"].map(str::to_owned);
        assert_eq!(apart(&types, services(&found)), [vec!["acm", "rds"], vec!["ecs:cluster", "ecs:service"], vec!["logs"]]);
        assert_eq!(apart(&types[1..3], services(&found)).len(), 1);
        assert_eq!(apart(&[], services(&found)), Vec::<Vec<String>>::new());
    }
}
