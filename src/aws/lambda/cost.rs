//! What functions are billed for (<https://aws.amazon.com/lambda/pricing/>): calls, and memory for as long as they take.

use super::Function;
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, Part};

/// The memory of a function that does not say it
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
const MEMORY: i32 = 128;

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    let Some(function) = object.of::<Function>() else { return Vec::new() };
    let calls = whole.usage.calls;
    let memory = Decimal::from_i32(function.memory.unwrap_or(MEMORY));
    let arm = if function.architecture.as_deref() == Some("arm64") { "-ARM" } else { "" };
    let seconds = calls * memory.over(Decimal::of(1024));
    vec![
        Part::new("AWSLambda", "Lambda-Request", calls, "calls").assuming("usage.calls"),
        Part::new(
            "AWSLambda",
            format!("Lambda-GB-Second{arm}"),
            seconds,
            format!("a second a call with {} MB", memory.quantity()),
        )
        .assuming("usage.calls"),
    ]
}
