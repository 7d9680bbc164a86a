//! One operation, from its call until its object serves or is gone: which answers are checked, and what is waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tracing::Instrument;

use super::action::{Action, Verb};
use super::context::{Cx, Peers};
use super::diff::{Diff, diff};
use super::error::{Class, Error, Result};
use super::events::{Event, OBJECT, Reporter};
use super::fresh_reads::FreshReads;
use super::item::{Before, Item};
use super::key::Key;
use super::kind::{Kind, RawObserved, Registry};
use super::matching::identity;
use super::plan::Plan;
use super::poll_interval::{STALE, Wait, Waiting, retry_interval};
use super::readiness::{Impairment, Readiness};
use super::resource::Cloud;
use super::rest::is_paused;
use super::rules::{self, What};
use super::schedule::{Op, OpId};
use super::scope::Claim;
use super::snapshot::{Seen, observed};
use super::token;
use super::token::{Ids, Token};

mod deletion;
mod retry;

/// How long something that was just created may stay invisible to its users.
const NOT_YET: Duration = Duration::from_secs(150);
/// How long something may stay in use by what is going away, or busy with an earlier change.
const IN_USE: Duration = Duration::from_secs(15 * 60);
/// How many changes, one after the other, one object may need.
const STEPS: u32 = 12;
/// How many lost answers in a row are followed up.
const AMBIGUOUS: u32 = 4;

/// Why an operation did not get to its end.
pub(super) enum Halt {
    /// It failed.
    Failed(Error),
    /// The user stopped the run while AWS was working on it.
    Stopped,
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Failed(error)
    }
}

/// What is waited for.
#[derive(Clone, Copy)]
enum Accept<'a> {
    /// That it serves, or that AWS waits for a person to fix it.
    Impaired,
    /// That it serves, or that it is no worse than it was.
    AsBefore(&'a Readiness),
}

impl Accept<'_> {
    fn was(self, now: &Impairment) -> bool {
        matches!(self, Accept::AsBefore(Readiness::Impaired(before)) if before.status == now.status)
    }
}

/// How far an operation has come.
pub(super) enum Progress {
    /// The object has an identifier: those who need no more may start.
    Exists(OpId),
    /// The call is made and only waiting is left: another call may start.
    Idle(OpId),
}

/// What the operations of a run share.
pub(super) struct Run<'a, C> {
    registry: &'a Registry<C>,
    cx: &'a Cx<C>,
    plan: &'a Plan,
    reporter: &'a dyn Reporter,
    stop: watch::Receiver<bool>,
    ids: Mutex<Ids>,
    waiting: Waiting,
    reads: FreshReads,
    /// One at a time, by kind.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// What AWS said last about each operation.
    said: Mutex<HashMap<(Key, Verb), String>>,
}

/// How an operation ended, and after how long.
pub(super) type Ended = (OpId, Duration, Result<(), Halt>);

/// One operation at work: whom it concerns, since when, and who listens.
struct Job<'a, C> {
    id: OpId,
    cx: &'a Cx<C>,
    usual: Duration,
    began: Instant,
    tx: &'a mpsc::UnboundedSender<Progress>,
    /// Whether it, or something that it refers to, was created in this run: AWS may not know it everywhere yet.
    new: bool,
    /// It was prepared: what is left is what differs now.
    prepared: bool,
}

impl<C> Job<'_, C> {
    fn send(&self, progress: Progress) {
        // The receiver lives as long as the run; a closed channel means that no one waits for this any more.
        let _ = self.tx.send(progress);
    }
}

impl<'a, C: Cloud> Run<'a, C> {
    /// Returns a run in which nothing has begun.
    pub(super) fn new(
        registry: &'a Registry<C>,
        cx: &'a Cx<C>,
        plan: &'a Plan,
        reporter: &'a dyn Reporter,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let mut ids = Ids::default();
        for item in &plan.items {
            if let Some(before) = &item.before
                && item.desired.is_some()
            {
                ids.insert(&item.key, before.live.clone());
            }
        }
        let ids = Mutex::new(ids);
        Run {
            registry,
            cx,
            plan,
            reporter,
            stop,
            ids,
            waiting: Waiting::default(),
            reads: FreshReads::default(),
            turns: Mutex::default(),
            said: Mutex::default(),
        }
    }

    /// Returns the identifiers of the objects now.
    pub(super) fn into_ids(self) -> Ids {
        self.ids.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs an operation to its end.
    pub(super) async fn operation(&self, op: &Op, tx: mpsc::UnboundedSender<Progress>) -> Ended {
        let (id, usual, began) = (op.id, op.usual, Instant::now());
        let item = &self.plan.items[id.0];
        self.reporter.event(&Event::Started { key: item.key.clone(), verb: id.1, usual });
        let predecessor =
            item.before.as_ref().filter(|_| item.carries_data && id.1 == Verb::Create).map(|b| Value::clone(&b.live));
        let fresh = self.cx.fresh().at(&item.key, item.generation);
        let (last_copy, prepare) = (item.last_copy.is_some(), id.1 == Verb::Prepare);
        let (loses_data, peers) = (item.loses_data, self.peers(&item.key.kind));
        let begins = id.1 == Verb::Create && item.is_first() && self.names_data(item);
        let cx = Cx { last_copy, loses_data, predecessor, begins, prepare, peers, ..fresh };
        let new = id.1 == Verb::Create || self.refers_to_new(item);
        let job = Job { id, cx: &cx, usual, began, tx: &tx, prepared: op.prepared, new };
        // The log of calls names the object. At the level of errors, so that no level leaves it out.
        let span = tracing::error_span!(target: OBJECT, "operation", key = %item.key, verb = ?id.1);
        let result = self.work(&job, item).instrument(span).await;
        (id, began.elapsed(), result)
    }

    /// Checks whether an object names data that it begins with.
    fn names_data(&self, item: &Item) -> bool {
        let kind = self.registry.find(&item.key.kind);
        kind.zip(item.desired.as_ref()).is_some_and(|(kind, desired)| kind.begins(desired))
    }

    /// Returns the objects of a kind of which several are written by one call.
    fn peers(&self, kind: &str) -> Arc<Peers> {
        if !self.registry.find(kind).is_some_and(|kind| kind.info().joint) {
            return Arc::default();
        }
        let all = |ids: &mut Ids| {
            let known = |item: &Item| {
                let live = ids.live(&item.key)?;
                // The old half of a replacement is none of them any more.
                let old = item.action == Action::Replace && item.before.as_ref().is_some_and(|b| *b.live == *live);
                (!old).then_some((live.clone(), ids.resolve(item.desired.as_ref()?).ok()?))
            };
            let peers = || self.plan.items.iter().filter(|item| item.key.kind == kind);
            // Where none has anything that another is to get, nobody asks.
            let moves = |item: &Item| matches!(item.action, Action::Update | Action::Replace | Action::Delete);
            if peers().any(moves) { peers().filter_map(known).collect() } else { Vec::new() }
        };
        let turn = self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(kind.to_owned()).or_default().clone();
        Arc::new(Peers { all: self.with_ids(all), turn })
    }

    /// Checks whether it refers to anything that this run creates.
    fn refers_to_new(&self, item: &Item) -> bool {
        let named = item.desired.as_deref().map(token::named).unwrap_or_default();
        self.plan.items.iter().any(|i| matches!(i.action, Action::Create | Action::Replace) && named.contains_key(&i.key))
    }

    async fn work(&self, job: &Job<'_, C>, item: &Item) -> Result<(), Halt> {
        let kind = self.registry.kind(&item.key.kind)?.as_ref();
        let live = item.before.as_ref().map(|b| Value::clone(&b.live)).unwrap_or(Value::Null);
        if job.id.1 == Verb::Delete {
            return self.delete(kind, job, &live).await;
        }
        let desired = item.desired.as_ref().ok_or_else(|| Error::internal("nothing is desired"))?;
        let resolved = self.with_ids(|ids| ids.resolve(desired).map_err(|key| unresolved(ids, desired, &key)))?;
        let live = match job.id.1 {
            // What is changed step by step is paused when it has come up.
            Verb::Create
                if item.carries_data
                    || job.cx.begins
                    || kind.info().stepwise && (is_paused(desired) || kind.comes_up_otherwise(desired)) =>
            {
                if item.carries_data || job.cx.begins {
                    self.carry_over(kind, job, &resolved).await?;
                }
                let live = self.create(kind, job, &resolved).await?;
                // A copy brings what its original was: the rest is a change like any other.
                let made = Before { live: live.into(), fields: Arc::default(), state: Readiness::waiting("it comes up") };
                self.step_by_step(kind, job, &made, desired, &resolved).await?
            }
            Verb::Create if job.prepared => self.finish(kind, job, desired, &resolved).await?,
            Verb::Create => self.create(kind, job, &resolved).await?,
            Verb::Prepare if item.action != Action::Update => self.create(kind, job, &resolved).await?,
            Verb::Update if kind.info().stepwise => {
                let before = item.before.as_ref().ok_or_else(|| Error::internal("there is nothing to change"))?;
                self.step_by_step(kind, job, before, desired, &resolved).await?
            }
            Verb::Update | Verb::Prepare => {
                let observed = item.before.as_ref().map(|b| b.fields.clone()).unwrap_or_default();
                let todo = self.with_ids(|ids| diff(kind.info().rules, desired, &observed, ids));
                if todo.is_empty() { live } else { self.update(kind, job, &resolved, &live, &todo).await? }
            }
            _ => live,
        };
        self.with_ids(|ids| ids.insert(&item.key, live.clone()));
        if job.id.1 == Verb::Prepare {
            return Ok(());
        }
        job.send(Progress::Exists(job.id));
        job.send(Progress::Idle(job.id));
        let was = item.before.as_ref().map_or(&Readiness::Gone, |before| &before.state);
        self.await_ready(kind, job, &resolved, &live, Accept::AsBefore(was)).await?;
        let settled = self.retry_ambiguous(job, || kind.settle(job.cx, &live)).await?;
        self.with_ids(|ids| ids.insert(&item.key, settled));
        Ok(())
    }

    fn with_ids<T>(&self, f: impl FnOnce(&mut Ids) -> T) -> T {
        f(&mut self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does what is left to do for an object that was prepared.
    async fn finish(&self, kind: &dyn Kind<C>, job: &Job<'_, C>, desired: &Value, resolved: &Value) -> Result<Value, Halt> {
        let gone = || Error::new(Class::Failed, "it disappeared while the objects behind it were starting");
        let seen = self.find_within(STALE, kind, job, resolved).await?.ok_or_else(gone)?;
        let todo = self.with_ids(|ids| diff(kind.info().rules, desired, &seen.fields, ids));
        if todo.is_empty() { Ok(Value::clone(&seen.live)) } else { self.update(kind, job, resolved, &seen.live, &todo).await }
    }

    async fn create(&self, kind: &dyn Kind<C>, job: &Job<'_, C>, desired: &Value) -> Result<Value, Halt> {
        let after_create = || Diff::of_fields(desired, rules::fields(kind.info().rules, What::AfterCreate));
        let mut ambiguous = 0;
        let (live, later) = loop {
            match self.retry(job, || kind.create(job.cx, desired)).await {
                // Whether it was done is to be seen, never to be guessed. It may be seen late, and "it exists" may be the answer
                // to the SDK's own second try.
                Err(Halt::Failed(e)) if matches!(e.class, Class::Ambiguous | Class::Exists) => {
                    // What a second call would make once more may have been made and not be seen yet.
                    let twice = e.class == Class::Ambiguous && !kind.info().repeatable;
                    if let Some(seen) = self.find_within(if twice { STALE } else { Duration::ZERO }, kind, job, desired).await? {
                        self.retry_ambiguous(job, || async { kind.finish(job.cx, &seen.live).await.map_err(Error::of_new) })
                            .await?;
                        // What came by itself, or carries no name, need not be as it should.
                        let differs = match seen.claim {
                            Claim::Stray => self.with_ids(|ids| diff(kind.info().rules, desired, &seen.fields, ids)),
                            _ => after_create(),
                        };
                        break (Value::clone(&seen.live), differs);
                    }
                    ambiguous += 1;
                    if ambiguous > AMBIGUOUS {
                        return Err(e.into());
                    }
                    self.retrying(job, &e);
                    self.sleep(Duration::from_millis(500 * u64::from(ambiguous))).await?;
                }
                other => break (other?, after_create()),
            }
        };
        if later.is_empty() {
            return Ok(live);
        }
        self.retry_ambiguous(job, || async { kind.update(job.cx, desired, &live, &later).await.map_err(Error::of_new) }).await
    }

    /// Waits until the data of what is replaced, or what a new object begins with, can be copied over.
    async fn carry_over(&self, kind: &dyn Kind<C>, job: &Job<'_, C>, desired: &Value) -> Result<(), Halt> {
        let mut wait = self.begin_wait(kind, job);
        let key = &job.cx.key;
        // What begins so loses nothing, and takes no consent: the file says what it begins with.
        let explained = |e: Error| match job.cx.begins {
            true => e,
            false => e.hint(format!("to start with an empty one instead, add `--without-data {key}`")),
        };
        loop {
            match self.poll_once(job, &mut wait, kind.carry_over(job.cx, desired)).await {
                Ok(Readiness::Ready) => return Ok(()),
                Ok(Readiness::Failed(why)) => return Err(explained(Error::new(Class::Failed, why)).into()),
                Ok(Readiness::Impaired(it)) => return Err(explained(Error::new(Class::Failed, it.advice)).into()),
                Ok(Readiness::Gone | Readiness::Leaving(_)) => {
                    return Err(explained(Error::new(Class::Failed, "the copy of its data disappeared")).into());
                }
                Ok(Readiness::Waiting { status, .. }) => self.status(job, &status),
                // AWS is working on the original: a backup, a change.
                Err(e) if e.class == Class::InUse && wait.since.elapsed() < IN_USE => self.retrying(job, &e),
                Err(e) => wait.forgive(e).map_err(explained)?,
            }
            job.send(Progress::Idle(job.id));
            self.pause(job, &wait).await?;
        }
    }

    /// Waits until everything is there that the change needs.
    async fn prepare(
        &self,
        kind: &dyn Kind<C>,
        job: &Job<'_, C>,
        desired: &Value,
        live: &Value,
        todo: &Diff,
    ) -> Result<(), Halt> {
        let mut wait = self.begin_wait(kind, job);
        loop {
            match self.poll_once(job, &mut wait, kind.prepare(job.cx, desired, live, todo)).await {
                Ok(Readiness::Ready) => return Ok(()),
                Ok(Readiness::Waiting { status, .. }) => self.status(job, &status),
                Ok(other) => {
                    let word = other.word().unwrap_or("it disappeared");
                    return Err(Error::new(Class::Failed, format!("the change was not started: {word}")).into());
                }
                Err(e) if e.class == Class::InUse && wait.since.elapsed() < IN_USE => self.retrying(job, &e),
                Err(e) => wait.forgive(e)?,
            }
            job.send(Progress::Idle(job.id));
            self.pause(job, &wait).await?;
        }
    }

    /// Makes one change after the other, each when AWS has finished the one before, until nothing is left.
    async fn step_by_step(
        &self,
        kind: &dyn Kind<C>,
        job: &Job<'_, C>,
        before: &Before,
        desired: &Value,
        resolved: &Value,
    ) -> Result<Value, Halt> {
        let (mut live, mut fields, mut state) = (Value::clone(&before.live), before.fields.clone(), before.state.clone());
        let mut last = Diff::default();
        for step in 0..STEPS {
            // What needs a person is not waited for: perhaps this change is what fixes it.
            if step > 0 || !matches!(state, Readiness::Ready | Readiness::Impaired(_)) {
                job.send(Progress::Idle(job.id));
                let accept = if step == 0 { Accept::Impaired } else { Accept::AsBefore(&before.state) };
                self.await_ready(kind, job, resolved, &live, accept).await?;
                let gone = || Error::new(Class::Failed, "it disappeared during the wait for it");
                let seen = self.find_by_id(kind, job.cx, &live).await?.ok_or_else(gone)?;
                (live, fields, state) = (Value::clone(&seen.live), seen.fields, seen.state);
            }
            let mut todo = self.with_ids(|ids| diff(kind.info().rules, desired, &fields, ids));
            if !state.tells_all() {
                todo = todo.known(kind.info().rules);
            }
            // What AWS accepted and did not do is not sent again: the next plan shows it.
            if todo.is_empty() || todo == last {
                break;
            }
            self.prepare(kind, job, resolved, &live, &todo).await?;
            live = self.update(kind, job, resolved, &live, &todo).await?;
            last = todo;
        }
        Ok(live)
    }

    /// Finds the object at hand by its identifier, because its tags may still have its former name.
    async fn find_by_id(&self, kind: &dyn Kind<C>, cx: &Cx<C>, live: &Value) -> Result<Option<Seen>> {
        let seen = self.reads.since_now(kind.info().name, observed(kind, &cx.fresh())).await?;
        let is_it = |o: &&RawObserved| !o.state.is_gone() && o.live.get("id") == live.get("id");
        Ok(seen.iter().find(is_it).map(|o| Seen::new(kind.info().name, o.clone())))
    }

    /// Finds the object at hand, if it exists by now: by its name, or by what identifies it where AWS has no names.
    async fn find(&self, kind: &dyn Kind<C>, cx: &Cx<C>, desired: &Value) -> Result<Option<Seen>> {
        let fresh = cx.fresh();
        let wanted = self.with_ids(|ids| identity(kind, desired, ids));
        let seen = self.reads.since_now(kind.info().name, observed(kind, &fresh)).await?;
        let named = |o: &RawObserved| o.claim.name() == Some(&cx.key.name);
        let alike = |o: &RawObserved| {
            o.claim == Claim::Stray && wanted.is_some() && self.with_ids(|ids| identity(kind, &o.fields, ids)) == wanted
        };
        let there = |o: &&RawObserved| !o.state.is_gone() && !matches!(o.state, Readiness::Failed(_)) && (named(o) || alike(o));
        let mut found = seen.iter().filter(there).map(|o| (named(o), Seen::new(kind.info().name, o.clone())));
        let ours = found.find(|(named, seen)| !named || seen.generation() == cx.generation);
        Ok(ours.map(|(_, seen)| seen))
    }

    /// Finds it within `patience`, polling. A poll that failed for a transient reason does not count.
    async fn find_within(
        &self,
        patience: Duration,
        kind: &dyn Kind<C>,
        job: &Job<'_, C>,
        desired: &Value,
    ) -> Result<Option<Seen>, Halt> {
        let mut wait = self.begin_wait(kind, job);
        loop {
            match self.answer_of(job, self.find(kind, job.cx, desired)).await {
                Ok(seen) if seen.is_some() || wait.since.elapsed() >= patience => return Ok(seen),
                Ok(_) => wait.answered(),
                Err(e) => wait.forgive(e)?,
            }
            self.sleep(retry_interval(wait.since.elapsed())).await?;
        }
    }

    async fn update(
        &self,
        kind: &dyn Kind<C>,
        job: &Job<'_, C>,
        desired: &Value,
        live: &Value,
        todo: &Diff,
    ) -> Result<Value, Halt> {
        self.retry_ambiguous(job, || kind.update(job.cx, desired, live, todo)).await
    }

    /// Waits until it serves.
    async fn await_ready(
        &self,
        kind: &dyn Kind<C>,
        job: &Job<'_, C>,
        desired: &Value,
        live: &Value,
        accept: Accept<'_>,
    ) -> Result<(), Halt> {
        let mut wait = self.begin_wait(kind, job);
        let mut seen = job.id.1 != Verb::Create;
        loop {
            // What was seen once and is not any more has gone, but for an answer that is old.
            let patience = if seen { STALE } else { NOT_YET };
            match self.poll_once(job, &mut wait, kind.poll(job.cx, desired, live)).await {
                Ok(Readiness::Ready) => return Ok(()),
                Ok(Readiness::Failed(why)) => return Err(Error::new(Class::Failed, why).into()),
                Ok(Readiness::Impaired(it)) if it.fixed_by.is_none() || matches!(accept, Accept::Impaired) => return Ok(()),
                // It may be an answer from before the call that fixes it.
                Ok(Readiness::Impaired(it)) if wait.since.elapsed() < STALE => self.status(job, &it.status),
                Ok(Readiness::Impaired(it)) if accept.was(&it) => return Ok(()),
                Ok(Readiness::Impaired(Impairment { status, advice, .. })) => {
                    return Err(Error::new(Class::Failed, format!("{} reports `{status}`", C::NAME)).hint(advice).into());
                }
                Ok(Readiness::Gone | Readiness::Leaving(_)) if wait.unseen() < patience => {
                    self.status(job, "not visible yet");
                }
                Ok(Readiness::Gone | Readiness::Leaving(_)) => {
                    return Err(Error::new(Class::Failed, "it disappeared during the wait for it").into());
                }
                Ok(Readiness::Waiting { status, .. }) => {
                    seen = true;
                    wait.seen();
                    self.status(job, &status);
                }
                Err(e) if e.class == Class::NotFound && wait.unseen() < patience => self.status(job, "not visible yet"),
                Err(e) => wait.forgive(e)?,
            }
            self.pause(job, &wait).await?;
        }
    }

    fn begin_wait(&self, kind: &dyn Kind<C>, job: &Job<'_, C>) -> Wait {
        self.waiting.begin(job.cx.key.service(), job.usual, kind.info().usual.longest)
    }

    fn status(&self, job: &Job<'_, C>, status: &str) {
        let (key, verb) = (job.cx.key.clone(), job.id.1);
        self.note(&key, verb, status);
        self.reporter.event(&Event::Status { key, verb, status: status.to_owned(), elapsed: job.began.elapsed() });
    }

    fn retrying(&self, job: &Job<'_, C>, error: &Error) {
        let (key, verb, why) = (job.cx.key.clone(), job.id.1, error.to_string());
        self.note(&key, verb, &why);
        self.reporter.event(&Event::Retrying { key, verb, why, elapsed: job.began.elapsed() });
    }

    fn note(&self, key: &Key, verb: Verb, words: &str) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).insert((key.clone(), verb), words.to_owned());
    }

    /// Returns what AWS said last about it.
    pub(super) fn last_words(&self, id: OpId) -> Option<String> {
        let key = self.plan.items[id.0].key.clone();
        self.said.lock().unwrap_or_else(PoisonError::into_inner).get(&(key, id.1)).cloned()
    }
}

/// Returns why a value cannot be resolved. When the object exists and lacks the attribute, the file is wrong; otherwise it is a
/// defect.
fn unresolved(ids: &Ids, desired: &Value, key: &Key) -> Error {
    if ids.live(key).is_none() {
        return Error::internal(format!("`{key}` is not known yet"));
    }
    let mut lacking = None;
    token::visit(desired, &mut |token| {
        if let Token::Named { key: of, attr, .. } = token
            && of == *key
            && ids.attr(key, attr).is_none()
        {
            lacking.get_or_insert_with(|| attr.to_owned());
        }
    });
    let message = format!("`{key}` has no value for its attribute `{}`", lacking.unwrap_or_default());
    Error::new(Class::Invalid, message).hint("refer to another of its attributes, or configure it so that it has this one")
}
