"""RDS: moto's, with the states, the refusals and the pending changes that it lacks."""

from stack_local.rds import (  # noqa: F401  each lists its operations
    backups,
    clusters,
    engines,
    exports,
    groups,
    instances,
    replicated,
    snapshots,
    subscriptions,
)
from stack_local.rds.instances import admits
from stack_local.rds.snapshots import data
from stack_local.rds.state import operations
from stack_local.rds.subscriptions import all_tags

__all__ = ["admits", "all_tags", "backups", "data", "operations"]
