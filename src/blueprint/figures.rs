//! The figures of an environment: what is worth looking at of each part of the graph, in the order in which requests go through it. The
//! dashboard draws them, and `stack top` shows them in the terminal.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::cloudfront::Distribution;
use crate::aws::ec2::NatGateway;
use crate::aws::ecs::{self, Cluster};
use crate::aws::elasticache::{self, ReplicationGroup};
use crate::aws::elbv2::{LoadBalancer, TargetGroup};
use crate::aws::lambda::Function;
use crate::aws::rds::Instance;
use crate::aws::sqs::Queue;
use crate::engine::{Graph, Ids, Node, Ref, Resource, Scope};

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Of something, in a period.
    Count,
    /// Per cent.
    Percent,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
}

/// What a figure is, for every part of its sort.
#[derive(Debug, PartialEq)]
pub struct What {
    /// A few words: `CPU`.
    pub label: &'static str,
    /// What it means, as a sentence without its full stop.
    pub means: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    namespace: &'static str,
    metric: &'static str,
    /// What is made of the data of a period: `Average`, `Sum`, `p99`.
    pub statistic: &'static str,
}

/// A figure of a part.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The part: `services.web`, and of a cache each of its nodes.
    pub part: String,
    /// What it is.
    pub what: &'static What,
    /// The region that reports it.
    pub region: String,
    /// Whose it is, as CloudWatch names that; with references to what the graph has.
    pub dimensions: BTreeMap<String, String>,
}

impl Figure {
    /// Returns the namespace and the name of the metric.
    pub fn metric(&self) -> (&'static str, &'static str) {
        (self.what.namespace, self.what.metric)
    }

    /// Checks whether what it is of is deleted while the environment is paused, and created again under another id.
    pub fn comes_and_goes(&self) -> bool {
        self.what.namespace == NAT
    }

    /// Returns the figure of what exists; nothing if what it is of does not.
    #[must_use]
    pub fn resolved(&self, ids: &Ids) -> Option<Figure> {
        let text = |(name, value): (&String, &String)| Some((name.clone(), ids.text(value).ok()?));
        let dimensions = self.dimensions.iter().map(text).collect::<Option<_>>()?;
        Some(Figure { dimensions, ..self.clone() })
    }
}

const fn what(label: &'static str, unit: Unit, namespace: &'static str, metric: &'static str, statistic: &'static str) -> What {
    What { label, means: "", unit, namespace, metric, statistic }
}

impl What {
    const fn said(self, means: &'static str) -> What {
        What { means, ..self }
    }
}

const CDN: &str = "AWS/CloudFront";
const BALANCER: &str = "AWS/ApplicationELB";
const ECS: &str = "AWS/ECS";
const RDS: &str = "AWS/RDS";
const CACHE: &str = "AWS/ElastiCache";
const SQS: &str = "AWS/SQS";
const LAMBDA: &str = "AWS/Lambda";
const NAT: &str = "AWS/NATGateway";

/// The metrics are those of AWS's pages: <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html>.
const OF_CDN: &[What] = &[
    what("requests", Unit::Count, CDN, "Requests", "Sum").said("requests of users in a minute"),
    what("5xx", Unit::Percent, CDN, "5xxErrorRate", "Average").said("how many of them got an error of the server"),
];
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
const OF_BALANCER: &[What] = &[
    what("requests", Unit::Count, BALANCER, "RequestCount", "Sum").said("requests in a minute"),
    what("5xx itself", Unit::Count, BALANCER, "HTTPCode_ELB_5XX_Count", "Sum")
        .said("errors in a minute because no task answered"),
    what("5xx of tasks", Unit::Count, BALANCER, "HTTPCode_Target_5XX_Count", "Sum")
        .said("errors in a minute that tasks answered with"),
    what("p99", Unit::Seconds, BALANCER, "TargetResponseTime", "p99").said("the time of the slowest answer of a hundred"),
];
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html>
const OF_SERVICE: &[What] = &[
    what("CPU", Unit::Percent, ECS, "CPUUtilization", "Average").said("of the CPU of its tasks"),
    what("memory", Unit::Percent, ECS, "MemoryUtilization", "Average").said("of the memory of its tasks"),
];
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html>
const OF_INSIGHTS: &[What] =
    &[what("tasks", Unit::Count, "ECS/ContainerInsights", "RunningTaskCount", "Average").said("tasks that run")];
const OF_TARGETS: &[What] = &[
    what("healthy", Unit::Count, BALANCER, "HealthyHostCount", "Minimum").said("tasks that pass their health checks"),
    what("5xx", Unit::Count, BALANCER, "HTTPCode_Target_5XX_Count", "Sum").said("errors in a minute"),
    what("p99", Unit::Seconds, BALANCER, "TargetResponseTime", "p99").said("the time of the slowest answer of a hundred"),
];
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html>
const OF_DATABASE: &[What] = &[
    what("CPU", Unit::Percent, RDS, "CPUUtilization", "Average").said("of its CPU"),
    what("connections", Unit::Count, RDS, "DatabaseConnections", "Average").said("clients that are connected"),
    what("free storage", Unit::Bytes, RDS, "FreeStorageSpace", "Minimum").said("storage that is left"),
    what("read", Unit::Seconds, RDS, "ReadLatency", "Average").said("the time of reading from its disk"),
    what("write", Unit::Seconds, RDS, "WriteLatency", "Average").said("the time of writing to its disk"),
];
const OF_REPLICA: &[What] = &[what("lag", Unit::Seconds, RDS, "ReplicaLag", "Maximum").said("how far it is behind its database")];
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html>
const OF_CACHE: &[What] = &[
    what("CPU", Unit::Percent, CACHE, "EngineCPUUtilization", "Average").said("of the one thread that answers"),
    what("memory", Unit::Percent, CACHE, "DatabaseMemoryUsagePercentage", "Average").said("of the memory for keys"),
    what("connections", Unit::Count, CACHE, "CurrConnections", "Average").said("clients that are connected"),
    what("evictions", Unit::Count, CACHE, "Evictions", "Sum").said("keys removed in a minute for want of memory"),
];
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Memcached.html>
const OF_MEMCACHED: &[What] = &[
    what("CPU", Unit::Percent, CACHE, "CPUUtilization", "Average").said("of its CPU"),
    what("connections", Unit::Count, CACHE, "CurrConnections", "Average").said("clients that are connected"),
    what("evictions", Unit::Count, CACHE, "Evictions", "Sum").said("keys removed in a minute for want of memory"),
];
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
const OF_QUEUE: &[What] = &[
    what("messages", Unit::Count, SQS, "ApproximateNumberOfMessagesVisible", "Maximum").said("messages that wait"),
    what("oldest", Unit::Seconds, SQS, "ApproximateAgeOfOldestMessage", "Maximum").said("how long the oldest of them waits"),
];
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
const OF_FUNCTION: &[What] = &[
    what("calls", Unit::Count, LAMBDA, "Invocations", "Sum").said("invocations in a minute"),
    what("errors", Unit::Count, LAMBDA, "Errors", "Sum").said("invocations in a minute that failed"),
    what("p99", Unit::Milliseconds, LAMBDA, "Duration", "p99").said("the time of the slowest of a hundred"),
];
/// <https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html>
const OF_NAT: &[What] = &[
    what("sent", Unit::Bytes, NAT, "BytesOutToDestination", "Sum").said("data to the internet in a minute"),
    what("received", Unit::Bytes, NAT, "BytesInFromDestination", "Sum").said("data from the internet in a minute"),
    what("no port", Unit::Count, NAT, "ErrorPortAllocation", "Sum").said("connections in a minute that found no port"),
];

/// The kinds that have figures, in the order in which requests go through them.
const ORDER: &[&str] = &[
    Distribution::KIND,
    LoadBalancer::KIND,
    ecs::Service::KIND,
    Instance::KIND,
    ReplicationGroup::KIND,
    elasticache::Cluster::KIND,
    Queue::KIND,
    Function::KIND,
    NatGateway::KIND,
];

fn attribute<R: Resource>(node: &Node, attr: &'static str) -> String {
    Ref::<R>::to(&node.key.name).attr(attr).to_string()
}

fn read<R: Resource + DeserializeOwned>(node: &Node) -> Option<R> {
    if node.key.kind == R::KIND { R::deserialize(&*node.desired).ok() } else { None }
}

/// Returns the figures of everything in the graph.
pub fn all(graph: &Graph, scope: &Scope) -> Vec<Figure> {
    let of_kind = |kind: &'static str| graph.nodes().filter(move |node| node.key.kind == kind);
    ORDER.iter().flat_map(|kind| of_kind(kind)).flat_map(|node| of(graph, scope, node)).collect()
}

fn of(graph: &Graph, scope: &Scope, node: &Node) -> Vec<Figure> {
    let figures = |part: &str, all: &'static [What], region: &str, dimensions: &[(&str, String)]| -> Vec<Figure> {
        let dimensions: BTreeMap<String, String> =
            dimensions.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let one = |what| Figure { part: part.to_owned(), what, region: region.to_owned(), dimensions: dimensions.clone() };
        all.iter().map(one).collect()
    };
    let (part, here) = (node.origin.as_str(), scope.region.as_str());
    match node.key.kind.as_str() {
        // CloudFront reports to us-east-1 only; where it does so in other partitions is not known here.
        Distribution::KIND if scope.partition == "aws" => {
            let dimensions = [("DistributionId", attribute::<Distribution>(node, "id")), ("Region", "Global".to_owned())];
            figures(part, OF_CDN, CLOUDFRONT_REGION, &dimensions)
        }
        LoadBalancer::KIND => figures(part, OF_BALANCER, here, &[("LoadBalancer", attribute::<LoadBalancer>(node, "full_name"))]),
        ecs::Service::KIND => {
            let Some(service) = read::<ecs::Service>(node) else { return Vec::new() };
            let Some(cluster) = service.cluster.key().and_then(|key| graph.get(&key)) else { return Vec::new() };
            let dimensions = [
                ("ClusterName", attribute::<Cluster>(cluster, "name")),
                ("ServiceName", attribute::<ecs::Service>(node, "name")),
            ];
            let mut all = figures(part, OF_SERVICE, here, &dimensions);
            if read::<Cluster>(cluster).is_some_and(|cluster| cluster.container_insights == Some(true)) {
                all.extend(figures(part, OF_INSIGHTS, here, &dimensions));
            }
            let balancer = graph.nodes().find(|node| node.key.kind == LoadBalancer::KIND);
            let group = service.load_balancers.first().and_then(|target| graph.get(&target.target_group.key()?));
            if let (Some(balancer), Some(group)) = (balancer, group) {
                let dimensions = [
                    ("LoadBalancer", attribute::<LoadBalancer>(balancer, "full_name")),
                    ("TargetGroup", attribute::<TargetGroup>(group, "full_name")),
                ];
                all.extend(figures(part, OF_TARGETS, here, &dimensions));
            }
            all
        }
        Instance::KIND => {
            let dimensions = [("DBInstanceIdentifier", attribute::<Instance>(node, "id"))];
            let mut all = figures(part, OF_DATABASE, here, &dimensions);
            if read::<Instance>(node).is_some_and(|instance| instance.source.is_some()) {
                all.extend(figures(part, OF_REPLICA, here, &dimensions));
            }
            all
        }
        // AWS calls the members `GROUP-001` and so on.
        ReplicationGroup::KIND => {
            let replicas = read::<ReplicationGroup>(node).map_or(0, |group| group.replicas);
            let id = attribute::<ReplicationGroup>(node, "id");
            let of = |member: i32| {
                figures(&format!("{part}.{member}"), OF_CACHE, here, &[("CacheClusterId", format!("{id}-{member:03}"))])
            };
            (1..=replicas + 1).flat_map(of).collect()
        }
        elasticache::Cluster::KIND => {
            let nodes = read::<elasticache::Cluster>(node).map_or(0, |cluster| cluster.nodes);
            let id = attribute::<elasticache::Cluster>(node, "id");
            let of = |at: i32| {
                let dimensions = [("CacheClusterId", id.clone()), ("CacheNodeId", format!("{at:04}"))];
                figures(&format!("{part}.{at}"), OF_MEMCACHED, here, &dimensions)
            };
            (1..=nodes).flat_map(of).collect()
        }
        Queue::KIND => figures(part, OF_QUEUE, here, &[("QueueName", attribute::<Queue>(node, "name"))]),
        Function::KIND => figures(part, OF_FUNCTION, here, &[("FunctionName", attribute::<Function>(node, "id"))]),
        NatGateway::KIND => {
            figures(&format!("{part}.{}", node.key.name), OF_NAT, here, &[("NatGatewayId", attribute::<NatGateway>(node, "id"))])
        }
        _ => Vec::new(),
    }
}
