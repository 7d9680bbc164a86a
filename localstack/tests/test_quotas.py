import json
import urllib.error
import urllib.request

from tests.aws import Case, Network
from tests.test_elbv2 import Balancer


class Quotas(Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.server.quotas, "none")

    def test_none_applies_until_set_and_errors_are_refused(self):
        look = lambda: json.load(urllib.request.urlopen(f"{self.server.url}/_stack/quotas"))
        self.assertEqual(set(look().values()), {None})
        self.server.quotas("aws")
        self.assertEqual((look()["rules-per-balancer"], look()["networks"]), (100, 5))
        self.server.quotas({"rules-per-balancer": 1000})
        self.assertEqual((look()["rules-per-balancer"], look()["networks"]), (1000, 5))
        for wrong in ({"rulez": 1}, {"networks": "5"}, {"networks": -1}, 7):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.server.quotas(wrong)
            self.assertEqual(caught.exception.code, 400)
        self.assertEqual(look()["networks"], 5)

    def test_the_hundred_and_first_rule(self):
        b = Balancer(self, "quota-rules")
        self.server.quotas("aws")
        for number in range(1, 101):
            b.rule(f"/{number}", number)
        self.refused("TooManyRules", b.rule, says=b.arn, path="/101", priority=101)
        self.server.quotas({"rules-per-balancer": 101})
        b.rule("/101", 101)

    def test_values_of_a_rule(self):
        b = Balancer(self, "quota-values")
        arn = b.rule("/a", 1)
        self.server.quotas("aws")
        paths = lambda count: [{"Field": "path-pattern", "Values": [f"/{n}" for n in range(count)]}]
        self.elbv2.modify_rule(RuleArn=arn, Conditions=paths(5))
        says = "A rule can only have '5' condition values"
        self.refused("ValidationError", self.elbv2.modify_rule, says=says, RuleArn=arn, Conditions=paths(6))
        host = [{"Field": "host-header", "Values": ["a.example"]}]
        self.refused("ValidationError", self.elbv2.modify_rule, says=says, RuleArn=arn, Conditions=paths(5) + host)

    def test_target_groups_and_listeners_of_a_balancer(self):
        b = Balancer(self, "quota-groups")
        self.server.quotas({"target-groups-per-balancer": 1, "listeners-per-balancer": 2})
        rule = b.rule("/same", 1)  # the same target group counts once
        other = [{"Type": "forward", "TargetGroupArn": b.target_group("quota-groups-2")}]
        code = "TooManyUniqueTargetGroupsPerLoadBalancer"
        self.refused(code, self.elbv2.modify_rule, says="[1]", RuleArn=rule, Actions=other)
        self.refused(code, self.elbv2.modify_listener, ListenerArn=b.listener, DefaultActions=other)
        b.listen(81)
        self.refused("TooManyListeners", b.listen, port=82)

    def test_security_groups_of_balancers_and_interfaces(self):
        b = Balancer(self, "quota-security")
        groups = [b.net.group(f"quota-{n}") for n in range(6)]
        self.server.quotas("aws")
        self.elbv2.set_security_groups(LoadBalancerArn=b.arn, SecurityGroups=groups[:5])
        self.refused("InvalidConfigurationRequest", self.elbv2.set_security_groups, LoadBalancerArn=b.arn, SecurityGroups=groups)
        self.ec2.create_network_interface(SubnetId=b.net.private[0], Groups=groups[:5])
        code = "SecurityGroupsPerInterfaceLimitExceeded"
        self.refused(code, self.ec2.create_network_interface, SubnetId=b.net.private[0], Groups=groups)

    def test_networks_and_addresses_of_a_region(self):
        count = len(self.ec2.describe_vpcs()["Vpcs"])
        self.server.quotas({"networks": count + 1, "addresses": len(self.ec2.describe_addresses()["Addresses"]) + 1})
        vpc = self.ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
        self.refused("VpcLimitExceeded", self.ec2.create_vpc, CidrBlock="10.98.0.0/16")
        self.ec2.delete_vpc(VpcId=vpc)
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.refused("AddressLimitExceeded", self.ec2.allocate_address, Domain="vpc")
        self.ec2.release_address(AllocationId=address)

    def test_internet_gateways_and_nat_gateways_of_a_zone(self):
        net = Network(self)
        count = len(self.ec2.describe_internet_gateways()["InternetGateways"])
        self.server.quotas({"internet-gateways": count + 1, "nat-gateways-per-zone": 1})
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.refused("InternetGatewayLimitExceeded", self.ec2.create_internet_gateway)
        self.ec2.delete_internet_gateway(InternetGatewayId=gateway)
        nat = lambda subnet: self.ec2.create_nat_gateway(
            SubnetId=subnet, AllocationId=self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        )["NatGateway"]["NatGatewayId"]
        # Other tests' gateways count too: as many as there are, and one more.
        zone = lambda subnet: self.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailabilityZone"]
        there = [
            g
            for g in self.ec2.describe_nat_gateways(Filters=[{"Name": "state", "Values": ["pending", "available", "deleting"]}])[
                "NatGateways"
            ]
            if zone(g["SubnetId"]) == zone(net.public[0])
        ]
        self.server.quotas({"nat-gateways-per-zone": len(there) + 1})
        first = nat(net.public[0])
        self.refused("NatGatewayLimitExceeded", nat, subnet=net.public[0])
        self.ec2.delete_nat_gateway(NatGatewayId=first)
        self.until(
            lambda: self.ec2.describe_nat_gateways(NatGatewayIds=[first])["NatGateways"][0]["State"] == "deleted", "deleted"
        )
        nat(net.public[0])

    def test_the_61st_rule_of_a_group_is_always_refused(self):
        group = Network(self).group("quota-sixty")
        permit = lambda first, count: [
            {
                "IpProtocol": "tcp",
                "FromPort": 1,
                "ToPort": 1,
                "IpRanges": [{"CidrIp": f"10.0.{n}.0/24"} for n in range(first, first + count)],
            }
        ]
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permit(0, 60))
        self.refused(
            "RulesPerSecurityGroupLimitExceeded",
            self.ec2.authorize_security_group_ingress,
            GroupId=group,
            IpPermissions=permit(60, 1),
        )
