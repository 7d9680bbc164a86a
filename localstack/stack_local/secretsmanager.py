"""Secrets Manager: LocalStack's, with secrets that RDS keeps and rotates by itself, and says so."""

import json
import logging
import threading
import uuid

from localstack.aws.connect import connect_to
from moto.secretsmanager import secretsmanager_backends

from stack_local import managed_secrets
from stack_local.core import Call, Operations, fault, now

operations = Operations("secretsmanager")

_log = logging.getLogger(__name__)


def _managed(call: Call):
    """The secret, when a service keeps it."""
    secret = secretsmanager_backends[call.account][call.region].secrets.get(call["SecretId"])
    return secret if secret is not None and secret.owning_service else None


@operations.on("RotateSecret")
def rotate_secret(call: Call) -> dict:
    secret = _managed(call)
    if secret is None:
        return call.stock()
    if call.get("RotationLambdaARN"):
        # "For managed rotation … don't include RotationLambdaARN" (API reference); the words are ours.
        raise fault("InvalidRequestException", "A rotation function can't be set for a secret that another service manages.")
    rules = call.get("RotationRules", {})
    days = rules.get("AutomaticallyAfterDays")
    if days is not None and not 1 <= days <= 1000:
        raise fault("InvalidParameterException", "RotationRules.AutomaticallyAfterDays must be within 1-1000.")
    if days is not None:
        secret.rotation_requested = secret.rotation_enabled = True
        secret.auto_rotate_after_days = days
    # "If you don't specify … by default, the secret is rotated immediately" (API reference, RotateImmediately).
    if call.get("RotateImmediately", True):
        managed_secrets.renew(secret, call.get("ClientRequestToken") or str(uuid.uuid4()))
        threading.Thread(target=_tell, args=(call.account, call.region, secret.arn), daemon=True).start()
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": secret.default_version_id}


@operations.on("CancelRotateSecret")
def cancel_rotate_secret(call: Call) -> dict:
    secret = _managed(call)
    if secret is None:
        return call.stock()
    secret.rotation_enabled = False
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": secret.default_version_id}


@operations.on("PutSecretValue", "UpdateSecret", "DeleteSecret")
def change(call: Call) -> dict:
    """What a service keeps, it alone changes (Secrets Manager User Guide, "Secrets managed by other AWS services"); the words are ours."""
    if _managed(call) is not None and not call.context.is_internal_call:
        raise fault("InvalidRequestException", "You can't perform this operation on a secret that is managed by another service.")
    return call.stock()


def _tell(account: str, region: str, arn: str) -> None:
    """The event of a rotation that succeeded, as CloudTrail hands it to EventBridge: the account's trail is taken to be there."""
    detail = {
        "eventVersion": "1.08",
        "userIdentity": {"accountId": account, "invokedBy": "secretsmanager.amazonaws.com"},
        "eventTime": now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": "RotationSucceeded",
        "awsRegion": region,
        "eventType": "AwsServiceEvent",
        "recipientAccountId": account,
        "additionalEventData": {"SecretId": arn},
    }
    entry = {"Source": "aws.secretsmanager", "DetailType": "AWS Service Event via CloudTrail", "Detail": json.dumps(detail)}
    try:
        connect_to(aws_access_key_id=account, aws_secret_access_key="test", region_name=region).events.put_events(Entries=[entry])
    except Exception:
        _log.exception("nobody was told that %s was rotated", arn)
