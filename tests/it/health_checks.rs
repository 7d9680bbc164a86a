//! `recovery.health_check`: what Route 53 asks from outside, and the records that lead by its answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::proxy::Call;
use crate::support::run::{Output, words};
use crate::support::subject::{APPLY, DESTROY, Subject, behind, edit, run_and_kill_when};

const FILE: &str = r#"
stack: shop
region: eu-west-1
alarms: off
network: { zones: 2, nat: single }
existing: { zones: { main: shop.example } }
certificates: { site: { domain: shop.example, zone: existing.zones.main } }
load_balancer: { certificate: certificates.site, access_logs: false }
services:
  web: { image: "nginx:1.27", port: 80, count: 2, routes: ["/*"] }
recovery: { region: eu-central-1, mode: warm_standby, rpo: 5m, rto: 1h }
"#;
const HOME: &str = "eu-west-1";
const AWAY: &str = "eu-central-1";
const STANDBY: &[&str] = &["recovery", "apply", "s.yaml", "--yes"];
const WITHOUT: &str = "rto: 1h }";
const WITH: &str = "rto: 1h, health_check: { path: /health, interval: 30s, unhealthy: 3 } }";
const CREATED: &[&str] = &["create route53.health_check/main-30s-health", "update route53.record/shop_example-a"];

/// A stack with health checks, or without them, whose zone exists.
fn subject(section: &str) -> Subject {
    let s = Subject::new(&FILE.replace(WITHOUT, section));
    s.account.boto3(r#"client("route53").create_hosted_zone(Name="shop.example", CallerReference="1")"#, &Value::Null);
    s
}

/// The health checks of the account: the region that each asks, with the path, the interval, the threshold, and whether it asks; and the records,
/// by region, with the region that their health check asks.
fn there(s: &Subject) -> Value {
    let script = r#"
api = client("route53")
checks = {check["Id"]: check["HealthCheckConfig"] for check in api.list_health_checks()["HealthChecks"]}
region = lambda config: config["FullyQualifiedDomainName"].split(".")[1]
[zone] = api.list_hosted_zones()["HostedZones"]
records = [one for one in api.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"] if "AliasTarget" in one]
result = {
    "checks": sorted([region(c), c["Type"], c["Port"], c["ResourcePath"], c["RequestInterval"], c["FailureThreshold"], not c["Disabled"], c["EnableSNI"]]
                     for c in checks.values()),
    "records": {one.get("SetIdentifier", "-"): [region(checks[one["HealthCheckId"]]) if one.get("HealthCheckId") in checks else one.get("HealthCheckId"),
                                                one["AliasTarget"]["EvaluateTargetHealth"]] for one in records},
}
"#;
    s.account.boto3(script, &Value::Null)
}

fn checked(region: &str) -> Value {
    json!([region, "HTTPS", 443, "/health", 30, 3, true, true])
}

/// The operation of Route 53 that changes something; REST names none.
fn change(call: &Call) -> Option<&'static str> {
    let (method, path) = call.operation.split_once(' ')?;
    match (method, path) {
        _ if call.service != "route53" => None,
        ("POST", path) if path.contains("/rrset") => Some("ChangeResourceRecordSets"),
        ("POST", path) if path.contains("/tags/") => Some("ChangeTagsForResource"),
        ("POST", path) if path.ends_with("/healthcheck") => Some("CreateHealthCheck"),
        ("POST", path) if path.contains("/healthcheck/") => Some("UpdateHealthCheck"),
        ("DELETE", path) if path.contains("/healthcheck/") => Some("DeleteHealthCheck"),
        _ => None,
    }
}

/// The changes in Route 53 since the last time, in order.
fn changes(s: &Subject) -> Vec<&'static str> {
    s.proxy.take().iter().filter_map(change).collect()
}

fn said(output: &Output) -> String {
    words(&format!("{} {}", output.stdout, output.stderr))
}

#[test]
fn each_region_that_serves_is_asked() {
    let s = subject(WITH);
    s.apply();
    s.assert_in_step();
    assert_eq!(there(&s), json!({"checks": [checked(HOME)], "records": {HOME: [HOME, true]}}));
    s.place.stack(STANDBY).ok();
    let both = json!({"checks": [checked(AWAY), checked(HOME)], "records": {HOME: [HOME, true], AWAY: [AWAY, true]}});
    assert_eq!(there(&s), both);
    s.assert_in_step();
    let again = said(&s.place.stack(STANDBY).ok());
    assert!(again.contains("There was nothing to do."), "{again}");

    // What the checkers report is shown, also without the first region.
    let check = said(&s.place.stack(&["recovery", "check", "s.yaml"]).ok());
    assert!(check.contains("eu-west-1 healthy 16 of 16 checkers") && check.contains("eu-central-1 healthy"), "{check}");
    let fails = r#"
import json, os, urllib.request
api = client("route53")
[check] = [check["Id"] for check in api.list_health_checks()["HealthChecks"] if "eu-west-1" in check["HealthCheckConfig"]["FullyQualifiedDomainName"]]
body = {"account": args, "region": "us-east-1", "route53.health_check": {check: "2"}}
urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_stack/states", data=json.dumps(body).encode(), method="POST")).close()
"#;
    s.account.boto3(fails, &json!(s.account.id));
    let check = s.place.stack(&["recovery", "check", "s.yaml", "--json"]).ok().json();
    let of =
        |region: &str| check["health"].as_array().unwrap().iter().find(|one| one["region"] == region).unwrap()["health"].clone();
    assert_eq!((&of(HOME)["healthy"], &of(HOME)["succeeding"], &of(AWAY)["healthy"]), (&json!(false), &json!(2), &json!(true)));

    // The standby is deleted with its own, and the first region with the rest.
    let away = ["destroy", "--stack", "shop", "--region", AWAY, "--yes", "--confirm", "shop/default"];
    s.place.stack(&away).ok();
    assert_eq!(there(&s), json!({"checks": [checked(HOME)], "records": {HOME: [HOME, true]}}));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn an_edit_changes_only_its_health_check() {
    let s = subject(WITHOUT);
    s.apply();
    assert_eq!(there(&s), json!({"checks": [], "records": {HOME: [Value::Null, true]}}));
    edit(&s, WITHOUT, WITH, CREATED);
    // Another path could be wrong: it is another health check, too.
    let path = ["create route53.health_check/main-30s-alive", "delete route53.health_check/main-30s-health", CREATED[1]];
    edit(&s, "path: /health", "path: /alive", &path);
    edit(&s, "unhealthy: 3", "unhealthy: 2", &["update route53.health_check/main-30s-alive"]);
    // What cannot be changed is another health check, and the records have it before the old one is deleted.
    let expected = [
        "create route53.health_check/main-10s-alive",
        "delete route53.health_check/main-30s-alive",
        "update route53.record/shop_example-a",
    ];
    s.proxy.take();
    edit(&s, "interval: 30s", "interval: 10s", &expected);
    let order = changes(&s);
    let wanted = ["CreateHealthCheck", "ChangeTagsForResource", "ChangeResourceRecordSets", "DeleteHealthCheck"];
    assert_eq!(order, wanted);
    assert_eq!(there(&s)["checks"], json!([[HOME, "HTTPS", 443, "/alive", 10, 2, true, true]]));
    // The reference of one that was deleted is used up.
    edit(
        &s,
        "interval: 10s",
        "interval: 30s",
        &[expected[0], expected[1], expected[2]].map(|one| match one {
            "create route53.health_check/main-10s-alive" => "create route53.health_check/main-30s-alive",
            "delete route53.health_check/main-30s-alive" => "delete route53.health_check/main-10s-alive",
            other => other,
        }),
    );
    let without = ["delete route53.health_check/main-30s-alive", "update route53.record/shop_example-a"];
    s.proxy.take();
    edit(&s, "rto: 1h, health_check: { path: /alive, interval: 30s, unhealthy: 2 } }", WITHOUT, &without);
    let order = changes(&s);
    assert_eq!(order, ["ChangeResourceRecordSets", "DeleteHealthCheck"]);
    assert_eq!(there(&s), json!({"checks": [], "records": {HOME: [Value::Null, true]}}));
}

#[test]
fn what_someone_does_to_health_checks_is_undone() {
    let s = subject(WITH);
    let foreign = r#"
config = {"Type": "HTTPS", "FullyQualifiedDomainName": "shop.example", "ResourcePath": "/health", "RequestInterval": 30, "FailureThreshold": 3}
client("route53").create_health_check(CallerReference="stack-shop-default-main-30s", HealthCheckConfig=config)
"#;
    s.account.boto3(foreign, &Value::Null);
    s.apply();
    let ours = |change: &str| {
        format!(
            "api = client('route53')\n[check] = [check for check in api.list_health_checks()['HealthChecks'] if 'elb' in check['HealthCheckConfig']['FullyQualifiedDomainName']]\n{change}\nresult = None"
        )
    };
    let update = &["update route53.health_check/main-30s-health"];
    behind(&s, &ours("api.update_health_check(HealthCheckId=check['Id'], ResourcePath='/other')"), update);
    behind(&s, &ours("api.update_health_check(HealthCheckId=check['Id'], Disabled=True)"), update);
    behind(&s, &ours("api.update_health_check(HealthCheckId=check['Id'], FailureThreshold=9)"), update);
    // Without its tags it is found by its reference, where the index is not asked: whatever is to be created is read so.
    let untagged = "tags = api.list_tags_for_resource(ResourceType='healthcheck', ResourceId=check['Id'])['ResourceTagSet']['Tags']\napi.change_tags_for_resource(ResourceType='healthcheck', ResourceId=check['Id'], RemoveTagKeys=[tag['Key'] for tag in tags])";
    behind(&s, &ours(untagged), update);
    // The record still refers to one that does not exist: Route 53 deletes it all the same.
    behind(&s, &ours("api.delete_health_check(HealthCheckId=check['Id'])"), CREATED);
    // A record without it, or with another one's.
    let detach = r"
[zone] = api.list_hosted_zones()['HostedZones']
[record] = [one for one in api.list_resource_record_sets(HostedZoneId=zone['Id'])['ResourceRecordSets'] if 'AliasTarget' in one]
record.pop('HealthCheckId')
api.change_resource_record_sets(HostedZoneId=zone['Id'], ChangeBatch={'Changes': [{'Action': 'UPSERT', 'ResourceRecordSet': record}]})";
    behind(&s, &ours(detach), &["update route53.record/shop_example-a"]);
    assert_eq!(there(&s)["records"], json!({HOME: [HOME, true]}));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
    let left = r#"result = [check["CallerReference"] for check in client("route53").list_health_checks()["HealthChecks"]]"#;
    assert_eq!(s.account.boto3(left, &Value::Null), json!(["stack-shop-default-main-30s"]));
}

#[test]
fn a_killed_run_leaves_one_health_check() {
    let s = subject(WITHOUT);
    s.apply();
    for operation in ["CreateHealthCheck", "ChangeTagsForResource"] {
        for reaches in [false, true] {
            s.write(WITHOUT, WITH);
            assert!(run_and_kill_when(&s, APPLY, reaches, move |call| change(call) == Some(operation)), "{operation} {reaches}");
            s.apply();
            s.assert_in_step();
            assert_eq!(there(&s), json!({"checks": [checked(HOME)], "records": {HOME: [HOME, true]}}), "{operation} {reaches}");
            s.write(WITH, WITHOUT);
            s.apply();
            assert_eq!(there(&s)["checks"], json!([]), "{operation} {reaches}");
        }
    }
    // What was created last and has no tags is deleted with the stack.
    s.write(WITHOUT, WITH);
    assert!(run_and_kill_when(&s, APPLY, false, |call| change(call) == Some("ChangeTagsForResource")));
    s.place.stack(DESTROY).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// Says how many of the 16 checkers report every health check as healthy.
fn report(s: &Subject, healthy: &str) {
    s.account.say(json!({"region": "us-east-1", "route53.health_check": {"*": healthy}}));
}

#[test]
fn a_wrong_path_leads_no_user_away() {
    let s = subject(WITHOUT);
    s.apply();
    report(&s, "2");
    s.write(WITHOUT, WITH);
    // The second look shows that it waits.
    let looks = AtomicUsize::new(0);
    let again = move |call: &Call| {
        call.service == "route53" && call.operation.ends_with("/status") && looks.fetch_add(1, Ordering::SeqCst) == 1
    };
    assert!(run_and_kill_when(&s, APPLY, true, again));
    assert_eq!(there(&s), json!({"checks": [checked(HOME)], "records": {HOME: [Value::Null, true]}}));
    report(&s, "3");
    s.apply();
    s.assert_in_step();
    assert_eq!(there(&s)["records"], json!({HOME: [HOME, true]}));
    // One that has it keeps it, whatever is reported: that is what it is for.
    report(&s, "Unhealthy");
    edit(&s, "unhealthy: 3", "unhealthy: 2", &["update route53.health_check/main-30s-health"]);
}

#[test]
fn an_unhealthy_region_has_an_alarm() {
    let s = subject(WITH);
    s.write("alarms: off", "alarms: { email: [ops@example.com] }");
    s.apply();
    s.assert_in_step();
    let script = r#"
[check] = client("route53").list_health_checks()["HealthChecks"]
[alarm] = [one for one in client("cloudwatch", "us-east-1").describe_alarms()["MetricAlarms"]]
result = [alarm["Namespace"], alarm["MetricName"], alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"],
          [dimension["Value"] == check["Id"] for dimension in alarm["Dimensions"]], [arn.split(":")[3] for arn in alarm["AlarmActions"]]]
"#;
    let expected = json!(["AWS/Route53", "HealthCheckStatus", "Minimum", "LessThanThreshold", 1.0, 60, 5, [true], ["us-east-1"]]);
    assert_eq!(s.account.boto3(script, &Value::Null), expected);
    // While nothing is to answer, it does not ask.
    s.place.stack(&["pause", "s.yaml", "--yes"]).ok();
    assert_eq!(there(&s)["checks"][0][6], json!(false));
    s.place.stack(&["resume", "s.yaml", "--yes"]).ok();
    assert_eq!(there(&s)["checks"], json!([checked(HOME)]));
    s.assert_in_step();
}
