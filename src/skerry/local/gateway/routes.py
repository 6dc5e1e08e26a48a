"""The paths of the plane, and answering HTTP in ASGI's terms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from skerry.local.ports import Scope, Send

HeaderPairs = Iterable[tuple[str, str]]

_GATEWAY = re.compile(r"/gateway/(?P<id>[0-9a-z-]{1,128})(?P<rest>/.*)?")
_METADATA = "/.well-known/oauth-protected-resource"
_LOOPBACK = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for. `other` is a path of a gateway that nothing answers."""

    kind: Literal["mcp", "metadata", "other"]
    gateway_id: str


def route(path: str) -> Route | None:
    """The route of a decoded path, or None when it is none of a gateway.

    The metadata of RFC 9728 stands at two places: below the gateway, and at the root with the path of the
    gateway inserted (section 3.1), which is where a client looks that only knows the URL.
    """
    at_root = path.startswith(_METADATA + "/")
    match = _GATEWAY.fullmatch(path[len(_METADATA) :] if at_root else path)
    if match is None:
        return None
    rest = match["rest"] or ""
    if at_root:
        return Route("metadata" if rest == "/mcp" else "other", match["id"])
    kinds: dict[str, Literal["mcp", "metadata"]] = {"/mcp": "mcp", _METADATA: "metadata"}
    return Route(kinds.get(rest, "other"), match["id"])


def foreign_origin(origin: str) -> bool:
    """Whether a browser page from elsewhere sends the request: its `Origin` is not of this machine."""
    return bool(origin) and _LOOPBACK.fullmatch(origin) is None


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


def header(scope: Scope, name: bytes) -> str:
    """The first value of a request header (lower-case name), empty when it is missing."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return ""
