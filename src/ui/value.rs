//! Renders values and changes of values.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::{Change, Ids, Rule};

use super::lines::{self, Line};
use super::style::{BAD, GOOD, LOST, QUIET, Terminal, clean, width, wrap};
use super::units;

/// The most lines of one field that are shown without `--verbose`.
const LINES: usize = 30;
/// The most columns that the names of fields take before the values.
const PATHS: usize = 48;

/// The sign of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The same on both sides, or an explanation.
    Same,
    /// Changed.
    Changed,
    /// Added.
    Added,
    /// Removed.
    Removed,
}

impl Sign {
    /// Returns the column in front of the row.
    pub(crate) fn gutter(self) -> &'static str {
        match self {
            Sign::Same | Sign::Changed => "  ",
            Sign::Added => "+ ",
            Sign::Removed => "- ",
        }
    }
}

/// One line about a field.
pub(crate) struct Row {
    pub sign: Sign,
    pub text: String,
    /// Whether it stands under the name of its field.
    pub nested: bool,
}

impl Row {
    fn new(terminal: &Terminal, sign: Sign, text: String) -> Row {
        let text = match sign {
            Sign::Added => terminal.paint(GOOD, &text),
            Sign::Removed => terminal.paint(BAD, &text),
            Sign::Same | Sign::Changed => text,
        };
        Row { sign, text, nested: false }
    }
}

/// Returns a value on one line.
pub(crate) fn short(value: &Value) -> String {
    match value {
        Value::Null => "(none)".into(),
        Value::String(text) if text.is_empty() || text.trim() != text => format!("\"{}\"", clean(text)),
        Value::String(text) => clean(text).into_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let fields: Vec<String> = map.iter().map(|(k, v)| format!("{}: {}", clean(k), flow(v))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Bool(_) | Value::Number(_) => plain(value),
    }
}

/// Returns a number or a truth value; a whole number without decimals, however it is kept.
fn plain(value: &Value) -> String {
    let text = value.to_string();
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// Returns a value inside of another, as YAML takes it on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::String(text) if text.contains([',', '[', ']', '{', '}']) => quoted(text),
        Value::String(_) => scalar(value),
        other => short(other),
    }
}

/// Returns a value that is no list and no map, as YAML takes it on a line of its own.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else { return plain(value) };
    let plain = text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '$' | '+' | '('))
        && !text.ends_with([':', ' '])
        && ![": ", " #", "\n"].iter().any(|special| text.contains(special))
        && text.parse::<f64>().is_err()
        && !["true", "false", "null", "yes", "no"].contains(&text.to_ascii_lowercase().as_str());
    if plain { clean(text).into_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    clean(&Value::from(text).to_string()).into_owned()
}

/// Returns two values on one line each; the same text for both would say nothing.
fn both(before: &Value, after: &Value) -> (String, String) {
    match (short(before), short(after)) {
        (b, a) if a == b => (clean(&before.to_string()).into_owned(), clean(&after.to_string()).into_owned()),
        pair => pair,
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

/// Returns a value on as many lines as it needs: documents as YAML, text by its lines.
fn long(value: &Value) -> Vec<String> {
    match settle(value) {
        Value::String(text) => text.lines().map(|line| clean(line).into_owned()).collect(),
        other => {
            let mut lines = Vec::new();
            yaml(&other, 0, &mut lines);
            lines
        }
    }
}

/// Writes a value as YAML: every key and every member of a list on a line of its own, so that lines can be compared.
fn yaml(value: &Value, indent: usize, out: &mut Vec<String>) {
    let lead = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let key = scalar(&Value::from(key.as_str()));
                if is_scalar(value) {
                    out.push(format!("{lead}{key}: {}", scalar(value)));
                } else if is_empty(value) {
                    out.push(format!("{lead}{key}: {value}"));
                } else {
                    out.push(format!("{lead}{key}:"));
                    yaml(value, indent + 2, out);
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let first = out.len();
                yaml(item, indent + 2, out);
                if let Some(line) = out.get_mut(first) {
                    line.replace_range(indent..indent + 2, "- ");
                }
            }
        }
        other => out.push(format!("{lead}{}", scalar(other))),
    }
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Array(items) if items.is_empty()) || matches!(value, Value::Object(map) if map.is_empty())
}

/// Checks whether a value has lists or maps in it: on one line nobody could read it.
fn is_deep(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| !is_scalar(item)),
        Value::Object(map) => map.values().any(|item| !is_scalar(item)),
        _ => false,
    }
}

/// Returns the same meaning in one form: keys sorted, documents in text parsed, a policy's single values as lists.
fn settle(value: &Value) -> Value {
    let parsed = match value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => serde_json::from_str(text).ok(),
        _ => None,
    };
    match parsed.as_ref().unwrap_or(value) {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, Value> = map
                .iter()
                .map(|(key, value)| match (key.as_str(), settle(value)) {
                    ("Statement", Value::Array(all)) => (key, Value::Array(all.iter().map(settle_statement).collect())),
                    ("Statement", one) => (key, Value::Array(vec![settle_statement(&one)])),
                    (_, value) => (key, value),
                })
                .collect();
            sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(settle).collect(),
        other => other.clone(),
    }
}

fn settle_statement(statement: &Value) -> Value {
    fn listed(value: &Value) -> Value {
        match value {
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), listed(value))).collect(),
            Value::Array(items) => {
                let mut items = items.clone();
                items.sort_by_cached_key(Value::to_string);
                Value::Array(items)
            }
            one => Value::Array(vec![one.clone()]),
        }
    }
    let Value::Object(map) = statement else { return statement.clone() };
    let settled = |(key, value): (&String, &Value)| match key.as_str() {
        "Effect" | "Sid" => (key.clone(), value.clone()),
        _ => (key.clone(), listed(value)),
    };
    map.iter().map(settled).collect()
}

/// Returns the rows of an object's changes, in `room` columns (without the signs).
pub(crate) fn changes(terminal: &Terminal, changes: &[&Change], room: usize, all: bool) -> Vec<Row> {
    let paths: Vec<String> = changes.iter().map(|change| clean(&change.path).into_owned()).collect();
    let column = column(&paths, room);
    changes.iter().zip(&paths).flat_map(|(change, path)| one(terminal, change, path, column, room, all)).collect()
}

/// Returns where the values begin: behind the longest name that is not so long that its value stands below it.
fn column(paths: &[String], room: usize) -> usize {
    let longest = PATHS.min(room / 2);
    paths.iter().map(|path| width(path)).filter(|columns| *columns <= longest).max().unwrap_or(0)
}

fn one(terminal: &Terminal, change: &Change, path: &str, column: usize, room: usize, all: bool) -> Vec<Row> {
    let forces = if change.forces_replacement { "   forces replacement" } else { "" };
    let sign = match (&change.before, change.after.is_some() || change.unknown.is_some()) {
        (Some(_), true) => Sign::Changed,
        (None, _) => Sign::Added,
        (Some(_), false) => Sign::Removed,
    };
    let head = format!("{}   ", super::style::pad(path, column));
    let line = |plain: &str, shown: String| {
        let fits = width(path) <= column && width(&head) + width(plain) + forces.len() <= room;
        fits.then(|| vec![Row { sign, text: format!("{head}{shown}{}", terminal.paint(LOST, forces)), nested: false }])
    };
    let painted = |text: &str| Row::new(terminal, sign, text.to_owned()).text;
    // What is to be, when it waits for an object that does not exist yet: by the name of that.
    let awaited = change.unknown.as_ref().map(|key| match &change.after {
        Some(Value::String(text)) if text.contains(&key.to_string()) => format!("{} (new)", clean(text)),
        _ => format!("(known once {} exists)", clean(&key.to_string())),
    });
    // A change that says what changed under the name of the field.
    let under = |rows: Vec<Row>| {
        let mut out = vec![Row { sign, text: format!("{path}{}", terminal.paint(LOST, forces)), nested: false }];
        out.extend(rows.into_iter().map(|row| Row { nested: true, ..row }));
        out
    };
    let wrapped = |sign: Sign, text: &str| {
        wrap(text, room.saturating_sub(4)).into_iter().map(move |text| Row::new(terminal, sign, text)).collect::<Vec<_>>()
    };

    if change.secret {
        let text = if sign == Sign::Changed { format!("(secret) {} (secret)", terminal.arrow()) } else { "(secret)".into() };
        return line(&text, text.clone()).unwrap_or_else(|| under(wrapped(sign, &text)));
    }
    if let (Some(Value::Array(before)), Some(Value::Array(after))) = (&change.before, &change.after)
        && before.iter().chain(after).all(is_scalar)
        && (before.len() + after.len() > 0)
    {
        let (plain, shown, rows) = set(terminal, before, after, room);
        let names = |list: &[Value]| {
            let mut names: Vec<String> = list.iter().map(short).collect();
            names.sort();
            names
        };
        if awaited.is_some() && names(before) == names(after) {
            // The same names for other objects.
            let before = short(&Value::Array(before.clone()));
            let text = format!("{before} {} the new ones", terminal.arrow());
            return line(&text, text.clone()).unwrap_or_else(|| under(wrapped(Sign::Changed, &text)));
        }
        return line(&plain, shown).unwrap_or_else(|| under(rows));
    }
    let arrow = terminal.arrow();
    match (&change.before, &change.after, &awaited) {
        // The same name on both sides would say nothing.
        (Some(before), Some(after), Some(_)) if before == after => {
            let text = format!("{} {arrow} the new one", short(before));
            line(&text, text.clone()).unwrap_or_else(|| under(wrapped(Sign::Changed, &text)))
        }
        (Some(before), _, Some(awaited)) => {
            let before = short(before);
            let shown = format!("{} {arrow} {}", terminal.paint(BAD, &before), terminal.paint(GOOD, awaited));
            line(&format!("{before} {arrow} {awaited}"), shown).unwrap_or_else(|| {
                under([wrapped(Sign::Removed, &before), wrapped(Sign::Added, awaited)].into_iter().flatten().collect())
            })
        }
        (None, _, Some(awaited)) => line(awaited, painted(awaited)).unwrap_or_else(|| under(wrapped(Sign::Added, awaited))),
        (Some(before), Some(after), None) if before == after => {
            let text = short(before);
            line(&text, text.clone()).unwrap_or_else(|| under(wrapped(Sign::Same, &text)))
        }
        (Some(before), Some(after), None) => {
            let (old, new) = (long(before), long(after));
            if old.len() <= 1 && new.len() <= 1 {
                let (before, after) = both(before, after);
                let shown = format!("{} {arrow} {}", terminal.paint(BAD, &before), terminal.paint(GOOD, &after));
                return line(&format!("{before} {arrow} {after}"), shown).unwrap_or_else(|| {
                    under([wrapped(Sign::Removed, &before), wrapped(Sign::Added, &after)].into_iter().flatten().collect())
                });
            }
            under(limited(terminal, lines::compare(&old, &new, 2), room, all))
        }
        (Some(value), None, None) | (None, Some(value), None) => {
            let lines = long(value);
            if is_scalar(value) && lines.len() <= 1 || !is_scalar(value) && !is_deep(value) {
                let text = short(value);
                if let Some(rows) = line(&text, painted(&text)) {
                    return rows;
                }
                if is_scalar(value) {
                    return under(wrapped(sign, &text));
                }
            }
            let mark = |line| if sign == Sign::Added { Line::Added(line) } else { Line::Removed(line) };
            under(limited(terminal, lines.into_iter().map(mark).collect(), room, all))
        }
        (None, None, None) => Vec::new(),
    }
}

/// Returns what is added to a list and removed from it: on one line without and with colours, and on a line each.
fn set(terminal: &Terminal, before: &[Value], after: &[Value], room: usize) -> (String, String, Vec<Row>) {
    let rest = |from: &[Value], other: &[Value]| {
        let mut other: Vec<&Value> = other.iter().collect();
        let mut rest = Vec::new();
        for value in from {
            match other.iter().position(|o| *o == value) {
                Some(at) => drop(other.swap_remove(at)),
                None => rest.push(short(value)),
            }
        }
        rest
    };
    let (gone, new) = (rest(before, after), rest(after, before));
    if gone.is_empty() && new.is_empty() {
        let (before, after) = both(&Value::Array(before.to_vec()), &Value::Array(after.to_vec()));
        let text = format!("{before} {} {after}   (order)", terminal.arrow());
        let rows = wrap(&text, room.saturating_sub(4)).into_iter().map(|text| Row::new(terminal, Sign::Same, text)).collect();
        return (text.clone(), text, rows);
    }
    let same = before.len() - gone.len();
    let mut plain: Vec<String> = gone.iter().map(|t| format!("-{t}")).chain(new.iter().map(|t| format!("+{t}"))).collect();
    let mut shown: Vec<String> = gone
        .iter()
        .map(|t| terminal.paint(BAD, &format!("-{t}")))
        .chain(new.iter().map(|t| terminal.paint(GOOD, &format!("+{t}"))))
        .collect();
    let mut rows: Vec<Row> = [(Sign::Removed, &gone), (Sign::Added, &new)]
        .into_iter()
        .flat_map(|(sign, texts)| texts.iter().map(move |text| (sign, text)))
        .flat_map(|(sign, text)| wrap(text, room.saturating_sub(4)).into_iter().map(move |text| Row::new(terminal, sign, text)))
        .collect();
    if same > 0 {
        let note = format!("({same} unchanged)");
        plain.push(note.clone());
        shown.push(terminal.paint(QUIET, &note));
        rows.push(Row::new(terminal, Sign::Same, terminal.paint(QUIET, &note)));
    }
    (plain.join("  "), shown.join("  "), rows)
}

/// Returns the rows of a comparison of lines, without the end when there are too many.
fn limited(terminal: &Terminal, lines: Vec<Line>, room: usize, all: bool) -> Vec<Row> {
    let room = room.saturating_sub(4);
    let shown = if all || lines.len() <= LINES + 5 { lines.len() } else { LINES };
    let left = lines.len() - shown;
    let mut rows: Vec<Row> = lines
        .into_iter()
        .take(shown)
        .flat_map(|line| {
            let (sign, text) = match line {
                Line::Same(text) => (Sign::Same, text),
                Line::Added(text) => (Sign::Added, text),
                Line::Removed(text) => (Sign::Removed, text),
                Line::Gap(_) => (Sign::Same, terminal.dots().to_owned()),
            };
            indented(&text, room).into_iter().map(move |text| Row::new(terminal, sign, text))
        })
        .collect();
    if left > 0 {
        let note = format!("{} {left} more lines (`--verbose` shows them)", terminal.dots());
        rows.push(Row::new(terminal, Sign::Same, terminal.paint(QUIET, &note)));
    }
    rows
}

/// Returns a line in lines of at most `room` columns, all as far indented as it; the sign of a list's member stands only before the first.
fn indented(line: &str, room: usize) -> Vec<String> {
    let text = line.trim_start();
    let (sign, text) = text.strip_prefix("- ").map_or(("", text), |text| ("- ", text));
    let indent = " ".repeat((line.len() - line.trim_start().len()).min(room / 2));
    let pieces = wrap(text, room.saturating_sub(indent.len() + sign.len()));
    let lead = |at| if at == 0 { sign } else { &"  "[..sign.len()] };
    pieces.iter().enumerate().map(|(at, piece)| format!("{indent}{}{piece}", lead(at)).trim_end().to_owned()).collect()
}

/// Returns the fields of an object that is created: names and values, references by name, `secret` ones hidden.
pub(crate) fn fields(
    terminal: &Terminal,
    rules: &[Rule],
    desired: &Value,
    secret: &dyn Fn(&[String]) -> bool,
    room: usize,
) -> Vec<String> {
    let mut leaves = Vec::new();
    collect(&Ids::default().symbolic(desired), &mut Vec::new(), secret, &mut leaves);
    let paths: Vec<String> = leaves.iter().map(|(path, _)| path.clone()).collect();
    let column = column(&paths, room);
    let mut out = Vec::new();
    for (path, value) in leaves {
        let value = value.map(|value| units::measured(rules, &path, value));
        let text = value.as_ref().map_or_else(|| "(secret)".to_owned(), short);
        let head = format!("{}   ", super::style::pad(&path, column));
        let several = value.as_ref().is_some_and(|v| is_deep(v) || v.as_str().is_some_and(|s| s.trim().contains('\n')));
        if !several && width(&path) <= column && width(&head) + width(&text) <= room {
            out.push(head + &text);
            continue;
        }
        out.push(path);
        let lines = if several { value.as_ref().map(long).unwrap_or_default() } else { vec![text] };
        for line in lines {
            out.extend(indented(&line, room.saturating_sub(2)).into_iter().map(|line| format!("  {line}")));
        }
    }
    out.iter().map(|line| terminal.paint(QUIET, line.trim_end())).collect()
}

fn collect(value: &Value, path: &mut Vec<String>, secret: &dyn Fn(&[String]) -> bool, out: &mut Vec<(String, Option<Value>)>) {
    let name = path.iter().map(|step| clean(step)).collect::<Vec<_>>().join(".");
    if value.is_null() || name.starts_with("tags.stack:") {
        return;
    }
    if !path.is_empty() && secret(path) {
        return out.push((name, None));
    }
    match value {
        Value::Object(map) if !map.is_empty() || path.is_empty() => {
            for (key, value) in map {
                path.push(key.clone());
                collect(value, path, secret, out);
                path.pop();
            }
        }
        // What is secret inside of a list is hidden where it stands.
        other => out.push((name, Some(redacted(other, path, secret)))),
    }
}

/// Returns the value with everything secret in it hidden.
pub(crate) fn redacted(value: &Value, path: &mut Vec<String>, secret: &dyn Fn(&[String]) -> bool) -> Value {
    if !path.is_empty() && secret(path) {
        return Value::String("(secret)".into());
    }
    let mut inside = |step: String, value: &Value| {
        path.push(step);
        let value = redacted(value, path, secret);
        path.pop();
        value
    };
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), inside(key.clone(), value))).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| inside(at.to_string(), value)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::Key;

    fn change(path: &str, before: Option<Value>, after: Option<Value>) -> Change {
        let path = path.to_owned();
        Change { path, before, after, unknown: None, forces_replacement: false, impossible: None, secret: false }
    }

    /// What is shown of a change in so many columns.
    fn rows(change: &Change, room: usize) -> String {
        let rows = changes(&Terminal::plain(room), &[change], room, false);
        rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// One line about a list that changes.
    fn shown(before: Value, after: Value, unknown: Option<Key>) -> String {
        rows(&Change { unknown, ..change("subnets", Some(before), Some(after)) }, 110)
    }

    #[test]
    fn an_added_policy_reads_as_yaml_at_any_width() {
        let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/stack/webapp/production/exec/session:*";
        let policy = json!({"Statement": [{"Action": "logs:PutLogEvents", "Effect": "Allow", "Resource": [arn]}]});
        insta::assert_snapshot!(rows(&change("policies.exec", None, Some(policy)), 60), @r"
        policies.exec
        Statement:
          - Action:
              - logs:PutLogEvents
            Effect: Allow
            Resource:
              - arn:aws:logs:us-east-1:123456789012:log-group:/
                stack/webapp/production/exec/session:*
        ");
    }

    #[test]
    fn whole_numbers_have_no_decimals() {
        let shown = rows(&change("threshold", Some(json!(5_368_709_120.0)), Some(json!(0.5))), 70);
        assert_eq!(shown, "threshold   5368709120 → 0.5");
    }

    #[test]
    fn only_exchanged_members_are_shown_as_reordered() {
        let (a, b) = ("ec2.subnet/app-a", "ec2.subnet/app-b");
        let exchanged = shown(json!([a, b]), json!([b, a]), None);
        assert_eq!(exchanged, format!("subnets   [{a}, {b}] → [{b}, {a}]   (order)"));
        // The same names for other objects, in whichever order.
        for after in [json!([a, b]), json!([b, a])] {
            let replaced = shown(json!([a, b]), after, Some(Key::new("ec2.subnet", "app-a")));
            assert_eq!(replaced, format!("subnets   [{a}, {b}] → the new ones"));
        }
    }
}
