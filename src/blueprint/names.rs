//! What AWS accepts as a name, service by service, checked for everything that the file creates before anything is touched.

use serde_json::Value;

use super::facts::Problem;
use crate::aws::ownership::names::fit;
use crate::aws::route53::longest_reference;
use crate::engine::{Graph, Node, Scope};

/// What AWS asks of a name beyond its length.
enum Ask {
    /// It has no such beginning.
    NotBegins(&'static [&'static str]),
    /// It has no such end.
    NotEnds(&'static [&'static str]),
    /// It is not one of these.
    IsNot(&'static [&'static str]),
    /// It has no two hyphens in a row, and none at its end.
    SingleHyphens,
    /// It begins with a letter.
    Letter,
    /// It has at most so many characters.
    Most(usize),
    /// It has these characters beside letters and digits.
    Only(&'static str),
}

/// One thing that one service asks of the names of one kind.
struct Rule {
    kind: &'static str,
    /// What has the name, in a person's words.
    what: &'static str,
    /// Whose rule it is.
    service: &'static str,
    ask: Ask,
    source: &'static str,
}

const fn rule(kind: &'static str, what: &'static str, service: &'static str, ask: Ask, source: &'static str) -> Rule {
    Rule { kind, what, service, ask, source }
}

const EC2_GROUP: &str = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html";
const BALANCER: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html";
const TARGETS: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html";
const RDS: &str = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html";
const RDS_SUBNETS: &str = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html";
const RDS_PARAMETERS: &str = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html";
const CACHE_GROUP: &str = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html";
const CACHE_CLUSTER: &str = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateCacheCluster.html";
const CACHE_SUBNETS: &str = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateCacheSubnetGroup.html";
const CACHE_PARAMETERS: &str =
    "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateCacheParameterGroup.html";
const BUCKET: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html";
const IAM: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html";
const KMS: &str = "https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html";
const LOGS: &str = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html";
const HEALTH_CHECK: &str = "https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHealthCheck.html";
const SELECTION: &str = "https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupSelection.html";
const TESTING: &str = "https://docs.aws.amazon.com/aws-backup/latest/devguide/API_RestoreTestingSelectionForCreate.html";
const ECS: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html";
const PERMISSION_SET: &str = "https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreatePermissionSet.html";

/// Every rule, with where AWS says so.
const RULES: &[Rule] = &[
    rule("ec2.security_group", "the security group", "EC2", Ask::NotBegins(&["sg-"]), EC2_GROUP),
    rule("ec2.security_group", "the security group", "EC2", Ask::Most(255), EC2_GROUP),
    rule("elbv2.load_balancer", "the load balancer", "AWS", Ask::NotBegins(&["internal-"]), BALANCER),
    rule("elbv2.load_balancer", "the load balancer", "AWS", Ask::Only("-"), BALANCER),
    rule("elbv2.target_group", "the target group", "AWS", Ask::Only("-"), TARGETS),
    rule("rds.instance", "the database", "RDS", Ask::SingleHyphens, RDS),
    rule("rds.instance", "the database", "RDS", Ask::Letter, RDS),
    rule("rds.instance", "the database", "RDS", Ask::Only("-"), RDS),
    rule("rds.subnet_group", "the database's subnet group", "RDS", Ask::IsNot(&["default"]), RDS_SUBNETS),
    rule("rds.parameter_group", "the database's parameter group", "RDS", Ask::SingleHyphens, RDS_PARAMETERS),
    rule("rds.parameter_group", "the database's parameter group", "RDS", Ask::IsNot(&["default"]), RDS_PARAMETERS),
    rule("elasticache.replication_group", "the replication group", "ElastiCache", Ask::SingleHyphens, CACHE_GROUP),
    rule("elasticache.replication_group", "the replication group", "ElastiCache", Ask::Most(40), CACHE_GROUP),
    rule("elasticache.replication_group", "the replication group", "ElastiCache", Ask::Only("-"), CACHE_GROUP),
    rule("elasticache.cluster", "the cluster", "ElastiCache", Ask::SingleHyphens, CACHE_CLUSTER),
    rule("elasticache.cluster", "the cluster", "ElastiCache", Ask::Most(50), CACHE_CLUSTER),
    rule("elasticache.cluster", "the cluster", "ElastiCache", Ask::Only("-"), CACHE_CLUSTER),
    rule("elasticache.subnet_group", "the cache's subnet group", "ElastiCache", Ask::IsNot(&["default"]), CACHE_SUBNETS),
    rule("elasticache.subnet_group", "the cache's subnet group", "ElastiCache", Ask::Only("-"), CACHE_SUBNETS),
    rule("elasticache.parameter_group", "the cache's parameter group", "ElastiCache", Ask::SingleHyphens, CACHE_PARAMETERS),
    rule(
        "elasticache.parameter_group",
        "the cache's parameter group",
        "ElastiCache",
        Ask::NotBegins(&["default."]),
        CACHE_PARAMETERS,
    ),
    rule("s3.bucket", "the bucket", "S3", Ask::NotBegins(&["xn--", "sthree-", "amzn-s3-demo-"]), BUCKET),
    rule("s3.bucket", "the bucket", "S3", Ask::NotEnds(&["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]), BUCKET),
    rule("iam.user", "the user", "IAM", Ask::Most(64), IAM),
    rule("iam.user", "the user", "IAM", Ask::Only("_+=,.@-"), IAM),
    rule("kms.alias", "the key's alias", "KMS", Ask::NotBegins(&["alias/aws/"]), KMS),
    rule("logs.log_group", "the log group", "CloudWatch Logs", Ask::NotBegins(&["aws/"]), LOGS),
    rule("logs.log_group", "the log group", "CloudWatch Logs", Ask::Most(512), LOGS),
    rule("logs.log_group", "the log group", "CloudWatch Logs", Ask::Only("_-/.#"), LOGS),
    rule("route53.health_check", "the reference of", "Route 53", Ask::Most(64), HEALTH_CHECK),
    rule("backup.selection", "the selection", "AWS Backup", Ask::Most(50), SELECTION),
    rule("backup.restore_testing_selection", "the selection", "AWS Backup", Ask::Most(50), TESTING),
    rule("sso.permission_set", "the permission set", "IAM Identity Center", Ask::Most(32), PERMISSION_SET),
    rule("ecs.cluster", "the cluster", "ECS", Ask::Only("-_"), ECS),
];

/// Returns the name of an object in AWS, as its kind makes it; nothing for kinds whose names have no rules that a name of the
/// stack could break.
fn physical(scope: &Scope, node: &Node) -> Option<String> {
    let (prefix, name) = (scope.prefix(), node.key.name.as_str());
    let field = || node.desired.get("name").and_then(Value::as_str).map(str::to_owned);
    let usual = |most: usize| Some(fit(&prefix, name, 1, most));
    match node.key.kind.as_str() {
        "elbv2.load_balancer" | "elbv2.target_group" => usual(32),
        "rds.instance" | "rds.subnet_group" => usual(63),
        "rds.parameter_group" => usual(63).map(|name| name.replace('.', "-")),
        "elasticache.replication_group" | "elasticache.cluster" => usual(usize::MAX),
        "sso.permission_set" => usual(usize::MAX),
        "kms.alias" => usual(250).map(|name| format!("alias/{name}")),
        "s3.bucket" => {
            let purpose = format!("{}-{}-{}", name.to_ascii_lowercase().replace('_', "-"), scope.account, scope.region);
            Some(fit(&prefix, &purpose, 1, 63))
        }
        // With what is said of it at most.
        "route53.health_check" => Some(longest_reference(scope, name)),
        // With what it says, in short.
        "backup.selection" => Some(format!("{name}.00000000")),
        // With the type of what is restored.
        "backup.restore_testing_selection" => {
            node.desired.get("of").and_then(Value::as_str).map(|of| format!("{name}_{of}").replace('-', "_"))
        }
        // What is named after another object has its name when that exists.
        "logs.log_group" | "iam.user" => field().filter(|name| !name.contains("${")),
        "ec2.security_group" | "ecs.cluster" | "elasticache.subnet_group" | "elasticache.parameter_group" => usual(255),
        _ => None,
    }
}

/// Returns why the service does not accept the name; nothing when it does.
fn refused(ask: &Ask, service: &str, name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    match ask {
        Ask::NotBegins(with) => {
            let with = with.iter().find(|with| lower.starts_with(*with))?;
            Some(format!("{service} reserves names that begin with `{with}`"))
        }
        Ask::NotEnds(with) => {
            let with = with.iter().find(|with| lower.ends_with(*with))?;
            Some(format!("{service} reserves names that end with `{with}`"))
        }
        Ask::IsNot(words) => words.contains(&lower.as_str()).then(|| format!("{service} reserves that name")),
        Ask::SingleHyphens if name.contains("--") => Some(format!("{service} does not accept two hyphens in a row")),
        Ask::SingleHyphens => name.ends_with('-').then(|| format!("{service} does not accept a hyphen at the end")),
        Ask::Letter => {
            (!name.starts_with(|c: char| c.is_ascii_alphabetic())).then(|| format!("{service} requires a letter at the start"))
        }
        Ask::Most(most) => {
            (name.len() > *most).then(|| format!("{service} accepts at most {most} characters, and it has {}", name.len()))
        }
        Ask::Only(signs) => {
            let wrong = name.chars().find(|c| !c.is_ascii_alphanumeric() && !signs.contains(*c))?;
            let shown = signs.chars().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
            Some(format!("{service} accepts letters, digits and {shown}, and not `{wrong}`"))
        }
    }
}

/// Reports every name that a service would refuse, at what it comes from: the stack's own name once for all that begins with it.
pub fn check(graph: &Graph, scope: &Scope, problems: &mut Vec<Problem>) {
    let prefix = scope.prefix();
    let mut by_prefix: Vec<String> = Vec::new();
    for node in graph.nodes() {
        let Some(name) = physical(scope, node) else { continue };
        for rule in RULES.iter().filter(|rule| rule.kind == node.key.kind) {
            let Some(why) = refused(&rule.ask, rule.service, &name) else { continue };
            // A beginning, or hyphens, that the stack's name alone brings.
            let own = node.desired.get("name").is_none()
                && match &rule.ask {
                    Ask::NotBegins(with) => with.iter().any(|with| format!("{prefix}-").starts_with(with)),
                    Ask::SingleHyphens => prefix.contains("--"),
                    Ask::IsNot(_) => name == prefix,
                    _ => false,
                };
            if own && by_prefix.contains(&why) {
                continue;
            }
            let at = if own { "stack".to_owned() } else { node.origin.clone() };
            let help = if !own {
                "choose another name".to_owned()
            } else if scope.env == "default" {
                "choose another name for the stack".to_owned()
            } else {
                "choose another name for the stack, or for the environment".to_owned()
            };
            problems.push(Problem {
                at,
                code: "reserved-name",
                message: format!("{} `{}` would be called `{name}`, and {why}", rule.what, node.key),
                help: format!("{help} ({})", rule.source),
            });
            if own {
                by_prefix.push(why);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ask: &Ask, name: &str) -> bool {
        refused(ask, "AWS", name).is_some()
    }

    #[test]
    fn every_rule_names_its_source_and_can_refuse() {
        for rule in RULES {
            assert!(rule.source.starts_with("https://docs.aws.amazon.com/"), "{}", rule.kind);
            let bad = match &rule.ask {
                Ask::NotBegins(with) => format!("{}x", with[0]),
                Ask::NotEnds(with) => format!("x{}", with[0]),
                Ask::IsNot(words) => words[0].to_uppercase(),
                Ask::SingleHyphens => "a--b".into(),
                Ask::Letter => "1a".into(),
                Ask::Most(most) => "a".repeat(most + 1),
                Ask::Only(_) => "a b".into(),
            };
            assert!(said(&rule.ask, &bad), "{}: {bad}", rule.kind);
            assert!(!said(&rule.ask, "webapp-main") || matches!(rule.ask, Ask::Only("")), "{}", rule.kind);
        }
        assert!(
            said(&Ask::SingleHyphens, "a-")
                && said(&Ask::NotBegins(&["sg-"]), "SG-a")
                && !said(&Ask::IsNot(&["default"]), "defaults")
        );
    }
}
