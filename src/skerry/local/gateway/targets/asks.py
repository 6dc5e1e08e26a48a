"""What the gateway asks an MCP server, and how that looks on the wire in the server's era."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.targets import replies
from skerry.local.http.upstream import Reply
from skerry.wire import eras, jsonrpc, trace
from skerry.wire.headers import MCP_SESSION_ID, encode_value
from skerry.wire.jsonrpc import Envelope, Id

CLIENT = {"name": "agentcore-gateway", "version": "1.0.0"}
LEGACY = eras.LEGACY_VERSIONS[-1]
MODERN = eras.MODERN_VERSIONS[-1]
_SESSION = MCP_SESSION_ID.lower()


class Interview(Protocol):
    """Who answers a legacy server's questions during a call."""

    def refusal(self, question: Envelope) -> str:
        """Why the client cannot be asked this; empty when it can."""
        ...

    async def ask(self, question: Envelope) -> Envelope:
        """The response to the question, under its id."""
        ...

    async def withdraw(self, identifier: object) -> None:
        """The server no longer waits for the answer to its question of this id."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request for the server.

    `params` are in the era of the client that asks, `modern` says which. `base` carries everything of the
    outbound request but its body and MCP headers. `identity` is whose session it belongs to, `capabilities`
    what that session declares. `mirrored` are the `Mcp-Param-*` headers. `repeatable` allows it to be sent
    twice. A modern server sends log messages from `log_level` on. `interview` answers a legacy server's
    questions; without one they are refused.
    """

    method: str
    params: Mapping[str, Any] = field(repr=False)
    base: Outgoing
    identity: str
    modern: bool = False
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    mirrored: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    log_level: str | None = None
    interview: Interview | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What the server and one identity agreed on: era, revision, session id if any, capabilities."""

    era: eras.Era
    version: str
    id: str = ""
    capabilities: Mapping[str, Any] = field(default_factory=dict)


FRESH = Session("legacy", LEGACY)
"""What holds before the handshake with a legacy server."""


def carries_session(ask: Ask) -> bool:
    """Whether the client says itself which session of the server its request belongs to.

    Only where the allow-list of a target lets `Mcp-Session-Id` through, which it cannot at a gateway with
    sessions (AWS developer guide, gateway sessions).
    """
    return _SESSION in ask.base.propagated


def greeting(ask: Ask, method: str, params: Mapping[str, Any]) -> Ask:
    """The request that opens a session of the gateway's own, on the way to `ask`."""
    base = ask.base
    if carries_session(ask):
        others = {name: value for name, value in base.propagated.items() if name != _SESSION}
        base = replace(base, propagated=others)
    return replace(ask, method=method, params=params, base=base, modern=False, mirrored={})


def outgoing(ask: Ask, session: Session, identifier: Id) -> Outgoing:
    """`ask` as it goes out in this session, under this id: params and headers in the server's era."""
    headers = {
        **ask.base.headers,
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": session.version,
    }
    if session.id and not carries_session(ask):
        headers[_SESSION] = session.id
    params: Mapping[str, Any] = ask.params
    if session.era == "modern":
        headers["mcp-method"] = ask.method
        member = eras.NAME_MEMBER.get(ask.method)
        if member is not None and isinstance(name := params.get(member), str):
            headers["mcp-name"] = encode_value(name)
        headers.update((name.lower(), value) for name, value in ask.mirrored.items())
        if not ask.modern:
            params = eras.with_meta(
                params,
                version=session.version,
                capabilities={},
                client_info=CLIENT,
                log_level=ask.log_level,
            )
    elif ask.modern:
        params = eras.without_meta(params)
    params, span = _traced(params)
    body = jsonrpc.request(identifier, ask.method, params)
    return replace(ask.base, operation=f"→ MCP {ask.method}", body=body, headers=headers, span=span)


def _traced(params: Mapping[str, Any]) -> tuple[Mapping[str, Any], trace.Span | None]:
    """A trace in `_meta` goes on from the gateway's call, as that of the headers does."""
    meta = params.get("_meta")
    if not isinstance(meta, dict) or trace.TRACEPARENT not in meta:
        return params, None
    span = trace.next_hop()
    kept = meta if trace.of_meta(meta) else {key: meta[key] for key in meta if key != trace.TRACESTATE}
    return {**params, "_meta": {**kept, trace.TRACEPARENT: span.traceparent}}, span


def initialized(answer: Envelope, reply: Reply) -> Session:
    """The session that an answer to `initialize` opens. Raises TargetError for one that opens none."""
    if answer.error is not None:
        raise TargetError(f"The target refused to initialize: {replies.shown(answer.error)}")
    result = answer.result
    version = result.get("protocolVersion") if isinstance(result, dict) else None
    if not isinstance(result, dict) or version not in eras.LEGACY_VERSIONS:
        raise TargetError("The target speaks no revision of MCP that this gateway knows.")
    return Session("legacy", version, reply.header(MCP_SESSION_ID), replies.capabilities_of(result))


def bodiless(ask: Ask, session: Session, method: str, headers: Mapping[str, str]) -> Outgoing:
    """A GET or DELETE in a session; the method of `ask` is what the hop shows."""
    sent = {**ask.base.headers, **headers, "mcp-protocol-version": session.version}
    if session.id and not carries_session(ask):
        sent[_SESSION] = session.id
    return replace(ask.base, method=method, operation=f"→ MCP {ask.method}", body=b"", headers=sent)
