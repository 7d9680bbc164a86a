"""Subnet and parameter groups: moto's, with what AWS refuses of them and returns about them."""

from stack_local import interfaces
from stack_local.core import Call, fault
from stack_local.rds.state import moto_backend, operations


def subnet_group_of(database) -> str:
    return (getattr(database, "_db_subnet_group_name", None) or "").lower()


@operations.on("ModifyDBSubnetGroup")
def modify_db_subnet_group(call: Call) -> dict:
    name, groups = call["DBSubnetGroupName"], moto_backend(call.account, call.region).subnet_groups
    group = groups.get(name)
    if group is None:
        raise fault("DBSubnetGroupNotFoundFault", f"DBSubnetGroup '{name}' not found.", 404)
    # Where a database of the group stands: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSubnetGroup.html
    going = {subnet.id for subnet in group._subnets} - set(call["SubnetIds"])
    for eni in interfaces.backend(call.account, call.region).enis.values():
        if eni.subnet.id in going and eni.description == "RDSNetworkInterface":
            raise fault("SubnetAlreadyInUse", f"The DB subnet is already in use in the Availability Zone: {eni.subnet.id}.")
    try:
        return call.stock()
    finally:
        groups[name] = group  # moto takes it away


@operations.on("DeleteDBSubnetGroup")
def delete_db_subnet_group(call: Call) -> dict:
    name = call["DBSubnetGroupName"]
    for database in moto_backend(call.account, call.region).databases.values():
        if subnet_group_of(database) == name.lower():
            raise fault(
                "InvalidDBSubnetGroupStateFault",
                f"Cannot delete the subnet group '{name}' because at least one database instance: {database.db_instance_identifier} is still using it.",
            )
    return call.stock()


@operations.on("DeleteDBParameterGroup")
def delete_db_parameter_group(call: Call) -> dict:
    name = call["DBParameterGroupName"]
    if name.startswith("default."):
        raise fault("InvalidDBParameterGroupState", f"Cannot delete the default parameter group {name}.")
    for database in moto_backend(call.account, call.region).databases.values():
        if database.db_parameter_group_name == name:
            raise fault(
                "InvalidDBParameterGroupState",
                f"One or more database instances are still members of this parameter group {name}, so the group cannot be deleted",
            )
    return call.stock()


# What an engine reads only when it starts.
_STATIC = (
    "max_connections",
    "shared_buffers",
    "shared_preload_libraries",
    "max_wal_senders",
    "wal_buffers",
    "huge_pages",
    "innodb_buffer_pool_instances",
    "performance_schema",
)


@operations.on("ModifyDBParameterGroup")
def modify_db_parameter_group(call: Call) -> dict:
    name = call["DBParameterGroupName"]
    if name.startswith("default."):
        raise fault("InvalidDBParameterGroupState", f"The parameter group {name} is a default one and cannot be modified.")
    for parameter in call.get("Parameters", []):
        if parameter["ParameterName"] in _STATIC and parameter.get("ApplyMethod") == "immediate":
            raise fault("InvalidParameterCombination", "cannot use immediate apply method for static parameter")
    return call.stock()


@operations.on("ResetDBParameterGroup")
def reset_db_parameter_group(call: Call) -> dict:
    group = moto_backend(call.account, call.region).db_parameter_groups.get(call["DBParameterGroupName"])
    if group is None:
        raise fault("DBParameterGroupNotFound", f"DBParameterGroup not found: {call['DBParameterGroupName']}", 404)
    everything = call.get("ResetAllParameters", True) and not call.get("Parameters")
    for name in list(group.parameters) if everything else [p["ParameterName"] for p in call.get("Parameters", [])]:
        group.parameters.pop(name, None)
    return {"DBParameterGroupName": group.name}


@operations.on("DescribeDBParameters")
def describe_db_parameters(call: Call) -> dict:
    """What was set, and of the hundreds of defaults those that are read only at the start."""
    answer = call.stock()
    known = {parameter["ParameterName"] for parameter in answer.get("Parameters", [])}
    defaults = [
        {"ParameterName": name, "Source": "engine-default", "ApplyMethod": "pending-reboot", "IsModifiable": True}
        for name in _STATIC
        if name not in known
    ]
    answer["Parameters"] = answer.get("Parameters", []) + defaults
    for parameter in answer.get("Parameters", []):
        parameter.setdefault("Source", "user")
        parameter.setdefault("ApplyMethod", "immediate")
        parameter["ApplyType"] = "static" if parameter["ParameterName"] in _STATIC else "dynamic"
    if call.get("Source"):
        answer["Parameters"] = [parameter for parameter in answer.get("Parameters", []) if parameter["Source"] == call["Source"]]
    return answer
