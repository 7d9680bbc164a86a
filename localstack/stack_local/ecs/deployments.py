"""What became of deployments."""

from stack_local.core import Call
from stack_local.ecs.clusters import find_cluster
from stack_local.ecs.services import find_service
from stack_local.ecs.state import operations, paged, store


@operations.on("ListServiceDeployments")
def list_service_deployments(call: Call) -> dict:
    service = find_service(call, call["service"], find_cluster(call, call.get("cluster")))
    wanted = call.get("status", [])
    fields = (
        "serviceDeploymentArn",
        "serviceArn",
        "clusterArn",
        "startedAt",
        "createdAt",
        "finishedAt",
        "status",
        "statusReason",
    )
    found = []
    for made in reversed(service.history):
        view = made.service_deployment() | {"targetServiceRevisionArn": made.revision_arn}
        if not wanted or view["status"] in wanted:
            found.append({field: view[field] for field in (*fields, "targetServiceRevisionArn") if field in view})
    return paged(call, "serviceDeployments", found)


@operations.on("DescribeServiceDeployments")
def describe_service_deployments(call: Call) -> dict:
    every = {made.arn: made for service in store.of(call).services.values() for made in service.history}
    asked = call["serviceDeploymentArns"]
    missing = [{"arn": arn, "reason": "MISSING"} for arn in asked if arn not in every]
    return {"serviceDeployments": [every[arn].service_deployment() for arn in asked if arn in every], "failures": missing}


@operations.on("DescribeServiceRevisions")
def describe_service_revisions(call: Call) -> dict:
    every = {made.revision_arn: made for service in store.of(call).services.values() for made in service.history}
    asked = call["serviceRevisionArns"]
    missing = [{"arn": arn, "reason": "MISSING"} for arn in asked if arn not in every]
    return {"serviceRevisions": [every[arn].service_revision() for arn in asked if arn in every], "failures": missing}
