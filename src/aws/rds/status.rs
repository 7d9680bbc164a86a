//! How databases do, in AWS's words.

use aws_sdk_rds::types::DbInstance;
use serde::Serialize;
use serde_json::Value;

use super::Instance;
use crate::aws::states::{Means, States};
use crate::engine::{Readiness, Resource};

/// What AWS's words for an instance's state mean.
pub const STATES: States = States {
    kind: Instance::KIND,
    source: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html#Overview.DBInstance.Status",
    words: &[
        ("available", Means::Serves),
        ("backing-up", Means::Busy),
        ("backtracking", Means::Busy),
        ("configuring-activity-stream", Means::Busy),
        ("configuring-associated-roles", Means::Busy),
        ("configuring-enhanced-monitoring", Means::Busy),
        ("configuring-iam-database-auth", Means::Busy),
        ("configuring-log-exports", Means::Busy),
        ("converting-to-vpc", Means::Busy),
        ("creating", Means::Busy),
        ("delete-precheck", Means::Leaving),
        ("deleting", Means::Leaving),
        (
            "failed",
            Means::Mended(
                "AWS cannot mend it: restore its backups into a new database \
                 (`aws rds restore-db-instance-to-point-in-time`), then remove this one",
                &[],
            ),
        ),
        (
            "inaccessible-encryption-credentials",
            Means::Mended(
                "its key could not be used for 7 days and AWS has given it up: make the key usable, restore its backups into a \
                 new database (`aws rds restore-db-instance-to-point-in-time`), then remove this one",
                &[],
            ),
        ),
        (
            "inaccessible-encryption-credentials-recoverable",
            Means::Mended(
                "its key cannot be used: enable the key, or cancel its deletion, within 7 days; then the next apply starts it",
                &["running"],
            ),
        ),
        (
            "incompatible-create",
            Means::Mended("AWS cannot make it from what it stands on: look for the reason in its events", &[]),
        ),
        (
            "incompatible-network",
            Means::Mended(
                "AWS cannot bring it back in its network: free addresses in its subnets, and look for the reason in its events",
                &[],
            ),
        ),
        (
            "incompatible-option-group",
            Means::Mended(
                "AWS could neither apply nor undo a change of its option group: look for the reason in its events",
                &[],
            ),
        ),
        (
            "incompatible-parameters",
            Means::Mended(
                "it does not start with its parameters: set right those of the file and apply, then reboot it \
                 (`aws rds reboot-db-instance`)",
                &[],
            ),
        ),
        ("incompatible-restore", Means::Mended("AWS cannot restore it to a point in time: restore a snapshot instead", &[])),
        (
            "insufficient-capacity",
            Means::Mended("AWS has no room for its class in its zone: take another class or wait some hours", &["class"]),
        ),
        ("maintenance", Means::Busy),
        ("modifying", Means::Busy),
        ("moving-to-vpc", Means::Busy),
        ("rebooting", Means::Busy),
        ("renaming", Means::Busy),
        ("resetting-master-credentials", Means::Busy),
        ("restore-error", Means::Mended("AWS could not restore it: restore another snapshot instead", &[])),
        ("starting", Means::Busy),
        ("stopped", Means::Mended("somebody stopped it; AWS starts it by itself after 7 days", &["running"])),
        ("stopping", Means::Busy),
        ("storage-config-upgrade", Means::Serves),
        (
            "storage-full",
            Means::Mended(
                "it takes nothing more: give it more `storage`",
                &["storage", "max_storage", "storage_type", "iops", "throughput"],
            ),
        ),
        ("storage-initialization", Means::Noted("it serves while its data is loaded from the snapshot, slower than usual")),
        (
            "storage-optimization",
            Means::Noted("it serves; AWS changes its storage again only when it is done with that, which can take hours"),
        ),
        ("upgrading", Means::Busy),
    ],
};

/// The states in which it does not run and can be started.
pub(super) const STOPPED: &[&str] = &["inaccessible-encryption-credentials-recoverable", "stopped", "stopping"];

/// What AWS says of an instance.
pub(super) fn state_of(instance: &DbInstance) -> Readiness {
    // AWS tells when it was created, and where it answers, once that is done.
    let served = instance.instance_create_time().is_some() || instance.endpoint().is_some();
    match STATES.read(instance.db_instance_status().unwrap_or("unknown"), served) {
        Readiness::Waiting { status, .. } => {
            let progress = instance.percent_progress().and_then(|p| p.parse::<f32>().ok()).map(|p| p / 100.0);
            Readiness::Waiting { status, progress }
        }
        state => state,
    }
}

/// Whether AWS makes a last snapshot of it when it is deleted: in these states it does not, and refuses to delete with one
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html>).
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
        ("iops", pending.is_some_and(|p| p.iops().is_some() || p.storage_throughput().is_some())),
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
                Readiness::Gone => "deleted".to_owned(),
                other => other.word().unwrap_or_default().to_owned(),
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
