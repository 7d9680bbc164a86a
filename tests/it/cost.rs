//! `stack cost`, and the price at the end of a plan: through the real binary, without a call to AWS for it.

use serde_json::{Value, json};

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
    assert!(plan.stdout.contains("Price: $116.01 a month. Not in it: 1 part, without a known price."), "{}", plan.stdout);

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
