//! References to objects of a kind. A [`Ref`] in a field *is* the dependency; as a value it is a [`Token`].

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::error::{Error, Result};
use super::key::Key;
use super::resource::{Cloud, Resource};
use super::token::{Need, Token, whole};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Named { name: String, need: Need },
    Physical(String),
}

/// A reference to an object of kind `R`: to a name in this stack, or to an identifier of AWS.
pub struct Ref<R> {
    target: Target,
    attr: Cow<'static, str>,
    kind: PhantomData<fn() -> R>,
}

impl<R: Resource> Ref<R> {
    /// Returns a reference to the object of this stack with that name.
    pub fn to(name: impl Into<String>) -> Self {
        Ref { target: Target::Named { name: name.into(), need: Need::Exists }, attr: "id".into(), kind: PhantomData }
    }

    /// Returns a reference to an object by the identifier that AWS gave it.
    pub fn physical(id: impl Into<String>) -> Self {
        Ref { target: Target::Physical(id.into()), attr: "id".into(), kind: PhantomData }
    }

    /// Refers to another attribute than the identifier: a field of the kind's `Live`.
    pub fn attr(mut self, attr: &'static str) -> Self {
        self.attr = attr.into();
        self
    }

    /// Waits until the object serves, not only until it exists.
    pub fn ready(mut self) -> Self {
        if let Target::Named { need, .. } = &mut self.target {
            *need = Need::Ready;
        }
        self
    }

    /// Returns AWS's identifier. Only a reference that the engine has resolved has one.
    ///
    /// # Errors
    /// When the reference still names an object of the file, which is a defect of the engine.
    pub fn id(&self) -> Result<&str> {
        match &self.target {
            Target::Physical(id) => Ok(id),
            Target::Named { .. } => Err(Error::internal(format!("the reference {self} was used before it was resolved"))),
        }
    }

    /// Returns the key that it names, when it names one.
    pub fn key(&self) -> Option<Key> {
        match &self.target {
            Target::Named { name, .. } => Some(Key::new(R::KIND, name.clone())),
            Target::Physical(_) => None,
        }
    }
}

impl<R: Resource> fmt::Display for Ref<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attr = if self.attr == "id" { String::new() } else { format!(".{}", self.attr) };
        match &self.target {
            Target::Named { name, need } => {
                write!(f, "${{{}/{name}{attr}{}}}", R::KIND, if *need == Need::Ready { "!" } else { "" })
            }
            Target::Physical(id) => write!(f, "${{={}{attr}:{id}}}", R::KIND),
        }
    }
}

impl<R: Resource> fmt::Debug for Ref<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<R> Clone for Ref<R> {
    fn clone(&self) -> Self {
        Ref { target: self.target.clone(), attr: self.attr.clone(), kind: PhantomData }
    }
}

impl<R> PartialEq for Ref<R> {
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target && self.attr == other.attr
    }
}

impl<R: Resource> Serialize for Ref<R> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, R: Resource> Deserialize<'de> for Ref<R> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // In a file `ec2.vpc/main` will do; inside, references carry their braces.
        if let Some(name) = text.strip_prefix(R::KIND).and_then(|rest| rest.strip_prefix('/')) {
            let (name, attr) = name.split_once('.').unwrap_or((name, "id"));
            return Ok(Ref {
                target: Target::Named { name: name.to_owned(), need: Need::Exists },
                attr: Cow::Owned(attr.to_owned()),
                kind: PhantomData,
            });
        }
        match whole(&text) {
            // No identifier of AWS looks like an object of a stack.
            None if text.parse::<Key>().is_ok() => {
                Err(serde::de::Error::custom(format!("expected a reference to a `{}`, found `{text}`", R::KIND)))
            }
            None => Ok(Ref::physical(text)),
            Some(Token::Named { key, attr, need }) if key.kind == R::KIND => {
                Ok(Ref { target: Target::Named { name: key.name, need }, attr: Cow::Owned(attr.to_owned()), kind: PhantomData })
            }
            Some(Token::Physical { kind, attr, value }) if kind == R::KIND => {
                Ok(Ref { target: Target::Physical(value.to_owned()), attr: Cow::Owned(attr.to_owned()), kind: PhantomData })
            }
            Some(_) => Err(serde::de::Error::custom(format!("expected a reference to a `{}`, found `{text}`", R::KIND))),
        }
    }
}

impl<R: Resource> JsonSchema for Ref<R> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Ref_{}", R::KIND).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "description": format!("An object of kind `{0}`: `{0}/NAME` for one of this stack, or the identifier that {1} gave it.", R::KIND, R::Cloud::NAME),
            (REFERS): R::KIND,
        })
    }
}

/// In a schema: the kind that a text refers to, or `*` for any.
pub const REFERS: &str = "x-refers";

/// A reference to an object of any kind, where only the order matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AnyRef(String);

impl<'de> Deserialize<'de> for AnyRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // In a file `ec2.vpc/main` will do, as for a typed reference.
        let bare = text.parse::<Key>().is_ok();
        Ok(AnyRef(if bare { format!("${{{text}}}") } else { text }))
    }
}

impl JsonSchema for AnyRef {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "An object of this stack, `KIND/NAME`: this one is created after it and deleted before it.",
            (REFERS): "*",
        })
    }
}

impl<R: Resource> From<Ref<R>> for AnyRef {
    fn from(reference: Ref<R>) -> Self {
        AnyRef(reference.to_string())
    }
}
