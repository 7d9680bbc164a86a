//! Who changed what, from CloudTrail's event history: ninety days of it, in every account, without a trail
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>).
//!
//! CloudTrail accepts two questions a second, reports a change some minutes later, and few identities may ask it. So it is asked
//! only on request, about a limited number of objects, and for a limited time; what it does not report is not an error.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::Cx;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::call::error::failed;
use crate::aws::ownership::global::region_of;
use crate::engine::item::NOTICED;
use crate::engine::{Action, Class, Item, Key, Plan, Result};

/// The maximum number of objects that it is asked about.
const OBJECTS: usize = 20;
/// The maximum time in all.
const PATIENCE: Duration = Duration::from_secs(20);
/// The number of events of one object that are reported.
const TOLD: usize = 3;
/// The number of events of one answer.
const PAGE: i32 = 50;

/// A change that someone made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The operation: `ModifyDBInstance`.
    pub event: String,
    /// Who made it: a user's name, or a role's session.
    pub by: String,
    /// When, by AWS's clock: RFC 3339.
    pub at: String,
}

/// What is known about the objects of a plan.
#[derive(Clone, Debug, Default)]
pub struct Deeds {
    /// By object, the newest first.
    pub by_key: BTreeMap<Key, Vec<Deed>>,
    /// Why no more is known.
    pub note: Option<String>,
}

/// Returns the names of an object in CloudTrail: names and identifiers of the live object, the likeliest first.
fn names(item: &Item) -> Vec<String> {
    let live = |name: &str| item.before.as_ref()?.live.get(name)?.as_str().map(str::to_owned);
    // A rule is changed by what is said to its group.
    let first = if item.key.kind == "ec2.security_group_rule" { "group" } else { "id" };
    let mut seen = BTreeSet::new();
    let all = [first, "name", "arn"].into_iter().filter_map(live).filter(|name| seen.insert(name.clone()));
    all.take(2).collect()
}

/// Checks whether to ask about an item: something differs from what was desired, or was noticed.
fn concerns(item: &Item) -> bool {
    let noticed = item.before.as_ref().is_some_and(|before| before.live.get(NOTICED).is_some_and(Value::is_string));
    noticed || matches!(item.action, Action::Update | Action::Replace | Action::Delete)
}

/// Checks whether the events of an object are in us-east-1: it is there itself, or it is of IAM or CloudFront, which have no regions.
fn is_global(item: &Item) -> bool {
    let arn = item.before.as_ref().and_then(|before| before.live.get("arn")?.as_str());
    let is_there = arn.is_some_and(|arn| region_of(arn) == CLOUDFRONT_REGION);
    is_there || matches!(item.key.kind.split('.').next(), Some("iam" | "cloudfront"))
}

fn deed(event: &Event) -> Option<Deed> {
    if event.read_only() == Some("true") {
        return None;
    }
    let at = event.event_time()?.secs();
    let at = jiff::Timestamp::from_second(at).map(|at| at.to_string()).unwrap_or_default();
    let by = event.username().map(str::to_owned).or_else(|| invoked_by(event)).unwrap_or_else(|| "someone".to_owned());
    Some(Deed { event: event.event_name()?.to_owned(), by, at })
}

/// Returns who made an event without a user's name, from its text: an AWS service, a role.
fn invoked_by(event: &Event) -> Option<String> {
    let text: Value = serde_json::from_str(event.cloud_trail_event()?).ok()?;
    let identity = text.get("userIdentity")?;
    let told = |field: &str| identity.get(field).and_then(Value::as_str).map(str::to_owned);
    told("arn").or_else(|| told("invokedBy"))
}

async fn ask(cx: &Cx, item: &Item, name: &str) -> Result<Vec<Deed>> {
    let by_name = LookupAttribute::builder().attribute_key(LookupAttributeKey::ResourceName).attribute_value(name);
    let by_name = by_name.build().map_err(|e| crate::engine::Error::internal(e.to_string()))?;
    let trail = if is_global(item) { &cx.cloud.trail_global } else { &cx.cloud.trail };
    let call = trail.lookup_events().lookup_attributes(by_name).max_results(PAGE);
    let answer = call.send().await.map_err(failed("cloudtrail:LookupEvents"))?;
    // The newest come first.
    Ok(answer.events().iter().filter_map(deed).take(TOLD).collect())
}

/// Returns who changed the objects of the plan that are not as desired.
pub async fn who(cx: &Cx, plan: &Plan) -> Deeds {
    let mut out = Deeds::default();
    let items: Vec<&Item> = plan.items.iter().filter(|item| concerns(item)).collect();
    let begun = Instant::now();
    let mut known: BTreeMap<(&str, String), Vec<Deed>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        let service = item.key.kind.split('.').next().unwrap_or_default();
        for name in names(item) {
            let deeds = match known.get(&(service, name.clone())) {
                Some(deeds) => deeds.clone(),
                None => {
                    let left = PATIENCE.saturating_sub(begun.elapsed());
                    if at >= OBJECTS || left.is_zero() {
                        out.note = Some(format!("Only the first {at} of {} objects were looked up in CloudTrail.", items.len()));
                        return out;
                    }
                    match timeout(left, ask(cx, item, &name)).await {
                        Ok(Ok(deeds)) => deeds,
                        Ok(Err(e)) => {
                            out.note = Some(match e.class {
                                Class::Denied => {
                                    "It is not known who changed what: permission to ask CloudTrail is missing (`cloudtrail:LookupEvents`)."
                                        .into()
                                }
                                _ => format!("It is not known who changed what: {e}"),
                            });
                            return out;
                        }
                        Err(_) => {
                            out.note = Some("It is not known who changed what: CloudTrail did not answer in time.".into());
                            return out;
                        }
                    }
                }
            };
            known.insert((service, name), deeds.clone());
            if !deeds.is_empty() {
                out.by_key.insert(item.key.clone(), deeds);
                break;
            }
        }
    }
    out
}

/// The most that is asked about, in all, by [`changes`]: two questions a second.
const CHANGES_PATIENCE: Duration = Duration::from_secs(120);

/// A change of an object of IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The object that was asked about.
    pub of: String,
    /// What was done to it, by whom and when.
    pub deed: Deed,
}

/// Returns what was changed of objects of IAM since a time, the newest first, and why no more is known. IAM's events are in us-east-1 only
/// (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events>).
/// `names` are the objects as they are known to people, and in AWS.
///
/// # Errors
/// When CloudTrail may not be asked (`cloudtrail:LookupEvents`).
pub async fn changes(cx: &Cx, names: &[(String, String)], since: jiff::Timestamp) -> Result<(Vec<Change>, Option<String>)> {
    let begun = Instant::now();
    let (mut out, mut known) = (Vec::new(), BTreeSet::new());
    for (at, (of, name)) in names.iter().enumerate() {
        let mut next: Option<String> = None;
        loop {
            if begun.elapsed() > CHANGES_PATIENCE {
                let note =
                    format!("Only the first {at} of {} groups, users and roles were looked up in CloudTrail.", names.len());
                return Ok((newest_first(out), Some(note)));
            }
            let by_name = LookupAttribute::builder().attribute_key(LookupAttributeKey::ResourceName).attribute_value(name);
            let by_name = by_name.build().map_err(|e| crate::engine::Error::internal(e.to_string()))?;
            let call = cx.cloud.trail_global.lookup_events().lookup_attributes(by_name).max_results(PAGE);
            let call = call.start_time(DateTime::from_secs(since.as_second())).set_next_token(next);
            let answer = call.send().await.map_err(failed("cloudtrail:LookupEvents"))?;
            let own = answer.events().iter().filter(|event| event.event_source() == Some("iam.amazonaws.com"));
            for event in own {
                // One that is about two objects, a user and a group, is told once.
                let is_new = event.event_id().is_none_or(|id| known.insert(id.to_owned()));
                out.extend(deed(event).filter(|_| is_new).map(|deed| Change { of: of.clone(), deed }));
            }
            next = answer.next_token;
            if next.is_none() {
                break;
            }
        }
    }
    Ok((newest_first(out), None))
}

fn newest_first(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|a, b| b.deed.at.cmp(&a.deed.at).then_with(|| a.of.cmp(&b.of)));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_tells_who_did_what_and_when() {
        let event = || Event::builder().event_name("ModifyDBInstance").event_time(DateTime::from_secs(1_795_600_000));
        let told = deed(&event().username("mallory").build()).unwrap();
        assert_eq!((told.event.as_str(), told.by.as_str()), ("ModifyDBInstance", "mallory"));
        assert!(told.at.starts_with("2026-11-2"), "{}", told.at);
        assert_eq!(deed(&event().read_only("true").build()), None);
        let text = r#"{"userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/ops/eve"}}"#;
        assert_eq!(deed(&event().cloud_trail_event(text).build()).unwrap().by, "arn:aws:sts::1:assumed-role/ops/eve");
        assert_eq!(deed(&event().build()).unwrap().by, "someone");
    }
}
