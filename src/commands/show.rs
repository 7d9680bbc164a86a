use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::arguments::{Aws, StackFile};
use super::session::{self, Session};
use super::stop::{Exit, Result};
use super::{outputs, saved};
use crate::aws::Clients;
use crate::aws::ec2::DefaultSecurityGroup;
use crate::aws::ecs::{Running, running};
use crate::aws::elasticache::Cache;
use crate::aws::rds::Database;

use crate::engine::{self, Claim, Ids, Key, Readiness, Registry, Resource, Snapshot, stray_name};
use crate::ui::{self, Color, Look};

/// Show what is running and its health
///
/// FILE may be a plan that was saved with `stack plan --out`. Then that plan is shown, without asking AWS.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// List every object with its identifier
    #[arg(long, short)]
    all: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown {
    stack: String,
    env: String,
    account: String,
    region: String,
    services: Vec<Running>,
    distributions: Vec<Distribution>,
    databases: Vec<Database>,
    caches: Vec<Cache>,
    objects: Vec<Object>,
    outputs: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Distribution {
    name: String,
    id: String,
    status: String,
    domain: String,
    aliases: Vec<String>,
}

#[derive(Serialize)]
struct Object {
    key: String,
    id: String,
    state: String,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let text = session::read(&arguments.file.file)?;
    if engine::saved::is_one(&text) {
        let Arguments { file, aws, json, .. } = arguments;
        let saved = saved::read(&file.file, &text)?;
        saved::fits(&saved.plan, file.env(), aws.region.as_deref())?;
        saved::show(&saved, &file.file, json, color)?;
        return Ok(Exit::Ok);
    }
    let loaded = session::load_text(&arguments.file, &text, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let (snapshot, services) = session
        .hear(async {
            let (snapshot, services) = tokio::join!(Snapshot::read(&session.registry, &session.cx), running(&session.cx));
            Result::<_>::Ok((snapshot?, services?))
        })
        .await?;
    let scope = session.cx.scope.as_ref().clone();
    let shown = Shown {
        stack: scope.stack,
        env: scope.env,
        account: scope.account,
        region: scope.region,
        services,
        distributions: distributions(&snapshot),
        databases: of(&snapshot, Database::of),
        caches: of(&snapshot, Cache::of),
        objects: objects(&snapshot, &session.registry),
        outputs: outputs::of(&snapshot),
    };
    let look = Look::stdout(color);
    let head = ui::about(&session.cx.scope, session.via.as_deref(), &look);
    let text = if arguments.json { session::json(&shown)? } else { text(&head, &shown, arguments.all, &look) };
    ui::out(&text)?;
    Ok(Exit::Ok)
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
    let mut ids = Ids::default();
    for seen in &snapshot.seen {
        if let Some(key) = seen.key() {
            ids.insert(&key, seen.live.clone());
        }
    }
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

fn text(head: &str, shown: &Shown, all: bool, look: &Look) -> String {
    let mut out = format!("{head}\n");
    if shown.objects.is_empty() {
        out += "\nNothing is running; `stack apply` creates it.\n";
        return out;
    }
    if !shown.services.is_empty() {
        let rows: Vec<Vec<String>> = shown
            .services
            .iter()
            .map(|s| {
                vec![
                    s.name.clone(),
                    format!("{}/{}", s.running, s.desired),
                    s.rollout.clone(),
                    s.task_definition.clone(),
                    s.message.clone(),
                ]
            })
            .collect();
        out += "\n";
        out += &ui::table(look, &["SERVICE", "TASKS", "ROLLOUT", "REVISION", "LAST EVENT"], &rows);
    }
    if !shown.distributions.is_empty() {
        let row = |d: &Distribution| vec![d.name.clone(), d.status.clone(), d.domain.clone(), d.aliases.join(", "), d.id.clone()];
        let rows: Vec<Vec<String>> = shown.distributions.iter().map(row).collect();
        out += "\n";
        out += &ui::table(look, &["DISTRIBUTION", "STATUS", "DOMAIN", "ALIASES", "ID"], &rows);
    }
    if !shown.databases.is_empty() {
        let row = |d: &Database| {
            let zones = if d.multi_az { "yes" } else { "no" };
            let endpoint = d.endpoint.clone().unwrap_or_default();
            let texts =
                [&d.name, &d.status, &d.engine, &d.class, &zones.to_owned(), &endpoint, &d.pending.clone().unwrap_or_default()];
            texts.map(Clone::clone).to_vec()
        };
        let rows: Vec<Vec<String>> = shown.databases.iter().map(row).collect();
        out += "\n";
        out += &ui::table(look, &["DATABASE", "STATUS", "ENGINE", "CLASS", "MULTI-AZ", "ENDPOINT", "PENDING"], &rows);
    }
    if !shown.caches.is_empty() {
        let rows: Vec<Vec<String>> = shown
            .caches
            .iter()
            .map(|c| {
                let endpoint = c.endpoint.clone().unwrap_or_default();
                vec![c.name.clone(), c.status.clone(), c.engine.clone(), c.node.clone(), c.nodes.to_string(), endpoint]
            })
            .collect();
        out += "\n";
        out += &ui::table(look, &["CACHE", "STATUS", "ENGINE", "NODE", "NODES", "ENDPOINT"], &rows);
    }
    let worrying: Vec<&Object> = shown.objects.iter().filter(|o| all || o.state != "ready").collect();
    if !worrying.is_empty() {
        let rows: Vec<Vec<String>> = worrying.iter().map(|o| vec![o.key.clone(), o.state.clone(), o.id.clone()]).collect();
        out += "\n";
        out += &ui::table(look, &["OBJECT", "STATE", "ID"], &rows);
    }
    out += &format!("\n{}", super::consent::count(shown.objects.len(), "object"));
    if let Some(url) = shown.outputs.get("url") {
        out += &format!(", {url}");
    }
    out + "\n"
}
