"""Amazon Q Developer in chat applications, whose API is still called AWS Chatbot: channels of Slack and of
Microsoft Teams. An account's are the same in all regions that have an endpoint, and no message is ever sent."""

import re
import uuid

from localstack.services.sns.models import sns_stores

from stack_local import states
from stack_local.core import Call, Operations, Store, fault, pairs

operations = Operations("chatbot")

# https://docs.aws.amazon.com/general/latest/gr/chatbot.html
_REGIONS = ("us-east-2", "us-west-2", "eu-west-1", "ap-southeast-1")
# https://docs.aws.amazon.com/chatbot/latest/adminguide/getting-started.html
_ENDPOINT = "https://global.sns-api.chatbot.amazonaws.com"
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
# https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CreateMicrosoftTeamsChannelConfiguration.html
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_PART = r"[a-zA-Z0-9-_=+/.,]*"
_OF_TEAMS = {"TenantId": _UUID, "TeamId": _UUID, "ChannelId": f"{_PART}%3[aA]{_PART}%40{_PART}"}


class _State:
    def __init__(self):
        self.workspaces: dict[str, str] = {}
        # By the ID of the team: that of the tenant.
        self.teams: dict[str, str] = {}
        self.channels: dict[str, dict] = {}


_state = Store(_State)


def _of(call: Call) -> _State:
    return _state.at(call.account, "")


@operations.before_all
def _first(call: Call) -> None:
    if call.region not in _REGIONS:
        raise fault("UnknownEndpoint", f"there is no endpoint of chatbot in {call.region}", 404)


def _wrong(message: str):
    return fault("InvalidParameterException", message)


def _check(call: Call) -> None:
    """API reference CreateSlackChannelConfiguration: patterns of what is given."""
    if not re.fullmatch(
        r"arn:aws:iam::[0-9]{12}:role/[a-zA-Z0-9+=,.@_/-]+", call.get("IamRoleArn", "arn:aws:iam::000000000000:role/r")
    ):
        raise _wrong("1 validation error detected: Value at 'iamRoleArn' failed to satisfy constraint")
    if not re.fullmatch(r"[A-Za-z0-9]+", call.get("SlackChannelId", "C1")):
        raise _wrong("1 validation error detected: Value at 'slackChannelId' failed to satisfy constraint")
    for field, pattern in _OF_TEAMS.items():
        if (given := call.get(field)) is not None and not re.fullmatch(pattern, given):
            raise _wrong(f"1 validation error detected: Value at '{field[0].lower()}{field[1:]}' failed to satisfy constraint")
    for policy in call.get("GuardrailPolicyArns", []):
        if not re.fullmatch(r"arn:aws:iam::(aws|[0-9]{12}):policy/.+", policy):
            raise _wrong("1 validation error detected: Value at 'guardrailPolicyArns' failed to satisfy constraint")


def _hear(call: Call, before: list[str], after: list[str]) -> None:
    """The service subscribes to the topics of a channel, and unsubscribes when no channel uses them any more."""
    heard = [topic for channel in _of(call).channels.values() for topic in channel["SnsTopicArns"]]
    for topic in after:
        store = sns_stores[call.account][topic.split(":")[3]]
        if topic not in store.topics:
            raise _wrong(f"The topic {topic} does not exist")
        if _hearing(store, topic):
            continue
        arn = f"{topic}:{uuid.uuid4()}"
        store.subscriptions[arn] = {
            "SubscriptionArn": arn,
            "TopicArn": topic,
            "Protocol": "https",
            "Endpoint": _ENDPOINT,
            "Owner": call.account,
            "SubscriptionPrincipal": f"arn:aws:iam::{call.account}:root",
            "PendingConfirmation": "false",
            "ConfirmationWasAuthenticated": "true",
            "RawMessageDelivery": "false",
        }
        store.topics[topic]["subscriptions"].append(arn)
    for topic in set(before) - set(after) - set(heard):
        store = sns_stores[call.account][topic.split(":")[3]]
        for arn in _hearing(store, topic):
            del store.subscriptions[arn]
            store.topics[topic]["subscriptions"].remove(arn)


def _hearing(store, topic: str) -> list[str]:
    all_ = store.subscriptions.items()
    return [arn for arn, one in all_ if one["TopicArn"] == topic and one["Endpoint"] == _ENDPOINT and topic in store.topics]


def _create(call: Call, ids: dict, kind: str) -> dict:
    """One configuration for each channel, and one of each name (ConflictException)."""
    state, name = _of(call), call["ConfigurationName"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", name):
        raise _wrong("1 validation error detected: Value at 'configurationName' failed to satisfy constraint")
    taken = lambda one: all(one.get(field) == value for field, value in ids.items())
    if name in state.channels or any(taken(one) for one in state.channels.values()):
        raise fault("ConflictException", "We can't create your configuration: it exists already", 409)
    channel = ids | {
        "ChatConfigurationArn": f"arn:aws:chatbot::{call.account}:chat-configuration/{kind}/{name}",
        "IamRoleArn": call["IamRoleArn"],
        "SnsTopicArns": list(call.get("SnsTopicArns", [])),
        "ConfigurationName": name,
        "LoggingLevel": call.get("LoggingLevel", "NONE"),
        "GuardrailPolicyArns": list(call.get("GuardrailPolicyArns") or [_ADMINISTRATOR]),
        "UserAuthorizationRequired": call.get("UserAuthorizationRequired", False),
        "Tags": call.get("Tags", []),
        "State": "ENABLED",
    }
    _hear(call, [], channel["SnsTopicArns"])
    state.channels[name] = channel
    return channel


@operations.on("CreateSlackChannelConfiguration")
def create(call: Call) -> dict:
    _check(call)
    team = _of(call).workspaces.get(call["SlackTeamId"])
    if team is None:
        raise _wrong(f"The Slack workspace {call['SlackTeamId']} is not authorized with AWS Chatbot")
    channel = _create(call, {field: call[field] for field in ("SlackTeamId", "SlackChannelId")}, "slack-channel")
    channel["SlackTeamName"] = team
    channel["SlackChannelName"] = call.get("SlackChannelName") or call["SlackChannelId"].lower()
    return {"ChannelConfiguration": channel}


@operations.on("CreateMicrosoftTeamsChannelConfiguration")
def create_of_teams(call: Call) -> dict:
    _check(call)
    if _of(call).teams.get(call["TeamId"]) != call["TenantId"]:
        raise _wrong(f"The team {call['TeamId']} is not authorized with AWS Chatbot")
    channel = _create(call, {field: call[field] for field in ("TenantId", "TeamId", "ChannelId")}, "microsoft-teams-channel")
    return {"ChannelConfiguration": channel}


def _found(call: Call, arn: str) -> dict:
    for channel in _of(call).channels.values():
        if channel["ChatConfigurationArn"] == arn:
            return channel
    raise fault("ResourceNotFoundException", f"We can't find {arn}", 404)


def _update(call: Call) -> dict:
    channel = _found(call, call["ChatConfigurationArn"])
    _check(call)
    before = channel["SnsTopicArns"]
    for field in (
        "SlackChannelId",
        "ChannelId",
        "IamRoleArn",
        "SnsTopicArns",
        "GuardrailPolicyArns",
        "LoggingLevel",
        "UserAuthorizationRequired",
    ):
        if call.get(field) is not None:
            channel[field] = call[field]
    _hear(call, before, channel["SnsTopicArns"])
    return {"ChannelConfiguration": channel}


@operations.on("UpdateSlackChannelConfiguration")
def update(call: Call) -> dict:
    return _update(call)


@operations.on("UpdateMicrosoftTeamsChannelConfiguration")
def update_of_teams(call: Call) -> dict:
    return _update(call)


def _delete(call: Call) -> dict:
    channel = _found(call, call["ChatConfigurationArn"])
    del _of(call).channels[channel["ConfigurationName"]]
    _hear(call, channel["SnsTopicArns"], [])
    return {}


@operations.on("DeleteSlackChannelConfiguration")
def delete(call: Call) -> dict:
    return _delete(call)


@operations.on("DeleteMicrosoftTeamsChannelConfiguration")
def delete_of_teams(call: Call) -> dict:
    return _delete(call)


def _described(call: Call, of: str, wanted: str | None, answer: str) -> dict:
    """A page of the channels that have a field."""
    all_ = sorted((one for one in _of(call).channels.values() if of in one), key=lambda one: one["ConfigurationName"])
    start, most = int(call.get("NextToken") or 0), call.get("MaxResults") or 100
    found = [one for one in all_ if wanted in (None, one["ChatConfigurationArn"])]
    rest = {"NextToken": str(start + most)} if start + most < len(found) else {}
    return {answer: found[start : start + most]} | rest


@operations.on("DescribeSlackChannelConfigurations")
def describe(call: Call) -> dict:
    return _described(call, "SlackTeamId", call.get("ChatConfigurationArn"), "SlackChannelConfigurations")


@operations.on("ListMicrosoftTeamsChannelConfigurations")
def describe_of_teams(call: Call) -> dict:
    return _described(call, "TenantId", None, "TeamChannelConfigurations")


@operations.on("ListMicrosoftTeamsConfiguredTeams")
def teams(call: Call) -> dict:
    return {
        "ConfiguredTeams": [{"TeamId": team, "TenantId": tenant, "State": "ENABLED"} for team, tenant in _of(call).teams.items()]
    }


@operations.on("DescribeSlackWorkspaces")
def workspaces(call: Call) -> dict:
    named = sorted(_of(call).workspaces.items())
    return {"SlackWorkspaces": [{"SlackTeamId": team, "SlackTeamName": name, "State": "ENABLED"} for team, name in named]}


@operations.on("TagResource")
def tag(call: Call) -> dict:
    channel = _found(call, call["ResourceARN"])
    tags = pairs(channel["Tags"], "TagKey", "TagValue") | pairs(call["Tags"], "TagKey", "TagValue")
    channel["Tags"] = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
    return {}


@operations.on("UntagResource")
def untag(call: Call) -> dict:
    channel = _found(call, call["ResourceARN"])
    channel["Tags"] = [tag for tag in channel["Tags"] if tag["TagKey"] not in call["TagKeys"]]
    return {}


@states.of("chatbot.workspace")
def _say(account: str, region: str, name: str, status: str) -> None:
    """Has an administrator of a workspace let the service in, as its console does: the workspace's ID and its name."""
    _state.at(account, "").workspaces[name] = status


@states.of("chatbot.team")
def _say_of_teams(account: str, region: str, name: str, status: str) -> None:
    """Has an administrator of a tenant let the service into a team: the team's ID and that of the tenant."""
    _state.at(account, "").teams[name] = status
