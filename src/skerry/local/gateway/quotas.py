"""Quotas of an account on the data plane of gateways: calls and lists a second, requests at a time.

Source: AWS developer guide, gateway quotas (200 calls and lists a second, for a gateway and for an account;
5000 connections). They are off unless set. How AWS says that one is used up is not documented; here it is
said as of a rate limit, without the entry of a limit that one names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from skerry.local.gateway.limits.enforcement import ThrottledError
from skerry.local.gateway.messages import Request
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.ports.running import Clock
from skerry.local.rate import Rate

CALLS = frozenset({"tools/call", "tools/list"})


class Quotas:
    """What is left of them. `settings` have at least one, see `quotas`."""

    def __init__(self, settings: GatewaySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._open = 0
        self._all = self._rate()
        self._gateways: dict[str, Rate | None] = {}

    def call(self, request: Request) -> None:
        """Counts a tool call or list. Raises ThrottledError, counting nothing, when there were too many."""
        if self._all is None or request.message.method not in CALLS:
            return
        gateway_id = str(request.gateway["gatewayId"])
        own = self._gateways.get(gateway_id) or self._gateways.setdefault(gateway_id, self._rate())
        rates = [found for found in (own, self._all) if found is not None]
        if wait := max(found.wait() for found in rates):
            raise ThrottledError("", "requests", max(1, math.ceil(wait)))
        for found in rates:
            found.count()

    @contextmanager
    def connection(self) -> Iterator[None]:
        """One more request, for as long as the block runs. Raises ThrottledError when there are too many."""
        most = self._settings.connections
        if most and self._open >= most:
            raise ThrottledError("", "connections", 1)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def forget(self, gateway_id: str) -> None:
        """The gateway is deleted."""
        self._gateways.pop(gateway_id, None)

    def _rate(self) -> Rate | None:
        calls = self._settings.calls
        return Rate(calls, "tool calls and lists", clock=self._clock) if calls else None


def quotas(settings: GatewaySettings, clock: Clock) -> Quotas | None:
    """The quotas, or None where there are none: then nothing is counted."""
    return Quotas(settings, clock) if settings.calls or settings.connections else None
