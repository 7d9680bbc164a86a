//! The architecture as people draw it: where requests come in, through what they go and where the data is.
//!
//! Objects that only connect others (listeners, rules, target groups, task definitions, roles) are not drawn: they are the edges.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::engine::graph::Node as Desired;
use crate::engine::token::named;
use crate::engine::{Graph, Key};
use crate::ui::count;

/// What a box is for. Each has its colour, in every stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Users, and what stands near them.
    Edge,
    /// What leads requests on.
    Network,
    /// What answers them.
    Compute,
    /// What keeps data.
    Data,
    /// What encrypts, who may do what, and what data can be restored from.
    Security,
}

impl Role {
    /// Every role, in reading order.
    pub const ALL: [Role; 5] = [Role::Edge, Role::Network, Role::Compute, Role::Data, Role::Security];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Role::Edge => "edge",
            Role::Network => "network",
            Role::Compute => "compute",
            Role::Data => "data",
            Role::Security => "security",
        }
    }
}

/// How far on a request's way a box stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Users,
    Delivery,
    Entry,
    Compute,
    Data,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// What it shows.
    pub title: String,
    /// The network: `VPC 10.0.0.0/16`.
    pub(super) boundary: String,
    /// The subnets in it, by their common name.
    pub(super) lanes: Vec<String>,
    /// The boxes.
    pub(super) nodes: Vec<Node>,
    /// Who sends requests to whom.
    pub(super) edges: Vec<Edge>,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// The object: `ecs.service/web`; of several that are alike, the first.
    pub key: String,
    /// Its name.
    pub label: String,
    /// What it is, a line each.
    pub details: Vec<String>,
    pub role: Role,
    pub stage: Stage,
    /// The lane that it stands in; none outside of the network.
    pub lane: Option<usize>,
}

/// An edge between two boxes, by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub from: usize,
    pub to: usize,
    /// The paths or the port; empty when not known.
    pub label: String,
}

const USERS: &str = "users";

pub(super) const SECURITY: &str = "Encryption, secrets, access and backups";
/// What stands in a picture without boxes.
pub(super) const NOTHING: &str = "No service, data or entry point: `--all` draws every object";

impl Architecture {
    /// Returns the architecture that a graph describes.
    pub fn of(graph: &Graph, title: String) -> Architecture {
        let found = Found::of(graph);
        let mut nodes: Vec<(Node, Option<String>)> = graph.nodes().filter_map(|node| found.drawn(node)).collect();
        nodes.extend(found.gateways());
        nodes.sort_by_key(|(node, _)| (node.stage, node.role));
        let mut out = Architecture { title, boundary: found.boundary(), lanes: Vec::new(), nodes: Vec::new(), edges: Vec::new() };
        for (node, lane) in nodes {
            let lane = lane.map(|lane| out.lane(lane));
            out.nodes.push(Node { lane, ..node });
        }
        out.connect(&found);
        out.users(&found);
        out
    }

    fn lane(&mut self, title: String) -> usize {
        self.lanes.iter().position(|lane| *lane == title).unwrap_or_else(|| {
            self.lanes.push(title);
            self.lanes.len() - 1
        })
    }

    fn number(&self, key: &Key) -> Option<usize> {
        let key = key.to_string();
        self.nodes.iter().position(|it| it.key == key)
    }

    fn edge(&mut self, from: &Key, to: &Key, label: String) {
        if let (Some(from), Some(to)) = (self.number(from), self.number(to))
            && from != to
            && self.nodes.get(to).is_some_and(|it| it.role != Role::Security)
        {
            match self.edges.iter_mut().find(|edge| (edge.from, edge.to) == (from, to)) {
                Some(edge) if edge.label.is_empty() => edge.label = label,
                Some(_) => {}
                None => self.edges.push(Edge { from, to, label }),
            }
        }
    }

    fn connect(&mut self, found: &Found<'_>) {
        for (from, to, label) in found.delivered().into_iter().chain(found.routed()).chain(found.let_in()).chain(found.referred())
        {
            self.edge(&from, &to, label);
        }
        self.edges.sort_by_key(|edge| (edge.from, edge.to));
    }

    /// Users, in front of everything that answers the internet and has nothing in front of it.
    fn users(&mut self, found: &Found<'_>) {
        let open: Vec<usize> = (0..self.nodes.len())
            .filter(|at| {
                let Some(it) = self.nodes.get(*at) else { return false };
                let fronted = self.edges.iter().any(|edge| edge.to == *at && self.nodes.get(edge.from).is_some_and(is_door));
                !fronted && it.key.parse::<Key>().is_ok_and(|key| found.is_open(&key))
            })
            .collect();
        if open.is_empty() {
            return;
        }
        let users = Node {
            key: USERS.into(),
            label: "Users".into(),
            details: vec!["internet".into()],
            role: Role::Edge,
            stage: Stage::Users,
            lane: None,
        };
        self.nodes.insert(0, users);
        for edge in &mut self.edges {
            (edge.from, edge.to) = (edge.from + 1, edge.to + 1);
        }
        let mut edges: Vec<Edge> = open.into_iter().map(|at| Edge { from: 0, to: at + 1, label: String::new() }).collect();
        edges.append(&mut self.edges);
        self.edges = edges;
    }

    /// The boxes of a lane, or with `None` those outside of the network that lie on the way of a request.
    pub(super) fn within(&self, lane: Option<usize>) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter(move |(_, it)| it.lane == lane && it.role != Role::Security)
    }

    /// The boxes that no request reaches.
    pub(super) fn security(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter(|(_, it)| it.role == Role::Security)
    }
}

/// Whether requests reach what is behind a box only through it.
fn is_door(it: &Node) -> bool {
    matches!(it.stage, Stage::Delivery | Stage::Entry)
}

/// Whether an object is drawn, and as what.
fn place(node: &Desired, found: &Found<'_>) -> Option<(Role, Stage)> {
    Some(match node.key.kind.as_str() {
        "cloudfront.distribution" => (Role::Edge, Stage::Delivery),
        "elbv2.load_balancer" => (Role::Network, Stage::Entry),
        "ecs.service" => (Role::Compute, Stage::Compute),
        // Those of sections only do something in the background, such as rotating a password.
        "lambda.function" if node.origin.starts_with("resources") => (Role::Compute, Stage::Compute),
        "rds.instance" | "elasticache.replication_group" | "elasticache.cluster" | "sqs.queue" => (Role::Data, Stage::Data),
        "s3.bucket" if found.logs.contains(&node.key) => return None,
        "s3.bucket" if found.delivered().iter().any(|(_, to, _)| *to == node.key) => (Role::Data, Stage::Entry),
        "s3.bucket" => (Role::Data, Stage::Data),
        "kms.key" | "secretsmanager.secret" | "acm.certificate" | "iam.group" | "sso.permission_set" | "backup.vault" => {
            (Role::Security, Stage::Data)
        }
        _ => return None,
    })
}

/// The text of a field.
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The objects that a field refers to.
fn refs(value: &Value, field: &str) -> BTreeSet<Key> {
    value.get(field).map(|value| named(value).into_keys().collect()).unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

type Link = (Key, Key, String);

/// A graph, asked for what is drawn of it.
struct Found<'a> {
    graph: &'a Graph,
    /// Buckets that only keep the logs of something else.
    logs: BTreeSet<Key>,
    /// Subnets whose routes lead to the internet.
    public: BTreeSet<Key>,
}

impl<'a> Found<'a> {
    fn of(graph: &'a Graph) -> Found<'a> {
        let mut found = Found { graph, logs: BTreeSet::new(), public: BTreeSet::new() };
        let logged = [("cloudfront.distribution", "logs"), ("elbv2.load_balancer", "attributes")];
        let buckets =
            |(kind, field): (&str, &str)| found.of_kind(kind).flat_map(|node| refs(&node.desired, field)).collect::<Vec<_>>();
        found.logs = logged.into_iter().flat_map(buckets).collect();
        let open: BTreeSet<Key> = found
            .of_kind("ec2.route")
            .filter(|route| !refs(&route.desired, "gateway").is_empty())
            .flat_map(|route| refs(&route.desired, "table"))
            .collect();
        found.public = found
            .of_kind("ec2.route_table_association")
            .filter(|it| refs(&it.desired, "table").iter().any(|table| open.contains(table)))
            .flat_map(|it| refs(&it.desired, "subnet"))
            .collect();
        found
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &'a Desired> {
        self.graph.nodes().filter(move |node| node.key.kind == kind)
    }

    fn get(&self, key: &Key) -> Option<&'a Value> {
        self.graph.get(key).map(|node| node.desired.as_ref())
    }

    fn boundary(&self) -> String {
        let cidrs: Vec<&str> = self.of_kind("ec2.vpc").map(|vpc| text(&vpc.desired, "cidr")).collect();
        format!("VPC {}", cidrs.join(", ")).trim_end().to_owned()
    }

    /// The lane of what stands in subnets: their common name, and in how many zones they are.
    fn lane(&self, node: &Desired) -> Option<String> {
        let direct = ["subnets", "subnet"].into_iter().flat_map(|field| refs(&node.desired, field));
        let grouped = refs(&node.desired, "subnet_group").into_iter().filter_map(|group| self.get(&group));
        let subnets: BTreeSet<Key> = direct.chain(grouped.flat_map(|group| refs(group, "subnets"))).collect();
        // A copy of a database stands where its source does.
        let Some(first) = subnets.first() else {
            let source = refs(&node.desired, "source").into_iter().find_map(|source| self.graph.get(&source))?;
            return self.lane(source);
        };
        let stem = |key: &Key| match key.name.rsplit_once('-') {
            Some((stem, zone)) if zone.len() == 1 => stem.to_owned(),
            _ => key.name.clone(),
        };
        // Those beside it that are called alike are the same lane, also for what stands in only one of them.
        let alike = self.of_kind("ec2.subnet").filter(|subnet| stem(&subnet.key) == stem(first));
        let zones: BTreeSet<&str> = alike.map(|subnet| text(&subnet.desired, "zone")).collect();
        let stems: BTreeSet<String> = subnets.iter().map(stem).collect();
        let name = stems.into_iter().collect::<Vec<_>>().join(", ");
        let kind = if subnets.iter().all(|subnet| self.public.contains(subnet)) { "public" } else { "private" };
        let name = if name == kind { String::new() } else { format!("{name} · ") };
        Some(format!("{name}{kind} subnets · {}", count(zones.len().max(1), "zone")))
    }

    /// What is drawn of an object, and its lane.
    fn drawn(&self, it: &Desired) -> Option<(Node, Option<String>)> {
        let (role, stage) = place(it, self)?;
        let details = self.details(it).into_iter().filter(|text| !text.is_empty() && !text.contains("${")).collect();
        // The only one of its sort says nothing by its name.
        let label = if it.key.name == "main" { noun(&it.key.kind).to_owned() } else { it.key.name.clone() };
        Some((Node { key: it.key.to_string(), label, details, role, stage, lane: None }, self.lane(it)))
    }

    /// All NAT gateways as one box: what goes out through them is not drawn.
    fn gateways(&self) -> Option<(Node, Option<String>)> {
        let all: Vec<&Desired> = self.of_kind("ec2.nat_gateway").collect();
        let first = all.first()?;
        let label = if all.len() == 1 { "NAT gateway".to_owned() } else { format!("NAT gateway ×{}", all.len()) };
        let details = vec!["outbound traffic".to_owned()];
        let (key, role, stage) = (first.key.to_string(), Role::Network, Stage::Entry);
        Some((Node { key, label, details, role, stage, lane: None }, self.lane(first)))
    }

    fn details(&self, node: &Desired) -> Vec<String> {
        let it = &node.desired;
        let field = |name: &str| text(it, name).to_owned();
        match node.key.kind.as_str() {
            "cloudfront.distribution" => {
                let alias = list(it, "aliases").iter().find_map(Value::as_str).unwrap_or_default();
                vec!["CloudFront".into(), alias.into(), self.firewall(&node.key)]
            }
            "elbv2.load_balancer" => {
                vec!["Application Load Balancer".into(), self.listeners(&node.key), self.firewall(&node.key)]
            }
            "ecs.service" => vec![format!("ECS service · {}", self.tasks(node)), self.image(it)],
            "lambda.function" => vec!["Lambda function".into(), field("runtime")],
            "rds.instance" => self.database(it).into_iter().chain(self.kept_elsewhere(&node.key)).collect(),
            "elasticache.replication_group" => {
                let nodes = it.get("replicas").and_then(Value::as_u64).unwrap_or(0) + 1;
                vec![format!("ElastiCache {}", product(text(it, "engine"))), format!("{} ×{nodes}", text(it, "node_type"))]
            }
            "elasticache.cluster" => {
                let nodes = it.get("nodes").and_then(Value::as_u64).unwrap_or(1);
                vec!["ElastiCache Memcached".into(), format!("{} ×{nodes}", text(it, "node_type"))]
            }
            "s3.bucket" => vec!["S3 bucket".into()],
            "sqs.queue" => vec!["SQS queue".into()],
            "backup.vault" => vec!["AWS Backup vault".into(), field("region")],
            "kms.key" => vec!["KMS key".into()],
            "secretsmanager.secret" => vec!["Secrets Manager secret".into()],
            "acm.certificate" => vec!["ACM certificate".into(), field("domain")],
            "iam.group" => vec!["IAM group".into()],
            "sso.permission_set" => vec!["permission set".into()],
            _ => Vec::new(),
        }
    }

    /// `AWS WAF counts`, `AWS WAF blocks`: what inspects requests to this.
    fn firewall(&self, of: &Key) -> String {
        let associations = self.of_kind("wafv2.association").filter(|it| refs(&it.desired, "resource").contains(of));
        let acl = associations.flat_map(|it| refs(&it.desired, "web_acl")).find_map(|acl| self.get(&acl));
        let is_block = |rule: &Value| ["block", "group"].contains(&text(rule, "action"));
        acl.map_or("", |acl| if list(acl, "rules").iter().any(is_block) { "AWS WAF blocks" } else { "AWS WAF counts" }).to_owned()
    }

    /// `backups in eu-central-1`: where else the backups of a database are.
    fn kept_elsewhere(&self, database: &Key) -> Option<String> {
        let replication = self.of_kind("rds.backup_replication").find(|it| refs(&it.desired, "source").contains(database))?;
        Some(format!("backups in {}", text(&replication.desired, "region")))
    }

    /// `HTTPS :443, HTTP :80`
    fn listeners(&self, balancer: &Key) -> String {
        let mut doors: Vec<(i64, String)> = self
            .of_kind("elbv2.listener")
            .filter(|listener| refs(&listener.desired, "load_balancer").contains(balancer))
            .filter_map(|listener| {
                let port = listener.desired.get("port")?.as_i64()?;
                Some((port, format!("{} :{port}", text(&listener.desired, "protocol"))))
            })
            .collect();
        doors.sort_by_key(|(port, _)| std::cmp::Reverse(*port));
        doors.into_iter().map(|(_, door)| door).collect::<Vec<_>>().join(", ")
    }

    /// `2–20 tasks`, `1 task`
    fn tasks(&self, service: &Desired) -> String {
        let scaled = self
            .of_kind("application-autoscaling.scalable_target")
            .find(|target| refs(&target.desired, "service").contains(&service.key))
            .and_then(|target| Some((target.desired.get("min")?.as_i64()?, target.desired.get("max")?.as_i64()?)));
        match scaled {
            Some((min, max)) => format!("{min}–{max} tasks"),
            None => count(service.desired.get("desired_count").and_then(Value::as_u64).unwrap_or(1) as usize, "task"),
        }
    }

    /// The image of a service's first container, without its registry.
    fn image(&self, service: &Value) -> String {
        let definition = refs(service, "task_definition").into_iter().find_map(|key| self.get(&key));
        let image = definition.and_then(|it| list(it, "containers").first()).map(|container| text(container, "image"));
        image.unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned()
    }

    fn database(&self, it: &Value) -> Vec<String> {
        let source = refs(it, "source").into_iter().find_map(|key| self.get(&key));
        let of = |field: &str| match (text(it, field), source) {
            ("", Some(source)) => text(source, field),
            (own, _) => own,
        };
        let version = of("engine_version");
        let product = format!("RDS {} {version}", product(of("engine")));
        let zones = if it.get("multi_az") == Some(&true.into()) { " · Multi-AZ" } else { "" };
        let copy = if source.is_some() { " · read replica" } else { "" };
        vec![product.trim_end().to_owned(), format!("{}{zones}{copy}", text(it, "class"))]
    }

    /// From CloudFront to its origins, by the paths.
    fn delivered(&self) -> Vec<Link> {
        let mut out = Vec::new();
        for node in self.of_kind("cloudfront.distribution") {
            let origins = node.desired.get("origins").and_then(Value::as_object).into_iter().flatten();
            for (name, origin) in origins {
                let of_origin = |behavior: &&Value| text(behavior, "origin") == name;
                let paths: Vec<&str> =
                    list(&node.desired, "behaviors").iter().filter(of_origin).map(|behavior| text(behavior, "path")).collect();
                let default = node.desired.get("default").filter(of_origin).map(|_| "/*");
                let label = default.map_or_else(|| shortened(&paths), str::to_owned);
                out.extend(refs(origin, "domain").into_iter().map(|to| (node.key.clone(), to, label.clone())));
            }
        }
        out
    }

    /// From a load balancer to the services behind it, by the paths and hosts.
    fn routed(&self) -> Vec<Link> {
        let balancer_of = |listener: &Key| refs(self.get(listener)?, "load_balancer").into_iter().next();
        let mut ways: BTreeMap<(Key, Key), Vec<String>> = BTreeMap::new();
        for rule in self.of_kind("elbv2.rule") {
            let Some(balancer) = refs(&rule.desired, "listener").iter().find_map(balancer_of) else { continue };
            let all = |field: &str| list(&rule.desired, field).iter().filter_map(Value::as_str).collect::<Vec<_>>();
            let (hosts, paths) = (all("hosts"), all("paths"));
            let ways_of = match (hosts.is_empty(), paths.is_empty()) {
                (true, _) => paths.iter().map(|path| (*path).to_owned()).collect(),
                (false, true) => hosts.iter().map(|host| (*host).to_owned()).collect(),
                (false, false) => {
                    hosts.iter().flat_map(|host| paths.iter().map(move |path| format!("{host}{path}"))).collect::<Vec<_>>()
                }
            };
            for group in refs(&rule.desired, "action") {
                ways.entry((balancer.clone(), group)).or_default().extend(ways_of.clone());
            }
        }
        for listener in self.of_kind("elbv2.listener") {
            for balancer in refs(&listener.desired, "load_balancer") {
                for group in refs(&listener.desired, "default_action") {
                    ways.entry((balancer.clone(), group)).or_default().push("/*".into());
                }
            }
        }
        let mut out = Vec::new();
        for service in self.of_kind("ecs.service") {
            let groups = refs(&service.desired, "load_balancers");
            for ((balancer, _), paths) in ways.iter().filter(|((_, group), _)| groups.contains(group)) {
                let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
                out.push((balancer.clone(), service.key.clone(), shortened(&paths)));
            }
        }
        out
    }

    /// From who is let in by a security group to what is behind it, by the port.
    fn let_in(&self) -> Vec<Link> {
        let members = |group: &Key| -> Vec<Key> {
            self.graph
                .nodes()
                .filter(|node| refs(&node.desired, "security_groups").contains(group))
                .map(|it| it.key.clone())
                .collect()
        };
        let mut out = Vec::new();
        for rule in self.of_kind("ec2.security_group_rule").filter(|rule| text(&rule.desired, "direction") == "ingress") {
            let port = |field: &str| rule.desired.get(field).and_then(Value::as_i64);
            let label = match (port("from_port"), port("to_port")) {
                (Some(from), Some(to)) if from == to && from > 0 => format!(":{from}"),
                _ => String::new(),
            };
            for (group, peer) in refs(&rule.desired, "group").iter().zip(refs(&rule.desired, "peer")) {
                for (from, to) in members(&peer).iter().flat_map(|from| members(group).into_iter().map(move |to| (from, to))) {
                    out.push((from.clone(), to, label.clone()));
                }
            }
        }
        out
    }

    /// From a service to the data that its containers or its role name, and from a database to its copies.
    fn referred(&self) -> Vec<Link> {
        let mut out = Vec::new();
        for service in self.of_kind("ecs.service") {
            for definition in refs(&service.desired, "task_definition").iter().filter_map(|key| self.get(key)) {
                let roles = refs(definition, "task_role");
                let of_role = roles.iter().filter_map(|role| self.get(role)).flat_map(|role| named(role).into_keys());
                let is_data = |key: &Key| ["rds", "elasticache", "s3", "sqs"].contains(&key.service());
                let all = refs(definition, "containers").into_iter().chain(of_role).filter(is_data);
                out.extend(all.map(|to| (service.key.clone(), to, String::new())));
            }
        }
        for copy in self.of_kind("rds.instance") {
            let sources = refs(&copy.desired, "source").into_iter();
            out.extend(sources.map(|source| (source, copy.key.clone(), String::new())));
        }
        out
    }

    /// Whether the internet reaches an object.
    fn is_open(&self, key: &Key) -> bool {
        let Some(it) = self.get(key) else { return false };
        match key.kind.as_str() {
            "cloudfront.distribution" => true,
            "elbv2.load_balancer" => text(it, "scheme") != "internal",
            "ecs.service" | "rds.instance" => {
                let groups = refs(it, "security_groups");
                self.of_kind("ec2.security_group_rule").any(|rule| {
                    text(&rule.desired, "direction") == "ingress"
                        && ["0.0.0.0/0", "::/0"].contains(&text(&rule.desired, "cidr"))
                        && refs(&rule.desired, "group").iter().any(|group| groups.contains(group))
                })
            }
            _ => false,
        }
    }
}

/// The first paths, and how many more there are.
fn shortened(paths: &[&str]) -> String {
    match paths {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} {two}"),
        [one, two, rest @ ..] => format!("{one} {two} +{}", rest.len()),
    }
}

/// What a kind is called where its name says nothing.
fn noun(kind: &str) -> &str {
    match kind {
        "cloudfront.distribution" => "CDN",
        "elbv2.load_balancer" => "Load balancer",
        "rds.instance" => "Database",
        "elasticache.replication_group" | "elasticache.cluster" => "Cache",
        "kms.key" => "Encryption key",
        "secretsmanager.secret" => "Secret",
        "acm.certificate" => "Certificate",
        _ => "main",
    }
}

/// An engine by the name of the product.
fn product(engine: &str) -> &str {
    match engine {
        "postgres" => "PostgreSQL",
        "mysql" => "MySQL",
        "mariadb" => "MariaDB",
        "valkey" => "Valkey",
        "redis" => "Redis OSS",
        "memcached" => "Memcached",
        other => other,
    }
}
