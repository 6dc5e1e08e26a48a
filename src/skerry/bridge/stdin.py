"""What goes to a program's standard input: in order, bounded, and nobody waits for it."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from skerry.relay.ports import RelayError


@dataclass(eq=False, slots=True)
class Parcel:
    """A line that waits to be written, empty once it has been written or withdrawn."""

    line: bytes


class Stdin(asyncio.BaseProtocol):
    """The protocol of the write pipe.

    Lines are written at once while the program reads; else they wait here, `limit` bytes of them at most
    (one line always has room). `on_lost` is called when the program closes its end.
    """

    def __init__(self, *, limit: int, on_lost: Callable[[], None]) -> None:
        self._limit = limit
        self._on_lost = on_lost
        self._transport: asyncio.WriteTransport | None = None
        self._paused = False
        self._waiting: collections.deque[Parcel] = collections.deque()
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The pipe is there."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        """The program reads no more."""
        self._transport = None
        for parcel in self._waiting:
            parcel.line = b""
        self._waiting.clear()
        self._size = 0
        self._on_lost()

    def pause_writing(self) -> None:
        """The program does not keep up."""
        self._paused = True

    def resume_writing(self) -> None:
        """The program has read: what waits goes out."""
        self._paused = False
        while self._waiting and not self._paused and self._transport is not None:
            parcel = self._waiting.popleft()
            line, parcel.line = parcel.line, b""
            self._size -= len(line)
            if line:
                self._transport.write(line)

    def write(self, line: bytes) -> Parcel | None:
        """Writes a line, or lets it wait and returns how to withdraw it.

        Raises RelayError, with nothing sent, when too much waits or the program has closed its end.
        """
        if self._transport is None:
            raise RelayError("unreachable", "The MCP server no longer reads its standard input.")
        if not self._paused:
            self._transport.write(line)
            return None
        if self._waiting and self._size + len(line) > self._limit:
            raise RelayError(
                "throttled",
                f"The MCP server does not read its standard input; {self._size} bytes wait for it.",
                hint="It is stuck or busy: look at its log.",
            )
        parcel = Parcel(line)
        self._waiting.append(parcel)
        self._size += len(line)
        return parcel

    def withdraw(self, parcel: Parcel) -> bool:
        """Takes back a line that still waits; False when it is too late."""
        if not parcel.line:
            return False
        self._size -= len(parcel.line)
        parcel.line = b""
        return True

    def close(self) -> None:
        """End of input."""
        if self._transport is not None:
            self._transport.close()
