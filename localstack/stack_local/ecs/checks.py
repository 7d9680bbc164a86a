"""What services and single tasks are refused for alike."""

from stack_local import elbv2, interfaces
from stack_local.core import Call
from stack_local.ecs.state import wrong


def check_service(call: Call, view: dict, definition: dict) -> None:
    """What CreateService and UpdateService both refuse."""
    fargate = view.get("launchType") == "FARGATE" or bool(view.get("capacityProviderStrategy"))
    if fargate and "FARGATE" not in definition["compatibilities"]:
        raise wrong("Task definition does not support launch_type FARGATE.")
    network = (view.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if definition["networkMode"] == "awsvpc" and not network:
        raise wrong("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    for subnet in (network or {}).get("subnets", []):
        if interfaces.subnet(call.account, call.region, subnet) is None:
            raise wrong(f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' does not exist (ErrorCode: InvalidSubnetID.NotFound)")
    for group in (network or {}).get("securityGroups", []):
        if interfaces.backend(call.account, call.region).get_security_group_from_id(group) is None:
            raise wrong(f"Error retrieving security group information for [{group}]: The security group '{group}' does not exist (ErrorCode: InvalidGroup.NotFound)")
    for balancer in view.get("loadBalancers", []):
        _check_balancer(call, balancer, definition)
    if view.get("healthCheckGracePeriodSeconds") and not view.get("loadBalancers"):
        raise wrong("Health check grace period is only valid for services configured to use load balancers")


def _check_balancer(call: Call, balancer: dict, definition: dict) -> None:
    name, port, group = balancer.get("containerName"), balancer.get("containerPort"), balancer.get("targetGroupArn")
    container = next((c for c in definition["containerDefinitions"] if c["name"] == name), None)
    if container is None:
        raise wrong(f"The container {name} does not exist in the task definition.")
    if port not in [mapping.get("containerPort") for mapping in container["portMappings"]]:
        raise wrong(f"The container {name} did not have a container port {port} defined.")
    if group:
        kind = elbv2.group_type(call.account, call.region, group)
        if kind is None:
            raise wrong(f"The specified target group does not exist: {group}")
        if definition["networkMode"] == "awsvpc" and kind != "ip":
            raise wrong(f"The provided target group {group} has target type {kind}, which is incompatible with the awsvpc network mode specified in the task definition.")
        if not elbv2.attached(call.account, call.region, group):
            raise wrong(f"The target group with targetGroupArn {group} does not have an associated load balancer.")


def check_strategy(cluster: dict, strategy: list[dict]) -> None:
    for item in strategy:
        item.setdefault("weight", 0)
        item.setdefault("base", 0)
        if item["capacityProvider"] not in cluster["capacityProviders"]:
            raise wrong("The specified capacity provider strategy contains a capacity provider that is not associated with the cluster. Associate it with the cluster and try again.")


def normalize_network(view: dict) -> None:
    network = (view.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if network:
        network.setdefault("securityGroups", [])
        network.setdefault("assignPublicIp", "DISABLED")
