"""What the report of a failed test says of the stack: the hops of its time, and what was logged meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skerry.errors import SkerryError
from skerry.testing.stack import Stack

HOPS, LINES, WIDTH = 60, 60, 240
"""At most so many hops and lines of logs, the newest, and characters of a line."""
READ = 256 * 1024
"""Bytes that are read of a log at most."""

_ACCESS = " skerry.access "
"""In a line of the endpoint's log that says nothing which a hop does not say better."""
_PRINTED = re.compile(r"\S+ \S+ \S+ skerry\.runtime\.output (?P<runtime>\w+) \S+: ?(?P<text>.*)")
"""A line of the endpoint's log that a program of a runtime printed."""


@dataclass(frozen=True, slots=True)
class Marks:
    """A moment: its time, and how long each log was."""

    time: float
    sizes: Mapping[Path, int]

    @classmethod
    def now(cls, time: float, *stacks: Stack) -> Marks:
        """The marks of this moment for the logs of `stacks`."""
        return cls(time, {file: file.stat().st_size for stack in stacks for file in _logs(stack)})


def sections(stack: Stack, ready: Marks, began: Marks) -> Iterator[tuple[str, str]]:
    """Titles and texts: what of a stack was called since a test began, and what it logged meanwhile.

    Nothing where nothing was called. How a stack got ready, which may be in the time of the first test, is
    left out.
    """
    since = max(ready.time, began.time)
    try:
        hops = stack.hop_tree(since=since, limit=HOPS + 1)
    except SkerryError as error:
        hops = [f"skerry hops: {error}"]
    if not hops:
        return
    yield "skerry hops", _bounded(hops, HOPS)
    logged = []
    for file in _logs(stack):
        size = max(ready.sizes.get(file, 0), began.sizes.get(file, 0))
        for line in _since(file, size):
            if _ACCESS not in line:
                logged += readable(file.stem, line)
    if logged:
        yield "skerry logs", _bounded(logged, LINES)


def readable(log: str, line: str) -> list[str]:
    """A line of a log for people: where it is from and what it says, a traceback line by line.

    AWS's SDK logs JSON, in which `stackTrace` is a list as `traceback.format_exception` gives it.
    """
    printed = _PRINTED.fullmatch(line)
    name, text = (printed["runtime"], printed["text"]) if printed else (log, line)
    try:
        told = json.loads(text)
        text = f"{told['level']} {told['message']}\n{''.join(told.get('stackTrace', ()))}"
    except (ValueError, TypeError, KeyError):
        pass  # an ordinary line
    return [f"{name}: {one}" for one in text.splitlines()]


def _logs(stack: Stack) -> list[Path]:
    return sorted((stack.state / "logs").glob("*.log"))


def _since(file: Path, size: int) -> list[str]:
    with file.open("rb") as log:
        end = log.seek(0, 2)
        log.seek(max(size if size <= end else 0, end - READ))  # shorter than before: it was begun anew
        return log.read(READ).decode("utf-8", "replace").splitlines()


def _bounded(lines: Sequence[str], count: int) -> str:
    shown = [line if len(line) <= WIDTH else f"{line[:WIDTH]}…" for line in lines[-count:]]
    if len(lines) > count:
        shown.insert(0, f"… the newest {count}; --skerry-state DIR keeps all of them")
    return "\n".join(shown)
