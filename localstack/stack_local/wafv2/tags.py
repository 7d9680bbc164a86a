"""Tags of everything that WAF keeps, here and in moto."""

from moto.wafv2.models import GLOBAL_REGION, WAFV2Backend, wafv2_backends

from stack_local.core import Call, listed, page, pairs
from stack_local.wafv2.checks import check_tags
from stack_local.wafv2.state import limits, nonexistent, operations, place_of, store


def _of_moto(backend: WAFV2Backend, arn: str) -> bool:
    return arn in backend.rule_groups or arn in backend.regex_pattern_sets


def _tags(call: Call) -> dict[str, str]:
    """What the ARN has, to be looked at."""
    arn = call["ResourceARN"]
    account, region = place_of(call, arn)
    if (found := store.at(account, region).tags.get(arn)) is not None:
        return found
    backend = wafv2_backends[account][region]
    if not _of_moto(backend, arn):
        raise nonexistent()
    return dict(backend.tagging_service.get_tag_dict_for_resource(arn))


def _keep(call: Call, tags: dict[str, str]) -> dict:
    arn = call["ResourceARN"]
    account, region = place_of(call, arn)
    kept = store.at(account, region).tags
    # https://docs.aws.amazon.com/waf/latest/APIReference/API_Tag.html: 50 at most.
    if len(tags) > 50:
        raise limits()
    if arn in kept:
        kept[arn] = tags
    else:
        service = wafv2_backends[account][region].tagging_service
        service.delete_all_tags_for_resource(arn)
        service.tag_resource(arn, listed(tags))
    return {}


@operations.on("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict:
    tags, marker = page(listed(_tags(call)), call.get("NextMarker"), call.get("Limit"), 100)
    answer = {"TagInfoForResource": {"ResourceARN": call["ResourceARN"], "TagList": tags}}
    return answer | ({"NextMarker": marker} if marker else {})


@operations.on("TagResource")
def tag_resource(call: Call) -> dict:
    return _keep(call, _tags(call) | pairs(check_tags(call["Tags"])))


@operations.on("UntagResource")
def untag_resource(call: Call) -> dict:
    gone = set(call["TagKeys"])
    return _keep(call, {key: value for key, value in _tags(call).items() if key not in gone})


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    """What the tagging API returns for a region; CloudFront's are in us-east-1."""
    found: dict[str, dict[str, str]] = {}
    for place in (region, GLOBAL_REGION) if region == "us-east-1" else (region,):
        backend = wafv2_backends[account][place]
        found |= {arn: dict(tags) for arn, tags in store.at(account, place).tags.items()}
        for arn in (*backend.rule_groups, *backend.regex_pattern_sets):
            found[arn] = dict(backend.tagging_service.get_tag_dict_for_resource(arn))
    return found
