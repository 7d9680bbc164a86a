//! What a service gets when it `uses` something.

use std::collections::BTreeMap;

use crate::aws::ec2::SecurityGroup;
use crate::engine::Ref;

/// By how it is written in `uses`: `databases.main`.
pub type Offers = BTreeMap<String, Offer>;

/// What one database or cache has for those who use it.
pub struct Offer {
    /// The group that guards it: a rule in it lets the service in. None when it is somebody else's, who opens it.
    pub security_group: Option<Ref<SecurityGroup>>,
    /// The port that is opened.
    pub port: u16,
    /// Environment variables: where it is and how to speak to it. Nothing secret.
    pub environment: BTreeMap<String, String>,
    /// Environment variables that ECS fills from secrets: ARNs in the form that task definitions want.
    pub secrets: BTreeMap<String, String>,
    /// The ARNs of the secrets that the execution role must read for that.
    pub secret_arns: Vec<String>,
}
