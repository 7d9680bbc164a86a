//! Checks for what is done once, by a person, in the console: letting Amazon Q Developer into a workspace of Slack.

use aws_sdk_chatbot::types::SlackWorkspace;
use serde_json::Value;

use super::SlackChannel;
use crate::aws::Cx;
use crate::aws::chatbot::errors::failed;
use crate::aws::preflight::finding::{Certainty, Finding, fields, is_new, of_kind};
use crate::aws::wing::Check;
use crate::engine::{Item, Plan, Resource, Result};

/// Returns the checks of a plan.
pub(super) fn of<'a>(cx: &'a Cx, plan: &'a Plan) -> Vec<Check<'a>> {
    let new: Vec<&Item> = of_kind(plan, SlackChannel::KIND).filter(|item| is_new(item, &["workspace"])).collect();
    if new.is_empty() { Vec::new() } else { vec![("workspaces of Slack", Box::pin(authorized(cx, new)))] }
}

/// Checks whether the workspaces have let Amazon Q Developer in
/// (<https://docs.aws.amazon.com/chatbot/latest/adminguide/slack-setup.html>).
async fn authorized(cx: &Cx, items: Vec<&Item>) -> Result<Vec<Finding>> {
    let mut known = Vec::new();
    let mut next = None;
    loop {
        let call = cx.cloud.chatbot.describe_slack_workspaces().set_next_token(next);
        let answer = call.send().await.map_err(failed("chatbot:DescribeSlackWorkspaces"))?;
        known.extend(answer.slack_workspaces.unwrap_or_default());
        next = answer.next_token;
        if next.is_none() {
            break;
        }
    }
    Ok(items.into_iter().filter_map(|item| missing(&known, item)).collect())
}

fn missing(known: &[SlackWorkspace], item: &Item) -> Option<Finding> {
    let wanted = fields(item)?.get("workspace").and_then(Value::as_str)?;
    let found = known.iter().find(|workspace| workspace.slack_team_id() == wanted);
    if found.is_some_and(|workspace| workspace.state() != Some("DISABLED")) {
        return None;
    }
    let said = match found {
        Some(workspace) => format!(
            "the workspace `{wanted}` ({}) is disabled for this account: {}",
            workspace.slack_team_name(),
            workspace.state_reason().unwrap_or("AWS does not say why")
        ),
        None => format!("the workspace `{wanted}` has not let Amazon Q Developer in for this account"),
    };
    let help = "an administrator of the workspace does it once, in the console of Amazon Q Developer in chat applications \
                (https://console.aws.amazon.com/chatbot/), with \u{201c}Configure new client\u{201d}";
    Some(Finding::new(Certainty::Refused, said).about(&item.key).help(help))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn workspaces_are_let_in_beforehand() {
        let item = json!({"key": "chatbot.slack_channel/slack", "action": "create", "generation": 1, "desired": {"workspace": "T1"}, "before": null});
        let item: Item = serde_json::from_value(item).unwrap();
        let workspace = |id: &str, state: &str| {
            SlackWorkspace::builder()
                .slack_team_id(id)
                .slack_team_name("Acme")
                .state(state)
                .state_reason("denied by policy")
                .build()
                .unwrap()
        };
        let said = |known: &[SlackWorkspace]| missing(known, &item).map(|found| found.message);
        assert_eq!(said(&[workspace("T1", "ENABLED")]), None);
        assert_eq!(
            said(&[workspace("T2", "ENABLED")]).as_deref(),
            Some("the workspace `T1` has not let Amazon Q Developer in for this account")
        );
        let disabled = "the workspace `T1` (Acme) is disabled for this account: denied by policy";
        assert_eq!(said(&[workspace("T1", "DISABLED")]).as_deref(), Some(disabled));
    }
}
