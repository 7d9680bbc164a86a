//! What fields of kinds mean when two environments are compared ([`engine::contrast`](crate::engine::contrast)): which are sizes,
//! which AWS chooses by itself, and where a secret could stand.

use crate::engine::contrast::Table;

/// How large something is, or how many there are of it.
pub const SIZES: Table = &[
    ("application-autoscaling.scalable_target", &["min", "max"]),
    ("ecs.service", &["desired_count"]),
    ("ecs.task_definition", &["cpu", "memory"]),
    ("elasticache.cluster", &["node_type", "nodes"]),
    ("elasticache.replication_group", &["node_type", "replicas", "multi_az", "automatic_failover"]),
    ("lambda.function", &["memory"]),
    ("rds.instance", &["class", "storage", "max_storage", "iops", "throughput", "multi_az"]),
];

/// What AWS chooses where a file says nothing, and what it changes by itself then.
pub const CHOSEN: Table = &[
    // Application Auto Scaling sets it. Without scaling the file says it.
    ("ecs.service", &["desired_count"]),
    // "a 30-minute window selected at random from an 8-hour block of time for each AWS Region", and likewise for the others
    // (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>,
    // <https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html>).
    ("elasticache.cluster", &["maintenance_window"]),
    ("elasticache.replication_group", &["maintenance_window", "snapshot_window", "kms_key"]),
    // AWS's own key of the account and region.
    ("rds.instance", &["maintenance_window", "backup_window", "kms_key"]),
];

/// Where a secret could stand: variables, and options of commands.
pub const HIDDEN: Table =
    &[("ecs.task_definition", &["containers.*.environment.*", "containers.*.command", "containers.*.entrypoint"])];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Every name of a field in a schema.
    fn fields(schema: &Value, out: &mut BTreeSet<String>) {
        let named = schema.get("properties").and_then(Value::as_object);
        out.extend(named.into_iter().flat_map(|all| all.keys().cloned()));
        match schema {
            Value::Object(map) => map.values().for_each(|inner| fields(inner, out)),
            Value::Array(items) => items.iter().for_each(|inner| fields(inner, out)),
            _ => {}
        }
    }

    #[test]
    fn the_tables_name_fields() {
        let registry = crate::aws::registry();
        for (kind, paths) in [SIZES, CHOSEN, HIDDEN].into_iter().flatten() {
            let mut generator = schemars::SchemaGenerator::default();
            let found = registry.find(kind);
            let schema = found.unwrap_or_else(|| panic!("there is no kind `{kind}`")).schema(&mut generator).to_value();
            let mut known = BTreeSet::new();
            fields(&schema, &mut known);
            fields(&Value::Object(generator.take_definitions(true)), &mut known);
            for step in paths.iter().flat_map(|path| path.split('.')).filter(|step| *step != "*") {
                assert!(known.contains(step), "`{kind}` has no field `{step}`");
            }
        }
    }
}
