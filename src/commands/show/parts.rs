//! What keeps the stack's data and watches what it costs: backups, archives, copies in another region, firewalls, budgets. Each is read
//! by itself, and one that cannot be read hides no other.

use futures::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::aws::Cx;
use crate::aws::backup::{self, Held, RestoreTestingPlan, Test, Vault};
use crate::aws::budgets::{self, Budget, Spending};
use crate::aws::ownership::global::region_of;
use crate::aws::rds::{BackupReplication, replicated};
use crate::aws::s3::{Bucket, archived};
use crate::aws::wafv2::WebAcl;
use crate::engine::{Resource, Result, Seen, Snapshot};
use crate::prices::Decimal;
use crate::ui;

/// A part that protects, in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is, in the word of its section, and which one where there are several: `backup`, `recovery main`.
    part: String,
    /// How it is, in a few words.
    state: String,
    /// What more is known.
    details: String,
}

impl Part {
    fn of(part: impl Into<String>, state: impl Into<String>, details: impl Into<String>) -> Part {
        Part { part: part.into(), state: state.into(), details: details.into() }
    }

    /// Returns the cells of its row.
    pub fn cells(&self) -> Vec<String> {
        vec![self.part.clone(), self.state.clone(), self.details.clone()]
    }
}

/// Reads the parts that protect the stack, in the order of their sections.
pub async fn read(cx: &Cx, snapshot: &Snapshot) -> Vec<Part> {
    let own = snapshot.seen.iter().filter(|seen| seen.key().is_some());
    let mut parts: Vec<(usize, Part)> = join_all(own.map(|seen| one(cx, seen))).await.into_iter().flatten().collect();
    parts.sort_by(|a, b| (a.0, &a.1.part).cmp(&(b.0, &b.1.part)));
    parts.into_iter().map(|(_, part)| part).collect()
}

/// Reads an object, with its place among the others; nothing if it protects nothing.
async fn one(cx: &Cx, seen: &Seen) -> Option<(usize, Part)> {
    let name = seen.key()?.name;
    let live = |field: &str| seen.live.get(field).and_then(Value::as_str).unwrap_or_default();
    let (place, part, read) = match seen.kind.as_ref() {
        WebAcl::KIND => return Some((0, firewall(&name, &seen.fields))),
        Vault::KIND => (1, named("backup", &name), backup::held(cx, live("arn")).await.map(vault)),
        RestoreTestingPlan::KIND => (2, "restore test".to_owned(), backup::last_test(cx, live("arn")).await.map(test)),
        BackupReplication::KIND => {
            let region = region_of(live("arn"));
            let of = name.strip_suffix(&format!("-{region}")).unwrap_or(&name);
            (3, format!("recovery {of}"), replicated::latest(cx, live("arn")).await.map(|latest| copy(region, latest)))
        }
        Bucket::KIND if seen.section().is_some_and(|section| section.starts_with("buckets.")) => {
            let (state, details) = bucket(live("name"), &seen.fields);
            return Some((6, Part { part: format!("bucket {name}"), state, details }));
        }
        Bucket::KIND if name == "archive" => (4, name, archived::exports(cx, live("name")).await.map(exports)),
        Budget::KIND => (5, named("budget", &name), budgets::spending(cx, &name).await.map(budget)),
        _ => return None,
    };
    Some((place, shown(part, read)))
}

/// Returns the section's word alone for the section's own object, and else with the object's name.
fn named(word: &str, name: &str) -> String {
    if name == word { word.to_owned() } else { format!("{word} {}", name.strip_prefix(&format!("{word}-")).unwrap_or(name)) }
}

/// Returns the part as it was read, or why it could not be.
fn shown(part: String, read: Result<Read>) -> Part {
    match read {
        Ok((state, details)) => Part { part, state, details },
        Err(error) => Part { part, state: "not known".into(), details: error.to_string() },
    }
}

/// What is read of a part: its state and details.
type Read = (String, String);

/// Returns what protects the objects of a bucket, and its name.
fn bucket(name: &str, fields: &Value) -> Read {
    let rules = fields["lifecycle"].as_object().into_iter().flat_map(|rules| rules.values());
    let days = rules.filter_map(|rule| rule["expire_versions_after"].as_u64()).min();
    let state = match (fields["versioning"].as_bool(), days) {
        (Some(true), Some(days)) => {
            format!("keeps old versions for {}", ui::count(usize::try_from(days).unwrap_or(usize::MAX), "day"))
        }
        (Some(true), None) => "keeps old versions".to_owned(),
        _ => "keeps no old versions".to_owned(),
    };
    let algorithm = fields["encryption"]["algorithm"].as_str().unwrap_or_default();
    (state, format!("{name}, encrypted with {}", if algorithm.starts_with("aws:kms") { "a key of KMS" } else { "S3's own key" }))
}

fn vault(held: Held) -> Read {
    let count = ui::count(held.count, "recovery point");
    match held.newest {
        Some(newest) => (count, format!("newest {}", ago(newest))),
        None if held.count > 0 => (count, "none is complete yet".into()),
        None => ("empty".into(), "no backup was made yet".into()),
    }
}

fn test(last: Option<Test>) -> Read {
    let Some(test) = last else { return ("none yet".into(), String::new()) };
    let failed = ["FAILED", "ABORTED"].contains(&test.status.as_str());
    let message = test.message.filter(|_| failed).map(|message| format!(": {message}")).unwrap_or_default();
    (test.status.to_lowercase(), format!("{}{message}", ago(test.began)))
}

fn copy(region: &str, latest: Option<i64>) -> Read {
    let details =
        latest.map_or_else(|| "no backup is complete there yet".into(), |latest| format!("restorable up to {}", ago(latest)));
    (format!("in {region}"), details)
}

fn exports((count, newest): (usize, Option<i64>)) -> Read {
    let details = newest.map_or_else(|| "nothing was exported yet".into(), |newest| format!("newest {}", ago(newest)));
    (ui::count(count, "export"), details)
}

fn firewall(name: &str, fields: &Value) -> Part {
    let actions: Vec<&str> = fields
        .get("rules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|rule| rule.get("action")?.as_str())
        .collect();
    let counting = actions.iter().filter(|action| **action == "count").count();
    let blocks =
        actions.iter().any(|action| ["block", "group"].contains(action)) || fields.get("default_action") == Some(&"block".into());
    let rules = ui::count(actions.len(), "rule");
    let details = if blocks && counting > 0 { format!("{rules}, of which {counting} only count") } else { rules };
    Part::of(named("firewall", name), if blocks { "blocks" } else { "only counts" }, details)
}

fn budget(spending: Option<Spending>) -> Read {
    let Some(Spending { limit, actual, forecast }) = spending else {
        return ("not known".into(), "AWS Budgets does not show it".into());
    };
    let over = if actual.is_some_and(|actual| actual > limit) { "over budget: " } else { "" };
    let state = format!("{over}{} of {}", money(actual.unwrap_or_default()), money(limit));
    let details = match forecast {
        Some(forecast) => format!("{} forecast", money(forecast)),
        None if actual.is_none() => "nothing was counted yet".into(),
        None => String::new(),
    };
    (state, details)
}

/// Returns US dollars as money: `$1,234.50`.
fn money(dollars: f64) -> String {
    format!("{dollars:.2}").parse::<Decimal>().map_or_else(|_| format!("${dollars:.2}"), Decimal::money)
}

/// How long ago a time is, in seconds since 1970.
fn ago(seconds: i64) -> String {
    Timestamp::from_second(seconds).map(ui::ago).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn minutes_ago(minutes: i64) -> i64 {
        Timestamp::now().as_second() - 60 * minutes
    }

    #[test]
    fn what_backups_say() {
        assert_eq!(vault(Held { count: 0, newest: None }).0, "empty");
        let held = vault(Held { count: 2, newest: Some(minutes_ago(5)) });
        assert_eq!((held.0.as_str(), held.1.as_str()), ("2 recovery points", "newest 5m ago"));
        assert_eq!(vault(Held { count: 1, newest: None }).1, "none is complete yet");
        assert_eq!(copy("eu-west-1", Some(minutes_ago(7))), ("in eu-west-1".into(), "restorable up to 7m ago".into()));
        assert_eq!(exports((3, Some(minutes_ago(180)))).1, "newest 3h ago");
    }

    #[test]
    fn a_failed_restore_test_says_why() {
        let of = |status: &str| {
            let message = Some("no subnet group".to_owned());
            test(Some(Test { began: minutes_ago(10), status: status.into(), message }))
        };
        assert_eq!(of("COMPLETED"), ("completed".into(), "10m ago".into()));
        assert_eq!(of("FAILED"), ("failed".into(), "10m ago: no subnet group".into()));
        assert_eq!(test(None).0, "none yet");
    }

    #[test]
    fn what_a_firewall_does() {
        let acl = |actions: &[&str]| {
            let rules: Vec<Value> = actions.iter().map(|action| json!({"action": action})).collect();
            let part = firewall("cdn", &json!({"rules": rules, "default_action": "allow"}));
            (part.state, part.details)
        };
        assert_eq!(acl(&["allow", "count"]), ("only counts".into(), "2 rules".into()));
        assert_eq!(acl(&["group", "count", "block"]), ("blocks".into(), "3 rules, of which 1 only count".into()));
        assert_eq!(firewall("firewall-cdn", &json!({})).part, "firewall cdn");
    }

    #[test]
    fn what_a_budget_counts() {
        let of = |actual, forecast| budget(Some(Spending { limit: 300.0, actual, forecast }));
        assert_eq!(of(None, None), ("$0.00 of $300.00".into(), "nothing was counted yet".into()));
        assert_eq!(of(Some(12.5), Some(1280.0)), ("$12.50 of $300.00".into(), "$1,280.00 forecast".into()));
        assert_eq!(of(Some(301.0), None).0, "over budget: $301.00 of $300.00");
    }
}
