//! Queues, in Amazon SQS.

mod controls;
mod cost;
pub(in crate::aws) mod errors;
mod queue;

pub use queue::Queue;

use crate::aws::call::rate_limit::{Rates, per_second};
use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    bill: cost::bill,
    indexed: &["sqs"],
    // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-tags.html>
    rates: &[Rates::of("SQS", &[(&["ListQueueTags", "TagQueue", "UntagQueue"], per_second(30))])],
    controls: controls::CONTROLS,
    ..Wing::of(&[KindRow::of::<Queue>()])
};
