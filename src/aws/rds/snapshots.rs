//! Snapshots of databases: those that carry data over, and those taken before an upgrade that cannot be undone.

use super::to_sdk;
use crate::aws::call::answers::{begun, or_gone, present};
use crate::aws::ownership::names;
use crate::aws::rds::errors::failed;
use crate::aws::{Cx, Tags};
use crate::engine::{Readiness, Result};
use aws_sdk_rds::types::DbSnapshot;

pub(super) async fn look(cx: &Cx, name: &str) -> Result<Option<DbSnapshot>> {
    let answer = cx.cloud.rds.describe_db_snapshots().db_snapshot_identifier(name).send().await;
    let found = present(answer.map(|a| a.db_snapshots.unwrap_or_default()).map_err(failed("rds:DescribeDBSnapshots")))?;
    Ok(found.into_iter().next())
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
        let answer = cx.cloud.rds.delete_db_snapshot().db_snapshot_identifier(name).send().await;
        or_gone(answer.map_err(failed("rds:DeleteDBSnapshot")))?;
    }
    Ok(())
}
