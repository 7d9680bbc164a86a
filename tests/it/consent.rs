//! What has to be agreed to before it is done: only what is really lost, by key, by section or by the environment's name.

use serde_json::{Value, json};

use crate::support::kinds::written;
use crate::support::run::EVERYTHING;
use crate::support::stacks::STACK;
use crate::support::subject::{Subject, mutating};

#[test]
fn only_what_is_not_empty_needs_consent() {
    let s = Subject::new(STACK);
    s.apply();
    written(&s, &["worker"]);
    let (kept, _) = STACK.split_once("  worker:\n").unwrap();
    s.place.file("s.yaml", kept);
    let plan = |more: &[&str]| s.place.stack(&[&["plan", "s.yaml", "--json"], more].concat()).ok().json();
    let logs = |plan: &Value| -> Value {
        plan["changes"].as_array().unwrap().iter().find(|c| c["key"] == "logs.log_group/worker").unwrap().clone()
    };
    let item = logs(&plan(&[]));
    assert_eq!((&item["loss"], &item["needs"]), (&json!("for_good"), &json!("--allow-delete")), "{item:#}");
    // A bare star never covers what is lost for good.
    for pattern in ["*", "**", "services.web", "services.work", "logs.log_group/web"] {
        assert_eq!(logs(&plan(&["--allow-delete", pattern]))["needs"], "--allow-delete", "{pattern}");
        s.proxy.take();
        let refused = s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", pattern]).exits(4);
        assert!(refused.words().contains("--allow-delete logs.log_group/worker"), "{}", refused.stderr);
        assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    }
    s.place.stack(&["plan", "s.yaml", "--detailed-exitcode"]).exits(4);
    for pattern in ["services.worker", "services.*", "logs.log_group/worker"] {
        assert_eq!(logs(&plan(&["--allow-delete", pattern]))["needs"], Value::Null, "{pattern}");
    }
    s.place.stack(&["plan", "s.yaml", "--detailed-exitcode", "--allow-delete", "services.worker"]).exits(2);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "services.worker"]).ok();
    s.assert_in_step();

    // Nothing was ever written by the api: its log group is no loss.
    let (head, _) = kept.split_once("  api:\n").unwrap();
    s.place.file("s.yaml", &head.replace("    uses: [services.api]\n", ""));
    s.place.stack(&["apply", "s.yaml", "--yes"]).ok();
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn a_whole_environment_goes_by_its_name() {
    let s = Subject::new(&format!("{STACK}protect: [services.api]\n"));
    s.apply();
    written(&s, &["web", "worker"]);
    s.proxy.take();
    let refused = s.place.stack(&["destroy", "s.yaml", "--yes"]).exits(4);
    assert!(refused.stderr.contains("    --confirm shop/default\n"), "{}", refused.stderr);
    let wrong = s.place.stack(&["destroy", "s.yaml", "--yes", "--confirm", "shop/production"]).exits(4);
    assert!(wrong.words().contains("`--confirm` names `shop/production`, but this is `shop/default`"), "{}", wrong.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    s.place.stack(&["destroy", "s.yaml", "--yes", "--confirm", "shop/default"]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn saved_plan_carries_consent_and_its_file() {
    let s = Subject::new(STACK);
    s.apply();
    written(&s, &["worker"]);
    let (kept, _) = STACK.split_once("  worker:\n").unwrap();
    s.place.file("s.yaml", kept);
    s.place.stack(&["plan", "s.yaml", "--out", "asks.json"]).ok();
    s.place.stack(&["plan", "s.yaml", "--out", "agreed.json", "--allow-delete", "services.worker"]).ok();
    s.place.file("s.yaml", "stack: shop\nregion: us-east-1\n");
    s.place.stack(&["apply", "asks.json", "--yes"]).exits(4);
    s.place.stack(&["apply", "agreed.json", "--yes"]).ok();
    s.place.file("s.yaml", kept);
    s.assert_in_step();
    // The history knows the file, so it can be gone back to.
    assert_eq!(s.place.stack(&["history", "show", "s.yaml", "2", "--file"]).ok().stdout, kept);
    s.place.file("s.yaml", &kept.replace("count: 2", "count: 3"));
    s.apply();
    s.place.stack(&["rollback", "s.yaml", "2", "--yes"]).ok();
    s.place.file("s.yaml", kept);
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
}

#[test]
fn bucket_filled_since_the_plan_stays() {
    let both = "stack: shop\nregion: us-east-1\nresources:\n  s3.bucket: { files: {}, other: {} }\n";
    let s = Subject::new(both);
    s.apply();
    s.place.file("s.yaml", &both.replace("files: {}, ", ""));
    s.place.stack(&["plan", "s.yaml", "--out", "plan.json"]).ok();
    let bucket = s.account.boto3(
        r#"
s3 = client("s3")
result = [b["Name"] for b in s3.list_buckets()["Buckets"] if "files" in b["Name"]][0]
"#,
        &Value::Null,
    );
    // In the moment between the last look and the call.
    let (account, name) = (s.account.clone(), bucket.clone());
    s.proxy.on_call(move |call| {
        if call.operation.starts_with("DELETE /") && call.operation.contains("files") {
            account.boto3(r#"result = client("s3").put_object(Bucket=args, Key="a", Body=b"a") and None"#, &name);
        }
        crate::support::proxy::Fault::Pass
    });
    let failed = s.place.stack(&["apply", "plan.json", "--yes"]);
    assert_ne!(failed.code, Some(0), "{}", failed.stderr);
    assert!(failed.words().contains("it was empty when the plan was made"), "{}", failed.stderr);
    s.proxy.pass();
    let left = s.account.boto3(r#"result = client("s3").list_objects_v2(Bucket=args)["KeyCount"]"#, &bucket);
    assert_eq!(left, json!(1));
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.stderr.contains("--allow-delete s3.bucket/files"), "{}", refused.stderr);
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// A task may write its first line while it is stopped.
#[test]
fn log_group_written_to_since_the_plan_stays() {
    let s = Subject::new(STACK);
    s.apply();
    let (kept, _) = STACK.split_once("  worker:\n").unwrap();
    s.place.file("s.yaml", kept);
    let account = s.account.clone();
    s.proxy.on_call(move |call| {
        if call.operation == "DeleteService" {
            let line = r#"client("logs").create_log_stream(logGroupName="/stack/shop/default/worker", logStreamName="last")"#;
            account.boto3(line, &Value::Null);
        }
        crate::support::proxy::Fault::Pass
    });
    let failed = s.place.stack(&["apply", "s.yaml", "--yes"]);
    assert_ne!(failed.code, Some(0), "{}", failed.stderr);
    assert!(failed.words().contains("something has written to /stack/shop/default/worker in the meantime"), "{}", failed.stderr);
    s.proxy.pass();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.stderr.contains("--allow-delete logs.log_group/worker"), "{}", refused.stderr);
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "logs.log_group/worker"]).ok();
    s.assert_in_step();
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).ok();
}

/// What stands in a review is what makes the plan fail, too.
#[test]
fn a_review_says_what_aws_would_refuse() {
    let database = r#"databases: { main: { engine: postgres, version: "99", class: db.t4g.medium } }"#;
    let s = Subject::new(&format!("{STACK}{database}\n"));
    let markdown = s.place.stack(&["plan", "s.yaml", "--markdown"]).exits(4).stdout;
    assert!(markdown.starts_with("<!-- stack:shop/default -->\n"), "{markdown}");
    let (head, _) = markdown.split_once("<details>").unwrap();
    assert!(head.contains("> [!CAUTION]\n") && head.contains("**AWS would refuse this:** `rds.instance/main`: "), "{head}");
    assert!(head.contains("does not offer postgres 99"), "{head}");
    let json = s.place.stack(&["plan", "s.yaml", "--json"]).exits(4).json();
    let problems = json["problems"].as_array().unwrap();
    let refused: Vec<_> = problems.iter().filter(|p| p["severity"] == "refused").collect();
    assert!(refused.len() == 1 && refused[0]["key"] == "rds.instance/main", "{problems:#?}");
}
