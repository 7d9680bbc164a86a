"""ElastiCache: replication groups of Valkey and Redis, with one shard."""

import copy
import re

from stack_local import service_roles
from stack_local.core import Call, fault, hex_id, now, pairs
from stack_local.elasticache.groups import check_family, family_of, numbers, subnet_group, version_of
from stack_local.elasticache.snapshots import restorable, take
from stack_local.elasticache.state import (
    Cache,
    check_security_groups,
    check_windows,
    clash,
    operations,
    paged,
    place,
    store,
    wrong,
    zone_of,
)
from stack_local.outcomes import outcomes


class Group(Cache):
    """A replication group with what its members share."""

    kind = "ReplicationGroup"

    @property
    def name(self) -> str:
        return self.view["ReplicationGroupId"]

    @property
    def members(self) -> list[str]:
        return [f"{self.name}-{number:03}" for number in range(1, self.nodes + 1)]

    @property
    def arns(self) -> list[str]:
        account = self.view["ARN"].rsplit(":", 2)[0]
        return [self.view["ARN"], *(f"{account}:cluster:{member}" for member in self.members)]


def _group(call: Call, name: str, must_be_available: bool = False) -> Group:
    found = store.of(call).groups.get((name or "").lower())
    if found is None:
        raise fault("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.", status=404)
    if must_be_available and found.status != "available":
        raise fault(
            "InvalidReplicationGroupState",
            f"Replication group {name} must be in available state to modify, it is {found.status}.",
        )
    return found


def _shown(group: Group) -> dict:
    view, settings = copy.deepcopy(group.view), group.settings
    view |= {
        "Status": group.status,
        "MemberClusters": group.members,
        "CacheNodeType": settings["node"],
        "Engine": settings["engine"],
        "SnapshottingClusterId": group.members[-1],
    }
    view["PendingModifiedValues"] = {}
    if group.status != "creating" and not group.failed:
        port, dns = settings["port"], f"{group.name}.{settings['suffix']}.ng.0001.use1.cache.amazonaws.com"
        tls = "master." if view["TransitEncryptionEnabled"] else ""
        nodes = [
            {
                "CacheClusterId": member,
                "CacheNodeId": "0001",
                "CurrentRole": "primary" if number == 0 else "replica",
                "ReadEndpoint": {"Address": f"{member}.{dns}", "Port": port},
            }
            for number, member in enumerate(group.members)
        ]
        shard = {
            "NodeGroupId": "0001",
            "Status": group.status,
            "PrimaryEndpoint": {"Address": f"{tls}{dns}", "Port": port},
            "ReaderEndpoint": {"Address": f"replica.{dns}", "Port": port},
            "NodeGroupMembers": nodes,
        }
        view["NodeGroups"] = [shard]
    return view


def _check_failover(nodes: int, failover: bool, multi_az: bool, node_type: str) -> None:
    if failover and nodes < 2:
        raise wrong("When using automatic failover, there must be at least 2 cache clusters in the replication group.")
    if multi_az and not failover:
        raise wrong("Must specify automatic failover with Multi-AZ.")
    if failover and node_type.startswith("cache.t1."):
        raise clash("Automatic failover is not supported for T1 cache node types.")


def _on(flag: bool) -> str:
    return "enabled" if flag else "disabled"


@operations.on("CreateReplicationGroup")
def create_replication_group(call: Call) -> dict:
    service_roles.need(call, "elasticache.amazonaws.com")
    state, name = store.of(call), call["ReplicationGroupId"].lower()
    if not re.fullmatch(r"[a-z](?!.*--)[a-z0-9-]{0,39}", name) or name.endswith("-"):
        raise wrong(
            "The parameter ReplicationGroupId is not a valid identifier: at most 40 letters, digits and single hyphens, beginning with a letter."
        )
    if name in state.groups:
        raise fault("ReplicationGroupAlreadyExists", f"Replication group with specified ID already exists: {name}")
    engine = call.get("Engine", "redis")
    if engine == "memcached":
        raise clash("Memcached has no replication groups.")
    version = version_of(engine, call.get("EngineVersion"))
    nodes = call.get("NumCacheClusters") or call.get("ReplicasPerNodeGroup", 0) + 1
    if call.get("NumNodeGroups", 1) > 1:
        raise wrong("Replication groups with more than one shard are not served here")
    if not 1 <= nodes <= 6:
        raise wrong("A shard has from 1 to 6 nodes.")
    failover, multi_az = bool(call.get("AutomaticFailoverEnabled")), bool(call.get("MultiAZEnabled"))
    _check_failover(nodes, failover, multi_az, call["CacheNodeType"])
    if call["CacheNodeType"].startswith("cache.r6gd.") and not call.get("DataTieringEnabled"):
        raise clash("Data tiering must be enabled for r6gd node types.")
    if call.get("AuthToken") and not call.get("TransitEncryptionEnabled"):
        raise clash("The AUTH token is only supported when encryption-in-transit is enabled")
    if call.get("KmsKeyId") and not call.get("AtRestEncryptionEnabled"):
        raise clash("A KMS key needs encryption at rest.")
    if call.get("SnapshotRetentionLimit", 0) > 35:
        raise wrong("The snapshot retention limit is from 0 to 35.")
    check_windows(call.get("SnapshotWindow"), call.get("PreferredMaintenanceWindow"))
    snapshot = restorable(call, call["SnapshotName"], engine, version) if call.get("SnapshotName") else None
    if call.get("CacheSubnetGroupName"):
        subnet_group(call, call["CacheSubnetGroupName"])
    parameters = call.get("CacheParameterGroupName", f"default.{family_of(engine, version)}")
    check_family(call, parameters, engine, version)
    check_security_groups(call)
    arn = call.arn("elasticache", f"replicationgroup:{name}")
    view = {
        "ReplicationGroupId": name,
        "Description": call["ReplicationGroupDescription"],
        "ARN": arn,
        "AutomaticFailover": _on(failover),
        "MultiAZ": _on(multi_az),
        "SnapshotRetentionLimit": call.get("SnapshotRetentionLimit", 0),
        "SnapshotWindow": call.get("SnapshotWindow", "03:00-04:00"),
        "ClusterEnabled": False,
        "ClusterMode": "disabled",
        "AuthTokenEnabled": bool(call.get("AuthToken")),
        "TransitEncryptionEnabled": bool(call.get("TransitEncryptionEnabled")),
        "AtRestEncryptionEnabled": bool(call.get("AtRestEncryptionEnabled")),
        "ReplicationGroupCreateTime": now(),
        "AutoMinorVersionUpgrade": call.get("AutoMinorVersionUpgrade", True),
        "NetworkType": call.get("NetworkType", "ipv4"),
        "IpDiscovery": call.get("IpDiscovery", "ipv4"),
        "DataTiering": _on(bool(call.get("DataTieringEnabled"))),
        "LogDeliveryConfigurations": [],
        "UserGroupIds": call.get("UserGroupIds", []),
    }
    if call.get("KmsKeyId"):
        view["KmsKeyId"] = call["KmsKeyId"]
    if view["TransitEncryptionEnabled"]:
        view["TransitEncryptionMode"] = call.get("TransitEncryptionMode", "required")
    settings = {
        "engine": engine,
        "version": version,
        "node": call["CacheNodeType"],
        "port": call.get("Port", 6379),
        "parameters": parameters,
        "subnets": call.get("CacheSubnetGroupName", "").lower() or None,
        "groups": list(call.get("SecurityGroupIds", [])),
        "window": call.get("PreferredMaintenanceWindow", "sun:05:00-sun:06:00"),
        "suffix": hex_id(6),
        "placed": [],
    }
    group = state.groups[name] = Group(view, settings)
    group.nodes, group.fate = nodes, outcomes.take(call.account, "elasticache.replication_group")
    if snapshot:
        group.restored = snapshot
        snapshot["SnapshotStatus"] = "restoring"
    place(call, group)
    for tagged in group.arns:
        state.tags[tagged] = pairs(call.get("Tags"))
    return {"ReplicationGroup": _shown(group)}


@operations.on("DescribeReplicationGroups")
def describe_replication_groups(call: Call) -> dict:
    name = call.get("ReplicationGroupId")
    return paged(
        call, "ReplicationGroups", [_shown(group) for group in ([_group(call, name)] if name else store.of(call).groups.values())]
    )


def _transit(call: Call, view: dict) -> dict:
    """Encryption in transit is turned on and off by way of `preferred`."""
    on, mode = view["TransitEncryptionEnabled"], view.get("TransitEncryptionMode")
    wanted, how = call.get("TransitEncryptionEnabled", on), call.get("TransitEncryptionMode")
    if wanted and not on and how != "preferred":
        raise clash("To enable encryption in transit set TransitEncryptionMode to preferred first.")
    if not wanted and on and mode != "preferred":
        raise clash("To disable encryption in transit set TransitEncryptionMode to preferred first.")
    return {"TransitEncryptionEnabled": wanted} | ({"TransitEncryptionMode": how or mode} if wanted else {})


@operations.on("ModifyReplicationGroup")
def modify_replication_group(call: Call) -> dict:
    group = _group(call, call["ReplicationGroupId"], must_be_available=True)
    view, settings = group.view, group.settings
    engine = call.get("Engine", settings["engine"])
    if settings["engine"] == "valkey" and engine == "redis":
        raise clash("Cannot change the engine from valkey to redis.")
    version = (
        version_of(engine, call["EngineVersion"])
        if call.get("EngineVersion")
        else settings["version"]
        if engine == settings["engine"]
        else version_of(engine, None)
    )
    if engine == settings["engine"] and numbers(version) < numbers(settings["version"]):
        raise clash(f"Cannot downgrade {engine} from {settings['version']} to {version}.")
    parameters = call.get("CacheParameterGroupName", settings["parameters"])
    if not call.get("CacheParameterGroupName") and parameters.startswith("default."):
        parameters = f"default.{family_of(engine, version)}"
    check_family(call, parameters, engine, version)
    check_security_groups(call)
    check_windows(call.get("SnapshotWindow", view["SnapshotWindow"]), call.get("PreferredMaintenanceWindow", settings["window"]))
    failover = call.get("AutomaticFailoverEnabled", view["AutomaticFailover"] == "enabled")
    multi_az = call.get("MultiAZEnabled", view["MultiAZ"] == "enabled")
    node = call.get("CacheNodeType", settings["node"])
    _check_failover(group.nodes, failover, multi_az, node)
    if call.get("SnapshotRetentionLimit", 0) > 35:
        raise wrong("The snapshot retention limit is from 0 to 35.")
    transit = _transit(call, view)

    # What touches the nodes is true only when AWS is done, or in the maintenance window.
    slow = {}
    if node != settings["node"]:
        slow["CacheNodeType"] = node
    if version != settings["version"] and engine == settings["engine"]:
        slow["EngineVersion"] = version
    group.pending = slow
    if call.get("ApplyImmediately") or not slow:
        settings["parameters before"], settings["parameters"] = settings["parameters"], parameters

        def done():
            settings.pop("parameters before", None)
            settings.update(engine=engine, version=version, node=node)
            for key in ("TransitEncryptionEnabled", "TransitEncryptionMode"):
                view.pop(key, None)
            view.update(transit)

        group.later.append(done)
    settings["groups"] = list(call.get("SecurityGroupIds", settings["groups"]))
    settings["window"] = call.get("PreferredMaintenanceWindow", settings["window"])
    view["AutomaticFailover"], view["MultiAZ"] = _on(failover), _on(multi_az)
    for field, shown in (
        ("ReplicationGroupDescription", "Description"),
        ("SnapshotRetentionLimit",) * 2,
        ("SnapshotWindow",) * 2,
        ("AutoMinorVersionUpgrade",) * 2,
    ):
        if call.get(field) is not None:
            view[shown] = call[field]
    place(call, group)
    if group.later:
        group.begin("modifying", "elasticache.modify")
    return {"ReplicationGroup": _shown(group)}


@operations.on("IncreaseReplicaCount", "DecreaseReplicaCount")
def change_replica_count(call: Call) -> dict:
    group, wanted = _group(call, call["ReplicationGroupId"], must_be_available=True), call["NewReplicaCount"] + 1
    more = call.context.operation.name == "IncreaseReplicaCount"
    if not call.get("ApplyImmediately"):
        raise wrong("ApplyImmediately must be true.")
    if (more and wanted <= group.nodes) or (not more and wanted >= group.nodes):
        raise wrong(
            f"The new replica count {wanted - 1} must be {'greater' if more else 'less'} than the current one, {group.nodes - 1}."
        )
    if wanted < 2 and group.view["AutomaticFailover"] == "enabled":
        raise wrong("A replication group with automatic failover needs at least one replica.")
    if wanted > 6:
        raise wrong("A shard has at most five replicas.")
    state, old = store.of(call), set(group.arns)
    group.nodes = wanted
    for gone in old - set(group.arns):
        state.tags.pop(gone, None)
    for new in set(group.arns) - old:
        state.tags[new] = dict(state.tags[group.view["ARN"]])
    place(call, group)
    group.begin("modifying", "elasticache.modify")
    return {"ReplicationGroup": _shown(group)}


@operations.on("DeleteReplicationGroup")
def delete_replication_group(call: Call) -> dict:
    group = _group(call, call["ReplicationGroupId"])
    if group.status not in ("available", "create-failed"):
        raise fault(
            "InvalidReplicationGroupState",
            f"Replication group {group.name} has status {group.status} which is not valid for deletion.",
        )
    if call.get("FinalSnapshotIdentifier") and group.failed:
        raise fault(
            "InvalidReplicationGroupState",
            f"Replication group {group.name} has status {group.status} which is not valid for a final snapshot.",
        )
    if call.get("FinalSnapshotIdentifier"):
        take(call, group, call["FinalSnapshotIdentifier"], "manual")
    group.begin("deleting", "elasticache.delete")
    return {"ReplicationGroup": _shown(group)}


def member(call: Call, group: Group, name: str) -> dict:
    """A node of a replication group, as a cluster of its own."""
    settings, number = group.settings, group.members.index(name)
    return {
        "CacheClusterId": name,
        "ARN": call.arn("elasticache", f"cluster:{name}"),
        "CacheClusterStatus": group.status,
        "CacheNodeType": settings["node"],
        "Engine": settings["engine"],
        "EngineVersion": settings["version"] + (".0" if settings["version"].count(".") == 1 else ""),
        "NumCacheNodes": 1,
        "PreferredAvailabilityZone": zone_of(call, group, number),
        "CacheClusterCreateTime": group.view["ReplicationGroupCreateTime"],
        "PreferredMaintenanceWindow": settings["window"],
        "PendingModifiedValues": dict(group.pending),
        "SecurityGroups": [{"SecurityGroupId": group_id, "Status": "active"} for group_id in settings["groups"]],
        "CacheParameterGroup": {
            "CacheParameterGroupName": settings["parameters"],
            "ParameterApplyStatus": "in-sync",
            "CacheNodeIdsToReboot": [],
        },
        "CacheSubnetGroupName": settings["subnets"] or "default",
        "AutoMinorVersionUpgrade": group.view["AutoMinorVersionUpgrade"],
        "ReplicationGroupId": group.name,
        "SnapshotRetentionLimit": group.view["SnapshotRetentionLimit"],
        "SnapshotWindow": group.view["SnapshotWindow"],
        "AuthTokenEnabled": group.view["AuthTokenEnabled"],
        "TransitEncryptionEnabled": group.view["TransitEncryptionEnabled"],
        "AtRestEncryptionEnabled": group.view["AtRestEncryptionEnabled"],
        "NetworkType": group.view["NetworkType"],
        "IpDiscovery": group.view["IpDiscovery"],
    }
