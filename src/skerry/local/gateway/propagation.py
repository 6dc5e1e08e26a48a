"""What travels past the gateway: headers and query parameters of a target's allow-list, and the trace.

Source: AWS developer guide, gateway header propagation. Everything else stays behind, by construction: an
outbound request is built anew. On top of AWS's restricted names skerry never passes on an identity that
the client claims for itself, even when it is allow-listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl

from skerry.local.iam import workloads
from skerry.local.ports.resources import Record
from skerry.wire import headers as names
from skerry.wire import trace

Pairs = Iterable[tuple[str, str]]
Headers = Mapping[str, str]

CLAIMED_IDENTITY = names.CLAIMED_IDENTITY | {"authorization", workloads.HEADER}
CLAIMED_PREFIX = "x-user-"
_TRACE = frozenset({"traceparent", "tracestate", "baggage"})
_PLUMBING = ("mcp-", "x-amz-", "x-amzn-", "x-forwarded-")
"""Protocol, signature and infrastructure: each hop has its own, so nobody misses these."""
MAX_NOTED = 20


def request_headers(inbound: Pairs, target: Record, injected: Headers | None = None) -> dict[str, str]:
    """The inbound headers that this target may see, lower-case names; doubled ones are joined.

    `inbound` has lower-case names, `injected` are those that the REQUEST interceptor set: they win, and may
    tell who the user is, since the gateway's owner vouches for them. A value over 4 KB or outside printable
    ASCII is left out, and so is what the client's `Connection` lists.
    """
    wanted = _configured(target, "allowedRequestHeaders")
    inbound = list(inbound)
    ending = names.single_hop(inbound)
    found = _allowed((pair for pair in inbound if pair[0] not in ending), wanted, claims=False)
    return {**found, **_allowed(injected.items(), wanted, claims=True)} if injected else found


def dropped_headers(inbound: Pairs, target: Record, injected: Headers | None = None) -> dict[str, str]:
    """Which headers this target does not see, and why: for whoever looks for one that did not arrive.

    Told are the inbound headers that somebody could miss, and names of the allow-list that never travel or
    were not sent. At most MAX_NOTED.
    """
    wanted = {name.lower() for name in _configured(target, "allowedRequestHeaders")}
    found: dict[str, str] = {}
    seen = set()
    for name, value in inbound:
        seen.add(name)
        why = (
            _never(name, vouched=injected is not None and name in injected)
            or ("" if name in wanted else "not on the allow-list")
            or names.value_problem(value)
        )
        if why and (name in wanted or _missed(name)):
            found[name[:64]] = why
    for name in sorted(wanted - seen):
        found[name[:64]] = _never(name) or "not sent"
    return dict(list(found.items())[:MAX_NOTED])


def _never(name: str, *, vouched: bool = False) -> str:
    """Why a header of this name travels to no target, whatever the allow-list says; empty when it may.

    `vouched` says that the REQUEST interceptor set it; its `authorization` always travels.
    """
    if claims_identity(name) and not vouched:
        return "claims an identity"
    problem = names.gateway_header_problem(name)
    if problem is None:
        return ""
    return "restricted" if names.folded(name) in names.GATEWAY_RESTRICTED else "not allowed by AWS"


def _missed(name: str) -> bool:
    if name in _TRACE or name.startswith(_PLUMBING):
        return False
    return name not in names.GATEWAY_RESTRICTED or name in CLAIMED_IDENTITY


def response_headers(outbound: Pairs, target: Record) -> list[tuple[str, str]]:
    """The headers of a target's answer that the client may see."""
    wanted = _configured(target, "allowedResponseHeaders")
    if not wanted:
        return []
    return list(_allowed(((name.lower(), value) for name, value in outbound), wanted, claims=True).items())


def query_parameters(query: str, target: Record) -> dict[str, str]:
    """The inbound query parameters that this target may see; the last of a doubled name counts."""
    wanted = _configured(target, "allowedQueryParameters")
    if not wanted or not query:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    except ValueError:  # more parameters than anybody sends
        return {}
    return {name: value for name, value in pairs if name in wanted}


def trace_headers(inbound: Pairs) -> dict[str, str]:
    """The W3C trace context of the inbound request; `continued` makes of it what a target gets."""
    return {name: value for name, value in inbound if name in _TRACE and names.value_problem(value) is None}


def continued(inbound: Headers, span: trace.Span) -> dict[str, str]:
    """The trace context of a call of the gateway's own, which is `span`: the client's, one hop on.

    The trace and whatever goes with it (tracestate, baggage, the AWS header) stay the client's; the parent is
    the gateway's call. What tracestate says belongs to a traceparent, and goes with a bad one (W3C Trace
    Context, 3.3 and 4.3).
    """
    kept = {name: value for name, value in inbound.items() if name != trace.TRACEPARENT}
    if trace.parse(inbound.get(trace.TRACEPARENT, "")) is None:
        kept.pop(trace.TRACESTATE, None)
    return {**kept, trace.TRACEPARENT: span.traceparent}


def claims_identity(name: str) -> bool:
    """Whether a header claims who the user is, in either spelling; such ones from outside are dropped."""
    plain = names.folded(name)
    return plain in CLAIMED_IDENTITY or plain.startswith(CLAIMED_PREFIX)


def _configured(target: Record, member: str) -> Sequence[str]:
    listed = (target.get("metadataConfiguration") or {}).get(member) or ()
    return [str(name) for name in listed]


def _allowed(pairs: Pairs, wanted: Sequence[str], *, claims: bool) -> dict[str, str]:
    if not wanted:
        return {}
    usable = {
        name.lower()
        for name in wanted
        if names.gateway_header_problem(name) is None and (claims or not claims_identity(name.lower()))
    }
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in usable and names.value_problem(value) is None:
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found
