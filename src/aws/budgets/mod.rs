//! Budgets, in AWS Budgets: they are an account's own and have no region.

mod budget;
mod checks;
pub(in crate::aws) mod errors;
mod notification;
pub(in crate::aws) mod read;

pub use budget::Budget;
pub use notification::Notification;
pub use read::{PARTITION, Spending, spending, spent};

use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds. A budget without actions costs nothing
/// (<https://aws.amazon.com/aws-cost-management/aws-budgets/pricing/>).
pub(super) static WING: Wing = Wing { checks: checks::of, ..Wing::of(&[KindRow::of::<Budget>()]) };
