//! Topics and their subscriptions, in Amazon SNS.

mod controls;
mod cost;
pub(in crate::aws) mod errors;
mod subscription;
mod topic;

pub use subscription::Subscription;
pub use topic::Topic;
pub(in crate::aws) use topic::has_topic;

use crate::aws::call::rate_limit::{Rates, rate};
use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["sns"],
    // ListTagsForResource, TagResource and UntagResource: <https://docs.aws.amazon.com/general/latest/gr/sns.html>.
    rates: Some(Rates { service: "SNS", asking: rate(10, 10), changing: rate(10, 10) }),
    bill: cost::bill,
    controls: controls::CONTROLS,
    ..Wing::of(&[KindRow::of::<Topic>(), KindRow::of::<Subscription>()])
};
