//! Which operation waits for which while a plan is applied.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::plan::Plan;
use super::schedule::{OpId, Schedule};
use super::token::Need;

/// How many calls of one kind may be in flight: AWS counts by operation, so kinds do not wait for each other. Waiting for AWS
/// does not count.
const CALLS_PER_KIND: usize = 12;

/// Who waits for whom, and how far everybody is.
pub(super) struct Dataflow<'a> {
    schedule: &'a Schedule,
    waits: BTreeMap<OpId, BTreeMap<OpId, Need>>,
    users: HashMap<OpId, Vec<OpId>>,
    /// Free to start, the one with the most work behind it last.
    free: BTreeSet<(Duration, OpId)>,
    calls: HashMap<String, usize>,
    calling: BTreeSet<OpId>,
    blocked_by: BTreeMap<OpId, OpId>,
    last: BTreeMap<OpId, OpId>,
    pub(super) started: BTreeMap<OpId, Duration>,
    pub(super) ended: BTreeMap<OpId, Duration>,
}

impl<'a> Dataflow<'a> {
    pub(super) fn new(schedule: &'a Schedule) -> Self {
        let mut users: HashMap<OpId, Vec<OpId>> = HashMap::new();
        for op in schedule.ops.values() {
            for other in op.after.keys() {
                users.entry(*other).or_default().push(op.id);
            }
        }
        let waits: BTreeMap<_, _> = schedule.ops.values().map(|op| (op.id, op.after.clone())).collect();
        let free = schedule.ops.values().filter(|op| op.after.is_empty()).map(|op| (op.rest, op.id)).collect();
        Dataflow {
            schedule,
            waits,
            users,
            free,
            calls: HashMap::new(),
            calling: BTreeSet::new(),
            blocked_by: BTreeMap::new(),
            last: BTreeMap::new(),
            started: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    /// Returns the next operation to start: the one with the longest way to go, of a kind that has room.
    pub(super) fn next(&mut self, plan: &Plan) -> Option<OpId> {
        let found = *self
            .free
            .iter()
            .rev()
            .find(|(_, id)| self.calls.get(plan.items[id.0].key.kind.as_str()).copied().unwrap_or(0) < CALLS_PER_KIND)?;
        self.free.remove(&found);
        *self.calls.entry(plan.items[found.1.0].key.kind.clone()).or_default() += 1;
        self.calling.insert(found.1);
        Some(found.1)
    }

    pub(super) fn idle(&mut self, id: OpId, plan: &Plan) {
        if self.calling.remove(&id)
            && let Some(n) = self.calls.get_mut(plan.items[id.0].key.kind.as_str())
        {
            *n -= 1;
        }
    }

    /// Notes that `id` has come as far as `stage`: those who need no more than that of it may start.
    pub(super) fn reached(&mut self, id: OpId, stage: Need) {
        for user in self.users.get(&id).into_iter().flatten() {
            let Some(waits) = self.waits.get_mut(user) else { continue };
            if waits.get(&id).is_some_and(|need| *need <= stage) {
                waits.remove(&id);
                self.last.insert(*user, id);
                if waits.is_empty() && !self.blocked_by.contains_key(user) {
                    self.free.insert((self.schedule.ops[user].rest, *user));
                }
            }
        }
    }

    /// `id` failed: everything that waits for it, and for that, is not tried.
    pub(super) fn fail(&mut self, id: OpId) {
        let mut queue = vec![id];
        while let Some(at) = queue.pop() {
            for user in self.users.get(&at).into_iter().flatten() {
                let waiting = self.waits.get(user).is_some_and(|w| w.contains_key(&at));
                if waiting && !self.blocked_by.contains_key(user) {
                    self.blocked_by.insert(*user, id);
                    queue.push(*user);
                }
            }
        }
    }

    /// Returns what never started, and because of which failure.
    pub(super) fn left(&self) -> Vec<(OpId, Option<OpId>)> {
        self.schedule
            .ops
            .keys()
            .filter(|id| !self.started.contains_key(id))
            .map(|id| (*id, self.blocked_by.get(id).copied()))
            .collect()
    }

    /// Returns what began and did not end.
    pub(super) fn under_way(&self) -> Vec<OpId> {
        self.started.keys().filter(|id| !self.ended.contains_key(id)).copied().collect()
    }

    /// Returns the chain from the operation that ended last, back along what each waited for last: when each began, and until
    /// when the next one waited for it.
    pub(super) fn chain(&self) -> Vec<(OpId, Duration, Duration)> {
        let mut out: Vec<(OpId, Duration, Duration)> = Vec::new();
        let mut at = self.ended.iter().max_by_key(|(_, end)| **end).map(|(id, _)| *id);
        while let Some(id) = at {
            // A user may start before its predecessor ends; on the chain it counts until then.
            let to = out.last().map_or_else(|| self.ended.get(&id).copied(), |(_, from, _)| Some(*from)).unwrap_or_default();
            out.push((id, self.started.get(&id).copied().unwrap_or_default(), to));
            at = self.last.get(&id).copied();
        }
        out.reverse();
        out
    }
}
