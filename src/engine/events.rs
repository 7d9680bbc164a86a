//! What happens while a plan is applied. Reporters decide what is shown.

use std::time::Duration;

use serde::Serialize;

use super::action::Verb;
use super::error::Error;
use super::key::Key;

/// The target of the spans about operations and readings: their field `key` is the object, or the kind, that calls are about.
pub const OBJECT: &str = "stack::object";

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

/// One thing that happened. Times in seconds when written as JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// How many operations there are.
        operations: usize,
        /// How long the longest chain of them usually takes.
        #[serde(serialize_with = "seconds")]
        usual: Duration,
    },
    /// An operation begins.
    Started {
        /// The object.
        key: Key,
        /// What happens to it.
        verb: Verb,
        /// How long AWS usually takes.
        #[serde(serialize_with = "seconds")]
        usual: Duration,
    },
    /// AWS is at it.
    Status {
        /// The object.
        key: Key,
        /// What happens to it.
        verb: Verb,
        /// AWS's own words.
        status: String,
        /// Since the operation began.
        #[serde(serialize_with = "seconds")]
        elapsed: Duration,
    },
    /// It did not work yet, for a reason that passes.
    Retrying {
        /// The object.
        key: Key,
        /// What happens to it.
        verb: Verb,
        /// Why it did not.
        why: String,
        /// Since the operation began.
        #[serde(serialize_with = "seconds")]
        elapsed: Duration,
    },
    /// It is done.
    Finished {
        /// The object.
        key: Key,
        /// What happened to it.
        verb: Verb,
        /// How long it took.
        #[serde(serialize_with = "seconds")]
        elapsed: Duration,
    },
    /// It did not work.
    Failed {
        /// The object.
        key: Key,
        /// What should have happened to it.
        verb: Verb,
        /// Why it did not.
        error: Error,
        /// How long was tried.
        #[serde(serialize_with = "seconds")]
        elapsed: Duration,
    },
    /// The user stopped the run while AWS was at it: it goes on there, and the next run waits for it.
    Left {
        /// The object.
        key: Key,
        /// What happens to it.
        verb: Verb,
        /// AWS's last words; empty when it had said nothing yet.
        status: String,
    },
    /// It was not tried.
    Skipped {
        /// The object.
        key: Key,
        /// What should have happened to it.
        verb: Verb,
        /// The object that it waited for; none when the run was stopped.
        because: Option<Key>,
    },
    /// The user asked to stop: calls in flight end, nothing new begins.
    Stopping,
}

/// Somebody who wants to know. Called from the run itself, so it must not block for long.
pub trait Reporter: Send + Sync {
    /// Shows that something happened.
    fn event(&self, event: &Event);

    /// Removes what is shown for the moment: nothing more will happen, perhaps because the process ends here.
    fn end(&self) {}
}

/// Nobody wants to know.
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: &Event) {}
}
