"""Task definitions: families and revisions."""

import copy
import re

from stack_local.core import Call, now
from stack_local.ecs.state import (
    client_error,
    find_definition,
    in_use,
    operations,
    paged,
    read_tags,
    short_name,
    store,
    tags_shown,
    wrong,
)

# Which memory is possible with which CPU on Fargate, in MiB.
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
        raise client_error(f"Invalid setting for container: '{raw}' is not a number of units.")
    return int(float(match[1]) * 1024) if match[2] else int(float(match[1]))


def _check_fargate(call: Call, cpu: int | None, memory: int | None) -> None:
    if call.get("networkMode") != "awsvpc":
        raise client_error("Fargate only supports network mode ‘awsvpc’.")
    if cpu is None:
        raise client_error("Fargate requires that 'cpu' be defined at the task level.")
    if memory is None:
        raise client_error("Fargate requires that 'memory' be defined at the task level.")
    if memory not in _FARGATE_MEMORY.get(cpu, ()):
        raise client_error(
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        )
    if not call.get("executionRoleArn"):
        if any((c.get("logConfiguration") or {}).get("logDriver") == "awslogs" for c in call["containerDefinitions"]):
            raise client_error("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
        if any(c.get("secrets") for c in call["containerDefinitions"]):
            raise client_error("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")


def _container(given: dict, network_mode: str) -> dict:
    container: dict = {
        "cpu": 0,
        "portMappings": [],
        "essential": True,
        "environment": [],
        "mountPoints": [],
        "volumesFrom": [],
        "systemControls": [],
    }
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
    state, family = store.of(call), call["family"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", family):
        raise client_error("Family contains invalid characters.")
    containers = call.get("containerDefinitions", [])
    if not containers:
        raise client_error("Container list cannot be empty.")
    names = [container.get("name") for container in containers]
    if not all(names) or len(set(names)) != len(names):
        raise client_error("Container.name should not be null, empty or repeated.")
    for container in containers:
        if not container.get("image"):
            raise client_error("Container.image should not be null or empty.")
    if not any(container.get("essential") is not False for container in containers):
        raise client_error("A task definition must have at least one essential container.")
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
    for field in (
        "taskRoleArn",
        "executionRoleArn",
        "volumes",
        "placementConstraints",
        "requiresCompatibilities",
        "pidMode",
        "ipcMode",
        "proxyConfiguration",
        "inferenceAccelerators",
        "ephemeralStorage",
        "runtimePlatform",
        "enableFaultInjection",
    ):
        if call.get(field) is not None:
            definition[field] = copy.deepcopy(call[field])
    if cpu is not None:
        definition["cpu"] = str(cpu)
    if memory is not None:
        definition["memory"] = str(memory)
    tags = read_tags(call.get("tags"))
    state.revisions[family] = revision
    state.families.setdefault(family, []).append(definition)
    state.tags[definition["taskDefinitionArn"]] = tags
    return {"taskDefinition": copy.deepcopy(definition), "tags": tags_shown(tags)}


@operations.on("DescribeTaskDefinition")
def describe_task_definition(call: Call) -> dict:
    state = store.of(call)
    definition = find_definition(state, call["taskDefinition"])
    if definition is None:
        raise client_error("Unable to describe task definition.")
    answer: dict = {"taskDefinition": copy.deepcopy(definition)}
    if "TAGS" in call.get("include", []):
        answer["tags"] = tags_shown(state.tags.get(definition["taskDefinitionArn"], {}))
    return answer


@operations.on("ListTaskDefinitions")
def list_task_definitions(call: Call) -> dict:
    family, status = call.get("familyPrefix"), call.get("status", "ACTIVE")
    found = [
        d for name, ds in sorted(store.of(call).families.items()) if family in (None, name) for d in ds if d["status"] == status
    ]
    if call.get("sort") == "DESC":
        found.reverse()
    return paged(call, "taskDefinitionArns", [definition["taskDefinitionArn"] for definition in found])


@operations.on("ListTaskDefinitionFamilies")
def list_task_definition_families(call: Call) -> dict:
    prefix, status, found = call.get("familyPrefix", ""), call.get("status", "ALL"), []
    for family, definitions in sorted(store.of(call).families.items()):
        active = any(definition["status"] == "ACTIVE" for definition in definitions)
        if definitions and family.startswith(prefix) and status in ("ALL", "ACTIVE" if active else "INACTIVE"):
            found.append(family)
    return paged(call, "families", found)


@operations.on("DeregisterTaskDefinition")
def deregister_task_definition(call: Call) -> dict:
    reference = call["taskDefinition"]
    definition = find_definition(store.of(call), reference) if ":" in short_name(reference) else None
    if definition is None:
        raise client_error(
            "The specified task definition does not exist."
            if ":" in short_name(reference)
            else "Invalid revision number. Number: null"
        )
    if definition["status"] == "ACTIVE":
        definition["status"], definition["deregisteredAt"] = "INACTIVE", now()
    return {"taskDefinition": copy.deepcopy(definition)}


@operations.on("DeleteTaskDefinitions")
def delete_task_definitions(call: Call) -> dict:
    state, gone, failures = store.of(call), [], []
    if not 1 <= len(call["taskDefinitions"]) <= 10:
        raise wrong("One to ten task definitions can be deleted at once.")
    for reference in call["taskDefinitions"]:
        definition = find_definition(state, reference) if ":" in short_name(reference) else None
        if definition is None:
            failures.append(
                {
                    "arn": reference,
                    "reason": "The specified task definition does not exist. Specify a valid account, family, revision and try again.",
                }
            )
        elif definition["status"] == "ACTIVE":
            failures.append(
                {
                    "arn": definition["taskDefinitionArn"],
                    "reason": "The specified task definition is still in ACTIVE status. Please deregister the target and try again.",
                }
            )
        else:
            # AWS keeps those in use as DELETE_IN_PROGRESS until nothing runs from them; a describe by ARN still finds them.
            definition["status"] = "DELETE_IN_PROGRESS"
            definition["deleteRequestedAt"] = now()
            gone.append(copy.deepcopy(definition))
            arn = definition["taskDefinitionArn"]
            if not in_use(state, arn):
                state.families[definition["family"]].remove(definition)
                state.tags.pop(arn, None)
    return {"taskDefinitions": gone, "failures": failures}


def active_definition(call: Call, reference: str | None) -> dict:
    definition = find_definition(store.of(call), reference or "")
    if definition is None:
        raise client_error("TaskDefinition not found.")
    if definition["status"] != "ACTIVE":
        raise client_error("TaskDefinition is inactive")
    return definition
