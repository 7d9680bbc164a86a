//! Data from elsewhere: from another region, and from another time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::aws::{Account, LocalAws};
use crate::support::kinds::{lets_in, secrets};
use crate::support::proxy::Fault;
use crate::support::run::{Output, Place};
use crate::support::subject::{Subject, run_and_kill_when};

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: [us-east-1a, us-east-1b], nat: none }
keys: { main: {} }
services:
  web:
    image: "nginx:1.27"
    port: 80
    public: true
    count: 1
    routes: ["/*"]
    uses: [databases.main]
databases:
  main: { engine: postgres, version: "16", storage: 20GiB, deletion_protection: false }
resources: { s3.bucket: { uploads: {} } }
environments: { production: {} }
"#;
const OTHER: &str = "eu-central-1";
const CLONE: &[&str] = &["clone", "s.yaml", "--from", "production", "--to", "bug", "--yes"];
const DESTROY: &[&str] = &["destroy", "s.yaml", "--env", "bug", "--yes", "--confirm", "shop/bug", "--no-final-snapshot", "*"];

/// `production`, with data.
fn production() -> Subject {
    let s = Subject::new(FILE);
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    assert_eq!(data(&s, "us-east-1", "shop-production", Some("42 orders")), "42 orders");
    s
}

fn clone(s: &Subject, more: &[&str]) -> Output {
    s.place.stack(&[CLONE, more].concat())
}

/// What a database holds, after that was said.
fn data(s: &Subject, region: &str, database: &str, said: Option<&str>) -> Value {
    data_in(&s.account, region, database, said)
}

fn data_in(account: &Account, region: &str, database: &str, said: Option<&str>) -> Value {
    let script = r#"
import json, os, urllib.request
request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_stack/data", data=json.dumps(args).encode(), method="POST")
result = json.load(urllib.request.urlopen(request))["data"]
"#;
    account.boto3(script, &json!({"account": account.id, "region": region, "database": database, "data": said}))
}

/// Runs a script with `rds(region)`.
fn rds(account: &Account, script: &str, args: &Value) -> Value {
    let clients = r#"
import boto3, os
rds = lambda region: boto3.client("rds", region_name=region, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
"#;
    account.boto3(&format!("{clients}{script}"), args)
}

/// The manual snapshots and the databases of a region.
fn left(s: &Subject, region: &str) -> Value {
    left_in(&s.account, region)
}

fn left_in(account: &Account, region: &str) -> Value {
    let script = r#"
names = [x["DBSnapshotIdentifier"] for x in rds(args).describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]]
result = [sorted(names), sorted(x["DBInstanceIdentifier"] for x in rds(args).describe_db_instances()["DBInstances"])]
"#;
    rds(account, script, &json!(region))
}

#[track_caller]
fn in_step(s: &Subject, file: &str, env: &str) {
    let plan = s.place.stack(&["plan", file, "--env", env, "--exact"]).ok();
    assert!(plan.stdout.contains("No changes"), "{env}: {}", plan.stdout);
}

#[test]
fn a_clone_is_made_in_another_region() {
    let s = production();
    s.account.boto3(
        r#"
s3 = client("s3")
[name] = [b["Name"] for b in s3.list_buckets()["Buckets"] if "uploads" in b["Name"]]
s3.put_object(Bucket=name, Key="2026/a", Body=b"new", ContentType="image/png")
result = None
"#,
        &Value::Null,
    );
    let region: &[&str] = &["--region", OTHER];
    let time = clone(&s, &[region, &["--data", "point-in-time"]].concat()).exits(64).words();
    assert!(time.contains("backups are restored in their own region, us-east-1"), "{time}");
    let planned = clone(&s, &[region, &["--plan"]].concat()).ok();
    assert!(planned.stdout.contains("region: eu-central-1"), "{}", planned.stdout);
    assert_eq!(left(&s, "us-east-1"), json!([[], ["shop-production"]]), "a plan takes no snapshot");

    let said = clone(&s, &[region, &["--objects", "uploads/"]].concat()).ok().words();
    assert!(said.contains("and none was found.") && said.contains("Copied: 1 object of `uploads`."), "{said}");
    let file = std::fs::read_to_string(s.place.path().join("s.bug.yaml")).unwrap();
    let arn = format!("database: arn:aws:rds:us-east-1:{}:db:shop-production", s.account.id);
    for line in ["region: eu-central-1", "zones: 2  # zones have other names in another region", &arn] {
        assert!(file.contains(line), "{line}: {file}");
    }
    // Its file says where it is: no command needs the region.
    in_step(&s, "s.yaml", "bug");
    in_step(&s, "s.yaml", "production");
    assert_eq!(data(&s, OTHER, "shop-bug", None), "42 orders");
    assert_eq!(left(&s, OTHER), json!([[], ["shop-bug"]]));
    assert_eq!(left(&s, "us-east-1"), json!([[], ["shop-production"]]));
    let script = r#"
ours, theirs = rds(args).describe_db_instances()["DBInstances"][0], rds("us-east-1").describe_db_instances()["DBInstances"][0]
result = [ours["StorageEncrypted"], args in ours["KmsKeyId"], ours["DBSubnetGroup"]["DBSubnetGroupName"], theirs["DBInstanceStatus"]]
"#;
    assert_eq!(rds(&s.account, script, &json!(OTHER)), json!([true, true, "shop-bug", "available"]));
    let again = clone(&s, &["--region", "eu-west-1"]).exits(64).words();
    assert!(again.contains("`s.bug.yaml` is for eu-central-1"), "{again}");
    s.place.stack(DESTROY).ok();
    assert_eq!(left(&s, OTHER), json!([[], []]));
}

#[test]
fn a_clone_from_afar_leaves_nothing() {
    let s = production();
    // Given up once the snapshot is taken there, and once its copy is being made here.
    for last in ["rds:CreateDBSnapshot", "rds:CopyDBSnapshot"] {
        let seen = AtomicUsize::new(0);
        let killed = run_and_kill_when(&s, &[CLONE, &["--region", OTHER]].concat(), true, move |call| {
            call.name() == last && seen.fetch_add(1, Ordering::SeqCst) == 0
        });
        assert!(killed, "{last} was not reached");
        assert_ne!(left(&s, "us-east-1")[0], json!([]), "{last}: the snapshot is there");
        s.place.stack(DESTROY).ok();
        assert_eq!((left(&s, OTHER), left(&s, "us-east-1")), (json!([[], []]), json!([[], ["shop-production"]])), "{last}");
    }
    // Gone on with, it is complete.
    let seen = AtomicUsize::new(0);
    run_and_kill_when(&s, CLONE, true, move |call| {
        call.name() == "rds:CopyDBSnapshot" && seen.fetch_add(1, Ordering::SeqCst) == 0
    });
    clone(&s, &[]).ok();
    assert_eq!(data(&s, OTHER, "shop-bug", None), "42 orders");
    assert_eq!((left(&s, OTHER), left(&s, "us-east-1")), (json!([[], ["shop-bug"]]), json!([[], ["shop-production"]])));
    in_step(&s, "s.yaml", "bug");
}

#[test]
fn what_was_frozen_comes_up_in_another_region() {
    let s = production();
    s.place.stack(&["freeze", "s.yaml", "--env", "production", "--out", "p.yaml"]).ok();
    let kept = left(&s, "us-east-1")[0].clone();
    assert_eq!(kept.as_array().unwrap().len(), 1, "{kept}");
    s.place.stack(&["thaw", "p.yaml", "--to", "rehearsal", "--region", OTHER, "--yes"]).ok();
    in_step(&s, "p.yaml", "rehearsal");
    assert_eq!(data(&s, OTHER, "shop-rehearsal", None), "42 orders");
    assert_eq!((left(&s, OTHER), left(&s, "us-east-1")[0].clone()), (json!([[], ["shop-rehearsal"]]), kept.clone()));
    let refused = s.place.stack(&["thaw", "p.yaml", "--to", "rehearsal", "--region", "eu-west-1", "--yes"]).exits(64);
    assert!(refused.words().contains("`p.rehearsal.yaml` is for eu-central-1"), "{}", refused.stderr);
    // What has gone in the other region is told before anything is created.
    rds(&s.account, r#"result = rds("us-east-1").delete_db_snapshot(DBSnapshotIdentifier=args) and None"#, &kept[0]);
    s.proxy.take();
    let gone = s.place.stack(&["thaw", "p.yaml", "--to", "second", "--region", OTHER, "--yes"]);
    assert!(gone.code != Some(0) && gone.words().contains("does not exist"), "{}", gone.stderr);
    assert!(s.proxy.take().iter().all(|call| !call.mutating));
}

#[test]
fn a_clone_is_of_a_point_in_time() {
    let s = production();
    let early = clone(&s, &["--data", "point-in-time", "--at", "2020-01-01T00:00:00Z"]).exits(4).words();
    assert!(early.contains("cannot be restored to 2020-01-01T00:00:00Z: the earliest time that AWS has is"), "{early}");
    assert!(early.contains("`s.bug.yaml` is removed again") && !s.place.path().join("s.bug.yaml").exists(), "{early}");
    clone(&s, &["--at", "2020-01-01T00:00:00Z"]).exits(64);
    s.proxy.take();
    let said = clone(&s, &["--data", "point-in-time"]).ok().words();
    assert!(said.contains("and none was found."), "{said}");
    let calls: Vec<String> = s.proxy.take().iter().filter(|call| call.mutating).map(|call| call.name()).collect();
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap_or_else(|| panic!("{name}: {calls:?}"));
    let order = ["ToPointInTime", "FromDBSnapshot"].map(|end| at(&format!("rds:RestoreDBInstance{end}")));
    assert!(order[0] < at("rds:CreateDBSnapshot") && at("rds:CreateDBSnapshot") < at("rds:DeleteDBInstance"), "{calls:?}");
    assert!(at("rds:DeleteDBInstance") < at("rds:CopyDBSnapshot") && at("rds:CopyDBSnapshot") < order[1], "{calls:?}");
    in_step(&s, "s.yaml", "bug");
    assert_eq!(data(&s, "us-east-1", "shop-bug", None), "42 orders");
    assert_eq!(left(&s, "us-east-1"), json!([[], ["shop-bug", "shop-production"]]));
    let secret = |env: &str| {
        let (name, all) = (json!(format!("stack/shop/{env}/main")), secrets(&s));
        all.iter().find(|secret| secret["Name"] == name).unwrap()["ARN"].as_str().unwrap().to_owned()
    };
    assert!(lets_in(&s, "shop-bug", &secret("bug")) && !lets_in(&s, "shop-bug", &secret("production")));
}

#[test]
fn a_restored_database_is_waited_for() {
    // AWS takes no snapshot of it while its data is still being loaded: that is said of it for its first three readings.
    let s = production();
    let (account, restored, asked) = (s.account.clone(), AtomicBool::new(false), AtomicUsize::new(0));
    s.proxy.on_call(move |call| {
        let say = |state: &str| account.say(json!({"region": "us-east-1", "rds.instance": {"shop-bug-main-begins": state}}));
        match call.name().as_str() {
            "rds:RestoreDBInstanceToPointInTime" => restored.store(true, Ordering::SeqCst),
            "rds:DescribeDBInstances" if restored.load(Ordering::SeqCst) => match asked.fetch_add(1, Ordering::SeqCst) {
                0 => say("storage-initialization"),
                3 => say("available"),
                _ => {}
            },
            _ => {}
        }
        Fault::Pass
    });
    let made = s.place.stack(&[CLONE, &["--data", "point-in-time", "--json"]].concat()).ok();
    s.proxy.pass();
    assert!(made.stdout.contains("restored into shop-bug-main-begins: storage-initialization"), "{}", made.stdout);
    assert_eq!(left(&s, "us-east-1"), json!([[], ["shop-bug", "shop-production"]]));
}

#[test]
fn a_point_in_time_that_is_given_up_leaves_nothing() {
    let s = production();
    for last in ["rds:RestoreDBInstanceToPointInTime", "rds:CreateDBSnapshot", "rds:DeleteDBInstance"] {
        let seen = AtomicUsize::new(0);
        let killed = run_and_kill_when(&s, &[CLONE, &["--data", "point-in-time"]].concat(), true, move |call| {
            call.name() == last && seen.fetch_add(1, Ordering::SeqCst) == 0
        });
        assert!(killed, "{last} was not reached");
        s.place.stack(DESTROY).ok();
        assert_eq!(left(&s, "us-east-1"), json!([[], ["shop-production"]]), "{last}");
    }
    let seen = AtomicUsize::new(0);
    let killed = run_and_kill_when(&s, &[CLONE, &["--data", "point-in-time"]].concat(), true, move |call| {
        call.name() == "rds:RestoreDBInstanceToPointInTime" && seen.fetch_add(1, Ordering::SeqCst) == 0
    });
    assert!(killed, "nothing was restored");
    clone(&s, &[]).ok();
    assert_eq!(data(&s, "us-east-1", "shop-bug", None), "42 orders");
    assert_eq!(left(&s, "us-east-1"), json!([[], ["shop-bug", "shop-production"]]));
    in_step(&s, "s.yaml", "bug");
}

#[test]
fn a_clone_is_made_in_another_account() {
    let s = production();
    let other = LocalAws::shared().account();
    let role = format!("arn:aws:iam::{}:role/Deploy", other.id);
    let to: &[&str] = &["--account-role", &role];
    let own = format!("arn:aws:iam::{}:role/Deploy", s.account.id);
    clone(&s, &["--account-role", &own]).exits(64);
    clone(&s, &[to, &["--data", "latest"]].concat()).exits(64);
    clone(&s, &[to, &["--objects", "uploads/"]].concat()).exits(64);
    // Its key is shared by the file, and not by a clone.
    let refused = clone(&s, to).exits(4).words();
    let told = format!("the account {} cannot read snapshots of `databases.main`", other.id);
    assert!(refused.contains(&told) && refused.contains("under `keys`"), "{refused}");
    s.write("keys: { main: {} }", &format!("keys: {{ main: {{ accounts: [\"{}\"] }} }}", other.id));
    let applied = s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    assert!(applied.stderr.contains("kms.key/main") && applied.stderr.contains("updated 1"), "{}", applied.stderr);
    clone(&s, &[to, &["--plan"]].concat()).ok();
    assert_eq!(left(&s, "us-east-1"), json!([[], ["shop-production"]]), "a plan takes no snapshot");

    // What is refused after that says what stays, and the file does not.
    let refused = clone(&s, &[to, &["--size", "databases.main.version=\"15\""]].concat()).exits(4).words();
    let whose = format!("shop/bug/{}/us-east-1", other.id);
    for part in ["`s.bug.yaml` is removed again", "The snapshots stay shared", &format!("stack frozen prune {whose}")] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let frozen = |more: &[&str]| s.place.stack(&[&["frozen"], more, &["--region", "us-east-1"]].concat()).ok();
    let listed = frozen(&["list"]).stdout;
    assert!(listed.contains(&format!("for {whose}/main")), "{listed}");
    // The next attempt takes another one, and leaves none.
    let said = clone(&s, to).ok().words();
    assert!(said.contains("shared with the account") && said.contains("and none was found."), "{said}");
    let file = std::fs::read_to_string(s.place.path().join("s.bug.yaml")).unwrap();
    let (account, snapshot) =
        (format!("account: \"{}\"", other.id), format!("snapshot: arn:aws:rds:us-east-1:{}:", s.account.id));
    for line in [account.as_str(), &snapshot, "accounts: ~  # the data of the copy is shared with no account"] {
        assert!(file.contains(line), "{line}: {file}");
    }
    assert_eq!(data_in(&other, "us-east-1", "shop-bug", None), "42 orders");
    assert_eq!(
        (left_in(&other, "us-east-1"), left(&s, "us-east-1")),
        (json!([[], ["shop-bug"]]), json!([[], ["shop-production"]]))
    );

    // Afterwards it is an environment of that account, for whom has credentials there.
    let denied = s.place.stack(&["plan", "s.yaml", "--env", "bug"]).exits(6).words();
    assert!(denied.contains(&format!("is for the account {}", other.id)), "{denied}");
    let place = Place::with(&other);
    for name in ["s.yaml", "s.bug.yaml"] {
        place.file(name, &std::fs::read_to_string(s.place.path().join(name)).unwrap());
    }
    let plan = place.stack(&["plan", "s.yaml", "--env", "bug", "--exact"]).ok();
    assert!(plan.stdout.contains("No changes"), "{}", plan.stdout);
    place.stack(DESTROY).ok();
    assert_eq!(left_in(&other, "us-east-1"), json!([[], []]));
}

#[test]
fn a_clone_is_made_in_another_account_and_region() {
    let s = production();
    let other = LocalAws::shared().account();
    let key = format!("keys: {{ main: {{ accounts: [\"{}\"] }} }}", other.id);
    // How the source began is not how the copy begins.
    s.write("keys: { main: {} }", &format!("{key}\nhistory_bucket: {}", bucket(&s)));
    s.write("deletion_protection: false }", "deletion_protection: false, begin: { database: none, at: latest } }");
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    let role = format!("arn:aws:iam::{}:role/Deploy", other.id);
    clone(&s, &["--account-role", &role, "--region", OTHER]).ok();
    let file = std::fs::read_to_string(s.place.path().join("s.bug.yaml")).unwrap();
    for line in ["history_bucket: ~", "database: ~", "at: ~", "snapshot: arn:aws:rds:us-east-1:"] {
        assert!(file.contains(line), "{line}: {file}");
    }
    assert_eq!(data_in(&other, OTHER, "shop-bug", None), "42 orders");
    assert_eq!((left_in(&other, OTHER), left(&s, "us-east-1")), (json!([[], ["shop-bug"]]), json!([[], ["shop-production"]])));
}

/// The name of a bucket that is there for leases and history.
fn bucket(s: &Subject) -> String {
    let name = format!("history-of-{}", s.account.id);
    s.account.boto3(r#"result = client("s3").create_bucket(Bucket=args) and None"#, &json!(name));
    name
}
