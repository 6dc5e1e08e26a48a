"""From one question to one route: call a tool, ask for what is missing, offer two, or say that none fits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from skerry.local.models.request import ToolSpec
from skerry.local.models.router import followup, words
from skerry.local.models.router.arguments import Around, fill
from skerry.local.models.router.guard import asks_for_secret, permitted, writes
from skerry.local.models.router.lexical import Index, Match, bare
from skerry.local.models.router.question import Concept, concepts, covered
from skerry.local.models.router.routes import Ask, Call, Decline, Offer, Route
from skerry.local.models.router.sentence import Form, form
from skerry.local.models.router.weighing import Asked, Candidate, weighed

__all__ = ["Ask", "Call", "Decline", "Offer", "Route", "best", "route", "writes"]

CLOSE = 0.08
"""Below this relative distance of the first two, both are offered."""
COVER = 0.34
"""The share of a question's words that the best tool must have."""
CANDIDATES = 12
"""So many documents are looked at more closely."""

_COMMAND = re.compile(r"\s*/call\s+(?P<tool>[\w.-]+)\s*(?P<json>.*)", re.DOTALL)
_HELP = re.compile(
    r"\s*(?:/tools|/help|help|what can (?:you|i) (?:do|ask)|(?:which|what) tools?\b.*"
    r"|list (?:the |your )?tools)\s*[?.!]*\s*",
    re.IGNORECASE,
)
_ABANDON = re.compile(
    r"\s*(?:no|nope|none|neither|cancel|stop|never ?mind|forget it|quit)\b[\s\w]{0,20}[.!]*\s*", re.IGNORECASE
)


def route(text: str, index: Index, pending: Route | None = None, today: date | None = None) -> Route:
    """Where `text` leads among the tools of `index`; `pending` is the open question that it may answer."""
    command = _COMMAND.fullmatch(text)
    if command:
        return followup.command(command["tool"], command["json"].strip(), index.tools)
    if isinstance(pending, Ask | Offer) and _ABANDON.fullmatch(text):
        return Decline("abandoned")
    around = Around(index.common, today)
    fresh: Route | None = None
    if isinstance(pending, Ask):
        fresh = _fresh(text, index, around)
        if not (isinstance(fresh, Call) and form(text).verb and len(text.split()) > 3):
            answered = followup.answered(pending, text, around)
            if answered is not None:
                return answered
    if isinstance(pending, Offer):
        chosen = followup.chosen(pending, text)
        if chosen is not None:
            return _only(chosen, pending.text, around)
    if _HELP.fullmatch(text):
        return Decline("help")
    return fresh or _fresh(text, index, around)


def best(text: str, index: Index) -> ToolSpec:
    """The tool that fits best where one must be called; without any match the first."""
    ranked = index.rank(_concepts(text, form(text), index))
    return ranked[0].tool if ranked else index.tools[0]


def _concepts(text: str, said: Form, index: Index) -> list[Concept]:
    return concepts(text, said, index.__contains__, index.similar)


def _fresh(text: str, index: Index, around: Around) -> Route:
    said = form(text, index.compounds, index.nouns)
    found = _concepts(text, said, index)
    matches = sorted(index.matches(found), key=lambda match: -match.score)
    allowed = [match for match in matches if permitted(match.document, said)]
    first = allowed[0] if allowed else None
    if asks_for_secret(text, first.document if first else None):
        return Decline("secret", why="it asks for a secret")
    if said.advice and (allowed or said.intent != "write"):
        return Decline("advice", why="it asks how, what is better, or what something is")
    if first is None:
        note = "but it does not do what the verb asks" if matches else "no tool has a word of the question"
        return _declined(said, matches, found, note)
    candidates = weighed(allowed[:CANDIDATES], Asked(text, said, found), index, around)
    top = candidates[0]
    tool = top.match.tool.name
    said_of = frozenset(stem for match in matches if match.tool.name == tool for stem in match.found)
    unfit = _unfit(top, said_of, found, said)
    if unfit:
        return _declined(said, [top.match, *matches], found, unfit)
    rivals = [item for item in candidates[1:] if item.match.tool.name != top.match.tool.name]
    if rivals and _share(top, rivals[0]) < CLOSE:
        note = "too close to choose"
        return Offer(
            (top.match.tool, rivals[0].match.tool), text, _why([top.match, rivals[0].match], found, note)
        )
    why = _why([item.match for item in (top, *rivals[:1])], found)
    operation = top.match.document.operation
    if operation is not None and not top.filled.sure and _names_only(top.match, found):
        return Ask(top.match.tool, {}, (operation.chooser,), why)
    return _routed(top, why)


def _declined(said: Form, matches: Sequence[Match], found: Sequence[Concept], note: str) -> Decline:
    why = _why(matches[:1], found, note)
    if said.intent != "write":
        return Decline("none", why=why)
    near = (match for match in matches if match.named and not writes(match.tool))
    return Decline("write", said.verb, why, next((match.tool.name for match in near), ""))


def _unfit(top: Candidate, of_tool: frozenset[str], found: Sequence[Concept], said: Form) -> str:
    """Why the best match is not good enough, or nothing."""
    taken = frozenset(word for value in top.filled.arguments.values() for word in words.words(str(value)))
    if covered(found, of_tool, taken) < COVER:
        return "too few words in common"
    head = {words.stem(word.removesuffix("'s")) for word in said.head}
    about = [item for item in found if item.stem in head and (item.word not in taken or item.stem in of_tool)]
    shown = top.match.document.shown
    # What describes a thing as a whole may well tell of what it does not name.
    whole = top.filled.sure and {"describe", "details"} & set(top.match.document.plain)
    if about and not whole and not any(item.stem in of_tool for item in about):
        return "it is not about that"
    if said.intent == "write" and about and not any(set(item.stems) & shown for item in about):
        return "it does not do that"
    return ""


def _names_only(match: Match, found: Sequence[Concept]) -> bool:
    """Whether the tool was named, and nothing said about what to do with it."""
    name = {words.stem(word) for word in words.split(match.tool.name)}
    return all(item.stem in name for item in found if item.stem in match.found)


def _share(first: Candidate, second: Candidate) -> float:
    return (first.score - second.score) / first.score


def _routed(candidate: Candidate, why: str) -> Route:
    tool, filled = candidate.match.tool, candidate.filled
    if filled.missing:
        return Ask(tool, filled.arguments, filled.missing, why)
    return Call(tool, filled.arguments, why)


def _only(tool: ToolSpec, text: str, around: Around) -> Route:
    """The route of a question for a tool that is chosen already."""
    index = Index((tool,))
    said = form(text, index.compounds, index.nouns)
    found = _concepts(text, said, index)
    candidates = weighed(list(index.matches(found)), Asked(text, said, found), index, around)
    if candidates:
        return _routed(candidates[0], "chosen by the user")
    filled = fill(tool.schema, text, tool=bare(tool.name), around=around)
    return Ask(tool, filled.arguments, filled.missing) if filled.missing else Call(tool, filled.arguments)


def _why(matches: Sequence[Match], found: Sequence[Concept], note: str = "") -> str:
    if not matches:
        return note
    first = matches[0]
    said = ", ".join(item.word for item in found if item.stem in first.found)
    parts = [f"{first.tool.name} scored {first.score:.2f} by the words: {said}"]
    if len(matches) > 1:
        share = (first.score - matches[1].score) / first.score
        parts.append(f"{share:.0%} ahead of {matches[1].tool.name}")
    return "; ".join([*parts, note] if note else parts)
