//! `databases.NAME.password.rotate`: how often RDS makes a password anew, and that those who use it are deployed anew each time.
//!
//! A container has its secrets from when it started, and the password before is wrong at once
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>). So a rule waits for the
//! event of the rotation, and a function deploys exactly these services anew.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Facts;
use super::services::{allow, policy};
use crate::aws::Tags;
use crate::aws::ecs::{Cluster, Service};
use crate::aws::events::{EventRule, Target};
use crate::aws::iam::Role;
use crate::aws::lambda::{Function, Permission, digest};
use crate::aws::logs::LogGroup;
use crate::aws::rds::Instance;
use crate::aws::secretsmanager::Rotation;
use crate::config::Stack;
use crate::engine::{Error, Graph, Ref};

/// What deploys services anew.
const CODE: &str = include_str!("restart.py");
/// What its parts are called: no service can be called so.
const NAME: &str = "restart_services";
/// For how long its output is kept.
const DAYS: i32 = 30;

/// The services that use a database.
fn users<'a>(stack: &'a Stack, database: &str) -> Vec<&'a str> {
    let used = format!("databases.{database}");
    stack.services.iter().filter(|(_, service)| service.uses.contains(&used)).map(|(name, _)| name.as_str()).collect()
}

pub fn expand(graph: &mut Graph, stack: &Stack, facts: &Facts<'_>) -> Result<(), Error> {
    let rotated = stack.databases.iter().filter_map(|(name, d)| Some((name.as_str(), d.password.rotate.days()?)));
    let rotated: Vec<(&str, u16)> = rotated.collect();
    for (name, days) in &rotated {
        let secret = Ref::<Instance>::to(*name).ready().attr("secret_arn");
        graph.add(*name, &format!("databases.{name}"), &Rotation { secret, days: i64::from(*days) })?;
    }
    let all: BTreeSet<&str> = rotated.iter().flat_map(|(name, _)| users(stack, name)).collect();
    if all.is_empty() {
        return Ok(());
    }
    let function = function(graph, &all, facts)?;
    for (name, _) in rotated {
        let users = users(stack, name);
        if users.is_empty() {
            continue;
        }
        let origin = format!("databases.{name}");
        let names: Vec<String> = users.iter().map(|user| Ref::<Service>::to(*user).attr("name").to_string()).collect();
        let input = json!({"cluster": Ref::<Cluster>::to("main").attr("name"), "services": names});
        let target = Target { function: function.clone().attr("arn"), input: Some(input) };
        let rule = EventRule {
            pattern: pattern(&Ref::<Instance>::to(name).ready().attr("secret_arn").to_string()),
            enabled: Some(true),
            description: Some(format!("The password of the database {name} was made anew")),
            targets: [("restart".to_owned(), target)].into(),
            tags: Tags::new(),
        };
        let rule = graph.add(format!("rotated-{name}"), &origin, &rule)?;
        let permission = Permission { function: function.clone(), rule: rule.attr("arn") };
        graph.add(format!("rotated-{name}"), &origin, &permission)?;
    }
    Ok(())
}

/// The event of a rotation that succeeded
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

fn function(graph: &mut Graph, users: &BTreeSet<&str>, facts: &Facts<'_>) -> Result<Ref<Function>, Error> {
    const ORIGIN: &str = "databases";
    let scope = facts.scope;
    let logs = LogGroup {
        name: format!("/stack/{}/{}/{NAME}", scope.stack, scope.env),
        retention_days: Some(DAYS),
        kms_key: None,
        tags: Tags::new(),
    };
    let logs = graph.add(NAME, ORIGIN, &logs)?;
    let services: Vec<String> = users.iter().map(|user| Ref::<Service>::to(*user).attr("arn").to_string()).collect();
    let write = allow(&["logs:CreateLogStream", "logs:PutLogEvents"], vec![format!("{}:*", logs.clone().attr("arn"))]);
    let role = Role {
        trust: json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
        }),
        policies: [
            ("logs".to_owned(), policy(vec![write])),
            ("restart".to_owned(), policy(vec![allow(&["ecs:UpdateService"], services)])),
        ]
        .into(),
        managed: Vec::new(),
        description: Some("Deploys services anew when the password that they use was made anew".into()),
        tags: Tags::new(),
    };
    let role = graph.add(NAME, ORIGIN, &role)?;
    graph.add(
        NAME,
        ORIGIN,
        &Function {
            role: role.attr("arn"),
            code: CODE.into(),
            code_sha256: Some(digest(CODE)),
            runtime: "python3.13".into(),
            handler: "index.run".into(),
            description: Some("Deploys services anew when the password that they use was made anew".into()),
            timeout: Some(60),
            memory: Some(128),
            architecture: Some("arm64".into()),
            log_group: Some(logs),
            extras: Vec::new(),
            tags: Tags::new(),
        },
    )
}
