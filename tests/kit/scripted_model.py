"""A Strands model that says what a test wrote down, one turn a call."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from strands.models import Model


@dataclass(frozen=True)
class Say:
    """A turn of text, with an optional thought before it."""

    text: str
    thought: str = ""


@dataclass(frozen=True)
class Use:
    """A turn that calls tools: pairs of name and arguments."""

    calls: tuple[tuple[str, dict[str, Any]], ...]

    @classmethod
    def one(cls, name: str, **arguments: Any) -> Use:
        return cls(((name, arguments),))


@dataclass(frozen=True)
class Fail:
    """A turn in which the model raises."""

    error: Exception


@dataclass
class ScriptedModel(Model):
    """Plays `turns` in order and keeps what it was asked. A call after the last turn is an AssertionError.

    model = ScriptedModel([Use.one("accounts___get_email", account_id="1"), Say("It is a@b.")])
    """

    turns: list[Say | Use | Fail]
    asked: list[list[dict[str, Any]]] = field(default_factory=list)
    tools: list[list[str]] = field(default_factory=list)
    count: int = 0

    def update_config(self, **model_config: Any) -> None:
        """Nothing can be configured."""

    def get_config(self) -> Any:
        return {}

    async def structured_output(
        self, output_model: Any, prompt: Any, system_prompt: Any = None, **kwargs: Any
    ) -> Any:
        raise AssertionError("no test asks for structured output")
        yield

    async def stream(
        self, messages: Any, tool_specs: Any = None, system_prompt: Any = None, **kwargs: Any
    ) -> AsyncIterator[dict[str, Any]]:
        assert self.turns, "the model was asked more often than the test wrote turns"
        self.asked.append(list(messages))
        self.tools.append([spec["name"] for spec in tool_specs or []])
        turn = self.turns.pop(0)
        if isinstance(turn, Fail):
            raise turn.error
        yield {"messageStart": {"role": "assistant"}}
        for event in self._blocks(turn):
            yield event
        yield {"messageStop": {"stopReason": "tool_use" if isinstance(turn, Use) else "end_turn"}}
        usage = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 0}}}

    def _blocks(self, turn: Say | Use) -> Iterable[dict[str, Any]]:
        if isinstance(turn, Say):
            if turn.thought:
                yield {"contentBlockStart": {"start": {}}}
                yield {"contentBlockDelta": {"delta": {"reasoningContent": {"text": turn.thought}}}}
                yield {"contentBlockStop": {}}
            yield {"contentBlockStart": {"start": {}}}
            for word in turn.text.split(" "):
                yield {"contentBlockDelta": {"delta": {"text": word + " "}}}
            yield {"contentBlockStop": {}}
            return
        for name, arguments in turn.calls:
            self.count += 1
            use = {"toolUseId": f"tool-{self.count}", "name": name}
            yield {"contentBlockStart": {"start": {"toolUse": use}}}
            text = json.dumps(arguments) if arguments else ""
            for piece in (text[:7], text[7:]):
                if piece:
                    yield {"contentBlockDelta": {"delta": {"toolUse": {"input": piece}}}}
            yield {"contentBlockStop": {}}
