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
use serde_json::Value;

use super::{Clients, Cx};
use crate::engine::token;
use crate::engine::{Action, Item, Key, Plan, Registry, Result};

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// AWS will refuse it.
    Refused,
    /// AWS may refuse it.
    Doubtful,
    /// It could not be found out.
    Unknown,
    /// AWS will do it, and it is worth knowing.
    Told,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How sure it is.
    pub certainty: Certainty,
    /// The object.
    pub key: Option<Key>,
    /// What it is, in a sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Finding {
    fn new(certainty: Certainty, message: impl Into<String>) -> Finding {
        Finding { certainty, key: None, message: message.into(), help: None }
    }

    fn refused(key: &Key, message: impl Into<String>, help: impl Into<String>) -> Finding {
        Finding::new(Certainty::Refused, message).about(key).help(help)
    }

    fn about(mut self, key: &Key) -> Finding {
        self.key = Some(key.clone());
        self
    }

    fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }
}

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

/// `a, b and c`.
fn listed<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Whether the plan makes it anew.
fn is_made(item: &Item) -> bool {
    matches!(item.action, Action::Create | Action::Replace)
}

/// Whether the plan makes it anew, or changes one of these fields.
fn is_new(item: &Item, fields: &[&str]) -> bool {
    is_made(item) || item.action == Action::Update && fields.iter().any(|field| item.changes.touches(field))
}

/// Whether a group of subnets is changed in place: it may be to lose one.
fn loses_subnets(item: &Item) -> bool {
    item.action == Action::Update && item.changes.touches("subnets")
}

/// What the plan makes anew.
fn made(plan: &Plan) -> impl Iterator<Item = &Item> {
    plan.items.iter().filter(|item| is_made(item))
}

fn of_kind<'a>(plan: &'a Plan, kind: &'a str) -> impl Iterator<Item = &'a Item> {
    plan.items.iter().filter(move |item| item.key.kind == kind)
}

/// What it is to be; where the plan leaves it alone, what it is.
fn fields(item: &Item) -> Option<&Value> {
    item.desired.as_ref().or(item.before.as_ref().map(|before| &before.fields))
}

fn field<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    fields(item)?.get(name)?.as_str()
}

/// The object of the plan that a field refers to.
fn referred<'a>(plan: &'a Plan, value: Option<&Value>) -> Option<&'a Item> {
    let key = token::named(value?).into_keys().next()?;
    plan.items.iter().find(|item| item.key == key)
}

/// The identifiers of AWS that a field refers to.
fn physical(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    token::visit(value, &mut |token| {
        if let token::Token::Physical { value, .. } = token {
            found.push(value.to_owned());
        }
    });
    found
}

/// Whether `version` is `wanted` or one of it: `16.4` is a `16`.
fn is_of(version: &str, wanted: &str) -> bool {
    version.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_of_its_prefix() {
        assert!(is_of("16.4", "16") && is_of("16.4", "16.4") && !is_of("160.1", "16") && !is_of("16", "16.4"));
    }

    #[test]
    fn words_are_listed_as_people_do() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }
}
