"""Restore testing plans and their selections. Nothing runs by their schedules."""

import copy
import re
import uuid

from stack_local import service_roles
from stack_local.backup.schedules import is_cron
from stack_local.backup.state import TestingPlan, check_role, check_token, invalid, operations, paged, store, taken
from stack_local.core import Call, fault, now

# "it must consist of only alphanumeric characters and underscores"; "Maximum length is 50"
# (https://docs.aws.amazon.com/aws-backup/latest/devguide/API_RestoreTestingPlanForCreate.html, API_RestoreTestingSelectionForCreate.html).
_NAME = re.compile(r"[a-zA-Z0-9_]{1,50}")
# https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html#restore-testing-quotas
_PLANS, _SELECTIONS, _ARNS, _CONDITIONS, _VAULTS, _HOURS, _DAYS = 100, 30, 30, 30, 30, 168, 365
_ALGORITHMS = ("LATEST_WITHIN_WINDOW", "RANDOM_WITHIN_WINDOW")
_POINTS = ("SNAPSHOT", "CONTINUOUS")
_TYPES = ("Aurora", "DocumentDB", "DynamoDB", "EBS", "EC2", "EFS", "FSx", "Neptune", "RDS", "S3")
# What can be chosen of a database, in lower case, as "key values are not case sensitive"
# (https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing-inferred-metadata.html).
_OVERRIDES = {
    "RDS": {
        "allocatedstorage",
        "availabilityzones",
        "dbinstanceclass",
        "dbname",
        "dbparametergroupname",
        "dbsubnetgroupname",
        "domain",
        "domainiamrolename",
        "enablecloudwatchlogsexports",
        "enableiamdatabaseauthentication",
        "iops",
        "licensemodel",
        "multiaz",
        "optiongroupname",
        "port",
        "processorfeatures",
        "publiclyaccessible",
        "storagetype",
        "vpcsecuritygroupids",
    },
    "S3": {"encryptiontype", "kmskey"},
}


def _given(document: dict) -> dict:
    return copy.deepcopy({field: value for field, value in document.items() if value is not None})


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise invalid(f"Invalid name {name}. It must have 1 to 50 alphanumeric characters or underscores.")  # own wording


def _points(given: dict) -> dict:
    """Which recovery points are tested; own wording in the refusals, and in all below that name no source."""
    points = {"SelectionWindowDays": 30, "ExcludeVaults": []} | _given(given)
    if points.get("Algorithm") not in _ALGORITHMS:
        raise invalid("RecoveryPointSelection needs an Algorithm.")
    if not points.get("RecoveryPointTypes") or not set(points["RecoveryPointTypes"]) <= set(_POINTS):
        raise invalid("RecoveryPointSelection needs RecoveryPointTypes.")
    # "You must include one or more backup vaults. Use the wildcard ["*"] or specific ARNs" (API reference).
    vaults = points.get("IncludeVaults") or []
    if not vaults or not all(
        vault == "*" or vault.startswith("arn:aws:backup:") for vault in [*vaults, *points["ExcludeVaults"]]
    ):
        raise invalid("IncludeVaults are ARNs, or *.")
    if len(vaults) > _VAULTS:
        raise fault("LimitExceededException", f"A restore testing plan has at most {_VAULTS} vault selectors.")
    if not 1 <= points["SelectionWindowDays"] <= _DAYS:
        raise invalid(f"SelectionWindowDays is from 1 to {_DAYS}.")
    return points


def _plan_fields(given: dict, before: dict) -> dict:
    fields = before | _given(given)
    if not is_cron(fields["ScheduleExpression"]):
        raise invalid(f"Invalid schedule expression {fields['ScheduleExpression']}")
    if not 1 <= fields["StartWindowHours"] <= _HOURS:
        raise invalid(f"StartWindowHours is from 1 to {_HOURS}.")
    if given.get("RecoveryPointSelection") is not None:
        fields["RecoveryPointSelection"] = _points(given["RecoveryPointSelection"])
    return fields


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateRestoreTestingPlan.html
@operations.on("CreateRestoreTestingPlan")
def create_restore_testing_plan(call: Call) -> dict:
    plans, token, given = store.of(call).testing, check_token(call), call["RestoreTestingPlan"]
    name = given["RestoreTestingPlanName"]
    _check_name(name)
    if known := plans.get(name):
        if token and known.token == token:
            return _made(known, "CreationTime")
        raise taken(f"Restore testing plan {name} already exists", known.arn, known.token)
    if len(plans) >= _PLANS:
        raise fault("LimitExceededException", f"An account has at most {_PLANS} restore testing plans.")
    if given.get("RecoveryPointSelection") is None:
        raise fault("MissingParameterValueException", "RecoveryPointSelection is missing.")
    # "When you create a restore testing plan, we create a service-linked role for you"
    # (https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html#restore-testing-create).
    fields = _plan_fields(given, {"ScheduleExpressionTimezone": "Etc/UTC", "StartWindowHours": 24})
    service_roles.need(call, "restore-testing.backup.amazonaws.com")
    plan = plans[name] = TestingPlan(name, call.arn("backup", f"restore-testing-plan:{name}-{uuid.uuid4()}"), token)
    plan.fields, plan.tags = fields, dict(call.get("Tags", {}))
    return _made(plan, "CreationTime")


def _made(plan: TestingPlan, *times: str) -> dict:
    shown = {"RestoreTestingPlanArn": plan.arn, "RestoreTestingPlanName": plan.name}
    return shown | {time: plan.created if time == "CreationTime" else plan.updated for time in times}


def _plan(call: Call) -> TestingPlan:
    found = store.of(call).testing.get(call["RestoreTestingPlanName"])
    if found is None:
        raise fault("ResourceNotFoundException", f"Cannot find restore testing plan {call['RestoreTestingPlanName']}")
    return found


@operations.on("GetRestoreTestingPlan")
def get_restore_testing_plan(call: Call) -> dict:
    plan = _plan(call)
    shown = copy.deepcopy(plan.fields) | _made(plan, "CreationTime") | {"LastUpdateTime": plan.updated}
    return {"RestoreTestingPlan": shown | ({"CreatorRequestId": plan.token} if plan.token else {})}


@operations.on("ListRestoreTestingPlans")
def list_restore_testing_plans(call: Call) -> dict:
    fields = ("ScheduleExpression", "ScheduleExpressionTimezone", "StartWindowHours")
    plans = store.of(call).testing.values()
    shown = [{name: plan.fields[name] for name in fields} | _made(plan, "CreationTime") for plan in plans]
    return paged(call, "RestoreTestingPlans", shown)


# "Include only parameters you wish to change in each request"
# (https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html#restore-testing-update).
@operations.on("UpdateRestoreTestingPlan")
def update_restore_testing_plan(call: Call) -> dict:
    plan = _plan(call)
    plan.fields = _plan_fields(call["RestoreTestingPlan"], plan.fields)
    plan.updated = now()
    return _made(plan, "CreationTime", "UpdateTime")


# "All testing selections associated with a testing plan need to be deleted before you delete the testing plan"
# (https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html#restore-testing-delete). Of a plan that does not exist the API
# reference of this call names no error.
@operations.on("DeleteRestoreTestingPlan")
def delete_restore_testing_plan(call: Call) -> dict:
    plans, name = store.of(call).testing, call["RestoreTestingPlanName"]
    if name in plans and plans[name].selections:
        raise fault("InvalidRequestException", "Related restore testing selections must be deleted first.")
    plans.pop(name, None)
    return {}


def _check_selection(call: Call, selection: dict) -> None:
    kind = selection["ProtectedResourceType"]
    if kind not in _TYPES:
        raise invalid(f"Invalid protected resource type {kind}")
    arns = selection.get("ProtectedResourceArns") or []
    conditions = selection.get("ProtectedResourceConditions") or {}
    pairs = [pair for listed in conditions.values() for pair in listed or []]
    # "Each protected resource can be filtered by its specific ARNs … or by a wildcard …, but not both"; "A selection can have either
    # protected resource ARNs or use the wildcard with conditions, but it cannot have both" (API reference).
    if not arns and not pairs:
        raise fault("MissingParameterValueException", "ProtectedResourceArns or ProtectedResourceConditions are missing.")
    if ("*" in arns and len(arns) > 1) or (pairs and any(arn != "*" for arn in arns)):
        raise invalid("ProtectedResourceArns are specific ARNs, or the wildcard alone.")
    if len(arns) > _ARNS or len(pairs) > _CONDITIONS:
        raise fault("LimitExceededException", f"A selection has at most {_ARNS} ARNs and {_CONDITIONS} conditions.")
    if not 0 <= selection.get("ValidationWindowHours", 0) <= _HOURS:
        raise invalid(f"ValidationWindowHours is from 0 to {_HOURS}.")
    if kind in _OVERRIDES:
        wrong = {key.lower() for key in selection.get("RestoreMetadataOverrides") or {}} - _OVERRIDES[kind]
        if wrong:
            raise invalid(f"Invalid restore metadata override {min(wrong)}")
    check_role(call, selection["IamRoleArn"])


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateRestoreTestingSelection.html
@operations.on("CreateRestoreTestingSelection")
def create_restore_testing_selection(call: Call) -> dict:
    plan, token, given = _plan(call), check_token(call), _given(call["RestoreTestingSelection"])
    name = given["RestoreTestingSelectionName"]
    _check_name(name)
    if known := plan.selections.get(name):
        if token and known.get("CreatorRequestId") == token:
            return _selected(plan, name, "CreationTime")
        raise taken(f"Restore testing selection {name} already exists", plan.arn, known.get("CreatorRequestId"))
    if len(plan.selections) >= _SELECTIONS:
        raise fault("LimitExceededException", f"A restore testing plan has at most {_SELECTIONS} selections.")
    _check_selection(call, given)
    plan.selections[name] = {"ValidationWindowHours": 0} | given | {"CreationTime": now(), "RestoreTestingPlanName": plan.name}
    if token:
        plan.selections[name]["CreatorRequestId"] = token
    return _selected(plan, name, "CreationTime")


def _selected(plan: TestingPlan, name: str, *times: str) -> dict:
    shown = {"RestoreTestingPlanArn": plan.arn, "RestoreTestingPlanName": plan.name, "RestoreTestingSelectionName": name}
    return shown | {time: plan.selections[name]["CreationTime"] if time == "CreationTime" else now() for time in times}


def _selection(call: Call, plan: TestingPlan) -> dict:
    found = plan.selections.get(call["RestoreTestingSelectionName"])
    if found is None:
        raise fault("ResourceNotFoundException", f"Cannot find selection {call['RestoreTestingSelectionName']}")
    return found


@operations.on("GetRestoreTestingSelection")
def get_restore_testing_selection(call: Call) -> dict:
    return {"RestoreTestingSelection": copy.deepcopy(_selection(call, _plan(call)))}


@operations.on("ListRestoreTestingSelections")
def list_restore_testing_selections(call: Call) -> dict:
    fields = ("CreationTime", "IamRoleArn", "ProtectedResourceType", "RestoreTestingPlanName", "RestoreTestingSelectionName")
    shown = [{name: one[name] for name in (*fields, "ValidationWindowHours")} for one in _plan(call).selections.values()]
    return paged(call, "RestoreTestingSelections", shown)


@operations.on("UpdateRestoreTestingSelection")
def update_restore_testing_selection(call: Call) -> dict:
    plan = _plan(call)
    known = _selection(call, plan)
    changed = known | _given(call["RestoreTestingSelection"])
    _check_selection(call, changed)
    plan.selections[call["RestoreTestingSelectionName"]] = changed
    return _selected(plan, call["RestoreTestingSelectionName"], "CreationTime", "UpdateTime")


@operations.on("DeleteRestoreTestingSelection")
def delete_restore_testing_selection(call: Call) -> dict:
    plan = _plan(call)
    _selection(call, plan)
    del plan.selections[call["RestoreTestingSelectionName"]]
    return {}
