use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Arn, Listener};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Diff, Observed, Readiness, Ref, Resource, Result, Rule};

/// What a listener does with the requests for some paths or hosts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerRule {
    /// The listener that it belongs to.
    pub listener: Ref<Listener>,
    /// Rules are tried in this order, 1 to 50000.
    pub priority: i32,
    /// The paths that it is for: `/api/*`. None: all.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The hosts that it is for: `*.example.com`. None: all.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// What happens.
    pub action: Action,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl Resource for ListenerRule {
    const KIND: &'static str = "elbv2.rule";
    type Cloud = Clients;
    type Live = Arn;

    async fn observe(_: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(Vec::new())
    }
    async fn create(&self, _: &Cx) -> Result<Arn> {
        Err(crate::engine::Error::internal("not written yet"))
    }
    async fn update(&self, _: &Cx, live: &Arn, _: &Diff) -> Result<Arn> {
        Ok(live.clone())
    }
    async fn delete(_: &Cx, _: &Arn) -> Result<()> {
        Ok(())
    }
}
