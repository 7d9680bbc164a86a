"""The table of what AWS refuses beyond its models: each rule refuses its bad call and lets the good one pass."""

import functools
import json
import unittest
from dataclasses import dataclass, field

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from stack_local.rules import RULES, Ask, Memory, learn, rules_for
from tests.aws import Case, shared

BIG = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"] * 800, "Resource": "*"}]})
SMALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
POSTGRES = {"Engine": "postgres", "DBInstanceClass": "db.t4g.micro", "MasterUsername": "app", "AllocatedStorage": 20}
MYSQL = POSTGRES | {"Engine": "mysql"}
SERVICE = {"serviceName": "web", "taskDefinition": "web:1"}
ELB = "arn:aws:elasticloadbalancing:us-east-1:000000000000"
KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"


def trusts(principal: str) -> str:
    """A trust policy that names one principal of AWS."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def lets_in(*services: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "kms:*", "Resource": "*"}],
        }
    )


def cors(*rules: dict) -> dict:
    plain = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.example.com"], "AllowedHeaders": ["x-amz-*"]}
    return {"Bucket": "cors", "CORSConfiguration": {"CORSRules": [plain | rule for rule in rules]}}


# Rules of CORS that S3 refuses, by the rule of ours that says so.
BAD_CORS: list[tuple[str, list[dict]]] = [
    ("R45", [{"AllowedOrigins": ["https://*.*.example.com"]}]),
    ("R45", [{"AllowedHeaders": ["x-*-*"]}]),
    ("R46", [{"AllowedMethods": ["PATCH"]}]),
    ("R47", [{}] * 101),
    ("R47", [{"AllowedOrigins": []}]),
]


def distribution(certificate: dict) -> dict:
    # As short as it can be: AWS looks at more, the rule does not.
    return {
        "DistributionConfig": {
            "CallerReference": "r",
            "Comment": "",
            "Enabled": True,
            "Aliases": {"Quantity": 1, "Items": ["a.example.com"]},
            "ViewerCertificate": certificate,
        }
    }


ALARM = {
    "AlarmName": "age",
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateAgeOfOldestMessage",
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 900,
    "ComparisonOperator": "GreaterThanThreshold",
}


@dataclass
class Row:
    id: str
    call: str
    bad: dict
    good: dict
    before: list[tuple[str, dict, dict]] = field(default_factory=list)  # call, request, answer


def made(**more) -> tuple[str, dict, dict]:
    return ("rds:CreateDBInstance", POSTGRES | {"DBInstanceIdentifier": "main", "EngineVersion": "16"} | more, {})


def replica_of_main(**more) -> tuple[str, dict, dict]:
    return ("rds:CreateDBInstanceReadReplica", {"DBInstanceIdentifier": "copy", "SourceDBInstanceIdentifier": "main"} | more, {})


REPLICA = {"DBInstanceIdentifier": "copy", "SourceDBInstanceIdentifier": "main"}
ROWS = [
    Row(
        "R1",
        "rds:CreateDBInstanceReadReplica",
        REPLICA,
        REPLICA | {"SourceDBInstanceIdentifier": "other"},
        [made(ManageMasterUserPassword=True), made(DBInstanceIdentifier="other")],
    ),
    Row("R2", "rds:CreateDBInstanceReadReplica", REPLICA | {"DBParameterGroupName": "own"}, REPLICA, [made()]),
    Row(
        "R3",
        "rds:CreateDBInstanceReadReplica",
        REPLICA,
        REPLICA | {"SourceDBInstanceIdentifier": "other"},
        [made(BackupRetentionPeriod=0), made(DBInstanceIdentifier="other")],
    ),
    Row(
        "R4",
        "rds:RestoreDBInstanceFromDBSnapshot",
        {"DBInstanceIdentifier": "new", "DBSnapshotIdentifier": "kept", "ManageMasterUserPassword": True},
        {"DBInstanceIdentifier": "new", "DBSnapshotIdentifier": "kept"},
        [made(), ("rds:CreateDBSnapshot", {"DBInstanceIdentifier": "main", "DBSnapshotIdentifier": "kept"}, {})],
    ),
    Row(
        "R5",
        "rds:ModifyDBInstance",
        {"DBInstanceIdentifier": "main", "AllocatedStorage": 600, "ApplyImmediately": True},
        {"DBInstanceIdentifier": "main", "AllocatedStorage": 600, "Iops": 12000, "ApplyImmediately": True},
        [made(StorageType="gp3", AllocatedStorage=500)],
    ),
    Row(
        "R6",
        "rds:CreateDBInstance",
        POSTGRES | {"DBInstanceIdentifier": "io", "StorageType": "io2"},
        POSTGRES | {"DBInstanceIdentifier": "io", "StorageType": "io2", "Iops": 1000},
    ),
    Row(
        "R6",
        "rds:ModifyDBInstance",
        {"DBInstanceIdentifier": "main", "StorageType": "io1"},
        {"DBInstanceIdentifier": "main", "StorageType": "io1", "Iops": 1000},
        [made()],
    ),
    Row("R7", "rds:CreateDBInstance", POSTGRES | {"DBInstanceIdentifier": "a--b"}, POSTGRES | {"DBInstanceIdentifier": "a-b"}),
    Row(
        "R7",
        "elasticache:CreateCacheCluster",
        {"CacheClusterId": "a-", "Engine": "memcached", "CacheNodeType": "cache.t4g.micro", "NumCacheNodes": 1},
        {"CacheClusterId": "a-b", "Engine": "memcached", "CacheNodeType": "cache.t4g.micro", "NumCacheNodes": 1},
    ),
    Row(
        "R8",
        "rds:CreateDBSubnetGroup",
        {
            "DBSubnetGroupName": "a",
            "DBSubnetGroupDescription": "a",
            "SubnetIds": ["subnet-1"],
            "Tags": [{"Key": "owner", "Value": "a, b (c)"}],
        },
        {
            "DBSubnetGroupName": "a",
            "DBSubnetGroupDescription": "a",
            "SubnetIds": ["subnet-1"],
            "Tags": [{"Key": "owner", "Value": "Zoë Müller 東京: a/b=c+d-e@f_g.h"}],
        },
    ),
    Row(
        "R8",
        "ecs:CreateCluster",
        {"clusterName": "a", "tags": [{"key": "own!er", "value": "x"}]},
        {"clusterName": "a", "tags": [{"key": "own er", "value": "x"}]},
    ),
    Row(
        "R8",
        "logs:CreateLogGroup",
        {"logGroupName": "tagged", "tags": {"a": "b\tc"}},
        {"logGroupName": "tagged", "tags": {"a": "b c"}},
    ),
    Row(
        "R9",
        "ec2:CreateSecurityGroup",
        {"GroupName": "sg-truth", "Description": "x"},
        {"GroupName": "truth-sg-1", "Description": "x"},
    ),
    Row(
        "R10",
        "ec2:CreateSecurityGroup",
        {"GroupName": "one", "Description": "what's this?"},
        {"GroupName": "one", "Description": "a (b), c: #1 & $2!"},
    ),
    Row(
        "R10",
        "ec2:CreateSecurityGroup",
        {"GroupName": "x" * 256, "Description": "x"},
        {"GroupName": "x" * 255, "Description": "x"},
    ),
    Row(
        "R11",
        "rds:CreateDBSubnetGroup",
        {"DBSubnetGroupName": "Default", "DBSubnetGroupDescription": "a", "SubnetIds": ["subnet-1"]},
        {"DBSubnetGroupName": "default-2", "DBSubnetGroupDescription": "a", "SubnetIds": ["subnet-1"]},
    ),
    Row(
        "R12",
        "rds:CreateDBInstance",
        POSTGRES | {"DBInstanceIdentifier": "a", "MasterUsername": "pg_app"},
        MYSQL | {"DBInstanceIdentifier": "a", "MasterUsername": "pg_app"},
    ),
    Row(
        "R12",
        "rds:CreateDBInstance",
        MYSQL | {"DBInstanceIdentifier": "a", "MasterUsername": "root"},
        POSTGRES | {"DBInstanceIdentifier": "a", "MasterUsername": "root"},
    ),
    Row(
        "R13",
        "rds:CreateDBInstance",
        POSTGRES | {"DBInstanceIdentifier": "a", "DBName": "user"},
        POSTGRES | {"DBInstanceIdentifier": "a", "DBName": "users"},
    ),
    Row(
        "R14",
        "ecs:CreateService",
        SERVICE | {"availabilityZoneRebalancing": "ENABLED", "deploymentConfiguration": {"maximumPercent": 100}},
        SERVICE | {"availabilityZoneRebalancing": "ENABLED"},
    ),
    Row(
        "R14",
        "ecs:UpdateService",
        {"service": "web", "deploymentConfiguration": {"maximumPercent": 100}},
        {"service": "web", "deploymentConfiguration": {"maximumPercent": 100}, "availabilityZoneRebalancing": "DISABLED"},
        [("ecs:CreateService", SERVICE | {"availabilityZoneRebalancing": "ENABLED"}, {"service": {"serviceName": "web"}})],
    ),
    Row(
        "R15",
        "ecs:CreateService",
        SERVICE | {"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]},
        SERVICE | {"launchType": "FARGATE"},
    ),
    Row("R16", "elbv2:CreateLoadBalancer", {"Name": "internal-web"}, {"Name": "web-internal"}),
    Row(
        "R17",
        "elbv2:CreateLoadBalancer",
        {"Name": "one-zone", "Subnets": ["subnet-a"]},
        {"Name": "one-zone", "Subnets": ["subnet-a", "subnet-c"]},
    ),
    Row(
        "R34",
        "elbv2:CreateLoadBalancer",
        {"Name": "one-zone", "Subnets": ["subnet-a", "subnet-b"]},
        {"Name": "one-zone", "Subnets": ["subnet-a", "subnet-c"]},
        [
            ("ec2:CreateSubnet", {}, {"Subnet": {"SubnetId": f"subnet-{name}", "AvailabilityZone": zone, "VpcId": "vpc-1"}})
            for name, zone in (("a", "z1"), ("b", "z1"), ("c", "z2"))
        ],
    ),
    Row(
        "R18",
        "elbv2:CreateTargetGroup",
        {"Name": "t", "Protocol": "HTTP", "HealthCheckIntervalSeconds": 5},
        {"Name": "t", "Protocol": "HTTP", "HealthCheckIntervalSeconds": 6},
    ),
    *(Row(id, "s3:PutBucketCors", cors(*bad), cors({})) for id, bad in BAD_CORS),
    Row("R19", "s3:CreateBucket", {"Bucket": "xn--bucket"}, {"Bucket": "bucket-xn-2"}),
    Row(
        "R20",
        "iam:PutRolePolicy",
        {"RoleName": "r", "PolicyName": "p", "PolicyDocument": BIG},
        {"RoleName": "r", "PolicyName": "p", "PolicyDocument": SMALL},
    ),
    Row(
        "R21",
        "iam:PutGroupPolicy",
        {"GroupName": "g", "PolicyName": "q", "PolicyDocument": BIG[:3000]},
        {"GroupName": "g", "PolicyName": "p", "PolicyDocument": BIG[:3000]},
        [("iam:PutGroupPolicy", {"GroupName": "g", "PolicyName": "p", "PolicyDocument": BIG[:3000]}, {})],
    ),
    Row(
        "R22",
        "rds:DeleteDBInstance",
        {"DBInstanceIdentifier": "copy", "FinalDBSnapshotIdentifier": "last"},
        {"DBInstanceIdentifier": "main", "FinalDBSnapshotIdentifier": "last"},
        [made(), replica_of_main()],
    ),
    Row(
        "R23",
        "rds:DeleteDBInstance",
        {"DBInstanceIdentifier": "main", "FinalDBSnapshotIdentifier": "last", "SkipFinalSnapshot": True},
        {"DBInstanceIdentifier": "main", "SkipFinalSnapshot": True},
    ),
    Row(
        "R24",
        "rds:ModifyDBInstance",
        {"DBInstanceIdentifier": "main", "EngineVersion": "8.4", "ApplyImmediately": True},
        {"DBInstanceIdentifier": "copy", "EngineVersion": "8.4", "ApplyImmediately": True},
        [made(Engine="mysql", EngineVersion="8.0.41"), replica_of_main()],
    ),
    Row(
        "R24",
        "rds:ModifyDBInstance",
        {"DBInstanceIdentifier": "main", "EngineVersion": "16.8", "ApplyImmediately": True},
        {"DBInstanceIdentifier": "main", "EngineVersion": "17", "ApplyImmediately": True},
        [made(Engine="postgres", EngineVersion="16.3"), replica_of_main()],
    ),
    Row(
        "R25",
        "rds:ModifyDBInstance",
        {"DBInstanceIdentifier": "main", "EngineVersion": "17"},
        {"DBInstanceIdentifier": "main", "EngineVersion": "17", "DBParameterGroupName": "own17"},
        [made(DBParameterGroupName="own16")],
    ),
    Row(
        "R26",
        "logs:CreateLogGroup",
        {"logGroupName": "secret", "kmsKeyId": KEY},
        {"logGroupName": "secret", "kmsKeyId": KEY.replace("0000-0000", "0000-1111")},
        [
            ("kms:CreateKey", {"Policy": lets_in("ecs.amazonaws.com")}, {"KeyMetadata": {"Arn": KEY}}),
            (
                "kms:CreateKey",
                {"Policy": lets_in("logs.us-east-1.amazonaws.com")},
                {"KeyMetadata": {"Arn": KEY.replace("0000-0000", "0000-1111")}},
            ),
        ],
    ),
    Row(
        "R27",
        "cloudfront:CreateDistribution",
        distribution({"CloudFrontDefaultCertificate": True}),
        distribution({"ACMCertificateArn": "arn:aws:acm:us-east-1:1:certificate/1"}),
    ),
    Row(
        "R28",
        "elasticache:CreateReplicationGroup",
        {
            "ReplicationGroupId": "a",
            "ReplicationGroupDescription": "a",
            "EngineVersion": "6.2",
            "TransitEncryptionMode": "required",
        },
        {
            "ReplicationGroupId": "a",
            "ReplicationGroupDescription": "a",
            "EngineVersion": "7.0",
            "TransitEncryptionMode": "required",
        },
    ),
    Row(
        "R28",
        "elasticache:ModifyReplicationGroup",
        {"ReplicationGroupId": "old", "TransitEncryptionEnabled": True, "TransitEncryptionMode": "preferred"},
        {"ReplicationGroupId": "new", "TransitEncryptionEnabled": True, "TransitEncryptionMode": "preferred"},
        [
            (
                "elasticache:CreateReplicationGroup",
                {"ReplicationGroupId": "old", "ReplicationGroupDescription": "a", "EngineVersion": "6.2"},
                {},
            ),
            (
                "elasticache:CreateReplicationGroup",
                {"ReplicationGroupId": "new", "ReplicationGroupDescription": "a", "EngineVersion": "6.2"},
                {},
            ),
            ("elasticache:ModifyReplicationGroup", {"ReplicationGroupId": "new", "EngineVersion": "7.1"}, {}),
        ],
    ),
    Row(
        "R29",
        "iam:CreateRole",
        {
            "RoleName": "r",
            "AssumeRolePolicyDocument": SMALL,
            "Tags": [{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}],
        },
        {
            "RoleName": "r",
            "AssumeRolePolicyDocument": SMALL,
            "Tags": [{"Key": "Team", "Value": "a"}, {"Key": "teams", "Value": "b"}],
        },
    ),
    Row(
        "R42",
        "iam:CreateRole",
        {"RoleName": "r", "AssumeRolePolicyDocument": trusts("ann")},
        {"RoleName": "r", "AssumeRolePolicyDocument": trusts("arn:aws:iam::123456789012:root")},
    ),
    Row(
        "R30",
        "elbv2:CreateListener",
        {
            "LoadBalancerArn": "arn:aws:x",
            "Protocol": "HTTPS",
            "Port": 443,
            "DefaultActions": [],
            "Certificates": [{"CertificateArn": "acm.certificate/c"}],
        },
        {
            "LoadBalancerArn": "arn:aws:x",
            "Protocol": "HTTPS",
            "Port": 443,
            "DefaultActions": [],
            "Certificates": [{"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/1"}],
        },
    ),
    Row(
        "R31",
        "rds:CreateDBInstance",
        POSTGRES | {"DBInstanceIdentifier": "a", "KmsKeyId": "kms.key/k"},
        POSTGRES | {"DBInstanceIdentifier": "a", "KmsKeyId": "alias/k"},
    ),
    Row("R31", "logs:CreateLogGroup", {"logGroupName": "key", "kmsKeyId": "alias/k"}, {"logGroupName": "key", "kmsKeyId": KEY}),
    Row(
        "R32",
        "s3:PutBucketEncryption",
        {
            "Bucket": "b",
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "kms.key/k"}}]
            },
        },
        {
            "Bucket": "b",
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}]
            },
        },
    ),
    Row(
        "R35",
        "elbv2:CreateListener",
        {
            "LoadBalancerArn": f"{ELB}:loadbalancer/app/two/2",
            "Protocol": "HTTP",
            "Port": 80,
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": f"{ELB}:targetgroup/t/1"}],
        },
        {
            "LoadBalancerArn": f"{ELB}:loadbalancer/app/one/1",
            "Protocol": "HTTP",
            "Port": 81,
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": f"{ELB}:targetgroup/t/1"}],
        },
        [
            (
                "elbv2:CreateListener",
                {},
                {
                    "Listeners": [
                        {
                            "ListenerArn": f"{ELB}:listener/app/one/1/9",
                            "DefaultActions": [{"TargetGroupArn": f"{ELB}:targetgroup/t/1"}],
                        }
                    ]
                },
            ),
            (
                "elbv2:CreateRule",
                {},
                {
                    "Rules": [
                        {
                            "RuleArn": f"{ELB}:listener-rule/app/three/3/9/8",
                            "Actions": [{"TargetGroupArn": f"{ELB}:targetgroup/t/1"}],
                        }
                    ]
                },
            ),
            ("elbv2:DeleteListener", {"ListenerArn": f"{ELB}:listener/app/three/3/9"}, {}),
        ],
    ),
    Row(
        "R36",
        "rds:CreateDBInstance",
        POSTGRES | {"DBInstanceIdentifier": "a", "StorageType": "gp3", "AllocatedStorage": 399, "Iops": 3000},
        POSTGRES | {"DBInstanceIdentifier": "a", "StorageType": "gp3", "AllocatedStorage": 400, "Iops": 12000},
    ),
    Row(
        "R36",
        "rds:ModifyDBInstance",
        {"DBInstanceIdentifier": "main", "AllocatedStorage": 60, "Iops": 3000},
        {"DBInstanceIdentifier": "main", "AllocatedStorage": 60},
        [made(StorageType="gp3", AllocatedStorage=50)],
    ),
    Row(
        "R37",
        "cloudfront:CreateDistribution",
        {
            "DistributionConfig": {
                "CallerReference": "r",
                "Comment": "",
                "Enabled": True,
                "Logging": {"Enabled": True, "Bucket": "far.s3.amazonaws.com"},
            }
        },
        {
            "DistributionConfig": {
                "CallerReference": "r",
                "Comment": "",
                "Enabled": True,
                "Logging": {"Enabled": True, "Bucket": "near.s3.amazonaws.com"},
            }
        },
        [
            ("s3:CreateBucket", {"Bucket": name, "CreateBucketConfiguration": {"LocationConstraint": region}}, {})
            for name, region in (("far", "me-south-1"), ("near", "eu-west-1"))
        ],
    ),
    Row(
        "R33",
        "ec2:CreateVpcEndpoint",
        {"VpcId": "vpc-1", "ServiceName": "com.amazonaws.us-east-1.ecr.api"},
        {"VpcId": "vpc-1", "ServiceName": "com.amazonaws.us-east-1.s3"},
    ),
    Row("R38", "cloudwatch:PutMetricAlarm", {key: value for key, value in ALARM.items() if key != "Period"}, ALARM),
    Row("R39", "cloudwatch:PutMetricAlarm", ALARM | {"DatapointsToAlarm": 3}, ALARM | {"DatapointsToAlarm": 2}),
    Row("R40", "cloudwatch:PutMetricAlarm", ALARM | {"EvaluationPeriods": 1441}, ALARM | {"EvaluationPeriods": 1440}),
    Row("R40", "cloudwatch:PutMetricAlarm", ALARM | {"Period": 86400, "EvaluationPeriods": 8}, ALARM | {"Period": 86400}),
    Row(
        "R41",
        "cloudwatch:PutMetricAlarm",
        ALARM | {"AlarmActions": ["ops"]},
        ALARM | {"AlarmActions": ["arn:aws:sns:us-east-1:1:x"]},
    ),
    Row("R41", "cloudwatch:PutMetricAlarm", ALARM | {"ExtendedStatistic": "p99"}, ALARM),
    Row(
        "R44",
        "cloudwatch:PutMetricAlarm",
        ALARM | {"OKActions": ["arn:aws:sns:eu-west-1:1:x"]},
        ALARM | {"OKActions": ["arn:aws:sns:us-east-1:1:x"]},
    ),
    *(
        Row("R43", "events:PutRule", {"Name": "r", "ScheduleExpression": wrong}, {"Name": "r", "ScheduleExpression": right})
        for wrong, right in [
            ("cron(0 7 1 1 ? 2020)", "cron(0 7 1 1 ? 2190)"),
            ("cron(0 7 30 2 ? 2190)", "cron(0 7 1 1 ? *)"),
            ("cron(0 7 1 1 ? 2200)", "rate(1 day)"),
        ]
    ),
]


def ask(memory: Memory, call: str, request: dict) -> Ask:
    service, operation = call.split(":")
    return Ask(service, operation, request, "000000000000", "us-east-1", memory)


def refusing(memory: Memory, call: str, request: dict) -> list[str]:
    return [rule.id for rule in rules_for(ask(memory, call, request)) if rule.refuses(ask(memory, call, request))]


class Table(unittest.TestCase):
    def test_each_rule_refuses_only_its_bad_call(self):
        for row in ROWS:
            memory = Memory()
            for call, request, answer in row.before:
                learn(ask(memory, call, request), answer)
            self.assertEqual(refusing(memory, row.call, row.bad), [row.id], row)
            self.assertEqual(refusing(memory, row.call, row.good), [], row)

    def test_every_rule_has_a_row_a_source_and_a_code(self):
        self.assertEqual({rule.id for rule in RULES}, {row.id for row in ROWS})
        ids = [rule.id for rule in RULES]
        self.assertEqual(len(ids), len(set(ids)))
        for rule in RULES:
            self.assertTrue(rule.source and all(rule.code(call.split(":")[0]) for call in rule.calls), rule)


class Refusals(Case):
    """The same table over HTTP, in an account of its own: what was made before is made, or not to be had here."""

    NEEDS_MORE = frozenset({"R1", "R2", "R3", "R4", "R5", "R24", "R37", "R21", "R22", "R25", "R26", "R34", "R35"})  # below

    def client(self, service: str):
        # No look at the parameters: the refusal is the server's.
        settings = Config(retries={"total_max_attempts": 1}, parameter_validation=False, s3={"addressing_style": "path"})
        return boto3.client(
            service,
            endpoint_url=self.server.url,
            region_name="us-east-1",
            aws_access_key_id="777788889999",
            aws_secret_access_key="test",
            config=settings,
        )

    def send(self, call: str, request: dict):
        service, operation = call.split(":")
        return self.client(service)._make_api_call(operation, request)

    def check(self, identifier: str, call: str, request: dict):
        rule = next(rule for rule in RULES if rule.id == identifier)
        with self.assertRaises(ClientError) as caught:
            self.send(call, request)
        self.assertEqual(caught.exception.response["Error"]["Code"], rule.code(call.split(":")[0]), caught.exception)

    def test_calls_are_refused_in_the_words_of_the_table(self):
        memory, seen = Memory(), set()
        for row in ROWS:
            rule = next(rule for rule in RULES if rule.id == row.id)
            if rule.pending or row.before:
                continue
            words = rule.refuses(ask(memory, row.call, row.bad))
            assert words, row
            send = functools.partial(self.send, row.call, row.bad)
            self.refused(rule.code(row.call.split(":")[0]), send, rule.status, says=words.split("arn:")[0][:60])
            seen.add(row.id)
        self.assertEqual({rule.id for rule in RULES if not rule.pending} - seen - self.NEEDS_MORE, set())

    def test_what_was_made_before_counts(self):
        vpc = self.send("ec2:CreateVpc", {"CidrBlock": "10.77.0.0/16"})["Vpc"]["VpcId"]
        zones = ["us-east-1a", "us-east-1a", "us-east-1b"]
        subnets = [
            self.send("ec2:CreateSubnet", {"VpcId": vpc, "CidrBlock": f"10.77.{n}.0/24", "AvailabilityZone": zone})["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate(zones)
        ]
        gateway = self.send("ec2:CreateInternetGateway", {})["InternetGateway"]["InternetGatewayId"]
        self.send("ec2:AttachInternetGateway", {"VpcId": vpc, "InternetGatewayId": gateway})
        self.check("R34", "elbv2:CreateLoadBalancer", {"Name": "zones", "Subnets": subnets[:2]})
        one, two = (
            self.send("elbv2:CreateLoadBalancer", {"Name": name, "Subnets": subnets[1:]})["LoadBalancers"][0]["LoadBalancerArn"]
            for name in ("zones", "zones-2")
        )
        group = self.send(
            "elbv2:CreateTargetGroup", {"Name": "of-one", "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "TargetType": "ip"}
        )["TargetGroups"][0]["TargetGroupArn"]
        listener = {"Protocol": "HTTP", "Port": 80, "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}]}
        made = self.send("elbv2:CreateListener", {"LoadBalancerArn": one} | listener)["Listeners"][0]["ListenerArn"]
        self.check("R35", "elbv2:CreateListener", {"LoadBalancerArn": two} | listener)
        self.send("elbv2:DeleteListener", {"ListenerArn": made})
        self.send("elbv2:CreateListener", {"LoadBalancerArn": two} | listener)
        self.send("iam:CreateGroup", {"GroupName": "much"})
        half = json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"] * 180, "Resource": "*"}]}
        )
        self.send("iam:PutGroupPolicy", {"GroupName": "much", "PolicyName": "a", "PolicyDocument": half})
        self.check("R21", "iam:PutGroupPolicy", {"GroupName": "much", "PolicyName": "b", "PolicyDocument": half})
        self.send("iam:PutGroupPolicy", {"GroupName": "much", "PolicyName": "a", "PolicyDocument": half})
        self.send("iam:DeleteGroupPolicy", {"GroupName": "much", "PolicyName": "a"})
        self.send("iam:PutGroupPolicy", {"GroupName": "much", "PolicyName": "b", "PolicyDocument": half})
        closed = self.send("kms:CreateKey", {"Policy": lets_in("ecs.amazonaws.com")})["KeyMetadata"]["Arn"]
        self.check("R26", "logs:CreateLogGroup", {"logGroupName": "secret", "kmsKeyId": closed})
        self.send(
            "kms:PutKeyPolicy", {"KeyId": closed, "PolicyName": "default", "Policy": lets_in("logs.us-east-1.amazonaws.com")}
        )
        self.send("logs:CreateLogGroup", {"logGroupName": "secret", "kmsKeyId": closed})

    def test_where_a_bucket_is_counts(self):
        self.send("s3:CreateBucket", {"Bucket": "far-logs", "CreateBucketConfiguration": {"LocationConstraint": "me-south-1"}})
        logging = {"Enabled": True, "IncludeCookies": False, "Bucket": "far-logs.s3.amazonaws.com", "Prefix": ""}
        self.check(
            "R37",
            "cloudfront:CreateDistribution",
            {"DistributionConfig": {"CallerReference": "r", "Comment": "", "Enabled": True, "Logging": logging}},
        )

    def test_databases_that_were_made_before_count(self):
        self.send(
            "rds:CreateDBParameterGroup",
            {"DBParameterGroupName": "own16", "DBParameterGroupFamily": "postgres16", "Description": "x"},
        )
        for name, more in (
            ("without", {"BackupRetentionPeriod": 0}),
            ("with", {"BackupRetentionPeriod": 7, "DBParameterGroupName": "own16", "EngineVersion": "16.8"}),
        ):
            self.send(
                "rds:CreateDBInstance", POSTGRES | {"DBInstanceIdentifier": name, "MasterUserPassword": "as-good-as-any"} | more
            )
        self.send("rds:DescribeDBInstances", {})
        self.check(
            "R3", "rds:CreateDBInstanceReadReplica", {"DBInstanceIdentifier": "r", "SourceDBInstanceIdentifier": "without"}
        )
        self.send("rds:CreateDBInstanceReadReplica", {"DBInstanceIdentifier": "r", "SourceDBInstanceIdentifier": "with"})
        self.send("rds:DescribeDBInstances", {})
        self.check("R22", "rds:DeleteDBInstance", {"DBInstanceIdentifier": "r", "FinalDBSnapshotIdentifier": "last"})
        self.check("R25", "rds:ModifyDBInstance", {"DBInstanceIdentifier": "with", "EngineVersion": "17"})
        self.check(
            "R2",
            "rds:CreateDBInstanceReadReplica",
            {"DBInstanceIdentifier": "r2", "SourceDBInstanceIdentifier": "with", "DBParameterGroupName": "own16"},
        )
        self.send("rds:CreateDBSnapshot", {"DBInstanceIdentifier": "with", "DBSnapshotIdentifier": "kept"})
        self.check(
            "R4",
            "rds:RestoreDBInstanceFromDBSnapshot",
            {"DBInstanceIdentifier": "r4", "DBSnapshotIdentifier": "kept", "ManageMasterUserPassword": True},
        )
        self.send(
            "rds:CreateDBInstance",
            POSTGRES | {"DBInstanceIdentifier": "managed", "ManageMasterUserPassword": True, "BackupRetentionPeriod": 7},
        )
        self.send("rds:DescribeDBInstances", {})
        self.check(
            "R1", "rds:CreateDBInstanceReadReplica", {"DBInstanceIdentifier": "r1", "SourceDBInstanceIdentifier": "managed"}
        )
        self.send(
            "rds:CreateDBInstance",
            POSTGRES
            | {
                "DBInstanceIdentifier": "wide",
                "MasterUserPassword": "as-good-as-any",
                "StorageType": "gp3",
                "AllocatedStorage": 500,
                "EngineVersion": "16.4",
                "BackupRetentionPeriod": 1,
            },
        )
        self.send("rds:DescribeDBInstances", {})
        self.check("R5", "rds:ModifyDBInstance", {"DBInstanceIdentifier": "wide", "AllocatedStorage": 600})
        self.send("rds:CreateDBInstanceReadReplica", {"DBInstanceIdentifier": "narrow", "SourceDBInstanceIdentifier": "wide"})
        self.send("rds:DescribeDBInstances", {})
        self.check("R24", "rds:ModifyDBInstance", {"DBInstanceIdentifier": "wide", "EngineVersion": "16.8"})

    def test_accounts_and_regions_are_separate(self):
        closed = self.send("kms:CreateKey", {"Policy": lets_in("ecs.amazonaws.com")})["KeyMetadata"]["Arn"]
        self.check("R26", "logs:CreateLogGroup", {"logGroupName": "elsewhere", "kmsKeyId": closed})
        other = boto3.client(
            "logs",
            endpoint_url=shared().url,
            region_name="eu-west-1",
            aws_access_key_id="777788889999",
            aws_secret_access_key="test",
        )
        other.create_log_group(logGroupName="elsewhere", kmsKeyId=closed)
