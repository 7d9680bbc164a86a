"""Requests that a web ACL saw. None does here; tests say which it did."""

import copy
import datetime

from stack_local.core import Call, fault, now
from stack_local.wafv2.state import nonexistent, operations, place_of, store

# https://docs.aws.amazon.com/waf/latest/APIReference/API_GetSampledRequests.html: of the last three hours, 500 at most.
_KEPT, _MOST = datetime.timedelta(hours=3), 500
_ACTIONS = ("ALLOW", "BLOCK", "COUNT", "CAPTCHA", "CHALLENGE")


@operations.on("GetSampledRequests")
def get_sampled_requests(call: Call) -> dict:
    arn = call.get("WebAclArn", "")
    state = store.at(*place_of(call, arn))
    if arn not in state.acls:
        raise nonexistent()
    most = call.get("MaxItems", 0)
    if not 1 <= most <= _MOST:
        raise fault(
            "ValidationException",
            f"1 validation error detected: Value '{most}' at 'maxItems' failed to satisfy constraint: Member must be between 1 and {_MOST}",
        )
    metric, window = call.get("RuleMetricName", ""), dict(call["TimeWindow"])
    window["StartTime"] = max(window["StartTime"], now() - _KEPT)
    found = [one for one in state.samples.get((arn, metric), []) if window["StartTime"] <= one["Timestamp"] <= window["EndTime"]]
    if metric in _silent(state.acls[arn].view):
        found = []
    population = sum(one["Weight"] for one in found)
    return {"SampledRequests": copy.deepcopy(found[:most]), "PopulationSize": population, "TimeWindow": window}


def _silent(acl: dict) -> set[str]:
    """The metrics of which no samples are taken."""
    configs = [acl["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in acl["Rules"])]
    return {config["MetricName"] for config in configs if not config["SampledRequestsEnabled"]}


def say_samples(raw) -> None:
    """`{"account": …, "arn": "arn:aws:wafv2:…", "metric": "the-rule", "requests": [{"ip": "192.0.2.1", "action": "BLOCK"}]}`"""
    account, arn, metric = raw["account"], raw["arn"], raw["metric"]
    region = arn.split(":")[3]
    state = store.at(account, "global" if f":{account}:global/" in arn else region)
    if arn not in state.acls:
        raise ValueError(f"there is no web ACL {arn}")
    made = []
    for request in raw["requests"]:
        action = request.get("action", "BLOCK")
        if action not in _ACTIONS:
            raise ValueError(f"the action is one of {', '.join(_ACTIONS)}, not {action!r}")
        headers = [{"Name": name, "Value": value} for name, value in request.get("headers", {}).items()]
        seen = now() - datetime.timedelta(seconds=request.get("seconds-ago", 0))
        sample = {
            "Request": {
                "ClientIP": request.get("ip", "192.0.2.1"),
                "Country": request.get("country", "DE"),
                "URI": request.get("path", "/"),
                "Method": request.get("method", "GET"),
                "HTTPVersion": "HTTP/1.1",
                "Headers": headers,
            },
            "Weight": request.get("weight", 1),
            "Timestamp": seen,
            "Action": action,
        }
        if "rule" in request:
            sample["RuleNameWithinRuleGroup"] = request["rule"]
        made.append(sample)
    state.samples.setdefault((arn, metric), []).extend(made)
