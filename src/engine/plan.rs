//! What to do about the difference.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::{Action, Order};
use super::compare::write_generation;
use super::context::Cx;
use super::diff::Change;
use super::draft::Draft;
use super::error::{Class, Error, Result};
use super::graph::{Graph, Moved, Node};
use super::item::{Item, is_guarded, is_protected, last_copy};
use super::key::Key;
use super::kind::Registry;
use super::moved;
use super::resource::Cloud;
use super::scope::Scope;
use super::snapshot::{Snapshot, generation, id};
use super::tags::TAG_PROTECT;
use super::token;

/// The version of a plan's JSON form. It grows with every change that a reader could notice.
pub const VERSION: u32 = 4;

/// Everything that is to happen, in no particular order: the edges are the order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`VERSION`].
    pub version: u32,
    /// Whose objects it is about.
    pub scope: Scope,
    /// The whole stack is to go.
    pub destroy: bool,
    /// What may have been meant otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// Where the leases and the history of its runs are kept, when that was chosen: who applies it must take the same lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_in: Option<String>,
    /// Places in the file that were called otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// The patterns of tags that are written at creation and never after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_tags: Vec<String>,
    /// One for each object that is desired or there.
    pub items: Vec<Item>,
    /// What is desired of what it leaves at rest, while that runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awake: Vec<Node>,
}

/// How many objects get which action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// As they should be.
    pub keep: usize,
    /// To be created.
    pub create: usize,
    /// To be changed in place.
    pub update: usize,
    /// To be replaced.
    pub replace: usize,
    /// To be deleted.
    pub delete: usize,
    /// That cannot be done.
    pub refuse: usize,
}

impl Plan {
    /// Compares what is desired with what exists. `None` desires nothing: the plan of a destroy.
    ///
    /// # Errors
    /// When two objects have one key, when the graph has a cycle, or when a kind is unknown.
    pub fn make<C: Cloud>(registry: &Registry<C>, scope: &Scope, desired: Option<&Graph>, snapshot: &Snapshot) -> Result<Plan> {
        let empty = Graph::default();
        let graph = desired.unwrap_or(&empty);
        let mut draft = Draft::new(registry, scope, graph, desired.is_none(), snapshot)?;
        draft.compare_desired(&graph.order().map_err(|cycle| cycle_error(&cycle))?)?;
        draft.delete_rest()?;
        let items = draft.linked()?;
        let mut plan = Plan {
            version: VERSION,
            scope: scope.clone(),
            destroy: desired.is_none(),
            hints: if desired.is_some() { renames(&items) } else { Vec::new() },
            kept_in: None,
            moved: graph.moved.clone(),
            ignored_tags: graph.ignored_tags().to_vec(),
            items,
            awake: graph.awake.values().cloned().collect(),
        };
        plan.settle_orders(registry)?;
        plan.note_last_copies();
        Ok(plan)
    }

    /// Notes what copy is left of the data of what is deleted.
    fn note_last_copies(&mut self) {
        for item in &mut self.items {
            if matches!(item.action, Action::Delete | Action::Replace) && !item.is_leaving() {
                item.last_copy = item.before.as_ref().and_then(last_copy);
            }
        }
    }

    /// Makes the same from a snapshot that may have trusted the cloud's index. "Nothing to do" may rest on the index, but nothing
    /// is done because of it: services with something to do are read again without it. What a digest does not prove is read, too.
    ///
    /// # Errors
    /// As [`Plan::make`], and what could not be read again.
    pub async fn make_by_index<C: Cloud>(
        registry: &Registry<C>,
        cx: &Cx<C>,
        desired: &Graph,
        mut snapshot: Snapshot,
    ) -> Result<Plan, Vec<Error>> {
        loop {
            let unproven = snapshot.prove(registry, desired);
            if !unproven.is_empty() {
                let proven = snapshot.proven.clone();
                snapshot.read_again(registry, cx, |kind| unproven.contains(kind), &proven).await?;
            }
            let mut made = Plan::make(registry, &cx.scope, Some(desired), &snapshot);
            let mut doubtful = snapshot.by_index.clone();
            let mut settled = BTreeSet::new();
            if let Ok(plan) = &mut made {
                doubtful.retain(|service| plan.changes().any(|item| item.key.service() == *service));
                settled = plan.untouched(&snapshot.proven);
                plan.hints.extend(unseen(registry, &snapshot));
            }
            if doubtful.is_empty() {
                return made.map_err(|e| vec![e]);
            }
            let of = |kind: &str| doubtful.contains(Key::new(kind, "").service());
            snapshot.read_again(registry, cx, of, &settled).await?;
            snapshot.by_index.retain(|service| !doubtful.contains(service));
        }
    }

    /// Returns which of these objects, by their identifiers, neither change nor are referred to by what changes.
    fn untouched(&self, ids: &BTreeSet<String>) -> BTreeSet<String> {
        let named: BTreeSet<Key> =
            self.changes().filter_map(|item| item.desired.as_deref()).flat_map(token::named).map(|(key, _)| key).collect();
        let kept = self.items.iter().filter(|item| item.action == Action::Keep && !named.contains(&item.key));
        kept.filter_map(|item| Some(id(&item.before.as_ref()?.live).to_owned())).filter(|id| ids.contains(id)).collect()
    }

    /// Asks about everything that is deleted what else is lost with it, and whether it is empty.
    ///
    /// # Errors
    /// When the cloud cannot be asked.
    pub async fn ask_what_is_lost<C: Cloud>(&mut self, registry: &Registry<C>, cx: &Cx<C>) -> Result<()> {
        for item in self.items.iter_mut().filter(|item| matches!(item.action, Action::Delete | Action::Replace)) {
            let Some(before) = &item.before else { continue };
            let cx = cx.fresh().at(&item.key, item.generation);
            let kind = registry.kind(&item.key.kind)?;
            // It may have gone in the meantime; the apply will see that too.
            let words = present(kind.goes_with(&cx, &before.live).await).map_err(|e| e.about(&item.key))?.flatten();
            let empty = match present(kind.is_empty(&cx, &before.live).await) {
                // Whoever may not look into it does not know, and has to be asked.
                Err(e) if e.class == Class::Denied => false,
                looked => item.holds_data && looked.map_err(|e| e.about(&item.key))?.unwrap_or(true),
            };
            if item.holds_data && empty {
                item.holds_data = false;
                let protected = is_protected(&before.fields) || item.desired.as_deref().is_some_and(is_protected);
                item.needs_consent = protected || is_guarded(&before.live);
            }
            if let Some(words) = words {
                item.reason = Some(item.reason.take().map_or(words.clone(), |reason| format!("{reason}; {words}")));
            }
        }
        Ok(())
    }

    /// Returns how many objects get which action.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for item in &self.items {
            *match item.action {
                Action::Keep => &mut counts.keep,
                Action::Create => &mut counts.create,
                Action::Update => &mut counts.update,
                Action::Replace => &mut counts.replace,
                Action::Delete => &mut counts.delete,
                Action::Refuse => &mut counts.refuse,
            } += 1;
        }
        counts
    }

    /// Returns the items with which something happens.
    pub fn changes(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.action != Action::Keep)
    }

    /// Checks whether nothing is to happen.
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none()
    }

    /// Returns the desired objects, as they were when the plan was made.
    ///
    /// # Errors
    /// When the plan names an object twice.
    pub fn graph(&self) -> Result<Option<Graph>> {
        if self.destroy {
            return Ok(None);
        }
        let mut graph = Graph::default();
        graph.moved.clone_from(&self.moved);
        graph.ignore_tags(&self.ignored_tags);
        graph.awake = self.awake.iter().map(|node| (node.key.clone(), node.clone())).collect();
        for item in &self.items {
            if let Some(desired) = &item.desired {
                graph.insert(Node { key: item.key.clone(), desired: desired.clone(), origin: item.origin.clone() })?;
            }
        }
        Ok(Some(graph))
    }

    /// Makes the halves of dependent replacements agree, and refuses what no order can do.
    fn settle_orders<C: Cloud>(&mut self, registry: &Registry<C>) -> Result<()> {
        // Where an object must go before its successor comes, its users must go before it does.
        loop {
            let first: BTreeSet<usize> =
                (0..self.items.len()).filter(|&i| self.items[i].order == Some(Order::DeleteFirst)).collect();
            let follow: Vec<usize> = (0..self.items.len())
                .filter(|&i| self.items[i].order == Some(Order::CreateFirst))
                .filter(|&i| self.items[i].was_using.iter().any(|u| first.contains(u)))
                .collect();
            if follow.is_empty() {
                break;
            }
            for i in follow {
                let item = &mut self.items[i];
                item.order = Some(Order::DeleteFirst);
                item.carries_data = false;
                item.generation = item.before.as_ref().map_or(1, |before| generation(&before.fields));
                if let Some(desired) = &mut item.desired {
                    write_generation(desired, item.generation);
                }
            }
        }
        let edges = super::schedule::Schedule::new(&self.items, registry)?.edges();
        if let Err(cycle) = super::graph::order(edges) {
            let mut involved: Vec<usize> = cycle.iter().map(|(item, _)| *item).collect();
            involved.sort_unstable();
            involved.dedup();
            let names = involved.iter().map(|&i| format!("`{}`", self.items[i].key)).collect::<Vec<_>>().join(", ");
            for i in involved {
                let item = &mut self.items[i];
                if item.order == Some(Order::DeleteFirst) {
                    item.action = Action::Refuse;
                    item.order = None;
                    item.reason = Some(format!(
                        "it must be deleted before its replacement can be created, but what uses it can only be moved to the replacement ({names}); create the new one under another name first, then remove this one"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Returns the answer about an object; `None` when it does not exist (any more).
fn present<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Err(e) if e.class == Class::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Returns how to say in the file that what seems to leave it only has another name.
fn renames(items: &[Item]) -> Vec<String> {
    let hint = |Moved { from, to }| {
        format!(
            "`{from}` is deleted and `{to}`, which is like it, is created. If it is the same under a new name, add this to the file, and nothing of it is replaced: `moved: {{ {from}: {to} }}`"
        )
    };
    moved::suggestions(items).into_iter().map(hint).collect()
}

fn cycle_error(cycle: &[Key]) -> Error {
    let mut names: Vec<String> = cycle.iter().map(Key::to_string).collect();
    names.extend(names.first().cloned());
    Error::new(Class::Invalid, format!("these objects refer to each other in a cycle: {}", names.join(" → ")))
}

/// Checks whether a change is of a tag that the engine writes itself and that a person need not see.
pub fn is_ownership(change: &Change) -> bool {
    change.path.starts_with("tags.stack:") && change.path.strip_prefix("tags.") != Some(TAG_PROTECT)
}

/// Returns what to know about a plan for which fields were proven that others can change: a change of theirs is not seen.
fn unseen<C: Cloud>(registry: &Registry<C>, snapshot: &Snapshot) -> Option<String> {
    let changeable = |kind: &str| registry.find(kind).map(|kind| kind.info()).filter(|info| !info.revisioned);
    let mut found: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for seen in snapshot.seen.iter().filter(|seen| snapshot.proven.contains(seen.id())) {
        let Some(info) = changeable(&seen.kind) else { continue };
        let fields = info.proven.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(" and ");
        found.entry(info.name).or_insert((0, fields)).0 += 1;
    }
    let of = |(kind, (count, fields)): (&str, (usize, String))| format!("{fields} of {count} `{kind}`");
    let all = found.into_iter().map(of).collect::<Vec<_>>().join(", ");
    (!all.is_empty()).then(|| {
        format!("Not read, because a digest in their tags shows what this stack wrote last: {all}. `--exact` reads them.")
    })
}
