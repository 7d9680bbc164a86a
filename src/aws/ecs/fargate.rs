//! The number of vCPUs that the stack's tasks need at once.

use serde_json::Value;

use crate::aws::Cx;
use crate::aws::finding::{Certainty, Finding, referred};
use crate::aws::quotas::{Quota, values};
use crate::engine::token;
use crate::engine::{Action, Item, Plan, Result};

// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>.
const ON_DEMAND: Quota = Quota { service: "fargate", code: "L-3032A538", what: "Fargate On-Demand vCPUs" };
const SPOT: Quota = Quota { service: "fargate", code: "L-36FBB829", what: "Fargate Spot vCPUs" };
/// The units of a task definition that make up a vCPU.
const UNITS: f64 = 1024.0;

/// A side of the plan: before or after it.
#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

/// Returns the fields of an item on one side of the plan, or nothing when it does not exist there.
fn at(item: &Item, side: Side) -> Option<&Value> {
    let before = item.before.as_ref().map(|before| before.fields.as_ref());
    match (side, item.action) {
        (Side::Before, _) => before,
        (Side::After, Action::Delete) => None,
        (Side::After, _) => item.desired.as_deref().or(before),
    }
}

fn number(value: &Value, name: &str) -> Option<f64> {
    value.get(name)?.as_f64()
}

/// Returns the number of tasks of a service. With autoscaling: those that run, or the minimum.
fn tasks(plan: &Plan, item: &Item, side: Side) -> f64 {
    let Some(service) = at(item, side) else { return 0.0 };
    if let Some(count) = number(service, "desired_count") {
        return count;
    }
    let scaled =
        plan.items.iter().filter(|other| other.key.kind == "application-autoscaling.scalable_target").find_map(|other| {
            let target = at(other, side)?;
            let of = token::named(target.get("service")?);
            of.contains_key(&item.key).then_some(target)
        });
    let least = scaled.and_then(|target| number(target, "min")).or(number(service, "initial_count")).unwrap_or(1.0);
    let now = item.before.as_ref().and_then(|before| number(&before.fields, "desired_count")).unwrap_or_default();
    let most = scaled.and_then(|target| number(target, "max")).unwrap_or(f64::INFINITY);
    least.max(now.min(most))
}

/// Returns the CPU units of one task: those of the definition that the service refers to.
fn units(plan: &Plan, item: &Item, side: Side) -> f64 {
    // What runs refers to a revision; the definition of the same name shows which one.
    let named = item.desired.as_ref().and_then(|service| referred(plan, service.get("task_definition")));
    let definition = named
        .or_else(|| plan.items.iter().find(|other| other.key.kind == "ecs.task_definition" && other.key.name == item.key.name));
    // What a plan leaves out of its reading is as desired.
    let text = definition.and_then(|d| at(d, side)?.get("cpu").or_else(|| d.desired.as_deref()?.get("cpu"))?.as_str());
    text.and_then(|cpu| cpu.parse().ok()).unwrap_or_default()
}

/// Returns the number of tasks that run on demand: those of the base first, the rest by weight
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html>).
fn on_demand(service: &Value, tasks: f64) -> f64 {
    let Some(all) = service.get("launch").and_then(Value::as_array).filter(|all| !all.is_empty()) else { return tasks };
    let of = |name: &str, spot: bool| -> f64 {
        let these = all.iter().filter(|c| (c.get("provider").and_then(Value::as_str) == Some("FARGATE_SPOT")) == spot);
        these.filter_map(|c| number(c, name)).sum()
    };
    let (base, spot_base) = (of("base", false).min(tasks), of("base", true).min(tasks));
    let rest = (tasks - base - spot_base).max(0.0);
    let weights = of("weight", false) + of("weight", true);
    let share = if weights > 0.0 { of("weight", false) / weights } else { 1.0 };
    base + rest * share
}

/// Returns what all tasks of the stack need, on demand and on spot capacity, in vCPUs.
fn needed(plan: &Plan, side: Side) -> (f64, f64) {
    let services = plan.items.iter().filter(|item| item.key.kind == "ecs.service");
    services.fold((0.0, 0.0), |(demand, spot), item| {
        let (tasks, each) = (tasks(plan, item, side), units(plan, item, side) / UNITS);
        let share = at(item, side).map_or(0.0, |service| on_demand(service, tasks));
        (demand + share * each, spot + (tasks - share) * each)
    })
}

/// Checks whether the account can run as many vCPUs on Fargate as the tasks of this stack need, both those that run and those
/// that the plan adds. No call reports what the rest of the account uses: what is near the quota is reported as unknown.
pub(super) async fn check(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let (before, after) = (needed(plan, Side::Before), needed(plan, Side::After));
    let grown = [(ON_DEMAND, before.0, after.0), (SPOT, before.1, after.1)];
    let grown: Vec<_> = grown.into_iter().filter(|(_, before, after)| after > before).collect();
    if grown.is_empty() {
        return Ok(Vec::new());
    }
    let codes: Vec<&str> = grown.iter().map(|(quota, ..)| quota.code).collect();
    let most = values(cx, ON_DEMAND.service, &codes).await?;
    let told = grown.into_iter().filter_map(|(quota, _, after)| match most.get(quota.code) {
        Some(most) => said(quota, after, *most),
        None => Some(Finding::new(Certainty::Unknown, format!("AWS does not report the quota for {}", quota.what))),
    });
    Ok(told.collect())
}

fn said(quota: Quota, needed: f64, most: f64) -> Option<Finding> {
    let what = quota.what;
    let takes = format!("the stack's tasks need {needed} {what}");
    if needed > most {
        let message = format!("{takes}, but the account's quota in this region is {most}");
        return Some(Finding::new(Certainty::Refused, message).help(quota.help(needed)));
    }
    let near = needed * 2.0 > most;
    near.then(|| {
        Finding::new(
            Certainty::Unknown,
            format!("{takes}; the account's quota in this region is {most}, and AWS does not report how much of it is in use"),
        )
        .help(quota.help(needed * 2.0))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_base_comes_first_and_the_rest_by_weight() {
        let service = json!({"launch": [
            {"provider": "FARGATE", "weight": 1, "base": 2},
            {"provider": "FARGATE_SPOT", "weight": 3, "base": 0},
        ]});
        assert_eq!(on_demand(&service, 10.0), 4.0);
        assert_eq!(on_demand(&service, 1.0), 1.0);
        assert_eq!(on_demand(&json!({}), 5.0), 5.0);
        assert_eq!(on_demand(&json!({"launch": [{"provider": "FARGATE_SPOT", "weight": 1}]}), 5.0), 0.0);
    }

    #[test]
    fn over_the_quota_is_refused_and_near_it_is_unknown() {
        let certainty = |needed, most| said(ON_DEMAND, needed, most).map(|f| f.certainty);
        assert_eq!(certainty(6.5, 6.0), Some(Certainty::Refused));
        assert_eq!(certainty(4.0, 6.0), Some(Certainty::Unknown));
        assert_eq!(certainty(4.0, 4000.0), None);
    }
}
