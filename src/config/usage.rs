//! The sections `usage` and `cost`: what is assumed of the use when prices are told, and how much a stack may cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::Size;

/// What is assumed of the use of the stack when its monthly price is told. Nothing in AWS depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UsageSection {
    /// Requests of users in a second, on average.
    #[schemars(range(min = 0.0, max = 1_000_000.0), example = &2.5)]
    pub requests: f64,
    /// What users download in a month.
    pub transfer: Size,
    /// What goes through all NAT gateways in a month.
    pub nat: Size,
    /// What all services write into log groups in a month.
    pub logs: Size,
    /// What is kept in each bucket of the stack.
    pub files: Size,
    /// Objects read from each bucket in a month; a tenth of that is written.
    pub reads: u32,
    /// Messages through each queue and each topic in a month.
    pub messages: u32,
    /// Calls of each function in a month, of a second each.
    pub calls: u32,
    /// Whether AWS's perpetual free allowances are deducted. They are for all accounts of an organization together.
    pub free_tier: bool,
}

impl Default for UsageSection {
    fn default() -> Self {
        UsageSection {
            requests: 1.0,
            transfer: Size::gib(100),
            nat: Size::gib(50),
            logs: Size::gib(10),
            files: Size::gib(10),
            reads: 100_000,
            messages: 100_000,
            calls: 10_000,
            free_tier: false,
        }
    }
}

/// How much the stack may cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CostSection {
    /// The monthly price in US dollars above which no run may raise it. Parts without a known price are not counted. Default: none,
    /// and any price is accepted.
    #[schemars(example = &300)]
    pub max_monthly: Option<u32>,
}
