"""A text against a guardrail: what was found, what is done about it, and what AWS's answer says of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.local.models.guardrails import lexical, reasoning
from skerry.local.models.guardrails.entities import FINDERS
from skerry.local.models.guardrails.rules import Action, Guardrail, Guardrails

Source = Literal["INPUT", "OUTPUT"]

UNIT = 1000
"""Characters of a text unit, by which policies are counted."""

DONE: dict[Action, str] = {"BLOCK": "BLOCKED", "ANONYMIZE": "ANONYMIZED", "NONE": "NONE"}
REASONS = {"BLOCK": "Guardrail blocked.", "ANONYMIZE": "Guardrail masked.", "NONE": "No action."}


@dataclass(frozen=True, slots=True)
class Block:
    """A text with its qualifiers. Without any, or with `guard_content`, it is what is guarded."""

    text: str
    qualifiers: frozenset[str] = frozenset()

    @property
    def guarded(self) -> bool:
        return not self.qualifiers or "guard_content" in self.qualifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result: `action` is the strongest; `texts` are the guarded texts as they may go on, if they may."""

    guardrail: Guardrail
    source: Source
    action: Action
    texts: tuple[str, ...]
    assessment: dict[str, Any]
    usage: dict[str, int]
    coverage: dict[str, Any]

    @property
    def intervened(self) -> bool:
        return self.action != "NONE"

    @property
    def reason(self) -> str:
        return REASONS[self.action]

    @property
    def message(self) -> str:
        """What is said in place of what was blocked."""
        return self.guardrail.blocked_input if self.source == "INPUT" else self.guardrail.blocked_output


@dataclass(slots=True)
class _Work:
    """What is found while the texts are read."""

    guardrail: Guardrail
    full: bool
    actions: set[Action] = field(default_factory=set)
    words: list[dict[str, Any]] = field(default_factory=list)
    managed: list[dict[str, Any]] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)
    regexes: list[dict[str, Any]] = field(default_factory=list)

    def of(self, text: str) -> str:
        """Reads a text for words and sensitive information; returns it masked."""
        for word in lexical.found_words(text, self.guardrail.words):
            self._add(self.words, {"match": word}, "BLOCK")
        if self.guardrail.managed_words:
            for word in lexical.found_words(text, lexical.PROFANITY):
                self._add(self.managed, {"match": word, "type": "PROFANITY"}, "BLOCK")
        masks: list[tuple[int, int, str]] = []
        for name, action in self.guardrail.entities.items():
            for start, end in FINDERS[name](text):
                self._add(self.entities, {"match": text[start:end], "type": name}, action)
                masks += [(start, end, name)] * (action == "ANONYMIZE")
        for pattern in self.guardrail.patterns:
            for match in pattern.regex.finditer(text):
                found = {"name": pattern.name, "match": match.group(), "regex": pattern.regex.pattern}
                self._add(self.regexes, found, pattern.action)
                masks += [(*match.span(), pattern.name)] * (pattern.action == "ANONYMIZE")
        return _masked(text, masks)

    def _add(self, to: list[dict[str, Any]], found: dict[str, Any], action: Action) -> None:
        self.actions.add(action)
        entry = {**found, "action": DONE[action], "detected": True}
        if entry not in to:
            to.append(entry)

    def topics(self, text: str) -> list[dict[str, Any]]:
        """The denied topics that the text is about; with full scope also those that it is not."""
        entries = []
        for topic in self.guardrail.topics:
            about = lexical.is_about(topic, text)
            if about:
                self.actions.add(topic.action)
            if about or self.full:
                action = DONE[topic.action] if about else "NONE"
                entries.append({"name": topic.name, "type": "DENY", "action": action, "detected": about})
        return entries

    def grounding(self, text: str, sources: str, query: str) -> list[dict[str, Any]]:
        """How much of the text stands in the sources, and of the question in the text."""
        wanted = self.guardrail.grounding
        scores = (
            ("GROUNDING", wanted.grounding, lexical.share(text, sources)),
            ("RELEVANCE", wanted.relevance, lexical.share(query, text)),
        )
        entries = []
        for kind, threshold, score in scores:
            if threshold is None:
                continue
            low = score < threshold
            self.actions |= {"BLOCK"} if low else set()
            if low or self.full:
                entries.append(
                    {
                        "type": kind,
                        "threshold": threshold,
                        "score": round(score, 2),
                        "action": "BLOCKED" if low else "NONE",
                        "detected": low,
                    }
                )
        return entries


def assess(
    guardrails: Guardrails,
    guardrail: Guardrail,
    source: Source,
    blocks: Sequence[Block],
    *,
    full: bool = False,
    images: int = 0,
) -> Outcome:
    """Every policy of a guardrail on some texts. Pure; images are counted and not looked at."""
    work = _Work(guardrail, full)
    guarded = [block.text for block in blocks if block.guarded]
    text = "\n".join(guarded)
    masked = tuple(work.of(item) for item in guarded)
    found: dict[str, Any] = {}
    if topics := work.topics(text):
        found["topicPolicy"] = {"topics": topics}
    if work.words or work.managed:
        found["wordPolicy"] = {"customWords": work.words, "managedWordLists": work.managed}
    if work.entities or work.regexes:
        found["sensitiveInformationPolicy"] = {"piiEntities": work.entities, "regexes": work.regexes}
    sources = _qualified(blocks, "grounding_source")
    query = _qualified(blocks, "query")
    grounds = source == "OUTPUT" and bool(sources and query and text) and _grounds(guardrail)
    if grounds and (filters := work.grounding(text, sources, query)):
        found["contextualGroundingPolicy"] = {"filters": filters}
    if guardrail.rules and text:
        one = reasoning.finding(guardrail, query, text, guardrails.policy_arn(guardrail))
        found["automatedReasoningPolicy"] = {"findings": [one]}
    action = next((item for item in ("BLOCK", "ANONYMIZE") if item in work.actions), "NONE")
    total = sum(len(block.text) for block in blocks)
    coverage: dict[str, Any] = {
        "textCharacters": {"guarded": sum(len(item) for item in guarded), "total": total}
    }
    if images:
        coverage["images"] = {"guarded": 0, "total": images}
    return Outcome(
        guardrail=guardrail,
        source=source,
        action=action,  # type: ignore[arg-type]
        texts=masked if action == "ANONYMIZE" else tuple(guarded),
        assessment=found,
        usage=_usage(guardrail, text, total if grounds else 0),
        coverage=coverage,
    )


def _grounds(guardrail: Guardrail) -> bool:
    wanted = guardrail.grounding
    return wanted.grounding is not None or wanted.relevance is not None


def _qualified(blocks: Sequence[Block], qualifier: str) -> str:
    return "\n".join(block.text for block in blocks if qualifier in block.qualifiers)


def _usage(guardrail: Guardrail, text: str, grounded: int) -> dict[str, int]:
    """Text units by policy; a policy that is not configured has none, and regexes and word lists are free."""
    units = math.ceil(len(text) / UNIT)
    return {
        "topicPolicyUnits": units if guardrail.topics else 0,
        "contentPolicyUnits": 0,
        "wordPolicyUnits": units if guardrail.words or guardrail.managed_words else 0,
        "sensitiveInformationPolicyUnits": units if guardrail.entities else 0,
        "sensitiveInformationPolicyFreeUnits": units if guardrail.patterns else 0,
        "contextualGroundingPolicyUnits": math.ceil(grounded / UNIT),
        "contentPolicyImageUnits": 0,
        "automatedReasoningPolicyUnits": units if guardrail.rules else 0,
        "automatedReasoningPolicies": 1 if guardrail.rules else 0,
    }


def _masked(text: str, masks: Sequence[tuple[int, int, str]]) -> str:
    return "".join(_pieces(text, masks))


def _pieces(text: str, masks: Sequence[tuple[int, int, str]]) -> Iterator[str]:
    """The text with `{NAME}` in place of each span; of spans that overlap the first, then the longest."""
    at = 0
    for start, end, name in sorted(masks, key=lambda mask: (mask[0], -mask[1])):
        if start >= at:
            yield text[at:start]
            yield f"{{{name}}}"
            at = end
        else:  # the rest of a span that began inside another is hidden with it
            at = max(at, end)
    yield text[at:]
