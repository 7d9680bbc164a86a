//! What is to happen to each object: the items of a plan, before what depends on their order is settled.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::action::Action;
use super::compare::{IMPOSTOR, before, compare, compare_nothing, holds_data, leaves, refuse_clash, stray_name};
use super::diff::Diff;
use super::error::Result;
use super::graph::{Graph, Node};
use super::item::{ABSENT, Item, LEFT_OVER, beside, is_guarded, is_protected, kept_reason};
use super::key::Key;
use super::kind::{Kind, Registry};
use super::matching::{Match, Matching};
use super::readiness::Readiness;
use super::resource::Cloud;
use super::rules::{self, What};
use super::scope::{Claim, Scope};
use super::snapshot::Snapshot;
use super::tags::{TAG_SECTION, tag};
use super::token::{self, Ids};

/// The items of a plan that is made.
pub(super) struct Draft<'a, C: Cloud> {
    registry: &'a Registry<C>,
    scope: &'a Scope,
    graph: &'a Graph,
    /// Nothing is desired.
    is_destroy: bool,
    snapshot: &'a Snapshot,
    matching: Matching<'a>,
    /// What references resolve to, as far as that stays as it is.
    ids: Ids,
    /// The highest generation of each key in the cloud, where that is not the first.
    newest: BTreeMap<Key, u32>,
    items: Vec<Item>,
    /// Which item is about which desired object.
    by_key: BTreeMap<&'a Key, usize>,
    /// Which item is about which live object, by its place in the snapshot.
    by_seen: BTreeMap<usize, usize>,
    /// The live objects that do not exist while the environment is paused.
    absent: BTreeMap<usize, Key>,
}

impl<'a, C: Cloud> Draft<'a, C> {
    /// Begins without items.
    ///
    /// # Errors
    /// When two objects have one key.
    pub(super) fn new(
        registry: &'a Registry<C>,
        scope: &'a Scope,
        graph: &'a Graph,
        is_destroy: bool,
        snapshot: &'a Snapshot,
    ) -> Result<Self> {
        let matching = Matching::new(snapshot, graph)?;
        let mut ids = Ids::default();
        for (key, at) in &matching.current {
            ids.insert(key, snapshot.seen[*at].live.clone());
        }
        let mut newest: BTreeMap<Key, u32> = BTreeMap::new();
        for seen in snapshot.seen.iter().filter(|seen| seen.generation() > 1) {
            if let Some(key) = seen.key() {
                let newest = newest.entry(key).or_insert(1);
                *newest = seen.generation().max(*newest);
            }
        }
        let items = Vec::with_capacity(graph.len());
        let (by_key, by_seen, absent) = Default::default();
        Ok(Draft { registry, scope, graph, is_destroy, snapshot, matching, ids, newest, items, by_key, by_seen, absent })
    }

    /// Adds an item for each desired object, in an order in which each comes after what it refers to.
    ///
    /// # Errors
    /// When a kind is unknown.
    pub(super) fn compare_desired(&mut self, order: &[&'a Key]) -> Result<()> {
        for &key in order {
            let Some(node) = self.graph.get(key) else { continue };
            let kind = self.registry.kind(&key.kind)?;
            let found = self.matching.find(kind.as_ref(), node, &self.ids);
            if self.graph.absent.contains(key) {
                if let Match::At(at) = found {
                    self.absent.insert(at, key.clone());
                }
                continue;
            }
            let mut item = self.compare(kind.as_ref(), node, found);
            self.forget_what_changes(kind.as_ref(), key, &item);
            item.needs =
                token::named(&node.desired).into_iter().filter_map(|(to, need)| Some((*self.by_key.get(&to)?, need))).collect();
            self.by_key.insert(key, self.items.len());
            self.items.push(item);
        }
        Ok(())
    }

    /// Compares a desired object with the live one that was found for it.
    fn compare(&mut self, kind: &dyn Kind<C>, node: &Node, found: Match) -> Item {
        match found {
            Match::Nothing => {
                let leaving = self.snapshot.seen.iter().find(|seen| leaves(seen, node));
                Item { effects: kind.creating(&node.desired), ..compare_nothing(node, leaving) }
            }
            Match::At(at) => {
                let seen = &self.snapshot.seen[at];
                self.by_seen.insert(at, self.items.len());
                self.ids.insert(&node.key, seen.live.clone());
                let known = [Some(&node.key), seen.key().as_ref()].map(|key| self.newest.get(key?).copied());
                let newest = known.into_iter().flatten().max().unwrap_or(1);
                compare(kind, self.graph, node, seen, newest, &self.ids)
            }
            Match::Clash(at) => refuse_clash(kind, node, &self.snapshot.seen[at], self.scope),
        }
    }

    /// Forgets what references to an object resolve to when that will be something else.
    fn forget_what_changes(&mut self, kind: &dyn Kind<C>, key: &Key, item: &Item) {
        if item.action == Action::Create
            || item.action == Action::Replace
            || (item.action == Action::Update && kind.info().revisioned)
        {
            self.ids.forget(key);
        } else if item.action == Action::Update {
            for (_, attr) in rules::renewed(kind.info().rules).filter(|(field, _)| item.changes.touches(field)) {
                self.ids.forget_attr(key, attr);
            }
        }
    }

    /// Adds an item for each live object that is not desired.
    ///
    /// # Errors
    /// When a kind is unknown.
    pub(super) fn delete_rest(&mut self) -> Result<()> {
        for (key, at) in &self.matching.current {
            if self.ids.live(key).is_none() && !self.by_key.contains_key(key) {
                self.ids.insert(key, self.snapshot.seen[*at].live.clone());
            }
        }
        for (at, seen) in self.snapshot.seen.iter().enumerate() {
            // What is gone may have left revisions, and a destroy leaves nothing.
            let remains = self.is_destroy && self.registry.kind(&seen.kind)?.info().revisioned;
            let is_desired = self.matching.taken.contains(&at) && !self.absent.contains_key(&at);
            if is_desired || seen.state == Readiness::Gone && !remains {
                continue;
            }
            let key = match (&seen.claim, self.absent.get(&at).cloned().or_else(|| seen.key())) {
                (_, Some(key)) => key,
                (Claim::Stray, None) => {
                    Key::new(seen.kind.clone(), stray_name(self.registry.kind(&seen.kind)?.info().rules, seen, &self.ids))
                }
                _ => continue,
            };
            let item = self.delete(at, key)?;
            self.by_seen.insert(at, self.items.len());
            self.items.push(item);
        }
        Ok(())
    }

    /// Returns the item for a live object that is not desired: it is deleted, unless it is kept beside the stack, or is not certainly the
    /// stack's.
    fn delete(&self, at: usize, key: Key) -> Result<Item> {
        let seen = &self.snapshot.seen[at];
        let kind = self.registry.kind(&seen.kind)?;
        let leaving = matches!(seen.state, Readiness::Leaving(_));
        let guarded = is_guarded(&seen.live).then(|| "its deletion protection is on".to_owned());
        let leftover = seen.key().is_some() && self.by_key.contains_key(&key);
        let tagged = matches!(seen.claim, Claim::Tagged(_));
        // Consent names a key: it must not be mistaken for consent about the stack's own object.
        let impostor = tagged && (leftover || self.matching.current.get(&key) != Some(&at));
        let kept = !self.is_destroy && !leaving && !leftover && !impostor && beside(&seen.fields).is_some();
        let holds_data = holds_data(kind.as_ref(), seen);
        let reason = if impostor {
            Some(format!("{}: {IMPOSTOR}", seen.id()))
        } else if kept {
            beside(&seen.fields).map(|of| kept_reason(&seen.kind, of, &key))
        } else if let Readiness::Leaving(word) = &seen.state {
            Some(format!("it is already being deleted (`{word}`); this waits until it is gone"))
        } else if leftover {
            Some(LEFT_OVER.to_owned())
        } else if self.absent.contains_key(&at) {
            Some(guarded.unwrap_or_else(|| ABSENT.to_owned()))
        } else if matches!(seen.claim, Claim::Stray) && !self.is_destroy {
            Some("not in the file, but inside an object of this stack".into())
        } else {
            guarded
        };
        let mut item = Item {
            action: if impostor || kept { Action::Keep } else { Action::Delete },
            order: None,
            changes: Diff::default(),
            reason,
            needs_consent: !leaving && !impostor && !kept && (holds_data || is_protected(&seen.fields) || is_guarded(&seen.live)),
            holds_data: !leaving && holds_data,
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
        };
        if tagged && !impostor {
            item.doubt();
        }
        Ok(item)
    }

    /// Returns the items, linked as their live objects refer to each other.
    ///
    /// # Errors
    /// When a kind is unknown.
    pub(super) fn linked(mut self) -> Result<Vec<Item>> {
        link_live(self.registry, &mut self.items, self.snapshot, &self.by_seen)?;
        refuse_what_stays_in_use(self.registry, &mut self.items)?;
        Ok(self.items)
    }
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
