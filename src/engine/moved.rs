//! Sections that have another name in the file than in AWS: what they are made of stays.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::graph::{Graph, Node, lies_in};
use super::key::Key;
use super::plan::{Action, Item};
use super::rules::{self, Rule, What};
use super::snapshot::Seen;

/// A place in the file that was called otherwise: `services.api` is `services.backend` now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What it was called.
    pub from: String,
    /// What it is called.
    pub to: String,
}

impl Moved {
    fn last(path: &str) -> &str {
        path.rsplit('.').next().unwrap_or(path)
    }

    /// Where a place is now.
    fn origin(&self, origin: &str) -> Option<String> {
        lies_in(origin, &self.from).then(|| format!("{}{}", self.to, &origin[self.from.len()..]))
    }

    /// Whether a place is one of those that were moved, or lies in one.
    fn covers(&self, origin: &str) -> bool {
        origin.strip_prefix(&self.to).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// `name` with the old name of the section at one of the places where it has the new one.
    fn old_names(&self, name: &str) -> BTreeSet<String> {
        let (from, to) = (Self::last(&self.from), Self::last(&self.to));
        name.match_indices(to).map(|(at, _)| format!("{}{from}{}", &name[..at], &name[at + to.len()..])).collect()
    }
}

impl Graph {
    /// What a live object is called now that sections were moved.
    pub(super) fn moved_to(&self, seen: &Seen, key: &Key) -> Option<Key> {
        if self.get(key).is_some() {
            return None;
        }
        let moved = self.moved.iter().find_map(|moved| Some((moved, moved.origin(seen.section()?)?)));
        let (moved, origin) = moved?;
        let is_it = |node: &&Node| {
            node.key.kind == key.kind && node.origin == origin && moved.old_names(&node.key.name).contains(&key.name)
        };
        let mut nodes = self.nodes().filter(is_it);
        let node = nodes.next()?;
        nodes.next().is_none().then(|| node.key.clone())
    }

    /// Whether what comes from this place in the file was called otherwise.
    pub(super) fn was_moved(&self, origin: &str) -> bool {
        self.moved.iter().any(|moved| lies_in(origin, &moved.to))
    }

    /// The desired object, under the name that the live one was given where AWS cannot change that and only the section's name
    /// makes the difference.
    pub(super) fn as_named(&self, node: &Node, seen: &Seen, rules: &[Rule]) -> Node {
        let mut node = node.clone();
        let Some(moved) = self.moved.iter().find(|moved| lies_in(&node.origin, &moved.to)) else { return node };
        for field in rules::fields(rules, What::Immutable) {
            let (Some(Value::String(new)), Some(Value::String(old))) = (node.desired.get(field), seen.fields.get(field)) else {
                continue;
            };
            if moved.old_names(new).contains(old) {
                let old = old.clone();
                node.desired[field] = old.into();
            }
        }
        node
    }
}

/// A section that goes where one like it comes: perhaps the same under another name.
pub(super) fn suggestions(items: &[Item]) -> Vec<Moved> {
    let section = |item: &Item| {
        let mut parts = item.origin.splitn(3, '.');
        Some(format!("{}.{}", parts.next()?, parts.next()?))
    };
    let mut sections: BTreeMap<String, Vec<&Item>> = BTreeMap::new();
    for item in items {
        if let Some(section) = section(item).filter(|section| !section.starts_with("resources.")) {
            sections.entry(section).or_default().push(item);
        }
    }
    // Without tags nobody knows which section something was made for; a replacement under the same name is no new section.
    let all = |action: Action| {
        let whole = move |list: &&Vec<&Item>| list.iter().all(|item| item.action == action);
        sections.iter().filter(move |(_, list)| whole(list)).collect::<Vec<_>>()
    };
    let (gone, come) = (all(Action::Delete), all(Action::Create));
    let mut out = Vec::new();
    for (from, old) in &gone {
        let like = |(to, new): &&(&String, &Vec<&Item>)| {
            let moved = Moved { from: (*from).clone(), to: (*to).clone() };
            let kind = |path: &str| path.split('.').next().map(str::to_owned);
            kind(from) == kind(to)
                && old
                    .iter()
                    .all(|o| new.iter().any(|n| n.key.kind == o.key.kind && moved.old_names(&n.key.name).contains(&o.key.name)))
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

    use super::super::resource::{Claim, Readiness};
    use super::*;

    fn item(key: &str, action: Action, origin: &str) -> Item {
        serde_json::from_value(json!({"key": key, "action": action, "generation": 1, "origin": origin})).unwrap()
    }

    fn seen(key: &str, section: &str) -> Seen {
        let key: Key = key.parse().unwrap();
        Seen {
            kind: key.kind,
            claim: Claim::Ours(key.name),
            live: json!({"id": "x"}),
            fields: json!({"name": "/stack/api", "tags": {"stack:section": section}}),
            state: Readiness::Ready,
        }
    }

    fn graph() -> Graph {
        let mut graph = Graph::default();
        graph.moved = vec![Moved { from: "services.api".into(), to: "services.backend".into() }];
        for key in ["iam.role/backend-exec", "iam.role/backend-task", "logs.log_group/backend"] {
            let node =
                Node { key: key.parse().unwrap(), desired: json!({"name": "/stack/backend"}), origin: "services.backend".into() };
            graph.insert(node).unwrap();
        }
        graph
    }

    #[test]
    fn the_parts_of_a_moved_section_are_found_by_their_section_and_their_old_names() {
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
    }

    #[test]
    fn a_name_that_cannot_be_changed_stays() {
        let graph = graph();
        let node = graph.get(&"logs.log_group/backend".parse().unwrap()).unwrap();
        let rules = &[Rule::immutable("name")];
        assert_eq!(graph.as_named(node, &seen("logs.log_group/api", "services.api"), rules).desired["name"], "/stack/api");
        let mut other = seen("logs.log_group/api", "services.api");
        other.fields["name"] = json!("/stack/else");
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
}
