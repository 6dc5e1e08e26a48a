"""Which hop stands below which: the one that it names as its caller, else a likely one.

A hop names its caller by span (W3C Trace Context) when the caller passed a trace on. Where that caller is
not shown, or none was named, the times of hops are all that is left, and the innermost hop is taken that was
open while this one began and ended and in which it can have been called at all; else it stands at the
margin, which says that nothing is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Hop = Mapping[str, Any]


def placed(hops: Sequence[Hop]) -> Iterator[tuple[int, Hop]]:
    """Each hop and how deep it stands, callers before what they call, in the order in which they began."""
    ordered = sorted(hops, key=lambda hop: (hop["started"], -hop["duration_ms"]))
    below: dict[int | None, list[int]] = defaultdict(list)
    for number, caller in enumerate(_callers(ordered)):
        below[caller].append(number)
    waiting = [(0, number) for number in reversed(below[None])]
    while waiting:
        depth, number = waiting.pop()
        yield depth, ordered[number]
        waiting += [(depth + 1, called) for called in reversed(below[number])]


def _callers(ordered: Sequence[Hop]) -> list[int | None]:
    """For each hop the position of the one that called it, None where that is not known."""
    known: dict[tuple[str, str], int] = {}
    for number, hop in enumerate(ordered):
        if hop.get("span"):
            known.setdefault((hop["trace"], hop["span"]), number)
    named = [known.get((hop.get("trace", ""), hop.get("parent", ""))) for hop in ordered]
    callers: list[int | None] = [None] * len(ordered)
    for number, caller in enumerate(named):
        if caller is not None and not _within(caller, number, callers):
            callers[number] = caller
    passing = {caller for caller in callers if caller is not None}
    open_now: list[int] = []
    for number, hop in enumerate(ordered):
        open_now = [other for other in open_now if _end(ordered[other]) >= hop["started"]]
        if callers[number] is None:
            fitting = (
                other
                for other in reversed(open_now)
                if _end(ordered[other]) >= _end(hop)
                and _can_have_called(ordered[other], hop, passes=other in passing)
                and not _within(other, number, callers)
            )
            callers[number] = next(fitting, None)
        open_now.append(number)
    return callers


def _within(number: int | None, above: int, callers: Sequence[int | None]) -> bool:
    """Whether a hop is another one or stands below it: what comes in a circle is nobody's word."""
    while number is not None and number != above:
        number = callers[number]
    return number == above


def _end(hop: Hop) -> float:
    return float(hop["started"] + hop["duration_ms"] / 1000)


def _can_have_called(caller: Hop, hop: Hop, *, passes: bool) -> bool:
    """Whether a hop can have been called in another without naming it.

    Everything in skerry passes traces on, so it was a program behind a runtime, a function or a target.
    `passes` says that others name the caller, whose program therefore passes traces on.
    """
    if not caller.get("trace"):  # of a part that knows none, or from an older file
        return not hop.get("parent")
    runs = caller["part"] in ("runtime", "functions")
    if not (runs or caller["operation"].startswith("→")):
        return False
    if hop.get("parent"):  # an instrumented program has spans of its own, which are no hops
        return caller["trace"] == hop["trace"] and not passes
    mine, its = hop.get("session", ""), caller.get("session", "")
    if runs and hop["auth"] == "sigv4":  # programs sign with keys that name their session
        return bool(mine == its)
    if mine and its:
        return bool(mine == its and (runs or not passes))
    return not passes
