"""The identity store of IAM Identity Center: moto's, whose groups and users are there as soon as they are made; but a store is only where an
instance is."""

from stack_local import sso
from stack_local.core import Call, Operations, fault

operations = Operations("identitystore")


@operations.before_all
def _known(call: Call) -> None:
    """https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_GetGroupId.html: ResourceNotFoundException."""
    instance = sso.store.of(call).instance
    if instance is None or instance.store != call["IdentityStoreId"]:
        raise fault("ResourceNotFoundException", "IDENTITYSTORE not found.")
