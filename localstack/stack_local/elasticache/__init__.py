"""ElastiCache: replication groups, Memcached clusters, the groups they need, snapshots and tags. Users and single Redis clusters are moto's."""

from stack_local.elasticache import clusters, groups, nodes, replication, snapshots, tags  # noqa: F401  each lists its operations
from stack_local.elasticache.state import operations
from stack_local.elasticache.tags import all_tags

__all__ = ["all_tags", "operations"]
