//! How caches do, in AWS's words.

use serde::Serialize;
use serde_json::Value;

use super::{Cluster, ReplicationGroup};
use crate::engine::{Readiness, Resource};

/// What AWS's word for a cache's state means.
pub(super) fn state_of(status: &str) -> Readiness {
    match status {
        // While a snapshot is taken it serves.
        "available" | "snapshotting" => Readiness::Ready,
        "create-failed" | "restore-failed" | "incompatible-network" => Readiness::Failed(status.to_owned()),
        other => Readiness::waiting(other),
    }
}

/// A cache as it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// Its name in the file.
    pub name: String,
    /// AWS's word for how it does.
    pub status: String,
    /// Engine and version.
    pub engine: String,
    /// Its node type.
    pub node: String,
    /// How many nodes it has: the primary and its replicas, or those of Memcached.
    pub nodes: i64,
    /// Where it answers, with the port; nothing until it does.
    pub endpoint: Option<String>,
}

impl Cache {
    /// The cache that an observed object is, when it is one.
    pub fn of(kind: &str, name: &str, fields: &Value, live: &Value, state: &Readiness) -> Option<Cache> {
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let number = |field: &str| fields.get(field).and_then(Value::as_i64).unwrap_or_default();
        let (engine, nodes) = match kind {
            ReplicationGroup::KIND => (text(fields, "engine")?, number("replicas") + 1),
            Cluster::KIND => ("memcached".to_owned(), number("nodes")),
            _ => return None,
        };
        let version = text(fields, "engine_version").unwrap_or_default();
        Some(Cache {
            name: name.to_owned(),
            status: match state {
                Readiness::Ready => "available".to_owned(),
                Readiness::Waiting { status, .. } => status.clone(),
                Readiness::Failed(why) => why.clone(),
                Readiness::Gone => "deleting".to_owned(),
            },
            engine: format!("{engine} {version}").trim_end().to_owned(),
            node: text(fields, "node_type").unwrap_or_default(),
            nodes,
            endpoint: text(live, "endpoint").zip(text(live, "port")).map(|(host, port)| format!("{host}:{port}")),
        })
    }
}
