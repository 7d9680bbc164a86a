use std::collections::{BTreeMap, HashMap};

use aws_sdk_eventbridge::types::{InputTransformer, Rule as SdkRule, RuleState, Tag, Target as SdkTarget};
use aws_smithy_types::error::operation::BuildError;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::aws::call::answers::present;
use crate::aws::call::error::{entry, incomplete};
use crate::aws::events::errors::{ERRORS, failed};
use crate::aws::lambda::Function;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, Tags, from_pairs};
use crate::aws::ownership::{names, tag_index};
use crate::aws::sns::Topic;
use crate::aws::spelling::Wrong;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::proof::digest;
use crate::engine::tags::TAG_DIGEST;
use crate::engine::{Class, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Scope, Usual};

/// The maximum length of a rule's name.
const NAME: usize = 64;
/// Up to so many rules of a stack have their targets read by every plan.
const READ: usize = 5;

/// A rule on the account's default event bus: what happens when an event occurs, or at certain times.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// The events that match: an event pattern of EventBridge. Left out: none; there must be a `schedule` then.
    #[serde(default = "nothing")]
    pub pattern: Value,
    /// When the targets are called without an event: `rate(15 minutes)` or `cron(0 7 * * ? *)`, in UTC. Left out: only for events.
    #[serde(default)]
    pub schedule: String,
    /// Whether the rule is enabled. Left out: it is enabled whenever the rule is created or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What the rule is for. Left out: none; an existing one is removed with the next change of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The targets that get the events, by names of your choice. Left out: none.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// Returns the pattern of a rule that has none: no pattern of EventBridge is empty.
fn nothing() -> Value {
    Value::Object(Map::new())
}

/// Checks a schedule as EventBridge does
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>).
fn is_schedule(text: &str) -> bool {
    let inner = |word: &str| text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')');
    let is_rate = |rate: &str| {
        let Some((number, unit)) = rate.split_once(' ') else { return false };
        match number.parse::<u32>() {
            Ok(0) | Err(_) => false,
            Ok(1) => ["minute", "hour", "day"].contains(&unit),
            Ok(_) => ["minutes", "hours", "days"].contains(&unit),
        }
    };
    inner("rate").is_some_and(is_rate) || inner("cron").is_some_and(|cron| cron.split_whitespace().count() == 6)
}

/// A target that gets the events: a function or a topic.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The function that is called: its ARN. Left out: it is a `topic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<Ref<Function>>,
    /// The topic that is notified: its ARN. Its policy must let `events.amazonaws.com` publish, without any condition. Left out: it is a
    /// `function`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Ref<Topic>>,
    /// What the target gets. Left out: the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// What the target gets, with parts of the event in it. Left out: `input`, or the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<Transform>,
}

/// A text with parts of the event in it
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// Parts of the event by names of your choice: `{ reason: "$.detail.reason" }`. Left out: none.
    #[serde(default)]
    pub parts: BTreeMap<String, String>,
    /// What the target gets, as JSON: a text in quotes, `"It failed: <reason>"`, or an object. `<reason>` stands for that part.
    pub template: String,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// Whether the targets were not read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub unread: bool,
}

fn to_sdk(tags: &Tags) -> Result<Vec<Tag>> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build().map_err(invalid)).collect()
}

fn invalid(error: BuildError) -> Error {
    Error::new(Class::Invalid, error.to_string())
}

/// Returns the JSON in a text, or the text itself.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Returns the rules that can be the stack's: those with its prefix that the index knows, or all with the prefix.
async fn candidates(cx: &Cx) -> Result<Vec<SdkRule>> {
    let index = tag_index::of(cx, "events").await;
    if index.as_ref().is_some_and(|known| !known.keys().any(|arn| arn.contains(":rule/"))) {
        return Ok(Vec::new());
    }
    let (prefix, mut found, mut next) = (cx.scope.prefix(), Vec::new(), None);
    loop {
        let call = cx.cloud.events.list_rules().name_prefix(&prefix).limit(100).set_next_token(next);
        let page = call.send().await.map_err(failed("events:ListRules"))?;
        let rules = page.rules.into_iter().flatten();
        found.extend(rules.filter(|rule| rule.name().is_some_and(|name| names::begins(&prefix, name, NAME))));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    if let Some(known) = index {
        found.retain(|rule| rule.arn().is_some_and(|arn| known.contains_key(arn)));
    }
    Ok(found)
}

/// Returns how many rules the default event bus has, whoever's they are.
pub(super) async fn count(cx: &Cx) -> Result<usize> {
    let (mut count, mut next) = (0, None);
    loop {
        let page =
            cx.cloud.events.list_rules().limit(100).set_next_token(next).send().await.map_err(failed("events:ListRules"))?;
        count += page.rules().len();
        next = page.next_token;
        if next.is_none() {
            return Ok(count);
        }
    }
}

async fn targets(cx: &Cx, rule: &str) -> Result<Vec<SdkTarget>> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = cx.cloud.events.list_targets_by_rule().rule(rule).set_next_token(next);
        let page = call.send().await.map_err(failed("events:ListTargetsByRule"))?;
        found.extend(page.targets.into_iter().flatten());
        next = page.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// Removes these targets.
async fn untell(cx: &Cx, rule: &str, ids: Vec<String>) -> Result<()> {
    const OP: &str = "events:RemoveTargets";
    if ids.is_empty() {
        return Ok(());
    }
    let answer = cx.cloud.events.remove_targets().rule(rule).set_ids(Some(ids)).send().await.map_err(failed(OP))?;
    match answer.failed_entries().first() {
        Some(one) => Err(entry(ERRORS, OP, one.error_code(), one.error_message())),
        None => Ok(()),
    }
}

/// Returns the tags: as the index has them, or as EventBridge has.
async fn tags(cx: &Cx, arn: &str) -> Result<Tags> {
    if let Some(known) = tag_index::tags(cx, "events", arn).await {
        return Ok(known);
    }
    let answer = cx.cloud.events.list_tags_for_resource().resource_arn(arn).send().await;
    let tags = present(answer.map(|a| a.tags.unwrap_or_default()).map_err(failed("events:ListTagsForResource")))?;
    Ok(from_pairs(tags.iter().map(|t| (Some(t.key()), Some(t.value())))))
}

/// Reads what the list of rules does not have. Targets that a digest may prove are left out.
async fn observed(cx: &Cx, found: SdkRule, may_be_proven: bool) -> Result<Option<Observed<EventRule>>> {
    let (Some(name), Some(arn)) = (found.name.clone(), found.arn.clone()) else { return Ok(None) };
    let tags = tags(cx, &arn).await?;
    let unread = may_be_proven && tags.contains_key(TAG_DIGEST);
    let targets = if unread { Vec::new() } else { present(targets(cx, &name).await)? };
    Ok(Some(Observed {
        claim: names::claim(cx, cx.scope.claim(EventRule::KIND, &tags, false), &tags, &name, NAME),
        live: Live { id: name, arn, unread },
        fields: EventRule {
            pattern: found.event_pattern().map_or_else(nothing, parsed),
            schedule: found.schedule_expression.clone().unwrap_or_default(),
            enabled: Some(found.state() != Some(&RuleState::Disabled)),
            description: found.description.clone(),
            targets: targets.into_iter().map(Target::from_sdk).collect(),
            tags,
        },
        state: Readiness::Ready,
    }))
}

/// Returns the ARN of a rule of the default bus
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html>).
fn arn(scope: &Scope, name: &str) -> String {
    format!("arn:{}:events:{}:{}:rule/{name}", scope.partition, scope.region, scope.account)
}

/// Writes the digest of the targets.
async fn prove(cx: &Cx, arn: &str, digest: &str) -> Result<()> {
    let tag = Tag::builder().key(TAG_DIGEST).value(digest).build().map_err(invalid)?;
    cx.cloud.events.tag_resource().resource_arn(arn).tags(tag).send().await.map_err(failed("events:TagResource"))?;
    Ok(())
}

impl Target {
    /// Returns a function that is called with an input.
    pub fn function(function: Ref<Function>, input: Value) -> Target {
        Target { function: Some(function), topic: None, input: Some(input), transform: None }
    }

    /// Returns its ARN.
    fn arn(&self) -> Result<&str> {
        let neither = || Error::internal("a target is neither a function nor a topic");
        let function = self.function.as_ref().map(Ref::id);
        function.or_else(|| self.topic.as_ref().map(Ref::id)).ok_or_else(neither)?
    }

    fn to_sdk(&self, id: &str) -> Result<SdkTarget> {
        let transformer = |transform: &Transform| {
            let parts = transform.parts.iter().map(|(name, path)| (name.clone(), path.clone())).collect();
            let parts = Some(parts).filter(|parts: &HashMap<_, _>| !parts.is_empty());
            let made = InputTransformer::builder().set_input_paths_map(parts).input_template(&transform.template).build();
            made.map_err(invalid)
        };
        let transformer = self.transform.as_ref().map(transformer).transpose()?;
        let target = SdkTarget::builder().id(id).arn(self.arn()?).set_input(self.input.as_ref().map(Value::to_string));
        target.set_input_transformer(transformer).build().map_err(invalid)
    }

    fn from_sdk(target: SdkTarget) -> (String, Target) {
        let is_topic = target.arn.split(':').nth(2) == Some("sns");
        let transform = target.input_transformer.map(|transformer| Transform {
            parts: transformer.input_paths_map.unwrap_or_default().into_iter().collect(),
            template: transformer.input_template,
        });
        let found = Target {
            function: (!is_topic).then(|| Ref::physical(&target.arn).attr("arn")),
            topic: is_topic.then(|| Ref::physical(&target.arn).attr("arn")),
            input: target.input.as_deref().map(parsed),
            transform,
        };
        (target.id, found)
    }

    /// Returns what is wrong with it.
    fn refused(&self) -> Option<&'static str> {
        if self.function.is_some() == self.topic.is_some() {
            return Some("a target is a `function` or a `topic`");
        }
        let both = self.input.is_some() && self.transform.is_some();
        both.then_some("it has an `input` or a `transform`, not both")
    }
}

impl EventRule {
    /// Writes the rule itself. Its tags count only when it is new.
    async fn put(&self, cx: &Cx, name: &str, tags: Option<Vec<Tag>>) -> Result<Option<String>> {
        let state = if self.enabled == Some(false) { RuleState::Disabled } else { RuleState::Enabled };
        let call = cx.cloud.events.put_rule().name(name).state(state);
        // What is left out is removed.
        let call = call.set_event_pattern((self.pattern != nothing()).then(|| self.pattern.to_string()));
        let call = call.set_schedule_expression(Some(self.schedule.clone()).filter(|schedule| !schedule.is_empty()));
        let call = call.set_description(self.description.clone()).set_tags(tags);
        Ok(call.send().await.map_err(failed("events:PutRule"))?.rule_arn)
    }

    async fn tell(&self, cx: &Cx, name: &str) -> Result<()> {
        const OP: &str = "events:PutTargets";
        let stale: Vec<String> = present(targets(cx, name).await)?.into_iter().map(|t| t.id).collect();
        let stale: Vec<String> = stale.into_iter().filter(|id| !self.targets.contains_key(id)).collect();
        untell(cx, name, stale).await?;
        if self.targets.is_empty() {
            return Ok(());
        }
        let all = self.targets.iter().map(|(id, target)| target.to_sdk(id)).collect::<Result<Vec<_>>>()?;
        let answer = cx.cloud.events.put_targets().rule(name).set_targets(Some(all)).send().await.map_err(failed(OP))?;
        match answer.failed_entries().first() {
            Some(one) => Err(entry(ERRORS, OP, one.error_code(), one.error_message())),
            None => Ok(()),
        }
    }
}

impl Resource for EventRule {
    const KIND: &'static str = "events.rule";
    const RULES: &'static [Rule] = &[
        // A key more in a pattern is an event less.
        Rule::exact("pattern"),
        Rule::exact("pattern.*"),
        Rule::exact("pattern.*.*"),
        Rule::exact("pattern.*.*.*"),
        Rule::exact("pattern.*.*.*.*"),
        Rule::exact("targets"),
        Rule::exact("targets.*.transform"),
        Rule::after_create("targets"),
        Rule::takes("targets.*.function", &[("lambda.function", "arn")]),
        Rule::takes("targets.*.topic", &[("sns.topic", "arn")]),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    const PROVEN: &'static [&'static str] = &["targets"];
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        self.targets.iter().find_map(|(name, target)| Some(("targets", format!("`{name}`: {}", target.refused()?))))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let mut rules = candidates(cx).await?;
        rules.retain(|rule| rule.arn().is_none_or(|arn| !cx.reads.settled().contains(arn)));
        let may_be_proven = cx.reads.may_ask_index() && rules.len() > READ;
        let all = try_join_all(rules.into_iter().map(|rule| observed(cx, rule, may_be_proven))).await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let name = names::name(cx, NAME);
        let mut tags = self.tags.clone();
        // Nothing is written later of one that has none.
        if self.targets.is_empty() {
            tags.insert(TAG_DIGEST.into(), digest(&arn(&cx.scope, &name), self)?);
        }
        let made = self.put(cx, &name, Some(to_sdk(&tags)?)).await?;
        Ok(Live { id: name, arn: made.ok_or_else(|| incomplete("events:PutRule", "the rule's ARN"))?, unread: false })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches_other_than(&["tags", "targets"]) {
            self.put(cx, &live.id, None).await?;
        }
        if diff.touches("targets") {
            // The digest of other targets proves nothing while they change.
            prove(cx, &live.arn, "").await?;
            self.tell(cx, &live.id).await?;
            prove(cx, &live.arn, &digest(&live.arn, self)?).await?;
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = cx.cloud.events.tag_resource().resource_arn(&live.arn).set_tags(Some(to_sdk(&edit.write)?));
                call.send().await.map_err(failed("events:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let call = cx.cloud.events.untag_resource().resource_arn(&live.arn).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("events:UntagResource"))?;
            }
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let ids: Vec<String> = present(targets(cx, &live.id).await)?.into_iter().map(|t| t.id).collect();
        untell(cx, &live.id, ids).await?;
        cx.cloud.events.delete_rule().name(&live.id).send().await.map_err(failed("events:DeleteRule"))?;
        Ok(())
    }
}

impl AwsKind for EventRule {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["events:PutRule", "events:PutTargets", "events:TagResource"],
        update: &["events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:TagResource", "events:UntagResource"],
        delete: &["events:DeleteRule", "events:RemoveTargets"],
    };

    fn spell(object: &mut Value, wrong: &mut Vec<Wrong>) {
        // Also as they are when they were left out.
        let pattern = object.get("pattern").filter(|pattern| !pattern.is_null() && **pattern != nothing());
        let schedule = object.get("schedule").and_then(Value::as_str).filter(|schedule| !schedule.is_empty());
        if pattern.is_none() && schedule.is_none() {
            wrong.push(("pattern".into(), "a rule has a `pattern`, a `schedule`, or both".into()));
        }
        if let Some(text) = schedule.filter(|text| !text.contains("${") && !is_schedule(text)) {
            let help = "write `rate(15 minutes)`, `rate(1 day)` or `cron(0 7 * * ? *)`, with six fields";
            wrong.push(("schedule".into(), format!("`{text}` is not a schedule of EventBridge: {help}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::diff;
    use crate::engine::token::Ids;

    #[test]
    fn a_pattern_is_as_it_was_written_and_no_narrower() {
        let wanted = json!({"pattern": {"source": ["aws.rds"], "detail": {"name": {"of": ["a"]}}}});
        let paths = |pattern: Value| -> Vec<String> {
            let found = diff(EventRule::RULES, &wanted, &json!({"pattern": pattern}), &Ids::default());
            found.changes.into_iter().map(|change| change.path).collect()
        };
        assert_eq!(paths(wanted["pattern"].clone()), Vec::<String>::new());
        let with = |path: &str, value: Value| {
            let mut pattern = wanted["pattern"].clone();
            let (outer, name) = path.rsplit_once('/').unwrap();
            pattern.pointer_mut(outer).unwrap()[name] = value;
            pattern
        };
        assert_eq!(paths(with("/account", json!(["1"]))), ["pattern.account"]);
        assert_eq!(paths(with("/detail/more", json!(["1"]))), ["pattern.detail.more"]);
        assert_eq!(paths(with("/detail/name/more", json!(["1"]))), ["pattern.detail.name.more"]);
        assert_eq!(paths(with("/source", json!(["aws.rds", "aws.ec2"]))), ["pattern.source"]);
    }

    #[test]
    fn a_target_is_a_function_or_a_topic() {
        let transform = json!({"parts": {"reason": "$.detail.reason"}, "template": "\"It failed: <reason>\""});
        let wanted = json!({"pattern": {"source": ["aws.ecs"]}, "targets": {
            "alarms": {"topic": "arn:aws:sns:us-east-1:1:alarms", "transform": transform},
            "f": {"function": "arn:aws:lambda:us-east-1:1:function:f", "input": {"a": 1}},
        }});
        let rule: EventRule = serde_json::from_value(wanted.clone()).unwrap();
        assert_eq!(rule.refused(), None);
        let written: Vec<SdkTarget> = rule.targets.iter().map(|(id, target)| target.to_sdk(id).unwrap()).collect();
        assert_eq!(written[0].input_transformer().unwrap().input_template(), "\"It failed: <reason>\"");
        let changes = |targets: Vec<SdkTarget>| -> Vec<String> {
            let read = EventRule { targets: targets.into_iter().map(Target::from_sdk).collect(), ..rule.clone() };
            let found = diff(EventRule::RULES, &wanted, &serde_json::to_value(read).unwrap(), &Ids::default());
            found.changes.into_iter().map(|change| change.path).collect()
        };
        assert_eq!(changes(written.clone()), Vec::<String>::new());
        let moved = SdkTarget::builder().id("f").arn("arn:aws:sns:us-east-1:1:alarms").input("{\"a\":1}").build().unwrap();
        assert_eq!(changes(vec![written[0].clone(), moved]), ["targets.f.function"]);
        let refused = |target: Value| {
            let rule = json!({"pattern": {"source": ["aws.ecs"]}, "targets": {"t": target}});
            serde_json::from_value::<EventRule>(rule).unwrap().refused().map(|(_, why)| why)
        };
        assert_eq!(refused(json!({})).unwrap(), "`t`: a target is a `function` or a `topic`");
        let both = json!({"topic": "arn:aws:sns:us-east-1:1:t", "input": {}, "transform": transform});
        assert_eq!(refused(both).unwrap(), "`t`: it has an `input` or a `transform`, not both");
    }

    #[test]
    fn schedules_are_those_of_eventbridge() {
        let good = ["rate(1 minute)", "rate(15 minutes)", "rate(2 days)", "cron(0 7 ? * MON-FRI *)"];
        let bad = [
            "",
            "15m",
            "rate(1 minutes)",
            "rate(15 minute)",
            "rate(0 hours)",
            "rate()",
            "cron(0 7 * * *)",
            "at(2026-11-27T00:00:00)",
        ];
        assert!(good.into_iter().all(is_schedule) && !bad.into_iter().any(is_schedule));
        let wrong = |mut object: Value| {
            let mut wrong = Vec::new();
            EventRule::spell(&mut object, &mut wrong);
            wrong.into_iter().map(|(path, _)| path).collect::<Vec<_>>()
        };
        assert_eq!(wrong(json!({"schedule": "rate(1 hours)"})), ["schedule"]);
        assert_eq!(wrong(json!({"targets": {}})), ["pattern"]);
        assert_eq!(wrong(json!({"pattern": {}, "schedule": ""})), ["pattern"]);
        assert_eq!(wrong(json!({"pattern": {"source": ["aws.ecs"]}, "schedule": ""})), Vec::<String>::new());
    }

    #[test]
    fn what_was_added_by_hand_is_seen() {
        let seen = |wanted: Value, found: Value| -> Vec<String> {
            let whole = |value: Value| serde_json::to_value(serde_json::from_value::<EventRule>(value).unwrap()).unwrap();
            let found = diff(EventRule::RULES, &whole(wanted), &whole(found), &Ids::default());
            found.changes.into_iter().map(|change| change.path).collect()
        };
        let (pattern, rate) = (json!({"source": ["aws.rds"]}), "rate(1 day)");
        assert_eq!(seen(json!({"pattern": pattern}), json!({"pattern": pattern, "schedule": rate})), ["schedule"]);
        assert_eq!(seen(json!({"schedule": rate}), json!({"pattern": pattern, "schedule": rate})), ["pattern.source"]);
        assert_eq!(seen(json!({"schedule": rate}), json!({"schedule": rate})), Vec::<String>::new());
    }
}
