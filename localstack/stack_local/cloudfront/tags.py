"""Tags of distributions, the only ones here that have any."""

from xml.etree import ElementTree

from stack_local.cloudfront.state import Distribution, operations, state_of, store
from stack_local.core import Call, fault, listed, pairs


def _tagged(call: Call) -> Distribution:
    found = state_of(call).distributions.get(call["Resource"].rsplit("/", 1)[-1])
    if found is None:
        raise fault("NoSuchResource", "The specified resource does not exist.", status=404)
    return found


@operations.on("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict:
    return {"Tags": {"Items": listed(_tagged(call).tags)}}


@operations.on("TagResource", "UntagResource")
def change_tags(call: Call) -> dict:
    """Both are a POST to one path; LocalStack takes every one of them for TagResource. The query distinguishes them."""
    tags = _tagged(call).tags
    if call.context.request.args.get("Operation") == "Untag":
        body = ElementTree.fromstring(call.context.request.get_data())
        for element in body.iter():
            if element.tag.rpartition("}")[2] == "Key":
                tags.pop(element.text or "", None)
    else:
        tags.update(pairs(call["Tags"].get("Items")))
    return {}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    if region != "us-east-1":
        return {}
    return {
        f"arn:aws:cloudfront::{account}:distribution/{kept.id}": kept.tags
        for kept in store.at(account, "").distributions.values()
    }
