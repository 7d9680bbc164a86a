"""Flow logs of EC2: their tokens, and whether records arrive, which moto decides once and for all at their creation."""

from moto.iam.models import iam_backends
from moto.logs.models import logs_backends

from stack_local.core import Call, Store, Tokens, fault


class _State:
    def __init__(self):
        self.tokens = Tokens(
            lambda token: fault("IdempotentParameterMismatch", f"The client token {token} was used with other parameters.")
        )


_state = Store(_State)


def create(call: Call) -> dict:
    state = _state.of(call)
    known = state.tokens.known("CreateFlowLogs", call.request, "ClientToken")
    if known:
        return {"FlowLogIds": [known], "Unsuccessful": [], "ClientToken": call["ClientToken"]}
    answer = call.stock()
    made = answer.get("FlowLogIds") or []
    if call.get("ClientToken"):
        answer["ClientToken"] = call["ClientToken"]
        if len(made) == 1:
            state.tokens.remember("CreateFlowLogs", call.request, "ClientToken", made[0])
    return answer


def describe(call: Call) -> dict:
    """Records for a log group or by a role that is not there are not delivered, whatever it was like in the beginning
    (https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-troubleshooting.html)."""
    answer = call.stock()
    for log in answer.get("FlowLogs", []):
        if log.get("LogDestinationType", "cloud-watch-logs") != "cloud-watch-logs":
            continue
        role = log.get("DeliverLogsPermissionArn", "")
        roles = iam_backends[call.account]["aws"].roles.values()
        groups = logs_backends[call.account][call.region].groups
        if log.get("LogGroupName") in groups and any(one.arn == role for one in roles):
            log["DeliverLogsStatus"] = "SUCCESS"
            log.pop("DeliverLogsErrorMessage", None)
        else:
            log["DeliverLogsStatus"], log["DeliverLogsErrorMessage"] = "FAILED", "Access error"
    return answer
