//! Upgrades to other versions of the engine: which of them cannot be undone, and which AWS makes together with the source's.

use super::Instance;
use crate::aws::ownership::names;
use crate::engine::diff::same_major;
use crate::engine::{Diff, Result};

impl Instance {
    /// Checks whether AWS upgrades this replica together with its source: PostgreSQL, to a new major version
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.PostgreSQL.html>).
    pub(super) fn follows(&self, from: &str) -> bool {
        self.source.is_some()
            && self.engine.as_deref() == Some("postgres")
            && self.engine_version.as_deref().is_some_and(|to| is_major("postgres", from, to))
    }

    /// Returns the parameter group with which data of this engine and version is restored: one of another family than the version has AWS
    /// refuses, and the upgrade that follows brings it.
    pub(in crate::aws::rds) fn parameters_at(&self, engine: Option<&str>, is: Option<&str>) -> Result<Option<String>> {
        let (engine, is) = (engine.unwrap_or_default(), is.unwrap_or_default());
        match &self.engine_version {
            Some(to) if is_major(engine, is, to) => Ok(None),
            _ => self.parameters(),
        }
    }

    /// Returns the name of the snapshot that is taken before an upgrade that cannot be undone.
    pub(super) fn snapshot_before(&self, id: &str, diff: &Diff) -> Option<String> {
        let (from, to) = upgrade(diff)?;
        if self.source.is_some() || !is_major(self.engine.as_deref()?, from, to) {
            return None;
        }
        Some(names::before_upgrade(id, to, 255))
    }
}

/// Returns the versions before and after a change.
pub(super) fn upgrade(diff: &Diff) -> Option<(&str, &str)> {
    let change = diff.changes.iter().find(|change| change.path == "engine_version")?;
    Some((change.before.as_ref()?.as_str()?, change.after.as_ref()?.as_str()?))
}

/// Checks whether a version is another major one: the first number of PostgreSQL's, the first two of MySQL's and MariaDB's.
pub(super) fn is_major(engine: &str, from: &str, to: &str) -> bool {
    !same_major(from, to, if engine == "postgres" { 1 } else { 2 })
}
