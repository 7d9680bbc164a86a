"""ECS: clusters, task definitions and services in the shape that AWS answers in. What runs is in `rollout`."""

from stack_local.ecs import checks, clusters, definitions, deployments, services, tags, tasks  # noqa: F401  each lists its operations
from stack_local.ecs.services import service_is_active
from stack_local.ecs.state import operations, settle
from stack_local.ecs.tags import all_tags

__all__ = ["all_tags", "operations", "service_is_active", "settle"]
