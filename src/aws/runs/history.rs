//! What was done, by whom, when, from which file and with what result: a text for each run in the
//! [`store`](crate::aws::runs::store). Losing it loses the word for what nothing else vouches for
//! ([`ownership`](crate::aws::ownership::marks)): that goes only when it is named then. Nothing else needs it.

use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::runs::store::{Over, Store};
use crate::engine::{Class, Error, Graph, Key, Moved, Node, Plan, Result};

/// How many texts are read at once.
const AT_ONCE: usize = 16;
/// What the names of the texts begin with.
const FOLDER: &str = "runs/";

/// No run has a higher number: what has one is not ours.
const HIGHEST: u64 = 99_999_999;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It has not, or it was killed.
    Open,
    /// Everything was done.
    Complete,
    /// Some of it was done.
    Partly,
    /// Nothing was done.
    Failed,
    /// Somebody stopped it.
    Interrupted,
    /// Its time was over.
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
    /// What was typed.
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
    /// The commit that the file was of, `-dirty` when it was not as committed. None outside of a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The path of the file, as it was given.
    pub file: String,
    /// What the file said; none when a saved plan was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What was wanted, object by object, when a saved plan was applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<Wanted>,
    /// Places in the file that were called otherwise, when a saved plan was applied.
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
    /// Its address.
    pub key: Key,
    /// What it is to be, references open.
    pub desired: Value,
}

/// What a plan wants.
pub fn wanted(plan: &Plan) -> Vec<Wanted> {
    let items = plan.items.iter().filter_map(|item| Some((item.key.clone(), item.desired.clone()?)));
    items.map(|(key, desired)| Wanted { key, desired }).collect()
}

impl Record {
    /// The objects that a saved plan wanted; none when nothing was kept of it.
    ///
    /// # Errors
    /// When one is there twice.
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

/// Now, to the second.
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

/// Writes the record of a run that begins, under the next number, and gives that.
///
/// # Errors
/// What S3 says.
pub async fn begin(store: &Store, record: &mut Record) -> Result<()> {
    record.number = numbers(store).await?.last().map_or(1, |last| last.saturating_add(1));
    loop {
        if store.write(&name(record.number), &json(record)?, Over::Nothing).await?.is_some() {
            return Ok(());
        }
        // Ours, when only the answer was lost.
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
/// What S3 says.
pub async fn end(store: &Store, record: &Record) -> Result<()> {
    store.write(&name(record.number), &json(record)?, Over::Anything).await.map(drop)
}

/// The numbers of all runs, the oldest first.
///
/// # Errors
/// What S3 says.
pub async fn numbers(store: &Store) -> Result<Vec<u64>> {
    let names = store.names(FOLDER).await?;
    let number = |name: &String| name.strip_prefix(FOLDER)?.strip_suffix(".json")?.parse().ok();
    Ok(names.iter().filter_map(number).filter(|number| *number <= HIGHEST).collect())
}

/// One run; `None` when there is none of this number.
///
/// # Errors
/// What S3 says, and when the text is not a record.
pub async fn read(store: &Store, number: u64) -> Result<Option<Record>> {
    let Some(document) = store.read(&name(number)).await? else { return Ok(None) };
    serde_json::from_str(&document.text).map(Some).map_err(|e| {
        Error::new(Class::Other, format!("`{}{}` is not a record of a run: {e}", store.place(), name(number)))
            .hint("it was written by another version of `stack`, or by another program")
    })
}

/// The last runs, the newest first, and what else is there that cannot be read as one.
///
/// # Errors
/// What S3 says.
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
