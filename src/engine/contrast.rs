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

use super::diff::{Change, diff};
use super::item::Item;
use super::key::Key;
use super::plan::Plan;
use super::rules::{self, Rule, What};
use super::scope::Scope;
use super::tags::{self, TAG_PROTECT, TAG_TAGS};
use super::token::Ids;

/// What the tags begin with that are the engine's own.
const OWN_TAGS: &str = "stack:";
/// The tag with an object's name in the cloud.
const NAME_TAG: &str = "Name";
/// The fewest characters by which a text of the cloud is recognised inside of others.
const TELLING: usize = 8;
/// What stands for the names of a side's stack and environment in comparisons. No text has these characters, and nobody sees them.
const STACK: &str = "\u{1}";
const ENV: &str = "\u{2}";
const ACCOUNT: &str = "\u{3}";
const REGION: &str = "\u{4}";
const PREFIX: &str = "\u{5}";
/// The environment whose names begin with the stack's name alone.
const DEFAULT: &str = "default";
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
}

/// Compares two sides.
pub fn contrast(left: Side<'_>, right: Side<'_>, fields: &Fields<'_>) -> Contrast {
    let one = [left, right].iter().any(|side| side.plan.scope.env == DEFAULT);
    let pair = Pair { left: Reading::of(left, one), right: Reading::of(right, one), one, fields };
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

/// What texts of the cloud are called that belong to a side. Pairs of what is replaced and by what, the longest first.
#[derive(Default)]
struct Names {
    /// Texts that name one object wherever they stand, and attributes that are the same as another one of their object.
    telling: Vec<(String, String)>,
    /// Attributes with other texts, which could as well mean something else where they stand.
    plain: Vec<(String, String)>,
}

impl<'a> Reading<'a> {
    fn of(side: Side<'a>, one: bool) -> Self {
        let items = side.plan.items.iter();
        let described = items.clone().filter_map(|item| Some((&item.key, item.desired.as_ref()?))).collect();
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
        let names = if side.read { Names::of(&objects, &side.plan.scope, one) } else { Names::default() };
        Reading { side, objects, described, ids, names }
    }

    /// Returns what an object is, without what only another environment makes different in its tags.
    fn fields(&self, item: &Item) -> Value {
        let value = match &item.before {
            Some(before) if self.side.read => &before.fields,
            _ => item.desired.as_ref().unwrap_or(&Value::Null),
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
    one: bool,
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
        let one = self.one;
        let anywhere =
            |value: &Value, of: &Reading<'_>| texts(value, &|text| named(&neutral(text, &of.side.plan.scope, one), plain));
        let (is, other) = (anywhere(left.0, &self.left), anywhere(right.0, &self.right));
        let differs: BTreeSet<String> =
            compared(&rules, (&is, left.1), (&other, right.1)).into_iter().map(|difference| difference.path).collect();
        // The second comparison calls what has a name of the environment by another one. An image is what it is called.
        let keys = |path: &str| [&self.left, &self.right].map(|of| neutral(path, &of.side.plan.scope, one));
        let stays = |path: &str| {
            path.ends_with(".image") || differs.contains(path) || keys(path).iter().any(|path| differs.contains(path))
        };
        found.retain(|difference| stays(&difference.path) || self.is_of_other(difference));
        found
    }

    /// Adds what is the same text on both sides, and means one of them: the account or an object of one, in the other.
    fn add_of_other(&self, rules: &[Rule], left: (&Value, bool), right: (&Value, bool), found: &mut Vec<Difference>) {
        let own = |value: &Value, of: &Reading<'_>| texts(value, &|text| own(text, &of.side.plan.scope));
        let (is, other) = (own(left.0, &self.left), own(right.0, &self.right));
        let again =
            |value: Option<Value>, of: &Reading<'_>| value.map(|value| texts(&value, &|text| told(text, &of.side.plan.scope)));
        for difference in compared(rules, (&is, left.1), (&other, right.1)) {
            let Difference { path, left, right, only, hidden } = difference;
            let (left, right) = (again(left, &self.left), again(right, &self.right));
            let path = told(&path, &self.left.side.plan.scope);
            if left == right && left.is_some() && !path.ends_with(".image") && !found.iter().any(|known| known.path == path) {
                found.push(Difference { path, left, right, only, hidden });
            }
        }
    }

    /// Checks whether a difference is of a text that is the same on both sides ([`Pair::add_of_other`]).
    fn is_of_other(&self, difference: &Difference) -> bool {
        difference.left.is_some() && difference.left == difference.right
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
    Difference { path, left, right, only, hidden: secret }
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

impl Names {
    fn of(objects: &BTreeMap<&Key, &Item>, scope: &Scope, one: bool) -> Names {
        let mut known: BTreeMap<String, (bool, String)> = BTreeMap::new();
        let (mut telling, mut plain) = (Vec::new(), Vec::new());
        for (key, item) in objects {
            let Some(before) = &item.before else { continue };
            // What a field says itself is compared there.
            let said = leaves(&before.fields);
            let mut of_object: BTreeMap<&str, String> = BTreeMap::new();
            for (attr, value) in attributes(&before.live) {
                let name = if attr == "id" { key.to_string() } else { format!("{key}.{attr}") };
                if let Some(first) = of_object.get(value) {
                    telling.push((name, first.clone()));
                    continue;
                }
                of_object.insert(value, name.clone());
                if !is_telling(value, scope) {
                    plain.push((name, neutral(value, scope, one)));
                    continue;
                }
                let secondary = attr != "id" && attr != "arn";
                let is_first = known.get(value).is_none_or(|(other, _)| *other && !secondary);
                if is_first && !said.contains(value) {
                    known.insert(value.to_owned(), (secondary, name));
                }
            }
        }
        telling.extend(known.into_iter().map(|(value, (_, name))| (value, name)));
        for list in [&mut telling, &mut plain] {
            list.sort_by_key(|(from, _): &(String, String)| std::cmp::Reverse(from.len()));
        }
        Names { telling, plain }
    }
}

/// Returns the text attributes of a live object, its identifiers first.
fn attributes(live: &Value) -> Vec<(&str, &str)> {
    let all = live.as_object().into_iter().flatten();
    let mut out: Vec<(&str, &str)> = all.filter_map(|(attr, value)| Some((attr.as_str(), value.as_str()?))).collect();
    out.sort_by_key(|(attr, _)| (*attr != "id", *attr != "arn", *attr));
    out
}

/// Returns every text of a value.
fn leaves(value: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, out: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => {
                out.insert(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
            Value::Object(map) => map.values().for_each(|item| collect(item, out)),
            _ => {}
        }
    }
    let mut out = BTreeSet::new();
    collect(&Ids::default().resolve(value).unwrap_or_else(|_| value.clone()), &mut out);
    out
}

/// Checks whether a text names one object wherever it stands: an identifier, an ARN, the name of a host.
fn is_telling(text: &str, scope: &Scope) -> bool {
    let is_random = |part: &str| {
        part.len() >= TELLING && part.chars().all(|c| c.is_ascii_hexdigit()) && part.chars().any(|c| c.is_ascii_digit())
    };
    text.len() >= TELLING
        && !text.contains(char::is_whitespace)
        && (text.contains([':', '.'])
            || text.contains(scope.account.as_str())
            || text.split(|c: char| !c.is_alphanumeric()).any(is_random))
}

/// Returns the text with the names of objects in place of what the cloud calls them.
fn named(text: &str, names: &[(String, String)]) -> String {
    let joins = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    names.iter().fold(text.to_owned(), |text, (from, to)| {
        if text.contains(from.as_str()) { substituted(&text, from, to, joins, joins) } else { text }
    })
}

/// Returns the text with marks in place of what only this side has: its account, and the beginning of its names when it is not the
/// default environment, whose names begin as those of all others.
fn own(text: &str, scope: &Scope) -> String {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let text = substituted(text, &scope.account, ACCOUNT, joins, joins);
    if scope.env == DEFAULT { text } else { substituted(&text, &scope.prefix(), PREFIX, joins, joins) }
}

/// Returns the text with what the marks of [`own`] stand for.
fn told(text: &str, scope: &Scope) -> String {
    text.replace(ACCOUNT, &scope.account).replace(PREFIX, &scope.prefix())
}

/// Returns the text without the names of its stack, environment, account and region. `one`: a side is the default environment, whose
/// names begin with that of the stack alone.
fn neutral(text: &str, scope: &Scope, one: bool) -> String {
    let Scope { stack, env, region, account, .. } = scope;
    if text == env {
        return ENV.to_owned();
    }
    let prefix = if one { STACK } else { PREFIX };
    let mut known = vec![(format!("{stack}/{env}"), prefix), (scope.prefix(), prefix), (stack.clone(), STACK)];
    known.push((account.clone(), ACCOUNT));
    // These are words of many texts.
    if env != DEFAULT && env.len() > 2 {
        known.push((env.clone(), ENV));
    }
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let text = known.iter().fold(text.to_owned(), |text, (from, to)| substituted(&text, from, to, joins, joins));
    // A zone is the region and a letter.
    substituted(&text, region, REGION, char::is_alphanumeric, |c| c.is_ascii_digit())
}

/// Returns the text with `to` in place of each `from` that stands alone: not behind or before a character that joins it to another
/// word.
fn substituted(text: &str, from: &str, to: &str, behind: fn(char) -> bool, before: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, _) in text.match_indices(from).filter(|_| !from.is_empty()) {
        let end = at + from.len();
        if text[..at].chars().next_back().is_some_and(behind) || text[end..].chars().next().is_some_and(before) {
            continue;
        }
        out.push_str(&text[copied..at]);
        out.push_str(to);
        copied = end;
    }
    out.push_str(&text[copied..]);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::action::Action;
    use super::super::item::Before;
    use super::super::readiness::Readiness;
    use super::*;

    const RULES: &[Rule] = &[
        Rule::set("subnets"),
        Rule::keyed("containers", "name"),
        Rule::exact("containers.*.environment"),
        Rule::version_prefix("version"),
        Rule::minor_by_itself("version", "automatic", &[]),
        Rule::policy("policy"),
        Rule::create_only("initial"),
        Rule::secret("password"),
        Rule::when_ready("port"),
        Rule::owned("tags"),
    ];
    const FIELDS: Fields<'static> = Fields {
        rules: &|_| RULES,
        sizes: &[("a.thing", &["count", "most"])],
        chosen: &[("a.thing", &["window"])],
        hidden: &[("a.thing", &["containers.*.environment.*", "containers.*.command"])],
    };

    fn scope(env: &str) -> Scope {
        let text = |text: &str| text.to_owned();
        let (region, account) = match env {
            "far" => ("eu-west-1", "222222222222"),
            _ => ("us-east-1", "111111111111"),
        };
        Scope { stack: text("shop"), env: text(env), region: text(region), account: text(account), partition: text("aws") }
    }

    /// An object as its description wants it and as it is, either of which may be missing.
    fn object(name: &str, desired: Value, live: Value, fields: Value) -> Item {
        let item = json!({"key": format!("a.thing/{name}"), "action": Action::Keep, "generation": 1});
        let mut item: Item = serde_json::from_value(item).unwrap();
        if !fields.is_null() && !desired.is_null() {
            item.changes = diff(RULES, &desired, &fields, &Ids::default());
        }
        item.action = if desired.is_null() { Action::Delete } else { Action::Keep };
        item.desired = Some(desired).filter(|desired| !desired.is_null());
        item.before = Some(Before { live, fields, state: Readiness::Ready }).filter(|before| !before.fields.is_null());
        item
    }

    /// An object that is as its description wants it.
    fn as_said(name: &str, fields: Value) -> Item {
        object(name, fields.clone(), json!({}), fields)
    }

    fn plan(env: &str, items: Vec<Item>) -> Plan {
        let plan = json!({"version": 1, "scope": scope(env), "destroy": false, "items": []});
        let mut plan: Plan = serde_json::from_value(plan).unwrap();
        plan.items = items;
        plan
    }

    fn between(left: (&str, Vec<Item>), right: (&str, Vec<Item>)) -> Contrast {
        let (left, right) = (plan(left.0, left.1), plan(right.0, right.1));
        contrast(Side { plan: &left, read: true }, Side { plan: &right, read: true }, &FIELDS)
    }

    /// Objects and paths.
    fn told(list: &[Differing]) -> Vec<String> {
        let of = |object: &Differing| match object.only {
            Some(hand) => vec![format!("{} {hand:?}", object.key.name)],
            None => object.differences.iter().map(|found| format!("{} {}", object.key.name, found.path)).collect(),
        };
        list.iter().flat_map(of).collect()
    }

    /// The suspicious paths of an object with these fields on both sides, in the environments `default` and `other`.
    fn suspicious(left: Value, right: Value, other: &str) -> Vec<String> {
        let item = |fields: Value| vec![object("x", json!({}), json!({}), fields)];
        let found = between(("default", item(left)), (other, item(right)));
        assert!(found.expected.is_empty() && found.sized.is_empty(), "{found:#?}");
        told(&found.suspicious)
    }

    #[test]
    fn identifiers_and_names_of_the_environment_are_no_differences() {
        let side = |env: &str, zone: &str| {
            let (scope, path) = (scope(env), format!("/stack/shop/{env}/web"));
            let prefix = scope.prefix();
            let bucket = format!("arn:aws:s3:::{prefix}-files-{}-{}", scope.account, scope.region);
            let id = format!("sub-0{}", if env == "default" { "a1b2c3d4e" } else { "9f8e7d6c5" });
            let tags = json!({"stack:env": env, "stack:generation": "2", "Name": prefix, "scanner": env});
            let fields = json!({
                "zone": format!("{}{zone}", scope.region),
                "log": path,
                "subnets": [format!("${{=a.thing:{id}}}")],
                "policy": {"Statement": [
                    {"Effect": "Allow", "Action": "x", "Resource": [format!("{bucket}/*"), format!("arn:aws:iam::{}:root", scope.account)]},
                    {"Effect": "Allow", "Action": "y", "Resource": format!("subnet/{id}"), "Condition": {"StringEquals": {"env": env}}},
                ]},
                "text": format!("{prefix}-web of shop in {}", scope.region),
                "tags": tags,
            });
            let live = json!({"id": bucket, "arn": bucket});
            let owner = object("sub", json!({}), json!({"id": id}), json!({}));
            (env.to_owned(), vec![object("x", json!({}), live, fields), owner])
        };
        let (here, there, far) = (side("default", "a"), side("staging", "a"), side("far", "a"));
        for other in [&there, &far] {
            let found = between((here.0.as_str(), here.1.clone()), (other.0.as_str(), other.1.clone()));
            assert_eq!(found, Contrast { same: 2, ..Contrast::default() }, "{found:#?}");
        }
        let other_zone = side("staging", "b");
        let found = between((here.0.as_str(), here.1), (other_zone.0.as_str(), other_zone.1));
        assert_eq!(told(&found.suspicious), ["x zone"]);
    }

    #[test]
    fn what_only_looks_like_a_name_is_the_same_on_both_sides() {
        let image = json!({"image": "registry/shop:default", "group": "default.postgres16", "path": "/shop-window"});
        assert!(suspicious(image.clone(), image, "staging").is_empty());
        assert_eq!(suspicious(json!({"a": "workshop"}), json!({"a": "work"}), "staging"), ["x a"]);
    }

    #[test]
    fn a_container_called_like_the_stack_is_compared() {
        let fields =
            |image: &str, level: &str| json!({"containers": [{"name": "shop", "image": image, "environment": {"A": level}}]});
        let found = |image: &str, level: &str| suspicious(fields("shop:1", "a"), fields(image, level), "staging");
        assert_eq!(found("shop:1", "a"), [""; 0]);
        assert_eq!(found("shop:2", "a"), ["x containers.shop.image"]);
        assert_eq!(found("shop:1", "b"), ["x containers.shop.environment.A"]);
    }

    #[test]
    fn what_points_at_the_other_environment_is_seen() {
        let role = json!({"text": "arn:aws:iam::111111111111:role/x"});
        assert_eq!(suspicious(role.clone(), role, "far"), ["x text"]);
        let item = |text: &str| vec![object("x", json!({}), json!({}), json!({"text": text}))];
        let between = |left: &str, right: &str| between(("production", item(left)), ("staging", item(right)));
        assert_eq!(between("shop-production-orders", "shop-staging-orders").same, 1);
        for same in ["shop-production-orders", "shop-staging-orders"] {
            let found = between(same, same);
            assert_eq!(told(&found.suspicious), ["x text"]);
            let difference = &found.suspicious[0].differences[0];
            assert_eq!((&difference.left, &difference.right), (&Some(json!(same)), &Some(json!(same))));
        }
        // That of the default environment is no other name for one of its own.
        assert_eq!(told(&between("shop-production-orders", "shop-orders").suspicious), ["x text"]);
        assert_eq!(between("orders", "orders").same, 1);
    }

    #[test]
    fn an_object_of_the_other_environment_is_another_one() {
        let side = |own: &str, used: &str| {
            let queue = object("queue", json!({}), json!({"id": format!("arn:aws:sqs:us-east-1:1:{own}")}), json!({}));
            vec![object("x", json!({}), json!({}), json!({"text": format!("send to arn:aws:sqs:us-east-1:1:{used}")})), queue]
        };
        let found = between(("production", side("one", "one")), ("staging", side("two", "two")));
        assert_eq!(found.same, 2);
        let found = between(("production", side("one", "one")), ("staging", side("two", "one")));
        assert_eq!(told(&found.suspicious), ["x text"]);
        assert_eq!(found.suspicious[0].differences[0].left, Some(json!("send to a.thing/queue")));
    }

    #[test]
    fn differences_are_expected_sized_or_suspicious() {
        let production = vec![
            as_said("x", json!({"count": 3, "class": "large", "mode": "a"})),
            // Changed by hand in `staging`, but not as the description says.
            as_said("y", json!({"count": 2, "mode": "a", "most": 5})),
        ];
        let staging = vec![
            as_said("x", json!({"count": 1, "class": "small", "mode": "a"})),
            object("y", json!({"count": 1, "mode": "a"}), json!({}), json!({"count": 7, "mode": "b", "most": 5, "extra": true})),
        ];
        let found = between(("production", production), ("staging", staging));
        assert_eq!(told(&found.expected), ["x count", "x class"]);
        assert_eq!(told(&found.sized), ["y count"]);
        assert_eq!(told(&found.suspicious), ["y mode", "y extra"]);
        assert_eq!((found.same, found.is_expected()), (0, false));
        let extra = &found.suspicious[0].differences[1];
        assert_eq!((&extra.left, &extra.right, extra.only), (&None, &Some(json!(true)), Some(Hand::Right)));
    }

    #[test]
    fn versions_differ_though_the_description_lets_them() {
        let version = |version: &str| {
            vec![object("x", json!({"version": "16"}), json!({}), json!({"version": version, "automatic": true, "initial": 1}))]
        };
        let found = between(("production", version("16.4")), ("staging", version("16.8")));
        assert_eq!(told(&found.suspicious), ["x version"]);
    }

    #[test]
    fn what_one_side_alone_has_is_expected_when_the_descriptions_say_so() {
        let there = |name: &str| object(name, Value::Null, json!({}), json!({}));
        let gone = |name: &str| object(name, json!({}), json!({}), Value::Null);
        let production = vec![as_said("both", json!({})), as_said("more", json!({})), gone("lost"), there("stray")];
        let staging = vec![as_said("both", json!({})), as_said("lost", json!({}))];
        let found = between(("production", production), ("staging", staging));
        assert_eq!(told(&found.expected), ["more Left"]);
        assert_eq!(told(&found.suspicious), ["lost Right", "stray Left"]);
        assert_eq!(found.same, 1);
    }

    #[test]
    fn variables_are_named_and_never_shown() {
        let container = |environment: Value, image: &str| {
            let command = ["run", environment["A"].as_str().unwrap()];
            json!({"containers": [{"name": "web", "image": image, "command": command, "environment": environment}]})
        };
        let left = container(json!({"A": "hunter2", "B": "alike"}), "i:1");
        let right = container(json!({"A": "hunter3", "B": "alike", "C": "hunter4"}), "i:2");
        let item = |fields: &Value| vec![object("x", json!({}), json!({}), fields.clone())];
        let found = between(("production", item(&left)), ("staging", item(&right)));
        let differences = &found.suspicious[0].differences;
        let told: Vec<(&str, bool, Option<Hand>)> = differences.iter().map(|d| (d.path.as_str(), d.hidden, d.only)).collect();
        assert_eq!(
            told,
            [
                ("containers.web.image", false, None),
                ("containers.web.command", true, None),
                ("containers.web.environment.A", true, None),
                ("containers.web.environment.C", true, Some(Hand::Right)),
            ]
        );
        // Inside of a container that only one side has.
        let none = json!({"containers": []});
        for found in [found, between(("production", item(&left)), ("staging", item(&none)))] {
            let json = serde_json::to_string(&found).unwrap();
            assert!(json.contains("environment") && !json.contains("hunter") && !json.contains("alike"), "{json}");
        }
        assert_eq!(suspicious(json!({"password": "a"}), json!({"password": "b"}), "staging"), ["x password"]);
    }

    #[test]
    fn what_the_cloud_chooses_or_does_not_tell_yet_is_no_difference() {
        assert!(suspicious(json!({"window": "sun:03"}), json!({"window": "mon:04"}), "staging").is_empty());
        let said = |window: &str| vec![as_said("x", json!({"window": window}))];
        assert_eq!(told(&between(("a", said("sun:03")), ("b", said("mon:04"))).expected), ["x window"]);
        let port = |fields: Value, state: Readiness| {
            let mut item = object("x", json!({}), json!({}), fields);
            item.before.as_mut().unwrap().state = state;
            vec![item]
        };
        let found = between(
            ("a", port(json!({"port": 1}), Readiness::Ready)),
            ("b", port(json!({"port": null}), Readiness::waiting("creating"))),
        );
        assert_eq!(found.same, 1);
    }

    #[test]
    fn tags_of_others_do_not_count_and_protection_does() {
        let tags = |tags: Value| json!({"tags": tags});
        let marks = tags::marks([&"team".to_owned()].into_iter()).unwrap();
        let left = tags(json!({"team": "web", "cost": "1", "stack:tags": marks, "stack:key": "a", "stack:protect": "true"}));
        let right = tags(json!({"team": "ops", "cost": "2", "stack:tags": marks, "stack:key": "b"}));
        assert_eq!(suspicious(left, right, "staging"), ["x tags.team", "x tags.stack:protect"]);
    }

    #[test]
    fn a_description_is_compared_with_what_runs() {
        let fields = json!({"version": "16.4", "count": 2, "key": "${=a.thing.arn:arn:aws:kms:us-east-1:1:key/k}", "other": 1, "log": "/stack/shop/staging/x", "text": "cluster/shop-staging-2"});
        let live =
            json!({"id": "arn:aws:kms:us-east-1:1:key/k", "arn": "arn:aws:kms:us-east-1:1:key/k", "name": "shop-staging-2"});
        let desired = json!({"version": "16", "count": 2, "key": "${a.thing/x.arn}", "other": null, "log": "/stack/shop/production/x", "text": "cluster/${a.thing/x.name}"});
        let runs = plan("staging", vec![object("x", json!({"count": 2}), live, fields)]);
        let said = |count: i64| {
            let mut desired = desired.clone();
            desired["count"] = count.into();
            plan("production", vec![object("x", desired, json!({}), Value::Null)])
        };
        let found = |said: &Plan| contrast(Side { plan: said, read: false }, Side { plan: &runs, read: true }, &FIELDS);
        assert_eq!(found(&said(2)), Contrast { same: 1, ..Contrast::default() });
        let other = found(&said(5));
        assert_eq!(told(&other.expected), ["x count"]);
        assert_eq!(other.expected[0].differences[0].left, Some(json!(5)));
        // Two descriptions.
        let (one, two) = (said(1), said(2));
        let found = contrast(Side { plan: &one, read: false }, Side { plan: &two, read: false }, &FIELDS);
        assert_eq!((told(&found.expected), found.is_expected()), (vec!["x count".to_owned()], true));
    }

    #[test]
    fn the_half_that_stays_is_compared_and_the_other_is_not() {
        let half = |desired: Value, generation: u32, count: i64| {
            let mut item = object("x", desired, json!({}), json!({"count": count}));
            item.generation = generation;
            item
        };
        let halves = vec![half(Value::Null, 1, 9), half(json!({"count": 2}), 2, 2)];
        let mut leaving = object("y", json!({}), json!({}), json!({}));
        leaving.before.as_mut().unwrap().state = Readiness::Leaving("deleting".into());
        let found = between(("a", halves), ("b", vec![as_said("x", json!({"count": 2})), leaving]));
        assert_eq!(found, Contrast { same: 1, ..Contrast::default() });
    }
}
