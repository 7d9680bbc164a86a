"""KMS: LocalStack's own, which never asks a key's policy. Here one that denies an action to everybody is heeded.

https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html: without the key policy's permission IAM's alone has
no effect, so an account can hold keys that only their owner may describe.
"""

from localstack.services.kms.models import kms_stores

from stack_local.core import Call, Operations
from stack_local.policies import refuse_what_is_denied

operations = Operations("kms")

# What a plan asks of one key after the other.
_ASKED = ("DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags")


@operations.before_all
def _denied(call: Call) -> None:
    operation = call.context.operation.name
    key = kms_stores[call.account][call.region].keys.get(call.get("KeyId", "").rsplit("/", 1)[-1])
    if operation in _ASKED and key is not None:
        refuse_what_is_denied(call, "kms", key.metadata["Arn"], key.policy)
