"""CloudWatch's metrics: by percentiles, which LocalStack cannot compute, and over many periods, for each of which it asks its database.
Metric math it cannot either, and neither is it here."""

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


def _rows(call: Call, query: dict, table: str, columns: str) -> list[tuple]:
    """What was put into a table for the metric, which has exactly the dimensions of the question, as on AWS."""
    stat = query["MetricStat"]
    metric = stat["Metric"]
    start, end = int(call["StartTime"].timestamp()), int(call["EndTime"].timestamp())
    wanted = {(one["Name"], one["Value"]) for one in metric.get("Dimensions") or []}
    rows = (call.account, call.region, metric["Namespace"], metric["MetricName"], start, end)
    # As LocalStack asks: its file can be read while it is written.
    with sqlite3.connect(CloudwatchDatabase.METRICS_DB_READ_ONLY, uri=True) as database:
        found = database.execute(
            f"SELECT dimensions, unit, timestamp, {columns} FROM {table} WHERE account_id = ? AND region = ?"
            " AND namespace = ? AND metric_name = ? AND timestamp >= ? AND timestamp < ?",
            rows,
        ).fetchall()
    out = []
    for dimensions, unit, at, *values in found:
        has = {tuple(part.split("=", 1)) for part in (dimensions or "").split("\t") if part}
        if has == wanted and stat.get("Unit") in (None, unit):
            out.append((start + (at - start) // stat["Period"] * stat["Period"], *values))
    return out


def _values(call: Call, query: dict) -> dict[int, list[float]]:
    """The values of each period, by its beginning."""
    out: dict[int, list[float]] = {}
    for at, value in _rows(call, query, CloudwatchDatabase.TABLE_SINGLE_METRICS, "value"):
        out.setdefault(at, []).append(value)
    return out


# Of the values of a period, and of those that were put as statistics: samples, sum, least and largest.
_STATISTICS = {
    "SampleCount": lambda samples: sum(count for count, *_ in samples),
    "Sum": lambda samples: sum(total for _, total, *_ in samples),
    "Average": lambda samples: sum(total for _, total, *_ in samples) / (sum(count for count, *_ in samples) or 1),
    "Minimum": lambda samples: min(least for *_, least, _ in samples),
    "Maximum": lambda samples: max(largest for *_, largest in samples),
}


def _statistics(call: Call, query: dict) -> dict[int, float]:
    samples: dict[int, list[tuple]] = {}
    for at, values in _values(call, query).items():
        samples.setdefault(at, []).append((len(values), sum(values), min(values), max(values)))
    columns = "sample_count, sum, min, max"
    for at, *one in _rows(call, query, CloudwatchDatabase.TABLE_AGGREGATED_METRICS, columns):
        samples.setdefault(at, []).append(tuple(one))
    return {at: float(_STATISTICS[query["MetricStat"]["Stat"]](all_of_it)) for at, all_of_it in samples.items()}


def _percentile(values: list[float], percent: float) -> float:
    """The least value that so many per cent are not above."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def _result(call: Call, query: dict) -> dict:
    stat = query.get("MetricStat")
    if stat is None:
        raise fault("NotImplemented", "The local AWS knows no metric math: a query must have a MetricStat", 501)
    percent = _percent(stat["Stat"])
    if percent is not None:
        found = {at: _percentile(values, percent) for at, values in _values(call, query).items()}
    elif stat["Stat"] in _STATISTICS:
        found = _statistics(call, query)
    else:
        raise fault("NotImplemented", f"The local AWS does not know the statistic {stat['Stat']}", 501)
    points = sorted(found.items(), reverse=call.get("ScanBy") != "TimestampAscending")
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or stat["Metric"]["MetricName"],
        "StatusCode": "Complete",
        "Timestamps": [datetime.datetime.fromtimestamp(at, tz=datetime.UTC) for at, _ in points],
        "Values": [value for _, value in points],
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
