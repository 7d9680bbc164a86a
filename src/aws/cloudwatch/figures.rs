//! How busy the parts of a stack are, minute by minute, as CloudWatch knows it one to three minutes later.

use std::time::SystemTime;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric as SdkMetric, MetricDataQuery, MetricStat, ScanBy};
use serde_json::Value;

use super::errors::failed;
use crate::aws::Cx;
use crate::engine::{Ids, Result, Seen};

/// The length of a period, in seconds: services report every minute.
pub const PERIOD: i32 = 60;
/// The largest number of metrics in a call
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>).
const AT_ONCE: usize = 500;
/// The connections that a node takes
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.WhichShouldIMonitor.html>).
const NODE_CONNECTIONS: f64 = 65_000.0;

/// A figure of a part, and the metric that tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The part, as the file calls it.
    pub part: String,
    /// What it tells: `CPU`.
    pub what: &'static str,
    /// Its unit: `%`; empty for a number.
    pub unit: &'static str,
    /// The value at which the part is full, where there is one.
    pub full: Option<f64>,
    namespace: &'static str,
    name: &'static str,
    dimensions: Vec<(&'static str, String)>,
    statistic: &'static str,
}

/// The values of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is.
    pub metric: Metric,
    /// The beginning of each minute, in seconds since 1970, and the value of that minute.
    pub points: Vec<(i64, f64)>,
}

/// A metric of a service: what it tells, its unit, its name and statistic, and the value at which the part is full. Memory has none: full,
/// it does not make slow by itself, and many programs and caches keep it full.
type Told = (&'static str, &'static str, &'static str, &'static str, Option<f64>);

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html>
const ECS: &[Told] =
    &[("CPU", "%", "CPUUtilization", "Average", Some(100.0)), ("memory", "%", "MemoryUtilization", "Average", None)];
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
const BALANCER: &[Told] = &[
    ("requests in a minute", "", "RequestCount", "Sum", None),
    ("open connections", "", "ActiveConnectionCount", "Sum", None),
    ("rejected connections", "", "RejectedConnectionCount", "Sum", None),
    ("its own 5xx answers", "", "HTTPCode_ELB_5XX_Count", "Sum", None),
];
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html>
const DATABASE: &[Told] = &[
    ("CPU", "%", "CPUUtilization", "Average", Some(100.0)),
    ("connections", "", "DatabaseConnections", "Maximum", None),
    ("waiting disk operations", "", "DiskQueueDepth", "Maximum", None),
];
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html>
const CACHE: &[Told] = &[
    ("engine CPU", "%", "EngineCPUUtilization", "Average", Some(100.0)),
    ("memory", "%", "DatabaseMemoryUsagePercentage", "Maximum", None),
    ("connections", "", "CurrConnections", "Maximum", Some(NODE_CONNECTIONS)),
];
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Memcached.html>
const MEMCACHED: &[Told] = &[
    ("CPU", "%", "CPUUtilization", "Average", Some(100.0)),
    ("connections", "", "CurrConnections", "Maximum", Some(NODE_CONNECTIONS)),
];
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
const QUEUE: &[Told] = &[
    ("waiting messages", "", "ApproximateNumberOfMessagesVisible", "Maximum", None),
    ("age of the oldest message", "s", "ApproximateAgeOfOldestMessage", "Maximum", None),
];

/// Returns the figures that tell how busy the stack's objects are. `connections` returns how many connections a database takes, by
/// its engine and class, where that is known; what its parameter group says comes first.
pub fn metrics(all: &[Seen], connections: &dyn Fn(&str, &str) -> Option<f64>) -> Vec<Metric> {
    let mut out = Vec::new();
    for seen in all.iter().filter(|seen| seen.key().is_some()) {
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let part = seen.section().map_or_else(|| seen.key().map(|key| key.to_string()).unwrap_or_default(), str::to_owned);
        let mut add = |namespace: &'static str, dimensions: &[(&'static str, &str)], told: &[Told]| {
            let dimensions: Vec<(&str, String)> = dimensions.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            out.extend(told.iter().map(|(what, unit, name, statistic, full)| Metric {
                part: part.clone(),
                what,
                unit,
                full: *full,
                namespace,
                name,
                dimensions: dimensions.clone(),
                statistic,
            }));
        };
        match seen.kind.as_str() {
            "ecs.service" => {
                // `service/CLUSTER/NAME`
                let id = text(&seen.live, "resource_id");
                let mut parts = id.split('/').skip(1);
                if let (Some(cluster), Some(name)) = (parts.next(), parts.next()) {
                    add("AWS/ECS", &[("ClusterName", cluster), ("ServiceName", name)], ECS);
                }
            }
            "elbv2.load_balancer" => add("AWS/ApplicationELB", &[("LoadBalancer", &text(&seen.live, "full_name"))], BALANCER),
            "rds.instance" => {
                let said = said_connections(seen, all);
                let most = said.or_else(|| connections(&text(&seen.fields, "engine"), &text(&seen.fields, "class")));
                let told: Vec<Told> = DATABASE
                    .iter()
                    .map(|told| if told.0 == "connections" { (told.0, told.1, told.2, told.3, most) } else { *told })
                    .collect();
                add("AWS/RDS", &[("DBInstanceIdentifier", seen.id())], &told);
            }
            "elasticache.replication_group" => {
                let replicas = seen.fields.get("replicas").and_then(Value::as_u64).unwrap_or(0).min(5);
                // The members of a group have its name and a number.
                for member in 1..=replicas + 1 {
                    add("AWS/ElastiCache", &[("CacheClusterId", &format!("{}-{member:03}", seen.id()))], CACHE);
                }
            }
            "elasticache.cluster" => add("AWS/ElastiCache", &[("CacheClusterId", seen.id())], MEMCACHED),
            "sqs.queue" => add("AWS/SQS", &[("QueueName", &text(&seen.live, "name"))], QUEUE),
            _ => {}
        }
    }
    out
}

/// Returns how many connections the parameter group of a database says, when it is the stack's. A formula is not computed.
fn said_connections(instance: &Seen, all: &[Seen]) -> Option<f64> {
    let written = instance.fields.get("parameter_group")?.as_str()?;
    let id = Ids::default().text(written).ok()?;
    let group = all.iter().find(|seen| seen.kind == "rds.parameter_group" && seen.id() == id)?;
    group.fields.get("parameters")?.get("max_connections")?.as_str()?.parse().ok()
}

/// Reads figures between two times. Those that CloudWatch has no values of are left out.
///
/// # Errors
/// When CloudWatch cannot be asked.
pub async fn read(cx: &Cx, metrics: &[Metric], from: SystemTime, to: SystemTime) -> Result<Vec<Series>> {
    let mut out = Vec::new();
    for some in metrics.chunks(AT_ONCE) {
        let queries = some.iter().enumerate().map(|(at, metric)| query(at, metric)).collect();
        let call = cx.cloud.cloudwatch.get_metric_data().set_metric_data_queries(Some(queries));
        let call = call.start_time(DateTime::from(from)).end_time(DateTime::from(to)).scan_by(ScanBy::TimestampAscending);
        let mut pages = call.into_paginator().send();
        let mut series: Vec<Series> = some.iter().map(|metric| Series { metric: metric.clone(), points: Vec::new() }).collect();
        while let Some(page) = pages.next().await {
            for result in page.map_err(failed("cloudwatch:GetMetricData"))?.metric_data_results() {
                let at = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                if let Some(series) = at.and_then(|at| series.get_mut(at)) {
                    let times = result.timestamps().iter().map(DateTime::secs);
                    series.points.extend(times.zip(result.values().iter().copied()));
                }
            }
        }
        out.extend(series.into_iter().filter(|series| !series.points.is_empty()));
    }
    Ok(out)
}

fn query(at: usize, metric: &Metric) -> MetricDataQuery {
    let dimensions = metric.dimensions.iter().map(|(name, value)| Dimension::builder().name(*name).value(value).build());
    let named = SdkMetric::builder().namespace(metric.namespace).metric_name(metric.name);
    let named = named.set_dimensions(Some(dimensions.collect())).build();
    let stat = MetricStat::builder().metric(named).period(PERIOD).stat(metric.statistic).build();
    MetricDataQuery::builder().id(format!("m{at}")).metric_stat(stat).build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::engine::{Claim, Readiness};

    fn seen(kind: &str, section: &str, live: Value, mut fields: Value) -> Seen {
        fields["tags"] = json!({"stack:section": section});
        let claim = Claim::Ours(section.rsplit('.').next().unwrap().to_owned());
        Seen { kind: kind.into(), claim, live: Arc::new(live), fields: Arc::new(fields), state: Readiness::Ready }
    }

    #[test]
    fn each_part_has_its_metrics() {
        let all = [
            seen("ecs.service", "services.web", json!({"id": "a", "resource_id": "service/shop-main/shop-web"}), json!({})),
            seen(
                "rds.instance",
                "databases.main",
                json!({"id": "shop-main"}),
                json!({"engine": "postgres", "class": "db.t4g.micro"}),
            ),
            seen("elasticache.replication_group", "caches.s", json!({"id": "shop-s"}), json!({"replicas": 1})),
            seen("elbv2.load_balancer", "load_balancer", json!({"id": "a", "full_name": "app/shop/1"}), json!({})),
            seen("ec2.vpc", "network", json!({"id": "vpc-1"}), json!({})),
        ];
        let found = metrics(&all, &|engine, class| (engine == "postgres" && class == "db.t4g.micro").then_some(81.0));
        let told: Vec<String> = found
            .iter()
            .map(|m| {
                let dimensions: Vec<String> = m.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{} {} {} {} {} {:?}", m.part, m.namespace, m.name, m.statistic, dimensions.join(" "), m.full)
            })
            .collect();
        insta::assert_snapshot!("metrics", told.join("\n"));
    }

    #[test]
    fn a_parameter_group_says_how_many_connections() {
        let most = |parameters: Value| {
            let fields =
                json!({"engine": "postgres", "class": "db.t4g.micro", "parameter_group": "${=rds.parameter_group:shop-main}"});
            let all = [
                seen("rds.instance", "databases.main", json!({"id": "shop-main"}), fields),
                seen("rds.parameter_group", "databases.main", json!({"id": "shop-main"}), json!({"parameters": parameters})),
            ];
            let found = metrics(&all, &|_, _| Some(81.0));
            found.iter().find(|metric| metric.what == "connections").and_then(|metric| metric.full)
        };
        assert_eq!(most(json!({"max_connections": "20"})), Some(20.0));
        assert_eq!(most(json!({"max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)"})), Some(81.0));
        assert_eq!(most(json!({})), Some(81.0));
    }

    #[test]
    fn a_question_names_the_metric() {
        let one = seen("sqs.queue", "queues.mail", json!({"id": "a", "name": "shop-mail"}), json!({}));
        let metric = &metrics(&[one], &|_, _| None)[0];
        let query = query(3, metric);
        let stat = query.metric_stat().unwrap();
        let named = stat.metric().unwrap();
        assert_eq!((query.id(), stat.stat(), stat.period()), (Some("m3"), Some("Maximum"), Some(60)));
        assert_eq!(named.metric_name(), Some("ApproximateNumberOfMessagesVisible"));
        assert_eq!(named.dimensions()[0].value(), Some("shop-mail"));
    }
}
