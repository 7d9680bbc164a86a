//! Recovery points: what a vault holds. AWS Backup makes them and lets them expire; `stack` only counts them, and deletes them with
//! their vault.

use std::time::{Duration, SystemTime};

use aws_sdk_backup::types::{RecoveryPointByBackupVault as Point, RecoveryPointStatus, RestoreJobsListMember};
use futures::future::try_join_all;

use super::errors::failed;
use crate::aws::Cx;
use crate::aws::call::answers::{or_gone, present};
use crate::aws::ownership::global::region_of;
use crate::engine::{Class, Error, Result};

/// How many are deleted by one step.
const AT_ONCE: usize = 20;

/// Returns what a vault holds.
pub(super) async fn all(cx: &Cx, region: &str, vault: &str) -> Result<Vec<Point>> {
    let call = cx.cloud.backup_in(region).list_recovery_points_by_backup_vault().backup_vault_name(vault);
    let pages = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    present(pages.map_err(failed("backup:ListRecoveryPointsByBackupVault")))
}

/// Checks whether a vault holds nothing.
pub(super) async fn is_none(cx: &Cx, region: &str, vault: &str) -> Result<bool> {
    let call = cx.cloud.backup_in(region).list_recovery_points_by_backup_vault().backup_vault_name(vault).max_results(1);
    let answer = present(
        call.send()
            .await
            .map(|a| a.recovery_points.unwrap_or_default())
            .map_err(failed("backup:ListRecoveryPointsByBackupVault")),
    )?;
    Ok(answer.is_empty())
}

/// What a vault holds, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The number of recovery points.
    pub count: usize,
    /// When the newest of those that are complete was begun, in seconds since 1970. None if none is complete.
    pub newest: Option<i64>,
}

/// Returns what the vault with this ARN holds.
///
/// # Errors
/// When AWS Backup cannot be asked, or refuses.
pub async fn held(cx: &Cx, arn: &str) -> Result<Held> {
    let vault = arn.rsplit(':').next().unwrap_or_default();
    let points = all(cx, region_of(arn), vault).await?;
    let complete = points.iter().filter(|point| point.status() == Some(&RecoveryPointStatus::Completed));
    let newest = complete.filter_map(|point| point.creation_date()).map(|time| time.secs()).max();
    Ok(Held { count: points.len(), newest })
}

/// The last test whether a backup can be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// When it began, in seconds since 1970.
    pub began: i64,
    /// How it ended, or where it is, in AWS's word: `COMPLETED`, `FAILED`.
    pub status: String,
    /// What AWS Backup says of it, if anything.
    pub message: Option<String>,
}

/// Returns the last test of the restore testing plan with this ARN
/// (<https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListRestoreJobs.html>). None before the first one.
///
/// # Errors
/// When AWS Backup cannot be asked, or refuses.
pub async fn last_test(cx: &Cx, arn: &str) -> Result<Option<Test>> {
    let call = cx.cloud.backup_in(region_of(arn)).list_restore_jobs().by_restore_testing_plan_arn(arn);
    let jobs = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    let jobs = present(jobs.map_err(failed("backup:ListRestoreJobs")))?;
    let began = |job: &RestoreJobsListMember| job.creation_date().map_or(i64::MIN, |time| time.secs());
    Ok(jobs.into_iter().max_by_key(began).map(|job| Test {
        began: began(&job),
        status: job.status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        message: job.status_message,
    }))
}

/// Returns when the newest was made.
pub(super) fn newest(points: &[Point]) -> Option<String> {
    let newest = points.iter().filter_map(|point| point.creation_date()).max_by_key(|time| time.secs())?;
    day(newest.secs())
}

/// Returns when the last one expires; nothing when one never does.
pub(super) fn last(points: &[Point]) -> Option<String> {
    let ends = points.iter().map(|point| point.calculated_lifecycle().and_then(|life| life.delete_at()).map(|time| time.secs()));
    day(ends.collect::<Option<Vec<_>>>()?.into_iter().max()?)
}

/// Returns the day of a time: `2026-11-27`.
pub(super) fn day(seconds: i64) -> Option<String> {
    Some(jiff::Timestamp::from_second(seconds).ok()?.strftime("%Y-%m-%d").to_string())
}

/// Returns a number of recovery points in words.
pub(super) fn counted(count: usize) -> String {
    if count == 1 { "1 recovery point".to_owned() } else { format!("{count} recovery points") }
}

/// Begins to delete some of them, and returns for how many that is still to be done or under way.
pub(super) async fn delete_some(cx: &Cx, region: &str, vault: &str) -> Result<usize> {
    let points = all(cx, region, vault).await?;
    let waiting = points.iter().filter(|point| point.status() != Some(&RecoveryPointStatus::Deleting));
    try_join_all(waiting.filter_map(|point| point.recovery_point_arn()).take(AT_ONCE).map(|arn| async move {
        let call = cx.cloud.backup_in(region).delete_recovery_point().backup_vault_name(vault).recovery_point_arn(arn);
        match or_gone(call.send().await.map_err(failed("backup:DeleteRecoveryPoint"))) {
            // It is still being made, and counted among those that are left.
            Err(e) if e.class == Class::NotYet => Ok::<_, Error>(()),
            other => other,
        }
    }))
    .await?;
    Ok(points.len())
}

/// Checks whether a time, in seconds, is over.
pub(super) fn is_over(seconds: i64) -> bool {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX) >= seconds
}
