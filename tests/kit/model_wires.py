"""Stand-ins for model providers on a real socket: each plays scripted turns in its provider's wire format.

`gemini` is `models/ID:streamGenerateContent?alt=sse` of Google's generative language API, `ollama` is
`/api/chat` with newline-delimited JSON, `openai` is `/chat/completions` as server-sent events, `bedrock` is
ConverseStream. They were written from the public descriptions of these APIs and say nothing about what the
real services do beyond them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.kit import bedrock
from tests.kit.asgi_thread import serve
from tests.kit.scripted_model import Say, Use


@dataclass(frozen=True)
class Refuse:
    """An answer with an error status; `said` is the provider's sentence."""

    status: int
    said: str = "no"


@dataclass(frozen=True)
class Hang:
    """No answer until the caller has gone."""


Turn = Say | Use | Refuse | Hang
USED = {"input": 100, "output": 7, "read": 40, "write": 0}
"""Tokens of every answer; `input` without those read from the cache."""


@dataclass
class Wire:
    """A running stand-in. `asked` holds path, lower-case headers and body of each request."""

    dialect: Callable[[Say | Use, int], Iterator[bytes]]
    kind: bytes
    error: Callable[[Refuse], tuple[dict[str, Any], dict[bytes, bytes]]]
    turns: list[Turn] = field(default_factory=list)
    url: str = ""
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        async for piece in _body(receive):
            body += piece
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        path = unquote(scope["raw_path"].decode()) + (
            f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        )
        self.asked.append((path, headers, json.loads(body)))
        turn = self.turns.pop(0)
        if isinstance(turn, Hang):
            while (await receive())["type"] != "http.disconnect":
                continue
            return
        if isinstance(turn, Refuse):
            told, more = self.error(turn)
            head = [(b"content-type", b"application/json"), *more.items()]
            await send({"type": "http.response.start", "status": turn.status, "headers": head})
            await send({"type": "http.response.body", "body": json.dumps(told).encode()})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", self.kind)]})
        for piece in self.dialect(turn, len(self.asked)):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _body(receive: Any) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def gemini(turn: Say | Use, count: int) -> Iterator[bytes]:
    """Candidates with parts; usageMetadata counts what was cached among the prompt."""
    if isinstance(turn, Say):
        parts: list[dict[str, Any]] = [{"text": turn.thought, "thought": True}] if turn.thought else []
        parts += [{"text": piece} for piece in _halves(turn.text)]
    else:
        parts = [{"functionCall": {"name": name, "args": arguments}} for name, arguments in turn.calls]
    for number, part in enumerate(parts, 1):
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [part]}, "index": 0}
        answer: dict[str, Any] = {"candidates": [candidate], "responseId": f"r{count}"}
        if number == len(parts):
            candidate["finishReason"] = "STOP"
            prompt = USED["input"] + USED["read"]
            answer["usageMetadata"] = {
                "promptTokenCount": prompt,
                "candidatesTokenCount": USED["output"],
                "totalTokenCount": prompt + USED["output"],
                "cachedContentTokenCount": USED["read"],
            }
        yield b"data: " + json.dumps(answer).encode() + b"\r\n\r\n"


def ollama(turn: Say | Use, count: int) -> Iterator[bytes]:
    """Messages a line each; the last has the counts. Ollama tells nothing about a cache."""
    if isinstance(turn, Say):
        messages: list[dict[str, Any]] = [{"content": piece} for piece in _halves(turn.text)]
    else:
        calls = [{"function": {"name": name, "arguments": arguments}} for name, arguments in turn.calls]
        messages = [{"content": "", "tool_calls": calls}]
    shared = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
    for message in messages:
        yield (
            json.dumps({**shared, "message": {"role": "assistant", **message}, "done": False}).encode()
            + b"\n"
        )
    end = {
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "total_duration": 2_000_000,
        "prompt_eval_count": USED["input"],
        "eval_count": USED["output"],
    }
    yield json.dumps({**shared, **end}).encode() + b"\n"


def openai(turn: Say | Use, count: int) -> Iterator[bytes]:
    """Chunks with deltas; the last has the usage, which counts what was cached among the prompt."""
    deltas: list[dict[str, Any]] = []
    if isinstance(turn, Say):
        deltas += [{"role": "assistant", "content": piece} for piece in _halves(turn.text)]
    else:
        for index, (name, arguments) in enumerate(turn.calls):
            call = {"index": index, "id": f"call_{count}_{index}", "type": "function"}
            for number, piece in enumerate(_halves(json.dumps(arguments))):
                function = {"name": name, "arguments": piece} if number == 0 else {"arguments": piece}
                deltas.append(
                    {"tool_calls": [{**(call if number == 0 else {"index": index}), "function": function}]}
                )
    shared = {"id": f"c{count}", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        yield b"data: " + json.dumps({**shared, "choices": [choice]}).encode() + b"\n\n"
    reason = "tool_calls" if isinstance(turn, Use) else "stop"
    choice = {"index": 0, "delta": {}, "finish_reason": reason}
    yield b"data: " + json.dumps({**shared, "choices": [choice]}).encode() + b"\n\n"
    prompt = USED["input"] + USED["read"]
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": USED["output"],
        "total_tokens": prompt + USED["output"],
        "prompt_tokens_details": {"cached_tokens": USED["read"]},
    }
    yield b"data: " + json.dumps({**shared, "choices": [], "usage": usage}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def converse(turn: Say | Use, count: int) -> Iterator[bytes]:
    """ConverseStream, whose usage counts what was read from the cache beside the input."""
    *events, _ = bedrock.stream(turn, count)
    yield from events
    usage = {
        "inputTokens": USED["input"],
        "outputTokens": USED["output"],
        "totalTokens": USED["input"] + USED["read"] + USED["output"],
        "cacheReadInputTokens": USED["read"],
        "cacheWriteInputTokens": 0,
    }
    yield bedrock.event("metadata", {"usage": usage, "metrics": {"latencyMs": 2}})


def _gemini_error(turn: Refuse) -> tuple[dict[str, Any], dict[bytes, bytes]]:
    names = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED", 404: "NOT_FOUND"}
    told = {"code": turn.status, "message": turn.said, "status": names.get(turn.status, "INTERNAL")}
    return {"error": told}, {}


def _openai_error(turn: Refuse) -> tuple[dict[str, Any], dict[bytes, bytes]]:
    return {"error": {"message": turn.said, "type": "error", "code": None}}, {}


def _ollama_error(turn: Refuse) -> tuple[dict[str, Any], dict[bytes, bytes]]:
    return {"error": turn.said}, {}


def _converse_error(turn: Refuse) -> tuple[dict[str, Any], dict[bytes, bytes]]:
    names = {401: "AccessDeniedException", 403: "AccessDeniedException", 429: "ThrottlingException"}
    name = names.get(turn.status, "InternalServerException")
    return {"message": turn.said}, {b"x-amzn-errortype": name.encode()}


WIRES: dict[str, tuple[Any, bytes, Any]] = {
    "bedrock": (converse, b"application/vnd.amazon.eventstream", _converse_error),
    "gemini": (gemini, b"text/event-stream", _gemini_error),
    "openai": (openai, b"text/event-stream", _openai_error),
    "ollama": (ollama, b"application/x-ndjson", _ollama_error),
}


@contextlib.contextmanager
def wire(provider: str, *turns: Turn) -> Iterator[Wire]:
    """A running stand-in of a provider that plays `turns`."""
    stand_in = Wire(*WIRES[provider], turns=list(turns))
    with serve(stand_in, lifespan="off") as stand_in.url:
        yield stand_in
