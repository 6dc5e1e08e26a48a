"""From one question to one route: call a tool, ask for what is missing, offer two, or say that none fits.

Routing is no safety layer: what a tool may do is for the tool and its owner to enforce.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from skerry.local.models.request import ToolSpec
from skerry.local.models.router import words
from skerry.local.models.router.arguments import fill, supplied
from skerry.local.models.router.lexical import Index, Match, bare, question_words
from skerry.local.models.router.schema import MISSING, properties, required

CLOSE = 0.12
"""Below this relative distance of the first two, both are offered."""
COVER = 0.34
"""The share of a question's words that the best tool must have."""

_COMMAND = re.compile(r"\s*/call\s+(?P<tool>[\w.-]+)\s*(?P<json>.*)", re.DOTALL)
_HELP = re.compile(
    r"\s*(?:/tools|/help|help|what can (?:you|i) (?:do|ask)|(?:which|what) tools?\b.*"
    r"|list (?:the |your )?tools)\s*[?.!]*\s*",
    re.IGNORECASE,
)
_ABANDON = re.compile(
    r"\s*(?:no|nope|none|neither|cancel|stop|never ?mind|forget it|quit)\b[\s\w]{0,20}[.!]*\s*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Call:
    """Call this tool."""

    tool: ToolSpec
    arguments: Mapping[str, Any]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """The tool is clear, required arguments are missing."""

    tool: ToolSpec
    arguments: Mapping[str, Any]
    missing: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """Two tools fit about equally well."""

    tools: tuple[ToolSpec, ...]
    text: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Decline:
    """Nothing is called. `kind` says why; `detail` is the verb of `write` or the text of `problem`."""

    kind: Literal["none", "write", "help", "abandoned", "problem"]
    detail: str = ""
    why: str = ""


Route = Call | Ask | Offer | Decline


def route(text: str, index: Index, pending: Route | None = None) -> Route:
    """Where `text` leads among the tools of `index`; `pending` is the open question that it may answer."""
    command = _COMMAND.fullmatch(text)
    if command:
        return _command(command["tool"], command["json"].strip(), index.tools)
    if isinstance(pending, Ask | Offer) and _ABANDON.fullmatch(text):
        return Decline("abandoned")
    if isinstance(pending, Ask):
        answered = _answered(pending, text, index)
        if answered is not None:
            return answered
    if isinstance(pending, Offer):
        chosen = _chosen(pending, text)
        if chosen is not None:
            return _filled(chosen, pending.text, "chosen by the user")
    if _HELP.fullmatch(text):
        return Decline("help")
    return _fresh(text, index)


def best(text: str, index: Index) -> ToolSpec:
    """The tool that fits best where one must be called; without any match the first."""
    ranked = index.rank(list(question_words(text)))
    return ranked[0].tool if ranked else index.tools[0]


def _fresh(text: str, index: Index) -> Route:
    question = question_words(text)
    matches = index.rank(list(question))
    intent, verb = words.intent(text)
    allowed = [match for match in matches if _permitted(match.tool, intent, verb)]
    if not allowed:
        kind: Literal["write", "none"] = "write" if intent == "write" else "none"
        note = "but it does not do what the verb asks" if matches else "no tool has a word of the question"
        return Decline(kind, verb if intent == "write" else "", _why(matches[:1], question, note))
    first = allowed[0]
    if len(first.found) / len(question) < COVER:
        return Decline("none", why=_why(allowed[:1], question, "too few words in common"))
    if len(allowed) > 1 and _margin(allowed) < CLOSE:
        tied = _by_arguments([match for match in allowed[:3] if _close(first, match)], text)
        if len(tied) > 1:
            return Offer(
                tuple(match.tool for match in tied[:2]),
                text,
                _why(allowed[:2], question, "too close to choose"),
            )
        first = tied[0]
    others = [match for match in allowed if match is not first]
    return _filled(first.tool, text, _why([first, *others][:2], question))


def _permitted(tool: ToolSpec, intent: str, verb: str) -> bool:
    """The guard: a request to change goes to a tool that changes in that way, any other to none of these."""
    families = writes(tool)
    if intent != "write":
        return not families
    if words.family(verb) in families:
        return True
    said = words.stem(verb)
    own = {words.stem(word) for word in [*words.split(bare(tool.name)), *words.words(tool.description)]}
    reads = any(word in words.READ for word in words.split(bare(tool.name)))
    return said in own and not reads


def writes(tool: ToolSpec) -> frozenset[str]:
    """The families of change that a tool's name, else its description, speaks of; empty for readers."""
    for word in words.split(bare(tool.name)):
        if word in words.READ:
            return frozenset()
        if words.family(word):
            return frozenset({words.family(word)})
    for word in words.words(tool.description)[:2]:
        if word in words.READ or words.stem(word) in {words.stem(verb) for verb in words.READ}:
            return frozenset()
        if words.family(word):
            return frozenset({words.family(word)})
    return frozenset()


def _margin(matches: Sequence[Match]) -> float:
    return (matches[0].score - matches[1].score) / matches[0].score


def _close(first: Match, other: Match) -> bool:
    return (first.score - other.score) / first.score < CLOSE


def _by_arguments(matches: Sequence[Match], text: str) -> Sequence[Match]:
    """Of equally good tools those that miss the fewest arguments and have the most words in their name."""
    keys = {
        match.tool.name: (
            len(fill(match.tool.schema, text, tool=bare(match.tool.name)).missing),
            -len(match.named),
        )
        for match in matches
    }
    least = min(keys.values())
    return [match for match in matches if keys[match.tool.name] == least]


def _filled(tool: ToolSpec, text: str, why: str, given: Mapping[str, Any] | None = None) -> Route:
    found = fill(tool.schema, text, tool=bare(tool.name), given=given)
    if found.missing:
        return Ask(tool, found.arguments, found.missing, why)
    return Call(tool, found.arguments, why)


def _answered(pending: Ask, text: str, index: Index) -> Route | None:
    """The route when `text` supplies what was asked for; None when it is a new question."""
    props = properties(pending.tool.schema)
    fresh = _fresh(text, index)
    if isinstance(fresh, Call) and words.intent(text)[1] and len(text.split()) > 3:
        return None
    found = fill(pending.tool.schema, text, tool=bare(pending.tool.name), given=pending.arguments)
    arguments = dict(found.arguments)
    if not any(name in arguments for name in pending.missing):
        first = pending.missing[0]
        value = supplied(props[first], first, text)
        if value is not MISSING:
            arguments[first] = value
    missing = tuple(name for name in required(pending.tool.schema) if name not in arguments)
    if missing == pending.missing:
        return None
    if missing:
        return Ask(pending.tool, arguments, missing, "answer to the question before")
    return Call(pending.tool, arguments, "answer to the question before")


def _chosen(pending: Offer, text: str) -> ToolSpec | None:
    plain = text.strip().lower().rstrip(".!")
    for number, tool in enumerate(pending.tools):
        ordinal = ("first", "second")[number]
        if plain in (str(number + 1), ordinal, f"the {ordinal}", f"the {ordinal} one", tool.name.lower()):
            return tool
        if re.search(rf"\b{re.escape(bare(tool.name).lower())}\b", plain):
            return tool
    if len(plain.split()) > 6:
        return None
    ranked = Index(pending.tools).rank(list(question_words(text)))
    if ranked and (len(ranked) == 1 or _margin(ranked) >= CLOSE):
        return ranked[0].tool
    return None


def _command(name: str, body: str, tools: Sequence[ToolSpec]) -> Route:
    found = [tool for tool in tools if tool.name == name] or [
        tool for tool in tools if bare(tool.name) == name
    ]
    if len(found) != 1:
        if found:
            names = ", ".join(f"`{tool.name}`" for tool in found)
            return Decline("problem", f"`{name}` is the name of several tools; write one of {names}.")
        return Decline("problem", f"There is no tool `{name}`.")
    try:
        arguments = json.loads(body or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        return Decline(
            "problem", f"What follows `/call {name}` must be a JSON object, such as `" + '{"name": "value"}`.'
        )
    return Call(found[0], arguments, "called by its exact name")


def _why(matches: Sequence[Match], question: Mapping[str, str], note: str = "") -> str:
    if not matches:
        return note
    first = matches[0]
    said = ", ".join(question[stem] for stem in question if stem in first.found)
    parts = [f"{first.tool.name} scored {first.score:.2f} by the words: {said}"]
    if len(matches) > 1:
        share = (first.score - matches[1].score) / first.score
        parts.append(f"{share:.0%} ahead of {matches[1].tool.name}")
    return "; ".join([*parts, note] if note else parts)
