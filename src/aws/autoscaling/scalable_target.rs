use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::ecs::Service;
use crate::aws::{Clients, Cx};
use crate::engine::{Diff, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// Between how many tasks a service may be scaled. Has the name of its service.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScalableTarget {
    /// The service, by its `resource_id`.
    pub service: Ref<Service>,
    /// The fewest tasks.
    pub min: i32,
    /// The most tasks.
    pub max: i32,
}

/// What others refer to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Live {
    /// `service/CLUSTER/NAME`
    pub id: String,
}

impl Resource for ScalableTarget {
    const KIND: &'static str = "application-autoscaling.scalable_target";
    type Cloud = Clients;
    type Live = Live;
    const TAGGED: bool = false;
    async fn observe(_: &Cx) -> Result<Vec<Observed<Self>>> {
        Ok(Vec::new())
    }
    async fn create(&self, _: &Cx) -> Result<Live> {
        Err(crate::engine::Error::internal("not written yet"))
    }
    async fn update(&self, _: &Cx, live: &Live, _: &Diff) -> Result<Live> {
        Ok(live.clone())
    }
    async fn delete(_: &Cx, _: &Live) -> Result<()> {
        Ok(())
    }
}
