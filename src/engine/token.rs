//! References as text, and what they resolve to.
//!
//! A reference is text in one of two forms, which may stand alone or inside other text (an ARN in a policy, say):
//!
//! - `${ec2.vpc/main}`, `${iam.role/web.arn}`: an attribute (default `id`) of an object of this stack.
//!   A `!` before the brace means that the object must be ready, not only exist.
//! - `${=ec2.vpc:vpc-0abc}`, `${=iam.role.arn:arn:aws:…}`: a physical identifier, with the kind it belongs to.
//!   Observed values carry these, so that edges between live objects are as typed as those of the file.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::{Key, is_kind, is_name};

/// What the one who refers needs of the object that is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Its identifier: that it was created.
    Exists,
    /// That it serves: that AWS says it is available.
    Ready,
}

/// One reference found in text.
#[derive(Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// `${kind/name.attr!}`
    Named {
        /// The object of this stack.
        key: Key,
        /// The field of its `Live`.
        attr: &'a str,
        /// Whether it must be ready.
        need: Need,
    },
    /// `${=kind.attr:value}`
    Physical {
        /// The kind of the object.
        kind: &'a str,
        /// Which of its attributes the value is.
        attr: &'a str,
        /// AWS's identifier, ARN or name.
        value: &'a str,
    },
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dotted = |attr: &str| if attr == "id" { String::new() } else { format!(".{attr}") };
        match self {
            Token::Named { key, attr, need } => {
                write!(f, "${{{key}{}{}}}", dotted(attr), if *need == Need::Ready { "!" } else { "" })
            }
            Token::Physical { kind, attr, value } => write!(f, "${{={kind}{}:{value}}}", dotted(attr)),
        }
    }
}

/// Returns the reference that a text consists of, if it is one and nothing beside it.
pub fn whole(text: &str) -> Option<Token<'_>> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    token(inner)
}

fn token(inner: &str) -> Option<Token<'_>> {
    if let Some(physical) = inner.strip_prefix('=') {
        let (head, value) = physical.split_once(':')?;
        let (kind, attr) = match head.match_indices('.').nth(1) {
            Some((at, _)) => (&head[..at], &head[at + 1..]),
            None => (head, "id"),
        };
        return (is_kind(kind) && is_name(attr)).then_some(Token::Physical { kind, attr, value });
    }
    let (inner, need) = match inner.strip_suffix('!') {
        Some(inner) => (inner, Need::Ready),
        None => (inner, Need::Exists),
    };
    let (kind, rest) = inner.split_once('/')?;
    let (name, attr) = rest.split_once('.').unwrap_or((rest, "id"));
    (is_kind(kind) && is_name(name) && is_name(attr)).then(|| Token::Named { key: Key::new(kind, name), attr, need })
}

/// Cuts text into what is literal and what refers.
fn pieces(text: &str) -> Vec<std::result::Result<Token<'_>, &str>> {
    let mut out = Vec::new();
    let mut rest = text;
    let mut literal_from = 0;
    let mut at = 0;
    while let Some(start) = rest.find("${") {
        let Some(end) = rest[start..].find('}') else { break };
        match token(&rest[start + 2..start + end]) {
            Some(found) => {
                if at + start > literal_from {
                    out.push(Err(&text[literal_from..at + start]));
                }
                out.push(Ok(found));
                at += start + end + 1;
                literal_from = at;
            }
            None => at += start + 2, // no reference: `${HOME}` stays as it is
        }
        rest = &text[at..];
    }
    if literal_from < text.len() {
        out.push(Err(&text[literal_from..]));
    }
    out
}

/// Returns the parts of a text that are not references, piece by piece.
pub fn literals(text: &str) -> Vec<&str> {
    let mut out = vec![""];
    for piece in pieces(text) {
        match piece {
            Err(literal) => {
                out.pop();
                out.push(literal);
            }
            Ok(_) => out.push(""),
        }
    }
    out
}

/// Calls `found` for every reference anywhere in `value`.
pub fn visit(value: &Value, found: &mut dyn FnMut(Token<'_>)) {
    match value {
        Value::String(text) if text.contains("${") => {
            pieces(text).into_iter().flatten().for_each(found);
        }
        Value::Array(items) => items.iter().for_each(|v| visit(v, found)),
        Value::Object(map) => map.values().for_each(|v| visit(v, found)),
        _ => {}
    }
}

/// Returns the text with its references changed by `change`, when it changes any.
pub fn rewritten(text: &str, change: &mut dyn FnMut(&mut Token<'_>)) -> Option<String> {
    if !text.contains("${") {
        return None;
    }
    let mut out = String::new();
    for piece in pieces(text) {
        match piece {
            Err(literal) => out.push_str(literal),
            Ok(mut token) => {
                change(&mut token);
                out.push_str(&token.to_string());
            }
        }
    }
    (out != text).then_some(out)
}

/// Returns the objects of this stack that `value` names, with the strongest need for each.
pub fn named(value: &Value) -> BTreeMap<Key, Need> {
    let mut out = BTreeMap::new();
    visit(value, &mut |token| {
        if let Token::Named { key, need, .. } = token {
            let entry = out.entry(key).or_insert(need);
            *entry = (*entry).max(need);
        }
    });
    out
}

/// What the names of a stack stand for in AWS: every object's `Live`, forwards and backwards.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    live: BTreeMap<Key, Arc<Value>>,
    /// By kind, the name that has or had each value.
    names: BTreeMap<String, BTreeMap<Box<str>, Box<str>>>,
}

impl Ids {
    /// Learns an object's `Live`: each of its text fields can be referred to.
    pub fn insert(&mut self, key: &Key, live: impl Into<Arc<Value>>) {
        let live = live.into();
        if let Value::Object(map) = live.as_ref() {
            let names = self.names.entry(key.kind.clone()).or_default();
            names.extend(map.values().filter_map(Value::as_str).map(|value| (value.into(), key.name.as_str().into())));
        }
        self.live.insert(key.clone(), live);
    }

    /// Forgets what a name stands for: it is about to become something else.
    pub fn forget(&mut self, key: &Key) {
        self.live.remove(key);
    }

    /// Forgets one attribute: it is about to be another one.
    pub fn forget_attr(&mut self, key: &Key, attr: &str) {
        if let Some(Value::Object(live)) = self.live.get_mut(key).map(Arc::make_mut) {
            live.remove(attr);
        }
    }

    /// Returns an object's `Live`.
    pub fn live(&self, key: &Key) -> Option<&Value> {
        self.live.get(key).map(AsRef::as_ref)
    }

    /// Returns the object of the stack that has this identifier, ARN or name.
    pub fn owner(&self, kind: &str, value: &str) -> Option<Key> {
        self.names.get(kind)?.get(value).map(|name| Key::new(kind, name.as_ref()))
    }

    /// Returns one attribute of an object, as text.
    pub fn attr(&self, key: &Key, attr: &str) -> Option<String> {
        match self.live.get(key)?.get(attr)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Returns the text with every reference replaced, or the first key that is not known yet.
    pub fn text(&self, text: &str) -> std::result::Result<String, Key> {
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Err(literal) => out.push_str(literal),
                Ok(Token::Physical { value, .. }) => out.push_str(value),
                Ok(Token::Named { key, attr, .. }) => match self.attr(&key, attr) {
                    Some(value) => out.push_str(&value),
                    None => return Err(key),
                },
            }
        }
        Ok(out)
    }

    /// Returns the value with every reference replaced, or the first key that is not known yet.
    pub fn resolve(&self, value: &Value) -> std::result::Result<Value, Key> {
        Ok(match value {
            Value::String(text) if text.contains("${") => Value::String(self.text(text)?),
            Value::Array(items) => Value::Array(items.iter().map(|v| self.resolve(v)).collect::<std::result::Result<_, _>>()?),
            Value::Object(map) => Value::Object(
                map.iter().map(|(k, v)| Ok((k.clone(), self.resolve(v)?))).collect::<std::result::Result<_, Key>>()?,
            ),
            other => other.clone(),
        })
    }

    /// Returns the value for people: every identifier of the stack's objects as the name that the user knows, the rest as it is.
    pub fn symbolic(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text.contains("${") => Value::String(
                pieces(text)
                    .into_iter()
                    .map(|piece| match piece {
                        Err(literal) => literal.to_owned(),
                        Ok(Token::Named { key, attr: "id", .. }) => key.to_string(),
                        Ok(Token::Named { key, attr, .. }) => format!("{key}.{attr}"),
                        Ok(Token::Physical { kind, attr, value }) => match self.owner(kind, value) {
                            Some(key) if attr == "id" => key.to_string(),
                            Some(key) => format!("{key}.{attr}"),
                            None => value.to_owned(),
                        },
                    })
                    .collect(),
            ),
            Value::Array(items) => Value::Array(items.iter().map(|v| self.symbolic(v)).collect()),
            Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), self.symbolic(v))).collect()),
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ids() -> Ids {
        let mut ids = Ids::default();
        ids.insert(&Key::new("ec2.vpc", "main"), json!({"id": "vpc-1"}));
        ids.insert(&Key::new("iam.role", "web"), json!({"id": "web-role", "arn": "arn:aws:iam::1:role/web-role"}));
        ids
    }

    #[test]
    fn references_resolve_alone_and_inside_text() {
        let value = json!({"vpc": "${ec2.vpc/main}", "policy": {"Resource": ["${iam.role/web.arn}:*", "${HOME}/x"]}});
        assert_eq!(
            ids().resolve(&value).unwrap(),
            json!({"vpc": "vpc-1", "policy": {"Resource": ["arn:aws:iam::1:role/web-role:*", "${HOME}/x"]}})
        );
    }

    #[test]
    fn an_unknown_reference_names_what_is_missing() {
        assert_eq!(ids().text("${ec2.subnet/a}").unwrap_err(), Key::new("ec2.subnet", "a"));
    }

    #[test]
    fn physical_references_have_a_kind_and_become_names() {
        let value = json!(["${=ec2.vpc:vpc-1}", "${=iam.role.arn:arn:aws:iam::1:role/web-role}", "${=ec2.vpc:vpc-9}"]);
        assert_eq!(ids().symbolic(&value), json!(["ec2.vpc/main", "iam.role/web.arn", "vpc-9"]));
        assert_eq!(ids().resolve(&value).unwrap(), json!(["vpc-1", "arn:aws:iam::1:role/web-role", "vpc-9"]));
    }

    #[test]
    fn the_strongest_need_counts() {
        let value = json!(["${ec2.vpc/main}", "${ec2.vpc/main!}", "${ec2.vpc/main}"]);
        assert_eq!(named(&value), BTreeMap::from([(Key::new("ec2.vpc", "main"), Need::Ready)]));
    }
}
