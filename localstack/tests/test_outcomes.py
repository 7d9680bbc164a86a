import json
import urllib.error
import urllib.request

from tests.aws import Case, Network
from tests.test_elbv2 import Balancer


class Outcomes(Case):
    def coming(self) -> list:
        return json.load(urllib.request.urlopen(f"{self.server.url}/_stack/outcomes"))

    def test_mistakes_are_refused_and_outcomes_withdrawn(self):
        wrong: tuple[dict, ...] = (
            {},
            {"account": "7"},
            {"rds.instance": "sad"},
            {"rds.instant": "failed"},
            {"rds.instance": "failed", "times": "2"},
        )
        for raw in wrong:
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.server.outcomes(**raw)
            self.assertEqual(caught.exception.code, 400)
            self.assertIn("expected", json.load(caught.exception)["message"])
        self.server.outcomes(rds__instance="failed", times=2)
        self.assertEqual(self.coming(), [{"account": "000000000000", "rds.instance": "failed", "times": 2}])
        self.server.outcomes(rds__instance="failed", times=0)
        self.assertEqual(self.coming(), [])

    def test_only_the_account_that_was_named(self):
        self.server.outcomes("111111111111", ec2__nat_gateway="InternalError")
        self.addCleanup(self.server.outcomes, "111111111111", ec2__nat_gateway="InternalError", times=0)
        self.assertEqual(self.gateway(Network(self))["State"], "available")
        self.assertEqual(len(self.coming()), 1)

    def gateway(self, net: Network) -> dict:
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        made = self.ec2.create_nat_gateway(SubnetId=net.public[0], AllocationId=address)["NatGateway"]
        self.assertEqual(made["State"], "pending")
        return self.ec2.describe_nat_gateways(NatGatewayIds=[made["NatGatewayId"]])["NatGateways"][0]

    def test_a_gateway_fails_and_lets_its_address_go(self):
        net = Network(self)
        self.server.outcomes(ec2__nat_gateway="InsufficientFreeAddressesInSubnet")
        failed = self.gateway(net)
        self.assertEqual((failed["State"], failed["FailureCode"]), ("failed", "InsufficientFreeAddressesInSubnet"))
        self.assertIn("insufficient free addresses", failed["FailureMessage"])
        self.ec2.release_address(AllocationId=failed["NatGatewayAddresses"][0]["AllocationId"])
        self.assertEqual(self.gateway(net)["State"], "available")

    def test_a_snapshot_fails_and_can_only_be_deleted(self):
        net = Network(self)
        self.rds.create_db_subnet_group(DBSubnetGroupName="whole", DBSubnetGroupDescription="d", SubnetIds=net.private)
        self.rds.create_db_instance(
            DBInstanceIdentifier="whole",
            Engine="postgres",
            DBInstanceClass="db.t4g.micro",
            AllocatedStorage=20,
            MasterUsername="owner",
            ManageMasterUserPassword=True,
            DBSubnetGroupName="whole",
        )
        database = lambda: self.rds.describe_db_instances(DBInstanceIdentifier="whole")["DBInstances"][0]["DBInstanceStatus"]
        self.until(lambda: database() == "available", "available")
        self.server.outcomes(rds__snapshot="failed")
        self.rds.create_db_snapshot(DBInstanceIdentifier="whole", DBSnapshotIdentifier="doomed")
        snapshot = lambda: self.rds.describe_db_snapshots(DBSnapshotIdentifier="doomed")["DBSnapshots"][0]["Status"]
        self.until(lambda: snapshot() != "creating", "an end")
        self.assertEqual(snapshot(), "failed")
        self.refused(
            "InvalidDBSnapshotState",
            self.rds.copy_db_snapshot,
            SourceDBSnapshotIdentifier="doomed",
            TargetDBSnapshotIdentifier="copy",
        )
        self.refused(
            "InvalidDBSnapshotState",
            self.rds.restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier="other",
            DBSnapshotIdentifier="doomed",
        )
        self.rds.delete_db_snapshot(DBSnapshotIdentifier="doomed")
        # The next of that name is another one.
        self.until(lambda: database() == "available", "available")
        self.rds.create_db_snapshot(DBInstanceIdentifier="whole", DBSnapshotIdentifier="doomed")
        self.until(lambda: snapshot() == "available", "available")

    def test_a_database_fails_before_it_held_anything(self):
        net = Network(self)
        self.rds.create_db_subnet_group(DBSubnetGroupName="doomed", DBSubnetGroupDescription="d", SubnetIds=net.private)
        arguments = {
            "DBInstanceIdentifier": "doomed",
            "Engine": "postgres",
            "EngineVersion": "16",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": 20,
            "MasterUsername": "owner",
            "ManageMasterUserPassword": True,
            "DBSubnetGroupName": "doomed",
        }
        self.server.outcomes(rds__instance="incompatible-network")
        self.rds.create_db_instance(**arguments)
        look = lambda: self.rds.describe_db_instances(DBInstanceIdentifier="doomed")["DBInstances"][0]
        failed = look()
        self.assertEqual(failed["DBInstanceStatus"], "incompatible-network")
        self.assertFalse({"Endpoint", "InstanceCreateTime"} & set(failed))
        self.refused(
            "InvalidDBInstanceState", self.rds.modify_db_instance, DBInstanceIdentifier="doomed", BackupRetentionPeriod=3
        )
        # What holds nothing leaves no snapshot.
        self.refused(
            "InvalidDBInstanceState", self.rds.delete_db_instance, DBInstanceIdentifier="doomed", FinalDBSnapshotIdentifier="last"
        )
        self.rds.delete_db_instance(DBInstanceIdentifier="doomed", SkipFinalSnapshot=True)
        self.refused("DBInstanceNotFound", look)
        self.rds.create_db_instance(**arguments)
        self.assertEqual(look()["DBInstanceStatus"], "available")
        self.rds.delete_db_instance(DBInstanceIdentifier="doomed", SkipFinalSnapshot=True)

    def test_a_database_goes_through_its_states_in_order(self):
        self.slowly(0.005)
        self.rds.create_db_instance(
            DBInstanceIdentifier="ordered",
            Engine="postgres",
            DBInstanceClass="db.t4g.micro",
            AllocatedStorage=20,
            MasterUsername="owner",
            ManageMasterUserPassword=True,
            BackupRetentionPeriod=3,
        )
        seen: list[str] = []

        def look():
            state = self.rds.describe_db_instances(DBInstanceIdentifier="ordered")["DBInstances"][0]["DBInstanceStatus"]
            if seen[-1:] != [state]:
                seen.append(state)
            return state == "available"

        self.until(look, "available")
        self.assertEqual(seen, ["creating", "backing-up", "available"])
        self.rds.delete_db_instance(DBInstanceIdentifier="ordered", SkipFinalSnapshot=True)

    def test_caches_fail(self):
        self.server.outcomes(elasticache__replication_group="create-failed", elasticache__cluster="incompatible-network")
        group = {
            "ReplicationGroupId": "doomed",
            "ReplicationGroupDescription": "d",
            "CacheNodeType": "cache.t4g.small",
            "NumCacheClusters": 1,
        }
        self.elasticache.create_replication_group(**group)
        look = lambda: self.elasticache.describe_replication_groups(ReplicationGroupId="doomed")["ReplicationGroups"][0]
        self.assertEqual((look()["Status"], look().get("NodeGroups", [])), ("create-failed", []))
        self.refused(
            "InvalidReplicationGroupState",
            self.elasticache.delete_replication_group,
            ReplicationGroupId="doomed",
            FinalSnapshotIdentifier="last",
        )
        self.elasticache.delete_replication_group(ReplicationGroupId="doomed")
        self.refused("ReplicationGroupNotFoundFault", look)
        self.elasticache.create_replication_group(**group)
        self.assertEqual(look()["Status"], "available")
        self.elasticache.delete_replication_group(ReplicationGroupId="doomed")

        self.elasticache.create_cache_cluster(
            CacheClusterId="doomed-too", Engine="memcached", CacheNodeType="cache.t4g.small", NumCacheNodes=1
        )
        cluster = self.elasticache.describe_cache_clusters(CacheClusterId="doomed-too")["CacheClusters"][0]
        self.assertEqual((cluster["CacheClusterStatus"], "ConfigurationEndpoint" in cluster), ("incompatible-network", False))
        self.elasticache.delete_cache_cluster(CacheClusterId="doomed-too")

    def test_a_balancer_fails(self):
        self.server.outcomes(elbv2__load_balancer="failed")
        b = Balancer(self, "doomed")
        state = self.elbv2.describe_load_balancers(LoadBalancerArns=[b.arn])["LoadBalancers"][0]["State"]
        self.assertEqual(state["Code"], "failed")
        self.assertIn("not enough free IP addresses", state["Reason"])

    def test_a_certificate_is_refused(self):
        self.server.outcomes(acm__certificate="CAA_ERROR")
        arn = self.acm.request_certificate(DomainName="doomed.example", ValidationMethod="DNS")["CertificateArn"]
        look = lambda: self.acm.describe_certificate(CertificateArn=arn)["Certificate"]
        self.until(lambda: look()["Status"] == "FAILED", "failed")
        self.assertEqual(look()["FailureReason"], "CAA_ERROR")
        self.acm.delete_certificate(CertificateArn=arn)
