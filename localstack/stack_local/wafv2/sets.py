"""Sets of addresses."""

from stack_local.core import Call, pairs
from stack_local.wafv2.checks import check_addresses, check_description, check_name, check_tags, references
from stack_local.wafv2.state import (
    Kept,
    associated,
    backend_of,
    duplicate,
    kept,
    listed_by_name,
    match,
    operations,
    state_of,
)


@operations.on("CreateIPSet")
def create_ip_set(call: Call) -> dict:
    state = state_of(call)
    check_name(call, "IP_SET")
    check_description(call, "IP_SET")
    tags = check_tags(call.get("Tags"))
    version = call.get("IPAddressVersion", "")
    addresses = check_addresses(version, call.get("Addresses", []))
    if any(one.name == call["Name"] for one in state.sets.values()):
        raise duplicate()
    made = Kept(call, "ipset", {"Description": call.get("Description"), "IPAddressVersion": version, "Addresses": addresses})
    state.sets[made.arn], state.tags[made.arn] = made, pairs(tags)
    return {"Summary": made.summary()}


@operations.on("GetIPSet")
def get_ip_set(call: Call) -> dict:
    found = kept(state_of(call).sets, call)
    return {"IPSet": found.shown(), "LockToken": found.token}


@operations.on("ListIPSets")
def list_ip_sets(call: Call) -> dict:
    return listed_by_name(call, "IPSets", [one.summary() for one in state_of(call).sets.values()])


@operations.on("UpdateIPSet")
def update_ip_set(call: Call) -> dict:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_UpdateIPSet.html: it completely replaces the addresses."""
    found = kept(state_of(call).sets, call)
    check_description(call, "IP_SET")
    addresses = check_addresses(found.view["IPAddressVersion"], call.get("Addresses", []))
    match(found, call)
    found.change(found.view | {"Description": call.get("Description"), "Addresses": addresses})
    return {"NextLockToken": found.token}


@operations.on("DeleteIPSet")
def delete_ip_set(call: Call) -> dict:
    state = state_of(call)
    found = kept(state.sets, call)
    match(found, call)
    rules = [acl.view["Rules"] for acl in state.acls.values()]
    rules += [[rule.to_dict() for rule in group.rules] for group in backend_of(call).rule_groups.values()]
    if any(found.arn in references(some) for some in rules):
        raise associated()
    del state.sets[found.arn]
    state.tags.pop(found.arn, None)
    return {}
