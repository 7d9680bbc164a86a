"""The tagging API: moto's answer, plus what lives in this package instead of in moto."""

from stack_local import autoscaling, cloudfront, ecs, elasticache, elbv2
from stack_local.core import Call, Operations, listed

operations = Operations("resourcegroupstaggingapi")

_KEEPERS = {
    "ecs": ecs.all_tags,
    "elasticloadbalancing": elbv2.all_tags,
    "elasticache": elasticache.all_tags,
    "cloudfront": cloudfront.all_tags,
    "application-autoscaling": autoscaling.all_tags,
}


@operations.on("GetResources")
def get_resources(call: Call) -> dict:
    answer = call.stock()
    if answer.get("PaginationToken"):
        return answer  # ours come with the last page
    known = {mapping["ResourceARN"] for mapping in answer.get("ResourceTagMappingList", [])}
    for all_tags in _KEEPERS.values():
        for arn, tags in all_tags(call.account, call.region).items():
            if arn not in known and tags and _wanted(call, arn, tags):
                answer.setdefault("ResourceTagMappingList", []).append({"ResourceARN": arn, "Tags": listed(tags)})
    return answer


def _wanted(call: Call, arn: str, tags: dict[str, str]) -> bool:
    if arns := call.get("ResourceARNList"):
        return arn in arns
    if types := call.get("ResourceTypeFilters"):
        service, resource = arn.split(":")[2], arn.split(":", 5)[5]
        kind = resource.replace(":", "/").split("/")[0]
        if not {service, f"{service}:{kind}"} & set(types):
            return False
    for wanted in call.get("TagFilters", []):
        if wanted["Key"] not in tags or (wanted.get("Values") and tags[wanted["Key"]] not in wanted["Values"]):
            return False
    return True
