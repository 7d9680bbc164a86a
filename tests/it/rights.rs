//! `stack access`: who may do what, from IAM's own answers.

use serde_json::{Value, json};

use crate::support::proxy::Fault;
use crate::support::subject::{DESTROY, Subject};

const SHOP: &str = r#"
stack: shop
region: us-east-1
network: { zones: 2, nat: single }
services:
  web: { image: "nginx:1.27", port: 80, routes: ["/*"] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB }
resources:
  s3.bucket: { uploads: {} }
access:
  groups:
    developers: { may: [view, deploy] }
    operators: { policies: [PowerUserAccess] }
    auditors: { policies: [SecurityAudit] }
  users: { alice: [developers], bob: [operators] }
  pipelines:
    release: { github: acme/shop, branches: [main], may: [deploy] }
"#;

/// The answers of everyone, in words: `{"group developers": {"view": "yes", …}}`.
fn answers(told: &Value) -> Value {
    let one = |principal: &Value| {
        let may = principal["may"].as_object().unwrap();
        let words: serde_json::Map<String, Value> = may.iter().map(|(name, it)| (name.clone(), it["answer"].clone())).collect();
        (format!("{} {}", principal["sort"].as_str().unwrap(), principal["name"].as_str().unwrap()), Value::Object(words))
    };
    told["principals"].as_array().unwrap().iter().map(one).collect::<serde_json::Map<_, _>>().into()
}

fn asked(s: &Subject, more: &[&str]) -> Value {
    s.place.stack(&[&["access", "s.yaml", "--json"], more].concat()).ok().json()
}

/// The same answer to several questions.
fn all(answer: &str, names: &[&'static str]) -> Vec<(&'static str, String)> {
    names.iter().map(|&name| (name, answer.to_owned())).collect()
}

/// Without what is another one in each account.
fn anonymous(s: &Subject, text: &str) -> String {
    text.replace(&s.account.id, "ACCOUNT")
}

#[test]
fn who_may_do_what_is_asked_of_iam() {
    let s = Subject::new(SHOP);
    s.apply();
    s.proxy.take();
    let first = asked(&s, &[]);
    let calls = s.proxy.take();
    assert!(calls.iter().all(|call| !call.mutating), "nothing is changed");
    let words = answers(&first);
    let is = |who: &str, expected: Vec<Vec<(&str, String)>>| {
        for (name, answer) in expected.into_iter().flatten() {
            assert_eq!(words[who][name], answer.as_str(), "{who} {name}: {:#}", words[who]);
        }
    };
    const DATA: &[&str] = &["secrets", "files", "backups"];
    for who in ["group shop-developers-us-east-1", "user alice"] {
        // Databases' own logs are not below the stack's path.
        is(
            who,
            vec![
                all("yes", &["view", "deploy"]),
                all("some", &["logs"]),
                all("no", DATA),
                all("no", &["exec", "delete", "open", "rights"]),
            ],
        );
    }
    for who in ["group shop-operators-us-east-1", "user bob"] {
        is(who, vec![all("yes", &["view", "deploy", "exec", "delete", "open"]), all("yes", DATA), all("no", &["rights"])]);
    }
    is("group shop-auditors-us-east-1", vec![all("yes", &["view"]), all("no", DATA), all("no", &["deploy", "delete", "rights"])]);
    is(
        "role shop-release-pipeline-us-east-1",
        vec![all("yes", &["deploy", "view"]), all("no", DATA), all("no", &["logs", "rights", "exec"])],
    );
    let web = words.as_object().unwrap().keys().filter(|who| who.starts_with("role shop-web-")).count();
    assert!(web > 0, "services' roles are there: {words:#}");

    // For people and for documents, and for one alone with the reasons.
    let text = s.place.stack(&["access", "s.yaml"]).ok().stdout;
    insta::assert_snapshot!("who_may_do_what", anonymous(&s, &text));
    let markdown = s.place.stack(&["access", "s.yaml", "--format", "markdown"]).ok().stdout;
    assert!(markdown.contains("| group developers | yes | 2 of 5 | yes | no |"), "{markdown}");
    for word in ["alice", "access.users.alice"] {
        let one = s.place.stack(&["access", "s.yaml", "--for", word]).ok().stdout;
        assert!(one.contains("allowed by `group_shop-developers-us-east-1_deploy`"), "{one}");
        insta::assert_snapshot!("what_one_may_do", anonymous(&s, &one));
    }
    let nobody = s.place.stack(&["access", "s.yaml", "--for", "nobody"]).exits(64);
    assert!(nobody.words().contains("`user alice`"), "{}", nobody.stderr);

    // Answers in pages are the same answers.
    s.proxy.pages_of_one(true);
    assert_eq!(asked(&s, &[]), first);
    s.proxy.pages_of_one(false);
    s.place.stack(DESTROY).ok();
}

#[test]
fn what_others_did_shows_in_the_answers() {
    let s = Subject::new(SHOP);
    s.apply();
    s.account.boto3(
        r#"
import json
iam = client("iam")
iam.create_user(UserName="guest")
iam.add_user_to_group(GroupName="shop-operators-us-east-1", UserName="guest")
def put(user, **statement):
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Resource": "*", **statement}]})
    iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=document)
put("guest", Effect="Deny", Action="rds:Delete*")
put("alice", Effect="Allow", Action="s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})
put("bob", Effect="Deny", NotAction="iam:*", Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}})
"#,
        &Value::Null,
    );
    let told = asked(&s, &[]);
    let words = answers(&told);
    assert_eq!((&words["user guest"]["delete"], &words["user guest"]["exec"]), (&json!("denied"), &json!("yes")));
    assert_eq!(words["user alice"]["files"], "depends");
    assert_eq!(words["user bob"]["view"], "yes");
    assert_eq!(answers(&asked(&s, &["--without-mfa"]))["user bob"]["view"], "denied");
    let text = s.place.stack(&["access", "s.yaml"]).ok().stdout;
    assert!(text.contains("user guest (not in the file)"), "{text}");
    let one = s.place.stack(&["access", "s.yaml", "--for", "alice"]).ok().stdout;
    assert!(one.contains("depends on `aws:SourceIp`"), "{one}");

    // Who may not ask does not know, and that is no "no".
    s.proxy.on_call(|call| match call.operation.as_str() {
        "SimulatePrincipalPolicy" => Fault::Answer(
            403,
            "text/xml".into(),
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error><RequestId>r</RequestId></ErrorResponse>".into(),
        ),
        _ => Fault::Pass,
    });
    let denied = s.place.stack(&["access", "s.yaml", "--json"]).ok();
    let words = answers(&denied.json());
    let unknown = |who: &Value| who.as_object().unwrap().values().all(|answer| answer == "unknown");
    assert!(words.as_object().unwrap().values().all(unknown), "{words:#}");
    assert!(denied.stderr.contains("iam:SimulatePrincipalPolicy"), "{}", denied.stderr);
    s.proxy.pass();
    s.account.boto3(
        r#"
iam = client("iam")
iam.remove_user_from_group(GroupName="shop-operators-us-east-1", UserName="guest")
iam.delete_user_policy(UserName="guest", PolicyName="own")
iam.delete_user(UserName="guest")
"#,
        &Value::Null,
    );
    s.place.stack(DESTROY).ok();
}

/// What CloudTrail answers of each object that is asked about
/// (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>).
const EVENTS: &str = r#"{"Events": [
  {"EventId": "3", "EventName": "GetGroup", "ReadOnly": "true", "EventSource": "iam.amazonaws.com", "EventTime": 1795600200.0, "Username": "reader"},
  {"EventId": "2", "EventName": "AddUserToGroup", "ReadOnly": "false", "EventSource": "iam.amazonaws.com", "EventTime": 1795600100.0, "Username": "mallory"},
  {"EventId": "1", "EventName": "PutGroupPolicy", "ReadOnly": "false", "EventSource": "iam.amazonaws.com", "EventTime": 1795600000.0, "Username": "carol"},
  {"EventId": "0", "EventName": "CreateBucket", "ReadOnly": "false", "EventSource": "s3.amazonaws.com", "EventTime": 1795600000.0, "Username": "carol"}]}"#;

#[test]
fn what_changed_of_access_is_asked_of_cloudtrail() {
    let s =
        Subject::new("stack: team\nregion: eu-west-1\naccess: { groups: { developers: {} }, users: { alice: [developers] } }\n");
    s.apply();
    s.proxy.on_call(|call| match call.operation.as_str() {
        "LookupEvents" => Fault::Answer(200, "application/x-amz-json-1.1".into(), EVENTS.into()),
        _ => Fault::Pass,
    });
    s.proxy.take();
    let told = s.place.stack(&["access", "s.yaml", "--since", "7d", "--json"]).ok().json();
    let asked: Vec<_> = s.proxy.take().into_iter().filter(|call| call.operation == "LookupEvents").collect();
    assert_eq!(asked.len(), 2, "once for each");
    assert!(asked.iter().all(|call| call.region == "us-east-1"), "IAM's events are there");
    let events: Vec<&Value> = told["changes"].as_array().unwrap().iter().map(|change| &change["event"]).collect();
    assert_eq!(events, ["AddUserToGroup", "PutGroupPolicy"], "newest first, each once, and only changes of IAM");
    assert_eq!((&told["changes"][0]["by"], &told["changes"][0]["of"]), (&json!("mallory"), &json!("group developers")));
    let text = s.place.stack(&["access", "s.yaml", "--since", "7d"]).ok().stdout;
    assert!(text.contains("mallory") && text.contains("PutGroupPolicy"), "{text}");
    s.place.stack(&["access", "s.yaml", "--since", "91d"]).exits(64);

    s.proxy.on_call(|call| match call.operation.as_str() {
        "LookupEvents" => Fault::Answer(
            400,
            "application/x-amz-json-1.1".into(),
            r#"{"__type": "AccessDeniedException", "Message": "not authorized"}"#.into(),
        ),
        _ => Fault::Pass,
    });
    let denied = s.place.stack(&["access", "s.yaml", "--since", "7d"]);
    assert!(denied.code != Some(0) && denied.words().contains("cloudtrail:LookupEvents"), "{}", denied.stderr);
    s.proxy.pass();
    s.place.stack(DESTROY).ok();
}
