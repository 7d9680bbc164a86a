from tests.aws import Case


class Tagging(Case):
    def test_it_knows_what_this_package_keeps(self):
        tag = {"Key": "stack:name", "Value": "tagging-test"}
        vpc = self.ec2.create_vpc(CidrBlock="10.8.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [tag]}])["Vpc"]["VpcId"]
        cluster = self.ecs.create_cluster(clusterName="tagging-test", tags=[{"key": tag["Key"], "value": tag["Value"]}])["cluster"]["clusterArn"]
        group = self.elbv2.create_target_group(Name="tagging-test", Protocol="HTTP", Port=80, VpcId=vpc, Tags=[tag])["TargetGroups"][0]["TargetGroupArn"]
        self.elbv2.create_target_group(Name="tagging-other", Protocol="HTTP", Port=80, VpcId=vpc)
        find = lambda **more: {m["ResourceARN"] for m in self.resourcegroupstaggingapi.get_resources(TagFilters=[{"Key": tag["Key"], "Values": [tag["Value"]]}], **more)["ResourceTagMappingList"]}  # noqa: E731
        self.assertEqual(find(), {cluster, group, f"arn:aws:ec2:us-east-1:000000000000:vpc/{vpc}"})
        self.assertEqual(find(ResourceTypeFilters=["ecs"]), {cluster})
        self.assertEqual(find(ResourceTypeFilters=["elasticloadbalancing:targetgroup"]), {group})
