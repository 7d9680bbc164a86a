import json
import urllib.request

import boto3

from tests.aws import Case

ROLE = "arn:aws:iam::000000000000:role/chat"


class Channels(Case):
    def setUp(self):
        super().setUp()
        options = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "test", "endpoint_url": self.server.url}
        self.chatbot = boto3.client("chatbot", region_name="us-east-2", **options)
        self.elsewhere = boto3.client("chatbot", region_name="us-east-1", **options)

    def let_in(self, what: str, by: str = "Acme", kind: str = "chatbot.workspace") -> None:
        self.chatbot.describe_slack_workspaces()
        said = {"account": "000000000000", "region": "us-east-2", kind: {what: by}}
        request = urllib.request.Request(f"{self.server.url}/_stack/states", data=json.dumps(said).encode(), method="POST")
        urllib.request.urlopen(request).close()

    def create(self, name: str, workspace: str, channel: str, **more) -> str:
        made = self.chatbot.create_slack_channel_configuration(
            ConfigurationName=name, SlackTeamId=workspace, SlackChannelId=channel, IamRoleArn=ROLE, **more
        )
        return made["ChannelConfiguration"]["ChatConfigurationArn"]

    def test_a_workspace_is_let_in_beforehand(self):
        self.refused("InvalidParameterException", lambda: self.create("early", "T9", "C9"), 400, says="not authorized")
        self.refused("UnknownEndpoint", self.elsewhere.describe_slack_workspaces, 404)

    def test_it_subscribes_to_what_it_tells(self):
        self.let_in("T1")
        topic = self.sns.create_topic(Name="told")["TopicArn"]
        hears = lambda: [one["Endpoint"] for one in self.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]]
        arn = self.create("one", "T1", "C1", SnsTopicArns=[topic], Tags=[{"TagKey": "stack:key", "TagValue": "c"}])
        self.assertEqual(hears(), ["https://global.sns-api.chatbot.amazonaws.com"])
        self.refused("ConflictException", lambda: self.create("two", "T1", "C1"), 409)
        self.refused("ConflictException", lambda: self.create("one", "T1", "C2"), 409)
        [shown] = self.chatbot.describe_slack_channel_configurations(ChatConfigurationArn=arn)["SlackChannelConfigurations"]
        self.assertEqual(shown["GuardrailPolicyArns"], ["arn:aws:iam::aws:policy/AdministratorAccess"])
        self.chatbot.update_slack_channel_configuration(ChatConfigurationArn=arn, SlackChannelId="C1", SnsTopicArns=[])
        self.assertEqual(hears(), [])
        self.chatbot.delete_slack_channel_configuration(ChatConfigurationArn=arn)
        gone = lambda: self.chatbot.delete_slack_channel_configuration(ChatConfigurationArn=arn)
        self.refused("ResourceNotFoundException", gone, 404)

    def test_channels_of_teams(self):
        tenant, team = "0a1b2c3d-0000-4000-8000-000000000000", "0a1b2c3d-0000-4000-8000-000000000001"
        channel = "19%3a0123%40thread.tacv2"
        create = lambda name, channel=channel, **more: self.chatbot.create_microsoft_teams_channel_configuration(
            ConfigurationName=name, TenantId=tenant, TeamId=team, ChannelId=channel, IamRoleArn=ROLE, **more
        )["ChannelConfiguration"]["ChatConfigurationArn"]
        self.refused("InvalidParameterException", lambda: create("early"), 400, says="not authorized")
        self.let_in(team, tenant, "chatbot.team")
        [known] = self.chatbot.list_microsoft_teams_configured_teams()["ConfiguredTeams"]
        self.assertEqual((known["TeamId"], known["TenantId"], known["State"]), (team, tenant, "ENABLED"))
        self.refused("InvalidParameterException", lambda: create("wrong", "19:0123@thread.tacv2"), 400, says="channelId")
        topic = self.sns.create_topic(Name="told-in-teams")["TopicArn"]
        arn = create("of-teams", SnsTopicArns=[topic])
        self.refused("ConflictException", lambda: create("again"), 409)
        shown = lambda: self.chatbot.list_microsoft_teams_channel_configurations()["TeamChannelConfigurations"]
        self.assertEqual([(one["ConfigurationName"], one["SnsTopicArns"]) for one in shown()], [("of-teams", [topic])])
        # Those of the other chat are not among them.
        self.assertEqual(self.chatbot.describe_slack_channel_configurations()["SlackChannelConfigurations"], [])
        other = "19%3a4567%40thread.tacv2"
        self.chatbot.update_microsoft_teams_channel_configuration(ChatConfigurationArn=arn, ChannelId=other, SnsTopicArns=[])
        self.assertEqual([(one["ChannelId"], one["SnsTopicArns"]) for one in shown()], [(other, [])])
        self.chatbot.delete_microsoft_teams_channel_configuration(ChatConfigurationArn=arn)
        self.assertEqual(shown(), [])
