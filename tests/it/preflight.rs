//! What AWS would refuse in minute 14, said in second 2.

use std::collections::BTreeSet;

use serde_json::json;
use stack::aws::preflight::actions;
use stack::engine::Plan;

use crate::support::aws::LocalAws;
use crate::support::kinds::certificate;
use crate::support::proxy::{Call, Fault};
use crate::support::run::{EVERYTHING, words};
use crate::support::stacks::{STACK, published};
use crate::support::subject::Subject;

const DATABASE: &str = r#"
databases:
  main: { engine: postgres, version: "16", class: CLASS, multi_az: true }
"#;

#[test]
fn missing_class_version_or_image_stops_the_run() {
    let s = Subject::new("");
    let refused = |text: &str, said: &str| {
        s.place.file("s.yaml", text);
        s.proxy.take();
        let output = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
        assert!(words(&output.stderr).contains(said), "{said}: {}", output.stderr);
        assert!(output.stderr.contains("nothing was changed"), "{}", output.stderr);
        s.place.stack(&["plan", "s.yaml"]).exits(4);
        assert!(s.proxy.take().iter().all(|c| !c.mutating));
        assert_eq!(s.account.inventory("shop", "default"), json!({}));
    };
    let database = |class: &str, version: &str| STACK.to_owned() + &DATABASE.replace("CLASS", class).replace("16", version);
    refused(&database("db.t1.huge", "16"), "rds.instance/main: us-east-1 does not offer `db.t1.huge` for postgres");
    refused(&database("db.r8g.large", "14"), "us-east-1 does not offer postgres 14 on `db.r8g.large`; it offers 15.");
    let account = &s.account.boto3(r#"result = client("sts").get_caller_identity()["Account"]"#, &json!(null));
    let image = format!("{}.dkr.ecr.us-east-1.amazonaws.com/images/web:1", account.as_str().unwrap());
    let with_image = STACK.replace("busybox:1.37", &image);
    refused(&with_image, &format!("the repository of `{image}` does not exist"));
    s.account.boto3(r#"client("ecr").create_repository(repositoryName="images/web")"#, &json!(null));
    refused(&with_image, &format!("the image `{image}` does not exist"));
    // Users who know better can continue.
    s.place.stack(&["apply", "s.yaml", "--yes", "--no-preflight"]).ok();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
}

#[test]
fn what_cannot_be_asked_is_unknown_and_stops_nobody() {
    let s = Subject::new(&(STACK.to_owned() + &DATABASE.replace("CLASS", "db.t4g.micro")));
    s.proxy.on_call(|call| match call.operation.as_str() {
        "DescribeOrderableDBInstanceOptions" | "DescribeAccountAttributes" => {
            let body =
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
            Fault::Answer(403, "text/xml".into(), body.into())
        }
        _ => Fault::Pass,
    });
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    let said = words(&plan.stderr);
    assert!(
        said.contains("Unknown: database classes could not be checked: rds:DescribeOrderableDBInstanceOptions: AccessDenied"),
        "{said}"
    );
    assert!(said.contains("Unknown: the quotas of RDS could not be checked"), "{said}");
    // Nothing is asked when there is nothing to do.
    s.proxy.pass();
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.proxy.take();
    s.assert_in_step();
    let calls = s.proxy.take();
    assert!(
        calls.iter().all(|c| c.operation != "DescribeAccountAttributes" && c.operation != "DescribeOrderableDBInstanceOptions")
    );
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"]).ok();
}

#[test]
fn what_the_identity_is_denied_is_said_beforehand() {
    let mut s = Subject::new(STACK);
    let policy = |more: &str| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": more, "Resource": "*" },
        ] })
    };
    let key = s.account.boto3(
        r#"
iam = client("iam")
iam.create_user(UserName="ci")
iam.put_user_policy(UserName="ci", PolicyName="p", PolicyDocument=__import__("json").dumps(args))
result = iam.create_access_key(UserName="ci")["AccessKey"]
"#,
        &policy("ec2:CreateNatGateway"),
    );
    s.place.set("AWS_ACCESS_KEY_ID", key["AccessKeyId"].as_str().unwrap());
    s.place.set("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"].as_str().unwrap());
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    let said = words(&refused.stderr);
    assert!(said.contains("`ec2:CreateNatGateway` is denied to arn:aws:iam::") && said.contains(":user/ci"), "{said}");
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
    s.account.boto3(
        r#"client("iam").put_user_policy(UserName="ci", PolicyName="p", PolicyDocument=__import__("json").dumps(args))"#,
        &policy("rds:CreateDBInstance"),
    );
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.destroy();
}

/// What the plan says beside itself.
#[track_caller]
fn said(s: &Subject) -> String {
    words(&s.place.stack(&["plan", "s.yaml"]).ok().stderr)
}

/// The plan is refused before anything is done, with these words.
#[track_caller]
fn refused(s: &Subject, expected: &[&str]) {
    s.proxy.take();
    let plan = words(&s.place.stack(&["plan", "s.yaml"]).exits(4).stderr);
    let apply = words(&s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4).stderr);
    for expected in expected {
        assert!(plan.contains(expected) && apply.contains(expected), "{expected}: {plan}");
    }
    assert!(apply.contains("nothing was changed: AWS would refuse part of this plan"), "{apply}");
    assert!(s.proxy.take().iter().all(|c| !c.mutating));
}

fn quotas(s: &Subject, quotas: &str) {
    let script = r#"
import urllib.request
urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_stack/quotas", data=args.encode(), method="POST")).close()
"#;
    s.account.boto3(&format!("import os{script}"), &json!(quotas));
}

fn asked(s: &Subject) -> Vec<String> {
    let calls = s.proxy.take();
    calls.iter().map(|c| c.name()).filter(|c| c.starts_with("servicequotas:")).collect()
}

/// What alarms need, and an account has few of.
#[test]
fn quotas_of_rules_and_subscriptions_are_checked() {
    const FILE: &str = r#"
stack: shop
region: us-east-1
network: { zones: 2, nat: none }
alarms: { email: [ops@example.com] }
databases: { main: { engine: postgres, version: "17", deletion_protection: false } }
"#;
    let aws = LocalAws::start();
    let s = Subject::on(&aws, FILE);
    let fill = r#"
topic = client("sns").create_topic(Name="others")["TopicArn"]
for number in range(args["subscriptions"]):
    client("rds").create_event_subscription(SubscriptionName=f"other-{number}", SnsTopicArn=topic)
for number in range(args["rules"]):
    client("events").put_rule(Name=f"other-{number}", ScheduleExpression="rate(1 day)")
"#;
    s.account.boto3(fill, &json!({"subscriptions": 19, "rules": 0}));
    let said = "subscriptions to events of RDS in this region: the plan creates 2, 19 exist, and the account's quota is 20";
    refused(&s, &[said, "--service-code rds --quota-code L-A59F4C87 --desired-value 21"]);
    // Rules are counted where every account can have some hundred: no question to Service Quotas before.
    let rules = "stack: shop\nregion: us-east-1\nalarms: off\nresources: { events.rule: { tick: { schedule: rate(1 day), targets: {} } } }\n";
    s.place.file("s.yaml", rules);
    s.proxy.take();
    s.place.stack(&["plan", "s.yaml"]).ok();
    assert_eq!(asked(&s), [""; 0]);
    s.account.boto3(fill, &json!({"subscriptions": 0, "rules": 100}));
    quotas(&s, r#"{"event-rules": 100}"#);
    let said = "rules of EventBridge in this region: the plan creates 1, 100 exist, and the account's quota is 100";
    refused(&s, &[said, "--service-code events --quota-code L-244521F2 --desired-value 101"]);
    quotas(&s, r#"{"event-rules": 101}"#);
    s.apply();
    s.assert_in_step();
}

/// On a server of its own: all its accounts share its quotas.
#[test]
fn quotas_count_what_exists_and_what_is_created() {
    let aws = LocalAws::start();
    let s = Subject::on(&aws, STACK);
    quotas(&s, r#"{"networks": 1, "internet-gateways": 0, "nat-gateways-per-zone": 0, "fargate-vcpus": 1, "addresses": 0}"#);
    let each = [
        "VPCs in this region: the plan creates 1, 1 exist, and the account's quota is 1",
        "--service-code vpc --quota-code L-F678F1CE --desired-value 2",
        "internet gateways in this region: the plan creates 1,",
        "NAT gateways in the zone us-east-1a: the plan creates 1, 0 exist, and the account's quota is 0",
        "--service-code vpc --quota-code L-FE5A380F --desired-value 1",
        "Elastic IP addresses in this region: the plan creates 1, 0 exist",
        // Two of web, two of api, one worker: a quarter of a vCPU each.
        "the stack's tasks need 1.25 Fargate On-Demand vCPUs, but the account's quota in this region is 1",
        "--service-code fargate --quota-code L-3032A538 --desired-value 2",
    ];
    refused(&s, &each);
    assert_eq!(s.account.inventory("shop", "default"), json!({}));

    // A plan that was saved while there was room is no better.
    quotas(&s, r#""none""#);
    s.place.stack(&["plan", "s.yaml", "--out", "plan.json"]).ok();
    quotas(&s, r#"{"networks": 1}"#);
    s.proxy.take();
    let saved = s.place.stack(&["apply", "plan.json", "--yes"]).exits(4);
    assert!(words(&saved.stderr).contains(each[0]), "{}", saved.stderr);
    assert!(s.proxy.take().iter().all(|c| !c.mutating));
    s.place.stack(&["plan", "s.yaml", "--no-preflight"]).ok();
    assert_eq!(asked(&s), [""; 0]);

    // Near to a quota that the rest of the account uses too.
    quotas(&s, r#"{"networks": null, "fargate-vcpus": 2}"#);
    let near = said(&s);
    let expected = "Unknown: the stack's tasks need 1.25 Fargate On-Demand vCPUs; the account's quota in this region is 2, and AWS does not report how much of it is in use";
    assert!(near.contains(expected), "{near}");
    s.apply();

    // What is there already is not asked about again, and what grows is counted as a whole.
    s.proxy.take();
    s.assert_in_step();
    assert_eq!(asked(&s), [""; 0]);
    s.place.file("s.yaml", &STACK.replace("count: 2", "count: 6"));
    refused(&s, &["the stack's tasks need 2.25 Fargate On-Demand vCPUs, but the account's quota in this region is 2"]);
    s.place.file("s.yaml", &STACK.replace("count: 2", "count: 1"));
    s.proxy.take();
    s.place.stack(&["plan", "s.yaml"]).ok();
    assert_eq!(asked(&s), [""; 0]);
    s.place.file("s.yaml", STACK);
    s.destroy();
}

#[test]
fn what_service_quotas_does_not_tell_is_unknown() {
    let s = Subject::new(STACK);
    s.proxy.on_call(|call| match call.operation.as_str() {
        "ListServiceQuotas" => {
            let body = r#"{"__type": "AccessDeniedException", "Message": "not yours to ask"}"#;
            Fault::Answer(400, "application/x-amz-json-1.1".into(), body.into())
        }
        _ => Fault::Pass,
    });
    let unknown = said(&s);
    let expected = "Unknown: the quota for VPCs, the quota for internet gateways, the quota for NAT gateways and the quota for Fargate could not be checked: servicequotas:ListServiceQuotas: AccessDeniedException: not yours to ask";
    assert!(unknown.contains(expected), "{unknown}");
    // What was never granted has AWS's own value.
    s.proxy.on_call(|call| match call.operation.as_str() {
        "ListServiceQuotas" => Fault::Answer(200, "application/x-amz-json-1.1".into(), r#"{"Quotas": []}"#.into()),
        "ListAWSDefaultServiceQuotas" => {
            let body = r#"{"Quotas": [{"QuotaCode": "L-F678F1CE", "Value": 0.0}, {"QuotaCode": "L-A4707A72", "Value": 5.0}]}"#;
            Fault::Answer(200, "application/x-amz-json-1.1".into(), body.into())
        }
        _ => Fault::Pass,
    });
    refused(
        &s,
        &[
            "VPCs in this region: the plan creates 1, 1 exist, and the account's quota is 0",
            "Unknown: the quota for NAT gateways could not be checked: AWS does not report it",
            "Unknown: AWS does not report the quota for Fargate On-Demand vCPUs",
        ],
    );
    // The run does not wait for an answer that does not come.
    s.proxy.on_call(|call| match call.operation.as_str() {
        "ListServiceQuotas" => Fault::Delay(std::time::Duration::from_secs(60)),
        _ => Fault::Pass,
    });
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(words(&plan.stderr).contains("could not be checked: AWS did not answer in time"), "{}", plan.stderr);
    assert!(plan.took < std::time::Duration::from_secs(20), "{:?}", plan.took);
}

#[test]
fn service_linked_roles_exist_or_are_created() {
    let text = STACK.to_owned() + &DATABASE.replace("CLASS", "db.t4g.micro") + "caches:\n  sessions: { engine: valkey }\n";
    let mut s = Subject::new(&text);
    let made = said(&s);
    let expected = "AWS creates the service-linked roles `AWSServiceRoleForElasticLoadBalancing`, `AWSServiceRoleForECS`, `AWSServiceRoleForApplicationAutoScaling_ECSService`, `AWSServiceRoleForRDS` and `AWSServiceRoleForElastiCache` during the run.";
    assert!(made.contains(expected), "{made}");
    // Without the permission to create them the run stops, and says what someone else can do about it.
    let own: Vec<(String, String)> = s.account.environment();
    act_as(&mut s, "iam:CreateServiceLinkedRole");
    refused(
        &s,
        &[
            "rds.instance/main: the service-linked role `AWSServiceRoleForRDS` does not exist in the account yet, and arn:aws:iam::",
            "is not allowed `iam:CreateServiceLinkedRole` for it",
            "ask someone with that permission to run `aws iam create-service-linked-role --aws-service-name rds.amazonaws.com` once",
        ],
    );
    for (name, value) in own.iter().filter(|(name, _)| name != "AWS_ENDPOINT_URL") {
        s.place.set(name, value);
    }
    s.apply();
    s.assert_in_step();
    // They are one for the account: the next stack finds them.
    s.place.file("s.yaml", &text.replace("stack: shop", "stack: other"));
    act_as(&mut s, "iam:CreateServiceLinkedRole");
    let there = said(&s);
    assert!(!there.contains("AWSServiceRoleFor"), "{there}");
    for (name, value) in own.iter().filter(|(name, _)| name != "AWS_ENDPOINT_URL") {
        s.place.set(name, value);
    }
    s.place.file("s.yaml", &text);
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"]).ok();
}

/// A user who may do everything but this.
fn act_as(s: &mut Subject, denied: &str) {
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": denied, "Resource": "*" },
    ] });
    let key = s.account.boto3(
        r#"
iam = client("iam")
if not [u for u in iam.list_users()["Users"] if u["UserName"] == "limited"]: iam.create_user(UserName="limited")
iam.put_user_policy(UserName="limited", PolicyName="p", PolicyDocument=__import__("json").dumps(args))
for known in iam.list_access_keys(UserName="limited")["AccessKeyMetadata"]: iam.delete_access_key(UserName="limited", AccessKeyId=known["AccessKeyId"])
result = iam.create_access_key(UserName="limited")["AccessKey"]
"#,
        &policy,
    );
    s.place.set("AWS_ACCESS_KEY_ID", key["AccessKeyId"].as_str().unwrap());
    s.place.set("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"].as_str().unwrap());
}

#[test]
fn a_class_must_be_in_the_zones_of_the_subnets() {
    let s = Subject::new(&(STACK.to_owned() + &DATABASE.replace("CLASS", "db.r8g.large")));
    refused(
        &s,
        &[
            "rds.instance/main: postgres 16 on `db.r8g.large` is offered in us-east-1a and us-east-1c, but its subnets are in us-east-1a and us-east-1b, and a standby needs a second zone",
        ],
    );
    let text = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    s.place.file("s.yaml", &text.replace("multi_az: true", "multi_az: false"));
    said(&s);
    s.place.file("s.yaml", &text.replace("zones: 2", "zones: 3"));
    said(&s);
    // A copy on another class than what it copies.
    let copied = text.replace("db.r8g.large", "db.t4g.micro").replace("multi_az: true", "replicas: { r: { class: db.t1.huge } }");
    s.place.file("s.yaml", &copied);
    refused(&s, &["rds.instance/main-r: us-east-1 does not offer `db.t1.huge` for postgres"]);
    // And a class that an existing one is to get.
    s.place.file("s.yaml", &text.replace("db.r8g.large", "db.t4g.micro"));
    s.apply();
    s.place.file("s.yaml", &text.replace("db.r8g.large", "db.t1.huge"));
    refused(&s, &["rds.instance/main: us-east-1 does not offer `db.t1.huge` for postgres"]);
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"]).ok();
}

#[test]
fn node_types_that_can_be_reserved_are_checked() {
    let text = |node: &str| {
        format!(
            "stack: shop\nregion: us-east-1\nnetwork: {{ zones: 2 }}\ncaches: {{ main: {{ engine: valkey, node: {node} }} }}\n"
        )
    };
    let s = Subject::new(&text("cache.r9g.large"));
    let unknown = said(&s);
    assert!(
        unknown.contains("Unknown: elasticache.replication_group/main: cannot check whether us-east-1 offers nodes of type `cache.r9g.large`: ElastiCache lists only types that can be reserved there"),
        "{unknown}"
    );
    s.place.file("s.yaml", &text("cache.t4g.small"));
    assert!(!said(&s).contains("nodes of type"));
    s.apply();
    s.place.file("s.yaml", &text("cache.r9g.large"));
    refused(&s, &["elasticache.replication_group/main: its nodes cannot change to `cache.r9g.large`; they can change to "]);
    s.place.file("s.yaml", &text("cache.r7g.large"));
    said(&s);
    // Back to what runs, while something else waits for the maintenance window.
    s.account.boto3(
        r#"client("elasticache").modify_replication_group(ReplicationGroupId="shop", CacheNodeType="cache.m7g.large", ApplyImmediately=False)"#,
        &json!(null),
    );
    s.place.file("s.yaml", &text("cache.t4g.small"));
    assert_eq!(s.changes(), ["update elasticache.replication_group/main"]);
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"]).ok();
}

#[test]
fn names_that_somebody_has_are_said() {
    const SITE: &str = "stack: shop\nregion: us-east-1\ncdn: { static: { paths: [\"/*\"] } }\n";
    let s = Subject::new(SITE);
    let stranger = LocalAws::shared().account();
    let bucket = format!("shop-assets-{}-us-east-1", s.account.id);
    stranger.boto3("client('s3').create_bucket(Bucket=args)", &json!(bucket));
    let taken = said(&s);
    let expected = format!(
        "Perhaps: s3.bucket/assets: the bucket name `{bucket}` is taken: the bucket belongs to another account, or access to it is denied; choose another name for the stack or the bucket."
    );
    assert!(taken.contains(&expected), "{taken}");
    stranger.boto3("client('s3').delete_bucket(Bucket=args)", &json!(bucket));
    assert!(!said(&s).contains("Perhaps"));

    // Capitals make no other user of it.
    s.account.boto3("client('iam').create_user(UserName='Alice')", &json!(null));
    s.place.file("s.yaml", "stack: shop\nregion: us-east-1\naccess: { groups: { staff: { policies: [ReadOnlyAccess] } }, users: { alice: [staff] } }\n");
    refused(&s, &["iam.user/alice: the user `Alice` already exists in the account, and IAM ignores case in user names"]);
}

#[test]
fn aliases_of_other_distributions_are_said() {
    let s = Subject::new("");
    let arn = certificate(&s, &["*.taken.example"]);
    let site = |names: &str| {
        format!(
            "stack: shop\nregion: us-east-1\ncdn: {{ static: {{ paths: [\"/*\"] }}, aliases: [{names}], certificate: \"{arn}\" }}\n"
        )
    };
    s.place.file("s.yaml", &site("a.taken.example"));
    let first = said(&s);
    let open = "Unknown: cloudfront.distribution/main: cannot check whether another account uses `a.taken.example`: CloudFront answers only for a distribution whose certificate covers it.";
    assert!(first.contains(open), "{first}");
    s.apply();
    // Another stack of the account.
    s.place.file("s.yaml", &site("a.taken.example").replace("stack: shop", "stack: other"));
    refused(&s, &["cloudfront.distribution/main: `a.taken.example` is already an alias of the distribution `E"]);
    // Another account.
    let stranger = LocalAws::shared().account();
    stranger.boto3(
        r#"
origin = {"Id": "app", "DomainName": "app.example.com", "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}}
behavior = {"TargetOriginId": "app", "ViewerProtocolPolicy": "redirect-to-https", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"}
served = {"ACMCertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/c", "SSLSupportMethod": "sni-only"}
client("cloudfront").create_distribution(DistributionConfig={"CallerReference": "theirs", "Comment": "", "Enabled": True, "Origins": {"Quantity": 1, "Items": [origin]}, "DefaultCacheBehavior": behavior, "Aliases": {"Quantity": 1, "Items": ["b.taken.example"]}, "ViewerCertificate": served})
"#,
        &json!(null),
    );
    s.place.file("s.yaml", &site("a.taken.example, b.taken.example"));
    refused(&s, &["cloudfront.distribution/main: `b.taken.example` is already an alias of a distribution in the account ******"]);
    s.place.file("s.yaml", &site("a.taken.example"));
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
}

#[test]
fn certificates_that_cannot_be_served_with_are_said() {
    let s = Subject::new("");
    let https = |arn: &str| format!("{STACK}load_balancer: {{ certificate: \"{arn}\" }}\n");
    let none = format!("arn:aws:acm:us-east-1:{}:certificate/none", s.account.id);
    s.place.file("s.yaml", &https(&none));
    refused(&s, &[&format!("elbv2.listener/https: the certificate `{none}` does not exist")]);
    // One that waits for a proof that is never written.
    let pending = s.account.boto3(
        r#"
client("route53").create_hosted_zone(Name="pending.example", CallerReference="1")
result = client("acm").request_certificate(DomainName="www.pending.example", ValidationMethod="DNS")["CertificateArn"]
"#,
        &json!(null),
    );
    let pending = pending.as_str().unwrap();
    s.place.file("s.yaml", &https(pending));
    refused(
        &s,
        &[
            &format!("elbv2.listener/https: the certificate `{pending}` is PENDING_VALIDATION"),
            "create the DNS record that ACM asks for",
        ],
    );
    // One in another region, and one for other names.
    let other = certificate(&s, &["www.one.example", "*.two.example"]);
    s.place.file("s.yaml", &format!("stack: shop\nregion: us-east-1\ncdn: {{ static: {{ paths: [\"/*\"] }}, aliases: [a.two.example, www.three.example], certificate: \"{other}\" }}\n"));
    refused(
        &s,
        &[&format!(
            "cloudfront.distribution/main: the certificate `{other}` covers `*.two.example` and `www.one.example`, but not `www.three.example`"
        )],
    );
    // Nothing else checks what is written directly.
    let far = "arn:aws:acm:eu-west-1:123456789012:certificate/far";
    let listener = format!(
        "resources:\n  elbv2.listener:\n    far:\n      load_balancer: elbv2.load_balancer/main\n      port: 8443\n      protocol: HTTPS\n      certificate: {far}\n      default_action: {{ kind: fixed-response, fixed: {{ status_code: \"404\", content_type: text/plain, body: none }} }}\n"
    );
    s.place.file("s.yaml", &format!("{STACK}{listener}"));
    refused(
        &s,
        &[&format!("elbv2.listener/far: the certificate `{far}` is in eu-west-1, but only one in us-east-1 can be used here")],
    );
    // One that ends soon: it is served with, and said.
    let ending = s.account.boto3(
        r#"
import datetime
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "www.ending.example")])
now = datetime.datetime.now(datetime.timezone.utc)
made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=10, hours=1))
made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("www.ending.example")]), False).sign(key, hashes.SHA256())
pem = serialization.Encoding.PEM
private = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
result = client("acm").import_certificate(Certificate=made.public_bytes(pem), PrivateKey=private)["CertificateArn"]
"#,
        &json!(null),
    );
    s.place.file("s.yaml", &https(ending.as_str().unwrap()));
    let soon = said(&s);
    assert!(
        soon.contains("Perhaps: elbv2.listener/https: the certificate `arn:aws:acm:")
            && soon.contains(", in 10 days; import its successor"),
        "{soon}"
    );
}

/// What IAM calls an operation: mostly like the operation.
fn permission(call: &Call) -> String {
    let query = |name: &str| call.operation.contains(&format!("?{name}")) || call.operation.contains(&format!("&{name}"));
    let path = call.operation.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let name = match (call.service.as_str(), call.operation.split(' ').next().unwrap_or_default()) {
        ("s3", "POST") if query("delete") => "DeleteObject",
        ("s3", "DELETE") if query("policy") => "DeleteBucketPolicy",
        ("s3", "DELETE") if query("lifecycle") => "PutLifecycleConfiguration",
        ("s3", "DELETE") if path.matches('/').count() == 1 || path.ends_with('/') => "DeleteBucket",
        ("s3", "PUT") if query("tagging") => "PutBucketTagging",
        ("s3", "PUT") if query("versioning") => "PutBucketVersioning",
        ("s3", "PUT") if query("publicAccessBlock") => "PutBucketPublicAccessBlock",
        ("s3", "PUT") if query("encryption") => "PutEncryptionConfiguration",
        ("s3", "PUT") if query("lifecycle") => "PutLifecycleConfiguration",
        ("s3", "PUT") if query("ownershipControls") => "PutBucketOwnershipControls",
        ("s3", "PUT") if query("policy") => "PutBucketPolicy",
        ("s3", "PUT") if path.matches('/').count() == 1 || path.ends_with('/') => "CreateBucket",
        ("cloudfront", "POST") if query("Operation=Tag") => "TagResource",
        ("cloudfront", "POST") if path.ends_with("/distribution") => "CreateDistribution",
        ("cloudfront", "POST") if path.ends_with("/origin-access-control") => "CreateOriginAccessControl",
        ("cloudfront", "PUT") if path.contains("/distribution/") => "UpdateDistribution",
        ("cloudfront", "DELETE") if path.contains("/distribution/") => "DeleteDistribution",
        ("cloudfront", "DELETE") if path.contains("/origin-access-control/") => "DeleteOriginAccessControl",
        ("route53", "POST") if path.contains("/rrset") => "ChangeResourceRecordSets",
        _ => &call.operation,
    };
    // What is signed with another name than IAM has for the service.
    let service = if call.service == "monitoring" { "cloudwatch" } else { &call.service };
    format!("{service}:{name}")
}

/// Everything that is sent on the way up and down, through every edit of a number of fields, is asked about beforehand.
#[test]
fn what_is_called_is_what_was_asked_about() {
    let text = std::fs::read_to_string(published("stacks/webapp.yaml")).unwrap();
    let s = Subject::new(&text);
    let compare = |plan: &[&str], apply: &[&str]| {
        s.place.stack(&[plan, &["--out", "plan.json"]].concat()).ok();
        let saved = std::fs::read(s.place.path().join("plan.json")).unwrap();
        let saved: serde_json::Value = serde_json::from_slice(&saved).unwrap();
        let plan: Plan = serde_json::from_value(saved["plan"].clone()).unwrap();
        let wanted: BTreeSet<String> = actions::of(&plan).into_iter().map(str::to_owned).collect();
        s.proxy.take();
        s.place.stack(apply).ok();
        let calls = s.proxy.take();
        let called: BTreeSet<String> = calls.iter().filter(|c| c.mutating && !c.is_of_history()).map(permission).collect();
        let unasked: Vec<&String> = called.difference(&wanted).collect();
        assert!(called.len() > 5 && unasked.is_empty(), "{apply:?}: {unasked:#?}");
    };
    compare(&["plan", "s.yaml"], &["apply", "s.yaml", "--yes"]);
    // Other tags touch everything that has any.
    s.place.file("s.yaml", &text.replace("  team: web\n", "  team: another\n"));
    compare(&["plan", "s.yaml"], &["apply", "s.yaml", "--yes"]);
    let all = ["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"];
    compare(&["plan", "s.yaml", "--destroy"], &all);
}

/// However much is asked, no check waits for more than two answers after another, and all wait at once.
#[test]
fn it_is_quick() {
    const LATE: std::time::Duration = std::time::Duration::from_secs(1);
    let s = Subject::new(&std::fs::read_to_string(published("stacks/webapp.yaml")).unwrap());
    let local = s.place.stack(&["plan", "s.yaml"]).ok().took;
    s.proxy.on_call(|_| Fault::Delay(LATE));
    let without = s.place.stack(&["plan", "s.yaml", "--no-preflight"]).ok().took;
    let with = s.place.stack(&["plan", "s.yaml"]).ok().took;
    println!("a plan of 99 objects: {local:?}; every answer a second late: {with:?}, without preflight {without:?}");
    assert!(with < without + 3 * LATE + std::time::Duration::from_millis(900), "{with:?}, {without:?}");
}
