"""Things fetched for many at once: bounded, and fetched by one while the others wait."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Shelf(Generic[Item]):
    """Keeps at most `size` items; the least recently used goes first. For one event loop."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: OrderedDict[str, Item] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(
        self, key: str, *, good: Callable[[Item], bool], make: Callable[[Item | None], Awaitable[Item]]
    ) -> Item:
        """The item of a key when it is `good`, else the one that `make` makes of it or of nothing.

        Other keys do not wait. What `make` raises goes to its caller, and the next one tries again.
        """
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                item = self._items.get(key)
                if item is None or not good(item):
                    item = await make(item)
                self._items[key] = item
                self._items.move_to_end(key)
                while len(self._items) > self._size:
                    self._items.popitem(last=False)
                return item
        finally:
            if not lock.locked():
                self._locks.pop(key, None)
