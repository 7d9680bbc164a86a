# What of a stack exists: {kind: {id: AWS's own description}}. Run by client.rs, which gives `client`, `args` and takes `result`.
# Ours is what carries the stack's tags, what is named after it without carrying another's, and what lies inside either.
# What AWS goes on listing after it is gone (deleted NAT gateways, inactive services and clusters) is left out; inactive
# task definitions, which AWS never forgets, are a kind of their own.
import re

import boto3
import botocore.exceptions

stack, env = args["stack"], args["env"]
prefix = stack if env == "default" else f"{stack}-{env}"
found = {}
region = client("logs").meta.region_name


def away(service):
    """What stands before CloudFront is in us-east-1."""
    api = client(service)
    return boto3.client(service, endpoint_url=api.meta.endpoint_url, region_name="us-east-1")



def pages(service, operation, key, **request):
    api = client(service)
    if api.can_paginate(operation):
        for page in api.get_paginator(operation).paginate(**request):
            section = page
            for part in key.split("."):
                section = (section or {}).get(part)
            yield from section or []
    else:
        section = getattr(api, operation)(**request)
        for part in key.split("."):
            section = (section or {}).get(part)
        yield from section or []


def tags_of(listed):
    if isinstance(listed, dict):
        return listed
    pairs = {}
    for tag in listed or []:
        pairs[tag.get("Key") or tag.get("key") or tag.get("TagKey")] = tag.get("Value", tag.get("value", tag.get("TagValue")))
    return pairs


def named(name):
    # "shop-test", "shop-test-web", "/ecs/shop-test-web"; not "shop-testing".
    return any(part == prefix or part.startswith(prefix + "-") for part in (name or "").replace(":", "/").split("/"))


def ours(tags, *names):
    tags = tags_of(tags)
    if "stack:name" in tags:
        return tags["stack:name"] == stack and tags.get("stack:env") == env
    return any(named(name) for name in names)


def put(kind, id, what, **more):
    what = {name: value for name, value in what.items() if name != "ResponseMetadata"}
    found.setdefault(kind, {})[id] = what | more


def missing(call, default=None):
    """The answer, or the default when AWS says that there is none."""
    try:
        return call()
    except botocore.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if "NotFound" in code or code.startswith("NoSuch"):
            return default
        raise


def network():
    vpcs = set()
    for vpc in pages("ec2", "describe_vpcs", "Vpcs"):
        if ours(vpc.get("Tags")):
            vpcs.add(vpc["VpcId"])
            attributes = {
                name: client("ec2").describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=name)[name[0].upper() + name[1:]]["Value"]
                for name in ("enableDnsSupport", "enableDnsHostnames")
            }
            put("ec2.vpc", vpc["VpcId"], vpc, **attributes)

    def collect(kind, operation, key, id, where=lambda item: item.get("VpcId"), keep=lambda item: True, **request):
        for item in pages("ec2", operation, key, **request):
            if keep(item) and (ours(item.get("Tags") or item.get("TagSet")) or where(item) in vpcs):
                put(kind, item[id], item)

    collect("ec2.flow_log", "describe_flow_logs", "FlowLogs", "FlowLogId", where=lambda item: item.get("ResourceId"))
    collect("ec2.subnet", "describe_subnets", "Subnets", "SubnetId")
    # A VPC's main table, default group and default ACL come and go with it.
    main = lambda table: not any(association.get("Main") for association in table.get("Associations", []))
    default = lambda group: group["GroupName"] != "default"
    collect("ec2.route-table", "describe_route_tables", "RouteTables", "RouteTableId", keep=main)
    collect("ec2.internet-gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId",
            where=lambda gateway: next((attached["VpcId"] for attached in gateway.get("Attachments", [])), None))
    collect("ec2.egress-only-internet-gateway", "describe_egress_only_internet_gateways", "EgressOnlyInternetGateways",
            "EgressOnlyInternetGatewayId",
            where=lambda gateway: next((attached.get("VpcId") for attached in gateway.get("Attachments", [])), None))
    collect("ec2.nat-gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId", keep=lambda nat: nat["State"] != "deleted")
    collect("ec2.vpc-endpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId",
            keep=lambda endpoint: endpoint["State"].lower() != "deleted")
    collect("ec2.network-interface", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId")
    collect("ec2.network-acl", "describe_network_acls", "NetworkAcls", "NetworkAclId", keep=lambda acl: not acl["IsDefault"])
    collect("ec2.security-group", "describe_security_groups", "SecurityGroups", "GroupId", keep=default)
    collect("ec2.address", "describe_addresses", "Addresses", "AllocationId")
    collect("ec2.flow-log", "describe_flow_logs", "FlowLogs", "FlowLogId", where=lambda log: log.get("ResourceId"))
    collect("ec2.instance", "describe_instances", "Reservations", "ReservationId",
            where=lambda reservation: next((i.get("VpcId") for i in reservation["Instances"] if i["State"]["Name"] != "terminated"), None))
    groups = found.get("ec2.security-group", {})
    if groups:
        for rule in pages("ec2", "describe_security_group_rules", "SecurityGroupRules",
                          Filters=[{"Name": "group-id", "Values": sorted(groups)}]):
            put("ec2.security-group-rule", rule["SecurityGroupRuleId"], rule)


def balancers():
    def tags(arn):
        return client("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]

    for balancer in pages("elbv2", "describe_load_balancers", "LoadBalancers"):
        arn = balancer["LoadBalancerArn"]
        if not ours(tags(arn), balancer["LoadBalancerName"]):
            continue
        attributes = client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        put("elbv2.load-balancer", arn, balancer, Tags=tags(arn), Attributes=tags_of(attributes))
        for listener in pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn):
            put("elbv2.listener", listener["ListenerArn"], listener)
            for rule in pages("elbv2", "describe_rules", "Rules", ListenerArn=listener["ListenerArn"]):
                if not rule["IsDefault"]:
                    put("elbv2.rule", rule["RuleArn"], rule)
    for group in pages("elbv2", "describe_target_groups", "TargetGroups"):
        arn = group["TargetGroupArn"]
        if ours(tags(arn), group["TargetGroupName"]):
            attributes = client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
            put("elbv2.target-group", arn, group, Tags=tags(arn), Attributes=tags_of(attributes))


def containers():
    ecs = client("ecs")
    for arn in pages("ecs", "list_clusters", "clusterArns"):
        cluster = ecs.describe_clusters(clusters=[arn], include=["TAGS", "SETTINGS"])["clusters"][0]
        if cluster["status"] == "INACTIVE" or not ours(cluster.get("tags"), cluster["clusterName"]):
            continue
        put("ecs.cluster", arn, cluster)
        for service_arn in pages("ecs", "list_services", "serviceArns", cluster=arn):
            service = ecs.describe_services(cluster=arn, services=[service_arn], include=["TAGS"])["services"][0]
            if service["status"] != "INACTIVE":
                put("ecs.service", service_arn, service)
    for status, kind in (("ACTIVE", "ecs.task-definition"), ("INACTIVE", "ecs.task-definition.inactive")):
        for arn in pages("ecs", "list_task_definitions", "taskDefinitionArns", status=status):
            described = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
            if ours(described.get("tags"), described["taskDefinition"]["family"]):
                put(kind, arn.split("/")[-1], described["taskDefinition"], tags=tags_of(described.get("tags")))
    for namespace in pages("servicediscovery", "list_namespaces", "Namespaces"):
        tags = client("servicediscovery").list_tags_for_resource(ResourceARN=namespace["Arn"])["Tags"]
        if ours(tags, namespace["Name"]):
            put("servicediscovery.namespace", namespace["Id"], namespace, Tags=tags_of(tags))
    for repository in pages("ecr", "describe_repositories", "repositories"):
        tags = client("ecr").list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
        if ours(tags, repository["repositoryName"]):
            put("ecr.repository", repository["repositoryName"], repository, tags=tags)
    for target in pages("application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs"):
        if named(target["ResourceId"]):
            put("application-autoscaling.scalable-target", target["ResourceId"], target)
    for policy in pages("application-autoscaling", "describe_scaling_policies", "ScalingPolicies", ServiceNamespace="ecs"):
        if named(policy["ResourceId"]):
            put("application-autoscaling.scaling-policy", policy["ResourceId"] + "/" + policy["PolicyName"], policy)


def logs_and_alarms():
    for group in pages("logs", "describe_log_groups", "logGroups"):
        tags = client("logs").list_tags_log_group(logGroupName=group["logGroupName"])["tags"]
        if ours(tags, group["logGroupName"]):
            put("logs.log-group", group["logGroupName"], group, tags=tags)
    for one in client("logs").describe_query_definitions(queryDefinitionNamePrefix=f"{stack}/{env}/")["queryDefinitions"]:
        put("logs.query-definition", one["queryDefinitionId"], one)
    for one in pages("logs", "describe_metric_filters", "metricFilters"):
        if named(one["filterName"]):
            put("logs.metric-filter", f"{one['logGroupName']} {one['filterName']}", one)
    if region != "us-east-1":
        # Those of CloudFront's web ACLs.
        for group in away("logs").describe_log_groups(logGroupNamePrefix="aws-waf-logs-")["logGroups"]:
            tags = away("logs").list_tags_log_group(logGroupName=group["logGroupName"])["tags"]
            if ours(tags, group["logGroupName"]):
                put("logs.log-group", "us-east-1 " + group["logGroupName"], group, tags=tags)
    for alarm in pages("cloudwatch", "describe_alarms", "MetricAlarms"):
        if named(alarm["AlarmName"]):
            put("cloudwatch.alarm", alarm["AlarmName"], alarm)
    for alarm in pages("cloudwatch", "describe_alarms", "CompositeAlarms", AlarmTypes=["CompositeAlarm"]):
        if named(alarm["AlarmName"]):
            put("cloudwatch.composite-alarm", alarm["AlarmName"], alarm)
    for topic in pages("sns", "list_topics", "Topics"):
        if named(topic["TopicArn"].split(":")[-1]):
            put("sns.topic", topic["TopicArn"], topic)
            for subscription in pages("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic["TopicArn"]):
                put("sns.subscription", f"{topic['TopicArn']} {subscription['Endpoint']}", subscription)
    for url in pages("sqs", "list_queues", "QueueUrls"):
        name = url.split("/")[-1]
        if named(name):
            put("sqs.queue", name, client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])


def people_and_roles():
    iam = client("iam")
    for role in pages("iam", "list_roles", "Roles"):
        name = role["RoleName"]
        tags = iam.list_role_tags(RoleName=name)["Tags"]
        if ours(tags, name, role["Path"]):
            inline = {policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                      for policy in pages("iam", "list_role_policies", "PolicyNames", RoleName=name)}
            attached = [policy["PolicyArn"] for policy in pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)]
            put("iam.role", name, role, Tags=tags, Inline=inline, Attached=attached)
    for policy in pages("iam", "list_policies", "Policies", Scope="Local"):
        tags = iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"]
        if ours(tags, policy["PolicyName"], policy["Path"]):
            document = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])["PolicyVersion"]["Document"]
            put("iam.policy", policy["Arn"], policy, Tags=tags, Document=document)
    for group in pages("iam", "list_groups", "Groups"):
        name = group["GroupName"]
        if ours(None, name, group["Path"]):
            users = [user["UserName"] for user in iam.get_group(GroupName=name)["Users"]]
            inline = list(pages("iam", "list_group_policies", "PolicyNames", GroupName=name))
            attached = [policy["PolicyArn"] for policy in pages("iam", "list_attached_group_policies", "AttachedPolicies", GroupName=name)]
            put("iam.group", name, group, Users=users, Inline=inline, Attached=attached)
    for user in pages("iam", "list_users", "Users"):
        name = user["UserName"]
        tags = iam.list_user_tags(UserName=name)["Tags"]
        if ours(tags, name, user["Path"]):
            keys = [key["AccessKeyId"] for key in pages("iam", "list_access_keys", "AccessKeyMetadata", UserName=name)]
            groups = sorted(group["GroupName"] for group in pages("iam", "list_groups_for_user", "Groups", UserName=name))
            devices = [device["SerialNumber"] for device in pages("iam", "list_mfa_devices", "MFADevices", UserName=name)]
            put("iam.user", name, user, Tags=tags, AccessKeys=keys, Groups=groups, MFADevices=devices)
    for profile in pages("iam", "list_instance_profiles", "InstanceProfiles"):
        if ours(profile.get("Tags"), profile["InstanceProfileName"], profile["Path"]):
            put("iam.instance-profile", profile["InstanceProfileName"], profile)


def data():
    def collect(service, kind, operation, key, id, arn, **request):
        for item in pages(service, operation, key, **request):
            tags = missing(lambda: client(service).list_tags_for_resource(ResourceName=item[arn])["TagList"], [])
            if ours(tags, item[id]):
                put(kind, item[id], item, Tags=tags)

    collect("rds", "rds.db-instance", "describe_db_instances", "DBInstances", "DBInstanceIdentifier", "DBInstanceArn")
    collect("rds", "rds.db-cluster", "describe_db_clusters", "DBClusters", "DBClusterIdentifier", "DBClusterArn")
    collect("rds", "rds.db-subnet-group", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName", "DBSubnetGroupArn")
    collect("rds", "rds.db-parameter-group", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName", "DBParameterGroupArn")
    collect("rds", "rds.event-subscription", "describe_event_subscriptions", "EventSubscriptionsList", "CustSubscriptionId", "EventSubscriptionArn")
    collect("rds", "rds.db-snapshot", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier", "DBSnapshotArn", SnapshotType="manual")
    collect("elasticache", "elasticache.replication-group", "describe_replication_groups", "ReplicationGroups", "ReplicationGroupId", "ARN")
    collect("elasticache", "elasticache.cache-cluster", "describe_cache_clusters", "CacheClusters", "CacheClusterId", "ARN")
    collect("elasticache", "elasticache.cache-subnet-group", "describe_cache_subnet_groups", "CacheSubnetGroups", "CacheSubnetGroupName", "ARN")

    # AWS's own groups have no ARN. Of snapshots only those count that a test asks for: the last ones are meant to stay.
    for group in pages("elasticache", "describe_cache_parameter_groups", "CacheParameterGroups"):
        if "ARN" in group:
            name = group["CacheParameterGroupName"]
            tags = client("elasticache").list_tags_for_resource(ResourceName=group["ARN"])["TagList"]
            if ours(tags, name):
                parameters = pages("elasticache", "describe_cache_parameters", "Parameters", CacheParameterGroupName=name, Source="user")
                put("elasticache.cache-parameter-group", name, group, Tags=tags,
                    Parameters={one["ParameterName"]: one["ParameterValue"] for one in parameters})

    s3 = client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        tags = missing(lambda: s3.get_bucket_tagging(Bucket=name)["TagSet"], [])
        if ours(tags, name):
            put("s3.bucket", name, bucket, Tags=tags,
                Versioning=s3.get_bucket_versioning(Bucket=name).get("Status"),
                Lifecycle=missing(lambda: s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]),
                Policy=missing(lambda: s3.get_bucket_policy(Bucket=name)["Policy"]),
                PublicAccessBlock=missing(lambda: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]),
                Encryption=missing(lambda: s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]),
                Objects=s3.list_objects_v2(Bucket=name)["KeyCount"])


def secrets_and_keys():
    for secret in pages("secretsmanager", "list_secrets", "SecretList"):
        if ours(secret.get("Tags"), secret["Name"]):
            put("secretsmanager.secret", secret["Name"], secret)
    for alias in pages("kms", "list_aliases", "Aliases"):
        if named(alias["AliasName"]):
            put("kms.alias", alias["AliasName"], alias)
    for key in pages("kms", "list_keys", "Keys"):
        try:
            described = client("kms").describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            continue  # a key that its policy lets nobody ask about
        if described["KeyManager"] == "AWS" or described["KeyState"] == "PendingDeletion":
            continue
        tags = client("kms").list_resource_tags(KeyId=key["KeyId"])["Tags"]
        if ours(tags):
            put("kms.key", key["KeyId"], described, Tags=tags_of(tags))
    theirs = set()
    for certificate in pages("acm", "list_certificates", "CertificateSummaryList"):
        arn = certificate["CertificateArn"]
        tags = client("acm").list_tags_for_certificate(CertificateArn=arn)["Tags"]
        described = client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
        if ours(tags):
            put("acm.certificate", arn, described, Tags=tags)
        else:
            theirs |= {option.get("ResourceRecord", {}).get("Name") for option in described.get("DomainValidationOptions", [])}
    # A record that proves a domain to nobody else.
    for zone in pages("route53", "list_hosted_zones", "HostedZones"):
        for record in pages("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"]):
            values = [value["Value"] for value in record.get("ResourceRecords", [])]
            if any(value.endswith(".acm-validations.aws.") for value in values) and record["Name"] not in theirs:
                put("acm.validation", zone["Id"] + "/" + record["Name"], record)
            # No test has alias records of its own.
            if "AliasTarget" in record:
                put("route53.record", record["Name"] + " " + record["Type"], record)
    # Also those that a run which died left without tags.
    for check in pages("route53", "list_health_checks", "HealthChecks"):
        tags = client("route53").list_tags_for_resource(ResourceType="healthcheck", ResourceId=check["Id"])["ResourceTagSet"]["Tags"]
        if ours(tags) or re.match("stack-[0-9a-f]{16}-", check["CallerReference"]):
            put("route53.health_check", check["Id"], check, Tags=tags)


def edge_and_money():
    cloudfront = client("cloudfront")
    for summary in pages("cloudfront", "list_distributions", "DistributionList.Items"):
        tags = cloudfront.list_tags_for_resource(Resource=summary["ARN"])["Tags"]["Items"]
        if ours(tags, summary.get("Comment")):
            put("cloudfront.distribution", summary["Id"], cloudfront.get_distribution(Id=summary["Id"])["Distribution"], Tags=tags)
    for control in pages("cloudfront", "list_origin_access_controls", "OriginAccessControlList.Items"):
        if named(control["Name"]):
            put("cloudfront.origin-access-control", control["Id"], control)
    account = client("sts").get_caller_identity()["Account"]
    for channel in client("chatbot", "us-east-2").describe_slack_channel_configurations()["SlackChannelConfigurations"]:
        if ours(channel["Tags"], channel["ConfigurationName"]):
            put("chatbot.slack-channel", channel["ConfigurationName"], channel)
    for channel in client("chatbot", "us-east-2").list_microsoft_teams_channel_configurations()["TeamChannelConfigurations"]:
        if ours(channel["Tags"], channel["ConfigurationName"]):
            put("chatbot.teams-channel", channel["ConfigurationName"], channel)
    budgets = client("budgets")
    for budget in pages("budgets", "describe_budgets", "Budgets", AccountId=account):
        name = budget["BudgetName"]
        arn = f"arn:aws:budgets::{account}:budget/{name}"
        tags = budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"]
        if ours(tags, name):
            which = {"AccountId": account, "BudgetName": name}
            notifications = [
                one | budgets.describe_subscribers_for_notification(**which, Notification={
                    key: value for key, value in one.items() if key != "NotificationState"})
                for one in budgets.describe_notifications_for_budget(**which)["Notifications"]
            ]
            put("budgets.budget", name, budget, Tags=tags, Notifications=notifications)
    cloudwatch = client("cloudwatch")
    for entry in cloudwatch.list_dashboards()["DashboardEntries"]:
        tags = cloudwatch.list_tags_for_resource(ResourceARN=entry["DashboardArn"])["Tags"]
        if ours(tags, entry["DashboardName"]):
            body = cloudwatch.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"]
            put("cloudwatch.dashboard", entry["DashboardName"], {"Body": body}, Tags=tags)
    ce = client("ce")
    for monitor in ce.get_anomaly_monitors()["AnomalyMonitors"]:
        tags = ce.list_tags_for_resource(ResourceArn=monitor["MonitorArn"])["ResourceTags"]
        if ours(tags, monitor["MonitorName"]):
            put("ce.anomaly_monitor", monitor["MonitorArn"], monitor, Tags=tags)
    for subscription in ce.get_anomaly_subscriptions()["AnomalySubscriptions"]:
        tags = ce.list_tags_for_resource(ResourceArn=subscription["SubscriptionArn"])["ResourceTags"]
        if ours(tags, subscription["SubscriptionName"]):
            put("ce.anomaly_subscription", subscription["SubscriptionArn"], subscription, Tags=tags)


def identities():
    sso = client("sso-admin")
    for instance in sso.list_instances()["Instances"]:
        where = {"InstanceArn": instance["InstanceArn"]}
        for arn in sso.list_permission_sets(**where)["PermissionSets"]:
            told = sso.describe_permission_set(**where, PermissionSetArn=arn)["PermissionSet"]
            tags = sso.list_tags_for_resource(**where, ResourceArn=arn)["Tags"]
            if ours(tags, told["Name"]):
                put("sso.permission-set", arn, told, Tags=tags)
                account = client("sts").get_caller_identity()["Account"]
                for one in sso.list_account_assignments(**where, PermissionSetArn=arn, AccountId=account)["AccountAssignments"]:
                    put("sso.assignment", f"{arn}/{one['PrincipalId']}", one)


def firewalls():
    for scope, waf in (("REGIONAL", client("wafv2")), ("CLOUDFRONT", away("wafv2"))):
        for sort, listed, key in (("web-acl", waf.list_web_acls, "WebACLs"), ("ip-set", waf.list_ip_sets, "IPSets")):
            for one in listed(Scope=scope)[key]:
                tags = waf.list_tags_for_resource(ResourceARN=one["ARN"])["TagInfoForResource"]["TagList"]
                if ours(tags, one["Name"]):
                    put(f"wafv2.{sort}", one["ARN"], one, Tags=tags)


def backups():
    # Copies are in other regions: these are the ones that tests copy to.
    for region in ("us-east-1", "eu-central-1", "us-west-2"):
        for backups in client("rds", region).describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]:
            # What is kept of them stays for its time.
            if backups.get("Status") in ("pending", "replicating") and ours(backups.get("TagList", []), backups["DBInstanceIdentifier"]):
                put("rds.backup-replication", backups["DBInstanceAutomatedBackupsArn"], backups, Tags=backups["TagList"])
        backup = client("backup", region)
        for vault in backup.list_backup_vaults()["BackupVaultList"]:
            tags = backup.list_tags(ResourceArn=vault["BackupVaultArn"])["Tags"]
            if ours(tags, vault["BackupVaultName"]):
                put("backup.vault", vault["BackupVaultArn"], vault, Tags=tags)
    backup = client("backup")
    for plan in backup.list_backup_plans()["BackupPlansList"]:
        tags = backup.list_tags(ResourceArn=plan["BackupPlanArn"])["Tags"]
        if ours(tags, plan["BackupPlanName"]):
            id = plan["BackupPlanId"]
            put("backup.plan", id, backup.get_backup_plan(BackupPlanId=id)["BackupPlan"], Tags=tags)
            for selection in backup.list_backup_selections(BackupPlanId=id)["BackupSelectionsList"]:
                put("backup.selection", selection["SelectionId"], selection)
    for plan in backup.list_restore_testing_plans()["RestoreTestingPlans"]:
        name = plan["RestoreTestingPlanName"]
        tags = backup.list_tags(ResourceArn=plan["RestoreTestingPlanArn"])["Tags"]
        if ours(tags, name):
            told = backup.get_restore_testing_plan(RestoreTestingPlanName=name)["RestoreTestingPlan"]
            put("backup.restore-testing-plan", name, told, Tags=tags)
            for one in backup.list_restore_testing_selections(RestoreTestingPlanName=name)["RestoreTestingSelections"]:
                where = {"RestoreTestingPlanName": name, "RestoreTestingSelectionName": one["RestoreTestingSelectionName"]}
                told = backup.get_restore_testing_selection(**where)["RestoreTestingSelection"]
                put("backup.restore-testing-selection", f"{name}/{one['RestoreTestingSelectionName']}", told)


def functions_and_schedules():
    for function in pages("lambda", "list_functions", "Functions"):
        tags = client("lambda").list_tags(Resource=function["FunctionArn"]).get("Tags")
        if ours(tags, function["FunctionName"]):
            put("lambda.function", function["FunctionName"], function, Tags=tags)
    for rule in pages("events", "list_rules", "Rules"):
        if named(rule["Name"]):
            put("events.rule", rule["Name"], rule, Targets=list(pages("events", "list_targets_by_rule", "Targets", Rule=rule["Name"])))


for part in (network, balancers, containers, logs_and_alarms, people_and_roles, data, secrets_and_keys, edge_and_money,
             functions_and_schedules, identities, firewalls, backups):
    part()
result = found
