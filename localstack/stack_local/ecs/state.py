"""What is kept of ECS, in the shape that AWS answers in, and how to find it."""

from stack_local import rollout
from stack_local.core import Call, Operations, Store, Tokens, fault, page, pairs
from stack_local.settling import settles

operations = Operations("ecs")

PROVIDERS = ("FARGATE", "FARGATE_SPOT")


class State:
    def __init__(self):
        self.clusters: dict[str, dict] = {}  # by name
        self.families: dict[str, list[dict]] = {}  # every revision that was not deleted, oldest first
        self.revisions: dict[str, int] = {}  # the last number given out, which deleting does not give back
        self.services: dict[tuple[str, str], rollout.Service] = {}  # by cluster and name
        self.tasks: dict[str, rollout.Task] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.tokens = Tokens(lambda token: fault("InvalidParameterException", "Creation of service was not idempotent."))
        # Own wording.
        self.run_tokens = Tokens(lambda token: fault("ConflictException", "The client token belongs to another request."))


store = Store(State)


def tags_shown(tags: dict[str, str]) -> list[dict]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def read_tags(tags) -> dict[str, str]:
    if len(tags or []) > 50:
        raise wrong("Too many tags: the most is 50.")
    return pairs(tags, "key", "value")


def wrong(message: str):
    return fault("InvalidParameterException", message)


def client_error(message: str):
    return fault("ClientException", message)


def short_name(reference: str) -> str:
    """The name in an ARN, or what is a name already."""
    return reference.rsplit("/", 1)[-1]


@operations.before_all
def _first(call: Call) -> None:
    settle(call.account, call.region)


@settles
def settle(account: str, region: str) -> None:
    state = store.at(account, region)
    world = rollout.World(account, region, state.tasks, lambda arn: find_definition(state, arn))
    for key, service in list(state.services.items()):
        rollout.settle(world, service)
        if service.forgotten and service.forgotten.done():
            del state.services[key]
    rollout.settle_tasks(world)
    for definitions in state.families.values():
        for definition in [d for d in definitions if d["status"] == "DELETE_IN_PROGRESS"]:
            arn = definition["taskDefinitionArn"]
            if not in_use(state, arn):
                definitions.remove(definition)
                state.tags.pop(arn, None)


def in_use(state: State, definition: str) -> bool:
    """Whether anything runs from a task definition."""
    tasks = any(task.definition == definition and task.status != "STOPPED" for task in state.tasks.values())
    return tasks or any(service.uses(definition) for service in state.services.values())


def paged(call: Call, member: str, items: list, most: int = 100) -> dict:
    items, token = page(items, call.get("nextToken"), call.get("maxResults"), most)
    return {member: items} | ({"nextToken": token} if token else {})


def find_definition(state: State, reference: str) -> dict | None:
    """By ARN, by family and revision, or the latest active one of a family."""
    family, _, revision = short_name(reference).partition(":")
    for definition in reversed(state.families.get(family, [])):
        if revision == str(definition["revision"]) or (not revision and definition["status"] == "ACTIVE"):
            return definition
    return None
