//! `stack usage`: what CloudWatch knows of the environment's own objects, beside what the file assumes.

use serde_json::{Value, json};

use crate::support::run::words;
use crate::support::subject::{DESTROY, Subject};

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
services: { web: { image: "nginx:1.27", port: 80, routes: [/*], public: true } } # the shop
resources:
  sqs.queue: { orders: {}, mails: {} }
  s3.bucket: { files: {} }
"#;

/// What services report on AWS: `[hours ago, namespace, metric, dimensions, value]` each, in a region.
const REPORT: &str = r#"
import datetime
import boto3
now = datetime.datetime.now(datetime.UTC)
here = client("cloudwatch")
cloudwatch = boto3.client("cloudwatch", endpoint_url=here.meta.endpoint_url, region_name=args["region"])
for hours, namespace, metric, dimensions, value in args["data"]:
    named = [{"Name": name, "Value": text} for name, text in dimensions.items()]
    datum = {"MetricName": metric, "Dimensions": named, "Timestamp": now - datetime.timedelta(hours=hours), "Value": value}
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])
"#;

const NAMES: &str = r#"
balancer = client("elbv2").describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"].split("loadbalancer/")[1]
group = client("logs").describe_log_groups()["logGroups"][0]["logGroupName"]
bucket = [one["Name"] for one in client("s3").list_buckets()["Buckets"] if "files" in one["Name"]][0]
result = {"balancer": balancer, "group": group, "bucket": bucket}
"#;

fn report(s: &Subject, region: &str, data: &Value) {
    s.account.boto3(REPORT, &json!({"region": region, "data": data}));
}

fn measured(whole: &Value, key: &str) -> Value {
    whole["usage"].as_array().unwrap().iter().find(|one| one["key"] == key).unwrap()["measured"].clone()
}

#[test]
fn what_is_used_is_measured_and_written() {
    let s = Subject::new(FILE);
    let nothing = words(&s.place.stack(&["usage", "s.yaml"]).exits(4).stderr);
    assert!(nothing.contains("nothing of its own whose use is measured"), "{nothing}");
    s.apply();
    let names = s.account.boto3(NAMES, &Value::Null);
    let text = |name: &str| names[name].as_str().unwrap().to_owned();
    let balancer = json!({"LoadBalancer": text("balancer")});
    let gib = 1_u64 << 30;
    let bucket = json!({"BucketName": text("bucket"), "StorageType": "StandardStorage"});
    let orders = json!({"QueueName": "shop-orders"});
    report(
        &s,
        "us-east-1",
        &json!([
            // 300 hours ago the first figure of anything: a month is 730 hours.
            [300, "AWS/ApplicationELB", "RequestCount", balancer, 1_080_000],
            [2, "AWS/ApplicationELB", "RequestCount", balancer, 2_160_000],
            [2, "AWS/ApplicationELB", "ProcessedBytes", balancer, 100 * gib],
            [2, "AWS/Logs", "IncomingBytes", {"LogGroupName": text("group")}, 3 * gib],
            [2, "AWS/SQS", "NumberOfMessagesSent", orders, 600],
            // What nobody asks for: another stack's queue, other classes of storage, what is older.
            [2, "AWS/SQS", "NumberOfMessagesSent", {"QueueName": "other-orders"}, 1_000_000],
            [2, "AWS/S3", "BucketSizeBytes", {"BucketName": text("bucket"), "StorageType": "GlacierStorage"}, 999 * gib],
            [800, "AWS/SQS", "NumberOfMessagesSent", orders, 1_000_000],
            // A day's figures: the latest counts, shared with the bucket of access logs.
            [50, "AWS/S3", "BucketSizeBytes", bucket, 999 * gib],
            [26, "AWS/S3", "BucketSizeBytes", bucket, 7 * gib],
        ]),
    );
    s.proxy.take();
    let whole = s.place.stack(&["usage", "s.yaml", "--format", "json"]).ok().json();
    let asked = s.proxy.take().iter().filter(|call| call.operation == "GetMetricData").count();
    assert_eq!(asked, 2, "one question for the hours, and one for the days of storage");
    // 3,240,000 requests in 300 hours; the present hour is not over.
    assert_eq!((&whole["hours"], &measured(&whole, "requests")), (&json!(300), &json!(3)), "{whole:#}");
    assert_eq!((measured(&whole, "transfer"), measured(&whole, "logs")), (json!("244GiB"), json!("8GiB")), "{whole:#}");
    assert_eq!((measured(&whole, "files"), measured(&whole, "messages")), (json!("4GiB"), json!(730)), "{whole:#}");
    for none in ["nat", "reads", "calls"] {
        assert_eq!(measured(&whole, none), Value::Null, "{none}");
    }
    let cents = |sum: &Value| sum["monthly"].as_str().unwrap().parse::<f64>().unwrap();
    assert!(cents(&whole["after"]) > cents(&whole["before"]), "{whole:#}");
    let table = s.place.stack(&["usage", "s.yaml"]).ok().stdout;
    assert!(table.contains("244GiB") && table.contains("no NAT gateway of its own"), "{table}");
    assert!(table.contains("which are not on by default") && table.contains("12 days old, of 30 days"), "{table}");
    // Of the last day it is another month.
    let day = s.place.stack(&["usage", "s.yaml", "--days", "1", "--format", "json"]).ok().json();
    assert_eq!((&day["hours"], &measured(&day, "messages")), (&json!(2), &json!(109_500)), "{day:#}");

    let refused = s.place.stack(&["usage", "s.yaml", "--write"]).exits(4);
    assert!(refused.stderr.contains("transfer: 244GiB"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap(), FILE);
    s.place.stack(&["usage", "s.yaml", "--write", "--yes"]).ok();
    let written = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    let (before, section) = written.split_once("usage:").unwrap();
    assert_eq!(before, FILE, "everything else stays, comments too");
    assert_eq!(section, "\n  requests: 3\n  transfer: 244GiB\n  logs: 8GiB\n  files: 4GiB\n  messages: 730\n");
    // It is what prices are told with from now on, and nothing in AWS depends on it.
    let cost = s.place.stack(&["cost", "s.yaml", "--format", "json"]).ok().json();
    assert_eq!(cost["monthly"], whole["after"]["monthly"]);
    s.assert_in_step();
    let again = s.place.stack(&["usage", "s.yaml", "--write", "--yes"]).ok();
    assert!(again.words().contains("The file has what was measured."), "{}", again.stderr);
    s.place.stack(DESTROY).ok();
}

#[test]
fn distributions_report_in_the_first_region() {
    let s = Subject::new("stack: shop\nregion: eu-west-1\ncdn:\n  static: { paths: [\"/*\"] }\n");
    s.apply();
    let distribution = s
        .account
        .boto3(r#"result = client("cloudfront").list_distributions()["DistributionList"]["Items"][0]["Id"]"#, &Value::Null);
    let dimensions = json!({"DistributionId": distribution, "Region": "Global"});
    let data = json!([[2, "AWS/CloudFront", "Requests", dimensions, 72_000]]);
    report(&s, "us-east-1", &data);
    // Nobody reports there.
    report(&s, "eu-west-1", &json!([[2, "AWS/CloudFront", "Requests", dimensions, 999_000_000]]));
    let whole = s.place.stack(&["usage", "s.yaml", "--format", "json"]).ok().json();
    assert_eq!((measured(&whole, "requests"), measured(&whole, "transfer")), (json!(10), Value::Null), "{whole:#}");
    assert_eq!(whole["before"], Value::Null, "no price is known there");
    let text = s.place.stack(&["usage", "s.yaml"]).ok().stdout;
    assert!(text.contains("AWS/CloudFront BytesDownloaded reported nothing") && text.contains("No price is known"), "{text}");
    s.place.stack(DESTROY).ok();
}
