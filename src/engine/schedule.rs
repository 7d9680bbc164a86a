//! The order of a plan: operations and what each waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::action::{Action, Order, Verb};
use super::error::Result;
use super::item::Item;
use super::key::Key;
use super::kind::Registry;
use super::readiness::Readiness;
use super::resource::{Cloud, Serving};
use super::rules::{self, What};
use super::token;
use super::token::{Ids, Need};

/// One operation: an item of the plan and what happens to it. A replacement is two.
pub type OpId = (usize, Verb);

/// One operation and what it waits for.
#[derive(Clone, Debug)]
pub struct Op {
    /// Which item, and what.
    pub id: OpId,
    /// Operations that must have come that far.
    pub after: BTreeMap<OpId, Need>,
    /// [`Verb::Prepare`] has come before: what is left is what differs then.
    pub prepared: bool,
    /// How long AWS usually takes.
    pub usual: Duration,
    /// The usual time from its start to the end of everything that waits for it: the longest first.
    pub rest: Duration,
}

/// Every operation of a plan.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// By item and verb.
    pub ops: BTreeMap<OpId, Op>,
}

impl Schedule {
    /// Returns the operations of a plan's items.
    ///
    /// What an object needs comes before it, and deletions come last: after everything that is created and changed serves, and
    /// after the users of what is deleted. What must be deleted before something can be created (a name, a place that only one
    /// can have) is deleted as late as that permits.
    ///
    /// # Errors
    /// When an item is of an unknown kind.
    pub fn new<C: Cloud>(items: &[Item], registry: &Registry<C>) -> Result<Schedule> {
        let mut draft = Draft::new(items, registry)?;
        if draft.ops.is_empty() {
            return Ok(Schedule { ops: draft.ops });
        }
        let leads = leading(items, registry, &draft)?;
        for lead in leads.values().filter(|lead| lead.staged) {
            draft.stage(lead.item, registry)?;
        }
        draft.link_what_is_needed(&leads, registry)?;
        draft.link_what_is_led_to(&leads, registry)?;
        draft.link_what_others_work_with();
        draft.link_what_makes_others_work(registry)?;
        draft.link_what_is_named_in_text();
        draft.link_the_end();
        let mut schedule = Schedule { ops: draft.ops };
        schedule.measure();
        Ok(schedule)
    }

    /// Returns the operations as a graph.
    pub fn edges(&self) -> BTreeMap<OpId, BTreeSet<OpId>> {
        self.ops.iter().map(|(id, op)| (*id, op.after.keys().copied().collect())).collect()
    }

    /// Measures how much work depends on each operation.
    fn measure(&mut self) {
        let Ok(order) = super::graph::order(self.edges()) else { return };
        for id in order.into_iter().rev() {
            let Some(op) = self.ops.get(&id) else { continue };
            let (mine, after) = (op.rest.max(op.usual), op.after.clone());
            if let Some(op) = self.ops.get_mut(&id) {
                op.rest = mine;
            }
            for (other, need) in after {
                if let Some(other) = self.ops.get_mut(&other) {
                    let own = if need == Need::Ready { other.usual } else { Duration::ZERO };
                    other.rest = other.rest.max(own + mine);
                }
            }
        }
    }
}

/// A schedule that is being made.
struct Draft<'a> {
    items: &'a [Item],
    ops: BTreeMap<OpId, Op>,
    /// By item: what makes or changes it, to the end.
    make: BTreeMap<usize, OpId>,
    delete: BTreeMap<usize, OpId>,
    /// Which item has, as it is, this attribute of this kind.
    live: BTreeMap<(&'a str, &'a str), usize>,
    /// The items whose change decides whether their users work.
    serving: BTreeMap<usize, Serving>,
}

/// What leads requests to others.
struct Lead {
    item: usize,
    /// What must serve before it leads there.
    providers: BTreeSet<usize>,
    /// They can only come up when it is there: so it is prepared for them, and leads there when they serve.
    staged: bool,
}

impl<'a> Draft<'a> {
    fn new<C: Cloud>(items: &'a [Item], registry: &Registry<C>) -> Result<Self> {
        let mut draft = Draft {
            items,
            ops: BTreeMap::new(),
            make: BTreeMap::new(),
            delete: BTreeMap::new(),
            live: BTreeMap::new(),
            serving: BTreeMap::new(),
        };
        for (i, item) in items.iter().enumerate() {
            let usual = registry.kind(&item.key.kind)?.info().usual;
            for value in item.before.iter().flat_map(|b| b.live.as_object()).flat_map(|m| m.values()).filter_map(Value::as_str) {
                draft.live.insert((item.key.kind.as_str(), value), i);
            }
            if let Some(serving) = serving(item, registry)? {
                draft.serving.insert(i, serving);
            }
            let waits = item.before.as_ref().is_some_and(|b| matches!(b.state, Readiness::Waiting { .. }));
            let verbs: &[Verb] = match item.action {
                Action::Create => &[Verb::Create],
                Action::Update => &[Verb::Update],
                Action::Keep if waits => &[Verb::Wait],
                Action::Replace => &[Verb::Create, Verb::Delete],
                Action::Delete => &[Verb::Delete],
                Action::Keep | Action::Refuse => &[],
            };
            for &verb in verbs {
                let id = (i, verb);
                let usual = if verb == Verb::Delete { usual.delete } else { usual.create };
                draft.ops.insert(id, Op { id, after: BTreeMap::new(), prepared: false, usual, rest: Duration::ZERO });
                if verb == Verb::Delete { &mut draft.delete } else { &mut draft.make }.insert(i, id);
            }
        }
        Ok(draft)
    }

    /// Puts a preparation before an item's operation.
    fn stage<C: Cloud>(&mut self, item: usize, registry: &Registry<C>) -> Result<()> {
        let id = (item, Verb::Prepare);
        let usual = registry.kind(&self.items[item].key.kind)?.info().usual.create;
        self.ops.insert(id, Op { id, after: BTreeMap::new(), prepared: false, usual, rest: Duration::ZERO });
        if let Some(make) = self.make.get(&item).copied()
            && let Some(op) = self.ops.get_mut(&make)
        {
            op.prepared = true;
            op.after.insert(id, Need::Ready);
        }
        Ok(())
    }

    /// Returns the first thing that happens to an item which is created or changed.
    fn first(&self, item: usize) -> Option<OpId> {
        let prepare = (item, Verb::Prepare);
        if self.ops.contains_key(&prepare) { Some(prepare) } else { self.make.get(&item).copied() }
    }

    /// Returns the end of an item as it was: its deletion, or the change of it.
    fn end(&self, item: usize) -> Option<OpId> {
        self.delete.get(&item).or_else(|| self.make.get(&item)).copied()
    }

    fn must(&mut self, op: OpId, other: OpId, need: Need) {
        if let Some(op) = self.ops.get_mut(&op) {
            let entry = op.after.entry(other).or_insert(need);
            *entry = (*entry).max(need);
        }
    }

    /// Adds the same edge where it closes no circle.
    fn may(&mut self, op: OpId, other: OpId) {
        if op != other && self.ops.contains_key(&other) && !self.reaches(other, op) {
            self.must(op, other, Need::Ready);
        }
    }

    /// Whether `op` waits, through whatever lies between, for `other`.
    fn reaches(&self, op: OpId, other: OpId) -> bool {
        let (mut seen, mut queue) = (BTreeSet::from([op]), vec![op]);
        while let Some(at) = queue.pop() {
            if at == other {
                return true;
            }
            queue.extend(self.ops.get(&at).into_iter().flat_map(|op| op.after.keys()).filter(|next| seen.insert(**next)));
        }
        false
    }

    /// Everything that waits, through whatever lies between, for `op`.
    fn waiting_for(&self, op: OpId) -> BTreeSet<OpId> {
        let mut users: BTreeMap<OpId, Vec<OpId>> = BTreeMap::new();
        for op in self.ops.values() {
            for other in op.after.keys() {
                users.entry(*other).or_default().push(op.id);
            }
        }
        let (mut seen, mut queue) = (BTreeSet::new(), vec![op]);
        while let Some(at) = queue.pop() {
            queue.extend(users.get(&at).into_iter().flatten().filter(|user| seen.insert(**user)));
        }
        seen
    }

    fn link_what_is_needed<C: Cloud>(&mut self, leads: &BTreeMap<usize, Lead>, registry: &Registry<C>) -> Result<()> {
        let items = self.items;
        for (i, item) in items.iter().enumerate() {
            if let (Some(first), Some(&make)) = (self.first(i), self.make.get(&i)) {
                let ahead = goes_ahead(items, item, registry)?;
                for (to, need) in &item.needs {
                    if let (true, Some(&other)) = (ahead == Some(*to), self.make.get(to)) {
                        self.must(other, make, Need::Ready);
                        continue;
                    }
                    // The other way round: see `link_what_others_work_with`.
                    if self.serving.get(to) == Some(&Serving::Ends) {
                        continue;
                    }
                    // What is to serve behind it needs no more than that it is prepared.
                    let behind = leads.get(to).is_some_and(|lead| lead.staged && lead.providers.contains(&i));
                    let other = if behind { self.first(*to) } else { self.make.get(to).copied() };
                    if let Some(other) = other {
                        self.must(first, other, *need);
                        // The users of the old half let go of it before it is deleted.
                        if let Some(&old) = self.delete.get(to)
                            && items[*to].order == Some(Order::CreateFirst)
                        {
                            self.must(old, make, Need::Ready);
                        }
                    }
                }
                if let Some(&old) = self.delete.get(&i) {
                    match item.order {
                        Some(Order::DeleteFirst) => self.must(first, old, Need::Ready),
                        _ => self.must(old, make, Need::Ready),
                    }
                }
            }
            for to in &item.was_using {
                let gone = self.delete.get(to).filter(|_| !items[*to].is_leaving());
                if let (Some(&gone), Some(end)) = (gone, self.end(i)) {
                    self.must(gone, end, Need::Ready);
                }
            }
        }
        for (created, deleted) in same_identity(items, registry)? {
            if let Some(first) = self.first(created) {
                self.must(first, (deleted, Verb::Delete), Need::Ready);
            }
        }
        // What AWS is deleting already has the name that its successor is to get.
        for (d, going) in items.iter().enumerate().filter(|(_, item)| item.action == Action::Delete && item.is_leaving()) {
            let coming = items.iter().position(|item| item.action == Action::Create && item.key == going.key);
            if let Some(first) = coming.and_then(|c| self.first(c)) {
                self.must(first, (d, Verb::Delete), Need::Ready);
            }
        }
        Ok(())
    }

    /// Requests are led to what serves: who leads there waits for that, and who no longer serves waits until nobody is led there.
    fn link_what_is_led_to<C: Cloud>(&mut self, leads: &BTreeMap<usize, Lead>, registry: &Registry<C>) -> Result<()> {
        for lead in leads.values() {
            let Some(make) = self.make.get(&lead.item).copied() else { continue };
            for provider in &lead.providers {
                if let Some(other) = self.make.get(provider).copied() {
                    self.may(make, other);
                }
            }
        }
        let items = self.items;
        let mut led: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (i, item) in items.iter().enumerate() {
            for to in self.referred(item, registry, What::LeadsTo)? {
                led.entry(to).or_default().insert(i);
            }
        }
        for (to, leaders) in led {
            let goes = self.delete.contains_key(&to);
            let stays = |item: &Item| !goes && item.needs.iter().any(|(needed, _)| *needed == to);
            let leaving: Vec<usize> = (0..items.len())
                .filter(|i| !leaders.contains(i) && items[*i].was_using.contains(&to) && !stays(&items[*i]))
                .collect();
            for leader in &leaders {
                let Some(end) = self.end(*leader).filter(|_| !stays(&items[*leader])) else { continue };
                for i in &leaving {
                    // A replacement serves until its old half is deleted; a change in place does not.
                    if let Some(leaves) = self.end(*i) {
                        self.may(leaves, end);
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts what ends to serve after all of its users, and what begins to serve before them: through whatever lies between, whether
    /// that changes or not.
    fn link_what_others_work_with(&mut self) {
        let items = self.items;
        let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (i, item) in items.iter().enumerate() {
            for (to, _) in &item.needs {
                users.entry(*to).or_default().push(i);
            }
        }
        for (i, serving) in self.serving.clone() {
            let Some(make) = self.make.get(&i).copied() else { continue };
            let (mut seen, mut queue) = (BTreeSet::from([i]), vec![i]);
            while let Some(at) = queue.pop() {
                queue.extend(users.get(&at).into_iter().flatten().filter(|user| seen.insert(**user)));
            }
            seen.remove(&i);
            for user in seen {
                match (serving, self.first(user), self.make.get(&user).copied()) {
                    (Serving::Begins, Some(first), _) => self.may(first, make),
                    (Serving::Ends, _, Some(last)) => self.may(make, last),
                    _ => {}
                }
            }
            if serving == Serving::Ends {
                // What used it and goes is gone before: a copy of it, say, beside which it cannot end.
                let going = self.delete.iter().filter(|(at, _)| items[**at].was_using.contains(&i));
                for gone in going.map(|(_, op)| *op).collect::<Vec<_>>() {
                    self.may(make, gone);
                }
            }
        }
    }

    /// Puts what others work with (rules of their group, routes of their network) after them, not only after what it names.
    fn link_what_makes_others_work<C: Cloud>(&mut self, registry: &Registry<C>) -> Result<()> {
        let items = self.items;
        let mut enablers: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (i, item) in items.iter().enumerate() {
            for to in self.referred(item, registry, What::Enables)? {
                enablers.entry(to).or_default().insert(i);
            }
        }
        for (to, parts) in &enablers {
            let users = (0..items.len()).filter(|i| !parts.contains(i) && items[*i].was_using.contains(to));
            for user in users.collect::<Vec<_>>() {
                let Some(end) = self.end(user) else { continue };
                for part in parts {
                    if let Some(gone) = self.delete.get(part).copied() {
                        self.may(gone, end);
                    }
                }
            }
        }
        Ok(())
    }

    /// Treats an address or an ARN that someone was given as plain text as a use of the object that has it.
    fn link_what_is_named_in_text(&mut self) {
        let items = self.items;
        let mut texts: BTreeMap<&str, usize> = BTreeMap::new();
        for item in self.delete.keys() {
            let live = items[*item].before.iter().flat_map(|b| b.live.as_object()).flat_map(|m| m.values());
            // Nothing short: a name may be anybody's.
            texts.extend(live.filter_map(Value::as_str).filter(|t| t.len() > 8 && t.contains(['.', ':'])).map(|t| (t, *item)));
        }
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let fields = item.before.iter().map(|b| &b.fields);
            fields.for_each(|fields| named_in(fields, &texts, &mut |to| found.push((to, i))));
        }
        for (to, user) in found {
            if let (Some(gone), Some(end)) = (self.delete.get(&to).copied(), self.end(user)) {
                self.may(gone, end);
            }
        }
    }

    /// Puts deletions after everything serves: when a step fails, the old half of everything still exists.
    fn link_the_end(&mut self) {
        // Also what an earlier run began.
        let makes: BTreeSet<OpId> = self.make.values().copied().collect();
        // What AWS is deleting already waits for nobody.
        let waits = |op: &&OpId| !self.items[op.0].is_leaving();
        for gone in self.delete.values().filter(waits).copied().collect::<Vec<_>>() {
            let before = self.waiting_for(gone);
            for make in makes.difference(&before) {
                self.must(gone, *make, Need::Ready);
            }
        }
    }

    /// Returns the items that the live object of `item` refers to in its fields that are `what`.
    fn referred<C: Cloud>(&self, item: &Item, registry: &Registry<C>, what: What) -> Result<BTreeSet<usize>> {
        let mut out = BTreeSet::new();
        let Some(before) = &item.before else { return Ok(out) };
        for field in rules::fields(registry.kind(&item.key.kind)?.info().rules, what) {
            token::visit(before.fields.get(field).unwrap_or(&Value::Null), &mut |token| {
                if let token::Token::Physical { kind, value, .. } = token {
                    out.extend(self.live.get(&(kind, value)));
                }
            });
        }
        Ok(out)
    }
}

/// Returns how a change of this item decides whether its users work. Where it also gives them something new, they need that first.
fn serving<C: Cloud>(item: &Item, registry: &Registry<C>) -> Result<Option<Serving>> {
    let (Action::Update, Some(desired)) = (item.action, &item.desired) else { return Ok(None) };
    let kind = registry.kind(&item.key.kind)?;
    let renews = rules::renewed(kind.info().rules).any(|(field, _)| item.changes.touches(field));
    Ok(kind.serving(desired, &item.changes).filter(|serving| *serving == Serving::Begins || !renews))
}

/// Returns the item that this one is changed ahead of, when both are changed so.
fn goes_ahead<C: Cloud>(items: &[Item], item: &Item, registry: &Registry<C>) -> Result<Option<usize>> {
    let (Action::Update, Some(desired)) = (item.action, &item.desired) else { return Ok(None) };
    let Some(field) = registry.kind(&item.key.kind)?.goes_ahead(desired, &item.changes) else { return Ok(None) };
    let named = desired.get(field).map(token::named).unwrap_or_default();
    let place = |key: &Key| items.iter().position(|other| other.key == *key && other.action == Action::Update);
    Ok(named.iter().find_map(|(key, _)| place(key)))
}

/// Calls `found` for every text in `value` that is one of `texts`.
fn named_in(value: &Value, texts: &BTreeMap<&str, usize>, found: &mut dyn FnMut(usize)) {
    match value {
        Value::String(text) => {
            if let Some(item) = texts.get(text.as_str()) {
                found(*item);
            }
        }
        Value::Array(items) => items.iter().for_each(|v| named_in(v, texts, found)),
        Value::Object(map) => map.values().for_each(|v| named_in(v, texts, found)),
        _ => {}
    }
}

/// Returns everything that is about to lead requests elsewhere, with what must serve there first.
fn leading<C: Cloud>(items: &[Item], registry: &Registry<C>, draft: &Draft<'_>) -> Result<BTreeMap<usize, Lead>> {
    let mut by_key: BTreeMap<&Key, usize> = BTreeMap::new();
    let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, item) in items.iter().enumerate().filter(|(_, item)| item.desired.is_some()) {
        by_key.insert(&item.key, i);
        for (to, _) in &item.needs {
            users.entry(*to).or_default().push(i);
        }
    }
    // Where each item leads.
    let mut to: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (i, item) in items.iter().enumerate() {
        let Some(desired) = &item.desired else { continue };
        for field in rules::fields(registry.kind(&item.key.kind)?.info().rules, What::LeadsTo) {
            let named = token::named(desired.get(field).unwrap_or(&Value::Null));
            to.entry(i).or_default().extend(named.keys().filter_map(|key| by_key.get(key)));
        }
    }
    let new = |i: usize| matches!(items[i].action, Action::Create | Action::Replace);
    let mut out = BTreeMap::new();
    for (&i, targets) in &to {
        let (item, Some(make)) = (&items[i], draft.make.get(&i)) else { continue };
        let kind = registry.kind(&item.key.kind)?;
        let prepares = kind.info().prepares.contains(&make.1);
        let turns = match make.1 {
            Verb::Update => rules::fields(kind.info().rules, What::LeadsTo).any(|field| item.changes.touches(field)),
            // Nobody comes through what is new itself.
            Verb::Create => prepares && item.needs.iter().any(|(needed, _)| !targets.contains(needed) && !new(*needed)),
            _ => false,
        };
        if !turns {
            continue;
        }
        let mut providers = BTreeSet::new();
        let mut queue: Vec<usize> = targets.iter().copied().collect();
        while let Some(at) = queue.pop() {
            for &user in users.get(&at).into_iter().flatten() {
                let leads_there_too = to.get(&user).is_some_and(|other| !other.is_disjoint(targets));
                if user != i && !leads_there_too && providers.insert(user) {
                    queue.push(user);
                }
            }
        }
        providers.retain(|user| draft.make.contains_key(user));
        let staged = prepares && !providers.is_empty();
        out.insert(i, Lead { item: i, providers, staged });
    }
    Ok(out)
}

/// Returns pairs of an object to create and one to delete that cannot both exist: the same rule under another name, say.
fn same_identity<C: Cloud>(items: &[Item], registry: &Registry<C>) -> Result<Vec<(usize, usize)>> {
    let has = |action: Action| items.iter().any(|item| item.action == action);
    if !has(Action::Delete) || !has(Action::Create) {
        return Ok(Vec::new());
    }
    let mut ids = Ids::default();
    for item in items {
        if let (Action::Keep | Action::Update, Some(before)) = (item.action, &item.before) {
            ids.insert(&item.key, before.live.clone());
        }
    }
    let mut out = Vec::new();
    for (d, going) in items.iter().enumerate().filter(|(_, item)| item.action == Action::Delete) {
        let kind = registry.kind(&going.key.kind)?;
        let fields: Vec<&str> = rules::fields(kind.info().rules, What::Identity).collect();
        let Some(before) = going.before.as_ref().filter(|_| !fields.is_empty()) else { continue };
        for (c, coming) in items.iter().enumerate() {
            let Some(desired) = coming.desired.as_ref() else { continue };
            if coming.action == Action::Create
                && coming.key.kind == going.key.kind
                && fields.iter().all(|f| {
                    let side = |v: &Value| ids.resolve(v.get(*f).unwrap_or(&Value::Null)).ok();
                    side(desired).is_some() && side(desired) == side(&before.fields)
                })
            {
                out.push((c, d));
            }
        }
    }
    Ok(out)
}
