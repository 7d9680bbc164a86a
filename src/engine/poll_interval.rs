//! How often to poll while the cloud is at work.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::{Class, Error, Result};

/// The shortest time between two polls of one object.
const SHORTEST: Duration = Duration::from_millis(100);
/// A poll comes late by at most this part of the wait that it ends.
const LATENESS: u32 = 50;
/// How many polls a second one service gets, whoever waits. AWS refills its read buckets with about twenty.
const POLLS_PER_SECOND: f64 = 20.0;
/// How long all polls of one wait may fail for transient reasons.
const UNANSWERED: Duration = Duration::from_secs(120);

/// How many objects of each service are waited for.
#[derive(Default)]
pub(super) struct Waiting(Mutex<HashMap<String, Arc<AtomicUsize>>>);

impl Waiting {
    /// Begins a wait for something of `service` that usually takes `usual`, and ends after `longest`.
    pub(super) fn begin(&self, service: &str, usual: Duration, longest: Duration) -> Wait {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(service.to_owned()).or_default().clone();
        waiting.fetch_add(1, Ordering::Relaxed);
        Wait { since: Instant::now(), usual, longest, waiting, failing: None, seen: None }
    }
}

/// The clock of one wait.
pub(super) struct Wait {
    pub(super) since: Instant,
    usual: Duration,
    longest: Duration,
    waiting: Arc<AtomicUsize>,
    /// Since when every poll fails.
    failing: Option<Instant>,
    /// When the object was seen last.
    seen: Option<Instant>,
}

impl Wait {
    /// Returns the time until the next poll.
    pub(super) fn next(&self) -> Duration {
        interval(self.since.elapsed(), self.usual, self.waiting.load(Ordering::Relaxed))
    }

    /// Checks whether it has taken longer than anything of its kind takes.
    pub(super) fn is_over(&self) -> bool {
        self.since.elapsed() >= self.longest
    }

    /// Notes that the object is there.
    pub(super) fn seen(&mut self) {
        self.seen = Some(Instant::now());
    }

    /// Returns how long it has not been seen.
    pub(super) fn unseen(&self) -> Duration {
        self.seen.unwrap_or(self.since).elapsed()
    }

    /// Notes that a poll was answered.
    pub(super) fn answered(&mut self) {
        self.failing = None;
    }

    /// Ignores a poll that failed for a transient reason; when all of them do for a while, the wait ends.
    pub(super) fn forgive(&mut self, error: Error) -> Result<()> {
        let passing = matches!(error.class, Class::Throttled | Class::Ambiguous | Class::NotYet);
        let failing = self.failing.get_or_insert_with(Instant::now).elapsed();
        match passing {
            true if failing < UNANSWERED => Ok(()),
            true => Err(error.hint(format!("every poll failed for {} s", failing.as_secs()))),
            false => Err(error),
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns a time in proportion to how long it has taken, because the speed of the cloud is unknown (a local one may take a
/// hundredth of the usual time); never longer than about a fiftieth of the usual time, until it takes unusually long.
fn interval(elapsed: Duration, usual: Duration, waiting: usize) -> Duration {
    let dense = (usual / 50).clamp(Duration::from_secs(2), Duration::from_secs(8));
    let longest = if elapsed > usual * 2 { Duration::from_secs(10) } else { dense };
    let turn = Duration::from_secs_f64(waiting as f64 / POLLS_PER_SECOND);
    (elapsed / LATENESS).clamp(SHORTEST, longest).max(turn)
}

/// How old an answer may be: within this time, something that was just created may still look like its deleted predecessor.
pub(super) const STALE: Duration = Duration::from_secs(20);

/// Returns how long to wait before a call that failed for a transient reason is sent again: the same idea for calls that change
/// something.
pub(super) fn retry_interval(elapsed: Duration) -> Duration {
    (elapsed / 8).clamp(Duration::from_millis(200), Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// How long a wait of `real` seems to whoever polls at these intervals, and how often it polls.
    fn polled(real: Duration, usual: Duration, waiting: usize) -> (Duration, usize) {
        let (mut at, mut polls) = (Duration::ZERO, 1);
        while at < real {
            at += interval(at, usual, waiting);
            polls += 1;
        }
        (at, polls)
    }

    #[test]
    fn little_is_lost_at_any_speed_and_polls_are_few() {
        for usual in [105, 160, 480, 1050].map(Duration::from_secs) {
            for percent in [2_u32, 5, 10, 50, 80, 100, 120, 300] {
                let real = usual * percent / 100;
                let (seen, polls) = polled(real, usual, 1);
                assert!(seen <= real + (real / LATENESS).max(SHORTEST) + ms(1), "{usual:?} at {percent} %: {seen:?}");
                assert!(polls as u64 <= 300 + real.as_secs() / 6, "{usual:?} at {percent} %: {polls} polls");
            }
        }
        // At the usual speed a poll comes late by seconds, and a gateway costs some two polls a second.
        let (seen, polls) = polled(Duration::from_secs(105), Duration::from_secs(105), 1);
        assert!(seen < Duration::from_millis(107_200) && polls < 210, "{seen:?} {polls}");
    }

    #[test]
    fn those_who_wait_take_turns() {
        assert_eq!(interval(ms(100), Duration::from_secs(160), 300), Duration::from_secs(15));
        assert_eq!(interval(ms(100), Duration::from_secs(160), 1), SHORTEST);
        let waiting = Waiting::default();
        let begin = |service| waiting.begin(service, Duration::from_secs(1), Duration::from_secs(10));
        let one = begin("ecs");
        let more = [begin("ecs"), begin("ecs")];
        let other = begin("ec2");
        assert_eq!((one.next(), other.next()), (ms(150), SHORTEST));
        drop(more);
        assert_eq!(one.next(), SHORTEST);
    }

    #[test]
    fn occasional_failures_are_forgiven_and_waits_end() {
        let lost = || Error::new(Class::Ambiguous, "lost");
        let mut wait = Waiting::default().begin("ecs", Duration::from_secs(1), Duration::from_secs(10));
        for _ in 0..100 {
            assert!(wait.forgive(lost()).is_ok());
            wait.answered();
        }
        assert!(wait.forgive(Error::new(Class::Denied, "no")).is_err());
        let Some(long_ago) = Instant::now().checked_sub(UNANSWERED) else { return };
        wait.failing = Some(long_ago);
        assert_eq!(wait.forgive(lost()).unwrap_err().hints, ["every poll failed for 120 s"]);
        wait.answered();
        assert!(wait.forgive(lost()).is_ok() && !wait.is_over());
        wait.since = long_ago;
        assert!(wait.is_over());
    }
}
