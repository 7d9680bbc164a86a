//! What services of AWS report by themselves, without a metric: RDS of databases and their parameter groups.

use super::{ORIGIN, Parts, attribute};
use crate::aws::Tags;
use crate::aws::rds::{EventSubscription, GROUPS, INSTANCES, Instance, ParameterGroup};
use crate::aws::sns::Topic;
use crate::config::alarms::Alarms;
use crate::engine::{Error, Graph, Node, Ref, Resource, lies_in};

/// What is told of a database. RDS.20 asks for changes, failures and maintenance; the others mean work for someone, or that it was done.
/// `notification` is left out: it tells each stop and start, as in an environment that sleeps.
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html>).
const OF_INSTANCES: [&str; 7] =
    ["configuration change", "failover", "failure", "low storage", "maintenance", "read replica", "recovery"];
/// What is told of a parameter group (RDS.21).
const OF_GROUPS: [&str; 1] = ["configuration change"];

/// Something whose reports can be told.
pub struct Reported {
    /// The part in the file: `databases.main`.
    pub of: String,
    /// Where it is turned off for all: `databases.events`.
    pub watch: &'static str,
    /// What reports.
    kind: String,
    /// What AWS calls it.
    id: String,
}

impl Reported {
    /// Returns where it is turned off: `databases.main.events`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.of, self.watch.split_once('.').map_or(self.watch, |(_, key)| key))
    }
}

/// Returns everything that reports.
pub fn all(parts: &Parts<'_>) -> Vec<Reported> {
    let one = |node: &Node| {
        let id = match node.key.kind.as_str() {
            Instance::KIND => attribute::<Instance>(node, "id"),
            ParameterGroup::KIND => attribute::<ParameterGroup>(node, "id"),
            _ => return None,
        };
        Some(Reported { of: node.origin.clone(), watch: "databases.events", kind: node.key.kind.clone(), id })
    };
    parts.graph.nodes().filter_map(one).collect()
}

/// Returns those that are told.
pub fn wanted(all: Vec<Reported>, section: &Alarms) -> Vec<Reported> {
    let is_off = |one: &Reported| section.off.iter().any(|off| lies_in(&one.path(), off));
    all.into_iter().filter(|one| section.threshold(one.watch).is_some() && !is_off(one)).collect()
}

/// Adds what has the topic told: one subscription for all databases, and one for all their parameter groups, of which an account has 20.
pub fn tell(graph: &mut Graph, reported: &[Reported], topic: &Ref<Topic>) -> Result<(), Error> {
    let all: [(&str, &str, &str, &[&str]); 2] =
        [("databases", INSTANCES, Instance::KIND, &OF_INSTANCES), ("parameter-groups", GROUPS, ParameterGroup::KIND, &OF_GROUPS)];
    for (name, source_type, kind, categories) in all {
        let sources: Vec<String> = reported.iter().filter(|one| one.kind == kind).map(|one| one.id.clone()).collect();
        if sources.is_empty() {
            continue;
        }
        let subscription = EventSubscription {
            topic: topic.clone(),
            source_type: source_type.into(),
            sources,
            categories: categories.iter().map(|one| (*one).to_owned()).collect(),
            enabled: Some(true),
            tags: Tags::new(),
        };
        graph.add(name, ORIGIN, &subscription)?;
    }
    Ok(())
}
