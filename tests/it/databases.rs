//! Databases: up, changed in place, refused where AWS could only lose data, and gone with a last copy.

use serde_json::{Value, json};

use crate::support::kinds::{lets_in, secrets};
use crate::support::proxy::counts;
use crate::support::run::{EVERYTHING, words};
use crate::support::subject::{Subject, edit, edit_agreed, mutating, run_and_kill_when};

const STACK: &str = r#"
stack: data
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
services:
  web:
    image: nginx:1.27
    port: 80
    public: true
    uses: [databases.main]
databases:
  main:
    engine: postgres
    version: "16"
    class: db.t4g.micro
    storage: 20GiB
    backups: 7d
    parameters: { log_min_duration_statement: 500 }
"#;

/// Agrees to a new major version.
const UPGRADE: &[&str] = &["--allow-upgrade", "databases.main"];
const GONE: &[&str] = &["destroy", "s.yaml", "--yes", EVERYTHING];

fn database(s: &Subject, id: &str) -> Value {
    s.account.boto3(r#"result = client("rds").describe_db_instances(DBInstanceIdentifier=args)["DBInstances"][0]"#, &json!(id))
}

fn databases(s: &Subject) -> Vec<String> {
    let found = s.account.boto3(
        r#"result = [x["DBInstanceIdentifier"] for x in client("rds").describe_db_instances()["DBInstances"]]"#,
        &Value::Null,
    );
    serde_json::from_value(found).unwrap()
}

fn snapshots(s: &Subject) -> Vec<String> {
    let found = s.account.boto3(
        r#"result = [x["DBSnapshotIdentifier"] for x in client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]]"#,
        &Value::Null,
    );
    found.as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect()
}

/// What is left, but for the snapshots that are kept on purpose.
fn left(s: &Subject) -> Value {
    let mut left = s.account.inventory("data", "default");
    left.as_object_mut().unwrap().remove("rds.db-snapshot");
    left
}

fn parameters(s: &Subject, group: &str) -> Value {
    s.account.boto3(
        r#"result = {p["ParameterName"]: p["ParameterValue"] for p in client("rds").describe_db_parameters(DBParameterGroupName=args, Source="user")["Parameters"]}"#,
        &json!(group),
    )
}

#[test]
fn database_is_encrypted_and_its_user_can_connect() {
    let s = Subject::new(STACK);
    s.apply();
    s.proxy.take();
    s.apply();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());

    let made = database(&s, "data");
    assert_eq!(made["StorageEncrypted"], true);
    assert_eq!(made["PubliclyAccessible"], false);
    assert_eq!(made["DeletionProtection"], true);
    assert_eq!(made["BackupRetentionPeriod"], 7);
    assert_eq!(made["MasterUsername"], "app");
    assert_eq!(parameters(&s, "data-main-postgres16"), json!({"rds.force_ssl": "1", "log_min_duration_statement": "500"}));

    let all = s.account.inventory("data", "default");
    let task = all["ecs.task-definition"].as_object().unwrap().values().next().unwrap();
    let container = &task["containerDefinitions"][0];
    let environment = container["environment"].as_array().unwrap();
    for (name, value) in [
        ("DATABASE_MAIN_HOST", &made["Endpoint"]["Address"]),
        ("DATABASE_MAIN_PORT", &json!("5432")),
        ("DATABASE_MAIN_NAME", &json!("data")),
        ("DATABASE_MAIN_USER", &json!("app")),
    ] {
        assert!(environment.contains(&json!({"name": name, "value": value})), "{name}: {environment:?}");
    }
    assert!(made.get("MasterUserSecret").is_none(), "{made:#}");
    let secrets = secrets(&s);
    let (secret, version) = (secrets[0]["ARN"].as_str().unwrap(), secrets[0]["Version"].as_str().unwrap());
    let from = format!("{secret}:password::{version}");
    assert_eq!(container["secrets"], json!([{"name": "DATABASE_MAIN_PASSWORD", "valueFrom": from}]));
    assert!(lets_in(&s, "data", secret));
    // The password is nowhere but in Secrets Manager.
    let password = s.account.boto3(
        r#"import json
result = json.loads(client("secretsmanager").get_secret_value(SecretId=args)["SecretString"])"#,
        &json!(secret),
    );
    assert_eq!(password["username"], "app");
    let password = password["password"].as_str().unwrap();
    for arguments in [&["plan", "s.yaml", "--json"][..], &["show", "s.yaml", "--json", "--all"], &["outputs", "s.yaml", "--json"]]
    {
        let said = s.place.stack(arguments).ok();
        assert!(!said.stdout.contains(password) && !said.stderr.contains(password), "{arguments:?}");
    }
    let outputs = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    assert_eq!(outputs["databases.main.endpoint"], made["Endpoint"]["Address"]);
    assert_eq!(outputs["databases.main.secret_arn"], *secret);
    // Another stack may be called like this one and more.
    s.account.boto3(
        r#"client("rds").create_db_instance(DBInstanceIdentifier="data-else", Engine="postgres", DBInstanceClass="db.t4g.micro", AllocatedStorage=20, MasterUsername="boss", ManageMasterUserPassword=True)"#,
        &Value::Null,
    );
    let shown = s.place.stack(&["show", "s.yaml", "--json"]).ok().json();
    assert_eq!(shown["databases"].as_array().unwrap().len(), 1, "{shown:#}");
    s.account
        .boto3(r#"client("rds").delete_db_instance(DBInstanceIdentifier="data-else", SkipFinalSnapshot=True)"#, &Value::Null);
    assert_eq!(shown["databases"][0]["name"], "main");
    assert_eq!(shown["databases"][0]["engine"], "postgres 16.8");

    let refused = s.place.stack(&["destroy", "s.yaml", "--yes", "--allow-delete", "logs.log_group/*"]).exits(4);
    assert!(refused.stderr.contains("holds data: needs `--confirm data/default`"), "{}", refused.stderr);
    assert!(refused.stderr.contains("leaves the final snapshot data-final-"), "{}", refused.stderr);
    s.place.stack(GONE).ok();
    assert_eq!(left(&s), json!({}));
    let kept = snapshots(&s);
    assert!(kept.len() == 1 && kept[0].starts_with("data-final-"), "{kept:?}");
}

#[test]
fn every_edit_is_made_in_place() {
    let s = Subject::new(STACK);
    s.apply();
    edit(&s, "class: db.t4g.micro", "class: db.t4g.small", &["update rds.instance/main"]);
    edit(&s, "storage: 20GiB", "storage: 40GiB", &["update rds.instance/main"]);
    edit(&s, "backups: 7d", "backups: 14d", &["update rds.instance/main"]);
    edit(&s, "backups: 14d", "backups: 14d\n    multi_az: true", &["update rds.instance/main"]);
    edit(&s, "statement: 500 }", "statement: 250, max_connections: 200 }", &["update rds.parameter_group/main-postgres16"]);
    edit(&s, "statement: 250, max_connections: 200 }", "statement: 250 }", &["update rds.parameter_group/main-postgres16"]);
    assert_eq!(parameters(&s, "data-main-postgres16"), json!({"rds.force_ssl": "1", "log_min_duration_statement": "250"}));
    let now = database(&s, "data");
    assert_eq!(
        json!([now["DBInstanceClass"], now["AllocatedStorage"], now["BackupRetentionPeriod"], now["MultiAZ"]]),
        json!(["db.t4g.small", 40, 14, true])
    );

    // A minor version that is already there is nothing to do; a major one brings its own parameters.
    edit(&s, "version: \"16\"", "version: \"16.8\"", &[]);
    edit_agreed(
        &s,
        "version: \"16.8\"",
        "version: \"17\"",
        &["create rds.parameter_group/main-postgres17", "delete rds.parameter_group/main-postgres16", "update rds.instance/main"],
        UPGRADE,
    );
    assert!(database(&s, "data")["EngineVersion"].as_str().unwrap().starts_with("17."));

    s.place.stack(&[GONE, &["--no-final-snapshot", "rds.instance/*"]].concat()).ok();
    assert_eq!(left(&s), json!({}));
    // The only way back from the new version stays.
    let kept = snapshots(&s);
    assert!(kept.len() == 1 && kept[0].starts_with("data-before-17-"), "{kept:?}");
}

/// Has a database be in a state to which it comes by itself on AWS.
fn say(s: &Subject, id: &str, state: &str) {
    s.account.say(json!({"region": "us-east-1", "rds.instance": {id: state}}));
}

#[test]
fn stopped_database_starts_and_full_one_grows() {
    let s = Subject::new(STACK);
    s.apply();
    s.account.boto3(
        r#"result = client("rds").stop_db_instance(DBInstanceIdentifier=args)["DBInstance"]["DBInstanceStatus"]"#,
        &json!("data"),
    );
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(words(&plan.stdout).contains("AWS reports `stopped`; this change fixes it"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("replace"), "{}", plan.stdout);
    // Started first, then changed; and AWS says `available` before it begins with that.
    s.place.file("s.yaml", &STACK.replace("db.t4g.micro", "db.t4g.small"));
    let applied = s.place.stack(&["apply", "s.yaml", "--yes", "--json"]).ok();
    assert!(applied.stdout.contains("AWS is still to change: class"), "{}", applied.stdout);
    s.assert_in_step();
    let now = database(&s, "data");
    assert_eq!(json!([now["DBInstanceStatus"], now["DBInstanceClass"]]), json!(["available", "db.t4g.small"]));

    say(&s, "data", "storage-full");
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(
        words(&plan.stdout).contains("AWS reports `storage-full`: it accepts no more data: increase `storage`"),
        "{}",
        plan.stdout
    );
    let json = s.place.stack(&["plan", "s.yaml", "--json"]).ok().json();
    assert_eq!(json["notes"][0]["status"], "storage-full");
    edit(&s, "storage: 20GiB", "storage: 40GiB", &["update rds.instance/main"]);
    assert_eq!(database(&s, "data")["DBInstanceStatus"], "available");

    // What AWS would not take in this state is refused before anything is touched.
    say(&s, "data", "incompatible-parameters");
    s.place.file("s.yaml", &STACK.replace("20GiB", "40GiB").replace("db.t4g.micro", "db.t4g.medium"));
    s.proxy.take();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("AWS cannot change it while it is `incompatible-parameters`"), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    say(&s, "data", "available");
    // AWS switches the protection of nothing off that is stopped.
    s.account.boto3(r#"client("rds").stop_db_instance(DBInstanceIdentifier=args)"#, &json!("data"));
    s.place.stack(GONE).ok();
    assert_eq!(left(&s), json!({}));
}

/// AWS refuses the wrong order, so that it is done at all shows the right one.
#[test]
fn replicas_are_upgraded_in_the_order_of_aws() {
    let copies = STACK.replace("    parameters: { log_min_duration_statement: 500 }", "    replicas: { reports: {} }");
    let version = |s: &Subject, id: &str| database(s, id)["EngineVersion"].as_str().unwrap().to_owned();
    // The copy first.
    let s = Subject::new(&copies.replace("engine: postgres\n    version: \"16\"", "engine: mysql\n    version: \"8.0\""));
    s.apply();
    let both = ["update rds.instance/main", "update rds.instance/main-reports"];
    let parameters = ["create rds.parameter_group/main-mysql8-4", "delete rds.parameter_group/main-mysql8-0"];
    edit_agreed(&s, "version: \"8.0\"", "version: \"8.4\"", &[parameters, both].concat(), UPGRADE);
    assert!(version(&s, "data").starts_with("8.4.") && version(&s, "data-main-reports").starts_with("8.4."));
    s.place.stack(GONE).ok();
    assert_eq!(left(&s), json!({}));

    // The copy first to a minor version, and by AWS itself to a major one.
    let s = Subject::new(&copies.replace("version: \"16\"", "version: \"16.4\""));
    s.apply();
    edit(&s, "version: \"16.4\"", "version: \"16.8\"", &both);
    let parameters = ["create rds.parameter_group/main-postgres17", "delete rds.parameter_group/main-postgres16"];
    edit_agreed(&s, "version: \"16.8\"", "version: \"17\"", &[parameters, both].concat(), UPGRADE);
    assert!(version(&s, "data").starts_with("17.") && version(&s, "data-main-reports").starts_with("17."));
    s.place.stack(GONE).ok();
    assert_eq!(left(&s), json!({}));
}

#[test]
fn storage_with_iops_grows_and_its_limit_can_go() {
    let s = Subject::new(&STACK.replace("    storage: 20GiB", "    storage: 500GiB\n    max_storage: 1TiB"));
    s.apply();
    let volume = || {
        let now = database(&s, "data");
        json!([now["AllocatedStorage"], now["Iops"], now["StorageThroughput"], now["MaxAllocatedStorage"]])
    };
    assert_eq!(volume(), json!([500, 12000, 500, 1024]));
    edit(&s, "storage: 500GiB", "storage: 600GiB", &["update rds.instance/main"]);
    edit(&s, "    storage: 600GiB", "    storage: 600GiB\n    iops: 20000\n    throughput: 1000", &["update rds.instance/main"]);
    assert_eq!(volume(), json!([600, 20000, 1000, 1024]));
    edit(&s, "    iops: 20000\n    throughput: 1000\n", "", &["update rds.instance/main"]);
    edit(&s, "    max_storage: 1TiB\n", "", &["update rds.instance/main"]);
    assert_eq!(volume(), json!([600, 12000, 500, null]));
    // AWS would round it up, and the file could never be met.
    let file = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    s.place.file("s.yaml", &file.replace("600GiB", "610GiB"));
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("set 660 or more instead of 610"), "{}", refused.stderr);
    s.place.stack(GONE).ok();
    assert_eq!(left(&s), json!({}));
}

#[test]
fn impossible_database_changes_are_refused() {
    let s = Subject::new(&STACK.replace("20GiB", "40GiB"));
    s.apply();
    for (from, to, said) in [
        ("storage: 40GiB", "storage: 30GiB", "`storage`: it is 40 and cannot shrink to 30"),
        ("version: \"16\"", "version: \"15\"", "`engine_version`: it is 16.8 and cannot go back to 15"),
    ] {
        s.place.file("s.yaml", &STACK.replace("20GiB", "40GiB").replace(from, to));
        s.proxy.take();
        let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
        assert!(refused.words().contains(said), "{}", refused.stderr);
        assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    }
    // Another master user is another database: only with consent by name.
    s.place.file("s.yaml", &STACK.replace("20GiB", "40GiB").replace("    class:", "    user: owner\n    class:"));
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.stderr.contains("--allow-replace rds.instance/main"), "{}", refused.stderr);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-replace", "rds.instance/main"]).ok();
    s.assert_in_step();
    assert_eq!(database(&s, "data-2")["MasterUsername"], "owner");
    assert_eq!(snapshots(&s).len(), 1);
    s.place.stack(GONE).ok();
    assert_eq!(left(&s), json!({}));
}

#[test]
fn a_replica_comes_and_goes() {
    let s = Subject::new(STACK);
    s.apply();
    edit(
        &s,
        "    parameters:",
        "    replicas: { reports: { class: db.t4g.small } }\n    parameters:",
        &[
            "create logs.log_group/db-main-reports-postgresql",
            "create logs.log_group/db-main-reports-upgrade",
            "create rds.instance/main-reports",
            "update ecs.service/web",
            "update ecs.task_definition/web",
        ],
    );
    let replica = database(&s, "data-main-reports");
    assert_eq!(replica["ReadReplicaSourceDBInstanceIdentifier"], "data");
    assert_eq!(replica["DBInstanceClass"], "db.t4g.small");
    assert!(replica.get("MasterUserSecret").is_none(), "{replica:#}");
    s.place.file("s.yaml", STACK);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "rds.instance/main-reports"]).ok();
    s.assert_in_step();
    assert_eq!(snapshots(&s), Vec::<String>::new(), "a copy leaves none");
    s.place.stack(GONE).ok();
    assert_eq!(left(&s), json!({}));
}

/// The log groups of databases: how long lines are kept, and the key.
const LOG_GROUPS: &str = r#"
logs = client("logs")
result = {}
for group in logs.describe_log_groups(logGroupNamePrefix="/aws/rds/")["logGroups"]:
    tags = logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]
    result[group["logGroupName"]] = [group.get("retentionInDays"), tags.get("stack:key")]
"#;

#[test]
fn the_log_groups_that_rds_writes_to_are_the_stacks() {
    let alone = STACK.replace(&STACK[STACK.find("services:").unwrap()..STACK.find("databases:").unwrap()], "");
    let s = Subject::new(&alone);
    s.apply();
    let group = |log: &str| format!("/aws/rds/instance/data/{log}");
    let seen = || s.account.boto3(LOG_GROUPS, &Value::Null);
    let expected = json!({
        group("postgresql"): [30, "logs.log_group/db-main-postgresql"],
        group("upgrade"): [30, "logs.log_group/db-main-upgrade"],
    });
    assert_eq!(seen(), expected);
    s.assert_in_step();

    // RDS makes one that is missing itself. In a new one there is nothing that is too old, so it is taken without a question.
    let by_rds = r#"
logs = client("logs")
logs.delete_log_group(logGroupName=args)
client("rds").describe_db_instances()
logs.create_log_stream(logGroupName=args, logStreamName="data.0")"#;
    s.account.boto3(by_rds, &json!(group("postgresql")));
    assert_eq!(seen()[group("postgresql")], json!([null, null]));
    assert_eq!(s.changes(), ["update logs.log_group/db-main-postgresql"]);
    s.apply();
    assert_eq!(seen(), expected);
    s.assert_in_step();

    // What is no longer written is deleted after it is no longer written.
    s.place.file("s.yaml", &alone.replace("    backups: 7d", "    backups: 7d\n    logs: [upgrade]"));
    assert_eq!(s.changes(), ["delete logs.log_group/db-main-postgresql", "update rds.instance/main"]);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "logs.log_group/db-main-postgresql"]).ok();
    s.assert_in_step();
    assert_eq!(seen().as_object().unwrap().len(), 1);
    s.place.stack(GONE).ok();
    assert_eq!((left(&s), seen()), (json!({}), json!({})));
}

#[test]
fn lines_of_an_earlier_database_are_not_cut_silently() {
    let alone = STACK.replace(&STACK[STACK.find("services:").unwrap()..STACK.find("databases:").unwrap()], "");
    let s = Subject::new(&alone);
    let name = "/aws/rds/instance/data/postgresql";
    let before = r#"
logs = client("logs")
logs.create_log_group(logGroupName=args)
logs.create_log_stream(logGroupName=args, logStreamName="data.0")"#;
    s.account.boto3(before, &json!(name));
    s.account.say(json!({"region": "us-east-1", "logs.group": {name: "2026-01-01T00:00:00Z"}}));
    // What the database will be called is known when it exists.
    let blocked = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(3).words();
    assert!(blocked.contains("already exists, with lines of its own") && blocked.contains("plan again"), "{blocked}");
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4).words();
    assert!(refused.contains("log lines older than 30 days are deleted"), "{refused}");
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-upgrade", "logs.log_group/db-main-postgresql"]).ok();
    s.assert_in_step();
}

#[test]
fn drift_is_found_and_fixed() {
    let s = Subject::new(STACK);
    s.apply();
    for (script, expected) in [
        (
            r#"client("rds").modify_db_instance(DBInstanceIdentifier="data", BackupRetentionPeriod=1, ApplyImmediately=True)"#,
            "update rds.instance/main",
        ),
        (
            r#"client("rds").modify_db_parameter_group(DBParameterGroupName="data-main-postgres16", Parameters=[{"ParameterName": "log_statement", "ParameterValue": "all", "ApplyMethod": "immediate"}])"#,
            "update rds.parameter_group/main-postgres16",
        ),
        (
            r#"client("rds").remove_tags_from_resource(ResourceName=client("rds").describe_db_instances(DBInstanceIdentifier="data")["DBInstances"][0]["DBInstanceArn"], TagKeys=["Name"])"#,
            "update rds.instance/main",
        ),
    ] {
        s.account.boto3(script, &Value::Null);
        assert_eq!(s.changes(), [expected], "{script}");
        s.apply();
        s.assert_in_step();
    }
    // What waits for the maintenance window counts as done.
    s.account.boto3(
        r#"client("rds").modify_db_instance(DBInstanceIdentifier="data", DBInstanceClass="db.t4g.small", ApplyImmediately=False)"#,
        &Value::Null,
    );
    assert_eq!(s.changes(), ["update rds.instance/main"]);
    s.place.file("s.yaml", &STACK.replace("db.t4g.micro", "db.t4g.small"));
    assert_eq!(s.changes(), Vec::<String>::new());
}

/// A key for everything at rest: AWS cannot encrypt an existing database, so another takes its place, with its data.
#[test]
fn what_is_replaced_hands_its_data_on() {
    let s = Subject::new(STACK);
    s.apply();
    let born = database(&s, "data");
    s.place.file("s.yaml", &format!("{STACK}keys: {{ main: {{}} }}\n"));
    let replace = ["apply", "s.yaml", "--yes", "--allow-replace", "rds.instance/main"];
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("starts with a copy of its data"), "{}", refused.stderr);
    s.proxy.take();
    s.place.stack(&replace).ok();
    let calls = counts(&s.proxy.take());
    for call in ["rds:CreateDBSnapshot", "rds:CopyDBSnapshot", "rds:RestoreDBInstanceFromDBSnapshot"] {
        assert_eq!(calls.get(call), Some(&1), "{call}: {calls:#?}");
    }
    assert_eq!(calls.get("rds:CreateDBInstance"), None, "{calls:#?}");
    s.assert_in_step();
    let now = database(&s, "data-2");
    assert!(lets_in(&s, "data-2", secrets(&s)[0]["ARN"].as_str().unwrap()));
    assert_ne!(now["KmsKeyId"], born["KmsKeyId"]);
    for same in ["AllocatedStorage", "EngineVersion", "MasterUsername", "BackupRetentionPeriod", "DBInstanceClass"] {
        assert_eq!(now[same], born[same], "{same}");
    }
    // What carried the data is gone, what the old one leaves behind stays.
    let kept = snapshots(&s);
    assert!(kept.len() == 1 && kept[0].starts_with("data-final-"), "{kept:?}");

    // Its key does not go while it stays, whatever is allowed: it could not be read any more.
    s.place.file("s.yaml", STACK);
    s.proxy.take();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "*"]).exits(4);
    assert!(refused.words().contains("`rds.instance/main` is kept and uses it"), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    s.place.stack(GONE).ok();
    assert_eq!(left(&s), json!({}));

    // Without its data only when that is said.
    let s = Subject::new(STACK);
    s.apply();
    s.place.file("s.yaml", &format!("{STACK}keys: {{ main: {{}} }}\n"));
    s.proxy.take();
    let without = s.place.stack(&[&replace[..], &["--without-data", "rds.instance/*"]].concat()).ok();
    assert!(without.words().contains("starts empty"), "{}", without.stderr);
    let calls = counts(&s.proxy.take());
    assert_eq!((calls.get("rds:CreateDBInstance"), calls.get("rds:CreateDBSnapshot")), (Some(&1), None), "{calls:#?}");
    s.assert_in_step();
}

/// The old one serves on, what to do is said, and the next copy is another one.
#[test]
fn a_copy_that_fails_costs_nothing() {
    let s = Subject::new(STACK);
    s.apply();
    s.place.file("s.yaml", &format!("{STACK}keys: {{ main: {{}} }}\n"));
    let replace = ["apply", "s.yaml", "--yes", "--allow-replace", "rds.instance/main"];
    s.account.will(json!({ "rds.snapshot": "failed" }));
    let failed = s.place.stack(&replace).exits(3);
    for said in ["the snapshot of data failed", "to start with an empty one instead, add `--without-data rds.instance/main`"] {
        assert!(failed.words().contains(said), "{said}: {}", failed.stderr);
    }
    assert_eq!(databases(&s), ["data"]);
    assert_eq!(database(&s, "data")["DBInstanceStatus"], "available");
    s.place.stack(&replace).ok();
    s.assert_in_step();
    assert_eq!(databases(&s), ["data-2"]);
    // The copy that failed went with the others.
    let kept = snapshots(&s);
    assert!(kept.len() == 1 && kept[0].starts_with("data-final-"), "{kept:?}");
}

/// A run that dies while data is copied is simply run again: one database, and nothing left of what carried it.
#[test]
fn a_run_may_die_while_data_goes_over() {
    let keyed = format!("{STACK}keys: {{ main: {{}} }}\n");
    let replace = ["apply", "s.yaml", "--yes", "--allow-replace", "rds.instance/main", "--allow-delete", "rds.instance/main"];
    for victim in
        ["CreateDBSnapshot", "CopyDBSnapshot", "RestoreDBInstanceFromDBSnapshot", "DeleteDBSnapshot", "DeleteDBInstance"]
    {
        for reaches in [false, true] {
            let s = Subject::new(STACK);
            s.apply();
            s.place.file("s.yaml", &keyed);
            assert!(run_and_kill_when(&s, &replace, reaches, move |call| call.operation == victim), "{victim}");
            s.place.stack(&replace).ok();
            s.assert_in_step();
            let databases = databases(&s);
            assert_eq!(databases, ["data-2"], "{victim}, reaches: {reaches}");
            let kept = snapshots(&s);
            assert!(kept.len() == 1 && kept[0].starts_with("data-final-"), "{victim}, reaches: {reaches}: {kept:?}");
        }
    }
}
