//! Snapshots of caches: those that carry data over, and those taken before an upgrade that cannot be undone.

use super::{tags_of, to_sdk};
use crate::aws::call::answers::{begun, or_gone, present};
use crate::aws::elasticache::errors::failed;
use crate::aws::ownership::names;
use crate::aws::{Cx, Tags};
use crate::engine::{Class, Error, Readiness, Result};
use aws_sdk_elasticache::types::{self as sdk, Snapshot};

pub(super) async fn find_group(cx: &Cx, id: &str) -> Result<Option<sdk::ReplicationGroup>> {
    let answer = cx.cloud.elasticache.describe_replication_groups().replication_group_id(id).send().await;
    let answer = answer.map_err(failed("elasticache:DescribeReplicationGroups"))?;
    Ok(answer.replication_groups.and_then(|list| list.into_iter().next()))
}

pub(super) async fn look(cx: &Cx, name: &str) -> Result<Option<Snapshot>> {
    let answer = cx.cloud.elasticache.describe_snapshots().snapshot_name(name).send().await;
    let found = present(answer.map(|a| a.snapshots.unwrap_or_default()).map_err(failed("elasticache:DescribeSnapshots")))?;
    Ok(found.into_iter().next())
}

/// Deletes a snapshot of the stack.
pub(super) async fn remove(cx: &Cx, name: &str) -> Result<()> {
    let answer = cx.cloud.elasticache.delete_snapshot().snapshot_name(name).send().await;
    or_gone(answer.map_err(failed("elasticache:DeleteSnapshot")))
}

/// Returns the member of which a snapshot is taken: AWS's own choice for the daily ones, or the last.
async fn member(cx: &Cx, group: &str) -> Result<String> {
    let now = find_group(cx, group).await?;
    let chosen = now.and_then(|g| g.snapshotting_cluster_id.clone().or_else(|| g.member_clusters().last().cloned()));
    chosen.ok_or_else(|| Error::new(Class::Failed, format!("{group} has no member to take a snapshot of")))
}

/// Polls the snapshot of this name of a group once, and starts it if it does not exist.
pub(super) async fn snapshot(cx: &Cx, group: &str, name: &str, tags: &Tags) -> Result<Readiness> {
    let Some(snapshot) = look(cx, name).await? else {
        // A group of one shard is copied by one of its members.
        let call = cx.cloud.elasticache.create_snapshot().cache_cluster_id(member(cx, group).await?);
        let answer = call.snapshot_name(name).set_tags(Some(to_sdk(tags))).send().await;
        begun(answer.map_err(failed("elasticache:CreateSnapshot")))?;
        return Ok(Readiness::waiting(format!("starting a snapshot of {group}")));
    };
    Ok(state(&snapshot, &format!("snapshot of {group}")))
}

/// Returns whether a snapshot can be restored.
pub(super) fn state(snapshot: &Snapshot, what: &str) -> Readiness {
    match snapshot.snapshot_status().unwrap_or("unknown") {
        "available" => Readiness::Ready,
        "failed" => Readiness::Failed(format!("the {what} failed")),
        status => Readiness::waiting(format!("{what}: {status}")),
    }
}

/// Deletes what carried this cache's data over to its successor, including what runs left that died.
pub(super) async fn clean_up(cx: &Cx, id: &str) -> Result<()> {
    let pages = cx.cloud.elasticache.describe_snapshots().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("elasticache:DescribeSnapshots"))?;
    for snapshot in all.iter().filter(|s| s.replication_group_id() == Some(id)) {
        let Some(name) = snapshot.snapshot_name().filter(|name| names::is_carrier(name)) else { continue };
        let tags = tags_of(cx, snapshot.arn().unwrap_or_default()).await?;
        if !tags.is_some_and(|tags| cx.scope.owns(&tags)) {
            continue;
        }
        remove(cx, name).await?;
    }
    Ok(())
}
