"""A stand-in for an OpenAI-compatible server on a real socket: it plays scripted answers and keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.kit.asgi_thread import serve


@dataclass
class Answer:
    """One answer: `chunks` become an event stream ending with [DONE], else `body` is sent with `status`.

    `cut` ends the connection after the chunks without [DONE] and without the end of the body; `hang` waits there
    until the caller has gone.
    """

    chunks: list[dict[str, Any]] = field(default_factory=list)
    body: Any = None
    status: int = 200
    cut: bool = False
    hang: bool = False


@dataclass
class ChatCompletions:
    """A running stand-in. `asked` holds path, lower-case headers and body; `left` is set when a caller leaves."""

    answers: list[Answer] = field(default_factory=list)
    url: str = ""
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers, json.loads(body)))
        answer = self.answers.pop(0)
        if not answer.chunks:
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            head = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
            await send({"type": "http.response.start", "status": answer.status, "headers": head})
            await send({"type": "http.response.body", "body": data})
            return
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        for chunk in answer.chunks:
            data = f"data: {json.dumps(chunk)}\n\n".encode()
            await send({"type": "http.response.body", "body": data, "more_body": True})
        if answer.hang:
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()
        if answer.cut:
            return
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


@contextlib.contextmanager
def chat_completions() -> Iterator[ChatCompletions]:
    """A running stand-in; put answers into `answers` before they are asked for."""
    stand_in = ChatCompletions()
    with serve(stand_in, lifespan="off") as url:
        stand_in.url = f"{url}/v1"
        yield stand_in


def delta(content: str | None = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk with one choice."""
    text = {} if content is None else {"content": content}
    return {"choices": [{"index": 0, "delta": {**text, **more}, "finish_reason": finish}]}


def call(index: int, arguments: str = "", *, call_id: str = "", name: str = "") -> dict[str, Any]:
    """A chunk with a piece of a tool call."""
    start = {"id": call_id, "type": "function"} if call_id else {}
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return delta(tool_calls=[{"index": index, **start, "function": function}])
