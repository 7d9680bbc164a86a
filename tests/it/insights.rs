//! `logs.queries`, which CloudWatch Logs Insights keeps, and the log of sessions of ECS Exec.

use serde_json::{Value, json};

use crate::support::proxy::Call;
use crate::support::subject::{APPLY, DESTROY, Subject, run_and_kill_when};

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
services:
  web: { image: "nginx:1.27", port: 80, public: true, count: 0 }
  api: { image: "nginx:1.27", port: 80, public: true, count: 0, exec: false }
logs:
  queries:
    errors: { query: "filter @message like /ERROR/ | stats count(*) by bin(5m)" }
    refused: { of: [network], query: "filter action = 'REJECT' | stats count(*) by srcAddr" }
access:
  groups: { viewers: { may: [view] } }
"#;

const QUERIES: &str = r##"
found = client("logs").describe_query_definitions()["queryDefinitions"]
result = sorted([one["name"], one["queryString"], sorted(one["logGroupNames"])] for one in found)
"##;

const COMMENT: &str = "# kept by stack: shop/default in us-east-1\n";
const ERRORS: &str = "filter @message like /ERROR/ | stats count(*) by bin(5m)";
const REFUSED: &str = "filter action = 'REJECT' | stats count(*) by srcAddr";

fn queries(s: &Subject) -> Value {
    s.account.boto3(QUERIES, &Value::Null)
}

fn kept(name: &str, query: &str, groups: &[&str]) -> Value {
    let groups: Vec<String> = groups.iter().map(|group| format!("/stack/shop/default/{group}")).collect();
    json!([format!("shop/default/{name}"), format!("{COMMENT}{query}"), groups])
}

#[test]
fn queries_are_kept_with_the_logs() {
    let s = Subject::new(FILE);
    // Killed before and after it is made: there is one.
    for reaches in [false, true] {
        assert!(run_and_kill_when(&s, APPLY, reaches, |call: &Call| call.name() == "logs:PutQueryDefinition"), "{reaches}");
    }
    s.apply();
    s.assert_in_step();
    let refused = kept("refused", REFUSED, &["network/flow"]);
    assert_eq!(queries(&s), json!([kept("errors", ERRORS, &["api", "web"]), refused]));

    // What someone edited is undone, and their own query in the same folder is not taken.
    let by_hand = r#"
logs = client("logs")
for one in logs.describe_query_definitions()["queryDefinitions"]:
    if one["name"].endswith("errors"):
        logs.put_query_definition(queryDefinitionId=one["queryDefinitionId"], name=one["name"], queryString=one["queryString"] + " | limit 1")
logs.put_query_definition(name="shop/default/theirs", queryString="fields @message")
"#;
    s.account.boto3(by_hand, &Value::Null);
    assert_eq!(s.changes(), ["update logs.query_definition/errors"]);
    s.apply();
    s.assert_in_step();
    let theirs = json!(["shop/default/theirs", "fields @message", []]);
    assert_eq!(queries(&s), json!([kept("errors", ERRORS, &["api", "web"]), refused, theirs]));

    s.write("errors: { query", "errors: { of: [services.web], query");
    assert_eq!(s.changes(), ["update logs.query_definition/errors"]);
    s.apply();
    s.write("of: [services.web]", "of: [services.wbe]");
    let wrong = s.place.stack(&["plan", "s.yaml"]).exits(65);
    assert!(
        wrong.stderr.contains("`services.wbe` has no log group") && wrong.stderr.contains("did you mean `services.web`?"),
        "{}",
        wrong.stderr
    );
    s.write("of: [services.wbe]", "of: [services.web]");
    assert!(run_and_kill_when(&s, DESTROY, true, |call: &Call| call.name() == "logs:DeleteQueryDefinition"));
    s.place.stack(DESTROY).ok();
    assert_eq!(queries(&s), json!([theirs]));
}

/// Where sessions are logged, whether what serves them may write there, and what viewers are denied.
const SESSIONS: &str = r#"
ecs, iam = client("ecs"), client("iam")
[cluster] = ecs.describe_clusters(clusters=["shop"], include=["CONFIGURATIONS"])["clusters"]
exec = cluster.get("configuration", {}).get("executeCommandConfiguration", {})
logs = {one["logGroupName"]: one.get("retentionInDays") for one in client("logs").describe_log_groups(logGroupNamePrefix="/stack/shop/default/exec")["logGroups"]}
role = ecs.describe_task_definition(taskDefinition="shop-api")["taskDefinition"]["taskRoleArn"].split("/")[-1]
writes = []
for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
    for statement in iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]:
        actions = [action for action in statement["Action"] if action.startswith("logs:")]
        if actions:
            writes.append([actions, statement["Resource"]])
[group] = [one["GroupName"] for one in iam.list_groups()["Groups"]]
view = iam.get_group_policy(GroupName=group, PolicyName="view")["PolicyDocument"]["Statement"]
result = {"logging": exec.get("logging"), "key": exec.get("kmsKeyId"), "to": exec.get("logConfiguration", {}).get("cloudWatchLogGroupName"), "logs": logs, "writes": writes,
    "denied": [one["Resource"].split(":log-group:")[-1] for one in view if one["Effect"] == "Deny"]}
"#;

#[test]
fn sessions_in_containers_are_logged() {
    let s = Subject::new(FILE);
    s.apply();
    let none = json!({"logging": null, "key": null, "to": null, "logs": {}, "writes": [], "denied": []});
    assert_eq!(s.account.boto3(SESSIONS, &Value::Null), none);

    s.write("exec: false", "exec: true");
    s.apply();
    s.assert_in_step();
    let group = "/stack/shop/default/exec/sessions";
    let seen = s.account.boto3(SESSIONS, &Value::Null);
    assert_eq!((&seen["logging"], &seen["to"], &seen["logs"]), (&json!("OVERRIDE"), &json!(group), &json!({group: 365})));
    assert_eq!(seen["denied"], json!(["*/exec/sessions*"]), "a shell shows what a container knows");
    let writes = json!(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]);
    assert_eq!(seen["writes"][0], json!([["logs:DescribeLogGroups"], ["*"]]));
    assert_eq!(seen["writes"][1][0], writes);
    assert!(seen["writes"][1][1][0].as_str().unwrap().ends_with(&format!("{group}:*")), "{seen}");

    // Turned off by someone else, it is turned on again.
    let by_hand = r#"
exec = {"logging": "NONE", "kmsKeyId": "alias/theirs"}
client("ecs").update_cluster(cluster="shop", configuration={"executeCommandConfiguration": exec})
"#;
    s.account.boto3(by_hand, &Value::Null);
    assert_eq!(s.changes(), ["update ecs.cluster/main"]);
    s.apply();
    s.assert_in_step();
    let seen = s.account.boto3(SESSIONS, &Value::Null);
    assert_eq!((&seen["to"], &seen["key"]), (&json!(group), &json!("alias/theirs")), "what else is set stays");

    // Without shells the log is deleted, with its lines: that needs consent.
    let session = r#"
import time
logs = client("logs")
logs.create_log_stream(logGroupName=args, logStreamName="ecs-execute-command-1")
logs.put_log_events(logGroupName=args, logStreamName="ecs-execute-command-1", logEvents=[{"timestamp": int(time.time() * 1000), "message": "whoami"}])
"#;
    s.account.boto3(session, &json!(group));
    s.write("exec: true", "exec: false");
    s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "logs.log_group/exec-sessions"]).ok();
    s.assert_in_step();
    let off = json!({"logging": "DEFAULT", "key": "alias/theirs", "to": null, "logs": {}, "writes": [], "denied": []});
    assert_eq!(s.account.boto3(SESSIONS, &Value::Null), off);
}

#[test]
fn container_insights_can_be_off() {
    const CLUSTER: &str = r#"
[cluster] = client("ecs").describe_clusters(clusters=["shop"], include=["SETTINGS"])["clusters"]
groups = client("logs").describe_log_groups(logGroupNamePrefix="/aws/ecs/containerinsights/")["logGroups"]
result = [cluster["settings"][0]["value"], len(groups)]
"#;
    let services = FILE.split("logs:\n").next().unwrap();
    let s = Subject::new(&format!("{services}logs: {{ container_insights: false }}\n"));
    let seen = || s.account.boto3(CLUSTER, &Value::Null);
    s.apply();
    s.assert_in_step();
    assert_eq!(seen(), json!(["disabled", 0]));
    s.write("insights: false", "insights: true");
    assert_eq!(s.changes(), ["create logs.log_group/container-insights", "update ecs.cluster/main"]);
    s.apply();
    s.assert_in_step();
    assert_eq!(seen(), json!(["enabled", 1]));
    // What was measured is deleted only with consent.
    let measured = r#"
import time
logs, name = client("logs"), "/aws/ecs/containerinsights/shop/performance"
logs.create_log_stream(logGroupName=name, logStreamName="one")
logs.put_log_events(logGroupName=name, logStreamName="one", logEvents=[{"timestamp": int(time.time() * 1000), "message": "{}"}])
"#;
    s.account.boto3(measured, &Value::Null);
    s.write("insights: true", "insights: false");
    let refused = s.place.stack(APPLY).exits(4);
    assert!(refused.stderr.contains("--allow-delete logs.log_group/container-insights"), "{}", refused.stderr);
    s.place.stack(&[APPLY, &["--allow-delete", "logs.log_group/container-insights"]].concat()).ok();
    s.assert_in_step();
    assert_eq!(seen(), json!(["disabled", 0]));
}
