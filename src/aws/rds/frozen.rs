//! Snapshots that belong to a frozen environment: they outlive it, until they are pruned.

use aws_sdk_rds::types::{DbSnapshot, Tag};
use serde::Serialize;

use super::named::AWS_KEY;
use super::passing::{TAG_FOR, is_named};
use super::snapshots::{find, look, unfinished};
use crate::aws::Cx;
use crate::aws::call::answers::{begun, or_gone, present};
use crate::aws::rds::errors::failed;
use crate::engine::{Readiness, Result};

/// The tag that says what was frozen: `shop/production/20261126T221500Z`. A snapshot with it has no tag of an environment, so nothing
/// takes it for an object of one.
pub(super) const TAG_FROZEN: &str = "stack:frozen";
/// The end of the name of the snapshot that the frozen one is a copy of.
pub(super) const FIRST: &str = "-first";

/// Returns the name of the frozen snapshot of a database instance.
pub fn name(instance: &str, at: &str) -> String {
    format!("{instance}{}", end(at))
}

/// Returns the end of the names of snapshots that were frozen at a time.
fn end(at: &str) -> String {
    format!("-frozen-{}", at.to_ascii_lowercase())
}

/// A snapshot that belongs to no environment: of a frozen one, or for a copy in another region or account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frozen {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What was frozen: stack, environment and time; or which copy it is for: stack, environment, account, region and database.
    pub of: String,
    /// Whether it is for a copy that is being made, or was given up.
    pub for_copy: bool,
    /// Its storage, in GiB.
    pub gib: i32,
    /// RDS's status.
    pub status: String,
    /// When it was taken.
    pub taken: Option<String>,
}

impl Frozen {
    /// Reads a snapshot that is one by its tag, and a frozen one by its name, too.
    fn of(snapshot: &DbSnapshot) -> Option<Frozen> {
        let tag = |name: &str| Some(snapshot.tag_list().iter().find(|tag| tag.key() == Some(name))?.value()?.to_owned());
        let name = snapshot.db_snapshot_identifier.clone()?;
        let is_frozen = |of: &String| {
            let end = end(of.rsplit('/').next().unwrap_or_default());
            name.strip_suffix(FIRST).unwrap_or(&name).ends_with(&end)
        };
        let copy = tag(TAG_FOR).filter(|of| is_named(&name, of));
        let for_copy = copy.is_some();
        let of = copy.or_else(|| tag(TAG_FROZEN).filter(is_frozen))?;
        Some(Frozen {
            for_copy,
            name,
            arn: snapshot.db_snapshot_arn.clone()?,
            of,
            gib: snapshot.allocated_storage.unwrap_or_default(),
            status: snapshot.status().unwrap_or("unknown").to_owned(),
            taken: snapshot.snapshot_create_time().map(ToString::to_string),
        })
    }
}

/// Polls the frozen snapshot of a database instance once, and does the next step: a snapshot, unless it is to be a copy of `from`; a
/// copy with AWS's own key and no other tag than that it is frozen; and the end of a snapshot that was taken for it. Returns how far
/// that is, and the ARN of the copy.
///
/// # Errors
/// When RDS refuses a step (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html>).
pub async fn take(cx: &Cx, instance: &str, from: Option<&str>, name: &str, of: &str) -> Result<(Readiness, Option<String>)> {
    let tag = Tag::builder().key(TAG_FROZEN).value(of).build();
    let first = from.map_or_else(|| format!("{name}{FIRST}"), str::to_owned);
    if let Some(kept) = look(cx, name).await? {
        if let Some(state) = unfinished(&kept, &format!("copy of the snapshot of {instance}")) {
            return Ok((state, None));
        }
        if from.is_none() {
            delete(cx, &first).await?;
        }
        return Ok((Readiness::Ready, kept.db_snapshot_arn));
    }
    let Some(taken) = find(cx, &first).await? else {
        if from.is_some() {
            return Ok((Readiness::Failed(format!("the snapshot {first} does not exist any more")), None));
        }
        let call = cx.cloud.rds.create_db_snapshot().db_instance_identifier(instance).db_snapshot_identifier(&first).tags(tag);
        begun(call.send().await.map_err(failed("rds:CreateDBSnapshot")))?;
        return Ok((Readiness::waiting(format!("starting a snapshot of {instance}")), None));
    };
    if let Some(state) = unfinished(&taken, &format!("snapshot of {instance}")) {
        return Ok((state, None));
    }
    let call = cx.cloud.rds.copy_db_snapshot().source_db_snapshot_identifier(&first).target_db_snapshot_identifier(name);
    // The key of the database can go with its environment, and everything that it encrypts with it.
    let call = call.kms_key_id(AWS_KEY).copy_tags(false).tags(tag);
    begun(call.send().await.map_err(failed("rds:CopyDBSnapshot")))?;
    Ok((Readiness::waiting("its copy is being encrypted with AWS's own key"), None))
}

/// Returns the snapshots of all frozen environments of the account and region, and those for copies elsewhere.
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
