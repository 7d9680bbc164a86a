//! The sections `keys` and `certificates`: encryption at rest and in transit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::{Account, Duration};

/// A KMS key with an alias. The key called `main` encrypts databases, Valkey and Redis caches, passwords and log groups that name
/// no other key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeySection {
    /// Whether AWS rotates the key material.
    pub rotation: bool,
    /// How often AWS rotates the key material, in whole days from `90d` to `2560d`. Default: `365d`.
    pub rotation_period: Option<Duration>,
    /// How long a deleted key can be restored, in whole days from `7d` to `30d`.
    pub deletion_window: Duration,
    /// The description of the key in AWS. Default: one that names the stack.
    pub description: Option<String>,
    /// The numbers of other accounts that may use the key for copies of snapshots, as `stack clone --account-role` makes them: what it
    /// encrypts can then be read there. Default: none.
    pub accounts: Vec<Account>,
}

impl Default for KeySection {
    fn default() -> Self {
        KeySection {
            rotation: true,
            rotation_period: None,
            deletion_window: Duration::secs(30 * 86_400),
            description: None,
            accounts: Vec::new(),
        }
    }
}

/// An ACM certificate that is requested for this stack and validated by DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateSection {
    /// The main name that the certificate covers, such as `www.example.com`. It has at most 64 characters.
    #[schemars(length(min = 1, max = 253), example = &"www.example.com")]
    pub domain: String,
    /// Further names that the certificate covers, such as `*.example.com`. Default: none.
    #[serde(default)]
    #[schemars(example = &["*.example.com"])]
    pub names: Vec<String>,
    /// The Route 53 zone for the validation records: `existing.zones.NAME`, or the id of a zone. Default: none, and `stack apply`
    /// prints the records and waits until someone creates them.
    #[serde(default)]
    #[schemars(extend("format" = "stack-sense", "pattern" = r"^(existing\.zones\.[a-z][a-z0-9-]*|Z[A-Z0-9]+)$", "examples" = ["existing.zones.main"]))]
    pub zone: Option<String>,
}
