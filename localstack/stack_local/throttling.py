"""How fast AWS lets an account ask: token buckets, as AWS documents them for some operations.

They are in force for an account once that is asked for (`/_stack/throttling`): a local AWS is slower than AWS, and most tests are about
something else. Requests arrive at other intervals than they were sent, and wait here while others are answered, so each bucket holds more
than AWS's: what it regains in a second, and at least one token. Every refusal is a ThrottlingException; EC2 and some others have codes of
their own.
"""

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass

_ACM = "https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html"
_BACKUP = "https://docs.aws.amazon.com/general/latest/gr/bk.html"
_CLOUDTRAIL = "https://docs.aws.amazon.com/general/latest/gr/ct.html"
_CLOUDWATCH = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"
_EC2 = "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html"
_ECS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/request-throttling.html"
_ELB = "https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html"
_KMS = "https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_LOGS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"
_RDS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-api-throttling.html"
_ROUTE53 = "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html"
_SNS = "https://docs.aws.amazon.com/general/latest/gr/sns.html"
_SSO = "https://docs.aws.amazon.com/singlesignon/latest/userguide/limits.html"
_TAGS = "https://docs.aws.amazon.com/tag-editor/latest/userguide/reference.html"
_WAF = "https://docs.aws.amazon.com/waf/latest/developerguide/limits.html"


def _each(service: str, operations: str, per_second: int, source: str) -> list:
    """Operations with a bucket each, of which AWS says no more than how many a second."""
    return [(service, (operation,), per_second, per_second, source) for operation in operations.split()]


_ELB_CHANGES = (
    *("AddTags", "RemoveTags", "SetRulePriorities", "SetSecurityGroups"),
    *(
        "CreateListener",
        "CreateRule",
        "CreateTargetGroup",
        "DeleteListener",
        "DeleteLoadBalancer",
        "DeleteRule",
        "DeleteTargetGroup",
    ),
    *("ModifyListener", "ModifyLoadBalancerAttributes", "ModifyRule", "ModifyTargetGroup", "ModifyTargetGroupAttributes"),
)
_LAMBDA_CONTROL = (
    *("AddPermission", "RemovePermission", "TagResource", "UntagResource"),
    *("CreateFunction", "DeleteFunction", "ListFunctions", "UpdateFunctionCode", "UpdateFunctionConfiguration"),
)

# Operations that share a bucket, or all of a service; the bucket's size, what it regains in a second, and where AWS says so.
LIMITS: list[tuple[str, tuple[str, ...], float, float, str]] = [
    *_each("acm", "DescribeCertificate ListTagsForCertificate DeleteCertificate", 10, _ACM),
    *_each("acm", "RequestCertificate AddTagsToCertificate RemoveTagsFromCertificate", 5, _ACM),
    *_each("acm", "ListCertificates", 8, _ACM),
    ("backup", (), 50, 50, _BACKUP),
    *_each(
        "backup", "CreateBackupPlan CreateBackupSelection DeleteBackupPlan DeleteBackupSelection DeleteBackupVault", 5, _BACKUP
    ),
    *_each("backup", "DeleteBackupVaultAccessPolicy TagResource UntagResource UpdateBackupPlan", 5, _BACKUP),
    *_each("backup", "GetBackupPlan GetBackupSelection GetBackupVaultAccessPolicy", 15, _BACKUP),
    *_each("cloudtrail", "LookupEvents", 2, _CLOUDTRAIL),
    *_each("cloudtrail", "DescribeTrails GetEventSelectors GetTrailStatus", 10, _CLOUDTRAIL),
    *_each("cloudwatch", "DescribeAlarms", 9, _CLOUDWATCH),
    *_each("cloudwatch", "DeleteAlarms PutMetricAlarm PutCompositeAlarm", 3, _CLOUDWATCH),
    *_each("cloudwatch", "GetDashboard ListDashboards PutDashboard DeleteDashboards ListTagsForResource", 10, _CLOUDWATCH),
    *_each("cloudwatch", "TagResource UntagResource", 20, _CLOUDWATCH),
    *[("ec2", (name,), 4, 0.3, _EC2) for name in ("CreateVpcEndpoint", "DeleteVpcEndpoints", "ModifyVpcEndpoint")],
    *[("ec2", (name,), 10, 1, _EC2) for name in ("CreateNatGateway", "DeleteNatGateway")],
    *[("ec2", (name,), 50, 5, _EC2) for name in ("CreateSubnet", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress")],
    ("ecs", ("CreateCluster", "DeleteCluster", "PutClusterCapacityProviders", "UpdateCluster"), 20, 1, _ECS),
    ("ecs", ("DescribeClusters", "ListClusters"), 50, 20, _ECS),
    ("ecs", ("RegisterTaskDefinition", "DeregisterTaskDefinition"), 20, 1, _ECS),
    ("ecs", ("DeleteTaskDefinitions",), 5, 1, _ECS),
    ("ecs", ("DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"), 50, 20, _ECS),
    ("ecs", ("CreateService", "UpdateService", "DeleteService"), 50, 5, _ECS),
    ("ecs", ("DescribeServices", "ListServices"), 100, 20, _ECS),
    ("ecs", ("DescribeTasks", "ListTasks"), 100, 20, _ECS),
    ("ecs", ("TagResource", "UntagResource"), 20, 10, _ECS),
    ("elbv2", (), 40, 10, _ELB),
    ("elbv2", ("CreateLoadBalancer", "SetSubnets"), 10, 0.2, _ELB),
    ("elbv2", _ELB_CHANGES, 20, 3, _ELB),
    ("identitystore", (), 20, 20, _SSO),
    *_each(
        "kms",
        "CancelKeyDeletion CreateAlias CreateKey DisableKeyRotation UpdateAlias UpdateKeyDescription UntagResource",
        5,
        _KMS,
    ),
    *_each("kms", "TagResource", 10, _KMS),
    *_each("kms", "DeleteAlias EnableKeyRotation PutKeyPolicy ScheduleKeyDeletion", 15, _KMS),
    ("lambda", _LAMBDA_CONTROL, 15, 15, _LAMBDA),
    *_each("lambda", "GetPolicy", 15, _LAMBDA),
    *_each("logs", "DescribeLogGroups CreateLogGroup DeleteLogGroup", 10, _LOGS),
    *_each("logs", "DescribeMetricFilters PutMetricFilter DeleteMetricFilter PutRetentionPolicy DeleteRetentionPolicy", 5, _LOGS),
    *_each("logs", "AssociateKmsKey ListTagsForResource TagResource UntagResource", 5, _LOGS),
    ("rds", (), 300, 12, _RDS),
    *_each("resourcegroupstaggingapi", "GetResources", 15, _TAGS),
    ("route53", (), 50, 10, _ROUTE53),
    ("route53", ("CreateHealthCheck",), 50, 0.5, _ROUTE53),
    ("route53", ("DeleteHealthCheck",), 15, 3, _ROUTE53),
    ("route53", ("UpdateHealthCheck",), 50, 5, _ROUTE53),
    ("route53", ("GetHealthCheckStatus",), 4, 1, _ROUTE53),
    *_each("sns", "ListTagsForResource TagResource UntagResource", 10, _SNS),
    *_each("sns", "CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes ListTopics ListSubscriptionsByTopic", 30, _SNS),
    ("sso-admin", (), 20, 20, _SSO),
    ("wafv2", ("AssociateWebACL",), 1, 0.5, _WAF),
    ("wafv2", ("DisassociateWebACL",), 1, 0.5, _WAF),
    *_each("wafv2", "GetWebACLForResource ListResourcesForWebACL CreateIPSet CreateWebACL UpdateIPSet UpdateWebACL", 1, _WAF),
    *_each("wafv2", "GetIPSet GetLoggingConfiguration GetWebACL ListIPSets ListTagsForResource ListWebACLs", 5, _WAF),
]


@dataclass
class _Bucket:
    tokens: float
    at: float


class Throttling:
    def __init__(self):
        self._lock = threading.Lock()
        self._refused: dict[str, Counter[str]] = {}
        self._buckets: dict[tuple[str, str, int], _Bucket] = {}

    def change(self, raw) -> dict[str, int]:
        """Puts the limits in force for an account, with full buckets, or out of force. Returns what was refused until then."""
        if not isinstance(raw, dict) or set(raw) != {"account", "in_force"} or not isinstance(raw["in_force"], bool):
            raise ValueError(f"{raw!r} does not say of which account, and whether they are in force")
        account = raw["account"]
        if not isinstance(account, str) or not re.fullmatch(r"\d{12}", account):
            raise ValueError(f"account is twelve digits, not {account!r}")
        with self._lock:
            self._buckets = {key: bucket for key, bucket in self._buckets.items() if key[0] != account}
            refused = self._refused.pop(account, Counter())
            if raw["in_force"]:
                self._refused[account] = Counter()
            return dict(refused)

    def refuses(self, account: str, region: str, service: str, operation: str) -> bool:
        if account not in self._refused:
            return False
        with self._lock:
            now, buckets = time.monotonic(), []
            for number, (of, operations, burst, per_second, _) in enumerate(LIMITS):
                if of != service or (operations and operation not in operations):
                    continue
                size = burst + max(1, per_second)
                bucket = self._buckets.setdefault((account, region, number), _Bucket(size, now))
                bucket.tokens = min(size, bucket.tokens + (now - bucket.at) * per_second)
                bucket.at = now
                buckets.append(bucket)
            if any(bucket.tokens < 1 for bucket in buckets):
                self._refused[account][f"{service}:{operation}"] += 1
                return True
            for bucket in buckets:
                bucket.tokens -= 1
            return False


throttling = Throttling()
