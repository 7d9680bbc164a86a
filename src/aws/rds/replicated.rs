//! Automated backups that are replicated into a region: of which databases of a stack, until when they reach, and as what they are
//! restored. Only the region that they are in is asked: that of the databases may not answer any more
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReplicateBackups.html>).

use aws_sdk_rds::types::{DbInstance, DbInstanceAutomatedBackup};
use aws_smithy_types::DateTime;
use serde::Serialize;

use super::NAME;
use super::window::shown;
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::ownership::global::region_of;
use crate::aws::ownership::names;
use crate::aws::rds::errors::failed;
use crate::engine::Result;

const OP: &str = "rds:DescribeDBInstanceAutomatedBackups";
/// How AWS says that nothing is copied any more, and what there is stays for its time. Its spelling varies
/// (hashicorp/terraform-provider-aws, `instance_automated_backups_replication.go`).
const RETAINED: &str = "retained";
/// The most replacements of a database whose names are looked for.
const GENERATIONS: u32 = 50;

/// The replicated backups of a database of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Copies {
    /// The database's name in the file.
    pub database: String,
    /// Their ARN.
    pub arn: String,
    /// The database that they are of: its ARN.
    pub of: String,
    /// Whether newer ones are still copied.
    pub replicating: bool,
    /// The first time to which they can be restored; none while there is no complete one.
    pub earliest: Option<String>,
    /// The last time to which they can be restored.
    pub latest: Option<String>,
    /// The size of the database in GiB.
    pub gib: i32,
    /// The days for which they are kept.
    pub days: i32,
    /// The version of the engine.
    pub version: String,
}

/// Checks whether a name is that of replicated backups.
pub(super) fn is_backup(of: &str) -> bool {
    of.starts_with("arn:") && of.contains(":auto-backup:")
}

/// Checks whether newer backups are still copied, or are about to be.
pub(super) fn is_replicating(backup: &DbInstanceAutomatedBackup) -> bool {
    !backup.status().is_some_and(|status| status.eq_ignore_ascii_case(RETAINED))
}

/// Returns the replicated backups with this ARN in a region.
pub(super) async fn look(cx: &Cx, region: &str, arn: &str) -> Result<Option<DbInstanceAutomatedBackup>> {
    let call = cx.cloud.rds_in(region).describe_db_instance_automated_backups().db_instance_automated_backups_arn(arn);
    let found = present(call.send().await.map(|a| a.db_instance_automated_backups.unwrap_or_default()).map_err(failed(OP)))?;
    Ok(found.into_iter().find(|one| one.db_instance_automated_backups_arn() == Some(arn)))
}

/// Returns all replicated backups of databases of another region that a region has.
pub(super) async fn all(cx: &Cx, region: &str) -> Result<Vec<DbInstanceAutomatedBackup>> {
    let pages = cx.cloud.rds_in(region).describe_db_instance_automated_backups().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed(OP))?;
    let is_of_another = |backup: &DbInstanceAutomatedBackup| backup.region().is_some_and(|of| of != region);
    Ok(all.into_iter().filter(is_of_another).collect())
}

/// Returns the database of replicated backups as it was, as far as they say.
pub(super) fn as_instance(backup: &DbInstanceAutomatedBackup) -> DbInstance {
    let window = backup.restore_window();
    let built = DbInstance::builder().set_engine(backup.engine.clone()).set_engine_version(backup.engine_version.clone());
    let built = built.set_allocated_storage(backup.allocated_storage).set_master_username(backup.master_username.clone());
    let built = built.set_storage_encrypted(backup.encrypted).set_kms_key_id(backup.kms_key_id.clone());
    let built = built.set_storage_type(backup.storage_type.clone());
    let built = built.backup_retention_period(backup.backup_retention_period.unwrap_or(1).max(1));
    built.set_latest_restorable_time(window.and_then(|window| window.latest_time().copied())).build()
}

/// Returns the first time to which replicated backups can be restored.
pub(super) fn earliest(backup: &DbInstanceAutomatedBackup) -> Option<DateTime> {
    backup.restore_window()?.earliest_time().copied()
}

/// Returns the replicated backups in the stack's region of databases that it has in `home`, one for each name that has any: those that
/// are still copied before those that are not, and of several the ones that reach further.
///
/// # Errors
/// When RDS cannot be asked.
pub async fn of_stack(cx: &Cx, home: &str, databases: &[&str]) -> Result<Vec<Copies>> {
    let found = all(cx, &cx.scope.region).await?;
    Ok(databases.iter().filter_map(|database| best(cx, home, database, &found)).collect())
}

/// Returns the last time to which the replicated backups with this ARN can be restored, in seconds since 1970. None while there is no
/// complete one.
///
/// # Errors
/// When RDS cannot be asked.
pub async fn latest(cx: &Cx, arn: &str) -> Result<Option<i64>> {
    let backup = look(cx, region_of(arn), arn).await?;
    let window = backup.as_ref().and_then(|backup| backup.restore_window());
    Ok(window.and_then(|window| window.latest_time()).map(DateTime::secs))
}

fn best(cx: &Cx, home: &str, database: &str, found: &[DbInstanceAutomatedBackup]) -> Option<Copies> {
    let (prefix, scope) = (cx.scope.prefix(), &cx.scope);
    let arn = |generation: u32| {
        let name = names::fit(&prefix, database, generation, NAME);
        format!("arn:{}:rds:{home}:{}:db:{name}", scope.partition, scope.account)
    };
    let own: Vec<String> = (1..=GENERATIONS).map(arn).collect();
    let is_its =
        |backup: &&DbInstanceAutomatedBackup| backup.db_instance_arn().is_some_and(|arn| own.iter().any(|own| own == arn));
    let reach = |backup: &DbInstanceAutomatedBackup| {
        let latest = backup.restore_window().and_then(|window| window.latest_time()).map_or(i64::MIN, DateTime::secs);
        // What has nothing yet is of no use beside the backups of a database that it follows.
        (latest > i64::MIN, is_replicating(backup), latest)
    };
    let backup = found.iter().filter(is_its).max_by_key(|backup| reach(backup))?;
    let window = backup.restore_window();
    let time = |time: Option<&DateTime>| time.map(shown);
    Some(Copies {
        database: database.to_owned(),
        arn: backup.db_instance_automated_backups_arn.clone()?,
        of: backup.db_instance_arn.clone()?,
        replicating: is_replicating(backup),
        earliest: time(window.and_then(|window| window.earliest_time())),
        latest: time(window.and_then(|window| window.latest_time())),
        gib: backup.allocated_storage.unwrap_or_default(),
        days: backup.backup_retention_period.unwrap_or_default(),
        version: backup.engine_version.clone().unwrap_or_default(),
    })
}
