//! The section `logs`: how long what the stack logs is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::Retention;

/// How long logs are kept that belong to no single service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// How long CloudWatch Logs keeps what the network (`network.flow_logs`), databases (`databases.NAME.logs`) and Container Insights log.
    /// Services have their own `logs.retention`.
    pub retention: Retention,
    /// How long the access logs of the load balancer and of the CDN are kept in their buckets.
    pub access: Retention,
}

impl Default for LogSection {
    fn default() -> Self {
        LogSection { retention: Retention::MONTH, access: Retention::QUARTER }
    }
}
