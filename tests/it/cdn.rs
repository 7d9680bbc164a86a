//! The section `cdn` from nothing to nothing, and the two commands that go with it. Read back with boto3.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::aws::LocalAws;
use crate::support::kinds::certificate;
use crate::support::proxy::{Call, Fault, counts};
use crate::support::run::EVERYTHING;
use crate::support::subject::{Subject, behind, edit, mutating};

/// A site with an application behind it.
const STACK: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: single }
services:
  web: { image: "nginx:1.27", port: 80, routes: ["/*"] }
cdn:
  static: { paths: ["/static/*"] }
  price_class: all
"#;

/// A site of files alone: no network, no application.
const SITE: &str = "stack: shop\nregion: us-east-1\ncdn:\n  static: { paths: [\"/*\"] }\n  logs: true\n";

/// Finds the stack's objects in Python.
const FIND: &str = r#"
cf, s3 = client("cloudfront"), client("s3")
def distribution(): return cf.list_distributions()["DistributionList"]["Items"][0]["Id"]
def config(): return cf.get_distribution_config(Id=distribution())["DistributionConfig"]
def change(**fields):
    read = cf.get_distribution_config(Id=distribution())
    cf.update_distribution(Id=distribution(), IfMatch=read["ETag"], DistributionConfig=read["DistributionConfig"] | fields)
def bucket(name): return next(b["Name"] for b in s3.list_buckets()["Buckets"] if f"-{name}-" in b["Name"])
"#;

#[track_caller]
fn python(s: &Subject, script: &str) -> Value {
    s.account.boto3(&format!("{FIND}{script}"), &json!(null))
}

#[track_caller]
fn gone(s: &Subject) {
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// The calls that change a distribution or an origin access control, but for those that make one.
fn changes_of_versions(calls: &[Call]) -> Vec<&Call> {
    let versioned =
        |c: &&Call| c.service == "cloudfront" && (c.operation.starts_with("PUT ") || c.operation.starts_with("DELETE "));
    calls.iter().filter(versioned).collect()
}

#[test]
fn it_comes_up_stays_and_goes_again_and_again() {
    let s = Subject::new(STACK);
    for life in 1..=3 {
        s.apply();
        let found = s.account.inventory("shop", "default");
        for (kind, count) in [("cloudfront.distribution", 1), ("cloudfront.origin-access-control", 1), ("s3.bucket", 3)] {
            assert_eq!(found[kind].as_object().unwrap().len(), count, "{kind} in life {life}");
        }
        s.assert_in_step();
        s.proxy.take();
        s.apply();
        assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new(), "life {life}");
        gone(&s);
    }
}

#[test]
fn it_is_as_it_should_be() {
    let s = Subject::new(STACK);
    s.apply();
    let config = python(&s, "result = config()");
    let dns =
        s.account.boto3(r#"result = client("elbv2").describe_load_balancers()["LoadBalancers"][0]["DNSName"]"#, &json!(null));
    let assets = format!("shop-assets-{}-us-east-1", s.account.id);
    let logs = format!("shop-cdn-logs-{}-us-east-1", s.account.id);
    let origins = config["Origins"]["Items"].as_array().unwrap();
    assert_eq!(origins[0]["DomainName"], dns);
    assert_eq!(origins[0]["CustomOriginConfig"]["OriginProtocolPolicy"], "http-only");
    assert_eq!(origins[1]["DomainName"], format!("{assets}.s3.us-east-1.amazonaws.com"));
    let default = &config["DefaultCacheBehavior"];
    assert_eq!(default["CachePolicyId"], "4135ea2d-6df8-44a3-9df3-4b5a84be39ad");
    assert_eq!(default["OriginRequestPolicyId"], "216adef6-5c7f-47e4-b989-5492eafa07d3");
    assert_eq!(default["AllowedMethods"]["Quantity"], 7);
    let files = &config["CacheBehaviors"]["Items"][0];
    assert_eq!(files["PathPattern"], "/static/*");
    assert_eq!(files["CachePolicyId"], "658327ea-f89d-4fab-a63d-7e88639e58f6");
    assert_eq!(files["ViewerProtocolPolicy"], "redirect-to-https");
    assert_eq!(config["HttpVersion"], "http2and3");
    assert_eq!(config["Logging"]["Bucket"], format!("{logs}.s3.amazonaws.com"));

    let found = s.account.inventory("shop", "default");
    let bucket = &found["s3.bucket"][&assets];
    assert_eq!(bucket["Versioning"], "Enabled");
    assert_eq!(
        bucket["PublicAccessBlock"],
        json!({"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true})
    );
    assert_eq!(bucket["Encryption"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
    assert_eq!(bucket["Lifecycle"][0]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 7);
    let policy: Value = serde_json::from_str(bucket["Policy"].as_str().unwrap()).unwrap();
    let distribution = found["cloudfront.distribution"].as_object().unwrap().values().next().unwrap();
    assert_eq!(policy["Statement"][1]["Condition"]["StringEquals"]["AWS:SourceArn"], distribution["ARN"]);
    let ownership = |name: &str| {
        let script = format!(
            "result = s3.get_bucket_ownership_controls(Bucket={name:?})['OwnershipControls']['Rules'][0]['ObjectOwnership']"
        );
        python(&s, &script)
    };
    assert_eq!((ownership(&assets), ownership(&logs)), (json!("BucketOwnerEnforced"), json!("BucketOwnerPreferred")));

    // And what the user is told about it.
    let domain = distribution["DomainName"].as_str().unwrap();
    let outputs = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    assert_eq!(outputs["url"], format!("https://{domain}"));
    assert_eq!(outputs["cdn.bucket"], assets);
    assert_eq!(outputs["cdn.distribution_id"], distribution["Id"]);
    let shown = s.place.stack(&["show", "s.yaml"]).ok().stdout;
    assert!(shown.contains("deployed") && shown.contains(domain), "{shown}");
    let graph = s.place.stack(&["graph", "s.yaml"]).ok().stdout;
    assert!(graph.contains("CloudFront") && graph.contains("assets"), "{graph}");
    gone(&s);
}

#[test]
fn cdn_edits_are_in_place_and_described() {
    let s = Subject::new(STACK);
    s.apply();
    let id = python(&s, "result = distribution()");
    s.proxy.take();
    let distribution = &["update cloudfront.distribution/main"];
    edit(&s, "[\"/static/*\"]", "[\"/media/*\", \"/static/*\"]", distribution);
    let patterns = "result = [b['PathPattern'] for b in config()['CacheBehaviors']['Items']]";
    assert_eq!(python(&s, patterns), json!(["/media/*", "/static/*"]));
    edit(&s, "[\"/media/*\", \"/static/*\"]", "[\"/static/*\", \"/media/*\"]", distribution);
    assert_eq!(python(&s, patterns), json!(["/static/*", "/media/*"]));
    edit(&s, "price_class: all", "price_class: north-america-europe", distribution);
    let certificate = certificate(&s, &["www.example.com", "*.example.com"]);
    let aliased = format!("price_class: all\n  aliases: [www.example.com, \"*.example.com\"]\n  certificate: \"{certificate}\"");
    edit(&s, "price_class: north-america-europe", &aliased, distribution);
    let config = python(&s, "result = config()");
    assert_eq!(config["Aliases"]["Quantity"], 2);
    assert_eq!(config["ViewerCertificate"]["ACMCertificateArn"], certificate);
    assert_eq!(config["ViewerCertificate"]["MinimumProtocolVersion"], "TLSv1.2_2021");
    assert_eq!(config["PriceClass"], "PriceClass_All");
    // The alias has no record, so what answers is CloudFront's own name.
    let outputs = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    let domain = outputs["cdn.domain"].as_str().unwrap();
    assert_eq!(outputs["url"], format!("https://{domain}"));
    assert_eq!(outputs["dns.www.example.com"], format!("CNAME {domain}"));
    edit(&s, "[www.example.com, \"*.example.com\"]", "[\"*.example.com\", www.example.com]", &[]);
    edit(&s, "aliases: ", "minimum_tls: TLSv1.2_2025\n  aliases: ", distribution);
    let bare =
        format!("minimum_tls: TLSv1.2_2025\n  aliases: [\"*.example.com\", www.example.com]\n  certificate: \"{certificate}\"");
    edit(&s, &bare, "logs: true", distribution);
    assert_eq!(python(&s, "result = config()['ViewerCertificate']['CloudFrontDefaultCertificate']"), true);

    // Without logs their bucket is deleted, with consent.
    let path = s.place.path().join("s.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("logs: true", "logs: false")).unwrap();
    let expected = ["delete s3.bucket/cdn-logs", "delete s3.bucket_policy/cdn-logs", "update cloudfront.distribution/main"];
    assert_eq!(s.changes(), expected);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "s3.bucket/cdn-logs"]).ok();
    s.assert_in_step();
    assert_eq!(python(&s, "result = config()['Logging']['Enabled']"), false);

    // The application's way becomes encrypted when there is a certificate for a name that both have.
    let text = std::fs::read_to_string(&path).unwrap();
    let secure = format!(
        "aliases: [www.example.com]\n  certificate: \"{certificate}\"\nload_balancer: {{ certificate: \"{certificate}\" }}\n"
    );
    std::fs::write(&path, text.replace("logs: false", &format!("logs: false\n  {secure}"))).unwrap();
    s.apply();
    s.assert_in_step();
    assert_eq!(
        python(&s, "result = config()['Origins']['Items'][0]['CustomOriginConfig']['OriginProtocolPolicy']"),
        "https-only"
    );

    assert_eq!(python(&s, "result = distribution()"), id, "it was never replaced");
    let calls = s.proxy.take();
    let changes = changes_of_versions(&calls);
    assert!(changes.len() >= 8, "{changes:#?}");
    assert!(changes.iter().all(|c| c.if_match.as_ref().is_some_and(|v| !v.is_empty())), "{changes:#?}");
    gone(&s);
    let calls = s.proxy.take();
    let changes = changes_of_versions(&calls);
    assert_eq!(changes.len(), 3, "switched off, deleted, and the control deleted: {changes:#?}");
    assert!(changes.iter().all(|c| c.if_match.is_some()), "{changes:#?}");
}

#[test]
fn static_files_come_and_go_beside_the_application() {
    let s = Subject::new(&STACK.replace("  static: { paths: [\"/static/*\"] }\n", ""));
    s.apply();
    s.assert_in_step();
    let path = s.place.path().join("s.yaml");
    let without = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, without.replace("cdn:\n", "cdn:\n  static: { paths: [\"/static/*\"] }\n")).unwrap();
    let objects = ["cloudfront.origin_access_control/assets", "s3.bucket/assets", "s3.bucket_policy/assets"];
    let mut expected: Vec<String> = objects.iter().map(|key| format!("create {key}")).collect();
    expected.push("update cloudfront.distribution/main".into());
    assert_eq!(s.changes(), expected);
    s.apply();
    s.assert_in_step();
    std::fs::write(&path, without).unwrap();
    let mut expected: Vec<String> = objects.iter().map(|key| format!("delete {key}")).collect();
    expected.push("update cloudfront.distribution/main".into());
    assert_eq!(s.changes(), expected);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "s3.bucket/assets"]).ok();
    s.assert_in_step();
    gone(&s);
}

#[test]
fn somebody_elses_bucket_is_read_and_never_touched() {
    let text = SITE.replace("paths: [\"/*\"] }", "paths: [\"/*\"], bucket: existing.buckets.media }");
    let s = Subject::new("");
    let media = format!("example-media-{}", s.account.id);
    s.account.boto3("client('s3').create_bucket(Bucket=args)", &json!(media));
    s.place.file("s.yaml", &format!("{text}existing: {{ buckets: {{ media: {media} }} }}\n"));
    s.apply();
    s.assert_in_step();
    assert_eq!(
        python(&s, "result = config()['Origins']['Items'][0]['DomainName']"),
        format!("{media}.s3.us-east-1.amazonaws.com")
    );
    assert!(s.proxy.take().iter().all(|c| !c.mutating || !c.operation.contains("example-media")));
    s.place.file("site/index.html", "x");
    let refused = s.place.stack(&["assets", "push", "s.yaml", "site"]).exits(1);
    assert!(refused.stderr.contains("not the stack's"), "{}", refused.stderr);
    gone(&s);
}

#[test]
fn what_was_changed_behind_our_back_is_fixed() {
    let s = Subject::new("");
    let certificate = certificate(&s, &["drift.example.com"]);
    let named = format!("aliases: [drift.example.com]\n  certificate: \"{certificate}\"");
    s.place.file("s.yaml", &SITE.replace("logs: true", &named));
    s.apply();
    let behind = |script: &str, expected: &[&str]| behind(&s, &format!("{FIND}{script}"), expected);
    let distribution = &["update cloudfront.distribution/main"];
    behind("change(PriceClass='PriceClass_100')", distribution);
    behind("change(Aliases={'Quantity': 0})", distribution);
    behind("change(Enabled=False)", distribution);
    behind("change(HttpVersion='http2', IsIPV6Enabled=False)", distribution);
    behind("change(DefaultCacheBehavior=config()['DefaultCacheBehavior'] | {'Compress': False})", distribution);
    behind(
        "extra = config()['DefaultCacheBehavior'] | {'PathPattern': '/extra'}\nchange(CacheBehaviors={'Quantity': 1, 'Items': [extra]})",
        distribution,
    );
    behind(
        "cf.untag_resource(Resource=cf.list_distributions()['DistributionList']['Items'][0]['ARN'], TagKeys={'Items': ['stack:name', 'stack:env', 'stack:key']})",
        distribution,
    );
    // What the file does not mention is not changed, also when something else is.
    behind(
        "change(Comment='somebody was here', CustomErrorResponses={'Quantity': 1, 'Items': [{'ErrorCode': 404, 'ErrorCachingMinTTL': 5}]})",
        &[],
    );
    behind("change(PriceClass='PriceClass_200')", distribution);
    assert_eq!(python(&s, "result = config()['CustomErrorResponses']['Quantity']"), 1);
    assert_eq!(python(&s, "result = config()['Comment']"), "shop/default/main in us-east-1");

    let bucket = &["update s3.bucket/assets"];
    behind("s3.delete_public_access_block(Bucket=bucket('assets'))", bucket);
    behind("s3.put_bucket_versioning(Bucket=bucket('assets'), VersioningConfiguration={'Status': 'Suspended'})", bucket);
    behind("s3.delete_bucket_lifecycle(Bucket=bucket('assets'))", bucket);
    behind(
        "s3.put_bucket_ownership_controls(Bucket=bucket('assets'), OwnershipControls={'Rules': [{'ObjectOwnership': 'ObjectWriter'}]})",
        bucket,
    );
    behind(
        "s3.put_bucket_encryption(Bucket=bucket('assets'), ServerSideEncryptionConfiguration={'Rules': [{'ApplyServerSideEncryptionByDefault': {'SSEAlgorithm': 'aws:kms'}}]})",
        bucket,
    );
    // A foreign tag stays; one of the stack's is written again.
    let tagged = "tags = s3.get_bucket_tagging(Bucket=bucket('assets'))['TagSet']\ns3.put_bucket_tagging(Bucket=bucket('assets'), Tagging={'TagSet': ";
    behind(&format!("{tagged}tags + [{{'Key': 'more', 'Value': 'x'}}]}})"), &[]);
    behind(&format!("{tagged}[t | {{'Value': 'x'}} if t['Key'] == 'Name' else t for t in tags]}})"), bucket);
    behind("s3.delete_bucket_policy(Bucket=bucket('assets'))", &["create s3.bucket_policy/assets"]);
    behind(
        r#"s3.put_bucket_policy(Bucket=bucket('assets'), Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}]}' % bucket('assets'))"#,
        &["update s3.bucket_policy/assets"],
    );
    behind(
        r#"control = cf.list_origin_access_controls()['OriginAccessControlList']['Items'][0]
read = cf.get_origin_access_control_config(Id=control['Id'])
cf.update_origin_access_control(Id=control['Id'], IfMatch=read['ETag'], OriginAccessControlConfig=read['OriginAccessControlConfig'] | {'SigningBehavior': 'never'})"#,
        &["update cloudfront.origin_access_control/assets"],
    );
    gone(&s);
}

#[test]
fn bucket_with_objects_is_deleted_only_with_consent() {
    let s = Subject::new(SITE);
    s.apply();
    python(
        &s,
        r#"
name = bucket("assets")
for n in range(40):
    s3.put_object(Bucket=name, Key=f"a/{n}", Body=b"1")
    s3.put_object(Bucket=name, Key=f"a/{n}", Body=b"2")
    s3.delete_object(Bucket=name, Key=f"a/{n}")
s3.put_object(Bucket=name, Key="current", Body=b"x")
s3.create_multipart_upload(Bucket=name, Key="never-ended")
s3.put_object(Bucket=bucket("cdn-logs"), Key="cdn/log.gz", Body=b"x")
"#,
    );
    s.proxy.take();
    let refused = s.place.stack(&["destroy", "s.yaml", "--yes"]).exits(4);
    for key in ["s3.bucket/assets", "s3.bucket/cdn-logs", "cloudfront.distribution/main"] {
        assert!(
            refused.stderr.contains(&format!("    {key}\n        its data is lost permanently: needs `--confirm shop/default`")),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());

    // One more comes when everything is gone, just before the bucket would: as logs do. And the answer to the first
    // deletion of many is lost, so the same are deleted twice.
    let account = s.account.clone();
    let (seen, late, lost) = (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
    s.proxy.on_call(move |call| {
        let many = call.operation.starts_with("POST /shop-assets-") && call.operation.contains("delete");
        if many && !lost.swap(true, Ordering::Relaxed) {
            return Fault::DropAfter;
        }
        let bucket = call.operation.starts_with("DELETE /shop-assets-") && !call.operation.contains(['?', '&']);
        if bucket && seen.swap(true, Ordering::Relaxed) && !late.swap(true, Ordering::Relaxed) {
            let put = format!("{FIND}s3.put_object(Bucket=bucket('assets'), Key='late', Body=b'x')");
            account.boto3(&put, &json!(null));
        }
        Fault::Pass
    });
    gone(&s);
    s.proxy.pass();
    let calls = s.proxy.take();
    let unanswered = |c: &&Call| c.status.is_none() && c.operation.starts_with("POST /shop-assets-");
    assert_eq!(calls.iter().filter(unanswered).count(), 1, "{:#?}", counts(&calls));
    let tries: Vec<Option<u16>> = calls
        .iter()
        .filter(|c| {
            c.operation.starts_with("DELETE /shop-assets-")
                && !c.operation.contains("uploadId")
                && !c.operation.contains("policy")
        })
        .map(|c| c.status)
        .collect();
    assert_eq!(tries, [Some(409), Some(409), Some(204)], "{:#?}", counts(&calls));
}

#[test]
fn names_that_are_taken_are_refused() {
    let s = Subject::new(SITE);
    python(
        &s,
        &format!(
            r#"
s3.create_bucket(Bucket="shop-assets-{}-us-east-1")
cf.create_origin_access_control(OriginAccessControlConfig={{"Name": "shop-assets-us-east-1", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"}})
"#,
            s.account.id
        ),
    );
    s.proxy.take();
    s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(s.proxy.take().iter().all(|call| !call.mutating), "a call changes something");
    let plan = s.place.stack(&["plan", "s.yaml", "--json"]).exits(4).json();
    let refused = plan["changes"].as_array().unwrap().iter().filter(|c| c["action"] == "refuse").map(|c| &c["key"]);
    assert_eq!(refused.collect::<Vec<_>>(), ["cloudfront.origin_access_control/assets", "s3.bucket/assets"]);
}

#[test]
fn the_same_stack_in_two_regions_is_two() {
    let s = Subject::new(SITE);
    s.apply();
    let here = s.account.inventory("shop", "default");
    let there = |arguments: &[&str]| s.place.stack(&[arguments, &["--region", "eu-west-1"]].concat()).ok();
    there(&["apply", "s.yaml", "--yes"]);
    assert_eq!(python(&s, "result = len(cf.list_distributions()['DistributionList']['Items'])"), 2);
    s.assert_in_step();
    there(&["plan", "s.yaml", "--detailed-exitcode"]);
    there(&["destroy", "s.yaml", "--yes", EVERYTHING]);
    assert_eq!(s.account.inventory("shop", "default"), here);
    s.assert_in_step();
    gone(&s);
}

#[test]
fn a_lost_answer_makes_no_second_distribution() {
    let s = Subject::new(SITE);
    let dropped = AtomicBool::new(false);
    s.proxy.on_call(move |call| {
        let create = call.operation.starts_with("POST /2020-05-31/distribution");
        if create && !dropped.swap(true, Ordering::Relaxed) { Fault::DropAfter } else { Fault::Pass }
    });
    s.apply();
    s.proxy.pass();
    assert_eq!(python(&s, "result = len(cf.list_distributions()['DistributionList']['Items'])"), 1);
    s.assert_in_step();
    gone(&s);
}

/// On a server of its own, because it changes how fast that is.
#[test]
fn it_takes_its_time_and_says_so() {
    let aws = LocalAws::start();
    let s = Subject::on(&aws, SITE);
    aws.time_scale(0.008);
    let up = s.apply();
    assert!(up.stderr.contains("cloudfront.distribution/main creating"), "{}", up.stderr);
    // The bucket's policy did not wait until all the world had the distribution.
    let calls = s.proxy.take();
    let at = |what: &dyn Fn(&Call) -> bool| calls.iter().filter(|c| what(c)).map(|c| c.when).max().unwrap();
    let policy = at(&|c| c.operation.starts_with("PUT /shop-assets-") && c.operation.contains("policy"));
    let looked = at(&|c| c.operation.starts_with("GET /2020-05-31/distribution/"));
    assert!(policy < looked, "{policy:?} {looked:?}");

    // Long enough to be seen, though a call may have to be made again.
    aws.time_scale(0.05);
    let begun = s.place.stack(&["invalidate", "s.yaml", "--json"]).ok().json();
    assert_eq!(begun["status"], "InProgress");
    aws.time_scale(0.008);
    let waited = s.place.stack(&["invalidate", "s.yaml", "/index.html", "/a*", "--wait", "--json"]).ok();
    assert_eq!(waited.json()["status"], "Completed");
    let asked = r#"batches = cf.list_invalidations(DistributionId=distribution())["InvalidationList"]["Items"]
result = [cf.get_invalidation(DistributionId=distribution(), Id=b["Id"])["Invalidation"]["InvalidationBatch"]["Paths"]["Items"] for b in batches]"#;
    assert_eq!(python(&s, asked), json!([["/*"], ["/index.html", "/a*"]]));
    s.place.stack(&["invalidate", "s.yaml", "index.html"]).exits(1);

    s.proxy.take();
    gone(&s);
    let calls = s.proxy.take();
    let changes = changes_of_versions(&calls);
    let distribution: Vec<&str> = changes.iter().map(|c| c.operation.as_str()).filter(|o| o.contains("/distribution/")).collect();
    assert!(distribution[0].starts_with("PUT ") && distribution[1].starts_with("DELETE "), "{distribution:?}");
    assert_eq!(distribution.len(), 2, "it was never tried too early: {distribution:?}");
    assert!(changes[1].when - changes[0].when > std::time::Duration::from_secs(1), "{changes:?}");
}

#[test]
fn help_of_the_two_commands() {
    let place = crate::support::run::Place::new();
    insta::assert_snapshot!("help_invalidate", place.stack(&["invalidate", "--help"]).ok().stdout);
    insta::assert_snapshot!("help_assets_push", place.stack(&["assets", "push", "--help"]).ok().stdout);
}

/// What S3 keeps: key, type and how long it may be kept.
fn stored(s: &Subject) -> Value {
    python(
        s,
        r#"
name = bucket("assets")
result = {}
for item in s3.list_objects_v2(Bucket=name).get("Contents", []):
    head = s3.head_object(Bucket=name, Key=item["Key"])
    result[item["Key"]] = [head["ContentType"], head["CacheControl"]]
"#,
    )
}

fn uploads(calls: &[Call]) -> Vec<String> {
    let key = |c: &Call| c.operation.strip_prefix("PUT /shop-assets-")?.split_once('/').map(|(_, key)| key.to_owned());
    let plain = |key: String| key.split('?').next().unwrap_or_default().to_owned();
    calls.iter().filter(|c| c.service == "s3").filter_map(key).map(plain).collect()
}

#[test]
fn push_uploads_only_what_changed_in_order() {
    let s = Subject::new(SITE);
    s.place.file("site/index.html", r#"<script src="/js/app.1a2b3c4d.js"></script><link href="/site.css">"#);
    s.place.file("site/about/index.html", "about");
    s.place.file("site/site.css", "body {}");
    s.place.file("site/logo.png", "not really");
    s.place.file("site/a b é.txt", "names");
    s.place.file("site/js/app.1a2b3c4d.js", r#"import("./part.2b3c4d5e.js")"#);
    s.place.file("site/js/part.2b3c4d5e.js", "part");
    s.place.file("site/.env", "SECRET=1");
    let push = |more: &[&str]| s.place.stack(&[&["assets", "push", "s.yaml", "site"], more].concat());
    let missing = push(&[]).exits(1);
    assert!(missing.stderr.contains("stack apply"), "{}", missing.stderr);
    s.apply();
    s.proxy.take();
    let dry = push(&["--dry-run", "--json"]).ok().json();
    assert_eq!(dry["uploaded"].as_array().unwrap().len(), 7);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());

    let pushed = push(&["--json"]).ok().json();
    assert_eq!((&pushed["uploaded"], &pushed["unchanged"], &pushed["invalidated"]), (&dry["uploaded"], &json!(0), &json!([])));
    let order = uploads(&s.proxy.take());
    let turn = |key: &String| (!key.starts_with("js/"), key.ends_with(".html"));
    assert_eq!(order.len(), 7, "{order:?}");
    assert!(order.is_sorted_by_key(turn), "{order:?}");
    let (ever, minute) = ("public, max-age=31536000, immutable", "public, max-age=60, must-revalidate");
    assert_eq!(
        stored(&s),
        json!({
            "a b é.txt": ["text/plain; charset=utf-8", minute],
            "about/index.html": ["text/html; charset=utf-8", minute],
            "index.html": ["text/html; charset=utf-8", minute],
            "js/app.1a2b3c4d.js": ["text/javascript; charset=utf-8", ever],
            "js/part.2b3c4d5e.js": ["text/javascript; charset=utf-8", ever],
            "logo.png": ["image/png", minute],
            "site.css": ["text/css; charset=utf-8", minute],
        })
    );

    // Again: nothing is uploaded, nothing invalidated.
    let again = push(&[]).ok();
    assert_eq!(again.stdout, "0 uploaded (0 B), 7 unchanged\n");
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());

    // The same size with other bytes, and other headers: both are seen.
    s.place.file("site/site.css", "body []");
    python(&s, "s3.put_object(Bucket=bucket('assets'), Key='logo.png', Body=b'not really', ContentType='image/png')");
    s.place.file("site/index.html", r#"<script src="/js/app.3c4d5e6f.js"></script>"#);
    s.place.file("site/js/app.3c4d5e6f.js", r#"import("./part.2b3c4d5e.js")"#);
    std::fs::remove_file(s.place.path().join("site/js/app.1a2b3c4d.js")).unwrap();
    std::fs::remove_file(s.place.path().join("site/js/part.2b3c4d5e.js")).unwrap();
    let second = push(&["--prune", "--older-than", "0s", "--json"]).ok().json();
    assert_eq!(second["uploaded"], json!(["js/app.3c4d5e6f.js", "logo.png", "site.css", "index.html"]));
    assert_eq!(second["invalidated"], json!(["/index.html", "/logo.png", "/site.css", "/"]));
    // A user may have the old page open, and that refers to the old script.
    assert_eq!(second["removed"], json!([]));
    let paths = r#"batch = cf.list_invalidations(DistributionId=distribution())["InvalidationList"]["Items"][0]["Id"]
result = cf.get_invalidation(DistributionId=distribution(), Id=batch)["Invalidation"]["InvalidationBatch"]["Paths"]["Items"]"#;
    assert_eq!(python(&s, paths), second["invalidated"]);

    // Nothing is deleted that is young, that is not named by a digest, or that what stays refers to, even indirectly.
    assert_eq!(push(&["--prune", "--json"]).ok().json()["removed"], json!([]));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let third = push(&["--prune", "--older-than", "1s", "--json"]).ok().json();
    assert_eq!(third["removed"], json!(["js/app.1a2b3c4d.js"]));
    let left: Vec<String> = stored(&s).as_object().unwrap().keys().cloned().collect();
    assert_eq!(left.len(), 7, "{left:?}");
    assert!(left.contains(&"js/part.2b3c4d5e.js".to_owned()) && !left.contains(&"js/app.1a2b3c4d.js".to_owned()), "{left:?}");
    gone(&s);
}

#[test]
fn push_goes_below_a_prefix_and_stays_in_its_folder() {
    let s = Subject::new(STACK);
    s.apply();
    s.place.file("site/app.js", "x");
    let warned = s.place.stack(&["assets", "push", "s.yaml", "site", "--dry-run"]).ok();
    assert!(warned.stderr.contains("will not be served"), "{}", warned.stderr);
    let quiet = s.place.stack(&["assets", "push", "s.yaml", "site", "--prefix", "/static/", "--immutable", "*.js"]).ok();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("1 uploaded (1 B), 0 unchanged\n", ""));
    assert_eq!(stored(&s), json!({"static/app.js": ["text/javascript; charset=utf-8", "public, max-age=31536000, immutable"]}));
    s.place.file("secret.txt", "x");
    std::os::unix::fs::symlink("../secret.txt", s.place.path().join("site/link.txt")).unwrap();
    let refused = s.place.stack(&["assets", "push", "s.yaml", "site", "--prefix", "static"]).exits(1);
    assert!(refused.stderr.contains("link out of the folder"), "{}", refused.stderr);
    gone(&s);
}
