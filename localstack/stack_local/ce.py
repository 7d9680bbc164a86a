"""Cost Explorer: anomaly monitors and subscriptions, and which tags are cost allocation tags. All of it is an account's own, without a
region. No anomaly is ever found. Charges are those that were added by the control; they are attributed by tags only from
the day on which these were active as cost allocation tags. Cost categories are moto's.

Of tags AWS learns within a day (https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html), here at once, and
only those of us-east-1 and of the region of the call."""

import copy
import datetime
import decimal
import re
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
        self.since: dict[str, str] = {}
        # What was said to be spent, a row for each day and service.
        self.spend: list[dict] = []
        self.opened = True


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
    """The deprecated threshold is returned as an expression."""
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
            "LastUpdatedDate": account.since.get(key, now().strftime("%Y-%m-%dT%H:%M:%SZ")),
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
            _of(call).since[key] = now().strftime("%Y-%m-%dT%H:%M:%SZ")
        else:
            errors.append({"TagKey": key, "Code": "TagKeysNotFoundException", "Message": f"Tag keys not found: {key}"})
    return {"Errors": errors}


# API reference GetCostAndUsage (https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html).
_METRICS = (
    "AmortizedCost",
    "BlendedCost",
    "NetAmortizedCost",
    "NetUnblendedCost",
    "NormalizedUsageAmount",
    "UnblendedCost",
    "UsageQuantity",
)
_GROUPED = {"SERVICE": "service", "RECORD_TYPE": "record", "REGION": "region"}
_PERIODS = 100


def say_spend(raw) -> None:
    """`{"account": "…", "spend": [{"day": "2026-11-03", "service": "Amazon Simple Storage Service", "usd": "1.25", "record": "Usage",
    "tags": {"stack:name": "shop"}}], "tags": {"stack:name": "2026-09-01"}, "opened": true}`: the tags are active since that day."""
    account = _accounts.at(raw["account"], "")
    for row in raw.get("spend", []):
        day, usd = datetime.date.fromisoformat(row["day"]), decimal.Decimal(row["usd"])
        kept = {"record": "Usage", "region": "us-east-1", "tags": {}} | row
        account.spend.append(kept | {"day": day, "usd": usd})
    for key, day in raw.get("tags", {}).items():
        account.active[key] = "Active"
        account.since[key] = f"{datetime.date.fromisoformat(day)}T00:00:00Z"
    account.opened = bool(raw.get("opened", account.opened))


def _month(day: datetime.date, by: int = 0) -> datetime.date:
    months = day.year * 12 + day.month - 1 + by
    return datetime.date(months // 12, months % 12 + 1, 1)


def _interval(call: Call) -> tuple[datetime.date, datetime.date]:
    """What AWS refuses of a time: its words are those that the named pages quote; own wording without one."""
    said = call["TimePeriod"]
    for text in (said["Start"], said["End"]):
        # API reference DateInterval.
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?", text):
            raise _invalid(f"Time period {text} is not formatted as yyyy-MM-dd")
    start, end = (datetime.date.fromisoformat(said[name][:10]) for name in ("Start", "End"))
    today = now().date()
    if start >= end:
        # https://github.com/ravikiranvm/aws-finops-dashboard/issues/11
        raise _invalid("Start date (and hour) should be before end date (and hour)")
    if start > today:
        # API reference DateInterval: "must be equal to or no later than the current date to avoid a validation error".
        raise _invalid("Start date must be no later than the current date")
    if end > _month(today, 1):
        # https://github.com/aws/aws-sdk-js/issues/2732
        raise _invalid("end date past the beginning of next month")
    if start < _month(today, -13):
        # More needs multi-year data, which is opted in to (https://docs.aws.amazon.com/cost-management/latest/userguide/ce-multi-year.html).
        if start.day != 1:
            # https://github.com/redhat-performance/cloud-governance/pull/1011
            raise _invalid("To retrieve data beyond the past 14 months, your start date needs to be the first day of the month.")
        raise _invalid("You haven't enabled historical data beyond 14 months")
    return start, end


def _matches(account: _Account, row: dict, expression: dict) -> bool:
    for name, value in expression.items():
        if name == "And":
            found = all(_matches(account, row, one) for one in value)
        elif name == "Or":
            found = any(_matches(account, row, one) for one in value)
        elif name == "Not":
            found = not _matches(account, row, value)
        elif name == "Tags":
            found = _tag(account, row, value["Key"]) in value["Values"]
        elif name == "Dimensions" and value["Key"] in _GROUPED:
            found = row[_GROUPED[value["Key"]]] in value["Values"]
        else:
            raise fault("NotImplemented", f"The local AWS cannot filter costs by {name} {value.get('Key')}", 501)
        if not found:
            return False
    return True


def _tag(account: _Account, row: dict, key: str) -> str:
    """Costs have a tag from the day on which it was active
    (https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html)."""
    if account.active.get(key) != "Active" or account.since.get(key, "")[:10] > row["day"].isoformat():
        return ""
    return row["tags"].get(key, "")


def _group(account: _Account, row: dict, group: dict) -> str:
    if group["Type"] == "TAG":
        return f"{group['Key']}${_tag(account, row, group['Key'])}"
    if group["Type"] == "DIMENSION" and group["Key"] in _GROUPED:
        return row[_GROUPED[group["Key"]]]
    raise fault("NotImplemented", f"The local AWS cannot group costs by {group['Key']}", 501)


def _told(amount: decimal.Decimal) -> dict:
    return {"Amount": f"{amount:f}", "Unit": "USD"}


@operations.on("GetCostAndUsage")
def get_cost_and_usage(call: Call) -> dict:
    account = _of(call)
    start, end = _interval(call)
    if call["Granularity"] == "HOURLY":
        # Opted in to, and of the last 14 days (https://docs.aws.amazon.com/cost-management/latest/userguide/ce-hourly-granularity.html).
        raise _invalid("Hourly data granularity is only available within last 14 days")
    metrics, groups = call.get("Metrics") or [], call.get("GroupBy") or []
    if not metrics or set(metrics) - set(_METRICS):
        raise _invalid(f"Metrics must be some of {', '.join(_METRICS)}")
    if len(groups) > 2:
        raise _invalid("GroupBy must have at most 2 entries")
    if not account.opened:
        # API reference GetCostAndUsage: "The requested data is unavailable."
        raise fault("DataUnavailableException", "Data is not available. Please try to adjust the time period.")
    rows = [row for row in account.spend if start <= row["day"] < end and _matches(account, row, call.get("Filter") or {})]
    results, begin = [], start
    while begin < end:
        until = min(_month(begin, 1) if call["Granularity"] == "MONTHLY" else begin + datetime.timedelta(days=1), end)
        of_period: dict[tuple, decimal.Decimal] = {}
        for row in rows:
            if begin <= row["day"] < until:
                keys = tuple(_group(account, row, group) for group in groups)
                of_period[keys] = of_period.get(keys, decimal.Decimal(0)) + row["usd"]
        told = lambda amount: {metric: _told(amount) for metric in metrics}
        results.append(
            {
                "TimePeriod": {"Start": begin.isoformat(), "End": until.isoformat()},
                "Total": {} if groups else told(sum(of_period.values(), decimal.Decimal(0))),
                "Groups": [{"Keys": list(keys), "Metrics": told(amount)} for keys, amount in sorted(of_period.items())]
                if groups
                else [],
                # A month is final some days after its end.
                "Estimated": until > _month(now().date()),
            }
        )
        begin = until
    items, token = page(results, call.get("NextPageToken"), None, _PERIODS)
    answer = {"ResultsByTime": items, "DimensionValueAttributes": []} | ({"GroupDefinitions": groups} if groups else {})
    return answer | ({"NextPageToken": token} if token else {})
