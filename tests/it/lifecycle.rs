//! From nothing to the whole stack, through every kind of edit, to nothing again. Read back with boto3.

use serde_json::{Value, json};

use crate::support::client::count;
use crate::support::kinds::written;
use crate::support::run::{EVERYTHING, Output};
use crate::support::stacks::{FILES, STACK, published};
use crate::support::subject::{Subject, edit, mutating};

/// All at once: most of their time goes by in waiting for what AWS allows of calls a second.
#[test]
fn every_published_file_comes_up_stays_and_goes() {
    std::thread::scope(|scope| {
        for (file, envs) in FILES {
            for env in *envs {
                scope.spawn(move || lives(file, env));
            }
        }
    });
}

fn lives(file: &str, env: &str) {
    let text = std::fs::read_to_string(published(file)).unwrap();
    let subject = Subject::new(&text);
    let with = |arguments: &[&str]| -> Output {
        let mut arguments = arguments.to_vec();
        if !env.is_empty() {
            arguments.extend(["--env", env]);
        }
        subject.place.stack(&arguments)
    };
    with(&["apply", "s.yaml", "--yes"]).ok();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let (region, stack) = (value("region: ").unwrap_or("us-east-1"), value("stack: ").unwrap());
    let env_name = if env.is_empty() { "default" } else { env };
    let inventory = || subject.account.inventory_in(region, stack, env_name);
    let made = inventory();
    assert!(count(&made) > 10, "{file} {env}: {made:#}");

    with(&["plan", "s.yaml", "--detailed-exitcode"]).ok();
    subject.proxy.take();
    with(&["apply", "s.yaml", "--yes"]).ok();
    assert_eq!(mutating(&subject.proxy.take()), Vec::<String>::new(), "{file} {env}");

    with(&["destroy", "s.yaml", "--yes", EVERYTHING, "--no-final-snapshot", "*"]).ok();
    assert_eq!(inventory(), json!({}), "{file} {env}");
}

#[test]
fn each_kind_of_edit_does_exactly_itself() {
    let s = Subject::new(STACK);
    s.apply();
    s.assert_in_step();

    edit(&s, "busybox:1.37", "busybox:1.38", &["update ecs.service/worker", "update ecs.task_definition/worker"]);
    edit(&s, "LEVEL: info", "LEVEL: debug, MORE: yes-please", &["update ecs.service/web", "update ecs.task_definition/web"]);
    edit(&s, "count: 2", "count: 3", &["update ecs.service/api"]);
    edit(&s, "max: 6, cpu: 60", "max: 8, cpu: 60", &["update application-autoscaling.scalable_target/web"]);
    edit(
        &s,
        "cpu: 60",
        "cpu: 50, memory: 70",
        &["create application-autoscaling.scaling_policy/web-memory", "update application-autoscaling.scaling_policy/web-cpu"],
    );
    edit(&s, "[\"/api/*\"]", "[\"/api/*\", \"/v2/*\"]", &["create elbv2.rule/api-v2"]);
    edit(&s, "[\"/api/*\", \"/v2/*\"]", "[\"/v2/*\"]", &["delete elbv2.rule/api-api"]);
    // Who may talk to whom is a rule of its own.
    // And where others are, a namespace and a part of both sides.
    let parted = [
        "delete ec2.security_group_rule/api-from-web",
        "delete servicediscovery.namespace/main",
        "update ecs.service/api",
        "update ecs.service/web",
        "update ecs.task_definition/api",
        "update ecs.task_definition/web",
    ];
    edit(&s, "uses: [services.api]", "uses: []", &parted);

    let vpc =
        r#"result = client("ec2").describe_vpcs(Filters=[{"Name": "tag:stack:name", "Values": ["shop"]}])["Vpcs"][0]["Tags"]"#;
    let team = |tags: &Value| tags.as_array().unwrap().iter().find(|t| t["Key"] == "team").map(|t| t["Value"].clone());
    assert_eq!(team(&s.account.boto3(vpc, &json!(null))), Some(json!("web")));
    let path = s.place.path().join("s.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("team: web", "team: shop")).unwrap();
    let changes = s.changes();
    assert!(changes.len() > 30 && changes.iter().all(|c| c.starts_with("update ")), "{changes:#?}");
    s.apply();
    s.assert_in_step();
    assert_eq!(team(&s.account.boto3(vpc, &json!(null))), Some(json!("shop")));

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("tags: { team: shop }", "")).unwrap();
    s.apply();
    s.assert_in_step();
    assert_eq!(team(&s.account.boto3(vpc, &json!(null))), None);

    s.destroy();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn a_zone_comes_and_goes() {
    let s = Subject::new(STACK);
    s.apply();
    edit(
        &s,
        "zones: 2",
        "zones: 3",
        &[
            "create ec2.route/app-c-internet",
            "create ec2.route_table/app-c",
            "create ec2.route_table_association/app-c",
            "create ec2.route_table_association/data-c",
            "create ec2.route_table_association/public-c",
            "create ec2.subnet/app-c",
            "create ec2.subnet/data-c",
            "create ec2.subnet/public-c",
            "update ec2.vpc_endpoint/s3",
            "update ecs.service/api",
            "update ecs.service/web",
            "update ecs.service/worker",
            "update elbv2.load_balancer/main",
        ],
    );
    edit(
        &s,
        "zones: 3",
        "zones: 2",
        &[
            "delete ec2.route/app-c-0_0_0_0_0",
            "delete ec2.route_table/app-c",
            "delete ec2.route_table_association/app-c",
            "delete ec2.route_table_association/data-c",
            "delete ec2.route_table_association/public-c",
            "delete ec2.subnet/app-c",
            "delete ec2.subnet/data-c",
            "delete ec2.subnet/public-c",
            "update ec2.vpc_endpoint/s3",
            "update ecs.service/api",
            "update ecs.service/web",
            "update ecs.service/worker",
            "update elbv2.load_balancer/main",
        ],
    );
    // And again at once: EC2 still answers the token of the route table with the one that was deleted.
    let text = std::fs::read_to_string(s.place.path().join("s.yaml")).unwrap();
    s.place.file("s.yaml", &text.replace("zones: 2", "zones: 3"));
    s.apply();
    s.assert_in_step();
    s.destroy();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn logs_of_deleted_services_need_consent() {
    let s = Subject::new(STACK);
    s.apply();
    let path = s.place.path().join("s.yaml");
    let extra = "  extra:\n    image: nginx:1.27\n    port: 9000\n    routes: [\"extra.example.com\"]\n    scale: { min: 1, max: 2, requests: 500 }\n";
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{extra}")).unwrap();
    let expected = [
        "create application-autoscaling.scalable_target/extra",
        "create application-autoscaling.scaling_policy/extra-requests",
        "create ec2.security_group/extra",
        "create ec2.security_group_rule/extra-from-alb",
        "create ec2.security_group_rule/extra-to-anywhere",
        "create ecs.service/extra",
        "create ecs.task_definition/extra",
        "create elbv2.rule/extra-extra-example-com",
        "create elbv2.target_group/extra",
        "create iam.role/extra-exec",
        "create iam.role/extra-task",
        "create logs.log_group/extra",
    ];
    assert_eq!(s.changes(), expected);
    s.apply();
    s.assert_in_step();

    std::fs::write(&path, text).unwrap();
    let gone: Vec<String> = expected.iter().map(|c| c.replace("create", "delete")).collect();
    assert_eq!(s.changes(), gone);
    // Without consent nothing at all is done.
    written(&s, &["extra"]);
    s.proxy.take();
    let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
    assert!(refused.stderr.contains("--allow-delete logs.log_group/extra"), "{}", refused.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    s.place.stack(&["apply", "s.yaml", "--yes", "--allow-delete", "logs.log_group/extra"]).ok();
    s.assert_in_step();
    s.destroy();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn port_change_creates_a_new_target_group() {
    let s = Subject::new(STACK);
    s.apply();
    let path = s.place.path().join("s.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("port: 8080", "port: 8081")).unwrap();
    let changes = s.changes();
    assert!(changes.contains(&"replace elbv2.target_group/api".to_owned()), "{changes:#?}");
    assert!(changes.contains(&"update elbv2.rule/api-api".to_owned()), "{changes:#?}");
    s.proxy.take();
    s.apply();
    let order: Vec<String> =
        mutating(&s.proxy.take()).into_iter().filter(|c| c.contains("TargetGroup") || c.contains("ModifyRule")).collect();
    let at = |name: &str| order.iter().position(|c| c.ends_with(name)).unwrap_or_else(|| panic!("{name}: {order:?}"));
    assert!(at("CreateTargetGroup") < at("ModifyRule") && at("ModifyRule") < at("DeleteTargetGroup"), "{order:?}");
    s.assert_in_step();
    s.destroy();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn environments_of_one_file_are_independent() {
    let text = format!("{STACK}environments:\n  blue: {{}}\n  green: {{ network: {{ cidr: 10.1.0.0/16 }} }}\n");
    let s = Subject::new(&text);
    s.place.stack(&["apply", "s.yaml", "--env", "blue", "--yes"]).ok();
    s.place.stack(&["apply", "s.yaml", "--env", "green", "--yes"]).ok();
    let green = s.account.inventory("shop", "green");
    s.place.stack(&["plan", "s.yaml", "--env", "blue", "--detailed-exitcode"]).ok();
    s.place.stack(&["destroy", "s.yaml", "--env", "blue", "--yes", EVERYTHING]).ok();
    assert_eq!(s.account.inventory("shop", "blue"), json!({}));
    assert_eq!(s.account.inventory("shop", "green"), green, "the other environment is untouched");
    s.place.stack(&["plan", "s.yaml", "--env", "green", "--detailed-exitcode"]).ok();
    s.place.stack(&["destroy", "s.yaml", "--env", "green", "--yes", EVERYTHING]).ok();
    assert_eq!(s.account.inventory("shop", "green"), json!({}));
}

#[test]
fn show_and_outputs_say_what_runs() {
    let s = Subject::new(STACK);
    let nothing = s.place.stack(&["show", "s.yaml"]).ok();
    assert!(nothing.stdout.contains("Nothing is running"), "{}", nothing.stdout);
    s.apply();
    let shown = s.place.stack(&["show", "s.yaml", "--json"]).ok().json();
    let services: Vec<(&str, i64)> = shown["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (v["name"].as_str().unwrap(), v["running"].as_i64().unwrap()))
        .collect();
    assert_eq!(services, [("api", 2), ("web", 2), ("worker", 1)]);
    let dns =
        s.account.boto3(r#"result = client("elbv2").describe_load_balancers()["LoadBalancers"][0]["DNSName"]"#, &json!(null));
    let url = s.place.stack(&["outputs", "s.yaml", "url"]).ok();
    assert_eq!(url.stdout.trim(), format!("http://{}", dns.as_str().unwrap()));
    let all = s.place.stack(&["outputs", "s.yaml", "--json"]).ok().json();
    assert_eq!(all["cluster"], "shop");
    s.destroy();
}
