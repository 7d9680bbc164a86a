//! Values of metrics.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy, StatusCode};
use aws_smithy_types::DateTime;

use crate::aws::Clients;
use crate::aws::call::error::incomplete;
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

/// The time that is asked for, in periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its end in seconds, at the beginning of a period.
    pub end: i64,
    /// The seconds of a period: what is older than 15 days is kept by five minutes, and what is older than 63 days by the hour
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html>).
    pub period: i32,
    /// How many periods it has.
    pub count: u32,
}

impl Span {
    /// Returns the span of so many periods that ends with the one before `now`, or with the one of `now` where that is `whole`.
    pub fn before(now: i64, period: i32, count: u32, whole: bool) -> Span {
        let begun = now.div_euclid(i64::from(period)) + i64::from(whole);
        Span { end: begun * i64::from(period), period, count }
    }

    fn start(&self) -> i64 {
        self.end - i64::from(self.period) * i64::from(self.count)
    }
}

fn query(at: usize, wanted: &Wanted<'_>, period: i32) -> MetricDataQuery {
    let dimension = |(name, value): (&String, &String)| Dimension::builder().name(name).value(value).build();
    let metric = Metric::builder().namespace(wanted.namespace).metric_name(wanted.metric);
    let metric = metric.set_dimensions(Some(wanted.dimensions.iter().map(dimension).collect())).build();
    let stat = MetricStat::builder().metric(metric).period(period).stat(wanted.statistic).build();
    MetricDataQuery::builder().id(format!("m{at}")).metric_stat(stat).build()
}

/// Returns the values of each metric in the minutes before `end`, as [`series`] does.
///
/// # Errors
/// When CloudWatch cannot be asked.
pub async fn values(cloud: &Clients, wanted: &[Wanted<'_>], end: i64, minutes: u32) -> Result<Vec<Vec<Option<f64>>>> {
    series(cloud, wanted, &Span { end, period: PERIOD, count: minutes }).await
}

/// Returns the values of each metric in the periods of a span, the oldest first, and nothing for a period without data: by one question
/// for each region, or for each five hundred metrics.
///
/// # Errors
/// When CloudWatch cannot be asked, or does not answer about one of them.
pub async fn series(cloud: &Clients, wanted: &[Wanted<'_>], span: &Span) -> Result<Vec<Vec<Option<f64>>>> {
    let (start, end) = (span.start(), span.end);
    let mut by_region: BTreeMap<&str, Vec<(usize, &Wanted<'_>)>> = BTreeMap::new();
    for (at, one) in wanted.iter().enumerate() {
        by_region.entry(one.region).or_default().push((at, one));
    }
    let mut out = vec![vec![None; span.count as usize]; wanted.len()];
    for (region, wanted) in by_region {
        let client = if region == cloud.region { &cloud.cloudwatch } else { &cloud.cloudwatch_global };
        for some in wanted.chunks(QUERIES) {
            let queries = some.iter().map(|(at, one)| query(*at, one, span.period)).collect();
            let call = client.get_metric_data().set_metric_data_queries(Some(queries)).scan_by(ScanBy::TimestampAscending);
            let call = call.start_time(DateTime::from_secs(start)).end_time(DateTime::from_secs(end));
            let mut pages = call.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(failed("cloudwatch:GetMetricData"))?;
                for result in page.metric_data_results() {
                    // The question was answered, and this part of it was not.
                    if matches!(result.status_code(), Some(StatusCode::InternalError | StatusCode::Forbidden)) {
                        return Err(incomplete("cloudwatch:GetMetricData", "the values of a metric"));
                    }
                    let at = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                    let Some(points) = at.and_then(|at| out.get_mut(at)) else { continue };
                    for (time, value) in result.timestamps().iter().zip(result.values()) {
                        let index = usize::try_from((time.secs() - start).div_euclid(i64::from(span.period))).ok();
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
        let query = query(7, &wanted, PERIOD);
        let stat = query.metric_stat().unwrap();
        let metric = stat.metric().unwrap();
        assert_eq!((query.id(), stat.stat(), stat.period()), (Some("m7"), Some("p99"), Some(PERIOD)));
        assert_eq!((metric.namespace(), metric.metric_name()), (Some("AWS/ECS"), Some("CPUUtilization")));
        let pairs: Vec<_> = metric.dimensions().iter().map(|one| (one.name().unwrap(), one.value().unwrap())).collect();
        assert_eq!(pairs, [("ClusterName", "shop"), ("ServiceName", "web")]);
    }

    #[test]
    fn a_span_begins_and_ends_with_periods() {
        let hours = Span::before(7_300, 3_600, 2, false);
        assert_eq!((hours.start(), hours.end), (0, 7_200));
        let days = Span::before(7_300, 86_400, 3, true);
        assert_eq!((days.start(), days.end), (-2 * 86_400, 86_400));
    }
}
