//! Why an environment is at rest, and what of it is.

use serde_json::Value;

use super::tags::{TAG_PAUSED, tag};

/// Why an environment is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pause {
    /// Someone asked for it.
    Asked,
    /// Someone asked for it, and what is not needed meanwhile does not even exist.
    Bare,
    /// Its data is not ready: what works with it does not run yet, but what holds it does.
    Unready,
}

impl Pause {
    /// Returns the value of the tag.
    pub fn word(self) -> &'static str {
        match self {
            Pause::Asked => "asked",
            Pause::Bare => "bare",
            Pause::Unready => "unready",
        }
    }

    /// Returns what the value of the tag says. What is not known keeps the environment at rest.
    pub fn of(word: &str) -> Pause {
        [Pause::Bare, Pause::Unready].into_iter().find(|why| why.word() == word).unwrap_or(Pause::Asked)
    }
}

/// Checks whether this object is paused, or desired to be.
pub(super) fn is_paused(fields: &Value) -> bool {
    tag(fields, TAG_PAUSED).is_some()
}
