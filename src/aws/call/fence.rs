//! The fence: while a run holds a lease, every call that changes anything checks first that the run still holds it.
//!
//! The check costs nothing: the time of the last renewal is known here. A call that passes may take half a minute to arrive, so
//! the fence closes that much earlier than others may take over the lease. The name of an operation says whether it changes
//! anything; an unknown verb counts as a change.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The greatest age of the last renewal at which a call is sent. One attempt takes at most 30 s more.
pub const FRESH: Duration = Duration::from_secs(25);

/// The verbs of operations that change nothing.
const ASKING: &[&str] = &["Describe", "List", "Get", "Head", "BatchGet", "Simulate", "Lookup", "Select", "Filter", "Assume"];

/// Checks whether an operation of this name changes nothing.
pub(in crate::aws) fn asks(operation: &str) -> bool {
    ASKING.iter().any(|verb| operation.starts_with(verb))
}

/// The reason why a call was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The lease was not renewed in time; the fence opens again when it is.
    Stale,
    /// Another run holds the lease now: which, in words.
    Lost(String),
}

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Closed::Stale => f.write_str("the run's lease could not be renewed in time; waiting for it"),
            Closed::Lost(who) => write!(f, "the run's lease was taken over: {who}"),
        }
    }
}

impl std::error::Error for Closed {}

/// A point in time by two clocks: one that never jumps, and one that continues while the machine sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Moment(Instant, SystemTime);

impl Moment {
    /// Returns the present one.
    pub fn now() -> Moment {
        Moment(Instant::now(), SystemTime::now())
    }

    /// Returns how long ago it was, by the clock that says more. A clock that was set back does not count.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

#[derive(Debug, Default)]
enum State {
    /// The command needs no lease.
    #[default]
    Open,
    /// The lease was renewed then.
    Held(Moment),
    /// Another run holds the lease.
    Lost(String),
}

/// Decides whether this process may change anything. All clients share one.
#[derive(Debug, Default)]
pub struct Fence(Mutex<State>);

impl Fence {
    /// Records a renewal by a call that began then.
    pub fn renewed(&self, at: Moment) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Lost(_)) {
            *state = State::Held(at);
        }
    }

    /// Records that another run holds the lease. It cannot be renewed after that.
    pub fn lose(&self, who: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Lost(who.into());
    }

    /// Opens the fence after a run: the calls that follow need no lease.
    pub fn open(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Open;
    }

    /// Checks whether a call of this name may be sent now.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self, operation: &str) -> Result<(), Closed> {
        if asks(operation) {
            return Ok(());
        }
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Open => Ok(()),
            State::Lost(who) => Err(Closed::Lost(who.clone())),
            State::Held(at) if at.elapsed() < FRESH => Ok(()),
            State::Held(_) => Err(Closed::Stale),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fence_is_open_without_a_lease_and_for_reads() {
        let fence = Fence::default();
        assert_eq!(fence.check("CreateVpc"), Ok(()));
        fence.lose("another run");
        assert_eq!(fence.check("DescribeVpcs"), Ok(()));
        assert_eq!(fence.check("CreateVpc"), Err(Closed::Lost("another run".into())));
        // A lost lease is not renewed.
        fence.renewed(Moment::now());
        assert_eq!(fence.check("PutObject"), Err(Closed::Lost("another run".into())));
    }

    #[test]
    fn a_stale_lease_closes_the_fence_by_either_clock() {
        let fence = Fence::default();
        let (now, wall) = (Instant::now(), SystemTime::now());
        fence.renewed(Moment(now, wall));
        assert_eq!(fence.check("RunTask"), Ok(()));
        fence.renewed(Moment(now, wall - FRESH));
        assert_eq!(fence.check("RunTask"), Err(Closed::Stale));
        if let Some(earlier) = now.checked_sub(FRESH) {
            fence.renewed(Moment(earlier, wall));
            assert_eq!(fence.check("RunTask"), Err(Closed::Stale));
        }
        // A clock that was set back does not count.
        fence.renewed(Moment(now, wall + Duration::from_secs(3600)));
        assert_eq!(fence.check("RunTask"), Ok(()));
    }
}
