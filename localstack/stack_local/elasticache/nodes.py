"""ElastiCache: which node types there are. AWS lists none: it says what can be reserved, and what a cache can become."""

from stack_local.core import Call, fault
from stack_local.elasticache.state import operations, paged, store, wrong

# A part of what AWS offers: general, memory and burstable types, as they are today.
_TYPES = [
    f"cache.{family}.{size}"
    for family, sizes in {
        "t3": ["micro", "small", "medium"],
        "t4g": ["micro", "small", "medium"],
        "m6g": ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
        "m7g": ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
        "r6g": ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
        "r7g": ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
    }.items()
    for size in sizes
]
_YEAR = 31_536_000


@operations.on("DescribeReservedCacheNodesOfferings")
def describe_reserved_cache_nodes_offerings(call: Call) -> dict:
    duration = {"1": _YEAR, "3": 3 * _YEAR}.get(call.get("Duration"), call.get("Duration"))
    found: list[dict] = [
        {
            "ReservedCacheNodesOfferingId": f"{engine}-{name}-{years}",
            "CacheNodeType": name,
            "Duration": years * _YEAR,
            "FixedPrice": 0.0,
            "UsagePrice": 0.0,
            "ProductDescription": engine,
            "OfferingType": "No Upfront",
            "RecurringCharges": [],
        }
        for name in _TYPES
        for engine in ("memcached", "redis", "valkey")
        for years in (1, 3)
        if name == call.get("CacheNodeType", name)
        and engine == call.get("ProductDescription", engine)
        and str(duration) in ("None", str(years * _YEAR))
    ]
    return paged(call, "ReservedCacheNodesOfferings", found)


@operations.on("ListAllowedNodeTypeModifications")
def list_allowed_node_type_modifications(call: Call) -> dict:
    if name := call.get("ReplicationGroupId"):
        cache = store.of(call).groups.get(name.lower())
        if cache is None:
            raise fault("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.", 404)
    elif name := call.get("CacheClusterId"):
        cache = store.of(call).clusters.get(name.lower())
        if cache is None:
            raise fault("CacheClusterNotFound", f"CacheCluster not found: {name}", 404)
    else:
        raise wrong("Either CacheClusterId or ReplicationGroupId must be given.")
    node = cache.settings["node"]
    at = _TYPES.index(node) if node in _TYPES else 0
    return {"ScaleUpModifications": _TYPES[at + 1 :], "ScaleDownModifications": [name for name in _TYPES[:at] if name != node]}
