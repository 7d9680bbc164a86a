//! What networks are billed for: NAT gateways with their data, what goes from one zone to another, and public addresses. A gateway endpoint is free
//! (<https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>), as are VPCs, subnets, routes and security groups.

use super::{Address, NatGateway, Vpc};
use crate::aws::billed::{Object, Whole};
use crate::engine::Resource;
use crate::prices::{Decimal, HOURS, Part};

/// <https://aws.amazon.com/vpc/pricing/>: an hour of a NAT gateway, a gigabyte through it, and an hour of a public IPv4 address, in use
/// or not.
pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    match object.key.kind.as_str() {
        NatGateway::KIND => vec![
            Part::new("AmazonVPC", "nat-gateway", HOURS, "NAT gateway"),
            Part::new("AmazonVPC", "nat-gateway-data", whole.share::<NatGateway>(whole.usage.nat), "data through it")
                .assuming("usage.nat"),
        ],
        // A cent for each gigabyte on either side (<https://aws.amazon.com/ec2/pricing/on-demand/>, data transfer within a region).
        Vpc::KIND if whole.usage.cross_zone > Decimal::ZERO => {
            let both = whole.share::<Vpc>(whole.usage.cross_zone) * Decimal::of(2);
            let what = "data between zones, on both sides";
            vec![Part::new("AWSDataTransfer", "DataTransfer-InterAZ-GB", both, what).assuming("usage.cross_zone")]
        }
        Address::KIND => vec![Part::new("AmazonVPC", "public-ipv4", HOURS, "public IPv4 address")],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Graph, Node};
    use crate::prices::Usage;

    #[test]
    fn data_between_zones_is_paid_for_on_both_sides() {
        let mut graph = Graph::default();
        let desired = serde_json::json!({"cidr": "10.0.0.0/16"}).into();
        graph.insert(Node { key: "ec2.vpc/main".parse().unwrap(), desired, origin: "network".into() }).unwrap();
        let monthly = |gigabytes: u64| {
            let usage = Usage { cross_zone: Decimal::of(gigabytes), ..Usage::default() };
            let bill = crate::aws::bill::of(&graph, "us-east-1", &usage, None);
            (bill.lines.len(), bill.sum().monthly.plain())
        };
        // 300 gigabytes, a cent for each on either side.
        assert_eq!((monthly(300), monthly(0)), ((1, "6.00".into()), (0, "0.00".into())));
    }
}
