//! How often to look while AWS is at work.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::{Class, Error, Result};

/// The shortest time between two looks at one object.
const SOON: Duration = Duration::from_millis(100);
/// A look comes late by at most this part of the wait that it ends.
const LATE: u32 = 50;
/// How many looks a second one service is asked for, whoever waits. AWS refills its read buckets with about twenty.
const LOOKS: f64 = 20.0;
/// For how long all looks of one wait may fail for passing reasons.
const UNANSWERED: Duration = Duration::from_secs(120);

/// How many objects of each service are waited for.
#[derive(Default)]
pub(super) struct Crowds(Mutex<HashMap<String, Arc<AtomicUsize>>>);

impl Crowds {
    /// The clock of one wait for something of `service` that usually takes `usual`, and ends after `longest`.
    pub(super) fn pace(&self, service: &str, usual: Duration, longest: Duration) -> Pace {
        let crowd = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(service.to_owned()).or_default().clone();
        crowd.fetch_add(1, Ordering::Relaxed);
        Pace { since: Instant::now(), usual, longest, crowd, failing: None, seen: None }
    }
}

/// The clock of one wait.
pub(super) struct Pace {
    pub(super) since: Instant,
    usual: Duration,
    longest: Duration,
    crowd: Arc<AtomicUsize>,
    /// Since when every look fails.
    failing: Option<Instant>,
    /// When the object was seen last.
    seen: Option<Instant>,
}

impl Pace {
    /// How long until the next look.
    pub(super) fn next(&self) -> Duration {
        interval(self.since.elapsed(), self.usual, self.crowd.load(Ordering::Relaxed))
    }

    /// Whether it has taken longer than anything of its kind takes.
    pub(super) fn is_over(&self) -> bool {
        self.since.elapsed() >= self.longest
    }

    /// The object is there.
    pub(super) fn seen(&mut self) {
        self.seen = Some(Instant::now());
    }

    /// For how long it has not been seen.
    pub(super) fn unseen(&self) -> Duration {
        self.seen.unwrap_or(self.since).elapsed()
    }

    /// A look was answered.
    pub(super) fn answered(&mut self) {
        self.failing = None;
    }

    /// A look that failed for a passing reason is not the end of the wait; when all of them do for a while, it is.
    pub(super) fn forgive(&mut self, error: Error) -> Result<()> {
        let passing = matches!(error.class, Class::Throttled | Class::Ambiguous | Class::NotYet);
        let failing = self.failing.get_or_insert_with(Instant::now).elapsed();
        match passing {
            true if failing < UNANSWERED => Ok(()),
            true => Err(error.hint(format!("every look failed for {} s", failing.as_secs()))),
            false => Err(error),
        }
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.crowd.fetch_sub(1, Ordering::Relaxed);
    }
}

/// In proportion to how long it has taken, because nobody knows how fast this AWS is (a local one may take a hundredth of
/// the usual time); never longer than about a fiftieth of the usual time, until it takes unusually long.
fn interval(elapsed: Duration, usual: Duration, crowd: usize) -> Duration {
    let dense = (usual / 50).clamp(Duration::from_secs(2), Duration::from_secs(8));
    let longest = if elapsed > usual * 2 { Duration::from_secs(10) } else { dense };
    let turn = Duration::from_secs_f64(crowd as f64 / LOOKS);
    (elapsed / LATE).clamp(SOON, longest).max(turn)
}

/// How old an answer may be: so long, something that was just made may still seem to be the dead one before it.
pub(super) const OLD: Duration = Duration::from_secs(20);

/// How long until something that failed for a passing reason is tried again: the same idea for calls that change things.
pub(super) fn again(elapsed: Duration) -> Duration {
    (elapsed / 8).clamp(Duration::from_millis(200), Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// How long a wait of `real` is in the eyes of who looks at that pace, and how often it looks.
    fn wait(real: Duration, usual: Duration, crowd: usize) -> (Duration, usize) {
        let (mut at, mut looks) = (Duration::ZERO, 1);
        while at < real {
            at += interval(at, usual, crowd);
            looks += 1;
        }
        (at, looks)
    }

    #[test]
    fn little_is_lost_at_any_speed_and_looks_are_few() {
        for usual in [105, 160, 480, 1050].map(Duration::from_secs) {
            for percent in [2_u32, 5, 10, 50, 80, 100, 120, 300] {
                let real = usual * percent / 100;
                let (seen, looks) = wait(real, usual, 1);
                assert!(seen <= real + (real / LATE).max(SOON) + ms(1), "{usual:?} at {percent} %: {seen:?}");
                assert!(looks as u64 <= 300 + real.as_secs() / 6, "{usual:?} at {percent} %: {looks} looks");
            }
        }
        // At the usual speed a look comes late by seconds, and a gateway costs some two looks a second.
        let (seen, looks) = wait(Duration::from_secs(105), Duration::from_secs(105), 1);
        assert!(seen < Duration::from_millis(107_200) && looks < 210, "{seen:?} {looks}");
    }

    #[test]
    fn a_crowd_takes_turns() {
        assert_eq!(interval(ms(100), Duration::from_secs(160), 300), Duration::from_secs(15));
        assert_eq!(interval(ms(100), Duration::from_secs(160), 1), SOON);
        let crowds = Crowds::default();
        let pace = |service| crowds.pace(service, Duration::from_secs(1), Duration::from_secs(10));
        let one = pace("ecs");
        let more = [pace("ecs"), pace("ecs")];
        let other = pace("ec2");
        assert_eq!((one.next(), other.next()), (ms(150), SOON));
        drop(more);
        assert_eq!(one.next(), SOON);
    }

    #[test]
    fn looks_that_fail_now_and_then_are_forgiven_and_a_wait_has_an_end() {
        let lost = || Error::new(Class::Ambiguous, "lost");
        let mut pace = Crowds::default().pace("ecs", Duration::from_secs(1), Duration::from_secs(10));
        for _ in 0..100 {
            assert!(pace.forgive(lost()).is_ok());
            pace.answered();
        }
        assert!(pace.forgive(Error::new(Class::Denied, "no")).is_err());
        let Some(long_ago) = Instant::now().checked_sub(UNANSWERED) else { return };
        pace.failing = Some(long_ago);
        assert_eq!(pace.forgive(lost()).unwrap_err().hints, ["every look failed for 120 s"]);
        pace.answered();
        assert!(pace.forgive(lost()).is_ok() && !pace.is_over());
        pace.since = long_ago;
        assert!(pace.is_over());
    }
}
