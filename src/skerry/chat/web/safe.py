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
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])")


def markdown(text: str) -> str:
    """Markdown of a model without pictures from elsewhere, diagrams and mathematics; code stays as it is."""
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
            result.append(_DRAWN.sub("text", match[2]).join((line[: match.end(1)], "")))
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
    """One paragraph: code spans as they are, all else made harmless."""
    result: list[str] = []
    position = 0
    while position < len(text):
        ticks = _TICKS.search(text, position)
        if ticks is None:
            break
        if _escaped(text, ticks.start()):
            result.append(_harmless(text[position : ticks.start() + 1]))
            position = ticks.start() + 1
            continue
        closing = next(
            (each for each in _TICKS.finditer(text, ticks.end()) if len(each[0]) == len(ticks[0])), None
        )
        if closing is None:
            result.append(_harmless(text[position : ticks.end()]))
            position = ticks.end()
        else:
            result.append(_harmless(text[position : ticks.start()]))
            result.append(text[ticks.start() : closing.end()])
            position = closing.end()
    result.append(_harmless(text[position:]))
    return "".join(result)


def _escaped(text: str, position: int) -> bool:
    before = len(text[:position]) - len(text[:position].rstrip("\\"))
    return before % 2 == 1


def _harmless(text: str) -> str:
    """Outside of code: a picture becomes a link that a person may follow, a dollar sign stays one."""
    result: list[str] = []
    backslash = False
    for index, char in enumerate(text):
        starts_picture = char == "!" and text[index + 1 : index + 2] == "["
        if (char == "$" or starts_picture) and not backslash:
            result.append("\\")
        result.append(char)
        backslash = char == "\\" and not backslash
    return "".join(result)


def plain(text: str) -> str:
    """Text that markdown shows letter by letter, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(clean(text).split()))


def code_span(text: str) -> str:
    """Text as a code span, on one line, whatever it holds."""
    shown = " ".join(clean(text).split()) or " "
    longest = max((len(each[0]) for each in _TICKS.finditer(shown)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {shown} {ticks}" if longest else f"`{shown}`"
