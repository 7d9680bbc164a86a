//! Pictures of small graphs; the whole of `stacks/webapp.yaml` is compared with docs/webapp.svg in `commands::graph`.

use serde_json::{Value, json};

use super::*;
use crate::engine::Key;
use crate::engine::graph::Node as Desired;

fn graph(nodes: Vec<(&str, Value)>) -> Graph {
    let mut graph = Graph::default();
    for (key, desired) in nodes {
        graph.insert(Desired { key: key.parse().unwrap(), desired: desired.into(), origin: "resources".into() }).unwrap();
    }
    graph
}

/// A service behind a load balancer behind CloudFront, with a database that has a copy, a cache and two buckets.
fn shop() -> Graph {
    let rule = |group: &str, peer: &str, port: i32| {
        json!({"group": format!("${{ec2.security_group/{group}}}"), "peer": format!("${{ec2.security_group/{peer}}}"),
            "direction": "ingress", "protocol": "tcp", "from_port": port, "to_port": port})
    };
    let mut nodes = vec![
        ("ec2.vpc/main", json!({"cidr": "10.0.0.0/16"})),
        ("ec2.internet_gateway/main", json!({"vpc": "${ec2.vpc/main}"})),
        ("ec2.route_table/public", json!({})),
        ("ec2.route/public", json!({"table": "${ec2.route_table/public}", "gateway": "${ec2.internet_gateway/main}"})),
        ("ec2.nat_gateway/a", json!({"subnet": "${ec2.subnet/public-a}"})),
        (
            "elbv2.load_balancer/main",
            json!({"scheme": "internet-facing", "subnets": ["${ec2.subnet/public-a}", "${ec2.subnet/public-b}"],
            "security_groups": ["${ec2.security_group/alb}"]}),
        ),
        ("elbv2.target_group/web", json!({"load_balancer": "${elbv2.load_balancer/main}"})),
        ("elbv2.target_group/api", json!({"load_balancer": "${elbv2.load_balancer/main}"})),
        (
            "elbv2.listener/http",
            json!({"load_balancer": "${elbv2.load_balancer/main}", "port": 80, "protocol": "HTTP",
            "default_action": {"kind": "forward", "target_group": "${elbv2.target_group/web}"}}),
        ),
        (
            "elbv2.rule/api",
            json!({"listener": "${elbv2.listener/http}", "paths": ["/api/*"],
            "action": {"kind": "forward", "target_group": "${elbv2.target_group/api}"}}),
        ),
        ("s3.bucket/assets", json!({})),
        ("s3.bucket/uploads", json!({})),
        ("s3.bucket/logs", json!({})),
        (
            "cloudfront.distribution/main",
            json!({"aliases": ["www.example.com"], "logs": {"bucket": "${s3.bucket/logs.domain}"},
            "origins": {"app": {"domain": "${elbv2.load_balancer/main.dns_name}"}, "assets": {"domain": "${s3.bucket/assets.domain}"}},
            "default": {"origin": "app"}, "behaviors": [{"path": "/static/*", "origin": "assets"}]}),
        ),
        ("iam.role/web", json!({"policies": {"own": {"Statement": [{"Resource": "${s3.bucket/uploads.arn}/*"}]}}})),
        ("rds.subnet_group/main", json!({"subnets": ["${ec2.subnet/data-a}", "${ec2.subnet/data-b}"]})),
        (
            "rds.instance/main",
            json!({"engine": "postgres", "engine_version": "16", "class": "db.t4g.medium", "multi_az": true,
            "subnet_group": "${rds.subnet_group/main}", "security_groups": ["${ec2.security_group/db}"]}),
        ),
        ("rds.instance/copy", json!({"source": "${rds.instance/main}", "class": "db.t4g.small"})),
        ("elasticache.subnet_group/main", json!({"subnets": ["${ec2.subnet/data-a}"]})),
        (
            "elasticache.replication_group/sessions",
            json!({"engine": "valkey", "node_type": "cache.t4g.small", "replicas": 1,
            "subnet_group": "${elasticache.subnet_group/main}", "security_groups": ["${ec2.security_group/cache}"]}),
        ),
        ("kms.key/main", json!({})),
        ("ec2.security_group_rule/web", rule("web", "alb", 80)),
        ("ec2.security_group_rule/db", rule("db", "web", 5432)),
        ("ec2.security_group_rule/cache", rule("cache", "web", 6379)),
        ("ec2.security_group_rule/api", rule("api", "web", 80)),
        ("application-autoscaling.scalable_target/web", json!({"service": "${ecs.service/web}", "min": 2, "max": 9})),
    ];
    for name in ["web", "api"] {
        let (role, group) = (format!("${{iam.role/{name}}}"), format!("${{ec2.security_group/{name}}}"));
        let subnets = ["${ec2.subnet/app-a}", "${ec2.subnet/app-b}"];
        let (definition, target) = (format!("${{ecs.task_definition/{name}}}"), format!("${{elbv2.target_group/{name}}}"));
        let (task, service) = if name == "web" {
            ("ecs.task_definition/web", "ecs.service/web")
        } else {
            ("ecs.task_definition/api", "ecs.service/api")
        };
        nodes.push((task, json!({"task_role": role, "containers": [{"image": "example.com/shop/nginx:1.27"}]})));
        nodes.push((
            service,
            json!({"task_definition": definition, "subnets": subnets, "security_groups": [group],
            "desired_count": 1, "load_balancers": [{"target_group": target}]}),
        ));
    }
    let mut graph = graph(nodes);
    for tier in ["public", "app", "data"] {
        for zone in ["a", "b"] {
            let key = Key::new("ec2.subnet", format!("{tier}-{zone}"));
            let desired = json!({"zone": format!("us-east-1{zone}")});
            graph.insert(Desired { key, desired: desired.into(), origin: String::new() }).unwrap();
        }
    }
    for zone in ["a", "b"] {
        let key = Key::new("ec2.route_table_association", zone);
        let desired = json!({"table": "${ec2.route_table/public}", "subnet": format!("${{ec2.subnet/public-{zone}}}")});
        graph.insert(Desired { key, desired: desired.into(), origin: String::new() }).unwrap();
    }
    graph
}

fn save(name: &str, svg: &str) {
    if let Ok(to) = std::env::var("STACK_DIAGRAMS") {
        std::fs::write(format!("{to}/{name}.svg"), svg).unwrap();
    }
}

#[test]
fn requests_go_from_users_to_data() {
    let diagram = Diagram::of(&shop(), "shop · environment staging", false);
    save("shop", &diagram.svg());
    let Diagram::Architecture(it) = &diagram else { panic!() };
    let name = |at: usize| it.nodes[at].key.as_str();
    let edges: Vec<String> =
        it.edges.iter().map(|e| format!("{} > {} {}", name(e.from), name(e.to), e.label).trim().to_owned()).collect();
    for expected in [
        "users > cloudfront.distribution/main",
        "cloudfront.distribution/main > elbv2.load_balancer/main /*",
        "cloudfront.distribution/main > s3.bucket/assets /static/*",
        "elbv2.load_balancer/main > ecs.service/api /api/*",
        "elbv2.load_balancer/main > ecs.service/web /*",
        "ecs.service/web > ecs.service/api :80",
        "ecs.service/web > rds.instance/main :5432",
        "ecs.service/web > elasticache.replication_group/sessions :6379",
        "ecs.service/web > s3.bucket/uploads",
        "rds.instance/main > rds.instance/copy",
    ] {
        assert!(edges.iter().any(|edge| edge == expected), "{expected}: {edges:#?}");
    }
    assert_eq!(edges.len(), 10, "{edges:#?}");
    assert_eq!(it.lanes, ["public subnets · 2 zones", "app · private subnets · 2 zones", "data · private subnets · 2 zones"]);
    insta::assert_snapshot!("mermaid", diagram.mermaid());
    insta::assert_snapshot!("dot", diagram.dot());
    insta::assert_snapshot!("svg", diagram.svg());
}

#[test]
fn a_public_service_without_a_load_balancer() {
    let mut nodes = vec![
        ("ec2.subnet/public-a", json!({"zone": "us-east-1a"})),
        ("ecs.service/web", json!({"subnets": ["${ec2.subnet/public-a}"], "security_groups": ["${ec2.security_group/web}"]})),
        ("ec2.security_group/web", json!({})),
    ];
    let svg = Diagram::of(&graph(nodes.clone()), "alone", false).mermaid();
    assert!(!svg.contains("Users"), "nothing is open: {svg}");
    let open = json!({"group": "${ec2.security_group/web}", "direction": "ingress", "cidr": "0.0.0.0/0", "from_port": 80, "to_port": 80});
    nodes.push(("ec2.security_group_rule/web", open));
    let mermaid = Diagram::of(&graph(nodes), "alone", false).mermaid();
    assert!(mermaid.contains("Users") && mermaid.contains("n0 --> n1"), "{mermaid}");
}

#[test]
fn every_object_and_what_it_refers_to() {
    let graph = shop();
    let diagram = Diagram::of(&graph, "shop · environment staging", true);
    save("all", &diagram.svg());
    let Diagram::Dependencies(it) = &diagram else { panic!() };
    assert_eq!(it.nodes.len(), graph.len());
    insta::assert_snapshot!("all_mermaid", diagram.mermaid());
    insta::assert_snapshot!("all_dot", diagram.dot());
    insta::assert_snapshot!("all_svg", diagram.svg());
}

#[test]
fn hostile_text_stays_text() {
    let key = Key::new("ec2.v\"<pc", "ma]in\"<script>&\u{1b}\u{202e}");
    let node = dependencies::Node { key: key.clone(), group: "a\"<b>".into() };
    let title = "--- \"x\"\n</title><script>".to_owned();
    let all = Dependencies { title: title.clone(), nodes: vec![node], edges: vec![(key.clone(), key)] };
    let lane = Some(0);
    let hostile = "ma]in\"<script>&\u{1b}\u{202e}".to_owned();
    let one = architecture::Node {
        key: hostile.clone(),
        label: hostile.clone(),
        details: vec![hostile.clone()],
        role: Role::Data,
        stage: architecture::Stage::Data,
        lane,
    };
    let edge = architecture::Edge { from: 0, to: 1, label: hostile.clone() };
    let nodes = vec![one.clone(), one];
    let picture = Architecture { title, boundary: hostile.clone(), lanes: vec![hostile], nodes, edges: vec![edge] };
    for diagram in [Diagram::Dependencies(all), Diagram::Architecture(picture)] {
        let svg = diagram.svg();
        save("hostile", &svg);
        for text in [diagram.mermaid(), diagram.dot(), svg] {
            assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        }
        assert!(!diagram.svg().contains("<script"));
        insta::assert_snapshot!([diagram.mermaid(), diagram.dot(), diagram.svg()].join("\n=====\n"));
    }
}

#[test]
fn nothing_is_drawn_too() {
    for all in [false, true] {
        let svg = Diagram::of(&Graph::default(), "empty", all).svg();
        assert!(svg.ends_with("</svg>\n"));
    }
}
