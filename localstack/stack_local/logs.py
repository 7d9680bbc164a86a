"""CloudWatch Logs: the keys that encrypt log groups, which moto knows only from their creation, and tags that come later."""

from localstack.services.logs.models import logs_stores
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


@operations.on("TagResource")
def tag_resource(call: Call) -> dict:
    """LocalStack adds to the tags that there are, and forgets the new ones where there are none."""
    logs_stores[call.account][call.region].TAGS.setdefault(call["resourceArn"], {})
    return call.stock()


@operations.on("TagLogGroup")
def tag_log_group(call: Call) -> dict:
    _group(call)
    logs_stores[call.account][call.region].TAGS.setdefault(call.arn("logs", f"log-group:{call['logGroupName']}"), {})
    return call.stock()
