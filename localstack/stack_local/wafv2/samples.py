"""Requests that a web ACL saw. None does here; tests say which it did."""

import copy
import datetime

from stack_local.core import Call, now
from stack_local.wafv2.state import nonexistent, operations, place_of, store

_ACTIONS = ("ALLOW", "BLOCK", "COUNT", "CAPTCHA", "CHALLENGE")


@operations.on("GetSampledRequests")
def get_sampled_requests(call: Call) -> dict:
    arn = call.get("WebAclArn", "")
    state = store.at(*place_of(call, arn))
    if arn not in state.acls:
        raise nonexistent()
    window = call["TimeWindow"]
    metric = call.get("RuleMetricName", "")
    found = [s for s in state.samples.get((arn, metric), []) if window["StartTime"] <= s["Timestamp"] <= window["EndTime"]]
    some = copy.deepcopy(found[: call.get("MaxItems", 100)])
    return {"SampledRequests": some, "PopulationSize": len(found), "TimeWindow": dict(window)}


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
            "Weight": 1,
            "Timestamp": seen,
            "Action": action,
        }
        if "rule" in request:
            sample["RuleNameWithinRuleGroup"] = request["rule"]
        made.append(sample)
    state.samples.setdefault((arn, metric), []).extend(made)
