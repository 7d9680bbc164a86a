//! The areas that AWS services belong to: the order of plans, and the groups of the dependency diagram.

/// Areas and their services, in reading order. A service that is not here comes last, as an area of its own.
const AREAS: &[(&str, &[&str])] = &[
    ("network", &["ec2"]),
    ("certificates", &["acm"]),
    ("access", &["iam", "cognito"]),
    ("keys and secrets", &["kms", "secretsmanager", "ssm"]),
    ("storage", &["s3", "efs", "ecr", "backup"]),
    ("databases", &["rds", "dynamodb"]),
    ("caches", &["elasticache"]),
    ("queues", &["sqs", "sns", "events", "scheduler", "chatbot"]),
    ("logs and alarms", &["logs", "cloudwatch"]),
    ("load balancing", &["elbv2", "servicediscovery"]),
    ("compute", &["ecs", "application-autoscaling", "autoscaling", "lambda"]),
    ("delivery", &["cloudfront", "wafv2"]),
    ("names", &["route53"]),
    ("costs", &["budgets", "ce"]),
];

fn service(kind: &str) -> &str {
    kind.split('.').next().unwrap_or(kind)
}

/// Returns the place of a kind in reading order.
pub(crate) fn rank(kind: &str) -> usize {
    AREAS.iter().position(|(_, services)| services.contains(&service(kind))).unwrap_or(AREAS.len())
}

/// Returns the area of a kind.
pub(crate) fn area(kind: &str) -> &str {
    AREAS.get(rank(kind)).map_or_else(|| service(kind), |(area, _)| area)
}
