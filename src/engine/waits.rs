//! What must hold of waits on any cloud: each has an end, and says why it ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::*;

/// What the cloud says of the thing that it makes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Mood {
    /// It is at it, for ever.
    #[default]
    Busy,
    /// It was at it, and the thing is not there any more.
    Vanished,
    /// No question is answered any more.
    Silent,
    /// Every question fails.
    Failing,
}

#[derive(Default)]
struct Cloud {
    mood: Mood,
    looks: Mutex<u32>,
    reach: Reach,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Thing {
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Live {
    id: String,
}

const LONGEST: Duration = Duration::from_millis(700);

impl super::Cloud for Cloud {
    const NAME: &'static str = "the cloud";
}

impl Resource for Thing {
    const KIND: &'static str = "mem.endless";
    const USUAL: Usual = Usual { create: Duration::from_millis(1), delete: Duration::from_millis(1), longest: LONGEST };
    type Cloud = Cloud;
    type Live = Live;

    async fn observe(_: &Cx<Cloud>) -> Result<Vec<Observed<Self>>> {
        Ok(Vec::new())
    }

    async fn create(&self, _: &Cx<Cloud>) -> Result<Live> {
        Ok(Live { id: "it".into() })
    }

    async fn update(&self, _: &Cx<Cloud>, live: &Live, _: &Diff) -> Result<Live> {
        Ok(live.clone())
    }

    async fn delete(_: &Cx<Cloud>, _: &Live) -> Result<()> {
        Ok(())
    }

    async fn poll(&self, cx: &Cx<Cloud>, _: &Live) -> Result<Readiness> {
        let looks = {
            let mut looks = cx.cloud.looks.lock().unwrap();
            *looks += 1;
            *looks
        };
        match cx.cloud.mood {
            Mood::Busy => Ok(Readiness::waiting("pending")),
            Mood::Vanished if looks > 1 => Ok(Readiness::Gone),
            Mood::Vanished => Ok(Readiness::waiting("pending")),
            Mood::Silent => {
                cx.cloud.reach.asks("mem").failed("connection refused");
                let _asked = cx.cloud.reach.asks("mem");
                std::future::pending().await
            }
            Mood::Failing => Err(Error::new(Class::Ambiguous, "the answer was lost")),
        }
    }
}

/// What one run says, and what failed in it.
fn run(mood: Mood) -> (Vec<String>, Outcome, Duration) {
    struct Says(Mutex<Vec<String>>);
    impl Reporter for Says {
        fn event(&self, event: &Event) {
            if let Event::Status { status, .. } = event {
                self.0.lock().unwrap().push(status.clone());
            }
        }
    }
    let reach = Reach::bearing(Duration::from_millis(600));
    let cloud = Arc::new(Cloud { mood, reach: reach.clone(), ..Cloud::default() });
    let scope = Scope { stack: "s".into(), env: "e".into(), region: "r".into(), account: "1".into(), partition: "aws".into() };
    let registry = Registry::default().with::<Thing>();
    let mut graph = Graph::default();
    graph.add("a", "things", &Thing { tags: BTreeMap::new() }).unwrap();
    graph.own(&registry, &scope, &BTreeMap::new()).unwrap();
    let says = Says(Mutex::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (outcome, took) = runtime.block_on(async {
        let cx = Cx { reach, ..Cx::new(cloud, Arc::new(scope.clone())) };
        let snapshot = Snapshot::read(&registry, &cx).await.unwrap();
        let plan = Plan::make(&registry, &scope, Some(&graph), &snapshot).unwrap();
        let (_keep, stop) = watch::channel(false);
        let began = Instant::now();
        (apply(&registry, &cx, &plan, &says, stop).await.unwrap(), began.elapsed())
    });
    (says.0.into_inner().unwrap(), outcome, took)
}

#[test]
fn an_endless_wait_is_given_up_with_the_last_status() {
    let (_, outcome, took) = run(Mood::Busy);
    let error = &outcome.failed[0].2;
    assert_eq!(error.class, Class::Late);
    assert!(error.message.ends_with("; last status: pending"), "{error}");
    assert!(took >= LONGEST && took < LONGEST * 10, "{took:?}");
}

/// Of what was seen and is not there any more, an answer can be old for some seconds, not for ever; here the end of all waits
/// comes sooner.
#[test]
fn what_vanishes_is_not_waited_for_for_ever() {
    let (says, outcome, took) = run(Mood::Vanished);
    assert!(says.contains(&"not visible yet".to_owned()), "{says:?}");
    assert_eq!(outcome.failed.len(), 1);
    assert!(took < LONGEST * 10, "{took:?}");
}

#[test]
fn an_unreachable_cloud_is_reported_and_ends_the_run() {
    let (says, outcome, took) = run(Mood::Silent);
    assert!(says.iter().any(|said| said.starts_with("mem cannot be reached: connection refused, tried once")), "{says:?}");
    let error = &outcome.failed[0].2;
    assert_eq!(error.class, Class::Unreachable);
    assert!(error.message.contains("connection refused"), "{error}");
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn failed_polls_are_forgiven_until_the_wait_ends() {
    let (_, outcome, _) = run(Mood::Failing);
    assert_eq!(outcome.failed[0].2.class, Class::Late);
}
