//! Events, in Amazon EventBridge.

pub(in crate::aws) mod errors;
mod rule;

pub use rule::{EventRule, Target};
