//! Custom names lead to the stack by records that it writes, and no foreign record is touched.

use serde_json::{Value, json};

use crate::support::run::EVERYTHING;
use crate::support::subject::{Subject, edit, mutating};

const SITE: &str = r#"
stack: named
region: us-east-1
alarms: off
network: { zones: 2, nat: single }
services: { web: { image: "nginx:1.27", port: 80, routes: ["/*"] } }
load_balancer: { certificate: certificates.main }
cdn: { aliases: [www.named.example, named.example], certificate: certificates.main }
certificates: { main: { domain: named.example, names: ["*.named.example", origin.named.example], zone: existing.zones.main } }
existing: { zones: { main: named.example } }
"#;
const ZONE: &str =
    r#"result = client("route53").create_hosted_zone(Name="named.example", CallerReference="1")["HostedZone"]["Id"]"#;
/// Every record that leads somewhere: name and type, and where to.
const RECORDS: &str = r#"
sets = client("route53").list_resource_record_sets(HostedZoneId=args)["ResourceRecordSets"]
result = {f"{s['Name']} {s['Type']}": s["AliasTarget"]["DNSName"].rstrip(".") if "AliasTarget" in s else s["ResourceRecords"][0]["Value"]
          for s in sets if s["Type"] in ("A", "AAAA", "CNAME") and not s["Name"].startswith("_")}
"#;

fn record(zone: &Value, action: &str, name: &str, kind: &str, value: &str) -> String {
    format!(
        r#"client("route53").change_resource_record_sets(HostedZoneId={zone}, ChangeBatch={{"Changes": [{{"Action": "{action}", "ResourceRecordSet":
    {{"Name": "{name}", "Type": "{kind}", "TTL": 60, "ResourceRecords": [{{"Value": "{value}"}}]}}}}]}})"#
    )
}

#[test]
fn names_lead_to_the_distribution() {
    let s = Subject::new(SITE);
    let zone = s.account.boto3(ZONE, &json!(null));
    let records = || s.account.boto3(RECORDS, &zone);
    // A name that is taken: reported before anything is created, and left as it is.
    s.account.boto3(&record(&zone, "CREATE", "www.named.example", "CNAME", "old.example.net"), &json!(null));
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("`www.named.example` already has a record in the zone"), "{}", refused.stderr);
    assert!(refused.words().contains("CNAME old.example.net"), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    s.account.boto3(&record(&zone, "DELETE", "www.named.example", "CNAME", "old.example.net"), &json!(null));
    s.account.boto3(&record(&zone, "CREATE", "mail.named.example", "A", "192.0.2.1"), &json!(null));

    let applied = s.apply();
    assert!(applied.stderr.trim_end().ends_with("\nhttps://www.named.example"), "{}", applied.stderr);
    s.assert_in_step();
    let outputs = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    assert_eq!(outputs["url"], "https://www.named.example");
    assert!(outputs["load_balancer.zone_id"].as_str().unwrap().starts_with('Z'), "{outputs:#}");
    let domain = outputs["cdn.domain"].as_str().unwrap().to_owned();
    let mut all = json!({"mail.named.example. A": "192.0.2.1"});
    for (name, kind) in
        [("named.example.", "A"), ("named.example.", "AAAA"), ("www.named.example.", "A"), ("www.named.example.", "AAAA")]
    {
        all[format!("{name} {kind}")] = json!(domain);
    }
    assert_eq!(records(), all);

    // A foreign alias leads here too: it stays, whatever becomes of the stack's.
    let script = r#"
balancer = client("elbv2").describe_load_balancers()["LoadBalancers"][0]
alias = {"HostedZoneId": balancer["CanonicalHostedZoneId"], "DNSName": balancer["DNSName"], "EvaluateTargetHealth": True}
client("route53").change_resource_record_sets(HostedZoneId=args, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet":
    {"Name": "origin.named.example", "Type": "A", "AliasTarget": alias}}]})
result = balancer["DNSName"]
"#;
    let dns = s.account.boto3(script, &zone);
    let theirs = |s: &Subject| s.account.boto3(RECORDS, &zone)["origin.named.example. A"].clone();
    let plan = s.place.stack(&["plan", "s.yaml", "--json"]).ok().json();
    assert_eq!(plan["changes"], json!([]), "{plan:#}");
    assert!(plan["notes"].to_string().contains("no run of the stack created it"), "{plan:#}");
    s.apply();
    assert_eq!(theirs(&s), dns);

    // A deleted record is created again; one that leads elsewhere by now is foreign.
    let gone = format!(
        r#"api, zone = client("route53"), {zone}
for r in api.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]:
    if r["Name"] == "www.named.example.":
        api.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={{"Changes": [{{"Action": "DELETE", "ResourceRecordSet": r}}]}})"#
    );
    s.account.boto3(&gone, &json!(null));
    assert_eq!(s.changes(), ["create route53.record/www_named_example-a", "create route53.record/www_named_example-aaaa"]);
    s.account.boto3(&record(&zone, "CREATE", "www.named.example", "A", "192.0.2.2"), &json!(null));
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.words().contains("A 192.0.2.2"), "{}", refused.stderr);

    // An alias fewer leaves what others made of its name; without records the address is CloudFront's own.
    let fewer = ["update cloudfront.distribution/main"];
    edit(&s, "aliases: [www.named.example, named.example]", "aliases: [named.example]", &fewer);
    assert_eq!(records()["www.named.example. A"], "192.0.2.2");
    let without = ["delete route53.record/named_example-a", "delete route53.record/named_example-aaaa"];
    edit(&s, "cdn: { ", "cdn: { dns: false, ", &without);
    assert_eq!(theirs(&s), dns);
    let outputs = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    assert_eq!(outputs["url"], format!("https://{domain}"));
    assert_eq!(outputs["dns.named.example"], format!("CNAME {domain}"));

    // Without CloudFront they lead to the load balancer.
    let text = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    let text: String = text.lines().filter(|line| !line.starts_with("cdn:")).map(|line| format!("{line}\n")).collect();
    s.place.file("s.yaml", &text);
    let applied = s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "cdn"]).ok();
    assert!(applied.stderr.trim_end().ends_with("\nhttps://named.example"), "{}", applied.stderr);
    s.assert_in_step();
    assert_eq!(records()["named.example. A"], dns);
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    let left = json!({"mail.named.example. A": "192.0.2.1", "www.named.example. A": "192.0.2.2", "origin.named.example. A": dns});
    assert_eq!(records(), left);
    let inventory = s.account.inventory("named", "default");
    let found =
        inventory.as_object().unwrap().iter().flat_map(|(kind, all)| all.as_object().unwrap().keys().map(move |key| (kind, key)));
    assert_eq!(found.collect::<Vec<_>>(), [(&"route53.record".to_owned(), &"origin.named.example. A".to_owned())]);
}
