//! The zones of subnets, including those that are yet to be created.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::aws::Cx;
use crate::aws::ec2::errors::failed;
use crate::aws::finding::{field, fields, physical, referred};
use crate::engine::{Plan, Result};

/// Returns the zones of the subnets that a list names: the plan knows those of its own, EC2 those of others
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html>).
pub(in crate::aws) async fn of_subnets(cx: &Cx, plan: &Plan, subnets: &[&Value]) -> Result<BTreeSet<String>> {
    let own = subnets.iter().filter_map(|subnet| field(referred(plan, Some(subnet))?, "zone"));
    let mut zones: BTreeSet<String> = own.map(str::to_owned).collect();
    let others: Vec<String> = subnets.iter().flat_map(|subnet| physical(subnet)).collect();
    if !others.is_empty() {
        let call = cx.cloud.ec2.describe_subnets().set_subnet_ids(Some(others));
        let answer = call.send().await.map_err(failed("ec2:DescribeSubnets"))?;
        zones.extend(answer.subnets().iter().filter_map(|subnet| subnet.availability_zone.clone()));
    }
    Ok(zones)
}

/// Returns the zones of a subnet group of this stack; nothing for another one.
pub(in crate::aws) async fn of_group(cx: &Cx, plan: &Plan, group: Option<&Value>) -> Result<Option<BTreeSet<String>>> {
    let Some(group) = referred(plan, group) else { return Ok(None) };
    let subnets = fields(group).and_then(|f| f.get("subnets")).and_then(Value::as_array);
    let subnets: Vec<&Value> = subnets.into_iter().flatten().collect();
    of_subnets(cx, plan, &subnets).await.map(Some)
}
