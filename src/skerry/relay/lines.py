"""The stdio transport of MCP: one JSON-RPC message a line, UTF-8, nothing else.

Source: MCP specification, transports (stdio). Bytes only, so that no console encoding has a say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PREFIX = 4096
_SUFFIX = 1024
# The members that stand before any nested value; what stands behind one cannot be told from its content.
_EARLY_ID = re.compile(
    rb'\s*\{(?:\s*"(?!id")[^"\\]{1,64}"\s*:\s*(?:"(?:[^"\\]|\\.){0,512}"|-?\d{1,20}|true|false|null)\s*,)*'
    rb'\s*"id"\s*:\s*(-?\d{1,64}|"(?:[^"\\]|\\.){0,512}")(?=\s*[,}])'  # 1.5 is no id, and not that of 1
)


# The member that the last brace of the line closes in on: it can only be one of the outer object.
_LATE_ID = re.compile(rb',\s*"id"\s*:\s*(-?\d{1,64}|"(?:[^"\\]|\\.){0,256}")\s*\}\s*\Z')


@dataclass(frozen=True, slots=True)
class Oversized:
    """A line past the limit, of which only the two ends were kept."""

    prefix: bytes
    suffix: bytes = b""

    @property
    def raw_id(self) -> bytes | None:
        """The id of the message as JSON, when it stands near enough to an end to be seen."""
        match = _EARLY_ID.match(self.prefix) or _LATE_ID.search(self.suffix)
        return match[1] if match else None


class Lines:
    """Cuts a byte stream into lines, however it arrives. Linear in the bytes; keeps at most `limit` of them.

    Blank lines are left out. A line past `limit` comes out as `Oversized` at its end and is not kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._partial: list[bytes] = []
        self._size = 0
        self._skipping: bytes | None = None
        self._tail = b""

    def feed(self, chunk: bytes) -> list[bytes | Oversized]:
        """The lines that `chunk` completes, without their ends."""
        pieces = chunk.split(b"\n")
        rest = pieces.pop()
        lines: list[bytes | Oversized] = []
        for piece in pieces:
            self._keep(piece)
            line = self._taken()
            if isinstance(line, Oversized) or line.strip():
                lines.append(line)
        self._keep(rest)
        return lines

    def end(self) -> list[bytes | Oversized]:
        """What is left when the stream ends without a line end."""
        if not self._size and self._skipping is None:
            return []
        line = self._taken()
        return [line] if isinstance(line, Oversized) or line.strip() else []

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        if self._skipping is not None:
            self._tail = (self._tail + piece[-_SUFFIX:])[-_SUFFIX:]
            return
        self._partial.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            whole = b"".join(self._partial)
            self._skipping, self._tail = whole[:_PREFIX], whole[-_SUFFIX:]
            self._partial, self._size = [], 0

    def _taken(self) -> bytes | Oversized:
        if self._skipping is not None:
            prefix, self._skipping = self._skipping, None
            return Oversized(prefix, self._tail)
        line = self._partial[0] if len(self._partial) == 1 else b"".join(self._partial)
        self._partial, self._size = [], 0
        return line


def one_line(body: bytes) -> bytes:
    """A JSON text as one line with its end: raw line ends can only stand between its tokens."""
    if b"\n" in body:
        body = body.replace(b"\n", b" ")
    if b"\r" in body:
        body = body.replace(b"\r", b" ")
    return body + b"\n"
