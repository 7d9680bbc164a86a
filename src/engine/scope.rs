//! Which stack it is about, and whose an object is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::tags::{TAG_ENV, TAG_KEY, TAG_STACK};

/// Which stack it is about: whose objects are ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The stack's name.
    pub stack: String,
    /// The environment; `default` when none was chosen.
    pub env: String,
    /// The region that regional objects live in.
    pub region: String,
    /// The account, as AWS says it.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

impl Scope {
    /// Returns the prefix of the names of this stack's objects: `webapp-staging`, or `webapp` without an environment.
    pub fn prefix(&self) -> String {
        if self.env == "default" { self.stack.clone() } else { format!("{}-{}", self.stack, self.env) }
    }

    /// Checks whether an object with these tags belongs to this stack and environment.
    pub fn owns(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(TAG_STACK) == Some(&self.stack) && tags.get(TAG_ENV) == Some(&self.env)
    }

    /// Returns who owns an object of kind `kind` with these tags, which is inside an object of this stack (`inside`) or not.
    pub fn claim(&self, kind: &str, tags: &BTreeMap<String, String>, inside: bool) -> Claim {
        if !self.owns(tags) {
            // Another stack's object is never adopted, wherever it lies.
            return if inside && !tags.contains_key(TAG_STACK) { Claim::Adoptable } else { Claim::Foreign };
        }
        match tags.get(TAG_KEY).map(|key| key.parse::<Key>()) {
            Some(Ok(key)) if key.kind == kind => Claim::Ours(key.name),
            _ => Claim::Adoptable,
        }
    }
}

/// Whose an observed object is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    /// Ours, with this name.
    Ours(String),
    /// It carries our tags with this name, and nothing else says that it is ours. Who may write tags could have made it so:
    /// it is used when the file wants it, and goes only when it is named.
    Tagged(String),
    /// In a parent that is ours alone: taken over when the file wants one like it, deleted when not.
    Stray,
    /// Inside something of ours without a name: taken over when the file wants one like it, otherwise left alone.
    Adoptable,
    /// Somebody else's. Known only so that a clash can be explained.
    Foreign,
    /// Somebody else's, under the physical name that our object of this name gets.
    Taken(String),
}

impl Claim {
    /// Returns the name that it has by its tags or by what it is.
    pub fn name(&self) -> Option<&str> {
        match self {
            Claim::Ours(name) | Claim::Tagged(name) => Some(name),
            _ => None,
        }
    }

    /// Returns the same for an object without a second mark that the stack owns it.
    #[must_use]
    pub fn unmarked(self) -> Claim {
        match self {
            Claim::Ours(name) => Claim::Tagged(name),
            // What lies in something that may be somebody else's may be somebody else's too.
            Claim::Stray => Claim::Adoptable,
            other => other,
        }
    }
}
