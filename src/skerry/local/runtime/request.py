"""A request to the runtime data plane, read from the raw path, the query and the headers.

Source: botocore service model of `bedrock-agentcore`; AWS developer guide. The ARN arrives percent-encoded
once, so routes are found on the raw path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from skerry.errors import ServiceError, access_denied, validation
from skerry.local.ports.asgi import Scope
from skerry.local.runtime.texts import ACCOUNT_REQUIRED, constraint
from skerry.wire import session
from skerry.wire.arn import ACCOUNT_ID, RUNTIME_ID, is_arn
from skerry.wire.endpoints import runtime_identifier
from skerry.wire.headers import (
    MCP_METHOD,
    MCP_NAME,
    MCP_PROTOCOL_VERSION,
    MCP_SESSION_ID,
    RUNTIME_SESSION_ID,
    RUNTIME_USER_ID,
)

Operation = Literal[
    "InvokeAgentRuntime",
    "InvokeAgentRuntimeCommand",
    "InvokeAgentRuntimeCommandShell",
    "InvokeAgentRuntimeWithWebSocketStream",
    "StopRuntimeSession",
    "GetAgentCard",
    "GetRuntimeProtectedResourceMetadata",
]

ROUTES: Mapping[tuple[str, str], Operation] = {
    ("POST", "invocations"): "InvokeAgentRuntime",
    ("POST", "invocations/"): "InvokeAgentRuntime",  # A2A clients: the card stands below this URL
    ("POST", "commands"): "InvokeAgentRuntimeCommand",
    ("POST", "stopruntimesession"): "StopRuntimeSession",
    ("GET", "invocations/.well-known/agent-card.json"): "GetAgentCard",
    ("GET", "invocations/.well-known/oauth-protected-resource"): "GetRuntimeProtectedResourceMetadata",
}
SOCKETS: Mapping[str, Operation] = {
    "ws": "InvokeAgentRuntimeWithWebSocketStream",
    "ws/shells": "InvokeAgentRuntimeCommandShell",
}
"""What is reached with `GET` and an upgrade to WebSocket."""

FOR_USERS: Sequence[Operation] = ("InvokeAgentRuntime", "InvokeAgentRuntimeWithWebSocketStream")
"""What can be asked for somebody, with an action of its own: AWS service authorization reference."""

_METADATA = b"/.well-known/oauth-protected-resource"
_QUERY_FIELDS = 100
_SIGNATURE = "X-Amz-Signature"
_LIMITS: Mapping[bytes, tuple[str, int]] = {
    name.lower().encode("ascii"): (member, limit)
    for name, member, limit in (
        ("Content-Type", "contentType", 256),
        ("Accept", "accept", 256),
        (MCP_SESSION_ID, "mcpSessionId", 1024),
        (MCP_PROTOCOL_VERSION, "mcpProtocolVersion", 1024),
        (MCP_METHOD, "mcpMethod", 1024),
        (MCP_NAME, "mcpName", 1024),
        (RUNTIME_USER_ID, "runtimeUserId", 1024),
        ("X-Amzn-Trace-Id", "traceId", 128),
        ("traceparent", "traceParent", 128),
        ("tracestate", "traceState", 512),
        ("baggage", "baggage", 8192),
    )
}
"""Header, member and the most characters: service model, InvokeAgentRuntime."""
_COMMAND_TRACE = 1024
"""InvokeAgentRuntimeCommand takes longer trace ids than InvokeAgentRuntime."""


def route(raw_path: bytes) -> tuple[str, str]:
    """The ARN or id of a runtime and the path below it; two empty strings for anything else.

    The protected resource metadata has a second place, RFC 9728's own: before the path of the resource.
    """
    if raw_path.startswith(_METADATA):
        identifier, rest = runtime_identifier(raw_path.removeprefix(_METADATA)) or ("", "")
        known = rest.rstrip("/") == "invocations"
        return (identifier, f"invocations{_METADATA.decode()}") if known else ("", "")
    return runtime_identifier(raw_path) or ("", "")


def allowed_methods(path: str) -> str:
    """The value of `Allow` for a path below a runtime, empty for one that does not exist."""
    return ", ".join(method for method, known in ROUTES if known == path)


@dataclass(frozen=True, slots=True)
class Request:
    """What a request asks for. `identifier` is the ARN or id of a runtime; `headers` are as received.

    `presigned` are the names of the headers that a presigned URL was signed with, None without one.
    """

    operation: Operation
    identifier: str
    qualifier: str
    account_id: str
    headers: list[tuple[bytes, bytes]]
    query_session_id: str = ""
    shell_id: str = ""
    presigned: frozenset[str] | None = None

    @classmethod
    def of(cls, scope: Scope) -> Request:
        """The request of an HTTP or WebSocket scope.

        Raises ServiceError: 404 for another path, 405 for a known path with another method, 426 for a
        WebSocket path without upgrade, 400 for an identifier that is neither ARN nor id.
        """
        identifier, rest = route(scope["raw_path"])
        operation = _operation(scope, rest)
        try:
            query = dict(
                reversed(parse_qsl(scope["query_string"].decode("ascii"), max_num_fields=_QUERY_FIELDS))
            )
        except ValueError:
            raise validation("The query string cannot be read.") from None
        if not is_arn(identifier) and RUNTIME_ID.fullmatch(identifier) is None:
            raise validation(
                constraint("agentRuntimeArn", "Member must be the ARN or the id of an agent runtime")
            )
        account = query.get("accountId", "")
        if account and ACCOUNT_ID.fullmatch(account) is None:
            raise validation(constraint("accountId", "Member must have 12 digits"))
        return cls(
            operation,
            identifier,
            query.get("qualifier") or "DEFAULT",
            account,
            scope["headers"],
            query.get(RUNTIME_SESSION_ID, "") if operation in SOCKETS.values() else "",
            query.get("shellId", "") if operation == "InvokeAgentRuntimeCommandShell" else "",
            frozenset(query.get("X-Amz-SignedHeaders", "").split(";")) if _SIGNATURE in query else None,
        )

    def header(self, name: str) -> str:
        """The first value of a header, or nothing."""
        wanted = name.lower().encode("ascii")
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), "")

    def actions(self) -> tuple[str, ...]:
        """The IAM actions that the request needs: one more when it speaks for a user."""
        action = f"bedrock-agentcore:{self.operation}"
        return (action, f"{action}ForUser") if self.user_id() else (action,)

    def user_id(self) -> str:
        """The user for whom a caller who signed speaks; "" where the operation is for nobody.

        Raises ServiceError (403) when a presigned URL was not signed for the header: whoever has the URL
        could speak for anybody then.
        """
        user = self.header(RUNTIME_USER_ID) if self.operation in FOR_USERS else ""
        if user and self.presigned is not None and RUNTIME_USER_ID.lower() not in self.presigned:
            raise access_denied(f"The presigned URL was not signed for the header {RUNTIME_USER_ID}.")
        return user

    def require_account(self) -> None:
        """Raises ServiceError (400) when a bare id comes without its account."""
        if not is_arn(self.identifier) and not self.account_id:
            raise validation(ACCOUNT_REQUIRED)

    def session_id(self) -> str | None:
        """The runtime session id that the client chose. Raises ServiceError (400) when it may not be one.

        A presigned WebSocket URL has it in its query, because browsers set no headers. What it was signed
        for is no other session than that: a header, which no signature covers, cannot change it.
        """
        given = self.header(RUNTIME_SESSION_ID)
        if given and self.query_session_id and given != self.query_session_id:
            problem = "The header and the query name different sessions"
            raise validation(constraint("runtimeSessionId", problem), ("runtimeSessionId", problem))
        given = given or self.query_session_id
        if not given:
            return None
        wrong = session.problem(given)
        if wrong is not None:
            raise validation(constraint("runtimeSessionId", wrong), ("runtimeSessionId", wrong))
        return given

    def mcp_session_id(self) -> str | None:
        """The MCP session id of the client."""
        return self.header(MCP_SESSION_ID) or None

    def require_limits(self) -> None:
        """Raises ServiceError (400) when a header is longer than the service model allows."""
        for name, value in self.headers:
            if len(value) <= 128:  # the common case: below every limit
                continue
            member, limit = _LIMITS.get(name.lower(), ("", 0))
            if self.operation == "InvokeAgentRuntimeCommand" and limit == 128:
                limit = _COMMAND_TRACE
            if member and len(value) > limit:
                problem = f"Member must have length less than or equal to {limit}"
                raise validation(constraint(member, problem), (member, problem))

    def accepts_mcp(self) -> bool:
        """Whether `Accept` lists both types that MCP requires; `*/*` alone does not count."""
        listed = {
            item.partition(";")[0].strip().lower()
            for key, value in self.headers
            if key.lower() == b"accept"
            for item in value.decode("latin-1").split(",")
        }
        return {"application/json", "text/event-stream"} <= listed


def _operation(scope: Scope, rest: str) -> Operation:
    if scope["type"] == "websocket":
        socket = SOCKETS.get(rest)
        if socket is not None:
            return socket
    elif rest in SOCKETS:
        raise ServiceError("UpgradeRequiredException", 426, "This path takes WebSocket connections only.")
    else:
        operation = ROUTES.get((scope["method"], rest))
        if operation is not None:
            return operation
    methods = allowed_methods(rest)
    if methods:
        raise ServiceError("MethodNotAllowedException", 405, f"This path takes {methods} only.")
    raise ServiceError("UnknownOperationException", 404, "The runtime data plane has no such path.")
