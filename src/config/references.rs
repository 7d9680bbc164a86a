//! The check of references in texts: `${KIND/NAME.ATTRIBUTE}` must have a kind and an attribute that exist, and a key without the
//! braces is no reference where a text is expected.
//!
//! Whether the object exists, and which fields of `resources` take keys, is known only when the sections are expanded.

use serde_json::Value;

use super::diagnostic::{Diagnostic, MOST, short};
use super::suggest;
use super::yaml::{Node, NodeValue};
use stack_engine::Key;
use stack_engine::kind::ATTRIBUTES;
use stack_engine::token;
use stack_engine::token::Token;

/// Returns a problem for every reference in the file that cannot be one.
pub(super) fn check(file: &Node, schema: &Value) -> Vec<Diagnostic> {
    let kinds = &schema["properties"]["resources"]["properties"];
    let mut checker = Checker { kinds, found: Vec::new() };
    for (key, node) in file.entries() {
        checker.walk(node, key.text.as_str(), &key.text);
    }
    checker.found
}

struct Checker<'a> {
    kinds: &'a Value,
    found: Vec<Diagnostic>,
}

impl Checker<'_> {
    /// `section` is the key at the top level of the file, `key` that of the value.
    fn walk(&mut self, node: &Node, section: &str, key: &str) {
        match &node.value {
            NodeValue::Map(entries) => entries.iter().for_each(|(key, value)| self.walk(value, section, &key.text)),
            NodeValue::List(items) => items.iter().for_each(|item| self.walk(item, section, key)),
            NodeValue::Text(text) if self.found.len() < MOST => self.text(node, text, section, key),
            _ => {}
        }
    }

    fn text(&mut self, node: &Node, text: &str, section: &str, key: &str) {
        // Under `resources` typed fields take keys, and the expansion knows which fields these are. Exceptions name objects.
        let free = ["resources", "environments", "tags", "protect", "check"].contains(&section) || key == "description";
        if !free && let Some((key, attr)) = bare(text, |kind| self.kinds.get(kind).is_some()) {
            let problem = literal(&key, attr, &names(self.attributes(&key.kind)));
            self.found.push(problem.label(node.span.clone(), "taken literally"));
            return;
        }
        let mut wrong = Vec::new();
        token::visit(&Value::String(text.to_owned()), &mut |token| {
            if let Token::Named { key, attr, .. } = token {
                wrong.extend(self.wrong(&key, attr));
            }
        });
        self.found.extend(wrong.into_iter().map(|problem| problem.label(node.span.clone(), "refers to nothing")));
    }

    fn wrong(&self, key: &Key, attr: &str) -> Option<Diagnostic> {
        let kinds = self.kinds.as_object()?;
        if !kinds.contains_key(&key.kind) {
            let message = format!("`${{{key}}}` refers to an object of kind `{}`, which does not exist", short(&key.kind));
            let near = suggest::nearest(&key.kind, kinds.keys().map(String::as_str));
            let help = near
                .map_or_else(|| "`stack schema` lists the kinds under `resources`".into(), |k| format!("did you mean `{k}`?"));
            return Some(Diagnostic::error("unknown-kind", message).help(help));
        }
        let known = names(self.attributes(&key.kind));
        if known.is_empty() || known.contains(&attr) {
            return None;
        }
        let message = format!("`{}` has no attribute `{}`", short(&key.to_string()), short(attr));
        Some(Diagnostic::error("unknown-attribute", message).help(attributes(&key.kind, attr, &known)))
    }

    fn attributes(&self, kind: &str) -> &Value {
        &self.kinds[kind][ATTRIBUTES]
    }
}

fn names(attributes: &Value) -> Vec<&str> {
    attributes.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// Returns `did you mean …?` and all attributes.
fn attributes(kind: &str, attr: &str, known: &[&str]) -> String {
    let all = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match suggest::nearest(attr, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? A `{kind}` has {all}"),
        None => format!("a `{kind}` has {all}"),
    }
}

/// Returns the object of a known kind that a text names without braces, with the attribute, if the text is nothing else.
pub fn bare(text: &str, known: impl Fn(&str) -> bool) -> Option<(Key, Option<&str>)> {
    let (kind, rest) = text.split_once('/')?;
    let (name, attr) = rest.split_once('.').map_or((rest, None), |(name, attr)| (name, Some(attr)));
    let key: Key = format!("{kind}/{name}").parse().ok()?;
    known(kind).then_some((key, attr))
}

/// Returns the problem of an object's key where a text is expected: AWS would get the key itself. `known` are its attributes.
pub fn literal(key: &Key, attr: Option<&str>, known: &[&str]) -> Diagnostic {
    let message = format!("`{}` is plain text here, and AWS would get it literally", short(&key.to_string()));
    let usual = || ["arn", "dns_name", "host", "endpoint", "id"].into_iter().find(|usual| known.contains(usual)).unwrap_or("id");
    let attr = attr.filter(|attr| known.contains(attr)).unwrap_or_else(usual);
    let all = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let help = format!("write `${{{key}.{attr}}}`; a `{}` has {all}", key.kind);
    Diagnostic::error("not-a-reference", message).help(help)
}
