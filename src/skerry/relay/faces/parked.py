"""Calls that wait for their client to come back with an answer.

What the client gets is a random handle and nothing else: the call itself stays in memory. It is bound to who
called and with what, works once, and for a limited time (MCP 2026-07-28, request state).
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from dataclasses import dataclass

from skerry.relay.faces.clock import Clock
from skerry.relay.faces.long_call import LongCall
from skerry.relay.ports import RelayError


@dataclass(frozen=True, slots=True)
class _Waiting:
    owner: object
    principal: str
    digest: str
    call: LongCall
    until: float


class Parked:
    """Parked calls by their handles; several faces may share one.

    A call is kept `seconds`; `each` bounds the calls of one principal, `total` all of them.
    """

    def __init__(self, clock: Clock, *, seconds: float = 600.0, each: int = 64, total: int = 1024) -> None:
        self._clock = clock
        self._seconds = seconds
        self._each = each
        self._total = total
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, owner: object, principal: str, digest: str, call: LongCall) -> str:
        """A handle for `call`. Raises RelayError when the principal has too many."""
        count = sum(waiting.principal == principal for waiting in self._waiting.values())
        if count >= self._each or len(self._waiting) >= self._total:
            raise RelayError(
                "failed",
                f"Too many calls wait for input ({count} of this client); this one was ended.",
                hint="Answer or wait for the others first.",
            )
        handle = os.urandom(32).hex()
        until = self._clock.monotonic() + self._seconds
        self._waiting[handle] = _Waiting(owner, principal, digest, call, until)
        return handle

    def find(self, handle: str, digest: str) -> LongCall | None:
        """The call that waits under this handle for this very retry; it goes on waiting."""
        waiting = self._waiting.get(handle)
        if waiting is None or self._clock.monotonic() >= waiting.until:
            return None
        return waiting.call if hmac.compare_digest(waiting.digest, digest) else None

    def take(self, handle: str) -> None:
        """The handle was used."""
        del self._waiting[handle]

    def expired(self) -> list[LongCall]:
        """Takes out the calls whose time is over."""
        now = self._clock.monotonic()
        late = [handle for handle, waiting in self._waiting.items() if now >= waiting.until]
        return [self._waiting.pop(handle).call for handle in late]

    def leave(self, owner: object) -> list[LongCall]:
        """Takes out the calls of a face that is closed."""
        own = [handle for handle, waiting in self._waiting.items() if waiting.owner is owner]
        return [self._waiting.pop(handle).call for handle in own]
