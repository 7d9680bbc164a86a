//! What begins with data that it names: when that counts, and what is left of the copy when a run dies.

use serde_json::Value;

use super::*;

/// A cloud with disks, and with copies of what they begin with.
#[derive(Default)]
struct Shelf {
    disks: Mutex<BTreeMap<String, (Disk, Readiness)>>,
    copies: Mutex<BTreeSet<String>>,
    /// Copies fail.
    fails: Mutex<bool>,
    done: Mutex<Vec<String>>,
}

impl Shelf {
    fn note(&self, what: String) {
        self.done.lock().unwrap().push(what);
    }
}

impl super::super::Cloud for Shelf {
    const NAME: &'static str = "the shelf";
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Disk {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begin: Option<String>,
    place: String,
    /// What is on it: only the cloud says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct DiskLive {
    id: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    never_served: bool,
}

impl Resource for Disk {
    const KIND: &'static str = "shelf.disk";
    const RULES: &'static [Rule] = &[Rule::create_only("begin"), Rule::immutable("place"), Rule::owned("tags")];
    const HOLDS_DATA: bool = true;
    type Cloud = Shelf;
    type Live = DiskLive;

    async fn observe(cx: &Cx<Shelf>) -> Result<Vec<Observed<Self>>> {
        let of = |(id, (disk, state)): (&String, &(Disk, Readiness))| Observed {
            claim: cx.scope.claim(Self::KIND, &disk.tags, false),
            live: DiskLive { id: id.clone(), never_served: matches!(state, Readiness::Failed(_)) },
            fields: Disk { begin: None, ..disk.clone() },
            state: state.clone(),
        };
        Ok(cx.cloud.disks.lock().unwrap().iter().map(of).collect())
    }

    fn begins(desired: &Value) -> bool {
        desired.get("begin").is_some()
    }

    async fn carry_over(&self, cx: &Cx<Shelf>) -> Result<Readiness> {
        if *cx.cloud.fails.lock().unwrap() {
            return Ok(Readiness::Failed("no copy".into()));
        }
        if cx.cloud.copies.lock().unwrap().insert(cx.key.name.clone()) {
            cx.cloud.note(format!("copy for {}", cx.key.name));
        }
        Ok(Readiness::Ready)
    }

    async fn create(&self, cx: &Cx<Shelf>) -> Result<DiskLive> {
        let copied = cx.cloud.copies.lock().unwrap().contains(&cx.key.name);
        let data = self.begin.clone().filter(|_| cx.begins && copied);
        let id = format!("{}-{}", cx.key.name, cx.generation);
        cx.cloud.note(format!("create {id} with {}", data.as_deref().unwrap_or("nothing")));
        cx.cloud.disks.lock().unwrap().insert(id.clone(), (Disk { data, ..self.clone() }, Readiness::Ready));
        Ok(DiskLive { id, never_served: false })
    }

    async fn update(&self, cx: &Cx<Shelf>, live: &DiskLive, _: &Diff) -> Result<DiskLive> {
        cx.cloud.note(format!("update {}", live.id));
        Ok(live.clone())
    }

    async fn delete(cx: &Cx<Shelf>, live: &DiskLive) -> Result<()> {
        cx.cloud.note(format!("delete {}", live.id));
        cx.cloud.disks.lock().unwrap().remove(&live.id);
        Ok(())
    }

    async fn settle(cx: &Cx<Shelf>, live: &DiskLive) -> Result<DiskLive> {
        if cx.begins && cx.cloud.copies.lock().unwrap().remove(&cx.key.name) {
            cx.cloud.note(format!("no copy for {}", cx.key.name));
        }
        Ok(live.clone())
    }
}

/// What a run that dies leaves of a copy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Carrier {}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct CarrierLive {
    id: String,
}

impl Resource for Carrier {
    const KIND: &'static str = "shelf.copy";
    const TAGGED: bool = false;
    const LEFTOVER: bool = true;
    type Cloud = Shelf;
    type Live = CarrierLive;

    async fn observe(cx: &Cx<Shelf>) -> Result<Vec<Observed<Self>>> {
        let of = |name: &String| Observed {
            claim: Claim::Ours(format!("{name}-begins")),
            live: CarrierLive { id: name.clone() },
            fields: Carrier {},
            state: Readiness::Ready,
        };
        Ok(cx.cloud.copies.lock().unwrap().iter().map(of).collect())
    }

    async fn create(&self, _: &Cx<Shelf>) -> Result<CarrierLive> {
        Err(Error::internal("nobody describes one"))
    }

    async fn update(&self, _: &Cx<Shelf>, live: &CarrierLive, _: &Diff) -> Result<CarrierLive> {
        Ok(live.clone())
    }

    async fn delete(cx: &Cx<Shelf>, live: &CarrierLive) -> Result<()> {
        cx.cloud.note(format!("delete the copy {}", live.id));
        cx.cloud.copies.lock().unwrap().remove(&live.id);
        Ok(())
    }
}

fn shelves() -> Registry<Shelf> {
    Registry::default().with::<Disk>().with::<Carrier>()
}

async fn planned(cloud: &Arc<Shelf>, disk: Option<(&str, &str)>) -> Plan {
    let mut graph = Graph::default();
    if let Some((begin, place)) = disk {
        let begin = (!begin.is_empty()).then(|| begin.to_owned());
        let disk = Disk { begin, place: place.to_owned(), data: None, tags: BTreeMap::new() };
        graph.add("main", "disks.main", &disk).unwrap();
    }
    graph.own(&shelves(), &scope(), &BTreeMap::new()).unwrap();
    let snapshot = Snapshot::read(&shelves(), &Cx::new(cloud.clone(), Arc::new(scope()))).await.unwrap();
    Plan::make(&shelves(), &scope(), Some(&graph), &snapshot).unwrap()
}

/// Applies a file with this disk: what was done, in order, and how it ended.
async fn applied(cloud: &Arc<Shelf>, disk: Option<(&str, &str)>) -> (Vec<String>, Outcome) {
    let plan = planned(cloud, disk).await;
    let (_keep, stop) = watch::channel(false);
    let outcome = apply(&shelves(), &Cx::new(cloud.clone(), Arc::new(scope())), &plan, &Silent, stop).await.unwrap();
    (std::mem::take(&mut *cloud.done.lock().unwrap()), outcome)
}

#[test]
fn what_an_object_begins_with_counts_at_creation() {
    run(async {
        let cloud = Arc::<Shelf>::default();
        let (done, outcome) = applied(&cloud, Some(("a", "x"))).await;
        assert!(outcome.is_complete(), "{:?}", outcome.failed);
        assert_eq!(done, ["copy for main", "create main-1 with a", "no copy for main"]);
        // Whatever it says later.
        for begin in ["a", "b", ""] {
            assert!(planned(&cloud, Some((begin, "x"))).await.is_empty(), "{begin}");
        }
        // What replaces it takes nothing else for its data.
        let (done, outcome) = applied(&cloud, Some(("b", "y"))).await;
        assert!(outcome.is_complete(), "{:?}", outcome.failed);
        assert_eq!(done, ["create main-2 with nothing", "delete main-1"]);
        // What never served had none: what replaces it begins with it.
        cloud.disks.lock().unwrap().get_mut("main-2").unwrap().1 = Readiness::Failed("no room".into());
        let (done, _) = applied(&cloud, Some(("b", "y"))).await;
        assert_eq!(done, ["copy for main", "create main-3 with b", "no copy for main", "delete main-2"]);
    });
}

#[test]
fn a_copy_that_is_left_is_used_first_and_deleted_last() {
    run(async {
        let left = || {
            let cloud = Arc::<Shelf>::default();
            cloud.copies.lock().unwrap().insert("main".into());
            cloud
        };
        let cloud = left();
        let plan = planned(&cloud, Some(("a", "x"))).await;
        let items: Vec<_> = plan.items.iter().map(|item| (item.key.to_string(), item.action, item.ask())).collect();
        let expected = [("shelf.disk/main", Action::Create), ("shelf.copy/main-begins", Action::Delete)];
        assert_eq!(items, expected.map(|(key, action)| (key.to_owned(), action, None)));
        let (done, outcome) = applied(&cloud, Some(("a", "x"))).await;
        assert!(outcome.is_complete(), "{:?}", outcome.failed);
        assert_eq!(done, ["create main-1 with a", "no copy for main", "delete the copy main"]);
        assert!(planned(&cloud, Some(("a", "x"))).await.is_empty());
        // Nobody continues: it is deleted all the same.
        for disk in [None, Some(("", "x"))] {
            let cloud = left();
            let (done, _) = applied(&cloud, disk).await;
            assert_eq!(done.last().unwrap(), "delete the copy main");
            assert!(planned(&cloud, disk).await.is_empty());
        }
    });
}

#[test]
fn no_consent_is_asked_for_where_a_copy_fails() {
    run(async {
        let cloud = Arc::<Shelf>::default();
        *cloud.fails.lock().unwrap() = true;
        let (done, outcome) = applied(&cloud, Some(("a", "x"))).await;
        let (_, _, error) = &outcome.failed[0];
        assert_eq!((done.len(), error.message.as_str(), error.hints.len()), (0, "no copy", 0));
    });
}
