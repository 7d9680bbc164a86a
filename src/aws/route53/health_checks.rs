//! Reading health checks. Most stacks have none, so a plan asks AWS's index of tags, which it asks anyway, and of Route 53 only what the
//! index knows; whatever is to be done is read again from the list of the account, in which each has the reference it was created with.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aws_sdk_route53::types::{HealthCheck as Found, TagResourceType};
use futures::stream::{self, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::AT_ONCE;
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::ownership::tag_index;
use crate::aws::ownership::tags::{Tags, from_pairs};
use crate::aws::route53::errors::failed;
use crate::engine::{Error, Result, Scope};

/// The type by which the index knows health checks. Those of all stacks are in the index of us-east-1, as they have no region.
pub(super) const INDEXED: &str = "route53:healthcheck";

/// The number of health checks of one object that can have been deleted in the last days: their references are used up until Route 53
/// forgets them (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHealthCheck.html>).
pub(super) const LIVES: u32 = 64;

/// Returns the ARN of a health check.
pub(super) fn arn(scope: &Scope, id: &str) -> String {
    format!("arn:{}:route53:::healthcheck/{id}", scope.partition)
}

/// The reference that a health check was created with: which stack it belongs to, and which of its objects it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The object's name.
    pub name: String,
    /// Its generation.
    pub generation: u32,
}

impl Reference {
    /// Returns the reference of an object, which has had `life - 1` others before that were deleted.
    pub fn text(scope: &Scope, name: &str, generation: u32, life: u32) -> String {
        format!("{}{generation}-{life}-{name}", prefix(scope))
    }

    /// Reads a reference, if it is of an object of the stack.
    pub fn read(scope: &Scope, text: &str) -> Option<Reference> {
        let (generation, rest) = text.strip_prefix(&prefix(scope))?.split_once('-')?;
        let (_, name) = rest.split_once('-')?;
        Some(Reference { name: name.to_owned(), generation: generation.parse().ok()? })
    }
}

/// Returns the longest reference that an object of this name can have.
pub fn longest_reference(scope: &Scope, name: &str) -> String {
    Reference::text(scope, name, 9, LIVES)
}

/// Returns what the references of the stack's health checks begin with: a digest, as they have at most 64 characters.
fn prefix(scope: &Scope) -> String {
    let digest = Sha256::digest([&scope.region, &scope.stack, &scope.env].map(String::as_str).join("\n").as_bytes());
    let mut out = String::from("stack-");
    for byte in digest.iter().take(8) {
        let _ = write!(out, "{byte:02x}");
    }
    out + "-"
}

/// Returns all health checks of the account.
pub(super) async fn listed(cx: &Cx) -> Result<Vec<Found>> {
    let pages = cx.cloud.route53.list_health_checks().into_paginator().items().send();
    pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("route53:ListHealthChecks"))
}

/// Returns a health check, if it exists.
pub(super) async fn look(cx: &Cx, id: &str) -> Result<Option<Found>> {
    let answer = cx.cloud.route53.get_health_check().health_check_id(id).send().await;
    present(answer.map(|answer| answer.health_check).map_err(failed("route53:GetHealthCheck")))
}

async fn tags_of(cx: &Cx, id: &str) -> Result<Tags> {
    let call = cx.cloud.route53.list_tags_for_resource().resource_type(TagResourceType::Healthcheck).resource_id(id);
    let answer = call.send().await.map(|answer| answer.resource_tag_set).map_err(failed("route53:ListTagsForResource"));
    let set = present(answer)?;
    let tags = set.iter().flat_map(|set| set.tags());
    Ok(from_pairs(tags.map(|tag| (tag.key(), tag.value()))))
}

/// Returns the health checks that can be the stack's, with their tags.
///
/// # Errors
/// When Route 53 cannot be asked. A denial to a stack of another region than us-east-1 is none as long as the index knows of none.
pub(super) async fn own(cx: &Cx) -> Result<Vec<(Found, Tags)>> {
    let id_of = |arn: &str| arn.split_once(":route53:::healthcheck/").map(|(_, id)| id.to_owned());
    if let Some(index) = tag_index::asked(cx, "route53", CLOUDFRONT_REGION).await {
        let known = index.iter().filter_map(|(arn, tags)| Some((id_of(arn)?, tags.clone())));
        let asked = known.map(|(id, tags)| async move { Ok::<_, Error>(look(cx, &id).await?.map(|found| (found, tags))) });
        let found: Vec<_> = stream::iter(asked.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await?;
        return Ok(found.into_iter().flatten().collect());
    }
    let all = tag_index::unless_denied(cx, CLOUDFRONT_REGION, INDEXED, listed(cx).await).await?;
    let mut candidates = BTreeSet::new();
    if cx.scope.region == CLOUDFRONT_REGION {
        candidates.extend(tag_index::candidates(cx).await?.keys().filter_map(|arn| id_of(arn)));
    }
    let is_candidate =
        |one: &Found| Reference::read(&cx.scope, one.caller_reference()).is_some() || candidates.contains(one.id());
    let asked = all.into_iter().filter(is_candidate).map(|one| async move {
        let tags = tags_of(cx, one.id()).await?;
        Ok::<_, Error>((one, tags))
    });
    stream::iter(asked.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await
}

/// Returns the identifiers of the health checks that a stack has in a region, by their references.
///
/// # Errors
/// When Route 53 cannot be asked.
pub async fn health_checks_of(cx: &Cx, scope: &Scope) -> Result<Vec<String>> {
    let all = cx.reads.once("route53.health_checks", listed(cx)).await?;
    let ours = all.iter().filter(|one| Reference::read(scope, one.caller_reference()).is_some());
    Ok(ours.map(|one| one.id.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(stack: &str, env: &str, region: &str) -> Scope {
        let text = str::to_owned;
        Scope { stack: text(stack), env: text(env), region: text(region), account: text("1"), partition: text("aws") }
    }

    #[test]
    fn a_reference_is_read_back_in_its_scope_only() {
        let shop = scope("shop", "default", "eu-west-1");
        let text = Reference::text(&shop, "main-10s", 2, 3);
        assert_eq!(Reference::read(&shop, &text), Some(Reference { name: "main-10s".into(), generation: 2 }));
        for other in
            [scope("shop", "staging", "eu-west-1"), scope("sho", "pdefault", "eu-west-1"), scope("shop", "default", "us-east-1")]
        {
            assert_eq!(Reference::read(&other, &text), None, "{other:?}");
        }
        assert_eq!(Reference::read(&shop, "stack-by-hand"), None);
        assert!(longest_reference(&shop, &"n".repeat(36)).len() == 64);
    }
}
