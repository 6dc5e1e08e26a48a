"""A fake AgentCore data plane, gateway and plain MCP server on a real socket, which misbehaves on demand.

    async with AgentCore() as server:
        ...  # server.url, server.arn, server.mcp_url
        await server.saw("tools/call")
        server.gate("a").set()

One MCP server behind every path that a proxy can be aimed at, with STS (`POST /`) and a token endpoint
(`POST /oauth/token`). It runs in the test's event loop, so a test waits on what happens here and never for time
to pass. It implements what the contract says of the wire, strictly: unknown sessions, sessions that an
`initialize` brings along, missing or wrong version headers and crossed authorization are refused. It does not
imitate routing to microVMs, cold starts or quotas.

What went wrong on the wire without an own answer stands in `complaints`; the fixture asserts that it is empty.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import quote, urlsplit

from skerry.wire import eras, jsonrpc
from tests.kit import agentcore_doors as doors
from tests.kit.agentcore_refusals import LOST, aws_error
from tests.kit.agentcore_tools import TOOLS, Call, Json, listing
from tests.kit.http_peer import Exchange, HttpPeer, Request
from tests.kit.news import News

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/desk-abcdefghij"
GATEWAY = "desk-0123456789"
KEY_ID, SECRET = "AKIAPROXYTESTSAAAAAA", doors.SECRET
RUNTIME_SESSION = "x-amzn-bedrock-agentcore-runtime-session-id"

Fault = Callable[[Call], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One MCP message as it came, with the HTTP request that carried it."""

    request: Request
    message: Json

    @property
    def method(self) -> str:
        """The method; `<response>` for an answer of the client, `<GET>` and `<DELETE>` for these."""
        return str(self.message.get("method", "<response>"))

    @property
    def headers(self) -> dict[str, str]:
        return self.request.headers


@dataclass
class AgentCore:
    """The server. `era` is what it speaks, `sessions` whether the legacy era needs a session.

    `auth`: `any`, `sigv4` (the keys in `keys`), `bearer` (the tokens in `tokens`). `page` is the number of tools
    on a page of the list. `json_bodies` answers plain results as JSON instead of an event stream; `get_stream`
    offers a stream for messages outside calls. `runs` counts executions by tool; `caller` is whom STS
    sees in any key.
    """

    era: Literal["legacy", "modern", "dual"] = "legacy"
    sessions: bool = True
    auth: Literal["any", "sigv4", "bearer"] = "any"
    json_bodies: bool = False
    get_stream: bool = True
    page: int = 1000
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    version: str = "2025-11-25"
    keys: dict[str, str] = field(default_factory=lambda: {KEY_ID: SECRET})
    expired: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    seen: list[Seen] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)
    hung_up: list[str] = field(default_factory=list)
    sts: list[Json] = field(default_factory=list)
    grants: list[Json] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    live: dict[str, str] = field(default_factory=dict)
    conversations: dict[str, Any] = field(default_factory=dict)
    meeting: int = 0
    lost: str = "404"
    arn: str = ARN
    caller: str = "arn:aws:iam::123456789012:user/caller"

    def __post_init__(self) -> None:
        self.peer = HttpPeer(self._handle, tls=self.tls, host=self.host)
        self._gates: dict[str, asyncio.Event] = {}
        self.news = News()
        self._counts: Counter[str] = Counter()
        self._questions: dict[str, asyncio.Future[Json]] = {}
        self._streams: list[tuple[Call, Any]] = []
        self._faults: dict[str, list[Fault]] = {}

    async def __aenter__(self) -> Self:
        await self.peer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.peer.stop()

    @property
    def url(self) -> str:
        """The base URL: what `--endpoint-url` takes."""
        return self.peer.url

    @property
    def mcp_url(self) -> str:
        return f"{self.url}/mcp"

    @property
    def invoke_url(self) -> str:
        return f"{self.url}/runtimes/{quote(self.arn, safe='')}/invocations?qualifier=DEFAULT"

    # What a test does and waits for

    def gate(self, name: str) -> asyncio.Event:
        """A gate by name; tools wait for it."""
        return self._gates.setdefault(name, asyncio.Event())

    def next(self, method: str, *faults: Fault) -> None:
        """The next requests of `method` are answered by these, one each, instead of by the server."""
        self._faults.setdefault(method, []).extend(faults)

    def forget(self, form: str = "404") -> None:
        """Every session is lost from now on, and `form` (see `LOST`) is how requests learn of it."""
        assert form in LOST
        self.lost = form
        self.live = dict.fromkeys(self.live, "lost")
        if not self.sessions:
            self.live[""] = "lost"

    async def push(self, message: Json) -> None:
        """Sends a message on every open GET stream or subscription."""
        for call, subscription in list(self._streams):
            if subscription is None:
                await call.emit(message)
            else:
                meta = {eras.META_SUBSCRIPTION_ID: subscription}
                await call.emit({**message, "params": {**message.get("params", {}), "_meta": meta}})

    @property
    def streams(self) -> list[Call]:
        """The GET streams and subscriptions that are open."""
        return [call for call, _ in self._streams]

    def all(self, method: str) -> list[Seen]:
        """The messages of a method, in order."""
        return [item for item in self.seen if item.method == method]

    async def saw(self, method: str, count: int = 1) -> Seen:
        """Waits for the `count`-th message of a method, and gives it."""
        await self.until(lambda: len(self.all(method)) >= count, f"{count} x {method}")
        return self.all(method)[count - 1]

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Waits until something holds here."""
        await self.news.until(
            holds, lambda: f"the server waits for {what}; it saw {[item.method for item in self.seen]}"
        )

    async def listening(self) -> None:
        """Waits for a GET stream or subscription."""
        await self.until(lambda: bool(self._streams), "a stream for messages outside calls")

    # For the tools

    def expect(self, identifier: Any) -> asyncio.Future[Json]:
        """The client's response to the request of this id."""
        future = self._questions[json.dumps(identifier)] = asyncio.get_running_loop().create_future()
        return future

    def count_of(self, name: str) -> int:
        """How often this was asked for, this time included."""
        self._counts[name] += 1
        return self._counts[name]

    # HTTP

    async def _handle(self, exchange: Exchange) -> None:
        request, path = exchange.request, urlsplit(exchange.request.target).path
        if path == "/" and request.method == "POST":
            await doors.sts(self, exchange)
        elif path == "/oauth/token":
            await doors.token(self, exchange)
        elif path == "/.well-known/openid-configuration":
            found = {"issuer": self.url, "token_endpoint": f"{self.url}/oauth/token"}
            await exchange.answer(200, json.dumps(found).encode())
        elif path == "/mcp" or path.endswith(("/invocations", "/mcp")):
            if await doors.admitted(self, exchange):
                await self._mcp(exchange)
        else:
            self.complaints.append(f"{request.method} {request.target}")
            await aws_error(exchange, 404)

    def note(self, request: Request) -> Json:
        """Writes a request down; what is no message is a complaint."""
        if request.method != "POST":
            message: Json = {"method": f"<{request.method}>"}
        else:
            try:
                message = json.loads(request.body)
                assert isinstance(message, dict)
            except (ValueError, AssertionError):
                self.complaints.append(f"no message: {request.body[:80]!r}")
                message = {"method": "<bad>"}
        self.seen.append(Seen(request, message))
        self.news()
        return message

    async def _mcp(self, exchange: Exchange) -> None:
        request = exchange.request
        message = self.note(request)
        session = {RUNTIME_SESSION: request.headers.get(RUNTIME_SESSION, "minted-by-the-fake-" + "0" * 20)}
        call = Call(self, exchange, message, session if "/runtimes/" in request.target else {})
        faults = self._faults.get(message.get("method", "<response>"))
        if faults:
            await faults.pop(0)(call)
        else:
            await self.serve(call)

    async def serve(self, call: Call) -> None:
        """What this server does with a message when no fault is in its way; a fault may go on with it."""
        if self._is_modern(call.exchange.request, call.message):
            await self._modern(call)
        else:
            await self._legacy(call)

    def _is_modern(self, request: Request, message: Json) -> bool:
        if self.era != "dual":
            return self.era == "modern"
        return request.headers.get("mcp-protocol-version") in eras.MODERN_VERSIONS

    # 2026-07-28

    async def _modern(self, call: Call) -> None:
        request, message = call.exchange.request, call.message
        if request.method != "POST":
            await call.exchange.answer(405, b"", {"allow": "POST"})
            return
        envelope = jsonrpc.parse(request.body)
        if envelope.kind != "request":
            # A modern client sends neither notifications nor responses over HTTP.
            self.complaints.append(f"a modern server got a {envelope.kind} {envelope.method}")
            await call.exchange.answer(202)
            return
        supported = list(eras.MODERN_VERSIONS)
        if envelope.method == "initialize":
            data = {"supported": supported, "requested": envelope.params.get("protocolVersion")}
            await call.error(eras.UNSUPPORTED_VERSION, "no handshake here", data, status=400)
            return
        violation = eras.modern_violation(request.headers, envelope, supported)
        if violation is not None:
            await call.error(violation.code, violation.message, dict(violation.data), status=violation.status)
        elif envelope.method == "server/discover":
            await call.result({"supportedVersions": supported, "capabilities": _capabilities()}, form="json")
        elif envelope.method == "subscriptions/listen":
            await self._listen(call)
        elif envelope.method in eras.REMOVED:
            await call.error(-32601, "Method not found", status=404)
        else:
            await self._method(call, message)

    async def _listen(self, call: Call) -> None:
        identifier = call.message["id"]
        await call.emit(
            {
                "jsonrpc": "2.0",
                "method": "notifications/subscriptions/acknowledged",
                "params": {
                    "notifications": call.params.get("notifications", {}),
                    "_meta": {eras.META_SUBSCRIPTION_ID: identifier},
                },
            }
        )
        await self._hold(call, identifier)

    async def _hold(self, call: Call, subscription: Any) -> None:
        entry = (call, subscription)
        self._streams.append(entry)
        self.news()
        try:
            await call.exchange.gone.wait()
        finally:
            self._streams.remove(entry)
            self.news()

    # Up to 2025-11-25

    async def _legacy(self, call: Call) -> None:
        request, message, exchange = call.exchange.request, call.message, call.exchange
        session = request.headers.get("mcp-session-id")
        version = request.headers.get("mcp-protocol-version")
        method = message.get("method")
        if version in eras.MODERN_VERSIONS:
            text = f"Bad Request: Unsupported protocol version: {version}"
            await exchange.answer(400, json.dumps(_failure(None, -32600, text)).encode())
        elif method == "initialize":
            await self._initialize(call, session)
        elif self.sessions and session is None:
            await exchange.answer(
                400, json.dumps(_failure(None, -32600, "Bad Request: Missing session ID")).encode()
            )
        elif self.sessions and session not in self.live:
            await self._gone(call, "404")
        elif self.live.get((session or "") if self.sessions else "") == "lost" and not (
            self.lost == "handshake" and method in ("ping", "<GET>")
        ):
            await self._gone(call, self.lost)
        elif version != self.version:
            self.complaints.append(f"{method} came with MCP-Protocol-Version {version}")
            text = f"Bad Request: Unsupported protocol version: {version}"
            await exchange.answer(400, json.dumps(_failure(None, -32600, text)).encode())
        elif request.method == "DELETE":
            self.live.pop(session or "", None)
            await exchange.answer(200)
        elif request.method == "GET":
            await self._get(call)
        elif "id" not in message or method is None:
            await self._taken(call, session)
        elif method != "ping" and self.live.get(session or "", "ready") != "ready":
            status, error = LOST["handshake"]
            await call.answer({"error": error}, status=status)
        else:
            await self._method(call, message)

    async def _initialize(self, call: Call, session: str | None) -> None:
        if session is not None:
            self.complaints.append("initialize came with an Mcp-Session-Id")
            error = _failure(None, -32600, "Session not found")
            await call.exchange.answer(404, json.dumps(error).encode())
            return
        asked = call.params.get("protocolVersion")
        self.version = asked if asked in eras.LEGACY_VERSIONS else eras.LEGACY_VERSIONS[-1]
        self.live.pop("", None)
        if self.sessions:
            made = uuid.uuid4().hex
            self.live[made] = "new"
            call.headers = {**call.headers, "mcp-session-id": made}
        result = {
            "protocolVersion": self.version,
            "capabilities": _capabilities(),
            "serverInfo": {"name": "fake", "version": "1"},
        }
        await call.answer({"result": result})

    async def _gone(self, call: Call, form: str) -> None:
        status, error = LOST[form]
        if not error:
            await call.exchange.answer(status, b"", {"content-type": "text/plain"})
        elif status == 200:
            await call.answer({"error": error}, status=status)
        else:
            body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
            await call.exchange.answer(status, body)

    async def _get(self, call: Call) -> None:
        if not self.get_stream:
            await call.exchange.answer(405, b"", {"allow": "POST"})
            return
        await call.begin()
        await self._hold(call, None)

    async def _taken(self, call: Call, session: str | None) -> None:
        """A notification or response of the client."""
        message = call.message
        if message.get("method") == "notifications/initialized" and session in self.live:
            self.live[session] = "ready"
        elif "method" not in message:
            future = self._questions.pop(json.dumps(message.get("id")), None)
            if future is not None and not future.done():
                future.set_result(message)
            else:
                self.complaints.append(f"a response to nothing: {message}")
        await call.exchange.answer(202, b"", call.headers)

    # Both eras

    async def _method(self, call: Call, message: Json) -> None:
        method = message["method"]
        if method == "tools/call":
            await self._tool(call)
        elif method == "tools/list":
            await self._list(call)
        elif method in ("ping", "logging/setLevel", "resources/subscribe"):
            await call.result({})
        elif method == "resources/read":
            await call.error(-32002 if not call.modern else -32602, "Resource not found")
        else:
            await call.error(-32601, "Method not found", status=404 if call.modern else 200)

    async def _tool(self, call: Call) -> None:
        name = call.params.get("name", "")
        if name not in TOOLS:
            await call.error(-32602, f"Unknown tool: {name}")
            return
        self.runs[name] += 1
        self.news()
        await TOOLS[name][0](call)

    async def _list(self, call: Call) -> None:
        start = int(call.params.get("cursor", 0))
        found: Json = {"tools": listing()[start : start + self.page]}
        if start + self.page < len(TOOLS):
            found["nextCursor"] = str(start + self.page)
        await call.result(found)


def _capabilities() -> Json:
    return {"tools": {"listChanged": True}, "logging": {}, "resources": {}}


def _failure(identifier: Any, code: int, message: str) -> Json:
    return {"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": message}}
