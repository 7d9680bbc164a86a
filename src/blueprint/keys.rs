//! `keys`: what encrypts databases, Valkey and Redis caches, secrets and logs at rest. Buckets and the disks of Fargate have AWS's own
//! keys, Memcached has none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::facts::Facts;
use crate::aws::Tags;
use crate::aws::kms::{Alias, Key};
use crate::aws::logs::waf_prefix;
use crate::config::{Account, Stack};
use crate::engine::{Error, Graph, Scope};

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
    let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::tests::graph;

    #[test]
    fn only_the_account_has_all_rights_and_services_only_some() {
        let scope = Scope {
            stack: "shop".into(),
            env: "test".into(),
            region: "eu-west-1".into(),
            account: "123456789012".into(),
            partition: "aws".into(),
        };
        let policy = super::policy(&scope, &[], false);
        let statements = policy["Statement"].as_array().unwrap();
        for statement in statements {
            let all = statement["Action"] == "kms:*";
            assert_eq!(all, statement["Principal"] == json!({"AWS": "arn:aws:iam::123456789012:root"}), "{statement}");
            // Whoever is not the account is held by a condition.
            assert_ne!(all, statement.get("Condition").is_some(), "{statement}");
        }
        let anybody: Vec<&Value> = statements.iter().filter(|s| s["Principal"] == json!({"AWS": "*"})).collect();
        assert_eq!(anybody.len(), 2);
        for statement in &anybody {
            assert_eq!(statement["Condition"]["StringEquals"]["kms:CallerAccount"], "123456789012");
            let grants = statement["Action"].to_string().contains("kms:CreateGrant");
            let only_services = statement["Condition"]["Bool"]["kms:GrantIsForAWSResource"] == "true";
            assert_eq!(grants, only_services, "{statement}");
        }
        assert_eq!(
            statements[1]["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"],
            json!([
                "arn:aws:logs:eu-west-1:123456789012:log-group:/stack/shop/test/*",
                "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/rds/instance/shop-test/*",
                "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/rds/instance/shop-test-*",
                "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/ecs/containerinsights/shop-test/*",
            ])
        );
        let with_firewall =
            &super::policy(&scope, &[], true)["Statement"][1]["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"];
        assert_eq!(with_firewall[4], "arn:aws:logs:eu-west-1:123456789012:log-group:aws-waf-logs-stack/shop/test/*");
        assert_eq!(statements[1]["Principal"], json!({"Service": "logs.eu-west-1.amazonaws.com"}));
        let china = Scope { region: "cn-north-1".into(), partition: "aws-cn".into(), ..scope };
        let policy = super::policy(&china, &[], false);
        assert_eq!(policy["Statement"][1]["Principal"], json!({"Service": "logs.cn-north-1.amazonaws.com.cn"}));
    }

    #[test]
    fn listed_accounts_may_copy_and_nothing_else_changes() {
        let text = |text: &str| text.to_owned();
        let (region, account) = (text("us-east-1"), text("111122223333"));
        let scope = Scope { stack: text("shop"), env: text("production"), region, account, partition: text("aws") };
        let (alone, shared) =
            (super::policy(&scope, &[], false), super::policy(&scope, &["444455556666".parse().unwrap()], false));
        let (alone, shared) = (alone["Statement"].as_array().unwrap(), shared["Statement"].as_array().unwrap());
        assert_eq!(&shared[..alone.len()], &alone[..]);
        let added = &shared[alone.len()..];
        let roots = serde_json::json!(["arn:aws:iam::444455556666:root"]);
        assert!(added.len() == 2 && added.iter().all(|one| one["Principal"]["AWS"] == roots), "{added:?}");
        // What may lead further is for AWS's services only.
        let grants = added.iter().find(|one| one["Action"].to_string().contains("CreateGrant")).unwrap();
        assert_eq!(grants["Condition"]["Bool"]["kms:GrantIsForAWSResource"], "true");
    }

    #[test]
    fn every_log_group_has_the_main_key() {
        let graph = graph(&json!({"stack": "a", "region": "us-east-1", "keys": {"main": {}},
            "archive": {"jobs": {"orders": {"service": "web", "command": ["./archive"]}}},
            "databases": {"main": {"engine": "postgres", "version": "16", "password": {"rotate": "30d"}}},
            "services": {"web": {"image": "i", "port": 80, "exec": true, "routes": ["/*"], "uses": ["databases.main"]}}}));
        let groups: Vec<_> = graph.nodes().filter(|node| node.key.kind == "logs.log_group").collect();
        for name in ["restart_services", "archive", "archive-jobs", "web", "container-insights"] {
            assert!(
                groups.iter().any(|group| group.key.name == name),
                "{name}: {:?}",
                groups.iter().map(|g| &g.key.name).collect::<Vec<_>>()
            );
        }
        let without: Vec<&str> = groups
            .iter()
            .filter(|group| group.desired["kms_key"] != "${kms.key/main.arn}")
            .map(|group| group.key.name.as_str())
            .collect();
        assert_eq!(without, Vec::<&str>::new());
    }
}
