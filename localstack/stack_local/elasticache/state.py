"""ElastiCache: what its parts share. What is there, who holds what, and how long AWS is at it."""

import copy
import re
from collections.abc import Callable

from stack_local import interfaces
from stack_local.clock import Timer, clock
from stack_local.core import Call, Operations, Store, fault, page
from stack_local.settling import settles

operations = Operations("elasticache")


class Cache:
    """A replication group or a Memcached cluster: what AWS answers about it, and what is still to come."""

    kind = ""
    failed = False

    def __init__(self, view: dict, settings: dict):
        self.view, self.settings = view, settings
        self.status = "creating"
        self.timer: Timer | None = clock.timer("elasticache.create")
        self.nodes = 1
        self.fate: str | None = None  # how its creation ends, when not well
        self.restored: dict | None = None  # the snapshot that its data comes from
        self.later: list[Callable[[], None]] = []  # what becomes true when AWS is done
        self.pending: dict = {}  # what it is going to be, as AWS says it

    @property
    def name(self) -> str:
        raise NotImplementedError

    @property
    def arns(self) -> list[str]:
        """What carries its tags."""
        return [self.view["ARN"]]

    def begin(self, status: str, kind: str) -> None:
        self.status, self.timer = status, clock.timer(kind)

    def end(self) -> None:
        if self.restored:
            self.restored["SnapshotStatus"], self.restored = "available", None
        if self.fate:
            self.status, self.timer, self.fate = self.fate, None, None
            self.failed = True
            return
        self.status, self.timer = "available", None
        for change in self.later:
            change()
        self.later, self.pending = [], {}


class _State:
    def __init__(self):
        self.subnet_groups: dict[str, dict] = {}
        self.parameter_groups: dict[str, dict] = {}
        self.parameters: dict[str, dict[str, str]] = {}
        self.groups: dict[str, Cache] = {}
        self.clusters: dict[str, Cache] = {}
        self.snapshots: dict[str, dict] = {}
        self.tags: dict[str, dict[str, str]] = {}

    @property
    def caches(self) -> list[Cache]:
        return [*self.groups.values(), *self.clusters.values()]


store = Store(_State)


def wrong(message: str):
    return fault("InvalidParameterValue", message)


def clash(message: str):
    return fault("InvalidParameterCombination", message)


def paged(call: Call, member: str, items: list) -> dict:
    items, marker = page(items, call.get("Marker"), call.get("MaxRecords"), 100)
    return {member: copy.deepcopy(items)} | ({"Marker": marker} if marker else {})


def place(call: Call, cache: Cache) -> None:
    """An interface for every node, spread over the subnets."""
    known = store.of(call).subnet_groups.get(cache.settings["subnets"] or "")
    if not known:
        return
    subnets = [subnet["SubnetIdentifier"] for subnet in known["Subnets"]]
    cache.settings["placed"] = [subnets[number % len(subnets)] for number in range(cache.nodes)]
    wanted = [interfaces.Wanted(subnet, tuple(cache.settings["groups"])) for subnet in cache.settings["placed"]]
    interfaces.hold(call.account, call.region, cache.view["ARN"], wanted, f"ElastiCache {cache.name}", "amazon-elasticache")


def zone_of(call: Call, cache: Cache, number: int) -> str:
    placed = cache.settings["placed"]
    subnet = interfaces.subnet(call.account, call.region, placed[number]) if number < len(placed) else None
    return subnet.availability_zone if subnet else f"{call.region}a"


def check_security_groups(call: Call) -> None:
    for group_id in call.get("SecurityGroupIds", []):
        if interfaces.backend(call.account, call.region).get_security_group_from_id(group_id) is None:
            raise wrong(f"Security group {group_id} does not exist")


_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK = 7 * 24 * 60


def _minutes(text: str, what: str) -> set[int]:
    """The minutes of the week that a window covers."""
    daily = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text)
    weekly = re.fullmatch(r"([a-z]{3}):(\d\d):(\d\d)-([a-z]{3}):(\d\d):(\d\d)", text)
    if daily:
        a, b, c, d = map(int, daily.groups())
        start, length = a * 60 + b, (c * 60 + d - a * 60 - b) % (24 * 60)
        begins = [day * 24 * 60 + start for day in range(7)]
    elif weekly and weekly[1] in _DAYS and weekly[4] in _DAYS:
        start = _DAYS.index(weekly[1]) * 1440 + int(weekly[2]) * 60 + int(weekly[3])
        length = (_DAYS.index(weekly[4]) * 1440 + int(weekly[5]) * 60 + int(weekly[6]) - start) % _WEEK
        begins = [start]
    else:
        raise wrong(f"Invalid {what} window: {text}")
    if length < 60:
        raise wrong(f"The {what} window {text} must be at least 60 minutes long.")
    return {(begin + minute) % _WEEK for begin in begins for minute in range(length)}


def check_windows(snapshot: str | None, maintenance: str | None) -> None:
    daily = _minutes(snapshot, "snapshot") if snapshot else set()
    weekly = _minutes(maintenance, "maintenance") if maintenance else set()
    if daily & weekly:
        raise wrong("The snapshot window and the maintenance window must not overlap.")


@operations.before_all
def _first(call: Call) -> None:
    _settle(call.account, call.region)


@settles
def _settle(account: str, region: str) -> None:
    state = store.at(account, region)
    for all_of_them in (state.groups, state.clusters):
        for name, cache in list(all_of_them.items()):
            if cache.timer is None or not cache.timer.done():
                continue
            if cache.status == "deleting":
                interfaces.release(account, region, cache.view["ARN"])
                for arn in cache.arns:
                    state.tags.pop(arn, None)
                for snapshot in state.snapshots.values():
                    if snapshot["SnapshotStatus"] == "creating" and snapshot.get("ReplicationGroupId") == name:
                        snapshot["SnapshotStatus"] = "available"
                del all_of_them[name]
            else:
                cache.end()
                for snapshot in state.snapshots.values():
                    if snapshot["SnapshotStatus"] == "creating" and snapshot.get("ReplicationGroupId") == name:
                        snapshot["SnapshotStatus"] = "available"
