use serde_json::{Value, json};

use super::{Facts, expand};
use crate::aws::registry;
use crate::config::Stack;
use crate::engine::rules::{self, Rule, What};
use crate::engine::{Graph, Key, Scope};

/// The schema of the stack file, with every kind.
pub fn schema() -> Value {
    let registry = registry();
    crate::config::schema(registry.kinds().map(|kind| {
        let kind = kind.clone();
        (kind.name(), move |generator: &mut schemars::SchemaGenerator| kind.schema(generator))
    }))
}

fn graph(stack: &Value) -> Graph {
    let stack: Stack = serde_json::from_value(stack.clone()).unwrap();
    let scope = Scope {
        stack: stack.stack.to_string(),
        env: "default".into(),
        region: stack.region.clone(),
        account: "123456789012".into(),
        partition: "aws".into(),
    };
    expand(&stack, &Facts::assumed(&scope, true, &stack), &registry()).unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn desired(graph: &Graph, kind: &str, name: &str) -> Value {
    graph.get(&Key::new(kind, name)).map(|node| node.desired.clone()).unwrap_or_else(|| panic!("no {kind}/{name}"))
}

fn with(section: &Value, more: &Value) -> Value {
    let mut section = section.clone();
    for (key, value) in more.as_object().unwrap() {
        section[key] = value.clone();
    }
    section
}

/// What `with` says and `without` leaves to whatever it is: a difference that no plan would show.
fn unsaid(rules: &[Rule], path: &mut Vec<String>, with: &Value, without: &Value, found: &mut Vec<String>) {
    let is = |path: &[String], what: What| rules::is(rules, path, what);
    match (with, without) {
        // One thing or another, of which the other is said: it is written as a whole.
        (Value::Object(with), Value::Object(without))
            if matches!(path.join(".").as_str(), "default_action" | "connect")
                && ["kind", "enabled"].iter().any(|said| with.get(*said) != without.get(*said)) => {}
        (Value::Object(with), Value::Object(without)) => {
            for (key, value) in with.iter().filter(|(_, value)| !value.is_null()) {
                let exact = !path.is_empty() && is(path, What::Exact);
                path.push(key.clone());
                let counts = !is(path, What::CreateOnly) && !is(path, What::OrderOnly);
                match without.get(key) {
                    None | Some(Value::Null) if counts && !exact => found.push(path.join(".")),
                    Some(other) => unsaid(rules, path, value, other, found),
                    None => {}
                }
                path.pop();
            }
        }
        (Value::Array(with), Value::Array(without)) if with.len() == without.len() => {
            for (with, without) in with.iter().zip(without) {
                path.push("0".into());
                unsaid(rules, path, with, without, found);
                path.pop();
            }
        }
        _ => {}
    }
}

#[test]
fn what_is_taken_out_of_a_service_is_as_if_it_had_never_been_said() {
    let base = json!({"image": "nginx:1.27", "port": 80, "routes": ["/*"], "uses": ["services.api"]});
    let secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf";
    let keys = [
        json!({"health": {"path": "/up", "interval": "20s", "timeout": "6s", "healthy": 3, "unhealthy": 4, "codes": "200"}}),
        json!({"scale": {"min": 1, "max": 3, "cpu": 50, "memory": 60, "requests": 100}}),
        json!({"count": 3}),
        json!({"stop_timeout": "60s"}),
        json!({"grace": "90s"}),
        json!({"deregistration_delay": "10s"}),
        json!({"exec": true}),
        json!({"spot": true}),
        json!({"public": true}),
        json!({"command": ["a"]}),
        json!({"entrypoint": ["a"]}),
        json!({"environment": {"A": "b"}}),
        json!({"secrets": {"A": secret}}),
        json!({"architecture": "arm64"}),
        json!({"logs": {"retention": "7d"}}),
        json!({"logs": {"retention": "forever"}}),
        json!({"policies": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::a/*"]}]}),
        json!({"cpu": 512, "memory": 1024}),
    ];
    let whole = |web: &Value| {
        json!({"stack": "a", "region": "us-east-1", "services": {
            "web": web,
            "other": {"image": "i", "port": 81, "routes": ["/other/*"]},
            "api": {"image": "i", "port": 8080},
        }})
    };
    let registry = registry();
    let mut changes: Vec<(Value, Value)> = keys.iter().map(|key| (with(&base, key), base.clone())).collect();
    changes.push((base.clone(), json!({"image": "nginx:1.27", "port": 80, "uses": ["services.api"]})));
    changes.push((base.clone(), json!({"image": "nginx:1.27", "port": 80, "routes": ["/*"]})));
    for (before, after) in changes {
        let (before, after) = (graph(&whole(&before)), graph(&whole(&after)));
        for node in before.nodes() {
            let Some(left) = after.get(&node.key) else { continue };
            let rules = registry.find(&node.key.kind).map_or(&[][..], |kind| kind.rules());
            let mut found = Vec::new();
            unsaid(rules, &mut Vec::new(), &node.desired, &left.desired, &mut found);
            assert_eq!(found, Vec::<String>::new(), "{}", node.key);
        }
    }
}

#[test]
fn who_uses_a_service_is_told_its_address_and_comes_after_it() {
    let stack = json!({"stack": "a", "region": "us-east-1", "load_balancer": {"idle_timeout": "90s"}, "services": {
        "web": {"image": "i", "port": 80, "routes": ["/*"], "uses": ["services.api"], "environment": {"SERVICE_API_PORT": "mine"}},
        "api": {"image": "i", "port": 8080},
        "worker": {"image": "i"},
    }});
    let graph = graph(&stack);
    let container = |name: &str| desired(&graph, "ecs.task_definition", name)["containers"][0].clone();
    assert_eq!(
        container("web")["environment"],
        json!({"SERVICE_API_HOST": "api", "SERVICE_API_PORT": "mine", "SERVICE_API_URL": "http://api:8080"})
    );
    assert_eq!(
        (container("web")["port_names"].clone(), container("api")["port_names"].clone()),
        (json!({}), json!({"api": 8080}))
    );
    let service = |name: &str| desired(&graph, "ecs.service", name);
    let offers = json!([{"port_name": "api", "dns_name": "api", "port": 8080, "request_timeout": 0, "idle_timeout": 90}]);
    assert_eq!(service("api")["connect"]["offers"], offers);
    assert_eq!(service("web")["connect"]["offers"], json!([]));
    assert_eq!(service("web")["connect"]["namespace"], "${servicediscovery.namespace/main.arn}");
    assert!(service("web")["after"].as_array().unwrap().contains(&json!("${ecs.service/api!}")), "{}", service("web"));
    assert_eq!(service("worker")["connect"], json!({"enabled": false, "offers": []}));
    let alone = json!({"stack": "a", "region": "us-east-1", "services": {"api": {"image": "i", "port": 8080}}});
    assert!(self::graph(&alone).get(&Key::new("servicediscovery.namespace", "main")).is_none());
}

#[test]
fn names_lead_to_what_answers_when_the_zone_of_their_certificate_is_known() {
    let records = |cdn: Value, balancer: Value, certificate: Value| -> Vec<(String, Value)> {
        let mut stack = json!({"stack": "a", "region": "eu-west-1", "load_balancer": balancer, "certificates": {"main": certificate},
            "existing": {"zones": {"z": "example.com"}}, "services": {"web": {"image": "i", "port": 80, "routes": ["/*"]}}});
        if !cdn.is_null() {
            stack["cdn"] = cdn;
        }
        let graph = graph(&stack);
        let records = graph.nodes().filter(|node| node.key.kind == "route53.record");
        records.map(|node| (node.key.name.clone(), node.desired["target"].clone())).collect()
    };
    let zoned = json!({"domain": "example.com", "names": ["*.example.com"], "zone": "existing.zones.z"});
    let balancer = json!({"certificate": "certificates.main"});
    let cdn = json!({"certificate": "certificates.main", "aliases": ["WWW.example.com".to_lowercase(), "*.example.com"]});
    let domain = json!("${cloudfront.distribution/main.domain!}");
    let both = [("www_example_com-a".to_owned(), domain.clone()), ("www_example_com-aaaa".to_owned(), domain)];
    assert_eq!(records(cdn.clone(), json!({}), zoned.clone()), both);
    let dns = json!("${elbv2.load_balancer/main.dns_name!}");
    assert_eq!(records(Value::Null, balancer.clone(), zoned.clone()), [("example_com-a".to_owned(), dns)]);
    assert_eq!(records(with(&cdn, &json!({"dns": false})), balancer.clone(), zoned.clone()), []);
    assert_eq!(records(Value::Null, with(&balancer, &json!({"dns": false})), zoned), []);
    assert_eq!(records(cdn, balancer, json!({"domain": "example.com", "names": ["*.example.com"]})), []);
}
