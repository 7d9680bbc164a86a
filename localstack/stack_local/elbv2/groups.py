"""Target groups."""

import copy

from stack_local import interfaces
from stack_local.core import Call, fault, hex_id
from stack_local.elbv2.attributes import HTTP_GROUP_ATTRIBUTES, TCP_GROUP_ATTRIBUTES
from stack_local.elbv2.state import (
    State,
    balancers_of,
    check_name,
    check_tags,
    find,
    invalid,
    no_balancer,
    no_group,
    operations,
    paged,
    shown,
    store,
)


@operations.on("CreateTargetGroup")
def create_target_group(call: Call) -> dict:
    state, name = store.of(call), call["Name"]
    check_name("target group", name)
    tags = check_tags(call.get("Tags"))
    asked = {field: value for field, value in call.request.items() if field not in ("Tags",) and value is not None}
    for group in state.groups.values():
        if group["TargetGroupName"] == name:
            if state.created_as[group["TargetGroupArn"]] != asked:
                raise fault(
                    "DuplicateTargetGroupName", f"A target group with the same name '{name}' exists, but with different settings"
                )
            return {"TargetGroups": [_group_shown(state, group)]}
    kind, protocol = call.get("TargetType", "instance"), call.get("Protocol")
    if kind != "lambda":
        for field, words in (("Protocol", "protocol"), ("Port", "port"), ("VpcId", "VPC ID")):
            if call.get(field) is None:
                raise invalid(f"A {words} must be specified")
        if call["VpcId"] not in interfaces.backend(call.account, call.region).vpcs:
            raise invalid(f"The VPC ID '{call['VpcId']}' is not found")
        if not 1 <= call["Port"] <= 65535:
            raise invalid("The port must be between 1 and 65535")
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
        group |= {
            "Protocol": protocol,
            "Port": call["Port"],
            "VpcId": call["VpcId"],
            "HealthCheckProtocol": check,
            "HealthCheckPort": call.get("HealthCheckPort", "traffic-port"),
        }
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
        state.attributes[arn] = dict(HTTP_GROUP_ATTRIBUTES if http else TCP_GROUP_ATTRIBUTES)
        if kind == "instance" and not http:
            state.attributes[arn]["preserve_client_ip.enabled"] = "true"
    return {"TargetGroups": [_group_shown(state, group)]}


def _check_health(group: dict) -> None:
    interval, timeout = group["HealthCheckIntervalSeconds"], group["HealthCheckTimeoutSeconds"]
    if timeout >= interval:
        raise invalid(f"Health check timeout '{timeout}' must be smaller than the interval '{interval}'")
    for field, words in (("HealthyThresholdCount", "Healthy"), ("UnhealthyThresholdCount", "Unhealthy")):
        if not 2 <= group[field] <= 10:
            raise invalid(f"{words} threshold count '{group[field]}' must be between '2' and '10' inclusive")
    if not 5 <= interval <= 300:
        raise invalid(f"Health check interval '{interval}' must be between '5' and '300' inclusive")


def _group_shown(state: State, group: dict) -> dict:
    return shown(group) | {"LoadBalancerArns": balancers_of(state, group["TargetGroupArn"])}


@operations.on("DescribeTargetGroups")
def describe_target_groups(call: Call) -> dict:
    state = store.of(call)
    if arns := call.get("TargetGroupArns"):
        chosen = [find(state.groups, arn, no_group) for arn in arns]
    elif names := call.get("Names"):
        by_name = {group["TargetGroupName"]: group for group in state.groups.values()}
        chosen = [find(by_name, name, no_group) for name in names]
    else:
        chosen = list(state.groups.values())
    chosen = [_group_shown(state, group) for group in chosen]
    if balancer := call.get("LoadBalancerArn"):
        find(state.balancers, balancer, no_balancer)
        chosen = [group for group in chosen if balancer in group["LoadBalancerArns"]]
    return paged(call, "TargetGroups", chosen)


@operations.on("ModifyTargetGroup")
def modify_target_group(call: Call) -> dict:
    state = store.of(call)
    group = find(state.groups, call["TargetGroupArn"], no_group)
    changed = group | {field: value for field, value in call.request.items() if value is not None}
    _check_health(changed)
    group.update(changed)
    return {"TargetGroups": [_group_shown(state, group)]}


@operations.on("DeleteTargetGroup")
def delete_target_group(call: Call) -> dict:
    state, arn = store.of(call), call["TargetGroupArn"]
    if arn in state.groups and balancers_of(state, arn):
        raise fault("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    for kept in (state.groups, state.attributes, state.tags, state.created_as, state.targets):
        kept.pop(arn, None)
    return {}
