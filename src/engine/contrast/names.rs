//! What the objects of a side are called, and its texts without the names of its environment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::item::Item;
use crate::key::Key;
use crate::scope::Scope;
use crate::token::Ids;

/// The fewest characters by which a text of the cloud is recognised inside of others.
const TELLING: usize = 8;
/// What stands for the names of a side's stack and environment in comparisons. No text has these characters, and nobody sees them.
const STACK: &str = "\u{1}";
const ENV: &str = "\u{2}";
const ACCOUNT: &str = "\u{3}";
const REGION: &str = "\u{4}";
const PREFIX: &str = "\u{5}";
/// The environment whose names begin with the stack's name alone.
pub(super) const DEFAULT: &str = "default";

/// What texts of the cloud are called that belong to a side. Pairs of what is replaced and by what, the longest first.
#[derive(Default)]
pub(super) struct Names {
    /// Texts that name one object wherever they stand, and attributes that are the same as another one of their object.
    pub telling: Vec<(String, String)>,
    /// Attributes with other texts, which could as well mean something else where they stand.
    pub plain: Vec<(String, String)>,
}

impl Names {
    pub fn of(objects: &BTreeMap<&Key, &Item>, scope: &Scope, with_default: bool) -> Names {
        let mut known: BTreeMap<String, (bool, String)> = BTreeMap::new();
        let (mut telling, mut plain) = (Vec::new(), Vec::new());
        for (key, item) in objects {
            let Some(before) = &item.before else { continue };
            // What a field says itself is compared there.
            let said = leaves(&before.fields);
            let mut of_object: BTreeMap<&str, String> = BTreeMap::new();
            for (attr, value) in attributes(&before.live) {
                let name = if attr == "id" { key.to_string() } else { format!("{key}.{attr}") };
                if let Some(first) = of_object.get(value) {
                    telling.push((name, first.clone()));
                    continue;
                }
                of_object.insert(value, name.clone());
                if !is_telling(value, scope) {
                    plain.push((name, neutral(value, scope, with_default)));
                    continue;
                }
                let secondary = attr != "id" && attr != "arn";
                let is_first = known.get(value).is_none_or(|(other, _)| *other && !secondary);
                if is_first && !said.contains(value) {
                    known.insert(value.to_owned(), (secondary, name));
                }
            }
        }
        telling.extend(known.into_iter().map(|(value, (_, name))| (value, name)));
        for list in [&mut telling, &mut plain] {
            list.sort_by_key(|(from, _): &(String, String)| std::cmp::Reverse(from.len()));
        }
        Names { telling, plain }
    }
}

/// Returns the text attributes of a live object, its identifiers first.
fn attributes(live: &Value) -> Vec<(&str, &str)> {
    let all = live.as_object().into_iter().flatten();
    let mut out: Vec<(&str, &str)> = all.filter_map(|(attr, value)| Some((attr.as_str(), value.as_str()?))).collect();
    out.sort_by_key(|(attr, _)| (*attr != "id", *attr != "arn", *attr));
    out
}

/// Returns every text of a value.
pub(crate) fn leaves(value: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, out: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => {
                out.insert(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
            Value::Object(map) => map.values().for_each(|item| collect(item, out)),
            _ => {}
        }
    }
    let mut out = BTreeSet::new();
    collect(&Ids::default().resolve(value).unwrap_or_else(|_| value.clone()), &mut out);
    out
}

/// Checks whether a text names one object wherever it stands: an identifier, an ARN, the name of a host.
pub(crate) fn is_telling(text: &str, scope: &Scope) -> bool {
    let is_random = |part: &str| {
        part.len() >= TELLING && part.chars().all(|c| c.is_ascii_hexdigit()) && part.chars().any(|c| c.is_ascii_digit())
    };
    text.len() >= TELLING
        && !text.contains(char::is_whitespace)
        && (text.contains([':', '.'])
            || text.contains(scope.account.as_str())
            || text.split(|c: char| !c.is_alphanumeric()).any(is_random))
}

/// Checks whether a text has a name in it that stands alone.
pub(crate) fn stands_in(text: &str, name: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + name.len()..].chars().next());
        !before.is_some_and(joins) && !after.is_some_and(joins)
    })
}

/// Returns the text with the names of objects in place of what the cloud calls them.
pub(super) fn named(text: &str, names: &[(String, String)]) -> String {
    let joins = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    names.iter().fold(text.to_owned(), |text, (from, to)| {
        if text.contains(from.as_str()) { substituted(&text, from, to, joins, joins) } else { text }
    })
}

/// Returns the text with marks in place of what only this side has: its account, and the beginning of its names when it is not the
/// default environment, whose names begin as those of all others.
pub(super) fn own(text: &str, scope: &Scope) -> String {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let text = substituted(text, &scope.account, ACCOUNT, joins, joins);
    if scope.env == DEFAULT { text } else { substituted(&text, &scope.prefix(), PREFIX, joins, joins) }
}

/// Returns the text with what the marks of [`own`] stand for.
pub(super) fn told(text: &str, scope: &Scope) -> String {
    text.replace(ACCOUNT, &scope.account).replace(PREFIX, &scope.prefix())
}

/// Returns the text without the names of its stack, environment, account and region. `with_default`: a side is the default environment, whose
/// names begin with that of the stack alone.
pub(super) fn neutral(text: &str, scope: &Scope, with_default: bool) -> String {
    let Scope { stack, env, region, account, .. } = scope;
    if text == env {
        return ENV.to_owned();
    }
    let prefix = if with_default { STACK } else { PREFIX };
    let mut known = vec![(format!("{stack}/{env}"), prefix), (scope.prefix(), prefix), (stack.clone(), STACK)];
    known.push((account.clone(), ACCOUNT));
    // These are words of many texts.
    if env != DEFAULT && env.len() > 2 {
        known.push((env.clone(), ENV));
    }
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let text = known.iter().fold(text.to_owned(), |text, (from, to)| substituted(&text, from, to, joins, joins));
    // A zone is the region and a letter.
    substituted(&text, region, REGION, char::is_alphanumeric, |c| c.is_ascii_digit())
}

/// Returns the text with `to` in place of each `from` that stands alone: not behind or before a character that joins it to another
/// word.
fn substituted(text: &str, from: &str, to: &str, behind: fn(char) -> bool, before: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, _) in text.match_indices(from).filter(|_| !from.is_empty()) {
        let end = at + from.len();
        if text[..at].chars().next_back().is_some_and(behind) || text[end..].chars().next().is_some_and(before) {
            continue;
        }
        out.push_str(&text[copied..at]);
        out.push_str(to);
        copied = end;
    }
    out.push_str(&text[copied..]);
    out
}
