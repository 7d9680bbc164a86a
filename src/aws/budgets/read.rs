//! The budgets of the account as AWS has them: read once, for them and for what is only looked for beside one.

use std::sync::Arc;

use aws_sdk_budgets::types::{Budget, Spend};

use crate::aws::Cx;
use crate::aws::budgets::errors::failed;
use crate::aws::call::answers::present;
use crate::aws::ownership::tags::{Tags, from_pairs};
use crate::aws::ownership::{global, names};
use crate::engine::{Claim, Class, Result, Scope};

/// The kind of budgets.
pub(super) const KIND: &str = "budgets.budget";
/// The maximum length of a name
/// (<https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html>).
pub(super) const NAME: usize = 100;
/// The partition that has AWS Budgets and Cost Explorer at the endpoints of us-east-1
/// (<https://docs.aws.amazon.com/general/latest/gr/billing.html>).
pub const PARTITION: &str = "aws";

/// A budget that can be the stack's.
pub(in crate::aws) struct Known {
    pub budget: Budget,
    pub claim: Claim,
    pub tags: Tags,
}

/// Returns the ARN of a budget.
pub(super) fn arn(scope: &Scope, name: &str) -> String {
    format!("arn:{}:budgets::{}:budget/{name}", scope.partition, scope.account)
}

/// Returns the tags of a budget.
async fn tags_of(cx: &Cx, name: &str) -> Result<Tags> {
    let answer = cx.cloud.budgets.list_tags_for_resource().resource_arn(arn(&cx.scope, name)).send().await;
    let tags = present(answer.map(|a| a.resource_tags.unwrap_or_default()).map_err(failed("budgets:ListTagsForResource")))?;
    Ok(from_pairs(tags.iter().map(|tag| (Some(tag.key()), Some(tag.value())))))
}

/// Reads the budgets of the stack, and those that have the name of one. Whoever may not read budgets has none that is known: in many
/// accounts only the root user lets IAM in at all
/// (<https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/control-access-billing.html>), and no other stack has to do with that.
pub(in crate::aws) async fn all(cx: &Cx) -> Result<Arc<Vec<Known>>> {
    let ask = async {
        if cx.scope.partition != PARTITION {
            return Ok(Vec::new());
        }
        let pages = cx.cloud.budgets.describe_budgets().account_id(&cx.scope.account).max_results(100).into_paginator().items();
        let all = pages.send().collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("budgets:DescribeBudgets"));
        let all = match all {
            Err(e) if e.class == Class::Denied => return Ok(Vec::new()),
            all => present(all)?,
        };
        let mut known = Vec::new();
        let prefix = global::prefix(&cx.scope);
        for budget in all.into_iter().filter(|budget| names::begins(&prefix, budget.budget_name(), NAME)) {
            let mut tags = tags_of(cx, budget.budget_name()).await?;
            if !global::is_here(&cx.scope, &mut tags) {
                continue;
            }
            let claim = global::claim(cx, KIND, &tags, budget.budget_name(), NAME, true);
            known.push(Known { budget, claim, tags });
        }
        Ok(known)
    };
    cx.reads.once("budgets.all", ask).await
}

/// Returns how many budgets are the stack's.
pub(in crate::aws) async fn ours(cx: &Cx) -> Result<usize> {
    Ok(all(cx).await?.iter().filter(|known| known.claim.name().is_some()).count())
}

/// What a budget allows, and what AWS has counted of it, in US dollars. AWS counts one to three times a day
/// (<https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html>).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    /// What the period may cost.
    pub limit: f64,
    /// What was spent of it. None as long as nothing was counted.
    pub actual: Option<f64>,
    /// What AWS expects to be spent in the whole period. None without the data for a forecast.
    pub forecast: Option<f64>,
}

/// Returns what AWS has counted of a budget of the environment. None if there is no such budget, or this identity may not read it.
///
/// # Errors
/// When AWS does not answer.
pub async fn spending(cx: &Cx, name: &str) -> Result<Option<Spending>> {
    let known = all(cx).await?;
    let budget = known.iter().find(|known| known.claim.name() == Some(name)).map(|known| &known.budget);
    let number = |spend: &Spend| spend.amount().parse::<f64>().ok();
    Ok(budget.and_then(|budget| {
        let counted = budget.calculated_spend();
        Some(Spending {
            limit: budget.budget_limit().and_then(number)?,
            actual: counted.and_then(|counted| counted.actual_spend()).and_then(number),
            forecast: counted.and_then(|counted| counted.forecasted_spend()).and_then(number),
        })
    }))
}

/// Returns how much of the environment's monthly budget was spent this month, in percent: see [`spending`].
///
/// # Errors
/// When AWS does not answer.
pub async fn spent(cx: &Cx, name: &str) -> Result<Option<f64>> {
    let spending = spending(cx, name).await?.filter(|spending| spending.limit > 0.0);
    Ok(spending.and_then(|spending| Some(100.0 * spending.actual? / spending.limit)))
}
