"""Which headers travel between a client and an HTTP target.

What describes content, protocol, trace and session always does; everything else needs the target's
allow-list, as with MCP targets (`propagation`). Hop-by-hop headers, cookies, forwarding headers and what a
client claims to be never do. AWS documents the allow-list only; which headers pass without it is a reading of
"without modification", see the table of assumptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skerry.local.gateway import propagation
from skerry.local.gateway.urls import without_parameter
from skerry.local.ports.resources import Record
from skerry.wire.headers import ERROR_TYPE, RUNTIME_SESSION_ID, TRACE, single_hop, value_problem

Pairs = Iterable[tuple[str, str]]

_CONTENT = frozenset({"content-type", "content-encoding", "content-language", "content-disposition"})
_SESSION = RUNTIME_SESSION_ID.lower()
REQUEST = (
    _CONTENT
    | TRACE
    | {_SESSION, "accept", "accept-encoding", "accept-language", "range", "last-event-id", "prefer"}
    | {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"}
)
"""Headers of requests that pass without an allow-list."""
RESPONSE = (
    _CONTENT
    | TRACE
    | {_SESSION, ERROR_TYPE.lower(), "content-length", "content-range", "accept-ranges", "cache-control"}
    | {"etag", "expires", "last-modified", "vary", "allow", "location", "retry-after", "x-accel-buffering"}
)
"""Headers of answers that pass without an allow-list."""
PROTOCOLS = ("mcp-", "a2a-")
CHALLENGE = "www-authenticate"
_URLS = frozenset({"location", "content-location", "refresh"})


def to_target(
    inbound: Pairs, target: Record, *, extra: frozenset[str], injected: Mapping[str, str] | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """What always travels, and what the allow-list lets through, of the inbound headers (lower-case names).

    `extra` are names that pass besides REQUEST, `injected` what the REQUEST interceptor set. Doubled headers
    are joined.
    """
    inbound = list(inbound)
    ending = single_hop(inbound)
    always: dict[str, str] = {}
    for name, value in inbound:
        passes = name in REQUEST or name in extra or name.startswith(PROTOCOLS)
        if passes and name not in ending and value_problem(value) is None:
            always[name] = f"{always[name]}, {value}" if name in always else value
    listed = propagation.request_headers(inbound, target, injected)
    return always, {name: value for name, value in listed.items() if name not in always}


def to_client(
    outbound: Pairs, target: Record, *, challenge: bool, secret: str = ""
) -> list[tuple[bytes, bytes]]:
    """The headers of the target's answer that the client gets.

    `challenge` tells whether the target's own challenge is meant for the client, whose token it got; `secret`
    is the query parameter with the gateway's key, which servers repeat where they redirect to.
    """
    pairs = [(name.lower(), value) for name, value in outbound]
    if secret:
        pairs = [
            (name, without_parameter(value, secret) if name in _URLS else value) for name, value in pairs
        ]
    found = [
        (name, value)
        for name, value in pairs
        if name in RESPONSE or name.startswith(PROTOCOLS) or (challenge and name == CHALLENGE)
    ]
    known = {name for name, _ in found}
    found += [pair for pair in propagation.response_headers(pairs, target) if pair[0] not in known]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in found]
