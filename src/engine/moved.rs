//! Sections that have another name in the file than in AWS: what they are made of stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::action::Action;
use super::graph::{Graph, Moved, Node, lies_in};
use super::item::Item;
use super::key::Key;
use super::rules::{self, Rule, What};
use super::snapshot::Seen;
use super::token::named;

impl Graph {
    /// Returns the present name of a live object whose section was renamed.
    pub(super) fn moved_to(&self, seen: &Seen, key: &Key) -> Option<Key> {
        if self.get(key).is_some() {
            return None;
        }
        let was = |moved: &Moved, node: &Node| {
            let place = match seen.section() {
                Some(section) => moved.origin(section).as_ref() == Some(&node.origin),
                // Not every service reports all tags of what it is working on.
                None => seen.fields.get("tags").is_some() && lies_in(&node.origin, &moved.to),
            };
            place && node.key.kind == key.kind && moved.old_names(&node.key.name).contains(&key.name)
        };
        let mut nodes = self.nodes().filter(|node| self.moved.iter().any(|moved| was(moved, node)));
        let node = nodes.next()?;
        nodes.next().is_none().then(|| node.key.clone())
    }

    /// Checks whether what comes from this place in the file had another name.
    pub(super) fn was_moved(&self, origin: &str) -> bool {
        self.moved.iter().any(|moved| lies_in(origin, &moved.to))
    }

    /// Returns the desired object under the name that the live one was given, where AWS cannot change that and only the section's
    /// name makes the difference.
    pub(super) fn as_named(&self, node: &Node, seen: &Seen, rules: &[Rule]) -> Node {
        let mut node = node.clone();
        let Some(moved) = self.moved.iter().find(|moved| lies_in(&node.origin, &moved.to)) else { return node };
        for field in rules::fields(rules, What::Immutable) {
            let (Some(Value::String(new)), Some(Value::String(old))) = (node.desired.get(field), seen.fields.get(field)) else {
                continue;
            };
            if moved.old_names(new).contains(old) {
                let old = old.clone();
                Arc::make_mut(&mut node.desired)[field] = old.into();
            }
        }
        node
    }
}

/// Checks whether what is deleted is like what is created, as far as that is known without what they refer to.
fn is_alike(moved: &Moved, gone: &Item, come: &Item) -> bool {
    let (Some(Value::Object(wanted)), Some(before)) = (come.desired.as_deref(), &gone.before) else { return false };
    let mut told = wanted.iter().filter(|(field, value)| *field != "tags" && !value.is_null() && named(value).is_empty());
    told.all(|(field, value)| match (value, before.fields.get(field)) {
        (Value::String(new), Some(Value::String(old))) => new == old || moved.old_names(new).contains(old),
        (value, there) => there == Some(value),
    })
}

/// Returns the sections that leave where one like them arrives: perhaps the same under another name.
pub(super) fn suggestions(items: &[Item]) -> Vec<Moved> {
    let section = |item: &Item| {
        // What stands in the file by itself is a section of its own.
        if lies_in(&item.origin, "resources") {
            return Some(item.origin.clone());
        }
        let mut parts = item.origin.splitn(3, '.');
        Some(format!("{}.{}", parts.next()?, parts.next()?))
    };
    let mut sections: BTreeMap<String, Vec<&Item>> = BTreeMap::new();
    for item in items {
        if let Some(section) = section(item) {
            sections.entry(section).or_default().push(item);
        }
    }
    // Without tags it is unknown which section something was created for; a replacement under the same name is no new section.
    let all = |action: Action| {
        let whole = move |list: &&Vec<&Item>| list.iter().all(|item| item.action == action);
        sections.iter().filter(move |(_, list)| whole(list)).collect::<Vec<_>>()
    };
    let (gone, come) = (all(Action::Delete), all(Action::Create));
    let mut out = Vec::new();
    for (from, old) in &gone {
        let like = |(to, new): &&(&String, &Vec<&Item>)| {
            let moved = Moved { from: (*from).clone(), to: (*to).clone() };
            let kind = |path: &str| path.rsplit_once('.').map(|(kind, _)| kind.to_owned());
            let is_it = |o: &Item, n: &Item| {
                let named = n.key.kind == o.key.kind && moved.old_names(&n.key.name).contains(&o.key.name);
                // Of what stands by itself the name says little.
                named && (!lies_in(to, "resources") || is_alike(&moved, o, n))
            };
            kind(from) == kind(to) && old.iter().all(|o| new.iter().any(|n| is_it(o, n)))
        };
        if let Some((to, _)) = come.iter().find(like) {
            out.push(Moved { from: (*from).clone(), to: (*to).clone() });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::readiness::Readiness;
    use super::super::scope::Claim;
    use super::*;
    use crate::item::Before;

    fn item(key: &str, action: Action, origin: &str) -> Item {
        serde_json::from_value(json!({"key": key, "action": action, "generation": 1, "origin": origin})).unwrap()
    }

    fn seen(key: &str, section: &str) -> Seen {
        let key: Key = key.parse().unwrap();
        Seen {
            kind: key.kind,
            claim: Claim::Ours(key.name),
            live: json!({"id": "x"}).into(),
            fields: json!({"name": "/stack/api", "tags": {"stack:section": section}}).into(),
            state: Readiness::Ready,
        }
    }

    fn graph() -> Graph {
        let mut graph = Graph::default();
        graph.moved = vec![Moved { from: "services.api".into(), to: "services.backend".into() }];
        for key in ["iam.role/backend-exec", "iam.role/backend-task", "logs.log_group/backend"] {
            let node = Node {
                key: key.parse().unwrap(),
                desired: json!({"name": "/stack/backend"}).into(),
                origin: "services.backend".into(),
            };
            graph.insert(node).unwrap();
        }
        graph
    }

    #[test]
    fn parts_of_a_moved_section_are_found_by_old_names() {
        let graph = graph();
        let to = |key: &str, section: &str| graph.moved_to(&seen(key, section), &key.parse().unwrap()).map(|k| k.to_string());
        assert_eq!(to("iam.role/api-exec", "services.api").as_deref(), Some("iam.role/backend-exec"));
        assert_eq!(to("logs.log_group/api", "services.api").as_deref(), Some("logs.log_group/backend"));
        // Another section's, another kind's, another part's.
        assert_eq!(to("iam.role/api-exec", "services.api2"), None);
        assert_eq!(to("ecs.service/api", "services.api"), None);
        assert_eq!(to("iam.role/api-events", "services.api"), None);
        // What is there under its new name already.
        assert_eq!(to("logs.log_group/backend", "services.api"), None);
        // While AWS is working on it, its section may be unknown; then its kind and its name must do.
        let untold = |key: &str, tags: Value| {
            let mut seen = seen(key, "");
            seen.fields = json!({"tags": tags}).into();
            graph.moved_to(&seen, &key.parse().unwrap()).map(|k| k.to_string())
        };
        assert_eq!(untold("iam.role/api-exec", json!({})).as_deref(), Some("iam.role/backend-exec"));
        assert_eq!(untold("iam.role/api-events", json!({})), None);
        // What has no tags at all is found in other ways.
        let mut bare = seen("iam.role/api-exec", "");
        bare.fields = json!({}).into();
        assert_eq!(graph.moved_to(&bare, &"iam.role/api-exec".parse().unwrap()), None);
    }

    #[test]
    fn a_name_that_cannot_be_changed_stays() {
        let graph = graph();
        let node = graph.get(&"logs.log_group/backend".parse().unwrap()).unwrap();
        let rules = &[Rule::immutable("name")];
        assert_eq!(graph.as_named(node, &seen("logs.log_group/api", "services.api"), rules).desired["name"], "/stack/api");
        let mut other = seen("logs.log_group/api", "services.api");
        Arc::make_mut(&mut other.fields)["name"] = json!("/stack/else");
        assert_eq!(graph.as_named(node, &other, rules).desired["name"], "/stack/backend");
    }

    #[test]
    fn a_rename_is_suggested_when_a_like_section_comes() {
        let mut items = vec![
            item("ecs.service/api", Action::Delete, "services.api"),
            item("logs.log_group/api", Action::Delete, "services.api"),
            item("ecs.service/backend", Action::Create, "services.backend"),
            item("logs.log_group/backend", Action::Create, "services.backend"),
            item("elbv2.rule/backend-api", Action::Create, "services.backend"),
            item("rds.instance/main", Action::Create, "databases.main"),
        ];
        assert_eq!(suggestions(&items), [Moved { from: "services.api".into(), to: "services.backend".into() }]);
        // Nothing like it comes.
        items[0].key = "elasticache.cluster/api".parse().unwrap();
        assert_eq!(suggestions(&items), []);
    }

    #[test]
    fn alike_raw_resources_are_suggested_as_moved() {
        let suggested = |fields: Value, desired: Value| {
            let mut gone = item("ec2.vpc/main", Action::Delete, "resources.ec2.vpc.main");
            gone.before = Some(Before { live: json!({"id": "vpc-1"}).into(), fields: fields.into(), state: Readiness::Ready });
            let mut come = item("ec2.vpc/core", Action::Create, "resources.ec2.vpc.core");
            come.desired = Some(desired.into());
            suggestions(&[gone, come])
        };
        let there = json!({"cidr": "10.0.0.0/16", "label": "the main one", "zone": "${=a.zone:z-1}", "dns": true, "tags": {}});
        let like =
            json!({"cidr": "10.0.0.0/16", "label": "the core one", "zone": "${a.zone/x}", "dns": null, "tags": {"a": "b"}});
        let moved = Moved { from: "resources.ec2.vpc.main".into(), to: "resources.ec2.vpc.core".into() };
        assert_eq!(suggested(there.clone(), like.clone()), [moved]);
        let mut other = like;
        other["cidr"] = json!("10.1.0.0/16");
        assert_eq!(suggested(there, other), []);
    }
}
