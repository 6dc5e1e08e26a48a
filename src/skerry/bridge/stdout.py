"""A program's standard output as bytes, which can be held back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Stdout(asyncio.Protocol):
    """The protocol of the read pipe, which can be held back."""

    def __init__(self, received: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self.closed = asyncio.Event()
        self._received = received
        self._ended = ended
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The pipe is there."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """The next piece."""
        self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        """The program has closed its end, or we ours."""
        self._transport = None
        self.closed.set()
        self._ended()

    def pause(self) -> None:
        """Holds the program's output back."""
        if self._transport is not None:
            self._transport.pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        """Lets it come again."""
        if self._transport is not None:
            self._transport.resume_reading()  # type: ignore[attr-defined]

    def close(self) -> None:
        """Reads no more."""
        if self._transport is not None:
            self._transport.close()
