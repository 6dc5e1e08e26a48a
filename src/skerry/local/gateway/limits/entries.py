"""The entries of a rate limit, and which of them a request meets.

Source: AWS developer guide, `gateway-rate-limits-enforcement`: exact first, then one trailing `*` after the
other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.local.ports.resources import Record

ANY = "*"
PERIODS: Mapping[str, float] = {"second": 1.0, "minute": 60.0}
"""Seconds of a period."""
Metric = Literal["requests", "connections"]
METRICS: tuple[Metric, ...] = ("requests", "connections")
"""What is counted. `tokens` are of inference targets, which this gateway does not have."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within so many seconds; 0 lets nothing through.

    A rate that is no whole number is kept by a window of another length: 0.5 a second is 1 within 2 s.
    """

    allowed: int
    seconds: float

    @classmethod
    def of(cls, rate: float, period: str) -> Rate:
        """The rate of a RateConfig."""
        allowed = max(1, math.floor(rate)) if rate > 0 else 0
        return cls(allowed, PERIODS[period] * (allowed / rate if rate > 0 else 1.0))

    @property
    def per_second(self) -> float:
        """How tight the rate is, whatever its period."""
        return self.allowed / self.seconds


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: its dimensions in the order of the keys, and the rates that it sets."""

    dimensions: tuple[str, ...]
    rates: Mapping[Metric, Rate]


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate limit; `given` are the entries of its record by their dimensions, read when they are met."""

    id: str
    keys: tuple[str, ...]
    given: Mapping[tuple[str, ...], Mapping[str, Any]] = field(repr=False)
    _read: dict[tuple[str, ...], Entry] = field(default_factory=dict, repr=False)

    def entry(self, values: Sequence[str]) -> Entry | None:
        """The most specific entry for these values, or None when the limit does not apply."""
        for trailing in range(len(values) + 1):
            dimensions = (*values[: len(values) - trailing], *(ANY,) * trailing)
            if dimensions in self.given:
                return self._read.get(dimensions) or self._met(dimensions)
        return None

    def key(self, entry: Entry) -> str:
        """How a refused caller is told which entry it met; values behind a `*` stay untold."""
        named = ",".join(f"{key}={value}" for key, value in zip(self.keys, entry.dimensions, strict=True))
        return f"{self.id}/{named}"

    def _met(self, dimensions: tuple[str, ...]) -> Entry:
        given = self.given[dimensions]
        rates = {
            metric: Rate.of(given[metric][0]["rate"], given[metric][0]["period"])
            for metric in METRICS
            if given.get(metric)
        }
        found = self._read[dimensions] = Entry(dimensions, rates)
        return found


def compiled(record: Record) -> Limit:
    """A stored rate limit, ready to be matched."""
    keys = tuple(str(key) for key in record["dimensionKeys"])
    given = {tuple(entry["dimensions"][key] for key in keys): entry for entry in record["entries"]}
    return Limit(str(record["rateLimitId"]), keys, given)
