from tests.aws import Case, Network
from tests.test_cloudfront import config


class Pages(Case):
    """Every list one item a page, for whoever asks in a header."""

    def one_a_page(self, client):
        pages = []

        def ask(request, **_):
            request.headers["X-Stack-Page-Items"] = "1"

        def count(response_dict, **_):
            pages.append("x-stack-page-more" in response_dict["headers"])

        client.meta.events.register("before-send", ask, unique_id="pages-ask")
        client.meta.events.register("response-received", count, unique_id="pages-count")
        self.addCleanup(client.meta.events.unregister, "before-send", unique_id="pages-ask")
        self.addCleanup(client.meta.events.unregister, "response-received", unique_id="pages-count")
        return pages

    def all_of(self, client, operation: str, key: str, count: int | None = None, **arguments):
        """The same items in one answer and in pages of one."""
        whole = client.get_paginator(operation).paginate(**arguments).build_full_result().get(key, [])
        pages = self.one_a_page(client)
        each = [page.get(key, []) for page in client.get_paginator(operation).paginate(**arguments)]
        self.doCleanups()
        self.setUp()
        self.assertEqual([item for page in each for item in page], whole)
        self.assertTrue(all(len(page) <= 1 for page in each), each)
        self.assertGreater(len(whole), 1)
        self.assertEqual(pages, [True] * (len(whole) - 1) + [False])

    def test_every_wire_format(self):
        net = Network(self)
        subnets = [{"Name": "vpc-id", "Values": [net.vpc]}]
        self.all_of(self.ec2, "describe_subnets", "Subnets", Filters=subnets)  # EC2's own
        for n in range(3):
            self.rds.create_db_subnet_group(DBSubnetGroupName=f"pages-{n}", DBSubnetGroupDescription="d", SubnetIds=net.private)
            self.elbv2.create_target_group(Name=f"pages-{n}", Protocol="HTTP", Port=80, VpcId=net.vpc, TargetType="ip")
            self.ecs.create_cluster(clusterName=f"pages-{n}")
            self.iam.create_role(
                RoleName=f"pages-{n}", Path="/pages/", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}'
            )
            self.logs.create_log_group(logGroupName=f"pages-{n}")
            self.elasticache.create_cache_cluster(
                CacheClusterId=f"pages-{n}", Engine="redis", CacheNodeType="cache.t4g.small", NumCacheNodes=1
            )
        self.all_of(self.rds, "describe_db_subnet_groups", "DBSubnetGroups")  # query, Marker
        self.all_of(self.elbv2, "describe_target_groups", "TargetGroups")  # query, NextMarker
        self.all_of(self.ecs, "list_clusters", "clusterArns")  # JSON
        self.all_of(self.elasticache, "describe_cache_clusters", "CacheClusters")  # moto's, which knows no token of ours
        self.all_of(self.iam, "list_roles", "Roles", PathPrefix="/pages/")  # query, IsTruncated
        self.all_of(self.logs, "describe_log_groups", "logGroups", logGroupNamePrefix="pages-")
        vault = self.backup.create_backup_vault(BackupVaultName="pages")["BackupVaultName"]
        for n in range(3):
            rule = {"RuleName": "r", "TargetBackupVaultName": vault}
            self.backup.create_backup_plan(BackupPlan={"BackupPlanName": f"pages-{n}", "Rules": [rule]})
        self.all_of(self.backup, "list_backup_plans", "BackupPlansList")  # REST
        alarm = {"Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1}
        for n in range(3):
            self.cloudwatch.put_metric_alarm(AlarmName=f"pages-{n}", ComparisonOperator="GreaterThanThreshold", **alarm)
        self.all_of(self.cloudwatch, "describe_alarms", "MetricAlarms")  # two lists with one token

    def test_objects_by_their_names(self):
        s3 = self.server.client("s3")
        s3.create_bucket(Bucket="pages")
        for n in range(3):
            s3.put_object(Bucket="pages", Key=f"k{n}", Body=b"1")
        self.all_of(s3, "list_objects_v2", "Contents", Bucket="pages")
        # What is deleted on the way takes nothing with it.
        self.one_a_page(s3)
        for page in s3.get_paginator("list_object_versions").paginate(Bucket="pages"):
            for version in page["Versions"]:
                s3.delete_object(Bucket="pages", Key=version["Key"])
        s3.delete_bucket(Bucket="pages")

    def test_a_list_of_distributions_counts_its_page(self):
        for n in range(2):
            self.cloudfront.create_distribution(DistributionConfig=config(f"pages-{n}"))
        self.one_a_page(self.cloudfront)
        first = self.cloudfront.list_distributions()["DistributionList"]
        self.assertEqual((first["Quantity"], first["IsTruncated"], len(first["Items"])), (1, True, 1))
        second = self.cloudfront.list_distributions(Marker=first["NextMarker"])["DistributionList"]
        self.assertNotEqual(first["Items"][0]["Id"], second["Items"][0]["Id"])

    def test_without_the_header_nothing_changes(self):
        answer = self.ec2.describe_availability_zones()
        self.assertGreater(len(answer["AvailabilityZones"]), 1)
        self.assertNotIn("x-stack-page-more", answer["ResponseMetadata"]["HTTPHeaders"])
