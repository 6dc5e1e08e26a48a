"""The decision: whether a request may go on, by all rate limits of its gateway that apply to it.

Source: AWS developer guide, `gateway-rate-limits-enforcement`. Limits with more dimensions come first, then
the tighter; the first that refuses ends it. A request that is refused counts nowhere. A limit whose
dimensions the request lacks does not apply.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from skerry.errors import SkerryError
from skerry.local.gateway.limits import dimensions
from skerry.local.gateway.limits.dimensions import Subject
from skerry.local.gateway.limits.entries import Entry, Limit, Metric, Rate, compiled
from skerry.local.gateway.limits.windows import MAX_BUCKETS, Bucket, Connections, Windows
from skerry.local.ports.resources import Change, Record, Resources
from skerry.local.ports.running import Clock
from skerry.wire.jsonrpc import encode

MESSAGE = "Rate limit exceeded"


class ThrottledError(SkerryError):
    """A rate limit refuses a request, or a quota of the account.

    `limit_key` says which entry of which limit, empty for a quota, `metric` what was used up, `retry_after`
    when to come again, in whole seconds.
    """

    code = "SKY-301"

    def __init__(self, limit_key: str, metric: Metric, retry_after: int) -> None:
        super().__init__(MESSAGE)
        self.limit_key = limit_key
        self.metric = metric
        self.retry_after = retry_after

    @property
    def data(self) -> dict[str, object]:
        """What the caller is told."""
        named = {"limitKey": self.limit_key} if self.limit_key else {}
        return {**named, "metric": self.metric, "retryAfter": self.retry_after}

    def http(self) -> tuple[int, bytes]:
        """Status and body for a request to an HTTP target."""
        return 429, encode({"error": MESSAGE, "success": False, **self.data})


class _Check(NamedTuple):
    """One rate that a request must keep to, and the bucket that it counts in."""

    limit: Limit
    entry: Entry
    metric: Metric
    rate: Rate
    bucket: Bucket


class Limits:
    """The rate limits of every gateway. `by_role` names callers with temporary credentials by their role."""

    def __init__(
        self, *, resources: Resources, clock: Clock, by_role: bool = True, buckets: int = MAX_BUCKETS
    ) -> None:
        self._resources = resources
        self._by_role = by_role
        self._windows = Windows(clock, size=buckets)
        self._connections = Connections()
        self._limits: dict[str, Sequence[Limit]] = {}

    def of(self, gateway: Record) -> Sequence[Limit]:
        """The limits of a gateway; empty when there is nothing to ask."""
        gateway_id = gateway["gatewayId"]
        found = self._limits.get(gateway_id)
        if found is None:
            found = [compiled(record) for record in self._resources.rate_limits(gateway_id)]
            self._limits[gateway_id] = found
        return found

    def changed(self, change: Change) -> None:
        """A control-plane write."""
        if change.kind == "rate-limit":
            gateway_id, _, limit_id = change.identifier.partition("/")
            self._limits.pop(gateway_id, None)
            if change.action == "deleted":
                self._windows.forget((gateway_id, limit_id))
        elif change.kind == "gateway" and change.action == "deleted":
            self._limits.pop(str(change.record.get("gatewayId") or change.identifier), None)

    @contextmanager
    def admitted(self, gateway: Record, subject: Subject) -> Iterator[None]:
        """Counts a request, and holds its connection for as long as the block takes.

        Raises ThrottledError when a limit refuses it.
        """
        checks = self._checks(gateway, subject)
        for check in checks:
            if wait := self._wait(check):
                key = check.limit.key(check.entry)
                raise ThrottledError(key, check.metric, max(1, math.ceil(wait)))
        entered = []
        for check in checks:
            if check.metric == "connections":
                self._connections.enter(check.bucket)
                entered.append(check.bucket)
            else:
                self._windows.count(check.bucket, check.rate)
        try:
            yield
        finally:
            for bucket in entered:
                self._connections.leave(bucket)

    def _wait(self, check: _Check) -> float:
        """Seconds to wait, 0 for none. When a connection will be free is not known: a period's length."""
        if check.metric == "connections":
            return check.rate.seconds if self._connections.full(check.bucket, check.rate) else 0.0
        return self._windows.wait(check.bucket, check.rate)

    def _checks(self, gateway: Record, subject: Subject) -> list[_Check]:
        """Every rate that applies, in the order in which they are asked."""
        gateway_id = str(gateway["gatewayId"])
        found = []
        for limit in self.of(gateway):
            values = dimensions.values(limit.keys, subject, by_role=self._by_role)
            entry = None if values is None else limit.entry(values)
            if values is None or entry is None:
                continue
            for metric, rate in entry.rates.items():
                bucket = (gateway_id, limit.id, metric, *values)
                found.append(_Check(limit, entry, metric, rate, bucket))
        found.sort(key=lambda check: (-len(check.limit.keys), check.rate.per_second, check.limit.id))
        return found
