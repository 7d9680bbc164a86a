//! Checks for user names that IAM considers the same.

use crate::aws::Cx;
use crate::aws::iam::errors::failed;
use crate::aws::preflight::finding::{Finding, field, made};
use crate::aws::wing::Check;
use crate::engine::{Item, Plan, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![("user names", Box::pin(users(cx, plan)))]
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
