"""A server of revision 2026-07-28 alone, behind the /runtimes path and /mcp.

It is stateless and strict: the headers must say what the body says (-32020), `_meta` must be complete, GET,
DELETE and `initialize` are refused. Tools: echo, ask (an `input_required` round with elicitation), think (the
same with sampling), slow. GET /__stats: requests by method, headers that were wrong, and calls whose client
closed the stream.
"""

from __future__ import annotations

import asyncio
import json
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
    whole,
)

VERSION = "2026-07-28"
META = "io.modelcontextprotocol/"
TOOLS = {"echo": "text back", "ask": "elicitation", "think": "sampling", "slow": "sleep for `seconds`"}
STATE = "state-of-the-first-round"
QUESTIONS = {
    "ask": (
        "elicitation",
        "elicitation/create",
        {
            "message": "name?",
            "requestedSchema": {"type": "object", "properties": {"value": {"type": "string"}}},
        },
    ),
    "think": (
        "sampling",
        "sampling/createMessage",
        {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}], "maxTokens": 10},
    ),
}


class Server:
    def __init__(self) -> None:
        self.stats: Json = {"methods": {}, "mismatches": 0, "cancelled": 0, "sessions": 0, "executions": {}}

    async def __call__(self, scope: Json, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await lifespan(receive, send)
        if scope["path"] == "/__stats":
            return await whole(send, 200, self.stats)
        if scope["method"] != "POST":
            return await whole(send, 405, {"error": "POST only"})
        message = json.loads(await body_of(receive))
        headers = header_map(scope)
        method, ident = message.get("method"), message.get("id")
        self.stats["methods"][method] = self.stats["methods"].get(method, 0) + 1
        self.stats["sessions"] += "mcp-session-id" in headers
        if ident is None:
            return await whole(send, 202)
        problem = self.problem(message, headers)
        if problem:
            return await whole(send, problem[0], rpc_error(ident, *problem[1:]))
        if method == "server/discover":
            members = {
                "supportedVersions": [VERSION],
                "capabilities": {"tools": {}},
                "ttlMs": 0,
                "cacheScope": "private",
            }
            return await self.complete(send, ident, members)
        if method == "tools/list":
            members = {"tools": listing(TOOLS), "ttlMs": 0, "cacheScope": "private"}
            return await self.complete(send, ident, members)
        if method == "tools/call":
            return await self.tool(message, receive, send)
        await whole(send, 404, rpc_error(ident, -32601, "Method not found"))
        return None

    def problem(self, message: Json, headers: dict[str, str]) -> tuple[int, int, str, Any] | None:
        """HTTP status, code, text and data of the refusal, or None."""
        params = message.get("params") or {}
        meta = params.get("_meta") or {}
        if message["method"] == "initialize":
            data = {"supported": [VERSION], "requested": params.get("protocolVersion")}
            return 400, -32022, "There is no handshake here", data
        if not isinstance(meta.get(META + "clientCapabilities"), dict):
            return 400, -32602, "_meta is not complete", None
        if meta.get(META + "protocolVersion") != VERSION:
            data = {"supported": [VERSION], "requested": meta.get(META + "protocolVersion")}
            return 400, -32022, "Unsupported protocol version", data
        expected = {"mcp-protocol-version": VERSION, "mcp-method": message["method"]}
        if message["method"] == "tools/call":
            expected["mcp-name"] = params.get("name")
        if any(headers.get(name) != value for name, value in expected.items()):
            self.stats["mismatches"] += 1
            return 400, -32020, "Headers and body differ", None
        return None

    @staticmethod
    async def complete(send: Send, ident: Any, members: Json) -> None:
        shown = {
            "resultType": "complete",
            "_meta": {META + "serverInfo": {"name": "modern", "version": "1"}},
        }
        await whole(send, 200, result(ident, shown | members))

    async def tool(self, message: Json, receive: Receive, send: Send) -> None:
        ident, params = message["id"], message["params"]
        name, given = params["name"], params.get("arguments") or {}
        self.stats["executions"][name] = self.stats["executions"].get(name, 0) + 1
        text = str(given.get("text", ""))
        if name in QUESTIONS:
            capability, method, asked = QUESTIONS[name]
            if capability not in params["_meta"][META + "clientCapabilities"]:
                data = {"requiredCapabilities": {capability: {}}}
                return await whole(send, 400, rpc_error(ident, -32021, f"{capability} is needed", data))
            answer = (params.get("inputResponses") or {}).get("question")
            if answer is None or params.get("requestState") != STATE:
                members = {
                    "resultType": "input_required",
                    "inputRequests": {"question": {"method": method, "params": asked}},
                    "requestState": STATE,
                }
                return await whole(send, 200, result(ident, members))
            text = json.dumps(answer)
        elif name == "slow":
            await head(send, 200, STREAM)
            await send({"type": "http.response.body", "body": b": working\n\n", "more_body": True})
            watch = asyncio.ensure_future(gone(receive))
            await asyncio.wait([watch], timeout=float(given.get("seconds", 1)))
            if watch.done():
                self.stats["cancelled"] += 1
                return None
            watch.cancel()
            block = {
                "resultType": "complete",
                "content": [{"type": "text", "text": "slept"}],
                "isError": False,
            }
            await piece(send, result(ident, block))
            return await send({"type": "http.response.body", "body": b""})
        await self.complete(send, ident, {"content": [{"type": "text", "text": text}], "isError": False})
        return None


if __name__ == "__main__":
    serve(Server(), arguments(__doc__).parse_args().port)
