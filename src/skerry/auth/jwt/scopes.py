"""Which scopes include which: a declared table, by which a token is judged.

Source: MCP 2026-07-28, authorization (a server MUST honour its scope hierarchies when it judges a token).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

NEVER_SHOWN = frozenset({"offline_access"})
"""Scopes that are between a client and its authorization server: in no challenge and no metadata (MCP)."""


def shown(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes that a resource may name to clients, each once, in their order."""
    return tuple(dict.fromkeys(scope for scope in scopes if scope and scope not in NEVER_SHOWN))


class Hierarchy:
    """A table of scopes and the narrower ones that each includes, by any number of steps.

    >>> Hierarchy({"orders": ["orders/read"]}).missing(["orders/read"], ["orders"])
    ()
    """

    def __init__(self, table: Mapping[str, Collection[str]] | None = None) -> None:
        self._table = {scope: frozenset(narrower) for scope, narrower in (table or {}).items()}

    def reach(self, granted: Iterable[str]) -> frozenset[str]:
        """The granted scopes and all that they include. A table may go in circles."""
        found: set[str] = set()
        waiting = list(granted)
        while waiting:
            scope = waiting.pop()
            if scope not in found:
                found.add(scope)
                waiting.extend(self._table.get(scope, ()))
        return frozenset(found)

    def missing(self, needed: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
        """The needed scopes that the granted ones do not include, each once, in their order."""
        reached = self.reach(granted)
        return tuple(dict.fromkeys(scope for scope in needed if scope and scope not in reached))
