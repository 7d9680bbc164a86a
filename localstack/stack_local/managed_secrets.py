"""The secrets that RDS keeps: what is in them, how often it changes, and that it does."""

import json
import secrets as randomness

# How often RDS rotates what it keeps, by default (Amazon RDS User Guide, "Password management").
DAYS = 7


def complete(secret, user: str) -> None:
    """moto writes the same user into every secret, lets it never change, and what LocalStack lists of a secret lacks."""
    if getattr(secret, "kept_for", None) == user:
        return
    secret.kept_for = user
    _write(secret, secret.default_version_id)
    secret.rotation_requested = secret.rotation_enabled = True
    secret.auto_rotate_after_days = DAYS
    if not hasattr(secret, "last_accessed_date"):
        secret.last_accessed_date = None


def renew(secret, version: str) -> None:
    """Another password, in a version of its own; the one before it stays readable."""
    secret.reset_default_version({"createdate": 0, "version_id": version, "version_stages": ["AWSCURRENT"]}, version)
    _write(secret, version)


def _write(secret, version: str) -> None:
    secret.secret_string = json.dumps({"username": secret.kept_for, "password": "local-" + randomness.token_hex(8)})
    secret.versions[version]["secret_string"] = secret.secret_string
