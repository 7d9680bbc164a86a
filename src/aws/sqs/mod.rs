//! Queues, in Amazon SQS.

pub(in crate::aws) mod errors;
mod queue;

pub use queue::Queue;

use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds.
pub(super) static WING: Wing = Wing { indexed: &["sqs"], ..Wing::of(&[KindRow::of::<Queue>()]) };
