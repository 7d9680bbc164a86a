//! The checks of tags: what every AWS service accepts.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::Checks;
use crate::diagnostic::{Diagnostic, Severity, short};
use crate::limits::{TAG_KEY, TAG_VALUE, TAGS};

/// The number of tags that `stack` needs for itself: eight, the expiry, the schedule, and two that some kinds use.
const OWN: usize = 12;
/// Reserved prefixes, and by whom (RDS refuses its own in values as well:
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Tag.html>).
const RESERVED: [(&str, &str); 3] =
    [("aws:", "AWS reserves it"), ("rds:", "RDS reserves it"), ("stack:", "`stack` recognises its own objects by these tags")];

/// Checks whether every service accepts the character in a tag: letters, digits, white space and a few signs. EC2 accepts more; RDS, IAM,
/// ElastiCache, load balancers, ACM, Logs and ECS do not
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Tag.html>,
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html>).
fn is_taken(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() && !c.is_control() || "_.:/=+-@".contains(c)
}

/// Returns what is wrong with a tag, and whether it is the key.
pub fn wrong(key: &str, value: &str) -> Vec<(bool, Diagnostic)> {
    let mut out = Vec::new();
    for (begins, whose) in RESERVED {
        if key.to_lowercase().starts_with(begins) {
            let message = format!("the tag `{}` starts with `{begins}`, which is reserved", short(key));
            out.push((true, Diagnostic::error("reserved-tag", message).help(format!("{whose}; choose another key"))));
        }
        if begins != "stack:" && value.to_lowercase().starts_with(begins) {
            let message = format!("the value of the tag `{}` starts with `{begins}`, which RDS refuses", short(key));
            out.push((false, Diagnostic::error("reserved-tag", message).help("choose another value")));
        }
    }
    for (is_key, what, text, limit) in [(true, "key", key, TAG_KEY), (false, "value", value, TAG_VALUE)] {
        let count = text.chars().count();
        if count > limit.most {
            let message = format!("this tag's {what} has {count} characters, {} too many", count - limit.most);
            let help = format!("AWS accepts at most {}", limit.most);
            out.push((is_key, Diagnostic::error("name-too-long", message).help(help)));
        }
        if let Some(c) = text.chars().find(|c| !is_taken(*c)) {
            let shown = if c.is_control() { format!("U+{:04X}", u32::from(c)) } else { c.to_string() };
            let message = format!(
                "the {what} of the tag `{}` contains the character `{shown}`, which not every AWS service accepts",
                short(key)
            );
            let help = "tags consist of letters, digits, spaces and `_ . : / = + - @`";
            out.push((is_key, Diagnostic::error("tag-character", message).help(help)));
        }
    }
    if key.is_empty() {
        out.push((true, Diagnostic::error("invalid-name", "a tag has an empty key").help("give it one")));
    }
    out
}

pub(super) fn tags(checks: &mut Checks<'_>) {
    let tags = &checks.stack.tags;
    all(checks, "tags", tags);
    let stack = checks.stack;
    for (kind, objects) in &stack.resources {
        for (name, object) in objects {
            // EC2 accepts every character, and distinguishes keys by case.
            let Some(tags) = object.get("tags").and_then(|tags| tags.as_object()) else { continue };
            let tags: BTreeMap<String, String> =
                tags.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
            let path = format!("resources.{kind}.{name}.tags");
            if kind.starts_with("ec2.") {
                count(checks, &path, &tags);
            } else {
                all(checks, &path, &tags);
            }
        }
    }
}

fn all(checks: &mut Checks<'_>, path: &str, tags: &BTreeMap<String, String>) {
    // Every object gets this tag, which the console shows.
    let mut seen: BTreeMap<String, &str> = BTreeMap::from([("name".to_owned(), "Name")]);
    let stack = checks.stack;
    if path != "tags" {
        seen.extend(stack.tags.keys().map(|key| (key.to_lowercase(), key.as_str())));
    }
    for (key, value) in tags {
        for (is_key, diagnostic) in wrong(key, value) {
            if is_key { at(checks, path, key, diagnostic) } else { value_at(checks, path, key, diagnostic) }
        }
        if let Some(other) = seen.insert(key.to_lowercase(), key).filter(|other| *other != key.as_str()) {
            let message =
                format!("the tags `{}` and `{}` differ only in case, and IAM treats them as one", short(other), short(key));
            let help = if other == "Name" { "every object gets `Name`; write it like that" } else { "keep one of them" };
            at(checks, path, key, Diagnostic::error("duplicate-tag", message).help(help));
        }
    }
    count(checks, path, tags);
}

/// Checks the number of tags: an object has its own and the stack's, and a key in both counts once.
fn count(checks: &mut Checks<'_>, path: &str, tags: &BTreeMap<String, String>) {
    let count = tags.keys().chain(checks.stack.tags.keys()).collect::<BTreeSet<_>>().len();
    if count > TAGS.most - OWN {
        let message =
            format!("there are {count} tags; an object in AWS can have at most {}, of which `stack` needs {OWN}", TAGS.most);
        checks.at_key(path, "too many", Diagnostic::error("too-many-tags", message).help("remove some"));
    }
}

/// Adds a problem with a key, which may contain dots.
fn at(checks: &mut Checks<'_>, path: &str, key: &str, diagnostic: Diagnostic) {
    let span = checks.file.node(path).and_then(|n| n.entries().iter().find(|(k, _)| k.text == key)).map(|(k, _)| k.span.clone());
    place(checks, span, diagnostic);
}

fn value_at(checks: &mut Checks<'_>, path: &str, key: &str, diagnostic: Diagnostic) {
    let span = checks.file.node(path).and_then(|n| n.entries().iter().find(|(k, _)| k.text == key)).map(|(_, v)| v.span.clone());
    place(checks, span, diagnostic);
}

fn place(checks: &mut Checks<'_>, span: Option<std::ops::Range<usize>>, diagnostic: Diagnostic) {
    if !checks.is_enough(Severity::Error) {
        checks.found.push(match span {
            Some(span) => diagnostic.label(span, "here"),
            None => diagnostic,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_any_service_refuses_are_refused() {
        for value in
            ["a, b", "a (c)", "50%", "a;b", "<x>", "it's", "a\u{0}b", "line\nbreak", "#1", "a*", "!", "~", "{x}", "[x]", "\"x\""]
        {
            assert_eq!(wrong("owner", value).len(), 1, "{value:?}");
            assert_eq!(wrong(value, "x").len(), 1, "{value:?}");
        }
        for value in ["", "a b", "Größe", "数据", "a_b.c:d/e=f+g-h@i", "0012", "x\u{a0}y"] {
            assert!(wrong("owner", value).is_empty(), "{value:?}");
        }
        for key in ["aws:x", "AWS:x", "stack:x", "rds:x", "", &"k".repeat(129)] {
            assert_eq!(wrong(key, "x").len(), 1, "{key}");
        }
        assert_eq!(wrong("x", "aws:y").len() + wrong("x", "rds:y").len() + wrong("x", &"v".repeat(257)).len(), 3);
    }
}
