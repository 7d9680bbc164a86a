//! The controls of databases: <https://docs.aws.amazon.com/securityhub/latest/userguide/rds-controls.html>.

use std::collections::BTreeSet;

use serde_json::json;

use super::{EventSubscription, GROUPS, INSTANCES, Instance, ParameterGroup, SubnetGroup};
use crate::aws::backup::controls::has_databases;
use crate::aws::control::Severity::{Critical, High, Low, Medium};
use crate::aws::control::{Breach, Control, View};
use crate::aws::ec2::{Route, RouteTableAssociation};
use crate::engine::{Key, Result};

/// The days of backups that RDS.11 asks for.
const BACKUP_DAYS: i32 = 7;
/// The names that AWS gives master users (RDS.25).
const DEFAULT_USERS: [&str; 4] = ["admin", "postgres", "root", "administrator"];

const EVENTS: &str = "without it, failovers, full disks and changes go unnoticed";
const SUBSCRIBE: &str = "add the section `alarms` with an address: it subscribes to what RDS reports of databases";
const CLASSIC: &str =
    "subscribe with an `rds.event_subscription`, or make this an exception: databases in a VPC have no such groups";
const TLS: &str = "without it, passwords and data are sent unencrypted";
const FORCE: &str = "set the parameter, which databases of the section `databases` have by themselves";

pub(super) static CONTROLS: &[Control] = &[
    Control::live(
        "RDS.1",
        Critical,
        (
            "Snapshots of databases are private",
            "anyone can restore a public snapshot and read everything in it",
            "`aws rds modify-db-snapshot-attribute --attribute-name restore --values-to-remove all --db-snapshot-identifier NAME`",
        ),
        |view| Ok(view.later("RDS.1")),
    ),
    Control::new(
        "RDS.2",
        Critical,
        (
            "Databases have no public address",
            "only its password protects a database that can be reached from the internet",
            "set `publicly_accessible: false`",
        ),
        public,
    ),
    Control::new(
        "RDS.3",
        Medium,
        (
            "Databases are encrypted at rest",
            "unencrypted disks, backups and snapshots can be read by anyone who obtains them",
            "set `encrypted: true`; an existing database is replaced by that, with its data",
        ),
        |view| flag(view, "encrypted", |db| db.source.is_some() && db.encrypted.is_none() || db.encrypted == Some(true), true),
    ),
    Control::live(
        "RDS.4",
        Medium,
        (
            "Snapshots of databases are encrypted",
            "an unencrypted copy of the data remains, also after the database is encrypted",
            "copy the snapshot with a key (`aws rds copy-db-snapshot --kms-key-id`) if it is needed, and delete it",
        ),
        |view| Ok(view.later("RDS.4")),
    ),
    Control::new(
        "RDS.5",
        Medium,
        (
            "Databases have a standby in another zone",
            "without one, the database is down with its zone until it is restored by hand",
            "set `multi_az: true`, which doubles the price of the instance",
        ),
        |view| flag(view, "multi_az", |db| db.multi_az == Some(true), true),
    )
    .production(),
    Control::new(
        "RDS.6",
        Low,
        (
            "Databases have enhanced monitoring",
            "AWS's standard metrics show the instance from outside, once a minute",
            "make this an exception: the kind has no `monitoring_interval`",
        ),
        |view| unset(view, "monitoring_interval", "it has no enhanced monitoring"),
    )
    .extra(),
    Control::new(
        "RDS.8",
        Low,
        (
            "Databases are protected from deletion",
            "a mistake deletes the database and, without a final snapshot, everything in it",
            "set `deletion_protection: true`",
        ),
        |view| flag(view, "deletion_protection", |db| db.deletion_protection == Some(true), true),
    )
    .production(),
    Control::new(
        "RDS.9",
        Medium,
        (
            "Databases send their logs to CloudWatch Logs",
            "logs kept only in the database are lost with it and cannot be alarmed on",
            "list the engine's logs in `logs`; MySQL and MariaDB need parameters for `general`, `slowquery` and `audit`",
        ),
        logs,
    ),
    Control::new(
        "RDS.10",
        Medium,
        (
            "Databases accept IAM's credentials",
            "passwords are shared and do not expire; IAM credentials are personal and expire",
            "make this an exception: the kind has no IAM authentication",
        ),
        |view| unset(view, "iam_authentication", "it accepts passwords only"),
    )
    .extra(),
    Control::new(
        "RDS.11",
        Medium,
        (
            "Backups are kept for a week at least",
            "with less, a mistake that is noticed after a weekend cannot be undone",
            "set `backups: 7d` or more",
        ),
        backups,
    ),
    Control::new(
        "RDS.13",
        High,
        ("Databases get new minor versions", "these have the fixes for known vulnerabilities", "set `minor_upgrades: true`"),
        |view| flag(view, "auto_minor_upgrade", |db| db.auto_minor_upgrade != Some(false), true),
    ),
    Control::new(
        "RDS.17",
        Low,
        (
            "Snapshots get the tags of their database",
            "without tags, the owner and cost centre of a snapshot are unknown",
            "set `copy_tags: true`",
        ),
        |view| flag(view, "copy_tags", |db| db.copy_tags == Some(true), true),
    ),
    Control::new(
        "RDS.20",
        Low,
        (
            "Subscriptions to what RDS reports of databases are complete",
            EVENTS,
            "add `maintenance`, `configuration change` and `failure` to `categories`",
        ),
        incomplete,
    ),
    Control::new("RDS.21", Low, ("Changes of parameters are reported", EVENTS, SUBSCRIBE), |view| {
        subscriptions(view, GROUPS, &["configuration change"])
    })
    .extra(),
    Control::new("RDS.22", Low, ("Changes of security groups are reported", EVENTS, CLASSIC), |view| {
        subscriptions(view, "db-security-group", &["configuration change", "failure"])
    })
    .extra(),
    Control::new(
        "RDS.23",
        Low,
        (
            "Databases do not use the engine's usual port",
            "programs that look for databases try the usual ports first",
            "set another `port`; a change of it restarts the database",
        ),
        port,
    )
    .extra(),
    Control::new(
        "RDS.25",
        Medium,
        (
            "The master user has a name of its own",
            "a well-known name is half of what an attacker has to guess",
            "set another `user`; only a new database gets it",
        ),
        user,
    ),
    Control::new(
        "RDS.26",
        Medium,
        (
            "Databases are in a plan of AWS Backup",
            "automated backups are lost with the database or its account",
            "add the database to a backup plan",
        ),
        |view| {
            if has_databases(view) { Ok(Vec::new()) } else { every(view, "no backup plan has it") }
        },
    )
    .other(),
    Control::new(
        "RDS.36",
        Medium,
        (
            "PostgreSQL sends its log to CloudWatch Logs",
            "a log kept only in the database is lost with it",
            "add `postgresql` to `logs`",
        ),
        |view| missing_logs(view, &["postgres"], &["postgresql"]),
    ),
    Control::new("RDS.38", Medium, ("PostgreSQL refuses connections without TLS", TLS, FORCE), |view| {
        parameter(view, "postgres", "rds.force_ssl")
    }),
    Control::new("RDS.39", Medium, ("MySQL refuses connections without TLS", TLS, FORCE), |view| {
        parameter(view, "mysql", "require_secure_transport")
    }),
    Control::new(
        "RDS.42",
        Medium,
        (
            "MariaDB sends its logs to CloudWatch Logs",
            "logs kept only in the database are lost with it",
            "list `audit`, `error`, `general` and `slowquery` in `logs`",
        ),
        |view| missing_logs(view, &["mariadb"], &["audit", "error", "general", "slowquery"]),
    ),
    Control::new("RDS.44", Medium, ("MariaDB refuses connections without TLS", TLS, FORCE), |view| {
        parameter(view, "mariadb", "require_secure_transport")
    }),
    Control::new(
        "RDS.46",
        High,
        (
            "Databases are in subnets without a route to the internet",
            "then a security group is not the database's only protection from the internet",
            "use subnets whose route table has no route to an internet gateway",
        ),
        reachable,
    ),
];

/// Returns the engine of a database; a replica has that of its source.
fn engine(view: &View, all: &[(&Key, Instance)], db: &Instance) -> Option<String> {
    db.engine.clone().or_else(|| {
        let source = view.target(db.source.as_ref()?)?;
        all.iter().find(|(key, _)| **key == source).and_then(|(_, source)| source.engine.clone())
    })
}

fn every(view: &View, what: &str) -> Result<Vec<Breach>> {
    Ok(view.all::<Instance>()?.into_iter().map(|(key, _)| Breach::new(key, what)).collect())
}

fn public(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Instance>()?.into_iter().filter(|(_, db)| db.publicly_accessible);
    Ok(all.map(|(key, _)| Breach::new(key, "it has a public address").fix(&["publicly_accessible"], false)).collect())
}

fn flag(view: &View, field: &'static str, right: impl Fn(&Instance) -> bool, wanted: bool) -> Result<Vec<Breach>> {
    let all = view.all::<Instance>()?.into_iter().filter(|(_, db)| !right(db));
    Ok(all.map(|(key, _)| Breach::new(key, format!("`{field}` is not `{wanted}`")).fix(&[field], wanted)).collect())
}

/// Finds databases where a field is not set, or off.
fn unset(view: &View, field: &str, what: &str) -> Result<Vec<Breach>> {
    let off = |value: &serde_json::Value| value.is_null() || *value == json!(false) || *value == json!(0);
    Ok(view.raw("rds.instance").filter(|db| off(&db.fields[field])).map(|db| Breach::new(&db.key, what)).collect())
}

/// The logs that RDS.9 asks for.
fn logs(view: &View) -> Result<Vec<Breach>> {
    let mut out = missing_logs(view, &["postgres"], &["postgresql", "upgrade"])?;
    out.extend(missing_logs(view, &["mysql", "mariadb"], &["audit", "error", "general", "slowquery"])?);
    Ok(out)
}

fn missing_logs(view: &View, engines: &[&str], wanted: &[&str]) -> Result<Vec<Breach>> {
    let all = view.all::<Instance>()?;
    let mut out = Vec::new();
    for (key, db) in all.iter().filter(|(_, db)| engine(view, &all, db).is_some_and(|e| engines.contains(&e.as_str()))) {
        let sent: BTreeSet<&str> = db.logs.iter().flatten().map(String::as_str).collect();
        let missing: Vec<String> = wanted.iter().filter(|log| !sent.contains(**log)).map(|log| format!("`{log}`")).collect();
        if !missing.is_empty() {
            let both: BTreeSet<&str> = sent.iter().copied().chain(wanted.iter().copied()).collect();
            out.push(Breach::new(key, format!("it does not send {}", missing.join(", "))).fix(&["logs"], json!(both)));
        }
    }
    Ok(out)
}

fn backups(view: &View) -> Result<Vec<Breach>> {
    // Security Hub does not judge replicas by it.
    let short = |db: &Instance| db.source.is_none() && db.backup_days.unwrap_or(1) < BACKUP_DAYS;
    let all = view.all::<Instance>()?.into_iter().filter(|(_, db)| short(db));
    Ok(all
        .map(|(key, db)| {
            let days = db.backup_days.unwrap_or(1);
            let kept = if days == 0 { "it has no backups".to_owned() } else { format!("its backups are kept for {days} d") };
            Breach::new(key, kept).fix(&["backup_days"], BACKUP_DAYS)
        })
        .collect())
}

/// What AWS wants to be reported about a database.
const CATEGORIES: [&str; 3] = ["maintenance", "configuration change", "failure"];

fn tells(subscription: &EventSubscription, categories: &[&str]) -> bool {
    let told = |category: &&str| subscription.categories.iter().any(|one| one == category);
    subscription.enabled != Some(false) && categories.iter().all(told)
}

/// Finds subscriptions for databases that lack a category. AWS judges only those that exist.
fn incomplete(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<EventSubscription>()?.into_iter();
    let wrong = all.filter(|(_, one)| one.source_type == INSTANCES && !tells(one, &CATEGORIES));
    Ok(wrong.map(|(key, _)| Breach::new(key, "it does not report maintenance, changes and failures")).collect())
}

fn subscriptions(view: &View, of: &str, categories: &[&str]) -> Result<Vec<Breach>> {
    let all = view.all::<EventSubscription>()?;
    let subscribed = all.iter().any(|(_, one)| one.source_type == of && tells(one, categories));
    if subscribed { Ok(Vec::new()) } else { every(view, "no event subscription reports it") }
}

fn port(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Instance>()?;
    let usual = |db: &Instance| match engine(view, &all, db).as_deref() {
        Some("postgres") => 5432,
        _ => 3306,
    };
    let wrong = all.iter().filter(|(_, db)| db.port.is_none_or(|port| port == usual(db)));
    Ok(wrong.map(|(key, db)| Breach::new(key, format!("its port is {}", usual(db))).fix(&["port"], usual(db) + 1)).collect())
}

fn user(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Instance>()?.into_iter();
    let wrong =
        all.filter_map(|(key, db)| Some((key, db.user.filter(|user| DEFAULT_USERS.contains(&user.to_lowercase().as_str()))?)));
    // No edit: another user is another database.
    Ok(wrong.map(|(key, user)| Breach::new(key, format!("its master user is `{user}`"))).collect())
}

/// Finds databases whose parameter group does not turn a parameter on. AWS does so by itself for PostgreSQL from 15 on
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html>).
fn parameter(view: &View, of: &str, name: &'static str) -> Result<Vec<Breach>> {
    let groups = view.all::<ParameterGroup>()?;
    let all = view.all::<Instance>()?;
    let mut out: Vec<Breach> = Vec::new();
    for (key, db) in all.iter().filter(|(_, db)| engine(view, &all, db).as_deref() == Some(of)) {
        let group = db.parameter_group.as_ref().and_then(|group| view.target(group));
        let group = group.and_then(|group| groups.iter().find(|(key, _)| **key == group));
        let value = group.and_then(|(_, group)| group.parameters.get(name));
        let modern = group.is_some_and(|(_, group)| {
            group.family.strip_prefix("postgres").and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 15)
        });
        let on = value.map_or(modern, |value| matches!(value.to_lowercase().as_str(), "1" | "on" | "true"));
        if !on {
            let what = format!("`{name}` is {}", value.map_or_else(|| "not set".to_owned(), |value| format!("`{value}`")));
            let (at, what) = match group {
                Some((group, _)) => (*group, what),
                None => (*key, format!("it has no parameter group of the stack; {what}")),
            };
            let breach = Breach::new(at, what);
            let breach = if group.is_some() { breach.fix(&["parameters", name], "1") } else { breach };
            // Replicas share the group of their source.
            if !out.contains(&breach) {
                out.push(breach);
            }
        }
    }
    Ok(out)
}

fn reachable(view: &View) -> Result<Vec<Breach>> {
    let tables: BTreeSet<Key> = view
        .all::<Route>()?
        .into_iter()
        .filter(|(_, route)| route.gateway.is_some())
        .filter_map(|(_, route)| view.target(&route.table))
        .collect();
    let public: BTreeSet<Key> = view
        .all::<RouteTableAssociation>()?
        .into_iter()
        .filter(|(_, association)| view.target(&association.table).is_some_and(|table| tables.contains(&table)))
        .filter_map(|(_, association)| view.target(&association.subnet))
        .collect();
    let groups = view.all::<SubnetGroup>()?;
    let mut out = Vec::new();
    for (key, db) in view.all::<Instance>()? {
        let Some(group) = db.subnet_group.as_ref().and_then(|group| view.target(group)) else { continue };
        let subnets = groups.iter().filter(|(key, _)| **key == group).flat_map(|(_, group)| &group.subnets);
        if let Some(subnet) = subnets.filter_map(|subnet| view.target(subnet)).find(|subnet| public.contains(subnet)) {
            out.push(Breach::new(key, format!("its subnet `{subnet}` has a route to the internet gateway")));
        }
    }
    Ok(out)
}
