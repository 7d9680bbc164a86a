"""KMS: LocalStack's own, which never asks a key's policy. Here one that denies an action to everybody is heeded.

https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html: without the key policy's permission IAM's alone has
no effect, so an account can hold keys that nobody but their owner may ask about.
"""

import json

from localstack.services.kms.models import kms_stores

from stack_local.core import Call, Operations, fault

operations = Operations("kms")

# What a plan asks of one key after the other.
_ASKED = ("DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags")


def _listed(value) -> list:
    return value if isinstance(value, list) else [value]


@operations.before_all
def _denied(call: Call) -> None:
    operation = call.context.operation.name
    key = kms_stores[call.account][call.region].keys.get(call.get("KeyId", "").rsplit("/", 1)[-1])
    if operation not in _ASKED or key is None:
        return
    try:
        statements = _listed(json.loads(key.policy)["Statement"])
    except (ValueError, KeyError, TypeError):
        return
    for statement in statements:
        everybody = statement.get("Principal") in ("*", {"AWS": "*"}) and not statement.get("Condition")
        actions = _listed(statement.get("Action", []))
        if statement.get("Effect") == "Deny" and everybody and {f"kms:{operation}", "kms:*"} & set(actions):
            who, arn = f"arn:aws:iam::{call.account}:root", key.metadata["Arn"]
            raise fault(
                "AccessDeniedException",
                f"User: {who} is not authorized to perform: kms:{operation} on resource: {arn} with an explicit deny in a resource-based policy",
            )
