//! `logs.queries`: queries that CloudWatch Logs Insights keeps.

use crate::aws::logs::{LogGroup, QueryDefinition};
use crate::config::Stack;
use crate::engine::{Error, Graph, Ref, Resource};

use super::facts::Problem;
use super::nearest;

/// A log group of the graph: its name there, and where in the file it comes from.
struct Log {
    name: String,
    origin: String,
}

/// Returns the log groups in the stack's own region, where its queries are.
fn logs(graph: &Graph, region: &str) -> Vec<Log> {
    let groups = graph.nodes().filter(|node| node.key.kind == LogGroup::KIND);
    let here = groups.filter(|node| node.desired["region"].as_str().is_none_or(|of| of == region));
    here.map(|node| Log { name: node.key.name.clone(), origin: node.origin.clone() }).collect()
}

fn is_of(log: &Log, part: &str) -> bool {
    log.origin.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Adds the queries.
pub fn expand(graph: &mut Graph, stack: &Stack, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let logs = logs(graph, &stack.region);
    for (name, query) in &stack.logs.queries {
        let mut groups: Vec<&Log> = Vec::new();
        for (at, part) in query.of.iter().enumerate() {
            let of: Vec<&Log> = logs.iter().filter(|log| is_of(log, part)).collect();
            if of.is_empty() {
                problems.push(unknown(&format!("logs.queries.{name}.of[{at}]"), part, &logs));
            }
            groups.extend(of);
        }
        if query.of.is_empty() {
            groups.extend(logs.iter().filter(|log| log.origin.starts_with("services.")));
        }
        let mut groups: Vec<String> =
            groups.iter().map(|log| Ref::<LogGroup>::to(log.name.as_str()).attr("name").to_string()).collect();
        groups.sort();
        groups.dedup();
        let origin = format!("logs.queries.{name}");
        graph.add(name.as_str(), &origin, &QueryDefinition { query: query.query.trim().to_owned(), groups })?;
    }
    Ok(())
}

fn unknown(at: &str, part: &str, logs: &[Log]) -> Problem {
    let help = nearest(part, logs.iter().map(|log| log.origin.clone()));
    Problem {
        at: at.to_owned(),
        code: "no-logs",
        message: format!("`{part}` has no log group in the stack's region"),
        help: help.map_or_else(
            || "name `services.NAME`, `databases.NAME` with `logs`, `network` with `flow_logs`, or `firewall` with `logs`".into(),
            |near| format!("did you mean `{near}`?"),
        ),
    }
}
