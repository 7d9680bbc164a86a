"""Nothing here runs in the background. Whatever takes time is brought up to date by the next call."""

from collections.abc import Callable

# Filled while modules are imported and never again: which services have transitions that others can see.
_services: list[Callable[[str, str], None]] = []


def settles(function: Callable[[str, str], None]):
    """Marks the function that brings one service up to date, for an account and region."""
    _services.append(function)
    return function


def settle_all(account: str, region: str) -> None:
    for settle in _services:
        settle(account, region)
