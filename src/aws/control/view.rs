//! The objects that controls look at: those of a file, or those that run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Breach;
use super::account::{self, Settings};
use super::later::Fact;
use crate::engine::token::{self, Token};
use crate::engine::{Claim, Error, Graph, Ids, Key, Ref, Resource, Result, Rule, Snapshot, stray_name};

/// One object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its address.
    pub key: Key,
    /// The struct of its kind, as a value.
    pub fields: Arc<Value>,
    /// The place in the file that it comes from, as far as that is known.
    pub section: Option<String>,
}

/// The objects of a stack.
#[derive(Clone, Debug, Default)]
pub struct View {
    objects: Vec<Object>,
    ids: Ids,
    account: String,
    later: BTreeMap<&'static str, Vec<Breach>>,
}

impl View {
    /// Returns the objects of a file, in this account.
    pub fn of_graph(graph: &Graph, account: &str) -> View {
        let object = |node: &crate::engine::Node| Object {
            key: node.key.clone(),
            fields: node.desired.clone(),
            section: Some(node.origin.clone()),
        };
        View { objects: graph.nodes().map(object).collect(), account: account.to_owned(), ..View::default() }
    }

    /// Returns the objects that run in this account: the stack's, and what is inside of them, whoever made it. `rules` are those of
    /// a kind.
    pub fn of_snapshot(snapshot: &Snapshot, account: &str, rules: &dyn Fn(&str) -> &'static [Rule]) -> View {
        let mut ids = Ids::default();
        let there = || snapshot.seen.iter().filter(|seen| !seen.state.is_gone());
        for seen in there() {
            if let Some(key) = seen.key() {
                ids.insert(&key, seen.live.clone());
            }
        }
        let inside = |claim: &Claim| !matches!(claim, Claim::Foreign | Claim::Taken(_));
        let objects = there().filter(|seen| inside(&seen.claim)).map(|seen| {
            let key = seen.key().unwrap_or_else(|| Key::new(seen.kind.clone(), stray_name(rules(&seen.kind), seen, &ids)));
            Object { key, fields: seen.fields.clone(), section: seen.section().map(str::to_owned) }
        });
        let objects = objects.collect();
        View { objects, ids, account: account.to_owned(), ..View::default() }
    }

    /// Adds the settings of the account, to be held to what AWS asks of those.
    ///
    /// # Errors
    /// When they cannot be written as a value.
    pub fn add_account(&mut self, settings: &Settings) -> Result<()> {
        let fields = serde_json::to_value(settings).map_err(|e| Error::internal(e.to_string()))?;
        self.objects.push(Object { key: account::key(&self.account), fields: Arc::new(fields), section: None });
        Ok(())
    }

    /// Adds what became of the objects.
    pub fn add_later(&mut self, facts: Vec<Fact>) {
        for (control, breach) in facts {
            self.later.entry(control).or_default().push(breach);
        }
    }

    /// Returns what became of objects that does not meet this control.
    pub fn later(&self, control: &str) -> Vec<Breach> {
        self.later.get(control).cloned().unwrap_or_default()
    }

    #[cfg(test)]
    pub(in crate::aws) fn of(objects: Vec<Object>) -> View {
        View { objects, account: "123456789012".to_owned(), ..View::default() }
    }

    /// Returns the account that they are in.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Returns every object.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Returns the objects of a kind as they are.
    pub fn raw<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object.key.kind == kind)
    }

    /// Returns the objects of a kind.
    ///
    /// # Errors
    /// When one is not what its kind says, which is a defect.
    pub fn all<R: Resource>(&self) -> Result<Vec<(&Key, R)>> {
        let typed = |object: &'_ Object| {
            R::deserialize(object.fields.as_ref()).map_err(|e| Error::internal(format!("`{}` cannot be read: {e}", object.key)))
        };
        self.raw(R::KIND).map(|object| Ok((&object.key, typed(object)?))).collect()
    }

    /// Returns the object of the stack that a reference is to; none for what the stack does not have.
    pub fn target<R: Resource>(&self, reference: &Ref<R>) -> Option<Key> {
        reference.key().or_else(|| self.ids.owner(R::KIND, reference.id().ok()?))
    }

    /// Checks whether anything in an object refers to another one.
    pub fn refers(&self, object: &Object, to: &Key) -> bool {
        let mut found = false;
        token::visit(&object.fields, &mut |token| {
            found |= match token {
                Token::Named { key, .. } => key == *to,
                Token::Physical { kind, value, .. } => kind == to.kind && self.ids.owner(kind, value).as_ref() == Some(to),
            };
        });
        found
    }
}
