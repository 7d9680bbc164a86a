"""Certificate Manager: issued when the domain is proven, and not deleted while something serves with it.

Where the account has a public zone for a domain, the record must be in it; where it has none, the proof is taken to be
written elsewhere. moto counts sixty seconds of its own from the request: here it is the clock that all services share.
"""

import datetime

from moto.acm.models import acm_backends
from moto.route53.models import route53_backends

from stack_local import certificates, cloudfront, elbv2
from stack_local.clock import Timer, clock
from stack_local.core import Call, Operations, fault
from stack_local.outcomes import outcomes

operations = Operations("acm")

# When the proof was first seen, by certificate.
_proven: dict[str, Timer] = {}
# Why those that are still looked at will not be issued, and why those that were not were not.
_fates: dict[str, str] = {}
_refused: dict[str, str] = {}


def _rooted(name: str) -> str:
    return name.rstrip(".").lower() + "."


def _written(account: str, name: str, value: str) -> bool:
    covering = False
    for zone in route53_backends[account]["aws"].zones.values():
        if zone.private_zone or not _rooted(name).endswith("." + _rooted(zone.name)):
            continue
        covering = True
        for record in zone.rrsets:
            if (
                record.type_ == "CNAME"
                and _rooted(record.name) == _rooted(name)
                and _rooted(value)
                in {_rooted(said if isinstance(said, str) else said.get("Value", "")) for said in record.records}
            ):
                return True
    return not covering


@operations.before_all
def settle(call: Call) -> None:
    for certificate in list(acm_backends[call.account][call.region]._certificates.values()):
        if certificate.type != "AMAZON_ISSUED" or certificate.status != "PENDING_VALIDATION":
            continue
        certificate.created_at = datetime.datetime.now(certificate.created_at.tzinfo)  # moto's own count never ends
        options = certificate.describe()["Certificate"]["DomainValidationOptions"]
        records = [option["ResourceRecord"] for option in options]
        if not all(_written(call.account, record["Name"], record["Value"]) for record in records):
            _proven.pop(certificate.arn, None)
        elif _proven.setdefault(certificate.arn, clock.timer("acm.issue")).done():
            if fate := _fates.pop(certificate.arn, None):
                certificate.status, _refused[certificate.arn] = "FAILED", fate
                continue
            certificate.status = "ISSUED"
            certificates.issued(certificate.arn)


@operations.on("RequestCertificate")
def request(call: Call) -> dict:
    answer = call.stock()
    # The first look sees it pending at any speed, the next one issued.
    certificate = acm_backends[call.account][call.region]._certificates[answer["CertificateArn"]]
    if certificate.status != "FAILED":
        certificate.status = "PENDING_VALIDATION"
        if certificate.arn not in _fates and (fate := outcomes.take(call.account, "acm.certificate")):
            _fates[certificate.arn] = fate
    return answer


@operations.on("DeleteCertificate")
def delete(call: Call) -> dict:
    arn = call["CertificateArn"]
    users = elbv2.uses_certificate(call.account, call.region, arn) + cloudfront.uses_certificate(call.account, arn)
    if users:
        raise fault("ResourceInUseException", f"Certificate {arn} in account {call.account} is in use.")
    answer = call.stock()
    # moto would go on answering the same request with what is gone.
    tokens = acm_backends[call.account][call.region]._idempotency_tokens
    for token in [token for token, known in tokens.items() if known.get("arn") == arn]:
        del tokens[token]
    return answer


@operations.on("DescribeCertificate")
def describe(call: Call) -> dict:
    answer = call.stock()
    arn = call["CertificateArn"]
    used = elbv2.uses_certificate(call.account, call.region, arn) + cloudfront.uses_certificate(call.account, arn)
    answer["Certificate"]["InUseBy"] = used
    if arn in _refused:
        answer["Certificate"]["FailureReason"] = _refused[arn]
    return answer
