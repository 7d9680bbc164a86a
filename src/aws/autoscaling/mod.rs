//! Scaling of services, in Application Auto Scaling.

pub(in crate::aws) mod errors;
mod scalable_target;
mod scaling_policy;

pub use scalable_target::ScalableTarget;
pub use scaling_policy::ScalingPolicy;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};

/// All that we scale are services of ECS,
const NAMESPACE: ServiceNamespace = ServiceNamespace::Ecs;
/// by the number of their tasks.
const DIMENSION: ScalableDimension = ScalableDimension::EcsServiceDesiredCount;
