//! Applying a plan as a dataflow: every operation starts as soon as what it waits for permits.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, watch};

use super::action::Verb;
use super::context::Cx;
use super::dataflow::Dataflow;
use super::error::{Class, Error, Result};
use super::events::{Event, Reporter};
use super::key::Key;
use super::kind::Registry;
use super::operation::{Ended, Halt, Progress, Run};
use super::plan::Plan;
use super::resource::Cloud;
use super::schedule::{OpId, Schedule};
use super::token::{Ids, Need};

/// How long the calls in flight may take to end once the user has asked to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was done.
    pub done: Vec<(Key, Verb, Duration)>,
    /// What failed.
    pub failed: Vec<(Key, Verb, Error)>,
    /// What AWS was still at when the user stopped the run, and AWS's last words about it. The next run waits for it.
    pub under_way: Vec<(Key, Verb, String)>,
    /// What was not tried, and what it waited for (nothing, when the run was stopped).
    pub skipped: Vec<(Key, Verb, Option<Key>)>,
    /// The user stopped it, or its time was over.
    pub stopped: bool,
    /// It was stopped because its time was over.
    pub late: bool,
    /// What was left, when it ended, of the time that calls on their way have after that.
    pub spare: Duration,
    /// How long it took.
    pub elapsed: Duration,
    /// What the run waited for, in order: the operations on the longest chain, with when each began and ended.
    pub chain: Vec<Link>,
    /// What the objects are called in AWS now.
    pub ids: Ids,
}

/// One operation on the longest chain.
#[derive(Clone, Debug)]
pub struct Link {
    /// The object.
    pub key: Key,
    /// What happened to it.
    pub verb: Verb,
    /// Since the start of the run.
    pub from: Duration,
    /// Since the start of the run.
    pub to: Duration,
    /// AWS's last words before it was done, when it took its time.
    pub status: Option<String>,
}

impl Outcome {
    /// Checks whether everything was done.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && !self.stopped
    }
}

/// Returns how long a plan usually takes: as long as the longest chain of its operations, without what AWS needs to load data.
///
/// # Errors
/// When the plan cannot be scheduled.
pub fn usual<C: Cloud>(registry: &Registry<C>, plan: &Plan) -> Result<Duration> {
    Ok(longest(&Schedule::new(&plan.items, registry)?))
}

fn longest(schedule: &Schedule) -> Duration {
    schedule.ops.values().map(|op| op.rest).max().unwrap_or_default()
}

/// Applies a plan. When `stop` turns true it ends in good order: it waits for the calls in flight, starts nothing new, and leaves
/// to the cloud what the cloud has accepted.
///
/// # Errors
/// When the plan cannot be scheduled. What fails on the way is in the [`Outcome`].
pub async fn apply<C: Cloud>(
    registry: &Registry<C>,
    cx: &Cx<C>,
    plan: &Plan,
    reporter: &dyn Reporter,
    mut stop: watch::Receiver<bool>,
) -> Result<Outcome> {
    let schedule = Schedule::new(&plan.items, registry)?;
    let run = Run::new(registry, cx, plan, reporter, stop.clone());
    let began = Instant::now();
    let mut outcome = Outcome::default();
    let mut state = Dataflow::new(&schedule);
    reporter.event(&Event::RunStarted { operations: schedule.ops.len(), usual: longest(&schedule) });

    let (tx, mut rx) = mpsc::unbounded_channel();
    let mut running: FuturesUnordered<BoxFuture<'_, Ended>> = FuturesUnordered::new();
    let mut can_stop = true;
    let mut deadline: Option<tokio::time::Instant> = None;
    // What nothing else would fare better after.
    let mut end: Option<Key> = None;
    let stopping = |outcome: &mut Outcome, deadline: &mut Option<tokio::time::Instant>| {
        outcome.stopped = true;
        *deadline = Some(tokio::time::Instant::now() + GRACE);
        reporter.event(&Event::Stopping);
    };
    // Since the plan was agreed to, say.
    if *stop.borrow_and_update() {
        stopping(&mut outcome, &mut deadline);
    }
    loop {
        if !outcome.stopped && end.is_none() {
            while let Some(id) = state.next(plan) {
                state.started.insert(id, began.elapsed());
                running.push(Box::pin(run.operation(&schedule.ops[&id], tx.clone())));
            }
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            // First, or the operations that heed it would be over before the run knows why.
            changed = stop.changed(), if can_stop && !outcome.stopped => {
                can_stop = changed.is_ok(); // an error means that no one can stop it any more
                if *stop.borrow() {
                    stopping(&mut outcome, &mut deadline);
                }
            }
            Some(progress) = rx.recv() => match progress {
                Progress::Exists(id) => state.reached(id, Need::Exists),
                Progress::Idle(id) => state.idle(id, plan),
            },
            Some((id, elapsed, result)) = running.next() => {
                let key = plan.items[id.0].key.clone();
                state.idle(id, plan);
                state.ended.insert(id, began.elapsed());
                match result {
                    Ok(()) => {
                        state.reached(id, Need::Exists);
                        state.reached(id, Need::Ready);
                        reporter.event(&Event::Finished { key: key.clone(), verb: id.1, elapsed });
                        outcome.done.push((key, id.1, elapsed));
                    }
                    // It stays among what has started and not ended.
                    Err(Halt::Stopped) => {
                        state.ended.remove(&id);
                        // It may have heard of it before the run did, and be the last one.
                        if !outcome.stopped {
                            stopping(&mut outcome, &mut deadline);
                        }
                    }
                    Err(Halt::Failed(error)) => {
                        let error = error.about(&key);
                        if matches!(error.class, Class::Credentials | Class::Lost | Class::Unreachable) {
                            end.get_or_insert_with(|| key.clone());
                        }
                        reporter.event(&Event::Failed { key: key.clone(), verb: id.1, error: error.clone(), elapsed });
                        outcome.failed.push((key.clone(), id.1, error));
                        state.fail(id);
                    }
                }
            }
            // A call that hangs is dropped, as if the process had died: the next run checks whether it was done.
            () = until(deadline) => break,
        }
    }

    drop(running);
    for id in state.under_way() {
        let key = plan.items[id.0].key.clone();
        let status = run.last_words(id).unwrap_or_default();
        reporter.event(&Event::Left { key: key.clone(), verb: id.1, status: status.clone() });
        outcome.under_way.push((key, id.1, status));
    }
    for (id, because) in state.left() {
        let key = plan.items[id.0].key.clone();
        let because = because.map(|op| plan.items[op.0].key.clone()).or_else(|| end.clone());
        reporter.event(&Event::Skipped { key: key.clone(), verb: id.1, because: because.clone() });
        outcome.skipped.push((key, id.1, because));
    }
    outcome.elapsed = began.elapsed();
    outcome.spare = deadline.map_or(Duration::ZERO, |at| at.saturating_duration_since(tokio::time::Instant::now()));
    let link = |(id, from, to): (OpId, Duration, Duration)| Link {
        key: plan.items[id.0].key.clone(),
        verb: id.1,
        from,
        to,
        status: run.last_words(id),
    };
    outcome.chain = state.chain().into_iter().map(link).collect();
    outcome.ids = run.into_ids();
    Ok(outcome)
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
