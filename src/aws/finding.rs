//! What a check finds, and what checks ask of a plan.

use serde_json::Value;

use crate::engine::{Action, Item, Key, Plan, token};

/// How certain a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// AWS will refuse it.
    Refused,
    /// AWS may refuse it.
    Doubtful,
    /// It could not be found out.
    Unknown,
    /// AWS will do it, and it is worth knowing.
    Told,
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How certain it is.
    pub certainty: Certainty,
    /// The object.
    pub key: Option<Key>,
    /// What it is, in a sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Finding {
    pub(in crate::aws) fn new(certainty: Certainty, message: impl Into<String>) -> Finding {
        Finding { certainty, key: None, message: message.into(), help: None }
    }

    pub(in crate::aws) fn refused(key: &Key, message: impl Into<String>, help: impl Into<String>) -> Finding {
        Finding::new(Certainty::Refused, message).about(key).help(help)
    }

    pub(in crate::aws) fn about(mut self, key: &Key) -> Finding {
        self.key = Some(key.clone());
        self
    }

    pub(in crate::aws) fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }
}

/// Returns the words as `a, b and c`.
pub(in crate::aws) fn listed<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Checks whether the plan creates it.
pub(in crate::aws) fn is_made(item: &Item) -> bool {
    matches!(item.action, Action::Create | Action::Replace)
}

/// Checks whether the plan creates it, or changes one of these fields.
pub(in crate::aws) fn is_new(item: &Item, fields: &[&str]) -> bool {
    is_made(item) || item.action == Action::Update && fields.iter().any(|field| item.changes.touches(field))
}

/// Checks whether a subnet group is changed in place: it may lose a subnet.
pub(in crate::aws) fn loses_subnets(item: &Item) -> bool {
    item.action == Action::Update && item.changes.touches("subnets")
}

/// Returns what the plan creates.
pub(in crate::aws) fn made(plan: &Plan) -> impl Iterator<Item = &Item> {
    plan.items.iter().filter(|item| is_made(item))
}

pub(in crate::aws) fn of_kind<'a>(plan: &'a Plan, kind: &'a str) -> impl Iterator<Item = &'a Item> {
    plan.items.iter().filter(move |item| item.key.kind == kind)
}

/// Returns the desired fields of an item; where the plan leaves it alone, the current ones.
pub(in crate::aws) fn fields(item: &Item) -> Option<&Value> {
    item.desired.as_deref().or(item.before.as_ref().map(|before| before.fields.as_ref()))
}

pub(in crate::aws) fn field<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    fields(item)?.get(name)?.as_str()
}

/// Checks whether a field has a text that is not empty, or is true.
pub(in crate::aws) fn is_given(item: &Item, name: &str) -> bool {
    let given = |v: &Value| v.as_str().is_some_and(|text| !text.is_empty()) || *v == Value::Bool(true);
    fields(item).and_then(|f| f.get(name)).is_some_and(given)
}

/// Returns the object of the plan that a field refers to.
pub(in crate::aws) fn referred<'a>(plan: &'a Plan, value: Option<&Value>) -> Option<&'a Item> {
    let key = token::named(value?).into_keys().next()?;
    plan.items.iter().find(|item| item.key == key)
}

/// Returns AWS's identifiers that a field refers to.
pub(in crate::aws) fn physical(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    token::visit(value, &mut |token| {
        if let token::Token::Physical { value, .. } = token {
            found.push(value.to_owned());
        }
    });
    found
}

/// Checks whether `version` is `wanted` or one of it: `16.4` is a `16`.
pub(in crate::aws) fn is_of(version: &str, wanted: &str) -> bool {
    version.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_of_its_prefix() {
        assert!(is_of("16.4", "16") && is_of("16.4", "16.4") && !is_of("160.1", "16") && !is_of("16", "16.4"));
    }

    #[test]
    fn words_are_listed_as_people_do() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }
}
