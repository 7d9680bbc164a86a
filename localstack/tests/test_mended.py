"""What LocalStack and moto lose, hang at or destroy, and what the plug-in does about it."""

import json
import threading
import time
import types
import unittest
from unittest import mock

from botocore.exceptions import ClientError

from tests.aws import Case, Network


class Rules(Case):
    def test_every_rule_keeps_its_description(self):
        net = Network(self)
        one, two = net.group("one"), net.group("two")
        answer = self.ec2.create_managed_prefix_list(PrefixListName="p", MaxEntries=1, AddressFamily="IPv4")
        prefix_list = answer["PrefixList"]["PrefixListId"]
        peers = [
            {"UserIdGroupPairs": [{"GroupId": two, "Description": "by group"}]},
            {"IpRanges": [{"CidrIp": "10.9.0.0/16", "Description": "by range"}]},
            {"Ipv6Ranges": [{"CidrIpv6": "fd00::/8", "Description": "by long range"}]},
            {"PrefixListIds": [{"PrefixListId": prefix_list, "Description": "by list"}]},
        ]
        for direction in (self.ec2.authorize_security_group_ingress, self.ec2.authorize_security_group_egress):
            for peer in peers:
                answer = direction(GroupId=one, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80} | peer])
                made = answer["SecurityGroupRules"]
                self.assertTrue(made[0]["Description"].startswith("by "), made)
        rules = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [one]}])["SecurityGroupRules"]
        said = sorted((rule["IsEgress"], rule["Description"]) for rule in rules if rule.get("Description"))
        self.assertEqual(
            said, [(way, f"by {what}") for way in (False, True) for what in ("group", "list", "long range", "range")]
        )

    def test_the_same_rule_with_other_words_is_the_same(self):
        net = Network(self)
        one, two = net.group("one"), net.group("two")
        rule = lambda words: [
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": two, "Description": words}]}
        ]
        self.ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=rule("a"))
        self.refused(
            "InvalidPermission.Duplicate", self.ec2.authorize_security_group_ingress, GroupId=one, IpPermissions=rule("b")
        )
        self.ec2.revoke_security_group_ingress(GroupId=one, IpPermissions=rule("b"))
        self.assertEqual(self.ec2.describe_security_groups(GroupIds=[one])["SecurityGroups"][0]["IpPermissions"], [])


class SubnetGroups(Case):
    def test_a_change_leaves_the_group_there(self):
        net = Network(self)
        self.rds.create_db_subnet_group(DBSubnetGroupName="Grows", DBSubnetGroupDescription="x", SubnetIds=net.private)
        self.rds.modify_db_subnet_group(DBSubnetGroupName="grows", SubnetIds=net.private + net.public)
        self.assertEqual(self.subnets("grows"), sorted(net.private + net.public))
        with self.assertRaises(ClientError):
            self.rds.modify_db_subnet_group(DBSubnetGroupName="grows", SubnetIds=["subnet-none"])
        self.assertEqual(self.subnets("grows"), sorted(net.private + net.public))
        self.refused(
            "DBSubnetGroupNotFoundFault", self.rds.modify_db_subnet_group, 404, DBSubnetGroupName="none", SubnetIds=net.private
        )

    def test_a_subnet_that_a_database_stands_in_stays(self):
        net = Network(self)
        self.rds.create_db_subnet_group(DBSubnetGroupName="held", DBSubnetGroupDescription="x", SubnetIds=net.private)
        self.rds.create_db_instance(
            DBInstanceIdentifier="holds",
            Engine="postgres",
            DBInstanceClass="db.t4g.micro",
            MasterUsername="app",
            ManageMasterUserPassword=True,
            AllocatedStorage=20,
            DBSubnetGroupName="held",
        )
        self.rds.describe_db_instances()
        self.refused(
            "SubnetAlreadyInUse",
            self.rds.modify_db_subnet_group,
            DBSubnetGroupName="held",
            SubnetIds=net.private[1:] + net.public[:1],
        )
        self.rds.modify_db_subnet_group(DBSubnetGroupName="held", SubnetIds=net.private[:1] + net.public[1:])

    def subnets(self, name: str) -> list[str]:
        return sorted(
            subnet["SubnetIdentifier"]
            for subnet in self.rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"][0]["Subnets"]
        )


class Endpoints(Case):
    def routes(self, table: str) -> list[str]:
        return [
            route["GatewayId"]
            for route in self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
            if route.get("DestinationPrefixListId")
        ]

    def test_later_tables_lose_the_route_with_the_endpoint(self):
        net = Network(self)
        first, later = (self.ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"] for _ in range(2))
        answer = self.ec2.create_vpc_endpoint(VpcId=net.vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[first])
        endpoint = answer["VpcEndpoint"]["VpcEndpointId"]
        self.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[later])
        self.assertEqual((self.routes(first), self.routes(later)), ([endpoint], [endpoint]))
        self.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveRouteTableIds=[first])
        self.assertEqual((self.routes(first), self.routes(later)), ([], [endpoint]))
        self.assertEqual(self.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"], [])
        self.assertEqual(self.routes(later), [])
        self.assertEqual(self.ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [net.vpc]}])["VpcEndpoints"], [])


class FlowLogs(Case):
    def test_flow_logs_to_a_bucket_block_no_other_call(self):
        net = Network(self)
        self.s3.create_bucket(Bucket="flow-logs-bucket")
        logs = lambda bucket: self.ec2.create_flow_logs(
            ResourceIds=[net.vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="s3",
            LogDestination=f"arn:aws:s3:::{bucket}",
        )
        self.assertEqual(len(logs("flow-logs-bucket")["FlowLogIds"]), 1)
        self.assertEqual(len(logs("no-such-flow-logs-bucket")["Unsuccessful"]), 1)
        self.ec2.describe_vpcs()
        self.ecs.list_clusters()

    def test_tell_whether_their_records_arrive(self):
        net = Network(self)
        trust = {
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ]
        }
        role = self.iam.create_role(RoleName="flow-logs", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        self.logs.create_log_group(logGroupName="/flow/logs")
        ask = {
            "ResourceIds": [net.vpc],
            "ResourceType": "VPC",
            "TrafficType": "REJECT",
            "LogGroupName": "/flow/logs",
            "DeliverLogsPermissionArn": role,
        }
        made = self.ec2.create_flow_logs(**ask, ClientToken="flow")["FlowLogIds"]
        self.assertEqual(self.ec2.create_flow_logs(**ask, ClientToken="flow")["FlowLogIds"], made)
        self.refused("FlowLogAlreadyExists", self.ec2.create_flow_logs, **ask)
        status = lambda: self.ec2.describe_flow_logs(FlowLogIds=made)["FlowLogs"][0]["DeliverLogsStatus"]
        self.assertEqual(status(), "SUCCESS")
        self.logs.delete_log_group(logGroupName="/flow/logs")
        self.assertEqual(status(), "FAILED")
        self.ec2.delete_flow_logs(FlowLogIds=made)
        self.iam.delete_role(RoleName="flow-logs")


class Clusters(Case):
    def make(self, name: str):
        return self.rds.create_db_cluster(
            DBClusterIdentifier=name, Engine="aurora-postgresql", MasterUsername="owner", ManageMasterUserPassword=True
        )

    def names(self) -> set[str]:
        return {cluster["DBClusterIdentifier"] for cluster in self.rds.describe_db_clusters()["DBClusters"]}

    def test_a_refused_change_leaves_the_cluster(self):
        self.make("kept")
        self.refused(
            "InvalidParameterCombination", self.rds.modify_db_cluster, DBClusterIdentifier="kept", RotateMasterUserPassword=True
        )
        self.assertIn("kept", self.names())
        self.refused("DBClusterNotFoundFault", self.rds.modify_db_cluster, 404, DBClusterIdentifier="none", ApplyImmediately=True)

    def test_a_taken_name_is_refused(self):
        first = self.make("taken")["DBCluster"]
        self.refused("DBClusterAlreadyExistsFault", self.make, name="taken")
        again = self.rds.describe_db_clusters(DBClusterIdentifier="taken")["DBClusters"][0]
        self.assertEqual(again["MasterUserSecret"]["SecretArn"], first["MasterUserSecret"]["SecretArn"])

    def test_a_renamed_cluster_keeps_its_members(self):
        self.make("before")
        self.rds.create_db_instance(
            DBInstanceIdentifier="member",
            DBClusterIdentifier="before",
            Engine="aurora-postgresql",
            DBInstanceClass="db.r6g.large",
        )
        self.rds.modify_db_cluster(DBClusterIdentifier="before", NewDBClusterIdentifier="after", ApplyImmediately=True)
        members = self.rds.describe_db_clusters(DBClusterIdentifier="after")["DBClusters"][0]["DBClusterMembers"]
        self.assertEqual([member["DBInstanceIdentifier"] for member in members], ["member"])
        self.assertNotIn("before", self.names())


class Loading(unittest.TestCase):
    def test_calls_wait_until_a_service_is_fully_loaded(self):
        from localstack.aws.handlers.service_plugin import ServiceLoader
        from localstack.services.plugins import Service

        from stack_local import loading

        there = threading.Event()

        class Router:
            def add_skeleton(self, skeleton):
                time.sleep(0.3)
                there.set()

        manager = mock.Mock()
        manager.require.return_value = Service(name="slow-service", skeleton=object())
        with (
            mock.patch.object(ServiceLoader, "require_service", loading._require_service),
            mock.patch("localstack.aws.handlers.service_plugin.is_api_enabled", return_value=True),
        ):
            loader = ServiceLoader(manager, Router())
            context = types.SimpleNamespace(service=types.SimpleNamespace(service_name="slow-service"))
            seen = []

            def ask():
                loader.require_service(None, context, None)
                seen.append(there.is_set())

            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
                time.sleep(0.02)
            for thread in threads:
                thread.join()
        self.assertEqual(seen, [True] * 4)
