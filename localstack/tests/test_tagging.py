from tests.aws import Case, zipped


class Tagging(Case):
    def test_it_knows_what_this_package_keeps(self):
        tag = {"Key": "stack:name", "Value": "tagging-test"}
        answer = self.ec2.create_vpc(CidrBlock="10.8.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [tag]}])
        vpc = answer["Vpc"]["VpcId"]
        answer = self.ecs.create_cluster(clusterName="tagging-test", tags=[{"key": tag["Key"], "value": tag["Value"]}])
        cluster = answer["cluster"]["clusterArn"]
        answer = self.elbv2.create_target_group(Name="tagging-test", Protocol="HTTP", Port=80, VpcId=vpc, Tags=[tag])
        group = answer["TargetGroups"][0]["TargetGroupArn"]
        self.elbv2.create_target_group(Name="tagging-other", Protocol="HTTP", Port=80, VpcId=vpc)
        find = lambda **more: {
            m["ResourceARN"]
            for m in self.resourcegroupstaggingapi.get_resources(
                TagFilters=[{"Key": tag["Key"], "Values": [tag["Value"]]}], **more
            )["ResourceTagMappingList"]
        }
        self.assertEqual(find(), {cluster, group, f"arn:aws:ec2:us-east-1:000000000000:vpc/{vpc}"})
        self.assertEqual(find(ResourceTypeFilters=["ecs"]), {cluster})
        operation = self.servicediscovery.create_http_namespace(Name="tagging-test", Tags=[tag])["OperationId"]
        namespace = self.servicediscovery.get_operation(OperationId=operation)["Operation"]["Targets"]["NAMESPACE"]
        self.assertEqual([arn.rsplit("/")[-1] for arn in find(ResourceTypeFilters=["servicediscovery"])], [namespace])
        self.assertEqual(find(ResourceTypeFilters=["elasticloadbalancing:targetgroup"]), {group})

    def test_it_finds_what_exists_and_forgets_what_is_gone(self):
        tags = {"stack:name": "tagging-kept"}
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        find = lambda: [
            m["ResourceARN"]
            for m in self.resourcegroupstaggingapi.get_resources(TagFilters=[{"Key": "stack:name", "Values": ["tagging-kept"]}])[
                "ResourceTagMappingList"
            ]
        ]
        self.s3.create_bucket(Bucket="tagging-kept")
        self.assertEqual(find(), [])  # what has no tags is not told
        self.s3.put_bucket_tagging(Bucket="tagging-kept", Tagging={"TagSet": listed})
        key = self.kms.create_key(Tags=[{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in listed])["KeyMetadata"]["Arn"]
        self.logs.create_log_group(logGroupName="/tagging/kept", tags=tags)
        parameters = self.rds.create_db_parameter_group(
            DBParameterGroupName="tagging-kept", DBParameterGroupFamily="postgres16", Description="d", Tags=listed
        )["DBParameterGroup"]["DBParameterGroupArn"]
        group = "arn:aws:logs:us-east-1:000000000000:log-group:/tagging/kept"
        self.assertEqual(find(), sorted(["arn:aws:s3:::tagging-kept", key, group, parameters]))

        rule = self.events.put_rule(Name="tagging-kept", EventPattern='{"source": ["x"]}', Tags=listed)["RuleArn"]
        role = "arn:aws:iam::000000000000:role/nobody"
        function = self.lambda_.create_function(
            FunctionName="tagging-kept",
            Runtime="python3.13",
            Role=role,
            Handler="index.run",
            Code={"ZipFile": zipped(index="")},
            Tags=tags,
        )["FunctionArn"]
        topic = self.sns.create_topic(Name="tagging-kept", Tags=listed)["TopicArn"]
        queue = self.sqs.create_queue(QueueName="tagging-kept", tags=tags)["QueueUrl"]
        self.cloudwatch.put_metric_alarm(
            AlarmName="tagging-kept",
            Namespace="AWS/SQS",
            MetricName="NumberOfMessagesSent",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            Tags=listed,
        )
        alarm = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:tagging-kept"
        kept = {rule, function, topic, alarm, "arn:aws:sqs:us-east-1:000000000000:tagging-kept"}
        self.assertTrue(kept <= set(find()), find())
        self.cloudwatch.delete_alarms(AlarmNames=["tagging-kept"])
        self.sqs.delete_queue(QueueUrl=queue)
        self.sns.delete_topic(TopicArn=topic)
        self.events.delete_rule(Name="tagging-kept")
        self.lambda_.delete_function(FunctionName="tagging-kept")
        self.s3.put_bucket_tagging(Bucket="tagging-kept", Tagging={"TagSet": [{"Key": "stack:name", "Value": "other"}]})
        self.logs.delete_log_group(logGroupName="/tagging/kept")
        self.rds.delete_db_parameter_group(DBParameterGroupName="tagging-kept")
        self.kms.untag_resource(KeyId=key, TagKeys=["stack:name"])
        self.assertEqual(find(), [])

    def test_it_tells_a_hundred_at_most_and_then_more(self):
        for n in range(3):
            self.logs.create_log_group(logGroupName=f"/tagging/pages/{n}", tags={"stack:name": "tagging-pages"})
        ask = lambda **more: self.resourcegroupstaggingapi.get_resources(
            TagFilters=[{"Key": "stack:name", "Values": ["tagging-pages"]}], **more
        )
        first = ask(ResourcesPerPage=2)
        second = ask(ResourcesPerPage=2, PaginationToken=first["PaginationToken"])
        names = [m["ResourceARN"].rsplit("/")[-1] for m in first["ResourceTagMappingList"] + second["ResourceTagMappingList"]]
        self.assertEqual((names, second["PaginationToken"]), (["0", "1", "2"], ""))
        self.refused("InvalidParameterException", ask, ResourcesPerPage=101)
