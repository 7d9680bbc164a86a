"""Targets and their health, for callers and for ECS, which registers its tasks."""

from stack_local.clock import clock
from stack_local.core import Call
from stack_local.elbv2.state import Target, balancers_of, find, no_group, operations, store
from stack_local.settling import settle_all


@operations.on("RegisterTargets")
def register_targets(call: Call) -> dict:
    state = store.of(call)
    group = find(state.groups, call["TargetGroupArn"], no_group)
    for target in call["Targets"]:
        port = target.get("Port") or group.get("Port") or 0
        key = (target["Id"], port)
        if key not in state.targets[group["TargetGroupArn"]]:
            described = {field: value for field, value in target.items() if value is not None} | ({"Port": port} if port else {})
            state.targets[group["TargetGroupArn"]][key] = Target(described, clock.timer("target.healthy"))
    return {}


@operations.on("DeregisterTargets")
def deregister_targets(call: Call) -> dict:
    state = store.of(call)
    group = find(state.groups, call["TargetGroupArn"], no_group)
    for target in call["Targets"]:
        for key in list(state.targets[group["TargetGroupArn"]]):
            if key[0] == target["Id"] and (not target.get("Port") or key[1] == target["Port"]):
                del state.targets[group["TargetGroupArn"]][key]
    return {}


@operations.on("DescribeTargetHealth")
def describe_target_health(call: Call) -> dict:
    # ECS registers its tasks while it is brought up to date.
    settle_all(call.account, call.region)
    state, arn = store.of(call), call["TargetGroupArn"]
    group = find(state.groups, arn, no_group)
    used, registered = bool(balancers_of(state, arn)), state.targets[arn]
    check_port = group.get("HealthCheckPort", "traffic-port")
    answers: list[dict] = []
    asked = call.get("Targets")
    keys = [(t["Id"], t.get("Port") or group.get("Port") or 0) for t in asked] if asked else list(registered)
    for key in keys:
        target = registered.get(key)
        if target is None:
            health = {
                "State": "unused",
                "Reason": "Target.NotRegistered",
                "Description": "Target is not registered to the target group",
            }
            answers.append({"Target": {"Id": key[0], "Port": key[1]}, "TargetHealth": health})
            continue
        if not used:
            health = {
                "State": "unused",
                "Reason": "Target.NotInUse",
                "Description": "Target group is not configured to receive traffic from the load balancer",
            }
        elif not target.timer.done():
            health = {
                "State": "initial",
                "Reason": "Elb.RegistrationInProgress",
                "Description": "Target registration is in progress",
            }
        else:
            health = {"State": "healthy"}
        answers.append(
            {
                "Target": dict(target.description),
                "HealthCheckPort": str(key[1]) if check_port == "traffic-port" else check_port,
                "TargetHealth": health,
            }
        )
    return {"TargetHealthDescriptions": answers}


def attached(account: str, region: str, group_arn: str) -> bool:
    """Whether a listener or rule forwards to the group."""
    return bool(balancers_of(store.at(account, region), group_arn))


def group_type(account: str, region: str, group_arn: str) -> str | None:
    """Its target type; None when there is no such group."""
    group = store.at(account, region).groups.get(group_arn)
    return group and group["TargetType"]


def register(account: str, region: str, group_arn: str, address: str, port: int, zone: str) -> None:
    targets = store.at(account, region).targets.get(group_arn)
    if targets is not None and (address, port) not in targets:
        targets[address, port] = Target({"Id": address, "Port": port, "AvailabilityZone": zone}, clock.timer("target.healthy"))


def deregister(account: str, region: str, group_arn: str, address: str, port: int) -> None:
    store.at(account, region).targets.get(group_arn, {}).pop((address, port), None)


def healthy(account: str, region: str, group_arn: str, address: str, port: int) -> bool:
    """Whether nothing speaks against the target: unknown targets and groups do not hold a rollout up."""
    target = store.at(account, region).targets.get(group_arn, {}).get((address, port))
    return target is None or target.timer.done()
