//! What a kind of object can do: the trait that kinds implement.

use std::future::Future;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::action::{Order, Verb};
use super::context::Cx;
use super::diff::Diff;
use super::effect::Effect;
use super::error::Result;
use super::readiness::Readiness;
use super::rest::Pause;
use super::rules::Rule;
use super::scope::Claim;

/// A cloud, by the clients that its kinds talk to.
pub trait Cloud: Send + Sync + 'static {
    /// What people call it: `AWS`. Messages name it, and the engine knows no other word for it.
    const NAME: &'static str;
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
    /// Whether the cloud permits so few tags that it has only those of the engine, and none of the user's.
    const FEW_TAGS: bool = false;
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
    /// Whether it is nothing but what operations on other objects leave behind when a run dies: no file describes it, it is never
    /// created as an object of its own, and whatever is found is deleted.
    const LEFTOVER: bool = false;
    /// Whether exactly one can exist, whatever it is called: that one is adopted when the file wants one.
    const SOLE: bool = false;
    /// The fields of which the kind writes a digest into a tag, so that a plan need not read them ([`super::proof`]).
    const PROVEN: &'static [&'static str] = &[];
    /// The clients that this kind talks to.
    type Cloud: Cloud;
    /// What others may refer to. Serializes to an object of texts with at least `id`. Its schema is what a file may refer to
    /// ([`Kind::attributes`](super::Kind::attributes)): what is for `stack` alone is skipped there, and what is optional is known
    /// once the object serves.
    type Live: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync;

    /// Returns what AWS refuses in it regardless of everything else: the field, and why. For what the file gives as it is.
    fn refused(&self) -> Option<(&'static str, String)> {
        None
    }

    /// Reads every object of this kind that belongs to the stack, in as few calls as the cloud allows.
    fn observe(cx: &Cx<Self::Cloud>) -> impl Future<Output = Result<Vec<Observed<Self>>>> + Send;
    /// Creates the bare object, with its tags, in one call.
    fn create(&self, cx: &Cx<Self::Cloud>) -> impl Future<Output = Result<Self::Live>> + Send;
    /// Writes what the diff names and nothing else.
    fn update(&self, cx: &Cx<Self::Cloud>, live: &Self::Live, diff: &Diff) -> impl Future<Output = Result<Self::Live>> + Send;
    /// Sends the call that deletes the object.
    fn delete(cx: &Cx<Self::Cloud>, live: &Self::Live) -> impl Future<Output = Result<()>> + Send;

    /// Does what `create` does after the call that creates the object, for kinds that do more: the object was found after the
    /// answer to that call was lost.
    fn finish(_cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Asks once whether it serves; the engine owns the clock.
    fn poll(&self, _cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<Readiness>> + Send {
        async { Ok(Readiness::Ready) }
    }

    /// Returns what others may refer to, once it serves: for kinds of which AWS reports some of that only then (an endpoint,
    /// say). Those who need it refer to the object as ready. A copy that only served [`Cx::begins`] is deleted here: it is the
    /// last step, and may be repeated.
    fn settle(_cx: &Cx<Self::Cloud>, live: &Self::Live) -> impl Future<Output = Result<Self::Live>> + Send {
        let live = live.clone();
        async { Ok(live) }
    }

    /// Asks once whether an object that is being deleted still exists.
    fn poll_gone(_cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<Readiness>> + Send {
        async { Ok(Readiness::Gone) }
    }

    /// Checks whether the data of an object that differs so can be copied into its replacement.
    fn carries_data(_desired: &Value, _diff: &Diff) -> bool {
        false
    }

    /// Checks whether a new object begins with a copy of data that it names, instead of empty. That counts when it is created
    /// ([`Cx::begins`]), and never after.
    fn begins(_desired: &Value) -> bool {
        false
    }

    /// Checks whether what `create` makes lacks something that can be said only afterwards: with [`Resource::STEPWISE`] the rest is
    /// changed when it has come up, as [`Resource::update`] fixes drift.
    fn comes_up_otherwise(_desired: &Value) -> bool {
        false
    }

    /// Asks once for a copy of the data of [`Cx::replaces`], or of what a new object begins with ([`Cx::begins`]), and starts it
    /// when it does not exist: `create` starts with it as soon as it is ready. `cx` is the same at every poll, for `create` and for
    /// `settle`, and its [`Reads`](super::reads::Reads) with it.
    fn carry_over(&self, _cx: &Cx<Self::Cloud>) -> impl Future<Output = Result<Readiness>> + Send {
        async { Ok(Readiness::Ready) }
    }

    /// Returns the field with the reference to what this object is changed ahead of, when both change so: otherwise what is
    /// referred to is changed first.
    fn goes_ahead(_desired: &Value, _diff: &Diff) -> Option<&'static str> {
        None
    }

    /// Asks once for what must exist before such a change, and starts it when it does not: a last copy of the former state, say.
    /// For kinds that are changed step by step.
    fn prepare(&self, _cx: &Cx<Self::Cloud>, _live: &Self::Live, _diff: &Diff) -> impl Future<Output = Result<Readiness>> + Send {
        async { Ok(Readiness::Ready) }
    }

    /// Returns what keeps an object from being deleted, in words with which a person finds it. Asked when the cloud says that
    /// something does.
    fn blocked_by(_cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<Vec<Blocker>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Returns what else is deleted with it, in words for the plan: `with 2 access keys`. Asked only about what the plan deletes.
    fn goes_with(_cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<Option<String>>> + Send {
        async { Ok(None) }
    }

    /// Returns what an update of these fields does besides: restarts, failovers, interruptions, what cannot be undone. `observed`
    /// is the struct as it was read. Where something forces a replacement: what that does besides the loss of data, which the
    /// plan knows by itself.
    fn effects(_desired: &Value, _observed: &Value, _diff: &Diff) -> Vec<Effect> {
        Vec::new()
    }

    /// Returns what creating an object so does besides, when that cannot be undone.
    fn creating(_desired: &Value) -> Vec<Effect> {
        Vec::new()
    }

    /// Turns what is desired into what is desired while the environment is paused, and checks whether the kind is paused at all.
    /// `used_by` are the kinds of the objects that refer to it.
    fn pause(_desired: &mut Value, _why: Pause, _used_by: &[&str]) -> bool {
        false
    }

    /// Checks whether the object does not even exist while the environment is paused: what it is for is not needed then, nothing is
    /// kept in it, and it is created again as it was.
    fn absent(_desired: &Value, _why: Pause) -> bool {
        false
    }

    /// Turns what is desired of an object that was paused into what starts it again, where the file leaves that as it is.
    fn resume(_desired: &mut Value) {}

    /// Returns how a change concerns what uses the object, when it decides whether that works.
    fn serving(_desired: &Value, _diff: &Diff) -> Option<Serving> {
        None
    }

    /// Checks whether nothing is kept in it, for kinds that hold data: then nothing is lost when it is deleted. Asked only about
    /// what the plan deletes or replaces.
    fn is_empty(_cx: &Cx<Self::Cloud>, _live: &Self::Live) -> impl Future<Output = Result<bool>> + Send {
        async { Ok(false) }
    }

    /// Checks whether an object is changed in place although such a change usually means a replacement: a second one cannot exist
    /// beside it, and AWS can change it.
    fn changes_in_place(_observed: &Value, _diff: &Diff) -> bool {
        false
    }

    /// Returns which half of a replacement comes first: the new one, unless both cannot exist at once.
    fn replace_order(_diff: &Diff) -> Order {
        Order::CreateFirst
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

/// How a change concerns what uses the object, directly or through whatever lies between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// What uses it works only afterwards: that is changed after it.
    Begins,
    /// What uses it cannot work with it afterwards: that is changed before it.
    Ends,
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
    /// Lists some by name, and how many more there are.
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
    /// Returns both times, given in seconds. The longest wait is ten times that, and half an hour at least.
    pub const fn secs(create: u64, delete: u64) -> Self {
        let longer = if create > delete { create } else { delete };
        let longest = if longer * 10 > 1800 { longer * 10 } else { 1800 };
        Usual { create: Duration::from_secs(create), delete: Duration::from_secs(delete), longest: Duration::from_secs(longest) }
    }

    /// Returns the same with another longest wait, for kinds of which AWS knows worse cases.
    pub const fn at_most_hours(self, hours: u64) -> Self {
        Usual { longest: Duration::from_secs(hours * 3600), ..self }
    }
}
