//! Calls to AWS: the clients, the fence and the rate limit that every call passes, the log of calls, and AWS's errors.

pub mod allow;
pub(in crate::aws) mod answers;
pub(in crate::aws) mod arguments;
pub mod clients;
pub(in crate::aws) mod download;
pub mod error;
pub mod fence;
pub(in crate::aws) mod guard;
pub mod log;
pub mod profiles;
pub mod rate_limit;
