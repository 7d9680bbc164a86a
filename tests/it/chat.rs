//! `alarms.slack` and `alarms.teams`: channels that are told.

use serde_json::{Value, json};

use crate::support::proxy::Call;
use crate::support::subject::{APPLY, DESTROY, Subject, run_and_kill_when};

const FILE: &str = r#"
stack: shop
region: us-east-1
network: { zones: 2, nat: none, flow_logs: off }
services:
  worker: { image: "busybox:1.37", public: true, count: 1 }
alarms:
  slack: [{ workspace: T1, channel: C1 }]
  off: [services.worker]
"#;

const TENANT: &str = "0a1b2c3d-0000-4000-8000-000000000000";
const TEAM: &str = "0a1b2c3d-0000-4000-8000-000000000001";

/// The channels by name, with what they hear, and who hears the stack's topic.
const CHANNELS: &str = r#"
chat = client("chatbot", "us-east-2")
result = {}
for one in chat.describe_slack_channel_configurations()["SlackChannelConfigurations"]:
    result[one["ConfigurationName"]] = [one["SlackChannelId"], one["IamRoleArn"].split("/")[-1], [arn.split(":")[-1] for arn in one["SnsTopicArns"]],
        [arn.split("/")[-1] for arn in one["GuardrailPolicyArns"]]]
"#;

fn channels(s: &Subject) -> Value {
    s.account.boto3(CHANNELS, &Value::Null)
}

/// The same of Microsoft Teams.
const OF_TEAMS: &str = r#"
chat = client("chatbot", "us-east-2")
result = {}
for one in chat.list_microsoft_teams_channel_configurations()["TeamChannelConfigurations"]:
    result[one["ConfigurationName"]] = [one["ChannelId"], one["TeamId"][-1], one["IamRoleArn"].split("/")[-1],
        [arn.split(":")[-1] for arn in one["SnsTopicArns"]], [arn.split("/")[-1] for arn in one["GuardrailPolicyArns"]]]
"#;

fn hearers(s: &Subject) -> Value {
    let script = r#"result = sorted(one["Endpoint"] for one in client("sns").list_subscriptions()["Subscriptions"])"#;
    s.account.boto3(script, &Value::Null)
}

fn let_in(s: &Subject) {
    // The local AWS knows a service once it was asked something.
    channels(s);
    s.account.say(json!({"region": "us-east-1", "chatbot.workspace": {"T1": "Acme"}, "chatbot.team": {TEAM: TENANT}}));
}

#[test]
fn a_channel_of_slack_is_told() {
    let s = Subject::new(FILE);
    // The workspace is let in once, by a person.
    let refused = s.place.stack(APPLY).exits(4);
    assert!(refused.stderr.contains("the workspace `T1` has not authorized Amazon Q Developer"), "{}", refused.stderr);
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
    let_in(&s);
    s.apply();
    s.assert_in_step();
    let told =
        |channel: &str| json!({"shop-slack-c1": [channel, "shop-chat-us-east-1", ["shop-alarms"], ["CloudWatchReadOnlyAccess"]]});
    assert_eq!(channels(&s), told("C1"));
    // Its subscription is its own: neither drift nor deleted.
    assert_eq!(hearers(&s), json!(["https://global.sns-api.chatbot.amazonaws.com"]));

    // What someone changed is undone.
    let by_hand = r#"
chat = client("chatbot", "us-east-2")
[one] = chat.describe_slack_channel_configurations()["SlackChannelConfigurations"]
chat.update_slack_channel_configuration(ChatConfigurationArn=one["ChatConfigurationArn"], SlackChannelId="C7",
    GuardrailPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"])
"#;
    s.account.boto3(by_hand, &Value::Null);
    assert_eq!(s.changes(), ["update chatbot.slack_channel/slack-c1"]);
    s.apply();
    assert_eq!(channels(&s), told("C1"));

    // A channel that someone else set up is not taken over, and another one stays.
    let theirs = r#"
chat = client("chatbot", "us-east-2")
[one] = chat.describe_slack_channel_configurations()["SlackChannelConfigurations"]
chat.create_slack_channel_configuration(ConfigurationName="shop-slack-c2", SlackTeamId="T1", SlackChannelId="C2", IamRoleArn=one["IamRoleArn"])
"#;
    s.account.boto3(theirs, &Value::Null);
    s.assert_in_step();
    s.write("channel: C1", "channel: C2");
    let taken = s.place.stack(APPLY).exits(4);
    assert!(taken.stderr.contains("shop-slack-c2"), "{}", taken.stderr);
    s.write("channel: C2", "channel: C1");
    s.apply();
    s.assert_in_step();
    s.place.stack(DESTROY).ok();
    assert_eq!(channels(&s).as_object().unwrap().keys().collect::<Vec<_>>(), ["shop-slack-c2"]);
}

#[test]
fn a_killed_run_makes_one_channel() {
    let s = Subject::new(FILE);
    let_in(&s);
    for reaches in [false, true] {
        let create = |call: &Call| call.operation == "CreateSlackChannelConfiguration";
        assert!(run_and_kill_when(&s, APPLY, reaches, create), "{reaches}");
    }
    s.apply();
    s.assert_in_step();
    assert_eq!(channels(&s).as_object().unwrap().len(), 1);
    assert!(run_and_kill_when(&s, DESTROY, true, |call: &Call| call.operation == "DeleteSlackChannelConfiguration"));
    s.place.stack(DESTROY).ok();
    assert_eq!(channels(&s), json!({}));
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}

#[test]
fn a_channel_of_teams_is_told() {
    let teams = format!("teams: [{{ tenant: {TENANT}, team: {TEAM}, channel: 19%3a0123%40thread.tacv2 }}]");
    let s = Subject::new(&FILE.replace("slack: [{ workspace: T1, channel: C1 }]", &teams));
    let refused = s.place.stack(APPLY).exits(4);
    let said = format!("the team `{TEAM}` has not authorized Amazon Q Developer");
    assert!(refused.words().contains(&said), "{}", refused.stderr);
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
    let_in(&s);
    for reaches in [false, true] {
        let create = |call: &Call| call.operation == "CreateMicrosoftTeamsChannelConfiguration";
        assert!(run_and_kill_when(&s, APPLY, reaches, create), "{reaches}");
    }
    s.apply();
    s.assert_in_step();
    let told = |channel: &str| {
        let heard = json!([channel, "1", "shop-chat-us-east-1", ["shop-alarms"], ["CloudWatchReadOnlyAccess"]]);
        json!({"shop-teams-0123": heard})
    };
    assert_eq!(s.account.boto3(OF_TEAMS, &Value::Null), told("19%3a0123%40thread.tacv2"));
    assert_eq!(hearers(&s), json!(["https://global.sns-api.chatbot.amazonaws.com"]));

    // What someone changed is undone.
    let by_hand = r#"
chat = client("chatbot", "us-east-2")
[one] = chat.list_microsoft_teams_channel_configurations()["TeamChannelConfigurations"]
chat.update_microsoft_teams_channel_configuration(ChatConfigurationArn=one["ChatConfigurationArn"], ChannelId="19%3a9%40thread.tacv2",
    GuardrailPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"])
"#;
    s.account.boto3(by_hand, &Value::Null);
    assert_eq!(s.changes(), ["update chatbot.teams_channel/teams-0123"]);
    s.apply();
    assert_eq!(s.account.boto3(OF_TEAMS, &Value::Null), told("19%3a0123%40thread.tacv2"));

    // One of Slack beside it is another one, with the same role.
    s.write("alarms:\n", "alarms:\n  slack: [{ workspace: T1, channel: C1 }]\n");
    assert_eq!(s.changes(), ["create chatbot.slack_channel/slack-c1"]);
    s.apply();
    s.assert_in_step();
    assert!(run_and_kill_when(&s, DESTROY, true, |call: &Call| call.operation == "DeleteMicrosoftTeamsChannelConfiguration"));
    s.place.stack(DESTROY).ok();
    assert_eq!((s.account.boto3(OF_TEAMS, &Value::Null), channels(&s)), (json!({}), json!({})));
    assert_eq!(s.account.inventory("shop", "default"), json!({}));
}
