//! Reconciling typed objects with a cloud: compare, order, apply.
//!
//! The engine knows no AWS, no YAML and no terminal. A cloud is whatever implements [`Cloud`], and [`Resource`] for its
//! kinds; the tests use one that lives in memory.
//!
//! | module | answers |
//! | --- | --- |
//! | [`key`] | what an object is called |
//! | [`token`], [`mod@reference`] | what refers to what, and what a reference resolves to |
//! | [`rules`], [`mod@diff`] | is it as it should be? the only comparison there is |
//! | [`scope`] | the stack that a run is about, and who owns an object |
//! | [`resource`], [`context`], [`readiness`] | what a kind can do, what it is given, whether its objects serve |
//! | [`kind`] | a kind without its type, and the registry |
//! | [`graph`] | what is desired, and in which order |
//! | [`moved`] | what has another name in the file than in the cloud |
//! | [`tags`] | who owns a tag |
//! | [`expiry`] | until when an environment is wanted |
//! | [`pause`] | whether it is at rest |
//! | [`snapshot`], [`proof`] | what exists, read or proven |
//! | [`action`], [`item`], [`plan`], [`only`] | what to do about the difference |
//! | [`schedule`] | in which order |
//! | [`mod@contrast`] | how two environments differ, by meaning |
//! | [`saved`] | a plan that is kept: is it still the one that was shown? |
//! | [`mod@apply`] | applying it, as a dataflow |
//! | [`consent`] | what needs consent, and whether it has that |
//! | [`effect`] | what a change does besides |
//! | [`events`] | what happens meanwhile |
//! | [`reach`] | does the cloud answer? |
//! | [`error`] | what went wrong, to what, and what to do |

pub mod action;
pub mod apply;
mod compare;
pub mod consent;
pub mod context;
pub mod contrast;
mod dataflow;
pub mod diff;
mod draft;
pub mod effect;
pub mod error;
pub mod events;
pub mod expiry;
mod fresh_reads;
pub mod graph;
pub mod isolation;
pub mod item;
pub mod key;
pub mod kind;
mod matching;
#[cfg(test)]
mod memory;
pub mod moved;
pub mod only;
mod operation;
pub mod pause;
pub mod plan;
mod policy;
mod poll_interval;
pub mod proof;
pub mod reach;
pub mod readiness;
pub mod reads;
pub mod reference;
pub mod resource;
pub mod rest;
pub mod rules;
pub mod saved;
pub mod schedule;
pub mod scope;
pub mod snapshot;
#[cfg(test)]
mod stepwise;
pub mod tags;
pub mod token;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod waits;

pub use action::{Action, Order};
pub use apply::{Outcome, apply, usual};
pub use compare::stray_name;
pub use consent::{Ask, Consent, Loss};
pub use context::Cx;
pub use diff::{Change, Diff, diff};
pub use effect::{Effect, Impact};
pub use error::{Class, Error, Result};
pub use events::{Event, Reporter};
pub use graph::{Graph, Moved, Node, lies_in};
pub use item::Item;
pub use key::Key;
pub use kind::{Attribute, Kind, KindInfo, Registry};
pub use plan::Plan;
pub use reach::{Reach, Silence};
pub use readiness::{Impairment, Readiness};
pub use reference::{AnyRef, Ref};
pub use resource::{Blocker, Cloud, Observed, Resource, Serving, Usual};
pub use rest::Pause;
pub use rules::{Rule, What};
pub use scope::{Claim, Scope};
pub use snapshot::{Seen, Snapshot};
pub use token::{Ids, Need};
