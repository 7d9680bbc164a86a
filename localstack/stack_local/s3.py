"""S3: LocalStack's own, which tells everybody of everybody's buckets."""

from localstack.services.s3.models import s3_stores

from stack_local.core import Call, Operations, fault

operations = Operations("s3")


@operations.on("HeadBucket")
def head_bucket(call: Call) -> dict:
    owner = s3_stores[call.account][call.region].global_bucket_map.get(call["Bucket"])
    # An answer to HEAD has no body: the status is all that is told.
    if owner is not None and (owner != call.account or call.get("ExpectedBucketOwner", owner) != owner):
        raise fault("403", "Forbidden", status=403)
    return call.stock()
