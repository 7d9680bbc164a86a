"""Elastic Load Balancing v2, complete in itself: what is kept here is in the shape that AWS answers in.

moto has most of it, but forgets weighted forwards, swaps of rule priorities, targets on two ports, second listeners on one
port, and has no answer to most questions about attributes.
"""

import copy
import re

from stack_local import interfaces
from stack_local.clock import clock
from stack_local.core import Call, Operations, Store, fault, hex_id, listed, now, page, pairs
from stack_local.settling import settles

operations = Operations("elbv2")

_BALANCER_ATTRIBUTES = {
    "application": {
        "access_logs.s3.enabled": "false",
        "access_logs.s3.bucket": "",
        "access_logs.s3.prefix": "",
        "client_keep_alive.seconds": "3600",
        "connection_logs.s3.enabled": "false",
        "connection_logs.s3.bucket": "",
        "connection_logs.s3.prefix": "",
        "deletion_protection.enabled": "false",
        "health_check_logs.s3.enabled": "false",
        "health_check_logs.s3.bucket": "",
        "health_check_logs.s3.prefix": "",
        "idle_timeout.timeout_seconds": "60",
        "ipv6.deny_all_igw_traffic": "false",
        "load_balancing.cross_zone.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
        "routing.http.drop_invalid_header_fields.enabled": "false",
        "routing.http.preserve_host_header.enabled": "false",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
        "routing.http.xff_client_port.enabled": "false",
        "routing.http.xff_header_processing.mode": "append",
        "routing.http2.enabled": "true",
        "waf.fail_open.enabled": "false",
        "zonal_shift.config.enabled": "false",
    },
    "network": {
        "access_logs.s3.enabled": "false",
        "access_logs.s3.bucket": "",
        "access_logs.s3.prefix": "",
        "deletion_protection.enabled": "false",
        "dns_record.client_routing_policy": "any_availability_zone",
        "ipv6.deny_all_igw_traffic": "false",
        "load_balancing.cross_zone.enabled": "false",
        "zonal_shift.config.enabled": "false",
    },
}

_GROUP_ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "stickiness.enabled": "false",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
_HTTP_GROUP_ATTRIBUTES = _GROUP_ATTRIBUTES | {
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.algorithm.type": "round_robin",
    "slow_start.duration_seconds": "0",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.type": "lb_cookie",
}
_TCP_GROUP_ATTRIBUTES = _GROUP_ATTRIBUTES | {
    "deregistration_delay.connection_termination.enabled": "false",
    "preserve_client_ip.enabled": "false",
    "proxy_protocol_v2.enabled": "false",
    "stickiness.type": "source_ip",
    "target_health_state.unhealthy.connection_termination.enabled": "true",
    "target_health_state.unhealthy.draining_interval_seconds": "0",
}

_LISTENER_ATTRIBUTES = {"HTTP": {"routing.http.response.server.enabled": "true"}, "TCP": {"tcp.idle_timeout.seconds": "350"}}
# Headers that a listener can set or rename: known keys without a value until somebody sets one.
_LISTENER_HEADERS = [
    "routing.http.response.strict_transport_security.header_value",
    "routing.http.response.access_control_allow_origin.header_value",
    "routing.http.response.access_control_allow_methods.header_value",
    "routing.http.response.access_control_allow_headers.header_value",
    "routing.http.response.access_control_allow_credentials.header_value",
    "routing.http.response.access_control_expose_headers.header_value",
    "routing.http.response.access_control_max_age.header_value",
    "routing.http.response.content_security_policy.header_value",
    "routing.http.response.x_content_type_options.header_value",
    "routing.http.response.x_frame_options.header_value",
]
_MTLS_HEADERS = [
    "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
    "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
    "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
    "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
    "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name",
    "routing.http.request.x_amzn_mtls_clientcert.header_name",
    "routing.http.request.x_amzn_tls_version.header_name",
    "routing.http.request.x_amzn_tls_cipher_suite.header_name",
]


class _State:
    def __init__(self):
        self.balancers: dict[str, dict] = {}  # all by ARN, in AWS's shape
        self.groups: dict[str, dict] = {}
        self.listeners: dict[str, dict] = {}
        self.rules: dict[str, dict] = {}
        self.attributes: dict[str, dict[str, str]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.certificates: dict[str, list[str]] = {}  # of a listener, beside its default one
        self.targets: dict[str, dict[tuple[str, int], _Target]] = {}
        self.created_as: dict[str, dict] = {}  # what a create asked for: the same again answers the same
        self.timers: dict[str, object] = {}


class _Target:
    def __init__(self, description: dict, timer):
        self.description, self.timer = description, timer


_state = Store(_State)


def _invalid(message: str):
    return fault("ValidationError", message)


def _no_balancer(arn: str):
    return fault("LoadBalancerNotFound", f"Load balancers '[{arn}]' not found")


def _no_group(arn: str):
    return fault("TargetGroupNotFound", f"Target groups '{arn}' not found")


def _no_listener(arn: str):
    return fault("ListenerNotFound", f"Listener '{arn}' not found")


def _no_rule(arn: str):
    return fault("RuleNotFound", f"Rules '{arn}' not found")


def _find(kept: dict, arn: str, missing):
    if arn not in kept:
        raise missing(arn)
    return kept[arn]


def _check_name(what: str, name: str) -> None:
    if len(name) > 32:
        raise _invalid(f"The {what} name '{name}' cannot be longer than '32' characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        raise _invalid(f"The {what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)")
    if name.startswith("-") or name.endswith("-"):
        raise _invalid(f"The {what} name '{name}' cannot begin or end with '-'")


def _check_tags(tags) -> dict[str, str]:
    keys = [tag["Key"] for tag in tags or []]
    if len(keys) != len(set(keys)):
        raise fault("DuplicateTagKeys", "A tag key was specified more than once")
    if len(keys) > 50:
        raise fault("TooManyTags", "The quota for the number of tags that can be assigned to a resource has been reached")
    return pairs(tags)


# Load balancers


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
        raise fault("InvalidConfigurationRequest", "A load balancer cannot be attached to multiple subnets in the same Availability Zone")
    views = [{"ZoneName": s.availability_zone, "SubnetId": s.id, "LoadBalancerAddresses": []} for s in subnets]
    return sorted(views, key=lambda view: view["ZoneName"]), subnets[0].vpc_id if subnets else ""


def _check_groups(call: Call, groups: list[str], vpc: str) -> None:
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
    state, name = _state.of(call), call["Name"]
    _check_name("load balancer", name)
    if name.startswith("internal-"):
        raise _invalid(f"The load balancer name '{name}' cannot begin with 'internal-'")
    tags = _check_tags(call.get("Tags"))
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
                raise fault("DuplicateLoadBalancerName", f"A load balancer with the same name '{name}' exists, but with different settings")
            return {"LoadBalancers": [_shown(balancer)]}
    if kind not in _BALANCER_ATTRIBUTES:
        raise _invalid(f"Load balancers of type '{kind}' are not served here")
    if not subnet_ids:
        raise _invalid("At least one subnet must be specified")
    if kind == "application" and len(subnet_ids) < 2:
        raise _invalid("At least two subnets in two different Availability Zones must be specified")
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
    state.attributes[arn] = dict(_BALANCER_ATTRIBUTES[kind])
    state.timers[arn] = clock.timer("elb.provision")
    _place(call, balancer)
    return {"LoadBalancers": [_shown(balancer)]}


def _shown(kept: dict) -> dict:
    return copy.deepcopy(kept)


@operations.before_all
def _first(call: Call) -> None:
    _settle(call.account, call.region)


@settles
def _settle(account: str, region: str) -> None:
    state = _state.at(account, region)
    for arn, timer in list(state.timers.items()):
        if timer.done():
            state.balancers[arn]["State"] = {"Code": "active"}
            del state.timers[arn]


@operations.on("DescribeLoadBalancers")
def describe_load_balancers(call: Call) -> dict:
    state = _state.of(call)
    if arns := call.get("LoadBalancerArns"):
        chosen = [_find(state.balancers, arn, _no_balancer) for arn in arns]
    elif names := call.get("Names"):
        by_name = {balancer["LoadBalancerName"]: balancer for balancer in state.balancers.values()}
        chosen = [_find(by_name, name, _no_balancer) for name in names]
    else:
        chosen = list(state.balancers.values())
    return _paged(call, "LoadBalancers", chosen)


def _paged(call: Call, member: str, items: list[dict], most: int = 400) -> dict:
    items, marker = page(items, call.get("Marker"), call.get("PageSize"), most)
    answer = {member: [_shown(item) for item in items]}
    return answer | ({"NextMarker": marker} if marker else {})


@operations.on("DeleteLoadBalancer")
def delete_load_balancer(call: Call) -> dict:
    state, arn = _state.of(call), call["LoadBalancerArn"]
    if arn not in state.balancers:
        return {}  # AWS does not mind
    if state.attributes[arn]["deletion_protection.enabled"] == "true":
        raise fault("OperationNotPermitted", f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled")
    for listener in [l for l in state.listeners.values() if l["LoadBalancerArn"] == arn]:
        _drop_listener(state, listener["ListenerArn"])
    for kept in (state.balancers, state.attributes, state.tags, state.created_as, state.timers):
        kept.pop(arn, None)
    interfaces.release(call.account, call.region, arn, clock.timer("elb.release"))
    return {}


@operations.on("SetSubnets")
def set_subnets(call: Call) -> dict:
    state = _state.of(call)
    balancer = _find(state.balancers, call["LoadBalancerArn"], _no_balancer)
    subnet_ids = call.get("Subnets") or [mapping["SubnetId"] for mapping in call.get("SubnetMappings", [])]
    if balancer["Type"] == "application" and len(subnet_ids) < 2:
        raise _invalid("At least two subnets in two different Availability Zones must be specified")
    zones, vpc = _zones(call, subnet_ids)
    if vpc != balancer["VpcId"]:
        raise fault("InvalidSubnet", f"The subnets are not in the load balancer's VPC {balancer['VpcId']}")
    balancer["AvailabilityZones"] = zones
    state.created_as[balancer["LoadBalancerArn"]]["subnets"] = sorted(subnet_ids)
    _place(call, balancer)
    return {"AvailabilityZones": _shown(zones), "IpAddressType": balancer["IpAddressType"]}


@operations.on("SetSecurityGroups")
def set_security_groups(call: Call) -> dict:
    state = _state.of(call)
    balancer = _find(state.balancers, call["LoadBalancerArn"], _no_balancer)
    _check_groups(call, call["SecurityGroups"], balancer["VpcId"])
    balancer["SecurityGroups"] = list(call["SecurityGroups"])
    state.created_as[balancer["LoadBalancerArn"]]["groups"] = sorted(call["SecurityGroups"])
    _place(call, balancer)
    return {"SecurityGroupIds": balancer["SecurityGroups"]}


@operations.on("SetIpAddressType")
def set_ip_address_type(call: Call) -> dict:
    state = _state.of(call)
    balancer = _find(state.balancers, call["LoadBalancerArn"], _no_balancer)
    balancer["IpAddressType"] = state.created_as[balancer["LoadBalancerArn"]]["addresses"] = call["IpAddressType"]
    return {"IpAddressType": balancer["IpAddressType"]}


@operations.on("DescribeCapacityReservation")
def describe_capacity_reservation(call: Call) -> dict:
    _find(_state.of(call).balancers, call["LoadBalancerArn"], _no_balancer)
    return {"DecreaseRequestsRemaining": 2, "CapacityReservationState": []}


# Attributes: the whole set is answered, whatever was set


def _attributes(call: Call, kept: dict, arn: str, missing) -> dict[str, str]:
    _find(kept, arn, missing)
    return _state.of(call).attributes[arn]


def _change(attributes: dict[str, str], wanted: list[dict], what: str) -> dict:
    for attribute in wanted:
        if attribute["Key"] not in attributes:
            raise _invalid(f"{what} attribute key '{attribute['Key']}' is not recognized")
    attributes.update(pairs(wanted))
    return {"Attributes": listed(attributes)}


@operations.on("DescribeLoadBalancerAttributes")
def describe_load_balancer_attributes(call: Call) -> dict:
    return {"Attributes": listed(_attributes(call, _state.of(call).balancers, call["LoadBalancerArn"], _no_balancer))}


@operations.on("ModifyLoadBalancerAttributes")
def modify_load_balancer_attributes(call: Call) -> dict:
    attributes = _attributes(call, _state.of(call).balancers, call["LoadBalancerArn"], _no_balancer)
    wanted = pairs(call["Attributes"])
    if wanted.get("access_logs.s3.enabled") == "true" and not (wanted.get("access_logs.s3.bucket") or attributes["access_logs.s3.bucket"]):
        raise fault("InvalidConfigurationRequest", "The value of 'access_logs.s3.bucket' cannot be empty")
    return _change(attributes, call["Attributes"], "Load balancer")


@operations.on("DescribeTargetGroupAttributes")
def describe_target_group_attributes(call: Call) -> dict:
    return {"Attributes": listed(_attributes(call, _state.of(call).groups, call["TargetGroupArn"], _no_group))}


@operations.on("ModifyTargetGroupAttributes")
def modify_target_group_attributes(call: Call) -> dict:
    attributes = _attributes(call, _state.of(call).groups, call["TargetGroupArn"], _no_group)
    delay = pairs(call["Attributes"]).get("deregistration_delay.timeout_seconds", "0")
    if not delay.isdigit() or int(delay) > 3600:
        raise _invalid(f"'deregistration_delay.timeout_seconds' value '{delay}' must be between '0-3600' inclusive")
    return _change(attributes, call["Attributes"], "Target group")


@operations.on("DescribeListenerAttributes")
def describe_listener_attributes(call: Call) -> dict:
    return {"Attributes": listed(_attributes(call, _state.of(call).listeners, call["ListenerArn"], _no_listener))}


@operations.on("ModifyListenerAttributes")
def modify_listener_attributes(call: Call) -> dict:
    attributes = _attributes(call, _state.of(call).listeners, call["ListenerArn"], _no_listener)
    return _change(attributes, call["Attributes"], "Listener")


# Target groups


@operations.on("CreateTargetGroup")
def create_target_group(call: Call) -> dict:
    state, name = _state.of(call), call["Name"]
    _check_name("target group", name)
    tags = _check_tags(call.get("Tags"))
    asked = {field: value for field, value in call.request.items() if field not in ("Tags",) and value is not None}
    for group in state.groups.values():
        if group["TargetGroupName"] == name:
            if state.created_as[group["TargetGroupArn"]] != asked:
                raise fault("DuplicateTargetGroupName", f"A target group with the same name '{name}' exists, but with different settings")
            return {"TargetGroups": [_group_shown(state, group)]}
    kind, protocol = call.get("TargetType", "instance"), call.get("Protocol")
    if kind != "lambda":
        for field, words in (("Protocol", "protocol"), ("Port", "port"), ("VpcId", "VPC ID")):
            if call.get(field) is None:
                raise _invalid(f"A {words} must be specified")
        if call["VpcId"] not in interfaces.backend(call.account, call.region).vpcs:
            raise _invalid(f"The VPC ID '{call['VpcId']}' is not found")
        if not 1 <= call["Port"] <= 65535:
            raise _invalid("The port must be between 1 and 65535")
    http = protocol in ("HTTP", "HTTPS")
    arn = call.arn("elasticloadbalancing", f"targetgroup/{name}/{hex_id(16)}")
    group = {
        "TargetGroupArn": arn,
        "TargetGroupName": name,
        "TargetType": kind,
        "HealthCheckEnabled": call.get("HealthCheckEnabled", kind != "lambda"),
        "HealthCheckIntervalSeconds": call.get("HealthCheckIntervalSeconds", 35 if kind == "lambda" else 30),
        "HealthCheckTimeoutSeconds": call.get("HealthCheckTimeoutSeconds", 30 if kind == "lambda" else 5 if http else 10),
        "HealthyThresholdCount": call.get("HealthyThresholdCount", 5),
        "UnhealthyThresholdCount": call.get("UnhealthyThresholdCount", 2),
        "IpAddressType": call.get("IpAddressType", "ipv4"),
    }
    if kind != "lambda":
        check = call.get("HealthCheckProtocol", protocol if http else "TCP")
        group |= {"Protocol": protocol, "Port": call["Port"], "VpcId": call["VpcId"], "HealthCheckProtocol": check, "HealthCheckPort": call.get("HealthCheckPort", "traffic-port")}
        if http:
            group["ProtocolVersion"] = call.get("ProtocolVersion", "HTTP1")
        if check in ("HTTP", "HTTPS"):
            group["HealthCheckPath"] = call.get("HealthCheckPath", "/")
            group["Matcher"] = call.get("Matcher", {"HttpCode": "200"})
    else:
        group |= {"HealthCheckPath": call.get("HealthCheckPath", "/"), "Matcher": call.get("Matcher", {"HttpCode": "200"})}
    _check_health(group)
    state.groups[arn], state.created_as[arn], state.tags[arn], state.targets[arn] = group, copy.deepcopy(asked), tags, {}
    if kind == "lambda":
        state.attributes[arn] = {"lambda.multi_value_headers.enabled": "false"}
    else:
        state.attributes[arn] = dict(_HTTP_GROUP_ATTRIBUTES if http else _TCP_GROUP_ATTRIBUTES)
        if kind == "instance" and not http:
            state.attributes[arn]["preserve_client_ip.enabled"] = "true"
    return {"TargetGroups": [_group_shown(state, group)]}


def _check_health(group: dict) -> None:
    interval, timeout = group["HealthCheckIntervalSeconds"], group["HealthCheckTimeoutSeconds"]
    if timeout >= interval:
        raise _invalid(f"Health check timeout '{timeout}' must be smaller than the interval '{interval}'")
    for field, words in (("HealthyThresholdCount", "Healthy"), ("UnhealthyThresholdCount", "Unhealthy")):
        if not 2 <= group[field] <= 10:
            raise _invalid(f"{words} threshold count '{group[field]}' must be between '2' and '10' inclusive")
    if not 5 <= interval <= 300:
        raise _invalid(f"Health check interval '{interval}' must be between '5' and '300' inclusive")


def _balancers_of(state: _State, group_arn: str) -> list[str]:
    found = []
    for rule in state.rules.values():
        if group_arn in _forwarded(rule["Actions"]):
            balancer = state.listeners[_listener_of(rule["RuleArn"])]["LoadBalancerArn"]
            if balancer not in found:
                found.append(balancer)
    return found


def _group_shown(state: _State, group: dict) -> dict:
    return _shown(group) | {"LoadBalancerArns": _balancers_of(state, group["TargetGroupArn"])}


def _forwarded(actions: list[dict]) -> list[str]:
    """The target groups that some actions forward to."""
    found = []
    for action in actions:
        if action["Type"] == "forward":
            found += [group["TargetGroupArn"] for group in action.get("ForwardConfig", {}).get("TargetGroups", [])]
            if action.get("TargetGroupArn"):
                found.append(action["TargetGroupArn"])
    return found


@operations.on("DescribeTargetGroups")
def describe_target_groups(call: Call) -> dict:
    state = _state.of(call)
    if arns := call.get("TargetGroupArns"):
        chosen = [_find(state.groups, arn, _no_group) for arn in arns]
    elif names := call.get("Names"):
        by_name = {group["TargetGroupName"]: group for group in state.groups.values()}
        chosen = [_find(by_name, name, _no_group) for name in names]
    else:
        chosen = list(state.groups.values())
    chosen = [_group_shown(state, group) for group in chosen]
    if balancer := call.get("LoadBalancerArn"):
        _find(state.balancers, balancer, _no_balancer)
        chosen = [group for group in chosen if balancer in group["LoadBalancerArns"]]
    return _paged(call, "TargetGroups", chosen)


@operations.on("ModifyTargetGroup")
def modify_target_group(call: Call) -> dict:
    state = _state.of(call)
    group = _find(state.groups, call["TargetGroupArn"], _no_group)
    changed = group | {field: value for field, value in call.request.items() if value is not None}
    _check_health(changed)
    group.update(changed)
    return {"TargetGroups": [_group_shown(state, group)]}


@operations.on("DeleteTargetGroup")
def delete_target_group(call: Call) -> dict:
    state, arn = _state.of(call), call["TargetGroupArn"]
    if arn in state.groups and _balancers_of(state, arn):
        raise fault("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    for kept in (state.groups, state.attributes, state.tags, state.created_as, state.targets):
        kept.pop(arn, None)
    return {}


@operations.on("RegisterTargets")
def register_targets(call: Call) -> dict:
    state = _state.of(call)
    group = _find(state.groups, call["TargetGroupArn"], _no_group)
    for target in call["Targets"]:
        port = target.get("Port") or group.get("Port") or 0
        key = (target["Id"], port)
        if key not in state.targets[group["TargetGroupArn"]]:
            described = {field: value for field, value in target.items() if value is not None} | ({"Port": port} if port else {})
            state.targets[group["TargetGroupArn"]][key] = _Target(described, clock.timer("target.healthy"))
    return {}


@operations.on("DeregisterTargets")
def deregister_targets(call: Call) -> dict:
    state = _state.of(call)
    group = _find(state.groups, call["TargetGroupArn"], _no_group)
    for target in call["Targets"]:
        for key in list(state.targets[group["TargetGroupArn"]]):
            if key[0] == target["Id"] and (not target.get("Port") or key[1] == target["Port"]):
                del state.targets[group["TargetGroupArn"]][key]
    return {}


@operations.on("DescribeTargetHealth")
def describe_target_health(call: Call) -> dict:
    from stack_local import ecs

    ecs.settle(call.account, call.region)
    state, arn = _state.of(call), call["TargetGroupArn"]
    group = _find(state.groups, arn, _no_group)
    used, registered = bool(_balancers_of(state, arn)), state.targets[arn]
    check_port = group.get("HealthCheckPort", "traffic-port")
    answers = []
    asked = call.get("Targets")
    keys = [(t["Id"], t.get("Port") or group.get("Port") or 0) for t in asked] if asked else list(registered)
    for key in keys:
        target = registered.get(key)
        if target is None:
            health = {"State": "unused", "Reason": "Target.NotRegistered", "Description": "Target is not registered to the target group"}
            answers.append({"Target": {"Id": key[0], "Port": key[1]}, "TargetHealth": health})
            continue
        if not used:
            health = {"State": "unused", "Reason": "Target.NotInUse", "Description": "Target group is not configured to receive traffic from the load balancer"}
        elif not target.timer.done():
            health = {"State": "initial", "Reason": "Elb.RegistrationInProgress", "Description": "Target registration is in progress"}
        else:
            health = {"State": "healthy"}
        answers.append({"Target": dict(target.description), "HealthCheckPort": str(key[1]) if check_port == "traffic-port" else check_port, "TargetHealth": health})
    return {"TargetHealthDescriptions": answers}


# For ECS, which registers its tasks


def attached(account: str, region: str, group_arn: str) -> bool:
    """Whether a listener or rule forwards to the group."""
    return bool(_balancers_of(_state.at(account, region), group_arn))


def group_type(account: str, region: str, group_arn: str) -> str | None:
    """Its target type; None when there is no such group."""
    group = _state.at(account, region).groups.get(group_arn)
    return group and group["TargetType"]


def register(account: str, region: str, group_arn: str, address: str, port: int, zone: str) -> None:
    targets = _state.at(account, region).targets.get(group_arn)
    if targets is not None and (address, port) not in targets:
        targets[address, port] = _Target({"Id": address, "Port": port, "AvailabilityZone": zone}, clock.timer("target.healthy"))


def deregister(account: str, region: str, group_arn: str, address: str, port: int) -> None:
    _state.at(account, region).targets.get(group_arn, {}).pop((address, port), None)


def healthy(account: str, region: str, group_arn: str, address: str, port: int) -> bool:
    """Whether nothing speaks against the target: unknown targets and groups do not hold a rollout up."""
    target = _state.at(account, region).targets.get(group_arn, {}).get((address, port))
    return target is None or target.timer.done()


# Listeners and rules


def _actions(call: Call, actions: list[dict]) -> list[dict]:
    """Actions as AWS answers them: a forward always carries both of its forms where it has one target group."""
    state, result = _state.of(call), []
    for number, given in enumerate(actions, start=1):
        action = {field: copy.deepcopy(value) for field, value in given.items() if value is not None}
        if action["Type"] == "forward":
            config = action.get("ForwardConfig") or {}
            groups = config.get("TargetGroups") or ([{"TargetGroupArn": action["TargetGroupArn"]}] if action.get("TargetGroupArn") else [])
            if not groups:
                raise _invalid("A target group ARN must be specified")
            for group in groups:
                if group["TargetGroupArn"] not in state.groups:
                    raise fault("TargetGroupNotFound", f"Target group '{group['TargetGroupArn']}' not found")
                group.setdefault("Weight", 1)
            if len(groups) > 5:
                raise fault("TooManyUniqueTargetGroupsPerLoadBalancer", "A forward action can have at most five target groups")
            config["TargetGroups"] = groups
            config.setdefault("TargetGroupStickinessConfig", {"Enabled": False})
            action["ForwardConfig"] = config
            if len(groups) == 1:
                action["TargetGroupArn"] = groups[0]["TargetGroupArn"]
            else:
                action.pop("TargetGroupArn", None)
        elif action["Type"] == "redirect":
            config = action.get("RedirectConfig") or {}
            if config.get("StatusCode") not in ("HTTP_301", "HTTP_302"):
                raise _invalid("A redirect must have the status code HTTP_301 or HTTP_302")
            action["RedirectConfig"] = {"Protocol": "#{protocol}", "Port": "#{port}", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}"} | config
        elif action["Type"] == "fixed-response":
            if not re.fullmatch(r"[245]\d\d", (action.get("FixedResponseConfig") or {}).get("StatusCode", "")):
                raise _invalid(f"The status code of the fixed response in action {number} must be 2XX, 4XX or 5XX")
        elif action["Type"] not in ("authenticate-oidc", "authenticate-cognito"):
            raise fault("InvalidLoadBalancerAction", f"Action type '{action['Type']}' is not valid")
        if len(actions) > 1:
            action.setdefault("Order", number)
        result.append(action)
    return result


def _listener_of(rule_arn: str) -> str:
    return rule_arn.rsplit("/", 1)[0].replace(":listener-rule/", ":listener/")


def _default_rule(state: _State, listener_arn: str) -> dict:
    return next(rule for rule in state.rules.values() if rule["IsDefault"] and _listener_of(rule["RuleArn"]) == listener_arn)


def _check_listener(balancer: dict, protocol: str | None, port: int | None, certificates) -> None:
    allowed = ("HTTP", "HTTPS") if balancer["Type"] == "application" else ("TCP", "TLS", "UDP", "TCP_UDP")
    if protocol is None:
        raise _invalid("A listener protocol must be specified")
    if port is None:
        raise _invalid("A listener port must be specified")
    if protocol not in allowed:
        raise _invalid(f"Protocol '{protocol}' must be one of '{', '.join(allowed)}'")
    if protocol in ("HTTPS", "TLS") and not certificates:
        raise _invalid("A certificate must be specified for HTTPS listeners" if protocol == "HTTPS" else "A certificate must be specified for TLS listeners")
    if protocol in ("HTTP", "TCP") and certificates:
        raise _invalid(f"Certificates cannot be specified for {protocol} listeners")


@operations.on("CreateListener")
def create_listener(call: Call) -> dict:
    state = _state.of(call)
    balancer = _find(state.balancers, call["LoadBalancerArn"], _no_balancer)
    protocol, port = call.get("Protocol"), call.get("Port")
    _check_listener(balancer, protocol, port, call.get("Certificates"))
    for other in state.listeners.values():
        if other["LoadBalancerArn"] == balancer["LoadBalancerArn"] and other["Port"] == port:
            raise fault("DuplicateListener", f"A listener already exists on this port for this load balancer '{balancer['LoadBalancerArn']}'")
    tags, actions = _check_tags(call.get("Tags")), _actions(call, call["DefaultActions"])
    arn = f"{balancer['LoadBalancerArn'].replace(':loadbalancer/', ':listener/')}/{hex_id(16)}"
    listener = {"ListenerArn": arn, "LoadBalancerArn": balancer["LoadBalancerArn"], "Port": port, "Protocol": protocol, "DefaultActions": actions}
    if protocol in ("HTTPS", "TLS"):
        listener["Certificates"] = [{"CertificateArn": call["Certificates"][0]["CertificateArn"]}]
        listener["SslPolicy"] = call.get("SslPolicy", "ELBSecurityPolicy-2016-08")
    if protocol == "HTTPS":
        listener["MutualAuthentication"] = call.get("MutualAuthentication", {"Mode": "off"})
    if call.get("AlpnPolicy"):
        listener["AlpnPolicy"] = call["AlpnPolicy"]
    rule = {"RuleArn": f"{arn.replace(':listener/', ':listener-rule/')}/{hex_id(16)}", "Priority": "default", "Conditions": [], "Actions": actions, "IsDefault": True}
    state.listeners[arn], state.tags[arn], state.certificates[arn] = listener, tags, []
    state.rules[rule["RuleArn"]], state.tags[rule["RuleArn"]] = rule, {}
    if protocol in ("HTTP", "HTTPS"):
        state.attributes[arn] = _LISTENER_ATTRIBUTES["HTTP"] | dict.fromkeys(_LISTENER_HEADERS + (_MTLS_HEADERS if protocol == "HTTPS" else []), "")
    else:
        state.attributes[arn] = dict(_LISTENER_ATTRIBUTES["TCP"] if protocol == "TCP" else {})
    return {"Listeners": [_shown(listener)]}


@operations.on("DescribeListeners")
def describe_listeners(call: Call) -> dict:
    state = _state.of(call)
    if arns := call.get("ListenerArns"):
        chosen = [_find(state.listeners, arn, _no_listener) for arn in arns]
    elif balancer := call.get("LoadBalancerArn"):
        _find(state.balancers, balancer, _no_balancer)
        chosen = [listener for listener in state.listeners.values() if listener["LoadBalancerArn"] == balancer]
    else:
        raise _invalid("You must specify either listener ARNs or a load balancer ARN")
    return _paged(call, "Listeners", chosen)


@operations.on("ModifyListener")
def modify_listener(call: Call) -> dict:
    state = _state.of(call)
    listener = _find(state.listeners, call["ListenerArn"], _no_listener)
    changed = copy.deepcopy(listener)
    for field in ("Port", "Protocol", "SslPolicy", "MutualAuthentication", "AlpnPolicy"):
        if call.get(field) is not None:
            changed[field] = call[field]
    if call.get("Certificates"):
        changed["Certificates"] = [{"CertificateArn": call["Certificates"][0]["CertificateArn"]}]
    if changed["Protocol"] in ("HTTP", "TCP"):
        for field in ("SslPolicy", "MutualAuthentication") + (() if call.get("Certificates") else ("Certificates",)):
            changed.pop(field, None)
    else:
        changed.setdefault("SslPolicy", "ELBSecurityPolicy-2016-08")
    _check_listener(state.balancers[listener["LoadBalancerArn"]], changed["Protocol"], changed["Port"], changed.get("Certificates"))
    for other in state.listeners.values():
        if other is not listener and other["LoadBalancerArn"] == listener["LoadBalancerArn"] and other["Port"] == changed["Port"]:
            raise fault("DuplicateListener", f"A listener already exists on this port for this load balancer '{listener['LoadBalancerArn']}'")
    if call.get("DefaultActions"):
        changed["DefaultActions"] = _actions(call, call["DefaultActions"])
        _default_rule(state, listener["ListenerArn"])["Actions"] = changed["DefaultActions"]
    listener.clear()
    listener.update(changed)
    return {"Listeners": [_shown(listener)]}


def _drop_listener(state: _State, arn: str) -> None:
    for rule_arn in [r for r in state.rules if _listener_of(r) == arn]:
        del state.rules[rule_arn]
        state.tags.pop(rule_arn, None)
    for kept in (state.listeners, state.attributes, state.tags, state.certificates):
        kept.pop(arn, None)


@operations.on("DeleteListener")
def delete_listener(call: Call) -> dict:
    state = _state.of(call)
    _find(state.listeners, call["ListenerArn"], _no_listener)
    _drop_listener(state, call["ListenerArn"])
    return {}


@operations.on("DescribeListenerCertificates")
def describe_listener_certificates(call: Call) -> dict:
    state = _state.of(call)
    listener = _find(state.listeners, call["ListenerArn"], _no_listener)
    default = [{"CertificateArn": c["CertificateArn"], "IsDefault": True} for c in listener.get("Certificates", [])]
    return {"Certificates": default + [{"CertificateArn": arn, "IsDefault": False} for arn in state.certificates[call["ListenerArn"]]]}


@operations.on("AddListenerCertificates")
def add_listener_certificates(call: Call) -> dict:
    state = _state.of(call)
    _find(state.listeners, call["ListenerArn"], _no_listener)
    kept = state.certificates[call["ListenerArn"]]
    kept += [c["CertificateArn"] for c in call["Certificates"] if c["CertificateArn"] not in kept]
    return {"Certificates": [{"CertificateArn": arn, "IsDefault": False} for arn in kept]}


@operations.on("RemoveListenerCertificates")
def remove_listener_certificates(call: Call) -> dict:
    state = _state.of(call)
    listener = _find(state.listeners, call["ListenerArn"], _no_listener)
    gone = {c["CertificateArn"] for c in call["Certificates"]}
    if gone & {c["CertificateArn"] for c in listener.get("Certificates", [])}:
        raise fault("OperationNotPermitted", "Default certificate cannot be removed")
    state.certificates[call["ListenerArn"]] = [arn for arn in state.certificates[call["ListenerArn"]] if arn not in gone]
    return {}


_CONDITIONS = {"path-pattern": "PathPatternConfig", "host-header": "HostHeaderConfig", "http-request-method": "HttpRequestMethodConfig", "source-ip": "SourceIpConfig", "http-header": "HttpHeaderConfig", "query-string": "QueryStringConfig"}


def _conditions(conditions: list[dict]) -> list[dict]:
    """Conditions as AWS answers them: paths and hosts in the old form as well as the new one."""
    result = []
    for given in conditions:
        condition = {field: copy.deepcopy(value) for field, value in given.items() if value is not None}
        field = condition.get("Field")
        if field is None:
            field = condition["Field"] = next((name for name, config in _CONDITIONS.items() if config in condition), None)
        if field not in _CONDITIONS:
            raise _invalid(f"Condition field '{field}' must be one of '[{', '.join(_CONDITIONS)}]'")
        config = _CONDITIONS[field]
        if field in ("path-pattern", "host-header"):
            values = condition.get("Values") or condition.get(config, {}).get("Values")
            if values:
                condition["Values"], condition[config] = list(values), {"Values": list(values)}
        if not condition.get(config, {}).get("Values"):
            raise _invalid("A condition value must be specified")
        result.append(condition)
    if not result:
        raise _invalid("A condition must be specified")
    return result


def _check_priority(state: _State, listener_arn: str, priority: int) -> None:
    if not 1 <= priority <= 50000:
        raise _invalid(f"1 validation error detected: Value '{priority}' at 'priority' failed to satisfy constraint: Member must be between 1 and 50000")
    for rule in state.rules.values():
        if _listener_of(rule["RuleArn"]) == listener_arn and rule["Priority"] == str(priority):
            raise fault("PriorityInUse", f"Priority '{priority}' is currently in use")


@operations.on("CreateRule")
def create_rule(call: Call) -> dict:
    state, listener_arn = _state.of(call), call["ListenerArn"]
    _find(state.listeners, listener_arn, _no_listener)
    _check_priority(state, listener_arn, call["Priority"])
    rule = {
        "RuleArn": f"{listener_arn.replace(':listener/', ':listener-rule/')}/{hex_id(16)}",
        "Priority": str(call["Priority"]),
        "Conditions": _conditions(call["Conditions"]),
        "Actions": _actions(call, call["Actions"]),
        "IsDefault": False,
    }
    if call.get("Transforms"):
        rule["Transforms"] = call["Transforms"]
    state.tags[rule["RuleArn"]] = _check_tags(call.get("Tags"))
    state.rules[rule["RuleArn"]] = rule
    return {"Rules": [_shown(rule)]}


def _in_order(rule: dict) -> int:
    return 10**6 if rule["IsDefault"] else int(rule["Priority"])


@operations.on("DescribeRules")
def describe_rules(call: Call) -> dict:
    state = _state.of(call)
    if bool(call.get("RuleArns")) == bool(call.get("ListenerArn")):
        raise _invalid("You must specify either listener rule ARNs or a listener ARN")
    if arns := call.get("RuleArns"):
        chosen = [_find(state.rules, arn, _no_rule) for arn in arns]
    else:
        _find(state.listeners, call["ListenerArn"], _no_listener)
        chosen = sorted((r for r in state.rules.values() if _listener_of(r["RuleArn"]) == call["ListenerArn"]), key=_in_order)
    return _paged(call, "Rules", chosen)


@operations.on("ModifyRule")
def modify_rule(call: Call) -> dict:
    rule = _find(_state.of(call).rules, call["RuleArn"], _no_rule)
    if rule["IsDefault"]:
        raise fault("OperationNotPermitted", f"Default rule '{rule['RuleArn']}' cannot be modified")
    conditions = _conditions(call["Conditions"]) if call.get("Conditions") else rule["Conditions"]
    actions = _actions(call, call["Actions"]) if call.get("Actions") else rule["Actions"]
    rule["Conditions"], rule["Actions"] = conditions, actions
    return {"Rules": [_shown(rule)]}


@operations.on("DeleteRule")
def delete_rule(call: Call) -> dict:
    state = _state.of(call)
    rule = _find(state.rules, call["RuleArn"], _no_rule)
    if rule["IsDefault"]:
        raise fault("OperationNotPermitted", f"Default rule '{rule['RuleArn']}' cannot be deleted")
    del state.rules[rule["RuleArn"]]
    state.tags.pop(rule["RuleArn"], None)
    return {}


@operations.on("SetRulePriorities")
def set_rule_priorities(call: Call) -> dict:
    """All at once, so that two rules can trade places."""
    state = _state.of(call)
    wanted = {pair["RuleArn"]: pair["Priority"] for pair in call["RulePriorities"]}
    rules = [_find(state.rules, arn, _no_rule) for arn in wanted]
    for rule in rules:
        if rule["IsDefault"]:
            raise fault("OperationNotPermitted", f"The priority of the default rule '{rule['RuleArn']}' cannot be changed")
    before = {arn: state.rules[arn]["Priority"] for arn in wanted}
    for rule in rules:
        rule["Priority"] = ""
    try:
        for rule in rules:
            _check_priority(state, _listener_of(rule["RuleArn"]), wanted[rule["RuleArn"]])
            rule["Priority"] = str(wanted[rule["RuleArn"]])
    except Exception:
        for arn, priority in before.items():
            state.rules[arn]["Priority"] = priority
        raise
    return {"Rules": [_shown(rule) for rule in rules]}


# Tags


def _check_arn(state: _State, arn: str) -> None:
    if ":loadbalancer/" in arn:
        _find(state.balancers, arn, _no_balancer)
    elif ":targetgroup/" in arn:
        _find(state.groups, arn, _no_group)
    elif ":listener-rule/" in arn:
        _find(state.rules, arn, _no_rule)
    elif ":listener/" in arn:
        _find(state.listeners, arn, _no_listener)
    else:
        raise _invalid(f"'{arn}' is not a valid load balancer, target group, listener or rule ARN")


@operations.on("DescribeTags")
def describe_tags(call: Call) -> dict:
    state = _state.of(call)
    if len(call["ResourceArns"]) > 20:
        raise _invalid("The number of ARNs specified exceeds the maximum of 20")
    for arn in call["ResourceArns"]:
        _check_arn(state, arn)
    return {"TagDescriptions": [{"ResourceArn": arn, "Tags": listed(state.tags[arn])} for arn in call["ResourceArns"]]}


@operations.on("AddTags")
def add_tags(call: Call) -> dict:
    state, tags = _state.of(call), _check_tags(call["Tags"])
    for arn in call["ResourceArns"]:
        _check_arn(state, arn)
    for arn in call["ResourceArns"]:
        if len(state.tags[arn] | tags) > 50:
            raise fault("TooManyTags", "The quota for the number of tags that can be assigned to a resource has been reached")
        state.tags[arn].update(tags)
    return {}


@operations.on("RemoveTags")
def remove_tags(call: Call) -> dict:
    state = _state.of(call)
    for arn in call["ResourceArns"]:
        _check_arn(state, arn)
        for key in call["TagKeys"]:
            state.tags[arn].pop(key, None)
    return {}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    """For the tagging API, which knows balancers and target groups, listeners and rules alike."""
    return _state.at(account, region).tags


def uses_certificate(account: str, region: str, arn: str) -> list[str]:
    """The load balancers with a listener that serves with this certificate."""
    state = _state.at(account, region)
    return sorted({
        listener["LoadBalancerArn"]
        for listener in state.listeners.values()
        if arn in [c["CertificateArn"] for c in listener.get("Certificates", [])] + state.certificates.get(listener["ListenerArn"], [])
    })
