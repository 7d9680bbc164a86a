//! `keys`: what encrypts databases, Valkey and Redis caches, secrets, logs, static files, the logs of the CDN and the topic of alarms
//! at rest. The logs of a balancer and the disks of Fargate have AWS's own keys, Memcached has none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::facts::Facts;
use super::objects::{ASSETS, CDN_LOGS};
use crate::aws::Tags;
use crate::aws::kms::{Alias, Key};
use crate::aws::logs::waf_prefix;
use crate::aws::s3::{self, Bucket};
use crate::aws::sns::Topic;
use crate::config::{Account, Stack};
use crate::engine::graph::{Node, lies_in};
use crate::engine::{Error, Graph, Ref, Resource, Scope};

const DAY: u64 = 86_400;
/// How often AWS renews key material when nothing is said.
const ROTATION_DAYS: i32 = 365;

/// The keys of the stack.
#[derive(Default)]
pub struct Keys {
    /// References to their ARNs, by the names in the file.
    arns: BTreeMap<String, String>,
}

impl Keys {
    /// Returns a reference to the ARN of what encrypts something with this `key`: the key of that name (`keys.NAME`), the ARN
    /// that it is, or `keys.main` when there is no `key` and the stack has one.
    pub fn arn(&self, key: Option<&str>) -> Option<String> {
        match key {
            None => self.arns.get("main").cloned(),
            Some(key) => match key.strip_prefix("keys.") {
                Some(name) => self.arns.get(name).cloned(),
                None => Some(key.to_owned()),
            },
        }
    }
}

/// Returns the policy of a key of this stack.
///
/// The account itself may do everything, so that its IAM policies decide (and AWS refuses a policy that locks everybody
/// out). CloudWatch Logs may use it for this stack's log groups and for no others. Databases, caches and secrets are
/// reached as with AWS's own keys: through those services only, by those of this account whom IAM lets use them.
///
/// Other accounts may copy what it encrypts, where the file lists them: their own IAM policies decide who there
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/share-encrypted-snapshot.html>).
fn policy(scope: &Scope, accounts: &[Account], with_firewall: bool) -> Value {
    let Scope { stack, env, region, account, partition } = scope;
    let suffix = s3::domain(partition);
    let through: Vec<String> =
        ["elasticache", "rds", "secretsmanager"].iter().map(|service| format!("{service}.{region}.{suffix}")).collect();
    let group = |name: &str| format!("arn:{partition}:logs:{region}:{account}:log-group:{name}*");
    // Its own groups, and those that RDS and Container Insights write to for what has this stack's names.
    let named = scope.prefix();
    let mut groups = vec![
        group(&format!("/stack/{stack}/{env}/")),
        group(&format!("/aws/rds/instance/{named}/")),
        group(&format!("/aws/rds/instance/{named}-")),
        group(&format!("/aws/ecs/containerinsights/{named}/")),
    ];
    // WAF accepts no names like those of all others.
    groups.extend(with_firewall.then(|| group(&waf_prefix(scope, region))));
    let mut statements = json!([
        {
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{partition}:iam::{account}:root")},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "Logs",
            "Effect": "Allow",
            // Of the few principals that carry the region and the partition's own suffix.
            "Principal": {"Service": format!("logs.{region}.{suffix}")},
            "Action": ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        },
        {
            "Sid": "Services",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": through}},
        },
        // Grants only to those services themselves, never to whom the caller likes.
        {
            "Sid": "Grants",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "kms:CreateGrant",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"kms:CallerAccount": account, "kms:ViaService": through},
                "Bool": {"kms:GrantIsForAWSResource": "true"},
            },
        },
    ]);
    if let (Some(all), false) = (statements.as_array_mut(), accounts.is_empty()) {
        all.extend(shared(partition, accounts));
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Returns the statements for the accounts that a key is shared with.
fn shared(partition: &str, accounts: &[Account]) -> [Value; 2] {
    let roots: Vec<String> = accounts.iter().map(|account| format!("arn:{partition}:iam::{}:root", account.as_str())).collect();
    [
        json!({
            "Sid": "Accounts",
            "Effect": "Allow",
            "Principal": {"AWS": &roots},
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
        }),
        json!({
            "Sid": "AccountGrants",
            "Effect": "Allow",
            "Principal": {"AWS": &roots},
            "Action": ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
            "Resource": "*",
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        }),
    ]
}

fn days(seconds: u64) -> i32 {
    i32::try_from(seconds / DAY).unwrap_or(i32::MAX)
}

pub fn expand(graph: &mut Graph, stack: &Stack, facts: &Facts<'_>) -> Result<Keys, Error> {
    let mut out = Keys::default();
    for (name, section) in &stack.keys {
        let origin = format!("keys.{name}");
        let every = section.rotation_period.map_or(ROTATION_DAYS, |period| days(period.as_secs()));
        let key = Key {
            policy: policy(facts.scope, &section.accounts, stack.firewall.is_some()),
            description: Some(section.description.clone().unwrap_or_else(|| format!("Encrypts {}", facts.scope.prefix()))),
            enabled: Some(true),
            rotation: Some(section.rotation),
            rotation_days: section.rotation.then_some(every),
            deletion_days: Some(days(section.deletion_window.as_secs())),
            tags: Tags::new(),
        };
        let key = graph.add(name.as_str(), &origin, &key)?;
        graph.add(name.as_str(), &origin, &Alias { key: key.clone() })?;
        out.arns.insert(name.to_string(), key.attr("arn").to_string());
    }
    Ok(out)
}

/// Lets the services that reach what a key of the section encrypts use it: those that publish to topics, and CloudFront with its buckets.
/// Without a place in the key's policy they fail without a message: an alarm stays silent. The policy of a key under `resources` is the
/// user's own.
pub fn let_in(graph: &mut Graph, scope: &Scope) {
    let is_ours = |node: &&Node| node.key.kind == Key::KIND && lies_in(&node.origin, "keys");
    let keys: Vec<_> = graph.nodes().filter(is_ours).map(|node| node.key.clone()).collect();
    for key in keys {
        let arn = Ref::<Key>::to(key.name.as_str()).attr("arn").to_string();
        let mut more = publishers(graph, &arn, scope);
        more.extend(files(graph, &arn, scope));
        let node = graph.nodes_mut().find(|node| node.key == key).filter(|_| !more.is_empty());
        let desired = node.map(|node| Arc::make_mut(&mut node.desired));
        if let Some(all) = desired.and_then(|desired| desired.pointer_mut("/policy/Statement")).and_then(Value::as_array_mut) {
            all.append(&mut more);
        }
    }
}

/// Returns the statements for the services that may publish to topics with this key
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services>). EventBridge meets no condition.
fn publishers(graph: &Graph, arn: &str, scope: &Scope) -> Vec<Value> {
    const EVENTS: &str = "events.amazonaws.com";
    let topics = graph.nodes().filter(|node| node.key.kind == Topic::KIND && node.desired["kms_key"] == arn);
    let mut services = BTreeSet::new();
    for statement in topics.flat_map(|topic| topic.desired.pointer("/policy/Statement").and_then(Value::as_array)).flatten() {
        let publishes = texts(&statement["Action"]).any(|action| action.eq_ignore_ascii_case("sns:Publish"));
        if statement["Effect"] == "Allow" && publishes {
            services.extend(texts(&statement["Principal"]["Service"]));
        }
    }
    let may = |sid: &str, services: Vec<&str>| {
        json!({"Sid": sid, "Effect": "Allow", "Principal": {"Service": services},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"})
    };
    let events = services.remove(EVENTS);
    let mut out = Vec::new();
    if !services.is_empty() {
        let mut publish = may("Publishers", services.into_iter().collect());
        publish["Condition"] = json!({"StringEquals": {"aws:SourceAccount": scope.account}});
        out.push(publish);
    }
    out.extend(events.then(|| may("Events", vec![EVENTS])));
    out
}

/// Returns a text, or the texts of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_str().into_iter().chain(value.as_array().into_iter().flatten().filter_map(Value::as_str))
}

/// Returns the statements for the CDN's buckets with this key: those whom IAM lets reach the files use it through S3, CloudFront reads static
/// files (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html>), and the
/// delivery of its logs writes them (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/AccessLogs.html>).
fn files(graph: &Graph, arn: &str, scope: &Scope) -> Vec<Value> {
    let Scope { region, account, partition, .. } = scope;
    let suffix = s3::domain(partition);
    let is_here = |name: &str| {
        let bucket = Ref::<Bucket>::to(name).key().and_then(|key| graph.get(&key));
        bucket.is_some_and(|node| node.desired["encryption"]["key"] == arn)
    };
    let begins = |name: &str| format!("arn:{partition}:s3:::{}*", s3::beginning(scope, name));
    let (assets, logs) = (is_here(ASSETS), is_here(CDN_LOGS));
    let all: Vec<String> = [ASSETS, CDN_LOGS].into_iter().filter(|name| is_here(name)).map(begins).collect();
    let mut out = Vec::new();
    if !all.is_empty() {
        out.push(json!({
            "Sid": "Files", "Effect": "Allow", "Principal": {"AWS": "*"}, "Resource": "*",
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Condition": {
                "StringEquals": {"kms:CallerAccount": account, "kms:ViaService": format!("s3.{region}.{suffix}")},
                "ArnLike": {"kms:EncryptionContext:aws:s3:arn": all},
            },
        }));
    }
    // The distribution does not exist before the key. Which of them reads the bucket, the bucket's policy says.
    out.extend(assets.then(|| {
        json!({
            "Sid": "CloudFrontReads", "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "kms:Decrypt", "Resource": "*",
            "Condition": {"ArnLike": {"aws:SourceArn": format!("arn:{partition}:cloudfront::{account}:distribution/*")}},
        })
    }));
    out.extend(logs.then(|| {
        json!({
            "Sid": "CloudFrontLogs", "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": "kms:GenerateDataKey*", "Resource": "*",
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:s3:arn": begins(CDN_LOGS)}},
        })
    }));
    out
}

#[cfg(test)]
mod tests;
