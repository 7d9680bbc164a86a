"""What CloudFront makes of a distribution's configuration: what it refuses in it, and how it answers what it was given."""

import copy

from localstack.services.s3.models import s3_stores

from stack_local import certificates
from stack_local.core import fault

# AWS's own policies, which every account has and none can change.
MANAGED = {
    "CachePolicy": {
        "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": "Managed-CachingDisabled",
        "658327ea-f89d-4fab-a63d-7e88639e58f6": "Managed-CachingOptimized",
        "b2884449-e4de-46a7-ac36-70bc7f1ddd6d": "Managed-CachingOptimizedForUncompressedObjects",
        "83da9c7e-98b4-4e11-a168-04f0df8e2c65": "Managed-UseOriginCacheControlHeaders",
        "4cc15a8a-d715-48a4-82b8-cc0b614638fe": "Managed-UseOriginCacheControlHeaders-QueryStrings",
    },
    "OriginRequestPolicy": {
        "216adef6-5c7f-47e4-b989-5492eafa07d3": "Managed-AllViewer",
        "b689b0a8-53d0-40ab-baf2-68738e2966ac": "Managed-AllViewerExceptHostHeader",
        "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf": "Managed-CORS-S3Origin",
        "59781a5b-3903-41f3-afcb-af62929ccde1": "Managed-CORS-CustomOrigin",
    },
    "ResponseHeadersPolicy": {
        "67f7725c-6f97-4210-82d7-5512b31e9d03": "Managed-SecurityHeadersPolicy",
        "60669652-455b-4ae9-85a4-c4c02393f86c": "Managed-SimpleCORS",
        "5cc3b908-e619-4b99-88e5-2cf7f45965bd": "Managed-CORS-With-Preflight",
        "e61eb60c-9c35-4d20-a928-2b84e02af89c": "Managed-CORS-and-SecurityHeadersPolicy",
    },
}
OWN_CERTIFICATE = {
    "CloudFrontDefaultCertificate": True,
    "SSLSupportMethod": "vip",
    "MinimumProtocolVersion": "TLSv1",
    "CertificateSource": "cloudfront",
}


def complete(given: dict) -> dict:
    """The configuration with what AWS fills in, in the form in which AWS answers it."""
    _count(given)
    config = copy.deepcopy(given)
    for origin in config["Origins"]["Items"]:
        _complete_origin(origin)
    config["DefaultCacheBehavior"] = _complete_behavior(config["DefaultCacheBehavior"])
    behaviors = config.get("CacheBehaviors") or {"Quantity": 0}
    if behaviors.get("Items"):
        behaviors["Items"] = [_complete_behavior(item) for item in behaviors["Items"]]
    config["CacheBehaviors"] = behaviors
    defaults = {
        "Aliases": {"Quantity": 0},
        "DefaultRootObject": "",
        "OriginGroups": {"Quantity": 0},
        "CustomErrorResponses": {"Quantity": 0},
        "Comment": "",
        "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
        "PriceClass": "PriceClass_All",
        "ViewerCertificate": OWN_CERTIFICATE,
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": "",
        "HttpVersion": "http2",
        "IsIPV6Enabled": True,
        "ContinuousDeploymentPolicyId": "",
        "Staging": False,
    }
    config = defaults | config
    config["ViewerCertificate"] = _complete_certificate(config["ViewerCertificate"])
    logging = config["Logging"]
    if logging["Enabled"] and not logging["Bucket"].endswith(".s3.amazonaws.com"):
        logging["Bucket"] += ".s3.amazonaws.com"
    return config


def _complete_origin(origin: dict) -> None:
    kinds = [kind for kind in ("S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig") if kind in origin]
    if len(kinds) != 1:
        raise fault("InvalidOrigin", "The specified origin server does not exist or is not valid.")
    origin.setdefault("OriginPath", "")
    origin.setdefault("CustomHeaders", {"Quantity": 0})
    origin.setdefault("ConnectionAttempts", 3)
    origin.setdefault("ConnectionTimeout", 10)
    origin.setdefault("OriginShield", {"Enabled": False})
    origin.setdefault("OriginAccessControlId", "")
    if "CustomOriginConfig" in origin:
        defaults = {
            "OriginReadTimeout": 30,
            "OriginKeepaliveTimeout": 5,
            "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
        }
        origin["CustomOriginConfig"] = defaults | origin["CustomOriginConfig"]


def _complete_behavior(given: dict) -> dict:
    if "CachePolicyId" not in given and "ForwardedValues" not in given:
        raise fault("InvalidArgument", "The parameter ForwardedValues is required.")
    nothing = {"Quantity": 0}
    methods = {"Quantity": 2, "Items": ["HEAD", "GET"], "CachedMethods": {"Quantity": 2, "Items": ["HEAD", "GET"]}}
    return {
        "TrustedSigners": {"Enabled": False, "Quantity": 0},
        "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "AllowedMethods": methods,
        "SmoothStreaming": False,
        "Compress": False,
        "LambdaFunctionAssociations": nothing,
        "FunctionAssociations": nothing,
        "FieldLevelEncryptionId": "",
    } | given


def _complete_certificate(given: dict) -> dict:
    arn = given.get("ACMCertificateArn")
    if not arn:
        return given if given.get("IAMCertificateId") else OWN_CERTIFICATE
    return {
        "CloudFrontDefaultCertificate": False,
        "MinimumProtocolVersion": "TLSv1",
        "Certificate": arn,
        "CertificateSource": "acm",
    } | given


def _count(given) -> None:
    """Every list comes with its length."""
    if isinstance(given, dict):
        if "Quantity" in given and given["Quantity"] != len(given.get("Items") or []):
            raise fault("InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
        given = given.values()
    if not isinstance(given, str) and hasattr(given, "__iter__"):
        for inside in given:
            _count(inside)


def behaviors_of(config: dict) -> list[dict]:
    return [config["DefaultCacheBehavior"], *(config["CacheBehaviors"].get("Items") or [])]


def aliases_of(config: dict) -> set[str]:
    return set(config["Aliases"].get("Items") or [])


def uses(config: dict, kind: str, identifier: str) -> bool:
    if kind == "OriginAccessControl":
        return any(origin["OriginAccessControlId"] == identifier for origin in config["Origins"]["Items"])
    return any(behavior.get(f"{kind}Id") == identifier for behavior in behaviors_of(config))


def check(config: dict, account: str, policies: dict[str, dict]) -> None:
    """What must be there of what it refers to. `policies` are the account's own, by kind and identifier."""
    origins = [origin["Id"] for origin in config["Origins"]["Items"]]
    patterns = [behavior["PathPattern"] for behavior in behaviors_of(config)[1:]]
    if len(set(patterns)) < len(patterns):
        raise fault("InvalidArgument", "The parameter PathPattern contains a duplicate.")
    for behavior in behaviors_of(config):
        if behavior["TargetOriginId"] not in origins:
            raise fault("NoSuchOrigin", "One or more of your origins or origin groups do not exist.", status=404)
        for kind, managed in MANAGED.items():
            identifier = behavior.get(f"{kind}Id")
            if identifier and identifier not in managed and identifier not in policies[kind]:
                raise fault(f"NoSuch{kind}", f"The specified {kind} does not exist.", status=404)
    for origin in config["Origins"]["Items"]:
        control = origin["OriginAccessControlId"]
        if control and control not in policies["OriginAccessControl"]:
            raise fault("InvalidOriginAccessControl", "The origin access control is not valid.")
    certificate = config["ViewerCertificate"].get("ACMCertificateArn", "")
    if certificate and not (certificate.startswith("arn:aws:acm:us-east-1:") and certificates.is_seen("cloudfront", certificate)):
        raise fault(
            "InvalidViewerCertificate",
            "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid certificate chain.",
        )
    if aliases_of(config) and not certificate and not config["ViewerCertificate"].get("IAMCertificateId"):
        raise fault(
            "InvalidViewerCertificate",
            "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted certificate that validates your authorization to use the domain name.",
        )
    if config["WebACLId"]:
        _check_web_acl(config["WebACLId"], account)
    if config["Logging"]["Enabled"]:
        _check_logs(config["Logging"]["Bucket"], account)


def _check_web_acl(arn: str, account: str) -> None:
    """https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html, WebACLId: an ARN of WAF's.

    The words are AWS's: hashicorp/terraform#17544.
    """
    from stack_local import wafv2  # only now: the two look into each other

    if not wafv2.is_for_cloudfront(account, arn):
        raise fault("InvalidWebACLId", "Web ACL is not accessible by the requester.")


def _check_logs(domain: str, account: str) -> None:
    name = domain.removesuffix(".s3.amazonaws.com")
    for store in dict(s3_stores.get(account, {})).values():
        if bucket := store.buckets.get(name):
            if bucket.object_ownership == "BucketOwnerEnforced":
                raise fault(
                    "InvalidArgument",
                    f"The S3 bucket that you specified for CloudFront logs does not enable ACL access: {domain}",
                )
            return
    raise fault("InvalidArgument", f"The S3 bucket that you specified for CloudFront logs doesn't exist: {domain}")
