//! Every kind through a life: created, nothing to do, edited, nothing to do, deleted, and gone for another client.
//!
//! The objects of a file share one apply. A new kind needs a row; its fields are what `felt.py` and the tests of its service are
//! for.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stack::aws::registry;
use stack::config::yaml;

use crate::support::client::count;
use crate::support::console::{CENTER, SLACK};
use crate::support::subject::Subject;

/// A stack file with objects of many kinds.
struct Fixture {
    /// The stack's name.
    stack: &'static str,
    /// The file.
    text: &'static str,
    /// Scripts that boto3 runs before it is applied.
    before: &'static [&'static str],
    /// Objects of `resources` that edits refer to: key and fields in JSON. They are created with the edits.
    others: &'static [(&'static str, &'static str)],
    /// What the edits change besides, sorted.
    besides: &'static [&'static str],
    /// An object of each kind.
    rows: &'static [Row],
}

/// An object of a kind, and what can be changed of it in the file.
struct Row {
    key: &'static str,
    edit: Edit,
}

enum Edit {
    /// A field of the object, its value in JSON: the object is updated.
    Update(&'static str, &'static str),
    /// A path from the root of the file, its value in JSON, and what the plan says.
    Change(&'static str, &'static str, &'static [&'static str]),
    /// Nothing can be changed, for this reason.
    Nothing(&'static str),
}

const fn update(key: &'static str, field: &'static str, value: &'static str) -> Row {
    Row { key, edit: Edit::Update(field, value) }
}

const fn change(key: &'static str, path: &'static str, value: &'static str, changes: &'static [&'static str]) -> Row {
    Row { key, edit: Edit::Change(path, value, changes) }
}

const fn nothing(key: &'static str, why: &'static str) -> Row {
    Row { key, edit: Edit::Nothing(why) }
}

const TAGS: &str = r#"{ "team": "web" }"#;

const FIXTURES: &[Fixture] = &[
    Fixture {
        stack: "kinds",
        text: include_str!("../../src/blueprint/testdata/every-kind.yaml"),
        before: &[SLACK, CENTER],
        others: &[
            (
                "kms.key/other",
                r#"{ "policy": { "Version": "2012-10-17", "Statement": [
                    { "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::000000000000:root" }, "Action": "kms:*", "Resource": "*" }
                ] } }"#,
            ),
            ("ec2.route_table/other", r#"{ "vpc": "ec2.vpc/v" }"#),
            ("wafv2.web_acl/other", r#"{ "scope": "REGIONAL", "rules": [] }"#),
            ("events.rule/other", r#"{ "pattern": { "source": ["aws.ecs"] }, "targets": {} }"#),
        ],
        besides: &[],
        rows: &[
            update("ec2.vpc/v", "dns_hostnames", "true"),
            update("ec2.subnet/a", "map_public_ip", "true"),
            update("ec2.internet_gateway/g", "tags", TAGS),
            update("ec2.address/n", "tags", TAGS),
            update("ec2.nat_gateway/n", "tags", TAGS),
            update("ec2.route_table/t", "tags", TAGS),
            change(
                "ec2.route/out",
                "/resources/ec2.route/out/destination",
                r#""0.0.0.0/1""#,
                &["create ec2.route/out", "delete ec2.route/t-0_0_0_0_0"],
            ),
            update("ec2.route_table_association/a", "table", r#""ec2.route_table/other""#),
            update("ec2.vpc_endpoint/s3", "route_tables", "[]"),
            update("ec2.security_group/s", "tags", TAGS),
            update("ec2.security_group_rule/in", "description", r#""HTTP""#),
            update("ec2.flow_log/f", "tags", TAGS),
            update("elbv2.load_balancer/l", "attributes", r#"{ "idle_timeout.timeout_seconds": "120" }"#),
            update("elbv2.target_group/t", "attributes", r#"{ "deregistration_delay.timeout_seconds": "30" }"#),
            update(
                "elbv2.listener/h",
                "default_action",
                r#"{ "kind": "fixed-response", "fixed": { "status_code": "404", "content_type": "text/plain", "body": "" } }"#,
            ),
            change("elbv2.rule/r", "/resources/elbv2.rule/r/paths", r#"["/y/*"]"#, &["replace elbv2.rule/r"]),
            update("iam.role/r", "managed", r#"["arn:aws:iam::aws:policy/ReadOnlyAccess"]"#),
            update("iam.group/g", "managed", r#"["arn:aws:iam::aws:policy/ReadOnlyAccess"]"#),
            update("iam.user/u", "groups", r#"["iam.group/g"]"#),
            update("iam.oidc_provider/o", "audiences", r#"["https://github.com/acme"]"#),
            update("iam.password_policy/p", "min_length", "16"),
            update("kms.key/k", "rotation", "true"),
            update("kms.alias/k", "key", r#""kms.key/other""#),
            update("logs.log_group/l", "retention_days", "7"),
            update("logs.query_definition/q", "query", r#""stats count(*) by @log""#),
            update("logs.metric_filter/m", "pattern", r#""FATAL""#),
            update("ecs.cluster/c", "container_insights", "true"),
            update("ecs.task_definition/t", "memory", r#""1024""#),
            update("ecs.service/s", "desired_count", "1"),
            update("servicediscovery.namespace/n", "description", r#""Names""#),
            update("application-autoscaling.scalable_target/s", "max", "2"),
            update("application-autoscaling.scaling_policy/s", "value", "50"),
            update("s3.bucket/b", "versioning", "true"),
            change(
                "s3.bucket_policy/b",
                "/resources/s3.bucket_policy/b/policy/Statement/0/Action",
                r#""s3:Get*""#,
                &["update s3.bucket_policy/b"],
            ),
            update("cloudfront.origin_access_control/o", "signing", r#""no-override""#),
            update("cloudfront.distribution/d", "price_class", r#""PriceClass_100""#),
            update("rds.subnet_group/g", "tags", TAGS),
            update("rds.parameter_group/p", "parameters", r#"{ "log_min_duration_statement": "500" }"#),
            update("rds.event_subscription/e", "categories", r#"["failure", "low storage"]"#),
            update("rds.instance/d", "class", r#""db.t4g.small""#),
            update("rds.backup_replication/d", "tags", TAGS),
            update("secretsmanager.secret/s", "description", r#""A password""#),
            update("secretsmanager.rotation/s", "days", "60"),
            update("lambda.function/f", "timeout", "10"),
            change(
                "lambda.permission/p",
                "/resources/lambda.permission/p/rule",
                r#""${events.rule/other.arn}""#,
                // What it allows is its identity: another rule is another permission.
                &["create lambda.permission/p", "delete lambda.permission/f-events_rule_e_arn"],
            ),
            update("events.rule/e", "description", r#""An event""#),
            update("elasticache.subnet_group/g", "tags", TAGS),
            update("elasticache.parameter_group/p", "parameters", r#"{ "timeout": "60" }"#),
            update("elasticache.replication_group/r", "snapshot_days", "1"),
            update("elasticache.cluster/m", "nodes", "2"),
            update("chatbot.slack_channel/s", "channel", r#""C2""#),
            update("chatbot.teams_channel/t", "channel", r#""19%3a4567%40thread.tacv2""#),
            update("sns.topic/t", "display_name", r#""Alerts""#),
            nothing("sns.subscription/s", "its fields are its identity, and one of a topic under `resources` stays in AWS"),
            update("route53.health_check/h", "path", r#""/alive""#),
            update("sqs.queue/q", "visibility_timeout", "60"),
            update("cloudwatch.alarm/a", "threshold", "600"),
            update("cloudwatch.composite_alarm/c", "rule", r#""OK(\"${cloudwatch.alarm/a}\")""#),
            update("wafv2.ip_set/i", "addresses", r#"["192.0.2.0/24", "198.51.100.0/24"]"#),
            update("wafv2.web_acl/w", "metrics", "false"),
            update("wafv2.association/a", "web_acl", r#""wafv2.web_acl/other""#),
            update("backup.vault/v", "lock", r#""governance""#),
            change("backup.plan/p", "/resources/backup.plan/p/rules/daily/keep_days", "35", &["update backup.plan/p"]),
            update("backup.restore_testing_plan/r", "algorithm", r#""RANDOM_WITHIN_WINDOW""#),
            update("backup.restore_testing_selection/s", "keep_hours", "4"),
            change(
                "cloudwatch.dashboard/d",
                "/resources/cloudwatch.dashboard/d/body/widgets/0/properties/markdown",
                r#""Hello, world""#,
                &["update cloudwatch.dashboard/d"],
            ),
            update("budgets.budget/b", "limit", "400"),
            update("sso.permission_set/p", "session_duration", r#""PT4H""#),
            change(
                "sso.assignment/a",
                "/resources/sso.assignment/a/principal",
                r#""auditors""#,
                &["create sso.assignment/a", "delete sso.assignment/p-GROUP-developers"],
            ),
            update("ce.anomaly_monitor/m", "tags", TAGS),
            update("ce.anomaly_subscription/s", "above", "50"),
            change(
                "backup.selection/s",
                "/resources/backup.selection/s/conditions",
                r#"["stack:name = kinds"]"#,
                &["replace backup.selection/s"],
            ),
        ],
    },
    Fixture {
        stack: "certified",
        text: include_str!("data/certified.yaml"),
        before: &[r#"client("route53").create_hosted_zone(Name="certified.example", CallerReference="1")"#],
        others: &[],
        besides: &[
            "create acm.validation/api_certified_example",
            "create route53.record/www_certified_example-aaaa",
            "delete route53.record/certified_example-aaaa",
            "update acm.validation/www_certified_example",
            "update cloudfront.distribution/main",
        ],
        rows: &[
            change(
                "acm.certificate/web",
                "/certificates/web/names",
                r#"["www.certified.example", "api.certified.example"]"#,
                &["replace acm.certificate/web"],
            ),
            change(
                "acm.validation/certified_example",
                "/certificates/web/names",
                r#"["www.certified.example", "api.certified.example"]"#,
                &["update acm.validation/certified_example"],
            ),
            change(
                "route53.record/certified_example-a",
                "/cdn/aliases",
                r#"["www.certified.example"]"#,
                &["create route53.record/www_certified_example-a", "delete route53.record/certified_example-a"],
            ),
            nothing(
                "ec2.default_security_group/main",
                "it comes with its VPC, and the only rules that it can have here are none",
            ),
        ],
    },
];

impl Row {
    /// The name of its kind.
    fn kind(&self) -> &'static str {
        self.key.split('/').next().unwrap()
    }

    /// What the plan says of the edit.
    fn changes(&self) -> Vec<String> {
        match self.edit {
            Edit::Update(..) => vec![format!("update {}", self.key)],
            Edit::Change(_, _, changes) => changes.iter().map(|change| (*change).to_owned()).collect(),
            Edit::Nothing(_) => Vec::new(),
        }
    }
}

/// Sets what a path leads to.
#[track_caller]
fn set(file: &mut Value, path: &str, value: &str) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    let value: Value = serde_json::from_str(value).unwrap_or_else(|error| panic!("{path}: {error}"));
    let parent = file.pointer_mut(parent).unwrap_or_else(|| panic!("the file has no {parent}"));
    parent[name] = value;
}

/// A whole life of a fixture's objects.
fn lives(fixture: &Fixture) {
    let s = Subject::new(fixture.text);
    for script in fixture.before {
        s.account.boto3(script, &json!(null));
    }
    let created = s.changes();
    for row in fixture.rows {
        assert!(created.contains(&format!("create {}", row.key)), "{} is not created: {created:#?}", row.key);
    }
    s.apply();
    s.assert_in_step();
    assert!(count(&s.account.inventory(fixture.stack, "default")) >= fixture.rows.len());

    // JSON is YAML.
    let mut file = yaml::parse(fixture.text).unwrap().to_json();
    for (key, fields) in fixture.others {
        set(&mut file, &format!("/resources/{key}"), fields);
    }
    for row in fixture.rows {
        match row.edit {
            Edit::Update(field, value) => set(&mut file, &format!("/resources/{}/{field}", row.key), value),
            Edit::Change(path, value, _) => set(&mut file, path, value),
            Edit::Nothing(why) => println!("{} is not edited: {why}", row.key),
        }
    }
    s.place.file("s.yaml", &format!("{file:#}"));
    let others = fixture.others.iter().map(|(key, _)| format!("create {key}"));
    let besides = fixture.besides.iter().map(|change| (*change).to_owned());
    let expected: BTreeSet<String> = others.chain(besides).chain(fixture.rows.iter().flat_map(Row::changes)).collect();
    let changes: BTreeSet<String> = s.changes().into_iter().collect();
    let missing: Vec<&String> = expected.difference(&changes).collect();
    let unexpected: Vec<&String> = changes.difference(&expected).collect();
    assert!(missing.is_empty() && unexpected.is_empty(), "not planned: {missing:#?}, unexpected: {unexpected:#?}");
    s.apply();
    s.assert_in_step();

    let confirm = format!("--confirm={}/default", fixture.stack);
    s.place.stack(&["destroy", "s.yaml", "--yes", &confirm, "--no-final-snapshot", "*"]).ok();
    assert_eq!(s.account.inventory(fixture.stack, "default"), json!({}));
}

#[test]
fn every_kind_of_resources_lives() {
    lives(&FIXTURES[0]);
}

#[test]
fn every_kind_of_sections_lives() {
    lives(&FIXTURES[1]);
}

#[test]
fn every_kind_has_a_row() {
    let mut rows: Vec<&str> = FIXTURES.iter().flat_map(|fixture| fixture.rows).map(Row::kind).collect();
    rows.sort_unstable();
    let registry = registry();
    let kinds: Vec<&str> = registry.described().map(|kind| kind.info().name).collect();
    let without: Vec<_> = kinds.iter().filter(|kind| !rows.contains(kind)).collect();
    assert!(without.is_empty(), "kinds without a row in tests/it/kinds.rs: {without:?}");
    assert_eq!(rows, kinds, "a row of tests/it/kinds.rs is of no registered kind, or one of two");
}
