"""Tags of vaults, plans, and of the recovery points that AWS Backup keeps itself."""

from localstack.services.s3.models import s3_stores

from stack_local.backup.state import State, invalid, operations, paged, store
from stack_local.core import Call, fault


def _tags(state: State) -> dict[str, dict[str, str]]:
    found = {vault.arn: vault.tags for vault in state.vaults.values()}
    found |= {plan.arn: plan.tags for plan in state.plans.values() if plan.deleted is None}
    found |= {plan.arn: plan.tags for plan in state.testing.values()}
    points = [point for vault in state.vaults.values() for point in vault.points.values()]
    return found | {point.arn: point.tags for point in points if point.arn.startswith("arn:aws:backup:")}


def _by_arn(call: Call) -> dict[str, str]:
    arn = call["ResourceArn"]
    # "include only values representing resource types that are fully managed by Backup. These have an ARN that begins arn:aws:backup"
    # (API reference, ListTags).
    if not arn.startswith(f"arn:aws:backup:{call.region}:{call.account}:"):
        raise invalid(f"Invalid resource ARN {arn}")  # own wording
    found = _tags(store.of(call)).get(arn)
    if found is None:
        raise fault("ResourceNotFoundException", f"Cannot find resource {arn}")  # own wording
    return found


@operations.on("TagResource")
def tag_resource(call: Call) -> dict:
    tags, added = _by_arn(call), call["Tags"]
    if len(tags | added) > 50:
        raise fault("LimitExceededException", "A resource has at most 50 tags.")  # own wording
    tags.update(added)
    return {}


@operations.on("UntagResource")
def untag_resource(call: Call) -> dict:
    tags = _by_arn(call)
    for key in call["TagKeyList"]:
        tags.pop(key, None)
    return {}


@operations.on("ListTags")
def list_tags(call: Call) -> dict:
    answer = paged(call, "Tags", sorted(_by_arn(call).items()))
    return answer | {"Tags": dict(answer["Tags"])}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    return _tags(store.at(account, region))


def tags_of_bucket(account: str, region: str, arn: str) -> dict[str, str]:
    """LocalStack keeps tags in `Tags` from 4.14 on, before in a `TaggingService`."""
    kept = s3_stores[account][region]
    return dict(kept.tags.get_tags(arn) if hasattr(kept, "tags") else kept.TAGS.tags.get(arn, {}))
