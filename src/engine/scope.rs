//! The stack that a run is about, and who owns an object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::tags::{TAG_ENV, TAG_KEY, TAG_STACK};

/// The stack that a run is about.
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
            // Another stack's object is never adopted, wherever it is.
            return if inside && !tags.contains_key(TAG_STACK) { Claim::Adoptable } else { Claim::Foreign };
        }
        match tags.get(TAG_KEY).map(|key| key.parse::<Key>()) {
            Some(Ok(key)) if key.kind == kind => Claim::Ours(key.name),
            _ => Claim::Adoptable,
        }
    }
}

/// Who owns an observed object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    /// The stack, under this name.
    Ours(String),
    /// Its tags attribute it to the stack under this name, and nothing else does. Anyone who may write tags could have set them:
    /// it is used when the file wants it, and deleted only with consent.
    Tagged(String),
    /// It is in a parent that is the stack's alone: adopted when the file wants one like it, otherwise deleted.
    Stray,
    /// It is inside an object of the stack and has no name: adopted when the file wants one like it, otherwise left alone.
    Adoptable,
    /// Someone else. Known only so that a clash can be explained.
    Foreign,
    /// Someone else, and it has the physical name that the stack's object of this name gets.
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
            // What is inside something that someone else may own may be theirs too.
            Claim::Stray => Claim::Adoptable,
            other => other,
        }
    }
}
