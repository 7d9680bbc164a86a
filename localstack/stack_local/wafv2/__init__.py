"""WAF, of regions and of CloudFront. What is made of rules is written here; rule groups and sets of expressions are moto's.

moto has most of the rest, but checks nothing, keeps what an update leaves out, and knows neither capacities nor who uses what.
"""

from stack_local.wafv2 import acls, associations, groups, logs, managed, samples, sets, tags  # noqa: F401  each lists its operations
from stack_local.wafv2.acls import is_for_cloudfront
from stack_local.wafv2.samples import say_samples
from stack_local.wafv2.state import operations
from stack_local.wafv2.tags import all_tags

__all__ = ["all_tags", "is_for_cloudfront", "operations", "say_samples"]
