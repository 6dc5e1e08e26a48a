"""Text of models, tools and servers made fit for Streamlit's markdown.

Streamlit escapes HTML by itself. It also draws pictures from any address, diagrams, and mathematics between
dollar signs: a picture's address would tell a stranger what the conversation holds, and prices are no
mathematics. The policy in `server` refuses foreign pictures a second time, whatever is missed here.

Sources: CommonMark 0.31 (fenced code blocks, code spans, backslash escapes); Streamlit 1.67, `st.markdown`.
"""

from __future__ import annotations

import re

from skerry.wire.shown import clean

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_DRAWN = re.compile(r"^\s*mermaid\b", re.IGNORECASE)
_TICKS = re.compile(r"`+")
_PICTURE = re.compile(r"(?<!\\)((?:\\\\)*)!\[")  # behind an even number of backslashes
_DOLLAR = re.compile(r"(?<!\\)((?:\\\\)*)\$")
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])")


def markdown(text: str) -> str:
    """Markdown of a model without pictures, diagrams and mathematics; code blocks stay as they are."""
    result: list[str | None] = []
    prose: list[str] = []
    fence = ""
    for line in clean(text).split("\n"):
        match = _FENCE.match(line)
        if fence:
            ends = match is not None and match[1].startswith(fence) and not match[2].strip()
            result.append(line)
            fence = "" if ends else fence
        elif match is not None and not (match[1][0] == "`" and "`" in match[2]):
            result.append(_prose(prose))
            prose, fence = [], match[1]
            result.append(line[: match.end(1)] + _DRAWN.sub("text", match[2]))
        else:
            prose.append(line)
            if not line.strip():
                result.append(_prose(prose))
                prose = []
    result.append(_prose(prose))
    return "\n".join(part for part in result if part is not None)


def _prose(lines: list[str]) -> str | None:
    return _spans("\n".join(lines)) if lines else None


def _spans(text: str) -> str:
    """One paragraph. Dollar signs in what looks like a code span stay as they are; pictures nowhere do.

    Where a span ends depends on lists, quotes and definitions around it: too much to stake a request on.
    """
    result: list[str] = []
    position = 0
    while (ticks := _TICKS.search(text, position)) is not None:
        closing = None
        if not _escaped(text, ticks.start()):
            same = (each for each in _TICKS.finditer(text, ticks.end()) if len(each[0]) == len(ticks[0]))
            closing = next(same, None)
        result.append(_without_mathematics(text[position : ticks.start()]))
        position = ticks.end() if closing is None else closing.end()
        result.append(text[ticks.start() : position])
    result.append(_without_mathematics(text[position:]))
    return _PICTURE.sub(r"\1\\![", "".join(result))


def _escaped(text: str, position: int) -> bool:
    before = len(text[:position]) - len(text[:position].rstrip("\\"))
    return before % 2 == 1


def _without_mathematics(text: str) -> str:
    return _DOLLAR.sub(r"\1\\$", text)


def plain(text: str) -> str:
    """Text that markdown shows letter by letter, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(clean(text).split()))


def code_span(text: str) -> str:
    """Text as a code span, on one line, whatever it holds."""
    shown = " ".join(clean(text).split()) or " "
    longest = max((len(each[0]) for each in _TICKS.finditer(shown)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {shown} {ticks}" if longest else f"`{shown}`"
