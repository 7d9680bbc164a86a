//! The effects of a change of a replication group: failovers, interruptions, lost data, and what cannot be undone.

use serde_json::Value;

use super::NO_TLS;
use super::upgrades::{has_snapshots, leaves_its_major};
use crate::engine::{Diff, Effect, Impact};

/// Returns the effects of a change, by what AWS says of upgrades and of scaling
/// (<https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.HowTo.html>,
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/redis-cluster-vertical-scaling.html>).
pub(super) fn of(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
    let mut out = Vec::new();
    if diff.forcing().next().is_some() {
        return out;
    }
    let alone = observed["replicas"].as_i64().unwrap_or_default() == 0;
    let felt = |words: &str| {
        if alone {
            Effect::new(Impact::Interrupts, format!("{words}: without a replica, it is unavailable in the meantime"))
                .lasting(60, 600)
        } else {
            Effect::new(Impact::FailsOver, format!("{words}, one node after the other: connections are dropped")).lasting(5, 60)
        }
    };
    if diff.touches("engine") || diff.touches("engine_version") {
        out.push(felt("it is upgraded"));
        let back = "the only way back to the old version is a new cache";
        out.push(if leaves_its_major(diff) {
            let can = desired["node_type"].as_str().is_some_and(has_snapshots);
            let snapshot = if can { ": a snapshot is taken first and kept until you delete it" } else { "" };
            Effect::new(Impact::CannotBeUndone, format!("{back}{snapshot}")).with_consent()
        } else {
            Effect::new(Impact::CannotBeUndone, back)
        });
    }
    if diff.touches("node_type") {
        out.push(felt("its nodes are replaced"));
    }
    if diff.touches("transit_encryption") {
        out.push(Effect::new(Impact::FailsOver, "connections are dropped while encryption changes on its nodes").lasting(5, 60));
        let to = desired["transit_encryption"].as_str();
        let others = match to {
            Some("preferred") => None,
            Some(NO_TLS) => Some("clients that use TLS are refused, and its host names change"),
            _ => Some("clients without TLS are refused, and its host names change"),
        };
        out.extend(others.map(|words| {
            let words = format!("{words}: its users cannot connect until they are deployed again");
            Effect::new(Impact::Interrupts, words).lasting(60, 600)
        }));
    }
    if diff.touches("parameter_group") && !diff.touches("engine_version") {
        out.push(Effect::new(Impact::Waits, "parameters that are read at startup take effect at the next reboot"));
    }
    if let (true, Some(to)) = (diff.touches("snapshot_days"), desired["snapshot_days"].as_i64()) {
        if to == 0 {
            out.push(Effect::new(Impact::LosesData, "its daily snapshots are deleted, and no new ones are taken"));
        } else if observed["snapshot_days"].as_i64().is_some_and(|from| to < from) {
            out.push(Effect::new(
                Impact::LosesData,
                format!("its daily snapshots older than {} are deleted", crate::aws::states::days(to)),
            ));
        }
    }
    out
}
