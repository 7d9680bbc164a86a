//! Alarms, dashboards and figures, in Amazon CloudWatch.

mod alarm;
mod alarms;
mod body;
mod composite;
mod controls;
mod cost;
mod dashboard;
pub(in crate::aws) mod errors;
pub mod metrics;
mod state;
mod watch;

pub use alarm::{Alarm, Metric};
pub use composite::CompositeAlarm;
pub use dashboard::{Dashboard, console};
pub use watch::Watch;

use crate::aws::call::rate_limit::{Rates, rate};
use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["cloudwatch:alarm"],
    // DescribeAlarms 9 a second, ListTagsForResource 10, PutMetricAlarm and DeleteAlarms 3:
    // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>.
    rates: Some(Rates { service: "CloudWatch", asking: rate(9, 9), changing: rate(3, 3) }),
    bill: cost::bill,
    controls: controls::CONTROLS,
    ..Wing::of(&[KindRow::of::<Alarm>(), KindRow::of::<CompositeAlarm>(), KindRow::of::<Dashboard>()])
};
