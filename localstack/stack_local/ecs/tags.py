"""Tags of clusters, task definitions, services and tasks."""

from stack_local.core import Call
from stack_local.ecs.state import operations, read_tags, store, tags_shown, wrong


def _tagged(call: Call) -> dict[str, str]:
    tags = store.of(call).tags.get(call["resourceArn"])
    if tags is None:
        raise wrong("The specified resource could not be found. Specify a valid ARN and try again.")
    return tags


@operations.on("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict:
    return {"tags": tags_shown(_tagged(call))}


@operations.on("TagResource")
def tag_resource(call: Call) -> dict:
    tags, more = _tagged(call), read_tags(call["tags"])
    if len(tags | more) > 50:
        raise wrong("Too many tags: the most is 50.")
    tags.update(more)
    return {}


@operations.on("UntagResource")
def untag_resource(call: Call) -> dict:
    tags = _tagged(call)
    for key in call["tagKeys"]:
        tags.pop(key, None)
    return {}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    return store.at(account, region).tags
