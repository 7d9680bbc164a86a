//! What is known before a file is expanded, and what can be wrong with it then.

use std::collections::BTreeMap;

use crate::aws::existing::{Found, Wanted};
use crate::config::{Name, Stack};
use crate::engine::Scope;

/// What the expansion must know and the file does not say.
pub struct Facts<'a> {
    /// Whose objects they will be.
    pub scope: &'a Scope,
    /// The region's availability zones, sorted.
    pub zones: Vec<String>,
    /// Whether the file has the section `network`. Without it a network is made only for services.
    pub has_network: bool,
    /// What the section `existing` refers to.
    pub existing: Found,
}

impl<'a> Facts<'a> {
    /// Returns facts for what works without AWS: the zones that most regions have.
    pub fn assumed(scope: &'a Scope, has_network: bool, stack: &Stack) -> Self {
        let zones = ('a'..='f').map(|letter| format!("{}{letter}", scope.region)).collect();
        Facts { scope, zones, has_network, existing: Found::assumed(&wanted(stack), &scope.region) }
    }
}

/// Returns what the file refers to and someone else owns: to be looked up before the file is expanded.
pub fn wanted(stack: &Stack) -> Wanted {
    let section = &stack.existing;
    let texts = |map: &BTreeMap<Name, String>| map.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
    Wanted {
        network: section.network.as_ref().map(|network| {
            let mut subnets: Vec<String> =
                [&network.public, &network.app, &network.data].into_iter().flatten().cloned().collect();
            subnets.sort();
            subnets.dedup();
            (network.vpc.clone(), subnets)
        }),
        zones: texts(&section.zones),
        certificates: texts(&section.certificates),
        buckets: texts(&section.buckets),
        databases: texts(&section.databases),
        repositories: texts(&section.repositories),
    }
}

/// Something in the file that cannot be expanded, and where.
#[derive(Debug)]
pub struct Problem {
    /// The path in the file: `network.zones`.
    pub at: String,
    /// A stable word for it: `no-such-zone`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Returns text as a part of an object's name: letters, digits and single hyphens.
pub(super) fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}
