"""`SimulatePrincipalPolicy`: what IAM would decide, by its evaluation logic.

Identity policies (inline, managed, those of a user's groups), permissions boundaries, `NotAction`, `NotResource`, wildcards,
conditions and policy variables are evaluated; resource policies, SCPs and session policies are not, of which this AWS has none.
What AWS says of it:
https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import dataclasses
import datetime
import functools
import ipaddress
import json
import re

from moto.iam.models import iam_backends

from stack_local.core import Call, fault

# A user, a group or a role, with a path.
_ENTITY = re.compile(r"arn:aws[\w-]*:iam::\d{12}:(user|group|role)/(?:[\x21-\x7e]+/)?([^/]+)")
_ACTION = re.compile(r"[\w-]+:[\w*?-]+")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclasses.dataclass
class Policy:
    """A document and how the simulator calls it."""

    name: str
    statements: list[dict]


@dataclasses.dataclass
class Decided:
    """The decision on an action and a resource."""

    decision: str
    matched: list[str]
    missing: list[str]
    bounded: bool | None


def _listed(value) -> list:
    return value if isinstance(value, list) else [value]


def _statements(document) -> list[dict]:
    document = json.loads(document) if isinstance(document, str) else document
    return _listed(document["Statement"])


@functools.lru_cache(maxsize=4096)
def _pattern(text: str, folded: bool) -> re.Pattern:
    """`*` stands for any characters, `?` for one; letters are compared as they are unless `folded`."""
    parts = ("".join(".*" if c == "*" else "." if c == "?" else re.escape(c)) for c in text)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if folded else 0))


def _like(pattern: str, value: str, folded: bool = False) -> bool:
    return _pattern(pattern, folded).fullmatch(value) is not None


def _arn_like(pattern: str, value: str) -> bool:
    """Each of the six parts of an ARN by itself."""
    wanted, told = pattern.split(":", 5), value.split(":", 5)
    if pattern == "*":
        return True
    return len(wanted) == len(told) == 6 and all(_like(a, b) for a, b in zip(wanted, told, strict=True))


def _number(value: str) -> float:
    return float(value)


def _moment(value: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()


def _within(wanted: str, told: str) -> bool:
    return ipaddress.ip_address(told) in ipaddress.ip_network(wanted, strict=False)


def _ordered(read, compare):
    return lambda wanted, told: compare(read(told), read(wanted))


def _same(read):
    return _ordered(read, lambda a, b: a == b)


# By operator: whether a value that the request has is as one that the policy has.
_OPERATORS = {
    "StringEquals": lambda wanted, told: wanted == told,
    "StringEqualsIgnoreCase": lambda wanted, told: wanted.lower() == told.lower(),
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "NumericEquals": _same(_number),
    "NumericLessThan": _ordered(_number, lambda a, b: a < b),
    "NumericLessThanEquals": _ordered(_number, lambda a, b: a <= b),
    "NumericGreaterThan": _ordered(_number, lambda a, b: a > b),
    "NumericGreaterThanEquals": _ordered(_number, lambda a, b: a >= b),
    "DateEquals": _same(_moment),
    "DateLessThan": _ordered(_moment, lambda a, b: a < b),
    "DateLessThanEquals": _ordered(_moment, lambda a, b: a <= b),
    "DateGreaterThan": _ordered(_moment, lambda a, b: a > b),
    "DateGreaterThanEquals": _ordered(_moment, lambda a, b: a >= b),
    "Bool": lambda wanted, told: wanted.lower() == told.lower(),
    "BinaryEquals": lambda wanted, told: wanted == told,
    "IpAddress": _within,
}
# What says that none of the values is so: true of a key that is not there.
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}


class Request:
    """An action on a resource, and what is known about the call."""

    def __init__(self, action: str, resource: str, context: dict[str, list[str]]):
        self.action, self.resource = action, resource
        # The names of keys are the same in capitals and small letters.
        self._context = {name.lower(): values for name, values in context.items()}
        self.missing: list[str] = []

    def of(self, key: str) -> list[str] | None:
        values = self._context.get(key.lower())
        if values is None and key not in self.missing:
            self.missing.append(key)
        return values

    def filled(self, text: str) -> str | None:
        """The text with its variables replaced; none where one is not known, which then matches nothing."""
        unknown = False

        def value(found: re.Match) -> str:
            nonlocal unknown
            name, _, default = found[1].partition(",")
            if name in ("*", "?", "$"):
                return name
            values = self.of(name.strip())
            if values and len(values) == 1:
                return values[0]
            if default:
                return default.strip().strip("'\"")
            unknown = True
            return ""

        out = _VARIABLE.sub(value, text)
        return None if unknown else out

    def names(self, statement: dict) -> bool:
        """Whether the statement is about the action and the resource."""
        if "NotAction" in statement:
            acts = not any(_like(one, self.action, True) for one in _listed(statement["NotAction"]))
        else:
            acts = any(_like(one, self.action, True) for one in _listed(statement.get("Action", [])))
        return acts and self._is_about(statement)

    def _is_about(self, statement: dict) -> bool:
        said = "NotResource" if "NotResource" in statement else "Resource"
        filled = [self.filled(one) for one in _listed(statement.get(said, []))]
        is_named = any(one is not None and _like(one, self.resource) for one in filled)
        return not is_named if said == "NotResource" else is_named

    def meets(self, statement: dict) -> bool:
        """Whether all conditions hold."""
        return all(
            self._holds(operator, key, [str(value) for value in _listed(values)])
            for operator, keys in (statement.get("Condition") or {}).items()
            for key, values in keys.items()
        )

    def _holds(self, operator: str, key: str, wanted: list[str]) -> bool:
        quantified, _, rest = operator.rpartition(":")
        rest, if_exists = rest.removesuffix("IfExists"), rest.endswith("IfExists")
        if rest == "Null":
            # A key that a policy asks about in this way need not be given.
            return (self._context.get(key.lower()) is None) == (wanted[0].lower() == "true")
        told = self.of(key)
        negated = rest in _NEGATED
        if not told:
            return if_exists or quantified == "ForAllValues" or (negated and quantified != "ForAnyValue")
        compare = _OPERATORS.get(_NEGATED.get(rest, rest))
        if compare is None:
            raise fault("InvalidInput", f"Invalid condition operator: {operator}")
        filled = [self.filled(value) for value in wanted]

        def one(value: str) -> bool:
            try:
                found = any(known is not None and compare(known, value) for known in filled)
            except ValueError:
                found = False
            return found != negated

        return any(map(one, told)) if quantified == "ForAnyValue" else all(map(one, told))


def decide(
    policies: list[Policy], action: str, resource: str, context: dict[str, list[str]], boundary: list[Policy] | None = None
) -> Decided:
    """An explicit denial wins; then what is allowed, as far as the boundary allows it too; else it is denied."""
    request = Request(action, resource, context)

    def matching(policies: list[Policy], effect: str) -> list[str]:
        said = [
            policy.name
            for policy in policies
            for statement in policy.statements
            if statement["Effect"] == effect and request.names(statement) and request.meets(statement)
        ]
        return list(dict.fromkeys(said))

    denied, allowed = matching(policies, "Deny"), matching(policies, "Allow")
    bounded = None
    if boundary is not None:
        bounded = bool(matching(boundary, "Allow")) and not matching(boundary, "Deny")
    if denied:
        return Decided("explicitDeny", denied, request.missing, bounded)
    if allowed and bounded is not False:
        return Decided("allowed", allowed, request.missing, bounded)
    return Decided("implicitDeny", [] if bounded is not False else allowed, request.missing, bounded)


def _managed(policies) -> list[Policy]:
    return [
        Policy(policy.name, _statements(version.document))
        for policy in policies
        for version in policy.versions
        if version.version_id == policy.default_version_id
    ]


def principal(account: str, arn: str) -> tuple[list[Policy], list[Policy] | None]:
    """The policies of a user, a group or a role, those of a user's groups too; and its boundary."""
    backend = iam_backends[account]["aws"]
    if not (found := _ENTITY.fullmatch(arn)):
        # As quoted in newrelic/newrelic-lambda-cli#96.
        raise fault("InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    kind, name = found.groups()
    known = {
        "user": lambda: backend.users.get(name),
        "group": lambda: backend.groups.get(name),
        "role": lambda: next((role for role in backend.roles.values() if role.name == name), None),
    }
    it = known[kind]()
    if it is None or it.arn != arn:
        raise fault("NoSuchEntity", f"The {kind} with name {name} cannot be found.", status=404)
    holders = [(kind, it)]
    if kind == "user":
        holders += [("group", group) for group in backend.groups.values() if it in group.users]
    policies: list[Policy] = []
    for sort, holder in holders:
        # Inline policies are called so by the simulator.
        policies += [
            Policy(f"{sort}_{holder.name}_{inline}", _statements(document)) for inline, document in holder.policies.items()
        ]
        policies += _managed(holder.managed_policies.values())
    boundary = getattr(it, "permissions_boundary_arn" if kind == "role" else "permissions_boundary", None)
    if not boundary:
        return policies, None
    # One that is gone allows nothing.
    return policies, _managed(filter(None, [backend.managed_policies.get(boundary)]))


def _refuse_what_is_wrong(call: Call) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html, its lengths and ranges."""
    invalid = lambda what, how: fault(
        "ValidationError", f"1 validation error detected: Value at '{what}' failed to satisfy {how}"
    )
    if not 20 <= len(call["PolicySourceArn"]) <= 2048:
        raise invalid("policySourceArn", "constraint: Member must have length between 20 and 2048")
    if not 1 <= call.get("MaxItems", 1) <= 1000:
        raise invalid("maxItems", "constraint: Member must have value between 1 and 1000")
    if any(not 3 <= len(action) <= 128 for action in call["ActionNames"]):
        raise invalid("actionNames", "constraint: Member must satisfy constraint: [Member must have length between 3 and 128]")
    if any(not 1 <= len(arn) <= 2048 for arn in call.get("ResourceArns", [])):
        raise invalid("resourceArns", "constraint: Member must satisfy constraint: [Member must have length between 1 and 2048]")
    if any(not 5 <= len(entry.get("ContextKeyName", "")) <= 256 for entry in call.get("ContextEntries", [])):
        raise invalid("contextEntries", "constraint: Member must have length between 5 and 256")
    for action in call["ActionNames"]:
        # "Each operation must include the service identifier"; own wording.
        if not _ACTION.fullmatch(action):
            raise fault("InvalidInput", f"Invalid action: {action}")


def _told(decided: Decided) -> dict:
    source = lambda name: {"SourcePolicyId": name, "SourcePolicyType": "IAM Policy"}
    out: dict = {"MatchedStatements": [source(name) for name in decided.matched], "MissingContextValues": decided.missing}
    if decided.bounded is not None:
        out["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": decided.bounded}
    return out


# The worst first: what is said of an action as a whole.
_WORST = ("explicitDeny", "implicitDeny", "allowed")


def simulate(call: Call) -> dict:
    _refuse_what_is_wrong(call)
    policies, boundary = principal(call.account, call["PolicySourceArn"])
    extra = [Policy(f"PolicyInputList.{at + 1}", _statements(text)) for at, text in enumerate(call.get("PolicyInputList", []))]
    context = {entry["ContextKeyName"]: entry.get("ContextKeyValues") or [] for entry in call.get("ContextEntries", [])}
    caller = _ENTITY.fullmatch(call.get("CallerArn", call["PolicySourceArn"]))
    if caller and caller[1] == "user":
        context.setdefault("aws:username", [caller[2]])
    resources = call.get("ResourceArns") or ["*"]
    results = []
    for action in call["ActionNames"]:
        by_resource = {
            resource: decide(policies + extra, action, resource, context, boundary) for resource in dict.fromkeys(resources)
        }
        first = min(by_resource, key=lambda resource: _WORST.index(by_resource[resource].decision))
        result = {"EvalActionName": action, "EvalResourceName": first, "EvalDecision": by_resource[first].decision}
        if resources == ["*"]:
            result |= _told(by_resource["*"])
        else:
            # Missing keys are reported for each resource then.
            result |= _told(by_resource[first]) | {"MissingContextValues": [], "EvalDecisionDetails": {}}
            result["ResourceSpecificResults"] = [
                {"EvalResourceName": resource, "EvalResourceDecision": decided.decision} | _told(decided)
                for resource, decided in by_resource.items()
            ]
        results.append(result)
    start = int(call["Marker"]) if str(call.get("Marker", "")).isdigit() else 0
    end = start + call.get("MaxItems", 100)
    answer = {"EvaluationResults": results[start:end], "IsTruncated": end < len(results)}
    return answer | ({"Marker": str(end)} if end < len(results) else {})
