//! The only comparison.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::key::Key;
use super::policy::{self, sorted};
use super::rules::{self, Rule, What};
use super::tags;
use super::token::Ids;

/// One field that is not as it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Where: `health.path`, `containers.web.image`.
    pub path: String,
    /// What it is; absent when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is to be; absent when it is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// The object whose identifier is not known before it is made, when that is what `after` waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Key>,
    /// AWS cannot change this field.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forces_replacement: bool,
    /// Nothing can make it so, a replacement neither; why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
    /// The values must not be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// Every field that is not as it should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Diff {
    /// In the order of the struct's fields.
    pub changes: Vec<Change>,
}

impl Diff {
    /// Returns a diff that names whole fields, as `update` gets it for what `create` leaves to it.
    pub fn of_fields(desired: &Value, fields: impl IntoIterator<Item = &'static str>) -> Self {
        let changes = fields
            .into_iter()
            .filter_map(|field| {
                let after = desired.get(field).filter(|value| !value.is_null() && !is_empty(value))?;
                Some(Change {
                    path: field.to_owned(),
                    before: None,
                    after: Some(after.clone()),
                    unknown: None,
                    forces_replacement: false,
                    impossible: None,
                    secret: false,
                })
            })
            .collect();
        Diff { changes }
    }

    /// Checks whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Checks whether the field `path`, or something inside it, differs.
    pub fn touches(&self, path: &str) -> bool {
        self.changes.iter().any(|c| c.path == path || c.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Checks whether anything but `paths` differs.
    pub fn touches_other_than(&self, paths: &[&str]) -> bool {
        self.changes
            .iter()
            .any(|c| !paths.iter().any(|p| c.path == *p || c.path.strip_prefix(p).is_some_and(|rest| rest.starts_with('.'))))
    }

    /// Returns the keys of the map `path` that are to be removed.
    pub fn removed_keys(&self, path: &str) -> Vec<String> {
        self.changes
            .iter()
            .filter(|c| c.after.is_none() && c.unknown.is_none())
            .filter_map(|c| c.path.strip_prefix(path)?.strip_prefix('.').map(str::to_owned))
            .collect()
    }

    /// Returns the keys of the map `path` that are to be written.
    pub fn written_keys(&self, path: &str) -> Vec<String> {
        self.changes
            .iter()
            .filter(|c| c.after.is_some() || c.unknown.is_some())
            .filter_map(|c| c.path.strip_prefix(path)?.strip_prefix('.').map(str::to_owned))
            .collect()
    }

    /// Returns the diff without the fields that AWS reports only for an object that is ready: for one that is not.
    #[must_use]
    pub fn known(mut self, rules: &[Rule]) -> Self {
        self.changes.retain(|change| {
            let path: Vec<String> = change.path.split('.').take(1).map(str::to_owned).collect();
            !rules::is(rules, &path, What::WhenReady)
        });
        self
    }

    /// Allows every size: for what begins without the data of what exists.
    pub fn let_shrink(&mut self, rules: &[Rule]) {
        for change in &mut self.changes {
            let path: Vec<String> = change.path.split('.').map(str::to_owned).collect();
            if rules::is(rules, &path, What::Grows) {
                change.impossible = None;
            }
        }
    }

    /// Returns, in words, the differences that no call can remove.
    pub fn impossible(&self) -> Option<String> {
        let told: Vec<String> =
            self.changes.iter().filter_map(|c| Some(format!("`{}`: {}", c.path, c.impossible.as_ref()?))).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// Returns the fields that AWS cannot change.
    pub fn forcing(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|c| c.forces_replacement)
    }
}

/// Checks whether two values are the same without looking up what references resolve to: those are never.
fn is_literally(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one == other && !one.contains("${"),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_literally(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(key, value)| other.get(key).is_some_and(|other| is_literally(value, other));
            one.len() == other.len() && one.iter().all(same)
        }
        _ => one == other,
    }
}

fn is_something(value: &Value) -> bool {
    !value.is_null() && !is_empty(value)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Returns how `observed` differs from `desired`. Pure, and the only comparison there is.
///
/// A `null` or absent field of `desired` is "don't care". References are compared by what they resolve to in
/// `ids`; one that does not resolve yet is a change whose value becomes known later.
pub fn diff(rules: &[Rule], desired: &Value, observed: &Value, ids: &Ids) -> Diff {
    diff_with_notes(rules, desired, observed, ids).0
}

/// Returns the same, and in words what the cloud changed by itself because it was allowed to: that is no difference.
pub(super) fn diff_with_notes(rules: &[Rule], desired: &Value, observed: &Value, ids: &Ids) -> (Diff, Vec<String>) {
    let mut notes = Vec::new();
    let mut walk = Walk { rules, ids, path: Vec::new(), changes: Vec::new() };
    walk.compare(desired, Some(observed));
    let mut changes = walk.changes;
    // What AWS lets grow by itself, up to a limit that is desired too, is as desired up to there.
    changes.retain(|change| {
        let Some(limit) = rules::grows_to(rules, &change.path) else { return true };
        let number = |value: Option<&Value>| value.and_then(Value::as_f64);
        let (before, limit) = (number(change.before.as_ref()), number(desired.get(limit)));
        change.impossible.is_none() || !before.zip(limit).is_some_and(|(before, limit)| before <= limit)
    });
    changes.retain_mut(|change| {
        let (Some(Value::String(before)), Some(Value::String(after)), true) =
            (&change.before, &change.after, change.impossible.is_some())
        else {
            return true;
        };
        let whose = rules::version_of(rules, &change.path);
        let text = |value: &Value| value.get(whose?).and_then(Value::as_str).map(str::to_owned);
        let (wanted, is) = (text(desired), text(observed));
        if wanted.is_some() && is.is_some() && wanted != is {
            change.impossible = None;
            return true;
        }
        let Some((allowed_by, two_numbers)) = rules::minor_by_itself(rules, &change.path) else { return true };
        let allowed = [desired, observed].into_iter().find_map(|value| value.get(allowed_by)?.as_bool()).unwrap_or(false);
        let length = if wanted.or(is).is_some_and(|it| two_numbers.contains(&it.as_str())) { 2 } else { 1 };
        if !allowed || !same_major(before, after, length) {
            return true;
        }
        notes.push(format!("`{}`: it is {before}, which `{allowed_by}` allows; {after} in the file is older", change.path));
        false
    });
    (Diff { changes }, notes)
}

/// Checks whether the first `length` numbers of two versions are the same.
pub fn same_major(one: &str, other: &str, length: usize) -> bool {
    let major = |version: &str| version.split('.').take(length).map(str::to_owned).collect::<Vec<_>>();
    major(one) == major(other)
}

struct Walk<'a> {
    rules: &'a [Rule],
    ids: &'a Ids,
    path: Vec<String>,
    changes: Vec<Change>,
}

impl Walk<'_> {
    fn is(&self, what: What) -> bool {
        !self.path.is_empty() && rules::is(self.rules, &self.path, what)
    }

    fn push(&mut self, before: Option<&Value>, after: Option<&Value>, unknown: Option<Key>) {
        self.changes.push(Change {
            path: self.path.join("."),
            before: before.filter(|v| !v.is_null()).map(|v| self.ids.symbolic(v)),
            after: after.map(|v| self.ids.symbolic(v)),
            unknown,
            forces_replacement: rules::is_within(self.rules, &self.path, What::Immutable)
                || self.is(What::Once) && before.is_some_and(is_something) && after.is_some_and(is_something),
            impossible: None,
            secret: rules::is_within(self.rules, &self.path, What::Secret),
        });
    }

    fn compare(&mut self, desired: &Value, observed: Option<&Value>) {
        // Most is as desired, and what is the same to the letter is the same under every rule.
        if observed.is_some_and(|observed| is_literally(desired, observed)) {
            return;
        }
        if desired.is_null() || self.is(What::CreateOnly) || self.is(What::OrderOnly) {
            return;
        }
        if self.is(What::IfTold) && observed.is_none_or(Value::is_null) {
            return;
        }
        if self.is(What::Set) {
            return self.compare_set(desired, observed);
        }
        if let Some(by) = rules::keyed_by(self.rules, &self.path) {
            return self.compare_maps(&index(desired, by), observed.map(|o| index(o, by)).as_ref(), true);
        }
        if self.is(What::Policy) {
            return self.compare_as(desired, observed, policy::canonical);
        }
        match (desired, observed) {
            (Value::Object(d), Some(Value::Object(o))) if self.is(What::Owned) => {
                self.compare_maps(d, Some(&tags::concerning(d, o)), true);
            }
            (Value::Object(d), Some(Value::Object(o))) => {
                let exact = self.is(What::Exact);
                self.compare_maps(d, Some(o), exact);
            }
            (Value::Object(d), None | Some(Value::Null)) => {
                if d.is_empty() {
                    // An empty map where there is none.
                } else {
                    self.compare_maps(d, None, false);
                }
            }
            (Value::Array(d), Some(Value::Array(o))) if d.len() == o.len() && d.iter().any(Value::is_object) => {
                for (i, (d, o)) in d.iter().zip(o).enumerate() {
                    self.path.push(i.to_string());
                    self.compare(d, Some(o));
                    self.path.pop();
                }
            }
            (Value::Array(d), None | Some(Value::Null)) if d.is_empty() => {}
            _ => self.compare_as(desired, observed, Value::clone),
        }
    }

    fn compare_maps(&mut self, desired: &Map<String, Value>, observed: Option<&Map<String, Value>>, exact: bool) {
        for (key, value) in desired {
            self.path.push(key.clone());
            match observed.and_then(|o| o.get(key)) {
                // A new entry of a map is one change, not one for every field of it.
                None | Some(Value::Null) if exact && !value.is_null() => {
                    let unknown = self.ids.resolve(value).err();
                    self.push(None, Some(value), unknown);
                }
                found => self.compare(value, found),
            }
            self.path.pop();
        }
        if exact {
            for (key, value) in observed.into_iter().flatten() {
                if !desired.contains_key(key) && !value.is_null() {
                    self.path.push(key.clone());
                    self.push(Some(value), None, None);
                    self.path.pop();
                }
            }
        }
    }

    fn compare_set(&mut self, desired: &Value, observed: Option<&Value>) {
        let (Value::Array(d), o) = (desired, observed.and_then(Value::as_array)) else {
            return self.compare_as(desired, observed, Value::clone);
        };
        if d.is_empty() && o.is_none_or(Vec::is_empty) {
            return;
        }
        if self.is(What::AtLeast) && o.is_some_and(|o| d.iter().all(|one| o.contains(one))) {
            return;
        }
        self.compare_as(desired, observed, sorted);
    }

    /// Compares what both sides resolve to, after `canonical`.
    fn compare_as(&mut self, desired: &Value, observed: Option<&Value>, canonical: fn(&Value) -> Value) {
        let resolved = match self.ids.resolve(desired) {
            Ok(resolved) => resolved,
            Err(unknown) => return self.push(observed, Some(desired), Some(unknown)),
        };
        let plain = observed.map(|o| self.ids.resolve(o).unwrap_or_else(|_| o.clone())).unwrap_or(Value::Null);
        let mut impossible = None;
        let same = match (&resolved, &plain) {
            (Value::String(d), Value::String(o)) if self.is(What::VersionPrefix) => {
                impossible = older(d, o).then(|| format!("it is {o} and cannot go back to {d}"));
                satisfies(d, o)
            }
            (Value::Number(d), Value::Number(o)) if self.is(What::Grows) && o.as_f64() > d.as_f64() => {
                impossible = Some(format!("it is {o} and cannot shrink to {d}"));
                false
            }
            (Value::Number(d), Value::Number(o)) if self.is(What::Grows) => {
                impossible = rules::grows_by(self.rules, &self.path).and_then(|percent| {
                    let (d, o) = (d.as_u64()?, o.as_u64()?);
                    let least = (o * (100 + u64::from(percent))).div_ceil(100);
                    (d > o && d < least).then(|| {
                        format!("it is {o} and can only grow by at least {percent} %: set {least} or more instead of {d}")
                    })
                });
                d == o || d.as_f64() == o.as_f64()
            }
            (Value::Number(d), Value::Number(o)) if self.is(What::AtLeast) => o.as_f64() >= d.as_f64(),
            (Value::Number(d), Value::Number(o)) if self.is(What::AtMost) => o.as_f64() <= d.as_f64(),
            (d, o) => same(&canonical(d), &canonical(o)),
        };
        if let (false, Value::String(d), Value::String(o), Some(steps)) =
            (same, &resolved, &plain, rules::becomes(self.rules, &self.path))
            && !steps.contains(&(o.as_str(), d.as_str()))
        {
            impossible = Some(format!("it is {o} and cannot become {d}"));
        }
        if let (false, None, Some(instead)) = (same, &impossible, rules::fixed(self.rules, &self.path)) {
            let plainly = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            impossible = Some(format!("it is {} and cannot become {}: {instead}", plainly(&plain), plainly(&resolved)));
        }
        if !same {
            // Of a document only what differs is shown: a reference is no difference from what it stands for.
            let shown = if self.is(What::Policy) { &resolved } else { desired };
            self.push(observed, Some(shown), None);
            if let Some(change) = self.changes.last_mut() {
                change.impossible = impossible;
            }
        }
    }
}

/// Checks whether they are equal, where a desired `null` inside is "don't care" and 1 equals 1.0.
fn same(desired: &Value, observed: &Value) -> bool {
    match (desired, observed) {
        (Value::Null, _) => true,
        (Value::Number(d), Value::Number(o)) => d == o || d.as_f64() == o.as_f64(),
        (Value::Array(d), Value::Array(o)) => d.len() == o.len() && d.iter().zip(o).all(|(d, o)| same(d, o)),
        (Value::Object(d), Value::Object(o)) => d.iter().all(|(k, d)| same(d, o.get(k).unwrap_or(&Value::Null))),
        (d, o) => d == o,
    }
}

/// Checks whether version `observed` is `desired` or a more exact one: `16` is satisfied by `16.4`, not by `160`.
fn satisfies(desired: &str, observed: &str) -> bool {
    observed.strip_prefix(desired).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Checks whether every version that begins like `desired` is older than `observed`.
fn older(desired: &str, observed: &str) -> bool {
    let numbers = |text: &str| text.split('.').map_while(|n| n.parse::<u64>().ok()).collect::<Vec<_>>();
    let (desired, observed) = (numbers(desired), numbers(observed));
    let length = desired.len().min(observed.len());
    desired[..length] < observed[..length]
}

fn index(value: &Value, by: &str) -> Map<String, Value> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            let key = match item.get(by) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            (key, item.clone())
        })
        .collect()
}

#[cfg(test)]
mod tests;
