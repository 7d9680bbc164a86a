"""Where a web ACL logs to: one place, whose name says that it is for WAF."""

import copy
import re

from stack_local.core import Call, fault
from stack_local.wafv2.state import Invalid, State, listed_by_name, no_arn, nonexistent, operations, place_of, state_of, store

# https://docs.aws.amazon.com/waf/latest/developerguide/logging-destinations.html
_DESTINATIONS = (
    r"arn:[\w-]+:logs:{region}:\d{{12}}:log-group:aws-waf-logs-[^:]*",
    r"arn:[\w-]+:s3:::aws-waf-logs-[^:]*",
    r"arn:[\w-]+:firehose:{region}:\d{{12}}:deliverystream/aws-waf-logs-[^:]*",
)


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
    # API reference LoggingConfiguration, LogDestinationConfigs: one destination to a web ACL (the words are ours).
    if len(destinations) != 1:
        raise fault(
            "WAFLimitsExceededException",
            "AWS WAF couldn’t perform the operation because you exceeded your resource limit: a web ACL has one logging destination.",
        )
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
