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
