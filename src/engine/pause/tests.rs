//! What must hold of a pause, on a cloud in memory in which workers need their store: through a recipe that says where it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::events::Silent;
use super::super::tags::{TAG_KEY, TAG_PAUSED};
use super::super::*;

type Tags = BTreeMap<String, String>;

/// What holds the data.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Store {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    copy_of: Option<Ref<Store>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    running: Option<bool>,
    port: i64,
    tags: Tags,
}

/// What lies between.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Recipe {
    port: String,
    tags: Tags,
}

/// What works with the store, as often as it says or as something else decides.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Worker {
    recipe: Ref<Recipe>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<i64>,
    tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Live {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<String>,
}

impl Live {
    fn of(id: &str) -> Live {
        Live { id: id.to_owned(), port: None }
    }
}

#[derive(Default)]
struct State {
    stores: BTreeMap<String, Store>,
    recipes: BTreeMap<String, Recipe>,
    workers: BTreeMap<String, Worker>,
    log: Vec<String>,
    calls: usize,
    /// At which call the process dies, and whether that is done.
    dies: Option<(usize, bool)>,
    dead: bool,
}

impl State {
    fn work(&self) -> i64 {
        self.workers.values().filter_map(|worker| worker.count).sum()
    }

    fn is_stopped(&self) -> bool {
        self.stores.values().any(|store| store.running == Some(false))
    }
}

#[derive(Default)]
struct Cloud(Mutex<State>);

impl super::super::Cloud for Cloud {
    const NAME: &'static str = "the cloud";
}

fn no<T>(why: &str) -> Result<T> {
    Err(Error::new(Class::Invalid, why))
}

impl Cloud {
    async fn call(&self, what: String, effect: impl FnOnce(&mut State) -> Result<()>) -> Result<()> {
        tokio::task::yield_now().await;
        match self.answer(what, effect) {
            Some(answer) => answer,
            None => std::future::pending().await, // a dead process hears nothing
        }
    }

    fn answer(&self, what: String, effect: impl FnOnce(&mut State) -> Result<()>) -> Option<Result<()>> {
        let mut state = self.0.lock().unwrap();
        let now = state.calls;
        state.calls += 1;
        let dies = state.dies.filter(|(at, _)| *at == now);
        if state.dead || dies.is_some_and(|(_, is_done)| !is_done) {
            state.dead = true;
            return None;
        }
        let answer = effect(&mut state);
        state.log.extend(answer.is_ok().then_some(what));
        state.dead = dies.is_some();
        (!state.dead).then_some(answer)
    }
}

/// The rest of a kind that is a map of the cloud and is updated by `update`.
macro_rules! kept_in {
    ($map:ident, $update:ident) => {
        async fn observe(cx: &Cx<Cloud>) -> Result<Vec<Observed<Self>>> {
            let state = cx.cloud.0.lock().unwrap();
            let seen = |(id, fields): (&String, &Self)| Observed {
                claim: cx.scope.claim(Self::KIND, &fields.tags, false),
                live: fields.live(id),
                fields: fields.clone(),
                state: fields.state(),
            };
            Ok(state.$map.iter().map(seen).collect())
        }

        async fn create(&self, cx: &Cx<Cloud>) -> Result<Live> {
            let id = cx.key.name.clone();
            cx.cloud.call(format!("{id} comes"), |state| self.enter(state, &id)).await?;
            Ok(self.live(&id))
        }

        async fn update(&self, cx: &Cx<Cloud>, live: &Live, diff: &Diff) -> Result<Live> {
            let id = &live.id;
            let tag = || {
                cx.cloud.call(format!("{id} is tagged"), |state| {
                    state.$map.get_mut(id).unwrap().tags.clone_from(&self.tags);
                    Ok(())
                })
            };
            // What is paused always says so.
            let pauses = diff.written_keys("tags").iter().any(|key| key == TAG_PAUSED);
            if pauses {
                tag().await?;
            }
            if diff.touches_other_than(&["tags"]) {
                self.$update(&cx.cloud, id, diff).await?;
            }
            if !pauses && diff.touches("tags") {
                tag().await?;
            }
            Ok(self.live(id))
        }

        async fn delete(cx: &Cx<Cloud>, live: &Live) -> Result<()> {
            let gone = |state: &mut State| state.$map.remove(&live.id).map_or_else(|| no("it does not exist"), |_| Ok(()));
            cx.cloud.call(format!("{} goes", live.id), gone).await
        }
    };
}

impl Store {
    fn live(&self, id: &str) -> Live {
        Live { port: Some(format!("port-{}", self.port)), ..Live::of(id) }
    }

    fn state(&self) -> Readiness {
        if self.running == Some(true) {
            return Readiness::Ready;
        }
        let fixed_by = Some(vec!["running".to_owned()]);
        Readiness::Impaired(Impairment { status: "stopped".into(), advice: "start it".into(), fixed_by })
    }

    fn enter(&self, state: &mut State, id: &str) -> Result<()> {
        state.stores.insert(id.to_owned(), Store { running: Some(true), ..self.clone() });
        Ok(())
    }

    /// One thing at a time, and nothing of what is stopped.
    async fn turn(&self, cloud: &Cloud, id: &str, diff: &Diff) -> Result<()> {
        if diff.touches("running") && self.running == Some(true) {
            let start = |state: &mut State| {
                state.stores.get_mut(id).unwrap().running = Some(true);
                Ok(())
            };
            return cloud.call(format!("{id} starts"), start).await;
        }
        if diff.touches("port") {
            let port = |state: &mut State| {
                let store = state.stores.get_mut(id).unwrap();
                store.port = self.port;
                if store.running == Some(true) { Ok(()) } else { no("it is stopped") }
            };
            return cloud.call(format!("{id} moves"), port).await;
        }
        let stop = |state: &mut State| {
            if state.work() > 0 {
                return no("workers need it");
            }
            state.stores.get_mut(id).unwrap().running = Some(false);
            Ok(())
        };
        cloud.call(format!("{id} stops"), stop).await
    }
}

impl Resource for Store {
    const KIND: &'static str = "mem.store";
    const RULES: &'static [Rule] = &[Rule::renews("port", "port"), Rule::owned("tags")];
    const STEPWISE: bool = true;
    type Cloud = Cloud;
    type Live = Live;

    kept_in!(stores, turn);

    async fn poll(&self, cx: &Cx<Cloud>, live: &Live) -> Result<Readiness> {
        let state = cx.cloud.0.lock().unwrap().stores[&live.id].state();
        let rests = self.running == Some(false) && matches!(state, Readiness::Impaired(_));
        Ok(if rests { Readiness::Ready } else { state })
    }

    fn pause(desired: &mut Value, why: Pause, used_by: &[&str]) -> bool {
        let stops = why == Pause::Asked && desired.get("copy_of").is_none() && !used_by.contains(&Store::KIND);
        if stops {
            desired["running"] = false.into();
        }
        stops
    }

    fn resume(desired: &mut Value) {
        desired["running"] = true.into();
    }

    fn serving(desired: &Value, diff: &Diff) -> Option<Serving> {
        let serves = desired.get("running").filter(|_| diff.touches("running"))?.as_bool()?;
        Some(if serves { Serving::Begins } else { Serving::Ends })
    }
}

impl Recipe {
    fn live(&self, id: &str) -> Live {
        Live::of(id)
    }

    fn state(&self) -> Readiness {
        Readiness::Ready
    }

    fn enter(&self, state: &mut State, id: &str) -> Result<()> {
        state.recipes.insert(id.to_owned(), self.clone());
        Ok(())
    }

    async fn turn(&self, cloud: &Cloud, id: &str, _: &Diff) -> Result<()> {
        let write = |state: &mut State| {
            state.recipes.get_mut(id).unwrap().port.clone_from(&self.port);
            Ok(())
        };
        cloud.call(format!("{id} is written"), write).await
    }
}

impl Resource for Recipe {
    const KIND: &'static str = "mem.recipe";
    const RULES: &'static [Rule] = &[Rule::owned("tags")];
    type Cloud = Cloud;
    type Live = Live;

    kept_in!(recipes, turn);
}

impl Worker {
    fn live(&self, id: &str) -> Live {
        Live::of(id)
    }

    fn state(&self) -> Readiness {
        Readiness::Ready
    }

    fn enter(&self, state: &mut State, id: &str) -> Result<()> {
        let count = self.count.or(self.first);
        if count > Some(0) && state.is_stopped() {
            return no("the store is stopped");
        }
        state.workers.insert(id.to_owned(), Worker { count, first: None, ..self.clone() });
        Ok(())
    }

    async fn turn(&self, cloud: &Cloud, id: &str, _: &Diff) -> Result<()> {
        let count = |state: &mut State| {
            if self.count > Some(0) && state.is_stopped() {
                return no("the store is stopped");
            }
            state.workers.get_mut(id).unwrap().count = self.count;
            Ok(())
        };
        cloud.call(format!("{id} to {}", self.count.unwrap_or(-1)), count).await
    }
}

impl Resource for Worker {
    const KIND: &'static str = "mem.worker";
    const RULES: &'static [Rule] = &[Rule::create_only("first"), Rule::owned("tags")];
    type Cloud = Cloud;
    type Live = Live;

    kept_in!(workers, turn);

    fn pause(desired: &mut Value, _: Pause, _: &[&str]) -> bool {
        desired["count"] = 0.into();
        true
    }

    fn resume(desired: &mut Value) {
        if desired.get("count").is_none() {
            desired["count"] = desired["first"].clone();
        }
    }
}

/// What a plan is made of.
#[derive(Clone, Copy, Debug)]
enum As {
    /// What the file says, as far as it is not paused.
    It,
    Paused,
    Resumed,
}

/// What a file says: the port of the store, if there is one, and the workers: how many, and whether something else decides that.
type File<'a> = (Option<i64>, &'a [(&'a str, i64, bool)]);

const FILE: File<'static> = (Some(1), &[("fixed", 2, false), ("scaled", 3, true)]);

fn scope() -> Scope {
    Scope { stack: "s".into(), env: "e".into(), region: "r".into(), account: "1".into(), partition: "aws".into() }
}

fn registry() -> Registry<Cloud> {
    Registry::default().with::<Store>().with::<Recipe>().with::<Worker>()
}

fn graph((port, workers): File) -> Graph {
    let (mut graph, tags) = (Graph::default(), Tags::new());
    let mut place = "elsewhere".to_owned();
    if let Some(port) = port {
        let store = graph.add("store", "", &Store { copy_of: None, running: Some(true), port, tags: tags.clone() }).unwrap();
        place = store.attr("port").to_string();
    }
    let recipe = graph.add("recipe", "", &Recipe { port: place, tags: tags.clone() }).unwrap();
    for (name, count, is_scaled) in workers {
        let (count, first) = if *is_scaled { (None, Some(*count)) } else { (Some(*count), None) };
        graph.add(*name, "", &Worker { recipe: recipe.clone(), count, first, tags: tags.clone() }).unwrap();
    }
    graph.own(&registry(), &scope(), &BTreeMap::new()).unwrap();
    graph
}

/// Plans and applies, and returns the plan and the calls.
async fn turn(cloud: &Arc<Cloud>, file: File<'_>, way: As) -> (Plan, Vec<String>) {
    let cx = Cx::new(cloud.clone(), Arc::new(scope()));
    let snapshot = Snapshot::read(&registry(), &cx).await.unwrap();
    let mut graph = graph(file);
    match way {
        As::It => drop(graph.rest(&registry(), &snapshot).unwrap()),
        As::Paused => drop(graph.pause(&registry(), Pause::Asked).unwrap()),
        As::Resumed => {}
    }
    let plan = Plan::make(&registry(), &scope(), Some(&graph), &snapshot).unwrap();
    let (_keep, stop) = watch::channel(false);
    let outcome = apply(&registry(), &cx, &plan, &Silent, stop).await.unwrap();
    assert!(outcome.is_complete(), "{:?} {:?}", outcome.failed, outcome.skipped);
    (plan, std::mem::take(&mut cloud.0.lock().unwrap().log))
}

/// Checks that nothing is to be done, and returns the counts of the workers and whether the store runs.
async fn at_rest(cloud: &Arc<Cloud>, file: File<'_>) -> (Vec<i64>, Option<bool>) {
    let (plan, _) = turn(cloud, file, As::It).await;
    assert!(plan.is_empty(), "{:?}", plan.changes().collect::<Vec<_>>());
    let state = cloud.0.lock().unwrap();
    let counts = state.workers.values().filter_map(|worker| worker.count).collect();
    (counts, state.stores.values().next().and_then(|store| store.running))
}

#[tokio::test]
async fn what_is_paused_rests_and_starts_again_in_order() {
    let cloud = Arc::new(Cloud::default());
    turn(&cloud, FILE, As::It).await;
    // Something else decides how often.
    cloud.0.lock().unwrap().workers.get_mut("scaled").unwrap().count = Some(5);
    let (plan, calls) = turn(&cloud, FILE, As::Paused).await;
    assert!(plan.is_at_rest());
    let at = |calls: &[String], call: &str| calls.iter().position(|c| c == call).unwrap_or_else(|| panic!("{call}: {calls:?}"));
    assert_eq!((calls.len(), at(&calls, "store stops")), (6, 5), "{calls:?}");
    assert!(at(&calls, "scaled is tagged") < at(&calls, "scaled to 0"), "{calls:?}");
    assert_eq!(at_rest(&cloud, FILE).await, (vec![0, 0], Some(false)));
    let (plan, calls) = turn(&cloud, FILE, As::Resumed).await;
    assert!(!plan.is_at_rest());
    assert_eq!((calls.len(), at(&calls, "store starts")), (6, 0), "{calls:?}");
    assert!(at(&calls, "scaled to 3") < at(&calls, "scaled is tagged"), "{calls:?}");
    assert_eq!(at_rest(&cloud, FILE).await, (vec![2, 3], Some(true)));
}

/// Every call of every turn, before it is made and after; then the same again, or the opposite.
#[tokio::test]
async fn a_pause_that_dies_anywhere_comes_to_its_end() {
    let turns = [(As::Paused, vec![0, 0], Some(false)), (As::Resumed, vec![2, 3], Some(true))];
    let mut deaths = 0;
    for (first, then) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for at in 0..12 {
            let cloud = Arc::new(Cloud::default());
            turn(&cloud, FILE, As::It).await;
            if first == 1 {
                turn(&cloud, FILE, As::Paused).await;
            }
            {
                let mut state = cloud.0.lock().unwrap();
                state.dies = Some((state.calls + at / 2, at % 2 == 1));
            }
            let death = async {
                while !cloud.0.lock().unwrap().dead {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! { _ = turn(&cloud, FILE, turns[first].0) => {}, () = death => deaths += 1 }
            {
                let mut state = cloud.0.lock().unwrap();
                (state.dies, state.dead) = (None, false);
            }
            let (way, counts, runs) = &turns[then];
            turn(&cloud, FILE, *way).await;
            assert_eq!(at_rest(&cloud, FILE).await, (counts.clone(), *runs), "{first} {then} {at}");
        }
    }
    assert_eq!(deaths, 48);
}

#[tokio::test]
async fn what_comes_into_a_pause_is_paused() {
    let cloud = Arc::new(Cloud::default());
    turn(&cloud, (None, &[("fixed", 2, false)]), As::It).await;
    turn(&cloud, (None, &[("fixed", 2, false)]), As::Paused).await;
    let (_, calls) = turn(&cloud, FILE, As::It).await;
    assert!(calls.contains(&"scaled comes".to_owned()) && calls.contains(&"store stops".to_owned()), "{calls:?}");
    assert_eq!(at_rest(&cloud, FILE).await, (vec![0, 0], Some(false)));
    turn(&cloud, FILE, As::Resumed).await;
    assert_eq!(at_rest(&cloud, FILE).await, (vec![2, 3], Some(true)));
}

/// Where the store gives its users something new, they cannot be changed before it.
#[tokio::test]
async fn what_is_new_comes_before_the_end_of_a_store() {
    let cloud = Arc::new(Cloud::default());
    let still: &[(&str, i64, bool)] = &[("fixed", 0, false)];
    turn(&cloud, (Some(1), still), As::It).await;
    let (_, calls) = turn(&cloud, (Some(2), still), As::Paused).await;
    let written = calls.iter().position(|call| call == "recipe is written").unwrap();
    assert!(calls.iter().position(|call| call == "store moves").unwrap() < written, "{calls:?}");
    assert_eq!(at_rest(&cloud, (Some(2), still)).await, (vec![0], Some(false)));
    // Of what is stopped nothing can be changed, and that is known.
    let cx = Cx::new(cloud.clone(), Arc::new(scope()));
    let snapshot = Snapshot::read(&registry(), &cx).await.unwrap();
    let mut changed = graph((Some(3), still));
    assert_eq!(changed.rest(&registry(), &snapshot).unwrap(), Some(Pause::Asked));
    let plan = Plan::make(&registry(), &scope(), Some(&changed), &snapshot).unwrap();
    assert_eq!(plan.counts().refuse, 1, "{:?}", plan.items);
    turn(&cloud, (Some(3), still), As::Resumed).await;
    assert_eq!(at_rest(&cloud, (Some(3), still)).await, (vec![0], Some(true)));
}

#[test]
fn a_kind_decides_by_the_reason_and_by_its_users() {
    let paused = |why, has_copy: bool| {
        let mut graph = graph(FILE);
        if has_copy {
            let copy = Store { copy_of: Some(Ref::to("store")), running: None, port: 1, tags: Tags::new() };
            graph.add("copy", "", &copy).unwrap();
        }
        let paused: Vec<String> = graph.pause(&registry(), why).unwrap().into_iter().map(|key| key.name).collect();
        let words: Vec<String> =
            graph.nodes().filter_map(|node| Some(node.desired["tags"].get(TAG_PAUSED)?.as_str()?.to_owned())).collect();
        assert_eq!(paused.len(), words.len());
        assert!(words.iter().all(|word| word == why.word()), "{words:?}");
        paused
    };
    assert_eq!(paused(Pause::Asked, false), ["store", "fixed", "scaled"]);
    assert_eq!(paused(Pause::Asked, true), ["fixed", "scaled"]);
    assert_eq!(paused(Pause::Unready, false), ["fixed", "scaled"]);
}

#[test]
fn what_others_follow_elsewhere_is_in_use() {
    let paused = |live: Value| {
        let mut graph = graph(FILE);
        graph.note_followed([(Key::new(Store::KIND, "store"), &live)].into_iter());
        graph.pause(&registry(), Pause::Asked).unwrap().contains(&Key::new(Store::KIND, "store"))
    };
    assert_eq!([json!({}), json!({"followers": []}), json!({"followers": ["elsewhere"]})].map(paused), [true, true, false]);
}

#[test]
fn unready_objects_count_and_foreign_ones_do_not() {
    let seen = |name: &str, word: &str, claim: fn(String) -> Claim, state| Seen {
        kind: Worker::KIND.into(),
        claim: claim(name.to_owned()),
        live: json!({"id": name}).into(),
        fields: json!({"tags": {TAG_KEY: format!("mem.worker/{name}"), TAG_PAUSED: word}}).into(),
        state,
    };
    let why = |seen: Vec<Seen>| Snapshot { seen, ..Snapshot::default() }.paused();
    let asked = || seen("a", "asked", Claim::Ours, Readiness::Ready);
    assert_eq!(why(Vec::new()), None);
    assert_eq!(why(vec![asked()]), Some(Pause::Asked));
    assert_eq!(why(vec![asked(), seen("b", "bare", Claim::Ours, Readiness::Ready)]), Some(Pause::Bare));
    assert_eq!(why(vec![asked(), seen("b", "unready", Claim::Ours, Readiness::Ready)]), Some(Pause::Unready));
    assert_eq!(why(vec![asked(), seen("b", "unready", Claim::Ours, Readiness::Gone)]), Some(Pause::Asked));
    assert_eq!(why(vec![asked(), seen("b", "unready", Claim::Tagged, Readiness::Ready)]), Some(Pause::Asked));
    for why in [Pause::Asked, Pause::Bare, Pause::Unready] {
        assert_eq!(Pause::of(why.word()), why);
    }
    assert_eq!(Pause::of("2026"), Pause::Asked, "it stays at rest");
}
