//! Automatic scaling of services, in Application Auto Scaling.

pub(in crate::aws) mod errors;
mod scalable_target;
mod scaling_policy;

pub use scalable_target::ScalableTarget;
pub use scaling_policy::ScalingPolicy;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};

use crate::aws::wing::{KindRow, ServiceRole, Wing};

/// The service and its kinds.
pub(super) static WING: Wing = Wing {
    // <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html>
    roles: &[ServiceRole {
        principal: "ecs.application-autoscaling.amazonaws.com",
        name: "AWSServiceRoleForApplicationAutoScaling_ECSService",
        kinds: &["application-autoscaling.scalable_target"],
    }],
    ..Wing::of(&[KindRow::of::<ScalableTarget>(), KindRow::of::<ScalingPolicy>()])
};

/// The namespace of everything that is scaled: ECS services,
const NAMESPACE: ServiceNamespace = ServiceNamespace::Ecs;
/// by the number of their tasks.
const DIMENSION: ScalableDimension = ScalableDimension::EcsServiceDesiredCount;
