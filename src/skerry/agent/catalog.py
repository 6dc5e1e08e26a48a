"""The tools of the gateway, kept in this process for each identity that lists them.

An identity sees its own list only. A list serves until it expires, or until the gateway says that its tools
have changed; so a question does not wait for a listing, and a new conversation of the same identity has none.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from mcp.types import Tool

MAX_IDENTITIES = 1000

Listing = Callable[[], Awaitable[Sequence[Tool]]]


@dataclass(slots=True)
class _Shelf:
    tools: Sequence[Tool] = ()
    until: float = 0.0
    stale: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Catalog:
    """Lists of tools by identity. `clock` gives seconds, `lifetime` says for how many a list serves."""

    def __init__(self, *, clock: Callable[[], float], lifetime: float) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._shelves: OrderedDict[str, _Shelf] = OrderedDict()

    async def tools(self, identity: str, listing: Listing, *, fresh: bool = False) -> Sequence[Tool]:
        """The tools of an identity, from `listing` when none are kept or when they have to be fresh.

        Several that ask at the same time wait for one listing; its errors are theirs to raise.
        """
        shelf = self._shelves.setdefault(identity, _Shelf())
        self._shelves.move_to_end(identity)
        while len(self._shelves) > MAX_IDENTITIES:
            self._shelves.popitem(last=False)
        async with shelf.lock:
            if fresh or shelf.stale or self._clock() >= shelf.until:
                asked, shelf.stale = self._clock(), False
                shelf.tools = await listing()
                shelf.until = asked + self._lifetime
            return shelf.tools

    def forget(self, identity: str) -> None:
        """The tools have changed. May be called from any thread."""
        shelf = self._shelves.get(identity)
        if shelf is not None:
            shelf.stale = True
