"""A request to the runtime data plane, read from the raw path, the query and the headers.

Source: botocore service model of `bedrock-agentcore`; AWS developer guide. The ARN arrives percent-encoded
once, so routes are found on the raw path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from skerry.errors import ServiceError, validation
from skerry.local.ports import Scope
from skerry.local.runtime.texts import ACCOUNT_REQUIRED, constraint
from skerry.wire import session
from skerry.wire.arn import ACCOUNT_ID, RUNTIME_ID, is_arn
from skerry.wire.endpoints import runtime_identifier
from skerry.wire.headers import MCP_SESSION_ID, RUNTIME_SESSION_ID

Operation = Literal[
    "InvokeAgentRuntime", "StopRuntimeSession", "GetAgentCard", "GetRuntimeProtectedResourceMetadata"
]

ROUTES: Mapping[tuple[str, str], Operation] = {
    ("POST", "invocations"): "InvokeAgentRuntime",
    ("POST", "stopruntimesession"): "StopRuntimeSession",
    ("GET", "invocations/.well-known/agent-card.json"): "GetAgentCard",
    ("GET", "invocations/.well-known/oauth-protected-resource"): "GetRuntimeProtectedResourceMetadata",
}
MAX_MCP_SESSION_ID = 1024
_QUERY_FIELDS = 100


def allowed_methods(path: str) -> str:
    """The value of `Allow` for a path below a runtime, empty for one that does not exist."""
    return ", ".join(method for method, known in ROUTES if known == path)


@dataclass(frozen=True, slots=True)
class Request:
    """What a request asks for. `identifier` is the ARN or id of a runtime; `headers` are as received."""

    operation: Operation
    identifier: str
    qualifier: str
    account_id: str
    headers: list[tuple[bytes, bytes]]

    @classmethod
    def of(cls, scope: Scope) -> Request:
        """The request of an HTTP scope.

        Raises ServiceError: 404 for another path, 405 for a known path with another method, 400 for an
        identifier that is neither ARN nor id.
        """
        found = runtime_identifier(scope["raw_path"])
        identifier, rest = found or ("", "")
        operation = ROUTES.get((scope["method"], rest))
        if operation is None:
            methods = allowed_methods(rest)
            if methods:
                raise ServiceError("MethodNotAllowedException", 405, f"This path takes {methods} only.")
            raise ServiceError("UnknownOperationException", 404, "The runtime data plane has no such path.")
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
        return cls(operation, identifier, query.get("qualifier") or "DEFAULT", account, scope["headers"])

    def header(self, name: str) -> str:
        """The first value of a header, or nothing."""
        wanted = name.lower().encode("ascii")
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), "")

    def require_account(self) -> None:
        """Raises ServiceError (400) when a bare id comes without its account."""
        if not is_arn(self.identifier) and not self.account_id:
            raise validation(ACCOUNT_REQUIRED)

    def session_id(self) -> str | None:
        """The runtime session id that the client chose. Raises ServiceError (400) when it may not be one."""
        given = self.header(RUNTIME_SESSION_ID)
        if not given:
            return None
        problem = session.problem(given)
        if problem is not None:
            raise validation(constraint("runtimeSessionId", problem), ("runtimeSessionId", problem))
        return given

    def mcp_session_id(self) -> str | None:
        """The MCP session id of the client. Raises ServiceError (400) when it is too long."""
        given = self.header(MCP_SESSION_ID)
        if len(given) > MAX_MCP_SESSION_ID:
            problem = f"Member must have length less than or equal to {MAX_MCP_SESSION_ID}"
            raise validation(constraint("mcpSessionId", problem), ("mcpSessionId", problem))
        return given or None

    def accepts_mcp(self) -> bool:
        """Whether `Accept` lists both types that MCP requires; `*/*` alone does not count."""
        listed = {
            item.partition(";")[0].strip().lower()
            for key, value in self.headers
            if key.lower() == b"accept"
            for item in value.decode("latin-1").split(",")
        }
        return {"application/json", "text/event-stream"} <= listed
