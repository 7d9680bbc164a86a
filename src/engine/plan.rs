//! What to do about the difference.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::action::{Action, Order};
use super::compare::{
    IMPOSTOR, before, compare, compare_nothing, holds_data, leaves, refuse_clash, stray_name, write_generation,
};
use super::context::Cx;
use super::diff::{Change, Diff};
use super::error::{Class, Error, Result};
use super::graph::Moved;
use super::graph::{Graph, Node};
use super::item::{ABSENT, Item, LEFT_OVER, beside, kept_reason, last_copy};
use super::item::{is_guarded, is_protected};
use super::key::Key;
use super::kind::Registry;
use super::matching::{Match, Matching};
use super::moved;
use super::readiness::Readiness;
use super::resource::Cloud;
use super::rules::{self, What};
use super::scope::{Claim, Scope};
use super::snapshot::{Snapshot, generation, id};
use super::tags::tag;
use super::tags::{TAG_PROTECT, TAG_SECTION};
use super::token;
use super::token::Ids;

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
        let mut matching = Matching::new(snapshot, graph)?;
        let mut ids = Ids::default();
        for (key, at) in &matching.current {
            ids.insert(key, snapshot.seen[*at].live.clone());
        }
        let mut generations: BTreeMap<Key, u32> = BTreeMap::new();
        for seen in &snapshot.seen {
            if let Some(key) = seen.key() {
                let newest = generations.entry(key).or_insert(1);
                *newest = seen.generation().max(*newest);
            }
        }
        let order = graph.order().map_err(|cycle| cycle_error(&cycle))?;

        let mut items: Vec<Item> = Vec::new();
        let mut by_key: BTreeMap<Key, usize> = BTreeMap::new();
        let mut by_seen: BTreeMap<usize, usize> = BTreeMap::new();
        let mut absent: BTreeMap<usize, &Key> = BTreeMap::new();
        for key in &order {
            let Some(node) = graph.get(key) else { continue };
            let kind = registry.kind(&key.kind)?;
            let found = matching.find(kind.as_ref(), node, &ids);
            if graph.absent.contains(key) {
                if let Match::At(at) = found {
                    absent.insert(at, key);
                }
                continue;
            }
            let mut item = match found {
                Match::Nothing => {
                    let leaving = snapshot.seen.iter().find(|seen| leaves(seen, node));
                    Item { effects: kind.creating(&node.desired), ..compare_nothing(node, leaving) }
                }
                Match::At(at) => {
                    by_seen.insert(at, items.len());
                    ids.insert(key, snapshot.seen[at].live.clone());
                    let seen = &snapshot.seen[at];
                    let known = [Some(&node.key), seen.key().as_ref()].map(|key| generations.get(key?).copied());
                    let newest = known.into_iter().flatten().max().unwrap_or(1);
                    compare(kind.as_ref(), graph, node, seen, newest, &ids)
                }
                Match::Clash(at) => refuse_clash(kind.as_ref(), node, &snapshot.seen[at], scope),
            };
            if item.action == Action::Create
                || item.action == Action::Replace
                || (item.action == Action::Update && kind.info().revisioned)
            {
                ids.forget(key);
            } else if item.action == Action::Update {
                for (_, attr) in rules::renewed(kind.info().rules).filter(|(field, _)| item.changes.touches(field)) {
                    ids.forget_attr(key, attr);
                }
            }
            item.needs =
                token::named(&node.desired).into_iter().filter_map(|(to, need)| Some((*by_key.get(&to)?, need))).collect();
            by_key.insert(key.clone(), items.len());
            items.push(item);
        }

        for (key, at) in &matching.current {
            if ids.live(key).is_none() && !by_key.contains_key(key) {
                ids.insert(key, snapshot.seen[*at].live.clone());
            }
        }
        for (at, seen) in snapshot.seen.iter().enumerate() {
            // What is gone may have left revisions, and a destroy leaves nothing.
            let remains = desired.is_none() && registry.kind(&seen.kind)?.info().revisioned;
            let is_absent = absent.contains_key(&at);
            if matching.taken.contains(&at) && !is_absent || seen.state == Readiness::Gone && !remains {
                continue;
            }
            let key = match (&seen.claim, absent.get(&at).copied().cloned().or_else(|| seen.key())) {
                (_, Some(key)) => key,
                (Claim::Stray, None) => {
                    Key::new(seen.kind.clone(), stray_name(registry.kind(&seen.kind)?.info().rules, seen, &ids))
                }
                _ => continue,
            };
            let kind = registry.kind(&seen.kind)?;
            let leaving = matches!(seen.state, Readiness::Leaving(_));
            let guarded = is_guarded(&seen.live).then(|| "its deletion protection is on".to_owned());
            let leftover = seen.key().is_some() && by_key.contains_key(&key);
            let tagged = matches!(seen.claim, Claim::Tagged(_));
            // Consent names a key: it must not be mistaken for consent about the stack's own object.
            let impostor = tagged && (leftover || matching.current.get(&key) != Some(&at));
            let kept = desired.is_some() && !leaving && !leftover && !impostor && beside(&seen.fields).is_some();
            by_seen.insert(at, items.len());
            items.push(Item {
                action: if impostor || kept { Action::Keep } else { Action::Delete },
                order: None,
                changes: Diff::default(),
                reason: if impostor {
                    Some(format!("{}: {IMPOSTOR}", seen.id()))
                } else if kept {
                    beside(&seen.fields).map(|of| kept_reason(&seen.kind, of, &key))
                } else if let Readiness::Leaving(word) = &seen.state {
                    Some(format!("it is already being deleted (`{word}`); this waits until it is gone"))
                } else if leftover {
                    Some(LEFT_OVER.to_owned())
                } else if is_absent {
                    Some(guarded.unwrap_or_else(|| ABSENT.to_owned()))
                } else if matches!(seen.claim, Claim::Stray) && desired.is_some() {
                    Some("not in the file, but inside an object of this stack".into())
                } else {
                    guarded
                },
                needs_consent: !leaving
                    && !impostor
                    && !kept
                    && (holds_data(kind.as_ref(), seen) || is_protected(&seen.fields) || is_guarded(&seen.live)),
                holds_data: !leaving && holds_data(kind.as_ref(), seen),
                loses_data: false,
                unmarked: false,
                kept,
                within: None,
                last_copy: None,
                carries_data: false,
                effects: Vec::new(),
                generation: seen.generation(),
                desired: None,
                before: Some(before(seen)),
                needs: Vec::new(),
                was_using: Vec::new(),
                origin: tag(&seen.fields, TAG_SECTION).unwrap_or_default().to_owned(),
                key,
            });
            if let (true, false, Some(item)) = (tagged, impostor, items.last_mut()) {
                item.doubt();
            }
        }

        link_live(registry, &mut items, snapshot, &by_seen)?;
        refuse_what_stays_in_use(registry, &mut items)?;
        let like = if desired.is_some() { moved::suggestions(&items) } else { Vec::new() };
        let hints = like.into_iter().map(|Moved { from, to }| {
            format!("`{from}` is deleted and `{to}`, which is like it, is created. If it is the same under a new name, add this to the file, and nothing of it is replaced: `moved: {{ {from}: {to} }}`")
        });
        let hints = hints.collect();
        let mut plan = Plan {
            version: VERSION,
            scope: scope.clone(),
            destroy: desired.is_none(),
            hints,
            kept_in: None,
            moved: graph.moved.clone(),
            ignored_tags: graph.ignored_tags().to_vec(),
            items,
            awake: graph.awake.values().cloned().collect(),
        };
        plan.settle_orders(registry)?;
        for item in &mut plan.items {
            if matches!(item.action, Action::Delete | Action::Replace) && !item.is_leaving() {
                item.last_copy = item.before.as_ref().and_then(last_copy);
            }
        }
        Ok(plan)
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

fn cycle_error(cycle: &[Key]) -> Error {
    let mut names: Vec<String> = cycle.iter().map(Key::to_string).collect();
    names.extend(names.first().cloned());
    Error::new(Class::Invalid, format!("these objects refer to each other in a cycle: {}", names.join(" → ")))
}

/// Finds which live object refers to which, by the physical references in what was read.
fn link_live<C: Cloud>(
    registry: &Registry<C>,
    items: &mut [Item],
    snapshot: &Snapshot,
    by_seen: &BTreeMap<usize, usize>,
) -> Result<()> {
    let mut index: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (at, item) in by_seen {
        let seen = &snapshot.seen[*at];
        for value in seen.live.as_object().into_iter().flat_map(|m| m.values()).filter_map(Value::as_str) {
            let known = index.entry((seen.kind.as_str(), value)).or_insert(*item);
            // What certainly belongs to the stack comes first.
            if !items[*item].is_impostor() {
                *known = *item;
            }
        }
    }
    for (at, item) in by_seen {
        let seen = &snapshot.seen[*at];
        let rules = registry.kind(&seen.kind)?.info().rules;
        let mut using = BTreeSet::new();
        for (field, value) in seen.fields.as_object().into_iter().flatten() {
            if rules::fields(rules, What::Loose).any(|loose| loose == field) {
                continue;
            }
            token::visit(value, &mut |token| {
                if let token::Token::Physical { kind, value, .. } = token
                    && let Some(to) = index.get(&(kind, value))
                    && to != item
                {
                    using.insert(*to);
                }
            });
        }
        items[*item].was_using = using.into_iter().collect();
    }
    Ok(())
}

/// Refuses to delete what holds data while something that stays uses it: its data could not be read any more. Whatever the file does not
/// have and is kept all the same must not lose anything that it uses: the cloud would refuse that in the middle of a run.
fn refuse_what_stays_in_use<C: Cloud>(registry: &Registry<C>, items: &mut [Item]) -> Result<()> {
    let mut refused: Vec<(usize, String)> = Vec::new();
    let stays = |item: &&Item| matches!(item.action, Action::Keep | Action::Update) && !item.is_impostor();
    for item in items.iter().filter(stays) {
        let Some(before) = &item.before else { continue };
        let rules = registry.kind(&item.key.kind)?.info().rules;
        for &used in &item.was_using {
            let going = &items[used];
            let counts = item.kept || registry.kind(&going.key.kind)?.info().holds_data;
            if going.action != Action::Delete || going.is_leaving() || !counts {
                continue;
            }
            let lives: Vec<&str> =
                going.before.iter().flat_map(|b| b.live.as_object()).flat_map(|m| m.values()).filter_map(Value::as_str).collect();
            let stays = before.fields.as_object().into_iter().flatten().any(|(field, value)| {
                let mut uses = false;
                token::visit(value, &mut |token| {
                    uses |= matches!(token, token::Token::Physical { kind, value, .. } if kind == going.key.kind && lives.contains(&value));
                });
                // What only orders the two is no use.
                let is_use = [What::Loose, What::OrderOnly].iter().all(|what| rules::fields(rules, *what).all(|other| other != field));
                uses && is_use && !item.changes.touches(field)
            });
            if stays {
                refused.push((used, format!("`{}` is kept and uses it", item.key)));
            }
        }
    }
    for (at, why) in refused {
        items[at].action = Action::Refuse;
        items[at].reason = Some(match items[at].reason.take() {
            Some(reason) => format!("{reason}; {why}"),
            None => format!("{why}; delete or change that first"),
        });
    }
    Ok(())
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
