//! What the configurations of channels of all chats have in common.

use aws_sdk_chatbot::types::Tag;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::Cx;
use crate::aws::chatbot::errors::failed;
use crate::aws::ownership::tags::{TagEdit, Tags, from_pairs};
use crate::aws::ownership::{global, names};
use crate::aws::sns::has_topic;
use crate::engine::{Class, Diff, Error, Impairment, Readiness, Result};

/// The maximum length of a name
/// (<https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CreateSlackChannelConfiguration.html>).
pub(super) const NAME: usize = 128;
pub(super) const NO_LOGS: &str = "NONE";

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The name of the configuration.
    pub id: String,
    /// Its ARN.
    pub arn: String,
}

pub(super) fn tags_to_sdk(tags: &Tags) -> Result<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().tag_key(key).tag_value(value).build();
    tags.iter().map(tag).collect::<std::result::Result<_, _>>().map_err(|e| Error::internal(e.to_string()))
}

/// Returns the tags of a configuration; none when it is of a stack of another region.
pub(super) fn tags_here(cx: &Cx, tags: &[Tag]) -> Option<Tags> {
    let mut tags = from_pairs(tags.iter().map(|tag| (Some(tag.tag_key()), Some(tag.tag_value()))));
    global::is_here(&cx.scope, &mut tags).then_some(tags)
}

/// Checks whether the stack can have any: they are looked for only beside a topic of the stack, because they tell what one says.
pub(super) async fn can_be(cx: &Cx) -> Result<bool> {
    Ok(cx.scope.partition == "aws" && has_topic(cx).await?)
}

/// Returns those of the account that can be the stack's. Whoever may not read them has none that is known, and no stack without one has to do
/// with that.
pub(super) fn candidates<T>(cx: &Cx, all: Result<Vec<T>>, name: impl Fn(&T) -> Option<&str>) -> Result<Vec<T>> {
    let mut all = match all {
        Err(e) if e.class == Class::Denied => return Ok(Vec::new()),
        all => all?,
    };
    let prefix = global::prefix(&cx.scope);
    all.retain(|one| name(one).is_some_and(|name| names::begins(&prefix, name, NAME)));
    Ok(all)
}

/// Returns whether a channel receives notifications.
pub(super) fn state(state: Option<&str>, reason: Option<&str>) -> Readiness {
    if state != Some("DISABLED") {
        return Readiness::Ready;
    }
    let advice = format!("the channel receives no notifications: {}", reason.unwrap_or("AWS gave no reason"));
    Readiness::Impaired(Impairment { status: "DISABLED".into(), advice, fixed_by: None })
}

/// Returns why a configuration cannot be: what it allows has no bounds.
pub(super) fn unbounded(guardrails: &[String]) -> Option<(&'static str, String)> {
    guardrails.is_empty().then(|| ("guardrails", "without one, AWS would allow what an administrator may do".into()))
}

/// Writes and removes tags.
pub(super) async fn retag(cx: &Cx, live: &Live, tags: &Tags, diff: &Diff) -> Result<()> {
    let Some(edit) = TagEdit::of(diff, tags) else { return Ok(()) };
    let chatbot = &cx.cloud.chatbot;
    if !edit.write.is_empty() {
        let call = chatbot.tag_resource().resource_arn(&live.arn).set_tags(Some(tags_to_sdk(&edit.write)?));
        call.send().await.map_err(failed("chatbot:TagResource"))?;
    }
    if !edit.remove.is_empty() {
        let call = chatbot.untag_resource().resource_arn(&live.arn).set_tag_keys(Some(edit.remove));
        call.send().await.map_err(failed("chatbot:UntagResource"))?;
    }
    Ok(())
}
