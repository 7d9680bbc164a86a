//! How two environments of a stack differ: by what their objects mean, and not by their identifiers.
//!
//! Objects are matched by their keys. Identifiers of a side's own objects become the names of those objects, and what remains of its
//! stack's, environment's, account's and region's name in texts is no difference. Each side comes with what its description wants of
//! it: a difference between two descriptions is expected where both sides are as they are described.
//!
//! Not here: what a kind's fields are for ([`Fields`]), and how a side is read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

mod names;
#[cfg(test)]
mod tests;

pub(crate) use names::{is_telling, leaves, stands_in};

use super::diff::{Change, diff};
use super::item::Item;
use super::key::Key;
use super::plan::Plan;
use super::rules::{self, Rule, What};
use super::tags::{self, TAG_PROTECT, TAG_TAGS};
use super::token::Ids;
use names::{DEFAULT, Names, named, neutral, own, told};

/// What the tags begin with that are the engine's own.
const OWN_TAGS: &str = "stack:";
/// The tag with an object's name in the cloud.
const NAME_TAG: &str = "Name";
/// What is shown in place of a value that could be a secret, inside of a larger one.
const NOT_SHOWN: &str = "(not shown)";

/// Paths of fields by kind. `*` stands for any key or index; what is inside of a field counts as the field.
pub type Table = &'static [(&'static str, &'static [&'static str])];

/// What is known about the fields of kinds.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    /// The rules of a kind: `registry.rules(kind)`.
    pub rules: &'a dyn Fn(&str) -> &'static [Rule],
    /// How large or how many something is.
    pub sizes: Table,
    /// What the cloud chooses where the description says nothing: the same description gets different values.
    pub chosen: Table,
    /// Where a secret could stand: its values are not shown.
    pub hidden: Table,
}

/// One of the two that are compared.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Its objects, with what its description wants of them.
    pub plan: &'a Plan,
    /// Whether it was read from the cloud. Otherwise it is what the description says.
    pub read: bool,
}

/// A side by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hand {
    /// The one that was named first.
    Left,
    /// The one that was named second.
    Right,
}

/// How two sides differ. An object can be in several groups, with other fields in each.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Contrast {
    /// What the descriptions say.
    pub expected: Vec<Differing>,
    /// How large or how many something is, and the descriptions do not say so.
    pub sized: Vec<Differing>,
    /// Everything else.
    pub suspicious: Vec<Differing>,
    /// The number of objects that are the same on both sides.
    pub same: usize,
}

/// An object that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differing {
    /// The object.
    pub key: Key,
    /// The only side that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Hand>,
    /// Field by field, when both sides have it.
    pub differences: Vec<Difference>,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Where: `containers.web.image`.
    pub path: String,
    /// The value of the left side; absent when there is none, or when it is hidden.
    pub left: Option<Value>,
    /// The value of the right side, likewise.
    pub right: Option<Value>,
    /// The only side that has a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Hand>,
    /// A secret could stand here, so the values are not shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Both sides have the same value, which means something else on one of them: it names what belongs to the other.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub same: bool,
}

/// Compares two sides.
pub fn contrast(left: Side<'_>, right: Side<'_>, fields: &Fields<'_>) -> Contrast {
    let with_default = [left, right].iter().any(|side| side.plan.scope.env == DEFAULT);
    let pair = Pair { left: Reading::of(left, with_default), right: Reading::of(right, with_default), with_default, fields };
    let keys: BTreeSet<&Key> = pair.left.objects.keys().chain(pair.right.objects.keys()).copied().collect();
    let mut out = Contrast::default();
    for key in keys {
        match (pair.left.objects.get(key), pair.right.objects.get(key)) {
            (Some(left), Some(right)) => out.sort(key, pair.groups(key, left, right)),
            (Some(_), None) => out.alone(key, Hand::Left, &pair.left, &pair.right),
            (None, _) => out.alone(key, Hand::Right, &pair.right, &pair.left),
        }
    }
    out
}

impl Contrast {
    /// Checks whether nothing differs but what the descriptions say.
    pub fn is_expected(&self) -> bool {
        self.sized.is_empty() && self.suspicious.is_empty()
    }

    /// Adds an object of both sides with its differences: expected, sized, suspicious.
    fn sort(&mut self, key: &Key, groups: [Vec<Difference>; 3]) {
        if groups.iter().all(Vec::is_empty) {
            self.same += 1;
        }
        for (list, differences) in [&mut self.expected, &mut self.sized, &mut self.suspicious].into_iter().zip(groups) {
            if !differences.is_empty() {
                list.push(Differing { key: key.clone(), only: None, differences });
            }
        }
    }

    /// Adds an object that only one side has.
    fn alone(&mut self, key: &Key, hand: Hand, has: &Reading<'_>, lacks: &Reading<'_>) {
        let said = has.described.contains_key(key) && !lacks.described.contains_key(key);
        let list = if said { &mut self.expected } else { &mut self.suspicious };
        list.push(Differing { key: key.clone(), only: Some(hand), differences: Vec::new() });
    }
}

/// A side with its objects by key, and the names of what belongs to it.
struct Reading<'a> {
    side: Side<'a>,
    objects: BTreeMap<&'a Key, &'a Item>,
    described: BTreeMap<&'a Key, &'a Value>,
    ids: Ids,
    names: Names,
}

impl<'a> Reading<'a> {
    fn of(side: Side<'a>, with_default: bool) -> Self {
        let items = side.plan.items.iter();
        let described = items.clone().filter_map(|item| Some((&item.key, item.desired.as_deref()?))).collect();
        let mut objects: BTreeMap<&Key, &Item> = BTreeMap::new();
        for item in items.filter(|item| is_there(item, side.read)) {
            // The half of a replacement that stays is the one that the description is compared with.
            let rank = |item: &Item| (item.desired.is_some(), item.generation);
            let held = objects.entry(&item.key).or_insert(item);
            if rank(held) < rank(item) {
                *held = item;
            }
        }
        let mut ids = Ids::default();
        for (key, item) in &objects {
            if let Some(before) = item.before.as_ref().filter(|_| side.read) {
                ids.insert(key, before.live.clone());
            }
        }
        let names = if side.read { Names::of(&objects, &side.plan.scope, with_default) } else { Names::default() };
        Reading { side, objects, described, ids, names }
    }

    /// Returns what an object is, without what only another environment makes different in its tags.
    fn fields(&self, item: &Item) -> Value {
        let value = match &item.before {
            Some(before) if self.side.read => before.fields.as_ref(),
            _ => item.desired.as_deref().unwrap_or(&Value::Null),
        };
        self.without_tags_of_others(value, self.side.read)
    }

    fn without_tags_of_others(&self, value: &Value, read: bool) -> Value {
        let mut value = value.clone();
        if let Some(Value::Object(tags)) = value.get_mut("tags") {
            *tags = telling_tags(tags, read, &self.side.plan.ignored_tags);
        }
        value
    }

    /// Checks whether an object is, at a path, as its description says.
    fn is_as_described(&self, item: &Item, path: &str) -> bool {
        !self.side.read || item.changes.changes.iter().all(|change| !overlap(&change.path, path))
    }

    /// Checks whether the description says something about a field.
    fn says(&self, key: &Key, path: &str) -> bool {
        let field = path.split('.').next().unwrap_or(path);
        self.described.get(key).and_then(|desired| desired.get(field)).is_some_and(|value| !value.is_null())
    }

    /// Checks whether the cloud reports a field only when the object is ready, and it is not.
    fn is_untold(&self, rules: &[Rule], item: &Item, path: &str) -> bool {
        let field: Vec<String> = path.split('.').take(1).map(str::to_owned).collect();
        let unready = item.before.as_ref().is_some_and(|before| !before.state.tells_all());
        self.side.read && unready && rules::is(rules, &field, What::WhenReady)
    }
}

/// Checks whether an object belongs to a side: it exists, or it is described.
fn is_there(item: &Item, read: bool) -> bool {
    if read { item.before.is_some() && !item.is_impostor() && !item.is_leaving() } else { item.desired.is_some() }
}

/// Returns the tags that say something: those that the file sets, and that the user protects the object.
fn telling_tags(tags: &Map<String, Value>, read: bool, ignored: &[String]) -> Map<String, Value> {
    let marked = tags.get(TAG_TAGS).and_then(Value::as_str);
    let says = |key: &str| {
        let of_the_file = !key.starts_with(OWN_TAGS) && key != NAME_TAG && (!read || tags::is_ours(marked, key));
        key == TAG_PROTECT || of_the_file && !ignored.iter().any(|pattern| tags::is_like(pattern, key))
    };
    tags.iter().filter(|(key, _)| says(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Both sides.
struct Pair<'a> {
    left: Reading<'a>,
    right: Reading<'a>,
    /// Whether a side is the default environment.
    with_default: bool,
    fields: &'a Fields<'a>,
}

impl Pair<'_> {
    /// Returns how an object of both sides differs: what is expected, what is sized, and the rest.
    fn groups(&self, key: &Key, left: &Item, right: &Item) -> [Vec<Difference>; 3] {
        let differences = self.differences(key, left, right);
        let mut out: [Vec<Difference>; 3] = Default::default();
        if differences.is_empty() {
            return out;
        }
        let described = self.described(key);
        for difference in differences {
            let path = &difference.path;
            let said = described.iter().any(|other| overlap(other, path));
            let group = if said && self.left.is_as_described(left, path) && self.right.is_as_described(right, path) {
                0
            } else if lists(self.fields.sizes, &key.kind, path) {
                1
            } else {
                2
            };
            out[group].push(difference);
        }
        out
    }

    /// Returns the fields of an object that differ, with what may be shown of them.
    fn differences(&self, key: &Key, left: &Item, right: &Item) -> Vec<Difference> {
        let of_kind = (self.fields.rules)(&key.kind);
        let (is, other) = (self.by_name(&self.left, left), self.by_name(&self.right, right));
        let found = self.differing(of_kind, (&is, self.left.side.read), (&other, self.right.side.read));
        let counts = |path: &str| {
            let chosen = lists(self.fields.chosen, &key.kind, path) && !self.left.says(key, path) && !self.right.says(key, path);
            let untold = self.left.is_untold(of_kind, left, path) || self.right.is_untold(of_kind, right, path);
            !chosen && !untold
        };
        found.into_iter().filter(|difference| counts(&difference.path)).map(|found| self.shown(&key.kind, found)).collect()
    }

    /// Returns the paths at which the descriptions of an object differ; none when not both describe it.
    fn described(&self, key: &Key) -> Vec<String> {
        let (Some(left), Some(right)) = (self.left.described.get(key), self.right.described.get(key)) else { return Vec::new() };
        let value = |of: &Reading<'_>, desired: &Value| of.without_tags_of_others(&Ids::default().symbolic(desired), false);
        let (left, right) = (value(&self.left, left), value(&self.right, right));
        let found = self.differing((self.fields.rules)(&key.kind), (&left, false), (&right, false));
        found.into_iter().map(|difference| difference.path).collect()
    }

    /// Returns the fields of an object with the names of objects in place of identifiers. What is only described is called as the
    /// other side calls it.
    fn by_name(&self, of: &Reading<'_>, item: &Item) -> Value {
        let names = match of.side.read {
            true => &of.names,
            false if self.right.side.read => &self.right.names,
            false => &self.left.names,
        };
        texts(&of.ids.symbolic(&of.fields(item)), &|text| named(text, &names.telling))
    }

    /// Returns how two values differ, each with whether it was read. What differs only by the names of the environments does not.
    fn differing(&self, of_kind: &[Rule], left: (&Value, bool), right: (&Value, bool)) -> Vec<Difference> {
        let rules = meaning(of_kind, left.1 != right.1);
        let mut found = compared(&rules, left, right);
        self.add_of_other(&rules, left, right, &mut found);
        if found.is_empty() {
            return found;
        }
        // Where one side was read, the description of the other gets its names.
        let plain: &[(String, String)] = match (left.1, right.1) {
            (true, false) => &self.left.names.plain,
            (false, true) => &self.right.names.plain,
            _ => &[],
        };
        let anywhere = |value: &Value, of: &Reading<'_>| {
            texts(value, &|text| named(&neutral(text, &of.side.plan.scope, self.with_default), plain))
        };
        let (is, other) = (anywhere(left.0, &self.left), anywhere(right.0, &self.right));
        let differs: BTreeSet<String> =
            compared(&rules, (&is, left.1), (&other, right.1)).into_iter().map(|difference| difference.path).collect();
        // The second comparison calls what has a name of the environment by another one. An image is what it is called.
        let keys = |path: &str| [&self.left, &self.right].map(|of| neutral(path, &of.side.plan.scope, self.with_default));
        let stays = |path: &str| {
            path.ends_with(".image") || differs.contains(path) || keys(path).iter().any(|path| differs.contains(path))
        };
        found.retain(|difference| difference.same || stays(&difference.path));
        found
    }

    /// Adds what is the same text on both sides, and means one of them: the account or an object of one, in the other.
    fn add_of_other(&self, rules: &[Rule], left: (&Value, bool), right: (&Value, bool), found: &mut Vec<Difference>) {
        let own = |value: &Value, of: &Reading<'_>| texts(value, &|text| own(text, &of.side.plan.scope));
        let (is, other) = (own(left.0, &self.left), own(right.0, &self.right));
        let again =
            |value: Option<Value>, of: &Reading<'_>| value.map(|value| texts(&value, &|text| told(text, &of.side.plan.scope)));
        for difference in compared(rules, (&is, left.1), (&other, right.1)) {
            let Difference { path, left, right, .. } = difference;
            let (left, right) = (again(left, &self.left), again(right, &self.right));
            let path = told(&path, &self.left.side.plan.scope);
            if left == right && left.is_some() && !path.ends_with(".image") && !found.iter().any(|known| known.path == path) {
                found.push(Difference { path, left, right, only: None, hidden: false, same: true });
            }
        }
    }

    /// Returns a difference without what could be a secret.
    fn shown(&self, kind: &str, mut difference: Difference) -> Difference {
        let path: Vec<String> = difference.path.split('.').map(str::to_owned).collect();
        difference.hidden |= covers(self.fields.hidden, kind, &path);
        if difference.hidden {
            (difference.left, difference.right) = (None, None);
        }
        for value in [&mut difference.left, &mut difference.right].into_iter().flatten() {
            *value = veiled(self.fields.hidden, kind, &mut path.clone(), value);
        }
        difference
    }
}

/// Returns the rules that say when two values mean the same. `mixed`: one of them is only described, and may say less.
fn meaning(of_kind: &[Rule], mixed: bool) -> Vec<Rule> {
    let says = |rule: &Rule| {
        matches!(
            rule.what,
            What::Set | What::Keyed(_) | What::Exact | What::Policy | What::CreateOnly | What::OrderOnly | What::Secret
        )
    };
    // Of the tags only those are left that count.
    let exact = |rule: &Rule| if rule.what == What::Owned { Rule::exact(rule.field) } else { *rule };
    of_kind.iter().map(exact).filter(|rule| mixed || says(rule)).collect()
}

/// Compares two values, each with whether it was read. A description says nothing about the fields that it leaves out; what was read
/// on both sides, or is described on both, is compared both ways.
fn compared(rules: &[Rule], left: (&Value, bool), right: (&Value, bool)) -> Vec<Difference> {
    let ids = Ids::default();
    let to_left = || diff(rules, left.0, right.0, &ids).changes.into_iter().map(|change| difference(change, Hand::Left));
    let to_right = || diff(rules, right.0, left.0, &ids).changes.into_iter().map(|change| difference(change, Hand::Right));
    match (left.1, right.1) {
        (true, false) => to_right().collect(),
        (false, true) => to_left().collect(),
        _ => {
            let mut out: Vec<Difference> = to_left().collect();
            let known: BTreeSet<String> = out.iter().map(|difference| difference.path.clone()).collect();
            out.extend(to_right().filter(|difference| !known.contains(&difference.path)));
            out
        }
    }
}

/// Returns a change as a difference. `desired`: the side that would be reached by it.
fn difference(change: Change, desired: Hand) -> Difference {
    let Change { path, before, after, secret, .. } = change;
    let (left, right) = if desired == Hand::Left { (after, before) } else { (before, after) };
    let only = match (&left, &right) {
        (Some(_), None) => Some(Hand::Left),
        (None, Some(_)) => Some(Hand::Right),
        _ => None,
    };
    Difference { path, left, right, only, hidden: secret, same: false }
}

/// Checks whether one of two paths is the other, or lies in it.
fn overlap(one: &str, other: &str) -> bool {
    let within = |path: &str, of: &str| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    within(one, other) || within(other, one)
}

/// Checks whether a table has a field.
fn lists(table: Table, kind: &str, path: &str) -> bool {
    covers(table, kind, &path.split('.').map(str::to_owned).collect::<Vec<_>>())
}

fn covers(table: Table, kind: &str, path: &[String]) -> bool {
    let leads = |field: &str| {
        let mut steps = path.iter();
        field.split('.').all(|part| steps.next().is_some_and(|step| part == "*" || part == step))
    };
    table.iter().any(|(of, fields)| *of == kind && fields.iter().any(|field| leads(field)))
}

/// Returns a value with everything that could be a secret in it hidden.
fn veiled(hidden: Table, kind: &str, path: &mut Vec<String>, value: &Value) -> Value {
    if covers(hidden, kind, path) {
        return NOT_SHOWN.into();
    }
    let mut inside = |step: String, value: &Value| {
        path.push(step);
        let value = veiled(hidden, kind, path, value);
        path.pop();
        value
    };
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), inside(key.clone(), value))).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| inside(at.to_string(), value)).collect(),
        other => other.clone(),
    }
}

/// Returns a value with each of its texts changed.
fn texts(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| texts(item, change)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), texts(value, change))).collect(),
        other => other.clone(),
    }
}
