//! An environment at rest: what works in it is stopped, what holds its data stays.
//!
//! Each object that is paused says so, and why, in its tag [`TAG_PAUSED`]: there is no other record of it. A plan of such an
//! environment desires what the kinds make of the file then ([`Resource::pause`](super::Resource::pause)), so it is empty; without
//! that, what has the tag starts again ([`Resource::resume`](super::Resource::resume)), and loses it. What does not even exist then
//! ([`Resource::absent`](super::Resource::absent)) is in the graph, so that it is known by its name, and in the plan only to be deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::error::{Class, Error, Result};
use super::graph::{Graph, Node};
use super::item::FOLLOWERS;
use super::key::Key;
use super::kind::Registry;
use super::plan::Plan;
use super::resource::Cloud;
use super::rest::{Pause, is_paused};
use super::rules::{self, What};
use super::scope::Claim;
use super::snapshot::Snapshot;
use super::tags::{TAG_PAUSED, tag};
use super::token;

impl Snapshot {
    /// Returns why the environment is paused, if it is: what its objects say. Where they differ, that its data is not ready counts.
    pub fn paused(&self) -> Option<Pause> {
        let ours = self.remaining().filter(|seen| matches!(seen.claim, Claim::Ours(_)));
        ours.filter_map(|seen| tag(&seen.fields, TAG_PAUSED)).map(Pause::of).max()
    }
}

impl Graph {
    /// Notes what others follow elsewhere, as the live objects say: of some kinds that cannot be paused.
    pub fn note_followed<'a>(&mut self, live: impl Iterator<Item = (Key, &'a Value)>) {
        let is_followed = |live: &Value| live.get(FOLLOWERS).and_then(Value::as_array).is_some_and(|all| !all.is_empty());
        self.followed = live.filter(|(_, live)| is_followed(live)).map(|(key, _)| key).collect();
    }

    /// Turns what is desired into what is desired while the environment is paused, and returns what that concerns.
    ///
    /// # Errors
    /// When something that stays refers to what does not exist then.
    pub fn pause<C: Cloud>(&mut self, registry: &Registry<C>, why: Pause) -> Result<BTreeSet<Key>> {
        self.leave_out(registry, why)?;
        let mut users: BTreeMap<Key, BTreeSet<String>> = BTreeMap::new();
        for (user, named) in self.edges() {
            for key in named.into_keys() {
                users.entry(key).or_default().insert(user.kind.clone());
            }
        }
        let followed = std::mem::take(&mut self.followed);
        let (mut paused, mut awake) = (BTreeSet::new(), Vec::new());
        for node in self.nodes_mut() {
            let Some(kind) = registry.find(&node.key.kind) else { continue };
            let follower = followed.contains(&node.key).then_some(node.key.kind.as_str());
            let used_by: Vec<&str> = users.get(&node.key).into_iter().flatten().map(String::as_str).chain(follower).collect();
            let running = node.clone();
            let desired = Arc::make_mut(&mut node.desired);
            if !kind.pause(desired, why, &used_by) {
                continue;
            }
            awake.push(running);
            if let (true, Value::Object(fields)) = (kind.info().tagged, desired)
                && let Value::Object(tags) = fields.entry("tags").or_insert_with(|| json!({}))
            {
                tags.insert(TAG_PAUSED.into(), why.word().into());
            }
            paused.insert(node.key.clone());
        }
        self.followed = followed;
        awake.extend(self.absent.iter().filter_map(|key| self.get(key).cloned()));
        for node in awake {
            // What is paused already has been told before.
            self.awake.entry(node.key.clone()).or_insert(node);
        }
        Ok(paused)
    }

    /// Checks whether an object does not exist while the environment is paused as it is.
    pub fn is_absent(&self, key: &Key) -> bool {
        self.absent.contains(key)
    }

    /// Notes what does not exist while the environment is paused. What only comes after it need not wait for it.
    fn leave_out<C: Cloud>(&mut self, registry: &Registry<C>, why: Pause) -> Result<()> {
        let is_absent = |node: &&Node| registry.find(&node.key.kind).is_some_and(|kind| kind.absent(&node.desired, why));
        let absent: BTreeSet<Key> = self.nodes().filter(is_absent).map(|node| node.key.clone()).collect();
        let names = |value: &Value| token::named(value).into_keys().find(|key| absent.contains(key));
        for node in self.nodes_mut().filter(|node| !absent.contains(&node.key)) {
            if names(&node.desired).is_none() {
                continue;
            }
            let rules = registry.kind(&node.key.kind)?.info().rules;
            let desired = Arc::make_mut(&mut node.desired);
            for field in rules::fields(rules, What::OrderOnly) {
                if let Some(Value::Array(list)) = desired.get_mut(field) {
                    list.retain(|one| names(one).is_none());
                }
            }
            if let Some(to) = names(desired) {
                let words = format!("`{}` refers to `{to}`, which does not exist while the environment is paused", node.key);
                return Err(Error::new(Class::Invalid, words).hint("remove the reference, or resume the environment"));
            }
        }
        self.absent = absent;
        Ok(())
    }

    /// Does the same with what a snapshot has of the stack's own objects.
    pub fn note_followed_in(&mut self, snapshot: &Snapshot) {
        let ours = snapshot.remaining().filter(|seen| matches!(seen.claim, Claim::Ours(_)));
        self.note_followed(ours.filter_map(|seen| Some((seen.key()?, seen.live.as_ref()))));
    }

    /// Pauses what is desired if the environment is paused, and returns why it is.
    ///
    /// # Errors
    /// As [`Graph::pause`].
    pub fn rest<C: Cloud>(&mut self, registry: &Registry<C>, snapshot: &Snapshot) -> Result<Option<Pause>> {
        let Some(why) = snapshot.paused() else { return Ok(None) };
        self.note_followed_in(snapshot);
        self.pause(registry, why)?;
        Ok(Some(why))
    }
}

impl Plan {
    /// Checks whether anything in it is paused, or stays so.
    pub fn is_at_rest(&self) -> bool {
        self.items.iter().filter_map(|item| item.desired.as_deref()).any(is_paused)
    }
}

impl Graph {
    /// Returns what is not paused in an environment that is: a pause or its end did not finish, or someone wrote the tag.
    pub fn awake(&self, snapshot: &Snapshot) -> Vec<Key> {
        let runs = |key: &Key| {
            snapshot.remaining().any(|seen| {
                matches!(seen.claim, Claim::Ours(_))
                    && seen.key().as_ref() == Some(key)
                    && tag(&seen.fields, TAG_PAUSED).is_none()
            })
        };
        self.nodes().filter(|node| is_paused(&node.desired)).map(|node| node.key.clone()).filter(runs).collect()
    }
}

#[cfg(test)]
mod tests;
