"""The paths of the plane, and answering HTTP in ASGI's terms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from skerry.local.gateway.messages import Relayed
from skerry.local.ports.asgi import Scope, Send

HeaderPairs = Iterable[tuple[str, str]]

STREAM_HEADERS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
"""The head of an event stream."""

_GATEWAY = re.compile(r"/gateway/(?P<id>[0-9a-z-]{1,128})(?P<rest>/.*)?")
_METADATA = "/.well-known/oauth-protected-resource"
_MCP = ("/mcp", "/mcp/")
"""The path of MCP, also as clients spell it that end every URL with a slash; they are told the first."""
_TARGET = re.compile(r"/(?P<target>[0-9a-zA-Z][0-9a-zA-Z-]{0,99})(?P<path>/.*)?")


@dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for. `other` is a path of a gateway that nothing answers.

    `target` is the name in the path of an HTTP target, or of its metadata; `path` is the raw rest after it.
    """

    kind: Literal["mcp", "metadata", "target", "other"]
    gateway_id: str
    target: str = ""
    path: str = ""

    @property
    def resource(self) -> str:
        """The path of the protected resource below the gateway: that of MCP, or of an HTTP target."""
        return f"/{self.target}{self.path}" if self.target else "/mcp"


def route(path: str) -> Route | None:
    """The route of a raw path, or None when it is none of a gateway.

    The metadata of RFC 9728 stands at two places: below the gateway, where the path of an HTTP target may
    follow, and at the root with the path of the resource inserted (section 3.1), which is where a client
    looks that only knows the URL.
    """
    at_root = path.startswith(_METADATA + "/")
    match = _GATEWAY.fullmatch(path[len(_METADATA) :] if at_root else path)
    if match is None:
        return None
    gateway_id, rest = match["id"], match["rest"] or ""
    if rest in _MCP:
        return Route("metadata" if at_root else "mcp", gateway_id)
    if not at_root and rest.startswith(_METADATA):
        at_root, rest = True, rest.removeprefix(_METADATA)
        if rest == "" or rest in _MCP:
            return Route("metadata", gateway_id)
    found = _TARGET.fullmatch(rest)
    if found is None:
        return Route("other", gateway_id)
    return Route("metadata" if at_root else "target", gateway_id, found["target"], found["path"] or "")


async def answer(
    send: Send, status: int, body: bytes = b"", headers: HeaderPairs = (), kind: str = "application/json"
) -> None:
    """One complete response; a body gets its content type and length."""
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if body:
        pairs.append((b"content-type", kind.encode("ascii")))
    pairs.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def send_answer(send: Send, reply: Relayed) -> None:
    """The answer to an MCP request, whole or as an event stream."""
    if reply.stream is None:
        await answer(send, reply.status, reply.body, reply.headers)
        return
    extra = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    head = {"type": "http.response.start", "status": reply.status, "headers": [*STREAM_HEADERS, *extra]}
    async with aclosing(reply.stream) as pieces:
        await send(head)
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def header(scope: Scope, name: bytes) -> str:
    """The first value of a request header (lower-case name), empty when it is missing."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return ""
