//! Checks for more networks, gateways and addresses than the account's quotas allow.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ec2::types::NatGatewayState;

use super::filter;
use crate::aws::Cx;
use crate::aws::ec2::errors::failed;
use crate::aws::finding::{Finding, fields, is_made, of_kind, physical, referred};
use crate::aws::quotas::{Change, HERE, Quota, over, untold, values};
use crate::aws::wing::Check;
use crate::engine::{Item, Plan, Result};

// Of a VPC: <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
const VPCS: Quota = Quota { service: "vpc", code: "L-F678F1CE", what: "VPCs" };
const INTERNET_GATEWAYS: Quota = Quota { service: "vpc", code: "L-A4707A72", what: "internet gateways" };
const NAT_GATEWAYS: Quota = Quota { service: "vpc", code: "L-FE5A380F", what: "NAT gateways" };
// <https://docs.aws.amazon.com/general/latest/gr/ec2-service.html>.
const ADDRESSES: Quota = Quota { service: "ec2", code: "L-0263D0A3", what: "Elastic IP addresses" };

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![
        ("the quota for VPCs", Box::pin(networks(cx, plan))),
        ("the quota for internet gateways", Box::pin(internet_gateways(cx, plan))),
        ("the quota for NAT gateways", Box::pin(nat_gateways(cx, plan))),
        ("the quota for Elastic IP addresses", Box::pin(addresses(cx, plan))),
    ]
}

/// Returns the value of one of the VPC quotas.
async fn of_vpc(cx: &Cx, quota: Quota) -> Result<f64> {
    let codes = [VPCS.code, INTERNET_GATEWAYS.code, NAT_GATEWAYS.code];
    let all: Arc<BTreeMap<String, f64>> = cx.reads.once("preflight.quotas.vpc", values(cx, quota.service, &codes)).await?;
    all.get(quota.code).copied().ok_or_else(untold)
}

async fn networks(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let change = Change::of(of_kind(plan, "ec2.vpc"));
    if change.more == 0 {
        return Ok(Vec::new());
    }
    let used = async {
        let pages = cx.cloud.ec2.describe_vpcs().into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeVpcs"))
    };
    let (most, used) = tokio::try_join!(of_vpc(cx, VPCS), used)?;
    Ok(over(VPCS, HERE, most, used.len(), &change))
}

async fn internet_gateways(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let change = Change::of(of_kind(plan, "ec2.internet_gateway"));
    if change.more == 0 {
        return Ok(Vec::new());
    }
    let used = async {
        let pages = cx.cloud.ec2.describe_internet_gateways().into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeInternetGateways"))
    };
    let (most, used) = tokio::try_join!(of_vpc(cx, INTERNET_GATEWAYS), used)?;
    Ok(over(INTERNET_GATEWAYS, HERE, most, used.len(), &change))
}

/// Checks the quota for NAT gateways by zone: a gateway counts in the zone of its subnet, from creation until it is deleted
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNatGateways.html>).
async fn nat_gateways(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let ours: Vec<&Item> = of_kind(plan, "ec2.nat_gateway").collect();
    if !ours.iter().any(|item| is_made(item)) {
        return Ok(Vec::new());
    }
    let there = async {
        let states = [NatGatewayState::Pending, NatGatewayState::Available, NatGatewayState::Deleting];
        let states = filter("state", states.iter().map(|s| s.as_str()));
        let pages = cx.cloud.ec2.describe_nat_gateways().filter(states).into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeNatGateways"))
    };
    let subnets = async {
        let pages = cx.cloud.ec2.describe_subnets().into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeSubnets"))
    };
    let (most, there, subnets) = tokio::try_join!(of_vpc(cx, NAT_GATEWAYS), there, subnets)?;
    let zone_of = |id: &str| subnets.iter().find(|s| s.subnet_id() == Some(id))?.availability_zone();
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    for zone in there.iter().filter_map(|gateway| zone_of(gateway.subnet_id()?)) {
        *used.entry(zone).or_default() += 1;
    }
    let mut changes: BTreeMap<String, Vec<&Item>> = BTreeMap::new();
    for item in ours {
        let Some(subnet) = fields(item).and_then(|f| f.get("subnet")) else { continue };
        let own = referred(plan, Some(subnet)).and_then(|s| fields(s)?.get("zone")?.as_str()).map(str::to_owned);
        let zone = own.or_else(|| zone_of(physical(subnet).first()?).map(str::to_owned));
        if let Some(zone) = zone {
            changes.entry(zone).or_default().push(item);
        }
    }
    Ok(changes
        .into_iter()
        .flat_map(|(zone, items)| {
            let used = used.get(zone.as_str()).copied().unwrap_or_default();
            over(NAT_GATEWAYS, &format!("in the zone {zone}"), most, used, &Change::of(items.into_iter()))
        })
        .collect())
}

async fn addresses(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    const ATTRIBUTE: &str = "vpc-max-elastic-ips";
    let change = Change::of(of_kind(plan, "ec2.address"));
    if change.more == 0 {
        return Ok(Vec::new());
    }
    let quota = async {
        let call = cx.cloud.ec2.describe_account_attributes().attribute_names(ATTRIBUTE.into());
        call.send().await.map_err(failed("ec2:DescribeAccountAttributes"))
    };
    let used = async { cx.cloud.ec2.describe_addresses().send().await.map_err(failed("ec2:DescribeAddresses")) };
    let (quota, used) = tokio::try_join!(quota, used)?;
    let told = quota.account_attributes().iter().find(|a| a.attribute_name() == Some(ATTRIBUTE));
    let most = told.and_then(|a| a.attribute_values().first()?.attribute_value()?.parse().ok()).ok_or_else(untold)?;
    Ok(over(ADDRESSES, HERE, most, used.addresses().len(), &change))
}
