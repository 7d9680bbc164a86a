"""Route 53's health checks: what AWS answers and refuses, without checkers. Every endpoint counts as healthy until a test says otherwise
(`/_stack/states`, kind `route53.health_check`: `Unhealthy`, or `3` for so many of the 16 checkers that report it as healthy; `*` is every one of
which nothing else is said).

https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHealthCheck.html: the reference of a health check that was deleted is
refused for days, here for ever; with the settings of the one that has it, that one is the answer.
https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHealthCheck.html: a health check that records use is deleted all the same.
https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeTagsForResource.html: ten tags. Own wording.
"""

import uuid

from stack_local import states
from stack_local.core import Call, Store, fault, now, page

# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html: health checks of an account.
_MOST = 200
_TAGS = 10
_CHECKERS = 16
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html: the regions of the checkers.
_REGIONS = ("us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1")
_SIMPLE = ("HTTP", "HTTPS")


class _Account:
    def __init__(self):
        self.checks: dict[str, dict] = {}
        # Every reference that was ever used, with the health check.
        self.references: dict[str, str] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.healthy: dict[str, int] = {}
        self.usually = _CHECKERS


_store = Store(_Account)


def _of(account: str) -> _Account:
    return _store.at(account, "aws")


def _there(call: Call, check: str) -> dict:
    found = _of(call.account).checks.get(check)
    if found is None:
        raise fault("NoSuchHealthCheck", f"No health check exists with the specified ID {check}.", 404)
    return found


def exists(account: str, check: str) -> bool:
    return check in _of(account).checks


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    """Health checks have no region: the index of us-east-1 has their tags."""
    if region != "us-east-1":
        return {}
    store = _of(account)
    return {f"arn:aws:route53:::healthcheck/{check}": store.tags.get(check, {}) for check in store.checks}


@states.of("route53.health_check")
def _say(account: str, _region: str, check: str, status: str) -> None:
    known = {"Healthy": _CHECKERS, "Unhealthy": 0}
    count = known[status] if status in known else min(int(status), _CHECKERS)
    if check == "*":
        _of(account).usually = count
        return
    if not exists(account, check):
        raise ValueError(f"no health check is called {check}")
    _of(account).healthy[check] = count


def _refuse(config: dict) -> None:
    def wrong(text: str):
        return fault("InvalidInput", text)

    if config.get("RequestInterval", 30) not in (10, 30):
        raise wrong("RequestInterval must be 10 or 30.")
    if not 1 <= config.get("FailureThreshold", 3) <= 10:
        raise wrong("FailureThreshold must be between 1 and 10.")
    if not 1 <= config.get("Port", 443) <= 65535:
        raise wrong("Port must be between 1 and 65535.")
    if len(config.get("ResourcePath", "")) > 255 or len(config.get("FullyQualifiedDomainName", "")) > 255:
        raise wrong("ResourcePath and FullyQualifiedDomainName have at most 255 characters.")
    if config["Type"] in _SIMPLE and not (config.get("FullyQualifiedDomainName") or config.get("IPAddress")):
        raise wrong("Either FullyQualifiedDomainName or IPAddress is required.")


def _complete(config: dict) -> dict:
    usual = {"Inverted": False, "Disabled": False, "MeasureLatency": False, "RequestInterval": 30, "FailureThreshold": 3}
    if config["Type"] in _SIMPLE:
        usual |= {"Port": 443 if config["Type"] == "HTTPS" else 80, "EnableSNI": config["Type"] == "HTTPS"}
    return usual | config


def create(call: Call) -> dict:
    store, reference, config = _of(call.account), call["CallerReference"], call["HealthCheckConfig"]
    if not 1 <= len(reference) <= 64:
        raise fault("InvalidInput", "CallerReference has 1 to 64 characters.")
    _refuse(config)
    config = _complete(config)
    if (known := store.references.get(reference)) is not None:
        check = store.checks.get(known)
        if check is None or check["HealthCheckConfig"] != config:
            raise fault(
                "HealthCheckAlreadyExists",
                f"The health check you're attempting to create already exists: {reference} was used before.",
                409,
            )
    else:
        if len(store.checks) >= _MOST:
            raise fault("TooManyHealthChecks", f"This account has {_MOST} health checks.")
        check = {
            "Id": str(uuid.uuid4()),
            "CallerReference": reference,
            "HealthCheckConfig": config,
            "HealthCheckVersion": 1,
        }
        store.checks[check["Id"]] = check
        store.references[reference] = check["Id"]
    return {"HealthCheck": check, "Location": f"https://route53.amazonaws.com/2013-04-01/healthcheck/{check['Id']}"}


def update(call: Call) -> dict:
    check = _there(call, call["HealthCheckId"])
    if (version := call.get("HealthCheckVersion")) is not None and version != check["HealthCheckVersion"]:
        raise fault("HealthCheckVersionMismatch", "The value of HealthCheckVersion in the request doesn't match.", 409)
    fixed = ("HealthCheckId", "HealthCheckVersion", "ResetElements")
    config = check["HealthCheckConfig"] | {
        key: value for key, value in call.request.items() if key not in fixed and value is not None
    }
    _refuse(config)
    check["HealthCheckConfig"] = config
    check["HealthCheckVersion"] += 1
    return {"HealthCheck": check}


def delete(call: Call) -> dict:
    _there(call, call["HealthCheckId"])
    store = _of(call.account)
    for kept in (store.checks, store.tags, store.healthy):
        kept.pop(call["HealthCheckId"], None)
    return {}


def get(call: Call) -> dict:
    return {"HealthCheck": _there(call, call["HealthCheckId"])}


def listed(call: Call) -> dict:
    size = int(call.get("MaxItems", 100))
    checks = sorted(_of(call.account).checks.values(), key=lambda check: check["Id"])
    found, token = page(checks, call.get("Marker"), min(size, 100), 100)
    answer = {"HealthChecks": found, "Marker": call.get("Marker", ""), "MaxItems": str(size), "IsTruncated": bool(token)}
    return answer | ({"NextMarker": token} if token else {})


def status(call: Call) -> dict:
    check = _there(call, call["HealthCheckId"])
    if check["HealthCheckConfig"]["Disabled"]:
        # https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-creating-values.html: it counts as healthy.
        return {"HealthCheckObservations": []}
    healthy = _of(call.account).healthy.get(check["Id"], _of(call.account).usually)

    def said(checker: int) -> dict:
        text = "Success: HTTP Status Code 200, OK" if checker < healthy else "Failure: HTTP Status Code 503, Service Unavailable"
        return {
            "Region": _REGIONS[checker % len(_REGIONS)],
            "IPAddress": f"192.0.2.{checker + 1}",
            "StatusReport": {"Status": text, "CheckedTime": now()},
        }

    return {"HealthCheckObservations": [said(checker) for checker in range(_CHECKERS)]}


def change_tags(call: Call) -> dict:
    if call["ResourceType"] != "healthcheck":
        return call.stock()
    check = call["ResourceId"]
    _there(call, check)
    tags = dict(_of(call.account).tags.get(check, {}))
    for key in call.get("RemoveTagKeys", []):
        tags.pop(key, None)
    added = call.get("AddTags", [])
    tags |= {tag["Key"]: tag.get("Value", "") for tag in added}
    if len(tags) > _TAGS or len(added) > _TAGS:
        raise fault("InvalidInput", f"You can add a maximum of {_TAGS} tags to a health check.")
    _of(call.account).tags[check] = tags
    return {}


def _set(call: Call, check: str) -> dict:
    _there(call, check)
    tags = _of(call.account).tags.get(check, {})
    return {
        "ResourceType": "healthcheck",
        "ResourceId": check,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def tags_of(call: Call) -> dict:
    if call["ResourceType"] != "healthcheck":
        return call.stock()
    return {"ResourceTagSet": _set(call, call["ResourceId"])}


def tags_of_many(call: Call) -> dict:
    if call["ResourceType"] != "healthcheck":
        return call.stock()
    checks = call["ResourceIds"]
    if not 1 <= len(checks) <= _TAGS:
        raise fault("InvalidInput", "ResourceIds has 1 to 10 items.")
    return {"ResourceTagSets": [_set(call, check) for check in checks]}
