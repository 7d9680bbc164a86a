"""What AWS Backup does in RDS: snapshots that only it deletes, and databases that it restores from them."""

import json

from localstack.aws.spec import load_service

from stack_local.clock import Timer
from stack_local.core import on_behalf_of
from stack_local.rds import instances, snapshots
from stack_local.rds.state import moto_backend, state

_RESTORE = "RestoreDBInstanceFromDBSnapshot"


def _place(arn: str) -> tuple[str, str, str]:
    """Account, region and name: that of a snapshot has a colon of its own."""
    _, _, _, region, account, _, name = arn.split(":", 6)
    return account, region, name


def instance(arn: str):
    """The database of an ARN, if it is there and not on its way out."""
    account, region, name = _place(arn)
    instances.settle(account, region)
    doing = state.at(account, region).under_way.get(name, ("",))[0]
    return None if doing == "deleting" else moto_backend(account, region).databases.get(name)


def instance_status(arn: str) -> str:
    """creating, available, gone, or how it failed."""
    account, region, name = _place(arn)
    instances.settle(account, region)
    if name not in moto_backend(account, region).databases:
        return "gone"
    kept = state.at(account, region)
    return kept.failed.get(name) or ("creating" if kept.under_way.get(name, ("",))[0] == "creating" else "available")


def take(arn: str, name: str, tags: list[dict]) -> str:
    """A snapshot of a database, as RDS makes it: the ARN."""
    account, region, database = _place(arn)
    instances.settle(account, region)
    request = {"DBInstanceIdentifier": database, "DBSnapshotIdentifier": _plain(name), "Tags": tags}
    snapshots.create_db_snapshot(on_behalf_of(account, region, "rds", "CreateDBSnapshot", request))
    return _claim(account, region, name)


def copy(source: str, account: str, region: str, name: str, key: str) -> str:
    """A copy of a snapshot elsewhere, with that place's key if the snapshot is encrypted: the ARN."""
    found = snapshots.at(source)
    request = {"SourceDBSnapshotIdentifier": source, "TargetDBSnapshotIdentifier": _plain(name), "Tags": list(found.tags)}
    if found.kms_key_id:
        request["KmsKeyId"] = key
    snapshots.copy_db_snapshot(on_behalf_of(account, region, "rds", "CopyDBSnapshot", request))
    return _claim(account, region, name)


def _plain(name: str) -> str:
    """No one else may use a colon in the name of a snapshot."""
    return name.replace(":", "-")


def _claim(account: str, region: str, name: str) -> str:
    made = snapshots.rename(account, region, _plain(name), name)
    made.snapshot_type = "awsbackup"
    return made.arn


def snapshot(arn: str):
    return snapshots.at(arn)


def snapshot_status(arn: str) -> str:
    """creating, available, failed, deleting or gone."""
    account, region, name = _place(arn)
    instances.settle(account, region)
    return snapshots.status(account, region, name) if snapshots.at(arn) is not None else "gone"


def drop(arn: str, timer: Timer) -> None:
    """Has the snapshot be gone when its time is up."""
    snapshots.leave(*_place(arn), timer)


def _members() -> dict:
    return load_service("rds").operation_model(_RESTORE).input_shape.members


# What a restore can be asked for, and its name at a database here. https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-rds.html
_KEPT = {
    "DBInstanceIdentifier": "db_instance_identifier",
    "DBInstanceClass": "db_instance_class",
    "Engine": "engine",
    "LicenseModel": "license_model",
    "Port": "port",
    "MultiAZ": "multi_az",
    "PubliclyAccessible": "publicly_accessible",
    "StorageType": "storage_type",
    "Iops": "iops",
    "AutoMinorVersionUpgrade": "auto_minor_version_upgrade",
    "CopyTagsToSnapshot": "copy_tags_to_snapshot",
    "DeletionProtection": "deletion_protection",
    "DBSubnetGroupName": "_db_subnet_group_name",
    "DBParameterGroupName": "db_parameter_group_name",
    "VpcSecurityGroupIds": "vpc_security_group_ids",
}


def restore_metadata(arn: str) -> dict[str, str]:
    """How a database was when the snapshot was taken, as a restore takes it: all of it text."""
    found, told = snapshots.at(arn), {}
    is_moved = getattr(found, "source_region", None) not in (None, found.region)
    for field, attribute in _KEPT.items():
        value = getattr(found.database, attribute, None)
        # The network of a copy's original is in another region.
        if value is None or (is_moved and field in ("DBSubnetGroupName", "VpcSecurityGroupIds")):
            continue
        told[field] = str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else json.dumps(value)
    return told


def request_of(metadata: dict[str, str]) -> dict:
    """A request to restore from metadata; a key or a value that is none is refused with ValueError."""
    members, request = _members(), {}
    for field, text in metadata.items():
        shape = members.get(field)
        if shape is None:
            raise ValueError(f"Unrecognized key : {field}")
        value: object = text
        if shape.type_name == "boolean":
            if text.lower() not in ("true", "false"):
                raise ValueError(f"{field} is true or false, not {text}")
            value = text.lower() == "true"
        elif shape.type_name == "integer":
            if not text.isdigit():
                raise ValueError(f"{field} is a number, not {text}")
            value = int(text)
        elif shape.type_name in ("list", "structure"):
            value = json.loads(text)
        request[field] = value
    return request


def restore(snapshot: str, request: dict) -> str:
    """A database from a snapshot, as RDS makes it: the ARN."""
    account, region, name = _place(snapshot)
    instances.settle(account, region)
    whole = request | {"DBSnapshotIdentifier": name}
    answer = instances.create_db_instance(on_behalf_of(account, region, "rds", _RESTORE, whole))
    return answer["DBInstance"]["DBInstanceArn"]
