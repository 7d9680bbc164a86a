"""ECS: clusters, task definitions and services in the shape that AWS answers in. What runs is in `rollout`."""

import copy
import re

from stack_local import elbv2, interfaces, rollout
from stack_local.core import Call, Operations, Store, Tokens, fault, now, page, pairs
from stack_local.settling import settles

operations = Operations("ecs")

_PROVIDERS = ("FARGATE", "FARGATE_SPOT")


class _State:
    def __init__(self):
        self.clusters: dict[str, dict] = {}  # by name
        self.families: dict[str, list[dict]] = {}  # every revision that was not deleted, oldest first
        self.revisions: dict[str, int] = {}  # the last number given out, which deleting does not give back
        self.services: dict[tuple[str, str], rollout.Service] = {}  # by cluster and name
        self.tasks: dict[str, rollout.Task] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.tokens = Tokens(lambda token: fault("InvalidParameterException", "Creation of service was not idempotent."))


_state = Store(_State)


def _tags_shown(tags: dict[str, str]) -> list[dict]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _read_tags(tags) -> dict[str, str]:
    if len(tags or []) > 50:
        raise _wrong("Too many tags: the most is 50.")
    return pairs(tags, "key", "value")


def _wrong(message: str):
    return fault("InvalidParameterException", message)


def _client(message: str):
    return fault("ClientException", message)


def _name(reference: str) -> str:
    """The name in an ARN, or what is a name already."""
    return reference.rsplit("/", 1)[-1]


@operations.before_all
def _first(call: Call) -> None:
    settle(call.account, call.region)


@settles
def settle(account: str, region: str) -> None:
    state = _state.at(account, region)
    world = rollout.World(account, region, state.tasks, lambda arn: _definition(state, arn))
    for key, service in list(state.services.items()):
        rollout.settle(world, service)
        if service.status == "INACTIVE" and service.forgotten.done():
            del state.services[key]
    rollout.settle_tasks(world)


# Clusters


def _cluster(call: Call, reference: str | None, active: bool = True) -> dict:
    cluster = _state.of(call).clusters.get(_name(reference or "default"))
    if cluster is None or (active and cluster["status"] != "ACTIVE"):
        raise fault("ClusterNotFoundException", "Cluster not found.")
    return cluster


def _cluster_shown(call: Call, cluster: dict, include=()) -> dict:
    state, arn = _state.of(call), cluster["clusterArn"]
    services = [s for (in_cluster, _), s in state.services.items() if in_cluster == cluster["clusterName"]]
    tasks = [task for task in state.tasks.values() if task.cluster == arn]
    view = copy.deepcopy(cluster)
    view["activeServicesCount"] = sum(service.status == "ACTIVE" for service in services)
    view["runningTasksCount"] = sum(task.status == "RUNNING" for task in tasks)
    view["pendingTasksCount"] = sum(task.status in ("PROVISIONING", "PENDING") for task in tasks)
    if "SETTINGS" not in include:
        view["settings"] = []
    if "CONFIGURATIONS" not in include:
        view.pop("configuration", None)
    view["tags"] = _tags_shown(state.tags.get(arn, {})) if "TAGS" in include else []
    return view


_EVERYTHING = ("SETTINGS", "CONFIGURATIONS", "TAGS")


def _check_providers(names) -> None:
    for name in names:
        if name not in _PROVIDERS:
            raise _wrong(f"The specified capacity provider '{name}' was not found. Specify a valid name or ARN and try again.")


def _cluster_settings(settings) -> list[dict]:
    kept = {"containerInsights": "disabled"} | pairs(settings, "name", "value")
    return [{"name": name, "value": value} for name, value in kept.items()]


@operations.on("CreateCluster")
def create_cluster(call: Call) -> dict:
    state, name = _state.of(call), call.get("clusterName", "default")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,254}", name):
        raise _wrong("Cluster names can contain letters, numbers, hyphens and underscores, 255 at most.")
    known = state.clusters.get(name)
    if known is None or known["status"] != "ACTIVE":
        providers, strategy = call.get("capacityProviders", []), call.get("defaultCapacityProviderStrategy", [])
        _check_providers(providers + [item["capacityProvider"] for item in strategy])
        arn = call.arn("ecs", f"cluster/{name}")
        known = state.clusters[name] = {
            "clusterArn": arn,
            "clusterName": name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "statistics": [],
            "settings": _cluster_settings(call.get("settings")),
            "capacityProviders": list(providers),
            "defaultCapacityProviderStrategy": copy.deepcopy(strategy),
        }
        for field in ("configuration", "serviceConnectDefaults"):
            if call.get(field):
                known[field] = copy.deepcopy(call[field])
        state.tags[arn] = _read_tags(call.get("tags"))
    return {"cluster": _cluster_shown(call, known, _EVERYTHING)}


@operations.on("DescribeClusters")
def describe_clusters(call: Call) -> dict:
    found, failures = [], []
    for reference in call.get("clusters", ["default"]):
        cluster = _state.of(call).clusters.get(_name(reference))
        if cluster:
            found.append(_cluster_shown(call, cluster, call.get("include", [])))
        else:
            arn = reference if reference.startswith("arn:") else call.arn("ecs", f"cluster/{reference}")
            failures.append({"arn": arn, "reason": "MISSING"})
    return {"clusters": found, "failures": failures}


@operations.on("ListClusters")
def list_clusters(call: Call) -> dict:
    arns = [cluster["clusterArn"] for cluster in _state.of(call).clusters.values() if cluster["status"] == "ACTIVE"]
    return _listed(call, "clusterArns", arns)


def _listed(call: Call, member: str, items: list, most: int = 100) -> dict:
    items, token = page(items, call.get("nextToken"), call.get("maxResults"), most)
    return {member: items} | ({"nextToken": token} if token else {})


@operations.on("UpdateCluster")
def update_cluster(call: Call) -> dict:
    cluster = _cluster(call, call["cluster"])
    for field in ("configuration", "serviceConnectDefaults"):
        if call.get(field):
            cluster[field] = copy.deepcopy(call[field])
    return _update_settings(call, cluster)


@operations.on("UpdateClusterSettings")
def update_cluster_settings(call: Call) -> dict:
    return _update_settings(call, _cluster(call, call["cluster"]))


def _update_settings(call: Call, cluster: dict) -> dict:
    cluster["settings"] = _cluster_settings(cluster["settings"] + call.get("settings", []))
    return {"cluster": _cluster_shown(call, cluster, _EVERYTHING)}


@operations.on("PutClusterCapacityProviders")
def put_cluster_capacity_providers(call: Call) -> dict:
    cluster = _cluster(call, call["cluster"])
    strategy = call["defaultCapacityProviderStrategy"]
    _check_providers(call["capacityProviders"])
    for item in strategy:
        if item["capacityProvider"] not in call["capacityProviders"]:
            raise _wrong("The default capacity provider strategy can only name capacity providers of the cluster.")
    for (in_cluster, _), service in _state.of(call).services.items():
        for item in service.view.get("capacityProviderStrategy", []):
            if in_cluster == cluster["clusterName"] and service.status != "INACTIVE" and item["capacityProvider"] not in call["capacityProviders"]:
                raise fault("ResourceInUseException", "The specified capacity provider is in use and cannot be removed.")
    cluster["capacityProviders"], cluster["defaultCapacityProviderStrategy"] = list(call["capacityProviders"]), copy.deepcopy(strategy)
    return {"cluster": _cluster_shown(call, cluster, _EVERYTHING)}


@operations.on("DescribeCapacityProviders")
def describe_capacity_providers(call: Call) -> dict:
    asked = [_name(reference) for reference in call.get("capacityProviders", _PROVIDERS)]
    shown = [
        {"capacityProviderArn": call.arn("ecs", f"capacity-provider/{name}"), "name": name, "status": "ACTIVE", "tags": []}
        for name in asked
        if name in _PROVIDERS
    ]
    failures = [{"arn": call.arn("ecs", f"capacity-provider/{name}"), "reason": "MISSING"} for name in asked if name not in _PROVIDERS]
    return {"capacityProviders": shown, "failures": failures}


@operations.on("DeleteCluster")
def delete_cluster(call: Call) -> dict:
    state, cluster = _state.of(call), _cluster(call, call["cluster"])
    if any(key[0] == cluster["clusterName"] and service.status != "INACTIVE" for key, service in state.services.items()):
        raise fault("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if any(task.cluster == cluster["clusterArn"] and task.status != "STOPPED" for task in state.tasks.values()):
        raise fault("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    cluster["status"] = "INACTIVE"
    answer = {"cluster": _cluster_shown(call, cluster, _EVERYTHING)}
    state.tags.pop(cluster["clusterArn"], None)
    return answer


# Task definitions

# Which memory goes with which CPU on Fargate, in MiB.
_FARGATE_MEMORY = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}


def _units(raw, word: str) -> int | None:
    """`256`, `.25 vCPU` and `0.5 GB` alike as a whole number."""
    if raw is None:
        return None
    match = re.fullmatch(rf"\s*([0-9.]+)\s*({word})?\s*", str(raw), re.IGNORECASE)
    if not match:
        raise _client(f"Invalid setting for container: '{raw}' is not a number of units.")
    return int(float(match[1]) * 1024) if match[2] else int(float(match[1]))


def _check_fargate(call: Call, cpu: int | None, memory: int | None) -> None:
    if call.get("networkMode") != "awsvpc":
        raise _client("Fargate only supports network mode ‘awsvpc’.")
    if cpu is None:
        raise _client("Fargate requires that 'cpu' be defined at the task level.")
    if memory is None:
        raise _client("Fargate requires that 'memory' be defined at the task level.")
    if memory not in _FARGATE_MEMORY.get(cpu, ()):
        raise _client(f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values.")
    if not call.get("executionRoleArn"):
        if any((c.get("logConfiguration") or {}).get("logDriver") == "awslogs" for c in call["containerDefinitions"]):
            raise _client("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
        if any(c.get("secrets") for c in call["containerDefinitions"]):
            raise _client("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")


def _container(given: dict, network_mode: str) -> dict:
    container = {"cpu": 0, "portMappings": [], "essential": True, "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": []}
    container |= {field: copy.deepcopy(value) for field, value in given.items() if value is not None}
    for mapping in container["portMappings"]:
        mapping.setdefault("protocol", "tcp")
        if network_mode in ("awsvpc", "host"):
            mapping.setdefault("hostPort", mapping.get("containerPort"))
        else:
            mapping.setdefault("hostPort", 0)
    return container


@operations.on("RegisterTaskDefinition")
def register_task_definition(call: Call) -> dict:
    state, family = _state.of(call), call["family"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", family):
        raise _client("Family contains invalid characters.")
    containers = call.get("containerDefinitions", [])
    if not containers:
        raise _client("Container list cannot be empty.")
    names = [container.get("name") for container in containers]
    if not all(names) or len(set(names)) != len(names):
        raise _client("Container.name should not be null, empty or repeated.")
    for container in containers:
        if not container.get("image"):
            raise _client("Container.image should not be null or empty.")
    if not any(container.get("essential") is not False for container in containers):
        raise _client("A task definition must have at least one essential container.")
    cpu, memory = _units(call.get("cpu"), "vcpu"), _units(call.get("memory"), "gb")
    compatible = call.get("requiresCompatibilities", [])
    if "FARGATE" in compatible:
        _check_fargate(call, cpu, memory)
    network_mode = call.get("networkMode", "bridge")
    revision = state.revisions.get(family, 0) + 1
    definition = {
        "taskDefinitionArn": call.arn("ecs", f"task-definition/{family}:{revision}"),
        "containerDefinitions": [_container(container, network_mode) for container in containers],
        "family": family,
        "networkMode": network_mode,
        "revision": revision,
        "volumes": [],
        "status": "ACTIVE",
        "requiresAttributes": [],
        "placementConstraints": [],
        "compatibilities": ["EC2"] + (["FARGATE"] if "FARGATE" in compatible else []),
        "registeredAt": now(),
        "registeredBy": f"arn:aws:iam::{call.account}:root",
    }
    for field in ("taskRoleArn", "executionRoleArn", "volumes", "placementConstraints", "requiresCompatibilities", "pidMode", "ipcMode", "proxyConfiguration", "inferenceAccelerators", "ephemeralStorage", "runtimePlatform", "enableFaultInjection"):
        if call.get(field) is not None:
            definition[field] = copy.deepcopy(call[field])
    if cpu is not None:
        definition["cpu"] = str(cpu)
    if memory is not None:
        definition["memory"] = str(memory)
    tags = _read_tags(call.get("tags"))
    state.revisions[family] = revision
    state.families.setdefault(family, []).append(definition)
    state.tags[definition["taskDefinitionArn"]] = tags
    return {"taskDefinition": copy.deepcopy(definition), "tags": _tags_shown(tags)}


def _definition(state: _State, reference: str) -> dict | None:
    """By ARN, by family and revision, or the latest active one of a family."""
    family, _, revision = _name(reference).partition(":")
    for definition in reversed(state.families.get(family, [])):
        if revision == str(definition["revision"]) or (not revision and definition["status"] == "ACTIVE"):
            return definition
    return None


@operations.on("DescribeTaskDefinition")
def describe_task_definition(call: Call) -> dict:
    state = _state.of(call)
    definition = _definition(state, call["taskDefinition"])
    if definition is None:
        raise _client("Unable to describe task definition.")
    answer = {"taskDefinition": copy.deepcopy(definition)}
    if "TAGS" in call.get("include", []):
        answer["tags"] = _tags_shown(state.tags.get(definition["taskDefinitionArn"], {}))
    return answer


@operations.on("ListTaskDefinitions")
def list_task_definitions(call: Call) -> dict:
    family, status = call.get("familyPrefix"), call.get("status", "ACTIVE")
    found = [d for name, ds in sorted(_state.of(call).families.items()) if family in (None, name) for d in ds if d["status"] == status]
    if call.get("sort") == "DESC":
        found.reverse()
    return _listed(call, "taskDefinitionArns", [definition["taskDefinitionArn"] for definition in found])


@operations.on("ListTaskDefinitionFamilies")
def list_task_definition_families(call: Call) -> dict:
    prefix, status, found = call.get("familyPrefix", ""), call.get("status", "ALL"), []
    for family, definitions in sorted(_state.of(call).families.items()):
        active = any(definition["status"] == "ACTIVE" for definition in definitions)
        if definitions and family.startswith(prefix) and status in ("ALL", "ACTIVE" if active else "INACTIVE"):
            found.append(family)
    return _listed(call, "families", found)


@operations.on("DeregisterTaskDefinition")
def deregister_task_definition(call: Call) -> dict:
    reference = call["taskDefinition"]
    definition = _definition(_state.of(call), reference) if ":" in _name(reference) else None
    if definition is None:
        raise _client("The specified task definition does not exist." if ":" in _name(reference) else "Invalid revision number. Number: null")
    if definition["status"] == "ACTIVE":
        definition["status"], definition["deregisteredAt"] = "INACTIVE", now()
    return {"taskDefinition": copy.deepcopy(definition)}


@operations.on("DeleteTaskDefinitions")
def delete_task_definitions(call: Call) -> dict:
    state, gone, failures = _state.of(call), [], []
    if not 1 <= len(call["taskDefinitions"]) <= 10:
        raise _wrong("One to ten task definitions can be deleted at once.")
    for reference in call["taskDefinitions"]:
        definition = _definition(state, reference) if ":" in _name(reference) else None
        if definition is None:
            failures.append({"arn": reference, "reason": "The specified task definition does not exist. Specify a valid account, family, revision and try again."})
        elif definition["status"] == "ACTIVE":
            failures.append({"arn": definition["taskDefinitionArn"], "reason": "The specified task definition is still in ACTIVE status. Please deregister the target and try again."})
        else:
            # AWS keeps those in use as DELETE_IN_PROGRESS until nothing runs from them; a describe by ARN still finds them.
            definition["status"] = "DELETE_IN_PROGRESS"
            definition["deleteRequestedAt"] = now()
            gone.append(copy.deepcopy(definition))
            arn = definition["taskDefinitionArn"]
            if not any(s.uses(arn) for s in state.services.values()) and not any(t.definition == arn and t.status != "STOPPED" for t in state.tasks.values()):
                state.families[definition["family"]].remove(definition)
                state.tags.pop(arn, None)
    return {"taskDefinitions": gone, "failures": failures}


# Services

_SERVICE_FIELDS = (
    "loadBalancers",
    "serviceRegistries",
    "placementConstraints",
    "placementStrategy",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "enableECSManagedTags",
    "propagateTags",
    "enableExecuteCommand",
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "platformVersion",
    "serviceConnectConfiguration",
    "volumeConfigurations",
)
# A change to one of these starts new tasks; the others only change the service.
_DEPLOYED_FIELDS = ("networkConfiguration", "capacityProviderStrategy", "platformVersion", "loadBalancers", "serviceRegistries", "serviceConnectConfiguration", "volumeConfigurations")


def _deployment_configuration(given: dict | None, before: dict | None = None) -> dict:
    config = before or {
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
    }
    config = config | {field: copy.deepcopy(value) for field, value in (given or {}).items() if value is not None}
    if config["maximumPercent"] <= config["minimumHealthyPercent"]:
        raise _wrong("minimumHealthyPercent must be lower than maximumPercent, or nothing could be replaced.")
    return config


def _check_service(call: Call, view: dict, definition: dict) -> None:
    """What CreateService and UpdateService both refuse."""
    fargate = view.get("launchType") == "FARGATE" or bool(view.get("capacityProviderStrategy"))
    if fargate and "FARGATE" not in definition["compatibilities"]:
        raise _wrong("Task definition does not support launch_type FARGATE.")
    network = (view.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if definition["networkMode"] == "awsvpc" and not network:
        raise _wrong("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    for subnet in (network or {}).get("subnets", []):
        if interfaces.subnet(call.account, call.region, subnet) is None:
            raise _wrong(f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' does not exist (ErrorCode: InvalidSubnetID.NotFound)")
    for group in (network or {}).get("securityGroups", []):
        if interfaces.backend(call.account, call.region).get_security_group_from_id(group) is None:
            raise _wrong(f"Error retrieving security group information for [{group}]: The security group '{group}' does not exist (ErrorCode: InvalidGroup.NotFound)")
    for balancer in view.get("loadBalancers", []):
        _check_balancer(call, balancer, definition)
    if view.get("healthCheckGracePeriodSeconds") and not view.get("loadBalancers"):
        raise _wrong("Health check grace period is only valid for services configured to use load balancers")


def _check_balancer(call: Call, balancer: dict, definition: dict) -> None:
    name, port, group = balancer.get("containerName"), balancer.get("containerPort"), balancer.get("targetGroupArn")
    container = next((c for c in definition["containerDefinitions"] if c["name"] == name), None)
    if container is None:
        raise _wrong(f"The container {name} does not exist in the task definition.")
    if port not in [mapping.get("containerPort") for mapping in container["portMappings"]]:
        raise _wrong(f"The container {name} did not have a container port {port} defined.")
    if group:
        kind = elbv2.group_type(call.account, call.region, group)
        if kind is None:
            raise _wrong(f"The specified target group does not exist: {group}")
        if definition["networkMode"] == "awsvpc" and kind != "ip":
            raise _wrong(f"The provided target group {group} has target type {kind}, which is incompatible with the awsvpc network mode specified in the task definition.")
        if not elbv2.attached(call.account, call.region, group):
            raise _wrong(f"The target group with targetGroupArn {group} does not have an associated load balancer.")


def _service(call: Call, reference: str, cluster: dict) -> rollout.Service:
    service = _state.of(call).services.get((cluster["clusterName"], _name(reference)))
    if service is None:
        raise fault("ServiceNotFoundException", "Service not found.")
    return service


def _chosen_definition(call: Call, reference: str | None) -> dict:
    definition = _definition(_state.of(call), reference or "")
    if definition is None:
        raise _client("TaskDefinition not found.")
    if definition["status"] != "ACTIVE":
        raise _client("TaskDefinition is inactive")
    return definition


@operations.on("CreateService")
def create_service(call: Call) -> dict:
    state, cluster, name = _state.of(call), _cluster(call, call.get("cluster")), call["serviceName"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        raise _wrong("Service name must contain only letters, numbers, hyphens and underscores.")
    known = state.services.get((cluster["clusterName"], name))
    repeated = state.tokens.known("CreateService", call.request, "clientToken")
    if repeated and known and known.view["serviceArn"] == repeated and known.status == "ACTIVE":
        return {"service": _service_shown(state, known, tags=True)}
    if known and known.status == "DRAINING":
        raise _wrong("Unable to Start a service that is still Draining.")
    if known and known.status == "ACTIVE":
        if known.created_as != _create_request(call):
            raise _wrong("Creation of service was not idempotent.")
        return {"service": _service_shown(state, known, tags=True)}
    definition = _chosen_definition(call, call.get("taskDefinition"))
    if call.get("schedulingStrategy", "REPLICA") == "REPLICA" and call.get("desiredCount") is None:
        raise _wrong("DesiredCount must be specified for the REPLICA scheduling strategy.")
    if call.get("launchType") and call.get("capacityProviderStrategy"):
        raise _wrong("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
    arn = call.arn("ecs", f"service/{cluster['clusterName']}/{name}")
    created = now()
    view = {
        "serviceArn": arn,
        "serviceName": name,
        "clusterArn": cluster["clusterArn"],
        "loadBalancers": [],
        "serviceRegistries": [],
        "desiredCount": call.get("desiredCount", 0),
        "taskDefinition": definition["taskDefinitionArn"],
        "deploymentConfiguration": _deployment_configuration(call.get("deploymentConfiguration")),
        "roleArn": f"arn:aws:iam::{call.account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        "createdAt": created,
        "placementConstraints": [],
        "placementStrategy": [],
        "schedulingStrategy": call.get("schedulingStrategy", "REPLICA"),
        "deploymentController": call.get("deploymentController", {"type": "ECS"}),
        "createdBy": f"arn:aws:iam::{call.account}:root",
        "enableECSManagedTags": False,
        "propagateTags": "NONE",
        "enableExecuteCommand": False,
        "availabilityZoneRebalancing": "ENABLED",
    }
    for field in _SERVICE_FIELDS:
        if call.get(field) is not None:
            view[field] = copy.deepcopy(call[field])
    if view["loadBalancers"]:
        view.setdefault("healthCheckGracePeriodSeconds", 0)
    strategy = view.get("capacityProviderStrategy") or ([] if call.get("launchType") else cluster["defaultCapacityProviderStrategy"])
    if strategy:
        _check_strategy(cluster, strategy)
        view["capacityProviderStrategy"] = copy.deepcopy(strategy)
    else:
        view.pop("capacityProviderStrategy", None)
        view["launchType"] = call.get("launchType", "EC2")
    if strategy or view.get("launchType") == "FARGATE":
        view["platformFamily"] = "Linux"
        view.setdefault("platformVersion", "LATEST")
    _normalize_network(view)
    _check_service(call, view, definition)
    tags = _read_tags(call.get("tags"))
    service = state.services[cluster["clusterName"], name] = rollout.Service(view, _create_request(call))
    state.tags[arn] = tags
    state.tokens.remember("CreateService", call.request, "clientToken", arn)
    service.deploy()
    return {"service": _service_shown(state, service, tags=True)}


def _create_request(call: Call) -> dict:
    return copy.deepcopy({field: value for field, value in call.request.items() if field not in ("clientToken", "tags") and value is not None})


def _check_strategy(cluster: dict, strategy: list[dict]) -> None:
    for item in strategy:
        item.setdefault("weight", 0)
        item.setdefault("base", 0)
        if item["capacityProvider"] not in cluster["capacityProviders"]:
            raise _wrong("The specified capacity provider strategy contains a capacity provider that is not associated with the cluster. Associate it with the cluster and try again.")


def _normalize_network(view: dict) -> None:
    network = (view.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if network:
        network.setdefault("securityGroups", [])
        network.setdefault("assignPublicIp", "DISABLED")


def _service_shown(state: _State, service: rollout.Service, tags: bool = False) -> dict:
    view = service.shown(state.tasks.values())
    if tags:
        view["tags"] = _tags_shown(state.tags.get(view["serviceArn"], {}))
    return view


@operations.on("UpdateService")
def update_service(call: Call) -> dict:
    state, cluster = _state.of(call), _cluster(call, call.get("cluster"))
    service = _service(call, call["service"], cluster)
    if service.status != "ACTIVE":
        raise fault("ServiceNotActiveException", "Service was not ACTIVE.")
    view = copy.deepcopy(service.view)
    if call.get("taskDefinition"):
        view["taskDefinition"] = _chosen_definition(call, call["taskDefinition"])["taskDefinitionArn"]
    if call.get("desiredCount") is not None:
        view["desiredCount"] = call["desiredCount"]
    if call.get("deploymentConfiguration"):
        view["deploymentConfiguration"] = _deployment_configuration(call["deploymentConfiguration"], view["deploymentConfiguration"])
    for field in _SERVICE_FIELDS:
        if call.get(field) is not None:
            view[field] = copy.deepcopy(call[field])
    if call.get("deploymentController"):
        view["deploymentController"] = call["deploymentController"]
    if call.get("capacityProviderStrategy"):
        _check_strategy(cluster, view["capacityProviderStrategy"])
        view.pop("launchType", None)
    if view["loadBalancers"]:
        view.setdefault("healthCheckGracePeriodSeconds", 0)
    _normalize_network(view)
    force = bool(call.get("forceNewDeployment"))
    if view.get("capacityProviderStrategy") != service.view.get("capacityProviderStrategy") and "launchType" in service.view and not force:
        raise _wrong("To change from a launch type to a capacity provider strategy, force a new deployment.")
    definition = _definition(state, view["taskDefinition"]) or {}
    _check_service(call, view, definition)
    changed = [field for field in ("taskDefinition", *_DEPLOYED_FIELDS) if view.get(field) != service.view.get(field)]
    service.view = view
    if changed or force:
        service.deploy()
    else:
        service.unsettle()
    return {"service": _service_shown(state, service, tags=True)}


@operations.on("DescribeServices")
def describe_services(call: Call) -> dict:
    state, cluster = _state.of(call), _cluster(call, call.get("cluster"), active=False)
    if len(call["services"]) > 10:
        raise _wrong("A maximum of 10 services can be described at once.")
    found, failures = [], []
    for reference in call["services"]:
        service = state.services.get((cluster["clusterName"], _name(reference)))
        if service is None:
            arn = reference if reference.startswith("arn:") else call.arn("ecs", f"service/{cluster['clusterName']}/{reference}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_service_shown(state, service, tags="TAGS" in call.get("include", [])))
    return {"services": found, "failures": failures}


@operations.on("ListServices")
def list_services(call: Call) -> dict:
    cluster, found = _cluster(call, call.get("cluster")), []
    for (in_cluster, _), service in _state.of(call).services.items():
        if in_cluster == cluster["clusterName"] and service.status != "INACTIVE":
            if call.get("launchType") in (None, service.view.get("launchType")) and call.get("schedulingStrategy") in (None, service.view["schedulingStrategy"]):
                found.append(service.view["serviceArn"])
    items, token = page(found, call.get("nextToken"), call.get("maxResults", 10), 100)
    return {"serviceArns": items} | ({"nextToken": token} if token else {})


@operations.on("DeleteService")
def delete_service(call: Call) -> dict:
    state, cluster = _state.of(call), _cluster(call, call.get("cluster"))
    service = _service(call, call["service"], cluster)
    if service.status == "INACTIVE":
        raise fault("ServiceNotFoundException", "Service not found.")
    if service.status == "ACTIVE":
        if service.view["desiredCount"] > 0 and not call.get("force"):
            raise _wrong("The service cannot be stopped while it is scaled above 0.")
        service.drain()
    return {"service": _service_shown(state, service, tags=True)}


def service_is_active(account: str, region: str, cluster: str, name: str) -> bool:
    """For autoscaling, whose targets live no longer than their service."""
    service = _state.at(account, region).services.get((cluster, name))
    return service is not None and service.status == "ACTIVE"


# What became of deployments


@operations.on("ListServiceDeployments")
def list_service_deployments(call: Call) -> dict:
    service = _service(call, call["service"], _cluster(call, call.get("cluster")))
    wanted = call.get("status", [])
    fields = ("serviceDeploymentArn", "serviceArn", "clusterArn", "startedAt", "createdAt", "finishedAt", "status", "statusReason")
    found = []
    for made in reversed(service.history):
        view = made.service_deployment() | {"targetServiceRevisionArn": made.revision_arn}
        if not wanted or view["status"] in wanted:
            found.append({field: view[field] for field in (*fields, "targetServiceRevisionArn") if field in view})
    return _listed(call, "serviceDeployments", found)


@operations.on("DescribeServiceDeployments")
def describe_service_deployments(call: Call) -> dict:
    every = {made.arn: made for service in _state.of(call).services.values() for made in service.history}
    asked = call["serviceDeploymentArns"]
    missing = [{"arn": arn, "reason": "MISSING"} for arn in asked if arn not in every]
    return {"serviceDeployments": [every[arn].service_deployment() for arn in asked if arn in every], "failures": missing}


@operations.on("DescribeServiceRevisions")
def describe_service_revisions(call: Call) -> dict:
    every = {made.revision_arn: made for service in _state.of(call).services.values() for made in service.history}
    asked = call["serviceRevisionArns"]
    missing = [{"arn": arn, "reason": "MISSING"} for arn in asked if arn not in every]
    return {"serviceRevisions": [every[arn].service_revision() for arn in asked if arn in every], "failures": missing}


# Tasks


@operations.on("RunTask")
def run_task(call: Call) -> dict:
    state, cluster = _state.of(call), _cluster(call, call.get("cluster"))
    definition = _chosen_definition(call, call["taskDefinition"])
    view = {"networkConfiguration": copy.deepcopy(call.get("networkConfiguration")), "launchType": call.get("launchType", "EC2")}
    if call.get("capacityProviderStrategy"):
        view["capacityProviderStrategy"] = call["capacityProviderStrategy"]
    if call.get("launchType", "EC2") == "EC2" and not call.get("capacityProviderStrategy"):
        raise _wrong("No Container Instances were found in your cluster.")
    _normalize_network(view)
    _check_service(call, view, definition)
    if not 1 <= call.get("count", 1) <= 10:
        raise _wrong("count must be between 1 and 10.")
    world = rollout.World(call.account, call.region, state.tasks, lambda arn: _definition(state, arn))
    tasks = []
    for _ in range(call.get("count", 1)):
        group = call.get("group", f"family:{definition['family']}")
        task = rollout.start_task(world, cluster["clusterArn"], definition, view, group, call.get("startedBy", ""))
        state.tags[task.arn] = _read_tags(call.get("tags"))
        tasks.append(task.shown())
    return {"tasks": tasks, "failures": []}


def _task(call: Call, reference: str, cluster: dict) -> rollout.Task | None:
    for task in _state.of(call).tasks.values():
        if task.cluster == cluster["clusterArn"] and _name(task.arn) == _name(reference):
            return task
    return None


@operations.on("StopTask")
def stop_task(call: Call) -> dict:
    task = _task(call, call["task"], _cluster(call, call.get("cluster")))
    if task is None:
        raise _wrong("The referenced task was not found.")
    task.tell_to_stop("UserInitiated", call.get("reason", "Task stopped by user"))
    return {"task": task.shown()}


@operations.on("ListTasks")
def list_tasks(call: Call) -> dict:
    cluster, found = _cluster(call, call.get("cluster")), []
    group = f"service:{_name(call['serviceName'])}" if call.get("serviceName") else None
    if group and (cluster["clusterName"], _name(call["serviceName"])) not in _state.of(call).services:
        raise fault("ServiceNotFoundException", "Service not found.")
    for task in _state.of(call).tasks.values():
        if task.cluster != cluster["clusterArn"] or task.desired != call.get("desiredStatus", "RUNNING"):
            continue
        if group not in (None, task.group) or call.get("startedBy") not in (None, task.started_by):
            continue
        if call.get("family") not in (None, _name(task.definition).partition(":")[0]):
            continue
        found.append(task.arn)
    return _listed(call, "taskArns", found)


@operations.on("DescribeTasks")
def describe_tasks(call: Call) -> dict:
    cluster, found, failures = _cluster(call, call.get("cluster")), [], []
    for reference in call["tasks"]:
        task = _task(call, reference, cluster)
        if task is None:
            arn = reference if reference.startswith("arn:") else call.arn("ecs", f"task/{cluster['clusterName']}/{reference}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            view = task.shown()
            view["tags"] = _tags_shown(_state.of(call).tags.get(task.arn, {})) if "TAGS" in call.get("include", []) else []
            found.append(view)
    return {"tasks": found, "failures": failures}


# Tags


def _tagged(call: Call) -> dict[str, str]:
    tags = _state.of(call).tags.get(call["resourceArn"])
    if tags is None:
        raise _wrong("The specified resource could not be found. Specify a valid ARN and try again.")
    return tags


@operations.on("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict:
    return {"tags": _tags_shown(_tagged(call))}


@operations.on("TagResource")
def tag_resource(call: Call) -> dict:
    tags, more = _tagged(call), _read_tags(call["tags"])
    if len(tags | more) > 50:
        raise _wrong("Too many tags: the most is 50.")
    tags.update(more)
    return {}


@operations.on("UntagResource")
def untag_resource(call: Call) -> dict:
    tags = _tagged(call)
    for key in call["tagKeys"]:
        tags.pop(key, None)
    return {}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    return _state.at(account, region).tags
