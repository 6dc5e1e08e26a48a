"""A page that a server wants the person to open: shown whole, opened after a yes, never fetched.

Source: MCP 2025-11-25 and 2026-07-28, elicitation in URL mode.
"""

from __future__ import annotations

from collections.abc import Callable

from skerry.chat.face import Event, Face
from skerry.wire.links import link
from skerry.wire.shown import clean


def opened(interrupt: Event, face: Face, show: Callable[[str], object]) -> bool | None:
    """Whether the person opened the page and is done there; None when nobody can be asked."""
    found = link(str(interrupt.get("url", "")))
    asker, message = (clean(str(interrupt.get(name, ""))) for name in ("toolName", "message"))
    face.note("\n".join((f"{asker} asks: {message}", *found.lines())))
    if found.problem:
        return False
    agreed = face.sure("Open it in a browser? [y/N] ")
    if not agreed:
        return agreed
    show(found.url)
    return face.sure("Are you done there? [y/N] ")
