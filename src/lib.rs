//! # stack
//!
//! A command that reads one YAML file describing a web application's whole AWS architecture, compares it with what AWS
//! is running **right now**, shows the difference, and makes it so. There is no state file: AWS is the state.
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
//! Prices ([`prices`]) are below all of these: what a kind is billed for is said in the wing of its service ([`aws::bill`]), and what
//! that costs in a table of the region. So are load tests ([`load`]), what they decide and count, and
//! what an architecture must be for its users ([`capacity`]).
//!
//! Arrows go one way: [`commands`] → [`blueprint`] → [`config`], [`aws`] → [`engine`] ← [`ui`], and [`config`] → [`engine`] for how a
//! reference is written. `engine` and `config` are crates in `src/`, so cargo holds them to that; a test holds the rest, and another
//! counts the files that import each other. The engine knows no AWS, no YAML and no terminal. [`local`] runs an AWS on this machine
//! and is known only to [`commands`]: to everything else it is an endpoint URL.
//!
//! Within [`aws`], a service is a wing ([`aws::wing`]): a folder with its kinds, errors, checks, controls, bills and rates, and one line in
//! [`aws::registry`](mod@aws::registry). Below the wings is what calls stand on ([`aws::call`]), whose objects are
//! ([`aws::ownership`]) and what runs leave behind ([`aws::runs`]).
//!
//! ## What must always be true
//!
//! 1. **AWS is the only truth.** Nothing that `stack` stores is needed to plan, apply or destroy. Without its history, what only
//!    that vouches for goes when it is named ([`aws::ownership::doubt`]).
//! 2. **Ours, or not ours, is never in doubt.** An object belongs to a stack by the tags `stack:name`, `stack:env` and
//!    `stack:key`, set in the call that creates it, or, where AWS has no tags, by what it is in a parent that is ours,
//!    or by its name and what is written in it ([`engine::Claim`]). Who may write tags may not thereby delete: every kind has a second mark ([`aws::ownership::mark`]), and what has
//!    only the tags goes only when it is named. Of an object's tags ours are those that the file has and had, which its tag
//!    `stack:tags` says ([`engine::tags`]); all others stay. The two halves of a replacement carry different
//!    `stack:generation`s; two objects with one key and one generation stop the run. Never "take the first".
//! 3. **One question per kind, not per object.** Kinds that need the same answer share it ([`engine::reads`]); children
//!    wait for the one answer about their parents, so there are no stages. Tags that services tell only object by object
//!    `plan` asks of AWS's index of tags ([`aws::ownership::tag_index`]), which can be a minute behind: it may say that nothing is to be
//!    done. Whatever is to be done is read again without it ([`engine::Plan::make_by_index`]). Nor does `plan` ask for fields that a
//!    digest in the same tags proves to be as desired ([`engine::proof`]). Every reading asks it what else to
//!    look at, what carries our tags under a name that is not ours; whose that is, its own service says.
//! 4. **One comparison**, [`fn@engine::diff`], with per-field rules as data ([`engine::rules`]). `None` is "don't care".
//! 5. **Edges come from typed references** ([`engine::Ref`]): `${kind/name.attr}` inside values. A reference says whether
//!    it needs the object to exist or to be ready. Live objects refer to each other by `${=kind:id}`, and that is where
//!    the order of deletions comes from.
//! 6. **A run can die anywhere.** Creates carry their tags and deterministic tokens; those without a token are never sent
//!    twice by the SDK: the engine looks first. `create` makes the bare object, the same `update` that mends drift finishes it.
//! 7. **Twice is nothing.** After an apply the next plan is empty.
//!    Two runs at once are kept apart by a lease ([`aws::runs::lease`], compare-and-swap in S3, told by S3's clock), and every call
//!    that changes anything asks a fence first ([`aws::call::fence`]): who lost the lease changes nothing more. `plan` takes none.
//! 8. **Nothing that holds data goes quietly**: it must be named; what takes its place begins with its data where the cloud can
//!    carry it over ([`engine::Resource::carry_over`]); and it does not go while something that stays uses it. An environment that
//!    was made to expire is named by that, for as long as all of its objects say so ([`engine::expiry`]).
//! 9. **Every wait speaks**: kinds look once ([`engine::Resource::poll`]), the engine owns the clock, AWS's words are passed on.
//! 10. **Errors name** the operation, the object, AWS's code and request id, and the next step.
//! 11. **What goes, goes last** ([`engine::schedule`]): when everything that is made and changed serves, and after its own users;
//!     what others work with ([`engine::What::Enables`]: rules of their group, routes of their network) after those. So a step
//!     that fails leaves the old half of everything in place. Only what cannot be there twice goes earlier, as late as that
//!     permits; where one of a kind leaves the file and one that is the same but for its name comes, it goes on as that one. What stops
//!     serving without going ([`engine::pause`]) stops after its users and starts before them, through whatever lies between
//!     ([`engine::Resource::serving`]). What does not even exist meanwhile ([`engine::Resource::absent`]) is deleted like all else.
//! 12. **Requests are led to what serves** ([`engine::What::LeadsTo`]). What can only come up behind a rule or a listener finds
//!     that prepared ([`engine::Resource::PREPARES`]): there, and leading nobody to it yet. What several objects share is written
//!     by one call for all of them ([`engine::Resource::JOINT`]).
//!
//! Calls leave no faster than AWS takes them ([`aws::call::rate_limit`]). What AWS would refuse in the middle of a run is asked before it ([`aws::preflight`]); what keeps something from being
//! deleted is named ([`engine::Resource::blocked_by`]) and not waited for when it does not go away by itself.
//!
//! ## What is deliberately absent
//!
//! A state file; a wait or a retry inside a kind; a comparison inside a kind; edges that somebody lists by hand; a
//! barrier between "waves"; traits around SDK clients; anything that is known about the local AWS outside of [`local`].

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
