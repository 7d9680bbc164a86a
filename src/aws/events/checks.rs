//! Checks whether there can be more rules, and whether the events that they wait for are sent.

use futures::future::try_join_all;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::rule;
use crate::aws::Cx;
use crate::aws::call::error::failed;
use crate::aws::finding::{Certainty, Finding, fields, is_made, is_new, of_kind};
use crate::aws::quotas::{Change, HERE, Quota, over, untold, values};
use crate::aws::wing::Check;
use crate::engine::{Item, Plan, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    vec![
        ("trails", Box::pin(check(cx, plan))),
        ("the quota for rules of EventBridge", Box::pin(quota(cx, plan))),
        ("schedules of EventBridge", Box::pin(async move { Ok(over_already(plan, Timestamp::now())) })),
    ]
}

/// Returns the time at which a schedule calls for the last time, if it names one minute of one year.
fn once(schedule: &str) -> Option<Timestamp> {
    let fields = schedule.strip_prefix("cron(")?.strip_suffix(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let [minute, hour, day, month, "?", year] = fields[..] else { return None };
    let number = |text: &str| text.parse::<i8>().ok();
    let at = DateTime::new(year.parse().ok()?, number(month)?, number(day)?, number(hour)?, number(minute)?, 0, 0).ok()?;
    at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

/// Finds rules that would be written with a time that is over: of a plan that was saved, say. AWS does not document that it accepts them.
fn over_already(plan: &Plan, now: Timestamp) -> Vec<Finding> {
    let is_over = |item: &&Item| {
        let schedule = fields(item).and_then(|fields| fields.get("schedule")?.as_str());
        is_new(item, &["pattern", "schedule", "enabled", "description"]) && schedule.and_then(once).is_some_and(|at| at <= now)
    };
    let finding = |item: &Item| {
        let said = "its schedule names a time that is over, so it would never call its targets";
        Finding::refused(&item.key, said, "make the plan again, or change `schedule`")
    };
    of_kind(plan, "events.rule").filter(is_over).map(finding).collect()
}

/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
const RULES: Quota = Quota { service: "events", code: "L-244521F2", what: "rules of EventBridge" };
/// The least that AWS lets anyone have on an event bus: 100 in some regions, 300 in most.
const LEAST: usize = 100;

/// Checks whether the default event bus can have so many rules. Where every account can, Service Quotas is not asked.
async fn quota(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let change = Change::of(of_kind(plan, "events.rule"));
    if change.more == 0 {
        return Ok(Vec::new());
    }
    let used = rule::count(cx).await?;
    if used + change.more <= LEAST {
        return Ok(Vec::new());
    }
    let most = values(cx, RULES.service, &[RULES.code]).await?.get(RULES.code).copied().ok_or_else(untold)?;
    Ok(over(RULES, HERE, most, used, &change))
}

/// The end of the types of events that EventBridge knows only from CloudTrail.
const BY_TRAIL: &str = "via CloudTrail";

/// Checks whether a rule waits for such events.
fn waits(item: &Item) -> bool {
    let pattern = fields(item).and_then(|f| f.get("pattern")?.get("detail-type"));
    pattern.is_some_and(|kinds| kinds.to_string().contains(BY_TRAIL))
}

/// Checks for a trail: CloudTrail sends events to EventBridge only where a trail is active
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html>).
async fn check(cx: &Cx, plan: &Plan) -> Result<Vec<Finding>> {
    let waiting: Vec<&Item> = of_kind(plan, "events.rule").filter(|item| is_made(item) && waits(item)).collect();
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let answer = cx.cloud.trail.describe_trails().include_shadow_trails(true).send().await;
    let trails = answer.map_err(failed("cloudtrail:DescribeTrails"))?.trail_list.unwrap_or_default();
    let statuses = try_join_all(trails.into_iter().filter_map(|trail| trail.trail_arn).map(|arn| async move {
        let answer = cx.cloud.trail.get_trail_status().name(arn).send().await.map_err(failed("cloudtrail:GetTrailStatus"));
        answer.map(|a| a.is_logging == Some(true))
    }));
    if statuses.await?.contains(&true) {
        return Ok(Vec::new());
    }
    let region = &cx.scope.region;
    let found = [false, true].into_iter().filter_map(|of_sts| {
        let item = waiting.iter().find(|item| is_of_sts(item) == of_sts)?;
        let (what, or) =
            if of_sts { ("the emergency role is assumed", "") } else { ("a password is rotated", ", or write `rotate: never`") };
        let said = format!("CloudTrail has no active trail in {region}: without one, EventBridge sends no event when {what}");
        let help = format!("create a trail for management events (`aws cloudtrail create-trail`, `start-logging`){or}");
        Some(Finding::new(Certainty::Doubtful, said).about(&item.key).help(help))
    });
    Ok(found.collect())
}

/// Checks whether a rule waits for sessions of roles.
fn is_of_sts(item: &Item) -> bool {
    fields(item).and_then(|f| f.get("pattern")?.get("source")).is_some_and(|source| source.to_string().contains("aws.sts"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schedule_of_one_moment_can_be_over() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(once("cron(30 10 30 12 ? 2026)"), Some(time("2026-12-30T10:30:00Z")));
        for more in ["cron(30 10 30 12 ? *)", "cron(0/5 10 30 12 ? 2026)", "cron(0 0 30 2 ? 2026)", "rate(1 day)"] {
            assert_eq!(once(more), None, "{more}");
        }
    }

    #[test]
    fn only_what_cloudtrail_tells_needs_a_trail() {
        let rule = |kind: &str| -> Item {
            let desired = json!({"pattern": {"source": ["aws.x"], "detail-type": [kind]}});
            serde_json::from_value(json!({"key": "events.rule/a", "action": "create", "generation": 1, "desired": desired}))
                .unwrap()
        };
        assert!(waits(&rule("AWS Service Event via CloudTrail")) && waits(&rule("AWS API Call via CloudTrail")));
        assert!(!waits(&rule("RDS DB Instance Event")));
    }
}
