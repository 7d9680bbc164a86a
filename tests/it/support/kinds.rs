//! What boto3 sees of objects of particular kinds, and does to them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::subject::Subject;

/// How many objects of each kind another client sees.
pub fn kinds(inventory: &Value) -> BTreeMap<String, usize> {
    let kinds = inventory.as_object().unwrap().iter();
    kinds.map(|(kind, objects)| (kind.clone(), objects.as_object().map_or(0, serde_json::Map::len))).collect()
}

/// Has tasks of these services of the stack `shop` write to their logs.
pub fn written(s: &Subject, services: &[&str]) {
    let script = r#"
logs = client("logs")
for name in args: logs.create_log_stream(logGroupName=f"/stack/shop/default/{name}", logStreamName="task")
result = None
"#;
    s.account.boto3(script, &json!(services));
}

/// Requests a certificate for these names outside of the stack; its ARN, once it is issued.
#[track_caller]
pub fn certificate(s: &Subject, names: &[&str]) -> String {
    let arn = s.account.boto3(
        r#"
acm = client("acm")
result = acm.request_certificate(DomainName=args[0], SubjectAlternativeNames=args, ValidationMethod="DNS")["CertificateArn"]
while acm.describe_certificate(CertificateArn=result)["Certificate"]["Status"] != "ISSUED": pass
"#,
        &json!(names),
    );
    arn.as_str().unwrap().to_owned()
}

/// The secrets of stacks: name, ARN and current version.
pub fn secrets(s: &Subject) -> Vec<Value> {
    let script = r#"
sm = client("secretsmanager")
found = [x for x in sm.list_secrets()["SecretList"] if x["Name"].startswith("stack/")]
result = [{"Name": x["Name"], "ARN": x["ARN"], "Version": sm.get_secret_value(SecretId=x["ARN"])["VersionId"]} for x in found]
"#;
    serde_json::from_value(s.account.boto3(script, &Value::Null)).unwrap()
}

/// Whether a database lets its master user in with what a secret holds now.
#[track_caller]
pub fn lets_in(s: &Subject, database: &str, secret: &str) -> bool {
    let script = r#"
import json, os, urllib.request
kept = json.loads(client("secretsmanager").get_secret_value(SecretId=args["secret"])["SecretString"])
asked = {"account": args["account"], "region": "us-east-1", "database": args["database"], "user": kept["username"], "password": kept["password"]}
request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_stack/login", data=json.dumps(asked).encode(), method="POST")
result = json.load(urllib.request.urlopen(request))["welcome"]
"#;
    let asked = json!({"account": s.account.id, "database": database, "secret": secret});
    s.account.boto3(script, &asked).as_bool().unwrap()
}
