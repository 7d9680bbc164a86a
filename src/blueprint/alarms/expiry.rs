//! The notification before an environment expires: a rule of EventBridge whose schedule names one minute of one year.
//!
//! A schedule in the past never calls anything, and AWS does not document whether it accepts one: none is ever written. A rule that has
//! notified stays as it is until the environment is extended or destroyed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::aws::Tags;
use crate::aws::events::{EventRule, Target};
use crate::aws::sns::Topic;
use crate::blueprint::facts::Expiry;
use crate::config::Duration;
use crate::engine::tags::TAG_SECTION;
use crate::engine::{Key, Ref, Resource, Scope};

use super::ORIGIN;

/// The rule's name.
pub(super) const RULE: &str = "environment-expires";
/// The name of its target.
const TARGET: &str = "alarms";
/// How long before the end of a short-lived environment it notifies: a day, six hours, an hour, a quarter of an hour.
const SHORTER: [u64; 4] = [86_400, 21_600, 3_600, 900];
/// What is between the time before the end and the rest of the rule's description.
const BEFORE: &str = " before the environment expires";

/// Returns the key of the rule.
pub fn key() -> Key {
    Key::new(EventRule::KIND, RULE)
}

/// Returns the schedule of the minute that is `lead` seconds before the end. Years are up to 2199
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>).
fn schedule(at: Timestamp, lead: u64) -> Option<String> {
    let lead = SignedDuration::from_secs(i64::try_from(lead).ok()?);
    let when = at.checked_sub(lead).ok()?.to_zoned(TimeZone::UTC);
    let year = Some(when.year()).filter(|year| *year <= 2199)?;
    Some(format!("cron({} {} {} {} ? {year})", when.minute(), when.hour(), when.day(), when.month()))
}

/// Returns how long before the end it can notify, the longest first, if the file asks for `most`.
fn leads(most: u64) -> impl Iterator<Item = u64> {
    [most].into_iter().chain(SHORTER.into_iter().filter(move |lead| *lead < most))
}

/// Returns how long before the end a new rule notifies: not in the first half of the time that is left.
fn fitting(at: Timestamp, now: Timestamp, most: u64) -> Option<u64> {
    let left = u64::try_from(at.duration_since(now).as_secs()).ok()?;
    leads(most).find(|lead| lead.saturating_mul(2) <= left)
}

/// Returns what the rule is for, with the time that the file asks for.
fn description(most: u64) -> String {
    format!("Notifies at most {}{BEFORE}", Duration::secs(most))
}

/// Returns the time that the file asked for when a rule was written.
fn asked(description: &str) -> Option<u64> {
    let time = description.strip_suffix(BEFORE)?.rsplit(' ').next()?;
    time.parse::<Duration>().ok().map(Duration::as_secs)
}

/// Returns the message.
fn message(scope: &Scope, at: &str) -> Value {
    let Scope { stack, env, region, .. } = scope;
    let name = format!("The environment {stack}/{env} in {region} expires at {at}");
    let keep = format!("stack extend --stack {stack} --env {env} --region {region} --ttl 24h");
    format!("{name}: after that, `stack reap` destroys it with its data. To keep it a day from now on: {keep}").into()
}

/// Returns the rule that notifies before the environment expires, at most `most` seconds. None if it expires too soon for that.
pub(super) fn rule(expiry: &Expiry, most: u64, topic: &Ref<Topic>, scope: &Scope) -> Option<EventRule> {
    let (at, now) = (expiry.at?, expiry.now);
    let made = |lead: u64| {
        let input = Some(message(scope, &at.to_string()));
        let target = Target { function: None, topic: Some(topic.clone().attr("arn")), input, transform: None };
        Some(EventRule {
            pattern: json!({}),
            schedule: schedule(at, lead)?,
            enabled: Some(true),
            description: Some(description(most)),
            targets: BTreeMap::from([(TARGET.to_owned(), target)]),
            tags: Tags::new(),
        })
    };
    // One that exists keeps its time as long as the file asks for the same: how long the environment was to exist is not known later.
    let has = |field: &str, text: &str| expiry.rule.as_ref().is_some_and(|rule| rule[field] == text);
    let is_known = |lead: &u64| schedule(at, *lead).is_some_and(|schedule| has("schedule", &schedule));
    let Some(lead) = leads(most).filter(|_| has("description", &description(most))).find(is_known) else {
        return made(fitting(at, now, most)?);
    };
    let left = at.duration_since(now).as_secs();
    let is_over = i64::try_from(lead).is_ok_and(|lead| left <= lead);
    // Of one that has notified, nothing is written again that would come with its schedule.
    made(lead).map(|rule| if is_over { EventRule { enabled: None, description: None, ..rule } } else { rule })
}

/// Changes the fields of an object of an environment that expires at another time: of the rule, what depends on it. Returns whether the
/// object still has a purpose.
pub fn moves(key: &Key, fields: &mut Value, scope: &Scope, at: &str, now: Timestamp) -> bool {
    if *key != self::key() || fields["tags"][TAG_SECTION] != ORIGIN {
        return true;
    }
    let most = fields["description"].as_str().and_then(asked).unwrap_or(SHORTER[0]);
    let schedule = at.parse().ok().and_then(|at| schedule(at, fitting(at, now, most)?));
    let Some(schedule) = schedule else { return false };
    fields["schedule"] = schedule.into();
    // It can have been disabled since it notified.
    fields["enabled"] = true.into();
    fields["targets"][TARGET]["input"] = message(scope, at);
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const DAY: u64 = 86_400;

    fn scope() -> Scope {
        let text = |text: &str| text.to_owned();
        Scope { stack: text("shop"), env: text("pr-12"), region: text("us-east-1"), account: text("1"), partition: text("aws") }
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Returns the rule at a time, beside one that exists.
    fn at(now: &str, most: u64, known: Option<&EventRule>) -> Option<EventRule> {
        let known = known.map(|rule| Arc::new(serde_json::to_value(rule).unwrap()));
        let expiry = Expiry { at: Some(time("2026-12-31T10:30:20Z")), now: time(now), rule: known };
        rule(&expiry, most, &Ref::to("alarms"), &scope())
    }

    #[test]
    fn it_notifies_a_day_before_or_later() {
        let schedule = |now: &str, most: u64| at(now, most, None).map(|rule| rule.schedule);
        let found = ["2026-12-28T10:30:20Z", "2026-12-30T10:30:20Z", "2026-12-31T06:00:00Z", "2026-12-31T09:00:00Z"];
        let found = found.map(|now| schedule(now, DAY).unwrap());
        let wanted = ["30 10 30 12 ? 2026", "30 4 31 12 ? 2026", "30 9 31 12 ? 2026", "15 10 31 12 ? 2026"];
        assert_eq!(found, wanted.map(|fields| format!("cron({fields})")));
        assert_eq!(schedule("2026-12-01T00:00:00Z", 3 * DAY).unwrap(), "cron(30 10 28 12 ? 2026)");
        assert_eq!(schedule("2026-12-28T10:30:20Z", 3 * DAY).unwrap(), "cron(30 10 30 12 ? 2026)");
        for too_late in ["2026-12-31T10:10:00Z", "2026-12-31T10:30:20Z", "2027-01-31T00:00:00Z"] {
            assert_eq!(schedule(too_late, DAY), None, "{too_late}");
        }
    }

    #[test]
    fn one_that_exists_keeps_its_time() {
        let made = at("2026-12-30T10:30:20Z", DAY, None).unwrap();
        let again = at("2026-12-31T04:00:00Z", DAY, Some(&made)).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&made).unwrap());
        // After it has notified, its schedule is in the past.
        let over = at("2027-01-02T00:00:00Z", DAY, Some(&made)).unwrap();
        assert_eq!((over.schedule, over.description, over.enabled), (made.schedule.clone(), None, None));
        // Another time in the file, or another schedule in AWS.
        assert_eq!(at("2026-12-31T05:00:00Z", 3_600, Some(&made)).unwrap().schedule, "cron(30 9 31 12 ? 2026)");
        let by_hand = EventRule { schedule: "cron(0 0 1 1 ? 2030)".into(), ..made.clone() };
        assert_eq!(at("2026-12-30T10:30:20Z", DAY, Some(&by_hand)).unwrap().schedule, made.schedule);
    }

    #[test]
    fn an_extension_moves_it() {
        let made = at("2026-12-28T10:30:20Z", 2 * DAY, None).unwrap();
        let mut fields = serde_json::to_value(&made).unwrap();
        fields["tags"][TAG_SECTION] = ORIGIN.into();
        let moved = |key: &Key, at: &str, fields: &mut Value| moves(key, fields, &scope(), at, time("2026-12-30T00:00:00Z"));
        let mut later = fields.clone();
        assert!(moved(&key(), "2027-01-10T08:00:00Z", &mut later));
        assert_eq!(later["schedule"], "cron(0 8 8 1 ? 2027)", "two days before, as the file asked for");
        assert!(later["targets"][TARGET]["input"].as_str().unwrap().contains("expires at 2027-01-10T08:00:00Z"));
        // The next plan has the same.
        let expiry =
            Expiry { at: Some(time("2027-01-10T08:00:00Z")), now: time("2026-12-30T01:00:00Z"), rule: Some(Arc::new(later)) };
        let next = rule(&expiry, 2 * DAY, &Ref::to("alarms"), &scope()).unwrap();
        assert_eq!(next.schedule, "cron(0 8 8 1 ? 2027)");
        for gone in ["never", "2026-12-30T00:10:00Z"] {
            assert!(!moved(&key(), gone, &mut fields.clone()), "{gone}");
        }
        let other = Key::new(EventRule::KIND, "other");
        let before = fields.clone();
        assert!(moved(&other, "never", &mut fields) && fields == before);
    }

    #[test]
    fn a_schedule_in_a_distant_year_is_refused() {
        assert_eq!(schedule(time("2300-01-01T00:00:00Z"), DAY), None);
    }
}
