use aws_sdk_rds::types::EventSubscription as Found;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Instance, Live, NAME, ParameterGroup, retag, tags_of, to_sdk};
use crate::aws::call::answers::{or_gone, present};
use crate::aws::call::error::incomplete;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::{names, tag_index};
use crate::aws::rds::errors::failed;
use crate::aws::sns::Topic;
use crate::aws::spelling::{How, Spelling};
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx, Tags};
use crate::engine::{Diff, Error, Impairment, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// The word for databases as sources.
pub const INSTANCES: &str = "db-instance";
/// The word for their parameter groups.
pub const GROUPS: &str = "db-parameter-group";
/// What can have events (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateEventSubscription.html>).
const SOURCES: &[&str] =
    &[INSTANCES, GROUPS, "db-cluster", "db-security-group", "db-snapshot", "db-cluster-snapshot", "db-proxy"];

/// A subscription to events of RDS: a topic is notified when a database fails, fills up, is changed or is maintained. An account has 20 in a
/// region.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSubscription {
    /// The topic that is notified. It must not be encrypted, and its policy must let `events.rds.amazonaws.com` publish.
    pub topic: Ref<Topic>,
    /// What has the events: `db-instance`, `db-parameter-group`, `db-cluster`, `db-security-group`, `db-snapshot`,
    /// `db-cluster-snapshot` or `db-proxy`. It cannot be changed.
    pub source_type: String,
    /// The identifiers of those whose events are reported. Left out: all of the account and region.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The categories of events, at least one: `failure`, `low storage` …
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html>).
    pub categories: Vec<String>,
    /// Whether notifications are sent. Left out: they are for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// Returns what a source is in a plan: a database or a parameter group by its reference.
fn source(kind: &str, id: &str) -> String {
    match kind {
        INSTANCES => Ref::<Instance>::physical(id).to_string(),
        GROUPS => Ref::<ParameterGroup>::physical(id).to_string(),
        _ => id.to_owned(),
    }
}

/// Checks whether it sends notifications
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_EventSubscription.html>).
fn readiness(found: &Found) -> Readiness {
    let impaired = |status: &str, advice: &str| {
        let fixed_by = Some(vec!["topic".to_owned()]);
        Readiness::Impaired(Impairment { status: status.to_owned(), advice: advice.to_owned(), fixed_by })
    };
    match found.status().unwrap_or("active") {
        "deleting" => Readiness::Leaving("deleting".into()),
        status @ "topic-not-exist" => impaired(status, "the topic was deleted after the subscription was made"),
        status @ "no-permission" => {
            let advice = "RDS may not publish to the topic: its policy must let `events.rds.amazonaws.com`";
            // The topic's policy fixes it, and nothing of the subscription itself.
            Readiness::Impaired(Impairment { status: status.to_owned(), advice: advice.to_owned(), fixed_by: None })
        }
        status @ ("creating" | "modifying") => Readiness::waiting(status),
        _ => Readiness::Ready,
    }
}

async fn named(cx: &Cx, name: &str) -> Result<Option<Found>> {
    let answer = cx.cloud.rds.describe_event_subscriptions().subscription_name(name).send().await;
    let answer = answer.map(|a| a.event_subscriptions_list.unwrap_or_default());
    Ok(present(answer.map_err(failed("rds:DescribeEventSubscriptions")))?.into_iter().next())
}

/// Reads every subscription that can be the stack's.
async fn candidates(cx: &Cx) -> Result<Vec<(Live, Found)>> {
    let tagged = tag_index::candidates(cx).await?;
    let known = tag_index::of(cx, "rds").await.is_some();
    // A question less for a stack without any.
    if known && !tagged.keys().any(|arn| arn.contains(":rds:") && arn.contains(":es:")) {
        return Ok(Vec::new());
    }
    let pages = cx.cloud.rds.describe_event_subscriptions().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("rds:DescribeEventSubscriptions"))?;
    let prefix = cx.scope.prefix();
    let like_ours = all.into_iter().filter_map(|found| {
        let live = Live { id: found.cust_subscription_id.clone()?, arn: found.event_subscription_arn.clone()? };
        let may_be_ours = tagged.contains_key(&live.arn) || !known && names::begins(&prefix, &live.id, NAME);
        may_be_ours.then_some((live, found))
    });
    Ok(like_ours.collect())
}

impl EventSubscription {
    fn from_sdk(found: &Found, tags: Tags) -> EventSubscription {
        let source_type = found.source_type().unwrap_or_default().to_owned();
        EventSubscription {
            topic: Ref::physical(found.sns_topic_arn().unwrap_or_default()),
            sources: found.source_ids_list().iter().map(|id| source(&source_type, id)).collect(),
            source_type,
            categories: found.event_categories_list().to_vec(),
            enabled: found.enabled,
            tags,
        }
    }
}

impl Resource for EventSubscription {
    const KIND: &'static str = "rds.event_subscription";
    const RULES: &'static [Rule] = &[
        Rule::immutable("source_type"),
        Rule::set("sources"),
        Rule::takes("sources.*", &[("rds.instance", "id"), ("rds.parameter_group", "id")]),
        Rule::set("categories"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(5, 5);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        let none = self.categories.is_empty();
        none.then(|| ("categories", "name at least one: AWS takes none for all of them, and reports them all".into()))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        try_join_all(candidates(cx).await?.into_iter().map(|(live, found)| async move {
            let tags = tags_of(cx, &live.arn).await?;
            let claim = names::claim(cx, cx.scope.claim(Self::KIND, &tags, false), &tags, &live.id, NAME);
            Ok::<_, Error>(Observed { claim, live, state: readiness(&found), fields: EventSubscription::from_sdk(&found, tags) })
        }))
        .await
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "rds:CreateEventSubscription";
        let call = cx.cloud.rds.create_event_subscription().subscription_name(names::name(cx, NAME));
        let call = call.sns_topic_arn(self.topic.id()?).source_type(&self.source_type).set_enabled(self.enabled);
        let call = call.set_event_categories(Some(self.categories.clone()));
        let call = call.set_source_ids(Some(self.sources.clone()).filter(|sources| !sources.is_empty()));
        let made = call.set_tags(Some(to_sdk(&self.tags))).send().await.map_err(failed(OP))?.event_subscription;
        let live = made.and_then(|m| Some(Live { id: m.cust_subscription_id?, arn: m.event_subscription_arn? }));
        live.ok_or_else(|| incomplete(OP, "the subscription's name and ARN"))
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let rds = &cx.cloud.rds;
        if diff.touches("topic") || diff.touches("categories") || diff.touches("enabled") {
            let call = rds.modify_event_subscription().subscription_name(&live.id).sns_topic_arn(self.topic.id()?);
            // Categories are those of the type.
            let call = call.source_type(&self.source_type).set_event_categories(Some(self.categories.clone()));
            call.set_enabled(self.enabled).send().await.map_err(failed("rds:ModifyEventSubscription"))?;
        }
        if diff.touches("sources") {
            // What a run before this one, or somebody, did already is not done again.
            let there = named(cx, &live.id).await?.and_then(|found| found.source_ids_list).unwrap_or_default();
            // First what comes: without any source all of the account would be told.
            for new in self.sources.iter().filter(|id| !there.contains(id)) {
                let call = rds.add_source_identifier_to_subscription().subscription_name(&live.id).source_identifier(new);
                call.send().await.map_err(failed("rds:AddSourceIdentifierToSubscription"))?;
            }
            for old in there.iter().filter(|id| !self.sources.contains(id)) {
                let call = rds.remove_source_identifier_from_subscription().subscription_name(&live.id).source_identifier(old);
                or_gone(call.send().await.map_err(failed("rds:RemoveSourceIdentifierFromSubscription")))?;
            }
        }
        retag(cx, &live.arn, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn poll(&self, cx: &Cx, live: &Live) -> Result<Readiness> {
        Ok(named(cx, &live.id).await?.map_or(Readiness::Gone, |found| readiness(&found)))
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.rds.delete_event_subscription().subscription_name(&live.id);
        call.send().await.map_err(failed("rds:DeleteEventSubscription"))?;
        Ok(())
    }

    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        Ok(named(cx, &live.id).await?.map_or(Readiness::Gone, |found| match readiness(&found) {
            leaving @ Readiness::Leaving(_) => leaving,
            _ => Readiness::waiting(found.status().unwrap_or("active")),
        }))
    }
}

impl AwsKind for EventSubscription {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["rds:CreateEventSubscription", "rds:AddTagsToResource"],
        update: &[
            "rds:ModifyEventSubscription",
            "rds:AddSourceIdentifierToSubscription",
            "rds:RemoveSourceIdentifierFromSubscription",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
        ],
        delete: &["rds:DeleteEventSubscription"],
    };
    const SPELLING: &'static [Spelling] = &[("source_type", How::Word(SOURCES)), ("categories.*", How::Lower)];
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Ids, diff};

    fn found(status: &str) -> Found {
        Found::builder()
            .sns_topic_arn("arn:aws:sns:us-east-1:1:alarms")
            .source_type(INSTANCES)
            .source_ids_list("shop-main")
            .event_categories_list("low storage")
            .event_categories_list("failure")
            .enabled(true)
            .status(status)
            .build()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wanted = json!({
            "topic": "arn:aws:sns:us-east-1:1:alarms", "source_type": INSTANCES, "sources": ["shop-main"],
            "categories": ["failure", "low storage"], "enabled": true,
        });
        let changes = |found: &Found| -> Vec<String> {
            let read = serde_json::to_value(EventSubscription::from_sdk(found, Tags::new())).unwrap();
            let found = diff(EventSubscription::RULES, &wanted, &read, &Ids::default());
            found.changes.into_iter().map(|change| change.path).collect()
        };
        assert_eq!(changes(&found("active")), Vec::<String>::new());
        let by_hand = Found::builder().sns_topic_arn("arn:aws:sns:us-east-1:1:alarms").source_type(INSTANCES).enabled(false);
        let by_hand = by_hand.event_categories_list("failure").event_categories_list("low storage").build();
        assert_eq!(changes(&by_hand), ["sources", "enabled"]);
        let read = EventSubscription::from_sdk(&found("active"), Tags::new());
        assert_eq!(read.sources, ["${=rds.instance:shop-main}"]);
    }

    #[test]
    fn a_topic_that_is_gone_is_no_waiting() {
        assert_eq!(readiness(&found("active")), Readiness::Ready);
        assert_eq!(readiness(&found("creating")), Readiness::waiting("creating"));
        for (status, fixed) in [("topic-not-exist", true), ("no-permission", false)] {
            let Readiness::Impaired(impairment) = readiness(&found(status)) else { panic!("{status}") };
            assert_eq!((impairment.status.as_str(), impairment.fixed_by.is_some()), (status, fixed));
        }
    }

    #[test]
    fn all_categories_are_named() {
        let none = json!({"topic": "sns.topic/t", "source_type": INSTANCES, "categories": []});
        let none: EventSubscription = serde_json::from_value(none).unwrap();
        assert_eq!(none.refused().map(|(field, _)| field), Some("categories"));
    }
}
