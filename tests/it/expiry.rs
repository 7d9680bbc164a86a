//! An environment that expires notifies before: at a time that follows its expiry wherever that is moved to.

use serde_json::{Value, json};

use crate::support::subject::Subject;

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: { email: [ops@example.com] }
environments:
  review: {}
  production: {}
"#;

/// What another client sees of the rule: its schedule as the time before the expiry that the topic's tag names, and what it sends where.
const NOTIFIES: &str = r#"
import json
from datetime import datetime, timezone
events, sns = client("events"), client("sns")
result = None
for rule in events.list_rules(NamePrefix=f"shop-{args}-environment-expires")["Rules"]:
    topic = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(f":shop-{args}-alarms"))
    tags = {tag["Key"]: tag["Value"] for tag in sns.list_tags_for_resource(ResourceArn=topic)["Tags"]}
    at = datetime.fromisoformat(tags["stack:expires"])
    minute, hour, day, month, _, year = rule["ScheduleExpression"].removeprefix("cron(").removesuffix(")").split()
    before = at.replace(second=0) - datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=timezone.utc)
    targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    said = json.loads(targets[0]["Input"])
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    result = {
        "before": before.total_seconds() / 3600,
        "to": [target["Arn"] == topic for target in targets],
        "says": [tags["stack:expires"] in said, f"stack extend --stack shop --env {args} --region us-east-1" in said],
        "may": "events.amazonaws.com" in json.dumps(policy),
        "enabled": rule["State"] == "ENABLED",
    }
"#;

fn notifies(s: &Subject, env: &str) -> Value {
    s.account.boto3(NOTIFIES, &json!(env))
}

fn hours_before(hours: f64) -> Value {
    json!({"before": hours, "to": [true], "says": [true, true], "may": true, "enabled": true})
}

/// Returns what a plan of the environment would do, from the index and from the services themselves.
#[track_caller]
fn changes(s: &Subject) -> Vec<String> {
    let of = |more: &[&str]| -> Vec<String> {
        let plan = ["plan", "s.yaml", "--env", "pr-1", "--like", "review", "--json"];
        let plan = s.place.stack(&[&plan[..], more].concat()).ok().json();
        let all = plan["changes"].as_array().unwrap().iter();
        all.map(|change| format!("{} {}", change["action"].as_str().unwrap(), change["key"].as_str().unwrap())).collect()
    };
    let exact = of(&["--exact"]);
    assert_eq!(of(&[]), exact);
    exact
}

#[test]
fn the_notification_follows_the_expiry() {
    const RULE: &str = "update events.rule/environment-expires";
    let s = Subject::new(FILE);
    let apply = |more: &[&str]| {
        let begin = ["apply", "s.yaml", "--env", "pr-1", "--like", "review", "--yes"];
        s.place.stack(&[&begin[..], more].concat()).ok()
    };
    let extend = |ttl: &str| {
        let begin = ["extend", "--stack", "shop", "--env", "pr-1", "--region", "us-east-1", "--yes"];
        s.place.stack(&[&begin[..], &["--ttl", ttl]].concat()).ok()
    };
    apply(&["--ttl", "72h"]);
    assert_eq!(notifies(&s, "pr-1"), hours_before(24.0));
    assert_eq!(changes(&s), [""; 0]);
    // An extension moves it, and the next plan is empty.
    extend("24h");
    assert_eq!(notifies(&s, "pr-1"), hours_before(6.0));
    assert_eq!(changes(&s), [""; 0]);
    // Another time of the file.
    s.write("email: [ops@example.com]", "email: [ops@example.com], expiry: 2h");
    assert_eq!(changes(&s), [RULE]);
    apply(&[]);
    assert_eq!(notifies(&s, "pr-1"), hours_before(2.0));
    assert_eq!(changes(&s), [""; 0]);
    // It is also kept where the file is not at hand.
    extend("72h");
    assert_eq!(notifies(&s, "pr-1"), hours_before(2.0));
    assert_eq!(changes(&s), [""; 0]);
    let by_hand = "client(\"events\").disable_rule(Name=\"shop-pr-1-environment-expires\")";
    s.account.boto3(by_hand, &Value::Null);
    assert_eq!(changes(&s), [RULE]);
    apply(&[]);
    assert_eq!(notifies(&s, "pr-1"), hours_before(2.0));
    // What does not expire notifies of nothing, and what expires again does so from the next apply on.
    extend("never");
    assert_eq!(notifies(&s, "pr-1"), Value::Null);
    assert_eq!(changes(&s), [""; 0]);
    extend("96h");
    assert_eq!(changes(&s), ["create events.rule/environment-expires"]);
    apply(&[]);
    assert_eq!(notifies(&s, "pr-1"), hours_before(2.0));
    assert_eq!(changes(&s), [""; 0]);
    s.write("expiry: 2h", "expiry: off");
    assert!(changes(&s).contains(&"delete events.rule/environment-expires".to_owned()));
    apply(&[]);
    assert_eq!(changes(&s), [""; 0]);

    s.place.stack(&["apply", "s.yaml", "--env", "production", "--yes"]).ok();
    assert_eq!(notifies(&s, "production"), Value::Null);
    for env in ["pr-1", "production"] {
        let name = format!("shop/{env}");
        let destroy = ["destroy", "--stack", "shop", "--env", env, "--region", "us-east-1", "--yes", "--confirm", &name];
        s.place.stack(&destroy).ok();
        assert_eq!(s.account.inventory("shop", env), json!({}));
    }
}

/// A plan that was saved long ago has a time that is over.
#[test]
fn a_schedule_in_the_past_is_reported_before() {
    let s = Subject::new(
        "stack: shop\nregion: us-east-1\nresources:\n  events.rule: { once: { schedule: \"cron(0 7 1 1 ? 2020)\" } }\n",
    );
    let said = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(said.words().contains("its schedule names a time that is over"), "{}", said.stderr);
}
