"""Records of one name that lead to several regions: what AWS refuses of them."""

from typing import ClassVar

from tests.aws import Case


class Routed(Case):
    def test_records_of_one_name_have_one_policy(self):
        api = self.server.client("route53")
        zone = api.create_hosted_zone(Name="routed.example", CallerReference="1")["HostedZone"]["Id"]

        def change(action: str, name: str = "routed.example", **more):
            alias = {"HostedZoneId": "Z32O12XQLNTSW2", "DNSName": "a.eu-west-1.elb.amazonaws.com", "EvaluateTargetHealth": True}
            record = {"Name": name, "Type": "A", "AliasTarget": alias} | more
            api.change_resource_record_sets(
                HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
            )

        def there() -> list:
            sets = api.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
            return sorted((one["Name"], one.get("SetIdentifier", "")) for one in sets if one["Type"] == "A")

        change("CREATE")
        self.refused("InvalidChangeBatch", change, 400, "simple", action="CREATE", SetIdentifier="one", Failover="PRIMARY")
        change("DELETE")
        self.refused("InvalidChangeBatch", change, 400, "SetIdentifier", action="CREATE", Failover="PRIMARY")
        change("CREATE", SetIdentifier="one", Failover="PRIMARY")
        change("CREATE", name="www.routed.example", SetIdentifier="one", Failover="PRIMARY")
        self.refused(
            "InvalidChangeBatch", change, 400, "there is a PRIMARY one", action="CREATE", SetIdentifier="two", Failover="PRIMARY"
        )
        self.refused("InvalidChangeBatch", change, 400, "failover", action="CREATE", SetIdentifier="two", Region="eu-west-1")
        self.refused("InvalidChangeBatch", change, 400, "failover", action="CREATE")
        change("CREATE", SetIdentifier="two", Failover="SECONDARY")
        # Only the one that is named, and not what has the same identifier under another name.
        change("DELETE", SetIdentifier="one", Failover="PRIMARY")
        self.assertEqual(there(), [("routed.example.", "two"), ("www.routed.example.", "one")])


class HealthChecks(Case):
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHealthCheck.html and the pages of the other operations."""

    CONFIG: ClassVar = {"Type": "HTTPS", "FullyQualifiedDomainName": "a.eu-west-1.elb.amazonaws.com", "ResourcePath": "/health"}

    def create(self, reference: str, **more) -> dict:
        api = self.server.client("route53")
        return api.create_health_check(CallerReference=reference, HealthCheckConfig=self.CONFIG | more)["HealthCheck"]

    def test_a_reference_is_used_once(self):
        api = self.server.client("route53")
        check = self.create("once")
        config = check["HealthCheckConfig"]
        self.assertEqual((config["Port"], config["RequestInterval"], config["EnableSNI"]), (443, 30, True))
        self.assertEqual(self.create("once")["Id"], check["Id"])
        self.refused("HealthCheckAlreadyExists", self.create, 409, "once", reference="once", FailureThreshold=5)
        api.delete_health_check(HealthCheckId=check["Id"])
        self.refused("HealthCheckAlreadyExists", self.create, 409, "once", reference="once")
        self.refused("NoSuchHealthCheck", api.get_health_check, 404, check["Id"], HealthCheckId=check["Id"])
        self.refused("InvalidInput", self.create, 400, "RequestInterval", reference="slow", RequestInterval=20)

    def test_a_change_names_the_version_that_it_saw(self):
        api = self.server.client("route53")
        check = self.create("versioned")["Id"]
        changed = api.update_health_check(HealthCheckId=check, HealthCheckVersion=1, ResourcePath="/alive")["HealthCheck"]
        self.assertEqual((changed["HealthCheckVersion"], changed["HealthCheckConfig"]["ResourcePath"]), (2, "/alive"))
        self.refused(
            "HealthCheckVersionMismatch",
            api.update_health_check,
            409,
            "",
            HealthCheckId=check,
            HealthCheckVersion=1,
            Disabled=True,
        )

    def test_tags_are_few_and_in_one_index(self):
        api = self.server.client("route53")
        check = self.create("tagged")["Id"]
        of = {"ResourceType": "healthcheck", "ResourceId": check}
        tags = [{"Key": f"k{n}", "Value": "v"} for n in range(10)]
        api.change_tags_for_resource(**of, AddTags=tags)
        self.refused("InvalidInput", api.change_tags_for_resource, 400, "10", **of, AddTags=[{"Key": "more", "Value": "v"}])
        api.change_tags_for_resource(**of, RemoveTagKeys=[f"k{n}" for n in range(1, 10)])
        sets = api.list_tags_for_resources(ResourceType="healthcheck", ResourceIds=[check])["ResourceTagSets"]
        self.assertEqual(sets[0]["Tags"], [{"Key": "k0", "Value": "v"}])
        found = {}
        for region in ("us-east-1", "eu-west-1"):
            index = self.server.client("resourcegroupstaggingapi", region)
            found[region] = [
                mapping["ResourceARN"]
                for mapping in index.get_resources(ResourceTypeFilters=["route53:healthcheck"])["ResourceTagMappingList"]
            ]
        self.assertIn(f"arn:aws:route53:::healthcheck/{check}", found["us-east-1"])
        self.assertEqual(found["eu-west-1"], [])

    def test_records_have_only_those_that_exist(self):
        api = self.server.client("route53")
        zone = api.create_hosted_zone(Name="checked.example", CallerReference="checked")["HostedZone"]["Id"]

        def record(check: str):
            alias = {"HostedZoneId": "Z32O12XQLNTSW2", "DNSName": "a.eu-west-1.elb.amazonaws.com", "EvaluateTargetHealth": True}
            one = {"Name": "checked.example", "Type": "A", "AliasTarget": alias, "SetIdentifier": "one", "Failover": "PRIMARY"}
            changes = [{"Action": "UPSERT", "ResourceRecordSet": one | {"HealthCheckId": check}}]
            api.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

        self.refused("NoSuchHealthCheck", record, 404, "none-such", check="none-such")
        check = self.create("used")["Id"]
        record(check)
        sets = api.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        self.assertEqual([one.get("HealthCheckId") for one in sets if one["Type"] == "A"], [check])
        # It is deleted all the same, as on AWS.
        api.delete_health_check(HealthCheckId=check)

    def test_checkers_report_what_is_said(self):
        api = self.server.client("route53")
        check = self.create("reported")["Id"]

        def healthy() -> int:
            reports = api.get_health_check_status(HealthCheckId=check)["HealthCheckObservations"]
            return sum(one["StatusReport"]["Status"].startswith("Success") for one in reports)

        self.assertEqual(healthy(), 16)
        self.server.states(route53__health_check={check: "Unhealthy"})
        self.assertEqual(healthy(), 0)
        self.server.states(route53__health_check={check: "3"})
        self.assertEqual(healthy(), 3)
        api.update_health_check(HealthCheckId=check, Disabled=True)
        self.assertEqual(api.get_health_check_status(HealthCheckId=check)["HealthCheckObservations"], [])
