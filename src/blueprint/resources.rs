//! `resources`: objects of any registered kind, as they are in AWS.

use serde_json::Value;

use super::facts::Problem;
use super::services::unescaped;
use crate::aws::Clients;
use crate::config::Stack;
use crate::engine::graph::Node;
use crate::engine::{Error, Graph, Key, Registry};

pub fn expand(graph: &mut Graph, stack: &Stack, registry: &Registry<Clients>, problems: &mut Vec<Problem>) -> Result<(), Error> {
    for (kind, objects) in &stack.resources {
        let known = registry.kind(kind)?; // the schema has refused what is not a kind
        for (name, value) in objects {
            let origin = format!("resources.{kind}.{name}");
            let key = Key::new(kind.clone(), name.as_str());
            if let Some(other) = graph.get(&key) {
                problems.push(Problem {
                    at: origin,
                    code: "taken",
                    message: format!("`{key}` is already defined by `{}`", other.origin),
                    help: "give this one another name".into(),
                });
                continue;
            }
            match known.canonical(value.clone()) {
                Ok(mut desired) => {
                    if kind == "ecs.task_definition" {
                        containers(&mut desired);
                    }
                    graph.insert(Node { key, desired: desired.into(), origin })?;
                }
                Err((path, message)) => problems.push(Problem {
                    at: if path == "." { origin } else { format!("{origin}.{path}") },
                    code: "wrong-field",
                    message: format!("`{key}`: {message}"),
                    help: "`stack schema` lists the fields of every kind".into(),
                }),
            }
        }
    }
    Ok(())
}

/// Unescapes `$${…}` in the variables and commands of containers, as services do.
fn containers(definition: &mut Value) {
    let containers = definition.get_mut("containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        for field in ["environment", "command", "entrypoint"] {
            let texts: Vec<&mut Value> = match container.get_mut(field) {
                Some(Value::Object(map)) => map.values_mut().collect(),
                Some(Value::Array(items)) => items.iter_mut().collect(),
                _ => Vec::new(),
            };
            for value in texts {
                if let Value::String(text) = value {
                    *text = unescaped(text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn escapes_in_containers_are_written_as_in_services() {
        let mut definition = json!({"containers": [{"image": "i", "environment": {"A": "$${HOME}", "B": "${kms.key/k.arn}"}, "command": ["$${X}"]}]});
        super::containers(&mut definition);
        let expected = json!({"image": "i", "environment": {"A": "${HOME}", "B": "${kms.key/k.arn}"}, "command": ["${X}"]});
        assert_eq!(definition["containers"][0], expected);
    }

    #[test]
    fn what_is_wrong_is_found_at_its_field() {
        let kinds = crate::aws::registry();
        let rule = kinds.kind("ec2.security_group_rule").unwrap();
        let value = |group: &str, port: &str| {
            let value = json!({"group": group, "direction": "ingress", "protocol": "tcp", "from_port": port, "to_port": 22});
            rule.canonical(value).unwrap_err()
        };
        assert_eq!(value("ec2.subnet/x", "22").0, "group");
        assert_eq!(value("sg-1", "22").0, "from_port");
    }
}
