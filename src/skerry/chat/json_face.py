"""The face of scripts: every event as one line of JSON, and nobody who could be asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TextIO

from skerry.chat.face import Event, Shown
from skerry.chat.form import Filled
from skerry.chat.known import Known


class JsonFace:
    """Prints every event as one line of JSON and asks nobody.

    What a command lists is one line too: `{"type": "CUSTOM", "name": "listing", "value": [{…}]}`.
    """

    def __init__(self, out: TextIO | None = None, source: TextIO | None = None) -> None:
        self.shown = Shown()
        self._out = out or sys.stdout
        self._in = source or sys.stdin

    def question(self) -> str | None:
        line = self._in.readline()
        return line.rstrip("\r\n") if line else None

    def show(self, event: Event) -> None:
        self._out.write(json.dumps(event, ensure_ascii=False) + "\n")
        self._out.flush()

    def stopped(self) -> None:
        """Nothing: every line is whole."""

    def confirm(self, interrupt: Event) -> bool | None:  # noqa: ARG002  (its event was printed)
        return None

    def fill(self, interrupt: Event) -> Filled | None:  # noqa: ARG002  (its event was printed)
        return None

    def sure(self, text: str) -> bool | None:  # noqa: ARG002  (nobody is there)
        return None

    def note(self, text: str) -> None:
        """Nothing but events is printed."""

    def said(self, text: str) -> None:
        """Nothing but events is printed."""

    def listing(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        value = [dict(zip(heads, row, strict=True)) for row in rows]
        self.show({"type": "CUSTOM", "name": "listing", "value": value})

    def unfold(self, number: int) -> bool:  # noqa: ARG002  (nothing is folded)
        return False

    def knows(self, known: Known) -> None:
        """Nothing is completed here."""
