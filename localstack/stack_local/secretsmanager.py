"""Secrets Manager: LocalStack's, with secrets that RDS keeps and rotates by itself, and says so."""

import copy
import json
import logging
import threading
import uuid

from localstack.aws.connect import connect_to
from moto.secretsmanager import secretsmanager_backends
from moto.secretsmanager.exceptions import OperationNotPermittedOnReplica
from moto.secretsmanager.models import ReplicaSecret

from stack_local import managed_secrets
from stack_local.core import Call, Operations, fault, now

operations = Operations("secretsmanager")


def _source(copied):
    """The secret that one is a copy of, as it is now: LocalStack makes another object of it when its value changes."""
    first = copied.__dict__["first"]
    return secretsmanager_backends[first.account_id][first.region].secrets.get(first.arn) or first


# moto's copies have no key, without which LocalStack does not read them.
ReplicaSecret.kms_key_id = property(lambda copied: copied.config["KmsKeyId"])
ReplicaSecret.source = property(_source, lambda copied, source: copied.__dict__.update(first=source))

_log = logging.getLogger(__name__)


def _secret(call: Call):
    return secretsmanager_backends[call.account][call.region].secrets.get(call["SecretId"])


def _managed(call: Call):
    """The secret, when a service keeps it."""
    secret = _secret(call)
    return secret if secret is not None and secret.owning_service else None


@operations.on("RotateSecret")
def rotate_secret(call: Call) -> dict:
    secret = _managed(call)
    if secret is None:
        return call.stock()
    if call.get("RotationLambdaARN"):
        # "For managed rotation … don't include RotationLambdaARN" (API reference); own wording.
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


@operations.on("ReplicateSecretToRegions")
def replicate(call: Call) -> dict:
    secret = _secret(call)
    if secret is not None and secret.owning_service:
        # Secrets Manager User Guide, "Secrets managed by other AWS services": what a service keeps, it alone changes; own wording.
        raise fault("InvalidRequestException", "You can't replicate a secret that is managed by another service.")
    for wanted in call["AddReplicaRegions"]:
        if any(copied.region == wanted["Region"] for copied in getattr(secret, "replicas", [])):
            # Own wording.
            raise fault("InvalidParameterException", f"Secret is already replicated to region {wanted['Region']}.")
    return call.stock()


@operations.on("StopReplicationToReplica")
def stop_replication(call: Call) -> dict:
    """ "Removes the link between the replica secret and the primary secret and promotes the replica to a primary secret in the
    replica Region. You must call this operation from the Region in which you want to promote the replica" (API reference)."""
    copied = _secret(call)
    if copied is None:
        return call.stock()
    if not isinstance(copied, ReplicaSecret):
        # Own wording.
        raise fault("InvalidRequestException", "Operation is only permitted on a replica secret.")
    source, store = copied.source, secretsmanager_backends[call.account][call.region].secrets
    source.replicas = [other for other in source.replicas if other is not copied]
    own = copy.copy(source)
    own.arn, own.region, own.replicas = copied.arn, call.region, []
    own.versions, own.tags, own.kms_key_id = copy.deepcopy(source.versions), list(source.tags or []), copied.config["KmsKeyId"]
    dict.pop(store, copied.arn, None)
    store[own.name] = own
    return {"ARN": own.arn}


@operations.on("PutSecretValue", "UpdateSecret", "DeleteSecret")
def change(call: Call) -> dict:
    """What a service keeps, it alone changes (Secrets Manager User Guide, "Secrets managed by other AWS services"); own wording."""
    if isinstance(_secret(call), ReplicaSecret):
        raise OperationNotPermittedOnReplica
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
        _log.exception("the rotation of %s was not reported", arn)
