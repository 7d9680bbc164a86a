"""Backup vaults: with a policy, notifications and a lock each."""

import datetime
import json
import re

from stack_local import states
from stack_local.backup.state import Vault, check_key, check_token, invalid, operations, own_key, paged, store, taken, vault_of
from stack_local.core import Call, fault, now
from stack_local.policies import refuse_what_is_denied

_NAME = re.compile(r"[a-zA-Z0-9\-_]{2,50}")


@operations.before_all
def _denied(call: Call) -> None:
    """A policy can keep everybody from a vault, and from taking the policy away."""
    vault = store.of(call).vaults.get(call.get("BackupVaultName", ""))
    if vault is not None:
        refuse_what_is_denied(call, "backup", vault.arn, vault.policy)


def view(vault: Vault) -> dict:
    shown = {
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "VaultType": "BACKUP_VAULT",
        "VaultState": "AVAILABLE",
        "EncryptionKeyArn": vault.key,
        "CreationDate": vault.created,
        "NumberOfRecoveryPoints": len(vault.points),
        "Locked": vault.lock is not None,
    }
    if vault.token:
        shown["CreatorRequestId"] = vault.token
    return shown | (vault.lock or {})


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html
@operations.on("CreateBackupVault")
def create_backup_vault(call: Call) -> dict:
    state, name, token = store.of(call), call["BackupVaultName"], check_token(call)
    if not _NAME.fullmatch(name):
        raise invalid(f"Backup vault name {name} is not valid")  # AWS's words, as quoted in aws/aws-cdk#8685
    key, known = call.get("EncryptionKeyArn"), state.vaults.get(name)
    if known is not None:
        # "allows failed requests to be retried without the risk of running the operation twice" (as above, CreatorRequestId).
        if token is None or token != known.token or key not in (None, known.key):
            raise taken("Backup vault with the same name already exists", known.arn, known.token)
        return _made(known)
    if key:
        check_key(call, key)
    vault = Vault(name, call.arn("backup", f"backup-vault:{name}"), key or own_key(call.account, call.region), token)
    vault.tags = dict(call.get("BackupVaultTags", {}))
    state.vaults[name] = vault
    return _made(vault)


def _made(vault: Vault) -> dict:
    return {"BackupVaultName": vault.name, "BackupVaultArn": vault.arn, "CreationDate": vault.created}


@operations.on("DescribeBackupVault")
def describe_backup_vault(call: Call) -> dict:
    return view(vault_of(call, call["BackupVaultName"]))


@operations.on("ListBackupVaults")
def list_backup_vaults(call: Call) -> dict:
    others = call.get("ByVaultType", "BACKUP_VAULT") != "BACKUP_VAULT"
    vaults = [] if others else [view(vault) for _, vault in sorted(store.of(call).vaults.items())]
    return paged(call, "BackupVaultList", vaults)


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteBackupVault.html
@operations.on("DeleteBackupVault")
def delete_backup_vault(call: Call) -> dict:
    vault = vault_of(call, call["BackupVaultName"])
    if vault.points:
        # AWS's words, as quoted in gruntwork-io/cloud-nuke#730; also while the last ones are still going
        # (hashicorp/terraform-provider-aws#37774, go-to-k/delstack#370).
        raise fault("InvalidRequestException", "Backup vault cannot be deleted because it contains recovery points.")
    del store.of(call).vaults[vault.name]
    return {}


# The lock

_COOLING_OFF = 3


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_PutBackupVaultLockConfiguration.html
@operations.on("PutBackupVaultLockConfiguration")
def put_backup_vault_lock_configuration(call: Call) -> dict:
    vault = vault_of(call, call["BackupVaultName"])
    least, most, days = call.get("MinRetentionDays"), call.get("MaxRetentionDays"), call.get("ChangeableForDays")
    # "The shortest minimum retention period you can specify is 1 day", "The longest maximum retention period you can specify is 36500
    # days", "you must set ChangeableForDays to 3 or greater" (as above); own wording.
    if least is not None and least < 1:
        raise invalid("MinRetentionDays cannot be less than 1.")
    if most is not None and not 1 <= most <= 36500:
        raise invalid("MaxRetentionDays cannot be less than 1 or more than 36500.")
    if least is not None and most is not None and least > most:
        raise invalid("MinRetentionDays cannot be greater than MaxRetentionDays.")
    if days is not None and days < _COOLING_OFF:
        raise invalid(f"ChangeableForDays cannot be less than {_COOLING_OFF}.")
    _check_lock(vault)
    given = {"MinRetentionDays": least, "MaxRetentionDays": most}
    if days is not None:
        given["LockDate"] = now() + datetime.timedelta(days=days)
    vault.lock = {field: value for field, value in given.items() if value is not None}
    return {}


@operations.on("DeleteBackupVaultLockConfiguration")
def delete_backup_vault_lock_configuration(call: Call) -> dict:
    vault = vault_of(call, call["BackupVaultName"])
    _check_lock(vault)
    vault.lock = None
    return {}


def _check_lock(vault: Vault) -> None:
    # "On and after the lock date, the Vault Lock becomes immutable and cannot be changed or deleted" (as above), "you will receive an
    # InvalidRequestException if you attempt to do so" (API reference, DeleteBackupVaultLockConfiguration); own wording.
    if vault.is_immutable:
        raise fault("InvalidRequestException", f"The lock of backup vault {vault.name} is immutable.")


@states.of("backup.vault")
def _say(account: str, region: str, name: str, status: str) -> None:
    """Has the grace time of a vault's lock be over, which takes days on AWS."""
    vault = store.at(account, region).vaults.get(name)
    if vault is None or (vault.lock or {}).get("LockDate") is None:
        raise ValueError(f"there is no vault {name} with a lock date in {account}, {region}")
    if status != "immutable":
        raise ValueError(f"a vault's lock can be said to be immutable, not {status}")
    vault.lock = dict(vault.lock or {}, LockDate=now())


# Its policy and its notifications


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_PutBackupVaultAccessPolicy.html
@operations.on("PutBackupVaultAccessPolicy")
def put_backup_vault_access_policy(call: Call) -> dict:
    vault, policy = vault_of(call, call["BackupVaultName"]), call.get("Policy")
    try:
        statements = json.loads(policy or "")["Statement"]
    except (ValueError, TypeError, KeyError):
        statements = None
    if not statements:
        raise invalid("The specified policy document is not valid.")  # own wording
    vault.policy = policy
    return {}


def _none(vault: Vault, what: str):
    # The code is the one of the API reference; that this is it for a vault without one: aquasecurity/cloudsploit#1593. Own wording.
    return fault("ResourceNotFoundException", f"Backup vault {vault.name} has no {what}.")


@operations.on("GetBackupVaultAccessPolicy")
def get_backup_vault_access_policy(call: Call) -> dict:
    vault = vault_of(call, call["BackupVaultName"])
    if vault.policy is None:
        raise _none(vault, "access policy")
    return {"BackupVaultName": vault.name, "BackupVaultArn": vault.arn, "Policy": vault.policy}


@operations.on("DeleteBackupVaultAccessPolicy")
def delete_backup_vault_access_policy(call: Call) -> dict:
    vault_of(call, call["BackupVaultName"]).policy = None
    return {}


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_PutBackupVaultNotifications.html
@operations.on("PutBackupVaultNotifications")
def put_backup_vault_notifications(call: Call) -> dict:
    vault, topic, events = vault_of(call, call["BackupVaultName"]), call["SNSTopicArn"], call["BackupVaultEvents"]
    if not re.fullmatch(r"arn:aws:sns:[^:]+:\d{12}:.+", topic):
        raise invalid(f"Invalid SNS topic ARN: {topic}")  # own wording
    if not events:
        raise invalid("BackupVaultEvents cannot be empty.")  # own wording
    vault.notifications = {"SNSTopicArn": topic, "BackupVaultEvents": list(events)}
    return {}


@operations.on("GetBackupVaultNotifications")
def get_backup_vault_notifications(call: Call) -> dict:
    vault = vault_of(call, call["BackupVaultName"])
    if vault.notifications is None:
        raise _none(vault, "notifications")
    return {"BackupVaultName": vault.name, "BackupVaultArn": vault.arn} | vault.notifications


@operations.on("DeleteBackupVaultNotifications")
def delete_backup_vault_notifications(call: Call) -> dict:
    vault_of(call, call["BackupVaultName"]).notifications = None
    return {}
