from tests.aws import Case, Network

COMMON = {
    "Name": "common",
    "Priority": 1,
    "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}},
    "OverrideAction": {"Count": {}},
    "VisibilityConfig": {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "common"},
}


def visible(name: str) -> dict:
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}


def rule(name: str, priority: int, statement: dict, **more) -> dict:
    given = {
        "Name": name,
        "Priority": priority,
        "Statement": statement,
        "Action": {"Block": {}},
        "VisibilityConfig": visible(name),
    }
    return given | more


def rate(name: str = "rate", priority: int = 0, **more) -> dict:
    return rule(name, priority, {"RateBasedStatement": {"Limit": 1000, "AggregateKeyType": "IP"} | more})


class Firewall(Case):
    def acl(self, name: str, scope: str = "REGIONAL", **more) -> dict:
        given = {"DefaultAction": {"Allow": {}}, "VisibilityConfig": visible(name)} | more
        return self.wafv2.create_web_acl(Name=name, Scope=scope, **given)["Summary"]

    def set(self, name: str, *addresses: str, scope: str = "REGIONAL", **more) -> dict:
        given = {"IPAddressVersion": "IPV4", "Addresses": list(addresses or ["192.0.2.0/24"])} | more
        return self.wafv2.create_ip_set(Name=name, Scope=scope, **given)["Summary"]

    def delete(self, made: dict, scope: str = "REGIONAL") -> None:
        known = {"Name": made["Name"], "Id": made["Id"], "Scope": scope}
        if "/ipset/" in made["ARN"]:
            self.wafv2.delete_ip_set(**known, LockToken=self.wafv2.get_ip_set(**known)["LockToken"])
        else:
            self.wafv2.delete_web_acl(**known, LockToken=self.wafv2.get_web_acl(**known)["LockToken"])


class Acls(Firewall):
    def test_one_lives(self):
        made = self.acl("lives", Description="The first one.", Rules=[rate(), COMMON], Tags=[{"Key": "a", "Value": "b"}])
        self.assertRegex(made["ARN"], r"^arn:aws:wafv2:us-east-1:000000000000:regional/webacl/lives/[0-9a-f-]{36}$")
        known = {"Name": "lives", "Id": made["Id"], "Scope": "REGIONAL"}
        got = self.wafv2.get_web_acl(**known)
        self.assertEqual(got["LockToken"], made["LockToken"])
        self.assertEqual(self.wafv2.get_web_acl(ARN=made["ARN"])["WebACL"], got["WebACL"])
        view = got["WebACL"]
        self.assertEqual((view["Capacity"], view["Description"]), (702, "The first one."))
        self.assertEqual(view["Rules"][0]["Statement"]["RateBasedStatement"]["EvaluationWindowSec"], 300)
        self.assertEqual(view["Rules"][1], COMMON)
        self.assertIn(made, self.wafv2.list_web_acls(Scope="REGIONAL")["WebACLs"])

        change: dict = {"DefaultAction": {"Block": {}}, "VisibilityConfig": visible("lives")}
        following = self.wafv2.update_web_acl(**known, **change, LockToken=made["LockToken"])["NextLockToken"]
        self.refused("WAFOptimisticLockException", self.wafv2.update_web_acl, 400, **known, **change, LockToken=made["LockToken"])
        view = self.wafv2.get_web_acl(**known)["WebACL"]
        self.assertEqual((view["Rules"], view["Description"], view["Capacity"]), ([], "", 0), "an update replaces everything")
        self.refused("WAFOptimisticLockException", self.wafv2.delete_web_acl, 400, **known, LockToken=made["LockToken"])
        self.wafv2.delete_web_acl(**known, LockToken=following)
        self.refused("WAFNonexistentItemException", self.wafv2.get_web_acl, 400, **known)
        self.refused("WAFNonexistentItemException", self.wafv2.list_tags_for_resource, 400, ResourceARN=made["ARN"])

    def test_a_set_lives(self):
        made = self.set("lives", "192.0.2.0/24", "198.51.100.7/32", Description="Them.")
        known = {"Name": "lives", "Id": made["Id"], "Scope": "REGIONAL"}
        got = self.wafv2.get_ip_set(**known)
        self.assertEqual(got["LockToken"], made["LockToken"])
        self.assertEqual(got["IPSet"]["Addresses"], ["192.0.2.0/24", "198.51.100.7/32"])
        change = {"Addresses": ["203.0.113.0/24"], "LockToken": made["LockToken"]}
        following = self.wafv2.update_ip_set(**known, **change)["NextLockToken"]
        self.refused("WAFOptimisticLockException", self.wafv2.update_ip_set, 400, **known, **change)
        view = self.wafv2.get_ip_set(**known)["IPSet"]
        self.assertEqual((view["Addresses"], view["IPAddressVersion"], view["Description"]), (["203.0.113.0/24"], "IPV4", ""))
        self.assertIn("lives", [one["Name"] for one in self.wafv2.list_ip_sets(Scope="REGIONAL")["IPSets"]])
        self.refused("WAFOptimisticLockException", self.wafv2.delete_ip_set, 400, **known, LockToken=made["LockToken"])
        self.wafv2.delete_ip_set(**known, LockToken=following)
        self.refused("WAFNonexistentItemException", self.wafv2.get_ip_set, 400, **known)

    def test_tags(self):
        tag = {"Key": "stack:name", "Value": "waf-tags"}
        acl, addresses = self.acl("tagged", Tags=[tag]), self.set("tagged", Tags=[tag])
        edge = self.acl("tagged", "CLOUDFRONT", Tags=[tag])
        given = {"Scope": "REGIONAL", "VisibilityConfig": visible("tagged"), "Capacity": 10}
        group = self.wafv2.create_rule_group(Name="tagged", **given, Tags=[tag])["Summary"]
        patterns = self.wafv2.create_regex_pattern_set(
            Name="tagged", Scope="CLOUDFRONT", RegularExpressionList=[{"RegexString": "x"}], Tags=[tag]
        )["Summary"]
        self.assertIn(":global/regexpatternset/", patterns["ARN"])
        every = [acl, addresses, edge, group, patterns]

        def found(name: str, value: str) -> set[str]:
            filters = [{"Key": name, "Values": [value]}]
            some = self.resourcegroupstaggingapi.get_resources(TagFilters=filters)["ResourceTagMappingList"]
            return {one["ResourceARN"] for one in some}

        self.assertEqual(found("stack:name", "waf-tags"), {one["ARN"] for one in every})
        for one in every:
            arn = one["ARN"]
            self.wafv2.tag_resource(ResourceARN=arn, Tags=[{"Key": "more", "Value": "waf"}])
            self.wafv2.untag_resource(ResourceARN=arn, TagKeys=["stack:name"])
            told = self.wafv2.list_tags_for_resource(ResourceARN=arn)["TagInfoForResource"]
            self.assertEqual(told, {"ResourceARN": arn, "TagList": [{"Key": "more", "Value": "waf"}]})
        self.assertEqual(found("stack:name", "waf-tags"), set())
        self.assertEqual(found("more", "waf"), {one["ARN"] for one in every})
        self.delete(acl)
        self.delete(edge, "CLOUDFRONT")
        self.delete(addresses)
        self.assertEqual(found("more", "waf"), {group["ARN"], patterns["ARN"]})
        self.refused("WAFNonexistentItemException", self.wafv2.tag_resource, 400, ResourceARN=acl["ARN"], Tags=[tag])


class Balancers(Firewall):
    def balancer(self, name: str, **more) -> str:
        network = Network(self)
        return self.elbv2.create_load_balancer(Name=name, Subnets=network.public, **more)["LoadBalancers"][0]["LoadBalancerArn"]

    def test_one_has_one_acl(self):
        balancer, first, second = self.balancer("waf"), self.acl("first-of-balancer"), self.acl("second-of-balancer")
        of = lambda acl: self.wafv2.list_resources_for_web_acl(WebACLArn=acl["ARN"])["ResourceArns"]
        self.assertNotIn("WebACL", self.wafv2.get_web_acl_for_resource(ResourceArn=balancer))
        self.wafv2.associate_web_acl(WebACLArn=first["ARN"], ResourceArn=balancer)
        self.assertEqual(self.wafv2.get_web_acl_for_resource(ResourceArn=balancer)["WebACL"]["ARN"], first["ARN"])
        self.wafv2.associate_web_acl(WebACLArn=second["ARN"], ResourceArn=balancer)
        self.assertEqual((of(first), of(second)), ([], [balancer]))
        self.delete(first)
        self.refused("WAFAssociatedItemException", lambda **_: self.delete(second), 400)
        self.wafv2.disassociate_web_acl(ResourceArn=balancer)
        self.assertEqual(of(second), [])
        self.wafv2.associate_web_acl(WebACLArn=second["ARN"], ResourceArn=balancer)
        self.elbv2.delete_load_balancer(LoadBalancerArn=balancer)
        self.assertEqual(of(second), [], "a balancer that is gone has none")
        self.delete(second)

    def test_what_is_refused(self):
        acl, balancer = self.acl("refused-for-balancer"), self.balancer("waf-network", Type="network")
        other = balancer.replace("/net/", "/app/")
        associate = self.wafv2.associate_web_acl
        self.refused("WAFInvalidParameterException", associate, 400, WebACLArn=acl["ARN"], ResourceArn=balancer)
        self.refused("WAFNonexistentItemException", associate, 400, WebACLArn=acl["ARN"], ResourceArn=other)
        self.refused("WAFNonexistentItemException", self.wafv2.get_web_acl_for_resource, 400, ResourceArn=other)
        self.delete(acl)
        good = self.balancer("waf-good")
        self.refused("WAFNonexistentItemException", associate, 400, WebACLArn=acl["ARN"], ResourceArn=good)
        edge = self.acl("edge-for-balancer", "CLOUDFRONT")
        self.refused("WAFInvalidParameterException", associate, 400, WebACLArn=edge["ARN"], ResourceArn=good)


class Distributions(Firewall):
    def config(self, reference: str, acl: str, **more) -> dict:
        behavior = {
            "TargetOriginId": "web",
            "ViewerProtocolPolicy": "redirect-to-https",
            "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        }
        custom = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
        origins = [{"Id": "web", "DomainName": "web.example.com", "CustomOriginConfig": custom}]
        return {
            "CallerReference": reference,
            "Comment": "",
            "Enabled": True,
            "WebACLId": acl,
            "Origins": {"Quantity": 1, "Items": origins},
            "DefaultCacheBehavior": behavior,
        } | more

    def test_one_has_one_acl(self):
        acl, regional = self.acl("of-distribution", "CLOUDFRONT"), self.acl("of-distribution")
        for wrong in (regional["ARN"], acl["Id"], acl["ARN"][:-1]):
            create = self.cloudfront.create_distribution
            self.refused("InvalidWebACLId", create, 400, DistributionConfig=self.config("waf", wrong))
        made = self.cloudfront.create_distribution(DistributionConfig=self.config("waf", acl["ARN"]))
        identifier, config = made["Distribution"]["Id"], made["Distribution"]["DistributionConfig"]
        of = lambda arn: [
            one["Id"]
            for one in self.cloudfront.list_distributions_by_web_acl_id(WebACLId=arn)["DistributionList"].get("Items", [])
        ]
        self.assertEqual(of(acl["ARN"]), [identifier])
        self.refused("WAFAssociatedItemException", lambda **_: self.delete(acl, "CLOUDFRONT"), 400)
        update = self.cloudfront.update_distribution
        self.refused(
            "InvalidWebACLId", update, 400, Id=identifier, IfMatch=made["ETag"], DistributionConfig=config | {"WebACLId": "x"}
        )
        self.slowly(0.005)
        update(Id=identifier, IfMatch=made["ETag"], DistributionConfig=config | {"WebACLId": ""})
        self.assertEqual(of(acl["ARN"]), [])
        self.assertIn(identifier, of("null"))
        self.refused("WAFAssociatedItemException", lambda **_: self.delete(acl, "CLOUDFRONT"), 400)
        deployed = lambda: self.cloudfront.get_distribution(Id=identifier)["Distribution"]["Status"] == "Deployed"
        self.until(deployed, "deployed")
        self.delete(acl, "CLOUDFRONT")
