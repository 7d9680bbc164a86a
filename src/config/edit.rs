//! Writes a value into the text of a stack file, and leaves everything else as it is: order, comments, quotes.

use serde_json::{Map, Value};

use super::yaml::{self, Node, NodeValue};

/// The width of an indentation.
const INDENT: usize = 2;

/// Returns the text with a value at a path of keys. What is between is written if it does not exist.
///
/// None when that cannot be written without a change elsewhere: where an alias stands, or a value of many lines.
pub fn set(text: &str, path: &[&str], value: &Value) -> Option<String> {
    let tree = yaml::parse(text).ok()?;
    let edited = edited(text, &tree, path, value)?;
    // Exactly that, and nothing else: whatever YAML is written here, the proof is in reading it.
    let mut wanted = tree.to_json();
    put(&mut wanted, path, value)?;
    (yaml::parse(&edited).ok()?.to_json() == wanted).then_some(edited)
}

fn put(tree: &mut Value, path: &[&str], value: &Value) -> Option<()> {
    let Some((first, rest)) = path.split_first() else {
        *tree = value.clone();
        return Some(());
    };
    if tree.is_null() {
        *tree = Value::Object(Map::new());
    }
    put(tree.as_object_mut()?.entry((*first).to_owned()).or_insert(Value::Null), rest, value)
}

fn edited(text: &str, tree: &Node, path: &[&str], value: &Value) -> Option<String> {
    let (mut node, mut key, mut rest) = (tree, None, path);
    while let Some((first, more)) = rest.split_first() {
        let Some((found, inner)) = node.entries().iter().find(|(key, _)| key.text == *first) else { break };
        (node, key, rest) = (inner, Some(found), more);
    }
    let replaced = |from: usize, to: usize, with: &str| Some(format!("{}{with}{}", text.get(..from)?, text.get(to..)?));
    let Some((first, more)) = rest.split_first() else {
        return match &node.value {
            NodeValue::Map(_) | NodeValue::List(_) if !is_flow(text, node) => None,
            NodeValue::Null if node.span.is_empty() => {
                let colon = key?.span.end + text.get(key?.span.end..)?.find(':')? + 1;
                replaced(colon, colon, &format!(" {}", flow(value)))
            }
            _ => replaced(node.span.start, end(text, node)?, &flow(value)),
        };
    };
    match &node.value {
        NodeValue::Map(_) if is_flow(text, node) => {
            let close = end(text, node)? - 1;
            let before = text.get(node.span.start + 1..close)?.trim_end();
            let at = node.span.start + 1 + before.len();
            let comma = if before.is_empty() || before.ends_with(',') { " " } else { ", " };
            replaced(at, close, &format!("{comma}{} ", nested_flow(first, more, value)))
        }
        NodeValue::Map(entries) => {
            let (first_key, _) = entries.first()?;
            let line = text.get(..first_key.span.start)?.rfind('\n').map_or(0, |at| at + 1);
            let indent = text.get(line..first_key.span.start)?;
            // A map in a list begins behind a dash.
            let indent: String = indent.chars().map(|c| if c == '-' { ' ' } else { c }).collect();
            let (last_key, last) = entries.last()?;
            let after = end(text, last)?.max(last_key.span.end);
            let at = line_end(text, after)?;
            replaced(at, at, &block(text, &indent, first, more, value))
        }
        // All of the file is comments.
        NodeValue::Null if key.is_none() => {
            let before = text.trim_end();
            let lines = block(text, "", first, more, value);
            Some(format!("{before}{}\n", if before.is_empty() { lines.trim_start() } else { &lines }))
        }
        NodeValue::Null => {
            let key = key?;
            if !node.span.is_empty() {
                return replaced(node.span.start, node.span.end, &format!("{{ {} }}", nested_flow(first, more, value)));
            }
            let line = text.get(..key.span.start)?.rfind('\n').map_or(0, |at| at + 1);
            let indent = " ".repeat(text.get(line..key.span.start)?.chars().count() + INDENT);
            let at = line_end(text, key.span.end)?;
            replaced(at, at, &block(text, &indent, first, more, value))
        }
        _ => None,
    }
}

/// Returns lines with a value below keys, each after the end of a line.
fn block(text: &str, indent: &str, first: &str, more: &[&str], value: &Value) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut out = String::new();
    let keys: Vec<&str> = std::iter::once(first).chain(more.iter().copied()).collect();
    for (depth, key) in keys.iter().enumerate() {
        out += &format!("{end}{indent}{}{}:", " ".repeat(depth * INDENT), word(key));
    }
    out + " " + &flow(value)
}

/// Returns where the line ends that has a place.
fn line_end(text: &str, place: usize) -> Option<usize> {
    let rest = text.get(place..)?;
    let line = rest.split('\n').next().unwrap_or(rest);
    Some(place + line.strip_suffix('\r').unwrap_or(line).len())
}

/// Checks whether a map or a list is written on a line, in brackets.
fn is_flow(text: &str, node: &Node) -> bool {
    text.get(node.span.start..).is_some_and(|rest| rest.starts_with(['{', '[']))
}

/// Returns where a value ends: behind the bracket for one in brackets, of which the tree knows only its contents.
fn end(text: &str, node: &Node) -> Option<usize> {
    match &node.value {
        NodeValue::Map(_) | NodeValue::List(_) if is_flow(text, node) => close(text, node.span.start),
        NodeValue::Map(entries) => {
            let (key, last) = entries.last()?;
            Some(end(text, last)?.max(key.span.end))
        }
        NodeValue::List(items) => end(text, items.last()?),
        _ => Some(node.span.end),
    }
}

/// Returns the place behind the bracket that closes the one at `start`.
fn close(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut before = ' ';
    let mut comment = false;
    let mut characters = text.get(start..)?.char_indices();
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            _ if comment => comment = c != '\n',
            (Some('"'), '\\') => {
                characters.next();
            }
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            // Elsewhere than at the beginning of a value a quote is a character like others.
            (None, '"' | '\'') if before.is_whitespace() || "[{,:".contains(before) => quote = Some(c),
            (None, '#') if before.is_whitespace() => comment = true,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(start + at + 1);
                }
            }
            _ => {}
        }
        before = c;
    }
    None
}

fn nested_flow(first: &str, more: &[&str], value: &Value) -> String {
    let inner = match more.split_first() {
        Some((next, rest)) => format!("{{ {} }}", nested_flow(next, rest, value)),
        None => flow(value),
    };
    format!("{}: {inner}", word(first))
}

/// Returns a value as YAML on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Null => "~".to_owned(),
        Value::String(text) => word(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if !map.is_empty() => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{}: {}", word(key), flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// Returns a value as YAML on one line, behind its keys: `databases.main.multi_az: true`, as messages show it.
pub fn shown(path: &[String], value: &Value) -> String {
    format!("{}: {}", path.join("."), flow(value))
}

/// Returns a text as YAML: without quotes where it cannot be taken for anything else.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_number =
        text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || ".-_e".contains(c));
    let begins = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    let is_word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if begins && text.chars().all(plain) && !is_number && !is_word { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(text: &str, path: &str, value: Value) -> String {
        let path: Vec<&str> = path.split('/').collect();
        set(text, &path, &value).unwrap_or_else(|| panic!("{text}"))
    }

    const FILE: &str = "\
# A stack.
stack: a # its name

databases:
  main: { engine: postgres, backups: 1d } # small
  other:
    engine: mysql # old
    replicas: { x: {} }

cdn: {}
keys:
environments: { test: { cdn: { logs: false } }, prod: {} }
";

    #[test]
    fn a_value_is_replaced_where_it_stands() {
        assert_eq!(after(FILE, "databases/main/backups", json!("7d")), FILE.replace("backups: 1d", "backups: 7d"));
        assert_eq!(after(FILE, "stack", json!("b")), FILE.replace("stack: a", "stack: b"));
        assert_eq!(after("a: [1, 2] # x\nb: 1\n", "a", json!(["p", "q"])), "a: [p, q] # x\nb: 1\n");
        assert_eq!(after("a: # x\nb: 1\n", "a", json!(true)), "a: true # x\nb: 1\n");
    }

    #[test]
    fn a_new_key_follows_those_that_are_there() {
        let flow = FILE.replace("backups: 1d }", "backups: 1d, multi_az: true }");
        assert_eq!(after(FILE, "databases/main/multi_az", json!(true)), flow);
        let block = FILE.replace("{ x: {} }\n", "{ x: {} }\n    multi_az: true\n");
        assert_eq!(after(FILE, "databases/other/multi_az", json!(true)), block);
        assert_eq!(after(FILE, "cdn/logs", json!(true)), FILE.replace("cdn: {}", "cdn: { logs: true }"));
    }

    #[test]
    fn a_file_of_comments_gets_its_first_key() {
        assert_eq!(after("# Mine.\n# like: production\n", "a/b", json!(1)), "# Mine.\n# like: production\na:\n  b: 1\n");
        assert_eq!(after("", "a", json!(1)), "a: 1\n");
    }

    #[test]
    fn what_is_between_is_written_too() {
        let keys = FILE.replace("keys:\n", "keys:\n  main:\n    rotation: true\n");
        assert_eq!(after(FILE, "keys/main/rotation", json!(true)), keys);
        let env = FILE.replace("prod: {}", "prod: { databases: { main: { multi_az: true } } }");
        assert_eq!(after(FILE, "environments/prod/databases/main/multi_az", json!(true)), env);
        let end = format!("{FILE}load_balancer:\n  deletion_protection: true\n");
        assert_eq!(after(FILE, "load_balancer/deletion_protection", json!(true)), end);
        assert_eq!(after("a: 1", "b/c", json!("x y")), "a: 1\nb:\n  c: \"x y\"");
    }

    #[test]
    fn keys_and_texts_are_quoted_where_they_must_be() {
        assert_eq!(after("a: {}\n", "a/x.y", json!("16")), "a: { x.y: \"16\" }\n");
        assert_eq!(after("a: {}\n", "a/on", json!("no")), "a: { \"on\": \"no\" }\n");
        assert_eq!(after("a: { b: '}' , c: \"\\\"}\" } # }\n", "a/d", json!(1)), "a: { b: '}' , c: \"\\\"}\", d: 1 } # }\n");
    }

    #[test]
    fn lines_end_as_the_others_do() {
        assert_eq!(after("a:\r\n  b: 1\r\nc: 2\r\n", "a/d/e", json!(2)), "a:\r\n  b: 1\r\n  d:\r\n    e: 2\r\nc: 2\r\n");
    }

    #[test]
    fn nothing_is_written_that_changes_more() {
        let shared = "a: &x { b: 1 }\nc: *x\n";
        assert_eq!(set(shared, &["c", "b"], &json!(2)), None);
        assert_eq!(set("a:\n  - 1\n", &["a"], &json!([2])), None);
        assert_eq!(set("a: 1\n", &["a", "b"], &json!(2)), None);
        assert_eq!(set("a: [\n", &["a"], &json!(2)), None);
    }

    proptest::proptest! {
        /// Whatever is set is read back, beside what was there.
        #[test]
        fn what_is_set_is_read_back(key in "[a-z]{1,6}", text in "[ -~äöü→]{0,12}", at in 0..4_usize) {
            let section = ["databases/main", "databases/other", "cdn", "environments/prod"][at];
            let path = format!("{section}/k{key}");
            let new = after(FILE, &path, Value::from(text.clone()));
            let read = yaml::parse(&new).unwrap().to_json();
            proptest::prop_assert_eq!(read.pointer(&format!("/{path}")), Some(&Value::from(text)));
        }
    }
}
