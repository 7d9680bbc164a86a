//! Events, in Amazon EventBridge.

mod checks;
pub(in crate::aws) mod errors;
mod rule;

pub use rule::{EventRule, Target, Transform};

use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds.
pub(super) static WING: Wing = Wing { indexed: &["events"], checks: checks::of, ..Wing::of(&[KindRow::of::<EventRule>()]) };
