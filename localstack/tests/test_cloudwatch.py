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

    def test_tags_count_when_it_is_made_and_not_when_it_is_changed(self):
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
