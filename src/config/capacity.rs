//! The section `capacity`: what a task of a service carries, as it was measured, and what is assumed of a user.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a task of a service carries. Nothing in AWS depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Requests per second that one task carries within its goal. `stack load --save` writes what it measured.
    #[schemars(range(min = 0.01, max = 1_000_000.0), example = &50.0)]
    pub requests_per_task: f64,
    /// Requests per second of a user who is active, an assumption: 0.1 is one every 10 seconds.
    #[serde(default = "per_user")]
    #[schemars(range(min = 0.0001, max = 1000.0))]
    pub requests_per_user: f64,
    /// Connections to each database and cache in `uses` that a task holds, an assumption: mostly the size of its pool.
    #[serde(default = "connections")]
    #[schemars(range(max = 10000))]
    pub connections_per_task: u32,
    /// The day on which it was measured. Default: not said.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", "patternErrorMessage" = "write a day like `2026-11-25`"), example = &"2026-11-25")]
    pub measured: Option<String>,
    /// The 99th percentile of the latency at that rate. Default: not said.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^[0-9]{1,5}ms$", "patternErrorMessage" = "write milliseconds like `280ms`"), example = &"280ms")]
    pub p99: Option<String>,
}

/// One request every 10 seconds.
pub const PER_USER: f64 = 0.1;
/// The size of many pools.
pub const CONNECTIONS: u32 = 10;

fn per_user() -> f64 {
    PER_USER
}

fn connections() -> u32 {
    CONNECTIONS
}

impl Capacity {
    /// Returns how many users a task carries, by what is assumed of a user.
    pub fn users_per_task(&self) -> f64 {
        self.requests_per_task / self.requests_per_user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_derived_from_requests() {
        let capacity: Capacity = serde_json::from_str(r#"{"requests_per_task": 40}"#).unwrap();
        assert_eq!((capacity.requests_per_user, capacity.connections_per_task, capacity.users_per_task()), (0.1, 10, 400.0));
    }
}
