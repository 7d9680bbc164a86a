//! The order of a plan: operations and what each waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::error::Result;
use super::key::Key;
use super::plan::{Action, Item, Order, Plan};
use super::reference::{self, Ids, Need};
use super::resource::Registry;
use super::rules::{self, What};

/// What an operation does to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Make it, and wait until it serves.
    Create,
    /// Change it, and wait until it serves.
    Update,
    /// AWS is at it already: wait until it serves.
    Wait,
    /// Delete it, and wait until it is gone.
    Delete,
}

/// One operation: an item of the plan and what happens to it. A replacement is two.
pub type OpId = (usize, Verb);

/// One operation and what it waits for.
#[derive(Clone, Debug)]
pub struct Op {
    /// Which item, and what.
    pub id: OpId,
    /// Operations that must have come that far.
    pub after: BTreeMap<OpId, Need>,
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
    /// The operations of `plan`.
    ///
    /// # Errors
    /// When an item is of an unknown kind.
    pub fn of<C: Send + Sync + 'static>(plan: &Plan, registry: &Registry<C>) -> Result<Schedule> {
        let mut ops: BTreeMap<OpId, Op> = BTreeMap::new();
        let mut make: BTreeMap<usize, OpId> = BTreeMap::new();
        let mut delete: BTreeMap<usize, OpId> = BTreeMap::new();
        for (i, item) in plan.items.iter().enumerate() {
            let usual = registry.kind(&item.key.kind)?.usual();
            let mut add = |verb: Verb| {
                let id = (i, verb);
                let usual = if verb == Verb::Delete { usual.delete } else { usual.create };
                ops.insert(id, Op { id, after: BTreeMap::new(), usual, rest: Duration::ZERO });
                if verb == Verb::Delete {
                    delete.insert(i, id)
                } else {
                    make.insert(i, id)
                };
            };
            match item.action {
                Action::Create => add(Verb::Create),
                Action::Update => add(Verb::Update),
                Action::Keep
                    if item.before.as_ref().is_some_and(|b| matches!(b.state, super::resource::Readiness::Waiting { .. })) =>
                {
                    add(Verb::Wait);
                }
                Action::Replace => {
                    add(Verb::Create);
                    add(Verb::Delete);
                }
                Action::Delete => add(Verb::Delete),
                Action::Keep | Action::Refuse => {}
            }
        }

        let mut after: Vec<(OpId, OpId, Need)> = Vec::new();
        for (i, item) in plan.items.iter().enumerate() {
            if let Some(&op) = make.get(&i) {
                let ahead = goes_ahead(plan, item, registry)?;
                for (to, need) in &item.needs {
                    if let Some(&other) = make.get(to) {
                        if ahead == Some(*to) {
                            after.push((other, op, Need::Ready));
                            continue;
                        }
                        after.push((op, other, *need));
                        // Who uses the old half lets go of it before it goes.
                        if let Some(&old) = delete.get(to)
                            && plan.items[*to].order == Some(Order::CreateFirst)
                        {
                            after.push((old, op, Need::Ready));
                        }
                    }
                }
                if let Some(&old) = delete.get(&i) {
                    match item.order {
                        Some(Order::DeleteFirst) => after.push((op, old, Need::Ready)),
                        _ => after.push((old, op, Need::Ready)),
                    }
                }
            }
            for to in &item.was_using {
                let Some(&gone) = delete.get(to).filter(|_| !plan.items[*to].is_leaving()) else { continue };
                match (delete.get(&i), make.get(&i)) {
                    (Some(&mine), _) => after.push((gone, mine, Need::Ready)),
                    (None, Some(&mine)) => after.push((gone, mine, Need::Ready)),
                    (None, None) => {}
                }
            }
        }
        for (created, deleted) in same_identity(plan, registry)? {
            after.push(((created, Verb::Create), (deleted, Verb::Delete), Need::Ready));
        }
        // What AWS is deleting already has the name that its successor is to get.
        for (d, going) in plan.items.iter().enumerate().filter(|(_, item)| item.action == Action::Delete && item.is_leaving()) {
            let coming = plan.items.iter().position(|item| item.action == Action::Create && item.key == going.key);
            after.extend(coming.map(|c| ((c, Verb::Create), (d, Verb::Delete), Need::Ready)));
        }
        for (op, other, need) in after {
            if let Some(op) = ops.get_mut(&op) {
                let entry = op.after.entry(other).or_insert(need);
                *entry = (*entry).max(need);
            }
        }
        let mut schedule = Schedule { ops };
        schedule.measure();
        Ok(schedule)
    }

    /// The operations as a graph.
    pub fn edges(&self) -> BTreeMap<OpId, BTreeSet<OpId>> {
        self.ops.iter().map(|(id, op)| (*id, op.after.keys().copied().collect())).collect()
    }

    /// How much work hangs on each operation.
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

/// The item that this one is changed ahead of, when both are changed so.
fn goes_ahead<C: Send + Sync + 'static>(plan: &Plan, item: &Item, registry: &Registry<C>) -> Result<Option<usize>> {
    let (Action::Update, Some(desired)) = (item.action, &item.desired) else { return Ok(None) };
    let Some(field) = registry.kind(&item.key.kind)?.goes_ahead(desired, &item.changes) else { return Ok(None) };
    let named = desired.get(field).map(reference::named).unwrap_or_default();
    let place = |key: &Key| plan.items.iter().position(|other| other.key == *key && other.action == Action::Update);
    Ok(named.iter().find_map(|(key, _)| place(key)))
}

/// Pairs of an object to create and one to delete that cannot both exist: the same rule under another name, say.
fn same_identity<C: Send + Sync + 'static>(plan: &Plan, registry: &Registry<C>) -> Result<Vec<(usize, usize)>> {
    let mut ids = Ids::default();
    for item in &plan.items {
        if let (Action::Keep | Action::Update, Some(before)) = (item.action, &item.before) {
            ids.insert(&item.key, before.live.clone());
        }
    }
    let mut out = Vec::new();
    for (d, going) in plan.items.iter().enumerate().filter(|(_, item)| item.action == Action::Delete) {
        let kind = registry.kind(&going.key.kind)?;
        let fields: Vec<&str> = rules::fields(kind.rules(), What::Identity).collect();
        let Some(before) = going.before.as_ref().filter(|_| !fields.is_empty()) else { continue };
        for (c, coming) in plan.items.iter().enumerate() {
            let Some(desired) = coming.desired.as_ref() else { continue };
            if coming.action == Action::Create
                && coming.key.kind == going.key.kind
                && fields.iter().all(|f| {
                    let side = |v: &serde_json::Value| ids.resolve(v.get(*f).unwrap_or(&serde_json::Value::Null)).ok();
                    side(desired).is_some() && side(desired) == side(&before.fields)
                })
            {
                out.push((c, d));
            }
        }
    }
    Ok(out)
}
