//! What is known before a file is expanded, and what can be wrong with it then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::aws::elbv2::ListenerRule;
use crate::aws::existing::{ExistingObjects, Wanted};
use crate::aws::host::{self, Host, Placed};
use crate::config::{Name, Stack};
use crate::engine::{Key, Resource, Scope, Snapshot};

/// What the expansion must know and the file does not say.
pub struct Facts<'a> {
    /// Whose objects they will be.
    pub scope: &'a Scope,
    /// The region's availability zones, sorted.
    pub zones: Vec<String>,
    /// Whether the file has the section `network`. Without it a network is made only for services.
    pub has_network: bool,
    /// What the section `existing` refers to.
    pub existing: ExistingObjects,
    /// What the section `share` refers to; none for an environment that shares nothing.
    pub host: Option<Host>,
    /// The rules of the listener that rules are added to, as far as they are known: this environment's keep their priorities, and
    /// those of others are avoided.
    pub placed: Vec<Placed>,
    /// When the environment expires, if it does.
    pub expiry: Option<Expiry>,
}

/// When the environment expires.
#[derive(Clone, Debug)]
pub struct Expiry {
    /// The time, as its objects have it; none if they say that it no longer does.
    pub at: Option<Timestamp>,
    /// When this run began.
    pub now: Timestamp,
    /// The rule that notifies of it, as AWS has it.
    pub rule: Option<Arc<Value>>,
}

impl Expiry {
    /// Returns when what was read expires; of a new environment, that is at `new`.
    pub fn of(snapshot: &Snapshot, rule: &Key, new: Option<Timestamp>, now: Timestamp) -> Option<Expiry> {
        let at = match snapshot.expires() {
            Some(known) => known.parse().ok(),
            None => Some(new.filter(|_| snapshot.is_empty())?),
        };
        let rule = snapshot.seen.iter().find(|seen| seen.key().as_ref() == Some(rule)).map(|seen| Arc::clone(&seen.fields));
        Some(Expiry { at, now, rule })
    }

    /// Returns when a new environment of a file expires, if the file says so.
    fn assumed(stack: &Stack) -> Option<Expiry> {
        let (now, ttl) = (Timestamp::now(), i64::try_from(stack.ttl?.as_secs()).ok()?);
        Some(Expiry { at: Some(now.checked_add(SignedDuration::from_secs(ttl)).ok()?), now, rule: None })
    }
}

impl<'a> Facts<'a> {
    /// Returns facts for what works without AWS: the zones that most regions have.
    pub fn assumed(scope: &'a Scope, has_network: bool, stack: &Stack) -> Self {
        let zones = ('a'..='f').map(|letter| format!("{}{letter}", scope.region)).collect();
        let existing = ExistingObjects::assumed(&wanted(stack), &scope.region);
        let host = hosted(stack).map(|wanted| assumed(Host::assumed(&wanted, &scope.region), stack));
        Facts { scope, zones, has_network, existing, host, placed: Vec::new(), expiry: Expiry::assumed(stack) }
    }

    /// Checks whether a rule belongs to the environment that is expanded.
    pub fn is_own(&self, placed: &Placed) -> bool {
        placed.owner.as_ref().is_some_and(|(stack, env)| (stack, env) == (&self.scope.stack, &self.scope.env))
    }
}

/// Returns a made-up host with what the file says of its databases.
fn assumed(mut host: Host, stack: &Stack) -> Host {
    for (name, database) in &mut host.databases {
        let Some(section) = stack.databases.get(name.as_str()) else { continue };
        database.port = section.port.unwrap_or(section.engine.port());
        // RDS makes new versions by itself where it rotates the password.
        database.secret_version = section.password.rotate.days().is_none().then(String::new);
    }
    host
}

/// Returns what the environment shares: to be looked up before the file is expanded.
pub fn hosted(stack: &Stack) -> Option<host::Wanted> {
    let share = &stack.share;
    let used = |section: &str| -> BTreeSet<String> {
        let all = stack.services.values().flat_map(|service| &service.uses);
        all.filter_map(|used| used.strip_prefix(section)).map(str::to_owned).collect()
    };
    let wanted = |shared: &Option<Name>, section: &str| shared.as_ref().map(|_| used(section)).unwrap_or_default();
    Some(host::Wanted {
        env: share.env()?.to_string(),
        balancer: share.load_balancer.is_some() && stack.is_load_balanced(),
        databases: wanted(&share.databases, "databases."),
        caches: wanted(&share.caches, "caches."),
    })
}

/// Returns the rules of the environment's load balancers that a reading found.
pub fn placed(snapshot: &Snapshot) -> Vec<Placed> {
    use serde::Deserialize;
    let rules = snapshot.seen.iter().filter(|seen| seen.kind == ListenerRule::KIND);
    rules.filter_map(|seen| ListenerRule::deserialize(&*seen.fields).ok()).map(|rule| Placed::of(&rule)).collect()
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
