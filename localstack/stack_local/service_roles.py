"""Service-linked roles: made by the first call that needs one, as on AWS, and one for the whole account."""

import json

from moto.iam.models import iam_backends

from stack_local.core import Call

_NAMES = {
    "backup.amazonaws.com": "AWSServiceRoleForBackup",
    "restore-testing.backup.amazonaws.com": "AWSServiceRoleForBackupRestoreTesting",
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
    "rds.amazonaws.com": "AWSServiceRoleForRDS",
    "elasticache.amazonaws.com": "AWSServiceRoleForElastiCache",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
}


def need(call: Call, service: str) -> None:
    iam, name = iam_backends[call.account]["aws"], _NAMES[service]
    if any(role.name == name for role in iam.roles.values()):
        return
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    iam.create_role(
        name,
        json.dumps(trust),
        f"/aws-service-role/{service}/",
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration="3600",
        linked_service=service,
    )
