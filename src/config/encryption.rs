//! Keys that encrypt at rest, and certificates that encrypt on the way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::Duration;

/// A KMS key with an alias. The one called `main` encrypts databases, Valkey and Redis caches, passwords and log groups that name no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeySection {
    /// Whether AWS renews the key material.
    pub rotation: bool,
    /// How often, `90d` to `2560d`. Left out: every year.
    pub rotation_period: Option<Duration>,
    /// For how long a deleted key can be had back, `7d` to `30d`.
    pub deletion_window: Duration,
    /// What it is for.
    pub description: Option<String>,
}

impl Default for KeySection {
    fn default() -> Self {
        KeySection { rotation: true, rotation_period: None, deletion_window: Duration::secs(30 * 86_400), description: None }
    }
}

/// A certificate of ACM, requested for this stack and proven by DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateSection {
    /// The name that it is for: `www.example.com`.
    #[schemars(length(min = 1, max = 253))]
    pub domain: String,
    /// Further names: `*.example.com`.
    #[serde(default)]
    pub names: Vec<String>,
    /// The zone of Route 53 where the proof is written: `existing.zones.NAME`. Left out: somebody writes it, and the apply waits
    /// and says what to write where.
    #[serde(default)]
    pub zone: Option<String>,
}
