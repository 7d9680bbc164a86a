//! A database as `stack show` shows it.

use super::Instance;
use crate::engine::{Readiness, Resource};
use serde::Serialize;
use serde_json::Value;

/// A database as it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Database {
    /// Its name in the file.
    pub name: String,
    /// AWS's word for its state.
    pub status: String,
    /// Engine and version.
    pub engine: String,
    /// Its class.
    pub class: String,
    /// Storage in GiB.
    pub storage: i64,
    /// Whether it has a standby in another zone.
    pub multi_az: bool,
    /// Its endpoint with the port; nothing until it has one.
    pub endpoint: Option<String>,
    /// What AWS is still to change.
    pub pending: Option<String>,
}

impl Database {
    /// Returns the database that an observed object is, if it is one.
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
