"""Archives databases: exports the newest snapshot of each into the bucket, and writes a manifest of every export that is complete.

The event says what: `bucket`, `databases` (by name in the file, the identifier of each), `role` and `key` of the exports, and `start`:
whether exports are started, or only those that an earlier run could not start. Nothing is deleted, and whatever runs twice does nothing twice."""

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
# The exports that an account has in progress at most
# (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Exporting.html).
AT_MOST = 5


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
    """Starts an export where the newest snapshot has none, and writes the manifests that are missing. One that fails keeps no other."""
    problems = []

    def attempt(step, *arguments):
        try:
            step(*arguments)
        except Exception as error:
            problems.append(str(error))

    attempt(begin, rds, s3, event, name, instance)
    tasks = exports(rds, event["bucket"], prefix(name))
    for task in tasks:
        if task["Status"] == "COMPLETE":
            attempt(describe, s3, event["bucket"], name, instance, task)
    newest = max(
        tasks,
        key=lambda task: task.get("TaskStartTime") or task["SnapshotTime"],
        default=None,
    )
    if newest and newest["Status"] in ("FAILED", "CANCELED"):
        cause = newest.get("FailureCause") or "no reason given"
        problems.append(
            f"the export {newest['ExportTaskIdentifier']} is {newest['Status']}: {cause}"
        )
    if problems:
        raise RuntimeError("; ".join(problems))


def begin(rds, s3, event, name, instance):
    """Starts an export by schedule, or one that the last schedule left over. What has to wait is noted in the bucket."""
    waiting = left_over(s3, event["bucket"], name)
    if not event.get("start") and waiting is None:
        return
    snapshot = start(rds, s3, event, name, instance, waiting)
    if snapshot != waiting:
        leave_over(s3, event["bucket"], name, snapshot)


def left_over(s3, bucket, name):
    """The snapshot that is still to be exported."""
    try:
        body = s3.get_object(Bucket=bucket, Key=f"waiting/{name}.json")["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket"):
            raise
        return None
    return json.loads(body)["snapshot"]


def leave_over(s3, bucket, name, snapshot):
    # Written over and not deleted: the function deletes nothing.
    body = json.dumps({"snapshot": snapshot}).encode()
    s3.put_object(
        Bucket=bucket,
        Key=f"waiting/{name}.json",
        Body=body,
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
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


def snapshots(rds, instance):
    """The snapshots of a database that can be exported, with the newest data first."""
    pages = rds.get_paginator("describe_db_snapshots").paginate(
        DBInstanceIdentifier=instance
    )
    found = [
        snapshot
        for page in pages
        for snapshot in page["DBSnapshots"]
        if snapshot["Status"] == "available" and not passes(snapshot)
    ]
    return sorted(found, key=taken_at, reverse=True)


def taken_at(snapshot):
    # The time of a copy is that of its data.
    return snapshot.get("OriginalSnapshotCreateTime") or snapshot["SnapshotCreateTime"]


def passes(snapshot):
    tags = {tag["Key"] for tag in snapshot.get("TagList", [])}
    name = snapshot["DBSnapshotIdentifier"]
    return bool(tags & set(PASSING_TAGS)) or any(part in name for part in PASSING_NAMES)


def start(rds, s3, event, name, instance, waiting):
    """Starts an export, unless there is one. Returns the snapshot that has to wait for others."""
    found = snapshots(rds, instance)
    if not found:
        raise RuntimeError(f"{instance} has no snapshot that could be exported")
    # What is left over, as long as it exists; by schedule the newest.
    left = [one for one in found if one["DBSnapshotArn"] == waiting]
    snapshot = left[0] if left and not event.get("start") else found[0]
    arn = snapshot["DBSnapshotArn"]
    of_it = [
        task
        for task in exports(rds, event["bucket"], prefix(name))
        if task["SourceArn"] == arn
    ]
    taken = taken_at(snapshot).strftime("%Y%m%dt%H%M%Sz")
    # Other exports have begun with the same names, of which RDS may have forgotten some.
    names = [named(instance, taken, failures) for failures in range(len(of_it) + 1)]
    if is_exported(s3, event["bucket"], name, of_it, names):
        print(f"{name}: {arn} is exported already")
        return None
    try:
        # The same name in every run: one that is repeated starts nothing again.
        rds.start_export_task(
            ExportTaskIdentifier=names[-1],
            SourceArn=arn,
            S3BucketName=event["bucket"],
            S3Prefix=prefix(name),
            IamRoleArn=event["role"],
            KmsKeyId=event["key"],
        )
    except ClientError as error:
        if is_full(rds, error):
            print(f"{name}: {arn} is exported later: other exports are in progress")
            return arn
        if "AlreadyExists" not in error.response["Error"]["Code"]:
            raise
    print(f"{name}: {arn} is exported as {names[-1]}")
    return None


def is_exported(s3, bucket, name, tasks, names):
    """Whether an export of a snapshot is under way, or left something."""
    complete = [task for task in tasks if task["Status"] == "COMPLETE"]
    over = ("COMPLETE", "FAILED", "CANCELED")
    if any(task["Status"] not in over for task in tasks):
        return True
    below = [f"manifests/{name}/{one}.json" for one in names]
    for task in complete:
        identifier = task["ExportTaskIdentifier"]
        below += [
            f"manifests/{name}/{identifier}.json",
            f"{prefix(name)}/{identifier}/",
        ]
    return any(
        s3.list_objects_v2(Bucket=bucket, Prefix=one, MaxKeys=1).get("Contents")
        for one in below
    )


def is_full(rds, error):
    """Whether an export was refused because an account has as many as it may have in progress. AWS documents five of them, and no code."""
    code = error.response["Error"]["Code"]
    if code.startswith("ExportTask") and "Limit" in code:
        return True
    others = ("IamRole", "Invalid", "KMS", "NotFound", "AlreadyExists", "AccessDenied")
    if any(word in code for word in others):
        return False
    pages = rds.get_paginator("describe_export_tasks").paginate()
    tasks = [task for page in pages for task in page["ExportTasks"]]
    busy = [task for task in tasks if task["Status"] in ("STARTING", "IN_PROGRESS")]
    return len(busy) >= AT_MOST


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
        # What was exported has expired, or there was nothing in it.
        print(f"{name}: {identifier} is complete, and nothing is below {below}")
        return
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
