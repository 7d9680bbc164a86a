//! The effects of a change of a database: restarts, failovers, lost data, and what cannot be undone.

use serde_json::Value;

use super::password::is_from_snapshot;
use super::replica;
use super::upgrades::{is_major, upgrade};
use crate::engine::{Diff, Effect, Impact};

/// Returns the effects of a change, by "Settings for DB instances" of the RDS user guide
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html>). Durations are the usual
/// ones; a major upgrade takes longer the more objects a database has.
pub(super) fn of(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
    let mut out = replica::effects(observed, diff);
    // What has its snapshot's password never served: nobody notices how it becomes what it is to be.
    if diff.forcing().next().is_some() || is_from_snapshot(diff) {
        return out;
    }
    let standby = observed["multi_az"] == Value::Bool(true);
    if diff.touches("running") && desired["running"] == false {
        let words = "it is stopped; AWS starts it again after 7 days, and its storage and backups are still charged";
        out.push(Effect::new(Impact::Interrupts, words));
    } else if diff.touches("running") {
        out.push(Effect::new(Impact::Waits, "it is started first; other changes follow").lasting(300, 900));
    }
    if let Some((from, to)) = upgrade(diff) {
        let engine = desired["engine"].as_str().or(observed["engine"].as_str()).unwrap_or_default();
        let copy = observed.get("source").is_some();
        if is_major(engine, from, to) {
            out.push(Effect::new(Impact::Interrupts, "it is unavailable while it is upgraded").lasting(600, 1800));
            let snapshot = if copy { "" } else { ": a snapshot is taken first and kept until you delete it" };
            let back = Effect::new(Impact::CannotBeUndone, format!("there is no way back from {to} to {from}{snapshot}"));
            // A replica follows its source.
            out.push(if copy { back } else { back.with_consent() });
        } else {
            out.push(Effect::new(Impact::Interrupts, "it is unavailable while it is upgraded").lasting(120, 600));
        }
    }
    if diff.touches("class") {
        out.push(match standby {
            true => Effect::new(Impact::FailsOver, "it fails over to the standby when that has the new class").lasting(60, 120),
            false => Effect::new(Impact::Interrupts, "it restarts on another machine").lasting(300, 900),
        });
    }
    if diff.touches("port") {
        out.push(Effect::new(Impact::Restarts, "it restarts to listen on the new port").lasting(60, 300));
    }
    if let Some(change) = diff.changes.iter().find(|change| change.path == "backup_days") {
        // Between none and some AWS restarts it.
        if [&change.before, &change.after].into_iter().flatten().any(|days| days.as_u64() == Some(0)) {
            out.push(Effect::new(Impact::Restarts, "it restarts when backups are turned on or off").lasting(30, 300));
        }
    }
    if let (true, Some(to)) = (diff.touches("backup_days"), desired["backup_days"].as_u64()) {
        if to == 0 {
            let words = "all its automatic backups are deleted, and no new ones are taken";
            let lost = Effect::new(Impact::LosesData, words);
            // A copy's are its source's, too.
            out.push(if observed.get("source").is_some() { lost } else { lost.with_consent() });
        } else if observed["backup_days"].as_u64().is_some_and(|from| to < from) {
            out.push(Effect::new(
                Impact::LosesData,
                format!("its automatic backups older than {} are deleted", crate::aws::states::days(to)),
            ));
        }
    }
    let kept = desired["managed_password"] == Value::Bool(true) || desired["password"].as_str().is_some_and(|p| !p.is_empty());
    let is_copy = desired.get("source").is_some_and(|source| !source.is_null());
    if kept && !is_copy && (diff.touches("managed_password") || diff.touches("password")) {
        let words = "its password changes: new connections fail until its users are deployed again";
        out.push(Effect::new(Impact::Interrupts, words).lasting(60, 600));
    }
    // An upgrade restarts it with them, but a copy that AWS upgrades with its database gets them afterwards.
    let follows =
        |(from, to)| observed.get("source").is_some() && observed["engine"] == "postgres" && is_major("postgres", from, to);
    if diff.touches("parameter_group") && upgrade(diff).is_none_or(follows) {
        out.push(Effect::new(
            Impact::Waits,
            "parameters that differ in the new group take effect at its next reboot (`aws rds reboot-db-instance`)",
        ));
    }
    if ["storage", "storage_type", "iops", "throughput"].iter().any(|field| diff.touches(field)) {
        let words =
            "it stays available; AWS accepts the next change of its storage only after 6 hours, or when this one is finished";
        out.push(Effect::new(Impact::Waits, words));
    }
    out
}
