//! What queues are billed for (<https://aws.amazon.com/sqs/pricing/>): three requests for each message, which send, receive and delete it.

use super::Queue;
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, Part};

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    let Some(queue) = object.of::<Queue>() else { return Vec::new() };
    let usage = if queue.fifo == Some(true) { "SQS-FIFO-Request" } else { "SQS-Standard-Request" };
    let requests = whole.usage.messages * Decimal::of(3);
    vec![Part::new("AmazonSQS", usage, requests, "requests, 3 for each message").assuming("usage.messages")]
}
