//! The controls of log groups: <https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html>.

use super::LogGroup;
use crate::aws::control::Severity::Medium;
use crate::aws::control::{Breach, Control, View};
use crate::engine::Result;

/// The days that CloudWatch.16 asks for, unless told otherwise.
const DAYS: i32 = 365;

pub(super) static CONTROLS: &[Control] = &[Control::new(
    "CloudWatch.16",
    Medium,
    ("Logs are kept for a year at least", "incidents are often investigated only months later", "set `retention: 365d` or more"),
    short,
)
.other()];

fn short(view: &View) -> Result<Vec<Breach>> {
    // None and 0 are for ever.
    let all = view
        .all::<LogGroup>()?
        .into_iter()
        .filter_map(|(key, group)| Some((key, group.retention_days.filter(|d| (1..DAYS).contains(d))?)));
    Ok(all
        .map(|(key, days)| Breach::new(key, format!("its events are kept for {days} d")).fix(&["retention_days"], DAYS))
        .collect())
}
