"""The events of a Converse answer: made by a backend, framed for ConverseStream, folded for Converse.

An event is a pair of the member of `ConverseStreamOutput` and its content. A text or reasoning block has no
`contentBlockStart`, every block event carries `contentBlockIndex` (service model of bedrock-runtime).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping
from typing import Any, Protocol

from skerry.errors import ServiceError
from skerry.local.models.request import ConverseRequest

Event = tuple[str, dict[str, Any]]

NO_USAGE = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


class Backend(Protocol):
    """Who answers: turns a request into events."""

    @property
    def name(self) -> str:
        """The name in the setting, such as `router`."""
        ...

    def events(self, request: ConverseRequest, *, streaming: bool) -> AsyncGenerator[Event]:
        """The answer as events, `messageStart` first and `metadata` last; block indexes are filled in.

        `streaming` says whether the caller reads events as they come. Raises ServiceError.
        """
        ...

    async def close(self) -> None:
        """Gives back what the backend holds."""
        ...


class Blocks:
    """Makes block events and counts `contentBlockIndex`."""

    def __init__(self) -> None:
        self._index = 0

    def text(self, text: str) -> Iterator[Event]:
        """A whole text block, in deltas of a line each."""
        for piece in text.splitlines(keepends=True):
            yield self.delta({"text": piece})
        yield self.stop()

    def reasoning(self, text: str) -> Iterator[Event]:
        """A whole reasoning block."""
        yield self.delta({"reasoningContent": {"text": text}})
        yield self.stop()

    def tool_use(self, tool_use_id: str, name: str, arguments: str) -> Iterator[Event]:
        """A whole tool use; `arguments` is the JSON text of its input."""
        yield self.start(tool_use_id, name)
        yield self.delta({"toolUse": {"input": arguments}})
        yield self.stop()

    def start(self, tool_use_id: str, name: str) -> Event:
        """The start of a tool use; other blocks have none."""
        start = {"toolUse": {"toolUseId": tool_use_id, "name": name}}
        return "contentBlockStart", {"start": start, "contentBlockIndex": self._index}

    def delta(self, delta: dict[str, Any]) -> Event:
        """A piece of the block that is open."""
        return "contentBlockDelta", {"delta": delta, "contentBlockIndex": self._index}

    def stop(self) -> Event:
        """The end of the block that is open."""
        index, self._index = self._index, self._index + 1
        return "contentBlockStop", {"contentBlockIndex": index}


def message_start() -> Event:
    """The first event."""
    return "messageStart", {"role": "assistant"}


def message_stop(reason: str) -> Event:
    """The event after the last block; `reason` is a StopReason of the service model."""
    return "messageStop", {"stopReason": reason}


def metadata(usage: Mapping[str, int], latency_ms: int) -> Event:
    """The last event: tokens and milliseconds."""
    return "metadata", {"usage": dict(usage), "metrics": {"latencyMs": latency_ms}}


async def fold(events: AsyncIterable[Event]) -> dict[str, Any]:
    """The answer of Converse that the events of ConverseStream add up to.

    Raises ServiceError (ModelErrorException) when the input of a tool use is not a JSON object.
    """
    blocks: list[dict[str, Any]] = []
    answer: dict[str, Any] = {"stopReason": "end_turn", "usage": dict(NO_USAGE), "metrics": {"latencyMs": 0}}
    opened: dict[str, Any] = {}
    async for name, content in events:
        if name == "contentBlockStart":
            opened = {"toolUse": {**content["start"]["toolUse"], "input": ""}}
        elif name == "contentBlockDelta":
            _grow(opened, content["delta"])
        elif name == "contentBlockStop":
            blocks.append(_closed(opened))
            opened = {}
        elif name in ("messageStop", "metadata"):
            answer |= content
    return {"output": {"message": {"role": "assistant", "content": blocks}}, **answer}


def _grow(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "text" in delta.get("reasoningContent", ()):
        found = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})
        found["reasoningText"]["text"] += delta["reasoningContent"]["text"]


def _closed(block: dict[str, Any]) -> dict[str, Any]:
    if "toolUse" not in block:
        return block or {"text": ""}
    use = block["toolUse"]
    try:
        use["input"] = json.loads(use["input"] or "{}")
    except ValueError:
        use["input"] = None
    if not isinstance(use["input"], dict):
        raise ServiceError(
            "ModelErrorException", 424, f"The model gave no JSON object as input of the tool {use['name']}."
        )
    return block
