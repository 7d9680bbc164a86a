"""AWS's quotas. None is in force until it is turned on: a test of a thousand things is no test of quotas."""

import json
import os

AWS = {
    "rules-per-balancer": 100,  # default rules do not count
    "values-per-rule": 5,
    "target-groups-per-balancer": 100,
    "listeners-per-balancer": 50,
    "groups-per-balancer": 5,
    "groups-per-interface": 5,
    "addresses": 5,  # per region
    "networks": 5,  # per region, with the default one
    "internet-gateways": 5,  # per region
    "nat-gateways-per-zone": 5,
    "event-rules": 300,  # on an event bus; reported by Service Quotas, never refused
    "fargate-vcpus": 6,  # reported by Service Quotas, never refused
    "fargate-spot-vcpus": 6,
}

_ENV = "STACK_LOCAL_QUOTAS"


def parse(raw) -> dict[str, int | None]:
    """`"aws"` and `"none"` mean all of them; otherwise numbers by name, None for none."""
    if raw in ("aws", "none"):
        return dict(AWS) if raw == "aws" else dict.fromkeys(AWS)
    if not isinstance(raw, dict):
        raise ValueError(f"{raw!r} is neither aws nor none nor numbers by name")
    for name, most in raw.items():
        if name not in AWS:
            raise ValueError(f"no quota is called {name}: {', '.join(AWS)}")
        if most is not None and (type(most) is not int or most < 0):
            raise ValueError(f"{name} is a whole number or null, not {most!r}")
    return raw


class Quotas:
    def __init__(self, most: dict[str, int | None]):
        self.most = dict.fromkeys(AWS) | most

    def change(self, raw) -> None:
        self.most = self.most | parse(raw)

    def exceeded(self, name: str, count: int) -> bool:
        most = self.most[name]
        return most is not None and count > most


def _of_environment() -> dict[str, int | None]:
    raw = os.environ.get(_ENV) or "none"
    return parse(raw if raw in ("aws", "none") else json.loads(raw))


quotas = Quotas(_of_environment())
