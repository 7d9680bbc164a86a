"""ElastiCache: the parameters of the engines, with AWS's own values. Most of those that people set; not all that there are."""


def _one(value: str, kind: str = "string", values: str | None = None, modifiable: bool = True, change: str = "immediate") -> dict:
    view = {"ParameterValue": value, "DataType": kind, "IsModifiable": modifiable, "ChangeType": change, "Description": ""}
    return view | ({"AllowedValues": values} if values else {})


def _number(value: int, values: str = "0-9223372036854775807", **more) -> dict:
    return _one(str(value), "integer", values, **more)


def _choice(value: str, *values: str, **more) -> dict:
    return _one(value, "string", ",".join(values), **more)


def _switch(value: str = "no", **more) -> dict:
    return _choice(value, "yes", "no", **more)


_POLICIES = (
    "volatile-lru",
    "allkeys-lru",
    "volatile-lfu",
    "allkeys-lfu",
    "volatile-random",
    "allkeys-random",
    "volatile-ttl",
    "noeviction",
)

PARAMETERS = {
    "redis": {
        "acllog-max-len": _number(128, "1-10000"),
        "active-defrag-cycle-max": _number(75, "1-75"),
        "active-defrag-cycle-min": _number(5, "1-75"),
        "active-defrag-ignore-bytes": _number(104857600, "1048576-9223372036854775807"),
        "active-defrag-threshold-lower": _number(10, "1-100"),
        "active-defrag-threshold-upper": _number(100, "1-100"),
        "activedefrag": _switch(),
        "activerehashing": _switch("yes", change="requires-reboot"),
        "appendonly": _switch(modifiable=False),
        "client-output-buffer-limit-normal-hard-limit": _number(0),
        "client-output-buffer-limit-normal-soft-limit": _number(0),
        "client-output-buffer-limit-pubsub-hard-limit": _number(33554432),
        "client-output-buffer-limit-pubsub-soft-limit": _number(8388608),
        "close-on-replica-write": _switch("yes"),
        "cluster-enabled": _switch(change="requires-reboot"),
        "databases": _number(16, "1-1200000", change="requires-reboot"),
        "hash-max-listpack-entries": _number(512),
        "hash-max-listpack-value": _number(64),
        "lazyfree-lazy-eviction": _switch(),
        "lazyfree-lazy-expire": _switch(),
        "lazyfree-lazy-server-del": _switch(),
        "lazyfree-lazy-user-del": _switch(),
        "lfu-decay-time": _number(1),
        "lfu-log-factor": _number(10, "1-9223372036854775807"),
        "list-compress-depth": _number(0),
        "list-max-listpack-size": _one("-2", "integer", "-5,-4,-3,-2,-1,1-9223372036854775807"),
        "lua-time-limit": _number(5000, modifiable=False),
        "maxclients": _number(65000, "1-65000", modifiable=False),
        "maxmemory-policy": _choice("volatile-lru", *_POLICIES),
        "maxmemory-samples": _number(3, "1-9223372036854775807"),
        "min-replicas-max-lag": _number(10),
        "min-replicas-to-write": _number(0),
        "notify-keyspace-events": _one(""),
        "proto-max-bulk-len": _number(536870912, "1048576-536870912"),
        "repl-backlog-size": _number(1048576, "16384-9223372036854775807"),
        "repl-backlog-ttl": _number(3600),
        "repl-timeout": _number(60, "11-1200"),
        "reserved-memory-percent": _number(25, "0-100"),
        "set-max-intset-entries": _number(512),
        "slowlog-log-slower-than": _one("10000", "integer", "-1,0-9223372036854775807"),
        "slowlog-max-len": _number(128),
        "stream-node-max-bytes": _number(4096),
        "stream-node-max-entries": _number(100),
        "tcp-keepalive": _number(300),
        "timeout": _one("0", "integer", "0,20-2147483647"),
        "tracking-table-max-keys": _number(1000000, "1-100000000"),
        "zset-max-listpack-entries": _number(128),
        "zset-max-listpack-value": _number(64),
    },
    "memcached": {
        "backlog_queue_limit": _number(1024, "1-10000", modifiable=False, change="requires-reboot"),
        "binding_protocol": _choice("auto", "auto", "binary", "ascii", change="requires-reboot"),
        "cas_disabled": _number(0, "0,1", change="requires-reboot"),
        "chunk_size": _number(48, "1-1024", change="requires-reboot"),
        "chunk_size_growth_factor": _one("1.25", "float", "1-1024", change="requires-reboot"),
        "disable_flush_all": _number(0, "0,1", change="requires-reboot"),
        "error_on_memory_exhausted": _number(0, "0,1", change="requires-reboot"),
        "expirezero_does_not_evict": _number(0, "0,1", change="requires-reboot"),
        "hash_algorithm": _choice("murmur3", "jenkins", "murmur3", change="requires-reboot"),
        "idle_timeout": _number(0, "0-86400", change="requires-reboot"),
        "lru_crawler": _number(1, "0,1", change="requires-reboot"),
        "lru_maintainer": _number(1, "0,1", change="requires-reboot"),
        "max_item_size": _number(1048576, "1024-1073741824", change="requires-reboot"),
        "max_simultaneous_connections": _number(65000, "3-65000", modifiable=False, change="requires-reboot"),
        "maxconns_fast": _number(1, "0,1", change="requires-reboot"),
        "memcached_connections_overhead": _number(100, change="requires-reboot"),
        "slab_automove": _number(1, "0,1,2", change="requires-reboot"),
        "slab_chunk_max": _number(524288, change="requires-reboot"),
        "tail_repair_time": _number(0, change="requires-reboot"),
        "track_sizes": _number(0, "0,1", change="requires-reboot"),
    },
}


def allowed(parameter: dict, value: str) -> bool:
    """Whether a value is one of the allowed: words, numbers, and ranges of numbers."""
    values = parameter.get("AllowedValues")
    if values is None:
        return True
    for one in values.split(","):
        if value == one:
            return True
        least, dash, most = one.partition("-")
        try:
            if dash and least and float(least) <= float(value) <= float(most):
                return True
        except ValueError:
            continue
    return False
