//! Whether the cloud answers: reported by the code that sends calls, read by the code that waits.
//!
//! A call that fails is retried below the engine, for minutes at times. Without this, a wait would learn of an unplugged cable
//! only after all that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Nothing was asked for so long, so nothing is known: longer than any pause between two tries of one call.
const FORGOTTEN: Duration = Duration::from_secs(30);

/// How long silence is tolerated.
const PATIENCE: Duration = Duration::from_secs(120);

/// The parts of the cloud that were asked and have not answered since.
#[derive(Clone, Debug)]
pub struct Reach {
    states: Arc<Mutex<HashMap<String, State>>>,
    patience: Duration,
}

impl Default for Reach {
    fn default() -> Self {
        Reach::bearing(PATIENCE)
    }
}

#[derive(Debug)]
struct State {
    since: Instant,
    /// When a question was last in flight.
    last: Instant,
    under_way: usize,
    tries: u32,
    why: Option<String>,
}

/// A part of the cloud that does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Which: `EC2`.
    pub of: String,
    /// For how long.
    pub time: Duration,
    /// How many tries failed.
    pub tries: u32,
    /// Why the last of them did: `connection refused`.
    pub why: Option<String>,
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Silence { of, time, tries, why } = self;
        let times = if *tries == 1 { "once" } else { "times" };
        match why {
            Some(why) if *tries == 1 => write!(f, "{of} cannot be reached: {why}, tried {times} in {} s", time.as_secs()),
            Some(why) => write!(f, "{of} cannot be reached: {why}, tried {tries} {times} in {} s", time.as_secs()),
            None => write!(f, "{of} has not answered for {} s", time.as_secs()),
        }
    }
}

impl Reach {
    /// Returns a reach for which nothing was asked yet, and which tolerates silence for so long.
    pub fn bearing(patience: Duration) -> Self {
        Reach { states: Arc::default(), patience }
    }

    /// Returns how long silence is tolerated.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Notes that a question leaves for this part of the cloud.
    pub fn asks(&self, of: &str) -> Asked {
        let now = Instant::now();
        let mut states = self.locked();
        let fresh = || State { since: now, last: now, under_way: 0, tries: 0, why: None };
        let state = states.entry(of.to_owned()).or_insert_with(fresh);
        if state.is_forgotten(now) {
            *state = fresh();
        }
        state.under_way += 1;
        Asked { reach: self.clone(), of: of.to_owned() }
    }

    /// Returns who has been silent the longest, when someone is asked at the moment and is silent.
    pub fn silence(&self) -> Option<Silence> {
        self.silence_of(|_| true)
    }

    /// Returns the same of some parts only.
    pub fn silence_of(&self, which: impl Fn(&str) -> bool) -> Option<Silence> {
        let now = Instant::now();
        let states = self.locked();
        let silent = states.iter().filter(|(of, state)| which(of) && !state.is_forgotten(now));
        silent.min_by_key(|(_, state)| state.since).map(|(of, state)| Silence {
            of: of.clone(),
            time: now.saturating_duration_since(state.since),
            tries: state.tries,
            why: state.why.clone(),
        })
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_forgotten(&self, now: Instant) -> bool {
        self.under_way == 0 && (self.tries == 0 || now.saturating_duration_since(self.last) > FORGOTTEN)
    }
}

/// A question that is under way. Dropped without a word: nobody waits for its answer any more.
pub struct Asked {
    reach: Reach,
    of: String,
}

impl Asked {
    /// Notes that it was answered, whatever the answer.
    pub fn answered(self) {
        self.reach.locked().remove(&self.of);
    }

    /// Notes that no answer came, for this reason.
    pub fn failed(self, why: impl Into<String>) {
        if let Some(state) = self.reach.locked().get_mut(&self.of) {
            state.tries += 1;
            state.why = Some(why.into());
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(state) = self.reach.locked().get_mut(&self.of) {
            state.under_way = state.under_way.saturating_sub(1);
            state.last = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_has_a_reason_and_ends_with_an_answer() {
        let reach = Reach::default();
        assert_eq!(reach.silence(), None);
        let first = reach.asks("EC2");
        let said = reach.silence().map(|silence| silence.to_string());
        assert_eq!(said.as_deref(), Some("EC2 has not answered for 0 s"));
        first.failed("connection refused");
        reach.asks("EC2").failed("connection refused");
        let said = reach.silence().map(|silence| silence.to_string());
        assert_eq!(said.as_deref(), Some("EC2 cannot be reached: connection refused, tried 2 times in 0 s"));
        reach.asks("RDS").answered();
        assert!(reach.silence().is_some_and(|silence| silence.of == "EC2"));
        assert_eq!(reach.silence_of(|of| of == "RDS"), None);
        reach.asks("EC2").answered();
        assert_eq!(reach.silence(), None);
    }

    #[test]
    fn a_dropped_question_is_no_silence() {
        let reach = Reach::default();
        let (one, other) = (reach.asks("S3"), reach.asks("S3"));
        drop(one);
        assert!(reach.silence().is_some());
        drop(other);
        assert_eq!(reach.silence(), None);
    }

    #[test]
    fn what_failed_long_ago_is_forgotten() {
        let reach = Reach::default();
        reach.asks("S3").failed("connection refused");
        assert!(reach.silence().is_some());
        if let Some(long_ago) = Instant::now().checked_sub(FORGOTTEN * 2) {
            let state = State { since: long_ago, last: long_ago, under_way: 0, tries: 9, why: None };
            reach.locked().insert("S3".into(), state);
            assert_eq!(reach.silence(), None);
            let asked = reach.asks("S3");
            assert!(reach.silence().is_some_and(|silence| silence.tries == 0 && silence.time < FORGOTTEN));
            drop(asked);
        }
    }
}
