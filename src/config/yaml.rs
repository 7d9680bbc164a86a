//! YAML text as a tree in which every value has its place. The only user of the YAML crate.
//!
//! YAML 1.2's core rules hold: `no`, `off` and `yes` are text, `012` and `1_000` are text, and
//! `"16"` stays text while `16` is a number.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};

use super::diagnostic::{Diagnostic, MOST};

/// The maximum depth of maps and lists. The stack file's own types need about ten.
const MAX_DEPTH: usize = 40;
/// The maximum number of values, with aliases expanded.
const MAX_NODES: usize = 30_000;
/// The maximum number of aliases.
const MAX_ALIASES: usize = 1_000;

/// A value and its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Byte offsets into the text. For a map or a list: from its first to its last character.
    pub span: Range<usize>,
    /// The value.
    pub value: NodeValue,
}

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without quotes.
    Number(Number),
    /// Text, with or without quotes.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file. After [`parse`] no key occurs twice.
    Map(Vec<(MapKey, Node)>),
}

/// A key and its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct MapKey {
    /// The key.
    pub text: String,
    /// Byte offsets into the text.
    pub span: Range<usize>,
}

impl Node {
    /// Returns the entries of a map, and none of anything else.
    pub fn entries(&self) -> &[(MapKey, Node)] {
        match &self.value {
            NodeValue::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }

    /// Returns the value without positions.
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(b) => Value::Bool(*b),
            NodeValue::Number(n) => Value::Number(n.clone()),
            NodeValue::Text(s) => Value::String(s.clone()),
            NodeValue::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            NodeValue::Map(entries) => Value::Object(entries.iter().map(|(k, v)| (k.text.clone(), v.to_json())).collect()),
        }
    }

    /// Returns the value at a path, see [`Node::find`].
    pub fn node(&self, path: &str) -> Option<&Node> {
        let found = self.find(path);
        found.rest.is_empty().then_some(found.node)
    }

    /// Follows a path such as `services.web.routes[0]` as far as possible.
    ///
    /// For a map the place is its key (a map of many lines is no good place to point at), for
    /// everything else the value. Keys may contain dots, as the kinds under `resources` do.
    pub fn find(&self, path: &str) -> Found<'_> {
        let mut here = self;
        let mut found = Found { node: self, span: None, rest: path.to_owned() };
        let mut rest = path;
        while !rest.is_empty() {
            let step = match &here.value {
                NodeValue::Map(entries) => entries.iter().find_map(|(key, node)| {
                    let after = rest.strip_prefix(key.text.as_str())?;
                    let ends = after.is_empty() || after.starts_with(['.', '[']);
                    ends.then(|| (Some(&key.span), node, after.strip_prefix('.').unwrap_or(after)))
                }),
                NodeValue::List(items) => rest.strip_prefix('[').and_then(|r| r.split_once(']')).and_then(|(at, after)| {
                    let node = items.get(at.parse::<usize>().ok()?)?;
                    Some((None, node, after.strip_prefix('.').unwrap_or(after)))
                }),
                _ => None,
            };
            let Some((key, node, after)) = step else { break };
            let map = matches!(node.value, NodeValue::Map(_) | NodeValue::Null);
            found = Found { node, span: Some(key.filter(|_| map).unwrap_or(&node.span).clone()), rest: after.to_owned() };
            (here, rest) = (node, after);
        }
        found
    }
}

/// The outcome of [`Node::find`].
#[derive(Clone, Debug, PartialEq)]
pub struct Found<'a> {
    /// The value at the last step that could be taken.
    pub node: &'a Node,
    /// The place of the last step that could be taken.
    pub span: Option<Range<usize>>,
    /// What is left of the path; empty when all of it was followed.
    pub rest: String,
}

/// Reads a file's text.
///
/// # Errors
/// One diagnostic where the text stops being YAML, or one for each key that occurs twice.
pub fn parse(text: &str) -> Result<Node, Vec<Diagnostic>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 4,
            max_aliases: MAX_ALIASES,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_documents: 16,
            max_total_scalar_bytes: 4 * 1024 * 1024,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES },
        // Every duplicate is reported with both of its places, see `duplicates`.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    // The visitor that makes the tree has no access to the text, so ends of values are trimmed afterwards.
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options).map_err(|e| vec![syntax_error(text, &e)])?;
    let node = raw.into_node(text);
    let mut found = Vec::new();
    duplicates(&node, &mut found);
    if found.is_empty() { Ok(node) } else { Err(found) }
}

fn syntax_error(text: &str, error: &serde_saphyr::Error) -> Diagnostic {
    use serde_saphyr::Error;

    let error = error.without_snippet();
    let span = error.location().map(|l| range(text, &l)).unwrap_or(0..0);
    let line = text.get(..span.start).map(|before| before.rsplit('\n').next().unwrap_or(before).len()).unwrap_or(0);
    let line = text.get(span.start.saturating_sub(line)..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let (message, help) = match error {
        Error::MultipleDocuments { .. } => {
            ("the file has a second document".to_owned(), Some("a file describes one stack: remove the `---`, or split the file"))
        }
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } | Error::AliasReplayStackDepthExceeded { .. } => {
            let message = format!(
                "the file has more than {MAX_NODES} values, is nested deeper than {MAX_DEPTH} levels, or has more than {MAX_ALIASES} aliases"
            );
            (message, Some("split it into several stacks"))
        }
        _ => {
            let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
            // The crate appends the place in words; the excerpt says it better.
            let message = message.split(" at line ").next().unwrap_or(&message).trim();
            let indent = line.len() - line.trim_start().len();
            let tab = line.get(..indent).is_some_and(|indent| indent.contains('\t'));
            (format!("this is not YAML: {message}"), tab.then_some("YAML is indented with spaces; this line has a tab"))
        }
    };
    let diagnostic = Diagnostic::error("yaml-syntax", message).label(span, "here");
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn duplicates(node: &Node, found: &mut Vec<Diagnostic>) {
    match &node.value {
        NodeValue::List(items) => items.iter().for_each(|item| duplicates(item, found)),
        NodeValue::Map(entries) => {
            let mut first = std::collections::BTreeMap::new();
            for (key, value) in entries {
                match first.get(key.text.as_str()) {
                    None => {
                        first.insert(key.text.as_str(), key);
                    }
                    Some(_) if found.len() >= MOST => return,
                    Some(before) => found.push(
                        Diagnostic::error("duplicate-key", format!("`{}` is defined twice", key.text))
                            .label(key.span.clone(), "again here")
                            .label(before.span.clone(), "first here")
                            .help("keep one of the two, or merge them"),
                    ),
                }
                duplicates(value, found);
            }
        }
        _ => {}
    }
}

/// The tree as it comes from the YAML crate.
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

trait IntoNode {
    fn into_node(self, text: &str) -> Node;
}

impl IntoNode for Spanned<Raw> {
    fn into_node(self, text: &str) -> Node {
        // Where an alias is used, the place of what it stands for: that is the text to fix.
        let mut span = range(text, &self.defined);
        let value = match self.value {
            Raw::Null => NodeValue::Null,
            Raw::Bool(b) => NodeValue::Bool(b),
            Raw::Number(n) => NodeValue::Number(n),
            Raw::Text(s) => NodeValue::Text(s),
            Raw::List(items) => NodeValue::List(items.into_iter().map(|item| item.into_node(text)).collect()),
            Raw::Map(entries) => NodeValue::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (MapKey { span: range(text, &key.defined), text: key.value }, value.into_node(text)))
                    .collect(),
            ),
        };
        // The YAML crate knows only where a map or a list begins.
        let end = match &value {
            NodeValue::List(items) => items.last().map(|item| item.span.end),
            NodeValue::Map(entries) => entries.last().map(|(key, node)| node.span.end.max(key.span.end)),
            _ => None,
        };
        span.end = span.end.max(end.unwrap_or(0));
        Node { span, value }
    }
}

/// Returns a location as byte offsets, without the white space at the end of block scalars.
fn range(text: &str, location: &Location) -> Range<usize> {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let start = match location.span().byte_offset() {
        // The beginning of the file is also what errors say that know only their line and column.
        Some(offset) if offset > 0 || location.line() <= 1 => number(offset),
        _ => {
            let line: usize = text.split_inclusive('\n').take(number(location.line()).saturating_sub(1)).map(str::len).sum();
            let rest = text.get(line..).unwrap_or_default();
            line + rest.char_indices().nth(number(location.column()).saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
        }
    };
    let start = start.min(text.len());
    let end = start.saturating_add(location.span().byte_len().map_or(0, number)).min(text.len());
    let Some(covered) = text.get(start..end) else { return 0..0 };
    start..start + covered.trim_end().len()
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tree;

        impl<'de> Visitor<'de> for Tree {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_none<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_bool<E>(self, v: bool) -> Result<Raw, E> {
                Ok(Raw::Bool(v))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Raw, E> {
                Ok(Raw::Number(v.into()))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Raw, E> {
                Ok(Raw::Number(v.into()))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Raw, E> {
                Ok(Number::from_f64(v).map_or_else(|| Raw::Text(v.to_string()), Raw::Number))
            }
            fn visit_str<E>(self, v: &str) -> Result<Raw, E> {
                Ok(Raw::Text(v.to_owned()))
            }
            fn visit_string<E>(self, v: String) -> Result<Raw, E> {
                Ok(Raw::Text(v))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Raw::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Raw::Map(entries))
            }
        }

        deserializer.deserialize_any(Tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(text: &str) -> String {
        fn walk(text: &str, node: &Node, path: &str, out: &mut String) {
            out.push_str(&format!("{path} = {:?} at {:?}\n", node.to_json().to_string(), &text[node.span.clone()]));
            match &node.value {
                NodeValue::Map(entries) => {
                    for (key, value) in entries {
                        assert!(text[key.span.clone()].contains(key.text.as_str()), "{key:?}");
                        walk(text, value, &format!("{path}.{}", key.text), out);
                    }
                }
                NodeValue::List(items) => {
                    items.iter().enumerate().for_each(|(i, item)| walk(text, item, &format!("{path}[{i}]"), out));
                }
                _ => {}
            }
        }
        let node = parse(text).unwrap();
        let mut out = String::new();
        walk(text, &node, "", &mut out);
        out
    }

    #[test]
    fn every_value_knows_its_place() {
        insta::assert_snapshot!(shown(
            "a: 1\nü: \"x\" # c\nb:\n  - {c: 'd e', f: }\n  - |\n    two\n    lines\n\n# end\ng: &x [1.5, true]\nh: *x\r\n"
        ));
    }

    #[test]
    fn the_surprises_of_old_yaml_do_not_happen() {
        let node = parse("a: no\nb: on\nc: 012\nd: 1_000\ne: \"16\"\nf: 16\ng: y\nh: 1:30\ni: 0x10\nj: ~\nk: 2024-01-01\nl: .inf\n8080: x\nno: y")
            .unwrap();
        assert_eq!(
            node.to_json(),
            json!({"a": "no", "b": "on", "c": "012", "d": "1_000", "e": "16", "f": 16, "g": "y", "h": "1:30", "i": 16,
                   "j": null, "k": "2024-01-01", "l": ".inf", "8080": "x", "no": "y"})
        );
    }

    #[test]
    fn paths_lead_to_places_as_far_as_they_can() {
        let text = "resources:\n  ec2.vpc:\n    main: {cidr: x}\nlist: [a, {b: c}]\n";
        let node = parse(text).unwrap();
        let at = |path: &str| {
            let found = node.find(path);
            (found.span.map(|s| text[s].to_owned()).unwrap_or_default(), found.rest)
        };
        assert_eq!(at("resources.ec2.vpc.main.cidr"), ("x".into(), String::new()));
        assert_eq!(at("resources.ec2.vpc.main"), ("main".into(), String::new()));
        assert_eq!(at("resources.ec2.vpc.other.cidr"), ("ec2.vpc".into(), "other.cidr".into()));
        assert_eq!(at("list[1].b"), ("c".into(), String::new()));
        assert_eq!(at("list[7].b"), ("[a, {b: c".into(), "[7].b".into()));
        assert_eq!(at("nothing"), (String::new(), "nothing".into()));
    }

    #[test]
    fn hostile_files_end_in_a_diagnostic() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let list = vec![format!("*a{}", i - 1); 9].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        }
        for text in [
            bomb,
            "[".repeat(5000),
            "a: ".repeat(5000),
            "- ".repeat(5000),
            "a: &a [*a]".into(),
            "a: 1\n---\nb: 2\n".into(),
            "\0".into(),
        ] {
            let errors = parse(&text).unwrap_err();
            assert_eq!(errors[0].code, "yaml-syntax", "{errors:?}");
        }
    }
}
