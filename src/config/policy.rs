//! Statements of IAM policies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An action and a resource of a policy as regular expressions
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).
const ACTION: &str = r"^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?_.-]+)$";
const RESOURCE: &str = r"^(\*|arn:.+|\$\{.+)$";

/// A statement of an IAM policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyStatement {
    /// Whether the statement allows or denies the actions.
    #[serde(default)]
    pub effect: Effect,
    /// The IAM actions, with `*` for any characters.
    #[schemars(length(min = 1), extend("items" = {"type": "string", "pattern": ACTION, "examples": ["s3:GetObject"]}))]
    pub actions: Vec<String>,
    /// The ARNs that the actions apply to, with `*` for any characters.
    #[schemars(length(min = 1), extend("items" = {"type": "string", "pattern": RESOURCE, "examples": ["arn:aws:s3:::NAME/*"]}))]
    pub resources: Vec<String>,
    /// The name of the statement, of letters and digits. Default: none.
    #[serde(default)]
    #[schemars(extend("pattern" = "^[A-Za-z0-9]*$", "patternErrorMessage" = "a `sid` has only letters and digits"), example = &"ReadFiles")]
    pub sid: Option<String>,
}

/// The effect of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Allows the actions.
    #[default]
    Allow,
    /// Denies the actions, even if another statement allows them.
    Deny,
}
