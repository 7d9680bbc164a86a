//! Numbers with their units, so that plans read `50 GiB → 60 GiB`. Kinds say them ([`What::Unit`](crate::engine::What::Unit)).

use serde_json::Value;

use crate::capacity::number::whole;
use crate::engine::{Change, Rule, rules};

/// Returns the value with its unit; as it is when it has none.
pub(crate) fn measured(of: &[Rule], path: &str, value: Value) -> Value {
    let number = match &value {
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.parse::<f64>().is_ok() => text.clone(),
        _ => return value,
    };
    rules::unit(of, path).map_or(value, |unit| Value::from(format!("{number} {unit}")))
}

/// Returns the change with the units of its values.
pub(crate) fn with_unit(of: &[Rule], change: &Change) -> Change {
    let measured = |value: &Option<Value>| value.clone().map(|value| measured(of, &change.path, value));
    Change { before: measured(&change.before), after: measured(&change.after), ..change.clone() }
}

/// Returns a number with commas and at most so many decimals.
pub(super) fn decimal(number: f64, places: usize) -> String {
    let text = format!("{number:.places$}");
    let (before, after) = text.split_once('.').unwrap_or((&text, ""));
    let before = before.parse::<u64>().map_or_else(|_| before.to_owned(), whole);
    let after = after.trim_end_matches('0');
    if after.is_empty() { before } else { format!("{before}.{after}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_have_units_and_counts_have_none() {
        let of = |path, value| measured(&[Rule::unit("storage", "GiB"), Rule::unit("memory", "MiB")], path, value);
        assert_eq!(of("storage", json!(50)), json!("50 GiB"));
        assert_eq!(of("memory", json!("1024")), json!("1024 MiB"));
        assert_eq!(of("desired_count", json!(3)), json!(3));
        assert_eq!(of("memory", json!("${x}")), json!("${x}"));
    }
}
