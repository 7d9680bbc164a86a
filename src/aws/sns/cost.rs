//! What topics are billed for (<https://aws.amazon.com/sns/pricing/>): what is published. Deliveries to queues and functions are free. Of FIFO
//! topics the gigabytes and each delivery cost something, too, and neither is known beforehand.

use super::Topic;
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, Part};

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    let Some(topic) = object.of::<Topic>() else { return Vec::new() };
    // What few alarms publish in another region is not worth a number.
    if topic.region.as_ref().is_some_and(|region| *region != whole.region) {
        return Vec::new();
    }
    let published =
        |usage: &str| Part::new("AmazonSNS", usage, whole.usage.messages, "messages published").assuming("usage.messages");
    if topic.fifo != Some(true) {
        return vec![published("SNS-Publish")];
    }
    vec![
        published("SNS-FIFO-Publish"),
        Part::new("AmazonSNS", "payload and deliveries", Decimal::ONE, "payload and deliveries of a FIFO topic"),
    ]
}
