//! Checks for aliases that another distribution already has.

use futures::future::try_join_all;
use serde_json::Value;

use super::summaries::summaries;
use crate::aws::Cx;
use crate::aws::cloudfront::errors::failed;
use crate::aws::finding::{Certainty, Finding, fields, is_new, listed, of_kind};
use crate::aws::wing::Check;
use crate::engine::{Item, Plan, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![("aliases", Box::pin(aliases(cx, plan)))]
}

fn aliases_of(fields: &Value) -> Vec<&str> {
    let all = fields.get("aliases").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Checks whether an alias of a distribution is already another distribution's. Those of the account are listed
/// (<https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ListDistributions.html>); about those of others CloudFront
/// answers only for a distribution with a certificate for the name
/// (<https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ListConflictingAliases.html>).
async fn aliases(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let wanted: Vec<(&Item, Vec<&str>)> = of_kind(plan, "cloudfront.distribution")
        .filter(|item| is_new(item, &["aliases"]))
        .map(|item| {
            let had = item.before.as_ref().map(|before| aliases_of(&before.fields)).unwrap_or_default();
            (item, fields(item).map(aliases_of).unwrap_or_default().into_iter().filter(|a| !had.contains(a)).collect::<Vec<_>>())
        })
        .filter(|(_, new)| !new.is_empty())
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let ours = summaries(cx).await?;
    let each = try_join_all(wanted.into_iter().map(|(item, new)| {
        let ours = &ours;
        async move {
            let before = item.before.as_ref();
            let own = before.and_then(|before| before.live.get("id")?.as_str());
            let serves = before.is_some_and(|b| b.fields.get("certificate").is_some_and(|c| c.get("arn").is_some()));
            let mut found = Vec::new();
            let mut open = Vec::new();
            for alias in new {
                let other = ours.iter().find(|d| Some(d.id()) != own && d.aliases().is_some_and(|a| a.items().iter().any(|n| n == alias)));
                if let Some(id) = other.map(|other| other.id()) {
                    let help = "remove it from that distribution first, or leave it out here";
                    found.push(Finding::refused(&item.key, format!("`{alias}` is already an alias of the distribution `{id}`"), help));
                } else if let Some(id) = own.filter(|_| serves) {
                    found.extend(in_other_accounts(cx, item, id, alias).await?);
                } else {
                    open.push(format!("`{alias}`"));
                }
            }
            if !open.is_empty() {
                let message = format!(
                    "cannot check whether another account uses {}: CloudFront answers only for a distribution whose certificate covers it",
                    listed(&open)
                );
                found.push(Finding::new(Certainty::Unknown, message).about(&item.key));
            }
            Ok::<_, crate::engine::Error>(found)
        }
    }));
    Ok(each.await?.into_iter().flatten().collect())
}

async fn in_other_accounts(cx: &Cx, item: &Item, id: &str, alias: &str) -> Result<Option<Finding>> {
    let call = cx.cloud.cloudfront.list_conflicting_aliases().distribution_id(id).alias(alias);
    let answer = call.send().await.map_err(failed("cloudfront:ListConflictingAliases"))?;
    let all = answer.conflicting_aliases_list.and_then(|list| list.items).unwrap_or_default();
    // It also reports overlaps, which are no conflict.
    let other = all.into_iter().find(|c| c.alias() == Some(alias) && c.distribution_id() != Some(id));
    Ok(other.map(|other| {
        let account = other.account_id.unwrap_or_default();
        let message = format!("`{alias}` is already an alias of a distribution in the account {account}");
        Finding::refused(
            &item.key,
            message,
            "have it removed there, or move it with `aws cloudfront associate-alias` if you can prove the domain",
        )
    }))
}
