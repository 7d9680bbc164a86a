//! The data of a cache that is replaced, carried over to its successor: a snapshot, which may be restored with another key, port
//! or subnet group (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups-restoring.html>).
//!
//! It is named after the successor and the second in which the operation began, and is deleted with the old cache, whichever run
//! deletes that.

use super::naming::{self, GROUP_ID, SNAPSHOT};
use super::replication_group::{Live, ReplicationGroup};
use super::snapshots::snapshot;
use crate::aws::Cx;
use crate::aws::ownership::names;
use crate::engine::{Readiness, Result};

/// Returns the name of the snapshot of this operation.
async fn name(cx: &Cx) -> Result<String> {
    names::carrier(cx, &naming::id(cx, GROUP_ID)?, SNAPSHOT).await
}

impl ReplicationGroup {
    /// Polls the snapshot once; see [`crate::engine::Resource::carry_over`].
    pub(super) async fn look_at_copy(&self, cx: &Cx) -> Result<Readiness> {
        let Some(from) = cx.replaces::<Live>()? else { return Ok(Readiness::Ready) };
        snapshot(cx, &from.id, &name(cx).await?, &self.tags).await
    }

    /// Returns the snapshot that the cache is created from when it continues with the data of another.
    pub(super) async fn carried(&self, cx: &Cx) -> Result<Option<String>> {
        if cx.predecessor.is_some() { name(cx).await.map(Some) } else { Ok(None) }
    }
}
