//! What a service provides, and what is known about each of its kinds beyond what the engine asks.

use futures::future::BoxFuture;
use serde_json::Value;

use super::{Clients, Cx, billed};
use crate::aws::call::rate_limit::Rates;
use crate::aws::control::Control;
use crate::aws::control::later::Later;
use crate::aws::finding::Finding;
use crate::aws::ownership::mark::Mark;
use crate::aws::spelling::{Spelling, Wrong};
use crate::engine::{Item, Plan, Registry, Resource, Result};

/// The permissions for the objects of a kind, as IAM names them
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>).
/// Those for reading are not listed: making the plan has needed them already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Actions {
    /// For creating one, with its tags.
    pub create: &'static [&'static str],
    /// For changing everything that can be changed.
    pub update: &'static [&'static str],
    /// For deleting it, and before that what blocks it.
    pub delete: &'static [&'static str],
}

/// What is known about a kind of AWS.
pub trait AwsKind: Resource<Cloud = Clients> {
    /// What proves, besides its tags, that an object is the stack's.
    const MARK: Mark;
    /// The permissions that it needs.
    const ACTIONS: Actions;
    /// The fields that AWS spells differently from users.
    const SPELLING: &'static [Spelling] = &[];
    /// What `stack outputs` shows of an object: the name of the output, with `{name}` for the object's, and the live value's
    /// field.
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[];

    /// Returns the permissions beyond the kind's own actions, by what a plan says of an object.
    fn further_actions(_item: &Item) -> Vec<&'static str> {
        Vec::new()
    }

    /// Brings fields that depend on one another into AWS's spelling, and names those that have none.
    fn spell(_object: &mut Value, _wrong: &mut Vec<Wrong>) {}
}

/// An [`AwsKind`] as a value.
#[derive(Debug)]
pub struct KindRow {
    /// Its name: `ec2.vpc`.
    pub name: &'static str,
    /// Whether it has tags.
    pub tagged: bool,
    /// See [`AwsKind::MARK`].
    pub mark: Mark,
    /// See [`AwsKind::ACTIONS`].
    pub actions: Actions,
    /// See [`AwsKind::SPELLING`].
    pub spelling: &'static [Spelling],
    /// See [`AwsKind::OUTPUTS`].
    pub outputs: &'static [(&'static str, &'static str)],
    /// See [`AwsKind::further_actions`].
    pub further_actions: fn(&Item) -> Vec<&'static str>,
    /// See [`AwsKind::spell`].
    pub spell: fn(&mut Value, &mut Vec<Wrong>),
    /// Registers it with the engine.
    pub register: fn(Registry<Clients>) -> Registry<Clients>,
}

impl KindRow {
    /// Returns the row of a kind.
    pub const fn of<K: AwsKind>() -> KindRow {
        KindRow {
            name: K::KIND,
            tagged: K::TAGGED,
            mark: K::MARK,
            actions: K::ACTIONS,
            spelling: K::SPELLING,
            outputs: K::OUTPUTS,
            further_actions: K::further_actions,
            spell: K::spell,
            register: Registry::with::<K>,
        }
    }
}

/// A question to AWS before a plan is applied: what it is about, in a few words, and the future answer.
pub type Check<'a> = (&'static str, BoxFuture<'a, Result<Vec<Finding>>>);

/// A role that a service needs, and which AWS creates with the first call that needs it.
#[derive(Clone, Copy, Debug)]
pub struct ServiceRole {
    /// The service, as IAM names it: `rds.amazonaws.com`.
    pub principal: &'static str,
    /// The role's name.
    pub name: &'static str,
    /// The kinds that need it.
    pub kinds: &'static [&'static str],
}

/// A service: everything that the rest of `stack` knows about it.
pub struct Wing {
    /// Its kinds, in the order of plans.
    pub kinds: &'static [KindRow],
    /// The resource types that AWS's index of tags is asked for.
    pub indexed: &'static [&'static str],
    /// The roles that it needs.
    pub roles: &'static [ServiceRole],
    /// How fast its APIs accept calls, where that is published.
    pub rates: &'static [Rates],
    /// The checks of a plan for what AWS would refuse.
    pub checks: for<'a> fn(&'a Cx, &'a Plan) -> Vec<Check<'a>>,
    /// The checks of a plan for what its deletions do to what is not in it: also of a plan that deletes everything.
    pub departures: for<'a> fn(&'a Cx, &'a Plan) -> Vec<Check<'a>>,
    /// What its objects are held to by `stack check`.
    pub controls: &'static [Control],
    /// What it is asked about its objects for those of them that are about what became of objects.
    pub later: &'static [Later],
    /// What its objects are billed for.
    pub bill: billed::Bill,
}

/// Returns no checks.
pub fn unchecked<'a>(_: &'a Cx, _: &'a Plan) -> Vec<Check<'a>> {
    Vec::new()
}

impl Wing {
    /// Returns a service with these kinds and nothing else.
    pub const fn of(kinds: &'static [KindRow]) -> Wing {
        Wing {
            kinds,
            indexed: &[],
            roles: &[],
            rates: &[],
            checks: unchecked,
            departures: unchecked,
            bill: billed::free,
            controls: &[],
            later: &[],
        }
    }
}
