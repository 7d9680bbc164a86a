from tests.aws import Case

ACCOUNT = "000000000000"
ALICE, BOB = {"SubscriptionType": "EMAIL", "Address": "a@example.com"}, {"SubscriptionType": "EMAIL", "Address": "b@example.com"}
AT_80 = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}


class Budgets(Case):
    def create(self, name: str) -> dict:
        budget = {
            "BudgetName": name,
            "BudgetLimit": {"Amount": "100", "Unit": "USD"},
            "TimeUnit": "MONTHLY",
            "BudgetType": "COST",
        }
        notifications = [{"Notification": AT_80, "Subscribers": [ALICE]}]
        self.budgets.create_budget(
            AccountId=ACCOUNT,
            Budget=budget,
            NotificationsWithSubscribers=notifications,
            ResourceTags=[{"Key": "stack:key", "Value": "b"}],
        )
        return budget

    def test_once_updated_and_gone(self):
        budget = self.create("once")
        self.refused("DuplicateRecordException", self.budgets.create_budget, 400, AccountId=ACCOUNT, Budget=budget)
        self.budgets.update_budget(AccountId=ACCOUNT, NewBudget=budget | {"BudgetLimit": {"Amount": "200", "Unit": "USD"}})
        read = self.budgets.describe_budget(AccountId=ACCOUNT, BudgetName="once")["Budget"]
        self.assertEqual((read["BudgetLimit"]["Amount"], read["CostTypes"]["IncludeTax"]), ("200", True))
        self.budgets.delete_budget(AccountId=ACCOUNT, BudgetName="once")
        self.refused("NotFoundException", self.budgets.describe_budget, AccountId=ACCOUNT, BudgetName="once")
        self.refused("NotFoundException", self.budgets.update_budget, AccountId=ACCOUNT, NewBudget=budget)

    def test_notifications_and_subscribers(self):
        self.create("notify")
        which: dict = {"AccountId": ACCOUNT, "BudgetName": "notify"}
        subscribers = lambda: self.budgets.describe_subscribers_for_notification(**which, Notification=AT_80)["Subscribers"]
        notifications = lambda: [n["Threshold"] for n in self.budgets.describe_notifications_for_budget(**which)["Notifications"]]
        self.budgets.create_subscriber(**which, Notification=AT_80, Subscriber=BOB)
        self.assertEqual(subscribers(), [ALICE, BOB])
        self.refused("DuplicateRecordException", self.budgets.create_subscriber, **which, Notification=AT_80, Subscriber=BOB)
        self.budgets.create_notification(**which, Notification=AT_80 | {"Threshold": 100.0}, Subscribers=[ALICE])
        self.assertEqual(notifications(), [80, 100])
        self.refused(
            "DuplicateRecordException", self.budgets.create_notification, **which, Notification=AT_80, Subscribers=[ALICE]
        )
        self.budgets.delete_subscriber(**which, Notification=AT_80, Subscriber=ALICE)
        self.budgets.delete_subscriber(**which, Notification=AT_80, Subscriber=BOB)
        self.assertEqual(notifications(), [100])
        self.refused("NotFoundException", self.budgets.describe_subscribers_for_notification, **which, Notification=AT_80)

    def test_tags(self):
        self.create("tagged")
        arn = f"arn:aws:budgets::{ACCOUNT}:budget/tagged"
        self.budgets.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": "more", "Value": "x"}])
        self.budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=["stack:key"])
        self.assertEqual(self.budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"], [{"Key": "more", "Value": "x"}])
        self.refused("NotFoundException", self.budgets.list_tags_for_resource, ResourceARN=arn + "0")

    def test_what_aws_refuses(self):
        budget = self.create("refuses")
        create = self.budgets.create_budget
        of = lambda **more: {"AccountId": ACCOUNT, "Budget": budget | {"BudgetName": "refused"} | more}
        negative = {"Amount": "-100", "Unit": "USD"}
        self.refused("ValidationException", create, says="budgetLimit.amount", **of(BudgetLimit=negative))
        update = budget | {"BudgetLimit": negative}
        self.refused("ValidationException", self.budgets.update_budget, AccountId=ACCOUNT, NewBudget=update)
        self.refused("ValidationException", create, says="budgetName", **of(BudgetName="a:b"))
        both = {"CostFilters": {"Service": ["x"]}, "Metrics": ["UnblendedCost"]}
        self.refused("InvalidParameterException", create, says="FilterExpression", **of(**both))
        emails = [{"SubscriptionType": "EMAIL", "Address": f"{n}@example.com"} for n in range(11)]
        topics = [{"SubscriptionType": "SNS", "Address": f"arn:aws:sns:us-east-1:{ACCOUNT}:t{n}"} for n in range(2)]
        for subscribers in (emails, topics):
            notifications = [{"Notification": AT_80, "Subscribers": subscribers}]
            self.refused("CreationLimitExceededException", create, **of(), NotificationsWithSubscribers=notifications)
        notifications = [{"Notification": AT_80 | {"Threshold": float(n)}, "Subscribers": [ALICE]} for n in range(1, 7)]
        self.refused("CreationLimitExceededException", create, **of(), NotificationsWithSubscribers=notifications)
        above = [{"Notification": AT_80 | {"Threshold": 2e10}, "Subscribers": [ALICE]}]
        self.refused("InvalidParameterException", create, says="threshold", **of(), NotificationsWithSubscribers=above)
        self.refused("NotFoundException", self.budgets.describe_budget, AccountId=ACCOUNT, BudgetName="refused")

    def test_limits_of_what_is_there(self):
        self.create("full")
        which: dict = {"AccountId": ACCOUNT, "BudgetName": "full"}
        for n in range(9):
            one = {"SubscriptionType": "EMAIL", "Address": f"{n}@example.com"}
            self.budgets.create_subscriber(**which, Notification=AT_80, Subscriber=one)
        self.refused(
            "CreationLimitExceededException", self.budgets.create_subscriber, **which, Notification=AT_80, Subscriber=BOB
        )
        topic = {"SubscriptionType": "SNS", "Address": f"arn:aws:sns:us-east-1:{ACCOUNT}:t"}
        self.budgets.create_subscriber(**which, Notification=AT_80, Subscriber=topic)
        first = {"SubscriptionType": "EMAIL", "Address": "0@example.com"}
        change = self.budgets.update_subscriber
        self.refused("DuplicateRecordException", change, **which, Notification=AT_80, OldSubscriber=ALICE, NewSubscriber=first)
        change(**which, Notification=AT_80, OldSubscriber=ALICE, NewSubscriber=BOB)
        for n in (1, 2, 3, 4):
            self.budgets.create_notification(**which, Notification=AT_80 | {"Threshold": float(n)}, Subscribers=[ALICE])
        more = AT_80 | {"Threshold": 5.0}
        self.refused(
            "CreationLimitExceededException", self.budgets.create_notification, **which, Notification=more, Subscribers=[ALICE]
        )
