//! What is running, as it was read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::parts::{self, Part};
use crate::aws::Clients;
use crate::aws::cloudwatch::Watch;
use crate::aws::ec2::DefaultSecurityGroup;
use crate::aws::ecs::{Running, running};
use crate::aws::elasticache::Cache;
use crate::aws::rds::Database;
use crate::aws::runs::history::{self, Record};
use crate::aws::runs::store::Store;
use crate::commands::outputs;
use crate::commands::session::Session;
use crate::commands::stop::Result;
use crate::engine::{Claim, Key, Readiness, Registry, Resource, Seen, Snapshot, stray_name};

/// All that `stack show` shows.
#[derive(Serialize)]
pub struct Shown {
    pub stack: String,
    pub env: String,
    pub account: String,
    pub region: String,
    pub services: Vec<Service>,
    pub distributions: Vec<Distribution>,
    pub databases: Vec<Database>,
    pub caches: Vec<Cache>,
    /// What keeps its data and watches its cost.
    pub protection: Vec<Part>,
    pub alarms: Vec<Watch>,
    pub objects: Vec<Object>,
    pub outputs: BTreeMap<String, String>,
    /// The run that changed the stack last, as far as the history can be read.
    pub last_run: Option<LastRun>,
}

/// A service as ECS sees it, with what other objects say about it.
#[derive(Serialize)]
pub struct Service {
    #[serde(flatten)]
    pub running: Running,
    /// `healthy`, `deploying`, `degraded`, `failed`, `stopped`, or `old revision` when it does not run its newest one.
    pub state: &'static str,
    /// The image of its first container.
    pub image: Option<String>,
    /// When its newest deployment began.
    pub deployed: Option<String>,
    /// Where its first route is answered.
    pub url: Option<String>,
}

/// The run that changed the stack last.
#[derive(Serialize)]
pub struct LastRun {
    pub number: u64,
    pub began: String,
    pub who: String,
    pub command: String,
    pub ending: String,
}

/// A distribution of CloudFront.
#[derive(Serialize)]
pub struct Distribution {
    pub name: String,
    pub id: String,
    pub status: String,
    pub domain: String,
    pub aliases: Vec<String>,
}

/// An object of the stack.
#[derive(Serialize)]
pub struct Object {
    pub key: String,
    pub id: String,
    pub state: String,
}

/// Reads what is running.
pub async fn read(session: &Session) -> Result<Shown> {
    let store = Store::of(&session.cx);
    let (snapshot, services, runs) = session
        .hear(async {
            let snapshot = Snapshot::read(&session.registry, &session.cx);
            let (snapshot, services, runs) = tokio::join!(snapshot, running(&session.cx), history::last(&store, 1));
            Result::<_>::Ok((snapshot?, services?, runs))
        })
        .await?;
    let outputs = outputs::of(&snapshot);
    let protection = session.hear(async { Result::<_>::Ok(parts::read(&session.cx, &snapshot).await) }).await?;
    let url = outputs.get("url").map(String::as_str);
    let scope = session.cx.scope.as_ref().clone();
    Ok(Shown {
        stack: scope.stack,
        env: scope.env,
        account: scope.account,
        region: scope.region,
        services: services.into_iter().map(|running| Service::of(running, &snapshot, url)).collect(),
        distributions: distributions(&snapshot),
        databases: of(&snapshot, Database::of),
        caches: of(&snapshot, Cache::of),
        protection,
        alarms: of(&snapshot, Watch::of),
        objects: objects(&snapshot, &session.registry),
        // Who may not read the history sees everything else.
        last_run: runs.ok().and_then(|(records, _)| records.into_iter().next()).map(LastRun::of),
        outputs,
    })
}

impl LastRun {
    fn of(record: Record) -> LastRun {
        let ending = record.ending.to_string();
        LastRun { number: record.number, began: record.began, who: record.who, command: record.command, ending }
    }
}

impl Service {
    fn of(running: Running, snapshot: &Snapshot, url: Option<&str>) -> Service {
        let family =
            |revision: &str| revision.rsplit_once(':').map(|(family, n)| (family.to_owned(), n.parse::<u64>().unwrap_or(0)));
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let of_kind = |kind: &'static str| snapshot.seen.iter().filter(move |seen| seen.kind == kind);
        let revisions: Vec<(String, &Value)> = of_kind("ecs.task_definition")
            .map(|seen| (seen.id().rsplit('/').next().unwrap_or_default().to_owned(), seen.fields.as_ref()))
            .collect();
        let current = family(&running.task_definition);
        let newest = revisions
            .iter()
            .filter_map(|(name, _)| family(name))
            .filter(|it| Some(&it.0) == current.as_ref().map(|c| &c.0))
            .max();
        let image = revisions.iter().find(|(name, _)| *name == running.task_definition).and_then(|(_, fields)| {
            let first = fields.get("containers")?.as_array()?.first()?;
            text(first, "image")
        });
        let seen = of_kind("ecs.service").find(|seen| seen.key().is_some_and(|key| key.name == running.name));
        let deployed =
            seen.and_then(|seen| Timestamp::from_millisecond(seen.live.get("deployed")?.as_i64()?).ok()).map(|it| it.to_string());
        let url = url.and_then(|url| route(url, routed(seen?, snapshot)?));
        Service { state: state(&running, newest > current), image, deployed, url, running }
    }
}

/// Returns which host and path lead to a service, as far as a rule asks for any; none when nothing leads there.
pub fn routed(service: &Seen, snapshot: &Snapshot) -> Option<(Option<String>, Option<String>)> {
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let of_kind = |kind: &'static str| snapshot.seen.iter().filter(move |seen| seen.kind == kind);
    let targets = service.fields.get("load_balancers").and_then(Value::as_array).into_iter().flatten();
    let groups: Vec<String> = targets.filter_map(|target| text(target, "target_group")).collect();
    let leads_here =
        |action: Option<&Value>| action.and_then(|it| text(it, "target_group")).is_some_and(|it| groups.contains(&it));
    let ruled = of_kind("elbv2.rule").find(|rule| leads_here(rule.fields.get("action"))).map(|rule| {
        let first = |field: &str| Some(rule.fields.get(field)?.as_array()?.first()?.as_str()?.to_owned());
        (first("hosts"), first("paths"))
    });
    let default = || of_kind("elbv2.listener").any(|listener| leads_here(listener.fields.get("default_action")));
    ruled.or_else(|| default().then_some((None, None)))
}

/// Where a route is answered, by its host and its path.
fn route(url: &str, (host, path): (Option<String>, Option<String>)) -> Option<String> {
    let path = path.unwrap_or_default();
    let path = path.split('*').next().unwrap_or_default();
    match host {
        None => Some(format!("{url}{path}")),
        Some(host) if host.contains('*') => None,
        Some(host) => Some(format!("{}://{host}{path}", url.split_once("://").map_or("http", |(scheme, _)| scheme))),
    }
}

/// How a service does, in a word. `behind`: a newer revision of its tasks exists than the one that it runs.
fn state(running: &Running, behind: bool) -> &'static str {
    match running.rollout.as_str() {
        "FAILED" => "failed",
        "IN_PROGRESS" => "deploying",
        _ if running.desired == 0 => "stopped",
        _ if running.running < running.desired => "degraded",
        _ if behind => "old revision",
        _ => "healthy",
    }
}

fn distributions(snapshot: &Snapshot) -> Vec<Distribution> {
    let ours = snapshot.seen.iter().filter(|seen| seen.kind == "cloudfront.distribution");
    ours.filter_map(|seen| {
        let text = |field: &str| seen.live.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let aliases = seen.fields.get("aliases").and_then(Value::as_array).into_iter().flatten();
        let off = seen.fields.get("enabled") == Some(&false.into());
        Some(Distribution {
            name: seen.key()?.name,
            id: text("id"),
            status: match &seen.state {
                Readiness::Waiting { status, .. } => status.clone(),
                Readiness::Failed(why) => format!("failed: {why}"),
                Readiness::Impaired(it) => it.status.clone(),
                Readiness::Gone | Readiness::Leaving(_) => return None,
                Readiness::Ready if off => "disabled".into(),
                Readiness::Ready => "deployed".into(),
            },
            domain: text("domain"),
            aliases: aliases.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    })
    .collect()
}

/// The objects of the stack that are of one sort, as they were read.
fn of<T>(snapshot: &Snapshot, sort: fn(&str, &str, &Value, &Value, &Readiness) -> Option<T>) -> Vec<T> {
    let ours = snapshot.seen.iter().filter(|seen| !matches!(seen.state, Readiness::Gone));
    ours.filter_map(|seen| sort(&seen.kind, &seen.key()?.name, &seen.fields, &seen.live, &seen.state)).collect()
}

fn objects(snapshot: &Snapshot, registry: &Registry<Clients>) -> Vec<Object> {
    let ids = snapshot.ids();
    let mut out: Vec<Object> = snapshot
        .seen
        .iter()
        .filter_map(|seen| {
            let key = match (&seen.claim, seen.key()) {
                (_, Some(key)) => key,
                // It came with a VPC of ours and is the stack's as much as that: the plan counts it.
                (Claim::Adoptable, None) if seen.kind == DefaultSecurityGroup::KIND => {
                    Key::new(seen.kind.clone(), stray_name(registry.find(&seen.kind)?.info().rules, seen, &ids))
                }
                (Claim::Stray, None) => {
                    Key::new(seen.kind.clone(), stray_name(registry.find(&seen.kind)?.info().rules, seen, &ids))
                }
                _ => return None,
            };
            let state = match &seen.state {
                Readiness::Ready => "ready".to_owned(),
                Readiness::Waiting { status, .. } => status.replace('\n', ": "),
                Readiness::Failed(why) => format!("failed: {why}"),
                Readiness::Impaired(it) => format!("{}: {}", it.status, it.advice),
                Readiness::Leaving(word) => word.clone(),
                Readiness::Gone => return None,
            };
            Some(Object { key: key.to_string(), id: seen.id().to_owned(), state })
        })
        .collect();
    out.sort_by(|a, b| a.key.cmp(&b.key));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(rollout: &str, desired: i32, running: i32) -> Running {
        let text = |text: &str| text.to_owned();
        let (name, task_definition, message) = (text("web"), text("shop-web:2"), text("has started 1 tasks"));
        Running { name, desired, running, pending: 0, rollout: text(rollout), task_definition, message }
    }

    #[test]
    fn what_makes_a_service_healthy() {
        let state = |rollout, desired, up, behind| super::state(&running(rollout, desired, up), behind);
        assert_eq!(state("COMPLETED", 2, 2, false), "healthy");
        assert_eq!(state("COMPLETED", 2, 2, true), "old revision");
        assert_eq!(state("COMPLETED", 2, 1, false), "degraded");
        assert_eq!(state("IN_PROGRESS", 2, 2, true), "deploying");
        assert_eq!(state("FAILED", 2, 0, false), "failed");
        assert_eq!(state("COMPLETED", 0, 0, false), "stopped");
    }

    #[test]
    fn the_address_of_a_route() {
        let at = |host: Option<&str>, path: Option<&str>| {
            route("https://d1.example", (host.map(str::to_owned), path.map(str::to_owned)))
        };
        assert_eq!(at(None, Some("/api/*")).as_deref(), Some("https://d1.example/api/"));
        assert_eq!(at(None, None).as_deref(), Some("https://d1.example"));
        assert_eq!(at(Some("api.example.com"), None).as_deref(), Some("https://api.example.com"));
        assert_eq!(at(Some("*.example.com"), None), None);
    }
}
