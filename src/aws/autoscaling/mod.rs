//! Scaling of services, in Application Auto Scaling.

mod scalable_target;
mod scaling_policy;

pub use scalable_target::ScalableTarget;
pub use scaling_policy::ScalingPolicy;
