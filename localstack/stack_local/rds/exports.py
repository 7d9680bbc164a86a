"""Exports of snapshots to S3: the states that they go through, what AWS refuses, and the objects that they leave.

The names of the objects are those of "Destination of the exported data"
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.FileNames.html); what is in them is made up.
"""

import json

from localstack.aws.connect import connect_to
from localstack.services.s3.models import s3_stores
from moto.iam.models import iam_backends

from stack_local.clock import clock
from stack_local.core import Call, Store, fault, now
from stack_local.outcomes import outcomes
from stack_local.rds.snapshots import key_arn
from stack_local.rds.state import moto_backend, operations
from stack_local.settling import settles

PRINCIPAL = "export.rds.amazonaws.com"
_FILTERS = {
    "export-task-identifier": "ExportTaskIdentifier",
    "s3-bucket": "S3Bucket",
    "source-arn": "SourceArn",
    "status": "Status",
}


class _State:
    def __init__(self):
        self.tasks: dict[str, dict] = {}
        self.under_way: dict[str, tuple[object, str | None]] = {}  # export: (timer, how it fails)


state = Store(_State)


@operations.before_all
def _first(call: Call) -> None:
    settle(call.account, call.region)


@settles
def settle(account: str, region: str) -> None:
    here = state.at(account, region)
    for name, (timer, fate) in list(here.under_way.items()):
        task = here.tasks[name]
        if not timer.done():
            task |= {"Status": "IN_PROGRESS", "PercentProgress": 50}
            continue
        del here.under_way[name]
        task["TaskEndTime"] = now()
        if fate:
            task |= {"Status": "FAILED", "FailureCause": "A PERMISSIONS_DO_NOT_EXIST error occurred"}
        else:
            _write(account, region, task)
            task |= {"Status": "COMPLETE", "PercentProgress": 100, "TotalExtractedDataInGB": 1}


def _write(account: str, region: str, task: dict) -> None:
    name, prefix = task["ExportTaskIdentifier"], task.get("S3Prefix", "")
    below = f"{prefix}/{name}" if prefix else name
    s3 = connect_to(aws_access_key_id=account, aws_secret_access_key="test", region_name=region).s3
    tables = {"perTableStatus": [{"tableStatistics": {"partitioningInfo": {}}, "status": "COMPLETE"}]}
    for key, body in {
        f"export_info_{name}.json": json.dumps(
            {"exportTaskIdentifier": name, "sourceArn": task["SourceArn"], "status": "COMPLETE"}
        ),
        f"export_tables_info_{name}_from_1_to_1.json": json.dumps(tables),
        "app/public.orders/1/_SUCCESS": " ",  # an empty body never ends here
        "app/public.orders/1/part-00000-0a1b2c3d.gz.parquet": f"PAR1 of {task['SourceArn']} PAR1",
    }.items():
        s3.put_object(Bucket=task["S3Bucket"], Key=f"{below}/{key}", Body=body.encode())


def _check(call: Call):
    """What the API reference lists among the errors of StartExportTask; own wording where it quotes none."""
    name, arn = call["ExportTaskIdentifier"], call["SourceArn"]
    if name in state.of(call).tasks:
        raise fault("ExportTaskAlreadyExists", f"ExportTask {name} already exists.")
    found = moto_backend(call.account, call.region).database_snapshots.get(arn.split(":snapshot:")[-1])
    if found is None:
        raise fault("DBSnapshotNotFound", f"DBSnapshot {arn} not found.", 404)
    if found.status != "available":
        raise fault("InvalidExportSourceState", f"Snapshot {arn} is not in the available state.")
    owner = s3_stores[call.account][call.region].global_bucket_map.get(call["S3BucketName"])
    held = (
        next((s.buckets[call["S3BucketName"]] for s in s3_stores[owner].values() if call["S3BucketName"] in s.buckets), None)
        if owner
        else None
    )
    if held is None or held.bucket_region != call.region:
        # "must be in the same AWS Region" (RDS user guide, USER_ExportSnapshot).
        raise fault("InvalidS3BucketFault", f"The S3 bucket {call['S3BucketName']} does not exist in {call.region}.", 404)
    role = next((r for r in iam_backends[call.account]["aws"].roles.values() if r.arn == call["IamRoleArn"]), None)
    if role is None:
        raise fault("IamRoleNotFound", f"The role {call['IamRoleArn']} does not exist.", 404)
    if PRINCIPAL not in str(role.assume_role_policy_document):
        raise fault("IamRoleMissingPermissions", f"The role {role.name} cannot be assumed by {PRINCIPAL}.")
    key = key_arn(call.account, call.region, call["KmsKeyId"])
    # "a customer managed key" (RDS user guide, USER_ExportSnapshot.Setup).
    if ":key/" not in key or call["KmsKeyId"].split(":")[-1].startswith("alias/aws/"):
        raise fault(
            "KMSKeyNotAccessibleFault", f"The KMS key {call['KmsKeyId']} does not exist, is not enabled or cannot be used."
        )
    busy = [task for task in state.of(call).tasks.values() if task["Status"] in ("STARTING", "IN_PROGRESS")]
    if len(busy) >= 5:
        # "up to five concurrent DB snapshot export tasks in progress" (RDS user guide, quotas); own code and wording.
        raise fault("ExportTaskLimitReached", "You cannot have more than 5 exports in progress.")
    return found


@operations.on("StartExportTask")
def start(call: Call) -> dict:
    if ":snapshot:" not in call["SourceArn"]:
        return call.stock()
    found = _check(call)
    task = {
        "ExportTaskIdentifier": call["ExportTaskIdentifier"],
        "SourceArn": call["SourceArn"],
        "SourceType": "SNAPSHOT",
        "SnapshotTime": found.created,
        "TaskStartTime": now(),
        "S3Bucket": call["S3BucketName"],
        "S3Prefix": call.get("S3Prefix", "").strip("/"),
        "IamRoleArn": call["IamRoleArn"],
        "KmsKeyId": call["KmsKeyId"],
        "Status": "STARTING",
        "PercentProgress": 0,
        "TotalExtractedDataInGB": 0,
    }
    here = state.of(call)
    here.tasks[task["ExportTaskIdentifier"]] = task
    here.under_way[task["ExportTaskIdentifier"]] = (clock.timer("rds.export"), outcomes.take(call.account, "rds.export"))
    return dict(task)


@operations.on("DescribeExportTasks")
def describe(call: Call) -> dict:
    found = list(state.of(call).tasks.values())
    if name := call.get("ExportTaskIdentifier"):
        found = [task for task in found if task["ExportTaskIdentifier"] == name]
        if not found:
            raise fault("ExportTaskNotFound", f"ExportTask {name} not found.", 404)
    for one in call.get("Filters", []):
        field = _FILTERS.get(one["Name"])
        if field is None:
            raise fault("InvalidParameterValue", f"Unrecognized filter name: {one['Name']}")
        # The values of `status` are in lower case (API reference, DescribeExportTasks).
        wanted = {value.lower() for value in one["Values"]} if field == "Status" else set(one["Values"])
        found = [task for task in found if (task[field].lower() if field == "Status" else task[field]) in wanted]
    return {"ExportTasks": [dict(task) for task in found]}


@operations.on("CancelExportTask")
def cancel(call: Call) -> dict:
    here, name = state.of(call), call["ExportTaskIdentifier"]
    if name not in here.tasks:
        raise fault("ExportTaskNotFound", f"ExportTask {name} not found.", 404)
    if name not in here.under_way:
        raise fault("InvalidExportTaskStateFault", f"ExportTask {name} is {here.tasks[name]['Status']}.")
    del here.under_way[name]
    here.tasks[name] |= {"Status": "CANCELED", "TaskEndTime": now()}
    return dict(here.tasks[name])
