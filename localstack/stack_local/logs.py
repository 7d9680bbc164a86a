"""CloudWatch Logs: the keys that encrypt log groups, which moto knows only from their creation, and tags that come later."""

import datetime
import re
import uuid

from localstack.services.logs.models import logs_stores
from moto.logs.models import logs_backends

from stack_local import states
from stack_local.core import Call, Operations, fault

operations = Operations("logs")


def _group(call: Call):
    name = call.get("logGroupName") or call.get("resourceIdentifier", "").split(":log-group:")[-1].removesuffix(":*")
    group = logs_backends[call.account][call.region].groups.get(name)
    if group is None:
        raise fault("ResourceNotFoundException", "The specified log group does not exist.")
    return group


@operations.on("AssociateKmsKey")
def associate(call: Call) -> dict:
    _group(call).kms_key_id = call["kmsKeyId"]
    return {}


@operations.on("DisassociateKmsKey")
def disassociate(call: Call) -> dict:
    _group(call).kms_key_id = None
    return {}


@operations.on("TagResource")
def tag_resource(call: Call) -> dict:
    """LocalStack adds to the tags that there are, and forgets the new ones where there are none."""
    logs_stores[call.account][call.region].TAGS.setdefault(call["resourceArn"], {})
    return call.stock()


@operations.on("TagLogGroup")
def tag_log_group(call: Call) -> dict:
    _group(call)
    logs_stores[call.account][call.region].TAGS.setdefault(call.arn("logs", f"log-group:{call['logGroupName']}"), {})
    return call.stock()


def _matches(pattern: str, message: str) -> bool:
    """Whether a line matches a pattern of terms
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html): all plain terms and phrases, none with a
    minus, and one of those with a question mark, which count for nothing beside others."""
    terms = re.findall(r'([-?]?)(?:"([^"]*)"|(\S+))', pattern)
    terms = [(sign, phrase or term) for sign, phrase, term in terms]
    plain = [term for sign, term in terms if not sign]
    without = [term for sign, term in terms if sign == "-"]
    either = [term for sign, term in terms if sign == "?"]
    if any(term in message for term in without) or not all(term in message for term in plain):
        return False
    return bool(plain or without or not either) or any(term in message for term in either)


@operations.on("FilterLogEvents")
def filter_events(call: Call) -> dict:
    """moto returns one stream after the other unless it is asked to mix them, which is not a choice any more: "the value is assumed
    to be true" (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html). LocalStack has no
    patterns."""
    pattern = call.get("filterPattern") or ""
    if pattern.lstrip().startswith(("{", "[", "%")):
        raise fault("NotImplemented", f"the local AWS has no patterns such as `{pattern}`", 501)
    answer = call.moto({**call.request, "interleaved": True, "filterPattern": ""})
    return answer | {"events": [event for event in answer["events"] if _matches(pattern, event["message"])]}


def _filters(call: Call) -> list[dict]:
    return logs_backends[call.account][call.region].filters.metric_filters


@operations.on("DescribeLogGroups")
def describe_log_groups(call: Call) -> dict:
    """API reference LogGroup: each is returned with the number of its metric filters."""
    answer = call.stock()
    count = lambda group: sum(one["logGroupName"] == group["logGroupName"] for one in _filters(call))
    return answer | {"logGroups": [group | {"metricFilterCount": count(group)} for group in answer.get("logGroups", [])]}


@operations.on("PutMetricFilter")
def put_metric_filter(call: Call) -> dict:
    """API reference PutMetricFilter: of a group that exists; a hundred at most; no default with dimensions (MetricTransformation)."""
    _group(call)
    for transformation in call["metricTransformations"]:
        if transformation.get("dimensions") and transformation.get("defaultValue") is not None:
            raise fault(
                "InvalidParameterException", "Invalid metric transformation: dimensions and default value are mutually exclusive."
            )
    here = [one for one in _filters(call) if one["logGroupName"] == call["logGroupName"]]
    if call["filterName"] not in {one["filterName"] for one in here} and len(here) >= 100:
        raise fault("LimitExceededException", "Resource limit exceeded.")
    # moto would have two of the name.
    kept = _filters(call)
    kept[:] = [one for one in kept if (one["logGroupName"], one["filterName"]) != (call["logGroupName"], call["filterName"])]
    return call.stock()


@operations.on("DeleteMetricFilter")
def delete_metric_filter(call: Call) -> dict:
    _group(call)
    if not any((one["logGroupName"], one["filterName"]) == (call["logGroupName"], call["filterName"]) for one in _filters(call)):
        raise fault("ResourceNotFoundException", "The specified metric filter does not exist.")
    return call.stock()


@operations.on("DeleteLogGroup")
def delete_log_group(call: Call) -> dict:
    """Its filters and tags are deleted with it: a new group with the name has none."""
    answer = call.stock()
    filters = _filters(call)
    filters[:] = [one for one in filters if one["logGroupName"] != call["logGroupName"]]
    logs_stores[call.account][call.region].TAGS.pop(call.arn("logs", f"log-group:{call['logGroupName']}"), None)
    return answer


_QUERIES: dict[tuple[str, str], dict[str, dict]] = {}
_QUERY_TOKENS: dict[tuple[str, str, str], str] = {}


def _queries(call: Call) -> dict[str, dict]:
    return _QUERIES.setdefault((call.account, call.region), {})


@operations.on("PutQueryDefinition")
def put_query_definition(call: Call) -> dict:
    """API reference PutQueryDefinition: without an ID it makes another one, whatever others are called; a token is answered with what it made.
    With an ID everything is replaced, and log groups that are left out are cleared."""
    token, key = call.get("clientToken"), call.get("queryDefinitionId")
    if token is not None and not re.fullmatch(r"\S{36,128}", token):
        raise fault("InvalidParameterException", "clientToken must have 36 to 128 characters")
    if not 1 <= len(call["name"]) <= 255 or not 1 <= len(call["queryString"]) <= 10_000:
        raise fault("InvalidParameterException", "name and queryString must have at most 255 and 10000 characters")
    names = call.get("logGroupNames") or []
    if any(name not in logs_backends[call.account][call.region].groups for name in names):
        raise fault("ResourceNotFoundException", "The specified log group does not exist.")
    if key is None:
        key = _QUERY_TOKENS.get((call.account, call.region, token)) if token else None
        if key is not None and key in _queries(call):
            return {"queryDefinitionId": key}
        key = str(uuid.uuid4())
        if token:
            _QUERY_TOKENS[call.account, call.region, token] = key
    elif key not in _queries(call):
        raise fault("ResourceNotFoundException", "The specified query definition does not exist.")
    _queries(call)[key] = {
        "queryDefinitionId": key,
        "name": call["name"],
        "queryString": call["queryString"],
        "queryLanguage": call.get("queryLanguage", "CWLI"),
        "logGroupNames": list(names),
        "lastModified": int(datetime.datetime.now().timestamp() * 1000),
    }
    return {"queryDefinitionId": key}


@operations.on("DescribeQueryDefinitions")
def describe_query_definitions(call: Call) -> dict:
    found = sorted(_queries(call).values(), key=lambda one: one["name"])
    found = [one for one in found if one["name"].startswith(call.get("queryDefinitionNamePrefix") or "")]
    start, most = int(call.get("nextToken") or 0), call.get("maxResults") or 1000
    rest = {"nextToken": str(start + most)} if start + most < len(found) else {}
    return {"queryDefinitions": found[start : start + most]} | rest


@operations.on("DeleteQueryDefinition")
def delete_query_definition(call: Call) -> dict:
    if _queries(call).pop(call["queryDefinitionId"], None) is None:
        raise fault("ResourceNotFoundException", "The specified query definition does not exist.")
    return {"success": True}


@states.of("logs.group")
def _say(account: str, region: str, name: str, status: str) -> None:
    """Has a log group be older: since when it is there."""
    group = logs_backends[account][region].groups.get(name)
    if group is None:
        raise ValueError(f"there is no log group {name}")
    group.creation_time = int(datetime.datetime.fromisoformat(status).timestamp() * 1000)
