"""Backup plans, each version of them kept. Nothing runs by their schedules."""

import base64
import copy
import re
import uuid

from stack_local.backup.schedules import is_cron
from stack_local.backup.state import NAME, Plan, check_token, invalid, operations, paged, store, taken
from stack_local.core import Call, fault, now

_DEFAULTS = {
    "ScheduleExpression": "cron(0 5 ? * * *)",
    "ScheduleExpressionTimezone": "Etc/UTC",
    "StartWindowMinutes": 480,
    "CompletionWindowMinutes": 10080,
    "EnableContinuousBackup": False,
}
# https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html
_PLANS, _RULES, _COPIES, _VERSIONS = 300, 10, 5, 2000

# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_Lifecycle.html: "Backups transitioned to cold storage must be stored in cold
# storage for a minimum of 90 days".
_COLD = 90
_LONGEST = 36500
# What is backed up continuously is kept for at most 35 days: https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html
_CONTINUOUS = 35


def check_lifecycle(lifecycle: dict | None, is_continuous: bool = False) -> str | None:
    """AWS's words when it refuses how long points are kept."""
    cold, days = (lifecycle or {}).get("MoveToColdStorageAfterDays"), (lifecycle or {}).get("DeleteAfterDays")
    # As quoted in lgallard/terraform-aws-backup#40, #61 and hashicorp/terraform-provider-aws#7350; -1 is for ever (API reference, Lifecycle).
    if is_continuous:
        if cold is not None:
            return "Invalid lifecycle. MoveToColdStorageAfterDays is unavailable"
        if days is None or not 1 <= days <= _CONTINUOUS:
            return f"Invalid lifecycle. DeleteAfterDays cannot be less than 1 or more than {_CONTINUOUS} days"
    if days is not None and days != -1 and not 1 <= days <= _LONGEST:
        return f"Invalid lifecycle. DeleteAfterDays cannot be less than 1 or more than {_LONGEST} days"
    if cold is not None and cold != -1:
        if not 1 <= cold <= _LONGEST:
            return f"Invalid lifecycle. MoveToColdStorageAfterDays cannot be less than 1 or more than {_LONGEST} days"
        if days is not None and days != -1 and days < cold + _COLD:
            return f"Invalid lifecycle. DeleteAfterDays cannot be less than {_COLD} days apart from MoveToColdStorageAfterDays"
    return None


def _refused(call: Call, rule: dict) -> str | None:
    vault = rule["TargetBackupVaultName"]
    # "If this value is included, it must be at least 60 minutes to avoid errors" (API reference, BackupRuleInput, StartWindowMinutes;
    # hashicorp/terraform-provider-aws#8794). Own wording, here and in the next three.
    start = rule["StartWindowMinutes"]
    if not 60 <= start <= 52560000:
        return "StartWindowMinutes cannot be less than 60 or more than 52560000 minutes"
    # As aws/aws-cdk checks it (BackupPlanRule, completionWindow).
    if rule["CompletionWindowMinutes"] <= start:
        return "CompletionWindowMinutes must be greater than StartWindowMinutes"
    if not is_cron(rule["ScheduleExpression"]):
        return f"Invalid schedule expression {rule['ScheduleExpression']}"
    if vault not in store.of(call).vaults:
        return f"Backup vault {vault} does not exist"
    if words := check_lifecycle(rule.get("Lifecycle"), bool(rule["EnableContinuousBackup"])):
        return words
    for action in rule.get("CopyActions") or []:
        if not re.fullmatch(
            r"arn:aws:backup:[^:]+:\d{12}:backup-vault:[a-zA-Z0-9\-_]{2,50}", action["DestinationBackupVaultArn"]
        ):
            return f"Invalid destination backup vault ARN {action['DestinationBackupVaultArn']}"  # own wording
        if words := check_lifecycle(action.get("Lifecycle")):
            return words
    return None


def _complete(call: Call) -> dict:
    """The document with its defaults, unless AWS would refuse it."""
    document = copy.deepcopy({field: value for field, value in call["BackupPlan"].items() if value is not None})
    if not NAME.fullmatch(document["BackupPlanName"]):
        raise invalid(f"Backup plan name {document['BackupPlanName']} is not valid")
    if not document["Rules"]:
        raise invalid("A backup plan has at least one rule.")  # own wording
    if len(document["Rules"]) > _RULES:
        raise fault("LimitExceededException", f"A backup plan has at most {_RULES} rules.")  # own wording
    rules = []
    for given in document["Rules"]:
        rule = _DEFAULTS | {field: value for field, value in given.items() if value is not None}
        if not NAME.fullmatch(rule["RuleName"]):
            raise invalid(f"Backup rule name {rule['RuleName']} is not valid")
        if len(rule.get("CopyActions") or []) > _COPIES:
            raise fault("LimitExceededException", f"A backup rule has at most {_COPIES} copy actions.")  # own wording
        if words := _refused(call, rule):
            raise invalid(f"Error in rule {rule['RuleName']} : {words}")  # as in aws/aws-cdk#8685
        rules.append(rule | {"RuleId": str(uuid.uuid4())})
    return document | {"Rules": rules}


def _document(version: dict) -> dict:
    """What of a version was asked for."""
    document = copy.deepcopy(version["BackupPlan"])
    for rule in document["Rules"]:
        del rule["RuleId"]
    return document


def _add(plan: Plan, document: dict) -> None:
    if len(plan.versions) >= _VERSIONS:
        raise fault("LimitExceededException", f"A backup plan has at most {_VERSIONS} versions.")  # own wording
    version = base64.b64encode(str(uuid.uuid4()).encode()).decode()
    plan.versions[version] = {"VersionId": version, "CreationDate": now(), "BackupPlan": document}


def _made(plan: Plan) -> dict:
    newest = plan.newest
    return {
        "BackupPlanId": plan.id,
        "BackupPlanArn": plan.arn,
        "CreationDate": newest["CreationDate"],
        "VersionId": newest["VersionId"],
        "AdvancedBackupSettings": newest["BackupPlan"].get("AdvancedBackupSettings", []),
    }


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupPlan.html
@operations.on("CreateBackupPlan")
def create_backup_plan(call: Call) -> dict:
    state, token = store.of(call), check_token(call)
    kept = [plan for plan in state.plans.values() if plan.deleted is None]
    # "If the request includes a CreatorRequestId that matches an existing backup plan, that plan is returned" (as above).
    for plan in kept:
        if token and plan.token == token:
            return _made(plan)
    document = _complete(call)
    asked = _document({"BackupPlan": document})
    # "If you call CreateBackupPlan with a plan that already exists, you receive an AlreadyExistsException exception" (as above); AWS's
    # words, as quoted in ministryofjustice/modernisation-platform#4909.
    for plan in kept:
        if _document(plan.newest) == asked:
            raise taken("Backup plan with the same plan document already exists", plan.arn, plan.token)
    if len(kept) >= _PLANS:
        raise fault("LimitExceededException", f"An account has at most {_PLANS} backup plans.")  # own wording
    id = str(uuid.uuid4())
    plan = Plan(id, call.arn("backup", f"backup-plan:{id}"), token)
    plan.tags = dict(call.get("BackupPlanTags", {}))
    _add(plan, document)
    state.plans[id] = plan
    return _made(plan)


def _plan(call: Call) -> Plan:
    found = store.of(call).plans.get(call["BackupPlanId"])
    if found is None or found.deleted is not None:
        # The code is the API reference's; the words are those of CreateBackupSelection.
        raise fault("ResourceNotFoundException", f"Cannot find Backup plan with ID {call['BackupPlanId']}")
    return found


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_GetBackupPlan.html
@operations.on("GetBackupPlan")
def get_backup_plan(call: Call) -> dict:
    wanted = call.get("VersionId")
    plan = store.of(call).plans.get(call["BackupPlanId"])
    # "Deleting a backup plan deletes the current version of a backup plan. Previous versions, if any, will still exist" (API reference,
    # DeleteBackupPlan).
    version = None if plan is None else plan.versions.get(wanted) if wanted else plan.newest if plan.deleted is None else None
    if plan is None or version is None:
        raise fault("ResourceNotFoundException", "Failed reading Backup plan with provided version")  # the words are moto's
    shown = {"BackupPlanId": plan.id, "BackupPlanArn": plan.arn} | copy.deepcopy(version)
    if plan.token:
        shown["CreatorRequestId"] = plan.token
    if plan.deleted:
        shown["DeletionDate"] = plan.deleted
    if settings := version["BackupPlan"].get("AdvancedBackupSettings"):
        shown["AdvancedBackupSettings"] = copy.deepcopy(settings)
    return shown


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_UpdateBackupPlan.html
@operations.on("UpdateBackupPlan")
def update_backup_plan(call: Call) -> dict:
    plan = _plan(call)
    _add(plan, _complete(call))
    return _made(plan)


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteBackupPlan.html
@operations.on("DeleteBackupPlan")
def delete_backup_plan(call: Call) -> dict:
    plan = _plan(call)
    if plan.selections:
        # AWS's words, as quoted in hashicorp/terraform-provider-aws#10414.
        raise fault("InvalidRequestException", "Related backup plan selections must be deleted prior to backup plan deletion")
    gone = plan.newest["VersionId"]
    plan.deleted = now()
    plan.tags = {}
    answer = {"BackupPlanId": plan.id, "BackupPlanArn": plan.arn, "DeletionDate": plan.deleted, "VersionId": gone}
    if len(plan.versions) > 1:
        del plan.versions[gone]
    return answer


def _listed(plan: Plan, version: dict) -> dict:
    shown = {
        "BackupPlanArn": plan.arn,
        "BackupPlanId": plan.id,
        "CreationDate": version["CreationDate"],
        "VersionId": version["VersionId"],
        "BackupPlanName": version["BackupPlan"]["BackupPlanName"],
    }
    if plan.token:
        shown["CreatorRequestId"] = plan.token
    if plan.deleted:
        shown["DeletionDate"] = plan.deleted
    if settings := version["BackupPlan"].get("AdvancedBackupSettings"):
        shown["AdvancedBackupSettings"] = copy.deepcopy(settings)
    return shown


@operations.on("ListBackupPlans")
def list_backup_plans(call: Call) -> dict:
    plans = [plan for plan in store.of(call).plans.values() if call.get("IncludeDeleted") or plan.deleted is None]
    return paged(call, "BackupPlansList", [_listed(plan, plan.newest) for plan in plans])


@operations.on("ListBackupPlanVersions")
def list_backup_plan_versions(call: Call) -> dict:
    plan = store.of(call).plans.get(call["BackupPlanId"]) or _plan(call)
    return paged(call, "BackupPlanVersionsList", [_listed(plan, version) for version in reversed(plan.versions.values())])
