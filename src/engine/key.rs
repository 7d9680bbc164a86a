//! What an object is called: a kind and a name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The address of one object in a stack: `ec2.subnet/app-a`.
///
/// The kind is `service.object` in the AWS CLI's words, the name is the user's (or a section's).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// `service.object`, e.g. `ec2.subnet`.
    pub kind: String,
    /// Letters, digits, `-` and `_`.
    pub name: String,
}

impl Key {
    /// Returns a key of its two halves, which are taken as they are.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Key { kind: kind.into(), name: name.into() }
    }

    /// Returns the part of the kind before the dot: `ec2`. Polls are limited per service.
    pub fn service(&self) -> &str {
        self.kind.split('.').next().unwrap_or(&self.kind)
    }
}

/// Checks whether `name` can be an object's name: 1 to 128 letters, digits, `-` and `_`.
pub fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Checks whether `kind` is written like a kind: two words of lower-case letters, digits, `-`, `_` with a dot between.
pub fn is_kind(kind: &str) -> bool {
    let word =
        |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    kind.split_once('.').is_some_and(|(service, object)| word(service) && word(object))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((kind, name)) if is_kind(kind) && is_name(name) => Ok(Key::new(kind, name)),
            _ => Err(format!("`{text}` is not an object's key: expected `service.object/name`, e.g. `ec2.subnet/app-a`")),
        }
    }
}

impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_is_shown() {
        let key: Key = "ec2.subnet/app-a".parse().unwrap();
        assert_eq!(key, Key::new("ec2.subnet", "app-a"));
        assert_eq!(key.to_string(), "ec2.subnet/app-a");
        assert_eq!(key.service(), "ec2");
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in ["", "subnet/app", "ec2.subnet", "ec2.subnet/", "ec2.subnet/a b", "EC2.subnet/a", "ec2.sub.net/a"] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }
}
