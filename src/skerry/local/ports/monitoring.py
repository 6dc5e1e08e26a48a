"""What CloudWatch is told of Lambda functions: what they print, and how their invocations went."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Invoked:
    """Whose figures an invocation counts for.

    `resource` is the function with the version or alias that was asked for, such as `orders:live`.
    """

    region: str
    function: str
    resource: str


class LogStream(Protocol):
    """The log of one execution environment. Nothing here blocks or raises."""

    def add(self, text: str) -> None:
        """One event."""
        ...

    def expect(self) -> None:
        """There is an answer, and the end of its log will come: who reads waits for that a moment."""
        ...

    def complete(self) -> None:
        """That end has come."""
        ...


class Monitor(Protocol):
    """Keeps it. On one event loop; nothing here blocks or raises."""

    def stream(self, region: str, group: str, name: str) -> LogStream:
        """A log stream, which is there once it has an event."""
        ...

    def executing(self, invoked: Invoked) -> AbstractContextManager[None]:
        """An environment is taken by an invocation."""
        ...

    def ran(self, invoked: Invoked, started: float, milliseconds: float, *, failed: bool) -> None:
        """An invocation that began at `started`, in seconds since the epoch, has its answer."""
        ...

    def throttled(self, invoked: Invoked) -> None:
        """An invocation was refused because there are too many."""
        ...


class Unmonitored:
    """Implements `Monitor`, and its `LogStream`, by keeping nothing."""

    def stream(self, region: str, group: str, name: str) -> LogStream:
        """See Monitor."""
        del region, group, name
        return self

    def add(self, text: str) -> None:
        """See LogStream."""

    def expect(self) -> None:
        """See LogStream."""

    def complete(self) -> None:
        """See LogStream."""

    def executing(self, invoked: Invoked) -> AbstractContextManager[None]:
        """See Monitor."""
        del invoked
        return nullcontext()

    def ran(self, invoked: Invoked, started: float, milliseconds: float, *, failed: bool) -> None:
        """See Monitor."""

    def throttled(self, invoked: Invoked) -> None:
        """See Monitor."""
