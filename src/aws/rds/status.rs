//! The states of databases.

use std::collections::BTreeSet;

use aws_sdk_rds::types::{DbInstance, PendingModifiedValues};

use crate::aws::states::{Means, States};
use crate::engine::tags::TAG_PAUSED;
use crate::engine::{Impairment, Readiness};

/// The meanings of AWS's states of an instance.
pub const STATES: States = States {
    kind: "rds.instance",
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
            Means::Fixed(
                "AWS cannot repair it: restore its backups into a new database \
                 (`aws rds restore-db-instance-to-point-in-time`), then remove this one",
                &[],
            ),
        ),
        (
            "inaccessible-encryption-credentials",
            Means::Fixed(
                "its key was unusable for 7 days and AWS gave it up: make the key usable, restore its backups into a \
                 new database (`aws rds restore-db-instance-to-point-in-time`), then remove this one",
                &[],
            ),
        ),
        (
            "inaccessible-encryption-credentials-recoverable",
            Means::Fixed(
                "its key cannot be used: enable the key, or cancel the key's deletion, within 7 days; then the next apply starts the database",
                &["running"],
            ),
        ),
        (
            "incompatible-create",
            Means::Fixed("AWS cannot create it with the resources that it needs: see its events for the reason", &[]),
        ),
        (
            "incompatible-network",
            Means::Fixed(
                "AWS cannot restore it in its network: free addresses in its subnets, and see its events for the reason",
                &[],
            ),
        ),
        (
            "incompatible-option-group",
            Means::Fixed("AWS could neither apply nor undo a change of its option group: see its events for the reason", &[]),
        ),
        (
            "incompatible-parameters",
            Means::Fixed(
                "it does not start with its parameters: fix them in the file and apply, then reboot it \
                 (`aws rds reboot-db-instance`)",
                &[],
            ),
        ),
        ("incompatible-restore", Means::Fixed("AWS cannot restore it to a point in time: restore a snapshot instead", &[])),
        (
            "insufficient-capacity",
            Means::Fixed("AWS has no capacity for its class in its zone: choose another class or wait a few hours", &["class"]),
        ),
        ("maintenance", Means::Busy),
        ("modifying", Means::Busy),
        ("moving-to-vpc", Means::Busy),
        ("rebooting", Means::Busy),
        ("renaming", Means::Busy),
        ("resetting-master-credentials", Means::Busy),
        ("restore-error", Means::Fixed("AWS could not restore it: restore another snapshot instead", &[])),
        ("starting", Means::Busy),
        ("stopped", Means::Fixed("it was stopped; AWS starts it automatically after 7 days", &["running"])),
        ("stopping", Means::Busy),
        ("storage-config-upgrade", Means::Serves),
        (
            "storage-full",
            Means::Fixed(
                "it accepts no more data: increase `storage`",
                &["storage", "max_storage", "storage_type", "iops", "throughput"],
            ),
        ),
        ("storage-initialization", Means::Noted("it serves, slower than usual, while its data is loaded from the snapshot")),
        (
            "storage-optimization",
            Means::Noted(
                "it serves; AWS accepts the next change of its storage only when this is finished, which can take hours",
            ),
        ),
        ("upgrading", Means::Busy),
    ],
};

/// The states in which it does not run and can be started.
pub(super) const STOPPED: &[&str] = &["inaccessible-encryption-credentials-recoverable", "stopped", "stopping"];

/// Returns the state of an instance. A password is applied after the answer to the call that sends it, whatever the window
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html>, MasterUserPassword), and its secret is
/// created likewise; in the meantime AWS reports `available`.
pub(super) fn state_of(instance: &DbInstance) -> Readiness {
    // AWS reports when it was created, and its endpoint, once that is done.
    let served = instance.instance_create_time().is_some() || instance.endpoint().is_some();
    match STATES.read(instance.db_instance_status().unwrap_or("unknown"), served) {
        Readiness::Waiting { status, .. } => {
            let progress = instance.percent_progress().and_then(|p| p.parse::<f32>().ok()).map(|p| p / 100.0);
            Readiness::Waiting { status, progress }
        }
        Readiness::Impaired(it) if it.status == "stopped" && is_paused(instance) => {
            let advice = "it is paused: `stack resume` starts it, and so does AWS after 7 days";
            Readiness::Impaired(Impairment { advice: advice.into(), ..it })
        }
        state if state.tells_all() && not_done(instance).any(|(field, _)| field == "password") => {
            Readiness::waiting("its new password is being applied")
        }
        Readiness::Ready if instance.master_user_secret().is_some_and(|secret| secret.secret_status() == Some("creating")) => {
            Readiness::waiting("the password's secret is being created")
        }
        state => state,
    }
}

fn is_paused(instance: &DbInstance) -> bool {
    instance.tag_list().iter().any(|tag| tag.key() == Some(TAG_PAUSED))
}

/// Checks whether AWS takes a last snapshot when it is deleted: in these states it does not, and refuses a deletion with one
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html>).
pub(super) fn leaves_snapshot(instance: &DbInstance) -> bool {
    let status = instance.db_instance_status().unwrap_or("unknown");
    !["failed", "incompatible-create", "incompatible-network", "incompatible-restore"].contains(&status)
}

/// Returns what AWS has accepted and not finished: each field, and its name in words.
pub(super) fn not_done(instance: &DbInstance) -> impl Iterator<Item = (&'static str, &'static str)> {
    let pending = instance.pending_modified_values();
    let is = |of: fn(&PendingModifiedValues) -> bool| pending.is_some_and(of);
    let all = [
        ("class", "class", is(|p| p.db_instance_class().is_some())),
        ("storage", "storage", is(|p| p.allocated_storage().is_some())),
        ("storage_type", "storage type", is(|p| p.storage_type().is_some())),
        ("multi_az", "multi-az", is(|p| p.multi_az().is_some())),
        ("iops", "iops", is(|p| p.iops().is_some())),
        ("throughput", "throughput", is(|p| p.storage_throughput().is_some())),
        ("engine_version", "version", is(|p| p.engine_version().is_some())),
        ("port", "port", is(|p| p.port().is_some())),
        ("backup_days", "backups", is(|p| p.backup_retention_period().is_some())),
        ("password", "password", is(|p| p.master_user_password().is_some())),
    ];
    all.into_iter().filter(|(.., is)| *is).map(|(field, name, _)| (field, name))
}

/// Returns what AWS has accepted and not finished, in words.
pub(super) fn pending(instance: &DbInstance) -> Option<String> {
    let reboot = instance.db_parameter_groups().iter().any(|g| g.parameter_apply_status() == Some("pending-reboot"));
    let named: Vec<&str> = not_done(instance).map(|(_, name)| name).chain(reboot.then_some("parameters (reboot)")).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// Returns the changes that are pending until the maintenance window ([`crate::aws::states::put_off`]).
pub(super) fn put_off(instance: &DbInstance) -> Option<String> {
    let named: Vec<&str> = not_done(instance).map(|(_, name)| name).filter(|name| *name != "password").collect();
    crate::aws::states::put_off(&named).filter(|_| state_of(instance) == Readiness::Ready)
}

/// How long before its end a certificate is told of. Where an engine takes a new one without a restart, RDS replaces it long before by itself
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL-certificate-rotation.html>).
const EXPIRES_SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// Returns what is to be done about the certificate that the instance shows its clients, when it ends within thirty days. An engine that takes
/// another one only with a restart keeps the old one until someone asks for that.
pub(super) fn certificate_expires(instance: &DbInstance, now: jiff::Timestamp) -> Option<String> {
    let until = instance.certificate_details().and_then(|details| details.valid_till())?;
    let until = jiff::Timestamp::from_second(until.secs()).ok()?;
    if until.duration_since(now) > EXPIRES_SOON {
        return None;
    }
    let (is, then) = if until > now { ("is", "will be") } else { ("was", "are") };
    let id = instance.db_instance_identifier().unwrap_or_default();
    Some(format!(
        "its server certificate {is} valid until {}; clients that verify it {then} refused. `aws rds describe-certificates` lists the \
         authorities, and `aws rds modify-db-instance --db-instance-identifier {id} --ca-certificate-identifier AUTHORITY` takes a new \
         certificate of one, with a restart where the engine needs that",
        until.strftime("%Y-%m-%d")
    ))
}

/// Returns what keeps a change of these fields from being finished, although AWS reports `available`: for some seconds, or a
/// minute, it reports that before it starts. (AWS's own resource handlers wait for the same:
/// <https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds>, `isDBInstanceStabilizedAfterMutate`.)
pub(super) fn not_begun(instance: &DbInstance, asked: &BTreeSet<String>) -> Option<String> {
    let named: Vec<&str> = not_done(instance).filter(|(field, _)| asked.contains(*field)).map(|(_, name)| name).collect();
    if !named.is_empty() {
        return Some(format!("AWS is still to change: {}", named.join(", ")));
    }
    let applying = instance.db_parameter_groups().iter().any(|g| g.parameter_apply_status() == Some("applying"));
    (applying && !asked.is_empty()).then(|| "its parameters are being applied".into())
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::primitives::DateTime;
    use aws_sdk_rds::types::{CertificateDetails, DbParameterGroupStatus, MasterUserSecret};

    use super::*;

    fn available() -> aws_sdk_rds::types::builders::DbInstanceBuilder {
        DbInstance::builder().db_instance_status("available").instance_create_time(DateTime::from_secs(1))
    }

    #[test]
    fn only_the_runs_own_pending_changes_are_waited_for() {
        let pending = PendingModifiedValues::builder().db_instance_class("db.m7g.large").engine_version("17.4").build();
        let instance = available().pending_modified_values(pending).build();
        let of = |fields: &[&str]| not_begun(&instance, &fields.iter().map(|&field| field.to_owned()).collect());
        assert_eq!(of(&["class", "tags"]).as_deref(), Some("AWS is still to change: class"));
        assert_eq!(of(&["class", "engine_version"]).as_deref(), Some("AWS is still to change: class, version"));
        assert_eq!(of(&["storage"]), None);
        assert_eq!(of(&[]), None);
        assert_eq!(state_of(&instance), Readiness::Ready, "a pending change is no reason to wait");
        let said = put_off(&instance).unwrap();
        assert!(said.starts_with("a change of its class, version is pending until the maintenance window"), "{said}");
        assert_eq!(put_off(&available().build()), None);

        let applying = DbParameterGroupStatus::builder().parameter_apply_status("applying").build();
        let instance = available().db_parameter_groups(applying).build();
        assert!(not_begun(&instance, &BTreeSet::from(["parameter_group".to_owned()])).is_some());
        assert_eq!(not_begun(&instance, &BTreeSet::new()), None);
    }

    #[test]
    fn a_certificate_that_ends_soon_is_told() {
        let now: jiff::Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let with = |end: &str| {
            let end: jiff::Timestamp = end.parse().unwrap();
            let details = CertificateDetails::builder().valid_till(DateTime::from_secs(end.as_second())).build();
            let instance = available().db_instance_identifier("shop-main").certificate_details(details).build();
            certificate_expires(&instance, now)
        };
        assert_eq!(with("2027-05-01T00:00:00Z"), None);
        let soon = with("2026-12-20T00:00:00Z").unwrap();
        assert!(
            soon.starts_with("its server certificate is valid until 2026-12-20; clients that verify it will be refused"),
            "{soon}"
        );
        let over = with("2026-11-01T00:00:00Z").unwrap();
        assert!(
            over.starts_with("its server certificate was valid until 2026-11-01; clients that verify it are refused"),
            "{over}"
        );
        assert_eq!(certificate_expires(&available().build(), now), None);
    }

    /// Its users are deployed when it serves with the new password, not before, also by a run that starts in between.
    #[test]
    fn a_new_password_and_a_new_secret_are_waited_for() {
        let pending = PendingModifiedValues::builder().master_user_password("****").build();
        let instance = available().pending_modified_values(pending).build();
        assert_eq!(state_of(&instance), Readiness::waiting("its new password is being applied"));
        assert_eq!(put_off(&instance), None);
        let kept = |status: &str| {
            let secret = MasterUserSecret::builder().secret_arn("arn").secret_status(status).build();
            state_of(&available().master_user_secret(secret).build())
        };
        assert_eq!(kept("creating"), Readiness::waiting("the password's secret is being created"));
        for fine in ["active", "rotating", "impaired"] {
            assert_eq!(kept(fine), Readiness::Ready, "{fine}");
        }
    }
}
