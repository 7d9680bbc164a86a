//! The progress of a change: the fields that AWS was asked to change, and whether the database serves with them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::password::has_snapshots;
use super::read::look;
use super::{Instance, Live};
use crate::aws::Cx;
use crate::aws::rds::status::{not_begun, state_of};
use crate::engine::{Diff, Readiness, Result};

/// Returns the fields that AWS was asked to change in this operation: changes that others put off until the maintenance window
/// are not waited for.
async fn asked(cx: &Cx) -> Result<Arc<Mutex<BTreeSet<String>>>> {
    cx.reads.once("rds.asked", async { Ok(Mutex::default()) }).await
}

/// Returns the fields that differ.
pub(super) fn fields_of(diff: &Diff) -> impl Iterator<Item = String> {
    diff.changes.iter().filter_map(|change| change.path.split('.').next()).map(str::to_owned)
}

/// Records that AWS was asked to change these fields.
pub(super) async fn note_asked(cx: &Cx, fields: impl IntoIterator<Item = String>) -> Result<()> {
    asked(cx).await?.lock().unwrap_or_else(PoisonError::into_inner).extend(fields);
    Ok(())
}

/// Checks whether AWS was asked to change this field.
async fn was_asked(cx: &Cx, field: &str) -> Result<bool> {
    Ok(asked(cx).await?.lock().unwrap_or_else(PoisonError::into_inner).contains(field))
}

impl Instance {
    /// Reads its state once; see [`crate::engine::Resource::poll`].
    pub(super) async fn state(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        let Some(now) = look(cx, &live.id).await? else { return Ok(Readiness::Gone) };
        if self.running == Some(false) {
            return Ok(match state_of(&now) {
                _ if now.db_instance_status() == Some("stopped") => Readiness::Ready,
                // It is stopped only when it serves, and AWS may report that for a while after it was asked.
                state if state.tells_all() && was_asked(cx, "running").await? => Readiness::waiting("AWS is still to stop it"),
                state => state,
            });
        }
        Ok(match state_of(&now) {
            // The password follows the database.
            // One that was just restored is yet to be told to have one.
            Readiness::Ready
                if self.managed_password == Some(true) && now.master_user_secret().is_none() && !has_snapshots(&now) =>
            {
                Readiness::waiting("the password's secret is being created")
            }
            Readiness::Ready if now.engine_version().is_some_and(|is| self.follows(is)) => Readiness::waiting(
                "AWS upgrades it after the database that it replicates\nif that does not happen, replication has stopped: remove the replica from the file, apply, and add it again",
            ),
            // AWS may report that it is available for a while after it was asked.
            Readiness::Ready if self.is_still_one(&now) && was_asked(cx, "standalone").await? => {
                Readiness::waiting("AWS is still to make it a database of its own")
            }
            state if state.tells_all() => {
                let asked = asked(cx).await?;
                let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
                not_begun(&now, &asked).map_or(state, Readiness::waiting)
            }
            state => state,
        })
    }
}
