//! Numbers and booleans where only text makes sense: they are read as they are written, so `1.10` stays `1.10`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::yaml::{Node, NodeValue};

/// What an editor shows instead of a regular expression that a text does not match: a key of yaml-language-server and VS Code.
pub(super) const PATTERN_MESSAGE: &str = "patternErrorMessage";

/// Turns them into the text in the file, wherever the schema allows text, numbers and booleans alike ([`Scalar`]).
pub fn as_text(node: &mut Node, schema: &Value, root: &Value, text: &str) {
    let referred = schema["$ref"].as_str().and_then(|to| root.pointer(to.strip_prefix('#')?));
    if let Some(referred) = referred {
        as_text(node, referred, root, text);
    }
    for branch in ["anyOf", "oneOf", "allOf"].into_iter().flat_map(|key| schema[key].as_array().into_iter().flatten()) {
        as_text(node, branch, root, text);
    }
    match &mut node.value {
        NodeValue::Number(_) | NodeValue::Bool(_) if is_scalar(schema) => {
            if let Some(written) = text.get(node.span.clone()) {
                node.value = NodeValue::Text(written.to_owned());
            }
        }
        NodeValue::Map(entries) => {
            let each = || schema["patternProperties"].as_object().and_then(|p| p.values().next());
            for (key, value) in entries {
                let property = schema["properties"].get(&key.text).or_else(|| schema.get("additionalProperties")).or_else(each);
                if let Some(property) = property {
                    as_text(value, property, root, text);
                }
            }
        }
        NodeValue::List(items) => {
            if let Some(each) = schema.get("items") {
                items.iter_mut().for_each(|item| as_text(item, each, root, text));
            }
        }
        _ => {}
    }
}

fn is_scalar(schema: &Value) -> bool {
    let types = schema["type"].as_array().map(Vec::as_slice).unwrap_or_default();
    ["string", "number", "boolean"].into_iter().all(|t| types.iter().any(|found| found == t))
}

/// Text, where numbers and booleans are read as they are written.
///
/// Only its schema is used: [`super::load`] turns numbers and booleans into the text in the file.
pub(super) struct Scalar;

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

/// The ARN of a secret; only its schema is used.
pub(super) struct SecretArn;

impl JsonSchema for SecretArn {
    fn schema_name() -> Cow<'static, str> {
        "SecretArn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "format": "stack-secret",
            "pattern": r"^(arn:aws[a-z-]*:(secretsmanager:[^:]*:[^:]*:secret:|ssm:[^:]*:[^:]*:parameter/).+|\$\{.+)$",
            PATTERN_MESSAGE: "write the ARN of a secret or of an SSM parameter, never the value itself",
            "description": "The ARN of a Secrets Manager secret or an SSM parameter.",
            "examples": ["arn:aws:secretsmanager:us-east-1:123456789012:secret:api-key-AbCdEf"],
        })
    }
}
