//! Checks whether ElastiCache offers the versions and node types of a plan.

use crate::aws::Cx;
use crate::aws::elasticache::errors::failed;
use crate::aws::finding::{Certainty, Finding, field, is_of};
use crate::engine::{Action, Item, Result};

/// Checks whether ElastiCache offers that version of an engine
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DescribeCacheEngineVersions.html>).
pub(super) async fn version(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let engine = field(item, "engine").unwrap_or("memcached");
    let Some(wanted) = field(item, "engine_version") else { return Ok(Vec::new()) };
    let pages = cx.cloud.elasticache.describe_cache_engine_versions().engine(engine).into_paginator().items().send();
    let versions = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    let versions = versions.map_err(failed("elasticache:DescribeCacheEngineVersions"))?;
    let there: Vec<&str> = versions.iter().filter_map(|v| v.engine_version()).collect();
    if there.iter().any(|version| is_of(version, wanted)) {
        return Ok(Vec::new());
    }
    let message = format!("ElastiCache does not offer {engine} {wanted} in {}; it offers {}", cx.scope.region, there.join(", "));
    Ok(vec![Finding::refused(&item.key, message, "choose one of these")])
}

/// Checks whether the region offers nodes of that type. No call of ElastiCache lists node types, neither of a region nor of a
/// zone: what can be reserved in the region exists there
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DescribeReservedCacheNodesOfferings.html>), what
/// cannot may still exist, and nothing is known about zones. An existing cache reports the types that it can change to
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ListAllowedNodeTypeModifications.html>).
pub(super) async fn node_type(cx: &Cx, item: &Item) -> Result<Vec<Finding>> {
    let Some(wanted) = field(item, "node_type") else { return Ok(Vec::new()) };
    if item.action == Action::Update && item.key.kind == "elasticache.replication_group" {
        return becomes(cx, item, wanted).await;
    }
    let call = cx.cloud.elasticache.describe_reserved_cache_nodes_offerings().cache_node_type(wanted).max_records(20);
    let answer = call.send().await.map_err(failed("elasticache:DescribeReservedCacheNodesOfferings"))?;
    if !answer.reserved_cache_nodes_offerings().is_empty() {
        return Ok(Vec::new());
    }
    let region = &cx.scope.region;
    let message = format!(
        "cannot check whether {region} offers nodes of type `{wanted}`: ElastiCache lists only types that can be reserved there, and this is not one"
    );
    let help =
        format!("`aws elasticache describe-reserved-cache-nodes-offerings --region {region}` lists many of the available types");
    Ok(vec![Finding::new(Certainty::Unknown, message).about(&item.key).help(help)])
}

/// The number of node types that are named; there can be dozens.
const NAMED: usize = 8;

async fn becomes(cx: &Cx, item: &Item, wanted: &str) -> Result<Vec<Finding>> {
    let Some(id) = item.before.as_ref().and_then(|before| before.live.get("id")?.as_str()) else { return Ok(Vec::new()) };
    let allowed = async {
        let call = cx.cloud.elasticache.list_allowed_node_type_modifications().replication_group_id(id);
        call.send().await.map_err(failed("elasticache:ListAllowedNodeTypeModifications"))
    };
    let now = async {
        let call = cx.cloud.elasticache.describe_replication_groups().replication_group_id(id);
        call.send().await.map_err(failed("elasticache:DescribeReplicationGroups"))
    };
    let (answer, now) = tokio::try_join!(allowed, now)?;
    // Back to what still runs, because a change waits for the maintenance window, is no change to AWS.
    if now.replication_groups().first().is_some_and(|group| group.cache_node_type() == Some(wanted)) {
        return Ok(Vec::new());
    }
    let all = answer.scale_up_modifications().iter().chain(answer.scale_down_modifications());
    let allowed: Vec<&str> = all.map(String::as_str).collect();
    if allowed.is_empty() || allowed.contains(&wanted) {
        return Ok(Vec::new());
    }
    let more = match allowed.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} others"),
    };
    let some = allowed.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let message = format!("its nodes cannot change to `{wanted}`; they can change to {some}{more}");
    let list = format!("`aws elasticache list-allowed-node-type-modifications --replication-group-id {id}` lists them all");
    Ok(vec![Finding::refused(&item.key, message, list)])
}
