"""CloudWatch's dashboards, which LocalStack keeps with any text as their body: they are an account's own, without a region, and have tags.

What AWS looks at in a body is documented as its structure
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Dashboard-Body-Structure.html); what it says about it is known
from messages that others quote, in part (pulumi/pulumi#13059, aws-samples/aws-eda-slurm-cluster#116). Which warnings there are is not: a field
that is not documented is one here."""

import json
import re

import cbor2

from stack_local.core import Call, Store, fault, now, page, pairs

# API reference PutDashboard: DashboardName.
_NAME = r"[A-Za-z0-9_-]{1,255}"
# The structure of a body: "an array of between 0 and 500 widget objects", a grid of 24 columns.
_WIDGETS, _COLUMNS, _HEIGHT = 500, 24, 1000
_TYPES = ("metric", "text", "log", "alarm", "explorer", "custom", "chart")
_FIELDS = ("widgets", "start", "end", "periodOverride", "variables")
# "You can include as many as 100 alarms in the widget."
_ALARMS = 100
# API reference DeleteDashboards and ListDashboards.
_MOST = 100


class _Dashboard:
    def __init__(self, body: str):
        self.body = body
        self.tags: dict[str, str] = {}
        self.modified = now()


_dashboards = Store(dict)


def _all(call: Call) -> dict[str, _Dashboard]:
    return _dashboards.at(call.account, "")


def _arn(call: Call, name: str) -> str:
    return f"arn:aws:cloudwatch::{call.account}:dashboard/{name}"


def _is_number(value, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _metric(at: str, metric, errors: list[dict]) -> None:
    """A metric is its namespace, its name, pairs of dimensions, and at last what it looks like; or an expression."""
    wrong = lambda message: errors.append({"DataPath": at, "Message": message})
    if not isinstance(metric, list) or not metric:
        wrong("Should be an array")
        return
    parts = metric[:-1] if isinstance(metric[-1], dict) else metric
    look = metric[-1] if isinstance(metric[-1], dict) else {}
    if not parts and "expression" in look:
        return
    if not all(isinstance(part, str) for part in parts):
        wrong("Should be strings")
    elif parts[-1:] != ["..."] and "..." not in parts and len(parts) % 2:
        wrong("Should NOT have fewer than 2 items, and dimensions in pairs")


def _widget(at: str, widget, errors: list[dict]) -> None:
    wrong = lambda path, message: errors.append({"DataPath": f"{at}{path}", "Message": message})
    if not isinstance(widget, dict):
        return wrong("", "Should be an object")
    if widget.get("type") not in _TYPES:
        return wrong("/type", "Should be equal to one of the allowed values")
    properties = widget.get("properties")
    if not isinstance(properties, dict):
        return wrong("", "Should have required property 'properties'")
    for field, least, most in (("x", 0, _COLUMNS - 1), ("y", 0, 10**6), ("width", 1, _COLUMNS), ("height", 1, _HEIGHT)):
        if field in widget and not _is_number(widget[field], least, most):
            wrong(f"/{field}", f"Should be an integer from {least} to {most}")
    match widget["type"]:
        case "text" if not isinstance(properties.get("markdown"), str):
            wrong("/properties", "Should have required property 'markdown'")
        case "alarm":
            alarms = properties.get("alarms")
            if not isinstance(alarms, list) or not 1 <= len(alarms) <= _ALARMS:
                wrong("/properties/alarms", f"Should be an array of 1 to {_ALARMS} items")
        case "metric":
            metrics = properties.get("metrics")
            if metrics is None and "annotations" not in properties:
                wrong("/properties", "Should have required property 'metrics'")
            if "region" not in properties or (metrics is None and "annotations" not in properties):
                said = "The metric widget should have specified a region and a data source or an alarm annotation"
                wrong("/properties", said)
            for n, metric in enumerate(metrics or []):
                _metric(f"{at}/properties/metrics/{n}", metric, errors)


def _check(body: str) -> list[dict]:
    """What AWS says of a body that it takes; what it does not take it refuses."""
    errors: list[dict] = []
    warnings: list[dict] = []
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
        errors.append({"Message": "The dashboard body is not valid JSON"})
    if parsed is not None:
        widgets = parsed.get("widgets") if isinstance(parsed, dict) else None
        if not isinstance(widgets, list):
            errors.append({"DataPath": "/", "Message": "Should have required property 'widgets'"})
        elif len(widgets) > _WIDGETS:
            errors.append({"DataPath": "/widgets", "Message": f"Should NOT have more than {_WIDGETS} items"})
        else:
            for n, widget in enumerate(widgets):
                _widget(f"/widgets/{n}", widget, errors)
            more = [field for field in parsed if field not in _FIELDS]
            warnings.extend({"DataPath": f"/{field}", "Message": "Should NOT have additional properties"} for field in more)
    if errors:
        told = json.dumps(errors)
        raise fault("InvalidParameterInput", f"The dashboard body is invalid, there are {len(errors)} validation errors: {told}")
    return warnings


def _given_tags(call: Call) -> dict[str, str]:
    """The tags of a request: LocalStack's model of the operation is older than they are."""
    request = call.context.request
    sort = request.headers.get("Content-Type", "")
    if "cbor" in sort:
        return pairs((cbor2.loads(request.get_data()) or {}).get("Tags"))
    if "json" in sort:
        return pairs((json.loads(request.get_data() or "{}")).get("Tags"))
    return {}


def put(call: Call) -> dict:
    name, body = call["DashboardName"], call["DashboardBody"]
    if not re.fullmatch(_NAME, name):
        message = "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_)."
        raise fault("InvalidParameterValue", message)
    warnings = _check(body)
    known = _all(call).get(name)
    if known is None:
        # "If you specify Tags when updating an existing dashboard, the tag updates are ignored."
        known = _all(call)[name] = _Dashboard(body)
        known.tags = _given_tags(call)
    known.body, known.modified = body, now()
    return {"DashboardValidationMessages": warnings} if warnings else {}


def get(call: Call) -> dict:
    name = call["DashboardName"]
    if name not in _all(call):
        raise fault("ResourceNotFound", f"Dashboard {name} does not exist", 404)
    return {"DashboardArn": _arn(call, name), "DashboardBody": _all(call)[name].body, "DashboardName": name}


def delete(call: Call) -> dict:
    """API reference DeleteDashboards: "If there is an error during this call, no dashboards are deleted."."""
    missing = [name for name in call["DashboardNames"] if name not in _all(call)]
    if missing:
        raise fault("ResourceNotFound", f"Dashboards [{', '.join(missing)}] do not exist", 404)
    for name in call["DashboardNames"]:
        del _all(call)[name]
    return {}


def listed(call: Call) -> dict:
    prefix = call.get("DashboardNamePrefix", "")
    entries = [
        {"DashboardName": name, "DashboardArn": _arn(call, name), "LastModified": one.modified, "Size": len(one.body)}
        for name, one in sorted(_all(call).items())
        if name.startswith(prefix)
    ]
    some, token = page(entries, call.get("NextToken"), None, _MOST)
    return {"DashboardEntries": some} | ({"NextToken": token} if token else {})


def tags_at(call: Call, arn: str) -> dict[str, str]:
    name = arn.partition(":dashboard/")[2]
    if name not in _all(call):
        raise fault("ResourceNotFoundException", f"Resource {arn} does not exist", 404)
    return _all(call)[name].tags
