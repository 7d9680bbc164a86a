from tests.aws import Case

ACCOUNT = "000000000000"
TAGGED = {"Tags": {"Key": "stack:name", "Values": ["shop"]}}
AT_100 = {"Dimensions": {"Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE", "MatchOptions": ["GREATER_THAN_OR_EQUAL"], "Values": ["100"]}}
ALICE = {"Type": "EMAIL", "Address": "a@example.com"}
TOPIC = {"Type": "SNS", "Address": f"arn:aws:sns:us-east-1:{ACCOUNT}:t"}


class CostExplorer(Case):
    def monitor(self, name: str) -> str:
        monitor = {"MonitorName": name, "MonitorType": "CUSTOM", "MonitorSpecification": TAGGED}
        tags = [{"Key": "stack:key", "Value": "m"}]
        arn = self.ce.create_anomaly_monitor(AnomalyMonitor=monitor, ResourceTags=tags)["MonitorArn"]
        self.addCleanup(self.ce.delete_anomaly_monitor, MonitorArn=arn)
        return arn

    def test_monitors(self):
        arn = self.monitor("one")
        # Names are not unique.
        self.assertNotEqual(self.monitor("one"), arn)
        self.ce.update_anomaly_monitor(MonitorArn=arn, MonitorName="other")
        found = self.ce.get_anomaly_monitors(MonitorArnList=[arn])["AnomalyMonitors"][0]
        self.assertEqual((found["MonitorName"], found["MonitorSpecification"]["Tags"]["Values"]), ("other", ["shop"]))
        self.ce.tag_resource(ResourceArn=arn, ResourceTags=[{"Key": "more", "Value": "x"}])
        self.ce.untag_resource(ResourceArn=arn, ResourceTagKeys=["stack:key"])
        self.assertEqual(self.ce.list_tags_for_resource(ResourceArn=arn)["ResourceTags"], [{"Key": "more", "Value": "x"}])
        gone = arn[:-1] + "_"
        self.refused("UnknownMonitorException", self.ce.get_anomaly_monitors, MonitorArnList=[gone])
        self.refused("UnknownMonitorException", self.ce.delete_anomaly_monitor, MonitorArn=gone)
        self.refused("ResourceNotFoundException", self.ce.list_tags_for_resource, ResourceArn=gone)

    def test_monitors_that_aws_refuses(self):
        refused = lambda code, **more: self.refused(
            code, self.ce.create_anomaly_monitor, AnomalyMonitor={"MonitorName": "refused", "MonitorType": "CUSTOM"} | more
        )
        refused("ValidationException")
        refused("ValidationException", MonitorSpecification={"And": [TAGGED, TAGGED]})
        refused("ValidationException", MonitorSpecification={"Tags": {"Key": "k", "Values": [str(n) for n in range(11)]}})
        refused("ValidationException", MonitorSpecification=TAGGED, MonitorDimension="SERVICE")
        refused("ValidationException", MonitorType="DIMENSIONAL")
        by_service = {"MonitorName": "services", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"}
        arn = self.ce.create_anomaly_monitor(AnomalyMonitor=by_service)["MonitorArn"]
        self.addCleanup(self.ce.delete_anomaly_monitor, MonitorArn=arn)
        self.refused("ValidationException", self.ce.create_anomaly_monitor, says="Limit exceeded", AnomalyMonitor=by_service)

    def test_subscriptions(self):
        monitor = self.monitor("subscribed")
        base = {"SubscriptionName": "s", "MonitorArnList": [monitor], "Subscribers": [ALICE], "Frequency": "DAILY"}
        create = self.ce.create_anomaly_subscription
        arn = create(AnomalySubscription=base | {"Threshold": 100.0})["SubscriptionArn"]
        found = self.ce.get_anomaly_subscriptions(MonitorArn=monitor)["AnomalySubscriptions"]
        self.assertEqual([one["ThresholdExpression"] for one in found], [AT_100])
        self.assertEqual(found[0]["Subscribers"], [ALICE | {"Status": "CONFIRMED"}])
        self.ce.update_anomaly_subscription(SubscriptionArn=arn, Frequency="IMMEDIATE", Subscribers=[TOPIC])
        refused = lambda code, **more: self.refused(
            code, create, AnomalySubscription=base | {"ThresholdExpression": AT_100} | more
        )
        refused("ValidationException", Threshold=1.0)
        refused("ValidationException", Frequency="IMMEDIATE")
        refused("ValidationException", Subscribers=[TOPIC])
        refused("ValidationException", Subscribers=[])
        refused("ValidationException", MonitorArnList=[])
        refused("UnknownMonitorException", MonitorArnList=[monitor[:-1] + "_"])
        equals = {"Dimensions": AT_100["Dimensions"] | {"MatchOptions": ["EQUALS"]}}
        refused("ValidationException", ThresholdExpression=equals)
        self.refused("ValidationException", self.ce.update_anomaly_subscription, SubscriptionArn=arn, Frequency="WEEKLY")
        self.ce.delete_anomaly_subscription(SubscriptionArn=arn)
        self.refused("UnknownSubscriptionException", self.ce.delete_anomaly_subscription, SubscriptionArn=arn)

    def test_cost_allocation_tags(self):
        self.sns.create_topic(Name="allocated", Tags=[{"Key": "allocated", "Value": "x"}])
        told = lambda **more: self.ce.list_cost_allocation_tags(TagKeys=["allocated"], **more)["CostAllocationTags"]
        self.assertEqual([(one["Type"], one["Status"]) for one in told()], [("UserDefined", "Inactive")])
        update = self.ce.update_cost_allocation_tags_status
        wanted = [{"TagKey": key, "Status": "Active"} for key in ("allocated", "nobody-has-this")]
        errors = update(CostAllocationTagsStatus=wanted)["Errors"]
        self.assertEqual([(one["TagKey"], one["Code"]) for one in errors], [("nobody-has-this", "TagKeysNotFoundException")])
        self.assertEqual([one["TagKey"] for one in told(Status="Active")], ["allocated"])
        self.assertEqual(told(Status="Inactive"), [])
        self.refused("ValidationException", update, CostAllocationTagsStatus=[wanted[0]] * 21)
