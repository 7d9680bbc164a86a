//! Checks for more load balancers than the account's quota allows.

use crate::aws::Cx;
use crate::aws::elbv2::errors::failed;
use crate::aws::finding::{Finding, of_kind};
use crate::aws::quotas::{Change, HERE, Quota, over, untold};
use crate::aws::wing::Check;
use crate::engine::{Plan, Result};

// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>.
const BALANCERS: Quota = Quota { service: "elasticloadbalancing", code: "L-53DA6B97", what: "application load balancers" };

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![("the quota for load balancers", Box::pin(balancers(cx, plan)))]
}

async fn balancers(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let change = Change::of(of_kind(plan, "elbv2.load_balancer"));
    if change.more == 0 {
        return Ok(Vec::new());
    }
    let limits = async { cx.cloud.elbv2.describe_account_limits().send().await.map_err(failed("elbv2:DescribeAccountLimits")) };
    let used = async {
        let pages = cx.cloud.elbv2.describe_load_balancers().into_paginator().items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("elbv2:DescribeLoadBalancers"))
    };
    let (limits, used) = tokio::try_join!(limits, used)?;
    let told = limits.limits().iter().find(|l| l.name() == Some("application-load-balancers"));
    let most = told.and_then(|l| l.max()?.parse().ok()).ok_or_else(untold)?;
    let used = used.iter().filter(|b| b.r#type().is_some_and(|t| t.as_str() == "application")).count();
    Ok(over(BALANCERS, HERE, most, used, &change))
}
