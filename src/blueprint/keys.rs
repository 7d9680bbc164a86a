//! `keys`: what encrypts everything at rest.

use std::collections::BTreeMap;

use super::Facts;
use crate::config::Stack;
use crate::engine::{Error, Graph};

/// The keys of the stack.
#[derive(Default)]
pub struct Keys {
    /// References to their ARNs, by the names in the file.
    arns: BTreeMap<String, String>,
}

impl Keys {
    /// What encrypts something that says `key`: the key of that name (`keys.NAME`), the ARN that it is, or `keys.main`
    /// when it says nothing and there is one. A reference to its ARN.
    pub fn arn(&self, key: Option<&str>) -> Option<String> {
        match key {
            None => self.arns.get("main").cloned(),
            Some(key) => match key.strip_prefix("keys.") {
                Some(name) => self.arns.get(name).cloned(),
                None => Some(key.to_owned()),
            },
        }
    }
}

pub fn expand(_graph: &mut Graph, _stack: &Stack, _facts: &Facts<'_>) -> Result<Keys, Error> {
    Ok(Keys::default())
}
