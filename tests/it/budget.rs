//! `budget`: what an environment may cost, in AWS, with who is told; nothing of others is changed, and nothing is left behind.

use serde_json::{Value, json};

use crate::support::proxy::Fault;
use crate::support::run::words;
use crate::support::subject::{APPLY, DESTROY, Subject, edit};

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: { email: [ops@example.com] }
budget: { monthly: 300, email: [cfo@example.com] }
"#;

/// What another client sees: the budgets, and what notices unusual costs.
const SEEN: &str = r#"
account = client("sts").get_caller_identity()["Account"]
budgets, ce = client("budgets"), client("ce")
result = {"budgets": {}, "monitors": {}, "subscriptions": {}}
for budget in budgets.describe_budgets(AccountId=account)["Budgets"]:
    which = {"AccountId": account, "BudgetName": budget["BudgetName"]}
    told = {}
    for one in budgets.describe_notifications_for_budget(**which)["Notifications"]:
        one.pop("NotificationState")
        subscribers = budgets.describe_subscribers_for_notification(**which, Notification=one)["Subscribers"]
        name = f"{one['NotificationType']} {one['ComparisonOperator']} {one['Threshold']} {one['ThresholdType']}"
        told[name] = sorted(subscriber["Address"] for subscriber in subscribers)
    arn = f"arn:aws:budgets::{account}:budget/{budget['BudgetName']}"
    tags = {tag["Key"]: tag["Value"] for tag in budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"]}
    result["budgets"][budget["BudgetName"]] = {
        "limit": budget["BudgetLimit"], "unit": budget["TimeUnit"], "filters": budget.get("CostFilters"), "told": told,
        "credits": budget["CostTypes"]["IncludeCredit"], "key": tags.get("stack:key"),
    }
for one in ce.get_anomaly_monitors()["AnomalyMonitors"]:
    result["monitors"][one["MonitorName"]] = one["MonitorSpecification"]["Tags"]
for one in ce.get_anomaly_subscriptions()["AnomalySubscriptions"]:
    addresses = sorted(subscriber["Address"] for subscriber in one["Subscribers"])
    above = one["ThresholdExpression"]["Dimensions"]["Values"]
    result["subscriptions"][one["SubscriptionName"]] = [one["Frequency"], addresses, above, len(one["MonitorArnList"])]
"#;

/// Someone changes the limit, whether credits count, and who is told.
const BY_HAND: &str = r#"
account = client("sts").get_caller_identity()["Account"]
budgets = client("budgets")
budget = budgets.describe_budget(AccountId=account, BudgetName="shop-budget")["Budget"]
for told in ("CalculatedSpend", "LastUpdatedTime"):
    budget.pop(told)
budget["BudgetLimit"]["Amount"] = "900"
budget["CostTypes"]["IncludeCredit"] = False
budgets.update_budget(AccountId=account, NewBudget=budget)
at_80 = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0, "ThresholdType": "PERCENTAGE"}
budgets.delete_notification(AccountId=account, BudgetName="shop-budget", Notification=at_80)
below = at_80 | {"ComparisonOperator": "LESS_THAN", "Threshold": 10.0}
subscribers = [{"SubscriptionType": "EMAIL", "Address": "someone@example.com"}]
budgets.create_notification(AccountId=account, BudgetName="shop-budget", Notification=below, Subscribers=subscribers)
"#;

/// A budget of someone else, with the name of the stack's.
const THEIRS: &str = r#"
account = client("sts").get_caller_identity()["Account"]
budget = {"BudgetName": "shop-budget", "BudgetType": "COST", "TimeUnit": "ANNUALLY", "BudgetLimit": {"Amount": "7", "Unit": "USD"}}
client("budgets").create_budget(AccountId=account, Budget=budget)
"#;

const ACTIVATE: &str = r#"
update = [{"TagKey": key, "Status": "Active"} for key in ("stack:name", "stack:env")]
result = client("ce").update_cost_allocation_tags_status(CostAllocationTagsStatus=update)["Errors"]
"#;

fn seen(s: &Subject) -> Value {
    s.account.boto3(SEEN, &Value::Null)
}

#[test]
fn a_budget_is_that_of_the_environment() {
    let s = Subject::new(FILE);
    let output = s.apply();
    let said = words(&output.stderr);
    assert!(said.contains("`stack:env` and `stack:name` are no active cost allocation tags"), "{said}");
    s.assert_in_step();
    let found = seen(&s);
    let told = |percent: u32, who: &[&str]| (format!("ACTUAL GREATER_THAN {percent}.0 PERCENTAGE"), json!(who));
    let budget = &found["budgets"]["shop-budget"];
    assert_eq!(found["budgets"].as_object().unwrap().len(), 1);
    assert_eq!((&budget["limit"]["Amount"], &budget["unit"]), (&json!("300"), &json!("MONTHLY")));
    assert_eq!(budget["filters"]["TagKeyValue"], json!(["user:stack:env$default", "user:stack:name$shop"]));
    let all: Value =
        [told(80, &["cfo@example.com"]), told(100, &["cfo@example.com"])].into_iter().collect::<serde_json::Map<_, _>>().into();
    let mut both = all.as_object().unwrap().clone();
    both.insert("FORECASTED GREATER_THAN 100.0 PERCENTAGE".into(), json!(["cfo@example.com"]));
    assert_eq!(budget["told"], Value::Object(both));
    assert_eq!(budget["key"], "budgets.budget/budget");
    assert_eq!(s.protection(), [("budget".to_owned(), "$0.00 of $300.00".to_owned())]);

    // An edit changes only itself.
    const BUDGET: &[&str] = &["update budgets.budget/budget"];
    edit(&s, "monthly: 300", "monthly: 450", BUDGET);
    assert_eq!(seen(&s)["budgets"]["shop-budget"]["limit"]["Amount"], "450");
    edit(&s, "[cfo@example.com]", "[board@example.com, cfo@example.com]", BUDGET);
    edit(&s, "[board@example.com, cfo@example.com] }", "[board@example.com], actual: [50, 100], forecast: [] }", BUDGET);
    let after = seen(&s)["budgets"]["shop-budget"]["told"].clone();
    let expected: serde_json::Map<_, _> =
        [told(50, &["board@example.com"]), told(100, &["board@example.com"])].into_iter().collect();
    assert_eq!(after, Value::Object(expected));

    // Removed, it is gone, and the alarms' topic stays.
    s.write("budget: { monthly: 450, email: [board@example.com], actual: [50, 100], forecast: [] }\n", "");
    assert_eq!(s.changes(), ["delete budgets.budget/budget"]);
    s.apply();
    s.assert_in_step();
    assert_eq!(seen(&s)["budgets"], json!({}));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn what_someone_changed_of_a_budget_is_found() {
    let s = Subject::new(FILE);
    s.apply();
    s.account.boto3(BY_HAND, &Value::Null);
    let plan = s.place.stack(&["plan", "s.yaml", "--json"]).ok().json();
    let changes = plan["changes"][0]["changes"].as_array().unwrap();
    let mut paths: Vec<&str> = changes.iter().map(|change| change["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["limit", "notifications.actual 80%", "notifications.actual < 10%"]);
    s.apply();
    s.assert_in_step();
    let budget = seen(&s)["budgets"]["shop-budget"].clone();
    assert_eq!(budget["limit"]["Amount"], "300");
    assert!(!budget["told"].to_string().contains("LESS_THAN"), "{budget}");
    // What the file says nothing about stays as it is.
    assert_eq!(budget["credits"], false);
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn a_budget_of_someone_else_is_not_taken_over() {
    let s = Subject::new(FILE);
    s.account.boto3(THEIRS, &Value::Null);
    let before = seen(&s);
    let refused = words(&s.place.stack(APPLY).exits(4).stderr);
    assert!(refused.contains("shop-budget"), "{refused}");
    assert_eq!(seen(&s), before);
    s.write("budget: { monthly: 300, email: [cfo@example.com] }\n", "");
    s.apply();
    s.place.stack(DESTROY).ok();
    assert_eq!(seen(&s), before);
}

#[test]
fn unusual_costs_are_told_by_email_and_by_topic() {
    let file = FILE.replace("email: [cfo@example.com] }", "email: [cfo@example.com], topic: alarms, anomalies: { above: 50 } }");
    let s = Subject::new(&file);
    s.apply();
    s.assert_in_step();
    let found = seen(&s);
    let topic = format!("arn:aws:sns:us-east-1:{}:shop-alarms", s.account.id);
    assert_eq!(found["monitors"], json!({"shop-budget": {"Key": "stack:name", "Values": ["shop"]}}));
    let subscriptions = json!({
        "shop-budget-email": ["DAILY", ["cfo@example.com"], ["50"], 1],
        "shop-budget-topic": ["IMMEDIATE", [topic], ["50"], 1],
    });
    assert_eq!(found["subscriptions"], subscriptions);
    let told = &found["budgets"]["shop-budget"]["told"]["ACTUAL GREATER_THAN 80.0 PERCENTAGE"];
    assert_eq!(*told, json!([topic, "cfo@example.com"]));
    // The topic lets them publish.
    let publishers = r#"
import json
sns = client("sns")
topic = next(one["TopicArn"] for one in sns.list_topics()["Topics"])
policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
result = sorted(one["Principal"]["Service"] for one in policy["Statement"])
"#;
    let found = s.account.boto3(publishers, &Value::Null);
    assert_eq!(found, json!(["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "costalerts.amazonaws.com"]));

    let both = &["update ce.anomaly_subscription/budget-email", "update ce.anomaly_subscription/budget-topic"];
    edit(&s, "above: 50", "above: 75", both);
    edit(&s, "above: 75", "above: 75, every: week", &["update ce.anomaly_subscription/budget-email"]);
    let gone = &["delete ce.anomaly_subscription/budget-topic", "update budgets.budget/budget", "update sns.topic/alarms"];
    edit(&s, ", topic: alarms", "", gone);
    // The budget goes last: the others are looked for only beside one.
    s.write("budget: { monthly: 300, email: [cfo@example.com], anomalies: { above: 75, every: week } }\n", "");
    s.apply();
    s.assert_in_step();
    assert_eq!(seen(&s), json!({"budgets": {}, "monitors": {}, "subscriptions": {}}));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// A run that died before its budget was created left a monitor behind, which the next one finds.
#[test]
fn what_a_run_left_behind_is_found_again() {
    let file = FILE.replace("email: [cfo@example.com] }", "email: [cfo@example.com], anomalies: {} }");
    let s = Subject::new(&file);
    s.apply();
    let delete = r#"
account = client("sts").get_caller_identity()["Account"]
client("budgets").delete_budget(AccountId=account, BudgetName="shop-budget")
"#;
    s.account.boto3(delete, &Value::Null);
    s.apply();
    s.assert_in_step();
    let found = seen(&s);
    let count = |of: &str| {
        s.account.boto3(
            &format!("result = len(client('ce').get_anomaly_{of}s()['Anomaly{}s'])", {
                let mut letters = of.chars();
                letters.next().unwrap().to_uppercase().chain(letters).collect::<String>()
            }),
            &Value::Null,
        )
    };
    assert_eq!((count("monitor"), count("subscription")), (json!(1), json!(1)), "{found}");
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// Answers a call as for an identity that may not make it.
fn deny(s: &Subject, operation: &'static str) {
    let body = r#"{"__type": "AccessDeniedException", "message": "not authorized", "Message": "not authorized"}"#;
    s.proxy.on_call(move |call| match call.name() == operation {
        true => Fault::Answer(400, "application/x-amz-json-1.1".into(), body.into()),
        false => Fault::Pass,
    });
}

/// What is looked for only beside a budget is created after it, and never given up for lost because a read is denied.
#[test]
fn no_monitor_is_left_without_a_budget() {
    let file = FILE.replace("email: [cfo@example.com] }", "email: [cfo@example.com], anomalies: {} }");
    let s = Subject::new(&file);
    deny(&s, "budgets:CreateBudget");
    let denied = s.place.stack(APPLY);
    assert_ne!(denied.code, Some(0), "{}", denied.stderr);
    assert_eq!(seen(&s), json!({"budgets": {}, "monitors": {}, "subscriptions": {}}));
    s.proxy.pass();
    s.place.stack(DESTROY).ok();
    assert_eq!(seen(&s), json!({"budgets": {}, "monitors": {}, "subscriptions": {}}));

    s.apply();
    s.assert_in_step();
    deny(&s, "ce:GetAnomalyMonitors");
    let denied = s.place.stack(DESTROY);
    assert_ne!(denied.code, Some(0), "{}", denied.stderr);
    let found = seen(&s);
    assert!(found["budgets"]["shop-budget"].is_object() && found["monitors"]["shop-budget"].is_object(), "{found}");
    // The monitor is not seen, and would be created once more.
    assert_ne!(s.place.stack(APPLY).code, Some(0));
    s.proxy.pass();
    assert_eq!(s.account.boto3("result = len(client('ce').get_anomaly_monitors()['AnomalyMonitors'])", &Value::Null), 1);
    s.place.stack(DESTROY).ok();
    assert_eq!(seen(&s), json!({"budgets": {}, "monitors": {}, "subscriptions": {}}));
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn tags_that_are_active_need_no_word() {
    let s = Subject::new("stack: shop\nregion: us-east-1\nresources: { sns.topic: { t: {} } }\n");
    s.apply();
    assert_eq!(s.account.boto3(ACTIVATE, &Value::Null), json!([]));
    s.write("region: us-east-1\n", "region: us-east-1\nbudget: { monthly: 300, email: [cfo@example.com] }\n");
    let said = words(&s.apply().stderr);
    assert!(!said.contains("cost allocation"), "{said}");
    s.place.stack(DESTROY).ok();
}

#[test]
fn a_budget_that_tells_nobody_is_found_in_the_file() {
    let s = Subject::new(
        "stack: shop\nregion: us-east-1\nalarms: off\nbudget: { monthly: 300, topic: alarms, actual: [10, 20, 30, 30], forecast: [90, 100] }\n",
    );
    insta::assert_snapshot!(s.place.stack(&["validate", "s.yaml"]).exits(65).stderr);
    let s = Subject::new("stack: shop\nregion: us-east-1\nbudget: { monthly: 0 }\n");
    insta::assert_snapshot!(s.place.stack(&["validate", "s.yaml"]).exits(65).stderr, @"
    out-of-range

      × `budget.monthly` must be at least 1, but is 0
       ╭─[s.yaml:3:20]
     2 │ region: us-east-1
     3 │ budget: { monthly: 0 }
       ·                    ┬
       ·                    ╰── at least 1
       ╰────
      help: the nearest valid value is `1`

    1 error
    ");
    let s = Subject::new("stack: shop\nregion: us-east-1\nbudget: { monthly: 300 }\n");
    insta::assert_snapshot!(s.place.stack(&["validate", "s.yaml"]).exits(65).stderr, @"
    no-recipient

      × this budget has no recipient
       ╭─[s.yaml:3:1]
     2 │ region: us-east-1
     3 │ budget: { monthly: 300 }
       · ───┬──
       ·    ╰── without `email` and `topic`
       ╰────
      help: add `email: [ops@example.com]`, or `topic: alarms`

    1 error
    ");
}
