import time
from typing import ClassVar

from tests.aws import Case


class LogGroups(Case):
    def test_retention_tags_and_prefix(self):
        self.logs.create_log_group(logGroupName="/stack/a/web", tags={"stack:key": "l"})
        self.logs.create_log_group(logGroupName="/stack/b/web")
        self.logs.put_retention_policy(logGroupName="/stack/a/web", retentionInDays=30)
        found = self.logs.describe_log_groups(logGroupNamePrefix="/stack/a/")["logGroups"]
        self.assertEqual([(group["logGroupName"], group["retentionInDays"]) for group in found], [("/stack/a/web", 30)])
        arn = found[0]["arn"].removesuffix(":*")
        self.logs.tag_resource(resourceArn=arn, tags={"more": "x"})
        self.assertEqual(self.logs.list_tags_for_resource(resourceArn=arn)["tags"], {"stack:key": "l", "more": "x"})
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, 400, logGroupName="/stack/a/web")
        self.logs.delete_log_group(logGroupName="/stack/a/web")
        self.refused("ResourceNotFoundException", self.logs.delete_log_group, 400, logGroupName="/stack/a/web")

    def test_a_key_comes_and_goes(self):
        self.logs.create_log_group(logGroupName="/stack/k/web")
        key = lambda: self.logs.describe_log_groups(logGroupNamePrefix="/stack/k/")["logGroups"][0].get("kmsKeyId")
        arn = "arn:aws:kms:us-east-1:000000000000:key/1"
        self.logs.associate_kms_key(logGroupName="/stack/k/web", kmsKeyId=arn)
        self.assertEqual(key(), arn)
        self.logs.disassociate_kms_key(logGroupName="/stack/k/web")
        self.assertIsNone(key())
        self.refused("ResourceNotFoundException", self.logs.associate_kms_key, 400, logGroupName="/no/such", kmsKeyId=arn)

    def test_tags_that_come_later(self):
        self.logs.create_log_group(logGroupName="untagged")
        arn = "arn:aws:logs:us-east-1:000000000000:log-group:untagged"
        self.logs.tag_resource(resourceArn=arn, tags={"a": "b"})
        self.assertEqual(self.logs.list_tags_for_resource(resourceArn=arn)["tags"], {"a": "b"})
        self.logs.create_log_group(logGroupName="untagged-too")
        self.logs.tag_log_group(logGroupName="untagged-too", tags={"c": "d"})
        self.assertEqual(self.logs.list_tags_log_group(logGroupName="untagged-too")["tags"], {"c": "d"})

    def test_lines_are_mixed_and_filtered(self):
        self.logs.create_log_group(logGroupName="lines")
        at = int(time.time() * 1000)
        for stream, after, text in [("b", 0, "GET / 200"), ("a", 1, "ERROR no user"), ("b", 2, "ERROR time out")]:
            if after < 2:
                self.logs.create_log_stream(logGroupName="lines", logStreamName=stream)
            events = [{"timestamp": at + after, "message": text}]
            self.logs.put_log_events(logGroupName="lines", logStreamName=stream, logEvents=events)

        def found(pattern):
            answer = self.logs.filter_log_events(logGroupName="lines", filterPattern=pattern)
            return [event["message"] for event in answer["events"]]

        self.assertEqual(found(""), ["GET / 200", "ERROR no user", "ERROR time out"])
        self.assertEqual(found("ERROR"), ["ERROR no user", "ERROR time out"])
        self.assertEqual(found('ERROR "no user"'), ["ERROR no user"])
        self.assertEqual(found("ERROR -user"), ["ERROR time out"])
        self.assertEqual(found("?GET ?user"), ["GET / 200", "ERROR no user"])
        self.refused("NotImplemented", self.logs.filter_log_events, 501, logGroupName="lines", filterPattern="{ $.a = 1 }")


class MetricFilters(Case):
    TRANSFORMATION: ClassVar = {"metricName": "errors", "metricNamespace": "shop", "metricValue": "1"}

    def put(self, name="errors", group="/filtered", **more):
        transformations = [self.TRANSFORMATION | more]
        self.logs.put_metric_filter(
            logGroupName=group, filterName=name, filterPattern="ERROR", metricTransformations=transformations
        )

    def count(self) -> int:
        return self.logs.describe_log_groups(logGroupNamePrefix="/filtered")["logGroups"][0]["metricFilterCount"]

    def test_they_live_in_their_group(self):
        self.logs.create_log_group(logGroupName="/filtered")
        self.assertEqual(self.count(), 0)
        self.put()
        self.put()
        self.assertEqual(self.count(), 1)
        self.refused("ResourceNotFoundException", self.put, 400, group="/nobody")
        self.refused("InvalidParameterException", self.put, 400, dimensions={"a": "$.a"}, defaultValue=0)
        delete = self.logs.delete_metric_filter
        self.refused("ResourceNotFoundException", delete, 400, logGroupName="/filtered", filterName="nobody")
        self.logs.delete_log_group(logGroupName="/filtered")
        self.logs.create_log_group(logGroupName="/filtered")
        self.addCleanup(self.logs.delete_log_group, logGroupName="/filtered")
        self.assertEqual(self.logs.describe_metric_filters(logGroupName="/filtered")["metricFilters"], [])
        self.put()
        delete(logGroupName="/filtered", filterName="errors")
        self.assertEqual(self.count(), 0)


class Queries(Case):
    def test_one_more_without_an_id_and_a_token_once(self):
        self.logs.create_log_group(logGroupName="/stack/q/web")
        put = lambda **more: self.logs.put_query_definition(name="q/a", queryString="fields @message", **more)[
            "queryDefinitionId"
        ]
        known = lambda: {
            one["queryDefinitionId"]: one["logGroupNames"]
            for one in self.logs.describe_query_definitions(queryDefinitionNamePrefix="q/")["queryDefinitions"]
        }
        token = "t" * 36
        first = put(clientToken=token, logGroupNames=["/stack/q/web"])
        self.assertEqual(put(clientToken=token, logGroupNames=["/stack/q/web"]), first)
        second = put()
        self.assertEqual(known(), {first: ["/stack/q/web"], second: []})
        # "If you are updating a query definition and you omit this parameter, then the updated definition will contain no log groups."
        put(queryDefinitionId=first)
        self.assertEqual(known()[first], [])
        self.refused("ResourceNotFoundException", lambda: put(logGroupNames=["/no/such"]), 400)
        for one in (first, second):
            self.logs.delete_query_definition(queryDefinitionId=one)
        self.assertEqual(known(), {})
        self.refused("ResourceNotFoundException", self.logs.delete_query_definition, 400, queryDefinitionId=first)
