//! `recovery`: the automated backups of the databases, and copies of the secrets, in a second region.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::facts::Facts;
use crate::aws::Tags;
use crate::aws::rds::{BackupReplication, Instance};
use crate::aws::secretsmanager::Secret;
use crate::config::Stack;
use crate::engine::{Error, Graph, Ref, Resource};

const ORIGIN: &str = "recovery";

/// Has the secrets copied into the second region where there is a standby, which has the copies; what takes over makes secrets of its own of
/// them. Those of databases have no other copies; one under `resources` that says nothing of copies keeps those that it has.
pub fn copy_secrets(graph: &mut Graph, stack: &Stack, facts: &Facts<'_>) {
    let recovery = stack.recovery.as_ref().filter(|recovery| recovery.region != facts.scope.region);
    let into: Vec<&str> =
        recovery.filter(|recovery| recovery.mode.has_standby()).map(|recovery| recovery.region.as_str()).into_iter().collect();
    for node in graph.nodes_mut().filter(|node| node.key.kind == Secret::KIND) {
        let Some(fields) = Arc::make_mut(&mut node.desired).as_object_mut() else { continue };
        if let Some(second) = stack.second.as_ref().filter(|second| second.follows) {
            // All else is that of the secret that it is a copy of.
            fields.retain(|field, _| ["username", "description", "tags"].contains(&field.as_str()));
            fields.insert("primary_region".into(), second.home.clone().into());
            continue;
        }
        let is_said = |fields: &Map<String, Value>, field: &str| fields.get(field).is_some_and(|is| !is.is_null());
        let is_free = node.origin.starts_with("resources");
        if !(is_said(fields, "replica_regions") || is_free && into.is_empty()) {
            fields.insert("replica_regions".into(), into.clone().into());
        }
        if !(is_said(fields, "primary_region") || is_free && stack.second.is_none()) {
            fields.insert("primary_region".into(), "".into());
        }
    }
}

/// Adds the replication of what the section `databases` has. In the second region itself nothing is replicated.
pub fn expand(graph: &mut Graph, stack: &Stack, facts: &Facts<'_>) -> Result<(), Error> {
    let Some(recovery) = stack.recovery.as_ref().filter(|recovery| recovery.region != facts.scope.region) else { return Ok(()) };
    for name in stack.databases.keys() {
        let replication = BackupReplication {
            source: Ref::<Instance>::to(name.as_str()).ready(),
            region: recovery.region.clone(),
            days: recovery.days(),
            kms_key: recovery.key.clone(),
            tags: Tags::new(),
        };
        graph.add(format!("{name}-{}", recovery.region), ORIGIN, &replication)?;
    }
    Ok(())
}
