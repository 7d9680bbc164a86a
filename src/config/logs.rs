//! The section `logs`: how long what the stack logs is kept, and the queries that are kept with it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::{Name, Retention};

/// How long logs are kept that belong to no single service, and queries of logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// How long CloudWatch Logs keeps what the network (`network.flow_logs`), databases (`databases.NAME.logs`) and Container Insights log.
    /// Services have their own `logs.retention`.
    pub retention: Retention,
    /// How long the access logs of the load balancer and of the CDN are kept in their buckets.
    pub access: Retention,
    /// How long what is typed and printed in sessions of ECS Exec (`services.NAME.exec`) is kept.
    pub sessions: Retention,
    /// Whether Container Insights measures the services. Without it nothing counts their running tasks, and they have no alarm `running`.
    /// It is billed by metric.
    pub container_insights: bool,
    /// Queries that CloudWatch Logs Insights keeps, by names of your choice.
    pub queries: BTreeMap<Name, Query>,
}

/// A query of CloudWatch Logs Insights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The query, in the language of Logs Insights.
    #[schemars(example = &"filter @message like /ERROR/ | stats count(*) by bin(5m)", length(min = 1, max = 9800))]
    pub query: String,
    /// What it is about, at most 50 logs: `services.NAME`, `databases.NAME`, `network`, `firewall`. Default: all services.
    #[serde(default)]
    #[schemars(example = &["services.web"])]
    pub of: Vec<String>,
}

impl Default for LogSection {
    fn default() -> Self {
        LogSection {
            retention: Retention::MONTH,
            access: Retention::QUARTER,
            sessions: Retention::YEAR,
            container_insights: true,
            queries: BTreeMap::new(),
        }
    }
}
