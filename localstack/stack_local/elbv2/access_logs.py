"""Where balancers log requests to: when that is turned on AWS writes a file, and refuses when it may not."""

import fnmatch
import json

from localstack.aws.connect import connect_to
from localstack.services.s3.models import s3_stores

from stack_local.core import Call, fault

LOGGER = "logdelivery.elasticloadbalancing.amazonaws.com"


def _all(value) -> list:
    return value if isinstance(value, list) else [value]


def _like(pattern: str, text: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def _holds(condition: dict, balancer: str, account: str) -> bool:
    told = {"aws:sourcearn": balancer, "aws:sourceaccount": account}
    for operator, keys in condition.items():
        for key, values in keys.items():
            text = told.get(key.lower())
            is_like = operator in ("ArnLike", "ArnEquals", "StringLike")
            if text is None or not any(_like(value, text) if is_like else value == text for value in _all(values)):
                return False
    return True


def _allows(policy: str | None, balancer: str, account: str, what: str) -> bool:
    """Whether a statement lets the service write there. What denies is not looked at: it asks for TLS, which AWS uses."""
    for statement in _all(json.loads(policy).get("Statement", [])) if policy else []:
        principal = statement.get("Principal")
        services = _all(principal.get("Service", [])) if isinstance(principal, dict) else _all(principal)
        actions = [action.lower() for action in _all(statement.get("Action", []))]
        if (
            statement.get("Effect") == "Allow"
            and any(service in (LOGGER, "*") for service in services)
            and any(_like(action, "s3:putobject") for action in actions)
            and any(_like(resource, what) for resource in _all(statement.get("Resource", [])))
            and _holds(statement.get("Condition", {}), balancer, account)
        ):
            return True
    return False


def turn_on(call: Call, balancer: str, name: str, prefix: str) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html: the bucket is in the region of
    the balancer, is encrypted with S3's own keys, and its policy lets the service write; the test file is its last step."""
    if "AWSLogs" in prefix:
        raise fault("InvalidConfigurationRequest", "The value of 'access_logs.s3.prefix' cannot contain 'AWSLogs'")
    owner = s3_stores[call.account][call.region].global_bucket_map.get(name)
    stores = s3_stores[owner].values() if owner else ()
    bucket = next((store.buckets[name] for store in stores if name in store.buckets), None)
    if bucket is None:
        raise fault("InvalidConfigurationRequest", f"S3Bucket: {name} does not exist")
    if bucket.bucket_region != call.region:
        raise fault("InvalidConfigurationRequest", f"S3Bucket: {name} is not located in the same region as the load balancer")
    path = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    file = f"{path}AWSLogs/{call.account}/ELBAccessLogTestFile"
    encryption = (bucket.encryption_rule or {}).get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "AES256")
    allowed = _allows(bucket.policy, balancer, call.account, f"arn:aws:s3:::{name}/{file}")
    if encryption != "AES256" or not allowed:
        raise fault("InvalidConfigurationRequest", f"Access Denied for bucket: {name}. Please check S3bucket permission")
    s3 = connect_to(aws_access_key_id=owner, aws_secret_access_key="test", region_name=call.region).s3
    s3.put_object(Bucket=name, Key=file, Body=f"Enable AccessLog for ELB: {balancer.split('/')[-2]}".encode())
