"""Origin access controls and the three kinds of policy."""

import copy

from stack_local.cloudfront.config import MANAGED, uses
from stack_local.cloudfront.state import KINDS, Kept, operations, paged, state_of
from stack_local.core import Call, fault


def _config_name(kind: str) -> str:
    return f"{kind}Config"


def _policy_shown(kind: str, kept: Kept) -> dict:
    view = {"Id": kept.id, _config_name(kind): copy.deepcopy(kept.config)}
    return view if kind == "OriginAccessControl" else view | {"LastModifiedTime": kept.modified}


def _serve(kind: str) -> None:
    words, config_name = KINDS[kind], _config_name(kind)
    plural = f"{kind}List"

    # AWS's own: they cannot be changed, and are known by their names.
    managed = {identifier: _managed(identifier, name) for identifier, name in MANAGED.get(kind, {}).items()}

    def find(call: Call, to_change: bool = False) -> Kept:
        if to_change and call["Id"] in managed:
            raise fault("AccessDenied", "Managed policies cannot be changed.", status=403)
        found = state_of(call).policies[kind].get(call["Id"]) or managed.get(call["Id"])
        if found is None:
            raise fault(words["missing"], f"The {kind} does not exist.", status=404)
        return found

    def check_name(call: Call, config: dict, mine: Kept | None) -> None:
        for other in state_of(call).policies[kind].values():
            if other is not mine and other.config["Name"] == config["Name"]:
                raise fault(words["exists"], f"A {kind} with this name already exists. {kind} names must be unique.", status=409)

    @operations.on(f"Create{kind}")
    def create(call: Call) -> dict:
        check_name(call, call[config_name], None)
        kept = Kept(copy.deepcopy(call[config_name]))
        state_of(call).policies[kind][kept.id] = kept
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
        if any(uses(distribution.config, kind, kept.id) for distribution in state_of(call).distributions.values()):
            raise fault(
                words["in_use"], f"Cannot delete the {kind} because it is attached to one or more distributions.", status=409
            )
        del state_of(call).policies[kind][kept.id]
        return {}

    list_name = {
        "OriginAccessControl": "ListOriginAccessControls",
        "CachePolicy": "ListCachePolicies",
        "OriginRequestPolicy": "ListOriginRequestPolicies",
        "ResponseHeadersPolicy": "ListResponseHeadersPolicies",
    }[kind]

    @operations.on(list_name)
    def every(call: Call) -> dict:
        kept = list(state_of(call).policies[kind].values())
        if kind == "OriginAccessControl":
            return {plural: paged(call, [{"Id": k.id, "Description": ""} | copy.deepcopy(k.config) for k in kept])}
        both = {"managed": list(managed.values()), "custom": kept}
        items = [
            {"Type": which, kind: _policy_shown(kind, k)}
            for which, some in both.items()
            if call.get("Type", which) == which
            for k in some
        ]
        return {plural: {"MaxItems": 100, "Quantity": len(items), "Items": items}}


def _managed(identifier: str, name: str) -> Kept:
    kept = Kept({"Name": name})
    kept.id = identifier
    return kept


for _kind in KINDS:
    _serve(_kind)
