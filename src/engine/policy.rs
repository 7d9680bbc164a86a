//! IAM policies in one form, so that they are compared by what they mean.

use std::collections::BTreeMap;

use serde_json::Value;

/// Returns the value with its items in an order that depends on nothing but them.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items = items.clone();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        other => other.clone(),
    }
}

/// Returns a policy document in one of the many forms that mean the same: the cloud answers single values as text or as lists, in any
/// order, numbers and booleans as text, everyone as `*` or as `{"AWS": "*"}`, and an account's root by its number.
pub(super) fn canonical(value: &Value) -> Value {
    let parsed;
    let value = match value {
        Value::String(text) => {
            parsed = serde_json::from_str(text).unwrap_or_else(|_| value.clone());
            &parsed
        }
        other => other,
    };
    let Value::Object(document) = value else { return value.clone() };
    let mut out = BTreeMap::new();
    for (key, value) in document {
        let value = match (key.as_str(), value) {
            ("Statement", Value::Array(items)) => sorted(&Value::Array(items.iter().map(canonical_statement).collect())),
            ("Statement", one) => Value::Array(vec![canonical_statement(one)]),
            (_, other) => other.clone(),
        };
        out.insert(key.clone(), value);
    }
    serde_json::to_value(out).unwrap_or(Value::Null)
}

/// Returns the value with every text as `spelled` writes it; a number or a boolean is the text that it stands for.
fn texts(value: &Value, spelled: fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(spelled(text)),
        Value::Bool(_) | Value::Number(_) => Value::String(spelled(&value.to_string())),
        Value::Array(items) => items.iter().map(|item| texts(item, spelled)).collect(),
        Value::Object(map) => map.iter().map(|(key, item)| (key.clone(), texts(item, spelled))).collect(),
        Value::Null => Value::Null,
    }
}

/// Returns an account's root by its number alone: `arn:aws:iam::123456789012:root` is `123456789012`.
fn principal(text: &str) -> String {
    let root =
        text.strip_prefix("arn:").and_then(|rest| rest.split_once(":iam::")).and_then(|(_, rest)| rest.strip_suffix(":root"));
    root.unwrap_or(text).to_owned()
}

fn canonical_statement(statement: &Value) -> Value {
    fn listed(value: &Value) -> Value {
        match value {
            Value::Array(_) => {
                let mut once = sorted(value);
                if let Value::Array(items) = &mut once {
                    items.dedup();
                }
                once
            }
            Value::Object(map) => {
                let map: BTreeMap<_, _> = map.iter().map(|(k, v)| (k.clone(), listed(v))).collect();
                serde_json::to_value(map).unwrap_or(Value::Null)
            }
            one => Value::Array(vec![one.clone()]),
        }
    }
    let Value::Object(map) = statement else { return statement.clone() };
    let map: BTreeMap<_, _> = map
        .iter()
        // An empty name counts as none.
        .filter(|(key, value)| key.as_str() != "Sid" || value.as_str() != Some(""))
        .map(|(key, value)| {
            let value = match key.as_str() {
                "Effect" | "Sid" => value.clone(),
                "Principal" | "NotPrincipal" if value.as_str() == Some("*") => listed(&serde_json::json!({"AWS": "*"})),
                "Principal" | "NotPrincipal" => listed(&texts(value, principal)),
                "Action" | "NotAction" => listed(&texts(value, |action| action.to_lowercase())),
                "Condition" => listed(&texts(value, |text| text.to_owned())),
                _ => listed(value),
            };
            (key.clone(), value)
        })
        .collect();
    serde_json::to_value(map).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::diff::diff;
    use super::super::rules::Rule;
    use super::super::token::Ids;
    use super::*;

    fn paths(desired: Value, observed: Value) -> Vec<String> {
        diff(&[Rule::policy("policy")], &desired, &observed, &Ids::default()).changes.into_iter().map(|c| c.path).collect()
    }

    #[test]
    fn policies_are_compared_by_meaning() {
        let ours = json!({"policy": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["b", "a"], "Resource": ["*"]}]}});
        let theirs =
            json!({"policy": {"Statement": {"Resource": "*", "Action": ["a", "b"], "Effect": "Allow"}, "Version": "2012-10-17"}});
        assert!(paths(ours.clone(), theirs).is_empty());
        let other =
            json!({"policy": {"Statement": {"Resource": "*", "Action": ["a"], "Effect": "Allow"}, "Version": "2012-10-17"}});
        assert_eq!(paths(ours, other), ["policy"]);
    }

    #[test]
    fn policies_have_many_spellings() {
        let with = |key: &str, value: Value| json!({"policy": {"Statement": {"Effect": "Allow", key: value}}});
        let root = "arn:aws:iam::123456789012:root";
        for (key, one, other) in [
            ("Principal", json!("*"), json!({"AWS": "*"})),
            ("Principal", json!({"AWS": "123456789012"}), json!({"AWS": [root]})),
            ("Principal", json!({"AWS": ["123456789012", root]}), json!({"AWS": root})),
            ("NotPrincipal", json!({"AWS": root}), json!({"AWS": "123456789012"})),
            ("Action", json!("S3:getobject"), json!(["s3:GetObject"])),
            ("NotAction", json!(["a:B", "a:B", "a:C"]), json!(["a:c", "a:b"])),
            ("Resource", json!("*"), json!(["*", "*"])),
            ("Condition", json!({"Bool": {"aws:SecureTransport": false}}), json!({"Bool": {"aws:SecureTransport": "false"}})),
            ("Condition", json!({"NumericLessThan": {"s3:max-keys": 10}}), json!({"NumericLessThan": {"s3:max-keys": ["10"]}})),
            ("Sid", json!(""), Value::Null),
        ] {
            let mut theirs = with(key, other.clone());
            if other.is_null() {
                theirs["policy"]["Statement"].as_object_mut().unwrap().remove(key);
            }
            assert!(paths(with(key, one.clone()), theirs).is_empty(), "{key}: {one} and {other}");
        }
        for (key, one, other) in [
            ("Principal", json!({"AWS": "123456789012"}), json!({"AWS": "arn:aws:iam::123456789012:role/root"})),
            ("Principal", json!({"Service": "*"}), json!("*")),
            ("Resource", json!("arn:aws:s3:::A"), json!("arn:aws:s3:::a")),
            ("Condition", json!({"Bool": {"x": true}}), json!({"Bool": {"x": "false"}})),
        ] {
            assert_eq!(paths(with(key, one.clone()), with(key, other.clone())), ["policy"], "{key}: {one} and {other}");
        }
    }
}
