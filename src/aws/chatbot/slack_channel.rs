use std::sync::Arc;

use aws_sdk_chatbot::types::SlackChannelConfiguration as Found;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::channel::{self, Live, NAME, NO_LOGS, retag, tags_here, tags_to_sdk};
use crate::aws::call::error::incomplete;
use crate::aws::chatbot::errors::failed;
use crate::aws::iam::Role;
use crate::aws::ownership::global;
use crate::aws::ownership::mark::Mark;
use crate::aws::ownership::tags::Tags;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Diff, Observed, Ref, Resource, Result, Rule, Usual};

/// A channel of Slack that receives the messages of SNS topics. Amazon Q Developer must be authorized for the workspace first, once, in its
/// console.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackChannel {
    /// The ID of the workspace: `T0123456789`. It cannot be changed.
    pub workspace: String,
    /// The ID of the channel: `C0123456789`, the end of its link.
    pub channel: String,
    /// The role that Amazon Q Developer assumes for what members of the channel ask of it.
    pub role: Ref<Role>,
    /// The ARNs of the topics.
    pub topics: Vec<String>,
    /// The ARNs of the policies beyond which nothing is allowed in the channel, whatever the role may do. Without any, AWS would take
    /// `AdministratorAccess`.
    #[schemars(length(min = 1))]
    pub guardrails: Vec<String>,
    /// Tags to set. Other tags of the object stay.
    #[serde(default)]
    pub tags: Tags,
}

/// Reads the configurations of the account that can be the stack's.
async fn all(cx: &Cx) -> Result<Arc<Vec<Found>>> {
    let ask = async {
        if !channel::can_be(cx).await? {
            return Ok(Vec::new());
        }
        let pages = cx.cloud.chatbot.describe_slack_channel_configurations().into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
        channel::candidates(cx, all.map_err(failed("chatbot:DescribeSlackChannelConfigurations")), Found::configuration_name)
    };
    cx.reads.once("chatbot.slack_channels", ask).await
}

impl Resource for SlackChannel {
    const KIND: &'static str = "chatbot.slack_channel";
    const RULES: &'static [Rule] = &[
        Rule::immutable("workspace"),
        Rule::takes("role", &[(Role::KIND, "arn")]),
        Rule::set("topics"),
        Rule::takes("topics.*", &[("sns.topic", "arn")]),
        Rule::set("guardrails"),
        Rule::owned("tags"),
    ];
    const USUAL: Usual = Usual::secs(2, 2);
    type Cloud = Clients;
    type Live = Live;

    fn refused(&self) -> Option<(&'static str, String)> {
        channel::unbounded(&self.guardrails)
    }

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let one = |found: &Found| {
            let tags = tags_here(cx, found.tags())?;
            let name = found.configuration_name()?.to_owned();
            Some(Observed {
                claim: global::claim(cx, Self::KIND, &tags, &name, NAME, true),
                live: Live { id: name, arn: found.chat_configuration_arn().to_owned() },
                fields: SlackChannel {
                    workspace: found.slack_team_id().to_owned(),
                    channel: found.slack_channel_id().to_owned(),
                    role: Ref::physical(found.iam_role_arn()),
                    topics: found.sns_topic_arns().to_vec(),
                    guardrails: found.guardrail_policy_arns().to_vec(),
                    tags,
                },
                state: channel::state(found.state(), found.state_reason()),
            })
        };
        Ok(all(cx).await?.iter().filter_map(one).collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        const OP: &str = "chatbot:CreateSlackChannelConfiguration";
        let name = global::name(cx, NAME);
        let call = cx.cloud.chatbot.create_slack_channel_configuration().configuration_name(&name);
        let call = call.slack_team_id(&self.workspace).slack_channel_id(&self.channel).iam_role_arn(self.role.id()?);
        let call = call.set_sns_topic_arns(Some(self.topics.clone())).logging_level(NO_LOGS);
        let call = call.set_guardrail_policy_arns(Some(self.guardrails.clone()));
        let call = call.set_tags(Some(tags_to_sdk(&global::new_tags(&cx.scope, &self.tags))?));
        let made = call.send().await.map_err(failed(OP))?.channel_configuration.ok_or_else(|| incomplete(OP, "the channel"))?;
        Ok(Live { id: name, arn: made.chat_configuration_arn().to_owned() })
    }

    async fn update(&self, cx: &Cx, live: &Live, diff: &Diff) -> Result<Live> {
        if ["channel", "role", "topics", "guardrails"].iter().any(|field| diff.touches(field)) {
            let call = cx.cloud.chatbot.update_slack_channel_configuration().chat_configuration_arn(&live.arn);
            let call = call.slack_channel_id(&self.channel).iam_role_arn(self.role.id()?);
            let call = call.set_sns_topic_arns(Some(self.topics.clone()));
            let call = call.set_guardrail_policy_arns(Some(self.guardrails.clone()));
            call.send().await.map_err(failed("chatbot:UpdateSlackChannelConfiguration"))?;
        }
        retag(cx, live, &self.tags, diff).await?;
        Ok(live.clone())
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.chatbot.delete_slack_channel_configuration().chat_configuration_arn(&live.arn);
        call.send().await.map_err(failed("chatbot:DeleteSlackChannelConfiguration"))?;
        Ok(())
    }
}

impl AwsKind for SlackChannel {
    const MARK: Mark = Mark::Name;
    const ACTIONS: Actions = Actions {
        create: &["chatbot:CreateSlackChannelConfiguration", "chatbot:TagResource", "iam:PassRole", "sns:Subscribe"],
        update: &["chatbot:UpdateSlackChannelConfiguration", "chatbot:TagResource", "chatbot:UntagResource", "iam:PassRole"],
        delete: &["chatbot:DeleteSlackChannelConfiguration"],
    };
}
