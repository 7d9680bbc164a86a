//! Checks for what ECS would refuse: images that do not exist, and more tasks than Fargate runs for the account.

use super::{TaskDefinition, fargate, images};
use crate::aws::Cx;
use crate::aws::finding::{is_new, of_kind};
use crate::aws::wing::Check;
use crate::engine::{Plan, Resource};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    let definitions = of_kind(plan, TaskDefinition::KIND).filter(|item| is_new(item, &["containers"]));
    let mut checks: Vec<Check<'_>> = vec![("the quota for Fargate", Box::pin(fargate::check(cx, plan)))];
    checks.extend(definitions.map(|item| -> Check<'_> { ("images", Box::pin(images::check(cx, item))) }));
    checks
}
