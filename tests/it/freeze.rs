//! `stack freeze` and `thaw`: an environment in one file, and brought up again from it.

use serde_json::{Value, json};

use crate::support::subject::Subject;

const FILE: &str = r#"
stack: shop
region: us-east-1
network: { zones: 2, nat: none }
keys: { main: {} }
services:
  web: { image: "nginx:1.27", port: 80, public: true, count: 1, routes: ["/*"], uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", storage: 20GiB }
clone: { sanitize: { service: web, command: [sh, -c, "echo harmless now"] } }
environments:
  production: { services: { web: { count: 2 } } }
"#;

const FREEZE: &[&str] = &["freeze", "s.yaml", "--env", "production", "--out", "p.yaml"];
const THAW: &[&str] = &["thaw", "p.yaml", "--to", "rehearsal", "--yes"];

fn listed(s: &Subject) -> Vec<Value> {
    s.place.stack(&["frozen", "list", "--region", "us-east-1", "--json"]).ok().json().as_array().unwrap().clone()
}

#[test]
fn what_was_frozen_is_brought_up_without_its_source() {
    let s = Subject::new(FILE);
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    let by_hand =
        r#"client("ecs").update_service(cluster="shop-production", service="shop-production-web", desiredCount=3) and None"#;
    s.account.boto3(&format!("result = {by_hand}"), &Value::Null);
    let frozen = s.place.stack(FREEZE).ok();
    assert!(frozen.words().contains("`shop/production` is frozen in `p.yaml`"), "{}", frozen.stderr);
    s.place.stack(FREEZE).exits(64);
    let file = std::fs::read_to_string(s.place.path().join("p.yaml")).unwrap();
    for line in ["count: 3  # what runs; the file has 2", "snapshot: arn:aws:rds:us-east-1:"] {
        assert!(file.contains(line), "{line}: {file}");
    }
    assert!(file.starts_with("# integrity: sha256:") && file.contains("image: nginx@sha256:"), "{file}");
    assert!(!file.contains("environments:"), "{file}");
    let snapshots = listed(&s);
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    assert!(snapshots[0]["of"].as_str().unwrap().starts_with("shop/production/"), "{snapshots:?}");

    // The key of the database goes with its environment, and would take the snapshot along.
    let keys = r#"
rds = client("rds")
database = rds.describe_db_instances(DBInstanceIdentifier="shop-production")["DBInstances"][0]
[taken] = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
result = [taken["Encrypted"], taken["KmsKeyId"] == database["KmsKeyId"], [tag["Key"] for tag in taken["TagList"]]]
"#;
    assert_eq!(s.account.boto3(keys, &Value::Null), json!([true, false, ["stack:frozen"]]));

    // What was frozen is what runs, until that changes.
    s.place.stack(&["compare", "s.yaml", "production", "p.yaml"]).ok();
    let compared = s.place.stack(&["compare", "s.yaml", "p.yaml", "production@file"]).ok().stdout;
    let other = "stack: other\nregion: us-east-1\nnetwork: { zones: 2, nat: none }\n";
    std::fs::write(s.place.path().join("other.yaml"), other).unwrap();
    s.place.stack(&["compare", "other.yaml", "default@file", "p.yaml"]).exits(64);
    assert!(compared.contains("what was frozen") && compared.contains("desired_count   3 → 2"), "{compared}");

    // Months later, when the source is gone.
    let destroy = |file: &str, env: &str| {
        let confirm = format!("shop/{env}");
        s.place.stack(&["destroy", file, "--env", env, "--yes", "--confirm", &confirm, "--no-final-snapshot", "*"]).ok();
        let left = s.account.inventory("shop", env);
        assert!(left.as_object().unwrap().keys().all(|kind| kind == "rds.db-snapshot"), "{left}");
    };
    destroy("s.yaml", "production");
    assert_eq!(listed(&s), snapshots, "a frozen snapshot outlives its environment");
    let thawed = s.place.stack(THAW).ok();
    assert_eq!(thawed.stdout, "harmless now\n");
    let plan = s.place.stack(&["plan", "p.yaml", "--env", "rehearsal", "--exact"]).ok();
    assert!(plan.stdout.contains("No changes"), "{}", plan.stdout);
    let script = r#"
service = client("ecs").describe_services(cluster="shop-rehearsal", services=["shop-rehearsal-web"])["services"][0]
database = client("rds").describe_db_instances(DBInstanceIdentifier="shop-rehearsal")["DBInstances"][0]
result = [service["desiredCount"], database["DBInstanceStatus"], database["StorageEncrypted"]]
"#;
    assert_eq!(s.account.boto3(script, &Value::Null), json!([3, "available", true]));
    destroy("p.yaml", "rehearsal");
    assert_eq!(listed(&s), snapshots);

    // An environment that runs is not overwritten by one that was frozen.
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    s.proxy.take();
    let over = s.place.stack(&["thaw", "p.yaml", "--to", "production", "--yes"]).exits(4);
    assert!(over.words().contains("the environment `production` exists"), "{}", over.stderr);
    assert!(s.proxy.take().iter().all(|call| !call.mutating) && !s.place.path().join("p.production.yaml").exists());

    // Whole parts name what is pruned.
    let prune = |what: &str, more: &[&str]| s.place.stack(&[&["frozen", "prune", what, "--region", "us-east-1"], more].concat());
    assert!(prune("shop/prod", &["--yes"]).ok().words().contains("No snapshot of `shop/prod`"));
    prune("shop/production", &[]).exits(4);
    assert!(prune("shop/production", &["--older-than", "1h", "--yes"]).ok().words().contains("No snapshot"));
    assert_eq!(listed(&s), snapshots);
    assert!(prune("shop/production", &["--yes"]).ok().words().contains("1 snapshot deleted."));
    assert_eq!(listed(&s), Vec::<Value>::new());
    // What has gone in the meantime is told before anything starts.
    std::fs::remove_file(s.place.path().join("p.rehearsal.yaml")).unwrap();
    s.proxy.take();
    let gone = s.place.stack(THAW);
    assert_ne!(gone.code, Some(0), "{}", gone.stderr);
    assert!(gone.words().contains("snapshot") && gone.words().contains("does not exist"), "{}", gone.stderr);
    let changing: Vec<String> = s.proxy.take().iter().filter(|call| call.mutating).map(|call| call.name()).collect();
    assert_eq!(changing, Vec::<String>::new());
}

#[test]
fn a_frozen_file_that_was_changed_is_not_thawed() {
    let s = Subject::new(FILE);
    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    s.place.stack(&[FREEZE, &["--data", "none"]].concat()).ok();
    assert_eq!(listed(&s), Vec::<Value>::new());
    let path = s.place.path().join("p.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("count: 2", "count: 1")).unwrap();
    s.proxy.take();
    let refused = s.place.stack(THAW).exits(4);
    assert!(refused.words().contains("is not as `stack freeze` wrote it"), "{}", refused.stderr);
    s.place.stack(&["thaw", "s.yaml", "--to", "rehearsal", "--yes"]).exits(65);
    s.place.stack(&["thaw", "p.yaml", "--to", "default", "--edited", "--yes"]).exits(64);
    assert!(s.proxy.take().iter().all(|call| !call.mutating));
    let planned = s.place.stack(&[THAW, &["--edited", "--plan"]].concat()).ok();
    assert!(planned.stderr.contains("to create"), "{}", planned.stderr);
    assert!(!s.place.path().join("p.rehearsal.yaml").exists());
}
