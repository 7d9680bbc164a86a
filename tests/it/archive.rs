//! The archive: its bucket, the exports that its function starts and describes, and how they are listed, verified and read again.

use serde_json::{Value, json};

use crate::support::proxy::counts;
use crate::support::stacks::root;
use crate::support::subject::{Subject, behind, edit};

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

    assert_eq!(s.protection(), [("archive".to_owned(), "1 export".to_owned())]);
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

const JOBS: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
keys: { main: {} }
services:
  worker: { image: "worker:1", public: true }
archive:
  databases: []
  jobs:
    orders: { service: worker, command: [sh, -c, "sleep 1; exit 0"] }
"#;

/// Calls the function in AWS as its rule would at this time, and returns what it raised.
fn begin(s: &Subject, time: &str) -> Value {
    let script = r#"
import json
transformer = client("events").list_targets_by_rule(Rule="shop-archive-job-orders")["Targets"][0]["InputTransformer"]
assert transformer["InputPathsMap"] == {"start": "$.time"}, transformer
event = transformer["InputTemplate"].replace("<start>", json.dumps(args))
answer = client("lambda").invoke(FunctionName="shop-archive-jobs", Payload=event.encode())
result = json.load(answer["Payload"]) if "FunctionError" in answer else None
"#;
    s.account.boto3(script, &json!(time))
}

/// Looks at the tasks of the job, which stop when someone does, until the bucket has an object, and returns that.
fn until_there(s: &Subject, key: &str) -> Value {
    let script = r#"
import json, time
ecs, s3 = client("ecs"), client("s3")
name = next(b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("shop-archive-"))
for _ in range(600):
    arns = [a for state in ("RUNNING", "STOPPED") for a in ecs.list_tasks(cluster="shop", desiredStatus=state, family="shop-archive-job-orders")["taskArns"]]
    ecs.describe_tasks(cluster="shop", tasks=arns or ["x"])
    if s3.list_objects_v2(Bucket=name, Prefix=args).get("Contents"):
        result = json.load(s3.get_object(Bucket=name, Key=args)["Body"])
        break
    time.sleep(0.1)
else:
    raise AssertionError(args + " does not come: " + s3.get_object(Bucket=name, Key="jobs/orders.json")["Body"].read().decode())
"#;
    s.account.boto3(script, &json!(key))
}

#[test]
fn a_job_exports_and_then_removes_what_is_confirmed() {
    let s = Subject::new(JOBS);
    s.apply();
    s.assert_in_step();
    assert_eq!(begin(&s, "2026-11-01T06:00:00Z"), Value::Null);
    let listed = s.place.stack(&["archive", "list", "s.yaml", "--json"]).ok().json();
    assert_eq!((&listed[0]["job"], &listed[0]["state"]), (&json!("orders"), &json!("exporting")));
    let order = r#"
tasks = client("ecs").describe_tasks(cluster="shop", tasks=client("ecs").list_tasks(cluster="shop", family="shop-archive-job-orders")["taskArns"])["tasks"]
result = [[t["startedBy"][:8], {e["name"]: e["value"] for e in t["overrides"]["containerOverrides"][0]["environment"]}] for t in tasks]
"#;
    let bucket_of = bucket(&s, "result = name");
    let variables = json!({"STACK_ARCHIVE_STEP": "export", "STACK_ARCHIVE_RUN": "20261101t060000z", "STACK_ARCHIVE_BUCKET": bucket_of,
        "STACK_ARCHIVE_PREFIX": "exports/orders/20261101t060000z/"});
    // As the task would.
    bucket(
        &s,
        "result = s3.put_object(Bucket=name, Key='exports/orders/20261101t060000z/orders.csv', Body=b'1,2', ChecksumAlgorithm='SHA256')['VersionId']",
    );
    assert_eq!(s.account.boto3(order, &Value::Null), json!([["archive-", variables]]));
    assert_eq!(bucket(&s, "result = s3.list_objects_v2(Bucket=name, Prefix='manifests/')['KeyCount']"), json!(0));
    // ECS says that the task has stopped, and everything else follows from that.
    let manifest = until_there(&s, "manifests/orders/20261101t060000z.json");
    assert_eq!((&manifest["job"], &manifest["bytes"]), (&json!("orders"), &json!(3)));
    let removed = until_there(&s, "removed/orders/20261101t060000z.json");
    assert_eq!(removed["manifest"], "manifests/orders/20261101t060000z.json");
    assert_ne!(removed["task"], manifest["task"]);

    let list = s.place.stack(&["archive", "list", "s.yaml"]).ok();
    assert!(list.stdout.contains("orders-20261101t060000z") && list.stdout.contains("removed"), "{}", list.stdout);
    let listed = s.place.stack(&["archive", "list", "s.yaml", "--json"]).ok().json();
    assert_eq!((&listed[0]["taken"], &listed[0]["state"]), (&json!("2026-11-01T06:00:00Z"), &json!("removed")));
    s.place.stack(&["archive", "verify", "s.yaml"]).ok();
    let readable = s.place.stack(&["archive", "restore", "s.yaml", "orders-20261101t060000z", "--yes"]).ok();
    assert!(readable.words().contains("1 object: can be read as they are"), "{}", readable.stderr);

    // An edit of the job is nothing else's, and a task that fails is told with its exit code.
    let rules = ["archive-job-orders", "archive-jobs", "archive-jobs-stopped"].map(|rule| format!("update events.rule/{rule}"));
    let mut expected = vec!["update ecs.task_definition/archive-job-orders"];
    expected.extend(rules.iter().map(String::as_str));
    edit(&s, "exit 0", "exit 3", &expected);
    edit(&s, "exit 3\"]", "exit 3\"], schedule: weekly", &["update events.rule/archive-job-orders"]);
    assert_eq!(begin(&s, "2026-12-01T06:00:00Z"), Value::Null);
    s.account.boto3(
        r#"
import time
ecs = client("ecs")
while arns := ecs.list_tasks(cluster="shop", family="shop-archive-job-orders")["taskArns"]:
    ecs.describe_tasks(cluster="shop", tasks=arns)
    time.sleep(0.1)
"#,
        &Value::Null,
    );
    let raised = begin(&s, "2026-12-01T06:00:00Z");
    assert!(raised["errorMessage"].as_str().unwrap().contains("export of 20261201t060000z has failed: exit code 3"), "{raised}");
    let listed = s.place.stack(&["archive", "list", "s.yaml", "--json"]).ok().json();
    assert!(listed[1]["state"].as_str().unwrap().starts_with("export failed: exit code 3"), "{listed}");

    let text = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    s.place.file("s.yaml", text.split("archive:\n").next().unwrap());
    let agreed = ["s3.bucket/archive", "logs.log_group/archive-jobs", "logs.log_group/archive-job-orders"];
    let agreed: Vec<&str> = agreed.iter().flat_map(|key| ["--allow-delete", key]).collect();
    s.place.stack(&[&["apply", "s.yaml", "--yes"], agreed.as_slice()].concat()).ok();
    s.assert_in_step();
    let left = r#"
names = [f["FunctionName"] for f in client("lambda").list_functions()["Functions"]] + client("ecs").list_task_definition_families(status="ACTIVE")["families"]
names += [r["Name"] for r in client("events").list_rules()["Rules"]] + [r["RoleName"] for r in client("iam").list_roles()["Roles"]]
result = [name for name in names if "archive" in name]
"#;
    assert_eq!(s.account.boto3(left, &Value::Null), json!([]));
}

#[test]
fn what_someone_changes_of_the_archive_is_undone() {
    let s = Subject::new(STACK);
    s.apply();
    let archive = "s3 = client('s3')\nname = next(b['Name'] for b in s3.list_buckets()['Buckets'] if b['Name'].startswith('shop-archive-'))\n";
    behind(&s, &format!("{archive}s3.delete_bucket_lifecycle(Bucket=name)"), &["update s3.bucket/archive"]);
    behind(&s, &format!("{archive}s3.delete_bucket_policy(Bucket=name)"), &["create s3.bucket_policy/archive"]);
    let shorter = "client('lambda').update_function_configuration(FunctionName='shop-archive', Timeout=3)";
    behind(&s, shorter, &["update lambda.function/archive"]);
    behind(&s, "client('events').disable_rule(Name='shop-archive')", &["update events.rule/archive"]);
    edit(&s, "after: 7d", "after: 8d", &["update s3.bucket/archive"]);
}
