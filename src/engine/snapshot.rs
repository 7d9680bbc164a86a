//! What is there.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::Instrument;

use super::context::Cx;
use super::error::{Class, Error};
use super::events::OBJECT;
use super::key::Key;
use super::kind::{Kind, RawObserved, Registry};
use super::poll_interval::{STALE, retry_interval};
use super::readiness::Readiness;
use super::resource::Cloud;
use super::scope::Claim;
use super::tags::{TAG_GENERATION, TAG_SECTION};
use super::token::Ids;

/// One object as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Its kind.
    pub kind: String,
    /// Whose it is.
    pub claim: Claim,
    /// Ids, ARNs, endpoints.
    pub live: Arc<Value>,
    /// The struct as a value; references are physical.
    pub fields: Arc<Value>,
    /// Whether it is finished.
    pub state: Readiness,
}

impl Seen {
    pub(super) fn new(kind: &str, observed: RawObserved) -> Seen {
        let RawObserved { claim, live, fields, state } = observed;
        Seen { kind: kind.to_owned(), claim, live: Arc::new(live), fields: Arc::new(fields), state }
    }

    /// Returns its key, when it belongs to the stack by name or by its tags.
    pub fn key(&self) -> Option<Key> {
        self.claim.name().map(|name| Key::new(self.kind.clone(), name))
    }

    /// Returns its generation: 1, or what its tag says.
    pub fn generation(&self) -> u32 {
        generation(&self.fields)
    }

    /// Returns the place in the file that it was created for.
    pub fn section(&self) -> Option<&str> {
        self.fields.get("tags")?.get(TAG_SECTION)?.as_str()
    }

    /// Returns AWS's identifier of it.
    pub fn id(&self) -> &str {
        id(&self.live)
    }
}

/// Returns the cloud's identifier of an object with these attributes.
pub(super) fn id(live: &Value) -> &str {
    live.get("arn").or_else(|| live.get("id")).and_then(Value::as_str).unwrap_or("")
}

/// Returns the generation of an object with these fields: 1, or what the tag says.
pub(super) fn generation(fields: &Value) -> u32 {
    fields.get("tags").and_then(|tags| tags.get(TAG_GENERATION)?.as_str()?.parse().ok()).unwrap_or(1)
}

/// Everything of a stack that was there at one time.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// In the order of the kinds.
    pub seen: Vec<Seen>,
    /// The services about which something was taken from the cloud's index, which can be behind.
    pub by_index: BTreeSet<&'static str>,
    /// The identifiers of the objects of which fields were proven instead of read.
    pub proven: BTreeSet<String>,
}

impl Snapshot {
    /// Returns the live values of the stack's objects, by which references to them are resolved.
    pub fn ids(&self) -> Ids {
        let mut ids = Ids::default();
        for seen in &self.seen {
            if let Some(key) = seen.key() {
                ids.insert(&key, seen.live.clone());
            }
        }
        ids
    }

    /// Reads every kind, all at once.
    ///
    /// # Errors
    /// Every kind that could not be read, each with the operation that failed.
    pub async fn read<C: Cloud>(registry: &Registry<C>, cx: &Cx<C>) -> Result<Snapshot, Vec<Error>> {
        let seen = read_kinds(registry, &cx.fresh(), |_| true).await?;
        Ok(Snapshot { seen, ..Snapshot::default() })
    }

    /// Reads the same, trusting the cloud's index where that may be asked.
    ///
    /// # Errors
    /// As [`Snapshot::read`].
    pub async fn read_by_index<C: Cloud>(registry: &Registry<C>, cx: &Cx<C>) -> Result<Snapshot, Vec<Error>> {
        let cx = cx.by_index();
        let seen = read_kinds(registry, &cx, |_| true).await?;
        Ok(Snapshot { seen, by_index: cx.reads.trusting(), ..Snapshot::default() })
    }

    /// Returns the objects of the stack that are not deleted, nor being deleted.
    pub(super) fn remaining(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(|seen| seen.key().is_some() && !seen.state.is_gone())
    }

    /// Reads the kinds for which `of` is true again, without the index. The objects in `settled`, by their identifiers, stay as they
    /// are.
    ///
    /// # Errors
    /// As [`Snapshot::read`].
    pub(super) async fn read_again<C: Cloud>(
        &mut self,
        registry: &Registry<C>,
        cx: &Cx<C>,
        of: impl Fn(&str) -> bool,
        settled: &BTreeSet<String>,
    ) -> Result<(), Vec<Error>> {
        let again = read_kinds(registry, &cx.without(settled), &of).await?;
        self.seen.retain(|seen| !of(&seen.kind) || settled.contains(seen.id()));
        self.seen.extend(again.into_iter().filter(|seen| !settled.contains(seen.id())));
        self.proven.retain(|id| settled.contains(id) || self.seen.iter().any(|seen| seen.id() == id && !of(&seen.kind)));
        let order: HashMap<&str, usize> = registry.kinds().enumerate().map(|(at, kind)| (kind.info().name, at)).collect();
        self.seen.sort_by_key(|seen| order.get(seen.kind.as_str()).copied());
        Ok(())
    }
}

/// Reads every object of a kind. What a list names and a question about it does not find is just created or just deleted: the
/// cloud's answers are of different times, and the kind is read again until they agree.
///
/// # Errors
/// What the cloud says, at last about what it does not find.
pub(super) async fn observed<C: Cloud>(kind: &dyn Kind<C>, cx: &Cx<C>) -> Result<Vec<RawObserved>, Error> {
    let since = Instant::now();
    let mut answer = kind.observe(cx).await;
    while answer.as_ref().is_err_and(|e| e.class == Class::NotFound) && since.elapsed() < STALE {
        tokio::time::sleep(retry_interval(since.elapsed())).await;
        answer = kind.observe(&cx.fresh()).await;
    }
    answer
}

/// Reads the kinds for which `wanted` is true, with the one reading of `cx`.
async fn read_kinds<C: Cloud>(
    registry: &Registry<C>,
    cx: &Cx<C>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Seen>, Vec<Error>> {
    let reads = registry.kinds().filter(|kind| wanted(kind.info().name)).map(|kind| {
        let cx = cx.at(&Key::new(kind.info().name, ""), 1);
        // The log of calls names the kind, where no operation names the object.
        let span = tracing::error_span!(target: OBJECT, "read", key = kind.info().name, verb = "Read");
        async move { (kind.info().name, observed(&**kind, &cx).await) }.instrument(span)
    });
    let mut seen = Vec::new();
    let mut errors: Vec<Error> = Vec::new();
    for (kind, result) in join_all(reads).await {
        match result {
            Ok(list) => seen.extend(list.into_iter().map(|o| Seen::new(kind, o))),
            // Kinds share their readings, so one failure may come back several times.
            Err(e) if errors.iter().any(|other| other.to_string() == e.to_string()) => {}
            Err(e) => errors.push(e),
        }
    }
    if errors.is_empty() { Ok(seen) } else { Err(errors) }
}
