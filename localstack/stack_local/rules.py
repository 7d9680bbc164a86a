"""What AWS refuses although its API models allow it: one table, used twice.

The local AWS refuses with it (`refusals.py`), and the suite's recordings are held against it (`tests/it/support/models.py`).
A rule is a function of one request: it answers AWS's words when AWS would refuse, and nothing otherwise. What it has to know
of what was made before is in `ask.here` (this account and region) and `ask.account_wide`, which `learns` fills from the
answers. Nothing here knows LocalStack.

To add one: a function below, with `@rule(id, calls, code, source=…)`, and a row in `tests/test_rules.py` that breaks it
and one that does not. `pending` says which change of `stack` it waits for: until then it is reported for recordings only.
"""

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


class Memory:
    """What has been made, by account and region, as far as the rules ask: kind → name → facts."""

    def __init__(self):
        self._places: dict[tuple[str, str], dict[str, dict[str, dict]]] = defaultdict(lambda: defaultdict(dict))

    def at(self, account: str, region: str) -> dict[str, dict[str, dict]]:
        return self._places[account, region]


@dataclass(frozen=True)
class Ask:
    """One request, and what is known of the place that it is for."""

    service: str
    operation: str
    request: dict
    account: str
    region: str
    memory: Memory

    @property
    def name(self) -> str:
        return f"{self.service}:{self.operation}"

    @property
    def here(self) -> dict[str, dict[str, dict]]:
        return self.memory.at(self.account, self.region)

    @property
    def account_wide(self) -> dict[str, dict[str, dict]]:
        """IAM, S3's buckets, CloudFront."""
        return self.memory.at(self.account, "")

    def __getitem__(self, name: str) -> Any:
        return self.request[name]

    def get(self, name: str, default: Any = None) -> Any:
        value = self.request.get(name)
        return default if value is None else value


@dataclass(frozen=True)
class Rule:
    id: str
    calls: tuple[str, ...]  # rds:CreateDBInstance; rds:* for all of a service
    codes: dict[str, str]  # by service; "" for any
    status: int
    source: str
    pending: str  # what `stack` has to learn before the local AWS may refuse it
    refuses: Callable[[Ask], str | None]

    def code(self, service: str) -> str:
        return self.codes.get(service) or self.codes[""]


RULES: list[Rule] = []
_BY_CALL: dict[str, list[Rule]] = defaultdict(list)
_LEARNS: dict[str, list[Callable[[Ask, dict], None]]] = defaultdict(list)


def rule(identifier: str, *calls: str, code: str | dict[str, str], source: str, status: int = 400, pending: str = ""):
    def register(refuses: Callable[[Ask], str | None]):
        codes = {"": code} if isinstance(code, str) else code
        made = Rule(identifier, calls, codes, status, source, pending, refuses)
        RULES.append(made)
        for call in calls:
            _BY_CALL[call].append(made)
        return refuses

    return register


def learns(*calls: str):
    """Has the function see the request and the answer of each of these calls that succeeded."""

    def register(function: Callable[[Ask, dict], None]):
        for call in calls:
            _LEARNS[call].append(function)
        return function

    return register


def rules_for(ask: Ask) -> list[Rule]:
    return _BY_CALL.get(ask.name, []) + _BY_CALL.get(f"{ask.service}:*", [])


def learn(ask: Ask, answer: dict) -> None:
    for function in _LEARNS.get(ask.name, ()):
        function(ask, answer)


def is_learned(name: str) -> bool:
    return name in _LEARNS


# RDS: instances and what they are made from


def _name(arn_or_name: str) -> str:
    return arn_or_name.rsplit(":", 1)[-1].lower()


@learns("rds:CreateDBInstance")
def _(ask: Ask, answer: dict) -> None:
    view = answer.get("DBInstance", {})
    storage, kind = ask.get("AllocatedStorage", 0), ask.get("StorageType", "gp2")
    ask.here["rds.instance"][ask["DBInstanceIdentifier"].lower()] = {
        "engine": ask["Engine"],
        "version": view.get("EngineVersion") or ask.get("EngineVersion", ""),
        "managed": bool(ask.get("ManageMasterUserPassword")),
        "backups": ask.get("BackupRetentionPeriod", 1),
        "storage": storage,
        "type": kind,
        "iops": _iops(ask["Engine"], kind, storage, ask.get("Iops")),
        "group": ask.get("DBParameterGroupName", ""),
        "source": None,
    }


def _iops(engine: str, kind: str, storage: int, asked: int | None) -> int:
    """What AWS says of an instance: io1 and io2 have what was asked for, gp3 the baseline of a volume of four stripes."""
    if asked:
        return asked
    if kind == "gp3" and storage >= (200 if engine.startswith("oracle") else 400):
        return 12000
    return 0


@learns("rds:CreateDBInstanceReadReplica")
def _(ask: Ask, answer: dict) -> None:
    source = _source_of(ask)
    inherited = {
        key: source.get(key, default)
        for key, default in (("engine", ""), ("version", ""), ("storage", 0), ("type", ""), ("iops", 0), ("group", ""))
    }
    ask.here["rds.instance"][ask["DBInstanceIdentifier"].lower()] = inherited | {
        "managed": False,
        "backups": 0,
        "type": ask.get("StorageType", inherited["type"]),
        "source": _name(ask["SourceDBInstanceIdentifier"]),
    }


@learns("rds:CreateDBSnapshot")
def _(ask: Ask, answer: dict) -> None:
    instance = ask.here["rds.instance"].get(_name(ask["DBInstanceIdentifier"]))
    if instance:
        ask.here["rds.snapshot"][ask["DBSnapshotIdentifier"].lower()] = dict(instance, source=None)


def _snapshot(ask: Ask, identifier: str) -> dict | None:
    """What is known of a snapshot; an ARN may be of another region or account."""
    parts = identifier.split(":")
    place = ask.memory.at(parts[4], parts[3]) if parts[0] == "arn" and len(parts) > 6 else ask.here
    return place["rds.snapshot"].get(_name(identifier))


@learns("rds:CopyDBSnapshot")
def _(ask: Ask, answer: dict) -> None:
    source = _snapshot(ask, ask["SourceDBSnapshotIdentifier"])
    if source:
        ask.here["rds.snapshot"][ask["TargetDBSnapshotIdentifier"].lower()] = dict(source)


@learns("rds:RestoreDBInstanceFromDBSnapshot")
def _(ask: Ask, answer: dict) -> None:
    source = _snapshot(ask, ask.get("DBSnapshotIdentifier", ""))
    if source:
        ask.here["rds.instance"][ask["DBInstanceIdentifier"].lower()] = source | {
            "group": ask.get("DBParameterGroupName", ""),
            "managed": bool(ask.get("ManageMasterUserPassword")),
        }


@learns("rds:RestoreDBInstanceToPointInTime")
def _(ask: Ask, answer: dict) -> None:
    source = ask.here["rds.instance"].get(_name(ask.get("SourceDBInstanceIdentifier", "")))
    if source:
        ask.here["rds.instance"][ask["TargetDBInstanceIdentifier"].lower()] = source | {
            "group": ask.get("DBParameterGroupName", ""),
            "managed": False,
            "backups": ask.get("BackupRetentionPeriod", source["backups"]),
            "source": None,
        }


@learns("rds:ModifyDBInstance")
def _(ask: Ask, answer: dict) -> None:
    instance = ask.here["rds.instance"].get(_name(ask["DBInstanceIdentifier"]))
    if instance is None:
        return
    for field, fact in (
        ("BackupRetentionPeriod", "backups"),
        ("DBParameterGroupName", "group"),
        ("ManageMasterUserPassword", "managed"),
    ):
        if ask.get(field) is not None:
            instance[fact] = ask[field]
    if ask.get("ApplyImmediately"):
        instance["storage"] = ask.get("AllocatedStorage", instance["storage"])
        instance["type"] = ask.get("StorageType", instance["type"])
        instance["iops"] = _iops(instance["engine"], instance["type"], instance["storage"], ask.get("Iops"))
        wanted = ask.get("EngineVersion")
        if wanted and instance["engine"] == "postgres" and _major("postgres", wanted) != _major("postgres", instance["version"]):
            for other in ask.here["rds.instance"].values():
                if other.get("source") == _name(ask["DBInstanceIdentifier"]):
                    other["version"] = wanted  # AWS upgrades them too
        instance["version"] = wanted or instance["version"]


@learns("rds:DeleteDBInstance")
def _(ask: Ask, answer: dict) -> None:
    gone = ask.here["rds.instance"].pop(_name(ask["DBInstanceIdentifier"]), None)
    if gone and ask.get("FinalDBSnapshotIdentifier"):
        ask.here["rds.snapshot"][ask["FinalDBSnapshotIdentifier"].lower()] = dict(gone, source=None)


@learns("rds:PromoteReadReplica")
def _(ask: Ask, answer: dict) -> None:
    if instance := ask.here["rds.instance"].get(_name(ask["DBInstanceIdentifier"])):
        instance["source"] = None
        # "Default: 1" (API reference, PromoteReadReplica, BackupRetentionPeriod).
        days = ask.get("BackupRetentionPeriod")
        instance["backups"] = 1 if days is None else days


def _source_of(ask: Ask) -> dict:
    """What is known of the source of a replica, which an ARN may name in another region."""
    parts = ask["SourceDBInstanceIdentifier"].split(":")
    place = ask.memory.at(parts[4], parts[3]) if parts[0] == "arn" and len(parts) > 6 else ask.here
    return place["rds.instance"].get(_name(ask["SourceDBInstanceIdentifier"]), {})


@rule(
    "R1",
    "rds:CreateDBInstanceReadReplica",
    code="InvalidParameterValue",
    source="RDS user guide, rds-secrets-manager, limitations; terraform-aws-modules/terraform-aws-rds#532, #512",
)
def _replica_of_managed(ask: Ask) -> str | None:
    source = _source_of(ask)
    if source.get("managed") and not source.get("engine", "").startswith("sqlserver"):
        return f"Creating read replicas for source instance with engine {source['engine']} where ManageMasterUserPassword is enabled is not supported."
    return None


@rule(
    "R2",
    "rds:CreateDBInstanceReadReplica",
    code="InvalidParameterCombination",
    source="API reference CreateDBInstanceReadReplica, DBParameterGroupName; hashicorp/terraform-provider-aws#38056, #38227, #36080",
)
def _replica_with_parameter_group(ask: Ask) -> str | None:
    # Db2 and Oracle may, and MySQL from another region, whose source is named by its ARN.
    engine = _source_of(ask).get("engine", "")
    elsewhere = (
        ask["SourceDBInstanceIdentifier"].startswith("arn:") and f":{ask.region}:" not in ask["SourceDBInstanceIdentifier"]
    )
    if ask.get("DBParameterGroupName") and not engine.startswith(("db2", "oracle")) and not elsewhere:
        return f"A parameter group can't be specified during Read Replica creation for the following DB engine: {engine or 'postgres'}"
    return None


@rule(
    "R3",
    "rds:CreateDBInstanceReadReplica",
    code="InvalidDBInstanceState",
    source="AWS's refusal, as quoted in hashicorp/terraform-provider-aws#1946",
)
def _replica_without_backups(ask: Ask) -> str | None:
    if _source_of(ask).get("backups") == 0:
        return "Automated backups are not enabled for this database instance. To enable automated backups, use ModifyDBInstance to set the backup retention period to a non-zero value."
    return None


@rule(
    "R4",
    "rds:RestoreDBInstanceFromDBSnapshot",
    code="InvalidParameterCombination",
    source="API reference RestoreDBInstanceFromDBSnapshot, ManageMasterUserPassword: applies to RDS for Oracle only (own wording)",
)
def _restore_with_managed_password(ask: Ask) -> str | None:
    snapshot = _snapshot(ask, ask.get("DBSnapshotIdentifier", "")) or {}
    engine = ask.get("Engine") or snapshot.get("engine", "")
    if ask.get("ManageMasterUserPassword") and not engine.startswith("oracle"):
        return f"ManageMasterUserPassword is not supported for engine {engine or 'postgres'} when restoring a DB instance from a DB snapshot."
    return None


@rule(
    "R5",
    "rds:ModifyDBInstance",
    code="InvalidParameterCombination",
    source="API reference ModifyDBInstance, AllocatedStorage; hashicorp/terraform-provider-aws#28847, #28589",
)
def _storage_without_iops(ask: Ask) -> str | None:
    instance = ask.here["rds.instance"].get(_name(ask["DBInstanceIdentifier"]), {})
    wanted = ask.get("AllocatedStorage")
    if instance.get("iops") and wanted not in (None, instance["storage"]) and ask.get("Iops") is None:
        return "You must specify both the storage size and iops when modifying the storage size or iops on a DB instance that has iops."
    return None


@rule(
    "R6",
    "rds:CreateDBInstance",
    "rds:ModifyDBInstance",
    code="InvalidParameterCombination",
    source="terraform-community-modules/tf_aws_rds#22",
)
def _provisioned_without_iops(ask: Ask) -> str | None:
    kind = ask.get("StorageType")
    instance = ask.here["rds.instance"].get(_name(ask["DBInstanceIdentifier"]), {}) if ask.operation == "ModifyDBInstance" else {}
    if kind in ("io1", "io2") and ask.get("Iops") is None and instance.get("type") != kind:
        return f"The storage type {kind} requires iops to be specified"
    return None


_IDENTIFIERS = (
    "DBInstanceIdentifier",
    "DBParameterGroupName",
    "DBSnapshotIdentifier",
    "TargetDBSnapshotIdentifier",
    "TargetDBInstanceIdentifier",
    "FinalDBSnapshotIdentifier",
    "ReplicationGroupId",
    "CacheClusterId",
)


@rule(
    "R7",
    *(
        "rds:CreateDBInstance",
        "rds:CreateDBInstanceReadReplica",
        "rds:CreateDBParameterGroup",
        "rds:CreateDBSnapshot",
        "rds:CopyDBSnapshot",
    ),
    *(
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:RestoreDBInstanceToPointInTime",
        "rds:DeleteDBInstance",
        "elasticache:CreateReplicationGroup",
        "elasticache:CreateCacheCluster",
    ),
    code="InvalidParameterValue",
    source="API reference, identifiers: cannot end with a hyphen or contain two consecutive hyphens",
)
def _hyphens(ask: Ask) -> str | None:
    copied = ("DBSnapshotIdentifier",) if ask.operation.startswith("Restore") else ()  # may be an ARN, or AWS's own rds:…
    for field in _IDENTIFIERS:
        value = ask.get(field, "")
        # AWS's own groups are called default.postgres16.
        if field not in copied and ("--" in value or value.endswith("-")):
            return (
                f"The parameter {field} is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, "
                "digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
            )
    return None


# Tags


def tags_of(request: dict) -> dict[str, str]:
    """The tags that a request carries, however its service spells them."""
    found: dict[str, str] = {}
    for field in ("Tags", "tags", "TagList", "TagSet", "Tagging", "AddTags"):
        value = request.get(field)
        if isinstance(value, dict) and isinstance(value.get("TagSet") or value.get("Items"), list):
            value = value.get("TagSet") or value["Items"]
        if isinstance(value, dict):
            found |= {key: text for key, text in value.items() if isinstance(text, str)}
        for tag in value if isinstance(value, list) else ():
            if isinstance(tag, dict):
                spelt = {key.lower().removeprefix("tag"): text for key, text in tag.items()}
                if isinstance(spelt.get("key"), str):
                    found[spelt["key"]] = spelt.get("value") or ""
    return found


def _is_tag_text(text: str) -> bool:
    return all(c in "_.:/=+-@" or unicodedata.category(c)[0] in "LZN" for c in text)


@rule(
    "R8",
    *("rds:*", "elbv2:*", "elasticache:*", "iam:*", "acm:*", "logs:*", "ecs:*"),
    code={
        "": "InvalidParameterValue",
        "iam": "ValidationError",
        "acm": "ValidationException",
        "logs": "InvalidParameterException",
        "ecs": "InvalidParameterException",
    },
    source=r"API reference, type Tag of each: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$",
)
def _tag_characters(ask: Ask) -> str | None:
    for at, (key, value) in enumerate(tags_of(ask.request).items(), 1):
        for part, text in (("key", key), ("value", value)):
            if not _is_tag_text(text):
                return (
                    f"1 validation error detected: Value '{text}' at 'tags.{at}.member.{part}' failed to satisfy constraint: "
                    r"Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"
                )
    return None


@rule(
    "R29",
    *(
        "iam:CreateRole",
        "iam:CreateUser",
        "iam:CreatePolicy",
        "iam:TagRole",
        "iam:TagUser",
        "iam:TagPolicy",
        "iam:CreateInstanceProfile",
    ),
    code="InvalidInput",
    source="IAM user guide, tagging: keys are not case sensitive; AWS's refusal",
)
def _tags_that_differ_in_case(ask: Ask) -> str | None:
    keys = [key.lower() for key in tags_of(ask.request)]
    if len(keys) != len(set(keys)):
        return "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    return None


# Security groups


@rule(
    "R9",
    "ec2:CreateSecurityGroup",
    code="InvalidParameterValue",
    source="API reference CreateSecurityGroup, GroupName: cannot start with sg-",
)
def _group_name(ask: Ask) -> str | None:
    if ask.get("GroupName", "").startswith("sg-"):
        return f"Value ({ask['GroupName']}) for parameter GroupName is invalid. Group names may not be in the format sg-*."
    return None


_GROUP_TEXT = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")


@rule(
    "R10",
    "ec2:CreateSecurityGroup",
    code="InvalidParameterValue",
    source="API reference CreateSecurityGroup, GroupName and Description",
)
def _group_text(ask: Ask) -> str | None:
    for field, what in (("GroupName", "name"), ("Description", "description")):
        if not _GROUP_TEXT.fullmatch(ask.get(field, "")):
            return f"Invalid security group {what}. Valid {what}s are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
    return None


@rule(
    "R11",
    "rds:CreateDBSubnetGroup",
    code="InvalidParameterValue",
    source="API reference CreateDBSubnetGroup: must not be default (own wording)",
)
def _default_subnet_group(ask: Ask) -> str | None:
    if ask.get("DBSubnetGroupName", "").lower() == "default":
        return "The DB subnet group name default is reserved and cannot be used."
    return None


# Words that the engines keep for themselves. Of PostgreSQL's a sample, not the engine's whole list.
_RESERVED = {
    "postgres": {
        *("admin", "rdsadmin", "rdsrepladmin", "rdstopmgr", "rds_superuser", "public", "user", "all", "select", "table"),
        *("order", "group", "default", "session_user", "current_user", "db"),
    },
    "mysql": {"rdsadmin", "rdsrepladmin", "root", "mysql"},
    "mariadb": {"rdsadmin", "rdsrepladmin", "root", "mysql"},
}


@rule(
    "R12",
    "rds:CreateDBInstance",
    code="InvalidParameterValue",
    source="AWS's refusal; role names starting with pg_: DataShades/ckan-aws-templates#6",
)
def _reserved_user(ask: Ask) -> str | None:
    engine, user = ask.get("Engine", ""), ask.get("MasterUsername", "").lower()
    if user in _RESERVED.get(engine, ()) or (engine == "postgres" and user.startswith("pg_")):
        return f"MasterUsername {ask['MasterUsername']} cannot be used as it is a reserved word used by the engine"
    return None


@rule(
    "R13",
    "rds:CreateDBInstance",
    code="InvalidParameterValue",
    source="API reference CreateDBInstance, DBName: cannot be a word reserved by the specified database engine",
)
def _reserved_database(ask: Ask) -> str | None:
    if ask.get("DBName", "").lower() in _RESERVED.get(ask.get("Engine", ""), ()):
        return f"DBName {ask['DBName']} cannot be used. It is a reserved word for this engine"
    return None


# ECS


@learns("ecs:CreateService", "ecs:UpdateService")
def _(ask: Ask, answer: dict) -> None:
    service = answer.get("service", {})
    name = service.get("serviceName") or _last(ask.get("serviceName") or ask.get("service", ""))
    facts = ask.here["ecs.service"].setdefault(f"{_last(ask.get('cluster', 'default'))}/{name}", {})
    facts["rebalancing"] = ask.get("availabilityZoneRebalancing", facts.get("rebalancing", "DISABLED"))
    facts["maximum"] = ask.get("deploymentConfiguration", {}).get("maximumPercent", facts.get("maximum", 200))


def _last(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


@rule(
    "R14",
    "ecs:CreateService",
    "ecs:UpdateService",
    code="InvalidParameterException",
    source="ECS developer guide, service-rebalancing: maximumPercent must be more than 100 (own wording)",
)
def _rebalancing(ask: Ask) -> str | None:
    name = _last(ask.get("serviceName") or ask.get("service", ""))
    facts = (
        ask.here["ecs.service"].get(f"{_last(ask.get('cluster', 'default'))}/{name}", {})
        if ask.operation == "UpdateService"
        else {}
    )
    rebalancing = ask.get("availabilityZoneRebalancing", facts.get("rebalancing", "DISABLED"))
    maximum = ask.get("deploymentConfiguration", {}).get("maximumPercent", facts.get("maximum", 200))
    if rebalancing == "ENABLED" and maximum <= 100:
        return "Availability Zone rebalancing does not support maximumPercent of 100 or less."
    return None


@rule(
    "R15",
    "ecs:CreateService",
    "ecs:UpdateService",
    code="InvalidParameterException",
    source="AWS's refusal, hashicorp/terraform-provider-aws#11351",
)
def _launch_type_and_strategy(ask: Ask) -> str | None:
    if ask.get("launchType") and ask.get("capacityProviderStrategy"):
        return "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
    return None


# Load balancers


@learns("ec2:CreateSubnet")
def _(ask: Ask, answer: dict) -> None:
    subnet = answer.get("Subnet", {})
    if subnet.get("SubnetId"):
        ask.here["ec2.subnet"][subnet["SubnetId"]] = {"zone": subnet.get("AvailabilityZone"), "vpc": subnet.get("VpcId")}


@learns("ec2:DescribeSubnets")
def _(ask: Ask, answer: dict) -> None:
    for subnet in answer.get("Subnets", []):
        ask.here["ec2.subnet"][subnet["SubnetId"]] = {"zone": subnet.get("AvailabilityZone"), "vpc": subnet.get("VpcId")}


@rule("R16", "elbv2:CreateLoadBalancer", code="ValidationError", source="API reference CreateLoadBalancer, Name; AWS's refusal")
def _internal_name(ask: Ask) -> str | None:
    if ask.get("Name", "").startswith("internal-"):
        return f"The load balancer name '{ask['Name']}' cannot begin with 'internal-'"
    return None


def _balancer_subnets(ask: Ask) -> list[str]:
    return ask.get("Subnets", []) or [mapping.get("SubnetId") for mapping in ask.get("SubnetMappings", [])]


@rule(
    "R17",
    "elbv2:CreateLoadBalancer",
    "elbv2:SetSubnets",
    code="ValidationError",
    source="API reference CreateLoadBalancer, Subnets; AWS's refusal",
)
def _two_zones(ask: Ask) -> str | None:
    if ask.get("Type", "application") != "application" or "/net/" in ask.get("LoadBalancerArn", ""):
        return None
    if len(_balancer_subnets(ask)) == 1:
        return "At least two subnets in two different Availability Zones must be specified"
    return None


@rule(
    "R34",
    "elbv2:CreateLoadBalancer",
    "elbv2:SetSubnets",
    code="InvalidConfigurationRequest",
    source="API reference CreateLoadBalancer, Subnets; AWS's refusal",
)
def _one_subnet_a_zone(ask: Ask) -> str | None:
    zones = [ask.here["ec2.subnet"].get(subnet, {}).get("zone") for subnet in _balancer_subnets(ask)]
    known = [zone for zone in zones if zone]
    if len(known) != len(set(known)):
        return "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
    return None


@rule(
    "R18",
    "elbv2:CreateTargetGroup",
    code="ValidationError",
    source="AWS's refusal; API reference CreateTargetGroup, HealthCheckTimeoutSeconds",
)
def _timeout_below_interval(ask: Ask) -> str | None:
    timeout, interval = ask.get("HealthCheckTimeoutSeconds", 5), ask.get("HealthCheckIntervalSeconds", 30)
    if ask.get("Protocol") in ("HTTP", "HTTPS") and timeout >= interval:
        return f"Health check timeout '{timeout}' must be smaller than the interval '{interval}'"
    return None


# S3, IAM


@rule("R19", "s3:CreateBucket", code="InvalidBucketName", source="S3 user guide, bucket naming rules")
def _bucket_name(ask: Ask) -> str | None:
    name = ask["Bucket"]
    if name.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or name.endswith(
        ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
    ):
        return "The specified bucket is not valid."
    return None


@rule(
    "R45",
    "s3:PutBucketCors",
    code="InvalidRequest",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html; AWS's refusal (versity/versitygw#1870)",
)
def _wildcards_of_cors(ask: Ask) -> str | None:
    for one in (ask.get("CORSConfiguration") or {}).get("CORSRules") or []:
        for field in ("AllowedOrigin", "AllowedHeader"):
            for text in one.get(f"{field}s") or []:
                if text.count("*") > 1:
                    return f'{field} "{text}" can not have more than one wildcard.'
    return None


@rule(
    "R46",
    "s3:PutBucketCors",
    code="InvalidRequest",
    source="https://docs.aws.amazon.com/AmazonS3/latest/API/API_CORSRule.html, AllowedMethods; AWS's refusal",
)
def _methods_of_cors(ask: Ask) -> str | None:
    for one in (ask.get("CORSConfiguration") or {}).get("CORSRules") or []:
        for method in one.get("AllowedMethods") or []:
            if method not in ("GET", "PUT", "POST", "DELETE", "HEAD"):
                return f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
    return None


@rule(
    "R47",
    "s3:PutBucketCors",
    code="MalformedXML",
    source="https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html: up to 100 rules, with origins and methods",
)
def _rules_of_cors(ask: Ask) -> str | None:
    rules = (ask.get("CORSConfiguration") or {}).get("CORSRules") or []
    if 0 < len(rules) <= 100 and all(one.get("AllowedMethods") and one.get("AllowedOrigins") for one in rules):
        return None
    return "The XML you provided was not well-formed or did not validate against our published schema"


def _size(document: str) -> int:
    return len(re.sub(r"\s", "", document))


@learns("iam:PutRolePolicy", "iam:PutGroupPolicy", "iam:DeleteRolePolicy", "iam:DeleteGroupPolicy")
def _(ask: Ask, answer: dict) -> None:
    kind = "iam.role" if "Role" in ask.operation else "iam.group"
    policies = ask.account_wide[kind].setdefault(ask.get("RoleName") or ask["GroupName"], {})
    if ask.operation.startswith("Put"):
        policies[ask["PolicyName"]] = _size(ask["PolicyDocument"])
    else:
        policies.pop(ask["PolicyName"], None)


@learns("iam:DeleteRole", "iam:DeleteGroup")
def _(ask: Ask, answer: dict) -> None:
    ask.account_wide["iam.role" if ask.get("RoleName") else "iam.group"].pop(ask.get("RoleName") or ask["GroupName"], None)


def _too_much(ask: Ask, kind: str, name: str, most: int) -> str | None:
    policies = ask.account_wide[f"iam.{kind}"].get(name, {}) | {ask["PolicyName"]: _size(ask["PolicyDocument"])}
    if sum(policies.values()) > most:
        return f"Maximum policy size of {most} bytes exceeded for {kind} {name}"
    return None


@rule("R20", "iam:PutRolePolicy", code="LimitExceeded", status=409, source="IAM user guide, quotas; AWS's refusal")
def _role_policies(ask: Ask) -> str | None:
    return _too_much(ask, "role", ask["RoleName"], 10240)


@rule("R21", "iam:PutGroupPolicy", code="LimitExceeded", status=409, source="IAM user guide, quotas; AWS's refusal")
def _group_policies(ask: Ask) -> str | None:
    return _too_much(ask, "group", ask["GroupName"], 5120)


# RDS: deletion and upgrades


@rule(
    "R22",
    "rds:DeleteDBInstance",
    code="InvalidParameterCombination",
    source="API reference DeleteDBInstance, FinalDBSnapshotIdentifier",
)
def _final_snapshot_of_replica(ask: Ask) -> str | None:
    instance = ask.here["rds.instance"].get(_name(ask["DBInstanceIdentifier"]), {})
    if ask.get("FinalDBSnapshotIdentifier") and instance.get("source"):
        return "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance."
    return None


@rule("R23", "rds:DeleteDBInstance", code="InvalidParameterCombination", source="API reference DeleteDBInstance; AWS's refusal")
def _final_snapshot_and_none(ask: Ask) -> str | None:
    if ask.get("FinalDBSnapshotIdentifier") and ask.get("SkipFinalSnapshot"):
        return "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot."
    return None


def _major(engine: str, version: str) -> str:
    numbers = version.split(".")
    return numbers[0] if engine == "postgres" else ".".join(numbers[:2])


@rule(
    "R24",
    "rds:ModifyDBInstance",
    code="DBUpgradeDependencyFailure",
    source="RDS user guide, USER_UpgradeDBInstance.MySQL, .MariaDB, .PostgreSQL; AWS's refusal, ministryofjustice/cloud-platform#6068",
)
def _source_before_replicas(ask: Ask) -> str | None:
    name = _name(ask["DBInstanceIdentifier"])
    instance, wanted = ask.here["rds.instance"].get(name, {}), ask.get("EngineVersion")
    engine = instance.get("engine")
    if not wanted or engine not in ("mysql", "mariadb", "postgres"):
        return None
    if engine == "postgres" and _major(engine, wanted) != _major(engine, instance["version"]):
        return None  # AWS upgrades its replicas with it
    behind = [
        other
        for other, facts in ask.here["rds.instance"].items()
        if facts.get("source") == name and _older(facts["version"], wanted)
    ]
    if behind:
        return f"One or more of the DB Instance's read replicas need to be upgraded: {', '.join(sorted(behind))}"
    return None


def _older(version: str, wanted: str) -> bool:
    is_, to = _numbers(version), _numbers(wanted)
    length = min(len(is_), len(to))
    return is_[:length] < to[:length]


@rule(
    "R25",
    "rds:ModifyDBInstance",
    code="InvalidParameterCombination",
    source="API reference ModifyDBInstance, EngineVersion; AWS's refusal",
)
def _upgrade_without_group(ask: Ask) -> str | None:
    instance = ask.here["rds.instance"].get(_name(ask["DBInstanceIdentifier"]), {})
    wanted, engine, group = ask.get("EngineVersion"), instance.get("engine", ""), instance.get("group", "")
    own = group and not group.startswith("default.")
    if (
        wanted
        and own
        and instance["version"]
        and _major(engine, wanted) != _major(engine, instance["version"])
        and not ask.get("DBParameterGroupName")
    ):
        return f"Current Parameter Group ({group}) is non-default. You need to explicitly specify a new Parameter Group in this case (default or custom)"
    return None


# Keys of log groups


@learns("kms:CreateKey")
def _(ask: Ask, answer: dict) -> None:
    made = answer.get("KeyMetadata", {})
    if made.get("Arn"):
        ask.here["kms.key"][made["Arn"]] = {"policy": ask.get("Policy", "")}


@learns("kms:PutKeyPolicy")
def _(ask: Ask, answer: dict) -> None:
    for arn, facts in ask.here["kms.key"].items():
        if arn.endswith(f"/{_last(ask['KeyId'])}"):
            facts["policy"] = ask["Policy"]


def _services(policy: str) -> set[str]:
    """Which services the statements of a key's policy let in."""
    statements = json.loads(policy).get("Statement", []) if policy else []
    found: set[str] = set()
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        named = principal.get("Service", []) if isinstance(principal, dict) else principal
        if statement.get("Effect") == "Allow":
            found |= {named} if isinstance(named, str) else set(named)
    return found


@rule(
    "R26",
    "logs:CreateLogGroup",
    "logs:AssociateKmsKey",
    code="InvalidParameterException",
    source="CloudWatch Logs user guide, encrypt-log-data-kms; AWS's refusal",
)
def _key_of_log_group(ask: Ask) -> str | None:
    key = ask.here["kms.key"].get(ask.get("kmsKeyId", ""))
    if key is None:
        return None
    allowed = _services(key["policy"])
    if not allowed & {"*", "logs.amazonaws.com", f"logs.{ask.region}.amazonaws.com", f"logs.{ask.region}.amazonaws.com.cn"}:
        group = f"arn:aws:logs:{ask.region}:{ask.account}:log-group:{ask.get('logGroupName', '')}"
        return f"The specified KMS key does not exist or is not allowed to be used with LogGroup '{group}'"
    return None


# CloudFront


@rule(
    "R27",
    *("cloudfront:CreateDistribution", "cloudfront:CreateDistributionWithTags", "cloudfront:UpdateDistribution"),
    code="InvalidViewerCertificate",
    source="CloudFront developer guide, alternate domain names; AWS's refusal",
)
def _alias_without_certificate(ask: Ask) -> str | None:
    config = ask.get("DistributionConfig") or ask.get("DistributionConfigWithTags", {}).get("DistributionConfig", {})
    certificate = config.get("ViewerCertificate") or {}
    if (config.get("Aliases") or {}).get("Items") and not (
        certificate.get("ACMCertificateArn") or certificate.get("IAMCertificateId")
    ):
        return (
            "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted certificate that validates your "
            "authorization to use the domain name."
        )
    return None


# ElastiCache


@learns("elasticache:CreateReplicationGroup", "elasticache:ModifyReplicationGroup")
def _(ask: Ask, answer: dict) -> None:
    known = ask.here["elasticache.group"].setdefault(ask["ReplicationGroupId"].lower(), {"engine": "redis", "version": ""})
    known["engine"] = ask.get("Engine", known["engine"])
    known["version"] = ask.get("EngineVersion", known["version"])


@rule(
    "R28",
    *("elasticache:CreateReplicationGroup", "elasticache:ModifyReplicationGroup"),
    code="InvalidParameterCombination",
    source="AWS's refusal, cloudposse/terraform-aws-elasticache-redis#231, #238; ElastiCache user guide, in-transit-encryption-enable: since 7.0.5",
)
def _mode_of_old_redis(ask: Ask) -> str | None:
    """Before a mode of a group counts the version that it has: one that comes with the same call is not there yet."""
    known = (
        ask.here["elasticache.group"].get(ask["ReplicationGroupId"].lower(), {})
        if ask.operation == "ModifyReplicationGroup"
        else {}
    )
    version = known.get("version") or ask.get("EngineVersion", "")
    if (
        known.get("engine", ask.get("Engine", "redis")) == "redis"
        and ask.get("TransitEncryptionMode")
        and version
        and _numbers(version) < [7]
    ):
        return f"Transit encryption mode is not supported for engine version {version}. Please use engine version 7.0.5 or higher"
    return None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


# References that are no ARNs, and endpoints


_KEY = re.compile(
    r"arn:aws[\w-]*:kms:[\w-]+:\d+:(key|alias)/.+|alias/.+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}"
)


@rule(
    "R30",
    "elbv2:CreateListener",
    "elbv2:ModifyListener",
    "elbv2:AddListenerCertificates",
    code="ValidationError",
    source="API reference Certificate, CertificateArn; AWS's refusal",
)
def _certificate_is_an_arn(ask: Ask) -> str | None:
    for certificate in ask.get("Certificates", []):
        arn = certificate.get("CertificateArn", "")
        if not re.match(r"arn:aws[\w-]*:(acm|iam):", arn):
            return f"Certificate ARN '{arn}' is not valid"
    return None


@rule(
    "R31",
    *("rds:CreateDBInstance", "rds:RestoreDBInstanceFromDBSnapshot", "rds:CreateDBInstanceReadReplica", "rds:CopyDBSnapshot"),
    *("elasticache:CreateReplicationGroup", "logs:CreateLogGroup", "logs:AssociateKmsKey"),
    code={"rds": "KMSKeyNotAccessibleFault", "elasticache": "InvalidParameterValue", "logs": "InvalidParameterException"},
    source="API reference, KmsKeyId: key ARN, key ID, alias ARN or alias name",
)
def _key_is_a_key(ask: Ask) -> str | None:
    key = ask.get("KmsKeyId") or ask.get("kmsKeyId")
    if key is None or (_KEY.fullmatch(key) and (ask.service != "logs" or key.startswith("arn:"))):
        return None
    if ask.service == "logs":
        return f"The specified KMS key does not exist or is not allowed to be used with LogGroup 'arn:aws:logs:{ask.region}:{ask.account}:log-group:{ask.get('logGroupName', '')}'"
    return f"The specified KMS key [{key}] does not exist, is not enabled or you do not have permissions to access it."


@rule(
    "R32",
    "s3:PutBucketEncryption",
    code="InvalidArgument",
    source="API reference ServerSideEncryptionByDefault, KMSMasterKeyID: key ID, key ARN or alias (own wording)",
)
def _key_of_bucket(ask: Ask) -> str | None:
    for entry in ask.get("ServerSideEncryptionConfiguration", {}).get("Rules", []):
        key = (entry.get("ApplyServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID")
        if key and not _KEY.fullmatch(key):
            return f"The KMS key {key} is not valid."
    return None


@rule(
    "R33",
    "ec2:CreateVpcEndpoint",
    code="InvalidParameter",
    source="VPC user guide, gateway endpoints are for Amazon S3 and DynamoDB; AWS's refusal",
)
def _gateway_endpoint(ask: Ask) -> str | None:
    service = ask.get("ServiceName", "")
    if ask.get("VpcEndpointType", "Gateway") == "Gateway" and not re.search(r"\.(s3|dynamodb)$", service):
        return "Endpoint type (Gateway) does not match available service types ([Interface])."
    return None


# Target groups and their balancers


def _balancer_of(arn: str) -> str:
    """`app/NAME/ID`, as it stands in the ARNs of a balancer, its listeners and their rules."""
    return "/".join(arn.rsplit(":", 1)[-1].split("/")[1:4])


def _forwards_to(request: dict) -> set[str]:
    found: set[str] = set()
    for action in [*(request.get("DefaultActions") or []), *(request.get("Actions") or [])]:
        found |= {action["TargetGroupArn"]} if action.get("TargetGroupArn") else set()
        found |= {
            group["TargetGroupArn"]
            for group in (action.get("ForwardConfig") or {}).get("TargetGroups") or []
            if group.get("TargetGroupArn")
        }
    return found


@learns("elbv2:CreateListener", "elbv2:ModifyListener", "elbv2:CreateRule", "elbv2:ModifyRule")
def _(ask: Ask, answer: dict) -> None:
    for made in [*(answer.get("Listeners") or []), *(answer.get("Rules") or [])]:
        arn = made.get("RuleArn") or made.get("ListenerArn")
        ask.here["elbv2.forward"][arn] = {
            "balancer": _balancer_of(arn),
            "groups": _forwards_to(made) | _forwards_to({"Actions": made.get("DefaultActions")}),
        }


@learns("elbv2:DeleteListener", "elbv2:DeleteRule", "elbv2:DeleteLoadBalancer")
def _(ask: Ask, answer: dict) -> None:
    gone = ask.get("RuleArn") or ask.get("ListenerArn") or ask["LoadBalancerArn"]
    listener = gone.replace(":listener/", ":listener-rule/") + "/"
    for arn, facts in list(ask.here["elbv2.forward"].items()):
        if (
            arn == gone
            or arn.startswith(listener)
            or (ask.operation == "DeleteLoadBalancer" and facts["balancer"] == _balancer_of(gone))
        ):
            del ask.here["elbv2.forward"][arn]


@rule(
    "R35",
    *("elbv2:CreateListener", "elbv2:ModifyListener", "elbv2:CreateRule", "elbv2:ModifyRule"),
    code="TargetGroupAssociationLimit",
    source="AWS's refusal, hashicorp/terraform-provider-aws#22005, aws/aws-cdk#33224",
)
def _group_of_another_balancer(ask: Ask) -> str | None:
    own = _balancer_of(ask.get("RuleArn") or ask.get("ListenerArn") or ask["LoadBalancerArn"])
    taken = {group for facts in ask.here["elbv2.forward"].values() if facts["balancer"] != own for group in facts["groups"]}
    if both := sorted(_forwards_to(ask.request) & taken):
        return f"The following target groups cannot be associated with more than one load balancer: {', '.join(both)}"
    return None


# More of RDS and CloudFront


@rule(
    "R36",
    "rds:CreateDBInstance",
    "rds:ModifyDBInstance",
    code="InvalidParameterCombination",
    source="RDS user guide, gp3 storage: baseline below 400 GiB cannot be changed; AWS's refusal, hashicorp/terraform-provider-aws#27702",
)
def _iops_of_small_gp3(ask: Ask) -> str | None:
    instance = ask.here["rds.instance"].get(_name(ask["DBInstanceIdentifier"]), {}) if ask.operation == "ModifyDBInstance" else {}
    engine, kind = ask.get("Engine") or instance.get("engine", ""), ask.get("StorageType") or instance.get("type", "")
    storage = ask.get("AllocatedStorage") or instance.get("storage", 0)
    given = ask.get("Iops") is not None or ask.get("StorageThroughput") is not None
    if given and kind == "gp3" and engine in ("postgres", "mysql", "mariadb") and 0 < storage < 400:
        return f"You can't specify IOPS or storage throughput for engine {engine} and a storage size less than 400."
    return None


# Regions that an account has to opt in to, in which CloudFront's standard logging (v1) has no buckets.
_OPT_IN = {
    *(
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
    ),
    *("eu-south-1", "eu-south-2", "il-central-1", "me-central-1", "me-south-1", "mx-central-1"),
}


@learns("s3:CreateBucket")
def _(ask: Ask, answer: dict) -> None:
    ask.account_wide["s3.bucket"][ask["Bucket"]] = {
        "region": (ask.get("CreateBucketConfiguration") or {}).get("LocationConstraint") or "us-east-1"
    }


@rule(
    "R37",
    *("cloudfront:CreateDistribution", "cloudfront:CreateDistributionWithTags", "cloudfront:UpdateDistribution"),
    code="InvalidArgument",
    source="CloudFront developer guide, standard logging: do not choose a bucket in an opt-in region (own wording)",
)
def _logs_in_opt_in_region(ask: Ask) -> str | None:
    config = ask.get("DistributionConfig") or ask.get("DistributionConfigWithTags", {}).get("DistributionConfig", {})
    logging = config.get("Logging") or {}
    bucket = (logging.get("Bucket") or "").partition(".s3")[0]
    region = ask.account_wide["s3.bucket"].get(bucket, {}).get("region")
    if logging.get("Enabled") and region in _OPT_IN:
        return f"The parameter Logging Bucket refers to a bucket in {region}, to which CloudFront does not deliver standard logs."
    return None


# CloudWatch


@rule(
    "R38",
    "cloudwatch:PutMetricAlarm",
    code="ValidationError",
    source="API reference PutMetricAlarm, Period: required for alarms based on static thresholds (own wording)",
)
def _alarm_without_period(ask: Ask) -> str | None:
    return "Period must not be null" if ask.get("MetricName") and ask.get("Period") is None else None


@rule(
    "R39",
    "cloudwatch:PutMetricAlarm",
    code="ValidationError",
    source="API reference PutMetricAlarm, DatapointsToAlarm: the M of M out of N (own wording)",
)
def _more_datapoints_than_periods(ask: Ask) -> str | None:
    points, periods = ask.get("DatapointsToAlarm", 0), ask.get("EvaluationPeriods")
    if periods is not None and points > periods:
        return f"DatapointsToAlarm {points} must not be greater than EvaluationPeriods {periods}"
    return None


_HOUR, _DAY, _WEEK = 3_600, 86_400, 604_800


@rule(
    "R40",
    "cloudwatch:PutMetricAlarm",
    code="ValidationError",
    source="API reference PutMetricAlarm, EvaluationPeriods: a day at most, seven with periods of an hour or more (own wording)",
)
def _evaluates_for_too_long(ask: Ask) -> str | None:
    stats = [query.get("MetricStat") or {} for query in ask.get("Metrics", [])]
    period = max([ask.get("Period", 0), *(stat.get("Period", 0) for stat in stats)])
    most = _DAY if period < _HOUR else _WEEK
    if period * ask.get("EvaluationPeriods", 1) > most:
        return f"Metrics cannot be checked across more than {most} seconds (EvaluationPeriods * Period must be <= {most})."
    return None


@rule(
    "R41",
    "cloudwatch:PutMetricAlarm",
    code="ValidationError",
    source="API reference PutMetricAlarm: a MetricName with a statistic, or Metrics, and each action is an ARN (own wording)",
)
def _alarm_of_nothing(ask: Ask) -> str | None:
    one, several = bool(ask.get("MetricName")), bool(ask.get("Metrics"))
    if one == several:
        return "An alarm must have either a MetricName or a Metrics array"
    if one and bool(ask.get("Statistic")) == bool(ask.get("ExtendedStatistic")):
        return "You must specify exactly one of Statistic and ExtendedStatistic"
    actions = [arn for name in ("AlarmActions", "OKActions", "InsufficientDataActions") for arn in ask.get(name, [])]
    wrong = next((arn for arn in actions if not arn.startswith("arn:")), None)
    return f"Invalid arn syntax: {wrong}" if wrong else None


@rule(
    "R44",
    "cloudwatch:PutMetricAlarm",
    code="ValidationError",
    source="AWS's refusal of a topic in another region, as quoted in cds-snc/notification-terraform#128",
)
def _notifies_another_region(ask: Ask) -> str | None:
    for name in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        for arn in ask.get(name, []):
            region = (arn.split(":") + [""] * 4)[3]
            if arn.startswith("arn:aws:sns:") and region != ask.region:
                return f"Invalid region {region} specified. Only {ask.region} is supported."
    return None


# EventBridge: a schedule of one moment

_ONCE = re.compile(r"cron\((\d+) (\d+) (\d+) (\d+) \? (\d{4})\)")


@rule(
    "R43",
    "events:PutRule",
    code="ValidationException",
    source="EventBridge user guide, eb-scheduled-rule-pattern: the fields and a year up to 2199; a moment that is over is not documented, and refused to be careful",
)
def _scheduled_for_the_past(ask: Ask) -> str | None:
    moment = _ONCE.fullmatch(ask.get("ScheduleExpression", ""))
    if not moment:
        return None
    minute, hour, day, month, year = (int(field) for field in moment.groups())
    try:
        is_over = datetime(year, month, day, hour, minute, tzinfo=UTC) <= datetime.now(UTC)
    except ValueError:
        is_over = True
    return "Parameter ScheduleExpression is not valid." if is_over or year > 2199 else None


# IAM: whom a trust policy names

_PRINCIPAL = re.compile(r"\*|[0-9]{12}|arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[^\s]+|A(ROA|IDA)[A-Z0-9]{12,}")


@rule(
    "R42",
    *("iam:CreateRole", "iam:UpdateAssumeRolePolicy"),
    code="MalformedPolicyDocument",
    source="IAM user guide, Principal: an account, an ARN or a unique ID, never a name; AWS's refusal",
)
def _principal_by_name(ask: Ask) -> str | None:
    document = ask.get("AssumeRolePolicyDocument") or ask.get("PolicyDocument") or "{}"
    try:
        statements = json.loads(document).get("Statement", [])
    except ValueError:
        return None
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        named = principal.get("AWS", []) if isinstance(principal, dict) else []
        for one in [named] if isinstance(named, str) else named:
            if not _PRINCIPAL.fullmatch(one):
                return f'Invalid principal in policy: "AWS":"{one}"'
    return None
