"""Archives databases: exports the newest snapshot of each into the bucket, and writes a manifest of every export that is complete.

The event says what: `bucket`, `databases` (by name in the file, the identifier of each), `role` and `key` of the exports, and `start`:
whether exports are started, or only those that exist are looked at. Nothing is deleted, and whatever runs twice does nothing twice."""

import concurrent.futures
import datetime
import hashlib
import json

import boto3
from botocore.exceptions import ClientError

# Snapshots that `stack` makes for one operation and deletes soon, by the tags or by parts of their names.
PASSING_TAGS = ("stack:begins", "stack:begins-for")
PASSING_NAMES = ("-carries-", "-begins")
# The objects whose checksums are asked for at once.
AT_ONCE = 16


def run(event, context):
    rds, s3, failed = boto3.client("rds"), boto3.client("s3"), []
    for name, instance in sorted(event["databases"].items()):
        try:
            archive(rds, s3, event, name, instance)
        except Exception as error:
            # One that fails does not keep the others.
            print(f"{name}: {error}")
            failed.append(f"{name}: {error}")
    if failed:
        raise RuntimeError("; ".join(failed))


def archive(rds, s3, event, name, instance):
    """Writes the manifests that are missing, and starts an export where the newest snapshot has none."""
    tasks = exports(rds, event["bucket"], prefix(name))
    for task in tasks:
        if task["Status"] == "COMPLETE":
            describe(s3, event["bucket"], name, instance, task)
    if event.get("start"):
        start(rds, event, name, instance, tasks)
    newest = max(
        tasks,
        key=lambda task: task.get("TaskStartTime") or task["SnapshotTime"],
        default=None,
    )
    if newest and newest["Status"] in ("FAILED", "CANCELED"):
        cause = newest.get("FailureCause") or "no reason given"
        raise RuntimeError(
            f"the export {newest['ExportTaskIdentifier']} is {newest['Status']}: {cause}"
        )


def prefix(name):
    return f"exports/{name}"


def exports(rds, bucket, under):
    """The exports into the bucket, of the database that is kept under this prefix. RDS forgets them some time after their end."""
    pages = rds.get_paginator("describe_export_tasks").paginate(
        Filters=[{"Name": "s3-bucket", "Values": [bucket]}]
    )
    return [
        task
        for page in pages
        for task in page["ExportTasks"]
        if (task.get("S3Prefix") or "").rstrip("/") == under
    ]


def newest_snapshot(rds, instance):
    pages = rds.get_paginator("describe_db_snapshots").paginate(
        DBInstanceIdentifier=instance
    )
    found = [
        snapshot
        for page in pages
        for snapshot in page["DBSnapshots"]
        if snapshot["Status"] == "available"
    ]
    kept = [snapshot for snapshot in found if not passes(snapshot)]
    return max(kept, key=lambda snapshot: snapshot["SnapshotCreateTime"], default=None)


def passes(snapshot):
    tags = {tag["Key"] for tag in snapshot.get("TagList", [])}
    name = snapshot["DBSnapshotIdentifier"]
    return bool(tags & set(PASSING_TAGS)) or any(part in name for part in PASSING_NAMES)


def start(rds, event, name, instance, tasks):
    snapshot = newest_snapshot(rds, instance)
    if snapshot is None:
        raise RuntimeError(f"{instance} has no snapshot that could be exported")
    arn = snapshot["DBSnapshotArn"]
    of_it = [task for task in tasks if task["SourceArn"] == arn]
    if any(task["Status"] not in ("FAILED", "CANCELED") for task in of_it):
        print(f"{name}: {arn} is exported already")
        return
    taken = snapshot["SnapshotCreateTime"].strftime("%Y%m%dt%H%M%Sz")
    # The same name in every run: one that is repeated starts nothing again.
    identifier = named(instance, taken, len(of_it))
    try:
        rds.start_export_task(
            ExportTaskIdentifier=identifier,
            SourceArn=arn,
            S3BucketName=event["bucket"],
            S3Prefix=prefix(name),
            IamRoleArn=event["role"],
            KmsKeyId=event["key"],
        )
    except ClientError as error:
        if "AlreadyExists" not in error.response["Error"]["Code"]:
            raise
    print(f"{name}: {arn} is exported as {identifier}")


def named(instance, taken, failures):
    """The name of an export: at most 60 characters, with what tells it from others."""
    end = f"-{taken}" + (f"-{failures + 1}" if failures else "")
    digest = hashlib.sha256(instance.encode()).hexdigest()[:6]
    begin = (
        instance
        if len(instance) + len(end) <= 60
        else f"{instance[: 60 - 7 - len(end)].rstrip('-')}-{digest}"
    )
    return begin + end


def describe(s3, bucket, name, instance, task):
    """Writes the manifest of an export, unless it is there: the objects with sizes and checksums, and a digest of that list."""
    identifier = task["ExportTaskIdentifier"]
    key = f"manifests/{name}/{identifier}.json"
    try:
        s3.head_object(Bucket=bucket, Key=key)
        return
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    below = f"{prefix(name)}/{identifier}/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below)
    keys = sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))
    if not keys:
        raise RuntimeError(
            f"the export {identifier} is complete, and nothing is below {below}"
        )
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        objects = list(pool.map(lambda one: look(s3, bucket, one), keys))
    manifest = {
        "version": 1,
        "database": name,
        "instance": instance,
        "export": identifier,
        "snapshot": task["SourceArn"],
        "snapshot_taken": shown(task.get("SnapshotTime")),
        "complete": shown(task.get("TaskEndTime")),
        "bytes": sum(one["size"] for one in objects),
        "objects": objects,
        "digest": digest(objects),
    }
    body = json.dumps(manifest, indent=1).encode()
    s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=body,
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
    )
    print(f"{name}: {key} lists {len(objects)} objects")


def look(s3, bucket, key):
    head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    kinds = ("CRC64NVME", "SHA256", "SHA1", "CRC32C", "CRC32")
    checksums = {
        kind: head[f"Checksum{kind}"] for kind in kinds if head.get(f"Checksum{kind}")
    }
    found = {
        "key": key,
        "size": head["ContentLength"],
        "etag": head["ETag"].strip('"'),
        "checksums": checksums,
    }
    if head.get("VersionId"):
        found["version"] = head["VersionId"]
    return found


def digest(objects):
    """The SHA-256 of the list: a line for each object, with what `stack archive verify` compares."""
    lines = [f"{one['key']}\n{one['size']}\n{one['etag']}\n" for one in objects]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def shown(time):
    return (
        time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if time
        else None
    )
