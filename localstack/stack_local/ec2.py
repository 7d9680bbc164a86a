"""EC2: LocalStack's own, which deletes anything at once, taught to refuse, to remember tokens and to take its time."""

import itertools

from moto.ec2.models.security_groups import SecurityGroupRule

from stack_local import flow_logs, interfaces
from stack_local.clock import LISTED_AFTERWARDS, clock
from stack_local.core import Call, Operations, Store, Tokens, fault, now, pairs
from stack_local.outcomes import outcomes
from stack_local.quotas import quotas
from stack_local.settling import settle_all, settles

operations = Operations("ec2")


class _State:
    def __init__(self):
        self.gateways: dict[str, _Gateway] = {}
        self.endpoints: dict[str, tuple] = {}  # id: (state it is in, timer)
        self.tokens = Tokens(
            lambda token: fault(
                "IdempotentParameterMismatch",
                f"The client token {token} was used with other parameters. To make another resource, use another client token.",
            )
        )
        self.answers: dict[str, dict] = {}  # id: what its creation answered, for a repeated token


_state = Store(_State)


def _ec2(call: Call):
    return interfaces.backend(call.account, call.region)


@operations.before_all
def _first(call: Call) -> None:
    settle_all(call.account, call.region)
    if call.get("DryRun"):
        raise fault("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", status=412)


def _in_use(message: str):
    return fault("DependencyViolation", message)


def _interfaces_in(call: Call, **where):
    for eni in list(_ec2(call).enis.values()):
        if "subnet" in where and eni.subnet.id != where["subnet"]:
            continue
        if "vpc" in where and eni.subnet.vpc_id != where["vpc"]:
            continue
        if "group" in where and where["group"] not in {group.id for group in eni.group_set}:
            continue
        yield eni


# Security groups


def _described(rule: SecurityGroupRule) -> str | None:
    """moto knows the description of ranges only."""
    return rule.ip_range.get("Description") or rule.source_group.get("Description") or getattr(rule, "of_prefix_list", None)


def _same(rule: SecurityGroupRule, other: SecurityGroupRule) -> bool:
    """As AWS sees it, whatever is said of them."""

    def what(one: SecurityGroupRule) -> tuple:
        ports = (one.from_port, one.to_port) if one.ip_protocol != "-1" else ()
        peer = {name: value for name, value in one.source_group.items() if name != "Description"}
        return one.ip_protocol, ports, one.cidr_ipv4, one.cidr_ipv6, peer, one.prefix_list_id

    return what(rule) == what(other)


def _make(rule: SecurityGroupRule, *arguments, **named) -> None:
    _make_stock(rule, *arguments, **named)
    prefix_list = named.get("prefix_list_id") or (arguments[7] if len(arguments) > 7 else None)
    rule.of_prefix_list = (prefix_list or {}).get("Description")


_make_stock = SecurityGroupRule.__init__
SecurityGroupRule.__init__ = _make
SecurityGroupRule.__eq__ = _same
SecurityGroupRule.description = property(_described)


@operations.on("ModifySecurityGroupRules")
def modify_security_group_rules(call: Call) -> dict:
    """A rule for all protocols has no ports (https://docs.aws.amazon.com/cli/latest/reference/ec2/modify-security-group-rules.html,
    examples); moto wants them of every rule."""
    rules = []
    for update in call.get("SecurityGroupRules", []):
        rule = update.get("SecurityGroupRule") or {}
        ports = {"FromPort": -1, "ToPort": -1} if rule.get("IpProtocol") == "-1" else {}
        rules.append(update | {"SecurityGroupRule": ports | rule})
    return call.moto(call.request | {"SecurityGroupRules": rules})


@operations.on("DeleteSecurityGroup")
def delete_security_group(call: Call) -> dict:
    group_id = call.get("GroupId")
    group = _ec2(call).get_security_group_from_id(group_id) if group_id else None
    if group is not None:
        if group.name == "default":
            raise fault("CannotDelete", f'the specified group: "{group_id}" name: "default" cannot be deleted by a user')
        if any(_interfaces_in(call, group=group_id)) or _referenced(call, group_id):
            raise _in_use(f"resource {group_id} has a dependent object")
    return call.stock()


def _referenced(call: Call, group_id: str) -> bool:
    """Whether another group's rule names this one. Its own rules that do go with it."""
    for groups in _ec2(call).groups.values():
        for other in groups.values():
            if other.id == group_id:
                continue
            if any(
                rule.source_group.get("GroupId") == group_id for rule in itertools.chain(other.ingress_rules, other.egress_rules)
            ):
                return True
    return False


# Subnets, route tables, gateways, networks


@operations.on("CreateVpc")
def create_vpc(call: Call) -> dict:
    if quotas.exceeded("networks", len(_ec2(call).vpcs) + 1):
        raise fault("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
    return call.stock()


@operations.on("DeleteSubnet")
def delete_subnet(call: Call) -> dict:
    subnet_id = call["SubnetId"]
    if any(_interfaces_in(call, subnet=subnet_id)):
        raise _in_use(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
    answer = call.stock()
    # On AWS the associations go with the subnet; moto would keep the route table busy for ever.
    for table in _ec2(call).route_tables.values():
        for association, subnet in list(table.associations.items()):
            if subnet == subnet_id:
                del table.associations[association]
    return answer


@operations.on("DeleteRouteTable")
def delete_route_table(call: Call) -> dict:
    table = _ec2(call).route_tables.get(call["RouteTableId"])
    if table is not None and (table.associations or table.main_association_id):
        raise _in_use(f"The routeTable '{table.id}' has dependencies and cannot be deleted.")
    return call.stock()


@operations.on("CreateRouteTable")
def create_route_table(call: Call) -> dict:
    return _once(call, "RouteTable", "RouteTableId")


@operations.on("CreateInternetGateway")
def create_internet_gateway(call: Call) -> dict:
    if quotas.exceeded("internet-gateways", len(_ec2(call).internet_gateways) + 1):
        raise fault("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
    return call.stock()


@operations.on("DetachInternetGateway")
def detach_internet_gateway(call: Call) -> dict:
    vpc = call["VpcId"]
    if any(eni.public_ip for eni in _interfaces_in(call, vpc=vpc)):
        raise _in_use(
            f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        )
    return call.stock()


@operations.on("DeleteInternetGateway")
def delete_internet_gateway(call: Call) -> dict:
    gateway = _ec2(call).internet_gateways.get(call["InternetGatewayId"])
    if gateway is not None and gateway.vpc:
        raise _in_use(f"The internetGateway '{gateway.id}' has dependencies and cannot be deleted.")
    return call.stock()


@operations.on("DeleteVpc")
def delete_vpc(call: Call) -> dict:
    ec2, vpc = _ec2(call), call["VpcId"]
    busy = (
        any(subnet.vpc_id == vpc for subnets in ec2.subnets.values() for subnet in subnets.values())
        or any(gateway.vpc and gateway.vpc.id == vpc for gateway in ec2.internet_gateways.values())
        or any(table.vpc_id == vpc and not table.main_association_id for table in ec2.route_tables.values())
        or any(group.name != "default" for group in ec2.groups.get(vpc, {}).values())
        or any(endpoint.vpc_id == vpc and endpoint.state != "deleted" for endpoint in ec2.vpc_end_points.values())
        or any(_interfaces_in(call, vpc=vpc))
    )
    if vpc in ec2.vpcs and busy:
        raise _in_use(f"The vpc '{vpc}' has dependencies and cannot be deleted.")
    return call.stock()


@operations.on("CreateNetworkInterface", "ModifyNetworkInterfaceAttribute")
def check_interface_groups(call: Call) -> dict:
    if quotas.exceeded("groups-per-interface", len(call.get("Groups", []))):
        raise fault(
            "SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached."
        )
    return call.stock()


@operations.on("DeleteNetworkInterface")
def delete_network_interface(call: Call) -> dict:
    eni = _ec2(call).enis.get(call["NetworkInterfaceId"])
    if eni is not None and (eni.instance or eni.status == "in-use"):
        raise fault("InvalidParameterValue", f"Network interface '{eni.id}' is currently in use.")
    return call.stock()


# Addresses


def _address(call: Call):
    for address in _ec2(call).addresses:
        if address.allocation_id and address.allocation_id == call.get("AllocationId"):
            return address
        if address.association_id and address.association_id == call.get("AssociationId"):
            return address
        if address.public_ip == call.get("PublicIp"):
            return address
    return None


def _managed(call: Call, address) -> bool:
    return address.eni is not None and address.eni.requester_managed


@operations.on("DescribeAccountAttributes")
def describe_account_attributes(call: Call) -> dict:
    answer = call.stock()
    # moto says 5 whatever is in force.
    most = quotas.most["addresses"]
    for attribute in answer.get("AccountAttributes", []):
        if attribute["AttributeName"] in ("vpc-max-elastic-ips", "max-elastic-ips"):
            attribute["AttributeValues"] = [{"AttributeValue": str(10_000 if most is None else most)}]
    return answer


@operations.on("AllocateAddress")
def allocate_address(call: Call) -> dict:
    if quotas.exceeded("addresses", len(_ec2(call).addresses) + 1):
        raise fault("AddressLimitExceeded", "The maximum number of addresses has been reached.")
    return call.stock()


@operations.on("ReleaseAddress")
def release_address(call: Call) -> dict:
    address = _address(call)
    if address is not None and address.association_id:
        # This is what AWS says while a NAT gateway has the address. It has nothing to do with permissions.
        if _managed(call, address):
            raise fault("AuthFailure", "You do not have permission to access the specified resource.")
        raise fault("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
    return call.stock()


@operations.on("DisassociateAddress")
def disassociate_address(call: Call) -> dict:
    address = _address(call)
    if address is not None and _managed(call, address):
        raise fault("AuthFailure", "You do not have permission to access the specified resource.")
    return call.stock()


@operations.on("AssociateAddress")
def associate_address(call: Call) -> dict:
    address = _address(call)
    if address is not None and _managed(call, address):
        raise fault("AuthFailure", "You do not have permission to access the specified resource.")
    return call.stock()


# NAT gateways


class _Gateway:
    def __init__(self, state: str, timer, failure: tuple[str, str] | None = None):
        self.state, self.timer, self.failure = state, timer, failure
        self.deleted_at = None


_WHY_GATEWAYS_FAIL = {
    "InsufficientFreeAddressesInSubnet": "Subnet has insufficient free addresses to create this NAT gateway",
    "InternalError": "Network interface was created, but there was an internal error; please try again",
    "InvalidSubnetID.NotFound": "The specified subnet {subnet} does not exist",
}


@operations.on("CreateNatGateway")
def create_nat_gateway(call: Call) -> dict:
    state = _state.of(call)
    known = state.tokens.known("CreateNatGateway", call.request, "ClientToken")
    if known:
        return {"NatGateway": _gateway_view(call, known), "ClientToken": call["ClientToken"]}
    ec2 = _ec2(call)
    subnet = interfaces.subnet(call.account, call.region, call["SubnetId"])
    if subnet is None:
        raise fault("InvalidSubnet", f"The subnet ID '{call['SubnetId']}' does not exist")
    if quotas.exceeded("nat-gateways-per-zone", 1 + _gateways_in(call, subnet.availability_zone)):
        raise fault(
            "NatGatewayLimitExceeded", f"The maximum number of NAT gateways has been reached in {subnet.availability_zone}."
        )
    allocation = call.get("AllocationId")
    public = call.get("ConnectivityType", "public") == "public"
    address = next((a for a in ec2.addresses if a.allocation_id == allocation), None) if allocation else None
    if public and not allocation:
        raise fault(
            "MissingParameter",
            "The request must include the AllocationId parameter. Add the required parameter and retry the request.",
        )
    if public and address is None:
        raise fault("InvalidAllocationID.NotFound", f"The allocation ID '{allocation}' does not exist")
    if public and address and address.association_id:
        # AWS accepts such a gateway and lets it fail; refusing is simpler and comes to the same.
        raise fault("Resource.AlreadyAssociated", f"Elastic IP address [{allocation}] is already associated")
    answer = call.stock()
    gateway_id = answer["NatGateway"]["NatGatewayId"]
    gateway = ec2.nat_gateways[gateway_id]
    eni = gateway._eni
    eni.private_ip_address = gateway.address_set[0]["privateIp"] = gateway.private_ip = interfaces.free_address(subnet)
    eni.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": eni.private_ip_address}]
    eni.description, eni.interface_type, eni.status = f"Interface for NAT Gateway {gateway_id}", "nat_gateway", "in-use"
    eni.requester_managed, eni._group_set = True, []
    made = _Gateway("pending", clock.timer("nat.create"))
    if public and not any(g.vpc and g.vpc.id == subnet.vpc_id for g in ec2.internet_gateways.values()):
        made = _Gateway(
            "pending",
            clock.timer("nat.create"),
            ("Gateway.NotAttached", f"Network {subnet.vpc_id} has no Internet gateway attached"),
        )
    if code := outcomes.take(call.account, "ec2.nat_gateway"):
        made.failure = (code, _WHY_GATEWAYS_FAIL[code].format(subnet=subnet.id))
    state.gateways[gateway_id] = made
    gateway.state = "pending"
    state.tokens.remember("CreateNatGateway", call.request, "ClientToken", gateway_id)
    return {"NatGateway": _gateway_view(call, gateway_id)} | (
        {"ClientToken": call["ClientToken"]} if call.get("ClientToken") else {}
    )


def _gateways_in(call: Call, zone: str) -> int:
    """Those that count: until they are gone, failed ones not."""
    there = [
        gateway
        for known, gateway in _ec2(call).nat_gateways.items()
        if _state.of(call).gateways[known].state in ("pending", "available", "deleting")
    ]
    subnets = [interfaces.subnet(call.account, call.region, gateway.subnet_id) for gateway in there]
    return sum(subnet is not None and subnet.availability_zone == zone for subnet in subnets)


def _gateway_view(call: Call, gateway_id: str) -> dict:
    gateway, ours = _ec2(call).nat_gateways[gateway_id], _state.of(call).gateways[gateway_id]
    address = gateway.address_set[0]
    shown = {
        "AllocationId": address.get("allocationId"),
        "AssociationId": address.get("associationId"),
        "NetworkInterfaceId": address["networkInterfaceId"],
        "PrivateIp": address["privateIp"],
        "PublicIp": address.get("publicIp"),
        "IsPrimary": True,
        "Status": {"available": "succeeded", "pending": "associating", "failed": "failed"}.get(ours.state, "disassociating"),
    }
    view = {
        "NatGatewayId": gateway_id,
        "State": ours.state,
        "SubnetId": gateway.subnet_id,
        "VpcId": gateway.vpc_id,
        "CreateTime": gateway._created_at,
        "ConnectivityType": gateway.connectivity_type or "public",
        "NatGatewayAddresses": [{name: value for name, value in shown.items() if value is not None}],
        "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in gateway.get_tags()],
    }
    if ours.state == "failed":
        view["FailureCode"], view["FailureMessage"] = ours.failure
    if ours.deleted_at:
        view["DeleteTime"] = ours.deleted_at
    return view


@operations.on("DescribeNatGateways")
def describe_nat_gateways(call: Call) -> dict:
    asked = call.get("NatGatewayIds", [])
    known = _state.of(call).gateways
    for gateway_id in asked:
        if gateway_id not in known:
            raise fault("NatGatewayNotFound", f"NatGateway {gateway_id} was not found")
    filters = {f["Name"]: f["Values"] for f in call.get("Filters") or call.get("Filter") or []}
    views = [_gateway_view(call, gateway_id) for gateway_id in asked or known]
    return {"NatGateways": [view for view in views if _matches(view, filters, _GATEWAY_FILTERS)]}


_GATEWAY_FILTERS = {"nat-gateway-id": "NatGatewayId", "state": "State", "subnet-id": "SubnetId", "vpc-id": "VpcId"}


def _matches(view: dict, filters: dict[str, list[str]], fields: dict[str, str]) -> bool:
    tags = pairs(view["Tags"])
    for name, values in filters.items():
        if name == "tag-key":
            good = any(value in tags for value in values)
        elif name.startswith("tag:"):
            good = tags.get(name.removeprefix("tag:")) in values
        elif name in fields:
            good = view[fields[name]] in values
        else:
            raise fault("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not good:
            return False
    return True


@operations.on("DeleteNatGateway")
def delete_nat_gateway(call: Call) -> dict:
    gateway_id = call["NatGatewayId"]
    ours = _state.of(call).gateways.get(gateway_id)
    if ours is None:
        raise fault("NatGatewayNotFound", f"The Nat Gateway {gateway_id} was not found")
    if ours.state not in ("deleting", "deleted"):
        ours.state, ours.timer = "deleting", clock.timer("nat.delete")
        _ec2(call).nat_gateways[gateway_id].state = "deleting"
    return {"NatGatewayId": gateway_id}


def _let_go(ec2, gateway) -> None:
    for address in ec2.addresses:
        if address.eni is gateway._eni:
            address.eni = address.association_id = None
    ec2.enis.pop(gateway._eni.id, None)


@settles
def _settle_gateways(account: str, region: str) -> None:
    state, ec2 = _state.at(account, region), interfaces.backend(account, region)
    for gateway_id, ours in list(state.gateways.items()):
        if ours.timer is None or not ours.timer.done():
            continue
        gateway = ec2.nat_gateways.get(gateway_id)
        if ours.state == "pending" and ours.failure:
            ours.state, ours.timer = "failed", clock.real_timer(LISTED_AFTERWARDS)
            _let_go(ec2, gateway)
        elif ours.state == "pending":
            ours.state, ours.timer = "available", None
        elif ours.state == "deleting":
            ours.state, ours.deleted_at = "deleted", now()
            ours.timer = clock.real_timer(LISTED_AFTERWARDS)
            _let_go(ec2, gateway)
        else:
            del state.gateways[gateway_id], ec2.nat_gateways[gateway_id]
            continue
        gateway.state = ours.state


operations.on("CreateFlowLogs")(flow_logs.create)
operations.on("DescribeFlowLogs")(flow_logs.describe)


# VPC endpoints


@operations.on("CreateVpcEndpoint")
def create_vpc_endpoint(call: Call) -> dict:
    for group in call.get("SecurityGroupIds", []):
        if _ec2(call).get_security_group_from_id(group) is None:
            raise fault("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
    answer = _once(call, "VpcEndpoint", "VpcEndpointId")
    answer["VpcEndpoint"].setdefault("VpcEndpointType", "Gateway")
    endpoint_id = answer["VpcEndpoint"]["VpcEndpointId"]
    state, ec2 = _state.of(call), _ec2(call)
    endpoint = ec2.vpc_end_points.get(endpoint_id)
    if endpoint is not None and not endpoint.vpc_endpoint_type:
        endpoint.vpc_endpoint_type = "Gateway"
    if endpoint is not None and endpoint_id not in state.endpoints and (endpoint.vpc_endpoint_type or "").lower() == "interface":
        state.endpoints[endpoint_id] = ("pending", clock.timer("endpoint.create"))
        endpoint.state = answer["VpcEndpoint"]["State"] = "pending"
        groups = [group for group in map(ec2.get_security_group_from_id, endpoint.security_group_ids) if group]
        for eni in map(ec2.enis.get, endpoint.network_interface_ids):
            eni.private_ip_address = interfaces.free_address(eni.subnet)
            eni.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": eni.private_ip_address}]
            eni.description, eni.interface_type, eni.status = f"VPC Endpoint Interface {endpoint_id}", "vpc_endpoint", "in-use"
            eni.requester_managed = True
            if groups:
                eni._group_set = groups
    return answer


@operations.on("ModifyVpcEndpoint")
def modify_vpc_endpoint(call: Call) -> dict:
    """moto notes the tables and makes no routes in them, which it then does not find when the endpoint is deleted."""
    ec2, endpoint = _ec2(call), _ec2(call).vpc_end_points.get(call["VpcEndpointId"])
    before = set(endpoint.route_table_ids) if endpoint is not None else set()
    answer = call.stock()
    if endpoint is not None and endpoint.destination_prefix_list_id:
        for table in set(endpoint.route_table_ids) - before:
            ec2.create_route(table, None, gateway_id=endpoint.id, destination_prefix_list_id=endpoint.destination_prefix_list_id)
        for table in before - set(endpoint.route_table_ids):
            ec2.delete_route(table, endpoint.destination_prefix_list_id)
    return answer


@operations.on("DescribeVpcEndpoints")
def describe_vpc_endpoints(call: Call) -> dict:
    """moto knows two of the filters; LocalStack adds to what moto answers, so both are asked, without any."""
    wanted = {f["Name"]: f["Values"] for f in call.get("Filters", [])}
    if not wanted:
        return call.stock()
    known = _ec2(call).vpc_end_points.values()
    fields = {
        "vpc-endpoint-id": "id",
        "vpc-id": "vpc_id",
        "service-name": "service_name",
        "vpc-endpoint-type": "vpc_endpoint_type",
        "vpc-endpoint-state": "state",
    }
    chosen = []
    for endpoint in known:
        view = {"Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in endpoint.get_tags()]}
        view |= {name: getattr(endpoint, attribute) for name, attribute in fields.items()}
        if _matches(view, wanted, {name: name for name in fields}) and endpoint.id in call.get("VpcEndpointIds", [endpoint.id]):
            chosen.append(endpoint.id)
    if not chosen:
        return {"VpcEndpoints": []}
    answer = call.moto({"VpcEndpointIds": chosen})
    for endpoint in answer["VpcEndpoints"]:
        endpoint.setdefault("DnsOptions", {"DnsRecordIpType": "ipv4"})
        endpoint.setdefault("IpAddressType", "ipv4")
        endpoint.setdefault("RequesterManaged", False)
        endpoint.setdefault("RouteTableIds", [])
    return answer


@operations.on("DeleteVpcEndpoints")
def delete_vpc_endpoints(call: Call) -> dict:
    state, ec2 = _state.of(call), _ec2(call)
    unknown = []
    for endpoint_id in call["VpcEndpointIds"]:
        endpoint = ec2.vpc_end_points.get(endpoint_id)
        if endpoint is None:
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            unknown.append({"ResourceId": endpoint_id, "Error": {"Code": "InvalidVpcEndpointId.NotFound", "Message": message}})
        elif endpoint_id in state.endpoints:
            state.endpoints[endpoint_id] = ("deleting", clock.timer("endpoint.delete"))
            endpoint.state = "deleting"
        else:
            ec2.delete_vpc_endpoints([endpoint_id])
            ec2.vpc_end_points.pop(endpoint_id, None)
    return {"Unsuccessful": unknown}


@settles
def _settle_endpoints(account: str, region: str) -> None:
    state, ec2 = _state.at(account, region), interfaces.backend(account, region)
    for endpoint_id, (phase, timer) in list(state.endpoints.items()):
        if timer is None or not timer.done():
            continue
        if phase == "pending":
            state.endpoints[endpoint_id] = ("available", None)
            ec2.vpc_end_points[endpoint_id].state = "available"
        else:
            ec2.delete_vpc_endpoints([endpoint_id])
            ec2.vpc_end_points.pop(endpoint_id, None)
            del state.endpoints[endpoint_id]


@settles
def _settle_interfaces(account: str, region: str) -> None:
    interfaces.settle(account, region)


def _once(call: Call, member: str, identifier: str) -> dict:
    """A create whose client token AWS honours and moto does not."""
    state, operation = _state.of(call), call.context.operation.name
    known = state.tokens.known(operation, call.request, "ClientToken")
    if known:
        return state.answers[known]
    answer = call.stock()
    made = answer[member][identifier]
    if call.get("ClientToken"):
        state.tokens.remember(operation, call.request, "ClientToken", made)
        answer["ClientToken"] = call["ClientToken"]
        state.answers[made] = answer
    return answer
