"""SNS: LocalStack's own, which returns the ARNs of unconfirmed subscriptions."""

from localstack.services.sns.models import sns_stores

from stack_local.core import Call, Operations

operations = Operations("sns", locked=False)


def _is_pending(call: Call, arn: str) -> bool:
    return sns_stores[call.account][call.region].subscriptions.get(arn, {}).get("PendingConfirmation") == "true"


@operations.on("Subscribe")
def subscribe(call: Call) -> dict:
    """API reference Subscribe: the ARN of one that is not confirmed is returned only if ReturnSubscriptionArn says so."""
    answer = call.stock()
    if not call.get("ReturnSubscriptionArn") and _is_pending(call, answer["SubscriptionArn"]):
        return {"SubscriptionArn": "pending confirmation"}
    return answer


@operations.on("ListSubscriptionsByTopic")
def list_subscriptions_by_topic(call: Call) -> dict:
    """SNS developer guide, "Deleting a subscription": one that is not confirmed is listed as `PendingConfirmation`."""
    answer = call.stock()
    told = lambda one: one | ({"SubscriptionArn": "PendingConfirmation"} if _is_pending(call, one["SubscriptionArn"]) else {})
    return {**answer, "Subscriptions": [told(dict(one)) for one in answer.get("Subscriptions") or []]}
