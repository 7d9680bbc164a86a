//! Updates of a database: one call for all that one call can change, and what comes before and after it.

use aws_sdk_rds::types::CloudwatchLogsExportConfiguration;

use super::password::{hidden, is_from_snapshot};
use super::progress::{fields_of, note_asked};
use super::read::{logs, look};
use super::replica::is_promoted;
use super::storage::STORAGE;
use super::upgrades::upgrade;
use super::{Instance, Live};
use crate::aws::Cx;
use crate::aws::call::arguments::ids;
use crate::aws::call::error::incomplete;
use crate::aws::rds::errors::failed;
use crate::aws::rds::retag;
use crate::aws::rds::status::STOPPED;
use crate::aws::secretsmanager::Password;
use crate::engine::{Change, Class, Diff, Error, Result};

impl Instance {
    /// Changes what differs; see [`crate::engine::Resource::update`].
    pub(super) async fn update_instance(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if let Some(change) = diff.forcing().find(|_| is_from_snapshot(diff)) {
            return Err(not_so(change));
        }
        let stops = self.running == Some(false);
        if diff.touches("running") && !stops {
            // Nothing else can be changed before it runs.
            start(cx, &live.id).await?;
            return Ok(live.clone());
        }
        if is_promoted(diff) {
            // What differs besides is changed after that.
            self.promote(cx, live).await?;
            return Ok(live.clone());
        }
        let stops = stops && diff.touches("running");
        let mut diff = diff.clone();
        diff.changes.retain(|change| change.path != "running");
        if upgrade(&diff).is_some_and(|(from, _)| self.follows(from)) {
            // With the parameters of its version when it has that.
            diff.changes.retain(|change| !["engine_version", "parameter_group"].contains(&change.path.as_str()));
        }
        // That no password is set any more is only recorded; so is which one a replica has, as its source was given it.
        let is_set = self.wanted_password().is_some() && self.source.is_none();
        let noted: &[&str] = if is_set { &["tags"] } else { &["tags", "password"] };
        let changes = diff.touches_other_than(noted);
        if changes {
            let all = self.modify(cx, live, &diff).await?;
            if !all {
                return Ok(live.clone());
            }
        }
        if diff.touches("password") || diff.touches("managed_password") {
            self.note_password(cx, live).await?;
        }
        retag(cx, &live.arn, &self.tags, &diff).await?;
        // Last: nothing can be changed of what is stopped, and what is paused always says so.
        if stops && !changes {
            stop(cx, &live.id).await?;
            note_asked(cx, ["running".to_owned()]).await?;
        }
        Ok(live.clone())
    }

    /// Changes everything that one call can change, now and not in the next maintenance window, and with it the changes that are
    /// pending until that window. Returns whether that was all.
    async fn modify(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<bool> {
        const OP: &str = "rds:ModifyDBInstance";
        let is = |field: &str| diff.touches(field);
        let mut call = cx.cloud.rds.modify_db_instance().db_instance_identifier(&live.id).apply_immediately(true);
        let mut password = None;
        if is("class") {
            call = call.db_instance_class(&self.class);
        }
        if is("engine_version") {
            // A parameter group of the new version goes with it.
            call = call.set_engine_version(self.engine_version.clone()).allow_major_version_upgrade(true);
            call = call.set_db_parameter_group_name(self.parameters()?);
        }
        if is("parameter_group") {
            call = call.set_db_parameter_group_name(self.parameters()?);
        }
        if STORAGE.iter().any(|field| is(field)) {
            let now = look(cx, &live.id).await?.ok_or_else(|| incomplete("rds:DescribeDBInstances", "the database"))?;
            let told = self.storage_to_tell(&now, diff);
            call = call.set_allocated_storage(told.size).set_storage_type(told.kind).set_iops(told.iops);
            call = call.set_storage_throughput(told.throughput).set_max_allocated_storage(told.limit);
            if now.db_instance_status() == Some("storage-full") {
                // Until it has room AWS changes nothing else.
                call.send().await.map_err(failed(OP))?;
                note_asked(cx, fields_of(diff)).await?;
                return Ok(false);
            }
        }
        if is("multi_az") {
            call = call.set_multi_az(self.multi_az);
        }
        if is("security_groups") {
            call = call.set_vpc_security_group_ids(Some(ids(&self.security_groups)?));
        }
        if is("publicly_accessible") {
            call = call.publicly_accessible(self.publicly_accessible);
        }
        if is("port") {
            call = call.set_db_port_number(self.port);
        }
        if is("managed_password") && self.managed_password == Some(true) {
            call = call.manage_master_user_password(true).set_master_user_secret_kms_key_id(self.kms_key.clone());
        } else if self.source.is_none() && (is("managed_password") || is("password")) {
            password = self.read_password(cx).await?;
            call = call.set_master_user_password(password.as_ref().map(Password::for_the_call));
            // Only where RDS keeps the password now, it is told to stop.
            let kept = look(cx, &live.id).await?.is_some_and(|now| now.master_user_secret().is_some());
            call = call.set_manage_master_user_password(kept.then_some(false));
        }
        if is("backup_days") {
            call = call.set_backup_retention_period(self.backup_days);
        }
        if is("backup_window") {
            call = call.set_preferred_backup_window(self.backup_window.clone());
        }
        if is("maintenance_window") {
            call = call.set_preferred_maintenance_window(self.maintenance_window.clone());
        }
        if is("deletion_protection") {
            call = call.set_deletion_protection(self.deletion_protection);
        }
        if is("auto_minor_upgrade") {
            call = call.set_auto_minor_version_upgrade(self.auto_minor_upgrade);
        }
        if is("copy_tags") {
            call = call.set_copy_tags_to_snapshot(self.copy_tags);
        }
        if let (true, Some(wanted)) = (is("logs"), &self.logs) {
            let now = look(cx, &live.id).await?.map(|instance| logs(&instance)).unwrap_or_default();
            let on = wanted.iter().filter(|log| !now.contains(log)).cloned().collect();
            let off = now.iter().filter(|log| !wanted.contains(log)).cloned().collect();
            let change = CloudwatchLogsExportConfiguration::builder();
            let change = change.set_enable_log_types(Some(on)).set_disable_log_types(Some(off)).build();
            call = call.cloudwatch_logs_export_configuration(change);
        }
        call.send().await.map_err(failed(OP)).map_err(|e| hidden(e, password.as_ref()))?;
        note_asked(cx, fields_of(diff)).await?;
        Ok(true)
    }
}

/// Returns the error about what came with the data, is not what the file says, and cannot be changed. AWS reports of a snapshot neither
/// whether it has such a database in it nor what that is called.
fn not_so(change: &Change) -> Error {
    let text = |value: &Option<serde_json::Value>| value.as_ref().and_then(|v| v.as_str()).unwrap_or("none").to_owned();
    let (field, is, wanted) = (&change.path, text(&change.before), text(&change.after));
    let message = format!("its `{field}` is `{is}`, as in the data that it began with, and not `{wanted}`");
    Error::new(Class::Invalid, message).hint(format!("write `{field}: {is}` in the file, and run the command again"))
}

/// Starts the database. AWS refuses to start one that runs or is starting: an earlier try had done it, and its answer was lost.
pub(super) async fn start(cx: &Cx, id: &str) -> Result<()> {
    match cx.cloud.rds.start_db_instance().db_instance_identifier(id).send().await.map_err(failed("rds:StartDBInstance")) {
        Err(e) if e.class == Class::InUse => {
            let now = look(cx, id).await?;
            let status = now.as_ref().and_then(|now| now.db_instance_status()).unwrap_or("unknown");
            if STOPPED.contains(&status) { Err(e) } else { Ok(()) }
        }
        other => other.map(drop),
    }
}

/// Stops the database. AWS refuses to stop one that is stopping: an earlier try had done it, and its answer was lost.
async fn stop(cx: &Cx, id: &str) -> Result<()> {
    match cx.cloud.rds.stop_db_instance().db_instance_identifier(id).send().await.map_err(failed("rds:StopDBInstance")) {
        Err(e) if e.class == Class::InUse => match look(cx, id).await? {
            Some(now) if STOPPED.contains(&now.db_instance_status().unwrap_or("unknown")) => Ok(()),
            // That does not pass: one that the file does not have, say.
            Some(now)
                if now.read_replica_source_db_instance_identifier().is_some()
                    || !now.read_replica_db_instance_identifiers().is_empty() =>
            {
                Err(Error { class: Class::Invalid, ..e }.hint("AWS stops no database that has or is a read replica"))
            }
            _ => Err(e),
        },
        other => other.map(drop),
    }
}
