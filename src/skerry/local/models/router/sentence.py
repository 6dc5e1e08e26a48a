"""The form of a sentence: whether it asks to read or to change, or for knowledge and advice that no tool has.

English only, by word order; it understands nothing.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

from skerry.local.models.router import lexicon, words
from skerry.local.models.router.reader import QUOTED

Intent = Literal["read", "write", ""]


@dataclass(frozen=True, slots=True)
class Form:
    """What a sentence wants and the verb that says so.

    `known` says that the verb is one that changes something; else it is only in the place of one. `advice`:
    it asks how, what is better or what a thing is. `head` are the words right after the verb or question
    word: what it is about in the first place.
    """

    intent: Intent
    verb: str = ""
    known: bool = True
    advice: bool = False
    head: tuple[str, ...] = ()


_LEAD = re.compile(
    r"\A\s*(?:(?:please|kindly|hey|hi|ok|okay|so|now|then|and|also|just|go ahead and|let'?s|let us"
    r"|help me(?: to)?"
    r"|(?:can|could|would|will) (?:you|we|i|someone|somebody)(?: please| kindly| help me(?: to)?)?"
    r"|(?:i|we)(?:'d| would| will|'ll)? ?(?:like|want|need|have|wish)(?: you)? to"
    r"|i'?m trying to|you (?:should|must|can)|time to)\b[\s,]*)+",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"(?<=[\w\"')])[?!;:]\s+|(?<=\w)\.\s+(?=[A-Z])|,\s+(?=(?:can|could|please|would|then|and)\b)|\n+"
)
_ADVICE = re.compile(
    r"""\b(?:should|shall|must)\ (?:i|we|one|you)\b | \bdifferences?\ between\b | \b(?:versus|vs)\b
    | \b(?:recommend\w*|advise|advice|opinion|best\ practices?|pros\ and\ cons|trade-?offs?)\b
    | \bdo\ you\ (?:think|prefer|like|believe)\b | \b(?:better|worse)\ (?:than|to|for|:)
    | \b(?:which|what|who)\ (?:one\ )?is\ (?:better|best|worse)\b | \bwould\ it\ be\b
    | \bis\ it\ (?:better|worth|a\ good|a\ bad|safe|wise|ok(?:ay)?)\b
    | ^(?:explain|teach|define|convince)\b(?!\ why) | \bhow\ (?:does|do|did)\ .{1,40}\ works?\b
    | \bwhat\ does\ .{1,40}\ (?:mean|stand\ for)\b | \bwhy\ (?:should|would)\ \w+
    | \bwhat\ (?:would|do)\ you\ (?:choose|use|suggest|say|do)\b | \bwhen\ (?:should|would)\b
    | ^what(?:'s|\ is|\ are)\ an?\ [\w -]+$
    | (?<!\S)\d+\ ?(?:times|plus|minus|divided\ by|[x*+/^])\ ?\d+(?!\w)
    | ^what(?:'s|\ is|\ are)
      \ (?!(?:the|my|our|your|this|that|these|those|in|on|at|wrong|up|new|there|left|it)\b)
      (?:[\w.+-]+\ )?[\w.+-]*(?:[^\Wdgw_]|[^n\W]g|[^e\W]d)$""",
    re.VERBOSE,
)
_HOW_TO = re.compile(
    r"\bhow (?:do|can|would|could|to|might)\b(?: (?:i|we|you|one|people))?\s*", re.IGNORECASE
)
_PARTICLES = words.table("back up down off out over in on away through")
_OBJECT = words.table("the a an my our this that these those all every each me us some any your another")
_BEFORE_VERB = words.table("to and then please it")
_MEASURE = words.table("many much long big large old often deep far full high low fast")
_TOKEN = re.compile(r"[A-Za-z0-9]+(?:['-][A-Za-z0-9]+)*")


def form(text: str, compounds: Container[tuple[str, str]] = (), nouns: Container[str] = ()) -> Form:
    """The form of a text, clause by clause: the first that changes something decides, else the first at all.

    `compounds` are pairs of stems in which the first is no verb (`apply logs`), `nouns` stems of names.
    """
    text = QUOTED.sub(" \u2022 ", text)
    plain = " ".join(text.replace("\u2019", "'").lower().split())
    advice = bool(_ADVICE.search(_LEAD.sub("", plain, count=1).rstrip("?!. ")))
    how = _HOW_TO.match(_LEAD.sub("", plain, count=1))
    clauses = [clause for clause in _CLAUSE.split(text.replace("\u2019", "'")) if clause and clause.strip()]
    found = [_clause(clause, compounds, nouns) for clause in clauses] or [Form("")]
    chosen = next((item for item in found if item.intent == "write"), None)
    chosen = chosen or next((item for item in found if item.intent), found[0])
    if how and chosen.intent != "read":
        advice = True
    head = tuple(word for item in found if item.intent in ("", chosen.intent) for word in item.head)
    return Form(chosen.intent, chosen.verb, chosen.known, advice, head)


def _clause(clause: str, compounds: Container[tuple[str, str]], nouns: Container[str]) -> Form:
    clause = _LEAD.sub("", clause, count=1)
    clause = _HOW_TO.sub("", clause, count=1)
    found = [token.lower() for token in _TOKEN.findall(clause.replace("_", " "))]
    for place, word in enumerate(found):
        following = found[place + 1] if place + 1 < len(found) else ""
        intent, known = _intent(found, place, compounds, nouns)
        if intent is not None:
            verb = "create" if word == "make" and following in ("a", "an", "new", "another", "one") else word
            return Form(
                intent,
                verb,
                known,
                head=_head(found[place + 1 + (word == "how" and following in _MEASURE) :], found[:place]),
            )
    return Form("", head=_head(found, []))


def _intent(
    found: list[str], place: int, compounds: Container[tuple[str, str]], nouns: Container[str]
) -> tuple[Intent | None, bool]:
    """What the word at `place` says of the clause, if it decides, and whether it is a known verb."""
    word, following = found[place], found[place + 1] if place + 1 < len(found) else ""
    before = found[place - 1] if place else ""
    if word == "how":
        return "read", True
    if word == "give":
        return ("read" if following in ("me", "us") else "write"), True
    if word == "get" and following == "rid":
        return "write", True
    if word in words.WHICH or (not place and word in words.QUESTION):
        return "read", True
    if before in words.BEFORE_NOUN or (words.stem(word), words.stem(following)) in compounds:
        return None, True
    if word in words.READ and (not place or following not in ("", "of")):
        return "read", True
    if word == "make" and not place and following not in ("me", "us"):
        return "write", True
    if words.is_verb(word) and (
        not place or before in _BEFORE_VERB or (place == 1 and not _is_noun(before, nouns))
    ):
        return "write", True
    if not place and not word.endswith("s") and not _is_noun(word, nouns) and not words.known(word):
        after = found[2] if len(found) > 2 else ""
        if following in _OBJECT or (following in _PARTICLES and after in _OBJECT):
            return "write", False
    return None, True


def _is_noun(word: str, nouns: Container[str]) -> bool:
    return any(words.stem(name) in nouns for name in (word, *lexicon.SYNONYMS.get(word, ())))


def _head(after: list[str], before: list[str]) -> tuple[str, ...]:
    """The first run of words that mean something, after the verb or else before it."""
    for side in (after, before):
        run: list[str] = []
        for word in side:
            if word in words.STOP or word in words.READ or word in words.NEUTRAL:
                if run:
                    break
                if word in ("it", "them"):
                    return ()
            else:
                run.append(word)
        if run:
            return tuple(run[:4])
    return ()
