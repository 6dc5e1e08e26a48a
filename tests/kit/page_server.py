"""An MCP server whose tool `sign_in` needs a page, in the way that a test wants; what it is told, it notes.

    with page_server("legacy") as server:
        server.way = "error"          # -32042 · "ask": elicitation/create on the open call
        httpx2.get(server.page)       # somebody does what the page asks: the sessions that asked are told

A client of 2026-07-28 gets `input_required`, whatever the way.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.middleware import Middleware
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse

from tests.kit.asgi_thread import serve
from tests.kit.mcp_backends import refusing_modern

MESSAGE = "Sign in at the bank."
ELICITATION = "e-1"


@dataclass
class PageServer:
    """The server. `actions` are the answers it got, `ran` counts calls that went through; `listening` is set when
    somebody opens a stream for what belongs to no call."""

    url: str = ""
    page: str = ""
    way: str = "error"
    opened: bool = False
    ran: int = 0
    actions: list[str] = field(default_factory=list)
    sessions: list[Any] = field(default_factory=list)
    listening: threading.Event = field(default_factory=threading.Event)

    def question(self, **more: Any) -> types.ElicitRequestURLParams:
        return types.ElicitRequestURLParams(message=MESSAGE, url=self.page, **more)


class _PageFirstError(ToolError):
    pass


class _Required(Middleware):
    def __init__(self, server: PageServer) -> None:
        self._server = server

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        try:
            return await call_next(context)
        except _PageFirstError:
            page = self._server.question(elicitation_id=ELICITATION)
            raise UrlElicitationRequiredError([page], "A page first.") from None


def tools(server: PageServer) -> FastMCP:
    """The server's tool and its page."""
    mcp: FastMCP = FastMCP("pages")
    mcp.add_middleware(_Required(server))

    @mcp.tool
    async def sign_in(ctx: Context) -> str | types.InputRequiredResult:
        """Needs the page."""
        request = ctx.request_context
        if request is not None and request.protocol_version in MODERN_PROTOCOL_VERSIONS:
            answer: Any = (ctx.input_responses or {}).get("page")
            if answer is None:
                asked = {"page": types.ElicitRequest(params=server.question())}
                return types.InputRequiredResult(input_requests=asked, request_state="waiting")
            server.actions.append(answer.action)
        elif server.way == "ask":
            reply = await ctx.session.elicit_url(
                MESSAGE, server.page, ELICITATION, related_request_id=ctx.request_id
            )
            server.actions.append(reply.action)
        elif not server.opened:
            server.sessions.append(ctx.session)
            raise _PageFirstError("a page first")
        if not server.opened:
            return "not signed in"
        server.ran += 1
        return "signed in"

    @mcp.custom_route("/page", methods=["GET"])
    async def page(_: Request) -> PlainTextResponse:
        server.opened = True
        for session in server.sessions:
            await session.send_elicit_complete(ELICITATION)
        return PlainTextResponse("done")

    return mcp


def _noting_streams(app: Any, server: PageServer) -> Any:
    async def noted(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            await send(message)
            if scope.get("method") == "GET" and message["type"] == "http.response.start":
                server.listening.set()

        await app(scope, receive, sent)

    return noted


def _refusing_legacy(app: Any) -> Any:
    """The application as one of 2026-07-28 alone: it knows no handshake."""

    async def modern(scope: Any, receive: Any, send: Any) -> None:
        version = Headers(scope=scope).get("mcp-protocol-version") if scope["type"] == "http" else ""
        if scope["type"] != "http" or version in MODERN_PROTOCOL_VERSIONS or scope["path"] != "/mcp":
            await app(scope, receive, send)
            return
        data = {"supported": list(MODERN_PROTOCOL_VERSIONS), "requested": version or ""}
        error = {"code": -32022, "message": "Unsupported protocol version", "data": data}
        refused = JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 400)
        await refused(scope, receive, send)

    return modern


@contextlib.contextmanager
def page_server(era: str) -> Iterator[PageServer]:
    """The server on a real socket; it knows one era, `legacy` or `modern`, alone."""
    server = PageServer()
    only = refusing_modern if era == "legacy" else _refusing_legacy
    app = _noting_streams(tools(server).http_app(path="/mcp"), server)
    with serve(only(app)) as url:
        server.url, server.page = f"{url}/mcp", f"{url}/page"
        yield server
