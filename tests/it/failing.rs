//! What AWS accepts and then cannot make, and what it has no room for: the run ends soon and says so, the same command again
//! ends with the whole architecture, and a destroy from there leaves nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::kinds::kinds;
use crate::support::proxy::Fault;
use crate::support::run::words;
use crate::support::subject::{APPLY, DESTROY, Subject};

/// A network with a gateway, and one of everything whose creation AWS can fail at.
const STACK: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: single }
services:
  web: { image: "nginx:1.27", port: 80, count: 2, routes: ["/*"], uses: [databases.main, caches.sessions] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, backups: 7d }
caches:
  sessions: { engine: valkey, node: cache.t4g.small, replicas: 1 }
  pages: { engine: memcached, node: cache.t4g.small }
"#;

/// What the stack is when nothing fails.
fn whole() -> BTreeMap<String, usize> {
    let s = Subject::new(STACK);
    s.place.stack(APPLY).ok();
    let whole = kinds(&s.account.inventory("shop", "default"));
    s.place.stack(DESTROY).ok();
    whole
}

/// How often each kind is there, what failed and is gone but still listed left out.
fn there(s: &Subject) -> BTreeMap<String, usize> {
    kinds(&s.account.inventory("shop", "default"))
}

/// An apply that ends with 3 within seconds and says `said` about `key`, and what to do next.
#[track_caller]
fn fails(s: &Subject, key: &str, said: &[&str]) {
    let output = s.place.stack(APPLY).exits(3);
    assert!(output.took < Duration::from_secs(60), "{:?}", output.took);
    let text = words(&output.stderr);
    for part in [&[key, "the same command again: it continues from here"], said].concat() {
        assert!(text.contains(part), "{part}: {}", output.stderr);
    }
}

#[test]
fn failed_create_ends_soon_and_is_retried() {
    let whole = whole();
    let cases: &[(&str, &str, &str, &[&str])] = &[
        ("ec2.nat_gateway", "InsufficientFreeAddressesInSubnet", "ec2.nat_gateway/a", &["insufficient free addresses"]),
        ("rds.instance", "failed", "rds.instance/main", &["failed"]),
        ("rds.instance", "incompatible-network", "rds.instance/main", &["incompatible-network"]),
        ("elasticache.replication_group", "create-failed", "elasticache.replication_group/sessions", &["create-failed"]),
        ("elasticache.cluster", "incompatible-network", "elasticache.cluster/pages", &["incompatible-network"]),
        ("elbv2.load_balancer", "failed", "elbv2.load_balancer/main", &["not enough free IP addresses"]),
    ];
    for (kind, outcome, key, said) in cases {
        println!("{kind} ends {outcome}");
        // Twice in a row: it may fail again when it is made again.
        let s = Subject::new(STACK);
        s.account.will(json!({ *kind: outcome, "times": 2 }));
        fails(&s, key, said);
        fails(&s, key, said);
        let plan = s.place.stack(&["plan", "s.yaml", "--json"]).ok().json();
        let change = plan["changes"].as_array().unwrap().iter().find(|c| c["key"] == *key).cloned();
        let change = change.unwrap_or_else(|| panic!("{key}: {plan:#}"));
        assert!(["create", "replace"].contains(&change["action"].as_str().unwrap()), "{change:#}");
        s.place.stack(APPLY).ok();
        s.assert_in_step();
        assert_eq!(there(&s), whole, "{kind} {outcome}");
        s.place.stack(DESTROY).ok();
        assert_eq!(s.account.inventory("shop", "default"), json!({}), "{kind} {outcome}");

        // And taken down as it failed.
        let s = Subject::new(STACK);
        s.account.will(json!({ *kind: outcome }));
        fails(&s, key, said);
        s.place.stack(DESTROY).ok();
        assert_eq!(s.account.inventory("shop", "default"), json!({}), "{kind} {outcome}");
    }
}

/// What AWS answers where it has no room, by the call: the code and its words.
const NO_ROOM: &[(&str, &str, &str, &str, &str)] = &[
    (
        "rds:CreateDBInstance",
        "rds.instance/main",
        "InsufficientDBInstanceCapacity",
        "Cannot create a database instance because no Availability Zones have sufficient capacity for db.t4g.micro.",
        "ErrorResponse",
    ),
    (
        "elasticache:CreateReplicationGroup",
        "elasticache.replication_group/sessions",
        "InsufficientCacheClusterCapacity",
        "The requested cache node type is not available in the specified Availability Zone.",
        "ErrorResponse",
    ),
    (
        "elasticloadbalancing:CreateLoadBalancer",
        "elbv2.load_balancer/main",
        "InvalidSubnet",
        "Not enough IP space available in subnet-0. ELB requires at least 8 free IP addresses in each subnet.",
        "ErrorResponse",
    ),
    (
        "ec2:AllocateAddress",
        "ec2.address/nat-a",
        "InsufficientAddressCapacity",
        "Not enough capacity to fulfill your Elastic IP address request. Wait a few minutes and try again.",
        "Response",
    ),
];

#[test]
fn run_without_capacity_ends_and_continues_later() {
    let whole = whole();
    for (call, key, code, message, envelope) in NO_ROOM {
        println!("{call} answers {code}");
        let s = Subject::new(STACK);
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let body = match *envelope {
            "Response" => format!("<Response><Errors>{error}</Errors><RequestID>f-4</RequestID></Response>"),
            _ => format!("<ErrorResponse>{error}<RequestId>f-4</RequestId></ErrorResponse>"),
        };
        s.proxy.on_call(move |asked| match asked.name() == *call {
            true => Fault::Answer(400, "text/xml".into(), body.clone()),
            false => Fault::Pass,
        });
        fails(&s, key, &[code, message]);
        s.proxy.pass();
        s.place.stack(APPLY).ok();
        s.assert_in_step();
        assert_eq!(there(&s), whole, "{call}");
        s.place.stack(DESTROY).ok();
        assert_eq!(s.account.inventory("shop", "default"), json!({}), "{call}");
    }
}

/// No room for tasks is no failure on AWS: the service keeps trying. The run waits with it, passes its words on, and succeeds.
#[test]
fn tasks_without_capacity_are_waited_for() {
    let s = Subject::new(STACK);
    s.account.will(json!({ "ecs.task": "no-capacity", "times": 12 }));
    let (states, _) = s.place.stack(&["apply", "s.yaml", "--yes", "--json"]).ok().states();
    let said = &states[&("ecs.service/web".to_owned(), "create".to_owned())];
    let why = "was unable to place a task. Reason: Capacity is unavailable at this time.";
    assert!(said.iter().any(|status| status.contains(why)), "{said:?}");
    s.assert_in_step();

    // A user who does not want to wait ends it, and the next run continues.
    s.account.will(json!({ "ecs.task": "no-capacity", "times": 1000 }));
    s.place.file("s.yaml", &STACK.replace("nginx:1.27", "nginx:1.28"));
    let (told, process) = (std::sync::Arc::new(AtomicBool::new(false)), s.place.command(APPLY));
    let mut child = { process }
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let seen = told.clone();
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let mut said = String::new();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
    while std::io::BufRead::read_line(&mut lines, &mut said).unwrap() > 0 {
        if said.contains("unable to place a task") && !seen.swap(true, Ordering::Relaxed) {
            rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(told.load(Ordering::Relaxed), "{said}");
    s.account.will(json!({ "ecs.task": "no-capacity", "times": 0 }));
    s.place.stack(APPLY).ok();
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}
