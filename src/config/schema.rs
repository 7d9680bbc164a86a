//! The JSON Schema of the stack file: for editors, and for [`super::check`].

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::types::Stack;
use super::values::NAME_PATTERN;
use stack_engine::kind::ATTRIBUTES;

/// The schema of the whole file. `kinds` are the kinds that may stand under `resources`, each with what writes its schema.
pub fn schema<'a, F>(kinds: impl IntoIterator<Item = (&'a str, F)>) -> Value
where
    F: Fn(&mut SchemaGenerator) -> Schema,
{
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    // Our own types come first, so that theirs are the plain names among the definitions.
    let mut root = generator.root_schema_for::<Stack>().to_value();
    let kinds: Map<String, Value> = kinds
        .into_iter()
        .map(|(name, write)| {
            let mut object = write(&mut generator).to_value();
            let attributes = object.as_object_mut().and_then(|o| o.remove(ATTRIBUTES));
            let mut objects = named(object, &described(name, attributes.as_ref()));
            if let (Some(attributes), Some(objects)) = (attributes, objects.as_object_mut()) {
                objects.insert(ATTRIBUTES.into(), attributes);
            }
            (name.to_owned(), objects)
        })
        .collect();
    let mut definitions = generator.take_definitions(true);
    root["$id"] = json!("https://stack.invalid/stack.schema.json");
    root["properties"]["resources"]["additionalProperties"] = json!(false);
    root["properties"]["resources"]["properties"] = Value::Object(kinds);

    // What an environment may say: everything but what makes the stack this stack, and nothing is required.
    let mut overlay = root.clone();
    if let Some(properties) = overlay["properties"].as_object_mut() {
        properties.retain(|key, _| key != "stack" && key != "environments");
    }
    for key in ["$schema", "$id", "$defs", "title"] {
        overlay.as_object_mut().and_then(|o| o.remove(key));
    }
    overlay["description"] = json!("What differs in this environment.");
    let overlays: Vec<(String, Value)> = definitions.iter().map(|(name, schema)| (overlay_name(name), relaxed(schema))).collect();
    definitions.extend(overlays);
    definitions.insert("Overlay".into(), relaxed(&overlay));
    let environments = named(nullable(json!({"$ref": "#/$defs/Overlay"})), "");
    for key in ["additionalProperties", "propertyNames"] {
        root["properties"]["environments"][key] = environments[key].clone();
    }
    root["properties"]["environments"].as_object_mut().and_then(|o| o.remove("patternProperties"));
    root["$defs"] = Value::Object(definitions);
    by_name(&mut root);
    root
}

/// What the objects of a kind are, and how others refer to them.
fn described(kind: &str, attributes: Option<&Value>) -> String {
    let of = |(name, says): (&String, &Value)| {
        let attr = if name == "id" { String::new() } else { format!(".{name}") };
        format!("\n- `${{{kind}/NAME{attr}}}`: {}", says.as_str().unwrap_or_default())
    };
    let all: String = attributes.and_then(Value::as_object).into_iter().flatten().map(of).collect();
    let referred = if all.is_empty() { String::new() } else { format!(" References to them in texts:\n{all}") };
    format!("Objects of kind `{kind}`, by name.{referred}")
}

/// A map from names to `object`.
fn named(object: Value, description: &str) -> Value {
    json!({
        "type": "object", "description": description, "additionalProperties": object,
        "propertyNames": {"type": "string", "format": "stack-name", "pattern": NAME_PATTERN},
    })
}

/// Maps keyed by `Name`: schemars says `patternProperties`, we say `propertyNames`, for which a wrong key gets a better message.
fn by_name(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(by_name),
        Value::Object(map) => {
            // An editor would write it into the file.
            if map.get("default") == Some(&Value::Null) {
                map.remove("default");
            }
            let object = map.get_mut("patternProperties").and_then(|p| p.as_object_mut()).and_then(|p| p.remove(NAME_PATTERN));
            if let Some(object) = object {
                map.remove("patternProperties");
                let names = named(object, "");
                for key in ["additionalProperties", "propertyNames"] {
                    map.insert(key.into(), names[key].clone());
                }
            }
            map.values_mut().for_each(by_name);
        }
        _ => {}
    }
}

fn overlay_name(name: &str) -> String {
    format!("Overlay.{name}")
}

/// The schema with nothing required and everything removable, as maps are merged. Lists are replaced whole, so their
/// items stay as they are.
fn relaxed(schema: &Value) -> Value {
    let Value::Object(map) = schema else { return schema.clone() };
    let mut out = Map::new();
    for (key, value) in map {
        let value = match (key.as_str(), value) {
            ("required", Value::Array(_)) => continue,
            // What an environment leaves out stays as the file has it.
            ("default", _) => continue,
            (ATTRIBUTES, _) => continue,
            ("properties" | "patternProperties", Value::Object(entries)) => {
                Value::Object(entries.iter().map(|(k, v)| (k.clone(), nullable(relaxed(v)))).collect())
            }
            ("additionalProperties", Value::Object(_)) => nullable(relaxed(value)),
            ("anyOf" | "oneOf" | "allOf", Value::Array(branches)) => Value::Array(branches.iter().map(relaxed).collect()),
            ("$ref", Value::String(to)) => match to.strip_prefix("#/$defs/") {
                Some(name) => Value::String(format!("#/$defs/{}", overlay_name(name))),
                None => value.clone(),
            },
            _ => value.clone(),
        };
        out.insert(key.clone(), value);
    }
    Value::Object(out)
}

/// The schema or `null`.
fn nullable(schema: Value) -> Value {
    if schema.is_boolean() { schema } else { json!({"anyOf": [schema, {"type": "null"}]}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_is_described_and_every_reference_leads_somewhere() {
        let schema = super::super::tests::schema();
        fn walk(root: &Value, value: &Value, path: &str) {
            let Value::Object(map) = value else {
                if let Value::Array(items) = value {
                    items.iter().enumerate().for_each(|(i, v)| walk(root, v, &format!("{path}/{i}")));
                }
                return;
            };
            if let Some(Value::String(to)) = map.get("$ref") {
                assert!(root.pointer(to.trim_start_matches('#')).is_some(), "{path} refers to {to}");
            }
            if let Some(Value::Object(properties)) = map.get("properties")
                && !path.contains("Overlay")
                && !path.contains("resources")
                && !path.contains("Thing")
            {
                for (key, property) in properties {
                    assert!(property.get("description").is_some(), "{path}/{key} has no description");
                }
            }
            map.iter().for_each(|(key, v)| walk(root, v, &format!("{path}/{key}")));
        }
        walk(&schema, &schema, "");
    }

    #[test]
    fn the_schema_as_a_whole() {
        let mut schema = super::super::tests::schema();
        // The overlays repeat everything.
        schema["$defs"].as_object_mut().unwrap().retain(|name, _| !name.starts_with("Overlay."));
        insta::assert_json_snapshot!(schema);
    }
}
