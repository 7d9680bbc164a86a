//! What AWS Health announces about RDS is sent to the topic, in a sentence.

use serde_json::{Value, json};

use crate::support::stacks::DATABASE;
use crate::support::subject::{DESTROY, Subject, edit};

/// AWS Health announces something about two services: what the topic gets. Only AWS sends such events; the local AWS accepts them from anyone.
const HEALTH: &str = r#"
import json, time
sqs, sns, events = client("sqs"), client("sns"), client("events")
queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
topic = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":shop-alarms"))
heard = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})["SubscriptionArn"]
for service, category in (("EC2", "scheduledChange"), ("RDS", "issue"), ("RDS", "accountNotification")):
    detail = {"service": service, "eventTypeCategory": category, "eventTypeCode": f"AWS_{service}_SECURITY_NOTIFICATION", "eventRegion": "us-east-1",
        "startTime": "Wed, 8 Jan 2020 21:00:00 GMT", "affectedEntities": [{"entityValue": "shop"}]}
    events.put_events(Entries=[{"Source": "aws.health", "DetailType": "AWS Health Event", "Detail": json.dumps(detail)}])
result, quiet = [], 0
while quiet < 10:
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    result += [json.loads(one["Body"]) for one in messages]
    quiet = 0 if messages or not result else quiet + 1
    time.sleep(0.1)
sns.unsubscribe(SubscriptionArn=heard)
"#;

#[test]
fn what_aws_health_announces_of_rds_is_sent() {
    let s = Subject::new(DATABASE);
    s.apply();
    let sentence = "AWS Health announces AWS_RDS_SECURITY_NOTIFICATION for RDS in us-east-1, from Wed, 8 Jan 2020 21:00:00 GMT. The first database \
                that is affected: shop. The details are at https://health.aws.amazon.com/health/home";
    assert_eq!(s.account.boto3(HEALTH, &Value::Null), json!([sentence]));
    s.assert_in_step();
    let off = "email: [ops@example.com], databases: { notices: off }";
    edit(&s, "email: [ops@example.com]", off, &["delete events.rule/database-notices", "update sns.topic/alarms"]);
    s.place.stack(DESTROY).ok();
}
