//! `alarms`: every part of a stack is watched, in AWS, by alarms that name what exists and tell a topic that they may publish to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::proxy::Call;
use crate::support::stacks::DATABASE;
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
    if namespace == "AWS/Events":
        return bool(client("events").describe_rule(Name=of["RuleName"])["Arn"])
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
    assert!(all.len() == 29, "{:?}", all.keys().collect::<Vec<_>>());
    let topic = format!("arn:aws:sns:us-east-1:{}:shop-alarms", s.account.id);
    for (name, alarm) in all {
        assert_eq!(alarm["exists"], true, "{name}: {alarm}");
        // Those of a service tell together.
        let told = if name.starts_with("shop-service-") { json!([[], []]) } else { json!([[topic], [topic]]) };
        assert_eq!(alarm["actions"], told, "{name}");
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
    edit(
        &s,
        "errors: 20 }",
        off,
        &["delete cloudwatch.alarm/service-worker-cpu", "update cloudwatch.composite_alarm/service-worker-together"],
    );

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
    for word in ["memory", "restarts", "running"] {
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
    // A pager's address is no different.
    edit(
        &s,
        "[c@example.com]",
        "[c@example.com], https: [\"https://pager.invalid/alarms\"]",
        &["create sns.subscription/alarms-https-pager-invalid-alarms"],
    );
    let pending = r#"
sns = client("sns")
topic = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":shop-alarms"))
all = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
result = [[one["Endpoint"], one["SubscriptionArn"]] for one in all if one["Protocol"] == "https"]
"#;
    assert_eq!(s.account.boto3(pending, &Value::Null), json!([["https://pager.invalid/alarms", "PendingConfirmation"]]));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// Who may post is a secret of the file's reader.
#[test]
fn an_address_with_a_password_is_refused() {
    let s = Subject::new("stack: shop\nregion: us-east-1\nalarms: { https: [\"https://anna:hunter2@pager.example.com/x\"] }\n");
    let wrong = s.place.stack(&["validate", "s.yaml"]).exits(65);
    assert!(wrong.stderr.contains("looks like a secret") && !wrong.stderr.contains("hunter2"), "{}", wrong.stderr);
    s.place.file(
        "s.yaml",
        "stack: shop\nregion: us-east-1\nalarms: { https: [\"http://pager.example.com\", \"https://anna@pager.example.com\"] }\n",
    );
    let wrong = s.place.stack(&["validate", "s.yaml"]).exits(65);
    assert_eq!(wrong.stderr.matches("without user and password").count(), 2, "{}", wrong.stderr);
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

const SERVICES: &str = r#"
stack: shop
region: us-east-1
network: { zones: 2, nat: single }
alarms: { email: [ops@example.com] }
services:
  worker: { image: "nginx:1.27" }
"#;

/// A queue gets what the topic is told, and what the rule for restarts counts.
const LISTEN: &str = r#"
sqs, sns, events = client("sqs"), client("sns"), client("events")
queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
topic = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":shop-alarms"))
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
events.put_targets(Rule="shop-restarts-worker", Targets=[{"Id": "heard", "Arn": arn}])
"#;

/// What the queue has got, and nothing else: sentences of deployments, and the codes of tasks that ended.
const HEARD: &str = r#"
import json, time
sqs = client("sqs")
queue = sqs.get_queue_url(QueueName="heard")["QueueUrl"]
result = {"told": [], "counted": []}
for attempt in range(100):
    for one in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        body = json.loads(one["Body"])
        if isinstance(body, str):
            result["told"].append(body)
        else:
            result["counted"].append([body["detail"]["group"], body["detail"]["stopCode"]])
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
    if result["told"] and len(result["counted"]) >= 3:
        break
    time.sleep(0.1)
"#;

/// A deployment by someone else whose image crashes.
const BROKEN: &str = r#"
ecs = client("ecs")
service = ecs.describe_services(cluster="shop", services=["shop-worker"])["services"][0]
before = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
names = ("family", "executionRoleArn", "networkMode", "containerDefinitions", "requiresCompatibilities", "cpu", "memory")
fields = {name: before[name] for name in names if name in before}
fields["containerDefinitions"][0]["image"] = "app:crash"
broken = ecs.register_task_definition(**fields)["taskDefinition"]["taskDefinitionArn"]
ecs.update_service(cluster="shop", service="shop-worker", taskDefinition=broken, desiredCount=1)
for attempt in range(20):
    ecs.describe_services(cluster="shop", services=["shop-worker"])
"#;

#[test]
fn deployments_that_fail_are_told() {
    let s = Subject::new(SERVICES);
    s.apply();
    s.assert_in_step();
    s.account.boto3(LISTEN, &Value::Null);
    // Who listens besides is drift.
    assert!(s.changes().contains(&"update events.rule/restarts-worker".to_owned()), "{:?}", s.changes());
    s.account.boto3("client('ecs').update_service(cluster='shop', service='shop-worker', desiredCount=0)", &Value::Null);
    s.account.boto3(BROKEN, &Value::Null);
    let heard = s.account.boto3(HEARD, &Value::Null);
    let told = heard["told"][0].as_str().unwrap();
    let service = format!("arn:aws:ecs:us-east-1:{}:service/shop/shop-worker", s.account.id);
    let sentence = format!("A deployment of {service} failed: ECS deployment circuit breaker: task failed to start. (ecs-svc/");
    assert!(told.starts_with(&sentence), "{heard}");
    let counted = heard["counted"].as_array().unwrap();
    assert!(counted.len() >= 3, "{heard}");
    // A task that was scaled away is not counted.
    assert!(counted.iter().all(|one| *one == json!(["service:shop-worker", "EssentialContainerExited"])), "{heard}");
    s.apply();
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// What another client sees: of each composite alarm its rule and whom it tells, and which other alarms tell anybody.
const TOGETHER: &str = r#"
cloudwatch = client("cloudwatch")
found = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
last = lambda arns: [arn.rsplit(":", 1)[1] for arn in arns]
result = {
    "all": {one["AlarmName"]: [one["AlarmRule"], last(one["AlarmActions"]), last(one["OKActions"]), one["ActionsEnabled"]] for one in found["CompositeAlarms"]},
    "each": sorted(one["AlarmName"] for one in found["MetricAlarms"] if one["AlarmActions"]),
}
"#;

/// An alarm goes off: what the topic is told, by which alarm.
const GOES_OFF: &str = r#"
import json, time
sqs, sns, cloudwatch = client("sqs"), client("sns"), client("cloudwatch")
queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
topic = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":shop-alarms"))
subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})["SubscriptionArn"]
cloudwatch.set_alarm_state(AlarmName=args, StateValue="ALARM", StateReason="a test")
told, quiet = [], 0
while quiet < 10:
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    told += [json.loads(one["Body"])["AlarmName"] for one in messages]
    for one in messages:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
    quiet = 0 if messages else quiet + 1
    time.sleep(0.1)
sns.unsubscribe(SubscriptionArn=subscription)
cloudwatch.set_alarm_state(AlarmName=args, StateValue="OK", StateReason="a test")
result = sorted(told)
"#;

const TOGETHER_BY_HAND: &str = r#"
cloudwatch = client("cloudwatch")
cloudwatch.put_composite_alarm(AlarmName="shop-service-worker-together", AlarmRule="FALSE", ActionsEnabled=False)
"#;

fn together(s: &Subject) -> Value {
    s.account.boto3(TOGETHER, &Value::Null)
}

#[test]
fn one_alarm_tells_for_a_service() {
    let s = Subject::new(SERVICES);
    s.apply();
    s.assert_in_step();
    let rule = |words: &[&str]| {
        words.iter().map(|word| format!("ALARM(\"shop-service-worker-{word}\")")).collect::<Vec<_>>().join(" OR ")
    };
    let all = |words: &[&str]| json!({"shop-service-worker-together": [rule(words), ["shop-alarms"], ["shop-alarms"], true]});
    const WORDS: [&str; 4] = ["cpu", "memory", "running", "restarts"];
    assert_eq!(together(&s)["all"], all(&WORDS));
    assert!(!together(&s)["each"].to_string().contains("service"), "{}", together(&s));
    assert_eq!(s.account.boto3(GOES_OFF, &json!("shop-service-worker-cpu")), json!(["shop-service-worker-together"]));

    s.account.boto3(TOGETHER_BY_HAND, &Value::Null);
    assert_eq!(s.changes(), ["update cloudwatch.composite_alarm/service-worker-together"]);
    s.apply();
    s.assert_in_step();
    assert_eq!(together(&s)["all"], all(&WORDS));

    // CloudWatch refuses to delete what a rule names: the rule goes first.
    let off = "email: [ops@example.com], off: [services.worker.cpu]";
    let changes = ["delete cloudwatch.alarm/service-worker-cpu", "update cloudwatch.composite_alarm/service-worker-together"];
    edit(&s, "email: [ops@example.com]", off, &changes);
    assert_eq!(together(&s)["all"], all(&WORDS[1..]));
    let each: Vec<String> =
        ["memory", "restarts", "running"].iter().map(|word| format!("update cloudwatch.alarm/service-worker-{word}")).collect();
    let each: Vec<&str> = each.iter().map(String::as_str).collect();
    edit(&s, "off: [services.worker.cpu]", "off: [services.worker.cpu], each: true", &each);
    assert_eq!(
        s.account.boto3(GOES_OFF, &json!("shop-service-worker-memory")),
        json!(["shop-service-worker-memory", "shop-service-worker-together"])
    );
    edit(
        &s,
        "each: true",
        "each: true, services: { together: off }",
        &["delete cloudwatch.composite_alarm/service-worker-together"],
    );
    assert_eq!(together(&s)["all"], json!({}));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// The alarm of alarms is made once and goes before what it names, wherever a run is killed.
#[test]
fn a_killed_run_leaves_one_alarm_of_alarms() {
    let s = Subject::new(SERVICES);
    for reaches in [false, true] {
        let makes = |call: &Call| call.name() == "monitoring:PutCompositeAlarm";
        assert!(run_and_kill_when(&s, APPLY, reaches, makes), "{}", together(&s));
    }
    s.apply();
    s.assert_in_step();
    assert_eq!(together(&s)["all"].as_object().unwrap().len(), 1);
    for reaches in [true, false] {
        let deletes = |call: &Call| call.name() == "monitoring:DeleteAlarms";
        assert!(run_and_kill_when(&s, DESTROY, reaches, deletes), "{}", together(&s));
    }
    s.place.stack(DESTROY).ok();
    assert_eq!(together(&s)["all"], json!({}));
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// What another client sees of the filters, and of the alarms on their metrics.
const LINES: &str = r#"
result = {}
alarms = {one.get("MetricName"): one for one in client("cloudwatch").describe_alarms()["MetricAlarms"]}
for one in client("logs").describe_metric_filters()["metricFilters"]:
    to = one["metricTransformations"][0]
    alarm = alarms.get(to["metricName"], {})
    same = alarm.get("Namespace") == to["metricNamespace"]
    result[one["filterName"]] = [one["logGroupName"], one["filterPattern"], to["metricValue"], same, alarm.get("Threshold"), alarm.get("Period")]
"#;

#[test]
fn lines_of_a_log_are_counted() {
    let with =
        |logs: &str| SERVICES.replace("email: [ops@example.com]", &format!("email: [ops@example.com], logs: {{ {logs} }}"));
    let s = Subject::new(&with("errors: { service: worker, pattern: ERROR, threshold: 10 }"));
    s.apply();
    s.assert_in_step();
    let seen = |pattern: &str, threshold: f64, period: u32| json!({"shop-errors": ["/stack/shop/default/worker", pattern, "1", true, threshold, period]});
    let lines = |s: &Subject| s.account.boto3(LINES, &Value::Null);
    assert_eq!(lines(&s), seen("ERROR", 10.0, 300));
    let by_hand = r#"
client("logs").put_metric_filter(logGroupName="/stack/shop/default/worker", filterName="shop-errors", filterPattern="FATAL",
    metricTransformations=[{"metricName": "errors", "metricNamespace": "stack/shop/default", "metricValue": "2"}])
client("logs").put_metric_filter(logGroupName="/stack/shop/default/worker", filterName="theirs", filterPattern="",
    metricTransformations=[{"metricName": "all", "metricNamespace": "theirs", "metricValue": "1"}])
"#;
    s.account.boto3(by_hand, &Value::Null);
    assert_eq!(s.changes(), ["update logs.metric_filter/errors"]);
    s.apply();
    s.assert_in_step();
    // What somebody counts besides stays.
    assert!(lines(&s).as_object().unwrap().contains_key("theirs"));
    let delete = r#"client("logs").delete_metric_filter(logGroupName="/stack/shop/default/worker", filterName="theirs")"#;
    s.account.boto3(delete, &Value::Null);
    edit(
        &s,
        "pattern: ERROR, threshold: 10",
        "pattern: ERROR, threshold: 10, period: 1m",
        &["update cloudwatch.alarm/log-errors"],
    );
    assert_eq!(lines(&s), seen("ERROR", 10.0, 60));
    edit(
        &s,
        "errors: { service: worker, pattern: ERROR, threshold: 10, period: 1m }",
        "",
        &["delete cloudwatch.alarm/log-errors", "delete logs.metric_filter/errors"],
    );
    assert_eq!(lines(&s), json!({}));

    // Killed while it makes or deletes one: there is one, and none.
    s.place.file("s.yaml", &with("errors: { service: worker, pattern: ERROR }"));
    for reaches in [false, true] {
        assert!(run_and_kill_when(&s, APPLY, reaches, |call: &Call| call.name() == "logs:PutMetricFilter"));
    }
    s.apply();
    s.assert_in_step();
    assert_eq!(lines(&s), seen("ERROR", 0.0, 300));
    assert!(run_and_kill_when(&s, DESTROY, true, |call: &Call| call.name() == "logs:DeleteMetricFilter"));
    s.place.stack(DESTROY).ok();
    assert_eq!(lines(&s), json!({}));
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn what_is_no_log_is_found_in_the_file() {
    let logs = "email: [ops@example.com], logs: { errors: { service: wrker, pattern: ERROR, period: 90s } }";
    let s = Subject::new(&SERVICES.replace("email: [ops@example.com]", logs));
    let wrong = s.place.stack(&["validate", "s.yaml"]).exits(65);
    for said in ["did you mean `worker`?", "must be in whole minutes"] {
        assert!(wrong.stderr.contains(said), "{said}: {}", wrong.stderr);
    }
}
