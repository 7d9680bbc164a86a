//! `alarms`: every part of a stack is watched, in AWS, by alarms that name what exists and tell a topic that they may publish to.

use serde_json::{Value, json};

use crate::support::subject::{DESTROY, Subject, edit};

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
