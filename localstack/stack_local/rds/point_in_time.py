"""Restoring a database to a point in time: what AWS refuses, and what the new one has of its source.

A backup is as good as the database here: what it holds now is what it held at any time, and it can be restored as soon as it
was created, where AWS has it wait for its first backup.
"""

import contextlib
import copy
import datetime
from collections.abc import Iterator

from stack_local import interfaces
from stack_local.core import Call, fault, now
from stack_local.rds.snapshots import check_family, password_of
from stack_local.rds.state import moto_backend, state

# By what name moto knows, for the time of a call, the database whose replicated backups are restored.
_REPLICATED = "stack-replicated"
# What finds replicated backups, and refuses what AWS does: filled in there.
backups: list = []


def _said(time: datetime.datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _utc(time: datetime.datetime) -> datetime.datetime:
    return time.replace(tzinfo=datetime.UTC) if time.tzinfo is None else time


def is_restorable(name: str, database, instances) -> bool:
    """Whether there is a time to which an instance can be restored: it has backups, and was created."""
    creating = name in instances.failed or instances.under_way.get(name, ("",))[0] == "creating"
    return bool(database.backup_retention_period) and not creating


def _check_time(database, wanted: datetime.datetime) -> None:
    latest, days = now(), database.backup_retention_period
    # "Must be before the latest restorable time for the DB instance" (API reference, RestoreDBInstanceToPointInTime, RestoreTime). Code
    # and words are AWS's, as quoted by those who met them.
    if wanted > latest:
        raise fault("InvalidParameterValue", f"The specified instance cannot be restored to a time later than {_said(latest)}.")
    begun = latest - datetime.timedelta(days=days)
    if wanted < begun:
        raise fault(
            "InvalidParameterValue",
            f"The specified instance cannot be restored to a time earlier than {_said(begun)} because its backup retention period is set to {days} days.",
        )
    created = _utc(database.created).replace(microsecond=0)  # times are returned in seconds
    if wanted < created:
        raise fault(
            "InvalidParameterValue", f"The specified instance cannot be restored to a time earlier than {_said(created)}."
        )


def check(call: Call):
    """What AWS refuses of a restore; else the source."""
    wanted, latest = call.get("RestoreTime"), bool(call.get("UseLatestRestorableTime"))
    # "Can't be specified if the UseLatestRestorableTime parameter is enabled", "Can't be specified if the RestoreTime parameter is
    # provided" (API reference, RestoreDBInstanceToPointInTime); own wording.
    if wanted and latest:
        raise fault("InvalidParameterCombination", "RestoreTime and UseLatestRestorableTime cannot be specified together.")
    if not wanted and not latest:
        raise fault("InvalidParameterCombination", "Either RestoreTime or UseLatestRestorableTime must be specified.")
    if call.get("SourceDBInstanceAutomatedBackupsArn"):
        source = backups[0](call)
        _check_password(call, source)
        check_family(call, source.engine, source.engine_version)
        return source
    name = call.get("SourceDBInstanceIdentifier", "").lower()
    source, instances = moto_backend(call.account, call.region).databases.get(name), state.of(call)
    if source is None:
        raise fault("DBInstanceNotFound", f"DBInstance {name or call.get('SourceDbiResourceId', '')} not found.", 404)
    if source.db_cluster_identifier:
        # "This operation doesn't apply to Aurora MySQL and Aurora PostgreSQL" (as above); own wording.
        raise fault("InvalidParameterValue", f"{name} is a member of a cluster: use RestoreDBClusterToPointInTime.")
    if not source.backup_retention_period:
        raise fault("PointInTimeRestoreNotEnabled", f"Automated backups are not enabled for the database instance {name}.")
    if not is_restorable(name, source, instances) or instances.under_way.get(name, ("",))[0] == "deleting":
        raise fault("InvalidDBInstanceState", f"Instance {name} is not in the available state.")
    if wanted:
        _check_time(source, _utc(wanted))
    _check_password(call, source)
    check_family(call, source.engine, source.engine_version)
    return source


def _check_password(call: Call, source) -> None:
    if call.get("ManageMasterUserPassword") and not source.engine.startswith("oracle"):
        # "Constraints: Applies to RDS for Oracle only" (as above); own wording.
        raise fault(
            "InvalidParameterCombination",
            f"ManageMasterUserPassword is not supported for engine {source.engine} when restoring a DB instance to a point in time.",
        )


def named(call: Call) -> dict | None:
    """What moto restores where backups of another region are named: a database that it knows for the time of the call."""
    if not call.get("SourceDBInstanceAutomatedBackupsArn"):
        return None
    return {"SourceDBInstanceIdentifier": _REPLICATED}


def _default_groups(call: Call) -> list[str]:
    """The default security group of the network that the new one is in."""
    group = moto_backend(call.account, call.region).subnet_groups.get(call.get("DBSubnetGroupName") or "")
    found = interfaces.backend(call.account, call.region).get_default_security_group(group and group.vpc_id)
    return [found.id] if found else []


@contextlib.contextmanager
def only_what_is_kept(call: Call, source) -> Iterator[None]:
    """moto copies whatever its source has, so for the time of the call that has only what AWS keeps.

    "created with most of the original configuration, but in a system-selected Availability Zone, with the default security group, the
    default subnet group, and the default DB parameter group. By default, the new DB instance is created as a single-AZ deployment" (API
    reference, RestoreDBInstanceToPointInTime; there too: the defaults of protection, copied tags and IAM).
    """
    kept = copy.copy(source)
    # It has its source's password, which no secret keeps.
    kept.master_user_password = password_of(source)
    kept.manage_master_user_password = False
    kept.__dict__.pop("master_user_secret", None)
    kept._db_subnet_group_name = kept.db_parameter_group_name = kept.source_db_instance_identifier = None
    kept.vpc_security_group_ids = call.get("VpcSecurityGroupIds") or _default_groups(call)
    kept.deletion_protection = kept.multi_az = kept.copy_tags_to_snapshot = kept.enable_iam_database_authentication = False
    kept.publicly_accessible = bool(call.get("PubliclyAccessible"))
    kept.backup_retention_period = call.get("BackupRetentionPeriod", source.backup_retention_period)
    databases, name = moto_backend(call.account, call.region).databases, source.db_instance_identifier
    if call.get("SourceDBInstanceAutomatedBackupsArn"):
        kept.db_instance_identifier = name = _REPLICATED
    databases[name] = kept
    try:
        yield
    finally:
        if name == _REPLICATED:
            del databases[name]
        else:
            databases[name] = source
