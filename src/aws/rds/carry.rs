//! The data of a database that is replaced, carried over to its successor: a snapshot, re-encrypted if that differs.
//!
//! AWS neither encrypts a database in place nor moves it to another subnet group; a snapshot that is restored can do both
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html>). The snapshots are named after the successor
//! and the second in which the operation began, so that no run mistakes an older one for its own, and they are deleted with the
//! old database, whichever run deletes that.

use aws_sdk_rds::types::{DbInstance, DbSnapshot};

use super::instance::{Instance, Live};
use super::snapshots::{look, unfinished};
use super::{NAME, to_sdk};
use crate::aws::Cx;
use crate::aws::call::answers::begun;
use crate::aws::call::arguments::some_ids;
use crate::aws::ownership::names;
use crate::aws::rds::errors::failed;
use crate::engine::{Readiness, Result};

/// AWS's own key, which is used when none is named.
const AWS_KEY: &str = "alias/aws/rds";

/// The maximum length of the name of a snapshot, less what is added for its encrypted copy.
const SNAPSHOT: usize = 255 - ENCRYPTED.len();
/// The end of the name of an encrypted copy.
const ENCRYPTED: &str = "-encrypted";

/// Returns the name of the snapshot of this operation.
async fn name(cx: &Cx) -> Result<String> {
    names::carrier(cx, &names::name(cx, NAME), SNAPSHOT).await
}

impl Instance {
    /// Checks whether a snapshot with this key (none: not encrypted) must be re-encrypted before it is restored.
    fn encrypts_anew(&self, snapshot: &DbSnapshot) -> bool {
        match (self.encrypted, &self.kms_key) {
            (Some(true), Some(key)) => snapshot.kms_key_id() != Some(key),
            (Some(true), None) => snapshot.encrypted() != Some(true),
            _ => false,
        }
    }

    /// Polls the snapshots once; see [`crate::engine::Resource::carry_over`].
    pub(super) async fn look_at_copy(&self, cx: &Cx) -> Result<Readiness> {
        let Some(from) = cx.replaces::<Live>()? else { return Ok(Readiness::Ready) };
        let name = name(cx).await?;
        let Some(snapshot) = look(cx, &name).await? else {
            let call = cx.cloud.rds.create_db_snapshot().db_instance_identifier(&from.id).db_snapshot_identifier(&name);
            let answer = call.set_tags(Some(to_sdk(&self.tags))).send().await;
            begun(answer.map_err(failed("rds:CreateDBSnapshot")))?;
            return Ok(Readiness::waiting(format!("starting a snapshot of {}", from.id)));
        };
        if let Some(state) = unfinished(&snapshot, &format!("snapshot of {}", from.id)) {
            return Ok(state);
        }
        if !self.encrypts_anew(&snapshot) {
            return Ok(Readiness::Ready);
        }
        let copy = format!("{name}{ENCRYPTED}");
        let Some(snapshot) = look(cx, &copy).await? else {
            let call = cx.cloud.rds.copy_db_snapshot().source_db_snapshot_identifier(&name).target_db_snapshot_identifier(&copy);
            let call = call.kms_key_id(self.kms_key.as_deref().unwrap_or(AWS_KEY)).set_tags(Some(to_sdk(&self.tags)));
            begun(call.send().await.map_err(failed("rds:CopyDBSnapshot")))?;
            return Ok(Readiness::waiting("its copy is being re-encrypted"));
        };
        Ok(unfinished(&snapshot, "encrypted copy").unwrap_or(Readiness::Ready))
    }

    /// Creates the database from the snapshot. Settings that this call does not accept are set by the change that follows.
    pub(super) async fn restore(&self, cx: &Cx) -> Result<Option<DbInstance>> {
        let name = name(cx).await?;
        let copy = format!("{name}{ENCRYPTED}");
        let from = if look(cx, &copy).await?.is_some() { copy } else { name };
        let call = cx.cloud.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(from);
        let call = call.db_instance_identifier(names::name(cx, NAME)).db_instance_class(&self.class);
        let subnets = self.subnet_group.as_ref().map(|group| group.id().map(str::to_owned)).transpose()?;
        let call = call.set_db_subnet_group_name(subnets).set_db_parameter_group_name(self.parameters()?);
        let call = call.set_vpc_security_group_ids(some_ids(&self.security_groups)?);
        let call = call.set_multi_az(self.multi_az).publicly_accessible(self.publicly_accessible).set_port(self.port);
        let call = call.set_iops(self.iops).set_storage_throughput(self.throughput);
        let call = call.set_storage_type(self.storage_type.clone()).set_deletion_protection(self.deletion_protection);
        let call = call.set_enable_cloudwatch_logs_exports(self.logs.clone()).set_copy_tags_to_snapshot(self.copy_tags);
        let call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade);
        // It begins with the snapshot's password: only Oracle's can be kept by RDS from the start
        // (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html>).
        let answer =
            call.set_tags(Some(to_sdk(&self.tags))).send().await.map_err(failed("rds:RestoreDBInstanceFromDBSnapshot"))?;
        Ok(answer.db_instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(key: Option<&str>) -> DbSnapshot {
        DbSnapshot::builder().encrypted(key.is_some()).set_kms_key_id(key.map(str::to_owned)).status("available").build()
    }

    #[test]
    fn a_snapshot_is_encrypted_anew_when_its_key_is_another() {
        let instance = |key: Option<&str>, encrypted| -> Instance {
            serde_json::from_value(serde_json::json!({"class": "db.t4g.micro", "encrypted": encrypted, "kms_key": key})).unwrap()
        };
        assert!(!instance(None, false).encrypts_anew(&snapshot(None)));
        assert!(instance(None, true).encrypts_anew(&snapshot(None)));
        assert!(!instance(None, true).encrypts_anew(&snapshot(Some("k1"))));
        assert!(instance(Some("k2"), true).encrypts_anew(&snapshot(Some("k1"))));
        assert!(!instance(Some("k1"), true).encrypts_anew(&snapshot(Some("k1"))));
    }

    #[test]
    fn a_snapshot_says_how_far_it_is() {
        assert_eq!(unfinished(&snapshot(None), "snapshot"), None);
        let creating = DbSnapshot::builder().status("creating").percent_progress(40).build();
        let waiting = Readiness::Waiting { status: "snapshot: creating, 40 %".into(), progress: Some(0.4) };
        assert_eq!(unfinished(&creating, "snapshot"), Some(waiting));
        let failed = DbSnapshot::builder().status("failed").build();
        assert!(matches!(unfinished(&failed, "snapshot"), Some(Readiness::Failed(_))));
    }
}
