use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TargetGroup;
use crate::engine::Ref;

/// What a listener or a rule does with a request: exactly one of the three, named by `kind`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// `forward`, `redirect` or `fixed-response`.
    pub kind: String,
    /// Where `forward` sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group: Option<Ref<TargetGroup>>,
    /// Where `redirect` sends the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
    /// What `fixed-response` answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<FixedResponse>,
}

/// Another address for the same host and path.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// `HTTPS`, or `#{protocol}` for the one that it came by.
    pub protocol: String,
    /// `443`, or `#{port}` for the one that it came by.
    pub port: String,
    /// `HTTP_301` or `HTTP_302`.
    pub status_code: String,
}

/// An answer without asking anybody.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedResponse {
    /// `404`
    pub status_code: String,
    /// `text/plain`
    pub content_type: String,
    /// The text.
    pub body: String,
}
