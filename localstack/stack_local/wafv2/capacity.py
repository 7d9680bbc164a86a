"""What rules need of a web ACL: its capacity units.

https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html, and the page of each statement there, under
"Rule statement characteristics". What AWS saves where rules share a transformation is not in it.
"""

from stack_local.core import Call
from stack_local.wafv2 import managed
from stack_local.wafv2.checks import check_rules
from stack_local.wafv2.state import Invalid, backend_of, operations, state_of

MOST = 5000

_STRING = {"EXACTLY": 2, "STARTS_WITH": 2, "ENDS_WITH": 2, "CONTAINS": 10, "CONTAINS_WORD": 10}
# The base of the statements that look at a component of the request.
_BASE = {"RegexMatchStatement": 3, "RegexPatternSetReferenceStatement": 25, "SizeConstraintStatement": 1, "XssMatchStatement": 40}
_FLAT = {"GeoMatchStatement": 1, "LabelMatchStatement": 1, "AsnMatchStatement": 1}


def _component(base: int, one: dict) -> int:
    """The JSON body costs the base twice, all query arguments ten more, and so does each transformation."""
    component = one.get("FieldToMatch") or {}
    if component.get("JsonBody") is not None:
        base *= 2
    if component.get("AllQueryArguments") is not None:
        base += 10
    return base + 10 * sum(step.get("Type") != "NONE" for step in one.get("TextTransformations") or [])


def of_statement(call: Call, statement: dict | None) -> int:
    for kind, one in (statement or {}).items():
        if one is None:
            continue
        if kind in _FLAT:
            return _FLAT[kind]
        if kind in _BASE:
            return _component(_BASE[kind], one)
        match kind:
            case "ByteMatchStatement":
                return _component(_STRING.get(one.get("PositionalConstraint", ""), 10), one)
            case "SqliMatchStatement":
                return _component(30 if one.get("SensitivityLevel") == "HIGH" else 20, one)
            case "IPSetReferenceStatement":
                return 5 if (one.get("IPSetForwardedIPConfig") or {}).get("Position") == "ANY" else 1
            case "AndStatement" | "OrStatement":
                return sum(of_statement(call, each) for each in one.get("Statements") or [])
            case "NotStatement":
                return of_statement(call, one.get("Statement"))
            case "RateBasedStatement":
                return 2 + 30 * len(one.get("CustomKeys") or []) + of_statement(call, one.get("ScopeDownStatement"))
            case "ManagedRuleGroupStatement":
                found = managed.group(one.get("VendorName"), one.get("Name"))
                return (found.capacity if found else 0) + of_statement(call, one.get("ScopeDownStatement"))
            case "RuleGroupReferenceStatement":
                group = backend_of(call).rule_groups.get(one.get("ARN", ""))
                return group.capacity if group else 0
    return 0


def _of(call: Call, rules: list[dict]) -> int:
    return sum(of_statement(call, rule.get("Statement")) for rule in rules)


def checked(call: Call, rules: list[dict], field: str, most: int = MOST) -> int:
    """The capacity of rules, unless it is more than a web ACL or a group may have: trussworks/terraform-aws-wafv2#87"""
    needed = _of(call, rules)
    if needed > most:
        raise Invalid("You exceeded the capacity limit for a rule group or web ACL.", field, str(needed))
    return needed


@operations.on("CheckCapacity")
def check_capacity(call: Call) -> dict:
    state_of(call)
    rules = call.get("Rules", [])
    check_rules(call, rules)
    return {"Capacity": _of(call, rules)}
