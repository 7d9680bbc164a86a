use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::Tag;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::call::answers::present;
use crate::aws::call::error::incomplete;
use crate::aws::kms::Key;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tag_index::{self, Index};
use crate::aws::ownership::tags::{TagEdit, Tags, from_pairs};
use crate::aws::ownership::{global, names};
use crate::aws::sns::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Error, Observed, Readiness, Ref, Resource, Result, Rule, Usual};

/// The maximum length of a name
/// (<https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>).
const NAME: usize = 256;

/// A topic: each message that is published to it is delivered to all its subscribers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// The region that it is in: the stack's, or `us-east-1`, where alarms on what CloudFront reports are. It cannot be changed. Left out:
    /// the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether it is a FIFO topic, which keeps messages in order. It cannot be changed. Left out: a standard topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fifo: Option<bool>,
    /// Whether a FIFO topic distinguishes messages by their contents, where the publisher gives no deduplication id. Only with `fifo`.
    /// Left out: AWS's default for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_based_deduplication: Option<bool>,
    /// The sender's name in emails and text messages. Left out: none for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The ARN of the KMS key that encrypts messages; empty for none. Left out: none for a new one, else unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Who can publish and subscribe: a policy document, whose `Resource` can be `*`. Left out: AWS's default, the account
    /// itself, for a new one, else unchanged.
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
}

/// Returns the name in an ARN.
fn name_in(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn to_sdk(tags: &Tags) -> Result<Vec<Tag>> {
    let tag = |(k, v): (&String, &String)| Tag::builder().key(k).value(v).build();
    tags.iter().map(tag).collect::<Result<_, _>>().map_err(|e| Error::internal(e.to_string()))
}

/// Returns SNS in the region of a topic.
pub(super) fn client<'a>(cx: &'a Cx, arn: &str) -> &'a Client {
    client_in(cx, global::region_of(arn))
}

fn client_in<'a>(cx: &'a Cx, region: &str) -> &'a Client {
    if region == cx.scope.region { &cx.cloud.sns } else { &cx.cloud.sns_global }
}

/// Returns the ARNs of the topics in a region that can be the stack's.
async fn candidates(cx: &Cx, region: &str) -> Result<BTreeSet<String>> {
    let index = tag_index::asked(cx, "sns", region).await;
    let of_sns = |index: &Index| -> BTreeSet<String> { index.keys().filter(|arn| arn.contains(":sns:")).cloned().collect() };
    let mut found = match &index {
        Some(index) => of_sns(index),
        // Whatever they are called.
        None if region == cx.scope.region => of_sns(&*tag_index::candidates(cx).await?),
        None => BTreeSet::new(),
    };
    if index.is_none() {
        let pages = client_in(cx, region).list_topics().into_paginator().items().send();
        let listed = pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(failed("sns:ListTopics"));
        let listed = tag_index::unless_denied(cx, region, "sns", listed).await?;
        let prefix = global::prefix_in(&cx.scope, region);
        let ours = |arn: &String| names::begins(&prefix, name_in(arn), NAME);
        found.extend(listed.into_iter().filter_map(|topic| topic.topic_arn).filter(ours));
    }
    Ok(found)
}

/// Reads the attributes (<https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html>).
async fn attributes_of(cx: &Cx, arn: &str) -> Result<HashMap<String, String>> {
    let answer = client(cx, arn).get_topic_attributes().topic_arn(arn).send().await;
    Ok(answer.map_err(failed("sns:GetTopicAttributes"))?.attributes.unwrap_or_default())
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    if let Some(known) = tag_index::asked(cx, "sns", global::region_of(arn)).await.and_then(|index| index.get(arn).cloned()) {
        return Ok(known);
    }
    let answer = client(cx, arn).list_tags_for_resource().resource_arn(arn).send().await;
    let tags = present(answer.map_err(failed("sns:ListTagsForResource")).map(|a| a.tags.unwrap_or_default()))?;
    Ok(from_pairs(tags.iter().map(|t| (Some(t.key()), Some(t.value())))))
}

/// Returns the topics that can be the stack's, with their tags: asked once, for them and for their subscriptions.
pub(super) async fn topics(cx: &Cx) -> Result<Arc<Vec<(String, Tags)>>> {
    let ask = async {
        let found = try_join_all(global::regions(&cx.scope).into_iter().map(|region| candidates(cx, region))).await?;
        let tagged = found.into_iter().flatten().map(|arn| async move {
            let mut tags = tags_of(cx, &arn).await?;
            let is_here = global::is_here_in(&cx.scope, global::region_of(&arn), &mut tags);
            Ok::<_, Error>(is_here.then_some((arn, tags)))
        });
        Ok(try_join_all(tagged).await?.into_iter().flatten().collect())
    };
    cx.reads.once("sns.topics", ask).await
}

/// Checks whether the stack has a topic.
pub(in crate::aws) async fn has_topic(cx: &Cx) -> Result<bool> {
    Ok(topics(cx).await?.iter().any(|(arn, tags)| topic_claim(cx, arn, tags).name().is_some()))
}

/// Returns whose the topic with this ARN is.
pub(super) fn topic_claim(cx: &Cx, arn: &str, tags: &Tags) -> Claim {
    if global::region_of(arn) != cx.scope.region {
        return global::claim(cx, Topic::KIND, tags, name_in(arn), NAME, true);
    }
    names::fifo_claim(cx, cx.scope.claim(Topic::KIND, tags, false), tags, name_in(arn), NAME)
}

async fn observed(cx: &Cx, arn: &str, tags: &Tags) -> Result<Option<Observed<Topic>>> {
    let attributes = present(attributes_of(cx, arn).await.map(Some))?;
    let tags = tags.clone();
    let live = Live { id: arn.to_owned(), arn: arn.to_owned(), name: name_in(arn).to_owned() };
    Ok(attributes.map(|attributes| Observed {
        claim: topic_claim(cx, arn, &tags),
        live,
        fields: Topic { region: Some(global::region_of(arn).to_owned()), ..Topic::from_attributes(&attributes, tags) },
        state: Readiness::Ready,
    }))
}

impl Topic {
    /// Returns the attributes that can be changed: the field, the attribute's name, and its value.
    fn attributes(&self) -> Vec<(&'static str, &'static str, String)> {
        let all = [
            (
                "content_based_deduplication",
                "ContentBasedDeduplication",
                self.content_based_deduplication.map(|on| on.to_string()),
            ),
            ("display_name", "DisplayName", self.display_name.clone()),
            ("kms_key", "KmsMasterKeyId", self.kms_key.clone()),
            ("policy", "Policy", self.policy.as_ref().map(Value::to_string)),
        ];
        all.into_iter().filter_map(|(field, name, value)| Some((field, name, value?))).collect()
    }

    fn from_attributes(attributes: &HashMap<String, String>, tags: Tags) -> Topic {
        let text = |name: &str| attributes.get(name).cloned().unwrap_or_default();
        let key = Some(text("KmsMasterKeyId")).filter(|key| !key.is_empty());
        let policy = attributes.get("Policy");
        Topic {
            region: None,
            fifo: Some(text("FifoTopic") == "true"),
            content_based_deduplication: Some(text("ContentBasedDeduplication") == "true"),
            display_name: Some(text("DisplayName")),
            kms_key: Some(key.map_or_else(String::new, |key| Ref::<Key>::physical(key).attr("arn").to_string())),
            policy: policy.map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))),
            tags,
        }
    }
}

impl Resource for Topic {
    const KIND: &'static str = "sns.topic";
    const RULES: &'static [Rule] = &[
        Rule::immutable("region"),
        Rule::immutable("fifo"),
        Rule::takes("kms_key", &[("kms.key", "arn")]),
        Rule::policy("policy"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(1, 1);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        if self.region.is_some() && self.fifo == Some(true) {
            return Some(("region", "a topic with `fifo: true` is in the stack's region: leave out `region`".into()));
        }
        let alone = self.content_based_deduplication.is_some() && self.fifo != Some(true);
        alone.then(|| ("content_based_deduplication", "only a topic with `fifo: true` has it".into()))
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let topics = topics(cx).await?;
        let all = try_join_all(topics.iter().map(|(arn, tags)| observed(cx, arn, tags))).await?;
        Ok(all.into_iter().flatten().collect())
    }

    /// Creates the topic. Of a name that exists AWS returns that topic, but only if it has all these tags, and they name the
    /// stack and the key: it refuses to answer with someone else's.
    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "sns:CreateTopic";
        let (fifo, region) = (self.fifo == Some(true), self.region.as_deref().unwrap_or(&cx.scope.region));
        global::check_region(&cx.scope, region)?;
        let name = match region == cx.scope.region {
            true => names::fifo(&cx.scope, &cx.key.name, cx.generation, NAME, fifo),
            false => global::name(cx, NAME),
        };
        let tags = global::new_tags_in(&cx.scope, region, &self.tags);
        let mut call = client_in(cx, region).create_topic().name(&name).set_tags(Some(to_sdk(&tags)?));
        if fifo {
            call = call.attributes("FifoTopic", "true");
        }
        for (_, attribute, value) in self.attributes().into_iter().filter(|(.., value)| !value.is_empty()) {
            call = call.attributes(attribute, value);
        }
        let arn = call.send().await.map_err(failed(OP))?.topic_arn.ok_or_else(|| incomplete(OP, "the topic's ARN"))?;
        Ok(Live { id: arn.clone(), arn, name })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        let sns = client(cx, &live.arn);
        for (field, name, value) in self.attributes() {
            if diff.touches(field) {
                let call = sns.set_topic_attributes().topic_arn(&live.arn).attribute_name(name).attribute_value(value);
                call.send().await.map_err(failed("sns:SetTopicAttributes"))?;
            }
        }
        if let Some(edit) = TagEdit::of(diff, &self.tags) {
            if !edit.write.is_empty() {
                let call = sns.tag_resource().resource_arn(&live.arn).set_tags(Some(to_sdk(&edit.write)?));
                call.send().await.map_err(failed("sns:TagResource"))?;
            }
            if !edit.remove.is_empty() {
                let call = sns.untag_resource().resource_arn(&live.arn).set_tag_keys(Some(edit.remove));
                call.send().await.map_err(failed("sns:UntagResource"))?;
            }
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        client(cx, &live.arn).delete_topic().topic_arn(&live.arn).send().await.map_err(failed("sns:DeleteTopic"))?;
        Ok(())
    }

    /// Returns the subscriptions, which AWS deletes with it
    /// (<https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html>).
    async fn goes_with(cx: &Cx, live: &Live) -> Result<Option<String>> {
        let attributes = attributes_of(cx, &live.arn).await?;
        let count = |name: &str| attributes.get(name).and_then(|number| number.parse::<u32>().ok()).unwrap_or_default();
        Ok(match count("SubscriptionsConfirmed") + count("SubscriptionsPending") {
            0 => None,
            1 => Some("with a subscription".into()),
            several => Some(format!("with {several} subscriptions")),
        })
    }
}

impl AwsKind for Topic {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["sns:CreateTopic", "sns:TagResource"],
        update: &["sns:SetTopicAttributes", "sns:TagResource", "sns:UntagResource"],
        delete: &["sns:DeleteTopic"],
    };
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("topics.{name}.arn", "arn")];
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Ids, diff};

    #[test]
    fn what_is_written_is_read_back() {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": "*"}
        ]});
        let wanted = json!({"display_name": "Alerts", "kms_key": "arn:aws:kms:r:1:key/k", "policy": policy, "fifo": true});
        let topic: Topic = serde_json::from_value(wanted.clone()).unwrap();
        let mut written: HashMap<String, String> =
            topic.attributes().into_iter().map(|(_, name, value)| (name.to_owned(), value)).collect();
        assert_eq!((&*written["DisplayName"], &*written["KmsMasterKeyId"]), ("Alerts", "arn:aws:kms:r:1:key/k"));
        let changes = |written: &HashMap<String, String>| -> Vec<String> {
            let read = serde_json::to_value(Topic::from_attributes(written, Tags::new())).unwrap();
            let found = diff(Topic::RULES, &wanted, &read, &Ids::default());
            found.changes.into_iter().map(|change| change.path).collect()
        };
        assert_eq!(changes(&written), ["fifo"]);
        written.insert("FifoTopic".into(), "true".into());
        assert_eq!(changes(&written), Vec::<String>::new());
        // What is left out stays as it is; what is empty is removed.
        let bare: Topic = serde_json::from_value(json!({})).unwrap();
        assert!(bare.attributes().is_empty());
        let none: Topic = serde_json::from_value(json!({"kms_key": ""})).unwrap();
        assert_eq!(none.attributes(), [("kms_key", "KmsMasterKeyId", String::new())]);
    }
}
