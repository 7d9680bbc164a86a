//! What became of objects since they were created: what AWS, time and people did with them, which is in no file. It is read only where what
//! runs is looked at.

use futures::future::{BoxFuture, join_all};

use super::{Breach, Unread};
use crate::aws::Cx;
use crate::engine::{Claim, Key, Result, Seen, Snapshot};

/// What was found: a control that is not met, by its id, and by which object.
pub type Fact = (&'static str, Breach);

/// What a service is asked about its objects.
pub struct Later {
    /// The controls that the answer is for.
    pub controls: &'static [&'static str],
    /// Asks, and returns what does not meet them.
    pub read: for<'a> fn(&'a Cx, &'a Snapshot) -> BoxFuture<'a, Result<Vec<Fact>>>,
}

/// Asks everything, and returns what could not be read besides.
pub async fn read(cx: &Cx, snapshot: &Snapshot, all: impl Iterator<Item = &'static Later>) -> (Vec<Fact>, Vec<Unread>) {
    let (mut facts, mut unread) = (Vec::new(), Vec::new());
    let answers = join_all(all.map(|later| async move { (later.controls, (later.read)(cx, snapshot).await) })).await;
    for (controls, answer) in answers {
        match answer {
            Ok(found) => facts.extend(found),
            Err(error) => unread.push((controls, error)),
        }
    }
    (facts, unread)
}

/// Returns the stack's own objects of a kind that exist, with their keys.
pub fn own<'a>(snapshot: &'a Snapshot, kind: &'static str) -> impl Iterator<Item = (Key, &'a Seen)> {
    let own = snapshot.seen.iter().filter(move |seen| seen.kind == kind && matches!(seen.claim, Claim::Ours(_)));
    own.filter_map(|seen| Some((seen.key()?, seen)))
}
