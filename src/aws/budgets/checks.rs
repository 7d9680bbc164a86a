//! Checks for what AWS Budgets and Cost Anomaly Detection would silently not count.

use std::collections::BTreeSet;

use aws_sdk_costexplorer::types::{CostAllocationTag, CostAllocationTagStatus};
use serde_json::Value;

use super::read::KIND;
use crate::aws::Cx;
use crate::aws::ce::errors::failed;
use crate::aws::finding::{Certainty, Finding, fields, is_new, listed, of_kind};
use crate::aws::wing::Check;
use crate::engine::{Class, Item, Plan, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    let new: Vec<&Item> = of_kind(plan, KIND).filter(|item| is_new(item, &["counts"]) && !keys(item).is_empty()).collect();
    if new.is_empty() { Vec::new() } else { vec![("cost allocation tags", Box::pin(active(cx, new)))] }
}

/// Returns the keys of the tags by which a budget counts.
fn keys(item: &Item) -> BTreeSet<String> {
    let counts = fields(item).and_then(|fields| fields.get("counts")).and_then(Value::as_object);
    counts.into_iter().flat_map(|all| all.keys().cloned()).collect()
}

/// Checks whether these tags are active as cost allocation tags: costs have no others
/// (<https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html>). Only the account that pays may ask.
async fn active(cx: &Cx, items: Vec<&Item>) -> Result<Vec<Finding>> {
    let wanted: BTreeSet<String> = items.iter().flat_map(|item| keys(item)).collect();
    let call = cx.cloud.ce.list_cost_allocation_tags().set_tag_keys(Some(wanted.into_iter().collect()));
    let pages = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    match pages.map_err(failed("ce:ListCostAllocationTags")) {
        Ok(known) => Ok(items.into_iter().filter_map(|item| inactive(&known, item)).collect()),
        Err(e) if matches!(e.class, Class::Denied | Class::Invalid) => {
            let said =
                "whether its tags are cost allocation tags is known to the account that pays, and this identity may not ask";
            let finding = |item: &Item| {
                let names: Vec<String> = keys(item).into_iter().map(|key| format!("`{key}`")).collect();
                let help = format!("activate {} there: without that the budget counts nothing", listed(&names));
                Finding::new(Certainty::Unknown, said).about(&item.key).help(help)
            };
            Ok(items.into_iter().map(finding).collect())
        }
        Err(e) => Err(e),
    }
}

fn inactive(known: &[CostAllocationTag], item: &Item) -> Option<Finding> {
    let is_active =
        |key: &String| known.iter().any(|tag| tag.tag_key() == key && *tag.status() == CostAllocationTagStatus::Active);
    let off: Vec<String> = keys(item).into_iter().filter(|key| !is_active(key)).collect();
    if off.is_empty() {
        return None;
    }
    let names: Vec<String> = off.iter().map(|key| format!("`{key}`")).collect();
    let verb = if off.len() == 1 { "is no active cost allocation tag" } else { "are no active cost allocation tags" };
    let said = format!("{} {verb}, so it counts nothing yet", listed(&names));
    let entries: Vec<String> = off.iter().map(|key| format!("TagKey={key},Status=Active")).collect();
    let help = format!(
        "activate them in the account that pays, up to a day after the first object has them: `aws ce update-cost-allocation-tags-status --cost-allocation-tags-status {}`",
        entries.join(" ")
    );
    Some(Finding::new(Certainty::Told, said).about(&item.key).help(help))
}

#[cfg(test)]
mod tests {
    use aws_sdk_costexplorer::types::CostAllocationTagType;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_active_is_told() {
        let counts = json!({"stack:name": "shop", "stack:env": "staging"});
        let item = json!({"key": "budgets.budget/budget", "action": "create", "generation": 1, "desired": {"counts": counts}, "before": null});
        let item: Item = serde_json::from_value(item).unwrap();
        let tag = |key: &str, status: CostAllocationTagStatus| {
            CostAllocationTag::builder().tag_key(key).status(status).r#type(CostAllocationTagType::UserDefined).build().unwrap()
        };
        let known = [tag("stack:name", CostAllocationTagStatus::Active), tag("stack:env", CostAllocationTagStatus::Inactive)];
        let said = |known: &[CostAllocationTag]| inactive(known, &item).map(|found| found.message);
        assert_eq!(said(&known).as_deref(), Some("`stack:env` is no active cost allocation tag, so it counts nothing yet"));
        assert!(said(&[]).unwrap().starts_with("`stack:env` and `stack:name` are no active"));
        let all = ["stack:name", "stack:env"].map(|key| tag(key, CostAllocationTagStatus::Active));
        assert_eq!(said(&all), None);
    }
}
