//! Snapshots of databases: those that carry data over, and those taken before an upgrade that cannot be undone.

use super::named::region_of;
use super::to_sdk;
use crate::aws::call::answers::{begun, or_gone, present};
use crate::aws::ownership::names;
use crate::aws::rds::errors::failed;
use crate::aws::{Cx, Tags};
use crate::engine::{Readiness, Result};
use aws_sdk_rds::types::DbSnapshot;

/// The maximum length of the names of snapshots.
pub(super) const SNAPSHOT: usize = 255;

pub(super) async fn look(cx: &Cx, name: &str) -> Result<Option<DbSnapshot>> {
    look_in(cx, &cx.scope.region, name).await
}

/// Looks for a snapshot of this name in a region.
pub(super) async fn look_in(cx: &Cx, region: &str, name: &str) -> Result<Option<DbSnapshot>> {
    let answer = cx.cloud.rds_in(region).describe_db_snapshots().db_snapshot_identifier(name).send().await;
    let found = present(answer.map(|a| a.db_snapshots.unwrap_or_default()).map_err(failed("rds:DescribeDBSnapshots")))?;
    Ok(found.into_iter().next())
}

/// Finds a snapshot of anyone, by its name or its ARN: in the region that this names. AWS answers for automated ones, and for those that
/// other accounts share, only when it is asked for them
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html>).
pub(super) async fn find(cx: &Cx, name: &str) -> Result<Option<DbSnapshot>> {
    let (kind, is_arn) = (kind(name).map(str::to_owned), name.starts_with("arn:"));
    let call = cx.cloud.rds_in(region_of(cx, name)).describe_db_snapshots().db_snapshot_identifier(name).set_snapshot_type(kind);
    let answer = call.set_include_shared(is_arn.then_some(true)).send().await;
    let found = present(answer.map(|a| a.db_snapshots.unwrap_or_default()).map_err(failed("rds:DescribeDBSnapshots")))?;
    Ok(found.into_iter().next())
}

/// Returns the type by which AWS must be asked for the snapshot of this name or ARN: the names of those that it takes by itself begin
/// with the service that does.
fn kind(name: &str) -> Option<&str> {
    let bare = if name.starts_with("arn:") { name.splitn(7, ':').nth(6)? } else { name };
    match bare.split_once(':')?.0 {
        "rds" => Some("automated"),
        other => Some(other),
    }
}

/// Deletes a snapshot of the stack.
pub(super) async fn remove(cx: &Cx, name: &str) -> Result<()> {
    remove_in(cx, &cx.scope.region, name).await
}

/// Deletes a snapshot of the stack in a region.
pub(super) async fn remove_in(cx: &Cx, region: &str, name: &str) -> Result<()> {
    let answer = cx.cloud.rds_in(region).delete_db_snapshot().db_snapshot_identifier(name).send().await;
    or_gone(answer.map_err(failed("rds:DeleteDBSnapshot")))
}

/// Polls the snapshot of this name of a database once, and starts it if it does not exist.
pub(super) async fn snapshot(cx: &Cx, id: &str, name: &str, tags: &Tags) -> Result<Readiness> {
    let Some(snapshot) = look(cx, name).await? else {
        let call = cx.cloud.rds.create_db_snapshot().db_instance_identifier(id).db_snapshot_identifier(name);
        let answer = call.set_tags(Some(to_sdk(tags))).send().await;
        begun(answer.map_err(failed("rds:CreateDBSnapshot")))?;
        return Ok(Readiness::waiting(format!("starting a snapshot of {id}")));
    };
    Ok(unfinished(&snapshot, &format!("snapshot of {id}")).unwrap_or(Readiness::Ready))
}

pub(super) fn unfinished(snapshot: &DbSnapshot, what: &str) -> Option<Readiness> {
    match snapshot.status().unwrap_or("unknown") {
        "available" => None,
        "failed" => Some(Readiness::Failed(format!("the {what} failed"))),
        status => {
            let progress = snapshot.percent_progress().filter(|percent| (0..=100).contains(percent));
            let percent = progress.map_or(String::new(), |percent| format!(", {percent} %"));
            Some(Readiness::Waiting {
                status: format!("{what}: {status}{percent}"),
                progress: progress.map(|p| p as f32 / 100.0),
            })
        }
    }
}

/// Deletes what carried this database's data over to its successor, including what runs left that died.
pub(super) async fn clean_up(cx: &Cx, id: &str) -> Result<()> {
    let call = cx.cloud.rds.describe_db_snapshots().db_instance_identifier(id).snapshot_type("manual");
    let all = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    for snapshot in all.map_err(failed("rds:DescribeDBSnapshots"))? {
        let Some(name) = snapshot.db_snapshot_identifier().filter(|name| names::is_carrier(name)) else { continue };
        if !cx.scope.owns(&super::from_sdk(snapshot.tag_list())) {
            continue;
        }
        remove(cx, name).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn automated_snapshots_are_asked_for_by_their_type() {
        let arn = "arn:aws:rds:us-east-1:123456789012:snapshot:";
        for (name, is) in
            [("mine", None), ("rds:shop-2026-11-26-03-05", Some("automated")), ("awsbackup:job-1", Some("awsbackup"))]
        {
            assert_eq!(kind(name), is, "{name}");
            assert_eq!(kind(&format!("{arn}{name}")), is, "{arn}{name}");
        }
    }
}
