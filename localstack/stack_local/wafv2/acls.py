"""Web ACLs."""

from stack_local import cloudfront
from stack_local.core import Call, pairs
from stack_local.wafv2 import capacity
from stack_local.wafv2.checks import check_acl, check_description, check_name, check_tags, complete_rules
from stack_local.wafv2.state import (
    Kept,
    State,
    associated,
    duplicate,
    kept,
    listed_by_name,
    match,
    nonexistent,
    operations,
    place_of,
    state_of,
    store,
)

# What a web ACL has of its requests; an update replaces all of it.
_FIELDS = (
    "DefaultAction",
    "Description",
    "VisibilityConfig",
    "DataProtectionConfig",
    "CustomResponseBodies",
    "CaptchaConfig",
    "ChallengeConfig",
    "TokenDomains",
    "AssociationConfig",
    "OnSourceDDoSProtectionConfig",
    "ApplicationConfig",
)


def _view(call: Call) -> dict:
    check_description(call, "WEB_ACL")
    rules = call.get("Rules", [])
    check_acl(call, rules)
    return {name: call.get(name) for name in _FIELDS} | {
        "Rules": complete_rules(rules),
        "Capacity": capacity.checked(call, rules, "WEB_ACL"),
        "ManagedByFirewallManager": False,
        "RetrofittedByFirewallManager": False,
        "LabelNamespace": f"awswaf:{call.account}:webacl:{call['Name']}:",
    }


@operations.on("CreateWebACL")
def create_web_acl(call: Call) -> dict:
    state = state_of(call)
    check_name(call, "WEB_ACL")
    tags = check_tags(call.get("Tags"))
    view = _view(call)
    if any(acl.name == call["Name"] for acl in state.acls.values()):
        raise duplicate()
    made = Kept(call, "webacl", view)
    state.acls[made.arn], state.tags[made.arn] = made, pairs(tags)
    return {"Summary": made.summary()}


def _acl(call: Call) -> tuple[State, Kept]:
    if arn := call.get("ARN"):
        state = store.at(*place_of(call, arn))
        if arn not in state.acls:
            raise nonexistent()
        return state, state.acls[arn]
    state = state_of(call)
    return state, kept(state.acls, call)


@operations.on("GetWebACL")
def get_web_acl(call: Call) -> dict:
    _, acl = _acl(call)
    return {"WebACL": acl.shown(), "LockToken": acl.token}


@operations.on("ListWebACLs")
def list_web_acls(call: Call) -> dict:
    return listed_by_name(call, "WebACLs", [acl.summary() for acl in state_of(call).acls.values()])


@operations.on("UpdateWebACL")
def update_web_acl(call: Call) -> dict:
    acl = kept(state_of(call).acls, call)
    match(acl, call)
    acl.change(_view(call))
    return {"NextLockToken": acl.token}


def _in_use(call: Call, state: State, acl: Kept) -> bool:
    if acl.scope == "CLOUDFRONT":
        return bool(cloudfront.uses_web_acl(call.account, acl.arn))
    return acl.arn in state.associations.values()


@operations.on("DeleteWebACL")
def delete_web_acl(call: Call) -> dict:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_DeleteWebACL.html: first it is disassociated from everything."""
    state = state_of(call)
    acl = kept(state.acls, call)
    match(acl, call)
    if _in_use(call, state, acl):
        raise associated()
    for items in (state.acls, state.tags, state.logging):
        items.pop(acl.arn, None)
    return {}


def is_for_cloudfront(account: str, arn: str) -> bool:
    """Whether a distribution may have this web ACL: one of CloudFront's that there is."""
    return arn in store.at(account, "global").acls
