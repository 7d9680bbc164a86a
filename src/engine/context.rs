//! What a kind is given to work with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::{Error, Result};
use super::key::Key;
use super::reach::Reach;
use super::reads::Reads;
use super::scope::Scope;

/// What every verb of a kind is given.
pub struct Cx<C> {
    /// The clients.
    pub cloud: Arc<C>,
    /// The stack that it is about.
    pub scope: Arc<Scope>,
    /// This reading's shared answers.
    pub reads: Arc<Reads>,
    /// The object at hand; for `observe` only its kind counts.
    pub key: Key,
    /// 1, and one more for every replacement.
    pub generation: u32,
    /// Whether what is deleted leaves a last copy behind.
    pub last_copy: bool,
    /// Whether there is consent that what is deleted takes its data with it.
    pub loses_data: bool,
    /// What others may refer to in the object that this one replaces, when its data is copied over.
    pub predecessor: Option<Value>,
    /// Whether what is created begins with a copy of data that it names ([`Resource::begins`](super::Resource::begins)).
    pub begins: bool,
    /// Whether the cloud answers.
    pub reach: Reach,
    /// What is created or changed must not send requests to what does not serve yet
    /// ([`Resource::PREPARES`](super::Resource::PREPARES)).
    pub prepare: bool,
    /// For kinds that write several objects with one call ([`Resource::JOINT`](super::Resource::JOINT)).
    pub peers: Arc<Peers>,
}

/// The objects of one kind in a run, for a kind of which several are written by one call.
#[derive(Debug, Default)]
pub struct Peers {
    /// What others may refer to of each that is there, and what it is to be.
    pub all: Vec<(Value, Value)>,
    /// Held while what they share is read and written.
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

impl<C> Clone for Cx<C> {
    fn clone(&self) -> Self {
        Cx {
            cloud: self.cloud.clone(),
            scope: self.scope.clone(),
            reads: self.reads.clone(),
            key: self.key.clone(),
            generation: self.generation,
            last_copy: self.last_copy,
            loses_data: self.loses_data,
            predecessor: self.predecessor.clone(),
            begins: self.begins,
            reach: self.reach.clone(),
            prepare: self.prepare,
            peers: self.peers.clone(),
        }
    }
}

impl<C> Cx<C> {
    /// Returns a context for a new reading.
    pub fn new(cloud: Arc<C>, scope: Arc<Scope>) -> Self {
        let key = Key::new("", "");
        Cx {
            cloud,
            scope,
            reads: Arc::default(),
            key,
            generation: 1,
            last_copy: true,
            loses_data: true,
            predecessor: None,
            begins: false,
            reach: Reach::default(),
            prepare: false,
            peers: Arc::default(),
        }
    }

    /// Returns the same about one object.
    pub fn at(&self, key: &Key, generation: u32) -> Self {
        Cx { key: key.clone(), generation, ..self.clone() }
    }

    /// Returns the same with nothing read yet.
    pub fn fresh(&self) -> Self {
        Cx { reads: Arc::default(), ..self.clone() }
    }

    /// Returns the same with nothing read yet, for a reading that may leave out these objects ([`Reads::without`]).
    pub fn without(&self, settled: &BTreeSet<String>) -> Self {
        Cx { reads: Arc::new(Reads::without(settled.clone())), ..self.clone() }
    }

    /// Returns the same with nothing read yet, for a reading that may ask the cloud's index ([`Reads::by_index`]).
    pub fn by_index(&self) -> Self {
        Cx { reads: Arc::new(Reads::by_index()), ..self.clone() }
    }

    /// Returns [`Cx::predecessor`] with its type.
    ///
    /// # Errors
    /// When it is of another type, which is a defect.
    pub fn replaces<L: DeserializeOwned>(&self) -> Result<Option<L>> {
        self.predecessor.as_ref().map(|live| typed(&self.key.kind, "what is replaced", live)).transpose()
    }

    /// Returns an idempotency token of 32 characters: the same for the same object, generation and `what`, whichever process
    /// asks.
    pub fn token(&self, what: &str) -> String {
        let s = &self.scope;
        let text =
            [&s.account, &s.region, &s.stack, &s.env, &self.key.to_string(), &self.generation.to_string(), what].join("\n");
        Sha256::digest(text.as_bytes()).iter().take(16).map(|b| format!("{b:02x}")).collect()
    }

    /// Returns the same, valid for five minutes only: for calls that answer a token for hours with an object that has been
    /// deleted since, where nothing distinguishes the new object from the deleted one. Within these minutes a run that died and
    /// begins again creates no second one, and afterwards it sees the first.
    pub fn token_for_now(&self, what: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 300);
        self.token(&format!("{what} {now}"))
    }
}

/// Reads a value as the type that it was written from.
pub(super) fn typed<T: DeserializeOwned>(kind: &str, what: &str, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|e| Error::internal(format!("{what} of `{kind}` does not fit its type: {e}")))
}
