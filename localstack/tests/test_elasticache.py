from tests.aws import Case, Network


class Caches(Case):
    def cache(self, name: str, **more) -> dict:
        net = Network(self)
        group = net.group("cache")
        self.elasticache.create_cache_subnet_group(CacheSubnetGroupName=f"{name}-subnets", CacheSubnetGroupDescription="d", SubnetIds=net.private)
        arguments = {
            "ReplicationGroupId": name,
            "ReplicationGroupDescription": "d",
            "Engine": "valkey",
            "CacheNodeType": "cache.t4g.small",
            "NumCacheClusters": 2,
            "AutomaticFailoverEnabled": True,
            "MultiAZEnabled": True,
            "TransitEncryptionEnabled": True,
            "CacheSubnetGroupName": f"{name}-subnets",
            "SecurityGroupIds": [group],
            "Tags": [{"Key": "stack:key", "Value": "c"}],
        }
        return {"net": net, "group": group, "made": self.elasticache.create_replication_group(**arguments | more)["ReplicationGroup"]}

    def look(self, name: str) -> dict:
        return self.elasticache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]

    def test_from_creating_to_gone(self):
        self.slowly(0.001)
        d = self.cache("states")
        arn = d["made"]["ARN"]
        self.assertEqual((d["made"]["Status"], self.look("states")["Status"]), ("creating", "creating"))
        self.refused("InvalidReplicationGroupState", self.elasticache.list_tags_for_resource, 400, ResourceName=arn)
        self.refused("InvalidReplicationGroupState", self.elasticache.delete_replication_group, ReplicationGroupId="states")
        self.until(lambda: self.look("states")["Status"] == "available", "available")
        self.assertEqual(self.elasticache.list_tags_for_resource(ResourceName=arn)["TagList"], [{"Key": "stack:key", "Value": "c"}])
        self.assertEqual(self.look("states")["NodeGroups"][0]["PrimaryEndpoint"]["Port"], 6379)
        self.elasticache.delete_replication_group(ReplicationGroupId="states")
        self.assertEqual(self.look("states")["Status"], "deleting")
        self.refused("CacheSubnetGroupInUse", self.elasticache.delete_cache_subnet_group, 400, CacheSubnetGroupName="states-subnets")
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=d["group"])
        gone = lambda: not [g for g in self.elasticache.describe_replication_groups()["ReplicationGroups"] if g["ReplicationGroupId"] == "states"]  # noqa: E731
        self.until(gone, "gone")
        self.refused("ReplicationGroupNotFoundFault", self.elasticache.describe_replication_groups, 404, ReplicationGroupId="states")
        self.elasticache.delete_cache_subnet_group(CacheSubnetGroupName="states-subnets")
        self.ec2.delete_security_group(GroupId=d["group"])

    def test_members_and_replicas(self):
        self.cache("members")
        self.assertEqual(self.look("members")["MemberClusters"], ["members-001", "members-002"])
        self.elasticache.increase_replica_count(ReplicationGroupId="members", NewReplicaCount=2, ApplyImmediately=True)
        member = self.elasticache.describe_cache_clusters(CacheClusterId="members-003")["CacheClusters"][0]
        self.assertEqual((member["Engine"], member["ReplicationGroupId"], member["CacheSubnetGroupName"]), ("valkey", "members", "members-subnets"))
        self.assertEqual(self.elasticache.list_tags_for_resource(ResourceName=member["ARN"])["TagList"], [{"Key": "stack:key", "Value": "c"}])
        self.elasticache.decrease_replica_count(ReplicationGroupId="members", NewReplicaCount=1, ApplyImmediately=True)
        self.assertEqual(len(self.look("members")["MemberClusters"]), 2)
        self.refused("InvalidParameterValue", self.elasticache.decrease_replica_count, ReplicationGroupId="members", NewReplicaCount=0, ApplyImmediately=True)
        self.refused("InvalidParameterValue", self.cache, name="alone", NumCacheClusters=1)

    def test_modifying(self):
        self.cache("modify", Engine="redis", EngineVersion="7.0")
        modify = lambda **more: self.elasticache.modify_replication_group(ReplicationGroupId="modify", ApplyImmediately=True, **more)  # noqa: E731
        modify(CacheNodeType="cache.t4g.medium", SnapshotRetentionLimit=5)
        now = self.look("modify")
        self.assertEqual((now["CacheNodeType"], now["SnapshotRetentionLimit"], now["Engine"]), ("cache.t4g.medium", 5, "redis"))
        modify(Engine="valkey", EngineVersion="8.0")
        member = self.elasticache.describe_cache_clusters(CacheClusterId="modify-001")["CacheClusters"][0]
        self.assertEqual((member["Engine"], member["CacheParameterGroup"]["CacheParameterGroupName"]), ("valkey", "default.valkey8"))
        self.refused("InvalidParameterCombination", modify, Engine="redis")

    def test_parameter_groups(self):
        create = lambda family: self.elasticache.create_cache_parameter_group(CacheParameterGroupName="own", CacheParameterGroupFamily=family, Description="d")  # noqa: E731
        self.refused("InvalidParameterValue", create, family="redis99")
        create("valkey8")
        self.elasticache.modify_cache_parameter_group(CacheParameterGroupName="own", ParameterNameValues=[{"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lru"}])
        read = self.elasticache.describe_cache_parameters(CacheParameterGroupName="own", Source="user")["Parameters"]
        self.assertEqual([(p["ParameterName"], p["ParameterValue"]) for p in read], [("maxmemory-policy", "allkeys-lru")])
        self.refused("InvalidParameterCombination", self.cache, name="misfit", Engine="redis", CacheParameterGroupName="own")
        self.cache("fitting", CacheParameterGroupName="own")
        self.refused("InvalidCacheParameterGroupState", self.elasticache.delete_cache_parameter_group, CacheParameterGroupName="own")
        self.elasticache.delete_replication_group(ReplicationGroupId="fitting")
        self.elasticache.delete_cache_parameter_group(CacheParameterGroupName="own")
        self.refused("CacheParameterGroupNotFound", self.elasticache.describe_cache_parameters, 404, CacheParameterGroupName="own")

    def test_engine_versions(self):
        found = self.elasticache.describe_cache_engine_versions(Engine="valkey", EngineVersion="8")["CacheEngineVersions"]
        self.assertEqual({version["CacheParameterGroupFamily"] for version in found}, {"valkey8"})
