"""CloudFront: what is declared is kept as declared. Nothing is served, except by name."""

import copy
from xml.etree import ElementTree

from stack_local.clock import Timer, clock
from stack_local.cloudfront_config import MANAGED, aliases_of, check, complete, uses
from stack_local.core import Call, Operations, Store, fault, hex_id, listed, now, page, pairs

operations = Operations("cloudfront")


class _Kept:
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


class _Distribution(_Kept):
    def __init__(self, config: dict):
        super().__init__(config)
        self.timer = clock.timer("cloudfront.deploy")
        self.tags: dict[str, str] = {}
        self.invalidations: dict[str, tuple[dict, Timer]] = {}


class _State:
    def __init__(self):
        self.distributions: dict[str, _Distribution] = {}
        # A caller reference is used up for ever: by which distribution, though that may be long gone.
        self.references: dict[str, str] = {}
        self.policies: dict[str, dict[str, _Kept]] = {kind: {} for kind in _KINDS}


# Everything that is a name with a configuration: how it is called, and its own words.
_KINDS = {
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
_state = Store(_State)


def _of(call: Call) -> _State:
    return _state.at(call.account, "")


# Distributions


def _distribution(call: Call) -> _Distribution:
    found = _of(call).distributions.get(call["Id"])
    if found is None:
        raise fault("NoSuchDistribution", "The specified distribution does not exist.", status=404)
    return found


def _check_aliases(call: Call, config: dict, mine: _Kept | None) -> None:
    for other in _of(call).distributions.values():
        if other is not mine and aliases_of(other.config) & aliases_of(config):
            raise fault(
                "CNAMEAlreadyExists",
                "One or more of the CNAMEs you provided are already associated with a different resource.",
                status=409,
            )


def _distribution_shown(call: Call, kept: _Distribution) -> dict:
    return {
        "Id": kept.id,
        "ARN": f"arn:aws:cloudfront::{call.account}:distribution/{kept.id}",
        "Status": "Deployed" if kept.timer.done() else "InProgress",
        "LastModifiedTime": kept.modified,
        "InProgressInvalidationBatches": sum(not timer.done() for _, timer in kept.invalidations.values()),
        "DomainName": f"{kept.id.lower()}.cloudfront.net",
        "ActiveTrustedSigners": {"Enabled": False, "Quantity": 0},
        "ActiveTrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "DistributionConfig": copy.deepcopy(kept.config),
        "AliasICPRecordals": [{"CNAME": name, "ICPRecordalStatus": "APPROVED"} for name in sorted(aliases_of(kept.config))],
    }


@operations.on("CreateDistribution", "CreateDistributionWithTags")
def create_distribution(call: Call) -> dict:
    tagged = call.get("DistributionConfigWithTags")
    given = tagged["DistributionConfig"] if tagged else call["DistributionConfig"]
    used = _of(call).references.get(given["CallerReference"])
    if used:
        raise fault(
            "DistributionAlreadyExists",
            f"The caller reference that you are using to create a distribution is associated with another distribution. Already exists: {used}",
            status=409,
        )
    config = _checked(call, given)
    _check_aliases(call, config, None)
    kept = _Distribution(config)
    if tagged:
        kept.tags = pairs(tagged["Tags"].get("Items"))
    _of(call).distributions[kept.id] = kept
    _of(call).references[config["CallerReference"]] = kept.id
    return _answer(call, kept)


def _checked(call: Call, given: dict) -> dict:
    config = complete(given)
    check(config, call.account, _of(call).policies)
    return config


def _answer(call: Call, kept: _Distribution) -> dict:
    location = f"https://cloudfront.amazonaws.com/2020-05-31/distribution/{kept.id}"
    return {"Distribution": _distribution_shown(call, kept), "ETag": kept.etag, "Location": location}


@operations.on("GetDistribution")
def get_distribution(call: Call) -> dict:
    kept = _distribution(call)
    return {"Distribution": _distribution_shown(call, kept), "ETag": kept.etag}


@operations.on("GetDistributionConfig")
def get_distribution_config(call: Call) -> dict:
    kept = _distribution(call)
    return {"DistributionConfig": copy.deepcopy(kept.config), "ETag": kept.etag}


@operations.on("UpdateDistribution")
def update_distribution(call: Call) -> dict:
    kept = _distribution(call)
    kept.match(call.get("IfMatch"))
    config = _checked(call, call["DistributionConfig"])
    if config["CallerReference"] != kept.config["CallerReference"]:
        raise fault("IllegalUpdate", "The update contains modifications that are not allowed.")
    _check_aliases(call, config, kept)
    kept.change(config)
    kept.timer = clock.timer("cloudfront.deploy")
    return {"Distribution": _distribution_shown(call, kept), "ETag": kept.etag}


@operations.on("DeleteDistribution")
def delete_distribution(call: Call) -> dict:
    kept = _distribution(call)
    kept.match(call.get("IfMatch"))
    # Disabled on paper is not enough: the edges have to know as well.
    if kept.config["Enabled"] or not kept.timer.done():
        raise fault("DistributionNotDisabled", "The distribution you are trying to delete has not been disabled.", status=409)
    del _of(call).distributions[kept.id]
    return {}


@operations.on("ListDistributions")
def list_distributions(call: Call) -> dict:
    items = []
    for kept in _of(call).distributions.values():
        view = _distribution_shown(call, kept)
        config = view.pop("DistributionConfig")
        # Nobody knows why this is in capitals here.
        config["HttpVersion"] = config["HttpVersion"].upper()
        items.append(
            view
            | {
                field: value
                for field, value in config.items()
                if field not in ("CallerReference", "Logging", "DefaultRootObject")
            }
            | {"ETag": kept.etag}
        )
    return {"DistributionList": _page(call, items)}


@operations.on("ListConflictingAliases")
def list_conflicting_aliases(call: Call) -> dict:
    """What has the name already, in any account: told, half hidden, only to who has a certificate for it."""
    kept = _of(call).distributions.get(call["DistributionId"])
    if kept is None:
        raise fault("NoSuchDistribution", "The specified distribution does not exist.", status=404)
    if not (kept.config.get("ViewerCertificate") or {}).get("ACMCertificateArn"):
        raise fault("InvalidArgument", "The distribution has no certificate that covers the alias.")
    hidden = lambda text: "*" * (len(text) - 6) + text[-6:]
    items = [
        {"Alias": name, "DistributionId": hidden(other.id), "AccountId": hidden(account)}
        for (account, _), state in _state.places()
        for other in state.distributions.values()
        for name in sorted(aliases_of(other.config))
        if other is not kept and (name == call["Alias"] or _overlap(name, call["Alias"]))
    ]
    return {"ConflictingAliasesList": {"MaxItems": 100, "Quantity": len(items), "Items": items}}


def _overlap(one: str, other: str) -> bool:
    wild = lambda a, b: a.startswith("*.") and b.partition(".")[2] == a[2:]
    return wild(one, other) or wild(other, one)


def _page(call: Call, items: list) -> dict:
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


# Invalidations


@operations.on("CreateInvalidation")
def create_invalidation(call: Call) -> dict:
    kept = _of(call).distributions.get(call["DistributionId"])
    if kept is None:
        raise fault("NoSuchDistribution", "The specified distribution does not exist.", status=404)
    batch = copy.deepcopy(call["InvalidationBatch"])
    paths = batch["Paths"].get("Items") or []
    if not paths or len(paths) != batch["Paths"]["Quantity"]:
        raise fault("InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
    if any(not path.startswith("/") or "*" in path[:-1] for path in paths):
        raise fault("InvalidArgument", "Your request contains one or more invalid invalidation paths.")
    for view, timer in kept.invalidations.values():
        if view["InvalidationBatch"]["CallerReference"] == batch["CallerReference"]:
            if view["InvalidationBatch"] != batch:
                raise fault(
                    "InvalidArgument",
                    "Your request contains a caller reference that was used for a previous invalidation batch for the same distribution.",
                )
            return _invalidation_answer(kept, view, "Completed" if timer.done() else "InProgress")
    view = {"Id": f"I{hex_id(13).upper()}", "CreateTime": now(), "InvalidationBatch": batch}
    kept.invalidations[view["Id"]] = (view, clock.timer("cloudfront.invalidate"))
    return _invalidation_answer(kept, view, "InProgress")


def _invalidation_answer(kept: _Distribution, view: dict, status: str) -> dict:
    location = f"https://cloudfront.amazonaws.com/2020-05-31/distribution/{kept.id}/invalidation/{view['Id']}"
    return {"Location": location, "Invalidation": view | {"Status": status}}


@operations.on("GetInvalidation")
def get_invalidation(call: Call) -> dict:
    kept = _of(call).distributions.get(call["DistributionId"])
    if kept is None or call["Id"] not in kept.invalidations:
        raise fault("NoSuchInvalidation", "The specified invalidation does not exist.", status=404)
    view, timer = kept.invalidations[call["Id"]]
    return {"Invalidation": view | {"Status": "Completed" if timer.done() else "InProgress"}}


@operations.on("ListInvalidations")
def list_invalidations(call: Call) -> dict:
    kept = _of(call).distributions.get(call["DistributionId"])
    views = [
        {"Id": v["Id"], "CreateTime": v["CreateTime"], "Status": "Completed" if t.done() else "InProgress"}
        for v, t in (kept.invalidations.values() if kept else [])
    ]
    return {"InvalidationList": {"Marker": "", "MaxItems": 100, "IsTruncated": False, "Quantity": len(views), "Items": views}}


# Origin access controls and the three kinds of policy


def _config_name(kind: str) -> str:
    return f"{kind}Config"


def _policy_shown(kind: str, kept: _Kept) -> dict:
    view = {"Id": kept.id, _config_name(kind): copy.deepcopy(kept.config)}
    return view if kind == "OriginAccessControl" else view | {"LastModifiedTime": kept.modified}


def _serve(kind: str) -> None:
    words, config_name = _KINDS[kind], _config_name(kind)
    plural = f"{kind}List"

    # AWS's own: nobody's to change, and known by their names.
    managed = {identifier: _managed(identifier, name) for identifier, name in MANAGED.get(kind, {}).items()}

    def find(call: Call, to_change: bool = False) -> _Kept:
        if to_change and call["Id"] in managed:
            raise fault("AccessDenied", "Managed policies cannot be changed.", status=403)
        found = _of(call).policies[kind].get(call["Id"]) or managed.get(call["Id"])
        if found is None:
            raise fault(words["missing"], f"The {kind} does not exist.", status=404)
        return found

    def check_name(call: Call, config: dict, mine: _Kept | None) -> None:
        for other in _of(call).policies[kind].values():
            if other is not mine and other.config["Name"] == config["Name"]:
                raise fault(words["exists"], f"A {kind} with this name already exists. {kind} names must be unique.", status=409)

    @operations.on(f"Create{kind}")
    def create(call: Call) -> dict:
        check_name(call, call[config_name], None)
        kept = _Kept(copy.deepcopy(call[config_name]))
        _of(call).policies[kind][kept.id] = kept
        return {
            kind: _policy_shown(kind, kept),
            "ETag": kept.etag,
            "Location": f"https://cloudfront.amazonaws.com/2020-05-31/{kept.id}",
        }

    @operations.on(f"Get{kind}")
    def get(call: Call) -> dict:
        kept = find(call)
        return {kind: _policy_shown(kind, kept), "ETag": kept.etag}

    @operations.on(f"Get{kind}Config")
    def get_config(call: Call) -> dict:
        kept = find(call)
        return {config_name: copy.deepcopy(kept.config), "ETag": kept.etag}

    @operations.on(f"Update{kind}")
    def update(call: Call) -> dict:
        kept = find(call, to_change=True)
        kept.match(call.get("IfMatch"))
        check_name(call, call[config_name], kept)
        kept.change(copy.deepcopy(call[config_name]))
        return {kind: _policy_shown(kind, kept), "ETag": kept.etag}

    @operations.on(f"Delete{kind}")
    def delete(call: Call) -> dict:
        kept = find(call, to_change=True)
        kept.match(call.get("IfMatch"))
        if any(uses(distribution.config, kind, kept.id) for distribution in _of(call).distributions.values()):
            raise fault(
                words["in_use"], f"Cannot delete the {kind} because it is attached to one or more distributions.", status=409
            )
        del _of(call).policies[kind][kept.id]
        return {}

    list_name = {
        "OriginAccessControl": "ListOriginAccessControls",
        "CachePolicy": "ListCachePolicies",
        "OriginRequestPolicy": "ListOriginRequestPolicies",
        "ResponseHeadersPolicy": "ListResponseHeadersPolicies",
    }[kind]

    @operations.on(list_name)
    def every(call: Call) -> dict:
        kept = list(_of(call).policies[kind].values())
        if kind == "OriginAccessControl":
            return {plural: _page(call, [{"Id": k.id, "Description": ""} | copy.deepcopy(k.config) for k in kept])}
        both = {"managed": list(managed.values()), "custom": kept}
        items = [
            {"Type": which, kind: _policy_shown(kind, k)}
            for which, some in both.items()
            if call.get("Type", which) == which
            for k in some
        ]
        return {plural: {"MaxItems": 100, "Quantity": len(items), "Items": items}}


def _managed(identifier: str, name: str) -> _Kept:
    kept = _Kept({"Name": name})
    kept.id = identifier
    return kept


for _kind in _KINDS:
    _serve(_kind)


# Tags


def _tagged(call: Call) -> _Distribution:
    found = _of(call).distributions.get(call["Resource"].rsplit("/", 1)[-1])
    if found is None:
        raise fault("NoSuchResource", "The specified resource does not exist.", status=404)
    return found


@operations.on("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict:
    return {"Tags": {"Items": listed(_tagged(call).tags)}}


@operations.on("TagResource", "UntagResource")
def change_tags(call: Call) -> dict:
    """Both are a POST to one path; LocalStack takes every one of them for TagResource. The query tells."""
    tags = _tagged(call).tags
    if call.context.request.args.get("Operation") == "Untag":
        body = ElementTree.fromstring(call.context.request.get_data())
        for element in body.iter():
            if element.tag.rpartition("}")[2] == "Key":
                tags.pop(element.text or "", None)
    else:
        tags.update(pairs(call["Tags"].get("Items")))
    return {}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    if region != "us-east-1":
        return {}
    return {
        f"arn:aws:cloudfront::{account}:distribution/{kept.id}": kept.tags
        for kept in _state.at(account, "").distributions.values()
    }


def uses_certificate(account: str, arn: str) -> list[str]:
    """The distributions that serve with this certificate."""
    kept = _state.at(account, "").distributions.values()
    serving = [d for d in kept if (d.config.get("ViewerCertificate") or {}).get("ACMCertificateArn") == arn]
    return sorted(f"arn:aws:cloudfront::{account}:distribution/{d.id}" for d in serving)
