"""Rules: conditions, priorities and their order."""

import copy

from stack_local.core import Call, fault, hex_id
from stack_local.elbv2.actions import read_actions
from stack_local.elbv2.state import (
    State,
    check_groups_of,
    check_tags,
    find,
    invalid,
    listener_of,
    no_listener,
    no_rule,
    operations,
    paged,
    rules_of,
    shown,
    store,
)
from stack_local.quotas import quotas

_CONDITIONS = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
}


def _conditions(conditions: list[dict]) -> list[dict]:
    """Conditions as AWS answers them: paths and hosts in the old form as well as the new one."""
    result = []
    for given in conditions:
        condition = {field: copy.deepcopy(value) for field, value in given.items() if value is not None}
        field = condition.get("Field")
        if field is None:
            field = condition["Field"] = next((name for name, config in _CONDITIONS.items() if config in condition), None)
        if field not in _CONDITIONS:
            raise invalid(f"Condition field '{field}' must be one of '[{', '.join(_CONDITIONS)}]'")
        config = _CONDITIONS[field]
        if field in ("path-pattern", "host-header"):
            values = condition.get("Values") or condition.get(config, {}).get("Values")
            if values:
                condition["Values"], condition[config] = list(values), {"Values": list(values)}
        if not condition.get(config, {}).get("Values"):
            raise invalid("A condition value must be specified")
        result.append(condition)
    if not result:
        raise invalid("A condition must be specified")
    if quotas.exceeded("values-per-rule", sum(len(condition[_CONDITIONS[condition["Field"]]]["Values"]) for condition in result)):
        raise invalid(f"A rule can only have '{quotas.most['values-per-rule']}' condition values")
    return result


def _check_priority(state: State, listener_arn: str, priority: int) -> None:
    if not 1 <= priority <= 50000:
        raise invalid(
            f"1 validation error detected: Value '{priority}' at 'priority' failed to satisfy constraint: Member must be between 1 and 50000"
        )
    for rule in state.rules.values():
        if listener_of(rule["RuleArn"]) == listener_arn and rule["Priority"] == str(priority):
            raise fault("PriorityInUse", f"Priority '{priority}' is currently in use")


@operations.on("CreateRule")
def create_rule(call: Call) -> dict:
    state, listener_arn = store.of(call), call["ListenerArn"]
    listener = find(state.listeners, listener_arn, no_listener)
    balancer = state.balancers[listener["LoadBalancerArn"]]
    _check_priority(state, listener_arn, call["Priority"])
    rule: dict = {
        "RuleArn": f"{listener_arn.replace(':listener/', ':listener-rule/')}/{hex_id(16)}",
        "Priority": str(call["Priority"]),
        "Conditions": _conditions(call["Conditions"]),
        "Actions": read_actions(call, call["Actions"]),
        "IsDefault": False,
    }
    if quotas.exceeded(
        "rules-per-balancer", 1 + sum(not known["IsDefault"] for known in rules_of(state, balancer["LoadBalancerArn"]))
    ):
        raise fault(
            "TooManyRules", f"The maximum number of rules on load balancer {balancer['LoadBalancerArn']} has been reached"
        )
    check_groups_of(state, balancer, rule["Actions"])
    if call.get("Transforms"):
        rule["Transforms"] = call["Transforms"]
    state.tags[rule["RuleArn"]] = check_tags(call.get("Tags"))
    state.rules[rule["RuleArn"]] = rule
    return {"Rules": [shown(rule)]}


def _in_order(rule: dict) -> int:
    return 10**6 if rule["IsDefault"] else int(rule["Priority"])


@operations.on("DescribeRules")
def describe_rules(call: Call) -> dict:
    state = store.of(call)
    if bool(call.get("RuleArns")) == bool(call.get("ListenerArn")):
        raise invalid("You must specify either listener rule ARNs or a listener ARN")
    if arns := call.get("RuleArns"):
        chosen = [find(state.rules, arn, no_rule) for arn in arns]
    else:
        find(state.listeners, call["ListenerArn"], no_listener)
        chosen = sorted((r for r in state.rules.values() if listener_of(r["RuleArn"]) == call["ListenerArn"]), key=_in_order)
    return paged(call, "Rules", chosen)


@operations.on("ModifyRule")
def modify_rule(call: Call) -> dict:
    state = store.of(call)
    rule = find(state.rules, call["RuleArn"], no_rule)
    if rule["IsDefault"]:
        raise fault("OperationNotPermitted", f"Default rule '{rule['RuleArn']}' cannot be modified")
    conditions = _conditions(call["Conditions"]) if call.get("Conditions") else rule["Conditions"]
    actions = read_actions(call, call["Actions"]) if call.get("Actions") else rule["Actions"]
    balancer = state.balancers[state.listeners[listener_of(rule["RuleArn"])]["LoadBalancerArn"]]
    check_groups_of(state, balancer, actions, instead_of=rule)
    rule["Conditions"], rule["Actions"] = conditions, actions
    if call.get("ResetTransforms"):
        rule.pop("Transforms", None)
    if call.get("Transforms"):
        rule["Transforms"] = call["Transforms"]
    return {"Rules": [shown(rule)]}


@operations.on("DeleteRule")
def delete_rule(call: Call) -> dict:
    state = store.of(call)
    rule = find(state.rules, call["RuleArn"], no_rule)
    if rule["IsDefault"]:
        raise fault("OperationNotPermitted", f"Default rule '{rule['RuleArn']}' cannot be deleted")
    del state.rules[rule["RuleArn"]]
    state.tags.pop(rule["RuleArn"], None)
    return {}


@operations.on("SetRulePriorities")
def set_rule_priorities(call: Call) -> dict:
    """All at once, so that two rules can trade places."""
    state = store.of(call)
    wanted = {pair["RuleArn"]: pair["Priority"] for pair in call["RulePriorities"]}
    rules = [find(state.rules, arn, no_rule) for arn in wanted]
    for rule in rules:
        if rule["IsDefault"]:
            raise fault("OperationNotPermitted", f"The priority of the default rule '{rule['RuleArn']}' cannot be changed")
    before = {arn: state.rules[arn]["Priority"] for arn in wanted}
    for rule in rules:
        rule["Priority"] = ""
    try:
        for rule in rules:
            _check_priority(state, listener_of(rule["RuleArn"]), wanted[rule["RuleArn"]])
            rule["Priority"] = str(wanted[rule["RuleArn"]])
    except Exception:
        for arn, priority in before.items():
            state.rules[arn]["Priority"] = priority
        raise
    return {"Rules": [shown(rule) for rule in rules]}
