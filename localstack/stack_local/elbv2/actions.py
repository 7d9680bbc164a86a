"""What listeners and rules do with a request."""

import copy
import re

from stack_local.core import Call, fault
from stack_local.elbv2.state import invalid, store


def read_actions(call: Call, actions: list[dict]) -> list[dict]:
    """Actions as AWS answers them: a forward always carries both of its forms where it has one target group."""
    state, result = store.of(call), []
    for number, given in enumerate(actions, start=1):
        action = {field: copy.deepcopy(value) for field, value in given.items() if value is not None}
        if action["Type"] == "forward":
            config = action.get("ForwardConfig") or {}
            groups = config.get("TargetGroups") or (
                [{"TargetGroupArn": action["TargetGroupArn"]}] if action.get("TargetGroupArn") else []
            )
            if not groups:
                raise invalid("A target group ARN must be specified")
            for group in groups:
                if group["TargetGroupArn"] not in state.groups:
                    raise fault("TargetGroupNotFound", f"Target group '{group['TargetGroupArn']}' not found")
                group.setdefault("Weight", 1)
            if len(groups) > 5:
                raise fault("TooManyUniqueTargetGroupsPerLoadBalancer", "A forward action can have at most five target groups")
            config["TargetGroups"] = groups
            config.setdefault("TargetGroupStickinessConfig", {"Enabled": False})
            action["ForwardConfig"] = config
            if len(groups) == 1:
                action["TargetGroupArn"] = groups[0]["TargetGroupArn"]
            else:
                action.pop("TargetGroupArn", None)
        elif action["Type"] == "redirect":
            config = action.get("RedirectConfig") or {}
            if config.get("StatusCode") not in ("HTTP_301", "HTTP_302"):
                raise invalid("A redirect must have the status code HTTP_301 or HTTP_302")
            action["RedirectConfig"] = {
                "Protocol": "#{protocol}",
                "Port": "#{port}",
                "Host": "#{host}",
                "Path": "/#{path}",
                "Query": "#{query}",
            } | config
        elif action["Type"] == "fixed-response":
            if not re.fullmatch(r"[245]\d\d", (action.get("FixedResponseConfig") or {}).get("StatusCode", "")):
                raise invalid(f"The status code of the fixed response in action {number} must be 2XX, 4XX or 5XX")
        elif action["Type"] not in ("authenticate-oidc", "authenticate-cognito"):
            raise fault("InvalidLoadBalancerAction", f"Action type '{action['Type']}' is not valid")
        if len(actions) > 1:
            action.setdefault("Order", number)
        result.append(action)
    return result
