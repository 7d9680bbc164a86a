"""IAM: what moto deletes although AWS would not, and what it cannot tell beforehand."""

import copy

from moto.iam.models import IAMBackend, ManagedPolicy, iam_backends

from stack_local import simulate
from stack_local.core import Call, Operations, fault

operations = Operations("iam")

_read_policies = IAMBackend._init_aws_policies
_policies: list[ManagedPolicy] = []


def _policies_read_once(self: IAMBackend) -> list[ManagedPolicy]:
    """moto reads a megabyte of AWS's policies again for each account, and each test has one of its own."""
    if not _policies:
        _policies.extend(_read_policies(self))
    return [copy.copy(policy) for policy in _policies]


IAMBackend._init_aws_policies = _policies_read_once


def _iam(call: Call):
    return iam_backends[call.account]["aws"]


@operations.on(
    "GetAccountAuthorizationDetails",
    *(
        "CreateRole",
        "DeleteRole",
        "PutRolePolicy",
        "DeleteRolePolicy",
        "AttachRolePolicy",
        "DetachRolePolicy",
        "TagRole",
        "UntagRole",
    ),
    *(
        "CreateUser",
        "PutUserPolicy",
        "DeleteUserPolicy",
        "AttachUserPolicy",
        "DetachUserPolicy",
        "AddUserToGroup",
        "RemoveUserFromGroup",
    ),
    *("CreateGroup", "PutGroupPolicy", "DeleteGroupPolicy", "AttachGroupPolicy", "DetachGroupPolicy"),
    *(
        "CreatePolicy",
        "DeletePolicy",
        "CreatePolicyVersion",
        "DeletePolicyVersion",
        "CreateInstanceProfile",
        "DeleteInstanceProfile",
    ),
)
def one_at_a_time(call: Call) -> dict:
    """moto iterates over everything for its answer, and fails when something is changed meanwhile."""
    _must_exist(call, call.get("PermissionsBoundary"))
    answer = call.stock()
    for detail in answer.get("RoleDetailList", []):
        _tell_boundary(detail, _iam(call).get_role(detail["RoleName"]).permissions_boundary_arn)
    for detail in answer.get("UserDetailList", []):
        _tell_boundary(detail, getattr(_iam(call).users[detail["UserName"]], "permissions_boundary", None))
    return answer


def _tell_boundary(detail: dict, arn: str | None) -> None:
    if arn:
        detail["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}


def _must_exist(call: Call, boundary: str | None) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html: NoSuchEntity."""
    if boundary and boundary not in _iam(call).managed_policies:
        raise fault("NoSuchEntity", f"Scope ARN: {boundary} does not exist or is not attachable.", status=404)


@operations.on("PutRolePermissionsBoundary", "PutUserPermissionsBoundary")
def put_permissions_boundary(call: Call) -> dict:
    _must_exist(call, call["PermissionsBoundary"])
    return call.stock()


def _provider(call: Call):
    return _iam(call).get_open_id_connect_provider(call["OpenIDConnectProviderArn"])


@operations.on("CreateOpenIDConnectProvider")
def create_open_id_connect_provider(call: Call) -> dict:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html"""
    if not call["Url"].startswith("https://"):
        raise fault("InvalidInput", "The URL must begin with https://", status=400)
    host = call["Url"].removeprefix("https://")
    if any(arn.split(":oidc-provider/")[1] == host for arn in _iam(call).open_id_providers):
        raise fault("EntityAlreadyExists", f"Provider with url {call['Url']} already exists.", status=409)
    answer = call.stock()
    if not call.get("ThumbprintList"):
        # IAM finds the one of the top intermediate authority by itself.
        provider = _iam(call).get_open_id_connect_provider(answer["OpenIDConnectProviderArn"])
        provider.thumbprint_list = ["0123456789abcdef0123456789abcdef01234567"]
    return answer


@operations.on("AddClientIDToOpenIDConnectProvider")
def add_client_id(call: Call) -> dict:
    """It may be there already: the same call again is no error."""
    known = _provider(call).client_id_list
    if call["ClientID"] not in known:
        known.append(call["ClientID"])
    return {}


@operations.on("RemoveClientIDFromOpenIDConnectProvider")
def remove_client_id(call: Call) -> dict:
    """It may be gone already: the same call again is no error."""
    known = _provider(call).client_id_list
    if call["ClientID"] in known:
        known.remove(call["ClientID"])
    return {}


@operations.on("DeleteOpenIDConnectProvider")
def delete_open_id_connect_provider(call: Call) -> dict:
    """Of roles that trust it, AWS says nothing: they cannot be assumed any more."""
    _provider(call)
    return call.stock()


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
    kept = [
        {key: value for key, value in known.items() if key != "ServicePassword"} for known in user.service_specific_credentials
    ]
    return {"ServiceSpecificCredentials": kept}


def may(account: str, arn: str, action: str) -> bool:
    """Whether a user or role may do this on everything, as `SimulatePrincipalPolicy` answers."""
    policies, boundary = simulate.principal(account, arn)
    return simulate.decide(policies, action, "*", {}, boundary).decision == "allowed"


@operations.on("SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call) -> dict:
    return simulate.simulate(call)
