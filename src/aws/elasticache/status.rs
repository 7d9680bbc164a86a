//! How caches do, in AWS's words.

use serde::Serialize;

use super::{clusters, replication_groups};
use crate::aws::Cx;
use crate::engine::{Readiness, Result};

/// What AWS's word for a cache's state means.
pub(super) fn state_of(status: &str) -> Readiness {
    match status {
        // While a snapshot is taken it serves.
        "available" | "snapshotting" => Readiness::Ready,
        "create-failed" | "restore-failed" | "incompatible-network" => Readiness::Failed(status.to_owned()),
        other => Readiness::waiting(other),
    }
}

/// A cache as it runs.
#[derive(Clone, Debug, Serialize)]
pub struct Cache {
    /// Its id in AWS.
    pub id: String,
    /// AWS's word for how it does.
    pub status: String,
    /// Engine and version.
    pub engine: String,
    /// Its node type.
    pub node: String,
    /// How many nodes it has.
    pub nodes: usize,
    /// Where it answers, with the port; nothing until it does.
    pub endpoint: Option<String>,
}

/// Every cache whose id is like ours, with how it does.
///
/// # Errors
/// When ElastiCache cannot be asked.
pub async fn caches(cx: &Cx) -> Result<Vec<Cache>> {
    let (groups, clusters) = futures::try_join!(replication_groups(cx), clusters(cx))?;
    let address = |e: &aws_sdk_elasticache::types::Endpoint| Some(format!("{}:{}", e.address()?, e.port()?));
    let version =
        |engine: Option<&str>, version: Option<&str>| [engine, version].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let of_groups = groups.iter().map(|g| {
        let member = g.member_clusters().first();
        let member = clusters.iter().find(|c| c.cache_cluster_id() == member.map(String::as_str));
        Cache {
            id: text(g.replication_group_id()),
            status: text(g.status()),
            engine: version(g.engine().or(member.and_then(|m| m.engine())), member.and_then(|m| m.engine_version())),
            node: text(g.cache_node_type()),
            nodes: g.member_clusters().len(),
            endpoint: g.node_groups().first().and_then(|shard| shard.primary_endpoint()).and_then(address),
        }
    });
    let alone = clusters.iter().filter(|c| c.replication_group_id().is_none()).map(|c| Cache {
        id: text(c.cache_cluster_id()),
        status: text(c.cache_cluster_status()),
        engine: version(c.engine(), c.engine_version()),
        node: text(c.cache_node_type()),
        nodes: usize::try_from(c.num_cache_nodes().unwrap_or_default()).unwrap_or_default(),
        endpoint: c.configuration_endpoint().and_then(address),
    });
    Ok(of_groups.chain(alone).collect())
}
