//! Queues, in Amazon SQS.

mod controls;
mod cost;
pub(in crate::aws) mod errors;
mod queue;

pub use queue::Queue;

use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds.
pub(super) static WING: Wing =
    Wing { bill: cost::bill, indexed: &["sqs"], controls: controls::CONTROLS, ..Wing::of(&[KindRow::of::<Queue>()]) };
