"""Tags of what ElastiCache keeps, which are returned and changed only while it is `available`."""

from stack_local.core import Call, fault, listed, pairs
from stack_local.elasticache.state import Cache, operations, store


def _tagged(call: Call) -> tuple[dict[str, str] | None, Cache | None]:
    """The tags of an ARN, and the cache that carries them. AWS returns and changes them only while that is `available`."""
    arn, state = call["ResourceName"], store.of(call)
    cache = next((cache for cache in state.caches if arn in cache.arns), None)
    if cache and cache.status != "available":
        code = "InvalidReplicationGroupState" if cache.kind == "ReplicationGroup" else "InvalidCacheClusterState"
        raise fault(code, "Cluster not in available state to perform tagging operations.")
    return state.tags.get(arn), cache


def _retag(call: Call, cache: Cache | None, change) -> None:
    """A replication group's tags are its members' too, and it takes AWS a while to write them there."""
    arns = cache.arns if cache and call["ResourceName"] == cache.view["ARN"] else [call["ResourceName"]]
    for arn in arns:
        change(store.of(call).tags[arn])
    if cache and cache.kind == "ReplicationGroup":
        cache.begin("modifying", "elasticache.tag")


@operations.on("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict:
    tags, _ = _tagged(call)
    return call.stock() if tags is None else {"TagList": listed(tags)}


@operations.on("AddTagsToResource")
def add_tags_to_resource(call: Call) -> dict:
    tags, cache = _tagged(call)
    if tags is None:
        return call.stock()
    _retag(call, cache, lambda kept: kept.update(pairs(call["Tags"])))
    return {"TagList": listed(tags)}


@operations.on("RemoveTagsFromResource")
def remove_tags_from_resource(call: Call) -> dict:
    tags, cache = _tagged(call)
    if tags is None:
        return call.stock()
    _retag(call, cache, lambda kept: [kept.pop(key, None) for key in call["TagKeys"]])
    return {"TagList": listed(tags)}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    return store.at(account, region).tags
