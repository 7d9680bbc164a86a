//! `dashboard` and `stack top`: the figures of everything, in CloudWatch and in the terminal.

use serde_json::{Value, json};

use crate::support::run::words;
use crate::support::subject::{APPLY, DESTROY, Subject, edit};

const FILE: &str = r#"
stack: shop
region: us-east-1
dashboard: true
alarms: { email: [ops@example.com] }
network: { zones: 2, nat: none }
services: { web: { image: "nginx:1.27", port: 80, routes: [/*], public: true } }
resources:
  sqs.queue: { orders: {} }
"#;

/// Without anything that takes time.
const BARE: &str = "stack: shop\nregion: us-east-1\nalarms: off\ndashboard: true\nresources: { sqs.queue: { orders: {} } }\n";

/// What another client sees in another region, and whether everything that the widgets name exists.
const SEEN: &str = r#"
import json
import boto3
here = client("cloudwatch")
there = boto3.client("cloudwatch", endpoint_url=here.meta.endpoint_url, region_name="eu-west-1")
alarms = {alarm["AlarmArn"] for alarm in here.describe_alarms()["MetricAlarms"]}
result = {}
for entry in there.list_dashboards()["DashboardEntries"]:
    body = json.loads(there.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"])
    tags = {tag["Key"]: tag["Value"] for tag in there.list_tags_for_resource(ResourceARN=entry["DashboardArn"])["Tags"]}
    titles, dimensions = [], {}
    for widget in body["widgets"]:
        properties = widget["properties"]
        titles.append(properties.get("title") or properties["markdown"].splitlines()[0])
        assert set(properties.get("alarms", [])) <= alarms, properties
        for metric in properties.get("metrics", []):
            dimensions |= dict(zip(metric[2::2], metric[3::2]))
    result[entry["DashboardName"]] = {"titles": titles, "dimensions": dimensions, "key": tags.get("stack:key")}
"#;

/// The console saves it again, as it writes bodies: shortened, and with what is the default.
const BY_CONSOLE: &str = r#"
import json
cloudwatch = client("cloudwatch")
body = json.loads(cloudwatch.get_dashboard(DashboardName="shop-dashboard")["DashboardBody"])
for widget in body["widgets"]:
    if widget["type"] == "metric":
        widget["properties"] |= {"view": "timeSeries", "stacked": False}
        widget["properties"]["metrics"] = [[*(part for part in metric if part), {}] for metric in widget["properties"]["metrics"]]
if args:
    body["widgets"].append({"type": "text", "x": 0, "y": 90, "width": 6, "height": 2, "properties": {"markdown": args}})
cloudwatch.put_dashboard(DashboardName="shop-dashboard", DashboardBody=json.dumps(body, indent=2))
"#;

fn seen(s: &Subject) -> Value {
    s.account.boto3(SEEN, &Value::Null)
}

#[test]
fn the_page_has_what_the_environment_has() {
    let s = Subject::new(FILE);
    s.apply();
    s.assert_in_step();
    let found = seen(&s);
    let dashboard = &found["shop-dashboard"];
    assert_eq!((found.as_object().unwrap().len(), &dashboard["key"]), (1, &json!("cloudwatch.dashboard/dashboard")));
    let titles: Vec<&str> = dashboard["titles"].as_array().unwrap().iter().map(|title| title.as_str().unwrap()).collect();
    assert_eq!(titles[..4], ["# shop default", "Alarms", "## load_balancer", "load_balancer requests"]);
    for title in ["services.web CPU", "services.web tasks", "services.web healthy", "resources.sqs.queue.orders messages"] {
        assert!(titles.contains(&title), "{titles:?}");
    }
    let dimensions = &dashboard["dimensions"];
    assert_eq!((&dimensions["ClusterName"], &dimensions["ServiceName"]), (&json!("shop"), &json!("shop-web")));
    assert!(dimensions["LoadBalancer"].as_str().unwrap().starts_with("app/shop/"), "{dimensions}");
    assert_eq!(dimensions["QueueName"], "shop-orders");

    // A new part is on it, and nothing else changes.
    let new = ["create cloudwatch.alarm/queue-mails-age", "create sqs.queue/mails", "update cloudwatch.dashboard/dashboard"];
    edit(&s, "orders: {}", "orders: {}, mails: {}", &new);
    assert!(seen(&s).to_string().contains("resources.sqs.queue.mails oldest"));
    s.place.stack(&["pause", "s.yaml", "--yes"]).ok();
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn what_the_console_rewrites_is_no_drift() {
    let s = Subject::new(BARE);
    s.apply();
    s.account.boto3(BY_CONSOLE, &json!(""));
    s.assert_in_step();
    s.account.boto3(BY_CONSOLE, &json!("by hand"));
    assert_eq!(s.changes(), ["update cloudwatch.dashboard/dashboard"]);
    s.apply();
    s.assert_in_step();
    assert!(!seen(&s).to_string().contains("by hand"));
    s.write("dashboard: true\n", "");
    assert_eq!(s.changes(), ["delete cloudwatch.dashboard/dashboard"]);
    s.apply();
    assert_eq!(seen(&s), json!({}));
    s.place.stack(DESTROY).ok();
}

#[test]
fn a_dashboard_of_someone_else_is_not_replaced() {
    let s = Subject::new(BARE);
    let theirs = r#"client("cloudwatch").put_dashboard(DashboardName="shop-dashboard", DashboardBody='{"widgets": []}')"#;
    s.account.boto3(theirs, &Value::Null);
    let before = seen(&s);
    let refused = words(&s.place.stack(APPLY).exits(4).stderr);
    assert!(refused.contains("shop-dashboard"), "{refused}");
    s.place.stack(DESTROY).ok();
    assert_eq!(seen(&s), before);
}

#[test]
fn two_regions_have_a_dashboard_each() {
    let s = Subject::new(BARE);
    s.apply();
    let there = BARE.replace("us-east-1", "eu-west-1");
    s.place.file("there.yaml", &there);
    s.place.stack(&["apply", "there.yaml", "--yes"]).ok();
    s.assert_in_step();
    let names = |found: &Value| found.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&seen(&s)), ["shop-dashboard", "shop-eu-west-1-dashboard"]);
    s.place.stack(DESTROY).ok();
    assert_eq!(names(&seen(&s)), ["shop-eu-west-1-dashboard"]);
}

#[test]
fn its_address_is_shown() {
    let s = Subject::new(BARE);
    let none = words(&s.place.stack(&["show", "s.yaml", "--web"]).exits(4).stderr);
    assert!(none.contains("`dashboard: true`"), "{none}");
    s.apply();
    let address =
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard/shop-dashboard\n";
    assert_eq!(s.place.stack(&["show", "s.yaml", "--web"]).ok().stdout, address);
    s.place.stack(DESTROY).ok();
}

#[test]
fn the_same_figures_are_in_the_terminal() {
    let s = Subject::new(BARE);
    let nothing = words(&s.place.stack(&["top", "s.yaml", "--once"]).exits(4).stderr);
    assert!(nothing.contains("nothing with figures"), "{nothing}");
    s.apply();
    let put = r#"
import datetime
at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=3)
dimensions = [{"Name": "QueueName", "Value": "shop-orders"}]
data = [{"MetricName": "ApproximateNumberOfMessagesVisible", "Dimensions": dimensions, "Timestamp": at, "Value": value} for value in (3, 17)]
client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=data)
"#;
    s.account.boto3(put, &Value::Null);
    s.proxy.take();
    let found = s.place.stack(&["top", "s.yaml", "--format", "json"]).ok().json();
    let asked = s.proxy.take().iter().filter(|call| call.operation == "GetMetricData").count();
    assert_eq!(asked, 1, "one question for everything of a region");
    let figures = found["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 2);
    assert_eq!((&figures[0]["figure"], &figures[0]["now"]), (&json!("messages"), &json!(17.0)));
    assert_eq!(figures[0]["points"].as_array().unwrap().iter().filter(|point| !point.is_null()).count(), 1);
    // What nobody reported is not 0.
    assert_eq!((&figures[1]["figure"], &figures[1]["now"]), (&json!("oldest"), &Value::Null));
    let table = s.place.stack(&["top", "s.yaml"]).ok().stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].contains("messages") && lines[1].contains(" 17 "), "{table}");
    assert!(lines[2].contains("oldest") && lines[2].contains(" – "), "{table}");
    s.place.stack(DESTROY).ok();
}

#[test]
fn show_names_the_alarms_that_have_gone_off() {
    let s = Subject::new(
        "stack: shop\nregion: us-east-1\nalarms: { email: [ops@example.com] }\nresources: { sqs.queue: { orders: {} } }\n",
    );
    s.apply();
    let state = |value: &str| {
        let script = r#"
cloudwatch = client("cloudwatch")
[name] = [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]]
cloudwatch.set_alarm_state(AlarmName=name, StateValue=args, StateReason="Threshold Crossed: 1 datapoint [700.0]")
"#;
        s.account.boto3(script, &json!(value));
    };
    let show = |more: &[&str]| s.place.stack(&[&["show", "s.yaml"], more].concat()).ok();
    state("OK");
    assert!(show(&[]).stdout.contains("1 alarm, none in alarm\n"), "{}", show(&[]).stdout);
    state("INSUFFICIENT_DATA");
    assert!(show(&[]).stdout.contains("1 alarm, none in alarm, 1 without data\n"), "{}", show(&[]).stdout);
    state("ALARM");
    let text = show(&[]).stdout;
    assert!(text.contains("1 alarm, 1 in alarm\n") && text.contains("Threshold Crossed: 1 datapoint [700.0]"), "{text}");
    let json = show(&["--json"]).json();
    assert_eq!((&json["alarms"][0]["state"], &json["alarms"][0]["name"]), (&json!("ALARM"), &json!("queue-orders-age")));
    s.assert_in_step();
}
