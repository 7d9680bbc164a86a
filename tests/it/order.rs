//! The order of a run: nothing that is in use is deleted before its users have moved and serve.

use serde_json::{Value, json};

use crate::support::run::EVERYTHING;
use crate::support::stacks::STACK;
use crate::support::subject::{Subject, mutating};

const APPLY: &[&str] = &["apply", "s.yaml", "--yes", "--allow-replace", "*", "--allow-delete", "*"];

/// The names of the calls that change something, in order.
fn calls(s: &Subject) -> Vec<String> {
    mutating(&s.proxy.take())
}

#[track_caller]
fn first(calls: &[String], end: &str) -> usize {
    calls.iter().position(|c| c.ends_with(end)).unwrap_or_else(|| panic!("{end}: {calls:#?}"))
}

#[track_caller]
fn last(calls: &[String], end: &str) -> usize {
    calls.iter().rposition(|c| c.ends_with(end)).unwrap_or_else(|| panic!("{end}: {calls:#?}"))
}

/// Each comes wholly before the next.
#[track_caller]
fn in_order(calls: &[String], ends: &[&str]) {
    for pair in ends.windows(2) {
        assert!(last(calls, pair[0]) < first(calls, pair[1]), "{} before {}: {calls:#?}", pair[0], pair[1]);
    }
}

fn gone(s: &Subject, stack: &str) {
    s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"]).ok();
    assert_eq!(s.account.inventory(stack, "default"), json!({}));
}

#[test]
fn a_service_is_renamed_without_an_interruption() {
    for priority in ["[\"/api/*\"]", "[{ path: \"/api/*\", priority: 7 }]"] {
        let s = Subject::new(&STACK.replace("[\"/api/*\"]", priority).replace("uses: [services.api]", "uses: []"));
        s.apply();
        s.write("  api:", "  backend:");
        s.proxy.take();
        s.place.stack(APPLY).ok();
        let calls = calls(&s);
        // The rule leads to the new one when that serves, and only then the old one is deleted, its openings last.
        in_order(&calls, &["CreateTargetGroup", "CreateService", "ModifyRule", "DeleteService", "DeleteSecurityGroup"][..2]);
        assert!(last(&calls, "CreateService") < last(&calls, "ModifyRule"), "{calls:#?}");
        assert!(last(&calls, "ModifyRule") < first(&calls, "DeleteService"), "{calls:#?}");
        in_order(&calls, &["DeleteService", "RevokeSecurityGroupIngress", "DeleteSecurityGroup"]);
        if calls.iter().any(|c| c.ends_with("DeleteRule")) {
            in_order(&calls, &["ModifyRule", "DeleteRule", "DeleteService"]);
        }
        s.assert_in_step();
        gone(&s, "shop");
    }
}

#[test]
fn renamed_service_that_fails_leaves_the_old_one() {
    let s = Subject::new(&STACK.replace("uses: [services.api]", "uses: []"));
    s.apply();
    let path = s.place.path().join("s.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let broken = text.replace("  api:\n    image: nginx:1.27", "  backend:\n    image: busybox:crash");
    assert_ne!(broken, text);
    std::fs::write(&path, &broken).unwrap();
    s.proxy.take();
    let failed = s.place.stack(APPLY).exits(3);
    let calls = calls(&s);
    let goes = |c: &&String| c.contains(":Delete") && !c.contains("Object") || c.contains("Revoke") || c.contains("Deregister");
    let went: Vec<_> = calls.iter().filter(goes).filter(|c| !c.ends_with("RevokeSecurityGroupEgress")).collect();
    assert!(went.is_empty(), "{went:?}");
    assert!(failed.stderr.contains("ecs.service/api") && failed.stderr.contains("ecs.service/backend"), "{}", failed.stderr);
    // The same again with an image that runs.
    std::fs::write(&path, broken.replace("busybox:crash", "nginx:1.27")).unwrap();
    s.place.stack(APPLY).ok();
    s.assert_in_step();
    gone(&s, "shop");
}

#[test]
fn new_target_group_serves_once_healthy() {
    // A service that no other finds by its name is replaced beside the old one; one that others find is changed in place, since
    // its name can be used once.
    for (uses, comes, goes) in
        [("uses: []", "CreateService", "DeleteService"), ("uses: [services.api]", "UpdateService", "UpdateService")]
    {
        let s = Subject::new(&STACK.replace("uses: [services.api]", uses));
        s.apply();
        s.write("port: 8080", "port: 8081");
        s.proxy.take();
        s.place.stack(APPLY).ok();
        let calls = calls(&s);
        let rules: Vec<usize> = (0..calls.len()).filter(|i| calls[*i].ends_with("ModifyRule")).collect();
        let serves = first(&calls, comes);
        assert!(rules.len() == 2 && rules[0] < serves && serves < rules[1], "{calls:#?}");
        assert!(first(&calls, "CreateTargetGroup") < rules[0] && rules[1] < first(&calls, "DeleteTargetGroup"), "{calls:#?}");
        assert!(last(&calls, goes) < first(&calls, "DeleteTargetGroup"), "{calls:#?}");
        s.assert_in_step();
        gone(&s, "shop");
    }
}

#[test]
fn replaced_database_goes_once_services_moved() {
    const FILE: &str = "stack: data\nregion: us-east-1\nnetwork: { zones: 2, nat: none }\nservices:\n  web: { image: \"nginx:1.27\", port: 80, public: true, uses: [databases.main] }\ndatabases:\n  main: { engine: postgres, version: \"16\", class: db.t4g.micro, storage: 20GiB, backups: 7d, database: one }\n";
    let s = Subject::new(FILE);
    s.apply();
    let replace = [
        APPLY,
        &[
            "--allow-replace",
            "databases.main",
            "--allow-delete",
            "databases.main",
            "--without-data",
            "*",
            "--no-final-snapshot",
            "*",
        ],
    ]
    .concat();
    // The new task does not come up: ECS brings the old one back, whose database is there.
    let path = s.place.path().join("s.yaml");
    std::fs::write(&path, FILE.replace("database: one", "database: two").replace("nginx:1.27", "busybox:crash")).unwrap();
    s.proxy.take();
    s.place.stack(&replace).exits(3);
    let said = calls(&s);
    assert!(said.iter().any(|c| c.ends_with("CreateDBInstance")), "{said:#?}");
    assert!(!said.iter().any(|c| c.ends_with("DeleteDBInstance")), "{said:#?}");
    std::fs::write(&path, FILE.replace("database: one", "database: two")).unwrap();
    s.place.stack(&replace).ok();
    in_order(&calls(&s), &["UpdateService", "DeleteDBInstance"]);
    s.assert_in_step();
    gone(&s, "data");
}

#[test]
fn changed_network_addresses_are_refused() {
    let s = Subject::new(STACK);
    s.apply();
    s.write("network: { zones: 2, nat: single }", "network: { zones: 2, nat: single, cidr: 10.9.0.0/16 }");
    s.proxy.take();
    let refused = s.place.stack(APPLY).exits(4);
    let said = refused.words();
    for part in ["ec2.vpc/main", "10.0.0.0/16", "10.9.0.0/16", "second environment"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(calls(&s), Vec::<String>::new());
    s.write(", cidr: 10.9.0.0/16", "");
    s.assert_in_step();
    gone(&s, "shop");
}

#[test]
fn a_balancer_is_replaced_with_its_target_groups() {
    let s = Subject::new(&format!("{STACK}load_balancer: {{ internal: false }}\n"));
    s.apply();
    s.write("internal: false", "internal: true");
    s.proxy.take();
    s.place.stack(APPLY).ok();
    in_order(&calls(&s), &["CreateLoadBalancer", "CreateService", "DeleteListener", "DeleteLoadBalancer"]);
    s.assert_in_step();
    gone(&s, "shop");
}

fn routes(list: &[(&str, i64)]) -> String {
    let list: Vec<String> = list.iter().map(|(path, n)| format!("{{ path: \"{path}\", priority: {n} }}")).collect();
    format!("[\"/*\", {}]", list.join(", "))
}

/// Ten at a time, with room for others to come between.
#[test]
fn priorities_are_exchanged_by_one_call() {
    let file = |list: &[(&str, i64)]| {
        format!(
            "stack: shop\nregion: us-east-1\nnetwork: {{ zones: 2, nat: none }}\nservices:\n  web: {{ image: \"nginx:1.27\", port: 80, public: true, routes: {} }}\n",
            routes(list)
        )
    };
    let sets: &[&[(&str, i64)]] = &[
        &[("/a/*", 10), ("/b/*", 20), ("/c/*", 30)],
        &[("/a/*", 20), ("/b/*", 30), ("/c/*", 40)],
        &[("/c/*", 20), ("/b/*", 40), ("/a/*", 30)],
        &[("/new/*", 20), ("/a/*", 30), ("/b/*", 40), ("/c/*", 50)],
        &[("/c/*", 40), ("/b/*", 30)],
    ];
    let s = Subject::new(&file(sets[0]));
    s.proxy.on_call(|call| match call.service.as_str() {
        "elbv2" | "elasticloadbalancing" => crate::support::proxy::Fault::Delay(std::time::Duration::from_millis(120)),
        _ => crate::support::proxy::Fault::Pass,
    });
    s.apply();
    for round in 0..5 {
        for turn in 0..sets.len() {
            let now = sets[(turn * (round + 1) + 1) % sets.len()];
            s.place.file("s.yaml", &file(now));
            s.proxy.take();
            s.apply();
            let written = calls(&s).iter().filter(|c| c.ends_with("SetRulePriorities")).count();
            assert!(written <= 1, "{written} in round {round}: {now:?}");
            let read = r#"
client = client("elbv2")
listener = client.describe_listeners(LoadBalancerArn=client.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"])["Listeners"][0]
rules = client.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
result = sorted([r["Conditions"][0]["Values"][0], int(r["Priority"])] for r in rules if not r["IsDefault"])
"#;
            let mut wanted: Vec<Value> = now.iter().map(|(path, n)| json!([path, n])).collect();
            wanted.sort_by_key(Value::to_string);
            assert_eq!(s.account.boto3(read, &Value::Null), json!(wanted));
        }
    }
    s.proxy.pass();
    s.assert_in_step();
    gone(&s, "shop");
}

#[test]
fn a_zone_in_which_a_cache_stands_is_not_taken_away() {
    let text = STACK.replace("zones: 2", "zones: 3").replace("uses: [services.api]", "uses: []");
    let s = Subject::new(&format!("{text}caches:\n  pages: {{ engine: valkey, node: cache.t4g.small, replicas: 2 }}\n"));
    s.apply();
    s.write("zones: 3", "zones: 2");
    s.proxy.take();
    let refused = s.place.stack(APPLY).exits(4);
    let said = refused.words();
    assert!(said.contains("elasticache.subnet_group/main") && said.contains("us-east-1c"), "{said}");
    assert_eq!(calls(&s), Vec::<String>::new());
    gone(&s, "shop");
}

#[test]
fn foreign_objects_in_the_cluster_are_named() {
    let s = Subject::new(STACK);
    s.apply();
    let foreign = r#"
ecs = client("ecs")
ecs.create_service(cluster="shop", serviceName="theirs", desiredCount=0, taskDefinition=ecs.list_task_definitions()["taskDefinitionArns"][0],
    networkConfiguration={"awsvpcConfiguration": {"subnets": [client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]]}})
"#;
    s.account.boto3(foreign, &Value::Null);
    let failed = s.place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING]).exits(3);
    assert!(failed.words().contains("the service `theirs`"), "{}", failed.stderr);
    assert!(failed.took.as_secs() < 60, "{:?}", failed.took);
    s.account.boto3(r#"client("ecs").delete_service(cluster="shop", service="theirs", force=True)"#, &Value::Null);
    gone(&s, "shop");
}

#[test]
fn a_protected_balancer_goes_only_when_it_is_named() {
    let s = Subject::new(STACK);
    s.apply();
    let protect = r#"
elb = client("elbv2")
arn = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}])
"#;
    s.account.boto3(protect, &Value::Null);
    s.proxy.take();
    let refused = s.place.stack(&["destroy", "s.yaml", "--yes", "--allow-delete", "logs.log_group/*"]).exits(4);
    assert!(refused.words().contains("elbv2.load_balancer/main"), "{}", refused.stderr);
    assert_eq!(calls(&s), Vec::<String>::new());
    gone(&s, "shop");
}
