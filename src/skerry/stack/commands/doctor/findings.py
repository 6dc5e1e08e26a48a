"""What was found: one thing each, whether it is good, and what to do when it is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from skerry.errors import SkerryError
from skerry.wire.shown import clean

Level = Literal["ok", "note", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding about one thing. `code` is that of the error it would be, empty where it is none."""

    about: str
    level: Level
    message: str
    hint: str = ""
    code: str = ""


def good(about: str, message: str) -> Finding:
    """Nothing to do."""
    return Finding(about=about, level="ok", message=message)


def note(about: str, message: str, hint: str = "") -> Finding:
    """Worth knowing, and maybe the reason."""
    return Finding(about=about, level="note", message=message, hint=hint)


def bad(about: str, error: SkerryError) -> Finding:
    """What an error says."""
    return Finding(about=about, level="bad", message=error.message, hint=error.hint, code=error.code)


def lines(found: Sequence[Finding]) -> Iterator[str]:
    """For people: what is good in one line, the rest with the next move below."""
    for one in found:
        end = f" [{one.code}]" if one.code else ""
        mark = "FAIL" if one.level == "bad" else one.level
        yield f"{mark:<5} {one.about:<10} {clean(one.message)}{end}"
        if one.hint:
            yield f"{'':<16} {clean(one.hint)}"


def shown(found: Sequence[Finding]) -> dict[str, object]:
    """For JSON."""
    return {"ok": not any(one.level == "bad" for one in found), "findings": [asdict(one) for one in found]}
