//! What an environment costs that sleeps by its hours: the mean of what is billed while it runs and while it is paused, by the share of the
//! time in which it runs. It is the same whether it runs or is paused just now.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::billed::{Object, Whole};
use super::ec2::NatGateway;
use crate::aws;
use crate::engine::tags::TAG_PAUSED;
use crate::engine::token::{self, Need, Token};
use crate::engine::{Graph, Ids, Key, Node, Pause, Plan, Resource};
use crate::prices::{Billed, Decimal, HOURS, Hours, Part};

/// Returns what is billed in a month of what runs in these hours only. What is assumed of its use is a month's already, whenever that is.
/// What cannot be paused as it is, because something would refer to what does not exist then, is counted all the time.
pub fn mean(running: &Whole, hours: &Hours, parts: impl Fn(&Whole) -> Vec<Billed>) -> Vec<Billed> {
    let day = parts(running);
    let Some(asleep) = asleep(running, hours) else { return day };
    let mut night = parts(&asleep);
    let share = hours.monthly.over(HOURS);
    let billed = day.into_iter().map(|mut billed| {
        let is_same = |other: &Billed| other.object == billed.object && other.part.usage == billed.part.usage;
        let stays = night.iter().position(is_same).map_or(Decimal::ZERO, |at| night.remove(at).part.quantity);
        if billed.part.assumed.is_none() {
            let mean = |quantity: Decimal| quantity * share + stays * (Decimal::ONE - share);
            billed.part = Part { quantity: mean(billed.part.quantity), most: billed.part.most.map(mean), ..billed.part };
        }
        billed
    });
    billed.collect()
}

/// Returns why it is paused by its hours.
fn why(whole: &Whole, hours: &Hours) -> Pause {
    if hours.without_nat && whole.has(NatGateway::KIND) { Pause::Bare } else { Pause::Asked }
}

/// Returns the same at rest.
fn asleep(running: &Whole, hours: &Hours) -> Option<Whole> {
    let mut ids = Ids::default();
    for object in running.objects.iter() {
        if let Some(live) = &object.live {
            ids.insert(&object.key, live.clone());
        }
    }
    let mut graph = Graph::default();
    for object in running.objects.iter() {
        // Who uses what is known by names; what runs is known by its identifiers.
        let desired = Arc::new(named(&object.whole(), &ids));
        // Of what is there twice, the second half is going.
        drop(graph.insert(Node { key: object.key.clone(), desired, origin: object.origin.clone() }));
    }
    graph.note_followed(running.objects.iter().filter_map(|object| Some((object.key.clone(), object.live.as_deref()?))));
    graph.pause(&aws::registry(), why(running, hours)).ok()?;
    let mut seen = BTreeSet::new();
    let objects = running.objects.iter().filter_map(|object| {
        if !seen.insert(&object.key) {
            return Some(object.clone());
        }
        let node = graph.get(&object.key).filter(|_| !graph.is_absent(&object.key))?;
        Some(Object { fields: node.desired.clone(), besides: None, ..object.clone() })
    });
    let objects = objects.collect::<Vec<_>>().into();
    Some(Whole { objects, region: running.region.clone(), usage: running.usage.clone(), today: running.today })
}

/// Returns a value with names in place of the identifiers that are the stack's.
fn named(value: &Value, ids: &Ids) -> Value {
    match value {
        Value::String(text) => Value::String(
            token::rewritten(text, &mut |token| {
                if let Token::Physical { kind, attr, value } = *token
                    && let Some(key) = ids.owner(kind, value)
                {
                    *token = Token::Named { key, attr, need: Need::Exists };
                }
            })
            .unwrap_or_else(|| text.clone()),
        ),
        Value::Array(items) => items.iter().map(|item| named(item, ids)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), named(value, ids))).collect(),
        other => other.clone(),
    }
}

/// Returns what a plan finds or leaves, as it is while it runs. What is paused has lost how many tasks it runs: that is what the plan desires of
/// it. What is paused and leaves the file is taken as it is.
pub fn running(mut whole: Whole, plan: &Plan) -> Whole {
    let words = whole.objects.iter().filter_map(|object| object.get("tags")?.get(TAG_PAUSED)?.as_str());
    let Some(paused) = words.map(Pause::of).max() else { return whole };
    let desired = desired(plan);
    let mut at_rest = desired.clone();
    at_rest.note_followed(plan.items.iter().filter_map(|item| Some((item.key.clone(), item.before.as_ref()?.live.as_ref()))));
    if at_rest.pause(&aws::registry(), paused).is_err() {
        return whole;
    }
    let mut objects = whole.objects.into_vec();
    for object in &mut objects {
        let both = desired.get(&object.key).zip(at_rest.get(&object.key));
        let Some((running, resting)) = both.filter(|(running, resting)| running.desired != resting.desired) else { continue };
        object.fields = Arc::new(woken(&object.whole(), &running.desired, &resting.desired));
        object.besides = None;
    }
    if paused == Pause::Bare {
        let there: BTreeSet<Key> = objects.iter().map(|object| object.key.clone()).collect();
        let missing = desired.nodes().filter(|node| at_rest.is_absent(&node.key) && !there.contains(&node.key));
        objects.extend(missing.map(|node| Object {
            key: node.key.clone(),
            origin: node.origin.clone(),
            fields: node.desired.clone(),
            besides: None,
            live: None,
        }));
    }
    whole.objects = objects.into();
    whole
}

/// Returns what a plan desires while the environment runs.
fn desired(plan: &Plan) -> Graph {
    let mut graph = Graph::default();
    let items = plan
        .items
        .iter()
        .filter_map(|item| Some(Node { key: item.key.clone(), desired: item.desired.clone()?, origin: item.origin.clone() }));
    // What runs counts, and is first.
    for node in plan.awake.iter().cloned().chain(items) {
        drop(graph.insert(node));
    }
    graph
}

/// Returns the fields of an object with those that a pause changes as they are without it.
fn woken(fields: &Value, running: &Value, resting: &Value) -> Value {
    let mut fields = fields.clone();
    if let (Some(own), Some(resting)) = (fields.as_object_mut(), resting.as_object()) {
        for (field, _) in resting.iter().filter(|(field, value)| running.get(*field) != Some(value)) {
            own.insert(field.clone(), running.get(field).cloned().unwrap_or_default());
        }
    }
    fields
}
