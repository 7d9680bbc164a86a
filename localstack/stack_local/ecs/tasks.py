"""Tasks: those that were run by themselves, and looking at all of them."""

import copy

from stack_local import rollout
from stack_local.core import Call, fault
from stack_local.ecs.checks import check_service, check_strategy, normalize_network
from stack_local.ecs.clusters import find_cluster
from stack_local.ecs.definitions import active_definition
from stack_local.ecs.state import (
    client_error,
    find_definition,
    operations,
    paged,
    read_tags,
    short_name,
    store,
    tags_shown,
    wrong,
)
from stack_local.outcomes import outcomes


@operations.on("RunTask")
def run_task(call: Call) -> dict:
    state, cluster = store.of(call), find_cluster(call, call.get("cluster"))
    if repeated := state.run_tokens.known("RunTask", call.request, "clientToken"):
        return {"tasks": [_shown(call, state.tasks[arn]) for arn in repeated.split() if arn in state.tasks], "failures": []}
    definition, overrides = active_definition(call, call["taskDefinition"]), copy.deepcopy(call.get("overrides", {}))
    for container in overrides.get("containerOverrides", []):
        if container.get("name") not in [known["name"] for known in definition["containerDefinitions"]]:
            # https://github.com/azavea/django-ecsmanage/issues/21
            raise wrong(f"Override for container named {container.get('name')} is not a container in the TaskDefinition.")
    view = {"networkConfiguration": copy.deepcopy(call.get("networkConfiguration")), "launchType": call.get("launchType", "EC2")}
    if call.get("capacityProviderStrategy"):
        view["capacityProviderStrategy"] = copy.deepcopy(call["capacityProviderStrategy"])
        check_strategy(cluster, view["capacityProviderStrategy"])
    if call.get("launchType", "EC2") == "EC2" and not call.get("capacityProviderStrategy"):
        raise wrong("No Container Instances were found in your cluster.")
    normalize_network(view)
    check_service(call, view, definition)
    if not 1 <= call.get("count", 1) <= 10:
        raise wrong("count must be between 1 and 10.")
    if outcomes.take(call.account, "ecs.task"):
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
        raise client_error("Capacity is unavailable at this time. Please try again later or in a different availability zone")
    world = rollout.World(call.account, call.region, state.tasks, lambda arn: find_definition(state, arn))
    tasks = []
    for _ in range(call.get("count", 1)):
        group = call.get("group", f"family:{definition['family']}")
        task = rollout.start_task(world, cluster["clusterArn"], definition, view, group, call.get("startedBy", ""))
        task.override(overrides, definition)
        state.tags[task.arn] = read_tags(call.get("tags"))
        tasks.append(task)
    state.run_tokens.remember("RunTask", call.request, "clientToken", " ".join(task.arn for task in tasks))
    return {"tasks": [_shown(call, task) for task in tasks], "failures": []}


def _shown(call: Call, task: rollout.Task) -> dict:
    return task.shown() | {"tags": tags_shown(store.of(call).tags.get(task.arn, {}))}


def _task(call: Call, reference: str, cluster: dict) -> rollout.Task | None:
    for task in store.of(call).tasks.values():
        if task.cluster == cluster["clusterArn"] and short_name(task.arn) == short_name(reference):
            return task
    return None


@operations.on("StopTask")
def stop_task(call: Call) -> dict:
    task = _task(call, call["task"], find_cluster(call, call.get("cluster")))
    if task is None:
        raise wrong("The referenced task was not found.")
    task.tell_to_stop("UserInitiated", call.get("reason", "Task stopped by user"))
    return {"task": task.shown()}


@operations.on("ListTasks")
def list_tasks(call: Call) -> dict:
    cluster, found = find_cluster(call, call.get("cluster")), []
    # "When you specify startedBy as the filter, it must be the only filter that you use"
    # (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html).
    others = ("containerInstance", "desiredStatus", "family", "launchType", "serviceName")
    if call.get("startedBy") and any(call.get(other) for other in others):
        raise wrong("startedBy must be the only filter.")
    group = f"service:{short_name(call['serviceName'])}" if call.get("serviceName") else None
    if group and (cluster["clusterName"], short_name(call["serviceName"])) not in store.of(call).services:
        raise fault("ServiceNotFoundException", "Service not found.")
    for task in store.of(call).tasks.values():
        if task.cluster != cluster["clusterArn"] or task.desired != call.get("desiredStatus", "RUNNING"):
            continue
        if group not in (None, task.group) or call.get("startedBy") not in (None, task.started_by):
            continue
        if call.get("family") not in (None, short_name(task.definition).partition(":")[0]):
            continue
        found.append(task.arn)
    return paged(call, "taskArns", found)


@operations.on("DescribeTasks")
def describe_tasks(call: Call) -> dict:
    cluster, found, failures = find_cluster(call, call.get("cluster")), [], []
    for reference in call["tasks"]:
        task = _task(call, reference, cluster)
        if task is None:
            arn = reference if reference.startswith("arn:") else call.arn("ecs", f"task/{cluster['clusterName']}/{reference}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            view = task.shown()
            view["tags"] = tags_shown(store.of(call).tags.get(task.arn, {})) if "TAGS" in call.get("include", []) else []
            found.append(view)
    return {"tasks": found, "failures": failures}
