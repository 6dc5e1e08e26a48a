"""An answer on its way: the head is here, the body comes in pieces, bounded and with a limit on silence."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Literal, Protocol

from skerry.errors import SkerryError

Pair = tuple[str, str]
Reason = Literal["connect", "timeout", "closed", "malformed", "size"]

_BUFFER = 1 << 18
_REST = 1 << 16


class HttpError(SkerryError):
    """No usable answer.

    `reason` is stable: `connect` (nothing was sent), `timeout` (silence), `closed` (the connection ended
    first), `malformed` (that is no HTTP), `size` (larger than the caller takes).
    """

    code = "SKY-108"

    def __init__(self, reason: Reason, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class Wire(Protocol):
    """What a reply needs of its connection."""

    def resume(self) -> None:
        """Reads on after a pause."""
        ...

    def abort(self) -> None:
        """Closes the connection at once."""
        ...


class Reply:
    """An answer whose body is still on its way. Read it to the end or `close()` it.

    `headers` are pairs as received, names in lower case. Silence is measured from the last byte.
    """

    __slots__ = (
        "_connection",
        "_done",
        "_failure",
        "_leaving",
        "_pieces",
        "_silence",
        "_since",
        "_size",
        "_waiter",
        "_watch",
        "raw_headers",
        "status",
    )

    def __init__(self, connection: Wire) -> None:
        self.status = 0
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self._connection: Wire | None = connection
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._done = False
        self._leaving = False
        self._failure: HttpError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._silence: float | None = None
        self._since = 0.0

    @property
    def headers(self) -> list[Pair]:
        """All headers in the order received."""
        return [
            (name.decode("latin-1").lower(), value.strip().decode("latin-1"))
            for name, value in self.raw_headers
        ]

    def header(self, name: str, default: str = "") -> str:
        """The first value of a header, given in lower case, or `default`."""
        wanted = name.encode("latin-1")
        for known, value in self.raw_headers:
            if len(known) == len(wanted) and known.lower() == wanted:
                return value.strip().decode("latin-1")
        return default

    async def chunk(self, silence: float | None = None) -> bytes:
        """The next piece of the body as it arrives, empty at its end.

        `silence` is the longest wait in seconds. Raises HttpError (`timeout`, `closed`, `malformed`); a
        cancelled or failed read closes the connection.
        """
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self._done:
                return b""
            await self._wait(silence)
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._connection is not None and self._size < _BUFFER // 2:
            self._connection.resume()
        return piece

    async def head(self, silence: float | None) -> None:
        """Returns with the first byte of the body, or its end: until then there is nothing to do."""
        while not (self._pieces or self._done):
            if self._failure is not None:
                raise self._failure
            await self._wait(silence)

    async def read(self, limit: int, silence: float | None = None) -> bytes:
        """The whole body. Raises HttpError (`size` past `limit` bytes, and those of `chunk`)."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.chunk(silence):
            size += len(piece)
            if size > limit:
                self.close()
                raise HttpError("size", f"The answer has more than {limit} bytes.")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Ends the exchange; an answer that was not read to its end costs the connection."""
        self._stop_watch()
        connection, self._connection = self._connection, None
        if connection is not None and not self._done:
            connection.abort()

    def leave(self, patience: float = 1.0) -> None:
        """Stops reading without waiting: the connection is kept if the rest, at most 64 KB, comes soon."""
        connection = self._connection
        if connection is None or self._done:
            return
        self._leaving = True
        self._stop_watch()
        self._watch = asyncio.get_running_loop().call_later(patience, self.close)
        connection.resume()

    async def _wait(self, silence: float | None) -> None:
        """Until something arrives. One timer serves the whole exchange: it looks when the last byte came."""
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        self._since = loop.time()
        self._silence = silence
        if self._watch is None and silence is not None:
            self._watch = loop.call_later(silence, self._look, loop)
        try:
            await waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watch = None
        silence = self._silence
        if silence is None or self._done:
            return
        waited = loop.time() - self._since
        if self._waiter is None or waited < silence - 0.001:  # it is we who are slow, or something came
            left = silence if self._waiter is None else silence - waited
            self._watch = loop.call_later(left, self._look, loop)
            return
        self.fail(HttpError("timeout", "The server fell silent."))
        self.close()

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def wake(self) -> None:
        """Something changed: whoever reads looks again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def feed(self, piece: bytes) -> bool:
        """Takes a piece of the body; True when enough is waiting to be read."""
        self._size += len(piece)
        if self._leaving:
            if self._size > _REST:
                self.close()
            return False
        self._pieces.append(piece)
        self.wake()
        return self._size > _BUFFER

    def finish(self) -> None:
        """The body is complete."""
        self._done = True
        self._connection = None
        self._stop_watch()
        self.wake()

    def fail(self, failure: HttpError) -> None:
        """The body will not be complete."""
        if not self._done and self._failure is None:
            self._failure = failure
            self._stop_watch()
            self.wake()
