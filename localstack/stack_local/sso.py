"""IAM Identity Center: an organization's instance, permission sets, and who is assigned them in which account. Users and groups are in the
identity store (`identitystore`). An account has no instance until it is enabled by the control, as on AWS an account has none
before it is enabled, and only the console does that for an organization.

Any account can be a target: whether it is in the organization is not looked at. Applications are not here."""

import json
import re
import secrets
import uuid
from dataclasses import dataclass, field

from moto.iam.models import iam_backends
from moto.identitystore.models import identitystore_backends

from stack_local import states
from stack_local.clock import Timer, clock
from stack_local.core import Call, Operations, Store, fault, listed, now, page, pairs
from stack_local.outcomes import outcomes
from stack_local.settling import settles

operations = Operations("sso-admin")

# API reference CreatePermissionSet: Name, Description, SessionDuration
# (https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreatePermissionSet.html), and PutInlinePolicyToPermissionSet.
_NAME = re.compile(r"[\w+=,.@-]{1,32}", re.ASCII)
_DURATION = re.compile(r"PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
_INLINE = 32_768
_TAG = re.compile(r"[\w\s.:/=+\-@]*")
# https://docs.aws.amazon.com/singlesignon/latest/userguide/limits.html
_POLICIES = 20
_SETS = 2_000
_PROVISIONED, _OLD = "LATEST_PERMISSION_SET_PROVISIONED", "LATEST_PERMISSION_SET_NOT_PROVISIONED"
# Whom an instance belongs to that an account only sees.
_ELSEWHERE = "999999999999"


@dataclass
class _Set:
    arn: str
    name: str
    description: str | None
    duration: str
    relay: str | None
    tags: dict[str, str]
    created: object = field(default_factory=now)
    inline: str = ""
    managed: dict[str, str] = field(default_factory=dict)
    customer: list[dict] = field(default_factory=list)
    boundary: dict | None = None
    version: int = 1
    provisioned: dict[str, int] = field(default_factory=dict)  # the version that an account has
    roles: dict[str, str] = field(default_factory=dict)  # the role's name there

    def told(self) -> dict:
        told = {"Name": self.name, "PermissionSetArn": self.arn, "SessionDuration": self.duration, "CreatedDate": self.created}
        more = {"Description": self.description, "RelayState": self.relay}
        return told | {name: value for name, value in more.items() if value}


@dataclass
class _Request:
    what: str  # create, delete or provision
    status: dict
    timer: Timer
    fails: str | None


class _Instance:
    def __init__(self, account: str):
        name = secrets.token_hex(8)
        self.arn = f"arn:aws:sso:::instance/ssoins-{name}"
        self.store = f"d-{secrets.token_hex(5)}"
        self.account = account
        self.created = now()
        self.administered = True
        self.sets: dict[str, _Set] = {}
        self.assignments: list[tuple[str, str, str, str]] = []  # set, account, type, principal
        self.requests: dict[str, _Request] = {}


class _Place:
    def __init__(self):
        self.instance: _Instance | None = None


store = Store(_Place)


@states.of("sso.instance")
def _say(account: str, region: str, name: str, status: str) -> None:
    """`{"sso.instance": {"organization": "administered"}}`, `visible` as for a member account, or `none`."""
    place = store.at(account, region)
    if name != "organization" or status not in ("administered", "visible", "none"):
        raise ValueError("the instance of the `organization` is `administered`, `visible` or `none`")
    if status == "none":
        place.instance = None
        return
    place.instance = place.instance or _Instance(account)
    place.instance.administered = status == "administered"


def _role_path(region: str) -> str:
    """https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html: none for us-east-1."""
    return "/aws-reserved/sso.amazonaws.com/" + ("" if region == "us-east-1" else f"{region}/")


def _provision(region: str, one: _Set, account: str) -> None:
    """Writes the role of a set in an account."""
    iam = iam_backends[account]["aws"]
    name = one.roles.get(account)
    if name is None:
        name = f"AWSReservedSSO_{one.name}_{secrets.token_hex(8)}"
        saml = f"arn:aws:iam::{account}:saml-provider/AWSSSO_{secrets.token_hex(8)}_DO_NOT_DELETE"
        statement = {"Effect": "Allow", "Principal": {"Federated": saml}, "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"]}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(name, trust, _role_path(region), None, one.description or "", [], 43_200)
        one.roles[account] = name
    role = iam.get_role(name)
    role.policies = {"AwsSSOInlinePolicy": one.inline} if one.inline else {}
    wanted = [*one.managed, *(_customer_arn(account, policy) for policy in one.customer)]
    for arn in [arn for arn in role.managed_policies if arn not in wanted]:
        iam.detach_role_policy(arn, name)
    for arn in [arn for arn in wanted if arn not in role.managed_policies]:
        iam.attach_role_policy(arn, name)
    one.provisioned[account] = one.version


def _customer_arn(account: str, policy: dict) -> str:
    return f"arn:aws:iam::{account}:policy{policy.get('Path') or '/'}{policy['Name']}"


def _missing(account: str, one: _Set) -> str | None:
    """A customer's policy is named, and must be in each account: else it cannot be provisioned there."""
    known = iam_backends[account]["aws"].managed_policies
    boundary = (one.boundary or {}).get("CustomerManagedPolicyReference")
    named = [*one.customer, *([boundary] if boundary else [])]
    gone = [arn for arn in (_customer_arn(account, policy) for policy in named) if arn not in known]
    return f"Received a 404 status error: Not supported policy {gone[0]}." if gone else None


def _deprovision(one: _Set, account: str) -> None:
    """The role is deleted with the last assignment in an account."""
    name = one.roles.pop(account, None)
    one.provisioned.pop(account, None)
    if name:
        iam = iam_backends[account]["aws"]
        role = iam.get_role(name)
        for arn in list(role.managed_policies):
            iam.detach_role_policy(arn, name)
        role.policies = {}
        iam.delete_role(name)


def _finish(region: str, instance: _Instance, request: _Request) -> None:
    status = request.status
    one, account = instance.sets.get(status["PermissionSetArn"]), status.get("TargetId") or status["AccountId"]
    if request.what != "delete" and one is not None:
        request.fails = request.fails or _missing(account, one)
    if request.fails or one is None:
        status |= {"Status": "FAILED", "FailureReason": request.fails or "The permission set was deleted."}
        return
    status["Status"] = "SUCCEEDED"
    if request.what == "provision":
        _provision(region, one, account)
        return
    assignment = (one.arn, account, status["PrincipalType"], status["PrincipalId"])
    if request.what == "create":
        if assignment not in instance.assignments:
            instance.assignments.append(assignment)
        if account not in one.provisioned:
            _provision(region, one, account)
        return
    instance.assignments = [other for other in instance.assignments if other != assignment]
    if not any(other[:2] == (one.arn, account) for other in instance.assignments):
        _deprovision(one, account)


@settles
def settle(account: str, region: str) -> None:
    instance = store.at(account, region).instance
    for request in list(instance.requests.values()) if instance else []:
        if request.status["Status"] == "IN_PROGRESS" and request.timer.done():
            _finish(region, instance, request)


@operations.before_all
def _first(call: Call) -> None:
    settle(call.account, call.region)


def _instance(call: Call) -> _Instance:
    """Permission sets are for the management account and a delegated administrator: others may only list instances
    (https://docs.aws.amazon.com/singlesignon/latest/userguide/delegated-admin.html)."""
    found = store.of(call).instance
    if found is not None and not found.administered:
        user = f"arn:aws:iam::{call.account}:root"
        raise fault(
            "AccessDeniedException",
            f"User: {user} is not authorized to perform: sso:{call.context.operation.name} on resource: {call['InstanceArn']}",
        )
    if found is None or found.arn != call["InstanceArn"]:
        raise fault("ResourceNotFoundException", f"Could not find Instance with arn {call['InstanceArn']}")
    return found


def _set(call: Call, field: str = "PermissionSetArn") -> _Set:
    found = _instance(call).sets.get(call[field])
    if found is None:
        raise fault("ResourceNotFoundException", f"Could not find PermissionSet with id {call[field].rsplit('/', 1)[-1]}")
    return found


def _invalid(message: str):
    return fault("ValidationException", message)


def _paged(call: Call, member: str, items: list) -> dict:
    items, token = page(items, call.get("NextToken"), call.get("MaxResults"), 100)
    return {member: items} | ({"NextToken": token} if token else {})


@operations.on("ListInstances")
def list_instances(call: Call) -> dict:
    found = store.of(call).instance
    if found is None:
        return {"Instances": []}
    owner = found.account if found.administered else _ELSEWHERE
    told = {"InstanceArn": found.arn, "IdentityStoreId": found.store, "OwnerAccountId": owner, "Status": "ACTIVE"}
    return {"Instances": [told | {"CreatedDate": found.created, "PrimaryRegion": call.region}]}


def _seconds(duration: str) -> int:
    """From an hour to twelve (https://docs.aws.amazon.com/singlesignon/latest/userguide/howtosessionduration.html)."""
    found = _DURATION.fullmatch(duration)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    total = hours * 3600 + minutes * 60 + seconds
    if not 3600 <= total <= 43_200:
        raise _invalid("Session duration must be between 1 and 12 hours.")
    return total


def _check_tags(tags: dict[str, str]) -> None:
    for text in [*tags, *tags.values()]:
        if not _TAG.fullmatch(text):
            raise _invalid(
                f"Value '{text}' at 'tags' failed to satisfy constraint: Member must satisfy regular expression pattern"
            )
    # API reference TagResource: at most 75 a call, 50 of an object.
    if len(tags) > 50:
        raise fault("ServiceQuotaExceededException", "You have exceeded the number of tags of a resource.")


@operations.on("CreatePermissionSet")
def create_permission_set(call: Call) -> dict:
    instance, name = _instance(call), call["Name"]
    if not _NAME.fullmatch(name):
        raise _invalid(f"Value '{name}' at 'name' failed to satisfy constraint: [\\w+=,.@-]+, of 1 to 32 characters")
    if any(other.name == name for other in instance.sets.values()):
        raise fault("ConflictException", f"Could not create PermissionSet. PermissionSet with name {name} already exists.")
    if len(instance.sets) >= _SETS:
        raise fault(
            "ServiceQuotaExceededException", f"You have exceeded AWS SSO limits. Cannot create PermissionSet more than {_SETS}"
        )
    duration, tags = call.get("SessionDuration", "PT1H"), pairs(call.get("Tags"))
    _seconds(duration)
    _check_tags(tags)
    arn = f"{instance.arn.replace(':instance/', ':permissionSet/')}/ps-{secrets.token_hex(8)}"
    made = _Set(arn, name, call.get("Description"), duration, call.get("RelayState"), tags)
    instance.sets[arn] = made
    return {"PermissionSet": made.told()}


@operations.on("DescribePermissionSet")
def describe_permission_set(call: Call) -> dict:
    return {"PermissionSet": _set(call).told()}


@operations.on("ListPermissionSets")
def list_permission_sets(call: Call) -> dict:
    return _paged(call, "PermissionSets", list(_instance(call).sets))


@operations.on("UpdatePermissionSet")
def update_permission_set(call: Call) -> dict:
    """What is left out is cleared (hashicorp/terraform-provider-aws#17411, of the relay state)."""
    one, duration = _set(call), call.get("SessionDuration", "PT1H")
    _seconds(duration)
    one.description, one.duration, one.relay = call.get("Description"), duration, call.get("RelayState")
    one.version += 1
    return {}


@operations.on("DeletePermissionSet")
def delete_permission_set(call: Call) -> dict:
    """API reference: ConflictException, as long as an account has it."""
    instance, one = _instance(call), _set(call)
    if one.provisioned or any(other[0] == one.arn for other in instance.assignments):
        raise fault("ConflictException", f"PermissionSet with id {one.arn.rsplit('/', 1)[-1]} is still assigned.")
    del instance.sets[one.arn]
    return {}


@operations.on("PutInlinePolicyToPermissionSet")
def put_inline_policy(call: Call) -> dict:
    one, text = _set(call), call["InlinePolicy"]
    if len(text) > _INLINE:
        raise _invalid(f"'inlinePolicy' failed to satisfy constraint: Member must have length less than or equal to {_INLINE}")
    try:
        statements = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError):
        raise _invalid("Syntax errors in policy.") from None
    sids = [one["Sid"] for one in statements if "Sid" in one]
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
    if len(sids) != len(set(sids)) or not all(re.fullmatch("[A-Za-z0-9]*", sid) for sid in sids):
        raise _invalid("Statement IDs (SID) in a single policy must be unique, of letters and digits.")
    one.inline = text
    one.version += 1
    return {}


@operations.on("GetInlinePolicyForPermissionSet")
def get_inline_policy(call: Call) -> dict:
    return {"InlinePolicy": _set(call).inline}


@operations.on("DeleteInlinePolicyFromPermissionSet")
def delete_inline_policy(call: Call) -> dict:
    one = _set(call)
    if not one.inline:
        raise fault("ResourceNotFoundException", "Could not find an inline policy of the permission set.")
    one.inline = ""
    one.version += 1
    return {}


def _room(one: _Set) -> None:
    if len(one.managed) + len(one.customer) >= _POLICIES:
        raise fault(
            "ServiceQuotaExceededException", f"You have exceeded AWS SSO limits. Cannot attach more than {_POLICIES} policies"
        )


@operations.on("AttachManagedPolicyToPermissionSet")
def attach_managed(call: Call) -> dict:
    one, arn = _set(call), call["ManagedPolicyArn"]
    if arn in one.managed:
        raise fault("ConflictException", f"Permission set already has a typed link attachment to a managed policy with {arn}")
    # Only AWS's own: those of customers are referred to by name.
    if ":iam::aws:policy/" not in arn or arn not in iam_backends[call.account]["aws"].managed_policies:
        raise fault("ResourceNotFoundException", f"Policy does not exist with ARN: {arn}")
    _room(one)
    one.managed[arn] = arn.rsplit("/", 1)[-1]
    one.version += 1
    return {}


@operations.on("DetachManagedPolicyFromPermissionSet")
def detach_managed(call: Call) -> dict:
    one, arn = _set(call), call["ManagedPolicyArn"]
    if arn not in one.managed:
        raise fault("ResourceNotFoundException", f"Could not find ManagedPolicy with arn {arn}")
    del one.managed[arn]
    one.version += 1
    return {}


@operations.on("ListManagedPoliciesInPermissionSet")
def list_managed(call: Call) -> dict:
    return _paged(call, "AttachedManagedPolicies", [{"Arn": arn, "Name": name} for arn, name in _set(call).managed.items()])


def _reference(call: Call) -> dict:
    told = call["CustomerManagedPolicyReference"]
    return {"Name": told["Name"], "Path": told.get("Path") or "/"}


@operations.on("AttachCustomerManagedPolicyReferenceToPermissionSet")
def attach_customer(call: Call) -> dict:
    one, reference = _set(call), _reference(call)
    if reference in one.customer:
        raise fault("ConflictException", f"Given customer managed policy with name: {reference['Name']} already attached")
    _room(one)
    one.customer.append(reference)
    one.version += 1
    return {}


@operations.on("DetachCustomerManagedPolicyReferenceFromPermissionSet")
def detach_customer(call: Call) -> dict:
    one, reference = _set(call), _reference(call)
    if reference not in one.customer:
        raise fault(
            "ResourceNotFoundException", f"Given managed policy with name: {reference['Name']} does not exist on PermissionSet"
        )
    one.customer.remove(reference)
    one.version += 1
    return {}


@operations.on("ListCustomerManagedPolicyReferencesInPermissionSet")
def list_customer(call: Call) -> dict:
    return _paged(call, "CustomerManagedPolicyReferences", _set(call).customer)


@operations.on("PutPermissionsBoundaryToPermissionSet")
def put_boundary(call: Call) -> dict:
    one, boundary = _set(call), call["PermissionsBoundary"]
    if len(boundary) != 1:
        raise _invalid("Specify either CustomerManagedPolicyReference or ManagedPolicyArn.")
    one.boundary = boundary
    one.version += 1
    return {}


@operations.on("GetPermissionsBoundaryForPermissionSet")
def get_boundary(call: Call) -> dict:
    one = _set(call)
    if one.boundary is None:
        raise fault("ResourceNotFoundException", "PermissionsBoundary not present for permissionSet.")
    return {"PermissionsBoundary": one.boundary}


@operations.on("DeletePermissionsBoundaryFromPermissionSet")
def delete_boundary(call: Call) -> dict:
    one = _set(call)
    if one.boundary is None:
        raise fault("ResourceNotFoundException", "PermissionsBoundary not present for permissionSet.")
    one.boundary = None
    one.version += 1
    return {}


@operations.on("TagResource")
def tag_resource(call: Call) -> dict:
    one = _set(call, "ResourceArn")
    tags = one.tags | pairs(call["Tags"])
    _check_tags(tags)
    one.tags = tags
    return {}


@operations.on("UntagResource")
def untag_resource(call: Call) -> dict:
    one = _set(call, "ResourceArn")
    one.tags = {key: value for key, value in one.tags.items() if key not in call["TagKeys"]}
    return {}


@operations.on("ListTagsForResource")
def list_tags(call: Call) -> dict:
    return _paged(call, "Tags", listed(_set(call, "ResourceArn").tags))


@operations.on("ListAccountsForProvisionedPermissionSet")
def list_accounts(call: Call) -> dict:
    one, wanted = _set(call), call.get("ProvisioningStatus")
    fits = lambda version: wanted is None or wanted == (_PROVISIONED if version == one.version else _OLD)
    return _paged(call, "AccountIds", [account for account, version in one.provisioned.items() if fits(version)])


@operations.on("ListPermissionSetsProvisionedToAccount")
def list_provisioned(call: Call) -> dict:
    account, wanted, found = call["AccountId"], call.get("ProvisioningStatus"), []
    for one in _instance(call).sets.values():
        has = one.provisioned.get(account)
        if has is not None and (wanted is None or wanted == (_PROVISIONED if has == one.version else _OLD)):
            found.append(one.arn)
    return _paged(call, "PermissionSets", found)


def _begin(call: Call, instance: _Instance, what: str, account: str, more: dict) -> dict:
    """API reference CreateAccountAssignment: ConflictException, "when a conflict with a previous successful write is detected": another
    operation on the account is in progress."""
    for other in instance.requests.values():
        if other.status["Status"] == "IN_PROGRESS" and account == (other.status.get("TargetId") or other.status.get("AccountId")):
            raise fault("ConflictException", f"An operation on the account {account} is already in progress.")
    request = str(uuid.uuid4())
    fails = (
        None if what == "delete" else outcomes.take(call.account, "sso.assignment" if what == "create" else "sso.provisioning")
    )
    status = {"Status": "IN_PROGRESS", "RequestId": request, "PermissionSetArn": call["PermissionSetArn"], "CreatedDate": now()}
    instance.requests[request] = _Request(what, status | more, clock.timer(f"sso.{what}"), fails)
    return dict(instance.requests[request].status)


def _assignment(call: Call) -> dict:
    return {name: call[name] for name in ("TargetId", "TargetType", "PrincipalType", "PrincipalId")}


def _check_principal(call: Call, instance: _Instance) -> None:
    kept = identitystore_backends[call.account][call.region].identity_stores.get(instance.store)
    known = kept and (kept.users if call["PrincipalType"] == "USER" else kept.groups)
    if not known or call["PrincipalId"] not in known:
        raise fault("ResourceNotFoundException", f"Could not find {call['PrincipalType']} with id {call['PrincipalId']}")


@operations.on("CreateAccountAssignment")
def create_assignment(call: Call) -> dict:
    instance = _instance(call)
    _set(call)
    _check_principal(call, instance)
    return {"AccountAssignmentCreationStatus": _begin(call, instance, "create", call["TargetId"], _assignment(call))}


@operations.on("DeleteAccountAssignment")
def delete_assignment(call: Call) -> dict:
    instance, one = _instance(call), _set(call)
    if (one.arn, call["TargetId"], call["PrincipalType"], call["PrincipalId"]) not in instance.assignments:
        raise fault("ResourceNotFoundException", "Could not find the account assignment.")
    return {"AccountAssignmentDeletionStatus": _begin(call, instance, "delete", call["TargetId"], _assignment(call))}


@operations.on("ProvisionPermissionSet")
def provision(call: Call) -> dict:
    instance, one = _instance(call), _set(call)
    if call["TargetType"] == "ALL_PROVISIONED_ACCOUNTS":
        raise _invalid("The local AWS provisions account by account.")
    if not call.get("TargetId"):
        raise _invalid("TargetId is required for AWS_ACCOUNT.")
    assert one
    return {
        "PermissionSetProvisioningStatus": _begin(call, instance, "provision", call["TargetId"], {"AccountId": call["TargetId"]})
    }


def _status(call: Call, what: str, field: str) -> dict:
    found = _instance(call).requests.get(call[field])
    if found is None or found.what != what:
        raise fault("ResourceNotFoundException", f"Could not find the request {call[field]}")
    return dict(found.status)


@operations.on("DescribeAccountAssignmentCreationStatus")
def creation_status(call: Call) -> dict:
    return {"AccountAssignmentCreationStatus": _status(call, "create", "AccountAssignmentCreationRequestId")}


@operations.on("DescribeAccountAssignmentDeletionStatus")
def deletion_status(call: Call) -> dict:
    return {"AccountAssignmentDeletionStatus": _status(call, "delete", "AccountAssignmentDeletionRequestId")}


@operations.on("DescribePermissionSetProvisioningStatus")
def provisioning_status(call: Call) -> dict:
    return {"PermissionSetProvisioningStatus": _status(call, "provision", "ProvisionPermissionSetRequestId")}


@operations.on("ListAccountAssignments")
def list_assignments(call: Call) -> dict:
    one = _set(call)
    found = [
        {"AccountId": account, "PermissionSetArn": arn, "PrincipalType": sort, "PrincipalId": principal}
        for arn, account, sort, principal in _instance(call).assignments
        if (arn, account) == (one.arn, call["AccountId"])
    ]
    return _paged(call, "AccountAssignments", found)
