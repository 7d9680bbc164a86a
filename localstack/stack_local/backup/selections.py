"""What a plan backs up: selections, which cannot be changed."""

import copy
import uuid

from stack_local import iam, service_roles
from stack_local.backup.state import NAME, Plan, check_role, check_token, invalid, operations, paged, store
from stack_local.core import Call, fault, now

# https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html
_SELECTIONS, _TAGS, _ARNS, _PATTERNS = 100, 30, 500, 30
_CONDITIONS = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")


def _plan(call: Call) -> Plan:
    found = store.of(call).plans.get(call["BackupPlanId"])
    if found is None or found.deleted is not None:
        # AWS's code and words, as turbot/steampipe-plugin-aws (aws_backup_selection) and hashicorp/terraform-provider-aws#13945 have met them.
        raise invalid(f"Cannot find Backup plan with ID {call['BackupPlanId']}")
    return found


def _complete(given: dict) -> dict:
    """AWS returns a selection with each of its lists, whether given or not."""
    whole = copy.deepcopy({field: value for field, value in given.items() if value is not None})
    for field in ("Resources", "NotResources", "ListOfTags"):
        whole.setdefault(field, [])
    whole["Conditions"] = {name: (whole.get("Conditions") or {}).get(name) or [] for name in _CONDITIONS}
    return whole


def _check(call: Call, selection: dict) -> None:
    if not NAME.fullmatch(selection["SelectionName"]):
        raise invalid(f"Backup selection name {selection['SelectionName']} is not valid")  # own wording
    if not selection["Resources"] and not selection["ListOfTags"]:
        # AWS's words, as quoted in ministryofjustice/modernisation-platform-terraform-baselines#90.
        raise invalid("Invalid backup selection. Either 'ListOfTags' or 'Resources' section must be non-empty.")
    conditions = sum(len(listed) for listed in selection["Conditions"].values())
    # "The maximum number of ARNs is 500 without wildcards, or 30 ARNs with wildcards" (API reference, BackupSelection, Resources); the
    # wording of these is this project's.
    arns = [*selection["Resources"], *selection["NotResources"]]
    if len(arns) > _ARNS or sum("*" in arn for arn in arns) > _PATTERNS:
        raise fault("LimitExceededException", f"A selection has at most {_ARNS} resources, {_PATTERNS} with wildcards.")
    if len(selection["ListOfTags"]) + conditions > _TAGS:
        raise fault("LimitExceededException", f"A selection has at most {_TAGS} tags and conditions.")
    for arn in arns:
        if arn != "*" and not arn.startswith("arn:"):
            raise invalid(f"Invalid resource ARN {arn}")
    for listed in selection["Conditions"].values():
        for condition in listed:
            # "ConditionKey": "aws:ResourceTag/backup" (API reference, BackupSelection, Conditions).
            if not (condition.get("ConditionKey") or "").startswith("aws:ResourceTag/"):
                raise invalid(f"Invalid condition key {condition.get('ConditionKey')}")
    check_role(call, selection["IamRoleArn"])
    if (selection["ListOfTags"] or conditions) and not iam.may(call.account, selection["IamRoleArn"], "tag:GetResources"):
        # AWS's words, as quoted in vinycoolguy2015/awslambda#1.
        raise invalid(f"IAM Role {selection['IamRoleArn']} is not authorized to call tag:GetResources")


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupSelection.html
@operations.on("CreateBackupSelection")
def create_backup_selection(call: Call) -> dict:
    plan, token = _plan(call), check_token(call)
    for id, known in plan.selections.items():
        # "allows failed requests to be retried without the risk of running the operation twice" (as above, CreatorRequestId).
        if token and known.get("CreatorRequestId") == token:
            return _made(plan, id)
    # https://docs.aws.amazon.com/aws-backup/latest/devguide/using-service-linked-roles-AWSServiceRoleForBackup.html
    service_roles.need(call, "backup.amazonaws.com")
    selection = _complete(call["BackupSelection"])
    _check(call, selection)
    if len(plan.selections) >= _SELECTIONS:
        raise fault("LimitExceededException", f"A backup plan has at most {_SELECTIONS} selections.")  # own wording
    id = str(uuid.uuid4())
    plan.selections[id] = {"BackupSelection": selection, "CreationDate": now()} | ({"CreatorRequestId": token} if token else {})
    return _made(plan, id)


def _made(plan: Plan, id: str) -> dict:
    return {"SelectionId": id, "BackupPlanId": plan.id, "CreationDate": plan.selections[id]["CreationDate"]}


def _selection(call: Call, plan: Plan) -> dict:
    found = plan.selections.get(call["SelectionId"])
    if found is None:
        raise fault("ResourceNotFoundException", f"Cannot find Backup selection with ID {call['SelectionId']}")  # own wording
    return found


@operations.on("GetBackupSelection")
def get_backup_selection(call: Call) -> dict:
    plan = _plan(call)
    return copy.deepcopy(_selection(call, plan)) | {"BackupPlanId": plan.id, "SelectionId": call["SelectionId"]}


@operations.on("ListBackupSelections")
def list_backup_selections(call: Call) -> dict:
    plan = _plan(call)
    shown = []
    for id, known in plan.selections.items():
        listed = _made(plan, id) | {field: known["BackupSelection"][field] for field in ("SelectionName", "IamRoleArn")}
        shown.append(listed | {field: known[field] for field in ("CreatorRequestId",) if field in known})
    return paged(call, "BackupSelectionsList", shown)


@operations.on("DeleteBackupSelection")
def delete_backup_selection(call: Call) -> dict:
    plan = _plan(call)
    _selection(call, plan)
    del plan.selections[call["SelectionId"]]
    return {}
