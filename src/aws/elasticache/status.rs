//! The states of caches.

use aws_sdk_elasticache::types as sdk;

use crate::aws::states::{Means, States};
use crate::engine::Readiness;

const NETWORK: &str = "AWS cannot restore it in its network: free addresses in its subnets, and see its events for the reason";

/// The meanings of AWS's states of a replication group.
pub const GROUPS: States = States {
    kind: "elasticache.replication_group",
    source: "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ReplicationGroup.html",
    words: &[
        ("available", Means::Serves),
        ("create-failed", Means::Failed),
        ("creating", Means::Busy),
        ("deleting", Means::Leaving),
        ("incompatible-network", Means::Fixed(NETWORK, &[])),
        ("modifying", Means::Busy),
        ("rebooting-cluster-nodes", Means::Busy),
        ("restore-failed", Means::Failed),
        // While a snapshot is taken it serves.
        ("snapshotting", Means::Serves),
    ],
};

/// The meanings of AWS's states of a cluster.
pub const CLUSTERS: States = States {
    kind: "elasticache.cluster",
    source: "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CacheCluster.html",
    words: &[
        ("available", Means::Serves),
        ("creating", Means::Busy),
        ("deleted", Means::Gone),
        ("deleting", Means::Leaving),
        // Nothing is kept in it that could be saved.
        ("incompatible-network", Means::Failed),
        ("modifying", Means::Busy),
        ("rebooting-cluster-nodes", Means::Busy),
        // The API reference spells it so.
        ("rebooting cluster nodes", Means::Busy),
        ("restore-failed", Means::Failed),
        ("snapshotting", Means::Serves),
    ],
};

/// Returns the state of a replication group.
pub(super) fn group(group: &sdk::ReplicationGroup) -> Readiness {
    // AWS reports an endpoint once the group has served.
    let served = group.node_groups().iter().any(|shard| shard.primary_endpoint().is_some());
    GROUPS.read(group.status().unwrap_or("unknown"), served)
}

/// Returns the state of a cluster.
pub(super) fn cluster(cluster: &sdk::CacheCluster) -> Readiness {
    CLUSTERS.read(cluster.cache_cluster_status().unwrap_or("unknown"), cluster.cache_cluster_create_time().is_some())
}

/// Returns the pending changes of a cluster, in words.
pub(super) fn pending_of(cluster: &sdk::CacheCluster) -> Vec<&'static str> {
    let Some(pending) = cluster.pending_modified_values() else { return Vec::new() };
    let all = [
        ("version", pending.engine_version().is_some()),
        ("node type", pending.cache_node_type().is_some()),
        ("nodes", pending.num_cache_nodes().is_some()),
        ("encryption in transit", pending.transit_encryption_enabled().is_some() || pending.transit_encryption_mode().is_some()),
    ];
    all.into_iter().filter_map(|(name, is)| is.then_some(name)).collect()
}

/// Returns the pending changes of a group and of one of its members, which knows what the group does not report.
pub(super) fn pending_of_group(group: &sdk::ReplicationGroup, member: Option<&sdk::CacheCluster>) -> Vec<&'static str> {
    let mut out = member.map(pending_of).unwrap_or_default();
    if let Some(pending) = group.pending_modified_values() {
        out.extend(pending.automatic_failover_status().map(|_| "failover"));
        let transit = pending.transit_encryption_enabled().is_some() || pending.transit_encryption_mode().is_some();
        out.extend((transit && !out.contains(&"encryption in transit")).then_some("encryption in transit"));
    }
    out
}
