//! `recovery`: backups in a second region, what they are worth, and a stack that is brought up there when its own region is gone.

use serde_json::{Value, json};

use crate::support::kinds::kinds;
use crate::support::proxy::Fault;
use crate::support::run::{Output, words};
use crate::support::subject::{APPLY, DESTROY, Subject, behind, run_and_kill_when};

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
databases:
  main: { engine: postgres, version: "16", storage: 20GiB, deletion_protection: false, replicas: { reader: {} } }
recovery: { region: eu-central-1, rpo: 15m, rto: 2h }
"#;

/// A stack that serves, away from the region that has what no region has.
const SERVING: &str = r#"
stack: shop
region: eu-west-1
network: { zones: [eu-west-1a, eu-west-1b], nat: none }
services:
  web: { image: "nginx:1.27", port: 80, public: true, count: 1, routes: ["/*"], uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", storage: 20GiB, deletion_protection: false }
resources: { s3.bucket: { uploads: {} } }
recovery: { region: eu-central-1, rpo: 15m, rto: 2h }
"#;
const HOME: &str = "eu-west-1";
const AWAY: &str = "eu-central-1";
const FAILOVER: &[&str] = &["failover", "s.yaml", "--to", AWAY, "--yes"];
const AGREED: [&str; 2] = ["--allow-upgrade", "rds.instance/main"];
const EMPTIED: &[&str] = &["--yes", "--confirm", "shop/default", "--no-final-snapshot", "*"];

/// The backups that a region has of databases of another one.
fn backups(s: &Subject, region: &str) -> Vec<Value> {
    let script = r#"
result = []
for one in client("rds", args).describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]:
    if one.get("Region") not in (None, args):
        tags = {tag["Key"]: tag["Value"] for tag in one["TagList"]}
        result.append([one["DBInstanceIdentifier"], one["Status"], one["BackupRetentionPeriod"], one["Encrypted"], tags.get("stack:key")])
"#;
    s.account.boto3(script, &json!(region)).as_array().unwrap().clone()
}

/// Has the backups of the database `shop` be late since a time, or from now on.
fn late(s: &Subject, region: &str, since: &str) {
    s.account.say(json!({"region": region, "rds.backups": {"shop": since}}));
}

/// What a database holds, after that was said.
fn data(s: &Subject, region: &str, database: &str, said: Option<&str>) -> Value {
    let script = r#"
import json, os, urllib.request
request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_stack/data", data=json.dumps(args).encode(), method="POST")
result = json.load(urllib.request.urlopen(request))["data"]
"#;
    s.account.boto3(script, &json!({"account": s.account.id, "region": region, "database": database, "data": said}))
}

/// The databases of a region: identifier and status, and the tasks of its service that run.
fn up(s: &Subject, region: &str) -> Value {
    let script = r#"
rds, ecs = client("rds", args), client("ecs", args)
clusters = [arn for arn in ecs.list_clusters()["clusterArns"]]
services = {arn.split("/")[-1]: ecs.describe_services(cluster=cluster, services=[arn])["services"][0]["runningCount"]
            for cluster in clusters for arn in ecs.list_services(cluster=cluster)["serviceArns"]}
result = {"databases": {d["DBInstanceIdentifier"]: d["DBInstanceStatus"] for d in rds.describe_db_instances()["DBInstances"]}, "services": services}
"#;
    s.account.boto3(script, &json!(region))
}

fn failover(s: &Subject, more: &[&str]) -> Output {
    s.place.stack(&[FAILOVER, more].concat())
}

fn check(s: &Subject) -> Output {
    s.place.stack(&["recovery", "check", "s.yaml"])
}

/// What it said, on one line.
fn said(output: &Output) -> String {
    words(&format!("{} {}", output.stdout, output.stderr))
}

/// Nothing answers for a region any more.
fn fails(s: &Subject, region: &'static str) {
    s.proxy.on_call(move |call| if call.region == region { Fault::DropBefore } else { Fault::Pass });
}

/// Calls that were signed for a region since the last time.
fn asked(s: &Subject, region: &str) -> Vec<String> {
    s.proxy.take().iter().filter(|call| call.region == region).map(|call| call.name()).collect()
}

#[test]
fn backups_of_databases_are_replicated() {
    let s = Subject::new(FILE);
    s.apply();
    s.assert_in_step();
    // Those of the database, and not of its replica.
    let made = json!([["shop", "replicating", 7, true, "rds.backup_replication/main-eu-central-1"]]);
    assert_eq!(json!(backups(&s, AWAY)), made);

    // Stopped by someone: it is started again, with what was kept.
    let stop = r#"
arn = client("rds").describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"][0]["DBInstanceArn"]
client("rds", "eu-central-1").stop_db_instance_automated_backups_replication(SourceDBInstanceArn=arn)
"#;
    behind(&s, stop, &["create rds.backup_replication/main-eu-central-1"]);
    assert_eq!(json!(backups(&s, AWAY)), made);

    // Made by someone: it is used as it is.
    let untagged = r#"
rds = client("rds", "eu-central-1")
[arn] = [b["DBInstanceAutomatedBackupsArn"] for b in rds.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"] if "DBInstanceAutomatedBackupsArn" in b]
rds.remove_tags_from_resource(ResourceName=arn, TagKeys=[t["Key"] for t in rds.list_tags_for_resource(ResourceName=arn)["TagList"]])
"#;
    behind(&s, untagged, &["update rds.backup_replication/main-eu-central-1"]);
    assert_eq!(json!(backups(&s, AWAY)), made);

    // Another time is another replication, which begins with everything: that needs consent.
    s.write("rto: 2h", "rto: 2h, keep: 14d");
    assert_eq!(s.changes(), ["replace rds.backup_replication/main-eu-central-1"]);
    let refused = said(&s.place.stack(APPLY).exits(4));
    assert!(refused.contains("--allow-replace rds.backup_replication/main-eu-central-1"), "{refused}");
    s.place.stack(&[APPLY, &["--allow-replace", "rds.backup_replication/main-eu-central-1"]].concat()).ok();
    s.assert_in_step();
    assert_eq!(backups(&s, AWAY)[0][2], 14);

    // So does its end, and what was copied stays for its time.
    s.write("recovery: {", "# recovery: {");
    assert_eq!(s.changes(), ["delete rds.backup_replication/main-eu-central-1"]);
    let refused = said(&s.place.stack(APPLY).exits(4));
    assert!(refused.contains("no newer backups in eu-central-1") && refused.contains("for 14 days at most"), "{refused}");
    s.place.stack(&[APPLY, &["--allow-delete", "rds.backup_replication/main-eu-central-1"]].concat()).ok();
    s.assert_in_step();
    assert_eq!(backups(&s, AWAY)[0][1], "retained");

    s.write("# recovery: {", "recovery: {");
    s.apply();
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
    assert_eq!(backups(&s, AWAY)[0][1], "retained");
}

#[test]
fn another_key_is_refused_with_what_helps() {
    let s = Subject::new(FILE);
    let key = r#"result = client("kms", "eu-central-1").create_key()["KeyMetadata"]["Arn"]"#;
    let [first, second] = [(); 2].map(|()| s.account.boto3(key, &Value::Null).as_str().unwrap().to_owned());
    s.write("rto: 2h", &format!("rto: 2h, key: {first}"));
    s.apply();
    s.assert_in_step();
    s.write(&first, &second);
    let agreed = [APPLY, &["--allow-replace", "rds.backup_replication/main-eu-central-1"]].concat();
    let refused = said(&s.place.stack(&agreed).exits(4));
    assert!(refused.contains("AWS keeps no backups with another key beside those that are in eu-central-1"), "{refused}");
    assert_eq!(backups(&s, AWAY)[0][1], "replicating");
    // Ended by someone meanwhile, the backups with the former key are in the way until they are deleted.
    let stop = r#"
arn = client("rds").describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"][0]["DBInstanceArn"]
client("rds", "eu-central-1").stop_db_instance_automated_backups_replication(SourceDBInstanceArn=arn)
"#;
    s.account.boto3(stop, &Value::Null);
    let failed = said(&s.place.stack(APPLY).exits(1));
    assert!(failed.contains("aws rds delete-db-instance-automated-backup --region eu-central-1"), "{failed}");
    let delete = r#"
rds = client("rds", "eu-central-1")
for one in rds.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]:
    rds.delete_db_instance_automated_backup(DBInstanceAutomatedBackupsArn=one["DBInstanceAutomatedBackupsArn"])
"#;
    s.account.boto3(delete, &Value::Null);
    s.apply();
    s.assert_in_step();
    let keys = r#"result = [b["KmsKeyId"] for b in client("rds", "eu-central-1").describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]]"#;
    assert_eq!(s.account.boto3(keys, &Value::Null), json!([second]));
}

#[test]
fn regions_without_replication_are_told_before() {
    let s = Subject::new(&FILE.replace("eu-central-1", "af-south-1"));
    let refused = said(&s.place.stack(APPLY).exits(4));
    assert!(refused.contains("does not replicate automated backups from us-east-1 into af-south-1"), "{refused}");
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn check_measures_what_can_be_known() {
    let s = Subject::new(SERVING);
    let nothing = check(&s).exits(2);
    assert!(said(&nothing).contains("it has no backups in eu-central-1"), "{}", nothing.stdout);
    s.apply();
    let fresh = check(&s).ok();
    assert!(said(&fresh).contains("not known until it is rehearsed"), "{}", fresh.stdout);
    assert!(said(&fresh).contains("usually takes about"), "{}", fresh.stdout);
    assert!(said(&fresh).contains("missing there: the objects of `resources.s3.bucket.uploads`"), "{}", fresh.stdout);

    assert_eq!(s.protection(), [("recovery main".to_owned(), "in eu-central-1".to_owned())]);

    late(&s, AWAY, "2026-11-27T10:00:00Z");
    // Nothing is asked of the region that may be gone.
    fails(&s, HOME);
    s.proxy.take();
    let old = check(&s).exits(2);
    assert_eq!(asked(&s, HOME), Vec::<String>::new());
    assert!(said(&old).contains("databases.main 2026-11-27T10:00:00Z"), "{}", old.stdout);
    assert!(said(&old).contains("older than `rpo`, 15m"), "{}", old.stdout);
    let json = s.place.stack(&["recovery", "check", "s.yaml", "--json"]).exits(2).json();
    assert_eq!(
        (&json["holds"], &json["databases"][0]["holds"], &json["rto_holds"]),
        (&json!(false), &json!(false), &Value::Null)
    );
    assert_eq!(json["databases"][0]["latest"], "2026-11-27T10:00:00Z");
}

#[test]
fn a_failover_brings_what_was_copied() {
    let s = Subject::new(SERVING);
    s.apply();
    data(&s, HOME, "shop", Some("41 orders"));
    backups(&s, AWAY);
    late(&s, AWAY, "late");
    data(&s, HOME, "shop", Some("42 orders"));

    fails(&s, HOME);
    s.proxy.take();
    // Elsewhere there is nothing.
    s.place.stack(&["failover", "s.yaml", "--to", "us-west-2", "--yes"]).exits(64);
    // What is lost is told, and needs consent.
    let refused = said(&failover(&s, &[]).exits(4));
    assert!(
        refused.contains("`databases.main` begins as it was at 20") && refused.contains("What was written since is lost."),
        "{refused}"
    );
    assert!(refused.contains("--allow-upgrade rds.instance/main"), "{refused}");
    assert!(refused.contains("Not in eu-central-1: the objects of `resources.s3.bucket.uploads`."), "{refused}");
    assert_eq!(up(&s, AWAY), json!({"databases": {}, "services": {}}));
    let told = said(&failover(&s, &AGREED).ok());
    assert!(told.contains("Write `region: eu-central-1` into `s.yaml`"), "{told}");
    assert_eq!(asked(&s, HOME), Vec::<String>::new(), "nothing is asked of the region that is gone");
    assert_eq!(up(&s, AWAY), json!({"databases": {"shop": "available"}, "services": {"shop-web": 1}}));
    assert_eq!(data(&s, AWAY, "shop", None), "41 orders");
    // Twice is nothing.
    assert!(said(&failover(&s, &[]).ok()).contains("A failover was done"));

    // The file says where it is now. The other region is back, and what is there is not its stack.
    s.proxy.pass();
    s.write("region: eu-west-1", "region: eu-central-1");
    s.write("[eu-west-1a, eu-west-1b]", "[eu-central-1a, eu-central-1b]");
    s.write("recovery: { region: eu-central-1", "recovery: { region: eu-west-1");
    let back = ["failover", "s.yaml", "--to", HOME, "--yes"];
    let refused = said(&s.place.stack(&[&back[..], &AGREED].concat()).exits(4));
    assert!(refused.contains("has databases in eu-west-1 with data of their own"), "{refused}");
    // The way back: what was left there goes, backups are made there, and then it is the same.
    let named = ["destroy", "--stack", "shop", "--region", HOME];
    s.place.stack(&[&named[..], EMPTIED].concat()).ok();
    assert_eq!(s.changes(), ["create rds.backup_replication/main-eu-west-1"]);
    s.apply();
    s.assert_in_step();
    data(&s, AWAY, "shop", Some("50 orders"));
    check(&s).ok();
    s.place.stack(&[&back[..], &AGREED].concat()).ok();
    assert_eq!(data(&s, HOME, "shop", None), "50 orders");
    assert_eq!(up(&s, HOME)["services"], json!({"shop-web": 1}));
    for region in [AWAY, HOME] {
        s.place.stack(&[&["destroy", "--stack", "shop", "--region", region], EMPTIED].concat()).ok();
    }
    for region in [AWAY, HOME] {
        assert_eq!(s.account.inventory_in(region, "shop", "default"), json!({}));
    }
}

/// IAM has no regions: what the first region's stack has there is not the second's to make again, nor to delete.
#[test]
fn people_and_pipelines_stay_with_the_first_region() {
    const PEOPLE: &str = "access:
  users: { ann: [] }
  pipelines: { release: { github: acme/shop, branches: [main], may: [view] } }
  auditor: { principals: [ann] }
  break_glass: { principals: [ann], policies: [ReadOnlyAccess] }
";
    const IDENTITIES: &str = r#"
iam = client("iam")
roles = [role for page in iam.get_paginator("list_roles").paginate(PathPrefix="/stack/") for role in page["Roles"]]
result = {"providers": len(iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]),
          "users": [user["UserName"] for user in iam.list_users()["Users"]],
          "people": sorted(role["Path"].split("/")[-2] for role in roles
                           if any(of in role["RoleName"] for of in ("pipeline", "auditor", "break-glass")))}
"#;
    let s = Subject::new(&format!("{SERVING}{PEOPLE}"));
    s.apply();
    s.assert_in_step();
    let made = s.account.boto3(IDENTITIES, &json!(null));
    assert_eq!(made, json!({"providers": 1, "users": ["ann"], "people": [HOME, HOME, HOME]}));
    backups(&s, AWAY);
    check(&s).ok();
    let told = said(&failover(&s, &AGREED).ok());
    assert!(told.contains("the section `access`, until the file has the new region"), "{told}");
    assert_eq!(s.account.boto3(IDENTITIES, &json!(null)), made);
    s.assert_in_step();

    let destroy = ["destroy", "--stack", "shop", "--region"];
    s.place.stack(&[&destroy[..], &[AWAY], EMPTIED].concat()).ok();
    assert_eq!(s.account.boto3(IDENTITIES, &json!(null)), made);
    s.place.stack(&[&destroy[..], &[HOME], EMPTIED].concat()).ok();
    assert_eq!(s.account.boto3(IDENTITIES, &json!(null)), json!({"providers": 0, "users": [], "people": []}));
}

#[test]
fn a_failover_that_was_killed_is_continued() {
    let s = Subject::new(SERVING);
    s.apply();
    data(&s, HOME, "shop", Some("41 orders"));
    backups(&s, AWAY);
    late(&s, AWAY, "late");
    let command = [FAILOVER, &AGREED].concat();
    for (operation, reaches) in [
        ("CreateVpc", true),
        ("RestoreDBInstanceToPointInTime", false),
        ("RestoreDBInstanceToPointInTime", true),
        ("CreateService", true),
    ] {
        let killed = run_and_kill_when(&s, &command, reaches, move |call| call.operation == operation && call.region == AWAY);
        assert!(killed, "{operation}");
    }
    fails(&s, HOME);
    failover(&s, &AGREED).ok();
    assert_eq!(up(&s, AWAY), json!({"databases": {"shop": "available"}, "services": {"shop-web": 1}}));
    assert_eq!(data(&s, AWAY, "shop", None), "41 orders");
    s.proxy.pass();
    s.place.stack(&[&["destroy", "--stack", "shop", "--region", AWAY], EMPTIED].concat()).ok();
    // What is left is at home: its roles and buckets, and the backups that it has here.
    let left: Vec<String> = kinds(&s.account.inventory_in(AWAY, "shop", "default")).into_keys().collect();
    assert_eq!(left, ["iam.role", "rds.backup-replication", "s3.bucket"]);
}

#[test]
fn a_rehearsal_leaves_figures_and_nothing_else() {
    let s = Subject::new(SERVING);
    s.apply();
    data(&s, HOME, "shop", Some("41 orders"));
    let before = kinds(&s.account.inventory_in(AWAY, "shop", "default"));
    let rehearsed = s.place.stack(&["failover", "s.yaml", "--to", AWAY, "--rehearse", "--yes"]).ok();
    let told = said(&rehearsed);
    assert!(told.contains("lost of databases.main") && told.contains("until everything served"), "{told}");
    let figures = told.split_once("lost of databases.main").map(|(_, figures)| figures).unwrap();
    assert!(figures.contains(" databases ") && figures.contains("without final snapshots"), "{told}");
    assert_eq!(up(&s, AWAY), json!({"databases": {}, "services": {}}));
    assert_eq!(s.account.inventory_in(AWAY, "shop", "rehearsal"), json!({}));
    assert_eq!(kinds(&s.account.inventory_in(AWAY, "shop", "default")), before);
    s.assert_in_step();
    let checked = check(&s).ok();
    assert!(said(&checked).contains("took") && said(&checked).contains("holds."), "{}", checked.stdout);

    // One that is kept has the data, and is told from another environment.
    s.place.stack(&["failover", "s.yaml", "--to", AWAY, "--rehearse", "--keep", "--yes"]).ok();
    assert_eq!(data(&s, AWAY, "shop-rehearsal", None), "41 orders");
    s.place.stack(&["failover", "s.yaml", "--to", AWAY, "--rehearse", "--yes"]).ok();
    assert_eq!(s.account.inventory_in(AWAY, "shop", "rehearsal"), json!({}));
}

#[test]
fn a_rehearsal_works_with_nothing_of_others() {
    let s = Subject::new(SERVING);
    s.apply();
    let rehearse = ["failover", "s.yaml", "--to", AWAY, "--rehearse", "--yes"];
    // A queue of the other region would be read by both.
    let queue = "environment: { QUEUE: \"https://sqs.eu-west-1.amazonaws.com/1/orders\" }, count: 1";
    s.place.file("s.yaml", &SERVING.replace("count: 1", queue));
    let shared = said(&s.place.stack(&rehearse).exits(4));
    assert!(shared.contains("would work with what is in eu-west-1") && shared.contains("environment.QUEUE"), "{shared}");

    // Data that is not harmless yet reaches no service, in whichever run.
    let sanitize = "clone: { sanitize: { service: web, command: [sh, -c, exit 3] } }\nrecovery:";
    s.place.file("s.yaml", &SERVING.replace("recovery:", sanitize));
    for _ in 0..2 {
        let failed = said(&s.place.stack(&rehearse).exits(3));
        assert!(failed.contains("the sanitizer failed with exit code 3"), "{failed}");
        assert_eq!(up(&s, AWAY)["services"], json!({"shop-rehearsal-web": 0}));
    }
    s.place.file("s.yaml", &SERVING.replace("recovery:", &sanitize.replace("exit 3", "exit 0")));
    s.place.stack(&rehearse).ok();
    assert_eq!(s.account.inventory_in(AWAY, "shop", "rehearsal"), json!({}));

    // An environment of that name that no rehearsal made is left alone.
    let other =
        "stack: shop\nregion: eu-central-1\nttl: 1d\nresources: { sqs.queue: { orders: {} } }\nenvironments: { rehearsal: {} }\n";
    s.place.file("other.yaml", other);
    s.place.stack(&["apply", "other.yaml", "--env", "rehearsal", "--yes"]).ok();
    let refused = said(&s.place.stack(&rehearse).exits(4));
    assert!(refused.contains("no rehearsal made it"), "{refused}");
    assert!(s.account.inventory_in(AWAY, "shop", "rehearsal") != json!({}));
}

#[test]
fn a_second_region_that_is_down_holds_up_nothing() {
    let s = Subject::new(FILE);
    s.apply();
    fails(&s, AWAY);
    // Without the section, which would have it started again, everything else is as ever.
    s.write("recovery: {", "logs: { retention: 7d }\n# recovery: {");
    s.place.stack(APPLY).ok();
    let days = r#"result = sorted({g["retentionInDays"] for g in client("logs").describe_log_groups()["logGroups"]})"#;
    assert_eq!(s.account.boto3(days, &Value::Null), json!([7]));
    s.proxy.pass();
    s.write("# recovery: {", "recovery: {");
    s.assert_in_step();
}
