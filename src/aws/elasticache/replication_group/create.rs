//! The creation of a replication group: empty, or from a snapshot of the one that it replaces.

use aws_sdk_elasticache::types::TransitEncryptionMode;

use super::read::is_leaving;
use super::{Live, NO_TLS, ReplicationGroup};
use crate::aws::Cx;
use crate::aws::call::arguments::some_ids;
use crate::aws::call::error::incomplete;
use crate::aws::elasticache::errors::failed;
use crate::aws::elasticache::naming::{self, GROUP_ID};
use crate::aws::elasticache::{to_sdk, versions};
use crate::engine::{Class, Error, Result};

impl ReplicationGroup {
    /// Creates it; see [`crate::engine::Resource::create`].
    pub(super) async fn create_group(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "elasticache:CreateReplicationGroup";
        let id = naming::id(cx, GROUP_ID)?;
        let version = match &self.engine_version {
            Some(wanted) => Some(versions::newest(cx, &self.engine, wanted).await?),
            None => None,
        };
        let modes = versions::has_modes(&self.engine, version.as_deref());
        let call = cx.cloud.elasticache.create_replication_group().replication_group_id(&id);
        let call = call.replication_group_description(naming::marker(&self.tags)).set_tags(Some(to_sdk(&self.tags)));
        let mut call = call
            .engine(&self.engine)
            .set_engine_version(version)
            .cache_node_type(&self.node_type)
            .num_cache_clusters(self.replicas + 1)
            .set_automatic_failover_enabled(self.automatic_failover)
            .set_multi_az_enabled(self.multi_az)
            .cache_subnet_group_name(self.subnet_group.id()?)
            .set_security_group_ids(some_ids(&self.security_groups)?)
            .set_cache_parameter_group_name(self.own_parameters()?)
            .set_port(self.port)
            .set_snapshot_name(self.carried(cx).await?)
            .set_at_rest_encryption_enabled(self.at_rest_encryption)
            .set_kms_key_id(self.kms_key.clone())
            .set_snapshot_retention_limit(self.snapshot_days)
            .set_snapshot_window(self.snapshot_window.clone())
            .set_preferred_maintenance_window(self.maintenance_window.clone())
            .set_auto_minor_version_upgrade(self.auto_minor_upgrade);
        call = match self.transit_encryption.as_deref() {
            None => call,
            Some(NO_TLS) => call.transit_encryption_enabled(false),
            // Where there are no modes it is required.
            Some(_) if !modes => call.transit_encryption_enabled(true),
            Some(mode) => call.transit_encryption_enabled(true).transit_encryption_mode(TransitEncryptionMode::from(mode)),
        };
        // These node types have disks and are not made without using them.
        if self.node_type.starts_with("cache.r6gd.") {
            call = call.data_tiering_enabled(true);
        }
        match call.send().await.map_err(failed(OP)) {
            Ok(answer) => answer.replication_group().and_then(Live::of).ok_or_else(|| incomplete(OP, "the group's id and ARN")),
            Err(e) if e.class == Class::Exists && is_leaving(cx, &id).await => Err(Error { class: Class::InUse, ..e }),
            Err(e) => Err(e),
        }
    }
}
