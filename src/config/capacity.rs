//! The section `capacity`: what a task of a service carries, as it was measured, and what is assumed of a user.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a task of a service carries. Nothing in AWS depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Requests per second that one task carries within its goal. `stack load --save` writes what it measured, and
    /// `stack capacity --from-production --save` what production shows. Default: that of `users_per_task`; one of both is required.
    #[serde(default)]
    #[schemars(range(min = 0.01, max = 1_000_000.0), example = &50.0)]
    pub requests_per_task: Option<f64>,
    /// Users that one task carries, in place of `requests_per_task`: as many requests as `requests_per_user` makes of them. Default: that
    /// of `requests_per_task`.
    #[serde(default)]
    #[schemars(range(min = 0.01, max = 1_000_000_000.0), example = &400.0)]
    pub users_per_task: Option<f64>,
    /// Requests per second of a user who is active, an assumption: 0.1 is one every 10 seconds.
    #[serde(default = "per_user")]
    #[schemars(range(min = 0.0001, max = 1000.0))]
    pub requests_per_user: f64,
    /// Connections to each database and cache in `uses` that a task holds, an assumption: mostly the size of its pool.
    #[serde(default = "connections")]
    #[schemars(range(max = 10000))]
    pub connections_per_task: u32,
    /// KiB of memory in each cache in `uses` that a user takes up, an assumption: a session, and what is cached for one user. If sessions
    /// outlive the activity, more: those of users who have left are still there. Default: not said, and the memory of caches is not compared with.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_048_576), example = &8)]
    pub cache_kib_per_user: Option<u32>,
    /// Connections through NAT gateways to the one address of the internet to which it has most (of a payment service, for instance), an
    /// assumption. Default: not said, and the limit of a gateway is not compared with.
    #[serde(default)]
    #[schemars(range(max = 55000))]
    pub outgoing_connections_per_task: Option<u32>,
    /// How that is known. Default: not said, as after `stack load`.
    #[serde(default)]
    pub basis: Option<Basis>,
    /// The day on which it was measured. Default: not said.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", "patternErrorMessage" = "write a day like `2026-11-25`"), example = &"2026-11-25")]
    pub measured: Option<String>,
    /// The 99th percentile of the latency at that rate. Default: not said.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^[0-9]{1,5}ms$", "patternErrorMessage" = "write milliseconds like `280ms`"), example = &"280ms")]
    pub p99: Option<String>,
}

/// How it is known what a task carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// A load test: the highest rate at which its goal held.
    Load,
    /// The busiest hour of production: the least that a task carries.
    Production,
    /// More than that: what its CPU permits at 70 percent.
    Extrapolated,
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
    /// Returns the requests per second that a task carries.
    pub fn carries(&self) -> f64 {
        let of_users = || self.users_per_task.map(|users| users * self.requests_per_user);
        self.requests_per_task.or_else(of_users).unwrap_or_default()
    }

    /// Returns how many users a task carries, by what is assumed of a user.
    pub fn users(&self) -> f64 {
        self.carries() / self.requests_per_user
    }
}

/// Returns the keys that say what a task carries, with their values: requests per second, or users where the file has these.
pub fn written(now: Option<&Capacity>, carries: f64, basis: Basis) -> Vec<(&'static str, serde_json::Value)> {
    let rounded = |number: f64| ((number * 100.0).round() / 100.0).max(0.01).into();
    let per_user = now.filter(|now| now.users_per_task.is_some()).map(|now| now.requests_per_user);
    let figure = match per_user {
        Some(per_user) => ("users_per_task", rounded(carries / per_user)),
        None => ("requests_per_task", rounded(carries)),
    };
    // What is not said is a load test.
    let is_new = basis != now.and_then(|now| now.basis).unwrap_or(Basis::Load);
    let named = match basis {
        Basis::Load => "load",
        Basis::Production => "production",
        Basis::Extrapolated => "extrapolated",
    };
    std::iter::once(figure).chain(is_new.then(|| ("basis", named.into()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_derived_from_requests() {
        let capacity: Capacity = serde_json::from_str(r#"{"requests_per_task": 40}"#).unwrap();
        assert_eq!((capacity.requests_per_user, capacity.connections_per_task, capacity.users()), (0.1, 10, 400.0));
    }

    #[test]
    fn requests_are_derived_from_users() {
        let capacity: Capacity = serde_json::from_str(r#"{"users_per_task": 400, "requests_per_user": 0.25}"#).unwrap();
        assert_eq!((capacity.carries(), capacity.users()), (100.0, 400.0));
    }

    #[test]
    fn what_is_learned_is_written_as_the_file_has_it() {
        let of = |text: &str, carries: f64, basis| {
            let now = (!text.is_empty()).then(|| serde_json::from_str::<Capacity>(text).unwrap());
            serde_json::to_string(&written(now.as_ref(), carries, basis)).unwrap()
        };
        assert_eq!(of("", 41.666, Basis::Load), r#"[["requests_per_task",41.67]]"#);
        assert_eq!(of("", 20.0, Basis::Production), r#"[["requests_per_task",20.0],["basis","production"]]"#);
        let extrapolated = r#"{"users_per_task": 400, "requests_per_user": 0.5, "basis": "extrapolated"}"#;
        assert_eq!(of(extrapolated, 41.0, Basis::Extrapolated), r#"[["users_per_task",82.0]]"#);
        assert_eq!(of(extrapolated, 41.0, Basis::Load), r#"[["users_per_task",82.0],["basis","load"]]"#);
    }
}
