"""Recovery points: of databases a snapshot in RDS, of buckets something that AWS Backup keeps itself."""

import copy
import datetime

from stack_local.backup.plans import check_lifecycle
from stack_local.backup.state import Vault, invalid, operations, paged, store, vault_of
from stack_local.clock import Timer, clock
from stack_local.core import Call, fault, now
from stack_local.rds import backups


class Point:
    def __init__(self, arn: str, vault: Vault, resource: str, type: str, role: str, lifecycle: dict | None):
        self.arn = arn
        self.vault = vault
        self.resource = resource
        self.type = type
        self.role = role
        self.lifecycle = {field: value for field, value in (lifecycle or {}).items() if value is not None}
        self.created = now()
        self.completed: datetime.datetime | None = None
        self.restored: datetime.datetime | None = None
        self.key: str | None = None
        self.bytes = 0
        self.tags: dict[str, str] = {}
        self.source: str | None = None  # the vault that it was copied from
        self.coming: Timer | None = None
        self.going: Timer | None = None

    @property
    def is_snapshot(self) -> bool:
        return self.arn.startswith("arn:aws:rds:")

    def state(self) -> str:
        """creating, available, failed, deleting or gone: of what it is made of."""
        if self.is_snapshot:
            return backups.snapshot_status(self.arn)
        return "available" if self.coming is None or self.coming.done() else "creating"

    @property
    def status(self) -> str:
        if self.going is not None:
            return "DELETING"
        return "CREATING" if self.completed is None else "COMPLETED"


def settle_points() -> None:
    for _, state in store.places():
        for vault in state.vaults.values():
            for point in list(vault.points.values()):
                if point.completed is None and point.state() == "available":
                    point.completed = now()
                if point.going is not None and point.going.done():
                    del vault.points[point.arn]


def _calculated(point: Point) -> dict:
    def later(days: int | None) -> datetime.datetime | None:
        return None if days in (None, -1) else point.created + datetime.timedelta(days=days)

    times = {
        "MoveToColdStorageAt": later(point.lifecycle.get("MoveToColdStorageAfterDays")),
        "DeleteAt": later(point.lifecycle.get("DeleteAfterDays")),
    }
    return {field: time for field, time in times.items() if time is not None}


def view(point: Point) -> dict:
    shown = {
        "RecoveryPointArn": point.arn,
        "BackupVaultName": point.vault.name,
        "BackupVaultArn": point.vault.arn,
        "SourceBackupVaultArn": point.source,
        "ResourceArn": point.resource,
        "ResourceType": point.type,
        "ResourceName": point.resource.rsplit(":", 1)[-1],
        "IamRoleArn": point.role,
        "Status": point.status,
        "CreationDate": point.created,
        "InitiationDate": point.created,
        "CompletionDate": point.completed,
        "BackupSizeInBytes": point.bytes,
        "CalculatedLifecycle": _calculated(point),
        "Lifecycle": point.lifecycle or None,
        "EncryptionKeyArn": point.key,
        "IsEncrypted": point.key is not None,
        "LastRestoreTime": point.restored,
        "IsParent": False,
        "VaultType": "BACKUP_VAULT",
    }
    return {field: copy.copy(value) for field, value in shown.items() if value is not None}


def point_of(call: Call) -> Point:
    found = vault_of(call, call["BackupVaultName"]).points.get(call["RecoveryPointArn"])
    if found is None:
        # The code is the API reference's; own wording.
        raise fault("ResourceNotFoundException", f"Recovery point {call['RecoveryPointArn']} does not exist.")
    return found


def points_here(call: Call) -> list[Point]:
    return [point for vault in store.of(call).vaults.values() for point in vault.points.values()]


@operations.on("ListRecoveryPointsByBackupVault")
def list_recovery_points_by_backup_vault(call: Call) -> dict:
    points = list(vault_of(call, call["BackupVaultName"]).points.values())
    if arn := call.get("ByResourceArn"):
        points = [point for point in points if point.resource == arn]
    if type := call.get("ByResourceType"):
        points = [point for point in points if point.type == type]
    if call.get("ByBackupPlanId"):
        points = []  # nothing runs by a plan here
    if before := call.get("ByCreatedBefore"):
        points = [point for point in points if point.created < before]
    if after := call.get("ByCreatedAfter"):
        points = [point for point in points if point.created > after]
    return paged(call, "RecoveryPoints", [view(point) for point in points])


@operations.on("ListRecoveryPointsByResource")
def list_recovery_points_by_resource(call: Call) -> dict:
    shown = []
    for point in points_here(call):
        if point.resource != call["ResourceArn"]:
            continue
        whole = view(point)
        fields = (
            "RecoveryPointArn",
            "CreationDate",
            "Status",
            "EncryptionKeyArn",
            "BackupVaultName",
            "IsParent",
            "ResourceName",
            "VaultType",
        )
        shown.append({field: whole[field] for field in fields if field in whole} | {"BackupSizeBytes": point.bytes})
    return paged(call, "RecoveryPoints", shown)


@operations.on("DescribeRecoveryPoint")
def describe_recovery_point(call: Call) -> dict:
    return view(point_of(call)) | {"StorageClass": "WARM"}


@operations.on("GetRecoveryPointRestoreMetadata")
def get_recovery_point_restore_metadata(call: Call) -> dict:
    point = point_of(call)
    metadata = backups.restore_metadata(point.arn) if point.is_snapshot else {}
    return {
        "BackupVaultArn": point.vault.arn,
        "RecoveryPointArn": point.arn,
        "RestoreMetadata": metadata,
        "ResourceType": point.type,
    }


def _check_lock(point: Point) -> None:
    # "True means that Vault Lock causes delete or update operations on the recovery points stored in the vault to fail" (API reference,
    # DescribeBackupVault, Locked). The code is the API reference's; own wording.
    if point.vault.lock is not None:
        raise fault(
            "InvalidRequestException", f"The backup vault {point.vault.name} is locked: {point.arn} cannot be changed or deleted."
        )


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteRecoveryPoint.html
@operations.on("DeleteRecoveryPoint")
def delete_recovery_point(call: Call) -> dict:
    point = point_of(call)
    _check_lock(point)
    if point.status != "COMPLETED":
        # "AWS Backup is already performing an action on this recovery point. It can't perform the action you requested until the first
        # action finishes" (as above).
        raise fault(
            "InvalidResourceStateException", f"AWS Backup is already performing an action on this recovery point: {point.arn}"
        )
    point.going = clock.timer("backup.delete")
    if point.is_snapshot:
        backups.drop(point.arn, point.going)
    return {}


@operations.on("UpdateRecoveryPointLifecycle")
def update_recovery_point_lifecycle(call: Call) -> dict:
    point, lifecycle = point_of(call), call.get("Lifecycle", {})
    _check_lock(point)
    if words := check_lifecycle(lifecycle):
        raise invalid(words)
    point.lifecycle = {field: value for field, value in lifecycle.items() if value is not None}
    return {
        "BackupVaultArn": point.vault.arn,
        "RecoveryPointArn": point.arn,
        "Lifecycle": dict(point.lifecycle),
        "CalculatedLifecycle": _calculated(point),
    }


def _protected(call: Call) -> dict[str, dict]:
    """What has recovery points, with the newest of each."""
    found: dict[str, dict] = {}
    for point in sorted(points_here(call), key=lambda point: point.created):
        if point.completed is not None:
            found[point.resource] = {
                "ResourceArn": point.resource,
                "ResourceType": point.type,
                "ResourceName": point.resource.rsplit(":", 1)[-1],
                "LastBackupTime": point.completed,
                "LastBackupVaultArn": point.vault.arn,
                "LastRecoveryPointArn": point.arn,
            }
    return found


@operations.on("ListProtectedResources")
def list_protected_resources(call: Call) -> dict:
    return paged(call, "Results", list(_protected(call).values()))


@operations.on("DescribeProtectedResource")
def describe_protected_resource(call: Call) -> dict:
    found = _protected(call).get(call["ResourceArn"])
    if found is None:
        raise fault("ResourceNotFoundException", f"Cannot find resource {call['ResourceArn']}")  # own wording
    return found
