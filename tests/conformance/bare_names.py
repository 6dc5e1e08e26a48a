"""What the suite needs in front of a gateway: tools and prompts by their bare names.

The suite calls fixtures by fixed names; a gateway shows them with the name of their target before it. This ASGI
application puts `TARGET___` before the names of calls, in body and header, and takes it from those of lists.
Everything else goes through as it is, event streams piece by piece.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from skerry.local.upstream import Reply, Upstream
from skerry.wire.headers import decode_value, encode_value

NAMED = frozenset({"tools/call", "prompts/get"})
LISTED = ("tools", "prompts")
OURS = frozenset({b"content-length", b"connection", b"transfer-encoding", b"keep-alive"})


class BareNames:
    """Stands in front of the gateway at `url`, whose one target has this name."""

    def __init__(self, url: str, target: str) -> None:
        self._url = url
        self._prefix = f"{target}___"
        self._upstream = Upstream()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [(name, value) for name, value in scope["headers"] if name not in OURS]
        body, headers = self._asked(body, headers)
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        async with AsyncExitStack() as stack:
            reply = await self._upstream.request(scope["method"], self._url, pairs, body)
            stack.callback(reply.close)
            await _while_connected(self._answer(reply, send), receive)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await self._upstream.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._upstream.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, reply: Reply, send: Any) -> None:
        streams = reply.header("content-type").startswith("text/event-stream")
        head = [
            (name.encode("latin-1").lower(), value.encode("latin-1"))
            for name, value in reply.headers
            if name.lower().encode() not in OURS
        ]
        whole = b"" if streams else self._listed(await reply.read())
        if not streams:
            head.append((b"content-length", b"%d" % len(whole)))
        await send({"type": "http.response.start", "status": reply.status, "headers": head})
        if streams:
            while piece := await reply.chunk():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": whole})

    def _asked(
        self, body: bytes, headers: list[tuple[bytes, bytes]]
    ) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        """A request with the name that the gateway knows; what is no call stays as it is."""
        message = _object(body)
        params = message.get("params")
        if message.get("method") not in NAMED or not isinstance(params, dict):
            return body, headers
        if isinstance(name := params.get("name"), str):
            params["name"] = self._prefix + name
        return json.dumps(message).encode(), [self._header(name, value) for name, value in headers]

    def _header(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        if name != b"mcp-name":
            return name, value
        decoded = decode_value(value.decode("latin-1").strip())
        return name, encode_value(self._prefix + decoded).encode() if decoded is not None else value

    def _listed(self, body: bytes) -> bytes:
        """An answer with bare names in its lists."""
        message = _object(body)
        result = message.get("result")
        lists = [result[kind] for kind in LISTED if kind in result] if isinstance(result, dict) else []
        for items in lists:
            for item in items:
                item["name"] = item["name"].removeprefix(self._prefix)
        return json.dumps(message).encode() if lists else body


async def _while_connected(work: Any, receive: Callable[[], Any]) -> None:
    """Does the work unless the client leaves first, which then reaches the gateway as well."""
    tasks = {asyncio.ensure_future(work), asyncio.ensure_future(receive())}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
