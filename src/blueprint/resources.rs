//! `resources`: objects of any registered kind, as they are in AWS.

use super::Problem;
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
                    message: format!("`{key}` is already made by `{}`", other.origin),
                    help: "give this one another name".into(),
                });
                continue;
            }
            match known.canonical(value.clone()) {
                Ok(desired) => graph.insert(Node { key, desired, origin })?,
                Err((path, message)) => problems.push(Problem {
                    at: if path == "." { origin } else { format!("{origin}.{path}") },
                    code: "wrong-field",
                    message: format!("`{key}`: {message}"),
                    help: "`stack schema` has the fields of every kind".into(),
                }),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
