//! A database brought back beside the one that runs and in its place, and the objects of a bucket as they were; each with kills.

use serde_json::{Value, json};

use crate::support::kinds::{lets_in, secrets};
use crate::support::proxy::{Call, counts};
use crate::support::run::{Output, words};
use crate::support::subject::{Subject, mutating, run_and_kill_when};

const STACK: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, backups: 7d, deletion_protection: true }
"#;
const RESTORE: [&str; 3] = ["restore", "s.yaml", "databases.main"];

fn stack(s: &Subject, more: &[&str]) -> Output {
    s.place.stack(&[&RESTORE, more].concat())
}

/// What a database holds, after that was said.
fn data(s: &Subject, database: &str, said: Option<&str>) -> Value {
    s.account.data("us-east-1", database, said)
}

/// The databases as boto3 reads them: by identifier, the tags of each.
fn databases(s: &Subject) -> Value {
    let script = r#"
result = {}
for d in client("rds").describe_db_instances()["DBInstances"]:
    d["tags"] = {t["Key"]: t["Value"] for t in d.pop("TagList")}
    result[d["DBInstanceIdentifier"]] = {k: d.get(k) for k in (
        "tags", "DBInstanceClass", "DeletionProtection", "StorageEncrypted", "KmsKeyId", "DBInstanceStatus", "BackupRetentionPeriod",
        "DbiResourceId", "MasterUserSecret")} | {
        "groups": [g["VpcSecurityGroupId"] for g in d["VpcSecurityGroups"]], "subnets": d.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
        "parameters": [g["DBParameterGroupName"] for g in d["DBParameterGroups"]]}
"#;
    s.account.boto3(script, &json!(null))
}

/// The time of now, as AWS can restore it.
fn latest(s: &Subject) -> String {
    let script = r#"
import time
time.sleep(1.1)
result = client("rds").describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"][0]["LatestRestorableTime"]
"#;
    let text = s.account.boto3(script, &json!(null)).as_str().unwrap().to_owned();
    let at: jiff::Timestamp = text.replace(' ', "T").parse().unwrap();
    jiff::Timestamp::from_second(at.as_second()).unwrap().to_string()
}

fn word(at: &str) -> String {
    at.replace([':', '-'], "").to_lowercase()
}

fn with_data(text: &str) -> Subject {
    let s = Subject::new(text);
    s.apply();
    assert_eq!(data(&s, "shop", Some("42 orders")), "42 orders");
    s
}

#[test]
fn a_database_is_restored_beside_and_switched() {
    let s = with_data(STACK);
    let at = latest(&s);
    let (restored, before) = (format!("shop-main-restored-{}", word(&at)), format!("shop-main-before-{}", word(&at)));

    let list = stack(&s, &["--list"]).ok();
    assert!(list.stdout.contains("shop can be restored to any time from "), "{}", list.stdout);
    let shown = stack(&s, &["--to-time", &at, "--plan"]).ok();
    assert!(shown.words().contains(&format!("main-restored-{}", word(&at))), "{}", shown.stderr);
    assert_eq!(databases(&s).as_object().unwrap().len(), 1);

    s.proxy.take();
    let made = stack(&s, &["--to-time", &at, "--yes"]).ok();
    let called = counts(&s.proxy.take());
    assert_eq!(called.get("rds:RestoreDBInstanceToPointInTime"), Some(&1), "{called:#?}");
    assert_eq!(called.get("rds:CreateDBSnapshot"), None);
    assert!(made.words().contains(&format!("{restored} is restored as it was at {at}")), "{}", made.stderr);
    assert!(made.words().contains("Its settings are those of the one that runs."), "{}", made.stderr);
    let now = databases(&s);
    let (one, other) = (&now["shop"], &now[&restored]);
    for field in [
        "DBInstanceClass",
        "DeletionProtection",
        "StorageEncrypted",
        "KmsKeyId",
        "BackupRetentionPeriod",
        "groups",
        "subnets",
        "parameters",
    ] {
        assert_eq!(one[field], other[field], "{field}");
    }
    assert_eq!(other["tags"]["stack:beside"], "main");
    assert_eq!(data(&s, &restored, None), "42 orders");
    let own = secrets(&s)[0]["ARN"].as_str().unwrap().to_owned();
    assert!(lets_in(&s, &restored, &own), "it has the password of the file");

    // The same again does nothing; a plan leaves it, and says so.
    s.proxy.take();
    stack(&s, &["--to-time", &at, "--yes"]).ok();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    s.assert_in_step();
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(plan.stdout.contains("it stands beside `rds.instance/main` and stays"), "{}", plan.stdout);

    // Its own writes go on.
    data(&s, "shop", Some("43 orders"));
    let shown = stack(&s, &["--switch", "--plan"]).ok();
    assert!(shown.words().contains("it does not answer until the other one has its name"), "{}", shown.stderr);
    assert!(databases(&s)[&restored].is_object());
    stack(&s, &["--switch"]).exits(4);
    let switched = stack(&s, &["--switch", "--yes"]).ok();
    assert!(
        switched.words().contains(&format!("Switched. The one that ran is `rds.instance/main-before-{}`", word(&at))),
        "{}",
        switched.stderr
    );
    is_switched(&s, &before, one, other);

    // Back again, by name.
    let back = format!("--switch=main-before-{}", word(&at));
    stack(&s, &[&back, "--yes"]).ok();
    assert_eq!(data(&s, "shop", None), "43 orders");
    assert_eq!(data(&s, &restored, None), "42 orders");
    s.assert_in_step();

    // It goes when its key is named, and nothing else does that.
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "databases.main"]).ok();
    assert!(databases(&s)[&restored].is_object());
    let key = format!("rds.instance/main-restored-{}", word(&at));
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", &key]).ok();
    assert_eq!(databases(&s).as_object().unwrap().keys().collect::<Vec<_>>(), ["shop"]);
    let history = s.place.stack(&["history", "s.yaml"]).ok();
    assert!(history.stdout.contains("stack restore s.yaml databases.main --switch"), "{}", history.stdout);
}

/// The restored database has the place of the other one, which is kept.
#[track_caller]
fn is_switched(s: &Subject, before: &str, one: &Value, other: &Value) {
    let now = databases(s);
    assert_eq!(now.as_object().unwrap().len(), 2, "{now:#}");
    assert_eq!((&now["shop"]["DbiResourceId"], &now[before]["DbiResourceId"]), (&other["DbiResourceId"], &one["DbiResourceId"]));
    assert_eq!(now["shop"]["tags"]["stack:key"], "rds.instance/main");
    assert_eq!(now["shop"]["tags"]["Name"], "shop-main");
    for gone in ["stack:beside", "stack:begins", "stack:switch"] {
        assert_eq!(now["shop"]["tags"][gone], Value::Null, "{gone}");
    }
    assert_eq!(now[before]["tags"]["stack:beside"], "main");
    assert_eq!(now[before]["tags"]["stack:switch"], Value::Null);
    assert_eq!((data(s, "shop", None), data(s, before, None)), (json!("42 orders"), json!("43 orders")));
    // What the file says besides is made by an apply, and nothing is deleted or replaced for that.
    for change in s.changes() {
        assert!(change.starts_with("update "), "{change}");
    }
    s.apply();
    s.assert_in_step();
}

#[test]
fn tags_alone_rename_no_database() {
    let s = with_data(STACK);
    stack(&s, &["--latest", "--yes"]).ok();
    // The same again is nothing.
    s.proxy.take();
    stack(&s, &["--latest", "--yes"]).ok();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    let restored = databases(&s).as_object().unwrap().keys().find(|id| *id != "shop").unwrap().clone();
    let time = restored.strip_prefix("shop-main-restored-").unwrap().to_owned();

    // Somebody else's database has the name that the old one would get.
    let other = r#"
rds = client("rds")
tags = [{"Key": k, "Value": v} for k, v in args["tags"].items()]
rds.create_db_instance(DBInstanceIdentifier=args["id"], Engine="postgres", DBInstanceClass="db.t4g.micro", AllocatedStorage=20,
    MasterUsername="owner", MasterUserPassword="long-enough", Tags=tags)
while rds.describe_db_instances(DBInstanceIdentifier=args["id"])["DBInstances"][0]["DBInstanceStatus"] != "available": pass
result = None
"#;
    let before = format!("shop-main-before-{time}");
    s.account.boto3(other, &json!({"id": before, "tags": {}}));
    let first = databases(&s);
    let refused = stack(&s, &["--switch", "--yes"]).exits(4);
    assert!(refused.words().contains(&format!("`{before}` exists already")), "{}", refused.stderr);
    assert_eq!(databases(&s), first, "nothing is tagged or renamed");
    let gone = "client('rds').delete_db_instance(DBInstanceIdentifier=args, SkipFinalSnapshot=True)\nresult = None";
    s.account.boto3(gone, &json!(before));

    // Another one has the tags of a restored database.
    let tags = json!({"stack:name": "shop", "stack:env": "default", "stack:key": "rds.instance/main-restored-20200101t000000z",
        "stack:beside": "main"});
    s.account.boto3(other, &json!({"id": "theirs", "tags": tags}));
    let refused = stack(&s, &["--switch=main-restored-20200101t000000z", "--yes"]).exits(4);
    assert!(refused.words().contains("but not its name"), "{}", refused.stderr);
    // It is deleted only by its key, and the doubt is said.
    let delete = ["plan", "s.yaml", "--allow-delete", "rds.instance/main-restored-20200101t000000z"];
    let plan = s.place.stack(&delete);
    let text = words(&plan.stdout);
    assert!(text.contains("only its tags say that it belongs to this stack"), "{} {}", plan.stdout, plan.stderr);

    // A tag on something that is no database stops nothing; on a database it stops a destroy too.
    let tag =
        "client('rds').add_tags_to_resource(ResourceName=args, Tags=[{'Key': 'stack:switch', 'Value': 'x'}])\nresult = None";
    let arn = |kind: &str, name: &str| json!(format!("arn:aws:rds:us-east-1:{}:{kind}:{name}", s.account.id));
    s.account.boto3(tag, &arn("subgrp", databases(&s)["shop"]["subnets"].as_str().unwrap()));
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.account.boto3(tag, &arn("db", "shop"));
    let refused = s.place.stack(crate::support::subject::DESTROY).exits(4);
    assert!(refused.words().contains("another database is taking the place of"), "{}", refused.stderr);
}

#[test]
fn a_switch_that_is_killed_is_finished_by_the_next() {
    let s = with_data(STACK);
    let at = latest(&s);
    let (restored, before) = (format!("shop-main-restored-{}", word(&at)), format!("shop-main-before-{}", word(&at)));
    // Killed while it is restored, too.
    let command = [&RESTORE[..], &["--to-time", &at, "--yes"]].concat();
    for reaches in [false, true] {
        assert!(run_and_kill_when(&s, &command, reaches, |call| call.operation == "RestoreDBInstanceToPointInTime"));
    }
    s.place.stack(&command).ok();
    data(&s, "shop", Some("43 orders"));
    let first = databases(&s);
    let (one, other) = (first["shop"].clone(), first[&restored].clone());
    let switch = [&RESTORE[..], &["--switch", "--yes"]].concat();
    let is_step =
        |call: &Call| ["ModifyDBInstance", "AddTagsToResource", "RemoveTagsFromResource"].contains(&call.operation.as_str());
    let mut killed = 0;
    for turn in 0..40 {
        if !run_and_kill_when(&s, &switch, turn % 2 == 1, is_step) {
            break;
        }
        killed += 1;
        let now = databases(&s);
        assert_eq!(now.as_object().unwrap().len(), 2, "nothing is made twice: {now:#}");
        // Whatever else is run meanwhile changes nothing.
        if now.as_object().unwrap().values().any(|one| one["tags"]["stack:switch"].is_string()) {
            let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
            assert!(refused.words().contains("another database is taking the place of"), "{}", refused.stderr);
        }
        let keys: Vec<&Value> = now.as_object().unwrap().values().map(|one| &one["tags"]["stack:key"]).collect();
        assert!(keys.contains(&&json!("rds.instance/main")), "at no time is there no database of the file: {keys:?}");
    }
    // Each step twice: before it reached AWS, and after.
    assert!(killed >= 12, "{killed}");
    s.place.stack(&switch).ok();
    is_switched(&s, &before, &one, &other);
}

#[test]
fn a_time_outside_of_the_backups_is_refused() {
    let s = with_data(STACK);
    for time in ["2019-01-01T00:00Z", "2999-01-01T00:00Z"] {
        let refused = stack(&s, &["--to-time", time, "--yes"]).exits(4);
        assert!(refused.words().contains("cannot be restored to"), "{}", refused.stderr);
    }
    stack(&s, &["--to-time", "yesterday"]).exits(64);
    stack(&s, &[]).exits(64);
    stack(&s, &["--switch", "--yes"]).exits(4);
    s.place.stack(&["restore", "s.yaml", "databases.none", "--latest"]).exits(64);
    s.place.stack(&["restore", "s.yaml", "services.web", "--latest"]).exits(64);
    s.write("backups: 7d", "backups: 0d");
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-upgrade", "*", "--allow-delete", "*"]);
    s.account.boto3(
        r#"
rds = client("rds")
rds.modify_db_instance(DBInstanceIdentifier="shop", BackupRetentionPeriod=0, ApplyImmediately=True)
while rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] != "available": pass
"#,
        &json!(null),
    );
    let refused = stack(&s, &["--latest", "--yes"]).exits(4);
    assert!(refused.words().contains("has no automated backup"), "{}", refused.stderr);
}

#[test]
fn a_snapshot_is_restored_beside_and_destroyed() {
    let s = with_data(STACK);
    s.account.boto3(
        r#"
rds = client("rds")
rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="monday")
while rds.describe_db_snapshots(DBSnapshotIdentifier="monday")["DBSnapshots"][0]["Status"] != "available": pass
while rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] != "available": pass
"#,
        &json!(null),
    );
    data(&s, "shop", Some("43 orders"));
    let list = stack(&s, &["--list"]).ok();
    assert!(list.stdout.contains("monday"), "{}", list.stdout);
    stack(&s, &["--snapshot", "tuesday", "--yes"]).exits(4);
    stack(&s, &["--snapshot", "monday", "--yes"]).ok();
    let now = databases(&s);
    let beside = now.as_object().unwrap().keys().find(|id| *id != "shop").unwrap().clone();
    assert!(beside.starts_with("shop-main-restored-"), "{beside}");
    assert_eq!(data(&s, &beside, None), "42 orders");
    let list = stack(&s, &["--list", "--json"]).ok().json();
    assert_eq!(list["beside"][0]["begins"], "snapshot:monday");
    assert_eq!(list["beside"][0]["complete"], true);
    s.assert_in_step();
    // What it uses is not taken away from it when the section goes: that is said before anything is done.
    let path = s.place.path().join("s.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.split("databases:").next().unwrap()).unwrap();
    s.proxy.take();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "databases.main"]).exits(4);
    let key = beside.strip_prefix("shop-").unwrap();
    assert!(refused.words().contains(&format!("`rds.instance/{key}` is kept and uses it")), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    std::fs::write(&path, text).unwrap();
    s.place.stack(crate::support::subject::DESTROY).ok();
    // The snapshot has the stack's tags, which RDS copied; it is somebody's, and stays.
    let left = s.account.inventory("shop", "default");
    assert_eq!(left.as_object().unwrap().keys().collect::<Vec<_>>(), ["rds.db-snapshot"], "{left:#}");
}

const BUCKET: &str = r#"
stack: shop
region: us-east-1
alarms: off
resources:
  s3.bucket:
    uploads: { versioning: true, block_public_access: true }
    plain: { block_public_access: true }
"#;

/// Runs a script with `name`, the bucket of uploads.
fn objects(s: &Subject, script: &str) -> Value {
    let head = "s3 = client('s3')\nname = next(b['Name'] for b in s3.list_buckets()['Buckets'] if 'uploads' in b['Name'])\n";
    s.account.boto3(&format!("{head}{script}"), &json!(null))
}

#[test]
fn objects_are_as_they_were_and_no_version_is_lost() {
    let s = Subject::new(BUCKET);
    s.apply();
    let write = r#"
import time, datetime
s3.put_object(Bucket=name, Key="kept", Body=b"same")
s3.put_object(Bucket=name, Key="a b/ü", Body=b"one", ContentType="text/x", Tagging="k=v")
s3.put_object(Bucket=name, Key="gone", Body=b"was here")
s3.put_object(Bucket=name, Key="docs/x", Body=b"x1")
s3.put_object(Bucket=name, Key="large", Body=b"l" * 100_000_000)
time.sleep(1.2)
result = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
time.sleep(1.2)
s3.put_object(Bucket=name, Key="a b/ü", Body=b"two")
s3.delete_object(Bucket=name, Key="gone")
s3.put_object(Bucket=name, Key="docs/x", Body=b"x2")
s3.put_object(Bucket=name, Key="large", Body=b"small now")
s3.put_object(Bucket=name, Key="new", Body=b"new")
"#;
    let at = objects(&s, write).as_str().unwrap().to_owned();
    let versions = "p = s3.list_object_versions(Bucket=name)\nresult = sorted(v['VersionId'] for v in p['Versions'] + p.get('DeleteMarkers', []))";
    let first: Vec<String> = serde_json::from_value(objects(&s, versions)).unwrap();
    let run = |more: &[&str]| s.place.stack(&[&["restore", "s.yaml", "buckets.uploads", "--to-time", &at], more].concat());

    let plan = run(&["--plan"]).ok();
    assert!(plan.words().contains("copied from old versions: 4 objects, 100.0 MB"), "{}", plan.stderr);
    assert!(plan.words().contains("did not exist then: 1 object (they stay"), "{}", plan.stderr);
    run(&[]).exits(4);
    assert_eq!(serde_json::from_value::<Vec<String>>(objects(&s, versions)).unwrap(), first);

    let below = run(&["--prefix", "docs/", "--yes"]).ok();
    assert!(below.words().contains("Restored: 1 object of"), "{}", below.stderr);
    let command = ["restore", "s.yaml", "buckets.uploads", "--to-time", &at, "--yes"];
    assert!(run_and_kill_when(&s, &command, true, |call| call.operation.contains("/gone")));
    run(&["--yes"]).ok();
    let read = r#"
body = lambda key: s3.get_object(Bucket=name, Key=key)["Body"].read().decode()
head = s3.head_object(Bucket=name, Key="a b/ü")
result = {k: body(k) for k in ("kept", "a b/ü", "gone", "docs/x", "new")} | {"large": len(body("large")), "type": head["ContentType"]}
result["tags"] = s3.get_object_tagging(Bucket=name, Key="a b/ü")["TagSet"]
"#;
    let now = objects(&s, read);
    let expected = json!({"kept": "same", "a b/ü": "one", "gone": "was here", "docs/x": "x1", "new": "new", "large": 100_000_000,
        "type": "text/x", "tags": [{"Key": "k", "Value": "v"}]});
    assert_eq!(now, expected);
    let then: Vec<String> = serde_json::from_value(objects(&s, versions)).unwrap();
    assert!(first.iter().all(|version| then.contains(version)), "no version is lost");

    // Twice is nothing, also for what was copied in parts.
    s.proxy.take();
    run(&["--yes"]).ok();
    let calls = s.proxy.take();
    assert!(!calls.iter().any(|call| call.mutating && !call.is_of_history()), "{:?}", mutating(&calls));
    assert_eq!(serde_json::from_value::<Vec<String>>(objects(&s, versions)).unwrap(), then);

    run(&["--yes", "--hide-newer"]).ok();
    let hidden = "result = sorted(o['Key'] for o in s3.list_objects_v2(Bucket=name)['Contents'])";
    assert_eq!(objects(&s, hidden), json!(["a b/ü", "docs/x", "gone", "kept", "large"]));

    s.place.stack(&["restore", "s.yaml", "buckets.plain", "--to-time", &at]).exits(4);
    // What existed then may have expired: hiding it would be wrong.
    let expires = r#"
after = {"NoncurrentDays": 1}
rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "docs/"}, "NoncurrentVersionExpiration": after}
s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
result = None
"#;
    objects(&s, expires);
    let long_ago = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - 2 * 86_400).unwrap().to_string();
    let to = ["restore", "s.yaml", "buckets.uploads", "--to-time", &long_ago, "--plan"];
    let refused = s.place.stack(&[&to[..], &["--hide-newer"]].concat()).exits(4);
    assert!(refused.words().contains("deletes old versions after 1 day"), "{}", refused.stderr);
    s.place.stack(&to).ok();
    s.place.stack(&[&to[..], &["--hide-newer", "--prefix", "other/"]].concat()).ok();
    run(&["--plan", "--hide-newer"]).ok();
    // Suspended, a copy overwrites what is there, and a deletion removes it.
    objects(
        &s,
        "s3.put_object(Bucket=name, Key='kept', Body=b'again')\ns3.put_bucket_versioning(Bucket=name, VersioningConfiguration={'Status': 'Suspended'})\nresult = None",
    );
    s.proxy.take();
    let refused = run(&["--yes", "--hide-newer"]).exits(4);
    assert!(refused.words().contains("turn `versioning` on first"), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    s.place.stack(&["restore", "s.yaml", "buckets.none", "--to-time", &at]).exits(64);
    s.place.stack(&["restore", "s.yaml", "buckets.uploads", "--to-time", "2999-01-01T00:00Z"]).exits(4);
}
