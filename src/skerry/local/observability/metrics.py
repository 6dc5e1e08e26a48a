"""Metrics of AgentCore in CloudWatch, summed up by the minute until somebody wants them.

Names, units and dimensions are those of AWS's developer guide, observability data of runtimes and gateways.
It names the dimensions, not in which combinations each metric is published: `_dimensions` has those that its
own examples and others' reports ask for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from skerry.local.observability.calls import Call

NAMESPACE = "AWS/Bedrock-AgentCore"
ENOUGH = 200
"""Kinds of calls in a minute that are better written than kept."""

_METHODS = frozenset(
    {
        "completion/complete",
        "initialize",
        "notifications/cancelled",
        "notifications/initialized",
        "ping",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "server/discover",
        "subscriptions/listen",
        "tools/call",
        "tools/list",
    }
)
"""Methods that are worth a dimension: clients can make up others without end."""
_UNCOUNTED = frozenset({"metadata", "unknown", "Ping", "GetRuntimeProtectedResourceMetadata"})
_HTTP = "InvokeHttp"
_TYPES = {
    "apiGateway": "API_GATEWAY",
    "lambda": "LAMBDA",
    "mcpServer": "MCP",
    "openApiSchema": "OPENAPI",
    "smithyModel": "SMITHY",
}

Dimensions = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Sum:
    """What CloudWatch calls a statistic set."""

    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def add(self, value: float) -> None:
        """One more value."""
        if not self.count or value < self.least:
            self.least = value
        if not self.count or value > self.most:
            self.most = value
        self.count += 1
        self.total += value


class Key(NamedTuple):
    """What is summed up together."""

    minute: int
    part: str
    resource: str
    operation: str
    name: str
    target_type: str


@dataclass(slots=True)
class Minute:
    """The calls of a minute. `first` is the time to the first byte."""

    calls: int = 0
    throttles: int = 0
    system: int = 0
    user: int = 0
    sessions: int = 0
    first: Sum = field(default_factory=Sum)
    whole: Sum = field(default_factory=Sum)
    target: Sum = field(default_factory=Sum)


class Metrics:
    """The metrics that are not written yet. On one event loop; nothing here waits."""

    def __init__(self, *, enough: int = ENOUGH) -> None:
        self._enough = enough
        self._minutes: dict[Key, Minute] = {}

    @property
    def full(self) -> bool:
        """Whether it is time to write."""
        return len(self._minutes) >= self._enough

    def add(self, call: Call) -> None:
        """Counts what a runtime or gateway served; anything else is none of AgentCore's metrics."""
        hop = call.hop
        if not hop.resource or hop.kind != "server" or hop.operation in _UNCOUNTED:
            return
        key = _key(call)
        minute = self._minutes.get(key)
        if minute is None:
            minute = self._minutes[key] = Minute()
        minute.calls += 1
        status = hop.status
        if status >= 400:
            if status == 429:
                minute.throttles += 1
            elif status >= 500:
                minute.system += 1
            else:
                minute.user += 1
        minute.sessions += hop.detail.get("start") == "cold"
        minute.first.add(hop.first_ms or hop.duration_ms)
        minute.whole.add(hop.duration_ms)
        if call.target_ms:
            minute.target.add(call.target_ms)

    def drain(self) -> Mapping[Key, Minute]:
        """All that there is, for `entries`; then none is left."""
        minutes, self._minutes = self._minutes, {}
        return minutes


def entries(minutes: Mapping[Key, Minute]) -> list[dict[str, Any]]:
    """One entry for each metric, minute and combination of dimensions, as `aws.observed` takes them."""
    return [entry for key, minute in minutes.items() for entry in _entries(key, minute)]


def _key(call: Call) -> Key:
    hop = call.hop
    operation, name = hop.operation, ""
    if hop.part == "runtime":
        name = f"{hop.target}::{hop.detail.get('qualifier', 'DEFAULT')}"
    elif " /" in operation:
        operation = name = _HTTP
    else:
        operation = operation if operation in _METHODS else ""
        name = call.tool
    return Key(int(hop.started) // 60 * 60, hop.part, hop.resource, operation, name, call.target_type)


def _entries(key: Key, minute: Minute) -> Iterator[dict[str, Any]]:
    runtime = key.part == "runtime"
    times = {"Latency": minute.whole} if runtime else {"Latency": minute.first, "Duration": minute.whole}
    if minute.target.count:
        times["TargetExecutionTime"] = minute.target
    counts = {
        "Invocations": minute.calls,
        "Throttles": minute.throttles,
        "SystemErrors": minute.system,
        "UserErrors": minute.user,
    }
    if minute.sessions:
        counts["Sessions"] = minute.sessions
    for dimensions in _dimensions(key):
        for name, number in counts.items():
            yield _entry(key, name, "Count", dimensions, counted(number, minute.calls))
        for name, times_of in times.items():
            yield _entry(key, name, "Milliseconds", dimensions, times_of)
    if runtime:  # "aggregated": across all resources
        for name in counts.keys() & {"Invocations", "Sessions"}:
            yield _entry(key, name, "Count", (), counted(counts[name], minute.calls))
    if key.target_type:
        served = (*_gateway(key), ("TargetType", _TYPES.get(key.target_type, key.target_type.upper())))
        yield _entry(key, "TargetType", "Count", served, counted(minute.calls, minute.calls))


def _dimensions(key: Key) -> Iterator[Dimensions]:
    resource = ("Resource", key.resource)
    yield (resource,)
    if key.part == "runtime":
        yield (resource, ("Operation", key.operation), ("Name", key.name))
        return
    shared = _gateway(key)
    yield shared
    if key.name:
        yield (*shared, ("Name", key.name))


def _gateway(key: Key) -> Dimensions:
    protocol = "HTTP" if key.operation == _HTTP else "MCP"
    shared = (("Operation", "InvokeGateway"), ("Protocol", protocol), ("Resource", key.resource))
    return (*shared, ("Method", key.operation)) if key.operation else shared


def counted(number: int, calls: int) -> Sum:
    """A metric that each call has, which is 1 for `number` of them and 0 for the others."""
    return Sum(calls, float(number), float(number == calls), float(number > 0))


def entry(
    namespace: str, minute: int, name: str, unit: str, *, dimensions: Dimensions, value: Sum
) -> dict[str, Any]:
    """A metric of one minute, as `aws.observed` takes it."""
    return {
        "namespace": namespace,
        "name": name,
        "unit": unit,
        "dimensions": sorted(dimensions),
        "minute": minute,
        "count": value.count,
        "sum": value.total,
        "least": value.least,
        "most": value.most,
    }


def _entry(key: Key, name: str, unit: str, dimensions: Dimensions, value: Sum) -> dict[str, Any]:
    return entry(NAMESPACE, key.minute, name, unit, dimensions=dimensions, value=value)
