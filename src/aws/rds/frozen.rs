//! Snapshots that belong to a frozen environment: they outlive it, until they are pruned.

use aws_sdk_rds::types::{DbSnapshot, Tag};
use serde::Serialize;

use super::snapshots::{look, unfinished};
use crate::aws::Cx;
use crate::aws::call::answers::{begun, or_gone, present};
use crate::aws::rds::errors::failed;
use crate::engine::{Readiness, Result};

/// The tag that says what was frozen: `shop/production/20261126T221500Z`. A snapshot with it has no tag of an environment, so nothing
/// takes it for an object of one.
const TAG_FROZEN: &str = "stack:frozen";

/// A snapshot of a frozen environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frozen {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What was frozen: stack, environment and time.
    pub of: String,
    /// Its storage, in GiB.
    pub gib: i32,
    /// RDS's status.
    pub status: String,
    /// When it was taken.
    pub taken: Option<String>,
}

impl Frozen {
    fn of(snapshot: &DbSnapshot) -> Option<Frozen> {
        let of = snapshot.tag_list().iter().find(|tag| tag.key() == Some(TAG_FROZEN))?.value()?.to_owned();
        Some(Frozen {
            name: snapshot.db_snapshot_identifier.clone()?,
            arn: snapshot.db_snapshot_arn.clone()?,
            of,
            gib: snapshot.allocated_storage.unwrap_or_default(),
            status: snapshot.status().unwrap_or("unknown").to_owned(),
            taken: snapshot.snapshot_create_time().map(ToString::to_string),
        })
    }
}

/// Starts a snapshot of a database instance, if there is none of that name.
///
/// # Errors
/// When RDS refuses it (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html>).
pub async fn take(cx: &Cx, instance: &str, name: &str, of: &str) -> Result<()> {
    if look(cx, name).await?.is_some() {
        return Ok(());
    }
    let tag = Tag::builder().key(TAG_FROZEN).value(of).build();
    let call = cx.cloud.rds.create_db_snapshot().db_instance_identifier(instance).db_snapshot_identifier(name).tags(tag);
    begun(call.send().await.map_err(failed("rds:CreateDBSnapshot"))).map(drop)
}

/// Returns how far a snapshot is, and its ARN.
///
/// # Errors
/// When RDS cannot be asked.
pub async fn state(cx: &Cx, name: &str) -> Result<(Readiness, Option<String>)> {
    let Some(snapshot) = look(cx, name).await? else { return Ok((Readiness::waiting("RDS does not know it yet"), None)) };
    let state = unfinished(&snapshot, &format!("snapshot {name}")).unwrap_or(Readiness::Ready);
    Ok((state, snapshot.db_snapshot_arn))
}

/// Returns the snapshots of all frozen environments of the account and region.
///
/// # Errors
/// When RDS cannot be asked.
pub async fn list(cx: &Cx) -> Result<Vec<Frozen>> {
    let call = cx.cloud.rds.describe_db_snapshots().snapshot_type("manual");
    let all = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    let all = present(all.map_err(failed("rds:DescribeDBSnapshots")))?;
    let mut found: Vec<Frozen> = all.iter().filter_map(Frozen::of).collect();
    found.sort_by(|one, other| (&one.of, &one.name).cmp(&(&other.of, &other.name)));
    Ok(found)
}

/// Deletes a snapshot.
///
/// # Errors
/// When RDS refuses it.
pub async fn delete(cx: &Cx, name: &str) -> Result<()> {
    let answer = cx.cloud.rds.delete_db_snapshot().db_snapshot_identifier(name).send().await;
    or_gone(answer.map_err(failed("rds:DeleteDBSnapshot"))).map(drop)
}
