//! What runs, as the file would say it: what an environment's objects are in AWS where that differs from the file, and what the
//! file leaves open. For a copy of the environment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::aws::ecs::digests::{Digests, pinned};
use crate::engine::{Action, Change, Item, Plan};

/// A key of the file with what is in AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    /// The path in the file: `services`, `web`, `image`.
    pub path: Vec<String>,
    /// The value; `null` for what AWS has not.
    pub value: Value,
    /// Why it is there, in a few words.
    pub why: String,
}

/// What runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pinned {
    /// What the file can say.
    pub pins: Vec<Pin>,
    /// What it cannot, a sentence each.
    pub left: Vec<String>,
}

/// How a field is written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// As it is.
    Plain,
    /// A number, which AWS has as text.
    Number,
    /// A version of a cache as ElastiCache lists it and creates it: `8.0`, where the cache reports `8.0.1`.
    Listed,
    /// A number of GiB.
    Gib,
    /// A number of days.
    Days,
    /// A map, of which each entry is a key.
    Map,
}

/// A field of a kind, and the key of its section that it comes from.
struct Row {
    kind: &'static str,
    field: &'static str,
    key: &'static str,
    how: How,
    /// Whether the file leaves it open: it is written whenever AWS has another value, not only where that differs from the file.
    open: bool,
}

const fn row(kind: &'static str, field: &'static str, key: &'static str, how: How) -> Row {
    Row { kind, field, key, how, open: false }
}

const fn open(kind: &'static str, field: &'static str, key: &'static str, how: How) -> Row {
    Row { kind, field, key, how, open: true }
}

const INSTANCE: &str = "rds.instance";
const TASK: &str = "ecs.task_definition";
const GROUP: &str = "elasticache.replication_group";
const CLUSTER: &str = "elasticache.cluster";
const LOGS: &str = "logs.log_group";
const TARGET: &str = "application-autoscaling.scalable_target";

/// The fields that a section of the file gives as they are.
const ROWS: &[Row] = &[
    row(TASK, "cpu", "cpu", How::Number),
    row(TASK, "memory", "memory", How::Number),
    row("ecs.service", "desired_count", "count", How::Plain),
    row(TARGET, "min", "scale.min", How::Plain),
    row(TARGET, "max", "scale.max", How::Plain),
    row(LOGS, "retention_days", "logs.retention", How::Days),
    open(INSTANCE, "engine_version", "version", How::Plain),
    open(INSTANCE, "storage", "storage", How::Gib),
    row(INSTANCE, "class", "class", How::Plain),
    row(INSTANCE, "max_storage", "max_storage", How::Gib),
    row(INSTANCE, "iops", "iops", How::Plain),
    row(INSTANCE, "throughput", "throughput", How::Plain),
    row(INSTANCE, "multi_az", "multi_az", How::Plain),
    row(INSTANCE, "backup_days", "backups", How::Days),
    row(INSTANCE, "backup_window", "backup_window", How::Plain),
    row(INSTANCE, "maintenance_window", "maintenance_window", How::Plain),
    row(INSTANCE, "deletion_protection", "deletion_protection", How::Plain),
    row(INSTANCE, "logs", "logs", How::Plain),
    row(INSTANCE, "auto_minor_upgrade", "minor_upgrades", How::Plain),
    row("rds.parameter_group", "parameters", "parameters", How::Map),
    open(GROUP, "engine_version", "version", How::Listed),
    row(GROUP, "node_type", "node", How::Plain),
    row(GROUP, "replicas", "replicas", How::Plain),
    row(GROUP, "snapshot_days", "snapshots", How::Days),
    row(GROUP, "snapshot_window", "snapshot_window", How::Plain),
    row(GROUP, "maintenance_window", "maintenance_window", How::Plain),
    open(CLUSTER, "engine_version", "version", How::Plain),
    row(CLUSTER, "node_type", "node", How::Plain),
    row(CLUSTER, "nodes", "nodes", How::Plain),
    row("elasticache.parameter_group", "parameters", "parameters", How::Map),
    row("elbv2.load_balancer", "attributes", "attributes", How::Map),
];

/// The keys of a replica of a database; everything else is its database's.
const OF_REPLICA: [&str; 3] = ["class", "deletion_protection", "multi_az"];

/// Returns what runs, from the plan that compares the file with it. `digests`: what the tasks of each service run.
pub fn live(plan: &Plan, digests: &BTreeMap<String, Digests>) -> Pinned {
    let mut out = Pinned::default();
    for item in &plan.items {
        out.add(item, digests);
    }
    out
}

impl Pinned {
    fn add(&mut self, item: &Item, digests: &BTreeMap<String, Digests>) {
        let key = &item.key;
        match (item.action, &item.before, &item.desired) {
            (Action::Create, None, _) => {
                self.left.push(format!("`{key}` does not exist, and the copy has it, as the file says"));
            }
            (Action::Delete, ..) if !item.is_leaving() => {
                self.left.push(format!("`{key}` is not in the file, and the copy does not have it"));
            }
            (_, Some(before), Some(desired)) => {
                let mut told = BTreeSet::new();
                if let Some(path) = section(&item.origin) {
                    // Of log groups only those of services have a key of their own.
                    let has_keys = |row: &&Row| row.kind != LOGS || path.first().is_some_and(|section| section == "services");
                    for row in ROWS.iter().filter(|row| row.kind == key.kind).filter(has_keys) {
                        self.field(item, row, &path, (&before.fields, desired), &mut told);
                    }
                    if key.kind == TASK {
                        self.container(item, &path, &before.fields, digests.get(&key.name), &mut told);
                    }
                }
                self.rest(item, &told);
            }
            _ => {}
        }
    }

    fn pin(&mut self, path: &[String], key: &str, value: Value, why: impl Into<String>) {
        let path = path.iter().cloned().chain(key.split('.').map(str::to_owned)).collect();
        self.pins.push(Pin { path, value, why: why.into() });
    }

    fn field(&mut self, item: &Item, row: &Row, path: &[String], sides: (&Value, &Value), told: &mut BTreeSet<String>) {
        let is_replica = path.get(2).is_some_and(|part| part == "replicas");
        if is_replica && !OF_REPLICA.contains(&row.key) {
            return;
        }
        if row.how == How::Map {
            return self.map(item, row, path, told);
        }
        let (is, said) = (sides.0.get(row.field).unwrap_or(&Value::Null), sides.1.get(row.field).unwrap_or(&Value::Null));
        let differs = item.changes.changes.iter().any(|change| within(&change.path, row.field));
        if !(differs || row.open && is != said) || is.is_null() {
            return;
        }
        if let Some(value) = row.how.written(is) {
            told.insert(row.field.to_owned());
            let why = if row.open { "what runs".to_owned() } else { format!("what runs; the file has {}", shown(said)) };
            self.pin(path, row.key, value, why);
        }
    }

    fn map(&mut self, item: &Item, row: &Row, path: &[String], told: &mut BTreeSet<String>) {
        for change in item.changes.changes.iter() {
            let Some(name) = change.path.strip_prefix(row.field).and_then(|rest| rest.strip_prefix('.')) else { continue };
            told.insert(change.path.clone());
            let path: Vec<String> = path.iter().cloned().chain([row.key.to_owned(), name.to_owned()]).collect();
            self.pins.push(Pin { path, value: change.before.clone().unwrap_or(Value::Null), why: why(change) });
        }
    }

    /// Adds what the container of a service has: its image by digest, and variables and command where they differ.
    fn container(
        &mut self,
        item: &Item,
        path: &[String],
        fields: &Value,
        digests: Option<&Digests>,
        told: &mut BTreeSet<String>,
    ) {
        let Some(container) = fields["containers"].get(0) else { return };
        let inside = format!("containers.{}.", container["name"].as_str().unwrap_or_default());
        if let Some(image) = container["image"].as_str() {
            let of_image: Vec<&String> = digests.and_then(|digests| digests.get(image)).into_iter().flatten().collect();
            let differs = item.changes.changes.iter().any(|change| change.path == format!("{inside}image"));
            match of_image.as_slice() {
                [digest] => self.pin(path, "image", pinned(image, digest).into(), format!("what runs: `{image}`")),
                _ if differs => self.pin(path, "image", image.into(), "what runs"),
                _ => {}
            }
            if of_image.len() > 1 {
                self.left.push(format!("`{}` runs several images that are called `{image}`: the copy has the name", item.key));
            }
            told.insert(format!("{inside}image"));
        }
        for change in item.changes.changes.iter() {
            let Some(field) = change.path.strip_prefix(&inside) else { continue };
            let known = field.starts_with("environment.") || ["command", "entrypoint"].contains(&field);
            if let (true, Some(first)) = (known, field.split('.').next()) {
                told.insert(change.path.clone());
                let name = field.strip_prefix("environment.");
                let path = path.iter().cloned().chain([first.to_owned()]).chain(name.map(str::to_owned)).collect();
                // What a variable was to be is nobody's business here, as is what a command had in it.
                self.pins.push(Pin {
                    path,
                    value: change.before.as_ref().map_or(Value::Null, escaped),
                    why: "what runs; the file has another".into(),
                });
            }
        }
    }

    /// Names the fields that differ and that no key of the file gives.
    fn rest(&mut self, item: &Item, told: &BTreeSet<String>) {
        let known = |path: &str| told.iter().any(|field| within(path, field)) || within(path, "tags");
        for change in item.changes.changes.iter().filter(|change| !known(&change.path)) {
            self.left.push(format!("`{}`: `{}` differs from the file, and the copy is as the file says", item.key, change.path));
        }
    }
}

/// Returns a value of a container as the file has it: there, `${` begins a reference.
fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) => text.replace("${", "$${").into(),
        Value::Array(items) => items.iter().map(escaped).collect(),
        other => other.clone(),
    }
}

/// Checks whether a path is a field, or lies in it.
fn within(path: &str, field: &str) -> bool {
    path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Returns the path of the section that an object comes from, if it is one that has a copy's fields.
fn section(origin: &str) -> Option<Vec<String>> {
    let path: Vec<String> = origin.split('.').map(str::to_owned).collect();
    let known = ["services", "databases", "caches", "load_balancer"].contains(&path[0].as_str());
    known.then_some(path)
}

fn why(change: &Change) -> String {
    match &change.after {
        Some(after) => format!("what runs; the file has {}", shown(after)),
        None => "what runs; the file does not have it".into(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl How {
    /// Returns a value of AWS as the file has it; none where it has no such value.
    fn written(self, value: &Value) -> Option<Value> {
        let number = || value.as_i64().or_else(|| value.as_str()?.parse().ok());
        Some(match self {
            How::Plain | How::Map => value.clone(),
            How::Number => number()?.into(),
            How::Listed => listed(value.as_str()?).into(),
            // Where it is 0, AWS does not let it grow.
            How::Gib if number()? == 0 => Value::Null,
            How::Gib => format!("{}GiB", number()?).into(),
            How::Days => format!("{}d", number()?).into(),
        })
    }
}

/// Returns the version that is created where a cache reports this one
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/engine-versions.html>): since 6, AWS chooses the last number.
fn listed(version: &str) -> String {
    let numbers: Vec<&str> = version.split('.').collect();
    let is_chosen = numbers.first().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 6);
    if is_chosen { numbers[..numbers.len().min(2)].join(".") } else { version.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_runs_is_written_as_the_file_has_it() {
        assert_eq!(How::Number.written(&json!("512")), Some(json!(512)));
        assert_eq!([listed("8.0.1"), listed("6.2"), listed("5.0.6")], ["8.0", "6.2", "5.0.6"]);
        assert_eq!((How::Gib.written(&json!(20)), How::Gib.written(&json!(0))), (Some(json!("20GiB")), Some(Value::Null)));
        assert_eq!((How::Days.written(&json!(9)), How::Days.written(&json!("x"))), (Some(json!("9d")), None));
        assert_eq!(escaped(&json!(["${HOME}", "$5"])), json!(["$${HOME}", "$5"]));
        let path = |origin: &str| section(origin).map(|path| path.len());
        assert_eq!((path("databases.main.replicas.one"), path("services.web"), path("network")), (Some(4), Some(2), None));
    }
}
