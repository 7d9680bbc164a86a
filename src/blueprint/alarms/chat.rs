//! `alarms.slack` and `alarms.teams`: channels that are told, and the role that is assumed for them.

use std::collections::BTreeMap;

use serde_json::json;

use super::{ORIGIN, policies, slug};
use crate::aws::Tags;
use crate::aws::chatbot::{SlackChannel, TeamsChannel};
use crate::aws::iam::Role;
use crate::config::alarms::Alarms;
use crate::engine::{Error, Graph, Ref, Scope};

/// The role's key.
const ROLE: &str = "chat";
/// What members of a channel may ask for at most: figures, alarms and logs' names, and no lines of them
/// (<https://docs.aws.amazon.com/aws-managed-policy/latest/reference/CloudWatchReadOnlyAccess.html>).
const GUARDRAIL: &str = "CloudWatchReadOnlyAccess";

/// Adds the channels, which can have topics of several regions (<https://docs.aws.amazon.com/chatbot/latest/adminguide/chatbot-regions.html>).
pub(super) fn expand(graph: &mut Graph, section: &Alarms, topics: &[String], scope: &Scope) -> Result<(), Error> {
    if section.slack.is_empty() && section.teams.is_empty() {
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
    let guardrails = vec![format!("arn:{}:iam::aws:policy/{GUARDRAIL}", scope.partition)];
    for (at, slack) in section.slack.iter().enumerate() {
        let channel = SlackChannel {
            workspace: slack.workspace.clone(),
            channel: slack.channel.clone(),
            role: role.clone().attr("arn"),
            topics: topics.to_vec(),
            guardrails: guardrails.clone(),
            tags: Tags::new(),
        };
        graph.add(format!("slack-{}", slug(&slack.channel)), &format!("{ORIGIN}.slack[{at}]"), &channel)?;
    }
    for (at, teams) in section.teams.iter().enumerate() {
        let channel = TeamsChannel {
            tenant: teams.tenant.clone(),
            team: teams.team.clone(),
            channel: teams.channel.clone(),
            role: role.clone().attr("arn"),
            topics: topics.to_vec(),
            guardrails: guardrails.clone(),
            tags: Tags::new(),
        };
        graph.add(format!("teams-{}", slug(id(&teams.channel))), &format!("{ORIGIN}.teams[{at}]"), &channel)?;
    }
    Ok(())
}

/// Returns what distinguishes a channel of Teams from others: `0123` of `19%3a0123%40thread.tacv2`.
fn id(channel: &str) -> &str {
    let (id, _) = channel.split_once("%40").unwrap_or((channel, ""));
    let end = id.rsplit_once('%').and_then(|(_, end)| end.get(2..));
    end.filter(|end| !end.is_empty()).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_teams_have_short_names() {
        let ids = ["19%3a0123abc%40thread.tacv2", "19%3A0123abc%40thread.skype", "%3a%40", "none"].map(id);
        assert_eq!(ids, ["0123abc", "0123abc", "%3a", "none"]);
    }
}
