//! The creation of a database: empty, or from a snapshot of the one that it replaces or of what it begins with. Replicas are in `replica`.

use aws_sdk_rds::types::DbInstance;

use super::password::hidden;
use super::read::is_leaving;
use super::{Instance, Live};
use crate::aws::Cx;
use crate::aws::call::arguments::some_ids;
use crate::aws::call::error::incomplete;
use crate::aws::ownership::names;
use crate::aws::rds::errors::failed;
use crate::aws::rds::{NAME, to_sdk};
use crate::aws::secretsmanager::Password;
use crate::engine::{Class, Error, Result};

impl Instance {
    /// Creates it; see [`crate::engine::Resource::create`].
    pub(super) async fn create_instance(&self, cx: &Cx) -> Result<Live> {
        let made = match &self.source {
            Some(source) => self.create_replica(cx, source).await,
            None if cx.predecessor.is_some() || cx.begins => self.restore(cx).await,
            None => self.create_primary(cx).await,
        };
        let made = match made {
            // The one before it, which has the name until it has gone.
            Err(e) if e.class == Class::Exists && is_leaving(cx, &names::name(cx, NAME)).await => {
                return Err(Error { class: Class::InUse, ..e });
            }
            made => made?,
        };
        made.as_ref().and_then(Live::of).ok_or_else(|| incomplete("rds:CreateDBInstance", "the identifier and ARN"))
    }

    async fn create_primary(&self, cx: &Cx) -> Result<Option<DbInstance>> {
        let call = cx.cloud.rds.create_db_instance().db_instance_identifier(names::name(cx, NAME));
        let call = call.set_engine(self.engine.clone()).set_engine_version(self.engine_version.clone());
        let call = call.db_instance_class(&self.class).set_allocated_storage(self.storage);
        let call = call.set_max_allocated_storage(self.limit()).set_storage_type(self.storage_type.clone());
        let call = call.set_iops(self.iops).set_storage_throughput(self.throughput);
        let call = call.set_multi_az(self.multi_az).publicly_accessible(self.publicly_accessible).set_port(self.port);
        let subnets = self.subnet_group.as_ref().map(|group| group.id().map(str::to_owned)).transpose()?;
        let call = call.set_db_subnet_group_name(subnets).set_db_parameter_group_name(self.parameters()?);
        let call = call.set_vpc_security_group_ids(some_ids(&self.security_groups)?);
        let call = call.set_db_name(self.database.clone()).set_master_username(self.user.clone());
        let managed = self.managed_password.filter(|managed| *managed);
        let secret_key = self.kms_key.clone().filter(|_| managed.is_some());
        let call = call.set_manage_master_user_password(managed).set_master_user_secret_kms_key_id(secret_key);
        let password = self.read_password(cx).await?;
        let call = call.set_master_user_password(password.as_ref().map(Password::for_the_call));
        let call = call.set_storage_encrypted(self.encrypted).set_kms_key_id(self.kms_key.clone());
        let call = call.set_backup_retention_period(self.backup_days).set_preferred_backup_window(self.backup_window.clone());
        let call = call.set_preferred_maintenance_window(self.maintenance_window.clone());
        let call = call.set_deletion_protection(self.deletion_protection);
        let call = call.set_enable_cloudwatch_logs_exports(self.logs.clone());
        let call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade).set_copy_tags_to_snapshot(self.copy_tags);
        let answer = call.set_tags(Some(to_sdk(&self.all_tags()))).send().await.map_err(failed("rds:CreateDBInstance"));
        Ok(answer.map_err(|e| hidden(e, password.as_ref()))?.db_instance)
    }
}
