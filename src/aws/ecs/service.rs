use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cluster, TaskDefinition};
use crate::aws::ec2::{SecurityGroup, Subnet};
use crate::aws::elbv2::TargetGroup;
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{AnyRef, Diff, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// Tasks that are kept running.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The cluster that it runs in.
    pub cluster: Ref<Cluster>,
    /// What its tasks are made of.
    pub task_definition: Ref<TaskDefinition>,
    /// How many tasks. Left out when something else decides, such as autoscaling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_count: Option<i32>,
    /// How many tasks to begin with, when `desired_count` is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_count: Option<i32>,
    /// Which capacity the tasks get. Left out: Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<Vec<Capacity>>,
    /// The subnets that the tasks stand in.
    pub subnets: Vec<Ref<Subnet>>,
    /// Who may reach the tasks, and whom they may reach.
    #[serde(default)]
    pub security_groups: Vec<Ref<SecurityGroup>>,
    /// Whether the tasks get public addresses.
    #[serde(default)]
    pub assign_public_ip: bool,
    /// The target groups that the tasks are registered in.
    #[serde(default)]
    pub load_balancers: Vec<LoadBalancerTarget>,
    /// Seconds after a task's start in which health checks do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<i32>,
    /// When to give a deployment up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreaker>,
    /// How many tasks must run during a deployment, in percent of the desired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_healthy_percent: Option<i32>,
    /// How many tasks may run during a deployment, in percent of the desired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_percent: Option<i32>,
    /// Whether commands can be run in the tasks (ECS Exec).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<bool>,
    /// Whether ECS evens the tasks out over the zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_rebalancing: Option<bool>,
    /// Whose tags the tasks get: `SERVICE` or `TASK_DEFINITION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagate_tags: Option<String>,
    /// What must be there first, such as the listener of its target group.
    #[serde(default)]
    pub after: Vec<AnyRef>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A share of the tasks and where they run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// `FARGATE` or `FARGATE_SPOT`.
    pub provider: String,
    /// Its share of the tasks beyond the base.
    #[serde(default)]
    pub weight: i32,
    /// How many tasks it gets first.
    #[serde(default)]
    pub base: i32,
}

/// A target group that the tasks are registered in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancerTarget {
    /// The target group.
    pub target_group: Ref<TargetGroup>,
    /// The container that answers.
    pub container: String,
    /// Its port.
    pub port: i32,
}

/// When to give a deployment up.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CircuitBreaker {
    /// Give up when tasks keep failing.
    pub enable: bool,
    /// Go back to what ran before.
    pub rollback: bool,
}

/// What others refer to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    /// `service/CLUSTER/NAME`: how autoscaling calls it.
    pub resource_id: String,
    /// When the deployment that is waited for began, in milliseconds: an older one is an answer from before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<i64>,
}

impl Resource for Service {
    const KIND: &'static str = "ecs.service";
    type Cloud = Clients;
    type Live = Live;

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
