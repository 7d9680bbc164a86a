"""Tags of balancers, target groups, listeners and rules."""

from stack_local.core import Call, fault, listed
from stack_local.elbv2.state import (
    State,
    check_tags,
    find,
    invalid,
    no_balancer,
    no_group,
    no_listener,
    no_rule,
    operations,
    store,
)


def _check_arn(state: State, arn: str) -> None:
    if ":loadbalancer/" in arn:
        find(state.balancers, arn, no_balancer)
    elif ":targetgroup/" in arn:
        find(state.groups, arn, no_group)
    elif ":listener-rule/" in arn:
        find(state.rules, arn, no_rule)
    elif ":listener/" in arn:
        find(state.listeners, arn, no_listener)
    else:
        raise invalid(f"'{arn}' is not a valid load balancer, target group, listener or rule ARN")


@operations.on("DescribeTags")
def describe_tags(call: Call) -> dict:
    state = store.of(call)
    if len(call["ResourceArns"]) > 20:
        raise invalid("The number of ARNs specified exceeds the maximum of 20")
    for arn in call["ResourceArns"]:
        _check_arn(state, arn)
    return {"TagDescriptions": [{"ResourceArn": arn, "Tags": listed(state.tags[arn])} for arn in call["ResourceArns"]]}


@operations.on("AddTags")
def add_tags(call: Call) -> dict:
    state, tags = store.of(call), check_tags(call["Tags"])
    for arn in call["ResourceArns"]:
        _check_arn(state, arn)
    for arn in call["ResourceArns"]:
        if len(state.tags[arn] | tags) > 50:
            raise fault("TooManyTags", "The quota for the number of tags that can be assigned to a resource has been reached")
        state.tags[arn].update(tags)
    return {}


@operations.on("RemoveTags")
def remove_tags(call: Call) -> dict:
    state = store.of(call)
    for arn in call["ResourceArns"]:
        _check_arn(state, arn)
        for key in call["TagKeys"]:
            state.tags[arn].pop(key, None)
    return {}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    """For the tagging API, which knows balancers and target groups, listeners and rules alike."""
    return store.at(account, region).tags
