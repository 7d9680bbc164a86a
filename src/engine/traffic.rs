//! Requests in a cloud in memory: who is served before a change and is to be served after it is served all the while.
//!
//! Requests come through a front; doors lead them to groups, by path, the lowest number first; servers stand in groups. As
//! with load balancers, a server is only let into a group to which some door leads, or beside which one stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::action::Verb;
use super::events::Silent;
use super::*;

type Tags = BTreeMap<String, String>;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Front {
    tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Group {
    port: i64,
    tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Door {
    front: Ref<Front>,
    number: i64,
    path: Option<i64>,
    group: Ref<Group>,
    tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Server {
    group: Ref<Group>,
    image: i64,
    after: Vec<AnyRef>,
    tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Live {
    id: String,
}

#[derive(Default)]
struct State {
    next: usize,
    fronts: BTreeMap<String, Front>,
    groups: BTreeMap<String, Group>,
    doors: BTreeMap<String, Door>,
    /// Doors that let nobody in yet, and groups beside the one that a door leads to.
    closed: BTreeSet<String>,
    beside: BTreeMap<String, String>,
    servers: BTreeMap<String, Server>,
    up: BTreeSet<String>,
    /// Servers of these names do not come up.
    broken: BTreeSet<String>,
    /// Paths that must be served all the while.
    served: BTreeSet<i64>,
    missed: Vec<String>,
}

impl State {
    fn id(&mut self) -> String {
        self.next += 1;
        format!("thing-{}", self.next)
    }

    fn serves(&self, path: i64) -> bool {
        let open = self.doors.iter().filter(|(id, door)| door.path == Some(path) && !self.closed.contains(*id));
        let Some((_, door)) = open.min_by_key(|(_, door)| door.number) else { return false };
        let group = door.group.id().unwrap();
        self.servers.iter().any(|(id, server)| server.group.id().unwrap() == group && self.up.contains(id))
    }

    fn is_known(&self, group: &str) -> bool {
        self.doors.values().any(|door| door.group.id().unwrap() == group) || self.beside.values().any(|beside| beside == group)
    }
}

#[derive(Default)]
struct Cloud(Mutex<State>);

impl super::Cloud for Cloud {
    const NAME: &'static str = "the cloud";
}

impl Cloud {
    async fn call<T>(&self, what: String, effect: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        tokio::task::yield_now().await;
        let mut state = self.0.lock().unwrap();
        let out = effect(&mut state);
        let missed = state.served.iter().filter(|path| !state.serves(**path)).map(|path| format!("{path} after {what}"));
        let missed: Vec<String> = missed.collect();
        state.missed.extend(missed);
        out
    }
}

fn gone() -> Error {
    Error::new(Class::NotFound, "gone")
}

fn observed<R: Resource<Cloud = Cloud, Live = Live> + Clone>(
    cx: &Cx<Cloud>,
    all: &BTreeMap<String, R>,
    tags: impl Fn(&R) -> Tags,
) -> Vec<Observed<R>> {
    let one = |(id, fields): (&String, &R)| Observed {
        claim: cx.scope.claim(R::KIND, &tags(fields), false),
        live: Live { id: id.clone() },
        fields: fields.clone(),
        state: Readiness::Ready,
    };
    all.iter().map(one).collect()
}

impl Resource for Front {
    const KIND: &'static str = "mem.front";
    const RULES: &'static [Rule] = &[Rule::exact("tags")];
    type Cloud = Cloud;
    type Live = Live;

    async fn observe(cx: &Cx<Cloud>) -> Result<Vec<Observed<Self>>> {
        Ok(observed(cx, &cx.cloud.0.lock().unwrap().fronts, |f| f.tags.clone()))
    }

    async fn create(&self, cx: &Cx<Cloud>) -> Result<Live> {
        let call = cx.cloud.call("front".into(), |state| {
            let id = state.id();
            state.fronts.insert(id.clone(), self.clone());
            Ok(Live { id })
        });
        call.await
    }

    async fn update(&self, _: &Cx<Cloud>, live: &Live, _: &Diff) -> Result<Live> {
        Ok(live.clone())
    }

    async fn delete(cx: &Cx<Cloud>, live: &Live) -> Result<()> {
        cx.cloud.call("no front".into(), |state| state.fronts.remove(&live.id).map(|_| ()).ok_or_else(gone)).await
    }
}

impl Resource for Group {
    const KIND: &'static str = "mem.group";
    const RULES: &'static [Rule] = &[Rule::immutable("port"), Rule::exact("tags")];
    type Cloud = Cloud;
    type Live = Live;

    async fn observe(cx: &Cx<Cloud>) -> Result<Vec<Observed<Self>>> {
        Ok(observed(cx, &cx.cloud.0.lock().unwrap().groups, |g| g.tags.clone()))
    }

    async fn create(&self, cx: &Cx<Cloud>) -> Result<Live> {
        let call = cx.cloud.call("group".into(), |state| {
            let id = state.id();
            state.groups.insert(id.clone(), self.clone());
            Ok(Live { id })
        });
        call.await
    }

    async fn update(&self, cx: &Cx<Cloud>, live: &Live, _: &Diff) -> Result<Live> {
        let call = cx.cloud.call("group".into(), |state| {
            state.groups.insert(live.id.clone(), self.clone());
            Ok(live.clone())
        });
        call.await
    }

    async fn delete(cx: &Cx<Cloud>, live: &Live) -> Result<()> {
        let call = cx.cloud.call(format!("no {}", cx.key), |state| {
            if state.is_known(&live.id) {
                return Err(Error::new(Class::Invalid, format!("a door leads to {}", live.id)));
            }
            state.groups.remove(&live.id).map(|_| ()).ok_or_else(gone)
        });
        call.await
    }
}

impl Resource for Door {
    const KIND: &'static str = "mem.door";
    const RULES: &'static [Rule] = &[
        Rule::immutable("front"),
        Rule::identity("front"),
        Rule::identity("number"),
        Rule::once("path"),
        Rule::leads_to("path"),
        Rule::leads_to("group"),
        Rule::exact("tags"),
    ];
    const PREPARES: &'static [Verb] = &[Verb::Create, Verb::Update];
    type Cloud = Cloud;
    type Live = Live;

    async fn observe(cx: &Cx<Cloud>) -> Result<Vec<Observed<Self>>> {
        let state = cx.cloud.0.lock().unwrap();
        let mut out = observed(cx, &state.doors, |d| d.tags.clone());
        for seen in out.iter_mut().filter(|seen| state.closed.contains(&seen.live.id)) {
            seen.fields.path = None;
        }
        for seen in out.iter_mut().filter(|seen| state.beside.contains_key(&seen.live.id)) {
            seen.fields.group = Ref::physical("both");
        }
        Ok(out)
    }

    async fn create(&self, cx: &Cx<Cloud>) -> Result<Live> {
        let call = cx.cloud.call(format!("{} made", cx.key), |state| {
            let id = state.id();
            state.doors.insert(id.clone(), self.clone());
            if cx.prepare {
                state.closed.insert(id.clone());
            }
            Ok(Live { id })
        });
        call.await
    }

    async fn update(&self, cx: &Cx<Cloud>, live: &Live, _: &Diff) -> Result<Live> {
        let call = cx.cloud.call(format!("{} changed, {}", cx.key, cx.prepare), |state| {
            if cx.prepare {
                state.beside.insert(live.id.clone(), self.group.id()?.to_owned());
                return Ok(live.clone());
            }
            state.closed.remove(&live.id);
            state.beside.remove(&live.id);
            state.doors.insert(live.id.clone(), self.clone());
            Ok(live.clone())
        });
        call.await
    }

    async fn delete(cx: &Cx<Cloud>, live: &Live) -> Result<()> {
        let call = cx.cloud.call(format!("no {}", cx.key), |state| {
            state.closed.remove(&live.id);
            state.beside.remove(&live.id);
            state.doors.remove(&live.id).map(|_| ()).ok_or_else(gone)
        });
        call.await
    }
}

impl Resource for Server {
    const KIND: &'static str = "mem.server";
    const RULES: &'static [Rule] = &[Rule::once("group"), Rule::order_only("after"), Rule::exact("tags")];
    type Cloud = Cloud;
    type Live = Live;

    async fn observe(cx: &Cx<Cloud>) -> Result<Vec<Observed<Self>>> {
        Ok(observed(cx, &cx.cloud.0.lock().unwrap().servers, |s| s.tags.clone()))
    }

    async fn create(&self, cx: &Cx<Cloud>) -> Result<Live> {
        let call = cx.cloud.call(format!("{} made", cx.key), |state| {
            if !state.is_known(self.group.id()?) {
                return Err(Error::new(Class::Invalid, "no door leads to its group"));
            }
            let id = state.id();
            state.servers.insert(id.clone(), self.clone());
            Ok(Live { id })
        });
        call.await
    }

    async fn update(&self, cx: &Cx<Cloud>, live: &Live, _: &Diff) -> Result<Live> {
        let call = cx.cloud.call(format!("{} changed", cx.key), |state| {
            state.servers.insert(live.id.clone(), self.clone());
            Ok(live.clone())
        });
        call.await
    }

    async fn delete(cx: &Cx<Cloud>, live: &Live) -> Result<()> {
        let call = cx.cloud.call(format!("no {}", cx.key), |state| {
            state.up.remove(&live.id);
            state.servers.remove(&live.id).map(|_| ()).ok_or_else(gone)
        });
        call.await
    }

    /// Others get their turns before it is up.
    async fn poll(&self, cx: &Cx<Cloud>, live: &Live) -> Result<Readiness> {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        let mut state = cx.cloud.0.lock().unwrap();
        if state.broken.contains(&cx.key.name) {
            return Ok(Readiness::Failed("it crashes".into()));
        }
        state.up.insert(live.id.clone());
        Ok(Readiness::Ready)
    }
}

/// What a file says: for each service its port, its image, and whether its number comes from its path. A path is one service's.
type File = BTreeMap<i64, (usize, i64, i64, bool)>;

fn file() -> impl Strategy<Value = File> {
    prop::collection::btree_map(0..4i64, (0..4usize, 0..2i64, 0..2i64, any::<bool>()), 0..4).prop_map(|map| {
        let mut names = BTreeSet::new();
        map.into_iter().filter(|(_, (name, ..))| names.insert(*name)).collect()
    })
}

fn scope() -> Scope {
    Scope { stack: "s".into(), env: "e".into(), region: "r".into(), account: "1".into(), partition: "aws".into() }
}

fn registry() -> Registry<Cloud> {
    Registry::default().with::<Front>().with::<Group>().with::<Door>().with::<Server>()
}

fn graph(file: &File) -> Graph {
    let mut graph = Graph::default();
    let tags = Tags::new();
    let front = graph.add("main", "", &Front { tags: tags.clone() }).unwrap();
    for (path, (name, port, image, by_path)) in file {
        let name = format!("s{name}");
        let group = graph.add(name.as_str(), "", &Group { port: *port, tags: tags.clone() }).unwrap();
        let number = if *by_path { 100 + path } else { name[1..].parse().unwrap() };
        let door = Door { front: front.clone(), number, path: Some(*path), group: group.clone(), tags: tags.clone() };
        let door = graph.add(name.as_str(), "", &door).unwrap();
        let server = Server { group, image: *image, after: vec![door.into()], tags: tags.clone() };
        graph.add(name, "", &server).unwrap();
    }
    graph.own(&registry(), &scope(), &BTreeMap::new()).unwrap();
    graph
}

async fn turn(cloud: &Arc<Cloud>, file: Option<&File>) -> (Plan, Outcome) {
    let cx = Cx::new(cloud.clone(), Arc::new(scope()));
    let snapshot = Snapshot::read(&registry(), &cx).await.unwrap();
    let plan = Plan::make(&registry(), &scope(), file.map(graph).as_ref(), &snapshot).unwrap();
    let (_keep, stop) = watch::channel(false);
    let outcome = apply(&registry(), &cx, &plan, &Silent, stop).await.unwrap();
    (plan, outcome)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Names, ports, images, paths and numbers change in any way: whoever is served in both files is served all the while.
    #[test]
    fn what_both_files_serve_is_served_all_the_while(a in file(), b in file()) {
        run(async {
            let cloud = Arc::new(Cloud::default());
            let (_, outcome) = turn(&cloud, Some(&a)).await;
            prop_assert!(outcome.is_complete(), "{:?}", outcome.failed);
            cloud.0.lock().unwrap().served = a.keys().filter(|path| b.contains_key(path)).copied().collect();
            let (plan, outcome) = turn(&cloud, Some(&b)).await;
            prop_assert!(outcome.is_complete(), "{:?} {:?}", outcome.failed, outcome.skipped);
            let missed = std::mem::take(&mut cloud.0.lock().unwrap().missed);
            prop_assert!(missed.is_empty(), "{missed:?} in {:#?}", plan.changes().collect::<Vec<_>>());
            cloud.0.lock().unwrap().served.clear();
            let (again, _) = turn(&cloud, Some(&b)).await;
            prop_assert!(again.is_empty(), "{:?}", again.changes().collect::<Vec<_>>());
            turn(&cloud, None).await;
            let state = cloud.0.lock().unwrap();
            prop_assert!(state.fronts.is_empty() && state.groups.is_empty() && state.doors.is_empty() && state.servers.is_empty());
            Ok(())
        })?;
    }

    /// A new server that does not come up takes nobody's place.
    #[test]
    fn a_broken_new_server_interrupts_no_service(a in file(), b in file()) {
        run(async {
            let cloud = Arc::new(Cloud::default());
            turn(&cloud, Some(&a)).await;
            {
                let mut state = cloud.0.lock().unwrap();
                // One that is changed in place is another matter: the cloud brings the old one back, or not.
                let same = |name: usize, port: i64| a.values().any(|(other, was, ..)| *other == name && *was == port);
                let broken = b.values().filter(|(name, port, ..)| !same(*name, *port));
                state.broken = broken.map(|(name, ..)| format!("s{name}")).collect();
                let comes_broken = |path: &i64| b.get(path).is_some_and(|(name, ..)| state.broken.contains(&format!("s{name}")));
                state.served = a.keys().filter(|path| comes_broken(path)).copied().collect();
            }
            let (_, outcome) = turn(&cloud, Some(&b)).await;
            let state = cloud.0.lock().unwrap();
            prop_assert!(state.missed.is_empty(), "{:?}", state.missed);
            prop_assert_eq!(outcome.failed.len(), state.broken.len());
            prop_assert!(state.broken.is_empty() || outcome.done.iter().all(|(_, verb, _)| *verb != Verb::Delete));
            Ok(())
        })?;
    }
}
