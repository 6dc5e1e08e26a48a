"""The hops in a state directory: what the recorder wrote, also when no stack runs."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from skerry.errors import StateError
from skerry.wire.hop import Hop, fits, of

FILES = ("hops.jsonl.1", "hops.jsonl")


def recorded(state: Path) -> Iterator[Hop]:
    """The hops in a state directory, oldest first. Raises StateError when there are none."""
    files = [state / name for name in FILES if (state / name).is_file()]
    if not files:
        raise StateError(
            f"there are no hops in {state}.", hint="Start `skerry up`, and let something happen."
        )
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise StateError(f"{file} cannot be read: {error.strerror}.") from error
        for line in text.splitlines():
            try:
                yield of(json.loads(line))
            except (ValueError, TypeError, AttributeError):
                continue  # the last line of a stack that was killed


def newest(
    state: Path, *, session: str, since: float, limit: int, trace: str = "", looks: bool = True
) -> list[Hop]:
    """The newest `limit` hops that fit, oldest first, as `local.recorder` gives them. Raises StateError."""
    fitting = (
        hop for hop in recorded(state) if fits(hop, session=session, trace=trace, since=since, looks=looks)
    )
    return list(deque(fitting, maxlen=limit))
