"""Budgets: an account's own, without a region. Nothing is ever spent."""

import copy
import datetime
import re

from stack_local import states
from stack_local.core import Call, Operations, Store, fault, listed, now, page, pairs

operations = Operations("budgets")

_COST_TYPES = {
    "IncludeCredit": True,
    "IncludeDiscount": True,
    "IncludeOtherSubscription": True,
    "IncludeRecurring": True,
    "IncludeRefund": True,
    "IncludeSubscription": True,
    "IncludeSupport": True,
    "IncludeTax": True,
    "IncludeUpfront": True,
    "UseAmortized": False,
    "UseBlended": False,
}


# API reference CreateBudget: "up to five notifications, and each notification can have one SNS subscriber and up to 10 email
# subscribers" (https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html).
_NOTIFICATIONS = 5
_SUBSCRIBERS = {"EMAIL": 10, "SNS": 1}
# API reference Spend and Budget
# (https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Spend.html, …/API_budgets_Budget.html).
_AMOUNT = r"([0-9]*\.)?[0-9]+"
_NAME = r"(?![^:\\]*/action/)[^:\\]{1,100}"
# API reference Notification: Threshold (…/API_budgets_Notification.html).
_MOST = 15_000_000_000


class _Budget:
    def __init__(self, view: dict):
        self.view = view
        self.notifications: list[tuple[dict, list[dict]]] = []
        self.tags: dict[str, str] = {}


_budgets = Store(dict)


def _all(call: Call) -> dict[str, _Budget]:
    return _budgets.at(call.get("AccountId") or call.account, "")


def _budget(call: Call, action: str) -> _Budget:
    found = _all(call).get(call["BudgetName"])
    if found is None:
        raise fault("NotFoundException", f"Unable to {action}: {call['BudgetName']} - the budget doesn't exist.")
    return found


def _matches(pattern: str, value: str, at: str) -> None:
    if not re.fullmatch(pattern, value):
        why = f"Value '{value}' at '{at}' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"
        raise fault("ValidationException", f"1 validation error detected: {why}")


def _complete(given: dict) -> dict:
    view = copy.deepcopy(given)
    _matches(_NAME, view["BudgetName"], "budget.budgetName")
    if limit := view.get("BudgetLimit"):
        _matches(_AMOUNT, limit["Amount"], "budget.budgetLimit.amount")
    if (view.get("CostFilters") or view.get("CostTypes")) and (view.get("FilterExpression") or view.get("Metrics")):
        # API reference UpdateBudget: "Either FilterExpression and Metrics or CostFilters and CostTypes, not both"
        raise fault("InvalidParameterException", "CostFilters and CostTypes cannot be used with FilterExpression and Metrics.")
    if not view.get("BudgetLimit") and not view.get("PlannedBudgetLimits") and not view.get("AutoAdjustData"):
        raise fault(
            "InvalidParameterException",
            "Unable to create/update budget - please provide one of the followings: Budget Limit/ Planned Budget Limit/ Auto Adjust Data",
        )
    start = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    view["TimePeriod"] = {"Start": start, "End": datetime.datetime(2087, 6, 15, tzinfo=datetime.UTC)} | view.get("TimePeriod", {})
    if view["BudgetType"] == "COST" and not view.get("FilterExpression"):
        view["CostTypes"] = _COST_TYPES | view.get("CostTypes", {})
    unit = (view.get("BudgetLimit") or {"Unit": "USD"})["Unit"]
    view["CalculatedSpend"] = {"ActualSpend": {"Amount": "0", "Unit": unit}}
    view["LastUpdatedTime"] = now()
    return view


def _full(notification: dict) -> dict:
    return {"ThresholdType": "PERCENTAGE"} | {k: v for k, v in notification.items() if v is not None and k != "NotificationState"}


def _check_notification(notification: dict) -> None:
    if not 0 <= notification["Threshold"] <= _MOST:
        raise fault("InvalidParameterException", f"The threshold must be between 0 and {_MOST}.")


def _check_subscribers(subscribers: list[dict]) -> None:
    if not subscribers:
        raise fault("InvalidParameterException", "A notification has at least one subscriber.")
    for sort, most in _SUBSCRIBERS.items():
        if sum(one["SubscriptionType"] == sort for one in subscribers) > most:
            raise fault("CreationLimitExceededException", f"A notification has at most {most} subscribers of the type {sort}.")
    for one in subscribers:
        # API reference Subscriber: Address (…/API_budgets_Subscriber.html).
        _matches(r"(.*[\n\r\t\f\ ]?)*" if one["SubscriptionType"] == "SNS" else r"[^@\s]+@[^@\s]+", one["Address"], "address")


@operations.on("CreateBudget")
def create_budget(call: Call) -> dict:
    name = call["Budget"]["BudgetName"]
    if name in _all(call):
        raise fault("DuplicateRecordException", f"Error creating budget: {name} - the budget already exists.")
    budget = _Budget(_complete(call["Budget"]))
    given = call.get("NotificationsWithSubscribers", [])
    if len(given) > _NOTIFICATIONS:
        raise fault("CreationLimitExceededException", f"A budget has at most {_NOTIFICATIONS} notifications.")
    for item in given:
        _check_notification(item["Notification"])
        _check_subscribers(item["Subscribers"])
        budget.notifications.append((_full(item["Notification"]), copy.deepcopy(item["Subscribers"])))
    budget.tags = pairs(call.get("ResourceTags"))
    _all(call)[name] = budget
    return {}


@states.of("budgets.spent")
def _say(account: str, region: str, name: str, status: str) -> None:
    """Has AWS have counted so many US dollars as spent this month."""
    view = _budgets.at(account, "")[name].view
    view["CalculatedSpend"] = {"ActualSpend": {"Amount": str(float(status)), "Unit": "USD"}}


@operations.on("DescribeBudget")
def describe_budget(call: Call) -> dict:
    return {"Budget": copy.deepcopy(_budget(call, "get budget").view)}


@operations.on("DescribeBudgets")
def describe_budgets(call: Call) -> dict:
    return _paged(call, "Budgets", [copy.deepcopy(budget.view) for budget in _all(call).values()])


def _paged(call: Call, member: str, items: list) -> dict:
    items, token = page(items, call.get("NextToken"), call.get("MaxResults"), 100)
    return {member: items} | ({"NextToken": token} if token else {})


@operations.on("UpdateBudget")
def update_budget(call: Call) -> dict:
    name = call["NewBudget"]["BudgetName"]
    known = _all(call).get(name)
    if known is None:
        raise fault("NotFoundException", f"Unable to update budget: {name} - the budget doesn't exist.")
    known.view = _complete(call["NewBudget"])
    return {}


@operations.on("DeleteBudget")
def delete_budget(call: Call) -> dict:
    _budget(call, "delete budget")
    del _all(call)[call["BudgetName"]]
    return {}


def _notification(call: Call, budget: _Budget) -> int:
    wanted = _full(call["Notification"])
    for index, (notification, _) in enumerate(budget.notifications):
        if notification == wanted:
            return index
    raise fault("NotFoundException", "Unable to find the notification for the budget.")


@operations.on("CreateNotification")
def create_notification(call: Call) -> dict:
    budget, wanted = _budget(call, "create notification"), _full(call["Notification"])
    if any(notification == wanted for notification, _ in budget.notifications):
        raise fault("DuplicateRecordException", "Error creating notification: the notification already exists.")
    if len(budget.notifications) >= _NOTIFICATIONS:
        raise fault("CreationLimitExceededException", f"A budget has at most {_NOTIFICATIONS} notifications.")
    _check_notification(wanted)
    _check_subscribers(call["Subscribers"])
    budget.notifications.append((wanted, copy.deepcopy(call["Subscribers"])))
    return {}


@operations.on("DescribeNotificationsForBudget")
def describe_notifications(call: Call) -> dict:
    budget = _budget(call, "describe notifications")
    return _paged(call, "Notifications", [notification | {"NotificationState": "OK"} for notification, _ in budget.notifications])


@operations.on("UpdateNotification")
def update_notification(call: Call) -> dict:
    budget, wanted = _budget(call, "update notification"), _full(call["NewNotification"])
    old = _full(call["OldNotification"])
    for index, (notification, subscribers) in enumerate(budget.notifications):
        if notification == old:
            _check_notification(wanted)
            budget.notifications[index] = (wanted, subscribers)
            return {}
    raise fault("NotFoundException", "Unable to find the notification for the budget.")


@operations.on("DeleteNotification")
def delete_notification(call: Call) -> dict:
    budget = _budget(call, "delete notification")
    del budget.notifications[_notification(call, budget)]
    return {}


@operations.on("DescribeSubscribersForNotification")
def describe_subscribers(call: Call) -> dict:
    budget = _budget(call, "describe subscribers")
    return _paged(call, "Subscribers", copy.deepcopy(budget.notifications[_notification(call, budget)][1]))


@operations.on("CreateSubscriber")
def create_subscriber(call: Call) -> dict:
    budget = _budget(call, "create subscriber")
    subscribers = budget.notifications[_notification(call, budget)][1]
    if call["Subscriber"] in subscribers:
        raise fault("DuplicateRecordException", "Error creating subscriber: the subscriber already exists.")
    _check_subscribers([*subscribers, call["Subscriber"]])
    subscribers.append(dict(call["Subscriber"]))
    return {}


@operations.on("UpdateSubscriber")
def update_subscriber(call: Call) -> dict:
    budget = _budget(call, "update subscriber")
    subscribers = budget.notifications[_notification(call, budget)][1]
    if call["OldSubscriber"] not in subscribers:
        raise fault("NotFoundException", "Unable to find the subscriber.")
    changed = [dict(call["NewSubscriber"]) if one == call["OldSubscriber"] else one for one in subscribers]
    if call["NewSubscriber"] in subscribers:
        raise fault("DuplicateRecordException", "Error updating subscriber: the subscriber already exists.")
    _check_subscribers(changed)
    subscribers[:] = changed
    return {}


@operations.on("DeleteSubscriber")
def delete_subscriber(call: Call) -> dict:
    budget = _budget(call, "delete subscriber")
    index = _notification(call, budget)
    subscribers = budget.notifications[index][1]
    if call["Subscriber"] not in subscribers:
        raise fault("NotFoundException", "Unable to find the subscriber.")
    subscribers.remove(call["Subscriber"])
    # A notification does not outlive its last subscriber.
    if not subscribers:
        del budget.notifications[index]
    return {}


def _by_arn(call: Call) -> _Budget:
    arn = call["ResourceARN"]
    account, name = arn.split(":")[4], arn.partition(":budget/")[2]
    found = _budgets.at(account, "").get(name)
    if found is None:
        raise fault("NotFoundException", f"Unable to find the resource {arn}")
    return found


@operations.on("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict:
    return {"ResourceTags": listed(_by_arn(call).tags)}


@operations.on("TagResource")
def tag_resource(call: Call) -> dict:
    _by_arn(call).tags.update(pairs(call["ResourceTags"]))
    return {}


@operations.on("UntagResource")
def untag_resource(call: Call) -> dict:
    for key in call["ResourceTagKeys"]:
        _by_arn(call).tags.pop(key, None)
    return {}
