use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::CompositeAlarm as Found;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alarm::{ACTIONS, Alarm, DESCRIPTION, Live, TOPIC, action, retag, tags_to_sdk};
use super::alarms::{self, NAME};
use crate::aws::cloudwatch::errors::failed;
use crate::aws::cloudwatch::state::AlarmState;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::names;
use crate::aws::ownership::tags::Tags;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// The maxima of `PutCompositeAlarm`
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>).
const RULE: usize = 10_240;
const CHILDREN: usize = 100;
/// What a rule says of an alarm.
const STATES: [&str; 3] = ["ALARM", "OK", "INSUFFICIENT_DATA"];

/// An alarm of alarms: it goes off when its rule about their states holds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompositeAlarm {
    /// When it goes off: `ALARM("${cloudwatch.alarm/a}") OR ALARM("${cloudwatch.alarm/b}")`. `OK(…)`, `INSUFFICIENT_DATA(…)`, `AND`,
    /// `NOT` and parentheses are known, too.
    pub rule: String,
    /// The ARNs of up to five topics, or other actions, that are notified when the alarm goes off. Left out: none.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Those that are notified when it is over. Left out: none.
    #[serde(default)]
    pub ok_actions: Vec<String>,
    /// Those that are notified when there is too little data to know. Left out: none.
    #[serde(default)]
    pub insufficient_data_actions: Vec<String>,
    /// The alarm that suppresses notifications while it is on: its ARN. Left out: none.
    #[serde(default)]
    pub suppressor: String,
    /// How many seconds it waits for the `suppressor` to go off before it notifies. Left out: 0.
    #[serde(default)]
    pub suppressor_wait: i32,
    /// How many seconds notifications stay suppressed after the `suppressor` is over. Left out: 0.
    #[serde(default)]
    pub suppressor_extension: i32,
    /// Whether notifications are sent. Left out: they are whenever the alarm is created or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What the alarm means, in at most 1024 characters. Left out: none.
    #[serde(default)]
    pub description: String,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// Returns the names, or ARNs, of the alarms in a rule: what is in parentheses after a state.
fn children(rule: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for state in STATES {
        for (at, _) in rule.match_indices(state) {
            let rest = rule[at + state.len()..].trim_start();
            let inner = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
            found.extend(inner.map(|(name, _)| name.trim().trim_matches(['"', '\''])));
        }
    }
    found
}

/// Returns a rule with its alarms as references. `composites` are the names of those that are composite themselves.
fn referring(rule: &str, composites: &BTreeSet<&str>) -> String {
    let mut out = rule.to_owned();
    let named: BTreeSet<&str> = children(rule).into_iter().filter(|name| !name.is_empty()).collect();
    for name in named {
        let by_arn = name.split_once(":alarm:").map(|(_, name)| name);
        let bare = by_arn.unwrap_or(name);
        let attr = if by_arn.is_some() { "arn" } else { "id" };
        let reference = if composites.contains(bare) {
            Ref::<CompositeAlarm>::physical(name).attr(attr).to_string()
        } else {
            Ref::<Alarm>::physical(name).attr(attr).to_string()
        };
        // With what is around it: the name may be part of another one.
        for (open, close) in [("\"", "\""), ("'", "'"), ("(", ")")] {
            out = out.replace(&format!("{open}{name}{close}"), &format!("{open}{reference}{close}"));
        }
    }
    out
}

impl CompositeAlarm {
    /// Writes the whole alarm. Its tags count only when it is new.
    async fn put(&self, cx: &Cx, name: &str, tags: Option<&Tags>) -> Result<()> {
        let call = cx.cloud.cloudwatch.put_composite_alarm().alarm_name(name).alarm_rule(&self.rule);
        let call = call.alarm_description(&self.description).actions_enabled(self.enabled != Some(false));
        let call = call.set_alarm_actions(Some(self.actions.clone())).set_ok_actions(Some(self.ok_actions.clone()));
        let call = call.set_insufficient_data_actions(Some(self.insufficient_data_actions.clone()));
        let call = call.set_tags(tags.map(tags_to_sdk));
        let call = if self.suppressor.is_empty() {
            call
        } else {
            let call = call.actions_suppressor(&self.suppressor).actions_suppressor_wait_period(self.suppressor_wait);
            call.actions_suppressor_extension_period(self.suppressor_extension)
        };
        call.send().await.map_err(failed("cloudwatch:PutCompositeAlarm"))?;
        Ok(())
    }

    fn from_sdk(found: &Found, composites: &BTreeSet<&str>, tags: Tags) -> CompositeAlarm {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let actions = |arns: &[String]| arns.iter().map(|arn| action(arn)).collect();
        CompositeAlarm {
            rule: referring(found.alarm_rule().unwrap_or_default(), composites),
            actions: actions(found.alarm_actions()),
            ok_actions: actions(found.ok_actions()),
            insufficient_data_actions: actions(found.insufficient_data_actions()),
            suppressor: text(found.actions_suppressor()),
            suppressor_wait: found.actions_suppressor_wait_period().unwrap_or_default(),
            suppressor_extension: found.actions_suppressor_extension_period().unwrap_or_default(),
            enabled: found.actions_enabled(),
            description: text(found.alarm_description()),
            tags,
        }
    }
}

impl Resource for CompositeAlarm {
    const KIND: &'static str = "cloudwatch.composite_alarm";
    const RULES: &'static [Rule] = &[
        Rule::set("actions"),
        Rule::takes("actions.*", TOPIC),
        Rule::set("ok_actions"),
        Rule::takes("ok_actions.*", TOPIC),
        Rule::set("insufficient_data_actions"),
        Rule::takes("insufficient_data_actions.*", TOPIC),
        Rule::unit("suppressor_wait", "s"),
        Rule::unit("suppressor_extension", "s"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        let most = |count: usize, most: usize| format!("there are {count}, and CloudWatch accepts at most {most}");
        let named = children(&self.rule).into_iter().collect::<BTreeSet<_>>().len();
        if self.rule.trim().is_empty() {
            return Some(("rule", "it is empty: write one like `ALARM(\"a\") OR ALARM(\"b\")`".into()));
        }
        if self.rule.len() > RULE || named > CHILDREN {
            return Some((
                "rule",
                format!("it has {named} alarms, and CloudWatch accepts at most {CHILDREN} in {RULE} characters"),
            ));
        }
        let lists = [
            ("actions", self.actions.len(), ACTIONS),
            ("ok_actions", self.ok_actions.len(), ACTIONS),
            ("insufficient_data_actions", self.insufficient_data_actions.len(), ACTIONS),
            ("description", self.description.chars().count(), DESCRIPTION),
        ];
        let (field, length, limit) = lists.into_iter().find(|(_, length, limit)| length > limit)?;
        Some((field, most(length, limit)))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = &alarms::all(cx).await?;
        let composites: BTreeSet<&str> = all.composites.iter().filter_map(|found| found.alarm_name()).collect();
        let composites = &composites;
        let named = all.composites.iter().filter_map(|found| Some((found.alarm_name()?, found.alarm_arn()?, found)));
        try_join_all(named.map(|(name, arn, found)| async move {
            let tags = all.tags_of(cx, arn).await?;
            Ok::<_, Error>(Observed {
                claim: names::claim(cx, cx.scope.claim(Self::KIND, &tags, false), &tags, name, NAME),
                live: Live {
                    id: name.to_owned(),
                    arn: arn.to_owned(),
                    state: AlarmState::of(
                        found.state_value(),
                        found.state_transitioned_timestamp().or(found.state_updated_timestamp()),
                        found.state_reason(),
                    ),
                },
                fields: CompositeAlarm::from_sdk(found, composites, tags),
                state: Readiness::Ready,
            })
        }))
        .await
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        let name = names::name(cx, NAME);
        self.put(cx, &name, Some(&self.tags)).await?;
        Ok(Live::of(cx, &cx.scope.region, name))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if diff.touches_other_than(&["tags"]) {
            self.put(cx, &live.id, None).await?;
        }
        retag(cx, live, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        // One composite alarm a call.
        let call = cx.cloud.cloudwatch.delete_alarms().alarm_names(&live.id);
        call.send().await.map_err(failed("cloudwatch:DeleteAlarms"))?;
        Ok(())
    }
}

impl AwsKind for CompositeAlarm {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["cloudwatch:PutCompositeAlarm", "cloudwatch:TagResource"],
        update: &["cloudwatch:PutCompositeAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
        delete: &["cloudwatch:DeleteAlarms"],
    };
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{Ids, diff};

    fn composite(more: Value) -> CompositeAlarm {
        let mut fields = json!({"rule": "ALARM(\"a\") OR ALARM(\"b\")"});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn the_alarms_of_a_rule_are_references() {
        let arn = "arn:aws:cloudwatch:us-east-1:1:alarm:both";
        let rule = format!("(ALARM(\"a\") OR ALARM(ab)) AND NOT OK('{arn}') AND TRUE");
        let mut named = children(&rule);
        named.sort_unstable();
        assert_eq!(named, ["a", "ab", arn]);
        let read = referring(&rule, &BTreeSet::from(["both"]));
        let reference = format!("${{=cloudwatch.composite_alarm.arn:{arn}}}");
        let expected = format!(
            "(ALARM(\"${{=cloudwatch.alarm:a}}\") OR ALARM(${{=cloudwatch.alarm:ab}})) AND NOT OK('{reference}') AND TRUE"
        );
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wanted = composite(json!({"actions": ["arn:aws:sns:us-east-1:1:alarms"], "enabled": true}));
        let found = Found::builder().alarm_name("s").alarm_rule(&wanted.rule).alarm_actions("arn:aws:sns:us-east-1:1:alarms");
        let changes = |found: &Found| -> Vec<String> {
            let read = CompositeAlarm::from_sdk(found, &BTreeSet::new(), Tags::new());
            let (wanted, read) = (serde_json::to_value(&wanted).unwrap(), serde_json::to_value(read).unwrap());
            diff(CompositeAlarm::RULES, &wanted, &read, &Ids::default()).changes.into_iter().map(|c| c.path).collect()
        };
        let found = found.actions_enabled(true);
        assert_eq!(changes(&found.clone().build()), Vec::<String>::new());
        let by_hand = found.alarm_rule("ALARM(\"a\")").actions_suppressor("arn:x").actions_enabled(false).build();
        assert_eq!(changes(&by_hand), ["rule", "suppressor", "enabled"]);
    }

    #[test]
    fn what_cloudwatch_refuses_is_refused() {
        let refused = |more: Value| composite(more).refused().map(|(field, _)| field);
        assert_eq!(refused(json!({})), None);
        assert_eq!(refused(json!({"rule": " "})), Some("rule"));
        let many = |count: usize| (0..count).map(|n| format!("ALARM(\"a{n}\")")).collect::<Vec<_>>().join(" OR ");
        assert_eq!(refused(json!({"rule": many(100)})), None);
        assert_eq!(refused(json!({"rule": many(101)})), Some("rule"));
        assert_eq!(refused(json!({"actions": ["a", "b", "c", "d", "e", "f"]})), Some("actions"));
        assert_eq!(refused(json!({"description": "x".repeat(1025)})), Some("description"));
    }
}
