"""What the load balancers are made of: everything kept, in the shape that AWS answers in, and how to find it."""

import copy
import re
from typing import TypeVar

from stack_local.core import Call, Operations, Store, fault, page, pairs
from stack_local.quotas import quotas

_Shape = TypeVar("_Shape")

operations = Operations("elbv2")


class State:
    def __init__(self):
        self.balancers: dict[str, dict] = {}  # all by ARN, in AWS's shape
        self.groups: dict[str, dict] = {}
        self.listeners: dict[str, dict] = {}
        self.rules: dict[str, dict] = {}
        self.attributes: dict[str, dict[str, str]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.certificates: dict[str, list[str]] = {}  # of a listener, beside its default one
        self.targets: dict[str, dict[tuple[str, int], Target]] = {}
        self.created_as: dict[str, dict] = {}  # what a create asked for: the same again answers the same
        self.timers: dict[str, object] = {}
        self.doomed: set[str] = set()  # balancers that will fail


class Target:
    def __init__(self, description: dict, timer):
        self.description, self.timer = description, timer


store = Store(State)


def invalid(message: str):
    return fault("ValidationError", message)


def no_balancer(arn: str):
    return fault("LoadBalancerNotFound", f"Load balancers '[{arn}]' not found")


def no_group(arn: str):
    return fault("TargetGroupNotFound", f"Target groups '{arn}' not found")


def no_listener(arn: str):
    return fault("ListenerNotFound", f"Listener '{arn}' not found")


def no_rule(arn: str):
    return fault("RuleNotFound", f"Rules '{arn}' not found")


def find(kept: dict, arn: str, missing):
    if arn not in kept:
        raise missing(arn)
    return kept[arn]


def check_name(what: str, name: str) -> None:
    if len(name) > 32:
        raise invalid(f"The {what} name '{name}' cannot be longer than '32' characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        raise invalid(f"The {what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)")
    if name.startswith("-") or name.endswith("-"):
        raise invalid(f"The {what} name '{name}' cannot begin or end with '-'")


def check_tags(tags) -> dict[str, str]:
    keys = [tag["Key"] for tag in tags or []]
    if len(keys) != len(set(keys)):
        raise fault("DuplicateTagKeys", "A tag key was specified more than once")
    if len(keys) > 50:
        raise fault("TooManyTags", "The quota for the number of tags that can be assigned to a resource has been reached")
    return pairs(tags)


def shown(kept: _Shape) -> _Shape:
    return copy.deepcopy(kept)


def paged(call: Call, member: str, items: list[dict], most: int = 400) -> dict:
    items, marker = page(items, call.get("Marker"), call.get("PageSize"), most)
    answer = {member: [shown(item) for item in items]}
    return answer | ({"NextMarker": marker} if marker else {})


def balancers_of(state: State, group_arn: str) -> list[str]:
    found = []
    for rule in state.rules.values():
        if group_arn in forwarded(rule["Actions"]):
            balancer = state.listeners[listener_of(rule["RuleArn"])]["LoadBalancerArn"]
            if balancer not in found:
                found.append(balancer)
    return found


def forwarded(actions: list[dict]) -> list[str]:
    """The target groups that some actions forward to."""
    found = []
    for action in actions:
        if action["Type"] == "forward":
            found += [group["TargetGroupArn"] for group in action.get("ForwardConfig", {}).get("TargetGroups", [])]
            if action.get("TargetGroupArn"):
                found.append(action["TargetGroupArn"])
    return found


def rules_of(state: State, balancer_arn: str) -> list[dict]:
    return [
        rule for rule in state.rules.values() if state.listeners[listener_of(rule["RuleArn"])]["LoadBalancerArn"] == balancer_arn
    ]


def check_groups_of(state: State, balancer: dict, actions: list[dict], instead_of: dict | None = None) -> None:
    """Refuses actions that would lead the balancer to more target groups than it may have, or to another balancer's.

    A target group has one balancer: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
    ("Load balancers per target group: 1, not adjustable").
    """
    for group in forwarded(actions):
        if any(other != balancer["LoadBalancerArn"] for other in balancers_of(state, group)):
            raise fault(
                "TargetGroupAssociationLimit",
                f"The following target groups cannot be associated with more than one load balancer: {group}",
            )
    every = set(forwarded(actions))
    for rule in rules_of(state, balancer["LoadBalancerArn"]):
        if rule is not instead_of:
            every.update(forwarded(rule["Actions"]))
    if quotas.exceeded("target-groups-per-balancer", len(every)):
        most = quotas.most["target-groups-per-balancer"]
        raise fault(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            f"You have reached the maximum number of unique target groups that you can associate with a load balancer of type '{balancer['Type']}': [{most}]",
        )


def listener_of(rule_arn: str) -> str:
    return rule_arn.rsplit("/", 1)[0].replace(":listener-rule/", ":listener/")
