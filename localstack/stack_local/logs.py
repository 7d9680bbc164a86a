"""CloudWatch Logs: the keys that encrypt log groups, which moto knows only from their creation."""

from moto.logs.models import logs_backends

from stack_local.core import Call, Operations, fault

operations = Operations("logs")


def _group(call: Call):
    name = call.get("logGroupName") or call.get("resourceIdentifier", "").split(":log-group:")[-1].removesuffix(":*")
    group = logs_backends[call.account][call.region].groups.get(name)
    if group is None:
        raise fault("ResourceNotFoundException", "The specified log group does not exist.")
    return group


@operations.on("AssociateKmsKey")
def associate(call: Call) -> dict:
    _group(call).kms_key_id = call["kmsKeyId"]
    return {}


@operations.on("DisassociateKmsKey")
def disassociate(call: Call) -> dict:
    _group(call).kms_key_id = None
    return {}
