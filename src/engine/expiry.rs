//! Until when an environment is wanted.
//!
//! Every object says it in its tag [`TAG_EXPIRES`]; the latest of them counts. A new object gets the expiry of those that are there.

use std::sync::Arc;

use futures::stream::{StreamExt, iter};
use serde_json::Value;

use super::context::Cx;
use super::diff::diff;
use super::error::{Class, Error, Result};
use super::graph::Graph;
use super::key::Key;
use super::kind::Registry;
use super::resource::Cloud;
use super::scope::Claim;
use super::snapshot::{Seen, Snapshot};
use super::tags::{TAG_EXPIRES, tag};
use super::token::Ids;

/// How many objects are marked at once.
const AT_ONCE: usize = 16;

impl Snapshot {
    /// Checks whether nothing of the stack exists.
    pub fn is_empty(&self) -> bool {
        self.remaining().next().is_none()
    }

    /// Returns until when the environment is wanted: the latest of what its objects say.
    pub fn expires(&self) -> Option<&str> {
        self.remaining().filter_map(|seen| tag(&seen.fields, TAG_EXPIRES)).max()
    }

    /// Returns the objects that say another time than one that is over, or none: with any of them, the environment has not expired.
    pub fn wanted<C: Cloud>(&self, registry: &Registry<C>, is_over: impl Fn(&str) -> bool) -> Vec<Key> {
        let has_tags = |seen: &&Seen| registry.find(&seen.kind).is_some_and(|kind| kind.info().tagged);
        let wanted = |seen: &&Seen| !tag(&seen.fields, TAG_EXPIRES).is_some_and(&is_over);
        self.remaining().filter(has_tags).filter(wanted).filter_map(Seen::key).collect()
    }
}

impl Graph {
    /// Gives every object that has tags this expiry. It counts for new ones; what is there keeps its own.
    pub fn expire(&mut self, at: &str) {
        for node in self.nodes_mut() {
            if let Some(Value::Object(tags)) = Arc::make_mut(&mut node.desired).get_mut("tags") {
                tags.insert(TAG_EXPIRES.into(), at.into());
            }
        }
    }
}

/// Writes an expiry into the tags of every object that certainly belongs to the stack and has tags. `moves` changes further fields that
/// depend on it, and returns whether the object still has a purpose: else it is deleted. Returns how many were written, and what the cloud
/// says about those that could not be.
pub async fn extend<C: Cloud>(
    registry: &Registry<C>,
    cx: &Cx<C>,
    snapshot: &Snapshot,
    at: &str,
    moves: &(dyn Fn(&Key, &mut Value) -> bool + Sync),
) -> (usize, Vec<Error>) {
    let differs = |seen: &&Seen| matches!(seen.claim, Claim::Ours(_)) && tag(&seen.fields, TAG_EXPIRES) != Some(at);
    let has_tags = |seen: &&Seen| registry.find(&seen.kind).is_some_and(|kind| kind.info().tagged);
    let marks = snapshot.remaining().filter(differs).filter(has_tags).map(|seen| mark(registry, cx, seen, at, moves));
    let marked: Vec<Result<()>> = iter(marks).buffer_unordered(AT_ONCE).collect().await;
    let count = marked.iter().filter(|marked| marked.is_ok()).count();
    (count, marked.into_iter().filter_map(Result::err).collect())
}

async fn mark<C: Cloud>(
    registry: &Registry<C>,
    cx: &Cx<C>,
    seen: &Seen,
    at: &str,
    moves: &(dyn Fn(&Key, &mut Value) -> bool + Sync),
) -> Result<()> {
    let Some(key) = seen.key() else { return Ok(()) };
    let kind = registry.kind(&seen.kind)?;
    let mut desired = Value::clone(&seen.fields);
    desired["tags"][TAG_EXPIRES] = at.into();
    let stays = moves(&key, &mut desired);
    let changes = diff(kind.info().rules, &desired, &seen.fields, &Ids::default());
    let cx = cx.fresh().at(&key, seen.generation());
    let done = match stays {
        true => kind.update(&cx, &desired, &seen.live, &changes).await.map(drop),
        false => kind.delete(&cx, &seen.live).await,
    };
    match done {
        // It is going.
        Err(error) if error.class == Class::NotFound => Ok(()),
        other => other.map_err(|error| error.about(&key)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::readiness::Readiness;
    use super::super::resource::{Observed, Resource};
    use super::super::rules::Rule;
    use super::super::tags::ignore;
    use super::*;

    #[derive(Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Thing {
        tags: BTreeMap<String, String>,
    }

    #[derive(Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Live {
        id: String,
    }

    struct Place;

    impl Cloud for Place {
        const NAME: &'static str = "the place";
    }

    impl Resource for Thing {
        const KIND: &'static str = "place.thing";
        const RULES: &'static [Rule] = &[Rule::owned("tags")];
        type Cloud = Place;
        type Live = Live;

        async fn observe(_: &Cx<Place>) -> Result<Vec<Observed<Self>>> {
            Ok(Vec::new())
        }

        async fn create(&self, _: &Cx<Place>) -> Result<Live> {
            Err(Error::internal("nothing is created here"))
        }

        async fn update(&self, _: &Cx<Place>, live: &Live, _: &super::super::diff::Diff) -> Result<Live> {
            Ok(live.clone())
        }

        async fn delete(_: &Cx<Place>, _: &Live) -> Result<()> {
            Ok(())
        }
    }

    fn thing(name: &str, tags: Value, state: Readiness) -> Seen {
        let claim = Claim::Ours(name.into());
        Seen { kind: Thing::KIND.into(), claim, live: json!({"id": name}).into(), fields: json!({"tags": tags}).into(), state }
    }

    fn snapshot(seen: Vec<Seen>) -> Snapshot {
        Snapshot { seen, ..Snapshot::default() }
    }

    #[test]
    fn an_environment_expires_when_all_its_objects_have() {
        let registry = Registry::default().with::<Thing>();
        let at = |time: &str| json!({"stack:expires": time});
        let wanted = |seen: Vec<Seen>| -> Vec<String> {
            snapshot(seen).wanted(&registry, |at| at < "2").into_iter().map(|key| key.name).collect()
        };
        let over = || thing("a", at("1"), Readiness::Ready);
        assert_eq!(wanted(vec![over()]), [""; 0]);
        assert_eq!(wanted(vec![over(), thing("b", at("3"), Readiness::Ready)]), ["b"]);
        assert_eq!(wanted(vec![over(), thing("b", json!({}), Readiness::waiting("x"))]), ["b"], "nothing is no expiry");
        // What is deleted says nothing: a key that can still be restored, say.
        let gone = || thing("key", at("1"), Readiness::Gone);
        assert_eq!(wanted(vec![over(), thing("b", at("3"), Readiness::Leaving("deleting".into()))]), [""; 0]);
        let left = snapshot(vec![gone()]);
        assert_eq!((left.is_empty(), left.expires()), (true, None));
        assert_eq!(snapshot(vec![gone(), thing("b", at("3"), Readiness::Ready)]).expires(), Some("3"));
    }

    #[test]
    fn only_what_is_new_or_adopted_gets_the_expiry() {
        let desired = || json!({"tags": {"stack:expires": "9"}});
        let after = |observed: Value| {
            let mut desired = Arc::new(desired());
            ignore(&[], &mut desired, &json!({"tags": observed}));
            desired["tags"].get("stack:expires").cloned()
        };
        assert_eq!(after(json!({"stack:name": "shop"})), None);
        assert_eq!(after(json!({"stack:name": "shop", "stack:expires": "3"})), Some(json!("3")));
        assert_eq!(after(json!({"team": "web"})), Some(json!("9")));
    }
}
