"""The clock of a stack's tokens, which people move.

A token ends when its time is over, and nobody wants to wait for that. So the identity provider of a stack and
whoever checks or keeps its tokens there go by one clock, whose lead over the machine's stands in a file:

    STATE/idp/clock.json   {"moved": 7200.0, "advanced": 7200.0}

`moved` is the lead of the time of day; `advanced` counts every advance and never shrinks, so that a clock
that never goes back does not when the lead is taken away. Signatures of AWS and the recorder keep the real
time.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from pathlib import Path

from skerry.auth.clock import SystemClock
from skerry.auth.ports import Clock
from skerry.errors import ConfigurationError, StateError

LONGEST_LEAD = 10 * 366 * 86_400.0
"""Seconds."""


class MovedClock:
    """`base` and the lead that `file` says, read again whenever the file has changed; no file, no lead.

    A file that cannot be read changes nothing.
    """

    def __init__(self, file: Path, base: Clock | None = None) -> None:
        self._file = file
        self._base = base or SystemClock()
        self._seen: tuple[int, int, int] | None = None
        self._lead = self._advanced = 0.0

    def time(self) -> float:
        """Seconds since the epoch, moved."""
        self._look()
        return self._base.time() + self._lead

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back, moved."""
        self._look()
        return self._base.monotonic() + self._advanced

    @property
    def lead(self) -> float:
        """Seconds by which `time` is ahead."""
        self._look()
        return self._lead

    def _look(self) -> None:
        try:
            found = self._file.stat()
        except OSError:
            if self._seen is not None:
                self._seen, self._lead = None, 0.0
            return
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen != self._seen:
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
                self._lead, advanced = _read(self._file)
                self._advanced = max(self._advanced, advanced)
            self._seen = seen


def clock_of(file: Path | None, base: Clock | None = None) -> Clock:
    """The clock of tokens: the one that a file moves, or without a file `base`, else the machine's."""
    return (base or SystemClock()) if file is None else MovedClock(file, base)


def advance(file: Path, seconds: float) -> float:
    """Moves the clock of `file` forward; the lead after it, in seconds.

    Raises ConfigurationError when it would be more than LONGEST_LEAD, StateError when the file cannot be
    used.
    """
    lead, advanced = _kept(file)
    if not 0 < seconds <= LONGEST_LEAD - lead:
        raise ConfigurationError(
            "the clock cannot be moved that far.",
            hint=f"Ten years is the most; it is {lead:.0f} s ahead now.",
        )
    _write(file, lead + seconds, advanced + seconds)
    return lead + seconds


def reset(file: Path) -> None:
    """Lets the clock of `file` show the machine's time again. Raises StateError."""
    _, advanced = _kept(file)
    _write(file, 0.0, advanced)


def _kept(file: Path) -> tuple[float, float]:
    try:
        return _read(file)
    except FileNotFoundError:
        return 0.0, 0.0
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise StateError(f"{file} cannot be read as a clock.", hint="Remove it.") from error


def _read(file: Path) -> tuple[float, float]:
    data = json.loads(file.read_text(encoding="utf-8"))
    lead, advanced = float(data["moved"]), float(data["advanced"])
    if not (math.isfinite(advanced) and 0 <= lead <= LONGEST_LEAD):
        raise ValueError("not a lead")
    return lead, advanced


def _write(file: Path, lead: float, advanced: float) -> None:
    """At once, so that a reader sees the one or the other, and for its owner alone."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".clock.")  # 0600
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump({"moved": lead, "advanced": advanced}, out)
        Path(name).replace(file)
    except OSError as error:
        raise StateError(f"{file} cannot be written: {error.strerror}.") from error
