"""What AWS Backup keeps: vaults with what is in them, plans with their selections, jobs, and a region's settings."""

import datetime
import json
import re

from localstack.services.kms.models import RESERVED_ALIASES, kms_stores
from moto.iam.models import iam_backends

from stack_local.core import Call, Operations, Store, fault, now, page
from stack_local.rds.snapshots import key_arn

operations = Operations("backup")

# LocalStack creates AWS's own keys on the first request, and does not know this one.
KEY_ALIAS = "alias/aws/backup"
RESERVED_ALIASES.append(KEY_ALIAS)

_MOST = 1000


class Vault:
    def __init__(self, name: str, arn: str, key: str, token: str | None):
        self.name = name
        self.arn = arn
        self.key = key
        self.token = token
        self.created = now()
        self.tags: dict[str, str] = {}
        self.policy: str | None = None
        self.notifications: dict | None = None
        self.lock: dict | None = None  # MinRetentionDays, MaxRetentionDays, LockDate: as far as they were given
        self.points: dict = {}  # by ARN

    @property
    def is_immutable(self) -> bool:
        """Whether its lock can no longer be changed or deleted."""
        date = (self.lock or {}).get("LockDate")
        return date is not None and date <= now()

    def locks_out(self, days: int | None) -> bool:
        """Whether the lock fails jobs whose points are kept for so many days; without a number they are kept for ever."""
        lock = self.lock or {}
        kept = float("inf") if days is None else days
        return kept < lock.get("MinRetentionDays", 0) or kept > lock.get("MaxRetentionDays", float("inf"))


class Plan:
    def __init__(self, id: str, arn: str, token: str | None):
        self.id = id
        self.arn = arn
        self.token = token
        self.tags: dict[str, str] = {}
        self.versions: dict[str, dict] = {}  # each with its document and time, the newest last
        self.selections: dict[str, dict] = {}
        self.deleted: datetime.datetime | None = None

    @property
    def newest(self) -> dict:
        return list(self.versions.values())[-1]


class TestingPlan:
    def __init__(self, name: str, arn: str, token: str | None):
        self.name = name
        self.arn = arn
        self.token = token
        self.created = self.updated = now()
        self.tags: dict[str, str] = {}
        self.fields: dict = {}  # as they were given
        self.selections: dict[str, dict] = {}  # by name


class State:
    def __init__(self):
        self.vaults: dict[str, Vault] = {}
        self.plans: dict[str, Plan] = {}
        self.testing: dict[str, TestingPlan] = {}
        self.backups: dict = {}  # jobs, by id
        self.copies: dict = {}
        self.restores: dict = {}
        self.opted: dict[str, bool] = {}
        self.managed: dict[str, bool] = {}


store = Store(State)


def invalid(message: str):
    return fault("InvalidParameterValueException", message)


def taken(message: str, arn: str, token: str | None):
    """What is there already is named: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html"""
    refused = fault("AlreadyExistsException", message)
    refused.Arn, refused.CreatorRequestId = arn, token
    return refused


def vault_of(call: Call, name: str) -> Vault:
    """The vault of that name. Of one that is not there AWS says that it is not allowed."""
    # As met in aws/aws-sdk-js#2625, boto/boto3#2269 (ListRecoveryPointsByBackupVault) and ansible-collections/amazon.aws#1436,
    # "even when you have permissions".
    found = store.of(call).vaults.get(name)
    if found is None:
        raise fault("AccessDeniedException", "Insufficient privileges to perform this action.", 403)
    return found


def at(arn: str) -> Vault | None:
    """The vault of an ARN, wherever it is."""
    match = re.fullmatch(r"arn:aws:backup:([^:]+):(\d{12}):backup-vault:([^:]+)", arn)
    return store.at(match[2], match[1]).vaults.get(match[3]) if match else None


def paged(call: Call, member: str, items: list) -> dict:
    items, token = page(items, call.get("NextToken"), call.get("MaxResults"), _MOST)
    return {member: items} | ({"NextToken": token} if token else {})


def own_key(account: str, region: str) -> str:
    """AWS's own key for backups."""
    return key_arn(account, region, f"arn:aws:kms:{region}:{account}:{KEY_ALIAS}")


def check_key(call: Call, key: str) -> None:
    # "The server-side encryption key that is used to protect your backups; for example, arn:aws:kms:…:key/…" (API reference,
    # CreateBackupVault, EncryptionKeyArn); own wording.
    match = re.fullmatch(r"arn:aws:kms:([^:]+):(\d{12}):key/(.+)", key)
    if not match or match[1] != call.region:
        raise invalid(f"Invalid encryption key ARN: {key}")
    if match[2] == call.account and match[3] not in kms_stores[call.account][call.region].keys:
        raise invalid(f"The encryption key {key} does not exist.")


def _role(account: str, arn: str):
    return next((role for role in iam_backends[account]["aws"].roles.values() if role.arn == arn), None)


def is_assumable(account: str, arn: str) -> bool:
    """Whether the role is there and trusts AWS Backup."""
    role = _role(account, arn)
    if role is None:
        return False
    document = role.assume_role_policy_document
    statements = (json.loads(document) if isinstance(document, str) else document).get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect", "").lower() == "allow" and "backup.amazonaws.com" in (
            services if isinstance(services, list) else [services]
        ):
            return True
    return False


def check_role(call: Call, arn: str) -> None:
    # AWS's words, as quoted in hashicorp/terraform-provider-aws#9297.
    if not is_assumable(call.account, arn):
        raise invalid(f"IAM Role {arn} cannot be assumed by AWS Backup")


# "must contain 1 to 50 alphanumeric or '-_.' characters" (API reference).
NAME = re.compile(r"[a-zA-Z0-9\-_.]{1,50}")


def check_token(call: Call) -> str | None:
    token = call.get("CreatorRequestId")
    if token is not None and not NAME.fullmatch(token):
        raise invalid("Invalid CreatorRequestId. It must contain 1 to 50 alphanumeric or '-_.' characters.")  # own wording
    return token
