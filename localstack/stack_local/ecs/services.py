"""Services. What they run is in `rollout`."""

import copy
import re

from stack_local import rollout, servicediscovery
from stack_local.core import Call, fault, now, page
from stack_local.ecs.checks import check_service, check_strategy, normalize_network
from stack_local.ecs.clusters import find_cluster
from stack_local.ecs.definitions import active_definition
from stack_local.ecs.state import State, find_definition, operations, read_tags, short_name, store, tags_shown, wrong

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
_DEPLOYED_FIELDS = (
    "networkConfiguration",
    "capacityProviderStrategy",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
)


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
        raise wrong("minimumHealthyPercent must be lower than maximumPercent, or nothing could be replaced.")
    return config


def find_service(call: Call, reference: str, cluster: dict) -> rollout.Service:
    service = store.of(call).services.get((cluster["clusterName"], short_name(reference)))
    if service is None:
        raise fault("ServiceNotFoundException", "Service not found.")
    return service


@operations.on("CreateService")
def create_service(call: Call) -> dict:
    state, cluster, name = store.of(call), find_cluster(call, call.get("cluster")), call["serviceName"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        raise wrong("Service name must contain only letters, numbers, hyphens and underscores.")
    known = state.services.get((cluster["clusterName"], name))
    repeated = state.tokens.known("CreateService", call.request, "clientToken")
    if repeated and known and known.view["serviceArn"] == repeated and known.status == "ACTIVE":
        return {"service": _service_shown(state, known, tags=True)}
    if known and known.status == "DRAINING":
        raise wrong("Unable to Start a service that is still Draining.")
    if known and known.status == "ACTIVE":
        if known.created_as != _create_request(call):
            raise wrong("Creation of service was not idempotent.")
        return {"service": _service_shown(state, known, tags=True)}
    definition = active_definition(call, call.get("taskDefinition"))
    if call.get("schedulingStrategy", "REPLICA") == "REPLICA" and call.get("desiredCount") is None:
        raise wrong("DesiredCount must be specified for the REPLICA scheduling strategy.")
    if call.get("launchType") and call.get("capacityProviderStrategy"):
        raise wrong("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
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
    strategy = view.get("capacityProviderStrategy") or (
        [] if call.get("launchType") else cluster["defaultCapacityProviderStrategy"]
    )
    if strategy:
        check_strategy(cluster, strategy)
        view["capacityProviderStrategy"] = copy.deepcopy(strategy)
    else:
        view.pop("capacityProviderStrategy", None)
        view["launchType"] = call.get("launchType", "EC2")
    if strategy or view.get("launchType") == "FARGATE":
        view["platformFamily"] = "Linux"
        view.setdefault("platformVersion", "LATEST")
    normalize_network(view)
    check_service(call, view, definition)
    _check_aliases(call, view)
    tags = read_tags(call.get("tags"))
    service = state.services[cluster["clusterName"], name] = rollout.Service(view, _create_request(call))
    state.tags[arn] = tags
    state.tokens.remember("CreateService", call.request, "clientToken", arn)
    _offer(call, service)
    service.deploy()
    return {"service": _service_shown(state, service, tags=True)}


def _check_aliases(call: Call, view: dict) -> None:
    """Each name and port is one service's in a namespace."""

    def aliases(view: dict) -> set:
        connect = view.get("serviceConnectConfiguration") or {}
        if not connect.get("enabled"):
            return set()
        return {
            (connect["namespace"], a.get("dnsName"), a["port"])
            for s in connect.get("services", [])
            for a in s.get("clientAliases", [])
        }

    for other in store.of(call).services.values():
        if other.status == "ACTIVE" and other.view["serviceArn"] != view["serviceArn"] and aliases(view) & aliases(other.view):
            raise wrong(f"A client alias is in use by the service {other.name} in the same namespace.")


def _offer(call: Call, service: rollout.Service) -> None:
    """ECS makes a service in Cloud Map for each that it connects. It leaves them behind, empty."""
    connect, resources = service.view.get("serviceConnectConfiguration") or {}, []
    if connect.get("enabled"):
        namespace = servicediscovery.namespace_of(call.account, call.region, connect["namespace"])
        for offered in connect.get("services", []):
            name = offered.get("discoveryName", offered["portName"])
            resources.append(
                {"discoveryName": name, "discoveryArn": servicediscovery.offer(call.account, call.region, namespace, name)}
            )
    service.view["serviceConnectResources"] = resources


def _create_request(call: Call) -> dict:
    return copy.deepcopy(
        {field: value for field, value in call.request.items() if field not in ("clientToken", "tags") and value is not None}
    )


def _service_shown(state: State, service: rollout.Service, tags: bool = False) -> dict:
    view = service.shown(state.tasks.values())
    # AWS returns these for deployments only.
    for field in ("serviceConnectConfiguration", "serviceConnectResources"):
        view.pop(field, None)
    if tags:
        view["tags"] = tags_shown(state.tags.get(view["serviceArn"], {}))
    return view


@operations.on("UpdateService")
def update_service(call: Call) -> dict:
    state, cluster = store.of(call), find_cluster(call, call.get("cluster"))
    service = find_service(call, call["service"], cluster)
    if service.status != "ACTIVE":
        raise fault("ServiceNotActiveException", "Service was not ACTIVE.")
    view = copy.deepcopy(service.view)
    if call.get("taskDefinition"):
        view["taskDefinition"] = active_definition(call, call["taskDefinition"])["taskDefinitionArn"]
    if call.get("desiredCount") is not None:
        view["desiredCount"] = call["desiredCount"]
    if call.get("deploymentConfiguration"):
        view["deploymentConfiguration"] = _deployment_configuration(
            call["deploymentConfiguration"], view["deploymentConfiguration"]
        )
    for field in _SERVICE_FIELDS:
        if call.get(field) is not None:
            view[field] = copy.deepcopy(call[field])
    if call.get("deploymentController"):
        view["deploymentController"] = call["deploymentController"]
    if call.get("capacityProviderStrategy"):
        check_strategy(cluster, view["capacityProviderStrategy"])
        view.pop("launchType", None)
    if view["loadBalancers"]:
        view.setdefault("healthCheckGracePeriodSeconds", 0)
    normalize_network(view)
    force = bool(call.get("forceNewDeployment"))
    if (
        view.get("capacityProviderStrategy") != service.view.get("capacityProviderStrategy")
        and "launchType" in service.view
        and not force
    ):
        raise wrong("To change from a launch type to a capacity provider strategy, force a new deployment.")
    definition = find_definition(state, view["taskDefinition"]) or {}
    check_service(call, view, definition)
    _check_aliases(call, view)
    changed = [field for field in ("taskDefinition", *_DEPLOYED_FIELDS) if view.get(field) != service.view.get(field)]
    service.view = view
    _offer(call, service)
    if changed or force:
        service.deploy()
    else:
        service.unsettle()
    return {"service": _service_shown(state, service, tags=True)}


@operations.on("DescribeServices")
def describe_services(call: Call) -> dict:
    state, cluster = store.of(call), find_cluster(call, call.get("cluster"), active=False)
    if len(call["services"]) > 10:
        raise wrong("A maximum of 10 services can be described at once.")
    found, failures = [], []
    for reference in call["services"]:
        service = state.services.get((cluster["clusterName"], short_name(reference)))
        if service is None:
            arn = reference if reference.startswith("arn:") else call.arn("ecs", f"service/{cluster['clusterName']}/{reference}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_service_shown(state, service, tags="TAGS" in call.get("include", [])))
    return {"services": found, "failures": failures}


@operations.on("ListServices")
def list_services(call: Call) -> dict:
    cluster = find_cluster(call, call.get("cluster"))
    found = [
        service.view["serviceArn"]
        for (in_cluster, _), service in store.of(call).services.items()
        if in_cluster == cluster["clusterName"]
        and service.status != "INACTIVE"
        and call.get("launchType") in (None, service.view.get("launchType"))
        and call.get("schedulingStrategy") in (None, service.view["schedulingStrategy"])
    ]
    items, token = page(found, call.get("nextToken"), call.get("maxResults", 10), 100)
    return {"serviceArns": items} | ({"nextToken": token} if token else {})


@operations.on("DeleteService")
def delete_service(call: Call) -> dict:
    state, cluster = store.of(call), find_cluster(call, call.get("cluster"))
    service = find_service(call, call["service"], cluster)
    if service.status == "INACTIVE":
        raise fault("ServiceNotFoundException", "Service not found.")
    if service.status == "ACTIVE":
        if service.view["desiredCount"] > 0 and not call.get("force"):
            raise wrong("The service cannot be stopped while it is scaled above 0.")
        service.drain()
    return {"service": _service_shown(state, service, tags=True)}


def service_is_active(account: str, region: str, cluster: str, name: str) -> bool:
    """For autoscaling, whose targets live no longer than their service."""
    service = store.at(account, region).services.get((cluster, name))
    return service is not None and service.status == "ACTIVE"
