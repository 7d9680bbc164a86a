import json

from tests.aws import Case, Network


class Balancer:
    def __init__(self, case: Case, name: str, listener: bool = True):
        self.case, self.net = case, Network(case)
        self.group = self.net.group("balancer")
        self.arguments: dict = {
            "Name": name,
            "Subnets": self.net.public,
            "SecurityGroups": [self.group],
            "Tags": [{"Key": "a", "Value": "b"}],
        }
        self.made = case.elbv2.create_load_balancer(**self.arguments)["LoadBalancers"][0]
        self.arn = self.made["LoadBalancerArn"]
        self.target = self.target_group(f"{name}-tg")
        self.listener = self.listen(80) if listener else None

    def target_group(self, name: str, **more) -> str:
        made = self.case.elbv2.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId=self.net.vpc, TargetType="ip", **more
        )
        return made["TargetGroups"][0]["TargetGroupArn"]

    def listen(self, port: int) -> str:
        forward = [{"Type": "forward", "TargetGroupArn": self.target}]
        made = self.case.elbv2.create_listener(LoadBalancerArn=self.arn, Protocol="HTTP", Port=port, DefaultActions=forward)
        return made["Listeners"][0]["ListenerArn"]

    def rule(self, path: str, priority: int, **more) -> str:
        condition = [{"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}}]
        actions = [{"Type": "forward", "TargetGroupArn": self.target}]
        return self.case.elbv2.create_rule(
            ListenerArn=self.listener, Priority=priority, Conditions=condition, Actions=actions, **more
        )["Rules"][0]["RuleArn"]


class AccessLogs(Case):
    def setUp(self):
        super().setUp()
        self.b = Balancer(self, "logged", listener=False)
        self.s3.create_bucket(Bucket="logged-requests")

    def tearDown(self):
        self.elbv2.delete_load_balancer(LoadBalancerArn=self.b.arn)

    def turn_on(self, bucket: str = "logged-requests", prefix: str = "alb"):
        keys = {"enabled": "true", "bucket": bucket, "prefix": prefix}
        return self.elbv2.modify_load_balancer_attributes(
            LoadBalancerArn=self.b.arn,
            Attributes=[{"Key": f"access_logs.s3.{key}", "Value": value} for key, value in keys.items()],
        )

    def allow(self, **condition) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::logged-requests/alb/AWSLogs/000000000000/*",
            "Condition": {"ArnLike": condition},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.s3.put_bucket_policy(Bucket="logged-requests", Policy=policy)

    def test_go_where_they_may_be_written_and_nowhere_else(self):
        self.refused("InvalidConfigurationRequest", self.turn_on, bucket="no-such-bucket")
        self.refused("InvalidConfigurationRequest", self.turn_on)
        ours = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/"
        self.allow(**{"aws:SourceArn": f"{ours}another*"})
        self.refused("InvalidConfigurationRequest", self.turn_on)
        self.allow(**{"aws:SourceArn": f"{ours}logged*"})
        self.refused("InvalidConfigurationRequest", self.turn_on, prefix="AWSLogs")
        self.refused("InvalidConfigurationRequest", self.turn_on, prefix="elsewhere")
        self.turn_on()
        listed = self.s3.list_objects_v2(Bucket="logged-requests")["Contents"]
        self.assertEqual([one["Key"] for one in listed], ["alb/AWSLogs/000000000000/ELBAccessLogTestFile"])
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
        self.s3.put_bucket_encryption(Bucket="logged-requests", ServerSideEncryptionConfiguration={"Rules": [rule]})
        self.refused("InvalidConfigurationRequest", self.turn_on)


class Balancers(Case):
    def test_provisioning_then_active_and_what_it_holds(self):
        self.slowly(0.005)
        b = Balancer(self, "slow")
        state = lambda: self.elbv2.describe_load_balancers(Names=["slow"])["LoadBalancers"][0]["State"]["Code"]
        self.assertEqual((b.made["State"]["Code"], state()), ("provisioning", "provisioning"))
        self.until(lambda: state() == "active", "active")
        mine = [{"Name": "group-id", "Values": [b.group]}]
        held = self.ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]
        self.assertEqual(sorted(eni["SubnetId"] for eni in held), sorted(b.net.public))
        self.assertTrue(all(eni["Description"].startswith("ELB app/slow/") for eni in held))
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=b.group)
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=b.net.public[1])
        detach = {"InternetGatewayId": b.net.gateway, "VpcId": b.net.vpc}
        self.refused("DependencyViolation", self.ec2.detach_internet_gateway, **detach)
        self.elbv2.delete_load_balancer(LoadBalancerArn=b.arn)
        self.refused("LoadBalancerNotFound", self.elbv2.describe_load_balancers, LoadBalancerArns=[b.arn])
        self.refused("DependencyViolation", self.ec2.detach_internet_gateway, **detach)  # its addresses linger
        self.until(lambda: not self.ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"], "without interfaces")
        self.ec2.detach_internet_gateway(**detach)
        self.ec2.delete_security_group(GroupId=b.group)

    def test_a_target_group_has_one_balancer(self):
        one, other = Balancer(self, "a-sole-balancer"), Balancer(self, "another-balancer", listener=False)
        forward = [{"Type": "forward", "TargetGroupArn": one.target}]
        listen: dict = {"LoadBalancerArn": other.arn, "Protocol": "HTTP", "Port": 80, "DefaultActions": forward}
        self.refused("TargetGroupAssociationLimit", self.elbv2.create_listener, **listen)
        self.elbv2.delete_listener(ListenerArn=one.listener)
        self.elbv2.create_listener(**listen)

    def test_the_same_name(self):
        b = Balancer(self, "twice")
        again = self.elbv2.create_load_balancer(**b.arguments)["LoadBalancers"][0]
        self.assertEqual(again["LoadBalancerArn"], b.arn)
        self.refused("DuplicateLoadBalancerName", self.elbv2.create_load_balancer, 400, **b.arguments | {"Scheme": "internal"})

    def test_names(self):
        net = Network(self)
        create = lambda name: {"Name": name, "Subnets": net.public}
        for name in ("n" * 33, "-start", "end-", "under_score"):
            self.refused("ValidationError", self.elbv2.create_load_balancer, 400, **create(name))
            self.refused(
                "ValidationError", self.elbv2.create_target_group, 400, Name=name, Protocol="HTTP", Port=80, VpcId=net.vpc
            )
        self.elbv2.create_load_balancer(**create("n" * 32))

    def test_where_it_cannot_be(self):
        net, closed = Network(self), Network(self, gateway=False)
        self.refused("ValidationError", self.elbv2.create_load_balancer, Name="one", Subnets=net.public[:1])
        self.refused(
            "InvalidConfigurationRequest", self.elbv2.create_load_balancer, Name="one", Subnets=[net.public[0], net.private[0]]
        )
        self.refused(
            "SubnetNotFound", self.elbv2.create_load_balancer, Name="one", Subnets=["subnet-0123456789abcdef0", net.public[0]]
        )
        self.refused("InvalidSubnet", self.elbv2.create_load_balancer, Name="one", Subnets=closed.public)
        self.elbv2.create_load_balancer(Name="one", Subnets=closed.public, Scheme="internal")

    def test_deletion_protection(self):
        b = Balancer(self, "protected")
        protect = lambda value: self.elbv2.modify_load_balancer_attributes(
            LoadBalancerArn=b.arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": value}]
        )
        protect("true")
        self.refused("OperationNotPermitted", self.elbv2.delete_load_balancer, 400, LoadBalancerArn=b.arn)
        protect("false")
        self.elbv2.delete_load_balancer(LoadBalancerArn=b.arn)

    def test_attributes_are_answered_whole(self):
        b = Balancer(self, "attributes")
        read = lambda: {
            a["Key"]: a["Value"] for a in self.elbv2.describe_load_balancer_attributes(LoadBalancerArn=b.arn)["Attributes"]
        }
        before = read()
        self.assertGreaterEqual(len(before), 20)
        change = [{"Key": "idle_timeout.timeout_seconds", "Value": "75"}]
        self.elbv2.modify_load_balancer_attributes(LoadBalancerArn=b.arn, Attributes=change)
        self.assertEqual(read(), before | {"idle_timeout.timeout_seconds": "75"})
        self.refused(
            "ValidationError",
            self.elbv2.modify_load_balancer_attributes,
            LoadBalancerArn=b.arn,
            Attributes=[{"Key": "no.such.key", "Value": "1"}],
        )

    def test_moving_it(self):
        b = Balancer(self, "moving")
        self.elbv2.set_subnets(LoadBalancerArn=b.arn, Subnets=b.net.private)
        other = b.net.group("other")
        self.elbv2.set_security_groups(LoadBalancerArn=b.arn, SecurityGroups=[other])
        now = self.elbv2.describe_load_balancers(LoadBalancerArns=[b.arn])["LoadBalancers"][0]
        self.assertEqual(sorted(z["SubnetId"] for z in now["AvailabilityZones"]), sorted(b.net.private))
        self.assertEqual(now["SecurityGroups"], [other])
        self.ec2.delete_subnet(SubnetId=b.net.public[0])
        self.ec2.delete_security_group(GroupId=b.group)
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=other)
        self.refused(
            "InvalidSecurityGroup", self.elbv2.set_security_groups, LoadBalancerArn=b.arn, SecurityGroups=["sg-0123456789abcdef0"]
        )


class TargetGroups(Case):
    def test_in_use_by_a_listener_or_a_rule(self):
        b = Balancer(self, "used")
        self.refused("ResourceInUse", self.elbv2.delete_target_group, 400, TargetGroupArn=b.target)
        other = b.target_group("used-other")
        self.elbv2.modify_listener(ListenerArn=b.listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": other}])
        rule = b.rule("/x", 5)
        self.refused("ResourceInUse", self.elbv2.delete_target_group, TargetGroupArn=b.target)
        self.elbv2.delete_rule(RuleArn=rule)
        self.elbv2.delete_target_group(TargetGroupArn=b.target)
        self.refused("TargetGroupNotFound", self.elbv2.describe_target_groups, TargetGroupArns=[b.target])

    def test_the_same_name(self):
        b = Balancer(self, "tgname")
        self.assertEqual(b.target_group("tgname-tg"), b.target)
        self.refused("DuplicateTargetGroupName", b.target_group, 400, name="tgname-tg", HealthCheckPath="/other")

    def test_attributes(self):
        b = Balancer(self, "tgattr")
        read = lambda: {
            a["Key"]: a["Value"] for a in self.elbv2.describe_target_group_attributes(TargetGroupArn=b.target)["Attributes"]
        }
        before = read()
        self.assertEqual(before["deregistration_delay.timeout_seconds"], "300")
        self.assertEqual(len(before), 14)
        modify = lambda key, value: self.elbv2.modify_target_group_attributes(
            TargetGroupArn=b.target, Attributes=[{"Key": key, "Value": value}]
        )
        modify("deregistration_delay.timeout_seconds", "10")
        self.assertEqual(read(), before | {"deregistration_delay.timeout_seconds": "10"})
        with self.subTest("what is refused"):
            self.refused("ValidationError", modify, key="nonsense", value="1")
            self.refused("ValidationError", modify, key="deregistration_delay.timeout_seconds", value="3601")

    def test_health_checks_read_back(self):
        b = Balancer(self, "checks")
        self.elbv2.modify_target_group(
            TargetGroupArn=b.target,
            HealthCheckPath="/up",
            HealthCheckIntervalSeconds=10,
            HealthyThresholdCount=2,
            Matcher={"HttpCode": "200-299"},
        )
        now = self.elbv2.describe_target_groups(TargetGroupArns=[b.target])["TargetGroups"][0]
        self.assertEqual(
            (now["HealthCheckPath"], now["HealthCheckIntervalSeconds"], now["HealthyThresholdCount"], now["Matcher"]),
            ("/up", 10, 2, {"HttpCode": "200-299"}),
        )
        self.assertEqual(
            (now["HealthCheckTimeoutSeconds"], now["UnhealthyThresholdCount"], now["LoadBalancerArns"]), (5, 2, [b.arn])
        )
        self.refused("ValidationError", self.elbv2.modify_target_group, TargetGroupArn=b.target, HealthCheckTimeoutSeconds=10)

    def test_targets_become_healthy(self):
        self.slowly(0.005)
        b = Balancer(self, "targets")
        self.elbv2.register_targets(
            TargetGroupArn=b.target, Targets=[{"Id": "10.0.0.9", "Port": 80}, {"Id": "10.0.0.9", "Port": 81}]
        )
        health = lambda: [
            t["TargetHealth"]["State"]
            for t in self.elbv2.describe_target_health(TargetGroupArn=b.target)["TargetHealthDescriptions"]
        ]
        self.assertEqual(health(), ["initial", "initial"])
        self.until(lambda: health() == ["healthy", "healthy"], "healthy")
        self.elbv2.deregister_targets(TargetGroupArn=b.target, Targets=[{"Id": "10.0.0.9", "Port": 81}])
        self.assertEqual(health(), ["healthy"])
        unused = b.target_group("targets-unused")
        self.elbv2.register_targets(TargetGroupArn=unused, Targets=[{"Id": "10.0.0.9"}])
        self.assertEqual(
            self.elbv2.describe_target_health(TargetGroupArn=unused)["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"],
            "Target.NotInUse",
        )


class Listeners(Case):
    def test_a_port_only_once(self):
        b = Balancer(self, "ports")
        self.refused("DuplicateListener", b.listen, 400, port=80)
        second = b.listen(81)
        self.refused("DuplicateListener", self.elbv2.modify_listener, ListenerArn=second, Port=80)
        self.elbv2.delete_listener(ListenerArn=b.listener)
        self.elbv2.modify_listener(ListenerArn=second, Port=80)

    def test_https_wants_a_certificate(self):
        b = Balancer(self, "https")
        forward = [{"Type": "forward", "TargetGroupArn": b.target}]
        arguments = {"LoadBalancerArn": b.arn, "Protocol": "HTTPS", "Port": 443, "DefaultActions": forward}
        self.refused("ValidationError", self.elbv2.create_listener, **arguments)
        certificate = "arn:aws:acm:us-east-1:000000000000:certificate/one"
        made = self.elbv2.create_listener(
            **arguments, Certificates=[{"CertificateArn": certificate}], SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06"
        )["Listeners"][0]
        self.assertEqual(
            (made["SslPolicy"], made["Certificates"]), ("ELBSecurityPolicy-TLS13-1-2-2021-06", [{"CertificateArn": certificate}])
        )

    def test_attributes(self):
        b = Balancer(self, "lattr")
        read = lambda: {
            a["Key"]: a["Value"] for a in self.elbv2.describe_listener_attributes(ListenerArn=b.listener)["Attributes"]
        }
        self.assertEqual(read()["routing.http.response.server.enabled"], "true")
        self.elbv2.modify_listener_attributes(
            ListenerArn=b.listener, Attributes=[{"Key": "routing.http.response.server.enabled", "Value": "false"}]
        )
        self.assertEqual(read()["routing.http.response.server.enabled"], "false")

    def test_a_redirect_reads_back_whole(self):
        b = Balancer(self, "redirect")
        redirect = [{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}]
        self.elbv2.modify_listener(ListenerArn=b.listener, DefaultActions=redirect)
        action = self.elbv2.describe_listeners(ListenerArns=[b.listener])["Listeners"][0]["DefaultActions"][0]
        whole = {
            "Protocol": "HTTPS",
            "Port": "443",
            "Host": "#{host}",
            "Path": "/#{path}",
            "Query": "#{query}",
            "StatusCode": "HTTP_301",
        }
        self.assertEqual(action["RedirectConfig"], whole)
        self.elbv2.delete_target_group(TargetGroupArn=b.target)  # no longer used


class Rules(Case):
    def test_priorities_trade_places(self):
        b = Balancer(self, "swap")
        one, two = b.rule("/one", 1), b.rule("/two", 2)
        self.refused("PriorityInUse", b.rule, 400, path="/three", priority=2)
        self.elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": one, "Priority": 2}, {"RuleArn": two, "Priority": 1}])
        order = [(r["RuleArn"], r["Priority"]) for r in self.elbv2.describe_rules(ListenerArn=b.listener)["Rules"][:2]]
        self.assertEqual(order, [(two, "1"), (one, "2")])
        three = b.rule("/three", 3)
        self.refused(
            "PriorityInUse",
            self.elbv2.set_rule_priorities,
            RulePriorities=[{"RuleArn": one, "Priority": 9}, {"RuleArn": three, "Priority": 1}],
        )
        self.assertEqual(self.elbv2.describe_rules(RuleArns=[one])["Rules"][0]["Priority"], "2")  # nothing half done

    def test_weights_and_modification(self):
        b = Balancer(self, "weights")
        other, rule = b.target_group("weights-b"), b.rule("/w", 1)
        split = [{"TargetGroupArn": b.target, "Weight": 90}, {"TargetGroupArn": other, "Weight": 10}]
        self.elbv2.modify_rule(
            RuleArn=rule,
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": split}}],
            Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example"]}}],
        )
        now = self.elbv2.describe_rules(RuleArns=[rule])["Rules"][0]
        self.assertEqual(now["Actions"][0]["ForwardConfig"]["TargetGroups"], split)
        self.assertEqual((now["Conditions"][0]["Field"], now["Conditions"][0]["Values"]), ("host-header", ["a.example"]))
        self.refused("ResourceInUse", self.elbv2.delete_target_group, TargetGroupArn=other)
        self.refused(
            "TargetGroupNotFound",
            self.elbv2.modify_rule,
            RuleArn=rule,
            Actions=[{"Type": "forward", "TargetGroupArn": b.target + "0"}],
        )

    def test_the_default_rule_stays(self):
        b = Balancer(self, "default")
        rule = self.elbv2.describe_rules(ListenerArn=b.listener)["Rules"][0]
        self.assertEqual((rule["Priority"], rule["IsDefault"]), ("default", True))
        self.refused("OperationNotPermitted", self.elbv2.delete_rule, RuleArn=rule["RuleArn"])


class Tags(Case):
    def test_on_everything(self):
        b = Balancer(self, "tags")
        rule = b.rule("/t", 1, Tags=[{"Key": "at", "Value": "birth"}])
        arns = [b.arn, b.target, b.listener, rule]
        self.elbv2.add_tags(ResourceArns=arns, Tags=[{"Key": "stack:key", "Value": "x"}])
        read = lambda: {
            d["ResourceArn"]: {t["Key"]: t["Value"] for t in d["Tags"]}
            for d in self.elbv2.describe_tags(ResourceArns=arns)["TagDescriptions"]
        }
        self.assertEqual(
            read(),
            {
                b.arn: {"a": "b", "stack:key": "x"},
                b.target: {"stack:key": "x"},
                b.listener: {"stack:key": "x"},
                rule: {"at": "birth", "stack:key": "x"},
            },
        )
        self.elbv2.remove_tags(ResourceArns=[rule], TagKeys=["at"])
        self.assertEqual(read()[rule], {"stack:key": "x"})
        self.refused("LoadBalancerNotFound", self.elbv2.describe_tags, ResourceArns=[b.arn + "0"])
