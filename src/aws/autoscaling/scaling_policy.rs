use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ScalableTarget;
use crate::aws::{Clients, Cx};
use crate::engine::{Diff, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// Which measure decides how many tasks there are, and the value that it is held at.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScalingPolicy {
    /// What is scaled.
    pub target: Ref<ScalableTarget>,
    /// `ECSServiceAverageCPUUtilization`, `ECSServiceAverageMemoryUtilization` or `ALBRequestCountPerTarget`.
    pub metric: String,
    /// For `ALBRequestCountPerTarget`: the `full_name` of the load balancer, a `/`, and that of the target group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_label: Option<String>,
    /// The value that the measure is held at: percent, or requests a minute for each task.
    pub value: f64,
    /// Seconds between two steps down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_in_cooldown: Option<i32>,
    /// Seconds between two steps up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_out_cooldown: Option<i32>,
}

/// What others refer to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The name.
    pub name: String,
    /// `service/CLUSTER/NAME`
    pub resource_id: String,
}

impl Resource for ScalingPolicy {
    const KIND: &'static str = "application-autoscaling.scaling_policy";
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
