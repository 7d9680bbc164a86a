"""Creations that are to fail: AWS accepts them, works on them and then says that it could not."""

import re
from dataclasses import dataclass

# What can fail, and the words in which AWS says so. Which of them is up to who asks.
KINDS = {
    "ec2.nat_gateway": ("InsufficientFreeAddressesInSubnet", "InternalError", "InvalidSubnetID.NotFound"),
    "rds.instance": ("failed", "incompatible-network", "incompatible-create"),
    "rds.snapshot": ("failed",),
    "rds.export": ("FAILED",),
    "elasticache.replication_group": ("create-failed",),
    "elasticache.cluster": ("incompatible-network",),
    "elbv2.load_balancer": ("failed",),
    "acm.certificate": ("CAA_ERROR", "DOMAIN_NOT_ALLOWED", "OTHER"),
    # The reason of a request that is FAILED.
    "sso.assignment": ("Received a 403 status error: Access denied.",),
    "sso.provisioning": ("Received a 403 status error: Access denied.",),
    # No failure on AWS either: the service says so and keeps trying.
    "ecs.task": ("no-capacity",),
}


@dataclass
class Fate:
    account: str
    kind: str
    outcome: str
    times: int


class Outcomes:
    def __init__(self):
        self.coming: list[Fate] = []

    def change(self, raw) -> None:
        """Adds what is to happen in an account; `times` 0 takes it back."""
        if not isinstance(raw, dict):
            raise ValueError(f"{raw!r} is not an object")
        raw = dict(raw)
        account, times = raw.pop("account", None), raw.pop("times", 1)
        if not isinstance(account, str) or not re.fullmatch(r"\d{12}", account):
            raise ValueError(f"account is twelve digits, not {account!r}")
        if type(times) is not int or times < 0:
            raise ValueError(f"times is a whole number, not {times!r}")
        if not raw:
            raise ValueError(f"nothing is to happen to any of {', '.join(KINDS)}")
        for kind, outcome in raw.items():
            if kind not in KINDS:
                raise ValueError(f"nothing called {kind} fails here: {', '.join(KINDS)}")
            if outcome not in KINDS[kind]:
                raise ValueError(f"{kind} ends {' or '.join(KINDS[kind])}, not {outcome!r}")
        for kind, outcome in raw.items():
            self.coming = [f for f in self.coming if (f.account, f.kind) != (account, kind)]
            if times:
                self.coming.append(Fate(account, kind, outcome, times))

    def take(self, account: str, kind: str) -> str | None:
        """How what is made now is to end, when not well."""
        for fate in self.coming:
            if (fate.account, fate.kind) == (account, kind):
                fate.times -= 1
                if not fate.times:
                    self.coming.remove(fate)
                return fate.outcome
        return None

    def shown(self) -> list[dict]:
        return [{"account": fate.account, fate.kind: fate.outcome, "times": fate.times} for fate in self.coming]


outcomes = Outcomes()
