//! The units of fields that are plain numbers in AWS's calls, so that plans read `50 GiB → 60 GiB`.
//!
//! A field whose name has its unit (`retention_days`) is not here, and neither is one that counts things.

use serde_json::Value;

use crate::engine::Change;

/// Kind, field and unit, as the descriptions of the kinds say.
const UNITS: &[(&str, &str, &str)] = &[
    ("application-autoscaling.scaling_policy", "scale_in_cooldown", "s"),
    ("application-autoscaling.scaling_policy", "scale_out_cooldown", "s"),
    ("ecs.service", "grace", "s"),
    ("ecs.task_definition", "cpu", "CPU units"),
    ("ecs.task_definition", "memory", "MiB"),
    ("elbv2.target_group", "health.interval", "s"),
    ("elbv2.target_group", "health.timeout", "s"),
    ("lambda.function", "memory", "MiB"),
    ("lambda.function", "timeout", "s"),
    ("rds.instance", "max_storage", "GiB"),
    ("rds.instance", "storage", "GiB"),
    ("rds.instance", "throughput", "MiB/s"),
];

fn unit(kind: &str, path: &str) -> Option<&'static str> {
    UNITS.iter().find(|(k, p, _)| *k == kind && *p == path).map(|(.., unit)| *unit)
}

/// Returns the value with its unit; as it is when it has none.
pub(crate) fn measured(kind: &str, path: &str, value: Value) -> Value {
    let number = match &value {
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.parse::<f64>().is_ok() => text.clone(),
        _ => return value,
    };
    unit(kind, path).map_or(value, |unit| Value::from(format!("{number} {unit}")))
}

/// Returns the change with the units of its values.
pub(crate) fn with_unit(kind: &str, change: &Change) -> Change {
    let measured = |value: &Option<Value>| value.clone().map(|value| measured(kind, &change.path, value));
    Change { before: measured(&change.before), after: measured(&change.after), ..change.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_have_units_and_counts_have_none() {
        let of = |kind, path, value| measured(kind, path, value);
        assert_eq!(of("rds.instance", "storage", json!(50)), json!("50 GiB"));
        assert_eq!(of("ecs.task_definition", "memory", json!("1024")), json!("1024 MiB"));
        assert_eq!(of("ecs.service", "desired_count", json!(3)), json!(3));
        assert_eq!(of("ecs.task_definition", "memory", json!("${x}")), json!("${x}"));
    }
}
