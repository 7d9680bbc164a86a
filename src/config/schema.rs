//! The JSON Schema of the stack file: for editors, and for [`super::check`].

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::scalar::PATTERN_MESSAGE;
use super::service::{CPU, MEMORY};
use super::types::Stack;
use super::validate::fargate;
use super::values::{NAME_MESSAGE, NAME_PATTERN};
use stack_engine::kind::ATTRIBUTES;

/// What introduces a default in a description.
pub(super) const DEFAULT: &str = " Default: ";

/// Returns the schema of the whole file. `kinds` are the kinds possible under `resources`, each with what writes its schema.
pub fn schema<'a, F>(kinds: impl IntoIterator<Item = (&'a str, F)>) -> Value
where
    F: Fn(&mut SchemaGenerator) -> Schema,
{
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    // The file's own types come first, so that they get the plain names among the definitions.
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
    for (section, body) in snippets() {
        root["properties"][section]["defaultSnippets"] = json!([{"label": section, "body": body}]);
    }

    // An environment may have everything but what makes the stack this stack, and nothing is required.
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
    // Not in an environment, which may have one of the two keys while the file has the other.
    if let Some(service) = definitions.get_mut("Service") {
        service["allOf"] = Value::Array(of_services());
    }
    for (name, other) in [("Begin", "database"), ("CacheBegin", "cache")] {
        if let Some(begin) = definitions.get_mut(name) {
            begin["allOf"] = of_beginnings(other);
        }
    }
    let environments = named(nullable(json!({"$ref": "#/$defs/Overlay"})), "");
    for key in ["additionalProperties", "propertyNames"] {
        root["properties"]["environments"][key] = environments[key].clone();
    }
    root["properties"]["environments"].as_object_mut().and_then(|o| o.remove("patternProperties"));
    root["$defs"] = Value::Object(definitions);
    for_editors(&mut root);
    root
}

/// Returns what editors insert for a section.
fn snippets() -> [(&'static str, Value); 4] {
    [
        (
            "services",
            json!({"${1:web}": {"image": "${2:public.ecr.aws/nginx/nginx:1.27}", "port": 80, "routes": ["/*"], "scale": {"min": 1, "max": 4}}}),
        ),
        (
            "databases",
            json!({"${1:main}": {"engine": "${2:postgres}", "version": "${3:16}", "class": "db.t4g.micro", "storage": "20GiB"}}),
        ),
        ("caches", json!({"${1:main}": {"engine": "${2:valkey}", "node": "cache.t4g.micro"}})),
        ("cdn", json!({"static": {"paths": ["${1:/static/*}"]}})),
    ]
}

/// Returns that a new database or cache begins with one thing: a snapshot or another one.
fn of_beginnings(other: &str) -> Value {
    let both = format!("write `snapshot` or `{other}`, not both");
    let mut others = json!({other: {"type": "null", "errorMessage": both}});
    if other == "database" {
        others["at"] = json!({"type": "null", "errorMessage": "a snapshot has its own time"});
    }
    json!([
        {
            "if": {"properties": {"snapshot": {"type": "string"}}, "required": ["snapshot"]},
            "then": {"properties": others},
        },
        {
            "if": {"properties": {"snapshot": {"type": "null"}}},
            "then": {"properties": {other: {"type": "string"}}, "required": [other]},
        },
    ])
}

/// Returns which keys of a service go together, as far as a schema can say it.
fn of_services() -> Vec<Value> {
    let absent = |message: &str| json!({"type": "null", "errorMessage": message});
    let mut rules = vec![
        json!({
            "if": {"properties": {"routes": {"minItems": 1}}, "required": ["routes"]},
            "then": {"required": ["port"]},
        }),
        json!({
            "if": {"properties": {"routes": {"maxItems": 0}}},
            "then": {"properties": {
                "health": absent("`health` needs `routes`"),
                "grace": absent("`grace` needs `routes`"),
                "deregistration_delay": absent("`deregistration_delay` needs `routes`"),
            }},
        }),
        json!({
            "if": {"properties": {"count": {"type": "integer"}}, "required": ["count"]},
            "then": {"properties": {"scale": absent("write `count` or `scale`, not both")}},
        }),
    ];
    for (cpu, memories) in fargate() {
        // What is left out is the smallest of both.
        let given: &[&str] = if cpu == CPU { &[] } else { &["cpu"] };
        let needed: &[&str] = if memories.contains(&MEMORY) { &[] } else { &["memory"] };
        rules.push(json!({
            "if": {"properties": {"cpu": {"const": cpu}}, "required": given},
            "then": {"properties": {"memory": {"enum": memories}}, "required": needed},
        }));
    }
    rules
}

/// Describes the objects of a kind, and how others refer to them.
fn described(kind: &str, attributes: Option<&Value>) -> String {
    let of = |(name, says): (&String, &Value)| {
        let attr = if name == "id" { String::new() } else { format!(".{name}") };
        format!("\n- `${{{kind}/NAME{attr}}}`: {}", says.as_str().unwrap_or_default())
    };
    let all: String = attributes.and_then(Value::as_object).into_iter().flatten().map(of).collect();
    let referred = if all.is_empty() { String::new() } else { format!(" References to them in texts:\n{all}") };
    format!("Objects of kind `{kind}`, by name.{referred}")
}

/// Returns the schema of a map from names to `object`.
fn named(object: Value, description: &str) -> Value {
    json!({
        "type": "object", "description": description, "additionalProperties": object,
        "propertyNames": {"type": "string", "format": "stack-name", "pattern": NAME_PATTERN, PATTERN_MESSAGE: NAME_MESSAGE},
    })
}

/// Finishes a schema for its readers, which are editors and [`super::check`].
///
/// - Defaults are no `null`, which editors would insert, and stand in the description, which is all that hovers show.
/// - Patterns have messages.
/// - Maps keyed by `Name` have `propertyNames`, for which wrong keys get a better message, where schemars writes `patternProperties`.
fn for_editors(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(for_editors),
        Value::Object(map) => {
            if let Some(default) = map.get_mut("default").map(Value::take).and_then(without_nulls) {
                if let (Some(Value::String(description)), Some(shown)) = (map.get_mut("description"), shown(&default))
                    && ![DEFAULT.trim(), "Left out:"].iter().any(|said| description.contains(said))
                {
                    description.push_str(&format!("{DEFAULT}{shown}."));
                }
                map["default"] = default;
            }
            map.retain(|key, value| key != "default" || !value.is_null());
            if map.get("pattern").is_some_and(Value::is_string) {
                let example =
                    map.get("examples").and_then(|all| all[0].as_str()).map(|example| format!("write it like `{example}`"));
                if let Some(message) = example.filter(|_| !map.contains_key(PATTERN_MESSAGE)) {
                    map.insert(PATTERN_MESSAGE.into(), message.into());
                }
                if let Some(message) = map.get(PATTERN_MESSAGE).cloned() {
                    map.insert("errorMessage".into(), message);
                }
            }
            let object = map.get_mut("patternProperties").and_then(|p| p.as_object_mut()).and_then(|p| p.remove(NAME_PATTERN));
            if let Some(object) = object {
                map.remove("patternProperties");
                let names = named(object, "");
                for key in ["additionalProperties", "propertyNames"] {
                    map.insert(key.into(), names[key].clone());
                }
            }
            for (key, value) in map {
                match (key.as_str(), value) {
                    // Their keys are names, and may be called like a keyword.
                    ("properties" | "patternProperties" | "$defs", Value::Object(named)) => {
                        named.values_mut().for_each(for_editors)
                    }
                    ("default" | "examples" | "enum" | "const" | "defaultSnippets", _) => {}
                    (_, value) => for_editors(value),
                }
            }
        }
        _ => {}
    }
}

/// Returns a default without what is not set in it; none when it is `null` itself.
fn without_nulls(default: Value) -> Option<Value> {
    match default {
        Value::Null => None,
        Value::Object(map) => {
            Some(Value::Object(map.into_iter().filter_map(|(key, value)| Some((key, without_nulls(value)?))).collect()))
        }
        other => Some(other),
    }
}

/// Returns a default in words; none for maps, whose keys have their own.
fn shown(default: &Value) -> Option<String> {
    let one = |value: &Value| format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    match default {
        Value::Object(_) => None,
        Value::Array(items) if items.is_empty() => Some("none".into()),
        Value::Array(items) => Some(items.iter().map(one).collect::<Vec<_>>().join(", ")),
        value => Some(one(value)),
    }
}

fn overlay_name(name: &str) -> String {
    format!("Overlay.{name}")
}

/// Returns the schema with nothing required and everything removable, as maps are merged. Lists are replaced whole, so their items stay
/// as they are. What is left out is as in the rest of the file, so there are no defaults.
fn relaxed(schema: &Value) -> Value {
    let Value::Object(map) = schema else { return schema.clone() };
    let mut out = Map::new();
    for (key, value) in map {
        let value = match (key.as_str(), value) {
            ("required", Value::Array(_)) => continue,
            ("default", _) | (ATTRIBUTES, _) => continue,
            ("description", Value::String(text)) => Value::String(without_default(text).to_owned()),
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

/// Returns a description without its default, before and after whose first word a line may end.
pub(crate) fn without_default(text: &str) -> &str {
    let word = DEFAULT.trim();
    let is_default = |(at, _): &(usize, &str)| {
        text[..*at].ends_with(char::is_whitespace) && text[at + word.len()..].starts_with(char::is_whitespace)
    };
    text.match_indices(word).find(is_default).map_or(text, |(at, _)| text[..at].trim_end())
}

/// Returns the schema with `null` allowed. What editors show of a key they read beside the alternatives, not inside them.
fn nullable(schema: Value) -> Value {
    let Value::Object(mut inside) = schema else { return schema };
    let mut out: Map<String, Value> = ["description", "default", "defaultSnippets"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), inside.remove(key)?)))
        .collect();
    out.insert("anyOf".into(), json!([inside, {"type": "null"}]));
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_described_and_references_resolve() {
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
                && !path.contains("allOf")
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
    fn environments_have_no_defaults() {
        let schema = super::super::tests::schema();
        let overlays = schema["$defs"].as_object().unwrap().iter().filter(|(name, _)| name.starts_with("Overlay"));
        for (name, overlay) in overlays {
            let text = overlay.to_string();
            assert!(!text.contains(DEFAULT.trim()), "{name}: {text}");
        }
    }

    #[test]
    fn the_schema_as_a_whole() {
        let mut schema = super::super::tests::schema();
        // The overlays repeat everything.
        schema["$defs"].as_object_mut().unwrap().retain(|name, _| !name.starts_with("Overlay."));
        insta::assert_json_snapshot!(schema);
    }
}
