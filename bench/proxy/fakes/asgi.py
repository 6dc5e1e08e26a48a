"""What the HTTP fakes share: bodies, answers and the server that runs them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Awaitable, Callable
from typing import Any

Json = dict[str, Any]
Send = Callable[[Json], Awaitable[None]]
Receive = Callable[[], Awaitable[Json]]
App = Callable[[Json, Receive, Send], Awaitable[None]]
STREAM = {"content-type": "text/event-stream", "cache-control": "no-cache"}


async def body_of(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        event = await receive()
        body += event.get("body", b"")
        if event["type"] == "http.disconnect" or not event.get("more_body"):
            return bytes(body)


async def head(send: Send, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def whole(send: Send, status: int, data: Any = b"", headers: dict[str, str] | None = None) -> None:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    base = {"content-type": "application/json", "content-length": str(len(body))}
    await head(send, status, base | (headers or {}))
    await send({"type": "http.response.body", "body": body})


async def piece(send: Send, message: Json) -> None:
    """One event of an open stream."""
    await send({"type": "http.response.body", "body": event(message), "more_body": True})


async def gone(receive: Receive) -> None:
    """Returns when the HTTP client went away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def header_map(scope: Json) -> dict[str, str]:
    return {name.decode().lower(): value.decode("latin1") for name, value in scope["headers"]}


def event(message: Json) -> bytes:
    return b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"


def result(ident: Any, members: Json) -> Json:
    return {"jsonrpc": "2.0", "id": ident, "result": members}


def text_result(ident: Any, text: str) -> Json:
    return result(ident, {"content": [{"type": "text", "text": text}], "isError": False})


def rpc_error(ident: Any, code: int, message: str, data: Any = None) -> Json:
    problem = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return {"jsonrpc": "2.0", "id": ident, "error": problem}


def listing(tools: dict[str, str]) -> list[Json]:
    """The tools of a fake; all of them say that they only read."""
    hint = {"readOnlyHint": True}
    return [
        {"name": name, "description": text, "inputSchema": {"type": "object"}, "annotations": hint}
        for name, text in tools.items()
    ]


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": kind + ".complete"})
        if kind == "lifespan.shutdown":
            return


def arguments(doc: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    return parser


def serve(app: App, port: int) -> None:
    import uvicorn

    uvicorn.run(
        app, host="127.0.0.1", port=port, log_level="critical", access_log=False, timeout_keep_alive=60
    )
