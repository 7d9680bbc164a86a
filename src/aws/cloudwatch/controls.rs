//! The controls of alarms: <https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html>.

use super::Alarm;
use crate::aws::control::Severity::High;
use crate::aws::control::{Breach, Control, View};
use crate::engine::Result;

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "CloudWatch.15",
        High,
        ("Alarms do something", "an alarm that tells nobody is not noticed", "list a topic in `actions`"),
        silent,
    )
    .other(),
    Control::new(
        "CloudWatch.17",
        High,
        ("Alarms are on", "an alarm that is off tells nobody, and looks as if all were well", "set `enabled: true`"),
        off,
    )
    .other(),
];

fn silent(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Alarm>()?.into_iter().filter(|(_, alarm)| alarm.actions.is_empty());
    Ok(all.map(|(key, _)| Breach::new(key, "it does nothing when it goes off")).collect())
}

fn off(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Alarm>()?.into_iter().filter(|(_, alarm)| alarm.enabled == Some(false));
    Ok(all.map(|(key, _)| Breach::new(key, "`enabled` is `false`").mend(&["enabled"], true)).collect())
}
