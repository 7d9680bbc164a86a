//! What must hold of kinds of which the cloud makes one change at a time, on a cloud in memory that insists on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::events::Silent;
use super::*;

/// One object, how many more looks it is busy for, and everything that was changed.
#[derive(Default)]
struct Cloud {
    state: Mutex<(Option<Thing>, u32, Vec<String>)>,
    /// A field that the cloud takes and does not change.
    deaf: Option<&'static str>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Thing {
    one: i64,
    two: i64,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Live {
    id: String,
}

impl super::Cloud for Cloud {
    const NAME: &'static str = "the cloud";
}

impl Resource for Thing {
    const KIND: &'static str = "mem.slow";
    const RULES: &'static [Rule] = &[Rule::owned("tags"), Rule::when_ready("tags")];
    const STEPWISE: bool = true;
    type Cloud = Cloud;
    type Live = Live;

    async fn observe(cx: &Cx<Cloud>) -> Result<Vec<Observed<Self>>> {
        let state = cx.cloud.state.lock().unwrap();
        let Some(mut fields) = state.0.clone() else { return Ok(Vec::new()) };
        let claim = cx.scope.claim(Self::KIND, &fields.tags, false);
        if state.1 > 0 {
            fields.tags.clear(); // not told
        }
        let state = if state.1 > 0 { Readiness::waiting("busy") } else { Readiness::Ready };
        Ok(vec![Observed { claim, live: Live { id: "it".into() }, fields, state }])
    }

    async fn create(&self, cx: &Cx<Cloud>) -> Result<Live> {
        *cx.cloud.state.lock().unwrap() = (Some(self.clone()), 2, Vec::new());
        Ok(Live { id: "it".into() })
    }

    async fn update(&self, cx: &Cx<Cloud>, live: &Live, diff: &Diff) -> Result<Live> {
        let mut state = cx.cloud.state.lock().unwrap();
        let (Some(thing), 0) = (state.0.clone(), state.1) else { return Err(Error::new(Class::Invalid, "it is busy")) };
        let field = ["one", "two", "tags"].into_iter().find(|field| diff.touches(field)).unwrap();
        let changed = match field {
            _ if cx.cloud.deaf == Some(field) => thing,
            "one" => Thing { one: self.one, ..thing },
            "two" => Thing { two: self.two, ..thing },
            _ => Thing { tags: self.tags.clone(), ..thing },
        };
        state.0 = Some(changed);
        state.1 = 2;
        state.2.push(field.to_owned());
        Ok(live.clone())
    }

    async fn delete(_cx: &Cx<Cloud>, _live: &Live) -> Result<()> {
        Ok(())
    }

    async fn poll(&self, cx: &Cx<Cloud>, _live: &Live) -> Result<Readiness> {
        let mut state = cx.cloud.state.lock().unwrap();
        if state.1 == 0 {
            return Ok(Readiness::Ready);
        }
        state.1 -= 1;
        Ok(Readiness::waiting("busy"))
    }
}

fn scope() -> Scope {
    Scope { stack: "s".into(), env: "e".into(), region: "r".into(), account: "1".into(), partition: "aws".into() }
}

/// The plan for a thing, and what it came to.
async fn apply_to(cloud: &Arc<Cloud>, one: i64, two: i64, team: &str) -> (Plan, Vec<String>) {
    apply_as("it", cloud, one, two, team).await
}

/// The same for one of another name, which was `it` before.
async fn apply_as(name: &str, cloud: &Arc<Cloud>, one: i64, two: i64, team: &str) -> (Plan, Vec<String>) {
    let registry = Registry::default().with::<Thing>();
    let cx = Cx::new(cloud.clone(), Arc::new(scope()));
    let mut graph = Graph::default();
    graph.add(name, &format!("things.{name}"), &Thing { one, two, tags: BTreeMap::new() }).unwrap();
    graph.moved = vec![Moved { from: "things.it".into(), to: format!("things.{name}") }];
    graph.own(&registry, &scope(), &BTreeMap::from([("team".to_owned(), team.to_owned())])).unwrap();
    let snapshot = Snapshot::read(&registry, &cx).await.unwrap();
    let plan = Plan::make(&registry, &scope(), Some(&graph), &snapshot).unwrap();
    let (_keep, stop) = watch::channel(false);
    let outcome = apply(&registry, &cx, &plan, &Silent, stop).await.unwrap();
    assert!(outcome.is_complete(), "{:?}", outcome.failed);
    let changed = std::mem::take(&mut cloud.state.lock().unwrap().2);
    (plan, changed)
}

#[tokio::test]
async fn one_change_follows_the_other() {
    let cloud = Arc::new(Cloud::default());
    apply_to(&cloud, 1, 1, "a").await;
    let (_, changed) = apply_to(&cloud, 2, 2, "b").await;
    assert_eq!(changed, ["one", "two", "tags"]);
    let (plan, changed) = apply_to(&cloud, 2, 2, "b").await;
    assert!(plan.is_empty() && changed.is_empty());
}

#[tokio::test]
async fn busy_is_waited_for_and_unknown_is_no_difference() {
    let cloud = Arc::new(Cloud::default());
    apply_to(&cloud, 1, 1, "a").await;
    cloud.state.lock().unwrap().1 = 3;
    let (plan, changed) = apply_to(&cloud, 1, 1, "a").await;
    assert!(plan.is_empty(), "{:?}", plan.items);
    assert_eq!((changed.len(), cloud.state.lock().unwrap().1), (0, 0), "waited for");
    cloud.state.lock().unwrap().1 = 3;
    let (_, changed) = apply_to(&cloud, 5, 1, "a").await;
    assert_eq!(changed, ["one"]);
    // What was not told when the plan was made is found and changed on the way.
    cloud.state.lock().unwrap().1 = 3;
    let (_, changed) = apply_to(&cloud, 6, 1, "b").await;
    assert_eq!(changed, ["one", "tags"]);
}

/// Its tags say its old name until they are written, which is last.
#[tokio::test]
async fn a_moved_object_is_changed_step_by_step_too() {
    let cloud = Arc::new(Cloud::default());
    apply_to(&cloud, 1, 1, "a").await;
    let (_, changed) = apply_as("other", &cloud, 2, 2, "a").await;
    assert_eq!(changed, ["one", "two", "tags"]);
    let (plan, _) = apply_as("other", &cloud, 2, 2, "a").await;
    assert!(plan.is_empty(), "{:?}", plan.items);
}

#[tokio::test]
async fn what_the_cloud_does_not_change_is_told_once() {
    let cloud = Arc::new(Cloud { deaf: Some("two"), ..Cloud::default() });
    apply_to(&cloud, 1, 1, "a").await;
    let (_, changed) = apply_to(&cloud, 1, 2, "a").await;
    assert_eq!(changed, ["two"]);
    let (plan, _) = apply_to(&cloud, 1, 2, "a").await;
    assert!(!plan.is_empty(), "and shown again");
}
