//! `access.auditor`, `access.break_glass` and `access.mfa`: roles that people assume, who is told, and what nobody does without MFA.

use serde_json::{Value, json};

use crate::support::subject::{Subject, behind, edit};

const SHOP: &str = r#"
stack: shop
region: us-east-1
alarms: { email: [ops@example.com] }
resources:
  s3.bucket: { uploads: {} }
access:
  groups: { developers: { policies: [PowerUserAccess] } }
  users: { alice: [developers] }
  auditor: { principals: [alice] }
  break_glass: { principals: [alice], mfa_age: 15m }
"#;

/// What another client sees: whom the roles let in, which rules tell whom, and who may publish to the topic.
const SEEN: &str = r#"
import json
iam, events, sns = client("iam"), client("events"), client("sns")
result = {"roles": {}, "rules": {}, "publishers": []}
for role in iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]:
    if role["Path"].startswith("/stack/"):
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        result["roles"][role["RoleName"]] = {
            "principal": statement["Principal"], "condition": statement.get("Condition"),
            "managed": sorted(policy["PolicyName"] for policy in role["AttachedManagedPolicies"]),
            "inline": sorted(policy["PolicyName"] for policy in role["RolePolicyList"]),
        }
for rule in events.list_rules()["Rules"]:
    targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    result["rules"][rule["Name"]] = {"pattern": json.loads(rule["EventPattern"]), "targets": [target["Arn"] for target in targets]}
for topic in sns.list_topics()["Topics"]:
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]["Policy"])
    result["publishers"] += [statement["Principal"].get("Service") for statement in policy["Statement"]]
"#;

fn answer<'a>(told: &'a Value, name: &str, question: &str) -> &'a Value {
    let all = told["principals"].as_array().unwrap();
    let one = all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name} in {told:#}"));
    &one["may"][question]["answer"]
}

#[test]
fn people_assume_roles_with_mfa_and_are_told_of() {
    const AUDITOR: &str = "shop-auditor-us-east-1";
    const EMERGENCY: &str = "shop-break-glass-us-east-1";
    let s = Subject::new(SHOP);
    s.apply();
    s.assert_in_step();
    let seen = s.account.boto3(SEEN, &Value::Null);
    let alice = format!("arn:aws:iam::{}:user/stack/shop/default/us-east-1/alice", s.account.id);
    let auditor = &seen["roles"][AUDITOR];
    assert_eq!(auditor["condition"], json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}));
    assert_eq!((&auditor["managed"], &auditor["inline"]), (&json!(["SecurityAudit", "ViewOnlyAccess"]), &json!(["no-data"])));
    let emergency = &seen["roles"][EMERGENCY];
    assert!(emergency["principal"].to_string().contains(&alice), "{emergency}");
    assert_eq!(
        emergency["condition"],
        json!({
            "Bool": {"aws:MultiFactorAuthPresent": "true"},
            "NumericLessThan": {"aws:MultiFactorAuthAge": "900"},
            "StringEquals": {"aws:RequestedRegion": "us-east-1"},
        })
    );
    let rule = &seen["rules"]["shop-break-glass"];
    let role = format!("arn:aws:iam::{}:role/stack/shop/default/us-east-1/{EMERGENCY}", s.account.id);
    assert_eq!(rule["pattern"]["detail"]["requestParameters"], json!({"roleArn": [role]}));
    assert_eq!(rule["targets"], json!([format!("arn:aws:sns:us-east-1:{}:shop-alarms", s.account.id)]));
    assert!(seen["publishers"].as_array().unwrap().contains(&json!("events.amazonaws.com")), "{seen:#}");
    let outputs = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    assert_eq!(outputs["access.break_glass"], role.as_str());

    // They are among those who are asked about.
    let told = s.place.stack(&["access", "s.yaml", "--json"]).ok().json();
    for (question, auditor, emergency) in [("files", "denied", "yes"), ("rights", "no", "no")] {
        assert_eq!(answer(&told, AUDITOR, question), auditor, "{question}");
        assert_eq!(answer(&told, EMERGENCY, question), emergency, "{question}");
    }
    for word in ["break_glass", "access.break_glass", EMERGENCY] {
        let one = s.place.stack(&["access", "s.yaml", "--for", word]).ok().stdout;
        assert!(one.contains(&format!("assumed by {alice}, with MFA")), "{one}");
    }

    // Another trust is drift, and an edit changes the role alone.
    let open = format!(
        r#"
import json
iam = client("iam")
statement = {{"Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::{}:root"}}, "Action": "sts:AssumeRole"}}
iam.update_assume_role_policy(RoleName="{EMERGENCY}", PolicyDocument=json.dumps({{"Version": "2012-10-17", "Statement": [statement]}}))
"#,
        s.account.id
    );
    behind(&s, &open, &["update iam.role/break-glass"]);
    edit(&s, "mfa_age: 15m", "mfa_age: 30m", &["update iam.role/break-glass"]);
    behind(&s, "client('events').disable_rule(Name='shop-break-glass')", &["update events.rule/break-glass"]);

    // Without a topic nobody is told, and the plan says so.
    let path = s.place.path().join("s.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("alarms: { email: [ops@example.com] }\n", "")).unwrap();
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(
        plan.words().contains("No notification is sent when the role of `access.break_glass` is assumed"),
        "{}{}",
        plan.stdout,
        plan.stderr
    );
    std::fs::write(&path, &text).unwrap();

    edit(
        &s,
        "  break_glass: { principals: [alice], mfa_age: 30m }\n",
        "",
        &["delete events.rule/break-glass", "delete iam.role/break-glass", "update sns.topic/alarms"],
    );
    s.destroy();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn without_mfa_members_can_only_register_a_device() {
    let s = Subject::new(SHOP);
    s.apply();
    edit(&s, "access:\n", "access:\n  mfa: required\n", &["update iam.group/developers"]);
    let asked = |more: &[&str]| s.place.stack(&[&["access", "s.yaml", "--json"], more].concat()).ok().json();
    let (with, without) = (asked(&[]), asked(&["--without-mfa"]));
    for who in ["alice", "shop-developers-us-east-1"] {
        assert_eq!((answer(&with, who, "files"), answer(&without, who, "files")), (&json!("yes"), &json!("denied")), "{who}");
    }
    // By IAM's own words: what a person without a device needs, on the own one only, and nothing with a key alone.
    let decided = s.account.boto3(
        r#"
iam = client("iam")
alice = next(user["Arn"] for user in iam.list_users()["Users"])
def decide(action, resource, **mfa):
    context = [{"ContextKeyName": "aws:MultiFactorAuthPresent", "ContextKeyType": "boolean", "ContextKeyValues": [value]} for value in mfa.values()]
    told = iam.simulate_principal_policy(PolicySourceArn=alice, ActionNames=[action], ResourceArns=[resource], ContextEntries=context)
    return told["EvaluationResults"][0]["EvalDecision"]
result = {
    "register": decide("iam:EnableMFADevice", alice, mfa="false"),
    "register another's": decide("iam:EnableMFADevice", alice + "2", mfa="false"),
    "remove": decide("iam:DeactivateMFADevice", alice, mfa="false"),
    "remove with it": decide("iam:DeactivateMFADevice", alice, mfa="true"),
    "key": decide("s3:GetObject", "arn:aws:s3:::a/b"),
    "session": decide("s3:GetObject", "arn:aws:s3:::a/b", mfa="true"),
}
"#,
        &Value::Null,
    );
    assert_eq!(
        decided,
        json!({
            "register": "allowed", "register another's": "implicitDeny", "remove": "explicitDeny", "remove with it": "allowed",
            "key": "explicitDeny", "session": "allowed",
        })
    );
    // A group of programs goes without, and nothing else changes.
    edit(
        &s,
        "developers: { policies: [PowerUserAccess] }",
        "developers: { policies: [PowerUserAccess], mfa: optional }",
        &["update iam.group/developers"],
    );
    s.destroy();
}

#[test]
fn principals_that_cannot_be_are_refused() {
    let s = Subject::new(
        "stack: shop
region: us-east-1
access:
  groups: { developers: {} }
  users: { alice: [developers] }
  auditor: { principals: [developers, alicia, \"arn:aws:sts::123456789012:assumed-role/a/b\", \"*\"] }
  break_glass: { principals: [], mfa_age: 5s }
",
    );
    insta::assert_snapshot!(s.place.stack(&["validate", "s.yaml"]).exits(65).stderr);
}
