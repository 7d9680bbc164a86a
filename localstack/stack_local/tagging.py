"""The tagging API: what has tags, whatever keeps it here. On AWS it follows a change within a minute or so, here at once."""

from localstack.services.events.models import events_stores
from localstack.services.kms.models import kms_stores
from localstack.services.lambda_.invocation.models import lambda_stores
from localstack.services.logs.models import logs_stores
from localstack.services.s3.models import s3_stores
from localstack.services.sns.models import sns_stores
from localstack.services.sqs.models import sqs_stores
from moto.logs.models import logs_backends
from moto.rds.models import rds_backends
from moto.resourcegroupstaggingapi.models import resourcegroupstaggingapi_backends

from stack_local import (
    autoscaling,
    backup,
    cloudfront,
    cloudwatch,
    ecs,
    elasticache,
    elbv2,
    health_checks,
    rds,
    servicediscovery,
    wafv2,
)
from stack_local.core import Call, Operations, fault, listed, page, pairs

operations = Operations("resourcegroupstaggingapi")

Tagged = dict[str, dict[str, str]]

_MOST = 100


def _kept(store, arn: str) -> dict[str, str]:
    """LocalStack keeps tags in `Tags` from 4.14 on, before in a `TaggingService`."""
    if hasattr(store, "tags"):
        return store.tags.get_tags(arn)
    return store.TAGS.tags.get(arn, {})


def _moto(account: str, region: str) -> Tagged:
    found = resourcegroupstaggingapi_backends[account][region]._get_resources_generator(tag_filters=[], resource_type_filters=[])
    return {mapping["ResourceARN"]: pairs(mapping["Tags"]) for mapping in found}


def _buckets(account: str, region: str) -> Tagged:
    store = s3_stores[account][region]
    ours = (bucket for bucket in store.buckets.values() if bucket.bucket_region == region and bucket.bucket_account_id == account)
    return {f"arn:aws:s3:::{bucket.name}": _kept(store, f"arn:aws:s3:::{bucket.name}") for bucket in ours}


def _keys(account: str, region: str) -> Tagged:
    store = kms_stores[account][region]
    arns = {key.metadata["Arn"]: key for key in store.keys.values()}
    return {arn: key.tags if hasattr(key, "tags") else _kept(store, arn) for arn, key in arns.items()}


def _log_groups(account: str, region: str) -> Tagged:
    arns = [group.arn.removesuffix(":*") for group in logs_backends[account][region].groups.values()]
    return {arn: logs_stores[account][region].TAGS.get(arn, {}) for arn in arns}


def _rds_groups(account: str, region: str) -> Tagged:
    backend = rds_backends[account][region]
    groups = [*backend.subnet_groups.values(), *backend.db_parameter_groups.values()]
    return {group.arn: pairs(group.tags) for group in groups}


def _functions(account: str, region: str) -> Tagged:
    store = lambda_stores[account][region]
    arns = [f"arn:aws:lambda:{region}:{account}:function:{name}" for name in store.functions]
    return {arn: _kept(store, arn) for arn in arns}


def _rules(account: str, region: str) -> Tagged:
    store = events_stores[account][region]
    arns = [rule.arn for bus in store.event_buses.values() for rule in bus.rules.values()]
    return {arn: store.TAGS.tags.get(arn, {}) for arn in arns}


def _topics(account: str, region: str) -> Tagged:
    """Before 4.14 moto keeps them."""
    store = sns_stores[account][region]
    return {arn: _kept(store, arn) for arn in getattr(store, "topics", ())}


def _queues(account: str, region: str) -> Tagged:
    """Before 4.14 each keeps its own."""
    store = sqs_stores[account][region]
    queues = {queue.arn: queue for queue in store.queues.values()}
    return {arn: _kept(store, arn) if hasattr(store, "tags") else queue.tags for arn, queue in queues.items()}


_KEEPERS = (
    _moto,
    _buckets,
    _keys,
    _log_groups,
    _rds_groups,
    _functions,
    _rules,
    _topics,
    _queues,
    ecs.all_tags,
    elbv2.all_tags,
    elasticache.all_tags,
    cloudfront.all_tags,
    cloudwatch.all_tags,
    autoscaling.all_tags,
    servicediscovery.all_tags,
    wafv2.all_tags,
    backup.all_tags,
    health_checks.all_tags,
    rds.all_tags,
)


def _all(account: str, region: str) -> Tagged:
    found: Tagged = {}
    for keeper in _KEEPERS:
        found |= keeper(account, region)
    return found


def keys(account: str, region: str) -> set[str]:
    """The keys of all tags of a region."""
    return {key for tags in _all(account, region).values() for key in tags}


@operations.on("GetResources")
def get_resources(call: Call) -> dict:
    size = call.get("ResourcesPerPage", _MOST)
    if not 1 <= size <= _MOST:
        raise fault("InvalidParameterException", f"ResourcesPerPage must be between 1 and {_MOST}")
    found = _all(call.account, call.region)
    wanted = [
        {"ResourceARN": arn, "Tags": listed(tags)} for arn, tags in sorted(found.items()) if tags and _wanted(call, arn, tags)
    ]
    mappings, token = page(wanted, call.get("PaginationToken"), size, _MOST)
    return {"ResourceTagMappingList": mappings, "PaginationToken": token or ""}


def _wanted(call: Call, arn: str, tags: dict[str, str]) -> bool:
    if arns := call.get("ResourceARNList"):
        return arn in arns
    if types := call.get("ResourceTypeFilters"):
        service, resource = arn.split(":")[2], arn.split(":", 5)[5]
        kind = "bucket" if service == "s3" else resource.replace(":", "/").split("/")[0]
        if not {service, f"{service}:{kind}"} & set(types):
            return False
    for wanted in call.get("TagFilters", []):
        if wanted["Key"] not in tags or (wanted.get("Values") and tags[wanted["Key"]] not in wanted["Values"]):
            return False
    return True
