//! `access.auditor` and `access.break_glass`: roles that people assume, and the message when the second one is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::access::{families, managed, policies};
use super::alarms::telling;
use super::facts::Facts;
use super::objects::{AUDITOR, BREAK_GLASS};
use super::policies::policy;
use crate::aws::Tags;
use crate::aws::events::EventRule;
use crate::aws::iam::{Role, User, user_object};
use crate::aws::sns::{Subscription, Topic};
use crate::config::Stack;
use crate::config::access::{Auditor, BreakGlass, DEFAULT_EMERGENCY, Rights};
use crate::config::limits::ROLE_INLINE;
use crate::engine::{Error, Graph, Key, Ref, Resource, Scope};

/// The objects' names.
const AUDITOR_ORIGIN: &str = "access.auditor";
const BREAK_GLASS_ORIGIN: &str = "access.break_glass";

/// The managed policies of auditors: what is there and how it is set up, of the whole account.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/SecurityAudit.html>,
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ViewOnlyAccess.html>
const AUDITS: [&str; 2] = ["SecurityAudit", "ViewOnlyAccess"];

/// What auditors do not get, whoever gives it: secrets, what is stored, what is logged, and shells.
const DATA: &[&str] = &[
    "athena:GetQueryResults",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:GetRecords",
    "dynamodb:PartiQLSelect",
    "dynamodb:Query",
    "dynamodb:Scan",
    "ebs:GetSnapshotBlock",
    "ec2:GetConsoleOutput",
    "ecr:GetDownloadUrlForLayer",
    "ecs:ExecuteCommand",
    "elasticache:Connect",
    "kinesis:GetRecords",
    "kinesis:SubscribeToShard",
    "kms:Decrypt",
    "lambda:GetFunction",
    "logs:CreateExportTask",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:GetLogRecord",
    "logs:GetQueryResults",
    "logs:StartLiveTail",
    "logs:StartQuery",
    "logs:Unmask",
    "rds-data:*",
    "rds-db:connect",
    "rds:Download*",
    "rds:StartExportTask",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:GetSecretValue",
    "sqs:ReceiveMessage",
    "ssm:GetParameter",
    "ssm:GetParameterHistory",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "ssm:SendCommand",
    "ssm:StartSession",
];

/// Returns whom a trust policy names: users of the file, accounts, and ARNs as they are.
fn principals(named: &[String], stack: &Stack, scope: &Scope) -> Vec<String> {
    let one = |name: &String| match name {
        name if stack.access.users.contains_key(name) => Ref::<User>::to(user_object(name)).attr("arn").to_string(),
        account if account.bytes().all(|b| b.is_ascii_digit()) => format!("arn:{}:iam::{account}:root", scope.partition),
        arn => arn.clone(),
    };
    named.iter().map(one).collect()
}

/// Returns a trust policy that lets these in under a condition.
fn trust(principals: Vec<String>, condition: Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sts:AssumeRole"});
    if condition.as_object().is_some_and(|keys| !keys.is_empty()) {
        statement["Condition"] = condition;
    }
    policy(vec![statement])
}

fn role(trust: Value, policies: BTreeMap<String, Value>, managed: Vec<String>) -> Role {
    Role { trust, policies, managed, description: None, boundary: None, tags: Tags::new() }
}

fn auditor(section: &Auditor, stack: &Stack, scope: &Scope) -> Result<Role, Error> {
    let condition = if section.mfa { json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}) } else { json!({}) };
    let names: Vec<String> = AUDITS.iter().map(|&name| name.to_owned()).collect();
    let managed = managed(Rights { policies: &names, may: &[], statements: &[] }, scope)?;
    let no_data = policy(vec![json!({"Sid": "NoData", "Effect": "Deny", "Action": DATA, "Resource": "*"})]);
    let policies = [("no-data".to_owned(), no_data)].into();
    Ok(role(trust(principals(&section.principals, stack, scope), condition), policies, managed))
}

/// Returns the emergency role. Its sessions last up to an hour, which is the least that AWS lets a role's maximum be, and what it is
/// unless someone sets another
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>).
fn break_glass(section: &BreakGlass, stack: &Stack, graph: &Graph, scope: &Scope) -> Result<Role, Error> {
    let mut condition = json!({
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
        "NumericLessThan": {"aws:MultiFactorAuthAge": section.mfa_age.as_secs().to_string()},
    });
    // The event of a session is in the region of the endpoint that gave it
    // (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_region-endpoints.html>), and a rule sees those of its own
    // region only.
    if !section.any_region {
        condition["StringEquals"] = json!({"aws:RequestedRegion": scope.region});
    }
    let mut rights = section.rights();
    let default = [DEFAULT_EMERGENCY.to_owned()];
    if rights.policies.is_empty() && rights.may.is_empty() && rights.statements.is_empty() {
        rights.policies = &default;
    }
    let families = families(scope, graph, |name| stack.first_name(name));
    let trust = trust(principals(&section.principals, stack, scope), condition);
    Ok(role(trust, policies(rights, scope, graph, &families, &ROLE_INLINE), managed(rights, scope)?))
}

/// Returns the rule that tells the topic of each session of the role, and of each attempt that names it
/// (<https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-sts.html>).
fn used(role: &Ref<Role>, topic: &Ref<Topic>) -> EventRule {
    let parts = [
        ("role", "$.detail.requestParameters.roleArn"),
        // Callers of other accounts have no ARN there.
        ("who", "$.detail.userIdentity.arn"),
        ("principal", "$.detail.userIdentity.principalId"),
        ("account", "$.detail.userIdentity.accountId"),
        ("error", "$.detail.errorCode"),
        ("address", "$.detail.sourceIPAddress"),
        ("time", "$.detail.eventTime"),
    ];
    let sentence = "AssumeRole of the emergency role <role> was called by <who> (<principal>, account <account>) from <address> at <time>. Refused: <error>";
    let pattern = json!({
        "source": ["aws.sts"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventSource": ["sts.amazonaws.com"],
            "eventName": ["AssumeRole"],
            "requestParameters": {"roleArn": [role.clone().attr("arn").to_string()]},
        },
    });
    telling(topic, "Tells when the emergency role is assumed, or was to be", pattern, &parts, sentence)
}

/// Adds the roles, and the rule that tells of the second one where the stack has a topic of its own.
pub fn expand(graph: &mut Graph, stack: &Stack, topic: Option<&Ref<Topic>>, facts: &Facts<'_>) -> Result<(), Error> {
    if let Some(section) = &stack.access.auditor {
        graph.add(AUDITOR, AUDITOR_ORIGIN, &auditor(section, stack, facts.scope)?)?;
    }
    if let Some(section) = &stack.access.break_glass {
        let role = break_glass(section, stack, graph, facts.scope)?;
        let role = graph.add(BREAK_GLASS, BREAK_GLASS_ORIGIN, &role)?;
        if let Some(topic) = topic {
            graph.add(BREAK_GLASS, BREAK_GLASS_ORIGIN, &used(&role, topic))?;
        }
    }
    Ok(())
}

/// Returns a note where no one is notified that the emergency role is assumed.
pub fn notes(graph: &Graph) -> Option<String> {
    let has = |kind: &str| graph.get(&Key::new(kind, BREAK_GLASS)).is_some_and(|node| node.origin == BREAK_GLASS_ORIGIN);
    let is_heard = graph.nodes().any(|node| node.key.kind == Subscription::KIND && node.origin == "alarms");
    (has(Role::KIND) && !(has(EventRule::KIND) && is_heard)).then(|| {
        "No notification is sent when the role of `access.break_glass` is assumed: `alarms` has no recipient. Add \
         `alarms: { email: [ADDRESS] }`."
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            stack: "shop".into(),
            env: "production".into(),
            region: "eu-central-1".into(),
            account: "123456789012".into(),
            partition: "aws".into(),
        }
    }

    fn stack(access: Value) -> Stack {
        serde_json::from_value(json!({"stack": "shop", "region": "eu-central-1", "access": access})).unwrap()
    }

    #[test]
    fn only_those_who_are_named_get_in_and_only_with_mfa() {
        let ops = "arn:aws:iam::123456789012:role/ops";
        let stack =
            stack(json!({"users": {"a.b": []}, "break_glass": {"principals": ["a.b", ops, "210987654321"], "mfa_age": "15m"}}));
        let section = stack.access.break_glass.as_ref().unwrap();
        let role = break_glass(section, &stack, &Graph::default(), &scope()).unwrap();
        let user = format!("${{iam.user/{}.arn}}", user_object("a.b"));
        let expected = json!({
            "Effect": "Allow",
            "Principal": {"AWS": [user, ops, "arn:aws:iam::210987654321:root"]},
            "Action": "sts:AssumeRole",
            "Condition": {
                "Bool": {"aws:MultiFactorAuthPresent": "true"},
                "NumericLessThan": {"aws:MultiFactorAuthAge": "900"},
                "StringEquals": {"aws:RequestedRegion": "eu-central-1"},
            },
        });
        assert_eq!(role.trust["Statement"], json!([expected]));
        assert_eq!(role.managed, ["arn:aws:iam::aws:policy/PowerUserAccess"]);
        let anywhere = BreakGlass { any_region: true, ..section.clone() };
        let trust = break_glass(&anywhere, &stack, &Graph::default(), &scope()).unwrap().trust.to_string();
        assert!(!trust.contains("RequestedRegion") && trust.contains("MultiFactorAuthAge"), "{trust}");
    }

    #[test]
    fn auditors_are_denied_data_whatever_else_they_have() {
        let stack = stack(json!({"auditor": {"principals": ["123456789012"], "mfa": false}}));
        let role = auditor(stack.access.auditor.as_ref().unwrap(), &stack, &scope()).unwrap();
        assert!(role.trust["Statement"][0].get("Condition").is_none(), "{}", role.trust);
        assert_eq!(role.policies["no-data"]["Statement"][0]["Effect"], "Deny");
        assert_eq!(role.managed.len(), 2);
        assert!(DATA.is_sorted());
    }

    #[test]
    fn nobody_told_is_said() {
        let stack = stack(json!({"break_glass": {"principals": ["123456789012"]}}));
        let role = break_glass(stack.access.break_glass.as_ref().unwrap(), &stack, &Graph::default(), &scope()).unwrap();
        let mut graph = Graph::default();
        assert_eq!(notes(&graph), None);
        let role = graph.add(BREAK_GLASS, BREAK_GLASS_ORIGIN, &role).unwrap();
        assert!(notes(&graph).unwrap().contains("access.break_glass"));
        graph.add(BREAK_GLASS, BREAK_GLASS_ORIGIN, &used(&role, &Ref::to("alarms"))).unwrap();
        assert!(notes(&graph).is_some(), "a topic that nobody hears");
        let subscription =
            Subscription { topic: Ref::to("alarms"), protocol: "email".into(), endpoint: "ops@example.com".into() };
        graph.add("alarms", "alarms", &subscription).unwrap();
        assert_eq!(notes(&graph), None);
    }
}
