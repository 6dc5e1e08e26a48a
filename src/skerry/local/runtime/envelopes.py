"""What an error looks like on the wire, by server protocol: one pure table each.

Source: AWS developer guide, runtime service contract (error handling per protocol). HTTP answers with the
native status and `x-amzn-ErrorType`; MCP mostly with a JSON-RPC error in a 200; A2A with a real status and
a JSON-RPC error; AG-UI with one SSE event.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.errors import ServiceError
from skerry.local.runtime.texts import ACCEPT, BUSY
from skerry.wire import jsonrpc, sse
from skerry.wire.headers import ERROR_TYPE

Pair = tuple[bytes, bytes]
_JSON: Pair = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    body: bytes
    headers: tuple[Pair, ...] = field(default=(_JSON,))


@dataclass(frozen=True, slots=True)
class Rpc:
    """A JSON-RPC error. Without `text` the message is the error's own."""

    code: int
    status: int
    text: str = ""


MCP: Mapping[str, Rpc] = {
    "UnauthorizedException": Rpc(-32001, 401),
    "AccessDeniedException": Rpc(-32002, 403),
    "ThrottlingException": Rpc(-32003, 200, "Rate limit exceeded - Too many requests"),
    "ServiceQuotaExceededException": Rpc(-32003, 200, "Rate limit exceeded - Too many requests"),
    "ResourceNotFoundException": Rpc(-32004, 200, "Resource not found - Requested resource does not exist"),
    "ConflictException": Rpc(-32005, 200, "Resource conflict - Resource already exists"),
    "RetryableConflictException": Rpc(-32005, 200, BUSY),
    "ValidationException": Rpc(-32006, 200, "Validation error - Invalid request data"),
    "RuntimeClientError": Rpc(-32010, 200),
    "McpRequestUnacceptableException": Rpc(-32011, 406, ACCEPT),
}
MCP_OTHER = Rpc(-32603, 200, "Internal error - Server error")

A2A: Mapping[str, Rpc] = {
    "ResourceNotFoundException": Rpc(-32051, 404),
    "ValidationException": Rpc(-32052, 400),
    "ThrottlingException": Rpc(-32053, 429),
    "ServiceQuotaExceededException": Rpc(-32053, 429),
    "ConflictException": Rpc(-32054, 409),
    "RetryableConflictException": Rpc(-32054, 409),
    "RuntimeClientError": Rpc(
        -32055, 424, "Runtime client error - Please check your CloudWatch logs for more information"
    ),
}
A2A_OTHER = Rpc(-32603, 500, "Internal error - An unexpected error occurred while processing the request")
A2A_PLAIN = frozenset({"AccessDeniedException", "UnauthorizedException"})

AGUI: Mapping[str, tuple[str, int]] = {
    "UnauthorizedException": ("UNAUTHORIZED", 401),
    "AccessDeniedException": ("ACCESS_DENIED", 403),
    "ValidationException": ("VALIDATION_ERROR", 400),
    "ThrottlingException": ("RATE_LIMIT_EXCEEDED", 429),
    "ConflictException": ("SESSION_BUSY", 409),
    "RetryableConflictException": ("SESSION_BUSY", 409),
    "ServiceQuotaExceededException": ("SERVICE_QUOTA_EXCEEDED", 429),
    "RuntimeClientError": ("AGENT_ERROR", 200),
}
AGUI_OTHER = ("INTERNAL_ERROR", 500)


def error(protocol: str, problem: ServiceError, *, raw_id: bytes = b"null") -> Answer:
    """The response for an error of a runtime with this `serverProtocol`.

    `raw_id` is the JSON of the request's id for JSON-RPC. Where AWS fixes the message, what skerry knows
    beyond it goes to `error.data`. Whatever is refused with 403, such as a signature that is missing or does
    not hold, is an AccessDeniedException to the protocol.
    """
    kind = "AccessDeniedException" if problem.status == 403 else problem.name
    if protocol == "MCP":
        return _rpc(MCP.get(kind, MCP_OTHER), problem, raw_id)
    if protocol == "A2A" and kind not in A2A_PLAIN:
        return _rpc(A2A.get(kind, A2A_OTHER), problem, raw_id)
    if protocol == "AGUI":
        code, status = AGUI.get(kind, AGUI_OTHER)
        event = {"type": "RUN_ERROR", "code": code, "message": str(problem)}
        return Answer(status, sse.encode(json.dumps(event)), ((b"content-type", b"text/event-stream"),))
    return plain(problem)


def plain(problem: ServiceError) -> Answer:
    """The REST form: `{"message": …}` with the modelled members, and the name in `x-amzn-ErrorType`."""
    body = json.dumps({"message": str(problem), **problem.members}).encode()
    name = (ERROR_TYPE.lower().encode(), problem.name.encode())
    return Answer(problem.status, body, (_JSON, name))


def missing_token(message: str) -> Answer:
    """No token at a runtime with a JWT authorizer: the same JSON-RPC body for every protocol, without id."""
    body = {"jsonrpc": "2.0", "error": {"code": MCP["UnauthorizedException"].code, "message": message}}
    name = (ERROR_TYPE.lower().encode(), b"UnauthorizedException")
    return Answer(401, json.dumps(body).encode(), (_JSON, name))


def _rpc(row: Rpc, problem: ServiceError, raw_id: bytes) -> Answer:
    data = None
    if row.text and str(problem) != row.text:
        data = {"type": problem.name, "message": str(problem)}
    return Answer(row.status, jsonrpc.error(raw_id, row.code, row.text or str(problem), data))
