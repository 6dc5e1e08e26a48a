"""What of a client's request an MCP server is asked with: whose session it is, and what that declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.messages import Request
from skerry.local.gateway.sessions import ASKABLE, streaming
from skerry.local.gateway.targets.asks import Ask
from skerry.local.gateway.tools import Item
from skerry.local.ports.callers import Caller
from skerry.wire import eras, jsonrpc
from skerry.wire.headers import MCP_PARAM_PREFIX, value_problem
from skerry.wire.jsonrpc import Envelope
from skerry.wire.param_headers import param_headers

_GATEWAY = "gateway"


def identity(caller: Caller | None, client: ClientSession | None = None) -> str:
    """Whose session at the server a request belongs to: a client's session has one of its own."""
    if caller is None:
        return _GATEWAY
    session = f" {client.id}" if client is not None else ""
    return f"{caller.kind} {caller.name} {caller.claims.get('client_id', '')}{session}"


def declared(request: Request) -> Mapping[str, Any]:
    """What the session at a legacy server declares: what this client can be asked through the gateway."""
    client = request.client
    return client.capabilities if client is not None and streaming(request.gateway) else {}


def can_be_asked(request: Request) -> bool:
    """Whether a client up to 2025-11-25 may be asked in a call: on its stream, or for a page by -32042."""
    client = request.client
    if client is None or not client.capabilities:
        return False
    return request.streams or eras.declares(client.capabilities, {"elicitation": {"url": {}}})


def wants_face(request: Request) -> bool:
    """Whether a modern request says something that a legacy server is told once in a session of its own."""
    capabilities = request.capabilities
    return any(name in capabilities for name in ASKABLE) or eras.META_LOG_LEVEL in eras.request_meta(
        request.message
    )


def own(request: Request, ask: Ask) -> Envelope:
    """The client's request as the target knows it."""
    return jsonrpc.parse(jsonrpc.request(request.message.raw_id, ask.method, ask.params))


def mirrored(request: Request, item: Item) -> dict[str, str]:
    """The `Mcp-Param-*` headers: a modern client's own, else what the tool's schema asks for."""
    if request.modern:
        prefix = MCP_PARAM_PREFIX.lower()
        return {
            name: value
            for name, value in request.headers
            if name.startswith(prefix) and value_problem(value) is None
        }
    if request.message.method != "tools/call" or not item.mirrors:
        return {}
    return param_headers(item.schema, request.params.get("arguments"))
