"""Rule groups and sets of expressions: moto's, which names things its own way and lets all of them be deleted."""

from stack_local.core import Call
from stack_local.wafv2 import capacity
from stack_local.wafv2.checks import check_name, check_rules, check_tags, references
from stack_local.wafv2.state import associated, backend_of, duplicate, operations, state_of


@operations.on("CreateRuleGroup")
def create_rule_group(call: Call) -> dict:
    _check_group(call)
    check_name(call, "RULE_GROUP")
    check_tags(call.get("Tags"))
    if any(group.name == call["Name"] for group in backend_of(call).rule_groups.values()):
        raise duplicate()
    return call.stock()


@operations.on("UpdateRuleGroup")
def update_rule_group(call: Call) -> dict:
    _check_group(call)
    return call.stock()


def _check_group(call: Call) -> None:
    state_of(call)
    rules = call.get("Rules", [])
    check_rules(call, rules)
    known = next((one for one in backend_of(call).rule_groups.values() if one.id == call.get("Id")), None)
    capacity.checked(call, rules, "RULE_GROUP", known.capacity if known else call.get("Capacity", capacity.MOST))


@operations.on("CreateRegexPatternSet")
def create_regex_pattern_set(call: Call) -> dict:
    check_name(call, "REGEX_PATTERN_SET")
    check_tags(call.get("Tags"))
    if any(one.name == call["Name"] for one in backend_of(call).regex_pattern_sets.values()):
        raise duplicate()
    return call.stock()


@operations.on("DeleteRuleGroup", "DeleteRegexPatternSet")
def delete(call: Call) -> dict:
    backend, name = backend_of(call), call["Name"]
    kept = backend.rule_groups if call.context.operation.name == "DeleteRuleGroup" else backend.regex_pattern_sets
    arn = next((arn for arn, one in kept.items() if (one.name, one.id) == (name, call["Id"])), None)
    rules = [acl.view["Rules"] for acl in state_of(call).acls.values()]
    rules += [[rule.to_dict() for rule in group.rules] for group in backend.rule_groups.values()]
    if arn and any(arn in references(some) for some in rules):
        raise associated()
    answer = call.stock()
    if arn:
        backend.tagging_service.delete_all_tags_for_resource(arn)
    return answer
