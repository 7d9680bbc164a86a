//! What CloudFront reports is watched in us-east-1, whichever region the stack is in, by alarms that notify a topic of that region.

use serde_json::{Value, json};

use crate::support::proxy::{CBOR, Fault};
use crate::support::run::EVERYTHING;
use crate::support::subject::{APPLY, Subject, edit, run_and_kill_when};

const FILE: &str = r#"
stack: shop
region: eu-west-1
alarms: { email: [ops@example.com] }
cdn: { static: { paths: ["/*"] } }
"#;

/// What another client sees in both regions: alarms with what they notify, topics with who hears them.
const SEEN: &str = r#"
import boto3, os
result = {}
for region in ("us-east-1", "eu-west-1"):
    of = lambda service: boto3.client(service, region_name=region, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    cloudwatch, sns = of("cloudwatch"), of("sns")
    place = {"alarms": {}, "topics": {}}
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        tags = {tag["Key"]: tag["Value"] for tag in cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]}
        place["alarms"][alarm["AlarmName"]] = [alarm["Threshold"], [arn.split(":", 3)[3].split(":")[::2] for arn in alarm["AlarmActions"]], tags.get("stack:region")]
    for topic in sns.list_topics()["Topics"]:
        all = sns.list_subscriptions_by_topic(TopicArn=topic["TopicArn"])["Subscriptions"]
        place["topics"][topic["TopicArn"].rsplit(":", 1)[1]] = sorted(one["Endpoint"] for one in all)
    result[region] = place
"#;

const BY_HAND: &str = r#"
import boto3, os
of = lambda service: boto3.client(service, region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
cloudwatch, sns = of("cloudwatch"), of("sns")
alarm = cloudwatch.describe_alarms(AlarmNames=[args])["MetricAlarms"][0]
cloudwatch.disable_alarm_actions(AlarmNames=[args])
cloudwatch.set_alarm_state(AlarmName=args, StateValue="ALARM", StateReason="a test")
sns.set_topic_attributes(TopicArn=alarm["AlarmActions"][0], AttributeName="Policy", AttributeValue='{"Version": "2012-10-17", "Statement": []}')
"#;

fn seen(s: &Subject) -> Value {
    s.account.boto3(SEEN, &Value::Null)
}

fn there(threshold: f64) -> Value {
    let actions = [["us-east-1", "shop-eu-west-1-alarms-us-east-1"]];
    json!({
        "alarms": {"shop-eu-west-1-cdn-main-errors": [threshold, actions, "eu-west-1"]},
        "topics": {"shop-eu-west-1-alarms-us-east-1": ["ops@example.com"]},
    })
}

#[test]
fn alarms_of_cloudfront_notify_a_topic_beside_them() {
    let s = Subject::new(FILE);
    s.apply();
    s.assert_in_step();
    let here = json!({"alarms": {}, "topics": {"shop-alarms": ["ops@example.com"]}});
    assert_eq!(seen(&s), json!({"us-east-1": there(5.0), "eu-west-1": here}));
    let with = "email: [ops@example.com], cdn: { errors: 10 }";
    edit(&s, "email: [ops@example.com]", with, &["update cloudwatch.alarm/cdn-main-errors"]);
    assert_eq!(seen(&s)["us-east-1"], there(10.0));

    // What is changed there is drift, and an alarm there is shown.
    s.account.boto3(BY_HAND, &json!("shop-eu-west-1-cdn-main-errors"));
    assert_eq!(s.changes(), ["update cloudwatch.alarm/cdn-main-errors", "update sns.topic/alarms-us-east-1"]);
    let shown = s.place.stack(&["show", "s.yaml"]).ok();
    assert!(shown.stdout.contains("cdn-main-errors") && shown.stdout.contains("a test"), "{}", shown.stdout);
    s.apply();
    s.assert_in_step();

    // The same stack in us-east-1 has its own.
    let text = FILE.replace("eu-west-1", "us-east-1");
    s.place.file("home.yaml", &text);
    s.place.stack(&["apply", "home.yaml", "--yes"]).ok();
    s.place.stack(&["plan", "home.yaml", "--detailed-exitcode", "--exact"]).ok();
    s.assert_in_step();
    let both = seen(&s);
    assert_eq!(both["us-east-1"]["alarms"]["shop-cdn-main-errors"], json!([5.0, [["us-east-1", "shop-alarms"]], null]));
    s.place.stack(&["destroy", "home.yaml", "--yes", EVERYTHING]).ok();
    s.assert_in_step();
    assert_eq!(seen(&s)["us-east-1"], there(10.0));

    // Without CloudFront nothing of it stays.
    s.write("cdn: { static: { paths: [\"/*\"] } }\n", "");
    s.write(with, "email: [ops@example.com]");
    s.place.stack(&[APPLY, &["--allow-delete", "cloudfront.distribution/main"]].concat()).ok();
    s.assert_in_step();
    assert_eq!(seen(&s)["us-east-1"], json!({"alarms": {}, "topics": {}}));
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(seen(&s)["eu-west-1"]["topics"], json!({}));
}

#[test]
fn a_killed_run_makes_one_topic_there() {
    let s = Subject::new(FILE);
    for (operation, reaches) in [("CreateTopic", true), ("Subscribe", true), ("PutMetricAlarm", false)] {
        assert!(run_and_kill_when(&s, APPLY, reaches, move |call| call.operation == operation), "{operation}");
    }
    s.apply();
    s.assert_in_step();
    assert_eq!(seen(&s)["us-east-1"], there(5.0));
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(seen(&s)["us-east-1"], json!({"alarms": {}, "topics": {}}));
}

#[test]
fn topics_of_others_are_notified_in_their_region() {
    let topics = "alarms: { topics: [\"arn:aws:sns:eu-west-1:123456789012:ops\"] }";
    let s = Subject::new(&FILE.replace("alarms: { email: [ops@example.com] }", topics));
    let warned = s.place.stack(&["validate", "s.yaml"]).ok();
    assert!(warned.words().contains("the alarms of `cdn` are in `us-east-1`, and notify no one"), "{}", warned.stderr);
    s.write("eu-west-1:123456789012:ops\"", "eu-west-1:123456789012:ops\", \"arn:aws:sns:us-east-1:123456789012:ops\"");
    let quiet = s.place.stack(&["validate", "s.yaml"]).ok();
    assert!(!quiet.stderr.contains("notify no one"), "{}", quiet.stderr);
    s.write("us-east-1:123456789012:ops", "eu-central-1:123456789012:ops");
    let wrong = s.place.stack(&["validate", "s.yaml"]).exits(65);
    assert!(wrong.words().contains("the topic is in `eu-central-1`"), "{}", wrong.stderr);
}

/// Denies lists in us-east-1, as an organization does that restricts regions: each service in its words.
fn restrict(s: &Subject) {
    const XML: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>explicit deny</Message></Error></ErrorResponse>";
    let json = r#"{"__type": "AccessDeniedException", "message": "explicit deny"}"#;
    s.proxy.on_call(move |call| match call.name().as_str() {
        _ if call.region != "us-east-1" => Fault::Pass,
        "sns:ListTopics" => Fault::Answer(403, "text/xml".into(), XML.into()),
        "acm:ListCertificates" | "logs:DescribeLogGroups" => Fault::Answer(400, "application/x-amz-json-1.1".into(), json.into()),
        name if name.ends_with(":DescribeAlarms") => Fault::Answer(403, CBOR.into(), json.into()),
        _ => Fault::Pass,
    });
}

#[test]
fn a_denial_there_hinders_no_other_stack() {
    let s = Subject::new(&FILE.replace("cdn: { static: { paths: [\"/*\"] } }\n", ""));
    restrict(&s);
    s.apply();
    s.place.stack(&["plan", "s.yaml", "--detailed-exitcode", "--exact"]).ok();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(seen(&s)["eu-west-1"]["topics"], json!({}));
    s.proxy.pass();

    // What is there is not forgotten.
    let s = Subject::new(FILE);
    s.apply();
    restrict(&s);
    let denied = s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]);
    assert!(denied.code != Some(0) && denied.stderr.contains("explicit deny"), "{}", denied.stderr);
    assert_eq!(seen(&s)["us-east-1"], there(5.0));
    s.proxy.pass();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
}
