import ipaddress

from tests.aws import Case, Network


class Refusals(Case):
    def test_a_rule_for_all_protocols_has_no_ports(self):
        group = Network(self).group("described")
        mine = lambda: self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])[
            "SecurityGroupRules"
        ]
        [rule] = mine()
        change = lambda **more: self.ec2.modify_security_group_rules(
            GroupId=group,
            SecurityGroupRules=[
                {
                    "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
                    "SecurityGroupRule": {"CidrIpv4": "0.0.0.0/0", "Description": "out", **more},
                }
            ],
        )
        change(IpProtocol="-1")
        self.assertEqual([(one["IpProtocol"], one["FromPort"], one["Description"]) for one in mine()], [("-1", -1, "out")])
        self.refused("InvalidParameterValue", change, 400, says="Must specify both from and to ports", IpProtocol="tcp")

    def test_a_group_that_an_interface_has(self):
        net = Network(self)
        group = net.group("held")
        eni = self.ec2.create_network_interface(SubnetId=net.private[0], Groups=[group])["NetworkInterface"]["NetworkInterfaceId"]
        self.refused(
            "DependencyViolation", self.ec2.delete_security_group, 400, f"resource {group} has a dependent object", GroupId=group
        )
        self.ec2.delete_network_interface(NetworkInterfaceId=eni)
        self.ec2.delete_security_group(GroupId=group)
        self.refused("InvalidGroup.NotFound", self.ec2.describe_security_groups, GroupIds=[group])

    def test_a_group_that_another_groups_rule_names(self):
        net = Network(self)
        balancer, service = net.group("balancer"), net.group("service")
        rule = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": balancer}]}]
        self.ec2.authorize_security_group_ingress(GroupId=service, IpPermissions=rule)
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=balancer)
        self.ec2.delete_security_group(GroupId=service)  # its rule goes with it
        self.ec2.delete_security_group(GroupId=balancer)

    def test_a_groups_own_rule_does_not_hold_it(self):
        group = Network(self).group("self")
        rule = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
        self.ec2.delete_security_group(GroupId=group)

    def test_the_default_group(self):
        vpc = Network(self).vpc
        groups = self.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
        self.refused("CannotDelete", self.ec2.delete_security_group, GroupId=groups[0]["GroupId"])

    def test_a_route_table_with_associations(self):
        net = Network(self)
        table = self.ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"]
        association = self.ec2.associate_route_table(RouteTableId=table, SubnetId=net.private[0])["AssociationId"]
        self.refused("DependencyViolation", self.ec2.delete_route_table, RouteTableId=table)
        self.ec2.disassociate_route_table(AssociationId=association)
        self.ec2.delete_route_table(RouteTableId=table)

    def test_an_association_goes_with_its_subnet(self):
        net = Network(self)
        table = self.ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"]
        self.ec2.associate_route_table(RouteTableId=table, SubnetId=net.private[0])
        self.ec2.delete_subnet(SubnetId=net.private[0])
        self.ec2.delete_route_table(RouteTableId=table)

    def test_a_main_route_table(self):
        vpc = Network(self).vpc
        tables = self.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        self.refused("DependencyViolation", self.ec2.delete_route_table, RouteTableId=tables[0]["RouteTableId"])

    def test_a_network_until_it_is_empty(self):
        net = Network(self)
        group = net.group("last")
        gone = lambda: self.refused("DependencyViolation", self.ec2.delete_vpc, VpcId=net.vpc)
        gone()
        for subnet in net.public + net.private:
            self.ec2.delete_subnet(SubnetId=subnet)
        gone()
        self.refused("DependencyViolation", self.ec2.delete_internet_gateway, InternetGatewayId=net.gateway)
        self.ec2.detach_internet_gateway(InternetGatewayId=net.gateway, VpcId=net.vpc)
        self.ec2.delete_internet_gateway(InternetGatewayId=net.gateway)
        gone()
        self.ec2.delete_security_group(GroupId=group)
        self.ec2.delete_vpc(VpcId=net.vpc)
        self.refused("InvalidVpcID.NotFound", self.ec2.describe_vpcs, VpcIds=[net.vpc])

    def test_a_dry_run_creates_nothing(self):
        count = lambda: len(self.ec2.describe_vpcs()["Vpcs"])
        before = count()
        self.refused("DryRunOperation", self.ec2.create_vpc, 412, CidrBlock="10.9.0.0/16", DryRun=True)
        self.assertEqual(count(), before)
        self.ec2.create_vpc(CidrBlock="10.9.0.0/16", DryRun=False)
        self.assertEqual(count(), before + 1)


class NatGateways(Case):
    def gateway(self, net: Network, token: str | None = None, address: str | None = None):
        address = address or self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        tags = [{"ResourceType": "natgateway", "Tags": [{"Key": "stack:key", "Value": "nat/a"}]}]
        arguments = {"SubnetId": net.public[0], "AllocationId": address, "TagSpecifications": tags}
        if token:
            arguments["ClientToken"] = token
        return self.ec2.create_nat_gateway(**arguments)["NatGateway"], address

    def state(self, gateway: str) -> str:
        return self.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]["State"]

    def test_it_holds_what_it_uses_until_it_is_deleted(self):
        self.slowly(0.005)
        net = Network(self)
        made, address = self.gateway(net)
        gateway = made["NatGatewayId"]
        self.assertEqual(made["State"], "pending")
        self.assertEqual(self.state(gateway), "pending")
        self.until(lambda: self.state(gateway) == "available", "available")
        self.refused("DependencyViolation", self.ec2.delete_subnet, 400, SubnetId=net.public[0])
        self.refused("AuthFailure", self.ec2.release_address, 400, AllocationId=address)
        self.refused(
            "DependencyViolation",
            self.ec2.detach_internet_gateway,
            400,
            "mapped public address",
            InternetGatewayId=net.gateway,
            VpcId=net.vpc,
        )
        self.ec2.delete_nat_gateway(NatGatewayId=gateway)
        self.assertEqual(self.state(gateway), "deleting")
        self.refused("AuthFailure", self.ec2.release_address, AllocationId=address)
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=net.public[0])
        self.until(lambda: self.state(gateway) == "deleted", "deleted")  # and still listed
        self.ec2.release_address(AllocationId=address)
        self.ec2.delete_subnet(SubnetId=net.public[0])
        self.ec2.detach_internet_gateway(InternetGatewayId=net.gateway, VpcId=net.vpc)

    def test_the_same_token_is_the_same_gateway(self):
        net = Network(self)
        first, address = self.gateway(net, "token-1")
        again, _ = self.gateway(net, "token-1", address)
        self.assertEqual(first["NatGatewayId"], again["NatGatewayId"])
        other = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        arguments = {"SubnetId": net.public[0], "AllocationId": other}
        self.refused("IdempotentParameterMismatch", self.ec2.create_nat_gateway, 400, ClientToken="token-1", **arguments)
        new = self.ec2.create_nat_gateway(ClientToken="token-2", **arguments)["NatGateway"]
        self.assertNotEqual(new["NatGatewayId"], first["NatGatewayId"])

    def test_filters_and_tags(self):
        net, other = Network(self), Network(self)
        mine, _ = self.gateway(net)
        self.gateway(other)
        filters = [
            {"Name": "vpc-id", "Values": [net.vpc]},
            {"Name": "tag:stack:key", "Values": ["nat/a"]},
            {"Name": "state", "Values": ["available"]},
        ]
        found = self.ec2.describe_nat_gateways(Filters=filters)["NatGateways"]
        self.assertEqual([gateway["NatGatewayId"] for gateway in found], [mine["NatGatewayId"]])
        self.assertEqual(found[0]["Tags"], [{"Key": "stack:key", "Value": "nat/a"}])
        address = found[0]["NatGatewayAddresses"][0]
        self.assertIn(
            ipaddress.ip_address(address["PrivateIp"]),
            ipaddress.ip_network(self.ec2.describe_subnets(SubnetIds=[net.public[0]])["Subnets"][0]["CidrBlock"]),
        )
        self.refused("NatGatewayNotFound", self.ec2.describe_nat_gateways, NatGatewayIds=["nat-0123456789abcdef0"])

    def test_without_an_internet_gateway_it_fails(self):
        net = Network(self, gateway=False)
        made, address = self.gateway(net)
        found = self.ec2.describe_nat_gateways(NatGatewayIds=[made["NatGatewayId"]])["NatGateways"][0]
        self.assertEqual((found["State"], found["FailureCode"]), ("failed", "Gateway.NotAttached"))
        self.ec2.release_address(AllocationId=address)


class Endpoints(Case):
    def test_an_interface_endpoint_takes_its_time(self):
        self.slowly(0.01)
        net = Network(self)
        group = net.group("endpoint")
        arguments = {
            "VpcId": net.vpc,
            "ServiceName": "com.amazonaws.us-east-1.logs",
            "VpcEndpointType": "Interface",
            "SubnetIds": [net.private[0]],
            "SecurityGroupIds": [group],
            "ClientToken": f"endpoint-{net.vpc}",
        }
        made = self.ec2.create_vpc_endpoint(**arguments)["VpcEndpoint"]
        endpoint = made["VpcEndpointId"]
        state = lambda: self.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"]
        self.assertEqual((made["State"], state()), ("pending", "pending"))
        self.until(lambda: state() == "available", "available")
        self.assertEqual(self.ec2.create_vpc_endpoint(**arguments)["VpcEndpoint"]["VpcEndpointId"], endpoint)
        self.refused("IdempotentParameterMismatch", self.ec2.create_vpc_endpoint, **arguments | {"SubnetIds": [net.private[1]]})
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=group)
        self.assertEqual(self.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"], [])
        self.assertEqual(state(), "deleting")
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=net.private[0])
        mine = [{"Name": "vpc-endpoint-id", "Values": [endpoint]}]
        self.until(lambda: not self.ec2.describe_vpc_endpoints(Filters=mine)["VpcEndpoints"], "gone")
        self.ec2.delete_security_group(GroupId=group)
        self.ec2.delete_subnet(SubnetId=net.private[0])

    def test_a_gateway_endpoint_adds_and_removes_its_route(self):
        net = Network(self)
        table = self.ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"]
        routes = lambda: self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        answer = self.ec2.create_vpc_endpoint(VpcId=net.vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table])
        made = answer["VpcEndpoint"]
        self.assertEqual((made["State"], len(routes())), ("available", 2))
        self.ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
        self.assertEqual(len(routes()), 1)

    def test_an_unknown_endpoint_is_reported_not_raised(self):
        unknown = self.ec2.delete_vpc_endpoints(VpcEndpointIds=["vpce-0123456789abcdef0"])["Unsuccessful"]
        self.assertEqual(unknown[0]["Error"]["Code"], "InvalidVpcEndpointId.NotFound")


class Tokens(Case):
    def test_a_route_table_token(self):
        net = Network(self)
        first = self.ec2.create_route_table(VpcId=net.vpc, ClientToken="table")["RouteTable"]["RouteTableId"]
        self.assertEqual(self.ec2.create_route_table(VpcId=net.vpc, ClientToken="table")["RouteTable"]["RouteTableId"], first)
        other = Network(self)
        self.refused("IdempotentParameterMismatch", self.ec2.create_route_table, VpcId=other.vpc, ClientToken="table")
        self.assertNotEqual(self.ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"], first)
