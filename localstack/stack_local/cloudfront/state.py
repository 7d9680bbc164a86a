"""What CloudFront keeps: distributions and policies, each with a version."""

from stack_local.clock import Timer, clock
from stack_local.core import Call, Operations, Store, fault, hex_id, now, page

operations = Operations("cloudfront")


class Kept:
    """Something with a version: an update needs the ETag of what it replaces."""

    def __init__(self, config: dict):
        self.id, self.etag, self.config, self.modified = f"E{hex_id(13).upper()}", "", config, now()
        self.change(config)

    def change(self, config: dict) -> None:
        self.config, self.etag, self.modified = config, f"E{hex_id(13).upper()}", now()

    def match(self, etag: str | None) -> None:
        if not etag:
            raise fault("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.")
        if etag != self.etag:
            raise fault(
                "PreconditionFailed",
                "The request failed because it didn't meet the preconditions in one or more request-header fields.",
                status=412,
            )


class Distribution(Kept):
    def __init__(self, config: dict):
        super().__init__(config)
        self.timer = clock.timer("cloudfront.deploy")
        self.leaving: set[str] = set()  # the web ACLs that it had before what is being deployed
        self.tags: dict[str, str] = {}
        self.invalidations: dict[str, tuple[dict, Timer]] = {}


class State:
    def __init__(self):
        self.distributions: dict[str, Distribution] = {}
        # A caller reference is used up for ever: by which distribution, though that may be long gone.
        self.references: dict[str, str] = {}
        self.policies: dict[str, dict[str, Kept]] = {kind: {} for kind in KINDS}


# Everything that is a name with a configuration: how it is called, and its own words.
KINDS = {
    "OriginAccessControl": {
        "exists": "OriginAccessControlAlreadyExists",
        "missing": "NoSuchOriginAccessControl",
        "in_use": "OriginAccessControlInUse",
    },
    "CachePolicy": {"exists": "CachePolicyAlreadyExists", "missing": "NoSuchCachePolicy", "in_use": "CachePolicyInUse"},
    "OriginRequestPolicy": {
        "exists": "OriginRequestPolicyAlreadyExists",
        "missing": "NoSuchOriginRequestPolicy",
        "in_use": "OriginRequestPolicyInUse",
    },
    "ResponseHeadersPolicy": {
        "exists": "ResponseHeadersPolicyAlreadyExists",
        "missing": "NoSuchResponseHeadersPolicy",
        "in_use": "ResponseHeadersPolicyInUse",
    },
}

# An account has these without a region.
store = Store(State)


def state_of(call: Call) -> State:
    return store.at(call.account, "")


def paged(call: Call, items: list) -> dict:
    size = int(call.get("MaxItems", 100))
    some, after = page(items, call.get("Marker"), size, 100)
    shown = {
        "Marker": call.get("Marker", ""),
        "MaxItems": size,
        "IsTruncated": after is not None,
        "Quantity": len(some),
        "Items": some,
    }
    return shown | {"NextMarker": after} if after else shown
