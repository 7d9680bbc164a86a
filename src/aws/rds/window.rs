//! What a database can be restored to: times within its backups, and snapshots.

use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Serialize;

use super::instance;
use super::named::moment;
use super::newest::passes;
use super::snapshots::find;
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::rds::errors::failed;
use crate::engine::Result;

/// The times to which a database can be restored.
#[derive(Clone, Debug, Serialize)]
pub struct Window {
    /// The database.
    pub database: String,
    /// The number of days for which its backups are kept; 0 for none.
    pub days: i32,
    /// The first time, if it has a backup.
    pub earliest: Option<String>,
    /// The last time, if it has a backup: about five minutes ago.
    pub latest: Option<String>,
}

/// A snapshot of a database.
#[derive(Clone, Debug, Serialize)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// Who took it: `automated`, `manual`, `awsbackup`.
    pub kind: String,
    /// When its data was taken.
    pub taken: Option<String>,
    /// Its size in GiB.
    pub gib: i32,
    /// The version of the engine.
    pub version: String,
    /// `available`, `creating`, …
    pub status: String,
    /// Whether it is of another database that had the name before.
    pub of_another: bool,
}

/// Returns a time as text, to the second.
pub(super) fn shown(time: &DateTime) -> String {
    DateTime::from_secs(time.secs()).fmt(Format::DateTime).unwrap_or_default()
}

/// Returns the times to which a database can be restored; none when it does not exist.
///
/// # Errors
/// When RDS cannot be asked.
pub async fn of(cx: &Cx, id: &str) -> Result<Option<Window>> {
    let Some(now) = instance(cx, id, &cx.scope.region).await? else { return Ok(None) };
    let days = now.backup_retention_period.unwrap_or_default();
    let latest = now.latest_restorable_time().filter(|_| days > 0).map(shown);
    let earliest = match latest {
        Some(_) => earliest(cx, &now).await?.or(now.instance_create_time().copied()).as_ref().map(shown),
        None => None,
    };
    Ok(Some(Window { database: id.to_owned(), days, earliest, latest }))
}

/// Returns why a database cannot be restored to a time, and what helps; nothing when it can.
///
/// # Errors
/// When RDS cannot be asked.
pub async fn refusal(cx: &Cx, id: &str, at: &str) -> Result<Option<(String, String)>> {
    match instance(cx, id, &cx.scope.region).await? {
        Some(now) => not_restorable(cx, &now, &format!("the database `{id}`"), Some(at)).await,
        None => Ok(Some((format!("the database `{id}` does not exist"), "`stack show` lists what runs".into()))),
    }
}

/// Returns the snapshots of a database that can be restored, the newest first.
///
/// # Errors
/// When RDS cannot be asked (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html>).
pub async fn snapshots(cx: &Cx, id: &str) -> Result<Vec<Taken>> {
    let now = instance(cx, id, &cx.scope.region).await?;
    let resource = now.as_ref().and_then(|now| now.dbi_resource_id());
    let pages = cx.cloud.rds.describe_db_snapshots().db_instance_identifier(id).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    let mut all = present(all.map_err(failed("rds:DescribeDBSnapshots")))?;
    all.retain(|snapshot| !passes(snapshot));
    all.sort_by_key(|snapshot| std::cmp::Reverse(time(snapshot).map_or(i64::MAX, |at| at.secs())));
    Ok(all.iter().map(|snapshot| taken(snapshot, resource)).collect())
}

/// Returns a snapshot by its name or ARN; none when it does not exist.
///
/// # Errors
/// When RDS cannot be asked.
pub async fn snapshot(cx: &Cx, name: &str) -> Result<Option<Taken>> {
    Ok(find(cx, name).await?.as_ref().map(|found| taken(found, found.dbi_resource_id())))
}

fn time(snapshot: &DbSnapshot) -> Option<&DateTime> {
    snapshot.original_snapshot_create_time().or(snapshot.snapshot_create_time())
}

fn taken(snapshot: &DbSnapshot, resource: Option<&str>) -> Taken {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Taken {
        name: text(snapshot.db_snapshot_identifier()),
        kind: text(snapshot.snapshot_type()),
        taken: time(snapshot).map(shown),
        gib: snapshot.allocated_storage.unwrap_or_default(),
        version: text(snapshot.engine_version()),
        status: text(snapshot.status()),
        of_another: resource.is_some() && snapshot.dbi_resource_id().is_some() && snapshot.dbi_resource_id() != resource,
    }
}

/// Returns the first time to which a database can be restored, if AWS tells it.
async fn earliest(cx: &Cx, of: &DbInstance) -> Result<Option<DateTime>> {
    let id = of.db_instance_identifier().unwrap_or_default();
    let answer = cx.cloud.rds.describe_db_instance_automated_backups().db_instance_identifier(id).send().await;
    let backups = answer.map(|a| a.db_instance_automated_backups.unwrap_or_default());
    let backups = present(backups.map_err(failed("rds:DescribeDBInstanceAutomatedBackups")))?;
    Ok(backups.iter().filter_map(|backup| backup.restore_window()?.earliest_time().copied()).min_by_key(DateTime::secs))
}

/// Returns why a database cannot be restored to a time, and what helps.
pub(super) async fn not_restorable(cx: &Cx, of: &DbInstance, what: &str, at: Option<&str>) -> Result<Option<(String, String)>> {
    out_of_window(of, earliest(cx, of).await?, what, at)
}

/// Returns the same by what is known of its backups.
pub(super) fn out_of_window(
    of: &DbInstance,
    earliest: Option<DateTime>,
    what: &str,
    at: Option<&str>,
) -> Result<Option<(String, String)>> {
    if of.backup_retention_period.unwrap_or_default() == 0 {
        let message = format!("{what} has no automated backups, so it cannot be restored to a point in time");
        return Ok(Some((message, "begin with a snapshot of it, or turn its backups on".into())));
    }
    let Some(latest) = of.latest_restorable_time() else {
        let message = format!("{what} has no automated backup yet, so it cannot be restored to a point in time");
        return Ok(Some((message, "wait for the first one, or begin with a snapshot of it".into())));
    };
    let Some(at) = at else { return Ok(None) };
    let wanted = moment(at)?;
    let out = |end: &DateTime, words: &str| {
        let message = format!("{what} cannot be restored to {at}: {words} {}", shown(end));
        Some((message, "give another time, or `latest`".to_owned()))
    };
    let earliest = earliest.or(of.instance_create_time().copied());
    Ok(match earliest.filter(|earliest| earliest.secs() > wanted.secs()) {
        _ if latest.secs() < wanted.secs() => out(latest, "the latest time that AWS has is"),
        Some(earliest) => out(&earliest, "the earliest time that AWS has is"),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_that_aws_can_restore() {
        let secs = |text: &str| moment(text).unwrap();
        let of = |days: i32| {
            let built = DbInstance::builder().backup_retention_period(days).instance_create_time(secs("2026-11-01T00:00:00Z"));
            built.latest_restorable_time(secs("2026-11-26T03:00:00Z")).build()
        };
        let told = |days: i32, at: Option<&str>| out_of_window(&of(days), None, "x", at).unwrap().map(|(message, _)| message);
        assert_eq!(told(7, None), None);
        assert_eq!(told(7, Some("2026-11-26T04:00:00+01:00")), None);
        let late = "x cannot be restored to 2026-11-26T03:00:01Z: the latest time that AWS has is 2026-11-26T03:00:00Z";
        assert_eq!(told(7, Some("2026-11-26T03:00:01Z")).as_deref(), Some(late));
        let early = "x cannot be restored to 2026-10-31T23:59:59Z: the earliest time that AWS has is 2026-11-01T00:00:00Z";
        assert_eq!(told(7, Some("2026-10-31T23:59:59Z")).as_deref(), Some(early));
        assert!(told(0, None).unwrap().contains("no automated backups"));
        let kept = out_of_window(&of(7), Some(secs("2026-11-19T00:00:00Z")), "x", Some("2026-11-18T00:00:00Z")).unwrap();
        assert!(kept.is_some_and(|(message, _)| message.ends_with("is 2026-11-19T00:00:00Z")));
        let young = DbInstance::builder().backup_retention_period(7).build();
        assert!(
            out_of_window(&young, None, "x", None)
                .unwrap()
                .is_some_and(|(message, _)| message.contains("no automated backup yet"))
        );
        assert!(out_of_window(&of(7), None, "x", Some("yesterday")).is_err());
    }
}
