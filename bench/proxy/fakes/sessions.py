"""A stateful legacy MCP server behind the /runtimes path and /mcp, as native stateful servers behave.

It knows only the sessions that it opened itself: a request without a session id gets 400, one with an
unknown id gets 404, and restarting it is how a session is lost. Tools: echo, ask (elicitation), think
(sampling), prog (progress), changed (a list change on the GET stream). GET /__stats lists
[method, Mcp-Session-Id, status] of every request.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

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

TOOLS = {
    "echo": "text back",
    "ask": "elicitation",
    "think": "sampling",
    "prog": "progress",
    "changed": "a list change on the GET stream",
}


@dataclass
class Session:
    ready: bool = False
    pending: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    listener: Send | None = None
    count: int = 0


class Server:
    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.log: list[list[Any]] = []

    async def __call__(self, scope: Json, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await lifespan(receive, send)
        if scope["path"] == "/__stats":
            return await whole(send, 200, self.log)
        headers = header_map(scope)
        ident = headers.get("mcp-session-id")

        async def noting(message: Json) -> None:
            if message["type"] == "http.response.start":
                self.log.append([scope["method"], ident, message["status"]])
            await send(message)

        if scope["path"] != "/mcp" and not scope["path"].startswith("/runtimes/"):
            return await whole(noting, 404, {"message": scope["path"]})
        if scope["method"] == "POST":
            return await self.post(ident, await body_of(receive), noting)
        session = self.sessions.get(ident or "")
        if session is None:
            return await self.unknown(ident, noting)
        if scope["method"] == "DELETE":
            del self.sessions[ident or ""]
            return await whole(noting, 200)
        session.listener = noting
        await head(noting, 200, STREAM)
        await noting({"type": "http.response.body", "body": b": open\n\n", "more_body": True})
        await gone(receive)
        if session.listener is noting:
            session.listener = None
        return None

    @staticmethod
    async def unknown(ident: str | None, send: Send) -> None:
        if ident is None:
            return await whole(send, 400, rpc_error(None, -32600, "Bad Request: Missing session ID"))
        await whole(send, 404, rpc_error(None, -32600, "Session not found"))
        return None

    async def post(self, given: str | None, body: bytes, send: Send) -> None:
        try:
            message = json.loads(body)
        except ValueError:
            return await whole(send, 400, rpc_error(None, -32700, "Parse error"))
        method, ident = message.get("method"), message.get("id")
        if method == "initialize" and given is None:
            name = uuid.uuid4().hex
            self.sessions[name] = Session()
            members = {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "stateful", "version": "1"},
            }
            return await self.say(send, result(ident, members), {"mcp-session-id": name})
        session = self.sessions.get(given or "")
        if session is None:
            return await self.unknown(given, send)
        if method is None:
            waiting = session.pending.pop(str(ident), None)
            if waiting and not waiting.done():
                waiting.set_result(message)
            return await whole(send, 202)
        if ident is None:
            session.ready = session.ready or method == "notifications/initialized"
            return await whole(send, 202)
        if method == "ping":
            return await self.say(send, result(ident, {}))
        if not session.ready:
            return await self.say(send, rpc_error(ident, -32602, "Invalid request parameters", ""))
        if method == "tools/list":
            return await self.say(send, result(ident, {"tools": listing(TOOLS)}))
        if method == "tools/call":
            return await self.tool(session, message, send)
        await self.say(send, rpc_error(ident, -32601, "Method not found"))
        return None

    @staticmethod
    async def say(send: Send, message: Json, headers: dict[str, str] | None = None) -> None:
        await head(send, 200, STREAM | (headers or {}))
        await piece(send, message)
        await send({"type": "http.response.body", "body": b""})

    async def tool(self, session: Session, message: Json, send: Send) -> None:
        ident, params = message["id"], message["params"]
        name = params["name"]
        await head(send, 200, STREAM)
        text = "done"
        if name == "echo":
            text = params["arguments"]["text"]
        elif name == "ask":
            schema = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
            given = {"message": "name?", "requestedSchema": schema}
            answer = await self.request(session, send, "elicitation/create", given)
            text = f"{answer.get('action')}:{(answer.get('content') or {}).get('value')}"
        elif name == "think":
            prompt = {"role": "user", "content": {"type": "text", "text": "hi"}}
            given = {"messages": [prompt], "maxTokens": 10}
            answer = await self.request(session, send, "sampling/createMessage", given)
            text = str((answer.get("content") or {}).get("text"))
        elif name == "prog":
            token = (params.get("_meta") or {}).get("progressToken")
            for step in (1, 2, 3):
                values = {"progressToken": token, "progress": step, "total": 3}
                await piece(send, {"jsonrpc": "2.0", "method": "notifications/progress", "params": values})
                await asyncio.sleep(0.2)
        elif name == "changed" and session.listener:
            await piece(session.listener, {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
        await piece(send, text_result(ident, text))
        await send({"type": "http.response.body", "body": b""})

    @staticmethod
    async def request(session: Session, send: Send, method: str, params: Json) -> Json:
        """Asks the client on the stream of its call; the members of its result, or an empty object."""
        session.count += 1
        future = session.pending[str(session.count)] = asyncio.get_running_loop().create_future()
        await piece(send, {"jsonrpc": "2.0", "id": session.count, "method": method, "params": params})
        try:
            answer: Json = (await asyncio.wait_for(future, 8)).get("result") or {}
        except TimeoutError:
            return {}
        return answer


if __name__ == "__main__":
    serve(Server(), arguments(__doc__).parse_args().port)
