"""Records of one name that lead to several regions: what AWS refuses of them."""

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
