//! What networks are billed for: NAT gateways with their data, and public addresses. A gateway endpoint is free
//! (<https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>), as are VPCs, subnets, routes and security groups.

use super::{Address, NatGateway};
use crate::aws::billed::{Object, Whole};
use crate::engine::Resource;
use crate::prices::{HOURS, Part};

/// <https://aws.amazon.com/vpc/pricing/>: an hour of a NAT gateway, a gigabyte through it, and an hour of a public IPv4 address, in use
/// or not.
pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    match object.key.kind.as_str() {
        NatGateway::KIND => vec![
            Part::new("AmazonVPC", "nat-gateway", HOURS, "NAT gateway"),
            Part::new("AmazonVPC", "nat-gateway-data", whole.share::<NatGateway>(whole.usage.nat), "data through it")
                .assuming("usage.nat"),
        ],
        Address::KIND => vec![Part::new("AmazonVPC", "public-ipv4", HOURS, "public IPv4 address")],
        _ => Vec::new(),
    }
}
