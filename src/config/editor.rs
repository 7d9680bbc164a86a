//! What an editor accepts: the schema read as plain JSON Schema, without formats of this project's own.
//!
//! Knows the keywords that the schema uses, and is for tests only.

use serde_json::Value;

/// Checks a value against a schema, or a part of the schema `root`.
pub fn accepts(root: &Value, schema: &Value, value: &Value) -> bool {
    let Some(rules) = schema.as_object() else { return schema != &Value::Bool(false) };
    rules.iter().all(|(keyword, rule)| follows(root, schema, keyword, rule, value))
}

fn follows(root: &Value, schema: &Value, keyword: &str, rule: &Value, value: &Value) -> bool {
    let accepted = |schema: &Value, value: &Value| accepts(root, schema, value);
    let all = || rule.as_array().into_iter().flatten();
    let length = || rule.as_u64().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    match (keyword, value) {
        ("$ref", _) => rule.as_str().and_then(|to| root.pointer(to.trim_start_matches('#'))).is_some_and(|s| accepted(s, value)),
        ("type", _) if rule.is_array() => all().any(|name| is(name, value)),
        ("type", _) => is(rule, value),
        ("const", _) => rule == value,
        ("enum", _) => all().any(|choice| choice == value),
        ("anyOf", _) => all().any(|s| accepted(s, value)),
        ("oneOf", _) => all().filter(|s| accepted(s, value)).count() == 1,
        ("allOf", _) => all().all(|s| accepted(s, value)),
        ("if", _) => !accepted(rule, value) || accepted(&schema["then"], value),
        ("pattern", Value::String(text)) => regex_lite::Regex::new(rule.as_str().unwrap_or_default()).unwrap().is_match(text),
        ("minLength", Value::String(text)) => text.chars().count() >= length(),
        ("maxLength", Value::String(text)) => text.chars().count() <= length(),
        ("minimum", Value::Number(number)) => number.as_f64() >= rule.as_f64(),
        ("maximum", Value::Number(number)) => number.as_f64() <= rule.as_f64(),
        ("items", Value::Array(items)) => items.iter().all(|item| accepted(rule, item)),
        ("minItems", Value::Array(items)) => items.len() >= length(),
        ("maxItems", Value::Array(items)) => items.len() <= length(),
        ("required", Value::Object(map)) => all().all(|key| key.as_str().is_some_and(|key| map.contains_key(key))),
        ("properties", Value::Object(map)) => map.iter().all(|(key, value)| rule.get(key).is_none_or(|s| accepted(s, value))),
        ("propertyNames", Value::Object(map)) => map.keys().all(|key| accepted(rule, &Value::String(key.clone()))),
        ("additionalProperties", Value::Object(map)) => {
            let other = |key: &String| schema["properties"].get(key).is_none();
            map.iter().filter(|(key, _)| other(key)).all(|(_, value)| accepted(rule, value))
        }
        _ => true,
    }
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}
