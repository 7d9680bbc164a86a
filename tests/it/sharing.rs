//! Environments in another one's network, behind its load balancer, with its databases and caches.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::run::Output;
use crate::support::subject::{Subject, mutating};

const FILE: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 2, nat: none }
keys: { main: {} }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, deletion_protection: false, replicas: { ro: {} } }
  books: { engine: postgres, version: "16", class: db.t4g.micro, deletion_protection: false, password: { rotate: 7d } }
caches:
  sessions: { engine: valkey, node: cache.t4g.micro }
services:
  web:
    image: "nginx:1.27"
    port: 80
    public: true
    routes: ["/*"]
    uses: [services.api, databases.main, databases.books, caches.sessions]
    scale: { min: 1, max: 2, requests: 1000 }
  api: { image: "nginx:1.27", port: 8080, public: true, routes: ["/api/*"] }
access: { groups: { deployers: { may: [deploy] } } }
environments:
  staging: {}
  preview:
    share:
      network: staging
      load_balancer: staging
      databases: staging
      caches: staging
      host: "{env}.preview.example.com"
"#;

const GUESTS: [&str; 2] = ["pr-1", "pr-2"];

fn stack(s: &Subject, arguments: &[&str]) -> Output {
    s.place.stack(arguments)
}

/// How an environment is named on the command line.
fn named<'a>(command: &'a str, env: &'a str) -> Vec<&'a str> {
    let like: &[&str] = if env == "staging" { &[] } else { &["--like", "preview"] };
    [&[command, "s.yaml", "--env", env], like].concat()
}

fn apply(s: &Subject, env: &str) -> Output {
    stack(s, &[&named("apply", env)[..], &["--yes"]].concat()).ok()
}

/// Checks that nothing is to be done, with the index of tags and without it.
#[track_caller]
fn in_step(s: &Subject, env: &str) {
    for exact in [&[][..], &["--exact"]] {
        let plan = stack(s, &[&named("plan", env)[..], &["--detailed-exitcode", "--no-preflight"], exact].concat()).ok();
        assert!(plan.stdout.contains("No changes"), "{env}: {}", plan.stdout);
    }
}

fn destroy(s: &Subject, env: &str) -> Output {
    let name = format!("shop/{env}");
    let given = ["destroy", "--stack", "shop", "--env", env, "--region", "us-east-1", "--yes"];
    stack(s, &[&given[..], &["--confirm", &name, "--no-final-snapshot", "*"]].concat())
}

/// What another client sees on the listeners and in the security groups: rules, with whose they are.
const RULES: &str = r#"
elb, ec2 = client("elbv2"), client("ec2")
env = lambda tags: {t["Key"]: t["Value"] for t in tags}.get("stack:env")
balancer = elb.describe_load_balancers(Names=["shop-staging"])["LoadBalancers"][0]
rules = []
for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
    for rule in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
        if not rule["IsDefault"]:
            tags = elb.describe_tags(ResourceArns=[rule["RuleArn"]])["TagDescriptions"][0]["Tags"]
            values = {c["Field"]: c.get("HostHeaderConfig", c.get("PathPatternConfig"))["Values"] for c in rule["Conditions"]}
            rules.append({"env": env(tags), "priority": int(rule["Priority"]), "hosts": values.get("host-header", []),
                          "paths": values.get("path-pattern", [])})
groups = {g["GroupId"]: g["GroupName"] for g in ec2.describe_security_groups()["SecurityGroups"]}
pairs = [[env(r["Tags"]), groups[r["GroupId"]], groups[r["ReferencedGroupInfo"]["GroupId"]], r["FromPort"]]
         for r in ec2.describe_security_group_rules()["SecurityGroupRules"] if "ReferencedGroupInfo" in r]
result = {"rules": sorted(rules, key=lambda r: r["priority"]), "pairs": sorted(pairs)}
"#;

/// What there is of an environment, without what only time or guests change.
fn inventory(s: &Subject, env: &str) -> Value {
    let mut all = s.account.inventory("shop", env);
    for (kind, objects) in all.as_object_mut().unwrap() {
        for object in objects.as_object_mut().unwrap().values_mut() {
            let object = object.as_object_mut().unwrap();
            // Whom a security group lets in is told apart by the tags of its rules.
            const BESIDE: [&str; 4] = ["IpPermissions", "LastAccessedDate", "LatestRestorableTime", "AvailableIpAddressCount"];
            const RUNNING: [&str; 4] = ["events", "deployments", "runningCount", "pendingCount"];
            object.retain(|field, _| {
                !BESIDE.contains(&field.as_str()) && (kind != "ecs.service" || !RUNNING.contains(&field.as_str()))
            });
        }
    }
    all
}

/// Checks that everything of the environment is there as it was; more may have come beside it.
#[track_caller]
fn unchanged(before: &Value, after: &Value) {
    let all = before.as_object().unwrap().iter().flat_map(|(kind, objects)| {
        objects.as_object().unwrap().iter().map(move |(id, object)| (kind, id, object, after[kind].get(id)))
    });
    let changed: Vec<String> = all
        .filter(|(_, _, object, now)| *now != Some(object))
        .map(|(kind, id, object, now)| format!("{kind} {id}: {object} became {now:?}"))
        .collect();
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

/// Applies a plan one of whose numbers another environment has taken since: its rule stays where it is, and the next run takes
/// another number.
#[track_caller]
fn contested(s: &Subject, env: &str) {
    stack(s, &[&named("plan", env)[..], &["--out", "saved.json", "--no-preflight"]].concat()).ok();
    let saved = std::fs::read_to_string(s.place.path().join("saved.json")).unwrap();
    let saved: Value = serde_json::from_str(&saved).unwrap();
    let items = saved["plan"]["items"].as_array().unwrap();
    let rule = items.iter().find(|item| item["key"].as_str().unwrap().starts_with("elbv2.rule/")).unwrap();
    let number = &rule["desired"]["priority"];
    let take = r#"
elb = client("elbv2")
balancer = elb.describe_load_balancers(Names=["shop-staging"])["LoadBalancers"][0]["LoadBalancerArn"]
listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
elb.create_rule(ListenerArn=listener, Priority=args, Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": ["other.example.com"]}}],
    Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    Tags=[{"Key": f"stack:{k}", "Value": v} for k, v in {"name": "shop", "env": "other", "key": "elbv2.rule/web"}.items()])
result = None
"#;
    s.account.boto3(take, number);
    let failed = stack(s, &["apply", "saved.json", "--env", env, "--yes"]);
    assert_ne!(failed.code, Some(0), "{}", failed.stderr);
    assert!(failed.words().contains("has since been given to a rule of `shop`, environment `other`"), "{}", failed.stderr);
    let rules = s.account.boto3(RULES, &Value::Null);
    let other = rules["rules"].as_array().unwrap().iter().find(|rule| rule["env"] == "other").unwrap();
    assert_eq!(&other["priority"], number);
}

#[test]
fn two_guests_in_one_host() {
    let s = Subject::new(FILE);
    apply(&s, "staging");
    in_step(&s, "staging");
    let before = inventory(&s, "staging");

    // The calls of a guest make what is its own, and change nothing else.
    let mut kinds = BTreeSet::new();
    for env in GUESTS {
        if env == GUESTS[1] {
            contested(&s, env);
        }
        s.proxy.take();
        apply(&s, env);
        let calls: BTreeSet<String> = mutating(&s.proxy.take()).into_iter().collect();
        let foreign = calls.iter().filter(|name| {
            let words = ["Vpc", "Subnet", "LoadBalancer", "Listener", "DBInstance", "Secret", "ReplicationGroup", "Key"];
            words.iter().any(|word| name.contains(word)) || name.contains(":Delete") || name.contains(":SetRulePriorities")
        });
        assert_eq!(foreign.collect::<Vec<_>>(), Vec::<&String>::new());
        kinds.extend(inventory(&s, env).as_object().unwrap().keys().cloned());
    }
    let expected = [
        "application-autoscaling.scalable-target",
        "application-autoscaling.scaling-policy",
        "cloudwatch.alarm",
        "ec2.network-interface",
        "ec2.security-group",
        "ec2.security-group-rule",
        "ecs.cluster",
        "ecs.service",
        "ecs.task-definition",
        "elbv2.target-group",
        "events.rule",
        "iam.role",
        "lambda.function",
        "logs.log-group",
        "servicediscovery.namespace",
    ];
    let others: Vec<&String> = kinds.iter().filter(|kind| !expected.contains(&kind.as_str())).collect();
    assert_eq!(others, Vec::<&String>::new());
    for env in ["staging", "pr-1", "pr-2"] {
        in_step(&s, env);
    }
    unchanged(&before, &inventory(&s, "staging"));

    // Requests are told apart by host name, each rule with a number of its own.
    let seen = s.account.boto3(RULES, &Value::Null);
    let rules = seen["rules"].as_array().unwrap();
    let numbers: BTreeSet<i64> = rules.iter().map(|rule| rule["priority"].as_i64().unwrap()).collect();
    assert_eq!((rules.len(), numbers.len()), (6, 6), "{rules:?}");
    for env in GUESTS {
        let own: Vec<&Value> = rules.iter().filter(|rule| rule["env"] == env).collect();
        let host = json!([format!("{env}.preview.example.com")]);
        assert!(own.iter().all(|rule| rule["hosts"] == host), "{own:?}");
        assert_eq!(own.iter().map(|rule| &rule["paths"]).collect::<Vec<_>>(), [&json!(["/api/*"]), &json!([])]);
    }
    assert_eq!(rules.last().unwrap()["env"], "staging", "what has no host name comes last: {rules:?}");
    for env in GUESTS {
        let pair = |group: &str, from: &str, port: u16| json!([env, format!("shop-{group}"), format!("shop-{from}"), port]);
        let web = format!("{env}-web");
        for expected in [
            pair("staging-db-main", &web, 5432),
            pair("staging-db-books", &web, 5432),
            pair("staging-cache-sessions", &web, 6379),
            pair(&web, "staging-alb", 80),
        ] {
            assert!(seen["pairs"].as_array().unwrap().contains(&expected), "{expected} {seen:#}");
        }
    }

    // The guest's tasks find the host's database, with the password that it has.
    let container = |env: &str| {
        let script = r#"
d = client("ecs").describe_task_definition(taskDefinition=f"shop-{args}-web")["taskDefinition"]["containerDefinitions"][0]
result = {"variables": {v["name"]: v["value"] for v in d["environment"]}, "secrets": {v["name"]: v["valueFrom"] for v in d["secrets"]}}
"#;
        s.account.boto3(script, &json!(env))
    };
    assert_eq!(container("pr-1"), container("staging"));

    // What the commands say of a guest.
    let shown = stack(&s, &named("show", "pr-1")[..]).ok();
    assert!(shown.stdout.contains("http://pr-1.preview.example.com"), "{}", shown.stdout);
    stack(&s, &named("graph", "pr-1")[..]).ok();
    let compared = stack(&s, &["compare", "s.yaml", "pr-1", "pr-2", "--like", "preview", "--json"]).ok().json();
    assert_eq!(compared["suspicious"], json!([]), "{compared:#}");
    // The rule that took a number goes; whoever avoided it keeps the other one.
    let given_back = r#"
elb = client("elbv2")
balancer = elb.describe_load_balancers(Names=["shop-staging"])["LoadBalancers"][0]["LoadBalancerArn"]
listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
arns = [rule["RuleArn"] for rule in elb.describe_rules(ListenerArn=listener)["Rules"] if not rule["IsDefault"]]
described = elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
[other] = [x["ResourceArn"] for x in described if {"Key": "stack:env", "Value": "other"} in x["Tags"]]
elb.delete_rule(RuleArn=other)
result = None
"#;
    s.account.boto3(given_back, &Value::Null);
    in_step(&s, "pr-2");
    let listed = stack(&s, &["list", "--region", "us-east-1", "--json"]).ok().json();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|env| env["env"].as_str().unwrap()).collect();
    assert_eq!(names, ["pr-1", "pr-2", "staging"]);

    // The host stays as long as it has guests, whoever wants to destroy it.
    s.proxy.take();
    let refused = destroy(&s, "staging").exits(4);
    assert!(
        refused.words().contains("the environments `pr-1`, `pr-2` share it: destroy those environments first"),
        "{}",
        refused.stderr
    );
    let asleep = stack(&s, &[&named("pause", "staging")[..], &["--yes"]].concat()).exits(4);
    assert!(asleep.words().contains("the environments `pr-1`, `pr-2` share it"), "{}", asleep.stderr);
    let planned = stack(&s, &[&named("plan", "staging")[..], &["--destroy"]].concat()).exits(4);
    assert!(planned.stdout.contains("`pr-1`, `pr-2` share it"), "{}", planned.stdout);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());

    // What they use of it stays, too.
    let (with, without) =
        ("  staging: {}", "  staging: { databases: { books: null }, services: { web: { uses: [services.api] } } }");
    s.write(with, without);
    let planned = stack(&s, &[&named("plan", "staging")[..], &["--no-preflight"]].concat()).exits(4);
    assert!(planned.stdout.contains("`pr-1`, `pr-2` share it"), "{}", planned.stdout);
    s.write(without, with);

    // One guest leaves; the other one and the host are as they were.
    let other = inventory(&s, "pr-2");
    destroy(&s, "pr-1").ok();
    assert_eq!(s.account.inventory("shop", "pr-1"), json!({}));
    let left = s.account.boto3(RULES, &Value::Null);
    assert!(!left.to_string().contains("pr-1"), "{left:#}");
    unchanged(&other, &inventory(&s, "pr-2"));
    unchanged(&before, &inventory(&s, "staging"));
    in_step(&s, "pr-2");
    in_step(&s, "staging");
    let refused = destroy(&s, "staging").exits(4);
    assert!(refused.words().contains("the environment `pr-2` shares it: destroy that environment first"), "{}", refused.stderr);

    destroy(&s, "pr-2").ok();
    destroy(&s, "staging").ok();
    assert_eq!(s.account.inventory("shop", "staging"), json!({}));
}

const SMALL: &str = r#"
stack: shop
region: us-east-1
alarms: off
network: { zones: 3, nat: none }
services:
  web: { image: "nginx:1.27", port: 80, public: true, uses: [databases.main] }
databases:
  main: { engine: postgres, version: "16", class: db.t4g.micro, deletion_protection: false }
environments:
  staging: { databases: null, services: { web: { uses: [] } } }
  inside: { share: { network: staging }, databases: null, services: { web: { uses: [] } } }
  within: { share: { network: inside }, databases: null, services: { web: { uses: [] } } }
  forged: { share: { network: fake }, databases: null, services: { web: { uses: [] } } }
  wanting:
    share: { network: staging, load_balancer: staging, databases: staging, host: "{env}.example.com" }
    services: { web: { routes: ["/*"] } }
"#;

#[test]
fn what_a_host_does_not_have_is_told_at_its_key() {
    let s = Subject::new(SMALL);
    let plan = |env: &str| stack(&s, &["plan", "s.yaml", "--env", env, "--no-preflight"]);
    let early = plan("inside").exits(65);
    assert!(early.words().contains("the environment `staging` of `shop` has no network of its own"), "{}", early.stderr);
    apply(&s, "staging");
    let wanting = plan("wanting").exits(65);
    for says in
        ["of `shop` has no load balancer", "of `shop` has no database `main`", "share: { network: staging, load_balancer:"]
    {
        assert!(wanting.words().contains(says), "{}", wanting.stderr);
    }
    // Tags alone make nobody a host.
    let forge = r#"
tags = [{"Key": f"stack:{k}", "Value": v} for k, v in {"name": "shop", "env": "fake", "key": "ec2.vpc/main"}.items()]
client("ec2").create_vpc(CidrBlock="10.7.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])
result = None
"#;
    s.account.boto3(forge, &Value::Null);
    let forged = plan("forged").exits(65);
    assert!(forged.words().contains("only its tags say that the network `vpc-"), "{}", forged.stderr);

    stack(&s, &["apply", "s.yaml", "--env", "inside", "--yes"]).ok();
    let nested = plan("within").exits(65);
    assert!(nested.words().contains("the environment `inside` of `shop` has no network of its own"), "{}", nested.stderr);
    destroy(&s, "inside").ok();
    destroy(&s, "staging").ok();
}

#[test]
fn what_a_guest_uses_stays_in_the_host() {
    let s = Subject::new(SMALL);
    stack(&s, &["apply", "s.yaml", "--env", "staging", "--ttl", "1s", "--yes"]).ok();
    stack(&s, &["apply", "s.yaml", "--env", "inside", "--yes"]).ok();
    s.proxy.take();
    let reaped = stack(&s, &["reap", "--region", "us-east-1", "--yes"]).exits(4);
    assert!(reaped.words().contains("the environment `inside` shares it: destroy that environment first"), "{}", reaped.stderr);
    // A zone less takes subnets away in which tasks of the guest are.
    s.write("zones: 3", "zones: 2");
    let smaller = stack(&s, &["apply", "s.yaml", "--env", "staging", "--yes"]).exits(4);
    assert!(smaller.words().contains("the environment `inside` shares it: destroy that environment first"), "{}", smaller.stderr);
    assert_eq!(mutating(&s.proxy.take()), Vec::<String>::new());
    destroy(&s, "inside").ok();
    // A guest that has expired, too, goes first, whatever their order is.
    s.write("zones: 2", "zones: 3");
    stack(&s, &["apply", "s.yaml", "--env", "visitor", "--like", "inside", "--ttl", "1s", "--yes"]).ok();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let both = stack(&s, &["reap", "--region", "us-east-1", "--yes"]).ok();
    assert!(!both.stderr.contains("error"), "{}", both.stderr);
    for env in ["visitor", "staging"] {
        assert_eq!(s.account.inventory("shop", env), json!({}));
    }
}
