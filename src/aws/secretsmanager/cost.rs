//! What secrets are billed for (<https://aws.amazon.com/secrets-manager/pricing/>): each by the month. Reading them is not counted: a task
//! reads its secrets once, when it starts.

use super::Secret;
use crate::aws::billed::{Object, Whole};
use crate::engine::Resource;
use crate::prices::{Decimal, Part};

pub(super) fn bill(object: &Object, _: &Whole) -> Vec<Part> {
    let is_secret = object.key.kind == Secret::KIND;
    let part = || Part::new("AWSSecretsManager", "SecretsManager-Secret", Decimal::ONE, "secret");
    is_secret.then(part).into_iter().collect()
}
