//! Every kind that there is: one line each.

use super::{
    Clients, acm, autoscaling, cloudfront, ec2, ecs, elasticache, elbv2, events, iam, kms, lambda, logs, rds, route53, s3,
    secretsmanager, servicediscovery,
};
use crate::engine;

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
        .with::<iam::Group>()
        .with::<iam::User>()
        .with::<kms::Key>()
        .with::<kms::Alias>()
        .with::<acm::Certificate>()
        .with::<acm::Validation>()
        .with::<logs::LogGroup>()
        .with::<ecs::Cluster>()
        .with::<ecs::TaskDefinition>()
        .with::<ecs::Service>()
        .with::<autoscaling::ScalableTarget>()
        .with::<autoscaling::ScalingPolicy>()
        .with::<route53::Record>()
        .with::<s3::Bucket>()
        .with::<s3::BucketPolicy>()
        .with::<servicediscovery::Namespace>()
        .with::<cloudfront::OriginAccessControl>()
        .with::<cloudfront::Distribution>()
        .with::<rds::SubnetGroup>()
        .with::<rds::ParameterGroup>()
        .with::<rds::Instance>()
        .with::<secretsmanager::Secret>()
        .with::<secretsmanager::Rotation>()
        .with::<lambda::Function>()
        .with::<lambda::Permission>()
        .with::<events::EventRule>()
        .with::<elasticache::SubnetGroup>()
        .with::<elasticache::ParameterGroup>()
        .with::<elasticache::ReplicationGroup>()
        .with::<elasticache::Cluster>()
}

#[cfg(test)]
mod tests {
    /// The longest waits that are not the usual half hour stand in docs/file.md, and no others.
    #[test]
    fn the_longest_waits_are_written_down() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/file.md")).unwrap();
        let table = text.split("## Waits").nth(1).unwrap();
        let row = |line: &str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let hours = cells.get(3)?.split(' ').next()?.parse::<u64>().ok()?;
            Some((cells[1].trim_matches('`').to_owned(), hours))
        };
        let written: Vec<(String, u64)> =
            table.lines().filter(|line| line.starts_with("| `")).map(|line| row(line).unwrap()).collect();
        let mut known: Vec<(String, u64)> = crate::aws::registry()
            .kinds()
            .map(|kind| (kind.name().to_owned(), kind.usual().longest.as_secs()))
            .filter(|(_, longest)| *longest > 1800)
            .map(|(name, longest)| (name, longest / 3600))
            .collect();
        known.sort();
        assert_eq!(written, known);
    }
}
