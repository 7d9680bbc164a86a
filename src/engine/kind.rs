//! A kind without its type, and the registry of kinds: here types are erased, once.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use super::action::{Order, Verb};
use super::context::{Cx, typed};
use super::diff::Diff;
use super::effect::Effect;
use super::error::{Error, Result};
use super::readiness::Readiness;
use super::resource::{Blocker, Cloud, Resource, Serving, Usual};
use super::rest::Pause;
use super::rules::Rule;
use super::scope::Claim;

/// What is the same for all objects of a kind: the constants of its [`Resource`].
#[derive(Clone, Copy, Debug)]
pub struct KindInfo {
    /// See [`Resource::KIND`].
    pub name: &'static str,
    /// See [`Resource::RULES`].
    pub rules: &'static [Rule],
    /// See [`Resource::USUAL`].
    pub usual: Usual,
    /// See [`Resource::TAGGED`].
    pub tagged: bool,
    /// See [`Resource::FEW_TAGS`].
    pub few_tags: bool,
    /// See [`Resource::HOLDS_DATA`].
    pub holds_data: bool,
    /// See [`Resource::REVISIONED`].
    pub revisioned: bool,
    /// See [`Resource::STEPWISE`].
    pub stepwise: bool,
    /// See [`Resource::REPEATABLE`].
    pub repeatable: bool,
    /// See [`Resource::PREPARES`].
    pub prepares: &'static [Verb],
    /// See [`Resource::JOINT`].
    pub joint: bool,
    /// See [`Resource::LEFTOVER`].
    pub leftover: bool,
    /// See [`Resource::SOLE`].
    pub sole: bool,
    /// See [`Resource::PROVEN`].
    pub proven: &'static [&'static str],
}

impl KindInfo {
    const fn of<R: Resource>() -> KindInfo {
        KindInfo {
            name: R::KIND,
            rules: R::RULES,
            usual: R::USUAL,
            tagged: R::TAGGED,
            few_tags: R::FEW_TAGS,
            holds_data: R::HOLDS_DATA,
            revisioned: R::REVISIONED,
            stepwise: R::STEPWISE,
            repeatable: R::REPEATABLE,
            prepares: R::PREPARES,
            joint: R::JOINT,
            leftover: R::LEFTOVER,
            sole: R::SOLE,
            proven: R::PROVEN,
        }
    }
}

/// An observed object without its type.
#[derive(Clone, Debug)]
pub struct RawObserved {
    /// Whose it is.
    pub claim: Claim,
    /// Ids, ARNs, endpoints.
    pub live: Value,
    /// The struct as a value.
    pub fields: Value,
    /// Whether it is finished.
    pub state: Readiness,
}

/// What a file may refer to of an object: `arn` in `${iam.role/web.arn}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The field's name in the kind's `Live`.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// It is known only once the object serves.
    pub later: bool,
}

/// In the schema of a kind: its attributes by name, each with what it is.
pub const ATTRIBUTES: &str = "x-attributes";

/// A kind without its type: what the engine works with.
pub trait Kind<C>: Send + Sync {
    /// Returns what is the same for all objects of the kind.
    fn info(&self) -> &KindInfo;
    /// See [`Resource::replace_order`].
    fn replace_order(&self, diff: &Diff) -> Order;
    /// See [`Resource::changes_in_place`].
    fn changes_in_place(&self, observed: &Value, diff: &Diff) -> bool;
    /// See [`Resource::effects`].
    fn effects(&self, desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect>;
    /// See [`Resource::creating`].
    fn creating(&self, desired: &Value) -> Vec<Effect>;
    /// See [`Resource::carries_data`].
    fn carries_data(&self, desired: &Value, diff: &Diff) -> bool;
    /// See [`Resource::begins`].
    fn begins(&self, desired: &Value) -> bool;
    /// See [`Resource::comes_up_otherwise`].
    fn comes_up_otherwise(&self, desired: &Value) -> bool;
    /// See [`Resource::carry_over`].
    fn carry_over<'a>(&'a self, cx: &'a Cx<C>, desired: &'a Value) -> BoxFuture<'a, Result<Readiness>>;
    /// Returns what a file may refer to in an object of this kind, `id` first.
    fn attributes(&self) -> Vec<Attribute>;
    /// Returns the JSON Schema of the struct.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// Returns the value as the struct writes it, or what is wrong with it.
    ///
    /// # Errors
    /// The path of the field at which reading stopped, and what serde says, or what AWS refuses.
    fn canonical(&self, value: Value) -> Result<Value, (String, String)>;
    /// See [`Resource::observe`].
    fn observe<'a>(&'a self, cx: &'a Cx<C>) -> BoxFuture<'a, Result<Vec<RawObserved>>>;
    /// See [`Resource::create`]; the value has no open references.
    fn create<'a>(&'a self, cx: &'a Cx<C>, desired: &'a Value) -> BoxFuture<'a, Result<Value>>;
    /// See [`Resource::update`].
    fn update<'a>(&'a self, cx: &'a Cx<C>, desired: &'a Value, live: &'a Value, diff: &'a Diff) -> BoxFuture<'a, Result<Value>>;
    /// See [`Resource::delete`].
    fn delete<'a>(&'a self, cx: &'a Cx<C>, live: &'a Value) -> BoxFuture<'a, Result<()>>;
    /// See [`Resource::finish`].
    fn finish<'a>(&'a self, cx: &'a Cx<C>, live: &'a Value) -> BoxFuture<'a, Result<()>>;
    /// See [`Resource::poll`].
    fn poll<'a>(&'a self, cx: &'a Cx<C>, desired: &'a Value, live: &'a Value) -> BoxFuture<'a, Result<Readiness>>;
    /// See [`Resource::settle`].
    fn settle<'a>(&'a self, cx: &'a Cx<C>, live: &'a Value) -> BoxFuture<'a, Result<Value>>;
    /// See [`Resource::poll_gone`].
    fn poll_gone<'a>(&'a self, cx: &'a Cx<C>, live: &'a Value) -> BoxFuture<'a, Result<Readiness>>;
    /// See [`Resource::goes_ahead`].
    fn goes_ahead(&self, desired: &Value, diff: &Diff) -> Option<&'static str>;
    /// See [`Resource::prepare`].
    fn prepare<'a>(
        &'a self,
        cx: &'a Cx<C>,
        desired: &'a Value,
        live: &'a Value,
        diff: &'a Diff,
    ) -> BoxFuture<'a, Result<Readiness>>;
    /// See [`Resource::pause`].
    fn pause(&self, desired: &mut Value, why: Pause, used_by: &[&str]) -> bool;
    /// See [`Resource::absent`].
    fn absent(&self, desired: &Value, why: Pause) -> bool;
    /// See [`Resource::resume`].
    fn resume(&self, desired: &mut Value);
    /// See [`Resource::serving`].
    fn serving(&self, desired: &Value, diff: &Diff) -> Option<Serving>;
    /// See [`Resource::blocked_by`].
    fn blocked_by<'a>(&'a self, cx: &'a Cx<C>, live: &'a Value) -> BoxFuture<'a, Result<Vec<Blocker>>>;
    /// See [`Resource::goes_with`].
    fn goes_with<'a>(&'a self, cx: &'a Cx<C>, live: &'a Value) -> BoxFuture<'a, Result<Option<String>>>;
    /// See [`Resource::is_empty`].
    fn is_empty<'a>(&'a self, cx: &'a Cx<C>, live: &'a Value) -> BoxFuture<'a, Result<bool>>;
}

/// A kind whose type is forgotten.
struct Erased<R> {
    info: KindInfo,
    resource: PhantomData<fn() -> R>,
}

fn raw<T: Serialize>(kind: &str, value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::internal(format!("`{kind}` cannot be written as a value: {e}")))
}

impl<R: Resource> Kind<R::Cloud> for Erased<R> {
    fn info(&self) -> &KindInfo {
        &self.info
    }
    fn replace_order(&self, diff: &Diff) -> Order {
        R::replace_order(diff)
    }
    fn changes_in_place(&self, observed: &Value, diff: &Diff) -> bool {
        R::changes_in_place(observed, diff)
    }
    fn effects(&self, desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        R::effects(desired, observed, diff)
    }
    fn creating(&self, desired: &Value) -> Vec<Effect> {
        R::creating(desired)
    }
    fn carries_data(&self, desired: &Value, diff: &Diff) -> bool {
        R::carries_data(desired, diff)
    }
    fn begins(&self, desired: &Value) -> bool {
        R::begins(desired)
    }

    fn comes_up_otherwise(&self, desired: &Value) -> bool {
        R::comes_up_otherwise(desired)
    }
    fn carry_over<'a>(&'a self, cx: &'a Cx<R::Cloud>, desired: &'a Value) -> BoxFuture<'a, Result<Readiness>> {
        Box::pin(async move { typed::<R>(R::KIND, "desired", desired)?.carry_over(cx).await })
    }
    fn attributes(&self) -> Vec<Attribute> {
        let schema = SchemaGenerator::default().into_root_schema_for::<R::Live>().to_value();
        let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let text = |schema: &Value, key: &str| schema[key].as_str().unwrap_or_default().to_owned();
        let mut out: Vec<Attribute> = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, of)| Attribute { name: name.clone(), description: text(of, "description"), later: !required(name) })
            .collect();
        out.sort_by_key(|attribute| (attribute.name != "id", attribute.name.clone()));
        out
    }
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<R>();
        let attributes = Kind::<R::Cloud>::attributes(self).into_iter();
        let attributes: serde_json::Map<String, Value> = attributes.map(|a| (a.name, a.description.into())).collect();
        schema.insert(ATTRIBUTES.into(), attributes.into());
        schema
    }
    fn canonical(&self, value: Value) -> Result<Value, (String, String)> {
        let typed: R = serde_path_to_error::deserialize(value).map_err(|e| (e.path().to_string(), e.inner().to_string()))?;
        if let Some((field, why)) = typed.refused() {
            return Err((field.to_owned(), why));
        }
        serde_json::to_value(typed).map_err(|e| (".".into(), e.to_string()))
    }
    fn observe<'a>(&'a self, cx: &'a Cx<R::Cloud>) -> BoxFuture<'a, Result<Vec<RawObserved>>> {
        Box::pin(async move {
            R::observe(cx)
                .await?
                .into_iter()
                .map(|o| {
                    Ok(RawObserved {
                        claim: o.claim,
                        live: raw(R::KIND, &o.live)?,
                        fields: raw(R::KIND, &o.fields)?,
                        state: o.state,
                    })
                })
                .collect()
        })
    }
    fn create<'a>(&'a self, cx: &'a Cx<R::Cloud>, desired: &'a Value) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move { raw(R::KIND, &typed::<R>(R::KIND, "the desired value", desired)?.create(cx).await?) })
    }
    fn update<'a>(
        &'a self,
        cx: &'a Cx<R::Cloud>,
        desired: &'a Value,
        live: &'a Value,
        diff: &'a Diff,
    ) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let live = typed(R::KIND, "the live value", live)?;
            raw(R::KIND, &typed::<R>(R::KIND, "the desired value", desired)?.update(cx, &live, diff).await?)
        })
    }
    fn delete<'a>(&'a self, cx: &'a Cx<R::Cloud>, live: &'a Value) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { R::delete(cx, &typed(R::KIND, "the live value", live)?).await })
    }
    fn finish<'a>(&'a self, cx: &'a Cx<R::Cloud>, live: &'a Value) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { R::finish(cx, &typed(R::KIND, "the live value", live)?).await })
    }
    fn poll<'a>(&'a self, cx: &'a Cx<R::Cloud>, desired: &'a Value, live: &'a Value) -> BoxFuture<'a, Result<Readiness>> {
        Box::pin(async move {
            let live = typed(R::KIND, "the live value", live)?;
            typed::<R>(R::KIND, "the desired value", desired)?.poll(cx, &live).await
        })
    }
    fn settle<'a>(&'a self, cx: &'a Cx<R::Cloud>, live: &'a Value) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move { raw(R::KIND, &R::settle(cx, &typed(R::KIND, "the live value", live)?).await?) })
    }
    fn poll_gone<'a>(&'a self, cx: &'a Cx<R::Cloud>, live: &'a Value) -> BoxFuture<'a, Result<Readiness>> {
        Box::pin(async move { R::poll_gone(cx, &typed(R::KIND, "the live value", live)?).await })
    }
    fn goes_ahead(&self, desired: &Value, diff: &Diff) -> Option<&'static str> {
        R::goes_ahead(desired, diff)
    }
    fn prepare<'a>(
        &'a self,
        cx: &'a Cx<R::Cloud>,
        desired: &'a Value,
        live: &'a Value,
        diff: &'a Diff,
    ) -> BoxFuture<'a, Result<Readiness>> {
        Box::pin(async move {
            let live = typed(R::KIND, "the live value", live)?;
            typed::<R>(R::KIND, "the desired value", desired)?.prepare(cx, &live, diff).await
        })
    }
    fn pause(&self, desired: &mut Value, why: Pause, used_by: &[&str]) -> bool {
        R::pause(desired, why, used_by)
    }
    fn absent(&self, desired: &Value, why: Pause) -> bool {
        R::absent(desired, why)
    }
    fn resume(&self, desired: &mut Value) {
        R::resume(desired);
    }
    fn serving(&self, desired: &Value, diff: &Diff) -> Option<Serving> {
        R::serving(desired, diff)
    }
    fn blocked_by<'a>(&'a self, cx: &'a Cx<R::Cloud>, live: &'a Value) -> BoxFuture<'a, Result<Vec<Blocker>>> {
        Box::pin(async move { R::blocked_by(cx, &typed(R::KIND, "the live value", live)?).await })
    }
    fn is_empty<'a>(&'a self, cx: &'a Cx<R::Cloud>, live: &'a Value) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { R::is_empty(cx, &typed(R::KIND, "the live value", live)?).await })
    }
    fn goes_with<'a>(&'a self, cx: &'a Cx<R::Cloud>, live: &'a Value) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move { R::goes_with(cx, &typed(R::KIND, "the live value", live)?).await })
    }
}

/// The kinds that are known, by name.
pub struct Registry<C> {
    kinds: BTreeMap<&'static str, Arc<dyn Kind<C>>>,
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Registry { kinds: BTreeMap::new() }
    }
}

impl<C: Cloud> Registry<C> {
    /// Adds a kind.
    pub fn with<R: Resource<Cloud = C>>(mut self) -> Self {
        self.kinds.insert(R::KIND, Arc::new(Erased::<R> { info: KindInfo::of::<R>(), resource: PhantomData }));
        self
    }

    /// Returns the kind of that name.
    ///
    /// # Errors
    /// A defect: names from files are checked before.
    pub fn kind(&self, name: &str) -> Result<&Arc<dyn Kind<C>>> {
        self.kinds.get(name).ok_or_else(|| Error::internal(format!("there is no kind `{name}`")))
    }

    /// Returns the kind of that name, if it exists.
    pub fn find(&self, name: &str) -> Option<&Arc<dyn Kind<C>>> {
        self.kinds.get(name)
    }

    /// Returns the rules of a kind; none if there is no kind of that name.
    pub fn rules(&self, name: &str) -> &'static [Rule] {
        self.find(name).map_or(&[], |kind| kind.info().rules)
    }

    /// Returns the kinds that a file can describe, by name.
    pub fn described(&self) -> impl Iterator<Item = &Arc<dyn Kind<C>>> {
        self.kinds().filter(|kind| !kind.info().leftover)
    }

    /// Returns every kind, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<dyn Kind<C>>> {
        self.kinds.values()
    }
}
