//! A cache as `stack show` shows it.

use super::{Cluster, ReplicationGroup};
use crate::engine::{Readiness, Resource};
use serde::Serialize;
use serde_json::Value;

/// A cache as it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// Its name in the file.
    pub name: String,
    /// AWS's word for its state.
    pub status: String,
    /// Engine and version.
    pub engine: String,
    /// Its node type.
    pub node: String,
    /// The number of its nodes: the primary and its replicas, or the nodes of Memcached.
    pub nodes: i64,
    /// Its endpoint with the port; nothing until it has one.
    pub endpoint: Option<String>,
}

impl Cache {
    /// Returns the cache that an observed object is, if it is one.
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
                Readiness::Gone => "deleted".to_owned(),
                other => other.word().unwrap_or_default().to_owned(),
            },
            engine: format!("{engine} {version}").trim_end().to_owned(),
            node: text(fields, "node_type").unwrap_or_default(),
            nodes,
            endpoint: text(live, "endpoint").zip(text(live, "port")).map(|(host, port)| format!("{host}:{port}")),
        })
    }
}
