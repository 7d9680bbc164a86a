//! What goes wrong on the way to AWS on an ordinary day, by a seed: throttling in each service's own words, server errors
//! with and without a body, connections that drop before the call, after it, and in the middle of the answer, slowness, and answers that are as old as
//! AWS's can be: what was just made is not there, what was just changed is as it was. And what AWS says to exactly one call while
//! something is on its way: a role that cannot be assumed yet, a subnet that still has dependents.
//!
//! `cargo test --test it faults` does a little of it. `STACK_FAULTS=20 cargo test --test it faults -- --nocapture` has that
//! many percent of all calls of the reference stacks go wrong; `STACK_SEED=N` repeats a run's choices.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::cli::published;
use crate::kills::{Choices, DESTROY, FILES, kinds};
use crate::lifecycle::{STACK, Subject};
use crate::support::proxy::{Call, Fault};

/// How often a command is run until it is through. The end says "run the same command again", and that is tested too.
const RUNS: usize = 4;

/// An answer in the words of the service that the call is for.
fn throttled(call: &Call) -> Fault {
    let xml = |status: u16, body: String| Fault::Answer(status, "text/xml".into(), body);
    match call.service.as_str() {
        "ec2" => xml(
            503,
            "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors><RequestID>f-1</RequestID></Response>".into(),
        ),
        "s3" => xml(503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>".into()),
        "ecs" | "logs" | "kms" | "acm" | "application-autoscaling" | "secretsmanager" => Fault::Answer(
            400,
            "application/x-amz-json-1.1".into(),
            json!({ "__type": "ThrottlingException", "message": "Rate exceeded" }).to_string(),
        ),
        _ => xml(
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>f-1</RequestId></ErrorResponse>".into(),
        ),
    }
}

/// What AWS answers to exactly this call while something else is on its way to be made or to be gone.
fn not_yet(call: &Call) -> Option<Fault> {
    let ec2 = |code: &str| {
        let body = format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>Not now.</Message></Error></Errors><RequestID>f-2</RequestID></Response>"
        );
        Fault::Answer(400, "text/xml".into(), body)
    };
    let query = |status: u16, code: &str| {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>Not now.</Message></Error><RequestId>f-2</RequestId></ErrorResponse>"
        );
        Fault::Answer(status, "text/xml".into(), body)
    };
    let json = |code: &str, message: &str| {
        let body = json!({ "__type": code, "message": message }).to_string();
        Fault::Answer(400, "application/x-amz-json-1.1".into(), body)
    };
    Some(match call.name().as_str() {
        "ec2:DeleteSecurityGroup" | "ec2:DeleteSubnet" | "ec2:DeleteVpc" | "ec2:DetachInternetGateway" => {
            ec2("DependencyViolation")
        }
        "ec2:CreateSubnet" | "ec2:CreateSecurityGroup" | "ec2:CreateRouteTable" => ec2("InvalidVpcID.NotFound"),
        "ec2:CreateNatGateway" => ec2("InvalidSubnetID.NotFound"),
        "elasticloadbalancing:CreateListener" | "elasticloadbalancing:CreateRule" => query(400, "TargetGroupNotFound"),
        "elasticloadbalancing:DeleteTargetGroup" => query(400, "ResourceInUse"),
        "iam:PutRolePolicy" | "iam:AttachRolePolicy" => query(404, "NoSuchEntity"),
        "iam:DeleteRole" | "iam:DeleteGroup" => query(409, "DeleteConflict"),
        "rds:CreateDBInstance" => query(404, "DBSubnetGroupNotFoundFault"),
        "elasticache:CreateReplicationGroup" => query(404, "CacheSubnetGroupNotFoundFault"),
        "elasticache:DeleteCacheSubnetGroup" => query(400, "CacheSubnetGroupInUse"),
        "ecs:RegisterTaskDefinition" => json("ClientException", "Role is not valid"),
        "ecs:CreateService" => json("InvalidParameterException", "Unable to assume the service linked role."),
        "logs:PutRetentionPolicy" => json("ResourceNotFoundException", "The specified log group does not exist."),
        _ => return None,
    })
}

/// What goes wrong with this call, and what that is called.
fn fault(call: &Call, choices: &mut Choices) -> (&'static str, Fault) {
    let bare = |status: u16| Fault::Answer(status, "text/plain".into(), String::new());
    let page = |status: u16| Fault::Answer(status, "text/html".into(), "<html><body><h1>Bad Gateway</h1></body></html>".into());
    // Half of the calls that have such an answer get it.
    if let (Some(fault), 0) = (not_yet(call), choices.below(2)) {
        return ("not yet", fault);
    }
    match choices.below(14) {
        0..3 => ("throttled", throttled(call)),
        3 => ("500", bare(500)),
        4 => ("502", page(502)),
        5 => ("503", bare(503)),
        6 => ("504", page(504)),
        7 => ("dropped before", Fault::DropBefore),
        8 => ("dropped after", Fault::DropAfter),
        9 => ("half an answer", Fault::Half),
        10 => ("slow", Fault::Delay(Duration::from_millis(300))),
        _ => ("an old answer", Fault::Stale(Duration::from_millis(1500))),
    }
}

/// Brings a stack up, changes it and takes it down while `percent` of all calls go wrong. How often which fault was.
fn endures(text: &str, name: &str, percent: usize, seed: u64) -> BTreeMap<&'static str, usize> {
    let edited = text.replacen("count: 2", "count: 3", 1).replacen("max: 6", "max: 9", 1);
    let calm = Subject::new(text);
    let [before, after] = [text, edited.as_str()].map(|text| {
        calm.place.file("s.yaml", text);
        calm.place.stack(&["apply", "s.yaml", "--yes"]).ok();
        kinds(&calm.account.inventory(name, "default"))
    });
    calm.place.stack(DESTROY).ok();

    let s = Subject::new(text);
    let seen: Arc<Mutex<BTreeMap<&'static str, usize>>> = Arc::default();
    let choices = Arc::new(Mutex::new(Choices(seed)));
    let rough = || {
        let (seen, choices) = (seen.clone(), choices.clone());
        s.proxy.on_call(move |call| {
            let mut choices = choices.lock().unwrap();
            if choices.below(100) >= percent {
                return Fault::Pass;
            }
            let (what, fault) = fault(call, &mut choices);
            *seen.lock().unwrap().entry(what).or_default() += 1;
            fault
        });
    };
    let through = |arguments: &[&str]| {
        for run in 1.. {
            let output = s.place.stack(arguments);
            if output.code == Some(0) {
                return run;
            }
            println!("run {run} of {arguments:?} ended with {:?}:\n{}", output.code, output.stderr);
            assert!(run < RUNS, "{name} at {percent} %, seed {seed}, {arguments:?}: {}", output.stderr);
        }
        unreachable!()
    };
    rough();
    let mut runs = vec![through(&["apply", "s.yaml", "--yes"])];
    // Judged in calm: by the plan, and by another client.
    s.proxy.pass();
    s.assert_in_step();
    assert_eq!(kinds(&s.account.inventory(name, "default")), before, "{name} at {percent} %, seed {seed}");
    rough();
    s.place.file("s.yaml", &edited);
    runs.push(through(&["apply", "s.yaml", "--yes"]));
    s.proxy.pass();
    s.assert_in_step();
    assert_eq!(kinds(&s.account.inventory(name, "default")), after, "{name} at {percent} %, seed {seed}");
    rough();
    runs.push(through(DESTROY));
    s.proxy.pass();
    assert_eq!(s.account.inventory(name, "default"), json!({}), "{name} at {percent} %, seed {seed}");
    let seen = seen.lock().unwrap().clone();
    println!("{name} at {percent} %, seed {seed}: apply, edit and destroy took {runs:?} runs; {seen:?}");
    seen
}

#[test]
fn a_stack_comes_up_changes_and_goes_while_calls_go_wrong() {
    let seed = std::env::var("STACK_SEED").map_or(20_261_124, |seed| seed.parse().expect("STACK_SEED is a number"));
    let seen = match std::env::var("STACK_FAULTS") {
        Ok(percent) => {
            let percent = percent.parse().expect("STACK_FAULTS is a number of percent");
            let mut seen = BTreeMap::new();
            for file in FILES {
                let text = std::fs::read_to_string(published(file)).unwrap();
                let name = text.lines().find_map(|line| line.strip_prefix("stack: ")).unwrap().trim().to_owned();
                for (what, n) in endures(&text, &name, percent, seed) {
                    *seen.entry(what).or_default() += n;
                }
            }
            seen
        }
        Err(_) => endures(STACK, "shop", 5, seed),
    };
    let all: usize = seen.values().sum();
    println!("{all} faults: nothing lost, nothing twice, nothing left");
    assert!(all > 5, "{seen:?}");
}
