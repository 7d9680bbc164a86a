//! What load balancers are billed for: the hour, the capacity units, their public addresses, and the traffic to users.

use super::{ListenerRule, LoadBalancer};
use crate::aws::billed::{Object, Whole};
use crate::prices::{Decimal, HOURS, Part, lcus};

/// The requests of one connection, and how long it stays open in seconds: as in AWS's example
/// (<https://aws.amazon.com/elasticloadbalancing/pricing/>).
const PER_CONNECTION: Decimal = Decimal::of(5);
const SECONDS: Decimal = Decimal::of(120);

/// A started hour is a full one, with or without traffic. The hour is one price and a unit of capacity in it (LCU) another. A load
/// balancer on the internet has a public address in each zone.
pub(super) fn bill(object: &Object, whole: &Whole) -> Vec<Part> {
    let Some(balancer) = object.of::<LoadBalancer>() else { return Vec::new() };
    let usage = &whole.usage;
    let share = |of| whole.share::<LoadBalancer>(of);
    let (requests, transfer) = (share(usage.requests), share(usage.transfer));
    let new = requests.over(PER_CONNECTION);
    let units = lcus(new, new * SECONDS, transfer.over(HOURS), requests, whole.all::<ListenerRule>().count());
    let mut parts = vec![
        Part::new("AWSELB", "alb", HOURS, "Application Load Balancer"),
        Part::new("AmazonALB", "ALB-LCU-ProcessedBytes", units * HOURS, "its capacity units (LCU)").assuming("usage.requests"),
    ];
    if balancer.scheme == "internet-facing" {
        let zones = Decimal::of(balancer.subnets.len() as u64);
        let addresses = format!("{} public IPv4 addresses", zones.quantity());
        parts.push(Part::new("AmazonVPC", "public-ipv4", HOURS * zones, addresses));
        // To CloudFront it is free, and from there it is CloudFront's
        // (<https://aws.amazon.com/cloudfront/pricing/>).
        if !whole.has("cloudfront.distribution") {
            let out = Part::new("AWSDataTransfer", "DataTransfer-Internet-Out-GB", transfer, "data to users");
            parts.push(out.assuming("usage.transfer"));
        }
    }
    parts
}
