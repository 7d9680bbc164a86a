//! What AWS would refuse in the middle of a plan, checked before it begins: permissions, quotas, classes, versions, names,
//! certificates, images, service-linked roles.
//!
//! Every check asks only about what the plan creates or deletes, all of them at once, and none for long. What cannot be found out
//! is reported as unknown; it never stops a run.

pub mod actions;
mod blocked;
mod permissions;
mod roles;

use std::time::Duration;

use futures::future::join_all;

pub use super::finding::{Certainty, Finding};

use super::finding::listed;
use super::wing::Check;
use super::{Clients, Cx, registry};
use crate::engine::{Plan, Registry};

/// The maximum time for one check.
const PATIENCE: Duration = Duration::from_secs(8);

/// Checks everything that a plan creates and deletes. `who` is the identity that will apply it.
pub async fn check(cx: &Cx, registry: &Registry<Clients>, who: &str, plan: &Plan) -> Vec<Finding> {
    // What several checks need is asked once, and again for every plan.
    let cx = &cx.fresh();
    let mut checks = if plan.destroy { Vec::new() } else { about_what_is_made(cx, who, plan) };
    checks.extend(registry::wings().flat_map(|wing| (wing.departures)(cx, plan)));
    for item in blocked::leaving(plan) {
        if let Some(kind) = registry.find(&item.key.kind) {
            checks.push(("what blocks deletions", Box::pin(blocked::check(cx, &**kind, item))));
        }
    }
    answers(checks).await
}

fn about_what_is_made<'a>(cx: &'a Cx, who: &'a str, plan: &'a Plan) -> Vec<Check<'a>> {
    let mut checks: Vec<Check<'_>> = vec![
        ("permissions", Box::pin(permissions::check(cx, who, plan))),
        ("service-linked roles", Box::pin(roles::check(cx, who, plan))),
    ];
    checks.extend(registry::wings().flat_map(|wing| (wing.checks)(cx, plan)));
    checks
}

/// Returns the findings of the checks, which run at once, the most certain first.
async fn answers(checks: Vec<Check<'_>>) -> Vec<Finding> {
    let answers = join_all(checks.into_iter().map(|(what, check)| async move {
        match tokio::time::timeout(PATIENCE, check).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err((what, error.to_string())),
            Err(_) => Err((what, "AWS did not answer in time".to_owned())),
        }
    }))
    .await;
    let mut found = Vec::new();
    let mut unknown: Vec<(String, Vec<&str>)> = Vec::new();
    for answer in answers {
        match answer {
            Ok(some) => found.extend(some),
            // One answer that is missing can leave several questions open.
            Err((what, why)) => match unknown.iter_mut().find(|(reason, _)| *reason == why) {
                Some((_, open)) if open.contains(&what) => {}
                Some((_, open)) => open.push(what),
                None => unknown.push((why, vec![what])),
            },
        }
    }
    let open = |(why, what): &(String, Vec<&str>)| format!("{} could not be checked: {why}", listed(what));
    found.extend(unknown.iter().map(|one| Finding::new(Certainty::Unknown, open(one))));
    found.sort_by(|a, b| (a.certainty, &a.key, &a.message).cmp(&(b.certainty, &b.key, &b.message)));
    found.dedup();
    found
}
