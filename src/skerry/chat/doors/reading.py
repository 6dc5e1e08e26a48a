"""An agent's answer as AG-UI events, whatever kind of agent it is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx2

from skerry.chat.backend import Event
from skerry.errors import RemoteError
from skerry.wire import sse

MAX_ANSWER = 100_000_000


def events_of(answer: httpx2.Response) -> Iterator[Event]:
    """The events of a 200: an event stream as it arrives, any other body as one text."""
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        decoder = sse.Decoder()
        for chunk in answer.iter_bytes():
            for item in decoder.feed(chunk):
                yield from event_of(item.text)
        return
    whole = bytearray()
    for chunk in answer.iter_bytes():
        whole += chunk
        if len(whole) > MAX_ANSWER:
            raise RemoteError(f"the agent's answer is larger than {MAX_ANSWER} bytes.")
    yield from event_of(whole.decode("utf-8", errors="replace"))


def event_of(text: str) -> Iterator[Event]:
    """One `data:` line as AG-UI: an event as it is, an error as RUN_ERROR, anything else as text."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = text
    if isinstance(data, dict) and isinstance(data.get("type"), str):
        yield data
    elif isinstance(data, dict) and isinstance(data.get("error"), str):
        yield {
            "type": "RUN_ERROR",
            "code": str(data.get("error_type", "AGENT_ERROR")),
            "message": data["error"],
        }
    else:
        shown = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": "", "delta": shown}
