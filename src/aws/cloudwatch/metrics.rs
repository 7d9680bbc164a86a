//! Values of metrics.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy};
use aws_smithy_types::DateTime;

use crate::aws::Clients;
use crate::aws::cloudwatch::errors::failed;
use crate::engine::Result;

/// Seconds of which a value is made.
pub const PERIOD: i32 = 60;
/// The metrics that one question can ask for
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>).
const QUERIES: usize = 500;

/// A metric, and what is made of it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The region that reports it: the stack's, or us-east-1.
    pub region: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub metric: &'a str,
    /// `Average`, `Sum`, `Minimum`, `Maximum`, or a percentile such as `p99`.
    pub statistic: &'a str,
    /// Whose it is.
    pub dimensions: &'a BTreeMap<String, String>,
}

/// Returns the beginning of the minute of a time; both are seconds.
pub fn minute(time: i64) -> i64 {
    time.div_euclid(i64::from(PERIOD)) * i64::from(PERIOD)
}

fn query(at: usize, wanted: &Wanted<'_>) -> MetricDataQuery {
    let dimension = |(name, value): (&String, &String)| Dimension::builder().name(name).value(value).build();
    let metric = Metric::builder().namespace(wanted.namespace).metric_name(wanted.metric);
    let metric = metric.set_dimensions(Some(wanted.dimensions.iter().map(dimension).collect())).build();
    let stat = MetricStat::builder().metric(metric).period(PERIOD).stat(wanted.statistic).build();
    MetricDataQuery::builder().id(format!("m{at}")).metric_stat(stat).build()
}

/// Returns the values of each metric in the minutes before `end`, the oldest first, and nothing for a minute without data: by one question
/// for each region, or for each five hundred metrics. `end` is in seconds, at the beginning of a minute.
///
/// # Errors
/// When CloudWatch cannot be asked.
pub async fn values(cloud: &Clients, wanted: &[Wanted<'_>], end: i64, minutes: u32) -> Result<Vec<Vec<Option<f64>>>> {
    let start = end - i64::from(PERIOD) * i64::from(minutes);
    let mut by_region: BTreeMap<&str, Vec<(usize, &Wanted<'_>)>> = BTreeMap::new();
    for (at, one) in wanted.iter().enumerate() {
        by_region.entry(one.region).or_default().push((at, one));
    }
    let mut out = vec![vec![None; minutes as usize]; wanted.len()];
    for (region, wanted) in by_region {
        let client = if region == cloud.region { &cloud.cloudwatch } else { &cloud.cloudwatch_global };
        for some in wanted.chunks(QUERIES) {
            let queries = some.iter().map(|(at, one)| query(*at, one)).collect();
            let call = client.get_metric_data().set_metric_data_queries(Some(queries)).scan_by(ScanBy::TimestampAscending);
            let call = call.start_time(DateTime::from_secs(start)).end_time(DateTime::from_secs(end));
            let mut pages = call.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(failed("cloudwatch:GetMetricData"))?;
                for result in page.metric_data_results() {
                    let at = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                    let Some(points) = at.and_then(|at| out.get_mut(at)) else { continue };
                    for (time, value) in result.timestamps().iter().zip(result.values()) {
                        let index = usize::try_from((time.secs() - start).div_euclid(i64::from(PERIOD))).ok();
                        if let Some(point) = index.and_then(|index| points.get_mut(index)) {
                            *point = Some(*value);
                        }
                    }
                }
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_names_the_metric_and_its_owner() {
        let dimensions =
            BTreeMap::from([("ServiceName".to_owned(), "web".to_owned()), ("ClusterName".to_owned(), "shop".to_owned())]);
        let wanted = Wanted {
            region: "us-east-1",
            namespace: "AWS/ECS",
            metric: "CPUUtilization",
            statistic: "p99",
            dimensions: &dimensions,
        };
        let query = query(7, &wanted);
        let stat = query.metric_stat().unwrap();
        let metric = stat.metric().unwrap();
        assert_eq!((query.id(), stat.stat(), stat.period()), (Some("m7"), Some("p99"), Some(PERIOD)));
        assert_eq!((metric.namespace(), metric.metric_name()), (Some("AWS/ECS"), Some("CPUUtilization")));
        let pairs: Vec<_> = metric.dimensions().iter().map(|one| (one.name().unwrap(), one.value().unwrap())).collect();
        assert_eq!(pairs, [("ClusterName", "shop"), ("ServiceName", "web")]);
    }
}
