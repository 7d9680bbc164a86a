//! Which alarms each object of the graph can have.

use std::collections::BTreeMap;

use serde_json::json;

use super::databases::{connections, is_unlimited, memory, percent_of};
use super::table::MEMCACHED_CPU;
use super::{Found, Parts, attribute, edge, read};
use crate::aws::Tags;
use crate::aws::ecs::{self, Cluster};
use crate::aws::elasticache::{self, ReplicationGroup};
use crate::aws::events::EventRule;
use crate::aws::lambda::Function;
use crate::aws::rds::Instance;
use crate::aws::sqs::Queue;
use crate::engine::{Node, Ref, Resource, token};

/// Returns the alarms of everything.
pub fn all(parts: &Parts<'_>) -> Vec<Found> {
    let each = |node: &Node| match node.key.kind.as_str() {
        ecs::Service::KIND => service(parts, node),
        Instance::KIND => database(parts, node),
        ReplicationGroup::KIND => replication_group(node),
        elasticache::Cluster::KIND => cluster(node),
        Queue::KIND => queue(parts, node),
        Function::KIND => {
            let dimensions = [("FunctionName", attribute::<Function>(node, "id"))];
            ["functions.errors", "functions.throttles"].map(|watch| Found::new(node, watch, &dimensions)).into()
        }
        _ => edge::find(parts, node),
    };
    parts.graph.nodes().flat_map(each).collect()
}

fn service(parts: &Parts<'_>, node: &Node) -> Vec<Found> {
    let Some(service) = read::<ecs::Service>(node) else { return Vec::new() };
    let cluster = service.cluster.key().and_then(|key| parts.graph.get(&key));
    let name = match (cluster, service.cluster.id()) {
        (Some(cluster), _) => attribute::<Cluster>(cluster, "name"),
        // Of someone else's cluster the ARN ends with its name.
        (None, Ok(id)) => id.rsplit('/').next().unwrap_or(id).to_owned(),
        (None, Err(_)) => return Vec::new(),
    };
    let dimensions = [("ClusterName", name), ("ServiceName", attribute::<ecs::Service>(node, "name"))];
    let mut watches = vec!["services.cpu", "services.memory"];
    // ECS counts tasks only with Container Insights
    // (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html>).
    if cluster.and_then(read::<Cluster>).is_some_and(|cluster| cluster.container_insights == Some(true)) {
        watches.push("services.running");
    }
    let mut found: Vec<Found> = watches.into_iter().map(|watch| Found::new(node, watch, &dimensions)).collect();
    found.push(restarts(&service, node));
    if let Some(balancer) = parts.balancer
        && let Some(targets) = balancer.targets.get(&node.key.name)
    {
        let group = targets.group.clone().attr("full_name").to_string();
        let dimensions = [("LoadBalancer", balancer.full_name.clone()), ("TargetGroup", group)];
        let watches = ["services.errors", "services.latency", "services.unhealthy"];
        found.extend(watches.map(|watch| Found::new(node, watch, &dimensions)));
    }
    found
}

/// Returns the alarm of tasks that end by themselves or cannot start. ECS counts no such thing, but reports each of them: a rule that has no
/// target has a metric all the same.
/// Those that the scheduler, a person or a deployment stops have other codes, and so have one-off tasks another group
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>,
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>,
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>).
fn restarts(service: &ecs::Service, node: &Node) -> Found {
    let name = format!("restarts-{}", node.key.name);
    let cluster = service.cluster.clone().attr("arn").to_string();
    let rule = EventRule {
        pattern: json!({
            "source": ["aws.ecs"],
            "detail-type": ["ECS Task State Change"],
            "detail": {
                "clusterArn": [cluster],
                "group": [format!("service:{}", attribute::<ecs::Service>(node, "name"))],
                "lastStatus": ["STOPPED"],
                "stopCode": ["EssentialContainerExited", "TaskFailedToStart"],
            },
        }),
        schedule: String::new(),
        enabled: Some(true),
        description: Some(format!("Counts tasks of {} that end by themselves or cannot start", node.origin)),
        targets: BTreeMap::new(),
        tags: Tags::new(),
    };
    let dimensions = [("RuleName", Ref::<EventRule>::to(&name).attr("id").to_string())];
    Found { counted_by: Some((name, rule)), ..Found::new(node, "services.restarts", &dimensions) }
}

fn database(parts: &Parts<'_>, node: &Node) -> Vec<Found> {
    let Some(instance) = read::<Instance>(node) else { return Vec::new() };
    let source = instance.source.as_ref().and_then(|source| parts.graph.get(&source.key()?)).and_then(read::<Instance>);
    let dimensions = [("DBInstanceIdentifier", attribute::<Instance>(node, "id"))];
    let one = |watch: &'static str| Found::new(node, watch, &dimensions);
    let mut found = vec![one("databases.cpu")];
    let storage = instance.storage.or_else(|| source.as_ref()?.storage);
    found.extend(storage.map(|gib| one("databases.storage_free").percent(percent_of(gib))));
    found.extend(memory(&instance.class).map(|bytes| one("databases.memory_free").percent(bytes / 100.0)));
    found.extend(connections(parts.graph, &instance).map(|most| one("databases.connections").percent(most / 100.0)));
    found.extend(instance.source.as_ref().map(|_| one("databases.replica_lag")));
    found.extend(is_unlimited(&instance.class).then(|| one("databases.credits")));
    found
}

/// Returns the alarms of each member, which AWS calls `GROUP-001` and so on.
fn replication_group(node: &Node) -> Vec<Found> {
    let Some(group) = read::<ReplicationGroup>(node) else { return Vec::new() };
    let mut watches = vec!["caches.cpu", "caches.memory", "caches.evictions"];
    if group.replicas > 0 {
        watches.push("caches.replica_lag");
    }
    let of = |member: i32| {
        let id = format!("{}-{member:03}", attribute::<ReplicationGroup>(node, "id"));
        let name = format!("{}-{member}", node.key.name);
        let one = move |watch| Found::named(&name, &node.origin, watch, &[("CacheClusterId", id.clone())]);
        watches.clone().into_iter().map(one)
    };
    (1..=group.replicas + 1).flat_map(of).collect()
}

/// Returns the alarms of each node of a Memcached cluster, which AWS calls `0001` and so on.
fn cluster(node: &Node) -> Vec<Found> {
    let Some(cluster) = read::<elasticache::Cluster>(node) else { return Vec::new() };
    let of = |at: i32| {
        let dimensions = [("CacheClusterId", attribute::<elasticache::Cluster>(node, "id")), ("CacheNodeId", format!("{at:04}"))];
        let name = format!("{}-{at}", node.key.name);
        let one = |watch| Found::named(&name, &node.origin, watch, &dimensions);
        [Found { watch: &MEMCACHED_CPU, ..one("caches.cpu") }, one("caches.evictions")]
    };
    (1..=cluster.nodes).flat_map(of).collect()
}

fn queue(parts: &Parts<'_>, node: &Node) -> Vec<Found> {
    let is_dead = |other: &Node| {
        let to = other.desired.get("dead_letter_queue").map(token::named);
        other.key.kind == Queue::KIND && to.is_some_and(|to| to.contains_key(&node.key))
    };
    let watch = if parts.graph.nodes().any(is_dead) { "queues.dead_letters" } else { "queues.age" };
    vec![Found::new(node, watch, &[("QueueName", attribute::<Queue>(node, "name"))])]
}
