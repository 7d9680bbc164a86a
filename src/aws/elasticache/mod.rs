//! Caches, in Amazon ElastiCache.
//!
//! ElastiCache reports the tags of a cache only while it is `available`. Until then the stack's caches are known by what is
//! written when they are created and can be read at any time: a replication group's description, a cluster's subnet group and id.

mod begin;
mod cache;
mod carry;
mod checks;
mod cluster;
mod controls;
mod cost;
pub(in crate::aws) mod errors;
mod naming;
mod node_types;
mod parameter_group;
mod replication_group;
mod snapshot;
mod snapshots;
mod status;
mod subnet_group;
mod versions;

pub use cache::Cache;
pub use cluster::Cluster;
pub use parameter_group::ParameterGroup;
pub use replication_group::{Begin, ReplicationGroup};
pub use snapshot::Snapshot;
pub use status::{CLUSTERS, GROUPS};
pub use subnet_group::SubnetGroup;

use std::sync::Arc;

use aws_sdk_elasticache::types::{self as sdk, Tag};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::Cx;
use crate::aws::elasticache::errors::failed;
use crate::aws::ownership::tags;
use crate::aws::ownership::tags::{TagEdit, Tags};
use crate::aws::ownership::{names, tag_index};
use crate::aws::wing::{KindRow, ServiceRole, Wing};
use crate::engine::{Blocker, Class, Diff, Ref, Result};

/// The connections that a node of a cache accepts
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.WhichShouldIMonitor.html>).
pub const NODE_CONNECTIONS: f64 = 65_000.0;

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    indexed: &["elasticache"],
    // <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/using-service-linked-roles.html>
    roles: &[ServiceRole {
        principal: "elasticache.amazonaws.com",
        name: "AWSServiceRoleForElastiCache",
        kinds: &["elasticache.replication_group", "elasticache.cluster"],
    }],
    checks: checks::of,
    controls: controls::CONTROLS,
    bill: cost::bill,
    ..Wing::of(&[
        KindRow::of::<SubnetGroup>(),
        KindRow::of::<ParameterGroup>(),
        KindRow::of::<ReplicationGroup>(),
        KindRow::of::<Cluster>(),
        KindRow::of::<Snapshot>(),
    ])
};

/// The maximum length of the name of a subnet group or a parameter group.
const NAME: usize = 255;
/// The name of AWS's own parameter groups here: which of them a cache has follows from its engine and version.
pub const DEFAULT_PARAMETERS: &str = "default";

/// The attributes of subnet groups and parameter groups.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
}

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

/// Returns the tags of the object with this ARN; nothing when AWS does not report them at the moment, or when it has just been
/// deleted.
async fn tags_of(cx: &Cx, arn: &str) -> Result<Option<Tags>> {
    if let Some(known) = tag_index::tags(cx, "elasticache", arn).await {
        return Ok(Some(known));
    }
    let answer = cx.cloud.elasticache.list_tags_for_resource().resource_name(arn).send().await;
    match answer.map_err(failed("elasticache:ListTagsForResource")) {
        Ok(answer) => Ok(Some(tags::from_pairs(answer.tag_list().iter().map(|t| (t.key(), t.value()))))),
        Err(e) if matches!(e.class, Class::InUse | Class::NotFound) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Returns the caches of the account that use something, as blockers of its deletion.
async fn users(cx: &Cx, use_it: impl Fn(&sdk::CacheCluster) -> bool + Send) -> Result<Vec<Blocker>> {
    let pages = cx.cloud.elasticache.describe_cache_clusters().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("elasticache:DescribeCacheClusters"))?;
    let mut out = Vec::new();
    for cache in all.into_iter().filter(use_it) {
        let tags = match cache.arn() {
            Some(arn) => tags_of(cx, arn).await?.unwrap_or_default(),
            None => Tags::new(),
        };
        let (id, status) = (cache.cache_cluster_id().unwrap_or_default(), cache.cache_cluster_status());
        out.push(Blocker {
            what: format!("the cache `{id}` ({})", status.unwrap_or("unknown")),
            passing: cx.scope.owns(&tags) || status == Some("deleting"),
        });
    }
    Ok(out)
}

/// Applies the difference of the tags to `arn`.
async fn retag(cx: &Cx, arn: &str, desired: &Tags, diff: &Diff) -> Result<()> {
    let Some(edit) = TagEdit::of(diff, desired) else { return Ok(()) };
    if !edit.write.is_empty() {
        let call = cx.cloud.elasticache.add_tags_to_resource().resource_name(arn).set_tags(Some(to_sdk(&edit.write)));
        call.send().await.map_err(failed("elasticache:AddTagsToResource"))?;
    }
    if !edit.remove.is_empty() {
        let call = cx.cloud.elasticache.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(edit.remove));
        call.send().await.map_err(failed("elasticache:RemoveTagsFromResource"))?;
    }
    Ok(())
}

/// Returns the replication groups with ids like the stack's.
async fn replication_groups(cx: &Cx) -> Result<Arc<Vec<sdk::ReplicationGroup>>> {
    cx.reads
        .once("elasticache.replication_groups", async {
            let pages = cx.cloud.elasticache.describe_replication_groups().into_paginator().items().send();
            let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
            let all = all.map_err(failed("elasticache:DescribeReplicationGroups"))?;
            let known = tag_index::candidates(cx).await?;
            let ours = |g: &sdk::ReplicationGroup| {
                g.replication_group_id().is_some_and(|id| naming::like_ours(cx, id))
                    || g.arn().is_some_and(|arn| known.contains_key(arn))
            };
            Ok(all.into_iter().filter(ours).collect())
        })
        .await
}

/// Returns every cluster with an id like the stack's: Memcached clusters, and the members of replication groups, which know what
/// their group does not report.
async fn clusters(cx: &Cx) -> Result<Arc<Vec<sdk::CacheCluster>>> {
    cx.reads
        .once("elasticache.clusters", async {
            let call = cx.cloud.elasticache.describe_cache_clusters().show_cache_node_info(true);
            let all = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
            let all = all.map_err(failed("elasticache:DescribeCacheClusters"))?;
            // Members are called like their group and carry its tags.
            let groups = replication_groups(cx).await?;
            let known = tag_index::candidates(cx).await?;
            let ours = |c: &sdk::CacheCluster| {
                c.cache_cluster_id().is_some_and(|id| naming::like_ours(cx, id))
                    || c.arn().is_some_and(|arn| known.contains_key(arn))
                    || groups
                        .iter()
                        .any(|g| g.replication_group_id.is_some() && g.replication_group_id() == c.replication_group_id())
            };
            Ok(all.into_iter().filter(ours).collect())
        })
        .await
}

/// Returns the subnet groups with names like the stack's, with their tags.
async fn subnet_groups(cx: &Cx) -> Result<Arc<Vec<(sdk::CacheSubnetGroup, Tags)>>> {
    cx.reads
        .once("elasticache.subnet_groups", async {
            let pages = cx.cloud.elasticache.describe_cache_subnet_groups().into_paginator().items().send();
            let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
            let all = all.map_err(failed("elasticache:DescribeCacheSubnetGroups"))?;
            let (prefix, known) = (cx.scope.prefix(), tag_index::candidates(cx).await?);
            let like_ours = all.into_iter().filter(|g| {
                g.cache_subnet_group_name().is_some_and(|name| names::begins(&prefix, name, NAME))
                    || g.arn().is_some_and(|arn| known.contains_key(arn))
            });
            let tagged = try_join_all(like_ours.map(|group| async move {
                let tags = tags_of(cx, group.arn().unwrap_or_default()).await?;
                Ok::<_, crate::engine::Error>(tags.map(|tags| (group, tags)))
            }));
            Ok(tagged.await?.into_iter().flatten().collect())
        })
        .await
}

/// Returns the parameter group of a cache; all of AWS's own count as one.
fn parameter_group_of(cluster: &sdk::CacheCluster) -> Option<Ref<ParameterGroup>> {
    let name = cluster.cache_parameter_group()?.cache_parameter_group_name()?;
    Some(Ref::physical(if name.starts_with("default.") { DEFAULT_PARAMETERS } else { name }))
}

/// Returns the security groups of a cluster.
fn security_groups_of(cluster: &sdk::CacheCluster) -> Vec<Ref<super::ec2::SecurityGroup>> {
    cluster.security_groups().iter().filter_map(|g| g.security_group_id()).map(Ref::physical).collect()
}
