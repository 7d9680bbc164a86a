//! Amazon Web Services: the services, and what they share. Each row may use those above it, and none below it; a test holds that.
//!
//! | module | |
//! | --- | --- |
//! | [`call`] | clients, errors, the fence and the rates of calls |
//! | [`ownership`] | tags, names, and the second mark of each kind |
//! | [`runs`] | leases, the history, and the objects that only the history vouches for |
//! | [`wing`] | what a service brings, and what is known of a kind: with [`control`] what security standards ask of objects, [`billed`] what they are billed for, `finding` and `quotas` what AWS would refuse, [`spelling`] and [`states`] AWS's words |
//! | a folder for each service | its kinds, a file each, and what its error codes mean |
//! | [`registry`](mod@registry) | every service, a line each |
//! | [`preflight`] | what AWS would refuse, asked before |
//! | [`bill`] | what a plan is billed for |
//! | [`existing`], [`host`], [`guests`] | what is not the stack's and is used, or uses it |
//! | [`allowed`] | what an account may use of what grows with users |
//! | [`measured`] | what a live environment has used |
//! | [`meaning`] | what fields mean when two environments are compared |
//! | [`trail`] | who changed an object |

pub mod acm;
pub mod allowed;
pub mod autoscaling;
pub mod backup;
pub mod bill;
pub mod billed;
pub mod budgets;
pub mod call;
pub mod ce;
pub mod chatbot;
pub mod cloudfront;
pub mod cloudwatch;
pub mod control;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elasticache;
pub mod elbv2;
pub mod events;
pub mod existing;
mod finding;
pub mod guests;
pub mod host;
mod hours;
pub mod iam;
pub mod kms;
pub mod lambda;
pub mod logs;
pub mod meaning;
pub mod measured;
pub mod ownership;
mod policy;
pub mod preflight;
mod quotas;
pub mod rds;
pub mod registry;
pub mod route53;
pub mod runs;
pub mod s3;
pub mod secretsmanager;
pub mod servicediscovery;
pub mod sns;
pub mod spelling;
pub mod sqs;
pub mod sso;
pub mod states;
pub mod trail;
pub mod wafv2;
pub mod wing;

pub use call::clients::{Clients, Options, Role, Wants};
pub use ownership::tags::Tags;
pub use registry::{kind, registry};

use crate::engine;

/// The context of AWS's kinds.
pub type Cx = engine::Cx<Clients>;
