//! What may be done in AWS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An action and a resource of a policy as regular expressions
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).
const ACTION: &str = r"^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?_.-]+)$";
const RESOURCE: &str = r"^(\*|arn:.+|\$\{.+)$";

/// What the containers may do in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyStatement {
    /// Whether it is allowed or denied.
    #[serde(default)]
    pub effect: Effect,
    /// What: `s3:GetObject`.
    #[schemars(length(min = 1), extend("items" = {"type": "string", "pattern": ACTION, "examples": ["s3:GetObject"]}))]
    pub actions: Vec<String>,
    /// On what: ARNs, which may hold `*`.
    #[schemars(length(min = 1), extend("items" = {"type": "string", "pattern": RESOURCE, "examples": ["arn:aws:s3:::NAME/*"]}))]
    pub resources: Vec<String>,
    /// A name for the statement: letters and digits.
    #[serde(default)]
    #[schemars(extend("pattern" = "^[A-Za-z0-9]*$"), example = &"ReadFiles")]
    pub sid: Option<String>,
}

/// Whether something is allowed or denied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It may.
    #[default]
    Allow,
    /// It may not, whatever else says that it may.
    Deny,
}
