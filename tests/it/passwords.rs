//! Passwords of databases: whose they are, who keeps them, and that a database has the one that its users read.

use serde_json::{Value, json};

use crate::support::kinds::{lets_in, secrets};
use crate::support::proxy::counts;
use crate::support::subject::{DESTROY, Subject, mutating, run_and_kill_when};

const STACK: &str = r#"
stack: keep
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
services:
  web: { image: "nginx:1.27", port: 80, public: true, uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, deletion_protection: false }
"#;

/// What a new version of a password does: the database is told, and tasks that read it are started in place of those that did not.
const NEW_VERSION: &[&str] = &["update ecs.service/web", "update ecs.task_definition/web", "update rds.instance/main"];

/// Everything fits: one secret, the database has its password, and tasks start with exactly this version of it.
#[track_caller]
fn fits(s: &Subject) -> Value {
    let all = secrets(s);
    let [secret] = all.as_slice() else { panic!("{all:#?}") };
    assert_eq!(secret["Name"], "stack/keep/default/main");
    assert!(lets_in(s, "keep", secret["ARN"].as_str().unwrap()));
    let from = s.account.boto3(
        r#"
ecs = client("ecs")
service = ecs.describe_services(cluster="keep", services=["keep-web"])["services"][0]
container = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]["containerDefinitions"][0]
result = {one["name"]: one["valueFrom"] for one in container["secrets"]}
"#,
        &Value::Null,
    );
    let version = format!("{}:password::{}", secret["ARN"].as_str().unwrap(), secret["Version"].as_str().unwrap());
    assert_eq!(from, json!({ "DATABASE_MAIN_PASSWORD": version }));
    secret.clone()
}

fn put(s: &Subject, text: &Value) {
    let script = r#"
import json
result = client("secretsmanager").put_secret_value(SecretId="stack/keep/default/main", SecretString=json.dumps(args))["VersionId"]
"#;
    s.account.boto3(script, text);
}

#[test]
fn database_and_its_users_follow_its_secret() {
    let s = Subject::new(STACK);
    s.apply();
    let first = fits(&s);
    s.proxy.take();
    s.apply();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());

    // Changed by hand: no user has a wrong password before the next apply, nor after it.
    put(&s, &json!({"username": "app", "password": "another-password-1"}));
    assert!(!lets_in(&s, "keep", first["ARN"].as_str().unwrap()));
    assert_eq!(s.changes(), NEW_VERSION);
    s.apply();
    let second = fits(&s);
    assert_ne!(first["Version"], second["Version"]);
    s.assert_in_step();

    // What is no password is said, and nothing else is touched by it.
    put(&s, &json!({"username": "app"}));
    let failed = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(1);
    assert!(failed.words().contains("is not a JSON object with a `password`"), "{}", failed.stderr);
    put(&s, &json!({"username": "app", "password": "another-password-2"}));
    s.apply();
    fits(&s);
    s.assert_in_step();

    // RDS was told to keep it: it is told to stop, and the password is the secret's again.
    let modify = r#"client("rds").modify_db_instance(DBInstanceIdentifier="keep", ManageMasterUserPassword=True, ApplyImmediately=True)
client("rds").describe_db_instances()  # before which it has not begun"#;
    s.account.boto3(modify, &Value::Null);
    assert_eq!(s.changes(), ["update rds.instance/main"]);
    s.apply();
    fits(&s);
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
    assert_eq!(secrets(&s), Vec::<Value>::new());
    assert_eq!(s.account.inventory("keep", "default"), json!({}));
}

#[test]
fn a_secret_that_went_is_made_anew_or_taken_back() {
    let s = Subject::new(STACK);
    s.apply();
    let first = fits(&s);
    for how in ["ForceDeleteWithoutRecovery=True", "RecoveryWindowInDays=7"] {
        s.account.boto3(
            &format!(r#"client("secretsmanager").delete_secret(SecretId="stack/keep/default/main", {how})"#),
            &Value::Null,
        );
        // Its ARN may be another one then: the role that reads it follows.
        let mut expected = [&["create secretsmanager.secret/main", "update iam.role/web-exec"], NEW_VERSION].concat();
        expected.sort_unstable();
        assert_eq!(s.changes(), expected, "{how}");
        s.apply();
        let now = fits(&s);
        assert_ne!(now["Version"], first["Version"], "{how}");
        s.assert_in_step();
    }
    s.place.stack(DESTROY).ok();
    // What `stack` deletes can be had back for some days.
    let gone = s.account.boto3(
        r#"result = client("secretsmanager").describe_secret(SecretId="stack/keep/default/main").get("DeletedDate") is not None"#,
        &Value::Null,
    );
    assert_eq!(gone, true);
}

#[test]
fn somebody_elses_secret_of_that_name_is_left_alone() {
    let s = Subject::new(STACK);
    let make = r#"client("secretsmanager").create_secret(Name="stack/keep/default/main", SecretString="theirs")"#;
    s.account.boto3(make, &Value::Null);
    s.proxy.take();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("already exists and does not have this stack's tags"), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    let kept = r#"result = client("secretsmanager").get_secret_value(SecretId="stack/keep/default/main")["SecretString"]"#;
    assert_eq!(s.account.boto3(kept, &Value::Null), "theirs");
}

/// A run may die at any call that has to do with the password: the next one ends with one secret, whose password the database has.
#[test]
fn a_run_may_die_while_the_password_goes_over() {
    for (victim, changed) in
        [("CreateSecret", false), ("CreateDBInstance", false), ("ModifyDBInstance", true), ("AddTagsToResource", true)]
    {
        for reaches in [false, true] {
            let s = Subject::new(STACK);
            if changed {
                s.apply();
                put(&s, &json!({"username": "app", "password": "another-password-1"}));
            }
            let apply = ["apply", "s.yaml", "--yes"];
            assert!(run_and_kill_when(&s, &apply, reaches, move |call| call.operation == victim), "{victim}");
            s.apply();
            fits(&s);
            s.assert_in_step();
            s.place.stack(DESTROY).ok();
            assert_eq!(s.account.inventory("keep", "default"), json!({}), "{victim}");
        }
    }
}

#[test]
fn a_copy_has_its_sources_password() {
    let with = STACK.replace("deletion_protection: false }", "deletion_protection: false, replicas: { reports: {} } }");
    let s = Subject::new(&with);
    s.proxy.take();
    s.apply();
    let calls = counts(&s.proxy.take());
    assert_eq!(calls.get("rds:CreateDBInstanceReadReplica"), Some(&1), "{calls:#?}");
    let secret = fits(&s);
    assert!(lets_in(&s, "keep-main-reports", secret["ARN"].as_str().unwrap()));
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("keep", "default"), json!({}));
}

/// `secrets` of a service: what is not there is said before anything is made, and what a database's own secret holds can be had
/// under any name, by exactly the role that starts the tasks.
#[test]
fn secrets_of_containers_are_checked_and_readable() {
    let s = Subject::new("");
    let service = |value: &str| {
        STACK.replace("uses: [databases.main]", &format!("secrets: {{ TOKEN: \"{value}\" }}, uses: [databases.main]"))
    };
    let arn = |name: &str| format!("arn:aws:secretsmanager:us-east-1:{}:secret:{name}", s.account.id);
    let refused = |value: &str, said: &str| {
        s.place.file("s.yaml", &service(value));
        s.proxy.take();
        let output = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
        assert!(output.words().contains(said), "{said}: {}", output.stderr);
        assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    };
    let nothing = arn("team/token-AbCdEf");
    refused(&format!("{nothing}:key::"), &format!("the secret `{nothing}` does not exist"));
    let made = s.account.boto3(
        r#"
sm = client("secretsmanager")
result = sm.create_secret(Name="team/token", SecretString="x")["ARN"]
sm.delete_secret(SecretId=result, RecoveryWindowInDays=7)
"#,
        &Value::Null,
    );
    let made = made.as_str().unwrap();
    refused(made, &format!("the secret `{made}` is being deleted"));
    s.account.boto3(r#"client("secretsmanager").restore_secret(SecretId=args)"#, &json!(made));
    s.place.file(
        "s.yaml",
        &service(made).replace("secrets: {", "secrets: { DB_PASS: \"${rds.instance/main.secret_arn}:password::\","),
    );
    s.apply();
    s.assert_in_step();
    let policy = s.account.boto3(
        r#"result = client("iam").get_role_policy(RoleName=args, PolicyName="secrets")["PolicyDocument"]["Statement"]"#,
        &s.account.boto3(
            r#"result = [r["RoleName"] for r in client("iam").list_roles()["Roles"] if "web-exec" in r["RoleName"]][0]"#,
            &Value::Null,
        ),
    );
    let own = secrets(&s)[0]["ARN"].clone();
    let mut readable: Vec<Value> = policy[0]["Resource"].as_array().unwrap().clone();
    readable.sort_by_key(Value::to_string);
    readable.dedup();
    let mut expected = vec![own, json!(made)];
    expected.sort_by_key(Value::to_string);
    assert_eq!(readable, expected, "{policy:#}");
    assert_eq!(policy[1]["Action"], json!(["kms:Decrypt"]));
    assert_eq!(policy[1]["Condition"]["StringLike"]["kms:EncryptionContext:SecretARN"], policy[0]["Resource"]);
    s.place.stack(DESTROY).ok();
}

/// RDS keeps and rotates the password, and the services that use the database are redeployed each time: from the event to the
/// deployment.
#[test]
fn a_rotated_password_reaches_those_who_use_it() {
    let rotated = STACK.replace("deletion_protection: false }", "deletion_protection: false, password: { rotate: 30d } }");
    let rotated = rotated.replace("databases:\n", "  idle: { image: \"nginx:1.27\", port: 80, public: true }\ndatabases:\n");
    let s = Subject::new(&rotated);
    s.apply();
    s.assert_in_step();
    s.proxy.take();
    s.apply();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    assert_eq!(secrets(&s), Vec::<Value>::new());
    let secret = s.account.boto3(
        r#"result = client("rds").describe_db_instances(DBInstanceIdentifier="keep")["DBInstances"][0]["MasterUserSecret"]["SecretArn"]"#,
        &Value::Null,
    );
    let days = || {
        s.account.boto3(
            r#"result = client("secretsmanager").describe_secret(SecretId=args)["RotationRules"]["AutomaticallyAfterDays"]"#,
            &secret,
        )
    };
    assert_eq!(days(), 30);

    let rotate = r#"
import time
ecs, sm = client("ecs"), client("secretsmanager")
def deployments():
    found = ecs.describe_services(cluster="keep", services=["keep-web", "keep-idle"])["services"]
    return {s["serviceName"]: [d["id"] for d in s["deployments"] if d["status"] == "PRIMARY"][0] for s in found}
before = deployments()
sm.rotate_secret(SecretId=args)
until = time.monotonic() + 60
while deployments()["keep-web"] == before["keep-web"] and time.monotonic() < until:
    time.sleep(0.2)
after = deployments()
result = {name: after[name] != before[name] for name in before}
"#;
    assert_eq!(s.account.boto3(rotate, &secret), json!({"keep-web": true, "keep-idle": false}));
    assert!(lets_in(&s, "keep", secret.as_str().unwrap()));
    s.assert_in_step();

    // What is changed of it by hand is found and fixed.
    let function = r#"f = client("lambda").list_functions()["Functions"][0]["FunctionName"]
"#;
    for (script, expected) in [
        (
            "client('secretsmanager').rotate_secret(SecretId=args, RotationRules={'AutomaticallyAfterDays': 7}, RotateImmediately=False)",
            "update secretsmanager.rotation/main",
        ),
        ("client('secretsmanager').cancel_rotate_secret(SecretId=args)", "update secretsmanager.rotation/main"),
        ("client('events').disable_rule(Name='keep-rotated-main')", "update events.rule/rotated-main"),
        ("client('events').remove_targets(Rule='keep-rotated-main', Ids=['restart'])", "update events.rule/rotated-main"),
        ("client('lambda').update_function_configuration(FunctionName=f, Timeout=3)", "update lambda.function/restart_services"),
        (
            "client('lambda').update_function_configuration(FunctionName=f, Environment={'Variables': {'PYTHONPATH': '/tmp'}})",
            "update lambda.function/restart_services",
        ),
        (
            "client('lambda').put_function_concurrency(FunctionName=f, ReservedConcurrentExecutions=1)",
            "update lambda.function/restart_services",
        ),
        (
            "import io, zipfile\nb = io.BytesIO()\nz = zipfile.ZipFile(b, 'w')\nz.writestr('index.py', 'x')\nz.close()\nclient('lambda').update_function_code(FunctionName=f, ZipFile=b.getvalue())",
            "update lambda.function/restart_services",
        ),
        (
            "import json\nclient('lambda').remove_permission(FunctionName=f, StatementId=json.loads(client('lambda').get_policy(FunctionName=f)['Policy'])['Statement'][0]['Sid'])",
            "create lambda.permission/rotated-main",
        ),
    ] {
        s.account.boto3(&format!("{function}{script}"), &secret);
        assert_eq!(s.changes(), [expected], "{script}");
        s.apply();
        s.assert_in_step();
    }
    assert_eq!(days(), 30);

    // To a password of the stack's own: in place, and what rotated it is deleted.
    s.place.file("s.yaml", STACK);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "logs.log_group/*"]).ok();
    s.assert_in_step();
    fits(&s);
    let gone = s.account.boto3(
        r#"result = [client("lambda").list_functions()["Functions"], client("events").list_rules()["Rules"]]"#,
        &Value::Null,
    );
    assert_eq!(gone, json!([[], []]));
    // And back.
    s.place.file("s.yaml", &rotated);
    s.apply();
    s.assert_in_step();
    assert_eq!(secrets(&s), Vec::<Value>::new());
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("keep", "default"), json!({}));
}
