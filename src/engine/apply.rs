//! Doing it, as a dataflow: every operation starts the moment what it waits for permits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::diff::{Diff, diff};
use super::error::{Class, Error, Result};
use super::events::{Event, Reporter};
use super::key::Key;
use super::plan::{Item, Plan};
use super::reference::{Ids, Need};
use super::resource::{Claim, Cx, Kind, Readiness, Registry};
use super::rules::{self, What};
use super::schedule::{OpId, Schedule, Verb};
use super::snapshot::Seen;

/// How many calls of one service may be under way. Waiting for AWS does not count.
const CALLS_PER_SERVICE: usize = 12;
/// How long something that was just made may stay invisible to its users.
const NOT_YET: Duration = Duration::from_secs(150);
/// How long something may stay in use by what is going away, or busy with an earlier change.
const IN_USE: Duration = Duration::from_secs(15 * 60);
/// How many changes, one after the other, one object may need.
const STEPS: u32 = 12;
/// How many lost answers in a row are looked into.
const AMBIGUOUS: u32 = 4;

/// How a run ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was done.
    pub done: Vec<(Key, Verb, Duration)>,
    /// What failed.
    pub failed: Vec<(Key, Verb, Error)>,
    /// What was not tried, and what it waited for (nothing, when the run was stopped).
    pub skipped: Vec<(Key, Verb, Option<Key>)>,
    /// The user stopped it.
    pub stopped: bool,
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
}

impl Outcome {
    /// Everything was done.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && !self.stopped
    }
}

enum Progress {
    /// The object has an identifier: those who need no more may start.
    Exists(OpId),
    /// The call is made and only waiting is left: another call may start.
    Idle(OpId),
}

/// Applies a plan. `stop` turning true ends it politely: what is under way ends, nothing new begins.
///
/// # Errors
/// When the plan cannot be scheduled. What fails on the way is in the [`Outcome`].
pub async fn apply<C: Send + Sync + 'static>(
    registry: &Registry<C>,
    cx: &Cx<C>,
    plan: &Plan,
    reporter: &dyn Reporter,
    mut stop: watch::Receiver<bool>,
) -> Result<Outcome> {
    let schedule = Schedule::of(plan, registry)?;
    let mut ids = Ids::default();
    for item in &plan.items {
        if let Some(before) = &item.before
            && item.desired.is_some()
        {
            ids.insert(&item.key, before.live.clone());
        }
    }
    let run = Run { registry, cx, plan, reporter, ids: Mutex::new(ids) };
    let began = Instant::now();
    let mut outcome = Outcome::default();
    let mut state = Dataflow::new(&schedule, plan);
    reporter.event(&Event::RunStarted {
        operations: schedule.ops.len(),
        usual: schedule.ops.values().map(|op| op.rest).max().unwrap_or_default(),
    });

    let (tx, mut rx) = mpsc::unbounded_channel();
    let mut running: FuturesUnordered<BoxFuture<'_, (OpId, Duration, Result<()>)>> = FuturesUnordered::new();
    let mut can_stop = true;
    loop {
        if !outcome.stopped {
            while let Some(id) = state.next(plan) {
                state.started.insert(id, began.elapsed());
                running.push(Box::pin(run.operation(id, schedule.ops[&id].usual, tx.clone())));
            }
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            biased;
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
                    Err(error) => {
                        let error = error.about(&key);
                        reporter.event(&Event::Failed { key: key.clone(), verb: id.1, error: error.clone(), elapsed });
                        outcome.failed.push((key.clone(), id.1, error));
                        state.fail(id);
                    }
                }
            }
            changed = stop.changed(), if can_stop && !outcome.stopped => {
                can_stop = changed.is_ok(); // an error means that nobody can stop it any more
                if *stop.borrow() {
                    outcome.stopped = true;
                    reporter.event(&Event::Stopping);
                }
            }
        }
    }

    drop(running);
    for (id, because) in state.left() {
        let key = plan.items[id.0].key.clone();
        let because = because.map(|op| plan.items[op.0].key.clone());
        reporter.event(&Event::Skipped { key: key.clone(), verb: id.1, because: because.clone() });
        outcome.skipped.push((key, id.1, because));
    }
    outcome.elapsed = began.elapsed();
    outcome.chain = state.chain(plan);
    outcome.ids = run.ids.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(outcome)
}

/// Who waits for whom, and how far everybody is.
struct Dataflow<'a> {
    schedule: &'a Schedule,
    waits: BTreeMap<OpId, BTreeMap<OpId, Need>>,
    users: HashMap<OpId, Vec<OpId>>,
    /// Free to start, the one with the most work behind it last.
    free: BTreeSet<(Duration, OpId)>,
    calls: HashMap<String, usize>,
    calling: BTreeSet<OpId>,
    blocked_by: BTreeMap<OpId, OpId>,
    last: BTreeMap<OpId, OpId>,
    started: BTreeMap<OpId, Duration>,
    ended: BTreeMap<OpId, Duration>,
    per_service: usize,
}

impl<'a> Dataflow<'a> {
    fn new(schedule: &'a Schedule, _plan: &Plan) -> Self {
        let mut users: HashMap<OpId, Vec<OpId>> = HashMap::new();
        for op in schedule.ops.values() {
            for other in op.after.keys() {
                users.entry(*other).or_default().push(op.id);
            }
        }
        let waits: BTreeMap<_, _> = schedule.ops.values().map(|op| (op.id, op.after.clone())).collect();
        let free = schedule.ops.values().filter(|op| op.after.is_empty()).map(|op| (op.rest, op.id)).collect();
        Dataflow {
            schedule,
            waits,
            users,
            free,
            calls: HashMap::new(),
            calling: BTreeSet::new(),
            blocked_by: BTreeMap::new(),
            last: BTreeMap::new(),
            started: BTreeMap::new(),
            ended: BTreeMap::new(),
            per_service: CALLS_PER_SERVICE,
        }
    }

    /// The next operation to start: the one with the longest way to go, of a service that has room.
    fn next(&mut self, plan: &Plan) -> Option<OpId> {
        let found = *self
            .free
            .iter()
            .rev()
            .find(|(_, id)| self.calls.get(plan.items[id.0].key.service()).copied().unwrap_or(0) < self.per_service)?;
        self.free.remove(&found);
        *self.calls.entry(plan.items[found.1.0].key.service().to_owned()).or_default() += 1;
        self.calling.insert(found.1);
        Some(found.1)
    }

    fn idle(&mut self, id: OpId, plan: &Plan) {
        if self.calling.remove(&id)
            && let Some(n) = self.calls.get_mut(plan.items[id.0].key.service())
        {
            *n -= 1;
        }
    }

    /// `id` has come as far as `stage`: those who need no more than that of it may go on.
    fn reached(&mut self, id: OpId, stage: Need) {
        for user in self.users.get(&id).into_iter().flatten() {
            let Some(waits) = self.waits.get_mut(user) else { continue };
            if waits.get(&id).is_some_and(|need| *need <= stage) {
                waits.remove(&id);
                self.last.insert(*user, id);
                if waits.is_empty() && !self.blocked_by.contains_key(user) {
                    self.free.insert((self.schedule.ops[user].rest, *user));
                }
            }
        }
    }

    /// `id` failed: everything that waits for it, and for that, is not tried.
    fn fail(&mut self, id: OpId) {
        let mut queue = vec![id];
        while let Some(at) = queue.pop() {
            for user in self.users.get(&at).into_iter().flatten() {
                let waiting = self.waits.get(user).is_some_and(|w| w.contains_key(&at));
                if waiting && !self.blocked_by.contains_key(user) {
                    self.blocked_by.insert(*user, id);
                    queue.push(*user);
                }
            }
        }
    }

    /// What never started, and because of which failure.
    fn left(&self) -> Vec<(OpId, Option<OpId>)> {
        self.schedule
            .ops
            .keys()
            .filter(|id| !self.started.contains_key(id))
            .map(|id| (*id, self.blocked_by.get(id).copied()))
            .collect()
    }

    /// From the operation that ended last, back along what each waited for last.
    fn chain(&self, plan: &Plan) -> Vec<Link> {
        let mut out = Vec::new();
        let mut at = self.ended.iter().max_by_key(|(_, end)| **end).map(|(id, _)| *id);
        while let Some(id) = at {
            let next = self.last.get(&id).copied();
            // A user may start before its predecessor ends; on the chain it counts until then.
            let to = out.last().map_or_else(|| self.ended.get(&id).copied(), |l: &Link| Some(l.from)).unwrap_or_default();
            out.push(Link {
                key: plan.items[id.0].key.clone(),
                verb: id.1,
                from: self.started.get(&id).copied().unwrap_or_default(),
                to,
            });
            at = next;
        }
        out.reverse();
        out
    }
}

struct Run<'a, C> {
    registry: &'a Registry<C>,
    cx: &'a Cx<C>,
    plan: &'a Plan,
    reporter: &'a dyn Reporter,
    ids: Mutex<Ids>,
}

impl<C: Send + Sync + 'static> Run<'_, C> {
    async fn operation(&self, id: OpId, usual: Duration, tx: mpsc::UnboundedSender<Progress>) -> (OpId, Duration, Result<()>) {
        let began = Instant::now();
        let item = &self.plan.items[id.0];
        self.reporter.event(&Event::Started { key: item.key.clone(), verb: id.1, usual });
        let result = self.work(id, item, began, &tx).await;
        (id, began.elapsed(), result)
    }

    async fn work(&self, id: OpId, item: &Item, began: Instant, tx: &mpsc::UnboundedSender<Progress>) -> Result<()> {
        let kind = self.registry.kind(&item.key.kind)?.as_ref();
        let cx = Cx { last_copy: item.last_copy.is_some(), ..self.cx.fresh().at(&item.key, item.generation) };
        let live = item.before.as_ref().map(|b| b.live.clone()).unwrap_or(Value::Null);
        if id.1 == Verb::Delete {
            return self.delete(kind, &cx, &live, began, id, tx).await;
        }
        let desired = item.desired.as_ref().ok_or_else(|| Error::internal("nothing is desired"))?;
        let resolved =
            self.with_ids(|ids| ids.resolve(desired)).map_err(|key| Error::internal(format!("`{key}` is not known yet")))?;
        let live = match id.1 {
            Verb::Create => self.create(kind, &cx, &resolved, began).await?,
            Verb::Update if kind.stepwise() => self.step_by_step(kind, &cx, id, item, &resolved, began, tx).await?,
            Verb::Update => {
                let observed = item.before.as_ref().map(|b| b.fields.clone()).unwrap_or(Value::Null);
                let todo = self.with_ids(|ids| diff(kind.rules(), desired, &observed, ids));
                if todo.is_empty() { live } else { self.update(kind, &cx, &resolved, &live, &todo, began).await? }
            }
            _ => live,
        };
        self.with_ids(|ids| ids.insert(&item.key, live.clone()));
        // The receiver lives as long as the run; a closed channel means that nobody cares any more.
        let _ = tx.send(Progress::Exists(id));
        let _ = tx.send(Progress::Idle(id));
        self.await_ready(kind, &cx, &resolved, &live, began, id.1).await?;
        let settled = kind.settle(&cx, &live).await?;
        self.with_ids(|ids| ids.insert(&item.key, settled));
        Ok(())
    }

    fn with_ids<T>(&self, f: impl FnOnce(&mut Ids) -> T) -> T {
        f(&mut self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn create(&self, kind: &dyn Kind<C>, cx: &Cx<C>, desired: &Value, began: Instant) -> Result<Value> {
        let mut ambiguous = 0;
        let live = loop {
            match self.patiently(cx, Verb::Create, began, || kind.create(cx, desired)).await {
                Ok(live) => break live,
                // Whether it was done is to be seen, never to be guessed.
                Err(e) if matches!(e.class, Class::Ambiguous | Class::Exists) => {
                    if let Some(seen) = self.look(kind, cx).await? {
                        break seen.live;
                    }
                    ambiguous += 1;
                    if e.class == Class::Exists || ambiguous > AMBIGUOUS {
                        return Err(e);
                    }
                    self.retrying(cx, Verb::Create, &e, began);
                    tokio::time::sleep(Duration::from_millis(500 * u64::from(ambiguous))).await;
                }
                Err(e) => return Err(e),
            }
        };
        let later = Diff::of_fields(desired, rules::fields(kind.rules(), What::AfterCreate));
        if later.is_empty() { Ok(live) } else { self.update(kind, cx, desired, &live, &later, began).await }
    }

    /// One change after the other, each begun when AWS is done with the one before, until nothing is left.
    #[expect(clippy::too_many_arguments, reason = "what an operation knows")]
    async fn step_by_step(
        &self,
        kind: &dyn Kind<C>,
        cx: &Cx<C>,
        id: OpId,
        item: &Item,
        resolved: &Value,
        began: Instant,
        tx: &mpsc::UnboundedSender<Progress>,
    ) -> Result<Value> {
        let (Some(before), Some(desired)) = (&item.before, &item.desired) else {
            return Err(Error::internal("there is nothing to change"));
        };
        let (mut live, mut fields, mut state) = (before.live.clone(), before.fields.clone(), before.state.clone());
        let mut last = Diff::default();
        for step in 0..STEPS {
            if step > 0 || state != Readiness::Ready {
                let _ = tx.send(Progress::Idle(id));
                self.await_ready(kind, cx, resolved, &live, began, id.1).await?;
                let gone = || Error::new(Class::Failed, "it went away while it was waited for");
                let seen = self.look(kind, cx).await?.ok_or_else(gone)?;
                (live, fields, state) = (seen.live, seen.fields, seen.state);
            }
            let mut todo = self.with_ids(|ids| diff(kind.rules(), desired, &fields, ids));
            if state != Readiness::Ready {
                todo = todo.known(kind.rules());
            }
            // What AWS did not do when told is not told again: the next plan shows it.
            if todo.is_empty() || todo == last {
                break;
            }
            live = self.update(kind, cx, resolved, &live, &todo, began).await?;
            last = todo;
        }
        Ok(live)
    }

    /// The object at hand, when it is there by now.
    async fn look(&self, kind: &dyn Kind<C>, cx: &Cx<C>) -> Result<Option<Seen>> {
        let fresh = cx.fresh();
        let seen = kind.observe(&fresh).await?;
        Ok(seen.into_iter().find_map(|o| {
            let ours = o.claim == Claim::Ours(cx.key.name.clone()) && !matches!(o.state, Readiness::Gone | Readiness::Failed(_));
            let seen = Seen { kind: cx.key.kind.clone(), claim: o.claim, live: o.live, fields: o.fields, state: o.state };
            (ours && seen.generation() == cx.generation).then_some(seen)
        }))
    }

    async fn update(
        &self,
        kind: &dyn Kind<C>,
        cx: &Cx<C>,
        desired: &Value,
        live: &Value,
        todo: &Diff,
        began: Instant,
    ) -> Result<Value> {
        let mut ambiguous = 0;
        loop {
            match self.patiently(cx, Verb::Update, began, || kind.update(cx, desired, live, todo)).await {
                Err(e) if e.class == Class::Ambiguous && ambiguous < AMBIGUOUS => {
                    ambiguous += 1;
                    self.retrying(cx, Verb::Update, &e, began);
                    tokio::time::sleep(Duration::from_millis(500 * u64::from(ambiguous))).await;
                }
                other => return other,
            }
        }
    }

    async fn delete(
        &self,
        kind: &dyn Kind<C>,
        cx: &Cx<C>,
        live: &Value,
        began: Instant,
        id: OpId,
        tx: &mpsc::UnboundedSender<Progress>,
    ) -> Result<()> {
        let mut ambiguous = 0;
        loop {
            match self.patiently(cx, Verb::Delete, began, || kind.delete(cx, live)).await {
                Ok(()) => break,
                Err(e) if e.class == Class::NotFound => return Ok(()),
                Err(e) if e.class == Class::Ambiguous && ambiguous < AMBIGUOUS => {
                    ambiguous += 1;
                    self.retrying(cx, Verb::Delete, &e, began);
                    tokio::time::sleep(Duration::from_millis(500 * u64::from(ambiguous))).await;
                }
                Err(e) => return Err(e),
            }
        }
        let _ = tx.send(Progress::Idle(id));
        let mut pace = Pace::new();
        loop {
            match kind.poll_gone(cx, live).await {
                Ok(Readiness::Gone) => return Ok(()),
                Ok(Readiness::Failed(why)) => return Err(Error::new(Class::Failed, why)),
                Ok(Readiness::Ready) => self.status(cx, Verb::Delete, "still there", began),
                Ok(Readiness::Waiting { status, .. }) => self.status(cx, Verb::Delete, &status, began),
                Err(e) if e.class == Class::NotFound => return Ok(()),
                Err(e) => pace.forgive(e)?,
            }
            pace.sleep().await;
        }
    }

    async fn await_ready(
        &self,
        kind: &dyn Kind<C>,
        cx: &Cx<C>,
        desired: &Value,
        live: &Value,
        began: Instant,
        verb: Verb,
    ) -> Result<()> {
        let mut pace = Pace::new();
        loop {
            match kind.poll(cx, desired, live).await {
                Ok(Readiness::Ready) => return Ok(()),
                Ok(Readiness::Failed(why)) => return Err(Error::new(Class::Failed, why)),
                Ok(Readiness::Gone) => return Err(Error::new(Class::Failed, "it went away while it was waited for")),
                Ok(Readiness::Waiting { status, .. }) => self.status(cx, verb, &status, began),
                Err(e) if e.class == Class::NotFound && pace.since.elapsed() < NOT_YET => {
                    self.status(cx, verb, "not visible yet", began);
                }
                Err(e) => pace.forgive(e)?,
            }
            pace.sleep().await;
        }
    }

    /// Repeats what failed for a reason that passes by itself, dense at first, and not for ever.
    async fn patiently<T, F>(&self, cx: &Cx<C>, verb: Verb, began: Instant, mut call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let since = Instant::now();
        let mut wait = Duration::from_millis(250);
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let end = match error.class {
                Class::NotYet | Class::Throttled => NOT_YET,
                Class::InUse => IN_USE,
                _ => return Err(error),
            };
            if since.elapsed() + wait > end {
                return Err(error.hint(format!("tried again for {} s", since.elapsed().as_secs())));
            }
            self.retrying(cx, verb, &error, began);
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(8));
        }
    }

    fn status(&self, cx: &Cx<C>, verb: Verb, status: &str, began: Instant) {
        self.reporter.event(&Event::Status { key: cx.key.clone(), verb, status: status.to_owned(), elapsed: began.elapsed() });
    }

    fn retrying(&self, cx: &Cx<C>, verb: Verb, error: &Error, began: Instant) {
        self.reporter.event(&Event::Retrying { key: cx.key.clone(), verb, why: error.to_string(), elapsed: began.elapsed() });
    }
}

/// How often to look: soon at first, then in proportion to how long it has taken, so that at most a sixth is lost.
struct Pace {
    since: Instant,
    forgiven: u32,
}

impl Pace {
    fn new() -> Self {
        Pace { since: Instant::now(), forgiven: 0 }
    }

    async fn sleep(&self) {
        let wait = (self.since.elapsed() / 6).clamp(Duration::from_millis(100), Duration::from_secs(8));
        tokio::time::sleep(wait).await;
    }

    /// A look that failed for a passing reason is not the end of the wait.
    fn forgive(&mut self, error: Error) -> Result<()> {
        self.forgiven += 1;
        let passing = matches!(error.class, Class::Throttled | Class::Ambiguous | Class::NotYet);
        if passing && self.forgiven <= 20 { Ok(()) } else { Err(error) }
    }
}
