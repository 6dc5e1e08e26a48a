"""The baseline without a proxy: bare keep-alive sockets straight at /mcp."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any, Self

from bench.proxy.http import Http
from bench.proxy.stdio import PROTOCOL

Json = dict[str, Any]
HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": PROTOCOL,
}


class DirectClient:
    """Has the methods of StdioClient that the speed measurement uses."""

    def __init__(self, port: int) -> None:
        self.http = Http(port)
        self.ids = itertools.count(1)
        self.startup = 0.0
        self.unmatched: list[Any] = []
        self.notifications: list[tuple[float, Json]] = []

    async def __aenter__(self) -> Self:
        self.started = time.monotonic()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.http.close()

    async def initialize(self) -> Json:
        info = {"name": "bench", "version": "1"}
        params = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": info}
        _, message = await self.request("initialize", params)
        self.startup = time.monotonic() - self.started
        return message

    async def request(self, method: str, params: Json | None = None) -> tuple[float, Json]:
        message = {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params or {}}
        body = json.dumps(message).encode()
        start = time.monotonic()
        answer: Json = {}
        async with self.http.exchange("POST", "/mcp", HEADERS, body) as response:
            if response.is_stream:
                async for data in response.events():
                    arrived = time.monotonic()
                    answer = json.loads(data)
                    if "method" in answer:
                        self.notifications.append((arrived, answer))
            elif data := await response.body():
                answer = json.loads(data)
        return time.monotonic() - start, answer

    async def call(
        self, tool: str, arguments: Json | None = None, meta: Json | None = None
    ) -> tuple[float, Json]:
        params: Json = {"name": tool, "arguments": arguments or {}}
        return await self.request("tools/call", params | ({"_meta": meta} if meta else {}))

    def rss(self) -> float:
        return 0.0

    def peak(self) -> float:
        return 0.0

    def cpu(self) -> float:
        return 0.0
