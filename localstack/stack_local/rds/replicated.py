"""Automated backups of a database that are replicated into another region, and outlive it there.

What a database holds is in its replicated backups as soon as anybody looks, where AWS takes minutes for each log; a test can say
that they are late (`/_stack/states`), as they are when a region fails. Every operation here is called in the region of the copies:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReplicateBackups.html
"""

import copy
import datetime
from typing import Any

from stack_local import states
from stack_local.clock import clock
from stack_local.core import Call, Store, fault, listed, now, pairs
from stack_local.rds import instances, point_in_time, snapshots
from stack_local.rds.state import leaving, moto_backend, operations
from stack_local.rds.state import state as _state

# From which region into which, by the table of the page above as it was in 2022 (awsdocs/amazon-rds-user-guide); AWS has more by now,
# and lists them (DescribeSourceRegions).
_INTO = {
    "ap-south-1": "ap-southeast-1 us-east-1 us-east-2 us-west-2",
    "ap-northeast-3": "ap-northeast-1",
    "ap-northeast-2": "ap-southeast-1 ap-northeast-1 us-east-1 us-east-2 us-west-2",
    "ap-southeast-1": "ap-south-1 ap-northeast-2 ap-southeast-2 ap-northeast-1 us-east-1 us-east-2 us-west-2",
    "ap-southeast-2": "ap-southeast-1 us-east-1 us-west-1 us-west-2",
    "ap-northeast-1": "ap-northeast-3 ap-northeast-2 ap-southeast-1 us-east-1 us-east-2 us-west-2",
    "ca-central-1": "eu-west-1 us-east-1 us-east-2 us-west-1 us-west-2",
    "eu-central-1": "eu-west-1 eu-west-2 eu-west-3 eu-north-1 us-east-1 us-east-2 us-west-2",
    "eu-west-1": "ca-central-1 eu-central-1 eu-west-2 eu-west-3 eu-north-1 us-east-1 us-east-2 us-west-1 us-west-2",
    "eu-west-2": "eu-central-1 eu-west-1 eu-west-3 eu-north-1 us-east-1",
    "eu-west-3": "eu-central-1 eu-west-1 eu-west-2 eu-north-1 us-east-1",
    "eu-north-1": "eu-central-1 eu-west-1 eu-west-2 eu-west-3 us-east-1",
    "sa-east-1": "us-east-1 us-east-2",
    "us-east-1": "ap-south-1 ap-northeast-2 ap-southeast-1 ap-southeast-2 ap-northeast-1 ca-central-1 eu-central-1 eu-west-1 eu-west-2 eu-west-3 eu-north-1 sa-east-1 us-east-2 us-west-1 us-west-2",
    "us-east-2": "ap-south-1 ap-northeast-2 ap-southeast-1 ap-northeast-1 ca-central-1 eu-central-1 eu-west-1 sa-east-1 us-east-1 us-west-1 us-west-2",
    "us-west-1": "ap-southeast-2 ca-central-1 eu-west-1 us-east-1 us-east-2 us-west-2",
    "us-west-2": "ap-south-1 ap-northeast-2 ap-southeast-1 ap-northeast-1 ca-central-1 eu-central-1 eu-west-1 us-east-1 us-east-2 us-west-1",
}

_MOST = 20  # "You can replicate up to 20 backups to each destination AWS Region for each AWS account" (as above, in 2022)


class _Backup:
    """The replicated backups of one database: how it was at the latest time that they reach to."""

    def __init__(self, arn: str, source: str, database):
        self.arn, self.source, self.region = arn, source, source.split(":")[3]
        self.resource: str = database.dbi_resource_id
        self.tags: dict[str, str] = {}
        self.timer = clock.timer("rds.replicate")
        self.begun, self.days, self.is_retained = now(), 7, False
        self.late: datetime.datetime | None = None
        self.latest: datetime.datetime | None = None
        self.database: Any = None
        self.key: str | None = None

    def status(self) -> str:
        # hashicorp/terraform-provider-aws, instance_automated_backups_replication.go: pending, replicating, retained.
        return "retained" if self.is_retained else "replicating" if self.timer.done() else "pending"

    def refresh(self) -> None:
        """Has it what its database holds now, unless it is late, or nothing is copied any more."""
        if self.status() != "replicating" or (self.late and self.latest):
            return
        source = _database(self.source)
        if source is not None and source.dbi_resource_id == self.resource:
            self.take(source)

    def take(self, source) -> None:
        kept = copy.copy(source)
        kept.stack_password, kept.tags = snapshots.password_of(source), []
        kept.__dict__.pop("master_user_secret", None)
        kept.__dict__.pop("stack_replications", None)
        self.database, self.latest = kept, (self.late or now()).replace(microsecond=0)


_backups = Store(dict)  # ARN: _Backup


def _place(arn: str) -> tuple[str, str, str]:
    _, _, _, region, account, _, name = arn.split(":", 6)
    return account, region, name


def _database(arn: str):
    account, region, name = _place(arn)
    instances.settle(account, region)
    return moto_backend(account, region).databases.get(name)


def _told(source) -> list[dict]:
    """Where an instance says that its backups are."""
    return source.__dict__.setdefault("stack_replications", [])


def _source(call: Call):
    """The database of another region that is named, and its ARN."""
    arn = call["SourceDBInstanceArn"]
    parts = arn.split(":", 6)
    if len(parts) != 7 or parts[5] != "db":
        raise fault("InvalidParameterValue", f"Invalid DB instance ARN: {arn}")  # own wording
    source = _database(arn) if parts[4] == call.account else None
    if source is None:
        raise fault("DBInstanceNotFound", f"DBInstance {arn} not found.", 404)
    return arn, source


def _missing(what: str):
    return fault("DBInstanceAutomatedBackupNotFound", f"No automated backup {what} was found.", 404)


@operations.on("StartDBInstanceAutomatedBackupsReplication")
def start(call: Call) -> dict:
    home = (call["SourceDBInstanceArn"].split(":") + [""] * 4)[3]
    if call.region not in _INTO.get(home, "").split():
        # AWS's words, as quoted in boto/boto3#3201, of a call in the region of the database itself.
        raise fault("InvalidParameterValue", f"Feature is not available in region {call.region}.")
    arn, source = _source(call)
    name, state = source.db_instance_identifier, _state.at(call.account, home)
    if name in state.under_way or name in state.failed or name in state.told:
        raise fault("InvalidDBInstanceState", f"Instance {name} is not in the available state.")
    if not source.backup_retention_period:
        # "To be able to replicate automated backups, make sure to enable them" (USER_ReplicateBackups); own wording.
        raise fault("InvalidDBInstanceState", f"Automated backups are not enabled for the database instance {name}.")
    key = call.get("KmsKeyId")
    if source.storage_encrypted and not key:
        # "If you've enabled encryption on the source DB instance, choose the AWS KMS key for encrypting the backups" (as above); own
        # wording.
        raise fault("InvalidParameterValue", "Must specify a KMS key of this region for backups of an encrypted DB instance.")
    key = snapshots.target_key(call, key) if key else None
    # Own wording in both; the codes are the API reference's.
    own = call.arn("rds", f"auto-backup:ab-{source.dbi_resource_id.removeprefix('db-').lower()}")
    kept = _backups.of(call)
    there = kept.get(own)
    if there is not None and not there.is_retained:
        raise fault("InvalidDBInstanceAutomatedBackupState", f"Backups of {arn} are replicated into {call.region} already.")
    if there is not None and there.key != key:
        # "If using a new AWS KMS key, delete existing replicated backup in the destination AWS Region that was encrypted with the previous
        # key" (AutomatedXREGBackups.Troubleshooting).
        raise fault("InvalidDBInstanceAutomatedBackupState", f"{own} is encrypted with another key: delete it first.")
    if sum(not one.is_retained for one in kept.values()) >= _MOST:
        raise fault("DBInstanceAutomatedBackupQuotaExceeded", "The quota for replicated automated backups was exceeded.")
    made = _Backup(own, arn, source)
    if there is not None:
        made.begun, made.database, made.latest, made.late = there.begun, there.database, there.latest, there.late
    made.key, made.days, made.tags = key, call.get("BackupRetentionPeriod", 7), pairs(call.get("Tags"))
    kept[own] = made
    _told(source).append({"DBInstanceAutomatedBackupsArn": own})
    state.under_way[name] = ("modifying", clock.timer("rds.modify"))
    return {"DBInstanceAutomatedBackup": _view(made, call.region, first=True)}


@operations.on("StopDBInstanceAutomatedBackupsReplication")
def stop(call: Call) -> dict:
    arn, source = _source(call)
    found = [one for one in _backups.of(call).values() if one.source == arn and not one.is_retained]
    if not found:
        # Words as in hashicorp/terraform-provider-aws, instance_automated_backups_replication.go.
        raise fault("InvalidDBInstanceState", f"{arn} is not replicating to the current region.")
    home, name = source.backend.region_name, source.db_instance_identifier
    if name in _state.at(call.account, home).under_way:
        raise fault("InvalidDBInstanceState", f"Instance {name} is not in the available state.")
    [one] = found
    one.refresh()
    _retain(call.account, call.region, one)
    source.stack_replications = [told for told in _told(source) if told["DBInstanceAutomatedBackupsArn"] != one.arn]
    # The database is busy for a while after that (hashicorp/terraform-provider-aws#46687).
    _state.at(call.account, home).under_way[name] = ("modifying", clock.timer("rds.modify"))
    return {"DBInstanceAutomatedBackup": _view(one, call.region)}


def _retain(account: str, region: str, one: _Backup) -> None:
    """ "Replicated backups are retained, subject to the backup retention period set when they were created"
    (AutomatedBackups.StopReplicating). Where there is none yet, nothing is."""
    one.is_retained = True
    if one.database is None:
        _backups.at(account, region).pop(one.arn, None)


@leaving.append
def _leave(account: str, region: str, database) -> None:
    """A database is deleted: its replicated backups stay."""
    for (owner, there), kept in _backups.places():
        for one in list(kept.values()) if owner == account else []:
            if one.region == region and one.resource == database.dbi_resource_id and not one.is_retained:
                if one.status() == "replicating" and not (one.late and one.latest):
                    one.take(database)
                _retain(account, there, one)


def _view(one: _Backup, region: str, first: bool = False) -> dict:
    if not first:
        one.refresh()
    database = one.database or _database(one.source)
    view = {
        "DBInstanceArn": one.source,
        "DbiResourceId": one.resource,
        "Region": one.region,
        "DBInstanceIdentifier": one.source.split(":")[-1],
        "DBInstanceAutomatedBackupsArn": one.arn,
        "Status": "pending" if first else one.status(),
        "BackupRetentionPeriod": one.days,
        "Encrypted": one.key is not None,
        "TagList": listed(one.tags),
    }
    if one.key:
        view["KmsKeyId"] = one.key
    if database is not None:
        view |= {
            "AllocatedStorage": database.allocated_storage,
            "Engine": database.engine,
            "EngineVersion": database.engine_version,
            "MasterUsername": database.master_username,
            "StorageType": database.storage_type,
        }
    if one.latest and not first:
        view["RestoreWindow"] = {"EarliestTime": min(one.begun.replace(microsecond=0), one.latest), "LatestTime": one.latest}
    return view


@operations.on("DescribeDBInstanceAutomatedBackups")
def describe(call: Call) -> dict:
    arn, name, resource = call.get("DBInstanceAutomatedBackupsArn"), call.get("DBInstanceIdentifier"), call.get("DbiResourceId")
    views = [_view(one, call.region) for one in _backups.of(call).values()]
    if arn:
        views = [view for view in views if view["DBInstanceAutomatedBackupsArn"] == arn]
        if not views:
            raise _missing(arn)
        return {"DBInstanceAutomatedBackups": views}
    answer = call.stock()
    views = [view for view in views if name in (None, view["DBInstanceIdentifier"])]
    views = [view for view in views if resource in (None, view["DbiResourceId"])]
    answer["DBInstanceAutomatedBackups"] = answer.get("DBInstanceAutomatedBackups", []) + views
    return answer


@operations.on("DeleteDBInstanceAutomatedBackup")
def delete(call: Call) -> dict:
    arn, kept = call.get("DBInstanceAutomatedBackupsArn", ""), _backups.of(call)
    if arn not in kept:
        raise _missing(arn or call.get("DbiResourceId", ""))
    if not kept[arn].is_retained:
        # "this automated backup is associated with an active instance" (API reference, DeleteDBInstanceAutomatedBackup).
        raise fault("InvalidDBInstanceAutomatedBackupState", f"The automated backup {arn} is in use: it is replicating.")
    return {"DBInstanceAutomatedBackup": _view(kept.pop(arn), call.region)}


@operations.on("DescribeSourceRegions")
def describe_source_regions(call: Call) -> dict:
    def told(region: str) -> dict:
        supports = call.region in _INTO[region].split()
        endpoint = f"https://rds.{region}.amazonaws.com"
        return {
            "RegionName": region,
            "Endpoint": endpoint,
            "Status": "available",
            "SupportsDBInstanceAutomatedBackupsReplication": supports,
        }

    wanted = call.get("RegionName")
    return {"SourceRegions": [told(region) for region in _INTO if region != call.region and wanted in (None, region)]}


@operations.on("AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource")
def tags(call: Call) -> dict:
    arn = call["ResourceName"]
    if ":auto-backup:" not in arn:
        return call.stock()
    one = _backups.of(call).get(arn)
    if one is None:
        raise _missing(arn)
    if call.context.operation.name == "ListTagsForResource":
        return {"TagList": listed(one.tags)}
    one.tags |= pairs(call.get("Tags"))
    for key in call.get("TagKeys", []):
        one.tags.pop(key, None)
    return {}


@point_in_time.backups.append
def check(call: Call):
    """What AWS refuses of a restore from replicated backups; else the database as it was."""
    arn = call["SourceDBInstanceAutomatedBackupsArn"]
    one = _backups.of(call).get(arn)
    if one is None:
        raise _missing(arn)
    one.refresh()
    if one.database is None or one.latest is None:
        # Own wording; the code is the API reference's.
        raise fault("InvalidRestoreFault", f"{arn} has nothing yet that can be restored.")
    if wanted := call.get("RestoreTime"):
        wanted = wanted.replace(tzinfo=datetime.UTC) if wanted.tzinfo is None else wanted
        # "Must be before the latest restorable time" (API reference, RestoreDBInstanceToPointInTime).
        if not min(one.begun.replace(microsecond=0), one.latest) <= wanted < one.latest:
            raise fault("InvalidParameterValue", f"The specified instance cannot be restored to {wanted:%Y-%m-%dT%H:%M:%SZ}.")
    source = copy.copy(one.database)
    source._master_user_password, source.manage_master_user_password = source.stack_password, False
    source.kms_key_id, source.availability_zone, source.option_group_supplied = one.key, f"{call.region}a", False
    source.__dict__.pop("db_subnet_group", None)
    source.backup_retention_period = one.days
    return source


@states.of("rds.backups")
def _say(account: str, region: str, name: str, status: str) -> None:
    """Has the backups of a database, in the region that they are replicated into, be late: since a time, or from now on (`late`)."""
    found = [one for one in _backups.at(account, region).values() if one.source.split(":")[-1] == name]
    if not found:
        raise ValueError(f"no backups of {name} are replicated into {region}")
    for one in found:
        one.late = None
        one.refresh()
        if status != "replicating":
            one.late = one.latest if status == "late" else datetime.datetime.fromisoformat(status)
            one.latest = one.late
            one.begun = min(one.begun, one.late) if one.late else one.begun
