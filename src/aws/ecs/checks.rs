//! Checks for what ECS would refuse: images that do not exist, and more tasks than Fargate runs for the account.

use super::{TaskDefinition, fargate, images};
use crate::aws::preflight::finding::{is_new, of_kind};
use crate::aws::wing::{Asked, Check};
use crate::engine::Resource;

/// Returns the checks of a plan.
pub(super) fn of(asked: Asked<'_>) -> Vec<Check<'_>> {
    let definitions = of_kind(asked.plan, TaskDefinition::KIND).filter(|item| is_new(item, &["containers"]));
    let mut checks: Vec<Check<'_>> = vec![("the quota for Fargate", Box::pin(fargate::check(asked.cx, asked.plan)))];
    checks.extend(definitions.map(|item| -> Check<'_> { ("images", Box::pin(images::check(asked.cx, item))) }));
    checks
}
