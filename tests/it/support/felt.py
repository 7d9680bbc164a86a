"""What AWS's documents say of each change that an object gets while it is in use: whether those who use it feel it.

Written by hand from the documents, and from nothing that `stack` has: `edits.py` holds every plan against it. A field that is not
here fails there, so that nobody adds one without having looked.
"""

from collections.abc import Callable

DOCS = "https://docs.aws.amazon.com/"
# One of these has to be told. Nothing: it is not felt.
Needs = frozenset[str]
NOTHING: Needs = frozenset()


def one_of(*impacts: str) -> Needs:
    return frozenset(impacts)


def always(*impacts: str) -> Callable:
    return lambda before, after: one_of(*impacts)


def when_less(*impacts: str) -> Callable:
    """Where 0 means none."""
    return lambda before, after: one_of(*impacts) if (after or 0) < (before or 0) else NOTHING


def silent(before, after) -> Needs:
    return NOTHING


def days_of_lines(before, after) -> Needs:
    """0 is for ever."""
    return one_of("loses_data") if (after or 10**9) < (before or 10**9) else NOTHING


def days_of_backups(before, after) -> Needs:
    if 0 in (before, after):
        return one_of("restarts")
    return when_less("loses_data")(before, after)


def begins_to_block(before, after) -> Needs:
    """Of a rule's action, a whole rule, or the default action."""
    action = lambda of: of.get("action") if isinstance(of, dict) else of  # noqa: E731
    blocks = ("block", "group")
    return one_of("interrupts") if action(after) in blocks and action(before) not in blocks else NOTHING


def for_ever(before, after) -> Needs:
    """A lock that nobody can remove."""
    return one_of("cannot_be_undone") if after == "compliance" else NOTHING


def fewer(before, after) -> Needs:
    return one_of("fails_over") if len(after or []) < len(before or []) else NOTHING


# By kind: where its rules are said, and by field (or the first parts of its path) what is felt of a change in place.
CHANGES: dict[str, tuple[str, dict[str, Callable]]] = {
    "application-autoscaling.scalable_target": ("autoscaling/application/APIReference/API_RegisterScalableTarget.html", {"min": silent, "max": silent}),
    "application-autoscaling.scaling_policy": ("autoscaling/application/APIReference/API_PutScalingPolicy.html", {"value": silent}),
    # Sessions that are open go on as they began.
    "ecs.cluster": ("AmazonECS/latest/APIReference/API_UpdateCluster.html", {"exec_logs": silent}),
    "cloudfront.distribution": (
        # Edges go on with what they have until it expires; viewers with older TLS are refused.
        "AmazonCloudFront/latest/DeveloperGuide/HowToUpdateDistribution.html",
        {
            "aliases": silent,
            "behaviors": silent,
            "certificate": silent,
            "default": silent,
            "default_root": silent,
            "enabled": always("interrupts"),
            "http_version": silent,
            "ipv6": silent,
            "logs": silent,
            "origins": silent,
            "price_class": silent,
        },
    ),
    "ec2.route": ("vpc/latest/userguide/nat-gateway-basics.html", {"nat": always("fails_over"), "gateway": always("fails_over")}),
    "ec2.vpc": ("vpc/latest/userguide/vpc-network-acls.html", {"network_acl": silent}),
    "ec2.vpc_endpoint": ("vpc/latest/privatelink/gateway-endpoints.html", {"route_tables": always("fails_over"), "policy": silent}),
    "ecs.service": (
        # All are new deployments: tasks are replaced as `minimumHealthyPercent` says. Behind another target group nobody leads over.
        "AmazonECS/latest/developerguide/deployment-type-ecs.html",
        {
            "assign_public_ip": silent,
            "connect": silent,
            "deployment": silent,
            "desired_count": silent,
            "exec": silent,
            "grace": silent,
            "launch": silent,
            "load_balancers": always("interrupts"),
            "security_groups": silent,
            "subnets": silent,
            "task_definition": silent,
        },
    ),
    "ecs.task_definition": ("AmazonECS/latest/developerguide/update-task-definition-console-v2.html", {"": silent}),
    "elasticache.cluster": (
        "AmazonElastiCache/latest/APIReference/API_ModifyCacheCluster.html",
        {"engine_version": always("loses_data"), "maintenance_window": silent, "nodes": when_less("loses_data"), "parameter_group": always("waits"), "auto_minor_upgrade": silent, "security_groups": silent},
    ),
    "elasticache.parameter_group": ("AmazonElastiCache/latest/dg/ParameterGroups.html", {"parameters": always("waits")}),
    "elasticache.replication_group": (
        "AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html",
        {
            "auto_minor_upgrade": silent,
            "automatic_failover": silent,
            "engine": always("fails_over", "interrupts"),
            "engine_version": always("fails_over", "interrupts"),
            "maintenance_window": silent,
            "multi_az": silent,
            "node_type": always("fails_over", "interrupts"),
            "parameter_group": always("waits", "fails_over", "interrupts"),
            "replicas": silent,
            "security_groups": silent,
            "snapshot_days": when_less("loses_data"),
            "snapshot_window": silent,
            "transit_encryption": always("fails_over", "interrupts"),
        },
    ),
    "elasticache.subnet_group": ("AmazonElastiCache/latest/APIReference/API_ModifyCacheSubnetGroup.html", {"subnets": silent}),
    "elbv2.listener": ("elasticloadbalancing/latest/application/listener-update-rules.html", {"": silent}),
    "elbv2.load_balancer": ("elasticloadbalancing/latest/application/load-balancer-subnets.html", {"attributes": silent, "security_groups": silent, "subnets": fewer}),
    "elbv2.rule": ("elasticloadbalancing/latest/application/listener-update-rules.html", {"": silent}),
    "elbv2.target_group": ("elasticloadbalancing/latest/application/target-group-health-checks.html", {"health": silent, "attributes": silent}),
    "events.rule": ("eventbridge/latest/APIReference/API_PutRule.html", {"": silent}),
    "iam.password_policy": ("IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html", {"": silent}),
    "iam.group": ("IAM/latest/APIReference/API_PutGroupPolicy.html", {"": silent}),
    "iam.role": ("IAM/latest/APIReference/API_PutRolePolicy.html", {"": silent}),
    "iam.user": ("IAM/latest/APIReference/API_AddUserToGroup.html", {"groups": silent}),
    "kms.key": ("kms/latest/developerguide/rotate-keys.html", {"description": silent, "policy": silent, "rotation": silent, "rotation_days": silent}),
    "lambda.function": ("lambda/latest/api/API_UpdateFunctionConfiguration.html", {"": silent}),
    "logs.log_group": ("AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html", {"kms_key": silent, "retention_days": days_of_lines}),
    "rds.instance": (
        "AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html",
        {
            "auto_minor_upgrade": silent,
            "backup_days": days_of_backups,
            "backup_window": silent,
            "class": always("interrupts", "fails_over"),
            "copy_tags": silent,
            "deletion_protection": silent,
            "engine_version": always("interrupts"),
            "iops": always("waits"),
            "logs": silent,
            "maintenance_window": silent,
            "managed_password": always("interrupts"),
            "max_storage": silent,
            "multi_az": silent,
            "parameter_group": always("waits", "interrupts"),
            "password": always("interrupts"),
            "port": always("restarts"),
            "security_groups": silent,
            "storage": always("waits"),
            "storage_type": always("waits"),
            "throughput": always("waits"),
        },
    ),
    # "Replicated backups are retained": another time or key is another replication.
    "rds.backup_replication": ("AmazonRDS/latest/UserGuide/AutomatedBackups.StopReplicating.html", {"tags": silent}),
    "rds.parameter_group": ("AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html", {"parameters": always("waits")}),
    "logs.query_definition": ("AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html", {"": silent}),
    "logs.metric_filter": ("AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html", {"": silent}),
    "rds.event_subscription": ("AmazonRDS/latest/APIReference/API_ModifyEventSubscription.html", {"": silent}),
    "rds.subnet_group": ("AmazonRDS/latest/APIReference/API_ModifyDBSubnetGroup.html", {"subnets": silent}),
    # Browsers are told with the next answer; objects stay, and so does what encrypts them.
    "s3.bucket": ("AmazonS3/latest/API/API_PutBucketCors.html", {"cors": silent, "encryption": silent, "versioning": silent}),
    "secretsmanager.rotation": ("secretsmanager/latest/apireference/API_RotateSecret.html", {"days": silent}),
    "chatbot.slack_channel": ("chatbot/latest/APIReference/API_UpdateSlackChannelConfiguration.html", {"": silent}),
    "chatbot.teams_channel": ("chatbot/latest/APIReference/API_UpdateMicrosoftTeamsChannelConfiguration.html", {"": silent}),
    # Records that have it lead by its answers from then on.
    "route53.health_check": ("Route53/latest/APIReference/API_UpdateHealthCheck.html", {"": silent}),
    "sns.topic": ("sns/latest/api/API_SetTopicAttributes.html", {"": silent}),
    # Backups that exist keep their time ("only applies to recovery points created after the update").
    "backup.plan": ("aws-backup/latest/devguide/updating-a-backup-plan.html", {"rules": silent}),
    "backup.restore_testing_plan": ("aws-backup/latest/devguide/restore-testing.html", {"": silent}),
    "backup.restore_testing_selection": ("aws-backup/latest/devguide/restore-testing.html", {"": silent}),
    "backup.vault": ("aws-backup/latest/devguide/vault-lock.html", {"lock": for_ever, "min_days": silent, "max_days": silent, "policy": silent}),
    # The sum starts at zero until AWS counts again, and nobody who uses the stack feels that.
    "budgets.budget": ("aws-cost-management/latest/APIReference/API_budgets_UpdateBudget.html", {"": silent}),
    "ce.anomaly_monitor": ("aws-cost-management/latest/APIReference/API_UpdateAnomalyMonitor.html", {"": silent}),
    "ce.anomaly_subscription": ("aws-cost-management/latest/APIReference/API_UpdateAnomalySubscription.html", {"": silent}),
    # "updates … are applied" to sessions that begin afterwards; those that have begun keep what they have, as of every role.
    "sso.permission_set": ("singlesignon/latest/APIReference/API_UpdatePermissionSet.html", {"": silent}),
    "cloudwatch.alarm": ("AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html", {"": silent}),
    "cloudwatch.composite_alarm": ("AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html", {"": silent}),
    "cloudwatch.dashboard": ("AmazonCloudWatch/latest/APIReference/API_PutDashboard.html", {"": silent}),
    "wafv2.association": ("waf/latest/APIReference/API_AssociateWebACL.html", {"web_acl": silent}),
    "wafv2.ip_set": ("waf/latest/APIReference/API_UpdateIPSet.html", {"addresses": silent}),
    "wafv2.web_acl": ("waf/latest/APIReference/API_UpdateWebACL.html", {"default_action": begins_to_block, "logs": silent, "metrics": silent, "rules": begins_to_block}),
    "sqs.queue": ("AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html", {"": silent, "message_retention": when_less("loses_data")}),
}
# What is felt when a new one takes the place of the old one, besides what becomes of its data.
REPLACED: dict[str, Needs] = {"elbv2.load_balancer": one_of("interrupts"), "ec2.nat_gateway": one_of("cannot_be_undone", "interrupts")}


def wrong(change: dict) -> str | None:
    """What the plan says too little of, or nobody has looked up; `change` is one of `plan --json`."""
    kind, told = change["kind"], {effect["impact"] for effect in change.get("effects", [])}
    if change["action"] == "replace":
        needs = REPLACED.get(kind, NOTHING)
        return f"{change['key']} is replaced: one of {sorted(needs)} is to be told, not {sorted(told)}" if needs and not needs & told else None
    if change["action"] != "update":
        return None
    for one in change["changes"]:
        path = one["path"].split(".")
        if path[0] == "tags":
            continue
        source, fields = CHANGES.get(kind, ("", {}))
        row = fields.get(path[0], fields.get(""))
        if row is None:
            return f"nobody has looked up whether a change of `{one['path']}` of {kind} is felt: {__name__}.py"
        needs = row(one["before"], one["after"])
        if needs and not needs & told:
            return f"{change['key']} {one['path']}: one of {sorted(needs)} is to be told, not {sorted(told)}; {DOCS}{source}"
    return None


def control() -> None:
    """That it can fail."""
    plan = lambda action, path, before, after, *told, kind="rds.instance": {"kind": kind, "key": "k", "action": action, "effects": [{"impact": one} for one in told], "changes": [{"path": path, "before": before, "after": after}]}  # noqa: E731
    for bad in (
        plan("update", "class", "a", "b"),
        plan("update", "class", "a", "b", "waits"),
        plan("update", "backup_days", 7, 1),
        plan("update", "backup_days", 7, 0, "loses_data"),
        plan("update", "no_such_field", 1, 2),
        plan("update", "retention_days", 0, 7, kind="logs.log_group"),
        plan("update", "name", 1, 2, kind="no.such_kind"),
        plan("replace", "scheme", "a", "b", kind="elbv2.load_balancer"),
    ):
        assert wrong(bad), bad
    for good in (
        plan("update", "class", "a", "b", "fails_over"),
        plan("update", "backup_days", 1, 7),
        plan("update", "tags.x", "a", "b", kind="no.such_kind"),
        plan("update", "retention_days", 7, 0, kind="logs.log_group"),
        plan("create", "class", None, "b"),
    ):
        assert not wrong(good), good
