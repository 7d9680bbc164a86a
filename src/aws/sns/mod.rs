//! Topics and their subscriptions, in Amazon SNS.

mod controls;
mod cost;
pub(in crate::aws) mod errors;
mod subscription;
mod topic;

pub use subscription::Subscription;
pub use topic::Topic;
pub(in crate::aws) use topic::has_topic;

use crate::aws::call::rate_limit::{Rates, per_second};
use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["sns"],
    // <https://docs.aws.amazon.com/general/latest/gr/sns.html>: those of the slowest regions.
    rates: &[Rates {
        asking: per_second(30),
        changing: per_second(30),
        ..Rates::of("SNS", &[(&["ListTagsForResource"], per_second(10)), (&["TagResource", "UntagResource"], per_second(10))])
    }],
    bill: cost::bill,
    controls: controls::CONTROLS,
    ..Wing::of(&[KindRow::of::<Topic>(), KindRow::of::<Subscription>()])
};
