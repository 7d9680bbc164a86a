//! What is desired, and in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{Class, Error, Result};
use super::key::Key;
use super::kind::Registry;
use super::reference::Ref;
use super::resource::{Cloud, Resource};
use super::scope::Scope;
use super::tags::{TAG_ENV, TAG_KEY, TAG_PROTECT, TAG_SECTION, TAG_STACK, TAG_TAGS};
use super::token;
use super::token::Need;

/// One desired object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its address.
    pub key: Key,
    /// The struct as a value, references open.
    pub desired: Arc<Value>,
    /// Where in the file it comes from, as a path: `services.web`.
    pub origin: String,
}

/// Two places in the file that make one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// Its address.
    pub key: Key,
    /// Where the one that is in the graph comes from.
    pub first: String,
    /// Where the other does.
    pub second: String,
}

/// A place in the file that was called otherwise: `services.api` is `services.backend` now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Returns where a place is now.
    pub(super) fn origin(&self, origin: &str) -> Option<String> {
        lies_in(origin, &self.from).then(|| format!("{}{}", self.to, &origin[self.from.len()..]))
    }

    /// Returns `name` with the old name of the section at one of the places where it has the new one.
    pub(super) fn old_names(&self, name: &str) -> BTreeSet<String> {
        let (from, to) = (Self::last(&self.from), Self::last(&self.to));
        name.match_indices(to).map(|(at, _)| format!("{}{from}{}", &name[..at], &name[at + to.len()..])).collect()
    }
}

/// The desired objects of a stack, by key.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: BTreeMap<Key, Node>,
    clashes: Vec<Clash>,
    /// Places in the file that were called otherwise.
    pub moved: Vec<Moved>,
    ignored_tags: Vec<String>,
    /// What others follow elsewhere ([`super::item::FOLLOWERS`]).
    pub(super) followed: BTreeSet<Key>,
    /// What does not exist while the environment is paused ([`super::pause`]).
    pub(super) absent: BTreeSet<Key>,
    /// What is desired while the environment runs, of what is paused or does not exist then.
    pub(super) awake: BTreeMap<Key, Node>,
}

/// The number of tags that say whose an object is, with its name.
const OWNERSHIP: usize = 5;

impl Graph {
    /// Adds an object and returns the reference to it. One whose key is taken is noted ([`Graph::clashes`]) and left out, so that
    /// everything else is checked too; nothing can be done with such a graph.
    ///
    /// # Errors
    /// When the struct cannot be written as a value.
    pub fn add<R: Resource>(&mut self, name: impl Into<String>, origin: &str, resource: &R) -> Result<Ref<R>> {
        let name = name.into();
        let desired = serde_json::to_value(resource).map_err(|e| Error::internal(format!("`{}`: {e}", R::KIND)))?.into();
        let key = Key::new(R::KIND, name.clone());
        match self.nodes.get(&key) {
            Some(first) => self.clashes.push(Clash { key, first: first.origin.clone(), second: origin.to_owned() }),
            None => self.insert(Node { key, desired, origin: origin.to_owned() })?,
        }
        Ok(Ref::to(name))
    }

    /// Returns what was to be added under a key that was taken.
    pub fn clashes(&self) -> &[Clash] {
        &self.clashes
    }

    /// Adds an object whose type is erased already.
    ///
    /// # Errors
    /// When the key is taken.
    pub fn insert(&mut self, node: Node) -> Result<()> {
        if let Some(other) = self.nodes.get(&node.key) {
            return Err(Error::new(
                Class::Invalid,
                format!("`{}` is defined twice: by `{}` and by `{}`", node.key, other.origin, node.origin),
            ));
        }
        self.nodes.insert(node.key.clone(), node);
        Ok(())
    }

    /// Returns the object with that key.
    pub fn get(&self, key: &Key) -> Option<&Node> {
        self.nodes.get(key)
    }

    /// Marks tags that match one of these patterns as written at creation and never after.
    pub fn ignore_tags(&mut self, patterns: &[String]) {
        self.ignored_tags = patterns.to_vec();
    }

    /// Returns the patterns of tags that are written at creation and never after.
    pub fn ignored_tags(&self) -> &[String] {
        &self.ignored_tags
    }

    /// Returns the objects by key.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// Returns the same for changing everything but their keys.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.values_mut()
    }

    /// Returns the number of objects.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Checks whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns what each object refers to.
    pub fn edges(&self) -> BTreeMap<&Key, BTreeMap<Key, Need>> {
        self.nodes.iter().map(|(key, node)| (key, token::named(&node.desired))).collect()
    }

    /// Returns references to objects that the stack does not have: who refers, and to what.
    pub fn dangling(&self) -> Vec<(&Node, Key)> {
        self.nodes
            .values()
            .flat_map(|node| token::named(&node.desired).into_keys().map(move |to| (node, to)))
            .filter(|(_, to)| !self.nodes.contains_key(to))
            .collect()
    }

    /// Returns the keys so that everything comes after what it refers to.
    ///
    /// # Errors
    /// The keys of a cycle, in order, when there is one.
    pub fn order(&self) -> Result<Vec<&Key>, Vec<Key>> {
        // By their places: as many keys as there are references would be held at once.
        let keys: Vec<&Key> = self.nodes.keys().collect();
        let place = |key: &Key| keys.binary_search(&key).ok();
        let places = |node: &Node| token::named(&node.desired).keys().filter_map(place).collect();
        let edges = self.nodes.values().map(places).enumerate().collect();
        let key = |at: usize| keys[at];
        match order(edges) {
            Ok(sorted) => Ok(sorted.into_iter().map(key).collect()),
            Err(cycle) => Err(cycle.into_iter().map(|at| key(at).clone()).collect()),
        }
    }

    /// Protects what comes from a place in the file, given as a path: `services.web`, `load_balancer`. What has no tags is
    /// deleted with what it is a part of. Returns the number of protected objects.
    pub fn protect<C: Cloud>(&mut self, registry: &Registry<C>, path: &str) -> usize {
        let tagged = |node: &&mut Node| registry.find(&node.key.kind).is_some_and(|kind| kind.info().tagged);
        let nodes = self.nodes.values_mut().filter(|node| lies_in(&node.origin, path)).filter(tagged);
        nodes
            .filter_map(|node| {
                let tags =
                    Arc::make_mut(&mut node.desired).as_object_mut()?.entry("tags").or_insert_with(|| serde_json::json!({}));
                tags.as_object_mut()?.insert(TAG_PROTECT.into(), "true".into());
                Some(())
            })
            .count()
    }

    /// Writes the ownership tags and the user's `tags` into every kind that has tags. An object's own tags win. Kinds with few tags have
    /// none of the user's.
    ///
    /// # Errors
    /// When an object is of a kind that is not registered.
    pub fn own<C: Cloud>(&mut self, registry: &Registry<C>, scope: &Scope, tags: &BTreeMap<String, String>) -> Result<()> {
        if let Some(clash) = self.clashes.first() {
            return Err(Error::internal(format!("`{}` is defined twice", clash.key)));
        }
        let none = BTreeMap::new();
        for node in self.nodes.values_mut() {
            let info = registry.kind(&node.key.kind)?.info();
            if !info.tagged {
                continue;
            }
            let tags = if info.few_tags { &none } else { tags };
            let Value::Object(fields) = Arc::make_mut(&mut node.desired) else { continue };
            let own = fields.get("tags").and_then(Value::as_object).map_or(0, serde_json::Map::len);
            let given = tags.len() + own;
            // No larger than needed: there is one for each object.
            let mut all = serde_json::Map::with_capacity(OWNERSHIP + given + usize::from(given > 0));
            all.insert("Name".into(), format!("{}-{}", scope.prefix(), node.key.name).into());
            all.extend(tags.iter().map(|(k, v)| (k.clone(), v.clone().into())));
            if let Some(Value::Object(own)) = fields.get("tags") {
                all.extend(own.clone());
            }
            if let Some(marks) = super::tags::marks(all.keys()) {
                all.insert(TAG_TAGS.into(), marks.into());
            }
            all.insert(TAG_STACK.into(), scope.stack.clone().into());
            all.insert(TAG_ENV.into(), scope.env.clone().into());
            all.insert(TAG_KEY.into(), node.key.to_string().into());
            all.insert(TAG_SECTION.into(), node.origin.clone().into());
            fields.insert("tags".into(), Value::Object(all));
        }
        Ok(())
    }
}

/// Checks whether a place in the file is `path` or inside it: `services.web.ports` is inside `services.web`, `services.web2` is
/// not.
pub fn lies_in(origin: &str, path: &str) -> bool {
    origin.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Sorts keys so that each comes after those it points to; edges to unknown keys do not count.
///
/// # Errors
/// The keys of a cycle, in order, when there is one.
pub fn order<K: Ord + Clone>(edges: BTreeMap<K, BTreeSet<K>>) -> Result<Vec<K>, Vec<K>> {
    let mut waits: BTreeMap<&K, usize> = BTreeMap::new();
    let mut users: BTreeMap<&K, Vec<&K>> = BTreeMap::new();
    for (key, to) in &edges {
        let known = to.iter().filter(|k| edges.contains_key(k));
        waits.insert(key, known.clone().count());
        for k in known {
            users.entry(k).or_default().push(key);
        }
    }
    let mut free: Vec<&K> = waits.iter().filter(|(_, n)| **n == 0).map(|(k, _)| *k).collect();
    let mut out = Vec::with_capacity(edges.len());
    while let Some(key) = free.pop() {
        out.push(key.clone());
        for user in users.get(key).into_iter().flatten() {
            if let Some(n) = waits.get_mut(user) {
                *n -= 1;
                if *n == 0 {
                    free.push(user);
                }
            }
        }
    }
    if out.len() == edges.len() {
        return Ok(out);
    }
    // What is left has a cycle: walk along until a key comes again.
    let left: BTreeSet<&K> = waits.iter().filter(|(_, n)| **n > 0).map(|(k, _)| *k).collect();
    let mut path: Vec<&K> = left.iter().next().copied().into_iter().collect();
    while let Some(last) = path.last() {
        let Some(next) = edges.get(*last).into_iter().flatten().find(|k| left.contains(k)) else { break };
        if let Some(at) = path.iter().position(|k| *k == next) {
            return Err(path[at..].iter().map(|k| (*k).clone()).collect());
        }
        path.push(next);
    }
    Err(path.into_iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(list: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
        list.iter().map(|(k, to)| (k.to_string(), to.iter().map(|s| s.to_string()).collect())).collect()
    }

    #[test]
    fn everything_comes_after_what_it_points_to() {
        let sorted = order(edges(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &["elsewhere"])])).unwrap();
        assert_eq!(sorted, ["c", "b", "a"]);
    }

    #[test]
    fn a_cycle_is_named() {
        let cycle = order(edges(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &[])])).unwrap_err();
        assert_eq!(cycle, ["b", "c"]);
    }
}
