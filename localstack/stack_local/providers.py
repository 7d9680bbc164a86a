"""The entry points: which provider serves which service.

Services LocalStack's community edition lacks are `default`. Those it has are wrapped, under the name `stack`,
which `PROVIDER_OVERRIDE_<SERVICE>=stack` selects (see `__main__`).
"""

import importlib

from localstack.services.plugins import Service, aws_provider

WRAPPED = ("acm", "cloudwatch", "ec2", "iam", "kms", "logs", "resourcegroupstaggingapi", "route53", "s3", "secretsmanager", "sns")


def _operations(module: str):
    # Only when the service is first asked for: botocore's models and moto's backends are slow to import.
    return importlib.import_module(f"stack_local.{module}").operations


def _ours(api: str, module: str):
    def create() -> Service:
        return _operations(module).moto_service()

    create.__name__ = module
    return aws_provider(api=api)(create)


def _wrapping(api: str, module: str):
    def create() -> Service:
        from localstack.services import providers

        return _operations(module).around(getattr(providers, api).factory().create_service())

    create.__name__ = module
    return aws_provider(api=api, name="stack")(create)


ecs = _ours("ecs", "ecs")
ecr = _ours("ecr", "ecr")
elbv2 = _ours("elbv2", "elbv2")
rds = _ours("rds", "rds")
elasticache = _ours("elasticache", "elasticache")
cloudfront = _ours("cloudfront", "cloudfront")
autoscaling = _ours("application-autoscaling", "autoscaling")
backup = _ours("backup", "backup")
budgets = _ours("budgets", "budgets")
ce = _ours("ce", "ce")
chatbot = _ours("chatbot", "chatbot")
service_quotas = _ours("service-quotas", "service_quotas")
servicediscovery = _ours("servicediscovery", "servicediscovery")
sso = _ours("sso-admin", "sso")
identitystore = _ours("identitystore", "identitystore")
wafv2 = _ours("wafv2", "wafv2")

acm = _wrapping("acm", "acm")
cloudwatch = _wrapping("cloudwatch", "cloudwatch")
ec2 = _wrapping("ec2", "ec2")
iam = _wrapping("iam", "iam")
kms = _wrapping("kms", "kms")
logs = _wrapping("logs", "logs")
route53 = _wrapping("route53", "route53")
s3 = _wrapping("s3", "s3")
secretsmanager = _wrapping("secretsmanager", "secretsmanager")
sns = _wrapping("sns", "sns")
tagging = _wrapping("resourcegroupstaggingapi", "tagging")
