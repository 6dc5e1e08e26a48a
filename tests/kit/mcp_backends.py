"""MCP servers behind a gateway: real FastMCP ones that note what reaches them, and a strict legacy one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import mcp_types
from fastmcp import Context, FastMCP
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel

from tests.kit.asgi_thread import serve
from tests.kit.reference.server import application, reference_server


class Confirm(BaseModel):
    confirm: bool


@dataclass
class Seen:
    """One request as the server got it; header names in lower case."""

    headers: dict[str, str]
    body: dict[str, Any]
    query: str

    @property
    def method(self) -> str:
        return str(self.body.get("method", ""))


@dataclass
class Backend:
    """A running server. `seen` are its requests, `emails` its data."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    emails: dict[str, str] = field(default_factory=lambda: {"12345": "user@example.com"})
    entered: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    extra: dict[str, str] = field(default_factory=dict)
    refuse: tuple[int, bytes] | None = None

    def named(self, method: str) -> list[Seen]:
        return [item for item in self.seen if item.method == method]


def tools(backend: Backend) -> FastMCP:
    """The server: echo, an eliciting tool in both eras, one that hangs, progress, a prompt and resources."""
    mcp: FastMCP = FastMCP("backend")

    @mcp.tool(annotations={"readOnlyHint": True})
    def echo(text: str) -> str:
        """Echoes the text."""
        return text

    @mcp.tool
    def fail() -> str:
        """Fails."""
        raise ValueError("it failed")

    @mcp.tool
    async def change_email(
        account_id: str, new_email: str, ctx: Context
    ) -> str | mcp_types.InputRequiredResult:
        """Changes an address after asking."""
        question = f"Change the address of {account_id} to {new_email}?"
        request = ctx.request_context
        if request is not None and request.protocol_version in MODERN_PROTOCOL_VERSIONS:
            answer = (ctx.input_responses or {}).get("confirm")
            if answer is None:
                asked = mcp_types.ElicitRequestFormParams(
                    message=question, requested_schema=Confirm.model_json_schema()
                )
                return mcp_types.InputRequiredResult(
                    input_requests={"confirm": mcp_types.ElicitRequest(params=asked)}, request_state=new_email
                )
            if ctx.request_state != new_email:
                raise ValueError("the confirmation belongs to another request")
            agreed = answer.action == "accept" and bool((answer.content or {}).get("confirm"))
        else:
            reply = await ctx.elicit(question, Confirm)
            agreed = reply.action == "accept" and reply.data.confirm
        if not agreed:
            return "not changed"
        backend.emails[account_id] = new_email
        return f"changed to {new_email}"

    @mcp.tool
    async def hang() -> str:
        """Ends only when it is cancelled."""
        backend.entered.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            backend.left.set()
        return "never"

    @mcp.tool
    async def progress(ctx: Context) -> str:
        """Reports progress twice."""
        await ctx.report_progress(1, 2, "half")
        await ctx.report_progress(2, 2, "whole")
        return "done"

    @mcp.tool
    async def quiet() -> str:
        """Says nothing until `go` is set."""
        backend.entered.set()
        await asyncio.to_thread(backend.go.wait, 20)
        return "at last"

    @mcp.tool
    async def open_page(ctx: Context) -> str | mcp_types.InputRequiredResult:
        """Needs a page to be opened before it runs; in the modern era."""
        if (ctx.input_responses or {}).get("page") is None:
            page = mcp_types.ElicitRequestURLParams(
                message="Sign in.", url="https://page.example/1", elicitation_id="e1"
            )
            return mcp_types.InputRequiredResult(
                input_requests={"page": mcp_types.ElicitRequest(params=page)}, request_state="page-1"
            )
        return "signed in"

    @mcp.prompt
    def greet(name: str) -> str:
        """A greeting."""
        return f"Greet {name}."

    @mcp.resource("note://one")
    def note() -> str:
        """A note."""
        return "first note"

    @mcp.resource("note://by/{name}")
    def note_by(name: str) -> str:
        """A note by name."""
        return f"note {name}"

    return mcp


class _Front:
    """Notes every request; adds headers to answers; refuses when told to; hides the modern era if `legacy`."""

    def __init__(self, app: Any, backend: Backend, *, legacy: bool) -> None:
        self._app = app
        self._backend = backend
        self._legacy = legacy

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        content = json.loads(body) if body else {}
        self._backend.seen.append(Seen(headers, content, scope["query_string"].decode()))
        if self._backend.refuse is not None:
            await answer(send, *self._backend.refuse)
        elif self._legacy and headers.get("mcp-protocol-version") in MODERN_PROTOCOL_VERSIONS:
            error = {"code": -32600, "message": "Bad Request: unsupported protocol version"}
            failed = {"jsonrpc": "2.0", "id": None, "error": error}
            await answer(send, 400, json.dumps(failed).encode())
        else:
            await self._app(scope, _once(body, receive), self._adding(send))

    def _adding(self, send: Any) -> Any:
        async def add(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), value.encode()) for name, value in self._backend.extra.items()]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        return add


def refusing_modern(app: Any) -> Any:
    """The application as one that knows the handshake era only."""
    return _Front(app, Backend(), legacy=True)


def _once(body: bytes, receive: Any) -> Any:
    sent = False

    async def again() -> Any:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


async def answer(
    send: Any, status: int, body: bytes, headers: Any = (), kind: bytes = b"application/json"
) -> None:
    """One response."""
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), *headers]}
    )
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def fastmcp_backend(*, legacy: bool = False, stateless: bool = False) -> Iterator[Backend]:
    """A FastMCP server on a real socket; with `legacy` it knows the handshake era only."""
    backend = Backend()
    app = tools(backend).http_app(path="/mcp", stateless_http=stateless)
    with serve(_Front(app, backend, legacy=legacy)) as url:
        backend.url = f"{url}/mcp"
        yield backend


@contextlib.contextmanager
def reference_backend(*, legacy: bool = False) -> Iterator[Backend]:
    """The reference server of the conformance suite; with `legacy` it knows the handshake era only."""
    backend = Backend()
    with serve(_Front(application(reference_server()), backend, legacy=legacy)) as url:
        backend.url = f"{url}/mcp"
        yield backend


class StrictLegacy:
    """A hand-written server of 2025-06-18 with sessions: 400 without one, 404 for one it does not know.

    `forget` ends all sessions. `asks` makes a call begin with that request of the server, and `cut` end without
    an answer; with `hold` it goes on when the client has answered or `go` is set; `streams` lets a call be answered
    with an event stream of its result. `behave` decides about the next calls: `answer`, `drop` (the connection
    ends), `runtime404` (as a Runtime tells of a 404 of its server), `page` (a page must be opened first).
    `capabilities` are those that it declares.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, list[str]] = {}
        self.capabilities: dict[str, Any] = {"tools": {}}
        self.seen: list[Seen] = []
        self.ran = 0
        self.posted: list[dict[str, Any]] = []
        self.asks = ""
        self.behave: list[str] = []
        self.read_only = False
        self.cut = False
        self.streams = False
        self.hold = False
        self.go = threading.Event()
        self.answered = threading.Event()

    def forget(self) -> None:
        self.sessions.clear()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        content = json.loads(body)
        self.seen.append(Seen(headers, content, scope["query_string"].decode()))
        method, session = content.get("method"), headers.get("mcp-session-id", "")
        if method == "server/discover":
            await self._error(send, 400, -32600, "Missing session ID", None)
        elif method == "initialize":
            made = uuid.uuid4().hex
            self.sessions[made] = []
            result = {
                "protocolVersion": "2025-06-18",
                "capabilities": self.capabilities,
                "serverInfo": {"name": "strict", "version": "1"},
            }
            await self._result(send, content["id"], result, [(b"mcp-session-id", made.encode())])
        elif not session:
            await self._error(send, 400, -32600, "Missing session ID", None)
        elif session not in self.sessions:
            await self._error(send, 404, -32600, "Session not found", None)
        elif "id" not in content or method is None:
            self.posted.append(content)
            if method is None:
                self.answered.set()
                self.go.set()
            await answer(send, 202, b"")
        elif method == "tools/list":
            hints = {"readOnlyHint": True} if self.read_only else {}
            tool = {"name": "who", "inputSchema": {"type": "object"}, "annotations": hints}
            await self._result(send, content["id"], {"tools": [tool]})
        else:
            await self._call(send, content, session)

    async def _call(self, send: Any, content: dict[str, Any], session: str) -> None:
        how = self.behave.pop(0) if self.behave else "answer"
        if how == "runtime404":
            await self._error(send, 200, -32010, "Received error (404) from runtime.", content["id"])
            return
        if how == "page":
            page = {
                "mode": "url",
                "message": "Sign in.",
                "url": "https://page.example/1",
                "elicitationId": "e1",
            }
            error = {"code": -32042, "message": "Open the page.", "data": {"elicitations": [page]}}
            failed = {"jsonrpc": "2.0", "id": content["id"], "error": error}
            await answer(send, 200, json.dumps(failed).encode())
            return
        self.ran += 1
        if how == "drop":
            head = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            raise ConnectionResetError("dropped on purpose")
        result = {
            "jsonrpc": "2.0",
            "id": content["id"],
            "result": {"content": [{"type": "text", "text": session}]},
        }
        if self.streams:
            event = f"event: message\ndata: {json.dumps(result)}\n\n"
            await answer(send, 200, event.encode(), kind=b"text/event-stream")
            return
        if not self.asks:
            await answer(send, 200, json.dumps(result).encode())
            return
        asked = {"jsonrpc": "2.0", "id": "s1", "method": self.asks, "params": {}}
        note = {
            "jsonrpc": "2.0",
            "method": "notifications/message",
            "params": {"level": "info", "data": "hi"},
        }
        pieces = [
            f"event: message\ndata: {json.dumps(item)}\n\n".encode()
            for item in (asked, note, result)[: 2 if self.cut else 3]
        ]
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        if self.hold:
            await send({"type": "http.response.body", "body": pieces.pop(0), "more_body": True})
            await asyncio.to_thread(self.go.wait, 20)
            if self.cut:
                raise ConnectionResetError("dropped on purpose")
        await send({"type": "http.response.body", "body": b"".join(pieces)})

    async def _result(self, send: Any, identifier: Any, result: Any, headers: Any = ()) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": identifier, "result": result}).encode()
        await answer(send, 200, body, headers)

    async def _error(self, send: Any, status: int, code: int, text: str, identifier: Any) -> None:
        error = {"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": text}}
        await answer(send, status, json.dumps(error).encode())


@contextlib.contextmanager
def strict_legacy() -> Iterator[tuple[StrictLegacy, str]]:
    """The strict server on a real socket, and its URL."""
    server = StrictLegacy()
    with serve(server, lifespan="off") as url:
        yield server, f"{url}/mcp"
