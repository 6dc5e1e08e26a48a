"""From the events of a Strands agent to AG-UI events: a table of keys, nothing else leaves the agent.

Strands marks an event by the key it holds, and adds its whole invocation state to some of them; that
state is neither serialisable nor meant for a client. `TABLE` names the keys that are understood, in the
order in which they are looked for; every other event is dropped.

Sources: AG-UI protocol 1.0 (events), Strands Agents 1.62 (`Agent.stream_async`).
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Event = dict[str, Any]

_MIME_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


def new_id() -> str:
    """A fresh random id for a run, a message or an interrupt."""
    return uuid.uuid4().hex


class Run:
    """The AG-UI events of one run, in order.

    Feed it every event of `stream_async` through `of`. It opens a block (text, reasoning, a tool call)
    when its first fragment arrives and ends it before the next one starts. `names` maps the names that
    the model knows tools by to the names that people know, where these differ. `said` is the text since the
    last whole message.
    """

    def __init__(self, thread_id: str, *, names: Mapping[str, str] | None = None) -> None:
        self.thread_id = thread_id
        self.run_id = new_id()
        self.names: Mapping[str, str] = names or {}
        self.said = ""
        self._open: tuple[str, str] | None = None
        self._announced: set[str] = set()
        self._reported: set[str] = set()
        self._last_content: object = None

    def started(self) -> Event:
        """The first event; its ids are what the client refers to."""
        return {"type": "RUN_STARTED", "threadId": self.thread_id, "runId": self.run_id}

    def of(self, event: Mapping[str, Any]) -> Iterator[Event]:
        """The AG-UI events of one Strands event: none, one or several."""
        for key, read in TABLE:
            if key in event:
                return read(self, event)
        return iter(())

    def renewed(self, run_id: str) -> None:
        """Goes on under another run id: a server's question was answered in the middle of a call."""
        self.run_id = run_id

    def finished(self, interrupts: Sequence[Event] = (), usage: Event | None = None) -> Iterator[Event]:
        """The last events of a run that went well, or that pauses for the answers to `interrupts`."""
        yield from self._close()
        outcome: Event = {"type": "interrupt", "interrupts": list(interrupts)}
        yield {
            "type": "RUN_FINISHED",
            "threadId": self.thread_id,
            "runId": self.run_id,
            "outcome": outcome if interrupts else {"type": "success"},
            **({"usage": usage} if usage is not None else {}),
        }

    def failed(self, code: str, message: str) -> Iterator[Event]:
        """The last events of a run that went wrong."""
        yield from self._close()
        yield {"type": "RUN_ERROR", "code": code, "message": message}

    def text(self, delta: str) -> Iterator[Event]:
        """A piece of the answer."""
        if not delta:
            return
        if self._open is None or self._open[0] != "text":
            yield from self._close()
            self._open = ("text", new_id())
            yield {"type": "TEXT_MESSAGE_START", "messageId": self._open[1], "role": "assistant"}
        self.said += delta
        yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": self._open[1], "delta": delta}

    def _reasoning(self, delta: str) -> Iterator[Event]:
        if not delta:
            return
        if self._open is None or self._open[0] != "reasoning":
            yield from self._close()
            self._open = ("reasoning", new_id())
            yield {"type": "REASONING_START", "messageId": self._open[1]}
            yield {"type": "REASONING_MESSAGE_START", "messageId": self._open[1], "role": "reasoning"}
        yield {"type": "REASONING_MESSAGE_CONTENT", "messageId": self._open[1], "delta": delta}

    def _tool(self, identifier: str, name: str, delta: str) -> Iterator[Event]:
        if self._open != ("tool", identifier):
            yield from self._close()
            self._open = ("tool", identifier)
            self._announced.add(identifier)
            shown = self.names.get(name, name)
            yield {"type": "TOOL_CALL_START", "toolCallId": identifier, "toolCallName": shown}
        if delta:
            yield {"type": "TOOL_CALL_ARGS", "toolCallId": identifier, "delta": delta}

    def _close(self) -> Iterator[Event]:
        if self._open is None:
            return
        (kind, identifier), self._open = self._open, None
        for name in _ENDS[kind]:
            yield {"type": name, ("toolCallId" if kind == "tool" else "messageId"): identifier}

    def _read_reasoning(self, event: Mapping[str, Any]) -> Iterator[Event]:
        return self._reasoning(event["reasoningText"] or "")

    def _read_text(self, event: Mapping[str, Any]) -> Iterator[Event]:
        return self.text(event["data"] or "")

    def _read_tool_use(self, event: Mapping[str, Any]) -> Iterator[Event]:
        use = event["current_tool_use"]
        fragment = event.get("delta", {}).get("toolUse", {}).get("input", "")
        return self._tool(use["toolUseId"], use["name"], fragment)

    def _read_chunk(self, event: Mapping[str, Any]) -> Iterator[Event]:
        return self._close() if "contentBlockStop" in event["event"] else iter(())

    def _read_message(self, event: Mapping[str, Any]) -> Iterator[Event]:
        message = event["message"]
        self.said = ""
        yield from self._close()
        if message["role"] == "assistant":
            self._last_content = message["content"]
        for block in message["content"]:
            if "toolUse" in block and block["toolUse"]["toolUseId"] not in self._announced:
                use = block["toolUse"]
                yield from self._tool(use["toolUseId"], use["name"], json.dumps(use["input"]))
                yield from self._close()
            if "toolResult" in block:
                yield from self._result(block["toolResult"])

    def _read_end(self, event: Mapping[str, Any]) -> Iterator[Event]:
        """The answer of a turn that ended without the model, which no delta has carried."""
        result = event["result"]
        if result.stop_reason == "interrupt" or result.message["content"] == self._last_content:
            return
        for block in result.message["content"]:
            yield from self.text(block.get("text", ""))
        yield from self._close()

    def _result(self, result: Mapping[str, Any]) -> Iterator[Event]:
        identifier = result["toolUseId"]
        if identifier in self._reported:
            return
        self._reported.add(identifier)
        event: Event = {
            "type": "TOOL_CALL_RESULT",
            "messageId": new_id(),
            "toolCallId": identifier,
            "content": json.dumps(blocks(result["content"])),
            "role": "tool",
        }
        if result.get("status") == "error":
            event["metadata"] = {"status": "error"}
        yield event


TABLE: tuple[tuple[str, Callable[[Run, Mapping[str, Any]], Iterator[Event]]], ...] = (
    ("reasoningText", Run._read_reasoning),  # noqa: SLF001  (the table is the class's own)
    ("data", Run._read_text),  # noqa: SLF001
    ("current_tool_use", Run._read_tool_use),  # noqa: SLF001
    ("event", Run._read_chunk),  # noqa: SLF001
    ("message", Run._read_message),  # noqa: SLF001
    ("result", Run._read_end),  # noqa: SLF001
)

_ENDS: Mapping[str, tuple[str, ...]] = {
    "text": ("TEXT_MESSAGE_END",),
    "reasoning": ("REASONING_MESSAGE_END", "REASONING_END"),
    "tool": ("TOOL_CALL_END",),
}


def sound(value: Any) -> Any:
    """The same in text that UTF-8 can carry: characters sent in halves are joined or replaced."""
    if isinstance(value, str):
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return value
    if isinstance(value, Mapping):
        return {sound(name): sound(item) for name, item in value.items()}
    return [sound(item) for item in value] if isinstance(value, list | tuple) else value


def blocks(content: Iterable[Mapping[str, Any]]) -> list[Event]:
    """The content of a Bedrock tool result as blocks a client can show.

    Text and pictures pass whole, JSON becomes `{"type": "json", "json": …}`, a document is named.
    """
    return [_block(item) for item in content]


def message_blocks(content: Iterable[Mapping[str, Any]]) -> list[Event]:
    """The content of a stored message as blocks a client can show."""
    return [_message_block(item) for item in content]


def _message_block(item: Mapping[str, Any]) -> Event:
    if "toolUse" in item:
        use = item["toolUse"]
        return {"type": "tool_use", "id": use["toolUseId"], "name": use["name"], "input": use["input"]}
    if "toolResult" in item:
        result = item["toolResult"]
        return {
            "type": "tool_result",
            "id": result["toolUseId"],
            "status": result.get("status", "success"),
            "content": blocks(result["content"]),
        }
    if "reasoningContent" in item:
        return {
            "type": "reasoning",
            "text": item["reasoningContent"].get("reasoningText", {}).get("text", ""),
        }
    return _block(item)


def _block(item: Mapping[str, Any]) -> Event:
    if "text" in item:
        return {"type": "text", "text": item["text"]}
    if "json" in item:
        return {"type": "json", "json": item["json"]}
    if "image" in item:
        kind, data = item["image"]["format"], item["image"]["source"].get("bytes", b"")
        return {
            "type": "image",
            "mimeType": _MIME_TYPES.get(kind, f"image/{kind}"),
            "data": base64.b64encode(data).decode("ascii"),
        }
    if "document" in item:
        document = item["document"]
        return {"type": "text", "text": f"[document {document.get('name', '')}.{document.get('format', '')}]"}
    return {"type": "text", "text": f"[{next(iter(item), 'empty')}]"}
