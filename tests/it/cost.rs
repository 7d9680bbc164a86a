//! `stack cost`, and the price at the end of a plan: through the real binary, without a call to AWS for it.

use serde_json::{Value, json};

use crate::support::run::words;
use crate::support::subject::Subject;

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
tags: { team: web }
network: { zones: 2, nat: single }
services:
  worker: { image: "nginx:1.27", cpu: 1024, memory: 2048, count: 2, logs: { retention: 30d } }
resources:
  sqs.queue: { orders: {} }
"#;

/// Two tasks with 1 vCPU and 2 GB, a NAT gateway with its address and 50 GB, 10 GB of logs, and 300,000 requests of a queue.
const MONTHLY: &str = "116.01";

fn cost(s: &Subject, more: &[&str]) -> String {
    s.place.stack(&[&["cost", "s.yaml"], more].concat()).ok().stdout
}

#[test]
fn a_file_has_a_price_in_three_forms() {
    let mut s = Subject::new(FILE);
    // Nobody answers there, and nobody is asked.
    s.place.set("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let whole: Value = serde_json::from_str(&cost(&s, &["--format", "json"])).unwrap();
    assert_eq!((&whole["monthly"], &whole["unpriced"], &whole["region"]), (&json!(MONTHLY), &json!(1), &json!("us-east-1")));
    let parts = whole["billed"].as_array().unwrap();
    let priced = |part: &&Value| part["monthly"].is_string();
    assert!(parts.iter().filter(priced).all(|part| part["price"].is_string() && !part["unit"].is_null()), "{parts:#?}");
    let address = parts
        .iter()
        .find(|part| part["object"] == "ec2.address/nat")
        .or(parts.iter().find(|part| part["usage"] == "public-ipv4"));
    let address = address.unwrap();
    assert_eq!((&address["monthly"], &address["read"]), (&json!("3.65"), &json!("2026-10-13")));
    assert!(address["sku"].as_str().unwrap().starts_with("4GQUNXTFWVSGPUZK"), "{address}");

    let text = cost(&s, &[]);
    assert!(text.contains("$116.01 a month in us-east-1") && text.contains("services.worker"), "{text}");
    assert!(text.contains("no price known") && text.contains("50 GiB through NAT gateways a month (`usage.nat`)"), "{text}");
    assert!(cost(&s, &["--by", "tag:team"]).contains("web"), "{}", cost(&s, &["--by", "tag:team"]));
    assert!(cost(&s, &["--sources"]).contains("AWS Price List, AmazonEC2 us-east-1 offer"));
    let markdown = cost(&s, &["--format", "markdown"]);
    assert!(markdown.starts_with("### Price of shop/default\n\n| Section | Monthly |"), "{markdown}");
}

/// Half of the tasks' 72.08 less a fifth is 28.83; half of the gateway's 32.85 is 16.43, its data 2.25 and its address 3.65; of the logs 5 GB
/// cost something, 2.50, and all of them 5.06; the queue is free, or 0.12.
#[test]
fn hours_discounts_and_allowances_are_counted() {
    let day = |day: &str| {
        let usage = format!("usage: {{ discounts: {{ services: 20% }}, free_tier: until {day} }}");
        format!("{FILE}schedule: {{ awake: \"mon-sun 08:00-20:00 UTC\", nat: delete }}\n{usage}\n")
    };
    let s = Subject::new(&day("2099-12-31"));
    let whole: Value = serde_json::from_str(&cost(&s, &["--format", "json"])).unwrap();
    assert_eq!((&whole["monthly"], &whole["monthly_then"]), (&json!("53.66"), &json!("56.34")), "{whole:#}");
    assert_eq!((&whole["free_until"], &whole["schedule"]["monthly"]), (&json!("2099-12-31"), &json!("365")), "{whole:#}");
    let less: Vec<&Value> = whole["billed"].as_array().unwrap().iter().filter(|part| !part["discount"].is_null()).collect();
    assert!(less.len() == 2 && less.iter().all(|part| part["object"] == "ecs.service/worker"), "{less:#?}");
    let text = words(&cost(&s, &[]));
    for said in [
        "It runs 365 of 730 hours (`schedule.awake`: mon-sun 08:00-20:00 UTC), and tasks, hours of databases that stop, NAT gateways are counted for these only.",
        "After a discount of 20 % (`usage.discounts.services`), on what commitments cover.",
        "Free allowances are deducted until 2099-12-31 (`usage.free_tier`); then it is $56.34 a month.",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert!(cost(&s, &["--sources"]).contains("$0.04048 less 20 %"), "{}", cost(&s, &["--sources"]));
    s.place.file("s.yaml", &day("2020-01-01"));
    let text = words(&cost(&s, &[]));
    assert!(text.contains("$56.34 a month") && text.contains("not deducted any more since 2020-01-01"), "{text}");
    s.place.file("s.yaml", &day("tomorrow"));
    let refused = words(&s.place.stack(&["cost", "s.yaml"]).exits(65).stderr);
    assert!(refused.contains("until 2027-03-01"), "{refused}");
}

/// Half of the tasks' 72.08 is 36.04, and half of the gateway's 32.85 is 16.43; its data 2.25, its address 3.65, the logs 5.06, and 300,000
/// requests of a queue 0.12: 63.55, where all the time is 116.01.
#[test]
fn plans_and_lists_count_the_hours_of_a_schedule() {
    let s = Subject::new(&format!("{FILE}schedule: {{ awake: \"mon-sun 08:00-20:00 UTC\", nat: delete }}\n"));
    let whole: Value = serde_json::from_str(&cost(&s, &["--format", "json"])).unwrap();
    assert_eq!(whole["monthly"], "63.55");
    let plan = words(&s.place.stack(&["plan", "s.yaml"]).ok().stdout);
    let said = "Price: $63.55 a month. 1 part has no known price and is not included. Counted for 365 of 730 hours (`schedule.awake`: mon-sun 08:00-20:00 UTC).";
    assert!(plan.contains(said), "{plan}");
    let refused = s.place.stack(&["apply", "s.yaml", "--yes", "--max-monthly", "63"]).exits(4);
    assert!(refused.words().contains("this costs $63.55 a month, more than the $63.00 of `--max-monthly`"), "{}", refused.stderr);
    s.place.stack(&["apply", "s.yaml", "--yes", "--max-monthly", "64"]).ok();
    let told = || {
        let listed = s.place.stack(&["list", "--region", "us-east-1", "--json"]).ok().json();
        let price = s.place.stack(&["plan", "s.yaml", "--json"]).ok().json()["price"].clone();
        let monthly = |at: &str| price[at]["monthly"].as_str().unwrap_or_default().to_owned();
        assert_eq!(price["schedule"], json!({"awake": "mon-sun 08:00-20:00 UTC", "monthly": "365"}), "{price:#}");
        (monthly("before"), monthly("after"), listed[0]["monthly"].clone(), listed[0]["hours"].clone())
    };
    let expected = || ("63.55".to_owned(), "63.55".to_owned(), json!("63.55"), json!("365"));
    assert_eq!(told(), expected());
    let text = s.place.stack(&["list", "--region", "us-east-1"]).ok().stdout;
    assert!(text.contains("$63.55 for 365 h + 1 unpriced"), "{text}");

    // At night it costs the same: the next day it runs again.
    let paused = s.place.stack(&["pause", "s.yaml", "--delete-nat", "--yes"]).ok();
    assert!(paused.words().contains("Price: $63.55 a month, unchanged."), "{}", paused.stderr);
    assert_eq!(told(), expected());
    let resumed = s.place.stack(&["resume", "s.yaml", "--yes"]).ok();
    assert!(resumed.words().contains("Price: $63.55 a month, unchanged."), "{}", resumed.stderr);

    // Without a schedule it runs all the time, which is dearer. That its gateway was deleted by night only the file said: 63.55 + 16.42.
    s.write("schedule:", "tags: { team: web }\n#");
    s.write("alarms: off\ntags: { team: web }", "alarms: off");
    let plan = words(&s.place.stack(&["plan", "s.yaml", "--max-monthly", "100"]).exits(4).stdout);
    assert!(plan.contains("Price: $79.97 a month before, $116.01 afterwards (+$36.04)."), "{plan}");
    assert!(
        plan.contains("Counted before for 365 of 730 hours (`schedule.awake`: mon-sun 08:00-20:00 UTC), afterwards for all."),
        "{plan}"
    );
    s.destroy();
}

#[test]
fn a_region_without_prices_has_none() {
    let s = Subject::new(&FILE.replace("us-east-1", "eu-central-1"));
    let whole: Value = serde_json::from_str(&cost(&s, &["--format", "json"])).unwrap();
    assert_eq!(whole["monthly"], Value::Null);
    assert_eq!(whole["unpriced"], whole["parts"]);
    let text = cost(&s, &[]);
    assert!(text.contains("No price is known for eu-central-1") && !text.contains('$'), "{text}");
}

#[test]
fn plans_end_with_their_price_and_a_limit_holds() {
    let s = Subject::new(FILE);
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(plan.stdout.contains("Price: $116.01 a month. 1 part has no known price and is not included."), "{}", plan.stdout);

    // The limit of the command line, and of the file.
    let refused = s.place.stack(&["apply", "s.yaml", "--yes", "--max-monthly", "100"]).exits(4);
    let words = "nothing was changed: this costs $116.01 a month, more than the $100.00 of `--max-monthly`";
    assert!(refused.words().contains(words), "{}", refused.stderr);
    s.write("resources:", "cost: { max_monthly: 110 }\nresources:");
    let refused = s.place.stack(&["plan", "s.yaml", "--json"]).exits(4);
    let json = refused.json();
    let is_price = |problem: &Value| problem["message"].as_str().unwrap().contains("more than the $110.00 of `cost.max_monthly`");
    assert!(json["problems"].as_array().unwrap().iter().any(|one| one["severity"] == "refused" && is_price(one)), "{json}");
    s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert_eq!(s.account.inventory("shop", "default"), json!({}));

    s.place.stack(&["apply", "s.yaml", "--yes", "--max-monthly", "200"]).ok();
    s.assert_in_step();
    let listed = s.place.stack(&["list", "--region", "us-east-1", "--json"]).ok().json();
    assert_eq!(listed[0]["monthly"], MONTHLY);

    // What lowers the price is no matter of the limit, even above it.
    s.write("cpu: 1024", "cpu: 512");
    let lower = s.place.stack(&["plan", "s.yaml", "--json"]).ok().json();
    let price = &lower["price"];
    assert_eq!((&price["before"]["monthly"], &price["after"]["monthly"]), (&json!(MONTHLY), &json!("86.46")));
    assert_eq!(
        (&price["change"], &price["movers"][0]),
        (&json!("-29.55"), &json!({"section": "services.worker", "change": "-29.55"}))
    );
    s.apply();
    s.destroy();
    let after = s.place.stack(&["list", "--region", "us-east-1", "--json"]).ok().json();
    assert_eq!(after, json!([]));
}

#[test]
fn what_saves_is_written_where_it_was_asked() {
    let mut s = Subject::new(FILE);
    s.place.set("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    // Two tasks, each with 1 vCPU and 2 GB, by the price of ARM.
    let found: Value = serde_json::from_str(&cost(&s, &["--optimize", "--format", "json"])).unwrap();
    let arm = found["savings"].as_array().unwrap().iter().find(|saving| saving["key"] == "services.worker.architecture").unwrap();
    assert_eq!((&found["monthly"], &arm["edit"]), (&json!(MONTHLY), &json!("services.worker.architecture: arm64")), "{found:#}");
    let text = cost(&s, &["--optimize"]);
    assert!(text.contains("services.worker.architecture: arm64") && text.contains("All of them: "), "{text}");
    let unchanged = s.place.stack(&["cost", "s.yaml", "--optimize", "--write"]).exits(4);
    assert!(unchanged.stderr.contains("architecture: arm64"), "{}", unchanged.stderr);

    let only = ["--optimize", "--only", "services.worker.architecture", "--write", "--yes"];
    s.place.stack(&[&["cost", "s.yaml"], &only[..]].concat()).ok();
    let written = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    assert_eq!(written, FILE.replace("logs: { retention: 30d } }", "logs: { retention: 30d }, architecture: arm64 }"));
    let after: Value = serde_json::from_str(&cost(&s, &["--format", "json"])).unwrap();
    let saved = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    assert!((saved(&found["monthly"]) - saved(&after["monthly"]) - saved(&arm["saves"])).abs() < 0.006, "{after:#}");
}

/// What AWS has charged an account, which nobody can make happen here.
const SPENT: &str = r#"
import json, os, urllib.request
account = client("sts").get_caller_identity()["Account"]
body = json.dumps({"account": account} | args).encode()
urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_stack/spend", data=body, method="POST")).close()
"#;

fn asked(s: &Subject) -> Vec<String> {
    s.proxy.take().into_iter().filter(|call| call.service == "ce").map(|call| call.operation).collect()
}

#[test]
fn what_was_charged_stands_beside_the_estimate() {
    let s = Subject::new(FILE);
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let ago = |days: i64| today.saturating_sub(jiff::Span::new().days(days)).to_string();
    let mine = json!({"stack:name": "shop", "stack:env": "default"});
    let other = json!({"stack:name": "shop", "stack:env": "staging"});
    let row = |days: i64, service: &str, usd: &str, record: &str, tags: &Value| json!({"day": ago(days), "service": service, "usd": usd, "record": record, "tags": tags});
    let spend = json!([
        row(3, "EC2 - Other", "11.50", "Usage", &mine),
        row(1, "EC2 - Other", "0.25", "Usage", &mine),
        row(2, "AmazonCloudWatch", "0.0000004", "Usage", &mine),
        row(2, "EC2 - Other", "-5", "Credit", &mine),
        // Of another environment, without tags, of today, and too old.
        row(2, "EC2 - Other", "1000", "Usage", &other),
        row(2, "Tax", "1000", "Tax", &json!({})),
        row(0, "EC2 - Other", "1000", "Usage", &mine),
        row(11, "EC2 - Other", "1000", "Usage", &mine),
    ]);
    s.account.boto3(SPENT, &json!({"spend": spend}));

    // Nobody is asked who did not agree to pay for it.
    let refused = s.place.stack(&["cost", "s.yaml", "--actual"]).exits(4);
    let words = refused.words();
    assert!(words.contains("nothing was changed: cannot ask for confirmation"), "{words}");
    assert!(words.contains("add `--yes` to ask Cost Explorer without confirmation"), "{words}");
    assert_eq!(asked(&s), Vec::<String>::new());

    let actual = |more: &[&str]| s.place.stack(&[&["cost", "s.yaml", "--actual", "--yes", "--days", "10"], more].concat());
    let untagged = actual(&["--format", "json"]).ok().json();
    assert_eq!((&untagged["actual"], asked(&s).len()), (&json!("0.00"), 2), "{untagged:#}");
    assert!(untagged["why"][0].as_str().unwrap().starts_with("`stack:name` is no active cost allocation tag"), "{untagged:#}");

    s.account.boto3(SPENT, &json!({"tags": {"stack:name": ago(400), "stack:env": ago(12)}}));
    let whole = actual(&["--format", "json"]).ok().json();
    assert_eq!(asked(&s), ["GetCostAndUsage", "ListCostAllocationTags"]);
    let service = |name: &str| whole["services"].as_array().unwrap().iter().find(|one| one["service"] == name).unwrap().clone();
    // A NAT gateway with 50 GiB is $35.10 in 730 hours, and $11.54 in 240.
    let nat = service("EC2 - Other");
    assert_eq!((&nat["actual"], &nat["estimate"]), (&json!("11.75"), &json!("11.54")), "{whole:#}");
    assert_eq!((&whole["actual"], &whole["beside"]), (&json!("11.75"), &json!({"Credit": "-5.00"})));
    assert_eq!(
        (&whole["days"], &whole["end"], &whole["metric"]),
        (&json!(10), &json!(today.to_string()), &json!("UnblendedCost"))
    );
    assert!(!whole["why"].to_string().contains("cost allocation"), "{whole:#}");
    let text = actual(&[]).ok().stdout;
    assert!(text.contains("$11.75 were charged for 10 days") && text.contains("Credit -$5.00"), "{text}");
    assert!(text.contains("Why they differ:") && text.contains("up to 24 hours late"), "{text}");
    assert!(actual(&["--format", "markdown"]).ok().stdout.starts_with("### Spend of shop/default\n\n| Service |"));

    // Since a day within the time.
    s.account.boto3(SPENT, &json!({"tags": {"stack:env": ago(2)}}));
    let late = actual(&["--format", "json"]).ok().json();
    assert_eq!(late["actual"], "0.25", "{late:#}");
    let since = format!("`stack:env` is a cost allocation tag since {}", ago(2));
    assert!(late["why"][0].as_str().unwrap().starts_with(&since), "{late:#}");
}

#[test]
fn what_cost_explorer_refuses_is_told() {
    let s = Subject::new(FILE);
    let ask = |more: &[&str]| s.place.stack(&[&["cost", "s.yaml", "--actual", "--yes"], more].concat());
    let old = ask(&["--month", "2024-01"]);
    assert!(old.code != Some(0) && old.words().contains("You haven't enabled historical data beyond 14 months"), "{old:?}");
    ask(&["--month", "2999-01"]).exits(64);
    ask(&["--month", "2026-13"]).exits(64);
    ask(&["--optimize"]).exits(64);
    s.place.stack(&["cost", "s.yaml", "--region", "us-east-1"]).exits(64);
    s.place.stack(&["cost", "s.yaml", "--yes"]).exits(64);
    s.account.boto3(SPENT, &json!({"opened": false}));
    let unopened = ask(&["--days", "3"]);
    assert!(unopened.code != Some(0) && unopened.words().contains("DataUnavailableException"), "{unopened:?}");
}
