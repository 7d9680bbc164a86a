"""Elastic Load Balancing v2, complete in itself: what is kept here is in the shape that AWS answers in.

moto has most of it, but forgets weighted forwards, swaps of rule priorities, targets on two ports, second listeners on one
port, and has no answer to most questions about attributes.
"""

from stack_local.elbv2 import actions, attributes, balancers, groups, listeners, rules, tags, targets  # noqa: F401  each lists its operations
from stack_local.elbv2.balancers import is_there
from stack_local.elbv2.listeners import uses_certificate
from stack_local.elbv2.state import operations
from stack_local.elbv2.tags import all_tags
from stack_local.elbv2.targets import attached, deregister, group_type, healthy, register

__all__ = [
    "all_tags",
    "attached",
    "deregister",
    "group_type",
    "healthy",
    "is_there",
    "operations",
    "register",
    "uses_certificate",
]
