//! `databases`: RDS instances and their replicas.

use std::collections::BTreeMap;

use super::keys::Keys;
use super::network::Network;
use super::uses::{Offer, Offers, variable};
use crate::aws::Tags;
use crate::aws::ec2::SecurityGroup;
use crate::aws::logs::LogGroup;
use crate::aws::rds::{Begin, Instance, ParameterGroup, SubnetGroup, log_group};
use crate::aws::secretsmanager::Secret;
use crate::config::Stack;
use crate::config::database::{Database, DatabaseEngine, LATEST};
use crate::engine::{Error, Graph, Ref};

/// The master user, when the file names none.
const USER: &str = "app";
const DAY: u64 = 86_400;

pub fn expand(graph: &mut Graph, stack: &Stack, network: &Network, keys: &Keys) -> Result<Offers, Error> {
    let mut offers = Offers::new();
    if stack.databases.is_empty() {
        return Ok(offers);
    }
    let subnets = SubnetGroup { vpc: network.vpc.clone(), subnets: network.data.clone(), tags: Tags::new() };
    let subnets = graph.add("main", "databases", &subnets)?;
    for (name, database) in &stack.databases {
        let origin = format!("databases.{name}");
        let group = SecurityGroup { vpc: network.vpc.clone(), description: format!("Database {name}"), tags: Tags::new() };
        let group = graph.add(format!("db-{name}"), &origin, &group)?;
        // A new major version has a group of its own, which exists before the old one is deleted.
        let family = database.family();
        let parameters = ParameterGroup { family: family.clone(), parameters: parameters(database), tags: Tags::new() };
        let parameters = graph.add(format!("{name}-{}", super::facts::slug(&family)), &origin, &parameters)?;
        let secret = match database.password.rotate.days() {
            Some(_) => None,
            None => {
                let secret = Secret {
                    username: Some(user(database)),
                    description: Some(format!("The master password of the database {name}")),
                    kms_key: Some(keys.arn(database.key.as_deref()).unwrap_or_default()),
                    replica_regions: None,
                    primary_region: None,
                    tags: Tags::new(),
                };
                Some(graph.add(name.as_str(), &origin, &secret)?)
            }
        };
        let parts = Parts { subnets: &subnets, group: &group, parameters: &parameters, secret: secret.as_ref() };
        let primary = match stack.second.as_ref().and_then(|second| second.sources.get(name.as_str())) {
            Some(source) => following(source, primary(stack, database, &parts, keys)),
            None => primary(stack, database, &parts, keys),
        };
        let main = graph.add(name.as_str(), &origin, &primary)?;
        log_groups(graph, (stack, &origin), (name.as_str(), &main), &logs(database), keys)?;

        let ready = main.clone().ready();
        let variable = |field: &str| variable("database", name.as_str(), field);
        let mut environment = BTreeMap::from([
            (variable("host"), ready.clone().attr("host").to_string()),
            (variable("port"), port(database).to_string()),
            (variable("name"), named(stack, database)),
            (variable("user"), user(database)),
        ]);
        for (replica, section) in &database.replicas {
            if primary.source.is_some() {
                // What follows another region can be read itself, and has no backups, without which nothing follows it.
                environment.insert(variable(&format!("{replica}_host")), ready.clone().attr("host").to_string());
                continue;
            }
            let origin = format!("{origin}.replicas.{replica}");
            let copy = Instance {
                class: section.class.clone().unwrap_or_else(|| database.class.clone()),
                multi_az: Some(section.multi_az),
                subnet_group: None,
                managed_password: None,
                password: None,
                encrypted: None,
                kms_key: None,
                deletion_protection: Some(section.deletion_protection),
                ..copied(ready.clone(), primary.clone())
            };
            let key = format!("{name}-{replica}");
            let copy = graph.add(&key, &origin, &copy)?;
            log_groups(graph, (stack, &origin), (&key, &copy), &logs(database), keys)?;
            let copy = copy.ready();
            environment.insert(variable(&format!("{replica}_host")), copy.attr("host").to_string());
        }
        let (secret, version) = match secret {
            // Exactly the version that the database was given: tasks that start in between have the right password.
            Some(secret) => (secret.clone().attr("arn").to_string(), secret.attr("version").to_string()),
            None => (ready.attr("secret_arn").to_string(), String::new()),
        };
        let offer = Offer {
            security_group: Some(group),
            port: port(database),
            environment,
            secrets: BTreeMap::from([(variable("password"), format!("{secret}:password::{version}"))]),
            secret_arns: vec![secret],
        };
        offers.insert(origin, offer);
    }
    Ok(offers)
}

/// Returns a replica of a database, with what it has from it left out.
fn copied(source: Ref<Instance>, of: Instance) -> Instance {
    Instance {
        source: Some(source),
        standalone: None,
        after: Vec::new(),
        storage: None,
        iops: None,
        throughput: None,
        begin: None,
        database: None,
        user: None,
        backup_days: None,
        backup_window: None,
        ..of
    }
}

/// Returns what follows a database of another region until that fails: in its own network, with a key of its region, and with the password
/// of its source, which the copy of the secret has.
fn following(source: &str, of: Instance) -> Instance {
    Instance { multi_az: Some(false), ..copied(Ref::physical(source), of) }
}

/// Returns the name of the database in it.
fn named(stack: &Stack, database: &Database) -> String {
    database.database.clone().unwrap_or_else(|| stack.stack.as_str().replace('-', "_"))
}

/// Adds the log groups that RDS writes to, which it would create by itself, to keep their lines for ever. They are named after the
/// instance as it is called now; it is deleted before them, because it would create them again.
fn log_groups(
    graph: &mut Graph,
    (stack, origin): (&Stack, &str),
    (name, instance): (&str, &Ref<Instance>),
    logs: &[String],
    keys: &Keys,
) -> Result<(), Error> {
    let id = instance.clone().attr("id").to_string();
    for log in logs {
        let group = LogGroup {
            region: None,
            name: log_group(&id, log),
            retention_days: Some(stack.logs.retention.days().map_or(0, i32::from)),
            kms_key: Some(keys.arn(None).unwrap_or_default()),
            tags: Tags::new(),
        };
        graph.add(format!("db-{name}-{log}"), origin, &group)?;
    }
    Ok(())
}

fn port(database: &Database) -> u16 {
    database.port.unwrap_or(database.engine.port())
}

/// Returns the parameters that the file sets, with TLS enforced, and with those that write the logs which go to CloudWatch: MySQL and
/// MariaDB write slow queries and all statements only when told to, and to tables unless it is to files
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.MySQLDB.PublishtoCloudWatchLogs.html>).
fn parameters(database: &Database) -> BTreeMap<String, String> {
    let (tls, on) = database.forced_tls();
    let logs = logs(database);
    let mut all = BTreeMap::new();
    for (log, parameter) in [("slowquery", "slow_query_log"), ("general", "general_log")] {
        if database.engine != DatabaseEngine::Postgres && logs.iter().any(|name| name == log) {
            all.insert(parameter.to_owned(), "1".to_owned());
            all.insert("log_output".to_owned(), "FILE".to_owned());
        }
    }
    all.extend(database.parameters.clone());
    all.insert(tls.into(), on.into());
    all
}

fn user(database: &Database) -> String {
    database.user.clone().unwrap_or_else(|| USER.into())
}

/// Returns what it begins with. That there is one of the two was checked.
fn begin(database: &Database) -> Option<Begin> {
    let begin = database.begin.as_ref()?;
    if let Some(snapshot) = &begin.snapshot {
        return Some(Begin::Snapshot(snapshot.clone()));
    }
    let of = begin.database.clone()?;
    Some(match &begin.at {
        None => Begin::Database(of),
        Some(at) => Begin::PointInTime { database: of, at: Some(at.clone()).filter(|at| at != LATEST) },
    })
}

/// The objects that a database is made of besides its instance.
struct Parts<'a> {
    subnets: &'a Ref<SubnetGroup>,
    group: &'a Ref<SecurityGroup>,
    parameters: &'a Ref<ParameterGroup>,
    /// The secret with its password; none when RDS keeps that itself.
    secret: Option<&'a Ref<Secret>>,
}

/// Returns the logs that go to CloudWatch.
fn logs(database: &Database) -> Vec<String> {
    let usual: &[&str] = match database.engine {
        DatabaseEngine::Postgres => &["postgresql", "upgrade"],
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb => &["error", "slowquery"],
    };
    database.logs.clone().unwrap_or_else(|| usual.iter().map(|&log| log.to_owned()).collect())
}

fn primary(stack: &Stack, database: &Database, parts: &Parts<'_>, keys: &Keys) -> Instance {
    let gib = |size: crate::config::Size| i32::try_from(size.as_gib()).unwrap_or(i32::MAX);
    Instance {
        source: None,
        standalone: Some(true),
        engine: Some(database.engine.as_str().into()),
        engine_version: Some(database.version.clone()),
        class: database.class.clone(),
        running: Some(true),
        storage: Some(gib(database.storage)),
        max_storage: Some(database.max_storage.map_or(0, gib)),
        iops: database.iops().and_then(|iops| i32::try_from(iops).ok()),
        throughput: database.throughput().and_then(|throughput| i32::try_from(throughput).ok()),
        storage_type: Some("gp3".into()),
        multi_az: Some(database.multi_az),
        subnet_group: Some(parts.subnets.clone()),
        security_groups: vec![parts.group.clone()],
        parameter_group: Some(parts.parameters.clone()),
        publicly_accessible: false,
        port: Some(i32::from(port(database))),
        database: Some(named(stack, database)),
        user: Some(user(database)),
        managed_password: Some(parts.secret.is_none()),
        password: Some(
            parts.secret.map_or_else(String::new, |secret| {
                format!("{}:::{}", secret.clone().attr("arn"), secret.clone().attr("version"))
            }),
        ),
        encrypted: Some(true),
        kms_key: keys.arn(database.key.as_deref()),
        backup_days: Some(i32::try_from(database.backups.as_secs() / DAY).unwrap_or(i32::MAX)),
        backup_window: database.backup_window.clone(),
        maintenance_window: database.maintenance_window.clone(),
        deletion_protection: Some(database.deletion_protection),
        logs: Some(logs(database)),
        auto_minor_upgrade: Some(database.minor_upgrades),
        begin: begin(database),
        copy_tags: Some(true),
        after: Vec::new(),
        tags: Tags::new(),
    }
}
