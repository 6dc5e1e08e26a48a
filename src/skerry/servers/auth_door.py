"""What a request to an MCP endpoint goes through before FastMCP sees it: its token, then its scopes.

Answers as RFC 6750 and MCP word it, which FastMCP's own middleware does not: a challenge that says why, 400
for malformed credentials, 403 with all the scopes of a tool in one challenge. FastMCP's middleware still
stands behind it and lets nobody in for whom this door did not vouch.

A JSON-RPC `ping` may be answered without a token: health probes carry none (AgentCore's sidecar sends such
pings; reported for it, not documented).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.authentication import AuthCredentials
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skerry.auth.jwt.dialects import Claims
from skerry.errors import ProtocolError
from skerry.servers.http_auth import ProtectedResource, RefusedError
from skerry.wire import jsonrpc

MAX_PING = 4096
MAX_MESSAGE = 4_194_304
"""Bytes of a message whose tool is looked up; the MCP SDK takes no more either."""


class UnreadableError(Exception):
    """A message that nobody can say the tool of; `response` is what to send."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.response = Response(body, status, media_type="application/json")


@dataclass(frozen=True, slots=True)
class Demands:
    """The scopes that every call needs, and those that a tool needs besides."""

    scopes: tuple[str, ...] = ()
    tools: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, body: bytes) -> tuple[str, ...]:
        """All the scopes that a message needs. Raises UnreadableError."""
        try:
            envelope = jsonrpc.parse(body)
            if envelope.method != "tools/call":
                return self.scopes
            json.loads(body, object_pairs_hook=_once)  # two readers of one name must not see two tools
        except jsonrpc.RpcError as problem:
            raise UnreadableError(400, problem.answer()) from problem
        except ValueError as problem:
            answer = jsonrpc.error(None, jsonrpc.INVALID_REQUEST, "A member of the message stands twice.")
            raise UnreadableError(400, answer) from problem
        name = envelope.params.get("name")
        return (*self.scopes, *self.tools.get(name, ())) if isinstance(name, str) else self.scopes


class AuthDoor:
    """ASGI middleware: requests to `path()` need a token of the resource, all others pass.

    `user` makes FastMCP's user of a token and its claims; `ping` lets pings through that show none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        resource: ProtectedResource,
        demands: Demands,
        path: Callable[[], str],
        user: Callable[[str, Claims], AuthenticatedUser],
        ping: bool,
    ) -> None:
        self._app = app
        self._resource = resource
        self._demands = demands
        self._path = path
        self._user = user
        self._ping = ping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 400, 401, 403 or 503 by itself, or hands the request on with its user."""
        if scope["type"] != "http" or not self._guards(scope):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._ping and scope["method"] == "POST" and "authorization" not in headers:
            first = await receive()
            if (pong := _pong(first)) is not None:
                await Response(pong, media_type="application/json")(scope, receive, send)
                return
            receive = _replay(first, receive)
        try:
            receive = await self._admit(scope, headers, receive)
        except (RefusedError, UnreadableError) as error:
            await error.response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _guards(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return path.removeprefix(scope.get("root_path", "")).rstrip("/") == self._path()

    async def _admit(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """Checks token and scopes and sets the user; gives `receive` with the body that was read."""
        query = scope["query_string"].decode("latin-1")
        claims = await self._resource.authenticate(headers, *self._demands.scopes, query=query)
        needed = self._demands.scopes
        if self._demands.tools and scope["method"] == "POST":
            body = await _body(receive)
            receive = _replay({"type": "http.request", "body": body, "more_body": False}, receive)
            needed = self._demands.of(body)
        self._resource.require(claims, *needed)
        user = self._user(headers["authorization"].partition(" ")[2].strip(" "), claims)
        scope["user"], scope["auth"] = user, AuthCredentials(user.scopes)
        return receive


async def _body(receive: Receive) -> bytes:
    """The whole body. Raises UnreadableError past the limit, and for a client that left."""
    pieces, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise UnreadableError(400, b"")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > MAX_MESSAGE:
            text = f"The message is larger than {MAX_MESSAGE} bytes."
            raise UnreadableError(413, jsonrpc.error(None, jsonrpc.INVALID_REQUEST, text))
        if not message.get("more_body"):
            return b"".join(pieces)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _pong(message: Message) -> bytes | None:
    """The answer to the first piece of a body that is a whole and small ping, None for any other."""
    body = message.get("body", b"")
    if message["type"] != "http.request" or message.get("more_body") or len(body) > MAX_PING:
        return None
    try:
        envelope = jsonrpc.parse(body)
    except ProtocolError:
        return None
    if envelope.kind != "request" or envelope.method != "ping":
        return None
    return jsonrpc.response(envelope.raw_id, {})


def _replay(first: Message, receive: Receive) -> Receive:
    """`receive` with a message that was taken from it put back in front."""
    kept = [first]

    async def again() -> Message:
        return kept.pop() if kept else await receive()

    return again
