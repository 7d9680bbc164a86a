//! `backup`: what AWS Backup keeps of a stack, in the stack's region and in others, and that nothing of it is lost quietly.

use serde_json::{Value, json};

use crate::support::run::{Output, words};
use crate::support::subject::{APPLY, DESTROY, Subject, behind, edit};

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
backup: { keep: 35d }
databases:
  main:
    engine: postgres
    version: "16"
    deletion_protection: false
    replicas: { reader: {} }
  books: { engine: mysql, version: "8.4", deletion_protection: false }
resources:
  s3.bucket: { files: { versioning: true }, scratch: {} }
"#;

/// Without anything to back up, which takes no time.
const BARE: &str = "stack: shop\nregion: us-east-1\nbackup: { keep: 35d }\n";

/// What another client sees in a region: the vaults, and the plans with their selections.
const SEEN: &str = r#"
backup = client("backup", args)
result = {"vaults": {}, "plans": {}}
for vault in backup.list_backup_vaults()["BackupVaultList"]:
    tags = backup.list_tags(ResourceArn=vault["BackupVaultArn"])["Tags"]
    result["vaults"][vault["BackupVaultName"]] = vault | {"key": tags.get("stack:key"), "home": tags.get("stack:home")}
for plan in backup.list_backup_plans()["BackupPlansList"]:
    id = plan["BackupPlanId"]
    selections = [backup.get_backup_selection(BackupPlanId=id, SelectionId=one["SelectionId"])["BackupSelection"]
                  for one in backup.list_backup_selections(BackupPlanId=id)["BackupSelectionsList"]]
    result["plans"][plan["BackupPlanName"]] = backup.get_backup_plan(BackupPlanId=id)["BackupPlan"] | {"selections": selections}
"#;

/// Backs up the database `main` into a vault.
const BACK_UP: &str = r#"
import time
backup = client("backup")
arn = client("rds").describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"][0]["DBInstanceArn"]
role = next(one["Arn"] for one in client("iam").list_roles()["Roles"] if one["RoleName"].startswith("shop-backup"))
job = backup.start_backup_job(BackupVaultName="shop-backup", ResourceArn=arn, IamRoleArn=role, Lifecycle={"DeleteAfterDays": 35})
for _ in range(100):
    state = backup.describe_backup_job(BackupJobId=job["BackupJobId"])["State"]
    if state == "COMPLETED":
        break
    time.sleep(0.1)
result = state
"#;

const POINTS: &str = r#"
backup = client("backup")
names = [vault["BackupVaultName"] for vault in backup.list_backup_vaults()["BackupVaultList"]]
result = {name: len(backup.list_recovery_points_by_backup_vault(BackupVaultName=name)["RecoveryPoints"]) for name in names}
"#;

fn seen(s: &Subject, region: &str) -> Value {
    s.account.boto3(SEEN, &json!(region))
}

fn file(section: &str) -> String {
    BARE.replace("{ keep: 35d }", section)
}

/// What it said, on one line.
fn said(output: &Output) -> String {
    words(&format!("{} {}", output.stdout, output.stderr))
}

/// Whether nothing of the stack is left, and nothing in its other region.
fn assert_nothing_left(s: &Subject) {
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn databases_and_buckets_are_backed_up() {
    let s = Subject::new(FILE);
    s.apply();
    s.assert_in_step();
    let found = seen(&s, "us-east-1");
    assert_eq!(found["vaults"].as_object().unwrap().len(), 1, "{found}");
    let vault = &found["vaults"]["shop-backup"];
    assert_eq!((&vault["key"], &vault["Locked"]), (&json!("backup.vault/backup"), &json!(false)));
    let plan = &found["plans"]["shop-backup"];
    let rule = &plan["Rules"][0];
    assert_eq!(plan["Rules"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&rule["TargetBackupVaultName"], &rule["ScheduleExpression"]),
        (&json!("shop-backup"), &json!("cron(0 5 ? * * *)"))
    );
    assert_eq!(rule["Lifecycle"]["DeleteAfterDays"], 35);
    let selection = &plan["selections"][0];
    assert_eq!(selection["Resources"], json!(["arn:aws:rds:*:*:db:*"]));
    let condition = |name: &str, value: &str| json!({"ConditionKey": format!("aws:ResourceTag/{name}"), "ConditionValue": value});
    let equals = json!([condition("stack:name", "shop"), condition("stack:env", "default")]);
    assert_eq!(selection["Conditions"]["StringEquals"], equals);
    // A replica has what its database has.
    let differs = json!([condition("stack:key", "rds.instance/main-reader")]);
    assert_eq!(selection["Conditions"]["StringNotEquals"], differs);

    // Only the plan changes with the time, and only the selection and what it may do with what is backed up.
    edit(&s, "keep: 35d", "keep: 40d", &["update backup.plan/backup"]);
    assert_eq!(seen(&s, "us-east-1")["plans"]["shop-backup"]["Rules"][0]["Lifecycle"]["DeleteAfterDays"], 40);
    edit(&s, "keep: 40d", "keep: 40d, schedule: weekly", &["update backup.plan/backup"]);
    assert_eq!(seen(&s, "us-east-1")["plans"]["shop-backup"]["Rules"][0]["ScheduleExpression"], "cron(0 5 ? * 1 *)");
    let more = "schedule: weekly, include: [databases, buckets]";
    edit(&s, "schedule: weekly", more, &["replace backup.selection/backup", "update iam.role/backup"]);
    let selections = seen(&s, "us-east-1")["plans"]["shop-backup"]["selections"].clone();
    assert_eq!(selections.as_array().unwrap().len(), 1, "the former one is gone");
    let bucket = format!("arn:aws:s3:::shop-files-{}-us-east-1", s.account.id);
    assert_eq!(selections[0]["Resources"], json!(["arn:aws:rds:*:*:db:*", bucket]));

    // A vault with recovery points goes with consent by its name, and with the points.
    assert_eq!(s.account.boto3(BACK_UP, &Value::Null), "COMPLETED");
    assert_eq!(s.account.boto3(POINTS, &Value::Null), json!({"shop-backup": 1}));
    assert_eq!(s.protection(), [("backup".to_owned(), "1 recovery point".to_owned())]);
    let line = s.place.stack(&["show", "s.yaml"]).ok().stdout;
    assert!(line.contains("PROTECTION") && words(&line).contains("backup 1 recovery point newest "), "{line}");
    s.assert_in_step();
    // A new database begins with it, beside the one that it is of.
    let point = r#"result = client("backup").list_recovery_points_by_backup_vault(BackupVaultName="shop-backup")["RecoveryPoints"][0]["RecoveryPointArn"]"#;
    let arn = s.account.boto3(point, &Value::Null);
    let restored = format!(
        "databases:\n  restored: {{ engine: postgres, version: \"16\", deletion_protection: false, begin: {{ snapshot: \"{}\" }} }}\n",
        arn.as_str().unwrap()
    );
    s.write("databases:\n", &restored);
    s.apply();
    s.assert_in_step();
    let databases =
        r#"result = sorted(one["DBInstanceIdentifier"] for one in client("rds").describe_db_instances()["DBInstances"])"#;
    let all = s.account.boto3(databases, &Value::Null);
    assert_eq!(all, json!(["shop", "shop-books", "shop-main-reader", "shop-restored"]));

    s.write("backup: { keep: 40d, schedule: weekly, include: [databases, buckets] }\n", "");
    let refused = said(&s.place.stack(APPLY).exits(4));
    assert!(refused.contains("with 1 recovery point"), "{refused}");
    assert!(refused.contains("--allow-delete backup.vault/backup"), "{refused}");
    assert_eq!(s.account.boto3(POINTS, &Value::Null), json!({"shop-backup": 1}));
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "backup.vault/backup"]).ok();
    s.assert_in_step();
    assert_eq!(seen(&s, "us-east-1"), json!({"vaults": {}, "plans": {}}));
    s.place.stack(DESTROY).ok();
    assert_nothing_left(&s);
}

#[test]
fn copies_have_a_vault_in_the_other_region() {
    let s = Subject::new(&file("{ keep: 35d, copies: [{ region: eu-central-1, keep: 90d }] }"));
    s.apply();
    s.assert_in_step();
    let there = seen(&s, "eu-central-1");
    let name = "shop-backup-eu-central-1-of-us-east-1";
    assert_eq!(there["vaults"][name]["home"], "us-east-1", "{there}");
    let copies = |s: &Subject| seen(s, "us-east-1")["plans"]["shop-backup"]["Rules"][0]["CopyActions"].clone();
    let arn = there["vaults"][name]["BackupVaultArn"].clone();
    assert_eq!(copies(&s), json!([{"Lifecycle": {"DeleteAfterDays": 90}, "DestinationBackupVaultArn": arn}]));

    // The vault is found where it is when the plan that names it is not there, and by the plan when the tags do not.
    let gone = r#"
backup = client("backup")
plan = backup.list_backup_plans()["BackupPlansList"][0]["BackupPlanId"]
for one in backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"]:
    backup.delete_backup_selection(BackupPlanId=plan, SelectionId=one["SelectionId"])
backup.delete_backup_plan(BackupPlanId=plan)
"#;
    behind(&s, gone, &["create backup.plan/backup", "create backup.selection/backup"]);
    let untagged = r#"
backup = client("backup")
arn = backup.list_backup_vaults()["BackupVaultList"][0]["BackupVaultArn"]
backup.untag_resource(ResourceArn=arn, TagKeyList=["stack:copies"])
"#;
    s.account.boto3(untagged, &Value::Null);
    s.assert_in_step();

    // Another region: a vault there, and the former one goes, as nothing is in it.
    edit(
        &s,
        "region: eu-central-1, keep",
        "region: us-west-2, keep",
        &["create backup.vault/backup-us-west-2", "delete backup.vault/backup-eu-central-1", "update backup.plan/backup"],
    );
    assert_eq!(seen(&s, "eu-central-1")["vaults"], json!({}));
    s.place.stack(DESTROY).ok();
    assert_nothing_left(&s);
    assert_eq!(seen(&s, "us-west-2")["vaults"], json!({}));
}

#[test]
fn the_same_stack_in_two_regions_keeps_its_vaults() {
    let s = Subject::new(&file("{ copies: [{ region: eu-central-1 }] }"));
    s.apply();
    let there = file("{ copies: [{ region: us-east-1 }] }").replace("region: us-east-1\n", "region: eu-central-1\n");
    s.place.file("there.yaml", &there);
    s.place.stack(&["apply", "there.yaml", "--yes"]).ok();
    s.assert_in_step();
    s.place.stack(&["destroy", "there.yaml", "--yes", "--allow-delete", "*"]).ok();
    s.assert_in_step();
    let left = seen(&s, "eu-central-1")["vaults"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(left, ["shop-backup-eu-central-1-of-us-east-1"]);
    s.place.stack(DESTROY).ok();
    assert_nothing_left(&s);
}

#[test]
fn a_lock_can_be_for_ever_only_with_consent() {
    let s = Subject::new(&file("{ lock: { mode: governance, min: 7d, max: 60d } }"));
    s.apply();
    s.assert_in_step();
    let vault = |s: &Subject| seen(s, "us-east-1")["vaults"]["shop-backup"].clone();
    let found = vault(&s);
    assert_eq!((&found["Locked"], &found["MinRetentionDays"], &found["MaxRetentionDays"]), (&json!(true), &json!(7), &json!(60)));
    assert_eq!(found["LockDate"], Value::Null);
    edit(&s, "min: 7d, ", "", &["update backup.vault/backup"]);
    assert_eq!(vault(&s)["MinRetentionDays"], Value::Null);
    edit(&s, "lock: { mode: governance, max: 60d }", "lock: ~", &["update backup.vault/backup"]);
    assert_eq!(vault(&s)["Locked"], false);

    s.write("lock: ~", "lock: { mode: compliance, min: 7d }");
    let refused = said(&s.place.stack(APPLY).exits(4));
    assert!(refused.contains("after 3 days no one, AWS included, can remove or shorten the lock"), "{refused}");
    assert!(refused.contains("--allow-upgrade backup.vault/backup"), "{refused}");
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-upgrade", "backup.vault/backup"]).ok();
    s.assert_in_step();
    assert!(vault(&s)["LockDate"].is_string());
    // In the days of grace there is a way back.
    edit(&s, "{ mode: compliance, min: 7d }", "~", &["update backup.vault/backup"]);
    s.place.stack(DESTROY).ok();
    assert_nothing_left(&s);

    // A new vault is asked about too.
    let s = Subject::new(&file("{ lock: { mode: compliance } }"));
    s.place.stack(APPLY).exits(4);
    assert_nothing_left(&s);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-upgrade", "backup.vault/backup"]).ok();
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
}

#[test]
fn what_a_lock_keeps_is_kept_and_told() {
    let s = Subject::new(&FILE.replace("{ keep: 35d }", "{ lock: { mode: governance, min: 7d } }"));
    s.apply();
    assert_eq!(s.account.boto3(BACK_UP, &Value::Null), "COMPLETED");
    s.write("backup: { lock: { mode: governance, min: 7d } }\n", "");
    let agreed = ["apply", "s.yaml", "--yes", "--allow-delete", "backup.vault/backup"];
    let failed = s.place.stack(&agreed);
    assert_ne!(failed.code, Some(0), "{}", said(&failed));
    assert!(said(&failed).contains("1 recovery point that the lock of the vault keeps"), "{}", said(&failed));
    assert_eq!(s.account.boto3(POINTS, &Value::Null), json!({"shop-backup": 1}));
    // The role by which AWS deletes what expires is there as long as the vault.
    let left = s.account.inventory("shop", "default");
    assert!(left["iam.role"].to_string().contains("shop-backup") && left["backup.vault"].is_object(), "{left}");
    // Once the lock is off, it goes.
    let unlock = r#"client("backup").delete_backup_vault_lock_configuration(BackupVaultName="shop-backup")"#;
    s.account.boto3(unlock, &Value::Null);
    s.place.stack(&agreed).ok();
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
    assert_nothing_left(&s);
}

#[test]
fn drift_of_backups_is_found() {
    let s = Subject::new(BARE);
    s.apply();
    let without = r#"
backup = client("backup")
plan = backup.list_backup_plans()["BackupPlansList"][0]["BackupPlanId"]
one = backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"][0]
backup.delete_backup_selection(BackupPlanId=plan, SelectionId=one["SelectionId"])
"#;
    behind(&s, without, &["create backup.selection/backup"]);
    let shorter = r#"
backup = client("backup")
plan = backup.list_backup_plans()["BackupPlansList"][0]["BackupPlanId"]
document = backup.get_backup_plan(BackupPlanId=plan)["BackupPlan"]
document["Rules"] = [{"RuleName": "scheduled", "TargetBackupVaultName": "shop-backup", "ScheduleExpression": "cron(0 5 ? * * *)", "Lifecycle": {"DeleteAfterDays": 1}}]
backup.update_backup_plan(BackupPlanId=plan, BackupPlan={"BackupPlanName": document["BackupPlanName"], "Rules": document["Rules"]})
"#;
    behind(&s, shorter, &["update backup.plan/backup"]);
    // What someone else adds to the plan is no part of it, and goes.
    let more = r#"
backup = client("backup")
plan = backup.list_backup_plans()["BackupPlansList"][0]["BackupPlanId"]
role = backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"][0]["IamRoleArn"]
backup.create_backup_selection(BackupPlanId=plan, BackupSelection={"SelectionName": "everything", "IamRoleArn": role, "Resources": ["*"]})
"#;
    s.account.boto3(more, &Value::Null);
    let changes = s.changes();
    assert!(changes.len() == 1 && changes[0].starts_with("delete backup.selection/"), "{changes:?}");
    s.apply();
    s.assert_in_step();
    // Someone else's vault with the tags of this one is theirs.
    let theirs = r#"
backup = client("backup")
mine = backup.list_backup_vaults()["BackupVaultList"][0]["BackupVaultArn"]
backup.create_backup_vault(BackupVaultName="theirs", BackupVaultTags=backup.list_tags(ResourceArn=mine)["Tags"])
"#;
    s.account.boto3(theirs, &Value::Null);
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes", "--allow-delete", "backup.vault/backup"]).ok();
    assert_eq!(seen(&s, "us-east-1")["vaults"].as_object().unwrap().keys().collect::<Vec<_>>(), ["theirs"]);
}

/// A vault of another account is that account's to make and to open; the stack's rule copies into it.
#[test]
fn copies_go_to_a_vault_of_another_account() {
    const THEIRS: &str = "arn:aws:backup:eu-west-1:111122223333:backup-vault:kept-apart";
    let with = |copies: &str| BARE.replace("keep: 35d", &format!("keep: 35d, copies: [{copies}]"));
    let s = Subject::new(&with(&format!("{{ vault: \"{THEIRS}\", keep: 90d }}")));
    s.apply();
    s.assert_in_step();
    let copies = || seen(&s, "us-east-1")["plans"]["shop-backup"]["Rules"][0]["CopyActions"].clone();
    assert_eq!(copies(), json!([{"DestinationBackupVaultArn": THEIRS, "Lifecycle": {"DeleteAfterDays": 90}}]));
    let vaults = seen(&s, "us-east-1")["vaults"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(vaults, ["shop-backup"], "none is made for it");
    edit(&s, "keep: 90d", "keep: 60d", &["update backup.plan/backup"]);
    assert_eq!(copies()[0]["Lifecycle"]["DeleteAfterDays"], 60);
    edit(&s, &format!(", copies: [{{ vault: \"{THEIRS}\", keep: 60d }}]"), "", &["update backup.plan/backup"]);
    assert!(copies().as_array().is_none_or(Vec::is_empty));
}

#[test]
fn services_that_are_turned_off_are_told() {
    let s = Subject::new(BARE);
    let off = r#"client("backup").update_region_settings(ResourceTypeOptInPreference={"RDS": False})"#;
    s.account.boto3(off, &Value::Null);
    let told = said(&s.apply());
    assert!(told.contains("AWS Backup is turned off for RDS"), "{told}");
    let settings =
        s.account.boto3(r#"result = client("backup").describe_region_settings()["ResourceTypeOptInPreference"]"#, &Value::Null);
    assert_eq!(settings["RDS"], false, "settings of the account are not the stack's to change");
    s.place.stack(DESTROY).ok();
}

#[test]
fn what_is_no_backup_is_found_in_the_file() {
    let s = Subject::new(BARE);
    for (section, told) in [
        ("{ schedule: hourly }", "six fields like `cron(0 5 ? * * *)`"),
        ("{ keep: 36h }", "must be whole days"),
        ("{ copies: [{ region: us-east-1 }] }", "is the stack's own region"),
        ("{ copies: [{ keep: 7d }] }", "a copy has a `region` or a `vault`"),
        ("{ copies: [{ region: eu-west-1 }, { region: eu-west-1 }] }", "is listed twice"),
        ("{ copies: [{ vault: theirs }] }", "write the ARN of a backup vault"),
        ("{ lock: { mode: governance, min: 40d } }", "every backup would fail"),
        ("{ lock: { mode: governance, grace: 3d } }", "can always be removed"),
        ("{ lock: { mode: compliance, grace: 1d } }", "whole days from 3d"),
        ("{ key: keys.books }", "which does not exist"),
        ("{ include: [caches] }", "caches"),
    ] {
        s.place.file("s.yaml", &file(section));
        let wrong = s.place.stack(&["validate", "s.yaml"]).exits(65);
        assert!(wrong.stderr.contains(told), "{section}: {}", wrong.stderr);
    }
    s.place.file("s.yaml", &file("{ include: [buckets] }"));
    let wrong = s.place.stack(&["plan", "s.yaml"]).exits(65);
    assert!(wrong.stderr.contains("no bucket of the stack keeps versions"), "{}", wrong.stderr);
}

/// What another client sees of restore tests: the plan, its selections, and the rule that tells.
const TESTS: &str = r#"
backup = client("backup")
result = {}
for plan in backup.list_restore_testing_plans()["RestoreTestingPlans"]:
    name = plan["RestoreTestingPlanName"]
    result = {"name": name, "plan": backup.get_restore_testing_plan(RestoreTestingPlanName=name)["RestoreTestingPlan"], "selections": {}}
    for one in backup.list_restore_testing_selections(RestoreTestingPlanName=name)["RestoreTestingSelections"]:
        of = {"RestoreTestingPlanName": name, "RestoreTestingSelectionName": one["RestoreTestingSelectionName"]}
        told = backup.get_restore_testing_selection(**of)["RestoreTestingSelection"]
        result["selections"][one["RestoreTestingSelectionName"]] = told
"#;

/// A database as AWS Backup restores it in a test, with the tags of the one that its backup is of.
const RESTORED: &str = r#"
rds = client("rds")
tags = rds.describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"][0]["TagList"]
rds.create_db_instance(
    DBInstanceIdentifier="awsbackup-restore-test-0123abcd", Engine="postgres", DBInstanceClass="db.t4g.micro", AllocatedStorage=20,
    MasterUsername="app", MasterUserPassword="not-a-secret", DBSubnetGroupName="shop",
    Tags=tags + [{"Key": "awsbackup-restore-test", "Value": "restore-test-job"}],
)
"#;

#[test]
fn restores_are_tested_on_a_schedule() {
    const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: { email: [ops@example.com] }
network: { zones: 2, nat: none }
backup: { keep: 35d, test: {} }
databases: { main: { engine: postgres, version: "17", deletion_protection: false } }
"#;
    let s = Subject::new(FILE);
    let plan = said(&s.place.stack(&["plan", "s.yaml"]).ok());
    assert!(plan.contains("each restore test creates a database called `awsbackup-restore-test-…`"), "{plan}");
    s.apply();
    s.assert_in_step();
    let tests = || s.account.boto3(TESTS, &Value::Null);
    let found = tests();
    assert_eq!(found["name"], "shop_backup");
    assert_eq!(found["plan"]["ScheduleExpression"], "cron(0 17 ? * 1 *)");
    let points = &found["plan"]["RecoveryPointSelection"];
    let vault = "arn:aws:backup:us-east-1:000000000000:backup-vault:shop-backup";
    assert_eq!((&points["Algorithm"], &points["SelectionWindowDays"]), (&json!("LATEST_WITHIN_WINDOW"), &json!(35)));
    let account = s.account.boto3(r#"result = client("sts").get_caller_identity()["Account"]"#, &Value::Null);
    assert_eq!(points["IncludeVaults"], json!([vault.replace("000000000000", account.as_str().unwrap())]));
    let selection = &found["selections"]["databases_RDS"];
    assert_eq!((&selection["ProtectedResourceArns"], &selection["ValidationWindowHours"]), (&json!(["*"]), &json!(0)));
    let group = s.account.boto3(
        r#"result = client("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": ["shop-backup-test"]}])["SecurityGroups"][0]"#,
        &Value::Null,
    );
    assert_eq!((&group["IpPermissions"], &group["IpPermissionsEgress"]), (&json!([]), &json!([])));
    let metadata = json!({
        "dbsubnetgroupname": "shop",
        "vpcsecuritygroupids": format!("[\"{}\"]", group["GroupId"].as_str().unwrap()),
        "publiclyaccessible": "false",
    });
    assert_eq!(selection["RestoreMetadataOverrides"], metadata);
    let rule = r#"
import json
rule = client("events").describe_rule(Name="shop-backup-test")
targets = client("events").list_targets_by_rule(Rule="shop-backup-test")["Targets"]
backups = json.loads(client("events").describe_rule(Name="shop-backup")["EventPattern"])["detail"]["backupVaultArn"]
arns = json.loads(rule["EventPattern"])["detail"]["restoreTestingPlanArn"]
result = [arns, [target["Arn"].split(":")[-1] for target in targets], [arn.split(":")[-1] for arn in backups]]
"#;
    let told = s.account.boto3(rule, &Value::Null);
    assert_eq!(told, json!([[found["plan"]["RestoreTestingPlanArn"]], ["shop-alarms"], ["shop-backup"]]));

    // An edit changes only itself, and what someone changed is drift.
    s.write("test: {}", "test: { schedule: monthly, keep: 4h, pick: random }");
    let changes = s.changes();
    let both = ["update backup.restore_testing_plan/backup", "update backup.restore_testing_selection/databases"];
    assert_eq!(changes, both);
    s.apply();
    s.assert_in_step();
    let by_hand = r#"
backup = client("backup")
of = {"RestoreTestingPlanName": "shop_backup"}
backup.update_restore_testing_plan(**of, RestoreTestingPlan={"StartWindowHours": 5})
metadata = {"dbSubnetGroupName": "shop", "vpcSecurityGroupIds": '["sg-0123abcd"]', "publiclyAccessible": "true"}
backup.update_restore_testing_selection(
    **of, RestoreTestingSelectionName="databases_RDS", RestoreTestingSelection={"RestoreMetadataOverrides": metadata}
)
"#;
    s.account.boto3(by_hand, &Value::Null);
    assert_eq!(s.changes(), both);
    s.apply();
    s.assert_in_step();
    assert_eq!(tests()["selections"]["databases_RDS"]["RestoreMetadataOverrides"], metadata);

    // What a test restores is not the stack's, and nothing of the stack's goes while it is there.
    s.account.boto3(RESTORED, &Value::Null);
    s.assert_in_step();
    let databases = r#"result = len(client("rds").describe_db_instances()["DBInstances"])"#;
    let blocked = said(&s.place.stack(DESTROY));
    assert!(blocked.contains("`awsbackup-restore-test-0123abcd`") && blocked.contains("which AWS Backup deletes"), "{blocked}");
    assert_eq!(s.account.boto3(databases, &Value::Null), json!(1), "it is AWS Backup's");
    let gone =
        r#"client("rds").delete_db_instance(DBInstanceIdentifier="awsbackup-restore-test-0123abcd", SkipFinalSnapshot=True)"#;
    s.account.boto3(gone, &Value::Null);
    s.place.stack(DESTROY).ok();
    assert_eq!(tests(), json!({}));
    assert_nothing_left(&s);
}

#[test]
fn restore_tests_that_cannot_be_are_refused() {
    let s = Subject::new(BARE);
    let refused = |section: &str, said: &str| {
        s.place.file("s.yaml", &file(section));
        let output = s.place.stack(&["validate", "s.yaml"]).exits(65);
        assert!(words(&output.stderr).contains(said), "{section}: {}", output.stderr);
    };
    refused("{ test: { keep: 90m } }", "`backup.test.keep` must be whole hours from 0h to 168h, but is 90m");
    refused("{ test: { within: 200h } }", "the nearest valid time is `168h`");
    refused("{ test: { include: [buckets] } }", "`backup.test` restores what `backup.include` does not back up");
    refused("{ test: {} }", "the stack has no database whose backup could be restored");
}
