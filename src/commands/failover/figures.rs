//! What failovers took, from the history of the region in which they were done: that is there when the other region is not.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::COMMAND;
use crate::aws::runs::history::{self, Ending, Record};
use crate::aws::runs::store::Store;
use crate::commands::session::Session;
use crate::commands::stop::Result;

/// How many runs are looked through for a failover.
pub(super) const RUNS: usize = 50;

/// What a failover took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Took {
    /// When it began.
    pub began: String,
    /// How long it took until everything served, in seconds.
    pub seconds: u64,
    /// Its longest steps, in order.
    pub steps: Vec<Step>,
}

/// What one sort of objects took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The sort.
    pub what: &'static str,
    /// How many objects were created.
    pub objects: usize,
    /// How long the longest of them took, in seconds.
    pub seconds: u64,
}

/// The sorts of objects that take long, by the beginnings of their kinds.
const SORTS: [(&str, &[&str]); 5] = [
    ("network", &["ec2."]),
    ("databases", &["rds.instance"]),
    ("caches", &["elasticache.replication_group", "elasticache.cluster"]),
    ("services", &["elbv2.", "ecs."]),
    ("CDN", &["cloudfront."]),
];

pub(super) fn is_failover(record: &Record) -> bool {
    record.command.starts_with(&format!("stack {COMMAND} "))
}

/// Returns what the last failover took that came to its end in one go; none when there was none.
pub async fn last(session: &Session) -> Result<Option<Took>> {
    let (records, _) = session.kept(history::last(&Store::of(&session.cx), RUNS)).await?;
    Ok(took(&records))
}

/// Returns the same from runs, the newest first. What was stopped and continued took longer than any of its runs.
fn took(records: &[Record]) -> Option<Took> {
    let newest = records.iter().position(|record| is_failover(record) && record.ending == Ending::Complete)?;
    // A copy whose data is made harmless is brought up by two runs.
    let own = records[newest..].iter().take_while(|record| is_failover(record) || record.command.starts_with("stack run "));
    let own: Vec<&Record> = own.take_while(|record| record.ending == Ending::Complete).collect();
    // One that continued another one made none of the databases, which take the longest.
    let first = own.iter().rev().find(|record| is_failover(record) && creates_databases(record))?;
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let (began, ended) = (time(&first.began)?, time(records[newest].ended.as_deref()?)?);
    let whole = Duration::try_from(ended.duration_since(began)).ok()?;
    let done: Vec<&Value> = own.iter().filter_map(|record| record.outcome.get("done")?.as_array()).flatten().collect();
    let steps = SORTS.iter().filter_map(|(what, kinds)| {
        let is_of = |one: &&&Value| {
            let key = one["key"].as_str().unwrap_or_default();
            one["verb"] == "create" && kinds.iter().any(|kind| key.starts_with(kind))
        };
        let times: Vec<f64> = done.iter().filter(is_of).filter_map(|one| one["elapsed"].as_f64()).collect();
        let longest = times.iter().copied().reduce(f64::max)?;
        Some(Step { what, objects: times.len(), seconds: Duration::try_from_secs_f64(longest).ok()?.as_secs() })
    });
    Some(Took { began: first.began.clone(), seconds: whole.as_secs(), steps: steps.collect() })
}

fn creates_databases(record: &Record) -> bool {
    let done = record.outcome.get("done").and_then(Value::as_array);
    done.into_iter().flatten().any(|one| one["key"].as_str().is_some_and(|key| key.starts_with("rds.instance/")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(command: &str, began: &str, ended: &str, ending: Ending, done: Value) -> Record {
        let of = json!({"command": command, "who": "w", "host": "h", "began": began, "ended": ended, "version": "1", "file": "s.yaml",
            "plan": {}, "ending": ending, "outcome": {"done": done}});
        serde_json::from_value(of).unwrap()
    }

    #[test]
    fn what_a_failover_took_is_read_from_its_run() {
        let done = json!([
            {"key": "rds.instance/main", "verb": "create", "elapsed": 700.5},
            {"key": "rds.instance/main", "verb": "update", "elapsed": 900.0},
            {"key": "ecs.service/web", "verb": "create", "elapsed": 90.0},
            {"key": "ecs.service/worker", "verb": "create", "elapsed": 30.0},
        ]);
        let whole =
            |ending| record("stack failover s.yaml", "2026-11-27T10:00:00Z", "2026-11-27T10:14:00Z", ending, done.clone());
        let destroyed =
            record("stack destroy s.yaml", "2026-11-27T10:14:00Z", "2026-11-27T10:20:00Z", Ending::Complete, json!([]));
        let took = took(&[destroyed.clone(), whole(Ending::Complete)]).unwrap();
        assert_eq!((took.seconds, took.began.as_str()), (840, "2026-11-27T10:00:00Z"));
        let step = |what, objects, seconds| Step { what, objects, seconds };
        assert_eq!(took.steps, [step("databases", 1, 700), step("services", 2, 90)]);
        // What did not come to its end says nothing, and neither does what continued it.
        let rest = json!([{"key": "ecs.service/web", "verb": "create", "elapsed": 90.0}]);
        let rest = record("stack failover s.yaml", "2026-11-27T13:00:00Z", "2026-11-27T13:04:00Z", Ending::Complete, rest);
        assert_eq!(super::took(&[rest, whole(Ending::Interrupted)]), None);
        assert_eq!(super::took(&[whole(Ending::Partly)]), None);
        assert_eq!(super::took(&[destroyed]), None);
    }
}
