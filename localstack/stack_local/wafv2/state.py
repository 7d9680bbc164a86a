"""What WAF keeps: of every region, and of CloudFront, which is distinguished by its scope and asked in us-east-1 only."""

import copy
import functools
import uuid

from localstack.aws.api import CommonServiceException
from moto.wafv2 import models, utils
from moto.wafv2.models import GLOBAL_REGION, WAFV2Backend, wafv2_backends

from stack_local.clock import clock
from stack_local.core import Call, Operations, Store, fault

operations = Operations("wafv2")

# Without the scope, moto's ARNs of CloudFront's sets of expressions are those of a region.
models.make_arn_for_regex_pattern_set = functools.partial(utils.make_arn, resource="regexpatternset")

# API reference ListWebACLs, Limit.
_MOST = 100
_NO_ARN = "The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by colons or slashes."


class Kept:
    """Something with a lock token: an update needs the one of what it replaces, and makes another."""

    def __init__(self, call: Call, kind: str, view: dict):
        self.id = str(uuid.uuid4())
        where = "global" if call["Scope"] == "CLOUDFRONT" else "regional"
        self.arn = call.arn("wafv2", f"{where}/{kind}/{call['Name']}/{self.id}")
        self.name, self.scope = call["Name"], call["Scope"]
        self.timer = clock.timer("wafv2.propagate")
        self.change(view)

    def change(self, view: dict) -> None:
        self.view = {name: copy.deepcopy(value) for name, value in view.items() if value is not None}
        self.token = str(uuid.uuid4())

    def shown(self) -> dict:
        return {"Name": self.name, "Id": self.id, "ARN": self.arn, "Description": ""} | copy.deepcopy(self.view)

    def summary(self) -> dict:
        description = self.view.get("Description", "")
        return {"Name": self.name, "Id": self.id, "ARN": self.arn, "Description": description, "LockToken": self.token}


class State:
    def __init__(self):
        self.acls: dict[str, Kept] = {}  # all by ARN
        self.sets: dict[str, Kept] = {}
        self.logging: dict[str, dict] = {}  # by the ARN of the ACL
        self.tags: dict[str, dict[str, str]] = {}
        self.associations: dict[str, str] = {}  # the ARN of an ACL, by that of a balancer
        self.samples: dict[tuple[str, str], list[dict]] = {}  # by the ARN of an ACL and the name of a metric


store = Store(State)


class Invalid(CommonServiceException):
    """API reference, WAFInvalidParameterException: what is wrong, in three fields and once more in words."""

    def __init__(self, reason: str, field: str, parameter: str):
        super().__init__(
            "WAFInvalidParameterException",
            f"Error reason: {reason}, field: {field}, parameter: {parameter}",
            status_code=400,
            sender_fault=True,
        )
        self.Field, self.Parameter, self.Reason = field, parameter, reason


def no_arn(field: str, arn: str) -> Invalid:
    return Invalid(_NO_ARN, field, arn)


def nonexistent() -> CommonServiceException:
    return fault("WAFNonexistentItemException", "AWS WAF couldn’t perform the operation because your resource doesn’t exist.")


def duplicate() -> CommonServiceException:
    return fault(
        "WAFDuplicateItemException",
        "AWS WAF couldn’t perform the operation because some resource in your request is a duplicate of an existing one.",
    )


def stale() -> CommonServiceException:
    return fault(
        "WAFOptimisticLockException",
        "AWS WAF couldn’t save your changes because someone changed the resource after you started to edit it. Reapply your changes.",
    )


def associated() -> CommonServiceException:
    return fault(
        "WAFAssociatedItemException",
        "AWS WAF couldn’t perform the operation because your resource is being used by another resource or it’s associated with another resource.",
    )


def limits() -> CommonServiceException:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html, WAFLimitsExceededException."""
    return fault("WAFLimitsExceededException", "AWS WAF couldn’t perform the operation because you exceeded your resource limit.")


def unavailable() -> CommonServiceException:
    return fault(
        "WAFUnavailableEntityException", "AWS WAF couldn’t retrieve the resource that you requested. Retry your request."
    )


def _region(call: Call, scope: str) -> str:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html, Scope: CLOUDFRONT is for us-east-1 only."""
    if scope not in ("CLOUDFRONT", "REGIONAL") or (scope == "CLOUDFRONT" and call.region != "us-east-1"):
        raise Invalid("The scope is not valid.", "SCOPE_VALUE", scope)
    return GLOBAL_REGION if scope == "CLOUDFRONT" else call.region


def state_of(call: Call) -> State:
    """The state of the scope that the call names."""
    return store.at(call.account, _region(call, call.get("Scope", "")))


def backend_of(call: Call) -> WAFV2Backend:
    """What moto keeps of it: rule groups and sets of expressions."""
    return wafv2_backends[call.account][_region(call, call.get("Scope", ""))]


def place_of(call: Call, arn: str, field: str = "RESOURCE_ARN") -> tuple[str, str]:
    """The account and region of something of WAF's, by its ARN."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "wafv2" or parts[3] != call.region or "/" not in parts[5]:
        raise no_arn(field, arn)
    if parts[4] != call.account:
        raise nonexistent()
    return call.account, GLOBAL_REGION if parts[5].startswith("global/") else call.region


def kept(items: dict[str, Kept], call: Call) -> Kept:
    """The one that a call names by name and identifier."""
    for item in items.values():
        if (item.name, item.id) == (call.get("Name"), call.get("Id")):
            return item
    raise nonexistent()


def match(item: Kept, call: Call) -> None:
    if call.get("LockToken") != item.token:
        raise stale()


def listed_by_name(call: Call, member: str, items: list[dict], name: str = "Name") -> dict:
    """A page. Its marker is the name of its last item, and comes with every page that has one, the last one too.

    https://docs.aws.amazon.com/cli/latest/reference/wafv2/list-web-acls.html, whose example is one item with a marker.
    """
    found = sorted(items, key=lambda item: item[name])
    after = call.get("NextMarker")
    some = [item for item in found if after is None or item[name] > after][: min(call.get("Limit", _MOST), _MOST)]
    return {member: some} | ({"NextMarker": some[-1][name]} if some else {})
