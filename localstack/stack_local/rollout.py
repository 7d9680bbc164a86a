"""How ECS gets from what a service should be to what runs: tasks, deployments, the circuit breaker.

An image whose name contains `does-not-exist` is never pulled; one that contains `crash` runs, writes a line to its log and
then exits with 1. A task that was run by itself does what `Script` knows of its command, or of that of its definition.
"""

import copy
import datetime
import hashlib
import math
import re
import shlex
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from moto.logs.models import logs_backends

from stack_local import elbv2, happenings, interfaces
from stack_local.clock import LISTED_AFTERWARDS, Timer, clock
from stack_local.core import hex_id, now
from stack_local.outcomes import outcomes


@dataclass
class World:
    account: str
    region: str
    tasks: dict[str, "Task"]
    definition: Callable[[str], dict | None]


class Script:
    """What the command of a one-off task does, acted out, as nothing runs here.

    Of `sh -c "echo ready; sleep 5; exit 3"` it writes `ready` to the log, waits five seconds (at any time scale) and exits with 3.
    After `trap` it exits with 0 when it is stopped. Every other command takes no time and succeeds.
    """

    def __init__(self, container: str, command: list[str]):
        self.container, self.steps = container, _steps(command)
        self.when_stopped = 143  # by SIGTERM


def _steps(command: list[str]) -> list[list[str]]:
    """The commands in a line of a shell, or the one that it is."""
    if len(command) != 3 or command[0].rsplit("/", 1)[-1] not in ("sh", "bash") or command[1] != "-c":
        return [list(command)]
    words = shlex.shlex(command[2], posix=True, punctuation_chars=";&")
    words.whitespace_split, words.commenters = True, ""
    steps: list[list[str]] = [[]]
    for word in words:
        if re.fullmatch(r"[;&]+", word):
            steps.append([])
        else:
            steps[-1].append(word)
    return steps


def image_digest(image: str) -> str:
    """The digest of an image's manifest, which ECS returns for every container: its own, or one that the name always has."""
    name, _, digest = image.partition("@")
    return digest or "sha256:" + hashlib.sha256(name.encode()).hexdigest()


class Task:
    def __init__(self, arn: str, cluster: str, definition: dict, config: dict, group: str, started_by: str):
        self.arn, self.cluster, self.group, self.started_by = arn, cluster, group, started_by
        self.definition = definition["taskDefinitionArn"]
        self.images = [container["image"] for container in definition["containerDefinitions"]]
        self.status, self.desired = "PENDING", "RUNNING"
        self.timer = clock.timer("ecs.pull")
        self.registered: list[tuple[str, str, int]] = []  # target group, address, port
        self.targets = copy.deepcopy(config.get("loadBalancers", []))
        self.address: str | None = None
        self.subnet: str | None = None
        self.after: Timer | None = None  # when a stopped task is forgotten
        self.script: Script | None = None  # what the command of a one-off task does
        strategy = config.get("capacityProviderStrategy")
        self.view = {
            "taskArn": arn,
            "clusterArn": cluster,
            "taskDefinitionArn": self.definition,
            "group": group,
            "launchType": "FARGATE" if strategy else config.get("launchType", "FARGATE"),
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "cpu": definition.get("cpu", "0"),
            "memory": definition.get("memory", "0"),
            "createdAt": now(),
            "connectivity": "CONNECTED",
            "enableExecuteCommand": config.get("enableExecuteCommand", False),
            "healthStatus": "UNKNOWN",
            "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
            "version": 1,
            "attachments": [],
            "containers": [
                {
                    "containerArn": f"{arn.replace(':task/', ':container/')}/{hex_id(32)}",
                    "taskArn": arn,
                    "name": container["name"],
                    "image": container["image"],
                    "healthStatus": "UNKNOWN",
                    "cpu": str(container["cpu"]),
                    "networkInterfaces": [],
                }
                for container in definition["containerDefinitions"]
            ],
        }
        if started_by:
            self.view["startedBy"] = started_by
        if strategy:
            self.view["capacityProviderName"] = strategy[0]["capacityProvider"]

    def shown(self) -> dict:
        view = copy.deepcopy(self.view)
        view["lastStatus"], view["desiredStatus"] = self.status, self.desired
        for container in view["containers"]:
            container["lastStatus"] = self.status if self.status in ("PENDING", "RUNNING", "STOPPED") else "RUNNING"
            if self.status != "PENDING":
                container["imageDigest"] = image_digest(container["image"])
        return view

    def override(self, overrides: dict, definition: dict) -> None:
        """What is not as in the definition."""
        self.view["overrides"] |= overrides
        for container in definition["containerDefinitions"]:
            if container.get("command"):
                self.script = Script(container["name"], container["command"])
        for field in ("cpu", "memory"):
            self.view[field] = overrides.get(field, self.view[field])
        for container in overrides.get("containerOverrides", []):
            if container.get("command"):
                self.script = Script(container["name"], container["command"])

    def tell_to_stop(self, code: str, reason: str) -> None:
        if self.desired == "RUNNING":
            self.desired, self.status = "STOPPED", "DEPROVISIONING"
            self.view["stopCode"], self.view["stoppedReason"], self.view["stoppingAt"] = code, reason, now()
            self.timer = clock.timer("ecs.stop")


def start_task(world: World, cluster: str, definition: dict, config: dict, group: str, started_by: str) -> Task:
    arn = f"{cluster.replace(':cluster/', ':task/')}/{hex_id(32)}"
    task = Task(arn, cluster, definition, config, group, started_by)
    network = (config.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if network:
        # Spread over the subnets, as AWS spreads over zones.
        mine = [t.subnet for t in world.tasks.values() if t.group == group and t.desired == "RUNNING"]
        subnet = min(network["subnets"], key=mine.count)
        wanted = interfaces.Wanted(subnet, tuple(network.get("securityGroups", [])), network.get("assignPublicIp") == "ENABLED")
        attachment = hex_id(32)
        description = f"{cluster.rsplit(':', 1)[0]}:attachment/{attachment}"
        held = interfaces.hold(world.account, world.region, arn, [wanted], description, "amazon-ecs")
        if held:
            eni = held[0]
            task.address, task.subnet, task.view["availabilityZone"] = (
                eni.private_ip_address,
                subnet,
                eni.subnet.availability_zone,
            )
            details = {
                "subnetId": subnet,
                "networkInterfaceId": eni.id,
                "macAddress": eni.mac_address,
                "privateIPv4Address": eni.private_ip_address,
            }
            task.view["attachments"] = [
                {
                    "id": attachment,
                    "type": "ElasticNetworkInterface",
                    "status": "ATTACHED",
                    "details": [{"name": n, "value": v} for n, v in details.items()],
                }
            ]
            for container in task.view["containers"]:
                container["networkInterfaces"] = [{"attachmentId": attachment, "privateIpv4Address": eni.private_ip_address}]
    world.tasks[arn] = task
    return task


def _stopped(world: World, task: Task, code: str | None = None, reason: str | None = None, exit_code: int | None = None) -> None:
    task.status = task.desired = "STOPPED"
    task.view["stoppedAt"] = now()
    if code:
        task.view["stopCode"], task.view["stoppedReason"] = code, reason
    for container in task.view["containers"]:
        if exit_code is not None:
            container["exitCode"] = exit_code
        elif code == "TaskFailedToStart":
            container["reason"] = reason
    for target in task.registered:
        elbv2.deregister(world.account, world.region, *target)
    task.registered = []
    interfaces.release(world.account, world.region, task.arn)
    task.after = clock.real_timer(LISTED_AFTERWARDS)
    _report_stop(world, task)


def _report_stop(world: World, task: Task) -> None:
    """Developer guide, "Amazon ECS task state change events"."""
    detail = {name: task.view.get(name) for name in ("stopCode", "stoppedReason", "stoppedAt")}
    exits = [{name: container.get(name) for name in ("name", "exitCode", "lastStatus")} for container in task.view["containers"]]
    detail |= {"taskArn": task.arn, "clusterArn": task.cluster, "group": task.group, "lastStatus": "STOPPED", "containers": exits}
    detail |= {name: task.view.get(name) for name in ("startedBy", "taskDefinitionArn", "overrides")}
    kept = {name: value for name, value in detail.items() if value is not None}
    happenings.report(world.account, world.region, "aws.ecs", "ECS Task State Change", [task.arn], kept)


def _settle_task(world: World, task: Task) -> bool:
    """One step of one task. True when it stopped by itself."""
    if task.status == "STOPPED" or not task.timer.done():
        return False
    if task.desired == "STOPPED":
        _stopped(world, task, exit_code=task.script.when_stopped if task.script else 0)
        return False
    if task.status == "PENDING":
        unpulled = next((image for image in task.images if "does-not-exist" in image), None)
        if unpulled:
            _stopped(
                world,
                task,
                "TaskFailedToStart",
                f"CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {unpulled}: not found",
            )
            return True
        task.status, task.view["startedAt"] = "RUNNING", now()
        task.timer = clock.real_timer(0) if task.script else clock.timer("ecs.crash")
        for target in task.targets:
            if target.get("targetGroupArn") and task.address:
                place = (target["targetGroupArn"], task.address, target["containerPort"])
                elbv2.register(world.account, world.region, *place, task.view["availabilityZone"])
                task.registered.append(place)
        return False
    if _crashes(task):
        _write_logs(world, task)
        _stopped(world, task, "EssentialContainerExited", "Essential container in task exited", exit_code=1)
        return True
    exit_code = _act(world, task, task.script) if task.script else None
    if exit_code is not None:
        _stopped(world, task, "EssentialContainerExited", "Essential container in task exited", exit_code=exit_code)
        return True
    return False


def _act(world: World, task: Task, script: Script) -> int | None:
    """Does what takes no time; the exit code when that was the end."""
    while script.steps:
        name, *words = script.steps.pop(0) or [""]
        number = int(words[0]) if words and words[0].isdecimal() else 0
        if name == "echo":
            _say(world, task, script.container, " ".join(words))
        elif name == "trap":
            script.when_stopped = 0
        elif name == "sleep":
            task.timer = clock.real_timer(number)
            return None
        elif name == "exit":
            return number
    return 0


def settle_tasks(world: World) -> None:
    """Tasks of no service, and those that are old enough to be forgotten."""
    for arn, task in list(world.tasks.items()):
        if not task.group.startswith("service:"):
            _settle_task(world, task)
            _settle_task(world, task)
        if task.after is not None and task.after.done():
            del world.tasks[arn]


class Deployment:
    def __init__(self, service_view: dict, source: "Deployment | None"):
        self.config = copy.deepcopy(service_view)
        self.number = str(int(hex_id(15), 16))[:19]
        self.status, self.rollout = "PRIMARY", "IN_PROGRESS"
        self.failed = 0
        self.created = self.updated = now()
        self.finished: datetime.datetime | None = None
        self.retry: Timer | None = None
        self.source = source
        self.rolled_back_from: Deployment | None = None
        self.rolled_back_by: Deployment | None = None
        short = service_view["serviceArn"].split(":service/")[1]
        prefix = service_view["serviceArn"].split(":service/")[0]
        self.arn = f"{prefix}:service-deployment/{short}/{hex_id(21)}"
        self.revision_arn = f"{prefix}:service-revision/{short}/{self.number}"
        self.id = f"ecs-svc/{self.number}"
        self.reason = f"ECS deployment {self.id} in progress."

    @property
    def definition(self) -> str:
        return self.config["taskDefinition"]

    def finish(self, rollout: str, reason: str) -> None:
        self.rollout, self.reason = rollout, reason
        self.finished = self.updated = now()

    def service_deployment(self) -> dict:
        status = {"IN_PROGRESS": "IN_PROGRESS", "COMPLETED": "SUCCESSFUL", "FAILED": "STOPPED"}[self.rollout]
        if self.rolled_back_by:
            status = "ROLLBACK_SUCCESSFUL" if self.rolled_back_by.rollout == "COMPLETED" else "ROLLBACK_IN_PROGRESS"
        elif self.status != "PRIMARY" and self.rollout == "IN_PROGRESS":
            status = "STOPPED"
        view = {
            "serviceDeploymentArn": self.arn,
            "serviceArn": self.config["serviceArn"],
            "clusterArn": self.config["clusterArn"],
            "createdAt": self.created,
            "startedAt": self.created,
            "updatedAt": self.updated,
            "status": status,
            "targetServiceRevision": {"arn": self.revision_arn, "requestedTaskCount": self.config["desiredCount"]},
            "sourceServiceRevisions": [{"arn": self.source.revision_arn}] if self.source else [],
            "deploymentConfiguration": copy.deepcopy(self.config["deploymentConfiguration"]),
        }
        if self.finished:
            view["finishedAt"] = self.finished
        if self.reason:
            view["statusReason"] = self.reason
        if self.rolled_back_by:
            view["rollback"] = {
                "reason": self.reason,
                "startedAt": self.rolled_back_by.created,
                "serviceRevisionArn": self.rolled_back_by.revision_arn,
            }
        return view

    def service_revision(self) -> dict:
        fields = (
            "serviceArn",
            "clusterArn",
            "taskDefinition",
            "capacityProviderStrategy",
            "launchType",
            "platformVersion",
            "platformFamily",
            "loadBalancers",
            "networkConfiguration",
        )
        view = {field: copy.deepcopy(self.config[field]) for field in fields if field in self.config}
        return view | {"serviceRevisionArn": self.revision_arn, "createdAt": self.created}


class Service:
    def __init__(self, view: dict, created_as: dict):
        self.view, self.created_as = view, created_as
        self.status = "ACTIVE"
        self.deployments: list[Deployment] = []
        self.history: list[Deployment] = []
        self.events: list[dict] = []
        self.steady = False
        self.timer: Timer | None = None
        self.forgotten: Timer | None = None

    @property
    def name(self) -> str:
        return self.view["serviceName"]

    def uses(self, definition: str) -> bool:
        return self.status != "INACTIVE" and any(deployment.definition == definition for deployment in self.deployments)

    def say(self, message: str) -> None:
        self.events = [{"id": hex_id(32), "createdAt": now(), "message": f"(service {self.name}) {message}"}, *self.events][:100]

    def deploy(self) -> Deployment:
        """A new primary deployment of what the service now should be."""
        source = next((d for d in self.deployments if d.status == "PRIMARY"), None)
        for deployment in self.deployments:
            deployment.status = "ACTIVE"
        made = Deployment(self.view, source)
        self.deployments.insert(0, made)
        self.history = [*self.history, made][-20:]
        self.steady = False
        return made

    def unsettle(self) -> None:
        self.steady = False

    def drain(self) -> None:
        self.status, self.view["desiredCount"] = "DRAINING", 0
        self.timer = clock.timer("ecs.drain")

    def tasks(self, every: Iterable[Task]) -> list[Task]:
        group = f"service:{self.name}"
        return [
            task for task in every if task.group == group and task.cluster == self.view["clusterArn"] and task.status != "STOPPED"
        ]

    def shown(self, every: Iterable[Task]) -> dict:
        tasks, view = self.tasks(every), copy.deepcopy(self.view)
        view["status"], view["events"] = self.status, list(self.events)
        view["runningCount"] = sum(task.status == "RUNNING" for task in tasks)
        view["pendingCount"] = sum(task.status == "PENDING" for task in tasks)
        view["deployments"] = []
        for deployment in self.deployments:
            mine, config = [task for task in tasks if task.started_by == deployment.id], deployment.config
            part = {
                "id": deployment.id,
                "status": deployment.status,
                "taskDefinition": deployment.definition,
                "desiredCount": self.view["desiredCount"] if deployment.status == "PRIMARY" else 0,
                "runningCount": sum(task.status == "RUNNING" for task in mine),
                "pendingCount": sum(task.status == "PENDING" for task in mine),
                "failedTasks": deployment.failed,
                "createdAt": deployment.created,
                "updatedAt": deployment.updated,
                "rolloutState": deployment.rollout,
                "rolloutStateReason": deployment.reason,
            }
            for field in (
                "networkConfiguration",
                "launchType",
                "capacityProviderStrategy",
                "platformFamily",
                "serviceConnectConfiguration",
                "serviceConnectResources",
            ):
                if config.get(field):
                    part[field] = copy.deepcopy(config[field])
            if "platformVersion" in config:
                part["platformVersion"] = "1.4.0" if config["platformVersion"] == "LATEST" else config["platformVersion"]
            view["deployments"].append(part)
        view["deployments"] = view["deployments"] if self.status != "INACTIVE" else []
        return view


def settle(world: World, service: Service) -> None:
    # Enough steps for a rollout and a rollback when nothing takes time; a service that cannot start continues
    # at the next look.
    for _ in range(24):
        if not _step(world, service):
            return


def _step(world: World, service: Service) -> bool:
    """One round of what the ECS scheduler does. True when something happened that a next round could build on."""
    tasks = service.tasks(world.tasks.values())
    before = [(task.arn, task.status) for task in tasks]
    by_id = {deployment.id: deployment for deployment in service.deployments}
    for task in tasks:
        if _settle_task(world, task) and (deployment := by_id.get(task.started_by)):
            deployment.failed += 1
            deployment.retry = clock.timer("ecs.crash")
            service.steady = False
    tasks = service.tasks(world.tasks.values())
    moved = before != [(task.arn, task.status) for task in tasks]
    if service.status == "DRAINING":
        for task in tasks:
            task.tell_to_stop("ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {task.started_by})")
        if not tasks and service.timer and service.timer.done():
            service.status, service.deployments = "INACTIVE", []
            service.forgotten = clock.real_timer(LISTED_AFTERWARDS)
            return False
        return moved or bool(tasks and clock.scale == 0)
    if service.status != "ACTIVE":
        return False
    if _broken(service):
        return True
    primary = service.deployments[0]
    return _replace(world, service, primary, tasks) or _judge(world, service, primary) or moved


def _write_logs(world: World, task: Task) -> None:
    """The last words of a task that crashes."""
    for container in (world.definition(task.definition) or {}).get("containerDefinitions", []):
        if "crash" in container["image"]:
            _say(world, task, container["name"], "fatal: this image crashes")


def _say(world: World, task: Task, name: str, line: str) -> None:
    """Writes a line to the log of a container, where its definition says."""
    for container in (world.definition(task.definition) or {}).get("containerDefinitions", []):
        logs = container.get("logConfiguration") or {}
        options = logs.get("options") or {}
        group = logs_backends[world.account][options.get("awslogs-region") or world.region].groups.get(
            options.get("awslogs-group")
        )
        if group is None or logs.get("logDriver") != "awslogs" or container["name"] != name:
            continue
        stream = f"{options.get('awslogs-stream-prefix', 'ecs')}/{name}/{task.arn.rsplit('/', 1)[1]}"
        if stream not in group.streams:
            group.create_log_stream(stream)
        group.put_log_events(stream, [{"timestamp": int(time.time() * 1000), "message": line}])


def _crashes(task: Task) -> bool:
    return any("crash" in image for image in task.images)


def _healthy(world: World, task: Task) -> bool:
    if task.status != "RUNNING" or task.desired != "RUNNING" or _crashes(task):
        return False
    return all(elbv2.healthy(world.account, world.region, *target) for target in task.registered)


def _replace(world: World, service: Service, primary: Deployment, tasks: list[Task]) -> bool:
    """Starts what is missing and stops what is too much, between the two percentages."""
    desired, config = service.view["desiredCount"], service.view["deploymentConfiguration"]
    wanted = [task for task in tasks if task.desired == "RUNNING"]
    new = [task for task in wanted if task.started_by == primary.id]
    old = [task for task in wanted if task.started_by != primary.id]
    acted = False
    placeable = primary.config.get("capacityProviderStrategy") or primary.config.get("launchType") == "FARGATE"
    ready = primary.retry is None or primary.retry.done()
    if placeable and ready and primary.rollout != "FAILED" and len(new) < desired:
        most = max(math.floor(desired * config["maximumPercent"] / 100), 1)
        count = min(desired - len(new), most - len(wanted))
        definition = world.definition(primary.definition)
        if count > 0 and outcomes.take(world.account, "ecs.task"):
            primary.retry = clock.timer("ecs.crash")
            service.say(
                "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone."
            )
            return False
        if definition:
            for _ in range(count):
                start_task(world, service.view["clusterArn"], definition, primary.config, f"service:{service.name}", primary.id)
                acted = True
        if acted:
            service.say(f"has started {count} tasks.")
    least = math.ceil(desired * config["minimumHealthyPercent"] / 100)
    healthy = sum(_healthy(world, task) for task in wanted)
    spare = new[desired:]
    # While a deployment that failed stays, so does what ran before it.
    for task in ([] if primary.rollout == "FAILED" else old) + spare:
        if not _healthy(world, task) or healthy - 1 >= least or task in spare:
            healthy -= _healthy(world, task)
            task.tell_to_stop("ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {task.started_by})")
            acted = True
    return acted


def _judge(world: World, service: Service, primary: Deployment) -> bool:
    """Whether the rollout has ended well."""
    desired, tasks = service.view["desiredCount"], service.tasks(world.tasks.values())
    new = [task for task in tasks if task.started_by == primary.id and _healthy(world, task)]
    if service.steady or len(new) != desired or len(tasks) != desired or primary.rollout == "FAILED":
        return False
    if primary.rollout == "IN_PROGRESS":
        if primary.rolled_back_from:
            primary.finish("COMPLETED", f"ECS deployment circuit breaker: rollback to deploymentId {primary.id} completed.")
        else:
            primary.finish("COMPLETED", f"ECS deployment {primary.id} completed.")
        for other in service.deployments[1:]:
            other.status = "INACTIVE"
        service.deployments = [primary]
        service.say(f"(deployment {primary.id}) deployment completed.")
    service.steady = True
    service.say("has reached a steady state.")
    return False


def _report_failure(service: Service, deployment: "Deployment") -> None:
    """Developer guide, "Amazon ECS service deployment state change events"."""
    arn = service.view["serviceArn"]
    region, account = arn.split(":")[3:5]
    detail = {
        "eventType": "ERROR",
        "eventName": "SERVICE_DEPLOYMENT_FAILED",
        "deploymentId": deployment.id,
        "updatedAt": now(),
        "reason": "ECS deployment circuit breaker: task failed to start.",
    }
    happenings.report(account, region, "aws.ecs", "ECS Deployment State Change", [arn], detail)


def _broken(service: Service) -> bool:
    """The circuit breaker: gives up after as many failed tasks as AWS would. True when it just did."""
    primary, breaker = service.deployments[0], service.view["deploymentConfiguration"].get("deploymentCircuitBreaker") or {}
    most = max(3, min(200, math.ceil(service.view["desiredCount"] / 2)))
    if primary.rollout != "IN_PROGRESS" or not breaker.get("enable") or primary.failed < most:
        return False
    primary.finish("FAILED", "ECS deployment circuit breaker: tasks failed to start.")
    service.say(f"(deployment {primary.id}) deployment failed: tasks failed to start.")
    _report_failure(service, primary)
    good = next((d for d in reversed(service.history) if d.rollout == "COMPLETED"), None)
    if not breaker.get("rollback") or good is None:
        return True
    for field in (
        "taskDefinition",
        "networkConfiguration",
        "capacityProviderStrategy",
        "platformVersion",
        "loadBalancers",
        "serviceConnectConfiguration",
    ):
        if field in good.config:
            service.view[field] = copy.deepcopy(good.config[field])
    back = service.deploy()
    back.rolled_back_from, primary.rolled_back_by = primary, back
    back.reason = f"ECS deployment circuit breaker: rolling back to deploymentId {good.id}."
    service.say(f"rolling back to deployment {good.id}.")
    return True
