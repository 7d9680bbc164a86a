//! `firewall`: what stands before a load balancer and a distribution, in AWS, and that it goes without a trace.

use serde_json::{Value, json};

use crate::support::subject::{APPLY, DESTROY, Subject, edit};

const BALANCED: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: single }
firewall: { deny: [192.0.2.0/24], rate_limit: 2000, count: [common.SizeRestrictions_BODY] }
services:
  web: { image: "nginx:1.27", port: 80, routes: ["/*"] }
"#;

const DELIVERED: &str = r#"
stack: shop
region: eu-west-1
firewall: { countries: { deny: [AQ] } }
cdn: { static: { paths: ["/*"] } }
"#;

/// What another client sees of the web ACLs of a scope: rules, addresses, logs and what is behind them.
const WALLS: &str = r#"
import boto3
waf = boto3.client("wafv2", endpoint_url=client("wafv2").meta.endpoint_url, region_name=args["region"])

def action(rule):
    told = rule.get("Action") or rule["OverrideAction"]
    return next(iter(told)).lower()

def addresses(rule):
    named = rule["Statement"].get("IPSetReferenceStatement")
    if not named:
        return None
    set, id = named["ARN"].split("/")[-2:]
    return sorted(waf.get_ip_set(Name=set, Scope=args["scope"], Id=id)["IPSet"]["Addresses"])

def behind(acl):
    if args["scope"] == "REGIONAL":
        return waf.list_resources_for_web_acl(WebACLArn=acl["ARN"], ResourceType="APPLICATION_LOAD_BALANCER")["ResourceArns"]
    listed = client("cloudfront").list_distributions()["DistributionList"].get("Items", [])
    return [one["ARN"] for one in listed if one["WebACLId"] == acl["ARN"]]

result = {}
for one in waf.list_web_acls(Scope=args["scope"])["WebACLs"]:
    acl = waf.get_web_acl(Name=one["Name"], Scope=args["scope"], Id=one["Id"])["WebACL"]
    try:
        logs = waf.get_logging_configuration(ResourceArn=acl["ARN"])["LoggingConfiguration"]
    except waf.exceptions.WAFNonexistentItemException:
        logs = {"LogDestinationConfigs": []}
    result[one["Name"]] = {
        "rules": {rule["Name"]: action(rule) for rule in sorted(acl["Rules"], key=lambda rule: rule["Priority"])},
        "order": [rule["Name"] for rule in sorted(acl["Rules"], key=lambda rule: rule["Priority"])],
        "deny": next((addresses(rule) for rule in acl["Rules"] if rule["Name"] == "deny"), None),
        "counted": [
            over["Name"] for rule in acl["Rules"] for over in rule["Statement"].get("ManagedRuleGroupStatement", {}).get("RuleActionOverrides", [])
        ],
        "behind": len(behind(acl)),
        "logs": [arn.split(":log-group:")[1] for arn in logs["LogDestinationConfigs"]],
        "redacted": sorted(field["SingleHeader"]["Name"] for field in logs.get("RedactedFields", [])),
    }
"#;

/// Someone adds a rule.
const THEIR_RULE: &str = r#"
waf = client("wafv2")
one = waf.list_web_acls(Scope="REGIONAL")["WebACLs"][0]
found = waf.get_web_acl(Name=one["Name"], Scope="REGIONAL", Id=one["Id"])
acl = found["WebACL"]
visible = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "theirs"}
statement = {"ByteMatchStatement": {"SearchString": b"bot", "FieldToMatch": {"SingleHeader": {"Name": "user-agent"}},
    "TextTransformations": [{"Priority": 0, "Type": "NONE"}], "PositionalConstraint": "CONTAINS"}}
rule = {"Name": "theirs", "Priority": 99, "Statement": statement, "Action": {"Block": {}}, "VisibilityConfig": visible}
waf.update_web_acl(Name=one["Name"], Scope="REGIONAL", Id=one["Id"], LockToken=found["LockToken"], Rules=[*acl["Rules"], rule],
    DefaultAction=acl["DefaultAction"], VisibilityConfig=acl["VisibilityConfig"])
"#;

const DETACH: &str = r#"
balancer = client("elbv2").describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
client("wafv2").disassociate_web_acl(ResourceArn=balancer)
"#;

/// Someone puts a web ACL of their own before the load balancer.
const THEIRS: &str = r#"
visible = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "theirs"}
acl = client("wafv2").create_web_acl(Name="FMManagedWebACLV2-theirs", Scope="REGIONAL", DefaultAction={"Allow": {}}, Rules=[], VisibilityConfig=visible)
balancer = client("elbv2").describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
client("wafv2").associate_web_acl(WebACLArn=acl["Summary"]["ARN"], ResourceArn=balancer)
"#;

const WHOSE: &str = r#"
balancer = client("elbv2").describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
result = client("wafv2").get_web_acl_for_resource(ResourceArn=balancer)["WebACL"]["Name"]
"#;

fn walls(s: &Subject, scope: &str, region: &str) -> Value {
    s.account.boto3(WALLS, &json!({"scope": scope, "region": region}))
}

fn regional(s: &Subject) -> Value {
    walls(s, "REGIONAL", "us-east-1")["shop-load-balancer"].clone()
}

#[test]
fn a_balancer_is_protected_until_it_is_not() {
    const ACL: &str = "update wafv2.web_acl/load-balancer";
    let s = Subject::new(BALANCED);
    s.apply();
    s.assert_in_step();
    let seen = regional(&s);
    assert_eq!(seen["order"], json!(["deny", "rate-limit", "ip-reputation", "known-bad-inputs", "common"]));
    assert!(seen["rules"].as_object().unwrap().values().all(|action| action == "count"), "{seen}");
    assert_eq!(seen["counted"], json!(["SizeRestrictions_BODY"]));
    assert_eq!((&seen["behind"], &seen["deny"]), (&json!(1), &json!(["192.0.2.0/24"])));
    assert_eq!(seen["logs"], json!(["aws-waf-logs-stack/shop/default/load-balancer"]));
    assert_eq!(seen["redacted"], json!(["authorization", "cookie"]));

    let shown = |state: &str| [("firewall load-balancer".to_owned(), state.to_owned())];
    assert_eq!(s.protection(), shown("only counts"));

    // From counting to blocking only the web ACL changes, and the plan says what that does.
    s.write("firewall: { ", "firewall: { mode: block, ");
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(plan.stdout.contains("requests are blocked that passed so far"), "{}", plan.stdout);
    assert_eq!(s.changes(), [ACL]);
    s.apply();
    s.assert_in_step();
    assert_eq!(s.protection(), shown("blocks"));
    let rules = regional(&s)["rules"].clone();
    assert_eq!(
        rules,
        json!({"deny": "block", "rate-limit": "block", "ip-reputation": "none", "known-bad-inputs": "none", "common": "none"})
    );
    // A list changes only its IP set.
    edit(&s, "192.0.2.0/24", "192.0.2.0/24, 198.51.100.0/24", &["update wafv2.ip_set/load-balancer-deny-ipv4"]);
    assert_eq!(regional(&s)["deny"], json!(["192.0.2.0/24", "198.51.100.0/24"]));
    edit(&s, "2000", "5000", &[ACL]);
    edit(
        &s,
        "198.51.100.0/24",
        "\"2001:db8::/32\"",
        &["create wafv2.ip_set/load-balancer-deny-ipv6", "update wafv2.ip_set/load-balancer-deny-ipv4", ACL],
    );

    // What others did is seen, and what goes is named.
    s.account.boto3(THEIR_RULE, &Value::Null);
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(plan.stdout.contains("theirs"), "{}", plan.stdout);
    assert_eq!(s.changes(), [ACL]);
    s.apply();
    assert_eq!(regional(&s)["rules"]["theirs"], Value::Null);
    s.account.boto3(DETACH, &Value::Null);
    assert_eq!(s.changes(), ["create wafv2.association/load-balancer"]);
    s.apply();
    s.assert_in_step();
    assert_eq!(regional(&s)["behind"], 1);

    let text = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    let bare: String = text.lines().filter(|line| !line.starts_with("firewall")).map(|line| format!("{line}\n")).collect();
    s.place.file("s.yaml", &bare);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "logs.log_group/*"]).ok();
    s.assert_in_step();
    assert_eq!(walls(&s, "REGIONAL", "us-east-1"), json!({}));
    let left = s.account.inventory("shop", "default");
    let left = left.to_string();
    assert!(!left.contains("wafv2") && !left.contains("aws-waf-logs"), "{left}");
    s.place.file("s.yaml", &text);
    s.apply();
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn a_distribution_is_protected_from_us_east_1() {
    let s = Subject::new(DELIVERED);
    s.apply();
    s.assert_in_step();
    let seen = || walls(&s, "CLOUDFRONT", "us-east-1")["shop-eu-west-1-cdn"].clone();
    assert_eq!(seen()["order"], json!(["countries", "ip-reputation", "known-bad-inputs", "common"]));
    assert_eq!(seen()["behind"], 1);
    assert_eq!(seen()["logs"], json!(["aws-waf-logs-stack/shop/default/eu-west-1/cdn"]));
    edit(&s, "firewall: { ", "firewall: { mode: block, ", &["update wafv2.web_acl/cdn"]);
    edit(&s, "firewall: { ", "firewall: { logs: { retention: 90d }, ", &["update logs.log_group/firewall-cdn"]);
    s.account.boto3(
        r#"
cloudfront = client("cloudfront")
one = cloudfront.list_distributions()["DistributionList"]["Items"][0]["Id"]
found = cloudfront.get_distribution_config(Id=one)
cloudfront.update_distribution(Id=one, IfMatch=found["ETag"], DistributionConfig=found["DistributionConfig"] | {"WebACLId": ""})
"#,
        &Value::Null,
    );
    assert_eq!(s.changes(), ["create wafv2.association/cdn"]);
    s.apply();
    s.assert_in_step();
    let text = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    s.place.file(
        "s.yaml",
        &text.lines().filter(|line| !line.starts_with("firewall")).map(|line| format!("{line}\n")).collect::<String>(),
    );
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "logs.log_group/*"]).ok();
    s.assert_in_step();
    assert_eq!(walls(&s, "CLOUDFRONT", "us-east-1"), json!({}));
    s.place.file("s.yaml", &text);
    s.apply();
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn a_web_acl_of_others_is_not_replaced() {
    let firewall = BALANCED.lines().find(|line| line.starts_with("firewall")).unwrap();
    let s = Subject::new(&BALANCED.replace(firewall, ""));
    s.apply();
    s.account.boto3(THEIRS, &Value::Null);
    // Nothing is said of what the file does not speak of.
    s.assert_in_step();
    s.place.file("s.yaml", BALANCED);
    let refused = s.place.stack(APPLY).exits(4);
    assert!(refused.stderr.contains("`FMManagedWebACLV2-theirs` of someone else"), "{}", refused.stderr);
    let tried = s.place.stack(&[APPLY, &["--no-preflight"]].concat());
    assert!(tried.code != Some(0) && tried.stderr.contains("of someone else"), "{}", tried.stderr);
    assert_eq!(s.account.boto3(WHOSE, &Value::Null), json!("FMManagedWebACLV2-theirs"));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// Requests come, and rules of the web ACL match them.
const REQUESTS: &str = r#"
import json, os, urllib.request
acl = client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"][0]["ARN"]
account = client("sts").get_caller_identity()["Account"]
def say(metric, requests):
    told = {"account": account, "arn": acl, "metric": metric, "requests": requests}
    where = os.environ["AWS_ENDPOINT_URL"] + "/_stack/waf-samples"
    urllib.request.urlopen(urllib.request.Request(where, data=json.dumps(told).encode(), method="POST")).close()
body = {"ip": "192.0.2.7", "seconds-ago": 600, "country": "FR", "action": "COUNT", "path": "/upload?token=s3cret", "method": "POST", "rule": "AWS#AWSManagedRulesCommonRuleSet#SizeRestrictions_BODY"}
say("common", [body | {"weight": 5}, body | {"ip": "192.0.2.8", "weight": 2}])
say("rate-limit", [{"ip": "192.0.2.9", "action": "COUNT", "seconds-ago": 7200}])
"#;

#[test]
fn what_would_be_blocked_is_reported() {
    let s = Subject::new(BALANCED);
    s.place.stack(&["firewall", "report", "s.yaml"]).exits(1);
    s.apply();
    s.account.boto3(REQUESTS, &Value::Null);
    let report = |more: &[&str]| s.place.stack(&[&["firewall", "report", "s.yaml"], more].concat()).ok();
    let all = report(&["--json"]).json();
    assert_eq!(all[0]["web_acl"], "shop-load-balancer");
    let rule = |all: &Value, name: &str| -> Value {
        all[0]["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == name).unwrap().clone()
    };
    let common = rule(&all, "common");
    assert_eq!((&common["requests"], &common["action"]), (&json!(7), &json!("count")));
    assert_eq!(common["inner"], json!([{"what": "SizeRestrictions_BODY", "requests": 7}]));
    assert_eq!(common["addresses"][0], json!({"what": "192.0.2.7 (FR)", "requests": 5}));
    assert_eq!(common["paths"], json!([{"what": "POST /upload", "requests": 7}]));
    assert_eq!(rule(&all, "rate-limit")["requests"], 1);
    assert_eq!(rule(&report(&["--json", "--since", "1h"]).json(), "rate-limit")["requests"], 0);
    let text = report(&[]).stdout;
    assert!(text.contains("about 7") && text.contains("SizeRestrictions_BODY") && !text.contains("s3cret"), "{text}");
    s.place.stack(&["firewall", "report", "s.yaml", "--since", "24h"]).exits(64);
    s.place.stack(DESTROY).ok();
}

#[test]
fn what_cannot_be_a_firewall_is_found_in_the_file() {
    let firewall = BALANCED.lines().find(|line| line.starts_with("firewall")).unwrap();
    let wrong = |section: &str| {
        let s = Subject::new(&BALANCED.replace(firewall, section));
        s.place.stack(&["validate", "s.yaml"]).exits(65).stderr
    };
    for (section, said) in [
        ("firewall: { managed: [comon] }", "did you mean `common`?"),
        ("firewall: { deny: [0.0.0.0/0] }", "which WAF does not accept"),
        ("firewall: { deny: [192.0.2.7] }", "write `192.0.2.7/32`"),
        ("firewall: { allow: [192.0.2.0/24], deny: [192.0.2.7/32] }", "which is allowed"),
        ("firewall: { countries: { deny: [UK] } }", "the United Kingdom is `GB`"),
        ("firewall: { countries: {} }", "names no country"),
        ("firewall: { before: [cdn] }", "there is no distribution"),
        ("firewall: { count: [linux.LFI_URIPATH] }", "`linux` is not among the managed groups"),
    ] {
        let stderr = wrong(section);
        assert!(stderr.contains(said), "{section}: {stderr}");
    }
}
