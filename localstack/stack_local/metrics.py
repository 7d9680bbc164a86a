"""CloudWatch's metrics by percentiles, which LocalStack cannot compute. Metric math it cannot either, and neither is it here."""

import datetime
import math
import re
import sqlite3

from localstack.services.cloudwatch.cloudwatch_database_helper import CloudwatchDatabase

from stack_local.core import Call, fault

# API reference GetMetricData: MetricDataQueries.
_QUERIES = 500


def _percent(stat: str) -> float | None:
    found = re.fullmatch(r"p(\d{1,2}(\.\d+)?|100)", stat)
    return float(found[1]) if found else None


def _values(call: Call, query: dict) -> dict[int, list[float]]:
    """The values of each period, by its beginning."""
    stat = query["MetricStat"]
    metric, period = stat["Metric"], stat["Period"]
    start, end = int(call["StartTime"].timestamp()), int(call["EndTime"].timestamp())
    wanted = {(one["Name"], one["Value"]) for one in metric.get("Dimensions") or []}
    rows = (call.account, call.region, metric["Namespace"], metric["MetricName"], start, end)
    # As LocalStack asks: its file can be read while it is written.
    with sqlite3.connect(CloudwatchDatabase.METRICS_DB_READ_ONLY, uri=True) as database:
        found = database.execute(
            f"SELECT timestamp, value, dimensions FROM {CloudwatchDatabase.TABLE_SINGLE_METRICS} WHERE account_id = ? AND region = ?"
            " AND namespace = ? AND metric_name = ? AND timestamp >= ? AND timestamp < ?",
            rows,
        ).fetchall()
    out: dict[int, list[float]] = {}
    for at, value, dimensions in found:
        has = {tuple(part.split("=", 1)) for part in (dimensions or "").split("\t") if part}
        if has == wanted:
            out.setdefault(start + (at - start) // period * period, []).append(value)
    return out


def _percentile(values: list[float], percent: float) -> float:
    """The least value that so many per cent are not above."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def _result(call: Call, query: dict) -> dict:
    stat = query.get("MetricStat")
    if stat is None:
        raise fault("NotImplemented", "The local AWS knows no metric math: a query must have a MetricStat", 501)
    percent = _percent(stat["Stat"])
    if percent is None:
        answer = Call(call.context, dict(call.request) | {"MetricDataQueries": [query]}, call._stock).stock()
        return answer["MetricDataResults"][0]
    points = sorted(_values(call, query).items(), reverse=call.get("ScanBy") != "TimestampAscending")
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or stat["Metric"]["MetricName"],
        "StatusCode": "Complete",
        "Timestamps": [datetime.datetime.fromtimestamp(at, tz=datetime.UTC) for at, _ in points],
        "Values": [_percentile(values, percent) for _, values in points],
    }


def get_metric_data(call: Call) -> dict:
    queries = call["MetricDataQueries"]
    if len(queries) > _QUERIES:
        raise fault("ValidationError", f"The collection MetricDataQueries must not have a size greater than {_QUERIES}.")
    ids = [query["Id"] for query in queries]
    if len(set(ids)) < len(ids) or not all(re.fullmatch(r"[a-z][A-Za-z0-9_]{0,254}", one) for one in ids):
        raise fault(
            "ValidationError",
            "The values for parameter id in MetricDataQueries must be unique, and begin with a lower-case letter.",
        )
    return {
        "MetricDataResults": [_result(call, query) for query in queries if query.get("ReturnData") is not False],
        "Messages": [],
    }
