"""Metrics of CloudWatch as people ask for them: dimensions as text, a span, a fitting period."""

from __future__ import annotations

from typing import Any

from skerry.servers.aws_ops.arguments import Arguments, wrong_arguments
from skerry.servers.aws_ops.definition import Item, Members
from skerry.servers.aws_ops.times import window

STATISTICS = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")
PERCENTILES = ("p50", "p90", "p95", "p99")
_PERIODS = (60, 300, 900, 3600, 21_600, 86_400)
_POINTS = 100
_MOST_POINTS = 1440  # what GetMetricStatistics gives at most


def dimensions(text: str) -> list[dict[str, str]]:
    """`Name=value,Name=value` as CloudWatch's dimensions. Raises ServiceError for anything else."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, given, value = part.partition("=")
        if not given or not name.strip() or not value.strip():
            raise wrong_arguments([("dimensions", "looks like InstanceId=i-0123,Other=value")])
        found.append({"Name": name.strip(), "Value": value.strip()})
    if not 0 < len(found) <= 30:
        raise wrong_arguments([("dimensions", "names from 1 to 30 dimensions, such as InstanceId=i-0123")])
    return found


def statistics_of(arguments: Arguments, now: float) -> Members:
    """Times, period and statistics of GetMetricStatistics; a period that is left out fits the span."""
    start, end = window(arguments, now, "3h")
    seconds = (end - start).total_seconds()
    fitting = next((size for size in _PERIODS if seconds / size <= _POINTS), _PERIODS[-1])
    period = int(arguments.get("period_seconds", fitting))
    if period % 60:
        raise wrong_arguments([("period_seconds", "must be a multiple of 60")])
    if seconds / period > _MOST_POINTS:
        raise wrong_arguments([("period_seconds", f"gives more than {_MOST_POINTS} points; make it longer")])
    members: Members = {"StartTime": start, "EndTime": end, "Period": period}
    statistic = str(arguments.get("statistic", "Average"))
    members["ExtendedStatistics" if statistic in PERCENTILES else "Statistics"] = [statistic]
    return members


def points(answer: Members) -> list[Item]:
    """The data points in the order of time, with the one statistic that was asked for as `value`."""
    return [
        {"time": point["Timestamp"], "value": _value(point), "unit": point.get("Unit")}
        for point in sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    ]


def _value(point: Members) -> Any:
    extended = next(iter(point.get("ExtendedStatistics", {}).values()), None)
    return next((point[name] for name in STATISTICS if name in point), extended)
