//! How many of a thing an account may have.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ec2::types::NatGatewayState;

use super::finding::{Certainty, Finding, fields, is_made, of_kind, physical, referred};
use crate::aws::Cx;
use crate::aws::call::error::failed;
use crate::aws::ec2::filter;
use crate::aws::{ec2, elbv2, rds};
use crate::engine::{Action, Class, Error, Item, Order, Plan, Result};

/// A quota, as Service Quotas knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota {
    /// The service's code.
    pub service: &'static str,
    /// The quota's code.
    pub code: &'static str,
    /// What it counts.
    pub what: &'static str,
}

// Of a VPC: <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
const VPCS: Quota = Quota { service: "vpc", code: "L-F678F1CE", what: "VPCs" };
const INTERNET_GATEWAYS: Quota = Quota { service: "vpc", code: "L-A4707A72", what: "internet gateways" };
const NAT_GATEWAYS: Quota = Quota { service: "vpc", code: "L-FE5A380F", what: "NAT gateways" };
// <https://docs.aws.amazon.com/general/latest/gr/ec2-service.html>.
const ADDRESSES: Quota = Quota { service: "ec2", code: "L-0263D0A3", what: "elastic IP addresses" };
// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>.
const BALANCERS: Quota = Quota { service: "elasticloadbalancing", code: "L-53DA6B97", what: "application load balancers" };
// <https://docs.aws.amazon.com/general/latest/gr/rds-service.html>.
const DATABASES: Quota = Quota { service: "rds", code: "L-7B6409FD", what: "databases" };

impl Quota {
    /// How to get more of it.
    pub(super) fn help(self, needed: f64) -> String {
        format!(
            "release what is not needed, or ask for more: `aws service-quotas request-service-quota-increase --service-code {} --quota-code {} --desired-value {}`",
            self.service,
            self.code,
            needed.ceil()
        )
    }
}

/// What an account may have of a service, by the quotas' codes: what was granted to it, and AWS's own value where nothing
/// was. One question for all of them
/// (<https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html>), which lists only what was
/// granted or is tracked; the second is asked when it leaves something out.
pub(super) async fn values(cx: &Cx, service: &'static str, codes: &[&str]) -> Result<BTreeMap<String, f64>> {
    let pages = cx.cloud.quotas.list_service_quotas().service_code(service).max_results(100).into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("servicequotas:ListServiceQuotas"))?;
    let value = |quota: aws_sdk_servicequotas::types::ServiceQuota| Some((quota.quota_code?, quota.value?));
    let mut found: BTreeMap<String, f64> = all.into_iter().filter_map(value).collect();
    if codes.iter().any(|code| !found.contains_key(*code)) {
        let call = cx.cloud.quotas.list_aws_default_service_quotas().service_code(service).max_results(100);
        let all = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
        for (code, value) in all.map_err(failed("servicequotas:ListAWSDefaultServiceQuotas"))?.into_iter().filter_map(value) {
            found.entry(code).or_insert(value);
        }
    }
    Ok(found)
}

/// The value of one of the VPC's quotas.
async fn of_vpc(cx: &Cx, quota: Quota) -> Result<f64> {
    let codes = [VPCS.code, INTERNET_GATEWAYS.code, NAT_GATEWAYS.code];
    let all: Arc<BTreeMap<String, f64>> = cx.reads.once("preflight.quotas.vpc", values(cx, quota.service, &codes)).await?;
    all.get(quota.code).copied().ok_or_else(untold)
}

fn untold() -> Error {
    Error::new(Class::Other, "AWS does not tell it")
}

/// How many of a kind come and go.
struct Change {
    more: usize,
    less: usize,
}

impl Change {
    fn of<'a>(items: impl Iterator<Item = &'a Item>) -> Change {
        let mut change = Change { more: 0, less: 0 };
        for item in items {
            // A replacement that begins with the old half takes its place.
            change.more += usize::from(is_made(item) && item.order != Some(Order::DeleteFirst));
            change.less += usize::from(item.action == Action::Delete);
        }
        change
    }
}

/// A quota that is used up by what the plan makes. What the plan deletes goes when it can: whether in time is not certain.
fn over(quota: Quota, place: &str, most: f64, used: usize, change: &Change) -> Vec<Finding> {
    let Change { more, less } = *change;
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if more == 0 || count(used + more) <= most {
        return Vec::new();
    }
    let what = quota.what;
    let message = format!("the plan makes {more} {what} {place}, {used} are there, and the account's quota {place} is {most}");
    let certainty = if count((used + more).saturating_sub(less)) > most { Certainty::Refused } else { Certainty::Doubtful };
    vec![Finding::new(certainty, message).help(quota.help(count(used + more)))]
}

const HERE: &str = "in this region";

pub(super) async fn networks(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let change = Change::of(of_kind(plan, "ec2.vpc"));
    if change.more == 0 {
        return Ok(Vec::new());
    }
    let used = async {
        let pages = cx.cloud.ec2.describe_vpcs().into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(ec2::errors::failed("ec2:DescribeVpcs"))
    };
    let (most, used) = tokio::try_join!(of_vpc(cx, VPCS), used)?;
    Ok(over(VPCS, HERE, most, used.len(), &change))
}

pub(super) async fn internet_gateways(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let change = Change::of(of_kind(plan, "ec2.internet_gateway"));
    if change.more == 0 {
        return Ok(Vec::new());
    }
    let used = async {
        let pages = cx.cloud.ec2.describe_internet_gateways().into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(ec2::errors::failed("ec2:DescribeInternetGateways"))
    };
    let (most, used) = tokio::try_join!(of_vpc(cx, INTERNET_GATEWAYS), used)?;
    Ok(over(INTERNET_GATEWAYS, HERE, most, used.len(), &change))
}

/// Zone by zone: a gateway counts in that of its subnet, from its first moment to its last
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNatGateways.html>).
pub(super) async fn nat_gateways(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let ours: Vec<&Item> = of_kind(plan, "ec2.nat_gateway").collect();
    if !ours.iter().any(|item| is_made(item)) {
        return Ok(Vec::new());
    }
    let there = async {
        let states = [NatGatewayState::Pending, NatGatewayState::Available, NatGatewayState::Deleting];
        let states = filter("state", states.iter().map(|s| s.as_str()));
        let pages = cx.cloud.ec2.describe_nat_gateways().filter(states).into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(ec2::errors::failed("ec2:DescribeNatGateways"))
    };
    let subnets = async {
        let pages = cx.cloud.ec2.describe_subnets().into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(ec2::errors::failed("ec2:DescribeSubnets"))
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

pub(super) async fn addresses(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    const ATTRIBUTE: &str = "vpc-max-elastic-ips";
    let change = Change::of(of_kind(plan, "ec2.address"));
    if change.more == 0 {
        return Ok(Vec::new());
    }
    let quota = async {
        let call = cx.cloud.ec2.describe_account_attributes().attribute_names(ATTRIBUTE.into());
        call.send().await.map_err(ec2::errors::failed("ec2:DescribeAccountAttributes"))
    };
    let used = async { cx.cloud.ec2.describe_addresses().send().await.map_err(ec2::errors::failed("ec2:DescribeAddresses")) };
    let (quota, used) = tokio::try_join!(quota, used)?;
    let told = quota.account_attributes().iter().find(|a| a.attribute_name() == Some(ATTRIBUTE));
    let most = told.and_then(|a| a.attribute_values().first()?.attribute_value()?.parse().ok()).ok_or_else(untold)?;
    Ok(over(ADDRESSES, HERE, most, used.addresses().len(), &change))
}

pub(super) async fn balancers(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let change = Change::of(of_kind(plan, "elbv2.load_balancer"));
    if change.more == 0 {
        return Ok(Vec::new());
    }
    let limits = async {
        cx.cloud.elbv2.describe_account_limits().send().await.map_err(elbv2::errors::failed("elbv2:DescribeAccountLimits"))
    };
    let used = async {
        let pages = cx.cloud.elbv2.describe_load_balancers().into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(elbv2::errors::failed("elbv2:DescribeLoadBalancers"))
    };
    let (limits, used) = tokio::try_join!(limits, used)?;
    let told = limits.limits().iter().find(|l| l.name() == Some("application-load-balancers"));
    let most = told.and_then(|l| l.max()?.parse().ok()).ok_or_else(untold)?;
    let used = used.iter().filter(|b| b.r#type().is_some_and(|t| t.as_str() == "application")).count();
    Ok(over(BALANCERS, HERE, most, used, &change))
}

pub(super) async fn databases(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let change = Change::of(of_kind(plan, "rds.instance"));
    if change.more == 0 {
        return Ok(Vec::new());
    }
    let answer =
        cx.cloud.rds.describe_account_attributes().send().await.map_err(rds::errors::failed("rds:DescribeAccountAttributes"))?;
    let quota = answer.account_quotas().iter().find(|q| q.account_quota_name() == Some("DBInstances")).ok_or_else(untold)?;
    let used = usize::try_from(quota.used().unwrap_or_default()).unwrap_or_default();
    let most = quota.max().and_then(|max| u32::try_from(max).ok()).map_or(f64::INFINITY, f64::from);
    Ok(over(DATABASES, HERE, most, used, &change))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_the_quota_is_said_and_how_sure_that_is() {
        let said = |used, more, less| over(VPCS, HERE, 5.0, used, &Change { more, less });
        assert_eq!(said(4, 1, 0), []);
        assert_eq!(said(9, 0, 0), []);
        let found = said(5, 1, 0).remove(0);
        assert_eq!(found.certainty, Certainty::Refused);
        assert_eq!(
            found.message,
            "the plan makes 1 VPCs in this region, 5 are there, and the account's quota in this region is 5"
        );
        assert!(found.help.unwrap().ends_with("--service-code vpc --quota-code L-F678F1CE --desired-value 6`"));
        assert_eq!(said(5, 1, 1).remove(0).certainty, Certainty::Doubtful);
    }
}
