"""What services and single tasks are refused for alike."""

from stack_local import elbv2, interfaces, servicediscovery
from stack_local.core import Call, fault
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
            raise wrong(
                f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"
            )
    for group in (network or {}).get("securityGroups", []):
        if interfaces.backend(call.account, call.region).get_security_group_from_id(group) is None:
            raise wrong(
                f"Error retrieving security group information for [{group}]: The security group '{group}' does not exist (ErrorCode: InvalidGroup.NotFound)"
            )
    for balancer in view.get("loadBalancers", []):
        _check_balancer(call, balancer, definition)
    if view.get("healthCheckGracePeriodSeconds") and not view.get("loadBalancers"):
        raise wrong("Health check grace period is only valid for services configured to use load balancers")
    _check_connect(call, view.get("serviceConnectConfiguration") or {}, definition)


# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectService.html, _ServiceConnectClientAlias.html
# and _TimeoutConfiguration.html say what is needed; in which words it is refused they do not.
def _check_connect(call: Call, connect: dict, definition: dict) -> None:
    if not connect.get("enabled"):
        return
    if not connect.get("namespace"):
        raise wrong("Service Connect needs a namespace: specify one or set a default for the cluster.")
    if servicediscovery.namespace_of(call.account, call.region, connect["namespace"]) is None:
        raise fault("NamespaceNotFoundException", "The specified namespace wasn't found.")
    mappings = {m["name"]: m for c in definition["containerDefinitions"] for m in c["portMappings"] if m.get("name")}
    for service in connect.get("services", []):
        port = service["portName"]
        if port not in mappings:
            raise wrong(f"The portName {port} does not match the name of any port mapping in the task definition.")
        if len(service.get("clientAliases", [])) != 1:
            raise wrong("A Service Connect service must have exactly one client alias.")
        if "perRequestTimeoutSeconds" in service.get("timeout", {}) and mappings[port].get("appProtocol") is None:
            raise wrong("perRequestTimeout can only be set if the appProtocol isn't TCP.")


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
            raise wrong(
                f"The provided target group {group} has target type {kind}, which is incompatible with the awsvpc network mode specified in the task definition."
            )
        if not elbv2.attached(call.account, call.region, group):
            raise wrong(f"The target group with targetGroupArn {group} does not have an associated load balancer.")


def check_strategy(cluster: dict, strategy: list[dict]) -> None:
    for item in strategy:
        item.setdefault("weight", 0)
        item.setdefault("base", 0)
        if item["capacityProvider"] not in cluster["capacityProviders"]:
            raise wrong(
                "The specified capacity provider strategy contains a capacity provider that is not associated with the cluster. Associate it with the cluster and try again."
            )


def normalize_network(view: dict) -> None:
    network = (view.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if network:
        network.setdefault("securityGroups", [])
        network.setdefault("assignPublicIp", "DISABLED")
