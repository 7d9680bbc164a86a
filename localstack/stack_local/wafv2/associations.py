"""Which balancer has which web ACL. Distributions name theirs themselves."""

import re

from stack_local import elbv2
from stack_local.core import Call
from stack_local.settling import settles
from stack_local.wafv2.state import Kept, no_arn, nonexistent, operations, place_of, store, unavailable

# https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html, ResourceArn.
_RESOURCES = {
    "APPLICATION_LOAD_BALANCER": r"arn:[\w-]+:elasticloadbalancing:[\w-]+:\d{12}:loadbalancer/app/[^/]+/[^/]+",
    "API_GATEWAY": r"arn:[\w-]+:apigateway:[\w-]+::/restapis/[^/]+/stages/[^/]+",
    "APPSYNC": r"arn:[\w-]+:appsync:[\w-]+:\d{12}:apis/[^/]+",
    "COGNITO_USER_POOL": r"arn:[\w-]+:cognito-idp:[\w-]+:\d{12}:userpool/[^/]+",
    "APP_RUNNER_SERVICE": r"arn:[\w-]+:apprunner:[\w-]+:\d{12}:service/[^/]+/[^/]+",
    "VERIFIED_ACCESS_INSTANCE": r"arn:[\w-]+:ec2:[\w-]+:\d{12}:verified-access-instance/[^/]+",
    "AMPLIFY": r"arn:[\w-]+:amplify:[\w-]+:\d{12}:apps/[^/]+",
}
_BALANCER = "APPLICATION_LOAD_BALANCER"


def _kind(arn: str) -> str | None:
    return next((kind for kind, pattern in _RESOURCES.items() if re.fullmatch(pattern, arn)), None)


def _resource(call: Call) -> str:
    """The resource of a call. Of those that are no balancers it is not checked that they exist."""
    arn = call.get("ResourceArn", "")
    kind = _kind(arn)
    if kind is None or arn.split(":")[3] != call.region:
        raise no_arn("RESOURCE_ARN", arn)
    if kind == _BALANCER and not elbv2.is_there(call.account, call.region, arn):
        raise nonexistent()
    return arn


def _acl(call: Call) -> Kept:
    arn = call.get("WebACLArn", "")
    found = store.at(*place_of(call, arn)).acls.get(arn)
    if found is None:
        raise nonexistent()
    return found


@settles
def settle(account: str, region: str) -> None:
    """A balancer that is gone uses no web ACL any more."""
    associations = store.at(account, region).associations
    for arn in [arn for arn in associations if _kind(arn) == _BALANCER and not elbv2.is_there(account, region, arn)]:
        del associations[arn]


@operations.before_all
def _first(call: Call) -> None:
    settle(call.account, call.region)


@operations.on("AssociateWebACL")
def associate_web_acl(call: Call) -> dict:
    acl, resource = _acl(call), _resource(call)
    if acl.scope != "REGIONAL":
        raise no_arn("RESOURCE_ARN", acl.arn)
    if not acl.timer.done():
        raise unavailable()
    store.of(call).associations[resource] = acl.arn
    return {}


@operations.on("DisassociateWebACL")
def disassociate_web_acl(call: Call) -> dict:
    store.of(call).associations.pop(_resource(call), None)
    return {}


@operations.on("GetWebACLForResource")
def get_web_acl_for_resource(call: Call) -> dict:
    state = store.of(call)
    found = state.acls.get(state.associations.get(_resource(call), ""))
    return {"WebACL": found.shown()} if found else {}


@operations.on("ListResourcesForWebACL")
def list_resources_for_web_acl(call: Call) -> dict:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_ListResourcesForWebACL.html: balancers if it says nothing else, and
    no distributions."""
    acl, kind = _acl(call), call.get("ResourceType", _BALANCER)
    associations = store.of(call).associations
    return {"ResourceArns": sorted(arn for arn, of in associations.items() if of == acl.arn and _kind(arn) == kind)}
