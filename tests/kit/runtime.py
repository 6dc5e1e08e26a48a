"""A stand-in for InvokeAgentRuntime: checks who calls and plays scripted answers, on a real socket."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from skerry.auth.aws.sigv4 import check, presented
from skerry.errors import SignatureError
from tests.kit.asgi_thread import body_of, serve

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/ops-0123456789"
KEY_ID, SECRET = "AKIAEXAMPLE", "the-developers-secret"


@dataclass(frozen=True)
class Stream:
    """An answer of events; `hold` is waited for before the last one."""

    events: tuple[Any, ...]
    hold: threading.Event | None = None


@dataclass(frozen=True)
class Plain:
    """An answer that is no event stream."""

    status: int
    content: Any
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Asked:
    """One invocation as the runtime got it."""

    arn: str
    session: str
    payload: dict[str, Any]
    headers: dict[str, str]


def signed(headers: dict[str, str], path: bytes, query: bytes, body: bytes) -> str:
    """What is wrong with the signature; nothing when it holds."""
    try:
        shown = presented("POST", path, query, list(headers.items()))
        shown.require(service="bedrock-agentcore", region="us-east-1")
        check(shown, body, SECRET, now=time.time())
    except SignatureError as problem:
        return str(problem)
    return "" if shown.access_key_id == KEY_ID else "unknown key"


@dataclass
class Runtime:
    """A running stand-in. `token`, when set, is wanted instead of a signature."""

    answers: list[Stream | Plain]
    url: str = ""
    token: str = ""
    asked: list[Asked] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    refused: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if self.token:
            problem = "" if headers.get("authorization") == f"Bearer {self.token}" else "wrong token"
        else:
            problem = signed(headers, scope["raw_path"], scope["query_string"], body)
        if problem:
            self.refused.append(problem)
            await reply(
                send, Plain(403, {"message": problem}, (("x-amzn-ErrorType", "AccessDeniedException"),))
            )
            return
        arn = unquote(scope["raw_path"].decode().split("/")[2])
        session = headers["x-amzn-bedrock-agentcore-runtime-session-id"]
        self.asked.append(Asked(arn, session, json.loads(body), headers))
        answer = self.answers.pop(0)
        if isinstance(answer, Plain):
            await reply(send, answer)
        else:
            await self._play(answer, receive, send)

    async def _play(self, answer: Stream, receive: Any, send: Any) -> None:
        start = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": start})
        *first, last = answer.events
        for event in first:
            await send({"type": "http.response.body", "body": line(event), "more_body": True})
        if answer.hold is not None:
            assert (await receive())["type"] == "http.disconnect"
            self.left.set()
            return
        await send({"type": "http.response.body", "body": line(last), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def stack(self, state: Path, *, auth: str = "iam", **more: Any) -> Path:
        """Writes the `stack.json` of a stack whose default runtime this is."""
        state.mkdir(exist_ok=True)
        entry = {"arn": ARN, "url": self.url, "auth": auth, "realm": "desk", "audience": "desk-runtime"}
        known = {
            "endpoint": self.url,
            "region": "us-east-1",
            "access_key_id": KEY_ID,
            "secret_access_key": SECRET,
            "runtimes": {"ops": entry},
            "default_runtime": "ops",
            "gateways": {},
            "realms": {},
        }
        (state / "stack.json").write_text(json.dumps({**known, **more}))
        return state


def line(event: Any) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


async def reply(send: Any, answer: Plain) -> None:
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer.content).encode()})


@contextlib.contextmanager
def runtime(*answers: Stream | Plain, token: str = "") -> Iterator[Runtime]:
    """A running stand-in that plays `answers`, one an invocation."""
    stand_in = Runtime(list(answers), token=token)
    with serve(stand_in, lifespan="off") as stand_in.url:
        yield stand_in


def run(*events: dict[str, Any], interrupts: tuple[dict[str, Any], ...] = ()) -> Stream:
    """A whole run around `events`."""
    ids = {"threadId": "t", "runId": "r"}
    outcome: dict[str, Any] = {"type": "interrupt", "interrupts": list(interrupts)}
    end = {"type": "RUN_FINISHED", **ids, "outcome": outcome if interrupts else {"type": "success"}}
    return Stream(({"type": "RUN_STARTED", **ids}, *events, end))


def text(words: str) -> tuple[dict[str, Any], ...]:
    """An answer of text, word by word."""
    pieces = [
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": f"{word} "} for word in words.split(" ")
    ]
    start = {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"}
    return (start, *pieces, {"type": "TEXT_MESSAGE_END", "messageId": "m"})


def thought(words: str) -> tuple[dict[str, Any], ...]:
    return (
        {"type": "REASONING_START", "messageId": "r"},
        {"type": "REASONING_MESSAGE_START", "messageId": "r", "role": "reasoning"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": "r", "delta": words},
        {"type": "REASONING_MESSAGE_END", "messageId": "r"},
        {"type": "REASONING_END", "messageId": "r"},
    )


def call(name: str, arguments: str, *blocks: dict[str, Any], status: str = "") -> tuple[dict[str, Any], ...]:
    """A tool call and its result."""
    result = {"type": "TOOL_CALL_RESULT", "toolCallId": "c", "messageId": "x", "role": "tool"}
    more = {"metadata": {"status": status}} if status else {}
    return (
        {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": name},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": arguments},
        {"type": "TOOL_CALL_END", "toolCallId": "c"},
        {**result, "content": json.dumps(list(blocks)), **more},
    )


def question(identifier: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """An open question about a tool call."""
    return {
        "id": identifier,
        "reason": "approval",
        "toolCallId": "c",
        "toolName": tool,
        "arguments": arguments,
        "message": "?",
    }


def form(identifier: str, tool: str, message: str) -> dict[str, Any]:
    """A server's question that needs a person's own words."""
    properties = {
        "count": {"type": "integer", "minimum": 1, "default": 2},
        "size": {"type": "string", "enum": ["s", "m"]},
    }
    return {
        "id": identifier,
        "reason": "elicitation",
        "toolCallId": "c",
        "toolName": tool,
        "message": message,
        "responseSchema": {"type": "object", "properties": properties, "required": ["size"]},
    }


Answer = Callable[..., Stream]
