//! The controls of alarms: <https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html>.

use super::{Alarm, CompositeAlarm};
use crate::aws::control::Severity::High;
use crate::aws::control::{Breach, Control, View};
use crate::engine::{Key, Resource, Result};

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "CloudWatch.15",
        High,
        ("Alarms have an action", "an alarm without an action is not noticed", "list a topic in `actions`"),
        silent,
    )
    .other(),
    Control::new("CloudWatch.17", High, ("Alarms are enabled", "a disabled alarm notifies no one", "set `enabled: true`"), off)
        .other(),
];

fn silent(view: &View) -> Result<Vec<Breach>> {
    let composites: Vec<_> = view.raw(CompositeAlarm::KIND).collect();
    // A composite alarm tells of those in its rule.
    let told = |key: &Key| composites.iter().any(|composite| view.refers(composite, key));
    let alone =
        view.all::<Alarm>()?.into_iter().filter(|(key, alarm)| alarm.actions.is_empty() && !told(key)).map(|(key, _)| key);
    let silent = view.all::<CompositeAlarm>()?.into_iter().filter(|(_, alarm)| alarm.actions.is_empty()).map(|(key, _)| key);
    Ok(alone.chain(silent).map(|key| Breach::new(key, "it has no action")).collect())
}

fn off(view: &View) -> Result<Vec<Breach>> {
    let all = view.all::<Alarm>()?.into_iter().map(|(key, alarm)| (key, alarm.enabled));
    let all = all.chain(view.all::<CompositeAlarm>()?.into_iter().map(|(key, alarm)| (key, alarm.enabled)));
    Ok(all
        .filter(|(_, enabled)| *enabled == Some(false))
        .map(|(key, _)| Breach::new(key, "`enabled` is `false`").fix(&["enabled"], true))
        .collect())
}
