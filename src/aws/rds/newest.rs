//! The newest snapshot of a database.

use aws_sdk_rds::types::DbSnapshot;

use super::from_sdk;
use super::frozen::{FIRST, TAG_FROZEN};
use super::passing::TAG_FOR;
use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::source;
use crate::aws::rds::errors::failed;
use crate::engine::Result;

/// Checks whether `stack` made a snapshot for one operation, which deletes it soon.
pub(super) fn passes(snapshot: &DbSnapshot) -> bool {
    let (name, tags) = (snapshot.db_snapshot_identifier().unwrap_or_default(), from_sdk(snapshot.tag_list()));
    let is_first = tags.contains_key(TAG_FROZEN) && name.ends_with(FIRST);
    source(&tags).is_some() || tags.contains_key(TAG_FOR) || names::is_carrier(name) || is_first
}

/// A snapshot of a database.
pub struct Newest {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// Returns the newest snapshot of a database instance that can be restored, automated or manual; none when it has none.
///
/// # Errors
/// When RDS cannot be asked (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html>).
pub async fn of(cx: &Cx, instance: &str) -> Result<Option<Newest>> {
    let call = cx.cloud.rds.describe_db_snapshots().db_instance_identifier(instance);
    let all = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    let all = present(all.map_err(failed("rds:DescribeDBSnapshots")))?;
    let available = all.iter().filter(|snapshot| snapshot.status() == Some("available") && !passes(snapshot));
    let taken = |snapshot: &&DbSnapshot| snapshot.original_snapshot_create_time().or(snapshot.snapshot_create_time()).copied();
    Ok(available
        .max_by_key(|snapshot| taken(snapshot).map(|at| at.secs()))
        .and_then(|newest| Some(Newest { name: newest.db_snapshot_identifier.clone()?, arn: newest.db_snapshot_arn.clone()? })))
}
