//! The check of shape: every violation of the JSON Schema, each at its place and in words.
//!
//! It understands what schemars writes for the types of the file and of the kinds, not all of JSON Schema. A text with a `format`
//! of this project (`stack-…`) is given to the parser of that type, which says more than a pattern could.

use std::ops::Range;

use serde_json::{Map, Value};

use super::alarms::{Count, Percent, Switch, Threshold, Time, Unit as _};
use super::buckets::Versions;
use super::diagnostic::{Diagnostic, MOST, short};
use super::exceptions;
use super::firewall::{AnyCidr, Country};
use super::route::{self, Route};
use super::scalar::PATTERN_MESSAGE;
use super::suggest;
use super::values::{self, Account, Cidr, Duration, Name, Retention, Rotation, Size, Wrong};
use super::yaml::{MapKey, Node, NodeValue};

/// Checks the whole file. With `partial`, an environment will complete it, and no key is missing. `hidden` are the places whose
/// values are not quoted.
pub fn check(file: &Node, schema: &Value, partial: bool, hidden: &[Range<usize>]) -> Vec<Diagnostic> {
    let mut checker = Checker { root: schema, partial, hidden, found: Vec::new() };
    checker.value(file, schema, &Place { path: String::new(), key: None });
    checker.found
}

struct Checker<'a> {
    root: &'a Value,
    partial: bool,
    hidden: &'a [Range<usize>],
    found: Vec<Diagnostic>,
}

/// The words in place of a value that may be a secret.
const NOT_SHOWN: &str = "(not shown)";

/// Returns what a text should look like, when it does not match its pattern. A reference is known only later.
fn misshapen(text: &str, schema: &Value) -> Option<String> {
    let pattern = schema["pattern"].as_str().filter(|_| !text.contains("${"))?;
    if regex_lite::Regex::new(pattern).ok()?.is_match(text) {
        return None;
    }
    Some(schema[PATTERN_MESSAGE].as_str().map_or_else(|| format!("it must match `{pattern}`"), str::to_owned))
}

/// A place in the file: its path, and its key if it has one.
struct Place<'a> {
    path: String,
    key: Option<&'a MapKey>,
}

impl Place<'_> {
    fn named(&self) -> String {
        if self.path.is_empty() { "the stack file".into() } else { format!("`{}`", self.path) }
    }

    /// Returns the place to point at: for a map its key, because it has many lines; for the whole file its beginning.
    fn span(&self, node: &Node) -> Range<usize> {
        match (&node.value, self.key) {
            (NodeValue::Map(_) | NodeValue::List(_) | NodeValue::Null, Some(key)) => key.span.clone(),
            (NodeValue::Map(_), None) => node.span.start..node.entries().first().map_or(node.span.start, |(k, _)| k.span.end),
            _ => node.span.clone(),
        }
    }

    fn inside<'k>(&self, key: &'k MapKey) -> Place<'k> {
        let dot = if self.path.is_empty() { "" } else { "." };
        Place { path: format!("{}{dot}{}", self.path, key.text), key: Some(key) }
    }
}

impl<'a> Checker<'a> {
    fn value(&mut self, node: &Node, schema: &'a Value, place: &Place<'_>) {
        if self.found.len() >= MOST {
            return;
        }
        let schema = self.resolved(schema);
        let branches = self.branches(schema);
        if branches.len() > 1 || schema.get("anyOf").is_some() || schema.get("oneOf").is_some() {
            let words: Vec<&Value> = branches.iter().flat_map(|b| choices(b)).collect();
            if words.len() >= branches.iter().filter(|b| !only_null(b)).count() && !words.is_empty() {
                return self.choice(node, &words, &branches, place);
            }
            let fitting: Vec<&'a Value> = branches.iter().copied().filter(|b| fits(node, b)).collect();
            return match fitting.as_slice() {
                [] => self.wrong_type(node, &branches, place),
                [one] => self.value(node, one, place),
                // The branch with the fewest problems is the one that was meant.
                many => {
                    let complaints = many.iter().map(|branch| {
                        let mut attempt =
                            Checker { root: self.root, partial: self.partial, hidden: self.hidden, found: Vec::new() };
                        attempt.value(node, branch, place);
                        attempt.found
                    });
                    let least = complaints.min_by_key(Vec::len).unwrap_or_default();
                    self.found.extend(least);
                }
            };
        }
        if !fits(node, schema) {
            return self.wrong_type(node, &[schema], place);
        }
        let words = choices(schema);
        let own_format = schema["format"].as_str().filter(|f| f.starts_with("stack-"));
        if !words.is_empty() && own_format.is_none() {
            return self.choice(node, &words, &[schema], place);
        }
        match &node.value {
            NodeValue::Text(text) => self.text(node, text, schema, place),
            NodeValue::Number(number) => {
                for (bound, beyond, word) in
                    [("minimum", std::cmp::Ordering::Less, "at least"), ("maximum", std::cmp::Ordering::Greater, "at most")]
                {
                    let limit = &schema[bound];
                    if let (Some(n), Some(l)) = (number.as_f64(), limit.as_f64())
                        && n.partial_cmp(&l) == Some(beyond)
                    {
                        self.found.push(
                            Diagnostic::error(
                                "out-of-range",
                                format!("{} must be {word} {limit}, but is {number}", place.named()),
                            )
                            .label(node.span.clone(), format!("{word} {limit}"))
                            .help(format!("the nearest valid value is `{limit}`")),
                        );
                    }
                }
            }
            NodeValue::List(items) => {
                let count = items.len() as u64;
                for (bound, wrong, word) in [
                    ("minItems", schema["minItems"].as_u64().is_some_and(|n| count < n), "at least"),
                    ("maxItems", schema["maxItems"].as_u64().is_some_and(|n| count > n), "at most"),
                ] {
                    if wrong {
                        let message = match count {
                            0 => format!("{} is empty", place.named()),
                            _ => format!("{} must have {word} {} entries, but has {count}", place.named(), schema[bound]),
                        };
                        self.found.push(Diagnostic::error("out-of-range", message).label(place.span(node), ""));
                    }
                }
                if let Some(each) = schema.get("items") {
                    for (i, item) in items.iter().enumerate() {
                        self.value(item, each, &Place { path: format!("{}[{i}]", place.path), key: None });
                    }
                }
            }
            NodeValue::Map(entries) => self.map(node, entries, schema, place),
            NodeValue::Null | NodeValue::Bool(_) => {}
        }
    }

    fn map(&mut self, node: &Node, entries: &[(MapKey, Node)], schema: &'a Value, place: &Place<'_>) {
        let known = schema["properties"].as_object();
        if let (true, Some(known)) = (place.path.is_empty(), known)
            && let Some(diagnostic) = not_a_stack_file(entries, known)
        {
            self.found.push(diagnostic);
            return;
        }
        let other = schema
            .get("additionalProperties")
            .or_else(|| schema["patternProperties"].as_object().and_then(|p| p.values().next()));
        for (key, value) in entries {
            if self.found.len() >= MOST {
                return;
            }
            let inside = place.inside(key);
            if let Some(property) = known.and_then(|k| k.get(&key.text)) {
                self.value(value, property, &inside);
            } else if let Some(other) = other.filter(|o| **o != Value::Bool(false)) {
                let names = schema["propertyNames"]["format"].as_str().and_then(|format| check_format(format, &key.text));
                if let Some(Err(wrong)) = names {
                    self.found.push(
                        Diagnostic::error("invalid-name", wrong.message)
                            .label(key.span.clone(), "not a valid name")
                            .help(wrong.help),
                    );
                }
                self.value(value, other, &inside);
            } else if other.is_some() {
                self.unknown(key, known.map(|k| k.keys().map(String::as_str).collect()).unwrap_or_default(), place);
            }
        }
        if self.partial {
            return;
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if node.get(name).is_none() {
                let description = known.and_then(|k| k.get(name)).and_then(|p| self.description(p));
                let label =
                    if place.path.is_empty() { format!("`{name}` is missing") } else { format!("`{name}` is missing here") };
                let diagnostic =
                    Diagnostic::error("missing-key", format!("{} has no `{name}`", place.named())).label(place.span(node), label);
                self.found.push(match description {
                    Some(text) => diagnostic.help(format!("`{name}`: {}", text.trim_end_matches('.'))),
                    None => diagnostic,
                });
            }
        }
    }

    fn unknown(&mut self, key: &MapKey, known: Vec<&str>, place: &Place<'_>) {
        let kinds = place.path == "resources" || (place.path.starts_with("environments.") && place.path.ends_with(".resources"));
        let message = if kinds {
            format!("there is no kind `{}`", short(&key.text))
        } else {
            format!("{} has no key `{}`", place.named(), short(&key.text))
        };
        let diagnostic = Diagnostic::error("unknown-key", message).label(key.span.clone(), "unknown");
        // The top of one environment's overlay.
        let overlay = place.path.strip_prefix("environments.").is_some_and(|env| !env.contains('.'));
        let help = match key.text.as_str() {
            "stack" | "environments" if overlay => {
                Some(format!("`{}` is the same in every environment; write it at the top level of the file", key.text))
            }
            text if kinds => kinds_like(text, &known),
            text => suggest::help(text, known.iter().copied(), "valid keys are"),
        };
        self.found.push(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }

    /// Checks whether the value must not be quoted.
    fn is_hidden(&self, node: &Node) -> bool {
        self.hidden.iter().any(|place| place.start <= node.span.start && node.span.end <= place.end)
    }

    fn text(&mut self, node: &Node, text: &str, schema: &Value, place: &Place<'_>) {
        let format = schema["format"].as_str().unwrap_or_default();
        let count = text.chars().count() as u64;
        let least = schema["minLength"].as_u64().filter(|least| count < *least);
        // The value of a reference has another length.
        let most = schema["maxLength"].as_u64().filter(|most| count > *most && !text.contains("${"));
        let wrong = match (check_format(format, text), least.or(most)) {
            (Some(Err(wrong)), _) => {
                let quotes = [&wrong.message, &wrong.help].iter().any(|said| said.contains(text));
                let message = match quotes && self.is_hidden(node) {
                    true => format!("{} has an invalid value {NOT_SHOWN}", place.named()),
                    false => format!("{}: {}", place.named(), wrong.message),
                };
                let diagnostic = Diagnostic::error("invalid-value", message).label(node.span.clone(), "");
                if quotes && self.is_hidden(node) { diagnostic } else { diagnostic.help(wrong.help) }
            }
            (_, Some(_)) if count == 0 => {
                Diagnostic::error("invalid-value", format!("{} is empty", place.named())).label(node.span.clone(), "empty text")
            }
            (_, Some(bound)) => {
                let word = if least.is_some() { "fewer" } else { "more" };
                let message =
                    format!("{} has {}, {word} than {bound}", place.named(), super::diagnostic::count(count, "character"));
                let label = if least.is_some() { format!("at least {bound}") } else { format!("at most {bound}") };
                Diagnostic::error("invalid-value", message).label(node.span.clone(), label)
            }
            (Some(Ok(())), None) => return,
            (None, None) => {
                let Some(help) = misshapen(text, schema) else { return };
                let said = if self.is_hidden(node) { NOT_SHOWN.to_owned() } else { short(text) };
                let message = format!("{} cannot be `{said}`", place.named());
                Diagnostic::error("invalid-value", message).label(node.span.clone(), "").help(help)
            }
        };
        self.found.push(wrong);
    }

    /// Checks a value against the few that are valid.
    fn choice(&mut self, node: &Node, words: &[&Value], branches: &[&Value], place: &Place<'_>) {
        let value = node.to_json();
        if words.contains(&&value)
            || (value.is_null() && branches.iter().any(|b| fits(node, b) && (only_null(b) || b["type"].is_array())))
        {
            return;
        }
        let said = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let all: Vec<String> = words.iter().filter(|w| !w.is_null()).map(|w| said(w)).collect();
        let message = match &node.value {
            NodeValue::Map(_) | NodeValue::List(_) => format!("{} must be a single value, but is {}", place.named(), found(node)),
            NodeValue::Null => format!("{} has no value", place.named()),
            _ if self.is_hidden(node) => format!("{} has an invalid value {NOT_SHOWN}", place.named()),
            _ => format!("{} cannot be `{}`", place.named(), short(&said(&value))),
        };
        let list = all.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ");
        let near = match (value.as_u64(), words.iter().filter_map(|w| w.as_u64()).collect::<Vec<_>>()) {
            (Some(n), numbers) if !numbers.is_empty() => numbers.into_iter().min_by_key(|w| w.abs_diff(n)).map(|w| w.to_string()),
            _ => suggest::nearest(&said(&value), all.iter().map(String::as_str)).map(str::to_owned),
        };
        let help = match near {
            Some(near) => format!("did you mean `{near}`? Valid values are {list}"),
            None => format!("valid values are {list}"),
        };
        self.found.push(Diagnostic::error("not-a-choice", message).label(place.span(node), "not a valid value").help(help));
    }

    fn wrong_type(&mut self, node: &Node, schemas: &[&Value], place: &Place<'_>) {
        let mut wanted: Vec<&str> = Vec::new();
        for word in schemas.iter().flat_map(|s| types(s)).map(word) {
            if !word.is_empty() && !wanted.contains(&word) {
                wanted.push(word);
            }
        }
        // Where text is possible the rest is a convenience.
        if wanted.contains(&"text") && wanted.contains(&"a number") {
            wanted.retain(|word| *word == "text");
        }
        let wanted = wanted.join(" or ");
        if node.value == NodeValue::Null {
            let message = format!("{} has no value", place.named());
            let diagnostic = Diagnostic::error("wrong-type", message).label(place.span(node), format!("expected {wanted}"));
            let needed = schemas.iter().flat_map(|s| s["required"].as_array().into_iter().flatten()).filter_map(Value::as_str);
            let needed: Vec<String> = needed.map(|key| format!("`{key}: …`")).collect();
            let name = place.key.map_or("it", |key| key.text.as_str());
            self.found.push(if needed.is_empty() {
                diagnostic.help(format!("write a value after `{}:`, or remove the line", short(name)))
            } else {
                diagnostic.help(format!("write at least {} on lines below `{}:`", needed.join(" and "), short(name)))
            });
            return;
        }
        let is = |name: &str| schemas.iter().any(|s| types(s).contains(&name));
        let json = node.to_json();
        // `timeout: 30`: what the type says about the text "30" is better than that it is no text.
        let format = schemas.iter().find_map(|s| s["format"].as_str()).unwrap_or_default();
        let hidden = self.is_hidden(node);
        if let (true, Some(Err(wrong))) = (json.is_number() && !hidden, check_format(format, &json.to_string())) {
            let message = format!("{}: {}", place.named(), wrong.message);
            self.found.push(Diagnostic::error("invalid-value", message).label(node.span.clone(), "").help(wrong.help));
            return;
        }
        let help = match &node.value {
            NodeValue::Text(_) if hidden && is("array") => Some("write a list: `[\"…\", \"…\"]`".into()),
            NodeValue::Text(_) | NodeValue::Number(_) | NodeValue::Bool(_) if hidden => None,
            NodeValue::Text(text) if is("integer") || is("number") => {
                text.parse::<f64>().ok().map(|_| format!("remove the quotes: `{text}`")).or_else(|| {
                    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                    text.contains(['_', ',']).then(|| format!("write only the digits: `{digits}`"))
                })
            }
            NodeValue::Text(text) if is("boolean") => match text.to_lowercase().as_str() {
                "yes" | "on" | "y" | "true" => Some("write `true`".into()),
                "no" | "off" | "n" | "false" => Some("write `false`".into()),
                _ => None,
            },
            NodeValue::Number(_) | NodeValue::Bool(_) if is("string") => Some(format!("put it in quotes: `\"{json}\"`")),
            NodeValue::Text(text) if is("array") && place.key.is_some_and(|k| ["command", "entrypoint"].contains(&k.text.as_str())) => {
                Some(format!("write a list: `{}`", command(text)))
            }
            NodeValue::Text(text) if is("array") => Some(format!("write a list: `[\"{}\"]`", short(text))),
            // `policies: [AmazonS3ReadOnlyAccess]` in a service.
            NodeValue::Text(_) if is("object") && place.path.starts_with("services.") && place.path.contains(".policies[") => Some(
                "write what its tasks may do: `{ actions: [\"s3:GetObject\"], resources: [\"arn:aws:s3:::NAME/*\"] }`; managed policies are \
                 possible for groups, under `access`, and for roles, under `resources`"
                    .into(),
            ),
            NodeValue::Number(_) if is("array") => Some(format!("write a list: `[{json}]`")),
            NodeValue::List(_) if is("object") => Some("write a map: `name: …` on separate lines, without dashes".into()),
            _ => None,
        };
        let found = match &node.value {
            NodeValue::Text(_) if hidden => format!("a text {NOT_SHOWN}"),
            NodeValue::Number(_) if hidden => format!("a number {NOT_SHOWN}"),
            _ => found(node),
        };
        let diagnostic = Diagnostic::error("wrong-type", format!("{} must be {wanted}, but is {found}", place.named()))
            .label(place.span(node), format!("expected {wanted}"));
        self.found.push(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }

    fn resolved(&self, mut schema: &'a Value) -> &'a Value {
        // A schema that refers to itself is a defect of the schema, not worth a hang.
        for _ in 0..16 {
            match schema["$ref"].as_str().and_then(|to| self.root.pointer(to.trim_start_matches('#'))) {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }

    /// Returns the alternatives, and those inside alternatives.
    fn branches(&self, schema: &'a Value) -> Vec<&'a Value> {
        let schema = self.resolved(schema);
        match schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            Some(branches) => branches.iter().flat_map(|b| self.branches(b)).collect(),
            None => vec![schema],
        }
    }

    fn description(&self, schema: &'a Value) -> Option<&'a str> {
        schema["description"].as_str().or_else(|| self.resolved(schema)["description"].as_str())
    }
}

/// The code of a file that is no stack file at all.
pub const NOT_A_STACK_FILE: &str = "not-a-stack-file";

/// Returns the only problem of a file that names no stack and has keys that no stack file has: one of another tool, whose every line
/// would get an answer otherwise.
fn not_a_stack_file(entries: &[(MapKey, Node)], known: &Map<String, Value>) -> Option<Diagnostic> {
    let foreign = |key: &&MapKey| suggest::nearest(&key.text, known.keys().map(String::as_str)).is_none();
    let keys = || entries.iter().map(|(key, _)| key);
    let is_near = |key: &MapKey| suggest::nearest(&key.text, ["stack"]).is_some();
    if keys().any(is_near) || !keys().any(|key| foreign(&key)) {
        return None;
    }
    let foreign = keys().filter(foreign).take(3).map(|key| format!("`{}`", short(&key.text))).collect::<Vec<_>>().join(", ");
    let message = format!("this is not a stack file: it has no key `stack`, and a stack file cannot have {foreign}");
    let diagnostic = Diagnostic::error(NOT_A_STACK_FILE, message).label(entries[0].0.span.clone(), "expected `stack: NAME`");
    Some(diagnostic.help("`stack init` writes a file to start from"))
}

/// Returns a command as a list: of its words, or for a shell where it needs one.
fn command(text: &str) -> String {
    let quoted = |part: &str| format!("\"{}\"", short(part).replace('"', "\\\""));
    if text.contains(['"', '\'', '$', '|', '&', ';', '<', '>', '*', '`', '(']) {
        return format!("[\"sh\", \"-c\", {}]", quoted(text));
    }
    format!("[{}]", text.split_whitespace().map(quoted).collect::<Vec<_>>().join(", "))
}

/// Suggests a kind of the same service, or of one with nearly the same name; otherwise lists what exists.
fn kinds_like(text: &str, known: &[&str]) -> Option<String> {
    let service = text.split('.').next().unwrap_or(text);
    let services: Vec<&str> = known.iter().filter_map(|kind| kind.split('.').next()).collect();
    let nearly = |other: &&str| strsim::damerau_levenshtein(service, other) <= 1 && service.len() > 2;
    let meant = services.iter().find(|s| **s == service).or_else(|| services.iter().find(|s| nearly(s)));
    let Some(meant) = meant else {
        let mut services = services;
        services.dedup();
        return Some(format!("there are kinds for `{}`: `stack schema` lists them under `resources`", services.join("`, `")));
    };
    let of: Vec<&str> = known.iter().copied().filter(|kind| kind.split('.').next() == Some(meant)).collect();
    let object = text.split_once('.').map_or("", |(_, object)| object);
    let near = suggest::nearest(object, of.iter().filter_map(|kind| kind.split_once('.').map(|(_, object)| object)));
    Some(match near {
        Some(near) => format!("did you mean `{meant}.{near}`?"),
        None => {
            format!("the kinds of `{meant}` are {}", of.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", "))
        }
    })
}

/// Returns the values of an enumeration.
fn choices(schema: &Value) -> Vec<&Value> {
    match schema.get("const") {
        Some(one) => vec![one],
        None => schema["enum"].as_array().map(|all| all.iter().collect()).unwrap_or_default(),
    }
}

fn only_null(schema: &Value) -> bool {
    schema["type"] == "null"
}

/// Returns the JSON types that the schema allows; none if it names none.
fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn fits(node: &Node, schema: &Value) -> bool {
    let types = types(schema);
    types.is_empty()
        || types.iter().any(|name| match (&node.value, *name) {
            (NodeValue::Null, "null") | (NodeValue::Bool(_), "boolean") | (NodeValue::Number(_), "number") => true,
            (NodeValue::Text(_), "string") | (NodeValue::List(_), "array") | (NodeValue::Map(_), "object") => true,
            (NodeValue::Number(n), "integer") => n.is_i64() || n.is_u64(),
            _ => false,
        })
}

fn word(name: &str) -> &str {
    match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a map",
        _ => "",
    }
}

fn found(node: &Node) -> String {
    match &node.value {
        NodeValue::Null => "empty".into(),
        NodeValue::Bool(b) => format!("`{b}`"),
        NodeValue::Number(n) => format!("the number `{n}`"),
        NodeValue::Text(text) => format!("the text `{}`", short(text)),
        NodeValue::List(_) => "a list".into(),
        NodeValue::Map(_) => "a map".into(),
    }
}

/// Checks a text against a `format` of this project; `None` for other formats.
fn check_format(format: &str, text: &str) -> Option<Result<(), Wrong>> {
    Some(match format {
        "stack-name" => text.parse::<Name>().map(drop),
        "stack-account" => text.parse::<Account>().map(drop),
        "stack-cidr" => text.parse::<Cidr>().map(drop),
        "stack-any-cidr" => text.parse::<AnyCidr>().map(drop),
        "stack-country" => text.parse::<Country>().map(drop),
        "stack-duration" => text.parse::<Duration>().map(drop),
        "stack-size" => text.parse::<Size>().map(drop),
        "stack-retention" => text.parse::<Retention>().map(drop),
        Percent::FORMAT => text.parse::<Threshold<Percent>>().map(drop),
        Count::FORMAT => text.parse::<Threshold<Count>>().map(drop),
        Time::FORMAT => text.parse::<Threshold<Time>>().map(drop),
        Switch::FORMAT => text.parse::<Threshold<Switch>>().map(drop),
        "stack-versions" => text.parse::<Versions>().map(drop),
        "stack-rotation" => text.parse::<Rotation>().map(drop),
        "stack-route" => text.parse::<Route>().map(drop),
        "stack-route-path" => route::path(text),
        "stack-health-path" if text.starts_with('/') => Ok(()),
        "stack-health-path" => {
            Err(Wrong::new(format!("the path `{}` does not start with a slash", short(text)), format!("write `/{text}`")))
        }
        "stack-route-host" => route::host(text),
        "stack-date" => exceptions::day(text).map(drop),
        "stack-region" => values::region(text),
        "stack-certificate" => values::certificate(text),
        "stack-secret" => values::secret(text),
        "stack-secret-version" => values::secret_version(text),
        "stack-bucket" => values::bucket(text),
        // Its pattern is for editors alone: the checks of sense say more.
        "stack-sense" => Ok(()),
        _ => return None,
    })
}
