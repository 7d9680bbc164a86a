//! The section `clone`: what `stack clone` does with a copy of the environment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::{Duration, Name};

/// What `stack clone` does with a copy of this environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CloneSection {
    /// A command that makes the copied data harmless before any service of the copy starts. Default: none, and services start with
    /// the data as it is.
    pub sanitize: Option<Sanitize>,
    /// What the copy may share with the environment that it is made of: parts of identifiers, ARNs or addresses, or entries of
    /// `existing`, such as `existing.buckets.uploads`. Default: nothing.
    #[schemars(example = &["existing.buckets.uploads"])]
    pub keep: Vec<String>,
}

/// A command that makes copied data harmless. It runs in a task like those of a service, against the copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sanitize {
    /// The service whose network, variables, secrets and permissions the task has.
    pub service: Name,
    /// The command with its arguments, as a list. Any exit code but 0 means that it failed, and no service is started.
    #[schemars(length(min = 1), example = &["sh", "-c", "psql -f /sanitize.sql"])]
    pub command: Vec<String>,
    /// The image of the task. In a private registry of AWS it must be in the repository of the service's image. Default: the
    /// service's.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^[^\s]+$"), example = &"ghcr.io/greenmaskio/greenmask:v0.2.5")]
    pub image: Option<String>,
    /// How long it may take; then it is stopped, and has failed. Default: any time.
    #[serde(default)]
    #[schemars(example = &"2h")]
    pub timeout: Option<Duration>,
}
