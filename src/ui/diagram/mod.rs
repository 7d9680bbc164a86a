//! The architecture as a picture: Mermaid, DOT, SVG.

mod layout;
mod svg;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::token::{Token, visit};
use crate::engine::{Graph, Key, graph};

use super::kinds;

/// Objects that say how two others belong together; drawn as an edge from the first to the rest. By the last word.
const LINKS: &[&str] =
    &["route", "association", "attachment", "rule", "policy", "listener", "membership", "target", "permission"];
/// Objects that only stand between others: whoever uses them is drawn as using what they use.
const BETWEEN: &[&str] = &[
    "route_table",
    "security_group",
    "default_security_group",
    "subnet_group",
    "parameter_group",
    "option_group",
    "instance_profile",
    "task_definition",
    "address",
    "elastic_ip",
];
/// Objects that are not drawn at all.
const HIDDEN: &[&str] = &["security_group_rule", "security_group_ingress", "security_group_egress"];

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagram {
    /// What it shows.
    pub title: String,
    /// The boxes, in reading order.
    pub nodes: Vec<Node>,
    /// Who uses whom.
    pub edges: Vec<(Key, Key)>,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The object, or the first of several that are alike.
    pub key: Key,
    /// What is written on it: `main`, or `app ×3`.
    pub label: String,
    /// What it is for: `network`, `databases`.
    pub group: String,
}

impl Diagram {
    /// The diagram of what is desired. `all` shows every object; otherwise what only connects others becomes an edge,
    /// what is alike in every zone becomes one box, and an edge that follows from others is left out.
    pub fn of(graph: &Graph, title: impl Into<String>, all: bool) -> Diagram {
        let mut uses = Uses::of(graph);
        let mut labels: BTreeMap<Key, String> = uses.0.keys().map(|key| (key.clone(), key.name.clone())).collect();
        if !all {
            let order = graph.order().unwrap_or_else(|_| uses.0.keys().cloned().collect());
            for key in order.iter().rev() {
                uses.contract(key);
            }
            labels = uses.merge();
            uses.reduce();
        }
        let mut nodes: Vec<Node> = uses
            .0
            .keys()
            .map(|key| Node {
                label: labels.get(key).unwrap_or(&key.name).clone(),
                group: kinds::area(&key.kind).to_owned(),
                key: key.clone(),
            })
            .collect();
        nodes.sort_by_key(|node| (kinds::rank(&node.key.kind), node.group.clone(), node.key.clone()));
        let edges = uses.0.iter().flat_map(|(from, to)| to.iter().map(move |to| (from.clone(), to.clone()))).collect();
        Diagram { title: title.into(), nodes, edges }
    }

    /// As a Mermaid flow chart.
    pub fn mermaid(&self) -> String {
        text::mermaid(self)
    }

    /// As a DOT graph.
    pub fn dot(&self) -> String {
        text::dot(self)
    }

    /// As an SVG image that needs nothing else and follows the reader's light or dark mode.
    pub fn svg(&self) -> String {
        svg::svg(self)
    }

    /// The groups in reading order.
    fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = self.nodes.iter().map(|node| node.group.as_str()).collect();
        groups.dedup();
        groups
    }
}

/// The object's word of a kind: `subnet` of `ec2.subnet`.
fn object(kind: &str) -> &str {
    kind.split_once('.').map_or(kind, |(_, object)| object)
}

fn is_link(kind: &str) -> bool {
    object(kind).rsplit('_').next().is_some_and(|word| LINKS.contains(&word))
}

fn is_noise(kind: &str) -> bool {
    is_link(kind) || BETWEEN.contains(&object(kind)) || HIDDEN.contains(&object(kind))
}

/// What each object uses, in the order of its fields.
struct Uses(BTreeMap<Key, Vec<Key>>);

impl Uses {
    fn of(graph: &Graph) -> Uses {
        let uses = graph.nodes().map(|node| {
            let mut to: Vec<Key> = Vec::new();
            visit(&node.desired, &mut |token| {
                if let Token::Named { key, .. } = token
                    && key != node.key
                    && graph.get(&key).is_some()
                    && !to.contains(&key)
                {
                    to.push(key);
                }
            });
            (node.key.clone(), to)
        });
        Uses(uses.collect())
    }

    fn add(&mut self, from: &Key, to: &Key) {
        if from != to
            && let Some(uses) = self.0.get_mut(from)
            && !uses.contains(to)
        {
            uses.push(to.clone());
        }
    }

    /// Takes an object away that is not to be drawn, and draws what it stands for.
    fn contract(&mut self, key: &Key) {
        if !is_noise(&key.kind) {
            return;
        }
        let Some(targets) = self.0.remove(key) else { return };
        let mut users = Vec::new();
        for (user, uses) in &mut self.0 {
            if uses.contains(key) {
                uses.retain(|to| to != key);
                users.push(user.clone());
            }
        }
        if HIDDEN.contains(&object(&key.kind)) {
            return;
        }
        if !is_link(&key.kind) {
            for user in &users {
                targets.iter().for_each(|to| self.add(user, to));
            }
            return;
        }
        // Of an association the side that is drawn is the one that uses the other.
        let drawn = targets.iter().find(|to| object(&key.kind).ends_with("association") && !is_noise(&to.kind));
        if let Some(owner) = drawn.or(targets.first()) {
            users.iter().for_each(|user| self.add(user, owner));
            for to in &targets {
                // A bucket's policy names the distribution that uses the bucket: that is drawn already.
                if !self.reaches(to, owner) {
                    self.add(owner, to);
                }
            }
        }
    }

    fn reaches(&self, from: &Key, to: &Key) -> bool {
        let (mut queue, mut seen) = (vec![from], BTreeSet::new());
        while let Some(at) = queue.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                queue.extend(self.0.get(at).into_iter().flatten());
            }
        }
        false
    }

    /// Makes one of objects that differ only in the letter or number of their zone, and says what each is called.
    fn merge(&mut self) -> BTreeMap<Key, String> {
        let mut alike: BTreeMap<(String, String), Vec<Key>> = BTreeMap::new();
        for key in self.0.keys() {
            let stem = match key.name.rsplit_once('-') {
                Some((stem, zone)) if zone.len() == 1 => stem.to_owned(),
                _ if key.name.len() == 1 => String::new(),
                _ => format!("{}-", key.name), // never the stem of another
            };
            alike.entry((key.kind.clone(), stem)).or_default().push(key.clone());
        }
        let mut labels = BTreeMap::new();
        let mut first_of: BTreeMap<Key, Key> = BTreeMap::new();
        for ((_, stem), keys) in alike {
            let Some(first) = keys.first().cloned() else { continue };
            let label = match (keys.len(), stem.as_str()) {
                (1, _) => first.name.clone(),
                (n, "") => format!("{n} zones"),
                (n, stem) => format!("{stem} ×{n}"),
            };
            labels.insert(first.clone(), label);
            first_of.extend(keys.into_iter().map(|key| (key, first.clone())));
        }
        let old = std::mem::take(&mut self.0);
        self.0 = labels.keys().map(|key| (key.clone(), Vec::new())).collect();
        for (from, to) in old {
            for to in to {
                if let (Some(from), Some(to)) = (first_of.get(&from), first_of.get(&to)) {
                    self.add(from, to);
                }
            }
        }
        labels
    }

    /// Leaves out what is reached by a longer way as well.
    fn reduce(&mut self) {
        let edges: BTreeMap<Key, BTreeSet<Key>> =
            self.0.iter().map(|(from, to)| (from.clone(), to.iter().cloned().collect())).collect();
        let Ok(order) = graph::order(edges) else { return };
        let mut reached: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
        for key in order {
            let Some(uses) = self.0.get_mut(&key) else { continue };
            let beyond: BTreeSet<Key> = uses.iter().filter_map(|to| reached.get(to)).flatten().cloned().collect();
            uses.retain(|to| !beyond.contains(to));
            reached.insert(key, beyond.into_iter().chain(uses.iter().cloned()).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::graph::Node as Desired;
    use serde_json::json;

    fn add(graph: &mut Graph, key: &str, uses: &[&str]) {
        let uses: Vec<String> = uses.iter().map(|to| format!("${{{to}}}")).collect();
        let node = Desired { key: key.parse().unwrap(), desired: json!({"uses": uses}), origin: String::new() };
        graph.insert(node).unwrap();
    }

    /// A web application as the blueprints would make it.
    fn webapp() -> Graph {
        let mut g = Graph::default();
        add(&mut g, "ec2.vpc/main", &[]);
        add(&mut g, "ec2.internet_gateway/main", &["ec2.vpc/main"]);
        for zone in ["a", "b", "c"] {
            for tier in ["public", "app", "data"] {
                add(&mut g, &format!("ec2.subnet/{tier}-{zone}"), &["ec2.vpc/main"]);
                add(&mut g, &format!("ec2.route_table/{tier}-{zone}"), &["ec2.vpc/main"]);
                let (table, subnet) = (format!("ec2.route_table/{tier}-{zone}"), format!("ec2.subnet/{tier}-{zone}"));
                add(&mut g, &format!("ec2.route_table_association/{tier}-{zone}"), &[&table, &subnet]);
            }
            add(&mut g, &format!("ec2.address/nat-{zone}"), &["ec2.internet_gateway/main"]);
            add(
                &mut g,
                &format!("ec2.nat_gateway/{zone}"),
                &[&format!("ec2.subnet/public-{zone}"), &format!("ec2.address/nat-{zone}")],
            );
            add(
                &mut g,
                &format!("ec2.route/app-{zone}"),
                &[&format!("ec2.route_table/app-{zone}"), &format!("ec2.nat_gateway/{zone}")],
            );
            add(
                &mut g,
                &format!("ec2.route/public-{zone}"),
                &[&format!("ec2.route_table/public-{zone}"), "ec2.internet_gateway/main"],
            );
        }
        for name in ["lb", "web", "worker", "db", "cache"] {
            add(&mut g, &format!("ec2.security_group/{name}"), &["ec2.vpc/main"]);
        }
        add(&mut g, "ec2.security_group_rule/db-from-web", &["ec2.security_group/db", "ec2.security_group/web"]);
        add(
            &mut g,
            "elbv2.load_balancer/main",
            &["ec2.subnet/public-a", "ec2.subnet/public-b", "ec2.subnet/public-c", "ec2.security_group/lb"],
        );
        add(&mut g, "elbv2.target_group/web", &["ec2.vpc/main"]);
        add(&mut g, "elbv2.listener/main", &["elbv2.load_balancer/main", "elbv2.target_group/web"]);
        add(&mut g, "ecs.cluster/main", &[]);
        add(&mut g, "iam.role/execution", &[]);
        add(&mut g, "rds.subnet_group/main", &["ec2.subnet/data-a", "ec2.subnet/data-b", "ec2.subnet/data-c"]);
        add(&mut g, "secretsmanager.secret/main", &[]);
        add(&mut g, "rds.instance/main", &["rds.subnet_group/main", "ec2.security_group/db", "secretsmanager.secret/main"]);
        add(&mut g, "elasticache.subnet_group/sessions", &["ec2.subnet/data-a", "ec2.subnet/data-b", "ec2.subnet/data-c"]);
        add(&mut g, "elasticache.replication_group/sessions", &["elasticache.subnet_group/sessions", "ec2.security_group/cache"]);
        add(&mut g, "s3.bucket/static", &[]);
        for name in ["web", "worker"] {
            add(&mut g, &format!("iam.role/{name}"), &[]);
            add(&mut g, &format!("iam.role_policy/{name}"), &[&format!("iam.role/{name}"), "s3.bucket/static"]);
            add(&mut g, &format!("logs.log_group/{name}"), &[]);
            let of = [
                format!("logs.log_group/{name}"),
                format!("iam.role/{name}"),
                "iam.role/execution".into(),
                "rds.instance/main".into(),
                "elasticache.replication_group/sessions".into(),
                "secretsmanager.secret/main".into(),
            ];
            add(&mut g, &format!("ecs.task_definition/{name}"), &of.iter().map(String::as_str).collect::<Vec<_>>());
            let mut of =
                vec!["ecs.cluster/main".to_owned(), format!("ecs.task_definition/{name}"), format!("ec2.security_group/{name}")];
            of.extend(["a", "b", "c"].map(|zone| format!("ec2.subnet/app-{zone}")));
            if name == "web" {
                of.extend(["elbv2.target_group/web".into(), "elbv2.listener/main".into()]);
            }
            add(&mut g, &format!("ecs.service/{name}"), &of.iter().map(String::as_str).collect::<Vec<_>>());
            add(&mut g, &format!("application-autoscaling.scalable_target/{name}"), &[&format!("ecs.service/{name}")]);
            add(
                &mut g,
                &format!("application-autoscaling.scaling_policy/{name}"),
                &[&format!("application-autoscaling.scalable_target/{name}")],
            );
        }
        add(
            &mut g,
            "cloudfront.distribution/cdn",
            &["elbv2.load_balancer/main", "s3.bucket/static", "cloudfront.origin_access_control/cdn"],
        );
        add(&mut g, "cloudfront.origin_access_control/cdn", &[]);
        add(&mut g, "s3.bucket_policy/static", &["s3.bucket/static", "cloudfront.distribution/cdn"]);
        add(&mut g, "iam.group/developers", &[]);
        add(&mut g, "iam.user/alice", &[]);
        add(&mut g, "iam.group_membership/alice", &["iam.user/alice", "iam.group/developers"]);
        add(&mut g, "budgets.budget/monthly", &[]);
        g
    }

    fn save(name: &str, svg: &str) {
        if let Ok(to) = std::env::var("STACK_DIAGRAMS") {
            std::fs::write(format!("{to}/{name}.svg"), svg).unwrap();
        }
    }

    #[test]
    fn a_web_application_in_three_forms() {
        let diagram = Diagram::of(&webapp(), "webapp · staging", false);
        save("webapp", &diagram.svg());
        assert!(diagram.nodes.iter().all(|node| !is_noise(&node.key.kind)));
        insta::assert_snapshot!("mermaid", diagram.mermaid());
        insta::assert_snapshot!("dot", diagram.dot());
        insta::assert_snapshot!("svg", diagram.svg());
    }

    #[test]
    fn all_of_it() {
        let graph = webapp();
        let diagram = Diagram::of(&graph, "webapp · staging", true);
        save("all", &diagram.svg());
        assert_eq!(diagram.nodes.len(), graph.len());
    }

    #[test]
    fn hostile_text_stays_text() {
        let key = Key::new("ec2.v\"<pc", "ma]in\"<script>&\u{1b}\u{202e}");
        let node = Node { key: key.clone(), label: key.name.clone(), group: "a\"<b>".into() };
        let diagram = Diagram { title: "--- \"x\"\n</title><script>".into(), nodes: vec![node], edges: vec![(key.clone(), key)] };
        let svg = diagram.svg();
        save("hostile", &svg);
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}'));
        insta::assert_snapshot!([diagram.mermaid(), diagram.dot(), svg].join("\n=====\n"));
    }

    #[test]
    fn nothing_is_drawn_too() {
        let svg = Diagram::of(&Graph::default(), "empty", false).svg();
        save("empty", &svg);
        assert!(svg.ends_with("</svg>\n"));
    }
}
