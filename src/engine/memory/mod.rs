//! A cloud in memory for the engine's tests.
//!
//! The cloud refuses what a real one refuses (to create what refers to nothing, to delete what is in use), counts its
//! calls, and can lose an answer or die at any of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::action::Verb;
use super::events::Silent;
use super::tags::{TAG_GENERATION, TAG_KEY, TAG_STACK};
use super::*;

mod begins;
mod tests;

/// What happens at one call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The process dies before the call arrives.
    DieBefore,
    /// The call is done and the process dies before the answer arrives.
    DieAfter,
    /// The call is done and its answer is lost.
    LoseAnswer,
}

#[derive(Clone, Debug)]
struct Stored {
    fields: Thing,
}

#[derive(Default)]
struct State {
    things: BTreeMap<String, Stored>,
    next: usize,
    mutating: usize,
    faults: BTreeMap<usize, Fault>,
    refuse_names: Vec<String>,
    /// What the cloud's index says of the tags, by id.
    index: BTreeMap<String, BTreeMap<String, String>>,
    /// How many readings do not know yet what was made since.
    late: usize,
    /// What was made in the meantime, and is not seen for so many readings.
    unseen: BTreeMap<String, usize>,
    /// What was made or changed and does not serve yet.
    idle: BTreeSet<String>,
    /// What went while something did not serve yet.
    early: Vec<String>,
    /// Of these names nothing comes up.
    fails: BTreeSet<String>,
    /// What did not, by id.
    failed: BTreeSet<String>,
    /// What only its tags call ours, by id.
    tagged: BTreeSet<String>,
    /// Deletions that are told that something is not there, and it is something else.
    misled: usize,
    /// Readings that list something which questions about it do not know.
    torn: usize,
    /// At which call the credentials expire.
    expires: Option<usize>,
    dead: bool,
}

#[derive(Default)]
struct Cloud {
    state: Mutex<State>,
}

impl super::Cloud for Cloud {
    const NAME: &'static str = "the cloud";
}

impl Cloud {
    /// One mutating call: `effect` is what it does to the cloud.
    async fn call<T>(&self, what: (Verb, &str), effect: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        tokio::task::yield_now().await;
        match self.effect(what, effect) {
            Some(answer) => answer,
            None => std::future::pending().await, // a dead process hears nothing
        }
    }

    fn effect<T>(&self, what: (Verb, &str), effect: impl FnOnce(&mut State) -> Result<T>) -> Option<Result<T>> {
        let mut state = self.state.lock().unwrap();
        if state.dead {
            return None;
        }
        let fault = state.faults.get(&state.mutating).copied();
        state.mutating += 1;
        if state.refuse_names.iter().any(|n| n == what.1) {
            return Some(Err(Error::new(Class::Denied, "no")));
        }
        if state.expires.is_some_and(|at| state.mutating > at) {
            return Some(Err(Error::new(Class::Credentials, "expired")));
        }
        if fault == Some(Fault::DieBefore) {
            state.dead = true;
            return None;
        }
        let result = effect(&mut state);
        match fault {
            Some(Fault::DieAfter) => {
                state.dead = true;
                None
            }
            Some(Fault::LoseAnswer) if result.is_ok() => Some(Err(Error::new(Class::Ambiguous, "the answer was lost"))),
            _ => Some(result),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Thing {
    needs: Vec<Ref<Thing>>,
    value: i64,
    fixed: i64,
    late: Option<i64>,
    /// The labels of what it needs, which change with their values.
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Live {
    id: String,
    label: String,
}

impl Thing {
    fn live(&self, id: &str) -> Live {
        Live { id: id.to_owned(), label: format!("label-{}", self.value) }
    }
}

impl Resource for Thing {
    const KIND: &'static str = "mem.thing";
    const RULES: &'static [Rule] = &[
        Rule::set("needs"),
        Rule::immutable("fixed"),
        Rule::after_create("late"),
        Rule::renews("value", "label"),
        Rule::owned("tags"),
    ];
    const REPEATABLE: bool = false;
    type Cloud = Cloud;
    type Live = Live;

    async fn observe(cx: &Cx<Cloud>) -> Result<Vec<Observed<Self>>> {
        let mut state = cx.cloud.state.lock().unwrap();
        if state.torn > 0 {
            state.torn -= 1;
            return Err(Error::new(Class::NotFound, "the thing that was listed does not exist"));
        }
        let unseen = state.unseen.clone();
        state.unseen = unseen.iter().filter(|(_, left)| **left > 1).map(|(id, left)| (id.clone(), left - 1)).collect();
        let by_index = cx.reads.may_ask_index();
        if by_index {
            cx.reads.trusted_index("mem");
        }
        let seen = |(id, stored): (&String, &Stored)| {
            let mut fields = stored.fields.clone();
            if let Some(tags) = state.index.get(id).filter(|_| by_index) {
                fields.tags = tags.clone();
            }
            let claim = cx.scope.claim(Self::KIND, &fields.tags, false);
            let claim = if state.tagged.contains(id) { claim.unmarked() } else { claim };
            let readiness = match () {
                () if state.failed.contains(id) => Readiness::Failed("it crashes".into()),
                () if state.idle.contains(id) => Readiness::waiting("it comes up"),
                () => Readiness::Ready,
            };
            Observed { claim, live: fields.live(id), fields, state: readiness }
        };
        Ok(state.things.iter().filter(|(id, _)| !unseen.contains_key(*id)).map(seen).collect())
    }

    async fn create(&self, cx: &Cx<Cloud>) -> Result<Live> {
        let mut bare = self.clone();
        bare.late = None;
        let call = cx.cloud.call((Verb::Create, &cx.key.name), |state| {
            for need in &bare.needs {
                if !state.things.contains_key(need.id()?) {
                    return Err(Error::new(Class::Invalid, format!("{need} is not there")));
                }
            }
            let name = |thing: &Thing| [TAG_KEY, TAG_GENERATION].map(|tag| thing.tags.get(tag).cloned());
            if state.things.values().any(|other| name(&other.fields) == name(&bare)) {
                return Err(Error::new(Class::Exists, "its name is taken"));
            }
            let id = format!("thing-{}", state.next);
            state.next += 1;
            let live = bare.live(&id);
            state.things.insert(id.clone(), Stored { fields: bare });
            state.idle.insert(id.clone());
            if state.late > 0 {
                let late = state.late;
                state.unseen.insert(id.clone(), late);
            }
            Ok(live)
        });
        call.await
    }

    async fn update(&self, cx: &Cx<Cloud>, live: &Live, diff: &Diff) -> Result<Live> {
        let call = cx.cloud.call((Verb::Update, &cx.key.name), |state| {
            for need in &self.needs {
                if !state.things.contains_key(need.id()?) {
                    return Err(Error::new(Class::Invalid, format!("{need} is not there")));
                }
            }
            let stored = state.things.get_mut(&live.id).ok_or_else(|| Error::new(Class::NotFound, "gone"))?;
            state.idle.insert(live.id.clone());
            if diff.touches("late") {
                stored.fields.late = self.late;
            }
            if diff.touches("value") {
                stored.fields.value = self.value;
            }
            if diff.touches("needs") {
                stored.fields.needs = self.needs.clone();
            }
            if diff.touches("labels") {
                stored.fields.labels = self.labels.clone();
            }
            if diff.touches("tags") {
                stored.fields.tags = self.tags.clone();
            }
            Ok(stored.fields.live(&live.id))
        });
        call.await
    }

    async fn delete(cx: &Cx<Cloud>, live: &Live) -> Result<()> {
        let call = cx.cloud.call((Verb::Delete, &cx.key.name), |state| {
            let used = state.things.iter().find(|(_, t)| t.fields.needs.iter().any(|n| n.id().is_ok_and(|id| id == live.id)));
            if let Some((user, _)) = used {
                return Err(Error::new(Class::Invalid, format!("{} is in use by {user}", live.id)));
            }
            if state.misled > 0 {
                state.misled -= 1;
                return Err(Error::new(Class::NotFound, "what it stands on is not there"));
            }
            let idle: Vec<&String> = state.idle.iter().filter(|id| **id != live.id).collect();
            if !idle.is_empty() {
                let early = format!("{} went before {idle:?}", live.id);
                state.early.push(early);
            }
            state.idle.remove(&live.id);
            state.things.remove(&live.id).map(|_| ()).ok_or_else(|| Error::new(Class::NotFound, "gone"))
        });
        call.await
    }

    /// Others get their turns before it serves.
    async fn poll(&self, cx: &Cx<Cloud>, live: &Live) -> Result<Readiness> {
        for _ in 0..6 {
            tokio::task::yield_now().await;
        }
        let mut state = cx.cloud.state.lock().unwrap();
        state.idle.remove(&live.id);
        if state.fails.contains(&cx.key.name) {
            state.failed.insert(live.id.clone());
            return Ok(Readiness::Failed("it crashes".into()));
        }
        Ok(Readiness::Ready)
    }
}

/// A file, for these tests: for each thing what it needs (only earlier ones, so there are no circles), and its fields.
#[derive(Clone, Debug)]
struct File(BTreeMap<usize, (Vec<usize>, i64, i64)>);

fn file() -> impl Strategy<Value = File> {
    let thing = (any::<u16>(), 0..3i64, 0..2i64);
    prop::collection::btree_map(0..14usize, thing, 0..12).prop_map(|map| {
        let names: Vec<usize> = map.keys().copied().collect();
        File(
            map.into_iter()
                .map(|(name, (mask, value, fixed))| {
                    let needs = names.iter().filter(|n| **n < name && mask & (1 << **n) != 0).copied().collect();
                    (name, (needs, value, fixed))
                })
                .collect(),
        )
    })
}

fn scope() -> Scope {
    Scope { stack: "s".into(), env: "e".into(), region: "r".into(), account: "1".into(), partition: "aws".into() }
}

fn registry() -> Registry<Cloud> {
    Registry::default().with::<Thing>()
}

fn graph(file: &File) -> Graph {
    let mut graph = Graph::default();
    for (name, (needs, value, fixed)) in &file.0 {
        let label = |n: &usize| Ref::<Thing>::to(format!("t{n}")).attr("label").to_string();
        let labels = needs.iter().map(label).collect();
        let needs = needs.iter().map(|n| Ref::to(format!("t{n}"))).collect();
        let thing = Thing { needs, value: *value, fixed: *fixed, late: Some(*value), labels, tags: BTreeMap::new() };
        graph.add(format!("t{name}"), "things", &thing).unwrap();
    }
    graph.own(&registry(), &scope(), &BTreeMap::new()).unwrap();
    graph
}

struct World {
    cloud: Arc<Cloud>,
}

impl World {
    fn new() -> Self {
        World { cloud: Arc::default() }
    }

    fn cx(&self) -> Cx<Cloud> {
        Cx::new(self.cloud.clone(), Arc::new(scope()))
    }

    async fn plan(&self, file: Option<&File>) -> Plan {
        let snapshot = Snapshot::read(&registry(), &self.cx()).await.unwrap();
        let graph = file.map(graph);
        Plan::make(&registry(), &scope(), graph.as_ref(), &snapshot).unwrap()
    }

    async fn apply(&self, file: Option<&File>) -> (Plan, Outcome) {
        let plan = self.plan(file).await;
        let (_keep, stop) = watch::channel(false);
        let outcome = apply(&registry(), &self.cx(), &plan, &Silent, stop).await.unwrap();
        (plan, outcome)
    }

    /// Applies until the process dies, if it does.
    async fn apply_until_death(&self, file: Option<&File>) {
        let run = self.apply(file);
        let death = async {
            while !self.cloud.state.lock().unwrap().dead {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { _ = run => {}, () = death => {} }
        let mut state = self.cloud.state.lock().unwrap();
        state.dead = false;
        state.faults.clear();
    }

    fn keys(&self) -> Vec<String> {
        let state = self.cloud.state.lock().unwrap();
        let mut keys: Vec<String> = state.things.values().map(|t| t.fields.tags[TAG_KEY].clone()).collect();
        keys.sort();
        keys
    }

    fn assert_is(&self, file: &File) {
        let mut want: Vec<String> = file.0.keys().map(|n| format!("mem.thing/t{n}")).collect();
        want.sort();
        assert_eq!(self.keys(), want, "no orphan, no duplicate");
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}
