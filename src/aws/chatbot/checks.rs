//! Checks for what is done once, by a person, in the console: letting Amazon Q Developer into a workspace of Slack, or into a team of Microsoft
//! Teams.

use aws_sdk_chatbot::types::{ConfiguredTeam, SlackWorkspace};
use serde_json::Value;

use super::{SlackChannel, TeamsChannel};
use crate::aws::Cx;
use crate::aws::chatbot::errors::failed;
use crate::aws::finding::{Certainty, Finding, fields, is_new, of_kind};
use crate::aws::wing::Check;
use crate::engine::{Item, Plan, Resource, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    let mut checks: Vec<Check<'a>> = Vec::new();
    let slack: Vec<&Item> = of_kind(plan, SlackChannel::KIND).filter(|item| is_new(item, &["workspace"])).collect();
    if !slack.is_empty() {
        checks.push(("workspaces of Slack", Box::pin(workspaces(cx, slack))));
    }
    let teams: Vec<&Item> = of_kind(plan, TeamsChannel::KIND).filter(|item| is_new(item, &["tenant", "team"])).collect();
    if !teams.is_empty() {
        checks.push(("teams of Microsoft Teams", Box::pin(configured(cx, teams))));
    }
    checks
}

/// What has let Amazon Q Developer in, or did.
#[derive(Debug, PartialEq)]
struct Client {
    id: String,
    name: Option<String>,
    state: Option<String>,
    reason: Option<String>,
}

/// Checks whether the workspaces have let Amazon Q Developer in
/// (<https://docs.aws.amazon.com/chatbot/latest/adminguide/slack-setup.html>).
async fn workspaces(cx: &Cx, items: Vec<&Item>) -> Result<Vec<Finding>> {
    let mut known = Vec::new();
    let mut next = None;
    loop {
        let call = cx.cloud.chatbot.describe_slack_workspaces().set_next_token(next);
        let answer = call.send().await.map_err(failed("chatbot:DescribeSlackWorkspaces"))?;
        known.extend(answer.slack_workspaces.unwrap_or_default().into_iter().map(workspace));
        next = answer.next_token;
        if next.is_none() {
            break;
        }
    }
    Ok(items.into_iter().filter_map(|item| missing(&known, item, "workspace")).collect())
}

fn workspace(found: SlackWorkspace) -> Client {
    Client { id: found.slack_team_id, name: Some(found.slack_team_name), state: found.state, reason: found.state_reason }
}

/// Checks the same of teams (<https://docs.aws.amazon.com/chatbot/latest/adminguide/teams-setup.html>).
async fn configured(cx: &Cx, items: Vec<&Item>) -> Result<Vec<Finding>> {
    let pages = cx.cloud.chatbot.list_microsoft_teams_configured_teams().into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    let all = all.map_err(failed("chatbot:ListMicrosoftTeamsConfiguredTeams"))?;
    let known: Vec<Client> = all.into_iter().map(team).collect();
    Ok(items.into_iter().filter_map(|item| missing(&known, item, "team")).collect())
}

fn team(found: ConfiguredTeam) -> Client {
    Client { id: found.team_id, name: found.team_name, state: found.state, reason: found.state_reason }
}

/// Returns what is missing for a channel whose field names the workspace or the team.
fn missing(known: &[Client], item: &Item, field: &str) -> Option<Finding> {
    let wanted = fields(item)?.get(field).and_then(Value::as_str)?;
    let found = known.iter().find(|client| client.id.eq_ignore_ascii_case(wanted));
    if found.is_some_and(|client| client.state.as_deref() != Some("DISABLED")) {
        return None;
    }
    let said = match found {
        Some(client) => {
            let name = client.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
            let reason = client.reason.as_deref().unwrap_or("AWS gave no reason");
            format!("the {field} `{wanted}`{name} is disabled for this account: {reason}")
        }
        None => format!("the {field} `{wanted}` has not authorized Amazon Q Developer for this account"),
    };
    let help = format!(
        "an administrator of the {field} does it once, in the console of Amazon Q Developer in chat applications \
         (https://console.aws.amazon.com/chatbot/), with \u{201c}Configure new client\u{201d}"
    );
    Some(Finding::new(Certainty::Refused, said).about(&item.key).help(help))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(key: &str, desired: Value) -> Item {
        let item = json!({"key": key, "action": "create", "generation": 1, "desired": desired, "before": null});
        serde_json::from_value(item).unwrap()
    }

    #[test]
    fn workspaces_are_let_in_beforehand() {
        let item = item("chatbot.slack_channel/slack", json!({"workspace": "T1"}));
        let known = |id: &str, state: &str| {
            let found = SlackWorkspace::builder().slack_team_id(id).slack_team_name("Acme").state(state);
            workspace(found.state_reason("denied by policy").build().unwrap())
        };
        let said = |known: &[Client]| missing(known, &item, "workspace").map(|found| found.message);
        assert_eq!(said(&[known("T1", "ENABLED")]), None);
        assert_eq!(
            said(&[known("T2", "ENABLED")]).as_deref(),
            Some("the workspace `T1` has not authorized Amazon Q Developer for this account")
        );
        let disabled = "the workspace `T1` (Acme) is disabled for this account: denied by policy";
        assert_eq!(said(&[known("T1", "DISABLED")]).as_deref(), Some(disabled));
    }

    #[test]
    fn teams_are_let_in_beforehand() {
        let item = item("chatbot.teams_channel/teams", json!({"team": "0a000000-0000-4000-8000-00000000000b"}));
        let known = |id: &str| team(ConfiguredTeam::builder().tenant_id("t").team_id(id).build().unwrap());
        let said = |known: &[Client]| missing(known, &item, "team").map(|found| found.message);
        // A UUID is the same in both cases of its letters.
        assert_eq!(said(&[known("0A000000-0000-4000-8000-00000000000B")]), None);
        let none = "the team `0a000000-0000-4000-8000-00000000000b` has not authorized Amazon Q Developer for this account";
        assert_eq!(said(&[known("0a000000-0000-4000-8000-00000000000c")]).as_deref(), Some(none));
    }
}
