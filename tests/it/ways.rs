//! The way to AWS: whose account it is, by which profile, whether it answers; where leases and history are kept; and runs
//! whose end cannot be written down, or comes too early.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::proxy::{Call, Fault};
use crate::support::run::{EVERYTHING, Place};
use crate::support::stacks::STACK;
use crate::support::subject::{Subject, mutating};

const SMALL: &str = "stack: shop\nregion: us-east-1\nnetwork: { zones: 2, nat: none }\n";
const ENVIRONMENTS: &str =
    "stack: shop\nregion: us-east-1\nnetwork: { zones: 2, nat: none }\nenvironments:\n  staging: {}\n  production: {}\n";
const OTHER: &str = "333333333333";

/// A subject with a profile of another account beside the keys in the environment.
fn with_profiles(text: &str) -> Subject {
    let s = Subject::new(text);
    let keys = format!("aws_access_key_id = {OTHER}\naws_secret_access_key = x\n");
    s.place.file(
        "home/.aws/config",
        &format!("[profile prod]\n{keys}[profile roled]\nrole_arn = arn:aws:iam::{OTHER}:role/Deploy\nsource_profile = prod\n"),
    );
    s
}

#[test]
fn profile_is_used_and_a_missing_one_is_an_error() {
    let s = with_profiles(SMALL);
    let head = |arguments: &[&str]| {
        s.place.stack(&[&["plan", "s.yaml"], arguments].concat()).ok().stdout.lines().next().unwrap().to_owned()
    };
    assert_eq!(head(&[]), format!("stack shop · environment default · {} · us-east-1", s.account.id));
    assert_eq!(head(&["--profile", "prod"]), format!("stack shop · environment default · {OTHER} (profile prod) · us-east-1"));
    let shown = s.place.stack(&["show", "s.yaml", "--profile", "prod"]).ok().stdout;
    assert!(shown.starts_with(&format!("stack shop · environment default · {OTHER} (profile prod)")), "{shown}");
    s.proxy.take();
    let unknown = s.place.stack(&["plan", "s.yaml", "--profile", "nope"]).exits(6);
    let said = unknown.words();
    assert!(said.contains("there is no profile `nope`") && said.contains("`prod`, `roled`"), "{said}");
    assert!(s.proxy.take().is_empty(), "AWS was asked");
}

/// Roles are assumed where everything else is asked.
#[test]
fn an_endpoint_is_also_where_a_role_is_assumed() {
    let mut s = with_profiles(SMALL);
    let url = s.proxy.url.clone();
    // Without the variable only the option says it.
    s.place.set("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    s.proxy.take();
    let plan = s.place.stack(&["plan", "s.yaml", "--endpoint-url", &url, "--profile", "roled"]).ok();
    assert!(s.proxy.take().iter().any(|call| call.operation == "AssumeRole"));
    let head = plan.stdout.lines().next().unwrap().to_owned();
    assert!(head.contains(&format!("{OTHER} (profile roled, role Deploy)")), "{head}");
}

#[test]
fn file_for_another_account_is_refused() {
    let s = Subject::new(&format!("account: \"{OTHER}\"\n{SMALL}"));
    let asked = |arguments: &[&str]| {
        s.proxy.take();
        let output = s.place.stack(arguments).exits(6);
        let said = output.words();
        assert!(said.contains(OTHER) && said.contains(&s.account.id), "{said}");
        let calls: Vec<String> = s.proxy.take().iter().map(|call| call.operation.clone()).collect();
        assert_eq!(calls, ["GetCallerIdentity"]);
    };
    asked(&["plan", "s.yaml"]);
    asked(&["apply", "s.yaml", "--yes"]);
    asked(&["destroy", "s.yaml", "--yes"]);
    asked(&["show", "s.yaml"]);
    // What asks no AWS does not care.
    s.place.stack(&["validate", "s.yaml"]).ok();
    s.place.stack(&["graph", "s.yaml"]).ok();
    // An environment can be another account's.
    let ours = format!("environments:\n  here: {{ account: {} }}\n", s.account.id);
    s.place.file("s.yaml", &format!("account: {OTHER}\n{SMALL}{ours}"));
    s.place.stack(&["plan", "s.yaml", "--env", "here"]).ok();
    asked(&["plan", "s.yaml", "--env", "default"]);
    s.place.file("s.yaml", &format!("account: prod\n{SMALL}"));
    let wrong = s.place.stack(&["plan", "s.yaml"]).exits(65);
    assert!(wrong.words().contains("`prod` is not an AWS account number"), "{}", wrong.stderr);
    // A saved plan knows its account too.
    s.place.file("s.yaml", SMALL);
    s.place.stack(&["plan", "s.yaml", "--out", "s.plan"]).ok();
    let elsewhere = with_profiles(SMALL);
    std::fs::copy(s.place.path().join("s.plan"), elsewhere.place.path().join("s.plan")).unwrap();
    let said = elsewhere.place.stack(&["apply", "s.plan", "--yes"]).exits(6).words();
    assert!(said.contains("the saved plan is for the account"), "{said}");
    let said = s.place.stack(&["apply", "s.plan", "--yes", "--region", "eu-west-1"]).exits(64).words();
    assert!(said.contains("for the region `us-east-1`, not `eu-west-1`"), "{said}");
    let said = s.place.stack(&["apply", "s.plan", "--yes", "--env", "staging"]).exits(64).words();
    assert!(said.contains("for the environment `default`, not `staging`"), "{said}");
    let said = s.place.stack(&["outputs", "s.plan"]).exits(65).words();
    assert!(said.contains("`s.plan` is a saved plan") && said.contains("`stack show s.plan`"), "{said}");
    s.proxy.take();
    let shown = s.place.stack(&["show", "s.plan"]).ok().stdout;
    assert!(shown.contains("ec2.vpc ") && shown.contains("to create"), "{shown}");
    assert!(s.proxy.take().is_empty(), "AWS was asked");
}

#[test]
fn a_file_with_environments_wants_one_to_be_chosen() {
    let mut s = Subject::new(ENVIRONMENTS);
    s.place.set("STACK_ENV", "");
    s.proxy.take();
    let commands: [&[&str]; 8] = [
        &["plan", "s.yaml"],
        &["apply", "s.yaml", "--yes"],
        &["destroy", "s.yaml", "--yes"],
        &["show", "s.yaml"],
        &["outputs", "s.yaml"],
        &["history", "s.yaml"],
        &["rollback", "s.yaml", "1"],
        &["unlock", "s.yaml"],
    ];
    for command in commands {
        let said = s.place.stack(command).exits(64).words();
        assert!(said.contains("none was chosen: `staging`, `production`") && said.contains("--env default"), "{said}");
    }
    assert!(s.proxy.take().is_empty(), "AWS was asked");
    for command in [&["validate", "s.yaml"][..], &["graph", "s.yaml"]] {
        s.place.stack(command).ok();
    }
    let head = |s: &Subject, arguments: &[&str]| {
        s.place.stack(&[&["plan", "s.yaml"], arguments].concat()).ok().stdout.lines().next().unwrap().to_owned()
    };
    assert!(head(&s, &["--env", "staging"]).contains("environment staging"));
    assert!(head(&s, &["--env", "default"]).contains("environment default"));
    s.place.set("STACK_ENV", "production");
    assert!(head(&s, &[]).contains("environment production"));
    assert!(head(&s, &["--env", "staging"]).contains("environment staging"));
    // A file without environments needs none.
    s.place.set("STACK_ENV", "");
    s.place.file("s.yaml", SMALL);
    assert!(head(&s, &[]).contains("environment default"));
}

/// What a new user meets first, each said soon and in a sentence of `stack`'s own.
#[test]
fn the_first_errors_say_what_to_do() {
    let place = |variables: &[(&str, &str)]| {
        let mut place = Place::new();
        for (name, value) in variables {
            place.set(name, value);
        }
        place.file("s.yaml", SMALL);
        place
    };
    let keys = [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let none = [("AWS_EC2_METADATA_DISABLED", "true")];
    /// The environment, the arguments, the exit code, and what is said.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], i32, &'a str);
    let cases: [Case; 7] = [
        (&none, &[], 6, "no AWS credentials were found: not in the environment, not in a profile, and this machine has no role"),
        (&none, &["--profile", "nope"], 6, "there is no profile `nope`"),
        (&keys, &["--endpoint-url", "http://127.0.0.1:9"], 1, "AWS cannot be reached at http://127.0.0.1:9: connection refused"),
        (
            &keys,
            &["--endpoint-url", "http://no-such-host.invalid"],
            1,
            "AWS cannot be reached at http://no-such-host.invalid: no such host",
        ),
        (&keys, &["--endpoint-url", ""], 64, "it is empty; is a variable unset?"),
        (&keys, &["--endpoint-url", "foo"], 64, "it must begin with `http://` or `https://`"),
        (&[keys[0], keys[1], ("AWS_ENDPOINT_URL", "foo")], &[], 1, "`foo` from AWS_ENDPOINT_URL is not an endpoint URL"),
    ];
    for (variables, arguments, exit, said) in cases {
        let output = place(variables).stack(&[&["plan", "s.yaml"], arguments].concat()).exits(exit);
        let words = output.words();
        assert!(words.contains(said), "{said}\n{words}");
        assert!(output.took < Duration::from_secs(10), "{said}: {:?}", output.took);
        for dump in ["SdkBody", "panicked", "dispatch failure", "Request {"] {
            assert!(!words.contains(dump), "{words}");
        }
    }
    let output = place(&keys).stack(&["plan", "s.yaml", "--json", "--endpoint-url", "http://127.0.0.1:9"]).exits(1);
    let error = &output.json()["error"];
    assert_eq!((&error["exit"], &error["errors"][0]["class"]), (&json!(1), &json!("unreachable")));
    assert!(output.stderr.contains("AWS cannot be reached"), "{}", output.stderr);
}

#[test]
fn aws_that_hangs_is_told_of_within_seconds() {
    let s = Subject::new(SMALL);
    s.proxy
        .on_call(|call| if call.operation == "GetCallerIdentity" { Fault::Delay(Duration::from_secs(4)) } else { Fault::Pass });
    let said = s.place.stack(&["plan", "s.yaml"]).ok().words();
    assert!(said.contains("Still waiting for AWS at http://127.0.0.1:"), "{said}");
}

/// What is known of the bucket that keeps leases and history.
const BUCKET: &str = r#"
import json
s3 = client("s3")
name = args["name"] or [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("stack-history-")][0]
if args["strip"]:
    s3.delete_public_access_block(Bucket=name)
    s3.delete_bucket_policy(Bucket=name)
    s3.delete_bucket_tagging(Bucket=name)
    s3.delete_bucket_lifecycle(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
if args["make"]:
    s3.create_bucket(Bucket=name)
    own = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObjectVersion", "Resource": f"arn:aws:s3:::{name}/*"}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": own}))
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "owner", "Value": "platform"}]})
    rule = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
result = None
if args["read"]:
    result = {
        "private": all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()),
        "statements": [s["Sid"] for s in json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]],
        "versions": s3.get_bucket_versioning(Bucket=name)["Status"],
        "rules": sorted(r["ID"] for r in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]),
        "tags": sorted(t["Key"] for t in s3.get_bucket_tagging(Bucket=name)["TagSet"]),
        "keys": sorted(o["Key"] for o in s3.list_objects_v2(Bucket=name)["Contents"]),
    }
"#;

fn bucket(s: &Subject, name: &str, what: &str) -> Value {
    let name = if name.is_empty() { Value::Null } else { json!(name) };
    let flag = |flag: &str| flag == what;
    s.account.boto3(BUCKET, &json!({ "name": name, "strip": flag("strip"), "make": flag("make"), "read": flag("read") }))
}

#[test]
fn history_bucket_is_protected_at_every_lease() {
    let whole = |keys: &[&str], statements: &[&str], rules: &[&str], tags: &[&str]| json!({ "private": true, "statements": statements, "versions": "Enabled", "rules": rules, "tags": tags, "keys": keys });
    let s = Subject::new(SMALL);
    s.apply();
    let ours = ["stack-old-markers", "stack-old-records"];
    let keys = |runs: usize| -> Vec<String> {
        std::iter::once("shop/default/lease.json".to_owned())
            .chain((1..=runs).map(|n| format!("shop/default/runs/{n:08}.json")))
            .collect()
    };
    let names = |keys: &[String]| keys.iter().map(String::as_str).map(str::to_owned).collect::<Vec<_>>();
    let expected = |runs| {
        let keys = names(&keys(runs));
        whole(&keys.iter().map(String::as_str).collect::<Vec<_>>(), &["TlsOnly"], &ours, &["purpose"])
    };
    assert_eq!(bucket(&s, "", "read"), expected(1));
    // Nothing is written that is as it should be.
    s.place.file("s.yaml", &SMALL.replace("zones: 2", "zones: 3"));
    s.proxy.take();
    s.apply();
    let puts: Vec<String> =
        s.proxy.take().iter().filter(|c| c.is_of_history() && c.mutating).map(|c| c.operation.clone()).collect();
    assert!(puts.iter().all(|put| put.contains("/shop/default/")), "{puts:?}");
    // What a run left that died, or what was deleted by hand.
    bucket(&s, "", "strip");
    s.place.file("s.yaml", SMALL);
    s.apply();
    assert_eq!(bucket(&s, "", "read"), expected(3));
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
}

#[test]
fn history_bucket_can_be_chosen() {
    let mut s = Subject::new(SMALL);
    let name = format!("history-of-{}", s.account.id);
    bucket(&s, &name, "make");
    s.place.file("s.yaml", &format!("history_bucket: {name}\n{SMALL}"));
    // A plan knows where its lease is.
    s.place.stack(&["plan", "s.yaml", "--out", "s.plan"]).ok();
    s.place.stack(&["apply", "s.plan", "--yes"]).ok();
    let found = bucket(&s, &name, "read");
    assert_eq!(found["statements"], json!(["Theirs", "TlsOnly"]));
    assert_eq!(found["rules"], json!(["stack-old-markers", "stack-old-records", "theirs"]));
    assert_eq!(found["tags"], json!(["owner", "purpose"]));
    assert_eq!((&found["private"], &found["versions"]), (&json!(true), &json!("Enabled")));
    let runs = s.place.stack(&["history", "s.yaml", "--json"]).ok().json();
    assert_eq!(runs.as_array().map(Vec::len), Some(1));
    // Two that differ would be two leases.
    s.place.set("STACK_HISTORY_BUCKET", "another-one");
    let said = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(64).words();
    assert!(said.contains(&name) && said.contains("another-one"), "{said}");
    s.place.set("STACK_HISTORY_BUCKET", &name);
    s.place.file("s.yaml", SMALL);
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(bucket(&s, &name, "read")["keys"].as_array().map(Vec::len), Some(3));
}

#[test]
fn missing_permissions_of_the_history_are_all_named() {
    let s = Subject::new(SMALL);
    let denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    s.proxy.on_call(move |call| {
        let asked = call.is_of_history() && call.operation.contains("publicAccessBlock");
        if asked { Fault::Answer(403, "application/xml".into(), denied.into()) } else { Fault::Pass }
    });
    for _ in 0..2 {
        let said = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(6).words();
        for action in [
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketPolicy",
            "s3:PutLifecycleConfiguration",
            "s3:PutBucketVersioning",
            "history_bucket",
        ] {
            assert!(said.contains(action), "{action}: {said}");
        }
    }
    s.proxy.pass();
}

/// What is stored and is no lease, or no record, spoils nothing else.
#[test]
fn one_bad_record_and_a_bad_lease_are_fixed() {
    const SPOIL: &str = r#"
s3 = client("s3")
bucket = [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("stack-history-")][0]
for key, body in args.items():
    s3.put_object(Bucket=bucket, Key="shop/default/" + key, Body=body)
"#;
    let s = Subject::new(SMALL);
    s.apply();
    s.account.boto3(SPOIL, &json!({ "runs/00000002.json": "nonsense", "runs/18446744073709551615.json": "{}" }));
    let list = s.place.stack(&["history", "s.yaml"]).ok();
    assert!(list.stdout.contains("stack apply s.yaml") && list.words().contains("is not a record of a run"), "{list:?}");
    s.place.file("s.yaml", &SMALL.replace("zones: 2", "zones: 3"));
    s.account.boto3(SPOIL, &json!({ "lease.json": r#"{"written":18446744073709551615}"# }));
    s.apply();
    assert_eq!(s.place.stack(&["history", "s.yaml", "--json"]).ok().json()[0]["number"], 3);
    s.account.boto3(SPOIL, &json!({ "lease.json": "not a lease" }));
    s.place.file("s.yaml", SMALL);
    let said = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(1).words();
    assert!(said.contains("is not a lease") && said.contains("replace it with `stack unlock`"), "{said}");
    s.place.stack(&["unlock", "s.yaml", "--yes"]).ok();
    s.apply();
}

/// The exit code of a run whose standard output is a full disk.
fn on_a_full_disk(s: &Subject, arguments: &[&str]) -> Option<i32> {
    let full = Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let mut command = s.place.command(arguments);
    command.stdin(Stdio::null()).stdout(full).stderr(Stdio::null()).status().unwrap().code()
}

/// A full disk, after everything was done.
#[test]
fn what_was_done_is_done_when_nobody_can_be_told() {
    let s = Subject::new(SMALL);
    assert_eq!(on_a_full_disk(&s, &["apply", "s.yaml", "--yes", "--json"]), Some(0));
    assert_eq!(s.place.stack(&["history", "s.yaml", "--json"]).ok().json()[0]["ending"], "complete");
    s.assert_in_step();
}

/// Static files: exit codes are true, and a hanging call is reported.
#[test]
fn push_exit_code_says_whether_anything_changed() {
    let s = Subject::new("stack: shop\nregion: us-east-1\ncdn:\n  static: { paths: [\"/*\"] }\n");
    s.apply();
    let push = ["assets", "push", "s.yaml", "site"];
    let page = |text: &str| drop(s.place.file("site/index.html", text));
    page("one");
    s.place.file("site/a.css", "a {}");
    assert_eq!(on_a_full_disk(&s, &push), Some(0));
    assert!(s.place.stack(&push).ok().stdout.starts_with("0 uploaded"), "all of it is there");
    assert_eq!(on_a_full_disk(&s, &["invalidate", "s.yaml", "--json"]), Some(0));
    page("two");
    // Nothing was done, and what would be done could not be written.
    assert_eq!(on_a_full_disk(&s, &["assets", "push", "s.yaml", "site", "--dry-run"]), Some(1));

    let denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    let refuse = |what: &'static str| {
        s.proxy.on_call(move |call| {
            let put = call.operation.starts_with("PUT /shop-assets-") && call.operation.contains(what);
            if put { Fault::Answer(403, "application/xml".into(), denied.into()) } else { Fault::Pass }
        });
    };
    // The style comes before the page.
    s.place.file("site/a.css", "a { color: red }");
    refuse("/");
    s.place.stack(&push).exits(6);
    refuse("index.html");
    let said = s.place.stack(&push).exits(3).words();
    assert!(said.contains("fix the cause") && said.contains("`stack invalidate s.yaml`"), "{said}");
    let slow = |call: &Call| call.operation.starts_with("GET /shop-assets-") && call.operation.contains("list-type=2");
    s.proxy.on_call(move |call| if slow(call) { Fault::Delay(Duration::from_secs(6)) } else { Fault::Pass });
    let said = s.place.stack(&push).ok().words();
    assert!(said.contains("Still waiting for AWS after 4 s"), "{said}");
}

#[test]
fn a_run_ends_politely_when_its_time_is_over() {
    let s = Subject::new(STACK);
    s.proxy.on_call(
        |call| if call.mutating && !call.is_of_history() { Fault::Delay(Duration::from_millis(700)) } else { Fault::Pass },
    );
    let output = s.place.stack(&["apply", "s.yaml", "--yes", "--timeout", "2s"]).exits(3);
    assert!(output.words().contains("by `--timeout`"), "{}", output.stderr);
    assert!(output.took < Duration::from_secs(40), "{:?}", output.took);
    assert!(!mutating(&s.proxy.take()).is_empty());
    s.proxy.pass();
    assert_eq!(s.place.stack(&["history", "s.yaml", "--json"]).ok().json()[0]["ending"], "late");
    s.apply();
    s.assert_in_step();
    s.destroy();
}
