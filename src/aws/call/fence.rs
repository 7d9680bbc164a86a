//! The fence: while a run holds a lease, no call that changes anything leaves without a look at whether it still does.
//!
//! The look costs nothing: the lease was renewed at a time that is known here. A call that is let through may take half a
//! minute to arrive, so the fence closes that much earlier than others may take the lease over. Whether a call changes
//! anything is told by its name, as AWS names its operations; an unknown verb is taken to change something.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How old the last renewal may be when a call leaves. One attempt of a call takes at most 30 s more.
pub const FRESH: Duration = Duration::from_secs(25);

/// What operations that only ask begin with.
const ASKING: &[&str] = &["Describe", "List", "Get", "Head", "BatchGet", "Simulate", "Lookup", "Select", "Filter", "Assume"];

/// Whether an operation of this name only asks.
pub(in crate::aws) fn asks(operation: &str) -> bool {
    ASKING.iter().any(|verb| operation.starts_with(verb))
}

/// Why a call was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Nobody could be asked for a while: it opens again when the lease is renewed.
    Stale,
    /// The lease is somebody else's now: who, in words.
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

/// When something was, by the clock that never jumps and by the one that goes on while the machine sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Moment(Instant, SystemTime);

impl Moment {
    /// This one.
    pub fn now() -> Moment {
        Moment(Instant::now(), SystemTime::now())
    }

    /// How long ago it was, by the clock that says more. The one that jumps may jump back: then it says nothing.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

#[derive(Debug, Default)]
enum State {
    /// This command needs no lease.
    #[default]
    Open,
    /// Renewed then.
    Held(Moment),
    /// Somebody else has it.
    Lost(String),
}

/// Whether this process may change anything. One for all clients.
#[derive(Debug, Default)]
pub struct Fence(Mutex<State>);

impl Fence {
    /// The lease was renewed by a call that was begun then.
    pub fn renewed(&self, at: Moment) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Lost(_)) {
            *state = State::Held(at);
        }
    }

    /// The lease is somebody else's. It stays so.
    pub fn lose(&self, who: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Lost(who.into());
    }

    /// The run is over; what follows needs no lease.
    pub fn open(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Open;
    }

    /// Whether a call of this name may leave now.
    ///
    /// # Errors
    /// Why not.
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
    fn the_fence_is_open_without_a_lease_and_for_questions() {
        let fence = Fence::default();
        assert_eq!(fence.check("CreateVpc"), Ok(()));
        fence.lose("somebody");
        assert_eq!(fence.check("DescribeVpcs"), Ok(()));
        assert_eq!(fence.check("CreateVpc"), Err(Closed::Lost("somebody".into())));
        // What is lost is not renewed.
        fence.renewed(Moment::now());
        assert_eq!(fence.check("PutObject"), Err(Closed::Lost("somebody".into())));
    }

    #[test]
    fn a_lease_that_was_not_renewed_lets_nothing_out_whichever_clock_says_so() {
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
        // A clock that was put back says nothing.
        fence.renewed(Moment(now, wall + Duration::from_secs(3600)));
        assert_eq!(fence.check("RunTask"), Ok(()));
    }
}
