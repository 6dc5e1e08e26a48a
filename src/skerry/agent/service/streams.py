"""A run as an answer of HTTP: server-sent events as they come, or one JSON object at its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from starlette.responses import StreamingResponse

from skerry.agent.errors import AgentError
from skerry.agent.events import Event, sound
from skerry.agent.runs import LiveRun
from skerry.agent.service.bodies import Answer, ToolCall

KEEP_ALIVE = 15.0
"""Seconds without an event after which a comment is sent: what stands in between gives up later than that."""

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def stream(live: LiveRun, after: int = 0, *, keep_alive: float = KEEP_ALIVE) -> StreamingResponse:
    """The events of a run, each one a `data:` line. Who stops listening stops nothing."""
    return StreamingResponse(
        _lines(live, after, keep_alive), media_type="text/event-stream", headers=_HEADERS
    )


async def _lines(live: LiveRun, after: int, keep_alive: float) -> AsyncGenerator[bytes]:
    events = live.heard(after)
    following: asyncio.Task[Event] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({following}, timeout=keep_alive)
            if not done:
                yield b": still here\n\n"
                continue
            try:
                event = following.result()
            except StopAsyncIteration:
                return
            following = None
            yield b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"
    finally:
        if following is not None:
            following.cancel()
            await asyncio.wait({following})
        await events.aclose()


async def whole(live: LiveRun, conversation_id: str) -> Answer:
    """A run at its end. Raises AgentError when it went wrong."""
    answer = Answer(conversation_id=conversation_id, run_id=live.id)
    calls: dict[str, dict[str, Any]] = {}
    async for event in live.listen():
        kind = event["type"]
        if kind == "TEXT_MESSAGE_CONTENT":
            answer.text += event["delta"]
        elif kind == "TOOL_CALL_START":
            calls[event["toolCallId"]] = {"name": event["toolCallName"], "text": ""}
        elif kind == "TOOL_CALL_ARGS":
            calls[event["toolCallId"]]["text"] += event["delta"]
        elif kind == "TOOL_CALL_RESULT":
            call = calls.setdefault(event["toolCallId"], {"name": "", "text": ""})
            call["status"] = event.get("metadata", {}).get("status", "success")
            call["content"] = json.loads(event["content"])
        elif kind == "RUN_FINISHED":
            answer.interrupts = event["outcome"].get("interrupts", [])
            answer.usage = event.get("usage")
        elif kind == "RUN_ERROR":
            raise AgentError(event["code"], event["message"])
    answer.tool_calls = [_call(identifier, sound(call)) for identifier, call in calls.items()]
    return answer


def _call(identifier: str, call: dict[str, Any]) -> ToolCall:
    try:
        arguments = json.loads(call["text"] or "{}")
    except ValueError:  # the model was stopped in the middle of them
        arguments = call["text"]
    return ToolCall(
        id=identifier,
        name=call["name"],
        arguments=sound(arguments),
        status=call.get("status", ""),
        content=call.get("content", []),
    )
