//! References in what the sections expand into: that each field takes the attribute that it is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::facts::Problem;
use crate::aws::Clients;
use crate::config::references::{bare, literal};
use crate::engine::reference::REFERS;
use crate::engine::token;
use crate::engine::token::{Need, Token};
use crate::engine::{Attribute, Graph, Kind, Registry, Rule, rules};

/// What is known of each kind: made once, for graphs may be large.
struct Known<'a> {
    registry: &'a Registry<Clients>,
    attributes: BTreeMap<&'static str, Vec<Attribute>>,
}

/// Gives every reference the attribute that its field takes, and lets those wait that refer to what is known only later.
pub fn settle(graph: &mut Graph, registry: &Registry<Clients>, problems: &mut Vec<Problem>) {
    let attributes = registry.kinds().map(|kind| (kind.info().name, kind.attributes())).collect();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for node in graph.nodes() {
        if let (Some(kind), false) = (registry.find(&node.key.kind), schemas.contains_key(&node.key.kind)) {
            schemas.insert(node.key.kind.clone(), schema(kind.as_ref()));
        }
    }
    let known = Known { registry, attributes };
    for node in graph.nodes_mut() {
        let (Some(kind), Some(schema)) = (registry.find(&node.key.kind), schemas.get(&node.key.kind)) else { continue };
        let mut field = Field { known: &known, rules: kind.info().rules, schema, path: Vec::new(), found: Vec::new() };
        field.walk(Arc::make_mut(&mut node.desired));
        // What a section expands into has no fields in the file: its texts have been looked at there.
        let found = std::mem::take(&mut field.found);
        problems.extend(found.into_iter().map(|(path, code, message, help)| Problem {
            at: if node.origin.starts_with("resources.") { format!("{}.{path}", node.origin) } else { node.origin.clone() },
            code,
            message: format!("`{}`: {message}", node.key),
            help,
        }));
    }
}

fn schema(kind: &dyn Kind<Clients>) -> Value {
    let mut generator = schemars::SchemaGenerator::default();
    let mut schema = kind.schema(&mut generator).to_value();
    schema["$defs"] = Value::Object(generator.take_definitions(true));
    schema
}

/// Where the walk through one object is.
struct Field<'a> {
    known: &'a Known<'a>,
    rules: &'a [Rule],
    schema: &'a Value,
    path: Vec<String>,
    /// Path, code, message and help.
    found: Vec<(String, &'static str, String, String)>,
}

impl Field<'_> {
    fn walk(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(new) = self.text(text) {
                    *text = new;
                }
            }
            Value::Array(items) => items.iter_mut().enumerate().for_each(|(at, item)| self.step(at.to_string(), item)),
            Value::Object(map) => map.iter_mut().for_each(|(key, item)| self.step(key.clone(), item)),
            _ => {}
        }
    }

    fn step(&mut self, step: String, value: &mut Value) {
        self.path.push(step);
        self.walk(value);
        self.path.pop();
    }

    /// Returns what the text has to become, when it is right and yet to be completed.
    fn text(&mut self, text: &str) -> Option<String> {
        let known = self.known;
        let free = self.path.first().is_some_and(|first| first == "tags") || self.path.last().is_some_and(|l| l == "description");
        if !free && let Some((key, attr)) = bare(text, |kind| known.registry.find(kind).is_some()) {
            let takes = rules::takes(self.rules, &self.path).and_then(|all| all.iter().find(|(kind, _)| *kind == key.kind));
            let names = known.names(&key.kind);
            let problem = literal(&key, attr.or(takes.map(|(_, attr)| *attr)), &names);
            self.problem("not-a-reference", problem.message, problem.help.unwrap_or_default());
            return None;
        }
        let typed = refers(self.schema, self.schema, &self.path);
        if typed == Some("*") && token::whole(text).is_none() {
            let message = format!("`{text}` is not an object of this stack");
            self.problem("not-a-reference", message, "write `KIND/NAME`".into());
        }
        if !text.contains("${") {
            return None;
        }
        let alone = token::whole(text).is_some();
        let takes = rules::takes(self.rules, &self.path).filter(|_| alone);
        let typed = alone && typed.is_some_and(|kind| kind != "*");
        let mut wrong = Vec::new();
        let new = token::rewritten(text, &mut |token| {
            let (kind, attr): (String, &mut &str) = match token {
                Token::Named { key, attr, .. } => (key.kind.clone(), attr),
                Token::Physical { kind, attr, .. } => ((*kind).to_owned(), attr),
            };
            let taken = takes.and_then(|all| all.iter().find(|(of, _)| *of == kind));
            let help = match (takes, taken) {
                (Some(_), Some((_, wanted))) if *attr == "id" || attr == wanted => {
                    *attr = wanted;
                    None
                }
                (Some(_), Some((_, wanted))) => Some(format!("write `.{wanted}`")),
                (Some(all), None) => {
                    let all: Vec<String> = all.iter().map(|(of, attr)| format!("`${{{of}/NAME.{attr}}}`")).collect();
                    Some(format!("expected {}", all.join(" or ")))
                }
                (None, _) if typed && *attr != "id" => Some(format!("write `{kind}/NAME`, without an attribute")),
                (None, _) => None,
            };
            wrong.extend(help.map(|help| (kind.clone(), (*attr).to_owned(), help)));
            let later = known.attributes.get(kind.as_str()).is_some_and(|all| all.iter().any(|a| a.later && a.name == **attr));
            if let (Token::Named { need, .. }, true) = (token, later) {
                *need = Need::Ready;
            }
        });
        for (kind, attr, help) in wrong {
            self.problem("wrong-attribute", format!("this field does not take a reference to `.{attr}` of a `{kind}`"), help);
        }
        new
    }

    fn problem(&mut self, code: &'static str, message: String, help: String) {
        let mut path = String::new();
        for step in &self.path {
            match step.parse::<usize>() {
                Ok(at) => path.push_str(&format!("[{at}]")),
                Err(_) if path.is_empty() => path.push_str(step),
                Err(_) => path.push_str(&format!(".{step}")),
            }
        }
        self.found.push((path, code, message, help));
    }
}

impl Known<'_> {
    fn names(&self, kind: &str) -> Vec<&str> {
        self.attributes.get(kind).into_iter().flatten().map(|attribute| attribute.name.as_str()).collect()
    }
}

/// Returns the kind that the field at `path` refers to by its type.
fn refers<'a>(root: &'a Value, schema: &'a Value, path: &[String]) -> Option<&'a str> {
    if let Some(to) = schema["$ref"].as_str() {
        return refers(root, root.pointer(to.trim_start_matches('#'))?, path);
    }
    let branches = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
    if let Some(found) = branches.into_iter().flatten().find_map(|branch| refers(root, branch, path)) {
        return Some(found);
    }
    let Some((step, rest)) = path.split_first() else { return schema[REFERS].as_str() };
    let next = match step.parse::<usize>() {
        Ok(_) if schema.get("items").is_some() => schema.get("items"),
        _ => schema["properties"].get(step).or_else(|| schema.get("additionalProperties")),
    };
    refers(root, next?, rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::blueprint::{Facts, Failure, expand};
    use crate::config::{self, Loaded};
    use crate::engine::Scope;

    const EVERY_KIND: &str = include_str!("testdata/every-kind.yaml");

    fn load(text: &str) -> Loaded {
        let schema = crate::blueprint::tests::schema();
        config::load("stack.yaml", text, None, &schema).unwrap_or_else(|report| panic!("{}", report.render(100, false, true)))
    }

    /// The graph of a file with one more field, or what is wrong with it: code, place and help.
    fn expanded(stack: &config::Stack, registry: &Registry<Clients>) -> Result<Graph, Vec<(String, &'static str, String)>> {
        let text = |text: &str| text.to_owned();
        let scope = Scope {
            stack: stack.stack.to_string(),
            env: text("default"),
            region: text("us-east-1"),
            account: text("000000000000"),
            partition: text("aws"),
        };
        match expand(stack, &Facts::assumed(&scope, false, stack), registry) {
            Ok(graph) => Ok(graph),
            Err(Failure::Problems(problems)) => Err(problems.into_iter().map(|p| (p.at, p.code, p.help)).collect()),
            Err(Failure::Error(error)) => panic!("{error}"),
        }
    }

    /// Where the texts of a schema stand: the path of each, and the kind that it refers to.
    fn texts(root: &Value, schema: &Value, path: &mut Vec<String>, out: &mut Vec<(Vec<String>, Option<String>)>) {
        if let Some(to) = schema["$ref"].as_str() {
            return texts(root, root.pointer(to.trim_start_matches('#')).unwrap(), path, out);
        }
        for branch in schema["anyOf"].as_array().into_iter().flatten() {
            texts(root, branch, path, out);
        }
        let is = |name: &str| schema["type"] == name || schema["type"].as_array().is_some_and(|all| all.contains(&json!(name)));
        if is("string") && schema.get("enum").is_none() {
            out.push((path.clone(), schema[REFERS].as_str().map(str::to_owned)));
        }
        let mut step = |step: &str, schema: &Value| {
            path.push(step.to_owned());
            texts(root, schema, path, out);
            path.pop();
        };
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            step(name, property);
        }
        if let Some(each) = schema.get("additionalProperties").filter(|each| each.is_object()) {
            step("x", each);
        }
        if let Some(each) = schema.get("items") {
            step("0", each);
        }
    }

    /// Puts a text at a path, with what stands on the way to it.
    fn put(value: &mut Value, path: &[String], text: &str) {
        let Some((step, rest)) = path.split_first() else {
            *value = json!(text);
            return;
        };
        let inner = match step.parse::<usize>() {
            Ok(_) => {
                if !value.is_array() {
                    *value = json!([]);
                }
                let list = value.as_array_mut().unwrap();
                if list.is_empty() {
                    list.push(Value::Null);
                }
                &mut list[0]
            }
            Err(_) => {
                if !value.is_object() {
                    *value = json!({});
                }
                value.as_object_mut().unwrap().entry(step.clone()).or_insert(Value::Null)
            }
        };
        put(inner, rest, text);
    }

    #[test]
    fn the_file_of_every_kind_has_every_kind() {
        let registry = crate::aws::registry();
        let loaded = load(EVERY_KIND);
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(100, false, true));
        let graph = expanded(&loaded.stack, &registry).unwrap();
        let missing: Vec<&str> =
            registry.described().map(|k| k.info().name).filter(|k| !graph.nodes().any(|n| n.key.kind == *k)).collect();
        assert_eq!(missing, ["acm.certificate", "acm.validation", "ec2.default_security_group", "route53.record"]);
    }

    /// Every text of every kind with a reference that is none, and with an attribute that the field does not take: refused at
    /// its place, or the shape refuses the file before.
    #[test]
    fn every_text_refuses_a_wrong_reference_at_its_place() {
        let registry = crate::aws::registry();
        let loaded = load(EVERY_KIND);
        let mut tried = 0;
        for kind in registry.kinds() {
            let schema = super::schema(kind.as_ref());
            let mut all = Vec::new();
            texts(&schema, &schema, &mut Vec::new(), &mut all);
            let Some(objects) = loaded.stack.resources.get(kind.info().name) else { continue };
            let (name, object) = objects.iter().next().unwrap();
            for (path, refers) in all {
                let free =
                    path.first().is_some_and(|first| first == "tags") || path.last().is_some_and(|last| last == "description");
                let try_with = |text: &str| {
                    let mut object = object.clone();
                    put(&mut object, &path, text);
                    // What lies around a text in a list has fields that it must have.
                    kind.canonical(object.clone()).ok()?;
                    let mut stack = loaded.stack.clone();
                    stack.resources.get_mut(kind.info().name)?.insert(name.clone(), object);
                    Some(expanded(&stack, &registry))
                };
                let shown = || format!("{} {}", kind.info().name, path.join("."));
                let at_its_place = |found: &[(String, &str, String)], code: &str| {
                    let last = path.iter().rev().find(|step| step.parse::<usize>().is_err()).unwrap();
                    found.iter().any(|(at, c, help)| *c == code && at.contains(last.as_str()) && !help.is_empty())
                };
                if let (true, Some(result)) = (refers.is_none() && !free, try_with("kms.key/k")) {
                    let found = result.err().unwrap_or_else(|| panic!("{} is taken literally", shown()));
                    assert!(at_its_place(&found, "not-a-reference"), "{}: {found:?}", shown());
                    tried += 1;
                }
                // One that refers to itself is a circle.
                if let Some(of) = refers.filter(|of| of != "*" && of != kind.info().name) {
                    let other = loaded.stack.resources[&of].keys().next().unwrap();
                    for attr in registry.kind(&of).unwrap().attributes() {
                        let Some(result) = try_with(&format!("${{{of}/{other}.{}}}", attr.name)) else { continue };
                        let takes = rules::takes(kind.info().rules, &path).and_then(|all| all.iter().find(|(k, _)| *k == of));
                        let wanted = takes.map_or("id", |(_, attr)| attr);
                        let found = result.err().unwrap_or_default();
                        let is_wrong = attr.name != wanted && attr.name != "id";
                        assert_eq!(at_its_place(&found, "wrong-attribute"), is_wrong, "{} .{}: {found:?}", shown(), attr.name);
                        tried += 1;
                    }
                }
            }
        }
        assert!(tried > 120, "{tried}");
    }

    #[test]
    fn a_reference_gets_the_attribute_of_its_field() {
        let registry = crate::aws::registry();
        let text = EVERY_KIND
            .replace("subnet_group: rds.subnet_group/g\n", "subnet_group: rds.subnet_group/g\n      kms_key: \"${kms.key/k}\"\n");
        let graph = expanded(&load(&text).stack, &registry).unwrap();
        let field = |key: &str, field: &str| graph.get(&key.parse().unwrap()).unwrap().desired[field].clone();
        assert_eq!(field("ecs.task_definition/t", "execution_role"), "${iam.role/r.arn}");
        assert_eq!(field("application-autoscaling.scalable_target/s", "service"), "${ecs.service/s.resource_id}");
        assert_eq!(field("rds.instance/d", "kms_key"), "${kms.key/k.arn}");
        assert_eq!(field("rds.instance/d", "subnet_group"), "${rds.subnet_group/g}");
    }

    /// What is known only when the object serves is waited for, whoever refers to it.
    #[test]
    fn what_is_known_later_is_waited_for() {
        let registry = crate::aws::registry();
        let text = EVERY_KIND.replace(
            "image: \"nginx:1.27\"",
            "image: \"nginx:1.27\", environment: {H: \"x ${rds.instance/d.host} ${rds.instance/d.arn}\"}",
        );
        let graph = expanded(&load(&text).stack, &registry).unwrap();
        let definition = graph.get(&"ecs.task_definition/t".parse().unwrap()).unwrap();
        assert_eq!(definition.desired["containers"][0]["environment"]["H"], "x ${rds.instance/d.host!} ${rds.instance/d.arn}");
    }

    /// Whatever the sections make, every reference is what its field takes: else `takes` lacks a rule.
    #[test]
    fn the_sections_give_every_field_what_it_takes() {
        let registry = crate::aws::registry();
        let schema = crate::blueprint::tests::schema();
        for text in [
            include_str!("../../stacks/shop.yaml"),
            include_str!("../../stacks/webapp.yaml"),
            include_str!("../../stacks/small.yaml"),
        ] {
            let loaded = config::load("f", text, None, &schema).unwrap_or_else(|r| panic!("{}", r.render(100, false, true)));
            let found = expanded(&loaded.stack, &registry).err().unwrap_or_default();
            assert!(found.is_empty(), "{found:?}");
        }
    }

    #[test]
    fn every_attribute_is_described() {
        for kind in crate::aws::registry().kinds() {
            let all = kind.attributes();
            assert_eq!(all[0].name, "id", "{}", kind.info().name);
            assert!(all.iter().all(|attribute| !attribute.description.is_empty()), "{}: {all:?}", kind.info().name);
        }
    }

    /// The table in `docs/kinds.md`. What is known only once the object serves has a `!`.
    #[test]
    fn the_docs_list_every_attribute() {
        let mut table = String::from("\n| kind | attributes |\n| --- | --- |\n");
        for kind in crate::aws::registry().described() {
            let of = |a: Attribute| format!("`{}`{}", a.name, if a.later { "!" } else { "" });
            let all: Vec<String> = kind.attributes().into_iter().map(of).collect();
            table.push_str(&format!("| `{}` | {} |\n", kind.info().name, all.join(", ")));
        }
        let docs = include_str!("../../docs/kinds.md");
        let there = docs.split_once("<!-- attributes -->\n").and_then(|(_, rest)| rest.split_once("\n<!-- /attributes -->"));
        assert_eq!(there.map(|(there, _)| there).unwrap_or_default(), table, "put this between the marks");
    }
}
