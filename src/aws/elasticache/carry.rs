//! The data that a cache begins with: that of the cache that it replaces, or what the file names. It comes by a snapshot, which may be
//! restored with another key, port or subnet group (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups-restoring.html>).
//!
//! The snapshot of a replacement is named after the successor and the second in which the operation began, and is deleted with the old
//! cache, whichever run deletes that. That of a beginning has the same name in every run, which continues what another one began, and
//! is deleted when the cache is complete ([`super::snapshot`]).

use super::naming::{self, GROUP_ID, SNAPSHOT};
use super::replication_group::{Begin, Live, ReplicationGroup};
use super::snapshots::{look, remove, snapshot, state};
use super::{snapshot as copy, tags_of};
use crate::aws::Cx;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::source;
use crate::engine::{Class, Readiness, Result};

/// Returns the name of the snapshot of this replacement.
async fn name(cx: &Cx) -> Result<String> {
    names::carrier(cx, &naming::id(cx, GROUP_ID)?, SNAPSHOT).await
}

impl ReplicationGroup {
    /// Polls the snapshot once; see [`crate::engine::Resource::carry_over`].
    pub(super) async fn look_at_copy(&self, cx: &Cx) -> Result<Readiness> {
        if let Some(from) = cx.replaces::<Live>()? {
            return snapshot(cx, &from.id, &name(cx).await?, &self.tags).await;
        }
        match self.begin.as_ref().filter(|_| cx.begins) {
            None => Ok(Readiness::Ready),
            Some(Begin::Snapshot(name)) => Ok(match look(cx, name).await? {
                Some(found) => state(&found, &format!("snapshot {name}")),
                None => Readiness::Failed(format!("the snapshot {name} does not exist")),
            }),
            Some(begin @ Begin::Cache(id)) => self.look_at_beginning(cx, begin, id).await,
        }
    }

    /// Polls the snapshot of another cache. What an earlier run took of another one is not used.
    async fn look_at_beginning(&self, cx: &Cx, begin: &Begin, id: &str) -> Result<Readiness> {
        let (name, of) = (copy::name(cx), begin.to_string());
        let Some(found) = look(cx, &name).await? else {
            return snapshot(cx, id, &name, &copy::tags(cx, &self.tags, &of)).await;
        };
        let tags = tags_of(cx, found.arn().unwrap_or_default()).await?.unwrap_or_default();
        if !copy::is_ours(cx, &tags, &name) {
            let words = "exists and is not this stack's, so it is not used: delete it, or copy it under another name first";
            return Ok(Readiness::Failed(format!("the snapshot `{name}` {words}")));
        }
        if found.snapshot_status() == Some("failed") {
            remove(cx, &name).await?;
            let words = "failed and was deleted; the next run takes another one";
            return Ok(Readiness::Failed(format!("the snapshot of {id} {words}")));
        }
        if source(&tags) != Some(&of) {
            match remove(cx, &name).await {
                // It is still being taken.
                Err(error) if error.class == Class::InUse => {}
                other => other?,
            }
            return Ok(Readiness::waiting(format!("deleting {name}, a snapshot for another beginning")));
        }
        Ok(state(&found, &format!("snapshot of {id}")))
    }

    /// Returns the snapshot that the cache is created from when it begins with the data of another.
    pub(super) async fn carried(&self, cx: &Cx) -> Result<Option<String>> {
        if cx.predecessor.is_some() {
            return name(cx).await.map(Some);
        }
        Ok(self.begin.as_ref().filter(|_| cx.begins).map(|begin| match begin {
            Begin::Snapshot(name) => name.clone(),
            Begin::Cache(_) => copy::name(cx),
        }))
    }
}
