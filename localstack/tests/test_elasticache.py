from tests.aws import Case, Network


class Caches(Case):
    def cache(self, name: str, **more) -> dict:
        net = Network(self)
        group = net.group("cache")
        self.elasticache.create_cache_subnet_group(
            CacheSubnetGroupName=f"{name}-subnets", CacheSubnetGroupDescription="d", SubnetIds=net.private
        )
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
        return {
            "net": net,
            "group": group,
            "made": self.elasticache.create_replication_group(**arguments | more)["ReplicationGroup"],
        }

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
        self.assertEqual(
            self.elasticache.list_tags_for_resource(ResourceName=arn)["TagList"], [{"Key": "stack:key", "Value": "c"}]
        )
        self.assertEqual(self.look("states")["NodeGroups"][0]["PrimaryEndpoint"]["Port"], 6379)
        self.elasticache.delete_replication_group(ReplicationGroupId="states")
        self.assertEqual(self.look("states")["Status"], "deleting")
        self.refused(
            "CacheSubnetGroupInUse", self.elasticache.delete_cache_subnet_group, 400, CacheSubnetGroupName="states-subnets"
        )
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=d["group"])
        gone = lambda: (
            not [
                g
                for g in self.elasticache.describe_replication_groups()["ReplicationGroups"]
                if g["ReplicationGroupId"] == "states"
            ]
        )
        self.until(gone, "gone")
        self.refused(
            "ReplicationGroupNotFoundFault", self.elasticache.describe_replication_groups, 404, ReplicationGroupId="states"
        )
        self.elasticache.delete_cache_subnet_group(CacheSubnetGroupName="states-subnets")
        self.ec2.delete_security_group(GroupId=d["group"])

    def test_members_and_replicas(self):
        self.cache("members")
        self.assertEqual(self.look("members")["MemberClusters"], ["members-001", "members-002"])
        self.elasticache.increase_replica_count(ReplicationGroupId="members", NewReplicaCount=2, ApplyImmediately=True)
        member = self.elasticache.describe_cache_clusters(CacheClusterId="members-003")["CacheClusters"][0]
        self.assertEqual(
            (member["Engine"], member["ReplicationGroupId"], member["CacheSubnetGroupName"]),
            ("valkey", "members", "members-subnets"),
        )
        self.assertEqual(
            self.elasticache.list_tags_for_resource(ResourceName=member["ARN"])["TagList"], [{"Key": "stack:key", "Value": "c"}]
        )
        self.elasticache.decrease_replica_count(ReplicationGroupId="members", NewReplicaCount=1, ApplyImmediately=True)
        self.assertEqual(len(self.look("members")["MemberClusters"]), 2)
        self.refused(
            "InvalidParameterValue",
            self.elasticache.decrease_replica_count,
            ReplicationGroupId="members",
            NewReplicaCount=0,
            ApplyImmediately=True,
        )
        self.refused("InvalidParameterValue", self.cache, name="alone", NumCacheClusters=1)

    def test_modifying(self):
        self.cache("modify", Engine="redis", EngineVersion="7.0")
        modify = lambda **more: self.elasticache.modify_replication_group(
            ReplicationGroupId="modify", ApplyImmediately=True, **more
        )
        modify(CacheNodeType="cache.t4g.medium", SnapshotRetentionLimit=5)
        now = self.look("modify")
        self.assertEqual((now["CacheNodeType"], now["SnapshotRetentionLimit"], now["Engine"]), ("cache.t4g.medium", 5, "redis"))
        modify(Engine="valkey", EngineVersion="8.0")
        member = self.elasticache.describe_cache_clusters(CacheClusterId="modify-001")["CacheClusters"][0]
        self.assertEqual(
            (member["Engine"], member["CacheParameterGroup"]["CacheParameterGroupName"]), ("valkey", "default.valkey8")
        )
        self.refused("InvalidParameterCombination", modify, Engine="redis")

    def test_parameter_groups(self):
        create = lambda family: self.elasticache.create_cache_parameter_group(
            CacheParameterGroupName="own", CacheParameterGroupFamily=family, Description="d"
        )
        self.refused("InvalidParameterValue", create, family="redis99")
        create("valkey8")
        self.elasticache.modify_cache_parameter_group(
            CacheParameterGroupName="own",
            ParameterNameValues=[{"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lru"}],
        )
        read = self.elasticache.describe_cache_parameters(CacheParameterGroupName="own", Source="user")["Parameters"]
        self.assertEqual([(p["ParameterName"], p["ParameterValue"]) for p in read], [("maxmemory-policy", "allkeys-lru")])
        self.refused("InvalidParameterCombination", self.cache, name="misfit", Engine="redis", CacheParameterGroupName="own")
        self.cache("fitting", CacheParameterGroupName="own")
        self.refused(
            "InvalidCacheParameterGroupState", self.elasticache.delete_cache_parameter_group, CacheParameterGroupName="own"
        )
        self.elasticache.delete_replication_group(ReplicationGroupId="fitting")
        self.elasticache.delete_cache_parameter_group(CacheParameterGroupName="own")
        self.refused(
            "CacheParameterGroupNotFound", self.elasticache.describe_cache_parameters, 404, CacheParameterGroupName="own"
        )

    def test_engine_versions(self):
        found = self.elasticache.describe_cache_engine_versions(Engine="valkey", EngineVersion="8")["CacheEngineVersions"]
        self.assertEqual({version["CacheParameterGroupFamily"] for version in found}, {"valkey8"})

    def test_node_types_that_can_be_reserved_or_changed_to(self):
        offered = lambda **more: {
            o["CacheNodeType"]
            for o in self.elasticache.describe_reserved_cache_nodes_offerings(**more)["ReservedCacheNodesOfferings"]
        }
        self.assertEqual(offered(CacheNodeType="cache.t4g.small"), {"cache.t4g.small"})
        self.assertEqual(offered(CacheNodeType="cache.t9.huge"), set())
        self.assertIn("cache.r7g.large", offered(ProductDescription="valkey", Duration="1"))
        self.cache("becoming", CacheNodeType="cache.m7g.xlarge")
        told = self.elasticache.list_allowed_node_type_modifications(ReplicationGroupId="becoming")
        self.assertIn("cache.m7g.2xlarge", told["ScaleUpModifications"])
        self.assertIn("cache.m7g.large", told["ScaleDownModifications"])
        self.assertNotIn("cache.m7g.xlarge", told["ScaleUpModifications"] + told["ScaleDownModifications"])
        self.refused(
            "ReplicationGroupNotFoundFault",
            self.elasticache.list_allowed_node_type_modifications,
            404,
            ReplicationGroupId="nowhere",
        )

    def test_what_takes_time_is_true_only_at_the_end(self):
        self.cache("slow", Engine="valkey", EngineVersion="8.0")
        self.look("slow")
        self.slowly(0.001)
        modify = lambda **more: self.elasticache.modify_replication_group(
            ReplicationGroupId="slow", ApplyImmediately=True, **more
        )
        modify(CacheNodeType="cache.t4g.medium", EngineVersion="8.1")
        now = self.look("slow")
        self.assertEqual((now["Status"], now["CacheNodeType"]), ("modifying", "cache.t4g.small"))
        member = self.elasticache.describe_cache_clusters(CacheClusterId="slow-001")["CacheClusters"][0]
        self.assertEqual(
            (member["EngineVersion"], member["PendingModifiedValues"]),
            ("8.0.0", {"CacheNodeType": "cache.t4g.medium", "EngineVersion": "8.1"}),
        )
        self.refused("InvalidReplicationGroupState", modify, CacheNodeType="cache.t4g.large")
        self.refused(
            "InvalidReplicationGroupState",
            self.elasticache.increase_replica_count,
            ReplicationGroupId="slow",
            NewReplicaCount=2,
            ApplyImmediately=True,
        )
        self.refused("InvalidReplicationGroupState", self.elasticache.list_tags_for_resource, ResourceName=now["ARN"])
        self.until(lambda: self.look("slow")["Status"] == "available", "available")
        self.assertEqual(self.look("slow")["CacheNodeType"], "cache.t4g.medium")
        self.refused("InvalidParameterCombination", modify, EngineVersion="8.0")
        # Without being told to apply it at once, AWS waits for its window.
        self.elasticache.modify_replication_group(ReplicationGroupId="slow", CacheNodeType="cache.t4g.large")
        self.assertEqual((self.look("slow")["Status"], self.look("slow")["CacheNodeType"]), ("available", "cache.t4g.medium"))
        member = self.elasticache.describe_cache_clusters(CacheClusterId="slow-001")["CacheClusters"][0]
        self.assertEqual(member["PendingModifiedValues"], {"CacheNodeType": "cache.t4g.large"})

    def test_tags_are_written_over_time_and_to_the_members(self):
        arn = self.cache("tags")["made"]["ARN"]
        self.look("tags")
        self.slowly(0.01)
        self.elasticache.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "team", "Value": "web"}])
        self.refused(
            "InvalidReplicationGroupState", self.elasticache.remove_tags_from_resource, ResourceName=arn, TagKeys=["team"]
        )
        self.until(lambda: self.look("tags")["Status"] == "available", "available")
        member = self.elasticache.describe_cache_clusters(CacheClusterId="tags-002")["CacheClusters"][0]["ARN"]
        self.assertIn({"Key": "team", "Value": "web"}, self.elasticache.list_tags_for_resource(ResourceName=member)["TagList"])

    def test_failover_needs_a_replica(self):
        self.cache("single", NumCacheClusters=1, AutomaticFailoverEnabled=False, MultiAZEnabled=False)
        modify = lambda **more: self.elasticache.modify_replication_group(
            ReplicationGroupId="single", ApplyImmediately=True, **more
        )
        self.refused("InvalidParameterValue", modify, AutomaticFailoverEnabled=True)
        self.elasticache.increase_replica_count(ReplicationGroupId="single", NewReplicaCount=1, ApplyImmediately=True)
        self.refused("InvalidParameterValue", modify, MultiAZEnabled=True)
        modify(AutomaticFailoverEnabled=True, MultiAZEnabled=True)
        self.assertEqual((self.look("single")["AutomaticFailover"], self.look("single")["MultiAZ"]), ("enabled", "enabled"))

    def test_transit_encryption_passes_through_preferred(self):
        self.cache("tls", TransitEncryptionEnabled=False)
        modify = lambda **more: self.elasticache.modify_replication_group(ReplicationGroupId="tls", ApplyImmediately=True, **more)
        self.refused("InvalidParameterCombination", modify, TransitEncryptionEnabled=True, TransitEncryptionMode="required")
        modify(TransitEncryptionEnabled=True, TransitEncryptionMode="preferred")
        modify(TransitEncryptionMode="required")
        self.assertEqual(self.look("tls")["TransitEncryptionMode"], "required")
        self.refused("InvalidParameterCombination", modify, TransitEncryptionEnabled=False)

    def test_the_last_snapshot_stays(self):
        self.cache("last")
        self.elasticache.create_snapshot(ReplicationGroupId="last", SnapshotName="taken")
        self.refused(
            "SnapshotAlreadyExistsFault",
            self.elasticache.delete_replication_group,
            ReplicationGroupId="last",
            FinalSnapshotIdentifier="taken",
        )
        self.slowly(0.001)
        self.elasticache.delete_replication_group(ReplicationGroupId="last", FinalSnapshotIdentifier="last-final")
        shot = lambda: self.elasticache.describe_snapshots(SnapshotName="last-final")["Snapshots"][0]
        self.assertEqual(shot()["SnapshotStatus"], "creating")
        self.until(lambda: shot()["SnapshotStatus"] == "available", "available")
        self.refused("ReplicationGroupNotFoundFault", self.elasticache.describe_replication_groups, ReplicationGroupId="last")
        self.assertEqual(
            self.elasticache.list_tags_for_resource(ResourceName=shot()["ARN"])["TagList"], [{"Key": "stack:key", "Value": "c"}]
        )
        self.elasticache.delete_snapshot(SnapshotName="last-final")
        self.refused("SnapshotNotFoundFault", self.elasticache.describe_snapshots, SnapshotName="last-final")

    def test_a_snapshot_is_restored_where_it_can_be(self):
        self.cache("from", Engine="redis", EngineVersion="7.1")
        self.refused("InvalidParameterValue", self.elasticache.create_snapshot, ReplicationGroupId="from", SnapshotName="n" * 41)
        self.elasticache.create_snapshot(ReplicationGroupId="from", SnapshotName="taken")
        self.refused("InvalidParameterValue", self.cache, name="none", SnapshotName="no-such")
        self.refused(
            "InvalidParameterCombination", self.cache, name="older", Engine="redis", EngineVersion="6.2", SnapshotName="taken"
        )
        self.slowly(0.001)
        self.cache("to", Engine="valkey", EngineVersion="8.0", SnapshotName="taken")
        self.refused("InvalidSnapshotState", self.elasticache.delete_snapshot, SnapshotName="taken")
        self.until(lambda: self.look("to")["Status"] == "available", "available")
        self.elasticache.delete_snapshot(SnapshotName="taken")

    def test_windows(self):
        self.refused(
            "InvalidParameterValue",
            self.cache,
            name="overlap",
            SnapshotWindow="04:30-05:30",
            PreferredMaintenanceWindow="sun:05:00-sun:06:00",
        )
        self.refused("InvalidParameterValue", self.cache, name="short", SnapshotWindow="04:30-05:00")
        self.cache("window", SnapshotWindow="23:30-00:30", PreferredMaintenanceWindow="sun:05:00-sun:06:00")

    def test_parameters_have_a_source(self):
        self.elasticache.create_cache_parameter_group(
            CacheParameterGroupName="source", CacheParameterGroupFamily="valkey8", Description="d"
        )
        write = lambda name, value: self.elasticache.modify_cache_parameter_group(
            CacheParameterGroupName="source", ParameterNameValues=[{"ParameterName": name, "ParameterValue": value}]
        )
        read = lambda **more: {
            p["ParameterName"]: p
            for p in self.elasticache.describe_cache_parameters(CacheParameterGroupName="source", **more)["Parameters"]
        }
        self.refused("InvalidParameterValue", write, name="no-such", value="1")
        self.refused("InvalidParameterValue", write, name="maxmemory-policy", value="all")
        self.refused("InvalidParameterValue", write, name="timeout", value="5")
        self.refused("InvalidParameterValue", write, name="maxclients", value="5")
        write("timeout", "30")
        self.assertEqual(
            (list(read(Source="user")), read()["timeout"]["Source"], read()["maxmemory-policy"]["Source"]),
            (["timeout"], "user", "system"),
        )
        self.elasticache.reset_cache_parameter_group(
            CacheParameterGroupName="source", ParameterNameValues=[{"ParameterName": "timeout"}]
        )
        self.assertEqual((read(Source="user"), read()["timeout"]["ParameterValue"]), ({}, "0"))
        change = lambda name: self.elasticache.modify_cache_parameter_group(
            CacheParameterGroupName=name, ParameterNameValues=[{"ParameterName": "timeout", "ParameterValue": "30"}]
        )
        self.refused("InvalidCacheParameterGroupState", change, name="default.valkey8")
        self.refused(
            "InvalidCacheParameterGroupState",
            self.elasticache.delete_cache_parameter_group,
            CacheParameterGroupName="default.valkey8",
        )

    def test_subnets_of_a_group(self):
        d = self.cache("placed")
        change = lambda subnets: self.elasticache.modify_cache_subnet_group(
            CacheSubnetGroupName="placed-subnets", SubnetIds=subnets
        )
        self.refused("SubnetInUse", change, subnets=d["net"].private[:1])
        self.refused("SubnetInUse", change, subnets=Network(self).private)
        change(d["net"].private + d["net"].public)
        answer = self.elasticache.describe_cache_subnet_groups(CacheSubnetGroupName="placed-subnets")
        seen = answer["CacheSubnetGroups"][0]["Subnets"]
        self.assertEqual(len(seen), 4)

    def test_default_versions_are_one_for_each_engine(self):
        found = self.elasticache.describe_cache_engine_versions(DefaultOnly=True)["CacheEngineVersions"]
        self.assertEqual({version["Engine"] for version in found}, {"redis", "valkey", "memcached"})
        self.assertEqual(len(found), 3)


class Memcached(Case):
    def cluster(self, name: str, **more) -> dict:
        net = Network(self)
        group = net.group("cache")
        self.elasticache.create_cache_subnet_group(
            CacheSubnetGroupName=f"{name}-subnets", CacheSubnetGroupDescription="d", SubnetIds=net.private
        )
        arguments = {
            "CacheClusterId": name,
            "Engine": "memcached",
            "CacheNodeType": "cache.t4g.small",
            "NumCacheNodes": 2,
            "AZMode": "cross-az",
            "CacheSubnetGroupName": f"{name}-subnets",
            "SecurityGroupIds": [group],
            "Tags": [{"Key": "stack:key", "Value": "m"}],
        }
        return {"net": net, "group": group, "made": self.elasticache.create_cache_cluster(**arguments | more)["CacheCluster"]}

    def look(self, name: str) -> dict:
        return self.elasticache.describe_cache_clusters(CacheClusterId=name, ShowCacheNodeInfo=True)["CacheClusters"][0]

    def test_from_creating_to_gone(self):
        self.slowly(0.001)
        d = self.cluster("mem")
        arn = d["made"]["ARN"]
        self.assertEqual(d["made"]["CacheClusterStatus"], "creating")
        self.assertNotIn("ConfigurationEndpoint", self.look("mem"))
        self.refused("InvalidCacheClusterState", self.elasticache.list_tags_for_resource, ResourceName=arn)
        self.refused("InvalidCacheClusterState", self.elasticache.delete_cache_cluster, CacheClusterId="mem")
        self.refused(
            "CacheClusterAlreadyExists",
            self.elasticache.create_cache_cluster,
            CacheClusterId="mem",
            Engine="memcached",
            CacheNodeType="cache.t4g.small",
            NumCacheNodes=1,
        )
        self.until(lambda: self.look("mem")["CacheClusterStatus"] == "available", "available")
        seen = self.look("mem")
        self.assertEqual(
            (seen["ConfigurationEndpoint"]["Port"], [n["CacheNodeId"] for n in seen["CacheNodes"]]), (11211, ["0001", "0002"])
        )
        self.assertEqual({n["CustomerAvailabilityZone"] for n in seen["CacheNodes"]}, {"us-east-1a", "us-east-1b"})
        self.assertEqual(
            self.elasticache.list_tags_for_resource(ResourceName=arn)["TagList"], [{"Key": "stack:key", "Value": "m"}]
        )
        self.elasticache.delete_cache_cluster(CacheClusterId="mem")
        self.refused("CacheSubnetGroupInUse", self.elasticache.delete_cache_subnet_group, CacheSubnetGroupName="mem-subnets")
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=d["group"])
        self.until(
            lambda: "mem" not in [c["CacheClusterId"] for c in self.elasticache.describe_cache_clusters()["CacheClusters"]],
            "gone",
        )
        self.refused("CacheClusterNotFound", self.elasticache.describe_cache_clusters, CacheClusterId="mem")
        self.ec2.delete_security_group(GroupId=d["group"])

    def test_nodes_come_and_go(self):
        self.cluster("nodes", EngineVersion="1.6.12")
        modify = lambda **more: self.elasticache.modify_cache_cluster(CacheClusterId="nodes", ApplyImmediately=True, **more)
        self.slowly(0.001)
        self.look("nodes")
        self.until(lambda: self.look("nodes")["CacheClusterStatus"] == "available", "available")
        modify(NumCacheNodes=4)
        seen = self.look("nodes")
        self.assertEqual(
            (seen["CacheClusterStatus"], seen["NumCacheNodes"], seen["PendingModifiedValues"]),
            ("modifying", 2, {"NumCacheNodes": 4}),
        )
        self.refused("InvalidCacheClusterState", modify, NumCacheNodes=5)
        self.until(lambda: self.look("nodes")["NumCacheNodes"] == 4, "four nodes")
        self.refused("InvalidParameterCombination", modify, NumCacheNodes=3)
        modify(NumCacheNodes=3, CacheNodeIdsToRemove=["0002"])
        self.until(
            lambda: [n["CacheNodeId"] for n in self.look("nodes")["CacheNodes"]] == ["0001", "0003", "0004"], "three nodes"
        )
        self.refused("InvalidParameterCombination", modify, CacheNodeType="cache.t4g.medium")
        self.refused("InvalidParameterCombination", modify, EngineVersion="1.6.6")
        modify(EngineVersion="1.6.22")
        self.until(lambda: self.look("nodes")["EngineVersion"] == "1.6.22", "the new version")

    def test_what_memcached_cannot_do(self):
        self.refused("InvalidParameterCombination", self.cluster, name="snap", SnapshotRetentionLimit=1)
        self.refused(
            "InvalidParameterCombination", self.cluster, name="old-tls", EngineVersion="1.6.6", TransitEncryptionEnabled=True
        )
        self.refused("InvalidParameterCombination", self.cluster, name="one", NumCacheNodes=1)
        self.refused("InvalidParameterValue", self.cluster, name="many", NumCacheNodes=41)
        self.cluster("new-tls", TransitEncryptionEnabled=True)
        self.refused(
            "InvalidParameterCombination",
            self.elasticache.delete_cache_cluster,
            CacheClusterId="new-tls",
            FinalSnapshotIdentifier="x",
        )
        self.refused(
            "SnapshotFeatureNotSupportedFault", self.elasticache.create_snapshot, CacheClusterId="new-tls", SnapshotName="x"
        )

    def test_members_are_not_listed_as_standalone_clusters(self):
        self.cluster("standing")
        listed = self.elasticache.describe_cache_clusters(ShowCacheClustersNotInReplicationGroups=True)["CacheClusters"]
        self.assertIn("standing", [cluster["CacheClusterId"] for cluster in listed])
        self.assertEqual([cluster for cluster in listed if cluster.get("ReplicationGroupId")], [])
