//! How databases do, in AWS's words.

use aws_sdk_rds::types::DbInstance;
use serde::Serialize;
use serde_json::Value;

use super::Instance;
use crate::engine::{Readiness, Resource};

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

/// Whether AWS makes a last snapshot of it when it is deleted: in these states it does not, and refuses to delete with one.
pub(super) fn leaves_snapshot(instance: &DbInstance) -> bool {
    let status = instance.db_instance_status().unwrap_or("unknown");
    !["failed", "incompatible-create", "incompatible-network", "incompatible-restore"].contains(&status)
}

/// What AWS has accepted and not done yet, in words.
pub(super) fn pending(instance: &DbInstance) -> Option<String> {
    let pending = instance.pending_modified_values();
    let reboot = instance.db_parameter_groups().iter().any(|g| g.parameter_apply_status() == Some("pending-reboot"));
    let named = [
        ("class", pending.is_some_and(|p| p.db_instance_class().is_some())),
        ("storage", pending.is_some_and(|p| p.allocated_storage().is_some())),
        ("multi-az", pending.is_some_and(|p| p.multi_az().is_some())),
        ("version", pending.is_some_and(|p| p.engine_version().is_some())),
        ("backups", pending.is_some_and(|p| p.backup_retention_period().is_some())),
        ("parameters (reboot)", reboot),
    ];
    let named: Vec<&str> = named.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// A database as it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Database {
    /// Its name in the file.
    pub name: String,
    /// AWS's word for how it does.
    pub status: String,
    /// Engine and version.
    pub engine: String,
    /// Its class.
    pub class: String,
    /// Gibibytes of storage.
    pub storage: i64,
    /// Whether it has a standby in another zone.
    pub multi_az: bool,
    /// Where it answers, with the port; nothing until it does.
    pub endpoint: Option<String>,
    /// What AWS is still to change.
    pub pending: Option<String>,
}

impl Database {
    /// The database that an observed object is, when it is one.
    pub fn of(kind: &str, name: &str, fields: &Value, live: &Value, state: &Readiness) -> Option<Database> {
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        (kind == Instance::KIND).then(|| Database {
            name: name.to_owned(),
            status: match state {
                Readiness::Ready => "available".to_owned(),
                Readiness::Waiting { status, .. } => status.clone(),
                Readiness::Failed(why) => why.clone(),
                Readiness::Gone => "deleting".to_owned(),
            },
            engine: [text(fields, "engine"), text(fields, "engine_version")].into_iter().flatten().collect::<Vec<_>>().join(" "),
            class: text(fields, "class").unwrap_or_default(),
            storage: fields.get("storage").and_then(Value::as_i64).unwrap_or_default(),
            multi_az: fields.get("multi_az").and_then(Value::as_bool).unwrap_or_default(),
            endpoint: text(live, "host").zip(text(live, "port")).map(|(host, port)| format!("{host}:{port}")),
            pending: text(live, "pending"),
        })
    }
}
