"""ElastiCache: clusters of Memcached, and the nodes of replication groups as the clusters that they are.

A single Redis without a replication group is moto's.
"""

import re

from stack_local import service_roles
from stack_local.core import Call, fault, hex_id, now, pairs
from stack_local.elasticache.groups import check_family, family_of, numbers, subnet_group, version_of
from stack_local.elasticache.replication import member
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

_TLS_SINCE = [1, 6, 12]


class Cluster(Cache):
    kind = "CacheCluster"

    def __init__(self, view: dict, settings: dict, nodes: int):
        super().__init__(view, settings)
        self.ids = [f"{number:04}" for number in range(1, nodes + 1)]
        self.nodes = nodes

    @property
    def name(self) -> str:
        return self.view["CacheClusterId"]

    def resize(self, nodes: int, gone: list[str]) -> None:
        self.ids = [node for node in self.ids if node not in gone]
        free = (f"{number:04}" for number in range(1, 1000) if f"{number:04}" not in self.ids)
        while len(self.ids) < nodes:
            self.ids = sorted([*self.ids, next(free)])
        self.nodes = len(self.ids)


def _cluster(call: Call, name: str) -> Cluster | None:
    return store.of(call).clusters.get((name or "").lower())


def _shown(call: Call, cluster: Cluster, with_nodes: bool = True) -> dict:
    settings, status = cluster.settings, cluster.status
    view = dict(cluster.view) | {
        "CacheClusterStatus": status,
        "CacheNodeType": settings["node"],
        "Engine": "memcached",
        "EngineVersion": settings["version"],
        "NumCacheNodes": cluster.nodes,
        "PreferredAvailabilityZone": "Multiple" if settings["across"] and cluster.nodes > 1 else zone_of(call, cluster, 0),
        "PreferredMaintenanceWindow": settings["window"],
        "PendingModifiedValues": dict(cluster.pending),
        "SecurityGroups": [{"SecurityGroupId": group_id, "Status": "active"} for group_id in settings["groups"]],
        "CacheParameterGroup": {
            "CacheParameterGroupName": settings["parameters"],
            "ParameterApplyStatus": "in-sync",
            "CacheNodeIdsToReboot": [],
        },
        "CacheSubnetGroupName": settings["subnets"] or "default",
    }
    dns = f"{cluster.name}.{settings['suffix']}"
    serves = status != "creating" and not cluster.failed
    if serves:
        view["ConfigurationEndpoint"] = {"Address": f"{dns}.cfg.use1.cache.amazonaws.com", "Port": settings["port"]}
    if with_nodes:
        view["CacheNodes"] = [
            {
                "CacheNodeId": node,
                "CacheNodeStatus": status,
                "CacheNodeCreateTime": view["CacheClusterCreateTime"],
                "ParameterGroupStatus": "in-sync",
                "CustomerAvailabilityZone": zone_of(call, cluster, number),
            }
            | ({"Endpoint": {"Address": f"{dns}.{node}.use1.cache.amazonaws.com", "Port": settings["port"]}} if serves else {})
            for number, node in enumerate(cluster.ids)
        ]
    return view


def _across(call: Call, nodes: int) -> bool:
    across = call.get("AZMode") == "cross-az"
    if across and nodes < 2:
        raise clash("Cross-AZ needs more than one cache node.")
    return across


@operations.on("CreateCacheCluster")
def create_cache_cluster(call: Call) -> dict:
    service_roles.need(call, "elasticache.amazonaws.com")
    if call.get("Engine") != "memcached":
        return call.stock()
    state, name, nodes = store.of(call), call["CacheClusterId"].lower(), call.get("NumCacheNodes", 1)
    if not re.fullmatch(r"[a-z](?!.*--)[a-z0-9-]{0,49}", name) or name.endswith("-"):
        raise wrong(
            "The parameter CacheClusterIdentifier is not a valid identifier: at most 50 letters, digits and single hyphens, beginning with a letter."
        )
    if name in state.clusters or any(name in group.members for group in state.groups.values()):
        raise fault("CacheClusterAlreadyExists", f"Cache cluster already exists: {name}")
    if not 1 <= nodes <= 40:
        raise wrong("A Memcached cluster has from 1 to 40 nodes.")
    if call.get("SnapshotRetentionLimit") or call.get("SnapshotWindow") or call.get("SnapshotName"):
        raise clash("Snapshots are not supported by Memcached.")
    version = version_of("memcached", call.get("EngineVersion"))
    if call.get("TransitEncryptionEnabled") and numbers(version) < _TLS_SINCE:
        raise clash(f"Encryption in transit is not supported for Memcached {version}.")
    check_windows(None, call.get("PreferredMaintenanceWindow"))
    across = _across(call, nodes)
    if call.get("CacheSubnetGroupName"):
        subnet_group(call, call["CacheSubnetGroupName"])
    parameters = call.get("CacheParameterGroupName", f"default.{family_of('memcached', version)}")
    check_family(call, parameters, "memcached", version)
    check_security_groups(call)
    view = {
        "CacheClusterId": name,
        "ARN": call.arn("elasticache", f"cluster:{name}"),
        "ClientDownloadLandingPage": "https://console.aws.amazon.com/elasticache/home#client-download:",
        "CacheClusterCreateTime": now(),
        "AutoMinorVersionUpgrade": call.get("AutoMinorVersionUpgrade", True),
        "TransitEncryptionEnabled": bool(call.get("TransitEncryptionEnabled")),
        "AtRestEncryptionEnabled": False,
        "AuthTokenEnabled": False,
        "NetworkType": call.get("NetworkType", "ipv4"),
        "IpDiscovery": call.get("IpDiscovery", "ipv4"),
    }
    settings = {
        "version": version,
        "node": call["CacheNodeType"],
        "port": call.get("Port", 11211),
        "parameters": parameters,
        "subnets": call.get("CacheSubnetGroupName", "").lower() or None,
        "groups": list(call.get("SecurityGroupIds", [])),
        "window": call.get("PreferredMaintenanceWindow", "sun:05:00-sun:06:00"),
        "across": across,
        "suffix": hex_id(6),
        "placed": [],
    }
    cluster = state.clusters[name] = Cluster(view, settings, nodes)
    cluster.fate = outcomes.take(call.account, "elasticache.cluster")
    place(call, cluster)
    state.tags[view["ARN"]] = pairs(call.get("Tags"))
    return {"CacheCluster": _shown(call, cluster, with_nodes=False)}


@operations.on("DescribeCacheClusters")
def describe_cache_clusters(call: Call) -> dict:
    state, name, details = store.of(call), call.get("CacheClusterId"), bool(call.get("ShowCacheNodeInfo"))
    members = (
        []
        if call.get("ShowCacheClustersNotInReplicationGroups")
        else [member(call, group, node) for group in state.groups.values() for node in group.members if name in (None, node)]
    )
    own = [_shown(call, cluster, details) for cluster in state.clusters.values() if name in (None, cluster.name)]
    if name and not members + own:
        return call.stock()
    others = [] if name else call.stock().get("CacheClusters", [])
    return paged(call, "CacheClusters", members + own + others)


@operations.on("ModifyCacheCluster")
def modify_cache_cluster(call: Call) -> dict:
    cluster = _cluster(call, call["CacheClusterId"])
    if cluster is None:
        return call.stock()
    if cluster.status != "available":
        raise fault(
            "InvalidCacheClusterState", f"Cache cluster {cluster.name} is not available for modification, it is {cluster.status}."
        )
    settings, view = cluster.settings, cluster.view
    version = version_of("memcached", call["EngineVersion"]) if call.get("EngineVersion") else settings["version"]
    if numbers(version) < numbers(settings["version"]):
        raise clash(f"Cannot downgrade memcached from {settings['version']} to {version}.")
    if call.get("CacheNodeType", settings["node"]) != settings["node"]:
        raise clash("Scaling a Memcached cluster to another node type is not supported.")
    if call.get("SnapshotRetentionLimit") or call.get("SnapshotWindow"):
        raise clash("Snapshots are not supported by Memcached.")
    parameters = call.get("CacheParameterGroupName", settings["parameters"])
    if not call.get("CacheParameterGroupName") and parameters.startswith("default."):
        parameters = f"default.{family_of('memcached', version)}"
    check_family(call, parameters, "memcached", version)
    check_security_groups(call)
    check_windows(None, call.get("PreferredMaintenanceWindow"))
    nodes, gone = call.get("NumCacheNodes", cluster.nodes), call.get("CacheNodeIdsToRemove", [])
    if not 1 <= nodes <= 40:
        raise wrong("A Memcached cluster has from 1 to 40 nodes.")
    if len(gone) != max(0, cluster.nodes - nodes) or set(gone) - set(cluster.ids):
        raise clash(f"CacheNodeIdsToRemove must name the {max(0, cluster.nodes - nodes)} nodes that go.")
    if call.get("AZMode"):
        settings["across"] = _across(call, nodes)

    slow = {}
    if nodes != cluster.nodes:
        slow["NumCacheNodes"] = nodes
        if gone:
            slow["CacheNodeIdsToRemove"] = gone
    if version != settings["version"]:
        slow["EngineVersion"] = version
    cluster.pending = slow
    if call.get("ApplyImmediately") or not slow:
        settings["parameters before"], settings["parameters"] = settings["parameters"], parameters

        def done():
            settings.pop("parameters before", None)
            settings["version"] = version
            cluster.resize(nodes, gone)

        cluster.later.append(done)
        if nodes > cluster.nodes:
            # Those that come have their interfaces first, those that go lose them last.
            before, cluster.nodes = cluster.nodes, nodes
            place(call, cluster)
            cluster.nodes = before
    settings["groups"] = list(call.get("SecurityGroupIds", settings["groups"]))
    settings["window"] = call.get("PreferredMaintenanceWindow", settings["window"])
    view["AutoMinorVersionUpgrade"] = call.get("AutoMinorVersionUpgrade", view["AutoMinorVersionUpgrade"])
    if nodes <= cluster.nodes:
        place(call, cluster)
    if cluster.later:
        cluster.begin("modifying", "elasticache.modify")
    return {"CacheCluster": _shown(call, cluster, with_nodes=False)}


@operations.on("DeleteCacheCluster")
def delete_cache_cluster(call: Call) -> dict:
    cluster = _cluster(call, call["CacheClusterId"])
    if cluster is None:
        return call.stock()
    if cluster.status != "available" and not cluster.failed:
        raise fault(
            "InvalidCacheClusterState",
            f"Cache cluster {cluster.name} is not in a valid state to be deleted, it is {cluster.status}.",
        )
    if call.get("FinalSnapshotIdentifier"):
        raise clash("Snapshots are not supported by Memcached.")
    cluster.begin("deleting", "elasticache.delete")
    return {"CacheCluster": _shown(call, cluster, with_nodes=False)}
