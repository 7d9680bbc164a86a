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


@operations.on("DeleteUser")
def delete_user(call: Call) -> dict:
    iam = _iam(call)
    user = iam.users.get(call["UserName"])
    if user is not None:
        # In AWS's words, as far as it has been seen to say them.
        kept = [
            (user.password, "must delete login profile first"),
            (user.access_keys, "must delete access keys first"),
            (user.mfa_devices, "must delete MFA device first"),
            (user.signing_certificates, "must delete signing certificates first"),
            (user.ssh_public_keys, "must delete SSH public keys first"),
            (any(user in group.users for group in iam.groups.values()), "must remove users from group first"),
        ]
        for there, words in kept:
            if there:
                raise fault("DeleteConflict", f"Cannot delete entity, {words}.", status=409)
    return call.stock()


@operations.on("DeleteVirtualMFADevice")
def delete_virtual_mfa_device(call: Call) -> dict:
    serial = call["SerialNumber"]
    if any(serial in user.mfa_devices for user in _iam(call).users.values()):
        raise fault("DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.", status=409)
    return call.stock()


@operations.on("ListServiceSpecificCredentials")
def list_service_specific_credentials(call: Call) -> dict:
    user = _iam(call).users.get(call.get("UserName"))
    if call.get("ServiceName") or user is None:
        return call.stock()
    # Of every service, which LocalStack takes for a service called None.
    kept = [{key: value for key, value in known.items() if key != "ServicePassword"} for known in user.service_specific_credentials]
    return {"ServiceSpecificCredentials": kept}
