"""S3: LocalStack's own, which lets everybody into everybody's buckets."""

import json
from urllib.parse import unquote

from localstack.aws.connect import connect_to
from localstack.http import Response
from localstack.services.s3.models import s3_stores

from stack_local.clock import Timer, clock
from stack_local.core import Call, Operations, fault

operations = Operations("s3", locked=False)


def _owner(call: Call, bucket: str) -> str | None:
    return s3_stores[call.account][call.region].global_bucket_map.get(bucket)


def _lets_in(call: Call, owner: str, bucket: str) -> bool:
    """Whether the bucket's policy names another account. What it allows is not checked."""
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
        # An answer to HEAD has no body: the status is all that is sent.
        if call.context.operation.name.startswith("Head"):
            raise fault("403", "Forbidden", status=403)
        raise fault("AccessDenied", "Access Denied", status=403)


@operations.on("CopyObject")
def copy_object(call: Call) -> dict:
    """A copy of an old version over the object itself restores that: "you can copy a previous version of the object into the same bucket"
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/RestoringPreviousVersions.html). LocalStack refuses it as a copy that changes
    nothing, unless a storage class is named."""
    source, _, version = call["CopySource"].lstrip("/").partition("?versionId=")
    if version and unquote(source) == f"{call['Bucket']}/{call['Key']}" and not call.get("StorageClass"):
        s3 = connect_to(aws_access_key_id=call.account, aws_secret_access_key="test", region_name=call.region).s3
        versions = s3.list_object_versions(Bucket=call["Bucket"], Prefix=call["Key"]).get("Versions", [])
        if any(v["VersionId"] == version and v["Key"] == call["Key"] and not v["IsLatest"] for v in versions):
            call.request["StorageClass"] = "STANDARD"
    return call.stock()


# By bucket, key and version: when the copy can be read.
_restores: dict[tuple[str, str, str], Timer] = {}


@operations.on("RestoreObject")
def restore_object(call: Call) -> dict:
    """LocalStack's is complete at once. https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html"""
    tier = (call.get("RestoreRequest", {}).get("GlacierJobParameters") or {}).get("Tier", "Standard")
    head = connect_to(aws_access_key_id=call.account, aws_secret_access_key="test", region_name=call.region).s3
    version = {"VersionId": call["VersionId"]} if call.get("VersionId") else {}
    now = head.head_object(Bucket=call["Bucket"], Key=call["Key"], **version)
    place = (call["Bucket"], call["Key"], now.get("VersionId", ""))
    if place in _restores and not _restores[place].done():
        raise fault("RestoreAlreadyInProgress", "Object restore is already in progress", status=409)
    if now.get("StorageClass") == "DEEP_ARCHIVE" and tier == "Expedited":
        # "Expedited retrieval type is not available for S3 Glacier Deep Archive" (as above, GlacierJobParameters); own wording.
        raise fault("InvalidArgument", "Retrieval option is not supported by this storage class")
    answer = call.stock()
    _restores[place] = clock.timer("s3.restore")
    return answer


@operations.on("HeadObject")
def head_object(call: Call) -> dict:
    answer = call.stock()
    place = (call["Bucket"], call["Key"], answer.get("VersionId", ""))
    if answer.get("Restore") and place in _restores and not _restores[place].done():
        answer["Restore"] = 'ongoing-request="true"'
    return answer


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
