"""ElastiCache: snapshots, also the last ones of caches that are deleted."""

import re

from stack_local.core import Call, fault, now, pairs
from stack_local.elasticache.state import Cache, clash, operations, paged, store, wrong


def take(call: Call, group: Cache, name: str, source: str) -> dict:
    """Begins a snapshot of a replication group. It is finished when the group is `available` again, or gone."""
    state, settings = store.of(call), group.settings
    if name in state.snapshots:
        raise fault("SnapshotAlreadyExistsFault", f"Snapshot with specified name already exists: {name}")
    if not re.fullmatch(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{0,39}", name) or name.endswith("-"):
        raise wrong(
            "The parameter SnapshotName is not a valid identifier: at most 40 letters, digits and single hyphens, beginning with a letter."
        )
    if settings["node"].startswith("cache.t1."):
        raise fault("SnapshotFeatureNotSupportedFault", "Snapshots are not supported for T1 cache node types.")
    arn = call.arn("elasticache", f"snapshot:{name}")
    state.snapshots[name] = {
        "SnapshotName": name,
        "ReplicationGroupId": group.name,
        "ReplicationGroupDescription": group.view["Description"],
        "CacheClusterId": f"{group.name}-{group.nodes:03}",
        "SnapshotStatus": "creating",
        "SnapshotSource": source,
        "CacheNodeType": settings["node"],
        "Engine": settings["engine"],
        "EngineVersion": settings["version"],
        "NumCacheNodes": 1,
        "Port": settings["port"],
        "CacheParameterGroupName": settings["parameters"],
        "CacheSubnetGroupName": settings["subnets"],
        "SnapshotRetentionLimit": group.view["SnapshotRetentionLimit"],
        "SnapshotWindow": group.view["SnapshotWindow"],
        "NodeSnapshots": [{"CacheNodeId": "0001", "NodeGroupId": "0001", "CacheSize": "1 MB", "SnapshotCreateTime": now()}],
        "ARN": arn,
    } | ({"KmsKeyId": group.view["KmsKeyId"]} if group.view.get("KmsKeyId") else {})
    # A snapshot has its cache's tags.
    state.tags[arn] = dict(state.tags.get(group.view["ARN"], {})) | pairs(call.get("Tags"))
    return state.snapshots[name]


def restorable(call: Call, name: str, engine: str, version: str) -> dict:
    """The snapshot of this name; refuses what AWS does: an unfinished snapshot, another engine (Redis may become Valkey), an older version."""
    snapshot = store.of(call).snapshots.get(name)
    if snapshot is None:
        raise fault("InvalidParameterValue", f"The snapshot {name} does not exist.")
    if snapshot["SnapshotStatus"] != "available":
        raise fault("InvalidParameterValue", f"The snapshot {name} is {snapshot['SnapshotStatus']}.")
    number = [tuple(int(part) for part in text.split(".")[:2]) for text in (snapshot["EngineVersion"], version)]
    if (snapshot["Engine"], engine) not in {(engine, engine), ("redis", "valkey")} or (
        snapshot["Engine"] == engine and number[1] < number[0]
    ):
        raise clash(f"A snapshot of {snapshot['Engine']} {snapshot['EngineVersion']} cannot be restored to {engine} {version}.")
    return snapshot


@operations.on("CreateSnapshot")
def create_snapshot(call: Call) -> dict:
    state = store.of(call)
    name = call.get("ReplicationGroupId") or call.get("CacheClusterId", "").rpartition("-")[0]
    group = state.groups.get(name)
    if group is None and call.get("CacheClusterId") in state.clusters:
        raise fault("SnapshotFeatureNotSupportedFault", "Snapshots are not supported by Memcached.")
    if group is None:
        raise fault("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.", status=404)
    if group.status != "available":
        raise fault("InvalidReplicationGroupState", f"Replication group {name} must be in available state, it is {group.status}.")
    made = take(call, group, call["SnapshotName"], "manual")
    group.begin("snapshotting", "elasticache.snapshot")
    return {"Snapshot": dict(made)}


@operations.on("DescribeSnapshots")
def describe_snapshots(call: Call) -> dict:
    name, found = call.get("SnapshotName"), list(store.of(call).snapshots.values())
    if name and name not in store.of(call).snapshots:
        raise fault("SnapshotNotFoundFault", f"{name} is either not present or not available.", status=404)
    for field in ("SnapshotName", "ReplicationGroupId", "CacheClusterId", "SnapshotSource"):
        found = [snapshot for snapshot in found if call.get(field) in (None, snapshot[field])]
    return paged(call, "Snapshots", found)


@operations.on("DeleteSnapshot")
def delete_snapshot(call: Call) -> dict:
    state, name = store.of(call), call["SnapshotName"]
    if name not in state.snapshots:
        raise fault("SnapshotNotFoundFault", f"{name} is either not present or not available.", status=404)
    if state.snapshots[name]["SnapshotStatus"] != "available":
        raise fault("InvalidSnapshotState", f"The snapshot {name} is {state.snapshots[name]['SnapshotStatus']}.")
    gone = state.snapshots.pop(name)
    state.tags.pop(gone["ARN"], None)
    return {"Snapshot": gone | {"SnapshotStatus": "deleting"}}
