//! Upgrades to other engines and versions: which of them cannot be undone, and the snapshots that are taken before them.

use serde_json::Value;

use super::ReplicationGroup;
use crate::aws::elasticache::naming::SNAPSHOT;
use crate::aws::ownership::names;
use crate::engine::diff::same_major;
use crate::engine::{Change, Diff};

/// Checks whether AWS takes snapshots of nodes of this type.
pub(super) fn has_snapshots(node_type: &str) -> bool {
    !node_type.starts_with("cache.t1.")
}

/// Returns the name of the snapshot that is taken before an upgrade that cannot be undone.
pub(super) fn snapshot_before(id: &str, desired: &ReplicationGroup, diff: &Diff) -> Option<String> {
    let to = desired.engine_version.as_ref().unwrap_or(&desired.engine);
    (leaves_its_major(diff) && has_snapshots(&desired.node_type)).then(|| names::before_upgrade(id, to, SNAPSHOT))
}

/// Checks whether a change leads to another engine or another major version of it, which AWS cannot undo
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.HowTo.html>).
pub(super) fn leaves_its_major(diff: &Diff) -> bool {
    let major = |change: &&Change| {
        let (from, to) = (change.before.as_ref().and_then(Value::as_str), change.after.as_ref().and_then(Value::as_str));
        change.path == "engine_version" && from.zip(to).is_some_and(|(from, to)| !same_major(from, to, 1))
    };
    diff.touches("engine") || diff.changes.iter().any(|change| major(&change))
}
