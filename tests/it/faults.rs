//! What goes wrong on the way to AWS on an ordinary day, by a seed: throttling in each service's own words, server errors
//! with and without a body, connections that drop before the call, after it, and in the middle of the answer, slowness, and answers that are as old as
//! AWS's can be: what was just made is not there, what was just changed is as it was. And what AWS says to exactly one call while
//! something is in progress: a role that cannot be assumed yet, a subnet that still has dependents.
//!
//! `cargo test --test it faults` does a little of it. `STACK_FAULTS=20 cargo test --test it faults -- --nocapture` has that
//! many percent of all calls of the reference stacks go wrong; `STACK_SEED=N` repeats a run's choices.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::support::aws::LocalAws;
use crate::support::faults::{Rough, Seen, seed};
use crate::support::kinds::kinds;
use crate::support::proxy::{Fault, counts};
use crate::support::run::EVERYTHING;
use crate::support::stacks::{STACK, TYPICAL, unwatched};
use crate::support::subject::{DESTROY, Subject};

/// How often a command is run until it is through. The end says "run the same command again", and that is tested too.
const RUNS: usize = 4;

/// Brings a stack up, changes it and takes it down while `percent` of all calls go wrong, on an AWS that takes `scale` of its
/// time. How often which fault was.
fn endures(aws: &LocalAws, scale: f64, text: &str, name: &str, percent: usize, oldest: Duration) -> Seen {
    let seed = seed();
    let edited = text.replacen("count: 2", "count: 3", 1).replacen("max: 6", "max: 9", 1);
    let calm = Subject::on(aws, text);
    let [before, after] = [text, edited.as_str()].map(|text| {
        calm.place.file("s.yaml", text);
        calm.place.stack(&["apply", "s.yaml", "--yes"]).ok();
        kinds(&calm.account.inventory(name, "default"))
    });
    calm.place.stack(DESTROY).ok();

    if scale > 0.0 {
        aws.time_scale(scale);
    }
    let s = Subject::on(aws, text);
    let faults = Arc::new(Rough::new(percent, seed, oldest));
    let rough = || {
        let faults = faults.clone();
        s.proxy.on_call(move |call| faults.decide(call));
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
    let seen = faults.seen();
    if scale > 0.0 {
        aws.time_scale(0.0);
    }
    println!("{name} at {percent} %, AWS's times by {scale}, seed {seed}: apply, edit and destroy took {runs:?} runs; {seen:?}");
    seen
}

#[test]
fn stack_survives_failing_calls() {
    let aws = LocalAws::shared();
    let seen = match std::env::var("STACK_FAULTS") {
        Ok(percent) => {
            let percent = percent.parse().expect("STACK_FAULTS is a number of percent");
            let mut seen = Seen::new();
            for file in TYPICAL {
                let text = unwatched(file);
                let name = text.lines().find_map(|line| line.strip_prefix("stack: ")).unwrap().trim().to_owned();
                for (what, n) in endures(aws, 0.0, &text, &name, percent, Duration::from_secs(5)) {
                    *seen.entry(what).or_default() += n;
                }
            }
            seen
        }
        Err(_) => endures(aws, 0.0, STACK, "shop", 5, Duration::from_millis(1500)),
    };
    let all: usize = seen.values().sum();
    println!("{all} faults: nothing lost, nothing twice, nothing left");
    assert!(all > 5, "{seen:?}");
}

/// Objects that take their time on AWS, and pass through states.
const SLOW: &str = r#"
stack: slow
region: us-east-1
alarms: off
network: { zones: 2, nat: single }
services:
  web: { image: "nginx:1.27", port: 80, count: 2, routes: ["/*"], uses: [databases.main, caches.sessions] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, backups: 7d }
caches:
  sessions: { engine: valkey, node: cache.t4g.small, replicas: 1 }
cdn: {}
"#;

/// The states of each kind in AWS's order; each is the beginning of what AWS says.
const STATES: &[(&str, &str, &[&str])] = &[
    ("rds.instance/main", "create", &["creating", "backing-up"]),
    ("elasticache.replication_group/sessions", "create", &["creating"]),
    ("ec2.nat_gateway/a", "create", &["pending"]),
    ("elbv2.load_balancer/main", "create", &["provisioning"]),
    ("cloudfront.distribution/main", "create", &["InProgress"]),
    ("rds.instance/main", "delete", &["deleting"]),
    ("elasticache.replication_group/sessions", "delete", &["deleting"]),
    ("ec2.nat_gateway/a", "delete", &["deleting"]),
    ("cloudfront.distribution/main", "delete", &["being disabled"]),
];

/// On a server of its own, whose time is this test's.
#[test]
fn stack_survives_slow_aws_and_failing_calls() {
    let aws = LocalAws::start();
    let s = Subject::on(&aws, SLOW);
    aws.time_scale(0.02);
    let up = s.place.stack(&["apply", "s.yaml", "--yes", "--json"]).ok();
    let mut arguments = DESTROY.to_vec();
    arguments.push("--json");
    let down = s.place.stack(&arguments).ok();
    let ((mut states, _), (more, again)) = (up.states(), down.states());
    states.extend(more);
    for (key, verb, order) in STATES {
        let said = states.get(&((*key).to_owned(), (*verb).to_owned())).unwrap_or_else(|| panic!("{key} {verb}: {states:#?}"));
        // Nothing of it twice, nothing before its turn.
        let at: Vec<Option<usize>> = order.iter().map(|word| said.iter().position(|s| s.starts_with(word))).collect();
        assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{key} {verb}: {said:?}");
        // With the suite's faults an old answer may say it again.
        let once = order.iter().all(|word| said.iter().filter(|s| s.starts_with(word)).count() == 1);
        assert!(once || Rough::of_suite().is_some(), "{key} {verb}: {said:?}");
    }
    // The balancer is gone, and its interfaces are not: AWS says so until they are.
    let dependents: Vec<&String> = again.iter().filter(|why| why.contains("DependencyViolation")).collect();
    assert!(!dependents.is_empty(), "{again:#?}");
    println!("{} deletions were refused for a while because of what had just been deleted", dependents.len());
    assert_eq!(s.account.inventory("slow", "default"), json!({}));

    aws.time_scale(0.0);
    let (percent, scale) = match std::env::var("STACK_FAULTS") {
        Ok(percent) => (percent.parse().expect("STACK_FAULTS is a number of percent"), 0.01),
        Err(_) => (5, 0.004),
    };
    let seen = endures(&aws, scale, SLOW, "slow", percent, Duration::from_secs(5));
    assert!(seen.values().sum::<usize>() > 5, "{seen:?}");
}

/// These have neither a name nor a token: a second call creates a second one. Their answers are lost, and for three seconds
/// no reading tells of what they made.
#[test]
fn create_with_a_lost_answer_is_not_repeated() {
    const BLIND: [&str; 4] = ["CreateVpc", "CreateInternetGateway", "AllocateAddress", "CreateKey"];
    const READ: [&str; 5] = ["DescribeVpcs", "DescribeInternetGateways", "DescribeAddresses", "ListKeys", "ListAliases"];
    let s = Subject::new(&format!("{STACK}keys: {{ main: {{}} }}\n"));
    let lost = Mutex::new(BTreeSet::new());
    s.proxy.on_call(move |call| match call.operation.as_str() {
        made if BLIND.contains(&made) && lost.lock().unwrap().insert(made.to_owned()) => Fault::DropAfter,
        read if READ.contains(&read) => Fault::Stale(Duration::from_secs(3)),
        _ => Fault::Pass,
    });
    s.apply();
    let calls = counts(&s.proxy.take());
    for made in BLIND {
        let service = if made == "CreateKey" { "kms" } else { "ec2" };
        assert_eq!(calls.get(&format!("{service}:{made}")), Some(&1), "{calls:#?}");
    }
    s.proxy.pass();
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}
