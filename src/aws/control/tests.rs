//! Each control is broken on purpose: in objects that meet all of them, one change is found by that control and by no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Breach, Control, ELSEWHERE, Level, Object, View};
use crate::aws::registry;
use crate::engine::Key;

/// A change that breaks controls.
enum Break {
    /// A field of an object, by a JSON pointer, gets a value; `null` removes it.
    Set(&'static str, &'static str, Value),
    /// An object is removed.
    Remove(&'static str),
    /// An object is added.
    Add(&'static str, Value),
}

use Break::{Add, Remove, Set};

/// Objects that meet every control that the kinds can meet.
fn clean() -> BTreeMap<String, Value> {
    let endpoint =
        |service: &str| json!({"vpc": "ec2.vpc/v", "service": format!("com.amazonaws.us-east-1.{service}"), "route_tables": []});
    let allow =
        |action: &str, resource: &str| json!({"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]});
    let parts = [
        json!({
        "ec2.vpc/v": {"cidr": "10.0.0.0/16", "network_acl": {"ingress 90": "deny tcp 0.0.0.0/0 22-22", "ingress 91": "deny tcp 0.0.0.0/0 3389-3389", "ingress 100": "allow all 0.0.0.0/0"}},
        "ec2.default_security_group/v": {"vpc": "ec2.vpc/v", "rules": []},
        "ec2.flow_log/v": {"vpc": "ec2.vpc/v", "traffic": "REJECT", "log_group": "logs.log_group/l", "role": "iam.role/r"},
        "ec2.vpc_endpoint/ec2": endpoint("ec2"),
        "ec2.vpc_endpoint/api": endpoint("ecr.api"),
        "ec2.vpc_endpoint/dkr": endpoint("ecr.dkr"),
        "ec2.vpc_endpoint/ssm": endpoint("ssm"),
        "ec2.vpc_endpoint/contacts": endpoint("ssm-contacts"),
        "ec2.vpc_endpoint/incidents": endpoint("ssm-incidents"),
        "ec2.subnet/a": {"vpc": "ec2.vpc/v", "zone": "us-east-1a", "cidr": "10.0.0.0/24"},
        "ec2.subnet/b": {"vpc": "ec2.vpc/v", "zone": "us-east-1b", "cidr": "10.0.1.0/24"},
        "ec2.subnet/public": {"vpc": "ec2.vpc/v", "zone": "us-east-1b", "cidr": "10.0.2.0/24"},
        "ec2.internet_gateway/g": {"vpc": "ec2.vpc/v"},
        "ec2.address/n": {},
        "ec2.nat_gateway/n": {"subnet": "ec2.subnet/public", "address": "ec2.address/n"},
        "ec2.route_table/public": {"vpc": "ec2.vpc/v"},
        "ec2.route/out": {"table": "ec2.route_table/public", "destination": "0.0.0.0/0", "gateway": "ec2.internet_gateway/g"},
        "ec2.route_table_association/public": {"table": "ec2.route_table/public", "subnet": "ec2.subnet/public"},
        "ec2.security_group/s": {"vpc": "ec2.vpc/v", "description": "A group"},
        "ec2.security_group_rule/web": {"group": "ec2.security_group/s", "direction": "ingress", "protocol": "tcp", "from_port": 443, "to_port": 443, "cidr": "0.0.0.0/0"},
        "ec2.security_group_rule/out": {"group": "ec2.security_group/s", "direction": "egress", "protocol": "-1", "from_port": -1, "to_port": -1, "cidr": "0.0.0.0/0"},
        }),
        json!({
        "elbv2.load_balancer/l": {
            "vpc": "ec2.vpc/v", "scheme": "internet-facing", "subnets": ["ec2.subnet/a", "ec2.subnet/b"],
            "attributes": {"routing.http.drop_invalid_header_fields.enabled": "true", "deletion_protection.enabled": "true", "access_logs.s3.enabled": "true"},
        },
        "wafv2.association/l": {"web_acl": "wafv2.web_acl/l", "resource": "${elbv2.load_balancer/l.arn}"},
        "wafv2.association/d": {"web_acl": "wafv2.web_acl/d", "resource": "${cloudfront.distribution/d.arn}"},
        "wafv2.web_acl/l": {
            "scope": "REGIONAL", "logs": {"log_group": "arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-l"},
            "rules": [{"name": "common", "priority": 1, "action": "group", "managed": {"vendor": "AWS", "name": "AWSManagedRulesCommonRuleSet"}}],
        },
        "elbv2.target_group/t": {"vpc": "ec2.vpc/v", "port": 443, "protocol": "HTTPS", "target_type": "ip"},
        "elbv2.listener/https": {
            "load_balancer": "elbv2.load_balancer/l", "port": 443, "protocol": "HTTPS", "certificate": "arn:aws:acm:us-east-1:1:certificate/c",
            "ssl_policy": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "default_action": {"kind": "forward", "target_group": "elbv2.target_group/t"},
        },
        }),
        json!({
        "iam.role/r": {"trust": {}, "policies": {"own": allow("s3:GetObject", "arn:aws:s3:::b/*")}},
        "iam.group/g": {"policies": {"own": allow("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/1")}},
        "iam.user/u": {"name": "u", "groups": ["iam.group/g"]},
        "kms.key/k": {"policy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}]}, "rotation": true},
        "logs.log_group/l": {"name": "/stack/a/default/l", "retention_days": 365},
        "ecs.cluster/c": {"container_insights": true},
        "ecs.task_definition/t": {
            "cpu": "256", "memory": "512", "execution_role": "iam.role/r",
            "containers": [{"name": "c", "image": "i", "log_group": "logs.log_group/l", "readonly_root": true}],
        },
        "ecs.service/s": {"cluster": "ecs.cluster/c", "task_definition": "ecs.task_definition/t", "subnets": ["ec2.subnet/a"]},
        }),
        json!({
        "s3.bucket/b": {
            "versioning": true, "block_public_access": true, "ownership": "BucketOwnerEnforced", "encryption": {"algorithm": "aws:kms"},
            "lifecycle": {"old": {"expire_versions_after": 30}},
        },
        "s3.bucket_policy/b": {"bucket": "s3.bucket/b", "policy": {"Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ]}},
        "cloudfront.origin_access_control/o": {"origin_type": "s3", "signing": "always"},
        "cloudfront.distribution/d": {
            "aliases": ["www.example.com"], "certificate": {"arn": "arn:aws:acm:us-east-1:1:certificate/c", "minimum_tls": "TLSv1.2_2021"},
            "origins": {
                "b": {"domain": "${s3.bucket/b.domain}", "access_control": "cloudfront.origin_access_control/o"},
                "app": {"domain": "app.example.com", "protocol": "https-only"},
            },
            "default": {"origin": "app", "methods": ["GET", "HEAD"], "viewer_protocol": "redirect-to-https", "compress": true, "cache_policy": "CachingOptimized"},
            "default_root": "index.html", "logs": {"bucket": "logs.s3.amazonaws.com"},
        },
        }),
        json!({
        "rds.subnet_group/g": {"vpc": "ec2.vpc/v", "subnets": ["ec2.subnet/a", "ec2.subnet/b"]},
        "rds.parameter_group/p": {"family": "postgres16", "parameters": {"rds.force_ssl": "1"}},
        "rds.parameter_group/my": {"family": "mysql8.4", "parameters": {"require_secure_transport": "1"}},
        "rds.parameter_group/maria": {"family": "mariadb11.4", "parameters": {"require_secure_transport": "1"}},
        "rds.instance/d": database("postgres", "p", json!(["postgresql", "upgrade"]), 5433),
        "rds.instance/my": database("mysql", "my", json!(["audit", "error", "general", "slowquery"]), 3307),
        "rds.instance/maria": database("mariadb", "maria", json!(["audit", "error", "general", "slowquery"]), 3307),
        "rds.event_subscription/all": {
            "topic": "sns.topic/t", "source_type": "db-instance", "categories": ["maintenance", "configuration change", "failure"],
        },
        "rds.event_subscription/groups": {
            "topic": "sns.topic/t", "source_type": "db-parameter-group", "categories": ["configuration change"],
        },
        "rds.event_subscription/classic": {
            "topic": "sns.topic/t", "source_type": "db-security-group", "categories": ["configuration change", "failure"],
        },
        "backup.selection/all": {"plan": "backup.plan/p", "role": "iam.role/r", "resources": ["arn:aws:rds:*:*:db:*"]},
        "secretsmanager.rotation/d": {"secret": "${rds.instance/d.secret_arn}", "days": 30},
        "lambda.function/f": {"role": "${iam.role/r.arn}", "code": "x", "runtime": "python3.13", "handler": "index.run"},
        "sns.topic/t": {"kms_key": "${kms.key/k.arn}"},
        "sqs.queue/q": {"sse": true},
        "cloudwatch.alarm/a": {
            "namespace": "AWS/SQS", "metric": "m", "statistic": "Maximum", "period": 60, "evaluation_periods": 5, "threshold": 1.0,
            "comparison": "GreaterThanThreshold", "actions": ["${sns.topic/t.arn}"],
        },
        "elasticache.subnet_group/g": {"vpc": "ec2.vpc/v", "subnets": ["ec2.subnet/a"]},
        "elasticache.replication_group/r": {
            "engine": "valkey", "node_type": "cache.t4g.micro", "replicas": 1, "subnet_group": "elasticache.subnet_group/g", "automatic_failover": true,
            "at_rest_encryption": true, "transit_encryption": "required", "snapshot_days": 1,
        },
        "elasticache.cluster/m": {"node_type": "cache.t4g.micro", "nodes": 1, "subnet_group": "elasticache.subnet_group/g"},
        "account.settings/a": {
            "root_keys": false, "root_mfa": "hardware", "passwords": {"length": 14, "sorts": [true, true, true, true]}, "volumes_encrypted": true,
            "trail": true, "users": user(3, true, 90),
        },
        }),
    ];
    let entries = parts.iter().flat_map(|part| part.as_object().unwrap());
    entries.map(|(key, fields)| (key.clone(), fields.clone())).collect()
}

fn database(engine: &str, group: &str, logs: Value, port: i32) -> Value {
    json!({
        "engine": engine, "class": "db.t4g.micro", "user": "app", "encrypted": true, "multi_az": true, "deletion_protection": true, "backup_days": 7,
        "copy_tags": true, "port": port, "subnet_group": "rds.subnet_group/g", "parameter_group": format!("rds.parameter_group/{group}"), "logs": logs,
    })
}

/// What no kind has a field for yet: with the field, the object meets the control.
fn not_yet() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    vec![
        ("CloudFront.4", "cloudfront.distribution/d", "/origin_groups", json!([{"id": "g"}])),
        ("ECS.20", "ecs.task_definition/t", "/containers/0/user", json!("1000:1000")),
        ("Lambda.3", "lambda.function/f", "/network", json!({})),
        ("RDS.6", "rds.instance/d", "/monitoring_interval", json!(60)),
        ("RDS.10", "rds.instance/d", "/iam_authentication", json!(true)),
        ("S3.9", "s3.bucket/b", "/logging", json!({"bucket": "logs"})),
    ]
}

/// A user who used a password so many days ago, with a key of so many days that was used yesterday.
fn user(password: i64, mfa: bool, key: i64) -> Value {
    json!([{"name": "ada", "password": password, "mfa": mfa, "keys": [[key, 1]]}])
}

fn rule(port: i32, cidr: &str) -> Value {
    json!({"group": "ec2.security_group/s", "direction": "ingress", "protocol": "tcp", "from_port": port, "to_port": port, "cidr": cidr})
}

fn public(action: &str) -> Value {
    json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"}]})
}

fn allowed(action: &str, resource: &str) -> Value {
    json!({"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
}

/// The rows: the controls that find it, what is done, and the object that is found.
fn rows() -> Vec<(&'static [&'static str], Break, &'static str)> {
    let http = json!({"load_balancer": "elbv2.load_balancer/l", "port": 80, "protocol": "HTTP",
                      "default_action": {"kind": "forward", "target_group": "elbv2.target_group/t"}});
    let redirect = json!({"load_balancer": "elbv2.load_balancer/l", "port": 80, "protocol": "HTTP",
                          "default_action": {"kind": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"}}});
    let tls = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
    let foreign = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "s3:PutBucketPolicy", "Resource": "*"});
    let mut rows: Vec<(&'static [&'static str], Break, &'static str)> = vec![
        (&["EC2.2"], Remove("ec2.default_security_group/v"), "ec2.vpc/v"),
        (&["EC2.2"], Set("ec2.default_security_group/v", "/rules", json!(["sgr-1"])), "ec2.default_security_group/v"),
        (&["EC2.6"], Remove("ec2.flow_log/v"), "ec2.vpc/v"),
        (&["EC2.10"], Remove("ec2.vpc_endpoint/ec2"), "ec2.vpc/v"),
        (&["EC2.12"], Add("ec2.address/unused", json!({})), "ec2.address/unused"),
        (&["EC2.13", "EC2.18", "EC2.19"], Add("ec2.security_group_rule/x", rule(22, "0.0.0.0/0")), "ec2.security_group_rule/x"),
        (&["EC2.14", "EC2.18", "EC2.19"], Add("ec2.security_group_rule/x", rule(3389, "::/0")), "ec2.security_group_rule/x"),
        (&["EC2.15"], Set("ec2.subnet/a", "/map_public_ip", json!(true)), "ec2.subnet/a"),
        (&["EC2.18"], Add("ec2.security_group_rule/x", rule(8443, "0.0.0.0/0")), "ec2.security_group_rule/x"),
        (&["EC2.18", "EC2.19"], Add("ec2.security_group_rule/x", rule(5432, "0.0.0.0/0")), "ec2.security_group_rule/x"),
        (&["EC2.21"], Set("ec2.vpc/v", "/network_acl/ingress 91", Value::Null), "ec2.vpc/v"),
        (&["EC2.55"], Remove("ec2.vpc_endpoint/api"), "ec2.vpc/v"),
        (&["EC2.56"], Remove("ec2.vpc_endpoint/dkr"), "ec2.vpc/v"),
        (&["EC2.57"], Remove("ec2.vpc_endpoint/ssm"), "ec2.vpc/v"),
        (&["EC2.58"], Remove("ec2.vpc_endpoint/contacts"), "ec2.vpc/v"),
        (&["EC2.60"], Remove("ec2.vpc_endpoint/incidents"), "ec2.vpc/v"),
        (&["ECS.2"], Set("ecs.service/s", "/assign_public_ip", json!(true)), "ecs.service/s"),
        (&["ECS.5"], Set("ecs.task_definition/t", "/containers/0/readonly_root", json!(false)), "ecs.task_definition/t"),
        (
            &["ECS.8"],
            Set("ecs.task_definition/t", "/containers/0/environment", json!({"AWS_ACCESS_KEY_ID": "x"})),
            "ecs.task_definition/t",
        ),
        (&["ECS.9"], Set("ecs.task_definition/t", "/containers/0/log_group", Value::Null), "ecs.task_definition/t"),
        (&["ECS.12"], Set("ecs.cluster/c", "/container_insights", json!(false)), "ecs.cluster/c"),
        (&["ELB.1", "ELB.18"], Add("elbv2.listener/http", http), "elbv2.listener/http"),
        (&["ELB.18"], Add("elbv2.listener/http", redirect), "elbv2.listener/http"),
        (
            &["ELB.13"],
            Set("elbv2.load_balancer/l", "/subnets", json!(["ec2.subnet/b", "ec2.subnet/public"])),
            "elbv2.load_balancer/l",
        ),
        (
            &["ELB.12"],
            Set("elbv2.load_balancer/l", "/attributes/routing.http.desync_mitigation_mode", json!("monitor")),
            "elbv2.load_balancer/l",
        ),
        (&["ELB.16"], Remove("wafv2.association/l"), "elbv2.load_balancer/l"),
        (&["CloudFront.6"], Remove("wafv2.association/d"), "cloudfront.distribution/d"),
        (&["ELB.17"], Set("elbv2.listener/https", "/ssl_policy", json!("ELBSecurityPolicy-2016-08")), "elbv2.listener/https"),
        (&["ELB.21"], Set("elbv2.target_group/t", "/health", json!({"protocol": "HTTP"})), "elbv2.target_group/t"),
        (&["ELB.21", "ELB.22"], Set("elbv2.target_group/t", "/protocol", json!("HTTP")), "elbv2.target_group/t"),
        (&["IAM.3"], Set("account.settings/a", "/users", user(3, true, 91)), "account.settings/a"),
        (&["IAM.4"], Set("account.settings/a", "/root_keys", json!(true)), "account.settings/a"),
        (&["IAM.5"], Set("account.settings/a", "/users", user(3, false, 90)), "account.settings/a"),
        (&["IAM.6"], Set("account.settings/a", "/root_mfa", json!("virtual")), "account.settings/a"),
        (&["IAM.7"], Set("account.settings/a", "/passwords/sorts", json!([true, true, false, true])), "account.settings/a"),
        (&["IAM.7"], Set("account.settings/a", "/passwords", Value::Null), "account.settings/a"),
        (&["IAM.8"], Set("account.settings/a", "/users", user(91, true, 90)), "account.settings/a"),
        (&["EC2.7"], Set("account.settings/a", "/volumes_encrypted", json!(false)), "account.settings/a"),
        (&["CloudTrail.1"], Set("account.settings/a", "/trail", json!(false)), "account.settings/a"),
        (&["RDS.2"], Set("rds.instance/d", "/publicly_accessible", json!(true)), "rds.instance/d"),
        (&["Backup.1", "RDS.3"], Set("rds.instance/d", "/encrypted", Value::Null), "rds.instance/d"),
        (&["RDS.5"], Set("rds.instance/d", "/multi_az", json!(false)), "rds.instance/d"),
        (&["RDS.8"], Set("rds.instance/d", "/deletion_protection", json!(false)), "rds.instance/d"),
        (&["RDS.9"], Set("rds.instance/d", "/logs", json!(["postgresql"])), "rds.instance/d"),
        (&["RDS.9", "RDS.36"], Set("rds.instance/d", "/logs", json!(["upgrade"])), "rds.instance/d"),
        (&["RDS.9"], Set("rds.instance/my", "/logs", json!(["error"])), "rds.instance/my"),
        (&["RDS.9", "RDS.42"], Set("rds.instance/maria", "/logs", json!(["error"])), "rds.instance/maria"),
        (&["RDS.11"], Set("rds.instance/d", "/backup_days", json!(6)), "rds.instance/d"),
        (&["RDS.13"], Set("rds.instance/d", "/auto_minor_upgrade", json!(false)), "rds.instance/d"),
        (&["RDS.17"], Set("rds.instance/d", "/copy_tags", Value::Null), "rds.instance/d"),
        (&["RDS.23"], Set("rds.instance/d", "/port", json!(5432)), "rds.instance/d"),
        (&["RDS.25"], Set("rds.instance/d", "/user", json!("Postgres")), "rds.instance/d"),
        (&["RDS.38"], Set("rds.parameter_group/p", "/parameters", json!({"rds.force_ssl": "0"})), "rds.parameter_group/p"),
        (
            &["RDS.38"],
            Set("rds.parameter_group/p", "", json!({"family": "postgres14", "parameters": {}})),
            "rds.parameter_group/p",
        ),
        (&["RDS.39"], Set("rds.parameter_group/my", "/parameters", json!({})), "rds.parameter_group/my"),
        (
            &["RDS.44"],
            Set("rds.parameter_group/maria", "/parameters", json!({"require_secure_transport": "OFF"})),
            "rds.parameter_group/maria",
        ),
        (
            &["RDS.46"],
            Add("ec2.route_table_association/a", json!({"table": "ec2.route_table/public", "subnet": "ec2.subnet/a"})),
            "rds.instance/d rds.instance/maria rds.instance/my",
        ),
        (
            &["RDS.20"],
            Set("rds.event_subscription/all", "/categories", json!(["maintenance", "failure"])),
            "rds.event_subscription/all",
        ),
        (&["RDS.21"], Remove("rds.event_subscription/groups"), "rds.instance/d rds.instance/maria rds.instance/my"),
        (
            &["RDS.22"],
            Set("rds.event_subscription/classic", "/enabled", json!(false)),
            "rds.instance/d rds.instance/maria rds.instance/my",
        ),
        (&["RDS.26"], Remove("backup.selection/all"), "rds.instance/d rds.instance/maria rds.instance/my"),
        (
            &["ElastiCache.1"],
            Set("elasticache.replication_group/r", "/snapshot_days", json!(0)),
            "elasticache.replication_group/r",
        ),
        (
            &["ElastiCache.2"],
            Set("elasticache.replication_group/r", "/auto_minor_upgrade", json!(false)),
            "elasticache.replication_group/r",
        ),
        (&["ElastiCache.2"], Set("elasticache.cluster/m", "/auto_minor_upgrade", json!(false)), "elasticache.cluster/m"),
        (
            &["ElastiCache.3"],
            Set("elasticache.replication_group/r", "/automatic_failover", json!(false)),
            "elasticache.replication_group/r",
        ),
        (
            &["ElastiCache.4"],
            Set("elasticache.replication_group/r", "/at_rest_encryption", Value::Null),
            "elasticache.replication_group/r",
        ),
        (
            &["ElastiCache.5"],
            Set("elasticache.replication_group/r", "/transit_encryption", json!("disabled")),
            "elasticache.replication_group/r",
        ),
        (
            &["ElastiCache.6"],
            Add(
                "elasticache.replication_group/old",
                json!({
            "engine": "redis", "engine_version": "5.0.6", "node_type": "cache.t4g.micro", "replicas": 1, "subnet_group": "elasticache.subnet_group/g",
            "automatic_failover": true, "at_rest_encryption": true, "transit_encryption": "required", "snapshot_days": 1}),
            ),
            "elasticache.replication_group/old",
        ),
        (&["CloudFront.1"], Set("cloudfront.distribution/d", "/default_root", json!("")), "cloudfront.distribution/d"),
        (
            &["CloudFront.3"],
            Set("cloudfront.distribution/d", "/default/viewer_protocol", json!("allow-all")),
            "cloudfront.distribution/d",
        ),
        (&["CloudFront.5"], Set("cloudfront.distribution/d", "/logs", json!({})), "cloudfront.distribution/d"),
        (&["CloudFront.7"], Set("cloudfront.distribution/d", "/certificate", json!({})), "cloudfront.distribution/d"),
        (
            &["CloudFront.9"],
            Set("cloudfront.distribution/d", "/origins/app/protocol", json!("http-only")),
            "cloudfront.distribution/d",
        ),
        (
            &["CloudFront.13"],
            Set("cloudfront.distribution/d", "/origins/b/access_control", Value::Null),
            "cloudfront.distribution/d",
        ),
        (
            &["CloudFront.15"],
            Set("cloudfront.distribution/d", "/certificate/minimum_tls", json!("TLSv1.1_2016")),
            "cloudfront.distribution/d",
        ),
        (&["WAF.10"], Set("wafv2.web_acl/l", "/rules", json!([])), "wafv2.web_acl/l"),
        (&["WAF.11"], Set("wafv2.web_acl/l", "/logs", json!({})), "wafv2.web_acl/l"),
        (&["WAF.12"], Set("wafv2.web_acl/l", "/rules/0/metrics", json!(false)), "wafv2.web_acl/l"),
        (&["S3.5"], Remove("s3.bucket_policy/b"), "s3.bucket/b"),
        (&["S3.6"], Set("s3.bucket_policy/b", "/policy", json!({"Statement": [tls, foreign]})), "s3.bucket/b"),
        (&["S3.8"], Set("s3.bucket/b", "/block_public_access", json!(false)), "s3.bucket/b"),
        (&["S3.12"], Set("s3.bucket/b", "/ownership", json!("BucketOwnerPreferred")), "s3.bucket/b"),
        (&["S3.10", "S3.13"], Set("s3.bucket/b", "/lifecycle", json!({})), "s3.bucket/b"),
        (&["S3.14"], Set("s3.bucket/b", "/versioning", json!(false)), "s3.bucket/b"),
        (&["S3.17"], Set("s3.bucket/b", "/encryption", json!({"algorithm": "AES256"})), "s3.bucket/b"),
        (&["KMS.4"], Set("kms.key/k", "/rotation", json!(false)), "kms.key/k"),
        (&["KMS.5"], Set("kms.key/k", "/policy", public("kms:*")), "kms.key/k"),
        (&["KMS.2"], Set("iam.group/g", "/policies/own", allowed("kms:Decrypt", "*")), "iam.group/g"),
        (&["IAM.1", "KMS.2"], Set("iam.role/r", "/policies/own", allowed("*", "*")), "iam.role/r"),
        (&["IAM.1"], Set("iam.group/g", "/managed", json!(["arn:aws:iam::aws:policy/AdministratorAccess"])), "iam.group/g"),
        (&["IAM.2"], Set("iam.user/u", "/managed", json!(["arn:aws:iam::aws:policy/ReadOnlyAccess"])), "iam.user/u"),
        (&["IAM.21"], Set("iam.role/r", "/policies/own", allowed("s3:*", "*")), "iam.role/r"),
        (&["Lambda.2"], Set("lambda.function/f", "/runtime", json!("python3.8")), "lambda.function/f"),
        (&["SNS.1"], Set("sns.topic/t", "/kms_key", json!("")), "sns.topic/t"),
        (&["SNS.4"], Set("sns.topic/t", "/policy", public("sns:Publish")), "sns.topic/t"),
        (&["SQS.1"], Set("sqs.queue/q", "/sse", json!(false)), "sqs.queue/q"),
        (&["SQS.3"], Set("sqs.queue/q", "/policy", public("sqs:SendMessage")), "sqs.queue/q"),
        (&["SecretsManager.1"], Add("secretsmanager.secret/s", json!({"username": "app"})), "secretsmanager.secret/s"),
        (&["SecretsManager.4"], Set("secretsmanager.rotation/d", "/days", json!(91)), "secretsmanager.rotation/d"),
        (&["CloudWatch.15"], Set("cloudwatch.alarm/a", "/actions", json!([])), "cloudwatch.alarm/a"),
        (&["CloudWatch.16"], Set("logs.log_group/l", "/retention_days", json!(30)), "logs.log_group/l"),
        (&["CloudWatch.17"], Set("cloudwatch.alarm/a", "/enabled", json!(false)), "cloudwatch.alarm/a"),
    ];
    for (id, attribute) in [
        ("ELB.4", "/attributes/routing.http.drop_invalid_header_fields.enabled"),
        ("ELB.5", "/attributes/access_logs.s3.enabled"),
        ("ELB.6", "/attributes/deletion_protection.enabled"),
    ] {
        let ids: &'static [&'static str] = Box::leak(Box::new([id]));
        rows.push((ids, Set("elbv2.load_balancer/l", attribute, Value::Null), "elbv2.load_balancer/l"));
    }
    // Public buckets: what blocks them counts first.
    for (id, action) in [("S3.2", "s3:GetObject"), ("S3.3", "s3:PutObject")] {
        let ids: &'static [&'static str] = Box::leak(Box::new([id, "S3.5", "S3.8"]));
        let bucket = json!({"versioning": true, "block_public_access": false, "ownership": "BucketOwnerEnforced", "encryption": {"algorithm": "aws:kms"}, "lifecycle": {"o": {"expire_versions_after": 3}}});
        rows.push((ids, Add("s3.bucket/public", json!({"bucket": bucket, "policy": public(action)})), "s3.bucket/public"));
    }
    rows
}

/// What a file leaves out of a bucket is as AWS has it for a new one.
#[test]
fn a_bucket_without_settings_blocks_public_access() {
    let of = |bucket: Value| -> BTreeSet<&'static str> {
        let all = BTreeMap::from([("s3.bucket/b".to_owned(), bucket)]);
        found(&view(&all)).into_iter().map(|(id, _)| id).collect()
    };
    let bare = of(json!({}));
    assert!(bare.contains("S3.5") && bare.contains("S3.13"), "{bare:?}");
    let open = of(json!({"block_public_access": false, "ownership": "ObjectWriter"}));
    assert_eq!(open.difference(&bare).copied().collect::<Vec<_>>(), ["S3.12", "S3.8"]);
}

/// The objects after a change.
fn broken(of: Break) -> BTreeMap<String, Value> {
    let mut all = clean();
    match of {
        Remove(key) => assert!(all.remove(key).is_some(), "{key}"),
        // A bucket with a policy.
        Add(key, value) if value.get("bucket").is_some_and(Value::is_object) => {
            all.insert(key.to_owned(), value["bucket"].clone());
            all.insert(key.replace("s3.bucket/", "s3.bucket_policy/"), json!({"bucket": key, "policy": value["policy"]}));
        }
        Add(key, value) => assert!(all.insert(key.to_owned(), value).is_none(), "{key}"),
        Set(key, pointer, value) => set(all.get_mut(key).unwrap(), pointer, value),
    }
    all
}

fn set(fields: &mut Value, pointer: &str, value: Value) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        *fields = value;
        return;
    };
    let parent = fields.pointer_mut(parent).unwrap();
    match value {
        Value::Null => assert!(parent.as_object_mut().unwrap().remove(name).is_some(), "{pointer}"),
        value => parent[name] = value,
    }
}

/// The objects as the kinds write them; those of kinds that do not exist yet as they are.
fn view(all: &BTreeMap<String, Value>) -> View {
    let registry = registry::registry();
    let object = |(key, fields): (&String, &Value)| {
        let key: Key = key.parse().unwrap();
        // Of endpoints a file can have only those of S3 and DynamoDB; the control looks for others.
        let fields = match registry.find(&key.kind).filter(|kind| kind.info().name != "ec2.vpc_endpoint") {
            Some(kind) => kind.canonical(fields.clone()).unwrap_or_else(|e| panic!("{key}: {e:?}")),
            None => fields.clone(),
        };
        Object { key, fields: Arc::new(fields), section: None }
    };
    View::of(all.iter().map(object).collect())
}

/// The controls that find something, with the objects.
fn found(view: &View) -> BTreeSet<(&'static str, String)> {
    let of = |control: &'static Control| {
        let all = (control.check)(view).unwrap_or_else(|e| panic!("{}: {e}", control.id));
        all.into_iter().map(|breach| (control.id, breach.key.to_string())).collect::<Vec<_>>()
    };
    registry::controls().flat_map(of).collect()
}

#[test]
fn each_control_finds_what_breaks_it() {
    let before = found(&view(&clean()));
    let unmet: BTreeSet<&str> = before.iter().map(|(id, _)| *id).collect();
    assert_eq!(unmet, not_yet().iter().map(|(id, ..)| *id).collect(), "only what no kind can meet is found in clean objects");
    for (ids, change, objects) in rows() {
        let after = found(&view(&broken(change)));
        // What no kind can meet is found in a new object, too.
        let new: BTreeSet<_> = after.difference(&before).filter(|(id, _)| !unmet.contains(id)).cloned().collect();
        let wanted: BTreeSet<_> =
            ids.iter().flat_map(|id| objects.split(' ').map(move |object| (*id, object.to_owned()))).collect();
        assert_eq!(new, wanted, "{ids:?}");
    }
}

#[test]
fn every_control_is_broken_once() {
    let tried: BTreeSet<&str> =
        rows().iter().flat_map(|(ids, ..)| ids.iter().copied()).chain(not_yet().iter().map(|row| row.0)).collect();
    let by_fields = || registry::controls().filter(|control| control.level != Level::Live);
    let all: BTreeSet<&str> = by_fields().map(|control| control.id).collect();
    assert_eq!(tried, all);
    assert!(all.len() >= 90 && all.len() == by_fields().count(), "{} controls", all.len());
}

/// What became of objects is in none of their fields: services are asked for it, each control by one question.
#[test]
fn what_became_of_objects_is_asked_once() {
    let live = || registry::controls().filter(|control| control.level == Level::Live);
    let asked: Vec<&str> = registry::wings().flat_map(|wing| wing.later).flat_map(|later| later.controls).copied().collect();
    assert_eq!(asked.iter().copied().collect::<BTreeSet<_>>(), live().map(|control| control.id).collect());
    assert_eq!(asked.len(), live().count());
    for control in live() {
        let mut view = view(&clean());
        let before = found(&view);
        let key: Key = "rds.instance/d".parse().unwrap();
        view.add_later(vec![(control.id, Breach::new(&key, "so it is"))]);
        let new: Vec<_> = found(&view).difference(&before).cloned().collect();
        assert_eq!(new, [(control.id, key.to_string())]);
    }
}

/// A field that a kind gets one day is looked at under this name.
#[test]
fn fields_of_tomorrow_are_looked_at() {
    for (id, key, pointer, value) in not_yet() {
        let control = registry::controls().find(|control| control.id == id).unwrap();
        let mut objects: Vec<Object> = view(&clean()).objects().to_vec();
        let object = objects.iter_mut().find(|object| object.key.to_string() == key).unwrap();
        set(Arc::make_mut(&mut object.fields), pointer, value);
        let left = (control.check)(&View::of(objects)).unwrap();
        assert!(left.iter().all(|breach| breach.key.to_string() != key), "{id}");
    }
}

/// The edits of fields are edits of fields that exist, and they fix.
#[test]
fn what_fixes_a_field_fixes_it() {
    let mut tried = 0;
    for (ids, change, _) in rows() {
        let all = broken(change);
        for control in registry::controls().filter(|control| ids.contains(&control.id)) {
            for breach in (control.check)(&view(&all)).unwrap() {
                let Some(fix) = breach.fix else { continue };
                // What a section writes by a word of its own is no field; nor is a field of a list.
                let words = [
                    ("secretsmanager.secret", "rotation"),
                    ("cloudfront.distribution", "logs"),
                    ("ecs.task_definition", "containers"),
                ];
                if words.contains(&(breach.key.kind.as_str(), fix.field[0])) || control.id == "ElastiCache.3" {
                    continue;
                }
                let mut fixed = all.clone();
                let fields = fixed.get_mut(&breach.key.to_string()).unwrap();
                let pointer: String = fix.field.iter().map(|step| format!("/{step}")).collect();
                set(fields, &pointer, fix.value);
                let left = (control.check)(&view(&fixed)).unwrap();
                assert!(left.iter().all(|other| other.key != breach.key), "{}: {pointer}", control.id);
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn what_is_not_checked_is_not_checked() {
    let all: BTreeSet<&str> = registry::controls().map(|control| control.id).collect();
    let mut seen = BTreeSet::new();
    for id in ELSEWHERE.iter().flat_map(|(_, ids)| ids.iter()) {
        assert!(!all.contains(id) && seen.insert(id), "{id}");
    }
}

/// Texts are parts of sentences, and pages are AWS's.
#[test]
fn texts_of_controls_are_whole() {
    for control in registry::controls() {
        for text in [control.title, control.why, control.remedy] {
            assert!(!text.is_empty() && !text.ends_with('.') && text.is_ascii(), "{}: {text}", control.id);
        }
        assert!(control.title.starts_with(|c: char| c.is_uppercase()), "{}", control.title);
    }
    let one = registry::controls().find(|control| control.id == "ElastiCache.1").unwrap();
    assert_eq!(one.url(), "https://docs.aws.amazon.com/securityhub/latest/userguide/elasticache-controls.html#elasticache-1");
}
