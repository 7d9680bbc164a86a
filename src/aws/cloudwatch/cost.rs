//! What alarms are billed for (<https://aws.amazon.com/cloudwatch/pricing/>): each metric that one looks at, at another price where that is
//! more often than once a minute. Dashboards are billed by the piece, beyond three of an account.

use super::{Alarm, CompositeAlarm, Dashboard};
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, Part};

pub(super) fn bill(object: &Object, _: &Whole) -> Vec<Part> {
    if object.of::<Dashboard>().is_some() {
        return vec![Part::new("AmazonCloudWatch", "CloudWatch-Dashboard-Month", Decimal::ONE, "dashboard")];
    }
    if object.of::<CompositeAlarm>().is_some() {
        return vec![Part::new("AmazonCloudWatch", "CloudWatch-Alarm-Composite-Month", Decimal::ONE, "composite alarm")];
    }
    let Some(alarm) = object.of::<Alarm>() else { return Vec::new() };
    let metrics = Decimal::of(alarm.metrics.len().max(1) as u64);
    let (usage, what) = match alarm.period {
        1..60 => ("CloudWatch-Alarm-HighResolution-Month", "metrics in a high-resolution alarm"),
        _ => ("CloudWatch-Alarm-Month", "metrics in an alarm"),
    };
    let what = if metrics == Decimal::ONE { "alarm".to_owned() } else { format!("{} {what}", metrics.quantity()) };
    let part = Part::new("AmazonCloudWatch", usage, metrics, what);
    vec![match &alarm.region {
        Some(region) => part.in_region(region),
        None => part,
    }]
}
