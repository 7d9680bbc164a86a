//! The figures of an environment: what is worth looking at of each part of the graph, in the order in which requests go through it. The
//! dashboard draws them, and `stack top` shows them in the terminal.

use std::collections::BTreeMap;

use super::alarms::databases::connections;
use super::alarms::read;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::cloudfront::Distribution;
use crate::aws::cloudwatch::metrics::Wanted;
use crate::aws::ec2::NatGateway;
use crate::aws::ecs::{self, Cluster};
use crate::aws::elasticache::{self, NODE_CONNECTIONS, ReplicationGroup};
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
    /// Whether it tells how busy its part is.
    busy: Busy,
}

/// How a figure tells how busy its part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    /// It does not.
    No,
    /// What is too much is not known. Memory is of this sort: full, it does not make slow by itself, and many programs and caches keep it
    /// full.
    Unbounded,
    /// A hundred per cent is full.
    Percent,
    /// The connections that the part accepts are full.
    Connections,
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
    /// The value at which the part is full, where that is known.
    pub full: Option<f64>,
}

impl Figure {
    /// Returns the namespace and the name of the metric.
    pub fn metric(&self) -> (&'static str, &'static str) {
        (self.what.namespace, self.what.metric)
    }

    /// Returns the metric as CloudWatch is asked for it, once it is resolved.
    pub fn wanted(&self) -> Wanted<'_> {
        let (namespace, metric) = self.metric();
        Wanted { region: &self.region, namespace, metric, statistic: self.what.statistic, dimensions: &self.dimensions }
    }

    /// Checks whether it tells how busy its part is.
    pub fn tells_load(&self) -> bool {
        self.what.busy != Busy::No
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
    What { label, means: "", unit, namespace, metric, statistic, busy: Busy::No }
}

impl What {
    const fn said(self, means: &'static str) -> What {
        What { means, ..self }
    }

    const fn busy(self, busy: Busy) -> What {
        What { busy, ..self }
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
    what("requests", Unit::Count, BALANCER, "RequestCount", "Sum").said("requests in a minute").busy(Busy::Unbounded),
    what("open", Unit::Count, BALANCER, "ActiveConnectionCount", "Sum").said("connections that are open").busy(Busy::Unbounded),
    what("rejected", Unit::Count, BALANCER, "RejectedConnectionCount", "Sum")
        .said("connections in a minute for which it had no room")
        .busy(Busy::Unbounded),
    what("5xx itself", Unit::Count, BALANCER, "HTTPCode_ELB_5XX_Count", "Sum")
        .said("errors in a minute because no task answered")
        .busy(Busy::Unbounded),
    what("5xx of tasks", Unit::Count, BALANCER, "HTTPCode_Target_5XX_Count", "Sum")
        .said("errors in a minute that tasks answered with"),
    what("p99", Unit::Seconds, BALANCER, "TargetResponseTime", "p99").said("the time of the slowest answer of a hundred"),
];
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html>
const OF_SERVICE: &[What] = &[
    what(CPU, Unit::Percent, ECS, "CPUUtilization", "Average").said("of the CPU of its tasks").busy(Busy::Percent),
    what(MEMORY, Unit::Percent, ECS, "MemoryUtilization", "Average").said("of the memory of its tasks").busy(Busy::Unbounded),
];
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html>
const OF_INSIGHTS: &[What] =
    &[what("tasks", Unit::Count, "ECS/ContainerInsights", "RunningTaskCount", "Average").said("tasks that run")];
const OF_TARGETS: &[What] = &[
    what("healthy", Unit::Count, BALANCER, "HealthyHostCount", "Minimum").said("tasks that pass their health checks"),
    what("5xx", Unit::Count, BALANCER, "HTTPCode_Target_5XX_Count", "Sum").said("errors in a minute"),
    what("p99", Unit::Seconds, BALANCER, "TargetResponseTime", "p99").said("the time of the slowest answer of a hundred"),
];
/// What the tasks of a service carried, by the hour: of each task the requests (whose sum is the average of them, as AWS's page says), how
/// many tasks there were, how slow the slowest answers were, and how many answers were errors.
const OF_CARRIED: &[What] = &[
    what(REQUESTS, Unit::Count, BALANCER, "RequestCountPerTarget", "Sum"),
    what(TASKS, Unit::Count, BALANCER, "HealthyHostCount", "Average"),
    what(P99, Unit::Seconds, BALANCER, "TargetResponseTime", "p99"),
    what(ALL, Unit::Count, BALANCER, "RequestCount", "Sum"),
    what(ERRORS, Unit::Count, BALANCER, "HTTPCode_Target_5XX_Count", "Sum"),
];
/// The labels of what is asked for each hour.
pub const REQUESTS: &str = "requests of a task";
/// Healthy tasks.
pub const TASKS: &str = "tasks";
/// The slowest answer of a hundred.
pub const P99: &str = "p99";
/// Requests to all tasks.
pub const ALL: &str = "requests";
/// Errors of tasks.
pub const ERRORS: &str = "5xx";
/// The use of the processors.
pub const CPU: &str = "CPU";
/// The use of the memory.
pub const MEMORY: &str = "memory";
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html>
const OF_DATABASE: &[What] = &[
    what("CPU", Unit::Percent, RDS, "CPUUtilization", "Average").said("of its CPU").busy(Busy::Percent),
    what("connections", Unit::Count, RDS, "DatabaseConnections", "Maximum")
        .said("clients that are connected")
        .busy(Busy::Connections),
    what("queue", Unit::Count, RDS, "DiskQueueDepth", "Maximum").said("operations that wait for its disk").busy(Busy::Unbounded),
    what("free storage", Unit::Bytes, RDS, "FreeStorageSpace", "Minimum").said("storage that is left"),
    what("read", Unit::Seconds, RDS, "ReadLatency", "Average").said("the time of reading from its disk"),
    what("write", Unit::Seconds, RDS, "WriteLatency", "Average").said("the time of writing to its disk"),
];
const OF_REPLICA: &[What] = &[what("lag", Unit::Seconds, RDS, "ReplicaLag", "Maximum").said("how far it is behind its database")];
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html>
const OF_CACHE: &[What] = &[
    what("CPU", Unit::Percent, CACHE, "EngineCPUUtilization", "Average")
        .said("of the one thread that answers")
        .busy(Busy::Percent),
    what("memory", Unit::Percent, CACHE, "DatabaseMemoryUsagePercentage", "Average")
        .said("of the memory for keys")
        .busy(Busy::Unbounded),
    what("connections", Unit::Count, CACHE, "CurrConnections", "Maximum")
        .said("clients that are connected")
        .busy(Busy::Connections),
    what("evictions", Unit::Count, CACHE, "Evictions", "Sum").said("keys removed in a minute for want of memory"),
];
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Memcached.html>
const OF_MEMCACHED: &[What] = &[
    what("CPU", Unit::Percent, CACHE, "CPUUtilization", "Average").said("of its CPU").busy(Busy::Percent),
    what("connections", Unit::Count, CACHE, "CurrConnections", "Maximum")
        .said("clients that are connected")
        .busy(Busy::Connections),
    what("evictions", Unit::Count, CACHE, "Evictions", "Sum").said("keys removed in a minute for want of memory"),
];
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
const OF_QUEUE: &[What] = &[
    what("messages", Unit::Count, SQS, "ApproximateNumberOfMessagesVisible", "Maximum")
        .said("messages that wait")
        .busy(Busy::Unbounded),
    what("oldest", Unit::Seconds, SQS, "ApproximateAgeOfOldestMessage", "Maximum")
        .said("how long the oldest of them waits")
        .busy(Busy::Unbounded),
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

/// Returns the figures of everything in the graph.
pub fn all(graph: &Graph, scope: &Scope) -> Vec<Figure> {
    let of_kind = |kind: &'static str| graph.nodes().filter(move |node| node.key.kind == kind);
    ORDER.iter().flat_map(|kind| of_kind(kind)).flat_map(|node| of(graph, scope, node)).collect()
}

/// Returns the names by which CloudWatch knows the tasks behind the stack's load balancer.
fn targets(graph: &Graph, service: &ecs::Service) -> Option<[(&'static str, String); 2]> {
    let balancer = graph.nodes().find(|node| node.key.kind == LoadBalancer::KIND)?;
    let group = graph.get(&service.load_balancers.first()?.target_group.key()?)?;
    Some([
        ("LoadBalancer", attribute::<LoadBalancer>(balancer, "full_name")),
        ("TargetGroup", attribute::<TargetGroup>(group, "full_name")),
    ])
}

/// Returns what tells how much the tasks of services carried that are behind the stack's own load balancer.
pub fn carried(graph: &Graph, scope: &Scope) -> Vec<Figure> {
    let each = |node: &Node| -> Option<Vec<Figure>> {
        let names = targets(graph, &read::<ecs::Service>(node)?)?;
        let names: BTreeMap<String, String> = names.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let one = |what| Figure {
            part: node.origin.clone(),
            what,
            region: scope.region.clone(),
            dimensions: names.clone(),
            full: None,
        };
        let busy = of(graph, scope, node).into_iter().filter(|figure| figure.what.namespace == ECS);
        Some(OF_CARRIED.iter().map(one).chain(busy).collect())
    };
    graph.nodes().filter(|node| node.key.kind == ecs::Service::KIND).filter_map(each).flatten().collect()
}

fn of(graph: &Graph, scope: &Scope, node: &Node) -> Vec<Figure> {
    let figures = |part: &str, all: &'static [What], region: &str, dimensions: &[(&str, String)]| -> Vec<Figure> {
        let dimensions: BTreeMap<String, String> =
            dimensions.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let accepted = || match node.key.kind.as_str() {
            Instance::KIND => connections(graph, &read::<Instance>(node)?),
            _ => Some(NODE_CONNECTIONS),
        };
        let one = |what: &'static What| {
            let full = match what.busy {
                Busy::No | Busy::Unbounded => None,
                Busy::Percent => Some(100.0),
                Busy::Connections => accepted(),
            };
            Figure { part: part.to_owned(), what, region: region.to_owned(), dimensions: dimensions.clone(), full }
        };
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
            all.extend(targets(graph, &service).into_iter().flat_map(|names| figures(part, OF_TARGETS, here, &names)));
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
