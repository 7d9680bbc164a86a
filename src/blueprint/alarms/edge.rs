//! What stands between users and services: load balancer, distribution, certificates, and the way out.

use super::{Found, Parts, attribute, read};
use crate::aws::acm::Certificate;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::cloudfront::Distribution;
use crate::aws::ec2::NatGateway;
use crate::aws::elbv2::LoadBalancer;
use crate::aws::route53::HealthCheck;
use crate::engine::{Node, Resource};

pub fn find(parts: &Parts<'_>, node: &Node) -> Vec<Found> {
    match node.key.kind.as_str() {
        LoadBalancer::KIND => {
            let dimensions = [("LoadBalancer", attribute::<LoadBalancer>(node, "full_name"))];
            ["load_balancer.errors", "load_balancer.rejected"].map(|watch| Found::new(node, watch, &dimensions)).into()
        }
        NatGateway::KIND => vec![Found::new(node, "network.nat_ports", &[("NatGatewayId", attribute::<NatGateway>(node, "id"))])],
        // CloudFront reports to us-east-1 only, and an alarm watches metrics of its own region
        // (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html>).
        Distribution::KIND => {
            let dimensions = [("DistributionId", attribute::<Distribution>(node, "id")), ("Region", "Global".to_owned())];
            vec![Found::new(node, "cdn.errors", &dimensions).at(CLOUDFRONT_REGION, parts.scope)]
        }
        // So does Route 53 (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-cloudwatch.html>).
        HealthCheck::KIND if node.origin.starts_with("recovery") => {
            let dimensions = [("HealthCheckId", attribute::<HealthCheck>(node, "id"))];
            vec![Found::named("main", "recovery", "recovery.health_check", &dimensions).at(CLOUDFRONT_REGION, parts.scope)]
        }
        Certificate::KIND => {
            let Some(certificate) = read::<Certificate>(node) else { return Vec::new() };
            let dimensions = [("CertificateArn", attribute::<Certificate>(node, "arn"))];
            vec![Found::new(node, "certificates.expiry", &dimensions).at(&certificate.region, parts.scope)]
        }
        _ => Vec::new(),
    }
}
