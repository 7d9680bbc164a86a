"""Application Auto Scaling for ECS services. Nothing is ever scaled; what is declared reads back, alarms included."""

import copy
import uuid

from localstack.services.cloudwatch.models import LocalStackMetricAlarm, cloudwatch_stores

from stack_local import ecs, service_roles
from stack_local.core import Call, Operations, Store, fault, hex_id, now, page

operations = Operations("application-autoscaling")


class _State:
    def __init__(self):
        self.targets: dict[tuple, dict] = {}  # by namespace, resource and dimension
        self.policies: dict[tuple, dict] = {}  # by the same and the policy's name
        self.tags: dict[str, dict[str, str]] = {}


_state = Store(_State)


def _key(call: Call) -> tuple:
    return call["ServiceNamespace"], call["ResourceId"], call["ScalableDimension"]


def _invalid(message: str):
    return fault("ValidationException", message)


def _missing(what: str, key: tuple, name: str | None = None):
    words = f"No {what} found for service namespace: {key[0]}, resource ID: {key[1]}, scalable dimension: {key[2]}"
    return fault("ObjectNotFoundException", words + (f", policy name: {name}" if name else ""))


def _service_exists(call: Call, resource: str) -> bool:
    _, cluster, service = [*resource.split("/"), "", ""][:3]
    return ecs.service_is_active(call.account, call.region, cluster, service)


@operations.before_all
def _first(call: Call) -> None:
    """A target lives no longer than its service."""
    ecs.settle(call.account, call.region)
    state = _state.of(call)
    for key in [key for key in state.targets if key[0] == "ecs" and not _service_exists(call, key[1])]:
        _drop_target(call, key)


def _drop_target(call: Call, key: tuple) -> None:
    state = _state.of(call)
    for policy_key in [policy_key for policy_key in state.policies if policy_key[:3] == key]:
        _drop_policy(call, policy_key)
    state.tags.pop(state.targets.pop(key)["ScalableTargetARN"], None)


def _alarms(call: Call) -> dict:
    """CloudWatch's alarms by ARN, in its own store: `PutMetricAlarm` makes a request to this server, and that waits for a worker
    while all of them may wait for our lock. Besides, it would only compute states from metrics that are never sent."""
    return cloudwatch_stores[call.account][call.region].alarms


def _drop_policy(call: Call, key: tuple) -> None:
    policy = _state.of(call).policies.pop(key)
    for alarm in policy["Alarms"]:
        _alarms(call).pop(alarm["AlarmARN"], None)


@operations.on("RegisterScalableTarget")
def register_scalable_target(call: Call) -> dict:
    state, key = _state.of(call), _key(call)
    if key[0] == "ecs":
        if key[2] != "ecs:service:DesiredCount" or not key[1].startswith("service/") or key[1].count("/") != 2:
            raise _invalid("Unsupported service namespace, resource type or scalable dimension")
        if not _service_exists(call, key[1]):
            raise _invalid(f"ECS service doesn't exist: {key[1]}")
        service_roles.need(call, "ecs.application-autoscaling.amazonaws.com")
    known = state.targets.get(key)
    low, high = (call.get(field, known and known[field]) for field in ("MinCapacity", "MaxCapacity"))
    if low is None or high is None:
        raise _invalid("MinCapacity and MaxCapacity must be given when a scalable target is registered for the first time")
    if low > high:
        raise _invalid(f"Maximum capacity cannot be less than minimum capacity: {high} < {low}")
    if known and call.get("Tags"):
        raise _invalid("Tags are not supported on an update: use TagResource")
    if known is None:
        arn = call.arn("application-autoscaling", f"scalable-target/{hex_id(31)}")
        role = f"arn:aws:iam::{call.account}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
        known = state.targets[key] = {
            "ServiceNamespace": key[0],
            "ResourceId": key[1],
            "ScalableDimension": key[2],
            "RoleARN": call.get("RoleARN", role),
            "CreationTime": now(),
            "SuspendedState": {
                "DynamicScalingInSuspended": False,
                "DynamicScalingOutSuspended": False,
                "ScheduledScalingSuspended": False,
            },
            "ScalableTargetARN": arn,
        }
        state.tags[arn] = dict(call.get("Tags", {}))
    known["MinCapacity"], known["MaxCapacity"] = low, high
    known["SuspendedState"] |= call.get("SuspendedState", {})
    return {"ScalableTargetARN": known["ScalableTargetARN"]}


def _paged(call: Call, member: str, items: list) -> dict:
    items, token = page(items, call.get("NextToken"), call.get("MaxResults"), 50)
    return {member: copy.deepcopy(items)} | ({"NextToken": token} if token else {})


@operations.on("DescribeScalableTargets")
def describe_scalable_targets(call: Call) -> dict:
    found = [
        target
        for (namespace, resource, dimension), target in _state.of(call).targets.items()
        if namespace == call["ServiceNamespace"]
        and resource in call.get("ResourceIds", [resource])
        and dimension == call.get("ScalableDimension", dimension)
    ]
    return _paged(call, "ScalableTargets", found)


@operations.on("DeregisterScalableTarget")
def deregister_scalable_target(call: Call) -> dict:
    if _key(call) not in _state.of(call).targets:
        raise _missing("scalable target", _key(call))
    _drop_target(call, _key(call))
    return {}


@operations.on("PutScalingPolicy")
def put_scaling_policy(call: Call) -> dict:
    state, key = _state.of(call), _key(call)
    if key not in state.targets:
        raise _missing("scalable target", key)
    policy_key = (*key, call["PolicyName"])
    known = state.policies.get(policy_key)
    kind = call.get("PolicyType", known["PolicyType"] if known else "StepScaling")
    if known and known["PolicyType"] != kind:
        raise _invalid(f"Cannot change the type of the scaling policy {call['PolicyName']}")
    config = "TargetTrackingScalingPolicyConfiguration" if kind == "TargetTrackingScaling" else "StepScalingPolicyConfiguration"
    if kind not in ("TargetTrackingScaling", "StepScaling") or not call.get(config):
        raise _invalid(f"A {config} must be given for a policy of type {kind}")
    policy = known or {
        "PolicyARN": f"arn:aws:autoscaling:{call.region}:{call.account}:scalingPolicy:{uuid.uuid4()}:resource/{key[0]}/{key[1]}:policyName/{call['PolicyName']}",
        "PolicyName": call["PolicyName"],
        "ServiceNamespace": key[0],
        "ResourceId": key[1],
        "ScalableDimension": key[2],
        "PolicyType": kind,
        "CreationTime": now(),
        "Alarms": [],
    }
    policy[config] = copy.deepcopy(call[config])
    if kind == "TargetTrackingScaling":
        policy[config].setdefault("DisableScaleIn", False)
        _put_alarms(call, policy)
    state.policies[policy_key] = policy
    return {"PolicyARN": policy["PolicyARN"], "Alarms": copy.deepcopy(policy["Alarms"])}


def _put_alarms(call: Call, policy: dict) -> None:
    """The two alarms that AWS makes for a target to be tracked. They are not the user's, and look it."""
    config = policy["TargetTrackingScalingPolicyConfiguration"]
    _, cluster, service = policy["ResourceId"].split("/")
    memory = "Memory" in config.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", "")
    if not policy["Alarms"]:
        for side in ("AlarmHigh", "AlarmLow"):
            name = f"TargetTracking-{policy['ResourceId']}-{side}-{uuid.uuid4()}"
            policy["Alarms"].append({"AlarmName": name, "AlarmARN": call.arn("cloudwatch", f"alarm:{name}")})
    for alarm in policy["Alarms"]:
        high = "AlarmHigh" in alarm["AlarmName"]
        about = {
            "AlarmName": alarm["AlarmName"],
            "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy['PolicyARN']}.",
            "AlarmActions": [policy["PolicyARN"]],
            "Namespace": "AWS/ECS",
            "MetricName": "MemoryUtilization" if memory else "CPUUtilization",
            "Dimensions": [{"Name": "ClusterName", "Value": cluster}, {"Name": "ServiceName", "Value": service}],
            "Statistic": "Average",
            "Unit": "Percent",
            "Period": 60,
            "EvaluationPeriods": 3 if high else 15,
            "Threshold": config["TargetValue"] if high else config["TargetValue"] * 0.9,
            "ComparisonOperator": "GreaterThanThreshold" if high else "LessThanThreshold",
        }
        _alarms(call)[alarm["AlarmARN"]] = LocalStackMetricAlarm(call.account, call.region, about)


@operations.on("DescribeScalingPolicies")
def describe_scaling_policies(call: Call) -> dict:
    found = [
        policy
        for (namespace, resource, dimension, name), policy in _state.of(call).policies.items()
        if namespace == call["ServiceNamespace"]
        and resource == call.get("ResourceId", resource)
        and dimension == call.get("ScalableDimension", dimension)
        and name in call.get("PolicyNames", [name])
    ]
    return _paged(call, "ScalingPolicies", found)


@operations.on("DeleteScalingPolicy")
def delete_scaling_policy(call: Call) -> dict:
    key = (*_key(call), call["PolicyName"])
    if key not in _state.of(call).policies:
        raise _missing("scaling policy", key[:3], key[3])
    _drop_policy(call, key)
    return {}


@operations.on("DescribeScalingActivities")
def describe_scaling_activities(call: Call) -> dict:
    return {"ScalingActivities": []}


def _tags(call: Call) -> dict[str, str]:
    tags = _state.of(call).tags.get(call["ResourceARN"])
    if tags is None:
        raise fault("ResourceNotFoundException", f"Resource not found: {call['ResourceARN']}")
    return tags


@operations.on("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict:
    return {"Tags": dict(_tags(call))}


@operations.on("TagResource")
def tag_resource(call: Call) -> dict:
    tags = _tags(call)
    if len(tags | call["Tags"]) > 50:
        raise fault("TooManyTagsException", "The most is 50 tags.")
    tags.update(call["Tags"])
    return {}


@operations.on("UntagResource")
def untag_resource(call: Call) -> dict:
    for key in call["TagKeys"]:
        _tags(call).pop(key, None)
    return {}


def all_tags(account: str, region: str) -> dict[str, dict[str, str]]:
    return _state.at(account, region).tags
