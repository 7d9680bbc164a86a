"""Service Quotas: AWS's own values for what is asked about here, and those in force as what the account was granted."""

from moto.servicequotas.resources.default_quotas.vpc import VPC_DEFAULT_QUOTAS

from stack_local.core import Call, Operations, fault, page
from stack_local.quotas import quotas

operations = Operations("service-quotas")

# What no quota in force comes to: more than anybody makes here.
_NONE = 10_000.0

# Those that can be put in force here, by service and code.
_IN_FORCE = {
    ("vpc", "L-F678F1CE"): "networks",
    ("vpc", "L-A4707A72"): "internet-gateways",
    ("vpc", "L-FE5A380F"): "nat-gateways-per-zone",
    ("ec2", "L-0263D0A3"): "addresses",
    ("fargate", "L-3032A538"): "fargate-vcpus",
    ("fargate", "L-36FBB829"): "fargate-spot-vcpus",
    ("events", "L-244521F2"): "event-rules",
}

_SERVICES = {
    "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "fargate": "AWS Fargate",
    "events": "Amazon EventBridge (CloudWatch Events)",
}

_DEFAULTS = {
    "vpc": {quota["QuotaCode"]: (quota["QuotaName"], quota["Value"]) for quota in VPC_DEFAULT_QUOTAS},
    "events": {"L-244521F2": ("Number of rules", 300.0)},
    "ec2": {"L-0263D0A3": ("EC2-VPC Elastic IPs", 5.0)},
    "fargate": {
        "L-3032A538": ("Fargate On-Demand vCPU resource count", 6.0),
        "L-36FBB829": ("Fargate Spot vCPU resource count", 6.0),
    },
}


def _view(call: Call, service: str, code: str, granted: bool) -> dict:
    name, value = _DEFAULTS[service][code]
    if granted and (service, code) in _IN_FORCE:
        most = quotas.most[_IN_FORCE[service, code]]
        value = _NONE if most is None else float(most)
    account = call.account if granted else ""
    return {
        "ServiceCode": service,
        "ServiceName": _SERVICES[service],
        "QuotaArn": f"arn:aws:servicequotas:{call.region}:{account}:{service}/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def _codes(call: Call) -> list[str]:
    if call["ServiceCode"] not in _DEFAULTS:
        raise fault(
            "NoSuchResourceException", f"The request failed because the specified service does not exist: {call['ServiceCode']}"
        )
    return list(_DEFAULTS[call["ServiceCode"]])


def _one(call: Call, granted: bool) -> dict:
    code = call["QuotaCode"]
    if code not in _codes(call):
        raise fault("NoSuchResourceException", "The request failed because the specified quota does not exist.")
    return {"Quota": _view(call, call["ServiceCode"], code, granted)}


def _every(call: Call, granted: bool) -> dict:
    codes, after = page(_codes(call), call.get("NextToken"), call.get("MaxResults"), 100)
    return {"Quotas": [_view(call, call["ServiceCode"], code, granted) for code in codes]} | (
        {"NextToken": after} if after else {}
    )


@operations.on("GetServiceQuota")
def get_service_quota(call: Call) -> dict:
    return _one(call, granted=True)


@operations.on("GetAWSDefaultServiceQuota")
def get_aws_default_service_quota(call: Call) -> dict:
    return _one(call, granted=False)


@operations.on("ListServiceQuotas")
def list_service_quotas(call: Call) -> dict:
    return _every(call, granted=True)


@operations.on("ListAWSDefaultServiceQuotas")
def list_aws_default_service_quotas(call: Call) -> dict:
    return _every(call, granted=False)


@operations.on("ListServices")
def list_services(call: Call) -> dict:
    return {"Services": [{"ServiceCode": code, "ServiceName": name} for code, name in _SERVICES.items()]}
