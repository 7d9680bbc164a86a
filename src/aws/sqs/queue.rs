use std::collections::{BTreeSet, HashMap};

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::kms::Key;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::{TagEdit, Tags, from_pairs};
use crate::aws::ownership::{names, tag_index};
use crate::aws::sqs::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Class, Diff, Effect, Error, Impact, Observed, Readiness, Ref, Resource, Result, Rule, Scope, Usual};

/// The maximum length of a name
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>).
const NAME: usize = 80;

/// A queue, which keeps messages until they are received and deleted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Whether it is a FIFO queue, which keeps messages in order. It cannot be changed. Left out: a standard queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fifo: Option<bool>,
    /// Whether a FIFO queue distinguishes messages by their contents, where the sender gives no deduplication id. Only with `fifo`. Left
    /// out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_based_deduplication: Option<bool>,
    /// Seconds for which a received message is hidden from other receivers, 0 to 43200. Left out: AWS's default, 30, for a new
    /// one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_timeout: Option<i32>,
    /// Seconds for which messages are kept, 60 to 1209600. Left out: AWS's default, 345600, for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_retention: Option<i32>,
    /// Seconds until a new message can be received, 0 to 900. Left out: AWS's default, 0, for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<i32>,
    /// Seconds for which a receiver waits for a message, 0 to 20. Left out: AWS's default, 0, for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive_wait: Option<i32>,
    /// Bytes that a message can have, 1024 to 1048576. Left out: AWS's default, 1048576, for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_message_size: Option<i32>,
    /// The queue that gets messages after `max_receives` receptions without success; empty for none. Left out: none for a new
    /// one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_queue: Option<Ref<Queue>>,
    /// How often a message is received before it moves to `dead_letter_queue`, 1 to 1000. Left out: there is no such queue, or
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_receives: Option<i32>,
    /// The ARN of the KMS key that encrypts messages; empty for none. Left out: none for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Whether SQS encrypts messages with a key of its own, in place of `kms_key`. Left out: AWS's default for a new one, else
    /// unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sse: Option<bool>,
    /// Who can send and receive: a policy document, whose `Resource` can be `*`; `{}` for none. Left out: none for a new one,
    /// else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    /// The URL, which programs send to and receive from.
    pub url: String,
}

impl Live {
    fn of(scope: &Scope, url: &str) -> Live {
        let Scope { partition, region, account, .. } = scope;
        let name = url.rsplit('/').next().unwrap_or(url).to_owned();
        let arn = format!("arn:{partition}:sqs:{region}:{account}:{name}");
        Live { id: arn.clone(), arn, name, url: url.to_owned() }
    }
}

/// Returns the queues that can be the stack's.
async fn candidates(cx: &Cx) -> Result<Vec<Live>> {
    // Whatever they are called.
    let tagged = tag_index::candidates(cx).await?;
    let others = tagged.keys().filter_map(|arn| arn.split_once(":sqs:")?.1.rsplit(':').next());
    let mut others: BTreeSet<&str> = others.collect();
    let mut found: Vec<Live> = Vec::new();
    if tag_index::of(cx, "sqs").await.is_none() {
        let prefix = cx.scope.prefix();
        let pages = cx.cloud.sqs.list_queues().queue_name_prefix(&prefix).max_results(1000).into_paginator().items().send();
        let urls = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("sqs:ListQueues"))?;
        found.extend(urls.iter().map(|url| Live::of(&cx.scope, url)).filter(|it| names::begins(&prefix, &it.name, NAME)));
        others.retain(|name| found.iter().all(|it| it.name != *name));
    }
    let urls = try_join_all(others.into_iter().map(|name| async move {
        let answer = cx.cloud.sqs.get_queue_url().queue_name(name).send().await;
        present(answer.map(|a| a.queue_url).map_err(failed("sqs:GetQueueUrl")))
    }));
    found.extend(urls.await?.iter().flatten().map(|url| Live::of(&cx.scope, url)));
    Ok(found)
}

/// Reads the attributes (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>).
async fn attributes_of(cx: &Cx, url: &str) -> Result<HashMap<Attribute, String>> {
    let answer = cx.cloud.sqs.get_queue_attributes().queue_url(url).attribute_names(Attribute::All).send().await;
    Ok(answer.map_err(failed("sqs:GetQueueAttributes"))?.attributes.unwrap_or_default())
}

/// Reads the tags; nothing when the queue is not there.
async fn tags_of(cx: &Cx, live: &Live) -> Result<Option<Tags>> {
    if let Some(known) = tag_index::tags(cx, "sqs", &live.arn).await {
        return Ok(Some(known));
    }
    let answer = cx.cloud.sqs.list_queue_tags().queue_url(&live.url).send().await;
    let tags = present(answer.map(|a| Some(a.tags.unwrap_or_default())).map_err(failed("sqs:ListQueueTags")))?;
    Ok(tags.map(|tags| from_pairs(tags.iter().map(|(k, v)| (Some(k.as_str()), Some(v.as_str()))))))
}

async fn observed(cx: &Cx, live: Live) -> Result<Option<Observed<Queue>>> {
    let attributes = async { present(attributes_of(cx, &live.url).await.map(Some)) };
    let (attributes, tags) = tokio::try_join!(attributes, tags_of(cx, &live))?;
    Ok(attributes.zip(tags).map(|(attributes, tags)| Observed {
        claim: names::fifo_claim(cx, cx.scope.claim(Queue::KIND, &tags, false), &tags, &live.name, NAME),
        live,
        fields: Queue::from_attributes(&attributes, tags),
        state: Readiness::Ready,
    }))
}

impl Queue {
    /// Returns where dead letters go, in SQS's words; empty for nowhere.
    fn redrive(&self) -> Result<Option<String>> {
        let Some(queue) = &self.dead_letter_queue else { return Ok(None) };
        let policy = json!({"deadLetterTargetArn": queue.id()?, "maxReceiveCount": self.max_receives});
        Ok(Some(if queue.id()?.is_empty() { String::new() } else { policy.to_string() }))
    }

    /// Returns the attributes that can be changed: the field, the attribute's name, and its value.
    fn attributes(&self) -> Result<Vec<(&'static str, Attribute, String)>> {
        let number = |number: Option<i32>| number.map(|number| number.to_string());
        let policy = |policy: &Value| if *policy == json!({}) { String::new() } else { policy.to_string() };
        let all = [
            (
                "content_based_deduplication",
                Attribute::ContentBasedDeduplication,
                self.content_based_deduplication.map(|on| on.to_string()),
            ),
            ("visibility_timeout", Attribute::VisibilityTimeout, number(self.visibility_timeout)),
            ("message_retention", Attribute::MessageRetentionPeriod, number(self.message_retention)),
            ("delay", Attribute::DelaySeconds, number(self.delay)),
            ("receive_wait", Attribute::ReceiveMessageWaitTimeSeconds, number(self.receive_wait)),
            ("max_message_size", Attribute::MaximumMessageSize, number(self.max_message_size)),
            ("dead_letter_queue", Attribute::RedrivePolicy, self.redrive()?),
            ("max_receives", Attribute::RedrivePolicy, self.redrive()?),
            ("kms_key", Attribute::KmsMasterKeyId, self.kms_key.clone()),
            ("sse", Attribute::SqsManagedSseEnabled, self.sse.map(|on| on.to_string())),
            ("policy", Attribute::Policy, self.policy.as_ref().map(policy)),
        ];
        Ok(all.into_iter().filter_map(|(field, name, value)| Some((field, name, value?))).collect())
    }

    /// Returns the attributes of a new queue.
    fn initial(&self) -> Result<HashMap<Attribute, String>> {
        let given = self.attributes()?.into_iter().map(|(_, name, value)| (name, value)).filter(|(_, value)| !value.is_empty());
        // AWS accepts it of FIFO queues only.
        let fifo = (self.fifo == Some(true)).then(|| (Attribute::FifoQueue, "true".to_owned()));
        Ok(given.chain(fifo).collect())
    }

    /// Returns the attributes that differ.
    fn changed(&self, diff: &Diff) -> Result<HashMap<Attribute, String>> {
        let differing = self.attributes()?.into_iter().filter(|(field, ..)| diff.touches(field));
        Ok(differing.map(|(_, name, value)| (name, value)).collect())
    }

    fn from_attributes(attributes: &HashMap<Attribute, String>, tags: Tags) -> Queue {
        let text = |name: Attribute| attributes.get(&name).map(String::as_str).unwrap_or_default();
        let number = |name: Attribute| text(name).parse::<i32>().ok();
        let parsed = |name: Attribute| serde_json::from_str::<Value>(text(name)).ok();
        let redrive = parsed(Attribute::RedrivePolicy).unwrap_or_default();
        // SQS answers with the number as it was written, which may be text.
        let receives = &redrive["maxReceiveCount"];
        let key = Some(text(Attribute::KmsMasterKeyId)).filter(|key| !key.is_empty());
        Queue {
            fifo: Some(text(Attribute::FifoQueue) == "true"),
            content_based_deduplication: Some(text(Attribute::ContentBasedDeduplication) == "true"),
            visibility_timeout: number(Attribute::VisibilityTimeout),
            message_retention: number(Attribute::MessageRetentionPeriod),
            delay: number(Attribute::DelaySeconds),
            receive_wait: number(Attribute::ReceiveMessageWaitTimeSeconds),
            max_message_size: number(Attribute::MaximumMessageSize),
            dead_letter_queue: Some(Ref::physical(redrive["deadLetterTargetArn"].as_str().unwrap_or_default()).attr("arn")),
            max_receives: receives.to_string().trim_matches('"').parse().ok(),
            kms_key: Some(key.map_or_else(String::new, |key| Ref::<Key>::physical(key).attr("arn").to_string())),
            sse: Some(text(Attribute::SqsManagedSseEnabled) == "true"),
            policy: Some(parsed(Attribute::Policy).unwrap_or_else(|| json!({}))),
            tags,
        }
    }
}

impl Resource for Queue {
    const KIND: &'static str = "sqs.queue";
    const RULES: &'static [Rule] = &[
        Rule::immutable("fifo"),
        Rule::unit("visibility_timeout", "s"),
        Rule::unit("message_retention", "s"),
        Rule::unit("delay", "s"),
        Rule::unit("receive_wait", "s"),
        Rule::unit("max_message_size", "bytes"),
        Rule::takes("dead_letter_queue", &[("sqs.queue", "arn")]),
        Rule::takes("kms_key", &[("kms.key", "arn")]),
        Rule::policy("policy"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(1, 60);
    const HOLDS_DATA: bool = true;
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        let dead = self.dead_letter_queue.as_ref().is_some_and(|queue| !queue.id().is_ok_and(str::is_empty));
        if dead != self.max_receives.is_some() {
            return Some(("max_receives", "`dead_letter_queue` and `max_receives` are given together, or neither is".into()));
        }
        if self.content_based_deduplication.is_some() && self.fifo != Some(true) {
            return Some(("content_based_deduplication", "only a queue with `fifo: true` has it".into()));
        }
        let ranges = [
            ("visibility_timeout", self.visibility_timeout, 0, 43_200),
            ("message_retention", self.message_retention, 60, 1_209_600),
            ("delay", self.delay, 0, 900),
            ("receive_wait", self.receive_wait, 0, 20),
            ("max_message_size", self.max_message_size, 1_024, 1_048_576),
            ("max_receives", self.max_receives, 1, 1_000),
        ];
        let beyond = |(_, value, least, most): &(&str, Option<i32>, i32, i32)| value.is_some_and(|it| it < *least || it > *most);
        if let Some((field, _, least, most)) = ranges.into_iter().find(beyond) {
            return Some((field, format!("it must be from {least} to {most}")));
        }
        let keyed = self.kms_key.as_ref().is_some_and(|key| !key.is_empty());
        let why = "messages are encrypted with SQS's own key or with `kms_key`, not with both";
        (keyed && self.sse == Some(true)).then(|| ("sse", why.into()))
    }

    /// Returns the effects of a change
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>).
    fn effects(desired: &Value, observed: &Value, diff: &Diff) -> Vec<Effect> {
        let seconds = |value: &Value| value["message_retention"].as_i64().unwrap_or(i64::MAX);
        let (to, from) = (seconds(desired), seconds(observed));
        let less = (diff.touches("message_retention") && to < from)
            .then(|| Effect::new(Impact::LosesData, format!("messages older than {to} s are deleted")));
        less.into_iter().collect()
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let all = try_join_all(candidates(cx).await?.into_iter().map(|live| observed(cx, live))).await?;
        Ok(all.into_iter().flatten().collect())
    }

    /// Creates the queue. Of a name that exists AWS returns that queue if its attributes are the same, whatever its tags: these
    /// say whether it is someone else's.
    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "sqs:CreateQueue";
        let name = names::fifo(&cx.scope, &cx.key.name, cx.generation, NAME, self.fifo == Some(true));
        let call = cx.cloud.sqs.create_queue().queue_name(name).set_attributes(Some(self.initial()?));
        let answer = call.set_tags(Some(self.tags.clone().into_iter().collect())).send().await.map_err(failed(OP))?;
        let live = Live::of(&cx.scope, &answer.queue_url.ok_or_else(|| incomplete(OP, "the queue's URL"))?);
        // One that was just made may not be there yet.
        let tags = tags_of(cx, &live).await?;
        if let Some(tags) = tags.filter(|tags| cx.scope.claim(Self::KIND, tags, false) != Claim::Ours(cx.key.name.clone())) {
            let said = format!("{} already exists and does not have this stack's tags", live.arn);
            // The stack's own may not show them yet.
            let class = if tags.is_empty() { Class::NotYet } else { Class::Exists };
            return Err(Error::new(class, said).hint("rename this one, or delete that one"));
        }
        Ok(live)
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let sqs = &cx.cloud.sqs;
        let changed = self.changed(diff)?;
        if !changed.is_empty() {
            let call = sqs.set_queue_attributes().queue_url(&live.url).set_attributes(Some(changed));
            call.send().await.map_err(failed("sqs:SetQueueAttributes"))?;
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = sqs.tag_queue().queue_url(&live.url).set_tags(Some(edit.write.into_iter().collect()));
                call.send().await.map_err(failed("sqs:TagQueue"))?;
            }
            if !edit.remove.is_empty() {
                let call = sqs.untag_queue().queue_url(&live.url).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("sqs:UntagQueue"))?;
            }
        }
        Ok(live.clone())
    }

    /// Checks whether it is empty. The numbers are right a minute after the last message was sent
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>).
    async fn is_empty(cx: &Cx, live: &Live) -> Result<bool> {
        let attributes = attributes_of(cx, &live.url).await?;
        let counts = [
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesNotVisible,
            Attribute::ApproximateNumberOfMessagesDelayed,
        ];
        Ok(counts.iter().all(|count| attributes.get(count).is_some_and(|number| number == "0")))
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        if !cx.loses_data && !Self::is_empty(cx, live).await? {
            let error = Error::new(Class::Blocked, format!("messages were sent to {} in the meantime", live.name));
            return Err(error.hint(
                "it was empty when the plan was made, so there is no consent to lose what is in it now: check its contents, then plan again",
            ));
        }
        cx.cloud.sqs.delete_queue().queue_url(&live.url).send().await.map_err(failed("sqs:DeleteQueue"))?;
        Ok(())
    }

    /// Checks whether it still answers, which can take a minute
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>).
    async fn poll_gone(cx: &Cx, live: &Live) -> Result<Readiness> {
        attributes_of(cx, &live.url).await?;
        Ok(Readiness::waiting("the queue is being deleted"))
    }
}

impl AwsKind for Queue {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["sqs:CreateQueue", "sqs:TagQueue"],
        update: &["sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"],
        delete: &["sqs:DeleteQueue"],
    };
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("queues.{name}.arn", "arn"), ("queues.{name}.url", "url")];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Ids, diff};

    fn scope() -> Scope {
        let text = |text: &str| text.to_owned();
        let (env, region) = (text("default"), text("us-east-1"));
        Scope { stack: text("shop"), env, region, account: text("1"), partition: text("aws") }
    }

    fn queue(fields: Value) -> Queue {
        serde_json::from_value(fields).unwrap()
    }

    fn changes(wanted: &Value, written: &HashMap<Attribute, String>) -> Diff {
        let read = serde_json::to_value(Queue::from_attributes(written, Tags::new())).unwrap();
        diff(Queue::RULES, wanted, &read, &Ids::default())
    }

    #[test]
    fn a_url_names_the_queue() {
        let live = Live::of(&scope(), "https://sqs.us-east-1.amazonaws.com/1/shop-orders.fifo");
        assert_eq!((&*live.arn, &*live.name), ("arn:aws:sqs:us-east-1:1:shop-orders.fifo", "shop-orders.fifo"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wanted = json!({
            "fifo": true, "visibility_timeout": 60, "message_retention": 86400, "delay": 5, "receive_wait": 20,
            "max_message_size": 2048, "dead_letter_queue": "arn:aws:sqs:us-east-1:1:dead.fifo", "max_receives": 3, "sse": true,
            "policy": {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]},
        });
        let written = queue(wanted.clone()).initial().unwrap();
        assert_eq!(written.len(), 9);
        assert_eq!(written[&Attribute::FifoQueue], "true");
        let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:1:dead.fifo","maxReceiveCount":3}"#;
        assert_eq!(written[&Attribute::RedrivePolicy], redrive);
        assert_eq!(changes(&wanted, &written), Diff::default());
    }

    #[test]
    fn an_update_writes_differences_and_clears_removals() {
        let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:1:dead","maxReceiveCount":"3"}"#.to_owned();
        let there = HashMap::from([(Attribute::RedrivePolicy, redrive), (Attribute::DelaySeconds, "5".to_owned())]);
        let update = |wanted: Value| queue(wanted.clone()).changed(&changes(&wanted, &there)).unwrap();
        assert_eq!(update(json!({"dead_letter_queue": "arn:aws:sqs:us-east-1:1:dead", "max_receives": 3})), HashMap::new());
        let more = update(json!({"dead_letter_queue": "arn:aws:sqs:us-east-1:1:dead", "max_receives": 4, "delay": 5}));
        let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:1:dead","maxReceiveCount":4}"#.to_owned();
        assert_eq!(more, HashMap::from([(Attribute::RedrivePolicy, redrive)]));
        let none = HashMap::from([(Attribute::RedrivePolicy, String::new())]);
        assert_eq!(update(json!({"dead_letter_queue": "", "kms_key": "", "policy": {}})), none);
    }

    #[test]
    fn fields_that_contradict_each_other_are_refused() {
        let refused = |fields: Value| queue(fields).refused().map(|(field, _)| field);
        assert_eq!(refused(json!({"dead_letter_queue": "sqs.queue/dead", "max_receives": 3})), None);
        assert_eq!(refused(json!({"dead_letter_queue": "", "sse": true, "kms_key": ""})), None);
        assert_eq!(refused(json!({"dead_letter_queue": "sqs.queue/dead"})), Some("max_receives"));
        assert_eq!(refused(json!({"max_receives": 3})), Some("max_receives"));
        assert_eq!(refused(json!({"sse": true, "kms_key": "k"})), Some("sse"));
        assert_eq!(refused(json!({"content_based_deduplication": true})), Some("content_based_deduplication"));
        assert_eq!(refused(json!({"content_based_deduplication": true, "fifo": true})), None);
        assert_eq!(refused(json!({"visibility_timeout": 43_201})), Some("visibility_timeout"));
    }

    #[test]
    fn a_shorter_retention_loses_messages() {
        let told = |to: i64, from: i64| {
            let (to, from) = (json!({"message_retention": to}), json!({"message_retention": from}));
            Queue::effects(&to, &from, &diff(Queue::RULES, &to, &from, &Ids::default())).len()
        };
        assert_eq!((told(60, 120), told(120, 60), told(60, 60)), (1, 0, 0));
    }
}
