//! `stack schedule` and `stack reap --install`: environments sleep and wake by their file, and a function in the account sees to
//! that and to what has expired.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::run::{EVERYTHING, Output};
use crate::support::subject::{Subject, mutating};

const FILE: &str = r#"
stack: shop
region: us-east-1
schedule: { awake: "mon-fri 07:00-20:00 Europe/Berlin" }
network: { zones: 2, nat: none }
services:
  web: { image: "nginx:1.27", public: true, count: 2, uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, backups: 7d }
"#;
/// A Monday, at night and by day, after everything that the test runs.
const NIGHT: &str = "2035-01-08T21:00:00Z";
const DAY: &str = "2035-01-09T09:00:00Z";

/// What another client sees: the tasks of the service and the state of the database.
const STATE: &str = r#"
service = client("ecs").describe_services(cluster="shop", services=["shop-web"])["services"][0]
database = client("rds").describe_db_instances()["DBInstances"][0]
result = [service["desiredCount"], service["runningCount"], database["DBInstanceStatus"]]
"#;

fn state(s: &Subject) -> Value {
    s.account.boto3(STATE, &Value::Null)
}

fn schedule(s: &Subject, at: &str, more: &[&str]) -> Output {
    s.place.stack(&[&["schedule", "--region", "us-east-1", "--at", at], more].concat())
}

#[test]
fn environments_sleep_and_wake_by_their_file() {
    let s = Subject::new(FILE);
    s.apply();
    s.assert_in_step();
    s.proxy.take();
    let dry = schedule(&s, NIGHT, &["--dry-run"]).ok();
    assert!(dry.stdout.contains("asleep") && dry.stdout.contains("pause"), "{}", dry.stdout);
    let asked = schedule(&s, NIGHT, &[]).exits(4);
    assert!(asked.words().contains("standard input is not a terminal"), "{}", asked.stderr);
    // It was made today: that counts more than the hours that ended before.
    let now = s.place.stack(&["schedule", "--region", "us-east-1", "--yes"]).ok();
    assert!(now.stdout.contains("runs") && !now.stderr.contains("pause"), "{}", now.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());

    // What someone changed by hand is nobody's business at night.
    let drift = r#"client("logs").put_retention_policy(logGroupName="/stack/shop/default/web", retentionInDays=7)"#;
    s.account.boto3(drift, &Value::Null);
    schedule(&s, NIGHT, &["--yes"]).ok();
    assert_eq!(state(&s), json!([0, 0, "stopped"]));
    assert_eq!(s.changes(), ["update logs.log_group/web"]);
    s.proxy.take();
    schedule(&s, NIGHT, &["--yes"]).ok();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new(), "it sleeps already");
    // AWS starts a database after seven days.
    s.account.boto3(r#"client("rds").start_db_instance(DBInstanceIdentifier="shop")"#, &Value::Null);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while state(&s)[2] != "available" && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    schedule(&s, NIGHT, &["--yes"]).ok();
    assert_eq!(state(&s), json!([0, 0, "stopped"]));
    schedule(&s, DAY, &["--yes"]).ok();
    assert_eq!(state(&s), json!([2, 2, "available"]));
    s.apply();
    s.assert_in_step();
    // What is missing is not made by night.
    s.account.boto3(r#"client("logs").delete_log_group(logGroupName="/stack/shop/default/web")"#, &Value::Null);
    let left = schedule(&s, NIGHT, &["--yes"]).exits(4);
    assert!(left.words().contains("`logs.log_group/web` differs from the file that was applied last"), "{}", left.stderr);
    assert_eq!(state(&s), json!([2, 2, "available"]));

    // Without it in the file, the tag goes, and nothing has a schedule: revisions of before keep theirs.
    s.place.file("s.yaml", &FILE.replace("nginx:1.27", "nginx:1.28"));
    s.apply();
    s.place.file("s.yaml", &FILE.replace("nginx:1.27", "nginx:1.28").replace("schedule:", "tags: {} #"));
    s.apply();
    let none = schedule(&s, NIGHT, &["--yes"]).ok();
    assert!(none.stderr.contains("No environment has a schedule"), "{}", none.stderr);
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"]).ok();
}

/// An environment without hours sleeps from its budget on until that is raised, or the month is over; who wakes it by hand is obeyed.
#[test]
fn a_budget_that_is_used_up_pauses() {
    let text = FILE.replace(
        "schedule: { awake: \"mon-fri 07:00-20:00 Europe/Berlin\" }",
        "alarms: off\nbudget: { monthly: 300, email: [a@example.com], pause: 80 }",
    );
    let s = Subject::new(&text);
    s.apply();
    s.assert_in_step();
    let spent =
        |dollars: u32| s.account.say(json!({"region": "us-east-1", "budgets.spent": {"shop-budget": dollars.to_string()}}));
    let now = |more: &[&str]| s.place.stack(&[&["schedule", "--region", "us-east-1"], more].concat());
    let (runs, sleeps) = (json!([2, 2, "available"]), json!([0, 0, "stopped"]));
    spent(239);
    let dry = now(&["--dry-run"]).ok();
    assert!(dry.stdout.contains("80 of 80 %") && dry.stdout.contains("awake"), "{}", dry.stdout);
    now(&["--yes"]).ok();
    assert_eq!(state(&s), runs, "79.7 % of it are spent");
    spent(240);
    let dry = now(&["--dry-run"]).ok();
    assert!(dry.stdout.contains("used up") && dry.stdout.contains("pause (budget)"), "{}", dry.stdout);
    now(&["--yes"]).ok();
    assert_eq!(state(&s), sleeps);
    let history = s.place.stack(&["history", "s.yaml"]).ok();
    assert!(history.stdout.contains("stack pause (budget)"), "{}", history.stdout);
    s.proxy.take();
    now(&["--yes"]).ok();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new(), "it sleeps already");
    // The next month.
    spent(0);
    now(&["--yes"]).ok();
    assert_eq!(state(&s), runs);
    spent(300);
    now(&["--yes"]).ok();
    assert_eq!(state(&s), sleeps);
    s.place.stack(&["resume", "s.yaml", "--yes"]).ok();
    now(&["--yes"]).ok();
    assert_eq!(state(&s), runs, "someone needs it");
    s.assert_in_step();
    let production = s.place.file("p.yaml", &format!("{text}production: true\n"));
    let refused = s.place.stack(&["validate", production.to_str().unwrap()]).exits(65);
    assert!(refused.words().contains("a production environment is not paused because of what it costs"), "{}", refused.stderr);
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"]).ok();
}

/// The NAT gateways that work, and the addresses.
const NAT: &str = r#"
ec2 = client("ec2")
gateways = [g for g in ec2.describe_nat_gateways()["NatGateways"] if g["State"] not in ("deleted", "deleting")]
result = [[g["NatGatewayAddresses"][0]["AllocationId"] for g in gateways], [a["AllocationId"] for a in ec2.describe_addresses()["Addresses"]]]
"#;

#[test]
fn nat_gateways_go_at_night_where_the_file_says_so() {
    let text =
        FILE.replace("Berlin\" }", "Berlin\", nat: delete }").replace("nat: none", "nat: single").replace("public: true, ", "")
            + "alarms: { email: [ops@example.com] }\n";
    let s = Subject::new(&text);
    s.apply();
    let nat = || s.account.boto3(NAT, &Value::Null);
    let with = nat();
    assert!(with[0] == with[1] && with[0].as_array().is_some_and(|all| all.len() == 1), "{with}");
    schedule(&s, NIGHT, &["--yes"]).ok();
    assert_eq!((state(&s), nat()), (json!([0, 0, "stopped"]), json!([[], with[1]])));
    s.assert_in_step();
    s.proxy.take();
    schedule(&s, NIGHT, &["--yes"]).ok();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new(), "it sleeps already");
    schedule(&s, DAY, &["--yes"]).ok();
    assert_eq!((state(&s), nat()), (json!([2, 2, "available"]), with.clone()));
    s.assert_in_step();
    // A route that someone added by hand is nothing that a pause deletes.
    let route = r#"
ec2 = client("ec2")
[table] = ec2.describe_route_tables(Filters=[{"Name": "tag:stack:key", "Values": ["ec2.route_table/public"]}])["RouteTables"]
gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="203.0.113.0/24", GatewayId=gateway)
"#;
    s.account.boto3(route, &Value::Null);
    let left = schedule(&s, NIGHT, &["--yes"]).exits(4);
    assert!(left.words().contains("differs from the file that was applied last"), "{}", left.stderr);
    assert_eq!(nat(), with);
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"]).ok();
}

#[test]
fn a_function_destroys_what_has_expired() {
    let s = Subject::new(&FILE.replace("stack: shop", "stack: shop\nenvironments: { old: { ttl: 1s }, kept: {} }"));
    for env in ["old", "kept"] {
        s.place.stack(&["apply", "s.yaml", "--env", env, "--yes"]).ok();
    }
    let script = s.place.file("stack.sh", &format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_stack")));
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let wrong = s.place.stack(&["reap", "--install", "--program", "s.yaml", "--region", "us-east-1", "--yes"]).exits(64);
    assert!(wrong.words().contains("`s.yaml` is not a program for Linux"), "{}", wrong.stderr);
    let install = ["reap", "--install", "--program", "stack.sh", "--region", "us-east-1", "--yes"];
    let installed = s.place.stack(&install).ok();
    assert!(installed.words().contains("Every 15 minutes the function `caretaker`"), "{}", installed.stderr);
    s.proxy.take();
    s.place.stack(&install).ok();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new(), "it is as it should be");

    let ran = s.account.boto3(
        r#"
answer = client("lambda").invoke(FunctionName="caretaker-caretaker")
rule = client("events").describe_rule(Name="caretaker-caretaker")
import time
logs, group = client("logs"), "/stack/caretaker/default/caretaker"
# What a function prints comes after its answer.
for _ in range(60):
    lines = []
    for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
        lines += [event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]]
    if any("`stack reap` ended" in line for line in lines):
        break
    time.sleep(0.5)
result = [answer.get("FunctionError"), rule["ScheduleExpression"], answer["Payload"].read().decode(), "\n".join(lines)]
"#,
        &Value::Null,
    );
    assert_eq!(ran[0], Value::Null, "{ran}");
    assert_eq!(ran[1], "rate(15 minutes)");
    let log = ran[3].as_str().unwrap();
    assert!(
        log.contains("`stack schedule` ended with exit code 0") && log.contains("`stack reap` ended with exit code 0"),
        "{log}"
    );
    assert_eq!(s.account.inventory("shop", "old"), json!({}));
    assert_ne!(s.account.inventory("shop", "kept"), json!({}));
    s.place.stack(&["destroy", "--stack", "caretaker", "--region", "us-east-1", "--yes", "--confirm", "caretaker/default"]).ok();
    let gone = ["destroy", "s.yaml", "--env", "kept", "--yes", EVERYTHING, "--no-final-snapshot", "*"];
    s.place.stack(&gone).ok();
}
