//! Containers, in Amazon ECS on Fargate.

mod cluster;
mod service;
mod task_definition;

pub use cluster::Cluster;
pub use service::{Capacity, CircuitBreaker, LoadBalancerTarget, Service};
pub use task_definition::{Container, TaskDefinition};
