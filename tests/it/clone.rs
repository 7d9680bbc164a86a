//! `stack clone`: what runs is copied, with its data and without anything that belongs to what it was made of.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::kinds::{kinds, lets_in};
use crate::support::run::Output;
use crate::support::subject::{Subject, run_and_kill_when};

const FILE: &str = r#"
stack: shop
region: us-east-1
network: { zones: 2, nat: none }
keys: { main: {} }
services:
  web:
    image: "nginx:1.27"
    port: 80
    public: true
    count: 1
    routes: ["/*"]
    uses: [databases.main]
    environment: { LEVEL: quiet }
  worker: { image: "busybox:1.37", public: true, scale: { min: 1, max: 3 } }
databases:
  main: { engine: postgres, version: "16", storage: 20GiB }
access: { groups: { readers: { may: [view] } } }
clone: { sanitize: { service: web, command: [sh, -c, "echo harmless now"] } }
alarms: { email: [ops@example.com], off: [services.web, services.worker, databases.main] }
backup: {}
environments:
  production: { services: { web: { count: 2 } } }
"#;

/// What someone does to `production`.
const BY_HAND: &str = r#"
client("ecs").update_service(cluster="shop-production", service="shop-production-web", desiredCount=3)
client("rds").modify_db_instance(DBInstanceIdentifier="shop-production", BackupRetentionPeriod=9, ApplyImmediately=True)
client("iam").put_role_policy(RoleName="shop-production-web-task-us-east-1", PolicyName="more", PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}')
result = None
"#;

const CLONE: &[&str] = &["clone", "s.yaml", "--from", "production", "--to", "bug", "--yes"];

/// `production`, as the file says.
fn production(text: &str) -> Subject {
    let s = Subject::new(text);
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    s
}

fn clone(s: &Subject, more: &[&str]) -> Output {
    s.place.stack(&[CLONE, more].concat())
}

fn in_step(s: &Subject, env: &str) {
    let plan = s.place.stack(&["plan", "s.yaml", "--env", env, "--exact"]).ok();
    assert!(plan.stdout.contains("No changes"), "{env}: {}", plan.stdout);
}

/// Tasks that are wanted and that run, by service.
fn tasks(s: &Subject, env: &str) -> Value {
    let script = r#"
found = client("ecs").describe_services(cluster=f"shop-{args}", services=[f"shop-{args}-web", f"shop-{args}-worker"])["services"]
result = {x["serviceName"].rsplit("-", 1)[1]: [x["desiredCount"], x["runningCount"]] for x in found}
"#;
    s.account.boto3(script, &json!(env))
}

/// The names of all snapshots of databases that someone took.
fn snapshots(s: &Subject) -> Value {
    let script = r#"result = [x["DBSnapshotIdentifier"] for x in client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]]"#;
    s.account.boto3(script, &Value::Null)
}

const BUCKETS: &str = r#"
stack: shop
region: us-east-1
alarms: off
cdn: { static: { paths: ["/*"] } }
resources: { s3.bucket: { uploads: {} } }
environments: { production: {} }
"#;

/// The objects of an environment's buckets: their text, and their type.
fn objects(s: &Subject, env: &str) -> Value {
    let script = r#"
s3 = client("s3")
result = {}
for bucket in [b["Name"] for b in s3.list_buckets()["Buckets"] if f"shop-{args}-" in b["Name"]]:
    for key in [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]:
        found = s3.get_object(Bucket=bucket, Key=key)
        result[("assets/" if "assets" in bucket else "uploads/") + key] = [found["Body"].read().decode(), found["ContentType"]]
"#;
    s.account.boto3(script, &json!(env))
}

fn put(s: &Subject, env: &str, all: &Value) {
    let script = r#"
s3 = client("s3")
buckets = [b["Name"] for b in s3.list_buckets()["Buckets"] if f"shop-{args[0]}-" in b["Name"]]
for bucket, key, text, kind in args[1]:
    [name] = [b for b in buckets if bucket in b]
    s3.put_object(Bucket=name, Key=key, Body=text.encode(), ContentType=kind)
result = None
"#;
    s.account.boto3(script, &json!([env, all]));
}

#[test]
fn a_clone_begins_with_copies_of_objects() {
    let s = production(BUCKETS);
    let all = json!([
        ["assets", "index.html", "hello", "text/html"],
        ["assets", "a b/ü+%.txt", "odd", "text/plain"],
        ["uploads", "2026/x", "new", "image/png"],
        ["uploads", "2025/y", "old", "image/png"],
    ]);
    put(&s, "production", &all);
    let unknown = clone(&s, &["--objects", "downloads/"]).exits(64).words();
    assert!(unknown.contains("`production` has no bucket `downloads`") && unknown.contains("`uploads`"), "{unknown}");

    // By default those that CloudFront serves.
    let said = clone(&s, &[]).ok().words();
    assert!(said.contains("Copied: 2 objects of `assets`."), "{said}");
    let (page, odd) = (json!(["hello", "text/html"]), json!(["odd", "text/plain"]));
    assert_eq!(objects(&s, "bug"), json!({"assets/index.html": page, "assets/a b/ü+%.txt": odd}));

    // What the copy has made of them stays.
    put(&s, "bug", &json!([["assets", "index.html", "mine", "text/html"]]));
    let said = clone(&s, &["--objects", "static", "--objects", "uploads/2026/"]).ok().words();
    assert!(said.contains("Copied: 1 object of `uploads`.") && !said.contains("of `assets`"), "{said}");
    let (mine, new) = (json!(["mine", "text/html"]), json!(["new", "image/png"]));
    assert_eq!(objects(&s, "bug"), json!({"assets/index.html": mine, "assets/a b/ü+%.txt": odd, "uploads/2026/x": new}));
    in_step(&s, "bug");

    // A large one in parts, although a run that died has begun it before.
    s.account.boto3(LARGE, &json!("begin"));
    s.proxy.take();
    let said = clone(&s, &["--objects", "uploads/film/"]).ok().words();
    assert!(said.contains("Copied: 1 object of `uploads`."), "{said}");
    assert_eq!(s.proxy.take().iter().filter(|call| call.operation.contains("partNumber=")).count(), 2);
    let expected = json!([100_000_001, "ends", "video/mp4", {"by": "us"}, [{"Key": "a b", "Value": "c/d"}], [], "no-cache"]);
    assert_eq!(s.account.boto3(LARGE, &json!("look")), expected);
}

/// A large object of production, with an upload of it that was begun in the copy; or that object in the copy.
const LARGE: &str = r#"
s3 = client("s3")
[source, copy] = [[b["Name"] for b in s3.list_buckets()["Buckets"] if f"shop-{env}-uploads" in b["Name"]][0] for env in ("production", "bug")]
key = "film/ü 1.mp4"
if args == "begin":
    about = {"ContentType": "video/mp4", "CacheControl": "no-cache", "Metadata": {"by": "us"}, "Tagging": "a%20b=c%2Fd"}
    s3.put_object(Bucket=source, Key=key, Body=b"x" * (100_000_001 - 4) + b"ends", **about)
    s3.create_multipart_upload(Bucket=copy, Key=key)
    result = None
else:
    found = s3.get_object(Bucket=copy, Key=key)
    end = s3.get_object(Bucket=copy, Key=key, Range="bytes=-4")["Body"].read().decode()
    uploads = s3.list_multipart_uploads(Bucket=copy).get("Uploads", [])
    tags = s3.get_object_tagging(Bucket=copy, Key=key)["TagSet"]
    result = [found["ContentLength"], end, found["ContentType"], found["Metadata"], tags, uploads, found["CacheControl"]]
"#;

#[test]
fn a_clone_is_what_runs_and_apart_from_it() {
    let s = production(FILE);
    s.account.boto3(BY_HAND, &Value::Null);
    // Where nothing makes data harmless, only what is public is copied.
    let refused = clone(&s, &["--data", "none", "--objects", "all"]).exits(64).words();
    assert!(refused.contains("nothing would make the objects harmless"), "{refused}");
    s.proxy.take();
    let made = clone(&s, &["--ttl", "72h"]).ok();
    let said = made.words();
    for part in [
        "Not copied: `iam.role/web-task`: `policies.more` differs from the file",
        "The largest database, `databases.main` with 20 GiB, decides how long the copy takes.",
        "The copy is described in `s.bug.yaml`.",
        "The data is made harmless before any service starts.",
        "Isolated:",
        "and none was found.",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(made.stdout, "harmless now\n");

    // No service ran before the data was harmless.
    let calls: Vec<String> = s.proxy.take().iter().filter(|call| call.mutating).map(|call| call.name()).collect();
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap_or_else(|| panic!("{name}: {calls:?}"));
    assert!(at("rds:RestoreDBInstanceFromDBSnapshot") < at("rds:ModifyDBInstance"), "{calls:?}");
    assert!(at("rds:ModifyDBInstance") < at("ecs:RunTask") && at("ecs:RunTask") < at("ecs:UpdateService"), "{calls:?}");
    assert_eq!(tasks(&s, "bug"), json!({"web": [3, 3], "worker": [1, 1]}));

    // What came from AWS says so.
    let file = std::fs::read_to_string(s.place.path().join("s.bug.yaml")).unwrap();
    for line in [
        "like: production",
        "ttl: 3d",
        "count: 3  # what runs; the file has 2",
        "backups: 9d  # what runs; the file has 7",
        "      database: shop-production  # counts only when it is created",
        "alarms: \"off\"  # copies are not watched",
        "backup: ~  # copies are not backed up",
        "access: ~  # people keep what they may do, and get nothing more",
    ] {
        assert!(file.lines().any(|said| said.trim() == line.trim()), "{line}: {file}");
    }
    let image = file.lines().find(|line| line.contains("what runs: `nginx:1.27`")).unwrap().trim();
    assert!(image.starts_with("image: nginx@sha256:"), "{image}");

    // Everything afterwards is as with any environment.
    in_step(&s, "bug");
    assert!(said.contains("This environment is wanted until"), "{said}");
    assert_eq!(snapshots(&s), json!([]));
    assert!(s.place.stack(&["history", "s.yaml", "--env", "bug"]).ok().stdout.contains("stack clone s.yaml"));

    // Nothing of the source's credentials works in the copy, nor the other way round.
    let names = s
        .account
        .boto3(r#"result = sorted(x["Name"] for x in client("secretsmanager").list_secrets()["SecretList"])"#, &Value::Null);
    let secret = |env: &str| {
        let found = names.as_array().unwrap().iter().filter_map(Value::as_str).find(|name| name.contains(env));
        found.unwrap_or_else(|| panic!("{env}: {names}")).to_owned()
    };
    assert!(lets_in(&s, "shop-bug", &secret("bug")) && lets_in(&s, "shop-production", &secret("production")));
    assert!(!lets_in(&s, "shop-bug", &secret("production")) && !lets_in(&s, "shop-production", &secret("bug")));

    // Another client sees nothing of the source in the copy, and the source as it was.
    let (of_source, of_copy) = (s.account.inventory("shop", "production"), s.account.inventory("shop", "bug"));
    let text = of_copy.to_string();
    for (kind, objects) in of_source.as_object().unwrap() {
        for id in objects.as_object().unwrap().keys() {
            assert!(!text.contains(&format!("\"{id}\"")), "{kind} {id} is in the copy");
        }
    }

    s.place.stack(&["destroy", "s.yaml", "--env", "bug", "--yes", "--confirm", "shop/bug", "--no-final-snapshot", "*"]).ok();
    assert_eq!((s.account.inventory("shop", "bug"), snapshots(&s)), (json!({}), json!([])));
    assert_eq!(kinds(&s.account.inventory("shop", "production")), kinds(&of_source));
}

#[test]
fn a_failing_sanitizer_leaves_no_service_running() {
    let s = production(&FILE.replace("echo harmless now", "echo broken; exit 3"));
    let failed = clone(&s, &[]).exits(3);
    let said = failed.words();
    assert!(said.contains("the sanitizer failed with exit code 3: no service of `bug` is running"), "{said}");
    assert_eq!(failed.stdout, "broken\n");
    let none = json!({"web": [0, 0], "worker": [0, 0]});
    assert_eq!(tasks(&s, "bug"), none);
    // Nor does an apply start any.
    let applied = s.place.stack(&["apply", "s.yaml", "--env", "bug", "--yes"]).ok();
    assert!(applied.words().contains("is not ready"), "{}", applied.stderr);
    assert_eq!(tasks(&s, "bug"), none);
    s.write("echo broken; exit 3", "echo fixed");
    let again = clone(&s, &[]).ok();
    assert!(again.words().contains("`s.bug.yaml` exists, and is used as it is."), "{}", again.stderr);
    assert_eq!((again.stdout.as_str(), tasks(&s, "bug")), ("fixed\n", json!({"web": [2, 2], "worker": [1, 1]})));
    in_step(&s, "bug");
}

#[test]
fn what_points_at_the_source_is_told() {
    let s = production(FILE);
    let host = r#"result = client("rds").describe_db_instances()["DBInstances"][0]["Endpoint"]["Address"]"#;
    let host = s.account.boto3(host, &Value::Null).as_str().unwrap().to_owned();
    s.write("LEVEL: quiet", &format!("LEVEL: quiet, REPORTS: \"postgres://{host}/reports\""));
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    let leaking = clone(&s, &["--data", "none", "--size", "small"]).exits(3);
    let said = leaking.words();
    let told = format!("`ecs.task_definition/web` points at `rds.instance/main` of `shop/production`: {host}");
    assert!(said.contains(&told) && said.contains("the copy is not isolated"), "{said}");
    s.write("clone: {", &format!("clone: {{ keep: [\"{host}\"],"));
    let kept = clone(&s, &[]).ok();
    assert!(kept.words().contains("and none was found."), "{}", kept.stderr);
}

#[test]
fn a_clone_that_is_killed_is_continued() {
    let s = production(FILE);
    let whole = clone(&s, &[]).ok();
    assert!(whole.words().contains("Isolated:"), "{}", whole.stderr);
    let objects = kinds(&s.account.inventory("shop", "bug"));
    let destroy = ["destroy", "s.yaml", "--env", "bug", "--yes", "--confirm", "shop/bug", "--no-final-snapshot", "*"];
    s.place.stack(&destroy).ok();
    // At the calls after which most could be lost, and once with the answer lost.
    let moments = [("rds:CreateDBSnapshot", true), ("rds:CopyDBSnapshot", false), ("rds:RestoreDBInstanceFromDBSnapshot", true)];
    let later = [("rds:ModifyDBInstance", true), ("ecs:RunTask", true), ("ecs:UpdateService", false)];
    for (name, reaches) in moments.into_iter().chain(later) {
        std::fs::remove_file(s.place.path().join("s.bug.yaml")).ok();
        let seen = AtomicUsize::new(0);
        let at = move |call: &crate::support::proxy::Call| call.name() == name && seen.fetch_add(1, Ordering::SeqCst) == 0;
        assert!(run_and_kill_when(&s, CLONE, reaches, at), "{name} is not called");
        if name == "rds:CopyDBSnapshot" {
            // No other command starts services with data that was not made harmless.
            s.place.stack(&["apply", "s.yaml", "--env", "bug", "--yes"]).ok();
            assert_eq!(tasks(&s, "bug"), json!({"web": [0, 0], "worker": [0, 0]}));
            s.place.stack(&["resume", "s.yaml", "--env", "bug", "--yes"]).exits(4);
        }
        clone(&s, &[]).ok();
        in_step(&s, "bug");
        assert_eq!((kinds(&s.account.inventory("shop", "bug")), snapshots(&s)), (objects.clone(), json!([])), "{name}");
        s.place.stack(&destroy).ok();
        assert_eq!((s.account.inventory("shop", "bug"), snapshots(&s)), (json!({}), json!([])), "{name}");
    }
    // One that is given up leaves nothing.
    std::fs::remove_file(s.place.path().join("s.bug.yaml")).ok();
    assert!(run_and_kill_when(&s, CLONE, true, |call| call.name() == "rds:CopyDBSnapshot"));
    s.place.stack(&destroy).ok();
    assert_eq!((s.account.inventory("shop", "bug"), snapshots(&s)), (json!({}), json!([])));
}

#[test]
fn what_cannot_be_cloned_is_refused_before_anything() {
    let s = production(FILE);
    s.proxy.take();
    let refused = |arguments: &[&str], code: i32, says: &str| {
        let said = s.place.stack(arguments).exits(code);
        assert!(said.words().contains(says), "{says}: {}", said.stderr);
    };
    let from = ["clone", "s.yaml", "--from", "production", "--to"];
    refused(&[&from[..], &["production"]].concat(), 64, "cannot be a copy of itself");
    refused(&[&from[..], &["default"]].concat(), 64, "is no name for a copy");
    refused(&["clone", "s.yaml", "--from", "default", "--to", "production"], 64, "has the environment `production`");
    refused(&["clone", "s.yaml", "--from", "default", "--to", "bug"], 1, "has no objects in AWS");
    refused(&["clone", "s.yaml", "--from", "nowhere", "--to", "bug"], 65, "the environment `nowhere` does not exist");
    refused(&[CLONE, &["--size", "large"]].concat(), 64, "write `same`, `small`, or a key of the file");
    let planned = s.place.stack(&[&CLONE[..6], &["--plan", "--data", "none"]].concat()).ok();
    let short = s.place.stack(&[&CLONE[..6], &["--plan", "--data", "none", "--ttl", "72h"]].concat()).ok();
    assert!(planned.words().contains("Price: $") && !planned.words().contains("Until it expires"), "{}", planned.stderr);
    assert!(short.words().contains("Until it expires: $"), "{}", short.stderr);
    assert!(planned.stdout.contains("like: production") && planned.stderr.contains("to create"), "{}", planned.stderr);
    // RDS takes one by itself when a database is created.
    let latest = s.place.stack(&[&CLONE[..6], &["--plan", "--data", "latest"]].concat()).ok();
    assert!(latest.stdout.contains("snapshot: rds:shop-production-"), "{}", latest.stdout);
    assert!(!s.place.path().join("s.bug.yaml").exists());
    // A sanitizer of no service, and an overlay that does not fit, are told at their lines.
    s.place.file("s.bug.yaml", "like: staging\n");
    refused(&["plan", "s.yaml", "--env", "bug"], 65, "s.bug.yaml:1:7");
    s.place.file("s.bug.yaml", "services: { web: { cuont: 2 } }\n");
    refused(&["plan", "s.yaml", "--env", "bug"], 65, "did you mean `count`?");
    s.write("sanitize: { service: web", "sanitize: { service: wbe");
    refused(&["validate", "s.yaml"], 65, "the service `wbe` of the sanitizer does not exist");
    s.write("service: wbe", "service: web");
    std::fs::remove_file(s.place.path().join("s.bug.yaml")).unwrap();
    s.write("access:", "existing: { buckets: { uploads: shop-uploads } }\naccess:");
    s.account.boto3(r#"result = client("s3").create_bucket(Bucket="shop-uploads") and None"#, &Value::Null);
    refused(CLONE, 4, "the copy would work with what the other environment works with: `existing.buckets.uploads`");
    let changing: Vec<String> = s.proxy.take().iter().filter(|call| call.mutating).map(|call| call.name()).collect();
    assert_eq!(changing, Vec::<String>::new());
}

#[test]
fn caches_of_a_clone_begin_with_data_where_asked() {
    let cache =
        "caches:\n  sessions: { engine: valkey, node: cache.t4g.micro }\n  pages: { engine: memcached, node: cache.t4g.micro }\n";
    let s = production(&FILE.replace("access:", &format!("{cache}access:")));
    let empty = clone(&s, &["--plan"]).ok();
    assert!(!empty.stdout.contains("begin:\n      cache:"), "{}", empty.stdout);
    s.proxy.take();
    clone(&s, &["--caches", "snapshot"]).ok();
    let file = std::fs::read_to_string(s.place.path().join("s.bug.yaml")).unwrap();
    assert!(file.contains("cache: shop-production-sessions  # counts only when it is created"), "{file}");
    let calls: Vec<String> = s.proxy.take().iter().filter(|call| call.mutating).map(|call| call.name()).collect();
    for name in ["elasticache:CreateSnapshot", "elasticache:DeleteSnapshot"] {
        assert_eq!(calls.iter().filter(|call| *call == name).count(), 1, "{calls:?}");
    }
    in_step(&s, "bug");
    s.place.stack(&["destroy", "s.yaml", "--env", "bug", "--yes", "--confirm", "shop/bug", "--no-final-snapshot", "*"]).ok();
}
