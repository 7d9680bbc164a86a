"""States that objects are said to be in, which on AWS come by themselves: a full disk, a key that cannot be used."""

from collections.abc import Callable

# By kind: has the object of an account and region with this name be in this state. Filled while modules are imported.
_kinds: dict[str, Callable[[str, str, str, str], None]] = {}


def of(kind: str):
    def register(function: Callable[[str, str, str, str], None]):
        _kinds[kind] = function
        return function

    return register


def say(raw) -> None:
    """`{"account": "000000000000", "region": "us-east-1", "rds.instance": {"shop-main": "storage-full"}}`"""
    if not isinstance(raw, dict):
        raise ValueError(f"{raw!r} is not an object")
    raw = dict(raw)
    account, region = raw.pop("account", None), raw.pop("region", None)
    if not isinstance(account, str) or not isinstance(region, str):
        raise ValueError("it has an account and a region")
    for kind, objects in raw.items():
        if kind not in _kinds:
            raise ValueError(f"nothing is known of the states of {kind}: {', '.join(sorted(_kinds))}")
        if not isinstance(objects, dict):
            raise ValueError(f"{kind} has states by name, not {objects!r}")
        for name, status in objects.items():
            _kinds[kind](account, region, name, status)
