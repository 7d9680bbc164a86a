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
use crate::aws::logs::errors::failed;
use crate::aws::wing::{KindRow, Wing};
use crate::engine::{Class, Result};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
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
