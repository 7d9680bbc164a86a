import datetime

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


class Spend(Case):
    def ask(self, start, end, **more):
        period = {"Start": str(start), "End": str(end)}
        return self.ce.get_cost_and_usage(TimePeriod=period, **{"Granularity": "MONTHLY", "Metrics": ["UnblendedCost"]} | more)

    def test_what_was_spent_by_tags(self):
        today = datetime.datetime.now(datetime.UTC).date()
        first = today.replace(day=1)
        before = (first - datetime.timedelta(days=1)).replace(day=1)
        mine = {"stack:name": "spent", "stack:env": "default"}
        rows = [
            {"day": str(before), "service": "AWS Lambda", "usd": "1.25", "tags": mine},
            {"day": str(before), "service": "AWS Lambda", "usd": "0.0000001", "tags": mine},
            {"day": str(before), "service": "AWS Lambda", "usd": "-1", "record": "Credit", "tags": mine},
            {"day": str(before), "service": "AWS Lambda", "usd": "70", "tags": {"stack:name": "other"}},
            {"day": str(before + datetime.timedelta(days=3)), "service": "AmazonCloudWatch", "usd": "2", "tags": mine},
        ]
        self.server.spend(spend=rows)
        tag = lambda key: {"Tags": {"Key": key, "Values": [mine[key]]}}
        both = {"And": [tag("stack:name"), tag("stack:env")]}
        groups = [{"Type": "DIMENSION", "Key": key} for key in ("SERVICE", "RECORD_TYPE")]
        ask = lambda: self.ask(before, first, Filter=both, GroupBy=groups)["ResultsByTime"][0]
        # Costs have no tag that is not active.
        self.assertEqual(ask()["Groups"], [])
        self.server.spend(tags={"stack:name": str(before), "stack:env": str(before + datetime.timedelta(days=2))})
        told = [(one["Keys"], one["Metrics"]["UnblendedCost"]) for one in ask()["Groups"]]
        self.assertEqual(told, [(["AmazonCloudWatch", "Usage"], {"Amount": "2", "Unit": "USD"})])
        self.server.spend(tags={"stack:env": str(before)})
        amounts = {tuple(one["Keys"]): one["Metrics"]["UnblendedCost"]["Amount"] for one in ask()["Groups"]}
        self.assertEqual((amounts["AWS Lambda", "Usage"], amounts["AWS Lambda", "Credit"]), ("1.2500001", "-1"))
        self.assertFalse(ask()["Estimated"])
        whole = self.ask(before, first, Filter=tag("stack:env"))["ResultsByTime"][0]
        self.assertEqual(whole["Total"]["UnblendedCost"]["Amount"], "2.2500001")
        days = self.ask(before, before + datetime.timedelta(days=4), Granularity="DAILY", Filter=tag("stack:env"))
        self.assertEqual([one["Total"]["UnblendedCost"]["Amount"] for one in days["ResultsByTime"]], ["0.2500001", "0", "0", "2"])
        since = self.ce.list_cost_allocation_tags(TagKeys=["stack:env"])["CostAllocationTags"][0]
        self.assertEqual((since["Status"], since["LastUpdatedDate"][:10]), ("Active", str(before)))

    def test_times_that_aws_refuses(self):
        today = datetime.datetime.now(datetime.UTC).date()
        day = datetime.timedelta(days=1)
        refused = lambda says, start, end, **more: self.refused(
            "ValidationException", self.ask, says=says, start=start, end=end, **more
        )
        refused("should be before end date", today, today)
        refused("no later than the current date", today + day, today + 2 * day)
        refused("past the beginning of next month", today, today + 40 * day)
        refused("first day of the month", (today - 500 * day).replace(day=2), today)
        refused("beyond 14 months", (today - 500 * day).replace(day=1), today)
        refused("Hourly", today - day, today, Granularity="HOURLY")
        refused("Metrics", today - day, today, Metrics=["Cost"])
        groups = [{"Type": "DIMENSION", "Key": "SERVICE"}] * 3
        refused("at most 2", today - day, today, GroupBy=groups)
        self.server.spend(opened=False)
        self.addCleanup(self.server.spend, opened=True)
        self.refused("DataUnavailableException", self.ask, start=today - day, end=today)
