"""Deploys services of ECS anew, so that their tasks read their secrets again."""

import boto3


def run(event, context):
    ecs, failed = boto3.client("ecs"), []
    for service in event["services"]:
        try:
            ecs.update_service(cluster=event["cluster"], service=service, forceNewDeployment=True)
            print(f"{service} of {event['cluster']} is deployed anew")
        except Exception as error:
            failed.append(f"{service}: {error}")
    if failed:
        # Lambda tries again, twice.
        raise RuntimeError("; ".join(failed))
