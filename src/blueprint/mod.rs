//! What the sections of a stack file expand into: typed objects with references between them.
//!
//! One file per section. Nothing is asked of AWS here: what depends on the account comes in as [`Facts`].

mod access;
mod access_logs;
pub mod alarms;
mod archive;
mod archive_jobs;
mod backup;
mod buckets;
mod budget;
mod caches;
mod cdn;
mod certificates;
mod connect;
mod dashboard;
mod databases;
mod dns;
mod facts;
pub mod figures;
mod firewall;
pub mod fixes;
mod identity_center;
mod keys;
mod limits;
pub mod live;
mod load_balancer;
mod names;
mod network;
pub mod objects;
mod people_roles;
mod pipelines;
mod policies;
mod queries;
mod recovery;
mod references;
mod resources;
mod rotation;
mod services;
mod share;
#[cfg(test)]
mod tests;
mod uses;

pub use alarms::expiry;
pub use budget::NAME as BUDGET;
pub use facts::{Expiry, Facts, Problem, hosted, placed, wanted};

use std::collections::BTreeMap;

use self::buckets::Buckets;
use self::certificates::Certificates;
use self::keys::Keys;
use self::load_balancer::Balancer;
use self::services::JobTask;
use crate::aws::Clients;
use crate::config::Stack;
use crate::config::rest::Rest;
use crate::engine::graph::Clash;
use crate::engine::tags::TAG_AWAKE;
use crate::engine::{Error, Graph, Key, Moved, Node, Registry, Scope, lies_in};

/// Why a stack cannot be expanded.
#[derive(Debug)]
pub enum Failure {
    /// The file is wrong; every place.
    Problems(Vec<Problem>),
    /// A defect, or a kind's own complaint.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

/// Returns what is most likely intended and worth a note: what shows only when the sections are put together.
pub fn notes(graph: &Graph, scope: &Scope) -> Vec<String> {
    access::notes(graph, scope).into_iter().chain(people_roles::notes(graph)).collect()
}

/// Expands a stack into the graph of its objects, with ownership tags in all of them.
///
/// # Errors
/// Every problem that shows only when the sections are put together: zones that the region does not have,
/// references to what is not there, circles.
pub fn expand(stack: &Stack, facts: &Facts<'_>, registry: &Registry<Clients>) -> Result<Graph, Failure> {
    let mut graph = Graph::default();
    let stack: &Stack = &stack.brought_up(&facts.scope.env);
    let mut problems = missing(facts);
    if !problems.is_empty() {
        return Err(Failure::Problems(problems));
    }
    sections(&mut graph, stack, facts, registry, &mut problems)?;
    settle(&mut graph, facts, registry, &mut problems);
    problems.extend(moved(&mut graph, stack));
    problems.extend(fixes::exceptions(stack));
    problems.extend(protect(&mut graph, stack, registry));
    if !problems.is_empty() {
        return Err(Failure::Problems(problems));
    }
    let mut tags: BTreeMap<String, String> = stack.tags.clone();
    tags.extend(Rest::of(stack).map(|rest| (TAG_AWAKE.to_owned(), rest.to_string())));
    graph.own(registry, facts.scope, &tags)?;
    graph.ignore_tags(&stack.ignore_tags);
    Ok(graph)
}

/// Returns the problems of what the file names in AWS and does not exist there.
fn missing(facts: &Facts<'_>) -> Vec<Problem> {
    let missing = facts.existing.missing.iter().chain(facts.host.iter().flat_map(|host| &host.missing));
    missing.map(|m| Problem { at: m.at.clone(), code: "not-there", message: m.message.clone(), help: m.help.clone() }).collect()
}

/// Adds the objects of every section.
fn sections(
    graph: &mut Graph,
    stack: &Stack,
    facts: &Facts<'_>,
    registry: &Registry<Clients>,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    let keys = keys::expand(graph, stack, facts)?;
    let certificates = certificates::expand(graph, stack, facts)?;
    problems.extend(certificates::misplaced(&certificates, stack, facts));
    let buckets = buckets::expand(graph, stack, &keys)?;
    let made = Made { keys: &keys, certificates: &certificates, buckets: &buckets };
    let (balancer, jobs) = in_network(graph, stack, &made, facts, problems)?;
    let distribution = cdn::expand(graph, stack, balancer.as_ref(), &certificates, &keys, facts)?;
    dns::expand(graph, stack, &certificates, balancer.as_ref(), distribution.as_ref(), facts)?;
    firewall::expand(graph, stack, balancer.as_ref(), distribution.as_ref(), &keys, facts)?;
    access::expand(graph, stack, facts)?;
    pipelines::expand(graph, stack, facts)?;
    identity_center::expand(graph, stack, facts, problems)?;
    resources::expand(graph, stack, registry, problems)?;
    archive::expand(graph, stack, &keys, facts, problems)?;
    archive_jobs::expand(graph, stack, &jobs, &keys, facts)?;
    queries::expand(graph, stack, problems)?;
    let topic = alarms::expand(graph, stack, balancer.as_ref(), &keys, facts, problems)?;
    people_roles::expand(graph, stack, topic.as_ref(), facts)?;
    budget::expand(graph, stack, topic.as_ref(), facts, problems)?;
    backup::expand(graph, stack, &keys, topic.as_ref(), facts, problems)?;
    recovery::expand(graph, stack, facts)?;
    recovery::copy_secrets(graph, stack, facts);
    keys::let_in(graph, facts.scope);
    dashboard::expand(graph, stack, facts)?;
    access::limit(graph, stack, facts.scope)
}

/// What the network's objects refer to.
struct Made<'a> {
    keys: &'a Keys,
    certificates: &'a Certificates,
    buckets: &'a Buckets,
}

/// Adds the network, if there is one, and what is in it: the load balancer, databases, caches and services. Returns the load balancer, and
/// the task definitions of the archive's jobs.
fn in_network(
    graph: &mut Graph,
    stack: &Stack,
    made: &Made<'_>,
    facts: &Facts<'_>,
    problems: &mut Vec<Problem>,
) -> Result<(Option<Balancer>, Vec<JobTask>), Error> {
    let Made { keys, certificates, buckets } = *made;
    if !(facts.has_network && facts.host.is_none() || stack.needs_network()) {
        return Ok((None, Vec::new()));
    }
    let network = match (&facts.host, &stack.existing.network) {
        (Some(host), _) => Ok(share::network(host)),
        (None, Some(theirs)) => Ok(network::existing(theirs, facts)),
        (None, None) => network::expand(graph, stack, keys, facts)?,
    };
    let network = match network {
        Ok(network) => network,
        Err(problem) => {
            problems.push(problem);
            return Ok((None, Vec::new()));
        }
    };
    problems.extend(share::conflicts(stack, facts));
    let balancer = match stack.share.load_balancer {
        Some(_) => share::balancer(graph, stack, &network, facts)?,
        None => load_balancer::expand(graph, stack, &network, certificates, facts)?,
    };
    let mut offers = databases::expand(graph, stack, &network, keys)?;
    offers.extend(caches::expand(graph, stack, &network, keys)?);
    offers.extend(uses::existing(facts));
    offers.extend(facts.host.iter().flat_map(share::offers));
    problems.extend(uses::ambiguous(stack, &offers));
    let inputs =
        services::Inputs { stack, network: &network, balancer: balancer.as_ref(), keys, buckets, offers: &offers, facts };
    let jobs = services::expand(graph, &inputs)?;
    rotation::expand(graph, stack, keys, facts)?;
    Ok((balancer, jobs))
}

/// Completes what depends on all objects, and finds what is wrong with them together.
fn settle(graph: &mut Graph, facts: &Facts<'_>, registry: &Registry<Clients>, problems: &mut Vec<Problem>) {
    problems.extend(graph.clashes().iter().map(clash));
    references::settle(graph, registry, problems);
    limits::complete(graph, facts.scope, problems);
    names::check(graph, facts.scope, problems);
    limits::check(graph, facts.scope, problems);
    // The rest follows from what is wrong already.
    if problems.is_empty() {
        problems.extend(dangling(graph, facts));
    }
    if problems.is_empty() {
        problems.extend(circle(graph));
    }
}

/// Returns the problems of references to objects that the stack does not have.
fn dangling(graph: &Graph, facts: &Facts<'_>) -> Vec<Problem> {
    let problem = |(node, missing): (&Node, Key)| Problem {
        at: node.origin.clone(),
        code: "unknown-reference",
        message: format!("`{}` refers to `{missing}`, which this stack does not have", node.key),
        help: nearest(&missing.to_string(), graph.nodes().map(|n| n.key.to_string()))
            .map(|near| format!("did you mean `{near}`?"))
            .or_else(|| share::help(facts))
            .unwrap_or_else(|| "`stack graph --all` shows the objects of the stack".into()),
    };
    graph.dangling().into_iter().map(problem).collect()
}

/// Returns the problem of objects that refer to each other in a cycle.
fn circle(graph: &Graph) -> Option<Problem> {
    let cycle = graph.order().err()?;
    let names: Vec<String> = cycle.iter().chain(cycle.first()).map(|k| format!("`{k}`")).collect();
    let at = cycle.first().and_then(|k| graph.get(k)).map(|n| n.origin.clone()).unwrap_or_default();
    let message = format!("these objects refer to each other in a cycle: {}", names.join(" → "));
    Some(Problem { at, code: "circle", message, help: "remove one of the references".into() })
}

/// Protects what the file asks to protect, and returns the problems of what protects nothing.
fn protect(graph: &mut Graph, stack: &Stack, registry: &Registry<Clients>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, path) in stack.protect.iter().enumerate() {
        if graph.protect(registry, path) == 0 {
            problems.push(Problem {
                at: format!("protect[{at}]"),
                code: "protects-nothing",
                message: format!("nothing that can be protected comes from `{path}`"),
                help: nearest(path, graph.nodes().map(|n| n.origin.clone())).map_or_else(
                    || "name a section or a part of it, such as `services.web`".into(),
                    |near| format!("did you mean `{near}`?"),
                ),
            });
        }
    }
    problems
}

/// Returns the problem of two names in the file that become one name of an object.
fn clash(Clash { key, first, second }: &Clash) -> Problem {
    let (message, help) = if first == second {
        let help = "two names in it, or in what it uses, become the same name: rename one of them".to_owned();
        (format!("`{second}` defines `{key}` twice"), help)
    } else {
        (format!("`{first}` and `{second}` both define `{key}`"), format!("give `{second}` another name"))
    };
    Problem { at: second.clone(), code: "taken", message, help }
}

/// Notes what the file has renamed.
fn moved(graph: &mut Graph, stack: &Stack) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (from, to) in &stack.moved {
        let mut wrong = |message: String, help: String| {
            problems.push(Problem { at: format!("moved.{from}"), code: "moved", message, help });
        };
        let section = |path: &str| path.rsplit_once('.').map(|(section, _)| section.to_owned());
        if graph.nodes().any(|node| lies_in(&node.origin, from)) {
            wrong(
                format!("`{from}` is still in the file, so it cannot have become `{to}`"),
                "name what is no longer in the file, and what it is called now".into(),
            );
        } else if !graph.nodes().any(|node| lies_in(&node.origin, to)) {
            let near = nearest(to, graph.nodes().map(|node| node.origin.clone()));
            wrong(
                format!("nothing comes from `{to}`"),
                near.map_or_else(
                    || "name a section, such as `services.backend`".into(),
                    |near| format!("did you mean `{near}`?"),
                ),
            );
        } else if section(from).is_none() || section(from) != section(to) {
            wrong(
                format!("`{from}` cannot become `{to}`, which is another kind of section"),
                "both must be names in the same section: `services.api: services.backend`".into(),
            );
        } else {
            graph.moved.push(Moved { from: from.clone(), to: to.clone() });
        }
    }
    problems
}

fn nearest(text: &str, among: impl Iterator<Item = String>) -> Option<String> {
    among
        .map(|other| (strsim::damerau_levenshtein(text, &other), other))
        .filter(|(distance, _)| *distance <= 4)
        .min()
        .map(|(_, other)| other)
}
