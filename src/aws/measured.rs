//! What a live environment has used, by CloudWatch: the figures behind the section `usage` of the file.
//!
//! Nothing is invented: what no metric tells stays as the file has it, and is named. That nothing was reported is not zero, because most
//! metrics are not sent while nothing happens, and some not at all.

use std::collections::BTreeMap;

use super::call::clients::CLOUDFRONT_REGION;
use super::cloudfront::Distribution;
use super::cloudwatch::metrics::{self, Span, Wanted};
use super::ec2::NatGateway;
use super::elbv2::LoadBalancer;
use super::lambda::Function;
use super::logs::LogGroup;
use super::s3::Bucket;
use super::sns::Topic;
use super::sqs::Queue;
use crate::engine::{Claim, Cx, Resource, Result, Seen};

/// Seconds of an hour and of a day.
const HOUR: i32 = 3_600;
const DAY: i32 = 86_400;
/// The hours of a month, as prices have them.
const MONTH: f64 = 730.0;
/// In so many days, today included, S3 has told the size of a bucket at least once.
const LATEST: usize = 4;
/// AWS counts gigabytes in powers of two.
const GIBIBYTE: f64 = (1_u64 << 30) as f64;

/// A metric that tells something about a key of `usage`.
struct Source {
    key: Key,
    kind: &'static str,
    /// The attribute that names the object in CloudWatch.
    attr: &'static str,
    namespace: &'static str,
    metric: &'static str,
    dimension: &'static str,
    /// What else its metrics are named by.
    more: Option<(&'static str, &'static str)>,
}

/// A key of the section `usage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Requests of users in a second.
    Requests,
    /// Gibibytes to users in a month.
    Transfer,
    /// Gibibytes through NAT gateways in a month.
    Nat,
    /// Gibibytes of logs in a month.
    Logs,
    /// Gibibytes in each bucket.
    Files,
    /// Objects read from each bucket in a month.
    Reads,
    /// Messages through each queue and topic in a month.
    Messages,
    /// Calls of each function in a month.
    Calls,
}

impl Key {
    /// All of them, as they are listed.
    pub const ALL: [Key; 8] =
        [Key::Requests, Key::Transfer, Key::Nat, Key::Logs, Key::Files, Key::Reads, Key::Messages, Key::Calls];

    /// Returns its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Key::Requests => "requests",
            Key::Transfer => "transfer",
            Key::Nat => "nat",
            Key::Logs => "logs",
            Key::Files => "files",
            Key::Reads => "reads",
            Key::Messages => "messages",
            Key::Calls => "calls",
        }
    }

    /// Returns what would have to exist.
    fn of(self) -> &'static str {
        match self {
            Key::Requests | Key::Transfer => "no load balancer and no distribution of its own",
            Key::Nat => "no NAT gateway of its own",
            Key::Logs => "no log group of its own",
            Key::Files | Key::Reads => "no bucket of its own",
            Key::Messages => "no queue and no topic of its own",
            Key::Calls => "no function of its own",
        }
    }
}

const fn source(key: Key, kind: &'static str, attr: &'static str, metric: [&'static str; 3]) -> Source {
    let [namespace, metric, dimension] = metric;
    Source { key, kind, attr, namespace, metric, dimension, more: None }
}

impl Source {
    const fn and(self, name: &'static str, value: &'static str) -> Source {
        Source { more: Some((name, value)), ..self }
    }
}

const CDN: &str = "AWS/CloudFront";
const BALANCER: &str = "AWS/ApplicationELB";
const NAT: &str = "AWS/NATGateway";

/// The metrics, with AWS's pages about them.
const SOURCES: [Source; 11] = [
    // <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html>
    source(Key::Requests, Distribution::KIND, "id", [CDN, "Requests", "DistributionId"]).and("Region", "Global"),
    source(Key::Transfer, Distribution::KIND, "id", [CDN, "BytesDownloaded", "DistributionId"]).and("Region", "Global"),
    // <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
    source(Key::Requests, LoadBalancer::KIND, "full_name", [BALANCER, "RequestCount", "LoadBalancer"]),
    source(Key::Transfer, LoadBalancer::KIND, "full_name", [BALANCER, "ProcessedBytes", "LoadBalancer"]),
    // Each gigabyte is billed whichever way it goes (<https://aws.amazon.com/vpc/pricing/>): what left on both sides
    // (<https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html>).
    source(Key::Nat, NatGateway::KIND, "id", [NAT, "BytesOutToDestination", "NatGatewayId"]),
    source(Key::Nat, NatGateway::KIND, "id", [NAT, "BytesOutToSource", "NatGatewayId"]),
    // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>
    source(Key::Logs, LogGroup::KIND, "name", ["AWS/Logs", "IncomingBytes", "LogGroupName"]),
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html>
    source(Key::Files, Bucket::KIND, "name", ["AWS/S3", "BucketSizeBytes", "BucketName"]).and("StorageType", "StandardStorage"),
    // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
    source(Key::Messages, Queue::KIND, "name", ["AWS/SQS", "NumberOfMessagesSent", "QueueName"]),
    // <https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html>
    source(Key::Messages, Topic::KIND, "name", ["AWS/SNS", "NumberOfMessagesPublished", "TopicName"]),
    // <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
    source(Key::Calls, Function::KIND, "id", ["AWS/Lambda", "Invocations", "FunctionName"]),
];

/// What is not on by default (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-configurations.html>).
const UNREAD: &str = "S3 reports requests only with its request metrics, which are not on by default";

/// What was found out about a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The key.
    pub key: Key,
    /// How much it is, in the unit of the key; nothing where that was not measured.
    pub amount: Option<f64>,
    /// By which metrics it was measured, or why it was not.
    pub by: String,
}

/// What an environment has used.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// Every key.
    pub measured: Vec<Measured>,
    /// The hours from the first figure of anything to the end, of which a month is made.
    pub hours: u32,
    /// The hours that were asked for.
    pub asked: u32,
    /// The number of metrics that were asked for.
    pub metrics: usize,
}

/// A metric of an object.
struct Asked {
    source: &'static Source,
    region: String,
    dimensions: BTreeMap<String, String>,
}

/// Returns the metrics of everything that is the environment's own.
fn asked(scope: &crate::engine::Scope, seen: &[Seen]) -> Vec<Asked> {
    static ALL: &[Source] = &SOURCES;
    let own = |seen: &&Seen| matches!(seen.claim, Claim::Ours(_)) && !seen.state.is_gone();
    let one = |source: &'static Source, seen: &Seen| {
        let name = seen.live.get(source.attr)?.as_str()?.to_owned();
        let region = match seen.fields.get("region").and_then(serde_json::Value::as_str) {
            // CloudFront reports there (in other partitions it is not known where).
            _ if source.namespace == CDN => CLOUDFRONT_REGION,
            Some(region) if source.kind == LogGroup::KIND => region,
            _ => &scope.region,
        };
        let more = source.more.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let dimensions = std::iter::once((source.dimension.to_owned(), name)).chain(more).collect();
        Some(Asked { source, region: region.to_owned(), dimensions })
    };
    let of = |source: &'static Source| {
        seen.iter().filter(own).filter(|seen| seen.kind == source.kind).filter_map(|seen| one(source, seen)).collect::<Vec<_>>()
    };
    let known = ALL.iter().filter(|source| scope.partition == "aws" || source.namespace != CDN);
    known.flat_map(of).collect()
}

/// Asks CloudWatch what the environment's own objects have used in the days before `now`, which is in seconds.
///
/// # Errors
/// When CloudWatch cannot be asked.
pub async fn of(cx: &Cx<super::Clients>, seen: &[Seen], days: u32, now: i64) -> Result<Use> {
    let all = asked(&cx.scope, seen);
    let (daily, hourly): (Vec<Asked>, Vec<Asked>) = all.into_iter().partition(|one| one.source.key == Key::Files);
    let hours = Span::before(now, HOUR, days.saturating_mul(24), false);
    // A day's figure comes some time after it (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html>).
    let whole_days = Span::before(now, DAY, days.saturating_add(1), true);
    let (daily_wanted, hourly_wanted): (Vec<_>, Vec<_>) =
        (daily.iter().map(Asked::wanted).collect(), hourly.iter().map(Asked::wanted).collect());
    let (sizes, sums) = tokio::try_join!(
        metrics::series(&cx.cloud, &daily_wanted, &whole_days),
        metrics::series(&cx.cloud, &hourly_wanted, &hours),
    )?;
    Ok(counted(&with(&hourly, sums), &with(&daily, sizes), hours.count))
}

/// A metric with its values, the oldest first.
type Series<'a> = (&'a Asked, Vec<Option<f64>>);

fn with(asked: &[Asked], values: Vec<Vec<Option<f64>>>) -> Vec<Series<'_>> {
    asked.iter().zip(values).collect()
}

/// Makes a month of what was reported. It begins with the first figure of anything, because an environment that is younger than what was
/// asked for has not used nothing before.
fn counted(hourly: &[Series<'_>], daily: &[Series<'_>], asked: u32) -> Use {
    let first = hourly.iter().filter_map(|(_, points)| points.iter().position(Option::is_some)).min();
    let hours = first.map_or(0, |first| asked.saturating_sub(u32::try_from(first).unwrap_or(asked)));
    let measured = Key::ALL.into_iter().map(|key| of_key(key, hourly, daily, hours)).collect();
    Use { measured, hours, asked, metrics: hourly.len() + daily.len() }
}

fn of_key(key: Key, hourly: &[Series<'_>], daily: &[Series<'_>], hours: u32) -> Measured {
    let none = |by: &str| Measured { key, amount: None, by: by.to_owned() };
    let all: Vec<&Series<'_>> = hourly.iter().chain(daily).filter(|(asked, _)| asked.source.key == key).collect();
    if key == Key::Reads {
        let has_buckets = daily.iter().any(|(asked, _)| asked.source.key == Key::Files);
        return none(if has_buckets { UNREAD } else { key.of() });
    }
    let told: Vec<&&Series<'_>> = all.iter().filter(|(_, points)| points.iter().any(Option::is_some)).collect();
    if told.is_empty() {
        let by = if all.is_empty() { key.of().to_owned() } else { format!("{} reported nothing", names(&all)) };
        return none(&by);
    }
    let sum = |of: &dyn Fn(&Asked) -> bool| -> f64 {
        all.iter().filter(|(asked, _)| of(asked)).flat_map(|(_, points)| points.iter().flatten()).sum()
    };
    let monthly = |sum: f64| if hours == 0 { 0.0 } else { sum * MONTH / f64::from(hours) };
    let objects = all.iter().map(|(asked, _)| &asked.dimensions).collect::<std::collections::BTreeSet<_>>().len();
    let each = objects.max(1) as f64;
    let is_cdn = |asked: &Asked| asked.source.namespace == CDN;
    let behind = told.iter().any(|(asked, _)| is_cdn(asked));
    let of_all = |_: &Asked| true;
    let (amount, by) = match key {
        // The file has one figure for both: the larger one.
        Key::Requests => {
            let (edge, balancer) = (sum(&is_cdn), sum(&|asked| !is_cdn(asked)));
            let larger = |asked: &Asked| is_cdn(asked) == (edge >= balancer);
            (monthly(edge.max(balancer)) / (MONTH * 3_600.0), names(&kept(&all, &larger)))
        }
        Key::Transfer if behind => (monthly(sum(&is_cdn)) / GIBIBYTE, names(&kept(&all, &is_cdn))),
        Key::Transfer => (monthly(sum(&of_all)) / GIBIBYTE, format!("{}, which counts both directions", names(&all))),
        Key::Nat | Key::Logs => (monthly(sum(&of_all)) / GIBIBYTE, names(&all)),
        Key::Files => {
            // One that is empty is not reported any more.
            let latest = |points: &[Option<f64>]| points.iter().rev().take(LATEST).flatten().next().copied().unwrap_or(0.0);
            let kept: f64 = all.iter().map(|(_, points)| latest(points)).sum();
            (kept / GIBIBYTE / each, format!("{} of the last day{}", names(&all), mean(objects)))
        }
        Key::Messages | Key::Calls | Key::Reads => (monthly(sum(&of_all)) / each, format!("{}{}", names(&all), mean(objects))),
    };
    Measured { key, amount: Some(amount), by }
}

fn kept<'a, 'b>(all: &[&'b Series<'a>], of: &dyn Fn(&Asked) -> bool) -> Vec<&'b Series<'a>> {
    all.iter().filter(|(asked, _)| of(asked)).copied().collect()
}

/// Returns the names of metrics, each once.
fn names(all: &[&Series<'_>]) -> String {
    let mut names: Vec<String> = Vec::new();
    for (asked, _) in all {
        let name = format!("{} {}", asked.source.namespace, asked.source.metric);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" and ")
}

fn mean(objects: usize) -> String {
    if objects > 1 { format!(", the mean of {objects}") } else { String::new() }
}

impl Asked {
    fn wanted(&self) -> Wanted<'_> {
        let Source { namespace, metric, key, .. } = self.source;
        let statistic = if *key == Key::Files { "Average" } else { "Sum" };
        Wanted { region: &self.region, namespace, metric, statistic, dimensions: &self.dimensions }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Readiness, Scope};

    fn scope() -> Scope {
        Scope {
            stack: "shop".into(),
            env: "default".into(),
            region: "eu-central-1".into(),
            account: "000000000000".into(),
            partition: "aws".into(),
        }
    }

    fn seen(kind: &str, name: &str) -> Seen {
        let live = json!({"id": name, "name": name, "full_name": format!("app/{name}/1")});
        Seen {
            kind: kind.into(),
            claim: Claim::Ours(name.into()),
            live: live.into(),
            fields: json!({}).into(),
            state: Readiness::Ready,
        }
    }

    /// What was made of values by metric: the same in every hour from the one named on.
    fn told(seen: &[Seen], values: &[(&str, usize, f64)]) -> BTreeMap<&'static str, (Option<String>, String)> {
        let all = asked(&scope(), seen);
        let points = |one: &Asked, count: usize| -> Vec<Option<f64>> {
            let found = values.iter().find(|(metric, ..)| *metric == one.source.metric);
            (0..count).map(|at| found.and_then(|(_, from, value)| (at >= *from).then_some(*value))).collect()
        };
        let (daily, hourly): (Vec<&Asked>, Vec<&Asked>) = all.iter().partition(|one| one.source.key == Key::Files);
        let hourly: Vec<Series<'_>> = hourly.into_iter().map(|one| (one, points(one, 720))).collect();
        let daily: Vec<Series<'_>> = daily.into_iter().map(|one| (one, points(one, 31))).collect();
        let found = counted(&hourly, &daily, 720);
        let short = |amount: f64| format!("{amount:.3}");
        found.measured.into_iter().map(|one| (one.key.name(), (one.amount.map(short), one.by))).collect()
    }

    #[test]
    fn only_what_is_the_environments_own_is_asked_for() {
        let theirs = Seen { claim: Claim::Foreign, ..seen(Queue::KIND, "theirs") };
        let tagged = Seen { claim: Claim::Tagged("t".into()), ..seen(Queue::KIND, "tagged") };
        let there = Seen { fields: json!({"region": "us-east-1"}).into(), ..seen(LogGroup::KIND, "waf") };
        let all = asked(&scope(), &[seen(Queue::KIND, "mine"), theirs, tagged, there, seen(Distribution::KIND, "E1")]);
        let all: Vec<String> =
            all.iter().map(|one| format!("{} {} {:?}", one.region, one.source.metric, one.dimensions)).collect();
        let cdn = r#"{"DistributionId": "E1", "Region": "Global"}"#;
        let expected = [
            format!("us-east-1 Requests {cdn}"),
            format!("us-east-1 BytesDownloaded {cdn}"),
            r#"us-east-1 IncomingBytes {"LogGroupName": "waf"}"#.to_owned(),
            r#"eu-central-1 NumberOfMessagesSent {"QueueName": "mine"}"#.to_owned(),
        ];
        assert_eq!(all, expected);
    }

    /// By hand: 7,200 requests in each of 720 hours are 2 a second; 720 GiB in 720 hours are 730 in a month.
    #[test]
    fn a_month_is_made_of_what_was_reported() {
        let gib = GIBIBYTE;
        let objects =
            [LoadBalancer::KIND, NatGateway::KIND, LogGroup::KIND, Bucket::KIND, Queue::KIND, Topic::KIND, Function::KIND];
        let mut objects: Vec<Seen> = objects.into_iter().map(|kind| seen(kind, "a")).collect();
        objects.push(seen(Queue::KIND, "b"));
        let all = [
            ("RequestCount", 0, 7_200.0),
            ("ProcessedBytes", 0, gib),
            ("BytesOutToDestination", 0, gib),
            ("BytesOutToSource", 0, 2.0 * gib),
            ("IncomingBytes", 0, gib / 2.0),
            ("BucketSizeBytes", 0, 7.5 * gib),
            ("NumberOfMessagesSent", 0, 10.0),
            ("NumberOfMessagesPublished", 0, 1.0),
        ];
        let found = told(&objects, &all);
        let amount = |key: &str| found[key].0.as_deref();
        assert_eq!([amount("requests"), amount("transfer"), amount("nat")], [Some("2.000"), Some("730.000"), Some("2190.000")]);
        assert_eq!([amount("logs"), amount("files")], [Some("365.000"), Some("7.500")]);
        // 10 an hour through each of two queues, 1 through a topic.
        assert_eq!(amount("messages"), Some("5110.000"));
        assert_eq!(found["calls"], (None, "AWS/Lambda Invocations reported nothing".into()));
        assert_eq!(found["reads"], (None, UNREAD.into()));
        assert!(found["messages"].1.ends_with(", the mean of 3"), "{}", found["messages"].1);
        assert!(found["transfer"].1.contains("both directions"), "{}", found["transfer"].1);
    }

    #[test]
    fn a_new_environment_counts_from_its_first_figure() {
        // 10 days of 30: the first figure is that of the logs, and 100 messages in all of them are 304 in a month.
        let objects = [seen(LogGroup::KIND, "a"), seen(Queue::KIND, "a")];
        let found = told(&objects, &[("IncomingBytes", 480, 1.0), ("NumberOfMessagesSent", 719, 100.0)]);
        assert_eq!(found["messages"].0.as_deref(), Some("304.167"));
        assert_eq!(found["nat"], (None, "no NAT gateway of its own".into()));
        // Nothing at all is nothing, and not zero.
        assert!(told(&objects, &[]).values().all(|(amount, _)| amount.is_none()));
    }

    #[test]
    fn behind_a_distribution_its_figures_count() {
        let objects = [seen(Distribution::KIND, "E1"), seen(LoadBalancer::KIND, "a")];
        let edge = [("Requests", 0, 7_200.0), ("BytesDownloaded", 0, GIBIBYTE)];
        let behind = [("RequestCount", 0, 3_600.0), ("ProcessedBytes", 0, 9.0 * GIBIBYTE)];
        let found = told(&objects, &[edge, behind].concat());
        assert_eq!((found["requests"].0.as_deref(), found["requests"].1.as_str()), (Some("2.000"), "AWS/CloudFront Requests"));
        assert_eq!(found["transfer"].0.as_deref(), Some("730.000"));
        // Where most go to the load balancer itself, they are what counts.
        let found = told(&objects, &[("Requests", 0, 60.0), ("RequestCount", 0, 3_600.0)]);
        assert_eq!(
            (found["requests"].0.as_deref(), found["requests"].1.as_str()),
            (Some("1.000"), "AWS/ApplicationELB RequestCount")
        );
    }
}
