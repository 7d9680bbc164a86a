//! Logs, in Amazon CloudWatch Logs.

mod controls;
mod cost;
pub(in crate::aws) mod errors;
pub mod lines;
mod log_group;
mod metric_filter;
mod query_definition;

pub use log_group::{LogGroup, is_by_aws, waf_prefix};
pub use metric_filter::MetricFilter;
pub use query_definition::QueryDefinition;

use super::Cx;
use crate::aws::call::rate_limit::{Rates, per_second};
use crate::aws::logs::errors::failed;
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{Class, Result};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>: for events, those of the slowest regions.
    rates: &[Rates::of(
        "CloudWatch Logs",
        &[
            (&["DescribeLogGroups"], per_second(10)),
            (&["CreateLogGroup"], per_second(10)),
            (&["DeleteLogGroup"], per_second(10)),
            (&["PutRetentionPolicy"], per_second(5)),
            (&["DeleteRetentionPolicy"], per_second(5)),
            (&["AssociateKmsKey"], per_second(5)),
            (&["DescribeMetricFilters"], per_second(5)),
            (&["PutMetricFilter"], per_second(5)),
            (&["DeleteMetricFilter"], per_second(5)),
            (&["ListTagsForResource"], per_second(5)),
            (&["TagResource"], per_second(5)),
            (&["UntagResource"], per_second(5)),
            (&["DescribeLogStreams"], per_second(25)),
            (&["FilterLogEvents"], per_second(5)),
            (&["GetLogEvents"], per_second(10)),
        ],
    )],
    bill: cost::bill,
    indexed: &["logs"],
    controls: controls::CONTROLS,
    ..Wing::of(&[KindRow::of::<LogGroup>(), KindRow::of::<MetricFilter>(), KindRow::of::<QueryDefinition>()])
};

/// Returns the log groups that AWS created itself, by the start of their names, in words: they stay when what writes to them is
/// deleted. Those that the stack has made its own are not among them.
pub async fn left_behind(cx: &Cx, prefix: &str) -> Result<Option<String>> {
    let call = cx.cloud.logs.describe_log_groups().log_group_name_prefix(prefix);
    let pages = call.into_paginator().items().send();
    let groups = match pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("logs:DescribeLogGroups")) {
        Err(e) if e.class == Class::Denied => Vec::new(),
        other => other?,
    };
    let mut names: Vec<String> = Vec::new();
    for group in groups {
        let (Some(name), Some(arn)) = (&group.log_group_name, group.log_group_arn().or(group.arn())) else { continue };
        if !cx.scope.owns(&log_group::tags_of(cx, arn.trim_end_matches(":*")).await?) {
            names.push(format!("`{name}`"));
        }
    }
    Ok((!names.is_empty()).then(|| format!("leaves behind the log groups that AWS created for it: {}", names.join(", "))))
}
