"""A guardrail around Converse: the person's words before the model, the model's words before the person.

`guardContent` blocks, where there are any, are what is looked at; else it is every text of the user. Tool
uses and tool results are not looked at. An answer is held back until it was looked at as a whole, so
ConverseStream sends it in one go; `streamProcessingMode: async` is no faster and no laxer.

Which texts AWS looks at, and the stop reason of an answer that was only masked, follow documentation and
reports, and are unchecked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from skerry.errors import validation
from skerry.local.models.events import NO_USAGE, Blocks, Event, message_start, message_stop, metadata
from skerry.local.models.guardrails.apply import assessment, unknown
from skerry.local.models.guardrails.assess import Block, Outcome, Source, assess
from skerry.local.models.guardrails.rules import Guardrail, Guardrails
from skerry.local.models.request import ConverseRequest

Place = tuple[int, int]
"""Message and block; -1 is the system prompt."""


@dataclass(slots=True)
class Guard:
    """One request's guardrail. `outcomes` are the results so far, for the recorder."""

    guardrails: Guardrails
    guardrail: Guardrail
    config: Mapping[str, Any]
    monotonic: Callable[[], float]
    outcomes: list[Outcome] = field(default_factory=list)
    _trace: dict[str, Any] = field(default_factory=dict)

    async def around(
        self, request: ConverseRequest, ask: Callable[[ConverseRequest], AsyncGenerator[Event]]
    ) -> AsyncGenerator[Event]:
        """The events of the answer that may be seen; `ask` is the model, and not asked what is blocked."""
        began = self.monotonic()
        places = _texts(request)
        outcome = await self._look("INPUT", [block for _, block in places])
        if outcome.action == "BLOCK":
            for event in self._instead(outcome, metadata(NO_USAGE, self._ms(began))):
                yield event
            return
        guarded = [place for place, block in places if block.guarded]
        changed = dict(zip(guarded, outcome.texts, strict=True))
        async with aclosing(ask(_unwrapped(request, changed))) as events:
            answer = [event async for event in events]
        said = _said(answer)
        context = [block for _, block in places if not block.guarded]
        outcome = await self._look("OUTPUT", [*context, *(Block(text) for text in said.values())])
        if outcome.action == "BLOCK":
            self._trace["modelOutput"] = list(said.values())
            for event in self._instead(outcome, answer[-1]):
                yield event
            return
        for event in _masked(answer, dict(zip(said, outcome.texts, strict=True)), outcome):
            yield self._traced(event)

    async def _look(self, source: Source, blocks: Sequence[Block]) -> Outcome:
        began = self.monotonic()
        full = self.config.get("trace") == "enabled_full"
        outcome = await asyncio.to_thread(assess, self.guardrails, self.guardrail, source, blocks, full=full)
        self.outcomes.append(outcome)
        version = self.config["guardrailVersion"]
        found = assessment(self.guardrails, outcome, version, self._ms(began))
        name = self.guardrail.identifier
        if source == "INPUT":
            self._trace["inputAssessment"] = {name: found}
        else:
            self._trace["outputAssessments"] = {name: [found]}
        if outcome.intervened or "actionReason" not in self._trace:
            self._trace["actionReason"] = outcome.reason
        return outcome

    def _instead(self, outcome: Outcome, last: Event) -> list[Event]:
        text = list(Blocks().text(outcome.message))
        return [message_start(), *text, message_stop("guardrail_intervened"), self._traced(last)]

    def _traced(self, event: Event) -> Event:
        name, content = event
        if name != "metadata" or self.config.get("trace") not in ("enabled", "enabled_full"):
            return event
        return name, {**content, "trace": {"guardrail": self._trace}}

    def _ms(self, began: float) -> int:
        return int((self.monotonic() - began) * 1000)


def guard(request: ConverseRequest, guardrails: Guardrails, monotonic: Callable[[], float]) -> Guard | None:
    """The guardrail that a request asks for. Raises ServiceError (ValidationException) for an unknown one."""
    config = request.body.get("guardrailConfig") or {}
    identifier, version = config.get("guardrailIdentifier", ""), config.get("guardrailVersion", "")
    if not identifier and not version:
        return None
    found = guardrails.find(identifier, version)
    if found is None:
        raise validation(
            f"The provided guardrail identifier is invalid. {unknown(guardrails, identifier, version)}"
        )
    return Guard(guardrails, found, config, monotonic)


def unwrapped(request: ConverseRequest) -> ConverseRequest:
    """The request with `guardContent` blocks as what they hold: what a model is to read."""
    return _unwrapped(request, {})


def _blocks(request: ConverseRequest) -> list[tuple[Place, str, Mapping[str, Any]]]:
    """Place, role and content of every block."""
    system = request.body.get("system") or ()
    found = [((-1, number), "system", block) for number, block in enumerate(system)]
    for row, message in enumerate(request.messages):
        found += [((row, column), message["role"], block) for column, block in enumerate(message["content"])]
    return found


def _texts(request: ConverseRequest) -> list[tuple[Place, Block]]:
    blocks = _blocks(request)
    marked = [
        (place, Block(text["text"], frozenset(text.get("qualifiers") or ())))
        for place, _, block in blocks
        if (text := block.get("guardContent", {}).get("text"))
    ]
    if any(place[0] >= 0 for place, _ in marked):
        return marked
    users = [
        (place, Block(block["text"])) for place, role, block in blocks if role == "user" and "text" in block
    ]
    return [*marked, *users]


def _unwrapped(request: ConverseRequest, changed: Mapping[Place, str]) -> ConverseRequest:
    if not changed and not any("guardContent" in block for _, _, block in _blocks(request)):
        return request

    def new(place: Place, block: Mapping[str, Any]) -> Mapping[str, Any]:
        held = block.get("guardContent", block)
        if place in changed:
            return {"text": changed[place]}
        return {"text": held["text"]["text"]} if "guardContent" in block and "text" in held else held

    system = [new((-1, number), block) for number, block in enumerate(request.body.get("system") or ())]
    messages = [
        {**message, "content": [new((row, column), block) for column, block in enumerate(message["content"])]}
        for row, message in enumerate(request.messages)
    ]
    body = {**request.body, "messages": messages, **({"system": system} if system else {})}
    return replace(request, messages=messages, body=body)


def _said(answer: Sequence[Event]) -> dict[int, str]:
    """The texts of an answer by the index of their block."""
    said: dict[int, str] = {}
    for name, content in answer:
        if name == "contentBlockDelta" and "text" in content["delta"]:
            index = content["contentBlockIndex"]
            said[index] = said.get(index, "") + content["delta"]["text"]
    return said


def _masked(answer: Sequence[Event], texts: Mapping[int, str], outcome: Outcome) -> list[Event]:
    """The answer with its texts as they may be seen."""
    if not outcome.intervened:
        return list(answer)
    shown: list[Event] = []
    told: set[int] = set()
    for name, content in answer:
        if name == "contentBlockDelta" and "text" in content["delta"]:
            index = content["contentBlockIndex"]
            if index not in told:
                told.add(index)
                shown.append((name, {**content, "delta": {"text": texts[index]}}))
        elif name == "messageStop" and content["stopReason"] != "tool_use":
            shown.append(message_stop("guardrail_intervened"))
        else:
            shown.append((name, content))
    return shown
