"""Snapshots of databases: they take their time, are copied between regions and accounts, and what is restored stands alone.

Nothing is kept in the databases here, but that data came along can be shown: data that a test puts into one (`/_stack/data`) is copied
into its snapshots, their copies and what is restored from them, and so does the master password.
"""

import copy
import json

from localstack.services.kms.models import kms_stores
from localstack.services.kms.provider import KmsProvider
from moto.rds.models import RDSBackend

from stack_local.clock import Timer, clock
from stack_local.core import Call, Store, fault
from stack_local.outcomes import outcomes
from stack_local.rds.engines import family_of
from stack_local.rds.state import moto_backend, operations, state

_under_way = Store(dict)  # snapshot: timer
_failed = Store(set)  # what ends so
_going = Store(dict)  # those that AWS Backup deletes, which takes its time: timer


def _snapshot(call: Call, name: str):
    return moto_backend(call.account, call.region).database_snapshots.get(name)


def at(arn: str):
    """The snapshot of an ARN, wherever it is; the name of an automated one has a colon: `rds:shop-2026-11-26-03-00`."""
    try:
        _, _, _, region, account, kind, name = arn.split(":", 6)
        return moto_backend(account, region).database_snapshots.get(name) if kind == "snapshot" else None
    except (KeyError, ValueError):
        return None


def _named(call: Call, identifier: str):
    """The snapshot that a name or an ARN means to the caller, to whom another account's is there only if it is shared."""
    if not identifier.startswith("arn:"):
        return _snapshot(call, identifier)
    found = at(identifier)
    if found is not None and found.account_id != call.account and not {call.account, "all"} & set(found.attributes["restore"]):
        return None
    return found


def _missing(identifier: str):
    return fault("DBSnapshotNotFound", f"DBSnapshot {identifier} not found.", 404)


def _moved(database, region: str):
    """The database of a snapshot in another region or account: without what is at its own place only."""
    database = copy.copy(database)
    database._db_subnet_group_name = None
    database.__dict__.pop("db_subnet_group", None)
    database.availability_zone = f"{region}a"
    database.option_group_supplied = False
    return database


# moto knows the caller's own snapshots only, and these by the name in an ARN whatever its region is. Here it is given ARNs of what
# the caller may see.
_describe, _get = RDSBackend.describe_db_snapshots, RDSBackend.get_db_snapshot


def _describe_by_arn(backend, db_instance_identifier=None, db_snapshot_identifier=None, snapshot_type=None, filters=None):
    found = at(db_snapshot_identifier or "")
    if found is None:
        return _describe(backend, db_instance_identifier, db_snapshot_identifier, snapshot_type, filters)
    if found.backend is not backend:
        found = copy.copy(found)
        found.database = _moved(found.database, backend.region_name)
    return [found]


RDSBackend.describe_db_snapshots = _describe_by_arn
RDSBackend.get_db_snapshot = lambda backend, identifier: at(identifier) or _get(backend, identifier)
RDSBackend.extract_snapshot_name_from_arn = lambda _, arn: arn


def password_of(database) -> str | None:
    """The master password that a database has now."""
    if (secret := getattr(database, "master_user_secret", None)) is not None:
        return json.loads(secret.secret.secret_string)["password"]
    return database._master_user_password


def data(account: str, region: str, name: str, said: str | None) -> str | None:
    """What a database holds, after a test has said it."""
    database = moto_backend(account, region).databases[name]
    if said is not None:
        database.stack_data = said
    return database.__dict__.get("stack_data")


def key_arn(account: str, region: str, key: str) -> str:
    """The ARN of the key that an alias is for: RDS returns no alias. AWS's own keys exist on request."""
    name = key.split(":")[-1]
    if not name.startswith("alias/"):
        return key
    KmsProvider._create_alias_if_reserved_and_not_exists(account, region, name)
    store = kms_stores[account][region]
    if name not in store.aliases:
        return key
    return store.keys[store.aliases[name].metadata["TargetKeyId"]].metadata["Arn"]


def _inaccessible(key: str):
    # AWS's words, as quoted in awslabs/rds-snapshot-tool#70.
    return fault(
        "KMSKeyNotAccessibleFault",
        f"The target KMS key [{key}] does not exist, is not enabled or you do not have permissions to access it.",
    )


def target_key(call: Call, key: str) -> str:
    """The key that a copy is encrypted with: an id or an alias is one of the caller's in the region that is copied to."""
    arn = key if key.startswith("arn:") else call.arn("kms", key if key.startswith("alias/") else f"key/{key}")
    region, account = (arn.split(":") + [""] * 5)[3:5]
    # "you can't use KMS keys from one Amazon Web Services Region in another" (API reference, CopyDBSnapshot, KmsKeyId).
    if region != call.region:
        raise _inaccessible(key)
    found = key_arn(account, region, arn)
    if found.split(":")[-1].startswith("alias/"):
        raise _inaccessible(key)
    if not key.startswith("arn:") and found.split("/")[-1] not in kms_stores[account][region].keys:
        raise _inaccessible(key)
    return found


def status(account: str, region: str, name: str) -> str:
    if name in _going.at(account, region):
        return "deleting"
    timer = _under_way.at(account, region).get(name)
    if timer is not None and not timer.done():
        return "creating"
    return "failed" if name in _failed.at(account, region) else "available"


def _status_of(snapshot) -> str:
    return status(snapshot.account_id, snapshot.region, snapshot.db_snapshot_identifier)


def _shown(view: dict) -> dict:
    _, _, _, region, account, _, name = view["DBSnapshotArn"].split(":", 6)
    view["Status"] = status(account, region, name)
    if view["Status"] == "creating":
        view["PercentProgress"] = 0
    return view


def _begun(call: Call, answer: dict) -> dict:
    view = answer["DBSnapshot"]
    _under_way.of(call)[view["DBSnapshotIdentifier"]] = clock.timer("rds.snapshot")
    if outcomes.take(call.account, "rds.snapshot"):
        _failed.of(call).add(view["DBSnapshotIdentifier"])
    view.update(Status="creating", PercentProgress=0)
    return answer


@operations.on("CreateDBSnapshot")
def create_db_snapshot(call: Call) -> dict:
    name = call["DBInstanceIdentifier"]
    if name in state.of(call).under_way or name in state.of(call).told:
        raise fault(
            "InvalidDBInstanceState",
            f"Cannot create a snapshot because the database instance {name} is not currently in the available state.",
        )
    answer = _begun(call, call.stock())
    # moto's snapshot has a copy of the database, and so has its copy.
    kept = _snapshot(call, call["DBSnapshotIdentifier"].lower()).database
    kept.stack_password = password_of(kept)
    # The database is at it as long as that takes.
    state.of(call).under_way[name] = ("backing-up", clock.timer("rds.snapshot"))
    return answer


@operations.on("CopyDBSnapshot")
def copy_db_snapshot(call: Call) -> dict:
    source = _named(call, call["SourceDBSnapshotIdentifier"])
    if source is None:
        raise _missing(call["SourceDBSnapshotIdentifier"])
    if _status_of(source) != "available":
        raise fault(
            "InvalidDBSnapshotState", f"Cannot copy the snapshot because {source.db_snapshot_identifier} is not available."
        )
    key = call.get("KmsKeyId")
    if source.kms_key_id and not key and source.region != call.region:
        # "you must specify an Amazon Web Services KMS key identifier for the destination" (API reference, CopyDBSnapshot, KmsKeyId);
        # AWS's refusal, as quoted in pbudzon/aws-maintenance#5.
        raise fault("InvalidParameterValue", "Must specify new KMS key for cross region encrypted snapshot copy.")
    if source.kms_key_id and not key and source.account_id != call.account:
        # "If you copy an encrypted DB snapshot that is shared from another Amazon Web Services account, then you must specify a value
        # for this parameter" (as above); own wording.
        raise fault("InvalidParameterValue", "Must specify new KMS key for the copy of an encrypted snapshot of another account.")
    # Without a key it has that of its source (as above).
    key = target_key(call, key) if key else source.kms_key_id
    # moto looks the key up among its own, but KMS here is LocalStack's.
    request = {field: value for field, value in call.request.items() if value is not None and field != "KmsKeyId"}
    answer = call.moto(request | {"SourceDBSnapshotIdentifier": source.arn})
    made, more = _snapshot(call, call["TargetDBSnapshotIdentifier"].lower()), {"SourceRegion": source.region}
    made.source_region = source.region
    if (source.account_id, source.region) != (call.account, call.region):
        # "It only has a value in the case of a cross-account or cross-Region copy" (API reference, DBSnapshot).
        made.source_db_snapshot_identifier = more["SourceDBSnapshotIdentifier"] = source.arn
        made.database = _moved(made.database, call.region)
    if key:
        made.kms_key_id, made.storage_encrypted, made.encrypted = key, True, True
        more |= {"KmsKeyId": key, "Encrypted": True}
    answer["DBSnapshot"].update(more)
    return _begun(call, answer)


# The filters of DescribeDBSnapshots, and what they are about.
_FILTERS = {
    "db-instance-id": "DBInstanceIdentifier",
    "db-snapshot-id": "DBSnapshotIdentifier",
    "dbi-resource-id": "DbiResourceId",
    "snapshot-type": "SnapshotType",
    "engine": "Engine",
}


def _shared(call: Call, request: dict) -> list[dict]:
    """Those of others that the caller may copy. Their identifier is their ARN (awslabs/rds-snapshot-tool, `get_shared_snapshots`)."""
    views = call.moto({"SnapshotType": "shared"}).get("DBSnapshots", [])
    for view in views:
        view.update(DBSnapshotIdentifier=view["DBSnapshotArn"], SnapshotType="shared")
    wanted = [(_FILTERS[filter["Name"]], filter["Values"]) for filter in request.get("Filters", []) if filter["Name"] in _FILTERS]
    wanted += [(field, [request[field]]) for field in ("DBSnapshotIdentifier", "DBInstanceIdentifier") if field in request]
    return [view for view in views if all(view.get(field) in values for field, values in wanted)]


@operations.on("DescribeDBSnapshots")
def describe_db_snapshots(call: Call) -> dict:
    name, kind = call.get("DBSnapshotIdentifier"), call.get("SnapshotType")
    request = {field: value for field, value in call.request.items() if value is not None}
    # "Shared and public DB snapshots are not included in the returned results by default … The IncludeShared and IncludePublic
    # parameters don't apply for SnapshotType values of manual or automated" (API reference, DescribeDBSnapshots, SnapshotType).
    others = kind == "shared" or (kind is None and bool(request.pop("IncludeShared", False)))
    found = _named(call, name) if name else None
    if found is not None:
        is_own = found.account_id == call.account
        # "If this identifier is for an automated snapshot, the SnapshotType parameter must also be specified" (as above,
        # DBSnapshotIdentifier).
        is_asked_for = (
            kind == "automated" if is_own and found.snapshot_type == "automated" else kind != "shared" if is_own else others
        )
        if found.region != call.region or not is_asked_for:
            raise _missing(found.arn)
        if is_own:
            answer = call.moto(request | {"DBSnapshotIdentifier": found.db_snapshot_identifier})
        else:
            answer = {"DBSnapshots": _shared(call, request)}
    elif name and name.startswith("arn:"):
        raise _missing(name)
    else:
        answer = call.moto(request) if kind != "shared" else {"DBSnapshots": []}
        if kind is None:
            # Those of AWS Backup are among them (furhouse/notejam and others look them up so), which moto leaves out.
            backups = call.moto(request | {"SnapshotType": "awsbackup"})
            answer["DBSnapshots"] = answer.get("DBSnapshots", []) + backups.get("DBSnapshots", [])
        if others and not name:
            answer["DBSnapshots"] = answer.get("DBSnapshots", []) + _shared(call, request)
    for view in answer.get("DBSnapshots", []):
        _shown(view)
    return answer


@operations.on("ModifyDBSnapshotAttribute", "DescribeDBSnapshotAttributes")
def db_snapshot_attributes(call: Call) -> dict:
    name = call["DBSnapshotIdentifier"]
    found = _named(call, name)
    if found is None or (found.account_id, found.region) != (call.account, call.region):
        raise _missing(name)
    request = {field: value for field, value in call.request.items() if value is not None}
    request["DBSnapshotIdentifier"] = found.db_snapshot_identifier
    added = list(dict.fromkeys(call.get("ValuesToAdd", [])))
    if added:
        _check_whose(found)
        if _status_of(found) != "available":
            raise fault("InvalidDBSnapshotState", f"Cannot share the snapshot because {name} is not available.")
        if found.kms_key_id and "all" in added:
            # "You can't use all as a value for that parameter in this case" (API reference, ModifyDBSnapshotAttribute); own wording.
            raise fault("InvalidParameterValue", f"The encrypted snapshot {name} cannot be shared with all.")
        if found.kms_key_id and found.kms_key_id == key_arn(call.account, call.region, "alias/aws/rds"):
            # "You can't share a snapshot that has been encrypted using the default KMS key of the AWS account that shared the snapshot"
            # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html). The code is the one that the API
            # reference has for a snapshot that does not allow it; own wording.
            raise fault("InvalidDBSnapshotState", f"Cannot share the snapshot {name}: it is encrypted with the default KMS key.")
        request["ValuesToAdd"] = [value for value in added if value not in found.attributes["restore"]]
    return call.moto(request)


def _check_whose(snapshot) -> None:
    # LBHackney-IT/Data-Platform#1599; of an EBS snapshot AWS says the like of these words (cloud-custodian/cloud-custodian#9459). Only
    # "a manual DB snapshot" can be shared (API reference, ModifyDBSnapshotAttribute). The code is the API reference's of both.
    if snapshot is not None and snapshot.snapshot_type == "awsbackup":
        raise fault(
            "InvalidDBSnapshotState",
            f"The snapshot {snapshot.db_snapshot_identifier} is managed by the AWS Backup service and cannot be deleted or shared via RDS APIs.",
        )


@operations.on("DeleteDBSnapshot")
def delete_db_snapshot(call: Call) -> dict:
    name = call["DBSnapshotIdentifier"]
    found = _snapshot(call, name)
    _check_whose(found)
    if found and _status_of(found) == "creating":
        raise fault(
            "InvalidDBSnapshotState", f"Cannot delete the snapshot because it is not currently in the available state: {name}"
        )
    forget(call.account, call.region, name)
    return call.stock()


def rename(account: str, region: str, old: str, new: str):
    """Gives a snapshot a name that RDS lets no one choose."""
    kept = moto_backend(account, region).database_snapshots
    found = kept[new] = kept.pop(old)
    found.db_snapshot_identifier = new
    if timer := _under_way.at(account, region).pop(old, None):
        _under_way.at(account, region)[new] = timer
    failed = _failed.at(account, region)
    if old in failed:
        failed.remove(old)
        failed.add(new)
    return found


def leave(account: str, region: str, name: str, timer: Timer) -> None:
    """Has a snapshot be deleted when its time is up."""
    _going.at(account, region)[name] = timer


def settle(account: str, region: str) -> None:
    for name in [name for name, timer in _going.at(account, region).items() if timer.done()]:
        del _going.at(account, region)[name]
        forget(account, region, name)
        moto_backend(account, region).database_snapshots.pop(name, None)


def forget(account: str, region: str, name: str) -> None:
    _under_way.at(account, region).pop(name, None)
    _failed.at(account, region).discard(name)


def check(call: Call):
    """What AWS refuses of a restore; else what is restored."""
    name = call["DBSnapshotIdentifier"]
    snapshot = _named(call, name)
    if snapshot is None or snapshot.region != call.region:
        raise _missing(name)
    if _status_of(snapshot) != "available":
        raise fault("InvalidDBSnapshotState", f"Cannot restore because the snapshot {name} is not available.")
    if snapshot.account_id != call.account and snapshot.kms_key_id:
        # "you can't restore a DB instance from a DB snapshot that is both shared and encrypted. Instead, you can make a copy"
        # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html); own wording.
        raise fault("KMSKeyNotAccessibleFault", f"Cannot restore from the shared, encrypted snapshot {name}: copy it first.")
    size = call.get("AllocatedStorage")
    if size is not None and size < snapshot.allocated_storage:
        # The words are moto's.
        raise fault("InvalidParameterValue", "The allocated storage size can't be less than the source snapshot or backup size.")
    check_family(call, snapshot.engine, snapshot.engine_version)
    return snapshot


def check_family(call: Call, engine: str, version: str) -> None:
    """Whether the parameter group that a restore names is one for what is restored, whose version it has."""
    # "The DBParameterGroup must be in the same DB parameter group family as the DB instance" (API reference, ModifyDBInstance); a
    # restored one has its source's version (the restores take none).
    group = moto_backend(call.account, call.region).db_parameter_groups.get(call.get("DBParameterGroupName") or "")
    number = ".".join(map(str, family_of(engine, version)))
    if group is not None and group.family != f"{engine}{number}":
        raise fault(
            "InvalidParameterCombination",
            f"The Parameter Group {group.name} with DBParameterGroupFamily {group.family} cannot be used for this instance. Please use a Parameter Group with DBParameterGroupFamily {engine}{number}",
        )


def part(call: Call, database, snapshot) -> None:
    """moto's restored database shares everything with its original that the request does not set to something true."""
    # "If there are no new tags, Amazon RDS adds the tags from the source DB instance at the time of snapshot creation"
    # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html, copying tags).
    database.tags = call.get("Tags") or list(snapshot.database.tags)
    database.deletion_protection = bool(call.get("DeletionProtection"))
    database.multi_az = bool(call.get("MultiAZ"))
    # Its password is the one in the snapshot, which no secret keeps.
    database.manage_master_user_password = False
    if secret := database.__dict__.pop("master_user_secret", None):
        secret.delete_secret()
    kept = snapshot.database.__dict__
    database.master_user_password = kept.get("stack_password") or kept.get("_master_user_password")
    if "stack_data" in kept:
        database.stack_data = kept["stack_data"]
