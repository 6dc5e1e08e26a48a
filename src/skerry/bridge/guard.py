"""What is wrong with an HTTP request before its message is looked at.

Source: MCP, Streamable HTTP (Accept, Content-Type, Origin) and the rules against DNS rebinding: a server on
loopback answers nobody who calls it by another name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from skerry.bridge.exchange import Receive

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
TEXT = "Forbidden: "


class RefusedError(Exception):
    """An HTTP status and the reason."""

    def __init__(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


def header_map(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; of several with one name the last counts.

    Whitespace around a value is no part of it (RFC 9110, 5.5), and some parsers leave it there.
    """
    return {name.decode("latin-1"): value.decode("latin-1").strip(" \t") for name, value in pairs}


def check_caller(headers: Mapping[str, str], *, loopback: bool) -> None:
    """Raises RefusedError (403) for a foreign Origin, and on loopback for a foreign Host."""
    host = headers.get("host", "")
    if loopback and _name(host) not in _LOCAL:
        raise RefusedError(403, TEXT + "the Host header names another machine. Call it as localhost.")
    origin = headers.get("origin")
    if origin is None:
        return
    asked = urlsplit(origin).netloc if "://" in origin else ""
    if not asked or (_name(asked) not in _LOCAL and asked.lower() != host.lower()):
        raise RefusedError(403, TEXT + "web pages of other origins may not call this server.")


def accepts(headers: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether the client takes JSON, and whether it takes an event stream; all without an Accept header."""
    kinds = {part.partition(";")[0].strip().lower() for part in headers.get("accept", "*/*").split(",")}
    everything = "*/*" in kinds
    return (
        everything or not kinds.isdisjoint({"application/json", "application/*"}),
        everything or not kinds.isdisjoint({"text/event-stream", "text/*"}),
    )


def check_content_type(headers: Mapping[str, str]) -> None:
    """Raises RefusedError (415) for a body that does not say that it is JSON in UTF-8."""
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = ""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    if kind.strip().lower() != "application/json" or charset not in ("", "utf-8", "utf8"):
        raise RefusedError(415, "The Content-Type must be application/json.")


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes | None:
    """The whole body, or None when the client left. Raises RefusedError (413) past `limit` bytes."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _within(bytes(message.get("body", b"")), limit)
    pieces: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return b"".join(pieces)
        message = await receive()
    return None


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> RefusedError:
    text = f"The message is larger than {limit} bytes, as many as --max-message allows."
    return RefusedError(413, text, (b"connection", b"close"))


def _name(authority: str) -> str:
    """The host of `host:port`, of an IPv6 one without its brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()
