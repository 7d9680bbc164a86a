"""Snapshots of databases: they take their time, a copy can be encrypted with another key, and what is restored stands alone.

Nothing is kept in the databases here, but that data came along can be shown: what a test says that one holds (`/_stack/data`) goes
into its snapshots, their copies and what is restored from them, and so does the master password.
"""

import json

from localstack.services.kms.models import kms_stores
from localstack.services.kms.provider import KmsProvider

from stack_local.clock import clock
from stack_local.core import Call, Store, fault
from stack_local.outcomes import outcomes
from stack_local.rds.engines import family_of
from stack_local.rds.state import moto_backend, operations, state

_under_way = Store(dict)  # snapshot: timer
_failed = Store(set)  # what ends so


def _snapshot(call: Call, name: str):
    return moto_backend(call.account, call.region).database_snapshots.get(name)


def bare(name: str) -> str:
    """The name in an ARN; that of an automated snapshot has a colon: `rds:shop-2026-11-26-03-00`."""
    return name.split(":", 6)[-1] if name.startswith("arn:") else name


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
    """The ARN of the key that an alias is for: RDS tells no alias. AWS's own keys exist when somebody asks for them."""
    name = key.split(":")[-1]
    if not name.startswith("alias/"):
        return key
    KmsProvider._create_alias_if_reserved_and_not_exists(account, region, name)
    store = kms_stores[account][region]
    if name not in store.aliases:
        return key
    return store.keys[store.aliases[name].metadata["TargetKeyId"]].metadata["Arn"]


def _shown(call: Call, view: dict) -> dict:
    timer = _under_way.of(call).get(view["DBSnapshotIdentifier"])
    if timer is not None and not timer.done():
        view.update(Status="creating", PercentProgress=0)
    elif view["DBSnapshotIdentifier"] in _failed.of(call):
        view["Status"] = "failed"
    return view


def _status(call: Call, name: str) -> str:
    return _shown(call, {"DBSnapshotIdentifier": name, "Status": "available"})["Status"]


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
    source = _snapshot(call, bare(call["SourceDBSnapshotIdentifier"]))
    if source is None:
        raise fault("DBSnapshotNotFound", f"DBSnapshot {call['SourceDBSnapshotIdentifier']} not found.", 404)
    if _status(call, source.db_snapshot_identifier) != "available":
        raise fault(
            "InvalidDBSnapshotState", f"Cannot copy the snapshot because {source.db_snapshot_identifier} is not available."
        )
    # moto looks the key up among its own, but KMS here is LocalStack's.
    answer = call.moto({field: value for field, value in call.request.items() if value is not None and field != "KmsKeyId"})
    # Without a key it has that of its source (API reference, CopyDBSnapshot, KmsKeyId).
    if key := call.get("KmsKeyId") or source.kms_key_id:
        key, copy = key_arn(call.account, call.region, key), _snapshot(call, call["TargetDBSnapshotIdentifier"].lower())
        copy.kms_key_id, copy.storage_encrypted, copy.encrypted = key, True, True
        answer["DBSnapshot"].update(KmsKeyId=key, Encrypted=True)
    return _begun(call, answer)


@operations.on("DescribeDBSnapshots")
def describe_db_snapshots(call: Call) -> dict:
    name, kind = bare(call.get("DBSnapshotIdentifier") or ""), call.get("SnapshotType")
    found = _snapshot(call, name)
    # "If this identifier is for an automated snapshot, the SnapshotType parameter must also be specified" (API reference,
    # DescribeDBSnapshots).
    if found is not None and found.snapshot_type == "automated" and kind != "automated":
        raise fault("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
    request = {field: value for field, value in call.request.items() if value is not None and field != "IncludeShared"}
    answer = call.moto(request | {"DBSnapshotIdentifier": name} if name else request)
    for view in answer.get("DBSnapshots", []):
        _shown(call, view)
    return answer


@operations.on("DeleteDBSnapshot")
def delete_db_snapshot(call: Call) -> dict:
    name = call["DBSnapshotIdentifier"]
    if _snapshot(call, name) and _status(call, name) == "creating":
        raise fault(
            "InvalidDBSnapshotState", f"Cannot delete the snapshot because it is not currently in the available state: {name}"
        )
    _under_way.of(call).pop(name, None)
    _failed.of(call).discard(name)
    return call.stock()


def check(call: Call) -> None:
    """What AWS refuses of a restore."""
    name = bare(call["DBSnapshotIdentifier"])
    snapshot = _snapshot(call, name)
    if snapshot is None:
        raise fault("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
    if _status(call, name) != "available":
        raise fault("InvalidDBSnapshotState", f"Cannot restore because the snapshot {name} is not available.")
    size = call.get("AllocatedStorage")
    if size is not None and size < snapshot.allocated_storage:
        # The words are moto's.
        raise fault("InvalidParameterValue", "The allocated storage size can't be less than the source snapshot or backup size.")
    # "The DBParameterGroup must be in the same DB parameter group family as the DB instance" (API reference, ModifyDBInstance); a
    # restored one has its snapshot's version (RestoreDBInstanceFromDBSnapshot takes none).
    group = moto_backend(call.account, call.region).db_parameter_groups.get(call.get("DBParameterGroupName") or "")
    number = ".".join(map(str, family_of(snapshot.engine, snapshot.engine_version)))
    if group is not None and group.family != f"{snapshot.engine}{number}":
        raise fault(
            "InvalidParameterCombination",
            f"The Parameter Group {group.name} with DBParameterGroupFamily {group.family} cannot be used for this instance. Please use a Parameter Group with DBParameterGroupFamily {snapshot.engine}{number}",
        )


def part(call: Call, database) -> None:
    """moto's restored database shares everything with its original that the request does not set to something true."""
    snapshot = _snapshot(call, bare(call["DBSnapshotIdentifier"]))
    # "If there are no new tags, Amazon RDS adds the tags from the source DB instance at the time of snapshot creation"
    # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html, copying tags).
    database.tags = call.get("Tags") or list(snapshot.database.tags)
    database.deletion_protection = bool(call.get("DeletionProtection"))
    database.multi_az = bool(call.get("MultiAZ"))
    # Its password is the one in the snapshot, and nobody keeps it.
    database.manage_master_user_password = False
    if secret := database.__dict__.pop("master_user_secret", None):
        secret.delete_secret()
    kept = snapshot.database.__dict__
    database.master_user_password = kept.get("stack_password") or kept.get("_master_user_password")
    if "stack_data" in kept:
        database.stack_data = kept["stack_data"]
