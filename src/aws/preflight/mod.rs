//! What AWS would refuse in the middle of a plan, asked before it begins: permissions, quotas, classes, versions, names,
//! certificates, images, service-linked roles.
//!
//! Every check asks about what the plan makes or deletes and nothing else, all of them at once, and none for long. What cannot be found
//! out is said to be unknown; it never stops anybody.

pub mod actions;
mod blocked;
mod caches;
mod certificates;
mod databases;
mod fargate;
mod finding;
mod images;
mod names;
mod permissions;
mod placement;
mod quotas;
mod records;
mod roles;
mod secrets;
mod trails;
mod zones;

use std::time::Duration;

use futures::future::{BoxFuture, join_all};

pub use finding::{Certainty, Finding};

use finding::{is_made, is_new, listed, loses_subnets};

use super::{Clients, Cx};
use crate::engine::{Plan, Registry, Result};

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(8);

type Check<'a> = BoxFuture<'a, Result<Vec<Finding>>>;

/// Asks about everything that a plan makes and deletes. `who` is the identity that will do it.
pub async fn check(cx: &Cx, registry: &Registry<Clients>, who: &str, plan: &Plan) -> Vec<Finding> {
    // What several checks need is asked once, and anew for every plan.
    let cx = &cx.fresh();
    let mut checks = if plan.destroy { Vec::new() } else { about_what_is_made(cx, who, plan) };
    for item in blocked::leaving(plan) {
        if let Some(kind) = registry.find(&item.key.kind) {
            checks.push(("what is in the way of deletions", Box::pin(blocked::check(cx, &**kind, item))));
        }
    }
    answers(checks).await
}

fn about_what_is_made<'a>(cx: &'a Cx, who: &'a str, plan: &'a Plan) -> Vec<(&'static str, Check<'a>)> {
    let mut checks: Vec<(&str, Check<'_>)> = vec![
        ("permissions", Box::pin(permissions::check(cx, who, plan))),
        ("service-linked roles", Box::pin(roles::check(cx, who, plan))),
        ("the quota of networks", Box::pin(quotas::networks(cx, plan))),
        ("the quota of internet gateways", Box::pin(quotas::internet_gateways(cx, plan))),
        ("the quota of NAT gateways", Box::pin(quotas::nat_gateways(cx, plan))),
        ("the quota of addresses", Box::pin(quotas::addresses(cx, plan))),
        ("the quota of load balancers", Box::pin(quotas::balancers(cx, plan))),
        ("the quota of databases", Box::pin(quotas::databases(cx, plan))),
        ("the quota of Fargate", Box::pin(fargate::check(cx, plan))),
        ("names of users", Box::pin(names::users(cx, plan))),
        ("aliases", Box::pin(names::aliases(cx, plan))),
        ("certificates", Box::pin(certificates::check(cx, plan))),
        ("names in DNS", Box::pin(records::check(cx, plan))),
        ("trails", Box::pin(trails::check(cx, plan))),
    ];
    for item in &plan.items {
        match item.key.kind.as_str() {
            "rds.instance" if is_new(item, &["class", "engine_version", "multi_az"]) => {
                checks.push(("database classes", Box::pin(databases::check(cx, plan, item))));
            }
            "elasticache.replication_group" | "elasticache.cluster" => {
                if is_new(item, &["engine", "engine_version"]) {
                    checks.push(("cache versions", Box::pin(caches::version(cx, item))));
                }
                if is_new(item, &["node_type"]) {
                    checks.push(("node types", Box::pin(caches::node_type(cx, item))));
                }
            }
            "rds.subnet_group" if loses_subnets(item) => {
                checks.push(("where databases stand", Box::pin(placement::databases(cx, plan, item))));
            }
            "elasticache.subnet_group" if loses_subnets(item) => {
                checks.push(("where caches stand", Box::pin(placement::caches(cx, plan, item))));
            }
            "ecs.task_definition" if is_new(item, &["containers"]) => {
                checks.push(("images", Box::pin(images::check(cx, item))));
                checks.push(("secrets", Box::pin(secrets::check(cx, item))));
            }
            "secretsmanager.secret" if is_made(item) => checks.push(("names of secrets", Box::pin(secrets::name(cx, item)))),
            "s3.bucket" if is_made(item) => checks.push(("names of buckets", Box::pin(names::bucket(cx, item)))),
            _ => {}
        }
    }
    checks
}

/// What comes of the checks, all at once, the surest first.
async fn answers(checks: Vec<(&str, Check<'_>)>) -> Vec<Finding> {
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
