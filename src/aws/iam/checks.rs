//! Checks of what an account has only once, or must have already.

use std::collections::BTreeMap;

use super::oidc_provider::{arns, is_of};
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::finding::{Finding, field, is_new, made};
use crate::aws::iam::errors::failed;
use crate::aws::wing::Check;
use crate::engine::{Action, Item, Key, Plan, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![
        ("user names", Box::pin(users(cx, plan))),
        ("identity providers", Box::pin(providers(cx, plan))),
        ("permissions boundaries", Box::pin(boundaries(cx, plan))),
        ("the password policy", Box::pin(async { Ok(policies(plan)) })),
    ]
}

/// Checks whether a user's name differs from another's only in case, which IAM ignores
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html>).
async fn users(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let wanted: Vec<(&Item, &str)> =
        made(plan).filter(|i| i.key.kind == "iam.user").filter_map(|item| Some((item, field(item, "name")?))).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let pages = cx.cloud.iam.list_users().max_items(1000).into_paginator().items().send();
    let there = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("iam:ListUsers"))?;
    let found = wanted.into_iter().filter_map(|(item, name)| {
        let other = there.iter().find(|u| u.user_name.eq_ignore_ascii_case(name) && u.user_name != name)?;
        let message = format!("the user `{}` already exists in the account, and IAM ignores case in user names", other.user_name);
        Some(Finding::refused(&item.key, message, "choose another name, or remove the user from the file"))
    });
    Ok(found.collect())
}

/// Checks whether the account has a provider for the issuer already: it can have one only.
async fn providers(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let new = made(plan).filter(|item| item.key.kind == "iam.oidc_provider" && item.action == Action::Create);
    let wanted: Vec<(&Item, &str)> = new.filter_map(|item| Some((item, field(item, "url")?))).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let there = arns(cx).await?;
    let found = wanted.into_iter().filter_map(|(item, url)| {
        let other = there.iter().find(|arn| is_of(arn, url))?;
        let message =
            format!("the account already has `{other}`, which is not this environment's, and can have one only for `{url}`");
        let help = "write `access: { identity_providers: existing }`, and the roles of the pipelines use it as it is";
        Some(Finding::refused(&item.key, message, help))
    });
    Ok(found.collect())
}

/// Checks that the file has one password policy at most: an account has one, and each would be written over the other.
fn policies(plan: &Plan) -> Vec<Finding> {
    let mut wanted = plan.items.iter().filter(|item| item.key.kind == "iam.password_policy" && item.desired.is_some());
    let Some(first) = wanted.next() else { return Vec::new() };
    let again = |item: &Item| {
        let message = format!("an account has one password policy, and `{}` is it", first.key);
        Finding::refused(&item.key, message, "keep one of the two, with the fields of both")
    };
    wanted.map(again).collect()
}

/// Checks whether permissions boundaries exist: IAM refuses roles and users with another
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>).
async fn boundaries(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let mut wanted: BTreeMap<&str, &Key> = BTreeMap::new();
    let limited = plan.items.iter().filter(|item| matches!(item.key.kind.as_str(), "iam.role" | "iam.user"));
    for item in limited.filter(|item| is_new(item, &["boundary"])) {
        if let Some(arn) = field(item, "boundary").filter(|arn| !arn.contains(":iam::aws:")) {
            wanted.entry(arn).or_insert(&item.key);
        }
    }
    let mut found = Vec::new();
    for (arn, key) in wanted {
        let call = cx.cloud.iam.get_policy().policy_arn(arn);
        if present(call.send().await.map(|answer| answer.policy).map_err(failed("iam:GetPolicy")))?.is_none() {
            let message = format!("the permissions boundary `{arn}` does not exist");
            found.push(Finding::refused(key, message, "create the policy, or correct the ARN in `access.boundary`"));
        }
    }
    Ok(found)
}
