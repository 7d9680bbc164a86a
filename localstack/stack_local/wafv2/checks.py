"""What WAF refuses in what it is given, in AWS's words.

The reasons are those of API reference WAFInvalidParameterException as AWS gives them (hashicorp/terraform-provider-aws#14120,
#29321, #34320, aws/aws-cli#5571).
"""

import copy
import ipaddress
import re
from collections.abc import Iterator

from stack_local.core import Call
from stack_local.wafv2 import managed
from stack_local.wafv2.state import Invalid, backend_of, limits, nonexistent, state_of, unavailable

_ONE = "You have used none or multiple values for a field that requires exactly one value."
_TOO_LITTLE = (
    "You haven't met a minimum requirement for a threshold setting. Examples include a rule group capacity setting that's too low "
    "and an OR statement with only one nested statement."
)
_REFERENCE = "A reference in your rule statement is not valid."
_VALUE = "The parameter contains formatting that is not valid."

# Statements that are whole rule groups: their rules have actions of their own.
_GROUPS = ("ManagedRuleGroupStatement", "RuleGroupReferenceStatement")
_ACTIONS = ("Block", "Allow", "Count", "Captcha", "Challenge")
# Statements that look at a component of the request, after transformations.
_COMPONENTS = (
    "ByteMatchStatement",
    "RegexMatchStatement",
    "RegexPatternSetReferenceStatement",
    "SizeConstraintStatement",
    "SqliMatchStatement",
    "XssMatchStatement",
)


def _set(given: dict | None, names: tuple[str, ...] | None = None) -> list[str]:
    """The members that have a value: an empty object is one."""
    return [name for name, value in (given or {}).items() if value is not None and (names is None or name in names)]


def check_name(call: Call, field: str) -> None:
    if not re.fullmatch(r"[\w-]{1,128}", call.get("Name", ""), re.ASCII):
        raise Invalid(_VALUE, field, call.get("Name", ""))


def check_description(call: Call, field: str) -> None:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html, Description."""
    text = call.get("Description")
    if text is not None and not (
        len(text) <= 256 and re.fullmatch(r"[\w+=:#@/\-,.][\w+=:#@/\-,.\s]+[\w+=:#@/\-,.]", text, re.ASCII)
    ):
        raise Invalid(_VALUE, field, text)


def check_tags(tags: list[dict] | None) -> list[dict]:
    keys = [tag["Key"] for tag in tags or []]
    if len(keys) != len(set(keys)) or any(key.lower().startswith("aws:") for key in keys):
        raise Invalid(_VALUE, "TAGS", ",".join(keys))
    return tags or []


def check_addresses(version: str, addresses: list[str]) -> list[str]:
    """The addresses as they are returned: of version 6 with every digit (hashicorp/terraform-provider-aws#31178).

    https://docs.aws.amazon.com/waf/latest/APIReference/API_IPSet.html, Addresses: CIDR notation, any but /0, 10,000 at most. The
    words, and that a network of version 4 has no bits of a host: aws-samples/dcv-web-portal#10, aws/aws-cdk#20003.
    """
    if version not in ("IPV4", "IPV6"):
        raise Invalid(_VALUE, "IP_ADDRESS_VERSION", version)
    if len(addresses) > 10_000:
        raise limits()
    return [_address(version, address) for address in addresses]


def _address(version: str, address: str) -> str:
    number, slash, length = address.partition("/")
    try:
        network = ipaddress.ip_network(address, strict=version == "IPV4")
        if slash and network.prefixlen and network.version == int(version[-1]):
            return f"{ipaddress.ip_address(number).exploded}/{length}"
    except ValueError:
        pass
    raise Invalid(_VALUE, "IP_ADDRESS", address)


def _check_visibility(owner: dict, field: str, parameter: str) -> None:
    config = owner.get("VisibilityConfig")
    if not config or any(
        config.get(name) is None for name in ("SampledRequestsEnabled", "CloudWatchMetricsEnabled", "MetricName")
    ):
        raise Invalid(_ONE, field, parameter)
    if not re.fullmatch(r"[\w#:./-]{1,255}", config["MetricName"], re.ASCII):
        raise Invalid(_VALUE, "METRIC_NAME", config["MetricName"])


def check_acl(call: Call, rules: list[dict]) -> None:
    default = call.get("DefaultAction", {})
    if len(_set(default)) != 1 or not _set(default, ("Allow", "Block")):
        raise Invalid(_ONE, "DEFAULT_ACTION", "DefaultAction")
    _check_visibility(call.request, "WEB_ACL", "VisibilityConfig")
    check_rules(call, rules)
    bodies = call.get("CustomResponseBodies", {})
    blocks = [default.get("Block"), *((rule.get("Action") or {}).get("Block") for rule in rules)]
    for block in blocks:
        key = ((block or {}).get("CustomResponse") or {}).get("CustomResponseBodyKey")
        if key is not None and key not in bodies:
            raise Invalid(_REFERENCE, "CUSTOM_RESPONSE", key)


def check_rules(call: Call, rules: list[dict]) -> None:
    for member, field in (("Priority", "RULE"), ("Name", "RULE")):
        values = [rule.get(member) for rule in rules]
        if len(values) != len(set(values)):
            twice = next(value for value in values if values.count(value) > 1)
            # https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-processing-order.html: unique (own wording).
            raise Invalid(f"Each rule in a rule group or web ACL must have a unique {member.lower()}.", field, str(twice))
    for rule in rules:
        _check_visibility(rule, "RULE", "VisibilityConfig")
        _check_actions(rule)
        _check_statement(call, rule.get("Statement"), top=True)


def _check_actions(rule: dict) -> None:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_Rule.html: Action, or OverrideAction of a rule group; never both."""
    wanted = "OverrideAction" if _set(rule.get("Statement"), _GROUPS) else "Action"
    if _set(rule, ("Action", "OverrideAction")) != [wanted]:
        raise Invalid(_ONE, "RULE", "Rule")
    if wanted == "Action" and (len(_set(rule["Action"])) != 1 or not _set(rule["Action"], _ACTIONS)):
        raise Invalid(_ONE, "RULE_ACTION", "RuleAction")
    if wanted == "OverrideAction" and (len(_set(rule[wanted])) != 1 or not _set(rule[wanted], ("Count", "None"))):
        raise Invalid(_ONE, "OVERRIDE_ACTION", "OverrideAction")


def _check_statement(call: Call, statement: dict | None, top: bool = False) -> None:
    kinds = _set(statement)
    if statement is None or len(kinds) != 1:
        raise Invalid(_ONE, "STATEMENT", "Statement")
    kind, one = kinds[0], statement[kinds[0]]
    # They cannot be nested: https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html
    if not top and kind in (*_GROUPS, "RateBasedStatement"):
        raise Invalid(_REFERENCE, "STATEMENT", kind)
    if kind in _COMPONENTS:
        _check_component(one)
    match kind:
        case "AndStatement" | "OrStatement":
            if len(one.get("Statements") or []) < 2:
                raise Invalid(_TOO_LITTLE, f"{kind.removesuffix('Statement').upper()}_STATEMENT", kind)
            for each in one["Statements"]:
                _check_statement(call, each)
        case "NotStatement":
            _check_statement(call, one.get("Statement"))
        case "IPSetReferenceStatement":
            found = state_of(call).sets.get(one.get("ARN", ""))
            if found is None:
                raise nonexistent()
            if not found.timer.done():
                raise unavailable()
        case "RegexPatternSetReferenceStatement":
            if one.get("ARN") not in backend_of(call).regex_pattern_sets:
                raise nonexistent()
        case "RuleGroupReferenceStatement":
            if one.get("ARN") not in backend_of(call).rule_groups:
                raise nonexistent()
        case "ManagedRuleGroupStatement":
            _check_managed(call, one)
        case "RateBasedStatement":
            _check_rate(call, one)


def _check_component(one: dict) -> None:
    if len(_set(one.get("FieldToMatch"))) != 1:
        raise Invalid(_ONE, "FIELD_TO_MATCH", "FieldToMatch")
    steps = one.get("TextTransformations") or []
    if not steps or len({step.get("Priority") for step in steps}) != len(steps):
        raise Invalid(_TOO_LITTLE, "TEXT_TRANSFORMATION", "TextTransformations")


def _check_managed(call: Call, one: dict) -> None:
    found = managed.group(one.get("VendorName"), one.get("Name"))
    if found is None:
        raise managed.unknown(one.get("VendorName"), one.get("Name"))
    if one.get("Version") is not None:
        managed.check_version(call, one["Name"], one["Version"])
    named = [each.get("Name") for member in ("RuleActionOverrides", "ExcludedRules") for each in one.get(member) or []]
    for name in named:
        if name not in found.rules:
            raise Invalid(_REFERENCE, "EXCLUDED_RULE", str(name))
    for override in one.get("RuleActionOverrides") or []:
        if len(_set(override.get("ActionToUse"), _ACTIONS)) != 1:
            raise Invalid(_ONE, "RULE_ACTION", "RuleAction")
    if found.configured and not any(_set(config) for config in one.get("ManagedRuleGroupConfigs") or []):
        raise Invalid(_ONE, "MANAGED_RULE_GROUP_CONFIG", "ManagedRuleGroupConfig")
    if one.get("ScopeDownStatement") is not None:
        _check_statement(call, one["ScopeDownStatement"])


def _check_rate(call: Call, one: dict) -> None:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html"""
    limit, window, by = one.get("Limit", 0), one.get("EvaluationWindowSec"), one.get("AggregateKeyType")
    if not 10 <= limit <= 2_000_000_000:
        raise Invalid(_VALUE, "RATE_BASED_STATEMENT", str(limit))
    if window is not None and window not in (60, 120, 300, 600):
        raise Invalid(_VALUE, "RATE_BASED_STATEMENT", str(window))
    if by not in ("IP", "FORWARDED_IP", "CUSTOM_KEYS", "CONSTANT"):
        raise Invalid(_VALUE, "RATE_BASED_STATEMENT", str(by))
    if (by == "FORWARDED_IP") != (one.get("ForwardedIPConfig") is not None) and not (
        by == "CUSTOM_KEYS" and one.get("CustomKeys")
    ):
        raise Invalid(_ONE, "FORWARDED_IP_CONFIG", "ForwardedIPConfig")
    if (by == "CUSTOM_KEYS") != bool(one.get("CustomKeys")) or any(len(_set(key)) != 1 for key in one.get("CustomKeys") or []):
        raise Invalid(_ONE, "CUSTOM_KEYS", "CustomKeys")
    if by == "CONSTANT" and one.get("ScopeDownStatement") is None:
        raise Invalid(_ONE, "SCOPE_DOWN", "ScopeDownStatement")
    if one.get("ScopeDownStatement") is not None:
        _check_statement(call, one["ScopeDownStatement"])


def complete_rules(rules: list[dict]) -> list[dict]:
    """Rules as they are returned: AWS fills in how long rates are counted."""
    told = copy.deepcopy([{name: value for name, value in rule.items() if value is not None} for rule in rules])
    for rule in told:
        rate = rule["Statement"].get("RateBasedStatement")
        if rate is not None and rate.get("EvaluationWindowSec") is None:
            rate["EvaluationWindowSec"] = 300
    return told


def references(rules: list[dict]) -> set[str]:
    """The ARNs of the sets and groups that rules name."""

    def of(value) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("ARN"), str):
                yield value["ARN"]
            value = list(value.values())
        if isinstance(value, list):
            for inside in value:
                yield from of(inside)

    return set(of(rules))
