//! Load balancing, in Elastic Load Balancing v2.

mod action;
mod listener;
mod load_balancer;
mod rule;
mod target_group;

pub use action::{Action, FixedResponse, Redirect};
pub use listener::Listener;
pub use load_balancer::LoadBalancer;
pub use rule::ListenerRule;
pub use target_group::{HealthCheck, TargetGroup};

use serde::{Deserialize, Serialize};

/// What listeners and rules have: an ARN.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arn {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
}
