//! What keys are billed for (<https://aws.amazon.com/kms/pricing/>): each key by the month. Requests are not counted: the services that
//! use a key ask it seldom, and 20,000 requests a month are free.

use super::Key;
use crate::aws::billed::{Object, Whole};
use crate::engine::Resource;
use crate::prices::{Decimal, Part};

pub(super) fn bill(object: &Object, _: &Whole) -> Vec<Part> {
    let is_key = object.key.kind == Key::KIND;
    is_key.then(|| Part::new("AWSKMS", "KMS-Key-Month", Decimal::ONE, "key")).into_iter().collect()
}
