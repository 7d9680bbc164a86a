//! Keys and certificates: created, edited, fixed, replaced, restored and deleted.

use serde_json::{Value, json};

use crate::support::run::EVERYTHING;
use crate::support::subject::{Subject, becomes, behind, mutating};

#[track_caller]
fn second_apply_is_silent(s: &Subject) {
    s.proxy.take();
    s.apply();
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
}

#[track_caller]
fn destroyed(s: &Subject, stack: &str) {
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(s.account.inventory(stack, "default"), json!({}));
}

const WORKER: &str = "stack: keyed\nregion: us-east-1\nnetwork: { zones: 2, nat: single }\nservices: { worker: { image: \"busybox:1.37\", count: 1 } }\n";

/// The key behind the stack's alias: its state, its rotation, and what encrypts the log group.
const KEY: &str = r#"
kms = client("kms")
key = kms.describe_key(KeyId="alias/keyed")["KeyMetadata"]
rotation = kms.get_key_rotation_status(KeyId=key["KeyId"])
group = client("logs").describe_log_groups(logGroupNamePrefix="/stack/keyed/")["logGroups"][0]
result = {"id": key["KeyId"], "state": key["KeyState"], "description": key["Description"], "rotation": rotation["KeyRotationEnabled"],
          "days": rotation.get("RotationPeriodInDays"), "encrypts": group.get("kmsKeyId") == key["Arn"],
          "policy": kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]}
"#;

#[test]
fn key_is_edited_fixed_deleted_and_restored() {
    let with = |key: &str| format!("{WORKER}keys: {{ main: {{ {key} }} }}\n");
    let s = Subject::new(&with("rotation_period: 180d, deletion_window: 7d"));
    s.apply();
    s.assert_in_step();
    second_apply_is_silent(&s);
    let made = s.account.boto3(KEY, &json!(null));
    assert_eq!((&made["state"], &made["rotation"], &made["days"]), (&json!("Enabled"), &json!(true), &json!(180)), "{made:#}");
    assert_eq!(made["encrypts"], true, "{made:#}");
    let policy: Value = serde_json::from_str(made["policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["Statement"][1]["Principal"]["Service"], "logs.us-east-1.amazonaws.com");

    becomes(&s, &with("rotation_period: 365d, deletion_window: 8d, description: All of it"), &["update kms.key/main"]);
    let edited = s.account.boto3(KEY, &json!(null));
    assert_eq!((&edited["id"], &edited["days"], &edited["description"]), (&made["id"], &json!(365), &json!("All of it")));

    let key = "kms = client('kms')\nkey = kms.describe_key(KeyId='alias/keyed')['KeyMetadata']['KeyId']\n";
    behind(&s, &format!("{key}kms.disable_key_rotation(KeyId=key)"), &["update kms.key/main"]);
    behind(&s, &format!("{key}kms.disable_key(KeyId=key)"), &["update kms.key/main"]);
    let open = format!(
        r#"{key}import json
open = {{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {{"AWS": "*"}}, "Action": "kms:*", "Resource": "*"}}]}}
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(open))"#
    );
    behind(&s, &open, &["update kms.key/main"]);
    behind(
        &s,
        "client('logs').disassociate_kms_key(logGroupName='/stack/keyed/default/worker')",
        &["update logs.log_group/worker"],
    );
    // As a run leaves it that dies between the two calls: the key is found by its tags, and no second one made.
    behind(&s, "client('kms').delete_alias(AliasName='alias/keyed')", &["create kms.alias/main"]);
    assert_eq!(s.account.boto3(KEY, &json!(null))["id"], made["id"]);

    // Out of the file: nothing at all without consent, and then not at once.
    s.place.file("s.yaml", WORKER);
    let groups = ["container-insights", "flow-logs", "worker"].map(|name| format!("update logs.log_group/{name}"));
    let with_groups = |of: [&str; 2]| of.into_iter().map(str::to_owned).chain(groups.clone()).collect::<Vec<_>>();
    assert_eq!(s.changes(), with_groups(["delete kms.alias/main", "delete kms.key/main"]));
    s.proxy.take();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.stderr.contains("--allow-delete kms.key/main"), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "kms.key/main"]).ok();
    s.assert_in_step();
    let leaving = s.account.boto3(
        r#"
import datetime
key = client("kms").describe_key(KeyId=args)["KeyMetadata"]
left = key["DeletionDate"] - datetime.datetime.now(key["DeletionDate"].tzinfo)
group = client("logs").describe_log_groups(logGroupNamePrefix="/stack/keyed/")["logGroups"][0]
result = {"state": key["KeyState"], "days": round(left.total_seconds() / 86400), "logs": group.get("kmsKeyId")}
"#,
        &made["id"],
    );
    assert_eq!(leaving, json!({"state": "PendingDeletion", "days": 8, "logs": null}));

    // Back in the file within that time: the same key, of which nothing was lost.
    let again = with("rotation_period: 90d, description: Back");
    let expected = with_groups(["create kms.alias/main", "create kms.key/main"]);
    becomes(&s, &again, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    let back = s.account.boto3(KEY, &json!(null));
    assert_eq!((&back["id"], &back["state"], &back["days"]), (&made["id"], &json!("Enabled"), &json!(90)), "{back:#}");
    assert_eq!((&back["description"], &back["encrypts"]), (&json!("Back"), &json!(true)));
    destroyed(&s, "keyed");
}

#[test]
fn alias_of_another_environment_is_not_the_stacks() {
    let s = Subject::new(
        "stack: keyed\nregion: us-east-1\nkeys: { main: {}, blue: {} }\nenvironments: { blue: { keys: { blue: ~ } } }\n",
    );
    // `alias/keyed-blue` is what the environment `blue` calls its main key, and the file without one its key `blue`.
    s.place.stack(&["apply", "s.yaml", "--yes", "--env", "blue"]).ok();
    let plan = s.place.stack(&["plan", "s.yaml"]).exits(4);
    assert!(plan.stdout.contains("alias/keyed-blue already exists"), "{}", plan.stdout);
    s.place.file("s.yaml", "stack: keyed\nregion: us-east-1\nkeys: { main: {} }\nenvironments: { blue: {} }\n");
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    s.place.stack(&["plan", "s.yaml", "--env", "blue", "--detailed-exitcode"]).ok();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING, "--env", "blue"]).ok();
    assert_eq!(s.account.inventory("keyed", "blue"), json!({}));
}

const SITE: &str = "stack: site\nregion: us-east-1\nalarms: off\nnetwork: { zones: 2, nat: single }\nservices: { web: { image: \"nginx:1.27\", port: 80, routes: [\"/*\"] } }\nload_balancer: { certificate: certificates.web }\nexisting: { zones: { main: site.example } }\n";

fn site(names: &str) -> String {
    format!("{SITE}certificates: {{ web: {{ domain: www.site.example, names: [{names}], zone: existing.zones.main }} }}\n")
}

const ZONE: &str =
    r#"result = client("route53").create_hosted_zone(Name="site.example", CallerReference="1")["HostedZone"]["Id"]"#;
/// The names of the records that prove something, without what ACM puts in front.
const PROOFS: &str = r#"
sets = client("route53").list_resource_record_sets(HostedZoneId=args)["ResourceRecordSets"]
result = sorted(s["Name"].split(".", 1)[1] for s in sets if s["Type"] == "CNAME")
"#;

#[test]
fn https_serves_with_a_certificate_of_the_zone() {
    let s = Subject::new(&site("\"*.www.site.example\""));
    let zone = s.account.boto3(ZONE, &json!(null));
    let proofs = || s.account.boto3(PROOFS, &zone);
    s.apply();
    s.assert_in_step();
    second_apply_is_silent(&s);
    assert_eq!(proofs(), json!(["www.site.example."]), "a name and its wildcard have one record");
    let serving = s.account.boto3(
        r#"
elbv2, acm = client("elbv2"), client("acm")
listeners = elbv2.describe_listeners(LoadBalancerArn=elbv2.describe_load_balancers(Names=["site"])["LoadBalancers"][0]["LoadBalancerArn"])["Listeners"]
arn = next(l["Certificates"][0]["CertificateArn"] for l in listeners if l["Port"] == 443)
result = acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"]
"#,
        &json!(null),
    );
    assert_eq!(serving, "ISSUED");
    let outputs = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    assert!(outputs["certificates.web.arn"].as_str().unwrap().starts_with("arn:aws:acm:us-east-1:"), "{outputs:#}");

    // The record gone, or changed: without it the certificate would not be renewed.
    let delete = format!(
        r#"
api, zone = client("route53"), {zone}
for record in api.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]:
    if record["Type"] == "CNAME":
        api.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={{"Changes": [{{"Action": "DELETE", "ResourceRecordSet": record}}]}})
"#
    );
    behind(&s, &delete, &["create acm.validation/www_site_example"]);
    assert_eq!(proofs(), json!(["www.site.example."]));

    // A further name is another certificate: requested, proven and served with before the old one is deleted.
    s.proxy.take();
    becomes(
        &s,
        &site("\"*.www.site.example\", api.site.example"),
        &[
            "create acm.validation/api_site_example",
            "create route53.record/api_site_example-a",
            "replace acm.certificate/web",
            "update acm.validation/www_site_example",
            "update elbv2.listener/https",
        ],
    );
    assert_eq!(proofs(), json!(["api.site.example.", "www.site.example."]));
    let calls = mutating(&s.proxy.take());
    let at = |name: &str| calls.iter().position(|c| c.ends_with(name)).unwrap_or_else(|| panic!("{name}: {calls:?}"));
    assert!(at("RequestCertificate") < at("ModifyListener") && at("ModifyListener") < at("DeleteCertificate"), "{calls:?}");

    // A name fewer: its record is deleted, the others stay.
    becomes(
        &s,
        &site(""),
        &[
            "delete acm.validation/api_site_example",
            "delete route53.record/api_site_example-a",
            "replace acm.certificate/web",
            "update acm.validation/www_site_example",
            "update elbv2.listener/https",
        ],
    );
    assert_eq!(proofs(), json!(["www.site.example."]));

    // A foreign certificate for the same name is proven by the same record, which therefore outlives the stack.
    let other =
        r#"result = client("acm").request_certificate(DomainName="www.site.example", ValidationMethod="DNS")["CertificateArn"]"#;
    let other = s.account.boto3(other, &json!(null));
    destroyed(&s, "site");
    assert_eq!(proofs(), json!(["www.site.example."]));
    s.apply();
    s.account.boto3("client('acm').delete_certificate(CertificateArn=args)", &other);
    destroyed(&s, "site");
    assert_eq!(proofs(), json!([]));
}

#[test]
fn certificate_without_a_zone_waits_for_its_record() {
    let s = Subject::new(&site("").replace(", zone: existing.zones.main", ""));
    let zone = s.account.boto3(ZONE, &json!(null));
    let account = s.account.clone();
    let written = std::thread::spawn(move || {
        // A person, who reads what is to be written and writes it.
        account.boto3(
            r#"
import time
acm, record = client("acm"), None
while record is None:
    time.sleep(0.2)
    for summary in acm.list_certificates()["CertificateSummaryList"]:
        option = acm.describe_certificate(CertificateArn=summary["CertificateArn"])["Certificate"]["DomainValidationOptions"][0]
        record = option["ResourceRecord"]
time.sleep(2)
record = {"Name": record["Name"], "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": record["Value"]}]}
client("route53").change_resource_record_sets(HostedZoneId=args, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]})
result = record["Name"] + " CNAME " + record["ResourceRecords"][0]["Value"]
"#,
            &zone,
        )
    });
    let applied = s.apply();
    let written = written.join().unwrap();
    assert!(applied.stderr.contains(written.as_str().unwrap()), "{written}\n{}", applied.stderr);
    assert!(applied.stderr.contains("! acm.certificate/web needs your action"), "{}", applied.stderr);
    // The certificate is not for the load balancer's own name, so that is no address.
    let last = applied.stderr.trim_end().lines().last().unwrap();
    assert!(last.starts_with("https://www.site.example answers once DNS has the record: www.site.example CNAME site-"), "{last}");
    assert!(!applied.stderr.contains("https://site-"), "{}", applied.stderr);
    s.assert_in_step();
    // What the stack did not write it does not delete.
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    let left = s.account.inventory("site", "default");
    assert_eq!(left.as_object().unwrap().keys().collect::<Vec<_>>(), ["acm.validation"], "{left:#}");
}

#[test]
fn certificate_for_cloudfront_is_in_its_own_region() {
    let text = "stack: twice\nregion: REGION\ncertificates: { web: { domain: www.twice.example } }\ncdn: { certificate: certificates.web, aliases: [www.twice.example], static: { paths: [\"/*\"] } }\n";
    let s = Subject::new(&text.replace("REGION", "eu-west-1"));
    s.apply();
    s.assert_in_step();
    let arns = || {
        s.account.boto3(
            r#"
import boto3, os
result = {}
for region in ("us-east-1", "eu-west-1"):
    acm = boto3.client("acm", region_name=region, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    arns = [c["CertificateArn"] for c in acm.list_certificates()["CertificateSummaryList"]]
    result[region] = [tag["Value"] for arn in arns for tag in acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] if tag["Key"] == "stack:key"]
"#,
            &json!(null),
        )
    };
    assert_eq!(arns(), json!({"us-east-1": ["acm.certificate/web-global"], "eu-west-1": []}));
    // The same stack in the other region has one there too, and neither takes the other's for its own.
    s.place.file("here.yaml", &text.replace("REGION", "us-east-1").replace("www.twice", "us.twice"));
    s.place.stack(&["plan", "here.yaml", "--json"]).ok();
    s.place.stack(&["apply", "here.yaml", "--yes"]).ok();
    let mut both = arns();
    both["us-east-1"].as_array_mut().unwrap().sort_by_key(Value::to_string);
    assert_eq!(both, json!({"us-east-1": ["acm.certificate/web", "acm.certificate/web-global"], "eu-west-1": []}));
    s.assert_in_step();
    s.place.stack(&["destroy", "here.yaml", "--yes", EVERYTHING]).ok();
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(arns(), json!({"us-east-1": [], "eu-west-1": []}));
}
