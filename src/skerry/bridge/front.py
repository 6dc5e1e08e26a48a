"""The ASGI application: `/mcp` and `/invocations` with `/ping`, on one port or on two.

Source: MCP, Streamable HTTP; AWS developer guide, runtime service contract. What stdio has no word for
(origins, sizes, media types, statuses) is decided here; which era a client speaks is seen in each message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skerry.bridge import guard
from skerry.bridge.exchange import Receive, Scope, Send, failure, reply
from skerry.bridge.guard import RefusedError
from skerry.bridge.health import Health
from skerry.bridge.legacy_front import LegacyFront
from skerry.bridge.modern_front import ModernFront
from skerry.bridge.post import Contract, Post
from skerry.bridge.programs import Programs
from skerry.bridge.sessions import Sessions
from skerry.relay.ports import RelayError
from skerry.wire import eras, jsonrpc
from skerry.wire.headers import MCP_PROTOCOL_VERSION

PATHS: Mapping[str, Contract] = {"/mcp": "mcp", "/invocations": "http"}
_VERSION = MCP_PROTOCOL_VERSION.lower()
_RETRY = (b"retry-after", b"1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What is served where: contracts by port, `max_message` bytes, whether only this machine can call."""

    contracts: Mapping[int, frozenset[Contract]]
    max_message: int
    loopback: bool


class Front:
    """The ASGI application."""

    def __init__(self, programs: Programs, sessions: Sessions, health: Health, door: Door) -> None:
        self._legacy = LegacyFront(programs, sessions, health)
        self._modern = ModernFront(programs, health)
        self._health = health
        self._door = door
        self._draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        if scope["type"] != "http":
            return
        try:
            await self._serve(scope, receive, send)
        except RefusedError as refusal:
            body = failure(jsonrpc.INVALID_REQUEST, refusal.message)
            await reply(send, refusal.status, body, *refusal.headers)
        except jsonrpc.RpcError as problem:
            await reply(send, 400, problem.answer())
        except RelayError as problem:  # of a notification or response: a request has its answer in JSON-RPC
            await reply(send, 503 if problem.unsent else 502, problem.answer(b"null"))

    def drain(self) -> None:
        """No new calls from now on; answers to the program's questions still come in."""
        self._draining = True
        self._legacy.hush()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].rstrip("/")
        method = scope["method"]
        contract = PATHS.get(path)
        served = self._door.contracts.get(scope["server"][1], frozenset())
        if path == "/ping":
            _allow(method, "GET", "HEAD")
            await reply(send, *self._health.report())
        elif contract is None or contract not in served:
            places = " and ".join(path for path, known in PATHS.items() if known in served)
            raise RefusedError(404, f"There is nothing here. MCP is served at {places}.")
        else:
            headers = guard.header_map(scope["headers"])
            guard.check_caller(headers, loopback=self._door.loopback)
            if method == "POST":
                await self._post(contract, headers, receive, send)
            else:
                _allow(method, *(("GET", "POST", "DELETE") if contract == "mcp" else ("POST",)))
                await self._other(method, headers, receive, send)

    async def _post(
        self, contract: Contract, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        takes_json, takes_stream = guard.accepts(headers)
        if not (takes_json or takes_stream) or (contract == "mcp" and not (takes_json and takes_stream)):
            raise RefusedError(406, "Accept must name application/json and text/event-stream.")
        if contract == "mcp":
            guard.check_content_type(headers)
        body = await guard.read_body(receive, headers, self._door.max_message)
        if body is None:
            return
        message = jsonrpc.parse(body, max_size=self._door.max_message)
        if self._draining and message.kind == "request":
            raise RefusedError(503, "The bridge is shutting down.", _RETRY)
        post = Post(contract, headers, message, receive, send, takes_stream)
        version = headers.get(_VERSION)
        if eras.request_era(version, message) == "modern":
            await self._modern.serve(post)
        elif version is None or version in eras.LEGACY_VERSIONS or message.method == "initialize":
            await self._legacy.serve(post)
        else:
            known = ", ".join((*eras.LEGACY_VERSIONS, *eras.MODERN_VERSIONS))
            text = f"Unsupported protocol version: {version[:40]} (supported versions: {known})"
            raise jsonrpc.RpcError(jsonrpc.INVALID_REQUEST, text, raw_id=post.raw_id)

    async def _other(self, method: str, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        if headers.get(_VERSION) in eras.MODERN_VERSIONS:
            raise RefusedError(405, "This revision has no GET and no DELETE.", (b"allow", b"POST"))
        if method == "DELETE":
            await self._legacy.end(headers, send)
            return
        if not guard.accepts(headers)[1]:
            raise RefusedError(406, "Accept must name text/event-stream.")
        if self._draining:
            raise RefusedError(503, "The bridge is shutting down.", _RETRY)
        await self._legacy.listen(headers, receive, send)


def _allow(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise RefusedError(405, f"{method} is not served here.", (b"allow", ", ".join(allowed).encode()))
