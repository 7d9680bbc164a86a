//! Objects in a zone that their subnet group would lose.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::aws::Cx;
use crate::aws::ec2::subnet_zones;
use crate::aws::finding::{Finding, fields, listed};
use crate::engine::{Item, Plan, Result};

/// Returns the zones that a subnet group has and would lose.
pub(in crate::aws) async fn lost(cx: &Cx, plan: &Plan, item: &Item) -> Result<BTreeSet<String>> {
    let subnets =
        |fields: Option<&Value>| -> Vec<Value> { fields.and_then(|f| f.get("subnets")?.as_array().cloned()).unwrap_or_default() };
    let (before, after) = (subnets(item.before.as_ref().map(|b| b.fields.as_ref())), subnets(fields(item)));
    let (before, after): (Vec<&Value>, Vec<&Value>) = (before.iter().collect(), after.iter().collect());
    let (before, after) =
        tokio::try_join!(subnet_zones::of_subnets(cx, plan, &before), subnet_zones::of_subnets(cx, plan, &after))?;
    Ok(before.difference(&after).cloned().collect())
}

/// Returns the name of the group in AWS, if it exists.
pub(in crate::aws) fn id(item: &Item) -> Option<&str> {
    item.before.as_ref()?.live.get("id")?.as_str()
}

/// Returns the finding that `names` prevent the removal of a zone.
pub(in crate::aws) fn refused(item: &Item, what: &str, names: &[String], zone: &str, way: &str) -> Finding {
    let are = if names.len() == 1 { "is" } else { "are" };
    let message = format!("{what} {} {are} in {zone}, which would be removed: AWS refuses that (SubnetInUse)", listed(names));
    Finding::refused(&item.key, message, way)
}
