//! How databases do, in AWS's words.

use aws_sdk_rds::types::DbInstance;
use serde::Serialize;

use super::instances;
use crate::aws::{Cx, names};
use crate::engine::{Readiness, Result};

/// What AWS's word for an instance's state means. It serves also while AWS works on its storage or takes a backup of it.
/// The words are those of "Viewing DB instance status" in the RDS user guide.
pub(super) fn state_of(instance: &DbInstance) -> Readiness {
    let status = instance.db_instance_status().unwrap_or("unknown");
    match status {
        "available" | "storage-optimization" | "storage-config-upgrade" => Readiness::Ready,
        "failed"
        | "restore-error"
        | "storage-full"
        | "incompatible-create"
        | "incompatible-network"
        | "incompatible-option-group"
        | "incompatible-parameters"
        | "incompatible-restore"
        | "inaccessible-encryption-credentials" => Readiness::Failed(status.to_owned()),
        // Somebody stopped it; it does not start by itself for a week.
        "stopped" => Readiness::Failed("stopped".into()),
        other => {
            let progress = instance.percent_progress().and_then(|p| p.parse::<f32>().ok()).map(|p| p / 100.0);
            Readiness::Waiting { status: other.to_owned(), progress }
        }
    }
}

/// A database as it runs.
#[derive(Clone, Debug, Serialize)]
pub struct Database {
    /// Its name in the file.
    pub name: String,
    /// Its identifier in AWS.
    pub id: String,
    /// AWS's word for how it does.
    pub status: String,
    /// Engine and version.
    pub engine: String,
    /// Its class.
    pub class: String,
    /// Gibibytes of storage.
    pub storage: i32,
    /// Whether it has a standby in another zone.
    pub multi_az: bool,
    /// What it is a copy of, when it is one.
    pub replica_of: Option<String>,
    /// Where it answers, with the port; nothing until it does.
    pub endpoint: Option<String>,
    /// What AWS is still to change, by AWS's names.
    pub pending: Vec<String>,
}

/// Every database whose name is like ours, with how it does.
///
/// # Errors
/// When RDS cannot be asked.
pub async fn databases(cx: &Cx) -> Result<Vec<Database>> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let one = |i: &DbInstance| {
        let pending = i.pending_modified_values();
        let named = [
            ("class", pending.is_some_and(|p| p.db_instance_class().is_some())),
            ("storage", pending.is_some_and(|p| p.allocated_storage().is_some())),
            ("multi-az", pending.is_some_and(|p| p.multi_az().is_some())),
            ("version", pending.is_some_and(|p| p.engine_version().is_some())),
            ("backups", pending.is_some_and(|p| p.backup_retention_period().is_some())),
        ];
        let reboot = i.db_parameter_groups().iter().any(|g| g.parameter_apply_status() == Some("pending-reboot"));
        let named = named.into_iter().chain([("parameters (reboot)", reboot)]);
        Database {
            name: names::key_of(&cx.scope.prefix(), i.db_instance_identifier().unwrap_or_default()).unwrap_or_default(),
            id: text(i.db_instance_identifier()),
            status: text(i.db_instance_status()),
            engine: format!("{} {}", text(i.engine()), text(i.engine_version())),
            class: text(i.db_instance_class()),
            storage: i.allocated_storage().unwrap_or_default(),
            multi_az: i.multi_az().unwrap_or_default(),
            replica_of: i.read_replica_source_db_instance_identifier().filter(|s| !s.is_empty()).map(str::to_owned),
            endpoint: i.endpoint().and_then(|e| Some(format!("{}:{}", e.address()?, e.port()?))),
            pending: named.filter(|(_, is)| *is).map(|(name, _)| name.to_owned()).collect(),
        }
    };
    Ok(instances(cx).await?.iter().map(one).collect())
}
