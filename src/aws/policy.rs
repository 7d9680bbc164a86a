//! The principals that policies of objects allow.

use serde_json::Value;

/// Returns the entries of the `Principal` of a statement: accounts, roles, services, or `*`.
pub(super) fn principals(principal: &Value) -> Vec<&str> {
    match principal {
        Value::String(one) => vec![one],
        Value::Array(some) => some.iter().flat_map(principals).collect(),
        Value::Object(kinds) => kinds.values().flat_map(principals).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn principals_are_written_in_many_ways() {
        assert_eq!(principals(&json!("*")), ["*"]);
        assert_eq!(principals(&json!({"AWS": ["1", "2"], "Service": "s3.amazonaws.com"})), ["1", "2", "s3.amazonaws.com"]);
        assert!(principals(&json!(null)).is_empty());
    }
}
