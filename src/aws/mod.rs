//! Amazon Web Services: the services, and what they share.
//!
//! | module | |
//! | --- | --- |
//! | [`call`] | clients, errors, the fence and the rates of calls |
//! | [`ownership`] | tags, names, and the second mark of each kind |
//! | [`runs`] | leases and the history |
//! | a folder for each service | its kinds, a file each, and what its error codes mean |
//! | [`preflight`] | what AWS would refuse, asked before |
//! | [`control`] | what security standards ask of objects |
//! | [`wing`] | what a service brings, and what is known of a kind |
//! | [`bill`], [`billed`] | what objects are billed for |
//! | [`allowed`] | what an account may use of what grows with users |
//! | [`measured`] | what a live environment has used |
//! | [`meaning`] | what fields mean when two environments are compared |
//! | [`registry`](mod@registry) | every service, a line each |

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

pub use call::clients::{Clients, Options, Role};
pub use ownership::tags::Tags;
pub use registry::{kind, registry};

use crate::engine;

/// The context of AWS's kinds.
pub type Cx = engine::Cx<Clients>;
