"""Clusters and their capacity providers."""

import copy
import re

from stack_local import service_roles
from stack_local.core import Call, fault, pairs
from stack_local.ecs.state import PROVIDERS, operations, paged, read_tags, short_name, store, tags_shown, wrong


def find_cluster(call: Call, reference: str | None, active: bool = True) -> dict:
    cluster = store.of(call).clusters.get(short_name(reference or "default"))
    if cluster is None or (active and cluster["status"] != "ACTIVE"):
        raise fault("ClusterNotFoundException", "Cluster not found.")
    return cluster


def _cluster_shown(call: Call, cluster: dict, include=()) -> dict:
    state, arn = store.of(call), cluster["clusterArn"]
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
    view["tags"] = tags_shown(state.tags.get(arn, {})) if "TAGS" in include else []
    return view


_EVERYTHING = ("SETTINGS", "CONFIGURATIONS", "TAGS")


def _check_providers(names) -> None:
    for name in names:
        if name not in PROVIDERS:
            raise wrong(f"The specified capacity provider '{name}' was not found. Specify a valid name or ARN and try again.")


def _cluster_settings(settings) -> list[dict]:
    kept = {"containerInsights": "disabled"} | pairs(settings, "name", "value")
    return [{"name": name, "value": value} for name, value in kept.items()]


@operations.on("CreateCluster")
def create_cluster(call: Call) -> dict:
    state, name = store.of(call), call.get("clusterName", "default")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,254}", name):
        raise wrong("Cluster names can contain letters, numbers, hyphens and underscores, 255 at most.")
    service_roles.need(call, "ecs.amazonaws.com")
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
        state.tags[arn] = read_tags(call.get("tags"))
    return {"cluster": _cluster_shown(call, known, _EVERYTHING)}


@operations.on("DescribeClusters")
def describe_clusters(call: Call) -> dict:
    found, failures = [], []
    for reference in call.get("clusters", ["default"]):
        cluster = store.of(call).clusters.get(short_name(reference))
        if cluster:
            found.append(_cluster_shown(call, cluster, call.get("include", [])))
        else:
            arn = reference if reference.startswith("arn:") else call.arn("ecs", f"cluster/{reference}")
            failures.append({"arn": arn, "reason": "MISSING"})
    return {"clusters": found, "failures": failures}


@operations.on("ListClusters")
def list_clusters(call: Call) -> dict:
    arns = [cluster["clusterArn"] for cluster in store.of(call).clusters.values() if cluster["status"] == "ACTIVE"]
    return paged(call, "clusterArns", arns)


@operations.on("UpdateCluster")
def update_cluster(call: Call) -> dict:
    cluster = find_cluster(call, call["cluster"])
    for field in ("configuration", "serviceConnectDefaults"):
        if call.get(field):
            cluster[field] = copy.deepcopy(call[field])
    return _update_settings(call, cluster)


@operations.on("UpdateClusterSettings")
def update_cluster_settings(call: Call) -> dict:
    return _update_settings(call, find_cluster(call, call["cluster"]))


def _update_settings(call: Call, cluster: dict) -> dict:
    cluster["settings"] = _cluster_settings(cluster["settings"] + call.get("settings", []))
    return {"cluster": _cluster_shown(call, cluster, _EVERYTHING)}


@operations.on("PutClusterCapacityProviders")
def put_cluster_capacity_providers(call: Call) -> dict:
    cluster = find_cluster(call, call["cluster"])
    strategy = call["defaultCapacityProviderStrategy"]
    _check_providers(call["capacityProviders"])
    for item in strategy:
        if item["capacityProvider"] not in call["capacityProviders"]:
            raise wrong("The default capacity provider strategy can only name capacity providers of the cluster.")
    for (in_cluster, _), service in store.of(call).services.items():
        for item in service.view.get("capacityProviderStrategy", []):
            if (
                in_cluster == cluster["clusterName"]
                and service.status != "INACTIVE"
                and item["capacityProvider"] not in call["capacityProviders"]
            ):
                raise fault("ResourceInUseException", "The specified capacity provider is in use and cannot be removed.")
    cluster["capacityProviders"], cluster["defaultCapacityProviderStrategy"] = (
        list(call["capacityProviders"]),
        copy.deepcopy(strategy),
    )
    return {"cluster": _cluster_shown(call, cluster, _EVERYTHING)}


@operations.on("DescribeCapacityProviders")
def describe_capacity_providers(call: Call) -> dict:
    asked = [short_name(reference) for reference in call.get("capacityProviders", PROVIDERS)]
    shown = [
        {"capacityProviderArn": call.arn("ecs", f"capacity-provider/{name}"), "name": name, "status": "ACTIVE", "tags": []}
        for name in asked
        if name in PROVIDERS
    ]
    failures = [
        {"arn": call.arn("ecs", f"capacity-provider/{name}"), "reason": "MISSING"} for name in asked if name not in PROVIDERS
    ]
    return {"capacityProviders": shown, "failures": failures}


@operations.on("DeleteCluster")
def delete_cluster(call: Call) -> dict:
    state, cluster = store.of(call), find_cluster(call, call["cluster"])
    if any(key[0] == cluster["clusterName"] and service.status != "INACTIVE" for key, service in state.services.items()):
        raise fault("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if any(task.cluster == cluster["clusterArn"] and task.status != "STOPPED" for task in state.tasks.values()):
        raise fault("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    cluster["status"] = "INACTIVE"
    answer = {"cluster": _cluster_shown(call, cluster, _EVERYTHING)}
    state.tags.pop(cluster["clusterArn"], None)
    return answer
