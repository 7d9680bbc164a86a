//! Fields that are proven instead of read.
//!
//! Some answers cost a call for each object: a task definition, the attributes of a target group. A kind that names such fields in
//! [`Resource::PROVEN`] writes a [`digest`] of them into the tag [`TAG_DIGEST`] once they are as desired. A reading that may trust
//! the cloud's index may then leave these fields out, and says so with [`UNREAD`]. Before a plan is made the digest is compared with
//! that of what is desired: where both are the same, so are the fields. Everything else is read
//! ([`Plan::make_by_index`](super::Plan::make_by_index)).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::error::{Error, Result};
use super::graph::Graph;
use super::kind::Registry;
use super::resource::{Cloud, Resource};
use super::snapshot::{Seen, Snapshot};
use super::tags::{TAG_DIGEST, tag};
use super::token::Ids;

/// The attribute of a live object that is true when the fields in [`Resource::PROVEN`] were not read.
pub const UNREAD: &str = "unread";

/// Returns the digest of an object's [`Resource::PROVEN`] fields, for the tag [`TAG_DIGEST`] of the object with this identifier: a
/// copy of the tag on another object proves nothing.
///
/// # Errors
/// When a reference is open, or the struct cannot be written as a value, which are defects.
pub fn digest<R: Resource>(id: &str, desired: &R) -> Result<String> {
    let value = serde_json::to_value(desired).map_err(|e| Error::internal(e.to_string()))?;
    let open = |key| Error::internal(format!("the digest of `{}` needs {key}", R::KIND));
    let value = Ids::default().resolve(&value).map_err(open)?;
    Ok(of(id, &value, R::PROVEN))
}

fn of(id: &str, value: &Value, fields: &[&str]) -> String {
    let mut digest = Sha256::new();
    digest.update(id);
    for field in fields {
        digest.update(format!("\n{field} {}", sorted(value.get(field).unwrap_or(&Value::Null))));
    }
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the value with the keys of its maps in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn is_unread(seen: &Seen) -> bool {
    seen.live.get(UNREAD) == Some(&Value::Bool(true))
}

impl Snapshot {
    /// Fills in what was not read and is proven to be as desired. Returns the kinds of the objects that must be read.
    pub(super) fn prove<C: Cloud>(&mut self, registry: &Registry<C>, desired: &Graph) -> BTreeSet<String> {
        let mut unproven = BTreeSet::new();
        if !self.seen.iter().any(is_unread) {
            return unproven;
        }
        let ids = self.ids();
        for seen in self.seen.iter_mut().filter(|seen| is_unread(seen)) {
            let fields = registry.find(&seen.kind).map_or(&[][..], |kind| kind.info().proven);
            let wanted = seen.key().and_then(|key| ids.resolve(&desired.get(&key)?.desired).ok());
            let proven = wanted.filter(|wanted| tag(&seen.fields, TAG_DIGEST) == Some(&of(seen.id(), wanted, fields)));
            let (Some(wanted), Some(known)) = (proven, Arc::make_mut(&mut seen.fields).as_object_mut()) else {
                unproven.insert(seen.kind.clone());
                continue;
            };
            for field in fields {
                match wanted.get(field) {
                    Some(value) => known.insert((*field).to_owned(), value.clone()),
                    None => known.shift_remove(*field),
                };
            }
            if let Some(live) = Arc::make_mut(&mut seen.live).as_object_mut() {
                live.shift_remove(UNREAD);
            }
            self.proven.insert(seen.id().to_owned());
        }
        unproven
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;
    use crate::context::Cx;
    use crate::diff::Diff;
    use crate::plan::Plan;
    use crate::readiness::Readiness;
    use crate::reference::Ref;
    use crate::resource::Observed;
    use crate::rules::Rule;
    use crate::{Action, Scope};

    /// A cloud with two kinds of notes: both cost a question each to read.
    #[derive(Default)]
    struct Desk {
        notes: Mutex<BTreeMap<String, Note>>,
        /// The notes that were read.
        read: Mutex<Vec<String>>,
    }

    impl Cloud for Desk {
        const NAME: &'static str = "the desk";
    }

    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
    struct Note {
        text: String,
        place: String,
        about: Vec<Ref<Note>>,
        more: BTreeMap<String, i64>,
        tags: BTreeMap<String, String>,
    }

    #[derive(Clone, Serialize, Deserialize, JsonSchema)]
    struct Live {
        id: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[schemars(skip)]
        unread: bool,
    }

    impl Resource for Note {
        const KIND: &'static str = "desk.note";
        const RULES: &'static [Rule] = &[Rule::immutable("place"), Rule::set("about"), Rule::owned("tags")];
        const PROVEN: &'static [&'static str] = &["about", "more"];
        type Cloud = Desk;
        type Live = Live;

        async fn observe(cx: &Cx<Desk>) -> Result<Vec<Observed<Self>>> {
            let index = cx.reads.may_ask_index();
            if index {
                cx.reads.trusted_index("desk");
            }
            let seen = |(id, note): (&String, &Note)| {
                let unread = index && note.tags.contains_key(TAG_DIGEST);
                let mut fields = note.clone();
                if unread {
                    (fields.about, fields.more) = (Vec::new(), BTreeMap::new());
                } else {
                    cx.cloud.read.lock().unwrap().push(id.clone());
                }
                let claim = cx.scope.claim(Self::KIND, &fields.tags, false);
                Observed { claim, live: Live { id: id.clone(), unread }, fields, state: Readiness::Ready }
            };
            let notes = cx.cloud.notes.lock().unwrap();
            Ok(notes.iter().filter(|(id, _)| !cx.reads.settled().contains(*id)).map(seen).collect())
        }

        async fn create(&self, _: &Cx<Desk>) -> Result<Live> {
            unreachable!()
        }

        async fn update(&self, _: &Cx<Desk>, _: &Live, _: &Diff) -> Result<Live> {
            unreachable!()
        }

        async fn delete(_: &Cx<Desk>, _: &Live) -> Result<()> {
            unreachable!()
        }
    }

    const FIRST: &str = "id-first";
    const SECOND: &str = "id-second";

    fn scope() -> Scope {
        Scope { stack: "s".into(), env: "e".into(), region: "r".into(), account: "1".into(), partition: "aws".into() }
    }

    fn note(text: &str, about: Vec<Ref<Note>>, more: i64) -> Note {
        let more = BTreeMap::from([("b".into(), more), ("a".into(), 1)]);
        Note { text: text.into(), place: "desk".into(), about, more, tags: BTreeMap::new() }
    }

    /// What is desired: the second note is about the first.
    fn desired(text: &str, more: i64) -> Graph {
        let mut graph = Graph::default();
        let first = graph.add("first", "notes", &note(text, Vec::new(), 1)).unwrap();
        graph.add("second", "notes", &note("2", vec![first], more)).unwrap();
        graph.own(&Registry::default().with::<Note>(), &scope(), &BTreeMap::new()).unwrap();
        graph
    }

    /// A desk with both notes, as they are desired and proven, then changed by `edit`.
    fn desk(edit: impl FnOnce(&mut BTreeMap<String, Note>)) -> Arc<Desk> {
        let mut notes = BTreeMap::new();
        let mut ids = Ids::default();
        for (name, id) in [("first", FIRST), ("second", SECOND)] {
            let key = crate::Key::new("desk.note", name);
            let wanted = ids.resolve(&desired("1", 2).get(&key).unwrap().desired).unwrap();
            let mut made: Note = serde_json::from_value(wanted).unwrap();
            let proof = digest(id, &made).unwrap();
            made.tags.insert(TAG_DIGEST.into(), proof);
            ids.insert(&key, json!({"id": id}));
            notes.insert(id.to_owned(), made);
        }
        edit(&mut notes);
        Arc::new(Desk { notes: Mutex::new(notes), read: Mutex::default() })
    }

    /// The actions of a plan that may trust the index, and the notes that were read for it.
    fn planned(desk: &Arc<Desk>, graph: &Graph) -> (Vec<(String, Action)>, Vec<String>, Vec<String>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let cx = Cx::new(desk.clone(), Arc::new(scope()));
        let registry = Registry::default().with::<Note>();
        let plan = runtime.block_on(async {
            let snapshot = Snapshot::read_by_index(&registry, &cx).await.unwrap();
            Plan::make_by_index(&registry, &cx, graph, snapshot).await.unwrap()
        });
        let mut actions: Vec<_> = plan.items.iter().map(|item| (item.key.name.clone(), item.action)).collect();
        actions.sort();
        (actions, std::mem::take(&mut *desk.read.lock().unwrap()), plan.hints)
    }

    fn actions(first: Action, second: Action) -> Vec<(String, Action)> {
        vec![("first".into(), first), ("second".into(), second)]
    }

    #[test]
    fn what_is_proven_is_not_read() {
        let (found, read, hints) = planned(&desk(|_| {}), &desired("1", 2));
        assert_eq!((found, read), (actions(Action::Keep, Action::Keep), vec![]));
        assert_eq!(
            hints,
            [
                "Not read, because a digest in their tags shows what this stack wrote last: `about` and `more` of 2 `desk.note`. `--exact` reads them."
            ]
        );
    }

    #[test]
    fn another_wish_is_compared_with_what_is_there() {
        // The second read is the one without the index, of what changes and of what that refers to.
        let (found, read, hints) = planned(&desk(|_| {}), &desired("1", 3));
        assert_eq!((found, read), (actions(Action::Keep, Action::Update), vec![SECOND.into(), FIRST.into(), SECOND.into()]));
        assert_eq!(hints, [""; 0]);
        // What is not part of the digest is always read.
        let (found, read, _) = planned(&desk(|_| {}), &desired("one", 2));
        assert_eq!((found, read), (actions(Action::Update, Action::Keep), vec![FIRST.into()]));
    }

    /// What is proven is as it was: what it refers to can be about to become something else.
    #[test]
    fn what_refers_to_a_replaced_object_changes() {
        let mut graph = Graph::default();
        let moved = Note { place: "wall".into(), ..note("1", Vec::new(), 1) };
        let first = graph.add("first", "notes", &moved).unwrap();
        graph.add("second", "notes", &note("2", vec![first], 2)).unwrap();
        graph.own(&Registry::default().with::<Note>(), &scope(), &BTreeMap::new()).unwrap();
        let (found, ..) = planned(&desk(|_| {}), &graph);
        assert_eq!(found, actions(Action::Replace, Action::Update));
    }

    #[test]
    fn a_copied_digest_proves_nothing() {
        let copied = desk(|notes| {
            let tags = notes[SECOND].tags[TAG_DIGEST].clone();
            notes.get_mut(FIRST).unwrap().tags.insert(TAG_DIGEST.into(), tags);
            notes.get_mut(FIRST).unwrap().more.insert("b".into(), 2);
        });
        let (found, read, _) = planned(&copied, &desired("1", 2));
        assert_eq!(found, actions(Action::Update, Action::Keep));
        assert!(read.contains(&FIRST.to_owned()), "{read:?}");
    }

    #[test]
    fn a_digest_covers_references_but_not_key_order() {
        let of = |about: Vec<Ref<Note>>, more: &[(&str, i64)]| {
            let more = more.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
            digest("x", &Note { about, more, ..note("", Vec::new(), 0) }).unwrap()
        };
        let plain = of(vec![Ref::physical("n-1")], &[("a", 1), ("b", 2)]);
        assert_eq!(plain, of(vec![Ref::physical("n-1")], &[("b", 2), ("a", 1)]));
        assert_ne!(plain, of(vec![Ref::physical("n-2")], &[("a", 1), ("b", 2)]));
        assert_ne!(plain, of(vec![Ref::physical("n-1")], &[("a", 1), ("b", 3)]));
    }
}
