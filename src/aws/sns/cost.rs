//! What topics are billed for (<https://aws.amazon.com/sns/pricing/>): what is published. Deliveries to queues and functions are free.

use super::Topic;
use crate::aws::billed::{Object, Whole};
use crate::prices::Part;

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    let Some(topic) = object.of::<Topic>() else { return Vec::new() };
    let usage = if topic.fifo == Some(true) { "SNS-FIFO-Publish" } else { "SNS-Publish" };
    vec![Part::new("AmazonSNS", usage, whole.usage.messages, "messages published").assuming("usage.messages")]
}
