"""Subscriptions to events: moto makes and deletes them, and has neither their states nor a change of one. No event is sent."""

import json

from localstack.services.sns.models import sns_stores
from moto.rds.models import rds_backends

from stack_local.clock import clock
from stack_local.core import Call, Store, fault, pairs
from stack_local.rds.state import moto_backend, operations

PRINCIPAL = "events.rds.amazonaws.com"
# Quotas page of the RDS user guide, "Event subscriptions".
_MOST = 20
# User guide, "Amazon RDS event categories and event messages", of each type of source.
_CATEGORIES = {
    "db-instance": {
        "availability",
        "backup",
        "configuration change",
        "creation",
        "deletion",
        "failover",
        "failure",
        "low storage",
        "maintenance",
        "notification",
        "read replica",
        "recovery",
        "restoration",
        "security",
        "security patching",
    },
    "db-parameter-group": {"configuration change"},
    "db-security-group": {"configuration change", "failure"},
}

_under_way: Store = Store(dict)  # name: (status, timer)


def _topic_lets_in(call: Call, topic: str) -> bool:
    """User guide, "Granting permissions to publish notifications to an Amazon SNS topic": the default policy lets the account's
    RDS publish, any other one has to say so."""
    policy = sns_stores[call.account][call.region].topics[topic]["attributes"].get("Policy")
    for statement in json.loads(policy)["Statement"] if policy else []:
        principal, condition = statement.get("Principal"), json.dumps(statement.get("Condition", {}))
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        named = PRINCIPAL in ([services] if isinstance(services, str) else services)
        default = principal in ("*", {"AWS": "*"}) and "SourceOwner" in condition and call.account in condition
        if statement["Effect"] == "Allow" and (named or default):
            return True
    return False


def _check_topic(call: Call, topic: str) -> None:
    if topic not in sns_stores[call.account][call.region].topics:
        raise fault("SNSTopicArnNotFound", f"SNS topic not found: {topic}", 404)
    if topic.endswith(".fifo"):
        raise fault("SNSInvalidTopic", f"SNS topic {topic} is a FIFO topic")
    if not _topic_lets_in(call, topic):
        raise fault("SNSNoAuthorization", f"You do not have permission to publish to the SNS topic {topic}")


def _check_categories(kind: str | None, categories: list[str]) -> None:
    wrong = [one for one in categories if kind in _CATEGORIES and one not in _CATEGORIES[kind]]
    if wrong:
        raise fault("SubscriptionCategoryNotFound", f"Event category {wrong[0]} not found for source type {kind}", 404)


def _check_source(call: Call, kind: str | None, name: str) -> None:
    backend = moto_backend(call.account, call.region)
    known = {"db-instance": backend.databases, "db-parameter-group": backend.db_parameter_groups}.get(kind or "")
    if known is not None and name not in known:
        raise fault("SourceNotFound", f"Source {name} not found", 404)


def _found(call: Call):
    name = call["SubscriptionName"]
    found = moto_backend(call.account, call.region).event_subscriptions.get(name)
    if found is None:
        raise fault("SubscriptionNotFound", f"Subscription {name} not found.", 404)
    return found


def _begin(call: Call, name: str, status: str) -> None:
    _under_way.of(call)[name] = (status, clock.timer("rds.subscribe"))


def _status(call: Call, found) -> str:
    status, timer = _under_way.of(call).get(found.subscription_name, ("", None))
    if timer and not timer.done():
        return status
    if found.sns_topic_arn not in sns_stores[call.account][call.region].topics:
        return "topic-not-exist"
    return "active" if _topic_lets_in(call, found.sns_topic_arn) else "no-permission"


def _view(call: Call, found, status: str | None = None) -> dict:
    return {
        "CustomerAwsId": call.account,
        "CustSubscriptionId": found.subscription_name,
        "SnsTopicArn": found.sns_topic_arn,
        "Status": status or _status(call, found),
        "SourceType": found.source_type,
        # No order is documented (the words of RDS are silent on it).
        "SourceIdsList": sorted(found.source_ids),
        "EventCategoriesList": sorted(found.event_categories),
        "Enabled": found.enabled,
        "EventSubscriptionArn": found.arn,
    }


@operations.on("CreateEventSubscription")
def create(call: Call) -> dict:
    """API reference CreateEventSubscription."""
    name, kind, sources = call["SubscriptionName"], call.get("SourceType"), call.get("SourceIds", [])
    if sources and not kind:
        raise fault("InvalidParameterCombination", "SourceType must be specified when SourceIds are")
    known = moto_backend(call.account, call.region).event_subscriptions
    if name not in known and len(known) >= _MOST:
        raise fault("EventSubscriptionQuotaExceeded", f"You have reached the maximum number of event subscriptions: {_MOST}")
    _check_topic(call, call["SnsTopicArn"])
    _check_categories(kind, call.get("EventCategories", []))
    for source in sources:
        _check_source(call, kind, source)
    call.stock()
    made = known[name]
    made.enabled = call.get("Enabled", True)
    made.source_ids, made.event_categories = list(sources), list(call.get("EventCategories", []))
    _begin(call, name, "creating")
    return {"EventSubscription": _view(call, made, "creating")}


@operations.on("ModifyEventSubscription")
def modify(call: Call) -> dict:
    found = _found(call)
    if topic := call.get("SnsTopicArn"):
        _check_topic(call, topic)
    kind = call.get("SourceType", found.source_type)
    _check_categories(kind, call.get("EventCategories", []))
    found.sns_topic_arn = topic or found.sns_topic_arn
    found.source_type = kind
    found.event_categories = list(call.get("EventCategories", found.event_categories))
    found.enabled = call.get("Enabled", found.enabled)
    _begin(call, found.subscription_name, "modifying")
    return {"EventSubscription": _view(call, found, "modifying")}


@operations.on("AddSourceIdentifierToSubscription")
def add_source(call: Call) -> dict:
    found = _found(call)
    _check_source(call, found.source_type, call["SourceIdentifier"])
    if call["SourceIdentifier"] not in found.source_ids:
        found.source_ids.append(call["SourceIdentifier"])
    _begin(call, found.subscription_name, "modifying")
    return {"EventSubscription": _view(call, found, "modifying")}


@operations.on("RemoveSourceIdentifierFromSubscription")
def remove_source(call: Call) -> dict:
    found = _found(call)
    if call["SourceIdentifier"] not in found.source_ids:
        raise fault("SourceNotFound", f"Source {call['SourceIdentifier']} not found", 404)
    found.source_ids.remove(call["SourceIdentifier"])
    _begin(call, found.subscription_name, "modifying")
    return {"EventSubscription": _view(call, found, "modifying")}


@operations.on("DeleteEventSubscription")
def delete(call: Call) -> dict:
    """API reference DeleteEventSubscription: while it is being changed, InvalidEventSubscriptionState."""
    found = _found(call)
    if _status(call, found) in ("creating", "modifying"):
        raise fault("InvalidEventSubscriptionState", f"Subscription {found.subscription_name} is being modified")
    view = _view(call, found, "deleting")
    _under_way.of(call).pop(found.subscription_name, None)
    del moto_backend(call.account, call.region).event_subscriptions[found.subscription_name]
    return {"EventSubscription": view}


@operations.on("DescribeEventSubscriptions")
def describe(call: Call) -> dict:
    all_of = moto_backend(call.account, call.region).event_subscriptions
    found = [_found(call)] if call.get("SubscriptionName") else list(all_of.values())
    return {"EventSubscriptionsList": [_view(call, one) for one in found]}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    return {one.arn: pairs(one.tags) for one in rds_backends[account][region].event_subscriptions.values()}
