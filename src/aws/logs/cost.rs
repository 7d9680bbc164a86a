//! What log groups are billed for (<https://aws.amazon.com/cloudwatch/pricing/>): what is written, and what is kept of it. The metric of a
//! filter is a custom one
//! (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>).

use super::{LogGroup, MetricFilter};
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, Part};

/// The months that are counted of logs that are kept for ever.
const EVER: Decimal = Decimal::of(12);
const KEPT: &str =
    "logs are kept compressed, at a fifth of their size as in AWS's example; of those kept forever, a year is counted";

pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    if object.of::<MetricFilter>().is_some() {
        return vec![Part::new("AmazonCloudWatch", "CloudWatch-Metric-Month", Decimal::ONE, "metric of log lines")];
    }
    let Some(group) = object.of::<LogGroup>() else { return Vec::new() };
    let written = whole.share::<LogGroup>(whole.usage.logs);
    let months = match group.retention_days {
        Some(days) if days > 0 => Decimal::from_i32(days).over(Decimal::of(30)),
        _ => EVER,
    };
    let kept = (written * months).over(Decimal::of(5));
    vec![
        Part::new("AmazonCloudWatch", "CloudWatch-Log-Ingestion", written, "logs written").assuming("usage.logs"),
        Part::new("AmazonCloudWatch", "CloudWatch-Log-Storage", kept, "logs kept").assuming("usage.logs").noting(KEPT),
    ]
}
