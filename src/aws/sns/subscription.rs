use aws_sdk_sns::types::Subscription as Found;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Topic;
use super::topic::{client, topic_claim, topics};
use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::lambda::Function;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::Tags;
use crate::aws::sns::errors::failed;
use crate::aws::spelling::{How, Spelling};
use crate::aws::sqs::Queue;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::tags::TAG_SECTION;
use crate::engine::{Claim, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// What AWS says in place of an ARN of one that ended.
const DELETED: &str = "Deleted";
const PROTOCOLS: &[&str] = &["email", "email-json", "https", "http", "sqs", "lambda"];

/// A subscription: who gets the messages of a topic. An email address gets them once its owner has followed the link in the email that
/// AWS sends. A subscription of a topic under `resources` that leaves the file stays in AWS, which cannot distinguish it from someone else's.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// The topic. It cannot be changed.
    pub topic: Ref<Topic>,
    /// How messages are delivered: `email`, `email-json`, `https`, `http`, `sqs` or `lambda`. It cannot be changed.
    pub protocol: String,
    /// Where messages are delivered: an email address, a URL, or the ARN of a queue or of a function, which must let SNS in. It
    /// cannot be changed.
    pub endpoint: String,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// `TOPIC PROTOCOL ENDPOINT`
    pub id: String,
    /// The ARN. One that is not confirmed has none
    /// (<https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html>).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub arn: Option<String>,
}

/// Returns what AWS says of a subscription: its ARN is a word as long as nobody confirmed it.
fn live(topic: &str, protocol: &str, endpoint: &str, arn: Option<&str>) -> Live {
    let arn = arn.filter(|arn| arn.starts_with("arn:")).map(str::to_owned);
    Live { id: format!("{topic} {protocol} {endpoint}"), arn }
}

/// Returns what an endpoint is in a plan: a queue or a function by its reference.
fn endpoint(protocol: &str, endpoint: &str) -> String {
    match protocol {
        "sqs" => Ref::<Queue>::physical(endpoint).attr("arn").to_string(),
        "lambda" => Ref::<Function>::physical(endpoint).attr("arn").to_string(),
        _ => endpoint.to_owned(),
    }
}

/// Returns whose a subscription is. Nothing marks one as the stack's, so those of a topic that a section made for itself, and that is
/// certainly the stack's, are the stack's, and those of other topics may be anyone's. One that is not confirmed cannot be deleted; AWS does so after 48 hours
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html>).
fn claim(topic: &Claim, tags: &Tags, live: &Live) -> Option<Claim> {
    topic.name()?;
    let of_section = tags.get(TAG_SECTION).is_some_and(|section| !section.starts_with("resources."));
    let is_certain = matches!(topic, Claim::Ours(_));
    Some(if is_certain && of_section && live.arn.is_some() { Claim::Stray } else { Claim::Adoptable })
}

/// What is in the addresses at which Amazon Q Developer in chat applications hears topics
/// (<https://docs.aws.amazon.com/chatbot/latest/adminguide/getting-started.html>).
const CHAT: &str = "sns-api.chatbot.amazonaws.com";

fn observed(whose: &Claim, topic: &str, tags: &Tags, found: &Found) -> Option<Observed<Subscription>> {
    // One that ended stays in the list for a while (ansible/ansible#20086), and the same address can subscribe again.
    if found.subscription_arn() == Some(DELETED) {
        return None;
    }
    let (protocol, at) = (found.protocol()?, found.endpoint()?);
    // Amazon Q Developer subscribes by itself for a channel of a chat, and ends that with it.
    if at.contains(CHAT) {
        return None;
    }
    let live = live(topic, protocol, at, found.subscription_arn());
    Some(Observed {
        claim: claim(whose, tags, &live)?,
        live,
        fields: Subscription { topic: Ref::physical(topic), protocol: protocol.to_owned(), endpoint: endpoint(protocol, at) },
        state: Readiness::Ready,
    })
}

impl Resource for Subscription {
    const KIND: &'static str = "sns.subscription";
    const RULES: &'static [Rule] = &[
        Rule::immutable("topic"),
        Rule::identity("topic"),
        Rule::immutable("protocol"),
        Rule::identity("protocol"),
        Rule::takes("endpoint", &[("sqs.queue", "arn"), ("lambda.function", "arn")]),
        Rule::immutable("endpoint"),
        Rule::identity("endpoint"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = topics(cx).await?;
        let claimed = all.iter().map(|(topic, tags)| (topic_claim(cx, topic, tags), topic, tags));
        let ours = claimed.filter(|(claim, ..)| claim.name().is_some());
        let found = try_join_all(ours.map(|(claim, topic, tags)| async move {
            let pages = client(cx, topic).list_subscriptions_by_topic().topic_arn(topic).into_paginator().items().send();
            let listed = pages.collect::<std::result::Result<Vec<_>, _>>().await;
            let listed = present(listed.map_err(failed("sns:ListSubscriptionsByTopic")))?;
            Ok::<_, Error>(listed.iter().filter_map(|one| observed(&claim, topic, tags, one)).collect::<Vec<_>>())
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    /// Subscribes. What is subscribed already stays as it is, and who has not confirmed gets another email.
    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "sns:Subscribe";
        let topic = self.topic.id()?;
        let call = client(cx, topic).subscribe().topic_arn(topic).protocol(&self.protocol).endpoint(&self.endpoint);
        let arn =
            call.send().await.map_err(failed(OP))?.subscription_arn.ok_or_else(|| incomplete(OP, "the subscription's ARN"))?;
        Ok(live(topic, &self.protocol, &self.endpoint, Some(&arn)))
    }

    async fn update(&self, _: &Cx, live: &Live, _: &Diff) -> Result<Live> {
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        if let Some(arn) = &live.arn {
            client(cx, arn).unsubscribe().subscription_arn(arn).send().await.map_err(failed("sns:Unsubscribe"))?;
        }
        Ok(())
    }
}

impl AwsKind for Subscription {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions { create: &["sns:Subscribe"], update: &["sns:Subscribe"], delete: &["sns:Unsubscribe"] };
    const SPELLING: &'static [Spelling] = &[("protocol", How::Word(PROTOCOLS))];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tags::{TAG_ENV, TAG_KEY, TAG_STACK};

    #[test]
    fn one_that_is_not_confirmed_is_kept_and_not_deleted() {
        let text = |text: &str| text.to_owned();
        let tags = |section: &str| -> Tags {
            let all = [(TAG_STACK, "shop"), (TAG_ENV, "default"), (TAG_KEY, "sns.topic/alarms"), (TAG_SECTION, section)];
            all.into_iter().map(|(key, value)| (text(key), text(value))).collect()
        };
        let claimed_in = |topic: &Claim, arn: &str, tags: &Tags| {
            let found = Found::builder().protocol("email").endpoint("ops@example.com").subscription_arn(arn).build();
            observed(topic, "arn:aws:sns:us-east-1:1:shop-alarms", tags, &found).map(|one| one.claim)
        };
        let claimed = |arn: &str, tags: &Tags| claimed_in(&Claim::Ours(text("alarms")), arn, tags);
        const ARN: &str = "arn:aws:sns:us-east-1:1:shop-alarms:0";
        assert_eq!(claimed(ARN, &tags("alarms")), Some(Claim::Stray));
        assert_eq!(claimed("PendingConfirmation", &tags("alarms")), Some(Claim::Adoptable));
        assert_eq!(claimed(ARN, &tags("resources.sns.topic.alarms")), Some(Claim::Adoptable));
        assert_eq!(claimed_in(&Claim::Foreign, ARN, &Tags::new()), None);
        // Whoever may write tags has nobody else's subscriptions deleted.
        assert_eq!(claimed_in(&Claim::Tagged(text("alarms")), ARN, &tags("alarms")), Some(Claim::Adoptable));
        assert_eq!(claimed("Deleted", &tags("alarms")), None, "its owner followed the link at the end of a message");
    }

    #[test]
    fn queues_and_functions_are_known_by_reference() {
        let arn = "arn:aws:sqs:us-east-1:1:orders";
        assert_eq!(endpoint("sqs", arn), format!("${{=sqs.queue.arn:{arn}}}"));
        assert_eq!(endpoint("email", "ops@example.com"), "ops@example.com");
    }
}
