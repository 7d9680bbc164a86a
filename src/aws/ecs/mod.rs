//! Containers, in Amazon ECS on Fargate.

mod cluster;
mod service;
mod status;
mod task_definition;

pub use cluster::Cluster;
pub use service::{Capacity, CircuitBreaker, LoadBalancerTarget, Service};
pub use status::{Running, running};
pub use task_definition::{Container, TaskDefinition};
