//! Amazon Web Services: the registry of kinds, the clients, and how AWS's errors become ours.
//!
//! One folder per service, one file per kind. A new kind is a file, its `mod` line, and a line in [`registry`].

pub mod autoscaling;
pub mod clients;
pub mod ec2;
pub mod ecs;
pub mod elbv2;
pub mod error;
pub mod iam;
pub mod logs;
pub mod names;
pub mod tags;

pub use clients::{Clients, Options};
pub use tags::Tags;

use crate::engine;

/// What the verbs of AWS's kinds are given.
pub type Cx = engine::Cx<Clients>;

/// Every kind that there is.
pub fn registry() -> engine::Registry<Clients> {
    engine::Registry::default()
        .with::<ec2::Vpc>()
        .with::<ec2::Subnet>()
        .with::<ec2::InternetGateway>()
        .with::<ec2::Address>()
        .with::<ec2::NatGateway>()
        .with::<ec2::RouteTable>()
        .with::<ec2::Route>()
        .with::<ec2::RouteTableAssociation>()
        .with::<ec2::VpcEndpoint>()
        .with::<ec2::DefaultSecurityGroup>()
        .with::<ec2::SecurityGroup>()
        .with::<ec2::SecurityGroupRule>()
        .with::<elbv2::LoadBalancer>()
        .with::<elbv2::TargetGroup>()
        .with::<elbv2::Listener>()
        .with::<elbv2::ListenerRule>()
        .with::<iam::Role>()
        .with::<logs::LogGroup>()
        .with::<ecs::Cluster>()
        .with::<ecs::TaskDefinition>()
        .with::<ecs::Service>()
        .with::<autoscaling::ScalableTarget>()
        .with::<autoscaling::ScalingPolicy>()
}
