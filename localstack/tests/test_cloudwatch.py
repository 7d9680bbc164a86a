import datetime
import json

from tests.aws import Case

ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"
ALARM = {
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateAgeOfOldestMessage",
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 5,
    "Threshold": 900,
    "ComparisonOperator": "GreaterThanThreshold",
}


class Alarms(Case):
    def put(self, name: str, **more):
        self.cloudwatch.put_metric_alarm(AlarmName=name, **(ALARM | more))
        self.addCleanup(self.cloudwatch.delete_alarms, AlarmNames=[name])

    def tags(self, name: str) -> list[dict]:
        return self.cloudwatch.list_tags_for_resource(ResourceARN=ARN + name)["Tags"]

    def described(self, name: str) -> dict:
        return self.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]

    def test_tags_are_set_on_create_and_ignored_on_update(self):
        tag, other = {"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}
        self.put("tagged", Tags=[tag])
        self.assertEqual(self.tags("tagged"), [tag])
        self.put("tagged", Threshold=5, Tags=[other])
        self.assertEqual(self.tags("tagged"), [tag])
        self.assertEqual(self.described("tagged")["Threshold"], 5)
        self.cloudwatch.tag_resource(ResourceARN=ARN + "tagged", Tags=[other])
        self.cloudwatch.untag_resource(ResourceARN=ARN + "tagged", TagKeys=["a"])
        self.assertEqual(self.tags("tagged"), [other])
        self.cloudwatch.delete_alarms(AlarmNames=["tagged"])
        gone = {"ResourceARN": ARN + "tagged"}
        self.refused("ResourceNotFoundException", self.cloudwatch.list_tags_for_resource, 404, **gone)
        self.refused("ResourceNotFoundException", self.cloudwatch.tag_resource, 404, Tags=[tag], **gone)
        self.refused("ResourceNotFoundException", self.cloudwatch.untag_resource, 404, TagKeys=["a"], **gone)
        self.put("tagged")
        self.assertEqual(self.tags("tagged"), [])

    def test_a_change_leaves_the_state(self):
        self.put("state")
        self.cloudwatch.set_alarm_state(AlarmName="state", StateValue="ALARM", StateReason="a test")
        self.put("state", Threshold=5, TreatMissingData="ignore")
        self.assertEqual(self.described("state")["StateValue"], "ALARM")

    def test_a_composite_alarm_goes_before_its_children(self):
        self.put("under-a")
        self.put("under-b")
        put, ask = self.cloudwatch.put_composite_alarm, {"AlarmName": "under-both"}
        self.refused("ValidationError", put, 400, "do not exist", **ask, AlarmRule='ALARM("under-nobody")')
        for nonsense in ("ALARM under-a", 'ALARM("under-a") XOR ALARM("under-b")', " "):
            self.refused("ValidationError", put, 400, **ask, AlarmRule=nonsense)
        rule = 'ALARM("under-a") OR ALARM(under-b)'
        put(**ask, AlarmRule=rule)
        delete = self.cloudwatch.delete_alarms
        try:
            told = self.cloudwatch.describe_alarms(AlarmNames=["under-both"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
            self.assertEqual(told["AlarmRule"], rule)
            self.refused("ValidationError", delete, 400, "composite alarm(s) depending on it", AlarmNames=["under-a"])
            self.cloudwatch.set_alarm_state(AlarmName="under-b", StateValue="ALARM", StateReason="a test")
            state = lambda: self.cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]["StateValue"]
            self.assertEqual(self.until(lambda: state() == "ALARM", "in alarm"), True)
            put(AlarmName="under-other", AlarmRule="FALSE AND NOT TRUE")
            self.refused("ValidationError", delete, 400, "more than one", AlarmNames=["under-both", "under-other"])
            delete(AlarmNames=["under-other"])
        finally:
            delete(AlarmNames=["under-both", "under-a"])

    def test_composite_alarms_are_told_when_asked_for(self):
        self.put("types-child")
        rule = f'ALARM("{ARN}types-child")'
        self.cloudwatch.put_composite_alarm(AlarmName="types-both", AlarmRule=rule, Tags=[{"Key": "a", "Value": "b"}])
        self.addCleanup(self.cloudwatch.delete_alarms, AlarmNames=["types-both"])
        ask = lambda **more: self.cloudwatch.describe_alarms(AlarmNamePrefix="types-", **more)
        self.assertEqual((len(ask()["MetricAlarms"]), len(ask().get("CompositeAlarms", []))), (1, 0))
        answer = ask(AlarmTypes=["CompositeAlarm", "MetricAlarm"])
        self.assertEqual((len(answer["MetricAlarms"]), len(answer["CompositeAlarms"])), (1, 1))
        self.assertEqual(self.tags("types-both"), [{"Key": "a", "Value": "b"}])

    def test_alarms_are_told_page_by_page(self):
        for n in range(3):
            self.put(f"page-{n}")
        first = self.cloudwatch.describe_alarms(AlarmNamePrefix="page-", MaxRecords=2)
        self.assertEqual(len(first["MetricAlarms"]), 2)
        rest = self.cloudwatch.describe_alarms(AlarmNamePrefix="page-", MaxRecords=2, NextToken=first["NextToken"])
        self.assertEqual([alarm["AlarmName"] for alarm in rest["MetricAlarms"]], ["page-2"])
        self.assertNotIn("NextToken", rest)


DASHBOARD = "arn:aws:cloudwatch::000000000000:dashboard/"
TEXT = {"type": "text", "x": 0, "y": 0, "width": 6, "height": 2, "properties": {"markdown": "x"}}


class Dashboards(Case):
    def put(self, name: str, *widgets: dict, **more) -> dict:
        return self.cloudwatch.put_dashboard(DashboardName=name, DashboardBody=json.dumps({"widgets": widgets} | more))

    def test_they_are_the_accounts_own(self):
        self.put("own", TEXT)
        there = self.server.client("cloudwatch", "eu-west-1")
        body = json.loads(there.get_dashboard(DashboardName="own")["DashboardBody"])
        self.assertEqual(body, {"widgets": [TEXT]})
        self.assertEqual(
            [one["DashboardArn"] for one in there.list_dashboards(DashboardNamePrefix="ow")["DashboardEntries"]],
            [DASHBOARD + "own"],
        )
        tag = {"Key": "a", "Value": "b"}
        self.cloudwatch.tag_resource(ResourceARN=DASHBOARD + "own", Tags=[tag])
        self.assertEqual(there.list_tags_for_resource(ResourceARN=DASHBOARD + "own")["Tags"], [tag])
        self.cloudwatch.untag_resource(ResourceARN=DASHBOARD + "own", TagKeys=["a"])
        self.assertEqual(there.list_tags_for_resource(ResourceARN=DASHBOARD + "own")["Tags"], [])
        there.delete_dashboards(DashboardNames=["own"])
        self.refused("ResourceNotFound", self.cloudwatch.get_dashboard, 404, DashboardName="own")
        self.refused("ResourceNotFound", self.cloudwatch.delete_dashboards, 404, DashboardNames=["own"])
        gone = {"ResourceARN": DASHBOARD + "own"}
        self.refused("ResourceNotFoundException", self.cloudwatch.list_tags_for_resource, 404, **gone)

    def test_one_that_is_missing_keeps_the_others(self):
        self.put("there", TEXT)
        self.refused("ResourceNotFound", self.cloudwatch.delete_dashboards, 404, DashboardNames=["there", "missing"])
        self.cloudwatch.delete_dashboards(DashboardNames=["there"])

    def test_a_body_that_is_none_is_refused(self):
        refused = lambda body: self.refused(
            "InvalidParameterInput", self.cloudwatch.put_dashboard, 400, DashboardName="refused", DashboardBody=body
        )
        widget = lambda **more: json.dumps({"widgets": [TEXT | more]})
        metric = lambda *metrics: widget(type="metric", properties={"region": "us-east-1", "metrics": list(metrics)})
        for body in (
            "hello",
            "{}",
            "[]",
            widget(type="texts"),
            widget(properties={}),
            widget(width=25),
            widget(x=24),
            widget(type="alarm", properties={"alarms": []}),
            widget(type="metric", properties={}),
            metric(["AWS/SQS"]),
            metric(["AWS/SQS", "X", "QueueName"]),
            metric("AWS/SQS"),
            json.dumps({"widgets": [TEXT] * 501}),
        ):
            refused(body)
        self.refused("InvalidParameterValue", self.cloudwatch.put_dashboard, DashboardName="a b", DashboardBody=widget())
        self.refused("ResourceNotFound", self.cloudwatch.get_dashboard, DashboardName="refused")

    def test_what_is_ignored_is_told(self):
        told = self.put("warned", TEXT, strange=1)["DashboardValidationMessages"]
        self.assertEqual([one["DataPath"] for one in told], ["/strange"])
        self.assertEqual(self.put("warned", TEXT).get("DashboardValidationMessages"), None)
        self.cloudwatch.delete_dashboards(DashboardNames=["warned"])


class Metrics(Case):
    def test_percentiles(self):
        end = datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0)
        start = end - datetime.timedelta(minutes=5)
        at = end - datetime.timedelta(minutes=2)
        metric = {"Namespace": "percentiles", "MetricName": "Latency", "Dimensions": [{"Name": "Of", "Value": "web"}]}
        data = [
            {"MetricName": "Latency", "Dimensions": metric["Dimensions"], "Timestamp": at, "Value": float(n)}
            for n in range(1, 101)
        ]
        other = {"MetricName": "Latency", "Dimensions": [{"Name": "Of", "Value": "api"}], "Timestamp": at, "Value": 1000.0}
        self.cloudwatch.put_metric_data(Namespace="percentiles", MetricData=[*data, other])
        query = lambda id, stat: {"Id": id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}
        ask = lambda *queries: self.cloudwatch.get_metric_data(MetricDataQueries=list(queries), StartTime=start, EndTime=end)
        found = ask(query("a", "p99"), query("b", "p50"), query("c", "Average"), query("d", "Sum"))["MetricDataResults"]
        self.assertEqual(
            [(one["Id"], one["Values"]) for one in found], [("a", [99.0]), ("b", [50.0]), ("c", [50.5]), ("d", [5050.0])]
        )
        self.assertEqual({one["Timestamps"][0] for one in found}, {at})
        missing = ask({"Id": "m", "MetricStat": {"Metric": metric | {"MetricName": "No"}, "Period": 60, "Stat": "p99"}})
        self.assertEqual(missing["MetricDataResults"][0]["Values"], [])
        with self.assertRaisesRegex(Exception, "greater than 500"):
            ask(*[query(f"q{n}", "p99") for n in range(501)])
        with self.assertRaisesRegex(Exception, "unique"):
            ask(query("a", "p99"), query("a", "p50"))

    def test_statistics_over_many_hours(self):
        end = datetime.datetime.now(datetime.UTC).replace(minute=0, second=0, microsecond=0)
        start = end - datetime.timedelta(days=30)
        dimensions = [{"Name": "Of", "Value": "web"}]
        metric = {"Namespace": "hours", "MetricName": "Requests", "Dimensions": dimensions}
        at = lambda hours: end - datetime.timedelta(hours=hours)
        put = lambda hours, more, **value: self.cloudwatch.put_metric_data(
            Namespace="hours",
            MetricData=[{"MetricName": "Requests", "Dimensions": dimensions + more, "Timestamp": at(hours)} | value],
        )
        put(700, [], Value=3.0)
        put(2, [], Values=[1.0, 5.0], Counts=[2, 1])
        put(2, [], StatisticValues={"SampleCount": 4, "Sum": 8.0, "Minimum": 0.5, "Maximum": 9.0})
        # Another metric: on AWS each set of dimensions is one of its own.
        put(2, [{"Name": "Zone", "Value": "a"}], Value=1000.0)
        names = ("Sum", "Average", "Minimum", "Maximum", "SampleCount")
        queries = [{"Id": name.lower(), "MetricStat": {"Metric": metric, "Period": 3600, "Stat": name}} for name in names]
        found = self.cloudwatch.get_metric_data(
            MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
        )["MetricDataResults"]
        self.assertEqual([one["Values"] for one in found], [[3.0, 15.0], [3.0, 15 / 7], [3.0, 0.5], [3.0, 9.0], [1.0, 7.0]])
        self.assertEqual([one["Timestamps"] for one in found], [[at(700), at(2)]] * 5)
