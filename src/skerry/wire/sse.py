"""Server-sent events: an incremental decoder over bytes, and an encoder.

Source: WHATWG HTML, "Server-sent events" (parsing and interpretation of an event stream). Data stays bytes,
so that what is only carried is never decoded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from skerry.errors import ProtocolError

MAX_EVENT = 10_000_000
"""Bytes of one event: the largest stream chunk of AgentCore Runtime."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class OversizedError(ProtocolError):
    """An event of a stream is past the limit."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    `data` is the bytes of its data lines joined with LF; `id` is the last id seen on the stream; `retry` is
    the reconnection time in milliseconds that arrived with this event, if any.
    """

    event: str
    data: bytes
    id: str = ""
    retry: int | None = None

    @property
    def text(self) -> str:
        """The data as text; bytes that are not UTF-8 become U+FFFD, as the standard says."""
        return self.data.decode("utf-8", errors="replace")


class Decoder:
    """Turns the bytes of an event stream into events, however they are cut.

    Work is linear in the bytes fed; what is kept is at most `max_event` bytes. An event that was not ended
    by a blank line when the stream ends is dropped, as the standard says. `last_id` and `retry` are the
    last id and reconnection time (milliseconds) seen, with an event or without.
    """

    def __init__(self, *, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event
        self._partial: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._at_start = True
        self._failed = False
        self._name = ""
        self._data: list[bytes] = []
        self._retry: int | None = None
        self.last_id = ""
        self.retry: int | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes. Raises ProtocolError, for good, when one is past the limit."""
        if self._failed:
            raise ProtocolError("The event stream was already given up.")
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[:1] == b"\n":
                chunk = chunk[1:]
        if not chunk:
            return []
        if b"\n" not in chunk and b"\r" not in chunk:
            self._keep(chunk)
            return []
        self._after_cr = chunk.endswith(b"\r")
        lines = _LINE_END.split(b"".join((*self._partial, chunk)))
        self._size -= sum(map(len, self._partial))
        rest = lines.pop()
        self._partial = []
        events = [event for line in lines if (event := self._line(line)) is not None]
        if rest:
            self._keep(rest)
        return events

    def _keep(self, piece: bytes) -> None:
        self._partial.append(piece)
        self._grow(len(piece))

    def _grow(self, count: int) -> None:
        self._size += count
        if self._size > self._max_event:
            self._failed = True
            self._partial, self._data = [], []
            raise OversizedError(f"An event of the stream is larger than {self._max_event} bytes.")

    def _line(self, line: bytes) -> Event | None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        if line.startswith(b":"):
            return None
        self._grow(len(line) + 1)
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._name = value.decode("utf-8", errors="replace")
        elif name == b"id" and b"\0" not in value:
            self.last_id = value.decode("utf-8", errors="replace")
        elif name == b"retry" and value.isdigit() and len(value) <= 12:
            self.retry = self._retry = int(value)
        return None

    def _dispatch(self) -> Event | None:
        data, name, retry = self._data, self._name, self._retry
        self._data, self._name, self._retry, self._size = [], "", None, 0
        if not data:
            return None
        return Event(name or "message", b"\n".join(data), self.last_id, retry)


def encode(
    data: bytes | str,
    *,
    event: str | None = None,
    id: str | None = None,  # noqa: A002  (the field's own name)
    retry: int | None = None,
) -> bytes:
    """One event in bytes. Lines of `data` may end in CR, LF or CRLF; a reader gets LF.

    Raises ProtocolError when `event` or `id` holds a line end, or `id` a NUL.
    """
    lines = []
    for name, value in (("event", event), ("id", id)):
        if value is None:
            continue
        if any(mark in value for mark in "\r\n\0"):
            raise ProtocolError(f"The {name} of an event cannot hold a line end or NUL.")
        lines.append(f"{name}: {value}".encode("utf-8", errors="replace"))
    if retry is not None:
        lines.append(b"retry: %d" % retry)
    raw = data.encode("utf-8", errors="replace") if isinstance(data, str) else data
    lines += [b"data: " + line for line in _LINE_END.split(raw)]
    return b"\n".join(lines) + b"\n\n"


def comment(text: str = "") -> bytes:
    """A comment, which keeps a quiet connection open and is invisible to readers."""
    raw = text.encode("utf-8", errors="replace")
    return b"".join(b": " + line + b"\n" if line else b":\n" for line in _LINE_END.split(raw)) + b"\n"
