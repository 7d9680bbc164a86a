//! Topics, in Amazon SNS.

pub(in crate::aws) mod errors;
mod topic;

pub use topic::Topic;

use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds.
pub(super) static WING: Wing = Wing { indexed: &["sns"], ..Wing::of(&[KindRow::of::<Topic>()]) };
