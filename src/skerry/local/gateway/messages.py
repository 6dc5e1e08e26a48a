"""MCP messages at the gateway's own door: one request in either era, and how its results are framed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skerry.errors import SkerryError
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.outgoing import TargetError
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Notes
from skerry.local.ports.resources import Record
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope, encode

SUPPORTED = ("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
"""Revisions that the service knows, oldest first."""

CODE = "code"
"""The member of a hop's `detail` that has the code of a JSON-RPC error."""


@dataclass(frozen=True, slots=True)
class Request:
    """An MCP request whose sender may call the gateway.

    `headers` are the inbound pairs with lower-case names, those that the REQUEST interceptor set in place
    of the client's; `injected` are the interceptor's alone. `query` is the raw query string, `streams` says
    whether the answer may be an event stream. `client` is the session that it belongs to, None where there
    are none. `notes` is what its hop will say, `iam` what policies of IAM decided for it.
    """

    gateway: Record
    caller: Caller
    message: Envelope
    era: eras.Era
    headers: Sequence[tuple[str, str]] = field(repr=False)
    query: str = ""
    session: str = ""
    streams: bool = False
    client: ClientSession | None = None
    injected: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: dict[str, str] = field(default_factory=dict)
    iam: Notes = field(default_factory=list)

    @property
    def authorization(self) -> str:
        """What the REQUEST interceptor wants targets to see in place of their credential, or nothing."""
        return self.injected.get("authorization", "")

    @property
    def modern(self) -> bool:
        """True in the era of 2026-07-28."""
        return self.era == "modern"

    @property
    def params(self) -> dict[str, Any]:
        """The params of the message."""
        return self.message.params

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client of a modern request can answer."""
        found = eras.request_meta(self.message).get(eras.META_CLIENT_CAPABILITIES)
        return found if isinstance(found, dict) else {}

    @property
    def debug(self) -> bool:
        """Whether the gateway tells why a target failed."""
        return self.gateway.get("exceptionLevel") == "DEBUG"


class McpError(SkerryError):
    """A JSON-RPC error to answer a request with; the HTTP status follows from code and era if not given.

    `detail` is what the hop shows of it besides.
    """

    code = "SKY-301"

    def __init__(
        self,
        rpc_code: int,
        message: str,
        *,
        status: int | None = None,
        data: object = None,
        detail: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.rpc_code = rpc_code
        self.status = status
        self.data = data
        self.detail = detail or {}


Pieces = tuple[bytes, ...]
"""JSON that is long enough to be copied once only, when the answer is put together."""


@dataclass(frozen=True, slots=True)
class Result:
    """A result made here. Members of type bytes are JSON already, those of type Pieces JSON in pieces.

    `headers` are the response headers that the target may send to the client.
    """

    members: Mapping[str, object]
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Relayed:
    """An answer as it is sent: a whole JSON-RPC message in `body`, or event-stream bytes in `stream`.

    Each piece of `stream` ends with the end of an event. `headers` are the response headers that the target
    may send to the client. `problem` says in the hop why the answer is an error of the gateway.
    """

    body: bytes = field(default=b"", repr=False)
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    stream: AsyncGenerator[bytes, None] | None = None
    problem: str = ""


def mcp_configuration(gateway: Record) -> Mapping[str, Any]:
    """`protocolConfiguration.mcp` of a gateway, empty when it has none."""
    found: Mapping[str, Any] = (gateway.get("protocolConfiguration") or {}).get("mcp") or {}
    return found


def supported_versions(gateway: Record) -> list[str]:
    """The revisions that a gateway serves, oldest first: those configured, else all."""
    configured = mcp_configuration(gateway).get("supportedVersions") or SUPPORTED
    return [version for version in SUPPORTED if version in configured]


def json_object(members: Mapping[str, object]) -> bytes:
    """A JSON object whose values of type bytes and Pieces are put in as they are."""
    return b"".join(_object(members))


def _object(members: Mapping[str, object]) -> Iterator[bytes]:
    before = b"{"
    for name, value in members.items():
        yield b"%b%b:" % (before, encode(name))
        if isinstance(value, tuple):
            yield from value
        else:
            yield encode(value)
        before = b","
    yield b"}" if members else b"{}"


def server_info(table: Assumptions) -> dict[str, str]:
    """How a gateway names itself."""
    return {"name": table.server_name, "version": table.server_version}


def framed(request: Request, result: Result, table: Assumptions) -> bytes:
    """The response message for a result made here, with the members that the client's era asks for."""
    members = dict(result.members)
    if request.modern:
        members["resultType"] = "complete"
        if request.message.method in eras.CACHEABLE:
            members.setdefault("ttlMs", table.list_ttl_ms)
            members.setdefault("cacheScope", "private")
        meta = members.get("_meta")
        members["_meta"] = {
            **(meta if isinstance(meta, dict) else {}),
            eras.META_SERVER_INFO: server_info(table),
        }
    head = b'{"jsonrpc":"2.0","id":%b,"result":' % jsonrpc.encode_id(request.message.raw_id)
    return b"".join((head, *_object(members), b"}"))


def refused(message: Envelope | None, era: eras.Era, problem: McpError) -> tuple[int, bytes]:
    """HTTP status and message for an error."""
    status = problem.status if problem.status is not None else eras.error_status(problem.rpc_code, era)
    raw_id = message.raw_id if message is not None and message.raw_id else b"null"
    return status, jsonrpc.error(raw_id, problem.rpc_code, problem.message, problem.data)


def tool_error(text: str, *, debug: bool = False) -> Result:
    """A failed tool call as a result: models read the text; `debug` repeats it where DEBUG puts it."""
    members: dict[str, object] = {"content": [{"type": "text", "text": text}], "isError": True}
    if debug:
        members["_meta"] = {"debug": {"type": "text", "text": text}}
    return Result(members)


def unknown_tool(name: str, table: Assumptions) -> McpError:
    """The answer to a call of a tool that this caller is not shown."""
    return McpError(table.unknown_tool_code, table.unknown_tool.format(name=name[:300]))


def failure(request: Request, problem: TargetError, table: Assumptions) -> Result:
    """What a caller is told about a failed target: the reason with DEBUG, else that it failed."""
    if request.debug:
        return tool_error(str(problem), debug=True)
    return tool_error(table.internal_error)


def failed(request: Request, problem: TargetError, table: Assumptions) -> Relayed:
    """The answer to any request that an interceptor brought down: a failed tool call, else an error."""
    if request.message.method == "tools/call":
        body = framed(request, failure(request, problem, table), table)
    else:
        text = str(problem) if request.debug else table.internal_error
        body = jsonrpc.error(request.message.raw_id, jsonrpc.INTERNAL_ERROR, text)
    return Relayed(body, table.interceptor_failure_status, problem=str(problem))


def target_failure(request: Request, problem: TargetError, table: Assumptions) -> McpError:
    """A failed target as a JSON-RPC error: for what is no tool call, and for one lost during a question."""
    if problem.asked:
        return McpError(jsonrpc.INTERNAL_ERROR, table.dependency_failed)
    return McpError(jsonrpc.INTERNAL_ERROR, str(problem) if request.debug else table.internal_error)


def check_version(request_version: str | None, message: Envelope, versions: Sequence[str]) -> eras.Era:
    """The era of a request. Raises McpError when it names a revision that this gateway does not serve.

    The header and the body must agree about it; that is checked where the body is (`eras`).
    """
    era = eras.request_era(request_version, message)
    if era == "modern":
        return era
    if message.method == "initialize":
        if eras.negotiate(message.params.get("protocolVersion"), versions) is None:
            raise unsupported(message.params.get("protocolVersion"), versions)
        return era
    served = [version for version in versions if version in eras.LEGACY_VERSIONS]
    if not served or (request_version is not None and request_version not in served):
        raise unsupported(request_version, versions)
    return era


def unsupported(version: object, versions: Sequence[str]) -> McpError:
    """The answer to a revision that is not served; it names those that are."""
    shown = version[:40] if isinstance(version, str) else ""
    return McpError(
        eras.UNSUPPORTED_VERSION,
        f"Unsupported protocol version. This gateway serves {', '.join(versions)}.",
        status=400,
        data={"supported": list(versions), "requested": shown},
    )


def check_single(headers: list[tuple[str, str]]) -> None:
    """Raises McpError when a routing header stands twice: readers could choose different ones."""
    names = [name for name, _ in headers if name in ("mcp-protocol-version", "mcp-method", "mcp-name")]
    if len(names) != len(set(names)):
        raise McpError(eras.HEADER_MISMATCH, "A routing header stands twice.", status=400)
