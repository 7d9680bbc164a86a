//! `access`: IAM groups, users, and the roles of pipelines.
//!
//! What a group `may` do is expressed by ARNs of this stack's account, region and paths, and by the tags `stack:name` and
//! `stack:env` that every object of the stack carries. Where AWS knows neither for an action, it is in a statement of
//! its own, on `*`, and only reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::facts::Facts;
use super::policies::{policy, statement};
use super::services::SESSIONS;
use crate::aws::Tags;
use crate::aws::iam::{Group, PasswordPolicy, User, user_object};
use crate::aws::logs::LogGroup;
use crate::aws::ownership::names;
use crate::config::Stack;
use crate::config::access::{self, Mfa, Permission, Rights, managed_arn};
use crate::config::limits::{GROUP_INLINE, Limit};
use crate::engine::token;
use crate::engine::token::Token;
use crate::engine::{Class, Error, Graph, Key, Ref, Resource, Scope};

/// The bucket of static files, as `cdn` calls it.
const ASSETS: &str = "s3.bucket/assets";
/// The inline policy of `may: [deploy]`.
const DEPLOY: &str = "deploy";
/// The inline policy of `mfa: required`.
const MFA: &str = "mfa";

fn arn(scope: &Scope, service: &str, resource: &str) -> String {
    format!("arn:{}:{service}:{}:{}:{resource}", scope.partition, scope.region, scope.account)
}

/// Returns the condition that the object belongs to this stack and environment.
fn of_stack(scope: &Scope, key: &str) -> Value {
    json!({"StringEquals": {
        format!("aws:{key}/stack:name"): scope.stack,
        format!("aws:{key}/stack:env"): scope.env,
    }})
}

fn cluster(scope: &Scope) -> String {
    arn(scope, "ecs", &format!("cluster/{}", names::fit(&scope.prefix(), "main", 1, 255)))
}

/// Returns the policy that allows seeing what is running and reading its logs. Where sessions of ECS Exec are logged, those are read by
/// nobody who has it, nor those of other stacks: a shell shows what a container knows, its passwords among it.
fn view(scope: &Scope, logs_sessions: bool) -> Value {
    // Names of stacks can be long, and IAM takes only so much.
    let sessions = format!("arn:{}:logs:*:*:log-group:*/exec/sessions*", scope.partition);
    let sessions = logs_sessions.then(|| json!({"Effect": "Deny", "Action": "logs:*", "Resource": sessions}));
    let mut statements = viewed(scope);
    statements.extend(sessions);
    policy(statements)
}

fn viewed(scope: &Scope) -> Vec<Value> {
    vec![
        json!({
            "Sid": "Objects",
            "Effect": "Allow",
            "Action": [
                "ecs:DescribeClusters", "ecs:DescribeServices", "ecs:DescribeTasks", "ecs:ListTagsForResource",
                "elasticache:DescribeReplicationGroups", "rds:DescribeDBInstances",
            ],
            "Resource": [
                arn(scope, "ecs", "*"), arn(scope, "elasticache", "replicationgroup:*"), arn(scope, "rds", "db:*"),
            ],
            "Condition": of_stack(scope, "ResourceTag"),
        }),
        json!({
            "Sid": "Lists",
            "Effect": "Allow",
            "Action": ["ecs:ListServices", "ecs:ListTasks"],
            "Resource": "*",
            "Condition": {"ArnEquals": {"ecs:cluster": cluster(scope)}},
        }),
        json!({
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": ["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartLiveTail", "logs:StartQuery"],
            "Resource": arn(scope, "logs", &format!("log-group:/stack/{}/{}/*", scope.stack, scope.env)),
        }),
        // AWS allows these on everything or not at all. They show states, not contents.
        json!({
            "Sid": "Everywhere",
            "Effect": "Allow",
            "Action": [
                "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingActivities",
                "application-autoscaling:DescribeScalingPolicies", "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics",
                "cloudwatch:ListMetrics", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
                "ec2:DescribeVpcs", "ecs:DescribeTaskDefinition", "ecs:ListClusters", "elasticloadbalancing:Describe*",
                "logs:DescribeLogGroups", "logs:GetQueryResults", "logs:StopQuery",
            ],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:RequestedRegion": scope.region}},
        }),
    ]
}

/// Returns the families of the stack's services, without those of the archive's jobs: nobody deploys them but an apply. What was renamed
/// in the file keeps its family: `called` returns its first name.
pub(super) fn families<'a>(scope: &Scope, graph: &'a Graph, called: impl Fn(&'a str) -> &'a str) -> Vec<String> {
    let is_job = |origin: &str| origin.starts_with("archive.");
    let services = graph.nodes().filter(|node| node.key.kind == "ecs.task_definition" && !is_job(&node.origin));
    services.map(|node| names::fit(&scope.prefix(), called(&node.key.name), 1, 255)).collect()
}

/// Returns a pattern for all families of the stack, and those of a stack whose name begins like it: used where IAM takes no more.
fn any_family(scope: &Scope) -> String {
    format!("{}-*", scope.prefix())
}

/// Returns the greatest length of policies as IAM counts it, without white space, when their references are filled in.
fn longest<'a>(policies: impl Iterator<Item = &'a Value>) -> usize {
    let one = |policy: &Value| {
        let literals: usize = token::literals(&policy.to_string())
            .iter()
            .map(|text| text.split_whitespace().map(|word| word.chars().count()).sum::<usize>())
            .sum();
        let mut filled_in = 0;
        token::visit(policy, &mut |token| {
            filled_in += match token {
                Token::Named { key, .. } if key.kind == "ec2.subnet" => "subnet-0123456789abcdef0".len(),
                // The ARN of a bucket, of 63 characters at most.
                _ => "arn:aws-us-gov:s3:::".len() + 63,
            };
        });
        literals + filled_in
    };
    policies.map(one).sum()
}

/// Returns the policy that allows releasing new versions of the services, changing how many tasks run, and pushing static files. With
/// the AWS CLI or a pipeline, that is: `stack` itself reads the whole account, so deploying with it needs `ReadOnlyAccess` too.
fn deploy(scope: &Scope, graph: &Graph, families: &[String]) -> Value {
    let services = graph.nodes().filter(|node| node.key.kind == "ecs.service");
    let mut subnets: Vec<&Value> = services.filter_map(|node| node.desired.get("subnets")?.as_array()).flatten().collect();
    subnets.sort_by_key(|subnet| subnet.to_string());
    subnets.dedup();
    let mut statements = Vec::new();
    if !families.is_empty() {
        // What is said of a service is only what this stack says of its services too: its families, its subnets, no public
        // address, no shell. What a call does not mention stays as it is.
        let mut update = of_stack(scope, "ResourceTag");
        // In short, part by part (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>):
        // a service takes revisions of its own account and region only.
        let short: Vec<String> = families.iter().map(|family| format!("arn:*:ecs:*:*:task-definition/{family}:*")).collect();
        update["ArnLikeIfExists"] = json!({"ecs:task-definition": short});
        update["StringEqualsIfExists"] =
            json!({"ecs:auto-assign-public-ip": ["DISABLED", "false"], "ecs:enable-execute-command": "false"});
        update["ForAllValues:StringEquals"] = json!({"ecs:subnet": subnets});
        statements.extend([
            json!({
                "Sid": "Services",
                "Effect": "Allow",
                "Action": ["ecs:DescribeServices", "ecs:DescribeTasks", "ecs:StopTask"],
                "Resource": [arn(scope, "ecs", "service/*"), arn(scope, "ecs", "task/*")],
                "Condition": of_stack(scope, "ResourceTag"),
            }),
            json!({
                "Sid": "Releases",
                "Effect": "Allow",
                "Action": "ecs:UpdateService",
                "Resource": arn(scope, "ecs", "service/*"),
                "Condition": update,
            }),
            // A new revision is of this stack when it says so in the call that makes it. The families are named: one that is
            // called like this stack's could be another's.
            json!({
                "Sid": "Revisions",
                "Effect": "Allow",
                "Action": "ecs:RegisterTaskDefinition",
                "Resource": families.iter().map(|family| arn(scope, "ecs", &format!("task-definition/{family}:*"))).collect::<Vec<_>>(),
                "Condition": of_stack(scope, "RequestTag"),
            }),
            json!({
                "Sid": "RevisionTags",
                "Effect": "Allow",
                "Action": "ecs:TagResource",
                // Only with a registration, which is held to the families.
                "Resource": arn(scope, "ecs", &format!("task-definition/{}*:*", scope.prefix())),
                "Condition": {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
            }),
        ]);
    }
    statements.extend([
        // AWS allows this on everything or not at all: who deploys sees the environment variables of every service of the account.
        json!({"Sid": "ReadRevisions", "Effect": "Allow", "Action": "ecs:DescribeTaskDefinition", "Resource": "*"}),
        // The roles of this stack, to tasks and to nothing else: whoever could pass another role would have its rights.
        json!({
            "Sid": "Roles",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": format!(
                "arn:{}:iam::{}:role/stack/{}/{}/{}/*", scope.partition, scope.account, scope.stack, scope.env, scope.region
            ),
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        }),
    ]);
    let bucket = ASSETS.parse::<Key>().ok().filter(|key| graph.get(key).is_some());
    if bucket.is_some() {
        let bucket = format!("${{{ASSETS}.arn}}");
        statements.push(json!({
            "Sid": "Files",
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
            "Resource": [bucket, format!("{bucket}/*")],
        }));
        statements.push(json!({
            "Sid": "Invalidations",
            "Effect": "Allow",
            "Action": ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"],
            "Resource": format!("arn:{}:cloudfront::{}:distribution/*", scope.partition, scope.account),
            "Condition": of_stack(scope, "ResourceTag"),
        }));
    }
    policy(statements)
}

/// Returns the policy that allows opening a shell in a running container. (The services say which containers have one.)
fn exec(scope: &Scope) -> Value {
    policy(vec![
        json!({
            "Effect": "Allow",
            "Action": ["ecs:DescribeTasks", "ecs:ExecuteCommand"],
            "Resource": [cluster(scope), arn(scope, "ecs", "task/*")],
            "Condition": of_stack(scope, "ResourceTag"),
        }),
        json!({
            "Effect": "Allow",
            "Action": "ecs:ListTasks",
            "Resource": "*",
            "Condition": {"ArnEquals": {"ecs:cluster": cluster(scope)}},
        }),
    ])
}

/// Returns the policy that denies everything but registering an MFA device to whoever has not signed in with one. Keys without a
/// session have none, and are denied, too
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_my-sec-creds-self-manage-mfa-only.html>).
fn mfa(scope: &Scope) -> Value {
    const OWN: [&str; 6] = [
        "iam:EnableMFADevice",
        "iam:GetMFADevice",
        "iam:GetUser",
        "iam:ListMFADevices",
        "iam:ResyncMFADevice",
        "iam:CreateVirtualMFADevice",
    ];
    let iam = |rest: &str| format!("arn:{}:iam::{}:{rest}", scope.partition, scope.account);
    // Users have a path, which the variable does not have.
    let own = [iam("user/${aws:username}"), iam("user/*/${aws:username}")];
    let device = iam("mfa/*");
    let free: Vec<&str> = OWN.into_iter().chain(["iam:ListVirtualMFADevices", "sts:GetSessionToken"]).collect();
    policy(vec![
        json!({"Sid": "Devices", "Effect": "Allow", "Action": "iam:ListVirtualMFADevices", "Resource": "*"}),
        json!({"Sid": "Create", "Effect": "Allow", "Action": "iam:CreateVirtualMFADevice", "Resource": device}),
        json!({"Sid": "Own", "Effect": "Allow", "Action": &OWN[..5], "Resource": own}),
        json!({
            "Sid": "Leave", "Effect": "Allow", "Action": "iam:DeactivateMFADevice", "Resource": own,
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        }),
        json!({
            "Sid": "OnlyWithMfa", "Effect": "Deny", "NotAction": free, "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        }),
    ])
}

/// Returns the inline policies of a group or a role, which take no more than `limit`.
pub(super) fn policies(
    rights: Rights<'_>,
    scope: &Scope,
    graph: &Graph,
    families: &[String],
    limit: &Limit,
) -> BTreeMap<String, Value> {
    let logs_sessions = graph.nodes().any(|node| node.key.kind == LogGroup::KIND && node.key.name == SESSIONS);
    let mut out: BTreeMap<String, Value> = rights
        .may
        .iter()
        .map(|permission| match permission {
            Permission::View => ("view".to_owned(), view(scope, logs_sessions)),
            Permission::Deploy => (DEPLOY.to_owned(), deploy(scope, graph, families)),
            Permission::Exec => ("exec".to_owned(), exec(scope)),
        })
        .collect();
    if !rights.statements.is_empty() {
        out.insert("statements".into(), policy(rights.statements.iter().map(statement).collect()));
    }
    if rights.may.contains(&Permission::Deploy) && !families.is_empty() && longest(out.values()) > limit.most {
        out.insert(DEPLOY.into(), deploy(scope, graph, &[any_family(scope)]));
    }
    out
}

/// Returns the ARNs of managed policies.
pub(super) fn managed(rights: Rights<'_>, scope: &Scope) -> Result<Vec<String>, Error> {
    rights.policies.iter().map(|policy| arn_of(policy, scope)).collect()
}

pub(super) fn arn_of(policy: &str, scope: &Scope) -> Result<String, Error> {
    let unknown = || Error::new(Class::Invalid, format!("`{policy}` is not an AWS managed policy that this version knows"));
    managed_arn(policy, &scope.partition).ok_or_else(unknown)
}

/// Returns notes about groups and pipelines whose rights reach further than their words, because IAM takes no more of them.
pub fn notes(graph: &Graph, scope: &Scope) -> Vec<String> {
    let any = any_family(scope);
    let reaches_far =
        |policies: &Value| policies.get(DEPLOY).is_some_and(|deploy| deploy.to_string().contains(&format!("/{any}:*")));
    let groups = graph.nodes().filter(|node| {
        matches!(node.key.kind.as_str(), "iam.group" | "iam.role") && node.desired.get("policies").is_some_and(reaches_far)
    });
    let one = |group: &str| {
        format!(
            "The names of all services do not fit into what IAM takes of the policies of `{group}`, so it may deploy whatever is \
             called `{any}`: services of a stack `{}-…` of this account and region, too, if there is one. Give such a stack another \
             name, or give `deploy` to a group that has nothing else.",
            scope.prefix()
        )
    };
    groups.map(|node| one(&node.origin)).collect()
}

/// Returns the account's password policy. Who must have a stronger password must be able to choose one.
fn password_policy(section: &access::PasswordPolicy) -> PasswordPolicy {
    PasswordPolicy {
        min_length: Some(section.min_length),
        contains: section.contains.iter().map(|sort| sort.as_str().to_owned()).collect(),
        remember: Some(section.remember),
        max_age_days: section.max_age.map(|age| i32::try_from(age.as_secs() / 86_400).unwrap_or(i32::MAX)),
        users_may_change: Some(true),
    }
}

pub fn expand(graph: &mut Graph, stack: &Stack, facts: &Facts<'_>) -> Result<(), Error> {
    let mut groups: BTreeMap<&str, Ref<Group>> = BTreeMap::new();
    let families = families(facts.scope, graph, |name| stack.first_name(name));
    for (name, section) in &stack.access.groups {
        let needs_mfa = section.mfa.unwrap_or(stack.access.mfa) == Mfa::Required;
        let mfa = needs_mfa.then(|| mfa(facts.scope));
        // What it has besides must fit, too.
        let limit = Limit { most: GROUP_INLINE.most - mfa.as_ref().map_or(0, |mfa| longest([mfa].into_iter())), ..GROUP_INLINE };
        let mut policies = policies(section.rights(), facts.scope, graph, &families, &limit);
        policies.extend(mfa.map(|mfa| (MFA.to_owned(), mfa)));
        let group = Group { managed: managed(section.rights(), facts.scope)?, policies, others: Vec::new() };
        groups.insert(name.as_str(), graph.add(name.as_str(), &format!("access.groups.{name}"), &group)?);
    }
    for (name, member) in &stack.access.users {
        let mut refs: Vec<Ref<Group>> = Vec::new();
        for group in member.iter().filter_map(|group| groups.get(group.as_str())) {
            if !refs.contains(group) {
                refs.push(group.clone());
            }
        }
        let user = User {
            name: name.clone(),
            groups: refs,
            policies: BTreeMap::new(),
            managed: Vec::new(),
            boundary: None,
            tags: Tags::new(),
        };
        graph.add(user_object(name), &format!("access.users.{name}"), &user)?;
    }
    if let Some(section) = &stack.access.password_policy {
        graph.add("account", "access.password_policy", &password_policy(section))?;
    }
    Ok(())
}

/// Gives the permissions boundary to all roles and users that do not say another.
pub fn limit(graph: &mut Graph, stack: &Stack, scope: &Scope) -> Result<(), Error> {
    let Some(boundary) = &stack.access.boundary else { return Ok(()) };
    let arn = arn_of(boundary, scope)?;
    for node in graph.nodes_mut().filter(|node| matches!(node.key.kind.as_str(), "iam.role" | "iam.user" | "sso.permission_set"))
    {
        if let Some(fields) = Arc::make_mut(&mut node.desired).as_object_mut() {
            fields.entry("boundary").or_insert_with(|| Value::String(arn.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            stack: "webapp".into(),
            env: "production".into(),
            region: "eu-central-1".into(),
            account: "123456789012".into(),
            partition: "aws".into(),
        }
    }

    /// Statement by statement: actions, resources, and the whole.
    fn statements(policy: &Value) -> Vec<(Vec<String>, Vec<String>, Value)> {
        let listed = |value: &Value| match value {
            Value::Array(items) => items.iter().map(|v| v.as_str().unwrap().to_owned()).collect(),
            one => vec![one.as_str().unwrap().to_owned()],
        };
        let all = policy["Statement"].as_array().unwrap();
        all.iter().map(|s| (listed(&s["Action"]), listed(&s["Resource"]), s.clone())).collect()
    }

    /// With the bucket of static files in it, and a service.
    fn graph() -> Graph {
        let mut graph = Graph::default();
        let subnets = json!({"subnets": ["${ec2.subnet/app-a}", "${ec2.subnet/app-b}", "${ec2.subnet/app-c}"]});
        for (key, desired) in [(ASSETS, json!({})), ("ecs.task_definition/web", json!({})), ("ecs.service/web", subnets)] {
            graph
                .insert(crate::engine::Node { key: key.parse().unwrap(), desired: desired.into(), origin: String::new() })
                .unwrap();
        }
        graph
    }

    fn deployed() -> Value {
        deploy(&scope(), &graph(), &families(&scope(), &graph(), |name| name))
    }

    #[test]
    fn only_revisions_of_the_files_families_are_allowed() {
        let deploy = deployed();
        let of = |sid: &str| deploy["Statement"].as_array().unwrap().iter().find(|s| s["Sid"] == sid).unwrap().clone();
        let family = json!(["arn:aws:ecs:eu-central-1:123456789012:task-definition/webapp-production-web:*"]);
        assert_eq!(of("Revisions")["Resource"], family);
        let condition = &of("Releases")["Condition"];
        let family = json!(["arn:*:ecs:*:*:task-definition/webapp-production-web:*"]);
        assert_eq!(condition["ArnLikeIfExists"]["ecs:task-definition"], family);
        assert_eq!(condition["ForAllValues:StringEquals"]["ecs:subnet"][0], "${ec2.subnet/app-a}");
        assert_eq!(condition["StringEqualsIfExists"]["ecs:enable-execute-command"], "false");
    }

    /// More than a group's policies hold are not named, and that is said.
    #[test]
    fn families_are_named_as_long_as_iam_takes_it() {
        let with = |services: usize, may: Value| {
            let mut graph = graph();
            for n in 0..services {
                let key = format!("ecs.task_definition/service-{n}").parse().unwrap();
                graph.insert(crate::engine::Node { key, desired: json!({}).into(), origin: String::new() }).unwrap();
            }
            let section: crate::config::access::Group = serde_json::from_value(json!({"may": may})).unwrap();
            let families = families(&scope(), &graph, |name| name);
            let policies = policies(section.rights(), &scope(), &graph, &families, &GROUP_INLINE);
            let long = longest(policies.values());
            assert!(long <= GROUP_INLINE.most, "{services} {may}: {long}");
            let desired = json!({"policies": policies}).into();
            let group = crate::engine::Node { key: "iam.group/g".parse().unwrap(), desired, origin: "access.groups.g".into() };
            graph.insert(group).unwrap();
            notes(&graph, &scope())
        };
        assert_eq!(with(6, json!(["view", "deploy"])), Vec::<String>::new());
        assert_eq!(with(15, json!(["deploy"])), Vec::<String>::new());
        let said = with(40, json!(["view", "deploy", "exec"]));
        assert!(said.len() == 1 && said[0].contains("access.groups.g") && said[0].contains("`webapp-production-*`"), "{said:?}");
    }

    fn documents() -> [(&'static str, Value); 3] {
        [("view", view(&scope(), false)), ("deploy", deployed()), ("exec", exec(&scope()))]
    }

    #[test]
    fn deploying_only_passes_the_stacks_roles_to_tasks() {
        for (name, document) in documents() {
            for (actions, resources, whole) in statements(&document) {
                for action in actions.iter().filter(|a| a.starts_with("iam:") || a.contains('*') && !a.contains("Describe")) {
                    assert_eq!((name, action.as_str()), ("deploy", "iam:PassRole"), "{whole}");
                    assert_eq!(resources, ["arn:aws:iam::123456789012:role/stack/webapp/production/eu-central-1/*"]);
                    assert_eq!(whole["Condition"], json!({"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}));
                }
            }
        }
    }

    #[test]
    fn what_is_allowed_on_everything_only_reads() {
        let reads = |action: &str| {
            let verb = action.split(':').nth(1).unwrap();
            // The end of a query: its id is known only to whoever asked.
            ["Describe", "List", "Get"].iter().any(|v| verb.starts_with(v)) || action == "logs:StopQuery"
        };
        for (name, document) in documents() {
            for (actions, resources, whole) in statements(&document) {
                if resources.contains(&"*".to_owned()) {
                    assert!(actions.iter().all(|a| reads(a)), "{name}: {whole}");
                }
            }
        }
    }

    #[test]
    fn what_writes_is_held_to_this_stack() {
        let write = ["Update", "Stop", "Register", "Tag", "Pass", "Put", "Delete", "Create", "Execute"];
        let mut seen = 0;
        for (_, document) in documents() {
            for (actions, resources, whole) in statements(&document) {
                let writes = actions.iter().any(|a| write.iter().any(|v| a.split(':').nth(1).unwrap().starts_with(v)));
                if !writes || actions.contains(&"logs:StopQuery".to_owned()) {
                    continue;
                }
                seen += 1;
                let condition = whole["Condition"].to_string();
                let by_tag = condition.contains(r#"stack:name":"webapp"#) && condition.contains(r#"stack:env":"production"#);
                let mine = |r: &String| {
                    ["/webapp/production/", "${s3.bucket/assets.arn}", ":task-definition/webapp-production*:"]
                        .iter()
                        .any(|p| r.contains(p))
                };
                assert!(by_tag || resources.iter().all(mine), "{whole}");
            }
        }
        assert_eq!(seen, 8, "services, releases, revisions, their tags, roles, files, invalidations, shells");
    }

    #[test]
    fn static_files_are_named_only_where_there_are_any() {
        let without = deploy(&scope(), &Graph::default(), &[]).to_string();
        assert!(!without.contains("s3:") && !without.contains("cloudfront:"), "{without}");
        assert!(deployed().to_string().contains("s3:PutObject"));
    }

    #[test]
    fn without_mfa_only_registering_a_device_is_allowed() {
        let mfa = mfa(&scope());
        let deny = mfa["Statement"].as_array().unwrap().iter().find(|one| one["Effect"] == "Deny").unwrap();
        assert_eq!(deny["Condition"], json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}));
        let free: Vec<&str> = deny["NotAction"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert!(
            free.iter().all(|action| action.contains("MFA") || ["iam:GetUser", "sts:GetSessionToken"].contains(action)),
            "{free:?}"
        );
        assert!(token::literals(&mfa.to_string()).concat().contains("${aws:username}"), "IAM's variable is no reference");
        assert!(longest([&mfa].into_iter()) < 1400, "{}", longest([&mfa].into_iter()));
    }

    /// IAM counts the characters of all policies that a group has of its own, without white space.
    #[test]
    fn everything_together_fits_into_one_group() {
        let long = Scope { stack: "a".repeat(32), env: "e".repeat(32), region: "ap-southeast-3".into(), ..scope() };
        let all = [view(&long, true), deploy(&long, &graph(), &families(&long, &graph(), |name| name)), exec(&long)]
            .map(|document| document.to_string().len());
        assert!(all.iter().sum::<usize>() < 5120 - 32, "{all:?}");
    }
}
