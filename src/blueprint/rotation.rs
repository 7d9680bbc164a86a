//! `databases.NAME.password.rotate`: how often RDS rotates a password, and that those who use it are redeployed each time,
//! whoever owns the database.
//!
//! A container has its secrets from when it started, and the password before is wrong at once
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>). So a rule waits for the
//! event of the rotation, and a function redeploys exactly these services.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::facts::Facts;
use super::keys::Keys;
use super::policies::{allow, bare, policy};
use crate::aws::Tags;
use crate::aws::ecs::{Cluster, Service};
use crate::aws::events::{EventRule, Target};
use crate::aws::iam::Role;
use crate::aws::lambda::{Function, Permission, digest};
use crate::aws::logs::LogGroup;
use crate::aws::rds::Instance;
use crate::aws::secretsmanager::Rotation;
use crate::config::{Service as Section, Stack};
use crate::engine::token;
use crate::engine::{Error, Graph, Key, Ref, Resource};

/// What AWS shows of the role and of the function. Another text would be a change of every stack that has them.
const DESCRIPTION: &str = "Redeploys services after their database password is rotated";
/// What redeploys services.
const CODE: &str = include_str!("restart.py");
/// What its parts are called: no service can be called so.
const NAME: &str = "restart_services";
/// For how long its output is kept.
const DAYS: i32 = 30;

/// A password that RDS rotates.
struct Rotated<'a> {
    /// What its rule is called.
    rule: String,
    origin: String,
    /// The secret that RDS keeps it in.
    secret: String,
    /// In words: `the database main`.
    what: String,
    /// The services whose containers have it.
    users: Vec<&'a str>,
}

/// Returns the services whose containers have a password: those that use what it is of, and those that read it by `secrets`
/// alone.
fn users<'a>(stack: &'a Stack, used: &str, is_it: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let has = |service: &Section| service.uses.iter().any(|u| u == used) || service.secrets.values().any(|secret| is_it(secret));
    stack.services.iter().filter(|(_, service)| has(service)).map(|(name, _)| name.as_str()).collect()
}

/// Returns the rotated passwords of the file's databases, of those under `resources`, and of other owners' databases: RDS rotates
/// every week where no interval is set (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html>).
fn rotated<'a>(stack: &'a Stack, facts: &Facts<'_>) -> Vec<Rotated<'a>> {
    let ours = stack.databases.iter().filter(|(_, database)| database.password.rotate.days().is_some());
    let ours = ours.map(|(name, _)| (name.as_str(), format!("databases.{name}")));
    let managed = |fields: &Value| fields.get("managed_password") == Some(&Value::Bool(true));
    let raw = stack.resources.get(Instance::KIND).into_iter().flatten();
    // Two of one name are refused with what `resources` expand into.
    let raw = raw.filter(|(name, fields)| managed(fields) && !stack.databases.contains_key(*name));
    let raw = raw.map(|(name, _)| (name.as_str(), format!("resources.{}.{name}", Instance::KIND)));
    let instance = |(name, origin): (&str, String)| {
        let key = Key::new(Instance::KIND, name);
        let refers = |secret: &str| token::named(&Value::from(secret)).contains_key(&key);
        Rotated {
            rule: format!("rotated-{name}"),
            secret: Ref::<Instance>::to(name).ready().attr("secret_arn").to_string(),
            what: format!("the database {name}"),
            users: users(stack, &origin, refers),
            origin,
        }
    };
    let theirs = facts.existing.databases.iter().filter_map(|(name, database)| {
        let (secret, used) = (database.secret_arn.clone()?, format!("existing.databases.{name}"));
        Some(Rotated {
            // No name of a database has an underscore.
            rule: format!("rotated-existing_{name}"),
            what: format!("the existing database {name}"),
            users: users(stack, &used, |text| bare(text) == secret),
            origin: used,
            secret,
        })
    });
    let shared = facts.host.iter().flat_map(|host| &host.databases).filter(|(_, database)| database.secret_version.is_none());
    let shared = shared.map(|(name, database)| Rotated {
        rule: format!("rotated-{name}"),
        secret: database.secret_arn.clone(),
        what: format!("the database {name}"),
        users: users(stack, &format!("databases.{name}"), |text| bare(text) == database.secret_arn),
        origin: "share.databases".into(),
    });
    let mut all: Vec<Rotated<'_>> = ours.chain(raw).map(instance).chain(theirs).chain(shared).collect();
    // Of a cluster, or of a database that only its secret names: RDS calls its secrets so.
    let here = |arn: &String| arn.contains(&format!(":secretsmanager:{}:", facts.scope.region)) && arn.contains(":secret:rds!");
    let named = stack.services.values().flat_map(|service| service.secrets.values()).map(|secret| bare(secret)).filter(here);
    for secret in named.collect::<BTreeSet<String>>() {
        if all.iter().any(|one| one.secret == secret) {
            continue;
        }
        let users = users(stack, "", |text| bare(text) == secret);
        let (Some(first), Some((_, name))) = (users.first(), secret.rsplit_once('!')) else { continue };
        let origin = format!("services.{first}.secrets");
        all.push(Rotated { rule: format!("rotated-rds_{name}"), what: format!("the secret {name}"), origin, secret, users });
    }
    all
}

pub fn expand(graph: &mut Graph, stack: &Stack, keys: &Keys, facts: &Facts<'_>) -> Result<(), Error> {
    for (name, database) in &stack.databases {
        let Some(days) = database.password.rotate.days() else { continue };
        let secret = Ref::<Instance>::to(name.as_str()).ready().attr("secret_arn");
        graph.add(name.as_str(), &format!("databases.{name}"), &Rotation { secret, days: i64::from(days) })?;
    }
    let mut rotated = rotated(stack, facts);
    rotated.retain(|one| !one.users.is_empty());
    let all: BTreeSet<&str> = rotated.iter().flat_map(|one| one.users.iter().copied()).collect();
    if all.is_empty() {
        return Ok(());
    }
    let function = function(graph, &all, keys, facts)?;
    for one in rotated {
        let names: Vec<String> = one.users.iter().map(|user| Ref::<Service>::to(*user).attr("name").to_string()).collect();
        let input = json!({"cluster": Ref::<Cluster>::to("main").attr("name"), "services": names});
        let target = Target::function(function.clone().attr("arn"), input);
        let rule = EventRule {
            pattern: pattern(&one.secret),
            schedule: String::new(),
            enabled: Some(true),
            description: Some(format!("The password of {} was rotated", one.what)),
            targets: [("restart".to_owned(), target)].into(),
            tags: Tags::new(),
        };
        let rule = graph.add(one.rule.as_str(), &one.origin, &rule)?;
        let permission = Permission { function: function.clone(), rule: rule.attr("arn") };
        graph.add(one.rule.as_str(), &one.origin, &permission)?;
    }
    Ok(())
}

/// Returns the pattern of the event of a rotation that succeeded
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html>).
fn pattern(secret: &str) -> Value {
    json!({
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS Service Event via CloudTrail"],
        "detail": {
            "eventSource": ["secretsmanager.amazonaws.com"],
            "eventName": ["RotationSucceeded"],
            "additionalEventData": {"SecretId": [secret]},
        },
    })
}

fn function(graph: &mut Graph, users: &BTreeSet<&str>, keys: &Keys, facts: &Facts<'_>) -> Result<Ref<Function>, Error> {
    const ORIGIN: &str = "databases";
    let scope = facts.scope;
    let logs = LogGroup {
        name: format!("/stack/{}/{}/{NAME}", scope.stack, scope.env),
        region: None,
        retention_days: Some(DAYS),
        kms_key: Some(keys.arn(None).unwrap_or_default()),
        tags: Tags::new(),
    };
    let logs = graph.add(NAME, ORIGIN, &logs)?;
    let services: Vec<String> = users.iter().map(|user| Ref::<Service>::to(*user).attr("arn").to_string()).collect();
    let write = allow(&["logs:CreateLogStream", "logs:PutLogEvents"], vec![format!("{}:*", logs.clone().attr("arn"))]);
    let role = Role {
        trust: policy(vec![
            json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}),
        ]),
        policies: [
            ("logs".to_owned(), policy(vec![write])),
            ("restart".to_owned(), policy(vec![allow(&["ecs:UpdateService"], services)])),
        ]
        .into(),
        managed: Vec::new(),
        description: Some(DESCRIPTION.into()),
        boundary: None,
        tags: Tags::new(),
    };
    let role = graph.add(NAME, ORIGIN, &role)?;
    graph.add(
        NAME,
        ORIGIN,
        &Function {
            role: role.attr("arn"),
            code: CODE.into(),
            program: None,
            code_sha256: Some(digest(CODE, None)?),
            runtime: "python3.13".into(),
            handler: "index.run".into(),
            description: Some(DESCRIPTION.into()),
            timeout: Some(60),
            memory: Some(128),
            architecture: Some("arm64".into()),
            log_group: Some(logs),
            extras: Vec::new(),
            tags: Tags::new(),
        },
    )
}
