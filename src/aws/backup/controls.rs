//! The controls of backups: <https://docs.aws.amazon.com/securityhub/latest/userguide/backup-controls.html>.

use serde_json::Value;

use crate::aws::control::Severity::Medium;
use crate::aws::control::{Breach, Control, View};
use crate::aws::rds::Instance;
use crate::engine::Result;

pub(super) static CONTROLS: &[Control] = &[Control::new(
    "Backup.1",
    Medium,
    (
        "Recovery points are encrypted at rest",
        "a recovery point holds everything that the database holds",
        "set `encrypted: true`; an existing database is replaced by that, with its data",
    ),
    plain,
)];

/// Checks whether a backup plan has databases.
pub(in crate::aws) fn has_databases(view: &View) -> bool {
    let of_databases = |one: &str| one == "*" || one.contains(":rds:");
    view.raw("backup.selection").any(|selection| {
        selection.fields["resources"].as_array().into_iter().flatten().filter_map(Value::as_str).any(of_databases)
    })
}

/// A vault always has a key, and encrypts with it what AWS Backup stores itself, such as backups of buckets. A recovery point of a
/// database is a snapshot, which is encrypted as the database is.
fn plain(view: &View) -> Result<Vec<Breach>> {
    if !has_databases(view) {
        return Ok(Vec::new());
    }
    let is_plain = |db: &Instance| db.encrypted == Some(false) || db.encrypted.is_none() && db.source.is_none();
    let all = view.all::<Instance>()?.into_iter().filter(|(_, db)| is_plain(db));
    Ok(all.map(|(key, _)| Breach::new(key, "its recovery points are not encrypted").fix(&["encrypted"], true)).collect())
}
