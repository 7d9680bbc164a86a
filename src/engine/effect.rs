//! What a change does besides changing what it names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a change is felt by those who use the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// It does not take effect before something else happens: a restart, a maintenance window.
    Waits,
    /// It restarts: requests in flight are dropped, and it serves again afterwards.
    Restarts,
    /// Another node takes over: connections break off for seconds.
    FailsOver,
    /// It does not serve for as long as that takes.
    Interrupts,
    /// It cannot be undone.
    CannotBeUndone,
    /// Data is lost.
    LosesData,
}

/// One thing that a change does besides changing what it names: shown in the plan, as text, Markdown and JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Effect {
    /// How it is felt.
    pub impact: Impact,
    /// What happens, as a sentence without its full stop: `the instance restarts`.
    pub words: String,
    /// How long that usually lasts, in seconds: from and to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<(u64, u64)>,
    /// It needs consent by name: `--allow-upgrade`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_consent: bool,
}

impl Effect {
    /// Returns an effect that the user is told about.
    pub fn new(impact: Impact, words: impl Into<String>) -> Self {
        Effect { impact, words: words.into(), lasts: None, needs_consent: false }
    }

    /// Returns the same, which usually lasts from `from` to `to` seconds.
    #[must_use]
    pub fn lasting(self, from: u64, to: u64) -> Self {
        Effect { lasts: Some((from, to)), ..self }
    }

    /// Returns the same, done only with consent.
    #[must_use]
    pub fn with_consent(self) -> Self {
        Effect { needs_consent: true, ..self }
    }

    /// Returns what happens and for how long: `the instance restarts (usually 5 to 20 min)`.
    pub fn sentence(&self) -> String {
        match self.lasts {
            None => self.words.clone(),
            Some((from, to)) => format!("{} (usually {})", self.words, span(from, to)),
        }
    }
}

/// Returns a range of time: `30 to 60 s`, `5 to 20 min`, `1 min`.
fn span(from: u64, to: u64) -> String {
    let (unit, size) = match to {
        0..120 => ("s", 1),
        120..7200 => ("min", 60),
        _ => ("h", 3600),
    };
    let (from, to) = (from.div_ceil(size), to.div_ceil(size));
    if from == to { format!("{to} {unit}") } else { format!("{from} to {to} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_is_a_sentence() {
        let sentence = |from, to| Effect::new(Impact::Restarts, "it restarts").lasting(from, to).sentence();
        assert_eq!(sentence(300, 1200), "it restarts (usually 5 to 20 min)");
        assert_eq!(sentence(30, 60), "it restarts (usually 30 to 60 s)");
        assert_eq!(sentence(600, 600), "it restarts (usually 10 min)");
        assert_eq!(sentence(3600, 7200), "it restarts (usually 1 to 2 h)");
        assert_eq!(Effect::new(Impact::CannotBeUndone, "no way back").sentence(), "no way back");
    }
}
