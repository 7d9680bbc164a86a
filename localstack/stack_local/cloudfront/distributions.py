"""Distributions, kept as they are declared."""

import copy

from stack_local.clock import clock
from stack_local.cloudfront.config import aliases_of, check, complete
from stack_local.cloudfront.state import Distribution, Kept, operations, paged, state_of, store
from stack_local.core import Call, fault, pairs


def _distribution(call: Call) -> Distribution:
    found = state_of(call).distributions.get(call["Id"])
    if found is None:
        raise fault("NoSuchDistribution", "The specified distribution does not exist.", status=404)
    return found


def _check_aliases(call: Call, config: dict, mine: Kept | None) -> None:
    for other in state_of(call).distributions.values():
        if other is not mine and aliases_of(other.config) & aliases_of(config):
            raise fault(
                "CNAMEAlreadyExists",
                "One or more of the CNAMEs you provided are already associated with a different resource.",
                status=409,
            )


def _distribution_shown(call: Call, kept: Distribution) -> dict:
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
    used = state_of(call).references.get(given["CallerReference"])
    if used:
        raise fault(
            "DistributionAlreadyExists",
            f"The caller reference that you are using to create a distribution is associated with another distribution. Already exists: {used}",
            status=409,
        )
    config = _checked(call, given)
    _check_aliases(call, config, None)
    kept = Distribution(config)
    if tagged:
        kept.tags = pairs(tagged["Tags"].get("Items"))
    state_of(call).distributions[kept.id] = kept
    state_of(call).references[config["CallerReference"]] = kept.id
    return _answer(call, kept)


def _checked(call: Call, given: dict) -> dict:
    config = complete(given)
    check(config, call.account, state_of(call).policies)
    return config


def _answer(call: Call, kept: Distribution) -> dict:
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
    kept.leaving = {kept.config["WebACLId"]} | (set() if kept.timer.done() else kept.leaving)
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
    del state_of(call).distributions[kept.id]
    return {}


@operations.on("ListDistributions")
def list_distributions(call: Call) -> dict:
    return _listed(call, list(state_of(call).distributions.values()))


@operations.on("ListDistributionsByWebACLId")
def list_distributions_by_web_acl(call: Call) -> dict:
    """https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ListDistributionsByWebACLId.html: `null` for those without."""
    wanted = "" if call["WebACLId"] == "null" else call["WebACLId"]
    return _listed(call, [kept for kept in state_of(call).distributions.values() if kept.config["WebACLId"] == wanted])


def _listed(call: Call, some: list[Distribution]) -> dict:
    items = []
    for kept in some:
        view = _distribution_shown(call, kept)
        config = view.pop("DistributionConfig")
        # Why this is in capitals here is unknown.
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
    return {"DistributionList": paged(call, items)}


@operations.on("ListConflictingAliases")
def list_conflicting_aliases(call: Call) -> dict:
    """What has the name already, in any account: returned, half hidden, only to an owner of a certificate for it."""
    kept = state_of(call).distributions.get(call["DistributionId"])
    if kept is None:
        raise fault("NoSuchDistribution", "The specified distribution does not exist.", status=404)
    if not (kept.config.get("ViewerCertificate") or {}).get("ACMCertificateArn"):
        raise fault("InvalidArgument", "The distribution has no certificate that covers the alias.")
    hidden = lambda text: "*" * (len(text) - 6) + text[-6:]
    items = [
        {"Alias": name, "DistributionId": hidden(other.id), "AccountId": hidden(account)}
        for (account, _), state in store.places()
        for other in state.distributions.values()
        for name in sorted(aliases_of(other.config))
        if other is not kept and (name == call["Alias"] or _overlap(name, call["Alias"]))
    ]
    return {"ConflictingAliasesList": {"MaxItems": 100, "Quantity": len(items), "Items": items}}


def _overlap(one: str, other: str) -> bool:
    wild = lambda a, b: a.startswith("*.") and b.partition(".")[2] == a[2:]
    return wild(one, other) or wild(other, one)


def uses_certificate(account: str, arn: str) -> list[str]:
    """The distributions that serve with this certificate."""
    kept = store.at(account, "").distributions.values()
    serving = [d for d in kept if (d.config.get("ViewerCertificate") or {}).get("ACMCertificateArn") == arn]
    return sorted(f"arn:aws:cloudfront::{account}:distribution/{d.id}" for d in serving)


def uses_web_acl(account: str, arn: str) -> list[str]:
    """The distributions that have this web ACL, or had it until a moment ago: it is used until they are deployed.

    hashicorp/terraform-provider-aws#37229
    """
    kept = store.at(account, "").distributions.values()
    return sorted(d.id for d in kept if arn == d.config["WebACLId"] or (arn in d.leaving and not d.timer.done()))
