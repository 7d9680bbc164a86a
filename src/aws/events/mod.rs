//! Events, in Amazon EventBridge.

mod rule;

pub use rule::{EventRule, Target};
