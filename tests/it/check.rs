//! `stack check`: the file and what runs are held to controls, with lines, edits and exceptions.

use serde_json::{Value, json};

use crate::support::run::{Place, words};
use crate::support::subject::{DESTROY, Subject};

const FILE: &str = "\
# A shop.
stack: shop
region: us-east-1
network: { zones: 2, nat: none }
databases:
  main: # with everything in it
    engine: postgres
    version: \"16\"
    class: db.t4g.micro
    backups: 1d # cheap
    minor_upgrades: false
resources:
  sqs.queue: { orders: { sse: false } }
";

fn place(text: &str) -> Place {
    let place = Place::new();
    place.file("s.yaml", text);
    place
}

fn json(place: &Place, more: &[&str]) -> Value {
    place.stack(&[&["check", "s.yaml", "--json"], more].concat()).exits(2).json()
}

/// The findings that the test makes: others depend on the defaults.
const OURS: [&str; 4] = ["RDS.11", "RDS.13", "SQS.1", "EC2.18"];

fn found(json: &Value) -> Vec<(String, String)> {
    let all = json["findings"].as_array().unwrap().iter();
    let pairs = all.map(|f| (f["id"].as_str().unwrap().to_owned(), f["object"].as_str().unwrap().to_owned()));
    let mut pairs: Vec<_> = pairs.filter(|(id, _)| OURS.contains(&id.as_str())).collect();
    pairs.sort();
    pairs
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(id, object)| ((*id).to_owned(), (*object).to_owned())).collect()
}

#[test]
fn a_file_is_held_to_controls_without_aws() {
    let place = place(FILE);
    let all = json(&place, &[]);
    assert_eq!(
        found(&all),
        pairs(&[("RDS.11", "rds.instance/main"), ("RDS.13", "rds.instance/main"), ("SQS.1", "sqs.queue/orders")])
    );
    let of = |id: &str| all["findings"].as_array().unwrap().iter().find(|f| f["id"] == id).unwrap().clone();
    assert_eq!(of("RDS.11")["place"], json!({"file": "s.yaml", "line": 10, "column": 14}));
    assert_eq!(of("RDS.11")["edit"]["yaml"], "databases.main.backups: 7d");
    assert_eq!(of("SQS.1")["edit"]["path"], json!(["resources", "sqs.queue", "orders", "sse"]));
    // The severity decides what is told, and the exit code.
    let high = json(&place, &["--severity", "high"]);
    assert_eq!(found(&high), pairs(&[("RDS.13", "rds.instance/main")]));
    let critical = place.stack(&["check", "s.yaml", "--severity", "critical"]).ok();
    assert!(critical.stdout.contains("No findings") && critical.stdout.contains("of lower severity"), "{}", critical.stdout);
    let list = place.stack(&["check", "--list"]).ok().stdout;
    assert!(list.contains("RDS.11") && list.contains("GuardDuty.1") && list.contains("the account, not the stack"), "{list}");
}

#[test]
fn other_programs_read_the_findings() {
    let place = place(FILE);
    let sarif: Value = place.stack(&["check", "s.yaml", "--format", "sarif"]).exits(2).json();
    assert_eq!((&sarif["version"], &sarif["runs"][0]["tool"]["driver"]["name"]), (&json!("2.1.0"), &json!("stack")));
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let backups = results.iter().find(|result| result["ruleId"] == "RDS.11").unwrap();
    assert_eq!(backups["locations"][0]["physicalLocation"]["region"]["startLine"], 10);
    let junit = place.stack(&["check", "s.yaml", "--format", "junit"]).exits(2).stdout;
    let parsed = "import sys, xml.etree.ElementTree as tree\nroot = tree.fromstring(sys.stdin.read())\n\
                  cases = list(root.iter('testcase'))\nfailed = [c.get('name').split()[0] for c in cases if c.find('failure') is not None]\n\
                  assert int(root.get('tests')) == len(cases) and int(root.get('failures')) == len(failed)\nprint(' '.join(failed))";
    let failed = python(parsed, &junit);
    assert!(failed.split_whitespace().any(|id| id == "RDS.11"), "{failed}");
    let markdown = place.stack(&["check", "s.yaml", "--format", "markdown"]).exits(2).stdout;
    assert!(markdown.contains("`databases.main.backups: 7d`"), "{markdown}");
}

/// What a Python program prints about a text.
fn python(program: &str, input: &str) -> String {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut child = Command::new("python3").args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn exceptions_end_and_are_checked() {
    let with = |exceptions: &str| place(&format!("{FILE}check:\n  exceptions:\n    {exceptions}\n"));
    let good = with("SQS.1: { reason: nothing secret, until: 2999-12-31, object: sqs.queue/orders }");
    let all = json(&good, &[]);
    assert!(!found(&all).iter().any(|(id, _)| id == "SQS.1"), "{all}");
    assert_eq!(all["accepted"][0]["exception"]["reason"], "nothing secret");
    let over = json(&with("SQS.1: { reason: nothing secret, until: 2020-01-01 }"), &[]);
    let finding = over["findings"].as_array().unwrap().iter().find(|f| f["id"] == "SQS.1").unwrap();
    assert_eq!(finding["exception"]["expired"], true);
    let unneeded = with("SQS.3: { reason: r, until: 2999-12-31 }").stack(&["check", "s.yaml"]).exits(2).stdout;
    assert!(unneeded.contains("Exceptions that are not needed: `SQS.3`."), "{unneeded}");
    let unknown = with("SQS.99: { reason: r, until: 2999-12-31 }").stack(&["validate", "s.yaml"]).exits(65);
    assert!(unknown.stderr.contains("`SQS.99` is not a control") && unknown.stderr.contains("s.yaml:16"), "{}", unknown.stderr);
}

#[test]
fn edits_are_written_with_consent_only() {
    let place = place(FILE);
    let read = || std::fs::read_to_string(place.path().join("s.yaml")).unwrap();
    let asked = place.stack(&["check", "s.yaml", "--fix"]).exits(1);
    assert!(asked.stderr.contains("cannot ask for confirmation") && read() == FILE, "{}", asked.stderr);
    assert!(asked.stdout.contains("+     backups: 7d # cheap"), "{}", asked.stdout);
    let fixed = place.stack(&["check", "s.yaml", "--fix", "--yes"]);
    assert!(matches!(fixed.code, Some(0 | 2)), "{}", fixed.stderr);
    let expected =
        [("backups: 1d", "backups: 7d"), ("minor_upgrades: false", "minor_upgrades: true"), ("sse: false", "sse: true")];
    for (before, after) in expected {
        assert!(read().contains(after) && !read().contains(before), "{}", read());
    }
    assert!(read().starts_with("# A shop.\nstack: shop\n") && read().contains("backups: 7d # cheap"), "{}", read());
    place.stack(&["validate", "s.yaml"]).ok();
    assert_eq!(found(&place.stack(&["check", "s.yaml", "--json"]).json()), pairs(&[]));
    // Nothing is edited twice.
    let again = read();
    place.stack(&["check", "s.yaml", "--fix", "--yes"]);
    assert_eq!(read(), again);
}

const BY_HAND: &str = r#"
client("sqs").set_queue_attributes(
    QueueUrl=client("sqs").get_queue_url(QueueName="shop-orders")["QueueUrl"], Attributes={"SqsManagedSseEnabled": "false"}
)
group = client("ec2").describe_security_groups(Filters=[{"Name": "tag:stack:key", "Values": ["ec2.security_group/own"]}])["SecurityGroups"][0]
client("ec2").authorize_security_group_ingress(
    GroupId=group["GroupId"], IpPermissions=[{"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
)
"#;

const LIVE: &str = "\
stack: shop
region: us-east-1
network: { zones: 2, nat: none }
resources:
  ec2.vpc: { own: { cidr: 10.9.0.0/16 } }
  ec2.security_group: { own: { vpc: ec2.vpc/own, description: Own } }
  sqs.queue: { orders: { sse: true } }
";

#[test]
fn what_someone_changed_is_found_in_what_runs() {
    let s = Subject::new(LIVE);
    s.apply();
    let live = |s: &Subject| s.place.stack(&["check", "s.yaml", "--live", "--json"]).json();
    assert_eq!(found(&live(&s)), pairs(&[]));
    s.account.boto3(BY_HAND, &Value::Null);
    s.proxy.take();
    let all = live(&s);
    let ours = found(&all);
    assert!(ours.contains(&("SQS.1".to_owned(), "sqs.queue/orders".to_owned())), "{ours:?}");
    assert!(ours.iter().any(|(id, object)| id == "EC2.18" && object.starts_with("ec2.security_group_rule/")), "{ours:?}");
    let of = |id: &str| all["findings"].as_array().unwrap().iter().find(|f| f["id"] == id).unwrap().clone();
    assert_eq!((&of("SQS.1")["found"], &of("SQS.1")["place"]["line"]), (&json!("live"), &json!(7)));
    assert_eq!(of("SQS.1")["edit"], Value::Null);
    // Only reads.
    let calls = s.proxy.take();
    let changing: Vec<String> = calls.iter().filter(|call| call.mutating).map(|call| call.name()).collect();
    assert!(!calls.is_empty() && changing.is_empty(), "{changing:?}");
    // The file alone knows nothing of it.
    assert_eq!(found(&s.place.stack(&["check", "s.yaml", "--json"]).json()), pairs(&[]));
    s.apply();
    assert_eq!(found(&live(&s)).iter().filter(|(id, _)| id == "SQS.1").count(), 0);
    s.place.stack(DESTROY).ok();
}

/// Unencrypted: AWS shares no encrypted snapshot with everyone.
const LATER: &str = "\
stack: shop
region: us-east-1
network: { zones: 2, nat: none }
keys: { main: {} }
resources:
  rds.subnet_group: { all: { vpc: ec2.vpc/main, subnets: [ec2.subnet/data-a, ec2.subnet/data-b] } }
  rds.instance:
    main:
      engine: postgres
      class: db.t4g.micro
      storage: 20
      user: app
      managed_password: true
      encrypted: false
      deletion_protection: false
      subnet_group: rds.subnet_group/all
";

/// What no file says: what became of snapshots and keys.
#[test]
fn what_became_of_objects_is_found_in_what_runs() {
    let s = Subject::new(LATER);
    s.apply();
    const IDS: [&str; 6] = ["ACM.1", "KMS.3", "RDS.1", "RDS.4", "SecretsManager.2", "SecretsManager.3"];
    let live = || -> Vec<(String, String, String)> {
        let all = s.place.stack(&["check", "s.yaml", "--live", "--json"]).json();
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
        let of = all["findings"].as_array().unwrap().iter().filter(|finding| IDS.contains(&finding["id"].as_str().unwrap()));
        of.map(|finding| (text(finding, "id"), text(finding, "object"), text(finding, "what"))).collect()
    };
    let ids = |found: &[(String, String, String)]| found.iter().map(|(id, ..)| id.clone()).collect::<Vec<_>>();
    // Its automated backups are unencrypted, too.
    let before = live();
    assert!(ids(&before) == ["RDS.4"] && before[0].2.contains("its snapshot `rds:shop-"), "{before:?}");
    let by_hand = r#"
rds, kms = client("rds"), client("kms")
name = rds.describe_db_instances()["DBInstances"][0]["DBInstanceIdentifier"]
rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier="by-hand")
rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier="by-hand")
kms.schedule_key_deletion(KeyId=next(one["TargetKeyId"] for one in kms.list_aliases()["Aliases"] if not one["AliasName"].startswith("alias/aws/")), PendingWindowInDays=30)
result = None
"#;
    s.account.boto3(by_hand, &Value::Null);
    let found = live();
    assert_eq!(ids(&found), ["KMS.3", "RDS.4"], "{found:?}");
    assert!(found[0].1 == "kms.key/main" && found[0].2.starts_with("it is deleted on 20"), "{found:?}");
    assert!(found[1].2.contains("its snapshot `by-hand` is not encrypted"), "{found:?}");
    let share = r#"
rds, kms = client("rds"), client("kms")
rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="by-hand", AttributeName="restore", ValuesToAdd=["all"])
kms.cancel_key_deletion(KeyId=next(one["TargetKeyId"] for one in kms.list_aliases()["Aliases"] if not one["AliasName"].startswith("alias/aws/")))
result = None
"#;
    s.account.boto3(share, &Value::Null);
    let found = live();
    assert_eq!(ids(&found), ["RDS.1", "RDS.4"], "{found:?}");
    let public = "every AWS account can restore its snapshot `by-hand`";
    assert_eq!((found[0].1.as_str(), found[0].2.as_str()), ("rds.instance/main", public));
    // Only what runs can tell.
    assert!(!s.place.stack(&["check", "s.yaml"]).stdout.contains("by-hand"));
}

/// What a file leaves out of a bucket is as AWS has it for a new one; of one that runs the real value counts.
#[test]
fn what_a_bucket_leaves_out_is_looked_at_in_what_runs() {
    let s = Subject::new("stack: shop\nregion: us-east-1\nresources:\n  s3.bucket: { files: {} }\n");
    s.apply();
    let unblock = r#"
name = next(bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"] if "files" in bucket["Name"])
client("s3").delete_public_access_block(Bucket=name)
result = None
"#;
    s.account.boto3(unblock, &Value::Null);
    let public = |more: &[&str]| -> Vec<Value> {
        let all = s.place.stack(&[&["check", "s.yaml", "--json"], more].concat()).exits(2).json();
        let findings = all["findings"].as_array().unwrap().iter().filter(|finding| finding["id"] == "S3.8");
        findings.map(|finding| finding["found"].clone()).collect()
    };
    assert_eq!(public(&[]), Vec::<Value>::new());
    assert_eq!(public(&["--live"]), [json!("live")]);
    s.place.stack(DESTROY).ok();
}

/// The account: who may sign in how, and what it says of everybody.
#[test]
fn the_account_is_held_to_controls_when_asked() {
    let s = Subject::new(LIVE);
    s.apply();
    let asked = || s.place.stack(&["check", "s.yaml", "--live", "--account", "--json"]);
    let account = || asked().json();
    let of_account = |json: &Value| -> Vec<String> {
        let all = json["findings"].as_array().unwrap().iter();
        let of = all.filter(|finding| finding["object"].as_str().unwrap().starts_with("account.settings/"));
        of.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
    };
    let setup = r#"
iam = client("iam")
iam.create_user(UserName="bob")
iam.create_login_profile(UserName="bob", Password="Correct-Horse-1")
iam.update_account_password_policy(MinimumPasswordLength=6, RequireNumbers=True)
result = None
"#;
    s.account.boto3(setup, &Value::Null);
    let before = account();
    let ids = of_account(&before);
    for id in ["IAM.5", "IAM.7", "EC2.7"] {
        assert!(ids.iter().any(|one| one == id), "{id}: {ids:?}");
    }
    let what = |json: &Value, id: &str| -> String {
        let one = json["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id).unwrap();
        one["what"].as_str().unwrap().to_owned()
    };
    assert_eq!(what(&before, "IAM.5"), "`bob` has a password and no MFA device");
    // The local AWS has no CloudTrail: what cannot be asked is said, and not checked.
    assert!(words(&asked().stderr).contains("Not checked: CloudTrail.1."), "{}", asked().stderr);
    assert!(!ids.contains(&"CloudTrail.1".to_owned()), "{ids:?}");
    let missing = "passwords need not have an upper-case letter, a lower-case letter, a symbol, 8 characters";
    assert_eq!(what(&before, "IAM.7"), missing);
    let shown = s.place.stack(&["check", "s.yaml", "--live", "--account"]).stdout;
    assert!(shown.contains("(of the account)") && words(&shown).contains("Fix: have the user register a device"), "{shown}");
    // Only when asked, and only with what runs.
    assert_eq!(of_account(&s.place.stack(&["check", "s.yaml", "--live", "--json"]).json()), Vec::<String>::new());
    assert!(s.place.stack(&["check", "s.yaml", "--account"]).stderr.contains("--live"));

    let fixed = r#"
iam = client("iam")
iam.delete_login_profile(UserName="bob")
iam.update_account_password_policy(MinimumPasswordLength=14, RequireNumbers=True, RequireSymbols=True,
                                   RequireUppercaseCharacters=True, RequireLowercaseCharacters=True)
client("ec2").enable_ebs_encryption_by_default()
result = None
"#;
    s.account.boto3(fixed, &Value::Null);
    let after = of_account(&account());
    for id in ["IAM.5", "IAM.7", "EC2.7"] {
        assert!(!after.iter().any(|one| one == id), "{id}: {after:?}");
    }
    s.place.stack(DESTROY).ok();
}

/// Rules of the user's own, which the file names or the command line; their tests, and what the file accepts.
#[test]
fn rules_of_ones_own_are_checked() {
    let file = "stack: shop\nregion: us-east-1\nalarms: off\ncheck: { rules: [rules] }\nnetwork: { zones: 2, nat: none }\nservices:\n  web: { image: \"nginx:1.27\", port: 80, public: true, count: 1, readonly_root: true }\n";
    let s = Subject::new(file);
    let rule = r#"
package stack

deny contains {"id": "TEAM.1", "title": "Two tasks", "message": sprintf("it has %d", [object.fields.desired_count]), "object": object.key, "severity": "critical", "remedy": "set `count: 2`"} if {
    some object in input.objects
    object.kind == "ecs.service"
    object.fields.desired_count < 2
}

deny contains {"id": "TEAM.2", "message": "it is created on a Friday", "object": change.key} if some change in input.plan.changes
"#;
    let test =
        "package stack_test\n\nimport data.stack\n\ntest_nothing if count(stack.deny) == 0 with input as {\"objects\": []}\n";
    s.place.file("rules/tasks.rego", rule);
    s.place.file("rules/tasks_test.rego", test);
    let check = |more: &[&str]| s.place.stack(&[&["check", "s.yaml", "--severity", "critical"], more].concat());
    let found = check(&[]).exits(2);
    let text = words(&found.stdout);
    assert!(
        text.contains("TEAM.1 Two tasks") && text.contains("ecs.service/web s.yaml:7: it has 1") && !text.contains("TEAM.2"),
        "{text}"
    );
    let sarif = check(&["--format", "sarif"]).exits(2).json();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "TEAM.1");
    let tested = check(&["--test-rules"]).ok();
    assert!(tested.stdout.contains("passed  stack_test.test_nothing"), "{}", tested.stdout);

    s.place.file(
        "s.yaml",
        &file.replace(
            "rules: [rules]",
            "rules: [rules], exceptions: { TEAM.1: { reason: a test, until: 2099-01-01, object: services.web } }",
        ),
    );
    let accepted = check(&[]).ok();
    assert!(words(&accepted.stdout).contains("TEAM.1 ecs.service/web until 2099-01-01: a test"), "{}", accepted.stdout);
    let plan = s.place.stack(&["plan", "s.yaml", "--json"]).exits(0).stdout;
    s.place.file("plan.json", &plan);
    let planned = s.place.stack(&["check", "s.yaml", "--plan", "plan.json"]).exits(2);
    assert!(words(&planned.stdout).contains("it is created on a Friday"), "{}", planned.stdout);

    // Rules that only the command line names have exceptions, too.
    let given = file.replace("rules: [rules]", "exceptions: { TEAM.1: { reason: a test, until: 2099-01-01 } }");
    s.place.file("given.yaml", &given);
    let with = |more: &[&str]| s.place.stack(&[&["check", "given.yaml", "--severity", "critical"], more].concat());
    assert!(words(&with(&["--rules", "rules"]).ok().stdout).contains("TEAM.1 ecs.service/web until 2099-01-01: a test"));
    s.place.stack(&["validate", "given.yaml"]).ok();
    let without = with(&[]).exits(65).words();
    assert!(
        without.contains("`TEAM.1` is neither a control nor the id of a rule") && without.contains("given.yaml:4"),
        "{without}"
    );

    s.place.file("rules/broken.rego", "package stack\n\ndeny contains");
    let broken = check(&[]).exits(1);
    assert!(broken.words().contains("broken.rego` is not Rego"), "{}", broken.stderr);
}
