"""Jobs: backups, copies and restores on demand. Nothing is started by a plan."""

import copy
import re
import uuid

from localstack.aws.api import ServiceException
from localstack.services.s3.models import s3_stores

from stack_local import service_roles
from stack_local.backup.plans import check_lifecycle
from stack_local.backup.points import Point, points_here, settle_points
from stack_local.backup.state import at, check_role, invalid, operations, paged, store, vault_of
from stack_local.backup.tags import tags_of_bucket
from stack_local.clock import clock
from stack_local.core import Call, fault, listed, now, pairs
from stack_local.rds import backups
from stack_local.settling import settles


class Job:
    def __init__(self, view: dict, request: dict, status: str):
        self.view = view  # as AWS returns it
        self.request = request
        self.field = status  # what its status is called there
        self.point: Point | None = None  # what it makes

    @property
    def status(self) -> str:
        return self.view[self.field]

    def end(self, status: str, words: str | None = None) -> None:
        self.view |= {self.field: status, "CompletionDate": now()}
        if words:
            self.view["StatusMessage"] = words
        if status == "COMPLETED":
            self.view["PercentDone"] = "100.0"


@settles
def settle(_account: str, _region: str) -> None:
    """All of them: a copy is listed in the region of its source and is in another one."""
    settle_points()
    for _, state in store.places():
        for job in (*state.backups.values(), *state.copies.values()):
            if job.status not in ("CREATED", "RUNNING") or job.point is None:
                continue
            if job.point.completed is not None:
                job.end("COMPLETED")
            elif job.point.state() in ("failed", "gone"):
                if job.point.is_snapshot:
                    backups.drop(job.point.arn, clock.real_timer(0))
                job.point.vault.points.pop(job.point.arn, None)
                job.end("FAILED", "The snapshot failed.")  # own wording
            else:
                job.view[job.field] = "RUNNING"
        for job in state.restores.values():
            if job.status not in ("PENDING", "RUNNING"):
                continue
            became = backups.instance_status(job.view["CreatedResourceArn"])
            if became == "available":
                job.end("COMPLETED")
            elif became == "creating":
                job.view[job.field] = "RUNNING"
            else:
                job.end("FAILED", f"The DB instance is {became}.")  # own wording


@operations.before_all
def _first(call: Call) -> None:
    settle(call.account, call.region)


def _known(jobs: dict, call: Call) -> Job | None:
    # "Retrying a successful request with the same idempotency token results in a success message with no action taken" (API reference,
    # StartBackupJob, StartCopyJob, StartRestoreJob).
    token = call.get("IdempotencyToken")
    return next((job for job in jobs.values() if token and job.request.get("IdempotencyToken") == token), None)


def _job(jobs: dict, call: Call, id: str) -> dict:
    found = jobs.get(call[id])
    if found is None:
        raise fault("ResourceNotFoundException", f"Cannot find job {call[id]}")  # own wording
    return copy.deepcopy(found.view)


# Parameters of lists, and what they are about.
_BY = {
    "ByResourceArn": "ResourceArn",
    "ByResourceType": "ResourceType",
    "ByBackupVaultName": "BackupVaultName",
    "ByDestinationVaultArn": "DestinationBackupVaultArn",
    "BySourceRecoveryPointArn": "SourceRecoveryPointArn",
    "ByAccountId": "AccountId",
    "ByState": "State",
    "ByStatus": "Status",
}
_TIMES = {
    "ByCreatedBefore": ("CreationDate", -1),
    "ByCreatedAfter": ("CreationDate", 1),
    "ByCompleteBefore": ("CompletionDate", -1),
    "ByCompleteAfter": ("CompletionDate", 1),
}


def _listed(call: Call, member: str, jobs: dict) -> dict:
    views = [copy.deepcopy(job.view) for job in reversed(jobs.values())]
    for parameter, field in _BY.items():
        wanted = call.get(parameter)
        if wanted is not None and wanted != "*":  # all accounts
            views = [view for view in views if view.get(field) == wanted]
    # Of the jobs that a restore testing plan started.
    if (plan := call.get("ByRestoreTestingPlanArn")) is not None:
        views = [view for view in views if view.get("CreatedBy", {}).get("RestoreTestingPlanArn") == plan]
    for parameter, (field, after) in _TIMES.items():
        if (time := call.get(parameter)) is not None:
            views = [view for view in views if view.get(field) and (view[field] > time) == (after > 0)]
    return paged(call, member, views)


# Backups


def _bucket(call: Call, arn: str):
    bucket = s3_stores[call.account][call.region].buckets.get(arn.removeprefix("arn:aws:s3:::"))
    return bucket if bucket is not None and bucket.bucket_account_id == call.account else None


def _type(call: Call, arn: str) -> str:
    """What is to be backed up; what is not there or nothing for AWS Backup is refused."""
    if re.fullmatch(rf"arn:aws:rds:{call.region}:{call.account}:db:[^:]+", arn):
        if backups.instance(arn) is not None:
            return "RDS"
    elif arn.startswith("arn:aws:s3:::"):
        if _bucket(call, arn) is not None:
            return "S3"
    else:
        raise invalid(f"Invalid or unsupported resource ARN {arn}")  # own wording
    raise fault("ResourceNotFoundException", f"Cannot find resource {arn}")  # the code is the API reference's; own wording


def _check(call: Call) -> None:
    check_role(call, call["IamRoleArn"])
    if words := check_lifecycle(call.get("Lifecycle")):
        raise invalid(words)
    # "If this value is included, it must be at least 60 minutes to avoid errors" (API reference, StartBackupJob, StartWindowMinutes); the
    # wording is this project's.
    if (start := call.get("StartWindowMinutes")) is not None and start < 60:
        raise invalid("StartWindowMinutes cannot be less than 60 minutes")


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_StartBackupJob.html
@operations.on("StartBackupJob")
def start_backup_job(call: Call) -> dict:
    service_roles.need(call, "backup.amazonaws.com")
    jobs, vault, arn = store.of(call).backups, vault_of(call, call["BackupVaultName"]), call["ResourceArn"]
    if known := _known(jobs, call):
        return {"BackupJobId": known.view["BackupJobId"], "CreationDate": known.view["CreationDate"]}
    _check(call)
    type, id = _type(call, arn), str(uuid.uuid4())
    lifecycle = call.get("Lifecycle", {})
    view = {
        "AccountId": call.account,
        "BackupJobId": id,
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "VaultType": "BACKUP_VAULT",
        "ResourceArn": arn,
        "ResourceType": type,
        "ResourceName": arn.rsplit(":", 1)[-1],
        "IamRoleArn": call["IamRoleArn"],
        "CreationDate": now(),
        "State": "CREATED",
        "PercentDone": "0.0",
        "IsParent": False,
    }
    job = jobs[id] = Job(view, call.request, "State")
    if vault.locks_out(lifecycle.get("DeleteAfterDays")):
        # "If the job's retention period is shorter than that minimum retention period, then the vault fails that backup or copy job" (API
        # reference, PutBackupVaultLockConfiguration); own wording.
        job.end("FAILED", _RETENTION)
    else:
        try:
            job.point = _bucket_point(call, vault, arn, lifecycle) if type == "S3" else _snapshot(call, vault, arn, lifecycle, id)
        except ServiceException as refused:
            job.end("FAILED", refused.message)
    if point := job.point:
        vault.points[point.arn] = point
        fields = {"RecoveryPointArn": point.arn, "BackupSizeInBytes": point.bytes, "IsEncrypted": point.key is not None}
        view |= fields | ({"EncryptionKeyArn": point.key} if point.key else {})
    return {"BackupJobId": id, "CreationDate": view["CreationDate"], "IsParent": False}


_RETENTION = "The retention period of the job is outside of the range that the vault's lock allows."


def _snapshot(call: Call, vault, arn: str, lifecycle: dict, id: str) -> Point:
    # A point has the tags of what it was made from; those of a database's are in RDS
    # (https://docs.aws.amazon.com/aws-backup/latest/devguide/creating-a-backup-plan.html, tags added to recovery points).
    tags = pairs(backups.instance(arn).tags) | call.get("RecoveryPointTags", {})
    point = Point(backups.take(arn, f"awsbackup:job-{id}", listed(tags)), vault, arn, "RDS", call["IamRoleArn"], lifecycle)
    made = backups.snapshot(point.arn)
    point.key, point.bytes = made.kms_key_id, made.allocated_storage << 30
    return point


def _bucket_point(call: Call, vault, arn: str, lifecycle: dict) -> Point:
    bucket = _bucket(call, arn)
    if bucket.versioning_status != "Enabled":
        # https://docs.aws.amazon.com/aws-backup/latest/devguide/s3-backups.html: it needs versions. Own wording.
        raise fault("InvalidRequestException", f"Versioning is not enabled for the bucket {bucket.name}.")
    name = f"{bucket.name}-{now():%Y%m%d%H%M%S}-{uuid.uuid4().hex[:8]}"
    point = Point(call.arn("backup", f"recovery-point:{name}"), vault, arn, "S3", call["IamRoleArn"], lifecycle)
    point.tags = tags_of_bucket(call.account, call.region, arn) | call.get("RecoveryPointTags", {})
    point.key = vault.key
    point.coming = clock.timer("backup.bucket")
    return point


@operations.on("DescribeBackupJob")
def describe_backup_job(call: Call) -> dict:
    return _job(store.of(call).backups, call, "BackupJobId")


@operations.on("ListBackupJobs")
def list_backup_jobs(call: Call) -> dict:
    return _listed(call, "BackupJobs", store.of(call).backups)


# Copies


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_StartCopyJob.html
@operations.on("StartCopyJob")
def start_copy_job(call: Call) -> dict:
    jobs, vault = store.of(call).copies, vault_of(call, call["SourceBackupVaultName"])
    if known := _known(jobs, call):
        return {"CopyJobId": known.view["CopyJobId"], "CreationDate": known.view["CreationDate"], "IsParent": False}
    source, to = vault.points.get(call["RecoveryPointArn"]), call["DestinationBackupVaultArn"]
    if source is None:
        # The code is the API reference's; own wording.
        raise fault("ResourceNotFoundException", f"Recovery point {call['RecoveryPointArn']} does not exist.")
    if source.status != "COMPLETED":
        raise fault("InvalidRequestException", f"Recovery point {source.arn} is {source.status}.")  # as above
    _check(call)
    match = re.fullmatch(r"arn:aws:backup:([^:]+):(\d{12}):backup-vault:[^:]+", to)
    if not match:
        raise invalid(f"Invalid destination backup vault ARN {to}")  # own wording
    id = str(uuid.uuid4())
    # Without one it has that of its source: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CopyAction.html
    lifecycle = call.get("Lifecycle") or source.lifecycle
    view = {
        "AccountId": call.account,
        "CopyJobId": id,
        "SourceBackupVaultArn": vault.arn,
        "SourceRecoveryPointArn": source.arn,
        "DestinationBackupVaultArn": to,
        "DestinationRecoveryPointLifecycle": dict(lifecycle),
        "ResourceArn": source.resource,
        "ResourceType": source.type,
        "ResourceName": source.resource.rsplit(":", 1)[-1],
        "CreationDate": now(),
        "State": "CREATED",
        "BackupSizeInBytes": source.bytes,
        "IamRoleArn": call["IamRoleArn"],
        "IsParent": False,
    }
    job = jobs[id] = Job(view, call.request, "State")
    target = at(to)
    if match[2] != call.account:
        # AWS's words, as quoted by those who met them. There are no organizations here.
        job.end("FAILED", "Copy job failed. Both source and destination account must be a member of the same organization.")
    elif target is None:
        job.end("FAILED", f"The backup vault {to} does not exist.")  # own wording
    elif target.locks_out(lifecycle.get("DeleteAfterDays")):
        job.end("FAILED", _RETENTION)
    else:
        try:
            job.point = point = _copy(call, source, target, match[1], id, lifecycle)
            target.points[point.arn] = point
            view["DestinationRecoveryPointArn"] = point.arn
        except ServiceException as refused:
            job.end("FAILED", refused.message)
    return {"CopyJobId": id, "CreationDate": view["CreationDate"], "IsParent": False}


def _copy(call: Call, source: Point, target, region: str, id: str, lifecycle: dict) -> Point:
    if source.is_snapshot:
        arn = backups.copy(source.arn, call.account, region, f"awsbackup:copyjob-{id}", target.key)
    else:
        arn = f"arn:aws:backup:{region}:{call.account}:recovery-point:{uuid.uuid4()}"
    point = Point(arn, target, source.resource, source.type, call["IamRoleArn"], lifecycle)
    point.source, point.bytes, point.tags = source.vault.arn, source.bytes, dict(source.tags)
    if source.is_snapshot:
        point.key = backups.snapshot(arn).kms_key_id
    else:
        point.key = target.key
        point.coming = clock.timer("backup.copy-bucket")
    return point


@operations.on("DescribeCopyJob")
def describe_copy_job(call: Call) -> dict:
    return {"CopyJob": _job(store.of(call).copies, call, "CopyJobId")}


@operations.on("ListCopyJobs")
def list_copy_jobs(call: Call) -> dict:
    return _listed(call, "CopyJobs", store.of(call).copies)


# Restores


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_StartRestoreJob.html
@operations.on("StartRestoreJob")
def start_restore_job(call: Call) -> dict:
    jobs = store.of(call).restores
    if known := _known(jobs, call):
        return {"RestoreJobId": known.view["RestoreJobId"]}
    point = next((point for point in points_here(call) if point.arn == call["RecoveryPointArn"]), None)
    if point is None:
        # The code is the API reference's; own wording, as below.
        raise fault("ResourceNotFoundException", f"Recovery point {call['RecoveryPointArn']} does not exist.")
    if call.get("IamRoleArn"):
        check_role(call, call["IamRoleArn"])
    if point.status != "COMPLETED":
        raise fault("InvalidRequestException", f"Recovery point {point.arn} is {point.status}.")
    if not point.is_snapshot:
        raise fault("InvalidRequestException", "Only databases are restored here.")
    try:
        request = backups.request_of(call["Metadata"])
    except ValueError as wrong:
        raise invalid(f"Invalid restore metadata. {wrong}") from None
    if not request.get("DBInstanceIdentifier"):
        raise invalid("Invalid restore metadata. You must specify DBInstanceIdentifier")
    id = str(uuid.uuid4())
    view = {
        "AccountId": call.account,
        "RestoreJobId": id,
        "RecoveryPointArn": point.arn,
        "SourceResourceArn": point.resource,
        "BackupVaultArn": point.vault.arn,
        "CreationDate": now(),
        "Status": "PENDING",
        "PercentDone": "0.00%",
        "BackupSizeInBytes": point.bytes,
        "ResourceType": point.type,
        "RecoveryPointCreationDate": point.created,
        "IsParent": False,
    }
    if call.get("IamRoleArn"):
        view["IamRoleArn"] = call["IamRoleArn"]
    job = jobs[id] = Job(view, call.request, "Status")
    try:
        view["CreatedResourceArn"] = backups.restore(point.arn, request)
        point.restored = now()
    except ServiceException as refused:
        job.end("FAILED", refused.message)
    return {"RestoreJobId": id}


@operations.on("DescribeRestoreJob")
def describe_restore_job(call: Call) -> dict:
    return _job(store.of(call).restores, call, "RestoreJobId")


@operations.on("ListRestoreJobs")
def list_restore_jobs(call: Call) -> dict:
    return _listed(call, "RestoreJobs", store.of(call).restores)
