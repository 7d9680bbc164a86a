//! The section `buckets`: what it makes, who may use it, what is seen of changes by hand, and how a bucket leaves the file.

use serde_json::{Value, json};

use crate::support::proxy::counts;
use crate::support::run::words;
use crate::support::subject::{Subject, becomes, behind, edit};

const STACK: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
keys: { main: {} }
buckets:
  uploads:
    cors: { origins: ["https://app.example.com"] }
  invoices:
    versions: 90d
    expire: 365d
    archive: { after: 90d, to: glacier }
services:
  web: { image: "public.ecr.aws/nginx/nginx:1.27", buckets: { uploads: read-write, invoices: read } }
  other: { image: "public.ecr.aws/nginx/nginx:1.27" }
"#;

/// Two buckets and nothing else.
const ALONE: &str = r#"
stack: shop
region: us-east-1
buckets:
  uploads: { cors: { origins: ["https://app.example.com"] } }
  invoices: {}
"#;

/// Runs a script with `name`, which returns the name in AWS of a bucket of the file.
fn s3(s: &Subject, script: &str) -> Value {
    let head = "s3 = client('s3')\nname = lambda of: next(b['Name'] for b in s3.list_buckets()['Buckets'] if b['Name'].startswith(f'shop-{of}-'))\n";
    s.account.boto3(&format!("{head}{script}"), &json!(null))
}

/// Runs a script that changes something, and checks that a plan without the index of tags is exactly what fixes it.
#[track_caller]
fn by_hand(s: &Subject, script: &str, expected: &[&str]) {
    s3(s, script);
    let plan = s.place.stack(&["plan", "s.yaml", "--exact", "--json"]).ok().json();
    let found: Vec<String> = plan["changes"].as_array().unwrap().iter().map(|c| c["key"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, expected, "{plan:#}");
}

#[test]
fn buckets_are_private_encrypted_and_tidy() {
    let s = Subject::new(STACK);
    s.apply();
    s.assert_in_step();
    let found = s3(
        &s,
        r#"
import json
result = {}
for of in ("uploads", "invoices"):
    b = name(of)
    rule = s3.get_bucket_encryption(Bucket=b)["ServerSideEncryptionConfiguration"]["Rules"][0]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=b)["Rules"]
    result[of] = {
        "block": all(s3.get_public_access_block(Bucket=b)["PublicAccessBlockConfiguration"].values()),
        "ownership": s3.get_bucket_ownership_controls(Bucket=b)["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
        "algorithm": rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "key": rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"],
        "bucket_key": rule["BucketKeyEnabled"],
        "versioning": s3.get_bucket_versioning(Bucket=b).get("Status"),
        "policy": json.loads(s3.get_bucket_policy(Bucket=b)["Policy"])["Statement"],
        "rules": {r["ID"]: [r.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"), r.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"), r.get("Expiration"), r.get("Transitions")] for r in rules},
    }
result["cors"] = s3.get_bucket_cors(Bucket=name("uploads"))["CORSRules"]
"#,
    );
    let key = s.account.boto3("result = [k['KeyArn'] for k in client('kms').list_keys()['Keys']][0]", &json!(null));
    for of in ["uploads", "invoices"] {
        let bucket = &found[of];
        assert_eq!((&bucket["block"], &bucket["bucket_key"], &bucket["key"]), (&json!(true), &json!(true), &key), "{of}");
        assert_eq!((&bucket["ownership"], &bucket["algorithm"]), (&json!("BucketOwnerEnforced"), &json!("aws:kms")), "{of}");
        assert_eq!(bucket["versioning"], "Enabled", "{of}");
        let statement = &bucket["policy"][0];
        assert_eq!(bucket["policy"].as_array().unwrap().len(), 1, "{of}");
        assert_eq!(
            (&statement["Effect"], &statement["Principal"], &statement["Action"]),
            (&json!("Deny"), &json!("*"), &json!("s3:*"))
        );
        assert_eq!(statement["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}));
    }
    assert_eq!(found["uploads"]["rules"], json!({"tidy": [7, 30, {"ExpiredObjectDeleteMarker": true}, null]}));
    let invoices = json!({
        "archive": [null, null, null, [{"Days": 90, "StorageClass": "GLACIER"}]],
        "expire": [null, null, {"Days": 365}, null],
        "tidy": [7, 90, {"ExpiredObjectDeleteMarker": true}, null],
    });
    assert_eq!(found["invoices"]["rules"], invoices);
    let cors = json!([{"ID": "app", "AllowedOrigins": ["https://app.example.com"], "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 3600}]);
    assert_eq!(found["cors"], cors);

    // Nothing else of it is asked for by a plan, and nothing is said twice.
    let shown = s.place.stack(&["show", "s.yaml"]).ok();
    assert!(shown.stdout.contains("bucket uploads") && shown.stdout.contains("shop-uploads-"), "{}", shown.stdout);
    let outputs = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    assert!(outputs["buckets.uploads.name"].as_str().unwrap().starts_with("shop-uploads-"), "{outputs:#}");
}

#[test]
fn a_service_may_use_its_buckets_and_no_others() {
    let s = Subject::new(STACK);
    s.apply();
    let found = s3(
        &s,
        r#"
iam, ecs = client("iam"), client("ecs")
key = [k["KeyArn"] for k in client("kms").list_keys()["Keys"]][0]
def decide(role, action, of, object="", kms=False):
    arn = f"arn:aws:s3:::{name(of)}"
    source = iam.get_role(RoleName=role)["Role"]["Arn"]
    entries = lambda pairs: [{"ContextKeyName": k, "ContextKeyValues": [v], "ContextKeyType": "string"} for k, v in pairs]
    context = entries([("kms:ViaService", "s3.us-east-1.amazonaws.com"), ("kms:EncryptionContext:aws:s3:arn", arn)]) if kms else []
    answer = iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=[action], ResourceArns=[key if kms else arn + object], ContextEntries=context)
    return answer["EvaluationResults"][0]["EvalDecision"] == "allowed"
roles = [r["RoleName"] for r in iam.list_roles()["Roles"]]
task = lambda service: next(r for r in roles if r.startswith(f"shop-{service}-task"))
result = {"web": {}, "other": {}}
for service in ("web", "other"):
    for of in ("uploads", "invoices"):
        may = [a for a in ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "DeleteObjectVersion") if decide(task(service), f"s3:{a}", of, "/x")]
        may += [a for a in ("ListBucket", "PutBucketPolicy", "DeleteBucket") if decide(task(service), f"s3:{a}", of)]
        may += [a for a in ("Decrypt", "GenerateDataKey") if decide(task(service), f"kms:{a}", of, kms=True)]
        result[service][of] = may
container = ecs.describe_task_definition(taskDefinition="shop-web")["taskDefinition"]["containerDefinitions"][0]
result["environment"] = {e["name"]: e["value"] for e in container["environment"]}
result["names"] = {"BUCKET_UPLOADS_NAME": name("uploads"), "BUCKET_INVOICES_NAME": name("invoices")}
"#,
    );
    let writes =
        json!(["GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "ListBucket", "Decrypt", "GenerateDataKey"]);
    assert_eq!(found["web"], json!({"uploads": writes, "invoices": ["GetObject", "ListBucket", "Decrypt"]}));
    assert_eq!(found["other"], json!({"uploads": [], "invoices": []}));
    assert_eq!(found["environment"], found["names"]);
    // What the file itself says of a variable counts.
    s.write("invoices: read }", "invoices: read }, environment: { BUCKET_INVOICES_NAME: mine }");
    s.apply();
    s.assert_in_step();
    let said = s3(
        &s,
        r#"
container = client("ecs").describe_task_definition(taskDefinition="shop-web")["taskDefinition"]["containerDefinitions"][0]
result = {e["name"]: e["value"] for e in container["environment"]}["BUCKET_INVOICES_NAME"]
"#,
    );
    assert_eq!(said, "mine");
}

#[test]
fn an_edit_of_a_bucket_changes_that_bucket_alone() {
    let s = Subject::new(ALONE);
    s.apply();
    s.assert_in_step();
    let only = &["update s3.bucket/uploads"];
    edit(&s, "https://app.example.com", "https://www.example.com", only);
    edit(&s, "[\"https://www.example.com\"]", "[\"https://www.example.com\"], methods: [GET, PUT, POST], max_age: 10m", only);
    let read = "rule = s3.get_bucket_cors(Bucket=name('uploads'))['CORSRules'][0]\nresult = [rule['AllowedMethods'], rule['MaxAgeSeconds']]";
    assert_eq!(s3(&s, read), json!([["GET", "PUT", "POST"], 600]));
    edit(&s, "invoices: {}", "invoices: { expire: 400d }", &["update s3.bucket/invoices"]);
    // Without CORS in the file there is none, which a quick plan sees, too.
    edit(&s, "cors: { origins: [\"https://www.example.com\"], methods: [GET, PUT, POST], max_age: 10m }", "", only);
    let none = r#"
try:
    result = s3.get_bucket_cors(Bucket=name("uploads"))
except Exception as error:
    result = error.response["Error"]["Code"]
"#;
    assert_eq!(s3(&s, none), "NoSuchCORSConfiguration");
    let tags =
        "result = [t['Key'] for t in s3.get_bucket_tagging(Bucket=name('uploads'))['TagSet'] if t['Key'] == 'stack:digest']";
    assert_eq!(s3(&s, tags), json!([]));
    // What it deletes sooner is shown.
    s.write("expire: 400d", "expire: 100d");
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(words(&plan.stdout).contains("objects older than 100 days are deleted"), "{}", plan.stdout);
    s.apply();
    s.assert_in_step();
}

#[test]
fn changes_of_a_bucket_by_hand_are_found() {
    let s = Subject::new(ALONE);
    s.apply();
    // Proven by a digest, and so not asked about.
    s.proxy.take();
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(!counts(&s.proxy.take()).keys().any(|call| call.contains("Cors") || call.contains("Website")));
    assert!(words(&plan.stdout).contains("`cors` and `website` of 1 `s3.bucket`"), "{}{}", plan.stdout, plan.stderr);
    let cors = r#"
s3.put_bucket_cors(Bucket=name("uploads"), CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["DELETE"]}]})
s3.put_bucket_cors(Bucket=name("invoices"), CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]})
result = None
"#;
    by_hand(&s, cors, &["s3.bucket/invoices", "s3.bucket/uploads"]);
    fixed(&s);
    let head = "s3 = client('s3')\nname = lambda of: next(b['Name'] for b in s3.list_buckets()['Buckets'] if b['Name'].startswith(f'shop-{of}-'))\n";
    let lifecycle = "s3.delete_bucket_lifecycle(Bucket=name('uploads'))\nresult = None";
    behind(&s, &format!("{head}{lifecycle}"), &["update s3.bucket/uploads"]);
    let policy = "s3.delete_bucket_policy(Bucket=name('invoices'))\nresult = None";
    behind(&s, &format!("{head}{policy}"), &["create s3.bucket_policy/invoices"]);
}

/// Applies exactly what a plan without the index of tags finds, and checks that nothing is left to do.
#[track_caller]
fn fixed(s: &Subject) {
    s.place.stack(&["plan", "s.yaml", "--exact", "--out", "fix.plan"]).ok();
    s.place.stack(&["apply", "fix.plan", "--yes"]).ok();
    s.assert_in_step();
}

/// A website that leaves the file is gone, though a quick plan does not ask buckets about websites.
#[test]
fn a_website_that_leaves_the_file_is_removed() {
    let s =
        Subject::new("stack: shop\nregion: us-east-1\nresources:\n  s3.bucket:\n    pages: { website: { index: index.html } }\n");
    s.apply();
    s.assert_in_step();
    edit(&s, "{ website: { index: index.html } }", "{}", &["update s3.bucket/pages"]);
    edit(&s, "pages: {}", "pages: { website: { index: a.html, error: b.html } }", &["update s3.bucket/pages"]);
}

#[test]
fn a_bucket_with_objects_is_deleted_with_consent() {
    let s = Subject::new(ALONE);
    s.apply();
    s3(&s, "s3.put_object(Bucket=name('uploads'), Key='a', Body=b'x')\nresult = None");
    let without = ALONE.lines().filter(|line| !line.contains("uploads")).collect::<Vec<_>>().join("\n");
    s.place.file("s.yaml", &without);
    assert_eq!(s.changes(), ["delete s3.bucket/uploads", "delete s3.bucket_policy/uploads"]);
    let plan = s.place.stack(&["plan", "s.yaml"]).ok();
    assert!(words(&plan.stdout).contains("--allow-delete s3.bucket/uploads"), "{}{}", plan.stdout, plan.stderr);
    s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert_eq!(s3(&s, "result = s3.list_objects_v2(Bucket=name('uploads'))['KeyCount']"), 1);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "s3.bucket/uploads"]).ok();
    s.assert_in_step();
    // An empty one needs none.
    becomes(
        &s,
        "stack: shop\nregion: us-east-1\nbuckets: {}\n",
        &["delete s3.bucket/invoices", "delete s3.bucket_policy/invoices"],
    );
    s.place.file("s.yaml", ALONE);
    s.apply();
    s.place.stack(&["destroy", "s.yaml", "--yes"]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn objects_are_restored_and_controls_are_fixed() {
    let s = Subject::new(&ALONE.replace("invoices: {}", "invoices: { versions: off }"));
    s.apply();
    s3(&s, "s3.put_object(Bucket=name('uploads'), Key='a', Body=b'old')\nimport time\ntime.sleep(1.1)\nresult = None");
    let at = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap().to_string();
    s3(&s, "import time\ntime.sleep(1.1)\ns3.put_object(Bucket=name('uploads'), Key='a', Body=b'new')\nresult = None");
    s.place.stack(&["restore", "s.yaml", "buckets.uploads", "--to-time", &at, "--yes"]).ok();
    assert_eq!(s3(&s, "result = s3.get_object(Bucket=name('uploads'), Key='a')['Body'].read().decode()"), "old");

    s.place.stack(&["check", "s.yaml", "--all", "--fix", "--yes"]);
    let text = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    assert!(text.contains("invoices: { versions: 30d }"), "{text}");
    assert_eq!(s.changes(), ["update s3.bucket/invoices"]);
    s.apply();
    s.assert_in_step();
}
