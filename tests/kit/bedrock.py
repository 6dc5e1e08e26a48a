"""A stand-in for Bedrock's ConverseStream: the event-stream framing that boto3 reads, on a real socket.

It plays the turns of `scripted_model` and keeps what it was asked. It checks no signature.
"""

from __future__ import annotations

import contextlib
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.kit.asgi_thread import serve
from tests.kit.scripted_model import Fail, Say, Use


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of `application/vnd.amazon.eventstream` with string headers."""
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event(name: str, members: dict[str, Any]) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(members).encode())


def stream(turn: Say | Use, count: int) -> Iterator[bytes]:
    """A turn as ConverseStream sends it: block indexes, and no start for a block of text."""
    yield event("messageStart", {"role": "assistant"})
    if isinstance(turn, Say):
        blocks = [({"reasoningContent": {"text": turn.thought}}, None)] if turn.thought else []
        blocks += [({"text": turn.text}, None)]
    else:
        blocks = [
            (
                {"toolUse": {"input": json.dumps(arguments)}},
                {"toolUseId": f"tooluse_{count}_{index}", "name": name},
            )
            for index, (name, arguments) in enumerate(turn.calls)
        ]
    for index, (delta, use) in enumerate(blocks):
        if use is not None:
            yield event("contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": use}})
        yield event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
        yield event("contentBlockStop", {"contentBlockIndex": index})
    yield event("messageStop", {"stopReason": "tool_use" if isinstance(turn, Use) else "end_turn"})
    usage = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    yield event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})


@dataclass
class Bedrock:
    """A running stand-in. `asked` holds path, lower-case headers and body of each request."""

    turns: list[Say | Use | Fail]
    url: str = ""
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.asked.append((unquote(scope["raw_path"].decode()), headers, json.loads(body)))
        turn = self.turns.pop(0)
        if isinstance(turn, Fail):
            error = [(b"content-type", b"application/json"), (b"x-amzn-errortype", b"AccessDeniedException")]
            await send({"type": "http.response.start", "status": 403, "headers": error})
            await send(
                {"type": "http.response.body", "body": json.dumps({"message": str(turn.error)}).encode()}
            )
            return
        kind = [(b"content-type", b"application/vnd.amazon.eventstream")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        for piece in stream(turn, len(self.asked)):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@contextlib.contextmanager
def bedrock(turns: list[Say | Use | Fail]) -> Iterator[Bedrock]:
    """A running stand-in that plays `turns`."""
    stand_in = Bedrock(list(turns))
    with serve(stand_in, lifespan="off") as stand_in.url:
        yield stand_in
