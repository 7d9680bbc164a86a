//! What was done, by whom, when, from which file and with what result: a document for each run in the
//! [`store`](crate::aws::runs::store). Without it, nothing vouches for objects that have no other mark
//! ([`doubt`](crate::aws::runs::doubt)): deleting them then needs consent. Nothing else needs it.

use std::sync::Arc;

use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::runs::store::{Over, Store};
use crate::engine::tags::TAG_EXPIRES;
use crate::engine::{Class, Error, Graph, Key, Moved, Node, Plan, Result};

/// The number of documents that are read at once.
const AT_ONCE: usize = 16;
/// The start of the documents' names.
const FOLDER: &str = "runs/";

/// The highest number of a run: a document with a higher one is not the history's.
const HIGHEST: u64 = 99_999_999;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It has not ended, or it was killed.
    Open,
    /// Everything was done.
    Complete,
    /// Some of it was done.
    Partly,
    /// Nothing was done.
    Failed,
    /// It was stopped by a user.
    Interrupted,
    /// It ran into its time limit.
    Late,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Ending::Open => "not ended",
            Ending::Complete => "complete",
            Ending::Partly => "partly",
            Ending::Failed => "failed",
            Ending::Interrupted => "interrupted",
            Ending::Late => "timed out",
        })
    }
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Counts the runs of this stack and environment from 1; given when it is first written.
    #[serde(default)]
    pub number: u64,
    /// The command as it was typed.
    pub command: String,
    /// The identity in AWS: an ARN.
    pub who: String,
    /// The machine's name.
    pub host: String,
    /// When it began: RFC 3339, by the clock of that machine.
    pub began: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// The version of the command.
    pub version: String,
    /// The commit of the file, with `-dirty` if the file differed from it. None outside of a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The path of the file, as it was given.
    pub file: String,
    /// The environment of the file that this one is like, where the file does not list it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// Until when the objects are wanted, where the plan says so: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The text of the file; none when a saved plan was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The desired objects, when a saved plan was applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<Wanted>,
    /// Places in the file that were renamed, when a saved plan was applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// The patterns of tags that are written at creation only, when a saved plan was applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_tags: Vec<String>,
    /// What was planned, as `stack plan --json` writes it.
    pub plan: Value,
    /// How it ended.
    pub ending: Ending,
    /// What was done, what was not and why, as `stack apply --json` ends.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub outcome: Value,
}

/// An object that a saved plan wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wanted {
    /// Its key.
    pub key: Key,
    /// Its desired fields, with unresolved references.
    pub desired: Arc<Value>,
}

/// Returns until when a plan wants its objects: the latest of what they say.
pub fn expires(plan: &Plan) -> Option<String> {
    let tag = |desired: &Value| Some(desired.get("tags")?.get(TAG_EXPIRES)?.as_str()?.to_owned());
    plan.items.iter().filter_map(|item| tag(item.desired.as_deref()?)).max()
}

/// Returns what a plan wants.
pub fn wanted(plan: &Plan) -> Vec<Wanted> {
    let items = plan.items.iter().filter_map(|item| Some((item.key.clone(), item.desired.clone()?)));
    items.map(|(key, desired)| Wanted { key, desired }).collect()
}

impl Record {
    /// Returns the objects that a saved plan wanted; none when nothing of it was kept.
    ///
    /// # Errors
    /// When an object occurs twice.
    pub fn graph(&self) -> Result<Option<Graph>> {
        let mut graph = Graph::default();
        graph.moved.clone_from(&self.moved);
        graph.ignore_tags(&self.ignored_tags);
        for Wanted { key, desired } in &self.wanted {
            graph.insert(Node { key: key.clone(), desired: desired.clone(), origin: String::new() })?;
        }
        Ok((!graph.is_empty()).then_some(graph))
    }
}

/// Returns the current time, to the second.
pub fn now() -> String {
    let now = jiff::Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now).to_string()
}

fn name(number: u64) -> String {
    format!("{FOLDER}{number:08}.json")
}

fn json(record: &Record) -> Result<String> {
    serde_json::to_string(record).map_err(|e| Error::internal(e.to_string()))
}

/// Writes the record of a run that begins, under the next number, and returns the number.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn begin(store: &Store, record: &mut Record) -> Result<()> {
    record.number = numbers(store).await?.last().map_or(1, |last| last.saturating_add(1));
    loop {
        if store.write(&name(record.number), &json(record)?, Over::Nothing).await?.is_some() {
            return Ok(());
        }
        // This run's own, when only the answer was lost.
        let there = store.read(&name(record.number)).await?;
        if there.is_some_and(|there| json(record).is_ok_and(|own| own == there.text)) {
            return Ok(());
        }
        record.number = record.number.saturating_add(1);
    }
}

/// Writes how a run ended.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn end(store: &Store, record: &Record) -> Result<()> {
    store.write(&name(record.number), &json(record)?, Over::Anything).await.map(drop)
}

/// Returns the numbers of all runs, the oldest first.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn numbers(store: &Store) -> Result<Vec<u64>> {
    let names = store.names(FOLDER).await?;
    let number = |name: &String| name.strip_prefix(FOLDER)?.strip_suffix(".json")?.parse().ok();
    Ok(names.iter().filter_map(number).filter(|number| *number <= HIGHEST).collect())
}

/// Returns a run; `None` when there is none with this number.
///
/// # Errors
/// When S3 cannot be asked, or refuses, and when the text is not a record.
pub async fn read(store: &Store, number: u64) -> Result<Option<Record>> {
    let Some(document) = store.read(&name(number)).await? else { return Ok(None) };
    serde_json::from_str(&document.text).map(Some).map_err(|e| {
        Error::new(Class::Other, format!("`{}{}` is not a record of a run: {e}", store.place(), name(number)))
            .hint("it was written by another version of `stack`, or by another program")
    })
}

/// Returns the last runs, the newest first, and an error for each that cannot be read.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn last(store: &Store, count: usize) -> Result<(Vec<Record>, Vec<Error>)> {
    let numbers = numbers(store).await?;
    let wanted = numbers.into_iter().rev().take(count);
    let read = iter(wanted).map(|number| async move {
        match read(store, number).await {
            // What is not a record is no reason to hide the others.
            Err(e) if e.operation.is_none() && e.class == Class::Other => Ok(Err(e)),
            other => other.map(Ok),
        }
    });
    let (mut records, mut broken) = (Vec::new(), Vec::new());
    for record in read.buffered(AT_ONCE).try_collect::<Vec<_>>().await? {
        match record {
            Ok(record) => records.extend(record),
            Err(error) => broken.push(error),
        }
    }
    Ok((records, broken))
}
