//! Updates of a replication group: one call for all that one call can change, others for its replicas and tags, and what comes
//! before them.

use aws_sdk_elasticache::types::TransitEncryptionMode;

use super::upgrades::snapshot_before;
use super::{Live, NO_TLS, ReplicationGroup};
use crate::aws::Cx;
use crate::aws::call::arguments::ids;
use crate::aws::call::error::incomplete;
use crate::aws::elasticache::errors::failed;
use crate::aws::elasticache::snapshots::{self, find_group};
use crate::aws::elasticache::{naming, retag, status, versions};
use crate::engine::{Class, Diff, Readiness, Result};

impl ReplicationGroup {
    /// Takes a snapshot before an upgrade that cannot be undone: AWS takes none of its own. While AWS changes a group it reports
    /// its description but not its tags: the text that says whose it is is written there first.
    pub(super) async fn prepare_group(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Readiness> {
        if let Some(name) = snapshot_before(&live.id, self, diff) {
            let copy = snapshots::snapshot(cx, &live.id, &name, &self.tags).await?;
            if !matches!(copy, Readiness::Ready) {
                return Ok(copy);
            }
        }
        if !diff.touches("tags") {
            return Ok(Readiness::Ready);
        }
        let Some(group) = find_group(cx, &live.id).await? else { return Ok(Readiness::Gone) };
        let marker = naming::marker(&self.tags);
        if group.description() == Some(&marker) {
            let state = status::group(&group);
            return Ok(if matches!(state, Readiness::Waiting { .. }) { state } else { Readiness::Ready });
        }
        let call = cx.cloud.elasticache.modify_replication_group().replication_group_id(&live.id).apply_immediately(true);
        call.replication_group_description(marker).send().await.map_err(failed("elasticache:ModifyReplicationGroup"))?;
        Ok(Readiness::waiting("its description is being written"))
    }

    /// Changes what differs; see [`crate::engine::Resource::update`].
    pub(super) async fn update_group(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let replicas = diff.changes.iter().find(|c| c.path == "replicas");
        let more = replicas.is_some_and(|c| c.before.as_ref().and_then(|v| v.as_i64()).unwrap_or(0) < i64::from(self.replicas));
        // Failover needs a replica: those that come come first, those that go go last. Tags are a change like the others.
        if more {
            let call = cx.cloud.elasticache.increase_replica_count().replication_group_id(&live.id);
            let call = call.new_replica_count(self.replicas).apply_immediately(true);
            self.counted(cx, live, call.send().await.map(|_| ()).map_err(failed("elasticache:IncreaseReplicaCount"))).await?;
        } else if diff.touches_other_than(&["tags", "replicas"]) {
            self.modify(cx, live, diff).await?;
        } else if replicas.is_some() {
            let call = cx.cloud.elasticache.decrease_replica_count().replication_group_id(&live.id);
            let call = call.new_replica_count(self.replicas).apply_immediately(true);
            self.counted(cx, live, call.send().await.map(|_| ()).map_err(failed("elasticache:DecreaseReplicaCount"))).await?;
        } else {
            retag(cx, &live.arn, &self.tags, diff).await?;
        }
        Ok(live.clone())
    }

    /// Changes everything that one call can change, and with it the changes that are pending until the maintenance window.
    async fn modify(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<()> {
        let any = |fields: &[&str]| fields.iter().any(|field| diff.touches(field));
        let mut call = cx.cloud.elasticache.modify_replication_group().replication_group_id(&live.id).apply_immediately(true);
        if any(&["engine", "engine_version"]) {
            let version = match &self.engine_version {
                Some(wanted) => versions::newest(cx, &self.engine, wanted).await?,
                None => versions::preferred(cx, &self.engine).await?,
            };
            if any(&["engine"]) {
                call = call.engine(&self.engine);
            }
            // AWS takes no parameters of another version along.
            let parameters = match self.own_parameters()? {
                Some(name) => name,
                None => versions::default_parameters(cx, &self.engine, &version).await?,
            };
            call = call.engine_version(version).cache_parameter_group_name(parameters);
        } else if any(&["parameter_group"]) {
            let parameters = match self.own_parameters()? {
                Some(name) => name,
                None => versions::default_parameters(cx, &self.engine, &version_of(cx, &live.id).await?).await?,
            };
            call = call.cache_parameter_group_name(parameters);
        }
        if any(&["node_type"]) {
            call = call.cache_node_type(&self.node_type);
        }
        if any(&["automatic_failover", "multi_az"]) {
            call = call.set_automatic_failover_enabled(self.automatic_failover).set_multi_az_enabled(self.multi_az);
        }
        if any(&["security_groups"]) {
            call = call.set_security_group_ids(Some(ids(&self.security_groups)?));
        }
        if let Some(change) = diff.changes.iter().find(|c| c.path == "transit_encryption") {
            let was = change.before.as_ref().and_then(|v| v.as_str()).unwrap_or(NO_TLS);
            // Between all and nothing AWS wants a time in which clients may do both.
            call = match self.transit_encryption.as_deref() {
                Some("required") if was == NO_TLS => tls(call, TransitEncryptionMode::Preferred),
                Some(NO_TLS) if was == "required" => tls(call, TransitEncryptionMode::Preferred),
                Some(NO_TLS) | None => call.transit_encryption_enabled(false),
                Some(mode) => tls(call, TransitEncryptionMode::from(mode)),
            };
        }
        if any(&["snapshot_days"]) {
            call = call.set_snapshot_retention_limit(self.snapshot_days);
        }
        if any(&["snapshot_window"]) {
            call = call.set_snapshot_window(self.snapshot_window.clone());
        }
        if any(&["maintenance_window"]) {
            call = call.set_preferred_maintenance_window(self.maintenance_window.clone());
        }
        if any(&["auto_minor_upgrade"]) {
            call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade);
        }
        call.send().await.map_err(failed("elasticache:ModifyReplicationGroup"))?;
        Ok(())
    }

    /// Accepts AWS's refusal of a number of replicas that already exists: an earlier try had done it, and its answer was lost.
    async fn counted(&self, cx: &Cx, live: &Live, answer: Result<()>) -> Result<()> {
        match answer {
            Err(e) if e.class == Class::Invalid => {
                let members = find_group(cx, &live.id).await?.map_or(0, |group| group.member_clusters().len());
                if i32::try_from(members).is_ok_and(|members| members == self.replicas + 1) { Ok(()) } else { Err(e) }
            }
            other => other,
        }
    }
}

type Modify = aws_sdk_elasticache::operation::modify_replication_group::builders::ModifyReplicationGroupFluentBuilder;

fn tls(call: Modify, mode: TransitEncryptionMode) -> Modify {
    call.transit_encryption_enabled(true).transit_encryption_mode(mode)
}

/// Returns the version that runs: only the members know it.
async fn version_of(cx: &Cx, id: &str) -> Result<String> {
    const OP: &str = "elasticache:DescribeCacheClusters";
    let member = find_group(cx, id).await?.and_then(|g| g.member_clusters().first().cloned());
    let member = member.ok_or_else(|| incomplete("elasticache:DescribeReplicationGroups", "a member"))?;
    let answer = cx.cloud.elasticache.describe_cache_clusters().cache_cluster_id(member).send().await.map_err(failed(OP))?;
    let version = answer.cache_clusters().first().and_then(|c| c.engine_version.clone());
    version.ok_or_else(|| incomplete(OP, "the engine's version"))
}
