//! `alarms`: every part of a stack is watched, in AWS, by alarms that name what exists and tell a topic that they may publish to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::proxy::Call;
use crate::support::subject::{APPLY, DESTROY, Subject, edit, run_and_kill_when};

const FILE: &str = r#"
stack: shop
region: us-east-1
network: { zones: 2, nat: single }
alarms: { email: [ops@example.com], load_balancer: { errors: 10 } }
services:
  web: { image: "nginx:1.27", port: 80, routes: ["/*"] }
  worker: { image: "nginx:1.27" }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, deletion_protection: false }
caches:
  sessions: { engine: valkey, replicas: 1 }
resources:
  sqs.queue: { orders: { dead_letter_queue: "${sqs.queue/dead.arn}", max_receives: 3 }, dead: {} }
"#;

/// What another client sees: the alarms, and of each whether everything that its dimensions name exists.
const ALARMS: &str = r#"
def there(namespace, of):
    if namespace in ("AWS/ECS", "ECS/ContainerInsights"):
        return client("ecs").describe_services(cluster=of["ClusterName"], services=[of["ServiceName"]])["services"][0]["status"] == "ACTIVE"
    if namespace == "AWS/ApplicationELB":
        balancers = [one["LoadBalancerArn"] for one in client("elbv2").describe_load_balancers()["LoadBalancers"]]
        groups = [one["TargetGroupArn"] for one in client("elbv2").describe_target_groups()["TargetGroups"]]
        group = of.get("TargetGroup")
        return any(arn.endswith(":loadbalancer/" + of["LoadBalancer"]) for arn in balancers) and (not group or any(arn.endswith(":" + group) for arn in groups))
    if namespace == "AWS/RDS":
        return len(client("rds").describe_db_instances(DBInstanceIdentifier=of["DBInstanceIdentifier"])["DBInstances"]) == 1
    if namespace == "AWS/ElastiCache":
        return len(client("elasticache").describe_cache_clusters(CacheClusterId=of["CacheClusterId"])["CacheClusters"]) == 1
    if namespace == "AWS/NATGateway":
        return client("ec2").describe_nat_gateways(NatGatewayIds=[of["NatGatewayId"]])["NatGateways"][0]["State"] == "available"
    if namespace == "AWS/SQS":
        return bool(client("sqs").get_queue_url(QueueName=of["QueueName"])["QueueUrl"])
    return False

result = {}
for alarm in client("cloudwatch").get_paginator("describe_alarms").paginate().build_full_result()["MetricAlarms"]:
    if alarm["AlarmName"].startswith("TargetTracking-"):
        continue
    stats = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query] or [alarm]
    tags = client("cloudwatch").list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    result[alarm["AlarmName"]] = {
        "metric": "-".join(metric["MetricName"] for metric in stats),
        "threshold": alarm["Threshold"],
        "exists": all(there(metric["Namespace"], {one["Name"]: one["Value"] for one in metric["Dimensions"]}) for metric in stats),
        "actions": [alarm["AlarmActions"], alarm["OKActions"]],
        "missing": alarm["TreatMissingData"],
        "key": next((tag["Value"] for tag in tags if tag["Key"] == "stack:key"), None),
    }
"#;

const BY_HAND: &str = r#"
cloudwatch = client("cloudwatch")
cloudwatch.disable_alarm_actions(AlarmNames=["shop-database-main-cpu"])
alarm = cloudwatch.describe_alarms(AlarmNames=["shop-queue-orders-age"])["MetricAlarms"][0]
names = ("AlarmName", "Namespace", "MetricName", "Statistic", "Dimensions", "Period", "EvaluationPeriods", "ComparisonOperator", "AlarmActions")
cloudwatch.put_metric_alarm(Threshold=1, **{name: alarm[name] for name in names})
"#;

/// The owner of an address follows the link.
const CONFIRM: &str = r#"
import json, urllib.request
sns = client("sns")
topic = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":shop-alarms"))
arn = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=args, ReturnSubscriptionArn=True)["SubscriptionArn"]
with urllib.request.urlopen(f"{sns.meta.endpoint_url}/_aws/sns/subscription-tokens/{arn}") as answer:
    sns.confirm_subscription(TopicArn=topic, Token=json.load(answer)["subscription_token"])
"#;

fn alarms(s: &Subject) -> Value {
    s.account.boto3(ALARMS, &Value::Null)
}

#[test]
fn every_part_is_watched_and_told_of() {
    let s = Subject::new(FILE);
    s.apply();
    s.assert_in_step();
    let found = alarms(&s);
    let all = found.as_object().unwrap();
    assert!(all.len() == 27, "{:?}", all.keys().collect::<Vec<_>>());
    let topic = format!("arn:aws:sns:us-east-1:{}:shop-alarms", s.account.id);
    for (name, alarm) in all {
        assert_eq!(alarm["exists"], true, "{name}: {alarm}");
        assert_eq!(alarm["actions"], json!([[topic], [topic]]), "{name}");
        assert_eq!(alarm["missing"], "notBreaching", "{name}");
        assert_eq!(alarm["key"], format!("cloudwatch.alarm/{}", name.strip_prefix("shop-").unwrap()), "{name}");
    }
    let seen = |name: &str| (all[name]["metric"].as_str().unwrap().to_owned(), all[name]["threshold"].as_f64().unwrap());
    assert_eq!(seen("shop-service-web-cpu"), ("CPUUtilization".into(), 85.0));
    assert_eq!(seen("shop-service-worker-running"), ("DesiredTaskCount-RunningTaskCount".into(), 0.0));
    assert_eq!(seen("shop-service-web-latency"), ("TargetResponseTime".into(), 2.0));
    assert_eq!(seen("shop-database-main-storage-free"), ("FreeStorageSpace".into(), 2_147_483_648.0));
    assert_eq!(seen("shop-cache-sessions-2-memory"), ("DatabaseMemoryUsagePercentage".into(), 90.0));
    assert_eq!(seen("shop-queue-dead-dead-letters"), ("ApproximateNumberOfMessagesVisible".into(), 0.0));

    // A threshold is that alarm's alone.
    edit(&s, "errors: 10", "errors: 20", &["update cloudwatch.alarm/load-balancer-main-errors"]);
    assert_eq!(alarms(&s)["shop-load-balancer-main-errors"]["threshold"], 20.0);
    let off = "errors: 20 }, off: [services.worker.cpu]";
    edit(&s, "errors: 20 }", off, &["delete cloudwatch.alarm/service-worker-cpu"]);

    s.account.boto3(BY_HAND, &Value::Null);
    assert_eq!(s.changes(), ["update cloudwatch.alarm/database-main-cpu", "update cloudwatch.alarm/queue-orders-age"]);
    s.apply();
    s.assert_in_step();

    // What rests sends no data, and alarms take that for good: they stay as they are.
    let before = alarms(&s);
    s.place.stack(&["pause", "s.yaml", "--yes"]).ok();
    s.assert_in_step();
    assert_eq!(alarms(&s), before);
    // A NAT gateway that is deleted meanwhile is not watched meanwhile.
    s.place.stack(&["pause", "s.yaml", "--yes", "--delete-nat"]).ok();
    s.assert_in_step();
    assert_eq!(alarms(&s).as_object().unwrap().len(), before.as_object().unwrap().len() - 1);
    s.place.stack(&["resume", "s.yaml", "--yes"]).ok();
    s.assert_in_step();

    // The alarms of what goes go with it.
    s.write("off: [services.worker.cpu]", "off: []");
    s.write("  worker: { image: \"nginx:1.27\" }\n", "");
    let changes = s.changes();
    for word in ["memory", "running"] {
        assert!(changes.contains(&format!("delete cloudwatch.alarm/service-worker-{word}")), "{changes:?}");
    }
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "logs.log_group/*"]).ok();
    s.assert_in_step();
    assert!(!alarms(&s).to_string().contains("worker"));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn who_is_told_changes_once_it_is_confirmed() {
    const EMPTY: &str = "stack: shop\nregion: us-east-1\nalarms: { email: [a@example.com, b@example.com] }\n";
    let s = Subject::new(EMPTY);
    s.apply();
    // Nobody has followed a link.
    s.assert_in_step();
    s.account.boto3(CONFIRM, &json!("a@example.com"));
    s.assert_in_step();
    // AWS removes what is not confirmed by itself.
    edit(&s, "a@example.com, b@example.com", "a@example.com", &[]);
    edit(
        &s,
        "a@example.com",
        "c@example.com",
        &["create sns.subscription/alarms-c-example-com", "delete sns.subscription/alarms-email-a_example_com"],
    );
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn what_is_no_alarm_is_found_in_the_file() {
    let s = Subject::new(&FILE.replace("load_balancer: { errors: 10 }", "services: { cpuu: 70, memory: 130 }, topics: [ops]"));
    let wrong = s.place.stack(&["validate", "s.yaml"]).exits(65);
    for said in ["did you mean `cpu`?", "`130` is not a percentage", "write the ARN of an SNS topic"] {
        assert!(wrong.stderr.contains(said), "{said}: {}", wrong.stderr);
    }
    s.place.file("s.yaml", &FILE.replace("load_balancer: { errors: 10 }", "off: [services.workr]"));
    let wrong = s.place.stack(&["plan", "s.yaml"]).exits(65);
    assert!(wrong.stderr.contains("did you mean `services.worker`?"), "{}", wrong.stderr);
}

const DATABASE: &str = r#"
stack: shop
region: us-east-1
network: { zones: 2, nat: none }
alarms: { email: [ops@example.com] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB, deletion_protection: false }
"#;

/// What another client sees of what RDS reports to whom.
const REPORTS: &str = r#"
result = {}
for one in client("rds").describe_event_subscriptions()["EventSubscriptionsList"]:
    topic = one["SnsTopicArn"].rsplit(":", 1)[1]
    result[one["CustSubscriptionId"]] = [one["SourceType"], one["SourceIdsList"], one["EventCategoriesList"], topic, one["Enabled"], one["Status"]]
"#;

const REPORTS_BY_HAND: &str = r#"
rds = client("rds")
rds.modify_event_subscription(SubscriptionName="shop-databases", EventCategories=["backup"], Enabled=False)
rds.remove_source_identifier_from_subscription(SubscriptionName="shop-databases", SourceIdentifier="shop")
rds.delete_event_subscription(SubscriptionName="shop-parameter-groups")
"#;

fn reports(s: &Subject) -> Value {
    s.account.boto3(REPORTS, &Value::Null)
}

#[test]
fn what_rds_reports_is_told() {
    let s = Subject::new(DATABASE);
    s.apply();
    s.assert_in_step();
    let all = json!(["configuration change", "failover", "failure", "low storage", "maintenance", "read replica", "recovery"]);
    let databases = |of: Value| json!(["db-instance", of, all, "shop-alarms", true, "active"]);
    let groups = json!(["db-parameter-group", ["shop-main-postgres16"], ["configuration change"], "shop-alarms", true, "active"]);
    let whole = json!({"shop-databases": databases(json!(["shop"])), "shop-parameter-groups": groups});
    assert_eq!(reports(&s), whole);

    s.account.boto3(REPORTS_BY_HAND, &Value::Null);
    assert_eq!(s.changes(), ["create rds.event_subscription/parameter-groups", "update rds.event_subscription/databases"]);
    s.apply();
    s.assert_in_step();
    assert_eq!(reports(&s), whole);

    // A replica reports, too, as soon as it exists, and no more when it goes.
    s.write("storage: 20GiB,", "storage: 20GiB, replicas: { copy: {} },");
    assert!(s.changes().contains(&"update rds.event_subscription/databases".to_owned()), "{:?}", s.changes());
    s.apply();
    s.assert_in_step();
    assert_eq!(reports(&s)["shop-databases"], databases(json!(["shop", "shop-main-copy"])));
    s.write(" replicas: { copy: {} },", "");
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "rds.instance/main-copy"]).ok();
    s.assert_in_step();
    assert_eq!(reports(&s), whole);
    let off = "email: [ops@example.com], off: [databases.main.events]";
    let gone = ["delete rds.event_subscription/databases", "delete rds.event_subscription/parameter-groups"];
    s.write("email: [ops@example.com]", off);
    let changes = s.changes();
    assert!(gone.iter().all(|one| changes.contains(&(*one).to_owned())), "{changes:?}");
    s.apply();
    assert_eq!(reports(&s), json!({}));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// A run that is killed while it subscribes leaves one subscription of each sort.
#[test]
fn a_killed_run_subscribes_once() {
    let s = Subject::new(DATABASE);
    for reaches in [true, false, true] {
        let is_it = |call: &Call| call.name() == "rds:CreateEventSubscription";
        assert!(run_and_kill_when(&s, APPLY, reaches, is_it), "{}", reports(&s));
    }
    s.apply();
    s.assert_in_step();
    let found = reports(&s);
    let names: BTreeSet<&str> = found.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["shop-databases", "shop-parameter-groups"]));
    let deletes = |call: &Call| call.name() == "rds:DeleteEventSubscription";
    assert!(run_and_kill_when(&s, DESTROY, true, deletes));
    s.place.stack(DESTROY).ok();
    assert_eq!(reports(&s), json!({}));
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// A subscription of somebody else that has the name stays as it is, and so does the topic that it tells.
#[test]
fn a_subscription_of_someone_else_is_not_taken_over() {
    let s = Subject::new(DATABASE);
    let theirs = r#"
topic = client("sns").create_topic(Name="theirs")["TopicArn"]
client("rds").create_event_subscription(SubscriptionName="shop-databases", SnsTopicArn=topic, SourceType="db-instance", EventCategories=["backup"])
"#;
    s.account.boto3(theirs, &Value::Null);
    let before = reports(&s);
    let refused = s.place.stack(APPLY).exits(4).stderr;
    assert!(refused.contains("shop-databases"), "{refused}");
    s.write("email: [ops@example.com] }", "email: [ops@example.com], databases: { events: off } }");
    s.apply();
    s.assert_in_step();
    assert_eq!(reports(&s), before);
    s.place.stack(DESTROY).ok();
    assert_eq!(reports(&s), before);
}
