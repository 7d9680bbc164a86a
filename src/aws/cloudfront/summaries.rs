//! The account's distributions as the list shows them, without tags and with the mark in the comment, and one of them by its identifier.

use std::sync::Arc;

use aws_sdk_cloudfront::types as sdk;

use super::marked;
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::cloudfront::errors::failed;
use crate::aws::ownership::names;
use crate::engine::Result;

/// Returns every distribution of the account; the list has no tags.
pub(super) async fn summaries(cx: &Cx) -> Result<Arc<Vec<sdk::DistributionSummary>>> {
    cx.reads
        .once("cloudfront.distributions", async {
            let mut out = Vec::new();
            let mut marker = None;
            loop {
                let answer = cx.cloud.cloudfront.list_distributions().max_items(100).set_marker(marker).send().await;
                let Some(list) = answer.map_err(failed("cloudfront:ListDistributions"))?.distribution_list else { break };
                marker = list.next_marker.filter(|next| list.is_truncated && !next.is_empty());
                out.extend(list.items.unwrap_or_default());
                if marker.is_none() {
                    break;
                }
            }
            Ok(out)
        })
        .await
}

/// Returns the distribution of that identifier, if it exists.
pub(super) async fn look(cx: &Cx, id: &str) -> Result<Option<sdk::Distribution>> {
    let answer = cx.cloud.cloudfront.get_distribution().id(id).send().await.map_err(failed("cloudfront:GetDistribution"));
    present(answer.map(|a| a.distribution))
}

/// Checks whether a distribution is the stack's by its mark, or does not exist.
pub async fn is_ours_or_gone(cx: &Cx, id: &str) -> Result<bool> {
    let found = look(cx, id).await?.and_then(|found| found.distribution_config);
    Ok(found.is_none_or(|config| marked(&cx.scope, config.comment()).is_some()))
}

/// Returns the domains of the stack's distributions, by their mark, and the other names that each answers to.
pub async fn delivered(cx: &Cx) -> Result<Vec<(String, Vec<String>)>> {
    let all = summaries(cx).await?;
    let ours = all.iter().filter(|summary| marked(&cx.scope, summary.comment()).is_some());
    let aliases = |summary: &sdk::DistributionSummary| summary.aliases().map(|a| a.items().to_vec()).unwrap_or_default();
    Ok(ours.map(|summary| (summary.domain_name().to_owned(), aliases(summary))).collect())
}

/// Returns the distributions that use this access control for an origin: the identifier of each, and whether it is the stack's.
pub(super) async fn controlled_by(cx: &Cx, control: &str) -> Result<Vec<(String, bool)>> {
    let uses = |summary: &&sdk::DistributionSummary| {
        let origins = summary.origins().map_or(&[][..], |o| o.items());
        origins.iter().any(|origin| origin.origin_access_control_id() == Some(control))
    };
    let all = summaries(&cx.fresh()).await?;
    let told = |s: &sdk::DistributionSummary| (s.id().to_owned(), marked(&cx.scope, s.comment()).is_some());
    Ok(all.iter().filter(uses).map(told).collect())
}

/// Checks whether a distribution can be the stack's, by what the list shows: the mark, or, if that was overwritten, an origin in
/// the stack's region with a name like the stack's.
pub(super) fn may_be_ours(cx: &Cx, summary: &sdk::DistributionSummary) -> bool {
    let scope = &cx.scope;
    if marked(scope, summary.comment()).is_some() {
        return true;
    }
    if summary.comment().starts_with(&format!("{}/{}/", scope.stack, scope.env)) {
        return false; // the same stack's, in another region
    }
    let region = format!(".{}.", scope.region);
    let origins = summary.origins().map_or(&[][..], |o| o.items()).iter().map(|o| o.domain_name());
    let first = |domain: &str| domain.trim_start_matches("internal-").split('.').next().unwrap_or_default().to_owned();
    origins.into_iter().any(|domain| domain.contains(&region) && names::begins(&scope.prefix(), &first(domain), 63))
}
