import datetime
import urllib.error

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

    def balancer(self, name: str, **more) -> str:
        network = Network(self)
        return self.elbv2.create_load_balancer(Name=name, Subnets=network.public, **more)["LoadBalancers"][0]["LoadBalancerArn"]


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


class Rules(Firewall):
    def capacity(self, *rules: dict, scope: str = "REGIONAL") -> int:
        return self.wafv2.check_capacity(Scope=scope, Rules=list(rules))["Capacity"]

    def of(self, statement: dict) -> int:
        return self.capacity(rule("one", 0, statement))

    def test_capacities_are_those_of_the_documentation(self):
        # https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-string-match.html, and the other statements'.
        path = {"FieldToMatch": {"UriPath": {}}, "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}
        lower = path | {"TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}]}
        string = {"SearchString": b"/admin", "PositionalConstraint": "STARTS_WITH"}
        self.assertEqual(self.of({"ByteMatchStatement": path | string}), 2)
        self.assertEqual(self.of({"ByteMatchStatement": lower | string}), 12)
        self.assertEqual(self.of({"ByteMatchStatement": path | string | {"PositionalConstraint": "CONTAINS"}}), 10)
        everything: dict = {"FieldToMatch": {"AllQueryArguments": {}}}
        self.assertEqual(self.of({"ByteMatchStatement": path | string | everything}), 12)
        json_body = {"FieldToMatch": {"JsonBody": {"MatchPattern": {"All": {}}, "MatchScope": "ALL"}}}
        self.assertEqual(self.of({"ByteMatchStatement": path | string | json_body}), 4)
        self.assertEqual(self.of({"RegexMatchStatement": path | {"RegexString": "x"}}), 3)
        self.assertEqual(self.of({"SizeConstraintStatement": path | {"ComparisonOperator": "GT", "Size": 9}}), 1)
        self.assertEqual(self.of({"SqliMatchStatement": path}), 20)
        self.assertEqual(self.of({"SqliMatchStatement": path | {"SensitivityLevel": "HIGH"}}), 30)
        self.assertEqual(self.of({"XssMatchStatement": path}), 40)
        geo = {"GeoMatchStatement": {"CountryCodes": ["KP"]}}
        self.assertEqual(self.of(geo), 1)
        self.assertEqual(self.of({"NotStatement": {"Statement": geo}}), 1)
        self.assertEqual(self.of({"AndStatement": {"Statements": [geo, {"XssMatchStatement": path}]}}), 41)
        self.assertEqual(self.capacity(rate()), 2)
        self.assertEqual(self.capacity(rate(ScopeDownStatement={"ByteMatchStatement": path | string})), 4)
        header = {"Header": {"Name": "x", "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}}
        self.assertEqual(self.capacity(rate(AggregateKeyType="CUSTOM_KEYS", CustomKeys=[header, {"IP": {}}])), 62)
        addresses = self.set("capacity")["ARN"]
        self.assertEqual(self.of({"IPSetReferenceStatement": {"ARN": addresses}}), 1)
        forwarded = {"HeaderName": "X-Forwarded-For", "FallbackBehavior": "MATCH", "Position": "ANY"}
        self.assertEqual(self.of({"IPSetReferenceStatement": {"ARN": addresses, "IPSetForwardedIPConfig": forwarded}}), 5)
        self.assertEqual(self.capacity(COMMON, rate()), 702)

    def test_managed_groups(self):
        found = self.wafv2.list_available_managed_rule_groups(Scope="CLOUDFRONT")["ManagedRuleGroups"]
        names = [one["Name"] for one in found]
        self.assertIn("AWSManagedRulesCommonRuleSet", names)
        describe = lambda name: self.wafv2.describe_managed_rule_group(VendorName="AWS", Name=name, Scope="REGIONAL")
        for name in names:
            described = describe(name)
            self.assertGreaterEqual(described["Capacity"], 25)
            rules = [one["Name"] for one in described["Rules"]]
            self.assertEqual(len(rules), len(set(rules)))
        common = describe("AWSManagedRulesCommonRuleSet")
        self.assertEqual((common["Capacity"], common["LabelNamespace"]), (700, "awswaf:managed:aws:core-rule-set:"))
        self.assertIn({"Name": "SizeRestrictions_BODY", "Action": {"Block": {}}}, common["Rules"])
        self.refused(
            "WAFNonexistentItemException", lambda **_: describe("AWSManagedRulesCommon"), 400, "by vendor AWS does not exist"
        )

    def refuses(self, code: str, says: str, *rules: dict, **more) -> None:
        name = f"refuses-{len(self.id())}"
        self.refused(code, lambda **_: self.acl(name, Rules=list(rules), **more), 400, says)
        self.assertNotIn(name, [one["Name"] for one in self.wafv2.list_web_acls(Scope="REGIONAL")["WebACLs"]])

    def test_what_is_refused_in_rules(self):
        invalid = "WAFInvalidParameterException"
        none_or_several = "none or multiple values for a field that requires exactly one value., field: "
        geo = {"GeoMatchStatement": {"CountryCodes": ["KP"]}}
        self.refuses(invalid, "unique priority", rate("a", 1), rate("b", 1))
        self.refuses(invalid, "unique name", rate("a", 1), rate("a", 2))
        blocked = {name: value for name, value in COMMON.items() if name != "OverrideAction"} | {"Action": {"Block": {}}}
        self.refuses(invalid, none_or_several + "RULE, parameter: Rule", blocked)
        self.refuses(invalid, none_or_several + "RULE, parameter: Rule", COMMON | {"Action": {"Block": {}}})
        self.refuses(invalid, none_or_several + "RULE, parameter: Rule", rate() | {"OverrideAction": {"None": {}}})
        self.refuses(invalid, none_or_several + "RULE_ACTION", rate() | {"Action": {"Block": {}, "Count": {}}})
        self.refuses(invalid, none_or_several + "RULE_ACTION", rate() | {"Action": {}})
        self.refuses(invalid, none_or_several + "OVERRIDE_ACTION", COMMON | {"OverrideAction": {}})
        self.refuses(
            invalid, none_or_several + "STATEMENT", rule("a", 0, geo | {"LabelMatchStatement": {"Scope": "LABEL", "Key": "k"}})
        )
        self.refuses(invalid, none_or_several + "STATEMENT", rule("a", 0, {}))
        self.refuses(
            invalid, "field: AND_STATEMENT, parameter: AndStatement", rule("a", 0, {"AndStatement": {"Statements": [geo]}})
        )
        self.refuses(invalid, "reference", rule("a", 0, {"NotStatement": {"Statement": rate()["Statement"]}}))
        self.refuses(invalid, "RATE_BASED_STATEMENT, parameter: 90", rate(EvaluationWindowSec=90))
        self.refuses(invalid, "FORWARDED_IP_CONFIG", rate(AggregateKeyType="FORWARDED_IP"))
        self.refuses(invalid, "SCOPE_DOWN", rate(AggregateKeyType="CONSTANT"))
        managed = lambda **more: COMMON | {"Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS"} | more}}
        common = "AWSManagedRulesCommonRuleSet"
        self.refuses(
            "WAFNonexistentItemException", "ManagedRules with name Common by vendor AWS does not exist", managed(Name="Common")
        )
        self.refuses("WAFNonexistentItemException", "doesn’t exist", managed(Name=common, Version="1"))
        count: dict = {"ActionToUse": {"Count": {}}}
        self.refuses(invalid, "NoSuchRule", managed(Name=common, RuleActionOverrides=[count | {"Name": "NoSuchRule"}]))
        self.refuses(invalid, "MANAGED_RULE_GROUP_CONFIG", managed(Name="AWSManagedRulesATPRuleSet"))
        missing = self.set("soon-gone")
        self.delete(missing)
        refers = lambda one: {"IPSetReferenceStatement": {"ARN": one["ARN"]}}
        self.refuses("WAFNonexistentItemException", "doesn’t exist", rule("a", 0, refers(missing)))
        edge = self.set("of-the-edge", scope="CLOUDFRONT")
        self.refuses("WAFNonexistentItemException", "doesn’t exist", rule("a", 0, refers(edge)))
        path = {"FieldToMatch": {"UriPath": {}, "QueryString": {}}, "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}
        self.refuses(invalid, none_or_several + "FIELD_TO_MATCH", rule("a", 0, {"XssMatchStatement": path}))
        many = [COMMON | {"Name": f"n{n}", "Priority": n} for n in range(8)]
        self.refuses(invalid, "exceeded the capacity limit for a rule group or web ACL., field: WEB_ACL, parameter: 5600", *many)
        answered = {"Action": {"Block": {"CustomResponse": {"ResponseCode": 403, "CustomResponseBodyKey": "sorry"}}}}
        self.refuses(invalid, "CUSTOM_RESPONSE", rate() | answered)
        good = managed(Name=common, Version="Version_1.20", RuleActionOverrides=[count | {"Name": "SizeRestrictions_BODY"}])
        body = {"sorry": {"ContentType": "TEXT_PLAIN", "Content": "Sorry"}}
        self.delete(self.acl("not-refused", Rules=[good, rate() | answered], CustomResponseBodies=body))

    def test_what_is_refused_in_acls(self):
        invalid = "WAFInvalidParameterException"
        error = self.refused(invalid, lambda **_: self.acl("default", DefaultAction={}), 400, "field: DEFAULT_ACTION")
        self.assertEqual((error.response["Field"], error.response["Parameter"]), ("DEFAULT_ACTION", "DefaultAction"))
        self.assertIn("exactly one value", error.response["Reason"])
        both: dict = {"Allow": {}, "Block": {}}
        self.refused(invalid, lambda **_: self.acl("default", DefaultAction=both), 400, "field: DEFAULT_ACTION")
        self.refused(invalid, lambda **_: self.acl("with space"), 400, "field: WEB_ACL")
        self.refused(invalid, lambda **_: self.acl("described", Description="no!"), 400, "field: WEB_ACL")
        made = self.acl("taken")
        self.refused("WAFDuplicateItemException", lambda **_: self.acl("taken"), 400)
        edge = self.acl("taken", "CLOUDFRONT")
        self.refused("WAFDuplicateItemException", lambda **_: self.acl("taken", "CLOUDFRONT"), 400)
        self.delete(edge, "CLOUDFRONT")
        self.delete(made)
        self.delete(self.acl("taken"))

    def test_what_is_missing_is_refused(self):
        client = self.server.client("wafv2", validates=False)  # the SDK would not send it
        create = client.create_web_acl
        given: dict = {"Name": "missing", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}}
        self.refused("WAFInvalidParameterException", create, 400, "parameter: VisibilityConfig", **given)
        bare = {name: value for name, value in rate().items() if name != "VisibilityConfig"}
        more = given | {"VisibilityConfig": visible("missing"), "Rules": [bare]}
        self.refused("WAFInvalidParameterException", create, 400, "field: RULE, parameter: VisibilityConfig", **more)

    def test_the_edge_is_in_us_east_1(self):
        west = self.server.client("wafv2", "us-west-2")
        more: dict = {"Name": "edge", "DefaultAction": {"Allow": {}}, "VisibilityConfig": visible("edge")}
        self.refused(
            "WAFInvalidParameterException", west.create_web_acl, 400, "parameter: CLOUDFRONT", Scope="CLOUDFRONT", **more
        )
        self.refused("WAFInvalidParameterException", west.list_ip_sets, 400, "field: SCOPE_VALUE", Scope="CLOUDFRONT")
        regional = west.create_web_acl(Scope="REGIONAL", **more)["Summary"]
        self.assertIn(":us-west-2:", regional["ARN"])
        self.refused("WAFInvalidParameterException", self.wafv2.get_web_acl, 400, ARN=regional["ARN"])

    def test_addresses(self):
        invalid = "WAFInvalidParameterException"
        for wrong in ("0.0.0.0/0", "192.0.2.1", "192.0.2.1/24", "192.0.2.0/33", "2001:db8::/32", "web"):
            self.refused(
                invalid, lambda wrong=wrong, **_: self.set("wrong", wrong), 400, f"field: IP_ADDRESS, parameter: {wrong}"
            )
        made = self.set("six", "2001:db8::/32", IPAddressVersion="IPV6")
        known = {"Name": "six", "Id": made["Id"], "Scope": "REGIONAL"}
        got = self.wafv2.get_ip_set(**known)["IPSet"]["Addresses"]
        self.assertEqual(got, ["2001:0db8:0000:0000:0000:0000:0000:0000/32"])
        update = self.wafv2.update_ip_set
        self.refused(invalid, update, 400, "IP_ADDRESS", **known, LockToken=made["LockToken"], Addresses=["192.0.2.0/24"])
        self.refused("WAFDuplicateItemException", lambda **_: self.set("six"), 400)
        empty = self.wafv2.create_ip_set(Name="empty", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=[])
        self.delete(empty["Summary"])

    def test_a_set_that_is_used_stays(self):
        addresses = self.set("used")
        used = {"IPSetReferenceStatement": {"ARN": addresses["ARN"]}}
        inside = rate(ScopeDownStatement={"NotStatement": {"Statement": used}})
        acl = self.acl("uses", Rules=[inside])
        self.refused("WAFAssociatedItemException", lambda **_: self.delete(addresses), 400)
        self.delete(acl)
        self.delete(addresses)

    def test_what_is_new_takes_its_time(self):
        self.slowly(0.1)
        addresses = self.set("new")
        used = rule("used", 0, {"IPSetReferenceStatement": {"ARN": addresses["ARN"]}})
        self.refused("WAFUnavailableEntityException", lambda **_: self.acl("of-new", Rules=[used]), 400)

        def made():
            try:
                return self.acl("of-new", Rules=[used])
            except self.wafv2.exceptions.WAFUnavailableEntityException:
                return None

        acl = self.until(made, "known")
        self.server.scale(0)
        balancer = self.balancer("waf-new")
        self.slowly(0.1)
        fresh = self.acl("fresh")
        associate = self.wafv2.associate_web_acl
        associate(WebACLArn=acl["ARN"], ResourceArn=balancer)
        self.refused("WAFUnavailableEntityException", associate, 400, WebACLArn=fresh["ARN"], ResourceArn=balancer)

    def test_a_version_that_expired_stops_every_change(self):
        name = "AWSManagedRulesLinuxRuleSet"
        statement = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name, "Version": "Version_2.6"}}
        acl = self.acl("expires", Rules=[COMMON | {"Statement": statement}])
        known: dict = {"Name": "expires", "Id": acl["Id"], "Scope": "REGIONAL", "LockToken": acl["LockToken"]}
        same: dict = {"DefaultAction": {"Allow": {}}, "VisibilityConfig": visible("expires")}
        update = self.wafv2.update_web_acl
        self.server.states(wafv2__managed={f"{name}/Version_2.6": "expired"})
        rules = [COMMON | {"Statement": statement}, rate()]
        self.refused("WAFExpiredManagedRuleGroupVersionException", update, 400, **known, **same, Rules=rules)
        self.server.states(wafv2__managed={f"{name}/Version_2.6": "available"})
        update(**known, **same, Rules=rules)


class Groups(Firewall):
    def test_one_is_kept_while_it_is_used(self):
        given: dict = {"Scope": "REGIONAL", "VisibilityConfig": visible("group")}
        create = self.wafv2.create_rule_group
        self.refused("WAFInvalidParameterException", create, 400, "RULE_GROUP", Name="group", Capacity=1, Rules=[rate()], **given)
        made = create(Name="group", Capacity=10, Rules=[rate()], **given)["Summary"]
        self.refused("WAFDuplicateItemException", create, 400, Name="group", Capacity=10, **given)
        statement = {"RuleGroupReferenceStatement": {"ARN": made["ARN"]}}
        refers = {name: value for name, value in rule("refers", 0, statement).items() if name != "Action"}
        acl = self.acl("refers", Rules=[refers | {"OverrideAction": {"None": {}}}])
        self.assertEqual(self.wafv2.get_web_acl(ARN=acl["ARN"])["WebACL"]["Capacity"], 10)
        known = {"Name": "group", "Id": made["Id"], "Scope": "REGIONAL"}
        delete = self.wafv2.delete_rule_group
        self.refused("WAFAssociatedItemException", delete, 400, **known, LockToken=made["LockToken"])
        self.delete(acl)
        delete(**known, LockToken=made["LockToken"])
        self.refused("WAFNonexistentItemException", self.wafv2.get_rule_group, 400, **known)


class Logs(Firewall):
    def test_where_one_logs_to(self):
        acl, edge = self.acl("logs"), self.acl("logs", "CLOUDFRONT")
        group = "arn:aws:logs:us-east-1:000000000000:log-group:aws-waf-logs-test"
        put = lambda of, *places, **more: self.wafv2.put_logging_configuration(
            LoggingConfiguration={"ResourceArn": of["ARN"], "LogDestinationConfigs": list(places)} | more
        )
        refuses = lambda code, says, *places: self.refused(code, lambda **_: put(acl, *places), 400, says)
        refuses("WAFLogDestinationPermissionIssueException", "permissions", group)
        self.logs.create_log_group(logGroupName="aws-waf-logs-test")
        self.s3.create_bucket(Bucket="aws-waf-logs-test")
        wrong = "arn:aws:logs:us-east-1:000000000000:log-group:/waf/logs"
        refuses("WAFInvalidParameterException", f"field: LOG_DESTINATION, parameter: {wrong}", wrong)
        refuses("WAFInvalidParameterException", "LOG_DESTINATION", group + ":*")
        refuses("WAFInvalidParameterException", "LOG_DESTINATION", group.replace("us-east-1", "us-west-2"))
        refuses("WAFLimitsExceededException", "limit", group, "arn:aws:s3:::aws-waf-logs-test")
        get = lambda of: self.wafv2.get_logging_configuration(ResourceArn=of["ARN"])["LoggingConfiguration"]
        self.refused("WAFNonexistentItemException", lambda **_: get(acl), 400)
        put(acl, group, RedactedFields=[{"SingleHeader": {"Name": "cookie"}}])
        self.assertEqual(get(acl)["RedactedFields"], [{"SingleHeader": {"Name": "cookie"}}])
        put(acl, "arn:aws:s3:::aws-waf-logs-test")
        self.assertEqual(get(acl)["LogDestinationConfigs"], ["arn:aws:s3:::aws-waf-logs-test"])
        self.assertNotIn("RedactedFields", get(acl))
        put(edge, group)
        found = self.wafv2.list_logging_configurations(Scope="CLOUDFRONT")["LoggingConfigurations"]
        self.assertEqual([one["ResourceArn"] for one in found], [edge["ARN"]])
        self.wafv2.delete_logging_configuration(ResourceArn=acl["ARN"])
        self.refused("WAFNonexistentItemException", lambda **_: get(acl), 400)
        self.delete(edge, "CLOUDFRONT")
        self.refused("WAFNonexistentItemException", lambda **_: put(edge, group), 400)


class Samples(Firewall):
    def test_none_unless_somebody_says_so(self):
        acl = self.acl("samples", Rules=[rate()])
        now = datetime.datetime.now(datetime.UTC)
        window = {"StartTime": now - datetime.timedelta(hours=5), "EndTime": now + datetime.timedelta(hours=1)}

        def seen(metric: str) -> list[dict]:
            more = {"RuleMetricName": metric, "Scope": "REGIONAL", "TimeWindow": window, "MaxItems": 10}
            return self.wafv2.get_sampled_requests(WebAclArn=acl["ARN"], **more)["SampledRequests"]

        self.assertEqual(seen("rate"), [])
        quiet = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": True, "MetricName": "quiet"}
        silent = self.acl("silent", VisibilityConfig=quiet)
        self.server.waf_samples(silent["ARN"], "quiet", {})
        more = {"RuleMetricName": "quiet", "Scope": "REGIONAL", "TimeWindow": window, "MaxItems": 10}
        self.assertEqual(self.wafv2.get_sampled_requests(WebAclArn=silent["ARN"], **more)["SampledRequests"], [])
        blocked: dict = {"ip": "198.51.100.7", "path": "/admin", "action": "BLOCK", "country": "FR"}
        self.server.waf_samples(acl["ARN"], "rate", blocked, {"seconds-ago": 14_000})
        (one,) = seen("rate")
        self.assertEqual((one["Action"], one["Request"]["ClientIP"], one["Request"]["URI"]), ("BLOCK", "198.51.100.7", "/admin"))
        self.assertEqual(seen("samples"), [])
        with self.assertRaises(urllib.error.HTTPError):
            self.server.waf_samples(acl["ARN"] + "x", "rate", blocked)


class Pages(Firewall):
    def test_a_marker_comes_with_every_page(self):
        """https://docs.aws.amazon.com/cli/latest/reference/wafv2/list-web-acls.html; zalando-incubator/kube-ingress-aws-controller#380"""
        other = self.server.client("wafv2", account="111111111111")
        for name in ("b", "a", "c"):
            other.create_web_acl(Name=name, Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=visible(name))
        first = other.list_web_acls(Scope="REGIONAL", Limit=2)
        self.assertEqual(([one["Name"] for one in first["WebACLs"]], first["NextMarker"]), (["a", "b"], "b"))
        second = other.list_web_acls(Scope="REGIONAL", Limit=2, NextMarker="b")
        self.assertEqual(([one["Name"] for one in second["WebACLs"]], second["NextMarker"]), (["c"], "c"))
        last = other.list_web_acls(Scope="REGIONAL", NextMarker="c")
        self.assertEqual((last["WebACLs"], last.get("NextMarker")), ([], None))
        self.assertEqual(other.list_web_acls(Scope="CLOUDFRONT")["WebACLs"], [])

        def one_a_page(request, **_):
            request.headers["X-Stack-Page-Items"] = "1"

        other.meta.events.register("before-sign.wafv2", one_a_page)
        names, marker = [], None
        while True:
            some = other.list_web_acls(Scope="REGIONAL", **({"NextMarker": marker} if marker else {}))
            self.assertLessEqual(len(some["WebACLs"]), 1)
            names += [one["Name"] for one in some["WebACLs"]]
            if not (marker := some.get("NextMarker")):
                break
        self.assertEqual(names, ["a", "b", "c"])
