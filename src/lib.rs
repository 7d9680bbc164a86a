//! # stack
//!
//! A command that reads one YAML file describing a web application's whole AWS architecture, compares it with what AWS
//! is running **right now**, shows the difference, and applies it. There is no state file: AWS is the state.
//!
//! ## The way through the code
//!
//! ```text
//! stacks/webapp.yaml
//!    │ config      YAML with positions → Stack (environment overlay applied); every problem at its line
//!    ▼
//! Stack ── blueprint ──▶ Graph        sections expand into typed resources with references between them
//!    │ observe     one bulk read per kind, all at once → Snapshot
//!    ▼ plan        diff(desired, observed) → keep · create · update · replace · delete · refuse → Plan
//! Plan ──▶ ui      text, JSON, Markdown: all from the same value
//!    │ apply       dataflow over the graph, critical path first, bounded per kind → Events
//!    ▼
//! Events ──▶ ui    progress on a terminal, a line each elsewhere, JSON lines on request
//! ```
//!
//! Prices ([`prices`]) are below all of these: the wing of a service lists what its kinds are billed for ([`aws::bill`]), and a table
//! of the region what that costs. So are the decisions and counts of load tests ([`load`]), and the size that an architecture needs
//! for its users ([`capacity`]).
//!
//! Arrows point one way: [`commands`] → [`blueprint`] → [`config`], [`aws`] → [`engine`] ← [`ui`], and [`config`] → [`engine`] for how a
//! reference is written. `engine` and `config` are crates in `src/`, so cargo enforces that for them; a test enforces the rest, and another
//! counts the files that import each other. The engine knows no AWS, no YAML and no terminal. [`local`] runs an AWS on this machine
//! and is known only to [`commands`]: to everything else it is an endpoint URL.
//!
//! Within [`aws`], a service is a wing ([`aws::wing`]): a folder with its kinds, errors, checks, controls, bills and rates, and one line in
//! [`aws::registry`](mod@aws::registry). Below the wings are the layer that sends calls ([`aws::call`]), the ownership of objects
//! ([`aws::ownership`]), and what runs leave behind ([`aws::runs`]); above the wings is what reads all of them. A test holds that order,
//! too.
//!
//! ## What must always be true
//!
//! 1. **AWS is the only source of truth.** Nothing that `stack` stores is needed to plan, apply or destroy. Without its history, an object
//!    that only the history attributes to the stack is deleted only with consent ([`aws::runs::doubt`]).
//! 2. **Ownership is never in doubt.** An object belongs to a stack by the tags `stack:name`, `stack:env` and `stack:key`, set in the call
//!    that creates it, or, where AWS has no tags, by its place in a parent of the stack, or by its name and contents ([`engine::Claim`]).
//!    Permission to write tags must not be permission to delete: every kind has a second mark ([`aws::ownership::mark`]), and an object
//!    that has only the tags is deleted only with consent. Of an object's tags, the stack manages those that the file has or had, which
//!    its tag `stack:tags` lists ([`engine::tags`]); all others stay. An object and its replacement have different `stack:generation`s;
//!    two objects with one key and one generation stop the run. Never "take the first". What is the account's own, such as its password
//!    policy, is changed while a file says so, and never deleted ([`aws::ownership::mark::Mark::Account`]).
//! 3. **One question per kind, not per object.** Kinds that need the same answer share it ([`engine::reads`]); children
//!    wait for the one answer about their parents, so there are no stages. Where a service returns tags only object by object, `plan`
//!    reads them from AWS's tag index ([`aws::ownership::tag_index`]), which can be a minute behind: it may show that there is nothing to
//!    do. Whatever there is to do is read again without it ([`engine::Plan::make_by_index`]). Nor does `plan` read fields that a digest
//!    in the same tags proves to be as desired ([`engine::proof`]). Every reading also asks the index for objects with the stack's tags
//!    under other names; the owner of such an object is determined by its own service.
//! 4. **One comparison**, [`fn@engine::diff`], with per-field rules as data ([`engine::rules`]). `None` is "don't care".
//! 5. **Edges come from typed references** ([`engine::Ref`]): `${kind/name.attr}` inside values. A reference says whether
//!    it needs the object to exist or to be ready. Live objects refer to each other by `${=kind:id}`, and that is where
//!    the order of deletions comes from.
//! 6. **A run can die anywhere.** Creates carry their tags and deterministic tokens; those without a token are never sent
//!    twice by the SDK: the engine looks first. `create` makes the bare object; the same `update` that fixes drift completes it.
//! 7. **Applying twice changes nothing**: after an apply the next plan is empty. Concurrent runs are kept apart by a lease
//!    ([`aws::runs::lease`], compare-and-swap in S3, timed by S3's clock), and every call that changes anything asks a fence first
//!    ([`aws::call::fence`]): a run that lost its lease makes no further change. `plan` takes none.
//! 8. **Nothing that holds data is deleted without consent.** Its replacement begins with its data where the cloud can carry it over
//!    ([`engine::Resource::carry_over`]), and it is not deleted while something that stays uses it. An expiry is consent to the deletion
//!    of an environment, as long as all of its objects carry it ([`engine::expiry`]).
//! 9. **Every wait is reported**: kinds poll once ([`engine::Resource::poll`]), the engine owns the clock, and AWS's messages are passed
//!    on.
//! 10. **Errors name** the operation, the object, AWS's code and request id, and the next step.
//! 11. **Deletions come last** ([`engine::schedule`]): when everything that is created and changed serves, and after an object's own
//!     users; what others depend on ([`engine::What::Enables`]: rules of their group, routes of their network) after those. So a step
//!     that fails leaves the old objects in place. Only what cannot exist twice is deleted earlier, as late as that permits; where an
//!     object leaves the file and one that differs only by its name is added, it continues as that one. What stops serving without
//!     being deleted ([`engine::pause`]) stops after its users and starts before them, through whatever lies between
//!     ([`engine::Resource::serving`]). What does not exist meanwhile ([`engine::Resource::absent`]) is deleted like all else.
//! 12. **Requests are routed to what serves** ([`engine::What::LeadsTo`]). What can start only behind a rule or a listener finds
//!     that prepared ([`engine::Resource::PREPARES`]): it exists, and routes no requests yet. What several objects share is written
//!     by one call for all of them ([`engine::Resource::JOINT`]).
//!
//! Calls are sent no faster than AWS accepts them ([`aws::call::rate_limit`]). What AWS would refuse during a run is checked before it
//! ([`aws::preflight`]); what blocks a deletion is named ([`engine::Resource::blocked_by`]), and waited for only if it goes away by
//! itself.
//!
//! ## What is deliberately absent
//!
//! A state file; a wait or a retry inside a kind; a comparison inside a kind; hand-listed edges; a barrier
//! between "waves"; traits around SDK clients; any knowledge of the local AWS outside of [`local`].

pub mod aws;
pub mod blueprint;
pub mod capacity;
pub mod commands;
pub mod load;
pub mod local;
pub mod prices;
pub mod ui;

pub use stack_config as config;
pub use stack_engine as engine;
