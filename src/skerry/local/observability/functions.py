"""What Lambda functions print, for CloudWatch Logs, and how their invocations went, for its metrics.

Source: Lambda developer guide, "Sending Lambda function logs to CloudWatch Logs", "Types of metrics for
Lambda functions" (names, units, dimensions; the time of a metric is that of the invocation).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from skerry.local.observability.lines import Lines, Place
from skerry.local.observability.metrics import ENOUGH, Dimensions, Sum, counted, entry
from skerry.local.ports.monitoring import Invoked, LogStream
from skerry.local.ports.running import Clock

NAMESPACE = "AWS/Lambda"
PATIENCE = 3.0
"""Seconds in which the end of an answer's log comes, or is not waited for any more."""


class Key(NamedTuple):
    """What is summed up together."""

    minute: int
    invoked: Invoked


@dataclass(slots=True)
class Minute:
    """The invocations of a minute."""

    calls: int = 0
    errors: int = 0
    throttles: int = 0
    duration: Sum = field(default_factory=Sum)
    concurrent: Sum = field(default_factory=Sum)


class FunctionMonitor:
    """Implements `ports.Monitor`. On one event loop; nothing but `settled` waits."""

    def __init__(self, clock: Clock, lines: Lines, *, enough: int = ENOUGH) -> None:
        self._clock = clock
        self._lines = lines
        self._enough = enough
        self._minutes: dict[Key, Minute] = {}
        self._executing: Counter[tuple[str, str]] = Counter()
        self._answers = _Answers()

    @property
    def full(self) -> bool:
        """Whether it is time to write the metrics."""
        return len(self._minutes) >= self._enough

    def stream(self, region: str, group: str, name: str) -> LogStream:
        """See ports.Monitor."""
        return _Stream(Place(group, name, region), self._lines, self._answers)

    @contextlib.contextmanager
    def executing(self, invoked: Invoked) -> Iterator[None]:
        """See ports.Monitor."""
        which = (invoked.region, invoked.function)
        self._executing[which] += 1
        self._minute(invoked, self._clock.time()).concurrent.add(self._executing[which])
        try:
            yield
        finally:
            self._executing[which] -= 1
            if not self._executing[which]:
                del self._executing[which]

    def ran(self, invoked: Invoked, started: float, milliseconds: float, *, failed: bool) -> None:
        """See ports.Monitor."""
        minute = self._minute(invoked, started)
        minute.calls += 1
        minute.errors += failed
        minute.duration.add(milliseconds)

    def throttled(self, invoked: Invoked) -> None:
        """See ports.Monitor."""
        self._minute(invoked, self._clock.time()).throttles += 1

    async def settled(self, at_most: float = PATIENCE) -> None:
        """Returns when the log of everything that is answered has come, or `at_most` seconds are over.

        A program that says no more after its answer is not waited for again.
        """
        await self._answers.settled(at_most)

    def drain(self) -> Mapping[Key, Minute]:
        """All metrics that there are, for `entries`; then none is left."""
        minutes, self._minutes = self._minutes, {}
        return minutes

    def _minute(self, invoked: Invoked, when: float) -> Minute:
        key = Key(int(when) // 60 * 60, invoked)
        found = self._minutes.get(key)
        if found is None:
            found = self._minutes[key] = Minute()
            if self.full:
                self._lines.wake()
        return found


class _Stream:
    """Implements `ports.LogStream`."""

    __slots__ = ("_answers", "_lines", "_place")

    def __init__(self, place: Place, lines: Lines, answers: _Answers) -> None:
        self._place = place
        self._lines = lines
        self._answers = answers

    def add(self, text: str) -> None:
        """See ports.LogStream. Lambda's events end as their lines do."""
        self._lines.add(self._place, f"{text}\n")

    def expect(self) -> None:
        """See ports.LogStream."""
        self._answers.expect(self)

    def complete(self) -> None:
        """See ports.LogStream."""
        self._answers.complete(self)


class _Answers:
    """Answers whose log has not come to its end: the last one of each stream."""

    def __init__(self) -> None:
        self._number = 0
        self._open: dict[LogStream, int] = {}
        self._some_came = asyncio.Event()

    def expect(self, stream: LogStream) -> None:
        self._number += 1
        self._open[stream] = self._number

    def complete(self, stream: LogStream) -> None:
        if self._open.pop(stream, None) is not None:
            self._some_came.set()

    async def settled(self, at_most: float) -> None:
        awaited = self._open.copy()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                while self._open.items() & awaited.items():
                    self._some_came.clear()
                    await self._some_came.wait()
        for stream, _ in self._open.items() & awaited.items():
            del self._open[stream]


def entries(minutes: Mapping[Key, Minute]) -> list[dict[str, Any]]:
    """One entry for each metric, minute and combination of dimensions, as `aws.observed` takes them."""
    return [
        {**made, "region": key.invoked.region} for key, minute in minutes.items() for made in _of(key, minute)
    ]


def _of(key: Key, minute: Minute) -> Iterator[dict[str, Any]]:
    function = ("FunctionName", key.invoked.function)
    by_function: Dimensions = (function,)
    for dimensions in (by_function, (function, ("Resource", key.invoked.resource)), ()):
        for name, unit, value in _figures(minute):
            yield entry(NAMESPACE, key.minute, name, unit, dimensions=dimensions, value=value)
    if minute.concurrent.count:
        yield entry(
            NAMESPACE,
            key.minute,
            "ConcurrentExecutions",
            "Count",
            dimensions=by_function,
            value=minute.concurrent,
        )


def _figures(minute: Minute) -> Iterable[tuple[str, str, Sum]]:
    calls, asked = minute.calls, minute.calls + minute.throttles
    if calls:
        yield "Invocations", "Count", counted(calls, calls)
        yield "Errors", "Count", counted(minute.errors, calls)
        yield "Duration", "Milliseconds", minute.duration
    if asked:
        yield "Throttles", "Count", counted(minute.throttles, asked)
