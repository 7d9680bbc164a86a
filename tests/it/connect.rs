//! Services that use each other find each other, and what others do to them is seen.

use serde_json::{Value, json};

use crate::support::stacks::STACK;
use crate::support::subject::{Subject, edit, mutating};

/// What the running tasks of the service `args` have: its newest deployment's connections, and the container.
const RUNS: &str = r#"
ecs = client("ecs")
service = ecs.describe_services(cluster="shop", services=["shop-" + args])["services"][0]
deployment = next(d for d in service["deployments"] if d["status"] == "PRIMARY")
definition = ecs.describe_task_definition(taskDefinition=deployment["taskDefinition"])["taskDefinition"]
container = definition["containerDefinitions"][0]
result = {
    "connect": deployment.get("serviceConnectConfiguration"),
    "environment": {e["name"]: e["value"] for e in container["environment"]},
    "ports": container["portMappings"],
    "grace": service.get("healthCheckGracePeriodSeconds"),
    "balancers": len(service["loadBalancers"]),
    "definition": deployment["taskDefinition"].split("/")[-1],
}
"#;

fn runs(s: &Subject, service: &str) -> Value {
    s.account.boto3(RUNS, &json!(service))
}

#[test]
fn who_uses_a_service_finds_it_by_its_name() {
    let s = Subject::new(STACK);
    s.apply();
    s.assert_in_step();
    let made = mutating(&s.proxy.take());
    let created: Vec<&String> = made.iter().filter(|call| call.ends_with("CreateService")).collect();
    assert_eq!(created.len(), 3, "{made:?}");

    let (web, api) = (runs(&s, "web"), runs(&s, "api"));
    let environment = &web["environment"];
    assert_eq!(environment["SERVICE_API_HOST"], "api");
    assert_eq!(environment["SERVICE_API_PORT"], "8080");
    assert_eq!(environment["SERVICE_API_URL"], "http://api:8080");
    assert_eq!(api["ports"][0]["name"], "api");
    assert_eq!(api["ports"][0]["appProtocol"], "http");
    let offers = json!([{
        "portName": "api",
        "discoveryName": "api",
        "clientAliases": [{"port": 8080, "dnsName": "api"}],
        "timeout": {"perRequestTimeoutSeconds": 0, "idleTimeoutSeconds": 60},
    }]);
    assert_eq!(api["connect"]["services"], offers, "{api:#}");
    assert_eq!(api["connect"]["logConfiguration"]["options"]["awslogs-group"], "/stack/shop/default/api");
    assert_eq!(web["connect"]["services"], json!([]), "{web:#}");
    assert_eq!(web["connect"]["namespace"], api["connect"]["namespace"]);
    assert!(web["ports"][0].get("name").is_none(), "{web:#}");
    assert!(runs(&s, "worker")["connect"].is_null(), "a service that takes no part has no connections");

    // Its connections changed by hand come back; a balancer that is more patient makes them so.
    let off = "client('ecs').update_service(cluster='shop', service='shop-api', serviceConnectConfiguration={'enabled': False})";
    s.account.boto3(off, &json!(null));
    assert_eq!(s.changes(), ["update ecs.service/api"]);
    s.apply();
    s.assert_in_step();
    let patient = ["update ecs.service/api", "update elbv2.load_balancer/main"];
    edit(&s, "services:\n", "load_balancer: { idle_timeout: 120s }\nservices:\n", &patient);
    assert_eq!(runs(&s, "api")["connect"]["services"][0]["timeout"]["idleTimeoutSeconds"], 120);

    // One that is used later: it serves under its name before its users are redeployed.
    s.proxy.take();
    edit(
        &s,
        "    count: 1",
        "    port: 7000\n    count: 1\n    uses: [services.api]",
        &["create ec2.security_group_rule/api-from-worker", "update ecs.service/worker", "update ecs.task_definition/worker"],
    );
    let used = [
        "create ec2.security_group_rule/worker-from-web",
        "update ecs.service/web",
        "update ecs.service/worker",
        "update ecs.task_definition/web",
        "update ecs.task_definition/worker",
    ];
    edit(&s, "uses: [services.api]\n    environment", "uses: [services.api, services.worker]\n    environment", &used);
    s.destroy();
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn a_service_whose_routes_are_taken_away_runs_on() {
    let s = Subject::new(STACK);
    s.apply();
    assert_eq!(runs(&s, "api")["grace"], 60);
    let parted = [
        "delete ec2.security_group_rule/api-from-alb",
        "delete elbv2.rule/api-api",
        "delete elbv2.target_group/api",
        "update ecs.service/api",
    ];
    edit(&s, "    routes: [\"/api/*\"]\n", "", &parted);
    let api = runs(&s, "api");
    assert_eq!((&api["grace"], &api["balancers"]), (&json!(0), &json!(0)));
    edit(
        &s,
        "    count: 2\n",
        "    count: 2\n    routes: [\"/api/*\"]\n    stop_timeout: 60s\n",
        &[
            "create ec2.security_group_rule/api-from-alb",
            "create elbv2.rule/api-api",
            "create elbv2.target_group/api",
            "update ecs.service/api",
            "update ecs.task_definition/api",
        ],
    );
    assert_eq!(runs(&s, "api")["grace"], 60);
    // What is taken out is as if it had never been said.
    edit(&s, "    stop_timeout: 60s\n", "", &["update ecs.service/api", "update ecs.task_definition/api"]);
    // A retention that ends: AWS is told so, not left with the old one.
    let retention = r#"groups = client("logs").describe_log_groups(logGroupNamePrefix="/stack/shop/default/api")["logGroups"]
result = groups[0].get("retentionInDays")"#;
    edit(&s, "    count: 2\n", "    count: 2\n    logs: { retention: forever }\n", &["update logs.log_group/api"]);
    assert_eq!(s.account.boto3(retention, &json!(null)), json!(null));
    edit(&s, "    logs: { retention: forever }\n", "", &["update logs.log_group/api"]);
    assert_eq!(s.account.boto3(retention, &json!(null)), 30);
    s.destroy();
}

#[test]
fn revision_of_a_pipeline_is_set_back() {
    let s = Subject::new(STACK);
    s.apply();
    let ours = runs(&s, "worker")["definition"].clone();
    let deploy = r#"
ecs = client("ecs")
old = ecs.describe_task_definition(taskDefinition="shop-worker")["taskDefinition"]
container = old["containerDefinitions"][0] | {"image": "busybox:9"}
fields = ("family", "cpu", "memory", "networkMode", "executionRoleArn", "taskRoleArn", "requiresCompatibilities", "runtimePlatform")
new = ecs.register_task_definition(containerDefinitions=[container], **{f: old[f] for f in fields if f in old})["taskDefinition"]["taskDefinitionArn"]
if args["deploys"]:
    ecs.update_service(cluster="shop", service="shop-worker", taskDefinition=new)
if args["alone"]:
    ecs.deregister_task_definition(taskDefinition=args["alone"])
result = new.split("/")[-1]
"#;
    // Registered and not used, it makes no difference.
    s.account.boto3(deploy, &json!({"deploys": false, "alone": null}));
    s.assert_in_step();
    let theirs = s.account.boto3(deploy, &json!({"deploys": true, "alone": null}));
    assert_eq!(s.changes(), ["update ecs.service/worker"]);
    let told = s.place.stack(&["plan", "s.yaml"]).ok().stdout;
    assert!(told.contains(theirs.as_str().unwrap()) && told.contains("+ ecs.task_definition/worker"), "{told}");
    s.apply();
    s.assert_in_step();
    assert_eq!(runs(&s, "worker")["definition"], ours);

    // With the stack's own deregistered, the next is a new one.
    s.account.boto3(deploy, &json!({"deploys": true, "alone": ours}));
    assert_eq!(s.changes(), ["update ecs.service/worker", "update ecs.task_definition/worker"]);
    s.apply();
    s.assert_in_step();
    s.destroy();

    for tags in [json!([]), json!([{"key": "stack:name", "value": "other"}, {"key": "stack:env", "value": "default"}])] {
        let stranger = r#"
container = {"name": "x", "image": "x", "essential": True}
result = client("ecs").register_task_definition(family="shop-worker", cpu="256", memory="512", networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"], containerDefinitions=[container], tags=args)["taskDefinition"]["taskDefinitionArn"]
"#;
        let arn = s.account.boto3(stranger, &tags);
        s.proxy.take();
        let refused = s.place.stack(&["apply", "s.yaml", "--yes"]).exits(4);
        assert!(refused.words().contains(arn.as_str().unwrap()), "{}", refused.stderr);
        assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
        s.account.boto3("client('ecs').deregister_task_definition(taskDefinition=args)", &arn);
    }
}
