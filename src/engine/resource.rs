//! What a kind of object can do, and the erasure of its type.

use std::collections::BTreeMap;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::action::Order;
use super::action::Verb;
use super::diff::Diff;
use super::effect::Effect;
use super::error::{Error, Result};
use super::key::Key;
use super::reach::Reach;
use super::reads::Reads;
use super::rules::Rule;
use super::tags::{TAG_ENV, TAG_KEY, TAG_STACK};

/// Which stack it is about: whose objects are ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The stack's name.
    pub stack: String,
    /// The environment; `default` when none was chosen.
    pub env: String,
    /// The region that regional objects live in.
    pub region: String,
    /// The account, as AWS says it.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

impl Scope {
    /// What the names of this stack's objects begin with: `webapp-staging`, or `webapp` without an environment.
    pub fn prefix(&self) -> String {
        if self.env == "default" { self.stack.clone() } else { format!("{}-{}", self.stack, self.env) }
    }

    /// Whether an object with these tags belongs to this stack and environment.
    pub fn owns(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(TAG_STACK) == Some(&self.stack) && tags.get(TAG_ENV) == Some(&self.env)
    }

    /// Whose an object of kind `kind` with these tags is, when it lies inside something of ours (`inside`) or not.
    pub fn claim(&self, kind: &str, tags: &BTreeMap<String, String>, inside: bool) -> Claim {
        if !self.owns(tags) {
            // Another stack's object is never adopted, wherever it lies.
            return if inside && !tags.contains_key(TAG_STACK) { Claim::Adoptable } else { Claim::Foreign };
        }
        match tags.get(TAG_KEY).map(|key| key.parse::<Key>()) {
            Some(Ok(key)) if key.kind == kind => Claim::Ours(key.name),
            _ => Claim::Adoptable,
        }
    }
}

/// Whose an observed object is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    /// Ours, with this name.
    Ours(String),
    /// It carries our tags with this name, and nothing else says that it is ours. Who may write tags could have made it so:
    /// it is used when the file wants it, and goes only when it is named.
    Tagged(String),
    /// In a parent that is ours alone: taken over when the file wants one like it, deleted when not.
    Stray,
    /// Inside something of ours without a name: taken over when the file wants one like it, otherwise left alone.
    Adoptable,
    /// Somebody else's. Known only so that a clash can be explained.
    Foreign,
    /// Somebody else's, under the physical name that our object of this name gets.
    Taken(String),
}

impl Claim {
    /// The name that it has by its tags or by what it is.
    pub fn name(&self) -> Option<&str> {
        match self {
            Claim::Ours(name) | Claim::Tagged(name) => Some(name),
            _ => None,
        }
    }

    /// The same when there is no second mark that it is ours.
    #[must_use]
    pub fn unmarked(self) -> Claim {
        match self {
            Claim::Ours(name) => Claim::Tagged(name),
            // What lies in something that may be somebody else's may be somebody else's too.
            Claim::Stray => Claim::Adoptable,
            other => other,
        }
    }
}

/// One object as it was read.
pub struct Observed<R: Resource> {
    /// Whose it is.
    pub claim: Claim,
    /// Ids, ARNs, endpoints.
    pub live: R::Live,
    /// The same struct as in the file, filled from AWS.
    pub fields: R,
    /// Whether it is finished.
    pub state: Readiness,
}

/// Whether an object is as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It serves.
    Ready,
    /// AWS is at it; in AWS's own words.
    Waiting {
        /// AWS's status, and what else it says. After a line break: what somebody must do, without which it goes on for ever.
        status: String,
        /// From 0 to 1, when AWS tells.
        progress: Option<f32>,
    },
    /// It is there with what is in it, and needs somebody: AWS does not mend it by itself.
    Impaired(Impairment),
    /// AWS gave up, and there is nothing in it that could be saved; in AWS's own words.
    Failed(String),
    /// AWS is deleting it; in AWS's own words. What takes its place is made when it has gone.
    Leaving(String),
    /// It is not there (any more).
    Gone,
}

/// What is wrong with an object that is there, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impairment {
    /// AWS's word for it.
    pub status: String,
    /// What it means, and what mends it.
    pub advice: String,
    /// The fields whose change mends it: nothing else of it can be changed before. Absent when it serves all the same, and
    /// can be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended_by: Option<Vec<String>>,
}

impl Readiness {
    /// AWS is at it.
    pub fn waiting(status: impl Into<String>) -> Self {
        Readiness::Waiting { status: status.into(), progress: None }
    }

    /// Whether nothing can be done with it any more.
    pub fn is_gone(&self) -> bool {
        matches!(self, Readiness::Gone | Readiness::Leaving(_))
    }

    /// Whether AWS tells of it what it tells only of what is ready ([`What::WhenReady`](super::rules::What::WhenReady)).
    pub fn tells_all(&self) -> bool {
        matches!(self, Readiness::Ready | Readiness::Impaired(Impairment { mended_by: None, .. }))
    }

    /// AWS's word for it, where there is one.
    pub fn word(&self) -> Option<&str> {
        match self {
            Readiness::Ready | Readiness::Gone => None,
            Readiness::Waiting { status, .. } => Some(status),
            Readiness::Impaired(impairment) => Some(&impairment.status),
            Readiness::Failed(word) | Readiness::Leaving(word) => Some(word),
        }
    }
}

/// Something that keeps an object from being deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// What and whose: `network interface eni-0abc (ELB app/webapp-web/0123)`.
    pub what: String,
    /// Whether it goes away by itself, or with the rest of the stack.
    pub passing: bool,
}

impl Blocker {
    /// Some by name, and how many more.
    pub fn listed(blockers: &[&Blocker]) -> String {
        const NAMED: usize = 4;
        let shown = blockers.iter().take(NAMED).map(|b| b.what.as_str()).collect::<Vec<_>>().join(", ");
        match blockers.len().saturating_sub(NAMED) {
            0 => shown,
            more => format!("{shown} and {more} more"),
        }
    }
}

/// How long AWS usually takes, for what is shown and for what is started first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    /// From the create call until it serves.
    pub create: Duration,
    /// From the delete call until it is gone.
    pub delete: Duration,
    /// Longer than this nothing of the kind is waited for: what takes so long needs a person.
    pub longest: Duration,
}

impl Usual {
    /// Both in seconds. The longest wait is ten times that, and half an hour at least.
    pub const fn secs(create: u64, delete: u64) -> Self {
        let longer = if create > delete { create } else { delete };
        let longest = if longer * 10 > 1800 { longer * 10 } else { 1800 };
        Usual { create: Duration::from_secs(create), delete: Duration::from_secs(delete), longest: Duration::from_secs(longest) }
    }

    /// The same with another longest wait, for kinds of which AWS knows worse cases.
    pub const fn at_most_hours(self, hours: u64) -> Self {
        Usual { longest: Duration::from_secs(hours * 3600), ..self }
    }
}

/// What every verb of a kind is given.
pub struct Cx<C> {
    /// The clients.
    pub cloud: Arc<C>,
    /// Whose objects are ours.
    pub scope: Arc<Scope>,
    /// This reading's shared answers.
    pub reads: Arc<Reads>,
    /// The object at hand; for `observe` only its kind counts.
    pub key: Key,
    /// 1, and one more for every replacement.
    pub generation: u32,
    /// Whether what is deleted leaves a last copy behind.
    pub last_copy: bool,
    /// Whether it was agreed that what is deleted takes its data with it.
    pub loses_data: bool,
    /// What others may refer to of the object that this one replaces, when its data goes over.
    pub predecessor: Option<Value>,
    /// Whether the cloud answers.
    pub reach: Reach,
    /// What is made or changed must not lead anybody to what does not serve yet ([`Resource::PREPARES`]).
    pub prepare: bool,
    /// For kinds that write several objects with one call ([`Resource::JOINT`]).
    pub peers: Arc<Peers>,
}

/// The objects of one kind in a run, for a kind of which several are written by one call.
#[derive(Debug, Default)]
pub struct Peers {
    /// What others may refer to of each that is there, and what it is to be.
    pub all: Vec<(Value, Value)>,
    /// Held while what they share is read and written.
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

impl<C> Clone for Cx<C> {
    fn clone(&self) -> Self {
        Cx {
            cloud: self.cloud.clone(),
            scope: self.scope.clone(),
            reads: self.reads.clone(),
            key: self.key.clone(),
            generation: self.generation,
            last_copy: self.last_copy,
            loses_data: self.loses_data,
            predecessor: self.predecessor.clone(),
            reach: self.reach.clone(),
            prepare: self.prepare,
            peers: self.peers.clone(),
        }
    }
}

impl<C> Cx<C> {
    /// A context for a new reading.
    pub fn new(cloud: Arc<C>, scope: Arc<Scope>) -> Self {
        let key = Key::new("", "");
        Cx {
            cloud,
            scope,
            reads: Arc::default(),
            key,
            generation: 1,
            last_copy: true,
            loses_data: true,
            predecessor: None,
            reach: Reach::default(),
            prepare: false,
            peers: Arc::default(),
        }
    }

    /// The same, about one object.
    pub fn at(&self, key: &Key, generation: u32) -> Self {
        Cx { key: key.clone(), generation, ..self.clone() }
    }

    /// The same, with nothing read yet.
    pub fn fresh(&self) -> Self {
        Cx { reads: Arc::default(), ..self.clone() }
    }

    /// The same, with nothing read yet, for a reading that may ask the cloud's index ([`Reads::by_index`]).
    pub fn by_index(&self) -> Self {
        Cx { reads: Arc::new(Reads::by_index()), ..self.clone() }
    }

    /// [`Cx::predecessor`] with its type.
    ///
    /// # Errors
    /// When it is of another type, which is a defect.
    pub fn replaces<L: DeserializeOwned>(&self) -> Result<Option<L>> {
        self.predecessor.as_ref().map(|live| typed(&self.key.kind, "what is replaced", live)).transpose()
    }

    /// An idempotency token: the same for the same object, generation and `what`, whichever process asks. 32 characters.
    pub fn token(&self, what: &str) -> String {
        let s = &self.scope;
        let text =
            [&s.account, &s.region, &s.stack, &s.env, &self.key.to_string(), &self.generation.to_string(), what].join("\n");
        Sha256::digest(text.as_bytes()).iter().take(16).map(|b| format!("{b:02x}")).collect()
    }

    /// The same, and for five minutes only: for calls that answer a token for hours with an object that has been deleted
    /// since, where nothing tells the new life of an object from the old one. Within these minutes a run that died and
    /// begins again makes no second one, and afterwards it sees the first.
    pub fn token_for_now(&self, what: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 300);
        self.token(&format!("{what} {now}"))
    }
}

/// One kind of object. The struct is what the user wants; a `None` field is "whatever it is now".
pub trait Resource: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static {
    /// `service.object` in the AWS CLI's words: `ec2.subnet`.
    const KIND: &'static str;
    /// What is special about which field.
    const RULES: &'static [Rule] = &[];
    /// How long AWS usually takes.
    const USUAL: Usual = Usual::secs(1, 1);
    /// Whether it has tags (a `tags` field): ownership is then written there by the engine.
    const TAGGED: bool = true;
    /// Whether it holds data, or something else that is lost with it: deleting or replacing it needs consent by name.
    const HOLDS_DATA: bool = false;
    /// Whether every change makes a new revision with a new identifier, and none is ever replaced.
    const REVISIONED: bool = false;
    /// Whether AWS makes one change of it at a time and refuses the next until that is done. Then `update` begins only the
    /// first of what the diff names, and the engine waits, looks again, and comes back with what is left.
    const STEPWISE: bool = false;
    /// Whether `create` called twice makes one object, because AWS knows it by a name or by a token. Where not, and an answer
    /// was lost, the engine looks for as long as readings may be behind before it calls again.
    const REPEATABLE: bool = true;
    /// What is done in two steps where others only come up behind it: [`Cx::prepare`] first, and the rest when they serve.
    const PREPARES: &'static [Verb] = &[];
    /// Whether what one of them is depends on the others, so that one call writes it for all ([`Cx::peers`]).
    const JOINT: bool = false;
    /// The clients that this kind talks to.
    type Cloud: Send + Sync + 'static;
    /// What others may refer to. Serializes to an object of texts with at least `id`. Its schema is what a file may refer to
    /// ([`Kind::attributes`]): what is for `stack` alone is skipped there, and what is optional is known once the object serves.
    type Live: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync;

    /// What AWS refuses of it whatever else there is: the field, and why. For what the file gives as it is.
    fn refused(&self) -> Option<(&'static str, String)> {
        None
    }

    /// Reads every object of this kind that belongs to the stack, in as few calls as the cloud allows.
    fn observe(cx: &Cx<Self::Cloud>) -> impl Future<Output = Result<Vec<Observed<Self>>>> + Send;
    /// Makes the bare object, with its tags, in one call.
    fn create(&self, cx: &Cx<Self::Cloud>) -> impl Future<Output = Result<Self::Live>> + Send;
    /// Writes what the diff names and nothing else.
    fn update(&self, cx: &Cx<Self::Cloud>, live: &Self::Live, diff: &Diff) -> impl Future<Output = Result<Self::Live>> + Send;
    /// Asks for the object's end.
    fn delete(cx: &Cx<Self::Cloud>, live: &Self::Live) -> impl Future<Output = Result<()>> + Send;

    /// What `create` does after the call that makes the object, for kinds that do more: the object was found to be there after
    /// the answer to that call was lost.
    fn finish(_cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// One look; the engine owns the clock.
    fn poll(&self, _cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<Readiness>> + Send {
        async { Ok(Readiness::Ready) }
    }

    /// What others may refer to, once it serves: for kinds of which AWS tells some of that only then (an endpoint, say).
    /// Those who need it refer to the object as ready.
    fn settle(_cx: &Cx<Self::Cloud>, live: &Self::Live) -> impl Future<Output = Result<Self::Live>> + Send {
        let live = live.clone();
        async { Ok(live) }
    }

    /// One look at an object that is being deleted.
    fn poll_gone(_cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<Readiness>> + Send {
        async { Ok(Readiness::Gone) }
    }

    /// Whether the data of an object that differs so can go over into the new one that replaces it.
    fn carries_data(_desired: &Value, _diff: &Diff) -> bool {
        false
    }

    /// One look at a copy of the data of [`Cx::replaces`], beginning it when there is none: `create` begins with it as soon
    /// as it is ready. `cx` is the same at every look and for `create`, and its [`Reads`] with it.
    fn carry_over(&self, _cx: &Cx<Self::Cloud>) -> impl Future<Output = Result<Readiness>> + Send {
        async { Ok(Readiness::Ready) }
    }

    /// The field with the reference to what this object is changed ahead of, when both change so: otherwise what is referred to
    /// is changed first.
    fn goes_ahead(_desired: &Value, _diff: &Diff) -> Option<&'static str> {
        None
    }

    /// One look at what must be there before such a change, beginning it when it is not: a last copy of what was, say. For kinds
    /// that are changed step by step.
    fn prepare(&self, _cx: &Cx<Self::Cloud>, _live: &Self::Live, _diff: &Diff) -> impl Future<Output = Result<Readiness>> + Send {
        async { Ok(Readiness::Ready) }
    }

    /// What keeps an object from being deleted, asked when the cloud says that something does: in what words a person finds it.
    fn blocked_by(_cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<Vec<Blocker>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What else goes with it, in words for the plan: `with 2 access keys`. Asked only about what the plan deletes.
    fn goes_with(_cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<Option<String>>> + Send {
        async { Ok(None) }
    }

    /// What an update that the diff names does besides: restarts, failovers, interruptions, what cannot be undone. `observed` is
    /// the struct as it was read. Where something forces a replacement: what that does besides the loss of data, which the plan
    /// knows by itself.
    fn effects(_desired: &Value, _observed: &Value, _diff: &Diff) -> Vec<Effect> {
        Vec::new()
    }

    /// Whether nothing is kept in it, for kinds that hold data: then nothing is lost when it goes. Asked only about what the plan
    /// deletes or replaces.
    fn is_empty(_cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<bool>> + Send {
        async { Ok(false) }
    }

    /// Whether an object is changed in place all the same when it differs so, though that means a replacement otherwise: because
    /// of what it is, a second one cannot be beside it, and AWS can change it.
    fn changes_in_place(_observed: &Value, _diff: &Diff) -> bool {
        false
    }

    /// Which half of a replacement comes first. The new one, unless both cannot exist at once.
    fn replace_order(_diff: &Diff) -> Order {
        Order::CreateFirst
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
    pub says: String,
    /// It is known only once the object serves.
    pub later: bool,
}

/// In the schema of a kind: its attributes by name, each with what it is.
pub const ATTRIBUTES: &str = "x-attributes";

/// A kind without its type: what the engine works with.
pub trait Kind<C>: Send + Sync {
    /// See [`Resource::KIND`].
    fn name(&self) -> &'static str;
    /// See [`Resource::RULES`].
    fn rules(&self) -> &'static [Rule];
    /// See [`Resource::USUAL`].
    fn usual(&self) -> Usual;
    /// See [`Resource::TAGGED`].
    fn tagged(&self) -> bool;
    /// See [`Resource::HOLDS_DATA`].
    fn holds_data(&self) -> bool;
    /// See [`Resource::REVISIONED`].
    fn revisioned(&self) -> bool;
    /// See [`Resource::STEPWISE`].
    fn stepwise(&self) -> bool;
    /// See [`Resource::REPEATABLE`].
    fn repeatable(&self) -> bool;
    /// See [`Resource::PREPARES`].
    fn prepares(&self) -> &'static [Verb];
    /// See [`Resource::JOINT`].
    fn joint(&self) -> bool;
    /// See [`Resource::replace_order`].
    fn replace_order(&self, diff: &Diff) -> Order;
    /// See [`Resource::changes_in_place`].
    fn changes_in_place(&self, observed: &Value, diff: &Diff) -> bool;
    /// See [`Resource::effects`].
    fn effects(&self, desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect>;
    /// See [`Resource::carries_data`].
    fn carries_data(&self, desired: &Value, diff: &Diff) -> bool;
    /// See [`Resource::carry_over`].
    fn carry_over<'a>(&'a self, cx: &'a Cx<C>, desired: &'a Value) -> BoxFuture<'a, Result<Readiness>>;
    /// What a file may refer to of an object of this kind, `id` first.
    fn attributes(&self) -> Vec<Attribute>;
    /// The JSON Schema of the struct.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// The value as the struct writes it, or what is wrong with it.
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
    /// See [`Resource::blocked_by`].
    fn blocked_by<'a>(&'a self, cx: &'a Cx<C>, live: &'a Value) -> BoxFuture<'a, Result<Vec<Blocker>>>;
    /// See [`Resource::goes_with`].
    fn goes_with<'a>(&'a self, cx: &'a Cx<C>, live: &'a Value) -> BoxFuture<'a, Result<Option<String>>>;
    /// See [`Resource::is_empty`].
    fn is_empty<'a>(&'a self, cx: &'a Cx<C>, live: &'a Value) -> BoxFuture<'a, Result<bool>>;
}

struct Erased<R>(PhantomData<fn() -> R>);

fn typed<T: DeserializeOwned>(kind: &str, what: &str, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|e| Error::internal(format!("{what} of `{kind}` does not fit its type: {e}")))
}

fn raw<T: Serialize>(kind: &str, value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::internal(format!("`{kind}` cannot be written as a value: {e}")))
}

impl<R: Resource> Kind<R::Cloud> for Erased<R> {
    fn name(&self) -> &'static str {
        R::KIND
    }
    fn rules(&self) -> &'static [Rule] {
        R::RULES
    }
    fn usual(&self) -> Usual {
        R::USUAL
    }
    fn tagged(&self) -> bool {
        R::TAGGED
    }
    fn holds_data(&self) -> bool {
        R::HOLDS_DATA
    }
    fn revisioned(&self) -> bool {
        R::REVISIONED
    }
    fn stepwise(&self) -> bool {
        R::STEPWISE
    }
    fn repeatable(&self) -> bool {
        R::REPEATABLE
    }
    fn prepares(&self) -> &'static [Verb] {
        R::PREPARES
    }
    fn joint(&self) -> bool {
        R::JOINT
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
    fn carries_data(&self, desired: &Value, diff: &Diff) -> bool {
        R::carries_data(desired, diff)
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
            .map(|(name, of)| Attribute { name: name.clone(), says: text(of, "description"), later: !required(name) })
            .collect();
        out.sort_by_key(|attribute| (attribute.name != "id", attribute.name.clone()));
        out
    }
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<R>();
        let attributes = Kind::<R::Cloud>::attributes(self).into_iter();
        let attributes: serde_json::Map<String, Value> = attributes.map(|a| (a.name, a.says.into())).collect();
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

impl<C: Send + Sync + 'static> Registry<C> {
    /// Adds a kind.
    pub fn with<R: Resource<Cloud = C>>(mut self) -> Self {
        self.kinds.insert(R::KIND, Arc::new(Erased::<R>(PhantomData)));
        self
    }

    /// The kind of that name.
    ///
    /// # Errors
    /// A defect: names from files are checked before.
    pub fn kind(&self, name: &str) -> Result<&Arc<dyn Kind<C>>> {
        self.kinds.get(name).ok_or_else(|| Error::internal(format!("there is no kind `{name}`")))
    }

    /// The kind of that name, if there is one.
    pub fn find(&self, name: &str) -> Option<&Arc<dyn Kind<C>>> {
        self.kinds.get(name)
    }

    /// Every kind, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<dyn Kind<C>>> {
        self.kinds.values()
    }
}
