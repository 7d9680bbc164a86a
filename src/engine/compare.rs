//! Compares one object as it is desired with the same object as it is.

use std::sync::Arc;

use serde_json::Value;

use super::action::{Action, Order};
use super::diff::{Diff, diff_with_notes};
use super::graph::{Graph, Node};
use super::item::{Before, Item, NEVER_SERVED, NOTICED, and, is_guarded, is_protected};
use super::key::Key;
use super::kind::Kind;
use super::readiness::{Impairment, Readiness};
use super::resource::Cloud;
use super::rest::is_paused;
use super::rules::{self, What};
use super::scope::{Claim, Scope};
use super::snapshot::Seen;
use super::tags::tag;
use super::tags::{TAG_ENV, TAG_GENERATION, TAG_STACK};
use super::token::Ids;

/// Gives the desired object the tag of `generation`; the first generation has none.
pub(super) fn write_generation(desired: &mut Arc<Value>, generation: u32) {
    let wanted = (generation > 1).then(|| generation.to_string());
    // What is as it should be stays shared.
    if tag(desired, TAG_GENERATION) == wanted.as_deref() {
        return;
    }
    if let Some(Value::Object(tags)) = Arc::make_mut(desired).get_mut("tags") {
        match wanted {
            Some(generation) => drop(tags.insert(TAG_GENERATION.into(), generation.into())),
            None => drop(tags.shift_remove(TAG_GENERATION)),
        }
    }
}

/// Why what only its tags attribute to the stack is left alone beside the one that certainly belongs to it.
pub(super) const IMPOSTOR: &str = "it has the same tags as this stack's own object but is another one, so it is left alone; remove its tags `stack:name`, `stack:env` and `stack:key`";
/// That what only its tags attribute to the stack is adopted.
const ADOPTED: &str = "it is adopted, because the file names it and its tags match: this stack did not create it";

/// Checks whether something would be lost with it.
pub(super) fn holds_data<C>(kind: &dyn Kind<C>, seen: &Seen) -> bool {
    kind.info().holds_data && seen.live.get(NEVER_SERVED) != Some(&Value::Bool(true))
}

pub(super) fn before(seen: &Seen) -> Before {
    Before { live: seen.live.clone(), fields: seen.fields.clone(), state: seen.state.clone() }
}

/// Returns what to call an object that has no name in the stack: what distinguishes it from its siblings, else its identifier.
pub fn stray_name(rules: &[rules::Rule], seen: &Seen, ids: &Ids) -> String {
    let texts = rules::fields(rules, What::Identity).filter_map(|field| match ids.symbolic(seen.fields.get(field)?) {
        Value::String(text) => Some(text.parse::<Key>().map(|key| key.name).unwrap_or(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let mut name = texts.collect::<Vec<_>>().join("-");
    if name.is_empty() {
        name = seen.live.get("id").and_then(Value::as_str).unwrap_or("unnamed").to_owned();
    }
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).take(128).collect()
}

fn blank(node: &Node, action: Action) -> Item {
    Item {
        key: node.key.clone(),
        action,
        order: None,
        changes: Diff::default(),
        reason: None,
        needs_consent: false,
        holds_data: false,
        loses_data: false,
        unmarked: false,
        kept: false,
        within: None,
        last_copy: None,
        carries_data: false,
        effects: Vec::new(),
        generation: 1,
        desired: Some(node.desired.clone()),
        before: None,
        needs: Vec::new(),
        was_using: Vec::new(),
        origin: node.origin.clone(),
    }
}

/// Checks whether the cloud is deleting this one, which has the name that `node` is to get.
pub(super) fn leaves(seen: &Seen, node: &Node) -> bool {
    let named =
        seen.key().as_ref() == Some(&node.key) || seen.kind == node.key.kind && seen.claim == Claim::Taken(node.key.name.clone());
    named && matches!(seen.state, Readiness::Leaving(_))
}

pub(super) fn compare_nothing(node: &Node, leaving: Option<&Seen>) -> Item {
    let mut item = blank(node, Action::Create);
    if let Some(word) = leaving.and_then(|seen| seen.state.word()) {
        item.reason = Some(format!("the previous object is still being deleted (`{word}`); this one is created when it is gone"));
    }
    item
}

/// Returns why an impaired object cannot be changed so; `None` when it can.
fn locked<C: Cloud>(kind: &dyn Kind<C>, impairment: &Impairment, desired: &Value, changes: &Diff) -> Option<String> {
    let fixed_by = impairment.fixed_by.as_ref()?;
    let Impairment { status, advice, .. } = impairment;
    if changes.forcing().next().is_some() {
        // Its data could go over only out of one that serves.
        return kind.carries_data(desired, changes).then(|| {
            format!(
                "it must be replaced, and the new one starts with a copy of its data, but {} reports `{status}`: {advice}; do that first, without this change",
                C::NAME
            )
        });
    }
    let fixes = fixed_by.iter().any(|field| changes.touches(field));
    (!fixes && changes.touches_other_than(&["tags"]))
        .then(|| format!("{} cannot change it while it is `{status}`: {advice}", C::NAME))
}

pub(super) fn refuse_clash<C>(kind: &dyn Kind<C>, node: &Node, seen: &Seen, scope: &Scope) -> Item {
    let owner = match tag(&seen.fields, TAG_STACK) {
        // Often it is the same stack's in another environment.
        Some(other) => {
            let env = tag(&seen.fields, TAG_ENV).map_or_else(String::new, |env| format!(", environment `{env}`"));
            format!("belongs to the stack `{other}`{env}")
        }
        None if !kind.info().tagged => format!("does not belong to stack `{}`, environment `{}`", scope.stack, scope.env),
        None => format!("does not have the tags of stack `{}`, environment `{}`", scope.stack, scope.env),
    };
    let mut item = blank(node, Action::Refuse);
    if !kind.info().tagged {
        item.reason = Some(format!("{} already exists and {owner}; rename this one or delete that one", seen.id()));
        return item;
    }
    item.reason = Some(format!(
        "{} already exists and {owner}; rename this one, or let this stack adopt that one by its tags: stack:name={}, stack:env={}, stack:key={}",
        seen.id(),
        scope.stack,
        scope.env,
        node.key
    ));
    item
}

/// Turns what is desired of an object that is paused, and is not to be any more, into what starts it again.
fn resume<C>(kind: &dyn Kind<C>, desired: &mut Arc<Value>, observed: &Value) {
    if is_paused(observed) && !is_paused(desired) {
        kind.resume(Arc::make_mut(desired));
    }
}

/// Returns what is to happen to an object that exists. `newest` is its highest generation in the cloud: a failed one still has
/// its name.
pub(super) fn compare<C: Cloud>(kind: &dyn Kind<C>, graph: &Graph, node: &Node, seen: &Seen, newest: u32, ids: &Ids) -> Item {
    let node = &graph.as_named(node, seen, kind.info().rules);
    let mut item = blank(node, Action::Keep);
    item.before = Some(before(seen));
    item.generation = seen.generation();
    if let Some(desired) = &mut item.desired {
        // A saved plan's may carry another one.
        write_generation(desired, item.generation);
        super::tags::ignore(graph.ignored_tags(), desired, &seen.fields);
        resume(kind, desired, &seen.fields);
    }
    let desired = item.desired.clone().unwrap_or_default();
    let (changes, notes) = diff_with_notes(kind.info().rules, &desired, &seen.fields, ids);
    item.changes = changes;
    let renamed = seen.key().filter(|key| *key != node.key);
    if !seen.state.tells_all() {
        item.changes = item.changes.known(kind.info().rules);
    }
    if item.changes.forcing().next().is_some() && kind.changes_in_place(&seen.fields, &item.changes) {
        for change in &mut item.changes.changes {
            change.forces_replacement = false;
        }
    }
    let failed = match &seen.state {
        Readiness::Failed(why) => Some(format!("{} reports that it failed: {why}", C::NAME)),
        _ => None,
    };
    let impairment = match &seen.state {
        Readiness::Impaired(impairment) => Some(impairment),
        _ => None,
    };
    let forced = item.changes.forcing().next().is_some() && !kind.info().revisioned;
    // What begins empty may be as small as it likes.
    if failed.is_some() || forced && !kind.carries_data(&desired, &item.changes) {
        item.changes.let_shrink(kind.info().rules);
    }
    if let Some(why) = item.changes.impossible() {
        item.action = Action::Refuse;
        // What grows by too little needs another number and nothing else.
        let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
        let grows = item.changes.changes.iter().filter(|c| c.impossible.is_some()).all(|c| number(&c.after) > number(&c.before));
        let advised =
            kind.info().rules.iter().any(|rule| matches!(rule.what, What::Fixed(_)) && item.changes.touches(rule.field));
        let remedy = if grows || advised {
            ""
        } else {
            "; create a new one under another name, move the data there, then remove this one"
        };
        item.reason = Some(format!("{why}{remedy}"));
    } else if let Some(why) = impairment.and_then(|it| locked(kind, it, &desired, &item.changes)) {
        item.action = Action::Refuse;
        item.reason = Some(why);
    } else if failed.is_some() || forced {
        item.action = Action::Replace;
        item.reason.clone_from(&failed);
        let order = kind.replace_order(&item.changes);
        item.order = Some(order);
        item.holds_data = holds_data(kind, seen);
        item.needs_consent = item.holds_data || is_guarded(&seen.live) || is_protected(&seen.fields) || is_protected(&desired);
        if item.reason.is_none() && is_guarded(&seen.live) {
            item.reason = Some("its deletion protection is on".into());
        }
        if order == Order::CreateFirst {
            item.carries_data = failed.is_none() && kind.carries_data(&desired, &item.changes);
            item.generation = newest.max(item.generation).saturating_add(1);
            if let Some(desired) = &mut item.desired {
                write_generation(desired, item.generation);
            }
        }
        item.effects = kind.effects(&desired, &seen.fields, &item.changes);
    } else if !item.changes.is_empty() {
        item.action = Action::Update;
        item.effects = kind.effects(&desired, &seen.fields, &item.changes);
    } else if let Readiness::Waiting { status, .. } = &seen.state {
        item.reason = Some(format!("{} is still working on it: {}", C::NAME, status.replace('\n', ": ")));
    }
    if let (Action::Update, Some(was)) = (item.action, renamed) {
        item.reason = Some(format!("it was `{was}`"));
    }
    if let (Action::Keep | Action::Update, Some(Impairment { status, advice, fixed_by })) = (item.action, impairment) {
        let fixed = fixed_by.iter().flatten().any(|field| item.changes.touches(field));
        let what = if fixed { "; this change fixes it".to_owned() } else { format!(": {advice}") };
        item.reason = Some(format!("{} reports `{status}`{what}", C::NAME));
    }
    for note in notes {
        item.reason = Some(and(item.reason.take(), &note));
    }
    if let (Action::Keep | Action::Update, Some(noticed)) = (item.action, seen.live.get(NOTICED).and_then(Value::as_str)) {
        item.reason = Some(and(item.reason.take(), noticed));
    }
    if let Claim::Tagged(_) = seen.claim {
        match item.action {
            // What was called otherwise has the name that it had.
            Action::Update if !graph.was_moved(&node.origin) => item.reason = Some(and(item.reason.take(), ADOPTED)),
            Action::Replace => item.doubt(),
            _ => {}
        }
    }
    item
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::super::context::Cx;
    use super::super::error::Result;
    use super::super::kind::Registry;
    use super::super::plan::Plan;
    use super::super::resource::{Observed, Resource};
    use super::super::rules::Rule;
    use super::super::snapshot::Snapshot;
    use super::*;

    /// Its data is copied into the next one, unless that is of another engine.
    #[derive(Clone, Serialize, Deserialize, JsonSchema)]
    struct Disk {
        engine: String,
        place: String,
        size: i64,
        tags: std::collections::BTreeMap<String, String>,
    }

    #[derive(Clone, Serialize, Deserialize, JsonSchema)]
    struct Live {
        id: String,
    }

    impl Cloud for () {
        const NAME: &'static str = "the cloud";
    }

    impl Resource for Disk {
        const KIND: &'static str = "mem.disk";
        const RULES: &'static [Rule] =
            &[Rule::immutable("engine"), Rule::immutable("place"), Rule::grows("size"), Rule::owned("tags")];
        const HOLDS_DATA: bool = true;
        type Cloud = ();
        type Live = Live;

        async fn observe(_: &Cx<()>) -> Result<Vec<Observed<Self>>> {
            Ok(Vec::new())
        }

        async fn create(&self, _: &Cx<()>) -> Result<Live> {
            Ok(Live { id: "it".into() })
        }

        async fn update(&self, _: &Cx<()>, live: &Live, _: &Diff) -> Result<Live> {
            Ok(live.clone())
        }

        async fn delete(_: &Cx<()>, _: &Live) -> Result<()> {
            Ok(())
        }

        async fn is_empty(_: &Cx<()>, _: &Live) -> Result<bool> {
            Ok(true)
        }

        fn carries_data(_: &Value, diff: &Diff) -> bool {
            !diff.touches("engine")
        }
    }

    fn scope() -> Scope {
        Scope { stack: "s".into(), env: "e".into(), region: "r".into(), account: "1".into(), partition: "aws".into() }
    }

    /// What is planned for a disk that is to be of 20.
    fn plan(engine: &str, place: &str, seen: Seen) -> Plan {
        let registry = Registry::default().with::<Disk>();
        let mut graph = Graph::default();
        let disk = Disk { engine: engine.into(), place: place.into(), size: 20, tags: Default::default() };
        graph.add("main", "disks.main", &disk).unwrap();
        graph.own(&registry, &scope(), &Default::default()).unwrap();
        Plan::make(&registry, &scope(), Some(&graph), &Snapshot { seen: vec![seen], ..Snapshot::default() }).unwrap()
    }

    /// One of 50.
    fn seen(claim: Claim, tags: Value, state: Readiness) -> Seen {
        let fields = json!({"engine": "a", "place": "x", "size": 50, "tags": tags});
        Seen { kind: Disk::KIND.into(), claim, live: json!({"id": "it"}).into(), fields: fields.into(), state }
    }

    #[test]
    fn what_begins_empty_may_be_smaller() {
        let planned = |engine: &str, place: &str, state: Readiness| {
            let mut plan = plan(engine, place, seen(Claim::Ours("main".into()), json!({}), state));
            let item = plan.items.remove(0);
            (item.action, item.carries_data)
        };
        let failed = || Readiness::Failed("no room".into());
        assert_eq!(planned("a", "x", Readiness::Ready), (Action::Refuse, false));
        assert_eq!(planned("a", "y", Readiness::Ready), (Action::Refuse, false), "its data does not fit");
        assert_eq!(planned("b", "x", Readiness::Ready), (Action::Replace, false));
        assert_eq!(planned("a", "x", failed()), (Action::Replace, false));
    }

    #[test]
    fn a_clash_names_the_owning_stack_and_environment() {
        let reason = |tags: Value| {
            let taken = seen(Claim::Taken("main".into()), tags, Readiness::Ready);
            plan("a", "x", taken).items[0].reason.clone().unwrap()
        };
        let theirs = reason(json!({"stack:name": "s", "stack:env": "staging"}));
        assert!(theirs.contains("belongs to the stack `s`, environment `staging`; rename"), "{theirs}");
        assert!(reason(json!({"stack:name": "other"})).contains("belongs to the stack `other`; rename"));
    }

    #[tokio::test]
    async fn protected_objects_are_named_although_empty() {
        let registry = Registry::default().with::<Disk>();
        for guarded in [true, false] {
            let mut disk = seen(Claim::Ours("main".into()), json!({}), Readiness::Ready);
            disk.live = json!({"id": "it", "guarded": guarded}).into();
            let snapshot = Snapshot { seen: vec![disk], ..Snapshot::default() };
            let mut plan = Plan::make(&registry, &scope(), None, &snapshot).unwrap();
            assert!(plan.items[0].needs_consent && plan.items[0].holds_data);
            plan.ask_what_is_lost(&registry, &Cx::new(Arc::new(()), Arc::new(scope()))).await.unwrap();
            assert_eq!((plan.items[0].needs_consent, plan.items[0].holds_data), (guarded, false));
        }
    }
}
