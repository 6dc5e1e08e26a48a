"""Cost Explorer over the daily costs: grouping, filters, forecast, values, tags, anomalies.

Costs are known up to and including yesterday. Blended, amortized and net costs are the unblended ones:
the made-up account has neither discounts nor reservations.
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
import tomllib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from importlib import resources
from typing import Any

from skerry.errors import ServiceError, validation
from skerry.local.aws_fixtures.asked import Asked
from skerry.local.aws_fixtures.daily import Line, chosen, days, dimension, lacking

_COSTS = frozenset({"UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost"})
_FORECASTS = frozenset(
    {"UNBLENDED_COST", "BLENDED_COST", "AMORTIZED_COST", "NET_UNBLENDED_COST", "NET_AMORTIZED_COST"}
)
_BASIS = 28
"""Days that a forecast looks back."""
_DIGITS = Decimal("0.0000000001")
_ABOVE: Mapping[str, Callable[[float, float, float], bool]] = {
    "EQUAL": lambda value, start, _end: value == start,
    "GREATER_THAN": lambda value, start, _end: value > start,
    "GREATER_THAN_OR_EQUAL": lambda value, start, _end: value >= start,
    "LESS_THAN": lambda value, start, _end: value < start,
    "LESS_THAN_OR_EQUAL": lambda value, start, _end: value <= start,
    "BETWEEN": lambda value, start, end: start <= value <= end,
}


class CostExplorer:
    """The costs of one account."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._currency = str(document["currency"])
        self._days = int(document["days"])
        self._months = [Decimal(str(part)) for part in document["months"]]
        self._rows: list[Mapping[str, Any]] = document["lines"]
        self._answers: Mapping[str, Callable[[Asked], dict[str, Any]]] = {
            "GetCostAndUsage": self._usage,
            "GetCostForecast": self._forecast,
            "GetDimensionValues": self._values,
            "GetTags": self._tags,
            "GetAnomalies": self._anomalies,
        }
        self.operations = frozenset(self._answers)

    def answer(self, asked: Asked) -> dict[str, Any]:
        """The output of an operation. Raises ServiceError."""
        return self._answers[asked.operation](asked)

    def _lines(self, asked: Asked) -> list[Line]:
        if not asked.own:
            return []
        lines = [Line.of(row, self._months, asked.account) for row in self._rows]
        return chosen(lines, asked.given.get("Filter"))

    def _known(self, asked: Asked) -> tuple[dt.date, dt.date]:
        """The first day with costs, and the first without: today."""
        today = _today(asked)
        return today - dt.timedelta(self._days), today

    def _usage(self, asked: Asked) -> dict[str, Any]:
        start, end = _period(asked.given["TimePeriod"])
        since, today = self._known(asked)
        if start < since:
            raise validation(f"Requested data goes back beyond {self._days} days; it begins on {since}.")
        metrics = asked.given["Metrics"]
        for metric in metrics:
            if metric not in _COSTS | {"UsageQuantity"}:
                raise lacking(f"the metric {metric}")
        groups = [_group(item) for item in asked.given.get("GroupBy", [])]
        lines = self._lines(asked)
        results = []
        for first, after in _buckets(start, end, asked.given["Granularity"]):
            within = list(days(first, min(after, today))) if first < today else []
            result: dict[str, Any] = {
                "TimePeriod": {"Start": first.isoformat(), "End": after.isoformat()},
                "Estimated": after > today.replace(day=1),
                "Total": {} if groups else self._metrics(lines, within, metrics),
                "Groups": [],
            }
            if groups:
                by_key: dict[tuple[str, ...], list[Line]] = {}
                for line in lines:
                    if any(line.factor(day) for day in within):
                        by_key.setdefault(tuple(group(line) for group in groups), []).append(line)
                result["Groups"] = [
                    {"Keys": list(keys), "Metrics": self._metrics(part, within, metrics)}
                    for keys, part in sorted(by_key.items())
                ]
            results.append(result)
        answer: dict[str, Any] = {"ResultsByTime": results, "DimensionValueAttributes": []}
        return {**answer, "GroupDefinitions": asked.given["GroupBy"]} if groups else answer

    def _metrics(
        self, lines: Iterable[Line], within: list[dt.date], metrics: Iterable[str]
    ) -> dict[str, Any]:
        factors = [(line, sum((line.factor(day) for day in within), Decimal())) for line in lines]
        units = {line.unit for line, factor in factors if factor}
        cost = sum((line.amount * factor for line, factor in factors), Decimal())
        usage = sum((line.quantity * factor for line, factor in factors), Decimal())
        return {
            metric: {"Amount": _text(cost), "Unit": self._currency}
            if metric in _COSTS
            else {"Amount": _text(usage), "Unit": units.pop() if len(units) == 1 else "N/A"}
            for metric in metrics
        }

    def _forecast(self, asked: Asked) -> dict[str, Any]:
        """Each day costs what the same weekday did on average; the interval is that of a normal spread."""
        start, end = _period(asked.given["TimePeriod"])
        today = _today(asked)
        if start < today:
            raise validation(f"Start date must be on or after today ({today}).")
        if asked.given["Metric"] not in _FORECASTS:
            raise lacking(f"a forecast of {asked.given['Metric']}")
        lines = self._lines(asked)
        past = [
            (day, float(sum((line.cost(day) for line in lines), Decimal())))
            for day in days(today - dt.timedelta(_BASIS), today)
        ]
        if not any(cost for _, cost in past):
            raise ServiceError("DataUnavailableException", 400, "There is not enough data for a forecast.")
        by_weekday = {number: [cost for day, cost in past if day.weekday() == number] for number in range(7)}
        spread = statistics.pstdev(cost for _, cost in past)
        level = int(asked.given.get("PredictionIntervalLevel", 80))
        width = statistics.NormalDist().inv_cdf(0.5 + level / 200) * spread
        results: list[dict[str, Any]] = []
        for first, after in _buckets(start, end, asked.given["Granularity"]):
            mean = sum(statistics.fmean(by_weekday[day.weekday()]) for day in days(first, after))
            reach = width * math.sqrt((after - first).days)
            results.append(
                {
                    "TimePeriod": {"Start": first.isoformat(), "End": after.isoformat()},
                    "MeanValue": f"{mean:.10f}",
                    "PredictionIntervalLowerBound": f"{max(0.0, mean - reach):.10f}",
                    "PredictionIntervalUpperBound": f"{mean + reach:.10f}",
                }
            )
        total = sum(float(item["MeanValue"]) for item in results)
        return {
            "Total": {"Amount": f"{total:.10f}", "Unit": self._currency},
            "ForecastResultsByTime": results,
        }

    def _values(self, asked: Asked) -> dict[str, Any]:
        key = dimension(asked.given["Dimension"])
        return _listed(
            asked,
            (line.dimension(key) for line in self._seen(asked)),
            lambda found: {"DimensionValues": [{"Value": value, "Attributes": {}} for value in found]},
        )

    def _tags(self, asked: Asked) -> dict[str, Any]:
        """The values of a tag, or the keys of all tags."""
        key = asked.given.get("TagKey")
        lines = self._seen(asked)
        found = (line.tags.get(key, "") if key else name for line in lines for name in (line.tags or ("",)))
        return _listed(asked, found, lambda values: {"Tags": values})

    def _seen(self, asked: Asked) -> Iterator[Line]:
        """The lines that cost something in the period."""
        start, end = _period(asked.given["TimePeriod"])
        since, today = self._known(asked)
        within = list(days(max(start, since), max(since, min(end, today))))
        return (line for line in self._lines(asked) if any(line.factor(day) for day in within))

    def _anomalies(self, asked: Asked) -> dict[str, Any]:
        """One for each run of unusual days that touches the interval."""
        for name in ("MonitorArn", "Feedback"):
            if name in asked.given:
                raise lacking(f"anomalies by {name}")
        since, today = self._known(asked)
        interval = asked.given["DateInterval"]
        start = _date(interval["StartDate"])
        end = _date(interval.get("EndDate") or today.isoformat())
        if end < start:
            raise validation("EndDate is before StartDate.")
        found = [
            _anomaly(line, run)
            for line in self._lines(asked)
            for run in _runs(line, max(since, start), min(today - dt.timedelta(1), end))
        ]
        impact = asked.given.get("TotalImpact")
        if impact:
            holds = _ABOVE[impact["NumericOperator"]]
            bounds = (float(impact["StartValue"]), float(impact.get("EndValue", math.inf)))
            found = [item for item in found if holds(item["Impact"]["TotalImpact"], *bounds)]
        found.sort(key=lambda item: str(item["AnomalyStartDate"]), reverse=True)
        first = _offset(asked)
        last = first + int(asked.given.get("MaxResults", 100))
        page: dict[str, Any] = {"Anomalies": found[first:last]}
        return page if last >= len(found) else {**page, "NextPageToken": str(last)}


def cost_explorer() -> CostExplorer:
    """The costs that are bundled."""
    text = resources.files(__package__).joinpath("costs.toml").read_text(encoding="utf-8")
    return CostExplorer(tomllib.loads(text))


def _today(asked: Asked) -> dt.date:
    return dt.datetime.fromtimestamp(asked.now, dt.UTC).date()


def _date(text: object) -> dt.date:
    try:
        return dt.date.fromisoformat(str(text)[:10])
    except ValueError as error:
        raise validation(f"{str(text)[:40]} is no date of the form YYYY-MM-DD.") from error


def _period(given: Mapping[str, Any]) -> tuple[dt.date, dt.date]:
    start, end = _date(given["Start"]), _date(given["End"])
    if start >= end:
        raise validation("Start date (and hour) should be before end date (and hour).")
    return start, end


def _buckets(start: dt.date, end: dt.date, granularity: str) -> Iterator[tuple[dt.date, dt.date]]:
    if granularity not in ("DAILY", "MONTHLY"):
        raise lacking(f"the granularity {granularity}")
    while start < end:
        month = (start.replace(day=1) + dt.timedelta(32)).replace(day=1)
        after = min(end, month if granularity == "MONTHLY" else start + dt.timedelta(1))
        yield start, after
        start = after


def _group(given: Mapping[str, Any]) -> Callable[[Line], str]:
    kind, key = given.get("Type", "DIMENSION"), str(given.get("Key", ""))
    if kind == "DIMENSION":
        named = dimension(key)
        return lambda line: line.dimension(named) or f"No{named.title().replace('_', '')}"
    if kind == "TAG":
        return lambda line: f"{key}${line.tags.get(key, '')}"
    raise lacking(f"groups of {kind}")


def _listed(
    asked: Asked, values: Iterable[str], shown: Callable[[list[str]], dict[str, Any]]
) -> dict[str, Any]:
    wanted = str(asked.given.get("SearchString", "")).lower()
    found = sorted({value for value in values if value and wanted in value.lower()})
    first = _offset(asked)
    last = first + int(asked.given.get("MaxResults", 1000))
    page = {**shown(found[first:last]), "ReturnSize": len(found[first:last]), "TotalSize": len(found)}
    return page if last >= len(found) else {**page, "NextPageToken": str(last)}


def _offset(asked: Asked) -> int:
    token = str(asked.given.get("NextPageToken", "0"))
    if not token.isdecimal() or len(token) > 6:
        raise ServiceError("InvalidNextTokenException", 400, "The NextPageToken is not one that was given.")
    return int(token)


def _runs(line: Line, start: dt.date, end: dt.date) -> Iterator[list[dt.date]]:
    """The runs of unusual days of a line that touch the days from `start` to `end`, both included."""
    run: list[dt.date] = []
    margin = dt.timedelta(31)
    for day in days(start - margin, end + dt.timedelta(1)):
        if line.is_unusual(day):
            run.append(day)
        elif run:
            if run[-1] >= start:
                yield run
            run = []
    if run and run[-1] >= start:
        yield run


def _anomaly(line: Line, run: list[dt.date]) -> dict[str, Any]:
    actual = float(sum((line.cost(day) for day in run), Decimal()))
    expected = float(sum((line.cost(day, usual=True) for day in run), Decimal()))
    extra = [float(line.cost(day) - line.cost(day, usual=True)) for day in run]
    name = f"{line.account} {line.usage_type} {run[0]}"
    return {
        "AnomalyId": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        "AnomalyStartDate": run[0].isoformat(),
        "AnomalyEndDate": run[-1].isoformat(),
        "DimensionValue": line.service,
        "RootCauses": [
            {
                "Service": line.service,
                "Region": line.region,
                "LinkedAccount": line.account,
                "UsageType": line.usage_type,
            }
        ],
        "AnomalyScore": {"MaxScore": 0.9, "CurrentScore": 0.7},
        "Impact": {
            "MaxImpact": max(extra),
            "TotalImpact": actual - expected,
            "TotalActualSpend": actual,
            "TotalExpectedSpend": expected,
            "TotalImpactPercentage": 100 * (actual - expected) / expected if expected else 0.0,
        },
        "MonitorArn": f"arn:aws:ce::{line.account}:anomalymonitor/5e81c35a-0000-4000-8000-000000000001",
    }


def _text(amount: Decimal) -> str:
    return f"{amount.quantize(_DIGITS):f}"
