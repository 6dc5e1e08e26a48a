"""What proves a client for a while: kept until it ends, replaced before that, asked for anew when refused.

Keys and tokens differ in where they are from; when to fetch them again, and how many wait for one fetch, is
the same and is here.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from skerry.auth.background import Shared
from skerry.auth.ports import Origin
from skerry.errors import SkerryError

V = TypeVar("V")

MARGIN = 30.0
"""Seconds before its end from which requests wait for a successor."""
RETRY = 60.0
"""Seconds between attempts to replace what still holds."""
_SAME, _NEW = 2.0, 30.0
"""Seconds in which a further refusal is believed, after asking anew gave the same, or something new."""


@dataclass(frozen=True, slots=True)
class Lease(Generic[V]):
    """A secret, where it is from, and when it ends in seconds since the epoch (None: not known).

    One that is not `lasting` is asked for each time: its source keeps it.
    """

    value: V = field(repr=False)
    origin: Origin
    expires: float | None = None
    lasting: bool = True


class Keeper(Generic[V]):
    """Keeps the lease that `get` gives; `get(True)` asks the source anew. It belongs to one event loop.

    `ahead` is in seconds, and never more than a quarter of a lease. `now` is the wall clock.
    """

    def __init__(
        self, get: Callable[[bool], Awaitable[Lease[V]]], *, ahead: float, now: Callable[[], float]
    ) -> None:
        self._get = get
        self._ahead = ahead
        self._now = now
        self._replace_at = 0.0
        self._believe_until = -math.inf
        self._load = Shared(self._loaded)
        self._again = Shared(self._renewed)
        self.held: Lease[V] | None = None

    def ready(self) -> V | None:
        """What is at hand; None when it must be waited for. What ends soon is replaced meanwhile."""
        held = self.held
        if held is None:
            return None
        now = self._now()
        if now < self._replace_at:
            return held.value
        if held.expires is None or now >= held.expires - MARGIN:
            return None
        self._replace_at = min(now + RETRY, held.expires - MARGIN)
        self._load.start()
        return held.value

    async def value(self) -> V:
        """What is at hand or is fetched now. Raises the SkerryError of the source."""
        found = self.ready()
        return found if found is not None else (await self._load()).value

    async def reload(self) -> V:
        """What the source gives now; what is at hand when it gives nothing and that still holds."""
        return (await self._load()).value

    def keep(self, lease: Lease[V]) -> Lease[V]:
        """Takes a lease."""
        now = self._now()
        if not lease.lasting:
            self._replace_at = -math.inf
        elif lease.expires is None:
            self._replace_at = math.inf
        elif self.held is not None and self.held.value == lease.value:
            self._replace_at = min(now + RETRY, lease.expires)  # the source has nothing newer yet
        else:
            self._replace_at = lease.expires - min(self._ahead, max(0.0, lease.expires - now) / 4)
        self.held = lease
        return lease

    async def renew(self, *, replaced: bool) -> bool:
        """After a refusal: True when there is something else now. Asks the source once for many callers.

        `replaced` says that what was refused is no longer what is at hand. A refusal of what was just
        fetched is believed. Raises the SkerryError of the source.
        """
        if replaced or self.held is None:
            return True
        if self._now() < self._believe_until:
            return False
        return await self._again()

    async def _loaded(self) -> Lease[V]:
        try:
            return self.keep(await self._get(False))
        except SkerryError:
            held, now = self.held, self._now()
            if held is None or not held.lasting or (held.expires is not None and now >= held.expires):
                self.held = None
                raise
            if held.expires is not None:  # it still holds: nobody has to know yet
                self._replace_at = now + min(RETRY, held.expires - now)
            return held

    async def _renewed(self) -> bool:
        before = self.held
        lease = self.keep(await self._get(True))
        changed = before is None or before.value != lease.value
        self._believe_until = self._now() + (_NEW if changed else _SAME)
        return changed
