"""ElastiCache: subnet groups, parameter groups, and which versions there are."""

import copy

from stack_local import interfaces
from stack_local.core import Call, fault, pairs
from stack_local.elasticache.parameters import PARAMETERS, allowed
from stack_local.elasticache.state import clash, operations, paged, store, wrong

VERSIONS = {
    "redis": {"redis5.0": ["5.0.6"], "redis6.x": ["6.0", "6.2"], "redis7": ["7.0", "7.1"]},
    "valkey": {"valkey7": ["7.2"], "valkey8": ["8.0", "8.1"]},
    "memcached": {"memcached1.5": ["1.5.16"], "memcached1.6": ["1.6.6", "1.6.12", "1.6.17", "1.6.22"]},
}


def numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".") if number.isdigit()]


def family_of(engine: str, version: str) -> str:
    for family, versions in VERSIONS.get(engine, {}).items():
        if version in versions:
            return family
    raise clash(f"Cannot find version {version} for {engine}")


def version_of(engine: str, asked: str | None) -> str:
    """A version in full: AWS takes `7` for the newest of 7."""
    every = [version for versions in VERSIONS.get(engine, {}).values() for version in versions]
    fitting = [
        version for version in every if not asked or version == asked or version.startswith(asked.removesuffix(".x") + ".")
    ]
    if not fitting:
        raise clash(f"Cannot find version {asked} for {engine}")
    return fitting[-1]


# Subnet groups


def _subnets(call: Call, subnet_ids: list[str]) -> tuple[str, list[dict]]:
    found = []
    for subnet_id in subnet_ids:
        subnet = interfaces.subnet(call.account, call.region, subnet_id)
        if subnet is None:
            raise fault("InvalidSubnet", f"The subnet ID '{subnet_id}' does not exist")
        found.append(subnet)
    if len({subnet.vpc_id for subnet in found}) > 1:
        raise fault("InvalidSubnet", "The subnets of a cache subnet group must lie in one VPC.")
    views = [
        {"SubnetIdentifier": s.id, "SubnetAvailabilityZone": {"Name": s.availability_zone}, "SupportedNetworkTypes": ["ipv4"]}
        for s in found
    ]
    return found[0].vpc_id, views


def subnet_group(call: Call, name: str) -> dict:
    found = store.of(call).subnet_groups.get(name.lower())
    if found is None:
        raise fault("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.", status=404)
    return found


@operations.on("CreateCacheSubnetGroup")
def create_cache_subnet_group(call: Call) -> dict:
    state, name = store.of(call), call["CacheSubnetGroupName"].lower()
    if name in state.subnet_groups:
        raise fault("CacheSubnetGroupAlreadyExists", f"Cache subnet group {name} already exists.")
    vpc, subnets = _subnets(call, call["SubnetIds"])
    arn = call.arn("elasticache", f"subnetgroup:{name}")
    state.subnet_groups[name] = {
        "CacheSubnetGroupName": name,
        "CacheSubnetGroupDescription": call["CacheSubnetGroupDescription"],
        "VpcId": vpc,
        "Subnets": subnets,
        "ARN": arn,
        "SupportedNetworkTypes": ["ipv4"],
    }
    state.tags[arn] = pairs(call.get("Tags"))
    return {"CacheSubnetGroup": copy.deepcopy(state.subnet_groups[name])}


@operations.on("DescribeCacheSubnetGroups")
def describe_cache_subnet_groups(call: Call) -> dict:
    name = call.get("CacheSubnetGroupName")
    return paged(call, "CacheSubnetGroups", [subnet_group(call, name)] if name else list(store.of(call).subnet_groups.values()))


@operations.on("ModifyCacheSubnetGroup")
def modify_cache_subnet_group(call: Call) -> dict:
    group = subnet_group(call, call["CacheSubnetGroupName"])
    if call.get("SubnetIds"):
        used = {
            subnet
            for cache in store.of(call).caches
            if cache.settings["subnets"] == group["CacheSubnetGroupName"]
            for subnet in cache.settings["placed"]
        }
        if used - set(call["SubnetIds"]):
            raise fault("SubnetInUse", f"The subnet ID {sorted(used - set(call['SubnetIds']))[0]} is in use.")
        vpc, subnets = _subnets(call, call["SubnetIds"])
        if vpc != group["VpcId"]:
            raise fault("InvalidSubnet", "The new subnets are not in the VPC of the cache subnet group.")
        group["Subnets"] = subnets
    group["CacheSubnetGroupDescription"] = call.get("CacheSubnetGroupDescription", group["CacheSubnetGroupDescription"])
    return {"CacheSubnetGroup": copy.deepcopy(group)}


@operations.on("DeleteCacheSubnetGroup")
def delete_cache_subnet_group(call: Call) -> dict:
    state, group = store.of(call), subnet_group(call, call["CacheSubnetGroupName"])
    if any(cache.settings["subnets"] == group["CacheSubnetGroupName"] for cache in state.caches):
        raise fault(
            "CacheSubnetGroupInUse", f"Cache subnet group {group['CacheSubnetGroupName']} is currently in use by a cache cluster."
        )
    del state.subnet_groups[group["CacheSubnetGroupName"]]
    state.tags.pop(group["ARN"], None)
    return {}


# Parameter groups


def _default_group(family: str) -> dict:
    return {
        "CacheParameterGroupName": f"default.{family}",
        "CacheParameterGroupFamily": family,
        "Description": f"Default parameter group for {family}",
        "IsGlobal": False,
    }


def parameter_group(call: Call, name: str) -> dict:
    for families in VERSIONS.values():
        if name.removeprefix("default.") in families and name.startswith("default."):
            return _default_group(name.removeprefix("default."))
    found = store.of(call).parameter_groups.get(name.lower())
    if found is None:
        raise fault("CacheParameterGroupNotFound", f"CacheParameterGroup not found: {name}", status=404)
    return found


def check_family(call: Call, name: str, engine: str, version: str) -> None:
    wanted, found = family_of(engine, version), parameter_group(call, name)["CacheParameterGroupFamily"]
    if wanted != found:
        raise clash(f"Expected a parameter group of family {wanted} but found one of family {found}")


def _own(call: Call) -> dict:
    group = parameter_group(call, call["CacheParameterGroupName"])
    if "ARN" not in group:
        raise fault(
            "InvalidCacheParameterGroupState",
            f"The default parameter group {group['CacheParameterGroupName']} cannot be changed.",
        )
    return group


@operations.on("CreateCacheParameterGroup")
def create_cache_parameter_group(call: Call) -> dict:
    state, name, family = store.of(call), call["CacheParameterGroupName"].lower(), call["CacheParameterGroupFamily"]
    if not any(family in families for families in VERSIONS.values()):
        raise wrong(f"CacheParameterGroupFamily {family} is not a valid parameter group family.")
    if name.startswith("default."):
        raise wrong("The name of a parameter group cannot begin with 'default.'.")
    if name in state.parameter_groups:
        raise fault("CacheParameterGroupAlreadyExists", f"Parameter group {name} already exists")
    arn = call.arn("elasticache", f"parametergroup:{name}")
    state.parameter_groups[name] = {
        "CacheParameterGroupName": name,
        "CacheParameterGroupFamily": family,
        "Description": call["Description"],
        "IsGlobal": False,
        "ARN": arn,
    }
    state.parameters[name], state.tags[arn] = {}, pairs(call.get("Tags"))
    return {"CacheParameterGroup": dict(state.parameter_groups[name])}


@operations.on("DescribeCacheParameterGroups")
def describe_cache_parameter_groups(call: Call) -> dict:
    name = call.get("CacheParameterGroupName")
    defaults = [_default_group(family) for families in VERSIONS.values() for family in families]
    return paged(
        call,
        "CacheParameterGroups",
        [parameter_group(call, name)] if name else [*defaults, *store.of(call).parameter_groups.values()],
    )


def _parameters(family: str) -> dict[str, dict]:
    return PARAMETERS["memcached" if family.startswith("memcached") else "redis"]


@operations.on("DescribeCacheParameters")
def describe_cache_parameters(call: Call) -> dict:
    group = parameter_group(call, call["CacheParameterGroupName"])
    name, family = group["CacheParameterGroupName"], group["CacheParameterGroupFamily"]
    own, shown = store.of(call).parameters.get(name, {}), []
    for key, known in sorted(_parameters(family).items()):
        source = "user" if key in own else "system"
        if call.get("Source", source) == source:
            shown.append(
                known
                | {
                    "ParameterName": key,
                    "ParameterValue": own.get(key, known["ParameterValue"]),
                    "Source": source,
                    "MinimumEngineVersion": "1.4.5" if family.startswith("memcached") else "2.8.6",
                }
            )
    return paged(call, "Parameters", shown)


@operations.on("ModifyCacheParameterGroup")
def modify_cache_parameter_group(call: Call) -> dict:
    group, given = _own(call), call["ParameterNameValues"]
    if not 1 <= len(given) <= 20:
        raise wrong("A maximum of 20 parameters may be modified per request.")
    known = _parameters(group["CacheParameterGroupFamily"])
    for item in given:
        name, value = item["ParameterName"], item.get("ParameterValue", "")
        if name not in known:
            raise wrong(
                f"Parameter {name} does not exist or is not a valid parameter for family {group['CacheParameterGroupFamily']}."
            )
        if not known[name]["IsModifiable"]:
            raise wrong(f"The parameter {name} cannot be modified.")
        if not allowed(known[name], value):
            raise wrong(
                f"Invalid parameter value: {value} for parameter {name}. Allowed values: {known[name].get('AllowedValues')}"
            )
    store.of(call).parameters[group["CacheParameterGroupName"]].update(
        {item["ParameterName"]: item.get("ParameterValue", "") for item in given}
    )
    return {"CacheParameterGroupName": group["CacheParameterGroupName"]}


@operations.on("ResetCacheParameterGroup")
def reset_cache_parameter_group(call: Call) -> dict:
    name = _own(call)["CacheParameterGroupName"]
    values, given = (
        store.of(call).parameters.get(name, {}),
        [item["ParameterName"] for item in call.get("ParameterNameValues", [])],
    )
    if bool(call.get("ResetAllParameters")) == bool(given):
        raise clash("Either ResetAllParameters or a list of parameters is needed, not both.")
    for key in given or list(values):
        values.pop(key, None)
    return {"CacheParameterGroupName": name}


@operations.on("DeleteCacheParameterGroup")
def delete_cache_parameter_group(call: Call) -> dict:
    state, group = store.of(call), _own(call)
    name = group["CacheParameterGroupName"]
    if any(name in (cache.settings["parameters"], cache.settings.get("parameters before")) for cache in state.caches):
        raise fault(
            "InvalidCacheParameterGroupState",
            f"One or more cache clusters are still members of the parameter group {name}, so the group cannot be deleted.",
        )
    del state.parameter_groups[name], state.parameters[name]
    state.tags.pop(group["ARN"], None)
    return {}


@operations.on("DescribeCacheEngineVersions")
def describe_cache_engine_versions(call: Call) -> dict:
    found = [
        {
            "Engine": engine,
            "EngineVersion": version,
            "CacheParameterGroupFamily": family,
            "CacheEngineDescription": engine,
            "CacheEngineVersionDescription": f"{engine} version {version}",
        }
        for engine, families in VERSIONS.items()
        for family, versions in families.items()
        for version in versions
        if call.get("Engine", engine) == engine
        and call.get("CacheParameterGroupFamily", family) == family
        and call.get("EngineVersion", version) in (version, family.removeprefix(engine))
    ]
    if call.get("DefaultOnly"):
        found = list({entry["Engine"]: entry for entry in found}.values())
    return paged(call, "CacheEngineVersions", found)
