//! Load tests: how many requests something carries before it breaks a goal.
//!
//! What is decided is here, without a network, a terminal or AWS: when requests are due, what is counted, which rate comes next, what
//! the limit was. Sending is in [`crate::commands`], drawing in [`crate::ui`].
//!
//! | module | holds |
//! | --- | --- |
//! | [`goal`] | what must hold: percentiles of the latency, the share of failures |
//! | [`scenario`] | which requests are sent, and in which order |
//! | [`schedule`] | when each request is due |
//! | [`step`] | what is counted at one rate |
//! | [`search`] | which rate is next |
//! | [`limit`] | what the limit was |
//! | [`result`] | all of it |
//!
//! The loop is open: requests are due at fixed times, whether earlier ones were answered or not, and a latency begins when the request
//! was due. A target that stalls so makes all requests slow that were due meanwhile, as it would for users. Tools that wait for
//! answers leave those out ("coordinated omission").

pub mod goal;
pub mod limit;
pub mod result;
pub mod scenario;
pub mod schedule;
pub mod search;
pub mod step;

pub use goal::Goal;
pub use limit::{Figure, Limit};
pub use result::LoadTest;
pub use scenario::Scenario;
pub use schedule::Schedule;
pub use search::{End, Search};
pub use step::{Outcome, Sample, Step, StepSoFar, Tally, Verdict};
