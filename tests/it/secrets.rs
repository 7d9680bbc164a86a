//! Marked secrets in every place where one can enter, and a search of every byte that leaves.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::support::proxy::Fault;
use crate::support::run::EVERYTHING;
use crate::support::stacks::STACK;
use crate::support::subject::Subject;

/// What every planted secret contains.
const MARK: &str = "hunter2";

/// Every file below a folder, as text.
fn contents(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            contents(&path, out);
        } else {
            out.push((path.display().to_string(), String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()));
        }
    }
}

#[test]
fn secret_in_the_file_is_refused_and_not_shown() {
    let s = Subject::new("");
    for (line, at) in [
        ("DB_PASSWORD: hunter2hunter2", "DB_PASSWORD"),
        ("API_TOKEN: hunter2-abcdefgh", "API_TOKEN"),
        ("DATABASE_URL: \"postgres://anna:hunter2@db.example.com/shop\"", "DATABASE_URL"),
        ("ANY: \"-----BEGIN RSA PRIVATE KEY-----hunter2\"", "ANY"),
        ("ID: AKIAHUNTER2HUNTER2QQ", "ID"),
    ] {
        s.place.file("s.yaml", &STACK.replace("LEVEL: info", line));
        for command in [&["validate", "s.yaml"][..], &["apply", "s.yaml", "--yes"], &["plan", "s.yaml", "--json"]] {
            let said = s.place.stack(command).exits(65);
            let all = (said.stdout + &said.stderr).to_lowercase();
            assert!(all.contains("looks like a secret") && all.contains(&at.to_lowercase()), "{line}: {all}");
            assert!(!all.contains(MARK), "{line}: {all}");
        }
    }
    // These only have such names.
    let fine = "{ TOKEN_TTL: 3600, SECRET_NAME: prod/db, PASSWORD_FILE: /run/secrets/db, API_KEY_HEADER: x-api-key, AUTH_TOKEN_URL: \"https://id.example.com/token\" }";
    s.place.file("s.yaml", &STACK.replace("{ LEVEL: info }", fine));
    s.place.stack(&["validate", "s.yaml"]).ok();
    assert_eq!(s.proxy.take(), []);
}

#[test]
fn no_secret_leaves_by_any_way() {
    let mut s = Subject::new(STACK);
    // The credentials themselves.
    s.place.set("AWS_SECRET_ACCESS_KEY", "secret-hunter2-key");
    s.place.set("AWS_SESSION_TOKEN", "token-hunter2-session");
    let mut left = Vec::new();
    let mut run = |arguments: &[&str], code: i32| {
        let output = s.place.stack(arguments).exits(code);
        left.push((arguments.join(" "), output.stdout + &output.stderr));
    };
    run(&["plan", "s.yaml", "--out", "saved.plan", "--verbose"], 0);
    run(&["apply", "s.yaml", "--yes", "--json", "--verbose"], 0);
    run(&["show", "s.yaml"], 0);
    run(&["outputs", "s.yaml", "--json"], 0);
    s.place.file("s.yaml", &STACK.replace("count: 2", "count: 3"));
    // AWS gives a refused signature back with everything that was signed.
    s.proxy.on_call(|call| {
        if !call.mutating || call.service != "ecs" {
            return Fault::Pass;
        }
        let echo = "The request signature we calculated does not match. The Canonical String should have been 'POST\n/\nx-amz-security-token:token-hunter2-session\nhost' Authorization=hunter2 Signature=hunter2";
        let body = json!({ "__type": "InvalidSignatureException", "message": echo }).to_string();
        Fault::Answer(403, "application/x-amz-json-1.1".into(), body)
    });
    run(&["apply", "s.yaml", "--yes"], 6);
    run(&["apply", "s.yaml", "--yes", "--json"], 6);
    s.proxy.pass();
    run(&["apply", "s.yaml", "--yes"], 0);
    run(&["history", "s.yaml", "--json"], 0);
    run(&["history", "show", "s.yaml", "2", "--json"], 0);
    run(&["destroy", "s.yaml", "--yes", EVERYTHING], 0);
    // What is on disk, and what is in the bucket.
    contents(s.place.path(), &mut left);
    let stored = s.account.boto3(
        r#"
s3 = client("s3")
bucket = [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("stack-history-")][0]
result = {o["Key"]: s3.get_object(Bucket=bucket, Key=o["Key"])["Body"].read().decode() for o in s3.list_objects_v2(Bucket=bucket)["Contents"]}
"#,
        &json!(null),
    );
    assert!(stored.as_object().unwrap().len() > 3, "{stored:#}");
    left.extend(stored.as_object().unwrap().iter().map(|(key, text)| (key.clone(), text.to_string())));
    let found: Vec<_> = left.iter().filter(|(_, text)| text.contains(MARK)).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(left.iter().any(|(what, text)| what.contains("--json") && text.contains("(not shown)")), "the echo was shown at all");
    let bytes: usize = left.iter().map(|(_, text)| text.len()).sum();
    println!("{bytes} bytes searched in {} places: no secret", left.len());
    // Only its owner can read a saved plan.
    let mode = std::fs::metadata(s.place.path().join("saved.plan")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

const DATABASE: &str = r#"
stack: hush
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
services:
  web: { image: "nginx:1.27", port: 80, public: true, uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, deletion_protection: false }
"#;

/// The password of a database goes from Secrets Manager to RDS and nowhere else, also when it is changed and when RDS gives it back.
#[test]
fn database_password_is_in_no_output() {
    let s = Subject::new(DATABASE);
    let mut left = Vec::new();
    let mut run = |arguments: &[&str], code: i32| {
        let output = s.place.stack(arguments).exits(code);
        left.push((arguments.join(" "), output.stdout + &output.stderr));
    };
    let passwords = r#"
import json
sm = client("secretsmanager")
arn = [x["ARN"] for x in sm.list_secrets()["SecretList"] if x["Name"] == "stack/hush/default/main"][0]
kept = [sm.get_secret_value(SecretId=arn, VersionId=v["VersionId"])["SecretString"] for v in sm.list_secret_version_ids(SecretId=arn)["Versions"]]
result = [json.loads(text)["password"] for text in kept]
"#;
    run(&["plan", "s.yaml", "--out", "saved.plan", "--verbose"], 0);
    run(&["apply", "s.yaml", "--yes", "--json", "--verbose"], 0);
    let put = format!("{MARK}{MARK}{MARK}");
    s.account.boto3(
        r#"client("secretsmanager").put_secret_value(SecretId="stack/hush/default/main", SecretString=__import__("json").dumps(args))"#,
        &json!({ "username": "app", "password": put }),
    );
    run(&["plan", "s.yaml", "--json"], 0);
    run(&["plan", "s.yaml", "--markdown"], 0);
    let echo = format!("The parameter MasterUserPassword {put} is not a valid password.");
    s.proxy.on_call(move |call| {
        if call.operation != "ModifyDBInstance" {
            return Fault::Pass;
        }
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameterValue</Code><Message>{echo}</Message></Error></ErrorResponse>"
        );
        Fault::Answer(400, "text/xml".into(), body)
    });
    run(&["apply", "s.yaml", "--yes", "--verbose"], 1);
    run(&["apply", "s.yaml", "--yes", "--json"], 1);
    s.proxy.pass();
    run(&["apply", "s.yaml", "--yes", "--verbose"], 0);
    for command in [
        &["show", "s.yaml", "--json", "--all"][..],
        &["outputs", "s.yaml", "--json"],
        &["history", "s.yaml", "--json"],
        &["history", "show", "s.yaml", "1", "--json"],
        &["graph", "s.yaml"],
    ] {
        run(command, 0);
    }
    let passwords: Vec<String> = serde_json::from_value(s.account.boto3(passwords, &json!(null))).unwrap();
    assert!(
        passwords.len() == 2 && passwords.contains(&put) && passwords.iter().all(|p| p.len() >= 20),
        "{} of them",
        passwords.len()
    );
    run(&["destroy", "s.yaml", "--yes", EVERYTHING], 0);
    contents(s.place.path(), &mut left);
    let stored = s.account.boto3(
        r#"
s3 = client("s3")
bucket = [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("stack-history-")][0]
result = {o["Key"]: s3.get_object(Bucket=bucket, Key=o["Key"])["Body"].read().decode() for o in s3.list_objects_v2(Bucket=bucket)["Contents"]}
"#,
        &json!(null),
    );
    left.extend(stored.as_object().unwrap().iter().map(|(key, text)| (key.clone(), text.to_string())));
    let found: Vec<&str> = left
        .iter()
        .filter(|(_, text)| passwords.iter().any(|p| text.contains(p.as_str())))
        .map(|(what, _)| what.as_str())
        .collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(left.iter().any(|(_, text)| text.contains("MasterUserPassword (not shown)")), "the echo was shown at all");
}
