//! Why an environment is at rest.

/// Why an environment is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pause {
    /// Someone asked for it.
    Asked,
    /// Its data is not ready: what works with it does not run yet, but what holds it does.
    Unready,
}

impl Pause {
    /// Returns the value of the tag.
    pub fn word(self) -> &'static str {
        match self {
            Pause::Asked => "asked",
            Pause::Unready => "unready",
        }
    }

    /// Returns what the value of the tag says. What is not known keeps the environment at rest.
    pub fn of(word: &str) -> Pause {
        if word == Pause::Unready.word() { Pause::Unready } else { Pause::Asked }
    }
}
