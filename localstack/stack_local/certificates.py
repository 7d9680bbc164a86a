"""Which certificates their users do not see yet: for some seconds after the issue, here at the first use of each.

Terraform retries the same two answers: InvalidViewerCertificate of CloudFront for one minute, CertificateNotFound of Elastic
Load Balancing for five (hashicorp/terraform-provider-aws, internal/service/cloudfront/distribution.go, elbv2/listener.go).
"""

_issued: set[str] = set()
_seen: set[tuple[str, str]] = set()


def issued(arn: str) -> None:
    """It was issued this moment."""
    _issued.add(arn)


def is_seen(service: str, arn: str) -> bool:
    """Whether a service knows the certificate: not at the first time that it hears of it."""
    if arn not in _issued or (service, arn) in _seen:
        return True
    _seen.add((service, arn))
    return False
