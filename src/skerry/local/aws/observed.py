"""Metrics and logs of AgentCore and of functions in moto: written by the endpoint, read as any others are.

They are bounded, because a stack may run for days: the oldest go. On AWS metrics of a minute are kept for 15
days, and logs for good.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.cloudwatch.models import MetricDatumBase
    from moto.logs.models import LogGroup

SUMS = 50_000
"""Metrics that are kept: each is a minute of one metric in one combination of dimensions."""
STREAMS = 500
"""Streams that are kept of a log group."""
EVENTS = 10_000
"""Lines that are kept of a stream."""

Given = Mapping[str, Any]
Pairs = tuple[tuple[str, str], ...]
Key = tuple[str, str, str, str, Pairs, int]
"""Account, region, namespace, name, dimensions, minute."""

_providers: list[type] = []
"""Moto finds them as long as they live."""
_kept: dict[Key, MetricDatumBase] = {}


def write(given: Given, *, sums: int = SUMS, streams: int = STREAMS, events: int = EVENTS) -> None:
    """Adds metrics and log events; what they belong to is made where it is not there.

    `given` has the `account` and `region`, `metrics` as `observability.metrics` has them, and `logs`: groups,
    streams and events of milliseconds and text, in the order in which they were printed. What has a `region`
    of its own goes there. The rest is how much is kept: sums of all metrics, streams of a group, events of a
    stream.
    """
    place = (given["account"], given["region"])
    _write_metrics(place, given["metrics"])
    while len(_kept) > sums:
        del _kept[next(iter(_kept))]
    for item in given["logs"]:
        group = _write_logs(_of(place, item), item["group"], item["stream"], item["events"])
        del group.streams[item["stream"]].events[:-events]
        while len(group.streams) > streams:
            del group.streams[next(iter(group.streams))]


def _of(place: tuple[str, str], item: Given) -> tuple[str, str]:
    account, region = place
    return account, item.get("region") or region


def _write_metrics(place: tuple[str, str], metrics: Iterable[Given]) -> None:
    make = serve_kept_metrics()
    for item in metrics:
        dimensions = tuple((name, value) for name, value in item["dimensions"])
        key = (*_of(place, item), item["namespace"], item["name"], dimensions, item["minute"])
        known: Any = _kept.get(key)
        if known is None:
            _kept[key] = make(item, dimensions)
        else:
            known.min, known.max = min(known.min, item["least"]), max(known.max, item["most"])
            known.sample_count += item["count"]
            known.sum += item["sum"]


def _write_logs(
    place: tuple[str, str], group: str, stream: str, events: Iterable[tuple[int, str]]
) -> LogGroup:
    from moto.logs.models import logs_backends

    filter_streams_by_prefix()
    account, region = place
    logs = logs_backends[account][region]
    logs.ensure_log_group(group)
    logs.ensure_log_stream(group, stream)
    found: LogGroup = logs.groups[group]
    if lines := [{"timestamp": milliseconds, "message": text} for milliseconds, text in events]:
        found.put_log_events(stream, lines)
    return found


@functools.cache
def serve_kept_metrics() -> Callable[[Given, Pairs], MetricDatumBase]:
    """Has moto show these metrics beside those of others; gives what makes one.

    CloudWatch finds the statistics of exactly the dimensions that are asked for, in any order, and a metric
    is published in several combinations of them. Moto takes those that have more for the same, and so would
    count calls twice.
    """
    from moto.cloudwatch.models import CloudWatchBackend, Dimension, MetricAggregatedDatum
    from moto.core.common_models import CloudWatchMetricProvider

    @functools.lru_cache(4096)
    def shared(pairs: Pairs) -> list[Dimension]:
        return sorted(Dimension(name, value) for name, value in pairs)

    class Kept(MetricAggregatedDatum):
        """A minute of one metric."""

        def __init__(self, given: Given, pairs: Pairs) -> None:
            minute = dt.datetime.fromtimestamp(given["minute"], dt.UTC).replace(tzinfo=None)
            figures = (given["least"], given["most"], given["count"], given["sum"])
            super().__init__(given["namespace"], given["name"], *figures, [], minute, given["unit"])
            self.dimensions = shared(pairs)
            self.what = (given["namespace"], given["name"], pairs)

        def filter(
            self,
            namespace: str | None,
            name: str | None,
            dimensions: list[dict[str, str]],
            already_present_metrics: list[MetricDatumBase] | None = None,
        ) -> bool:
            if already_present_metrics is None:  # statistics are asked for
                return self.dimensions == sorted(
                    Dimension(item["Name"], item["Value"]) for item in dimensions
                )
            if any(getattr(one, "what", None) == self.what for one in already_present_metrics):
                return False
            return super().filter(namespace, name, dimensions)

    class Provider(CloudWatchMetricProvider):
        """Gives moto what is kept here whenever it looks at metrics; moto knows it by its base class."""

        @staticmethod
        def get_cloudwatch_metrics(account_id: str, region: str) -> list[MetricDatumBase]:
            return [datum for key, datum in list(_kept.items()) if key[:2] == (account_id, region)]

    class NoDimensions(list[dict[str, str]]):
        """An empty list that moto does not take for a question about all dimensions."""

        def __bool__(self) -> bool:
            return True

    def before(one: Dimension, other: Dimension) -> bool:
        """An order; moto's own is none, so that what it sorts depends on how that came."""
        return (one.name or "", one.value or "") < (other.name or "", other.value or "")

    statistics = CloudWatchBackend.get_metric_statistics

    def exactly(self: CloudWatchBackend, *given: Any, **named: Any) -> Any:
        return statistics(self, *given, **{**named, "dimensions": named["dimensions"] or NoDimensions()})

    CloudWatchBackend.get_metric_statistics = exactly  # type: ignore[method-assign]
    Dimension.__lt__ = before  # type: ignore[method-assign]
    _providers.append(Provider)
    return Kept


@functools.cache
def filter_streams_by_prefix() -> None:
    """FilterLogEvents heeds `logStreamNamePrefix`, as `aws logs tail --log-stream-name-prefix` sends it.

    Moto leaves it out and answers with the events of all streams.
    """
    from moto.logs.responses import LogsResponse

    parameter = LogsResponse._get_param  # noqa: SLF001

    def of_prefix(self: LogsResponse, name: str, if_none: Any = None) -> Any:
        prefix = parameter(self, "logStreamNamePrefix") if name == "logStreamNames" else ""
        if not prefix:
            return parameter(self, name, if_none)
        group = self.logs_backend.groups.get(parameter(self, "logGroupName"))
        found = [stream for stream in (group.streams if group else ()) if stream.startswith(prefix)]
        return found or [""]  # the name of no stream: none at all would be all of them

    LogsResponse._get_param = of_prefix  # type: ignore[assignment, method-assign]  # noqa: SLF001
