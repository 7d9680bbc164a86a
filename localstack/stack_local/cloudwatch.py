"""CloudWatch: LocalStack's own, which forgets the tags that an alarm is made with and the state that it has when it is changed, lists
composite alarms to whom asks for none, and lists everything at once. Dashboards (`dashboards.py`) and percentiles (`metrics.py`) are
written here.

What it accepts and AWS refuses is in `rules.py` (R38 to R41)."""

import re

from localstack.services.cloudwatch.models import cloudwatch_stores

from stack_local import dashboards, metrics
from stack_local.core import Call, Operations, fault, listed, page, pairs

operations = Operations("cloudwatch")

# API reference DescribeAlarms, MaxRecords.
_MOST = 100
_STATE = ("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp")


def _store(call: Call):
    return cloudwatch_stores[call.account][call.region]


def _put(call: Call) -> dict:
    """API reference PutMetricAlarm: of an alarm that exists tags are ignored, and its state is left unchanged."""
    store, arn = _store(call), call.arn("cloudwatch", f"alarm:{call['AlarmName']}")
    before = store.alarms.get(arn)
    answer = call.stock()
    alarm = store.alarms[arn].alarm
    tags = alarm.pop("Tags", None)
    if before is None:
        store.TAGS.tag_resource(arn, tags or [])
    else:
        alarm.update({name: before.alarm[name] for name in _STATE if name in before.alarm})
    return answer


@operations.on("PutMetricAlarm")
def put_alarm(call: Call) -> dict:
    return _put(call)


# API reference PutCompositeAlarm, AlarmRule: a function of an alarm, by name or ARN, quoted or not.
_CHILD = re.compile(r"""(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(["']?)([^"'()]+)\2\s*\)""")
_WORDS = re.compile(r"(?:AND|OR|NOT|TRUE|FALSE|[()\s])*", re.IGNORECASE)


def _arn(call: Call, child: str) -> str:
    return child if child.startswith("arn:") else call.arn("cloudwatch", f"alarm:{child}")


def _children(call: Call, rule: str) -> set[str]:
    return {_arn(call, child.strip()) for _, _, child in _CHILD.findall(rule)}


@operations.on("PutCompositeAlarm")
def put_composite_alarm(call: Call) -> dict:
    """The rule is checked, and kept as it was written; LocalStack evaluates it with ARNs only."""
    rule, store = call["AlarmRule"], _store(call)
    if not _WORDS.fullmatch(_CHILD.sub("TRUE", rule)) or not rule.strip():
        raise fault("ValidationError", f"AlarmRule could not be parsed: {rule}")
    missing = [arn for arn in sorted(_children(call, rule)) if arn not in store.alarms]
    if missing:
        raise fault("ValidationError", f"Could not save the composite alarm as alarms {missing} in the alarm rule do not exist")
    answer = _put(
        Call(
            call.context,
            call.request | {"AlarmRule": _CHILD.sub(lambda of: f'{of[1]}("{_arn(call, of[3].strip())}")', rule)},
            call._stock,
        )
    )
    store.alarms[call.arn("cloudwatch", f"alarm:{call['AlarmName']}")].alarm["_Written"] = rule
    return answer


@operations.on("DeleteAlarms")
def delete_alarms(call: Call) -> dict:
    """API reference DeleteAlarms: at most one composite alarm a call, and none that another one depends on
    (ekristen/aws-nuke#462)."""
    store, going = _store(call), {call.arn("cloudwatch", f"alarm:{name}") for name in call["AlarmNames"]}
    rules = {arn: kept.alarm["AlarmRule"] for arn, kept in store.alarms.items() if kept.alarm.get("AlarmRule")}
    if len(going & rules.keys()) > 1:
        raise fault("ValidationError", "You may not delete more than one composite alarm in the same call")
    for arn, rule in rules.items():
        needed = _children(call, rule) & going
        if needed and arn not in going:
            name = min(needed).split(":alarm:")[1]
            raise fault("ValidationError", f"Cannot delete {name} as there are composite alarm(s) depending on it.")
    answer = call.stock()
    for arn in going:
        store.TAGS.tags.pop(arn, None)
    return answer


@operations.on("DescribeAlarms")
def describe_alarms(call: Call) -> dict:
    """API reference DescribeAlarms: without AlarmTypes only metric alarms are returned."""
    answer = call.stock()
    types = call.get("AlarmTypes", ["MetricAlarm"])
    lists = (("MetricAlarm", "MetricAlarms"), ("CompositeAlarm", "CompositeAlarms"))
    as_written = lambda alarm: (
        {key: value for key, value in alarm.items() if key != "_Written"}
        | ({"AlarmRule": alarm["_Written"]} if "_Written" in alarm else {})
    )
    found = [(name, as_written(alarm)) for kind, name in lists if kind in types for alarm in answer.get(name) or []]
    some, token = page(found, call.get("NextToken"), call.get("MaxRecords"), _MOST)
    told: dict = {name: [alarm for of, alarm in some if of == name] for _, name in lists}
    return told | ({"NextToken": token} if token else {})


def _known(call: Call) -> None:
    arn = call["ResourceARN"]
    if ":alarm:" in arn and arn not in _store(call).alarms:
        raise fault("ResourceNotFoundException", f"Resource {arn} does not exist", 404)


@operations.on("TagResource", "UntagResource", "ListTagsForResource")
def tags(call: Call) -> dict:
    if ":dashboard/" in call["ResourceARN"]:
        kept = dashboards.tags_at(call, call["ResourceARN"])
        kept.update(pairs(call.get("Tags")))
        for key in call.get("TagKeys", []):
            kept.pop(key, None)
        return {"Tags": listed(kept)} if call.context.operation.name == "ListTagsForResource" else {}
    _known(call)
    return call.stock()


operations.on("PutDashboard")(dashboards.put)
operations.on("GetDashboard")(dashboards.get)
operations.on("DeleteDashboards")(dashboards.delete)
operations.on("ListDashboards")(dashboards.listed)
operations.on("GetMetricData")(metrics.get_metric_data)


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    store = cloudwatch_stores[account][region]
    return {arn: pairs(store.TAGS.list_tags_for_resource(arn)["Tags"]) for arn in list(store.alarms)}
