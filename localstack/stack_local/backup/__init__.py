"""AWS Backup: vaults, plans, selections, restore tests, a region's settings, jobs, recovery points and tags."""

from stack_local.backup import jobs, plans, points, selections, settings, tags, testing, vaults  # noqa: F401  each lists its operations
from stack_local.backup.state import operations
from stack_local.backup.tags import all_tags

__all__ = ["all_tags", "operations"]
