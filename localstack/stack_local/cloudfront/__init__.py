"""CloudFront: what is declared is kept as declared. Nothing is served, except by name."""

from stack_local.cloudfront import distributions, invalidations, policies, tags  # noqa: F401  each lists its operations
from stack_local.cloudfront.distributions import uses_certificate, uses_web_acl
from stack_local.cloudfront.state import operations
from stack_local.cloudfront.tags import all_tags

__all__ = ["all_tags", "operations", "uses_certificate", "uses_web_acl"]
