//! The archive: its bucket, the exports that its function starts and describes, and how they are listed, verified and read again.

use serde_json::{Value, json};

use crate::support::proxy::counts;
use crate::support::stacks::root;
use crate::support::subject::Subject;

const STACK: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
keys: { main: {} }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, deletion_protection: false }
resources:
  s3.bucket:
    invoices: { versioning: true, block_public_access: true }
archive:
  after: 7d
  to: glacier
  delete_after: 3650d
  buckets:
    invoices: { after: 90d, to: deep_archive, prefix: old/ }
"#;

/// Runs the function as EventBridge would call it, with what the rule of this name gives it.
fn run(s: &Subject, rule: &str) -> Value {
    let script = r#"
import json, runpy
code, rule = args
event = json.loads(client("events").list_targets_by_rule(Rule=rule)["Targets"][0]["Input"])
run = runpy.run_path(code)["run"]
run.__globals__["boto3"] = type("B", (), {"client": staticmethod(client)})
run(event, None)
result = event
"#;
    let code = root().join("src/blueprint/archive.py");
    s.account.boto3(script, &json!([code.to_str().unwrap(), rule]))
}

/// Runs a script with `name`, the bucket of the archive.
fn bucket(s: &Subject, script: &str) -> Value {
    let head = "s3 = client('s3')\nname = next(b['Name'] for b in s3.list_buckets()['Buckets'] if b['Name'].startswith('shop-archive-'))\n";
    s.account.boto3(&format!("{head}{script}"), &json!(null))
}

#[test]
fn databases_are_exported_listed_and_restored() {
    let s = Subject::new(STACK);
    s.apply();
    s.assert_in_step();
    let rules = bucket(
        &s,
        r#"
rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
result = {r["ID"]: [r["Filter"].get("Prefix"), r.get("Transitions"), (r.get("Expiration") or {}).get("Days")] for r in rules}
invoices = next(b["Name"] for b in s3.list_buckets()["Buckets"] if "invoices" in b["Name"])
result["invoices"] = s3.get_bucket_lifecycle_configuration(Bucket=invoices)["Rules"][0]["Transitions"]
result["encryption"] = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
"#,
    );
    assert_eq!(rules["exports"], json!(["exports/", [{"Days": 7, "StorageClass": "GLACIER"}], 3650]));
    assert_eq!(rules["manifests"], json!(["manifests/", null, 3650]));
    assert_eq!(rules["invoices"], json!([{"Days": 90, "StorageClass": "DEEP_ARCHIVE"}]));
    assert_eq!(rules["encryption"], "aws:kms");

    let none = s.place.stack(&["archive", "list", "s.yaml"]).ok();
    assert!(none.words().contains("Nothing is archived yet"), "{}", none.stderr);
    s.account.boto3(
        r#"
rds = client("rds")
rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="monday")
while rds.describe_db_snapshots(DBSnapshotIdentifier="monday")["DBSnapshots"][0]["Status"] != "available": pass
"#,
        &json!(null),
    );
    let event = run(&s, "shop-archive");
    assert_eq!((&event["start"], &event["databases"]), (&json!(true), &json!({"main": "shop"})));
    assert_eq!(run(&s, "shop-archive-manifests")["start"], false);

    let list = s.place.stack(&["archive", "list", "s.yaml", "--json"]).ok().json();
    assert_eq!(
        (&list[0]["database"], &list[0]["objects"], &list[0]["classes"]),
        (&json!("main"), &json!(4), &json!({"STANDARD": 4}))
    );
    let export = list[0]["export"].as_str().unwrap().to_owned();
    let table = s.place.stack(&["archive", "list", "s.yaml"]).ok();
    assert!(table.stdout.contains(&export) && table.stdout.contains("4 STANDARD"), "{}", table.stdout);
    let verified = s.place.stack(&["archive", "verify", "s.yaml"]).ok();
    assert!(verified.stdout.contains("as listed"), "{}", verified.stdout);
    let readable = s.place.stack(&["archive", "restore", "s.yaml", &export, "--yes"]).ok();
    assert!(readable.words().contains("4 objects: can be read as they are"), "{}", readable.stderr);

    // As a lifecycle rule leaves it: the same object in another class.
    bucket(
        &s,
        r#"
import json
key = s3.list_objects_v2(Bucket=name, Prefix="manifests/")["Contents"][0]["Key"]
manifest = json.load(s3.get_object(Bucket=name, Key=key)["Body"])
assert all(one["version"] for one in manifest["objects"])
for one in manifest["objects"]:
    if one["key"].endswith(".parquet"):
        # A rule moves a version; here another one is written, which is the one of the manifest from now on.
        copied = s3.copy_object(Bucket=name, Key=one["key"], CopySource={"Bucket": name, "Key": one["key"]}, StorageClass="GLACIER")
        one["version"] = copied["VersionId"]
s3.put_object(Bucket=name, Key=key, Body=json.dumps(manifest))
result = None
"#,
    );
    let restore = ["archive", "restore", "s.yaml", &export];
    let plan = s.place.stack(&[&restore[..], &["--plan"]].concat()).ok();
    assert!(
        plan.words().contains("1 object in GLACIER") && plan.words().contains("3 to 5 hours; <$0.01 at list prices"),
        "{}",
        plan.stderr
    );
    s.place.stack(&restore).exits(4);
    s.place.stack(&["archive", "restore", "s.yaml", "nothing", "--yes"]).exits(1);
    s.proxy.take();
    s.place.stack(&[&restore[..], &["--yes"]].concat()).ok();
    assert_eq!(counts(&s.proxy.take()).iter().filter(|(name, _)| name.contains("restore")).map(|(_, n)| n).sum::<usize>(), 1);
    let again = s.place.stack(&[&restore[..], &["--yes"]].concat()).ok();
    assert!(again.words().contains("Nothing to restore."), "{}", again.stderr);

    bucket(
        &s,
        r#"
key = next(o["Key"] for o in s3.list_objects_v2(Bucket=name, Prefix="exports/")["Contents"] if o["Key"].endswith("_SUCCESS"))
s3.put_object(Bucket=name, Key=key, Body=b"something else")
result = None
"#,
    );
    let wrong = s.place.stack(&["archive", "verify", "s.yaml"]).exits(1);
    assert!(wrong.stdout.contains("_SUCCESS` was written again: another version is the latest"), "{}", wrong.stdout);
    assert!(wrong.stdout.contains("1 problem"), "{}", wrong.stdout);
    bucket(
        &s,
        r#"
key = next(o["Key"] for o in s3.list_objects_v2(Bucket=name, Prefix="exports/")["Contents"] if o["Key"].endswith(".parquet"))
s3.delete_object(Bucket=name, Key=key)
result = None
"#,
    );
    let wrong = s.place.stack(&["archive", "verify", "s.yaml"]).exits(1);
    assert!(wrong.stdout.contains(".parquet` was deleted; its version is still there"), "{}", wrong.stdout);
    let list = s.place.stack(&["archive", "list", "s.yaml"]).ok();
    assert!(list.words().contains("2 problems"), "{}", list.stderr);

    // Nothing of it goes quietly.
    let text = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    s.place.file("s.yaml", text.split("archive:\n").next().unwrap());
    s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    s.place
        .stack(&["apply", "s.yaml", "--yes", "--allow-delete", "s3.bucket/archive", "--allow-delete", "logs.log_group/archive"])
        .ok();
    s.assert_in_step();
}

#[test]
fn a_lock_needs_consent_and_keeps_the_bucket() {
    let s = Subject::new(&STACK.replace("  after: 7d\n", "  after: 7d\n  lock: { mode: compliance, keep: 365d }\n"));
    s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-upgrade", "s3.bucket/archive"]).ok();
    s.assert_in_step();
    let lock = bucket(&s, "result = s3.get_object_lock_configuration(Bucket=name)['ObjectLockConfiguration']");
    let expected = json!({"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 365}}});
    assert_eq!(lock, expected);
    bucket(&s, "result = s3.put_object(Bucket=name, Key='exports/x', Body=b'x')['VersionId']");
    let ended = s.place.stack(crate::support::subject::DESTROY);
    assert_ne!(ended.code, Some(0));
    assert!(ended.words().contains("its lock (compliance) keeps for 365 days"), "{}", ended.stderr);
    assert_eq!(bucket(&s, "result = [v['Key'] for v in s3.list_object_versions(Bucket=name)['Versions']]"), json!(["exports/x"]));
}
