"""Policies of objects, as far as they are heeded here: what one denies to everybody is refused."""

import fnmatch
import json

from stack_local.core import Call, fault


def _listed(value) -> list:
    return value if isinstance(value, list) else [value]


def refuse_what_is_denied(call: Call, service: str, arn: str, policy: str | None) -> None:
    """In AWS's words, as quoted in ekristen/aws-nuke#604."""
    try:
        statements = _listed(json.loads(policy or "")["Statement"])
    except (ValueError, KeyError, TypeError):
        return
    action = f"{service}:{call.context.operation.name}"
    for statement in statements:
        everybody = statement.get("Principal") in ("*", {"AWS": "*"}) and not statement.get("Condition")
        actions = _listed(statement.get("Action", []))
        if statement.get("Effect") == "Deny" and everybody and any(fnmatch.fnmatchcase(action, name) for name in actions):
            who = f"arn:aws:iam::{call.account}:root"
            raise fault(
                "AccessDeniedException",
                f"User: {who} is not authorized to perform: {action} on resource: {arn} with an explicit deny in a resource-based policy",
            )
