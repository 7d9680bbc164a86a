#!/usr/bin/env python3
"""A second opinion on the published stacks: what Checkov finds in them, translated to Terraform.

    cargo build
    python3 -m venv checkov && checkov/bin/pip install checkov
    python3 benches/checkov.py --stack target/debug/stack --checkov checkov/bin/checkov

Plans each stack for an empty account of a local AWS, writes what it would create as Terraform, and has Checkov read that. The files are in
Terraform's own language: Checkov does not read its JSON. Only what an object has is translated; a field without a counterpart is left out, and
kinds without a translation are counted and printed. Prints tables for docs/check.md.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Callable
from typing import Any

from measure import LocalAws, environment, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
STACKS = [("examples/smallest.yaml", "default"), ("stacks/small.yaml", "default"), ("stacks/webapp.yaml", "default"),
          ("stacks/shop.yaml", "production"), ("stacks/production.yaml", "production"), ("stacks/regions.yaml", "default")]

# The type of Terraform that stands for a kind, and what identifies an object of it in Terraform's arguments.
TYPES = {
    "acm.certificate": ("aws_acm_certificate", "arn"),
    "application-autoscaling.scalable_target": ("aws_appautoscaling_target", "id"),
    "application-autoscaling.scaling_policy": ("aws_appautoscaling_policy", "id"),
    "backup.plan": ("aws_backup_plan", "id"),
    "backup.restore_testing_plan": ("aws_backup_restore_testing_plan", "name"),
    "backup.restore_testing_selection": ("aws_backup_restore_testing_selection", "name"),
    "backup.selection": ("aws_backup_selection", "id"),
    "backup.vault": ("aws_backup_vault", "name"),
    "budgets.budget": ("aws_budgets_budget", "id"),
    "cloudfront.distribution": ("aws_cloudfront_distribution", "id"),
    "cloudfront.origin_access_control": ("aws_cloudfront_origin_access_control", "id"),
    "cloudwatch.alarm": ("aws_cloudwatch_metric_alarm", "alarm_name"),
    "cloudwatch.composite_alarm": ("aws_cloudwatch_composite_alarm", "alarm_name"),
    "ec2.address": ("aws_eip", "id"),
    "ec2.default_security_group": ("aws_default_security_group", "id"),
    "ec2.flow_log": ("aws_flow_log", "id"),
    "ec2.internet_gateway": ("aws_internet_gateway", "id"),
    "ec2.nat_gateway": ("aws_nat_gateway", "id"),
    "ec2.route": ("aws_route", "id"),
    "ec2.route_table": ("aws_route_table", "id"),
    "ec2.route_table_association": ("aws_route_table_association", "id"),
    "ec2.security_group": ("aws_security_group", "id"),
    "ec2.security_group_rule": ("aws_security_group_rule", "id"),
    "ec2.subnet": ("aws_subnet", "id"),
    "ec2.vpc": ("aws_vpc", "id"),
    "ec2.vpc_endpoint": ("aws_vpc_endpoint", "id"),
    "ecs.cluster": ("aws_ecs_cluster", "id"),
    "ecs.service": ("aws_ecs_service", "id"),
    "ecs.task_definition": ("aws_ecs_task_definition", "arn"),
    "elasticache.cluster": ("aws_elasticache_cluster", "cluster_id"),
    "elasticache.parameter_group": ("aws_elasticache_parameter_group", "name"),
    "elasticache.replication_group": ("aws_elasticache_replication_group", "id"),
    "elasticache.subnet_group": ("aws_elasticache_subnet_group", "name"),
    "elbv2.listener": ("aws_lb_listener", "arn"),
    "elbv2.load_balancer": ("aws_lb", "arn"),
    "elbv2.rule": ("aws_lb_listener_rule", "arn"),
    "elbv2.target_group": ("aws_lb_target_group", "arn"),
    "events.rule": ("aws_cloudwatch_event_rule", "name"),
    "iam.group": ("aws_iam_group", "name"),
    "iam.role": ("aws_iam_role", "name"),
    "iam.user": ("aws_iam_user", "name"),
    "kms.alias": ("aws_kms_alias", "name"),
    "kms.key": ("aws_kms_key", "key_id"),
    "lambda.function": ("aws_lambda_function", "function_name"),
    "lambda.permission": ("aws_lambda_permission", "id"),
    "logs.log_group": ("aws_cloudwatch_log_group", "name"),
    "logs.metric_filter": ("aws_cloudwatch_log_metric_filter", "id"),
    "logs.query_definition": ("aws_cloudwatch_query_definition", "id"),
    "rds.event_subscription": ("aws_db_event_subscription", "name"),
    "rds.instance": ("aws_db_instance", "identifier"),
    "rds.parameter_group": ("aws_db_parameter_group", "name"),
    "rds.subnet_group": ("aws_db_subnet_group", "name"),
    "s3.bucket": ("aws_s3_bucket", "id"),
    "s3.bucket_policy": ("aws_s3_bucket_policy", "id"),
    "secretsmanager.secret": ("aws_secretsmanager_secret", "id"),
    "servicediscovery.namespace": ("aws_service_discovery_http_namespace", "id"),
    "sns.subscription": ("aws_sns_topic_subscription", "arn"),
    "sns.topic": ("aws_sns_topic", "arn"),
    "sqs.queue": ("aws_sqs_queue", "url"),
    "wafv2.association": ("aws_wafv2_web_acl_association", "id"),
    "wafv2.web_acl": ("aws_wafv2_web_acl", "arn"),
}
# What an attribute is called in Terraform, where it is called otherwise.
ATTRIBUTES = {
    ("elasticache.cluster", "endpoint"): "cluster_address",
    ("elasticache.replication_group", "endpoint"): "primary_endpoint_address",
    ("elasticache.replication_group", "reader"): "reader_endpoint_address",
    ("elbv2.load_balancer", "full_name"): "arn_suffix",
    ("elbv2.target_group", "full_name"): "arn_suffix",
    ("rds.instance", "host"): "address",
    ("s3.bucket", "domain"): "bucket_regional_domain_name",
    ("s3.bucket", "global_domain"): "bucket_domain_name",
    ("s3.bucket", "name"): "id",
}
REFERENCE = re.compile(r"\$\{([^}]*)\}")
TO_OBJECT = re.compile(r"([a-z0-9-]+\.[a-z0-9_]+)/([^.!]+)(?:\.(\w+))?!?")


class Map(dict):
    """An argument that is a map; a plain dictionary is a block."""


class Document:
    """An argument that is a document as JSON, such as a policy."""

    def __init__(self, value: Any) -> None:
        self.text = json.dumps(value, indent=2, ensure_ascii=False)


def identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


def resolved(value: Any) -> Any:
    """The value with Terraform's references in place of the plan's; `None` is what AWS chooses by itself."""
    if isinstance(value, dict):
        return {key: resolved(one) for key, one in value.items()}
    if isinstance(value, list):
        return [resolved(one) for one in value]
    if not isinstance(value, str) or value.startswith("${="):
        return None if isinstance(value, str) else value
    return REFERENCE.sub(lambda found: reference(found[1]), value)


def reference(text: str) -> str:
    """Terraform's reference for one of the plan; a variable of IAM stays one, and what is not translated has only its key."""
    found = TO_OBJECT.fullmatch(text)
    if not found:
        return "$${" + text + "}"
    kind, name, attribute = found.groups()
    if kind not in TYPES:
        return f"{kind}/{name}"
    of, own = TYPES[kind]
    address = f"{of}.{identifier(name)}"
    if (kind, attribute) == ("ecs.service", "resource_id"):
        return f"service/${{aws_ecs_cluster.main.name}}/${{{address}.name}}"
    if (kind, attribute) == ("secretsmanager.secret", "version"):
        return ""  # the current one
    return f"${{{address}.{ATTRIBUTES.get((kind, attribute), attribute or own)}}}"


def literal(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(literal(one) for one in value) + "]"
    if isinstance(value, str) and REFERENCE.fullmatch(value) and not value.startswith("$$"):
        return value[2:-1]
    return json.dumps(value, ensure_ascii=False)


def body(arguments: dict[str, Any], indent: str = "  ") -> list[str]:
    """The lines of a block. What is `None` is not an argument, and an empty list of blocks is none."""
    lines = []
    for key, value in arguments.items():
        if isinstance(value, Document):
            lines.append(f"{indent}{key} = jsonencode({value.text})")
        elif isinstance(value, Map):
            lines += [f"{indent}{key} = {{", *(f"{indent}  {json.dumps(name)} = {literal(one)}" for name, one in value.items()), indent + "}"]
        elif isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            for block in value if isinstance(value, list) else [value]:
                lines += [f"{indent}{key} {{", *body(block, indent + "  "), indent + "}"]
        elif value is not None:
            lines.append(f"{indent}{key} = {literal(value)}")
    return lines


class Terraform:
    """What a stack is in Terraform, and of which kind of the plan each resource is."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.kinds: dict[str, str] = {}
        self.left: collections.Counter[str] = collections.Counter()
        self.kind = ""

    def add(self, kind: str, name: str, /, **arguments: Any) -> None:
        name = identifier(name)
        self.kinds[f"{kind}.{name}"] = self.kind
        self.lines += [f'resource "{kind}" "{name}" {{', *body(arguments), "}", ""]

    def data(self, kind: str, name: str, /, **arguments: Any) -> str:
        """The id of what AWS brings, such as a managed policy of CloudFront."""
        head = f'data "{kind}" "{identifier(name)}" {{'
        if head not in self.lines:
            self.lines += [head, *body(arguments), "}", ""]
        return f"${{data.{kind}.{identifier(name)}.id}}"

    def translate(self, items: list[dict]) -> None:
        for item in items:
            self.kind, name = item["key"].split("/", 1)
            if translation := TRANSLATIONS.get(self.kind):
                translation(self, name, joined(item, items))
            else:
                self.left[self.kind] += 1


def joined(item: dict, items: list[dict]) -> dict[str, Any]:
    """The fields of an object, where what is missing is `None`; with the firewall before a distribution, which Terraform has as an argument of it."""
    fields = resolved(item["desired"])
    for other in items:
        if other["key"].startswith("wafv2.association/") and other["desired"]["resource"].startswith("${" + item["key"] + "."):
            fields["web_acl"] = resolved(other["desired"]["web_acl"])
    fields["tags"] = Map(fields["tags"]) if fields.get("tags") else None
    fields["name"] = fields.get("name") or (fields["tags"] or {}).get("Name") or item["key"].split("/", 1)[1]
    return collections.defaultdict(lambda: None, fields)


Fields = dict[str, Any]
Translation = Callable[[Terraform, str, Fields], None]
TRANSLATIONS: dict[str, Translation] = {}


def translates(*kinds: str) -> Callable[[Translation], Translation]:
    """Says of which kinds a function is the translation."""
    def known(translation: Translation) -> Translation:
        TRANSLATIONS.update(dict.fromkeys(kinds, translation))
        return translation
    return known


def simple(kind: str, **arguments: str) -> None:
    """The translation of a kind whose fields are arguments, each under a name of its own."""
    def translation(tf: Terraform, name: str, has: Fields) -> None:
        tf.add(TYPES[kind][0], name, **{argument: has.get(field) for argument, field in arguments.items()})
    TRANSLATIONS[kind] = translation


# The network.
simple("ec2.internet_gateway", vpc_id="vpc", tags="tags")
simple("ec2.nat_gateway", subnet_id="subnet", allocation_id="address", tags="tags")
simple("ec2.route", route_table_id="table", destination_cidr_block="destination", gateway_id="gateway", nat_gateway_id="nat")
simple("ec2.route_table", vpc_id="vpc", tags="tags")
simple("ec2.route_table_association", route_table_id="table", subnet_id="subnet")
simple("ec2.security_group", name="name", vpc_id="vpc", description="description", tags="tags")
simple("ec2.subnet", vpc_id="vpc", availability_zone="zone", cidr_block="cidr", map_public_ip_on_launch="map_public_ip", tags="tags")


@translates("ec2.vpc")
def vpc(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_vpc", name, cidr_block=has["cidr"], enable_dns_support=True, enable_dns_hostnames=has["dns_hostnames"], tags=has["tags"])
    rules: dict[str, list[dict]] = {"ingress": [], "egress": []}
    for key, rule in has["network_acl"].items():
        (direction, number), (action, protocol, cidr) = key.split(), rule.split()
        if protocol == "all":
            rules[direction].append({"rule_no": int(number), "action": action, "protocol": "-1", "from_port": 0, "to_port": 0, "cidr_block": cidr})
    tf.add("aws_default_network_acl", name, default_network_acl_id=f"${{aws_vpc.{identifier(name)}.default_network_acl_id}}", **rules)


@translates("ec2.address")
def address(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_eip", name, domain="vpc", tags=has["tags"])


@translates("ec2.default_security_group")
def default_security_group(tf: Terraform, name: str, has: Fields) -> None:
    """In Terraform, too, the group has only the rules that are written there."""
    if not has["rules"]:
        tf.add("aws_default_security_group", name, vpc_id=has["vpc"])


@translates("ec2.security_group_rule")
def security_group_rule(tf: Terraform, name: str, has: Fields) -> None:
    """Not as `aws_vpc_security_group_ingress_rule`: Checkov takes one whose peer is a group for open to everybody."""
    every = has["protocol"] == "-1"
    tf.add("aws_security_group_rule", name, type=has["direction"], security_group_id=has["group"], protocol=has["protocol"],
           from_port=0 if every else has["from_port"], to_port=0 if every else has["to_port"], cidr_blocks=[has["cidr"]] if has.get("cidr") else None,
           source_security_group_id=has.get("peer"), description=has.get("description"))


@translates("ec2.flow_log")
def flow_log(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_flow_log", name, vpc_id=has["vpc"], traffic_type=has["traffic"], log_destination=has["log_group"].replace(".name}", ".arn}"),
           iam_role_arn=has["role"], max_aggregation_interval=has["interval"], tags=has["tags"])


@translates("ec2.vpc_endpoint")
def vpc_endpoint(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_vpc_endpoint", name, vpc_id=has["vpc"], service_name=has["service"], vpc_endpoint_type="Gateway", route_table_ids=has["route_tables"],
           policy=Document(has["policy"]), tags=has["tags"])


# The load balancer.
BALANCER = {
    "client_keep_alive": "client_keep_alive.seconds",
    "desync_mitigation_mode": "routing.http.desync_mitigation_mode",
    "drop_invalid_header_fields": "routing.http.drop_invalid_header_fields.enabled",
    "enable_deletion_protection": "deletion_protection.enabled",
    "enable_http2": "routing.http2.enabled",
    "enable_tls_version_and_cipher_suite_headers": "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
    "enable_waf_fail_open": "waf.fail_open.enabled",
    "enable_xff_client_port": "routing.http.xff_client_port.enabled",
    "idle_timeout": "idle_timeout.timeout_seconds",
    "preserve_host_header": "routing.http.preserve_host_header.enabled",
    "xff_header_processing_mode": "routing.http.xff_header_processing.mode",
}


def typed(text: str | None) -> Any:
    """An attribute of a balancer, which is a text in AWS, as what it is in Terraform."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text and text.isdigit() else text


@translates("elbv2.load_balancer")
def load_balancer(tf: Terraform, name: str, has: Fields) -> None:
    attributes = has["attributes"]
    bucket = attributes.get("access_logs.s3.bucket")
    tf.add("aws_lb", name, name=has["name"], load_balancer_type="application", internal=has["scheme"] == "internal", subnets=has["subnets"],
           security_groups=has["security_groups"], **{argument: typed(attributes.get(key)) for argument, key in BALANCER.items()},
           access_logs=bucket and {"bucket": bucket, "prefix": attributes.get("access_logs.s3.prefix"),
                                   "enabled": typed(attributes.get("access_logs.s3.enabled"))}, tags=has["tags"])


def action(has: Fields) -> dict[str, Any]:
    """What a listener does with a request."""
    redirect, fixed = has.get("redirect"), has.get("fixed")
    return {"type": has["kind"], "target_group_arn": has.get("target_group"), "redirect": redirect,
            "fixed_response": fixed and {"status_code": fixed["status_code"], "content_type": fixed["content_type"], "message_body": fixed["body"]}}


@translates("elbv2.listener")
def listener(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_lb_listener", name, load_balancer_arn=has["load_balancer"], port=has["port"], protocol=has["protocol"],
           ssl_policy=has.get("ssl_policy"), certificate_arn=has.get("certificate"), default_action=action(has["default_action"]), tags=has["tags"])


@translates("elbv2.rule")
def listener_rule(tf: Terraform, name: str, has: Fields) -> None:
    conditions = [{field: {"values": has[key]}} for key, field in (("paths", "path_pattern"), ("hosts", "host_header")) if has[key]]
    tf.add("aws_lb_listener_rule", name, listener_arn=has["listener"], priority=has["priority"], action=action(has["action"]), condition=conditions,
           tags=has["tags"])


@translates("elbv2.target_group")
def target_group(tf: Terraform, name: str, has: Fields) -> None:
    health = has["health"]
    tf.add("aws_lb_target_group", name, name=has["name"], vpc_id=has["vpc"], port=has["port"], protocol=has["protocol"], target_type=has["target_type"],
           deregistration_delay=typed(has["attributes"].get("deregistration_delay.timeout_seconds")),
           health_check={"path": health["path"], "interval": health["interval"], "timeout": health["timeout"], "healthy_threshold": health["healthy"],
                         "unhealthy_threshold": health["unhealthy"], "matcher": health["codes"]}, tags=has["tags"])


@translates("acm.certificate")
def certificate(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_acm_certificate", name, region=has["region"], domain_name=has["domain"], subject_alternative_names=has["names"] or None,
           validation_method="DNS", tags=has["tags"])


# Services.
simple("servicediscovery.namespace", name="name", description="description", tags="tags")


@translates("ecs.cluster")
def cluster(tf: Terraform, name: str, has: Fields) -> None:
    logs = has.get("exec_logs")
    tf.add("aws_ecs_cluster", name, name=has["name"], setting={"name": "containerInsights", "value": "enabled" if has["container_insights"] else "disabled"},
           configuration={"execute_command_configuration": {"logging": "OVERRIDE", "log_configuration": {"cloud_watch_log_group_name": logs}}}
           if logs else None, tags=has["tags"])
    tf.add("aws_ecs_cluster_capacity_providers", name, cluster_name=f"${{aws_ecs_cluster.{identifier(name)}.name}}",
           capacity_providers=has["capacity_providers"])


@translates("ecs.service")
def service(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_ecs_service", name, name=has["name"], cluster=has["cluster"], task_definition=has["task_definition"],
           desired_count=has.get("desired_count", has.get("initial_count")), platform_version=has.get("platform_version"),
           capacity_provider_strategy=[{"capacity_provider": one["provider"], "weight": one["weight"], "base": one["base"]} for one in has["launch"]],
           network_configuration={"subnets": has["subnets"], "security_groups": has["security_groups"], "assign_public_ip": has["assign_public_ip"]},
           load_balancer=[{"target_group_arn": one["target_group"], "container_name": one["container"], "container_port": one["port"]}
                          for one in has["load_balancers"]] or None,
           health_check_grace_period_seconds=has["grace"], deployment_circuit_breaker=has["circuit_breaker"], enable_execute_command=has["exec"],
           deployment_minimum_healthy_percent=has["minimum_healthy_percent"], deployment_maximum_percent=has["maximum_percent"],
           availability_zone_rebalancing="ENABLED" if has["zone_rebalancing"] else "DISABLED", propagate_tags=has["propagate_tags"],
           service_connect_configuration=connect(has["connect"]), tags=has["tags"])


def connect(has: Fields) -> dict[str, Any] | None:
    """A service's part in Service Connect."""
    if not has["enabled"]:
        return None
    offers = [{"port_name": one["port_name"], "client_alias": {"dns_name": one["dns_name"], "port": one["port"]}} for one in has["offers"]]
    return {"enabled": True, "namespace": has["namespace"], "service": offers or None}


@translates("ecs.task_definition")
def task_definition(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_ecs_task_definition", name, family=has["name"], cpu=has["cpu"], memory=has["memory"], execution_role_arn=has.get("execution_role"),
           task_role_arn=has.get("task_role"), network_mode="awsvpc", requires_compatibilities=["FARGATE"],
           runtime_platform={"cpu_architecture": has["architecture"], "operating_system_family": "LINUX"},
           container_definitions=Document([container(one) for one in has["containers"]]), tags=has["tags"])


def container(has: Fields) -> dict[str, Any]:
    """A container as the API of ECS has it, which is how Terraform has it, too."""
    ports = [{"containerPort": port, "protocol": "tcp"} for port in has["ports"]]
    return {"name": has["name"], "image": has["image"], "essential": has["essential"], "command": has["command"], "entryPoint": has["entrypoint"],
            "portMappings": ports, "environment": [{"name": key, "value": value} for key, value in has["environment"].items()],
            "secrets": [{"name": key, "valueFrom": value} for key, value in has["secrets"].items()],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": has["log_group"], "awslogs-stream-prefix": has["log_prefix"]}},
            "stopTimeout": has["stop_timeout"], "readonlyRootFilesystem": has["readonly_root"], "linuxParameters": {"initProcessEnabled": has["init"]}}


@translates("application-autoscaling.scalable_target")
def scalable_target(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_appautoscaling_target", name, service_namespace="ecs", scalable_dimension="ecs:service:DesiredCount", resource_id=has["service"],
           min_capacity=has["min"], max_capacity=has["max"], tags=has["tags"])


@translates("application-autoscaling.scaling_policy")
def scaling_policy(tf: Terraform, name: str, has: Fields) -> None:
    target = has["target"].removesuffix(".id}")
    metric = {"predefined_metric_type": has["metric"], "resource_label": has.get("resource_label")}
    tf.add("aws_appautoscaling_policy", name, name=has["name"], policy_type="TargetTrackingScaling", service_namespace=f"{target}.service_namespace}}",
           scalable_dimension=f"{target}.scalable_dimension}}", resource_id=f"{target}.resource_id}}",
           target_tracking_scaling_policy_configuration={
               "target_value": has["value"], "scale_in_cooldown": has["scale_in_cooldown"], "scale_out_cooldown": has["scale_out_cooldown"],
               "predefined_metric_specification": metric})


# Functions.
@translates("lambda.function")
def function(tf: Terraform, name: str, has: Fields) -> None:
    """The code is left out: Terraform takes it from a file, and Checkov does not read it. What is not in `extras`, a function does not have."""
    logs = has.get("log_group")
    tf.add("aws_lambda_function", name, function_name=has["name"], description=has.get("description"), role=has["role"], runtime=has["runtime"],
           handler=has["handler"], source_code_hash=has.get("code_sha256"), timeout=has.get("timeout"), memory_size=has.get("memory"),
           architectures=[has["architecture"]] if has.get("architecture") else None,
           logging_config={"log_format": "Text", "log_group": logs} if logs else None, tags=has["tags"])


@translates("lambda.permission")
def permission(tf: Terraform, name: str, has: Fields) -> None:
    """Only rules of EventBridge call functions."""
    tf.add("aws_lambda_permission", name, function_name=has["function"], action="lambda:InvokeFunction", principal="events.amazonaws.com",
           source_arn=has["rule"])


# Databases and caches.
simple("elasticache.subnet_group", name="name", subnet_ids="subnets", tags="tags")
simple("rds.subnet_group", name="name", subnet_ids="subnets", tags="tags")
simple("rds.event_subscription", name="name", sns_topic="topic", source_type="source_type", source_ids="sources", event_categories="categories",
       enabled="enabled", tags="tags")


@translates("rds.parameter_group", "elasticache.parameter_group")
def parameter_group(tf: Terraform, name: str, has: Fields) -> None:
    tf.add(TYPES[tf.kind][0], name, name=has["name"], family=has["family"],
           parameter=[{"name": key, "value": value} for key, value in has["parameters"].items()], tags=has["tags"])


@translates("rds.instance")
def database(tf: Terraform, name: str, has: Fields) -> None:
    """The password is left out: in AWS, a secret has it, which RDS or the plan makes."""
    tf.add("aws_db_instance", name, identifier=has["name"], engine=has.get("engine"), engine_version=has.get("engine_version"),
           instance_class=has["class"], allocated_storage=has.get("storage"), max_allocated_storage=has.get("max_storage"),
           storage_type=has.get("storage_type"), storage_encrypted=has.get("encrypted"), kms_key_id=has.get("kms_key"),
           db_name=has.get("database"), username=has.get("user"), manage_master_user_password=has.get("managed_password") or None,
           replicate_source_db=has.get("source"), multi_az=has.get("multi_az"), publicly_accessible=has["publicly_accessible"], port=has.get("port"),
           db_subnet_group_name=has.get("subnet_group"), vpc_security_group_ids=has["security_groups"], parameter_group_name=has.get("parameter_group"),
           backup_retention_period=has.get("backup_days"), backup_window=has.get("backup_window"), maintenance_window=has.get("maintenance_window"),
           deletion_protection=has["deletion_protection"], enabled_cloudwatch_logs_exports=has.get("logs"),
           auto_minor_version_upgrade=has["auto_minor_upgrade"], copy_tags_to_snapshot=has["copy_tags"], tags=has["tags"])


@translates("elasticache.cluster")
def cache_cluster(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_elasticache_cluster", name, cluster_id=has["name"], engine="memcached", node_type=has["node_type"], num_cache_nodes=has["nodes"],
           az_mode="cross-az" if has["cross_zone"] else "single-az", port=has["port"], subnet_group_name=has["subnet_group"],
           security_group_ids=has["security_groups"], parameter_group_name=has["parameter_group"],
           transit_encryption_enabled=has["transit_encryption"], auto_minor_version_upgrade=has["auto_minor_upgrade"], tags=has["tags"])


@translates("elasticache.replication_group")
def replication_group(tf: Terraform, name: str, has: Fields) -> None:
    transit = has["transit_encryption"]
    tf.add("aws_elasticache_replication_group", name, replication_group_id=has["name"], description=has["name"], engine=has["engine"],
           engine_version=has.get("engine_version"), node_type=has["node_type"], num_cache_clusters=has["replicas"] + 1, port=has["port"],
           automatic_failover_enabled=has["automatic_failover"], multi_az_enabled=has["multi_az"], subnet_group_name=has["subnet_group"],
           security_group_ids=has["security_groups"], parameter_group_name=has["parameter_group"],
           transit_encryption_enabled=transit in ("required", "preferred"), transit_encryption_mode=transit if transit != "off" else None,
           at_rest_encryption_enabled=has["at_rest_encryption"], kms_key_id=has.get("kms_key"), snapshot_retention_limit=has["snapshot_days"],
           auto_minor_version_upgrade=has["auto_minor_upgrade"], tags=has["tags"])


# Backups.
@translates("backup.vault")
def vault(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_backup_vault", name, name=has["name"], region=has["region"] or None, kms_key_arn=has.get("kms_key") or None, tags=has["tags"])


@translates("backup.plan")
def backup_plan(tf: Terraform, name: str, has: Fields) -> None:
    rules = [{"rule_name": key, "target_vault_name": rule["vault"], "schedule": rule["schedule"], "schedule_expression_timezone": rule["timezone"],
              "start_window": rule["start_minutes"], "completion_window": rule["completion_minutes"], "enable_continuous_backup": rule["continuous"],
              "lifecycle": {"delete_after": rule["keep_days"]},
              "copy_action": [{"destination_vault_arn": copy["vault"], "lifecycle": {"delete_after": copy["keep_days"]}} for copy in rule["copies"]] or None}
             for key, rule in has["rules"].items()]
    tf.add("aws_backup_plan", name, name=has["name"], rule=rules, tags=has["tags"])


@translates("backup.selection")
def backup_selection(tf: Terraform, name: str, has: Fields) -> None:
    conditions: dict[str, list[dict]] = {"string_equals": [], "string_not_equals": []}
    for text in has["conditions"]:
        key, operator, value = text.split(" ", 2)
        conditions["string_equals" if operator == "=" else "string_not_equals"].append({"key": f"aws:ResourceTag/{key}", "value": value})
    tf.add("aws_backup_selection", name, name=has["name"], plan_id=has["plan"], iam_role_arn=has["role"], resources=has["resources"],
           condition={key: ones or None for key, ones in conditions.items()})


@translates("backup.restore_testing_plan")
def restore_testing_plan(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_backup_restore_testing_plan", name, name=identifier(has["name"]), schedule_expression=has["schedule"],
           schedule_expression_timezone=has["timezone"], start_window_hours=has["start_hours"],
           recovery_point_selection={"algorithm": has["algorithm"], "include_vaults": has["vaults"], "recovery_point_types": has["points"],
                                     "selection_window_days": has["window_days"]}, tags=has["tags"])


@translates("backup.restore_testing_selection")
def restore_testing_selection(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_backup_restore_testing_selection", name, name=identifier(has["name"]), restore_testing_plan_name=has["plan"], iam_role_arn=has["role"],
           protected_resource_type=has["of"], protected_resource_arns=has["resources"], restore_metadata_overrides=Map(has["metadata"]),
           validation_window_hours=has["keep_hours"])


# Buckets and the distribution.
@translates("s3.bucket")
def bucket(tf: Terraform, name: str, has: Fields) -> None:
    """Each property of a bucket is a resource of its own."""
    own = f"${{aws_s3_bucket.{identifier(name)}.id}}"
    tf.add("aws_s3_bucket", name, bucket=has["name"], tags=has["tags"])
    if has["versioning"]:
        tf.add("aws_s3_bucket_versioning", name, bucket=own, versioning_configuration={"status": "Enabled"})
    if encryption := has.get("encryption"):
        tf.add("aws_s3_bucket_server_side_encryption_configuration", name, bucket=own, rule={"apply_server_side_encryption_by_default": {
            "sse_algorithm": encryption["algorithm"], "kms_master_key_id": encryption.get("key")},
            "bucket_key_enabled": encryption.get("bucket_key")})
    if has["block_public_access"]:
        every = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
        tf.add("aws_s3_bucket_public_access_block", name, bucket=own, **dict.fromkeys(every, True))
    tf.add("aws_s3_bucket_ownership_controls", name, bucket=own, rule={"object_ownership": has["ownership"]})
    if rules := has.get("lifecycle"):
        tf.add("aws_s3_bucket_lifecycle_configuration", name, bucket=own, rule=[lifecycle(key, rule) for key, rule in rules.items()])


def lifecycle(key: str, has: Fields) -> dict[str, Any]:
    """A rule of what a bucket moves or deletes by itself; one without a filter is for all objects."""
    days = {"days": has.get("expire_after"), "expired_object_delete_marker": has.get("drop_delete_markers")}
    block = lambda name, days: {name: days} if days else None
    moves = [{"storage_class": to, "days": after} for to, after in has.get("move_after", {}).items()]
    return {"id": key, "status": "Enabled", "filter": {"prefix": has.get("prefix", "")}, "transition": moves or None,
            "expiration": days if any(days.values()) else None,
            "noncurrent_version_expiration": block("noncurrent_days", has.get("expire_versions_after")),
            "abort_incomplete_multipart_upload": block("days_after_initiation", has.get("abort_uploads_after"))}


@translates("s3.bucket_policy")
def bucket_policy(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_s3_bucket_policy", name, bucket=has["bucket"], policy=Document(has["policy"]))


@translates("cloudfront.origin_access_control")
def origin_access_control(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_cloudfront_origin_access_control", name, name=has["name"], origin_access_control_origin_type=has["origin_type"],
           signing_behavior=has["signing"], signing_protocol="sigv4")


@translates("cloudfront.distribution")
def distribution(tf: Terraform, name: str, has: Fields) -> None:
    certificate, logs = has["certificate"], has.get("logs")
    own = {"acm_certificate_arn": certificate.get("arn"), "minimum_protocol_version": certificate.get("minimum_tls"), "ssl_support_method": "sni-only"}
    tf.add("aws_cloudfront_distribution", name, enabled=has["enabled"], aliases=has["aliases"] or None, default_root_object=has["default_root"] or None,
           price_class=has["price_class"], http_version=has["http_version"], is_ipv6_enabled=has["ipv6"], web_acl_id=has.get("web_acl"),
           origin=[origin(key, one) for key, one in has["origins"].items()], default_cache_behavior=behavior(tf, has["default"]),
           ordered_cache_behavior=[behavior(tf, one) | {"path_pattern": one["path"]} for one in has["behaviors"]] or None,
           logging_config=logs and {"bucket": logs["bucket"], "prefix": logs["prefix"]}, restrictions={"geo_restriction": {"restriction_type": "none"}},
           viewer_certificate=own if certificate else {"cloudfront_default_certificate": True}, tags=has["tags"])


def origin(key: str, has: Fields) -> dict[str, Any]:
    """Where a distribution gets its files from: a bucket or a server."""
    protocol = has.get("protocol")
    custom = {"http_port": 80, "https_port": 443, "origin_protocol_policy": protocol, "origin_ssl_protocols": ["TLSv1.2"]}
    return {"origin_id": key, "domain_name": has["domain"], "origin_access_control_id": has.get("access_control"),
            "custom_origin_config": custom if protocol else None}


def behavior(tf: Terraform, has: Fields) -> dict[str, Any]:
    """What a distribution does with some paths. The policies are AWS's own, which are data in Terraform."""
    managed = {argument: tf.data(f"aws_cloudfront_{field}", has[field], name=f"Managed-{has[field]}")
               for argument, field in (("cache_policy_id", "cache_policy"), ("origin_request_policy_id", "origin_request_policy"),
                                       ("response_headers_policy_id", "response_headers_policy")) if has.get(field)}
    return {"target_origin_id": has["origin"], "allowed_methods": has["methods"], "cached_methods": ["GET", "HEAD"],
            "viewer_protocol_policy": has["viewer_protocol"], "compress": has["compress"], **managed}


# The firewall.
@translates("wafv2.web_acl")
def web_acl(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_wafv2_web_acl", name, name=has["name"], scope=has["scope"], default_action={has["default_action"]: {}},
           rule=[web_rule(one) for one in has["rules"]], visibility_config=visibility(has["name"], has["metrics"]), tags=has["tags"])
    if logs := has.get("logs"):
        drop = {"behavior": "KEEP", "requirement": "MEETS_ANY", "condition": [{"action_condition": {"action": one}} for one in logs["keep"]]}
        tf.add("aws_wafv2_web_acl_logging_configuration", name, resource_arn=f"${{aws_wafv2_web_acl.{identifier(name)}.arn}}",
               log_destination_configs=[logs["log_group"]], redacted_fields=[{"single_header": {"name": one}} for one in logs["redact"]],
               logging_filter={"default_behavior": "DROP", "filter": drop})


def web_rule(has: Fields) -> dict[str, Any]:
    """A rule of a firewall. The published stacks have groups of AWS only."""
    managed = has["managed"]
    return {"name": has["name"], "priority": has["priority"], "override_action": {"count" if has["action"] == "count" else "none": {}},
            "statement": {"managed_rule_group_statement": {"vendor_name": managed["vendor"], "name": managed["name"]}},
            "visibility_config": visibility(has["name"], has["metrics"])}


def visibility(name: str, metrics: bool) -> dict[str, Any]:
    return {"metric_name": name, "cloudwatch_metrics_enabled": metrics, "sampled_requests_enabled": metrics}


@translates("wafv2.association")
def web_acl_association(tf: Terraform, name: str, has: Fields) -> None:
    """Before a distribution, the firewall is an argument of it."""
    if "aws_cloudfront_distribution" not in has["resource"]:
        tf.add("aws_wafv2_web_acl_association", name, web_acl_arn=has["web_acl"], resource_arn=has["resource"])


# Rights, keys and secrets.
def policies(tf: Terraform, of: str, name: str, has: Fields) -> None:
    """The inline and managed policies of a role, a group or a user."""
    own = {of: f"${{aws_iam_{of}.{identifier(name)}.name}}"}
    for key, policy in has["policies"].items():
        tf.add(f"aws_iam_{of}_policy", f"{name}-{key}", name=key, **own, policy=Document(policy))
    for policy in has["managed"]:
        tf.add(f"aws_iam_{of}_policy_attachment", f"{name}-{policy.rsplit('/')[-1]}", **own, policy_arn=policy)


@translates("iam.role")
def role(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_iam_role", name, name=has["name"], description=has.get("description"), assume_role_policy=Document(has["trust"]), tags=has["tags"])
    policies(tf, "role", name, has)


@translates("iam.group")
def group(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_iam_group", name, name=has["name"])
    policies(tf, "group", name, has)


@translates("iam.user")
def user(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_iam_user", name, name=has["name"], tags=has["tags"])
    tf.add("aws_iam_user_group_membership", name, user=f"${{aws_iam_user.{identifier(name)}.name}}", groups=has["groups"])
    policies(tf, "user", name, has)


@translates("kms.key")
def key(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_kms_key", name, description=has.get("description"), is_enabled=has["enabled"], enable_key_rotation=has["rotation"],
           rotation_period_in_days=has.get("rotation_days"), deletion_window_in_days=has["deletion_days"], policy=Document(has["policy"]), tags=has["tags"])


@translates("kms.alias")
def alias(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_kms_alias", name, name=f"alias/{has['name']}", target_key_id=has["key"])


@translates("secretsmanager.secret")
def secret(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_secretsmanager_secret", name, name=has["name"], description=has["description"], kms_key_id=has["kms_key"] or None,
           replica=[{"region": one} for one in has["replica_regions"]] or None, tags=has["tags"])


# Logs, alarms and messages.
@translates("logs.log_group")
def log_group(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_cloudwatch_log_group", name, name=has["name"], retention_in_days=has["retention_days"], kms_key_id=has["kms_key"] or None, tags=has["tags"])


@translates("logs.metric_filter")
def metric_filter(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_cloudwatch_log_metric_filter", name, name=has["name"], log_group_name=has["group"], pattern=has["pattern"],
           metric_transformation={"name": has["metric"], "namespace": has["namespace"], "value": has["value"]})


simple("logs.query_definition", name="name", query_string="query", log_group_names="groups")


@translates("cloudwatch.alarm")
def alarm(tf: Terraform, name: str, has: Fields) -> None:
    plain = has["metric"] or None
    queries = [{"id": key, "metric": {"namespace": one["namespace"], "metric_name": one["metric"], "dimensions": Map(one["dimensions"]),
                                      "stat": one["statistic"], "period": has["period"]}} for key, one in has["metrics"].items()]
    if has["expression"]:
        queries.append({"id": "result", "expression": has["expression"], "return_data": True})
    tf.add("aws_cloudwatch_metric_alarm", name, alarm_name=has["name"], alarm_description=has["description"], actions_enabled=has["enabled"],
           alarm_actions=has["actions"], ok_actions=has["ok_actions"], insufficient_data_actions=has["insufficient_data_actions"],
           comparison_operator=has["comparison"], evaluation_periods=has["evaluation_periods"], datapoints_to_alarm=has["datapoints"],
           threshold=has["threshold"], treat_missing_data=has["missing_data"], namespace=plain and has["namespace"], metric_name=plain,
           dimensions=Map(has["dimensions"]) if plain else None, statistic=plain and has["statistic"], period=plain and has["period"],
           metric_query=queries or None, tags=has["tags"])


@translates("cloudwatch.composite_alarm")
def composite_alarm(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_cloudwatch_composite_alarm", name, alarm_name=has["name"], alarm_description=has["description"], alarm_rule=has["rule"],
           actions_enabled=has["enabled"], alarm_actions=has["actions"], ok_actions=has["ok_actions"],
           insufficient_data_actions=has["insufficient_data_actions"], tags=has["tags"])


@translates("events.rule")
def event_rule(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_cloudwatch_event_rule", name, name=has["name"], description=has["description"], schedule_expression=has["schedule"] or None,
           event_pattern=Document(has["pattern"]) if has["pattern"] else None, state="ENABLED" if has["enabled"] else "DISABLED", tags=has["tags"])
    for key, one in has["targets"].items():
        given, transform = one.get("input"), one.get("transform")
        tf.add("aws_cloudwatch_event_target", f"{name}-{key}", rule=f"${{aws_cloudwatch_event_rule.{identifier(name)}.name}}", target_id=key,
               arn=next((one[to] for to in ("topic", "function", "log_group") if one.get(to)), None),
               input=Document(given) if given is not None else None,
               input_transformer=transform and {"input_paths": Map(transform["parts"]), "input_template": transform["template"]})


@translates("sns.topic")
def topic(tf: Terraform, name: str, has: Fields) -> None:
    tf.add("aws_sns_topic", name, name=has["name"], kms_master_key_id=has["kms_key"] or None, tags=has["tags"])
    if policy := has.get("policy"):
        tf.add("aws_sns_topic_policy", name, arn=f"${{aws_sns_topic.{identifier(name)}.arn}}", policy=Document(policy))


simple("sns.subscription", topic_arn="topic", protocol="protocol", endpoint="endpoint")


@translates("sqs.queue")
def queue(tf: Terraform, name: str, has: Fields) -> None:
    dead = has.get("dead_letter_queue")
    tf.add("aws_sqs_queue", name, name=has["name"],
           redrive_policy=Document({"deadLetterTargetArn": dead, "maxReceiveCount": has["max_receives"]}) if dead else None,
           kms_master_key_id=has.get("kms_key") or None, sqs_managed_sse_enabled=has.get("sse"), tags=has["tags"])


@translates("budgets.budget")
def budget(tf: Terraform, name: str, has: Fields) -> None:
    notifications = []
    for key, told in has["notifications"].items():
        of, percent = key.rstrip("%").split()
        notifications.append({"comparison_operator": "GREATER_THAN", "threshold": float(percent), "threshold_type": "PERCENTAGE",
                              "notification_type": "FORECASTED" if of == "forecast" else "ACTUAL", "subscriber_email_addresses": told["email"],
                              "subscriber_sns_topic_arns": told["topics"] or None})
    tf.add("aws_budgets_budget", name, name=has["name"], budget_type="COST", limit_amount=str(has["limit"]), limit_unit="USD", time_unit=has["period"],
           cost_filter={"name": "TagKeyValue", "values": [f"user:{key}$${value}" for key, value in has["counts"].items()]}, notification=notifications)


def planned(binary: str, env: dict[str, str], file: str, name: str, folder: str) -> list[dict]:
    """The objects of a stack in an empty account, with all of their fields."""
    saved = pathlib.Path(folder) / "plan"
    subprocess.run([binary, "plan", str(ROOT / file), "--env", name, "--out", str(saved)], env=env, check=True, capture_output=True)
    return json.loads(saved.read_text())["plan"]["items"]


def findings(checkov: str, folder: str) -> dict:
    """What Checkov says of a folder, without the network. It exits with 1 when something fails."""
    command = [checkov, "--directory", folder, "--framework", "terraform", "--compact", "--quiet", "--output", "json", "--skip-download"]
    env = {"PATH": os.environ["PATH"], "HOME": folder, "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"}
    run = subprocess.run(command, env=env, capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise SystemExit(f"Checkov failed ({run.returncode}):\n{run.stdout[-3000:]}\n{run.stderr[-3000:]}")
    found = json.loads(run.stdout)
    if found["summary"]["parsing_errors"]:
        raise SystemExit(f"Checkov cannot read {found['results']['parsing_errors']}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default=str(ROOT / "target/debug/stack"), help="the binary")
    parser.add_argument("--checkov", default="checkov", help="the program")
    parser.add_argument("--port", type=int, default=4597, help="of the AWS that is started for this")
    parser.add_argument("--keep", help="the folder that keeps the translations")
    options = parser.parse_args()
    binary = os.path.abspath(options.stack)
    rows, failing, names, left = [], {}, {}, collections.Counter()
    aws = LocalAws(binary, options.port)
    try:
        for file, name in STACKS:
            aws.reset()
            tf = Terraform()
            with tempfile.TemporaryDirectory() as temporary:
                folder = pathlib.Path(options.keep or temporary) / pathlib.Path(file).stem
                folder.mkdir(parents=True, exist_ok=True)
                items = planned(binary, environment(f"http://127.0.0.1:{options.port}", "100000000001"), file, name, temporary)
                tf.translate(items)
                (folder / "main.tf").write_text("\n".join(tf.lines))
                found = findings(options.checkov, str(folder))
            left += tf.left
            for one in found["results"]["failed_checks"]:
                names[one["check_id"]] = one["check_name"]
                failing.setdefault(one["check_id"], {}).setdefault(file, []).append(tf.kinds[one["resource"]])
            summary = found["summary"]
            rows.append([f"`{file}`", len(items), len(tf.kinds), summary["passed"], summary["failed"]])
            print(rows[-1], flush=True)
    finally:
        aws.stop()
    print(table(["stack", "objects", "resources", "passed", "failed"], rows))
    print(f"not translated: {', '.join(f'{kind} ({count})' for kind, count in sorted(left.items())) or 'nothing'}")
    print(table(["check", "what it asks for", *(pathlib.Path(file).stem for file, _ in STACKS), "kinds"], [
        [f"`{check}`", names[check], *(len(by.get(file, [])) for file, _ in STACKS),
         ", ".join(f"`{kind}`" for kind in sorted({kind for kinds in by.values() for kind in kinds}))] for check, by in sorted(failing.items())]))


if __name__ == "__main__":
    main()
