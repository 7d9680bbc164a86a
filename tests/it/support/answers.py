"""What AWS answers and the local AWS does not: `python answers.py UPSTREAM_PORT VARIANT`.

A proxy in front of a local AWS that lays a table over its answers. Written by hand from AWS's API reference and from recordings
of AWS that others published (named by row); facts, no copies. Prints its port, ends when stdin does and then prints, as JSON,
how often each row was laid over an answer.

Variants: `more` adds what AWS answers beyond the local AWS, `less` takes away what AWS leaves out at times, `other` is the
control: real differences, each of which a plan has to show.
"""

import collections
import copy
import http.client
import http.server
import json
import sys
import threading
from dataclasses import dataclass, field
from urllib.parse import unquote

import botocore.parsers
from botocore.awsrequest import HeadersDict
from localstack.aws.protocol.parser import create_parser
from localstack.aws.protocol.serializer import create_serializer
from localstack.aws.protocol.service_router import determine_aws_protocol
from localstack.aws.spec import load_service
from localstack.http import Request

C7N = "cloud-custodian's recordings"  # github.com/cloud-custodian/cloud-custodian, tests/data/placebo
REFERENCE = "API reference"


@dataclass(frozen=True)
class Row:
    call: str
    at: str  # where in the answer: DBInstances[].Endpoint; "" is the answer itself
    source: str
    more: dict = field(default_factory=dict)  # set where it is not there
    less: tuple = ()  # taken away
    other: dict = field(default_factory=dict)  # set whatever there is


ROWS = [
    # RDS
    Row(
        "rds:DescribeDBInstances",
        "DBInstances[]",
        f"{REFERENCE} DBInstance; {C7N}",
        more={
            **{"NetworkType": "IPV4", "StorageThroughput": 125, "Iops": 3000, "DedicatedLogVolume": False, "CustomerOwnedIpEnabled": False, "ActivityStreamStatus": "stopped"},
            **{"BackupTarget": "region", "EngineLifecycleSupport": "open-source-rds-extended-support", "IsStorageConfigUpgradeAvailable": False, "MonitoringInterval": 0},
            **{"CACertificateIdentifier": "rds-ca-rsa2048-g1", "CertificateDetails": {"CAIdentifier": "rds-ca-rsa2048-g1"}, "AssociatedRoles": [], "DomainMemberships": []},
            **{"LicenseModel": "postgresql-license", "DbiResourceId": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ", "AutomationMode": "full", "PerformanceInsightsEnabled": False},
        },
        less=("Timezone", "CharacterSetName", "DBSecurityGroups", "DBClusterIdentifier"),
    ),
    Row("rds:DescribeDBInstances", "DBInstances[].Endpoint", f"{REFERENCE} Endpoint", more={"HostedZoneId": "Z2R2ITUGPM61AM"}),
    Row("rds:DescribeDBInstances", "DBInstances[]", "a real difference", other={"BackupRetentionPeriod": 3}),
    Row("rds:DescribeDBSubnetGroups", "DBSubnetGroups[]", f"{REFERENCE} DBSubnetGroup", more={"SupportedNetworkTypes": ["IPV4"]}),
    Row("rds:DescribeDBParameters", "Parameters[]", f"{REFERENCE} Parameter", more={"AllowedValues": "0-100", "DataType": "integer", "Description": "x", "MinimumEngineVersion": "9.3.5", "SupportedEngineModes": []}),
    # ElastiCache
    Row(
        "elasticache:DescribeReplicationGroups",
        "ReplicationGroups[]",
        f"{REFERENCE} ReplicationGroup; {C7N}",
        more={"PendingModifiedValues": {}, "AuthTokenLastModifiedDate": None, "GlobalReplicationGroupInfo": {}, "MemberClustersOutpostArns": [], "ConfigurationEndpoint": None},
        less=("UserGroupIds", "LogDeliveryConfigurations", "DataTiering", "IpDiscovery", "NetworkType", "ReplicationGroupCreateTime"),
    ),
    Row("elasticache:DescribeReplicationGroups", "ReplicationGroups[].NodeGroups[].NodeGroupMembers[]", f"{REFERENCE} NodeGroupMember", more={"PreferredAvailabilityZone": "us-east-1a"}, less=("ReadEndpoint",)),
    Row(
        "elasticache:DescribeCacheClusters",
        "CacheClusters[]",
        f"{REFERENCE} CacheCluster; {C7N}",
        more={"ClientDownloadLandingPage": "https://console.aws.amazon.com/elasticache/home#client-download:", "CacheSecurityGroups": [], "ReplicationGroupLogDeliveryEnabled": False, "PreferredOutpostArn": ""},
        less=("IpDiscovery", "NetworkType", "TransitEncryptionMode"),
    ),
    Row("elasticache:DescribeCacheSubnetGroups", "CacheSubnetGroups[].Subnets[]", f"{REFERENCE} Subnet", more={"SubnetOutpost": {}, "SupportedNetworkTypes": ["ipv4"]}),
    # ECS
    Row(
        "ecs:DescribeServices",
        "services[]",
        f"{REFERENCE} Service",
        more={"platformFamily": "Linux", "createdBy": "arn:aws:iam::123456789012:role/admin", "enableECSManagedTags": False, "placementStrategy": [], "placementConstraints": [], "serviceRegistries": [], "roleArn": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"},
        less=("createdAt",),
    ),
    Row("ecs:DescribeServices", "services[].deploymentConfiguration", f"{REFERENCE} DeploymentConfiguration", more={"strategy": "ROLLING", "bakeTimeInMinutes": 0, "alarms": {"alarmNames": [], "rollback": False, "enable": False}}),
    Row("ecs:DescribeServices", "services[]", "a real difference", other={"enableExecuteCommand": True}),
    Row(
        "ecs:DescribeTaskDefinition",
        "taskDefinition",
        f"{REFERENCE} TaskDefinition",
        more={"compatibilities": ["EC2", "FARGATE"], "requiresAttributes": [{"name": "ecs.capability.execution-role-awslogs"}], "registeredBy": "arn:aws:iam::123456789012:role/admin", "placementConstraints": [], "volumes": [], "enableFaultInjection": False},
        less=("registeredAt",),
    ),
    Row("ecs:DescribeTaskDefinition", "taskDefinition.containerDefinitions[]", f"{REFERENCE} ContainerDefinition", more={"systemControls": [], "volumesFrom": [], "mountPoints": [], "environment": [], "cpu": 0, "environmentFiles": [], "secrets": []}),
    Row("ecs:DescribeTaskDefinition", "taskDefinition.containerDefinitions[].portMappings[]", f"{REFERENCE} PortMapping: awsvpc has the container's port", more={"hostPort": 80}),
    Row("ecs:DescribeClusters", "clusters[]", f"{REFERENCE} Cluster", more={"statistics": [], "attachments": [], "registeredContainerInstancesCount": 0}, less=("runningTasksCount", "pendingTasksCount", "activeServicesCount")),
    # Load balancers
    Row("elbv2:DescribeLoadBalancers", "LoadBalancers[]", f"{REFERENCE} LoadBalancer; {C7N}", more={"IpAddressType": "ipv4", "CanonicalHostedZoneId": "Z35SXDOTRQ7X7K", "EnablePrefixForIpv6SourceNat": "off"}, less=("CreatedTime",)),
    Row("elbv2:DescribeListeners", "Listeners[]", f"{REFERENCE} Listener", more={"MutualAuthentication": {"Mode": "off"}, "AlpnPolicy": []}),
    Row("elbv2:DescribeRules", "Rules[].Conditions[]", f"{REFERENCE} RuleCondition: Values and the field's own form are both there", less=("HttpHeaderConfig", "QueryStringConfig", "HttpRequestMethodConfig", "SourceIpConfig")),
    Row("elbv2:DescribeTargetGroups", "TargetGroups[]", f"{REFERENCE} TargetGroup", more={"IpAddressType": "ipv4", "HealthCheckEnabled": True}),
    Row("elbv2:DescribeTargetGroups", "TargetGroups[]", "a real difference", other={"UnhealthyThresholdCount": 9}),
    # EC2
    Row("ec2:DescribeVpcs", "Vpcs[]", f"{REFERENCE} Vpc", more={"BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"}, "Ipv6CidrBlockAssociationSet": []}),
    Row(
        "ec2:DescribeSubnets",
        "Subnets[]",
        f"{REFERENCE} Subnet",
        more={"BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"}, "MapCustomerOwnedIpOnLaunch": False, "EnableDns64": False, "Ipv6Native": False, "PrivateDnsNameOptionsOnLaunch": {"HostnameType": "ip-name", "EnableResourceNameDnsARecord": False, "EnableResourceNameDnsAAAARecord": False}},
    ),
    Row("ec2:DescribeSecurityGroups", "SecurityGroups[]", f"{REFERENCE} SecurityGroup", more={"SecurityGroupArn": "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1"}),
    Row("ec2:DescribeSecurityGroupRules", "SecurityGroupRules[]", f"{REFERENCE} SecurityGroupRule", more={"SecurityGroupRuleArn": "arn:aws:ec2:us-east-1:123456789012:security-group-rule/sgr-1"}),
    Row("ec2:DescribeSecurityGroupRules", "SecurityGroupRules[].ReferencedGroupInfo", f"{REFERENCE} ReferencedSecurityGroup: the account is ours, or left out", less=("UserId", "PeeringStatus")),
    Row("ec2:DescribeNatGateways", "NatGateways[]", f"{REFERENCE} NatGateway", more={"AvailabilityMode": "zonal", "AutoScalingIps": "disabled", "AutoProvisionZones": "disabled"}),
    Row("ec2:DescribeRouteTables", "RouteTables[]", f"{REFERENCE} RouteTable", more={"PropagatingVgws": []}),
    Row("ec2:DescribeRouteTables", "RouteTables[].Associations[]", f"{REFERENCE} RouteTableAssociation", more={"AssociationState": {"State": "associated"}}),
    Row("ec2:DescribeVpcEndpoints", "VpcEndpoints[]", f"{REFERENCE} VpcEndpoint", more={"OwnerId": "123456789012", "RequesterManaged": False, "Groups": [], "NetworkInterfaceIds": [], "DnsEntries": []}),
    Row("ec2:DescribeInternetGateways", "InternetGateways[]", f"{REFERENCE} InternetGateway", more={"OwnerId": "123456789012"}),
    # Logs, keys, identities
    Row("logs:DescribeLogGroups", "logGroups[]", f"{REFERENCE} LogGroup; {C7N}", more={"logGroupClass": "STANDARD", "inheritedProperties": [], "dataProtectionStatus": "DISABLED", "deletionProtectionEnabled": False}, less=("storedBytes", "metricFilterCount", "logGroupArn")),
    Row("logs:DescribeLogGroups", "logGroups[]", "a real difference", other={"retentionInDays": 1}),
    Row("kms:DescribeKey", "KeyMetadata", f"{REFERENCE} KeyMetadata; {C7N}", more={"CurrentKeyMaterialId": "0" * 64}, less=("CustomerMasterKeySpec", "EncryptionAlgorithms", "MultiRegion")),
    Row("kms:GetKeyRotationStatus", "", f"{REFERENCE} GetKeyRotationStatus: of keys of before April 2024 there was no period", less=("NextRotationDate", "OnDemandRotationStartDate")),
    Row("kms:ListAliases", "", f"{REFERENCE} ListAliases", more={"Truncated": False}),
    Row("iam:GetAccountAuthorizationDetails", "RoleDetailList[]", f"{REFERENCE} RoleDetail", more={"RoleLastUsed": {}, "InstanceProfileList": []}),
    # S3
    Row("s3:GetBucketEncryption", "ServerSideEncryptionConfiguration.Rules[]", f"{REFERENCE} ServerSideEncryptionRule: always there", more={"BucketKeyEnabled": False}),
    Row("s3:ListBuckets", "Buckets[]", f"{REFERENCE} Bucket: the ARN came in 2025", more={"BucketArn": "arn:aws:s3:::x"}),
    # CloudFront
    Row("cloudfront:GetDistributionConfig", "DistributionConfig", f"{REFERENCE} DistributionConfig", more={"Staging": False, "ContinuousDeploymentPolicyId": "", "ConnectionMode": "direct"}),
    Row("cloudfront:GetDistributionConfig", "DistributionConfig.DefaultCacheBehavior", f"{REFERENCE} DefaultCacheBehavior; {C7N}", more={"SmoothStreaming": False, "FieldLevelEncryptionId": "", "GrpcConfig": {"Enabled": False}}),
    Row("cloudfront:GetDistributionConfig", "DistributionConfig.Origins.Items[]", f"{REFERENCE} Origin", more={"OriginShield": {"Enabled": False}, "ConnectionAttempts": 3, "ConnectionTimeout": 10}),
    Row("cloudfront:GetDistributionConfig", "DistributionConfig", "a real difference", other={"PriceClass": "PriceClass_200"}),
    # Application Auto Scaling
    Row(
        "application-autoscaling:DescribeScalableTargets",
        "ScalableTargets[]",
        f"{REFERENCE} ScalableTarget",
        more={"SuspendedState": {"DynamicScalingInSuspended": False, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": False}, "PredictedCapacity": 2},
    ),
    Row("application-autoscaling:DescribeScalingPolicies", "ScalingPolicies[]", f"{REFERENCE} ScalingPolicy", more={"Alarms": [{"AlarmName": "TargetTracking-x", "AlarmARN": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:TargetTracking-x"}]}),
]

SERVICES = {"elasticloadbalancing": "elbv2"}
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect"}
UPSTREAM, VARIANT = int(sys.argv[1]), sys.argv[2]

_hits: collections.Counter = collections.Counter()
_rows = {row.call: [one for one in ROWS if one.call == row.call] for row in ROWS}


def places(answer, path: str):
    """Every dictionary that `path` names."""
    here = [answer]
    for step in filter(None, path.split(".")):
        name, many = step.removesuffix("[]"), step.endswith("[]")
        here = [one[name] for one in here if isinstance(one, dict) and one.get(name) is not None]
        if many:
            here = [item for one in here for item in one]
    return [one for one in here if isinstance(one, dict)]


def lay(call: str, answer: dict) -> bool:
    """Whether anything was laid over it."""
    changed = False
    for row in _rows.get(call, ()):
        for place in places(answer, row.at):
            before = dict(place)
            if VARIANT == "more":
                for name, value in row.more.items():
                    if place.get(name) is None and value is not None:
                        place[name] = copy.deepcopy(value)
            elif VARIANT == "less":
                for name in row.less:
                    place.pop(name, None)
            else:
                place.update(row.other)
            if getattr(row, VARIANT):
                _hits[f"{row.call} {row.at}"] += 1
                changed = changed or place != before
    return changed


def overlaid(method: str, target: str, headers: list, body: bytes, status: int, answered: list, content: bytes) -> tuple[int, list, bytes]:
    authorization = next((value for name, value in headers if name.lower() == "authorization"), "")
    signed = authorization.partition("Credential=")[2].split("/")[3:4]
    service = SERVICES.get(signed[0], signed[0]) if signed else ""
    if status != 200 or not any(call.startswith(f"{service}:") for call in _rows):
        return status, answered, content
    path, _, query = target.partition("?")
    request = Request(method=method, path=unquote(path), raw_path=path, query_string=query, headers=dict(headers), body=body)
    model = load_service(service)
    protocol = determine_aws_protocol(request, model)
    operation, _ = create_parser(model, protocol).parse(request)
    call = f"{service}:{operation.name}"
    if call not in _rows:
        return status, answered, content
    parser = botocore.parsers.create_parser(model.metadata["protocol"])
    answer = parser.parse({"status_code": status, "headers": HeadersDict(answered), "body": content}, operation.output_shape)
    answer.pop("ResponseMetadata", None)
    if not lay(call, answer):
        return status, answered, content
    made = create_serializer(model, protocol).serialize_to_response(answer, operation, dict(headers), "request-of-answers")
    return made.status_code, [(name, value) for name, value in made.headers.items() if name.lower() not in HOP], made.get_data()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = list(self.headers.items())
        upstream = http.client.HTTPConnection("127.0.0.1", UPSTREAM)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        upstream.putheader("Host", self.headers["Host"])
        for name, value in headers:
            if name.lower() not in HOP:
                upstream.putheader(name, value)
        if body or self.headers.get("Content-Length"):
            upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders(body or None)
        answer = upstream.getresponse()
        content = answer.read()
        length = answer.getheader("Content-Length")
        answered = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP]
        status, answered, content = overlaid(self.command, self.path, headers, body, answer.status, answered, content)
        self.send_response_only(status)
        for name, value in answered:
            self.send_header(name, value)
        bare = self.command == "HEAD" or status in (204, 304)
        if self.command == "HEAD" and length:
            self.send_header("Content-Length", length)
        elif not bare:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not bare:
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    rows = [f"{row.call} {row.at}" for row in ROWS if getattr(row, VARIANT)]
    print(json.dumps({row: _hits[row] for row in rows}))


if __name__ == "__main__":
    main()
