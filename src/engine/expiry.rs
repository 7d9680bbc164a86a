//! Until when an environment is wanted.
//!
//! Every object says it in its tag [`TAG_EXPIRES`]; the latest of them counts. A new object gets the expiry of those that are there.

use futures::stream::{StreamExt, iter};
use serde_json::Value;

use super::context::Cx;
use super::diff::diff;
use super::error::{Class, Result};
use super::graph::Graph;
use super::kind::Registry;
use super::resource::Cloud;
use super::snapshot::{Seen, Snapshot};
use super::tags::{TAG_EXPIRES, tag};
use super::token::Ids;

/// How many objects are marked at once.
const AT_ONCE: usize = 16;

impl Snapshot {
    /// Returns until when the environment is wanted: the latest of what its objects say.
    pub fn expires(&self) -> Option<&str> {
        self.seen.iter().filter(|seen| seen.key().is_some()).filter_map(|seen| tag(&seen.fields, TAG_EXPIRES)).max()
    }
}

impl Graph {
    /// Gives every object that has tags this expiry. It counts for new ones; what is there keeps its own.
    pub fn expire(&mut self, at: &str) {
        for node in self.nodes_mut() {
            if let Some(Value::Object(tags)) = node.desired.get_mut("tags") {
                tags.insert(TAG_EXPIRES.into(), at.into());
            }
        }
    }
}

/// Writes an expiry into the tags of every object of the stack that has tags. Returns how many there were.
///
/// # Errors
/// What the cloud says about the first that could not be marked. The others are marked all the same.
pub async fn extend<C: Cloud>(registry: &Registry<C>, cx: &Cx<C>, snapshot: &Snapshot, at: &str) -> Result<usize> {
    let differs = |seen: &&Seen| seen.key().is_some() && tag(&seen.fields, TAG_EXPIRES) != Some(at);
    let has_tags = |seen: &&Seen| registry.find(&seen.kind).is_some_and(|kind| kind.info().tagged);
    let marks = snapshot.seen.iter().filter(differs).filter(has_tags).map(|seen| mark(registry, cx, seen, at));
    let marked: Vec<Result<()>> = iter(marks).buffer_unordered(AT_ONCE).collect().await;
    let count = marked.len();
    marked.into_iter().collect::<Result<Vec<()>>>().map(|_| count)
}

async fn mark<C: Cloud>(registry: &Registry<C>, cx: &Cx<C>, seen: &Seen, at: &str) -> Result<()> {
    let Some(key) = seen.key() else { return Ok(()) };
    let kind = registry.kind(&seen.kind)?;
    let mut desired = seen.fields.clone();
    desired["tags"][TAG_EXPIRES] = at.into();
    let changes = diff(kind.info().rules, &desired, &seen.fields, &Ids::default());
    let cx = cx.fresh().at(&key, seen.generation());
    match kind.update(&cx, &desired, &seen.live, &changes).await {
        // It is going.
        Err(error) if error.class == Class::NotFound => Ok(()),
        other => other.map(drop).map_err(|error| error.about(&key)),
    }
}
