//! What is special about which field, as data beside the field.

/// One thing that the comparison or the apply must know about a field of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The field's path: `cidr`, `health.path`, `containers.*.image`. `*` stands for any key or index.
    pub field: &'static str,
    /// What is special about it.
    pub what: What,
}

/// The special things that a field can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// AWS cannot change it: a difference means a replacement.
    Immutable,
    /// AWS cannot change it once something is set: another value means a replacement, the first one or none a change.
    Once,
    /// AWS cannot change it and nothing may replace it while it is in use: refused, with what to do instead.
    Fixed(&'static str),
    /// An array whose order means nothing.
    Set,
    /// With [`What::Set`]: what is there besides is of others, and stays. Of a number: a greater one is as good.
    AtLeast,
    /// A number of which a smaller one is as good.
    AtMost,
    /// An array of objects, matched by this field of theirs; their order means nothing.
    Keyed(&'static str),
    /// A map that is the user's alone: a key that is there and not desired is removed.
    Exact,
    /// The tags: those that the file or `stack` sets are exact, those of others stay ([`super::tags`]).
    Owned,
    /// An IAM policy document, compared by meaning.
    Policy,
    /// Counts when the object is created, never after.
    CreateOnly,
    /// Never compared: it only orders.
    OrderOnly,
    /// A version of which only a prefix is desired: `16` is satisfied by `16.4`.
    VersionPrefix,
    /// The field that says whose version this one is: versions of different ones are not compared.
    VersionOf(&'static str),
    /// While another field is true AWS takes this version to newer minor ones by itself.
    MinorByItself {
        /// The field that lets it.
        allowed_by: &'static str,
        /// Those whose major version has two numbers, by what the field of [`What::VersionOf`] says.
        two_numbers: &'static [&'static str],
    },
    /// A text that only becomes certain others: each pair is from what to what.
    Becomes(&'static [(&'static str, &'static str)]),
    /// A number that only grows: less is refused.
    Grows,
    /// The field that says up to where AWS may let this one grow by itself; it goes with [`What::Grows`].
    GrowsTo(&'static str),
    /// By less than so many percent it does not grow; it goes with [`What::Grows`].
    GrowsBy(u32),
    /// Not set by `create`: `update` sets it right afterwards, as it does when finishing a half-made object.
    AfterCreate,
    /// Part of what distinguishes an object from its siblings where AWS has no tags.
    Identity,
    /// Never shown and never stored.
    Secret,
    /// A live reference that does not keep what it refers to from being deleted.
    Loose,
    /// Which attribute of which kinds a reference in this field stands for, when that is not the identifier of a typed
    /// [`Ref`](super::Ref): pairs of kind and attribute.
    Takes(&'static [(&'static str, &'static str)]),
    /// An attribute that others refer to is another one when this field was changed: what names it changes with it.
    Renews(&'static str),
    /// A live reference to what works only with this object: what uses that is deleted before this is.
    Enables,
    /// Where requests are sent: changed when the destination serves, and the former destination is deleted after that.
    LeadsTo,
    /// Compared only with what AWS reports: as long as it reports nothing, there is nothing to do about it.
    IfTold,
    /// AWS reports it only while the object is ready: until then nothing is known about it, and nothing is compared.
    WhenReady,
    /// A plain number of this unit, for those who read plans: `GiB`. A field whose name has its unit, or that counts things, has none.
    Unit(&'static str),
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $what:ident),* $(,)?) => {
        impl Rule {
            $($(#[$doc])* pub const fn $name(field: &'static str) -> Rule { Rule { field, what: What::$what } })*
        }
    };
}

constructors! {
    /// See [`What::Immutable`].
    immutable => Immutable,
    /// See [`What::Once`].
    once => Once,
    /// See [`What::Set`].
    set => Set,
    /// See [`What::AtLeast`].
    at_least => AtLeast,
    /// See [`What::AtMost`].
    at_most => AtMost,
    /// See [`What::Exact`].
    exact => Exact,
    /// See [`What::Owned`].
    owned => Owned,
    /// See [`What::Policy`].
    policy => Policy,
    /// See [`What::CreateOnly`].
    create_only => CreateOnly,
    /// See [`What::OrderOnly`].
    order_only => OrderOnly,
    /// See [`What::VersionPrefix`].
    version_prefix => VersionPrefix,
    /// See [`What::Grows`].
    grows => Grows,
    /// See [`What::AfterCreate`].
    after_create => AfterCreate,
    /// See [`What::Identity`].
    identity => Identity,
    /// See [`What::Secret`].
    secret => Secret,
    /// See [`What::Loose`].
    loose => Loose,
    /// See [`What::Enables`].
    enables => Enables,
    /// See [`What::LeadsTo`].
    leads_to => LeadsTo,
    /// See [`What::IfTold`].
    if_told => IfTold,
    /// See [`What::WhenReady`].
    when_ready => WhenReady,
}

impl Rule {
    /// See [`What::Keyed`].
    pub const fn keyed(field: &'static str, by: &'static str) -> Rule {
        Rule { field, what: What::Keyed(by) }
    }

    /// See [`What::Unit`].
    pub const fn unit(field: &'static str, unit: &'static str) -> Rule {
        Rule { field, what: What::Unit(unit) }
    }

    /// See [`What::Fixed`].
    pub const fn fixed(field: &'static str, instead: &'static str) -> Rule {
        Rule { field, what: What::Fixed(instead) }
    }

    /// See [`What::Becomes`].
    pub const fn becomes(field: &'static str, steps: &'static [(&'static str, &'static str)]) -> Rule {
        Rule { field, what: What::Becomes(steps) }
    }

    /// See [`What::Renews`].
    pub const fn renews(field: &'static str, attr: &'static str) -> Rule {
        Rule { field, what: What::Renews(attr) }
    }

    /// See [`What::Takes`].
    pub const fn takes(field: &'static str, what: &'static [(&'static str, &'static str)]) -> Rule {
        Rule { field, what: What::Takes(what) }
    }

    /// See [`What::VersionOf`].
    pub const fn version_of(field: &'static str, whose: &'static str) -> Rule {
        Rule { field, what: What::VersionOf(whose) }
    }

    /// See [`What::MinorByItself`].
    pub const fn minor_by_itself(field: &'static str, allowed_by: &'static str, two_numbers: &'static [&'static str]) -> Rule {
        Rule { field, what: What::MinorByItself { allowed_by, two_numbers } }
    }

    /// See [`What::GrowsBy`].
    pub const fn grows_by(field: &'static str, percent: u32) -> Rule {
        Rule { field, what: What::GrowsBy(percent) }
    }

    /// See [`What::GrowsTo`].
    pub const fn grows_to(field: &'static str, limit: &'static str) -> Rule {
        Rule { field, what: What::GrowsTo(limit) }
    }

    fn covers(&self, path: &[String]) -> bool {
        let mut parts = self.field.split('.');
        path.iter().all(|step| parts.next().is_some_and(|part| part == "*" || part == step)) && parts.next().is_none()
    }
}

/// Checks whether the field at `path` is `what`.
pub fn is(rules: &[Rule], path: &[String], what: What) -> bool {
    rules.iter().any(|rule| rule.what == what && rule.covers(path))
}

/// Checks whether the field at `path`, or one that it is inside, is `what`.
pub fn is_within(rules: &[Rule], path: &[String], what: What) -> bool {
    (1..=path.len()).any(|n| is(rules, &path[..n], what))
}

/// Returns the field by which the objects of the array at `path` are matched.
pub fn keyed_by(rules: &[Rule], path: &[String]) -> Option<&'static str> {
    rules.iter().find_map(|rule| match rule.what {
        What::Keyed(by) if rule.covers(path) => Some(by),
        _ => None,
    })
}

/// Returns what to do instead of changing the field at `path`, when that is refused.
pub fn fixed(rules: &[Rule], path: &[String]) -> Option<&'static str> {
    rules.iter().find_map(|rule| match rule.what {
        What::Fixed(instead) if rule.covers(path) => Some(instead),
        _ => None,
    })
}

/// Returns what the text at `path` may become, when not everything.
pub fn becomes(rules: &[Rule], path: &[String]) -> Option<&'static [(&'static str, &'static str)]> {
    rules.iter().find_map(|rule| match rule.what {
        What::Becomes(steps) if rule.covers(path) => Some(steps),
        _ => None,
    })
}

/// Returns which attribute of which kinds a reference at `path` stands for, when a rule says so.
pub fn takes(rules: &[Rule], path: &[String]) -> Option<&'static [(&'static str, &'static str)]> {
    rules.iter().find_map(|rule| match rule.what {
        What::Takes(what) if rule.covers(path) => Some(what),
        _ => None,
    })
}

/// Returns the unit of the number at `path`.
pub fn unit(rules: &[Rule], path: &str) -> Option<&'static str> {
    rules.iter().find_map(|rule| match rule.what {
        What::Unit(unit) if rule.field == path => Some(unit),
        _ => None,
    })
}

/// Returns the field that limits how far the field `path` (top level) may grow by itself.
pub fn grows_to(rules: &[Rule], path: &str) -> Option<&'static str> {
    rules.iter().find_map(|rule| match rule.what {
        What::GrowsTo(limit) if rule.field == path => Some(limit),
        _ => None,
    })
}

/// Returns by how many percent the number at `path` grows at least.
pub fn grows_by(rules: &[Rule], path: &[String]) -> Option<u32> {
    rules.iter().find_map(|rule| match rule.what {
        What::GrowsBy(percent) if rule.covers(path) => Some(percent),
        _ => None,
    })
}

/// Returns the field that says whose version the field `path` (top level) is.
pub fn version_of(rules: &[Rule], path: &str) -> Option<&'static str> {
    rules.iter().find_map(|rule| match rule.what {
        What::VersionOf(whose) if rule.field == path => Some(whose),
        _ => None,
    })
}

/// Returns the field that lets AWS change the minor version in the field `path` (top level), and whose major version has two
/// numbers.
pub fn minor_by_itself(rules: &[Rule], path: &str) -> Option<(&'static str, &'static [&'static str])> {
    rules.iter().find_map(|rule| match rule.what {
        What::MinorByItself { allowed_by, two_numbers } if rule.field == path => Some((allowed_by, two_numbers)),
        _ => None,
    })
}

/// Returns the fields whose change renews attributes, each with the attribute.
pub fn renewed(rules: &[Rule]) -> impl Iterator<Item = (&'static str, &'static str)> {
    rules.iter().filter_map(|rule| match rule.what {
        What::Renews(attr) => Some((rule.field, attr)),
        _ => None,
    })
}

/// Returns the fields (top level) that are `what`.
pub fn fields(rules: &[Rule], what: What) -> impl Iterator<Item = &'static str> {
    rules.iter().filter(move |rule| rule.what == what).map(|rule| rule.field)
}
