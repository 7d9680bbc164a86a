//! `stack pause` and `resume`: what works is stopped and started again in the right order, stays as it is in between, and a run
//! that is killed anywhere comes to its end.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::proxy::Call;
use crate::support::run::{EVERYTHING, Output, words};
use crate::support::subject::{Subject, mutating, run_and_kill_when};

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
services:
  web: { image: "nginx:1.27", public: true, count: 2, uses: [databases.main] }
  api: { image: "nginx:1.27", public: true, scale: { min: 2, max: 4 }, uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, backups: 7d }
"#;

const PAUSE: &[&str] = &["pause", "s.yaml", "--yes"];
const RESUME: &[&str] = &["resume", "s.yaml", "--yes"];
const GONE: &[&str] = &["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"];

/// What another client sees: the tasks of the services, what scales them, the state of the databases, and who says why.
const STATE: &str = r#"
ecs, rds = client("ecs"), client("rds")
arns = sorted(ecs.list_services(cluster="shop")["serviceArns"])
services = ecs.describe_services(cluster="shop", services=arns, include=["TAGS"])["services"]
tag = lambda tags: next((t.get("value", t.get("Value")) for t in tags if t.get("key", t.get("Key")) == "stack:paused"), None)
databases = rds.describe_db_instances()["DBInstances"]
targets = client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
result = {
    "tasks": {s["serviceName"]: [s["desiredCount"], s["runningCount"]] for s in services},
    "scaling": [[t["MinCapacity"], t["SuspendedState"]["DynamicScalingOutSuspended"]] for t in targets],
    "databases": {d["DBInstanceIdentifier"]: d["DBInstanceStatus"] for d in databases},
    "tags": sorted({str(tag(s["tags"])) for s in services} | {str(tag(d["TagList"])) for d in databases}),
}
"#;

fn state(s: &Subject) -> Value {
    s.account.boto3(STATE, &Value::Null)
}

fn running() -> Value {
    json!({
        "tasks": {"shop-api": [2, 2], "shop-web": [2, 2]},
        "scaling": [[2, false]],
        "databases": {"shop": "available"},
        "tags": ["None"],
    })
}

fn resting() -> Value {
    json!({
        "tasks": {"shop-api": [0, 0], "shop-web": [0, 0]},
        "scaling": [[0, true]],
        "databases": {"shop": "stopped"},
        "tags": ["asked"],
    })
}

fn stack(s: &Subject, arguments: &[&str]) -> Output {
    s.place.stack(arguments)
}

/// A stack that runs, and the calls so far forgotten.
fn applied(text: &str) -> Subject {
    let s = Subject::new(text);
    s.apply();
    s.proxy.take();
    s
}

fn gone(s: &Subject) {
    stack(s, GONE).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// The calls that stop and start, in order. One call of each service or database comes `before` its other one: what has no tasks
/// because it is paused always says so, or nobody would start it again.
fn moves(s: &Subject, before: [&str; 2]) -> Vec<String> {
    let of = ["ecs:UpdateService", "rds:StopDBInstance", "rds:StartDBInstance", "RegisterScalableTarget"];
    let calls = mutating(&s.proxy.take());
    let mut ahead = 0;
    for call in &calls {
        ahead += i32::from(call == before[0]) - i32::from(call == before[1]);
        assert!(ahead >= 0, "{before:?}: {calls:?}");
    }
    calls.into_iter().filter(|call| of.iter().any(|of| call.ends_with(of))).collect()
}

#[test]
fn what_is_paused_rests_until_it_is_resumed() {
    let s = applied(FILE);
    assert_eq!(state(&s), running());
    let paused = stack(&s, PAUSE).ok();
    assert_eq!(state(&s), resting());
    let said = paused.words();
    for part in ["it stops serving: no tasks run until it is resumed", "AWS starts it again after 7 days", "still charged"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let calls = moves(&s, ["ecs:TagResource", "ecs:UpdateService"]);
    let scaling = calls.iter().position(|call| call.ends_with("RegisterScalableTarget")).unwrap();
    let last = calls.iter().rposition(|call| call == "ecs:UpdateService").unwrap();
    let stop = calls.iter().position(|call| call == "rds:StopDBInstance").unwrap();
    assert!(calls.len() == 4 && scaling < last && last < stop, "{calls:?}");

    // At rest it is as it should be, for whoever looks.
    s.assert_in_step();
    let plan = stack(&s, &["plan", "s.yaml", "--detailed-exitcode"]).ok();
    assert!(plan.words().contains("This environment is paused: `stack resume` starts it."), "{}", plan.stderr);
    stack(&s, &["drift", "s.yaml"]).ok();
    assert!(stack(&s, &["apply", "s.yaml", "--yes"]).ok().stderr.contains("No changes"));
    assert!(stack(&s, PAUSE).ok().stderr.contains("No changes"));
    let listed = stack(&s, &["list", "--region", "us-east-1", "--json"]).ok().json();
    assert_eq!(listed[0]["paused"], "asked", "{listed:#}");
    assert!(stack(&s, &["list", "--region", "us-east-1"]).ok().stdout.contains("paused"));
    let task = stack(&s, &["run", "s.yaml", "web", "--", "sh", "-c", "echo works"]).ok();
    assert_eq!(task.stdout, "works\n");
    assert!(task.words().contains("databases that were stopped with it do not answer"), "{}", task.stderr);
    assert_eq!(state(&s), resting());
    assert_eq!(moves(&s, ["", ""]), Vec::<String>::new());

    stack(&s, RESUME).ok();
    assert_eq!(state(&s), running());
    let calls = moves(&s, ["ecs:UpdateService", "ecs:UntagResource"]);
    let scaling = calls.iter().position(|call| call.ends_with("RegisterScalableTarget")).unwrap();
    let first = calls.iter().position(|call| call == "ecs:UpdateService").unwrap();
    assert!(calls.len() == 4 && first < scaling, "{calls:?}");
    s.assert_in_step();
    let again = stack(&s, RESUME).ok();
    assert!(again.words().contains("This environment is not paused.") && again.stderr.contains("No changes"), "{}", again.stderr);
    gone(&s);
}

/// Which of the events says that an object is done, and that it is begun.
fn at(events: &str, event: &str, key: &str) -> usize {
    let is = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        line["event"] == event && line["key"] == key
    };
    events.lines().position(is).unwrap_or_else(|| panic!("{event} {key}: {events}"))
}

#[test]
fn services_need_their_database_to_the_end() {
    let s = applied(FILE);
    let paused = stack(&s, &[PAUSE, &["--json"]].concat()).ok().stdout;
    // Through the task definition, which stays as it is.
    assert!(at(&paused, "finished", "ecs.service/web") < at(&paused, "started", "rds.instance/main"), "{paused}");
    let resumed = stack(&s, &[RESUME, &["--json"]].concat()).ok().stdout;
    assert!(at(&resumed, "finished", "rds.instance/main") < at(&resumed, "started", "ecs.service/web"), "{resumed}");
    gone(&s);
}

#[test]
fn a_killed_pause_or_resume_is_simply_run_again() {
    let s = applied(FILE);
    let count = |command| {
        stack(&s, command).ok();
        s.proxy.take().iter().filter(|call| call.mutating).count()
    };
    let (pause, resume) = (count(PAUSE), count(RESUME));
    assert!(pause >= 9 && resume >= 9, "{pause} {resume}");
    let kill = |command, at: usize, reaches| {
        let seen = AtomicUsize::new(0);
        run_and_kill_when(&s, command, reaches, move |call: &Call| call.mutating && seen.fetch_add(1, Ordering::SeqCst) == at)
    };
    let mut killed = 0;
    for at in 0..pause.max(resume) {
        let reaches = at % 2 == 0;
        // Either comes to its end after either.
        killed += usize::from(kill(PAUSE, at, reaches));
        if at % 3 == 0 {
            stack(&s, RESUME).ok();
            assert_eq!(state(&s), running(), "resumed after the kill of a pause at {at}");
        }
        stack(&s, PAUSE).ok();
        assert_eq!(state(&s), resting(), "paused after a kill at {at}");
        killed += usize::from(kill(RESUME, at, !reaches));
        if at % 3 == 1 {
            stack(&s, PAUSE).ok();
            assert_eq!(state(&s), resting(), "paused after the kill of a resume at {at}");
        }
        stack(&s, RESUME).ok();
        assert_eq!(state(&s), running(), "resumed after a kill at {at}");
        s.assert_in_step();
    }
    assert!(killed > pause, "{killed} kills");
    gone(&s);
}

#[test]
fn one_tag_does_not_stop_an_environment() {
    let s = applied(FILE);
    let tagged = r#"
[arn] = [x for x in client("ecs").list_services(cluster="shop")["serviceArns"] if x.endswith("/shop-web")]
client("ecs").tag_resource(resourceArn=arn, tags=[{"key": "stack:paused", "value": "asked"}])
result = None
"#;
    s.account.boto3(tagged, &Value::Null);
    s.proxy.take();
    let refused = stack(&s, &["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("this environment is paused, but `"), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    stack(&s, RESUME).ok();
    assert_eq!(state(&s), running());
    s.assert_in_step();
    gone(&s);
}

#[test]
fn a_changed_file_leaves_a_paused_stack_paused() {
    let s = applied(FILE);
    stack(&s, PAUSE).ok();
    // The count, the image, one service more and one less of nothing: none of it runs.
    s.write("count: 2", "count: 3");
    s.write("api: { image: \"nginx:1.27\"", "api: { image: \"nginx:1.28\"");
    s.write("databases:", "  more: { image: \"nginx:1.27\", public: true, count: 1 }\ndatabases:");
    s.apply();
    s.assert_in_step();
    let mut expected = resting();
    expected["tasks"]["shop-more"] = json!([0, 0]);
    assert_eq!(state(&s), expected);
    // AWS changes nothing of what is stopped, and that is known before anything is done.
    s.write("db.t4g.micro", "db.t4g.small");
    s.proxy.take();
    let refused = stack(&s, &["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("it is paused: `stack resume` starts it"), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    // AWS starts it after 7 days: then it is stopped again.
    s.write("db.t4g.small", "db.t4g.micro");
    s.account.boto3("client('rds').start_db_instance(DBInstanceIdentifier='shop')", &Value::Null);
    assert_eq!(s.changes(), ["update rds.instance/main"]);
    s.apply();
    assert_eq!(state(&s), expected);
    // What waits is done when it runs again.
    s.write("db.t4g.micro", "db.t4g.small");
    stack(&s, RESUME).ok();
    let class = r#"result = client("rds").describe_db_instances()["DBInstances"][0]["DBInstanceClass"]"#;
    assert_eq!(s.account.boto3(class, &Value::Null), json!("db.t4g.small"));
    let mut expected = running();
    expected["tasks"] = json!({"shop-api": [2, 2], "shop-more": [1, 1], "shop-web": [3, 3]});
    assert_eq!(state(&s), expected);
    s.assert_in_step();
    // And before it is stopped, otherwise.
    s.write("db.t4g.small", "db.t4g.micro");
    stack(&s, PAUSE).ok();
    assert_eq!(s.account.boto3(class, &Value::Null), json!("db.t4g.micro"));
    assert_eq!(state(&s)["databases"], json!({"shop": "stopped"}));
    s.assert_in_step();
    gone(&s);
}

#[test]
fn what_is_new_in_a_paused_stack_is_paused() {
    let text = FILE.split("databases:").next().unwrap().replace(", uses: [databases.main]", "");
    let s = applied(&text);
    stack(&s, PAUSE).ok();
    // With a database and what is scaled.
    let more = "  jobs: { image: \"nginx:1.27\", public: true, scale: { min: 1, max: 2 } }\n";
    s.place.file("s.yaml", &FILE.replace("databases:", &format!("{more}databases:")));
    s.apply();
    s.assert_in_step();
    let mut expected = resting();
    expected["tasks"]["shop-jobs"] = json!([0, 0]);
    expected["scaling"] = json!([[0, true], [0, true]]);
    assert_eq!(state(&s), expected);
    stack(&s, RESUME).ok();
    let now = state(&s);
    assert_eq!((&now["tasks"]["shop-jobs"], &now["databases"]), (&json!([1, 1]), &json!({"shop": "available"})), "{now:#}");
    s.assert_in_step();
    gone(&s);
}

#[test]
fn a_paused_stack_is_found_and_destroyed_by_name() {
    let s = applied(FILE);
    std::fs::remove_file(s.place.path().join("s.yaml")).unwrap();
    let named = |command: &str, more: &[&str]| {
        stack(&s, &[&[command, "--stack", "shop", "--region", "us-east-1", "--yes"], more].concat())
    };
    named("pause", &[]).ok();
    assert_eq!(state(&s), resting());
    named("resume", &[]).ok();
    assert_eq!(state(&s), running());
    named("pause", &[]).ok();
    // Its database is protected, and AWS switches that off only while it runs.
    named("destroy", &["--confirm", "shop/default", "--no-final-snapshot", "*"]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
    let none = named("pause", &[]).exits(1);
    assert!(none.words().contains("destroyed the stack"), "{}", none.stderr);
    s.place.file("s.yaml", FILE);
    for command in [PAUSE, RESUME] {
        let none = stack(&s, command).exits(1);
        assert!(none.words().contains("nothing of `shop/default` is running"), "{}", none.stderr);
    }
}

#[test]
fn what_aws_cannot_stop_keeps_running() {
    let copied = FILE.replace("backups: 7d", "backups: 7d, replicas: { reports: {} }");
    let s = applied(&copied);
    let paused = stack(&s, PAUSE).ok();
    for key in ["rds.instance/main", "rds.instance/main-reports"] {
        assert!(paused.words().contains(&format!("`{key}` keeps running: AWS stops no database that has")), "{}", paused.stderr);
    }
    let now = state(&s);
    assert_eq!((&now["tasks"], &now["tags"]), (&resting()["tasks"], &json!(["None", "asked"])), "{now:#}");
    assert_eq!(now["databases"], json!({"shop": "available", "shop-main-reports": "available"}));
    s.assert_in_step();
    stack(&s, RESUME).ok();
    assert_eq!(state(&s)["tasks"], running()["tasks"]);
    gone(&s);
}

#[test]
fn what_has_nothing_to_pause_says_so() {
    let s = applied("stack: shop\nregion: us-east-1\nnetwork: { zones: 2, nat: none }\n");
    let none = stack(&s, PAUSE).exits(1);
    assert!(none.words().contains("nothing of `shop/default` can be paused"), "{}", none.stderr);
    let plan = stack(&s, &["plan", "s.yaml", "--detailed-exitcode"]).ok();
    assert!(!words(&plan.stderr).contains("paused"), "{}", plan.stderr);
    gone(&s);
}

/// What `stack clone` leaves until its data is ready.
#[test]
fn what_is_not_ready_is_neither_paused_nor_resumed() {
    let s = applied(FILE);
    let tag = r#"
arns = client("ecs").list_services(cluster="shop")["serviceArns"]
client("ecs").tag_resource(resourceArn=arns[0], tags=[{"key": "stack:paused", "value": "unready"}])
"#;
    s.account.boto3(tag, &Value::Null);
    s.proxy.take();
    for command in [PAUSE, RESUME] {
        let refused = stack(&s, command).exits(4);
        assert!(refused.words().contains("the data of `shop/default` is not ready"), "{}", refused.stderr);
    }
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    let applied = s.apply();
    assert!(applied.words().contains("`stack clone` or `stack thaw` finishes it"), "{}", applied.stderr);
    // What holds the data runs.
    let now = state(&s);
    assert_eq!((&now["tasks"], &now["databases"]), (&resting()["tasks"], &running()["databases"]), "{now:#}");
    s.assert_in_step();
    gone(&s);
}

/// Its services are in private subnets.
fn private() -> String {
    FILE.replace("nat: none", "nat: per-zone").replace("public: true, count", "count")
}

const PAUSE_BARE: &[&str] = &["pause", "s.yaml", "--yes", "--delete-nat"];

/// What another client sees: by address, which NAT gateways work and which routes lead to them; and who says that they are gone.
const NAT: &str = r#"
ec2 = client("ec2")
gateways = [g for g in ec2.describe_nat_gateways()["NatGateways"] if g["State"] not in ("deleted", "deleting")]
tables = ec2.describe_route_tables()["RouteTables"]
addresses = ec2.describe_addresses()["Addresses"]
tags = {t["Key"]: t["Value"] for a in addresses for t in a["Tags"]}
result = {
    "gateways": sorted(g["NatGatewayAddresses"][0]["AllocationId"] for g in gateways),
    "addresses": sorted(a["AllocationId"] for a in addresses),
    "routes": len([r for table in tables for r in table["Routes"] if "NatGatewayId" in r]),
    "paused": tags.get("stack:paused"),
}
"#;

fn nat(s: &Subject) -> Value {
    s.account.boto3(NAT, &Value::Null)
}

/// The same without the gateways, whose addresses stay.
fn bare(with: &Value) -> Value {
    json!({"gateways": [], "addresses": with["addresses"], "routes": 0, "paused": "bare"})
}

#[test]
fn nat_gateways_go_and_come_back_where_asked() {
    let s = applied(&private());
    let with = nat(&s);
    assert_eq!((&with["gateways"], &with["routes"]), (&with["addresses"], &json!(2)), "{with:#}");
    // What was paused without it may go further.
    stack(&s, PAUSE).ok();
    assert_eq!(nat(&s), with);
    let mut expected = resting();
    assert_eq!(state(&s), expected);
    let planned = stack(&s, PAUSE_BARE).ok();
    let said = planned.words();
    assert!(said.contains("it does not exist while the environment is paused, and is created again"), "{said}");
    assert_eq!(nat(&s), bare(&with));
    expected["tags"] = json!(["bare"]);
    assert_eq!(state(&s), expected);

    s.assert_in_step();
    let plan = stack(&s, &["plan", "s.yaml", "--detailed-exitcode"]).ok();
    assert!(plan.words().contains("paused, without its NAT gateways: `stack resume` starts it."), "{}", plan.stderr);
    stack(&s, &["drift", "s.yaml"]).ok();
    assert!(stack(&s, &["apply", "s.yaml", "--yes"]).ok().stderr.contains("No changes"));
    let again = stack(&s, PAUSE).ok();
    assert!(again.words().contains("Its NAT gateways stay deleted until `stack resume`.") && again.stderr.contains("No changes"));
    let listed = stack(&s, &["list", "--region", "us-east-1", "--json"]).ok().json();
    assert_eq!(listed[0]["paused"], "bare", "{listed:#}");
    // A new zone has its address and waits for the rest.
    s.write("zones: 2", "zones: 3");
    s.apply();
    s.assert_in_step();
    assert_eq!(nat(&s)["gateways"], json!([]));
    s.write("zones: 3", "zones: 2");
    s.apply();
    assert_eq!(nat(&s), bare(&with));

    let resumed = stack(&s, &[RESUME, &["--json"]].concat()).ok().stdout;
    for key in ["ec2.nat_gateway/a", "ec2.route/app-a-internet"] {
        assert!(at(&resumed, "finished", key) < at(&resumed, "started", "ecs.service/web"), "{resumed}");
    }
    assert_eq!((nat(&s), state(&s)), (with.clone(), running()));
    s.assert_in_step();
    let paused = stack(&s, &[PAUSE_BARE, &["--json"]].concat()).ok().stdout;
    assert!(at(&paused, "finished", "ecs.service/web") < at(&paused, "started", "ec2.nat_gateway/a"), "{paused}");
    assert_eq!(nat(&s), bare(&with));
    gone(&s);
}

#[test]
fn a_kill_between_nat_gateways_is_run_again() {
    let text = private().split("databases:").next().unwrap().replace(", uses: [databases.main]", "");
    let s = applied(
        &text
            .replace("per-zone", "single")
            .replace("  api: { image: \"nginx:1.27\", public: true, scale: { min: 2, max: 4 } }\n", ""),
    );
    let with = nat(&s);
    let count = |command| {
        stack(&s, command).ok();
        s.proxy.take().iter().filter(|call| call.mutating).count()
    };
    let (pause, resume) = (count(PAUSE_BARE), count(RESUME));
    assert!(pause >= 6 && resume >= 6, "{pause} {resume}");
    let kill = |command, at: usize, reaches| {
        let seen = AtomicUsize::new(0);
        run_and_kill_when(&s, command, reaches, move |call: &Call| call.mutating && seen.fetch_add(1, Ordering::SeqCst) == at)
    };
    for at in 0..pause.max(resume) {
        kill(PAUSE_BARE, at, at % 2 == 0);
        if at % 3 == 0 {
            stack(&s, RESUME).ok();
            assert_eq!(nat(&s), with, "resumed after the kill of a pause at {at}");
        }
        stack(&s, PAUSE_BARE).ok();
        assert_eq!(nat(&s), bare(&with), "paused after a kill at {at}");
        s.assert_in_step();
        kill(RESUME, at, at % 2 == 1);
        if at % 3 == 1 {
            stack(&s, PAUSE_BARE).ok();
            assert_eq!(nat(&s), bare(&with), "paused after the kill of a resume at {at}");
        }
        stack(&s, RESUME).ok();
        assert_eq!(nat(&s), with, "resumed after a kill at {at}");
        s.assert_in_step();
    }
    gone(&s);
}

#[test]
fn nat_gateways_that_are_needed_stay() {
    // None of its own.
    let s = applied(FILE);
    let none = stack(&s, PAUSE_BARE).ok();
    assert!(none.words().contains("This environment has no NAT gateways of its own: none are deleted."), "{}", none.stderr);
    assert_eq!(state(&s), resting());
    s.assert_in_step();
    gone(&s);

    // What stays refers to one.
    let s = applied(&private().replace("count: 2", "count: 2, environment: { WAY_OUT: \"${ec2.nat_gateway/a}\" }"));
    s.proxy.take();
    let refused = stack(&s, PAUSE_BARE).exits(1);
    let said = "`ecs.task_definition/web` refers to `ec2.nat_gateway/a`, which does not exist while the environment is paused";
    assert!(refused.words().contains(said), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    gone(&s);
}

#[test]
fn a_host_keeps_its_nat_gateway_while_it_has_guests() {
    let services = "services: { web: { image: \"nginx:1.27\", count: 1 } }\n";
    let environments = "environments: { staging: {}, preview: { share: { network: staging } } }\n";
    let network = "stack: shop\nregion: us-east-1\nnetwork: { zones: 2, nat: single }\n";
    let s = Subject::new(&format!("{network}{services}{environments}"));
    let of = |command: &[&str], env: &str| stack(&s, &[command, &["--env", env]].concat());
    for env in ["staging", "preview"] {
        of(&["apply", "s.yaml", "--yes"], env).ok();
    }
    let with = nat(&s);
    s.proxy.take();
    let refused = of(PAUSE_BARE, "staging").exits(4);
    assert!(
        refused.words().contains("the environment `preview` shares it: destroy that environment first"),
        "{}",
        refused.stderr
    );
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    let guest = of(PAUSE_BARE, "preview").ok();
    assert!(guest.words().contains("has no NAT gateways of its own"), "{}", guest.stderr);
    assert_eq!(nat(&s), with);
    of(&["destroy", "s.yaml", "--yes", EVERYTHING], "preview").ok();
    of(PAUSE_BARE, "staging").ok();
    assert_eq!(nat(&s), bare(&with));
    of(&["destroy", "s.yaml", "--yes", EVERYTHING], "staging").ok();
}
