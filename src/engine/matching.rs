//! Which live object has which key.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::error::{Class, Error, Result};
use super::graph::{Graph, Node};
use super::key::Key;
use super::kind::Kind;
use super::readiness::Readiness;
use super::rules::{self, What};
use super::scope::Claim;
use super::snapshot::{Seen, Snapshot};
use super::token::Ids;

/// The live object for a desired one.
pub(super) enum Match {
    /// Nothing.
    Nothing,
    /// This one, by its place in the snapshot.
    At(usize),
    /// This one, which belongs to someone else.
    Clash(usize),
}

/// Which live object has which key.
pub(super) struct Matching<'a> {
    seen: &'a [Seen],
    graph: &'a Graph,
    /// By key.
    pub(super) current: BTreeMap<Key, usize>,
    /// The live objects that are something desired.
    pub(super) taken: BTreeSet<usize>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, graph: &'a Graph) -> Result<Self> {
        let mut all: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        for (at, seen) in snapshot.seen.iter().enumerate() {
            if let (Some(key), false) = (seen.key(), seen.state.is_gone()) {
                all.entry(key).or_default().push(at);
            }
        }
        let mut current = BTreeMap::new();
        for (key, mut list) in all {
            // What only its tags attribute to the stack never takes the place of what certainly belongs to it.
            if list.iter().any(|at| matches!(snapshot.seen[*at].claim, Claim::Ours(_))) {
                list.retain(|at| matches!(snapshot.seen[*at].claim, Claim::Ours(_)));
            }
            // A failed one never hides one that works; the newest generation is the one that stays.
            let rank = |at: &usize| (!matches!(snapshot.seen[*at].state, Readiness::Failed(_)), snapshot.seen[*at].generation());
            let best = list.iter().map(rank).max();
            let first: Vec<usize> = list.into_iter().filter(|at| Some(rank(at)) == best).collect();
            if let [one, other, ..] = first[..]
                && best.is_some_and(|(works, _)| works)
            {
                let (one, other) = (snapshot.seen[one].id(), snapshot.seen[other].id());
                return Err(Error::new(Class::Exists, format!("two objects have the key `{key}`: {one} and {other}"))
                    .about(&key)
                    .hint("find out which of the two is in use, then delete the other one or remove its tag `stack:key`, and run the command again"));
            }
            if let Some(at) = first.first() {
                current.insert(key, *at);
            }
        }
        // What has another name now, and is not there under that name yet.
        let moved: Vec<(Key, Key)> = current
            .iter()
            .filter_map(|(key, at)| Some((key.clone(), graph.moved_to(&snapshot.seen[*at], key)?)))
            .filter(|(_, to)| !current.contains_key(to))
            .collect();
        for (from, to) in moved {
            if let Some(at) = current.remove(&from) {
                current.insert(to, at);
            }
        }
        Ok(Matching { seen: &snapshot.seen, graph, current, taken: BTreeSet::new() })
    }

    pub(super) fn find<C>(&mut self, kind: &dyn Kind<C>, node: &Node, ids: &Ids) -> Match {
        if let Some(at) = self.current.get(&node.key) {
            self.taken.insert(*at);
            return Match::At(*at);
        }
        let taken = Claim::Taken(node.key.name.clone());
        let namesake = |seen: &Seen| seen.kind == node.key.kind && seen.claim == taken && !seen.state.is_gone();
        if let Some(at) = self.seen.iter().position(namesake) {
            return Match::Clash(at);
        }
        let Some(wanted) = identity(kind, &node.desired, ids) else { return Match::Nothing };
        let alike = |claims: fn(&Claim) -> bool, this: &Self| {
            this.seen.iter().enumerate().find_map(|(at, seen)| {
                let fits =
                    seen.kind == node.key.kind && claims(&seen.claim) && !this.taken.contains(&at) && !seen.state.is_gone();
                (fits && identity(kind, &seen.fields, ids).as_ref() == Some(&wanted)).then_some(at)
            })
        };
        // The stack's own under a name that is no longer in the file.
        let leaving = |fits: fn(&Seen) -> bool, this: &Self| {
            this.current.iter().find_map(|(key, at)| {
                let seen = &this.seen[*at];
                let free = key.kind == node.key.kind && this.graph.get(key).is_none() && !this.taken.contains(at) && fits(seen);
                (free && identity(kind, &seen.fields, ids).as_ref() == Some(&wanted)).then_some(*at)
            })
        };
        let works = |seen: &Seen| matches!(seen.claim, Claim::Ours(_)) && !matches!(seen.state, Readiness::Failed(_));
        // Only one such object can exist: what leaves the file under another name is it, and continues as this one.
        let found = leaving(works, self)
            .or_else(|| alike(|c| matches!(c, Claim::Stray | Claim::Adoptable), self))
            .or_else(|| leaving(|_| true, self));
        if let Some(at) = found {
            self.taken.insert(at);
            return Match::At(at);
        }
        alike(|c| matches!(c, Claim::Foreign), self).map_or(Match::Nothing, Match::Clash)
    }
}

/// Returns what distinguishes an object from its siblings, when its kind names that and all of it is known.
pub(super) fn identity<C>(kind: &dyn Kind<C>, value: &Value, ids: &Ids) -> Option<Vec<Value>> {
    let fields: Vec<Value> = rules::fields(kind.info().rules, What::Identity)
        .map(|field| ids.resolve(value.get(field).unwrap_or(&Value::Null)))
        .collect::<Result<_, _>>()
        .ok()?;
    (!fields.is_empty() || kind.info().sole).then_some(fields)
}
