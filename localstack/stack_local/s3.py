"""S3: LocalStack's own, which lets everybody into everybody's buckets."""

import json

from localstack.http import Response
from localstack.services.s3.models import s3_stores

from stack_local.core import Call, Operations, fault

operations = Operations("s3", locked=False)


def _owner(call: Call, bucket: str) -> str | None:
    return s3_stores[call.account][call.region].global_bucket_map.get(bucket)


def _lets_in(call: Call, owner: str, bucket: str) -> bool:
    """Whether the bucket's policy names somebody else. What it lets them do is not looked at."""
    stores = s3_stores[owner]
    found = next((store.buckets[bucket] for store in stores.values() if bucket in store.buckets), None)
    policy = getattr(found, "policy", None)
    statements = json.loads(policy).get("Statement", []) if policy else []
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        named = principal.get("AWS", []) if isinstance(principal, dict) else principal
        text = json.dumps(named)
        if statement.get("Effect") == "Allow" and (call.account in text or '"*"' in text):
            return True
    return False


@operations.before_all
def whose(call: Call) -> None:
    """Another account's bucket is refused, and so is a bucket whose owner is not the one that was expected."""
    if call.context.is_internal_call or call.context.operation.name == "CreateBucket":
        return
    asked = [(call.get("Bucket"), call.get("ExpectedBucketOwner"))]
    if source := call.get("CopySource"):
        asked.append((source.lstrip("/").split("/")[0], call.get("ExpectedSourceBucketOwner")))
    for bucket, expected in asked:
        owner = _owner(call, bucket) if bucket else None
        if owner is None or (expected in (None, owner) and (owner == call.account or _lets_in(call, owner, bucket))):
            continue
        # An answer to HEAD has no body: the status is all that is told.
        if call.context.operation.name.startswith("Head"):
            raise fault("403", "Forbidden", status=403)
        raise fault("AccessDenied", "Access Denied", status=403)


@operations.on("HeadBucket")
def head_bucket(call: Call) -> dict | Response:
    answer = call.stock()
    # A region's endpoint serves its own buckets and says where the others are. Botocore's S3RegionRedirectorv2 handles the
    # three forms that AWS has for that (301, 400, 403 with this header); 301 is the documented one:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
    where = answer.get("BucketRegion")
    if where and where != call.region:
        return Response(status=301, headers={"x-amz-bucket-region": where})
    return answer
