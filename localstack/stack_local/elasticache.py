"""ElastiCache: replication groups and the groups they need. Single clusters and users are moto's."""

import copy
import re

from stack_local import interfaces
from stack_local.clock import clock
from stack_local.core import Call, Operations, Store, fault, hex_id, listed, now, page, pairs
from stack_local.settling import settles

operations = Operations("elasticache")

_VERSIONS = {
    "redis": {"redis5.0": ["5.0.6"], "redis6.x": ["6.0", "6.2"], "redis7": ["7.0", "7.1"]},
    "valkey": {"valkey7": ["7.2"], "valkey8": ["8.0", "8.1"]},
    "memcached": {"memcached1.6": ["1.6.17", "1.6.22"]},
}


class _State:
    def __init__(self):
        self.subnet_groups: dict[str, dict] = {}
        self.parameter_groups: dict[str, dict] = {}
        self.parameters: dict[str, dict[str, str]] = {}
        self.groups: dict[str, _Group] = {}
        self.tags: dict[str, dict[str, str]] = {}


class _Group:
    """A replication group with what its members share."""

    def __init__(self, view: dict, settings: dict):
        self.view, self.settings = view, settings
        self.status, self.timer = "creating", None
        self.nodes = 1

    @property
    def name(self) -> str:
        return self.view["ReplicationGroupId"]

    @property
    def members(self) -> list[str]:
        return [f"{self.name}-{number:03}" for number in range(1, self.nodes + 1)]


_state = Store(_State)


def _wrong(message: str):
    return fault("InvalidParameterValue", message)


def _paged(call: Call, member: str, items: list) -> dict:
    items, marker = page(items, call.get("Marker"), call.get("MaxRecords"), 100)
    return {member: copy.deepcopy(items)} | ({"Marker": marker} if marker else {})


# Subnet groups


def _subnets(call: Call, subnet_ids: list[str]) -> tuple[str, list[dict]]:
    found = []
    for subnet_id in subnet_ids:
        subnet = interfaces.subnet(call.account, call.region, subnet_id)
        if subnet is None:
            raise fault("InvalidSubnet", f"The subnet ID '{subnet_id}' does not exist")
        found.append(subnet)
    views = [{"SubnetIdentifier": s.id, "SubnetAvailabilityZone": {"Name": s.availability_zone}, "SupportedNetworkTypes": ["ipv4"]} for s in found]
    return found[0].vpc_id, views


def _subnet_group(call: Call, name: str) -> dict:
    found = _state.of(call).subnet_groups.get(name)
    if found is None:
        raise fault("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.", status=404)
    return found


@operations.on("CreateCacheSubnetGroup")
def create_cache_subnet_group(call: Call) -> dict:
    state, name = _state.of(call), call["CacheSubnetGroupName"].lower()
    if name in state.subnet_groups:
        raise fault("CacheSubnetGroupAlreadyExists", f"Cache subnet group {name} already exists.")
    vpc, subnets = _subnets(call, call["SubnetIds"])
    arn = call.arn("elasticache", f"subnetgroup:{name}")
    state.subnet_groups[name] = {"CacheSubnetGroupName": name, "CacheSubnetGroupDescription": call["CacheSubnetGroupDescription"], "VpcId": vpc, "Subnets": subnets, "ARN": arn, "SupportedNetworkTypes": ["ipv4"]}
    state.tags[arn] = pairs(call.get("Tags"))
    return {"CacheSubnetGroup": copy.deepcopy(state.subnet_groups[name])}


@operations.on("DescribeCacheSubnetGroups")
def describe_cache_subnet_groups(call: Call) -> dict:
    name = call.get("CacheSubnetGroupName")
    return _paged(call, "CacheSubnetGroups", [_subnet_group(call, name)] if name else list(_state.of(call).subnet_groups.values()))


@operations.on("ModifyCacheSubnetGroup")
def modify_cache_subnet_group(call: Call) -> dict:
    group = _subnet_group(call, call["CacheSubnetGroupName"])
    if call.get("SubnetIds"):
        used = {eni for g in _state.of(call).groups.values() if g.settings["subnets"] == group["CacheSubnetGroupName"] for eni in g.settings["placed"]}
        if used - set(call["SubnetIds"]):
            raise fault("SubnetInUse", f"The subnet ID {sorted(used - set(call['SubnetIds']))[0]} is in use.")
        group["VpcId"], group["Subnets"] = _subnets(call, call["SubnetIds"])
    group["CacheSubnetGroupDescription"] = call.get("CacheSubnetGroupDescription", group["CacheSubnetGroupDescription"])
    return {"CacheSubnetGroup": copy.deepcopy(group)}


@operations.on("DeleteCacheSubnetGroup")
def delete_cache_subnet_group(call: Call) -> dict:
    state, group = _state.of(call), _subnet_group(call, call["CacheSubnetGroupName"])
    if any(g.settings["subnets"] == group["CacheSubnetGroupName"] for g in state.groups.values()):
        raise fault("CacheSubnetGroupInUse", f"Cache subnet group {group['CacheSubnetGroupName']} is currently in use by a cache cluster.")
    del state.subnet_groups[group["CacheSubnetGroupName"]]
    state.tags.pop(group["ARN"], None)
    return {}


# Parameter groups


def _default_group(family: str) -> dict:
    return {"CacheParameterGroupName": f"default.{family}", "CacheParameterGroupFamily": family, "Description": f"Default parameter group for {family}", "IsGlobal": False}


def _parameter_group(call: Call, name: str) -> dict:
    for families in _VERSIONS.values():
        if name.removeprefix("default.") in families and name.startswith("default."):
            return _default_group(name.removeprefix("default."))
    found = _state.of(call).parameter_groups.get(name)
    if found is None:
        raise fault("CacheParameterGroupNotFound", f"CacheParameterGroup not found: {name}", status=404)
    return found


@operations.on("CreateCacheParameterGroup")
def create_cache_parameter_group(call: Call) -> dict:
    state, name, family = _state.of(call), call["CacheParameterGroupName"].lower(), call["CacheParameterGroupFamily"]
    if not any(family in families for families in _VERSIONS.values()):
        raise _wrong(f"CacheParameterGroupFamily {family} is not a valid parameter group family.")
    if name in state.parameter_groups:
        raise fault("CacheParameterGroupAlreadyExists", f"Parameter group {name} already exists")
    arn = call.arn("elasticache", f"parametergroup:{name}")
    state.parameter_groups[name] = {"CacheParameterGroupName": name, "CacheParameterGroupFamily": family, "Description": call["Description"], "IsGlobal": False, "ARN": arn}
    state.parameters[name], state.tags[arn] = {}, pairs(call.get("Tags"))
    return {"CacheParameterGroup": dict(state.parameter_groups[name])}


@operations.on("DescribeCacheParameterGroups")
def describe_cache_parameter_groups(call: Call) -> dict:
    name = call.get("CacheParameterGroupName")
    defaults = [_default_group(family) for families in _VERSIONS.values() for family in families]
    return _paged(call, "CacheParameterGroups", [_parameter_group(call, name)] if name else [*defaults, *_state.of(call).parameter_groups.values()])


@operations.on("DescribeCacheParameters")
def describe_cache_parameters(call: Call) -> dict:
    """Only what was set: the defaults are not here."""
    name = _parameter_group(call, call["CacheParameterGroupName"])["CacheParameterGroupName"]
    values = _state.of(call).parameters.get(name, {}) if call.get("Source", "user") == "user" else {}
    shown = [{"ParameterName": key, "ParameterValue": value, "Source": "user", "DataType": "string", "IsModifiable": True, "ChangeType": "immediate"} for key, value in values.items()]
    return _paged(call, "Parameters", shown)


@operations.on("ModifyCacheParameterGroup")
def modify_cache_parameter_group(call: Call) -> dict:
    group = _parameter_group(call, call["CacheParameterGroupName"])
    if "ARN" not in group:
        raise fault("InvalidCacheParameterGroupState", "The default parameter groups cannot be modified.")
    given = call["ParameterNameValues"]
    _state.of(call).parameters[group["CacheParameterGroupName"]].update({item["ParameterName"]: item["ParameterValue"] for item in given})
    return {"CacheParameterGroupName": group["CacheParameterGroupName"]}


@operations.on("ResetCacheParameterGroup")
def reset_cache_parameter_group(call: Call) -> dict:
    name = _parameter_group(call, call["CacheParameterGroupName"])["CacheParameterGroupName"]
    values = _state.of(call).parameters.get(name, {})
    for key in list(values) if call.get("ResetAllParameters") else [item["ParameterName"] for item in call.get("ParameterNameValues", [])]:
        values.pop(key, None)
    return {"CacheParameterGroupName": name}


@operations.on("DeleteCacheParameterGroup")
def delete_cache_parameter_group(call: Call) -> dict:
    state, group = _state.of(call), _parameter_group(call, call["CacheParameterGroupName"])
    name = group["CacheParameterGroupName"]
    if "ARN" not in group or any(g.settings["parameters"] == name for g in state.groups.values()):
        raise fault("InvalidCacheParameterGroupState", f"One or more cache clusters are still members of the parameter group {name}, so the group cannot be deleted.")
    del state.parameter_groups[name], state.parameters[name]
    state.tags.pop(group["ARN"], None)
    return {}


@operations.on("DescribeCacheEngineVersions")
def describe_cache_engine_versions(call: Call) -> dict:
    found = [
        {"Engine": engine, "EngineVersion": version, "CacheParameterGroupFamily": family, "CacheEngineDescription": engine, "CacheEngineVersionDescription": f"{engine} version {version}"}
        for engine, families in _VERSIONS.items()
        for family, versions in families.items()
        for version in versions
        if call.get("Engine", engine) == engine and call.get("CacheParameterGroupFamily", family) == family and call.get("EngineVersion", version) in (version, family.removeprefix(engine))
    ]
    return _paged(call, "CacheEngineVersions", found[-1:] if call.get("DefaultOnly") else found)


# Replication groups


def _family(engine: str, version: str) -> str:
    for family, versions in _VERSIONS.get(engine, {}).items():
        if version in versions:
            return family
    raise fault("InvalidParameterCombination", f"Cannot find version {version} for {engine}")


def _version(engine: str, asked: str | None) -> str:
    """A version in full: AWS takes `7` for the newest of 7."""
    every = [version for versions in _VERSIONS.get(engine, {}).values() for version in versions]
    fitting = [version for version in every if not asked or version == asked or version.startswith(asked.removesuffix(".x") + ".")]
    if not fitting:
        raise fault("InvalidParameterCombination", f"Cannot find version {asked} for {engine}")
    return fitting[-1]


def _group(call: Call, name: str, must_be_available: bool = False) -> _Group:
    found = _state.of(call).groups.get((name or "").lower())
    if found is None:
        raise fault("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.", status=404)
    if must_be_available and found.status != "available":
        raise fault("InvalidReplicationGroupState", f"Replication group {name} must be in available state, it is {found.status}.")
    return found


@operations.before_all
def _first(call: Call) -> None:
    _settle(call.account, call.region)


@settles
def _settle(account: str, region: str) -> None:
    state = _state.at(account, region)
    for name, group in list(state.groups.items()):
        if group.timer is None or not group.timer.done():
            continue
        if group.status == "deleting":
            interfaces.release(account, region, group.view["ARN"])
            del state.groups[name]
            state.tags.pop(group.view["ARN"], None)
            for arn in [arn for arn in state.tags if arn.split(":cluster:")[-1].startswith(f"{name}-")]:
                del state.tags[arn]
        else:
            group.status, group.timer = "available", None


def _begin(group: _Group, status: str, kind: str) -> None:
    group.status, group.timer = status, clock.timer(kind)


def _place(call: Call, group: _Group) -> None:
    known = _state.of(call).subnet_groups.get(group.settings["subnets"] or "")
    if not known:
        return
    subnets = [subnet["SubnetIdentifier"] for subnet in known["Subnets"]]
    group.settings["placed"] = [subnets[number % len(subnets)] for number in range(group.nodes)]
    wanted = [interfaces.Wanted(subnet, tuple(group.settings["groups"])) for subnet in group.settings["placed"]]
    interfaces.hold(call.account, call.region, group.view["ARN"], wanted, f"ElastiCache {group.name}", "amazon-elasticache")


def _shown(group: _Group) -> dict:
    view, settings = copy.deepcopy(group.view), group.settings
    view |= {"Status": group.status, "MemberClusters": group.members, "CacheNodeType": settings["node"], "Engine": settings["engine"], "SnapshottingClusterId": group.members[-1]}
    view["PendingModifiedValues"] = {}
    if group.status != "creating":
        port, dns = settings["port"], f"{group.name}.{settings['suffix']}.ng.0001.use1.cache.amazonaws.com"
        tls = "master." if view["TransitEncryptionEnabled"] else ""
        nodes = [
            {"CacheClusterId": member, "CacheNodeId": "0001", "CurrentRole": "primary" if number == 0 else "replica", "ReadEndpoint": {"Address": f"{member}.{dns}", "Port": port}}
            for number, member in enumerate(group.members)
        ]
        shard = {"NodeGroupId": "0001", "Status": group.status, "PrimaryEndpoint": {"Address": f"{tls}{dns}", "Port": port}, "ReaderEndpoint": {"Address": f"replica.{dns}", "Port": port}, "NodeGroupMembers": nodes}
        view["NodeGroups"] = [shard]
    return view


@operations.on("CreateReplicationGroup")
def create_replication_group(call: Call) -> dict:
    state, name = _state.of(call), call["ReplicationGroupId"].lower()
    if not re.fullmatch(r"[a-z](?!.*--)[a-z0-9-]{0,39}", name) or name.endswith("-"):
        raise _wrong("The parameter ReplicationGroupId is not a valid identifier: at most 40 letters, digits and single hyphens, beginning with a letter.")
    if name in state.groups:
        raise fault("ReplicationGroupAlreadyExists", f"Replication group with specified ID already exists: {name}")
    engine = call.get("Engine", "redis")
    version = _version(engine, call.get("EngineVersion"))
    nodes = call.get("NumCacheClusters") or call.get("ReplicasPerNodeGroup", 0) + 1
    if call.get("NumNodeGroups", 1) > 1:
        raise _wrong("Replication groups with more than one shard are not served here")
    if call.get("AutomaticFailoverEnabled") and nodes < 2:
        raise _wrong("When using automatic failover, there must be at least 2 cache clusters in the replication group.")
    if call.get("MultiAZEnabled") and not call.get("AutomaticFailoverEnabled"):
        raise _wrong("Must specify automatic failover with Multi-AZ.")
    if call.get("AuthToken") and not call.get("TransitEncryptionEnabled"):
        raise fault("InvalidParameterCombination", "The AUTH token is only supported when encryption-in-transit is enabled")
    if call.get("CacheSubnetGroupName"):
        _subnet_group(call, call["CacheSubnetGroupName"])
    parameters = call.get("CacheParameterGroupName", f"default.{_family(engine, version)}")
    if _parameter_group(call, parameters)["CacheParameterGroupFamily"] != _family(engine, version):
        raise fault("InvalidParameterCombination", f"Expected a parameter group of family {_family(engine, version)} but found one of family {_parameter_group(call, parameters)['CacheParameterGroupFamily']}")
    for group_id in call.get("SecurityGroupIds", []):
        if interfaces.backend(call.account, call.region).get_security_group_from_id(group_id) is None:
            raise _wrong(f"Security group {group_id} does not exist")
    arn = call.arn("elasticache", f"replicationgroup:{name}")
    view = {
        "ReplicationGroupId": name,
        "Description": call["ReplicationGroupDescription"],
        "ARN": arn,
        "AutomaticFailover": "enabled" if call.get("AutomaticFailoverEnabled") else "disabled",
        "MultiAZ": "enabled" if call.get("MultiAZEnabled") else "disabled",
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
        "DataTiering": "disabled",
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
    group = state.groups[name] = _Group(view, settings)
    group.nodes = nodes
    _begin(group, "creating", "elasticache.create")
    _place(call, group)
    tags = pairs(call.get("Tags"))
    state.tags[arn] = dict(tags)
    for member in group.members:
        state.tags[call.arn("elasticache", f"cluster:{member}")] = dict(tags)
    return {"ReplicationGroup": _shown(group)}


@operations.on("DescribeReplicationGroups")
def describe_replication_groups(call: Call) -> dict:
    name = call.get("ReplicationGroupId")
    return _paged(call, "ReplicationGroups", [_shown(group) for group in ([_group(call, name)] if name else _state.of(call).groups.values())])


@operations.on("ModifyReplicationGroup")
def modify_replication_group(call: Call) -> dict:
    group = _group(call, call["ReplicationGroupId"], must_be_available=True)
    view, settings = group.view, group.settings
    engine = call.get("Engine", settings["engine"])
    version = _version(engine, call["EngineVersion"]) if call.get("EngineVersion") else settings["version"] if engine == settings["engine"] else _version(engine, None)
    if settings["engine"] == "valkey" and engine == "redis":
        raise fault("InvalidParameterCombination", "Cannot change the engine from valkey to redis.")
    parameters = call.get("CacheParameterGroupName", settings["parameters"])
    if _family(engine, version) != _family(settings["engine"], settings["version"]) and parameters.startswith("default."):
        parameters = f"default.{_family(engine, version)}"
    if _parameter_group(call, parameters)["CacheParameterGroupFamily"] != _family(engine, version):
        raise fault("InvalidParameterCombination", f"Expected a parameter group of family {_family(engine, version)}")
    failover = call.get("AutomaticFailoverEnabled", view["AutomaticFailover"] == "enabled")
    if failover and group.nodes < 2:
        raise _wrong("When using automatic failover, there must be at least 2 cache clusters in the replication group.")
    if call.get("MultiAZEnabled") and not failover:
        raise _wrong("Must specify automatic failover with Multi-AZ.")
    settings |= {"engine": engine, "version": version, "parameters": parameters, "node": call.get("CacheNodeType", settings["node"])}
    settings["groups"] = list(call.get("SecurityGroupIds", settings["groups"]))
    settings["window"] = call.get("PreferredMaintenanceWindow", settings["window"])
    view["AutomaticFailover"] = "enabled" if failover else "disabled"
    for field, shown in (("MultiAZEnabled", "MultiAZ"),):
        if call.get(field) is not None:
            view[shown] = "enabled" if call[field] else "disabled"
    renamed = {"ReplicationGroupDescription": "Description"}
    for field in ("ReplicationGroupDescription", "SnapshotRetentionLimit", "SnapshotWindow", "AutoMinorVersionUpgrade", "TransitEncryptionEnabled", "TransitEncryptionMode"):
        if call.get(field) is not None:
            view[renamed.get(field, field)] = call[field]
    _place(call, group)
    _begin(group, "modifying", "elasticache.modify")
    return {"ReplicationGroup": _shown(group)}


@operations.on("IncreaseReplicaCount", "DecreaseReplicaCount")
def change_replica_count(call: Call) -> dict:
    group, wanted = _group(call, call["ReplicationGroupId"], must_be_available=True), call["NewReplicaCount"] + 1
    more = call.context.operation.name == "IncreaseReplicaCount"
    if more and wanted <= group.nodes or not more and wanted >= group.nodes:
        raise _wrong(f"The new replica count {wanted - 1} must be {'greater' if more else 'less'} than the current one, {group.nodes - 1}.")
    if wanted < 2 and group.view["AutomaticFailover"] == "enabled":
        raise _wrong("A replication group with automatic failover needs at least one replica.")
    if wanted > 6:
        raise _wrong("A shard has at most five replicas.")
    state, old = _state.of(call), group.members
    group.nodes = wanted
    for member in set(old) - set(group.members):
        state.tags.pop(call.arn("elasticache", f"cluster:{member}"), None)
    for member in set(group.members) - set(old):
        state.tags[call.arn("elasticache", f"cluster:{member}")] = dict(state.tags[group.view["ARN"]])
    _place(call, group)
    _begin(group, "modifying", "elasticache.modify")
    return {"ReplicationGroup": _shown(group)}


@operations.on("DeleteReplicationGroup")
def delete_replication_group(call: Call) -> dict:
    group = _group(call, call["ReplicationGroupId"], must_be_available=True)
    _begin(group, "deleting", "elasticache.delete")
    return {"ReplicationGroup": _shown(group)}


@operations.on("DescribeCacheClusters")
def describe_cache_clusters(call: Call) -> dict:
    name = call.get("CacheClusterId")
    found = [_member(call, group, member) for group in _state.of(call).groups.values() for member in group.members if name in (None, member)]
    if name and not found:
        return call.stock()
    others = [] if name else call.stock().get("CacheClusters", [])
    return _paged(call, "CacheClusters", found + others)


def _member(call: Call, group: _Group, member: str) -> dict:
    settings = group.settings
    return {
        "CacheClusterId": member,
        "ARN": call.arn("elasticache", f"cluster:{member}"),
        "CacheClusterStatus": group.status,
        "CacheNodeType": settings["node"],
        "Engine": settings["engine"],
        "EngineVersion": settings["version"] + (".0" if settings["version"].count(".") == 1 else ""),
        "NumCacheNodes": 1,
        "CacheClusterCreateTime": group.view["ReplicationGroupCreateTime"],
        "PreferredMaintenanceWindow": settings["window"],
        "PendingModifiedValues": {},
        "SecurityGroups": [{"SecurityGroupId": group_id, "Status": "active"} for group_id in settings["groups"]],
        "CacheParameterGroup": {"CacheParameterGroupName": settings["parameters"], "ParameterApplyStatus": "in-sync", "CacheNodeIdsToReboot": []},
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


# Tags


def _tags(call: Call) -> dict[str, str] | None:
    arn = call["ResourceName"]
    kind, _, name = arn.split(":", 5)[-1].partition(":")
    if kind in ("replicationgroup", "cluster"):
        for group in _state.of(call).groups.values():
            if name in (group.name, *group.members) and group.status == "creating":
                raise fault("InvalidReplicationGroupState", f"Replication group {group.name} is not in available state.")
    return _state.of(call).tags.get(arn)


@operations.on("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict:
    tags = _tags(call)
    return call.stock() if tags is None else {"TagList": listed(tags)}


@operations.on("AddTagsToResource")
def add_tags_to_resource(call: Call) -> dict:
    tags = _tags(call)
    if tags is None:
        return call.stock()
    tags.update(pairs(call["Tags"]))
    return {"TagList": listed(tags)}


@operations.on("RemoveTagsFromResource")
def remove_tags_from_resource(call: Call) -> dict:
    tags = _tags(call)
    if tags is None:
        return call.stock()
    for key in call["TagKeys"]:
        tags.pop(key, None)
    return {"TagList": listed(tags)}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    return _state.at(account, region).tags
