"""A fake of the AgentCore Runtime data plane, with STS: a legacy MCP server that misbehaves on demand.

POST /runtimes/<quoted arn>/invocations   an MCP server; the signature is not checked
POST /mcp                                 the same server, direct
POST /                                    STS: GetCallerIdentity, AssumeRole
GET  /__stats   GET /__reset              counters
GET  /__set?json=1&lost=handshake&sts_delay=0.3&bearer=TOKEN&key=AKIA...

--json           plain results as application/json instead of text/event-stream
json=1           the same, from now on
lost=handshake   every request but initialize and ping gets the -32602 with which the Python SDK answers a
                 session without a handshake, until the next initialize
lost=runtime     the same, with the -32010 in HTTP 200 by which AgentCore Runtime reports that the container
                 answered 404; lost=none ends either
bearer=TOKEN     401 for every other bearer token; key=ID: 403 ExpiredTokenException for every other key id

It does not imitate AgentCore's session routing, throttling, cold start or network latency.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from bench.proxy.fakes.asgi import (
    STREAM,
    Json,
    Receive,
    Send,
    arguments,
    body_of,
    gone,
    head,
    header_map,
    lifespan,
    listing,
    piece,
    result,
    rpc_error,
    serve,
    text_result,
    whole,
)
from bench.proxy.fakes.sts import sts

RUNTIME_SESSION = "x-amzn-bedrock-agentcore-runtime-session-id"
ERRORS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    409: "RetryableConflictException",
    424: "RuntimeClientError",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
LOST = {
    "handshake": (-32602, "Invalid request parameters", ""),
    "runtime": (
        -32010,
        "Received error (404) from runtime. Please check your CloudWatch logs for more information.",
        None,
    ),
}
TOOLS = {
    "echo": "text back; as=sse|json|pretty picks the body",
    "slow": "sleep for `seconds`",
    "big": "`n` bytes",
    "progress": "`n` progress notifications, one per `interval`; each says when it was sent",
    "notify": "a log message and tools/list_changed before the result",
    "sample": "sampling request to the client; same_id=true reuses the id of the call",
    "elicit": "elicitation request to the client",
    "fail": "HTTP `status`; with `once`, only the first time that key is seen",
    "rpcerror": "JSON-RPC error `code`",
    "drop": "end the stream without a result",
}
ANSWER_WITHIN = 8.0  # seconds that a request of the server waits


def zero() -> Json:
    numbers = (
        "posts",
        "gets",
        "deletes",
        "signed",
        "sts",
        "replies",
        "inflight",
        "max_inflight",
        "cancelled_notifications",
        "client_disconnects",
    )
    tables = (
        "methods",
        "executions",
        "auth",
        "runtime_sessions",
        "mcp_sessions",
        "protocol_versions",
        "last_headers",
    )
    return dict.fromkeys(numbers, 0) | {name: {} for name in tables}


@dataclass
class State:
    as_json: bool = False
    lost: str = "none"
    sts_delay: float = 0.0
    bearer: str = ""
    key: str = ""
    stats: Json = field(default_factory=zero)
    pending: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def count(self, table: str, key: str) -> None:
        counts = self.stats[table]
        if key in counts or len(counts) < 50:
            counts[key] = counts.get(key, 0) + 1

    def note(self, headers: dict[str, str]) -> None:
        stats = self.stats
        stats["posts"] += 1
        stats["last_headers"] = {name: value for name, value in headers.items() if name != "authorization"}
        scheme = headers.get("authorization", "-").split(" ", 1)[0]
        self.count("auth", scheme)
        stats["signed"] += scheme.startswith("AWS4-")
        self.count("runtime_sessions", headers.get(RUNTIME_SESSION, "-"))
        self.count("mcp_sessions", headers.get("mcp-session-id", "-"))
        self.count("protocol_versions", headers.get("mcp-protocol-version", "-"))

    def refusal(self, headers: dict[str, str]) -> tuple[int, str, str] | None:
        """Status, type and text for a caller whose token or key is not the one that is good now."""
        shown = headers.get("authorization", "")
        if self.bearer and shown != f"Bearer {self.bearer}":
            return 401, "UnauthorizedException", "The token is expired or unknown."
        if self.key and not re.search(rf"Credential={re.escape(self.key)}/", shown):
            text = "The security token included in the request is expired"
            return 403, "ExpiredTokenException", text
        return None


class Server:
    """The MCP server itself."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def __call__(self, scope: Json, receive: Receive, send: Send) -> None:
        stats = self.state.stats
        headers = header_map(scope)
        if scope["method"] == "GET":
            stats["gets"] += 1
            return await whole(send, 405, {"error": "no GET stream"})
        if scope["method"] == "DELETE":
            stats["deletes"] += 1
            return await whole(send, 200, {})
        body = await body_of(receive)
        self.state.note(headers)
        session = {RUNTIME_SESSION: headers.get(RUNTIME_SESSION, "none-" + "0" * 33)}
        if refused := self.state.refusal(headers):
            status, kind, text = refused
            extra = {"x-amzn-errortype": kind} | (
                {"www-authenticate": 'Bearer error="invalid_token"'} if status == 401 else {}
            )
            return await whole(send, status, {"message": text, "__type": kind}, extra)
        try:
            message = json.loads(body)
        except ValueError:
            return await whole(send, 400, rpc_error(None, -32700, "parse error"))
        if not isinstance(message, dict):
            return await whole(send, 400, rpc_error(None, -32600, "not a single message"))
        await self.take(message, headers, session, receive, send)
        return None

    async def take(
        self, message: Json, headers: dict[str, str], session: dict[str, str], receive: Receive, send: Send
    ) -> None:
        stats, method, ident = self.state.stats, message.get("method"), message.get("id")
        self.state.count("methods", method or "<reply>")
        if method is None:
            stats["replies"] += 1
            waiting = self.state.pending.pop(str(ident), None)
            if waiting and not waiting.done():
                waiting.set_result(message)
            return await whole(send, 202, headers=session)
        if ident is None:
            stats["cancelled_notifications"] += method == "notifications/cancelled"
            return await whole(send, 202, headers=session)
        if method == "initialize":
            self.state.lost = "none"
            session["mcp-session-id"] = headers.get("mcp-session-id") or uuid.uuid4().hex
        elif self.state.lost != "none" and method != "ping":
            return await self.answer(send, rpc_error(ident, *LOST[self.state.lost]), session)
        if method == "tools/call":
            return await self.tool(message, session, receive, send)
        await self.answer(send, self.simple(message), session)
        return None

    @staticmethod
    def simple(message: Json) -> Json:
        ident, method = message["id"], message["method"]
        if method == "initialize":
            version = message.get("params", {}).get("protocolVersion", "2025-06-18")
            capabilities: Json = {"tools": {"listChanged": True}, "logging": {}}
            info = {"name": "fake", "version": "1"}
            return result(
                ident, {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info}
            )
        if method == "ping":
            return result(ident, {})
        if method == "tools/list":
            return result(ident, {"tools": listing(TOOLS)})
        return rpc_error(ident, -32601, "Method not found")

    async def answer(
        self, send: Send, message: Json, session: dict[str, str], form: str | None = None
    ) -> None:
        form = form or ("json" if self.state.as_json else "sse")
        if form == "sse":
            await head(send, 200, STREAM | session)
            await piece(send, message)
            await send({"type": "http.response.body", "body": b""})
        else:
            body = json.dumps(message, indent=2 if form == "pretty" else None).encode()
            await whole(send, 200, body, session)

    async def tool(self, message: Json, session: dict[str, str], receive: Receive, send: Send) -> None:
        stats, name = self.state.stats, message["params"]["name"]
        self.state.count("executions", name)
        stats["inflight"] += 1
        stats["max_inflight"] = max(stats["max_inflight"], stats["inflight"])
        try:
            if name in ("drop", "progress", "notify", "sample", "elicit"):
                await self.stream(name, message, session, send)
            elif name == "fail":
                await self.fail(message, session, send)
            else:
                await self.plain(name, message, session, receive, send)
        finally:
            stats["inflight"] -= 1

    async def plain(
        self, name: str, message: Json, session: dict[str, str], receive: Receive, send: Send
    ) -> None:
        ident, given = message["id"], message["params"].get("arguments") or {}
        form = given.get("as")
        if name == "echo":
            await self.answer(send, text_result(ident, given.get("text", "")), session, form)
        elif name == "big":
            await self.answer(send, text_result(ident, "x" * int(given["n"])), session, form)
        elif name == "rpcerror":
            problem = rpc_error(ident, int(given["code"]), "a genuine error of the tool")
            await self.answer(send, problem, session, form)
        elif name == "slow":
            if await self.sleep_unless_gone(float(given.get("seconds", 1)), receive):
                await self.answer(send, text_result(ident, "slept"), session, form)
        else:
            await self.answer(send, rpc_error(ident, -32602, f"Unknown tool: {name}"), session, form)

    async def fail(self, message: Json, session: dict[str, str], send: Send) -> None:
        given = message["params"].get("arguments") or {}
        once = given.get("once")
        if once and once in self.state.seen:
            return await self.answer(send, text_result(message["id"], "recovered"), session)
        if once:
            self.state.seen.add(once)
        status = int(given.get("status", 500))
        kind = ERRORS.get(status, "InternalServerException")
        extra = {"x-amzn-errortype": kind, "x-amzn-requestid": "req-1"}
        await whole(send, status, {"message": f"fake {kind}", "__type": kind}, extra)
        return None

    async def sleep_unless_gone(self, seconds: float, receive: Receive) -> bool:
        """False when the HTTP client went away before the time was over."""
        watch = asyncio.ensure_future(gone(receive))
        try:
            await asyncio.wait([watch], timeout=seconds)
            self.state.stats["client_disconnects"] += watch.done()
            return not watch.done()
        finally:
            watch.cancel()

    async def stream(self, name: str, message: Json, session: dict[str, str], send: Send) -> None:
        ident, params = message["id"], message["params"]
        given = params.get("arguments") or {}
        await head(send, 200, STREAM | session)
        if name == "drop":
            return await send({"type": "http.response.body", "body": b": bye\n\n"})
        text = "done"
        if name == "progress":
            token = (params.get("_meta") or {}).get("progressToken", ident)
            total = int(given.get("n", 5))
            for step in range(total):
                values = {"progressToken": token, "progress": step + 1, "total": total}
                values["message"] = repr(time.monotonic())
                await piece(send, {"jsonrpc": "2.0", "method": "notifications/progress", "params": values})
                await asyncio.sleep(float(given.get("interval", 0.2)))
        elif name == "notify":
            log = {"level": "info", "data": "log"}
            await piece(send, {"jsonrpc": "2.0", "method": "notifications/message", "params": log})
            await piece(send, {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
        else:
            own = ident if given.get("same_id") else "srv-" + uuid.uuid4().hex[:8]
            text = await self.ask_client(name, own, send)
        await piece(send, text_result(ident, text))
        await send({"type": "http.response.body", "body": b""})
        return None

    async def ask_client(self, name: str, ident: Any, send: Send) -> str:
        future = self.state.pending[str(ident)] = asyncio.get_running_loop().create_future()
        params: Json
        if name == "sample":
            method = "sampling/createMessage"
            prompt = {"role": "user", "content": {"type": "text", "text": "hi"}}
            params = {"messages": [prompt], "maxTokens": 10}
        else:
            method = "elicitation/create"
            schema = {"type": "object", "properties": {"name": {"type": "string"}}}
            params = {"message": "name?", "requestedSchema": schema}
        await piece(send, {"jsonrpc": "2.0", "id": ident, "method": method, "params": params})
        try:
            answer = await asyncio.wait_for(future, ANSWER_WITHIN)
        except TimeoutError:
            return f"NO ANSWER within {ANSWER_WITHIN:g} s"
        if "result" in answer:
            return "answered " + json.dumps(answer["result"])
        return "refused " + json.dumps(answer.get("error"))


def application(state: State) -> Any:
    server = Server(state)

    async def control(path: str, scope: Json, send: Send) -> None:
        if path == "/__reset":
            state.stats = zero()
        elif path == "/__set":
            text = scope["query_string"].decode()
            query = {name: each[0] for name, each in parse_qs(text, keep_blank_values=True).items()}
            state.as_json = query.get("json", str(int(state.as_json))) == "1"
            state.lost = query.get("lost", state.lost)
            state.sts_delay = float(query.get("sts_delay", state.sts_delay))
            state.bearer, state.key = query.get("bearer", state.bearer), query.get("key", state.key)
        await whole(send, 200, state.stats)

    async def app(scope: Json, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await lifespan(receive, send)
        path = scope["path"]
        if path.startswith("/__"):
            return await control(path, scope, send)
        if path == "/":
            state.stats["sts"] += 1
            return await sts(state.sts_delay, receive, send)
        if path == "/mcp" or path.startswith("/runtimes/"):
            return await server(scope, receive, send)
        await whole(send, 404, {"message": path})
        return None

    return app


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    serve(application(State(as_json=options.json)), options.port)
