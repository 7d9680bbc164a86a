"""Cost Explorer: anomaly monitors and subscriptions, and which tags are cost allocation tags. All of it is an account's own, without a
region. Nothing is ever spent, so nothing is ever found. Cost categories are moto's.

Of tags AWS learns within a day (https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html), here at once, and
only those of us-east-1 and of the region of the call."""

import copy
import uuid

from stack_local import tagging
from stack_local.core import Call, Operations, Store, fault, listed, now, page, pairs

operations = Operations("ce")

# API reference AnomalyMonitor: "your list of up to 10 tag values"
# (https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_AnomalyMonitor.html).
_VALUES = 10
# API reference AnomalySubscription: "Values must be numbers between 0 and 10,000,000,000"
# (https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_AnomalySubscription.html).
_MOST = 10_000_000_000
# API reference ListCostAllocationTags and UpdateCostAllocationTagsStatus: MaxResults, and the entries of a call.
_LISTED, _UPDATED = 1000, 20
_IMPACTS = ("ANOMALY_TOTAL_IMPACT_ABSOLUTE", "ANOMALY_TOTAL_IMPACT_PERCENTAGE")


class _Account:
    def __init__(self):
        self.monitors: dict[str, dict] = {}
        self.subscriptions: dict[str, dict] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.active: dict[str, str] = {}


_accounts = Store(_Account)


def _of(call: Call) -> _Account:
    return _accounts.at(call.account, "")


def _invalid(message: str):
    return fault("ValidationException", message)


def _today() -> str:
    return now().strftime("%Y-%m-%d")


def _paged(call: Call, member: str, items: list, most: int = 100) -> dict:
    items, token = page(items, call.get("NextPageToken"), call.get("MaxResults"), most)
    return {member: items} | ({"NextPageToken": token} if token else {})


def _check_monitor(account: _Account, monitor: dict) -> None:
    specification = monitor.get("MonitorSpecification") or {}
    if monitor["MonitorType"] == "DIMENSIONAL":
        if not monitor.get("MonitorDimension"):
            raise _invalid("MonitorDimension is required for a dimensional monitor")
        dimension = monitor["MonitorDimension"]
        if any(one.get("MonitorDimension") == dimension for one in account.monitors.values()):
            # aws-cloudformation/cloudformation-coverage-roadmap#2515
            raise _invalid("Limit exceeded on dimensional spend monitor creation")
        return
    if monitor.get("MonitorDimension"):
        raise _invalid("MonitorDimension must not be specified for a custom monitor")
    parts = [name for name in ("Dimensions", "Tags", "CostCategories") if specification.get(name)]
    if len(parts) != 1 or specification.get("And") or specification.get("Or") or specification.get("Not"):
        raise _invalid("MonitorSpecification of a custom monitor must be one of Dimensions, Tags and CostCategories")
    values = specification[parts[0]].get("Values") or []
    if not specification[parts[0]].get("Key") or not 1 <= len(values) <= _VALUES:
        raise _invalid(f"MonitorSpecification must have a key and from 1 to {_VALUES} values")


@operations.on("CreateAnomalyMonitor")
def create_monitor(call: Call) -> dict:
    account, monitor = _of(call), copy.deepcopy(call["AnomalyMonitor"])
    _check_monitor(account, monitor)
    arn = f"arn:aws:ce::{call.account}:anomalymonitor/{uuid.uuid4()}"
    account.monitors[arn] = monitor | {"MonitorArn": arn, "CreationDate": _today(), "LastUpdatedDate": _today()}
    account.tags[arn] = pairs(call.get("ResourceTags"))
    return {"MonitorArn": arn}


def _monitor(call: Call, arn: str) -> dict:
    found = _of(call).monitors.get(arn)
    if found is None:
        raise fault("UnknownMonitorException", f"Unknown monitor: {arn}")
    return found


@operations.on("GetAnomalyMonitors")
def get_monitors(call: Call) -> dict:
    account = _of(call)
    named = call.get("MonitorArnList")
    found = [_monitor(call, arn) for arn in named] if named else list(account.monitors.values())
    return _paged(call, "AnomalyMonitors", copy.deepcopy(found))


@operations.on("UpdateAnomalyMonitor")
def update_monitor(call: Call) -> dict:
    monitor = _monitor(call, call["MonitorArn"])
    if name := call.get("MonitorName"):
        monitor["MonitorName"] = name
    monitor["LastUpdatedDate"] = _today()
    return {"MonitorArn": call["MonitorArn"]}


@operations.on("DeleteAnomalyMonitor")
def delete_monitor(call: Call) -> dict:
    account, arn = _of(call), call["MonitorArn"]
    _monitor(call, arn)
    del account.monitors[arn]
    account.tags.pop(arn, None)
    for subscription in account.subscriptions.values():
        subscription["MonitorArnList"] = [one for one in subscription["MonitorArnList"] if one != arn]
    return {}


def _impacts(expression: dict) -> None:
    """API reference AnomalySubscription: ThresholdExpression."""
    nested = [one for name in ("And", "Or") for one in expression.get(name) or []]
    if nested:
        for one in nested:
            _impacts(one)
        return
    part = expression.get("Dimensions") or {}
    values = part.get("Values") or []
    number = len(values) == 1 and values[0].replace(".", "", 1).isdigit() and float(values[0]) <= _MOST
    if part.get("Key") not in _IMPACTS or part.get("MatchOptions") != ["GREATER_THAN_OR_EQUAL"] or not number:
        raise _invalid("ThresholdExpression must compare the total impact of an anomaly with GREATER_THAN_OR_EQUAL and a number")


def _check_subscription(call: Call, subscription: dict) -> None:
    if not subscription["MonitorArnList"]:
        raise _invalid("MonitorArnList must not be empty")
    for arn in subscription["MonitorArnList"]:
        _monitor(call, arn)
    if (subscription.get("Threshold") is None) == (subscription.get("ThresholdExpression") is None):
        raise _invalid("One of Threshold and ThresholdExpression is required, and not both")
    if expression := subscription.get("ThresholdExpression"):
        _impacts(expression)
    sorts = {one.get("Type") for one in subscription["Subscribers"]}
    # API reference AnomalySubscription: "either over email (for DAILY and WEEKLY frequencies) or SNS (for IMMEDIATE frequency)".
    wanted = {"SNS"} if subscription["Frequency"] == "IMMEDIATE" else {"EMAIL"}
    if sorts != wanted:
        frequency, sort = subscription["Frequency"], " ".join(wanted)
        raise _invalid(f"Subscribers of a subscription with the frequency {frequency} must be of the type {sort}")


def _complete(subscription: dict) -> dict:
    """The deprecated threshold is told as an expression."""
    if (threshold := subscription.pop("Threshold", None)) is not None:
        part = {"Key": _IMPACTS[0], "MatchOptions": ["GREATER_THAN_OR_EQUAL"], "Values": [f"{threshold:g}"]}
        subscription["ThresholdExpression"] = {"Dimensions": part}
    for one in subscription["Subscribers"]:
        one.setdefault("Status", "CONFIRMED")
    return subscription


@operations.on("CreateAnomalySubscription")
def create_subscription(call: Call) -> dict:
    account, subscription = _of(call), copy.deepcopy(call["AnomalySubscription"])
    _check_subscription(call, subscription)
    arn = f"arn:aws:ce::{call.account}:anomalysubscription/{uuid.uuid4()}"
    account.subscriptions[arn] = _complete(subscription) | {"SubscriptionArn": arn, "AccountId": call.account}
    account.tags[arn] = pairs(call.get("ResourceTags"))
    return {"SubscriptionArn": arn}


def _subscription(call: Call, arn: str) -> dict:
    found = _of(call).subscriptions.get(arn)
    if found is None:
        raise fault("UnknownSubscriptionException", f"Unknown subscription: {arn}")
    return found


@operations.on("GetAnomalySubscriptions")
def get_subscriptions(call: Call) -> dict:
    named, monitor = call.get("SubscriptionArnList"), call.get("MonitorArn")
    found = [_subscription(call, arn) for arn in named] if named else list(_of(call).subscriptions.values())
    found = [one for one in found if monitor in (None, *one["MonitorArnList"])]
    return _paged(call, "AnomalySubscriptions", copy.deepcopy(found))


@operations.on("UpdateAnomalySubscription")
def update_subscription(call: Call) -> dict:
    known = _subscription(call, call["SubscriptionArn"])
    fields = ("MonitorArnList", "Subscribers", "Threshold", "ThresholdExpression", "Frequency", "SubscriptionName")
    given = {name: copy.deepcopy(call.request[name]) for name in fields if call.request.get(name) is not None}
    changed = copy.deepcopy(known) | given
    if "Threshold" in given:
        changed.pop("ThresholdExpression", None)
    _check_subscription(call, changed)
    _of(call).subscriptions[call["SubscriptionArn"]] = _complete(changed)
    return {"SubscriptionArn": call["SubscriptionArn"]}


@operations.on("DeleteAnomalySubscription")
def delete_subscription(call: Call) -> dict:
    _subscription(call, call["SubscriptionArn"])
    del _of(call).subscriptions[call["SubscriptionArn"]]
    _of(call).tags.pop(call["SubscriptionArn"], None)
    return {}


def _tags(call: Call) -> dict[str, str] | None:
    """The tags of a monitor or a subscription; none for what is moto's."""
    arn = call["ResourceArn"]
    if ":anomaly" not in arn:
        return None
    if arn not in _of(call).tags:
        raise fault("ResourceNotFoundException", f"Resource {arn} not found")
    return _of(call).tags[arn]


@operations.on("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict:
    tags = _tags(call)
    return call.stock() if tags is None else {"ResourceTags": listed(tags)}


@operations.on("TagResource")
def tag_resource(call: Call) -> dict:
    tags = _tags(call)
    if tags is None:
        return call.stock()
    tags.update(pairs(call["ResourceTags"]))
    return {}


@operations.on("UntagResource")
def untag_resource(call: Call) -> dict:
    tags = _tags(call)
    if tags is None:
        return call.stock()
    for key in call["ResourceTagKeys"]:
        tags.pop(key, None)
    return {}


def _keys(call: Call) -> list[str]:
    found = {key for region in {"us-east-1", call.region} for key in tagging.keys(call.account, region)}
    return sorted(found | set(_of(call).active))


@operations.on("ListCostAllocationTags")
def list_cost_allocation_tags(call: Call) -> dict:
    account = _of(call)
    told = [
        {
            "TagKey": key,
            "Type": "AWSGenerated" if key.startswith("aws:") else "UserDefined",
            "Status": account.active.get(key, "Inactive"),
            "LastUpdatedDate": now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for key in _keys(call)
    ]
    for name, field in (("Status", "Status"), ("Type", "Type")):
        told = [one for one in told if call.get(name) in (None, one[field])]
    if named := call.get("TagKeys"):
        told = [one for one in told if one["TagKey"] in named]
    items, token = page(told, call.get("NextToken"), call.get("MaxResults"), _LISTED)
    return {"CostAllocationTags": items} | ({"NextToken": token} if token else {})


@operations.on("UpdateCostAllocationTagsStatus")
def update_cost_allocation_tags(call: Call) -> dict:
    entries = call["CostAllocationTagsStatus"]
    if not 1 <= len(entries) <= _UPDATED:
        raise _invalid(f"CostAllocationTagsStatus must have from 1 to {_UPDATED} entries")
    known, errors = _keys(call), []
    for entry in entries:
        key = entry["TagKey"]
        if key in known:
            _of(call).active[key] = entry["Status"]
        else:
            errors.append({"TagKey": key, "Code": "TagKeysNotFoundException", "Message": f"Tag keys not found: {key}"})
    return {"Errors": errors}
