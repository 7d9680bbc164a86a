//! The controls of caches: <https://docs.aws.amazon.com/securityhub/latest/userguide/elasticache-controls.html>.

use super::{Cluster, ReplicationGroup};
use crate::aws::control::Severity::{High, Medium};
use crate::aws::control::{Breach, Control, View};
use crate::engine::Result;

pub(super) static CONTROLS: &[Control] = &[
    Control::new(
        "ElastiCache.1",
        High,
        (
            "Caches are backed up every day",
            "without backups, sessions and counters are lost with the nodes",
            "set `snapshots: 1d` or more",
        ),
        |view| groups(view, |g| g.snapshot_days.unwrap_or(0) >= 1, "it has no snapshots", Some(("snapshot_days", 1.into()))),
    ),
    Control::new(
        "ElastiCache.2",
        High,
        ("Caches get new minor versions", "these have the fixes for known vulnerabilities", "set `auto_minor_upgrade: true`"),
        upgrades,
    ),
    Control::new(
        "ElastiCache.3",
        Medium,
        (
            "A replica takes over when the primary fails",
            "if the only node fails, the cache and its contents are lost",
            "set `replicas: 1` or more, which costs another node",
        ),
        |view| groups(view, |g| g.automatic_failover == Some(true), "it has no automatic failover", Some(("replicas", 1.into()))),
    )
    .production(),
    Control::new(
        "ElastiCache.4",
        Medium,
        (
            "Caches are encrypted at rest",
            "unencrypted disks and snapshots can be read by anyone who obtains them",
            "set `at_rest_encryption: true`; an existing cache is replaced by that",
        ),
        |view| {
            groups(
                view,
                |g| g.at_rest_encryption == Some(true),
                "it is not encrypted at rest",
                Some(("at_rest_encryption", true.into())),
            )
        },
    ),
    Control::new(
        "ElastiCache.5",
        Medium,
        ("Caches are encrypted in transit", "without it, data is sent unencrypted", "set `transit_encryption: required`"),
        |view| {
            let right = |g: &ReplicationGroup| matches!(g.transit_encryption.as_deref(), Some("required" | "preferred"));
            groups(view, right, "connections are not encrypted", Some(("transit_encryption", "required".into())))
        },
    ),
    Control::new(
        "ElastiCache.6",
        Medium,
        (
            "Redis before 6.0 asks for a password",
            "without one, anyone in the network can read and empty the cache",
            "use a newer version: `engine: valkey`",
        ),
        |view| groups(view, |g| !is_old(g), "it is older than 6.0", None),
    ),
];

fn is_old(group: &ReplicationGroup) -> bool {
    let major = group.engine_version.as_deref().and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    group.engine == "redis" && major.is_some_and(|major| major < 6)
}

/// Finds the replication groups of which `right` is not true.
fn groups(
    view: &View,
    right: impl Fn(&ReplicationGroup) -> bool,
    what: &str,
    fix: Option<(&'static str, serde_json::Value)>,
) -> Result<Vec<Breach>> {
    let all = view.all::<ReplicationGroup>()?.into_iter().filter(|(_, group)| !right(group));
    Ok(all
        .map(|(key, _)| {
            let breach = Breach::new(key, what);
            match &fix {
                Some((field, value)) => breach.fix(&[*field], value.clone()),
                None => breach,
            }
        })
        .collect())
}

fn upgrades(view: &View) -> Result<Vec<Breach>> {
    let (groups, clusters) = (view.all::<ReplicationGroup>()?, view.all::<Cluster>()?);
    let all = groups.iter().map(|(key, group)| (*key, group.auto_minor_upgrade));
    let all = all.chain(clusters.iter().map(|(key, cluster)| (*key, cluster.auto_minor_upgrade)));
    let wrong = all.filter(|(_, upgrade)| *upgrade == Some(false));
    Ok(wrong.map(|(key, _)| Breach::new(key, "`auto_minor_upgrade` is `false`").fix(&["auto_minor_upgrade"], true)).collect())
}
