"""Load balancers, whose nodes have network interfaces in their subnets."""

from stack_local import interfaces, service_roles
from stack_local.clock import clock
from stack_local.core import Call, fault, hex_id, now
from stack_local.elbv2.attributes import BALANCER_ATTRIBUTES
from stack_local.elbv2.listeners import drop_listener
from stack_local.elbv2.state import check_name, check_tags, find, invalid, no_balancer, operations, paged, shown, store
from stack_local.outcomes import outcomes
from stack_local.quotas import quotas
from stack_local.settling import settles


def _zones(call: Call, subnet_ids: list[str]) -> tuple[list[dict], str]:
    subnets = []
    for subnet_id in subnet_ids:
        subnet = interfaces.subnet(call.account, call.region, subnet_id)
        if subnet is None:
            raise fault("SubnetNotFound", f"The subnet ID '{subnet_id}' does not exist")
        subnets.append(subnet)
    if len({subnet.vpc_id for subnet in subnets}) > 1:
        raise fault("InvalidConfigurationRequest", "All subnets must belong to the same VPC")
    zones = [subnet.availability_zone for subnet in subnets]
    if len(set(zones)) != len(zones):
        raise fault(
            "InvalidConfigurationRequest", "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        )
    views = [{"ZoneName": s.availability_zone, "SubnetId": s.id, "LoadBalancerAddresses": []} for s in subnets]
    return sorted(views, key=lambda view: view["ZoneName"]), subnets[0].vpc_id if subnets else ""


def _check_groups(call: Call, groups: list[str], vpc: str) -> None:
    if quotas.exceeded("groups-per-balancer", len(groups)):
        raise fault("InvalidConfigurationRequest", "The maximum number of security groups per load balancer has been reached.")
    for group_id in groups:
        group = interfaces.backend(call.account, call.region).get_security_group_from_id(group_id)
        if group is None or group.vpc_id != vpc:
            raise fault("InvalidSecurityGroup", f"One or more security groups are invalid: {group_id}")


def _place(call: Call, balancer: dict) -> None:
    """Puts the balancer's nodes into its subnets."""
    short = balancer["LoadBalancerArn"].split(":loadbalancer/")[1]
    public = balancer["Scheme"] == "internet-facing"
    groups = tuple(balancer.get("SecurityGroups", []))
    wanted = [interfaces.Wanted(zone["SubnetId"], groups, public) for zone in balancer["AvailabilityZones"]]
    interfaces.hold(call.account, call.region, balancer["LoadBalancerArn"], wanted, f"ELB {short}", "amazon-elb")


@operations.on("CreateLoadBalancer")
def create_load_balancer(call: Call) -> dict:
    state, name = store.of(call), call["Name"]
    check_name("load balancer", name)
    service_roles.need(call, "elasticloadbalancing.amazonaws.com")
    if name.startswith("internal-"):
        raise invalid(f"The load balancer name '{name}' cannot begin with 'internal-'")
    tags = check_tags(call.get("Tags"))
    kind, scheme = call.get("Type", "application"), call.get("Scheme", "internet-facing")
    subnet_ids = call.get("Subnets") or [mapping["SubnetId"] for mapping in call.get("SubnetMappings", [])]
    asked = {
        "type": kind,
        "scheme": scheme,
        "subnets": sorted(subnet_ids),
        "groups": sorted(call.get("SecurityGroups", [])),
        "addresses": call.get("IpAddressType", "ipv4"),
    }
    for balancer in state.balancers.values():
        if balancer["LoadBalancerName"] == name:
            if state.created_as[balancer["LoadBalancerArn"]] != asked:
                raise fault(
                    "DuplicateLoadBalancerName",
                    f"A load balancer with the same name '{name}' exists, but with different settings",
                )
            return {"LoadBalancers": [shown(balancer)]}
    if kind not in BALANCER_ATTRIBUTES:
        raise invalid(f"Load balancers of type '{kind}' are not served here")
    if not subnet_ids:
        raise invalid("At least one subnet must be specified")
    if kind == "application" and len(subnet_ids) < 2:
        raise invalid("At least two subnets in two different Availability Zones must be specified")
    zones, vpc = _zones(call, subnet_ids)
    ec2 = interfaces.backend(call.account, call.region)
    if scheme == "internet-facing" and not any(g.vpc and g.vpc.id == vpc for g in ec2.internet_gateways.values()):
        raise fault("InvalidSubnet", f"VPC {vpc} has no internet gateway")
    groups = list(call.get("SecurityGroups", []))
    _check_groups(call, groups, vpc)
    if not groups and kind == "application":
        default = ec2.get_default_security_group(vpc)
        groups = [default.id] if default else []
    short = f"{'app' if kind == 'application' else 'net'}/{name}/{hex_id(16)}"
    arn = call.arn("elasticloadbalancing", f"loadbalancer/{short}")
    dns = f"{'internal-' if scheme == 'internal' else ''}{name}-{int(hex_id(8), 16) % 10**9}.{call.region}.elb.amazonaws.com"
    balancer = {
        "LoadBalancerArn": arn,
        "DNSName": dns,
        "CanonicalHostedZoneId": "Z35SXDOTRQ7X7K" if kind == "application" else "Z26RNL4JYFTOTI",
        "CreatedTime": now(),
        "LoadBalancerName": name,
        "Scheme": scheme,
        "VpcId": vpc,
        "State": {"Code": "provisioning"},
        "Type": kind,
        "AvailabilityZones": zones,
        "SecurityGroups": groups,
        "IpAddressType": asked["addresses"],
    }
    state.balancers[arn], state.created_as[arn], state.tags[arn] = balancer, asked, tags
    state.attributes[arn] = dict(BALANCER_ATTRIBUTES[kind])
    state.timers[arn] = clock.timer("elb.provision")
    if outcomes.take(call.account, "elbv2.load_balancer"):
        state.doomed.add(arn)
    _place(call, balancer)
    return {"LoadBalancers": [shown(balancer)]}


@operations.before_all
def _first(call: Call) -> None:
    _settle(call.account, call.region)


@settles
def _settle(account: str, region: str) -> None:
    state = store.at(account, region)
    for arn, timer in list(state.timers.items()):
        if timer.done():
            state.balancers[arn]["State"] = {"Code": "active"}
            if arn in state.doomed:
                state.balancers[arn]["State"] = {
                    "Code": "failed",
                    "Reason": "The load balancer could not be set up: not enough free IP addresses in the subnets",
                }
                state.doomed.discard(arn)
            del state.timers[arn]


@operations.on("DescribeLoadBalancers")
def describe_load_balancers(call: Call) -> dict:
    state = store.of(call)
    if arns := call.get("LoadBalancerArns"):
        chosen = [find(state.balancers, arn, no_balancer) for arn in arns]
    elif names := call.get("Names"):
        by_name = {balancer["LoadBalancerName"]: balancer for balancer in state.balancers.values()}
        chosen = [find(by_name, name, no_balancer) for name in names]
    else:
        chosen = list(state.balancers.values())
    return paged(call, "LoadBalancers", chosen)


@operations.on("DeleteLoadBalancer")
def delete_load_balancer(call: Call) -> dict:
    state, arn = store.of(call), call["LoadBalancerArn"]
    if arn not in state.balancers:
        return {}  # AWS does not mind
    if state.attributes[arn]["deletion_protection.enabled"] == "true":
        raise fault("OperationNotPermitted", f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled")
    for listener in [each for each in state.listeners.values() if each["LoadBalancerArn"] == arn]:
        drop_listener(state, listener["ListenerArn"])
    for kept in (state.balancers, state.attributes, state.tags, state.created_as, state.timers):
        kept.pop(arn, None)
    state.doomed.discard(arn)
    interfaces.release(call.account, call.region, arn, clock.timer("elb.release"))
    return {}


def is_there(account: str, region: str, arn: str) -> bool:
    """Whether there is this balancer, for WAF."""
    return arn in store.at(account, region).balancers


@operations.on("SetSubnets")
def set_subnets(call: Call) -> dict:
    state = store.of(call)
    balancer = find(state.balancers, call["LoadBalancerArn"], no_balancer)
    subnet_ids = call.get("Subnets") or [mapping["SubnetId"] for mapping in call.get("SubnetMappings", [])]
    if balancer["Type"] == "application" and len(subnet_ids) < 2:
        raise invalid("At least two subnets in two different Availability Zones must be specified")
    zones, vpc = _zones(call, subnet_ids)
    if vpc != balancer["VpcId"]:
        raise fault("InvalidSubnet", f"The subnets are not in the load balancer's VPC {balancer['VpcId']}")
    balancer["AvailabilityZones"] = zones
    state.created_as[balancer["LoadBalancerArn"]]["subnets"] = sorted(subnet_ids)
    _place(call, balancer)
    return {"AvailabilityZones": shown(zones), "IpAddressType": balancer["IpAddressType"]}


@operations.on("SetSecurityGroups")
def set_security_groups(call: Call) -> dict:
    state = store.of(call)
    balancer = find(state.balancers, call["LoadBalancerArn"], no_balancer)
    _check_groups(call, call["SecurityGroups"], balancer["VpcId"])
    balancer["SecurityGroups"] = list(call["SecurityGroups"])
    state.created_as[balancer["LoadBalancerArn"]]["groups"] = sorted(call["SecurityGroups"])
    _place(call, balancer)
    return {"SecurityGroupIds": balancer["SecurityGroups"]}


@operations.on("SetIpAddressType")
def set_ip_address_type(call: Call) -> dict:
    state = store.of(call)
    balancer = find(state.balancers, call["LoadBalancerArn"], no_balancer)
    balancer["IpAddressType"] = state.created_as[balancer["LoadBalancerArn"]]["addresses"] = call["IpAddressType"]
    return {"IpAddressType": balancer["IpAddressType"]}


@operations.on("DescribeCapacityReservation")
def describe_capacity_reservation(call: Call) -> dict:
    find(store.of(call).balancers, call["LoadBalancerArn"], no_balancer)
    return {"DecreaseRequestsRemaining": 2, "CapacityReservationState": []}
