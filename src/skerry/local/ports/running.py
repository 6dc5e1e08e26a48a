"""What a running stack has: its clock, its recorder, its functions, what programs print."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from skerry.wire.hop import Hop


class Recorder(Protocol):
    """Keeps what happened on every hop."""

    def record(self, hop: Hop) -> None:
        """Never blocks and never raises."""
        ...


class Output(Protocol):
    """Keeps what the programs of runtimes print."""

    def stream(self, runtime_id: str, endpoint: str, session: str) -> Callable[[str], None]:
        """What takes the lines of a program that begins to serve a session; it neither blocks nor raises."""
        ...


class Unkept:
    """Implements `Output` by keeping nothing."""

    def stream(self, runtime_id: str, endpoint: str, session: str) -> Callable[[str], None]:
        """Takes lines and forgets them."""
        del runtime_id, endpoint, session
        return lambda _: None


class Functions(Protocol):
    """Lambda functions that this stack serves itself."""

    def names(self) -> Iterable[str]:
        """Names of the declared functions."""
        ...


class Clock(Protocol):
    """Time as an argument, so that tests and users can move it."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        ...
