from tests.aws import Case


class Subscriptions(Case):
    def test_one_that_nobody_confirmed_has_no_arn(self):
        topic = self.sns.create_topic(Name="pending")["TopicArn"]
        self.addCleanup(self.sns.delete_topic, TopicArn=topic)
        listed = lambda: [one["SubscriptionArn"] for one in self.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]]
        ask = {"TopicArn": topic, "Protocol": "email", "Endpoint": "ops@example.com"}
        self.assertEqual(self.sns.subscribe(**ask)["SubscriptionArn"], "pending confirmation")
        self.assertEqual(listed(), ["PendingConfirmation"])
        arn = self.sns.subscribe(**ask, ReturnSubscriptionArn=True)["SubscriptionArn"]
        self.assertTrue(arn.startswith(topic))
        queue = self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:q")[
            "SubscriptionArn"
        ]
        self.assertEqual(listed(), ["PendingConfirmation", queue])
