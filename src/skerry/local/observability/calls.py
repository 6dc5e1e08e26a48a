"""A hop with what its targets took: the gateway's own time is the rest."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from skerry.wire.hop import Hop

OPEN = 4096
"""Calls whose end is still to come; of more, the oldest are forgotten."""
HTTP = "→ HTTP "
"""How the operation of a request to an HTTP target begins."""


@dataclass(frozen=True, slots=True)
class Call:
    """A hop, and of one that a gateway served: the time at its target, the target's type, and the tool.

    `target_type` is the member of the target's configuration in AWS's model, such as `lambda`. `tool` is one
    that a target was asked for: names that clients make up are none.
    """

    hop: Hop
    target_ms: float = 0.0
    target_type: str = ""
    tool: str = ""


class Calls:
    """Finds which requests to targets belong to which request to the gateway: they name its span."""

    def __init__(self, limit: int = OPEN) -> None:
        self._limit = limit
        self._open: OrderedDict[str, Call] = OrderedDict()

    def of(self, hop: Hop) -> Call:
        """The call of a hop; requests to a target are recorded before the one that they served."""
        if hop.kind == "server":
            found = self._open.pop(hop.span, None) if self._open else None
            return Call(hop) if found is None else Call(hop, found.target_ms, found.target_type, found.tool)
        tool = hop.detail.get("tool", "")
        if hop.parent and (tool or hop.operation.startswith(HTTP)):
            before = self._open.pop(hop.parent, None)
            spent = hop.duration_ms + (before.target_ms if before is not None else 0.0)
            self._open[hop.parent] = Call(hop, spent, hop.detail.get("target_type", ""), tool)
            if len(self._open) > self._limit:
                self._open.popitem(last=False)
        return Call(hop, hop.duration_ms, hop.detail.get("target_type", ""), tool)
