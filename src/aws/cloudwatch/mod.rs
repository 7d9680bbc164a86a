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

use crate::aws::call::rate_limit::{Rates, per_second};
use crate::aws::wing::{KindRow, Wing};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["cloudwatch:alarm"],
    // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
    rates: &[Rates {
        asking: per_second(9),
        changing: per_second(3),
        ..Rates::of(
            "CloudWatch",
            &[
                (&["ListTagsForResource"], per_second(10)),
                (&["TagResource"], per_second(20)),
                (&["UntagResource"], per_second(20)),
                (&["PutDashboard"], per_second(10)),
                (&["DeleteDashboards"], per_second(10)),
            ],
        )
    }],
    bill: cost::bill,
    controls: controls::CONTROLS,
    ..Wing::of(&[KindRow::of::<Alarm>(), KindRow::of::<CompositeAlarm>(), KindRow::of::<Dashboard>()])
};
