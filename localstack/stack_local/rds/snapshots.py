"""Snapshots of databases: they take their time, a copy can be encrypted with another key, and what is restored stands alone."""

from stack_local.clock import clock
from stack_local.core import Call, Store, fault
from stack_local.outcomes import outcomes
from stack_local.rds.state import moto_backend, operations, state

_under_way = Store(dict)  # snapshot: timer
_failed = Store(set)  # what ends so


def _snapshot(call: Call, name: str):
    return moto_backend(call.account, call.region).database_snapshots.get(name)


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
    # The database is at it as long as that takes.
    state.of(call).under_way[name] = ("backing-up", clock.timer("rds.snapshot"))
    return answer


@operations.on("CopyDBSnapshot")
def copy_db_snapshot(call: Call) -> dict:
    source = _snapshot(call, call["SourceDBSnapshotIdentifier"].split(":")[-1])
    if source is None:
        raise fault("DBSnapshotNotFound", f"DBSnapshot {call['SourceDBSnapshotIdentifier']} not found.", 404)
    if _status(call, source.db_snapshot_identifier) != "available":
        raise fault(
            "InvalidDBSnapshotState", f"Cannot copy the snapshot because {source.db_snapshot_identifier} is not available."
        )
    # moto looks the key up among its own, but KMS here is LocalStack's.
    answer = call.moto({field: value for field, value in call.request.items() if value is not None and field != "KmsKeyId"})
    if key := call.get("KmsKeyId"):
        copy = _snapshot(call, call["TargetDBSnapshotIdentifier"])
        copy.kms_key_id, copy.storage_encrypted, copy.encrypted = key, True, True
        answer["DBSnapshot"].update(KmsKeyId=key, Encrypted=True)
    return _begun(call, answer)


@operations.on("DescribeDBSnapshots")
def describe_db_snapshots(call: Call) -> dict:
    answer = call.stock()
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
    name = call["DBSnapshotIdentifier"].split(":")[-1]
    if _snapshot(call, name) is None:
        raise fault("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
    if _status(call, name) != "available":
        raise fault("InvalidDBSnapshotState", f"Cannot restore because the snapshot {name} is not available.")


def part(call: Call, database) -> None:
    """moto's restored database shares everything with its original that the request does not set to something true."""
    database.tags = call.get("Tags", [])
    database.deletion_protection = bool(call.get("DeletionProtection"))
    database.multi_az = bool(call.get("MultiAZ"))
    # Its password is the one in the snapshot, and nobody keeps it.
    database.manage_master_user_password = False
    if secret := database.__dict__.pop("master_user_secret", None):
        secret.delete_secret()
