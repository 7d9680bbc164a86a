"""How long AWS takes over things, and the one clock all of them are measured by."""

import os
import threading
import time

# Seconds on AWS, in the middle of what was measured there. A transition that is not in this table does not exist.
SECONDS = {
    "nat.create": 105,
    "nat.delete": 90,
    "endpoint.create": 60,
    "endpoint.delete": 60,
    "elb.provision": 120,
    "elb.release": 60,  # a deleted balancer's network interfaces (and public addresses) stay this long
    "target.healthy": 150,  # five checks, thirty seconds apart: a target group as AWS creates it
    "ecs.pull": 30,  # a task from PENDING to RUNNING
    "ecs.stop": 30,  # a task from its stop to STOPPED, when no target group drains it
    "ecs.drain": 30,  # a deleted service from DRAINING to INACTIVE
    "ecs.crash": 10,  # between a task that stops by itself and the next attempt
    "rds.create": 420,
    "rds.create-multi-az": 1050,
    "rds.back-up": 90,  # the first backup, after a database with backups was created
    "rds.modify": 240,
    "rds.promote": 300,  # "a few minutes" and a reboot (RDS user guide, USER_ReadRepl.Promote)
    "rds.rename": 600,  # "effective in about 10 minutes" (RDS user guide, USER_RenameInstance)
    "rds.delete": 300,
    "rds.stop": 240,
    "rds.start": 240,
    "rds.snapshot": 180,
    "rds.export": 1800,
    "rds.subscribe": 5,  # an event subscription that is created or modified
    "rds.replicate": 900,  # until the first backup is in another region: a copy of everything
    "s3.restore": 14400,  # out of Glacier; the other classes and tiers take more or less
    "backup.bucket": 600,
    "backup.copy-bucket": 900,
    "backup.delete": 60,  # a recovery point that is DELETING
    "elasticache.create": 600,
    "elasticache.modify": 420,
    "elasticache.delete": 360,
    "elasticache.snapshot": 180,
    "elasticache.tag": 30,
    "cloudfront.deploy": 240,
    "acm.issue": 120,
    "servicediscovery.namespace": 15,
    "cloudfront.invalidate": 60,
    "sso.create": 15,
    "sso.delete": 15,
    "sso.provision": 15,
    "wafv2.propagate": 10,  # a web ACL or a set until what wants to use it sees it
}

# What AWS still lists after its deletion. Real seconds, not scaled: a client that ignores the state
# of what is listed should find that out at any speed.
LISTED_AFTERWARDS = 3600

_ENV = "STACK_LOCAL_TIME_SCALE"


def parse_scale(raw) -> float:
    scale = float(raw)
    if not 0 <= scale <= 1000:
        raise ValueError(f"the time scale must be between 0 (at once) and 1000, not {raw}")
    return scale


class Clock:
    def __init__(self, scale: float):
        self._lock = threading.Lock()
        self._scale = scale
        self._skipped_until = float("-inf")

    @property
    def scale(self) -> float:
        return self._scale

    def set_scale(self, scale: float) -> None:
        """Counts for what begins from now on; zero also ends what is under way."""
        with self._lock:
            self._scale = scale
            if scale == 0:
                self._skipped_until = time.monotonic()

    def timer(self, kind: str) -> "Timer":
        begun = time.monotonic()
        return Timer(self, begun, begun + SECONDS[kind] * self._scale)

    def real_timer(self, seconds: float) -> "Timer":
        begun = time.monotonic()
        return Timer(None, begun, begun + seconds)


class Timer:
    """One transition under way."""

    __slots__ = ("_begun", "_clock", "_ends")

    def __init__(self, clock, begun: float, ends: float):
        self._clock, self._begun, self._ends = clock, begun, ends

    def done(self) -> bool:
        if self._clock is not None and self._begun <= self._clock._skipped_until:
            return True
        return time.monotonic() >= self._ends


clock = Clock(parse_scale(os.environ.get(_ENV) or 0))
