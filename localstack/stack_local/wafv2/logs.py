"""Where a web ACL logs to: one place, whose name says that it is for WAF."""

import copy
import re

from localstack.services.s3.models import s3_stores
from moto.logs.models import logs_backends

from stack_local.core import Call, fault
from stack_local.wafv2.state import (
    Invalid,
    State,
    limits,
    listed_by_name,
    no_arn,
    nonexistent,
    operations,
    place_of,
    state_of,
    store,
)

# https://docs.aws.amazon.com/waf/latest/developerguide/logging-destinations.html
_DESTINATIONS = (
    r"arn:[\w-]+:logs:{region}:\d{{12}}:log-group:aws-waf-logs-[^:]*",
    r"arn:[\w-]+:s3:::aws-waf-logs-[^:]*",
    r"arn:[\w-]+:firehose:{region}:\d{{12}}:deliverystream/aws-waf-logs-[^:]*",
)


def _is_there(call: Call, destination: str) -> bool:
    """Whether there is the log group or the bucket; there is no Firehose to ask."""
    name = destination.split(":", 6)[-1] if ":log-group:" in destination else destination.split(":", 5)[-1]
    if ":log-group:" in destination:
        return name in logs_backends[call.account][call.region].groups
    if ":s3:" in destination:
        return any(name in store.buckets for store in dict(s3_stores.get(call.account, {})).values())
    return True


def _state(call: Call, arn: str) -> State:
    return store.at(*place_of(call, arn))


@operations.on("PutLoggingConfiguration")
def put_logging_configuration(call: Call) -> dict:
    wanted = call["LoggingConfiguration"]
    arn, destinations = wanted.get("ResourceArn", ""), wanted.get("LogDestinationConfigs") or []
    state = _state(call, arn)
    if arn not in state.acls:
        raise nonexistent()
    for destination in destinations:
        if not any(re.fullmatch(pattern.format(region=re.escape(call.region)), destination) for pattern in _DESTINATIONS):
            raise no_arn("LOG_DESTINATION", destination)
        if not _is_there(call, destination):
            # Which of its refusals this meets is not documented; the words are of API reference PutLoggingConfiguration.
            raise fault(
                "WAFLogDestinationPermissionIssueException",
                "The operation failed because you don't have the permissions that your logging configuration requires.",
            )
    # API reference LoggingConfiguration, LogDestinationConfigs: one destination to a web ACL.
    if len(destinations) != 1:
        raise limits()
    for condition in (wanted.get("LoggingFilter") or {}).get("Filters", []):
        if not condition.get("Conditions"):
            raise Invalid(
                "You have used none or multiple values for a field that requires exactly one value.",
                "FILTER_CONDITION",
                "Conditions",
            )
    view = {name: copy.deepcopy(value) for name, value in wanted.items() if value is not None}
    state.logging[arn] = view | {"ManagedByFirewallManager": False, "LogType": "WAF_LOGS", "LogScope": "CUSTOMER"}
    return {"LoggingConfiguration": copy.deepcopy(state.logging[arn])}


def _known(call: Call) -> State:
    arn = call["ResourceArn"]
    state = _state(call, arn)
    if arn not in state.logging:
        raise nonexistent()
    return state


@operations.on("GetLoggingConfiguration")
def get_logging_configuration(call: Call) -> dict:
    return {"LoggingConfiguration": copy.deepcopy(_known(call).logging[call["ResourceArn"]])}


@operations.on("DeleteLoggingConfiguration")
def delete_logging_configuration(call: Call) -> dict:
    del _known(call).logging[call["ResourceArn"]]
    return {}


@operations.on("ListLoggingConfigurations")
def list_logging_configurations(call: Call) -> dict:
    views = [copy.deepcopy(view) for view in state_of(call).logging.values()]
    return listed_by_name(call, "LoggingConfigurations", views, "ResourceArn")
