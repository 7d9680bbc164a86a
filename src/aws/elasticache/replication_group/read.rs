//! What ElastiCache reports of replication groups and their members, as fields and attributes.

use aws_sdk_elasticache::types::{self as sdk, AutomaticFailoverStatus, MultiAzStatus, TransitEncryptionMode};
use futures::future::try_join_all;

use super::upgrades::has_snapshots;
use super::{Live, NO_TLS, ReplicationGroup};
use crate::aws::elasticache::naming::{self, SNAPSHOT};
use crate::aws::elasticache::snapshots::find_group;
use crate::aws::elasticache::{clusters, parameter_group_of, replication_groups, security_groups_of, status, tags_of};
use crate::aws::kms::Key;
use crate::aws::ownership::names;
use crate::aws::states::put_off;
use crate::aws::{Cx, Tags};
use crate::engine::{Claim, Error, Observed, Readiness, Ref, Resource, Result};

impl Live {
    pub(super) fn of(group: &sdk::ReplicationGroup) -> Option<Live> {
        let id = group.replication_group_id.clone()?;
        let shard = group.node_groups().first();
        let primary = shard.and_then(|s| s.primary_endpoint());
        let replicas = group.member_clusters().len() > 1;
        // One name for one life of the object: a delete that is sent twice does not want two snapshots.
        let born = group.replication_group_create_time().map(|at| at.secs());
        let never_served = group.status() == Some("create-failed");
        let can = !never_served && group.cache_node_type().is_none_or(has_snapshots);
        Some(Live {
            arn: group.arn.clone()?,
            endpoint: primary.and_then(|e| e.address.clone()),
            reader: shard.and_then(|s| s.reader_endpoint()).filter(|_| replicas).and_then(|e| e.address.clone()),
            port: primary.and_then(|e| e.port).map(|port| port.to_string()),
            never_served,
            noticed: None,
            last_snapshot: can.then(|| names::ending(&id, &format!("-final-{}", born.unwrap_or_default()), SNAPSHOT)),
            id,
        })
    }
}

/// Returns the ARN of a key, which AWS reports by its ARN or by its id.
fn key_arn(cx: &Cx, key: &str) -> String {
    let scope = &cx.scope;
    let arn = match key.starts_with("arn:") {
        true => key.to_owned(),
        false => format!("arn:{}:kms:{}:{}:key/{key}", scope.partition, scope.region, scope.account),
    };
    Ref::<Key>::physical(arn).attr("arn").to_string()
}

fn transit(group: &sdk::ReplicationGroup) -> Option<String> {
    let pending = group.pending_modified_values();
    let on = pending.and_then(|p| p.transit_encryption_enabled).or(group.transit_encryption_enabled)?;
    let mode = pending.and_then(|p| p.transit_encryption_mode.as_ref()).or(group.transit_encryption_mode.as_ref());
    Some(if on { mode.map_or("required", TransitEncryptionMode::as_str).to_owned() } else { NO_TLS.to_owned() })
}

impl ReplicationGroup {
    /// Reads a group, and from one of its members what the group does not report.
    fn from_sdk(cx: &Cx, group: &sdk::ReplicationGroup, member: Option<&sdk::CacheCluster>, tags: Tags) -> ReplicationGroup {
        // What waits for the maintenance window is what it is going to be.
        let pending = member.and_then(|m| m.pending_modified_values());
        let shard = group.node_groups().first();
        let text = |of: fn(&sdk::CacheCluster) -> Option<&str>| member.and_then(of).map(str::to_owned);
        ReplicationGroup {
            engine: group.engine.clone().or(text(sdk::CacheCluster::engine)).unwrap_or_default(),
            engine_version: pending.and_then(|p| p.engine_version.clone()).or(text(sdk::CacheCluster::engine_version)),
            node_type: pending
                .and_then(|p| p.cache_node_type.clone())
                .or(group.cache_node_type.clone())
                .or(text(sdk::CacheCluster::cache_node_type))
                .unwrap_or_default(),
            replicas: i32::try_from(group.member_clusters().len().saturating_sub(1)).unwrap_or_default(),
            automatic_failover: group
                .automatic_failover()
                .map(|status| matches!(status, AutomaticFailoverStatus::Enabled | AutomaticFailoverStatus::Enabling)),
            multi_az: group.multi_az().map(|status| status == &MultiAzStatus::Enabled),
            subnet_group: Ref::physical(member.and_then(|m| m.cache_subnet_group_name()).unwrap_or_default()),
            security_groups: member.map(security_groups_of).unwrap_or_default(),
            parameter_group: member.and_then(parameter_group_of),
            port: shard.and_then(|s| s.primary_endpoint()).and_then(|e| e.port),
            transit_encryption: transit(group),
            at_rest_encryption: group.at_rest_encryption_enabled,
            kms_key: group.kms_key_id().map(|key| key_arn(cx, key)),
            snapshot_days: group.snapshot_retention_limit,
            snapshot_window: group.snapshot_window.clone(),
            maintenance_window: text(sdk::CacheCluster::preferred_maintenance_window),
            auto_minor_upgrade: group.auto_minor_version_upgrade,
            begin: None,
            tags,
        }
    }
}

/// Reads the replication groups of the stack.
pub(super) async fn observed(cx: &Cx) -> Result<Vec<Observed<ReplicationGroup>>> {
    let groups = replication_groups(cx).await?;
    let members = clusters(cx).await?;
    let found = try_join_all(groups.iter().map(|group| {
        let members = members.clone();
        async move {
            let Some(mut live) = Live::of(group) else { return Ok(None) };
            let (word, mut state) = (group.status().unwrap_or("unknown"), status::group(group));
            let told = if word == "available" { tags_of(cx, &live.arn).await? } else { None };
            let tags = told.clone().unwrap_or_else(|| naming::marked(group.description().unwrap_or_default()));
            if told.is_none() && state == Readiness::Ready {
                state = Readiness::waiting(word);
            }
            let claim = match cx.scope.claim(ReplicationGroup::KIND, &tags, false) {
                Claim::Foreign => naming::meaning(&cx.scope.prefix(), &live.id).map_or(Claim::Foreign, |(n, _)| Claim::Taken(n)),
                ours => names::marked(ours, |key| naming::id_of(&cx.scope.prefix(), key, names::generation(&tags)) == live.id),
            };
            let member = group.member_clusters().first();
            let member = members.iter().find(|m| m.cache_cluster_id() == member.map(String::as_str));
            if state == Readiness::Ready {
                live.noticed = put_off(&status::pending_of_group(group, member));
            }
            let fields = ReplicationGroup::from_sdk(cx, group, member, tags);
            Ok::<_, Error>(Some(Observed { claim, live, fields, state }))
        }
    }));
    Ok(found.await?.into_iter().flatten().collect())
}

/// Checks whether it is being deleted: then the name is not free yet, and deleting it again does nothing.
pub(super) async fn is_leaving(cx: &Cx, id: &str) -> bool {
    matches!(find_group(cx, id).await, Ok(Some(group)) if group.status() == Some("deleting"))
}
