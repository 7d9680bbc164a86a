//! Checks for what ElastiCache would refuse: versions and node types that it does not offer, data that a cache cannot begin with, and removed zones that are in use.

use super::{Cluster, ReplicationGroup, SubnetGroup, begin, node_types};
use crate::aws::Cx;
use crate::aws::ec2::placement;
use crate::aws::elasticache::errors::failed;
use crate::aws::finding::{Finding, is_new, loses_subnets, of_kind};
use crate::aws::wing::Check;
use crate::engine::{Item, Plan, Resource, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    let caches = || of_kind(plan, ReplicationGroup::KIND).chain(of_kind(plan, Cluster::KIND));
    let versions = caches().filter(|item| is_new(item, &["engine", "engine_version"]));
    let types = caches().filter(|item| is_new(item, &["node_type"]));
    let begins = |item: &&Item| item.is_first() && item.desired.as_deref().is_some_and(ReplicationGroup::begins);
    let data = of_kind(plan, ReplicationGroup::KIND).filter(begins);
    let groups = of_kind(plan, SubnetGroup::KIND).filter(|item| loses_subnets(item));
    let mut checks: Vec<Check<'_>> = Vec::new();
    checks.extend(versions.map(|item| -> Check<'_> { ("cache versions", Box::pin(node_types::version(cx, item))) }));
    checks.extend(types.map(|item| -> Check<'_> { ("node types", Box::pin(node_types::node_type(cx, item))) }));
    checks.extend(data.map(|item| -> Check<'_> { ("the data that caches begin with", Box::pin(begin::check(cx, item))) }));
    checks.extend(groups.map(|item| -> Check<'_> { ("the zones of caches", Box::pin(zones(cx, plan, item))) }));
    checks
}

/// Checks for removed zones that are in use: ElastiCache removes no subnet from a group while a node of the group is in it
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyCacheSubnetGroup.html>).
async fn zones(cx: &Cx, plan: &Plan, item: &Item) -> Result<Vec<Finding>> {
    let lost = placement::lost(cx, plan, item).await?;
    let Some(group) = placement::id(item).filter(|_| !lost.is_empty()) else { return Ok(Vec::new()) };
    let pages = cx.cloud.elasticache.describe_cache_clusters().show_cache_node_info(true).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("elasticache:DescribeCacheClusters"))?;
    let ours: Vec<_> = all.iter().filter(|c| c.cache_subnet_group_name() == Some(group)).collect();
    let found = lost.iter().filter_map(|zone| {
        let stands = |c: &&&aws_sdk_elasticache::types::CacheCluster| {
            c.preferred_availability_zone() == Some(zone)
                || c.cache_nodes().iter().any(|node| node.customer_availability_zone() == Some(zone))
        };
        let names: Vec<String> =
            ours.iter().filter(stands).filter_map(|c| c.cache_cluster_id()).map(|name| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| {
            let way = "keep the zone; or create the cache under another name in the remaining zones, and remove this one first";
            placement::refused(item, "the cache", &names, zone, way)
        })
    });
    Ok(found.collect())
}
