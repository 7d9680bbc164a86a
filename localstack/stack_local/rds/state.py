"""What RDS keeps beside moto: who is busy, and what waits for the maintenance window."""

from collections.abc import Callable

from moto.rds.models import rds_backends

from stack_local.core import Operations, Store

operations = Operations("rds")


class _State:
    def __init__(self):
        self.under_way: dict[str, tuple[str, object]] = {}  # instance: (status, timer)
        self.pending: dict[str, dict] = {}  # what waits for the maintenance window
        self.not_begun: dict[str, dict] = {}  # what AWS has accepted to do now, until the first look after that
        self.renames: dict[str, str] = {}  # the new names of those that are being renamed
        self.promoted: dict[
            str, int
        ] = {}  # those that become databases of their own, and for how many days backups are kept then
        self.fates: dict[str, str] = {}  # how those end that are being created and will fail
        self.failed: dict[str, str] = {}  # the state of those that did
        self.told: dict[str, str] = {}  # the state that was set for one: stopped, full


state = Store(_State)
# What is called for a database that is deleted: its account, its region, and itself.
leaving: list[Callable[[str, str, object], None]] = []


def moto_backend(account: str, region: str):
    return rds_backends[account][region]
