//! The newest snapshot of a database.

use aws_sdk_rds::types::DbSnapshot;

use crate::aws::Cx;
use crate::aws::call::answers::present;
use crate::aws::rds::errors::failed;
use crate::engine::Result;

/// Returns the name of the newest snapshot of a database instance that can be restored, automated or manual; none when it has none.
///
/// # Errors
/// When RDS cannot be asked (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html>).
pub async fn snapshot(cx: &Cx, instance: &str) -> Result<Option<String>> {
    let call = cx.cloud.rds.describe_db_snapshots().db_instance_identifier(instance);
    let all = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    let all = present(all.map_err(failed("rds:DescribeDBSnapshots")))?;
    let available = all.iter().filter(|snapshot| snapshot.status() == Some("available"));
    let taken = |snapshot: &&DbSnapshot| snapshot.original_snapshot_create_time().or(snapshot.snapshot_create_time()).copied();
    Ok(available
        .max_by_key(|snapshot| taken(snapshot).map(|at| at.secs()))
        .and_then(|newest| newest.db_snapshot_identifier.clone()))
}
