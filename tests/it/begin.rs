//! Databases that begin with the data of another one, or with a snapshot: data, key and password, and nothing left of what carried it.
//!
//! `cargo test --test it begin` kills a few runs at the calls that matter; `STACK_KILLS=every` at every call of the apply, before it
//! is made and after.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::kinds::{lets_in, secrets};
use crate::support::proxy::{Call, counts};
use crate::support::run::Output;
use crate::support::subject::{Subject, mutating, run_and_kill_when};

/// The environment `default`, and one that is like it and begins with its data.
const STACK: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
keys: { main: {} }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, deletion_protection: false }
environments:
  clone: { databases: { main: { begin: { database: shop } } } }
"#;
const BEGIN: &str = "{ database: shop }";
const SERVICES: &str = "services: { web: { image: \"nginx:1.27\", port: 80, public: true, uses: [databases.main] } }\n";
const APPLY: &[&str] = &["apply", "s.yaml", "--env", "clone", "--yes"];
const DESTROY: &[&str] = &["destroy", "s.yaml", "--env", "clone", "--yes", "--confirm", "shop/clone", "--no-final-snapshot", "*"];
const NONE: &[String] = &[];

/// A stack whose first environment serves and has data.
fn with_data(text: &str) -> Subject {
    let s = Subject::new(text);
    s.apply();
    assert_eq!(data(&s, "shop", Some("42 orders")), "42 orders");
    s
}

/// What a database holds, after that was said.
fn data(s: &Subject, database: &str, said: Option<&str>) -> Value {
    s.account.data("us-east-1", database, said)
}

fn database(s: &Subject, id: &str) -> Value {
    let script = r#"
result = client("rds").describe_db_instances(DBInstanceIdentifier=args)["DBInstances"][0]
result.pop("LatestRestorableTime", None)
"#;
    s.account.boto3(script, &json!(id))
}

fn tag(database: &Value, key: &str) -> Option<String> {
    let tags = database["TagList"].as_array().unwrap();
    tags.iter().find(|tag| tag["Key"] == key).map(|tag| tag["Value"].as_str().unwrap().to_owned())
}

/// The snapshots that somebody took, or all that AWS took of a database by itself.
fn snapshots_of(s: &Subject, kind: &str) -> Vec<String> {
    let script = r#"result = sorted(x["DBSnapshotIdentifier"] for x in client("rds").describe_db_snapshots(SnapshotType=args)["DBSnapshots"])"#;
    serde_json::from_value(s.account.boto3(script, &json!(kind))).unwrap()
}

fn snapshots(s: &Subject) -> Vec<String> {
    snapshots_of(s, "manual")
}

/// Takes a snapshot of a database, with tags that are not the stack's; its ARN.
fn take(s: &Subject, database: &str, name: &str) -> String {
    let script = r#"
rds = client("rds")
result = rds.create_db_snapshot(DBInstanceIdentifier=args[0], DBSnapshotIdentifier=args[1], Tags=[{"Key": "whose", "Value": "mine"}])["DBSnapshot"]["DBSnapshotArn"]
while rds.describe_db_snapshots(DBSnapshotIdentifier=args[1])["DBSnapshots"][0]["Status"] != "available": pass
while rds.describe_db_instances(DBInstanceIdentifier=args[0])["DBInstances"][0]["DBInstanceStatus"] != "available": pass
"#;
    s.account.boto3(script, &json!([database, name])).as_str().unwrap().to_owned()
}

/// The ARN of the secret with the password of the database `main` of an environment.
fn secret(s: &Subject, env: &str) -> String {
    let name = json!(format!("stack/shop/{env}/main"));
    let all = secrets(s);
    all.iter().find(|secret| secret["Name"] == name).unwrap()["ARN"].as_str().unwrap().to_owned()
}

/// What the plan of the clone says: action and key, sorted.
#[track_caller]
fn changes(s: &Subject, more: &[&str]) -> Vec<String> {
    let plan = s.place.stack(&[&["plan", "s.yaml", "--env", "clone", "--json"], more].concat()).ok().json();
    let said = |c: &Value| format!("{} {}", c["action"].as_str().unwrap(), c["key"].as_str().unwrap());
    let mut out: Vec<String> = plan["changes"].as_array().unwrap().iter().map(said).collect();
    out.sort();
    out
}

fn clone(s: &Subject) -> Output {
    s.place.stack(APPLY)
}

/// The clone is complete: data, a key and a password of its own, its own tags, and nothing left of what carried the data.
#[track_caller]
fn is_complete(s: &Subject, id: &str) {
    assert_eq!(changes(s, &[]), NONE);
    assert_eq!(changes(s, &["--exact"]), NONE);
    let (now, source) = (database(s, id), database(s, "shop"));
    assert_eq!(data(s, id, None), "42 orders");
    assert_ne!(now["KmsKeyId"], source["KmsKeyId"]);
    assert_eq!((tag(&now, "stack:env").as_deref(), tag(&source, "stack:env").as_deref()), (Some("clone"), Some("default")));
    let (own, theirs) = (secret(s, "clone"), secret(s, "default"));
    assert!(lets_in(s, id, &own) && !lets_in(s, id, &theirs), "the password is the clone's own");
    assert!(lets_in(s, "shop", &theirs) && !lets_in(s, "shop", &own));
    assert_eq!(snapshots(s), NONE);
}

#[test]
fn a_clone_begins_with_the_data_of_another() {
    let s = with_data(&format!("{STACK}{SERVICES}"));
    let before = database(&s, "shop");
    s.proxy.take();
    clone(&s).ok();
    let calls = s.proxy.take();
    let counted = counts(&calls);
    let of = |name: &str| counted.get(name).copied().unwrap_or_default();
    assert_eq!(
        ["CreateDBSnapshot", "CopyDBSnapshot", "RestoreDBInstanceFromDBSnapshot", "DeleteDBSnapshot", "CreateDBInstance"]
            .map(|name| of(&format!("rds:{name}"))),
        [1, 1, 1, 2, 0]
    );
    // Nobody works with it before it has its own password.
    let at = |name: &str| calls.iter().position(|call| call.name() == name).unwrap_or_else(|| panic!("no {name}"));
    assert!(at("rds:ModifyDBInstance") < at("ecs:CreateService"), "{counted:#?}");
    is_complete(&s, "shop-clone");
    assert_eq!(database(&s, "shop"), before, "the source stays as it was");

    // An exact reading asks once for what could be left over, one by the index never.
    for (more, asked) in [(&[][..], 0), (&["--exact"][..], 1)] {
        s.proxy.take();
        assert_eq!(changes(&s, more), NONE);
        assert_eq!(counts(&s.proxy.take()).get("rds:DescribeDBSnapshots").copied().unwrap_or_default(), asked, "{more:?}");
    }
    // How it began counts when it is created, and never after.
    for other in ["{ snapshot: nothing-like-this }", "{ database: nor-this }", "null"] {
        s.place.file("s.yaml", &format!("{STACK}{SERVICES}").replace(BEGIN, other));
        assert_eq!(changes(&s, &[]), NONE, "{other}");
        s.proxy.take();
        clone(&s).ok();
        assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new(), "{other}");
    }
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "clone"), json!({}));
    assert_eq!(database(&s, "shop"), before);
}

#[test]
fn a_clone_begins_with_a_named_snapshot() {
    let unkeyed = STACK.replace("keys: { main: {} }\n", "");
    let s = with_data(&unkeyed);
    let arn = take(&s, "shop", "mine");
    let look = |s: &Subject| {
        s.account
            .boto3(r#"result = client("rds").describe_db_snapshots(DBSnapshotIdentifier="mine")["DBSnapshots"]"#, &Value::Null)
    };
    let mine = look(&s);
    let used = |s: &Subject| {
        let counted = counts(&s.proxy.take());
        ["CreateDBSnapshot", "CopyDBSnapshot", "RestoreDBInstanceFromDBSnapshot", "DeleteDBSnapshot"]
            .map(|name| counted.get(&format!("rds:{name}")).copied().unwrap_or_default())
    };
    // Both with AWS's own key: nothing is to be encrypted anew.
    s.place.file("s.yaml", &unkeyed.replace(BEGIN, "{ snapshot: mine }"));
    s.proxy.take();
    clone(&s).ok();
    assert_eq!(used(&s), [0, 0, 1, 0]);
    assert_eq!((changes(&s, &[]), snapshots(&s)), (NONE.to_vec(), vec!["mine".to_owned()]));
    assert_eq!((data(&s, "shop-clone", None), look(&s)), (json!("42 orders"), mine.clone()));
    assert!(lets_in(&s, "shop-clone", &secret(&s, "clone")) && !lets_in(&s, "shop-clone", &secret(&s, "default")));
    assert_eq!(tag(&database(&s, "shop-clone"), "whose"), None);
    s.place.stack(DESTROY).ok();

    // One that AWS took by itself.
    let automated = snapshots_of(&s, "automated");
    let automated = automated.iter().find(|name| name.starts_with("rds:shop-2")).unwrap();
    s.place.file("s.yaml", &unkeyed.replace(BEGIN, &format!("{{ snapshot: \"{automated}\" }}")));
    s.proxy.take();
    clone(&s).ok();
    assert_eq!((used(&s), changes(&s, &[]), snapshots(&s)), ([0, 0, 1, 0], NONE.to_vec(), vec!["mine".to_owned()]));
    assert!(lets_in(&s, "shop-clone", &secret(&s, "clone")) && !lets_in(&s, "shop-clone", &secret(&s, "default")));
    s.place.stack(DESTROY).ok();

    // By its ARN, with a key of the clone's own, more storage, the next version, and a password that RDS keeps.
    let other = unkeyed
        .replace("\ndatabases:", "\nkeys: { main: {} }\ndatabases:")
        .replace(BEGIN, &format!("{{ snapshot: \"{arn}\" }}, version: \"17\", storage: 21GiB, password: {{ rotate: 30d }}"));
    s.place.file("s.yaml", &other);
    clone(&s).ok();
    assert_eq!(used(&s), [0, 1, 1, 1]);
    assert_eq!((changes(&s, &[]), snapshots(&s)), (NONE.to_vec(), vec!["mine".to_owned()]));
    let now = database(&s, "shop-clone");
    assert_eq!((&now["AllocatedStorage"], now["EngineVersion"].as_str().unwrap().split('.').next()), (&json!(21), Some("17")));
    assert_ne!(now["KmsKeyId"], database(&s, "shop")["KmsKeyId"]);
    assert!(lets_in(&s, "shop-clone", now["MasterUserSecret"]["SecretArn"].as_str().unwrap()));
    assert!(!lets_in(&s, "shop-clone", &secret(&s, "default")));
    assert_eq!((data(&s, "shop-clone", None), look(&s)), (json!("42 orders"), mine));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "clone"), json!({}));
}

/// Before anything is created, and in words that say what to write.
#[test]
fn data_of_another_kind_is_refused_beforehand() {
    let s = with_data(STACK);
    take(&s, "shop", "mine");
    let begin = format!("begin: {BEGIN}");
    for (with, said) in [
        ("begin: { database: none }", "the database `none` that it is to begin with does not exist"),
        ("begin: { snapshot: none }", "the snapshot `none` that it is to begin with does not exist"),
        (
            "begin: { snapshot: \"arn:aws:rds:us-east-1:111122223333:snapshot:theirs\" }",
            "the snapshot `arn:aws:rds:us-east-1:111122223333:snapshot:theirs` that it is to begin with does not exist",
        ),
        ("begin: { snapshot: mine }, user: boss", "the snapshot `mine` has the `user` `app`, and the file says `boss`"),
        ("begin: { snapshot: mine }, database: till", "has the `database` `shop`, and the file says `till`"),
        ("begin: { database: shop }, engine: mysql, version: \"8.4\"", "has the `engine` `postgres`, and the file says `mysql`"),
        ("begin: { database: shop }, version: \"15\"", "the database `shop` does not fit: `engine_version`: it is 16."),
    ] {
        s.place.file("s.yaml", &STACK.replace(&begin, with));
        s.proxy.take();
        let refused = clone(&s).exits(4);
        assert!(refused.words().contains(said), "{said}: {}", refused.stderr);
        assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new(), "{with}");
    }
    // What it grew to by itself it may keep, where the file lets it grow.
    let grow = r#"
rds = client("rds")
rds.modify_db_instance(DBInstanceIdentifier="shop", AllocatedStorage=40, ApplyImmediately=True)
look = lambda: rds.describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"][0]
while (now := look())["DBInstanceStatus"] != "available" or now["PendingModifiedValues"]: pass
"#;
    s.account.boto3(grow, &Value::Null);
    s.place.file("s.yaml", STACK);
    let refused = clone(&s).exits(4);
    assert!(refused.words().contains("`storage`: it is 40 and cannot shrink to 20"), "{}", refused.stderr);
    s.place.file("s.yaml", &STACK.replace(&begin, &format!("{begin}, max_storage: 50GiB")));
    clone(&s).ok();
    assert_eq!(database(&s, "shop-clone")["AllocatedStorage"], 40);
    assert_eq!((changes(&s, &[]), snapshots(&s)), (NONE.to_vec(), vec!["mine".to_owned()]));
}

/// A snapshot of a database that is gone does not say what is in it: that is seen when it is restored, and told.
#[test]
fn a_database_name_that_nobody_knew_is_told() {
    let s = Subject::new(&STACK.replace(BEGIN, "{ snapshot: kept }"));
    let script = r#"
rds = client("rds")
client("iam").create_service_linked_role(AWSServiceName="rds.amazonaws.com")
rds.create_db_instance(DBInstanceIdentifier="old", Engine="postgres", EngineVersion="16.8", DBName="till", DBInstanceClass="db.t4g.micro", AllocatedStorage=20, MasterUsername="app", MasterUserPassword="p4ssw0rd-1")
rds.create_db_snapshot(DBInstanceIdentifier="old", DBSnapshotIdentifier="kept")
rds.delete_db_instance(DBInstanceIdentifier="old", SkipFinalSnapshot=True)
"#;
    s.account.boto3(script, &Value::Null);
    let failed = clone(&s).exits(3);
    for said in [
        "whether the snapshot `kept` has the database `shop` cannot be checked",
        "its `database` is `till`, as in the data that it began with, and not `shop`",
        "write `database: till` in the file, and run the command again",
    ] {
        assert!(failed.words().contains(said), "{said}: {}", failed.stderr);
    }
    // With the file as it is, it would be another database: only with consent.
    let refused = clone(&s).exits(4);
    assert!(refused.stderr.contains("--allow-replace rds.instance/main"), "{}", refused.stderr);
    s.write("{ snapshot: kept }", "{ snapshot: kept }, database: till");
    clone(&s).ok();
    assert_eq!((changes(&s, &["--exact"]), snapshots(&s)), (NONE.to_vec(), vec!["kept".to_owned()]));
    let now = database(&s, "shop-clone");
    assert_eq!((&now["DBName"], &now["StorageEncrypted"]), (&json!("till"), &json!(true)));
    assert!(lets_in(&s, "shop-clone", &secret(&s, "clone")));
}

/// Kills the apply of the clone at a call; then it is simply run again.
#[track_caller]
fn survives(s: &Subject, reaches: bool, is_it: impl Fn(&Call) -> bool + Send + Sync + 'static) -> bool {
    let killed = run_and_kill_when(s, APPLY, reaches, is_it);
    clone(s).ok();
    is_complete(s, "shop-clone");
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "clone"), json!({}));
    killed
}

#[test]
fn a_clone_that_is_killed_is_simply_run_again() {
    let s = with_data(STACK);
    if std::env::var("STACK_KILLS").is_ok_and(|wanted| wanted == "every") {
        s.proxy.take();
        clone(&s).ok();
        let all = s.proxy.take().len();
        s.place.stack(DESTROY).ok();
        for (at, reaches) in (0..all).flat_map(|at| [(at, false), (at, true)]) {
            let count = AtomicUsize::new(0);
            let killed = survives(&s, reaches, move |_| count.fetch_add(1, Ordering::SeqCst) == at);
            println!("call {at} of {all}, reaches: {reaches}, killed: {killed}");
        }
        return;
    }
    for victim in [
        "CreateDBSnapshot",
        "CopyDBSnapshot",
        "RestoreDBInstanceFromDBSnapshot",
        "ModifyDBInstance",
        "AddTagsToResource",
        "DeleteDBSnapshot",
    ] {
        for reaches in [false, true] {
            let killed = survives(&s, reaches, move |call| call.service == "rds" && call.operation == victim);
            assert!(killed, "{victim}, reaches: {reaches}");
        }
    }
}

/// Between its restore and its own password it lets in whoever knew that of the original: the next run knows.
#[test]
fn a_clone_with_its_snapshots_password_is_unfinished() {
    for (password, secret_of) in [("{ rotate: never }", "clone"), ("{ rotate: 30d }", "RDS")] {
        let text = STACK.replace(BEGIN, &format!("{BEGIN}, password: {password}"));
        let s = with_data(&text);
        let theirs = secret(&s, "default");
        assert!(run_and_kill_when(&s, APPLY, false, |call| call.operation == "ModifyDBInstance"));
        assert!(lets_in(&s, "shop-clone", &theirs), "what is to be shown");
        let planned = changes(&s, &[]);
        for change in ["update rds.instance/main", "delete rds.snapshot/main-begins", "delete rds.snapshot/main-begins-encrypted"]
        {
            assert!(planned.iter().any(|planned| planned == change), "{change}: {planned:?}");
        }
        s.proxy.take();
        clone(&s).ok();
        let calls = s.proxy.take();
        let counted = counts(&calls);
        assert_eq!((counted.get("rds:CreateDBSnapshot"), counted.get("rds:CopyDBSnapshot")), (None, None), "{counted:#?}");
        // What carried the data goes when everything else is done.
        let last = |name: &str| calls.iter().rposition(|call| call.name() == name).unwrap();
        let first = |name: &str| calls.iter().position(|call| call.name() == name).unwrap();
        assert!(last("rds:ModifyDBInstance") < first("rds:DeleteDBSnapshot"), "{counted:#?}");
        assert!(!lets_in(&s, "shop-clone", &theirs));
        let own = match secret_of {
            "RDS" => database(&s, "shop-clone")["MasterUserSecret"]["SecretArn"].as_str().unwrap().to_owned(),
            _ => secret(&s, "clone"),
        };
        assert!(lets_in(&s, "shop-clone", &own));
        assert_eq!((changes(&s, &[]), snapshots(&s)), (NONE.to_vec(), NONE.to_vec()));
    }
}

/// A killed run that is not continued leaves nothing: with the file, and when the environment is given up.
#[test]
fn a_clone_that_is_given_up_leaves_no_snapshot() {
    let s = with_data(STACK);
    let killed = || {
        assert!(run_and_kill_when(&s, APPLY, true, |call| call.operation == "CopyDBSnapshot"));
        assert_eq!(snapshots(&s), ["shop-clone-main-begins", "shop-clone-main-begins-encrypted"]);
    };
    killed();
    s.place.stack(DESTROY).ok();
    assert_eq!((s.account.inventory("shop", "clone"), snapshots(&s)), (json!({}), NONE.to_vec()));

    // Begun with one thing and then with another: what was copied first is not used.
    killed();
    data(&s, "shop", Some("43 orders"));
    take(&s, "shop", "mine");
    s.place.file("s.yaml", &STACK.replace(BEGIN, "{ snapshot: mine }"));
    clone(&s).ok();
    assert_eq!((changes(&s, &[]), snapshots(&s)), (NONE.to_vec(), vec!["mine".to_owned()]));
    assert_eq!(data(&s, "shop-clone", None), "43 orders");
    s.place.stack(DESTROY).ok();

    // Begun empty instead: a copy needs no consent to go.
    s.place.file("s.yaml", STACK);
    assert!(run_and_kill_when(&s, APPLY, true, |call| call.operation == "CopyDBSnapshot"));
    s.place.file("s.yaml", &STACK.replace(BEGIN, "null"));
    clone(&s).ok();
    assert_eq!((changes(&s, &[]), snapshots(&s)), (NONE.to_vec(), vec!["mine".to_owned()]));
    assert_eq!(data(&s, "shop-clone", None), Value::Null);
}

#[test]
fn copies_that_fail_or_are_anothers_are_not_used() {
    let s = with_data(STACK);
    s.account.will(json!({ "rds.snapshot": "failed" }));
    let failed = clone(&s).exits(3);
    assert!(failed.words().contains("the snapshot of shop failed and was deleted"), "{}", failed.stderr);
    assert!(!failed.stderr.contains("--without-data"), "{}", failed.stderr);
    assert_eq!(snapshots(&s), NONE);

    take(&s, "shop", "shop-clone-main-begins");
    let failed = clone(&s).exits(3);
    assert!(failed.words().contains("`shop-clone-main-begins` exists and is not this stack's"), "{}", failed.stderr);
    assert_eq!(snapshots(&s), ["shop-clone-main-begins"]);
    s.account.boto3(r#"client("rds").delete_db_snapshot(DBSnapshotIdentifier="shop-clone-main-begins")"#, &Value::Null);

    // What AWS fails to create never had data: its replacement begins with it.
    s.account.will(json!({ "rds.instance": "failed" }));
    clone(&s).exits(3);
    clone(&s).ok();
    is_complete(&s, "shop-clone-2");
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "clone"), json!({}));
}
