//! Saved plans: what was shown is what is done, or nothing is.

use serde_json::json;

use crate::support::kinds::written;
use crate::support::proxy::Fault;
use crate::support::stacks::STACK;
use crate::support::subject::Subject;

#[test]
fn a_saved_plan_is_applied_as_it_is() {
    let s = Subject::new(STACK);
    s.place.stack(&["plan", "s.yaml", "--out", "plan.json"]).ok();
    // It can be looked at again without AWS.
    s.proxy.take();
    let shown = s.place.stack(&["show", "plan.json"]).ok();
    assert!(shown.stdout.contains("+ create 67") && shown.stdout.contains("ecs.service "), "{}", shown.stdout);
    let json: serde_json::Value = serde_json::from_str(&s.place.stack(&["show", "plan.json", "--json"]).ok().stdout).unwrap();
    assert_eq!(json["version"], 4);
    let refused = s.place.stack(&["show", "plan.json", "--env", "other"]).exits(64);
    assert!(refused.words().contains("the saved plan is for the environment `default`, not `other`"), "{}", refused.stderr);
    assert_eq!(s.proxy.take(), []);
    // The file no longer counts.
    s.place.file("s.yaml", &STACK.replace("busybox:1.37", "busybox:9"));
    s.place.stack(&["apply", "plan.json", "--yes"]).ok();
    assert_eq!(s.changes(), ["update ecs.service/worker", "update ecs.task_definition/worker"]);
    // A second time there is nothing that it was made for.
    let stale = s.place.stack(&["apply", "plan.json", "--yes"]).exits(4);
    assert!(stale.stderr.contains("AWS has changed since the plan was saved"), "{}", stale.stderr);
    s.destroy();
}

#[test]
fn saved_plan_when_its_objects_changed_is_refused() {
    let s = Subject::new(STACK);
    s.apply();
    s.place.file("s.yaml", &STACK.replace("count: 2", "count: 3"));
    s.place.stack(&["plan", "s.yaml", "--out", "plan.json"]).ok();
    // Elsewhere: does not matter... to what the plan touches.
    s.account.boto3(r#"client("ecs").update_service(cluster="shop", service="shop-api", desiredCount=4)"#, &json!(null));
    s.proxy.take();
    let refused = s.place.stack(&["apply", "plan.json", "--yes"]).exits(4);
    assert!(refused.stderr.contains("`ecs.service/api`"), "{}", refused.stderr);
    assert!(s.proxy.take().iter().all(|c| !c.mutating));
    s.account.boto3(r#"client("ecs").update_service(cluster="shop", service="shop-api", desiredCount=2)"#, &json!(null));
    s.place.stack(&["apply", "plan.json", "--yes"]).ok();
    s.assert_in_step();
    s.destroy();
}

#[test]
fn a_saved_plan_that_was_edited_is_refused() {
    let s = Subject::new(STACK);
    s.place.stack(&["plan", "s.yaml", "--out", "plan.json"]).ok();
    let path = s.place.path().join("plan.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("nginx:1.27", "nginx:6.66")).unwrap();
    let refused = s.place.stack(&["apply", "plan.json", "--yes"]).exits(65);
    assert!(refused.stderr.contains("was changed after it was saved"), "{}", refused.stderr);
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

/// An editor of the file can compute its digest again. What needs consent is not the file's to say.
#[test]
fn forged_plan_deletes_nothing_without_consent() {
    let s = Subject::new(STACK);
    s.apply();
    written(&s, &["web"]);
    s.place.stack(&["plan", "s.yaml", "--destroy", "--out", "plan.json"]).ok();
    let path = s.place.path().join("plan.json");
    let mut saved: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let mut edited: stack::engine::saved::Saved = serde_json::from_value(saved.clone()).unwrap();
    let needed: Vec<_> = edited.plan.items.iter_mut().filter(|item| item.needs_consent).collect();
    assert!(!needed.is_empty());
    for item in needed {
        item.needs_consent = false;
    }
    saved["digest"] = edited.digest().unwrap().into();
    saved["plan"] = serde_json::to_value(&edited.plan).unwrap();
    std::fs::write(&path, saved.to_string()).unwrap();
    let before = s.account.inventory("shop", "default");
    let refused = s.place.stack(&["apply", "plan.json", "--yes"]).exits(4);
    assert!(refused.stderr.contains("    --confirm shop/default\n"), "{}", refused.stderr);
    assert_eq!(s.account.inventory("shop", "default"), before);
    s.destroy();
}

#[test]
fn exit_codes_and_consent() {
    let s = Subject::new(STACK);
    s.place.stack(&["plan", "s.yaml"]).ok();
    s.place.stack(&["plan", "s.yaml", "--detailed-exitcode"]).exits(2);
    let unasked = s.place.stack(&["apply", "s.yaml"]).exits(4);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
    s.apply();
    s.place.stack(&["plan", "s.yaml", "--detailed-exitcode"]).ok();
    written(&s, &["web"]);
    let refused = s.place.stack(&["destroy", "s.yaml", "--yes"]).exits(4);
    assert!(refused.stderr.contains("    --confirm shop/default\n"), "{}", refused.stderr);
    s.assert_in_step();
    s.destroy();
    s.place.stack(&["plan", "s.yaml", "--destroy", "--detailed-exitcode"]).ok();
}

#[test]
fn what_aws_does_not_allow_has_exit_codes_of_its_own() {
    let s = Subject::new(STACK);
    let denied = |namespace: &str| {
        let error = "<Error><Code>AccessDenied</Code><Message>User is not authorized to perform this</Message></Error>";
        Fault::Answer(403, "text/xml".into(), format!("<ErrorResponse xmlns=\"{namespace}\">{error}</ErrorResponse>"))
    };
    // Not at the first question: nothing was done.
    s.proxy.on_call(move |call| match call.service.as_str() {
        "sts" => denied("https://sts.amazonaws.com/doc/2011-06-15/"),
        _ => Fault::Pass,
    });
    let first = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(6);
    assert!(first.stderr.contains("sts:GetCallerIdentity"), "{}", first.stderr);
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
    // In the middle: some of it was done.
    s.proxy.on_call(move |call| match call.operation.as_str() {
        "CreateLoadBalancer" => denied("http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"),
        _ => Fault::Pass,
    });
    let partly = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(3);
    assert!(partly.stderr.contains("allow `elasticloadbalancing:CreateLoadBalancer`"), "{}", partly.stderr);
    s.proxy.pass();
    s.apply();
    s.assert_in_step();
    s.destroy();
}
