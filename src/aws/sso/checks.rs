//! Checks for what IAM Identity Center would refuse, and for what it has in other accounts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::PermissionSet;
use super::assignment::{Assignment, worded};
use super::center::{ADMINISTERED, Center, center};
use super::principals::{self, USER};
use super::sets;
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::finding::{Finding, field, fields, is_made, is_new, listed, of_kind};
use crate::aws::iam::errors::failed;
use crate::aws::wing::Check;
use crate::engine::{Action, Item, Plan, Resource, Result};

/// How different a name may be that is suggested.
const NEAR: usize = 4;

fn is_kind(item: &Item) -> bool {
    matches!(item.key.kind.as_str(), PermissionSet::KIND | Assignment::KIND)
}

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    if !plan.items.iter().any(|item| is_kind(item) && !matches!(item.action, Action::Keep | Action::Delete)) {
        return Vec::new();
    }
    vec![("IAM Identity Center", Box::pin(people(cx, plan))), ("policies of permission sets", Box::pin(policies(cx, plan)))]
}

/// Returns the checks of what a plan deletes.
pub(super) fn departures<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    let gone: Vec<&Item> = of_kind(plan, PermissionSet::KIND).filter(|item| item.action == Action::Delete).collect();
    if gone.is_empty() { Vec::new() } else { vec![("permission sets in other accounts", Box::pin(elsewhere(cx, gone)))] }
}

/// Checks whether there is an instance in the region, and whether its directory has whoever gets a permission set.
async fn people(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let Some(first) = plan.items.iter().find(|item| is_kind(item) && is_made(item)) else { return Ok(Vec::new()) };
    let found = center(cx).await?;
    let region = cx.cloud.wants.identity_center.as_deref().unwrap_or(&cx.scope.region);
    let Some(center) = found.as_ref() else {
        let message = format!("IAM Identity Center has no instance in {region} that this account can see");
        let help =
            format!("write its region in `access.identity_center.region`, or enable it for the organization; {ADMINISTERED}");
        return Ok(vec![Finding::refused(&first.key, message, help)]);
    };
    if let Some(home) = center.home.as_ref().filter(|home| **home != center.instance.region) {
        let message =
            format!("IAM Identity Center is in {home}, and {} is only an additional region of it", center.instance.region);
        return Ok(vec![Finding::refused(&first.key, message, format!("write `region: {home}` in `access.identity_center`"))]);
    }
    let mut out = Vec::new();
    for item in of_kind(plan, Assignment::KIND).filter(|item| is_made(item)) {
        if let (Some(sort), Some(name)) = (field(item, "principal_type"), field(item, "principal")) {
            out.extend(principal(center, item, sort, name).await?);
        }
    }
    Ok(out)
}

async fn principal(center: &Center, item: &Item, sort: &str, name: &str) -> Result<Option<Finding>> {
    let is = match principals::id(center, sort, name).await? {
        Some(id) => principals::name(center, sort, &id).await?,
        None => None,
    };
    if is.as_deref() == Some(name) {
        return Ok(None);
    }
    let who = worded(sort, name);
    if let Some(is) = is {
        let message = format!("the identity store writes the {who} `{is}`");
        return Ok(Some(Finding::refused(&item.key, message, format!("write `{is}`"))));
    }
    let all = principals::names(center, sort).await?;
    let message = format!("the identity store of IAM Identity Center has no {who}");
    Ok(Some(Finding::refused(&item.key, message, suggestion(name, &all, sort))))
}

/// Returns what may have been meant.
fn suggestion(name: &str, all: &[String], sort: &str) -> String {
    let near = all.iter().map(|other| (strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase()), other));
    match near.filter(|(distance, _)| *distance <= NEAR).min() {
        Some((_, near)) => format!("did you mean `{near}`?"),
        None if sort == USER => "write the name that the user signs in with, or create the user in the directory".into(),
        None => "write the group's display name, or create the group in the directory".into(),
    }
}

/// Checks whether policies of the account exist, which permission sets name: without them AWS cannot provision it
/// (<https://docs.aws.amazon.com/singlesignon/latest/userguide/howtocmp.html>).
async fn policies(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let mut out = Vec::new();
    for item in of_kind(plan, PermissionSet::KIND).filter(|item| is_new(item, &["managed", "boundary"])) {
        let managed = fields(item).and_then(|fields| fields.get("managed")?.as_array()).into_iter().flatten();
        let named: BTreeSet<&str> = managed.filter_map(Value::as_str).chain(field(item, "boundary")).collect();
        for arn in named.into_iter().filter(|arn| !arn.contains(":iam::aws:")) {
            let call = cx.cloud.iam.get_policy().policy_arn(arn);
            let account = format!(":iam::{}:", cx.scope.account);
            let is_there = arn.contains(&account)
                && present(call.send().await.map(|answer| answer.policy).map_err(failed("iam:GetPolicy")))?.is_some();
            if !is_there {
                let message = format!("the policy `{arn}` does not exist in the account {}", cx.scope.account);
                out.push(Finding::refused(&item.key, message, "create it there, or correct the ARN"));
            }
        }
    }
    Ok(out)
}

/// Checks whether what goes is assigned in other accounts: AWS deletes no such permission set, and whoever assigned it there needs it.
async fn elsewhere(cx: &Cx, gone: Vec<&Item>) -> Result<Vec<Finding>> {
    let found = center(cx).await?;
    let Some(center) = found.as_ref() else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for item in gone {
        let Some(arn) = item.before.as_ref().and_then(|before| before.live.get("arn")?.as_str()) else { continue };
        let mut others = sets::accounts(&center.instance, arn).await?;
        others.retain(|account| *account != cx.scope.account);
        if !others.is_empty() {
            let noun = if others.len() == 1 { "the account" } else { "the accounts" };
            let message =
                format!("someone assigned it in {noun} {}, and AWS deletes no permission set that is assigned", listed(&others));
            out.push(Finding::refused(&item.key, message, "delete these assignments first, or keep it in the file"));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_like_it_is_suggested() {
        let all = ["Developers", "auditors"].map(str::to_owned);
        assert_eq!(suggestion("developer", &all, "GROUP"), "did you mean `Developers`?");
        assert!(suggestion("finance", &all, "GROUP").contains("display name"));
        assert!(suggestion("ann@example.org", &[], USER).contains("signs in"));
    }
}
