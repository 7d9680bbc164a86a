"""IAM: what moto deletes although AWS would not."""

from moto.iam.models import iam_backends

from stack_local.core import Call, Operations, fault

operations = Operations("iam")


def _iam(call: Call):
    return iam_backends[call.account]["aws"]


@operations.on("DeleteGroup")
def delete_group(call: Call) -> dict:
    group = _iam(call).groups.get(call["GroupName"])
    if group is not None:
        if group.users:
            raise fault("DeleteConflict", "Cannot delete entity, must remove users from group first.", status=409)
        if group.managed_policies:
            raise fault("DeleteConflict", "Cannot delete entity, must detach all policies first.", status=409)
        if group.policies:
            raise fault("DeleteConflict", "Cannot delete entity, must delete policies first.", status=409)
    return call.stock()
