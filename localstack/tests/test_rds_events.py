import json

from tests.aws import Case

CATEGORIES = ["failure", "low storage"]


class Subscriptions(Case):
    def setUp(self):
        self.topic = self.sns.create_topic(Name="events")["TopicArn"]
        self.addCleanup(self.sns.delete_topic, TopicArn=self.topic)
        self.rds.create_db_instance(
            DBInstanceIdentifier="told",
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="app",
            MasterUserPassword="a-password",
        )
        self.addCleanup(self.rds.delete_db_instance, DBInstanceIdentifier="told", SkipFinalSnapshot=True)

    def make(self, name="s", **more) -> dict:
        ask = {"SnsTopicArn": self.topic, "SourceType": "db-instance", "SourceIds": ["told"], "EventCategories": CATEGORIES}
        made = self.rds.create_event_subscription(SubscriptionName=name, **(ask | more))["EventSubscription"]
        self.addCleanup(self.rds.delete_event_subscription, SubscriptionName=name)
        return made

    def described(self) -> dict:
        return self.rds.describe_event_subscriptions(SubscriptionName="s")["EventSubscriptionsList"][0]

    def test_a_life(self):
        made = self.make(Tags=[{"Key": "told", "Value": "b"}])
        self.assertEqual(made["Status"], "creating")
        arn = made["EventSubscriptionArn"]
        self.assertTrue(arn.endswith(":es:s"), arn)
        self.assertEqual(self.rds.list_tags_for_resource(ResourceName=arn)["TagList"], [{"Key": "told", "Value": "b"}])
        found = self.resourcegroupstaggingapi.get_resources(TagFilters=[{"Key": "told"}])["ResourceTagMappingList"]
        self.assertEqual([one["ResourceARN"] for one in found], [arn])
        self.assertEqual(self.described() | {"Status": ""}, made | {"Status": ""})
        self.rds.modify_event_subscription(SubscriptionName="s", EventCategories=["failover"], Enabled=False)
        told = self.described()
        self.assertEqual((told["EventCategoriesList"], told["Enabled"]), (["failover"], False))
        self.rds.remove_source_identifier_from_subscription(SubscriptionName="s", SourceIdentifier="told")
        self.assertEqual(self.described()["SourceIdsList"], [])
        self.rds.add_source_identifier_to_subscription(SubscriptionName="s", SourceIdentifier="told")
        self.assertEqual(self.described()["SourceIdsList"], ["told"])

    def test_what_aws_refuses(self):
        make = self.rds.create_event_subscription
        ask = {"SubscriptionName": "s", "SnsTopicArn": self.topic, "SourceType": "db-instance", "SourceIds": ["told"]}
        self.refused("SNSTopicArnNotFound", make, 404, **(ask | {"SnsTopicArn": self.topic + "x"}))
        self.refused("SourceNotFound", make, 404, **(ask | {"SourceIds": ["nobody"]}))
        self.refused("SubscriptionCategoryNotFound", make, 404, **ask, EventCategories=["nonsense"])
        self.refused("InvalidParameterCombination", make, 400, **{key: ask[key] for key in ask if key != "SourceType"})
        self.make()
        self.refused("SubscriptionAlreadyExist", make, 400, **ask)
        gone = {"SubscriptionName": "nobody"}
        self.refused("SubscriptionNotFound", self.rds.modify_event_subscription, 404, **gone)
        self.refused("SubscriptionNotFound", self.rds.delete_event_subscription, 404, **gone)
        remove = self.rds.remove_source_identifier_from_subscription
        self.refused("SourceNotFound", remove, 404, SubscriptionName="s", SourceIdentifier="nobody")

    def test_a_topic_that_does_not_let_rds_in(self):
        who = {"Service": "cloudwatch.amazonaws.com"}
        statement = {"Effect": "Allow", "Principal": who, "Action": "sns:Publish", "Resource": self.topic}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        closed = self.sns.create_topic(Name="closed", Attributes={"Policy": policy})["TopicArn"]
        ask = {"SubscriptionName": "c", "SnsTopicArn": closed, "SourceType": "db-instance"}
        self.refused("SNSNoAuthorization", self.rds.create_event_subscription, 400, **ask)
        statement["Principal"] = {"Service": "events.rds.amazonaws.com"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sns.set_topic_attributes(TopicArn=closed, AttributeName="Policy", AttributeValue=policy)
        self.make(SnsTopicArn=closed)
        self.assertEqual(self.described()["Status"], "active")
        self.sns.delete_topic(TopicArn=closed)
        self.assertEqual(self.described()["Status"], "topic-not-exist")
