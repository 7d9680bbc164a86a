//! `alarms.slack`: channels of Slack that are told, and the role that is assumed for them.

use std::collections::BTreeMap;

use serde_json::json;

use super::{ORIGIN, policies, slug};
use crate::aws::Tags;
use crate::aws::chatbot::SlackChannel;
use crate::aws::iam::Role;
use crate::aws::sns::Topic;
use crate::config::alarms::Alarms;
use crate::engine::{Error, Graph, Ref, Scope};

/// The role's key.
const ROLE: &str = "chat";
/// What members of a channel may ask for at most: figures, alarms and logs' names, and no lines of them
/// (<https://docs.aws.amazon.com/aws-managed-policy/latest/reference/CloudWatchReadOnlyAccess.html>).
const GUARDRAIL: &str = "CloudWatchReadOnlyAccess";

/// Adds the channels.
pub(super) fn expand(graph: &mut Graph, section: &Alarms, topic: &Ref<Topic>, scope: &Scope) -> Result<(), Error> {
    if section.slack.is_empty() {
        return Ok(());
    }
    let configurations = format!("arn:{}:chatbot::{}:*", scope.partition, scope.account);
    // The picture beside an alarm is what the role is for
    // (<https://docs.aws.amazon.com/chatbot/latest/adminguide/chatbot-iam-policies.html>).
    let shows = ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetMetricWidgetImage"];
    let role = Role {
        trust: policies::policy(vec![json!({
            "Effect": "Allow",
            "Principal": {"Service": "chatbot.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": scope.account}, "ArnLike": {"aws:SourceArn": configurations}},
        })]),
        policies: BTreeMap::from([("figures".to_owned(), policies::policy(vec![policies::allow(&shows, vec!["*".into()])]))]),
        managed: Vec::new(),
        description: None,
        boundary: None,
        tags: Tags::new(),
    };
    let role: Ref<Role> = graph.add(ROLE, ORIGIN, &role)?;
    for (at, slack) in section.slack.iter().enumerate() {
        let channel = SlackChannel {
            workspace: slack.workspace.clone(),
            channel: slack.channel.clone(),
            role: role.clone().attr("arn"),
            topics: vec![topic.clone().attr("arn").to_string()],
            guardrails: vec![format!("arn:{}:iam::aws:policy/{GUARDRAIL}", scope.partition)],
            tags: Tags::new(),
        };
        graph.add(format!("slack-{}", slug(&slack.channel)), &format!("{ORIGIN}.slack[{at}]"), &channel)?;
    }
    Ok(())
}
