"""Which headers go to the program and which come back.

Source: AWS developer guide, runtime header allow-list and service contract. To the program go content, trace
and MCP headers, the platform's own, and what the runtime's allow-list names. Identity that a client merely
claims never passes, listed or not.
"""

from __future__ import annotations

from collections.abc import Iterable

from skerry.local.iam import workloads
from skerry.local.runtime.record import Runtime
from skerry.wire import headers as names
from skerry.wire.headers import MAX_VALUE, allowlist_problem
from skerry.wire.trace import TRACEPARENT, TRACESTATE, Span, parse

CLAIMED_IDENTITY = names.CLAIMED_IDENTITY | {workloads.HEADER, names.IDENTITY_WAT.lower()}
"""Names by which programs learn who a verified caller is; from outside they prove nothing."""
A2A = frozenset({"a2a-version", "a2a-extensions"})
"""A2A specification 1.0, service parameters: which version a request speaks, and with which extensions."""
_CONTENT = frozenset({"content-type", "content-encoding"})
_ALWAYS = _CONTENT | names.TRACE | {"accept", "last-event-id"}
_TRACE = frozenset(name.encode("ascii") for name in names.TRACE)
_BACK = _CONTENT | names.TRACE | {"content-length"}
_MCP_PREFIX = "mcp-"


def allowed(runtime: Runtime) -> frozenset[str]:
    """The client's headers (lower case) that its allow-list lets pass; what may not stand there does not."""
    jwt = runtime.authorizer is not None
    listed = {name.lower() for name in runtime.allowlist if allowlist_problem(name, jwt=jwt) is None}
    return frozenset(name for name in listed if names.folded(name) not in CLAIMED_IDENTITY)


def to_program(
    headers: Iterable[tuple[bytes, bytes]], listed: frozenset[str], span: Span | None = None
) -> list[tuple[str, str]]:
    """The client's headers that reach the program, in their order.

    A value that is not printable ASCII, or a listed one of more than 4 KB, is left out, and so is what the
    client's `Connection` lists. With `span`, the runtime's own hop, the trace goes on from there: it is the
    program's parent, and tracestate is left out after a bad traceparent (W3C Trace Context, 3.3 and 4.3).
    """
    result = []
    texts = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    ending = names.single_hop(texts)
    for name, value in texts:
        always = name in _ALWAYS or name.startswith(_MCP_PREFIX)
        if name in ending:
            continue
        if not always and (name not in listed or len(value) > MAX_VALUE):
            continue
        if value.isascii() and value.isprintable():
            result.append((name, value))
    return result if span is None else _continued(result, span)


def _continued(headers: list[tuple[str, str]], span: Span) -> list[tuple[str, str]]:
    sent = [value for name, value in headers if name == TRACEPARENT]
    left_out = {TRACEPARENT} if len(sent) == 1 and parse(sent[0]) else {TRACEPARENT, TRACESTATE}
    return [(TRACEPARENT, span.traceparent), *(pair for pair in headers if pair[0] not in left_out)]


def trace(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The trace headers among those of a client, names in lower case."""
    return [(lower, value) for name, value in headers if (lower := name.lower()) in _TRACE]


def from_program(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """The program's headers that reach the client: content, MCP and trace headers."""
    lower = ((name.lower(), value) for name, value in headers)
    return [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in lower
        if name in _BACK or name.startswith(_MCP_PREFIX)
    ]
