//! Calls to AWS: the clients, what they are sent with and at which rate, and how AWS's errors become ours.

pub mod allow;
pub(in crate::aws) mod answers;
pub(in crate::aws) mod arguments;
pub mod clients;
pub mod error;
pub mod fence;
pub(in crate::aws) mod guard;
pub mod log;
pub mod profiles;
pub mod rate_limit;
